//! A disk of plain data that loses power: what was not synced is kept, dropped or torn, each write by itself.
//!
//! The page cache and the platter are told apart. A write, a change of length and a name stand in the cache at once, and
//! on the platter only after the sync that covers them. When power goes, each change that still waits is kept, dropped,
//! or torn at sectors of 512 bytes or at any byte; the names of a folder likewise, one by one. A sync that fails leaves
//! what it should have written in the cache, marked clean: no later sync writes it, as on Linux.

use crate::common::random::Random;
use inforce::disk::{Disk, DiskFile, Lock, Open};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

/// A change of a file that waits for a sync.
#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Clone, Default)]
struct Inode {
    platter: Vec<u8>,
    cache: Vec<u8>,
    waiting: Vec<Change>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Node {
    Dir,
    File(usize),
}

/// A change of names that waits for the sync of its folder.
#[derive(Clone)]
enum Naming {
    Add(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Naming::Add(path, node) => drop(names.insert(path.clone(), *node)),
            Naming::Remove(path) => drop(names.remove(path)),
            Naming::Rename(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }

    fn dir(&self) -> &Path {
        match self {
            Naming::Add(path, _) | Naming::Remove(path) | Naming::Rename(_, path, _) => {
                path.parent().expect("a folder")
            }
        }
    }
}

struct State {
    inodes: Vec<Inode>,
    cached_names: BTreeMap<PathBuf, Node>,
    platter_names: BTreeMap<PathBuf, Node>,
    waiting_names: Vec<Naming>,
    locks: Vec<PathBuf>,
    random: Random,
    /// Calls so far.
    calls: u64,
    /// Calls until power goes.
    power: Option<u64>,
    /// Syncs until one fails.
    sync_fails: Option<u64>,
    /// True if one failed since power came.
    sync_failed: bool,
    /// Handles of an earlier boot are dead.
    boot: u64,
}

/// A disk that forgets what was not synced when it loses power.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

fn power_lost() -> io::Error {
    io::Error::other("the power is out")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes: written } => {
                bytes.resize(bytes.len().max(offset + written.len()), 0);
                bytes[*offset..offset + written.len()].copy_from_slice(written);
            }
            Change::SetLen(len) => bytes.resize(*len, 0),
        }
    }

    /// What of the change reached the platter before power went.
    fn survive(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let Change::Write { offset, bytes: written } = self else {
            if random.once_in(2) {
                self.apply(bytes);
            }
            return;
        };
        match random.below(5) {
            0 => {}
            1 => self.apply(bytes),
            2 | 3 => {
                let mut at = 0;
                // Few large writes would ever differ if each sector were drawn alone: some are nearly whole or empty.
                let odds = [2, 2, 64][random.below(3) as usize];
                let mostly = random.once_in(2);
                while at < written.len() {
                    let end = (at + SECTOR - (offset + at) % SECTOR).min(written.len());
                    if random.once_in(odds) != mostly {
                        Change::Write { offset: offset + at, bytes: written[at..end].to_vec() }.apply(bytes);
                    }
                    at = end;
                }
            }
            _ => {
                let cut = random.below(written.len() as u64 + 1) as usize;
                let (start, part) = if random.once_in(2) { (0, &written[..cut]) } else { (cut, &written[cut..]) };
                if !part.is_empty() {
                    Change::Write { offset: offset + start, bytes: part.to_vec() }.apply(bytes);
                }
            }
        }
    }
}

