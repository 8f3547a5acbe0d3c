//! An entry as a world takes it, in bytes: without what only checks look at, and what it says as it was unsealed. Made on
//! the thread that opened it, read where it stands: nothing of it is taken into memory twice.

use super::pass::Wanted;
use super::read::{BadEntry, Content, Open};
use crate::attested::Attestations;
use crate::codec::{self, Link, Record, StreamId};
use crate::fact::{Body, Instant, Kind, Time};
use crate::timeline::{Stub, World};
use std::ops::Range;

/// Kind, both times, stream, what it cites, and the record's bytes.
type Bytes<'a> = (Kind, Time, Instant, StreamId, Vec<Option<u64>>, Option<&'a [u8]>);

/// An entry that was put aside.
pub struct Aside<'a> {
    stub: Stub,
    cited: Vec<Option<u64>>,
    record: Option<Record<&'a str>>,
}

/// Of every entry what a world takes, where it stands in the room of its run.
pub const ASIDE: Wanted<Range<usize>> = Wanted { content: Content::Leave, keep };

fn keep(open: &Open, room: &mut Vec<u8>) -> Result<Range<usize>, BadEntry> {
    open.said()?;
    Ok(put(open, room))
}

/// Adds an entry whose record was checked to `room`; returns where it stands.
pub fn put(open: &Open, room: &mut Vec<u8>) -> Range<usize> {
    let (header, start) = (open.header, room.len());
    let cited: Vec<Option<u64>> = header.links.iter().map(cited).collect();
    let (at, recorded, stream) = (header.occurred_at, header.recorded_at, header.streams[0].stream);
    let bytes: Bytes = (header.kind, at, recorded, stream, cited, open.record);
    codec::encode_into(&bytes, room);
    start..room.len()
}

/// The seq that a link leads to.
pub fn cited(link: &Link) -> Option<u64> {
    match link {
        Link::Resolved { seq, .. } => Some(*seq),
        Link::Unresolved { .. } => None,
    }
}

impl<'a> Aside<'a> {
    /// Reads what this process put aside.
    pub fn read(seq: u64, bytes: &'a [u8]) -> Aside<'a> {
        let bytes: Bytes = codec::decode_in_place(bytes, "an entry put aside").expect("it was encoded by this process");
        let (kind, at, recorded, stream, cited, record) = bytes;
        let record = record.map(|bytes| codec::decode_in_place(bytes, "a body").expect("it was checked"));
        Aside { stub: Stub { seq, kind, at, recorded, stream }, cited, record }
    }

    /// The first entry that it cites.
    pub fn first_cited(&self) -> Option<u64> {
        self.cited.first().copied().flatten()
    }

    /// Hands it to those who judge by it.
    pub fn add_to(&self, world: &mut World, attested: &mut Attestations) {
        world.take(self.stub, &self.cited, self.record.as_ref());
        if let Some(Body::VerdictAttested(verdict)) = self.record.as_ref().map(|record| &record.body) {
            attested.take_verdict(self.stub.seq, self.stub.recorded, verdict);
        }
    }
}
