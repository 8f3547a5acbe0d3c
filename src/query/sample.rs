//! A sample of decisions that nobody could have chosen, and that anybody can draw again.
//!
//! Each decision has a key, SHA-256 over seed, root and seq, and each stratum gives those with the smallest keys. The root
//! was committed to before the seed was said, so whoever recorded the decisions could not know which would be drawn.
//! `docs/format.md` has it to the byte. The population is a text of its own, a line a decision, so that a sample is drawn
//! again from that text alone, and its digest tells if a decision was left out.
//!
//! INVARIANT (strata): sizes and draws of the strata add up to those of the whole.
//! Deliberately absent: the ledger. Members come with the leaf that the tree has of them.

use super::Row;
use super::attribute::least;
use super::spread::{Tested, rules_out};
use crate::fact::{Digest, Verdict};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first line of what a key is made over.
const KEY: &[u8] = b"inforce-sample/1\n";

/// The longest seed, in bytes.
pub const MAX_SEED: usize = 256;

/// What strata are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum By {
    /// The versions that judged in the known view, as `POLICY@VERSION`, with `+` between them.
    Policy,
    Region,
    App,
    /// The first by id of the rules that carry the known verdict; empty where no rule fired.
    Rule,
    Conformance,
    /// Of the known view.
    Verdict,
    Outcome,
    Purpose,
    Advertiser,
    Campaign,
}

impl By {
    /// Every field, by name.
    pub const ALL: [(&'static str, By); 10] = [
        ("policy", By::Policy),
        ("region", By::Region),
        ("app", By::App),
        ("rule", By::Rule),
        ("conformance", By::Conformance),
        ("verdict", By::Verdict),
        ("outcome", By::Outcome),
        ("purpose", By::Purpose),
        ("advertiser", By::Advertiser),
        ("campaign", By::Campaign),
    ];

    /// Reads a name.
    pub fn parse(name: &str) -> Result<By, String> {
        let found = By::ALL.iter().find(|(each, _)| *each == name).map(|(_, by)| *by);
        let names = || By::ALL.map(|(name, _)| name).join(", ");
        found.ok_or_else(|| format!("`{name}`: expected one of {}", names()))
    }

    fn of(self, row: &Row) -> String {
        let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
        match self {
            By::Policy => {
                let each = row.known.versions.iter().map(|(policy, version)| format!("{policy}@{version}"));
                each.collect::<Vec<_>>().join("+")
            }
            By::Region => own(row.region),
            By::App => own(row.app),
            By::Rule => first_rule(row).unwrap_or_default().to_owned(),
            By::Conformance => row.conformance.name().to_owned(),
            By::Verdict => row.known.verdict.name().to_owned(),
            By::Outcome => own(row.outcome.map(|outcome| outcome.name())),
            By::Purpose => own(row.purpose.map(|purpose| purpose.name())),
            By::Advertiser => own(row.advertiser),
            By::Campaign => own(row.campaign),
        }
    }
}

/// The first rule by id that carries the known verdict.
fn first_rule<'a>(row: &Row<'a>) -> Option<&'a str> {
    let denies = row.known.verdict == Verdict::Deny;
    row.known.rules.iter().filter(|rule| rule.denies == denies).map(|rule| rule.id).min()
}

/// The stratum of a decision: a JSON list of strings, one a field of `by`; a field that the decision does not have, or
/// that was erased, is the empty string.
pub fn stratum(row: &Row, by: &[By]) -> String {
    let values: Vec<String> = by.iter().map(|by| by.of(row)).collect();
    serde_json::to_string(&values).expect("strings")
}

/// One decision that may be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its seq.
    pub seq: u64,
    /// Its leaf in the tree.
    pub leaf: Digest,
    /// Its stratum.
    pub stratum: Arc<str>,
}

/// Every decision that may be drawn, ascending in seq.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    members: Vec<Member>,
    /// How many of each stratum.
    strata: BTreeMap<Arc<str>, u64>,
}

/// What was drawn of one stratum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Which.
    pub stratum: Arc<str>,
    /// How many decisions it has.
    pub population: u64,
    /// Those that were drawn, ascending in seq.
    pub seqs: Vec<u64>,
}

