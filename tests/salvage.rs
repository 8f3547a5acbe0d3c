//! Damaged ledgers: what is noticed, what is still served, what is made again, and what a salvage keeps.

mod common;

use common::events::{age, chat, decision, erased, policy, signal};
use common::{Scratch, check_ledger, copy_folder, facts, replayed};
use inforce::ledger::{BackupOptions, Ledger, LedgerError, Options, Salvaged, backup, salvage};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A ledger with groups of several entries and of one, an erased account, lineage, and segments of a few KiB.
fn filled() -> Scratch {
    let scratch = Scratch::new();
    let ledger =
        Ledger::open_with(&scratch.path(), &Options { segment_len: 2 << 10, ..Options::default() }).expect("opens");
    fill(&ledger);
    ledger.close().expect("closed");
    scratch
}

fn fill(ledger: &Ledger) {
    let first = [policy("p"), chat("c1", "facebook/a", "hello"), chat("c2", "facebook/b", "to be erased")];
    ledger.append(facts(&first)).expect("appended");
    ledger.append(facts(&[signal("s1", "facebook/a", "c1"), decision("d1", "facebook/a", "s1")])).expect("appended");
    ledger.append(facts(&[erased("e1", "facebook/b", "all")])).expect("appended");
    for n in 0..12 {
        ledger.append(facts(&[age(&n.to_string(), &format!("facebook/{}", n % 3))])).expect("appended");
    }
    ledger.append(facts(&[signal("s2", "facebook/a", "c1"), decision("d2", "facebook/a", "s2")])).expect("appended");
    ledger.append(facts(&[chat("c3", "facebook/b", "back")])).expect("appended");
}

/// Where each entry stands: file, offset and length of its frame.
fn frames(scratch: &Scratch) -> Vec<(PathBuf, usize, usize)> {
    let number =
        |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let mut all = Vec::new();
    for segment in 0.. {
        let path = scratch.path().join(format!("journal/{segment:08}.seg"));
        let Ok(bytes) = std::fs::read(&path) else { break };
        let mut at = 32;
        while at < bytes.len() && bytes[at] != 0 {
            let count = number(&bytes, at + 4);
            at += 24;
            for _ in 0..count {
                let len = 8 + number(&bytes, at);
                all.push((path.clone(), at, len));
                at += len;
            }
        }
    }
    all
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("readable");
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).expect("written");
}

fn salvaged(scratch: &Scratch) -> (Scratch, Salvaged, Value) {
    let new = Scratch::empty();
    let made = salvage(&scratch.path(), &new.path(), None, None).expect("salvaged");
    let report = serde_json::from_slice(&std::fs::read(&made.report).expect("readable")).expect("JSON");
    (new, made, report)
}

/// What the report says of each seq.
fn fates(report: &Value) -> Vec<String> {
    let mut fates = Vec::new();
    for item in report["entries"].as_array().expect("a list") {
        let fate = item["fate"].as_str().expect("text").to_owned();
        let number = |key: &str| item[key].as_u64();
        let (from, to) =
            (number("from").or(number("seq")).expect("a seq"), number("to").or(number("seq")).expect("a seq"));
        assert_eq!(from as usize, fates.len(), "without a gap");
        fates.extend((from..=to).map(|_| fate.clone()));
    }
    fates
}

#[test]
fn every_entry_but_the_damaged_one_is_served_and_salvaged_at_its_own_seq() {
    let whole = filled();
    let reader = whole.read();
    let entries: Vec<_> = (0..).map_while(|seq| reader.entry(seq).expect("read")).collect();
    assert_eq!(entries.len(), 21);
    for (seq, (path, at, len)) in frames(&whole).into_iter().enumerate() {
        let scratch = whole.copied();
        let path = scratch.path().join("journal").join(path.file_name().expect("a name"));
        flip(&path, at + len / 2);
        // Named, with its offset; nobody appends.
        let reader = scratch.read();
        let problems = reader.verify().expect("read").problems;
        assert_eq!(problems[0].seq, seq as u64);
        let (file, offset) = problems[0].place.clone().expect("a place");
        assert!(path.ends_with(file) && offset == at as u64, "{problems:?}");
        assert!(Ledger::open(&scratch.path()).is_err());
        // Every other entry is served, before the damage and behind it.
        for other in &entries {
            let found = reader.entry(other.header.seq);
            if other.header.seq == seq as u64 {
                assert!(!matches!(found, Ok(Some(_))), "{found:?}");
            } else {
                let found = found.expect("read").expect("there");
                assert_eq!((&found.record, &found.content, found.hash), (&other.record, &other.content, other.hash));
            }
        }
        // Decisions are shown, and none is judged.
        let loaded = reader.load().expect("loads");
        assert!(loaded.bad.is_some());
        let decisions = loaded.world.decisions().count();
        assert_eq!(decisions, 2 - usize::from([4, 19].contains(&seq)), "entry {seq}");
        // Each salvage is a ledger or two: the policy, a lineage, an erasure, and some others.
        if [0, 3, 5, 9].contains(&seq) {
            check_salvaged(&scratch, &entries, seq as u64);
        }
    }
    check_ledger(&whole);
}

