//! Backups made while others write, restores that must not fork, and segments in cold storage.

mod common;

use common::events::{age, chat, decision, erased, policy, signal};
use common::{Scratch, check_ledger, copy_folder, facts, replayed};
use inforce::ledger::{
    BackupOptions, Ledger, LedgerError, Options, RestoreOptions, backup, restore, restore_with, retain, salvage,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const WITH_KEYRING: BackupOptions = BackupOptions { with_keyring: true, recheck: false };

/// Segments of about a KiB, so that a test has many.
fn open_small(path: &Path) -> Ledger {
    Ledger::open_with(path, &Options { segment_len: 1 << 10, ..Options::default() }).expect("opens")
}

/// A ledger of `entries` entries in small segments, and a folder for its backup.
fn filled(entries: usize) -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let ledger = open_small(&scratch.path());
    for n in 0..entries {
        ledger.append(facts(&[age(&n.to_string(), &format!("facebook/{}", n % 5))])).expect("appended");
    }
    ledger.close().expect("closed");
    let to = scratch.dir.path().join("backup");
    (scratch, to)
}

fn restored(to: &Path) -> Scratch {
    let other = Scratch::empty();
    restore(to, &other.path(), None, None).expect("restored");
    other
}

/// Appends from 16 threads until told to stop; counts what was acknowledged.
fn append_from_many(ledger: &Ledger, stop: &AtomicBool, acknowledged: &AtomicU64, name: &str) {
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let account = format!("facebook/{thread}-{}", n % 50);
                    let mut events = vec![age(&format!("{name}-{thread}-{n}"), &account)];
                    if n % 40 == 39 {
                        events.push(erased(
                            &format!("{name}-e-{thread}-{n}"),
                            &account,
                            if n % 80 == 79 { "all" } else { "content" },
                        ));
                    }
                    let size = ledger.append(facts(&events)).expect("appended")[0].size.0;
                    acknowledged.fetch_max(size, Ordering::SeqCst);
                }
            });
        }
    });
}

#[test]
fn backups_beside_16_threads_hold_all_that_was_acknowledged_before_each() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("backup");
    let ledger = open_small(&scratch.path());
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| append_from_many(&ledger, &stop, &acknowledged, "a"));
        let mut before = 0;
        for _ in 0..6 {
            std::thread::sleep(std::time::Duration::from_millis(60));
            let promised = acknowledged.load(Ordering::SeqCst);
            let made = ledger.backup(&to, &WITH_KEYRING).expect("backed up");
            assert!(made.entries >= promised && made.entries >= before, "{made:?}, {promised} were acknowledged");
            before = made.entries;
            let other = restored(&to);
            assert_eq!(other.read().size().expect("known"), made.entries);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(acknowledged.load(Ordering::SeqCst) > 100, "something was written meanwhile");
    ledger.close().expect("closed");
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let other = restored(&to);
    assert_eq!(other.read().verify().expect("verifies").root, scratch.read().verify().expect("verifies").root);
    check_ledger(&other);
    check_ledger(&scratch);
}

const CHILD: &str = "INFORCE_TEST_WRITES_TO";

/// No test by itself: what the next one starts as another process.
#[test]
fn the_other_process() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let (path, stop, acknowledged) = (PathBuf::from(path), AtomicBool::new(false), AtomicU64::new(0));
    let ledger = open_small(&path);
    std::fs::write(path.with_extension("started"), "").expect("written");
    std::thread::scope(|scope| {
        scope.spawn(|| append_from_many(&ledger, &stop, &acknowledged, "child"));
        while path.with_extension("started").exists() {
            std::fs::write(path.with_extension("new"), acknowledged.load(Ordering::SeqCst).to_string())
                .expect("written");
            std::fs::rename(path.with_extension("new"), path.with_extension("promised")).expect("moved");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
    });
    ledger.close().expect("closed");
}

#[test]
fn backups_beside_16_writers_in_another_process_hold_all_that_was_acknowledged() {
    let scratch = Scratch::new();
    let (path, to) = (scratch.path(), scratch.dir.path().join("backup"));
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "the_other_process"])
        .env(CHILD, &path)
        .spawn()
        .expect("it starts");
    let (started, promised) = (path.with_extension("started"), path.with_extension("promised"));
    let wait = |what: &Path| {
        for _ in 0..2000 {
            if what.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the other process did not begin");
    };
    wait(&started);
    wait(&promised);
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Locked(_))), "two writers");
    for _ in 0..5 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let promised: u64 = std::fs::read_to_string(&promised).expect("readable").parse().expect("a number");
        let made = backup(&path, &to, &WITH_KEYRING).expect("backed up");
        assert!(made.entries >= promised, "{made:?}, {promised} were acknowledged");
        let other = restored(&to);
        assert_eq!(other.read().verify().expect("verifies").problems, []);
    }
    std::fs::remove_file(&started).expect("removed");
    assert!(child.wait().expect("it ends").success());
    check_ledger(&restored(&to));
    check_ledger(&scratch);
}

