//! Every table as files: Parquet partitioned by the day on which things happened, or CSV.
//!
//! Written into a folder beside, which takes its name once it is whole: what is there is a whole export, or none. Files and
//! folders are private: an export holds in clear what the ledger seals, and an erasure does not reach it.

use crate::bounds::Bounds;
use crate::error::SqlError;
use crate::judging::{Wanted, in_order};
use crate::output::write_csv;
use crate::source::{Demand, Passed, Source};
use crate::tables::{From, TABLES, Table};
use datafusion::arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use inforce::fact::Instant;
use inforce::timeline::NodeIx;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Rows kept back in memory, so that a day is one file where it can be.
const PENDING_BYTES: usize = 512 << 20;
/// What says that an export is whole, and of what.
const MANIFEST: &str = "export.json";
const MICROS_A_DAY: i64 = 86_400_000_000;

/// What files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Parquet,
    Csv,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        }
    }
}

/// Writes every table of a ledger into the new folder `dir`, and says what was written.
pub fn export(source: &Source, ledger: &Path, format: Format, dir: &Path) -> Result<serde_json::Value, SqlError> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_place(ledger, dir, parent)?;
    let beside =
        tempfile::Builder::new().prefix(".inforce-export-").tempdir_in(parent).map_err(SqlError::file(parent))?;
    let (of_entries, of_decisions): (Vec<&Table>, Vec<&Table>) =
        TABLES.iter().partition(|table| matches!(table.from, From::Entries(..)));
    let whole = |table: &'static Table| Demand::new(table, (0..table.columns.len()).collect(), Bounds::default(), None);
    let demands: Vec<Demand> =
        TABLES.iter().filter(|table| matches!(table.from, From::Entries(..))).map(whole).collect();
    // A pass beside a writer may be made again: what the last one wrote counts.
    let passes = Cell::new(0);
    let start = || {
        passes.set(passes.get() + 1);
        Files::new(beside.path().join(passes.get().to_string()), format)
    };
    let keep = |files: &mut Files, number: usize, batch| files.write(of_entries[number], batch);
    let passed = source.pass(None, &demands.iter().collect::<Vec<_>>(), true, start, keep)?;
    let Passed { world, kept: mut files, size, root } = passed;
    let world = world.expect("it was asked for");
    let all: Vec<NodeIx> = world.decisions().collect();
    let columns: Vec<Vec<usize>> = of_decisions.iter().map(|table| (0..table.columns.len()).collect()).collect();
    let wanted: Vec<Wanted> =
        of_decisions.iter().zip(&columns).map(|(&table, columns)| (table, &columns[..])).collect();
    let mut failed = None;
    in_order(&world, &all, &wanted, |_, batches| {
        let written = of_decisions.iter().zip(batches).try_for_each(|(table, batch)| files.write(table, batch));
        written.map_or_else(
            |error| {
                failed = Some(error);
                ControlFlow::Break(())
            },
            ControlFlow::Continue,
        )
    })?;
    failed.map_or(Ok(()), Err)?;
    let (made, tables) = files.finish()?;
    let told = serde_json::json!({
        "format": format.name(), "size": size.0, "root": root.to_string(), "origin": source.ledger().verifier_key().to_string(),
        "rows": tables.values().sum::<u64>(), "tables": tables, "made_by": format!("inforce-sql {}", env!("CARGO_PKG_VERSION")),
    });
    let manifest = made.join(MANIFEST);
    let mut file = create(&manifest)?;
    writeln!(file, "{told:#}").and_then(|()| file.sync_all()).map_err(SqlError::file(&manifest))?;
    fs::rename(&made, dir).map_err(SqlError::file(dir))?;
    // The process ends here: taking the world apart, string by string, would only cost time.
    std::mem::forget(world);
    Ok(told)
}

/// Refuses a folder that holds no whole export of Parquet.
pub fn check(dir: &Path) -> Result<(), SqlError> {
    let none = |what: String| SqlError::NoExport(dir.to_owned(), what);
    let text = fs::read_to_string(dir.join(MANIFEST)).map_err(|error| none(format!("`{MANIFEST}`: {error}")))?;
    let told: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| none(format!("`{MANIFEST}`: {error}")))?;
    match told["format"].as_str() {
        Some("parquet") => Ok(()),
        other => Err(none(format!("its format is `{}`, expected `parquet`", other.unwrap_or_default()))),
    }
}

fn check_place(ledger: &Path, dir: &Path, parent: &Path) -> Result<(), SqlError> {
    match fs::read_dir(dir).map(|mut found| found.next().is_some()) {
        Ok(true) => return Err(SqlError::NotEmpty(dir.to_owned())),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(SqlError::File(dir.to_owned(), error));
        }
        _ => {}
    }
    let absolute = |path: &Path| path.canonicalize().map_err(SqlError::file(path));
    match absolute(parent)?.starts_with(absolute(ledger)?) {
        true => Err(SqlError::Inside(dir.to_owned())),
        false => Ok(()),
    }
}

