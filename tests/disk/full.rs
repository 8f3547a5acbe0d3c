//! No room, a limit, no permission: a clear error, reads go on, and so do appends once it is mended.

use crate::common::happenings::{Happenings, policy};
use crate::common::{events, facts};
use crate::faulty::FaultyDisk;
use crate::simulated::SimulatedDisk;
use crate::workload::{self, Acknowledged, SEGMENT_LEN};
use inforce::disk::{Disk, Open, RealDisk};
use inforce::fact::Instant;
use inforce::ledger::{Ledger, LedgerError, Options, Problem};
use inforce::merkle::TreeSize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// `EACCES`, `EFBIG`, `ENOSPC`, `EROFS`, `EDQUOT`.
const ERRORS: [i32; 5] = [13, 27, 28, 30, 122];

/// Room runs out before a group is appended; the same ledger takes it once there is some again.
fn fills_up(before: usize, room: u64, error: i32, power_goes: bool) {
    let (dir, index) = (Path::new("/data/ledger"), tempfile::tempdir().expect("a folder"));
    let beneath = SimulatedDisk::new(room);
    let disk = FaultyDisk::new(Arc::new(beneath.clone()), None);
    let options = Options {
        disk: Arc::new(disk.clone()),
        index: Some(index.path().join("0")),
        segment_len: SEGMENT_LEN,
        ..Options::default()
    };
    let (mut acknowledged, groups) = (Acknowledged::default(), workload::groups());
    let ledger = Ledger::create_with(dir, None, &options).expect("made");
    acknowledged.created = true;
    for (number, group) in groups.iter().enumerate() {
        if number < before {
            workload::append(&ledger, number, group, &mut acknowledged).expect("there is room");
            continue;
        }
        if number == before {
            disk.set_room(Some((room, error)));
        }
        let tried = workload::append(&ledger, number, group, &mut acknowledged);
        let Err(refused) = tried else { continue };
        check_refused(&refused, error, &[&ledger, &Ledger::open_read_only_with(dir, &options).expect("opens")]);
        for receipt in acknowledged.receipts.values() {
            assert_eq!(ledger.entry(receipt.seq).expect("read").expect("there").hash, receipt.hash);
        }
        // Still none; then there is.
        workload::append(&ledger, number, group, &mut acknowledged).expect_err("there is no room");
        if power_goes {
            break;
        }
        disk.set_room(None);
        workload::append(&ledger, number, group, &mut acknowledged).expect("there is room again");
    }
    if power_goes {
        drop(ledger);
        beneath.restart();
        disk.set_room(None);
    } else {
        disk.set_room(None);
        ledger.close().expect("closed");
    }
    workload::recover(dir, &options, &workload::groups(), &mut acknowledged).expect("the disk is sound");
}

/// It is said why, and reads go on.
fn check_refused(refused: &LedgerError, error: i32, readers: &[&Ledger]) {
    let reason = std::io::Error::from_raw_os_error(error).to_string();
    assert!(matches!(refused, LedgerError::NoRoom(_)) && refused.to_string().contains(&reason), "{refused}");
    for reader in readers {
        // An erasure may be recorded, and not acknowledged, before there was room to carry it out: that is told.
        let waits = |problem: &Problem| problem.what.contains("the keys are still there");
        let problems = reader.verify().expect("reads go on").problems;
        assert!(problems.iter().all(waits), "{problems:?}");
    }
}

#[test]
fn appends_go_on_when_there_is_room_again() {
    let rooms = [0, 1, 40, 1000, 3000, 9000, (1 << 20) + 500, (1 << 20) + 7000];
    let mut all = Vec::new();
    for (at, &room) in rooms.iter().enumerate() {
        for before in 0..workload::groups().len() {
            let error = ERRORS[(at + before) % ERRORS.len()];
            all.extend([(before, room, error, false), (before, room, error, true)]);
        }
    }
    let every = if cfg!(debug_assertions) && std::env::var_os("INFORCE_FAULTS").is_none() { 7 } else { 1 };
    let chosen: Vec<_> = all.iter().step_by(every).copied().collect();
    crate::each(&chosen, |&(before, room, error, power_goes)| {
        let what = format!("{room} bytes of room before group {before}, then error {error}, power goes: {power_goes}");
        crate::say_if_it_panics(&what, || fills_up(before, room, error, power_goes));
    });
    println!("{} disks of {} filled up", chosen.len(), all.len());
}

