//! The log as others see it: published files, proofs, consistency, rollbacks.

mod common;
#[path = "common/log.rs"]
mod log;

use common::{Scratch, check_ledger, copy_folder};
use ed25519_dalek::SigningKey;
use inforce::checkpoint::{Checkpoint, Note, VerifierKey, WitnessKey, hash_to_base64};
use inforce::codec::EntryHash;
use inforce::ledger::{Ledger, LedgerError, Publish};
use inforce::merkle::{NodeHash, TreeHead, TreeSize};
use inforce::proof::{Consistency, Inclusion};
use inforce::quorum::Quorum;
use inforce::witness::AddCheckpoint;
use log::{append, check_published, code, errors, grown, inforce, object, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Every file below a folder, with its inode.
fn files(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(folder) = pending.pop() {
        for file in folder.read_dir().expect("a folder") {
            let path = file.expect("readable").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(path.strip_prefix(dir).expect("below").to_owned(), path.metadata().expect("there").ino());
            }
        }
    }
    found
}

#[test]
fn what_is_published_is_checked_by_a_stranger() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("public");
    let key = scratch.read().verifier_key();
    // Of nothing, too: a checkpoint and no tile.
    scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!(check_published(&to, &key).len(), 0);
    assert_eq!(files(&to).len(), 1);
    grown(&scratch, 0..200);
    scratch.read().publish(&to, Publish::default()).expect("published");
    let first = check_published(&to, &key);
    grown(&scratch, 200..700);
    let published = scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!((published.before, published.checkpoint.size), (TreeSize(200), TreeSize(700)));
    // Bundles and hashes of 0, 1 and the partial 2; and the partial tile above.
    assert_eq!(published.tiles, 7);
    let entries = check_published(&to, &key);
    assert_eq!(entries[..200], first[..]);
    let before = files(&to);
    assert!(before.contains_key(Path::new("tile/0/000.p/200")), "what an older checkpoint needs stays");
    // Every entry is the hash of its seq, so receipts can be looked up.
    let ledger = scratch.read();
    for seq in [0, 255, 256, 699] {
        let entry = ledger.entry(seq).expect("read").expect("there");
        assert_eq!(entries[seq as usize], entry.hash.0);
    }
    // Nothing new: nothing is written.
    let again = scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!((again.tiles, files(&to)), (0, before.clone()));
    grown(&scratch, 700..800);
    scratch.read().publish(&to, Publish::default()).expect("published");
    check_published(&to, &key);
    let after = files(&to);
    for (path, inode) in &before {
        let full = !path.to_string_lossy().contains(".p/") && path != Path::new("checkpoint");
        assert!(!full || after[path] == *inode, "{} was written again", path.display());
    }
    assert!(!after.keys().any(|path| path.extension().is_some_and(|ext| ext == "new")), "no temporary file stays");
    // A mirror that lost a file gets it back.
    std::fs::remove_file(to.join("tile/0/001")).expect("removed");
    scratch.read().publish(&to, Publish { all: true, ..Publish::default() }).expect("published");
    check_published(&to, &key);
    check_ledger(&scratch);
}

#[test]
fn a_rollback_or_a_fork_is_not_published() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("public");
    grown(&scratch, 0..10);
    let fork = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy_folder(&scratch.path(), &fork.path());
    grown(&scratch, 10..20);
    scratch.read().publish(&to, Publish::default()).expect("published");
    let before = files(&to);
    // The older copy is behind.
    let refused = inforce(&["publish", text(&to)], &fork.path());
    assert_eq!(code(&refused), 3, "{}", errors(&refused));
    assert!(errors(&refused).contains("20 entries were published, the checkpoint is over 10"), "{}", errors(&refused));
    // As long, and longer: other entries.
    for range in [30..40, 40..60] {
        grown(&fork, range);
        let refused = inforce(&["publish", "--json", text(&to)], &fork.path());
        assert_eq!(code(&refused), 3, "{}", errors(&refused));
        assert!(errors(&refused).contains("are not those that were published"), "{}", errors(&refused));
    }
    // Another ledger.
    let other = Scratch { dir: tempfile::tempdir().expect("a folder") };
    Ledger::create(&other.path(), Some("inforce/other")).expect("made").close().expect("closed");
    assert_eq!(code(&inforce(&["publish", text(&to)], &other.path())), 3);
    assert_eq!(files(&to), before, "nothing was touched");
    check_published(&to, &scratch.read().verifier_key());
    assert_eq!(
        code(&inforce(&["publish", text(&scratch.path().join("public"))], &scratch.path())),
        1,
        "inside the ledger"
    );
}

