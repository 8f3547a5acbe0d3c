//! The ledger as a library: groups, receipts, conflicts, erasure, reopening, sharing.

mod common;

use common::{Scratch, check_ledger, facts, import, replayed};
use inforce::disk::RealDisk;
use inforce::keyring::Keyring;
use inforce::ledger::{Clock, Expected, Ledger, LedgerError, Options, Stream};
use inforce::merkle::{self, TreeSize};
use rayon::prelude::*;
use serde_json::{Value, json};

fn event(id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//test", "type": kind, "subject": subject, "time": time, "data": data })
}

fn age(id: &str, subject: &str) -> Value {
    event(id, "inforce.age.observed", subject, "2025-12-20T12:00:00Z", json!({ "band": "adult" }))
}

fn chat(id: &str, subject: &str, content: &str) -> Value {
    let data = json!({ "agent": "assistant", "conversation": format!("c-{id}"), "turn": 0, "modality": "text", "region": "US", "content": content });
    event(id, "inforce.interaction.recorded", subject, "2025-12-20T12:00:00Z", data)
}

fn erased(id: &str, subject: &str, scope: &str) -> Value {
    event(id, "inforce.subject.erased", subject, "2025-12-21T12:00:00Z", json!({ "scope": scope }))
}

#[test]
fn a_group_is_appended_whole_or_not_at_all() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let receipts = ledger.append(facts(&[age("1", "facebook/a"), age("2", "facebook/b")])).expect("appended");
    assert_eq!(
        receipts.iter().map(|receipt| (receipt.seq, receipt.duplicate)).collect::<Vec<_>>(),
        [(0, false), (1, false)]
    );
    assert_eq!(receipts[1].size.0, 2);
    // The second fact conflicts with what was recorded: the first is not appended either.
    let refused = ledger.append(facts(&[age("3", "facebook/c"), age("1", "facebook/other")]));
    assert!(matches!(refused, Err(LedgerError::Refused { index: 1, .. })), "{refused:?}");
    assert_eq!(ledger.size().expect("known"), 2);
    // A conflict within the group itself.
    let refused = ledger.append(facts(&[age("4", "facebook/c"), age("4", "facebook/d")]));
    assert!(matches!(refused, Err(LedgerError::Refused { index: 1, .. })), "{refused:?}");
    // Again with the same content: answered with the first position.
    let again = ledger.append(facts(&[age("2", "facebook/b"), age("5", "facebook/b")])).expect("appended");
    assert_eq!((again[0].seq, again[0].duplicate, again[0].hash), (1, true, receipts[1].hash));
    assert_eq!((again[1].seq, again[1].duplicate), (2, false));
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn an_expected_revision_that_does_not_hold_appends_nothing() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let at = |revision| [Expected { stream: Stream::Account("facebook/a".into()), revision }];
    ledger.append_expecting(facts(&[age("1", "facebook/a")]), &at(None)).expect("it had no entry");
    for wrong in [None, Some(1), Some(7)] {
        let refused = ledger.append_expecting(facts(&[age("2", "facebook/a")]), &at(wrong));
        assert!(matches!(refused, Err(LedgerError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(ledger.size().expect("known"), 1);
    ledger.append_expecting(facts(&[age("2", "facebook/a")]), &at(Some(0))).expect("it is at 0");
    ledger.append_expecting(facts(&[age("3", "facebook/a")]), &at(Some(1))).expect("it is at 1");
}

#[test]
fn one_writes_and_others_read_beside_it() {
    let scratch = Scratch::new();
    let writer = scratch.open();
    assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::Locked(_))));
    writer.append(facts(&[age("1", "facebook/a")])).expect("appended");
    let reader = scratch.read();
    assert_eq!(reader.size().expect("known"), 1);
    writer.append(facts(&[age("2", "facebook/a")])).expect("appended");
    assert_eq!(reader.size().expect("known"), 2);
    assert_eq!(reader.verify().expect("verifies").problems, []);
    assert!(matches!(reader.append(facts(&[age("3", "facebook/a")])), Err(LedgerError::ReadOnly(_))));
}

