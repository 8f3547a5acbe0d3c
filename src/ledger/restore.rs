//! Making a ledger again from a backup: every copy is hashed, every entry checked, and nothing is restored that would fork
//! what was published.
//!
//! `ledger.toml` is written last, so what was cut short is no ledger, and is gone on with. Nothing is signed here: the
//! checkpoint is the one that was backed up. Deliberately absent: entries that were recorded after the backup, erasures among
//! them; whoever restores asks for these erasures again.

use super::backup::holds;
use super::manifest::{self, Manifest};
use super::read::{self, BadEntry, Content};
use super::tree::Tree;
use super::witnessed::WITNESSED;
use super::{Config, Ledger, LedgerError, Options, Paths, tree};
use crate::codec;
use crate::disk::RealDisk;
use crate::fact::{Body, Kind, Scope};
use crate::journal::{self, JournalError, RawEntry, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::NodeHash;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroize;

/// Marks a folder that is being restored to.
const MARK: &str = "restoring";

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The ledger's name.
    pub origin: String,
    /// Its entries.
    pub entries: u64,
    /// The root over them.
    pub root: NodeHash,
    /// When the backup was made.
    pub made_at: String,
    /// The published entries that it was compared with.
    pub published: Option<u64>,
    /// The anchor that the ledger was held to and that is not there: it is held to it no longer.
    pub lost_anchor: Option<PathBuf>,
}

/// What a backup is restored with.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions<'a> {
    /// A checkpoint, or a folder that holds one as `checkpoint`.
    pub published: Option<&'a Path>,
    /// The keyring of a backup that was made without.
    pub keyring: Option<&'a Path>,
    /// True where somebody says that the anchor is lost, though nothing else that was published is compared.
    pub without_anchor: bool,
}

/// As [`restore_with`].
pub fn restore(
    from: &Path,
    dir: &Path,
    published: Option<&Path>,
    keyring: Option<&Path>,
) -> Result<Restored, LedgerError> {
    restore_with(from, dir, &RestoreOptions { published, keyring, without_anchor: false })
}