impl Population {
    /// Adds the next decision; seq ascends.
    pub fn add(&mut self, seq: u64, leaf: Digest, stratum: &str) {
        assert!(self.members.last().is_none_or(|last| last.seq < seq), "decisions come in the order of seq");
        let stratum = match self.strata.get_key_value(stratum) {
            Some((held, _)) => held.clone(),
            None => stratum.into(),
        };
        *self.strata.entry(stratum.clone()).or_default() += 1;
        self.members.push(Member { seq, leaf, stratum });
    }

    /// Its decisions.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// As text: a line a decision, ascending in seq, of seq, leaf in hex and stratum with a tab between them.
    pub fn to_text(&self) -> String {
        let line = |member: &Member| format!("{}\t{}\t{}\n", member.seq, member.leaf, member.stratum);
        self.members.iter().map(line).collect()
    }

    /// SHA-256 over the text.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for member in &self.members {
            hash.update(format!("{}\t{}\t{}\n", member.seq, member.leaf, member.stratum));
        }
        Digest(hash.finalize().into())
    }

    /// Reads the text.
    pub fn parse(text: &str) -> Result<Population, String> {
        let mut population = Population::default();
        for (number, line) in text.lines().enumerate() {
            let wrong = |expected: &str| format!("line {}: expected {expected}", number + 1);
            let mut parts = line.splitn(3, '\t');
            let seq = parts.next().and_then(|seq| seq.parse().ok()).ok_or_else(|| wrong("a seq"))?;
            let leaf = parts.next().and_then(Digest::parse).ok_or_else(|| wrong("a leaf of 64 hex digits"))?;
            let stratum = parts.next().ok_or_else(|| wrong("a stratum"))?;
            if population.members.last().is_some_and(|last: &Member| last.seq >= seq) {
                return Err(wrong("a seq above the one before"));
            }
            population.add(seq, leaf, stratum);
        }
        match population.to_text() == text {
            true => Ok(population),
            false => Err("expected a line a decision: seq, leaf, stratum, a tab between them".to_owned()),
        }
    }

    /// How many are to be drawn of these strata so that, with none failing, no more than `tolerable_ppm` of the population can
    /// fail; all of them at most. One less does not do.
    pub fn size_for(&self, tolerable_ppm: u64) -> u64 {
        let sizes: Vec<u64> = self.strata.values().copied().collect();
        let (all, strata) = (self.members.len() as u64, sizes.len() as u64);
        let tolerable = (u128::from(all) * u128::from(tolerable_ppm) / 1_000_000) as u64;
        let tested = |(&population, sample)| Tested { population, sample };
        let enough = |size| {
            let shares: Vec<Tested> = sizes.iter().zip(allocate(&sizes, size)).map(tested).collect();
            rules_out(&shares, tolerable)
        };
        least(strata.saturating_sub(1), all, enough)
    }

    /// The decision at `seq`, if it is one of them.
    pub fn member(&self, seq: u64) -> Option<&Member> {
        let place = self.members.binary_search_by_key(&seq, |member| member.seq).ok()?;
        Some(&self.members[place])
    }

    /// Draws `size` decisions, or all if there are fewer: at least one of each stratum, and of the rest in proportion.
    pub fn draw(&self, seed: &str, root: &Digest, size: u64) -> Result<Vec<Drawn>, String> {
        check_seed(seed)?;
        let (all, strata) = (self.members.len() as u64, self.strata.len() as u64);
        if size.min(all) < strata {
            return Err(format!(
                "a sample of {size}: expected at least {strata}, one a stratum; or fewer fields in `--by`"
            ));
        }
        let sizes: Vec<u64> = self.strata.values().copied().collect();
        let shares = allocate(&sizes, size.min(all));
        let mut keyed: BTreeMap<&str, Vec<([u8; 32], u64)>> = BTreeMap::new();
        for member in &self.members {
            keyed.entry(&member.stratum).or_default().push((key(seed, root, member.seq), member.seq));
        }
        let draw = |((stratum, &population), share): ((&Arc<str>, &u64), u64)| {
            let mut keys = keyed.remove(&**stratum).expect("a stratum has members");
            keys.sort_unstable();
            let mut seqs: Vec<u64> = keys.iter().take(share as usize).map(|(_, seq)| *seq).collect();
            seqs.sort_unstable();
            Drawn { stratum: stratum.clone(), population, seqs }
        };
        Ok(self.strata.iter().zip(shares).map(draw).collect())
    }
}

