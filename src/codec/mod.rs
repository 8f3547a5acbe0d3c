//! Canonical bytes, digests and commitments: what is hashed, and under which context.
//!
//! INVARIANT (frozen): `CONFIG` and every context string below are part of the format; golden files hold them.
//! Stored bytes are hashed as they are stored, never re-encoded.

mod many;

use crate::fact::{Body, FactId, Instant, Kind, Time};
use bincode::config::Configuration;
use bincode::{BorrowDecode, Decode, Encode};
use blake3::hazmat::{self, ContextKey, HasherExt as _};
use many::Under;

/// bincode 2's standard: little-endian, variable-width integers, lengths before what they count.
const CONFIG: Configuration = bincode::config::standard();

/// BLAKE3 `derive_key` contexts, one a use.
mod context {
    pub const ENTRY: &str = "inforce 2026-11 entry header";
    pub const COMMITMENT: &str = "inforce 2026-11 body commitment";
    pub const CENTER: &str = "inforce 2026-11 center stream";
    pub const POLICY: &str = "inforce 2026-11 policy stream";
    pub const PINS: &str = "inforce 2026-11 pinned heads";
    pub const NONCE: &str = "inforce 2026-11 seal nonce";
    pub const TERM: &str = "inforce 2026-11 index term";
    pub const ATTESTATIONS: &str = "inforce 2026-11 attestation stream";
    pub const ATTESTED: &str = "inforce 2026-11 attested verdict";
}

/// The hash of an entry's header as stored: the leaf of the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct EntryHash(pub [u8; 32]);

/// Binds an entry's header to a body without showing it: BLAKE3 over (entry key, plaintext).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Commitment(pub [u8; 32]);

/// A stream's name: random for an account, the hash of its id for a center or a policy, one of its own for attestations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct StreamId(pub [u8; 16]);

/// A fact's identity: BLAKE3 of (source, id), keyed by the ledger's identity key, so that nobody else can guess it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Identity(pub [u8; 16]);

impl std::fmt::Display for EntryHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

macro_rules! hex_debug {
    ($($name:ident),+) => { $(impl std::fmt::Debug for $name {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    })+ };
}
hex_debug!(Commitment, StreamId, Identity);

/// What tells two sealings under one entry key apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub [u8; 12]);

impl Nonce {
    /// Of entries that were sealed before nonces were derived.
    pub const ZERO: Nonce = Nonce([0; 12]);

    fn of(hash: &[u8; 32]) -> Nonce {
        Nonce(hash[..12].try_into().expect("a hash has 32 bytes"))
    }
}

/// An entry's place in one stream that it extends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StreamLink {
    /// The stream.
    pub stream: StreamId,
    /// The entry's revision in it, from 0.
    pub revision: u64,
    /// The hash of the stream's entry before it; zeros for revision 0.
    pub previous: EntryHash,
}

/// A reference as the ledger resolved it when it appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub enum Link {
    /// To an earlier entry.
    Resolved { seq: u64, hash: EntryHash },
    /// To nothing that was recorded by then.
    Unresolved { identity: Identity },
}

/// What is hashed of an entry. `docs/format.md` gives the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// Gapless from 0.
    pub seq: u64,
    /// Who said it, under which id.
    pub identity: Identity,
    /// The kind of fact.
    pub kind: Kind,
    /// When it happened.
    pub occurred_at: Time,
    /// When it was recorded; never goes back.
    pub recorded_at: Instant,
    /// The streams it extends: the account, the policy or the attestations first, then the center of a link.
    pub streams: Vec<StreamLink>,
    /// For a decision: the digest of every head that it was to be judged by.
    pub pins: Option<[u8; 32]>,
    /// The body's references, resolved, in the body's order.
    pub links: Vec<Link>,
    /// Commitment to the body.
    pub body: Commitment,
    /// Commitment to the content of an interaction.
    pub content: Option<Commitment>,
}

