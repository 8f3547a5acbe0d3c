//! Bit rot: one bit flipped at a time, in every file of a ledger. It is noticed or harmless; nothing panics, no verdict
//! is wrong, and opening for writing afterwards makes nothing worse.
//!
//! A sample in everyday runs. `INFORCE_FLIPS=all cargo test --release --test bitrot -- --nocapture` takes half an hour: every
//! bit of every file, but of the keyring's unused slots every 1009th, of sled's database every 10,007th, of a run of the index every 11th. A number in
//! place of `all` takes one in so many of those. Reading is tried with each; writing, which waits for the disk, with
//! every 31st, and with all of the index.

mod common;

use common::{Scratch, check_ledger, copy_folder, facts, import, replayed};
use inforce::judge::{self, Ask};
use inforce::ledger::{Clock, Ledger, Loaded};
use inforce::replay;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn event(id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//test", "type": format!("inforce.{kind}"), "subject": subject,
            "time": time, "data": data })
}

fn chat(id: &str, subject: &str, time: &str) -> Value {
    let data = json!({ "agent": "assistant", "conversation": id, "turn": 0, "modality": "text", "region": "US",
                       "content": format!("about {id}") });
    event(id, "interaction.recorded", subject, time, data)
}

fn erased(id: &str, subject: &str, scope: &str) -> Value {
    event(id, "subject.erased", subject, "2025-12-24T12:00:00Z", json!({ "scope": scope }))
}

const CHAT: &str = "2025-12-20T12:00:00Z";

/// Everything that is judged about one account: some decisions conform, some do not.
fn life(account: &str, sensitive: bool) -> Vec<Value> {
    let name = |what: &str| format!("{what}-{account}");
    let subject = format!("facebook/{account}");
    let digest = "d1".repeat(32);
    let program = json!({ "name": "m", "version": "1", "digest": digest });
    let label = json!({ "target": name("i"), "sensitive": if sensitive { vec!["health"] } else { vec![] }, "topics": ["tea"],
                        "labeller": program });
    let decision = json!({ "purpose": "ads", "item": { "kind": "ad", "advertiser": "acme", "topics": ["tea"] },
                           "region": "US", "signals": [name("s")], "outcome": "served" });
    vec![
        event(
            &name("n"),
            "notice.recorded",
            &subject,
            "2025-10-09T10:00:00Z",
            json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" }),
        ),
        event(&name("l"), "account.linked", &subject, "2025-11-01T00:00:00Z", json!({ "center": "c" })),
        chat(&name("i"), &subject, CHAT),
        event(&name("b"), "interaction.labelled", &subject, "2025-12-20T12:01:00Z", label),
        event(
            &name("s"),
            "signal.derived",
            &subject,
            "2025-12-20T13:00:00Z",
            json!({ "topic": "tea", "sources": [name("i")], "deriver": program }),
        ),
        event(&name("d"), "decision.made", &subject, "2025-12-22T12:00:00Z", decision),
    ]
}

/// A ledger of two segments, with decisions of every sort and both erasures; `indexed` if it is to be long enough for a
/// whole chunk of the index.
fn ledger(indexed: bool) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let data = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    let policy = event("p", "policy.adopted", "meta-ai-personalization", "2025-10-01T00:00:00Z", data);
    ledger.append(facts(&[policy])).expect("appended");
    for account in ["a", "b", "c"] {
        ledger.append(facts(&life(account, account == "b"))).expect("appended");
    }
    ledger.close().expect("closed");
    // Begun and not finished, as a kill leaves it: what comes next goes there.
    std::fs::write(scratch.path().join("journal/00000001.seg"), b"").expect("written");
    let ledger = scratch.open();
    ledger.append(facts(&life("e", false))).expect("appended");
    ledger
        .append(facts(&[erased("e1", "facebook/b", "content"), erased("e2", "facebook/c", "all")]))
        .expect("appended");
    let many: Vec<Value> = (0..if indexed { 260 } else { 0 })
        .map(|n| {
            event(&format!("y{n}"), "age.observed", "facebook/a", "2025-12-01T00:00:00Z", json!({ "band": "adult" }))
        })
        .collect();
    import(&ledger, &many, Clock::Ledger).into_iter().for_each(|outcome| assert!(outcome.is_ok()));
    ledger.close().expect("closed");
    scratch
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("readable")
        .flat_map(|file| {
            let path = file.expect("readable").path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect();
    found.sort();
    found
}

/// Every which bit is flipped in a long run; `None` in an everyday one.
fn every() -> Option<usize> {
    let value = std::env::var("INFORCE_FLIPS").ok()?;
    Some(if value == "all" { 1 } else { value.parse().expect("INFORCE_FLIPS: expected `all` or a number") })
}

/// Which bits of a file are flipped.
fn bits(name: &str, bytes: &[u8]) -> Vec<usize> {
    // Beyond header and used slots the keyring holds what nothing was sealed under.
    let (dense, stride) = match name {
        "keyring" => (4096 + 8 * 128, 1009),
        "index/catalogue/db" => (0, 10_007),
        run if run.ends_with(".run") => (0, 11),
        _ => (bytes.len(), 1),
    };
    let flipped = (0..dense.min(bytes.len()) * 8).chain((dense.min(bytes.len()) * 8..bytes.len() * 8).step_by(stride));
    if let Some(every) = every() {
        return flipped.step_by(every).collect();
    }
    // Primes, so that every bit of a byte and every field gets its turn.
    let sample = flipped.collect::<Vec<usize>>();
    let step = sample.len().div_ceil(12) | 1;
    sample.into_iter().step_by(step).collect()
}

/// What a flip came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// `verify` names it.
    Noticed,
    /// The ledger does not open, and the error says why.
    Refused,
    /// Nothing was lost, and every verdict is as it was.
    Harmless,
}

