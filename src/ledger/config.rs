//! `ledger.toml`: format version, name and public key.

use super::{LedgerError, Paths};
use crate::checkpoint::VerifierKey;
use crate::disk::{Disk, Open};
use crate::keyring::Keyring;
use ed25519_dalek::VerifyingKey;
use std::path::Path;

/// The version of everything on disk.
const FORMAT: u32 = 1;

/// What never changes about a ledger.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name: the origin of its checkpoints.
    pub origin: String,
    /// The key that its checkpoints verify under.
    pub public_key: VerifierKey,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    origin: String,
    public_key: String,
}

impl Config {
    pub(super) fn new(origin: Option<&str>, key: VerifyingKey) -> Config {
        let own =
            || format!("inforce/{}", key.as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let origin = origin.map_or_else(own, str::to_owned);
        Config { public_key: VerifierKey::new(&origin, key), origin }
    }

    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<Config, LedgerError> {
        let path = Paths(dir).config();
        let no_ledger = |what: String| LedgerError::NoLedger(dir.to_owned(), what);
        let text = read_text(disk, &path).map_err(|error| no_ledger(format!("ledger.toml: {error}")))?;
        let file: File =
            toml::from_str(&text).map_err(|error| no_ledger(format!("ledger.toml: {}", error.message())))?;
        if file.format != FORMAT {
            return Err(no_ledger(format!("format {}: this program reads format {FORMAT}", file.format)));
        }
        let public_key = VerifierKey::parse(&file.public_key)?;
        if public_key.name != file.origin {
            return Err(no_ledger("ledger.toml: the public key is not that of the origin".to_owned()));
        }
        Ok(Config { origin: file.origin, public_key })
    }

    pub(super) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), LedgerError> {
        let file = File { format: FORMAT, origin: self.origin.clone(), public_key: self.public_key.to_string() };
        let text = toml::to_string(&file).expect("three plain fields");
        write_whole(disk, path, text.as_bytes())
    }

    pub(super) fn check_key(&self, keyring: &Keyring, dir: &Path) -> Result<(), LedgerError> {
        let own = VerifierKey::new(&self.origin, keyring.signing_key().verifying_key());
        if own == self.public_key { Ok(()) } else { Err(LedgerError::WrongKeyring(dir.to_owned())) }
    }
}

/// Writes a file so that it is whole wherever it is seen: beside its place, synced, and moved there. Its name is durable
/// once the folder is synced.
pub(super) fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let fresh = path.with_extension("new");
    let io = |error| LedgerError::Io(fresh.clone(), error);
    let file = disk.open(&fresh, Open::Truncate).map_err(io)?;
    file.write_all_at(bytes, 0).and_then(|()| file.sync_all()).map_err(io)?;
    disk.rename(&fresh, path).map_err(io)
}

/// A file that is text.
pub(super) fn read_text(disk: &dyn Disk, path: &Path) -> std::io::Result<String> {
    const NO_TEXT: &str = "stream did not contain valid UTF-8";
    String::from_utf8(disk.read(path)?).map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, NO_TEXT))
}
