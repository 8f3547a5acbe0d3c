//! What a ledger asks of a disk: the few operations that journal, keyring, tree, checkpoint and `ledger.toml` stand on.
//!
//! [`RealDisk`] is the system's. Tests put others beneath the same code: one whose calls fail, one that loses power.
//! Nothing here retries, caches or syncs of its own accord: order and number of calls are the callers'. Deliberately
//! absent: maps of files into memory, which report a failed read as a signal; and sled, which brings its own files.

mod real;
mod replace;

pub use real::RealDisk;
pub use replace::replace;

use std::io;
use std::path::{Path, PathBuf};

/// How a file is opened. What is made is readable by its owner only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading.
    Read,
    /// For reading and writing; it must be there.
    Write,
    /// As `Write`; made if it is not there.
    Create,
    /// As `Create`; emptied if it is there.
    Truncate,
    /// As `Write`; made, and it must not be there.
    CreateNew,
}

/// Files and folders.
pub trait Disk: Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;
    /// Reads a whole file into `bytes`, whose space is used again.
    fn read_into(&self, path: &Path, bytes: &mut Vec<u8>) -> io::Result<()>;
    /// Moves a file over another.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder, which must not be there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder for its owner only, and those above it, where they are not there.
    fn create_private_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// True if there is such a file or folder; a link counts, whether or not what it leads to is there.
    fn exists(&self, path: &Path) -> bool;
    /// The files and folders in a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    /// Takes the lock that is a file, made if need be, until what is returned is dropped; `None` if another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
    /// The lock shared with others that read, or `None` if a process writes. It is given back when dropped.
    fn share_lock(&self, path: &Path) -> Option<Box<dyn Lock>>;
    /// True if somebody holds the lock; changes nothing.
    fn is_locked(&self, path: &Path) -> bool;

    /// A file without a name, for its owner only, gone with whoever holds it: where the system keeps such files.
    fn scratch(&self) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(tempfile::tempfile()?))
    }

    /// Reads a whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(path, &mut bytes)?;
        Ok(bytes)
    }
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at `offset`, as much as there is at once; 0 at the end.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at `offset`, and says how much of it was written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// The length.
    fn len(&self) -> io::Result<u64>;
    /// Cuts the file, or lengthens it by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes what was written durable, and of the rest what is needed to read it back.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes everything about the file durable, but not its name.
    fn sync_all(&self) -> io::Result<()>;

    /// True if the file holds nothing.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads exactly as many bytes.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let is_all = self.read_up_to(bytes, offset)? == bytes.len();
        is_all.then_some(()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads as many bytes, or all there are; says how many.
    fn read_up_to(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < bytes.len() {
            match self.read_at(&mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// Writes all of `bytes`, in as many calls as it takes.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// True for a failure that passes while the disk itself is sound: no room, a limit, a permission.
pub fn passes(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    /// `ENFILE` and `EMFILE`: too many open files.
    const TOO_MANY: [i32; 2] = [23, 24];
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | PermissionDenied | ReadOnlyFilesystem)
        || error.raw_os_error().is_some_and(|code| TOO_MANY.contains(&code))
}

/// A lock that is held; given back when it is dropped.
pub trait Lock: Send + Sync {
    /// True if it is still the lock that others ask for: its file was neither removed nor replaced.
    fn holds(&self) -> bool {
        true
    }
}