/// What is sealed of an entry: everything about the fact that the header does not say.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Record<S = String> {
    /// The fact's identity in clear.
    pub id: FactId<S>,
    /// The account or policy id; empty for an erasure, whose subject is to be forgotten, and for an attested verdict.
    pub subject: S,
    /// What happened.
    pub body: Body<S>,
}

/// Stored bytes that do not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored bytes do not decode as {0}")]
pub struct DecodeError(&'static str);

/// Encodes canonically.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode_into(value, &mut out);
    out
}

/// Encodes canonically at the end of `out`.
pub fn encode_into<T: Encode>(value: &T, out: &mut Vec<u8>) {
    bincode::encode_into_std_write(value, out, CONFIG).expect("encoding to memory cannot fail");
}

/// Encodes a [`Record`] that is not put together, at the end of `out`.
pub fn encode_record(id: &FactId, subject: &str, body: &Body, out: &mut Vec<u8>) {
    encode_into(&(id, subject, body), out);
}

/// The claim of a length is checked against this limit before memory is taken; no stored record reaches it.
const LIMIT: usize = 64 << 20;

/// Decodes all of `bytes`, or fails; memory is bounded by their length.
pub fn decode<T: Decode<()>>(bytes: &[u8], what: &'static str) -> Result<T, DecodeError> {
    match bincode::decode_from_slice(bytes, CONFIG.with_limit::<LIMIT>()) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        _ => Err(DecodeError(what)),
    }
}

/// The same where texts stay in `bytes`, such as a `Record<&str>`: a quarter of the work of taking each into memory.
pub fn decode_in_place<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8], what: &'static str) -> Result<T, DecodeError> {
    match bincode::borrow_decode_from_slice(bytes, CONFIG.with_limit::<LIMIT>()) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        _ => Err(DecodeError(what)),
    }
}

/// Keys of the contexts that every entry needs, derived once. A hasher is made of its key rather than copied: its state is
/// sixty times as long.
struct Contexts {
    entry: ContextKey,
    commitment: ContextKey,
    nonce: ContextKey,
    pins: ContextKey,
    term: ContextKey,
    center: ContextKey,
    policy: ContextKey,
}

static CONTEXTS: std::sync::LazyLock<Contexts> = std::sync::LazyLock::new(|| Contexts {
    entry: hazmat::hash_derive_key_context(context::ENTRY),
    commitment: hazmat::hash_derive_key_context(context::COMMITMENT),
    nonce: hazmat::hash_derive_key_context(context::NONCE),
    pins: hazmat::hash_derive_key_context(context::PINS),
    term: hazmat::hash_derive_key_context(context::TERM),
    center: hazmat::hash_derive_key_context(context::CENTER),
    policy: hazmat::hash_derive_key_context(context::POLICY),
});

fn hasher(of: impl Fn(&Contexts) -> &ContextKey) -> blake3::Hasher {
    blake3::Hasher::new_from_context_key(of(&CONTEXTS))
}

/// The hash of each message in a context: several are hashed at once.
fn in_context<'a>(
    of: impl Fn(&'static Contexts) -> &'static ContextKey,
    messages: impl Iterator<Item = &'a [u8]>,
) -> Vec<[u8; 32]> {
    let key = of(&CONTEXTS);
    many::hash_each(Under::Context, &messages.map(|message| (key, message)).collect::<Vec<_>>())
}

/// The hash of each message under its key: several are hashed at once.
pub fn keyed_hashes(messages: &[(&[u8; 32], &[u8])]) -> Vec<[u8; 32]> {
    many::hash_each(Under::Key, messages)
}

/// The hash of a header's stored bytes.
pub fn entry_hash(header: &[u8]) -> EntryHash {
    EntryHash(*hasher(|contexts| &contexts.entry).update(header).finalize().as_bytes())
}

/// The same of many headers: several are hashed at once.
pub fn entry_hashes<'a>(headers: impl Iterator<Item = &'a [u8]>) -> Vec<EntryHash> {
    in_context(|contexts| &contexts.entry, headers).into_iter().map(EntryHash).collect()
}

