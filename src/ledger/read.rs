//! Stored bytes into entries: decoded, hashed, unsealed, and checked against their commitments.

use super::LedgerError;
use super::side_by_side::map_pieces;
use crate::codec::{self, Commitment, DecodeError, EntryHash, Header, Link, Record, StreamId};
use crate::entry::Entry;
use crate::exhibit::Exhibit;
use crate::fact::Body;
use crate::journal::{Location, RawEntry};
use crate::keyring::{EntryKey, Keyed, KeyedNo, Keyring, Part, Slot};

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

/// An entry whose seals were opened and compared with its commitments. What it says stands in [`Unsealed`]: it is checked
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

/// Opens one entry.
pub fn open(raw: &RawEntry, keyring: &Keyring, content: Content) -> Result<Entry, BadEntry> {
    let mut opened = None;
    open_run(std::slice::from_ref(raw), keyring, content, |entry| opened = Some(entry));
    opened.expect("it is the one of its run")
}

/// Opens each of them, on every core where there are many; handed out in order.
pub fn open_all(
    entries: &[RawEntry],
    keyring: &Keyring,
    content: Content,
) -> impl Iterator<Item = Result<Entry, BadEntry>> {
    let open_piece = |piece: &[RawEntry]| {
        let mut opened = Vec::with_capacity(piece.len());
        open_run(piece, keyring, content, |entry| opened.push(entry));
        opened
    };
    map_pieces(entries, open_piece).into_iter().flatten()
}

