//! Stored bytes into entries: decoded, hashed, unsealed, and checked against their commitments.

use super::LedgerError;
use super::side_by_side::map_pieces;
use crate::codec::{self, DecodeError, EntryHash, Header, Link, Record, StreamId};
use crate::entry::Entry;
use crate::exhibit::Exhibit;
use crate::fact::Body;
use crate::journal::{Location, RawEntry};
use crate::keyring::{EntryKey, Keyring, Part, Slot};

/// An entry that is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} is bad: {what}")]
pub struct BadEntry {
    /// Which.
    pub seq: u64,
    /// What does not match.
    pub what: String,
}

impl BadEntry {
    pub(super) fn new(seq: u64, what: impl Into<String>) -> BadEntry {
        BadEntry { seq, what: what.into() }
    }
}

/// Whether to unseal the text of chats: slower, and seldom wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Leave,
    Read,
}

/// An entry whose seals were opened and compared with its commitments. What it says stands in [`Buffers`]: it is checked
/// once it is read out, in place or as an entry of its own.
pub struct Open<'a> {
    pub header: &'a Header,
    /// The hash of the header as stored.
    pub hash: EntryHash,
    /// The record's bytes; `None` once it was destroyed by an erasure of everything.
    pub record: Option<&'a [u8]>,
    /// The text of an interaction, where it was asked for and still exists.
    pub content: Option<&'a str>,
}

impl Open<'_> {
    /// What it says, read where it stands.
    pub fn said(&self) -> Result<Option<Record<&str>>, BadEntry> {
        self.record.map(|bytes| check(self.header, codec::decode_in_place(bytes, BODY))).transpose()
    }

    /// All of it.
    pub fn entry(&self) -> Result<Entry, BadEntry> {
        let record = self.record.map(|bytes| check(self.header, codec::decode(bytes, BODY))).transpose()?;
        let (header, content) = (self.header.clone(), self.content.map(str::to_owned));
        Ok(Entry { header, hash: self.hash, record, content })
    }
}

/// What a record's bytes are called where they are none.
const BODY: &str = "a body";

/// Where entries are unsealed one after another, in the same memory.
#[derive(Default)]
pub struct Buffers {
    body: Vec<u8>,
    content: Vec<u8>,
}

/// Opens one entry.
pub fn open(raw: &RawEntry, keyring: &Keyring, content: Content) -> Result<Entry, BadEntry> {
    let header = header(raw)?;
    let slot = keyring.slot_of_stream(header.streams[0].stream);
    unseal(raw, &header, (keyring, slot), content, &mut Buffers::default())?.entry()
}

/// Opens each of them, on every core where there are many; handed out in order.
pub fn open_all(
    entries: &[RawEntry],
    keyring: &Keyring,
    content: Content,
) -> impl Iterator<Item = Result<Entry, BadEntry>> {
    let open_piece = |piece: &[RawEntry]| piece.iter().map(|raw| open(raw, keyring, content)).collect::<Vec<_>>();
    map_pieces(entries, open_piece).into_iter().flatten()
}

/// The header of one entry: it carries the seq of its place, and names a stream.
pub fn header(raw: &RawEntry) -> Result<Header, BadEntry> {
    let bad = |what: &str| BadEntry::new(raw.seq, what);
    let header: Header = codec::decode(raw.header, "a header").map_err(|error| bad(&error.to_string()))?;
    if header.seq != raw.seq {
        return Err(bad("the header carries another seq"));
    }
    if header.streams.is_empty() {
        return Err(bad("the header names no stream"));
    }
    Ok(header)
}

/// Unseals an entry with the keys of the slot of its stream, where there still is one.
pub fn unseal<'a>(
    raw: &'a RawEntry,
    header: &'a Header,
    (keyring, slot): (&Keyring, Option<Slot>),
    content: Content,
    buffers: &'a mut Buffers,
) -> Result<Open<'a>, BadEntry> {
    let bad = |what: &str| BadEntry::new(raw.seq, what);
    let hash = codec::entry_hash(raw.header);
    let mut open = Open { header, hash, record: None, content: None };
    if !header.kind.is_sealed() {
        check_body(header, &EntryKey::OPEN, raw.body)?;
        open.record = Some(raw.body);
        return Ok(open);
    }
    let Some(slot) = slot else { return Ok(open) };
    let (nonce, key) = (nonce(header), keyring.entry_key(slot, Part::Body, raw.seq));
    let body = key.unseal_into(nonce, raw.body, &mut buffers.body);
    let body = body.ok_or_else(|| bad("the sealed body does not open"))?;
    check_body(header, &key, body)?;
    open.record = Some(body);
    let is_there = content == Content::Read && raw.seq >= keyring.content_since(slot);
    let Some(commitment) = header.content.filter(|_| is_there) else { return Ok(open) };
    let key = keyring.entry_key(slot, Part::Content, raw.seq);
    let text = key.unseal_into(nonce, raw.content, &mut buffers.content);
    let text = text.ok_or_else(|| bad("the sealed content does not open"))?;
    if key.commit(text) != commitment {
        return Err(bad("the content does not match its commitment"));
    }
    open.content = Some(std::str::from_utf8(text).map_err(|_| bad("the content is not UTF-8"))?);
    Ok(open)
}

