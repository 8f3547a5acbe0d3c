//! The one writer: takes requests together, commits each batch as a group, and answers.

use super::admission::{self, Admission, Admitted, Last, Outcome, Terms};
use super::anchor::Anchor;
use super::catalog::Catalog;
use super::clock::Watch;
use super::metrics::Commits;
use super::side_by_side::{among_others, drop_all, side_by_side};
use super::{Clock, Config, LedgerError, Options, Paths, opening, stage, tree};
use crate::codec::{self, EntryHash, StreamId};
use crate::disk::Lock;
use crate::fact::{Fact, Scope};
use crate::journal::{Frames, Journal};
use crate::keyring::Keyring;
use crate::merkle::{TreeHead, TreeSize};
use crate::wire::Refusal;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, RwLock};

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its entry.
    pub seq: u64,
    /// The entry's hash.
    pub hash: EntryHash,
    /// True if it had been recorded before and nothing was appended.
    pub duplicate: bool,
    /// The size of the tree once it was durable.
    pub size: TreeSize,
}

/// A stream by the name that people know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Stream {
    Account(String),
    Center(String),
    Policy(String),
}

/// The revision that a caller expects a stream to be at; `None` if it must have no entry yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Expected {
    pub stream: Stream,
    pub revision: Option<u64>,
}

type Outcomes = Result<Vec<Result<Receipt, Refusal>>, LedgerError>;

/// What one caller handed in.
pub struct Request {
    facts: Mutex<Vec<Fact>>,
    clock: Clock,
    /// True if one refused fact refuses all.
    whole: bool,
    /// True if the ledger itself says it: only then may it hold attested verdicts.
    own: bool,
    expected: Vec<Expected>,
    state: Mutex<RequestState>,
    woken: Condvar,
}

/// What its caller waits for.
enum RequestState {
    Waiting,
    /// Nobody else leads: its caller is to.
    Leads,
    Answered(Outcomes),
    Taken,
}

impl Request {
    pub fn new(facts: Vec<Fact>, clock: Clock, whole: bool, expected: Vec<Expected>) -> Request {
        Request {
            facts: Mutex::new(facts),
            clock,
            whole,
            own: false,
            expected,
            state: Mutex::new(RequestState::Waiting),
            woken: Condvar::new(),
        }
    }

    /// The same, said by the ledger itself.
    pub fn of_our_own(self) -> Request {
        Request { own: true, ..self }
    }

    /// A group's length must fit its header by far: each fact counts with its text and 16 KiB for the rest.
    pub fn check_size(&self) -> Result<(), LedgerError> {
        const MOST: usize = 1 << 30;
        let facts = self.facts.lock().expect("no holder panics");
        let bytes: usize = facts.iter().map(|fact| fact.content.as_ref().map_or(0, String::len) + (16 << 10)).sum();
        if bytes > MOST { Err(LedgerError::TooLarge(bytes, MOST)) } else { Ok(()) }
    }

    /// Waits until it is answered, or its caller is to lead: then true.
    pub fn wait(&self) -> bool {
        let state = self.state.lock().expect("no holder panics");
        let state = self.woken.wait_while(state, |state| matches!(state, RequestState::Waiting));
        matches!(*state.expect("no holder panics"), RequestState::Leads)
    }

    /// Has its caller lead, unless it was answered.
    pub fn lead(&self) {
        self.change(|state| matches!(state, RequestState::Waiting), RequestState::Leads);
        self.wake();
    }

    /// Answers it, unless it was answered before. Its caller is to be woken then.
    pub fn answer(&self, outcomes: Outcomes) {
        let waits = |state: &RequestState| matches!(state, RequestState::Waiting | RequestState::Leads);
        self.change(waits, RequestState::Answered(outcomes));
    }

    /// Nothing more is appended: says why, unless it was answered before.
    pub fn refuse(&self, why: &str) {
        let waits = |state: &RequestState| matches!(state, RequestState::Waiting | RequestState::Leads);
        if waits(&self.state.lock().expect("no holder panics")) {
            self.answer(Err(LedgerError::Poisoned(why.to_owned())));
        }
    }

    /// Wakes its caller.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    fn change(&self, from: impl Fn(&RequestState) -> bool, to: RequestState) {
        let mut state = self.state.lock().expect("no holder panics");
        if from(&state) {
            *state = to;
        }
    }

    /// The answer.
    pub fn take(&self) -> Outcomes {
        let mut state = self.state.lock().expect("no holder panics");
        match std::mem::replace(&mut *state, RequestState::Taken) {
            RequestState::Answered(outcomes) => outcomes,
            _ => unreachable!("the writer answers every request that it took, once"),
        }
    }
}

