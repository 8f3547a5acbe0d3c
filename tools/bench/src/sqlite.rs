//! The same facts in SQLite, as one would keep them there: a chain of hashes, an index on each column that is looked up, a
//! transaction a thousand facts, on top of as many facts as the ledger held.
//!
//! Nothing is left out that helps it: statements are prepared once, everything fits into its cache, its log grows long before
//! it is brought to the database, one chain for all is kept in memory, and no body repeats the account, as a ledger's do.

use crate::Sizes;
use crate::append::{Appended, GROUP};
use crate::events::Events;
use crate::row::{Held, Row};
use inforce::codec;
use inforce::fact::{Body, Fact};
use rusqlite::{CachedStatement, Connection, params};
use std::fs::File;
use std::time::{Duration, Instant};

/// Identities are hashed under it, as the ledger's are under its own: ids of others are as random.
const IDENTITY_KEY: [u8; 32] = [7; 32];

/// Pages that the log may have before they are brought to the database: 256 MiB of them.
const CHECKPOINT: u32 = 1 << 16;

/// The rows.
pub fn rows(sizes: &Sizes, appended: &Appended) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let held = Held::Rate { floor: rate(sizes, false)?, goal: 10.0 };
    Ok(vec![
        Row::new("sqlite: the same, WAL, synchronous FULL", "facts/s", appended.rate, held),
        Row::new("sqlite: its own, the previous hash indexed as well", "facts/s", rate(sizes, true)?, Held::Told),
    ])
}

/// Facts a second, appended to one fact of each account.
fn rate(sizes: &Sizes, is_previous_indexed: bool) -> Result<f64, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("facts.db");
    let mut db = Connection::open(&path)?;
    // All of it fits into either; what a checkpoint may gather was tried from 1,000 pages on.
    db.pragma_update(None, "cache_size", -(2 << 20))?;
    db.pragma_update(None, "mmap_size", 8_i64 << 30)?;
    db.execute_batch(
        "create table facts (seq integer primary key, id blob not null, account text not null, advertiser text,
             time integer not null, kind integer not null, body blob not null, previous blob not null, hash blob not null);
         create unique index facts_id on facts (id);
         create index facts_account on facts (account);
         create index facts_advertiser on facts (advertiser) where advertiser is not null;",
    )?;
    if is_previous_indexed {
        db.execute_batch("create index facts_previous on facts (previous);")?;
    }
    let mut tip = Tip::default();
    // What is there before is not measured: one transaction, and no sync but one at the end.
    db.pragma_update(None, "journal_mode", "off")?;
    db.pragma_update(None, "synchronous", "off")?;
    let mut events = Events::in_turn(sizes.accounts);
    let filling = db.transaction()?;
    for _ in 0..sizes.accounts / GROUP {
        tip.add(&mut filling.prepare_cached(INSERT)?, &events.group(GROUP))?;
    }
    filling.commit()?;
    File::open(&path)?.sync_all()?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    assert_eq!(mode, "wal");
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;

    let mut events = Events::new(sizes.accounts, sizes.accounts);
    let (groups, mut took) = (sizes.append / GROUP, Duration::ZERO);
    for _ in 0..groups {
        let facts = events.group(GROUP);
        let begun = Instant::now();
        let transaction = db.transaction()?;
        tip.add(&mut transaction.prepare_cached(INSERT)?, &facts)?;
        transaction.commit()?;
        took += begun.elapsed();
    }
    Ok((groups * GROUP) as f64 / took.as_secs_f64())
}

const INSERT: &str = "insert into facts values (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Where the chain ends.
#[derive(Default)]
struct Tip {
    next: u64,
    hash: [u8; 32],
    body: Vec<u8>,
}

impl Tip {
    fn add(&mut self, insert: &mut CachedStatement, facts: &[Fact]) -> Result<(), rusqlite::Error> {
        facts.iter().try_for_each(|fact| self.add_one(insert, fact))
    }

    /// Inserts a fact behind the last one.
    fn add_one(&mut self, insert: &mut CachedStatement, fact: &Fact) -> Result<(), rusqlite::Error> {
        let id = codec::identity(&IDENTITY_KEY, &fact.id).0;
        self.body.clear();
        codec::encode_into(&(&fact.id, &fact.body), &mut self.body);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.hash).update(&id).update(fact.subject.as_bytes()).update(&self.body);
        let hash = *hasher.finalize().as_bytes();
        let advertiser = match &fact.body {
            Body::DecisionMade(decision) => decision.item.advertiser.as_deref(),
            _ => None,
        };
        let (seq, time, kind) = (self.next as i64, fact.time.at.0, fact.kind() as u8);
        insert.execute(params![seq, id, fact.subject, advertiser, time, kind, self.body, self.hash, hash])?;
        (self.next, self.hash) = (self.next + 1, hash);
        Ok(())
    }
}
