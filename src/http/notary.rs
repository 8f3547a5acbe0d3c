//! A witness's memory: a file a log with the last note that it cosigned, on disk before the cosignature is let out.
//!
//! INVARIANT (one at a time): check, file and memory of one log change under its lock, so no request is checked against
//! a head that another is replacing. A file carries the witness's own cosignature, and one without it is refused: the
//! memory can be lost, which shows, but not be talked into an older head.

use crate::checkpoint::{Checkpoint, Cosignature, Note, NoteError, VerifierKey, WitnessKey};
use crate::disk::{self, Disk, Lock, Open, RealDisk};
use crate::fact::Instant;
use crate::keyring::fresh_signing_key;
use crate::merkle::TreeHead;
use crate::witness::{self, AddCheckpoint, Refusal};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use zeroize::Zeroizing;

/// Why a witness cannot begin, or cannot answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum NotaryError {
    #[error("`{}`: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    #[error("`{}` is used by another witness: expected a folder of its own", .0.display())]
    Locked(PathBuf),
    #[error("`{}` can be read by others: expected mode 600", .0.display())]
    Open(PathBuf),
    #[error("`{}`: {}", .0.display(), .1)]
    Key(PathBuf, NoteError),
    #[error("`{}` is not what this witness cosigned for `{}`: {}", .0.display(), .1, .2)]
    Memory(PathBuf, String, String),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A witness: its key, the logs that it knows, and what it cosigned last of each.
pub struct Notary {
    key: WitnessKey,
    now: fn() -> Instant,
    logs: BTreeMap<String, Log>,
    _lock: Box<dyn Lock>,
}

struct Log {
    keys: Vec<VerifierKey>,
    path: PathBuf,
    last: Mutex<Option<Last>>,
}

/// What was cosigned last.
struct Last {
    head: TreeHead,
    timestamp: u64,
    note: Note,
}