/// Everything that appending needs.
pub struct Writer {
    pub(super) dir: PathBuf,
    pub(super) config: Config,
    pub(super) journal: Journal,
    /// Room for the group that is being made.
    pub(super) frames: Frames,
    pub(super) catalog: Catalog,
    pub(super) anchor: Option<Anchor>,
    pub(super) options: Options,
    pub(super) watch: Watch,
    pub(super) commits: Commits,
    pub(super) health: Health,
    /// True once everything is finished and nothing was appended since.
    pub(super) closed: bool,
    /// Given back behind everything that it guards.
    pub(super) lock: Arc<dyn Lock>,
}

/// Whether more may be appended.
#[derive(Clone)]
pub enum Health {
    /// It may.
    Sound,
    /// There was no room: what is in memory is ahead of what is on disk, and is read anew before the next append.
    Behind(String),
    /// A sync failed, or worse: not before another process, or another `Ledger`, has opened what is there.
    Poisoned(String),
}

impl Health {
    fn after(error: &LedgerError) -> Health {
        if error.passes() { Health::Behind(error.to_string()) } else { Health::Poisoned(error.to_string()) }
    }

    fn check(&self) -> Result<(), LedgerError> {
        match self {
            Health::Sound => Ok(()),
            Health::Behind(why) => Err(LedgerError::NoRoom(why.clone())),
            Health::Poisoned(why) => Err(LedgerError::Poisoned(why.clone())),
        }
    }
}

/// Requests whose facts are admitted and not yet committed.
struct Batch<'a> {
    admission: Admission,
    waiting: Vec<(&'a Request, Vec<Outcome>)>,
}

impl Writer {
    /// The clock's reading, which never goes behind the last entry.
    pub fn now(&self) -> crate::fact::Instant {
        (self.options.now)().max(self.catalog.last_recorded)
    }

    /// True if nothing more is appended before the ledger is opened anew.
    pub fn is_poisoned(&self) -> bool {
        matches!(self.health, Health::Poisoned(_))
    }

    /// What it knows.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Commits everything that waits, in one group where it can, and answers each request.
    pub fn commit(&mut self, keyring: &RwLock<Keyring>, waiting: &dyn Fn() -> Vec<Arc<Request>>) {
        let mut keyring = keyring.write().expect("no holder panics");
        let requests = &waiting();
        self.catch_up(&mut keyring);
        let mut batch = self.batch();
        for request in requests {
            // Expected revisions are those before this request: what waits is committed first.
            let alone = !request.expected.is_empty();
            if alone {
                batch = self.commit_batch(batch, &mut keyring);
            }
            match self.admit(request, &keyring, &mut batch.admission) {
                Ok(outcomes) => batch.waiting.push((request, outcomes)),
                Err(error) => request.answer(Err(error)),
            }
            if alone {
                batch = self.commit_batch(batch, &mut keyring);
            }
        }
        self.commit_batch(batch, &mut keyring);
    }

    /// Where there was no room: opens journal, keyring, tree and index anew, once there is some.
    fn catch_up(&mut self, keyring: &mut Keyring) {
        if !matches!(self.health, Health::Behind(_)) {
            return;
        }
        match self.opened_anew(keyring) {
            Ok(writer) => {
                let (commits, watch) = (self.commits, self.watch);
                *self = Writer { commits, watch, ..writer };
            }
            Err(error) => self.health = Health::after(&error),
        }
    }

    fn opened_anew(&mut self, keyring: &mut Keyring) -> Result<Writer, LedgerError> {
        // The journal is not read in vain.
        self.check_lock()?;
        self.journal.probe()?;
        self.catalog.let_go();
        among_others(|| {
            *keyring = Keyring::open(&*self.options.disk, &Paths(&self.dir).keyring(), true)?;
            opening::open(&self.dir, &self.config, keyring, &self.options, self.lock.clone())
        })
    }

    fn batch<'a>(&self) -> Batch<'a> {
        Batch { admission: Admission::new(&self.catalog, (self.options.now)()), waiting: Vec::new() }
    }

