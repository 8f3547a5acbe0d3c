//! One person's state at a moment, in either view, folded from their facts.

use super::facts::account;
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::*;
use crate::timeline::{View, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Up to when, and by whose knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// What happened at or before this.
    pub at: Instant,
    /// Of the known view: how many entries were recorded by then. Of the true view `None`: whatever was recorded since.
    pub known: Option<u64>,
}

impl When {
    /// True if the view holds the entry.
    pub fn sees(&self, entry: &Entry) -> bool {
        entry.header.occurred_at.at <= self.at && self.known.is_none_or(|size| entry.header.seq < size)
    }

    fn view(&self) -> View {
        let decision = Moment { at: self.at, seq: self.known.unwrap_or(u64::MAX) };
        View { decision, known: self.known.is_some() }
    }
}

/// Something that was set, and by which fact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Set {
    pub value: String,
    pub since: Time,
    pub seq: u64,
}

/// What is so at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct State {
    /// The Accounts Center that the account is in.
    pub center: Option<Set>,
    /// Other accounts in it.
    pub linked: Vec<String>,
    /// Limits, blocks, GPC: by control and value, where they are not lifted.
    pub preferences: BTreeMap<(&'static str, String), Set>,
    /// By purpose.
    pub consents: BTreeMap<String, Set>,
    pub age: Option<Set>,
    /// By permission.
    pub permissions: BTreeMap<&'static str, Set>,
    /// Controls that were asked for.
    pub requested: BTreeMap<String, Set>,
    /// Every notice that got further than a queue: policy, channel and status.
    pub notices: Vec<Set>,
    /// How many chats there were, and of how many the text was erased or never stored.
    pub chats: u64,
    /// The latest labels of chats that carry a sensitive category, by the chat's seq.
    pub sensitive: BTreeMap<u64, Set>,
    /// How many chats have a label.
    pub labelled: u64,
    /// Erasures, and what they reach.
    pub erasures: Vec<Set>,
}

/// The state of `who`, from everything about them and about those linked to them, ascending in seq.
pub fn state(entries: &[Entry], who: &str, when: When) -> State {
    let world = World::of(entries);
    let own = entries.iter().find(|entry| account(entry) == Some(who)).map(|entry| entry.header.streams[0].stream);
    let Some(own) = own else { return State::default() };
    let mut seen: Vec<&Entry> =
        entries.iter().filter(|entry| entry.header.streams[0].stream == own && when.sees(entry)).collect();
    seen.sort_by_key(|entry| (entry.header.occurred_at.at, entry.header.seq));
    let (mut state, mut labels) = (State::default(), BTreeMap::new());
    for entry in seen {
        let set = |value: &str| Set { value: value.to_owned(), since: entry.header.occurred_at, seq: entry.header.seq };
        if let Some(record) = &entry.record {
            state.take(&record.body, set);
            if let (Body::InteractionLabelled(body), Some(Link::Resolved { seq, .. })) =
                (&record.body, entry.header.links.first())
            {
                let names: Vec<&str> = body.sensitive.iter().map(|each| each.name()).collect();
                labels.insert(*seq, set(&names.join(", ")));
            }
        }
    }
    state.labelled = labels.len() as u64;
    state.sensitive = labels.into_iter().filter(|(_, set)| !set.value.is_empty()).collect();
    if let Some(ix) = world.account_of_stream(own) {
        let group = world.group_at(ix, when.view(), when.view().decision);
        let others = group.into_iter().filter(|&other| other != ix);
        state.linked = others.filter_map(|other| world.account(other).subject.as_deref().map(str::to_owned)).collect();
        state.linked.sort_unstable();
    }
    state
}

