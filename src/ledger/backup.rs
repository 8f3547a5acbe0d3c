//! Backing a ledger up, while it is written to: a segment that is sealed is copied once, the growing one as far as it was
//! acknowledged.
//!
//! INVARIANT (one moment): checkpoint, then keys, then journal. What the backup holds of the journal holds all that the
//! checkpoint was signed over, and its keys are those of the last entry: no erasure and no new block of slots came between.
//! Deliberately absent: tree and index, which are made again from the journal.

use super::keyless::Keyless;
use super::manifest::{self, Copied, Copy, Manifest, SEGMENTS};
use super::opening::refuse_damage;
use super::read::BadEntry;
use super::stored::Stored;
use super::witnessed::WITNESSED;
use super::{Config, Ledger, LedgerError, Paths, system_now, tree};
use crate::codec;
use crate::disk::{Disk, RealDisk};
use crate::journal::{self, JournalError, SegmentId};
use crate::keyring::{self, Keyring};
use crate::merkle::{Frontier, NodeHash, TreeHead};
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroize;

/// How to back up.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackupOptions {
    /// True if the keyring is to be part of it. Such a backup can read what is erased later: keep it no longer than that.
    pub with_keyring: bool,
    /// True if copies made earlier are to be read and hashed again.
    pub recheck: bool,
}

/// What a backup holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Its entries.
    pub entries: u64,
    /// The entries that its checkpoint was signed over.
    pub signed: u64,
    /// Its segments.
    pub segments: u64,
    /// How many of them were copied now.
    pub copied: u64,
    /// The bytes of these.
    pub copied_bytes: u64,
    /// True if it holds the keyring.
    pub with_keyring: bool,
}

impl Ledger {
    /// Backs the ledger up to a folder; where this process is the writer, under a checkpoint that is signed for it.
    pub fn backup(&self, to: &Path, options: &BackupOptions) -> Result<BackedUp, LedgerError> {
        if self.writer.is_some() {
            self.checkpoint()?;
        }
        backup(&self.dir, to, options)
    }
}

/// Backs the ledger in `dir` up to `to`, which may hold an earlier backup of it. Others may write meanwhile.
pub fn backup(dir: &Path, to: &Path, options: &BackupOptions) -> Result<BackedUp, LedgerError> {
    let (paths, config) = (Paths(dir), Config::read(&RealDisk, dir)?);
    let io = |error| LedgerError::Io(to.to_owned(), error);
    super::check_apart(dir, to)?;
    DirBuilder::new().recursive(true).mode(0o700).create(to.join(SEGMENTS)).map_err(io)?;
    // One backup at a time into one folder.
    let _lock = RealDisk.lock(&to.join("lock")).map_err(io)?.ok_or_else(|| LedgerError::Locked(to.to_owned()))?;
    let before = Manifest::read(to)?;
    if let Some(before) = &before {
        let other = before.config(to)?;
        if other.public_key != config.public_key {
            return Err(LedgerError::OtherBackup(to.to_owned(), other.origin, config.origin));
        }
    }
    let read = |path: PathBuf| std::fs::read_to_string(&path).map_err(|error| LedgerError::Io(path, error));
    let witnessed = Some(dir.join(WITNESSED)).filter(|path| path.exists()).map(&read).transpose()?;
    let note = read(paths.checkpoint())?;
    let signed = std::iter::once(&note).chain(&witnessed).map(|note| Ok(config.open_checkpoint(note)?.head()));
    let heads = signed.collect::<Result<Vec<TreeHead>, LedgerError>>()?;
    let moment = Moment::take(&paths, options.with_keyring)?;
    let text = read(paths.config())?;
    let mut copying = Copying {
        journal: paths.journal(),
        to,
        before: before.as_ref().map_or(&[], |before| &before.segments),
        recheck: options.recheck,
        acknowledged: moment.leaves.len() as u64,
        leaves: moment.leaves,
        bound: moment.bound,
        manifest: Manifest::new(system_now().to_string(), text, note, witnessed),
        copied: 0,
        copied_bytes: 0,
    };
    copying.run()?;
    copying.check(&heads, before.as_ref())?;
    let Copying { mut manifest, copied, copied_bytes, .. } = copying;
    if let Some(mut bytes) = moment.keyring {
        let checked = check_keys(to, &paths.keyring(), &bytes, &manifest, before.as_ref());
        if checked.is_err() {
            bytes.zeroize();
        }
        checked?;
        let name = format!("keyring-{}", &blake3::hash(&bytes).to_hex()[..16]);
        let written = manifest::write_file(to, &name, &bytes);
        manifest.keyring = Some(Copy::of(name, &bytes));
        bytes.zeroize();
        written?;
    }
    manifest::sync_dir(&to.join(SEGMENTS))?;
    manifest.write(to)?;
    prune(to, &manifest)?;
    Ok(BackedUp {
        entries: manifest.entries,
        signed: heads[0].size.0,
        segments: manifest.segments.len() as u64,
        copied,
        copied_bytes,
        with_keyring: manifest.keyring.is_some(),
    })
}