#[test]
fn a_sealed_segment_is_copied_once() {
    let (scratch, to) = filled(60);
    let first = backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    assert!(first.segments > 3 && first.copied == first.segments, "{first:?}");
    let again = backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    assert_eq!((again.copied, again.entries), (0, 60));
    let ledger = open_small(&scratch.path());
    ledger.append(facts(&[age("one more", "facebook/1")])).expect("appended");
    ledger.close().expect("closed");
    let third = backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    assert!(third.copied <= 2 && third.entries == 61, "{third:?}");
    // Of the segment that grew only the last copy is left, and of the keyring.
    let copies = std::fs::read_dir(to.join("segments")).expect("readable").count() as u64;
    assert_eq!(copies, third.segments);
    let keyrings = std::fs::read_dir(&to)
        .expect("readable")
        .filter(|file| file.as_ref().expect("readable").file_name().to_string_lossy().starts_with("keyring-"));
    assert_eq!(keyrings.count(), 1);
    check_ledger(&restored(&to));
}

#[test]
fn an_interrupted_backup_is_no_backup_and_is_gone_on_with() {
    let (scratch, to) = filled(30);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let whole = std::fs::read(to.join("manifest.json")).expect("readable");
    // Cut short before the first manifest: no backup, and the next one needs to copy nothing.
    std::fs::remove_file(to.join("manifest.json")).expect("removed");
    std::fs::write(to.join("segments/00000009-77.seg.part"), b"half").expect("written");
    let none = restore(&to, &Scratch::empty().path(), None, None);
    assert!(matches!(none, Err(LedgerError::NoBackup(..))), "{none:?}");
    assert_eq!(backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up").copied, 0);
    assert!(!to.join("segments/00000009-77.seg.part").exists());
    // Cut short in a later one: new copies are there, the manifest is the old one, and so is what is restored.
    let ledger = open_small(&scratch.path());
    ledger.append(facts(&[age("later", "facebook/1")])).expect("appended");
    ledger.close().expect("closed");
    let copy = scratch.dir.path().join("copy");
    copy_folder(&to, &copy);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    copy_folder(&to.join("segments"), &copy.join("segments"));
    assert_eq!(serde_json::from_slice::<Value>(&whole).expect("JSON")["entries"], 30);
    let other = Scratch::empty();
    assert_eq!(restore(&copy, &other.path(), None, None).expect("restored").entries, 30);
    check_ledger(&other);
}

#[test]
fn every_changed_file_of_a_backup_is_noticed_and_a_recheck_repairs_it() {
    let (scratch, to) = filled(30);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(to.join("segments")).expect("readable").map(|file| file.expect("readable").path()).collect();
    files.extend(std::fs::read_dir(&to).expect("readable").map(|file| file.expect("readable").path()));
    files.retain(|path| path.is_file() && path.file_name().is_some_and(|name| name != "lock"));
    assert!(files.len() > 4);
    for path in files {
        let good = std::fs::read(&path).expect("readable");
        for at in (0..good.len()).step_by(good.len() / 7 + 1) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            std::fs::write(&path, &bad).expect("written");
            let other = Scratch::empty();
            let refused = restore(&to, &other.path(), None, None);
            assert!(
                refused.is_err() && Ledger::open(&other.path()).is_err(),
                "{} byte {at}: {refused:?}",
                path.display()
            );
        }
        if path.ends_with("manifest.json") {
            std::fs::write(&path, &good).expect("written");
            continue;
        }
        let recheck = BackupOptions { with_keyring: true, recheck: true };
        assert_eq!(backup(&scratch.path(), &to, &recheck).expect("backed up").entries, 30);
        assert_eq!(std::fs::read(&path).expect("readable"), good);
    }
    check_ledger(&restored(&to));
}