#[test]
fn a_writer_whose_lock_was_removed_writes_no_more() {
    let scratch = Scratch::new();
    let append = |ledger: &Ledger, id: &str| ledger.append(facts(&[age(id, "facebook/a")])).map(drop);
    for finish in [
        |ledger: Ledger| ledger.close(),
        |ledger: Ledger| ledger.checkpoint().map(drop),
        |ledger: Ledger| ledger.append(facts(&[age("never", "facebook/a")])).map(drop),
    ] {
        let first = scratch.open();
        append(&first, "1").expect("appended");
        std::fs::remove_file(scratch.path().join("lock")).expect("removed");
        let second = scratch.open();
        append(&second, "2").expect("appended");
        let refused = finish(first).expect_err("two write");
        assert!(refused.to_string().contains("another process may write"), "{refused}");
        second.close().expect("closed");
    }
    check_ledger(&scratch);
}

#[test]
fn many_callers_share_one_writer_and_nothing_is_lost() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let (threads, each) = (8, 50);
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|thread| {
                let ledger = &ledger;
                scope.spawn(move || {
                    (0..each)
                        .map(|n| {
                            ledger
                                .append(facts(&[age(&format!("{thread}-{n}"), &format!("facebook/{thread}"))]))
                                .expect("appended")[0]
                                .seq
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("it ends")).collect()
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (0..threads * each).collect::<Vec<u64>>());
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

/// One of rayon's threads that waits takes up other work meanwhile: another append, which waits for the first.
#[test]
fn threads_of_rayon_append_and_never_wait_for_themselves() {
    let scratch = Scratch::new();
    // Runs so short that many are written, which is work for rayon as well.
    let options = Options { run_len: 150, ..Options::default() };
    let ledger = Ledger::open_with(&scratch.path(), &options).expect("opens");
    let (done, finished) = std::sync::mpsc::channel();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().expect("a pool");
    let appending = std::thread::spawn(move || {
        let append = |group: u32| {
            let fact = |n: u32| age(&format!("{group}-{n}"), &format!("facebook/{group}-{}", n % 7));
            ledger.append(facts(&(0..100).map(fact).collect::<Vec<_>>())).expect("appended");
        };
        pool.install(|| (0..40).into_par_iter().for_each(append));
        let size = ledger.size().expect("known");
        pool.install(|| ledger.close()).expect("closed");
        done.send(size).expect("somebody waits");
    });
    let finished = finished.recv_timeout(std::time::Duration::from_secs(120));
    assert_eq!(finished.expect("none waits for itself"), 4000);
    appending.join().expect("it ended");
    check_ledger(&scratch);
}

#[test]
fn what_was_erased_is_in_no_file_and_everything_still_verifies() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let secret = "my allotment is full of quinces";
    ledger.append(facts(&[chat("1", "facebook/a", secret), chat("2", "facebook/b", secret)])).expect("appended");
    assert_eq!(ledger.entry(0).expect("read").expect("there").content.as_deref(), Some(secret));
    assert!(!found_in_files(&scratch, secret.as_bytes()), "content is sealed from the start");
    ledger.append(facts(&[erased("3", "facebook/a", "content")])).expect("appended");
    assert_eq!(ledger.entry(0).expect("read").expect("there").content, None);
    assert!(ledger.entry(0).expect("read").expect("there").record.is_some());
    assert_eq!(ledger.entry(1).expect("read").expect("there").content.as_deref(), Some(secret));
    // What comes after is sealed anew.
    ledger.append(facts(&[chat("4", "facebook/a", secret)])).expect("appended");
    assert_eq!(ledger.entry(3).expect("read").expect("there").content.as_deref(), Some(secret));
    ledger.append(facts(&[erased("5", "facebook/b", "all")])).expect("appended");
    assert!(ledger.entry(1).expect("read").expect("there").record.is_none());
    let name = ledger.append(facts(&[chat("6", "facebook/b", secret)])).expect("the account comes back");
    assert!(ledger.entry(name[0].seq).expect("read").expect("there").record.is_some());
    ledger.close().expect("closed");
    assert!(!found_in_files(&scratch, b"facebook/b"));
    check_ledger(&scratch);
}

#[test]
fn an_erasure_in_the_middle_of_a_batch_keeps_what_follows_readable() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let batch = [
        chat("1", "facebook/a", "before"),
        erased("2", "facebook/a", "content"),
        chat("3", "facebook/a", "after"),
        erased("4", "facebook/a", "all"),
        chat("5", "facebook/a", "back"),
    ];
    ledger.append(facts(&batch)).expect("appended");
    let content = |seq| ledger.entry(seq).expect("read").expect("there").content;
    assert_eq!((content(0), content(2), content(4)), (None, None, Some("back".to_owned())));
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn accounts_that_are_erased_in_the_middle_of_a_large_batch_begin_again() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut number = 0;
    for batch in 0..3 {
        let said = (0..600).map(|n| {
            number += 1;
            let (id, account) = (number.to_string(), format!("facebook/{}", n % 23));
            match n % 200 {
                3 | 130 => erased(&id, &account, "all"),
                150 => erased(&id, &account, "content"),
                _ => chat(&id, &account, &format!("said {id}")),
            }
        });
        let outcomes = ledger.append_each(facts(&said.collect::<Vec<_>>()), Clock::Ledger).expect("appended");
        assert!(outcomes.iter().all(Result::is_ok), "batch {batch}");
    }
    let last = ledger.size().expect("known") - 1;
    assert_eq!(ledger.entry(last).expect("read").expect("there").content, Some(format!("said {number}")));
    ledger.close().expect("closed");
    assert_eq!(scratch.read().verify().expect("verifies").problems, vec![]);
    check_ledger(&scratch);
}

fn found_in_files(scratch: &Scratch, needle: &[u8]) -> bool {
    fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
        std::fs::read_dir(dir)
            .expect("readable")
            .flat_map(|file| {
                let path = file.expect("readable").path();
                if path.is_dir() { files(&path) } else { vec![path] }
            })
            .collect()
    }
    files(&scratch.path())
        .iter()
        .any(|path| std::fs::read(path).expect("readable").windows(needle.len()).any(|window| window == needle))
}

