//! The journal: the truth. Append-only segment files of commit groups; one group a commit, one fdatasync a group.
//!
//! INVARIANT (commit point): a group is recorded once `sync_data` after its last byte returned; nothing is acknowledged
//! before that. INVARIANT (one in flight): a group is written only after the one before it was synced, so only the last
//! can be torn. `docs/format.md` gives every byte.

mod group;
mod resync;
mod segment;
mod stretch;

pub use group::{Damage, Frames, Group, RawEntry, groups, read_frame};
pub use resync::{Gap, each_intact, segments};
pub use segment::{SegmentId, first_seq, path_of as segment_path, read_first_seq};

use crate::disk::{Disk, DiskFile};
use segment::{HEADER_LEN, Segment};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stretch::{STRETCH, Stretch};

/// A segment longer than this is closed and the next one begun, if nothing shorter is asked for.
pub const SEGMENT_LEN: u64 = 64 << 20;
/// Groups smaller than this are written into space that was zeroed ahead, so that their sync has no metadata to flush.
const SMALL_GROUP: usize = 64 << 10;
/// How far ahead space is zeroed.
const ZERO_AHEAD: u64 = 1 << 20;

/// Where an entry stands: a segment and an offset within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The segment.
    pub segment: SegmentId,
    /// The offset of the entry's frame.
    pub offset: u32,
}

impl Location {
    /// Both in one number, ascending as the journal does.
    pub fn pack(self) -> u64 {
        u64::from(self.segment.0) << 32 | u64::from(self.offset)
    }

    /// Further on in the same segment.
    pub fn plus(self, offset: u64) -> Location {
        Location { offset: self.offset + offset as u32, ..self }
    }

    /// The inverse of [`Location::pack`].
    pub fn unpack(packed: u64) -> Location {
        Location { segment: SegmentId((packed >> 32) as u32), offset: packed as u32 }
    }
}

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error("journal `{}`: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// A segment that was moved to cold storage, which is not there now.
    #[error("segment `{}` was moved to `{}`, which cannot be read: {}; mount the cold storage", .0.display(), .1.display(), .2)]
    Cold(PathBuf, PathBuf, io::Error),
    /// There was no room. Nothing was appended: what had been written of it was cut, and the cut synced.
    #[error("journal `{}`: {}", .0.display(), .1)]
    NoRoom(PathBuf, io::Error),
    /// What is there is not what was written.
    #[error("journal `{}` is damaged at offset {offset}: {what}", .path.display())]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// The first entry that is affected.
        seq: u64,
        /// What is wrong.
        what: String,
    },
}

/// The journal's one writer.
pub struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// A segment longer than this is closed.
    segment_len: u64,
    segment: Segment,
}

impl Journal {
    /// Makes an empty journal in `dir`.
    pub fn create(disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
        disk.create_dir(dir).map_err(|error| JournalError::Io(dir.to_owned(), error))?;
        Segment::create(disk, dir, SegmentId(0), 0)?.close()
    }

    /// Opens for appending at the `end` of a pass, cutting whatever stands behind it. Segments are closed once they are
    /// longer than `segment_len`.
    ///
    /// A last group that is `doubtful` was perhaps never synced: its writer died before, or its sync failed, after which
    /// the system may show bytes that it will never write. It is written once more, and synced.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        end: &End,
        doubtful: Option<Location>,
        segment_len: u64,
    ) -> Result<Journal, JournalError> {
        // A segment is only begun once the one before it was synced.
        let doubtful = doubtful.filter(|group| group.segment == end.location.segment);
        let again = doubtful.map_or(end.location.offset, |group| group.offset);
        let segment = Segment::open(&*disk, dir, end, u64::from(again))?;
        Ok(Journal { disk, dir: dir.to_owned(), segment_len, segment })
    }

    /// Where the next group will begin: a segment that is full is closed, and the next one begun with `first_seq`.
    pub fn place(&mut self, first_seq: u64) -> Result<Location, JournalError> {
        if self.segment.len() > self.segment_len {
            self.segment.close()?;
            self.segment = Segment::create(&*self.disk, &self.dir, SegmentId(self.segment.id().0 + 1), first_seq)?;
        }
        Ok(Location { segment: self.segment.id(), offset: self.segment.len() as u32 })
    }

    /// Writes one group where [`Journal::place`] said, and syncs. After an error other than that there was no room nothing
    /// more may be written.
    pub fn commit(&mut self, group: &Frames) -> Result<(), JournalError> {
        let bytes = group.bytes();
        self.segment.write(bytes, if bytes.len() < SMALL_GROUP { ZERO_AHEAD } else { 0 })
    }

    /// The segment that is written to, where its groups end, and up to where its file holds zeros.
    pub fn standing(&self) -> (SegmentId, u64, u64) {
        (self.segment.id(), self.segment.len(), self.segment.allocated())
    }

    /// Fails as long as there is no room for a group.
    pub fn probe(&mut self) -> Result<(), JournalError> {
        self.segment.probe(ZERO_AHEAD)
    }

    /// Gives back the space zeroed ahead.
    pub fn close(&mut self) -> Result<(), JournalError> {
        self.segment.close()
    }
}