/// What became of groups that several threads record.
#[derive(Default)]
struct Refused {
    /// Groups of which nothing was recorded, and of which something was, up to an erasure.
    whole: usize,
    in_part: usize,
}

/// Room runs out at any byte of any group. Others are recorded before a refused one is handed in again: under its seqs, and
/// with accounts in the slots that its own would have got.
fn fills_up_again_and_again(seed: u64) -> Refused {
    let (dir, index) = (Path::new("/data/ledger"), tempfile::tempdir().expect("a folder"));
    let disk = FaultyDisk::new(Arc::new(SimulatedDisk::new(seed)), None);
    let options = Options {
        disk: Arc::new(disk.clone()),
        index: Some(index.path().join("0")),
        segment_len: 60_000,
        run_len: 150,
        ..Options::default()
    };
    let mut happenings = Happenings::for_large_groups(seed);
    let (mut acknowledged, mut refused) = (Acknowledged::default(), Refused::default());
    let mut groups = vec![vec![policy("p", "house0")]];
    let ledger = Ledger::create_with(dir, None, &options).expect("made");
    acknowledged.created = true;
    workload::append(&ledger, 0, &groups[0], &mut acknowledged).expect("there is room");
    for round in 0..8 {
        // New accounts come in every round: their slots are written before the group.
        let (accounts, error) = (60 + 20 * round as u64, ERRORS[round % ERRORS.len()]);
        let (number, size) = (groups.len(), ledger.size().expect("known"));
        groups.push(happenings.group(250, accounts));
        let most = [20_000, 400_000, 400_000][happenings.random.below(3) as usize];
        disk.set_room(Some((happenings.random.below(most), error)));
        let tried = workload::append(&ledger, number, &groups[number], &mut acknowledged);
        let Err(said) = tried else { continue };
        let is_whole = ledger.size().expect("known") == size;
        *if is_whole { &mut refused.whole } else { &mut refused.in_part } += 1;
        check_refused(&said, error, &[&ledger]);
        workload::append(&ledger, number, &groups[number], &mut acknowledged).expect_err("there is no room");
        disk.set_room(None);
        groups.push(happenings.group(80, accounts + 30));
        workload::append(&ledger, number + 1, &groups[number + 1], &mut acknowledged).expect("there is room again");
        workload::append(&ledger, number, &groups[number], &mut acknowledged).expect("there is room again");
        assert_eq!(ledger.verify().expect("read").problems, []);
    }
    disk.set_room(None);
    ledger.close().expect("closed");
    workload::recover(dir, &options, &groups, &mut acknowledged).expect("the disk is sound");
    refused
}

#[test]
fn large_groups_that_were_refused_are_forgotten_and_taken_when_there_is_room_again() {
    let seeds = if cfg!(debug_assertions) && std::env::var_os("INFORCE_FAULTS").is_none() { 6 } else { 60 };
    let (all, whole, in_part) = ((0..seeds).collect::<Vec<u64>>(), AtomicUsize::new(0), AtomicUsize::new(0));
    crate::each(&all, |&seed| {
        let refused = crate::say_if_it_panics(&format!("seed {seed}"), || fills_up_again_and_again(seed));
        whole.fetch_add(refused.whole, Ordering::Relaxed);
        in_part.fetch_add(refused.in_part, Ordering::Relaxed);
    });
    let (whole, in_part) = (whole.into_inner(), in_part.into_inner());
    println!("{whole} large groups were refused, {in_part} more behind an erasure of their own");
    assert!(whole > all.len() && in_part > all.len() / 2, "they are refused too rarely to tell: {whole}, {in_part}");
}

/// What the clock was trusted with, or seen at, is not forgotten when the ledger is opened anew behind a full disk.
#[test]
fn the_clock_is_watched_on_behind_a_full_disk() {
    static AHEAD: AtomicI64 = AtomicI64::new(0);
    let now = || Instant(inforce::ledger::system_now().0 + AHEAD.load(Ordering::Relaxed));
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = dir.path().join("ledger");
    let disk = FaultyDisk::new(Arc::new(RealDisk), None);
    let options = Options { disk: Arc::new(disk.clone()), now, trust_clock: true, ..Options::default() };
    let ledger = Ledger::create_with(&ledger, Some("inforce/test"), &options).expect("made");
    let append = |id: &str| ledger.append(facts(&[events::age(id, "facebook/a")]));
    append("1").expect("the clock is trusted once");
    disk.set_room(Some((0, 28)));
    assert!(matches!(append("2"), Err(LedgerError::NoRoom(_))));
    disk.set_room(None);
    AHEAD.store(4000 * 86_400_000_000_000, Ordering::Relaxed);
    let refused = append("2");
    assert!(matches!(refused, Err(LedgerError::ClockAhead { .. })), "{refused:?}");
    AHEAD.store(0, Ordering::Relaxed);
    append("2").expect("appended");
}

