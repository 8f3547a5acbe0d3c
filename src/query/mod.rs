//! What auditors ask: verdicts as flat rows, which tables, periods, samples and reports are made of.
//!
//! Deliberately absent: the ledger and the terminal. Rows borrow from the world that they were judged in.

mod row;

pub use row::{FindingRow, Row, RuleRow, ViewRow, row};