/// The commitment to `plaintext` under `key`: it binds even whoever made both.
pub fn commitment(key: &[u8; 32], plaintext: &[u8]) -> Commitment {
    Commitment(*hasher(|contexts| &contexts.commitment).update(key).update(plaintext).finalize().as_bytes())
}

/// The same of many plaintexts, each behind its key: several are hashed at once.
pub fn commitments<'a>(keyed: impl Iterator<Item = &'a [u8]>) -> Vec<Commitment> {
    in_context(|contexts| &contexts.commitment, keyed).into_iter().map(Commitment).collect()
}

/// The identity of a fact under the ledger's identity key.
pub fn identity(key: &[u8; 32], id: &FactId) -> Identity {
    let mut message = Vec::new();
    put_name(id, &mut message);
    Identity(first_16(blake3::keyed_hash(key, &message).as_bytes()))
}

/// The same of many facts: several are hashed at once.
pub fn identities<'a>(key: &[u8; 32], ids: impl Iterator<Item = &'a FactId>) -> Vec<Identity> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for id in ids {
        put_name(id, &mut bytes);
        ends.push(bytes.len());
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let messages = starts.zip(&ends).map(|(start, &end)| (key, &bytes[start..end])).collect::<Vec<_>>();
    keyed_hashes(&messages).iter().map(|hash| Identity(first_16(hash))).collect()
}

/// What an identity is the hash of: where the source ends is told by its length.
fn put_name(FactId { source, id }: &FactId, message: &mut Vec<u8>) {
    message.extend_from_slice(&(source.len() as u64).to_le_bytes());
    message.extend(source.as_bytes());
    message.extend(id.as_bytes());
}

/// The nonce under which an entry's body and content are sealed. The entry key is of an account and a seq; a seq is given
/// out again when a group was undone, or a tail lost, and this tells what was sealed then from what is sealed now.
pub fn nonce(identity: &Identity, recorded_at: Instant) -> Nonce {
    let mut hasher = hasher(|contexts| &contexts.nonce);
    Nonce::of(hasher.update(&sealed_as(identity, recorded_at)).finalize().as_bytes())
}

/// The same of many entries: several are hashed at once.
pub fn nonces<'a>(entries: impl Iterator<Item = (&'a Identity, Instant)>) -> Vec<Nonce> {
    let messages = entries.map(|(identity, recorded_at)| sealed_as(identity, recorded_at)).collect::<Vec<_>>();
    let hashes = in_context(|contexts| &contexts.nonce, messages.iter().map(<[u8; 24]>::as_slice));
    hashes.iter().map(Nonce::of).collect()
}

/// What a nonce is the hash of.
fn sealed_as(identity: &Identity, recorded_at: Instant) -> [u8; 24] {
    let mut message = [0; 24];
    message[..16].copy_from_slice(&identity.0);
    message[16..].copy_from_slice(&recorded_at.0.to_le_bytes());
    message
}

/// The stream of a center.
pub fn center_stream(center: &str) -> StreamId {
    StreamId(first_16(hasher(|contexts| &contexts.center).update(center.as_bytes()).finalize().as_bytes()))
}

/// The stream of a policy.
pub fn policy_stream(policy: &str) -> StreamId {
    StreamId(first_16(hasher(|contexts| &contexts.policy).update(policy.as_bytes()).finalize().as_bytes()))
}

/// The stream of a ledger's attested verdicts: it has one.
pub fn attestation_stream() -> StreamId {
    StreamId(first_16(blake3::Hasher::new_derive_key(context::ATTESTATIONS).finalize().as_bytes()))
}

/// The digest of a verdict under the key of the decision's entry: it tells nothing without that key.
pub fn verdict_digest(key: &[u8; 32], line: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_derive_key(context::ATTESTED).update(key).update(line).finalize().as_bytes()
}

/// The head of a stream: its last entry's revision and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// The last entry's revision.
    pub revision: u64,
    /// The last entry's hash.
    pub hash: EntryHash,
}

