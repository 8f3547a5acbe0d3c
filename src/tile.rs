//! Tiles (C2SP tlog-tiles): the tree cut into files of 256 hashes, and entries into bundles of 256.
//!
//! Entry `i` of the published log is the 32-byte entry hash of seq `i`: its leaf is what the tree holds, and nobody
//! learns more from it. Hash `i` of tile `n` at level `l` is the root over the `256^l` leaves from
//! `(256n + i) * 256^l` on. A tile is full or, at the right edge, partial; no full tile ever changes.
//!
//! Absent: where tiles are kept, and who serves them.

use crate::codec::EntryHash;
use crate::merkle::{Frontier, NodeHash, TreeSize, leaf};

/// Hashes in a full tile, and entries in a full bundle.
pub const WIDTH: u64 = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Entries, each behind its length.
    Entries,
    /// Roots over `256^l` leaves each.
    Hashes(u8),
}

/// One tile by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub level: Level,
    /// Which of its level, from 0.
    pub index: u64,
    /// How many hashes or entries: 1 to 256.
    pub width: u16,
}

impl Tile {
    /// Its path below the log's prefix.
    pub fn path(&self) -> String {
        let level = match self.level {
            Level::Entries => "entries".to_owned(),
            Level::Hashes(level) => level.to_string(),
        };
        let (mut rest, mut number) = (self.index / 1000, format!("{:03}", self.index % 1000));
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let part = if self.is_full() { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{level}/{number}{part}")
    }

    /// True if it never changes any more.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// Behind the last leaf that it covers.
    pub fn end(&self) -> u64 {
        let below = match self.level {
            Level::Entries => 1,
            Level::Hashes(level) => WIDTH.saturating_pow(u32::from(level)),
        };
        (self.index * WIDTH + u64::from(self.width)).saturating_mul(below)
    }

    /// Every tile of a tree of `size` leaves, bundles first, then level by level.
    pub fn all(size: TreeSize) -> Vec<Tile> {
        let mut tiles = Vec::new();
        let mut add = |level, count: u64| {
            tiles.extend((0..count / WIDTH).map(|index| Tile { level, index, width: WIDTH as u16 }));
            if !count.is_multiple_of(WIDTH) {
                tiles.push(Tile { level, index: count / WIDTH, width: (count % WIDTH) as u16 });
            }
        };
        add(Level::Entries, size.0);
        let (mut level, mut count) = (0, size.0);
        while count > 0 {
            add(Level::Hashes(level), count);
            level += 1;
            count /= WIDTH;
        }
        tiles
    }
}

/// The bytes of a bundle: the length of each entry as u16 in big-endian, then the entry.
pub fn bundle(entries: &[EntryHash]) -> Vec<u8> {
    entries.iter().flat_map(|entry| [0, 32].into_iter().chain(entry.0)).collect()
}

/// The entries of a bundle; `None` if it is none of entry hashes.
pub fn read_bundle(bytes: &[u8]) -> Option<Vec<EntryHash>> {
    let entry = |entry: &[u8]| match entry.split_first_chunk::<2>() {
        Some(([0, 32], hash)) => Some(EntryHash(hash.try_into().ok()?)),
        _ => None,
    };
    bytes.chunks(34).map(entry).collect()
}

/// The bytes of a tile of hashes.
pub fn hashes(hashes: &[NodeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile; `None` if a part of one is left over.
pub fn read_hashes(bytes: &[u8]) -> Option<Vec<NodeHash>> {
    bytes.chunks(32).map(|hash| Some(NodeHash(hash.try_into().ok()?))).collect()
}

/// Cuts a growing tree into tiles, as entries come.
#[derive(Default)]
pub struct Tiler {
    frontier: Frontier,
    entries: Vec<EntryHash>,
    /// The open tile of each level.
    levels: Vec<Vec<NodeHash>>,
}

impl Tiler {
    /// The tree so far.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Takes the next entry; returns the tiles that it filled.
    pub fn push(&mut self, entry: EntryHash) -> Vec<(Tile, Vec<u8>)> {
        let mut hash = leaf(&entry);
        self.frontier.append(hash);
        self.entries.push(entry);
        let mut filled = Vec::new();
        if self.entries.len() as u64 == WIDTH {
            filled.push((self.open(Level::Entries, WIDTH), bundle(&self.entries)));
            self.entries.clear();
        }
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
            if (self.levels[level].len() as u64) < WIDTH {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            filled.push((self.open(Level::Hashes(level as u8), WIDTH), hashes(&full)));
            let mut subtree = Frontier::default();
            full.into_iter().for_each(|hash| subtree.append(hash));
            hash = subtree.root();
        }
        filled
    }

    /// The partial tiles of the tree so far.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let bundles = std::iter::once((Level::Entries, self.entries.len(), bundle(&self.entries)));
        let levels = self.levels.iter().enumerate();
        let levels = levels.map(|(level, open)| (Level::Hashes(level as u8), open.len(), hashes(open)));
        let partial = bundles.chain(levels).filter(|(_, width, _)| *width > 0);
        partial.map(|(level, width, bytes)| (self.open(level, width as u64), bytes)).collect()
    }

    /// The tile of `level` whose last hash is the tree's latest.
    fn open(&self, level: Level, width: u64) -> Tile {
        let below = match level {
            Level::Entries => 1,
            Level::Hashes(level) => WIDTH.pow(u32::from(level)),
        };
        let count = self.frontier.size().0 / below;
        Tile { level, index: (count - width) / WIDTH, width: width as u16 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::range_root;
    use std::collections::BTreeMap;

    fn entry(number: u64) -> EntryHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        EntryHash(bytes)
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |level, index, width| Tile { level, index, width }.path();
        assert_eq!(tile(Level::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(Level::Hashes(3), 0, 17), "tile/3/000.p/17");
        assert_eq!(tile(Level::Entries, 999, 256), "tile/entries/999");
        assert_eq!(tile(Level::Entries, 1000, 1), "tile/entries/x001/000.p/1");
    }

    #[test]
    fn a_tree_has_the_tiles_that_the_specification_counts() {
        let count = |size: u64, level, full: bool| {
            let of = |tile: &&Tile| tile.level == level && tile.is_full() == full;
            Tile::all(TreeSize(size)).iter().filter(of).map(|tile| tile.width).collect::<Vec<u16>>()
        };
        assert_eq!(count(70_000, Level::Hashes(0), true).len(), 273);
        assert_eq!(count(70_000, Level::Hashes(0), false), [112]);
        assert_eq!(count(70_000, Level::Hashes(1), true).len(), 1);
        assert_eq!(count(70_000, Level::Hashes(1), false), [17]);
        assert_eq!(count(70_000, Level::Hashes(2), false), [1]);
        assert_eq!(count(70_000, Level::Entries, false), [112]);
        assert_eq!(Tile::all(TreeSize(0)), []);
        let paths: Vec<String> = Tile::all(TreeSize(256)).iter().map(Tile::path).collect();
        assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    }

    /// Every hash of every tile is the root that its place says, and the tiles are those that there should be.
    #[test]
    fn tiles_hold_the_hashes_of_their_places() {
        let sizes = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000];
        let leaves: Vec<NodeHash> = (0..66_000).map(|number| leaf(&entry(number))).collect();
        let (mut tiler, mut kept) = (Tiler::default(), BTreeMap::new());
        for number in 0..66_000 {
            kept.extend(tiler.push(entry(number)));
            let size = number + 1;
            if !sizes.contains(&size) {
                continue;
            }
            let mut now = kept.clone();
            now.extend(tiler.partial());
            let mut expected = Tile::all(TreeSize(size));
            expected.sort();
            assert_eq!(now.keys().copied().collect::<Vec<_>>(), expected, "{size}");
            for (tile, bytes) in now.iter().filter(|(tile, _)| size > 60_000 || !tile.is_full()) {
                check(tile, bytes, &leaves);
            }
        }
    }

    fn check(tile: &Tile, bytes: &[u8], leaves: &[NodeHash]) {
        let first = tile.index * WIDTH;
        match tile.level {
            Level::Entries => {
                let entries = read_bundle(bytes).expect("a bundle");
                let expected: Vec<EntryHash> = (first..first + u64::from(tile.width)).map(entry).collect();
                assert_eq!(entries, expected, "{tile:?}");
            }
            Level::Hashes(level) => {
                let hashes = read_hashes(bytes).expect("hashes");
                let span = WIDTH.pow(u32::from(level));
                assert_eq!(hashes.len(), usize::from(tile.width));
                for (place, hash) in (first..).zip(hashes) {
                    assert_eq!(hash, range_root(leaves, place * span, (place + 1) * span), "{tile:?} {place}");
                }
                assert_eq!(tile.end(), (first + u64::from(tile.width)) * span);
            }
        }
    }

    #[test]
    fn what_is_no_bundle_is_not_read() {
        let good = bundle(&[entry(1), entry(2)]);
        assert_eq!(good[..2], [0, 32]);
        for bad in [&good[..67], &good[..35], &[&good[..], &[0]].concat(), &[&[0, 31], &good[2..]].concat()] {
            assert_eq!(read_bundle(bad), None);
        }
        assert_eq!(read_hashes(&[0; 33]), None);
    }
}
