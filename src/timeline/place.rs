//! Where a seq stands among many that ascend in it.

/// The place of the item whose seq is `wanted`. They are taken to be spread about evenly, as those of a part are: the search
/// begins where it would then stand, and mostly ends a few items from there, in memory that was just read.
pub(super) fn place<T>(items: &[T], seq: impl Fn(&T) -> u64, wanted: u64) -> Option<usize> {
    let (first, last) = (seq(items.first()?), seq(items.last()?));
    if wanted < first || wanted > last {
        return None;
    }
    let evenly = u128::from(wanted - first) * (items.len() as u128 - 1) / u128::from(last - first).max(1);
    let (mut low, mut high, mut step) = (evenly as usize, evenly as usize + 1, 1);
    // Ever further, until it stands from `low` on and before `high`.
    while seq(&items[low]) > wanted {
        (low, high, step) = (low.saturating_sub(step), low, 2 * step);
    }
    while items.get(high).is_some_and(|item| seq(item) <= wanted) {
        (low, high, step) = (high, items.len().min(high + step), 2 * step);
    }
    let place = low + items[low..high].partition_point(|item| seq(item) < wanted);
    items.get(place).is_some_and(|item| seq(item) == wanted).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seq_is_found_and_no_other() {
        let evenly: Vec<u64> = (0..1000).map(|n| 7 + 3 * n).collect();
        let squares: Vec<u64> = (0..1000).map(|n| n * n).collect();
        let late: Vec<u64> = (0..1000).map(|n| if n < 990 { n } else { u64::MAX - 2000 + 2 * n }).collect();
        for seqs in [&evenly[..], &squares, &late, &evenly[..1], &evenly[..2], &[0, u64::MAX], &[]] {
            let around = seqs.iter().flat_map(|&seq| [seq.saturating_sub(1), seq, seq.saturating_add(1)]);
            for wanted in around.chain([0, 5, u64::MAX]) {
                assert_eq!(place(seqs, |&seq| seq, wanted), seqs.binary_search(&wanted).ok(), "{wanted}");
            }
        }
    }
}
