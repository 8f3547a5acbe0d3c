//! Who was in which center when, told by headers alone: a link names its center's stream whether or not its body may be
//! read. So membership, and with it what a decision had to pin, can be recomputed without anybody's secrets.

use crate::codec::{Head, Link, StreamId};
use crate::exhibit::Exhibit;
use crate::fact::{Body, Kind, Moment, Scope};
use crate::timeline::View;
use std::collections::{BTreeMap, BTreeSet};

/// Streams by the entries that extend them, ascending in seq.
pub struct Chart<'a> {
    exhibits: &'a BTreeMap<u64, Exhibit>,
    streams: BTreeMap<StreamId, Vec<u64>>,
    places: BTreeMap<(StreamId, u64), u64>,
    /// What erased an entry's body, and what its content, by seq; for entries of which something was erased.
    erasers: BTreeMap<u64, Erasers>,
}

/// The first erasure behind an entry that took its body, and the first that took its content.
#[derive(Clone, Copy, Default)]
struct Erasers {
    body: Option<u64>,
    content: Option<u64>,
}

/// A link made or ended, as its header tells it.
#[derive(Clone, Copy)]
struct Tie {
    moment: Moment,
    account: StreamId,
    center: StreamId,
    made: bool,
}

impl<'a> Chart<'a> {
    /// Of everything that was gathered.
    pub fn new(exhibits: &'a BTreeMap<u64, Exhibit>) -> Chart<'a> {
        let mut streams: BTreeMap<StreamId, Vec<u64>> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (&seq, exhibit) in exhibits {
            for link in &exhibit.entry.header.streams {
                streams.entry(link.stream).or_default().push(seq);
                places.insert((link.stream, link.revision), seq);
            }
        }
        let erasers = streams.iter().flat_map(|(&stream, seqs)| erasers(exhibits, stream, seqs)).collect();
        Chart { exhibits, streams, places, erasers }
    }

    /// The entries of a stream, ascending.
    pub fn entries(&self, stream: StreamId) -> impl DoubleEndedIterator<Item = &'a Exhibit> + '_ {
        self.streams.get(&stream).into_iter().flatten().map(|seq| &self.exhibits[seq])
    }

    /// Entries that this one names by their hashes and that are there: those before it in its streams, and those that it
    /// cites.
    pub fn leads_to(&self, exhibit: &Exhibit) -> Vec<u64> {
        let header = &exhibit.entry.header;
        let before = header.streams.iter().filter_map(|link| {
            let place = (link.stream, link.revision.checked_sub(1)?);
            Some((*self.places.get(&place)?, link.previous))
        });
        let cited = header.links.iter().filter_map(|link| match *link {
            Link::Resolved { seq, hash } => Some((seq, hash)),
            Link::Unresolved { .. } => None,
        });
        let named = before.chain(cited);
        named
            .filter(|(seq, hash)| self.exhibits.get(seq).is_some_and(|named| named.entry.hash == *hash))
            .map(|(seq, _)| seq)
            .collect()
    }

    /// The erasure that destroyed an entry's body, or its content: the first one behind it in its stream that does.
    pub fn eraser(&self, of: &Exhibit, content: bool) -> Option<&'a Exhibit> {
        let erasers = self.erasers.get(&of.seq())?;
        Some(&self.exhibits[&if content { erasers.content } else { erasers.body }?])
    }

    /// The account or policy that an entry is of.
    pub fn owner(&self, seq: u64) -> StreamId {
        self.exhibits[&seq].entry.header.streams[0].stream
    }

    /// Every stream whose entries are of policies.
    pub fn policies(&self) -> BTreeSet<StreamId> {
        let adopted = self.exhibits.values().filter(|exhibit| exhibit.entry.header.kind == Kind::PolicyAdopted);
        adopted.map(|exhibit| exhibit.entry.header.streams[0].stream).collect()
    }

    /// The last entry of a stream below `seq`, if it has one.
    pub fn head_before(&self, stream: StreamId, seq: u64) -> Option<Head> {
        let last = self.entries(stream).take_while(|exhibit| exhibit.seq() < seq).last()?;
        let revision = last.entry.header.streams.iter().find(|link| link.stream == stream)?.revision;
        Some(Head { stream, revision, hash: last.entry.hash })
    }

    /// The center that an account is in just before `bound`: that of the last link, unless a later unlink names it.
    pub fn center_at(&self, account: StreamId, view: View, bound: Moment) -> Option<StreamId> {
        let mut ended = Vec::new();
        for tie in self.ties(account, view, bound).into_iter().rev() {
            match tie.made {
                false => ended.push(tie.center),
                true => return (!ended.contains(&tie.center)).then_some(tie.center),
            }
        }
        None
    }