fn check_salvaged(scratch: &Scratch, entries: &[inforce::entry::Entry], bad: u64) {
    let (new, made, report) = salvaged(scratch);
    assert_eq!((made.entries, made.lost, made.same_origin), (entries.len() as u64, 1, false));
    assert!(made.kept >= bad && made.kept + made.rerecorded + 1 == made.entries, "{made:?}");
    let fates = fates(&report);
    assert_eq!(fates.len(), entries.len());
    let reader = new.read();
    for entry in entries {
        let seq = entry.header.seq;
        let found = reader.entry(seq).expect("read").expect("there");
        // Behind it an entry has another hash only if its streams, pins or links lead to what was lost.
        let expected = match (seq == bad, found.hash == entry.hash) {
            (true, _) => "lost",
            (false, true) => "kept",
            (false, false) => "re_recorded",
        };
        assert_eq!(fates[seq as usize], expected, "entry {seq}");
        assert!(seq > bad || expected != "re_recorded", "entry {seq}");
        if expected == "lost" {
            assert!(report["entries"].as_array().expect("a list").iter().any(|item| {
                item["seq"] == seq && item["file"].is_string() && item["offset"].is_u64() && item["what"].is_string()
            }));
        } else {
            // Body, text and both times are what they were.
            assert_eq!((&found.record, &found.content), (&entry.record, &entry.content), "entry {seq}");
            assert_eq!(found.header.recorded_at, entry.header.recorded_at);
            assert_eq!(found.header.occurred_at, entry.header.occurred_at);
            assert_eq!(found.header.identity, entry.header.identity);
        }
    }
    let again = salvage(&new.path(), &Scratch::empty().path(), None, None);
    assert!(matches!(again, Err(LedgerError::NothingToSalvage(_))), "{again:?}");
    // It lives on: new facts, and the same ones again are duplicates, but for what was lost.
    let ledger = new.open();
    let receipts = ledger.append(facts(&[age("new", "facebook/a"), age("3", "facebook/0")])).expect("appended");
    assert_eq!(receipts[0].seq, entries.len() as u64);
    assert_eq!(receipts[1].duplicate, bad != 9, "entry {bad}");
    ledger.close().expect("closed");
    check_ledger(&new);
}

