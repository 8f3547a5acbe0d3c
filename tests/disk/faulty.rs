//! A disk one of whose calls fails, or all from one on, while everything else goes to the disk beneath.

use inforce::disk::{Disk, DiskFile, Lock, Open};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a call does before it reports its failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Nothing,
    /// The first byte, half, all but the last byte; then the error.
    First,
    Half,
    Most,
    /// Everything.
    All,
    /// Half, and that is reported as it is: no failure, but more calls.
    Short,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Open,
    Read,
    Write,
    SetLen,
    SyncFile,
    Rename,
    Remove,
    CreateDir,
    SyncDir,
    List,
    Lock,
}

impl Call {
    /// The ways in which it can fail.
    pub fn outcomes(self) -> &'static [Outcome] {
        use Outcome::*;
        match self {
            Call::Read | Call::List => &[Nothing],
            Call::Write => &[Nothing, First, Half, Most, All, Short],
            _ => &[Nothing, All],
        }
    }

    /// True if more than the disk itself may be the reason: there is no room, or it is forbidden.
    fn needs_room(self) -> bool {
        matches!(self, Call::Write | Call::Open | Call::CreateDir | Call::Rename)
    }
}

/// The call that fails, by its number, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub call: usize,
    pub outcome: Outcome,
}

#[derive(Default)]
struct State {
    /// What was called, and on what.
    calls: Vec<(Call, PathBuf)>,
    fault: Option<Fault>,
    /// Bytes that may still be written, and the error beyond.
    room: Option<(u64, i32)>,
    read: u64,
}

/// A disk whose calls fail as planned.
#[derive(Clone)]
pub struct FaultyDisk {
    beneath: Arc<dyn Disk>,
    state: Arc<Mutex<State>>,
}

/// `EIO`.
const BROKEN: i32 = 5;

impl FaultyDisk {
    pub fn new(beneath: Arc<dyn Disk>, fault: Option<Fault>) -> FaultyDisk {
        FaultyDisk { beneath, state: Arc::new(Mutex::new(State { fault, ..State::default() })) }
    }

    pub fn calls(&self) -> Vec<(Call, PathBuf)> {
        self.state.lock().expect("no holder panics").calls.clone()
    }

    /// From now on only so many bytes more are written; `None`: as many as there are.
    pub fn set_room(&self, room: Option<(u64, i32)>) {
        self.state.lock().expect("no holder panics").room = room;
    }

    /// Bytes read by offset since it was asked last.
    pub fn take_read(&self) -> u64 {
        std::mem::take(&mut self.state.lock().expect("no holder panics").read)
    }

    /// How this call ends: `None` if as it should.
    fn plan(&self, call: Call, path: &Path, bytes: u64) -> Option<(Outcome, io::Error)> {
        let mut state = self.state.lock().expect("no holder panics");
        let number = state.calls.len();
        state.calls.push((call, path.to_owned()));
        if let Some(fault) = state.fault.filter(|fault| fault.call == number) {
            return Some((fault.outcome, io::Error::from_raw_os_error(BROKEN)));
        }
        let (left, error) = state.room.as_mut().filter(|_| call.needs_room()).map(|(left, error)| (left, *error))?;
        if bytes <= *left && (*left > 0 || call == Call::Rename) {
            *left -= bytes;
            return None;
        }
        *left = 0;
        Some((Outcome::Half, io::Error::from_raw_os_error(error)))
    }

    fn run<T>(&self, call: Call, path: &Path, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.plan(call, path, 0) {
            None => act(),
            Some((Outcome::All, error)) => act().and(Err(error)),
            Some((_, error)) => Err(error),
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let makes = how != Open::Read && how != Open::Write;
        let call = if makes { Call::Open } else { Call::Read };
        let file = self.run(call, path, || self.beneath.open(path, how))?;
        Ok(Box::new(FaultyFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn read_into(&self, path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.run(Call::Read, path, || self.beneath.read_into(path, bytes))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Call::Rename, to, || self.beneath.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.run(Call::Remove, path, || self.beneath.remove(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Call::CreateDir, path, || self.beneath.create_dir(path))
    }

    fn create_private_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Call::CreateDir, path, || self.beneath.create_private_dir(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Call::SyncDir, path, || self.beneath.sync_dir(path))
    }

    fn exists(&self, path: &Path) -> bool {
        self.beneath.exists(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.run(Call::List, path, || self.beneath.list(path))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.run(Call::Lock, path, || self.beneath.lock(path))
    }

    fn share_lock(&self, path: &Path) -> Option<Box<dyn Lock>> {
        self.beneath.share_lock(path)
    }

    fn is_locked(&self, path: &Path) -> bool {
        self.beneath.is_locked(path)
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.disk.run(Call::Read, &self.path, || self.file.read_at(bytes, offset))?;
        self.disk.state.lock().expect("no holder panics").read += read as u64;
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let Some((outcome, error)) = self.disk.plan(Call::Write, &self.path, bytes.len() as u64) else {
            return self.file.write_at(bytes, offset);
        };
        let len = match outcome {
            Outcome::Nothing => 0,
            Outcome::First => 1.min(bytes.len()),
            Outcome::Half => bytes.len() / 2,
            Outcome::Most => bytes.len() - 1,
            Outcome::All => bytes.len(),
            Outcome::Short => return self.file.write_at(&bytes[..bytes.len().div_ceil(2)], offset),
        };
        self.file.write_all_at(&bytes[..len], offset)?;
        Err(error)
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.run(Call::Read, &self.path, || self.file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.run(Call::SetLen, &self.path, || self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.run(Call::SyncFile, &self.path, || self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.run(Call::SyncFile, &self.path, || self.file.sync_all())
    }
}