fn check_body(header: &Header, key: &EntryKey, plaintext: &[u8]) -> Result<(), BadEntry> {
    let fits = key.commit(plaintext) == header.body;
    fits.then_some(()).ok_or_else(|| BadEntry::new(header.seq, "the body does not match its commitment"))
}

/// A record as it was decoded, if it is of the header's kind and agrees with what the header of an open entry says.
fn check<S: AsRef<str>>(header: &Header, decoded: Result<Record<S>, DecodeError>) -> Result<Record<S>, BadEntry> {
    let record = of_kind(header, decoded)?;
    check_open(header, &record).map_err(|what| BadEntry::new(header.seq, what))?;
    Ok(record)
}

fn of_kind<S>(header: &Header, decoded: Result<Record<S>, DecodeError>) -> Result<Record<S>, BadEntry> {
    let record = decoded.map_err(|error| BadEntry::new(header.seq, error.to_string()))?;
    if record.body.kind() != header.kind {
        return Err(BadEntry::new(header.seq, "the body is of another kind than the header"));
    }
    Ok(record)
}

/// Opens one entry and keeps what shows that it says what it committed to.
pub fn exhibit(raw: &RawEntry, keyring: &Keyring) -> Result<Exhibit, BadEntry> {
    let entry = open(raw, keyring, Content::Read)?;
    let slot = entry.header.streams.first().and_then(|link| keyring.slot_of_stream(link.stream));
    let key = |part| slot.map(|slot| keyring.entry_key(slot, part, raw.seq));
    let body = match entry.record {
        Some(_) if entry.header.kind.is_sealed() => {
            key(Part::Body).and_then(|key| key.disclose(nonce(&entry.header), raw.body))
        }
        Some(_) => EntryKey::OPEN.disclose_open(raw.body),
        None => None,
    };
    let content =
        entry.content.is_some().then(|| key(Part::Content)?.disclose(nonce(&entry.header), raw.content)).flatten();
    Ok(Exhibit { header: raw.header.to_vec(), entry, body, content })
}

fn nonce(header: &Header) -> codec::Nonce {
    codec::nonce(&header.identity, header.recorded_at)
}

/// What an entry says that is never sealed.
pub fn open_unsealed(raw: &RawEntry, header: &Header) -> Result<Record, BadEntry> {
    check_body(header, &EntryKey::OPEN, raw.body)?;
    of_kind(header, codec::decode(raw.body, BODY))
}

/// What the header of an open entry must agree with, since everybody can see both.
fn check_open<S: AsRef<str>>(header: &Header, record: &Record<S>) -> Result<(), &'static str> {
    let streams = |expected: StreamId| header.streams.len() == 1 && header.streams[0].stream == expected;
    match &record.body {
        Body::PolicyAdopted(_) if !streams(codec::policy_stream(record.subject.as_ref())) => {
            Err("its stream is not that of the policy")
        }
        Body::VerdictAttested(_) if !streams(codec::attestation_stream()) => {
            Err("its stream is not that of attested verdicts")
        }
        Body::VerdictAttested(body) => match header.links[..] {
            [Link::Resolved { seq, .. }] if seq == body.decision => Ok(()),
            _ => Err("it does not cite the decision whose verdict it attests"),
        },
        _ => Ok(()),
    }
}

/// Opens the entry whose frame was read from `location`.
pub fn open_frame(bytes: &[u8], location: Location, seq: u64, keyring: &Keyring) -> Result<Entry, LedgerError> {
    let (raw, _) = crate::journal::read_frame(bytes, location.offset as usize, seq)
        .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
    Ok(open(&raw, keyring, Content::Read)?)
}

/// The seq that a header carries, if it is one.
pub fn seq_of(header: &[u8]) -> Option<u64> {
    codec::decode::<Header>(header, "a header").ok().map(|header| header.seq)
}

/// The first stream that a header names, if it is one.
pub fn stream_of(header: &[u8]) -> Option<StreamId> {
    let header = codec::decode::<Header>(header, "a header").ok()?;
    header.streams.first().map(|link| link.stream)
}

/// The identity and hash of an entry, without its body.
pub fn peek(raw: &RawEntry) -> Result<(Header, EntryHash), BadEntry> {
    let header: Header =
        codec::decode(raw.header, "a header").map_err(|error| BadEntry::new(raw.seq, error.to_string()))?;
    Ok((header, codec::entry_hash(raw.header)))
}
