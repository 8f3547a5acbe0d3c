//! The catalogue: which runs belong to the index. The only user of sled.
//!
//! sled asserts what it reads, and a process that was killed has left files that it cannot open. So nothing is handed back
//! to sled but what it closed itself, byte for byte; whatever else is found is thrown away and made again from the runs,
//! each of which says what it covers. So a kill costs no run, and the catalogue stays some KiB.

use super::page::Range;
use super::run::{self, Run};
use super::seal::{self, Seal};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a child process may take to be started.
const WAIT: Duration = Duration::from_secs(5);

/// Which runs there are; sealed when it is dropped.
pub struct Catalogue {
    db: sled::Db,
    seal: Seal,
}

impl Catalogue {
    /// Opens or makes the catalogue in `path`. False with it where one was thrown away.
    pub fn open(path: &Path) -> io::Result<(Catalogue, bool)> {
        let whole = seal::holds(path).unwrap_or(false);
        if !whole {
            std::fs::remove_dir_all(path).or_else(|_| std::fs::remove_file(path))?;
        }
        wait_for_children(&path.join("db"))?;
        // Small: it holds some hundred bytes.
        let config = sled::Config::new().path(path).cache_capacity(1 << 20).segment_size(1 << 15).flush_every_ms(None);
        Ok((Catalogue { db: config.open().map_err(io::Error::other)?, seal: Seal::new(path) }, whole))
    }

    /// The ranges of the runs, ascending.
    pub fn ranges(&self) -> io::Result<Vec<Range>> {
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(io::Error::other);
        let range = |pair: sled::Result<(sled::IVec, sled::IVec)>| {
            let (first, end) = pair.map_err(io::Error::other)?;
            Ok(Range { first: number(&first)?, end: number(&end)? })
        };
        self.db.iter().map(range).collect()
    }

    /// Lists these runs and no others.
    pub fn list(&mut self, runs: &[Arc<Run>]) -> io::Result<()> {
        let listed = self.ranges().and_then(|listed| {
            let mut batch = sled::Batch::default();
            listed.iter().for_each(|range| batch.remove(&range.first.to_be_bytes()));
            for Range { first, end } in runs.iter().map(|run| run.meta.range) {
                batch.insert(&first.to_be_bytes(), &end.to_be_bytes());
            }
            self.db.apply_batch(batch).and_then(|()| self.db.flush()).map(drop).map_err(io::Error::other)
        });
        self.seal.whole &= listed.is_ok();
        listed
    }
}

/// Waits until nobody holds the lock of sled's file: sled gives it back by closing alone, which leaves it for a moment to a
/// child process that is being started. Whoever holds it longer is told by sled.
fn wait_for_children(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let begun = Instant::now();
    while file.try_lock().is_err() && begun.elapsed() < WAIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    file.unlock()
}

/// The runs in `dir` that follow each other from the first entry on, and what else is there of runs: cut short, merged
/// into others, or damaged. Of two that begin together the longer one is taken: it was made of the other.
pub fn runs(dir: &Path) -> io::Result<(Vec<Arc<Run>>, Vec<std::path::PathBuf>)> {
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for file in dir.read_dir()? {
        let path = file?.path();
        match run::range_of(&path) {
            Some(range) => found.push((range.first, std::cmp::Reverse(range.end), path)),
            None if path.extension().is_some_and(|last| last == "new") => rest.push(path),
            None => {}
        }
    }
    found.sort();
    let (mut runs, mut next): (Vec<Arc<Run>>, u64) = (Vec::new(), 0);
    for (first, _, path) in found {
        let run = if first == next { Run::open(&path) } else { Err(io::ErrorKind::Other.into()) };
        match run {
            Ok(run) => {
                next = run.meta.range.end;
                runs.push(Arc::new(run));
            }
            Err(error) => {
                if first == next {
                    tracing::warn!("index: {error}; what it covers is read from the journal");
                }
                rest.push(path);
            }
        }
    }
    Ok((runs, rest))
}
