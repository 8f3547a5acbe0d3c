//! What a sample that is spread over strata says about all of them.
//!
//! A draw of each stratum is hypergeometric, and those of different strata are independent. How the failures of the
//! population are spread over the strata nobody knows: a bound must hold for the worst spread, the one under which a test
//! is most likely to see no more failures than were seen. INVARIANT (worst spread): the chance that a number of failing
//! decisions is held to is never below the one of its worst spread, so no bound is below the true one.
//!
//! Without a failure the worst spread is found exactly: chances multiply, each is log-concave in the number that fails, and
//! so the next failure always goes where it is least likely to be met. With failures it is bounded from above: by letting
//! whoever spreads them choose anew for each number that was seen so far; or, where that would take too long, by Hoeffding's
//! theorem on sums of independent trials (Ann. Math. Statist. 27 (1956), 713, theorem 5).

use super::attribute::{CONFIDENCE, NOISE, least, most_failing};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Steps that are made for one bound before Hoeffding's theorem takes over.
const STEPS: u64 = 1 << 25;

/// So many of a stratum, and so many of them tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested {
    /// How many decisions it has.
    pub population: u64,
    /// How many of them were drawn.
    pub sample: u64,
}

/// The most that can fail of all strata if `failures` of all that was tested did. Exact for one stratum, and where nothing
/// failed; else never too low.
pub fn most_failing_of(strata: &[Tested], failures: u64) -> u64 {
    let (population, tested) = totals(strata);
    assert!(failures <= tested, "a sample is of the population");
    match strata {
        [] => 0,
        [one] => most_failing(one.population, one.sample, failures),
        _ if failures == 0 => none_failing(strata, population),
        _ => {
            let whole = population - (tested - failures);
            let rough = by_hoeffding(strata, failures).min(whole);
            match rough.saturating_mul(population) > STEPS {
                true => rough,
                false => by_each_spread(strata, failures, rough).min(rough),
            }
        }
    }
}

/// True if a test without failures rules out that more than `tolerable` fail.
pub fn rules_out(strata: &[Tested], tolerable: u64) -> bool {
    let (population, _) = totals(strata);
    tolerable >= population || none_failing(strata, tolerable + 1) <= tolerable
}

fn totals(strata: &[Tested]) -> (u64, u64) {
    let sum = |of: fn(&Tested) -> u64| strata.iter().map(of).sum::<u64>();
    let fits = |each: &Tested| (each.population.min(1)..=each.population).contains(&each.sample);
    assert!(strata.iter().all(fits), "a sample is of the population, and of every stratum");
    (sum(|each| each.population), sum(|each| each.sample))
}

/// A chance that is too small to be the truth.
fn is_unlikely(chance: f64) -> bool {
    chance <= 1.0 - CONFIDENCE + NOISE
}

/// A stratum with what is left of it once some of it fails.
#[derive(PartialEq, Eq)]
struct Left {
    sample: u64,
    left: u64,
}

impl Ord for Left {
    /// By the chance that one more failure is not met, 1 − sample / left.
    fn cmp(&self, other: &Left) -> Ordering {
        let product = |one: u64, other: u64| u128::from(one) * u128::from(other);
        product(other.sample, self.left).cmp(&product(self.sample, other.left))
    }
}

