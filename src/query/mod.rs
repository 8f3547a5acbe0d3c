//! What auditors ask: verdicts as flat rows, which tables, periods, samples and reports are made of; facts, and a person's
//! state; and what other policies would have said.
//!
//! Deliberately absent: the ledger and the terminal. Rows borrow from the world that they were judged in.

mod attribute;
mod delay;
mod facts;
mod filter;
mod line;
mod packed;
mod periods;
mod person;
mod projection;
mod redrawn;
mod row;
mod rules;
mod sample;
mod sample_file;
mod shapes;
mod spread;
mod used;
mod whatif;

pub use attribute::{CONFIDENCE, most_failing, size_for};
pub use delay::delay_s;
pub use facts::{FactFilter, account, fact_json, fact_words};
pub use filter::{Filter, Side, Span};
pub use line::{Line, Said, SaidRule, SaidView, to_json, version_name};
pub use packed::{pack, unpack};
pub use periods::{Asked, Delay, Dimension, Period, Periods, periods};
pub use person::{Set, State, When, state};
pub use projection::{BLOCK, Block, Directory, Point, Projecting, REVISION, Summary};
pub use redrawn::{About, Difference};
pub use row::{FindingRow, Row, RuleRow, ViewRow, row};
pub use rules::{Named, rules, unknown};
pub use sample::{By, Drawn, MAX_SEED, Member, Population, check_seed, stratum};
pub use sample_file::{
    Bound, Chosen, FORMAT as SAMPLE_FORMAT, Overall, Recipe, SampleFile, Size, Standing, Stratum, Whole,
};
pub use shapes::Shapes;
pub use spread::{Tested, most_failing_of, rules_out};
pub use used::{UseRow, uses};
pub use whatif::{Cell, Change, Example, RuleChange, Verdicts, WhatIf, compare, verdicts};
