//! Rows for people: columns that fit the terminal, and nothing from the data that could steer it.

use super::CliError;
use super::exit::print_line;
use crate::explain::{clean, columns, pad};
use std::io::Write;

/// What stands where nothing was recorded.
pub const NOTHING: &str = "-";
/// Between two columns.
const GAP: usize = 2;
/// No column is cut down further.
const LEAST: usize = 6;

/// Prints a header and rows; cells are cleaned, and cut where the line would be wider than `room`.
pub fn print(out: &mut impl Write, head: &[&str], rows: &[Vec<String>], room: usize) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let mut widths: Vec<usize> = head.iter().map(|name| columns(name)).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }
    fit(&mut widths, room);
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    for row in std::iter::once(&head).chain(&rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| pad(&cut(cell, width), width)).collect();
        print_line(out, cells.join(&" ".repeat(GAP)).trim_end())?;
    }
    Ok(())
}

fn shown(cell: &str) -> String {
    if cell.is_empty() { NOTHING.to_owned() } else { clean(cell) }
}

/// Takes columns from the widest until a line of them, two apart, fits into `room`.
pub fn fit(widths: &mut [usize], room: usize) {
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    while total(widths) > room {
        let Some(widest) = widths.iter_mut().max().filter(|width| **width > LEAST) else { return };
        *widest -= 1;
    }
}

/// The beginning of a text that takes so many columns, and a sign that there is more.
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        let mut longer = kept.clone();
        longer.push(c);
        if columns(&longer) + 1 > width {
            break;
        }
        kept = longer;
    }
    kept + "…"
}

/// The columns of the terminal, or of `COLUMNS` where there is none; where nobody says, nothing is cut.
pub fn width() -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
    terminal.or_else(said).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal_and_nothing_steers_it() {
        let rows = [
            vec!["1".to_owned(), "x".repeat(300), "漢字".repeat(40)],
            vec![String::new(), "\u{1b}[31mred\u{202e}\n".to_owned(), String::new()],
        ];
        for room in [24, 40, 120] {
            let mut out = Vec::new();
            print(&mut out, &["seq", "name", "what"], &rows, room).expect("written");
            let text = String::from_utf8(out).expect("UTF-8");
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(text.lines().all(|line| columns(line) <= room), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        }
    }
}
