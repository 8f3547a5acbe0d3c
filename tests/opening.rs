//! Opening behind the last run of the index: it must be as if the whole journal had been read.

mod common;

use common::{Scratch, check_ledger, facts};
use inforce::ledger::{Clock, Expected, Ledger, LedgerError, Options, Stream};
use serde_json::{Value, json};
use std::path::Path;

/// Runs so short that nearly everything is behind one, in segments of a few groups.
fn options() -> Options {
    Options { run_len: 40, segment_len: 6000, ..Options::default() }
}

fn open(path: &Path) -> Ledger {
    Ledger::open_with(path, &options()).expect("opens")
}

fn event(id: &str, kind: &str, subject: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//test", "type": format!("inforce.{kind}"), "subject": subject,
            "time": "2026-01-20T12:00:00Z", "data": data })
}

fn age(id: &str, subject: &str) -> Value {
    event(id, "age.observed", subject, json!({ "band": "adult" }))
}

fn chat(id: &str, subject: &str) -> Value {
    let data = json!({ "agent": "assistant", "conversation": id, "turn": 0, "modality": "text", "region": "US", "content": format!("about {id}") });
    event(id, "interaction.recorded", subject, data)
}

fn policy(id: &str, name: &str) -> Value {
    let cedar = "@id(\"ok\") permit (principal, action, resource);";
    let data = json!({ "version": id, "in_force_from": "2025-12-01T00:00:00Z", "role": "platform", "cedar": cedar });
    event(id, "policy.adopted", name, data)
}

fn below(state: &mut u64, n: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 31) % n
}

/// Something that happens to one of `accounts` accounts: most of it changes what the next decision pins.
fn happening(number: u64, accounts: u64, random: &mut u64) -> Value {
    let (id, subject) = (format!("e{number}"), format!("facebook/{}", below(random, accounts)));
    let center = json!({ "center": format!("c{}", below(random, accounts / 3)) });
    match below(random, 20) {
        0..4 => event(&id, "account.linked", &subject, center),
        4..6 => event(&id, "account.unlinked", &subject, center),
        6..11 => {
            let item = json!({ "kind": "ad", "advertiser": "acme", "topics": ["tea"] });
            event(
                &id,
                "decision.made",
                &subject,
                json!({ "purpose": "ads", "item": item, "region": "US", "signals": [], "outcome": "served" }),
            )
        }
        11 => policy(&id, &format!("house{}", below(random, 2))),
        12 => event(
            &id,
            "subject.erased",
            &subject,
            json!({ "scope": if below(random, 3) == 0 { "all" } else { "content" } }),
        ),
        13..16 => chat(&id, &subject),
        _ => age(&id, &subject),
    }
}

/// Every stream goes on where it stood, every decision pins what it must, and what was recorded is known: `verify` follows
/// all of it from the first entry on.
#[test]
fn what_is_appended_behind_a_run_goes_on_as_if_all_had_been_read() {
    for seed in 0..6 {
        let (mut random, mut number, mut scratch) = (seed, 0, Scratch::new());
        let mut all: Vec<Value> = vec![policy("p", "house0")];
        open(&scratch.path()).append(facts(&all)).expect("appended");
        for round in 0..14 {
            let ledger = open(&scratch.path());
            for _ in 0..below(&mut random, 6) {
                let group: Vec<Value> = (0..1 + below(&mut random, 12))
                    .map(|_| {
                        number += 1;
                        happening(number, 6, &mut random)
                    })
                    .collect();
                let outcomes = ledger.append_each(facts(&group), Clock::Ledger).expect("appended");
                assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|receipt| !receipt.duplicate)));
                all.extend(group);
            }
            // Said again, whether it is in a run, in memory, or was recorded just now. Of erased ones less is known.
            let said = &all[below(&mut random, all.len() as u64) as usize];
            let again = ledger.append_each(facts(std::slice::from_ref(said)), Clock::Ledger).expect("asked");
            assert!(again[0].as_ref().is_ok_and(|receipt| receipt.duplicate), "seed {seed}: {said}: {again:?}");
            assert_eq!(ledger.size().expect("known"), all.len() as u64);
            if round % 3 == 1 {
                // As a kill leaves it.
                scratch = scratch.copied_open(ledger);
            } else {
                ledger.close().expect("closed");
            }
            let report = scratch.read().verify().expect("verifies");
            assert_eq!((report.problems, report.size.0), (vec![], all.len() as u64), "seed {seed}, round {round}");
        }
        check_ledger(&scratch);
    }
}

