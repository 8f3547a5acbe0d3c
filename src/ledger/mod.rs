//! The ledger: the one writer, and everyone who reads.
//!
//! A folder with a journal (the truth), a keyring, a tree, an index and a signed checkpoint; `docs/format.md` has the
//! bytes. One process holds `lock` to append; others may read the journal at the same time, without the index.
//!
//! INVARIANT (acknowledged is kept): a receipt is given only after the journal's sync returned. A failed sync poisons the
//! writer until the ledger is opened anew, and so does a failed write, unless it was for lack of room and was undone.

mod admission;
mod anchor;
mod aside;
mod attest;
mod backup;
mod blocks;
mod catalog;
mod clock;
mod config;
mod error;
mod fetched;
mod gather;
mod groups;
mod heads;
mod held;
mod keyless;
mod leaves;
mod line;
mod links;
mod load;
mod look;
mod manifest;
mod metrics;
mod opening;
mod options;
mod parts;
mod pass;
mod prove;
mod publish;
mod queue;
mod read;
mod reading;
mod recent_ids;
mod rechain;
mod rehash;
mod restore;
mod resume;
mod retain;
mod salvage;
mod shelf;
mod side_by_side;
mod stage;
mod status;
mod stored;
mod streams;
mod survey;
mod tree;
mod verdicts;
mod verify;
mod witnessed;
mod writer;

pub use backup::{BackedUp, BackupOptions, backup};
pub use clock::{Clock, system_now};
pub use config::Config;
pub use error::LedgerError;
pub use gather::Exhibits;
pub use load::Loaded;
pub use look::{By, Look};
pub use metrics::{Commits, Histogram, Metrics};
pub use options::Options;
pub use parts::{BYTES_PER_ENTRY, Parts, scratch};
pub use pass::{Problem, Report};
pub use publish::{Publish, Published};
pub use read::BadEntry;
pub use reading::Reading;
pub use restore::{RestoreOptions, Restored, restore, restore_with};
pub use retain::{Moved, retain};
pub use salvage::{Salvaged, salvage};
pub use status::{Signed, Status};
pub use verdicts::{Keeping, Kept};
pub use writer::{Expected, Receipt, Stream};

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::disk::{Disk, Lock};
use crate::entry::Entry;
use crate::fact::Fact;
use crate::index::Index;
use crate::journal;
use crate::keyring::Keyring;
use crate::statement::{Statement, StatementError};
use crate::wire::Refusal;
use held::Held;
use queue::Queue;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use writer::{Request, Writer};

/// A ledger in a folder. Many threads may append to it and read from it at once, those of a pool of rayon's among them.
///
/// INVARIANT (lock order): whoever takes both takes the writer before the keyring.
pub struct Ledger {
    dir: PathBuf,
    options: Options,
    config: Config,
    keyring: RwLock<Keyring>,
    /// Held by the process that may write.
    writer: Option<Mutex<Writer>>,
    /// The index, where it was opened for looking things up.
    reader: Option<Mutex<Index>>,
    /// What callers have handed in and nobody has committed yet.
    queue: Queue,
    /// Given back behind everything that they guard.
    _locks: Vec<Box<dyn Lock>>,
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
    fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }
    fn config(&self) -> PathBuf {
        self.0.join("ledger.toml")
    }
    fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    fn verdicts(&self) -> PathBuf {
        self.0.join("verdicts").join("kept")
    }
    fn index_lock(&self) -> PathBuf {
        self.0.join("index.lock")
    }
}

impl Ledger {
    /// Makes a new ledger in `dir`, which must not exist or be empty, under the name `origin` or one of its own.
    pub fn create(dir: &Path, origin: Option<&str>) -> Result<Ledger, LedgerError> {
        Ledger::create_with(dir, origin, &Options::default())
    }

    /// As [`Ledger::create`], on a disk of the caller's.
    pub fn create_with(dir: &Path, origin: Option<&str>, options: &Options) -> Result<Ledger, LedgerError> {
        let io = |error| LedgerError::Io(dir.to_owned(), error);
        let (paths, disk) = (Paths(dir), &*options.disk);
        if disk.list(dir).is_ok_and(|files| !files.is_empty()) {
            return Err(LedgerError::NotEmpty(dir.to_owned()));
        }
        let made: Vec<&Path> = dir.ancestors().take_while(|dir| !is_there(disk, dir)).collect();
        disk.create_private_dir(dir).map_err(io)?;
        let keyring = Keyring::create(disk, &paths.keyring())?;
        let config = Config::new(origin, keyring.signing_key().verifying_key());
        journal::Journal::create(disk, &paths.journal())?;
        disk.create_dir(&paths.tree()).map_err(io)?;
        tree::write_checkpoint(
            disk,
            &paths.checkpoint(),
            &config,
            &crate::merkle::Frontier::default(),
            keyring.signing_key(),
        )?;
        made.into_iter().try_for_each(|made| disk.sync_dir(folder_of(made))).map_err(io)?;
        // Written last: a folder without it is no ledger. Opening makes its name durable.
        config.write(disk, &paths.config())?;
        Ledger::open_with(dir, options)
    }

