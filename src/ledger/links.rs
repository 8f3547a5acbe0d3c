//! Which accounts are in which center, as far as headers and keys tell: what pins rest on.
//!
//! The rule itself, which link counts when, is the timeline's.

use super::blocks::Blocks;
use super::streams::{StreamNo, Streams};
use crate::codec::{Header, StreamId};
use crate::fact::{Kind, Moment};
use crate::timeline::{CenterIx, View, What, center_at};
use foldhash::HashMap;

/// Links by the streams of accounts and centers.
#[derive(Default)]
pub struct Links {
    /// Every stream, linked or not.
    pub streams: Streams,
    /// By the numbers of streams; empty, or missing, where there is none.
    accounts: Blocks<Changes>,
    numbers: HashMap<StreamNo, CenterIx>,
    centers: Vec<Center>,
}

struct Center {
    stream: StreamNo,
    /// Every account that was ever linked to it.
    members: Vec<StreamNo>,
}

/// A link made or ended.
#[derive(Clone, Copy)]
struct Change {
    moment: Moment,
    center: CenterIx,
    ends: bool,
}

/// What became of one account, ascending in time: nearly always a single link.
#[derive(Default)]
enum Changes {
    #[default]
    None,
    One(Change),
    // Boxed, since most have none: a million of these are in memory.
    #[allow(clippy::box_collection)]
    More(Box<Vec<Change>>),
}

impl Changes {
    fn as_slice(&self) -> &[Change] {
        match self {
            Changes::None => &[],
            Changes::One(change) => std::slice::from_ref(change),
            Changes::More(changes) => changes,
        }
    }

    fn add(&mut self, change: Change) {
        match self {
            Changes::None => *self = Changes::One(change),
            Changes::One(first) => {
                let mut both = vec![*first, change];
                both.sort_by_key(|change| change.moment);
                *self = Changes::More(Box::new(both));
            }
            Changes::More(changes) => {
                let place = changes.partition_point(|other| other.moment <= change.moment);
                changes.insert(place, change);
            }
        }
    }
}

/// True for a header that makes or ends a link.
pub fn is_link(header: &Header) -> bool {
    matches!(header.kind, Kind::AccountLinked | Kind::AccountUnlinked) && header.streams.len() == 2
}

impl Links {
    /// Takes a link, made or ended, whose body can be read.
    pub fn add(&mut self, header: &Header) {
        let [account, center] = [0, 1].map(|place| self.streams.meet(header.streams[place].stream));
        let next = CenterIx(self.centers.len() as u32);
        let number = *self.numbers.entry(center).or_insert(next);
        if number == next {
            self.centers.push(Center { stream: center, members: Vec::new() });
        }
        let members = &mut self.centers[number.0 as usize].members;
        if let Err(place) = members.binary_search(&account) {
            members.insert(place, account);
        }
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        let change = Change { moment, center: number, ends: header.kind == Kind::AccountUnlinked };
        self.accounts.at_mut(account.place()).add(change);
    }

    /// Forgets the links of an account.
    pub fn forget(&mut self, account: StreamId) {
        if let Some(number) = self.streams.find(account).filter(|number| number.place() < self.accounts.len()) {
            *self.accounts.at_mut(number.place()) = Changes::None;
        }
    }

    fn changes(&self, account: StreamNo) -> &[Change] {
        self.accounts.get(account.place()).map_or(&[], Changes::as_slice)
    }

    /// How many links of an account were made and ended.
    pub fn count(&self, account: StreamNo) -> usize {
        self.changes(account).len()
    }

    /// The streams of the centers that an account was ever linked to.
    pub fn centers_of(&self, account: StreamId) -> Vec<StreamId> {
        let changes = self.streams.find(account).map_or(&[][..], |account| self.changes(account));
        let stream = |change: &Change| self.streams.name(self.centers[change.center.0 as usize].stream);
        let mut centers: Vec<StreamId> = changes.iter().map(stream).collect();
        centers.sort_unstable();
        centers.dedup();
        centers
    }

    /// The center that an account is in just before `moment`, as was known then, and every other account in it.
    pub fn group(&self, account: StreamNo, moment: Moment) -> impl Iterator<Item = StreamNo> {
        let view = View { decision: moment, known: true };
        let center_of =
            move |account: StreamNo| {
                let seen = self.changes(account).iter().filter(|change| view.sees(change.moment));
                center_at(seen.map(|change| {
                    if change.ends { What::Unlinked(change.center) } else { What::Linked(change.center) }
                }))
            };
        center_of(account).into_iter().flat_map(move |center| {
            let Center { stream, members } = &self.centers[center.0 as usize];
            let others = members.iter().filter(move |&&member| member != account && center_of(member) == Some(center));
            std::iter::once(*stream).chain(others.copied())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Commitment, EntryHash, Identity, StreamLink};
    use crate::fact::{Instant, Time};

    fn header(kind: Kind, account: u8, center: u8, at: i64, seq: u64) -> Header {
        let link = |id: u8| StreamLink { stream: StreamId([id; 16]), revision: 0, previous: EntryHash([0; 32]) };
        Header {
            seq,
            identity: Identity([0; 16]),
            kind,
            occurred_at: Time::utc(Instant(at)),
            recorded_at: Instant(at),
            streams: vec![link(account), link(center)],
            pins: None,
            links: Vec::new(),
            body: Commitment([0; 32]),
            content: None,
        }
    }

    #[test]
    fn a_group_is_the_center_and_who_else_is_in_it_at_the_time() {
        let (mut links, id) = (Links::default(), |id: u8| StreamId([id; 16]));
        for (kind, account, center, at, seq) in [
            (Kind::AccountLinked, 1, 9, 10, 0),
            (Kind::AccountLinked, 2, 9, 40, 1),
            (Kind::AccountUnlinked, 2, 9, 60, 2),
            // Recorded late: it happened between the two.
            (Kind::AccountLinked, 2, 8, 50, 3),
            (Kind::AccountLinked, 3, 9, 20, 4),
        ] {
            links.add(&header(kind, account, center, at, seq));
        }
        let group = |account, moment| -> Vec<StreamId> {
            let account = links.streams.find(id(account)).expect("it has a link");
            links.group(account, moment).map(|number| links.streams.name(number)).collect()
        };
        let known = |at, seq| group(2, Moment { at: Instant(at), seq });
        let group = |account, at| group(account, Moment { at: Instant(at), seq: 9 });
        assert_eq!(group(1, 9), []);
        assert_eq!(group(1, 15), [id(9)]);
        assert_eq!(group(1, 45), [id(9), id(2), id(3)]);
        assert_eq!(group(1, 70), [id(9), id(3)]);
        assert_eq!(group(2, 70), [id(8)]);
        assert_eq!(links.centers_of(id(2)), [id(8), id(9)]);
        assert_eq!(known(70, 3), [], "the late one is not known yet");
        links.forget(id(2));
        assert_eq!(links.centers_of(id(2)), []);
    }
}
