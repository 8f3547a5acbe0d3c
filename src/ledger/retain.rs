//! Moving sealed segments to cold storage: copied, synced, read back, then replaced by a symbolic link.
//!
//! Whatever reads the journal reads on through the link; where the storage is not mounted, the error names segment and
//! place. A sealed segment never changes again, so this needs no lock, and appends go on meanwhile.

use super::manifest;
use super::{Config, LedgerError, Paths};
use crate::disk::RealDisk;
use crate::journal::{self, JournalError, SegmentId};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A segment that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub segment: u32,
    /// Its length.
    pub bytes: u64,
    /// Where it is now.
    pub place: PathBuf,
}

/// Moves segments of the ledger in `dir` to the folder `cold`: those in `only`, or where that is empty, every sealed one but
/// the `keep` latest. Those that were moved before stay where they are.
pub fn retain(dir: &Path, cold: &Path, keep: usize, only: &[u32]) -> Result<Vec<Moved>, LedgerError> {
    Config::read(&RealDisk, dir)?;
    let journal = Paths(dir).journal();
    let mut sealed = journal::segments(&RealDisk, &journal)?;
    sealed.pop();
    let chosen = if only.is_empty() {
        sealed.truncate(sealed.len().saturating_sub(keep));
        sealed
    } else {
        let shown = sealed.last().map_or("none".to_owned(), |last| format!("0 to {}", last.0));
        let unsealed = only.iter().find(|&&number| !sealed.contains(&SegmentId(number)));
        if let Some(&number) = unsealed {
            return Err(LedgerError::NotSealed(number, shown));
        }
        only.iter().copied().map(SegmentId).collect()
    };
    let io = |error| LedgerError::Io(cold.to_owned(), error);
    let inside = dir.canonicalize().map_err(|error| LedgerError::Io(dir.to_owned(), error))?;
    // Told before a folder is made, and again of the place that it turned out to be.
    let there = std::path::absolute(cold).map_err(io)?;
    let there = there.ancestors().find_map(|path| path.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&inside)) {
        return Err(LedgerError::ColdInside(cold.to_owned(), dir.to_owned()));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(cold).map_err(io)?;
    let cold = cold.canonicalize().map_err(io)?;
    if cold.starts_with(&inside) {
        return Err(LedgerError::ColdInside(cold, dir.to_owned()));
    }
    let mut moved = Vec::new();
    for id in chosen {
        if std::fs::read_link(journal::segment_path(&journal, id)).is_err() {
            moved.push(move_one(&journal, id, &cold)?);
        }
    }
    Ok(moved)
}

fn move_one(journal: &Path, id: SegmentId, cold: &Path) -> Result<Moved, LedgerError> {
    let path = journal::segment_path(journal, id);
    let bytes = journal::read_segment(&RealDisk, journal, id)?;
    let first_seq = journal::first_seq(&bytes).unwrap_or_default();
    // What is damaged stays where the one who repairs it looks.
    if let Err(damage) = journal::check_segment(&bytes, id, first_seq) {
        let (offset, seq, what) = (damage.offset as u64, damage.seq, damage.what);
        return Err(JournalError::Corrupt { path, offset, seq, what }.into());
    }
    let place = journal::segment_path(cold, id);
    let name = place.file_name().expect("a segment has a name").to_string_lossy().into_owned();
    let io = |error| LedgerError::Io(place.clone(), error);
    match std::fs::read(&place) {
        Ok(there) if there == bytes => {}
        Ok(_) => return Err(LedgerError::OtherCold(place, path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => manifest::write_file(cold, &name, &bytes)?,
        Err(error) => return Err(io(error)),
    }
    if blake3::hash(&std::fs::read(&place).map_err(io)?) != blake3::hash(&bytes) {
        return Err(LedgerError::OtherCold(place, path));
    }
    // One file under two names, a mount of the ledger's folder say: a link in its place would point to itself.
    let file = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).map_err(io);
    if file(&path)? == file(&place)? {
        return Err(LedgerError::ColdInside(place, path));
    }
    // The copy is durable: from here on either of the two is read.
    let link = path.with_extension("cold");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(&place, &link)
        .and_then(|()| std::fs::rename(&link, &path))
        .map_err(|error| LedgerError::Io(path.clone(), error))?;
    manifest::sync_dir(journal)?;
    Ok(Moved { segment: id.0, bytes: bytes.len() as u64, place })
}
