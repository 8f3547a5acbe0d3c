//! Segment files: `NNNNNNNN.seg`.

use super::{End, JournalError, Location, group};
use crate::disk::{Disk, DiskFile, Open, passes};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 12] = b"inforce-jrnl";
const VERSION: u32 = 1;
/// Magic, version, segment, first seq, checksum.
pub const HEADER_LEN: u64 = 32;

/// A segment's number, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u32);

/// The file of a segment.
pub fn path_of(dir: &Path, id: SegmentId) -> PathBuf {
    dir.join(format!("{:08}.seg", id.0))
}

/// True if the segment is there, or was moved to cold storage, mounted or not.
pub fn exists(disk: &dyn Disk, dir: &Path, id: SegmentId) -> bool {
    disk.exists(&path_of(dir, id))
}

/// Reads a segment into `bytes`, whose space is used again.
pub fn read(disk: &dyn Disk, dir: &Path, id: SegmentId, bytes: &mut Vec<u8>) -> Result<(), JournalError> {
    let path = path_of(dir, id);
    disk.read_into(&path, bytes).map_err(|error| unreadable(&path, error))
}

/// Why a segment cannot be read; one that was moved to cold storage is not damaged because that is not mounted.
pub fn unreadable(path: &Path, error: std::io::Error) -> JournalError {
    match std::fs::read_link(path) {
        Ok(place) => JournalError::Cold(path.to_owned(), place, error),
        Err(_) => JournalError::Io(path.to_owned(), error),
    }
}

fn header(id: SegmentId, first_seq: u64) -> [u8; HEADER_LEN as usize] {
    let mut bytes = [0; HEADER_LEN as usize];
    bytes[..12].copy_from_slice(MAGIC);
    bytes[12..16].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..20].copy_from_slice(&id.0.to_le_bytes());
    bytes[20..28].copy_from_slice(&first_seq.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Checks a segment's header; `first_seq` where the pass begins with the segment.
pub fn check_header(bytes: &[u8], id: SegmentId, expected: Option<u64>) -> Result<(), String> {
    let found = first_seq(bytes).ok_or("a segment's header is cut")?;
    if bytes[..HEADER_LEN as usize] != header(id, expected.unwrap_or(found)) {
        return Err(format!("the header of segment {} is not the one that was written", id.0));
    }
    Ok(())
}

/// The first seq that a segment's header claims.
pub fn first_seq(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(..HEADER_LEN as usize)?[20..28].try_into().ok()?))
}

/// The first seq of a segment, from its file; `None` if its header is not whole.
pub fn read_first_seq(disk: &dyn Disk, dir: &Path, id: SegmentId) -> Result<Option<u64>, JournalError> {
    let path = path_of(dir, id);
    let file = disk.open(&path, Open::Read).map_err(|error| unreadable(&path, error))?;
    let mut bytes = [0; HEADER_LEN as usize];
    let whole = file.read_exact_at(&mut bytes, 0).is_ok() && check_header(&bytes, id, None).is_ok();
    Ok(first_seq(&bytes).filter(|_| whole))
}

/// Opens a segment to read single frames of it.
pub fn open_to_read(disk: &dyn Disk, dir: &Path, id: SegmentId) -> Result<Box<dyn DiskFile>, JournalError> {
    let path = path_of(dir, id);
    disk.open(&path, Open::Read).map_err(|error| unreadable(&path, error))
}

/// Reads the frame at `at` of its open segment into `bytes`, whose room is used again.
pub fn read_frame(file: &dyn DiskFile, dir: &Path, at: Location, mut bytes: Vec<u8>) -> Result<Vec<u8>, JournalError> {
    let io = |error| JournalError::Io(path_of(dir, at.segment), error);
    bytes.resize(1024, 0);
    let read = file.read_at(&mut bytes, u64::from(at.offset)).map_err(io)?;
    bytes.truncate(read);
    let len = group::frame_len(&bytes).map_or(0, |len| len + 8);
    if len > bytes.len() && u64::from(at.offset) + len as u64 <= file.len().map_err(io)? {
        bytes.resize(len, 0);
        file.read_exact_at(&mut bytes, u64::from(at.offset)).map_err(io)?;
    }
    Ok(bytes)
}

/// The segment that is written to.
pub struct Segment {
    id: SegmentId,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    len: u64,
    /// Up to where the file holds bytes, zeros included.
    allocated: u64,
}

