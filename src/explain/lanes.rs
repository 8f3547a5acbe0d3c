//! Where the rows of a drawing stand from left to right, so that no line runs through what it does not touch.
//!
//! What cites has a lane of its own over all rows from the first that it cites to itself, and citations enter it
//! sideways, as branches do. Labels stand to the left of what they label, signals and the decision to the right.

use super::drawing::{Drawing, Glyph};

/// Lanes: one a row, 0 in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The lane of each row.
    pub of: Vec<i32>,
    /// How many there are to the left of 0.
    pub left: i32,
    /// How many there are to the right of it.
    pub right: i32,
}

/// Most lanes on either side; what does not fit shares the last.
const MOST: i32 = 12;

/// The lanes of a drawing.
pub fn of(drawing: &Drawing) -> Lanes {
    let mut lanes = Lanes { of: vec![0; drawing.marks.len()], left: 0, right: 0 };
    let (mut left, mut right) = (Side::default(), Side::default());
    for (row, mark) in drawing.marks.iter().enumerate() {
        let first = drawing.edges.partition_point(|edge| edge.from < row);
        let cited: Vec<usize> =
            drawing.edges[first..].iter().take_while(|edge| edge.from == row).map(|edge| edge.to).collect();
        let from = cited.iter().copied().min().unwrap_or(row).min(row);
        let to = cited.iter().copied().max().unwrap_or(row).max(row);
        if mark.glyph == Glyph::Label {
            lanes.of[row] = -left.take(1, from, to);
        } else if !cited.is_empty() || matches!(mark.glyph, Glyph::Signal | Glyph::Decision) {
            let beyond = cited.iter().map(|&row| lanes.of[row]).max().unwrap_or(0);
            lanes.of[row] = right.take(beyond.max(0) + 1, from, to);
        }
    }
    lanes.left = -lanes.of.iter().copied().min().unwrap_or(0).min(0);
    lanes.right = lanes.of.iter().copied().max().unwrap_or(0).max(0);
    lanes
}

/// Columns for spans of rows that overlap: bands of policies.
pub fn columns(spans: &[(usize, usize)]) -> Vec<i32> {
    let mut side = Side::default();
    // A band may begin in the row in which another ends.
    spans.iter().map(|&(from, to)| side.take(1, 2 * from + 1, (2 * to).max(2 * from + 1)) - 1).collect()
}

/// The rows that are taken in each lane of one side, from lane 1 on.
#[derive(Default)]
struct Side(Vec<Vec<(usize, usize)>>);

impl Side {
    /// The lane nearest to the middle, `least` or beyond, that is free from one row to the other.
    fn take(&mut self, least: i32, from: usize, to: usize) -> i32 {
        let mut lane = least.min(MOST);
        loop {
            let place = lane as usize - 1;
            if self.0.len() <= place {
                self.0.resize_with(place + 1, Vec::new);
            }
            let is_free = self.0[place].iter().all(|&(first, last)| to < first || last < from);
            if is_free || lane == MOST {
                self.0[place].push((from, to));
                return lane;
            }
            lane += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_overlap_stand_apart_and_others_share() {
        let mut side = Side::default();
        assert_eq!([side.take(1, 0, 5), side.take(1, 3, 4), side.take(1, 6, 9), side.take(2, 5, 9)], [1, 2, 1, 2]);
        assert_eq!(columns(&[(0, 4), (4, 9), (3, 5)]), [0, 0, 1]);
        let mut crowded = Side::default();
        let lanes: Vec<i32> = (0..20).map(|_| crowded.take(1, 0, 1)).collect();
        assert_eq!(lanes.iter().max(), Some(&MOST));
    }
}
