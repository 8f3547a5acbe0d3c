//! Populations beside each other, of people who have nothing to do with each other.

use inforce::fact::{Instant, Time};
use serde_json::Value;

/// Puts populations beside each other, in the order of recording. Accounts, centers, chats and programs of each get names of
/// their own, so that no fact of one leads to another's; policies are everybody's.
pub fn beside_each_other(populations: impl IntoIterator<Item = Vec<Value>>) -> Vec<Value> {
    let mut all: Vec<(Instant, Value)> = Vec::new();
    for (number, events) in populations.into_iter().enumerate() {
        let mut recorded = Instant(i64::MIN);
        for mut event in events {
            // Without a stamp an event counts as recorded when it happened, or at the one before it.
            let stamp = event["recordedtime"].as_str().or(event["time"].as_str()).expect("a time");
            recorded = recorded.max(Time::parse(stamp).expect("RFC 3339").at);
            if event["type"] != "inforce.policy.adopted" {
                rename(&mut event, number);
            }
            event["recordedtime"] = Time::utc(recorded).to_string().into();
            all.push((recorded, event));
        }
    }
    all.sort_by_key(|(recorded, _)| *recorded);
    all.into_iter().map(|(_, event)| event).collect()
}

fn rename(value: &mut Value, number: usize) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if matches!(&name[..], "source" | "subject" | "center" | "conversation") => {
                        text.push_str(&format!("-{number}"));
                    }
                    _ => rename(value, number),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, number)),
        _ => {}
    }
}
