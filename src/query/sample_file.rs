//! `sample.json`: a sample with all that is needed to draw it again, and what it supports. `docs/format.md` has every member.

use super::attribute::{CONFIDENCE, most_failing, size_for};
use super::sample::{By, Drawn, Population, effective};
use crate::fact::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the member `format` says.
pub const FORMAT: &str = "inforce-sample/1";

/// Failures for which a bound is told, up to this many.
const TOLD: u64 = 3;

/// Rates for which a size is told, in parts a million.
const RATES_PPM: [u64; 3] = [10_000, 50_000, 100_000];

/// What a sample is drawn from, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Recipe {
    pub origin: String,
    pub root: String,
    /// So many entries the root is over.
    pub entries: u64,
    pub seed: String,
    /// How many decisions were asked for.
    pub requested: u64,
    pub by: Vec<By>,
    pub since: Option<String>,
    pub until: Option<String>,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SampleFile {
    pub format: String,
    pub recipe: Recipe,
    /// A note that signs the root, if one was at hand.
    pub checkpoint: Option<String>,
    pub population: Whole,
    pub confidence: f64,
    pub strata: Vec<Stratum>,
    pub overall: Overall,
    pub sample: Vec<Chosen>,
}

/// The population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Whole {
    pub decisions: u64,
    pub sha256: String,
}

/// What was drawn of a stratum, and what it supports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Stratum {
    pub stratum: Vec<String>,
    pub population: u64,
    pub sample: u64,
    pub bounds: Vec<Bound>,
}

/// What the sample as a whole supports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Overall {
    pub sample: u64,
    /// What the sample is worth in decisions of one in exact proportion.
    pub effective: u64,
    pub bounds: Vec<Bound>,
    pub sizes: Vec<Size>,
}

/// If so many of those tested fail, at most so many of all do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Bound {
    pub failures: u64,
    pub at_most: u64,
    pub rate: f64,
}

/// So many are to be tested, none failing, for a rate to be ruled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Size {
    pub tolerable: f64,
    pub sample: u64,
}

