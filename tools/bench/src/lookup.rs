//! One account's facts, and one decision explained, by the index; beside them the same entries read by their offsets.

use crate::row::{Held, Row, quantile};
use crate::store::Store;
use inforce::disk::RealDisk;
use inforce::explain::{self, Evidence, Wanted};
use inforce::journal::{self, Location, RawEntry};
use inforce::judge::{self, Ask, Memos};
use inforce::ledger::Ledger;
use inforce::timeline::World;
use std::path::Path;
use std::time::Instant;

type Failed = Box<dyn std::error::Error>;

/// Look-ups of each sort.
const SAMPLE: u64 = 1000;

/// The rows.
pub fn rows(store: &Store) -> Result<Vec<Row>, Failed> {
    let measured = measure(&store.path(), store.entries / 10, store.entries * 17 / 100, SAMPLE)?;
    let Measured { mut account, mut explained, mut bare, .. } = measured;
    let limit = |name: &str, values: &mut [f64]| {
        [
            Row::new(format!("lookup: {name}, median"), "ms", quantile(values, 0.5), Held::Limit(1.0)),
            Row::new(format!("lookup: {name}, 99 of 100 within"), "ms", quantile(values, 0.99), Held::Limit(5.0)),
        ]
    };
    let beside = Held::Time { floor: quantile(&mut bare, 0.5) };
    let median = quantile(&mut account, 0.5);
    let mut rows: Vec<Row> = limit("one account's facts", &mut account).into();
    rows.push(Row::new("lookup: the same beside its entries read by offset", "ms", median, beside));
    rows.extend(limit("one decision explained", &mut explained));
    Ok(rows)
}

/// How long each took, in ms.
pub struct Measured {
    pub account: Vec<f64>,
    pub explained: Vec<f64>,
    pub bare: Vec<f64>,
    /// Entries that the explanations were made of.
    pub gathered: usize,
}

/// Looks up accounts and decisions, spread over a population with so many accounts and at least so many decisions.
pub fn measure(path: &Path, accounts: u64, decisions: u64, sample: u64) -> Result<Measured, Failed> {
    let ledger = Ledger::open_indexed(path)?;
    let journal = path.join("journal");
    let offsets = Offsets::read(&journal)?;
    let size = ledger.last_checkpoint()?.size;
    let mut measured = Measured { account: Vec::new(), explained: Vec::new(), bare: Vec::new(), gathered: 0 };
    let sample = sample.min(decisions / 2);
    for number in 0..sample {
        // Half as many persons as accounts, and each has one here.
        let account = format!("facebook/u{}", (number * 7919 + 1) * 104_729 % (accounts / 2));
        let begun = Instant::now();
        let entries = ledger.facts_of(&account)?;
        measured.account.push(ms(begun));
        assert!(!entries.is_empty(), "{account} has a notice");
        let places: Vec<(u64, Location)> = entries.iter().map(|entry| offsets.of(entry.header.seq)).collect();
        let begun = Instant::now();
        for (seq, location) in places {
            let bytes = journal::read_entry(&RealDisk, &journal, location)?;
            let found = journal::read_frame(&bytes, location.offset as usize, seq);
            std::hint::black_box(found.map(|(raw, _): (RawEntry, _)| raw.seq).ok_or("an entry")?);
        }
        measured.bare.push(ms(begun));
        let id = format!("d{}", number * (decisions / sample));
        let begun = Instant::now();
        measured.gathered += explained(&ledger, &id, size)?;
        measured.explained.push(ms(begun));
    }
    Ok(measured)
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Finds a decision by its id, judges it from what it can rest on, and explains it in text. Returns how many entries that was.
fn explained(ledger: &Ledger, id: &str, size: inforce::merkle::TreeSize) -> Result<usize, Failed> {
    let seq = *ledger.decisions_of(id)?.first().ok_or_else(|| format!("no decision {id}"))?;
    let exhibits = ledger.gather(seq, size)?;
    let world = World::of(exhibits.values().map(|exhibit| &exhibit.entry));
    let decision = world.locate(seq).ok_or("it was gathered")?;
    let judgement = judge::judge(&world, decision, &mut Ask::Memo(&mut Memos::default()));
    let wanted = Wanted::of(&world, &judgement);
    let mut evidence = Evidence::default();
    for exhibit in exhibits.values().filter(|exhibit| wanted.takes(&exhibit.entry.header)) {
        evidence.add(exhibit.entry.clone());
    }
    let text = explain::to_text(&explain::explain(&world, &judgement, &evidence, false), 100);
    assert!(!text.is_empty());
    Ok(exhibits.len())
}

/// Where every entry stands.
struct Offsets(Vec<Location>);

impl Offsets {
    fn read(journal: &Path) -> Result<Offsets, Failed> {
        let mut places = Vec::new();
        journal::scan::<journal::JournalError>(&RealDisk, journal, None, |group, segment| {
            places.extend(group.entries.iter().map(|raw| Location { segment, offset: raw.offset as u32 }));
            Ok(())
        })?;
        Ok(Offsets(places))
    }

    fn of(&self, seq: u64) -> (u64, Location) {
        (seq, self.0[seq as usize])
    }
}