    fn admit(
        &mut self,
        request: &Request,
        keyring: &Keyring,
        admission: &mut Admission,
    ) -> Result<Vec<Outcome>, LedgerError> {
        self.health.check()?;
        if request.clock == Clock::Ledger {
            self.watch.check(admission.clock())?;
        }
        for expected in &request.expected {
            self.check_expected(expected, keyring)?;
        }
        let facts = std::mem::take(&mut *request.facts.lock().expect("no holder panics"));
        let (clock, whole, own) = (request.clock, request.whole, request.own);
        let looked = match admission::look_up_all(&facts, &self.catalog, keyring) {
            Err(LedgerError::Index(error)) => {
                tracing::warn!("{error}; it is rebuilt now");
                self.catalog.reindex(keyring)?;
                admission::look_up_all(&facts, &self.catalog, keyring)?
            }
            other => other?,
        };
        admission.admit(facts, looked, Terms { clock, whole, own }, &self.catalog, keyring)
    }

    fn check_expected(&mut self, expected: &Expected, keyring: &Keyring) -> Result<(), LedgerError> {
        let (stream, name) = match &expected.stream {
            Stream::Account(name) => (keyring.slot_of(name).map(|slot| keyring.stream(slot)), name),
            Stream::Center(name) => (Some(codec::center_stream(name)), name),
            Stream::Policy(name) => (Some(codec::policy_stream(name)), name),
        };
        match (&expected.stream, stream) {
            (Stream::Account(_), Some(stream)) => self.catalog.fetch_account(stream, keyring)?,
            (Stream::Center(_), Some(stream)) => self.catalog.fetch_center(stream, keyring)?,
            _ => {}
        }
        let found = stream.and_then(|stream| self.catalog.heads.revision(stream));
        if found == expected.revision {
            return Ok(());
        }
        let shown =
            |revision: Option<u64>| revision.map_or("no entry".to_owned(), |revision| format!("revision {revision}"));
        Err(LedgerError::Conflict { stream: name.clone(), expected: shown(expected.revision), found: shown(found) })
    }

