//! `sample.json`: a sample with all that is needed to draw it again, and what it supports. `docs/format.md` has every member.

use super::attribute::{CONFIDENCE, most_failing};
use super::sample::{By, Drawn, Population, tested};
use super::spread::most_failing_of;
use crate::fact::Digest;
use serde::{Deserialize, Serialize};

/// What the member `format` says.
pub const FORMAT: &str = "inforce-sample/2";

/// Failures for which a bound is told, up to this many.
const TOLD: u64 = 3;

/// How bounds of one stratum are found.
const EXACT: &str = "hypergeometric";

/// How bounds over several are found: `super::spread`.
const SPREAD: &str = "hypergeometric, worst spread of failures over the strata";

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
    pub standing: Standing,
    /// A note that signs the root, if one was at hand.
    pub checkpoint: Option<String>,
    /// True if there is one. Without, whoever holds the ledger could have chosen the root after hearing the seed.
    pub committed: bool,
    /// The names on its other signature lines, as it has them.
    pub cosigned: Vec<String>,
    pub population: Whole,
    pub confidence: f64,
    pub strata: Vec<Stratum>,
    pub overall: Overall,
    pub sample: Vec<Chosen>,
}

/// The ledger when the sample was drawn from it: what was erased since may stand in another stratum by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Standing {
    pub entries: u64,
    /// Erasures among them that the root is not over: whoever asked for them may have known the seed.
    pub erasures: u64,
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
    /// How its bounds were found.
    pub method: String,
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

/// So many are to be drawn of the same strata, none failing, for a rate to be ruled out.
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
            bounds: bounds(each.population, each.seqs.len() as u64, |failures| {
                most_failing(each.population, each.seqs.len() as u64, failures)
            }),
        };
        let strata = tested(&drawn);
        let overall = bounds(decisions, sample.len() as u64, |failures| most_failing_of(&strata, failures));
        let sizes = RATES_PPM.map(|ppm| Size { tolerable: ppm as f64 / 1e6, sample: population.size_for(ppm) });
        Ok(SampleFile {
            format: FORMAT.to_owned(),
            standing: Standing { entries: recipe.entries, erasures: 0 },
            recipe,
            checkpoint: None,
            committed: false,
            cosigned: Vec::new(),
            population: Whole { decisions, sha256: population.digest().to_string() },
            confidence: CONFIDENCE,
            strata: drawn.iter().map(stratum).collect(),
            overall: Overall {
                sample: sample.len() as u64,
                method: if strata.len() > 1 { SPREAD } else { EXACT }.to_owned(),
                bounds: overall,
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
}

fn bounds(population: u64, tested: u64, most_failing: impl Fn(u64) -> u64) -> Vec<Bound> {
    let bound = |failures| {
        let at_most = most_failing(failures);
        // Four digits, so that two machines cannot differ in the last of sixteen.
        Bound { failures, at_most, rate: (at_most as f64 / population.max(1) as f64 * 1e4).round() / 1e4 }
    };
    if tested == 0 { Vec::new() } else { (0..=TOLD.min(tested)).map(bound).collect() }
}

/// A stratum's parts.
pub(super) fn names(stratum: &str) -> Vec<String> {
    serde_json::from_str(stratum).unwrap_or_else(|_| vec![stratum.to_owned()])
}
