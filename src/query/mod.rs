//! What auditors ask: verdicts as flat rows, which tables, periods, samples and reports are made of.
//!
//! Deliberately absent: the ledger and the terminal. Rows borrow from the world that they were judged in.

mod attribute;
mod delay;
mod periods;
mod row;
mod sample;
mod sample_file;

pub use attribute::{CONFIDENCE, most_failing, size_for};
pub use delay::delay_s;
pub use periods::{Asked, Delay, Dimension, Period, Periods, periods};
pub use row::{FindingRow, Row, RuleRow, ViewRow, row};
pub use sample::{By, Drawn, MAX_SEED, Member, Population, check_seed, effective, stratum};
pub use sample_file::{Bound, Chosen, FORMAT as SAMPLE_FORMAT, Overall, Recipe, SampleFile, Size, Stratum, Whole};
