//! The heads of every stream, and which of them a decision pins.
//!
//! Used alike by the writer, who makes streams and pins, and by `verify`, who checks them.

use super::blocks::Blocks;
use super::links::{Links, is_link};
use super::read::BadEntry;
use super::streams::StreamNo;
use crate::codec::{self, EntryHash, Head, Header, StreamId, StreamLink};
use crate::entry::Entry;
use crate::fact::{Kind, Moment};
use crate::keyring::Slot;
use foldhash::HashMap;

/// The streams that an entry extends.
pub type Extended = (StreamNo, Option<StreamNo>);

/// Where every stream stands.
#[derive(Default)]
pub struct Heads {
    /// By the numbers of streams.
    heads: Blocks<Place>,
    /// Streams of policies, in the order of their first adoption.
    policies: Vec<StreamNo>,
    /// Links between accounts and centers, and the numbers of all streams.
    pub links: Links,
    /// True if a link was met whose body is gone.
    links_erased: bool,
    /// Streams with entries that cannot be read any more, by the first of them, until their erasure is met.
    unended: HashMap<StreamId, u64>,
    /// The heads of policies when they were last pinned alone, and the digest over them: for long they stay the same.
    pinned: Option<(Vec<Head>, [u8; 32])>,
}

/// Where a stream stands; its name is kept among [`Links::streams`], and only there.
#[derive(Clone, Copy)]
struct Place {
    /// Its entries, each of which raised its revision by one.
    entries: u64,
    /// The last of them; zeros where there is none.
    last: EntryHash,
}

impl Default for Place {
    fn default() -> Self {
        Place { entries: 0, last: EntryHash([0; 32]) }
    }
}

impl Place {
    fn behind(revision: u64, hash: EntryHash) -> Place {
        // Whoever says that a stream has gone so far does not extend it, and is told so.
        Place { entries: revision.wrapping_add(1), last: hash }
    }
}

impl Heads {
    /// The next link of a stream.
    pub fn next(&self, stream: StreamId) -> StreamLink {
        match self.links.streams.find(stream) {
            Some(number) => self.next_of(number),
            None => StreamLink { stream, revision: 0, previous: EntryHash([0; 32]) },
        }
    }

    /// The streams that an entry is to extend, by number; `slot` is where the keys of the first stand.
    pub fn meet(&mut self, (first, center): (StreamId, Option<StreamId>), slot: Option<Slot>) -> Extended {
        let streams = &mut self.links.streams;
        let number = streams.meet_in(slot, first);
        // Chained to another account's stream it would look right for ever.
        assert!(streams.name(number) == first, "a slot holds the keys of one stream for as long as it has one");
        (number, center.map(|center| streams.meet(center)))
    }

    /// The next link of each of them.
    pub fn links_of(&self, (first, center): Extended) -> Vec<StreamLink> {
        std::iter::once(first).chain(center).map(|number| self.next_of(number)).collect()
    }

    fn next_of(&self, number: StreamNo) -> StreamLink {
        let Place { entries, last } = self.place_of(number);
        StreamLink { stream: self.links.streams.name(number), revision: entries, previous: last }
    }

    /// Takes an entry that extends them.
    pub fn append(&mut self, (first, center): Extended, header: &Header, hash: EntryHash) {
        for (number, link) in std::iter::once(first).chain(center).zip(&header.streams) {
            self.put(number, Place::behind(link.revision, hash));
        }
        self.note(header, true);
    }

    /// The revision that a stream is at.
    pub fn revision(&self, stream: StreamId) -> Option<u64> {
        self.place_of(self.links.streams.find(stream)?).entries.checked_sub(1)
    }

    /// True if it is known where a stream stands.
    pub fn stands(&self, number: StreamNo) -> bool {
        self.place_of(number).entries > 0
    }

    fn place_of(&self, number: StreamNo) -> Place {
        self.heads.get(number.place()).copied().unwrap_or_default()
    }

    /// None where the stream has no entry.
    fn head_of(&self, number: StreamNo) -> Option<Head> {
        let Place { entries, last } = self.place_of(number);
        let revision = entries.checked_sub(1)?;
        Some(Head { stream: self.links.streams.name(number), revision, hash: last })
    }

