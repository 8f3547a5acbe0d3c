//! Opening: the journal is read once, and whatever an earlier process left unfinished is finished by the everyday code.

use super::anchor::Anchor;
use super::catalog::{Catalog, group_start};
use super::clock::{self, Watch};
use super::held::{Held, WAY_OUT};
use super::metrics::Commits;
use super::read::{self, BadEntry, Content};
use super::stored::Stored;
use super::tree;
use super::writer::{Health, Writer, finish_erasure};
use super::{Config, LedgerError, Options, Paths};
use crate::codec::StreamId;
use crate::disk::Lock;
use crate::entry::Entry;
use crate::fact::{Body, Scope};
use crate::journal::{self, Group, Journal, JournalError, Location, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::TreeSize;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// Reads the journal and stands ready to write.
///
/// A torn tail is cut if nothing of it was acknowledged: it is the last thing in the last segment, and neither the tree
/// nor the checkpoint, both written after the sync, reach it. Anything else that is not intact is refused.
pub fn open(
    dir: &Path,
    config: &Config,
    keyring: &mut Keyring,
    options: &Options,
    lock: Arc<dyn Lock>,
) -> Result<Writer, LedgerError> {
    let (paths, disk) = (Paths(dir), &*options.disk);
    let (held, failed) = Held::read(disk, dir, config);
    if let Some((_, error)) = failed {
        return Err(error);
    }
    let stored = Stored::read(disk, &paths.tree())?;
    let durable = stored.covered().max(held.size().0);
    let mut opening = Opening { catalog: Catalog::open(dir, options)?, held, erasure: None };
    let end = journal::scan(disk, &paths.journal(), None, |group, segment| {
        opening.take_group(group, segment, &stored, keyring)
    })?;
    let next_segment = journal::segment_path(&paths.journal(), SegmentId(end.location.segment.0 + 1));
    let segment_follows = || disk.exists(&next_segment);
    if let Some(damage) = end.damage.as_ref().filter(|damage| damage.seq < durable || segment_follows()) {
        let path = journal::segment_path(&paths.journal(), end.location.segment);
        let (offset, seq, what) = (damage.offset as u64, damage.seq, damage.what.clone());
        return Err(JournalError::Corrupt { path, offset, seq, what }.into());
    }
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
    catalog.settle(keyring)?;
    clock::warn_if_behind((options.now)(), catalog.last_recorded);
    let watch = Watch::new(signed, catalog.last_recorded, options.trust_clock);
    let (dir, config, options) = (dir.to_owned(), config.clone(), options.clone());
    let (commits, health) = (Commits::default(), Health::Sound);
    Ok(Writer { dir, config, options, journal, catalog, anchor, watch, commits, health, closed: false, lock })
}

struct Opening {
    catalog: Catalog,
    held: Held,
    /// That of the group that was taken last.
    erasure: Option<(Scope, StreamId, u64)>,
}

impl Opening {
    fn take_group(
        &mut self,
        group: &Group,
        segment: SegmentId,
        stored: &Stored,
        keyring: &mut Keyring,
    ) -> Result<(), LedgerError> {
        self.settle(keyring)?;
        let shared: &Keyring = keyring;
        let entries = group.entries.par_iter().with_min_len(64).map(|raw| read::open(raw, shared, Content::Leave));
        let entries = entries.collect::<Result<Vec<Entry>, BadEntry>>()?;
        let start = group_start(group, segment);
        for (raw, entry) in group.entries.iter().zip(&entries) {
            self.catalog.heads.take(entry);
            self.catalog.retake(entry, Location { segment, offset: raw.offset as u32 }, start)?;
            self.catalog.tree.replay(tree::leaf(&entry.hash), stored);
            self.held.note(self.catalog.tree.frontier());
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
