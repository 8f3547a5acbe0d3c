//! A change of fact as edits of entries, and how it is told.

use super::around::seq_of;
use crate::entry::Entry;
use crate::explain::words::clean;
use crate::fact::{Instant, Time};
use crate::wire;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An edit of the entries around a decision.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A fact says something else, or happened at another time.
    Change {
        /// As it is.
        was: Arc<Entry>,
        /// As it would be.
        now: Arc<Entry>,
    },
    /// A fact more, recorded just before another.
    Add {
        /// The fact.
        now: Arc<Entry>,
        /// The one that it comes before.
        before: Arc<Entry>,
    },
    /// A fact less.
    LeaveOut {
        /// Which.
        was: Arc<Entry>,
    },
    /// A fact recorded just before the decision, and not behind it.
    InTime {
        /// As it is.
        was: Arc<Entry>,
        /// In its new place.
        now: Arc<Entry>,
        /// The decision.
        before: Arc<Entry>,
    },
}

/// One thing that would have been otherwise.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of what kind; changes of one kind are alternatives.
    pub kind: &'static str,
    /// In plain words, behind "if".
    pub words: String,
    /// What it comes to, in parts that can each be left out.
    pub parts: Vec<Part>,
    /// True if it changes every fact of its kind, where each alone may not be enough.
    pub every: bool,
}

/// What of a change stands or falls together.
#[derive(Clone, Debug)]
pub struct Part {
    /// In plain words, behind "if".
    pub words: String,
    /// What it comes to.
    pub edits: Vec<Edit>,
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

    fn time(&self) -> Option<Instant> {
        self.entry().map(|entry| entry.header.occurred_at.at)
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
    /// The edits of all its parts. Where two move the same fact, the later time serves both.
    pub fn edits(&self) -> Vec<&Edit> {
        let (mut edits, mut held): (Vec<&Edit>, BTreeMap<u64, usize>) = Default::default();
        for edit in self.parts.iter().flat_map(|part| &part.edits) {
            match edit.replaces().and_then(|place| held.insert(place, edits.len())) {
                None => edits.push(edit),
                Some(before) => {
                    held.insert(edit.replaces().expect("it is held by it"), before);
                    if edits[before].time() < edit.time() {
                        edits[before] = edit;
                    }
                }
            }
        }
        edits
    }

    /// The places of the entries that it takes away or replaces.
    pub fn replaced(&self) -> BTreeSet<u64> {
        self.edits().into_iter().filter_map(Edit::replaces).collect()
    }

    /// What is left of it with some of its parts, told as just that; `None` if that is nothing.
    pub fn with(&self, keep: impl Fn(usize) -> bool) -> Option<Change> {
        let parts: Vec<Part> =
            self.parts.iter().enumerate().filter(|(number, _)| keep(*number)).map(|(_, part)| part.clone()).collect();
        if parts.len() == self.parts.len() || parts.is_empty() {
            return (!parts.is_empty()).then(|| self.clone());
        }
        let mut words: Vec<&str> = Vec::new();
        for part in &parts {
            if !words.contains(&part.words.as_str()) {
                words.push(&part.words);
            }
        }
        Some(Change { kind: self.kind, words: words.join(", and "), parts, every: false })
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let edits: Vec<Value> = self.edits().into_iter().map(Edit::to_json).collect();
        json!({ "kind": self.kind, "if": self.words, "edits": edits })
    }

    /// True if both change the same entry.
    pub fn touches(&self, other: &Change) -> bool {
        let own = self.replaced();
        self.kind == other.kind && own.is_empty() || !own.is_disjoint(&other.replaced())
    }

    /// True if it changes all that `other`, of its kind, does, and more.
    pub fn widens(&self, other: &Change) -> bool {
        self.every && self.kind == other.kind && self.replaced().is_superset(&other.replaced())
    }

    /// True if both are ways of saying the same of the same facts.
    pub fn says(&self, other: &Change) -> bool {
        self.kind == other.kind && self.words == other.words && self.replaced() == other.replaced()
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
