//! Which accounts are in which center, as far as headers and keys tell: what pins rest on.
//!
//! The rule itself, which link counts when, is the timeline's.

use super::by_stream::{ByStream, Named};
use crate::codec::{Header, StreamId};
use crate::fact::{Kind, Moment};
use crate::timeline::{CenterIx, View, What, center_at};

/// Links between accounts and centers.
#[derive(Default)]
pub struct Links {
    accounts: ByStream<Account>,
    /// By their numbers as centers.
    centers: ByStream<Center>,
}

struct Account {
    stream: StreamId,
    /// What became of it, ascending in time.
    changes: Changes,
}

struct Center {
    stream: StreamId,
    /// The number of every account that was ever linked to it, ascending.
    members: Vec<u32>,
}

impl Named for Account {
    fn stream(&self) -> StreamId {
        self.stream
    }
}

impl Named for Center {
    fn stream(&self) -> StreamId {
        self.stream
    }
}

/// A link made or ended.
#[derive(Clone, Copy)]
struct Change {
    moment: Moment,
    center: CenterIx,
    ends: bool,
}

/// Nearly always a single link.
enum Changes {
    One(Change),
    // Boxed, since few have any: a million of these are in memory.
    #[allow(clippy::box_collection)]
    More(Box<Vec<Change>>),
}

impl Changes {
    fn as_slice(&self) -> &[Change] {
        match self {
            Changes::One(change) => std::slice::from_ref(change),
            Changes::More(changes) => changes,
        }
    }

    fn add(&mut self, change: Change) {
        match self {
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
        let (account, center) = (header.streams[0].stream, header.streams[1].stream);
        let (number, _) = self.centers.add(Center { stream: center, members: Vec::new() });
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        let change = Change { moment, center: CenterIx(number), ends: header.kind == Kind::AccountUnlinked };
        let (account, known) = self.accounts.add(Account { stream: account, changes: Changes::One(change) });
        if known.is_some() {
            self.accounts.at_mut(account).changes.add(change);
        }
        let members = &mut self.centers.at_mut(number).members;
        if let Err(place) = members.binary_search(&account) {
            members.insert(place, account);
        }
    }

    /// Forgets the links of an account.
    pub fn forget(&mut self, account: StreamId) {
        if let Some(number) = self.accounts.number(account) {
            self.accounts.at_mut(number).changes = Changes::More(Box::default());
        }
    }

    /// The streams of the centers that an account was ever linked to.
    pub fn centers_of(&self, account: StreamId) -> Vec<StreamId> {
        let changes = self.accounts.get(account).into_iter().flat_map(|account| account.changes.as_slice());
        let mut centers: Vec<StreamId> = changes.map(|change| self.centers.at(change.center.0).stream).collect();
        centers.sort_unstable();
        centers.dedup();
        centers
    }

    /// The center that an account is in just before `moment`, as was known then, and every other account in it.
    pub fn group(&self, account: StreamId, moment: Moment) -> Vec<StreamId> {
        let view = View { decision: moment, known: true };
        let center_of =
            |account: &Account| {
                let seen = account.changes.as_slice().iter().filter(|change| view.sees(change.moment));
                center_at(seen.map(|change| {
                    if change.ends { What::Unlinked(change.center) } else { What::Linked(change.center) }
                }))
            };
        let Some(center) = self.accounts.get(account).and_then(center_of) else { return Vec::new() };
        let Center { stream, members } = self.centers.at(center.0);
        let members = members.iter().map(|&number| self.accounts.at(number));
        let others = members.filter(|member| member.stream != account && center_of(member) == Some(center));
        std::iter::once(*stream).chain(others.map(|member| member.stream)).collect()
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
        let group = |account, at| links.group(id(account), Moment { at: Instant(at), seq: 9 });
        assert_eq!(group(1, 9), []);
        assert_eq!(group(1, 15), [id(9)]);
        assert_eq!(group(1, 45), [id(9), id(2), id(3)]);
        assert_eq!(group(1, 70), [id(9), id(3)]);
        assert_eq!(group(2, 70), [id(8)]);
        assert_eq!(links.centers_of(id(2)), [id(8), id(9)]);
        let known = |at, seq| links.group(id(2), Moment { at: Instant(at), seq });
        assert_eq!(known(70, 3), [], "the late one is not known yet");
        links.forget(id(2));
        assert_eq!(links.centers_of(id(2)), []);
    }
}
