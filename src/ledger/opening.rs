//! Opening: what no run of the index covers of the journal is read, or all of it, and whatever an earlier process left unfinished is finished by the everyday code.

use super::anchor::Anchor;
use super::catalog::{Catalog, group_start};
use super::clock::{self, Watch};
use super::held::{Held, WAY_OUT};
use super::keyless::Keyless;
use super::metrics::Commits;
use super::read::{self, Content};
use super::resume;
use super::stored::Stored;
use super::tree;
use super::writer::{Health, Writer, finish_erasure};
use super::{Config, LedgerError, Options, Paths};
use crate::codec::StreamId;
use crate::disk::{Disk, Lock};
use crate::entry::Entry;
use crate::fact::{Body, Scope};
use crate::journal::{self, Frames, Group, Journal, JournalError, Location, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::{NodeHash, TreeSize};
use std::path::Path;
use std::sync::Arc;

/// Reads the journal, or what no run of the index covers of it, and stands ready to write.
///
/// A torn tail is cut if nothing of it was acknowledged: it is the last thing in the last segment, no intact group stands
/// behind it, and neither the tree nor the checkpoint, both written after the sync, reach it. Anything else that is not
/// intact is refused.
pub fn open(
    dir: &Path,
    config: &Config,
    keyring: &mut Keyring,
    options: &Options,
    lock: Arc<dyn Lock>,
) -> Result<Writer, LedgerError> {
    match attempt(dir, config, keyring, options, lock.clone(), true) {
        Err(LedgerError::Index(error)) => {
            tracing::warn!("{error}; the journal is read as a whole");
            attempt(dir, config, keyring, options, lock, false)
        }
        other => other,
    }
}

fn attempt(
    dir: &Path,
    config: &Config,
    keyring: &mut Keyring,
    options: &Options,
    lock: Arc<dyn Lock>,
    may_resume: bool,
) -> Result<Writer, LedgerError> {
    let (paths, disk) = (Paths(dir), &*options.disk);
    let (held, failed) = Held::read(disk, dir, config);
    if let Some((_, error)) = failed {
        return Err(error);
    }
    let mut opening = Opening { catalog: Catalog::open(dir, options)?, held, erasure: None, root: None };
    let from = if may_resume { opening.resume(disk, dir, keyring)? } else { None };
    if !may_resume {
        opening.catalog.distrust();
    }
    let stored = Stored::read_from(disk, &paths.tree(), from.map_or(0, |(_, seq)| seq))?;
    let durable = stored.covered().max(opening.held.size().0);
    let mut looked = false;
    let end = journal::scan(disk, &paths.journal(), from, |group, segment| {
        let entries = read::open_all(&group.entries, keyring, Content::Leave).collect::<Result<Vec<_>, _>>()?;
        // Nothing of such a stream was finished or written yet, nor of any later one.
        if !looked && entries.iter().any(|entry| entry.record.is_none()) {
            looked = true;
            refuse_lost_keys(disk, &paths.journal(), group, segment, keyring, durable)?;
        }
        opening.take_group(group, &entries, segment, &stored, keyring)
    })?;
    refuse_damage(disk, &paths.journal(), &end, durable)?;
    opening.held.verdict(TreeSize(end.next_seq)).map_err(|(_, what)| LedgerError::RolledBack(what))?;
    if end.next_seq < durable {
        return Err(LedgerError::RolledBack(format!(
            "the journal holds {} entries, `tree/leaves` or a file beside it covers {durable}; {WAY_OUT}",
            end.next_seq
        )));
    }
    let anchor = Anchor::open(disk, config)?;
    let signed = clock::last_written(&paths.checkpoint());
    // Only what was synced is in the tree or signed: a last group that is in neither may be in memory alone.
    let doubtful = end.last_group.filter(|_| end.next_seq > durable);
    let journal = Journal::open(options.disk.clone(), &paths.journal(), &end, doubtful, options.segment_len())?;
    opening.settle(keyring)?;
    disk.sync_dir(dir).map_err(|error| JournalError::Io(dir.to_owned(), error))?;
    let mut catalog = opening.catalog;
    catalog.tree.truncate()?;
    keyring.sync()?;
    catalog.fetch_common()?;
    catalog.settle(keyring)?;
    clock::warn_if_behind((options.now)(), catalog.last_recorded);
    let watch = Watch::new(signed, catalog.last_recorded, options.trust_clock);
    let (dir, config, options) = (dir.to_owned(), config.clone(), options.clone());
    let (frames, commits, health) = (Frames::default(), Commits::default(), Health::Sound);
    Ok(Writer { dir, config, options, journal, frames, catalog, anchor, watch, commits, health, closed: false, lock })
}

/// Refuses damage within the first `durable` entries, and such as something stands behind; a torn tail is none.
pub fn refuse_damage(disk: &dyn Disk, journal: &Path, end: &journal::End, durable: u64) -> Result<(), LedgerError> {
    let Some(damage) = &end.damage else { return Ok(()) };
    if damage.seq >= durable && !journal::goes_on(disk, journal, end)? {
        return Ok(());
    }
    let path = journal::segment_path(journal, end.location.segment);
    let (offset, seq, what) = (damage.offset as u64, damage.seq, damage.what.clone());
    Err(JournalError::Corrupt { path, offset, seq, what }.into())
}

/// Looks ahead from the first group with an entry that has no keys: a new slot in place of a lost one would seal what
/// follows under other keys, and nobody could tell them apart from an erasure.
fn refuse_lost_keys(
    disk: &dyn Disk,
    journal: &Path,
    group: &Group,
    segment: SegmentId,
    keyring: &Keyring,
    durable: u64,
) -> Result<(), LedgerError> {
    let first = group.entries.first().expect("a group is not empty").seq;
    let from = (Location { segment, offset: group.start as u32 }, first);
    let mut keyless = Keyless::default();
    let end = journal::scan(disk, journal, Some(from), |group, _| {
        let mut entries = group.entries.iter();
        entries.try_for_each(|raw| keyless.take(raw, |stream| keyring.slot_of_stream(stream).is_some()))?;
        Ok::<(), LedgerError>(())
    })?;
    refuse_damage(disk, journal, &end, durable)?;
    // Where entries are gone an erasure may be among them: that is told once they were counted.
    if end.next_seq < durable { Ok(()) } else { keyless.verdict() }
}

struct Opening {
    catalog: Catalog,
    held: Held,
    /// That of the group that was taken last.
    erasure: Option<(Scope, StreamId, u64)>,
    /// Where the tail alone is read: how many entries runs cover, and the root over them.
    root: Option<(u64, NodeHash)>,
}

impl Opening {
    /// Where the journal is to be read on; `None` where it is to be read as a whole.
    fn resume(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        keyring: &Keyring,
    ) -> Result<Option<(Location, u64)>, LedgerError> {
        let resume = match resume::resume(disk, dir, &self.catalog, &mut self.held, keyring)? {
            Ok(resume) => resume,
            Err(why) => {
                tracing::info!("{why}: the journal is read as a whole");
                return Ok(None);
            }
        };
        let (start, root) = (resume.start, resume.root);
        self.root = self.catalog.resume().map(|(_, covered, _)| (covered, root));
        self.catalog.resume_at(resume);
        Ok(Some((Location::unpack(start.location), start.seq)))
    }

    fn take_group(
        &mut self,
        group: &Group,
        entries: &[Entry],
        segment: SegmentId,
        stored: &Stored,
        keyring: &mut Keyring,
    ) -> Result<(), LedgerError> {
        self.settle(keyring)?;
        self.catalog.write_due(keyring)?;
        let start = group_start(group, segment);
        for (raw, entry) in group.entries.iter().zip(entries) {
            self.catalog.heads.take(entry);
            self.catalog.retake(entry, Location { segment, offset: raw.offset as u32 }, start)?;
            self.catalog.tree.replay(tree::leaf(&entry.hash), stored);
            let frontier = self.catalog.tree.frontier();
            if self.root.is_some_and(|(covered, root)| frontier.size().0 == covered && frontier.root() != root) {
                return Err(self.catalog.foreign().into());
            }
            self.held.note(frontier);
            self.finish(entry, keyring)?;
        }
        Ok(())
    }

    /// Does what waits for the last group that was taken to be durable. It is once another follows: INVARIANT (one in
    /// flight); of the last one of all, once the journal stands open.
    fn settle(&mut self, keyring: &mut Keyring) -> Result<(), LedgerError> {
        self.catalog.tree.write_missing()?;
        match self.erasure.take() {
            Some((scope, stream, seq)) => finish_erasure(scope, stream, seq, keyring, &mut self.catalog),
            None => Ok(()),
        }
    }

    /// What the keyring may not have got before a crash: an account's slot, or an erasure.
    fn finish(&mut self, entry: &Entry, keyring: &mut Keyring) -> Result<(), LedgerError> {
        let Some(record) = &entry.record else { return Ok(()) };
        let stream = entry.header.streams[0].stream;
        match record.body {
            Body::PolicyAdopted(_) | Body::VerdictAttested(_) => Ok(()),
            Body::SubjectErased(scope) => {
                self.erasure = Some((scope, stream, entry.header.seq));
                Ok(())
            }
            _ => Ok(keyring.restore_owner(stream, &record.subject)?),
        }
    }
}