    /// Opens for appending and reading. Fails if another process holds the lock.
    pub fn open(dir: &Path) -> Result<Ledger, LedgerError> {
        Ledger::open_with(dir, &Options::default())
    }

    /// As [`Ledger::open`], with a clock of the caller's.
    pub fn open_at(dir: &Path, now: fn() -> crate::fact::Instant) -> Result<Ledger, LedgerError> {
        Ledger::open_with(dir, &Options { now, ..Options::default() })
    }

    /// As [`Ledger::open`], on a disk and with a clock of the caller's.
    pub fn open_with(dir: &Path, options: &Options) -> Result<Ledger, LedgerError> {
        let (paths, disk) = (Paths(dir), &*options.disk);
        let config = Config::read(disk, dir)?;
        let lock = disk.lock(&paths.lock()).map_err(|error| LedgerError::Io(paths.lock(), error))?;
        let lock = lock.ok_or_else(|| LedgerError::Locked(dir.to_owned()))?;
        let mut keyring = Keyring::open(disk, &paths.keyring(), true)?;
        config.check_key(&keyring, dir)?;
        let writer = opening::open(dir, &config, &mut keyring, options, Arc::from(lock))?;
        let mut ledger = Ledger::assemble(dir, options, config, keyring);
        ledger.writer = Some(Mutex::new(writer));
        Ok(ledger)
    }

    /// Opens for reading, beside a writer or without one; changes nothing.
    pub fn open_read_only(dir: &Path) -> Result<Ledger, LedgerError> {
        Ledger::open_read_only_with(dir, &Options::default())
    }

    /// As [`Ledger::open_read_only`], on a disk of the caller's.
    pub fn open_read_only_with(dir: &Path, options: &Options) -> Result<Ledger, LedgerError> {
        let config = Config::read(&*options.disk, dir)?;
        let keyring = Keyring::open(&*options.disk, &Paths(dir).keyring(), false)?;
        Ledger::read_only(dir, options, config, keyring)
    }

    fn read_only(dir: &Path, options: &Options, config: Config, keyring: Keyring) -> Result<Ledger, LedgerError> {
        config.check_key(&keyring, dir)?;
        let (mut held, failed) = Held::read(&*options.disk, dir, &config);
        match failed {
            // Every pass tells of it, and names what still verifies.
            Some((name, _)) if name == "checkpoint" => {}
            Some((_, error)) => return Err(error),
            None => held.check_heads(&*options.disk, &Paths(dir).journal())?,
        }
        Ok(Ledger::assemble(dir, options, config, keyring))
    }

    /// Opens for looking single things up through the index, so that a bundle or an explanation reads what it needs and
    /// nothing else. Where a process writes, or the index is not whole, the journal is read instead. A writer waits
    /// until this is dropped.
    pub fn open_indexed(dir: &Path) -> Result<Ledger, LedgerError> {
        // The lock first: keys that are read behind it are not erased while it is held.
        let options = Options::default();
        let Some(lock) = options.disk.share_lock(&Paths(dir).lock()) else { return Ledger::open_read_only(dir) };
        let config = Config::read(&*options.disk, dir)?;
        let keyring = Keyring::open_to_look(&*options.disk, &Paths(dir).keyring())?;
        let mut ledger = Ledger::read_only(dir, &options, config, keyring)?;
        match ledger.open_index()? {
            Some((index, index_lock)) => {
                ledger._locks = vec![lock, index_lock];
                ledger.reader = Some(Mutex::new(index));
                Ok(ledger)
            }
            None => Ledger::open_read_only(dir),
        }
    }

    fn assemble(dir: &Path, options: &Options, config: Config, keyring: Keyring) -> Ledger {
        Ledger {
            dir: dir.to_owned(),
            options: options.clone(),
            config,
            keyring: RwLock::new(keyring),
            writer: None,
            reader: None,
            queue: Queue::default(),
            _locks: Vec::new(),
        }
    }

    /// The ledger's name.
    pub fn origin(&self) -> &str {
        &self.config.origin
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
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

    /// Hands a request in. Whoever leads commits everything that waits, so that callers share a sync.
    fn submit(&self, request: Request) -> Result<Vec<Result<Receipt, Refusal>>, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        request.check_size()?;
        let request = Arc::new(request);
        let commit = |waiting: &dyn Fn() -> Vec<Arc<Request>>| {
            self.locked(writer)?.commit(&self.keyring, waiting);
            Ok(())
        };
        self.apart(|| self.queue.hand_in(&request, commit))?;
        request.take()
    }

