//! Rows on stdout: as a table for people, as JSON Lines, as CSV.

use crate::error::SqlError;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::{csv, json};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use std::io::{self, Write};
use std::sync::Arc;

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Form {
    Table,
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
            Form::Table => kept.push(batch),
            Form::Json => write_json(&batch, &mut text)?,
            Form::Csv => write_csv(&batch, false, &mut text)?,
        }
        out.write_all(&text).map_err(stdout)?;
        text.clear();
    }
    out.write_all(&text).map_err(stdout)?;
    if form == Form::Table {
        write_table(&schema, &kept, out)?;
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

/// A table: names, a rule, rows; numbers to the right.
fn write_table(schema: &Schema, batches: &[RecordBatch], out: &mut impl Write) -> Result<(), SqlError> {
    let options = FormatOptions::default().with_timestamp_tz_format(Some(TIME)).with_null("");
    let mut rows: Vec<Vec<String>> = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayFormatter> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<_, _>>()?;
        // A text may hold anything: it stays on its line, and steers no terminal.
        let cell = |column: &ArrayFormatter, row: usize| {
            let text = column.value(row).to_string();
            text.chars()
                .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
                .collect()
        };
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()));
    }
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(ix, field)| rows.iter().map(|row| width(&row[ix])).max().unwrap_or(0).max(width(field.name())))
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = (usize, &str)>| {
        let padded = cells.map(|(ix, cell)| {
            let room = " ".repeat(widths[ix] - width(cell));
            if schema.field(ix).data_type().is_numeric() { room + cell } else { cell.to_owned() + &room }
        });
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end()).map_err(stdout)
    };
    line(&mut schema.fields().iter().map(|field| field.name().as_str()).enumerate())?;
    let rules: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    line(&mut rules.iter().map(String::as_str).enumerate())?;
    rows.iter().try_for_each(|row| line(&mut row.iter().map(String::as_str).enumerate()))
}