/// Every entry has keys, or an erasure destroyed them: else these keys are not those of the journal, and would take the
/// place of good ones. Segments that the backup before holds are read only where its keys are not all here.
fn check_keys(
    to: &Path,
    path: &Path,
    bytes: &[u8],
    manifest: &Manifest,
    before: Option<&Manifest>,
) -> Result<(), LedgerError> {
    let streams = keyring::streams(path, bytes)?;
    let pass = |segments: &[Copied]| {
        let mut keyless = Keyless::default();
        for copied in segments {
            let copy = to.join(&copied.file.name);
            let bytes = std::fs::read(&copy).map_err(|error| LedgerError::Io(copy, error))?;
            let start = journal::check_header(&bytes, SegmentId(copied.segment), copied.first_seq);
            let groups = start.into_iter().flat_map(|start| journal::groups(&bytes, start, copied.first_seq));
            for group in groups.filter_map(Result::ok) {
                group.entries.iter().try_for_each(|raw| keyless.take(raw, |stream| streams.contains(&stream)))?;
            }
        }
        keyless.verdict()
    };
    let covered = before.is_some_and(|before| {
        let old = before.keyring.as_ref().and_then(|copy| copy.read(to).ok());
        let same = old.map(|mut old| {
            let more = keyring::is_later(&old, bytes);
            old.zeroize();
            more
        });
        same == Some(true)
    });
    let known = before.map_or(&[][..], |before| &before.segments);
    let kept = manifest.segments.iter().zip(known).take_while(|(now, old)| covered && now == old).count();
    // The erasure of what stands in one that was copied again may be in one that was not.
    pass(&manifest.segments[kept..]).or_else(|error| if kept > 0 { pass(&manifest.segments) } else { Err(error) })
}

/// How much is backed up, and the keys that belong to it.
struct Moment {
    /// Entries from here on are left for the next backup.
    bound: u64,
    leaves: Vec<NodeHash>,
    keyring: Option<Vec<u8>>,
}

