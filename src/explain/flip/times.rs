//! Changes of when things happened: chats with all that rests on them, the decision, what the person chose.

use super::around::{cited, conversation};
use super::change::{List, moved, subject};
use super::edit::{Edit, Part};
use super::person::undoing;
use crate::entry::Entry;
use crate::explain::words::about_person;
use crate::fact::*;
use std::collections::BTreeMap;

impl List<'_> {
    pub(super) fn times(&mut self) {
        let around = self.around;
        let starts: BTreeMap<Instant, Time> =
            around.versions.iter().map(|version| (version.use_from.at, version.use_from)).collect();
        for &start in starts.values() {
            let mut every = Vec::new();
            for &used in &around.uses {
                // In the offset that the chat was held in, where the start is read so as well.
                let own = used.header.occurred_at;
                let local = Time { at: start.read_in_offset_of(own), offset_s: own.offset_s };
                let late = Time { at: start.at.max(local.at), offset_s: own.offset_s };
                let early = Time { at: start.at.min(local.at).plus_seconds(-1), offset_s: own.offset_s };
                if own.at < late.at && around.forbidden {
                    let words = format!("{} had been held at {late} or later", around.named(used));
                    every.push(self.push("time", words, self.held(used, late)));
                } else if own.at > early.at && around.permitted {
                    let words = format!("{} had been held at {early} or earlier", around.named(used));
                    self.push("time", words, vec![moved(used, early)]);
                }
            }
            self.push_every("time", &format!("all its chats had been held at {start} or later"), every);
        }
        self.decided();
        self.recorded_before_its_time();
    }

    /// A chat held at another time, and what rests on it no earlier: its labels, signals, and chats that carry it on.
    fn held(&self, used: &Entry, to: Time) -> Vec<Edit> {
        let around = self.around;
        let mut rests: Vec<&Entry> = around.uses.iter().chain(&around.signals).chain(&around.labels).copied().collect();
        rests.sort_by_key(|entry| entry.header.seq);
        let mut times = BTreeMap::from([(used.header.seq, to.at)]);
        let mut edits = vec![moved(used, to)];
        for entry in rests.into_iter().filter(|entry| entry.header.seq > used.header.seq) {
            let on_links = cited(entry).filter_map(|place| times.get(&place));
            let by_conversation = rests_on_conversation(entry, used).then_some(&to.at);
            let own = entry.header.occurred_at;
            if let Some(&at) = on_links.chain(by_conversation).max().filter(|at| **at > own.at) {
                times.insert(entry.header.seq, at);
                edits.push(moved(entry, Time { at, ..own }));
            }
        }
        edits
    }

    fn decided(&mut self) {
        let around = self.around;
        let decided = around.decision.header.occurred_at;
        let from: BTreeMap<Instant, Time> =
            around.versions.iter().map(|version| (version.in_force_from.at, version.in_force_from)).collect();
        for &start in from.values().filter(|start| start.at > decided.at) {
            let words = format!("the decision had been made at {start} or later");
            self.push("time", words, vec![moved(around.decision, start)]);
        }
    }

    /// What says that it happened after it was recorded, at the time when it was.
    fn recorded_before_its_time(&mut self) {
        let around = self.around;
        if !around.forbidden {
            return;
        }
        let mut every = Vec::new();
        let all =
            std::iter::once(around.decision).chain(around.signals.iter().copied()).chain(around.uses.iter().copied());
        for entry in all.filter(|entry| entry.header.recorded_at < entry.header.occurred_at.at) {
            let to = Time { at: entry.header.recorded_at, ..entry.header.occurred_at };
            let what = match entry.header.kind {
                Kind::DecisionMade => "made",
                Kind::SignalDerived => "drawn",
                _ => "held",
            };
            let words = format!("{} had been {what} at {to}, when it was recorded", around.named(entry));
            every.push(self.push("time", words, vec![moved(entry, to)]));
        }
        self.push_every("time", "nothing had been recorded before it happened", every);
    }

    /// What the person chose before the decision, chosen only after it.
    pub(super) fn chosen_later(&mut self) {
        let around = self.around;
        let decided = around.decision.header.occurred_at;
        let mut every: Vec<Part> = Vec::new();
        for (entry, body) in around.of(&[Kind::PreferenceChanged]) {
            let limits = matches!(body, Body::PreferenceChanged(body) if undoing(body).is_some());
            if around.forbidden && limits && around.is_seen(entry) {
                let after = Time { at: decided.at.plus_seconds(1), ..entry.header.occurred_at };
                let words = format!("{} had {} only after the decision", subject(entry), about_person(body));
                every.push(self.push("choice", words, vec![moved(entry, after)]));
            }
        }
        self.push_every("choice", "every limit and block had been set only after the decision", every);
    }
}

/// True if a signal rests on the whole of the conversation that a chat is a turn of, and the chat came before it.
fn rests_on_conversation(signal: &Entry, used: &Entry) -> bool {
    let Some(Body::SignalDerived(body)) = signal.record.as_ref().map(|record| &record.body) else { return false };
    let names = |source: &Source| matches!(source, Source::Conversation(id) if conversation(used) == Some(id));
    signal.header.occurred_at.at >= used.header.occurred_at.at && body.sources.iter().any(names)
}
