//! Changes of fact that are tried: each one thing that could have been otherwise, as edits of entries.

use super::around::{Around, ROOM_BEFORE, place, seq_of};
use crate::codec::Link;
use crate::entry::Entry;
use crate::explain::words::clean;
use crate::fact::*;
use crate::wire;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An edit of the entries around a decision.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A fact says something else, or happened at another time.
    Change {
        /// As it is.
        was: Entry,
        /// As it would be.
        now: Entry,
    },
    /// A fact more, recorded just before another.
    Add {
        /// The fact.
        now: Entry,
        /// The one that it comes before.
        before: Entry,
    },
    /// A fact less.
    LeaveOut {
        /// Which.
        was: Entry,
    },
    /// A fact recorded just before the decision, and not behind it.
    InTime {
        /// As it is.
        was: Entry,
        /// In its new place.
        now: Entry,
        /// The decision.
        before: Entry,
    },
}

/// One thing that would have been otherwise.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of what kind; changes of one kind are alternatives.
    pub kind: &'static str,
    /// In plain words, behind "if".
    pub words: String,
    /// What it comes to.
    pub edits: Vec<Edit>,
    /// True if it changes every fact of its kind, where each alone may not be enough.
    pub every: bool,
}

impl Edit {
    /// The place of the entry that it takes away or replaces.
    pub fn replaces(&self) -> Option<u64> {
        match self {
            Edit::Change { was, .. } | Edit::LeaveOut { was } | Edit::InTime { was, .. } => Some(was.header.seq),
            Edit::Add { .. } => None,
        }
    }

    /// The entry that it puts there.
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Edit::Change { now, .. } | Edit::Add { now, .. } | Edit::InTime { now, .. } => Some(now),
            Edit::LeaveOut { .. } => None,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Edit::Change { was, now } => {
                let (before, mut after) = (event(was), event(now));
                if was.header.occurred_at != now.header.occurred_at {
                    after["recordedtime"] = recorded(now);
                }
                let fields: Vec<Value> = ["time", "data"]
                    .into_iter()
                    .flat_map(|name| differing(name, &before[name], &after[name]))
                    .collect();
                json!({ "op": "change", "fact": reference(was), "fields": fields, "event": after })
            }
            Edit::Add { now, before } => {
                let mut event = event(now);
                event["recordedtime"] = recorded(now);
                json!({ "op": "add", "before": reference(before), "event": event })
            }
            Edit::LeaveOut { was } => json!({ "op": "leave_out", "fact": reference(was) }),
            Edit::InTime { was, now, before } => {
                json!({ "op": "in_time", "fact": reference(was), "before": reference(before), "recordedtime": recorded(now) })
            }
        }
    }

    /// For whoever keeps the records: which fact, from what to what.
    pub fn to_line(&self) -> String {
        let object = self.to_json();
        let name = |of: &Value| format!("{} {}", text(&of["source"]), text(&of["id"]));
        match self {
            Edit::Change { .. } => {
                let fields = object["fields"].as_array().into_iter().flatten();
                let field =
                    |each: &Value| format!("{} {} → {}", text(&each["field"]), text(&each["from"]), text(&each["to"]));
                let fields: Vec<String> = fields.map(field).collect();
                format!("{}: {}", name(&object["fact"]), fields.join(", "))
            }
            Edit::Add { .. } => {
                let event = &object["event"];
                let [kind, subject, time] = ["type", "subject", "time"].map(|member| text(&event[member]));
                format!(
                    "a fact more before {}: {kind} of {subject} at {time}, {}",
                    name(&object["before"]),
                    clean(&event["data"].to_string())
                )
            }
            Edit::LeaveOut { .. } => format!("{}: not recorded", name(&object["fact"])),
            Edit::InTime { .. } => format!("{}: recorded before {}", name(&object["fact"]), name(&object["before"])),
        }
    }
}