#[test]
fn a_restore_that_would_fork_what_was_published_is_refused() {
    let (scratch, to) = filled(10);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let published = scratch.dir.path().join("mirror");
    std::fs::create_dir(&published).expect("made");
    let publish =
        |from: &Scratch| std::fs::copy(from.path().join("checkpoint"), published.join("checkpoint")).expect("copied");
    publish(&scratch);
    let other = Scratch::empty();
    let made = restore(&to, &other.path(), Some(&published), None).expect("restored");
    assert_eq!(made.published, Some(10));
    // The ledger went on and published; the backup is older.
    let ledger = scratch.open();
    ledger.append(facts(&[age("later", "facebook/1")])).expect("appended");
    ledger.close().expect("closed");
    publish(&scratch);
    let refused = restore(&to, &Scratch::empty().path(), Some(&published), None).expect_err("it forks");
    assert!(matches!(&refused, LedgerError::WouldFork(what) if what.contains("11 entries")), "{refused}");
    assert!(refused.is_damage(), "exit 3");
    // The restored copy grew too: as long, and another branch.
    let ledger = other.open();
    ledger.append(facts(&[age("other", "facebook/1")])).expect("appended");
    ledger.close().expect("closed");
    backup(&other.path(), &to, &WITH_KEYRING).expect("backed up");
    let refused = restore(&to, &Scratch::empty().path(), Some(&published.join("checkpoint")), None);
    assert!(matches!(refused, Err(LedgerError::WouldFork(_))), "{refused:?}");
    // Nor is the first ledger backed up over the other's backup.
    let refused = backup(&scratch.path(), &to, &WITH_KEYRING);
    assert!(matches!(refused, Err(LedgerError::RolledBack(_))), "{refused:?}");
    // Nor is anything restored over something.
    let refused = restore(&to, &scratch.path(), None, None);
    assert!(matches!(refused, Err(LedgerError::NotEmpty(_))), "{refused:?}");
    check_ledger(&scratch);
    check_ledger(&other);
}

#[test]
fn an_anchor_that_is_not_mounted_is_not_given_up_in_silence() {
    let (scratch, to) = filled(3);
    let anchor = scratch.dir.path().join("anchor");
    Ledger::set_anchor(&scratch.path(), &anchor).expect("set");
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let away = scratch.dir.path().join("away");
    std::fs::rename(&anchor, &away).expect("moved");
    let other = Scratch::empty();
    let refused = restore(&to, &other.path(), None, None).expect_err("not mounted");
    assert!(matches!(refused, LedgerError::LostAnchor(_)) && refused.is_damage(), "{refused}");
    assert!(refused.to_string().contains("--without-anchor") && !other.path().exists(), "{refused}");
    let given_up = RestoreOptions { without_anchor: true, ..RestoreOptions::default() };
    let made = restore_with(&to, &other.path(), &given_up).expect("restored");
    assert_eq!((made.lost_anchor.is_some(), made.published), (true, None));
    check_ledger(&other);
    // Something else that was published is compared.
    let made = restore(&to, &Scratch::empty().path(), Some(&away), None).expect("restored");
    assert_eq!((made.lost_anchor.is_some(), made.published), (true, Some(3)));
}

#[test]
fn nothing_is_backed_up_or_salvaged_into_the_ledger_itself() {
    let (scratch, _) = filled(3);
    let link = scratch.dir.path().join("link");
    std::os::unix::fs::symlink(scratch.path(), &link).expect("linked");
    let before = std::fs::read_dir(scratch.path()).expect("readable").count();
    let (own, below, new) = (scratch.path(), scratch.path().join("journal/backup"), link.join("a/b"));
    for to in [&own, &below, &new] {
        let refused = backup(&scratch.path(), to, &WITH_KEYRING);
        assert!(matches!(refused, Err(LedgerError::Inside(..))), "{refused:?}");
        let refused = salvage(&scratch.path(), to, None, None);
        assert!(matches!(refused, Err(LedgerError::Inside(..))), "{refused:?}");
    }
    assert_eq!(std::fs::read_dir(scratch.path()).expect("readable").count(), before);
    check_ledger(&scratch);
}

#[test]
fn a_backup_is_of_one_ledger() {
    let (scratch, to) = filled(3);
    let other = Scratch::empty();
    Ledger::create(&other.path(), Some("inforce/other")).expect("made").close().expect("closed");
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let refused = backup(&other.path(), &to, &WITH_KEYRING);
    assert!(matches!(refused, Err(LedgerError::OtherBackup(..))), "{refused:?}");
    assert!(Ledger::open(&to).is_err(), "a backup is no ledger");
}

