//! Admission: what becomes of each fact that is handed in. Nothing is changed here.

use super::catalog::Catalog;
use super::side_by_side::map_pieces;
use super::{Clock, LedgerError, stage};
use crate::codec::{self, EntryHash, Identity, Link, StreamId};
use crate::entry::Entry;
use crate::fact::{Body, Fact, FactId, Instant, Kind, Scope};
use crate::index::{Field, Term};
use crate::keyring::{Keyring, Owner, Slot};
use crate::wire::Refusal;
use foldhash::HashMap;

/// A fact that will be appended with this seq.
pub struct Admitted {
    pub seq: u64,
    pub identity: Identity,
    pub recorded_at: Instant,
    pub fact: Fact,
    /// Its references, resolved; hashes of entries in the same batch are filled in when it is chained.
    pub links: Vec<Link>,
    /// What its account's slot is found by, where it is about one.
    pub owner: Option<Owner>,
    /// The slot of its account, where it has one as far as is known; to be forgotten once anything was erased.
    pub slot: Option<Slot>,
}

impl Admitted {
    /// True if it destroys keys once it is recorded.
    pub fn is_erasure(&self) -> bool {
        self.fact.kind() == Kind::SubjectErased
    }
}

/// What is still to be known of a group's last fact once the group is recorded.
pub struct Last {
    pub seq: u64,
    pub recorded_at: Instant,
    pub slot: Option<Slot>,
    /// What it erases of its account.
    pub erases: Option<Scope>,
}

impl Last {
    pub fn of(one: &Admitted) -> Last {
        let erases = match &one.fact.body {
            Body::SubjectErased(scope) => Some(*scope),
            _ => None,
        };
        Last { seq: one.seq, recorded_at: one.recorded_at, slot: one.slot, erases }
    }
}

/// What holds for all facts of one request.
#[derive(Clone, Copy)]
pub struct Terms {
    pub clock: Clock,
    /// True if one refused fact refuses all.
    pub whole: bool,
    /// True if the ledger itself says it.
    pub own: bool,
}

/// What admission decided about one fact.
pub enum Outcome {
    Appended(u64),
    Duplicate(u64, EntryHash),
    Refused(Refusal),
}

/// An identity, and its entry where one was recorded before the batch.
type Found = (Identity, Option<(u64, EntryHash)>);

/// What is looked up for a fact, whatever became of the facts before it in the batch.
pub struct Looked {
    own: Found,
    /// Its references, resolved as far as they were recorded before the batch.
    links: Vec<Link>,
    owner: Option<Owner>,
    slot: Option<Slot>,
}

/// Facts admitted so far in one batch.
pub struct Admission {
    pub admitted: Vec<Admitted>,
    ids: HashMap<Identity, usize>,
    next_seq: u64,
    clock: Instant,
    now: Instant,
    last: Instant,
}

impl Admission {
    /// Nothing yet, on top of what `catalog` holds; `now` is the clock's reading for the batch.
    pub fn new(catalog: &Catalog, now: Instant) -> Admission {
        let last = catalog.last_recorded;
        Admission {
            admitted: Vec::new(),
            ids: HashMap::default(),
            next_seq: catalog.next_seq,
            clock: now,
            now: now.max(last),
            last,
        }
    }

    /// What the clock said.
    pub fn clock(&self) -> Instant {
        self.clock
    }