#[test]
fn a_publication_that_breaks_off_leaves_the_old_one_whole() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("public");
    let key = scratch.read().verifier_key();
    grown(&scratch, 0..300);
    scratch.read().publish(&to, Publish::default()).expect("published");
    grown(&scratch, 300..600);
    // A folder stands where a file is to go: the bundle before it is written, then it breaks off.
    let stone = to.join("tile/0/001");
    std::fs::create_dir_all(stone.join("x")).expect("made");
    assert!(matches!(scratch.read().publish(&to, Publish::default()), Err(LedgerError::Io(..))));
    assert!(to.join("tile/entries/001").exists());
    assert_eq!(check_published(&to, &key).len(), 300);
    std::fs::remove_dir_all(stone).expect("removed");
    scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!(check_published(&to, &key).len(), 600);
    // One at a time.
    let folder = std::fs::File::open(&to).expect("opens");
    folder.lock().expect("locked");
    assert!(matches!(scratch.read().publish(&to, Publish::default()), Err(LedgerError::Locked(_))));
}

#[test]
fn a_proof_file_of_a_ledger_verifies() {
    let scratch = Scratch::new();
    let checkpoint = grown(&scratch, 0..300);
    let ledger = scratch.read();
    let note = std::fs::read_to_string(scratch.path().join("checkpoint")).expect("a checkpoint");
    for seq in [0, 255, 256, 299] {
        let entry = ledger.entry(seq).expect("read").expect("there");
        let path = ledger.inclusion_proof(seq, checkpoint.size).expect("proved");
        let proof = Inclusion { extra: None, index: seq, path, checkpoint: note.clone() }.to_string();
        let read = Inclusion::parse(&proof).expect("a proof");
        assert!(read.verify(&entry.hash, &ledger.verifier_key(), &[]).is_ok());
        assert!(read.verify(&EntryHash([0; 32]), &ledger.verifier_key(), &[]).is_err());
    }
}

#[test]
fn consistency_is_proved_and_refuted() {
    let scratch = Scratch::new();
    let dir = scratch.dir.path().to_owned();
    let keep = |name: &str| {
        let path = dir.join(name);
        std::fs::copy(scratch.path().join("checkpoint"), &path).expect("copied");
        path
    };
    grown(&scratch, 0..7);
    let old = keep("old");
    let fork = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy_folder(&scratch.path(), &fork.path());
    grown(&scratch, 7..20);
    let new = keep("new");
    grown(&fork, 100..130);
    let run = |args: &[&str]| inforce(&[&["consistency", "--json"], args].concat(), &scratch.path());
    for (args, sizes) in [
        (&["7"][..], (7, 20)),
        (&["0", "0"], (0, 0)),
        (&["7", "12"], (7, 12)),
        (&[text(&old)], (7, 20)),
        (&[text(&old), text(&new)], (7, 20)),
        (&[text(&new), "20"], (20, 20)),
    ] {
        let output = run(args);
        let found = object(&output);
        assert_eq!((code(&output), &found["consistent"]), (0, &json!(true)), "{args:?}: {found}");
        assert_eq!((&found["old"]["size"], &found["new"]["size"]), (&json!(sizes.0), &json!(sizes.1)));
    }
    // Rolled back, and forked.
    for (args, ledger, what) in [
        (&["20", "7"][..], &scratch, "rolled back"),
        (&["7", "21"], &scratch, "rolled back"),
        (&["40"], &scratch, "rolled back"),
        (&[text(&new), text(&old)], &scratch, "rolled back"),
        (&[text(&new)], &fork, "forked"),
    ] {
        let output = inforce(&[&["consistency", "--json"], args].concat(), &ledger.path());
        let found = object(&output);
        assert_eq!(
            (code(&output), &found["consistent"], &found["proof"]),
            (3, &json!(false), &Value::Null),
            "{args:?}"
        );
        assert!(found["what"].as_str().expect("why").contains(what), "{found}");
    }
    // Written, and checked by somebody without a ledger.
    let (proof, key, nowhere) = (dir.join("proof"), scratch.read().verifier_key().to_string(), dir.join("nowhere"));
    assert_eq!(code(&run(&[text(&old), text(&new), "--write", text(&proof)])), 0);
    let check = |old: &Path, new: &Path| {
        inforce(&["consistency", text(old), text(new), "--proof", text(&proof), "--key", &key], &nowhere)
    };
    let output = check(&old, &new);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "consistent: the first 7 of 20 entries are the same\n");
    assert_eq!(code(&check(&old, &fork.path().join("checkpoint"))), 3);
    assert_eq!(code(&check(&new, &new)), 3);
    let good = std::fs::read_to_string(&proof).expect("text");
    let last = good.lines().last().expect("a hash");
    let zeros = hash_to_base64(&NodeHash([0; 32]));
    for (bad, expected) in [
        (good.replace(last, &zeros), 3),
        (good.replace(&format!("{last}\n"), ""), 3),
        (good.replace("old 7", "old 8"), 3),
        (String::new(), 1),
    ] {
        std::fs::write(&proof, bad).expect("written");
        assert_eq!(code(&check(&old, &new)), expected);
    }
    check_ledger(&scratch);
}