    /// Commits a batch, answers its requests, and begins the next one.
    fn commit_batch<'a>(&mut self, batch: Batch<'a>, keyring: &mut Keyring) -> Batch<'a> {
        let first = self.catalog.next_seq;
        let committed = self.commit_groups(batch.admission.admitted, keyring);
        if let Err(error) = &committed {
            self.health = Health::after(error);
        }
        for (request, outcomes) in batch.waiting {
            let receipts =
                |hashes| outcomes.into_iter().map(|outcome| self.receipt(outcome, first, hashes)).collect::<Vec<_>>();
            request.answer(match &committed {
                Ok(hashes) => Ok(receipts(hashes)),
                Err(_) => Err(self.health.check().expect_err("it failed")),
            });
        }
        self.batch()
    }

    fn receipt(&self, outcome: Outcome, first: u64, hashes: &[EntryHash]) -> Result<Receipt, Refusal> {
        let size = TreeSize(self.catalog.next_seq);
        let fresh = |seq: u64| hashes[(seq - first) as usize];
        match outcome {
            Outcome::Refused(refusal) => Err(refusal),
            Outcome::Duplicate(seq, hash) => {
                Ok(Receipt { seq, hash: if seq >= first { fresh(seq) } else { hash }, duplicate: true, size })
            }
            Outcome::Appended(seq) => Ok(Receipt { seq, hash: fresh(seq), duplicate: false, size }),
        }
    }

    /// An erasure ends its group, so that what follows is sealed under keys that it did not destroy.
    fn commit_groups(&mut self, admitted: Vec<Admitted>, keyring: &mut Keyring) -> Result<Vec<EntryHash>, LedgerError> {
        let mut hashes = Vec::with_capacity(admitted.len());
        if !admitted.iter().any(Admitted::is_erasure) {
            self.commit_group(admitted, &mut hashes, keyring)?;
            return Ok(hashes);
        }
        let (mut group, mut anything_erased) = (Vec::new(), false);
        for mut one in admitted {
            let ends = one.is_erasure();
            // What was looked up before an erasure may be what it destroyed.
            one.slot = one.slot.filter(|_| !anything_erased);
            group.push(one);
            if ends {
                self.commit_group(std::mem::take(&mut group), &mut hashes, keyring)?;
                anything_erased = true;
            }
        }
        self.commit_group(group, &mut hashes, keyring)?;
        Ok(hashes)
    }

    /// Commits one group; `hashes` are those of the batch's entries before it, and get its own.
    fn commit_group(
        &mut self,
        mut group: Vec<Admitted>,
        hashes: &mut Vec<EntryHash>,
        keyring: &mut Keyring,
    ) -> Result<(), LedgerError> {
        if group.is_empty() {
            return Ok(());
        }
        self.check_lock()?;
        self.catalog.prepare(&group, keyring)?;
        self.frames.clear();
        let staged = stage::stage(&mut group, hashes, &mut self.catalog.heads, keyring, &mut self.frames)?;
        self.closed = false;
        let first_seq = self.catalog.next_seq;
        let start = self.journal.place(first_seq)?;
        self.frames.finish(first_seq);
        let last = Last::of(group.last().expect("a group is not empty"));
        let (journal, frames, catalog) = (&mut self.journal, &self.frames, &mut self.catalog);
        let began = std::time::Instant::now();
        let (committed, foreseen) = side_by_side(
            staged.len(),
            || journal.commit(frames).map(|()| began.elapsed()),
            || {
                let locations = frames.offsets().map(|offset| start.plus(offset));
                let foreseen = catalog.foresee(&group, &staged, locations, start);
                // What they say is done with.
                drop_all(&mut group);
                foreseen
            },
        );
        self.commits.note(staged.len(), committed?);
        // The group is recorded. What follows can be told again from the journal.
        self.catalog.count(&last, foreseen?)?;
        hashes.extend(staged.iter().map(|one| one.hash));
        if let (Some(scope), Some(slot)) = (last.erases, last.slot) {
            // Now that the erasure itself is recorded.
            finish_erasure(scope, keyring.stream(slot), last.seq, keyring, &mut self.catalog)?;
        }
        self.catalog.write_due(keyring)
    }

    /// True if nothing has failed.
    pub fn is_sound(&self) -> bool {
        matches!(self.health, Health::Sound)
    }

    /// Refuses to write where another process may: somebody removed `lock`.
    fn check_lock(&mut self) -> Result<(), LedgerError> {
        if self.lock.holds() {
            return Ok(());
        }
        let error = LedgerError::LostLock(Paths(&self.dir).lock());
        self.health = Health::after(&error);
        Err(error)
    }

    /// Signs and writes the checkpoint, and copies it to the anchor.
    pub fn write_checkpoint(&mut self, keyring: &Keyring) -> Result<String, LedgerError> {
        self.check_lock()?;
        let path = Paths(&self.dir).checkpoint();
        let disk = &*self.options.disk;
        if let Some(anchor) = &self.anchor {
            anchor.check(disk, &self.config)?;
        }
        let frontier = self.catalog.tree.frontier();
        let note = tree::write_checkpoint(disk, &path, &self.config, frontier, keyring.signing_key())?;
        if let Some(anchor) = &mut self.anchor {
            anchor.write(disk, &self.config, &note)?;
        }
        Ok(note)
    }

    /// Rebuilds the index from the journal.
    pub fn reindex(&mut self, keyring: &Keyring) -> Result<u64, LedgerError> {
        self.health.check()?;
        self.catalog.reindex(keyring)
    }

    /// Leaves everything finished behind.
    pub fn close(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        if !self.is_sound() || self.closed {
            return Ok(());
        }
        self.check_lock()?;
        self.journal.close()?;
        self.catalog.finish(keyring)?;
        // What was signed keeps its time, which the clock is held to.
        if !self.is_signed() && !self.watch.is_refused() {
            self.write_checkpoint(keyring)?;
        }
        self.closed = true;
        Ok(())
    }

    /// True if checkpoint and anchor are over the tree as it stands.
    fn is_signed(&self) -> bool {
        let frontier = self.catalog.tree.frontier();
        let head = TreeHead { size: frontier.size(), root: frontier.root() };
        let signed = tree::read_checkpoint(&*self.options.disk, &Paths(&self.dir).checkpoint(), &self.config);
        signed.is_ok_and(|signed| signed.head() == head) && self.anchor.as_ref().is_none_or(|anchor| anchor.is_at(head))
    }
}

/// Overwrites keys; doing it again changes nothing.
pub fn finish_erasure(
    scope: Scope,
    stream: StreamId,
    seq: u64,
    keyring: &mut Keyring,
    catalog: &mut Catalog,
) -> Result<(), LedgerError> {
    let Some(slot) = keyring.slot_of_stream(stream) else { return Ok(()) };
    match scope {
        Scope::Content => keyring.erase_content(slot, seq)?,
        Scope::All => {
            keyring.erase_all(slot)?;
            catalog.heads.forget(stream);
        }
    }
    Ok(())
}
