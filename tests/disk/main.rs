//! What a disk may do to a ledger: fail any call, lose power, fill up. `INFORCE_POWER_SEEDS=100000 INFORCE_FAULTS=all
//! cargo test --release --test disk -- --nocapture` takes its time, and prints what it did.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod faulty;
mod full;
mod outside;
mod power;
mod simulated;
mod workload;

use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `act` for each, on every core; ends early where one panics.
fn each<T: Sync>(all: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(one);
                }
            });
        }
    });
}

/// Says what failed, and how to do it again.
fn say_if_it_panics<T>(what: &str, act: impl FnOnce() -> T) -> T {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)) {
        Ok(done) => done,
        Err(panic) => {
            eprintln!("{what}");
            std::panic::resume_unwind(panic)
        }
    }
}
