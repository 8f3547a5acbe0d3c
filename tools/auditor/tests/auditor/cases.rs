//! Every bundle of every case holds in both programs, and both agree about what must be shown.

use super::forge::{Forged, member, seq};
use super::works::{Ledger, root};
use inforce_auditor::Json;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

fn cases() -> Vec<Value> {
    let lines = std::fs::read_to_string(root().join("tests/cases.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs for each case, on two threads.
fn each_case(check: impl Fn(&str, &Ledger, &str) + Sync) {
    let (cases, next) = (cases(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ledger = Ledger::new();
                    let events = case["events"].as_array().unwrap();
                    let events: Vec<String> = events.iter().map(Value::to_string).collect();
                    ledger.import(&events, case["clock"] == "recorded");
                    for expected in case["expect"].as_array().unwrap() {
                        check(case["case"].as_str().unwrap(), &ledger, &format!("#{}", expected["seq"]));
                    }
                }
            });
        }
    });
}

#[test]
fn every_bundle_of_every_case_holds_in_both_programs() {
    let seen = AtomicUsize::new(0);
    each_case(|case, ledger, decision| {
        let bundle = ledger.bundle(decision, true).unwrap_or_else(|why| panic!("{case} {decision}: {why}"));
        assert_eq!(ledger.audit(&bundle).failed(), None, "{case} {decision}");
        assert_eq!(ledger.verify(&bundle), None, "{case} {decision}");
        seen.fetch_add(1, Ordering::Relaxed);
    });
    assert!(seen.into_inner() > 200);
}

/// Takes back one opening after the other. Both programs must miss the same bodies.
pub fn withheld(ledger: &Ledger, bundle: &[u8], say: &str) -> usize {
    let (mut refused, mut wrong) = (0, Vec::new());
    for place in 0..Forged::of(bundle).list("entries").len() {
        let mut forged = Forged::of(bundle);
        let entry = &mut forged.list("entries")[place];
        let (seq, body) = (seq(entry), member(entry, "body"));
        let public = body.member("open").and_then(|open| open.member("key")) == Some(&Json::String("0".repeat(64)));
        if body.member("open").is_none() || public {
            continue;
        }
        *body = Json::String("withheld".to_owned());
        let sealed = forged.sealed(ledger);
        let (ours, theirs) = (ledger.audit(&sealed), ledger.verify(&sealed));
        // Names of the decision or of a stream may be what is missed. The judge misses more than an auditor can.
        if ours.holds() != theirs.is_none() {
            wrong.push(format!("{say}, entry {seq}: {:?}, {theirs:?}", ours.failed()));
        }
        refused += usize::from(!ours.holds());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    refused
}

#[test]
#[ignore = "thousands of runs of the program; the world below is the sample of every run"]
fn both_programs_miss_the_same_bodies_in_every_case() {
    let wrong = std::sync::Mutex::new(Vec::new());
    each_case(|case, ledger, decision| {
        let Ok(bundle) = ledger.bundle(decision, false) else { return };
        let say = format!("{case} {decision}");
        if let Err(why) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| withheld(ledger, &bundle, &say))) {
            wrong.lock().unwrap().push(why.downcast_ref::<String>().cloned());
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