impl Change {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let edits: Vec<Value> = self.edits.iter().map(Edit::to_json).collect();
        json!({ "kind": self.kind, "if": self.words, "edits": edits })
    }

    /// True if both change the same entry.
    pub fn touches(&self, other: &Change) -> bool {
        let own: BTreeSet<u64> = self.edits.iter().filter_map(Edit::replaces).collect();
        self.kind == other.kind && own.is_empty()
            || other.edits.iter().filter_map(Edit::replaces).any(|place| own.contains(&place))
    }

    /// True if it is a wider change of the kind of `other`, or the same.
    pub fn widens(&self, other: &Change) -> bool {
        self.every && self.kind == other.kind
    }
}

fn text(value: &Value) -> String {
    clean(
        &value
            .as_str()
            .map_or_else(|| if value.is_null() { "(none)".to_owned() } else { value.to_string() }, str::to_owned),
    )
}

fn event(entry: &Entry) -> Value {
    let record = entry.record.as_ref().expect("only what can be read is changed");
    json!({
        "specversion": "1.0", "source": record.id.source, "id": record.id.id, "type": entry.header.kind.name(), "subject": record.subject,
        "time": entry.header.occurred_at.to_string(), "data": wire::body_to_json(&record.body, entry.content.as_deref()),
    })
}

fn recorded(entry: &Entry) -> Value {
    Time::utc(entry.header.recorded_at).to_string().into()
}

fn reference(entry: &Entry) -> Value {
    let mut object = json!({ "seq": seq_of(entry.header.seq) });
    if let Some(record) = &entry.record {
        object["source"] = record.id.source.as_str().into();
        object["id"] = record.id.id.as_str().into();
    }
    object
}

/// Members that differ, by their path.
fn differing(path: &str, before: &Value, after: &Value) -> Vec<Value> {
    match (before, after) {
        _ if before == after => Vec::new(),
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            let each =
                |name: &&String| differing(&format!("{path}.{name}"), &before[name.as_str()], &after[name.as_str()]);
            names.iter().flat_map(each).collect()
        }
        _ => vec![json!({ "field": path, "from": before, "to": after })],
    }
}

/// Changes that are being listed.
struct List<'a> {
    around: &'a Around<'a>,
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
    list.microphone();
    list.decision();
    let (mut singles, every): (Vec<Change>, Vec<Change>) = list.changes.into_iter().partition(|change| !change.every);
    singles.extend(every);
    singles
}

impl<'a> List<'a> {
    fn push(&mut self, kind: &'static str, words: String, edits: Vec<Edit>) {
        if !edits.is_empty() {
            self.changes.push(Change { kind, words, edits, every: false });
        }
    }

    /// All at once, where there are several.
    fn push_every(&mut self, kind: &'static str, words: &str, edits: Vec<Edit>) {
        if edits.len() > 1 {
            self.changes.push(Change { kind, words: words.to_owned(), edits, every: true });
        }
    }

    /// A fact more about the account of `owner`, just before `before`.
    fn add(&mut self, owner: &Entry, before: &Entry, at: Time, body: Body, links: Vec<Link>) -> Edit {
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
        Edit::Add { now, before: before.clone() }
    }

