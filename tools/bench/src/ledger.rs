//! A ledger of a given size: five facts a decision (notice, chat, label, signal, decision), four decisions an account.

use inforce::ledger::{Clock, Ledger};
use inforce::wire;
use serde_json::{Value, json};
use std::path::Path;

fn event(id: String, kind: &str, subject: &str, time: &str, data: Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "//bench", "type": kind, "subject": subject, "time": time, "data": data })
        .to_string()
}

/// Makes it in `dir`, with one policy, and closes it.
pub fn make(dir: &Path, entries: u64) -> Result<(), Box<dyn std::error::Error>> {
    let ledger = Ledger::create(dir, Some("inforce/bench"))?;
    let pack = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    let adopted = event("p1".into(), "inforce.policy.adopted", "meta", "2025-10-01T00:00:00Z", pack);
    ledger.append(vec![wire::parse(&adopted)?])?;
    let program = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
    let decisions = entries / 5;
    for first in (0..decisions).step_by(1000) {
        let mut facts = Vec::with_capacity(5000);
        for n in first..(first + 1000).min(decisions) {
            let subject = format!("facebook/u{}", n % (decisions / 4).max(1));
            let notice = json!({ "policy": "meta", "channel": "email", "status": "delivered" });
            let chat = json!({ "agent": "assistant", "conversation": format!("c{n}"), "turn": 0, "modality": "text",
                "region": "US", "content": "which tent stands up to a storm in the hills?" });
            let label =
                json!({ "target": format!("i{n}"), "sensitive": [], "topics": ["camping"], "labeller": program });
            let signal = json!({ "topic": "camping", "sources": [format!("i{n}")], "deriver": program });
            let decision = json!({ "purpose": "ads", "item": { "kind": "ad", "advertiser": "shop.example", "topics": ["camping"] },
                "region": "US", "signals": [format!("s{n}")], "outcome": "served" });
            for line in [
                event(format!("n{n}"), "inforce.notice.recorded", &subject, "2025-10-08T09:00:00Z", notice),
                event(format!("i{n}"), "inforce.interaction.recorded", &subject, "2025-12-20T09:00:00Z", chat),
                event(format!("l{n}"), "inforce.interaction.labelled", &subject, "2025-12-20T09:01:00Z", label),
                event(format!("s{n}"), "inforce.signal.derived", &subject, "2025-12-20T09:02:00Z", signal),
                event(format!("d{n}"), "inforce.decision.made", &subject, "2025-12-21T09:00:00Z", decision),
            ] {
                facts.push(wire::parse(&line)?);
            }
        }
        ledger.append_each(facts, Clock::Ledger)?;
    }
    Ok(ledger.close()?)
}
