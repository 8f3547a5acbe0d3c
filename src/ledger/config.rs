//! `ledger.toml`: format version, name and public key.

use super::{LedgerError, Paths};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::disk::{self, Disk};
use crate::keyring::Keyring;
use ed25519_dalek::VerifyingKey;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The version of everything on disk.
const FORMAT: u32 = 1;

/// What never changes about a ledger.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name: the origin of its checkpoints.
    pub origin: String,
    /// The key that its checkpoints verify under.
    pub public_key: VerifierKey,
    /// Where a copy of the last checkpoint is kept, outside the folder.
    pub anchor: Option<PathBuf>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    origin: String,
    public_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchor: Option<PathBuf>,
}

impl Config {
    pub(super) fn new(origin: Option<&str>, key: VerifyingKey) -> Config {
        let own =
            || format!("inforce/{}", key.as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let origin = origin.map_or_else(own, str::to_owned);
        Config { public_key: VerifierKey::new(&origin, key), origin, anchor: None }
    }

    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<Config, LedgerError> {
        let path = Paths(dir).config();
        let text = read_text(disk, &path).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                LedgerError::NoLedger(dir.to_owned(), "it has no `ledger.toml`".to_owned())
            }
            ErrorKind::InvalidData => LedgerError::BadConfig(dir.to_owned(), error.to_string()),
            _ => LedgerError::Io(path, error),
        })?;
        Config::parse(&text, dir)
    }

    /// Out of the text of a `ledger.toml` that belongs to `dir`.
    pub(super) fn parse(text: &str, dir: &Path) -> Result<Config, LedgerError> {
        let bad = |what: String| LedgerError::BadConfig(dir.to_owned(), what);
        let file: File = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
        if file.format != FORMAT {
            return Err(bad(format!("format {}: this program reads format {FORMAT}", file.format)));
        }
        let public_key =
            VerifierKey::parse(&file.public_key).map_err(|error| bad(format!("the public key: {error}")))?;
        if public_key.name != file.origin {
            return Err(bad("the public key is not that of the origin".to_owned()));
        }
        if file.anchor.as_ref().is_some_and(|anchor| !anchor.is_absolute()) {
            return Err(bad("the anchor is not a path from the root on".to_owned()));
        }
        Ok(Config { origin: file.origin, public_key, anchor: file.anchor })
    }

    fn text(&self) -> String {
        let (origin, public_key) = (self.origin.clone(), self.public_key.to_string());
        toml::to_string(&File { format: FORMAT, origin, public_key, anchor: self.anchor.clone() })
            .expect("plain fields")
    }

    pub(super) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), LedgerError> {
        disk::replace(disk, path, self.text().as_bytes()).map_err(|error| LedgerError::Io(path.to_owned(), error))
    }

    /// Opens a checkpoint of this ledger: signature and origin are its own.
    pub(super) fn open_checkpoint(&self, note: &str) -> Result<Checkpoint, LedgerError> {
        let checkpoint = Checkpoint::open(note, &self.public_key)?;
        if checkpoint.origin == self.origin {
            return Ok(checkpoint);
        }
        let what = format!("the checkpoint is of `{}`, not of `{}`", checkpoint.origin, self.origin);
        Err(LedgerError::RolledBack(what))
    }

    pub(super) fn check_key(&self, keyring: &Keyring, dir: &Path) -> Result<(), LedgerError> {
        let own = VerifierKey::new(&self.origin, keyring.signing_key().verifying_key());
        if own == self.public_key { Ok(()) } else { Err(LedgerError::WrongKeyring(dir.to_owned())) }
    }
}

/// A file that is text.
pub(super) fn read_text(disk: &dyn Disk, path: &Path) -> std::io::Result<String> {
    const NO_TEXT: &str = "stream did not contain valid UTF-8";
    String::from_utf8(disk.read(path)?).map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, NO_TEXT))
}
