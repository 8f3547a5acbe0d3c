//! Decisions that may be drawn, judged part by part, and what is to be said of each.

use crate::cli::CliError;
use crate::cli::within::Within;
use crate::codec;
use crate::fact::{Conformance, Digest};
use crate::judge::{self, Ask, Memos};
use crate::ledger::{Ledger, LedgerError, Parts, scratch};
use crate::query::{self, By, Chosen, Population, Recipe, SampleFile};
use crate::spill::Pile;
use crate::timeline::World;
use std::collections::{BTreeMap, BTreeSet};

/// Leaves looked up at once.
const BATCH: usize = 1 << 16;

/// The population, and what is said of it.
pub(super) struct Judged<'p> {
    pub population: Population,
    parts: &'p Parts,
    /// What is said of each decision of a part, by seq.
    told: Vec<Pile>,
}

/// A decision's stratum, its conformance, source and id.
type Told<'a> = (&'a str, Conformance, Option<(&'a str, &'a str)>);

/// Judges every decision of the time that is asked about.
pub(super) fn judge<'p>(ledger: &Ledger, parts: &'p Parts, by: &[By], within: Within) -> Result<Judged<'p>, CliError> {
    let told = parts.each(|world, _| judge_part(parts, &world, by, within))?;
    let (mut population, mut batch) = (Population::default(), Vec::new());
    let mut merged = parts.merged(told.iter())?;
    while let Some((_, seq, told)) = merged.take().map_err(scratch)? {
        let (stratum, ..) = read(told);
        batch.push((seq, stratum.to_owned()));
        if batch.len() == BATCH {
            add(ledger, &mut population, &mut batch)?;
        }
    }
    add(ledger, &mut population, &mut batch)?;
    Ok(Judged { population, parts, told })
}

fn judge_part(parts: &Parts, world: &World, by: &[By], within: Within) -> Result<Pile, LedgerError> {
    let (mut told, mut memos) = (Pile::default(), Memos::default());
    for decision in world.decisions().filter(|&each| within.holds(world.node(each).at.at)) {
        let judgement = judge::judge(world, decision, &mut Ask::Memo(&mut memos));
        let row = query::row(world, &judgement);
        let bytes = codec::encode(&(query::stratum(&row, by), row.conformance, row.name));
        told.push(parts.spill(), row.seq, &bytes).map_err(scratch)?;
    }
    told.settle(parts.spill()).map_err(scratch)?;
    Ok(told)
}

/// Adds decisions with the leaves that the tree has of them.
fn add(ledger: &Ledger, population: &mut Population, batch: &mut Vec<(u64, String)>) -> Result<(), LedgerError> {
    let leaves = ledger.leaves(batch.iter().map(|(seq, _)| *seq))?;
    batch.drain(..).zip(leaves).for_each(|((seq, stratum), leaf)| population.add(seq, Digest(leaf.0), &stratum));
    Ok(())
}

fn read(bytes: &[u8]) -> Told<'_> {
    codec::decode_in_place(bytes, "what is said of a decision").expect("it was put aside here")
}

impl Judged<'_> {
    /// Draws; of those that are drawn nothing is said yet but their strata.
    pub fn draw(&self, recipe: Recipe) -> Result<SampleFile, String> {
        SampleFile::draw(recipe, &self.population, bare)
    }

    /// What is said of the decisions at `seqs`, but for their strata; of others nothing.
    pub fn chosen(&self, seqs: &BTreeSet<u64>) -> Result<BTreeMap<u64, Chosen>, CliError> {
        let mut found = BTreeMap::new();
        for pile in &self.told {
            let note = |seq, bytes: &[u8]| {
                if seqs.contains(&seq) {
                    let (_, conformance, name) = read(bytes);
                    let (source, id) = name.map(|(source, id)| (source.to_owned(), id.to_owned())).unzip();
                    let conformance = conformance.name().to_owned();
                    found.insert(seq, Chosen { source, id, conformance, ..bare(seq, Vec::new()) });
                }
                Ok(())
            };
            pile.each(self.parts.spill(), note).map_err(scratch)?;
        }
        Ok(found)
    }
}

/// A decision of which nothing is said but its stratum.
pub(super) fn bare(seq: u64, stratum: Vec<String>) -> Chosen {
    Chosen { seq, source: None, id: None, stratum, conformance: String::new(), bundle: None, why: None }
}