    /// Puts a stream where it stands now; returns where it stood before.
    fn put(&mut self, number: StreamNo, place: Place) -> Place {
        std::mem::replace(self.heads.at_mut(number.place()), place)
    }

    /// Takes an entry as the last of its streams.
    pub fn take(&mut self, entry: &Entry) {
        for link in &entry.header.streams {
            self.set(link.stream, link.revision, entry.hash);
        }
        self.note(&entry.header, entry.record.is_some());
    }

    /// Takes an entry, as [`Heads::take`] does, whether or not it extends its streams and pins what it must. `slot` is where
    /// the keys of its first stream stand; returns the number of that stream.
    pub fn follow(
        &mut self,
        header: &Header,
        hash: EntryHash,
        is_readable: bool,
        slot: Option<Slot>,
    ) -> (StreamNo, Result<(), BadEntry>) {
        let first = self.links.streams.meet_in(slot, header.streams[0].stream);
        let pins_right = self.pins_right(header, Some(first));
        let mut extends = true;
        for (place, link) in header.streams.iter().enumerate() {
            let number = if place == 0 { first } else { self.links.streams.meet(link.stream) };
            let Place { entries, last } = self.put(number, Place::behind(link.revision, hash));
            extends &= (link.revision, link.previous) == (entries, last);
        }
        self.note(header, is_readable);
        let followed = if extends { pins_right } else { Err(not_extending(header.seq, header.streams[0].stream)) };
        (first, followed)
    }

    /// Reads the heads of streams that will be asked for one after another, with nothing between them: then none waits for
    /// the memory of the one before.
    pub fn touch(&self, streams: impl Iterator<Item = StreamNo>) {
        let touched = streams.map(|number| {
            let named = u64::from(self.links.streams.name(number).0[0]);
            named + self.place_of(number).entries + self.links.count(number) as u64
        });
        std::hint::black_box(touched.fold(0, u64::wrapping_add));
    }

    /// Makes room for so many streams at once: lists that grow are copied, each time to memory that is fresh.
    pub fn reserve(&mut self, streams: usize) {
        self.links.streams.reserve(streams);
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
        let number = self.links.streams.meet(stream);
        self.put(number, Place::behind(revision, hash));
    }

    /// Notes a stream as that of a policy: every decision pins it.
    pub fn note_policy(&mut self, stream: StreamId) {
        let number = self.links.streams.meet(stream);
        if !self.policies.contains(&number) {
            self.policies.push(number);
        }
    }

    /// Forgets the links of an account that was erased.
    pub fn forget(&mut self, account: StreamId) {
        self.links.forget(account);
    }

    /// The digest over the heads that a decision pins: every policy, its center, every other account in that center.
    pub fn pins(&mut self, account: StreamId, moment: Moment) -> [u8; 32] {
        self.pins_of(self.links.streams.find(account), moment)
    }

    /// The same for an account by number; none where nothing is known of it.
    pub fn pins_of(&mut self, account: Option<StreamNo>, moment: Moment) -> [u8; 32] {
        let mut heads = Vec::with_capacity(2 * self.policies.len());
        heads.extend(self.policies.iter().filter_map(|&number| self.head_of(number)));
        let policies = heads.len();
        let group = account.into_iter().flat_map(|account| self.links.group(account, moment));
        heads.extend(group.filter_map(|number| self.head_of(number)));
        if heads.len() > policies {
            return codec::pins(&mut heads);
        }
        match &self.pinned {
            Some((pinned, digest)) if *pinned == heads => *digest,
            _ => {
                let digest = codec::pins(&mut heads.clone());
                self.pinned = Some((heads, digest));
                digest
            }
        }
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
    pub fn check(&mut self, header: &Header) -> Result<(), BadEntry> {
        for link in &header.streams {
            if *link != self.next(link.stream) {
                return Err(not_extending(header.seq, link.stream));
            }
        }
        let first = header.streams.first().and_then(|link| self.links.streams.find(link.stream));
        self.pins_right(header, first)
    }

    fn pins_right(&mut self, header: &Header, first: Option<StreamNo>) -> Result<(), BadEntry> {
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        let pins = (header.kind == Kind::DecisionMade).then(|| self.pins_of(first, moment));
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
