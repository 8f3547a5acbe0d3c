//! One account's line: what happened to it, in the order of time.

use super::{CenterIx, View};
use crate::codec::StreamId;
use crate::fact::*;
use crate::symbols::Sym;

/// Something that changed an account's state.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When.
    pub moment: Moment,
    /// What.
    pub what: What,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum What {
    Linked(CenterIx),
    Unlinked(CenterIx),
    Preference(Control, Sym),
    Consent(Sym, ConsentState),
    Age(AgeBand),
    OptOut,
    Notice { policy: Sym, channel: Channel, status: NoticeStatus, sha256: Option<Sym> },
    Erased(Scope),
}

impl What {
    /// True for a link made or ended.
    pub fn is_link(self) -> bool {
        matches!(self, What::Linked(_) | What::Unlinked(_))
    }
}

/// An entry of the account's stream that was recorded after some decision though it happened before it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Late {
    pub moment: Moment,
    pub recorded: Instant,
    /// The earliest time of this one and of those recorded after it, where the line is in order; else earlier than all.
    earliest: Instant,
}

/// An account from its first entry on.
#[derive(Clone, Debug)]
pub struct AccountLine {
    /// Its stream.
    pub stream: StreamId,
    /// The app, unless every body was destroyed.
    pub app: Option<Sym>,
    /// The account, `<app>/<id>`, unless every body was destroyed.
    pub subject: Option<Box<str>>,
    pub(crate) events: Vec<Event>,
    late: Vec<Late>,
    is_ragged: bool,
}

impl AccountLine {
    pub(crate) fn new(stream: StreamId) -> AccountLine {
        AccountLine { stream, app: None, subject: None, events: Vec::new(), late: Vec::new(), is_ragged: false }
    }

    /// Adds an event, nearly always the last in time; where it is not, [`AccountLine::order`] must follow.
    pub(crate) fn add(&mut self, event: Event) {
        self.is_ragged |= self.events.last().is_some_and(|last| event.moment < last.moment);
        if self.events.is_empty() {
            // Most have one, a notice: room for four would be three too many.
            self.events.reserve_exact(1);
        }
        self.events.push(event);
    }

    /// Adds an entry that came late for some decision; [`AccountLine::order`] must follow.
    pub(super) fn add_late(&mut self, moment: Moment, recorded: Instant) {
        const UNKNOWN: Instant = Instant(i64::MIN);
        if self.late.last().is_some_and(|last| last.earliest > UNKNOWN) {
            self.late.iter_mut().for_each(|late| late.earliest = UNKNOWN);
        }
        self.late.push(Late { moment, recorded, earliest: UNKNOWN });
    }

    /// Puts events into the order of time, and notes how early what came late is.
    pub(crate) fn order(&mut self) {
        if std::mem::take(&mut self.is_ragged) {
            self.events.sort_by_key(|event| event.moment);
        }
        let mut earliest = Instant(i64::MAX);
        for late in self.late.iter_mut().rev() {
            earliest = earliest.min(late.moment.at);
            late.earliest = earliest;
        }
    }

    /// Every event, ascending in time.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Entries recorded after `seq` that may have come late for the decision there; the judge checks whether they did.
    pub fn late_after(&self, seq: u64) -> &[Late] {
        let first = self.late.partition_point(|late| late.moment.seq <= seq);
        &self.late[first..]
    }

    /// True if any of those happened before the decision.
    pub(super) fn has_late(&self, decision: Moment) -> bool {
        self.late_after(decision.seq).first().is_some_and(|late| late.earliest < decision.at)
    }

    /// The events of `view` just before `bound`, ascending.
    pub fn seen(&self, view: View, bound: Moment) -> impl DoubleEndedIterator<Item = &Event> {
        let end = self.events.partition_point(|event| event.moment < bound);
        self.events[..end].iter().filter(move |event| view.sees(event.moment))
    }

    /// The center it is in just before `bound`.
    pub(crate) fn center_at(&self, view: View, bound: Moment) -> Option<CenterIx> {
        center_at(self.seen(view, bound).map(|event| event.what))
    }

    /// The center it is in at the decision, and those it left after `since`, by an unlink or by a move.
    pub(super) fn centers_since(&self, view: View, since: Instant) -> Vec<CenterIx> {
        let (mut current, mut left) = (None, Vec::new());
        for event in self.seen(view, view.decision) {
            let before = current;
            match event.what {
                What::Linked(center) => current = Some(center),
                What::Unlinked(center) if current == Some(center) => current = None,
                _ => continue,
            }
            left.extend(before.filter(|_| before != current && event.moment.at > since));
        }
        left.extend(current);
        left
    }

    /// Erasures of the account, whoever sees them.
    pub fn erasures(&self) -> impl Iterator<Item = (Moment, Scope)> + '_ {
        self.events.iter().filter_map(|event| match event.what {
            What::Erased(scope) => Some((event.moment, scope)),
            _ => None,
        })
    }
}

/// The center that an account is in after what happened to it, in the order of time: that of the last link, unless a later
/// unlink names it.
pub(crate) fn center_at(happened: impl DoubleEndedIterator<Item = What>) -> Option<CenterIx> {
    let mut ended = Vec::new();
    for what in happened.rev() {
        match what {
            What::Unlinked(center) => ended.push(center),
            What::Linked(center) => return (!ended.contains(&center)).then_some(center),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn line(whats: &[What]) -> AccountLine {
        let events = whats.iter().enumerate().map(|(seq, &what)| Event { moment: moment(seq as u64), what });
        AccountLine { events: events.collect(), ..AccountLine::new(StreamId([0; 16])) }
    }

    fn moment(seq: u64) -> Moment {
        Moment { at: Instant(seq as i64), seq }
    }

    #[test]
    fn an_unlink_ends_only_the_link_that_it_names() {
        use What::*;
        let (one, two) = (CenterIx(1), CenterIx(2));
        let view = View { decision: moment(9), known: true };
        for (events, expected) in [
            (vec![], None),
            (vec![Linked(one)], Some(one)),
            (vec![Linked(one), Linked(two)], Some(two)),
            (vec![Linked(one), Linked(two), Unlinked(one)], Some(two)),
            (vec![Linked(one), Unlinked(two), Unlinked(one)], None),
            (vec![Linked(one), Unlinked(one), Linked(one)], Some(one)),
            (vec![Unlinked(one), Linked(one)], Some(one)),
        ] {
            assert_eq!(line(&events).center_at(view, moment(9)), expected, "{events:?}");
        }
    }

    proptest! {
        #[test]
        fn what_came_late_is_found_as_by_looking_at_each(
            late in vec((0i64..9, 1u64..3), 0..9),
            ordered in 0usize..9,
            decision in (0i64..10, 0u64..20),
        ) {
            let (mut line, mut seq) = (line(&[]), 0);
            for (number, (at, step)) in late.into_iter().enumerate() {
                seq += step;
                line.add_late(Moment { at: Instant(at), seq }, Instant(9));
                if number == ordered {
                    line.order();
                }
            }
            let decision = Moment { at: Instant(decision.0), seq: decision.1 };
            let came_late = |late: &Late| late.moment.seq > decision.seq && late.moment < decision;
            let expected = line.late.iter().any(came_late);
            prop_assert!(line.has_late(decision) || !expected, "nothing is missed before the line is in order");
            line.order();
            prop_assert_eq!(line.has_late(decision), expected);
        }
    }
}
