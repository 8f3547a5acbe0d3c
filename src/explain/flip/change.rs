//! Changes of fact that are tried: each one thing that could have been otherwise.

use super::around::{Around, ROOM_BEFORE, place, seq_of};
use super::edit::{Change, Edit, Part};
use crate::codec::{Link, StreamId};
use crate::entry::Entry;
use crate::explain::words::clean;
use crate::fact::*;

/// Changes that are being listed.
pub(super) struct List<'a> {
    pub(super) around: &'a Around<'a>,
    changes: Vec<Change>,
    added: u64,
}

/// Every change that is tried by itself, single facts before all of a kind.
pub fn singles(around: &Around) -> Vec<Change> {
    let mut list = List { around, changes: Vec::new(), added: 0 };
    list.in_time();
    list.regions();
    list.times();
    list.labels();
    list.links();
    list.notices();
    list.choices();
    list.chosen_later();
    list.microphone();
    list.topics();
    list.turns();
    list.decision();
    let (mut singles, every): (Vec<Change>, Vec<Change>) = list.changes.into_iter().partition(|change| !change.every);
    singles.extend(every);
    singles
}

impl<'a> List<'a> {
    /// One thing, which is what its edits come to together.
    pub(super) fn push(&mut self, kind: &'static str, words: String, edits: Vec<Edit>) -> Part {
        let part = Part { words: words.clone(), edits };
        if !part.edits.is_empty() {
            self.changes.push(Change { kind, words, parts: vec![part.clone()], every: false });
        }
        part
    }

    /// One thing, of which a part may be enough.
    pub(super) fn push_apart(&mut self, kind: &'static str, words: String, edits: Vec<Edit>) {
        let parts = edits.into_iter().map(|edit| Part { words: words.clone(), edits: vec![edit] }).collect();
        self.changes.push(Change { kind, words, parts, every: false });
    }

    /// All at once, where there are several.
    pub(super) fn push_every(&mut self, kind: &'static str, words: &str, parts: Vec<Part>) {
        if parts.len() > 1 {
            self.changes.push(Change { kind, words: words.to_owned(), parts, every: true });
        }
    }

    /// A fact more about the account of `owner`, just before `before`.
    pub(super) fn add(&mut self, owner: &Entry, before: &Entry, at: Time, body: Body, links: Vec<Link>) -> Edit {
        self.added += 1;
        let subject = owner.record.as_ref().map(|record| record.subject.clone()).unwrap_or_default();
        let id = FactId { source: "//what-if".to_owned(), id: format!("{}", self.added) };
        let mut now = owner.clone();
        now.header.seq = before.header.seq - ROOM_BEFORE;
        now.header.kind = body.kind();
        now.header.occurred_at = at;
        // Not behind the entry that it comes before, whose own record would move with it.
        now.header.recorded_at = before.header.recorded_at.min(at.at);
        now.header.streams.truncate(1);
        (now.header.pins, now.header.links, now.content) = (None, links, None);
        now.record = Some(crate::codec::Record { id, subject, body });
        Edit::Add { now: now.into(), before: before.clone().into() }
    }

    /// A fact more just before the decision.
    pub(super) fn add_now(&mut self, owner: &Entry, body: Body) -> Edit {
        let decision = self.around.decision;
        self.add(owner, decision, decision.header.occurred_at, body, Vec::new())
    }

    /// What was recorded behind the decision though it happened before it.
    fn in_time(&mut self) {
        let around = self.around;
        for entry in around.entries.iter().filter(|entry| entry.record.is_some()) {
            let kind = entry.header.kind;
            let late_policy = matches!(entry.record.as_ref().map(|record| &record.body), Some(Body::PolicyAdopted(body))
                if entry.header.seq > around.decision.header.seq && body.in_force_from.at <= around.decision.header.occurred_at.at);
            let may_move = !matches!(
                kind,
                Kind::InteractionRecorded
                    | Kind::SignalDerived
                    | Kind::ActivityRecorded
                    | Kind::DecisionMade
                    | Kind::VerdictAttested
            );
            if !(may_move && around.is_late(entry) || late_policy) {
                continue;
            }
            let cites_later =
                |link: &Link| matches!(link, Link::Resolved { seq, .. } if *seq > around.decision.header.seq);
            if entry.header.links.iter().any(cites_later) {
                continue;
            }
            let mut now = entry.clone();
            now.header.seq = around.decision.header.seq - ROOM_BEFORE;
            now.header.recorded_at = around.decision.header.recorded_at;
            let words = format!("{} had been recorded before the decision", around.named(entry));
            self.push(
                "in_time",
                words,
                vec![Edit::InTime {
                    was: entry.clone().into(),
                    now: now.into(),
                    before: around.decision.clone().into(),
                }],
            );
        }
    }

    /// What the decider said and used.
    fn decision(&mut self) {
        let (around, decision) = (self.around, self.around.decision);
        if !around.forbidden {
            return;
        }
        for (number, signal) in around.body.signals.iter().enumerate() {
            let mut edit = changed(decision, |body| {
                if let Body::DecisionMade(body) = body {
                    body.signals.remove(number);
                }
            });
            if let Edit::Change { now, .. } = &mut edit {
                std::sync::Arc::make_mut(now).header.links.remove(number);
            }
            let held = around.signals.iter().find(|held| held.record.as_ref().is_some_and(|of| of.id == *signal));
            let what = held.map_or_else(|| format!("the signal {}", clean(&signal.id)), |held| around.named(held));
            self.push("signal", format!("the decision had not used {what}"), vec![edit]);
        }
        let cites = around.body.policy.as_ref().map(|cited| (cited.id.as_str(), cited.version.as_str()));
        for version in around.versions.iter().filter(|_| cites.is_some()) {
            let (id, name) = &version.name;
            if cites != Some((id, name)) {
                let edit = changed(decision, |body| {
                    if let Body::DecisionMade(body) = body {
                        body.policy = Some(CitedPolicy { id: id.clone(), version: name.clone() });
                    }
                });
                self.push("citation", format!("the decision had cited {} {}", clean(id), clean(name)), vec![edit]);
            }
        }
    }
}

pub(super) fn stream(entry: &Entry) -> StreamId {
    entry.header.streams[0].stream
}

pub(super) fn subject(entry: &Entry) -> String {
    clean(entry.record.as_ref().map_or("", |record| &record.subject))
}

pub(super) fn changed(entry: &Entry, with: impl FnOnce(&mut Body)) -> Edit {
    let mut now = entry.clone();
    with(&mut now.record.as_mut().expect("only what can be read is changed").body);
    Edit::Change { was: entry.clone().into(), now: now.into() }
}

pub(super) fn moved(entry: &Entry, to: Time) -> Edit {
    let mut now = entry.clone();
    now.header.occurred_at = to;
    now.header.recorded_at = now.header.recorded_at.max(to.at);
    debug_assert_eq!(place(seq_of(now.header.seq)), now.header.seq, "a fact keeps its place");
    Edit::Change { was: entry.clone().into(), now: now.into() }
}