/// A proof over a large tree, by what is read for it.
#[test]
fn a_proof_reads_little() {
    let (dir, index) = (Path::new("/data/ledger"), tempfile::tempdir().expect("a folder"));
    let disk = FaultyDisk::new(Arc::new(SimulatedDisk::new(0)), None);
    let options = Options { disk: Arc::new(disk.clone()), index: Some(index.path().join("0")), ..Options::default() };
    Ledger::create_with(dir, None, &options).expect("made").close().expect("closed");
    // Ten million leaves, none of which a proof has to be over: what it reads does not depend on what they are.
    const LEAVES: u64 = 10_000_000;
    for (name, height) in [("leaves", 0), ("level-1", 8), ("level-2", 16)] {
        let file = disk.open(&dir.join("tree").join(name), Open::Create).expect("made");
        file.set_len((LEAVES >> height) * 32).expect("lengthened");
    }
    let reader = Ledger::open_read_only_with(dir, &options).expect("opens");
    let most = [0, 1, LEAVES / 2, LEAVES / 3, LEAVES - 1].map(|seq| {
        disk.take_read();
        reader.inclusion_proof(seq, TreeSize(LEAVES)).expect("proved");
        let included = disk.take_read();
        reader.consistency_proof(TreeSize(seq + 1), TreeSize(LEAVES)).expect("proved");
        included.max(disk.take_read())
    });
    let most = most.into_iter().max().expect("some");
    println!("a proof over {LEAVES} leaves reads at most {most} bytes");
    assert!(most <= 48 << 10, "{most} bytes");
}

/// A small disk of its own, if the machine lets us have one.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(size: &str) -> Result<Mount, String> {
        let dir = tempfile::tempdir().expect("a folder");
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], dir.path())?;
        Ok(Mount(dir))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

fn mount(args: &[&str], dir: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(args).arg(dir).output().map_err(|error| format!("`mount`: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

#[test]
fn a_real_disk_fills_up_and_is_mounted_for_reading_only() {
    let mount_point = match Mount::new("12m") {
        Ok(mount_point) => mount_point,
        Err(why) => return println!("skipped: {why}"),
    };
    let (dir, filler) = (mount_point.0.path().join("ledger"), mount_point.0.path().join("filler"));
    let index = tempfile::tempdir().expect("a folder");
    let options = Options { disk: Arc::new(RealDisk), index: Some(index.path().join("0")), ..Options::default() };
    let (mut acknowledged, groups) = (Acknowledged::default(), workload::groups());
    let ledger = Ledger::create_with(&dir, None, &options).expect("made");
    acknowledged.created = true;
    let mut refused = 0;
    for (number, group) in groups.iter().enumerate() {
        // Whatever is left is taken, but for a few pages.
        let _ = std::fs::write(&filler, vec![1; 16 << 20]);
        let len = std::fs::metadata(&filler).expect("there").len();
        let file = std::fs::OpenOptions::new().write(true).open(&filler).expect("there");
        file.set_len(len.saturating_sub(number as u64 * 2048)).expect("cut");
        // A file that somebody has open keeps its room.
        drop(file);
        if let Err(error) = workload::append(&ledger, number, group, &mut acknowledged) {
            assert!(matches!(error, LedgerError::NoRoom(_)), "{error}");
            assert_eq!(ledger.verify().expect("reads go on").problems, []);
            refused += 1;
            std::fs::remove_file(&filler).expect("removed");
            workload::append(&ledger, number, group, &mut acknowledged).expect("there is room again");
        }
    }
    assert!(refused > 0, "it never filled up");
    let _ = std::fs::remove_file(&filler);
    ledger.close().expect("closed");
    workload::recover(&dir, &options, &workload::groups(), &mut acknowledged).expect("the disk is sound");
    mount(&["-o", "remount,ro"], mount_point.0.path()).expect("mounted anew");
    let error = Ledger::open_with(&dir, &options).err().expect("it cannot be written");
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    let reader = Ledger::open_read_only_with(&dir, &options).expect("it can be read");
    assert_eq!(reader.verify().expect("read").problems, []);
    println!("a real disk filled up {refused} times, and was mounted for reading only");
}
