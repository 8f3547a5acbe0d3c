//! A small world: a person with three accounts in a center, one of which left, a chat of each, a whole conversation as
//! a source, an activity of somebody else's, late facts, and erasures.

use super::works::Ledger;
use serde_json::{Value, json};

/// An event, recorded when it happened unless `recorded` says otherwise.
fn event(kind: &str, id: &str, subject: &str, time: &str, recorded: Option<&str>, data: Value) -> String {
    let mut event = json!({
        "specversion": "1.0", "id": id, "source": "//a", "type": format!("inforce.{kind}"), "subject": subject,
        "time": time, "data": data,
    });
    if let Some(recorded) = recorded {
        event["recordedtime"] = recorded.into();
    }
    event.to_string()
}

fn program() -> Value {
    json!({"name": "m", "version": "1", "digest": "ab".repeat(32)})
}

fn chat(conversation: &str, turn: u64, content: Option<&str>) -> Value {
    let mut chat = json!({
        "agent": "assistant", "modality": "text", "region": "US", "conversation": conversation, "turn": turn,
    });
    if let Some(content) = content {
        chat["content"] = content.into();
    }
    chat
}

/// What was known when the decision `d1` was made.
fn before() -> Vec<String> {
    let at = |kind: &str, id: &str, subject: &str, time: &str, data| event(kind, id, subject, time, None, data);
    let pack = |pack: &str, role: &str| json!({"version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": pack, "role": role, "params": {}});
    let label = |target: &str| json!({"target": target, "sensitive": [], "topics": ["tea"], "labeller": program()});
    let link = || json!({"center": "c1"});
    let (f, i, w) = ("facebook/s1", "instagram/s1", "whatsapp/s1");
    vec![
        at(
            "policy.adopted",
            "p1",
            "meta-ai-personalization",
            "2025-10-01T09:00:00Z",
            pack("meta-ai-personalization", "platform"),
        ),
        at("policy.adopted", "p2", "overlay-minors", "2025-10-01T09:00:00Z", pack("overlay-minors", "overlay")),
        at("account.linked", "l1", f, "2025-12-01T00:00:00Z", link()),
        at("account.linked", "l2", i, "2025-12-01T00:00:01.5+09:00", link()),
        at("account.linked", "l3", w, "2025-12-02T00:00:00Z", link()),
        at(
            "notice.recorded",
            "n1",
            f,
            "2025-12-03T00:00:00Z",
            json!({"policy": "meta-ai-personalization", "channel": "in_product", "status": "delivered"}),
        ),
        at(
            "permission.changed",
            "m1",
            f,
            "2025-12-04T00:00:00Z",
            json!({"permission": "microphone", "state": "granted"}),
        ),
        at("age.observed", "a1", i, "2025-12-05T00:00:00Z", json!({"band": "adult"})),
        at("interaction.recorded", "i1", f, "2025-12-17T09:00:00Z", chat("k1", 1, Some("I like tea"))),
        at("interaction.labelled", "i1-label", f, "2025-12-17T09:01:00Z", label("i1")),
        at("interaction.recorded", "i2", i, "2025-12-17T10:00:00Z", chat("k2", 1, Some("and scones"))),
        at("interaction.labelled", "i2-label", "threads/labels", "2025-12-17T10:01:00Z", label("i2")),
        at("interaction.recorded", "i3", i, "2025-12-17T10:02:00Z", chat("k2", 2, None)),
        at("interaction.recorded", "i4", w, "2025-12-17T11:00:00Z", chat("k3", 1, Some("to be forgotten"))),
        at(
            "activity.recorded",
            "x1",
            "threads/else",
            "2025-12-17T12:00:00Z",
            json!({"activity": "page_like", "topics": ["tea"]}),
        ),
        at(
            "signal.derived",
            "g1",
            f,
            "2025-12-18T00:00:00Z",
            json!({"topic": "tea", "sources": ["i1", "x1", "nowhere"], "deriver": program()}),
        ),
        at(
            "signal.derived",
            "g2",
            i,
            "2025-12-18T00:00:01Z",
            json!({"topic": "tea", "sources": ["g1", {"conversation": "k2"}], "deriver": program()}),
        ),
        at("account.unlinked", "l4", w, "2025-12-18T12:00:00Z", link()),
        at(
            "preference.changed",
            "r1",
            i,
            "2025-12-19T00:00:00Z",
            json!({"control": "ads.topic.limit", "value": "cars"}),
        ),
        at(
            "decision.made",
            "d1",
            f,
            "2025-12-20T12:00:00Z",
            json!({
                "purpose": "ads", "item": {"kind": "ad", "advertiser": "acme", "topics": ["tea"]}, "region": "US",
                "signals": ["g1", "g2"], "outcome": "served",
            }),
        ),
    ]
}

/// What was recorded after it.
fn after() -> Vec<String> {
    vec![
        event(
            "preference.changed",
            "late",
            "instagram/s1",
            "2025-12-19T12:00:00Z",
            Some("2026-01-01T00:00:00.25Z"),
            json!({"control": "ads.topic.limit", "value": "tea"}),
        ),
        event(
            "notice.recorded",
            "n2",
            "facebook/s1",
            "2026-01-02T00:00:00Z",
            None,
            json!({"policy": "meta-ai-personalization", "channel": "email", "status": "sent"}),
        ),
        event(
            "subject.erased",
            "e1",
            "instagram/s1",
            "2026-01-03T00:00:00.5+01:00",
            Some("2026-01-03T00:00:00.12345Z"),
            json!({"scope": "content"}),
        ),
        event("subject.erased", "e2", "whatsapp/s1", "2026-01-04T00:00:00Z", None, json!({"scope": "all"})),
        event(
            "decision.made",
            "d2",
            "facebook/s1",
            "2026-01-05T00:00:00Z",
            None,
            json!({
                "purpose": "ads", "item": {"kind": "ad", "topics": ["tea"]}, "region": "US", "signals": ["g2"],
                "outcome": "suppressed",
            }),
        ),
        event(
            "decision.made",
            "d3",
            "threads/else",
            "2026-01-06T00:00:00Z",
            None,
            json!({"purpose": "ads", "item": {"kind": "ad", "topics": ["tea"]}, "signals": [], "outcome": "served"}),
        ),
    ]
}

/// A ledger of the first part. `go_on` adds the second.
pub fn ledger() -> Ledger {
    let ledger = Ledger::new();
    ledger.import(&before(), true);
    ledger
}

pub fn go_on(ledger: &Ledger) {
    ledger.import(&after(), true);
    assert!(ledger.run(&["attest", "d1"]).status.success());
}
