//! Runs: what entries of a range of seqs can be found by, and where each stands, sorted and written once.
//!
//! A run is a file of pages: a header; a filter over the keys of either half; postings, sorted; locations; the first key of each
//! page of both; a footer. It is written beside its name, synced, and moved there, so one that is named is whole; its footer says
//! what it covers, so runs are found again without anything else. `docs/format.md`, "index", has the bytes.

use super::GroupStart;
use super::filter::{self, Block};
use super::page::{self, PAGE, Range};
use super::resident::Resident;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub const MAGIC: &[u8; 12] = b"inforce-run\n";
/// What an entry is filed under and how, the terms included; a run that was made otherwise is made again.
pub const VERSION: u64 = 6;
/// Bits of a term that are kept: whoever asks checks what it finds.
pub const KEY_BITS: u32 = 40;
/// Numbers a page of fences.
pub const FENCES: usize = page::ROOM / 8;
/// The most bytes of a mark.
pub const MARK: usize = 512;

/// What a run says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The seqs that it covers.
    pub range: Range,
    /// The group of the last of them.
    pub resume: GroupStart,
    /// The hash of the last of them: a run of another journal is found out by it.
    pub boundary: [u8; 32],
    /// Erasures of everything below this seq have left no trace in it.
    pub purged: u64,
    /// What the ledger noted with it.
    pub mark: Vec<u8>,
}

/// How many pages, and of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// Of the filter over each half of the keys.
    pub filters: [u64; 2],
    pub postings: u64,
    pub locations: u64,
    /// Distinct keys of each half.
    pub keys: [u64; 2],
}

impl Sections {
    pub fn postings_at(&self) -> u64 {
        1 + self.filters[0] + self.filters[1]
    }

    /// The number of the filter's page that tells of a key.
    pub fn filter_at(&self, key: u64) -> u64 {
        let half = filter::half_of(key);
        1 + half as u64 * self.filters[0] + filter::page_of(key, self.filters[half])
    }

    pub fn locations_at(&self) -> u64 {
        self.postings_at() + self.postings
    }

    pub fn fences_at(&self) -> u64 {
        self.locations_at() + self.locations
    }

    /// The number of the footer's page, which is the last.
    pub fn footer_at(&self) -> u64 {
        let fences = |count: u64| count.div_ceil(FENCES as u64);
        self.fences_at() + fences(self.postings) + fences(self.locations)
    }
}

/// Bytes of a run's first seq in a page of postings.
pub fn width(range: Range) -> usize {
    let most = range.end - 1 - range.first;
    (64 - most.leading_zeros() as usize).div_ceil(8).max(1)
}

/// The header's page: the same for every run of a range.
pub fn header(range: Range) -> Vec<u8> {
    let numbers = [VERSION, range.first, range.end];
    page::seal(range, 0, &[&MAGIC[..], &numbers.map(u64::to_le_bytes).concat()].concat())
}

/// The footer's page.
pub fn footer(meta: &Meta, sections: &Sections) -> Vec<u8> {
    let Sections { filters, postings, locations, keys } = *sections;
    let Meta { resume, purged, .. } = *meta;
    let counts = [filters[0], filters[1], postings, locations, keys[0], keys[1]];
    let rest = [resume.seq, resume.location, purged, meta.mark.len() as u64];
    let numbers = counts.into_iter().chain(rest).flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
    let bytes = [&numbers[..], &meta.boundary, &meta.mark].concat();
    page::seal(meta.range, sections.footer_at(), &bytes)
}

fn read_footer(range: Range, number: u64, page: &[u8]) -> Option<(Meta, Sections)> {
    let mut rest = page::open(range, number, page)?;
    let mut next = || page::take_fixed(&mut rest, 8);
    let (filters, postings, locations) = ([next()?, next()?], next()?, next()?);
    let sections = Sections { filters, postings, locations, keys: [next()?, next()?] };
    let resume = GroupStart { seq: next()?, location: next()? };
    let (purged, len) = (next()?, next()? as usize);
    let (boundary, mark) = rest.split_at_checked(32)?;
    let meta = Meta { range, resume, boundary: boundary.try_into().ok()?, purged, mark: mark.to_vec() };
    let is_whole = !sections.filters.contains(&0) && mark.len() == len && sections.footer_at() == number;
    is_whole.then_some((meta, sections))
}

/// A page that is not what was written.
#[derive(Debug)]
pub struct BadPage(pub u64);

impl From<BadPage> for io::Error {
    fn from(BadPage(number): BadPage) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("page {number} of a run does not match its checksum"))
    }
}