impl Segment {
    /// Makes a new segment and its name durable.
    pub fn create(disk: &dyn Disk, dir: &Path, id: SegmentId, first_seq: u64) -> Result<Segment, JournalError> {
        let path = path_of(dir, id);
        let io = |error| JournalError::Io(path.clone(), error);
        let file = match disk.open(&path, Open::CreateNew) {
            Err(error) if passes(&error) && !disk.exists(&path) => return Err(JournalError::NoRoom(path, error)),
            other => other.map_err(io)?,
        };
        if let Err(error) = file.write_all_at(&header(id, first_seq), 0) {
            let undone = passes(&error) && disk.remove(&path).and_then(|()| disk.sync_dir(dir)).is_ok();
            return Err(if undone { JournalError::NoRoom(path, error) } else { io(error) });
        }
        file.sync_all().map_err(io)?;
        disk.sync_dir(dir).map_err(io)?;
        Ok(Segment { id, path, file, len: HEADER_LEN, allocated: HEADER_LEN })
    }

    /// Opens an existing segment at the end of a pass: cuts everything behind it, and writes what stands between `again`
    /// and it once more. One without entries gets its header again: whoever made it may have died before the header was
    /// whole. All of it, and the segment's name, is durable when this returns.
    pub fn open(disk: &dyn Disk, dir: &Path, end: &End, again: u64) -> Result<Segment, JournalError> {
        let (id, len) = (end.location.segment, u64::from(end.location.offset));
        let path = path_of(dir, id);
        let io = |error| JournalError::Io(path.clone(), error);
        let file = disk.open(&path, Open::Write).map_err(io)?;
        if file.len().map_err(io)? > len {
            file.set_len(len).map_err(io)?;
        }
        if len == HEADER_LEN {
            file.write_all_at(&header(id, end.next_seq), 0).map_err(io)?;
        }
        if again < len {
            let mut bytes = vec![0; (len - again) as usize];
            file.read_exact_at(&mut bytes, again).and_then(|()| file.write_all_at(&bytes, again)).map_err(io)?;
        }
        file.sync_all().map_err(io)?;
        disk.sync_dir(dir).map_err(io)?;
        Ok(Segment { id, path, file, len, allocated: len })
    }

    pub fn id(&self) -> SegmentId {
        self.id
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn allocated(&self) -> u64 {
        self.allocated
    }

    /// Writes at the end and syncs; zeroes `ahead` bytes more where the space is used up.
    pub fn write(&mut self, bytes: &[u8], ahead: u64) -> Result<(), JournalError> {
        let end = self.len + bytes.len() as u64;
        let written = self.zero(end, ahead).and_then(|()| self.file.write_all_at(bytes, self.len));
        written.map_err(|error| self.undo(error))?;
        // The group is recorded when this returns.
        self.file.sync_data().map_err(|error| JournalError::Io(self.path.clone(), error))?;
        self.len = end;
        self.allocated = self.allocated.max(end);
        Ok(())
    }

    /// Zeroes what lies behind `end`. Where there is no room for that, the group itself may still find some.
    fn zero(&mut self, end: u64, ahead: u64) -> io::Result<()> {
        if ahead == 0 || end <= self.allocated {
            return Ok(());
        }
        match self.file.write_all_at(&vec![0; ahead as usize], end) {
            Ok(()) => self.allocated = end + ahead,
            Err(error) if passes(&error) => {
                self.file.set_len(self.len)?;
                self.allocated = self.len;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Cuts what a failed write left. Nothing of it was synced, so once the cut is, the segment is as it was before; a
    /// sync that failed could not be undone like this.
    fn undo(&mut self, error: io::Error) -> JournalError {
        if passes(&error) && self.file.set_len(self.len).and_then(|()| self.file.sync_all()).is_ok() {
            self.allocated = self.len;
            return JournalError::NoRoom(self.path.clone(), error);
        }
        JournalError::Io(self.path.clone(), error)
    }

    /// Fails unless `ahead` bytes more can be written.
    pub fn probe(&mut self, ahead: u64) -> Result<(), JournalError> {
        let written = self.file.write_all_at(&vec![0; ahead as usize], self.len);
        written.map_err(|error| self.undo(error))?;
        self.allocated = self.allocated.max(self.len + ahead);
        Ok(())
    }

    /// Cuts the space zeroed ahead.
    pub fn close(&mut self) -> Result<(), JournalError> {
        let io = |error| JournalError::Io(self.path.clone(), error);
        if self.allocated > self.len {
            self.file.set_len(self.len).map_err(io)?;
            self.allocated = self.len;
        }
        self.file.sync_all().map_err(io)
    }
}