/// The name of a log's file, and of its place for monitors.
fn hash_of(origin: &str) -> String {
    Sha256::digest(origin).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Notary {
    /// Reads what is kept in `state`, for the logs of `keys`: several keys may have one origin.
    pub fn open(
        state: &Path,
        key: WitnessKey,
        keys: Vec<VerifierKey>,
        now: fn() -> Instant,
    ) -> Result<Notary, NotaryError> {
        let io = |error| NotaryError::Io(state.to_owned(), error);
        RealDisk.create_private_dir(state).map_err(io)?;
        let lock = RealDisk.lock(&state.join("lock")).map_err(io)?;
        let lock = lock.ok_or_else(|| NotaryError::Locked(state.to_owned()))?;
        let mut by_origin: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for log in keys {
            by_origin.entry(log.name.clone()).or_default().push(log);
        }
        let log = |(origin, keys): (String, Vec<VerifierKey>)| {
            let path = state.join(format!("{}.checkpoint", hash_of(&origin)));
            let last = Mutex::new(Last::read(&path, &origin, &keys, &key.verifier())?);
            Ok((origin, Log { keys, path, last }))
        };
        let logs = by_origin.into_iter().map(log).collect::<Result<_, NotaryError>>()?;
        Ok(Notary { key, now, logs, _lock: lock })
    }

    /// The key that its cosignatures verify under.
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// Answers a request: the signature line, or why not.
    pub fn add_checkpoint(&self, body: &str) -> Result<String, NotaryError> {
        let request = AddCheckpoint::parse(body)?;
        let (note, origin) = witness::origin(&request)?;
        let log = self.logs.get(&origin).ok_or(Refusal::UnknownLog(origin))?;
        let mut last = log.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let head = witness::check(&request, &note, &log.keys, last.as_ref().map(|last| last.head))?;
        // A clock that was put back must not make a later word look earlier.
        let before = last.as_ref().map_or(1, |last| last.timestamp);
        let timestamp = ((self.now)().0 / 1_000_000_000).max(0) as u64;
        let timestamp = timestamp.max(before);
        let line = self.key.cosign(note.text(), timestamp);
        let mut lines = log.signed(&note);
        lines.push(line.clone());
        let note = Note::new(note.text().to_owned(), lines);
        let written = disk::replace(&RealDisk, &log.path, note.to_string().as_bytes());
        written.map_err(|error| NotaryError::Io(log.path.clone(), error))?;
        *last = Some(Last { head, timestamp, note });
        Ok(line.to_string())
    }

    /// The last note that was cosigned for the log whose origin has this hash.
    pub fn checkpoint(&self, origin_hash: &str) -> Option<String> {
        let log = self.logs.iter().find(|(origin, _)| hash_of(origin) == origin_hash)?.1;
        let last = log.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        last.as_ref().map(|last| last.note.to_string())
    }
}

impl Log {
    /// The signature lines of the log's own keys: those that were verified.
    fn signed(&self, note: &Note) -> Vec<crate::checkpoint::SignatureLine> {
        let own = |line: &&crate::checkpoint::SignatureLine| {
            self.keys.iter().any(|key| key.name == line.name && key.id() == line.id)
        };
        note.signatures().iter().filter(own).cloned().collect()
    }
}

impl Last {
    fn read(path: &Path, origin: &str, keys: &[VerifierKey], own: &VerifierKey) -> Result<Option<Last>, NotaryError> {
        let bytes = match RealDisk.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(NotaryError::Io(path.to_owned(), error)),
        };
        let bad = |what: String| NotaryError::Memory(path.to_owned(), origin.to_owned(), what);
        let read = |text: &str| {
            let note = Note::parse(text)?;
            let checkpoint = Checkpoint::unverified(&note)?;
            let cosignature = Cosignature::find(&note, own)?.ok_or(NoteError::NoSignature(own.name.clone()))?;
            // One of the log's keys must hold as well; after a change of keys that may be a former one.
            let bad_key = keys.iter().find_map(|key| match Checkpoint::of(&note, key) {
                Err(error @ NoteError::BadSignature(_)) => Some(error),
                _ => None,
            });
            bad_key.map_or(Ok((checkpoint, cosignature.timestamp, note)), Err)
        };
        let (checkpoint, timestamp, note) =
            read(&String::from_utf8_lossy(&bytes)).map_err(|error| bad(error.to_string()))?;
        if checkpoint.origin != origin {
            return Err(bad(format!("it is of `{}`", checkpoint.origin)));
        }
        Ok(Some(Last { head: checkpoint.head(), timestamp, note }))
    }
}

/// Makes a key for the witness `name` in a new file that only its owner can read; returns its public half.
pub fn new_key(path: &Path, name: &str) -> Result<VerifierKey, NotaryError> {
    let io = |error| NotaryError::Io(path.to_owned(), error);
    let key = WitnessKey::new(name, fresh_signing_key()).map_err(|error| NotaryError::Key(path.to_owned(), error))?;
    let text = key.to_secret();
    let file = RealDisk.open(path, Open::CreateNew).map_err(io)?;
    let written = file.write_all_at(text.as_bytes(), 0).and_then(|()| file.write_all_at(b"\n", text.len() as u64));
    written.and_then(|()| file.sync_all()).map_err(io)?;
    Ok(key.verifier())
}

/// Reads a key that nobody else can read.
pub fn read_key(path: &Path) -> Result<WitnessKey, NotaryError> {
    /// Longer than any key.
    const ROOM: u64 = 4096;
    let io = |error| NotaryError::Io(path.to_owned(), error);
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(NotaryError::Open(path.to_owned()));
    }
    // Room for all of it at once: what is moved as it grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(ROOM as usize));
    file.take(ROOM).read_to_string(&mut text).map_err(io)?;
    WitnessKey::parse(&text).map_err(|error| NotaryError::Key(path.to_owned(), error))
}
