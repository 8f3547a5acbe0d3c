//! Rows for spreadsheets: RFC 4180, a header first.
//!
//! A cell whose first letter a spreadsheet would take for a formula gets an apostrophe in front: what is in a ledger was
//! written by others. Whoever needs the exact text takes `--json`.

use super::{CliError, exit};
use std::io::Write;

/// Writes one row.
pub fn row<W: Write>(out: &mut csv::Writer<W>, cells: impl IntoIterator<Item = String>) -> Result<(), CliError> {
    let cells: Vec<String> = cells.into_iter().map(harmless).collect();
    out.write_record(&cells).map_err(failed)
}

/// Writes what is still in memory.
pub fn end<W: Write>(mut out: csv::Writer<W>) -> Result<(), CliError> {
    out.flush().map_err(|error| failed(error.into()))
}

fn failed(error: csv::Error) -> CliError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe => CliError::ClosedPipe,
        csv::ErrorKind::Io(error) => exit::stdout(error),
        other => CliError::Failed(format!("{other:?}")),
    }
}

fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_every_cell_reads_back() {
        let mut bytes = Vec::new();
        let mut out = csv::Writer::from_writer(&mut bytes);
        let cells = ["=1+1", "@x", "-1", "a,b", "a\"b", "two\nlines", ""].map(str::to_owned);
        row(&mut out, cells).expect("written");
        end(out).expect("written");
        let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
        let found: Vec<String> =
            read.records().next().expect("a row").expect("CSV").iter().map(str::to_owned).collect();
        assert_eq!(found, ["'=1+1", "'@x", "'-1", "a,b", "a\"b", "two\nlines", ""]);
    }
}
