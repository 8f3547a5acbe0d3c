//! Stored bytes into entries: decoded, hashed, unsealed, and checked against their commitments.

use super::LedgerError;
use crate::codec::{self, EntryHash, Header, Link, Record, StreamId};
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

/// Opens one entry.
pub fn open(raw: &RawEntry, keyring: &Keyring, content: Content) -> Result<Entry, BadEntry> {
    let bad = |what: &str| BadEntry::new(raw.seq, what);
    let header: Header = codec::decode(raw.header, "a header").map_err(|error| bad(&error.to_string()))?;
    if header.seq != raw.seq {
        return Err(bad("the header carries another seq"));
    }
    if header.streams.is_empty() {
        return Err(bad("the header names no stream"));
    }
    let hash = codec::entry_hash(raw.header);
    if !header.kind.is_sealed() {
        let record = open_unsealed(raw, &header)?;
        check_open(&header, &record).map_err(bad)?;
        return Ok(Entry { header, hash, record: Some(record), content: None });
    }
    let Some(slot) = keyring.slot_of_stream(header.streams[0].stream) else {
        return Ok(Entry { header, hash, record: None, content: None });
    };
    let key = keyring.entry_key(slot, Part::Body, raw.seq);
    let plaintext = key.unseal(nonce(&header), raw.body).ok_or_else(|| bad("the sealed body does not open"))?;
    let record = open_body(raw, &header, &key, &plaintext)?;
    let content = match content {
        Content::Read => open_content(raw, &header, keyring, slot)?,
        Content::Leave => None,
    };
    Ok(Entry { header, hash, record: Some(record), content })
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
    open_body(raw, header, &EntryKey::OPEN, raw.body)
}

fn open_body(raw: &RawEntry, header: &Header, key: &EntryKey, plaintext: &[u8]) -> Result<Record, BadEntry> {
    if key.commit(plaintext) != header.body {
        return Err(BadEntry::new(raw.seq, "the body does not match its commitment"));
    }
    let record: Record =
        codec::decode(plaintext, "a body").map_err(|error| BadEntry::new(raw.seq, error.to_string()))?;
    if record.body.kind() != header.kind {
        return Err(BadEntry::new(raw.seq, "the body is of another kind than the header"));
    }
    Ok(record)
}

/// What the header of an open entry must agree with, since everybody can see both.
fn check_open(header: &Header, record: &Record) -> Result<(), &'static str> {
    let streams = |expected: StreamId| header.streams.len() == 1 && header.streams[0].stream == expected;
    match &record.body {
        Body::PolicyAdopted(_) if !streams(codec::policy_stream(&record.subject)) => {
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

fn open_content(raw: &RawEntry, header: &Header, keyring: &Keyring, slot: Slot) -> Result<Option<String>, BadEntry> {
    let Some(commitment) = header.content else { return Ok(None) };
    if raw.seq < keyring.content_since(slot) {
        return Ok(None);
    }
    let bad = |what: &str| BadEntry::new(raw.seq, what);
    let key = keyring.entry_key(slot, Part::Content, raw.seq);
    let plaintext = key.unseal(nonce(header), raw.content).ok_or_else(|| bad("the sealed content does not open"))?;
    if key.commit(&plaintext) != commitment {
        return Err(bad("the content does not match its commitment"));
    }
    String::from_utf8(plaintext).map(Some).map_err(|_| bad("the content is not UTF-8"))
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