/// Reads with the flip in place. No verdict may differ from the clean one.
fn read(dir: &Path, clean: &[Value]) -> Outcome {
    let Ok(ledger) = Ledger::open_read_only(dir) else { return Outcome::Refused };
    let Ok(report) = ledger.verify() else { return Outcome::Refused };
    let Ok(Loaded { world, bad, .. }) = ledger.load() else { return Outcome::Refused };
    // `verify` reads texts besides; whatever `load` notices it notices too.
    assert!(bad.is_none() || !report.problems.is_empty());
    if bad.is_none() {
        let judged = world.decisions().map(|decision| judge::judge(&world, decision, &mut Ask::Plainly));
        let found: Vec<Value> = judged.map(|judgement| replay::to_json(&world, &judgement)).collect();
        assert_eq!(found, clean, "a wrong verdict");
    }
    if report.problems.is_empty() { Outcome::Harmless } else { Outcome::Noticed }
}

/// Writes with the flip in place: refused, or everything is mended and goes on. Returns true if it opened.
fn write(dir: &Path, clean: &[Value]) -> bool {
    let Ok(ledger) = Ledger::open(dir) else { return false };
    let again = ledger.append(facts(&[chat("i-a", "facebook/a", CHAT)])).expect("everyday use");
    assert!(again[0].duplicate, "what was recorded is found");
    let fresh = ledger.append(facts(&[chat("new", "facebook/a", "2026-01-20T12:00:00Z")])).expect("everyday use");
    assert!(!fresh[0].duplicate);
    ledger.close().expect("closed");
    let ledger = Ledger::open_read_only(dir).expect("opens");
    assert_eq!(ledger.verify().expect("verifies").problems, []);
    assert_eq!(replayed(&ledger), clean);
    true
}

#[test]
fn a_flipped_bit_is_noticed_or_harmless_in_every_file() {
    let mut counts = Counts::new();
    for indexed in [false, true] {
        let scratch = ledger(indexed);
        let clean = replayed(&scratch.read());
        check_ledger(&scratch);
        assert!(clean.len() == 4 && clean.iter().any(|each| each["conformance"] == "breach"));
        let flipping = Flipping { work: scratch.dir.path().join("flipped"), source: scratch.path(), clean };
        for path in files(&flipping.source) {
            let name = path.strip_prefix(&flipping.source).expect("below").to_string_lossy().into_owned();
            if name.starts_with("index/") == indexed {
                flipping.file(&name, counts.entry(name.clone()).or_default());
            }
        }
    }
    for (name, count) in &counts {
        println!("{name:<24} {count:?}");
    }
    let total: u64 = counts.values().flat_map(|count| count.read.values()).sum();
    println!("{total} flips, 0 panics, 0 wrong verdicts");
    for (name, count) in &counts {
        let harmless = count.read.get(&Outcome::Harmless).copied().unwrap_or(0);
        let all: u64 = count.read.values().sum();
        match name.split('/').next().expect("a name") {
            // What is truth may not be passed over.
            "journal" => assert_eq!((harmless, count.mended), (0, 0), "{name}"),
            // What is not must be mended; and readers do without the index.
            "tree" => assert_eq!((harmless, count.refused), (0, 0), "{name}"),
            "index" => assert_eq!((harmless, count.refused), (all, 0), "{name}"),
            _ => {}
        }
    }
}

type Counts = BTreeMap<String, Count>;

/// What the flips of one file came to.
#[derive(Debug, Default)]
struct Count {
    read: BTreeMap<Outcome, u64>,
    /// Of those that writing was tried with.
    refused: u64,
    mended: u64,
}

struct Flipping {
    source: PathBuf,
    work: PathBuf,
    clean: Vec<Value>,
}

impl Flipping {
    fn file(&self, name: &str, count: &mut Count) {
        let bytes = std::fs::read(self.source.join(name)).expect("readable");
        self.restore();
        let all = every().is_some();
        for (number, bit) in bits(name, &bytes).into_iter().enumerate() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(self.work.join(name), &flipped).expect("written");
            let tried = std::panic::catch_unwind(|| {
                let outcome = read(&self.work, &self.clean);
                let opened =
                    (!all || number % 31 == 0 || name.starts_with("index/")).then(|| write(&self.work, &self.clean));
                (outcome, opened)
            });
            let (outcome, opened) = tried.unwrap_or_else(|_| panic!("{name}, byte {}, bit {}", bit / 8, bit % 8));
            *count.read.entry(outcome).or_default() += 1;
            match opened {
                None => std::fs::write(self.work.join(name), &bytes).expect("written"),
                Some(true) => {
                    count.mended += 1;
                    self.restore();
                }
                Some(false) => {
                    count.refused += 1;
                    self.check_unchanged(name, &bytes);
                }
            }
        }
    }

    fn restore(&self) {
        if self.work.exists() {
            std::fs::remove_dir_all(&self.work).expect("removed");
        }
        copy_folder(&self.source, &self.work);
    }

    /// Refused: nothing of what is truth may have changed. Mended, it is the ledger that it was.
    fn check_unchanged(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.work.join(name), bytes).expect("written");
        for path in files(&self.source) {
            let other = path.strip_prefix(&self.source).expect("below");
            let derived = other.starts_with("index") || other.starts_with("tree");
            let now = || std::fs::read(self.work.join(other)).expect("readable");
            assert!(
                derived || std::fs::read(&path).expect("readable") == now(),
                "a flip in {name}: opening changed {}",
                other.display()
            );
        }
        assert_eq!(replayed(&Ledger::open_read_only(&self.work).expect("opens")), self.clean);
    }
}