/// What was drawn of each stratum, as numbers.
pub fn tested(drawn: &[Drawn]) -> Vec<Tested> {
    drawn.iter().map(|each| Tested { population: each.population, sample: each.seqs.len() as u64 }).collect()
}

/// A seed must be a line.
pub fn check_seed(seed: &str) -> Result<(), String> {
    match seed.is_empty() || seed.len() > MAX_SEED || seed.contains(['\n', '\r']) {
        true => Err(format!("the seed: expected one line of 1 to {MAX_SEED} bytes")),
        false => Ok(()),
    }
}

/// A decision's key: nobody who recorded it knew the seed.
fn key(seed: &str, root: &Digest, seq: u64) -> [u8; 32] {
    let text = format!("{seed}\n{root}\n{seq}");
    Sha256::new().chain_update(KEY).chain_update(text).finalize().into()
}

/// One a stratum; what is left in proportion to what each has left, by largest remainder, ties to the first stratum.
fn allocate(sizes: &[u64], size: u64) -> Vec<u64> {
    let (all, strata) = (sizes.iter().sum::<u64>(), sizes.len() as u64);
    let (rest, left) = (u128::from(size - strata), u128::from(all - strata).max(1));
    let exact = |of: u64| rest * u128::from(of - 1);
    let mut shares: Vec<u64> = sizes.iter().map(|&of| 1 + (exact(of) / left) as u64).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&ix| (std::cmp::Reverse(exact(sizes[ix]) % left), ix));
    let missing = size - shares.iter().sum::<u64>();
    order.iter().take(missing as usize).for_each(|&ix| shares[ix] += 1);
    shares
}

#[cfg(test)]
mod tests {
    use super::super::most_failing_of;
    use super::*;

    fn population(sizes: &[u64]) -> Population {
        let mut population = Population::default();
        let (mut left, mut seq) = (sizes.to_vec(), 3);
        while left.iter().any(|&each| each > 0) {
            for (number, each) in left.iter_mut().enumerate().filter(|(_, each)| **each > 0) {
                *each -= 1;
                population.add(seq, Digest([seq as u8; 32]), &format!("[\"{number}\"]"));
                seq += 2;
            }
        }
        population
    }

    const ROOT: Digest = Digest([7; 32]);

    #[test]
    fn shares_add_up_and_every_stratum_has_one() {
        for sizes in [&[1u64][..], &[5], &[1, 1, 1], &[900, 90, 9, 1], &[10, 10, 10], &[1_000_000, 1, 3]] {
            let (all, strata) = (sizes.iter().sum::<u64>(), sizes.len() as u64);
            for size in (strata..=all.min(200)).chain([all]) {
                let shares = allocate(sizes, size);
                assert_eq!(shares.iter().sum::<u64>(), size, "{sizes:?}");
                let fits = |(share, of): (&u64, &u64)| (1..=*of).contains(share);
                assert!(shares.iter().zip(sizes).all(fits), "{sizes:?}: {shares:?} of {size}");
            }
        }
        assert_eq!(allocate(&[900, 90, 9, 1], 100), [88, 9, 2, 1]);
        assert_eq!(allocate(&[10, 10, 10], 4), [2, 1, 1]);
    }

    #[test]
    fn a_draw_depends_on_seed_root_and_members_alone() {
        let all = population(&[40, 10, 3]);
        let drawn = all.draw("s", &ROOT, 12).expect("drawn");
        assert_eq!(drawn.iter().map(|each| each.seqs.len()).sum::<usize>(), 12);
        assert_eq!(drawn.iter().map(|each| each.population).collect::<Vec<_>>(), [40, 10, 3]);
        let read = Population::parse(&all.to_text()).expect("reads");
        assert_eq!((&read, read.digest()), (&all, all.digest()));
        assert_eq!(read.draw("s", &ROOT, 12), Ok(drawn.clone()));
        assert_ne!(all.draw("t", &ROOT, 12), Ok(drawn.clone()));
        assert_ne!(all.draw("s", &Digest([8; 32]), 12), Ok(drawn));
        let whole = all.draw("s", &ROOT, 1000).expect("drawn");
        assert_eq!(whole.iter().flat_map(|each| &each.seqs).count(), 53);
        assert!(all.draw("s", &ROOT, 2).is_err(), "fewer than strata");
        for seed in ["", "a\nb", &"x".repeat(MAX_SEED + 1)] {
            assert!(all.draw(seed, &ROOT, 12).is_err());
        }
        assert_eq!(Population::default().draw("s", &ROOT, 5), Ok(Vec::new()));
    }

