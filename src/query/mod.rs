//! What auditors ask: verdicts as flat rows, which tables, periods, samples and reports are made of.
//!
//! Deliberately absent: the ledger and the terminal. Rows borrow from the world that they were judged in.

mod delay;
mod periods;
mod row;

pub use delay::delay_s;
pub use periods::{Asked, Delay, Dimension, Period, Periods, periods};
pub use row::{FindingRow, Row, RuleRow, ViewRow, row};