impl Moment {
    fn take(paths: &Paths, with_keyring: bool) -> Result<Moment, LedgerError> {
        if !with_keyring {
            let (bound, leaves) = Moment::bound(paths)?;
            return Ok(Moment { bound, leaves, keyring: None });
        }
        const TRIES: u32 = 200;
        let path = paths.keyring();
        let read = || std::fs::read(&path).map_err(|error| LedgerError::Io(path.clone(), error));
        let mut keys = read()?;
        for _ in 0..TRIES {
            let (bound, leaves) = Moment::bound(paths)?;
            let mut again = read()?;
            let same = keyring::same_keys(&keys, &again);
            keys.zeroize();
            if same {
                // A slot that is being written is read anew.
                if keyring::check(&path, &again).is_ok() {
                    return Ok(Moment { bound, leaves, keyring: Some(again) });
                }
                again = read()?;
            }
            keys = again;
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Not a moment's chance, so something is wrong with it: say what.
        Keyring::open(&RealDisk, &path, false)?;
        Err(LedgerError::Io(path, std::io::Error::other("keys changed faster than they could be copied: try again")))
    }

    /// Beside a writer what it acknowledged: its leaves are written after the sync. Without one, every whole group.
    fn bound(paths: &Paths) -> Result<(u64, Vec<NodeHash>), LedgerError> {
        let is_written = || RealDisk.is_locked(&paths.lock());
        let leaves = || Ok::<_, LedgerError>(Stored::read(&RealDisk, &paths.tree())?.leaves);
        if !is_written() {
            let end = journal::scan_last::<LedgerError>(&RealDisk, &paths.journal(), |_, _| Ok(()))?;
            if !is_written() {
                refuse_damage(&RealDisk, &paths.journal(), &end, 0)?;
                return Ok((end.next_seq, leaves()?));
            }
        }
        let leaves = leaves()?;
        Ok((leaves.len() as u64, leaves))
    }
}

struct Copying<'a> {
    journal: PathBuf,
    to: &'a Path,
    before: &'a [Copied],
    recheck: bool,
    /// Those of the tree's file, then those of the entries behind it.
    leaves: Vec<NodeHash>,
    bound: u64,
    /// Leaves that the tree's file held: so many entries there must be.
    acknowledged: u64,
    manifest: Manifest,
    copied: u64,
    copied_bytes: u64,
}

impl Copying<'_> {
    fn run(&mut self) -> Result<(), LedgerError> {
        let ids = journal::segments(&RealDisk, &self.journal)?;
        for (number, &id) in ids.iter().enumerate() {
            if id.0 as usize != number {
                let path = journal::segment_path(&self.journal, SegmentId(number as u32));
                return Err(JournalError::Io(path, std::io::ErrorKind::NotFound.into()).into());
            }
            if number > 0 && self.manifest.entries >= self.bound {
                break;
            }
            let sealed = number + 1 < ids.len();
            if !sealed || !self.keep(id)? {
                self.copy(id, sealed)?;
            }
        }
        let (entries, acknowledged) = (self.manifest.entries, self.acknowledged);
        if entries < acknowledged {
            let what = format!("the journal holds {entries} entries, {acknowledged} were acknowledged");
            return Err(LedgerError::RolledBack(what));
        }
        Ok(())
    }

    /// True if an earlier backup has the segment whole.
    fn keep(&mut self, id: SegmentId) -> Result<bool, LedgerError> {
        let Some(copied) = self.before.get(id.0 as usize).filter(|copied| copied.segment == id.0) else {
            return Ok(false);
        };
        let path = journal::segment_path(&self.journal, id);
        // One in cold storage that is not mounted was sealed when it was copied, or it could not have been moved.
        let len = std::fs::metadata(&path).map(|file| file.len());
        let whole = len.map_or_else(|_| std::fs::read_link(&path).is_ok(), |len| len == copied.file.bytes);
        let known =
            copied.first_seq == self.manifest.entries && copied.first_seq + copied.entries <= self.leaves.len() as u64;
        if !whole || !known || !copied.file.is_there(self.to) {
            return Ok(false);
        }
        if self.recheck && copied.file.read(self.to).is_err() {
            return Ok(false);
        }
        self.manifest.entries += copied.entries;
        self.manifest.segments.push(copied.clone());
        Ok(true)
    }

    fn copy(&mut self, id: SegmentId, sealed: bool) -> Result<(), LedgerError> {
        let path = journal::segment_path(&self.journal, id);
        let bytes = journal::read_segment(&RealDisk, &self.journal, id)?;
        let first_seq = self.manifest.entries;
        let corrupt = |damage: journal::Damage| {
            let (offset, seq, what) = (damage.offset as u64, damage.seq, damage.what);
            LedgerError::Journal(JournalError::Corrupt { path: path.clone(), offset, seq, what })
        };
        let mut end = journal::check_header(&bytes, id, first_seq).map_err(corrupt)?;
        let mut next = first_seq;
        for group in journal::groups(&bytes, end, first_seq) {
            let group = match group {
                Ok(group) if next + group.entries.len() as u64 <= self.bound => group,
                Err(damage) if sealed || damage.seq < self.bound => return Err(corrupt(damage)),
                // Being written, or cut short.
                _ => break,
            };
            for raw in &group.entries {
                self.take(raw.seq, tree::leaf(&codec::entry_hash(raw.header)))?;
            }
            next += group.entries.len() as u64;
            end = group.end;
        }
        let file = self.write(id, &bytes[..end])?;
        self.manifest.segments.push(Copied { segment: id.0, first_seq, entries: next - first_seq, file });
        self.manifest.entries = next;
        Ok(())
    }

    fn take(&mut self, seq: u64, leaf: NodeHash) -> Result<(), LedgerError> {
        match self.leaves.get(seq as usize) {
            Some(stored) if *stored != leaf => Err(BadEntry::new(seq, "its hash is not the one in the tree").into()),
            Some(_) => Ok(()),
            None => {
                self.leaves.push(leaf);
                Ok(())
            }
        }
    }

    /// Writes a copy and reads it back. Its name says its length: the copy before stays until the manifest is in place.
    fn write(&mut self, id: SegmentId, bytes: &[u8]) -> Result<Copy, LedgerError> {
        let copy = Copy::of(format!("{SEGMENTS}/{:08}-{}.seg", id.0, bytes.len()), bytes);
        if !copy.is_there(self.to) || copy.read(self.to).is_err() {
            manifest::write_file(self.to, &copy.name, bytes)?;
            self.copied += 1;
            self.copied_bytes += copy.bytes;
        }
        copy.read(self.to)?;
        Ok(copy)
    }

    /// The entries hold what the checkpoint was signed over, and what the backup before was.
    fn check(&self, heads: &[TreeHead], before: Option<&Manifest>) -> Result<(), LedgerError> {
        let mut heads = heads.to_vec();
        if let Some(before) = before {
            if self.manifest.entries < before.entries {
                return Err(LedgerError::RolledBack(format!(
                    "the journal holds {} entries, its backup {}",
                    self.manifest.entries, before.entries
                )));
            }
            heads.push(before.config(self.to)?.open_checkpoint(&before.checkpoint)?.head());
        }
        for head in heads {
            holds(&self.leaves[..self.manifest.entries as usize], head).map_err(LedgerError::RolledBack)?;
        }
        Ok(())
    }
}

