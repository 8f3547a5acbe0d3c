//! Facts into entries, in memory: resolved, sealed, chained and hashed, ready to be written as one group.

use super::admission::Admitted;
use super::heads::Heads;
use super::side_by_side::map_all;
use crate::codec::{self, EntryHash, Header, Link, Record, StreamId};
use crate::entry::Entry;
use crate::fact::{Body, Kind, Moment, Time};
use crate::index::{Field, Term};
use crate::journal::Frame;
use crate::keyring::{EntryKey, Keyring, KeyringError, Part, Slot};
use crate::merkle::{self, NodeHash};

/// An entry, its leaf in the tree, and what it can be found by.
pub struct Staged {
    pub entry: Entry,
    pub leaf: NodeHash,
    pub terms: Vec<Term>,
}

/// A body sealed: all that does not depend on the entries before it.
struct Sealed {
    record: Record,
    streams: Vec<StreamId>,
    terms: Vec<Term>,
    body: Vec<u8>,
    content: Vec<u8>,
    body_commitment: codec::Commitment,
    content_commitment: Option<codec::Commitment>,
}

/// An entry chained, and its parts as they are stored.
struct Chained {
    entry: Entry,
    header: Vec<u8>,
    body: Vec<u8>,
    content: Vec<u8>,
    terms: Vec<Term>,
}

/// Seals in parallel, then chains in order. Claims slots for new accounts.
///
/// `hashes` are those of the batch's entries that earlier groups committed, the last just before this group.
pub fn stage(
    admitted: Vec<Admitted>,
    hashes: &[EntryHash],
    heads: &mut Heads,
    keyring: &mut Keyring,
) -> Result<(Vec<Staged>, Vec<Frame>), KeyringError> {
    let slots = slots(&admitted, keyring)?;
    let keyring: &Keyring = keyring;
    let sealed = map_all(admitted.into_iter().zip(slots).collect(), |(mut one, slot): (Admitted, _)| {
        let sealed = seal(&mut one, slot, keyring);
        (one, sealed)
    });
    let mut chained: Vec<Chained> = Vec::with_capacity(sealed.len());
    let first_seq = sealed.first().map_or(0, |(one, ..)| one.seq) - hashes.len() as u64;
    for (mut one, sealed) in sealed {
        let hash_of = |seq: u64| {
            let place = seq.checked_sub(first_seq)? as usize;
            hashes.get(place).copied().or_else(|| chained.get(place - hashes.len()).map(|earlier| earlier.entry.hash))
        };
        one.links.iter_mut().for_each(|link| fill_in(link, &hash_of));
        let next = chain(one, sealed, heads);
        heads.take(&next.entry);
        chained.push(next);
    }
    let framed = map_all(chained, |Chained { mut entry, header, body, content, terms }| {
        // What it says is done with here, on whichever thread, but for what an erasure is still to do.
        entry.record = entry.record.filter(|record| record.body.kind() == Kind::SubjectErased);
        let leaf = merkle::leaf(&entry.hash);
        (Staged { entry, leaf, terms }, Frame::new(&header, &body, &content))
    });
    Ok(framed.into_iter().unzip())
}

/// The slot of each fact's account: most have one, and those who have none get theirs in order.
fn slots(admitted: &[Admitted], keyring: &mut Keyring) -> Result<Vec<Option<Slot>>, KeyringError> {
    let is_account = |one: &Admitted| !matches!(one.fact.kind(), Kind::PolicyAdopted | Kind::VerdictAttested);
    let known = |one: &Admitted| is_account(one).then(|| keyring.slot_of(&one.fact.subject)).flatten();
    let known = map_all(admitted.iter().collect(), known);
    let claimed = admitted.iter().zip(known).map(|(one, known)| match known {
        None if is_account(one) => keyring.claim(&one.fact.subject).map(Some),
        known => Ok(known),
    });
    claimed.collect()
}

fn seal(one: &mut Admitted, slot: Option<Slot>, keyring: &Keyring) -> Sealed {
    let fact = &mut one.fact;
    let kind = fact.kind();
    // What an erasure is about is to be forgotten: its stream says it while anybody may know.
    let subject = if kind == Kind::SubjectErased { String::new() } else { std::mem::take(&mut fact.subject) };
    let body = std::mem::replace(&mut fact.body, Body::SubjectErased(crate::fact::Scope::All));
    let record = Record {
        id: std::mem::replace(&mut fact.id, crate::fact::FactId { source: String::new(), id: String::new() }),
        subject,
        body,
    };
    let plaintext = codec::encode(&record);
    let sealed_under = slot.filter(|_| kind.is_sealed());
    let key = sealed_under.map_or(EntryKey::OPEN, |slot| keyring.entry_key(slot, Part::Body, one.seq));
    let nonce = codec::nonce(&one.identity, one.recorded_at);
    let body_commitment = key.commit(&plaintext);
    let body = if sealed_under.is_some() { key.seal(nonce, &plaintext) } else { plaintext };
    let content = fact.content.take().zip(sealed_under).map(|(text, slot)| {
        let key = keyring.entry_key(slot, Part::Content, one.seq);
        (key.seal(nonce, text.as_bytes()), key.commit(text.as_bytes()))
    });
    let (content, content_commitment) =
        content.map_or((Vec::new(), None), |(sealed, commitment)| (sealed, Some(commitment)));
    let streams = streams(&record, slot.map(|slot| keyring.stream(slot)));
    let terms = terms_of(kind, fact.time, &streams, &one.links, Some(&record));
    Sealed { record, streams, terms, body, content, body_commitment, content_commitment }
}

