//! Events that tests hand in.

use serde_json::{Value, json};

pub fn event(id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//test", "type": kind, "subject": subject, "time": time, "data": data })
}

pub fn age(id: &str, subject: &str) -> Value {
    event(id, "inforce.age.observed", subject, "2025-12-20T12:00:00Z", json!({ "band": "adult" }))
}

pub fn chat(id: &str, subject: &str, content: &str) -> Value {
    let data = json!({ "agent": "assistant", "conversation": format!("c-{id}"), "turn": 0, "modality": "text", "region": "US", "content": content });
    event(id, "inforce.interaction.recorded", subject, "2025-12-20T12:00:00Z", data)
}

pub fn erased(id: &str, subject: &str, scope: &str) -> Value {
    event(id, "inforce.subject.erased", subject, "2025-12-21T12:00:00Z", json!({ "scope": scope }))
}

pub fn signal(id: &str, subject: &str, chat: &str) -> Value {
    let deriver = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
    let data = json!({ "topic": "tea", "sources": [chat], "deriver": deriver });
    event(id, "inforce.signal.derived", subject, "2025-12-20T13:00:00Z", data)
}

pub fn decision(id: &str, subject: &str, signal: &str) -> Value {
    let data = json!({ "purpose": "ads", "item": { "kind": "ad", "topics": ["tea"] }, "region": "US", "signals": [signal], "outcome": "served" });
    event(id, "inforce.decision.made", subject, "2025-12-24T18:00:00Z", data)
}

pub fn policy(id: &str) -> Value {
    let data = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    event(id, "inforce.policy.adopted", "meta-ai-personalization", "2025-10-01T00:00:00Z", data)
}