    /// How many entries are recorded: as the writer knows, or as the journal shows.
    pub fn size(&self) -> Result<u64, LedgerError> {
        match &self.writer {
            Some(writer) => Ok(self.locked(writer)?.catalog().next_seq),
            None => {
                Ok(journal::scan::<LedgerError>(self.disk(), &Paths(&self.dir).journal(), None, |_, _| Ok(()))?
                    .next_seq)
            }
        }
    }

    /// Signs the tree as it stands, writes `checkpoint` and returns the note.
    pub fn checkpoint(&self) -> Result<String, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        let mut writer = self.locked(writer)?;
        writer.write_checkpoint(&self.keyring.read().expect("no holder panics"))
    }

    /// A statement in an envelope, signed by the key that signs checkpoints; its key id is the verifier key. A checkpoint
    /// can never pass for an envelope, nor the other way round: what an envelope signs begins with `DSSEv1` and ends with
    /// a JSON object.
    pub fn sign_statement(&self, statement: &Statement) -> Result<String, StatementError> {
        let keyring = self.keyring.read().expect("no holder panics");
        statement.sign(keyring.signing_key(), &self.config.public_key.to_string())
    }

    /// The last checkpoint that was written, its signature checked.
    pub fn last_checkpoint(&self) -> Result<Checkpoint, LedgerError> {
        tree::read_checkpoint(self.disk(), &Paths(&self.dir).checkpoint(), &self.config)
    }

    /// The same as the note that it is.
    pub fn last_note(&self) -> Result<String, LedgerError> {
        let path = Paths(&self.dir).checkpoint();
        let note = config::read_text(self.disk(), &path).map_err(|error| LedgerError::Io(path, error))?;
        self.config.open_checkpoint(&note)?;
        Ok(note)
    }

    /// Lends the key that signs checkpoints, for something else that the ledger puts its name to.
    pub fn sign<T>(&self, with: impl FnOnce(&ed25519_dalek::SigningKey) -> T) -> T {
        with(self.keyring.read().expect("no holder panics").signing_key())
    }

    /// One entry by seq, content included.
    pub fn entry(&self, seq: u64) -> Result<Option<Entry>, LedgerError> {
        let Some(writer) = &self.writer else { return self.find_by_scan(seq) };
        let writer = self.locked(writer)?;
        if !writer.is_sound() && seq < writer.catalog().next_seq {
            // The index may lag behind.
            return self.find_by_scan(seq);
        }
        let keyring = self.keyring.read().expect("no holder panics");
        let catalog = writer.catalog();
        if seq < catalog.next_seq { catalog.read(seq, &keyring).map(Some) } else { Ok(None) }
    }

    /// Rebuilds the index from the journal.
    pub fn reindex(&self) -> Result<u64, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        self.apart(|| self.locked(writer)?.reindex(&self.keyring.read().expect("no holder panics")))?
    }

    /// Writes index and checkpoint and gives back space zeroed ahead. Dropping does the same and cannot report errors.
    pub fn close(mut self) -> Result<(), LedgerError> {
        let finished = self.finish();
        // What failed is told once: dropping does not try again.
        self.writer = None;
        finished
    }

    fn finish(&self) -> Result<(), LedgerError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        self.apart(|| self.locked(writer)?.close(&self.keyring.read().expect("no holder panics")))?
    }

    /// Reads the keyring again where another process may have changed it.
    fn refresh_keyring(&self) -> Result<(), LedgerError> {
        if self.writer.is_none() && !self.keyring.read().expect("no holder panics").is_as_stored(self.disk())? {
            let keyring = Keyring::open(self.disk(), &Paths(&self.dir).keyring(), false)?;
            *self.keyring.write().expect("no holder panics") = keyring;
        }
        Ok(())
    }

    fn disk(&self) -> &dyn Disk {
        &*self.options.disk
    }

    /// Does what holds the writer where none of rayon's threads holds it.
    fn apart<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R, LedgerError> {
        side_by_side::off_rayon(work).map_err(|error| LedgerError::Io(self.dir.clone(), error))
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

fn is_there(disk: &dyn Disk, dir: &Path) -> bool {
    dir.as_os_str().is_empty() || disk.exists(dir)
}

/// Refuses a place for something else that is the ledger's folder, or in it.
fn check_apart(dir: &Path, other: &Path) -> Result<(), LedgerError> {
    let ledger = dir.canonicalize().map_err(|error| LedgerError::Io(dir.to_owned(), error))?;
    let absolute = std::path::absolute(other).map_err(|error| LedgerError::Io(other.to_owned(), error))?;
    // What is not made yet stands where the folder above it is.
    let there = absolute.ancestors().find_map(|above| above.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&ledger)) {
        return Err(LedgerError::Inside(other.to_owned(), dir.to_owned()));
    }
    Ok(())
}

/// The folder that a name stands in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