    /// Accounts that the center's own stream does not show to have left just before `bound`.
    pub fn candidates(&self, center: StreamId, view: View, bound: Moment) -> BTreeSet<StreamId> {
        let last: BTreeMap<StreamId, bool> =
            self.ties(center, view, bound).into_iter().map(|tie| (tie.account, tie.made)).collect();
        last.into_iter().filter(|(_, made)| *made).map(|(account, _)| account).collect()
    }

    /// Those of them that their own streams show to be in the center.
    pub fn members(&self, center: StreamId, view: View, bound: Moment) -> BTreeSet<StreamId> {
        let mut members = self.candidates(center, view, bound);
        members.retain(|&member| self.center_at(member, view, bound) == Some(center));
        members
    }

    /// True if everything of the account was erased by an entry below `seq`.
    pub fn erased_before(&self, account: StreamId, seq: u64) -> bool {
        self.entries(account).any(|exhibit| exhibit.seq() < seq && erasure(exhibit) == Some(Scope::All))
    }

    /// The digest that a decision must carry: over the heads of every policy, its center, every other account in it.
    pub fn pins(&self, decision: &Exhibit) -> [u8; 32] {
        crate::codec::pins(&mut self.heads(decision).collect::<Vec<_>>())
    }

    /// The streams that a decision commits to, and up to which revision: its own, and those that it pins.
    pub fn pinned(&self, decision: &Exhibit) -> BTreeMap<StreamId, u64> {
        let own = decision.entry.header.streams.iter().map(|link| (link.stream, link.revision));
        self.heads(decision).map(|head| (head.stream, head.revision)).chain(own).collect()
    }

    fn heads(&self, decision: &Exhibit) -> impl Iterator<Item = Head> {
        let seq = decision.seq();
        self.judged_by(decision).into_iter().filter_map(move |stream| self.head_before(stream, seq))
    }

    fn judged_by(&self, decision: &Exhibit) -> BTreeSet<StreamId> {
        let header = &decision.entry.header;
        let (own, moment) = (header.streams[0].stream, Moment { at: header.occurred_at.at, seq: header.seq });
        let view = View { decision: moment, known: true };
        let mut streams = self.policies();
        if let Some(center) = self.center_at(own, view, moment) {
            streams.insert(center);
            let mut members = self.members(center, view, moment);
            members.retain(|&member| member != own && !self.erased_before(member, header.seq));
            streams.extend(members);
        }
        streams
    }

    /// The ties in a stream, an account's or a center's, that `view` sees before `bound`; ascending in time.
    fn ties(&self, stream: StreamId, view: View, bound: Moment) -> Vec<Tie> {
        let ties = self.entries(stream).filter_map(|exhibit| {
            let header = &exhibit.entry.header;
            let (Kind::AccountLinked | Kind::AccountUnlinked, [account, center]) = (header.kind, &header.streams[..])
            else {
                return None;
            };
            let moment = Moment { at: header.occurred_at.at, seq: header.seq };
            let made = header.kind == Kind::AccountLinked;
            Some(Tie { moment, account: account.stream, center: center.stream, made })
        });
        let mut ties: Vec<Tie> = ties.filter(|tie| tie.moment < bound && view.sees(tie.moment)).collect();
        ties.sort_by_key(|tie| tie.moment);
        ties
    }
}

/// Walks a stream once, from its end.
fn erasers(exhibits: &BTreeMap<u64, Exhibit>, stream: StreamId, seqs: &[u64]) -> Vec<(u64, Erasers)> {
    let (mut behind, mut found) = (Erasers::default(), Vec::new());
    for &seq in seqs.iter().rev() {
        let exhibit = &exhibits[&seq];
        if exhibit.entry.header.streams.first().is_some_and(|link| link.stream == stream) && behind.content.is_some() {
            found.push((seq, behind));
        }
        match erasure(exhibit) {
            Some(Scope::All) => behind = Erasers { body: Some(seq), content: Some(seq) },
            Some(Scope::Content) => behind.content = Some(seq),
            None => {}
        }
    }
    found
}

/// What an erasure destroys; none if the entry is no erasure.
pub fn erasure(exhibit: &Exhibit) -> Option<Scope> {
    match exhibit.entry.record.as_ref().map(|record| &record.body) {
        Some(Body::SubjectErased(scope)) => Some(*scope),
        _ => None,
    }
}
