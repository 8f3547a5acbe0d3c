//! The judge against the contract: every case, and random populations against an independent reading of it.

mod common;
#[path = "oracle/oracle.rs"]
mod oracle;
#[path = "oracle/population.rs"]
mod population;

use common::{Scratch, check_ledger, import, replayed, replayed_in_parts};
use inforce::ledger::Clock;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_case_comes_out_exactly() {
    let cases: Vec<Value> =
        include_str!("cases.jsonl").lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect();
    assert_eq!(cases.len(), 211);
    for case in cases {
        let scratch = Scratch::new();
        let clock = if case["clock"] == "recorded" { Clock::Recorded } else { Clock::Ledger };
        let ledger = scratch.open();
        let events = case["events"].as_array().expect("a list");
        assert!(import(&ledger, events, clock).iter().all(Result::is_ok), "{}", case["case"]);
        ledger.close().expect("closed");
        let expected: Vec<Value> = case["expect"].as_array().expect("a list").iter().map(sorted).collect();
        let found: Vec<Value> = replayed(&scratch.read()).iter().map(ids_only).collect();
        assert_eq!(found, expected, "{}: {}", case["case"], case["title"]);
        check_ledger(&scratch);
    }
}

/// A population that fills many pieces of what is put aside, twice over: with links, citations, conversations and late facts
/// between accounts, and with erasures that came in between.
#[test]
fn a_large_population_is_judged_in_parts_as_it_is_as_a_whole() {
    for seed in [3, 4] {
        let events = population::population(seed, 6000);
        let scratch = Scratch::new();
        let ledger = scratch.open();
        for events in events.chunks(1000) {
            import(&ledger, events, Clock::Recorded)
                .into_iter()
                .for_each(|outcome| assert!(outcome.is_ok(), "{outcome:?}"));
        }
        ledger.close().expect("closed");
        let whole = common::replay_of(&scratch.read());
        assert!(whole.len() > 300, "{} decisions", whole.len());
        assert!(replayed_in_parts(&scratch.read()) == whole, "seed {seed} in parts");
    }
}

/// A judgement as the cases write it: ids, sorted.
fn ids_only(judgement: &Value) -> Value {
    let view = |name: &str| {
        let ids = |list: &str| {
            judgement[name][list].as_array().expect("a list").iter().map(|each| each["id"].clone()).collect()
        };
        json!({ "verdict": judgement[name]["verdict"], "rules": set(ids("rules")), "findings": set(ids("findings")) })
    };
    json!({
        "decision": judgement["decision"]["id"], "seq": judgement["decision"]["seq"], "outcome": judgement["outcome"],
        "known": view("known"), "true": view("true"),
        "conformance": judgement["conformance"], "integrity": judgement["integrity"],
    })
}

fn sorted(expected: &Value) -> Value {
    let mut expected = expected.clone();
    for view in ["known", "true"] {
        for list in ["rules", "findings"] {
            expected[view][list] = set(expected[view][list].as_array().expect("a list").clone());
        }
    }
    expected
}

fn set(values: Vec<Value>) -> Value {
    let unique: BTreeSet<String> = values.iter().map(|value| value.as_str().expect("an id").to_owned()).collect();
    json!(unique)
}

/// How many populations; more with `INFORCE_SEEDS=5000 cargo test --release --test judge`.
fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("INFORCE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(60);
    let first = std::env::var("INFORCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    first..first + count
}

#[test]
fn random_populations_are_judged_as_an_independent_reading_of_the_contract_judges_them() {
    for seed in seeds() {
        let events = population::population(seed, 60 + (seed % 4) as usize * 40);
        let scratch = Scratch::new();
        let ledger = scratch.open();
        for outcome in import(&ledger, &events, Clock::Recorded) {
            outcome.unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
        }
        ledger.close().expect("closed");
        let whole = replayed(&scratch.read());
        assert_eq!(replayed_in_parts(&scratch.read()), whole, "seed {seed} in parts");
        let found: Vec<Value> = whole.iter().map(comparable).collect();
        let expected: Vec<Value> = oracle::replay(&events).iter().map(comparable).collect();
        assert_eq!(found.len(), expected.len(), "seed {seed}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "seed {seed}");
        }
        if seed % 10 == 0 {
            check_ledger(&scratch);
        }
    }
}

/// What both readings must agree on: rules with policy, version and use, findings by id.
fn comparable(judgement: &Value) -> Value {
    let mut judgement = judgement.clone();
    for view in ["known", "true"] {
        for rule in judgement[view]["rules"].as_array_mut().expect("a list") {
            let rule = rule.as_object_mut().expect("an object");
            rule.remove("refs");
            // The judge's own rules are compared by id.
            if inforce::policy::JUDGE_RULES.contains(&rule["id"].as_str().expect("an id")) {
                rule.retain(|key, _| key == "id");
            }
        }
        for list in ["rules", "findings"] {
            let values = judgement[view][list].as_array().expect("a list");
            let unique: BTreeSet<String> = values
                .iter()
                .map(|value| if list == "rules" { canonical(value) } else { value["id"].to_string() })
                .collect();
            judgement[view][list] = json!(unique);
        }
    }
    judgement
}

fn canonical(value: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let used = &value["use"];
    format!(
        "{} {} {} {} {} {}",
        text(&value["id"]),
        text(&value["policy"]),
        text(&value["version"]),
        text(&used["source"]),
        text(&used["id"]),
        used["seq"]
    )
}