#[test]
fn a_folder_from_an_older_backup_is_refused_by_its_anchor() {
    let scratch = Scratch::new();
    let anchor = scratch.dir.path().join("anchor");
    let backup = scratch.dir.path().join("backup");
    grown(&scratch, 0..5);
    assert_eq!(code(&inforce(&["anchor", text(&anchor)], &scratch.path())), 0);
    assert_eq!(scratch.read().anchor(), Some(anchor.as_path()));
    copy_folder(&scratch.path(), &backup);
    grown(&scratch, 5..9);
    assert_eq!(
        std::fs::read(&anchor).expect("there"),
        std::fs::read(scratch.path().join("checkpoint")).expect("there")
    );
    check_ledger(&scratch);
    // The whole folder, as it was.
    let newer = scratch.dir.path().join("newer");
    std::fs::rename(scratch.path(), &newer).expect("moved");
    copy_folder(&backup, &scratch.path());
    let refused = |expected: &str| {
        assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::RolledBack(_))));
        assert!(matches!(Ledger::open_read_only(&scratch.path()), Err(LedgerError::RolledBack(_))));
        for args in [&["verify"][..], &["replay", "--all"], &["import", "-"], &["checkpoint"]] {
            let output = inforce(args, &scratch.path());
            assert_eq!(code(&output), 3, "{args:?}");
            assert!(
                errors(&output).contains(expected) && errors(&output).contains("docs/operate.md"),
                "{}",
                errors(&output)
            );
        }
    };
    refused("the journal holds 5 entries");
    // The way out: the newest copy is put back.
    std::fs::remove_dir_all(scratch.path()).expect("removed");
    std::fs::rename(&newer, scratch.path()).expect("moved");
    check_ledger(&scratch);
    // An older copy that went on elsewhere: as long, and longer.
    let fork = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy_folder(&backup, &fork.path());
    Ledger::drop_anchor(&fork.path()).expect("dropped");
    for range in [50..54, 54..60] {
        grown(&fork, range);
        std::fs::remove_dir_all(scratch.path()).expect("removed");
        copy_folder(&fork.path(), &scratch.path());
        std::fs::copy(backup.join("ledger.toml"), scratch.path().join("ledger.toml")).expect("copied");
        let opened = Ledger::open_read_only(&scratch.path());
        // A longer one looks whole by its heads; the pass over its journal tells.
        if let Ok(ledger) = opened {
            let report = ledger.verify().expect("read");
            assert!(report.problems[0].what.contains("are not those that"), "{report:?}");
            assert_eq!(code(&inforce(&["verify"], &scratch.path())), 3);
            assert_eq!(ledger.load().expect("read").bad.expect("a problem").place, Some((text(&anchor).to_owned(), 0)));
        }
        assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::RolledBack(_))));
    }
    // The other way out, for whoever has lost the rest.
    let output = inforce(&["anchor", "--none"], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    check_ledger(&scratch);
}

