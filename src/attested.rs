//! Verdicts that were put on record, by decision. Looked up beside the world, never in it: no verdict rests on another.

use crate::entry::Entry;
use crate::fact::{Body, Instant, VerdictAttested};
use std::collections::BTreeMap;

/// A verdict on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// Its own entry.
    pub seq: u64,
    /// When it was recorded.
    pub at: Instant,
    /// What it says.
    pub verdict: VerdictAttested,
}

/// Every verdict on record, by the seq of the decision.
#[derive(Clone, Debug, Default)]
pub struct Attestations(BTreeMap<u64, Vec<Attested>>);

impl Attestations {
    /// Takes an entry if it attests a verdict; seq must ascend.
    pub fn take(&mut self, entry: &Entry) {
        let Some(Body::VerdictAttested(verdict)) = entry.record.as_ref().map(|record| &record.body) else { return };
        let (seq, at) = (entry.header.seq, entry.header.recorded_at);
        self.0.entry(verdict.decision).or_default().push(Attested { seq, at, verdict: (**verdict).clone() });
    }

    /// Those of one decision, in the order of recording.
    pub fn of(&self, decision: u64) -> &[Attested] {
        self.0.get(&decision).map_or(&[], Vec::as_slice)
    }

    /// True if the last one of that decision says just this: to record it again would say nothing new.
    pub fn holds(&self, verdict: &VerdictAttested) -> bool {
        self.of(verdict.decision).last().is_some_and(|last| last.verdict.digest == verdict.digest)
    }
}
