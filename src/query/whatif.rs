//! What another policy would have said: every verdict before and after, counted against each other.
//!
//! Nothing of it is a verdict on record: a decision is held to the policy that was in force, not to one that could have been.

use crate::fact::{Conformance, Verdict};
use crate::judge::{Judged, Judgement};
use crate::replay;
use crate::timeline::{NodeIx, World};
use foldhash::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What was said of many decisions, in their order: most are said the same of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    shapes: Vec<Shape>,
    of: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    conformance: Conformance,
    /// Known, true: the verdict, and the rules that fired.
    views: [(Verdict, BTreeSet<String>); 2],
}

/// The same while it borrows.
type Key<'a> = (Conformance, Verdict, Vec<&'a str>, Verdict, Vec<&'a str>);

/// Before against after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhatIf {
    /// How many decisions.
    pub decisions: u64,
    /// Conformance before and after.
    pub conformance: BTreeMap<(Conformance, Conformance), u64>,
    /// Of the known view.
    pub known: Change,
    /// Of the true view.
    pub today: Change,
}

/// One view before against after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// How many decisions, and the first of them, by verdict before and after.
    pub matrix: BTreeMap<(Verdict, Verdict), Cell>,
    /// By rule.
    pub rules: BTreeMap<String, RuleChange>,
}

/// Decisions with one verdict before and one after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Cell {
    pub count: u64,
    pub examples: Vec<NodeIx>,
}

/// For how many decisions a rule fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RuleChange {
    pub before: u64,
    pub after: u64,
    /// After, and not before.
    pub anew: u64,
    /// Before, and no longer.
    pub gone: u64,
}

/// Judges decisions by what the world holds as policies.
pub fn verdicts(world: &World, decisions: &[NodeIx]) -> Verdicts {
    let (mut numbers, mut of) = (HashMap::<Key, u32>::default(), Vec::with_capacity(decisions.len()));
    let map = |_: &_, judgement: Judgement| -> Key {
        let (known, today) = (&judgement.known, &judgement.today);
        (judgement.conformance, known.verdict, rules(world, known), today.verdict, rules(world, today))
    };
    replay::replay(world, decisions, map, |key| {
        let next = numbers.len() as u32;
        of.push(*numbers.entry(key).or_insert(next));
    });
    let mut keys: Vec<(Key, u32)> = numbers.into_iter().collect();
    keys.sort_unstable_by_key(|(_, number)| *number);
    let owned = |rules: Vec<&str>| rules.into_iter().map(str::to_owned).collect();
    let shapes = keys.into_iter().map(|((conformance, known, known_rules, today, today_rules), _)| Shape {
        conformance,
        views: [(known, owned(known_rules)), (today, owned(today_rules))],
    });
    Verdicts { shapes: shapes.collect(), of }
}

fn rules<'a>(world: &'a World, judged: &Judged) -> Vec<&'a str> {
    let mut ids: Vec<&str> = judged.rules.iter().map(|fired| replay::rule_id(world, fired.rule)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Counts the verdicts of the same decisions against each other, with so many examples of each change.
pub fn compare(decisions: &[NodeIx], before: &Verdicts, after: &Verdicts, examples: usize) -> WhatIf {
    assert_eq!((decisions.len(), before.of.len()), (before.of.len(), after.of.len()), "the same decisions");
    let mut pairs: BTreeMap<(u32, u32), Cell> = BTreeMap::new();
    for (&decision, pair) in decisions.iter().zip(before.of.iter().copied().zip(after.of.iter().copied())) {
        let cell = pairs.entry(pair).or_default();
        cell.count += 1;
        if cell.examples.len() < examples {
            cell.examples.push(decision);
        }
    }
    let mut found = WhatIf { decisions: decisions.len() as u64, ..WhatIf::default() };
    for ((old, new), cell) in pairs {
        let (old, new) = (&before.shapes[old as usize], &after.shapes[new as usize]);
        *found.conformance.entry((old.conformance, new.conformance)).or_default() += cell.count;
        for (view, change) in [&mut found.known, &mut found.today].into_iter().enumerate() {
            change.count(&old.views[view], &new.views[view], &cell);
        }
    }
    for cell in found.known.matrix.values_mut().chain(found.today.matrix.values_mut()) {
        cell.examples.sort_unstable();
        cell.examples.truncate(examples);
    }
    found
}

impl Change {
    fn count(&mut self, old: &(Verdict, BTreeSet<String>), new: &(Verdict, BTreeSet<String>), cell: &Cell) {
        let held = self.matrix.entry((old.0, new.0)).or_default();
        held.count += cell.count;
        if old.0 != new.0 {
            held.examples.extend(&cell.examples);
        }
        for rule in old.1.union(&new.1) {
            let (was, is) = (old.1.contains(rule), new.1.contains(rule));
            let change = self.rules.entry(rule.clone()).or_default();
            change.before += cell.count * u64::from(was);
            change.after += cell.count * u64::from(is);
            change.anew += cell.count * u64::from(is && !was);
            change.gone += cell.count * u64::from(was && !is);
        }
    }
}