/// Checks that the first leaves are those that a checkpoint was signed over.
pub(super) fn holds(leaves: &[NodeHash], head: TreeHead) -> Result<(), String> {
    let signed = head.size.0;
    let Some(first) = leaves.get(..signed as usize) else {
        return Err(format!("there are {} entries, the checkpoint was signed over {signed}", leaves.len()));
    };
    let mut frontier = Frontier::default();
    first.iter().for_each(|&leaf| frontier.append(leaf));
    if frontier.root() == head.root {
        Ok(())
    } else {
        Err(format!("the first {signed} entries are not those that the checkpoint was signed over"))
    }
}

/// Removes what no manifest names any more. Keys are overwritten first.
fn prune(to: &Path, manifest: &Manifest) -> Result<(), LedgerError> {
    for path in manifest::files(&to.join(SEGMENTS))?.into_iter().chain(manifest::files(to)?) {
        let Ok(name) = path.strip_prefix(to).map(|name| name.to_string_lossy().into_owned()) else { continue };
        let is_key = name.starts_with("keyring-");
        if !is_key && !name.starts_with(&format!("{SEGMENTS}/")) || manifest.names(&name) {
            continue;
        }
        let removed = if is_key { overwrite(&path) } else { Ok(()) }.and_then(|()| std::fs::remove_file(&path));
        removed.map_err(|error| LedgerError::Io(path, error))?;
    }
    manifest::sync_dir(to)
}

fn overwrite(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(&vec![0; file.metadata()?.len() as usize], 0)?;
    file.sync_all()
}