    /// What another program gets that does what `docs/format.md` says.
    #[test]
    fn a_key_is_the_hash_of_the_lines_that_the_format_names() {
        let text = format!("inforce-sample/1\nour seed\n{}\n12", "07".repeat(32));
        assert_eq!(key("our seed", &ROOT, 12), <[u8; 32]>::from(Sha256::digest(text)));
    }

    #[test]
    fn a_population_with_a_decision_left_out_or_changed_has_another_digest() {
        let all = population(&[4, 3]);
        let text = all.to_text();
        let lines: Vec<&str> = text.lines().collect();
        for out in 0..lines.len() {
            let rest: String =
                lines.iter().enumerate().filter(|(ix, _)| *ix != out).map(|(_, l)| format!("{l}\n")).collect();
            assert_ne!(Population::parse(&rest).expect("reads").digest(), all.digest());
        }
        assert_ne!(Population::parse(&text.replace("[\"1\"]", "[\"2\"]")).expect("reads").digest(), all.digest());
        for broken in
            ["x", "1\tab\t[]\n", &text.replace("\n", ""), &format!("{text}{}\n", lines[0]), &format!("0{text}")]
        {
            assert!(Population::parse(broken).is_err(), "{broken}");
        }
    }

    /// Chi-square over many seeds: every decision is drawn as often as any other of its stratum.
    #[test]
    fn every_decision_is_as_likely_as_any_other_of_its_stratum() {
        let (all, seeds) = (population(&[60, 20]), 4000);
        let mut hits: BTreeMap<u64, f64> = BTreeMap::new();
        let mut shares = Vec::new();
        for seed in 0..seeds {
            let drawn = all.draw(&format!("seed {seed}"), &ROOT, 16).expect("drawn");
            drawn.iter().flat_map(|each| &each.seqs).for_each(|&seq| *hits.entry(seq).or_default() += 1.0);
            shares = drawn.iter().map(|each| each.seqs.len() as f64 / each.population as f64).collect();
        }
        for (number, (degrees, limit)) in [(59.0, 98.3), (19.0, 43.8)].into_iter().enumerate() {
            let name = format!("[\"{number}\"]");
            let of = all.members().iter().filter(|member| *member.stratum == *name);
            let (share, n) = (shares[number], f64::from(seeds));
            // Draws of one seed exclude each other: the variance is that of sampling without putting back.
            let variance = n * share * (1.0 - share);
            let chi: f64 = of.map(|member| (hits[&member.seq] - n * share).powi(2) / variance).sum();
            let chi = chi * degrees / (degrees + 1.0);
            assert!(chi < limit, "stratum {number}: {chi} with {degrees} degrees of freedom");
            assert!(chi > degrees / 3.0, "stratum {number}: {chi} is too even");
        }
    }

    #[test]
    fn a_size_for_strata_rules_the_rate_out_and_one_less_does_not() {
        for sizes in [&[60u64][..], &[900, 90, 10], &[2, 2, 2, 2, 2], &[1, 1, 1], &[40, 3, 3, 1, 1]] {
            let all = population(sizes);
            for ppm in [10_000, 50_000, 100_000, 400_000] {
                let supports = |size: u64| {
                    let drawn = all.draw("s", &ROOT, size);
                    drawn.is_ok_and(|drawn| {
                        let at_most = most_failing_of(&tested(&drawn), 0);
                        at_most <= all.members().len() as u64 * ppm / 1_000_000
                    })
                };
                let size = all.size_for(ppm);
                assert!(supports(size) && !supports(size - 1), "{sizes:?}, {ppm}: {size}");
            }
        }
        assert_eq!(population(&[60]).size_for(50_000), super::super::size_for(60, 50_000, 0));
        assert_eq!(Population::default().size_for(50_000), 0);
    }
}
