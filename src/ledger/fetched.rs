//! Where streams stand, looked up for a whole group at once, where the journal was not read as a whole: the index says which
//! entries to ask, and each is read from the journal, checked and hashed. Most of it is waiting for memory and the system, so
//! it is done on all threads; what was found is taken in order.

use super::LedgerError;
use super::admission::Admitted;
use super::blocks::Blocks;
use super::catalog::Catalog;
use super::links::is_link;
use super::side_by_side::map_pieces;
use super::stage;
use super::streams::StreamNo;
use crate::codec::{self, EntryHash, Header, StreamId};
use crate::fact::{Body, Kind};
use crate::index::{Field, Term};
use crate::journal::EntryReader;
use crate::keyring::Keyring;
use foldhash::{HashMap, HashSet};

/// Streams that were looked up.
#[derive(Default)]
pub struct Fetched {
    /// By the numbers of accounts' streams: whether their links are known, and how much else is.
    accounts: Blocks<Option<Want>>,
    /// Centers whose accounts are known, each with its links.
    centers: HashSet<StreamId>,
}

/// How much is to be known of an account: each holds what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Want {
    /// Where its stream stands.
    Head,
    /// Its links.
    Links,
    /// Everything about the centers that they name.
    Group,
}

/// What entries that are to be made extend and pin, as far as it is not known.
#[derive(Default)]
struct Wanted {
    accounts: Vec<(StreamId, Want)>,
    centers: Vec<StreamId>,
}

/// Headers of links, by seq: that of an account is that of its center as well.
type Known = HashMap<u64, Stored>;
type Stored = (Header, EntryHash);

/// What was found of a stream.
#[derive(Default)]
struct Found {
    head: Option<(u64, EntryHash)>,
    /// Links of it, ascending; `None` where they were not asked for.
    links: Option<Vec<(u64, Stored)>>,
}

impl Catalog {
    /// Looks up what the entries that are to be made of `admitted` extend and pin, where memory does not hold it.
    pub(super) fn fetch(&mut self, admitted: &[Admitted], keyring: &Keyring) -> Result<(), LedgerError> {
        let Some(fetched) = &self.fetched else { return Ok(()) };
        let mut wanted = Wanted::default();
        for piece in map_pieces(admitted, |piece| self.wanted(piece, fetched, keyring)) {
            wanted.accounts.extend(piece.accounts);
            wanted.centers.extend(piece.centers);
        }
        self.fetch_all(wanted, keyring)
    }

    /// Looks up where an account's stream stands.
    pub fn fetch_account(&mut self, stream: StreamId, keyring: &Keyring) -> Result<(), LedgerError> {
        self.fetch_all(Wanted { accounts: vec![(stream, Want::Head)], centers: Vec::new() }, keyring)
    }

    /// Looks up where a center's stream stands, and every account that was ever linked to it.
    pub fn fetch_center(&mut self, center: StreamId, keyring: &Keyring) -> Result<(), LedgerError> {
        self.fetch_all(Wanted { accounts: Vec::new(), centers: vec![center] }, keyring)
    }

    /// What of it is not known yet.
    fn wanted(&self, admitted: &[Admitted], fetched: &Fetched, keyring: &Keyring) -> Wanted {
        let mut wanted = Wanted::default();
        for one in admitted {
            let (want, center) = match &one.fact.body {
                Body::AccountLinked { center } | Body::AccountUnlinked { center } => (Want::Group, Some(center)),
                body if body.kind() == Kind::DecisionMade => (Want::Group, None),
                _ => (Want::Head, None),
            };
            let center = center.map(|center| codec::center_stream(center));
            wanted.centers.extend(center.filter(|center| !fetched.centers.contains(center)));
            let slot = one.slot.or_else(|| keyring.slot_of_owner(one.owner.as_ref()?));
            let Some(slot) = slot.filter(|_| stage::has_account(one.fact.kind())) else { continue };
            let stream = keyring.stream(slot);
            let is_known = |number| self.heads.stands(number) && (want == Want::Head || fetched.knows(number, want));
            if !self.heads.links.streams.find_in(slot, stream).is_some_and(is_known) {
                wanted.accounts.push((stream, want));
            }
        }
        wanted
    }

    fn fetch_all(&mut self, wanted: Wanted, keyring: &Keyring) -> Result<(), LedgerError> {
        if self.fetched.is_none() {
            return Ok(());
        }
        let (Wanted { accounts, mut centers }, mut known) = (wanted, Known::default());
        let accounts = self.fetch_accounts(accounts, &mut known, keyring)?;
        let in_groups = || accounts.iter().filter(|(_, want)| *want == Want::Group).map(|&(account, _)| account);
        centers.extend(in_groups().flat_map(|account| self.heads.links.centers_of(account)));
        let centers = self.fetch_centers(centers, &mut known, keyring)?;
        // Only now: whoever fails before this asks again.
        let in_groups = in_groups().collect::<Vec<_>>();
        in_groups.into_iter().for_each(|account| self.note_known(account, Want::Group));
        self.fetched.as_mut().expect("it is there").centers.extend(centers);
        Ok(())
    }

    /// Looks up streams of accounts, and their links where these are wanted; returns each account once.
    fn fetch_accounts(
        &mut self,
        mut accounts: Vec<(StreamId, Want)>,
        known: &mut Known,
        keyring: &Keyring,
    ) -> Result<Vec<(StreamId, Want)>, LedgerError> {
        accounts.sort_unstable_by(|a, b| b.cmp(a));
        accounts.dedup_by_key(|(account, _)| *account);
        let found =
            self.look_up(&accounts, |reader, &(account, want)| self.account(reader, account, want, known, keyring))?;
        for (&(account, _), Found { head, links }) in accounts.iter().zip(found) {
            if let Some((revision, hash)) = head {
                self.heads.set(account, revision, hash);
            }
            let Some(links) = links else { continue };
            // The tail may have told some of them.
            self.heads.links.forget(account);
            for (seq, stored) in links {
                self.heads.links.add(&stored.0);
                known.insert(seq, stored);
            }
            self.note_known(account, Want::Links);
        }
        Ok(accounts)
    }