/// The bytes of a segment.
pub fn read_segment(disk: &dyn Disk, dir: &Path, id: SegmentId) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    segment::read(disk, dir, id, &mut bytes)?;
    Ok(bytes)
}

/// Checks the header of a segment's bytes, and returns where its groups begin.
pub fn check_header(bytes: &[u8], id: SegmentId, first_seq: u64) -> Result<usize, Damage> {
    let checked = segment::check_header(bytes, id, Some(first_seq));
    checked.map_err(|what| Damage { offset: 0, seq: first_seq, what })?;
    Ok(HEADER_LEN as usize)
}

/// Checks every checksum of a segment's bytes.
pub fn check_segment(bytes: &[u8], id: SegmentId, first_seq: u64) -> Result<(), Damage> {
    let start = check_header(bytes, id, first_seq)?;
    groups(bytes, start, first_seq).try_for_each(|group| group.map(drop))
}

/// The end of a pass.
#[derive(Debug)]
pub struct End {
    /// Behind the last intact group.
    pub location: Location,
    /// The seq that comes next.
    pub next_seq: u64,
    /// Where the last group begins, if there was one.
    pub last_group: Option<Location>,
    /// What stands behind it, if that is neither nothing nor zeros.
    pub damage: Option<Damage>,
}

/// Passes over every group from `from` on, in order; `visit` may stop the pass with an error.
///
/// What stands before `from` in its segment is not read. Ends at the first thing that is not an intact group; whether that is
/// a torn tail or damage is for the caller, who knows how much was acknowledged.
pub fn scan<E: From<JournalError>>(
    disk: &dyn Disk,
    dir: &Path,
    from: Option<(Location, u64)>,
    visit: impl FnMut(&Group, SegmentId) -> Result<(), E>,
) -> Result<End, E> {
    scan_by(STRETCH, disk, dir, from, visit)
}

fn scan_by<E: From<JournalError>>(
    stretch: usize,
    disk: &dyn Disk,
    dir: &Path,
    from: Option<(Location, u64)>,
    mut visit: impl FnMut(&Group, SegmentId) -> Result<(), E>,
) -> Result<End, E> {
    let (mut at, mut next_seq) = from.unwrap_or((Location { segment: SegmentId(0), offset: HEADER_LEN as u32 }, 0));
    let (mut room, mut last_group) = (Vec::new(), None);
    loop {
        let mut read = Stretch::open(disk, dir, at.segment, &mut room)?;
        read.read(0, HEADER_LEN as usize)?;
        let first_seq = (u64::from(at.offset) == HEADER_LEN).then_some(next_seq);
        if let Err(what) = segment::check_header(read.bytes(), at.segment, first_seq) {
            let damage = Some(Damage { offset: 0, seq: next_seq, what });
            return Ok(End { location: at, next_seq, last_group, damage });
        }
        let (mut damage, mut wanted) = (None, stretch);
        loop {
            read.read(at.offset as usize, wanted)?;
            let (before, start) = (at, read.start());
            for group in groups(read.bytes(), 0, next_seq) {
                match group.map(|group| group.behind(start)) {
                    Ok(group) => {
                        visit(&group, at.segment)?;
                        next_seq += group.entries.len() as u64;
                        last_group = Some(at);
                        at.offset = group.end as u32;
                    }
                    Err(found) => damage = Some(Damage { offset: start + found.offset, ..found }),
                }
            }
            if read.is_last() {
                break;
            }
            // It may only be cut by the stretch. Where that begins with it, all of it is read; or all there is, if that is no group.
            damage = None;
            let held = read.bytes();
            wanted = match group::len(held) {
                _ if at != before => stretch,
                Some(len) if len > held.len() => len,
                _ => usize::MAX,
            };
        }
        let rest_is_empty = read.bytes()[at.offset as usize - read.start()..].iter().all(|&byte| byte == 0);
        let next = SegmentId(at.segment.0 + 1);
        let follows = segment::exists(disk, dir, next);
        if damage.is_none() && !follows {
            damage = missing(disk, dir, next, &at, next_seq)?;
        }
        if damage.is_some() || !follows || !rest_is_empty {
            return Ok(End { location: at, next_seq, last_group, damage });
        }
        at = Location { segment: next, offset: HEADER_LEN as u32 };
    }
}