    /// A fact more just before the decision.
    fn add_now(&mut self, owner: &Entry, body: Body) -> Edit {
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
            let words = format!("{} had been recorded before the decision", named(entry));
            self.push(
                "in_time",
                words,
                vec![Edit::InTime { was: entry.clone(), now, before: around.decision.clone() }],
            );
        }
    }

    fn regions(&mut self) {
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

    fn times(&mut self) {
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

    fn labels(&mut self) {
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

    fn label(&mut self, used: &Entry, sensitive: Categories) -> Edit {
        let id = used.record.as_ref().expect("read").id.clone();
        let labeller =
            Program { name: "what-if".to_owned(), version: "1".to_owned(), digest: Digest([0; 32]), provider: None };
        let body = InteractionLabelled { target: id, sensitive, topics: Vec::new(), labeller };
        let link = Link::Resolved { seq: used.header.seq, hash: used.hash };
        let decision = self.around.decision;
        self.add(used, decision, decision.header.occurred_at, Body::InteractionLabelled(Box::new(body)), vec![link])
    }

    fn links(&mut self) {
        let around = self.around;
        let mut owners: BTreeMap<crate::codec::StreamId, &Entry> = BTreeMap::new();
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
                    format!("{} had not been", named(entry)),
                    vec![Edit::LeaveOut { was: (*entry).clone() }],
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
                    format!("{} had not been", named(entry)),
                    vec![Edit::LeaveOut { was: (*entry).clone() }],
                );
            }
        }
    }

    /// The account of `used` and the decision's in one center: since before the chat, or by the decision.
    fn link(&mut self, used: &Entry, center: &str) {
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
            self.push("link", words, vec![one, own]);
        }
    }

    fn notices(&mut self) {
        let around = self.around;
        let mut first: BTreeMap<crate::codec::StreamId, &Entry> = BTreeMap::new();
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
                every.push(edit.clone());
                self.push(
                    "notice",
                    format!("{} had been told of the policy before {}", subject(used), named(used)),
                    vec![edit],
                );
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
                every.push(edit.clone());
                self.push("notice", format!("{} had not arrived", named(entry)), vec![edit]);
            } else if !notice.status.reached() && around.forbidden {
                self.push("notice", format!("{} had arrived", named(entry)), vec![to(NoticeStatus::Delivered)]);
            }
        }
        self.push_every("notice", "no notice had arrived", every);
    }

    /// Limits, blocks, consents, age: what the person chose, or is.
    fn choices(&mut self) {
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
                    format!("{} had not been asked for", named(entry)),
                    vec![Edit::LeaveOut { was: entry.clone() }],
                );
            }
        }
    }

    fn microphone(&mut self) {
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
                now.header.links.remove(number);
            }
            self.push("signal", format!("the decision had not used the signal {}", clean(&signal.id)), vec![edit]);
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

fn stream(entry: &Entry) -> crate::codec::StreamId {
    entry.header.streams[0].stream
}

fn subject(entry: &Entry) -> String {
    clean(entry.record.as_ref().map_or("", |record| &record.subject))
}

fn center(body: &Body) -> Option<String> {
    match body {
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => Some(center.clone()),
        _ => None,
    }
}

fn resolved(entry: &Entry) -> Option<u64> {
    match entry.header.links.first() {
        Some(Link::Resolved { seq, .. }) => Some(*seq),
        _ => None,
    }
}

/// What undoes a preference, and how that reads behind "had been".
fn undoing(body: &PreferenceChanged) -> Option<(Body, String)> {
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

/// A fact by what it is, for somebody who has never seen a record.
fn named(entry: &Entry) -> String {
    let header = &entry.header;
    let what = match header.kind {
        Kind::DecisionMade => return "the decision".to_owned(),
        Kind::InteractionRecorded => "the chat",
        Kind::InteractionLabelled => "the label",
        Kind::SignalDerived => "the signal",
        Kind::NoticeRecorded => "the notice",
        Kind::AccountLinked => "the link of the account",
        Kind::AccountUnlinked => "the end of the link",
        Kind::PolicyAdopted => "the policy",
        Kind::SubjectErased => "the erasure",
        Kind::ConsentRecorded => "the consent",
        Kind::AgeObserved => "the age",
        _ => "the choice",
    };
    let id = entry.record.as_ref().map_or("", |record| &record.id.id);
    format!("{what} {} of {}", clean(id), header.occurred_at)
}

fn changed(entry: &Entry, with: impl FnOnce(&mut Body)) -> Edit {
    let mut now = entry.clone();
    with(&mut now.record.as_mut().expect("only what can be read is changed").body);
    Edit::Change { was: entry.clone(), now }
}

fn moved(entry: &Entry, to: Time) -> Edit {
    let mut now = entry.clone();
    now.header.occurred_at = to;
    now.header.recorded_at = now.header.recorded_at.max(to.at);
    debug_assert_eq!(place(seq_of(now.header.seq)), now.header.seq, "a fact keeps its place");
    Edit::Change { was: entry.clone(), now }
}
