//! The story, part 1 of 3: record.
//!
//! ```sh
//! cargo run --example record -- story      # makes the ledger `story`; then `decide`, then `prove`
//! ```
//!
//! A platform adopts the announced policy, tells Ada about it, and records what she says to its assistant: one chat about
//! tents, one about her health. Somebody labels both. Nothing is decided yet.

use inforce::ledger::Ledger;
use inforce::wire;
use serde_json::{Value, json};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "story".to_owned()));
    let ledger = Ledger::create(&dir, Some("example.com/story"))?;
    let labeller = json!({ "name": "reader", "version": "1", "digest": "ab".repeat(32) });
    let chat = |id: &str, time: &str, content: &str| {
        let data = json!({ "agent": "assistant", "conversation": "evening", "turn": id.len(), "modality": "text", "region": "US", "content": content });
        event(id, "inforce.interaction.recorded", time, data)
    };
    let label = |id: &str, target: &str, time: &str, sensitive: Value| {
        let data = json!({ "target": target, "sensitive": sensitive, "topics": [], "labeller": labeller });
        event(id, "inforce.interaction.labelled", time, data)
    };
    let mut adopted = event(
        "p1",
        "inforce.policy.adopted",
        "2025-10-01T00:00:00Z",
        json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" }),
    );
    adopted["subject"] = json!("meta-ai-personalization");
    let facts = [
        adopted,
        event(
            "n1",
            "inforce.notice.recorded",
            "2025-10-08T09:00:00Z",
            json!({ "policy": "meta-ai-personalization", "channel": "in_product", "status": "displayed" }),
        ),
        chat("tents", "2025-12-20T19:00:00Z", "which tent stands up to a storm in the hills?"),
        label("l1", "tents", "2025-12-20T19:01:00Z", json!([])),
        chat("sleep", "2025-12-20T19:05:00Z", "i have not slept since the new tablets, is that usual?"),
        label("l2", "sleep", "2025-12-20T19:06:00Z", json!(["health"])),
    ];
    let facts = facts.iter().map(|fact| wire::parse(&fact.to_string())).collect::<Result<Vec<_>, _>>()?;
    // Whole or not at all; on disk when it returns.
    for receipt in ledger.append(facts)? {
        println!("entry {} {}", receipt.seq, receipt.hash);
    }
    println!("public key: {}", ledger.verifier_key());
    ledger.close()?;
    Ok(())
}

fn event(id: &str, kind: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//story", "type": kind, "subject": "facebook/ada", "time": time, "data": data })
}