/// What is wrong if segments stand behind `next`, and it is not there.
fn missing(
    disk: &dyn Disk,
    dir: &Path,
    next: SegmentId,
    at: &Location,
    seq: u64,
) -> Result<Option<Damage>, JournalError> {
    let later = segments(disk, dir)?.last().is_some_and(|&last| last > next);
    // A writer may have begun it, and the one behind it, meanwhile.
    let is_missing = later && !segment::exists(disk, dir, next);
    let what = || format!("segment {:08} is missing", next.0);
    Ok(is_missing.then(|| Damage { offset: at.offset as usize, seq, what: what() }))
}

/// True if something stands behind the damage that a pass ended at: a later segment, or an intact group in the same one.
/// Then it is no torn tail: INVARIANT (one in flight). Beside a writer it says nothing: the next group may have come since.
pub fn goes_on(disk: &dyn Disk, dir: &Path, end: &End) -> Result<bool, JournalError> {
    if end.damage.is_none() {
        return Ok(false);
    }
    if segments(disk, dir)?.last().is_some_and(|&last| last > end.location.segment) {
        return Ok(true);
    }
    let bytes = read_segment(disk, dir, end.location.segment)?;
    Ok(group::goes_on(&bytes, end.location.offset as usize, end.next_seq))
}

/// As [`scan`], over the last segment only.
pub fn scan_last<E: From<JournalError>>(
    disk: &dyn Disk,
    dir: &Path,
    visit: impl FnMut(&Group, SegmentId) -> Result<(), E>,
) -> Result<End, E> {
    scan_segment(disk, dir, segments(disk, dir)?.pop().unwrap_or(SegmentId(0)), visit)
}

/// As [`scan`], from a segment on.
pub fn scan_segment<E: From<JournalError>>(
    disk: &dyn Disk,
    dir: &Path,
    id: SegmentId,
    visit: impl FnMut(&Group, SegmentId) -> Result<(), E>,
) -> Result<End, E> {
    let start = Location { segment: id, offset: HEADER_LEN as u32 };
    // One whose header was cut short holds nothing: what there is stands before it.
    let from = segment::read_first_seq(disk, dir, id)?.map(|first_seq| (start, first_seq));
    scan(disk, dir, from, visit)
}

/// The whole entries at the start of the damaged group that a pass ended at.
pub fn intact<T>(
    disk: &dyn Disk,
    dir: &Path,
    end: Location,
    next_seq: u64,
    open: impl FnOnce(&Group) -> T,
) -> Result<T, JournalError> {
    let mut bytes = Vec::new();
    segment::read(disk, dir, end.segment, &mut bytes)?;
    Ok(open(&group::intact(&bytes, end.offset as usize, next_seq)))
}

/// Where a segment's first entry stands.
pub fn first_location(segment: SegmentId) -> Location {
    Location { segment, offset: HEADER_LEN as u32 + group::HEADER_LEN as u32 }
}

/// Reads one entry's frame.
pub fn read_entry(disk: &dyn Disk, dir: &Path, at: Location) -> Result<Vec<u8>, JournalError> {
    segment::read_frame(&*segment::open_to_read(disk, dir, at.segment)?, dir, at, Vec::new())
}

/// Reads single entries one after another, in the same memory; the last segments that it opened stay open.
pub struct EntryReader<'a> {
    disk: &'a dyn Disk,
    dir: PathBuf,
    /// How many.
    kept: usize,
    open: Vec<(SegmentId, Box<dyn DiskFile>)>,
    bytes: Vec<u8>,
}

impl<'a> EntryReader<'a> {
    /// Of the journal in the folder `dir`, so many segments of which it may keep open; nothing is opened yet.
    pub fn new(disk: &'a dyn Disk, dir: PathBuf, kept: usize) -> EntryReader<'a> {
        EntryReader { disk, dir, kept, open: Vec::new(), bytes: Vec::new() }
    }

    /// One entry's frame, as [`read_entry`] reads it.
    pub fn read(&mut self, at: Location) -> Result<&[u8], JournalError> {
        let place = match self.open.iter().position(|(segment, _)| *segment == at.segment) {
            Some(place) => place,
            None => {
                let file = segment::open_to_read(self.disk, &self.dir, at.segment)?;
                if self.open.len() == self.kept {
                    self.open.remove(0);
                }
                self.open.push((at.segment, file));
                self.open.len() - 1
            }
        };
        self.bytes = segment::read_frame(&*self.open[place].1, &self.dir, at, std::mem::take(&mut self.bytes))?;
        Ok(&self.bytes)
    }
}
