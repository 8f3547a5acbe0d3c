//! Changes of what the decision used, and of itself: regions, labels, the microphone.

use super::around::cited;
use super::change::{List, changed};
use super::edit::Edit;
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::*;
use std::collections::BTreeSet;

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
                let words = format!("{} had been in {}", around.named(entry), region.as_str());
                every.push(self.push("region", words, vec![edit]));
            }
            self.push_every("region", &format!("the person had been in {} all the time", region.as_str()), every);
        }
    }

    pub(super) fn labels(&mut self) {
        let around = self.around;
        let mut every = Vec::new();
        let targets: BTreeSet<u64> =
            around.labels.iter().filter(|entry| around.is_seen(entry)).flat_map(|entry| cited(entry)).collect();
        for &used in &around.uses {
            if around.forbidden && !targets.contains(&used.header.seq) {
                let edit = self.label(used, Categories::default());
                let words = format!("{} had been labelled, and with nothing sensitive", around.named(used));
                every.push(self.push("label", words, vec![edit]));
            }
        }
        // Only what the decision rests on: another label of the same person's changes nothing.
        for &entry in around.labels.iter().chain(&around.signals).filter(|entry| around.is_seen(entry)) {
            let sensitive = match &entry.record.as_ref().expect("read").body {
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
            let words = format!("{} had named nothing sensitive", around.named(entry));
            every.push(self.push("label", words, vec![edit]));
        }
        self.push_every("label", "everything had been labelled, and with nothing sensitive", every);
        for &used in around.uses.iter().filter(|_| around.permitted) {
            let edit = self.label(used, Categories::from_iter([Category::Health]));
            self.push("label", format!("{} had been labelled as about health", around.named(used)), vec![edit]);
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
                let words = format!("the microphone had been permitted, on and shown during {}", around.named(used));
                every.push(self.push("microphone", words, vec![to(true)]));
            }
            if around.permitted {
                self.push(
                    "microphone",
                    format!("the microphone had not been permitted during {}", around.named(used)),
                    vec![to(false)],
                );
            }
        }
        self.push_every("microphone", "the microphone had been permitted, on and shown in every chat by voice", every);
    }
}
