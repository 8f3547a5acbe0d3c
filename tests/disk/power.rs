//! Power loss, by seed.

use crate::common::random::Random;
use crate::simulated::SimulatedDisk;
use crate::workload::{self, Acknowledged, SEGMENT_LEN};
use inforce::ledger::Options;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds, where `INFORCE_POWER_SEEDS` says nothing.
const SEEDS: u64 = if cfg!(debug_assertions) { 50 } else { 4000 };

/// So short that most openings read a tail only.
const RUN_LEN: u64 = 3;

fn options(disk: &SimulatedDisk, index: &Path) -> Options {
    Options {
        disk: Arc::new(disk.clone()),
        index: Some(index.to_owned()),
        segment_len: SEGMENT_LEN,
        run_len: RUN_LEN,
        ..Options::default()
    }
}

/// Calls of a life without a fault.
fn calls() -> u64 {
    let (disk, index) = (SimulatedDisk::new(0), tempfile::tempdir().expect("a folder"));
    let mut acknowledged = Acknowledged::default();
    workload::live(Path::new("/data/ledger"), &options(&disk, index.path()), false, &mut acknowledged)
        .expect("no fault");
    let life = disk.calls();
    workload::recover(Path::new("/data/ledger"), &options(&disk, index.path()), &workload::groups(), &mut acknowledged)
        .expect("no fault");
    life
}

/// One life with a power loss, sometimes a sync that fails before it, and sometimes more losses while it recovers.
/// Returns how often power went.
fn live_through(seed: u64, calls: u64) -> u64 {
    let dir = Path::new("/data/ledger");
    let (disk, index) = (SimulatedDisk::new(seed), tempfile::tempdir().expect("a folder"));
    let (mut random, mut acknowledged) = (Random(!seed), Acknowledged::default());
    let index_of = |boot: u64| index.path().join(boot.to_string());
    let mut boot = 0;
    if random.once_in(4) {
        disk.fail_sync_after(random.below(60));
    } else {
        disk.lose_power_after(random.below(calls + 1));
    }
    let again = random.once_in(2);
    let mut ended = workload::live(dir, &options(&disk, &index_of(boot)), again, &mut acknowledged);
    let mut losses = 0;
    loop {
        // A failed sync: often the ledger is opened again before power goes.
        if ended.is_err() && !disk.is_out() && random.once_in(2) {
            disk.lose_power_after(random.below(60));
            let _ = workload::recover(dir, &options(&disk, &index_of(boot)), &workload::groups(), &mut acknowledged);
        }
        disk.restart();
        losses += 1;
        // The index is on a disk of its own here: at times it is lost, at times it is ahead.
        boot += random.below(2);
        if random.once_in(3) {
            match random.below(3) {
                0 => disk.fail_sync_after(random.below(20)),
                _ => disk.lose_power_after(random.below(60)),
            }
        }
        ended = workload::recover(dir, &options(&disk, &index_of(boot)), &workload::groups(), &mut acknowledged);
        match &ended {
            Ok(()) if disk.is_out() || random.once_in(2) => {}
            Ok(()) => return losses,
            Err(_) if disk.is_out() || disk.sync_failed() => {}
            Err(error) => panic!("a disk without a fault: {error}"),
        }
    }
}

#[test]
fn acknowledged_is_kept_whenever_power_goes() {
    let calls = calls();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("INFORCE_POWER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("INFORCE_POWER_SEEDS").unwrap_or(SEEDS),
    };
    let (all, losses) = (seeds.collect::<Vec<u64>>(), AtomicU64::new(0));
    crate::each(&all, |&seed| {
        let again = format!("seed {seed} fails; again: INFORCE_POWER_SEED={seed} cargo test --test disk power");
        losses.fetch_add(crate::say_if_it_panics(&again, || live_through(seed, calls)), Ordering::Relaxed);
    });
    println!("{} seeds, {} power losses over {calls} calls a life", all.len(), losses.into_inner());
}
