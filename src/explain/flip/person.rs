//! Changes of what is known of the person: links, notices, choices, age.

use super::change::{List, changed, stream, subject};
use super::edit::Edit;
use crate::codec::StreamId;
use crate::entry::Entry;
use crate::explain::words::clean;
use crate::fact::*;
use std::collections::{BTreeMap, BTreeSet};

impl List<'_> {
    pub(super) fn links(&mut self) {
        let around = self.around;
        let mut owners: BTreeMap<StreamId, &Entry> = BTreeMap::new();
        for entry in std::iter::once(around.decision).chain(around.uses.iter().copied()) {
            let held = owners.entry(stream(entry)).or_insert(entry);
            if entry.header.kind == Kind::InteractionRecorded
                && (held.header.kind != entry.header.kind || entry.header.seq < held.header.seq)
            {
                *held = entry;
            }
        }
        let own = stream(around.decision);
        let linking = [Kind::AccountLinked, Kind::AccountUnlinked];
        let of_owners: Vec<(&Entry, &Body)> = around
            .of(&linking)
            .filter(|(entry, _)| owners.contains_key(&stream(entry)) && around.is_seen(entry))
            .collect();
        let others: Vec<&Entry> =
            owners.iter().filter(|(stream, _)| **stream != own).map(|(_, entry)| *entry).collect();
        if around.forbidden {
            for (entry, _) in of_owners.iter().filter(|(entry, _)| entry.header.kind == Kind::AccountUnlinked) {
                self.push(
                    "link",
                    format!("{} had not been", around.named(entry)),
                    vec![Edit::LeaveOut { was: (*entry).clone().into() }],
                );
            }
            let mut centers: BTreeSet<String> = of_owners.iter().filter_map(|(_, body)| center(body)).collect();
            centers.insert("what-if".to_owned());
            for &other in &others {
                for center in &centers {
                    self.link(other, center);
                }
            }
        }
        if around.permitted {
            for (entry, _) in of_owners.iter().filter(|(entry, _)| entry.header.kind == Kind::AccountLinked) {
                self.push(
                    "link",
                    format!("{} had not been", around.named(entry)),
                    vec![Edit::LeaveOut { was: (*entry).clone().into() }],
                );
            }
        }
    }

    /// The account of `used` and the decision's in one center: since before the chat, or by the decision.
    pub(super) fn link(&mut self, used: &Entry, center: &str) {
        let decision = self.around.decision;
        let body = || Body::AccountLinked { center: center.to_owned() };
        let accounts = [used, decision].map(subject);
        for (when, before) in [("when the chat was held", used), ("by the time of the decision", decision)] {
            if before.header.seq > decision.header.seq {
                continue;
            }
            let at = before.header.occurred_at;
            let [one, own] = [used, decision].map(|owner| self.add(owner, before, at, body(), Vec::new()));
            let words = format!("{} and {} had been linked {when}", accounts[0], accounts[1]);
            self.push("link", words.clone(), vec![one.clone()]);
            self.push("link", words.clone(), vec![own.clone()]);
            self.push_apart("link", words, vec![one, own]);
        }
    }

    pub(super) fn notices(&mut self) {
        let around = self.around;
        let mut first: BTreeMap<StreamId, &Entry> = BTreeMap::new();
        for &used in &around.uses {
            let held = first.entry(stream(used)).or_insert(used);
            if used.header.occurred_at.at < held.header.occurred_at.at {
                *held = used;
            }
        }
        let policies: BTreeMap<&str, Option<Digest>> = around
            .versions
            .iter()
            .filter(|version| version.is_platform)
            .map(|version| (version.name.0.as_str(), version.notice_sha256))
            .collect();
        for (policy, content_sha256) in policies.into_iter().filter(|_| around.forbidden) {
            let mut every = Vec::new();
            for &used in first.values() {
                let notice = NoticeRecorded {
                    policy: policy.to_owned(),
                    campaign: None,
                    channel: Channel::InProduct,
                    status: NoticeStatus::Delivered,
                    locale: None,
                    content_sha256,
                };
                let edit = self.add(used, used, used.header.occurred_at, Body::NoticeRecorded(notice), Vec::new());
                let words = format!("{} had been told of the policy before {}", subject(used), around.named(used));
                every.push(self.push("notice", words, vec![edit]));
            }
            self.push_every("notice", "every account had been told of the policy before its chats", every);
        }
        let mut every = Vec::new();
        for (entry, body) in around.of(&[Kind::NoticeRecorded]).filter(|(entry, _)| around.is_seen(entry)) {
            let Body::NoticeRecorded(notice) = body else { continue };
            let to = |status| {
                changed(entry, |body| {
                    if let Body::NoticeRecorded(notice) = body {
                        notice.status = status
                    }
                })
            };
            if notice.status.reached() && around.permitted {
                let edit = to(NoticeStatus::Bounced);
                every.push(self.push("notice", format!("{} had not arrived", around.named(entry)), vec![edit]));
            } else if !notice.status.reached() && around.forbidden {
                self.push("notice", format!("{} had arrived", around.named(entry)), vec![to(NoticeStatus::Delivered)]);
            }
        }
        self.push_every("notice", "no notice had arrived", every);
    }

    /// Limits, blocks, consents, age: what the person chose, or is.
    pub(super) fn choices(&mut self) {
        let (around, own) = (self.around, self.around.decision);
        let mut lifted: BTreeSet<(String, u8, String)> = BTreeSet::new();
        for (entry, body) in around.of(&[Kind::PreferenceChanged, Kind::AgeObserved]).filter(|_| around.forbidden) {
            let (undone, words) = match body {
                Body::PreferenceChanged(body) => match undoing(body) {
                    Some(undone) => undone,
                    None => continue,
                },
                Body::AgeObserved(AgeBand::Minor) => {
                    (Body::AgeObserved(AgeBand::Adult), "known to be an adult".to_owned())
                }
                _ => continue,
            };
            let once = (subject(entry), entry.header.kind as u8, words.clone());
            if around.is_seen(entry) && lifted.insert(once) {
                let edit = self.add_now(entry, undone);
                self.push(
                    "choice",
                    format!("{} had been {words} by the time of the decision", subject(entry)),
                    vec![edit],
                );
            }
        }
        let consent = |state| {
            Body::ConsentRecorded(ConsentRecorded { purpose: "personalised_ads".to_owned(), state, evidence: None })
        };
        let mut more: Vec<(Body, &str)> = Vec::new();
        if around.forbidden {
            more.push((consent(ConsentState::Given), "the person had consented to personalised ads"));
            more.push((Body::AgeObserved(AgeBand::Adult), "the person had been known to be an adult"));
        }
        if around.permitted {
            let set =
                |control, value: &str| Body::PreferenceChanged(PreferenceChanged { control, value: value.to_owned() });
            let topic = if around.body.purpose == Purpose::Ads { Control::TopicLimit } else { Control::FeedSeeLess };
            more.extend(
                around
                    .body
                    .item
                    .topics
                    .iter()
                    .take(3)
                    .map(|value| (set(topic, value), "the person had limited a topic of it")),
            );
            more.extend(
                around
                    .body
                    .item
                    .advertiser
                    .iter()
                    .map(|value| (set(Control::AdvertiserBlock, value), "the person had blocked the advertiser")),
            );
            more.push((set(Control::Gpc, "on"), "the person had turned Global Privacy Control on"));
            more.push((consent(ConsentState::Withdrawn), "the person had withdrawn consent to personalised ads"));
            more.push((Body::AgeObserved(AgeBand::Minor), "the person had been known to be a minor"));
        }
        for (body, words) in more {
            let edit = self.add_now(own, body);
            self.push("choice", words.to_owned(), vec![edit]);
        }
        for (entry, body) in around.of(&[Kind::SubjectErased]) {
            if around.forbidden && *body == Body::SubjectErased(Scope::Content) {
                self.push(
                    "choice",
                    format!("{} had not been asked for", around.named(entry)),
                    vec![Edit::LeaveOut { was: entry.clone().into() }],
                );
            }
        }
    }
}

fn center(body: &Body) -> Option<String> {
    match body {
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => Some(center.clone()),
        _ => None,
    }
}

/// What undoes a preference, and how that reads behind "had been".
pub(super) fn undoing(body: &PreferenceChanged) -> Option<(Body, String)> {
    let (control, words) = match body.control {
        Control::TopicLimit => {
            (Control::TopicUnlimit, format!("free of its limit on the topic {}", clean(&body.value)))
        }
        Control::AdvertiserBlock => {
            (Control::AdvertiserUnblock, format!("free of its block of {}", clean(&body.value)))
        }
        Control::FeedSeeLess => (Control::FeedReset, format!("free of its wish to see less of {}", clean(&body.value))),
        Control::Gpc if body.value == "on" => {
            let off = PreferenceChanged { control: Control::Gpc, value: "off".to_owned() };
            return Some((Body::PreferenceChanged(off), "without Global Privacy Control".to_owned()));
        }
        _ => return None,
    };
    Some((Body::PreferenceChanged(PreferenceChanged { control, value: body.value.clone() }), words))
}
