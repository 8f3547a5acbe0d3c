//! Facts into entries, in memory: resolved, sealed, chained and hashed, ready to be written as one group.

use super::admission::Admitted;
use super::heads::Heads;
use super::side_by_side::in_order;
use crate::codec::{self, EntryHash, Header, Identity, Link, Nonce, StreamId};
use crate::entry::Entry;
use crate::fact::{Body, FactId, Kind, Moment, Time};
use crate::index::{Field, Term, Terms};
use crate::journal::Frames;
use crate::keyring::{EntryKey, Keyring, KeyringError, Owner, Part, Sealed, Sealing, Slot};

/// What was made of an admitted fact, besides its frame.
pub struct Staged {
    pub hash: EntryHash,
    /// What it can be found by.
    pub terms: Terms,
}

/// Facts sealed: all that does not depend on the entries before them.
struct Piece {
    made: Vec<Made>,
    /// Bodies and contents as they are stored, among others.
    bytes: Vec<u8>,
}

struct Made {
    streams: Streams,
    terms: Terms,
    body: Sealed,
    content: Option<Sealed>,
}

/// Seals on all threads, and chains in order as far as they have come. Claims slots for new accounts.
///
/// `hashes` are those of the batch's entries that earlier groups committed, the last just before this group.
pub fn stage(
    admitted: &mut [Admitted],
    hashes: &[EntryHash],
    heads: &mut Heads,
    keyring: &mut Keyring,
    frames: &mut Frames,
) -> Result<Vec<Staged>, KeyringError> {
    claim_slots(admitted, keyring)?;
    let keyring: &Keyring = keyring;
    let mut chain = Chain {
        heads,
        frames,
        header: Vec::with_capacity(256),
        first_seq: admitted.first().map_or(0, |one| one.seq) - hashes.len() as u64,
        before: hashes,
        staged: Vec::with_capacity(admitted.len()),
    };
    in_order(
        admitted,
        |facts| seal_all(facts, keyring),
        |facts, Piece { made, bytes }| {
            let streams = &chain.heads.links.streams;
            chain.heads.touch(facts.iter().filter_map(|one| streams.in_slot(one.slot?)));
            for (one, made) in facts.iter_mut().zip(made) {
                chain.add(one, made, &bytes);
            }
        },
    );
    Ok(chain.staged)
}

/// The slot of each fact's account: most have one, and those who have none get theirs in order.
fn claim_slots(admitted: &mut [Admitted], keyring: &mut Keyring) -> Result<(), KeyringError> {
    let homeless = admitted.iter_mut().filter(|one| one.slot.is_none());
    let (owners, slots): (Vec<Owner>, Vec<_>) = homeless.filter_map(|one| Some((one.owner?, &mut one.slot))).unzip();
    slots.into_iter().zip(keyring.claim(&owners)?).for_each(|(slot, claimed)| *slot = Some(claimed));
    Ok(())
}

/// True for a fact about an account.
pub fn has_account(kind: Kind) -> bool {
    !matches!(kind, Kind::PolicyAdopted | Kind::VerdictAttested)
}

fn seal_all(facts: &[Admitted], keyring: &Keyring) -> Piece {
    keyring.touch(facts.iter().filter_map(|one| one.slot));
    let derived = facts.iter().flat_map(|one| {
        let body = sealed_under(one).map(|slot| (slot, Part::Body, one.seq));
        body.into_iter().chain(content(one).map(|(_, slot)| (slot, Part::Content, one.seq)))
    });
    let (open, keys) = (EntryKey::OPEN, keyring.entry_keys(&derived.collect::<Vec<_>>()));
    let nonces = codec::nonces(facts.iter().map(|one| (&one.identity, one.recorded_at)));
    let (mut keys, mut sealing) = (keys.iter(), Sealing::with_room(2 * facts.len(), facts.len() * 448));
    for (one, nonce) in facts.iter().zip(nonces) {
        add(one, nonce, (&open, &mut keys), &mut sealing);
    }
    let (bytes, sealed) = sealing.finish();
    let mut sealed = sealed.into_iter();
    let mut next = || sealed.next().expect("each part is sealed");
    let made = facts.iter().map(|one| {
        let (streams, terms) = filed(one, keyring);
        Made { streams, terms, body: next(), content: content(one).map(|_| next()) }
    });
    Piece { made: made.collect(), bytes }
}

/// Has its body sealed, and its content, each under the next of the keys.
fn add<'a>(
    one: &Admitted,
    nonce: Nonce,
    (open, keys): (&'a EntryKey, &mut std::slice::Iter<'a, EntryKey>),
    sealing: &mut Sealing<'a>,
) {
    let fact = &one.fact;
    // What an erasure is about is to be forgotten: its stream says it while anybody may know.
    let subject = if fact.kind() == Kind::SubjectErased { "" } else { &fact.subject };
    let is_sealed = sealed_under(one).is_some();
    let key = if is_sealed { keys.next().expect(DERIVED) } else { open };
    let nonce = is_sealed.then_some(nonce);
    sealing.add(key, nonce, |bytes| codec::encode_record(&fact.id, subject, &fact.body, bytes));
    if let Some((text, _)) = content(one) {
        sealing.add(keys.next().expect(DERIVED), nonce, |bytes| bytes.extend(text.as_bytes()));
    }
}

const DERIVED: &str = "a key was derived for each part that is sealed";

fn sealed_under(one: &Admitted) -> Option<Slot> {
    one.slot.filter(|_| one.fact.kind().is_sealed())
}

