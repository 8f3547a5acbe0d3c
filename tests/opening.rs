//! Opening behind the last run of the index: it must be as if the whole journal had been read.

mod common;

use common::events::{age, chat, erased};
use common::happenings::{Happenings, policy};
use common::{Scratch, check_ledger, facts};
use inforce::ledger::{Clock, Expected, Ledger, LedgerError, Options, Stream};
use serde_json::Value;
use std::path::Path;

/// Runs so short that nearly everything is behind one, in segments of a few groups.
fn options() -> Options {
    Options { run_len: 40, segment_len: 6000, ..Options::default() }
}

fn open(path: &Path) -> Ledger {
    Ledger::open_with(path, &options()).expect("opens")
}

/// Every stream goes on where it stood, every decision pins what it must, and what was recorded is known: `verify` follows
/// all of it from the first entry on.
#[test]
fn what_is_appended_behind_a_run_goes_on_as_if_all_had_been_read() {
    for seed in 0..6 {
        let (mut happenings, mut scratch) = (Happenings::new(seed), Scratch::new());
        let mut all: Vec<Value> = vec![policy("p", "house0")];
        open(&scratch.path()).append(facts(&all)).expect("appended");
        for round in 0..14 {
            let ledger = open(&scratch.path());
            for _ in 0..happenings.random.below(6) {
                let len = 1 + happenings.random.below(12);
                let group = happenings.group(len, 6);
                let outcomes = ledger.append_each(facts(&group), Clock::Ledger).expect("appended");
                assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|receipt| !receipt.duplicate)));
                all.extend(group);
            }
            // Said again, whether it is in a run, in memory, or was recorded just now. Of erased ones less is known.
            let said = &all[happenings.random.below(all.len() as u64) as usize];
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
    let (mut happenings, scratch) = (Happenings::new(8), Scratch::new());
    open(&scratch.path()).append(facts(&[policy("p", "house0")])).expect("appended");
    for round in 0..5 {
        let ledger = open(&scratch.path());
        for _ in 0..2 {
            let happened = happenings.group(400, 150);
            // An erasure would end its group.
            let group: Vec<Value> =
                happened.into_iter().filter(|event| event["type"] != "inforce.subject.erased").collect();
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
        let many: Vec<Value> =
            (0..7).map(|n| chat(&format!("i{group}-{n}"), &format!("facebook/{n}"), "a cup of tea")).collect();
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
        ledger.append(facts(&[erased("gone", "facebook/2", scope)])).expect("erased");
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
