//! The ledger: the one writer, and everyone who reads.
//!
//! A folder with a journal (the truth), a keyring, a tree, an index and a signed checkpoint; `docs/format.md` has the
//! bytes. One process holds `lock` to append; others may read the journal at the same time, without the index.
//!
//! INVARIANT (acknowledged is kept): a receipt is given only after the journal's sync returned. A failed write or sync
//! poisons the writer until the ledger is opened anew.

mod admission;
mod attest;
mod catalog;
mod clock;
mod config;
mod error;
mod heads;
mod load;
mod opening;
mod read;
mod stage;
mod tree;
mod verify;
mod writer;

pub use clock::{Clock, system_now};
pub use config::Config;
pub use error::LedgerError;
pub use load::{Loaded, Problem, Report};
pub use read::BadEntry;
pub use writer::{Expected, Receipt, Stream};

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::entry::Entry;
use crate::fact::Fact;
use crate::journal;
use crate::keyring::Keyring;
use crate::wire::Refusal;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use writer::{Request, Writer};

/// A ledger in a folder.
///
/// INVARIANT (lock order): whoever takes both takes the writer before the keyring.
pub struct Ledger {
    dir: PathBuf,
    config: Config,
    keyring: RwLock<Keyring>,
    /// Held by the process that may write.
    writer: Option<Mutex<Writer>>,
    /// What callers have handed in and nobody has committed yet.
    queue: Mutex<Vec<Arc<Request>>>,
    _lock: Option<File>,
}

/// Files and folders of a ledger.
pub(crate) struct Paths<'a>(&'a Path);

impl Paths<'_> {
    fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
    fn keyring(&self) -> PathBuf {
        self.0.join("keyring")
    }
    fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }
    fn index(&self) -> PathBuf {
        self.0.join("index")
    }
    fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }
    fn config(&self) -> PathBuf {
        self.0.join("ledger.toml")
    }
    fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
}

