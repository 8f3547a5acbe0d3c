//! The system's disk: each operation is one system call, or one after an open.

use super::{Disk, DiskFile, Lock, Open};
use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer waits for those who only look something up.
const WAIT: Duration = Duration::from_secs(10);

/// Said where they still do.
const READ: &str = "others look something up by the index: try again once they are done";

/// The files of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).mode(0o600);
        match how {
            Open::Read => {}
            Open::Write => drop(options.write(true)),
            Open::Create => drop(options.write(true).create(true)),
            Open::Truncate => drop(options.write(true).create(true).truncate(true)),
            Open::CreateNew => drop(options.write(true).create_new(true)),
        }
        Ok(Box::new(options.open(path)?))
    }

    fn read_into(&self, path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        let mut file = File::open(path)?;
        let len = file.metadata()?.len() as usize;
        if bytes.capacity() < len {
            // The next file is about as long as this one, and must not be copied to fresh memory because it is a bit longer.
            *bytes = Vec::new();
            bytes.reserve_exact(len + len / 8);
        }
        file.read_to_end(bytes).map(drop)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn create_private_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        path.read_dir()?.map(|file| Ok(file?.path())).collect()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.lock_within(path, WAIT)
    }

    fn share_lock(&self, path: &Path) -> Option<Box<dyn Lock>> {
        let file = File::open(path).ok()?;
        file.try_lock_shared().is_ok().then(|| Box::new(Locked(file, path.to_owned())) as Box<dyn Lock>)
    }

    fn is_locked(&self, path: &Path) -> bool {
        let held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        File::open(path).is_ok_and(held)
    }
}

impl RealDisk {
    /// The lock that is a folder, until what is returned is dropped; `None` if another holds it.
    pub fn lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let folder = File::open(path)?;
        match folder.try_lock() {
            Ok(()) => Ok(Some(Box::new(Locked(folder, path.to_owned())))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock_within(&self, path: &Path, wait: Duration) -> io::Result<Option<Box<dyn Lock>>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Box::new(Locked(file, path.to_owned())))),
                Err(TryLockError::WouldBlock) if self.is_locked(path) => return Ok(None),
                Err(TryLockError::WouldBlock) if begun.elapsed() > wait => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, READ));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl DiskFile for File {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }
}

/// A file whose lock is given back by name: closing alone would leave it to a child process that is being started.
struct Locked(File, PathBuf);

impl Lock for Locked {
    fn holds(&self) -> bool {
        let identity = |file: Metadata| (file.dev(), file.ino());
        let (held, named) = (self.0.metadata().map(identity), self.1.metadata().map(identity));
        held.is_ok_and(|held| named.is_ok_and(|named| named == held))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_who_is_in_the_way() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("lock");
        let writer = RealDisk.lock(&path).expect("sound").expect("free");
        assert!(RealDisk.lock(&path).expect("sound").is_none(), "another writes");
        assert!(writer.holds());
        drop(writer);
        let reader = RealDisk.share_lock(&path).expect("free");
        let waited = RealDisk.lock_within(&path, Duration::from_millis(30));
        assert!(waited.is_err_and(|error| error.to_string().contains("try again")));
        drop(reader);
        let writer = RealDisk.lock(&path).expect("sound").expect("free");
        std::fs::remove_file(&path).expect("removed");
        assert!(!writer.holds(), "removed");
        std::fs::write(&path, b"").expect("written");
        assert!(!writer.holds(), "replaced");
    }
}