/// The files of an export under way.
struct Files {
    root: PathBuf,
    format: Format,
    rows: BTreeMap<&'static str, u64>,
    /// Rows of a table and a day that are not written yet.
    pending: BTreeMap<(&'static str, i64), (usize, Vec<RecordBatch>)>,
    pending_bytes: usize,
    parts: BTreeMap<(&'static str, i64), u32>,
    csv: BTreeMap<&'static str, BufWriter<File>>,
}

impl Files {
    fn new(root: PathBuf, format: Format) -> Files {
        let rows = TABLES.iter().map(|table| (table.name, 0)).collect();
        let (pending, parts, csv) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Files { root, format, rows, pending, pending_bytes: 0, parts, csv }
    }

    fn write(&mut self, table: &Table, batch: RecordBatch) -> Result<(), SqlError> {
        *self.rows.get_mut(table.name).expect("every table is counted") += batch.num_rows() as u64;
        match self.format {
            Format::Csv => {
                let file = self.csv_of(table)?;
                write_csv(&batch, false, file)
            }
            Format::Parquet => self.keep_back(table, &batch),
        }
    }

    /// The file of a table, begun with its header.
    fn csv_of(&mut self, table: &Table) -> Result<&mut BufWriter<File>, SqlError> {
        if !self.csv.contains_key(table.name) {
            make_dir(&self.root)?;
            let mut file = BufWriter::new(create(&self.root.join(format!("{}.csv", table.name)))?);
            write_csv(&RecordBatch::new_empty(crate::cells::schema(table.columns.iter())), true, &mut file)?;
            self.csv.insert(table.name, file);
        }
        Ok(self.csv.get_mut(table.name).expect("opened just now"))
    }

    fn keep_back(&mut self, table: &Table, batch: &RecordBatch) -> Result<(), SqlError> {
        for (day, rows) in by_day(batch) {
            let rows = take_record_batch(batch, &rows)?;
            let bytes = rows.get_array_memory_size();
            let (held, batches) = self.pending.entry((table.name, day)).or_default();
            *held += bytes;
            batches.push(rows);
            self.pending_bytes += bytes;
        }
        while self.pending_bytes > PENDING_BYTES {
            let largest = self.pending.iter().max_by_key(|(_, (bytes, _))| *bytes).map(|(&place, _)| place);
            self.write_part(largest.expect("something is pending"))?;
        }
        Ok(())
    }

    /// Writes what is pending of a table and a day as a file of its own.
    fn write_part(&mut self, place: (&'static str, i64)) -> Result<(), SqlError> {
        let Some((bytes, batches)) = self.pending.remove(&place) else { return Ok(()) };
        self.pending_bytes -= bytes;
        let part = self.parts.entry(place).or_default();
        let day = Instant(place.1 * MICROS_A_DAY * 1000).to_string();
        let dir = self.root.join(place.0).join(format!("day={}", &day[..10]));
        let path = dir.join(format!("part-{part}.parquet"));
        *part += 1;
        make_dir(&dir)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("inforce-sql {}", env!("CARGO_PKG_VERSION")))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(create(&path)?, batches[0].schema(), options)
            .map_err(SqlError::parquet(&path))?;
        for batch in &batches {
            writer.write(batch).map_err(SqlError::parquet(&path))?;
        }
        writer.close().map(drop).map_err(SqlError::parquet(&path))
    }

    /// Writes what is left; returns the folder, and how many rows each table has.
    fn finish(mut self) -> Result<(PathBuf, BTreeMap<&'static str, u64>), SqlError> {
        make_dir(&self.root)?;
        while let Some(&place) = self.pending.keys().next() {
            self.write_part(place)?;
        }
        for table in TABLES.iter() {
            match self.format {
                // A table without rows is there all the same.
                Format::Parquet => make_dir(&self.root.join(table.name))?,
                Format::Csv => self.csv_of(table)?.flush().map_err(SqlError::file(table.name.as_ref()))?,
            }
        }
        Ok((self.root, self.rows))
    }
}

/// The rows of each day, by their numbers.
fn by_day(batch: &RecordBatch) -> BTreeMap<i64, UInt32Array> {
    let at =
        batch.column_by_name("occurred_at").expect("every table has it").as_primitive::<TimestampMicrosecondType>();
    debug_assert_eq!(at.null_count(), 0, "every entry happened at some time");
    let mut days: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for (row, micros) in at.values().iter().enumerate() {
        days.entry(micros.div_euclid(MICROS_A_DAY)).or_default().push(row as u32);
    }
    days.into_iter().map(|(day, rows)| (day, UInt32Array::from(rows))).collect()
}

fn make_dir(path: &Path) -> Result<(), SqlError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).map_err(SqlError::file(path))
}

fn create(path: &Path) -> Result<File, SqlError> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path).map_err(SqlError::file(path))
}
