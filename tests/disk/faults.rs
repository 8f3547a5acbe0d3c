//! Every call to the disk fails once, in each of its outcomes.

use crate::faulty::{Call, Fault, FaultyDisk};
use crate::simulated::SimulatedDisk;
use crate::workload::{self, Acknowledged, SEGMENT_LEN};
use inforce::ledger::Options;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "/data/ledger";

fn options(disk: FaultyDisk, index: &Path) -> Options {
    Options {
        disk: Arc::new(disk),
        index: Some(index.to_owned()),
        segment_len: SEGMENT_LEN,
        run_len: 3,
        ..Options::default()
    }
}

/// The calls of a life without a fault.
fn calls() -> Vec<(Call, PathBuf)> {
    let index = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new(Arc::new(SimulatedDisk::new(0)), None);
    let options = options(disk.clone(), index.path());
    workload::live(Path::new(DIR), &options, true, &mut Acknowledged::default()).expect("no fault");
    disk.calls()
}

/// A life in which one call fails; then the disk is sound again, and power goes or does not before it is opened.
fn live_through(fault: Fault, power_goes: bool) {
    let index = tempfile::tempdir().expect("a folder");
    let (beneath, mut acknowledged) = (SimulatedDisk::new(fault.call as u64), Acknowledged::default());
    let faulty = options(FaultyDisk::new(Arc::new(beneath.clone()), Some(fault)), index.path());
    // The same facts are handed in again where they failed: refused until it is opened anew, or recorded once.
    let _ = workload::live(Path::new(DIR), &faulty, true, &mut acknowledged);
    drop(faulty);
    if power_goes {
        beneath.restart();
    }
    let sound = options(FaultyDisk::new(Arc::new(beneath), None), index.path());
    workload::recover(Path::new(DIR), &sound, &workload::groups(), &mut acknowledged).expect("the disk is sound");
}

#[test]
fn acknowledged_is_kept_whichever_call_fails() {
    let calls = calls();
    let faults = calls.iter().enumerate().flat_map(|(call, (kind, _))| {
        kind.outcomes()
            .iter()
            .flat_map(move |&outcome| [(Fault { call, outcome }, false), (Fault { call, outcome }, true)])
    });
    let faults: Vec<(Fault, bool)> = faults.collect();
    // In the dev profile every few of them, or it takes minutes.
    let every = if cfg!(debug_assertions) && std::env::var_os("INFORCE_FAULTS").is_none() { 17 } else { 1 };
    let chosen: Vec<_> = faults.iter().step_by(every).copied().collect();
    crate::each(&chosen, |&(fault, power_goes)| {
        let (call, path) = &calls[fault.call];
        crate::say_if_it_panics(
            &format!("{call:?} of {} fails: {fault:?}, power goes: {power_goes}", path.display()),
            || live_through(fault, power_goes),
        );
    });
    let mut kinds = BTreeMap::<String, usize>::new();
    chosen.iter().for_each(|(fault, _)| *kinds.entry(format!("{:?}", calls[fault.call].0)).or_default() += 1);
    println!("{} faults of {} over {} calls: {kinds:?}", chosen.len(), faults.len(), calls.len());
}