#[test]
fn a_torn_tail_that_nobody_was_promised_is_cut_and_anything_else_is_refused() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&[age("1", "facebook/a"), age("2", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    let path = scratch.path().join("journal/00000000.seg");
    let whole = std::fs::read(&path).expect("readable");
    // Half a group after what was acknowledged: cut, and the next one takes its place.
    let torn = [&whole[..], &whole[32..60]].concat();
    std::fs::write(&path, &torn).expect("written");
    let ledger = scratch.open();
    assert_eq!(ledger.size().expect("known"), 2);
    ledger.append(facts(&[age("3", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    check_ledger(&scratch);
    // Less than what was acknowledged: rolled back.
    std::fs::write(&path, &whole[..whole.len() - 10]).expect("written");
    assert!(Ledger::open(&scratch.path()).is_err());
    // Another ledger's journal under this one's checkpoint: forked.
    let other = Scratch::new();
    let ledger = other.open();
    ledger.append(facts(&[age("x", "facebook/a"), age("y", "facebook/a"), age("z", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    std::fs::copy(other.path().join("journal/00000000.seg"), &path).expect("copied");
    std::fs::remove_file(scratch.path().join("tree/leaves")).expect("removed");
    assert!(Ledger::open(&scratch.path()).is_err());
}

#[test]
fn index_and_tree_are_rebuilt_from_the_journal() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let many: Vec<Value> = (0..700).map(|n| age(&n.to_string(), &format!("facebook/{}", n % 7))).collect();
    import(&ledger, &many, Clock::Ledger).into_iter().for_each(|outcome| assert!(outcome.is_ok()));
    ledger.close().expect("closed");
    let report = scratch.read().verify().expect("verifies");
    std::fs::remove_dir_all(scratch.path().join("index")).expect("removed");
    std::fs::remove_file(scratch.path().join("tree/leaves")).expect("removed");
    let ledger = scratch.open();
    let again = import(&ledger, &many, Clock::Ledger);
    assert!(again.into_iter().all(|outcome| outcome.is_ok_and(|receipt| receipt.duplicate)));
    ledger.close().expect("closed");
    assert_eq!(scratch.read().verify().expect("verifies").root, report.root);
    // A damaged index is no reason to fail.
    for file in std::fs::read_dir(scratch.path().join("index")).expect("there") {
        let path = file.expect("readable").path();
        if path.is_file() {
            std::fs::write(path, b"nonsense").expect("written");
        }
    }
    let ledger = scratch.open();
    assert!(
        import(&ledger, &many[..3], Clock::Ledger)
            .into_iter()
            .all(|outcome| outcome.is_ok_and(|receipt| receipt.duplicate))
    );
}

#[test]
fn any_split_into_batches_gives_the_same_judgements() {
    let case: Value = include_str!("cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .find(|case| case["case"] == "N184")
        .expect("a case");
    let events = case["events"].as_array().expect("a list");
    let mut results = Vec::new();
    for size in 1..=events.len() {
        let scratch = Scratch::new();
        let ledger = scratch.open();
        events.chunks(size).for_each(|batch| {
            import(&ledger, batch, Clock::Recorded).into_iter().for_each(|outcome| assert!(outcome.is_ok()))
        });
        ledger.close().expect("closed");
        results.push(replayed(&scratch.read()));
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_segment_whose_making_was_cut_short_is_made_again() {
    for torn in [&b""[..], b"inforce-jrnl", &[0; 32]] {
        let scratch = Scratch::new();
        scratch.open().append(facts(&[age("1", "facebook/a")])).expect("appended");
        let second = scratch.path().join("journal/00000001.seg");
        std::fs::write(&second, torn).expect("written");
        let ledger = scratch.open();
        let next = ledger.size().expect("known");
        ledger.append(facts(&[age(&format!("after {next}"), "facebook/a")])).expect("appended");
        ledger.close().expect("closed");
        assert_eq!(scratch.open().size().expect("known"), next + 1);
        check_ledger(&scratch);
        std::fs::remove_file(&second).expect("removed");
        // What stood in the second segment was acknowledged: without it the ledger is refused.
        assert!(Ledger::open(&scratch.path()).is_err());
    }
}

#[test]
fn reading_and_checkpointing_beside_appending_neither_hangs_nor_fails() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&[age("0", "facebook/a")])).expect("appended");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (1..200).for_each(|n| {
                drop(ledger.append(facts(&[age(&n.to_string(), &format!("facebook/{n}"))])).expect("appended"))
            })
        });
        scope.spawn(|| (0..200).for_each(|_| assert!(ledger.entry(0).expect("read").is_some())));
        scope.spawn(|| (0..20).for_each(|_| drop(ledger.checkpoint().expect("signed"))));
        scope.spawn(|| (0..20).for_each(|_| assert_eq!(scratch.read().verify().expect("verifies").problems, [])));
    });
}

#[test]
fn a_reader_that_was_opened_before_sees_new_accounts_and_erasures() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let reader = scratch.read();
    ledger.append(facts(&[chat("1", "facebook/a", "hello"), chat("2", "facebook/b", "hello")])).expect("appended");
    assert_eq!(reader.verify().expect("verifies").problems, []);
    ledger.append(facts(&[erased("3", "facebook/a", "all"), erased("4", "facebook/b", "content")])).expect("appended");
    assert_eq!(reader.verify().expect("verifies").problems, []);
    assert_eq!(reader.load().expect("loads").bad, None);
}

#[test]
fn damage_in_the_middle_of_a_group_names_its_own_entry() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let many: Vec<Value> = (0..40).map(|n| age(&n.to_string(), "facebook/a")).collect();
    import(&ledger, &many, Clock::Ledger).into_iter().for_each(|outcome| assert!(outcome.is_ok()));
    ledger.close().expect("closed");
    let path = scratch.path().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&path).expect("readable");
    let place = bytes.len() * 7 / 10;
    bytes[place] ^= 8;
    std::fs::write(&path, &bytes).expect("written");
    let problems = scratch.read().verify().expect("verifies").problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!((26..30).contains(&problems[0].seq), "{problems:?}");
    assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::Journal(_))));
}