impl Ledger {
    /// Makes a new ledger in `dir`, which must not exist or be empty, under the name `origin` or one of its own.
    pub fn create(dir: &Path, origin: Option<&str>) -> Result<Ledger, LedgerError> {
        let io = |error| LedgerError::Io(dir.to_owned(), error);
        if dir.read_dir().is_ok_and(|mut files| files.next().is_some()) {
            return Err(LedgerError::NotEmpty(dir.to_owned()));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let paths = Paths(dir);
        let keyring = Keyring::create(&paths.keyring())?;
        let config = Config::new(origin, keyring.signing_key().verifying_key());
        journal::Journal::create(&paths.journal())?.close()?;
        std::fs::create_dir(paths.tree()).map_err(io)?;
        tree::write_checkpoint(
            &paths.checkpoint(),
            &config,
            &crate::merkle::Frontier::default(),
            keyring.signing_key(),
        )?;
        // Written last: a folder without it is no ledger.
        config.write(&paths.config())?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
        Ledger::open(dir)
    }

    /// Opens for appending and reading. Fails if another process holds the lock.
    pub fn open(dir: &Path) -> Result<Ledger, LedgerError> {
        Ledger::open_at(dir, system_now)
    }

    /// As [`Ledger::open`], with a clock of the caller's.
    pub fn open_at(dir: &Path, now: fn() -> crate::fact::Instant) -> Result<Ledger, LedgerError> {
        let (paths, config) = (Paths(dir), Config::read(dir)?);
        let lock = take_lock(&paths)?.ok_or_else(|| LedgerError::Locked(dir.to_owned()))?;
        let mut keyring = Keyring::open(&paths.keyring(), true)?;
        config.check_key(&keyring, dir)?;
        let writer = opening::open(dir, &config, &mut keyring, now)?;
        Ok(Ledger::assemble(dir, config, keyring, Some(writer), Some(lock)))
    }

    /// Opens for reading, beside a writer or without one; changes nothing.
    pub fn open_read_only(dir: &Path) -> Result<Ledger, LedgerError> {
        let config = Config::read(dir)?;
        let keyring = Keyring::open(&Paths(dir).keyring(), false)?;
        config.check_key(&keyring, dir)?;
        Ok(Ledger::assemble(dir, config, keyring, None, None))
    }

    fn assemble(dir: &Path, config: Config, keyring: Keyring, writer: Option<Writer>, lock: Option<File>) -> Ledger {
        Ledger {
            dir: dir.to_owned(),
            config,
            keyring: RwLock::new(keyring),
            writer: writer.map(Mutex::new),
            queue: Mutex::new(Vec::new()),
            _lock: lock,
        }
    }

    /// The ledger's name.
    pub fn origin(&self) -> &str {
        &self.config.origin
    }

    /// The key that its checkpoints verify under.
    pub fn verifier_key(&self) -> VerifierKey {
        self.config.public_key.clone()
    }

    /// Appends all of `facts` as one group, or none: a refused fact refuses the group, by its index.
    pub fn append(&self, facts: Vec<Fact>) -> Result<Vec<Receipt>, LedgerError> {
        self.append_expecting(facts, &[])
    }

    /// As [`Ledger::append`], if every stream is still at the revision that the caller expects.
    pub fn append_expecting(&self, facts: Vec<Fact>, expected: &[Expected]) -> Result<Vec<Receipt>, LedgerError> {
        let outcomes = self.submit(Request::new(facts, Clock::Ledger, true, expected.to_vec()))?;
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("one refused fact refuses the whole request")).collect())
    }

    /// Appends every fact that can be, as one group, and says of each what became of it.
    pub fn append_each(&self, facts: Vec<Fact>, clock: Clock) -> Result<Vec<Result<Receipt, Refusal>>, LedgerError> {
        self.submit(Request::new(facts, clock, false, Vec::new()))
    }

    /// Hands a request in. Whoever gets the writer next commits everything that waits, so that callers share a sync.
    fn submit(&self, request: Request) -> Result<Vec<Result<Receipt, Refusal>>, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        request.check_size()?;
        let request = Arc::new(request);
        self.queue.lock().expect("no holder panics").push(request.clone());
        let mut writer = writer.lock().map_err(|_| LedgerError::Poisoned("a writer panicked".to_owned()))?;
        if !request.is_done() {
            let waiting = std::mem::take(&mut *self.queue.lock().expect("no holder panics"));
            writer.commit(&self.keyring, &waiting);
        }
        request.take()
    }

    /// How many entries are recorded: as the writer knows, or as the journal shows.
    pub fn size(&self) -> Result<u64, LedgerError> {
        match &self.writer {
            Some(writer) => Ok(self.locked(writer)?.catalog().next_seq),
            None => Ok(journal::scan::<LedgerError>(&Paths(&self.dir).journal(), None, |_, _| Ok(()))?.next_seq),
        }
    }

    /// Signs the tree as it stands, writes `checkpoint` and returns the note.
    pub fn checkpoint(&self) -> Result<String, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        let mut writer = self.locked(writer)?;
        writer.write_checkpoint(&self.keyring.read().expect("no holder panics"))
    }

    /// The last checkpoint that was written, its signature checked.
    pub fn last_checkpoint(&self) -> Result<Checkpoint, LedgerError> {
        tree::read_checkpoint(&Paths(&self.dir).checkpoint(), &self.config)
    }

    /// One entry by seq, content included.
    pub fn entry(&self, seq: u64) -> Result<Option<Entry>, LedgerError> {
        let Some(writer) = &self.writer else { return self.find_by_scan(seq) };
        let writer = self.locked(writer)?;
        let keyring = self.keyring.read().expect("no holder panics");
        let catalog = writer.catalog();
        if seq < catalog.next_seq { catalog.read(seq, &keyring).map(Some) } else { Ok(None) }
    }

    /// Rebuilds the index from the journal.
    pub fn reindex(&self) -> Result<u64, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        let mut writer = self.locked(writer)?;
        writer.reindex(&self.keyring.read().expect("no holder panics"))
    }

    /// Writes index and checkpoint and gives back space zeroed ahead. Dropping does the same and cannot report errors.
    pub fn close(self) -> Result<(), LedgerError> {
        self.finish()
    }

    fn finish(&self) -> Result<(), LedgerError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let mut writer = self.locked(writer)?;
        writer.close(&self.keyring.read().expect("no holder panics"))
    }

    /// Reads the keyring again where another process may have changed it.
    fn refresh_keyring(&self) -> Result<(), LedgerError> {
        if self.writer.is_none() {
            *self.keyring.write().expect("no holder panics") = Keyring::open(&Paths(&self.dir).keyring(), false)?;
        }
        Ok(())
    }

    fn locked<'a>(&self, writer: &'a Mutex<Writer>) -> Result<std::sync::MutexGuard<'a, Writer>, LedgerError> {
        writer.lock().map_err(|_| LedgerError::Poisoned("a writer panicked".to_owned()))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!("closing the ledger: {error}");
        }
    }
}

/// True if a process holds the lock; changes nothing.
fn is_locked(paths: &Paths) -> bool {
    let held = |file: File| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock));
    File::open(paths.lock()).is_ok_and(held)
}

/// The lock, or `None` if another process holds it.
fn take_lock(paths: &Paths) -> Result<Option<File>, LedgerError> {
    let path = paths.lock();
    let io = |error| LedgerError::Io(path.clone(), error);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
    }
}
