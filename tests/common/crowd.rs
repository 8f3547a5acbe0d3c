//! Populations beside each other, of people who have nothing to do with each other.

use inforce::fact::{Instant, Time};
use serde_json::Value;
use std::collections::HashSet;

/// The events of a few people `copies` times over, about others each time.
pub fn apart(events: &[Value], copies: usize) -> Vec<Value> {
    beside_each_other(vec![events.to_vec(); copies])
}

/// Puts populations beside each other, in the order of recording, and in turn within one instant: a ledger of a few of them
/// comes into as many parts. Events, accounts, centers and chats of each but the first get names of their own, so that no fact
/// of one leads to another's; policies are everybody's.
pub fn beside_each_other(populations: impl IntoIterator<Item = Vec<Value>>) -> Vec<Value> {
    let mut all: Vec<((Instant, usize), Value)> = Vec::new();
    for (number, events) in populations.into_iter().enumerate() {
        let ids: HashSet<String> = events.iter().filter(|event| !is_policy(event)).map(id).collect();
        let mut recorded = Instant(i64::MIN);
        for (place, mut event) in events.into_iter().enumerate() {
            // Without a stamp an event counts as recorded when it happened, or at the one before it.
            let stamp = event["recordedtime"].as_str().or(event["time"].as_str()).expect("a time");
            recorded = recorded.max(Time::parse(stamp).expect("RFC 3339").at);
            if number > 0 && !is_policy(&event) {
                rename(&mut event, &ids, number);
            }
            event["recordedtime"] = Time::utc(recorded).to_string().into();
            all.push(((recorded, place), event));
        }
    }
    all.sort_by_key(|(moment, _)| *moment);
    all.into_iter().map(|(_, event)| event).collect()
}

fn is_policy(event: &Value) -> bool {
    event["type"] == "inforce.policy.adopted"
}

fn id(event: &Value) -> String {
    event["id"].as_str().expect("an id").to_owned()
}

fn rename(value: &mut Value, ids: &HashSet<String>, number: usize) {
    match value {
        Value::String(text) if ids.contains(text) => text.push_str(&format!("~{number}")),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if matches!(&name[..], "subject" | "center" | "conversation") => {
                        text.push_str(&format!("~{number}"));
                    }
                    _ => rename(value, ids, number),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, ids, number)),
        _ => {}
    }
}
