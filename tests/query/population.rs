//! People who talk, choose and link, and decisions about them.

use crate::common::events::event;
use crate::common::{Scratch, import};
use inforce::ledger::Clock;
use serde_json::{Value, json};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    pub fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

pub const ACCOUNTS: &[&str] = &["facebook/a", "facebook/b", "instagram/c", "instagram/d", "whatsapp/e"];
pub const TOPICS: &[&str] = &["tea", "cars", "pets"];
pub const REGIONS: &[&str] = &["US", "BR", "DE"];
pub const ADVERTISERS: &[&str] = &["x.example", "y.example"];
pub const CAMPAIGNS: &[&str] = &["spring", "fall"];

/// A moment after 2025-12-17, in hours.
pub fn hours(count: u64) -> String {
    let (day, hour) = (17 + count / 24, count % 24);
    if day <= 31 {
        format!("2025-12-{day:02}T{hour:02}:00:00Z")
    } else {
        format!("2026-01-{:02}T{hour:02}:00:00Z", day - 31)
    }
}

/// Two versions of a policy, people who link, choose and talk, and decisions about them; some facts come late.
pub fn population(seed: u64, count: u64) -> Vec<Value> {
    let (mut random, mut events) = (Random(seed), Vec::new());
    for (version, from) in [("1", "2025-12-16T00:00:00Z"), ("2", "2026-01-01T00:00:00Z")] {
        let data = json!({ "version": version, "in_force_from": from, "pack": "meta-ai-personalization" });
        let mut adopted = event(
            &format!("p{version}"),
            "inforce.policy.adopted",
            "meta-ai-personalization",
            "2025-10-01T00:00:00Z",
            data,
        );
        adopted["recordedtime"] = "2025-10-01T00:00:00Z".into();
        events.push(adopted);
    }
    for (number, account) in ACCOUNTS.iter().enumerate().take(4) {
        let data = json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" });
        let mut notice = event(&format!("n{number}"), "inforce.notice.recorded", account, "2025-10-09T10:00:00Z", data);
        notice["recordedtime"] = "2025-10-09T10:00:00Z".into();
        events.push(notice);
    }
    let (mut chats, mut signals) = (Vec::new(), Vec::new());
    for number in 0..count {
        let recorded = 2 + number * 2;
        let late = if random.below(6) == 0 { random.below(40) } else { 0 };
        let (account, topic) = (random.of(ACCOUNTS), random.of(TOPICS));
        let (id, region) = (format!("e{number}"), random.of(REGIONS));
        let kind = if number < 4 { 0 } else { random.below(16) };
        let deriver = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
        let (kind, data) = match kind {
            0..=2 => {
                chats.push(id.clone());
                let data = json!({ "agent": random.of(&["assistant", "assistant", "human"]), "conversation": id, "turn": 0,
                    "modality": "text", "region": region, "content": format!("a secret of {id}") });
                ("interaction.recorded", data)
            }
            3..=4 => {
                let target = chats[random.below(chats.len() as u64) as usize].clone();
                let sensitive: &[&str] = if random.below(4) == 0 { &["health"] } else { &[] };
                (
                    "interaction.labelled",
                    json!({ "target": target, "sensitive": sensitive, "topics": [topic], "labeller": deriver }),
                )
            }
            5..=6 => {
                signals.push(id.clone());
                let source = chats[random.below(chats.len() as u64) as usize].clone();
                ("signal.derived", json!({ "topic": topic, "sources": [source], "deriver": deriver }))
            }
            7 => ("account.linked", json!({ "center": random.of(&["c1", "c2"]) })),
            8 => ("account.unlinked", json!({ "center": random.of(&["c1", "c2"]) })),
            9 => {
                let (control, value) = match random.below(5) {
                    0 => ("ads.topic.limit", topic),
                    1 => ("ads.topic.unlimit", topic),
                    2 => ("ads.advertiser.block", random.of(ADVERTISERS)),
                    3 => ("ads.advertiser.unblock", random.of(ADVERTISERS)),
                    _ => ("privacy.gpc", random.of(&["on", "off"])),
                };
                ("preference.changed", json!({ "control": control, "value": value }))
            }
            10 => ("age.observed", json!({ "band": random.of(&["adult", "minor"]) })),
            _ => {
                let cited: Vec<String> = match signals.len() as u64 {
                    0 => Vec::new(),
                    len => vec![signals[random.below(len) as usize].clone()],
                };
                let mut item = json!({ "kind": random.of(&["ad", "post"]), "topics": [topic] });
                if random.below(3) > 0 {
                    item["advertiser"] = random.of(ADVERTISERS).into();
                    item["campaign"] = random.of(CAMPAIGNS).into();
                }
                let data = json!({ "purpose": random.of(&["ads", "ads", "content"]), "item": item, "region": region, "signals": cited,
                    "outcome": random.of(&["served", "served", "suppressed"]) });
                ("decision.made", data)
            }
        };
        let mut made = event(&id, &format!("inforce.{kind}"), account, &hours(recorded.saturating_sub(late)), data);
        made["recordedtime"] = hours(recorded).into();
        events.push(made);
    }
    events
}

