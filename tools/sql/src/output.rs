//! Rows on stdout: as a table for people, as JSON Lines, as CSV.

use crate::error::SqlError;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::{csv, json};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use inforce::cli::{cut, fit};
use inforce::explain::{clean, columns};
use std::io::{self, Write};
use std::sync::Arc;

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Form {
    /// For people: no line longer than that, if anything is said; cells are cut for it.
    Table(Option<usize>),
    Json,
    Csv,
}

/// Prints every row; returns how many there are.
pub async fn print(mut rows: SendableRecordBatchStream, form: Form, out: &mut impl Write) -> Result<u64, SqlError> {
    let (schema, mut count) = (rows.schema(), 0);
    let (mut kept, mut text) = (Vec::new(), Vec::new());
    if form == Form::Csv {
        // A result without rows has its header all the same.
        write_csv(&RecordBatch::new_empty(schema.clone()), true, &mut text)?;
    }
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        match form {
            Form::Table(_) => kept.push(batch),
            Form::Json => write_json(&batch, &mut text)?,
            Form::Csv => write_csv(&batch, false, &mut text)?,
        }
        out.write_all(&text).map_err(stdout)?;
        text.clear();
    }
    out.write_all(&text).map_err(stdout)?;
    match form {
        Form::Table(_) if is_plan(&schema) => write_plan(&kept, out)?,
        Form::Table(room) => write_table(&schema, &kept, room, out)?,
        _ => {}
    }
    out.flush().map_err(stdout)?;
    Ok(count)
}

fn stdout(error: io::Error) -> SqlError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => SqlError::ClosedPipe,
        _ => SqlError::File("stdout".into(), error),
    }
}

fn write_json(batch: &RecordBatch, out: &mut impl Write) -> Result<(), SqlError> {
    let mut writer: json::Writer<_, LineDelimited> =
        WriterBuilder::new().with_explicit_nulls(true).with_timestamp_tz_format(TIME.to_owned()).build(out);
    writer.write(batch)?;
    Ok(writer.finish()?)
}

/// Writes rows as CSV; lists as JSON, since CSV has none.
pub fn write_csv(batch: &RecordBatch, header: bool, out: &mut impl Write) -> Result<(), SqlError> {
    let flat: Vec<(Field, ArrayRef)> =
        batch.schema().fields().iter().zip(batch.columns()).map(flatten).collect::<Result<_, _>>()?;
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = flat.into_iter().unzip();
    let flat = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    let mut writer = csv::WriterBuilder::new().with_header(header).with_timestamp_tz_format(TIME.to_owned()).build(out);
    Ok(writer.write(&flat)?)
}

/// Microseconds only where there are any.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

fn flatten((field, column): (&Arc<Field>, &ArrayRef)) -> Result<(Field, ArrayRef), SqlError> {
    if !field.data_type().is_nested() {
        return Ok((field.as_ref().clone(), column.clone()));
    }
    // Each list as a JSON array: as the value of a one-column line it stands between a fixed beginning and end.
    let only = RecordBatch::try_new(
        Arc::new(Schema::new(vec![Field::new("v", field.data_type().clone(), true)])),
        vec![column.clone()],
    )?;
    let mut lines = Vec::new();
    write_json(&only, &mut lines)?;
    let lines = String::from_utf8(lines).expect("JSON is UTF-8");
    let values = lines.lines().map(|line| line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}')));
    let values: StringArray = values.map(|value| value.filter(|&value| value != "null")).collect();
    Ok((Field::new(field.name(), DataType::Utf8, true), Arc::new(values)))
}

/// True for what `EXPLAIN` gives.
fn is_plan(schema: &Schema) -> bool {
    schema.fields().iter().map(|field| field.name().as_str()).eq(["plan_type", "plan"])
}

/// A plan has lines of its own, and is never cut.
fn write_plan(batches: &[RecordBatch], out: &mut impl Write) -> Result<(), SqlError> {
    let options = shown();
    for batch in batches {
        let columns = formatters(batch, &options)?;
        for row in 0..batch.num_rows() {
            let (name, plan) = (columns[0].value(row).to_string(), columns[1].value(row).to_string());
            let lines = std::iter::once(name.as_str()).chain(plan.lines());
            lines.map(clean).try_for_each(|line| writeln!(out, "{line}")).map_err(stdout)?;
        }
    }
    Ok(())
}

fn formatters<'a>(batch: &'a RecordBatch, options: &FormatOptions<'a>) -> Result<Vec<ArrayFormatter<'a>>, SqlError> {
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), options));
    Ok(columns.collect::<Result<_, _>>()?)
}

fn shown() -> FormatOptions<'static> {
    FormatOptions::default().with_timestamp_tz_format(Some(TIME)).with_null("")
}

/// A table: names, a rule, rows; numbers to the right.
fn write_table(
    schema: &Schema,
    batches: &[RecordBatch],
    room: Option<usize>,
    out: &mut impl Write,
) -> Result<(), SqlError> {
    let (options, mut rows) = (shown(), Vec::<Vec<String>>::new());
    for batch in batches {
        let columns = formatters(batch, &options)?;
        // A text may hold anything: it stays on its line, and steers no terminal.
        let cell = |column: &ArrayFormatter, row: usize| clean(&column.value(row).to_string());
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()));
    }
    let names: Vec<String> = schema.fields().iter().map(|field| clean(field.name())).collect();
    let width = |ix: usize| rows.iter().chain([&names]).map(|row| columns(&row[ix])).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..names.len()).map(width).collect();
    if let Some(room) = room {
        fit(&mut widths, room);
    }
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    for row in [&names, &rule].into_iter().chain(&rows) {
        let padded = row.iter().zip(&widths).enumerate().map(|(ix, (cell, &width))| {
            let cell = cut(cell, width);
            let blanks = " ".repeat(width.saturating_sub(columns(&cell)));
            if schema.field(ix).data_type().is_numeric() { blanks + &cell } else { cell + &blanks }
        });
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end()).map_err(stdout)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::UInt64Array;

    fn batch(texts: &[&str]) -> RecordBatch {
        let fields = [("seq", DataType::UInt64), ("text", DataType::Utf8), ("again", DataType::Utf8)];
        let fields: Vec<Field> = fields.into_iter().map(|(name, holds)| Field::new(name, holds, true)).collect();
        let seqs: ArrayRef = Arc::new(UInt64Array::from_iter_values(0..texts.len() as u64));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![seqs, texts.clone(), texts]).expect("a batch")
    }

    #[test]
    fn a_table_is_cut_to_the_room_that_there_is_and_nothing_in_it_steers_a_terminal() {
        let batch = batch(&["x", &"long ".repeat(60), "\u{1b}[31mred\u{202e}\n", &"漢字".repeat(50)]);
        for room in [None, Some(24), Some(80)] {
            let mut out = Vec::new();
            write_table(&batch.schema(), std::slice::from_ref(&batch), room, &mut out).expect("written");
            let text = String::from_utf8(out).expect("UTF-8");
            assert_eq!(text.lines().count(), 6, "{text}");
            assert!(text.lines().all(|line| columns(line) <= room.unwrap_or(usize::MAX)), "{text}");
            assert_eq!(text.contains('…'), room.is_some(), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        }
    }
}
