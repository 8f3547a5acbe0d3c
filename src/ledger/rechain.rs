//! What is left of a ledger, written as a new one: every entry at its own seq, with its body as it was sealed.
//!
//! An entry key is derived from account and seq. INVARIANT (one key, one message): an entry therefore keeps its seq and its
//! sealed bytes, and only its header is made anew: streams, pins and links. In the place of a lost entry stands a marker that
//! is not sealed: the erasure of the text of an account of salvage's own, which has none.

use super::LedgerError;
use super::heads::Heads;
use super::read::{self, Content};
use super::survey::{Fate, Survey};
use crate::codec::{self, Commitment, EntryHash, Header, Identity, Link, Record, StreamId};
use crate::entry::Entry;
use crate::fact::{Body, FactId, Instant, Kind, Moment, Scope, Time};
use crate::journal::{Frames, Journal, RawEntry};
use crate::keyring::{EntryKey, Keyring};

/// The account whose erasures mark what was lost.
const ACCOUNT: &str = "inforce/salvage";
/// The source of markers.
pub const SOURCE: &str = "//inforce/salvage";
/// Frames written at a time.
const GROUP: usize = 1024;

/// Writes a new journal.
pub struct Rechaining<'a> {
    survey: &'a Survey,
    journal: Journal,
    keyring: Keyring,
    heads: Heads,
    group: Frames,
    /// Hashes of what was written.
    hashes: Vec<EntryHash>,
    last_recorded: Instant,
    marker: StreamId,
}

impl<'a> Rechaining<'a> {
    pub fn new(survey: &'a Survey, journal: Journal, mut keyring: Keyring) -> Result<Rechaining<'a>, LedgerError> {
        let slot = keyring.claim_account(ACCOUNT)?;
        let marker = keyring.stream(slot);
        Ok(Rechaining {
            survey,
            journal,
            keyring,
            heads: Heads::default(),
            group: Frames::default(),
            hashes: Vec::new(),
            last_recorded: Instant(0),
            marker,
        })
    }

    /// Takes the next entry that was found, and marks what was lost before it.
    pub fn take(&mut self, raw: &RawEntry) -> Result<(), LedgerError> {
        self.mark_until(raw.seq)?;
        if !matches!(self.survey.fates[raw.seq as usize], Fate::Intact(_)) {
            return Ok(());
        }
        let Entry { header, record, .. } = read::open(raw, &self.keyring, Content::Leave)?;
        let header = self.chain(header, record.as_ref());
        let bytes = codec::encode(&header);
        let entry = Entry { header, hash: codec::entry_hash(&bytes), record, content: None };
        self.group.push(&bytes, raw.body, raw.content);
        self.pushed(&entry)
    }

    /// The hashes of what was written, and the keyring.
    pub fn finish(mut self) -> Result<(Vec<EntryHash>, Keyring), LedgerError> {
        self.mark_until(self.survey.fates.len() as u64)?;
        self.flush()?;
        self.journal.close()?;
        self.keyring.sync()?;
        Ok((self.hashes, self.keyring))
    }

    /// The header as it is chained now: the same as it was, as long as nothing was lost.
    fn chain(&mut self, header: Header, record: Option<&Record>) -> Header {
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        let streams: Vec<_> = header.streams.iter().map(|link| self.heads.next(link.stream)).collect();
        let pins = (header.kind == Kind::DecisionMade).then(|| self.heads.pins(streams[0].stream, moment));
        // In the prefix nothing is made anew: what links of erased accounts pinned cannot be told any more.
        let pins = if header.seq < self.survey.prefix { header.pins } else { pins };
        let names = record.map(|record| record.body.references()).unwrap_or_default();
        let name = |at: usize| names.get(at).map(|name| codec::identity(self.keyring.identity_key(), name));
        let links = header.links.iter().enumerate().map(|(at, link)| self.cite(*link, name(at))).collect();
        Header { streams, pins, links, recorded_at: header.recorded_at.max(self.last_recorded), ..header }
    }

    /// A reference to what was lost is one that resolves to nothing.
    fn cite(&self, link: Link, name: Option<Identity>) -> Link {
        match link {
            Link::Resolved { seq, hash } if self.survey.fates.get(seq as usize) == Some(&Fate::Intact(hash)) => {
                Link::Resolved { seq, hash: self.hashes[seq as usize] }
            }
            Link::Resolved { .. } => Link::Unresolved { identity: name.unwrap_or(Identity([0; 16])) },
            unresolved => unresolved,
        }
    }

    fn mark_until(&mut self, end: u64) -> Result<(), LedgerError> {
        while (self.hashes.len() as u64) < end {
            let seq = self.hashes.len() as u64;
            let (stream, scope) = match self.survey.erasures.get(&seq) {
                Some(&stream) => (stream, Scope::All),
                None => (self.marker, Scope::Content),
            };
            let id = FactId { source: SOURCE.to_owned(), id: format!("lost:{seq}") };
            let identity = codec::identity(self.keyring.identity_key(), &id);
            let record = Record { id, subject: String::new(), body: Body::SubjectErased(scope) };
            let plaintext = codec::encode(&record);
            let body: Commitment = EntryKey::OPEN.commit(&plaintext);
            let header = Header {
                seq,
                identity,
                kind: Kind::SubjectErased,
                occurred_at: Time::utc(self.last_recorded),
                recorded_at: self.last_recorded,
                streams: vec![self.heads.next(stream)],
                pins: None,
                links: Vec::new(),
                body,
                content: None,
            };
            let bytes = codec::encode(&header);
            let entry = Entry { header, hash: codec::entry_hash(&bytes), record: Some(record), content: None };
            self.group.push(&bytes, &plaintext, b"");
            self.pushed(&entry)?;
        }
        Ok(())
    }

    fn pushed(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let erased = entry.record.as_ref().is_some_and(|record| record.body == Body::SubjectErased(Scope::All));
        self.heads.take(entry);
        if erased {
            self.heads.end(entry.header.streams[0].stream);
        }
        self.hashes.push(entry.hash);
        self.last_recorded = entry.header.recorded_at;
        // An erasure ends its group.
        if self.group.len() == GROUP || entry.header.kind == Kind::SubjectErased { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), LedgerError> {
        if !self.group.is_empty() {
            let first_seq = (self.hashes.len() - self.group.len()) as u64;
            self.group.finish(first_seq);
            self.journal.place(first_seq)?;
            self.journal.commit(&self.group)?;
            self.group.clear();
        }
        Ok(())
    }
}