pub fn ledger_of(events: &[Value]) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    for outcome in import(&ledger, events, Clock::Recorded) {
        outcome.unwrap_or_else(|refusal| panic!("{refusal}"));
    }
    ledger.close().expect("closed");
    scratch
}

pub fn decided(id: &str, account: &str, time: &str, signal: &str, advertiser: &str, topic: &str) -> Value {
    let data = json!({ "purpose": "ads", "item": { "kind": "ad", "advertiser": advertiser, "topics": [topic] }, "region": "US",
        "signals": [signal], "outcome": "served" });
    event(id, "inforce.decision.made", account, time, data)
}

/// One person with two accounts, who limits, blocks and unlinks, and is shown ads all the same.
pub fn ignored() -> Vec<Value> {
    let chose = |id: &str, control: &str, value: &str, time: &str| {
        event(id, "inforce.preference.changed", "facebook/a", time, json!({ "control": control, "value": value }))
    };
    let center = json!({ "center": "c1" });
    let notice = json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" });
    let chat = json!({ "agent": "assistant", "conversation": "k", "turn": 0, "modality": "text", "region": "US", "content": "tea?" });
    let program = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
    let label = json!({ "target": "i", "sensitive": [], "topics": ["tea"], "labeller": program });
    let signal = json!({ "topic": "tea", "sources": ["i"], "deriver": program });
    let policy = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    let mut events = vec![
        event("p", "inforce.policy.adopted", "meta-ai-personalization", "2025-10-01T00:00:00Z", policy),
        event("n", "inforce.notice.recorded", "instagram/b", "2025-10-09T00:00:00Z", notice),
        event("l1", "inforce.account.linked", "facebook/a", "2025-12-17T00:00:00Z", center.clone()),
        event("l2", "inforce.account.linked", "instagram/b", "2025-12-17T00:00:00Z", center.clone()),
        event("i", "inforce.interaction.recorded", "instagram/b", "2025-12-18T00:00:00Z", chat),
        event("la", "inforce.interaction.labelled", "instagram/b", "2025-12-18T00:10:00Z", label),
        event("s", "inforce.signal.derived", "instagram/b", "2025-12-18T01:00:00Z", signal),
        decided("d0", "facebook/a", "2025-12-18T02:00:00Z", "s", "x.example", "tea"),
        chose("c1", "ads.topic.limit", "tea", "2025-12-19T00:00:00Z"),
        decided("d1", "facebook/a", "2025-12-20T00:00:00Z", "s", "x.example", "tea"),
        chose("c2", "ads.topic.limit", "tea", "2025-12-20T06:00:00Z"),
        decided("d2", "facebook/a", "2025-12-22T00:00:00Z", "s", "x.example", "tea"),
        chose("c3", "ads.topic.unlimit", "tea", "2025-12-23T00:00:00Z"),
        chose("c4", "ads.advertiser.block", "x.example", "2025-12-23T00:00:00Z"),
        decided("d3", "facebook/a", "2025-12-23T12:00:00Z", "s", "x.example", "tea"),
        chose("c5", "ads.advertiser.unblock", "x.example", "2025-12-24T00:00:00Z"),
        event("u", "inforce.account.unlinked", "instagram/b", "2025-12-25T00:00:00Z", center),
        decided("d4", "facebook/a", "2025-12-28T00:00:00Z", "s", "x.example", "tea"),
    ];
    for event in &mut events {
        event["recordedtime"] = event["time"].clone();
    }
    events
}