    /// Admits all of `facts`, which were looked up before; a whole request is taken back if one is refused.
    pub fn admit(
        &mut self,
        facts: Vec<Fact>,
        looked: Vec<Looked>,
        terms: Terms,
        catalog: &Catalog,
        keyring: &Keyring,
    ) -> Result<Vec<Outcome>, LedgerError> {
        let (len, last) = (self.admitted.len(), self.last);
        self.admitted.reserve(facts.len());
        self.ids.reserve(facts.len());
        let mut outcomes = Vec::with_capacity(facts.len());
        for (index, (fact, looked)) in facts.into_iter().zip(looked).enumerate() {
            match self.admit_one(fact, looked, terms, catalog, keyring) {
                Ok(Outcome::Refused(refusal)) if terms.whole => {
                    self.take_back(len, last);
                    return Err(LedgerError::Refused { index, refusal });
                }
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    self.take_back(len, last);
                    return Err(error);
                }
            }
        }
        Ok(outcomes)
    }

    fn take_back(&mut self, len: usize, last: Instant) {
        self.next_seq -= (self.admitted.len() - len) as u64;
        self.admitted.truncate(len);
        self.ids.retain(|_, index| *index < len);
        self.last = last;
    }

    fn admit_one(
        &mut self,
        mut fact: Fact,
        looked: Looked,
        terms: Terms,
        catalog: &Catalog,
        keyring: &Keyring,
    ) -> Result<Outcome, LedgerError> {
        if fact.kind() == Kind::VerdictAttested && !terms.own {
            return Ok(Outcome::Refused(Refusal::new("type", crate::wire::NOT_YOURS)));
        }
        let (identity, found) = looked.own;
        if let Some(&index) = self.ids.get(&identity) {
            let earlier = &self.admitted[index];
            let same = same_fact(&earlier.fact, &fact);
            return Ok(if same {
                Outcome::Duplicate(earlier.seq, EntryHash([0; 32]))
            } else {
                conflict(&fact.id, earlier.seq)
            });
        }
        if let Some((seq, hash)) = found {
            let same = says_the_same(&catalog.read(seq, keyring)?, &fact, catalog, keyring);
            return Ok(if same { Outcome::Duplicate(seq, hash) } else { conflict(&fact.id, seq) });
        }
        let recorded_at = match self.stamp(&fact, terms.clock) {
            Ok(at) => at,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        if let Body::PolicyAdopted(adopted) = &mut fact.body
            && let Err(error) = crate::policy::resolve(adopted)
        {
            return Ok(Outcome::Refused(Refusal::new(error.field(), error.to_string())));
        }
        let links = match &fact.body {
            Body::VerdictAttested(body) => match cite_decision(body.decision, catalog, keyring)? {
                Some(link) => vec![link],
                None => return Ok(no_decision(body.decision)),
            },
            _ => {
                let mut links = looked.links;
                links.iter_mut().for_each(|link| self.resolve(link));
                links
            }
        };
        let seq = self.next_seq;
        self.next_seq += 1;
        self.last = recorded_at;
        self.ids.insert(identity, self.admitted.len());
        let Looked { owner, slot, .. } = looked;
        self.admitted.push(Admitted { seq, identity, recorded_at, fact, links, owner, slot });
        Ok(Outcome::Appended(seq))
    }

    /// When the fact counts as recorded.
    fn stamp(&self, fact: &Fact, clock: Clock) -> Result<Instant, Refusal> {
        match (clock, fact.recorded) {
            (Clock::Ledger, _) => Ok(self.now.max(self.last)),
            (Clock::Recorded, Some(at)) if at < self.last => {
                let expected =
                    format!("`{at}` goes backwards: expected no earlier than the entry before it, `{}`", self.last);
                Err(Refusal::new("recordedtime", expected))
            }
            (Clock::Recorded, Some(at)) => Ok(at),
            (Clock::Recorded, None) => Ok(fact.time.at.max(self.last)),
        }
    }

    /// A reference to what is in the batch itself.
    fn resolve(&self, link: &mut Link) {
        if let Link::Unresolved { identity } = link
            && let Some(&index) = self.ids.get(identity)
        {
            *link = Link::Resolved { seq: self.admitted[index].seq, hash: EntryHash([0; 32]) };
        }
    }
}

/// Looks up facts and what they refer to; changes nothing.
pub fn look_up_all(facts: &[Fact], catalog: &Catalog, keyring: &Keyring) -> Result<Vec<Looked>, LedgerError> {
    let pieces = map_pieces(facts, |piece| look_up(piece, catalog, keyring));
    let mut looked = Vec::with_capacity(facts.len());
    pieces.into_iter().try_for_each(|piece| piece.map(|piece| looked.extend(piece)))?;
    Ok(looked)
}

