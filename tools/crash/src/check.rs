//! What must hold after every kill: each receipt's fact is there, at its seq, with its hash; none twice, none half, none
//! that nobody handed in, no gap; what an erasure destroyed is gone and everything else can be read; all of it verifies.

use crate::facts::{Name, SOURCE, fact};
use crate::writer::{THREADS, receipts_of};
use inforce::codec::{self, EntryHash, Identity};
use inforce::disk::RealDisk;
use inforce::entry::Entry;
use inforce::fact::{Body, FactId, Scope};
use inforce::judge::{self, Ask, Memos};
use inforce::keyring::Keyring;
use inforce::ledger::Ledger;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What was promised and seen so far.
pub struct Check {
    ledger: PathBuf,
    receipts: PathBuf,
    seed: u64,
    identity_key: [u8; 32],
    /// Every fact that may have been handed in.
    names: HashMap<Identity, Name>,
    promised: HashMap<Name, (u64, String)>,
    /// The entries as the round before saw them: what was there once stays, acknowledged or not.
    seen: Vec<EntryHash>,
    /// Entries that no receipt was written for.
    pub unpromised: u64,
    pub erasures: u64,
    pub decisions: u64,
    pub tails: u64,
}

impl Check {
    pub fn new(ledger: &Path, receipts: &Path, seed: u64) -> Result<Check, String> {
        let keyring = Keyring::open(&RealDisk, &ledger.join("keyring"), false).map_err(|error| error.to_string())?;
        Ok(Check {
            ledger: ledger.to_owned(),
            receipts: receipts.to_owned(),
            seed,
            identity_key: *keyring.identity_key(),
            names: HashMap::new(),
            promised: HashMap::new(),
            seen: Vec::new(),
            unpromised: 0,
            erasures: 0,
            decisions: 0,
            tails: 0,
        })
    }