#[test]
fn keys_are_backed_up_only_if_asked_for_and_erasures_reach_them() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("backup");
    let ledger = scratch.open();
    ledger.append(facts(&[chat("1", "facebook/a", "hello"), chat("2", "facebook/b", "hello")])).expect("appended");
    ledger.backup(&to, &WITH_KEYRING).expect("backed up");
    let old_keys = scratch.dir.path().join("old-keyring");
    std::fs::copy(scratch.path().join("keyring"), &old_keys).expect("copied");
    // A backup that holds keys outlives an erasure, until the next one.
    ledger.append(facts(&[erased("3", "facebook/a", "all"), erased("4", "facebook/b", "content")])).expect("appended");
    assert!(restored(&to).read().entry(0).expect("read").expect("there").record.is_some());
    ledger.backup(&to, &WITH_KEYRING).expect("backed up");
    assert!(restored(&to).read().entry(0).expect("read").expect("there").record.is_none());
    // Without keys the old ones are gone from it, and nothing can be read.
    ledger.backup(&to, &BackupOptions::default()).expect("backed up");
    assert!(
        std::fs::read_dir(&to)
            .expect("readable")
            .all(|file| { !file.expect("readable").file_name().to_string_lossy().starts_with("keyring-") })
    );
    let refused = restore(&to, &Scratch::empty().path(), None, None);
    assert!(matches!(refused, Err(LedgerError::NoKeys(..))), "{refused:?}");
    // An older keyring: what the journal says was erased is erased in it.
    let other = Scratch::empty();
    restore(&to, &other.path(), None, Some(&old_keys)).expect("restored");
    let reader = other.read();
    assert!(reader.entry(0).expect("read").expect("there").record.is_none());
    let second = reader.entry(1).expect("read").expect("there");
    assert!(second.record.is_some() && second.content.is_none());
    drop(ledger);
    check_ledger(&other);
    // The keyring of another ledger is refused.
    let stranger = Scratch::new();
    let refused = restore(&to, &Scratch::empty().path(), None, Some(&stranger.path().join("keyring")));
    assert!(matches!(refused, Err(LedgerError::WrongKeyring(_))), "{refused:?}");
}

#[test]
fn a_restore_that_was_cut_short_is_no_ledger_and_is_gone_on_with() {
    let (scratch, to) = filled(20);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let other = Scratch::empty();
    restore(&to, &other.path(), None, None).expect("restored");
    std::fs::remove_file(other.path().join("ledger.toml")).expect("removed");
    std::fs::write(other.path().join("restoring"), "").expect("written");
    assert!(matches!(Ledger::open(&other.path()), Err(LedgerError::NoLedger(..))));
    restore(&to, &other.path(), None, None).expect("restored");
    check_ledger(&other);
}

#[test]
fn a_restore_that_is_gone_on_with_leaves_nothing_of_another_one() {
    let (scratch, to) = filled(6);
    let (bigger, newer) = filled(60);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    backup(&bigger.path(), &newer, &WITH_KEYRING).expect("backed up");
    let other = Scratch::empty();
    restore(&newer, &other.path(), None, None).expect("restored");
    other.open().close().expect("it has an index");
    std::fs::write(other.path().join("checkpoint.witnessed"), "of another").expect("written");
    std::fs::remove_file(other.path().join("ledger.toml")).expect("removed");
    std::fs::write(other.path().join("restoring"), "").expect("written");
    restore(&to, &other.path(), None, None).expect("restored");
    assert!(!other.path().join("checkpoint.witnessed").exists());
    let segments = |scratch: &Scratch| std::fs::read_dir(scratch.path().join("journal")).expect("readable").count();
    assert_eq!(segments(&other), segments(&scratch));
    check_ledger(&other);
}

#[test]
fn a_damaged_ledger_is_not_backed_up_over_a_good_backup() {
    let (scratch, to) = filled(20);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let ledger = open_small(&scratch.path());
    (0..30).for_each(|n| drop(ledger.append(facts(&[age(&format!("n{n}"), "facebook/z")])).expect("appended")));
    ledger.close().expect("closed");
    let path = scratch.path().join("journal/00000001.seg");
    let mut bytes = std::fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    std::fs::remove_file(to.join("segments").join(copy_of(&to, 1))).expect("removed");
    let refused = backup(&scratch.path(), &to, &WITH_KEYRING).expect_err("damaged");
    assert!(refused.is_damage(), "{refused}");
}