/// Groups that are large enough to be looked up on all threads, about accounts of which most are met again.
#[test]
fn large_groups_behind_a_run_go_on_as_well() {
    let (mut random, mut number, scratch) = (8, 0, Scratch::new());
    open(&scratch.path()).append(facts(&[policy("p", "house0")])).expect("appended");
    for round in 0..5 {
        let ledger = open(&scratch.path());
        for _ in 0..2 {
            let happened = (0..400).map(|_| {
                number += 1;
                happening(number, 150, &mut random)
            });
            // An erasure would end its group.
            let group: Vec<Value> = happened.filter(|event| event["type"] != "inforce.subject.erased").collect();
            ledger.append(facts(&group)).expect("appended");
        }
        ledger.close().expect("closed");
        assert_eq!(scratch.read().verify().expect("verifies").problems, vec![], "round {round}");
    }
    check_ledger(&scratch);
}

trait CopiedOpen {
    fn copied_open(&self, ledger: Ledger) -> Scratch;
}

impl CopiedOpen for Scratch {
    fn copied_open(&self, ledger: Ledger) -> Scratch {
        let copy = Scratch::empty();
        common::copy_folder(&self.path(), &copy.path());
        drop(ledger);
        copy
    }
}

/// A ledger of several segments whose last run covers nearly all of it.
fn long() -> Scratch {
    let scratch = Scratch::new();
    let ledger = open(&scratch.path());
    ledger.append(facts(&[policy("p", "house")])).expect("appended");
    for group in 0..30 {
        let many: Vec<Value> = (0..7).map(|n| chat(&format!("i{group}-{n}"), &format!("facebook/{n}"))).collect();
        ledger.append(facts(&many)).expect("appended");
    }
    ledger.close().expect("closed");
    scratch
}

fn segment(scratch: &Scratch, number: u32) -> std::path::PathBuf {
    scratch.path().join(format!("journal/{number:08}.seg"))
}