#[test]
fn damage_that_intact_groups_follow_is_no_torn_tail() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&[age("0", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    let early = scratch.copied();
    let ledger = scratch.open();
    for n in 1..4 {
        ledger.append(facts(&[age(&n.to_string(), "facebook/a")])).expect("appended");
    }
    ledger.close().expect("closed");
    // Acknowledged, and neither leaves nor checkpoint were written back.
    std::fs::remove_dir_all(scratch.path().join("tree")).expect("removed");
    copy_folder(&early.path().join("tree"), &scratch.path().join("tree"));
    std::fs::copy(early.path().join("checkpoint"), scratch.path().join("checkpoint")).expect("copied");
    let places = frames(&scratch);
    let journal = std::fs::read(&places[1].0).expect("readable");
    // In the header of the group, and in its entry.
    for at in [places[1].1 - 24, places[1].1 - 10, places[1].1 + 3, places[1].1 + 60, places[2].1 + 60] {
        flip(&places[1].0, at);
        let refused = Ledger::open(&scratch.path()).map(drop).expect_err("damaged");
        assert!(refused.is_damage() && refused.to_string().contains("is damaged at offset"), "byte {at}: {refused}");
        assert!(!scratch.read().verify().expect("read").problems.is_empty(), "byte {at}");
        assert!(scratch.read().each_entry(|_| {}).is_err(), "byte {at}");
        let refused = backup(&scratch.path(), &scratch.dir.path().join("backup"), &BackupOptions::default());
        assert!(refused.is_err_and(|error| error.is_damage()), "byte {at}");
        let (new, made, _) = salvaged(&scratch);
        assert!(made.entries == 4 && made.lost <= 1, "byte {at}: {made:?}");
        check_ledger(&new);
        std::fs::write(&places[1].0, &journal).expect("written");
    }
    // Of the last one nobody can tell whether it was ever synced.
    flip(&places[3].0, places[3].1 + 60);
    assert!(scratch.read().verify().expect("read").problems.is_empty());
    assert_eq!(scratch.open().size().expect("known"), 3);
    check_ledger(&scratch);
}

#[test]
fn a_torn_tail_hides_nothing_from_those_who_look_entries_up() {
    let scratch = filled();
    let last = frames(&scratch).last().expect("entries").0.clone();
    let whole = std::fs::read(&last).expect("readable");
    std::fs::write(&last, [&whole[..], &whole[32..90]].concat()).expect("written");
    std::fs::remove_dir_all(scratch.path().join("index")).expect("removed");
    assert_eq!(scratch.read().verify().expect("read").problems, []);
    let reader = Ledger::open_indexed(&scratch.path()).expect("opens");
    let mut count = 0;
    reader.each_entry(|_| count += 1).expect("passed over");
    assert_eq!(count, 21);
    assert_eq!(reader.decisions_of("d1").expect("found"), [4]);
    let size = reader.verify().expect("verifies").size;
    assert!(reader.gather(4, size).expect("gathered").len() > 3);
    // Damage before it is told.
    let (path, at, len) = frames(&scratch)[2].clone();
    flip(&path, at + len / 2);
    assert!(reader.each_entry(|_| {}).is_err() && reader.decisions_of("d1").is_err());
    flip(&path, at + len / 2);
    drop(reader);
    scratch.open().close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn a_missing_segment_is_named() {
    let scratch = filled();
    let path = scratch.path().join("journal/00000001.seg");
    let bytes = std::fs::read(&path).expect("readable");
    std::fs::remove_file(&path).expect("removed");
    let named = |text: &str| assert!(text.contains("segment 00000001 is missing"), "{text}");
    named(&scratch.read().verify().expect("read").problems[0].what);
    named(&scratch.read().load().expect("loads").bad.expect("bad").what);
    named(&scratch.read().each_entry(|_| {}).expect_err("missing").to_string());
    named(&Ledger::open(&scratch.path()).map(drop).expect_err("missing").to_string());
    std::fs::write(&path, bytes).expect("written");
    check_ledger(&scratch);
}

#[test]
fn strays_in_the_place_of_levels_and_index_stop_nobody() {
    let scratch = filled();
    for level in 1..10 {
        std::fs::write(scratch.path().join(format!("tree/level-{level}")), []).expect("written");
    }
    std::fs::write(scratch.path().join("tree/level-8"), [7; 64]).expect("written");
    std::fs::remove_dir_all(scratch.path().join("index")).expect("removed");
    std::fs::write(scratch.path().join("index"), b"no folder").expect("written");
    assert_eq!(scratch.read().verify().expect("read").problems, []);
    let ledger = scratch.open();
    ledger.append(facts(&[age("more", "facebook/a")])).expect("appended");
    ledger.reindex().expect("made again");
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn what_rests_on_a_lost_entry_is_never_allowed() {
    let whole = filled();
    // The chat behind both signals.
    let (path, at, len) = frames(&whole)[1].clone();
    flip(&path, at + len - 5);
    let (new, ..) = salvaged(&whole);
    for judged in replayed(&new.read()) {
        assert_eq!(judged["known"]["verdict"], "indeterminate", "{judged}");
        let rules = judged["known"]["rules"].to_string();
        assert!(rules.contains("broken-lineage"), "{judged}");
    }
    check_ledger(&new);
}

#[test]
fn a_ledger_keeps_its_name_only_if_everything_signed_is_kept() {
    let scratch = filled();
    let signed = std::fs::read_to_string(scratch.path().join("checkpoint")).expect("readable");
    let ledger = scratch.open();
    (0..6).for_each(|n| drop(ledger.append(facts(&[age(&format!("u{n}"), "facebook/u")])).expect("appended")));
    // As after a crash: the last entries are acknowledged, and no checkpoint was signed over them.
    let crashed = scratch.copied();
    ledger.close().expect("closed");
    let (path, at, len) = frames(&crashed)[23].clone();
    flip(&path, at + len / 2);
    assert_eq!(std::fs::read_to_string(crashed.path().join("checkpoint")).expect("readable"), signed);
    assert!(Ledger::open(&crashed.path()).is_err(), "it was acknowledged: not a torn tail");
    let (new, made, _) = salvaged(&crashed);
    assert_eq!((made.same_origin, made.origin.as_str(), made.kept, made.rerecorded), (true, "inforce/test", 23, 3));
    let config = |scratch: &Scratch| std::fs::read_to_string(scratch.path().join("ledger.toml")).expect("readable");
    assert_eq!(config(&new), config(&crashed));
    // What was signed is a prefix of it: the old checkpoint is held.
    std::fs::write(new.path().join("checkpoint"), &signed).expect("written");
    check_ledger(&new);
    // Somebody holds a later checkpoint: then it cannot keep the name.
    let other = Scratch::empty();
    let made = salvage(&crashed.path(), &other.path(), Some(&scratch.path()), None).expect("salvaged");
    assert_eq!((made.same_origin, made.origin.as_str()), (false, "inforce/test/salvaged"));
    check_ledger(&other);
    let named = Scratch::empty();
    let made = salvage(&crashed.path(), &named.path(), None, Some("inforce/second")).expect("salvaged");
    assert_eq!((made.same_origin, made.origin.as_str()), (false, "inforce/second"));
    check_ledger(&named);
    // Without a checkpoint that opens nobody can say what was signed.
    std::fs::write(crashed.path().join("checkpoint"), "nonsense").expect("written");
    let (new, made, _) = salvaged(&crashed);
    assert!(!made.same_origin);
    check_ledger(&new);
}

#[test]
fn missing_and_cut_segments_are_marked_entry_by_entry() {
    let whole = filled();
    let count = frames(&whole).len() as u64;
    let segments = std::fs::read_dir(whole.path().join("journal")).expect("readable").count();
    assert!(segments > 2, "{segments}");
    for number in 0..segments {
        let name = format!("journal/{number:08}.seg");
        let held = frames(&whole).iter().filter(|(path, ..)| path.ends_with(&name)).count() as u64;
        for damage in ["removed", "cut", "header"] {
            let scratch = whole.copied();
            let path = scratch.path().join(&name);
            match damage {
                "removed" => std::fs::remove_file(&path).expect("removed"),
                "cut" => std::fs::write(&path, &std::fs::read(&path).expect("readable")[..200]).expect("written"),
                _ => flip(&path, 17),
            }
            let (new, made, report) = salvaged(&scratch);
            let expected = match damage {
                "removed" => held..=held,
                "cut" => 1..=held,
                _ => 0..=0,
            };
            assert!(expected.contains(&made.lost), "{damage} {number}: {made:?}");
            assert_eq!((made.entries, fates(&report).len() as u64), (count, count));
            check_ledger(&new);
        }
    }
}

#[test]
fn the_loss_of_an_erasure_undoes_none() {
    let whole = filled();
    let (path, at, len) = frames(&whole)[5].clone();
    flip(&path, at + len / 2);
    let (new, made, report) = salvaged(&whole);
    assert_eq!(made.lost, 1);
    assert!(report["entries"].to_string().contains("stands_for"), "{report}");
    let reader = new.read();
    assert!(reader.entry(2).expect("read").expect("there").record.is_none(), "erased it stays");
    assert!(reader.entry(20).expect("read").expect("there").record.is_some(), "who came back is there");
    check_ledger(&new);
}

#[test]
fn an_entry_that_was_changed_with_its_checksum_is_not_kept() {
    let whole = filled();
    let other = filled();
    // A whole frame of another ledger, in the place of one as long: the checksum holds, the hash is not the signed one.
    let (at, from) = (frames(&whole), frames(&other));
    let (seq, _) = at.iter().enumerate().find(|(seq, frame)| *seq > 6 && frame.2 == from[*seq].2).expect("as long");
    let bytes = std::fs::read(&from[seq].0).expect("readable");
    let mut changed = std::fs::read(&at[seq].0).expect("readable");
    changed[at[seq].1..at[seq].1 + at[seq].2].copy_from_slice(&bytes[from[seq].1..from[seq].1 + from[seq].2]);
    std::fs::write(&at[seq].0, changed).expect("written");
    let (new, made, report) = salvaged(&whole);
    assert!(made.lost == 1 && made.kept >= seq as u64, "{made:?}");
    assert!(report["entries"].to_string().contains("not the one that was signed"), "{report}");
    check_ledger(&new);
}

#[test]
fn nothing_is_salvaged_over_something_or_beside_a_writer() {
    let scratch = filled();
    let (path, at, len) = frames(&scratch)[3].clone();
    flip(&path, at + len / 2);
    let full = Scratch::new();
    let refused = salvage(&scratch.path(), &full.path(), None, None);
    assert!(matches!(refused, Err(LedgerError::NotEmpty(_))), "{refused:?}");
    let held = Scratch::new();
    let _ledger = held.open();
    let refused = salvage(&held.path(), &Scratch::empty().path(), None, None);
    assert!(matches!(refused, Err(LedgerError::Locked(_))), "{refused:?}");
}

/// Each way to damage a file that is made again from the journal.
fn damaged(file: &Path, foreign: &Path, how: &str) {
    let bytes = std::fs::read(file).expect("readable");
    match how {
        "missing" => std::fs::remove_file(file).expect("removed"),
        "empty" => std::fs::write(file, b"").expect("written"),
        "cut" => std::fs::write(file, &bytes[..bytes.len() / 2 + 1]).expect("written"),
        "flipped" => flip(file, bytes.len() / 3),
        _ => std::fs::write(file, std::fs::read(foreign).expect("readable")).expect("written"),
    }
}

#[test]
fn a_damaged_tree_is_made_again() {
    let whole = filled();
    let root = whole.read().verify().expect("verifies").root;
    let foreign = filled();
    for how in ["missing", "empty", "cut", "flipped", "foreign"] {
        let scratch = whole.copied();
        damaged(&scratch.path().join("tree/leaves"), &foreign.path().join("tree/leaves"), how);
        let problems = scratch.read().verify().expect("read").problems;
        assert!(problems.is_empty() != ["flipped", "foreign"].contains(&how), "{how}: {problems:?}");
        scratch.open().close().expect("closed");
        let report = scratch.read().verify().expect("verifies");
        assert_eq!((report.problems, report.root), (vec![], root), "{how}");
        check_ledger(&scratch);
    }
    // More leaves than entries: somebody acknowledged what is gone, or the file is of another ledger. Nobody can tell.
    let scratch = whole.copied();
    let leaves = scratch.path().join("tree/leaves");
    let longer = [std::fs::read(&leaves).expect("readable"), vec![7; 64]].concat();
    std::fs::write(&leaves, longer).expect("written");
    assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::RolledBack(_))));
}

