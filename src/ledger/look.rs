//! Single entries looked up, and the entries that name something, without reading through the rest.
//!
//! As for a bundle, what the index names is read from the journal and checked entry by entry; that nothing is left out is
//! told by `verify` alone.

use super::shelf::Shelf;
use super::{BadEntry, Ledger, LedgerError};
use crate::codec::{self, StreamId};
use crate::entry::Entry;
use crate::fact::{Instant, Kind};
use crate::index::{Field, Term};
use crate::keyring::Keyring;
use crate::merkle::TreeSize;
use std::collections::BTreeSet;
use std::sync::RwLockReadGuard;

/// What entries can be looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// Those of an account, since it was last erased.
    Account(&'a str),
    /// Decisions about an advertiser's items.
    Advertiser(&'a str),
    /// Those of a kind.
    Kind(Kind),
    /// Versions of a policy, notices about it, and decisions that cite it.
    Policy(&'a str),
    /// Those that happened on the day (UTC) of this instant.
    Day(Instant),
}

/// A ledger that is being looked at. Appends of this process wait meanwhile.
pub struct Look<'a> {
    shelf: Shelf<'a>,
    keyring: RwLockReadGuard<'a, Keyring>,
}

impl Ledger {
    /// Begins to look things up; where there is no index this reads the journal once.
    pub fn look(&self) -> Result<Look<'_>, LedgerError> {
        let shelf = self.shelf()?;
        let keyring = self.keyring.read().expect("no holder panics");
        Ok(Look { shelf, keyring })
    }

    /// True if there is an index to look things up by; else every look reads the journal.
    pub fn is_indexed(&self) -> bool {
        self.writer.is_some() || self.reader.is_some()
    }
}

impl Look<'_> {
    /// The seqs that are named, ascending; a few may not be meant.
    pub fn find(&self, by: By) -> Result<Vec<u64>, LedgerError> {
        let term = match by {
            By::Account(account) => match self.stream_of(account)? {
                Some(stream) => Term::stream(Field::Account, &stream),
                None => return Ok(Vec::new()),
            },
            By::Advertiser(name) => Term::new(Field::Advertiser, name.as_bytes()),
            By::Kind(kind) => Term::number(Field::Kind, kind as u64),
            By::Policy(id) => Term::stream(Field::Policy, &codec::policy_stream(id)),
            By::Day(at) => Term::number(Field::Day, at.0.div_euclid(86_400_000_000_000) as u64),
        };
        self.shelf.postings(term)
    }

    /// One entry, with the text of a chat where it still exists.
    pub fn entry(&self, seq: u64) -> Result<Option<Entry>, LedgerError> {
        self.shelf.entry(seq, &self.keyring)
    }

    /// As [`Look::entry`], where it must be there.
    pub fn expect(&self, seq: u64) -> Result<Entry, LedgerError> {
        Ok(self.entry(seq)?.ok_or_else(|| BadEntry::new(seq, "the index does not know where it stands"))?)
    }

    /// Fails unless what is looked up reaches as far as the first `size` entries do.
    pub fn reach(&self, size: TreeSize) -> Result<(), LedgerError> {
        self.shelf.reach(size, &self.keyring)
    }

    /// How many entries there are, where the tree's file counts `size`: a writer that was killed may have left more behind it.
    pub fn size(&self, size: TreeSize) -> Result<TreeSize, LedgerError> {
        let mut size = size;
        while self.entry(size.0)?.is_some() {
            size.0 += 1;
        }
        Ok(size)
    }

    /// How many of the first `size` entries were recorded at or before `at`, by halving: time of recording never goes back.
    pub fn size_at(&self, at: Instant, size: TreeSize) -> Result<TreeSize, LedgerError> {
        let (mut low, mut high) = (0, size.0);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.expect(middle)?.header.recorded_at <= at { low = middle + 1 } else { high = middle }
        }
        Ok(TreeSize(low))
    }

    /// The stream of an account that is known, since it was last erased.
    pub fn stream_of(&self, account: &str) -> Result<Option<StreamId>, LedgerError> {
        self.keyring.fetch_account(account)?;
        Ok(self.keyring.slot_of(account).map(|slot| self.keyring.stream(slot)))
    }

    /// Everything about an account and about every account that was ever linked to one of its centers, ascending in seq.
    pub fn person(&self, account: &str, size: TreeSize) -> Result<Vec<Entry>, LedgerError> {
        let Some(own) = self.stream_of(account)? else { return Ok(Vec::new()) };
        let own = self.stream(own, Field::Account, size)?;
        let mut seqs: BTreeSet<u64> = own.iter().map(|entry| entry.header.seq).collect();
        let mut found = own;
        let centers: BTreeSet<StreamId> =
            found.iter().filter_map(|entry| entry.header.streams.get(1)).map(|link| link.stream).collect();
        for center in centers {
            let links = self.stream(center, Field::Center, size)?;
            let members: BTreeSet<StreamId> = links.iter().map(|entry| entry.header.streams[0].stream).collect();
            for member in members {
                let entries = self.stream(member, Field::Account, size)?;
                found.extend(entries.into_iter().filter(|entry| seqs.insert(entry.header.seq)));
            }
        }
        found.sort_unstable_by_key(|entry| entry.header.seq);
        Ok(found)
    }

    fn stream(&self, stream: StreamId, field: Field, size: TreeSize) -> Result<Vec<Entry>, LedgerError> {
        let seqs = self.shelf.postings(Term::stream(field, &stream))?;
        let mut found = Vec::new();
        for seq in seqs.into_iter().filter(|&seq| seq < size.0) {
            let entry = self.expect(seq)?;
            if entry.header.streams.iter().any(|link| link.stream == stream) {
                found.push(entry);
            }
        }
        Ok(found)
    }
}
