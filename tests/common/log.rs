//! What tests of the log share: ledgers that grow, the program, and a stranger who checks what is published.
#![allow(dead_code)]

use crate::common::{Scratch, facts};
use inforce::checkpoint::{Checkpoint, VerifierKey};
use inforce::ledger::Ledger;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub fn append(ledger: &Ledger, range: std::ops::Range<u32>) {
    let event = |n: u32| {
        json!({
            "specversion": "1.0", "id": n.to_string(), "source": "//test", "type": "inforce.age.observed",
            "subject": format!("facebook/{n}"), "time": "2025-12-20T12:00:00Z", "data": { "band": "adult" },
        })
    };
    ledger.append(facts(&range.map(event).collect::<Vec<_>>())).expect("appended");
}

pub fn grown(scratch: &Scratch, range: std::ops::Range<u32>) -> Checkpoint {
    let ledger = scratch.open();
    append(&ledger, range);
    ledger.close().expect("closed");
    scratch.read().last_checkpoint().expect("signed")
}

pub fn inforce(args: &[&str], ledger: &Path) -> Output {
    command(args, ledger).output().expect("the program runs")
}

/// The same on one thread: with enough memory, a ledger is then a single part.
pub fn inforce_on_one(args: &[&str], ledger: &Path) -> Output {
    command(args, ledger).env("RAYON_NUM_THREADS", "1").output().expect("the program runs")
}

/// The same with nowhere to put anything aside.
pub fn inforce_without_room(args: &[&str], ledger: &Path) -> Output {
    command(args, ledger).env("TMPDIR", ledger.join("no-such-folder")).output().expect("the program runs")
}

fn command(args: &[&str], ledger: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    command.args(args).env("INFORCE_LEDGER", ledger).stdin(Stdio::null());
    command
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", errors(output)))
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

// What a stranger does who has RFC 6962 and tlog-tiles, and nothing of this program.

pub fn sha(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

pub fn tree_hash(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha(&[]),
        [one] => *one,
        many => {
            let k = many.len().next_power_of_two() / 2;
            sha(&[&[1], &tree_hash(&many[..k]), &tree_hash(&many[k..])])
        }
    }
}

pub fn tile_path(dir: &Path, level: &str, index: usize, width: usize) -> PathBuf {
    assert!(index < 1000, "small trees");
    let part = if width == 256 { String::new() } else { format!(".p/{width}") };
    dir.join(format!("tile/{level}/{index:03}{part}"))
}

pub fn read_tile(dir: &Path, level: &str, count: usize) -> Vec<u8> {
    let widths = (0..count).step_by(256).map(|first| (count - first).min(256));
    let read = |(index, width)| {
        let path = tile_path(dir, level, index, width);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    widths.enumerate().flat_map(read).collect()
}

/// Checks a published folder with the log's public key alone; returns its size and its entries.
pub fn check_published(dir: &Path, key: &VerifierKey) -> Vec<[u8; 32]> {
    let note = std::fs::read_to_string(dir.join("checkpoint")).expect("a checkpoint");
    let checkpoint = Checkpoint::open(&note, key).expect("signed");
    let size = checkpoint.size.0 as usize;
    let bundles = read_tile(dir, "entries", size);
    let entries: Vec<[u8; 32]> = bundles
        .chunks(34)
        .map(|entry| {
            assert_eq!(entry[..2], [0, 32], "the length in front of each entry");
            entry[2..].try_into().expect("32 bytes")
        })
        .collect();
    assert_eq!(entries.len(), size);
    let mut level: Vec<[u8; 32]> = entries.iter().map(|entry| sha(&[&[0], entry])).collect();
    assert_eq!(tree_hash(&level), checkpoint.root.0, "the root from the entries alone");
    let mut number = 0;
    while !level.is_empty() {
        assert_eq!(read_tile(dir, &number.to_string(), level.len()), level.concat(), "level {number}");
        level = level.chunks_exact(256).map(tree_hash).collect();
        number += 1;
    }
    assert!(!dir.join(format!("tile/{number}")).exists(), "no empty tiles");
    entries
}