impl State {
    fn take(&mut self, body: &Body, set: impl Fn(&str) -> Set) {
        match body {
            Body::AccountLinked { center } => self.center = Some(set(center)),
            Body::AccountUnlinked { center } => self.center = self.center.take().filter(|held| held.value != *center),
            Body::PreferenceChanged(body) => self.prefer(body, set(&body.value)),
            Body::ConsentRecorded(body) => drop(self.consents.insert(body.purpose.clone(), set(body.state.name()))),
            Body::AgeObserved(band) => self.age = Some(set(band.name())),
            Body::PermissionChanged(body) => {
                self.permissions.insert(body.permission.name(), set(body.state.name()));
            }
            Body::ControlRequested { control } => {
                self.requested.entry(control.clone()).or_insert_with(|| set("asked for"));
            }
            Body::NoticeRecorded(body) if body.status != NoticeStatus::Queued => {
                self.notices.push(set(&format!("{} {} {}", body.policy, body.channel.name(), body.status.name())));
            }
            Body::InteractionRecorded(_) => self.chats += 1,
            Body::SubjectErased(scope) => self.erasures.push(set(scope.name())),
            _ => {}
        }
    }

    fn prefer(&mut self, body: &PreferenceChanged, set: Set) {
        let (control, holds) = match body.control {
            Control::TopicUnlimit => (Control::TopicLimit, false),
            Control::AdvertiserUnblock => (Control::AdvertiserBlock, false),
            Control::FeedReset => (Control::FeedSeeLess, false),
            Control::Gpc => (Control::Gpc, body.value == "on"),
            control => (control, true),
        };
        let value = if control == Control::Gpc { "on".to_owned() } else { body.value.clone() };
        match holds {
            true => drop(self.preferences.entry((control.name(), value)).or_insert(set)),
            false => drop(self.preferences.remove(&(control.name(), value))),
        }
    }

    /// The state in words, a line each: what it is about, what it is, since when.
    pub fn lines(&self) -> Vec<(String, String, Option<Time>)> {
        let line = |label: &str, set: &Set| (label.to_owned(), set.value.clone(), Some(set.since));
        let mut lines = Vec::new();
        lines.extend(self.center.iter().map(|set| line("center", set)));
        lines.extend(self.linked.iter().map(|account| ("linked to".to_owned(), account.clone(), None)));
        lines.extend(self.age.iter().map(|set| line("age", set)));
        lines.extend(self.preferences.iter().map(|((control, _), set)| line(control, set)));
        lines.extend(self.consents.iter().map(|(purpose, set)| line(&format!("consent to {purpose}"), set)));
        lines.extend(self.permissions.iter().map(|(name, set)| line(&format!("permission for {name}"), set)));
        lines.extend(self.requested.iter().map(|(control, set)| line(control, set)));
        lines.extend(self.notices.iter().map(|set| line("notice", set)));
        if self.chats > 0 {
            lines.push(("chats".to_owned(), format!("{}, of which {} labelled", self.chats, self.labelled), None));
        }
        lines.extend(self.sensitive.iter().map(|(chat, set)| line(&format!("label of entry {chat}"), set)));
        lines.extend(self.erasures.iter().map(|set| line("erased", set)));
        lines
    }

    /// The state as an object.
    pub fn to_json(&self) -> Value {
        let set = |set: &Set| json!({ "value": set.value, "since": set.since.to_string(), "seq": set.seq });
        let named = |key: &str, name: &str, each: &Set| {
            let mut object = set(each);
            object[key] = name.into();
            object
        };
        let by_name = |key: &'static str, all: Vec<(&str, &Set)>| -> Vec<Value> {
            all.into_iter().map(|(name, each)| named(key, name, each)).collect()
        };
        let preferences = self.preferences.iter().map(|((control, _), set)| (*control, set)).collect();
        json!({
            "center": self.center.as_ref().map(set), "linked": self.linked, "age": self.age.as_ref().map(set),
            "preferences": by_name("control", preferences),
            "consents": by_name("purpose", self.consents.iter().map(|(name, set)| (name.as_str(), set)).collect()),
            "permissions": by_name("permission", self.permissions.iter().map(|(name, set)| (*name, set)).collect()),
            "requested": by_name("control", self.requested.iter().map(|(name, set)| (name.as_str(), set)).collect()),
            "notices": self.notices.iter().map(set).collect::<Vec<_>>(), "chats": self.chats, "labelled": self.labelled,
            "sensitive": self.sensitive.iter().map(|(chat, each)| {
                let mut object = set(each);
                object["chat"] = (*chat).into();
                object
            }).collect::<Vec<_>>(),
            "erasures": self.erasures.iter().map(set).collect::<Vec<_>>(),
        })
    }
}