/// A reference within the batch gets its hash only now.
fn fill_in(link: &mut Link, hash_of: &impl Fn(u64) -> Option<EntryHash>) {
    if let Link::Resolved { seq, hash } = link {
        *hash = hash_of(*seq).unwrap_or(*hash);
    }
}

fn chain(one: Admitted, sealed: Sealed, heads: &Heads) -> Chained {
    let Sealed { record, streams, terms, body, content, body_commitment, content_commitment } = sealed;
    let kind = record.body.kind();
    let moment = Moment { at: one.fact.time.at, seq: one.seq };
    let header = Header {
        seq: one.seq,
        identity: one.identity,
        kind,
        occurred_at: one.fact.time,
        recorded_at: one.recorded_at,
        pins: (kind == Kind::DecisionMade).then(|| heads.pins(streams[0], moment)),
        streams: streams.into_iter().map(|stream| heads.next(stream)).collect(),
        links: one.links,
        body: body_commitment,
        content: content_commitment,
    };
    let bytes = codec::encode(&header);
    let hash = codec::entry_hash(&bytes);
    Chained { entry: Entry { header, hash, record: Some(record), content: None }, header: bytes, body, content, terms }
}

/// The streams that an entry extends: the account's, the policy's or that of attestations first, then the center's.
fn streams(record: &Record, account: Option<StreamId>) -> Vec<StreamId> {
    let first = match &record.body {
        Body::VerdictAttested(_) => codec::attestation_stream(),
        _ => account.unwrap_or_else(|| codec::policy_stream(&record.subject)),
    };
    let center = match &record.body {
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => Some(codec::center_stream(center)),
        _ => None,
    };
    std::iter::once(first).chain(center).collect()
}

/// What an entry can be found by, besides its id.
pub fn terms(entry: &Entry) -> Vec<Term> {
    let header = &entry.header;
    let streams: Vec<StreamId> = header.streams.iter().map(|link| link.stream).collect();
    terms_of(header.kind, header.occurred_at, &streams, &header.links, entry.record.as_ref())
}

fn terms_of(kind: Kind, occurred: Time, streams: &[StreamId], links: &[Link], record: Option<&Record>) -> Vec<Term> {
    let mut terms = vec![
        Term::new(Field::Kind, &[kind as u8]),
        Term::new(Field::Day, &occurred.at.0.div_euclid(86_400_000_000_000).to_be_bytes()),
    ];
    let fields = match kind {
        Kind::PolicyAdopted => &[Field::Policy][..],
        // Their kind says it already.
        Kind::VerdictAttested => &[],
        _ => &[Field::Account, Field::Center],
    };
    terms.extend(streams.iter().zip(fields).map(|(stream, &field)| Term::new(field, &stream.0)));
    if matches!(kind, Kind::AccountLinked | Kind::AccountUnlinked) {
        terms.push(Term::new(Field::Links, &streams[0].0));
    }
    if matches!(kind, Kind::InteractionLabelled | Kind::VerdictAttested) {
        terms.extend(links.iter().filter_map(|link| match link {
            Link::Resolved { seq, .. } => Some(Term::new(Field::Target, &seq.to_be_bytes())),
            Link::Unresolved { .. } => None,
        }));
    }
    if let Some(record) = record.filter(|record| record.body.kind() == Kind::DecisionMade) {
        terms.push(Term::new(Field::Decision, record.id.id.as_bytes()));
    }
    match record.map(|record| &record.body) {
        Some(Body::DecisionMade(body)) => {
            terms.extend(body.item.advertiser.iter().map(|name| Term::new(Field::Advertiser, name.as_bytes())));
            terms.extend(body.policy.iter().map(|cited| Term::new(Field::Policy, &codec::policy_stream(&cited.id).0)));
        }
        Some(Body::InteractionRecorded(body)) => {
            terms.push(Term::new(Field::Conversation, body.conversation.as_bytes()))
        }
        Some(Body::NoticeRecorded(body)) => terms.push(Term::new(Field::Policy, &codec::policy_stream(&body.policy).0)),
        _ => {}
    }
    terms
}