    fn note_known(&mut self, account: StreamId, known: Want) {
        let number = self.heads.links.streams.meet(account);
        *self.fetched.as_mut().expect("it is there").accounts.at_mut(number.place()) = Some(known);
    }

    /// Looks up streams of centers, and every account that was ever linked to one of them; returns those that were not known.
    fn fetch_centers(
        &mut self,
        mut centers: Vec<StreamId>,
        known: &mut Known,
        keyring: &Keyring,
    ) -> Result<Vec<StreamId>, LedgerError> {
        let fetched = self.fetched.as_ref().expect("it is there");
        centers.sort_unstable();
        centers.dedup();
        centers.retain(|center| !fetched.centers.contains(center));
        let found = self.look_up(&centers, |reader, &center| self.center(reader, center, known))?;
        let mut members = Vec::new();
        for (&center, Found { head, links }) in centers.iter().zip(found) {
            if let Some((revision, hash)) = head.filter(|_| self.heads.revision(center).is_none()) {
                self.heads.set(center, revision, hash);
            }
            for (seq, stored) in links.into_iter().flatten() {
                members.push((stored.0.streams[0].stream, Want::Links));
                known.insert(seq, stored);
            }
        }
        self.fetch_accounts(members, known, keyring)?;
        Ok(centers)
    }

    /// Looks all of them up, on all threads, and changes nothing.
    fn look_up<T: Sync>(
        &self,
        all: &[T],
        one: impl Fn(&mut EntryReader, &T) -> Result<Found, LedgerError> + Sync,
    ) -> Result<Vec<Found>, LedgerError> {
        let pieces = map_pieces(all, |piece| {
            let mut reader = self.reader();
            piece.iter().map(|asked| one(&mut reader, asked)).collect::<Result<Vec<_>, _>>()
        });
        let mut found = Vec::with_capacity(all.len());
        pieces.into_iter().try_for_each(|piece| piece.map(|piece| found.extend(piece)))?;
        Ok(found)
    }

    fn account(
        &self,
        reader: &mut EntryReader,
        account: StreamId,
        want: Want,
        known: &Known,
        keyring: &Keyring,
    ) -> Result<Found, LedgerError> {
        let mut found = Found::default();
        if self.heads.revision(account).is_none() {
            found.head = self.head_of(reader, account, Term::stream(Field::Account, &account))?;
        }
        let number = self.heads.links.streams.find(account);
        let knows_links = |fetched: &Fetched| number.is_some_and(|number| fetched.knows(number, Want::Links));
        if want > Want::Head && self.fetched.as_ref().is_some_and(|fetched| !knows_links(fetched)) {
            let links = found.links.insert(Vec::new());
            if keyring.slot_of_stream(account).is_none() {
                return Ok(found);
            }
            for seq in self.postings(Term::stream(Field::Links, &account))? {
                let stored = self.known_header(reader, seq, known)?;
                if is_link(&stored.0) && stored.0.streams[0].stream == account {
                    links.push((seq, stored));
                }
            }
        }
        Ok(found)
    }

    /// Only links extend a center's stream.
    fn center(&self, reader: &mut EntryReader, center: StreamId, known: &Known) -> Result<Found, LedgerError> {
        let mut links = Vec::new();
        for seq in self.postings(Term::stream(Field::Center, &center))? {
            let stored = self.known_header(reader, seq, known)?;
            if is_link(&stored.0) && stored.0.streams[1].stream == center {
                links.push((seq, stored));
            }
        }
        let head = links.last().map(|(_, (header, hash))| (header.streams[1].revision, *hash));
        Ok(Found { head, links: Some(links) })
    }

    fn known_header(&self, reader: &mut EntryReader, seq: u64, known: &Known) -> Result<Stored, LedgerError> {
        known.get(&seq).map_or_else(|| self.header_by(reader, seq), |stored| Ok(stored.clone()))
    }

    /// Looks up where a stream stands that is no account's.
    pub(super) fn fetch_head(&mut self, stream: StreamId, term: Term) -> Result<(), LedgerError> {
        if self.fetched.is_none() || self.heads.revision(stream).is_some() {
            return Ok(());
        }
        if let Some((revision, hash)) = self.head_of(&mut self.reader(), stream, term)? {
            self.heads.set(stream, revision, hash);
        }
        Ok(())
    }

    /// The last entry of a stream among those of a term.
    fn head_of(
        &self,
        reader: &mut EntryReader,
        stream: StreamId,
        term: Term,
    ) -> Result<Option<(u64, EntryHash)>, LedgerError> {
        let mut head = None;
        self.ask(|index| {
            index.find_back(term, |seq| {
                let (header, hash) = self.header_by(reader, seq)?;
                let link = header.streams.iter().find(|link| link.stream == stream);
                head = link.map(|link| (link.revision, hash));
                Ok::<bool, LedgerError>(head.is_some())
            })
        })?;
        Ok(head)
    }
}

impl Fetched {
    /// True if so much is known of an account, beside its head.
    fn knows(&self, account: StreamNo, want: Want) -> bool {
        self.accounts.get(account.place()).is_some_and(|known| *known >= Some(want))
    }
}
