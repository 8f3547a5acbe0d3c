//! The raw entries behind one decision: names, topics, texts and permissions, which a world leaves out because no rule
//! reads them.

use crate::attested::Attestations;
use crate::codec::{Header, Link, Record, StreamId};
use crate::entry::Entry;
use crate::fact::{Kind, Moment};
use crate::judge::{Judgement, Ref, VersionIx, version_of};
use crate::lineage;
use crate::timeline::{NodeIx, View, World};
use std::collections::{BTreeMap, BTreeSet};

/// Which entries an explanation needs, told by their headers.
#[derive(Debug, Default)]
pub struct Wanted {
    decision: Option<u64>,
    seqs: BTreeSet<u64>,
    streams: BTreeSet<StreamId>,
}

impl Wanted {
    /// Everything behind `judgement`, and what was recorded about the accounts in it.
    pub fn of(world: &World, judgement: &Judgement) -> Wanted {
        let decision = judgement.decision;
        let mut wanted = Wanted { decision: Some(world.node(decision).seq), ..Wanted::default() };
        wanted.add_node(world, decision);
        for view in views(world, decision) {
            let lineage = lineage::trace(world, decision, view);
            let cited = lineage.edges.iter().map(|&(_, to)| to);
            let uses: Vec<NodeIx> = lineage.uses.iter().map(|used| used.node).collect();
            for &node in uses.iter().chain(&lineage.signals).chain(&cited.collect::<Vec<_>>()) {
                wanted.add_node(world, node);
            }
            for account in world.group_at(world.node(decision).account, view, view.decision) {
                wanted.streams.insert(world.stream_of_account(account));
            }
        }
        let versions = [&judgement.known, &judgement.today].into_iter().flat_map(|judged| {
            let of_uses = judged.use_versions.iter().flat_map(|(_, versions)| versions);
            judged.versions.iter().chain(of_uses).copied()
        });
        wanted.seqs.extend(versions.map(|ix: VersionIx| version_of(world, ix).seq));
        for reference in judgement.today.findings.iter().flat_map(|finding| &finding.refs) {
            if let Ref::Late { seq, .. } = reference {
                wanted.seqs.insert(*seq);
            }
        }
        wanted
    }

    fn add_node(&mut self, world: &World, ix: NodeIx) {
        let node = world.node(ix);
        self.seqs.insert(node.seq);
        self.seqs.extend(world.labels(ix).iter().map(|label| label.moment.seq));
        if node.kind != Kind::PolicyAdopted {
            self.streams.insert(world.stream_of_account(node.account));
        }
    }

    /// True if the explanation needs the entry of this header.
    pub fn takes(&self, header: &Header) -> bool {
        let about_the_person = matches!(
            header.kind,
            Kind::NoticeRecorded
                | Kind::AccountLinked
                | Kind::AccountUnlinked
                | Kind::PreferenceChanged
                | Kind::ConsentRecorded
                | Kind::AgeObserved
                | Kind::PermissionChanged
                | Kind::ControlRequested
                | Kind::SubjectErased
        );
        let of_the_person = || header.streams.first().is_some_and(|link| self.streams.contains(&link.stream));
        // What attests a verdict cites its decision and nothing else, or it does not open.
        let of_the_decision = || match header.links[..] {
            [Link::Resolved { seq, .. }] => header.kind == Kind::VerdictAttested && Some(seq) == self.decision,
            _ => false,
        };
        self.seqs.contains(&header.seq) || of_the_decision() || (about_the_person && of_the_person())
    }
}

/// The entries that were taken, by seq.
#[derive(Debug, Default)]
pub struct Evidence {
    entries: BTreeMap<u64, Entry>,
    accounts: BTreeMap<StreamId, String>,
    /// Verdicts on the decision that were put on record.
    attested: Attestations,
    kept: BTreeSet<u64>,
}

impl Evidence {
    /// Keeps an entry.
    pub fn add(&mut self, entry: Entry) {
        if entry.header.kind == Kind::VerdictAttested {
            return self.attested.take(&entry);
        }
        let subject = entry.record.as_ref().map(|record| &record.subject).filter(|subject| !subject.is_empty());
        if let (Some(subject), Some(link)) = (subject, entry.header.streams.first()) {
            self.accounts.entry(link.stream).or_insert_with(|| subject.clone());
        }
        self.entries.insert(entry.header.seq, entry);
    }

    /// Notes that the text of an entry still exists, though it is not at hand.
    pub fn keep_text(&mut self, seq: u64) {
        self.kept.insert(seq);
    }

    /// True if that was noted.
    pub fn keeps(&self, seq: u64) -> bool {
        self.kept.contains(&seq)
    }

    /// An entry that was kept.
    pub fn entry(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    /// Its body, if it was kept and can still be read.
    pub fn record(&self, seq: u64) -> Option<&Record> {
        self.entry(seq)?.record.as_ref()
    }

    /// The account of a stream, `<app>/<id>`.
    pub fn account(&self, stream: StreamId) -> Option<&str> {
        self.accounts.get(&stream).map(String::as_str)
    }

    /// Verdicts on the decision that were put on record.
    pub fn attested(&self) -> &Attestations {
        &self.attested
    }

    /// Everything that was kept, ascending in time.
    pub fn in_time(&self) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = self.entries.values().collect();
        all.sort_by_key(|entry| Moment { at: entry.header.occurred_at.at, seq: entry.header.seq });
        all
    }
}

/// The known and the true view of a decision.
pub fn views(world: &World, decision: NodeIx) -> [View; 2] {
    let known = View { decision: world.node(decision).moment(), known: true };
    [known, View { known: false, ..known }]
}