/// Looks up some facts and what they refer to: everything is hashed, and then asked for in one go, so that no look-up waits
/// for the memory of another.
fn look_up(facts: &[Fact], catalog: &Catalog, keyring: &Keyring) -> Result<Vec<Looked>, LedgerError> {
    let (mut ids, mut cited) = (Vec::with_capacity(2 * facts.len()), Vec::with_capacity(facts.len()));
    for fact in facts {
        let references = fact.body.references();
        cited.push(references.len());
        ids.push(&fact.id);
        ids.extend(references);
    }
    let identities = codec::identities(keyring.identity_key(), ids.into_iter());
    let has_account = |fact: &Fact| stage::has_account(fact.kind());
    let accounts = facts.iter().filter(|fact| has_account(fact)).map(|fact| &*fact.subject);
    let mut owners = keyring.owners_of(accounts).into_iter();
    let mut owner = || owners.next().expect("each account was asked for");
    let owners = facts.iter().map(|fact| has_account(fact).then(&mut owner)).collect::<Vec<_>>();
    let slots = keyring.slots_of_owners(&owners);
    let mut found = catalog.find(&identities)?.into_iter().zip(identities);
    let mut looked = Vec::with_capacity(facts.len());
    for ((cited, owner), slot) in cited.into_iter().zip(owners).zip(slots) {
        let (own, identity) = found.next().expect("each fact has an id");
        let links = found.by_ref().take(cited).map(|(found, identity)| {
            found.map_or(Link::Unresolved { identity }, |(seq, hash)| Link::Resolved { seq, hash })
        });
        looked.push(Looked { own: (identity, own), links: links.collect(), owner, slot });
    }
    Ok(looked)
}

/// The link to a decision that was recorded.
fn cite_decision(seq: u64, catalog: &Catalog, keyring: &Keyring) -> Result<Option<Link>, LedgerError> {
    if seq >= catalog.next_seq {
        return Ok(None);
    }
    let (header, hash) = catalog.header(seq, keyring)?;
    Ok((header.kind == Kind::DecisionMade).then_some(Link::Resolved { seq, hash }))
}

fn no_decision(seq: u64) -> Outcome {
    Outcome::Refused(Refusal::new("data.decision", format!("entry {seq} is no decision: expected the seq of one")))
}

fn conflict(id: &FactId, seq: u64) -> Outcome {
    let FactId { source, id } = id;
    let expected = format!(
        "`{id}` of source `{source}` was recorded with other content as entry {seq}: expected the same content, or another id"
    );
    Outcome::Refused(Refusal::new("id", expected))
}

/// True if `fact` says what the entry recorded, as far as that can still be told.
fn says_the_same(recorded: &Entry, fact: &Fact, catalog: &Catalog, keyring: &Keyring) -> bool {
    let header = &recorded.header;
    if let (Body::VerdictAttested(new), Some(Body::VerdictAttested(old))) =
        (&fact.body, recorded.record.as_ref().map(|record| &record.body))
    {
        // Said again later, it is no other verdict.
        return old.digest == new.digest;
    }
    if header.kind != fact.kind() || header.occurred_at != fact.time {
        return false;
    }
    let Some(record) = &recorded.record else { return true };
    if header.kind == Kind::SubjectErased {
        // Whom it was about is forgotten; an account that has lived on since before it is somebody else.
        let own = header.streams[0].stream;
        let other = keyring.slot_of(&fact.subject).map(|slot| keyring.stream(slot)).filter(|&stream| stream != own);
        return record.body == fact.body && other.is_none_or(|stream| !began_before(stream, header.seq, catalog));
    }
    let erased = header.content.is_some() && recorded.content.is_none();
    let same_content = erased && fact.content.is_some() || recorded.content == fact.content;
    record.subject == fact.subject && same_body(&record.body, &fact.body) && same_content
}

/// A stream without any entry has not begun: whoever claimed its slot died before the group was recorded.
fn began_before(stream: StreamId, seq: u64, catalog: &Catalog) -> bool {
    let entries = catalog.postings(Term::stream(Field::Account, &stream));
    entries.map_or(true, |all| all.first().is_some_and(|&first| first < seq))
}

fn same_fact(a: &Fact, b: &Fact) -> bool {
    a.subject == b.subject && a.time == b.time && a.content == b.content && same_body(&a.body, &b.body)
}

/// A pack is compared by its name and overrides: what it resolves to may change from version to version of the program.
fn same_body(recorded: &Body, given: &Body) -> bool {
    match (recorded, given) {
        (Body::PolicyAdopted(recorded), Body::PolicyAdopted(given)) => {
            let mut resolved = recorded.clone();
            resolved.params = given.params.clone();
            resolved.cedar_version = given.cedar_version;
            if given.pack.is_some() {
                resolved.cedar = given.cedar.clone();
            }
            resolved == *given
        }
        _ => recorded == given,
    }
}
