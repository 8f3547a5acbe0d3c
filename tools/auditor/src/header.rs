//! The header of an entry: what is hashed of it, and all that can be read of an entry that nobody opens.

use crate::codec::{Malformed, Reader};
use crate::hash::{Hash, StreamId};
use crate::record::Kind;

/// What the format's table "Header" lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Place in the ledger, from 0.
    pub seq: u64,
    /// Keyed hash of source and id.
    pub identity: [u8; 16],
    /// What kind of fact it is.
    pub kind: Kind,
    /// When it happened, in nanoseconds since 1970.
    pub at: i64,
    /// The offset in which that was written, in seconds east of UTC.
    pub offset_s: i32,
    /// When it was recorded, in nanoseconds since 1970.
    pub recorded_at: i64,
    /// The streams that it extends.
    pub streams: Vec<StreamLink>,
    /// The digest of the heads that a decision pins.
    pub pins: Option<Hash>,
    /// The references of its body.
    pub links: Vec<Link>,
    /// The commitment to the body.
    pub body: Hash,
    /// The commitment to the content of an interaction.
    pub content: Option<Hash>,
}

/// Where in a stream an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLink {
    /// The stream.
    pub stream: StreamId,
    /// Place in the stream, from 0.
    pub revision: u64,
    /// Hash of the stream's entry before; zeros for revision 0.
    pub previous: Hash,
}

/// What a reference leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// An earlier entry, by its hash.
    Resolved {
        /// Its place in the ledger.
        seq: u64,
        /// Its hash.
        hash: Hash,
    },
    /// Something that had not been recorded.
    Unresolved {
        /// The identity of what was referred to.
        identity: [u8; 16],
    },
}

impl Header {
    /// Decodes a header, and refuses bytes that are left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let header = Self {
            seq: reader.u64()?,
            identity: reader.array("an identity of 16 bytes")?,
            kind: Kind::read(&mut reader)?,
            at: reader.i64()?,
            offset_s: reader.i32()?,
            recorded_at: reader.i64()?,
            streams: reader.list(stream_link)?,
            pins: reader.option(|reader| reader.array("pins of 32 bytes"))?,
            links: reader.list(link)?,
            body: reader.array("a commitment of 32 bytes")?,
            content: reader.option(|reader| reader.array("a commitment of 32 bytes"))?,
        };
        reader.end()?;
        Ok(header)
    }

    /// What "before" and "after" compare: time, then seq.
    pub fn moment(&self) -> (i64, u64) {
        (self.at, self.seq)
    }

    /// The stream that it extends first: that of its account, its policy, or of attested verdicts.
    pub fn own_stream(&self) -> Option<StreamId> {
        self.streams.first().map(|link| link.stream)
    }

    /// The center that a link or unlink names.
    pub fn center(&self) -> Option<StreamId> {
        if self.kind.moves() { self.streams.get(1).map(|link| link.stream) } else { None }
    }
}

fn stream_link(reader: &mut Reader) -> Result<StreamLink, Malformed> {
    Ok(StreamLink {
        stream: StreamId(reader.array("a stream of 16 bytes")?),
        revision: reader.u64()?,
        previous: reader.array("a hash of 32 bytes")?,
    })
}

fn link(reader: &mut Reader) -> Result<Link, Malformed> {
    Ok(match reader.variant(2, "a link, 0 for resolved or 1 for unresolved")? {
        0 => Link::Resolved { seq: reader.u64()?, hash: reader.array("a hash of 32 bytes")? },
        _ => Link::Unresolved { identity: reader.array("an identity of 16 bytes")? },
    })
}
