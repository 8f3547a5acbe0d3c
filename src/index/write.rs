//! Writing a run: postings in the order of key and seq, then locations in the order of seq.

use super::filter;
use super::page::{self, PAGE, ROOM, Range, put_varint};
use super::run::{self, FENCES, Meta, Sections};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Pages that are written at once.
const CHUNK: usize = 64 * PAGE;
/// Bytes behind which what was written is synced, so that no sync takes long.
const SYNC: u64 = 8 << 20;
/// The most bytes that a list's tag, count and first seq take.
const GROUP_HEAD: usize = 6 + 2 + 8;

/// A run that is being written.
pub struct RunWriter {
    dir: PathBuf,
    file: File,
    range: Range,
    sections: Sections,
    /// The page of a filter in hand, and its number.
    filter: (u64, Vec<u8>),
    last_key: Option<u64>,
    list: List,
    page: Vec<u8>,
    page_key: u64,
    fences: [Vec<u64>; 2],
    /// Whole pages that are not written yet, and the number of the first of them.
    chunk: Vec<u8>,
    chunk_at: u64,
    unsynced: u64,
}

/// The seqs of one key that are gathered for a page.
#[derive(Default)]
struct List {
    key: u64,
    count: u64,
    first: u64,
    last: u64,
    steps: Vec<u8>,
}

impl RunWriter {
    /// Begins a run of at most so many keys of each half in the folder `dir`.
    pub fn new(dir: &Path, range: Range, keys: [u64; 2]) -> io::Result<RunWriter> {
        let path = fresh(dir, range);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let sections = Sections { filters: keys.map(filter::pages), ..Sections::default() };
        let mut writer = RunWriter {
            dir: dir.to_owned(),
            file,
            range,
            sections,
            filter: (1, vec![0; ROOM]),
            last_key: None,
            list: List::default(),
            page: Vec::with_capacity(PAGE),
            page_key: 0,
            fences: [Vec::new(), Vec::new()],
            chunk: Vec::with_capacity(CHUNK),
            chunk_at: sections.postings_at(),
            unsynced: 0,
        };
        writer.write(&run::header(range), 0)?;
        Ok(writer)
    }

    /// Takes the next posting.
    pub fn posting(&mut self, key: u64, seq: u64) -> io::Result<()> {
        if self.last_key != Some(key) {
            self.note(key)?;
        } else if self.list.count > 0 {
            let at = self.list.steps.len();
            put_varint(&mut self.list.steps, seq - self.list.last);
            if self.page.len() + GROUP_HEAD + self.list.steps.len() <= ROOM {
                self.list.count += 1;
                self.list.last = seq;
                return Ok(());
            }
            self.list.steps.truncate(at);
        }
        self.end_list();
        if self.page.len() + GROUP_HEAD > ROOM {
            self.end_page(0)?;
        }
        self.list = List { key, count: 1, first: seq, last: seq, steps: std::mem::take(&mut self.list.steps) };
        Ok(())
    }

    fn note(&mut self, key: u64) -> io::Result<()> {
        self.last_key = Some(key);
        self.sections.keys[filter::half_of(key)] += 1;
        let number = self.sections.filter_at(key);
        while self.filter.0 < number {
            self.end_filter()?;
        }
        filter::insert(&mut self.filter.1, key);
        Ok(())
    }

    fn end_filter(&mut self) -> io::Result<()> {
        let number = self.filter.0;
        let page = page::seal(self.range, number, &self.filter.1);
        self.filter.0 += 1;
        self.filter.1.fill(0);
        self.write(&page, number)
    }

    fn end_list(&mut self) {
        let List { key, count, first, .. } = self.list;
        if count == 0 {
            return;
        }
        if self.page.is_empty() {
            self.page_key = key;
            self.fences[0].push(key);
        }
        put_varint(&mut self.page, (key - self.page_key) << 1 | u64::from(count > 1));
        if count > 1 {
            put_varint(&mut self.page, count);
        }
        let width = run::width(self.range);
        self.page.extend(&(first - self.range.first).to_le_bytes()[..width]);
        self.page.append(&mut self.list.steps);
        self.page_key = key;
        self.list.count = 0;
    }

    /// Ends the page in hand: of postings (0) or of locations (1).
    fn end_page(&mut self, section: usize) -> io::Result<()> {
        let number = self.chunk_at + (self.chunk.len() / PAGE) as u64;
        let page = page::seal(self.range, number, &self.page);
        self.page.clear();
        if section == 0 {
            self.sections.postings += 1;
        } else {
            self.sections.locations += 1;
        }
        self.whole_page(&page)
    }

    fn whole_page(&mut self, page: &[u8]) -> io::Result<()> {
        self.chunk.extend(page);
        if self.chunk.len() >= CHUNK { self.write_chunk() } else { Ok(()) }
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        self.write(&chunk, self.chunk_at)?;
        self.chunk_at += (chunk.len() / PAGE) as u64;
        self.chunk = chunk;
        self.chunk.clear();
        Ok(())
    }

    fn write(&mut self, pages: &[u8], number: u64) -> io::Result<()> {
        self.file.write_all_at(pages, number * PAGE as u64)?;
        self.unsynced += pages.len() as u64;
        if self.unsynced >= SYNC {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Ends the postings; locations may follow.
    pub fn end_postings(&mut self) -> io::Result<()> {
        self.end_list();
        if !self.page.is_empty() {
            self.end_page(0)?;
        }
        while self.filter.0 < self.sections.postings_at() {
            self.end_filter()?;
        }
        Ok(())
    }

    /// Takes the locations of all entries, ascending.
    pub fn locations(&mut self, locations: &[u64]) -> io::Result<()> {
        let mut last = 0;
        for (seq, &location) in (self.range.first..).zip(locations) {
            if self.page.len() + 10 > ROOM {
                self.end_page(1)?;
            }
            if self.page.is_empty() {
                self.fences[1].push(seq);
                last = 0;
            }
            put_varint(&mut self.page, location - last);
            last = location;
        }
        if self.page.is_empty() { Ok(()) } else { self.end_page(1) }
    }

    /// Takes a page of locations of a run that this one is made of.
    pub fn location_page(&mut self, first: u64, held: Vec<u8>) -> io::Result<()> {
        self.fences[1].push(first);
        self.page = held;
        self.end_page(1)
    }

    /// Ends the run: once this returns it stands under its name, and is durable.
    pub fn finish(mut self, meta: &Meta) -> io::Result<PathBuf> {
        let fences = std::mem::take(&mut self.fences);
        for keys in fences.iter().flat_map(|keys| keys.chunks(FENCES)) {
            let number = self.chunk_at + (self.chunk.len() / PAGE) as u64;
            let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
            self.whole_page(&page::seal(self.range, number, &bytes))?;
        }
        self.whole_page(&run::footer(meta, &self.sections))?;
        self.write_chunk()?;
        self.file.sync_all()?;
        let path = self.dir.join(run::name(self.range));
        std::fs::rename(fresh(&self.dir, self.range), &path)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(path)
    }
}

/// Where a run is written before it is whole.
fn fresh(dir: &Path, range: Range) -> PathBuf {
    dir.join(format!("{}.new", run::name(range)))
}