/// The name of the copy of a segment.
fn copy_of(to: &Path, segment: u32) -> String {
    let names = std::fs::read_dir(to.join("segments")).expect("readable");
    let mut names = names.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned());
    names.find(|name| name.starts_with(&format!("{segment:08}-"))).expect("a copy")
}

#[test]
fn sealed_segments_are_read_from_cold_storage() {
    let scratch = Scratch::new();
    let cold = scratch.dir.path().join("cold");
    let ledger = open_small(&scratch.path());
    ledger.append(facts(&[policy("p"), chat("c", "facebook/a", "hello")])).expect("appended");
    ledger.append(facts(&[signal("s", "facebook/a", "c"), decision("d", "facebook/a", "s")])).expect("appended");
    (0..60).for_each(|n| drop(ledger.append(facts(&[age(&n.to_string(), "facebook/a")])).expect("appended")));
    let before = replayed(&scratch.read());
    let root = scratch.read().verify().expect("verifies").root;
    // While it is written to.
    let moved = retain(&scratch.path(), &cold, 1, &[]).expect("moved");
    assert!(moved.len() > 2 && moved.iter().all(|one| one.place.starts_with(cold.canonicalize().expect("there"))));
    assert_eq!(retain(&scratch.path(), &cold, 1, &[]).expect("moved"), [], "moved once");
    ledger.append(facts(&[age("later", "facebook/z")])).expect("appended");
    assert_eq!(ledger.entry(1).expect("read").expect("there").content.as_deref(), Some("hello"));
    ledger.close().expect("closed");
    assert_eq!(replayed(&scratch.read()), before);
    let status = scratch.read().status().expect("read");
    assert_eq!((status.cold, status.entries), (moved.len() as u64, 65));
    // The growing one, and one that is not there, are refused; so is another ledger's place.
    let last = status.segments as u32 - 1;
    for number in [last, last + 7] {
        let refused = retain(&scratch.path(), &cold, 0, &[number]);
        assert!(matches!(refused, Err(LedgerError::NotSealed(..))), "{refused:?}");
    }
    let (other, _) = filled(40);
    let refused = retain(&other.path(), &cold, 0, &[0]);
    assert!(matches!(refused, Err(LedgerError::OtherCold(..))), "{refused:?}");
    // Backed up and restored as any other.
    let to = scratch.dir.path().join("backup");
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    assert_ne!(restored(&to).read().verify().expect("verifies").root, root);
    // Not mounted: named, and no damage.
    let away = scratch.dir.path().join("away");
    std::fs::rename(&cold, &away).expect("moved");
    for failed in
        [scratch.read().verify().map(drop), scratch.read().load().map(drop), Ledger::open(&scratch.path()).map(drop)]
    {
        let error = failed.expect_err("not mounted");
        let text = error.to_string();
        assert!(text.contains("00000000.seg") && text.contains("cold") && text.contains("mount"), "{text}");
        assert!(!error.is_damage(), "{text}");
    }
    assert_eq!(backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up").copied, 0);
    std::fs::rename(&away, &cold).expect("moved");
    check_ledger(&scratch);
}

/// Cuts the keyring behind its first slots, or puts zeros in their place.
fn lose_keys(keyring: &Path, slots: usize, zeroed: bool) {
    let mut bytes = std::fs::read(keyring).expect("readable");
    let end = 4096 + slots * 128;
    if zeroed {
        bytes[end..].fill(0)
    } else {
        bytes.truncate(end)
    }
    std::fs::write(keyring, bytes).expect("written");
}

#[test]
fn a_ledger_whose_keys_are_gone_is_not_written_to() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&[chat("1", "facebook/a", "hello"), chat("2", "facebook/b", "hello")])).expect("appended");
    ledger.append(facts(&[erased("3", "facebook/a", "all")])).expect("appended");
    ledger.append(facts(&[chat("4", "facebook/c", "hello")])).expect("appended");
    ledger.close().expect("closed");
    // An erasure that the keyring did not get is finished; whoever was erased needs no keys.
    scratch.open().close().expect("closed");
    for (slots, zeroed, seq) in [(0, false, 1), (0, true, 1), (1, false, 1), (2, true, 3)] {
        let lost = scratch.copied();
        let keyring = lost.path().join("keyring");
        lose_keys(&keyring, slots, zeroed);
        let before = std::fs::read(&keyring).expect("readable");
        let journal = std::fs::read(lost.path().join("journal/00000000.seg")).expect("readable");
        let refused = Ledger::open(&lost.path()).map(drop).expect_err("keys are gone");
        assert!(matches!(refused, LedgerError::KeysMissing(found) if found == seq), "{slots}: {refused}");
        assert!(refused.is_damage());
        // Slot 0 may have come back from the redo record; none was made.
        let after = std::fs::read(&keyring).expect("readable");
        assert!(after.len() == before.len() && after.get(4096 + 128..) == before.get(4096 + 128..));
        assert!(std::fs::read(lost.path().join("journal/00000000.seg")).expect("readable") == journal);
        // Put back, everything is as it was.
        std::fs::copy(scratch.path().join("keyring"), &keyring).expect("copied");
        check_ledger(&lost);
    }
    check_ledger(&scratch);
}