/// Restores the backup in `from` to `dir`, which must not exist or be empty.
pub fn restore_with(from: &Path, dir: &Path, options: &RestoreOptions) -> Result<Restored, LedgerError> {
    let RestoreOptions { published, keyring, without_anchor } = *options;
    let no_backup = || LedgerError::NoBackup(from.to_owned(), "it has no `manifest.json`".to_owned());
    let manifest = Manifest::read(from)?.ok_or_else(no_backup)?;
    let mut config = manifest.config(from)?;
    let io = |error| LedgerError::Io(dir.to_owned(), error);
    let paths = Paths(dir);
    let resumed = dir.join(MARK).exists() && !paths.config().exists();
    if !resumed && dir.read_dir().is_ok_and(|mut files| files.next().is_some()) {
        return Err(LedgerError::NotEmpty(dir.to_owned()));
    }
    // The anchor is what was published to one's own. One that is not mounted is no reason to compare nothing.
    let lost_anchor = config.anchor.take_if(|anchor| !anchor.exists());
    if let Some(anchor) = lost_anchor.clone().filter(|_| published.is_none() && !without_anchor) {
        return Err(LedgerError::LostAnchor(anchor));
    }
    let mut keys = match (&manifest.keyring, keyring) {
        (_, Some(path)) => std::fs::read(path).map_err(|error| LedgerError::Io(path.to_owned(), error))?,
        (Some(copy), None) => copy.read(from)?,
        (None, None) => return Err(LedgerError::NoKeys(from.to_owned())),
    };
    let leaves = check(from, &manifest)?;
    let published = published.into_iter().chain(config.anchor.as_deref());
    let compared = published.map(|path| compare(path, &config, &leaves)).collect::<Result<Vec<u64>, _>>()?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    manifest::write_file(dir, MARK, b"")?;
    if resumed {
        clear(dir).map_err(io)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(paths.journal()).map_err(io)?;
    let written = manifest::write_file(dir, "keyring", &keys);
    keys.zeroize();
    written?;
    for copied in &manifest.segments {
        let bytes = copied.file.read(from)?;
        let path = journal::segment_path(Path::new("journal"), SegmentId(copied.segment));
        manifest::write_file(dir, &path.to_string_lossy(), &bytes)?;
    }
    grow(&paths, &leaves)?;
    manifest::write_file(dir, "checkpoint", manifest.checkpoint.as_bytes())?;
    if let Some(note) = &manifest.witnessed {
        manifest::write_file(dir, WITNESSED, note.as_bytes())?;
    }
    finish_erasures(dir)?;
    let report = verify(dir, &config)?;
    if let Some(problem) = report.problems.into_iter().next() {
        return Err(BadEntry::new(problem.seq, problem.what).into());
    }
    config.write(&RealDisk, &paths.config())?;
    std::fs::remove_file(dir.join(MARK)).map_err(io)?;
    manifest::sync_dir(dir)?;
    let Manifest { entries, made_at, .. } = manifest;
    let published = compared.into_iter().max();
    Ok(Restored { origin: config.origin, entries, root: report.root, made_at, published, lost_anchor })
}

/// Removes what an earlier restore left, perhaps of another backup: no segment may follow that the manifest does not name.
fn clear(dir: &Path) -> io::Result<()> {
    let paths = Paths(dir);
    let files = [paths.keyring(), paths.checkpoint(), dir.join(WITNESSED)];
    let folders = [paths.journal(), paths.tree(), dir.join("index")];
    let there = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    files.iter().try_for_each(|file| there(std::fs::remove_file(file)))?;
    folders.iter().try_for_each(|folder| there(std::fs::remove_dir_all(folder)))
}

/// Checks every copy by hash and checksum, and the whole against its checkpoint; returns the leaves.
fn check(from: &Path, manifest: &Manifest) -> Result<Vec<NodeHash>, LedgerError> {
    let mut leaves = Vec::new();
    for (number, copied) in manifest.segments.iter().enumerate() {
        let bytes = copied.file.read(from)?;
        let id = SegmentId(number as u32);
        let bad = |offset: usize, seq: u64, what: String| {
            let path = from.join(&copied.file.name);
            LedgerError::Journal(JournalError::Corrupt { path, offset: offset as u64, seq, what })
        };
        let first_seq = leaves.len() as u64;
        let start = journal::check_header(&bytes, id, first_seq).map_err(|found| bad(0, first_seq, found.what))?;
        for group in journal::groups(&bytes, start, first_seq) {
            let group = group.map_err(|found| bad(found.offset, found.seq, found.what))?;
            leaves.extend(group.entries.iter().map(|raw| tree::leaf(&codec::entry_hash(raw.header))));
        }
    }
    if leaves.len() as u64 != manifest.entries {
        let what = format!("its segments hold {} entries, its manifest says {}", leaves.len(), manifest.entries);
        return Err(LedgerError::BadBackup(from.to_owned(), what));
    }
    let config = manifest.config(from)?;
    for note in std::iter::once(&manifest.checkpoint).chain(&manifest.witnessed) {
        let head = config.open_checkpoint(note)?.head();
        holds(&leaves, head).map_err(|what| LedgerError::BadBackup(from.to_owned(), what))?;
    }
    Ok(leaves)
}

/// Refuses a backup that does not hold all that was published.
fn compare(path: &Path, config: &Config, leaves: &[NodeHash]) -> Result<u64, LedgerError> {
    let path = if path.is_dir() { path.join("checkpoint") } else { PathBuf::from(path) };
    let published = tree::read_checkpoint(&RealDisk, &path, config)?;
    let signed = published.size.0;
    if signed > leaves.len() as u64 {
        return Err(LedgerError::WouldFork(format!(
            "`{}` was signed over {signed} entries, the backup holds {}: take a newer backup, salvage what is left of the \
             ledger, or begin one under another origin",
            path.display(),
            leaves.len()
        )));
    }
    let other = |what| {
        LedgerError::WouldFork(format!(
            "{what} in `{}`: the backup is of another branch; keep the published one, or begin one under another origin",
            path.display()
        ))
    };
    holds(leaves, published.head()).map_err(other)?;
    Ok(signed)
}

/// Writes the tree, as a writer does.
fn grow(paths: &Paths, leaves: &[NodeHash]) -> Result<(), LedgerError> {
    let mut tree = Tree::open(Arc::new(RealDisk), &paths.tree())?;
    let grown = tree.grown(leaves.iter().copied());
    tree.grow(grown)?;
    tree.truncate()
}

/// Carries out on the keyring what the journal says was erased: the keyring may be of an earlier moment.
fn finish_erasures(dir: &Path) -> Result<(), LedgerError> {
    let paths = Paths(dir);
    let mut keyring = Keyring::open(&RealDisk, &paths.keyring(), true)?;
    let mut erase = |raw: &RawEntry| -> Result<(), LedgerError> {
        let (header, _) = read::peek(raw)?;
        let slot = keyring.slot_of_stream(header.streams[0].stream);
        let Some(slot) = slot.filter(|_| header.kind == Kind::SubjectErased) else { return Ok(()) };
        match read::open(raw, &keyring, Content::Leave)?.record.map(|record| record.body) {
            Some(Body::SubjectErased(Scope::Content)) => Ok(keyring.erase_content(slot, raw.seq)?),
            _ => Ok(keyring.erase_all(slot)?),
        }
    };
    journal::scan(&RealDisk, &paths.journal(), None, |group, _| group.entries.iter().try_for_each(&mut erase))?;
    Ok(keyring.sync()?)
}

/// Checks every entry under the keys, before the folder is a ledger.
fn verify(dir: &Path, config: &Config) -> Result<super::Report, LedgerError> {
    let keyring = Keyring::open(&RealDisk, &Paths(dir).keyring(), false)?;
    config.check_key(&keyring, dir)?;
    Ledger::assemble(dir, &Options::default(), config.clone(), keyring).verify()
}
