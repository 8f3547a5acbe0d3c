//! The same facts in SQLite, as one would keep them there: a chain of hashes, three indexes, a transaction a thousand facts.

use crate::Sizes;
use crate::append::{Appended, GROUP};
use crate::events::Events;
use crate::row::{Held, Row};
use inforce::codec;
use inforce::fact::{Body, Fact};
use rusqlite::{Connection, params};
use std::time::{Duration, Instant};

/// The row.
pub fn rows(sizes: &Sizes, appended: &Appended) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let held = Held::Rate { floor: rate(sizes)?, goal: 10.0 };
    Ok(vec![Row::new("sqlite: the same, WAL, synchronous FULL", "facts/s", appended.rate, held)])
}

/// Facts a second.
fn rate(sizes: &Sizes) -> Result<f64, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut db = Connection::open(dir.path().join("facts.db"))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "cache_size", -262_144)?;
    db.execute_batch(
        "create table facts (seq integer primary key, id text not null, account text not null, advertiser text,
             time integer not null, kind integer not null, body blob not null, previous blob not null, hash blob not null);
         create unique index facts_id on facts (id);
         create index facts_account on facts (account);
         create index facts_advertiser on facts (advertiser) where advertiser is not null;",
    )?;
    let mut events = Events::new(sizes.accounts, 0);
    let (mut took, mut previous) = (Duration::ZERO, [0; 32]);
    let groups = (sizes.append / 4 / GROUP).max(1);
    for group in 0..groups {
        let facts = events.group(GROUP);
        let begun = Instant::now();
        let transaction = db.transaction()?;
        let mut insert = transaction.prepare_cached("insert into facts values (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for (place, fact) in facts.iter().enumerate() {
            let seq = group * GROUP + place as u64;
            previous = add(&mut insert, seq, fact, previous)?;
        }
        drop(insert);
        transaction.commit()?;
        took += begun.elapsed();
    }
    Ok((groups * GROUP) as f64 / took.as_secs_f64())
}

/// Inserts one fact behind the one with the given hash; returns its own.
fn add(
    insert: &mut rusqlite::CachedStatement,
    seq: u64,
    fact: &Fact,
    previous: [u8; 32],
) -> Result<[u8; 32], rusqlite::Error> {
    let body = codec::encode(&fact.body);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous).update(fact.id.id.as_bytes()).update(fact.subject.as_bytes()).update(&body);
    let hash = *hasher.finalize().as_bytes();
    let advertiser = match &fact.body {
        Body::DecisionMade(decision) => decision.item.advertiser.as_deref(),
        _ => None,
    };
    let (time, kind) = (fact.time.at.0, fact.kind() as u8);
    insert.execute(params![seq as i64, fact.id.id, fact.subject, advertiser, time, kind, body, previous, hash])?;
    Ok(hash)
}