fn open_run(run: &[RawEntry], keyring: &Keyring, content: Content, mut take: impl FnMut(Result<Entry, BadEntry>)) {
    let headers: Vec<Result<Header, BadEntry>> = run.iter().map(header).collect();
    let slot = |header: &Header| keyring.slot_of_stream(header.streams[0].stream);
    let slots: Vec<Option<Slot>> = headers.iter().map(|header| header.as_ref().ok().and_then(slot)).collect();
    let mut unsealed = Unsealed::default();
    unsealed.fill(run, &headers, (keyring, &slots), content);
    for (place, header) in headers.into_iter().enumerate() {
        take(header.and_then(|header| unsealed.open(place, &header)?.entry()));
    }
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

/// Entries that stand one after another, hashed and unsealed together: hashes of many are made side by side. Its memory is
/// used again.
#[derive(Default)]
pub struct Unsealed {
    hashes: Vec<EntryHash>,
    /// What each of them holds: body, and content.
    texts: Vec<[Text; 2]>,
    keyed: Keyed,
    commitments: Vec<Commitment>,
}

/// One part of an entry.
#[derive(Clone, Copy, Default)]
enum Text {
    /// Not asked for, destroyed, or never there.
    #[default]
    Missing,
    /// Not sealed under the key that it should be.
    Shut,
    Plain(KeyedNo),
}

impl Unsealed {
    /// Takes these entries in place of those that it held. Each is unsealed with the keys of the slot of its stream, where there
    /// still is one.
    pub fn fill(
        &mut self,
        run: &[RawEntry],
        headers: &[Result<Header, BadEntry>],
        (keyring, slots): (&Keyring, &[Option<Slot>]),
        content: Content,
    ) {
        self.hashes = codec::entry_hashes(run.iter().map(|raw| raw.header));
        self.keyed.begin(2 * run.len(), run.iter().map(|raw| raw.body.len() + raw.content.len()).sum());
        self.texts.clear();
        self.texts.resize(run.len(), Default::default());
        // Of each part that is asked for its entry, with the header, and what its key is derived from.
        let (mut parts, mut derived) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
        for (place, ((raw, header), slot)) in run.iter().zip(headers).zip(slots).enumerate() {
            let Ok(header) = header else { continue };
            if !header.kind.is_sealed() {
                self.texts[place][0] = Text::Plain(self.keyed.put(&EntryKey::OPEN, raw.body));
                continue;
            }
            let Some(slot) = *slot else { continue };
            let is_there = content == Content::Read && header.content.is_some();
            let text = (is_there && raw.seq >= keyring.content_since(slot)).then_some(Part::Content);
            for part in [Some(Part::Body), text].into_iter().flatten() {
                parts.push((place, header));
                derived.push((slot, part, raw.seq));
            }
        }
        let nonces = codec::nonces(parts.iter().map(|(_, header)| (&header.identity, header.recorded_at)));
        let keys = keyring.entry_keys(&derived);
        for (((place, _), (_, part, _)), (key, nonce)) in parts.into_iter().zip(derived).zip(keys.iter().zip(nonces)) {
            let sealed = match part {
                Part::Body => run[place].body,
                Part::Content => run[place].content,
            };
            self.texts[place][part as usize] = self.keyed.unseal(key, nonce, sealed).map_or(Text::Shut, Text::Plain);
        }
        self.commitments = self.keyed.commit();
    }

    /// One of them by its place among them, and its header: compared with what that committed to.
    pub fn open<'a>(&'a self, place: usize, header: &'a Header) -> Result<Open<'a>, BadEntry> {
        let bad = |what: &str| BadEntry::new(header.seq, what);
        let [body, content] = self.texts[place];
        let mut open = Open { header, hash: self.hashes[place], record: None, content: None };
        match body {
            Text::Missing => {}
            Text::Shut => return Err(bad("the sealed body does not open")),
            Text::Plain(number) => {
                check_body(header, self.commitments[number.place()])?;
                open.record = Some(self.keyed.text(number));
            }
        }
        match content {
            Text::Missing => {}
            Text::Shut => return Err(bad("the sealed content does not open")),
            Text::Plain(number) if header.content != Some(self.commitments[number.place()]) => {
                return Err(bad("the content does not match its commitment"));
            }
            Text::Plain(number) => {
                let text = std::str::from_utf8(self.keyed.text(number));
                open.content = Some(text.map_err(|_| bad("the content is not UTF-8"))?);
            }
        }
        Ok(open)
    }
}

fn check_body(header: &Header, commitment: Commitment) -> Result<(), BadEntry> {
    let fits = commitment == header.body;
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

/// Opens one entry, whose header was read, and keeps what shows that it says what it committed to: what was compared with that.
pub fn exhibit(raw: &RawEntry, header: Header, keyring: &Keyring) -> Result<Exhibit, BadEntry> {
    open_one(raw, header, keyring, |open, slot| {
        let key = |part| slot.map(|slot| keyring.entry_key(slot, part, raw.seq));
        let body_key = if open.header.kind.is_sealed() { key(Part::Body) } else { Some(EntryKey::OPEN) };
        let body = open.record.and_then(|record| Some(body_key?.disclose(record)));
        let content = open.content.and_then(|text| Some(key(Part::Content)?.disclose(text.as_bytes())));
        Ok(Exhibit { header: raw.header.to_vec(), entry: open.entry()?, body, content })
    })
}

/// Opens one entry, whose header was read, with the text of a chat where it still exists.
pub fn entry(raw: &RawEntry, header: Header, keyring: &Keyring) -> Result<Entry, BadEntry> {
    open_one(raw, header, keyring, |open, _| open.entry())
}

fn open_one<T>(
    raw: &RawEntry,
    header: Header,
    keyring: &Keyring,
    take: impl FnOnce(Open, Option<Slot>) -> Result<T, BadEntry>,
) -> Result<T, BadEntry> {
    let slot = keyring.slot_of_stream(header.streams[0].stream);
    let (headers, mut unsealed) = ([Ok(header)], Unsealed::default());
    unsealed.fill(std::slice::from_ref(raw), &headers, (keyring, &[slot]), Content::Read);
    let [header] = headers;
    take(unsealed.open(0, &header?)?, slot)
}

/// What an entry says that is never sealed.
pub fn open_unsealed(raw: &RawEntry, header: &Header) -> Result<Record, BadEntry> {
    check_body(header, EntryKey::OPEN.commit(raw.body))?;
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

/// The identity and hash of an entry, without its body.
pub fn peek(raw: &RawEntry) -> Result<(Header, EntryHash), BadEntry> {
    let header: Header =
        codec::decode(raw.header, "a header").map_err(|error| BadEntry::new(raw.seq, error.to_string()))?;
    Ok((header, codec::entry_hash(raw.header)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::StreamLink;
    use crate::disk::RealDisk;
    use crate::fact::{FactId, Instant, Kind, Time};

    /// What is stored of an entry.
    #[derive(Clone)]
    struct Whole {
        header: Header,
        body: Vec<u8>,
        content: Vec<u8>,
    }

    fn sealed(keyring: &Keyring, slot: Slot, seq: u64, nonce: Option<codec::Nonce>) -> Whole {
        let id = FactId { source: "//test".into(), id: format!("{seq}") };
        let identity = codec::identity(keyring.identity_key(), &id);
        let nonce = nonce.unwrap_or_else(|| codec::nonce(&identity, Instant(7)));
        let part = |part, plaintext: &[u8]| {
            let key = keyring.entry_key(slot, part, seq);
            (key.commit(plaintext), key.sealed(nonce, plaintext))
        };
        // Of lengths about those at which one more block is hashed.
        let center = "c".repeat(seq as usize * 7 % 200);
        let record = Record { id, subject: "facebook/s".into(), body: Body::AccountLinked { center } };
        let (commitment, body) = part(Part::Body, &codec::encode(&record));
        let (text_commitment, content) = part(Part::Content, text(seq).as_bytes());
        let streams = vec![StreamLink { stream: keyring.stream(slot), revision: seq, previous: EntryHash([3; 32]) }];
        let header = Header {
            seq,
            identity,
            kind: Kind::AccountLinked,
            occurred_at: Time::utc(Instant(5)),
            recorded_at: Instant(7),
            streams,
            pins: None,
            links: Vec::new(),
            body: commitment,
            content: Some(text_commitment),
        };
        Whole { header, body, content }
    }

    fn text(seq: u64) -> String {
        format!("chat {seq}")
    }

    /// Its hash, what it says, and its text; or what is wrong.
    type Told = Result<(EntryHash, Option<Record>, Option<String>), String>;

    fn opened(all: &[Whole], keyring: &Keyring) -> Vec<Told> {
        let headers: Vec<Vec<u8>> = all.iter().map(|whole| codec::encode(&whole.header)).collect();
        let raw = (0u64..).zip(all).zip(&headers).map(|((seq, whole), header)| RawEntry {
            seq,
            offset: 0,
            header,
            body: &whole.body,
            content: &whole.content,
        });
        let told = |entry: Result<Entry, BadEntry>| match entry {
            Ok(entry) => Ok((entry.hash, entry.record, entry.content)),
            Err(bad) => Err(bad.to_string()),
        };
        let (raw, mut found) = (raw.collect::<Vec<_>>(), Vec::new());
        open_run(&raw, keyring, Content::Read, |entry| found.push(told(entry)));
        let alone: Vec<Told> = raw.iter().map(|raw| told(open(raw, keyring, Content::Read))).collect();
        assert_eq!(found, alone, "a run is opened as each of it is alone");
        found
    }

    #[test]
    fn what_is_wrong_in_the_middle_of_a_run_is_told_of_that_entry_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut keyring = Keyring::create(&RealDisk, &dir.path().join("keyring")).expect("sound");
        let slots = ["facebook/1", "facebook/2"].map(|account| keyring.claim_account(account).expect("there is room"));
        let mut all: Vec<Whole> = (0..40).map(|seq| sealed(&keyring, slots[seq as usize % 2], seq, None)).collect();
        all[11] = sealed(&keyring, slots[1], 11, Some(codec::Nonce::ZERO));
        let sound = opened(&all, &keyring);
        for (seq, (whole, found)) in (0u64..).zip(all.iter().zip(&sound)) {
            let (hash, record, content) = found.as_ref().expect("nothing is wrong");
            let id = record.as_ref().map(|record| record.id.id.clone());
            assert_eq!((id, content), (Some(seq.to_string()), &Some(text(seq))));
            assert_eq!(*hash, codec::entry_hash(&codec::encode(&whole.header)));
        }
        const BODY: &str = "the sealed body does not open";
        type Change = fn(&mut Whole);
        let wrong: [(Change, &str); 8] = [
            (|whole| whole.body[3] ^= 1, BODY),
            (|whole| whole.body.truncate(9), BODY),
            (|whole| whole.header.body.0[31] ^= 1, "the body does not match its commitment"),
            (|whole| whole.content[3] ^= 1, "the sealed content does not open"),
            (|whole| whole.header.content = Some(Commitment([0; 32])), "the content does not match its commitment"),
            (|whole| whole.header.seq += 1, "the header carries another seq"),
            (|whole| whole.header.streams.clear(), "the header names no stream"),
            (|whole| whole.header.recorded_at = Instant(8), BODY),
        ];
        for (number, (change, what)) in wrong.into_iter().enumerate() {
            let (mut changed, place) = (all.clone(), 17 + number);
            change(&mut changed[place]);
            let mut expected = sound.clone();
            expected[place] = Err(format!("entry {place} is bad: {what}"));
            assert_eq!(opened(&changed, &keyring), expected);
            // Of two things it is the body's that is told.
            changed[place].content.clear();
            let first = if what.contains("the content") { "the sealed content does not open" } else { what };
            expected[place] = Err(format!("entry {place} is bad: {first}"));
            assert_eq!(opened(&changed, &keyring), expected);
        }
        // Sealed and committed to as it should be, under the key of another account.
        let mut changed = all.clone();
        changed[20] = Whole { header: all[20].header.clone(), ..sealed(&keyring, slots[1], 20, None) };
        assert_eq!(opened(&changed, &keyring)[20], Err(format!("entry 20 is bad: {BODY}")));
        keyring.erase_content(slots[0], 30).expect("sound");
        keyring.erase_all(slots[1]).expect("sound");
        for (place, (found, sound)) in opened(&all, &keyring).into_iter().zip(sound).enumerate() {
            // From then on texts are sealed under another key.
            let expected = match sound {
                Ok((hash, ..)) if place % 2 == 1 => Ok((hash, None, None)),
                Ok((hash, record, _)) if place < 30 => Ok((hash, record, None)),
                _ => Err(format!("entry {place} is bad: the sealed content does not open")),
            };
            assert_eq!(found, expected, "{place}");
        }
    }
}