fn content(one: &Admitted) -> Option<(&str, Slot)> {
    one.fact.content.as_deref().zip(sealed_under(one))
}

/// The streams that it extends, and what it can be found by.
fn filed(one: &Admitted, keyring: &Keyring) -> (Streams, Terms) {
    let fact = &one.fact;
    let account = one.slot.map(|slot| keyring.stream(slot));
    let streams = streams(&fact.body, &fact.subject, account);
    let said = Some((&fact.id, &fact.body));
    (streams, terms_of((&one.identity, fact.kind(), fact.time), streams, &one.links, said))
}

/// What entries are chained with, one after another.
struct Chain<'a> {
    heads: &'a mut Heads,
    frames: &'a mut Frames,
    /// Room for a header's bytes.
    header: Vec<u8>,
    /// The seq of the first entry in `before`.
    first_seq: u64,
    before: &'a [EntryHash],
    staged: Vec<Staged>,
}

impl Chain<'_> {
    fn add(&mut self, one: &mut Admitted, made: Made, bytes: &[u8]) {
        let mut links = std::mem::take(&mut one.links);
        links.iter_mut().for_each(|link| self.fill_in(link));
        let kind = one.fact.kind();
        let extended = self.heads.meet(made.streams, one.slot);
        let moment = Moment { at: one.fact.time.at, seq: one.seq };
        let header = Header {
            seq: one.seq,
            identity: one.identity,
            kind,
            occurred_at: one.fact.time,
            recorded_at: one.recorded_at,
            pins: (kind == Kind::DecisionMade).then(|| self.heads.pins_of(Some(extended.0), moment)),
            streams: self.heads.links_of(extended),
            links,
            body: made.body.commitment,
            content: made.content.as_ref().map(|content| content.commitment),
        };
        self.header.clear();
        codec::encode_into(&header, &mut self.header);
        let hash = codec::entry_hash(&self.header);
        let content = made.content.map_or(&[][..], |content| &bytes[content.place]);
        self.frames.push(&self.header, &bytes[made.body.place], content);
        self.heads.append(extended, &header, hash);
        self.staged.push(Staged { hash, terms: made.terms });
    }

    /// A reference within the batch gets its hash only now.
    fn fill_in(&self, link: &mut Link) {
        let Link::Resolved { seq, hash } = link else { return };
        let Some(place) = seq.checked_sub(self.first_seq) else { return };
        let place = place as usize;
        let fresh = || self.staged.get(place - self.before.len()).map(|staged| staged.hash);
        *hash = self.before.get(place).copied().or_else(fresh).unwrap_or(*hash);
    }
}

/// The streams that an entry extends: the account's, the policy's or that of attestations first, then the center's.
type Streams = (StreamId, Option<StreamId>);

fn streams(body: &Body, subject: &str, account: Option<StreamId>) -> Streams {
    let first = match body {
        Body::VerdictAttested(_) => codec::attestation_stream(),
        _ => account.unwrap_or_else(|| codec::policy_stream(subject)),
    };
    let center = match body {
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => Some(codec::center_stream(center)),
        _ => None,
    };
    (first, center)
}

/// What an entry can be found by.
pub fn terms(entry: &Entry) -> Terms {
    let header = &entry.header;
    let streams = (header.streams[0].stream, header.streams.get(1).map(|link| link.stream));
    let said = entry.record.as_ref().map(|record| (&record.id, &record.body));
    terms_of((&header.identity, header.kind, header.occurred_at), streams, &header.links, said)
}

fn terms_of(
    (identity, kind, occurred): (&Identity, Kind, Time),
    (first, center): Streams,
    links: &[Link],
    said: Option<(&FactId, &Body)>,
) -> Terms {
    let mut terms = Terms::new(Term::id(identity));
    terms.push(Term::number(Field::Kind, kind as u64));
    terms.push(Term::number(Field::Day, occurred.at.0.div_euclid(86_400_000_000_000) as u64));
    match kind {
        Kind::PolicyAdopted => terms.push(Term::stream(Field::Policy, &first)),
        // Their kind says it already.
        Kind::VerdictAttested => {}
        _ => terms.push(Term::stream(Field::Account, &first)),
    }
    center.into_iter().for_each(|center| terms.push(Term::stream(Field::Center, &center)));
    if matches!(kind, Kind::AccountLinked | Kind::AccountUnlinked) {
        terms.push(Term::stream(Field::Links, &first));
    }
    // Either has one link.
    if let (Kind::InteractionLabelled | Kind::VerdictAttested, Some(Link::Resolved { seq, .. })) = (kind, links.first())
    {
        terms.push(Term::number(Field::Target, *seq));
    }
    match said {
        Some((id, Body::DecisionMade(body))) => {
            terms.push(Term::new(Field::Decision, id.id.as_bytes()));
            let advertiser = body.item.advertiser.iter().map(|name| Term::new(Field::Advertiser, name.as_bytes()));
            let policy = |id: &str| Term::stream(Field::Policy, &codec::policy_stream(id));
            advertiser.chain(body.policy.iter().map(|cited| policy(&cited.id))).for_each(|term| terms.push(term));
        }
        Some((_, Body::InteractionRecorded(body))) => {
            terms.push(Term::new(Field::Conversation, body.conversation.as_bytes()))
        }
        Some((_, Body::NoticeRecorded(body))) => {
            terms.push(Term::stream(Field::Policy, &codec::policy_stream(&body.policy)))
        }
        _ => {}
    }
    terms
}
