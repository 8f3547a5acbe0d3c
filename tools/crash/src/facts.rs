//! Facts that anybody can make again: the same name gives the same fact, so the checker needs no log of what was meant.

use inforce::fact::Fact;
use inforce::wire;
use serde_json::{Value, json};

/// Who handed a fact in: the round, the thread, and which of that thread's facts it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub round: u64,
    pub thread: u64,
    pub number: u64,
}

impl Name {
    /// The fact's id.
    pub fn id(self) -> String {
        format!("{}-{}-{}", self.round, self.thread, self.number)
    }

    /// The inverse of [`Name::id`].
    pub fn parse(id: &str) -> Option<Name> {
        let mut numbers = id.split('-').map(|part| part.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Name { round: next()?, thread: next()?, number: next()? })
    }
}

pub const SOURCE: &str = "//crash";
/// Accounts a thread. No two threads share one, so what happens to an account is in the order of its thread.
const ACCOUNTS: u64 = 3;
const DIGEST: &str = "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1";

/// SplitMix64 over several numbers: small, seedable, the same everywhere.
pub fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |state, &number| {
        let mut z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// The policy that the decisions are judged by: the first fact of every ledger made here.
pub fn policy() -> Fact {
    let data = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    parse("p", "inforce.policy.adopted", "meta-ai-personalization", 0, data)
}

/// The fact of that name.
pub fn fact(seed: u64, name: Name) -> Fact {
    let chance = mix(&[seed, name.round, name.thread, name.number]);
    let subject = format!("facebook/{}-{}", name.thread, mix(&[chance, 1]) % ACCOUNTS);
    let before = Name { number: name.number.saturating_sub(1), ..name }.id();
    let (kind, data) = match chance % 100 {
        0..2 => ("subject.erased", json!({ "scope": "content" })),
        2..4 => ("subject.erased", json!({ "scope": "all" })),
        4..8 => ("account.linked", json!({ "center": format!("c{}", chance % 7) })),
        8..20 => ("preference.changed", json!({ "control": "ads.topic.limit", "value": format!("t{}", chance % 11) })),
        20..50 => ("interaction.recorded", chat(name, chance)),
        50..65 => (
            "interaction.labelled",
            json!({ "target": before, "sensitive": [], "topics": [],
                    "labeller": { "name": "l", "version": "1", "digest": DIGEST } }),
        ),
        65..80 => (
            "signal.derived",
            json!({ "topic": "tea", "sources": [before], "deriver": { "name": "s", "version": "1", "digest": DIGEST } }),
        ),
        _ => (
            "decision.made",
            json!({ "purpose": "ads", "item": { "kind": "ad", "advertiser": "acme", "topics": ["tea"] }, "region": "US",
                    "signals": [before], "outcome": "served" }),
        ),
    };
    parse(&name.id(), &format!("inforce.{kind}"), &subject, name.number, data)
}

fn chat(name: Name, chance: u64) -> Value {
    // Mostly short; now and then one that fills many pages, so that a group is torn in the middle of it.
    let len = if chance.is_multiple_of(64) { 100_000 } else { mix(&[chance, 2]) % 600 };
    let text: String =
        (0..len).map(|at| char::from(b'a' + (mix(&[chance, at / 8]) >> (at % 8 * 8)) as u8 % 26)).collect();
    json!({ "agent": "assistant", "conversation": name.id(), "turn": 0, "modality": "text", "region": "US", "content": text })
}

fn parse(id: &str, kind: &str, subject: &str, second: u64, data: Value) -> Fact {
    let time = format!("2026-01-{:02}T{:02}:{:02}:00Z", 1 + second / 1440 % 28, second / 60 % 24, second % 60);
    let event = json!({ "specversion": "1.0", "id": id, "source": SOURCE, "type": kind, "subject": subject, "time": time,
                        "data": data });
    wire::parse(&event.to_string()).unwrap_or_else(|refusal| panic!("{refusal}: {event}"))
}
