//! Every input of tests/corpus through its target, and mutations of each: no panic, nothing endless.
//!
//! This is the short, unguided run, on any toolchain; `INFORCE_MUTATIONS=100000 cargo test --release --test fuzz` makes
//! it longer. The guided one is `tools/fuzz/run`. A crash that either finds becomes a file of the corpus.

#[path = "../tools/fuzz/src/targets.rs"]
mod targets;

use inforce::ledger::{Clock, Ledger};
use inforce::wire;
use std::path::{Path, PathBuf};
use std::process::Command;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = corpus().join(target);
    let files = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("readable"))).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// A few changes: bits, bytes of interest, parts cut, doubled, or taken from another input.
fn mutated(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const BYTES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0xfd, b'"', b'{'];
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(16)).min(bytes.len());
        match random.below(6) {
            _ if bytes.is_empty() => bytes.extend(other.iter().take(16)),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = BYTES[random.below(BYTES.len())],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 if !other.is_empty() => {
                let from = random.below(other.len());
                let part = other[from..(from + 32).min(other.len())].to_vec();
                bytes.splice(at..end, part);
            }
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
    bytes
}

#[test]
fn no_input_and_no_mutation_of_one_panics() {
    let most = std::env::var("INFORCE_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    let seed = std::env::var("INFORCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for (name, target) in targets::TARGETS {
        let inputs = inputs(name);
        let tried = |bytes: &[u8], what: &str| {
            if std::panic::catch_unwind(|| target(bytes)).is_err() {
                let path = std::env::temp_dir().join(format!("inforce-{name}-crash"));
                std::fs::write(&path, bytes).expect("written");
                panic!("{name}: {what}; the input is in {}: put it into tests/corpus/{name}", path.display());
            }
        };
        inputs.iter().for_each(|(path, bytes)| tried(bytes, &path.display().to_string()));
        let mut random = Random(seed);
        for number in 0..most {
            let (one, other) = (random.below(inputs.len()), random.below(inputs.len()));
            let bytes = mutated(&inputs[one].1, &inputs[other].1, &mut random);
            tried(&bytes, &format!("mutation {number} of seed {seed}"));
        }
        println!("{name}: {} inputs, {most} mutations, none panicked", inputs.len());
    }
}

/// Writes the inputs that are a ledger's: of a small one with test keys.
#[test]
#[ignore = "makes inputs anew: cargo test --test fuzz -- --ignored"]
fn make_inputs() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger");
    let ledger = Ledger::create(&path, Some("inforce/fuzz")).expect("made");
    let lines = std::fs::read_to_string(corpus().join("wire/all-kinds")).expect("readable");
    let facts = lines.lines().map(|line| wire::parse(line).unwrap_or_else(|refusal| panic!("{refusal}: {line}")));
    for group in facts.collect::<Vec<_>>().chunks(4) {
        let outcomes = ledger.append_each(group.to_vec(), Clock::Recorded).expect("appended");
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    ledger.close().expect("closed");
    let put = |file: &str, to: &str, len: usize| {
        let bytes = std::fs::read(path.join(file)).expect("readable");
        let to = corpus().join(to);
        std::fs::create_dir_all(to.parent().expect("below")).expect("made");
        std::fs::write(to, &bytes[..len.min(bytes.len())]).expect("written");
    };
    let mut bundle = Command::new(env!("CARGO_BIN_EXE_inforce"));
    let made = bundle.args(["bundle", "d", "--output"]).arg(path.join("bundle")).arg("--ledger").arg(&path).status();
    assert!(made.expect("it runs").success());
    put("bundle", "bundle/good", usize::MAX);
    put("keyring", "base/keyring", 4096 + 4 * 128);
    put("keyring", "keyring/good", 4096 + 4 * 128);
    put("checkpoint", "base/checkpoint", usize::MAX);
    put("checkpoint", "note/good", usize::MAX);
    put("ledger.toml", "config/good", usize::MAX);
    put("journal/00000000.seg", "ledger/good", usize::MAX);
    let segment = std::fs::read(path.join("journal/00000000.seg")).expect("readable");
    std::fs::create_dir_all(corpus().join("journal")).expect("made");
    std::fs::write(corpus().join("journal/good"), &segment[32..]).expect("written");
}
