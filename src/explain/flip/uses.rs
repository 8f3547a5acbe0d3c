//! Changes of what the decision used, and of itself: regions, times, labels, the microphone.

use super::change::{List, changed, moved, named};
use super::edit::Edit;
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::*;
use std::collections::{BTreeMap, BTreeSet};

impl<'a> List<'a> {
    pub(super) fn regions(&mut self) {
        let around = self.around;
        let of = |entry: &'a Entry| match &entry.record.as_ref().expect("read").body {
            Body::InteractionRecorded(body) => [body.region, body.device_region],
            Body::DecisionMade(body) => [body.region, body.device_region],
            _ => [None, None],
        };
        let places: Vec<&Entry> = std::iter::once(around.decision).chain(around.uses.iter().copied()).collect();
        let mut wanted: BTreeSet<Region> = BTreeSet::new();
        if around.forbidden {
            wanted.extend(places.iter().flat_map(|entry| of(entry)).flatten());
            wanted.extend(Region::parse("US").ok());
        }
        if around.permitted {
            wanted.extend(Region::parse("DE").ok());
        }
        for region in wanted {
            let mut every = Vec::new();
            for &entry in &places {
                if of(entry).iter().flatten().all(|held| *held == region) && of(entry)[0].is_some() {
                    continue;
                }
                let edit = changed(entry, |body| match body {
                    Body::InteractionRecorded(body) => {
                        body.region = Some(region);
                        body.device_region = body.device_region.map(|_| region);
                    }
                    Body::DecisionMade(body) => {
                        body.region = Some(region);
                        body.device_region = body.device_region.map(|_| region);
                    }
                    _ => {}
                });
                every.push(edit.clone());
                self.push("region", format!("{} had been in {}", named(entry), region.as_str()), vec![edit]);
            }
            self.push_every("region", &format!("the person had been in {} all the time", region.as_str()), every);
        }
    }

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
                    let edit = moved(used, late);
                    every.push(edit.clone());
                    self.push("time", format!("{} had been held at {late} or later", named(used)), vec![edit]);
                } else if own.at > early.at && around.permitted {
                    self.push(
                        "time",
                        format!("{} had been held at {early} or earlier", named(used)),
                        vec![moved(used, early)],
                    );
                }
            }
            self.push_every("time", &format!("all its chats had been held at {start} or later"), every);
        }
        let decided = around.decision.header.occurred_at;
        let from: BTreeMap<Instant, Time> =
            around.versions.iter().map(|version| (version.in_force_from.at, version.in_force_from)).collect();
        for &start in from.values().filter(|start| start.at > decided.at) {
            self.push(
                "time",
                format!("the decision had been made at {start} or later"),
                vec![moved(around.decision, start)],
            );
        }
    }

    pub(super) fn labels(&mut self) {
        let around = self.around;
        let mut every = Vec::new();
        let targets: BTreeSet<u64> = around
            .of(&[Kind::InteractionLabelled])
            .filter(|(entry, _)| around.is_seen(entry))
            .flat_map(|(entry, _)| resolved(entry))
            .collect();
        for &used in &around.uses {
            if around.forbidden && !targets.contains(&used.header.seq) {
                let edit = self.label(used, Categories::default());
                every.push(edit.clone());
                self.push(
                    "label",
                    format!("{} had been labelled, and with nothing sensitive", named(used)),
                    vec![edit],
                );
            }
        }
        for (entry, body) in
            around.of(&[Kind::InteractionLabelled, Kind::SignalDerived]).filter(|(entry, _)| around.is_seen(entry))
        {
            let sensitive = match body {
                Body::InteractionLabelled(body) => body.sensitive,
                Body::SignalDerived(body) => body.sensitive,
                _ => Categories::default(),
            };
            if !around.forbidden || sensitive.is_empty() {
                continue;
            }
            let edit = changed(entry, |body| match body {
                Body::InteractionLabelled(body) => body.sensitive = Categories::default(),
                Body::SignalDerived(body) => body.sensitive = Categories::default(),
                _ => {}
            });
            every.push(edit.clone());
            self.push("label", format!("{} had named nothing sensitive", named(entry)), vec![edit]);
        }
        self.push_every("label", "everything had been labelled, and with nothing sensitive", every);
        for &used in around.uses.iter().filter(|_| around.permitted) {
            let edit = self.label(used, Categories::from_iter([Category::Health]));
            self.push("label", format!("{} had been labelled as about health", named(used)), vec![edit]);
        }
    }

    pub(super) fn label(&mut self, used: &Entry, sensitive: Categories) -> Edit {
        let id = used.record.as_ref().expect("read").id.clone();
        let labeller =
            Program { name: "what-if".to_owned(), version: "1".to_owned(), digest: Digest([0; 32]), provider: None };
        let body = InteractionLabelled { target: id, sensitive, topics: Vec::new(), labeller };
        let link = Link::Resolved { seq: used.header.seq, hash: used.hash };
        let decision = self.around.decision;
        self.add(used, decision, decision.header.occurred_at, Body::InteractionLabelled(Box::new(body)), vec![link])
    }

    pub(super) fn microphone(&mut self) {
        let around = self.around;
        let mut every = Vec::new();
        for &used in &around.uses {
            let Body::InteractionRecorded(body) = &used.record.as_ref().expect("read").body else { continue };
            let to = |to: bool| {
                changed(used, |body| {
                    if let Body::InteractionRecorded(body) = body {
                        body.microphone.permission = Some(to);
                        if to {
                            (body.microphone.feature_active, body.microphone.indicator) = (Some(true), Some(true));
                        }
                    }
                })
            };
            if body.modality != Modality::Voice {
                continue;
            }
            if around.forbidden {
                every.push(to(true));
                self.push(
                    "microphone",
                    format!("the microphone had been permitted, on and shown during {}", named(used)),
                    vec![to(true)],
                );
            }
            if around.permitted {
                self.push(
                    "microphone",
                    format!("the microphone had not been permitted during {}", named(used)),
                    vec![to(false)],
                );
            }
        }
        self.push_every("microphone", "the microphone had been permitted, on and shown in every chat by voice", every);
    }
}

fn resolved(entry: &Entry) -> Option<u64> {
    match entry.header.links.first() {
        Some(Link::Resolved { seq, .. }) => Some(*seq),
        _ => None,
    }
}
