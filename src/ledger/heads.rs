//! The heads of every stream, and which of them a decision pins.
//!
//! Used alike by the writer, who makes streams and pins, and by `verify`, who checks them.

use super::links::{Links, is_link};
use super::read::BadEntry;
use crate::codec::{self, EntryHash, Head, Header, StreamId, StreamLink};
use crate::entry::Entry;
use crate::fact::{Kind, Moment};
use foldhash::HashMap;

/// Where every stream stands.
#[derive(Default)]
pub struct Heads {
    heads: HashMap<StreamId, (u64, EntryHash)>,
    /// Streams of policies, in the order of their first adoption.
    policies: Vec<StreamId>,
    /// Links between accounts and centers.
    pub links: Links,
    /// True if a link was met whose body is gone.
    links_erased: bool,
    /// Streams with entries that cannot be read any more, by the first of them, until their erasure is met.
    unended: HashMap<StreamId, u64>,
}

impl Heads {
    /// The next link of a stream.
    pub fn next(&self, stream: StreamId) -> StreamLink {
        match self.heads.get(&stream) {
            Some(&(revision, previous)) => StreamLink { stream, revision: revision + 1, previous },
            None => StreamLink { stream, revision: 0, previous: EntryHash([0; 32]) },
        }
    }

    /// The revision that a stream is at.
    pub fn revision(&self, stream: StreamId) -> Option<u64> {
        self.heads.get(&stream).map(|&(revision, _)| revision)
    }

    /// Takes an entry as the last of its streams.
    pub fn take(&mut self, entry: &Entry) {
        if entry.record.is_some() {
            return self.extend(&entry.header, entry.hash);
        }
        self.links_erased |= is_link(&entry.header);
        self.stand_at(&entry.header, entry.hash);
    }

    /// As [`Heads::take`], where the body can be read.
    pub fn extend(&mut self, header: &Header, hash: EntryHash) {
        self.stand_at(header, hash);
        if is_link(header) {
            self.links.add(header);
        }
    }

    fn stand_at(&mut self, header: &Header, hash: EntryHash) {
        for (number, link) in header.streams.iter().enumerate() {
            if link.revision == 0 && number == 0 && header.kind == Kind::PolicyAdopted {
                self.note_policy(link.stream);
            }
            self.set(link.stream, link.revision, hash);
        }
    }

    /// Puts a stream where the journal says that it stands.
    pub fn set(&mut self, stream: StreamId, revision: u64, hash: EntryHash) {
        self.heads.insert(stream, (revision, hash));
    }

    /// Notes a stream as that of a policy: every decision pins it.
    pub fn note_policy(&mut self, stream: StreamId) {
        if !self.policies.contains(&stream) {
            self.policies.push(stream);
        }
    }

    /// Forgets the links of an account that was erased.
    pub fn forget(&mut self, account: StreamId) {
        self.links.forget(account);
    }

    /// The digest over the heads that a decision pins: every policy, its center, every other account in that center.
    pub fn pins(&self, account: StreamId, moment: Moment) -> [u8; 32] {
        let mut streams = self.policies.clone();
        streams.extend(self.links.group(account, moment));
        let head = |stream: StreamId| self.heads.get(&stream).map(|&(revision, hash)| Head { stream, revision, hash });
        codec::pins(&mut streams.into_iter().filter_map(head).collect::<Vec<_>>())
    }

    /// Notes an entry that cannot be read: an erasure must follow in its stream.
    pub fn expect_end(&mut self, stream: StreamId, seq: u64) {
        self.unended.entry(stream).or_insert(seq);
    }

    /// Notes the erasure of everything that ends a stream.
    pub fn end(&mut self, stream: StreamId) {
        self.unended.remove(&stream);
        self.forget(stream);
    }

    /// Streams that no erasure ended though their keys are gone.
    pub fn unended(&self) -> Vec<(u64, StreamId)> {
        self.unended.iter().map(|(&stream, &seq)| (seq, stream)).collect()
    }

    /// Checks that an entry extends its streams, and pins what it must.
    pub fn check(&self, header: &Header) -> Result<(), BadEntry> {
        for link in &header.streams {
            if *link != self.next(link.stream) {
                return Err(BadEntry::new(header.seq, format!("it does not extend its stream {:?}", link.stream)));
            }
        }
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        let pins = (header.kind == Kind::DecisionMade).then(|| self.pins(header.streams[0].stream, moment));
        // Once links were erased, what decisions after them pinned can no longer be told.
        if header.pins.is_some() != pins.is_some() || (header.pins != pins && !self.links_erased) {
            return Err(BadEntry::new(header.seq, "it does not pin the heads that it was to be judged by"));
        }
        Ok(())
    }
}