/// Files of the tree, by name.
fn tree_files(scratch: &Scratch) -> std::collections::BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(scratch.path().join("tree")).expect("there").map(|file| file.expect("readable"));
    files
        .map(|file| (file.file_name().into_string().expect("a name"), std::fs::read(file.path()).expect("read")))
        .collect()
}

#[test]
fn levels_of_the_tree_are_checked_and_made_again_where_they_are_missing_short_or_wrong() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let many: Vec<Value> = (0..600).map(|n| age(&n.to_string(), &format!("facebook/{}", n % 7))).collect();
    many.chunks(97).for_each(|part| drop(import(&ledger, part, Clock::Ledger)));
    ledger.close().expect("closed");
    let (good, level) = (tree_files(&scratch), scratch.path().join("tree/level-1"));
    assert_eq!(
        good.iter().map(|(name, bytes)| (name.as_str(), bytes.len())).collect::<Vec<_>>(),
        [("leaves", 19_200), ("level-1", 64)]
    );
    let mut wrong = good["level-1"].clone();
    wrong[40] ^= 1;
    let cases =
        [(Some(wrong), true), (Some(good["level-1"][..33].to_vec()), false), (Some(Vec::new()), false), (None, false)];
    for (bytes, is_wrong) in cases {
        match bytes {
            Some(bytes) => std::fs::write(&level, bytes).expect("written"),
            None => std::fs::remove_file(&level).expect("removed"),
        }
        let problems = scratch.read().verify().expect("verifies").problems;
        if is_wrong {
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!((problems[0].seq, problems[0].place.clone()), (256, Some(("tree/level-1".to_owned(), 32))));
        } else {
            assert_eq!(problems, []);
        }
        scratch.open().close().expect("closed");
        assert_eq!(tree_files(&scratch), good);
    }
    // More of it than the journal has entries: the journal was rolled back.
    std::fs::write(&level, [&good["level-1"][..], &[7; 32]].concat()).expect("written");
    assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::RolledBack(_))));
    assert_eq!(scratch.read().verify().expect("verifies").problems.len(), 1);
    std::fs::write(&level, &good["level-1"]).expect("written");
    check_ledger(&scratch);
}