#[test]
fn streams_that_were_not_read_are_at_the_revision_that_is_expected() {
    let scratch = long();
    let ledger = open(&scratch.path());
    let append = |id: &str, stream: Stream, revision: Option<u64>| {
        ledger.append_expecting(facts(&[age(id, "facebook/3")]), &[Expected { stream, revision }])
    };
    let account = |name: &str| Stream::Account(name.to_owned());
    assert!(matches!(append("a", account("facebook/3"), Some(28)), Err(LedgerError::Conflict { .. })));
    append("a", account("facebook/3"), Some(29)).expect("as expected");
    append("b", account("facebook/3"), Some(30)).expect("as expected");
    append("c", Stream::Policy("house".to_owned()), Some(0)).expect("as expected");
    append("d", Stream::Center("none".to_owned()), None).expect("as expected");
    append("e", account("facebook/nobody"), None).expect("as expected");
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

/// Bit rot where nothing is read: opening goes by, and whoever reads the entry is told, `verify` above all.
#[test]
fn what_rotted_before_the_last_run_is_told_by_whoever_reads_it() {
    let scratch = long();
    let path = segment(&scratch, 1);
    let mut bytes = std::fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    let ledger = open(&scratch.path());
    ledger.append(facts(&[age("more", "facebook/0")])).expect("appended");
    let problems = ledger.verify().expect("read").problems;
    let bad = problems.first().expect("named").seq;
    assert!(ledger.entry(bad).is_err(), "{problems:?}");
    assert!(ledger.reindex().is_err(), "the journal is read as a whole");
    drop(ledger);
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    check_ledger(&scratch);
}

/// What is not rot is refused as ever: no boundary of a segment is passed over, whatever the runs cover.
#[test]
fn a_segment_that_is_missing_cut_or_another_one_is_refused() {
    let whole = long();
    let other = long();
    for number in 0..3 {
        for how in ["missing", "cut", "longer", "another", "header"] {
            let scratch = whole.copied();
            let path = segment(&scratch, number);
            let bytes = std::fs::read(&path).expect("readable");
            match how {
                "missing" => std::fs::remove_file(&path),
                "cut" => std::fs::write(&path, &bytes[..bytes.len() - 9]),
                "longer" => std::fs::write(&path, [&bytes[..], &[7; 40]].concat()),
                "header" => std::fs::write(&path, [&[bytes[0] ^ 1], &bytes[1..]].concat()),
                _ => std::fs::copy(segment(&other, number), &path).map(drop),
            }
            .expect("done");
            let refused = Ledger::open_with(&scratch.path(), &options());
            assert!(refused.is_err(), "segment {number} {how}");
        }
    }
    // All of an earlier moment, but for the checkpoint: rolled back.
    let scratch = whole.copied();
    let ledger = open(&scratch.path());
    ledger.append(facts(&[age("later", "facebook/0")])).expect("appended");
    ledger.close().expect("closed");
    for folder in ["journal", "tree", "index"] {
        std::fs::remove_dir_all(scratch.path().join(folder)).expect("removed");
        common::copy_folder(&whole.path().join(folder), &scratch.path().join(folder));
    }
    let refused = Ledger::open_with(&scratch.path(), &options()).map(drop);
    assert!(matches!(refused, Err(LedgerError::RolledBack(_))), "{refused:?}");
}

/// A tree that is not the one that was written is made again, though runs cover it.
#[test]
fn a_tree_that_does_not_fit_is_made_again() {
    for file in ["leaves", "level-1"] {
        for how in ["missing", "cut", "flipped"] {
            let scratch = Scratch::new();
            let ledger = open(&scratch.path());
            for group in 0..30 {
                let many: Vec<Value> = (0..20).map(|n| age(&format!("a{group}-{n}"), "facebook/0")).collect();
                ledger.append(facts(&many)).expect("appended");
            }
            ledger.close().expect("closed");
            let path = scratch.path().join("tree").join(file);
            let mut bytes = std::fs::read(&path).expect("readable");
            let last = bytes.len() - 1;
            match how {
                "missing" => std::fs::remove_file(&path),
                "cut" => std::fs::write(&path, &bytes[..last]),
                _ => {
                    bytes[last] ^= 1;
                    std::fs::write(&path, &bytes)
                }
            }
            .expect("done");
            open(&scratch.path()).close().expect("closed");
            check_ledger(&scratch);
        }
    }
}

/// A keyring of an earlier moment, put back by hand: what was erased since is erased again.
#[test]
fn a_keyring_of_an_earlier_moment_undoes_no_erasure() {
    for scope in ["content", "all"] {
        let scratch = long();
        let keyring = std::fs::read(scratch.path().join("keyring")).expect("readable");
        let ledger = open(&scratch.path());
        ledger
            .append(facts(&[event("gone", "subject.erased", "facebook/2", json!({ "scope": scope }))]))
            .expect("erased");
        let many: Vec<Value> = (0..50).map(|n| age(&format!("after{n}"), "facebook/1")).collect();
        ledger.append(facts(&many)).expect("appended");
        ledger.close().expect("closed");
        std::fs::write(scratch.path().join("keyring"), keyring).expect("put back");
        let ledger = open(&scratch.path());
        let entry = ledger.entry(3).expect("read").expect("there");
        assert_eq!((entry.content, entry.record.is_some()), (None, scope == "content"));
        ledger.close().expect("closed");
        check_ledger(&scratch);
    }
}