#[test]
fn an_anchor_that_is_gone_or_another_s_is_refused() {
    let scratch = Scratch { dir: tempfile::tempdir().expect("a folder") };
    let anchor = scratch.dir.path().join("anchor");
    let output = inforce(&["init", "--origin", "inforce/test", "--anchor", text(&anchor)], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    grown(&scratch, 0..5);
    let good = std::fs::read(&anchor).expect("there");
    std::fs::remove_file(&anchor).expect("removed");
    assert!(matches!(Ledger::open_read_only(&scratch.path()), Err(LedgerError::Anchor(..))));
    let output = inforce(&["verify"], &scratch.path());
    assert_eq!(code(&output), 3);
    assert!(errors(&output).contains("docs/operate.md"), "{}", errors(&output));
    // Of another ledger; not of a log at all; changed.
    let other = Scratch { dir: tempfile::tempdir().expect("a folder") };
    Ledger::create(&other.path(), Some("inforce/test")).expect("made").close().expect("closed");
    let changed = String::from_utf8(good.clone()).expect("text").replace("\n5\n", "\n4\n").into_bytes();
    for bad in [std::fs::read(other.path().join("checkpoint")).expect("there"), b"x".to_vec(), changed] {
        std::fs::write(&anchor, bad).expect("written");
        assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::Checkpoint(_))));
        assert_eq!(code(&inforce(&["verify"], &scratch.path())), 3);
    }
    std::fs::write(&anchor, good).expect("written");
    // Two copies of one folder that are written to at the same time meet at the anchor.
    let copied = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy_folder(&scratch.path(), &copied.path());
    let (one, two) = (scratch.open(), copied.open());
    append(&one, 10..11);
    append(&two, 20..21);
    one.close().expect("the first is written");
    assert!(matches!(two.close(), Err(LedgerError::RolledBack(_))));
    let signed = std::fs::read_to_string(copied.path().join("checkpoint")).expect("there");
    let signed = Checkpoint::open(&signed, &scratch.read().verifier_key()).expect("signed");
    assert_eq!(signed.size, TreeSize(5), "the second signed nothing that would fork");
    // Not inside the folder, and not over another ledger's checkpoint.
    assert_eq!(code(&inforce(&["anchor", text(&scratch.path().join("anchor"))], &scratch.path())), 1);
    let foreign = other.path().join("checkpoint");
    assert_eq!(code(&inforce(&["anchor", text(&foreign)], &scratch.path())), 3);
    check_ledger(&scratch);
}

#[test]
fn a_ledger_is_held_to_what_was_cosigned() {
    let scratch = Scratch::new();
    grown(&scratch, 0..5);
    let older = scratch.dir.path().join("older");
    copy_folder(&scratch.path(), &older);
    grown(&scratch, 5..9);
    let note = std::fs::read_to_string(scratch.path().join("checkpoint")).expect("there");
    let ledger = scratch.open();
    ledger.keep_witnessed(&note).expect("kept");
    let old = std::fs::read_to_string(older.join("checkpoint")).expect("there");
    assert!(matches!(ledger.keep_witnessed(&old), Err(LedgerError::RolledBack(_))), "never a smaller one");
    ledger.close().expect("closed");
    check_ledger(&scratch);
    // Journal, tree and checkpoint from before, but the cosigned one stayed.
    let kept = scratch.path().join("checkpoint.witnessed");
    std::fs::copy(&kept, older.join("checkpoint.witnessed")).expect("copied");
    assert!(matches!(Ledger::open(&older), Err(LedgerError::RolledBack(_))));
    assert!(matches!(Ledger::open_read_only(&older), Err(LedgerError::RolledBack(_))));
    // A forged one is not passed over.
    std::fs::write(&kept, note.replace("\n9\n", "\n8\n")).expect("written");
    assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::Checkpoint(_))));
    assert_eq!(code(&inforce(&["verify"], &scratch.path())), 3);
    std::fs::write(&kept, note).expect("written");
    check_ledger(&scratch);
}