/// A run that can be asked.
pub struct Run {
    path: PathBuf,
    file: File,
    pub meta: Meta,
    sections: Sections,
    /// The first key of each page of postings, and the first seq of each page of locations.
    postings: Vec<u64>,
    locations: Vec<u64>,
    /// What is in memory of the filter over the lower half of its keys.
    resident: Resident,
}

/// The name of a run.
pub fn name(range: Range) -> String {
    format!("{:016x}-{:016x}.run", range.first, range.end)
}

/// The range that a run's name tells.
pub fn range_of(path: &Path) -> Option<Range> {
    let (first, end) = path.file_name()?.to_str()?.strip_suffix(".run")?.split_once('-')?;
    let number = |hex: &str| u64::from_str_radix(hex, 16).ok();
    let range = Range { first: number(first)?, end: number(end)? };
    (range.first < range.end && path.file_name()?.to_str()? == name(range)).then_some(range)
}

impl Run {
    /// Opens a run; its header, fences and footer are checked, the rest is when it is read.
    pub fn open(path: &Path) -> io::Result<Run> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("`{}` {what}", path.display()));
        let range = range_of(path).ok_or_else(|| bad("is no name of a run"))?;
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        if len < 4 * PAGE as u64 || !len.is_multiple_of(PAGE as u64) {
            return Err(bad("is cut"));
        }
        let mut bytes = vec![0; PAGE];
        file.read_exact_at(&mut bytes, 0)?;
        if bytes != header(range) {
            return Err(bad("was made by another version of this program, or is damaged"));
        }
        let number = len / PAGE as u64 - 1;
        file.read_exact_at(&mut bytes, number * PAGE as u64)?;
        let (meta, sections) = read_footer(range, number, &bytes).ok_or_else(|| bad("has a damaged footer"))?;
        let mut run = Run {
            path: path.to_owned(),
            file,
            meta,
            sections,
            postings: Vec::new(),
            locations: Vec::new(),
            resident: Resident::default(),
        };
        let split = sections.fences_at() + sections.postings.div_ceil(FENCES as u64);
        run.postings = run.fences(sections.fences_at(), sections.postings)?;
        run.locations = run.fences(split, sections.locations)?;
        Ok(run)
    }

    fn fences(&self, at: u64, count: u64) -> io::Result<Vec<u64>> {
        let mut fences = Vec::with_capacity(count as usize);
        for number in at..at + count.div_ceil(FENCES as u64) {
            self.page(number, |page| {
                fences.extend(page.chunks_exact(8).map(|key| u64::from_le_bytes(key.try_into().expect("eight bytes"))));
            })?;
        }
        if fences.len() as u64 == count && fences.is_sorted() { Ok(fences) } else { Err(BadPage(at).into()) }
    }

    /// Distinct keys of each half.
    pub fn keys(&self) -> [u64; 2] {
        self.sections.keys
    }

    pub fn entries(&self) -> u64 {
        self.meta.range.end - self.meta.range.first
    }

    /// Lets as much of the filter over the lower half of its keys be in memory as fits into `room` bytes. Returns what is left of
    /// them.
    pub fn allot(&self, room: u64) -> u64 {
        room - self.resident.allot(room / page::ROOM as u64, self.sections.filters[0]) * page::ROOM as u64
    }

    /// How many pages that filter has, and how many of them may be in memory.
    #[cfg(test)]
    pub fn filter_pages(&self) -> (u64, u64) {
        (self.sections.filters[0], self.resident.allotted())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what a page holds.
    fn page<T>(&self, number: u64, read: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut page = [0; PAGE];
        self.file.read_exact_at(&mut page, number * PAGE as u64)?;
        Ok(read(page::open(self.meta.range, number, &page).ok_or(BadPage(number))?))
    }

    /// False if the run holds nothing of a key.
    fn may_hold(&self, key: u64) -> io::Result<bool> {
        if filter::half_of(key) == 0 { Ok(self.may_hold_each(&[key])?[0]) } else { self.filter_says(key) }
    }

    /// The same of each key; they are of the lower half.
    fn may_hold_each(&self, keys: &[u64]) -> io::Result<Vec<bool>> {
        assert!(keys.iter().all(|&key| filter::half_of(key) == 0), "the filter of the lower half tells of no other");
        let all = self.sections.filters[0];
        let known = self.resident.may_hold_each(keys, all);
        let missed = known.iter().filter(|known| known.is_none()).count();
        if missed > 0 {
            self.resident.fill(missed as u64, |pages| self.read_filter(pages))?;
        }
        known.into_iter().zip(keys).map(|(known, &key)| known.map_or_else(|| self.filter_says(key), Ok)).collect()
    }

    /// The same by the filter's page as it is stored.
    fn filter_says(&self, key: u64) -> io::Result<bool> {
        self.page(self.sections.filter_at(key), |page| filter::may_hold(page, key))
    }

    fn read_filter(&self, pages: std::ops::Range<u64>) -> io::Result<Vec<Block>> {
        let count = (pages.end - pages.start) as usize;
        let (mut blocks, mut bytes) = (Vec::with_capacity(count * filter::BLOCKS), vec![0; count * PAGE]);
        self.file.read_exact_at(&mut bytes, (1 + pages.start) * PAGE as u64)?;
        for (number, page) in (1 + pages.start..).zip(bytes.chunks_exact(PAGE)) {
            blocks.extend(filter::blocks(page::open(self.meta.range, number, page).ok_or(BadPage(number))?));
        }
        if blocks.len() == count * filter::BLOCKS {
            Ok(blocks)
        } else {
            Err(io::Error::other("a page of a filter is cut"))
        }
    }

    /// The seqs of each key of the lower half, ascending, appended to `found` with the key's place. The filter is asked for all of
    /// them first.
    pub fn find_all(&self, keys: &[u64], found: &mut Vec<(usize, u64)>) -> io::Result<()> {
        let held = self.may_hold_each(keys)?;
        for (place, &key) in keys.iter().enumerate().filter(|&(place, _)| held[place]) {
            let mut seqs = Vec::new();
            self.find_held(key, &mut seqs)?;
            found.extend(seqs.into_iter().map(|seq| (place, seq)));
        }
        Ok(())
    }

    /// The seqs of a key, ascending, appended to `found`.
    pub fn find(&self, key: u64, found: &mut Vec<u64>) -> io::Result<()> {
        if self.may_hold(key)? { self.find_held(key, found) } else { Ok(()) }
    }

    fn find_held(&self, key: u64, found: &mut Vec<u64>) -> io::Result<()> {
        // The page that begins at or before the key, then every one that still begins with it.
        let first = self.postings.partition_point(|&fence| fence < key).saturating_sub(1);
        for (number, _) in self.postings.iter().enumerate().skip(first).take_while(|(_, fence)| **fence <= key) {
            self.postings(number as u64, |other, seq| {
                if other == key {
                    found.push(seq);
                }
                other <= key
            })?;
        }
        Ok(())
    }

    /// Hands out the postings of a page until `take` says no.
    pub fn postings(&self, number: u64, take: impl FnMut(u64, u64) -> bool) -> io::Result<()> {
        let at = self.sections.postings_at() + number;
        let fence = self.postings[number as usize];
        let read = self.page(at, |page| read_postings(page, fence, self.meta.range, take))?;
        read.ok_or_else(|| BadPage(at).into())
    }

    /// How many pages of postings.
    pub fn pages(&self) -> u64 {
        self.sections.postings
    }

    /// Where an entry of the run stands.
    pub fn location(&self, seq: u64) -> io::Result<u64> {
        let number = self.locations.partition_point(|&first| first <= seq).saturating_sub(1);
        let at = self.sections.locations_at() + number as u64;
        let first = *self.locations.get(number).ok_or(BadPage(at))?;
        let steps = (seq + 1).checked_sub(first).ok_or(BadPage(at))?;
        self.page(at, |mut page| page::take_sum(&mut page, steps))?.ok_or_else(|| BadPage(at).into())
    }

    /// How many pages of locations.
    pub fn location_pages(&self) -> u64 {
        self.sections.locations
    }

    /// A page of locations and its first seq, as it was written.
    pub fn location_page(&self, number: u64) -> io::Result<(u64, Vec<u8>)> {
        Ok((self.locations[number as usize], self.page(self.sections.locations_at() + number, <[u8]>::to_vec)?))
    }
}

fn read_postings(mut rest: &[u8], fence: u64, range: Range, mut take: impl FnMut(u64, u64) -> bool) -> Option<()> {
    let (mut key, width) = (fence, width(range));
    while !rest.is_empty() {
        let tag = page::take_varint(&mut rest)?;
        key = key.checked_add(tag >> 1).filter(|key| key >> KEY_BITS == 0)?;
        let count = if tag & 1 == 1 { page::take_varint(&mut rest)? } else { 1 };
        let mut seq = range.first.checked_add(page::take_fixed(&mut rest, width)?)?;
        for number in 0..count {
            if number > 0 {
                seq = seq.checked_add(page::take_varint(&mut rest)?)?;
            }
            if seq >= range.end {
                return None;
            }
            if !take(key, seq) {
                return Some(());
            }
        }
    }
    Some(())
}
