//! What a replay amounts to, and the exit code that scripts read.

use crate::judge::{Conformance, Integrity, Judgement};
use std::collections::BTreeMap;

/// Counts over many judgements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many decisions.
    pub decisions: u64,
    /// How many of each conformance.
    pub conformance: BTreeMap<Conformance, u64>,
    /// How many of each integrity.
    pub integrity: BTreeMap<Integrity, u64>,
}

impl Summary {
    /// Counts one.
    pub fn count(&mut self, judgement: &Judgement) {
        self.decisions += 1;
        *self.conformance.entry(judgement.conformance).or_default() += 1;
        *self.integrity.entry(judgement.integrity).or_default() += 1;
    }

    /// Counts a decision of a ledger that was tampered with: it has no verdict.
    pub fn count_tampered(&mut self) {
        self.decisions += 1;
        *self.integrity.entry(Integrity::Tampered).or_default() += 1;
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Summary) {
        self.decisions += other.decisions;
        other.conformance.iter().for_each(|(&each, count)| *self.conformance.entry(each).or_default() += count);
        other.integrity.iter().for_each(|(&each, count)| *self.integrity.entry(each).or_default() += count);
    }

    /// How many have that conformance.
    pub fn of(&self, conformance: Conformance) -> u64 {
        self.conformance.get(&conformance).copied().unwrap_or(0)
    }

    /// True if there is a breach, a late breach or tampering.
    pub fn is_broken(&self) -> bool {
        let tampered = self.integrity.contains_key(&Integrity::Tampered);
        tampered || self.of(Conformance::Breach) + self.of(Conformance::LateBreach) > 0
    }

    /// True if something could not be shown to be right: what is unproven, or erased.
    pub fn is_unproven(&self) -> bool {
        self.of(Conformance::Unproven) + self.of(Conformance::Erased) > 0
    }
}
