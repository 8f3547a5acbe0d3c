//! Bundles: what a decision rests on is in one file, says what the ledger says, and nothing of it can be changed.

mod common;
#[path = "oracle/population.rs"]
mod population;

use common::{Scratch, facts, import, replayed};
use inforce::bundle::{self, Bundle, EntryPart, Manifest, Part, Step, Trust};
use inforce::checkpoint::{SignatureLine, VerifierKey, WitnessKey};
use inforce::evidence;
use inforce::ledger::{Clock, Ledger};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn check(bundle: &Bundle, key: &VerifierKey) -> Result<Vec<Step>, bundle::Failure> {
    let mut steps = Vec::new();
    bundle::check(bundle, &Trust { key, witnesses: &[], checkpoint: None }, &mut steps).map(|_| steps)
}

/// Every decision's bundle holds, says what replay says, is read back as it was written, and is the same by index and by scan.
fn every_bundle_says_what_replay_says(scratch: &Scratch, what: &str) -> usize {
    let verdicts = replayed(&scratch.read());
    let (scanning, indexed) = (scratch.read(), Ledger::open_indexed(&scratch.path()).expect("opens"));
    for verdict in &verdicts {
        let seq = verdict["decision"]["seq"].as_u64().expect("a number");
        let made = evidence::bundle(&indexed, seq, true, None).unwrap_or_else(|error| panic!("{what}, {seq}: {error}"));
        assert_eq!(made.verdict, *verdict, "{what}, entry {seq}");
        assert_eq!(check(&made, &indexed.verifier_key()).expect("it holds").len(), bundle::STEPS.len());
        assert_eq!(Bundle::parse(&made.to_text()).as_ref(), Ok(&made), "{what}, entry {seq}");
        if seq % 7 == 0 {
            assert_eq!(evidence::bundle(&scanning, seq, true, None).expect("made"), made, "{what}, entry {seq}");
        }
    }
    verdicts.len()
}

#[test]
fn the_bundle_of_every_case_says_what_replay_says() {
    for case in include_str!("cases.jsonl").lines() {
        let case: Value = serde_json::from_str(case).expect("a case is JSON");
        let scratch = Scratch::new();
        let ledger = scratch.open();
        let clock = if case["clock"] == "recorded" { Clock::Recorded } else { Clock::Ledger };
        import(&ledger, case["events"].as_array().expect("a list"), clock);
        ledger.close().expect("closed");
        every_bundle_says_what_replay_says(&scratch, case["case"].as_str().unwrap_or_default());
    }
}

#[test]
fn the_bundle_of_every_decision_of_random_populations_says_what_replay_says() {
    let count = std::env::var("INFORCE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    let mut decisions = 0;
    for seed in 0..count {
        let scratch = Scratch::new();
        let ledger = scratch.open();
        import(&ledger, &population::population(seed, 60 + (seed % 4) as usize * 40), Clock::Recorded);
        ledger.close().expect("closed");
        decisions += every_bundle_says_what_replay_says(&scratch, &format!("seed {seed}"));
    }
    println!("{decisions} bundles of {count} populations");
}

