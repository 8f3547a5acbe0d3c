//! What another policy would have said: every verdict before and after, counted against each other.
//!
//! Nothing of it is a verdict on record: a decision is held to the policy that was in force, not to one that could have been.

use crate::fact::{Conformance, FactId, Verdict};
use crate::judge::{self, Ask, Judged, Memos};
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
    /// Ascending in seq.
    pub examples: Vec<Example>,
}

/// A decision that can be looked up; its name is gone with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Example {
    pub seq: u64,
    pub name: Option<FactId>,
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
    let (mut numbers, mut memos) = (HashMap::<Key, u32>::default(), Memos::default());
    let number_of = |&decision: &NodeIx| {
        let judgement = judge::judge(world, decision, &mut Ask::Memo(&mut memos));
        let (known, today) = (&judgement.known, &judgement.today);
        let key = (judgement.conformance, known.verdict, rules(world, known), today.verdict, rules(world, today));
        let next = numbers.len() as u32;
        *numbers.entry(key).or_insert(next)
    };
    let of = decisions.iter().map(number_of).collect();
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

/// Counts the verdicts of the same decisions, ascending in seq, against each other, with so many examples of each change.
pub fn compare(world: &World, decisions: &[NodeIx], before: &Verdicts, after: &Verdicts, examples: usize) -> WhatIf {
    assert_eq!((decisions.len(), before.of.len()), (before.of.len(), after.of.len()), "the same decisions");
    let mut pairs: BTreeMap<(u32, u32), Cell> = BTreeMap::new();
    for (&decision, pair) in decisions.iter().zip(before.of.iter().copied().zip(after.of.iter().copied())) {
        let cell = pairs.entry(pair).or_default();
        cell.count += 1;
        if cell.examples.len() < examples {
            cell.examples.push(Example { seq: world.node(decision).seq, name: world.name(decision) });
        }
    }
    let mut found = WhatIf { decisions: decisions.len() as u64, ..WhatIf::default() };
    for ((old, new), cell) in pairs {
        let (old, new) = (&before.shapes[old as usize], &after.shapes[new as usize]);
        *found.conformance.entry((old.conformance, new.conformance)).or_default() += cell.count;
        for (view, change) in [&mut found.known, &mut found.today].into_iter().enumerate() {
            change.count(&old.views[view], &new.views[view], &cell, examples);
        }
    }
    found
}

impl WhatIf {
    /// Counts what was found of other decisions as well, with so many examples of each change in all.
    pub fn add(&mut self, other: WhatIf, examples: usize) {
        self.decisions += other.decisions;
        other.conformance.into_iter().for_each(|(pair, count)| *self.conformance.entry(pair).or_default() += count);
        self.known.add(other.known, examples);
        self.today.add(other.today, examples);
    }
}

impl Change {
    fn count(
        &mut self,
        old: &(Verdict, BTreeSet<String>),
        new: &(Verdict, BTreeSet<String>),
        cell: &Cell,
        examples: usize,
    ) {
        let shown = if old.0 == new.0 { &[][..] } else { &cell.examples };
        self.matrix.entry((old.0, new.0)).or_default().add(cell.count, shown, examples);
        for rule in old.1.union(&new.1) {
            let (was, is) = (old.1.contains(rule), new.1.contains(rule));
            let counted = |holds: bool| cell.count * u64::from(holds);
            self.rules.entry(rule.clone()).or_default().add(RuleChange {
                before: counted(was),
                after: counted(is),
                anew: counted(is && !was),
                gone: counted(was && !is),
            });
        }
    }

    fn add(&mut self, other: Change, examples: usize) {
        for (pair, cell) in other.matrix {
            self.matrix.entry(pair).or_default().add(cell.count, &cell.examples, examples);
        }
        other.rules.into_iter().for_each(|(id, change)| self.rules.entry(id).or_default().add(change));
    }
}

impl Cell {
    fn add(&mut self, count: u64, shown: &[Example], examples: usize) {
        self.count += count;
        self.examples.extend_from_slice(shown);
        self.examples.sort_unstable_by_key(|example| example.seq);
        self.examples.truncate(examples);
    }
}

impl RuleChange {
    fn add(&mut self, other: RuleChange) {
        self.before += other.before;
        self.after += other.after;
        self.anew += other.anew;
        self.gone += other.gone;
    }
}
