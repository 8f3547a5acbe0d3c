//! Populations of facts in inforce's wire format, and the truth about them.
//!
//! About four facts a decision: an interaction, its label, a signal, the decision. Before them stand the policy and what is
//! known of each person: notices, links, limits, blocks, consents. A chosen share of the decisions is wrong in one way
//! each; which rules must fire, and no other, is known without judging anything: it follows from how a decision was made.
//!
//! The same arguments give the same bytes. Deliberately absent: anything of the program that reads it.
//!
//! INVARIANT (one at a time): decisions of one person do not overlap, and what one of them changed for its sake is changed
//! back after it, so that the next one starts from the same state.

mod breach;
mod episode;
mod person;
mod random;
mod setup;
mod truth;
mod wire;

pub use breach::Breach;
pub use truth::{Conformance, Expected, Summary};

use episode::Telling;
use random::Random;
use std::io::{self, Write};
use truth::Truth;
use wire::Lines;

/// The fewest accounts of a population: some of the persons in it are needed to break some rule.
pub const FEWEST_ACCOUNTS: u64 = 128;
/// The most decisions an account, which take about a year one after the other.
pub const MOST_AN_ACCOUNT: u64 = 2000;
/// Shares are parts of a million.
pub const MILLION: u32 = 1_000_000;

/// What to write.
#[derive(Clone, Debug)]
pub struct Population {
    /// How many decisions.
    pub decisions: u64,
    /// How many accounts, at least [`FEWEST_ACCOUNTS`].
    pub accounts: u64,
    /// Another seed, another population.
    pub seed: u64,
    /// Parts of a million of the decisions that are wrong in this way.
    pub breaches: Vec<(Breach, u32)>,
    /// Adopt the overlays as well.
    pub overlays: bool,
}

impl Population {
    /// One in which `percent` of the decisions are wrong, each way as often as any other.
    pub fn new(decisions: u64, accounts: u64, seed: u64, percent: f64, overlays: bool) -> Population {
        let common: Vec<Breach> = Breach::all().filter(|breach| breach.is_common(overlays)).collect();
        let share = percent * f64::from(MILLION) / 100.0 / common.len() as f64;
        let breaches = common.into_iter().map(|breach| (breach, share.round() as u32)).collect();
        Population { decisions, accounts: accounts.max(FEWEST_ACCOUNTS), seed, breaches, overlays }
    }

    /// Writes the facts to `out`, and what is expected of each decision to `truth`.
    pub fn write<'a>(&'a self, out: impl Write, truth: Option<&'a mut dyn Write>) -> io::Result<Summary> {
        assert!(self.accounts >= FEWEST_ACCOUNTS && self.decisions <= self.accounts * MOST_AN_ACCOUNT);
        let mut lines = Lines::new(out);
        setup::write(self, &mut lines)?;
        let mut telling = Telling::new(self, lines, Truth::new(truth), Random(self.seed));
        for number in 0..self.decisions {
            telling.decide(number)?;
        }
        telling.finish()
    }
}
