//! The part of a run's filter that is held in memory: its first pages, as many pieces of them as there is room for.

use super::filter::{self, BLOCKS, Block};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock, RwLockReadGuard};

/// Pages that are held or let go together, and read at once: with all of them the filter would be in memory twice.
const PIECE: u64 = 64;

/// The pages that are held of a filter, and how many may be.
#[derive(Default)]
pub struct Resident {
    pieces: RwLock<Vec<Vec<Block>>>,
    allotted: AtomicU64,
    /// Pages that were asked for one by one while some were missing.
    asked: AtomicU64,
    /// Held by whoever reads pages.
    reading: Mutex<()>,
}

impl Resident {
    /// Lets so many pages of a filter of `all` be held, or a few less; what is held beyond them is let go. Returns how many.
    pub fn allot(&self, pages: u64, all: u64) -> u64 {
        // Nobody reads meanwhile: pages would come to stand where others belong.
        let _reading = self.reading.lock().expect("no holder panics");
        let pages = if pages >= all { all } else { pages - pages % PIECE };
        self.allotted.store(pages, Ordering::Relaxed);
        self.pieces.write().expect("no holder panics").truncate(pages.div_ceil(PIECE) as usize);
        pages
    }

    /// How many pages may be held.
    pub fn allotted(&self) -> u64 {
        self.allotted.load(Ordering::Relaxed)
    }

    /// Reads the pages that may be held and are not, for whoever asks next, once as many were asked for one by one: a single look-up
    /// pays for a page. So many `more` are asked for now.
    pub fn fill(&self, more: u64, read: impl Fn(Range<u64>) -> io::Result<Vec<Block>>) -> io::Result<()> {
        let held = || self.pieces().len() as u64 * PIECE;
        let missing = self.allotted().saturating_sub(held());
        if missing == 0 || self.asked.fetch_add(more, Ordering::Relaxed) < missing {
            return Ok(());
        }
        // Whoever wants them while another thread reads them asks for pages: they are in memory once.
        let Ok(_reading) = self.reading.try_lock() else { return Ok(()) };
        let allotted = self.allotted();
        for first in (held()..allotted).step_by(PIECE as usize) {
            let piece = read(first..(first + PIECE).min(allotted))?;
            self.pieces.write().expect("no holder panics").push(piece);
        }
        self.asked.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// For each key of a filter of `all` pages false if it was never noted; none where its page is not held.
    pub fn may_hold_each(&self, keys: &[u64], all: u64) -> Vec<Option<bool>> {
        let pieces = self.pieces();
        let page = |number: u64| {
            let from = (number % PIECE) as usize * BLOCKS;
            Some(&pieces.get((number / PIECE) as usize)?[from..from + BLOCKS])
        };
        filter::may_hold_each(page, keys, all)
    }

    fn pieces(&self) -> RwLockReadGuard<'_, Vec<Vec<Block>>> {
        self.pieces.read().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::ROOM;
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn as_many_pages_are_held_as_there_is_room_for() {
        let all = 200;
        let key = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        let page = |n: u64| filter::page_of(key(n), all);
        let mut pages = vec![vec![0; ROOM]; all as usize];
        (0..20_000).for_each(|n| filter::insert(&mut pages[page(n) as usize], key(n)));
        let keys = (0..40_000).map(key).collect::<Vec<_>>();
        let reads = RefCell::new(Vec::new());
        let read = |range: Range<u64>| {
            let blocks = pages[range.start as usize..range.end as usize].iter().flat_map(|page| filter::blocks(page));
            reads.borrow_mut().push(range);
            Ok(blocks.collect())
        };
        let resident = Resident::default();
        let holds = |count: u64| {
            let known = |n| (page(n) < count).then(|| filter::may_hold(&pages[page(n) as usize], key(n)));
            resident.may_hold_each(&keys, all).into_iter().eq((0..40_000).map(known))
        };
        // What is not worth it yet is not read.
        assert_eq!(resident.allot(1000, all), 200);
        resident.fill(200, read).expect("read");
        assert!(holds(0) && reads.borrow().is_empty());
        resident.fill(1, read).expect("read");
        assert!(holds(200));
        assert_eq!(reads.take(), [0..64, 64..128, 128..192, 192..200]);
        // Less room, and then more again: only what was let go is read once more.
        assert_eq!(resident.allot(130, all), 128);
        assert!(holds(128));
        (0..2).for_each(|_| resident.fill(1000, read).expect("read"));
        assert!(reads.borrow().is_empty());
        assert_eq!(resident.allot(199, all), 192);
        (0..2).for_each(|_| resident.fill(64, read).expect("read"));
        assert!(holds(192));
        assert_eq!(resident.allot(200, all), 200);
        (0..2).for_each(|_| resident.fill(8, read).expect("read"));
        assert!(holds(200));
        assert_eq!(reads.take(), [128..192, 192..200]);
        assert_eq!(resident.allot(63, all), 0);
        (0..2).for_each(|_| resident.fill(1000, read).expect("read"));
        assert!(holds(0) && reads.borrow().is_empty());
        // What cannot be read is an error, and is read by whoever asks next.
        resident.allot(64, all);
        resident.fill(64, read).expect("read");
        assert!(resident.fill(1, |_| Err(io::ErrorKind::Other.into())).is_err() && holds(0));
        resident.fill(0, read).expect("read");
        assert!(holds(64));
    }
}
