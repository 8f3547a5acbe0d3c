//! Which accounts are in which center, as far as headers and keys tell: what pins rest on.
//!
//! The rule itself, which link counts when, is the timeline's.

use crate::codec::{Header, StreamId};
use crate::fact::{Kind, Moment};
use crate::timeline::{AccountLine, CenterIx, Event, View, What};
use foldhash::HashMap;

/// Links by the streams of accounts and centers.
#[derive(Default)]
pub struct Links {
    accounts: HashMap<StreamId, AccountLine>,
    numbers: HashMap<StreamId, CenterIx>,
    centers: Vec<Center>,
}

struct Center {
    stream: StreamId,
    /// Every account that was ever linked to it.
    members: Vec<StreamId>,
}

/// True for a header that makes or ends a link.
pub fn is_link(header: &Header) -> bool {
    matches!(header.kind, Kind::AccountLinked | Kind::AccountUnlinked) && header.streams.len() == 2
}

impl Links {
    /// Takes a link, made or ended, whose body can be read.
    pub fn add(&mut self, header: &Header) {
        let (account, center) = (header.streams[0].stream, header.streams[1].stream);
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
        let what = if header.kind == Kind::AccountLinked { What::Linked(number) } else { What::Unlinked(number) };
        let line = self.accounts.entry(account).or_insert_with(|| AccountLine::new(account));
        line.add(Event { moment, what });
        line.order();
    }

    /// Forgets the links of an account.
    pub fn forget(&mut self, account: StreamId) {
        if let Some(line) = self.accounts.get_mut(&account) {
            line.events.clear();
        }
    }

    /// The streams of the centers that an account was ever linked to.
    pub fn centers_of(&self, account: StreamId) -> Vec<StreamId> {
        let events = self.accounts.get(&account).into_iter().flat_map(AccountLine::events);
        let mut centers: Vec<StreamId> = events
            .filter_map(|event| match event.what {
                What::Linked(center) | What::Unlinked(center) => Some(self.centers[center.0 as usize].stream),
                _ => None,
            })
            .collect();
        centers.sort_unstable();
        centers.dedup();
        centers
    }

    /// The center that an account is in just before `moment`, as was known then, and every other account in it.
    pub fn group(&self, account: StreamId, moment: Moment) -> Vec<StreamId> {
        let view = View { decision: moment, known: true };
        let center_of = |account: &StreamId| self.accounts.get(account)?.center_at(view, moment);
        let Some(center) = center_of(&account) else { return Vec::new() };
        let Center { stream, members } = &self.centers[center.0 as usize];
        let others = members.iter().filter(|&member| *member != account && center_of(member) == Some(center));
        std::iter::once(*stream).chain(others.copied()).collect()
    }
}