impl SimulatedDisk {
    pub fn new(seed: u64) -> SimulatedDisk {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Dir), (PathBuf::from("/data"), Node::Dir)]);
        SimulatedDisk(Arc::new(Mutex::new(State {
            inodes: Vec::new(),
            cached_names: root.clone(),
            platter_names: root,
            waiting_names: Vec::new(),
            locks: Vec::new(),
            random: Random(seed),
            calls: 0,
            power: None,
            sync_fails: None,
            sync_failed: false,
            boot: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }

    /// Calls that changed or synced something so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Power goes after so many more calls.
    pub fn lose_power_after(&self, calls: u64) {
        self.state().power = Some(calls);
    }

    /// The sync after so many more fails.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.state().sync_fails = Some(syncs);
    }

    /// True if power went.
    pub fn is_out(&self) -> bool {
        self.state().power == Some(0)
    }

    /// True if a sync failed since power came.
    pub fn sync_failed(&self) -> bool {
        self.state().sync_failed
    }

    /// Power goes now if it has not yet, and comes back.
    pub fn restart(&self) {
        let mut state = self.state();
        let state = &mut *state;
        for naming in std::mem::take(&mut state.waiting_names) {
            if state.random.once_in(2) {
                naming.apply(&mut state.platter_names);
            }
        }
        // A name below a folder whose own name is gone is gone as well.
        let known: Vec<PathBuf> = state.platter_names.keys().cloned().collect();
        let dirs =
            |path: &PathBuf| path.ancestors().skip(1).all(|dir| state.platter_names.get(dir) == Some(&Node::Dir));
        let kept: BTreeMap<PathBuf, Node> =
            known.iter().filter(|path| dirs(path)).map(|path| (path.clone(), state.platter_names[path])).collect();
        state.platter_names = kept;
        state.cached_names = state.platter_names.clone();
        for inode in &mut state.inodes {
            for waiting in std::mem::take(&mut inode.waiting) {
                waiting.survive(&mut inode.platter, &mut state.random);
            }
            inode.cache = inode.platter.clone();
        }
        state.locks.clear();
        state.power = None;
        state.sync_fails = None;
        state.sync_failed = false;
        state.boot += 1;
    }
}

impl State {
    /// Counts a call; fails if power is out.
    fn call(&mut self) -> io::Result<()> {
        match &mut self.power {
            Some(0) => return Err(power_lost()),
            Some(left) => *left -= 1,
            None => {}
        }
        self.calls += 1;
        Ok(())
    }

    fn powered(&self) -> io::Result<()> {
        if self.power == Some(0) { Err(power_lost()) } else { Ok(()) }
    }

    /// True if this sync is the one to fail.
    fn sync_fails(&mut self) -> bool {
        match &mut self.sync_fails {
            Some(0) => {
                self.sync_fails = None;
                self.sync_failed = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    fn name(&mut self, naming: Naming) -> io::Result<()> {
        if self.cached_names.get(naming.dir()) != Some(&Node::Dir) {
            return Err(not_found());
        }
        naming.apply(&mut self.cached_names);
        self.waiting_names.push(naming);
        Ok(())
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.cached_names.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(not_found()),
        }
    }

    fn change(&mut self, inode: usize, change: Change) {
        let inode = &mut self.inodes[inode];
        change.apply(&mut inode.cache);
        inode.waiting.push(change);
    }

    fn sync(&mut self, inode: usize) -> io::Result<()> {
        self.call()?;
        let fails = self.sync_fails();
        let inode = &mut self.inodes[inode];
        for waiting in std::mem::take(&mut inode.waiting) {
            match &waiting {
                // Marked clean: whatever of it reached the platter is all that ever will. A length is no data: it waits.
                Change::Write { .. } if fails => waiting.survive(&mut inode.platter, &mut self.random),
                Change::SetLen(_) if fails => inode.waiting.push(waiting),
                _ => waiting.apply(&mut inode.platter),
            }
        }
        if fails { Err(io::Error::other("the sync failed")) } else { Ok(()) }
    }

    fn add_file(&mut self, path: &Path) -> io::Result<usize> {
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        self.name(Naming::Add(path.to_owned(), Node::File(inode)))?;
        Ok(inode)
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.powered()?;
        let found = state.file(path);
        let makes = found.is_err() && matches!(how, Open::Create | Open::CreateNew | Open::Truncate);
        if how == Open::CreateNew && found.is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if makes || how == Open::Truncate {
            state.call()?;
        }
        let inode = if makes { state.add_file(path)? } else { found? };
        if how == Open::Truncate {
            state.change(inode, Change::SetLen(0));
        }
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, boot: state.boot }))
    }

    fn read_into(&self, path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
        let state = self.state();
        state.powered()?;
        bytes.clear();
        bytes.extend(&state.inodes[state.file(path)?].cache);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let inode = state.file(from)?;
        state.name(Naming::Rename(from.to_owned(), to.to_owned(), Node::File(inode)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        state.file(path)?;
        state.name(Naming::Remove(path.to_owned()))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        if state.cached_names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.name(Naming::Add(path.to_owned(), Node::Dir))
    }

    fn create_private_dir(&self, path: &Path) -> io::Result<()> {
        if self.exists(path) {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|parent| !self.exists(parent)) {
            self.create_private_dir(parent)?;
        }
        self.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        if state.cached_names.get(path) != Some(&Node::Dir) {
            return Err(not_found());
        }
        let fails = state.sync_fails();
        let state = &mut *state;
        let (covered, rest): (Vec<Naming>, Vec<Naming>) =
            std::mem::take(&mut state.waiting_names).into_iter().partition(|naming| naming.dir() == path);
        state.waiting_names = rest;
        if fails {
            // Names have no clean state: a later sync writes them.
            state.waiting_names.extend(covered);
            return Err(io::Error::other("the sync failed"));
        }
        covered.iter().for_each(|naming| naming.apply(&mut state.platter_names));
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().cached_names.contains_key(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.state();
        state.powered()?;
        if state.cached_names.get(path) != Some(&Node::Dir) {
            return Err(not_found());
        }
        Ok(state.cached_names.keys().filter(|name| name.parent() == Some(path)).cloned().collect())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut state = self.state();
        state.call()?;
        if state.file(path).is_err() {
            state.add_file(path)?;
        }
        if state.locks.iter().any(|held| held == path) {
            return Ok(None);
        }
        state.locks.push(path.to_owned());
        Ok(Some(Box::new(Held { disk: self.clone(), path: path.to_owned(), boot: state.boot })))
    }

    // As if somebody wrote: a reader then goes without the index, which is not on this disk anyway.
    fn share_lock(&self, _: &Path) -> Option<Box<dyn Lock>> {
        None
    }

    fn is_locked(&self, path: &Path) -> bool {
        self.state().locks.iter().any(|held| held == path)
    }
}

struct Held {
    disk: SimulatedDisk,
    path: PathBuf,
    boot: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locks.retain(|held| *held != self.path);
        }
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
    boot: u64,
}

impl SimulatedFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        state.powered()?;
        if state.boot == self.boot { Ok(state) } else { Err(power_lost()) }
    }
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state()?;
        let rest = state.inodes[self.inode].cache.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(bytes.len());
        bytes[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        state.call()?;
        // Now and then a write is short, as the system may have it.
        let len = if bytes.len() > 1 && state.random.once_in(16) {
            1 + state.random.below(bytes.len() as u64 - 1) as usize
        } else {
            bytes.len()
        };
        state.change(self.inode, Change::Write { offset: offset as usize, bytes: bytes[..len].to_vec() });
        Ok(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.inodes[self.inode].cache.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.call()?;
        state.change(self.inode, Change::SetLen(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state()?.sync(self.inode)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.state()?.sync(self.inode)
    }
}
