//! What a backup holds: every file with its length and hash. It is written last and moved into place, so a backup is whole
//! if it has one, and the backup before stays whole until then.
//!
//! A backup is no ledger: it has no `ledger.toml`, so that nobody appends to it.

use super::{Config, LedgerError};
use crate::disk::{self, RealDisk};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const NAME: &str = "manifest.json";
/// The folder of the segments' copies.
pub const SEGMENTS: &str = "segments";

/// A segment's copy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// The segment's number.
    pub segment: u32,
    /// Its first seq.
    pub first_seq: u64,
    /// How many entries.
    pub entries: u64,
    /// The copy.
    pub file: Copy,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Its name, below the backup's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hex.
    pub blake3: String,
}

impl Copy {
    /// What `bytes` are to be under `name`.
    pub fn of(name: String, bytes: &[u8]) -> Copy {
        Copy { name, bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }

    /// True if the file is there in its length.
    pub fn is_there(&self, backup: &Path) -> bool {
        std::fs::metadata(backup.join(&self.name)).is_ok_and(|file| file.len() == self.bytes)
    }

    /// Its bytes, if they are those that were copied.
    pub fn read(&self, backup: &Path) -> Result<Vec<u8>, LedgerError> {
        let path = backup.join(&self.name);
        let bytes = std::fs::read(&path).map_err(|error| LedgerError::BadBackup(path.clone(), error.to_string()))?;
        if Copy::of(self.name.clone(), &bytes) != *self {
            let what = format!("expected {} bytes with the hash {}, found others", self.bytes, self.blake3);
            return Err(LedgerError::BadBackup(path, what));
        }
        Ok(bytes)
    }
}

/// Everything that a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// When it was made.
    pub made_at: String,
    /// The ledger's `ledger.toml`.
    pub config: String,
    /// The signed checkpoint that the entries hold.
    pub checkpoint: String,
    /// The one that others cosigned, if there is one.
    pub witnessed: Option<String>,
    /// How many entries.
    pub entries: u64,
    /// The copies of the segments, in order.
    pub segments: Vec<Copied>,
    /// The copy of the keyring, if it is part of the backup.
    pub keyring: Option<Copy>,
    /// BLAKE3 of all this, with nothing here, in hex.
    blake3: String,
}

impl Manifest {
    pub fn new(made_at: String, config: String, checkpoint: String, witnessed: Option<String>) -> Manifest {
        let (segments, keyring, blake3) = (Vec::new(), None, String::new());
        Manifest { format: FORMAT, made_at, config, checkpoint, witnessed, entries: 0, segments, keyring, blake3 }
    }

    fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain fields")
    }

    /// As it is written: with its own hash.
    fn sealed(&self) -> Manifest {
        let bare = Manifest { blake3: String::new(), ..self.clone() };
        let hash = blake3::hash(bare.text().as_bytes()).to_hex().to_string();
        Manifest { blake3: hash, ..bare }
    }

    /// The manifest of the backup in a folder; `None` if there is none.
    pub fn read(backup: &Path) -> Result<Option<Manifest>, LedgerError> {
        let path = backup.join(NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LedgerError::Io(path, error)),
        };
        let bad = |what: String| LedgerError::BadBackup(path.clone(), what);
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(bad(format!("format {}: this program reads format {FORMAT}", manifest.format)));
        }
        if manifest.sealed() != manifest {
            return Err(bad("it does not match its own hash".to_owned()));
        }
        // Names are joined to paths: none may lead out of the backup.
        let names =
            manifest.segments.iter().map(|segment| &segment.file).chain(&manifest.keyring).map(|file| &file.name);
        let plain = |name: &str| name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        match names.into_iter().find(|name| !plain(name)) {
            Some(name) => Err(bad(format!("expected names below the backup's folder, found `{name}`"))),
            None => Ok(Some(manifest)),
        }
    }

    /// Puts it into place, after everything that it names.
    pub fn write(&self, backup: &Path) -> Result<(), LedgerError> {
        write_file(backup, NAME, self.sealed().text().as_bytes())
    }

    /// The ledger's name and key.
    pub fn config(&self, backup: &Path) -> Result<Config, LedgerError> {
        Config::parse(&self.config, backup)
    }

    /// True if it names the file.
    pub fn names(&self, name: &str) -> bool {
        let mut files = self.segments.iter().map(|segment| &segment.file).chain(&self.keyring);
        files.any(|file| file.name == name)
    }
}

/// Writes a file beside its place, syncs it, moves it into place, and makes that durable.
pub fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
    let path = dir.join(name);
    disk::replace(&RealDisk, &path, bytes).map_err(|error| LedgerError::Io(path, error))
}

/// Makes the names in a folder durable.
pub fn sync_dir(dir: &Path) -> Result<(), LedgerError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| LedgerError::Io(dir.to_owned(), error))
}

/// The files of a folder.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    let io = |error| LedgerError::Io(dir.to_owned(), error);
    dir.read_dir().map_err(io)?.map(|file| Ok(file.map_err(io)?.path())).collect()
}