impl PartialOrd for Left {
    fn partial_cmp(&self, other: &Left) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The most that can fail where nothing failed, as far as `limit`.
fn none_failing(strata: &[Tested], limit: u64) -> u64 {
    let left = |each: &Tested| Left { sample: each.sample, left: each.population };
    let mut heap: BinaryHeap<Left> = strata.iter().filter(|each| each.population > 0).map(left).collect();
    let (mut failing, mut chance) = (0, 1.0);
    while failing < limit {
        let Some(mut next) = heap.peek_mut() else { break };
        chance *= (next.left - next.sample) as f64 / next.left as f64;
        if is_unlikely(chance) {
            break;
        }
        failing += 1;
        next.left -= 1;
    }
    failing
}

/// The chance of `0..=failures` met, each, if `failing` of the stratum fail.
fn chances(stratum: Tested, failing: u64, failures: usize) -> Vec<f64> {
    let Tested { population, sample } = stratum;
    let sound = population - failing;
    // C(failing, met) C(sound, sample − met) / C(population, sample), as a product that begins at what can be met at least.
    let least = sample.saturating_sub(sound);
    let most = sample.min(failing);
    let mut met = vec![0.0; failures + 1];
    if least > failures as u64 {
        return met;
    }
    let mut chance = statrs::function::factorial::ln_binomial(failing, least);
    chance += statrs::function::factorial::ln_binomial(sound, sample - least);
    chance = (chance - statrs::function::factorial::ln_binomial(population, sample)).exp();
    for number in least..=most.min(failures as u64) {
        met[number as usize] = chance;
        let up = (failing - number) as f64 * (sample - number) as f64;
        chance *= up / ((number + 1) as f64 * (sound + number + 1 - sample.min(sound + number + 1)).max(1) as f64);
    }
    met
}

/// Stratum by stratum: the greatest chance to meet so few, for each number that fails so far and each number to be met.
fn by_each_spread(strata: &[Tested], failures: u64, limit: u64) -> u64 {
    let (met, limit) = (failures as usize, limit as usize + 1);
    // worst[failing][few]: the chance to meet `few` or fewer, so far.
    let mut worst = vec![vec![0.0; met + 1]; limit + 1];
    worst[0] = vec![1.0; met + 1];
    let mut most = 0;
    for &stratum in strata {
        let own = (stratum.population as usize).min(limit);
        let chances: Vec<Vec<f64>> = (0..=own as u64).map(|failing| chances(stratum, failing, met)).collect();
        let grown = (most + own).min(limit);
        let mut next = vec![vec![0.0f64; met + 1]; limit + 1];
        for (failing, next) in next.iter_mut().enumerate().take(grown + 1) {
            for (here, own) in chances.iter().enumerate().take(failing + 1) {
                let before = &worst[failing - here];
                for few in 0..=met {
                    let chance: f64 = (0..=few).map(|number| own[number] * before[few - number]).sum();
                    next[few] = next[few].max(chance);
                }
            }
        }
        (worst, most) = (next, grown);
    }
    let likely = |failing: &usize| !is_unlikely(worst[*failing][met]);
    (0..=most).rev().find(likely).expect("few failures are likely where few fail") as u64
}

/// A sum of independent trials with a given mean above `failures` + 1 is most likely to be so small if all are equally
/// likely; and a hypergeometric draw is such a sum, of as many trials as were drawn or fail, whichever is less.
fn by_hoeffding(strata: &[Tested], failures: u64) -> u64 {
    let (population, tested) = totals(strata);
    let mut thinnest: Vec<&Tested> = strata.iter().collect();
    thinnest.sort_by(|one, other| {
        let product = |one: &Tested, other: &Tested| u128::from(one.sample) * u128::from(other.population);
        product(one, other).cmp(&product(other, one))
    });
    let unlikely = |failing: u64| {
        let (mut rest, mut mean) = (failing, 0.0);
        for each in &thinnest {
            let here = rest.min(each.population);
            mean += here as f64 * each.sample as f64 / each.population.max(1) as f64;
            rest -= here;
        }
        let trials = tested.min(failing);
        // A little less than the mean, so that its last digit decides nothing.
        let mean = mean * (1.0 - 1e-12);
        mean >= failures as f64 + 1.0 && is_unlikely(binomial(trials, mean / trials as f64, failures) + NOISE)
    };
    // INVARIANT (worst spread): one crossing is enough, since more failing are never less unlikely than fewer.
    least(failures, population + 1, unlikely) - 1
}

/// The chance of `few` successes or fewer.
fn binomial(trials: u64, chance: f64, few: u64) -> f64 {
    if chance >= 1.0 {
        return if few >= trials { 1.0 } else { 0.0 };
    }
    let term = |number: u64| {
        let ways = statrs::function::factorial::ln_binomial(trials, number);
        (ways + number as f64 * chance.ln() + (trials - number) as f64 * (-chance).ln_1p()).exp()
    };
    (0..=few.min(trials)).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(n: u64, k: u64) -> f64 {
        if k > n { 0.0 } else { (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product() }
    }

    /// The chance to meet `few` or fewer under one spread, by counting.
    fn counted(strata: &[Tested], spread: &[u64], few: u64) -> f64 {
        let mut met = vec![1.0];
        for (each, &failing) in strata.iter().zip(spread) {
            let of = |k: u64| choose(failing, k) * choose(each.population - failing, each.sample - k);
            let own: Vec<f64> = (0..=each.sample).map(|k| of(k) / choose(each.population, each.sample)).collect();
            let mut next = vec![0.0; met.len() + own.len() - 1];
            for (i, before) in met.iter().enumerate() {
                own.iter().enumerate().for_each(|(j, own)| next[i + j] += before * own);
            }
            met = next;
        }
        met.iter().take(few as usize + 1).sum()
    }

    /// The true bound: the most that can fail so that, under some spread, so few failures are not unlikely.
    fn truth(strata: &[Tested], few: u64) -> u64 {
        let mut spreads: Vec<Vec<u64>> = vec![Vec::new()];
        for each in strata {
            let longer = |spread: &Vec<u64>| {
                let spread = spread.clone();
                (0..=each.population).map(move |here| [&spread[..], &[here]].concat())
            };
            spreads = spreads.iter().flat_map(longer).collect();
        }
        let likely = spreads.iter().filter(|spread| !is_unlikely(counted(strata, spread, few)));
        likely.map(|spread| spread.iter().sum()).max().expect("none fails")
    }

    fn tested(strata: &[(u64, u64)]) -> Vec<Tested> {
        strata.iter().map(|&(population, sample)| Tested { population, sample }).collect()
    }

    /// Every list of up to `count` strata of up to `size`, in ascending order, with every number of draws.
    fn configurations(count: usize, size: u64) -> Vec<Vec<Tested>> {
        let each: Vec<(u64, u64)> = (1..=size).flat_map(|all| (1..=all).map(move |sample| (all, sample))).collect();
        let (mut lists, mut all) = (vec![Vec::new()], Vec::new());
        for _ in 0..count {
            let longer = |list: &Vec<(u64, u64)>| {
                let (list, last) = (list.clone(), list.last().copied().unwrap_or((0, 0)));
                let next: Vec<(u64, u64)> = each.iter().copied().filter(|each| *each >= last).collect();
                next.into_iter().map(move |each| [&list[..], &[each]].concat())
            };
            lists = lists.iter().flat_map(longer).collect();
            all.extend(lists.iter().map(|list| tested(list)));
        }
        all
    }

    #[test]
    fn no_bound_of_a_small_sample_is_below_the_truth() {
        let (mut exact, mut above) = (0, 0);
        for strata in configurations(2, 6).into_iter().chain(configurations(3, 4)).chain(configurations(4, 2)) {
            let (_, all) = totals(&strata);
            for failures in 0..=all.min(4) {
                let (bound, true_bound) = (most_failing_of(&strata, failures), truth(&strata, failures));
                assert!(bound >= true_bound, "{failures} of {strata:?}: {bound}, and not below {true_bound}");
                assert!(failures > 0 || bound == true_bound, "{strata:?}: {bound}, and {true_bound} is enough");
                assert!(by_hoeffding(&strata, failures) >= true_bound, "{failures} of {strata:?}, by Hoeffding");
                assert!(rules_out(&strata, bound), "{strata:?}, {bound}");
                assert!(failures > 0 || bound == 0 || !rules_out(&strata, bound - 1), "{strata:?}, {bound}");
                if bound == true_bound { exact += 1 } else { above += 1 }
            }
        }
        println!("{exact} bounds are the true ones, {above} are above");
        assert!(exact > 20 * above, "{exact} are exact, {above} are not");
    }

    /// Strata of one size each, as many as a count by hand reaches: the bounds that a review of an earlier one asked for.
    #[test]
    fn thin_strata_say_less_than_their_sum() {
        for (strata, size, sample, failures, least) in
            [(5, 2, 1, 0, 4), (10, 2, 1, 2, 10), (20, 3, 1, 3, 20), (13, 3, 1, 1, 12), (30, 5, 1, 2, 29)]
        {
            let strata = tested(&vec![(size, sample); strata]);
            let bound = most_failing_of(&strata, failures);
            assert!(bound >= least, "{failures} of {strata:?}: {bound}, and {least} is the truth");
            assert!(bound <= least + 1, "{failures} of {strata:?}: {bound}, and {least} is the truth");
        }
    }

    #[test]
    fn a_bound_by_each_spread_and_one_by_the_theorem_agree_roughly() {
        let strata = tested(&[(300, 12), (150, 6), (40, 2), (9, 1), (1, 1)]);
        for failures in 1..=3 {
            let whole = by_each_spread(&strata, failures, 500);
            let rough = by_hoeffding(&strata, failures);
            assert!(whole <= rough && rough <= whole + whole / 5, "{whole}, {rough}");
        }
        // Too much to be gone through: an answer all the same, and at once.
        let large = tested(&[(9_000_000, 270), (900_000, 27), (90_000, 3)]);
        let bounds: Vec<u64> = (0..=3).map(|failures| most_failing_of(&large, failures)).collect();
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{bounds:?}");
        assert!(bounds[0] > 99_000 && bounds[3] < 300_000, "{bounds:?}");
    }

    #[test]
    fn one_stratum_is_bounded_as_any_sample_is() {
        for population in [1, 7, 33] {
            for sample in 1..=population {
                let strata = tested(&[(population, sample)]);
                assert_eq!(none_failing(&strata, population), most_failing(population, sample, 0));
                for failures in 0..=sample {
                    assert_eq!(most_failing_of(&strata, failures), most_failing(population, sample, failures));
                }
            }
        }
    }
}