/// A decision that was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Chosen {
    pub seq: u64,
    /// Source and id, unless the body was erased.
    pub source: Option<String>,
    pub id: Option<String>,
    pub stratum: Vec<String>,
    pub conformance: String,
    /// The file beside this one; `None` if none was written.
    pub bundle: Option<String>,
    /// Why there is none though one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl SampleFile {
    /// Draws, and says what the draw supports; `chosen` tells of one decision by seq and stratum.
    pub fn draw(
        recipe: Recipe,
        population: &Population,
        mut chosen: impl FnMut(u64, Vec<String>) -> Chosen,
    ) -> Result<SampleFile, String> {
        let root =
            Digest::parse(&recipe.root).ok_or_else(|| format!("root `{}`: expected 64 hex digits", recipe.root))?;
        let drawn = population.draw(&recipe.seed, &root, recipe.requested)?;
        let mut sample: Vec<Chosen> = Vec::new();
        for each in &drawn {
            sample.extend(each.seqs.iter().map(|&seq| chosen(seq, names(&each.stratum))));
        }
        sample.sort_by_key(|each| each.seq);
        let decisions = population.members().len() as u64;
        let stratum = |each: &Drawn| Stratum {
            stratum: names(&each.stratum),
            population: each.population,
            sample: each.seqs.len() as u64,
            bounds: bounds(each.population, each.seqs.len() as u64),
        };
        let worth = effective(&drawn);
        let sizes = RATES_PPM.map(|ppm| Size { tolerable: ppm as f64 / 1e6, sample: size_for(decisions, ppm, 0) });
        Ok(SampleFile {
            format: FORMAT.to_owned(),
            recipe,
            checkpoint: None,
            population: Whole { decisions, sha256: population.digest().to_string() },
            confidence: CONFIDENCE,
            strata: drawn.iter().map(stratum).collect(),
            overall: Overall {
                sample: sample.len() as u64,
                effective: worth,
                bounds: bounds(decisions, worth),
                sizes: sizes.to_vec(),
            },
            sample,
        })
    }

    /// Reads the file.
    pub fn parse(text: &str) -> Result<SampleFile, String> {
        let file: SampleFile = serde_json::from_str(text).map_err(|error| format!("not a sample: {error}"))?;
        match file.format == FORMAT {
            true => Ok(file),
            false => Err(format!("format `{}`: this program reads `{FORMAT}`", file.format)),
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).expect("strings and numbers"))
    }

    /// What `again`, drawn by the same recipe, has otherwise; empty if it is the same sample.
    pub fn differences(&self, again: &SampleFile) -> Vec<String> {
        let mut found = Vec::new();
        if self.population != again.population {
            let of = |whole: &Whole| format!("{} decisions, SHA-256 {}", whole.decisions, whole.sha256);
            found.push(format!("the population was {}, and is {}", of(&self.population), of(&again.population)));
        }
        let sizes = |file: &SampleFile| -> BTreeMap<Vec<String>, [u64; 2]> {
            file.strata.iter().map(|each| (each.stratum.clone(), [each.population, each.sample])).collect()
        };
        let told = |of: Option<&[u64; 2]>| of.map_or("not there".to_owned(), |[all, n]| format!("{n} of {all}"));
        for (stratum, (before, now)) in paired(sizes(self), sizes(again)) {
            found.push(format!("stratum {stratum:?} was {}, and is {}", told(before.as_ref()), told(now.as_ref())));
        }
        let strata = |file: &SampleFile| -> BTreeMap<u64, String> {
            file.sample.iter().map(|each| (each.seq, format!("{:?}", each.stratum))).collect()
        };
        for (seq, (before, now)) in paired(strata(self), strata(again)) {
            found.push(match (before, now) {
                (Some(_), None) => format!("entry {seq} is in the file, and was not drawn again"),
                (None, _) => format!("entry {seq} was drawn, and is not in the file"),
                (Some(before), Some(now)) => format!("entry {seq} was in stratum {before}, and is in {now}"),
            });
        }
        let supports = |file: &SampleFile| {
            let strata: Vec<_> = file.strata.iter().map(|each| (each.stratum.clone(), each.bounds.clone())).collect();
            (strata, file.overall.clone(), file.confidence)
        };
        if found.is_empty() && supports(self) != supports(again) {
            found.push("what the sample is said to support is not what it supports".to_owned());
        }
        found
    }

    /// What it supports, for people.
    pub fn words(&self) -> String {
        let all = self.population.decisions;
        let mut text = format!(
            "{} of {all} decisions, drawn by seed `{}` under the root of {} entries\n",
            self.overall.sample, self.recipe.seed, self.recipe.entries
        );
        for each in &self.strata {
            let name = each.stratum.iter().map(|part| if part.is_empty() { "(none)" } else { part });
            let name = if each.stratum.is_empty() { "all".to_owned() } else { name.collect::<Vec<_>>().join(", ") };
            text += &format!("  {:>6} of {:<8} {name}{}\n", each.sample, each.population, none_fails(&each.bounds));
        }
        if let Some([none, rest @ ..]) = self.overall.bounds.get(..) {
            text += &format!(
                "if none of them fails, at most {} of the {all} do ({}), at 95 % confidence",
                none.at_most,
                percent(none.rate)
            );
            let more = rest.iter().map(|bound| format!("{} if {} fails", percent(bound.rate), bound.failures));
            text += &format!(
                "; {}\n",
                more.collect::<Vec<_>>().join(", ").replace("2 fails", "2 fail").replace("3 fails", "3 fail")
            );
        }
        let sizes = self.overall.sizes.iter().map(|size| format!("{} for {}", size.sample, percent(size.tolerable)));
        text + &format!("to rule out a rate, test, with no failure: {}", sizes.collect::<Vec<_>>().join(", "))
    }
}

fn none_fails(bounds: &[Bound]) -> String {
    bounds.first().map_or(String::new(), |bound| format!("  (none fails: at most {})", percent(bound.rate)))
}

fn percent(rate: f64) -> String {
    format!("{:.2} %", rate * 100.0)
}

fn bounds(population: u64, tested: u64) -> Vec<Bound> {
    let bound = |failures| {
        let at_most = most_failing(population, tested, failures);
        // Four digits, so that two machines cannot differ in the last of sixteen.
        Bound { failures, at_most, rate: (at_most as f64 / population.max(1) as f64 * 1e4).round() / 1e4 }
    };
    if tested == 0 { Vec::new() } else { (0..=TOLD.min(tested)).map(bound).collect() }
}

fn names(stratum: &str) -> Vec<String> {
    serde_json::from_str(stratum).unwrap_or_else(|_| vec![stratum.to_owned()])
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