#[test]
fn a_backup_never_puts_a_cut_keyring_in_the_place_of_a_good_one() {
    let (scratch, to) = filled(20);
    backup(&scratch.path(), &to, &WITH_KEYRING).expect("backed up");
    let keys = |to: &Path| {
        let files = std::fs::read_dir(to).expect("readable").map(|file| file.expect("readable").path());
        let mut keys = files.filter(|path| path.file_name().expect("a name").to_string_lossy().starts_with("keyring-"));
        let found = keys.next().expect("keys");
        assert!(keys.next().is_none());
        (found.clone(), std::fs::read(found).expect("readable"))
    };
    let manifest = std::fs::read(to.join("manifest.json")).expect("readable");
    let good = keys(&to);
    for (slots, zeroed) in [(0, false), (0, true), (2, false), (2, true)] {
        std::fs::write(scratch.path().join("keyring"), &good.1).expect("written");
        lose_keys(&scratch.path().join("keyring"), slots, zeroed);
        for target in [to.clone(), scratch.dir.path().join("another")] {
            let refused = backup(&scratch.path(), &target, &WITH_KEYRING);
            assert!(matches!(refused, Err(LedgerError::KeysMissing(_))), "{refused:?}");
        }
        assert!(keys(&to) == good && std::fs::read(to.join("manifest.json")).expect("readable") == manifest);
    }
    check_ledger(&restored(&to));
}

#[test]
fn a_segment_is_never_moved_onto_itself() {
    let (scratch, _) = filled(40);
    let (path, outside) = (scratch.path(), scratch.dir.path().join("outside"));
    std::os::unix::fs::symlink(path.join("journal"), scratch.dir.path().join("linked")).expect("linked");
    let first = path.join("journal/00000000.seg");
    let bytes = std::fs::read(&first).expect("readable");
    let places = [path.join("journal"), path.clone(), path.join("new/cold"), scratch.dir.path().join("linked/../cold")];
    for cold in places.iter().chain([&scratch.dir.path().join("linked")]) {
        let refused = retain(&path, cold, 1, &[]);
        assert!(matches!(refused, Err(LedgerError::ColdInside(..))), "{}: {refused:?}", cold.display());
        assert!(!path.join("new").exists());
    }
    // The same file under another name, as where the folder is mounted twice.
    std::fs::create_dir(&outside).expect("made");
    std::fs::hard_link(&first, outside.join("00000000.seg")).expect("linked");
    let refused = retain(&path, &outside, 1, &[]);
    assert!(matches!(refused, Err(LedgerError::ColdInside(..))), "{refused:?}");
    assert!(first.symlink_metadata().expect("there").is_file());
    assert_eq!(std::fs::read(&first).expect("readable"), bytes);
    check_ledger(&scratch);
}

/// Same origin, both growing: neither can tell by itself, each is refused as soon as it is held to the other's checkpoint.
#[test]
fn a_copied_folder_that_grows_is_noticed_by_the_other_ones_checkpoint() {
    let (scratch, to) = filled(5);
    let twin = scratch.copied();
    for (number, one) in [&scratch, &twin].into_iter().enumerate() {
        let ledger = one.open();
        ledger.append(facts(&[age(&format!("of {number}"), "facebook/1")])).expect("appended");
        ledger.close().expect("closed");
        check_ledger(one);
    }
    backup(&twin.path(), &to, &WITH_KEYRING).expect("backed up");
    let refused = restore(&to, &Scratch::empty().path(), Some(&scratch.path().join("checkpoint")), None);
    assert!(matches!(refused, Err(LedgerError::WouldFork(_))), "{refused:?}");
    std::fs::copy(scratch.path().join("checkpoint"), twin.path().join("checkpoint")).expect("copied");
    assert!(matches!(Ledger::open(&twin.path()), Err(LedgerError::RolledBack(_))));
    assert!(!twin.read().verify().expect("read").problems.is_empty());
}
