//! Who was in which center, told by headers alone: an entry of kind 2 or 3 names account and center by their streams.
//!
//! An account is in the center of its last link, unless a later unlink names the same center. What the stream of a
//! center shows is less: that an account has not left by it; it may have moved elsewhere since.

use crate::evidence::{Evidence, View};
use crate::hash::StreamId;
use crate::record::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};

/// Time, then seq.
pub type Moment = (i64, u64);

/// The links that count in a view of a decision, ordered by when they happened.
pub struct Chart {
    /// For each account: its center from a moment on.
    stays: BTreeMap<StreamId, Vec<(Moment, Option<StreamId>)>>,
    /// For each center and account: whether the last word in the center's stream is a link, from a moment on.
    shown: BTreeMap<StreamId, BTreeMap<StreamId, Vec<(Moment, bool)>>>,
}

impl Chart {
    pub fn of(evidence: &Evidence, view: View) -> Self {
        let mut moves: Vec<_> = evidence
            .items
            .iter()
            .filter(|item| evidence.counts(item, view))
            .filter_map(|item| {
                Some((
                    item.header.moment(),
                    item.kind() == Kind::LINKED,
                    item.header.own_stream()?,
                    item.header.center()?,
                ))
            })
            .collect();
        moves.sort_unstable();
        let mut chart = Self { stays: BTreeMap::new(), shown: BTreeMap::new() };
        for (moment, linked, account, center) in moves {
            chart.shown.entry(center).or_default().entry(account).or_default().push((moment, linked));
            let stays = chart.stays.entry(account).or_default();
            let now = stays.last().and_then(|(_, center)| *center);
            let then = match linked {
                true => Some(center),
                false => now.filter(|now| *now != center),
            };
            stays.push((moment, then));
        }
        chart
    }

    /// The center that an account was in just before a moment.
    pub fn center_of(&self, account: StreamId, moment: Moment) -> Option<StreamId> {
        let stays = self.stays.get(&account)?;
        let next = stays.partition_point(|(from, _)| *from < moment);
        stays.get(next.checked_sub(1)?)?.1
    }

    /// Accounts that the center's stream does not show to have left it, at any of the moments.
    pub fn not_gone(&self, center: StreamId, moments: &BTreeSet<Moment>) -> BTreeSet<StreamId> {
        let accounts = self.shown.get(&center).into_iter().flatten();
        accounts.filter(|(_, words)| meets(words, &true, moments)).map(|(account, _)| *account).collect()
    }

    /// Accounts that were in the center at any of the moments.
    pub fn members(&self, center: StreamId, moments: &BTreeSet<Moment>) -> BTreeSet<StreamId> {
        let accounts = self.not_gone(center, moments).into_iter();
        let stays = |account: &StreamId| self.stays.get(account).map(Vec::as_slice).unwrap_or_default();
        accounts.filter(|account| meets(stays(account), &Some(center), moments)).collect()
    }
}

/// Whether a state that changes at moments was this one just before any of the moments asked for.
fn meets<T: PartialEq>(changes: &[(Moment, T)], state: &T, moments: &BTreeSet<Moment>) -> bool {
    changes.iter().enumerate().any(|(place, (from, now))| {
        let until = changes.get(place + 1).map_or(Unbounded, |(next, _)| Included(next));
        // Two changes at one moment cannot be: a moment has a seq.
        now == state && moments.range((Excluded(from), until)).next().is_some()
    })
}
