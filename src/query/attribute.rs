//! Attribute sampling: what so many failures among so many tested say about all of them.
//!
//! Exact: a sample is drawn without putting back, so its failures are distributed hypergeometrically, and no
//! approximation by a binomial or a normal distribution is made. One-sided, at [`CONFIDENCE`].

use statrs::distribution::{DiscreteCDF, Hypergeometric};

/// How sure a bound is.
pub const CONFIDENCE: f64 = 0.95;

/// Chances that differ by less are one: 19 of 20 leave a chance of exactly 0.05, however it is computed.
pub(super) const NOISE: f64 = 1e-9;

/// The chance of so few failures, or fewer, among `tested` of `population` of which `failing` fail.
fn chance(population: u64, failing: u64, tested: u64, failures: u64) -> f64 {
    Hypergeometric::new(population, failing, tested).expect("no more fail, or are tested, than there are").cdf(failures)
}

/// The most that can fail of `population` if `failures` of `tested` did: the greatest number under which so few failures
/// are more likely than what the confidence leaves.
pub fn most_failing(population: u64, tested: u64, failures: u64) -> u64 {
    assert!(failures <= tested && tested <= population, "a sample is of the population");
    let is_likely = |failing| chance(population, failing, tested, failures) > 1.0 - CONFIDENCE + NOISE;
    least(failures, population - (tested - failures) + 1, |failing| !is_likely(failing)) - 1
}

/// The least number above `below` that `holds`, by halving: `known` does, and everything above one that does.
pub(super) fn least(mut below: u64, mut known: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while known > below + 1 {
        let middle = below + (known - below) / 2;
        match holds(middle) {
            true => known = middle,
            false => below = middle,
        }
    }
    known
}

/// How many are to be tested so that with at most `failures` failures no more than `tolerable_ppm` of `population` fail;
/// all of them at most.
pub fn size_for(population: u64, tolerable_ppm: u64, failures: u64) -> u64 {
    let tolerable = (u128::from(population) * u128::from(tolerable_ppm) / 1_000_000) as u64;
    let enough = |tested: u64| failures <= tested && most_failing(population, tested, failures) <= tolerable;
    least(0, population, enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By counting: of all samples of `tested`, those with so few failures.
    fn counted(population: u64, failing: u64, tested: u64, failures: u64) -> f64 {
        let choose = |n: u64, k: u64| -> f64 {
            if k > n { 0.0 } else { (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product() }
        };
        let of = |k: u64| choose(failing, k) * choose(population - failing, tested - k);
        (0..=failures.min(tested)).map(of).sum::<f64>() / choose(population, tested)
    }

    #[test]
    fn bounds_are_those_that_counting_gives() {
        for population in [1, 2, 7, 20, 33] {
            for tested in 1..=population {
                for failures in 0..=tested {
                    let all = failures..=population - (tested - failures);
                    let likely = all.filter(|&failing| counted(population, failing, tested, failures) > 0.05 + NOISE);
                    let bound = most_failing(population, tested, failures);
                    assert_eq!(Some(bound), likely.max(), "{failures} of {tested} of {population}");
                }
            }
        }
    }

    /// From published tables of attribute sampling: 95 %, large population.
    #[test]
    fn sizes_are_those_of_the_tables() {
        let size = |percent: u64, failures| size_for(10_000_000, percent * 10_000, failures);
        assert_eq!([size(1, 0), size(5, 0), size(10, 0)], [299, 59, 29]);
        assert_eq!([size(5, 1), size(5, 2), size(10, 1)], [93, 124, 46]);
        // Clopper and Pearson's bound for 0 of 100 and 1 of 100.
        let rate = |failures| most_failing(10_000_000, 100, failures) as f64 / 1e7;
        assert!((rate(0) - 0.029_513).abs() < 1e-5 && (rate(1) - 0.046_560).abs() < 1e-5, "{} {}", rate(0), rate(1));
    }

    #[test]
    fn a_size_is_the_least_that_supports_the_rate() {
        for population in [1, 5, 60, 500, 12_345] {
            for (ppm, failures) in [(10_000, 0), (50_000, 0), (50_000, 2), (100_000, 1)] {
                let (size, tolerable) = (size_for(population, ppm, failures), population * ppm / 1_000_000);
                let supports = |tested| tested >= failures && most_failing(population, tested, failures) <= tolerable;
                assert!(size == population || supports(size), "{population}, {ppm}, {failures}");
                assert!(size <= 1 || !supports(size - 1), "{population}, {ppm}, {failures}");
            }
        }
    }
}
