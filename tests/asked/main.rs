//! What auditors ask, answered by the program: samples, reports, and what would have flipped a verdict.

#[path = "../common/mod.rs"]
mod common;
#[path = "../oracle/population.rs"]
mod population;

mod flip;
mod report;
mod sample;

use common::{Scratch, import};
use inforce::ledger::Clock;
use serde_json::Value;
use std::process::{Command, Output};

/// A ledger of these events.
fn populated(events: &[Value]) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    import(&ledger, events, Clock::Recorded);
    ledger.close().expect("closed");
    scratch
}

/// The demo's ledger.
fn demo() -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let facts = inforce::demo::facts(&[], || {});
    inforce::demo::record(&ledger, &facts.facts, |_| {}).expect("recorded");
    ledger.close().expect("closed");
    scratch
}

fn run(scratch: &Scratch, args: &[&str]) -> (Output, i32) {
    ended(command(scratch, args).output())
}

/// The same on one thread: with enough memory, a ledger is then a single part.
fn run_on_one(scratch: &Scratch, args: &[&str]) -> (Output, i32) {
    ended(command(scratch, args).env("RAYON_NUM_THREADS", "1").output())
}

fn command(scratch: &Scratch, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    command.args(args).arg("--ledger").arg(scratch.path());
    command
}

fn ended(output: std::io::Result<Output>) -> (Output, i32) {
    let output = output.expect("it runs");
    let code = output.status.code().expect("it was not killed");
    (output, code)
}

fn object(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let broken = |error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(broken)
}