#[test]
fn proofs_of_a_reader_and_of_the_writer_verify() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let many: Vec<Value> = (0..300).map(|n| age(&n.to_string(), "facebook/a")).collect();
    import(&ledger, &many, Clock::Ledger).into_iter().for_each(|outcome| assert!(outcome.is_ok()));
    ledger.checkpoint().expect("signed");
    let signed = ledger.last_checkpoint().expect("there");
    assert_eq!(signed.size, TreeSize(300));
    for ledger in [&ledger, &scratch.read()] {
        assert_eq!(ledger.root_at(signed.size).expect("known"), signed.root);
        for seq in [0, 1, 255, 256, 299] {
            let path = ledger.inclusion_proof(seq, signed.size).expect("proved");
            let leaf = merkle::leaf(&ledger.entry(seq).expect("read").expect("there").hash);
            assert!(merkle::verify_inclusion(leaf, seq, signed.size, &path, signed.root));
            let (old, root) = (TreeSize(seq), ledger.root_at(TreeSize(seq)).expect("known"));
            let proof = ledger.consistency_proof(old, signed.size).expect("proved");
            assert!(merkle::verify_consistency(old, root, signed.size, signed.root, &proof));
        }
        for error in [
            ledger.root_at(TreeSize(301)).expect_err("beyond"),
            ledger.inclusion_proof(300, signed.size).expect_err("beyond"),
            ledger.consistency_proof(TreeSize(300), TreeSize(299)).expect_err("beyond"),
        ] {
            assert!(matches!(error, LedgerError::BeyondTree { .. }), "{error}");
        }
    }
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn an_erasure_is_handed_in_again_after_a_crash_that_left_a_slot_and_no_entry() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let erasure = erased("2", "facebook/a", "all");
    ledger.append(facts(&[age("1", "facebook/a"), erasure.clone()])).expect("appended");
    ledger.close().expect("closed");
    // The account came back, and the writer was killed between its slot and its group.
    let mut keyring = Keyring::open(&RealDisk, &scratch.path().join("keyring"), true).expect("opens");
    keyring.claim_account("facebook/a").expect("a slot");
    drop(keyring);
    let ledger = scratch.open();
    let again = ledger.append(facts(&[erasure])).expect("nobody else lives under that name");
    assert!(again[0].duplicate && again[0].seq == 1, "{again:?}");
    ledger.append(facts(&[age("3", "facebook/a")])).expect("the account comes back all the same");
    ledger.close().expect("closed");
    check_ledger(&scratch);
}
