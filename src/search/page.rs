//! A page of an answer, in the order of recording or against it.

use crate::query::Line;
use std::ops::ControlFlow;

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The last recorded first.
    pub newest: bool,
    /// At most so many.
    pub limit: usize,
    /// Behind this seq, in the order asked for.
    pub after: Option<u64>,
}

/// Where a page ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// How many were on it.
    pub count: usize,
    /// The seq of the last.
    pub last: Option<u64>,
    /// True if there are more behind it.
    pub more: bool,
}

/// What a page is handed to; it may end it.
pub(super) type Visit<'v> = &'v mut dyn FnMut(&Line) -> ControlFlow<()>;

/// Hands out one more, unless the page is full.
pub(super) fn hand_out(turned: &mut Turned, page: &Page, line: &Line, visit: Visit) -> ControlFlow<()> {
    if turned.takes(page, line.seq) { visit(line) } else { ControlFlow::Break(()) }
}

impl Page {
    /// What ascends as the page goes.
    pub(super) fn key(&self, seq: u64) -> u64 {
        if self.newest { !seq } else { seq }
    }

    /// True if an entry stands behind the position that the page begins at.
    pub fn reaches(&self, seq: u64) -> bool {
        self.after.is_none_or(|after| if self.newest { seq < after } else { seq > after })
    }

    /// Puts what ascends into the page's order.
    pub fn turn<T>(&self, ascending: impl DoubleEndedIterator<Item = T>) -> impl Iterator<Item = T> {
        let (forth, back) = if self.newest { (None, Some(ascending.rev())) } else { (Some(ascending), None) };
        forth.into_iter().flatten().chain(back.into_iter().flatten())
    }
}

impl Turned {
    /// Counts one more; false if the page is full, and it is the first of the next.
    pub fn takes(&mut self, page: &Page, seq: u64) -> bool {
        if self.count == page.limit {
            self.more = true;
            return false;
        }
        (self.count, self.last) = (self.count + 1, Some(seq));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_behind_its_position_and_says_whether_more_follows() {
        for (newest, after, expected, more) in [
            (false, None, vec![1, 2], true),
            (false, Some(2), vec![3, 4], false),
            (true, None, vec![4, 3], true),
            (true, Some(3), vec![2, 1], false),
            (true, Some(1), vec![], false),
        ] {
            let (page, mut turned) = (Page { newest, limit: 2, after }, Turned::default());
            let behind = page.turn(1..5u64).filter(|&seq| page.reaches(seq));
            let found: Vec<u64> = behind.take_while(|&seq| turned.takes(&page, seq)).collect();
            assert_eq!((found.as_slice(), turned.more), (&expected[..], more), "{page:?}");
            assert_eq!((turned.count, turned.last), (expected.len(), expected.last().copied()));
        }
    }
}
