//! A sample held against the same one drawn again: what is otherwise, and what that is about.
//!
//! What a decision is, an erasure may change later, and with it the strata and who is drawn: each difference says whether it
//! can be of that kind, so that whoever knows what was erased can tell.

use super::sample::Population;
use super::sample_file::{SampleFile, Whole, names};
use std::collections::BTreeMap;

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What is said of the decision at a seq.
    Decision(u64),
    /// What follows from the strata of all: the population's digest, sizes, who is drawn, what it supports.
    Draw,
    /// Anything else: no erasure changes it.
    Fixed,
}

/// Something that is otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Difference {
    pub about: About,
    pub what: String,
}

impl Difference {
    /// One that no erasure explains.
    pub fn fixed(what: impl Into<String>) -> Difference {
        Difference { about: About::Fixed, what: what.into() }
    }
}

impl SampleFile {
    /// What `again`, drawn by the same recipe, has otherwise of the draw; empty if it is the same.
    pub fn differences(&self, again: &SampleFile) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut note = |about, what| found.push(Difference { about, what });
        if self.population != again.population {
            let of = |whole: &Whole| format!("{} decisions, SHA-256 {}", whole.decisions, whole.sha256);
            // Nothing takes a decision out of a population.
            let about =
                if self.population.decisions == again.population.decisions { About::Draw } else { About::Fixed };
            note(about, format!("the population was {}, and is {}", of(&self.population), of(&again.population)));
        }
        let sizes = |file: &SampleFile| -> BTreeMap<Vec<String>, [u64; 2]> {
            file.strata.iter().map(|each| (each.stratum.clone(), [each.population, each.sample])).collect()
        };
        let told = |of: Option<&[u64; 2]>| of.map_or("not there".to_owned(), |[all, n]| format!("{n} of {all}"));
        for (stratum, (before, now)) in paired(sizes(self), sizes(again)) {
            let what = format!("stratum {stratum:?} was {}, and is {}", told(before.as_ref()), told(now.as_ref()));
            note(About::Draw, what);
        }
        let drawn =
            |file: &SampleFile| -> BTreeMap<u64, ()> { file.sample.iter().map(|each| (each.seq, ())).collect() };
        for (seq, (before, _)) in paired(drawn(self), drawn(again)) {
            note(
                About::Draw,
                match before {
                    Some(()) => format!("entry {seq} is in the file, and was not drawn again"),
                    None => format!("entry {seq} was drawn, and is not in the file"),
                },
            );
        }
        if self.sample.windows(2).any(|pair| pair[0].seq >= pair[1].seq) {
            note(About::Fixed, "the sample is not in the order of seq, each entry once".to_owned());
        }
        let supports = |file: &SampleFile| (file.strata.clone(), file.overall.clone(), file.confidence);
        if found.is_empty() && supports(self) != supports(again) {
            found.push(Difference::fixed("what the sample is said to support is not what it supports"));
        }
        found
    }

    /// Decisions of the sample that `population` has in another stratum, or does not have.
    pub fn misplaced(&self, population: &Population) -> Vec<Difference> {
        let mut found = Vec::new();
        for each in &self.sample {
            let Some(member) = population.member(each.seq) else {
                found.push(Difference::fixed(format!("entry {} is no decision of the population", each.seq)));
                continue;
            };
            let now = names(&member.stratum);
            if now != each.stratum {
                let what = format!("entry {} was in stratum {:?}, and is in {now:?}", each.seq, each.stratum);
                found.push(Difference { about: About::Decision(each.seq), what });
            }
        }
        found
    }
}

impl Population {
    /// What `now` has otherwise, decision by decision.
    pub fn differences(&self, now: &Population) -> Vec<Difference> {
        let by_seq = |population: &Population| -> BTreeMap<u64, (String, String)> {
            let said = population.members().iter();
            said.map(|member| (member.seq, (member.leaf.to_string(), member.stratum.to_string()))).collect()
        };
        let told = |(seq, (before, now))| match (before, now) {
            (None, _) => Difference::fixed(format!("entry {seq} is a decision, and is not in the population")),
            (_, None) => Difference::fixed(format!("entry {seq} is in the population, and is none of its decisions")),
            (Some((leaf, _)), Some((other, _))) if leaf != other => {
                Difference::fixed(format!("entry {seq} has the leaf {leaf} in the population, and is {other}"))
            }
            (Some((_, before)), Some((_, now))) => {
                let what = format!("entry {seq} was in stratum {before}, and is in {now}");
                Difference { about: About::Decision(seq), what }
            }
        };
        paired(by_seq(self), by_seq(now)).into_iter().map(told).collect()
    }
}

/// What two maps have otherwise.
fn paired<K: Ord + Clone, V: PartialEq + Clone>(
    before: BTreeMap<K, V>,
    now: BTreeMap<K, V>,
) -> BTreeMap<K, (Option<V>, Option<V>)> {
    let keys = before.keys().chain(now.keys()).cloned();
    let pairs = keys.map(|key| (key.clone(), (before.get(&key).cloned(), now.get(&key).cloned())));
    pairs.filter(|(_, (before, now))| before != now).collect()
}