    /// How many facts were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.promised.len()
    }

    /// How many segments the journal has.
    pub fn segments(&self) -> Result<usize, String> {
        self.ledger.join("journal").read_dir().map(Iterator::count).map_err(|error| error.to_string())
    }

    /// Reads the receipts of a round, and notes what may have been handed in without one.
    pub fn take_receipts(&mut self, round: u64) -> Result<(), String> {
        for thread in 0..THREADS {
            let path = receipts_of(&self.receipts, round, thread);
            // Killed before it came so far: nothing was handed in.
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let mut next = 0;
            // A line without its end was never synced.
            for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
                let mut parts = line.split(' ');
                let parsed = (|| {
                    let (seq, hash, id) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
                    Some((seq, hash.to_owned(), Name::parse(id)?))
                })();
                let (seq, hash, name) = parsed.ok_or_else(|| format!("a receipt is torn: `{line}`"))?;
                if name.round == round {
                    next = name.number + 1;
                }
                let promise = (seq, hash);
                let before = self.promised.entry(name).or_insert_with(|| promise.clone());
                if *before != promise {
                    return Err(format!("{}: two receipts, {before:?} and {promise:?}", name.id()));
                }
            }
            for number in 0..=next {
                let name = Name { round, thread, number };
                self.names.insert(self.identity(&name.id()), name);
            }
        }
        Ok(())
    }

    fn identity(&self, id: &str) -> Identity {
        codec::identity(&self.identity_key, &FactId { source: SOURCE.to_owned(), id: id.to_owned() })
    }

    /// Holds the ledger to everything; the ledger was opened for writing since the kill.
    pub fn run(&mut self) -> Result<(), String> {
        let ledger = Ledger::open_read_only(&self.ledger).map_err(|error| error.to_string())?;
        let mut entries: Vec<Entry> = Vec::new();
        ledger.each_entry(|entry| entries.push(entry.clone())).map_err(|error| error.to_string())?;
        self.check_entries(&entries)?;
        self.check_promises(&entries)?;
        let report = ledger.verify().map_err(|error| error.to_string())?;
        if let Some(problem) = report.problems.first() {
            return Err(format!("verify: entry {}: {}", problem.seq, problem.what));
        }
        if report.size.0 != entries.len() as u64 {
            return Err(format!("verify saw {} entries, a pass {}", report.size.0, entries.len()));
        }
        self.replay(&ledger)?;
        self.seen = entries.iter().map(|entry| entry.hash).collect();
        Ok(())
    }

    fn check_entries(&mut self, entries: &[Entry]) -> Result<(), String> {
        if entries.len() < self.seen.len() {
            return Err(format!("{} entries, {} were there before", entries.len(), self.seen.len()));
        }
        let mut there = HashSet::new();
        // From the last to the first: which accounts were erased after an entry.
        let mut erased: HashMap<String, Scope> = HashMap::new();
        (self.erasures, self.unpromised) = (0, 0);
        for (seq, entry) in entries.iter().enumerate().skip(1).rev() {
            if entry.header.seq != seq as u64 {
                return Err(format!("entry {seq} carries seq {}", entry.header.seq));
            }
            if self.seen.get(seq).is_some_and(|hash| *hash != entry.hash) {
                return Err(format!("entry {seq} is not the one that was there before"));
            }
            let name = *self.names.get(&entry.header.identity).ok_or(format!("entry {seq}: nobody handed it in"))?;
            if !there.insert(name) {
                return Err(format!("entry {seq}: {} is there twice", name.id()));
            }
            self.unpromised += u64::from(!self.promised.contains_key(&name));
            self.check_entry(entry, name, &mut erased).map_err(|what| format!("entry {seq}, {}: {what}", name.id()))?;
        }
        Ok(())
    }

    /// One entry says what was handed in, unless an erasure after it took that.
    fn check_entry(
        &mut self,
        entry: &Entry,
        name: Name,
        erased: &mut HashMap<String, Scope>,
    ) -> Result<(), &'static str> {
        let said = fact(self.seed, name);
        if let Body::SubjectErased(scope) = said.body {
            self.erasures += 1;
            let worst = erased.entry(said.subject).or_insert(scope);
            *worst = if scope == Scope::All { scope } else { *worst };
            let whole = entry.record.as_ref().is_some_and(|record| record.body == Body::SubjectErased(scope));
            return if whole { Ok(()) } else { Err("it is no erasure") };
        }
        let after = erased.get(&said.subject);
        let Some(record) = &entry.record else {
            return if after == Some(&Scope::All) { Ok(()) } else { Err("it was never erased, and cannot be read") };
        };
        if after == Some(&Scope::All) {
            return Err("it was erased, and can still be read");
        }
        if record.subject != said.subject || record.body != said.body || record.id != said.id {
            return Err("it does not say what was handed in");
        }
        let expected = said.content.filter(|_| after.is_none());
        if entry.content == expected { Ok(()) } else { Err("its text is not what is to be left of it") }
    }

    fn check_promises(&self, entries: &[Entry]) -> Result<(), String> {
        for (name, (seq, hash)) in &self.promised {
            let entry = entries.get(*seq as usize).ok_or(format!("LOST: {} was acknowledged as {seq}", name.id()))?;
            if self.names.get(&entry.header.identity) != Some(name) || entry.hash.to_string() != *hash {
                return Err(format!("LOST: {} was acknowledged as {seq} with {hash}; another is there", name.id()));
            }
        }
        Ok(())
    }

    fn replay(&mut self, ledger: &Ledger) -> Result<(), String> {
        let loaded = ledger.load().map_err(|error| error.to_string())?;
        if let Some(bad) = loaded.bad {
            return Err(format!("load: entry {}: {}", bad.seq, bad.what));
        }
        let mut memos = Memos::default();
        let judged = loaded.world.decisions().map(|decision| {
            judge::judge(&loaded.world, decision, &mut Ask::Memo(&mut memos));
        });
        self.decisions = judged.count() as u64;
        Ok(())
    }
}