/// The digest over a list of heads, sorted by stream.
pub fn pins(heads: &mut [Head]) -> [u8; 32] {
    heads.sort_unstable();
    let mut hasher = hasher(|contexts| &contexts.pins);
    for head in heads.iter() {
        hasher.update(&head.stream.0);
        hasher.update(&head.revision.to_le_bytes());
        hasher.update(&head.hash.0);
    }
    *hasher.finalize().as_bytes()
}

/// A 64-bit index term: a field's tag and a value that somebody chose.
pub fn term(tag: u8, value: &[u8]) -> u64 {
    let hash = hasher(|contexts| &contexts.term).update(&[tag]).update(value).finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"))
}

fn first_16(hash: &[u8; 32]) -> [u8; 16] {
    hash[..16].try_into().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Scope;

    fn record() -> Record {
        let id = FactId { source: "//a".into(), id: "1".into() };
        Record { id, subject: "facebook/s1".into(), body: Body::SubjectErased(Scope::All) }
    }

    #[test]
    fn decode_is_the_inverse_of_encode_and_takes_nothing_else() {
        let bytes = encode(&record());
        assert_eq!(decode::<Record>(&bytes, "record"), Ok(record()));
        let in_place = decode_in_place::<Record<&str>>(&bytes, "record").expect("it was encoded");
        assert_eq!((in_place.id.id, in_place.subject, encode(&in_place)), ("1", "facebook/s1", bytes.clone()));
        for cut in 0..bytes.len() {
            assert!(decode::<Record>(&bytes[..cut], "record").is_err(), "cut at {cut}");
            assert!(decode_in_place::<Record<&str>>(&bytes[..cut], "record").is_err(), "cut at {cut}");
        }
        let mut in_parts = Vec::new();
        encode_record(&record().id, &record().subject, &record().body, &mut in_parts);
        assert_eq!(in_parts, bytes);
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(decode::<Record>(&longer, "record").is_err());
        assert!(decode_in_place::<Record<&str>>(&longer, "record").is_err());
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let mut bytes = encode(&record());
        bytes.splice(..1, [&[253u8][..], &u64::MAX.to_le_bytes()].concat());
        assert!(decode::<Record>(&bytes, "record").is_err());
    }

    #[test]
    fn many_are_hashed_as_one_is() {
        let texts = (0..300usize).map(|len| vec![len as u8; len]).collect::<Vec<_>>();
        let texts = texts.iter().map(Vec::as_slice).collect::<Vec<_>>();
        assert!(entry_hashes(texts.iter().copied()).into_iter().eq(texts.iter().map(|text| entry_hash(text))));
        let keyed = texts.iter().map(|text| [&[7; 32], *text].concat()).collect::<Vec<_>>();
        assert!(
            commitments(keyed.iter().map(Vec::as_slice))
                .into_iter()
                .eq(texts.iter().map(|text| commitment(&[7; 32], text)))
        );
        let ids = (0..300).map(|n| FactId { source: "s".repeat(n % 70), id: "i".repeat(n / 3) }).collect::<Vec<_>>();
        let each = ids.iter().map(|id| identity(&[7; 32], id)).collect::<Vec<_>>();
        assert_eq!(identities(&[7; 32], ids.iter()), each);
        let entries = || each.iter().zip((0..).map(Instant));
        assert!(nonces(entries()).into_iter().eq(entries().map(|(identity, at)| nonce(identity, at))));
    }

    #[test]
    fn contexts_keep_uses_apart() {
        let key = [7; 32];
        assert_ne!(commitment(&key, b"x").0, entry_hash(b"x").0);
        assert_ne!(center_stream("x"), policy_stream("x"));
        let (ab, a_b) = (FactId { source: "ab".into(), id: "".into() }, FactId { source: "a".into(), id: "b".into() });
        assert_ne!(identity(&key, &ab), identity(&key, &a_b));
        assert_ne!(commitment(&key, b"x"), commitment(&[8; 32], b"x"));
        assert_ne!(commitment(&key, b"x").0, verdict_digest(&key, b"x"));
        assert_ne!(attestation_stream(), center_stream(""));
    }
}
