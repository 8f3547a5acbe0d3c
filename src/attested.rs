//! Verdicts that were put on record, by decision. Looked up beside the world, never in it: no verdict rests on another.
//!
//! Most verdicts of a ledger fire the same rules, and were given in one run over one tree: both are held once.

use crate::entry::Entry;
use crate::fact::{AttestedRule, Body, Conformance, Digest, Instant, Integrity, Verdict, VerdictAttested};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A verdict on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The decision's seq.
    pub decision: u64,
    /// Its own entry.
    pub seq: u64,
    /// When it was recorded.
    pub at: Instant,
    /// Commits to the whole verdict.
    pub digest: Digest,
    /// The verdict of the known view.
    pub known: Verdict,
    /// The verdict of the true view.
    pub today: Verdict,
    /// Against the known view.
    pub conformance: Conformance,
    /// What was left of the evidence.
    pub integrity: Integrity,
    /// What fired in either view.
    pub rules: Arc<[AttestedRule]>,
    /// Who judged, and by what.
    pub run: Arc<Run>,
}

/// An engine over a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The program that judged.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// How many entries it judged by.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// Every verdict on record, by the seq of the decision and its own.
#[derive(Clone, Debug, Default)]
pub struct Attestations {
    all: BTreeMap<(u64, u64), Attested>,
    rules: BTreeSet<Arc<[AttestedRule]>>,
    runs: BTreeSet<Arc<Run>>,
}

impl Attestations {
    /// Takes an entry if it attests a verdict.
    pub fn take(&mut self, entry: &Entry) {
        let Some(Body::VerdictAttested(verdict)) = entry.record.as_ref().map(|record| &record.body) else { return };
        self.take_verdict(entry.header.seq, entry.header.recorded_at, verdict);
    }

    /// Takes a verdict, with the seq of its own entry and when that was recorded.
    pub fn take_verdict(&mut self, seq: u64, at: Instant, verdict: &VerdictAttested) {
        let decision = verdict.decision;
        let attested = Attested {
            decision,
            seq,
            at,
            digest: verdict.digest,
            known: verdict.known,
            today: verdict.today,
            conformance: verdict.conformance,
            integrity: verdict.integrity,
            rules: self.shared_rules(&verdict.rules),
            run: self.shared_run(verdict),
        };
        self.all.insert((decision, seq), attested);
    }

    fn shared_rules(&mut self, rules: &[AttestedRule]) -> Arc<[AttestedRule]> {
        if let Some(shared) = self.rules.get(rules) {
            return shared.clone();
        }
        let fresh: Arc<[AttestedRule]> = rules.into();
        self.rules.insert(fresh.clone());
        fresh
    }

    fn shared_run(&mut self, verdict: &VerdictAttested) -> Arc<Run> {
        let VerdictAttested { engine, engine_version, size, root, .. } = verdict;
        let run = Run { engine: engine.clone(), version: engine_version.clone(), size: *size, root: *root };
        if let Some(shared) = self.runs.get(&run) {
            return shared.clone();
        }
        let fresh = Arc::new(run);
        self.runs.insert(fresh.clone());
        fresh
    }

    /// Those of one decision, in the order of recording.
    pub fn of(&self, decision: u64) -> impl DoubleEndedIterator<Item = &Attested> {
        self.all.range((decision, 0)..=(decision, u64::MAX)).map(|(_, attested)| attested)
    }

    /// True if the last one of that decision says just this: to record it again would say nothing new.
    pub fn holds(&self, verdict: &VerdictAttested) -> bool {
        self.of(verdict.decision).next_back().is_some_and(|last| last.digest == verdict.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{self, Commitment, Header, Identity, Record};
    use crate::fact::{FactId, Kind, Scope, Time};

    fn entry(seq: u64, body: Body) -> Entry {
        let header = Header {
            seq,
            identity: Identity([0; 16]),
            kind: Kind::VerdictAttested,
            occurred_at: Time::utc(Instant(0)),
            recorded_at: Instant(seq as i64),
            streams: Vec::new(),
            pins: None,
            links: Vec::new(),
            body: Commitment([0; 32]),
            content: None,
        };
        let record = Record { id: FactId { source: "s".into(), id: "i".into() }, subject: String::new(), body };
        Entry { hash: codec::entry_hash(&codec::encode(&header)), header, record: Some(record), content: None }
    }

    fn verdict(decision: u64, digest: u8) -> VerdictAttested {
        let rule = AttestedRule { id: "r".into(), policy: None, version: None, known: true, today: true };
        VerdictAttested {
            decision,
            digest: Digest([digest; 32]),
            known: Verdict::Deny,
            today: Verdict::Deny,
            conformance: Conformance::Breach,
            integrity: Integrity::Ok,
            rules: vec![rule],
            engine: "inforce".into(),
            engine_version: "1".into(),
            size: 9,
            root: Digest([9; 32]),
        }
    }

    #[test]
    fn the_last_verdict_of_each_decision_is_what_holds() {
        let mut on_record = Attestations::default();
        for (seq, decision, digest) in [(10, 3, 1), (11, 4, 1), (12, 3, 2)] {
            on_record.take(&entry(seq, Body::VerdictAttested(Box::new(verdict(decision, digest)))));
        }
        on_record.take(&entry(13, Body::SubjectErased(Scope::All)));
        let of = |decision| on_record.of(decision).map(|each| each.seq).collect::<Vec<_>>();
        assert_eq!((of(3), of(4), of(5)), (vec![10, 12], vec![11], vec![]));
        let holds = |decision, digest| on_record.holds(&verdict(decision, digest));
        assert_eq!((holds(3, 2), holds(3, 1), holds(4, 1), holds(5, 1)), (true, false, true, false));
        assert_eq!((on_record.rules.len(), on_record.runs.len()), (1, 1), "held once");
    }
}
