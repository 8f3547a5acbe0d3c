//! The heads of every stream, and which of them a decision pins.
//!
//! Used alike by the writer, who makes streams and pins, and by `verify`, who checks them.

use super::by_stream::{ByStream, Named};
use super::links::{Links, is_link};
use super::read::BadEntry;
use crate::codec::{self, EntryHash, Head, Header, StreamId, StreamLink};
use crate::entry::Entry;
use crate::fact::{Kind, Moment};
use foldhash::HashMap;

impl Named for Head {
    fn stream(&self) -> StreamId {
        self.stream
    }
}

/// Where every stream stands.
#[derive(Default)]
pub struct Heads {
    heads: ByStream<Head>,
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
        match self.heads.get(stream) {
            Some(head) => StreamLink { stream, revision: head.revision + 1, previous: head.hash },
            None => StreamLink { stream, revision: 0, previous: EntryHash([0; 32]) },
        }
    }

    /// The revision that a stream is at.
    pub fn revision(&self, stream: StreamId) -> Option<u64> {
        self.heads.get(stream).map(|head| head.revision)
    }

    /// Looks streams up that are about to be asked for, so that none of them waits for the memory of another.
    pub fn touch(&self, streams: impl Iterator<Item = StreamId>) {
        std::hint::black_box(streams.filter_map(|stream| self.revision(stream)).max());
    }

    /// Takes an entry as the last of its streams.
    pub fn take(&mut self, entry: &Entry) {
        if entry.record.is_some() {
            return self.extend(&entry.header, entry.hash);
        }
        self.stand_at(&entry.header, entry.hash);
        self.note(&entry.header, false);
    }

    /// As [`Heads::take`], where the body can be read.
    pub fn extend(&mut self, header: &Header, hash: EntryHash) {
        self.stand_at(header, hash);
        self.note(header, true);
    }

    fn stand_at(&mut self, header: &Header, hash: EntryHash) {
        for link in &header.streams {
            self.set(link.stream, link.revision, hash);
        }
    }

    /// Takes an entry, as [`Heads::take`] does, whether or not it extends its streams and pins what it must.
    pub fn follow(&mut self, header: &Header, hash: EntryHash, is_readable: bool) -> Result<(), BadEntry> {
        let pins_right = self.pins_right(header);
        let mut extends = true;
        for link in &header.streams {
            let before = self.heads.put(Head { stream: link.stream, revision: link.revision, hash });
            let next = before.map_or((0, EntryHash([0; 32])), |head| (head.revision + 1, head.hash));
            extends &= (link.revision, link.previous) == next;
        }
        self.note(header, is_readable);
        match header.streams.first().filter(|_| !extends) {
            Some(link) => Err(not_extending(header.seq, link.stream)),
            None => pins_right,
        }
    }

    /// Notes what an entry says beside the heads of its streams.
    fn note(&mut self, header: &Header, is_readable: bool) {
        match header.streams.first() {
            Some(link) if link.revision == 0 && header.kind == Kind::PolicyAdopted => self.note_policy(link.stream),
            _ => {}
        }
        if is_link(header) {
            self.links_erased |= !is_readable;
            if is_readable {
                self.links.add(header);
            }
        }
    }

    /// Puts a stream where the journal says that it stands.
    pub fn set(&mut self, stream: StreamId, revision: u64, hash: EntryHash) {
        self.heads.put(Head { stream, revision, hash });
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
        codec::pins(&mut streams.into_iter().filter_map(|stream| self.heads.get(stream).copied()).collect::<Vec<_>>())
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
                return Err(not_extending(header.seq, link.stream));
            }
        }
        self.pins_right(header)
    }

    fn pins_right(&self, header: &Header) -> Result<(), BadEntry> {
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        let pins = (header.kind == Kind::DecisionMade).then(|| self.pins(header.streams[0].stream, moment));
        // Once links were erased, what decisions after them pinned can no longer be told.
        if header.pins.is_some() != pins.is_some() || (header.pins != pins && !self.links_erased) {
            return Err(BadEntry::new(header.seq, "it does not pin the heads that it was to be judged by"));
        }
        Ok(())
    }
}

fn not_extending(seq: u64, stream: StreamId) -> BadEntry {
    BadEntry::new(seq, format!("it does not extend its stream {stream:?}"))
}
