//! From marks to scores: what every term and rule found counts for, added up where they stand close together.
//!
//! A score is the best that any stretch of `WINDOW` bytes reaches, each source counted once in it. So a word said ten
//! times is not ten reasons, and a long text does not become sensitive by its length alone.

use std::collections::VecDeque;
use std::ops::Range;

/// How far apart two marks may stand and still add up, in bytes of normalised text: about forty words.
pub(super) const WINDOW: usize = 240;
/// The score that carries a label. A term of this weight is enough alone.
pub(super) const ENOUGH: i32 = 4;

/// What one term or rule says, at one place.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// What it speaks for: a category, or a topic.
    pub target: u16,
    /// How strongly: from 1 to `ENOUGH`.
    pub weight: i32,
    /// Which line of the lexicon says so.
    pub source: u32,
    /// Where: bytes of the normalised text.
    pub start: usize,
    /// The first byte after.
    pub end: usize,
}

/// Why a text has a label: one term or rule that spoke for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Bytes of the text. Those of a rule span everything that it put together.
    pub range: Range<usize>,
    /// The term as it was found, normalised; or the rule's cues.
    pub term: String,
    /// The category or topic.
    pub label: &'static str,
    /// From 1 to 4; 4 is enough alone.
    pub weight: i32,
}

/// The best score of one target's marks, which are in order of place.
pub(super) fn best(marks: &[Mark]) -> i32 {
    let mut window: VecDeque<&Mark> = VecDeque::new();
    let mut counts: Vec<(u32, u32)> = Vec::new();
    let (mut score, mut best) = (0, 0);
    for mark in marks {
        while let Some(old) = window.front().filter(|old| mark.end.saturating_sub(old.start) > WINDOW) {
            let at =
                counts.iter().position(|count| count.0 == old.source).expect("every mark in the window is counted");
            counts[at].1 -= 1;
            if counts[at].1 == 0 {
                counts.swap_remove(at);
                score -= old.weight;
            }
            window.pop_front();
        }
        match counts.iter_mut().find(|count| count.0 == mark.source) {
            Some(count) => count.1 += 1,
            None => {
                counts.push((mark.source, 1));
                score += mark.weight;
            }
        }
        window.push_back(mark);
        best = best.max(score);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(source: u32, weight: i32, start: usize) -> Mark {
        Mark { target: 0, weight, source, start, end: start + 5 }
    }

    #[test]
    fn neighbours_add_up_and_repetition_does_not() {
        assert_eq!(best(&[]), 0);
        assert_eq!(best(&[mark(1, 2, 0), mark(2, 2, 20)]), 4);
        assert_eq!(best(&[mark(1, 2, 0), mark(1, 2, 20)]), 2);
        assert_eq!(best(&[mark(1, 2, 0), mark(2, 2, WINDOW)]), 2);
        assert_eq!(best(&[mark(1, 2, 0), mark(1, 2, 200), mark(2, 2, 300)]), 4, "the nearer of two counts");
    }
}
