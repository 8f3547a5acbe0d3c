//! What tests of the whole ledger share.
#![allow(dead_code)]

pub mod crowd;
pub mod events;
pub mod happenings;
pub mod random;

use inforce::fact::{Body, Fact, Scope};
use inforce::judge::{self, Ask, Memos};
use inforce::ledger::{Clock, Ledger, LedgerError, Receipt};
use inforce::timeline::World;
use inforce::{replay, wire};
use serde_json::Value;

/// A ledger in a folder that goes when it is dropped.
pub struct Scratch {
    pub dir: tempfile::TempDir,
}

impl Scratch {
    pub fn new() -> Scratch {
        let dir = tempfile::tempdir().expect("a folder");
        Ledger::create(&dir.path().join("ledger"), Some("inforce/test")).expect("made").close().expect("closed");
        Scratch { dir }
    }

    /// A folder whose ledger is made by the test.
    pub fn empty() -> Scratch {
        Scratch { dir: tempfile::tempdir().expect("a folder") }
    }

    /// The ledger as it is on disk now, while it may be open: what a crash would leave.
    pub fn copied(&self) -> Scratch {
        let copy = Scratch::empty();
        copy_folder(&self.path(), &copy.path());
        copy
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("ledger")
    }

    pub fn open(&self) -> Ledger {
        Ledger::open(&self.path()).expect("opens")
    }

    pub fn read(&self) -> Ledger {
        Ledger::open_read_only(&self.path()).expect("opens")
    }
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("made");
    for file in std::fs::read_dir(from).expect("readable") {
        let path = file.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

/// Parses events, panicking on any that is refused.
pub fn facts(events: &[Value]) -> Vec<Fact> {
    events
        .iter()
        .map(|event| wire::parse(&event.to_string()).unwrap_or_else(|error| panic!("{error}: {event}")))
        .collect()
}

/// Appends events as `import` does; returns what became of each.
pub fn import(ledger: &Ledger, events: &[Value], clock: Clock) -> Vec<Result<Receipt, wire::Refusal>> {
    ledger.append_each(facts(events), clock).expect("appended")
}

/// Holds a ledger to all that it was ever given, and to the receipts: each fact is one entry, which says what was given, or
/// as much of it as erasures left.
pub fn check_recorded(ledger: &Ledger, given: &[Value], receipts: &[Receipt]) -> Result<(), LedgerError> {
    assert_eq!(receipts.len(), given.len());
    let mut seqs: Vec<u64> = receipts.iter().map(|receipt| receipt.seq).collect();
    seqs.sort_unstable();
    assert!(seqs.iter().copied().eq(0..ledger.size()?), "each fact is one entry: {seqs:?}");
    let given = facts(given);
    let erasures: Vec<(&str, bool, u64)> = given
        .iter()
        .zip(receipts)
        .filter_map(|(fact, receipt)| match fact.body {
            Body::SubjectErased(scope) => Some((fact.subject.as_str(), scope == Scope::All, receipt.seq)),
            _ => None,
        })
        .collect();
    for (fact, receipt) in given.iter().zip(receipts) {
        let entry = ledger.entry(receipt.seq)?.expect("there");
        assert_eq!(entry.hash, receipt.hash, "{:?}", fact.id);
        let gone = |all: bool| erasures.iter().any(|e| e.0 == fact.subject && (e.1 || !all) && e.2 > receipt.seq);
        let is_open = matches!(fact.body, Body::SubjectErased(_));
        assert_eq!(entry.record.is_none(), gone(true) && !is_open, "{:?}", fact.id);
        if let Some(record) = &entry.record {
            assert_eq!(record.id, fact.id);
        }
        assert_eq!(entry.content, fact.content.clone().filter(|_| !gone(false)), "{:?}", fact.id);
    }
    Ok(())
}

/// Every judgement as `replay --json` prints it.
pub fn replay_of(ledger: &Ledger) -> Vec<Value> {
    let loaded = ledger.load().expect("loads");
    assert_eq!(loaded.bad, None);
    let (world, mut memos) = (loaded.world, Memos::default());
    let judged = |decision| replay::to_json(&world, &judge::judge(&world, decision, &mut Ask::Memo(&mut memos)));
    world.decisions().map(judged).collect()
}

/// Fails unless decisions of the ledger come into several parts where these are as small as they can be.
pub fn expect_parts(ledger: &Ledger) {
    let parts = ledger.load_parts(0, None).expect("loads");
    let counts = parts.each(|world, _| Ok::<_, LedgerError>(world.decisions().count())).expect("built");
    assert!(counts.iter().filter(|&&count| count > 0).count() > 2, "{counts:?}");
}

/// Every judgement as `replay --json` prints it; each judged by the memo and by plain Cedar, which must agree.
pub fn replayed(ledger: &Ledger) -> Vec<Value> {
    let loaded = ledger.load().expect("loads");
    assert_eq!(loaded.bad, None);
    let world = loaded.world;
    let mut memos = Memos::default();
    world
        .decisions()
        .map(|decision| {
            let by_memo = replay::to_json(&world, &judge::judge(&world, decision, &mut Ask::Memo(&mut memos)));
            let plainly = replay::to_json(&world, &judge::judge(&world, decision, &mut Ask::Plainly));
            assert_eq!(by_memo, plainly, "the memo must equal Cedar");
            by_memo
        })
        .collect()
}

/// Every judgement as `replay --json` prints it, of a ledger that is cut into as many parts as can be.
pub fn replayed_in_parts(ledger: &Ledger) -> Vec<Value> {
    let parts = ledger.load_parts(1, None).expect("loads");
    assert_eq!(parts.bad, None);
    let judge_part = |world: World, _| {
        let mut memos = Memos::default();
        let judge = |decision| replay::to_json(&world, &judge::judge(&world, decision, &mut Ask::Memo(&mut memos)));
        Ok::<Vec<Value>, LedgerError>(world.decisions().map(judge).collect())
    };
    let mut judged = parts.each(judge_part).expect("built").concat();
    judged.sort_by_key(|judgement| judgement["decision"]["seq"].as_u64());
    judged
}

/// Every ledger test ends here: everything verifies, and what is rebuilt, or judged in parts, equals what was there.
pub fn check_ledger(scratch: &Scratch) {
    let before = replayed(&scratch.read());
    assert_eq!(replayed_in_parts(&scratch.read()), before, "in parts");
    let report = scratch.read().verify().expect("verifies");
    assert_eq!(report.problems, []);
    let ledger = scratch.open();
    assert_eq!(ledger.size().expect("known"), report.size.0);
    ledger.reindex().expect("rebuilt");
    ledger.close().expect("closed");
    assert_eq!(scratch.read().verify().expect("verifies").root, report.root);
    assert_eq!(replayed(&scratch.read()), before);
}
