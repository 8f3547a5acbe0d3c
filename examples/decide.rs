//! The story, part 2 of 3: decide.
//!
//! ```sh
//! cargo run --example decide -- story
//! ```
//!
//! Signals are derived from Ada's chats, and three ads are decided by them. Each decision is recorded with what it rests
//! on, whatever came of it, and judged by the policy in force when it was made.

use inforce::judge::{self, Ask};
use inforce::ledger::Ledger;
use inforce::wire;
use serde_json::{Value, json};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "story".to_owned()));
    let ledger = Ledger::open(&dir)?;
    let signal = |id: &str, topic: &str, source: &str| {
        let deriver = json!({ "name": "deriver", "version": "1", "digest": "cd".repeat(32) });
        let data = json!({ "topic": topic, "sources": [source], "deriver": deriver });
        event(id, "inforce.signal.derived", "2025-12-20T20:00:00Z", data)
    };
    let ad = |id: &str, topic: &str, signal: &str, outcome: &str| {
        let item = json!({ "kind": "ad", "advertiser": "shop.example", "topics": [topic] });
        let data = json!({ "purpose": "ads", "item": item, "region": "US", "signals": [signal], "outcome": outcome });
        event(id, "inforce.decision.made", "2025-12-21T08:00:00Z", data)
    };
    let facts = [
        signal("camping", "camping", "tents"),
        signal("sleeping", "sleep", "sleep"),
        ad("tent-ad", "camping", "camping", "served"),
        ad("pill-ad", "sleep", "sleeping", "suppressed"),
        ad("pillow-ad", "sleep", "sleeping", "served"),
    ];
    let facts = facts.iter().map(|fact| wire::parse(&fact.to_string())).collect::<Result<Vec<_>, _>>()?;
    ledger.append(facts)?;
    let loaded = ledger.load()?;
    assert!(loaded.bad.is_none(), "with a bad entry no verdict is worth anything");
    for decision in loaded.world.decisions() {
        let judgement = judge::judge(&loaded.world, decision, &mut Ask::Plainly);
        let name = loaded.world.name(decision).expect("nothing was erased");
        println!("{:<10} {:<13} {}", name.id, judgement.conformance.name(), judgement.known.verdict.name());
    }
    ledger.close()?;
    Ok(())
}

fn event(id: &str, kind: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//story", "type": kind, "subject": "facebook/ada", "time": time, "data": data })
}
