//! Groups that are large enough to be recorded on several threads: each is what one thread would have made of it. Those that
//! a full disk refuses are in `disk/full.rs`.

mod common;

use common::happenings::{Happenings, policy};
use common::{Scratch, check_ledger, check_recorded, import};
use inforce::ledger::{Clock, Ledger, Options};
use std::path::Path;

/// Groups a round, facts a group: an erasure ends its group, and so parts of one are recorded one after another.
const GROUPS: u64 = 2;
const FACTS: u64 = 300;
const ACCOUNTS: u64 = 60;

/// Runs and segments of less than a group.
fn open(path: &Path) -> Ledger {
    Ledger::open_with(path, &Options { run_len: 150, segment_len: 60_000, ..Options::default() }).expect("opens")
}

/// Some rounds of a ledger's life, after each of which it is closed and opened behind the last run of its index.
fn live(seed: u64, rounds: u64) {
    let (mut happenings, scratch) = (Happenings::for_large_groups(seed), Scratch::new());
    let (mut given, mut receipts) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let ledger = open(&scratch.path());
        for number in 0..GROUPS {
            let mut group = happenings.group(FACTS, ACCOUNTS);
            if given.is_empty() {
                group.insert(0, policy("p", "house0"));
            }
            let outcomes = import(&ledger, &group, Clock::Ledger);
            receipts.extend(outcomes.into_iter().map(|outcome| outcome.expect("nothing is refused")));
            given.extend(group);
            let beside = scratch.read().verify().expect("verifies").problems;
            assert_eq!(beside, [], "seed {seed}, round {round}, beside the writer after group {number}");
        }
        ledger.close().expect("closed");
        assert_eq!(scratch.read().verify().expect("verifies").problems, [], "seed {seed}, round {round}");
    }
    check_recorded(&scratch.read(), &given, &receipts).expect("read");
    check_ledger(&scratch);
}

/// They share the threads that recording works on.
#[test]
fn several_ledgers_at_once_record_large_groups_as_each_would_alone() {
    std::thread::scope(|scope| {
        for seed in 0..3 {
            scope.spawn(move || live(seed, 4));
        }
    });
}
