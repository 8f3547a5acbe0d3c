//! What every reader of the journal must do at the least: the floors of replay and verify.

use inforce::codec::{self, Header, Record};
use inforce::disk::RealDisk;
use inforce::fact::Kind;
use inforce::journal::{self, JournalError, RawEntry};
use inforce::keyring::{EntryKey, Keyring, Part};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};

/// Entries handed to both cores at a time.
const BATCH: usize = 4096;

/// Reads every entry, hashes its header, opens its body, compares it with its commitment, and decodes both. Nothing is kept.
pub fn read_hash_decode(ledger: &Path) -> Result<(u64, Duration), Box<dyn std::error::Error>> {
    let keyring = Keyring::open(&RealDisk, &ledger.join("keyring"), false)?;
    each_batch(ledger, |raw| {
        let header: Header = codec::decode(raw.header, "a header").expect("a header");
        let hash = codec::entry_hash(raw.header);
        let slot = keyring.slot_of_stream(header.streams[0].stream);
        let sealed = !matches!(header.kind, Kind::PolicyAdopted | Kind::SubjectErased | Kind::VerdictAttested);
        let plaintext = match slot.filter(|_| sealed) {
            Some(slot) => {
                let key = keyring.entry_key(slot, Part::Body, raw.seq);
                let nonce = codec::nonce(&header.identity, header.recorded_at);
                let plaintext = key.unseal(nonce, raw.body).expect("it opens");
                assert!(key.commit(&plaintext) == header.body);
                plaintext
            }
            None => {
                assert!(EntryKey::OPEN.commit(raw.body) == header.body);
                raw.body.to_vec()
            }
        };
        let record: Record = codec::decode(&plaintext, "a body").expect("a body");
        std::hint::black_box((hash, record));
    })
}

/// BLAKE3 and SHA-256 of every entry's bytes.
pub fn hash_only(ledger: &Path) -> Result<(u64, Duration), Box<dyn std::error::Error>> {
    each_batch(ledger, |raw| {
        let mut hashers = (blake3::Hasher::new(), Sha256::new());
        for part in [raw.header, raw.body, raw.content] {
            hashers.0.update(part);
            hashers.1.update(part);
        }
        std::hint::black_box((hashers.0.finalize(), hashers.1.finalize()));
    })
}

/// Hands every entry to `work`, on both cores; returns how many there were and how long it took.
fn each_batch(ledger: &Path, work: impl Fn(&RawEntry) + Sync) -> Result<(u64, Duration), Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let mut entries = 0;
    for id in journal::segments(&RealDisk, &ledger.join("journal"))? {
        let bytes = journal::read_segment(&RealDisk, &ledger.join("journal"), id)?;
        let mut batch: Vec<RawEntry> = Vec::with_capacity(2 * BATCH);
        for group in journal::groups(&bytes, journal::check_header(&bytes, id, entries).map_err(damage)?, entries) {
            let group = group.map_err(damage)?;
            entries += group.entries.len() as u64;
            batch.extend(&group.entries);
            if batch.len() >= BATCH {
                batch.par_iter().with_min_len(64).for_each(&work);
                batch.clear();
            }
        }
        batch.par_iter().with_min_len(64).for_each(&work);
    }
    Ok((entries, begun.elapsed()))
}

fn damage(damage: journal::Damage) -> JournalError {
    JournalError::Corrupt {
        path: Path::new("journal").to_owned(),
        offset: damage.offset as u64,
        seq: damage.seq,
        what: damage.what,
    }
}