#[test]
fn a_damaged_index_is_made_again() {
    let fill_index = || {
        let scratch = filled();
        let ledger = scratch.open();
        let many: Vec<Value> = (0..600).map(|n| age(&format!("i{n}"), &format!("facebook/{}", n % 7))).collect();
        ledger.append(facts(&many)).expect("appended");
        ledger.close().expect("closed");
        scratch
    };
    let (whole, foreign) = (fill_index(), fill_index());
    let files = |scratch: &Scratch| {
        let mut files: Vec<PathBuf> = Vec::new();
        let mut folders = vec![scratch.path().join("index")];
        while let Some(folder) = folders.pop() {
            for file in std::fs::read_dir(folder).expect("readable") {
                let path = file.expect("readable").path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.retain(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > 0));
        files.sort();
        files
    };
    let mut tried = 0;
    for (number, file) in files(&whole).iter().enumerate() {
        for how in ["missing", "cut", "flipped", "foreign"] {
            let scratch = whole.copied();
            let file = scratch.path().join(file.strip_prefix(whole.path()).expect("below"));
            let others = files(&foreign);
            damaged(&file, others.get(number).unwrap_or(&others[0]), how);
            let ledger = scratch.open();
            let again = ledger.append(facts(&[age("i5", "facebook/5"), age("i599", "facebook/4")])).expect("appended");
            assert!(again.iter().all(|receipt| receipt.duplicate), "{how} {}: {again:?}", file.display());
            assert_eq!(ledger.entry(300).expect("read").expect("there").header.seq, 300);
            ledger.close().expect("closed");
            check_ledger(&scratch);
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
    // The whole folder of another ledger.
    let scratch = whole.copied();
    std::fs::remove_dir_all(scratch.path().join("index")).expect("removed");
    common::copy_folder(&foreign.path().join("index"), &scratch.path().join("index"));
    let ledger = scratch.open();
    assert!(ledger.append(facts(&[age("i5", "facebook/5")])).expect("appended")[0].duplicate);
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn a_salvage_that_fails_leaves_no_keys_behind() {
    let scratch = filled();
    let (path, at, len) = frames(&scratch)[6].clone();
    flip(&path, at + len / 2);
    let new = scratch.dir.path().join("new");
    // No name that a checkpoint can carry: it is found out when the new ledger is opened.
    salvage(&scratch.path(), &new, None, Some("no name")).expect_err("it does not open");
    assert!(new.exists() && !new.join("keyring").exists() && !new.join("ledger.toml").exists());
}