#[test]
fn a_proof_file_is_written_and_checked_without_a_ledger() {
    let scratch = Scratch::new();
    let dir = scratch.dir.path();
    grown(&scratch, 0..30);
    let witness = WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[1; 32])).expect("a name");
    let key = scratch.read().verifier_key().to_string();
    let mut note =
        Note::parse(&std::fs::read_to_string(scratch.path().join("checkpoint")).expect("there")).expect("a note");
    let line = witness.cosign(note.text(), 1_700_000_000);
    note.add(line);
    scratch.open().keep_witnessed(&note.to_string()).expect("kept");
    grown(&scratch, 30..50);
    let (file, policy, nowhere) = (dir.join("x.tlog-proof"), dir.join("policy"), dir.join("nowhere"));
    let check = |args: &[&str]| inforce(&[&["proof", "--json", "--check", text(&file)], args].concat(), &nowhere);
    // Below the cosigned size under that checkpoint, behind it under the last one.
    for (seq, size, cosigned) in [(7, 30, 1), (29, 30, 1), (30, 50, 0), (49, 50, 0)] {
        let made = inforce(&["proof", &seq.to_string(), "--json", "--write", text(&file)], &scratch.path());
        assert_eq!(code(&made), 0, "{}", errors(&made));
        let entry = object(&made)["entry"].as_str().expect("a hash").to_owned();
        assert_eq!(scratch.read().entry(seq).expect("read").expect("there").hash.to_string(), entry);
        let found = check(&["--entry", &entry, "--key", &key]);
        assert_eq!((code(&found), &object(&found)["ok"]), (0, &json!(true)), "{}", errors(&found));
        assert_eq!((&object(&found)["seq"], &object(&found)["size"]), (&json!(seq), &json!(size)));
        std::fs::write(&policy, format!("log {key}\nwitness w {}\nquorum w\n", witness.verifier())).expect("written");
        let found = check(&["--entry", &entry, "--policy", text(&policy)]);
        assert_eq!(code(&found), if cosigned == 1 { 0 } else { 3 }, "{}", errors(&found));
        assert_eq!(object(&found)["witnesses"].as_array().map(Vec::len), Some(cosigned));
        // Another entry, another log.
        assert_eq!(code(&check(&["--entry", &"0".repeat(64), "--key", &key])), 3);
        let other = VerifierKey::new("inforce/test", SigningKey::from_bytes(&[9; 32]).verifying_key()).to_string();
        assert_eq!(code(&check(&["--entry", &entry, "--key", &other])), 3);
    }
    assert_eq!(code(&inforce(&["proof", "50"], &scratch.path())), 1);
    for wrong in [&["--entry", "12", "--key", &key][..], &["--entry", &"0".repeat(64)], &["--key", &key]] {
        assert_eq!(code(&check(wrong)), 2, "{wrong:?}");
    }
}

/// What is read has one form: whatever a changed byte still lets pass is written back as it was, and nothing panics.
#[test]
fn every_format_has_one_form() {
    let scratch = Scratch::new();
    grown(&scratch, 0..9);
    let witness = WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[1; 32])).expect("a name");
    let mut note =
        Note::parse(&std::fs::read_to_string(scratch.path().join("checkpoint")).expect("there")).expect("a note");
    note.add(witness.cosign(note.text(), 1_700_000_000));
    let path = scratch.read().inclusion_proof(4, TreeSize(9)).expect("proved");
    let inclusion = Inclusion { extra: Some(b"x".to_vec()), index: 4, path, checkpoint: note.to_string() };
    let hashes = scratch.read().consistency_proof(TreeSize(5), TreeSize(9)).expect("proved");
    let root = |size| TreeHead { size: TreeSize(size), root: scratch.read().root_at(TreeSize(size)).expect("known") };
    let consistency = Consistency { old: root(5), new: root(9), hashes: hashes.clone() };
    let request = AddCheckpoint { old: TreeSize(5), proof: hashes, checkpoint: note.to_string() };
    type Again = fn(&str) -> Option<String>;
    let formats: [(String, Again); 5] = [
        (note.to_string(), |text| Note::parse(text).ok().map(|note| note.to_string())),
        (inclusion.to_string(), |text| Inclusion::parse(text).ok().map(|proof| proof.to_string())),
        (consistency.to_string(), |text| Consistency::parse(text).ok().map(|proof| proof.to_string())),
        (request.to_string(), |text| AddCheckpoint::parse(text).ok().map(|request| request.to_string())),
        (witness.verifier().to_string(), |text| VerifierKey::parse(text).ok().map(|key| key.to_string())),
    ];
    for (good, again) in formats {
        assert_eq!(again(&good).as_ref(), Some(&good));
        for at in 0..good.len() {
            for byte in [0, b'\n', b' ', b'+', b'-', b'0', b'1', b'=', b'A', b'x', 0x7f, 0x80, 0xff] {
                let mut changed = good.clone().into_bytes();
                changed[at] = byte;
                let cut = &good.as_bytes()[..at];
                let doubled = [cut, &[byte], &good.as_bytes()[at..]].concat();
                for text in
                    [&changed[..], cut, &doubled].into_iter().filter_map(|bytes| std::str::from_utf8(bytes).ok())
                {
                    // A key may stand between spaces, as one pastes it.
                    let kept = again(text);
                    assert!(kept.is_none_or(|kept| kept == text || kept == text.trim()), "{text:?}");
                    let _ = Quorum::parse(text.as_bytes());
                }
            }
        }
    }
}
