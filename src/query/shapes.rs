//! What is said of decisions as numbers: names of rules, findings, policies and versions are told once, and so is what is said
//! alike of many.

use super::line::{Said, SaidRule, SaidView};
use crate::fact::{Conformance, Integrity, Outcome, Verdict};
use foldhash::HashMap;

/// Stands for no name.
const NONE: u32 = u32::MAX;

/// A rule as numbers of names: id, policy, version; whether it denies, and how often it fired.
type RuleShape = (u32, u32, u32, bool, u64);
/// One view: the verdict's number, rules, findings, versions, and how many uses there are.
pub(super) type ViewShape = (u8, Vec<RuleShape>, Vec<u32>, Vec<(u32, u32)>, u64);
/// Outcome, conformance, integrity, and both views.
pub(super) type Shape = (Option<u8>, u8, u8, ViewShape, ViewShape);

/// Names and their numbers.
#[derive(Default)]
pub(super) struct Names {
    list: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Names {
    /// What is said, its names numbered.
    pub fn shape(&mut self, said: &Said) -> Shape {
        let (known, today) = (self.view(&said.known), self.view(&said.today));
        (said.outcome.map(|it| it as u8), said.conformance as u8, said.integrity as u8, known, today)
    }

    /// By number.
    pub fn into_list(self) -> Vec<String> {
        self.list
    }

    fn view(&mut self, view: &SaidView) -> ViewShape {
        let mut number = |name: Option<&str>| name.map_or(NONE, |name| self.number(name));
        let rule = |rule: &SaidRule| {
            (number(Some(rule.id)), number(rule.policy), number(rule.version), rule.denies, rule.times)
        };
        let rules = view.rules.iter().map(rule).collect();
        let findings = view.findings.iter().map(|&id| number(Some(id))).collect();
        let versions = view.versions.iter().map(|&(policy, version)| (number(Some(policy)), number(Some(version))));
        (view.verdict as u8, rules, findings, versions.collect(), view.uses)
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// What a shape says; `None` if it names what is not there.
pub(super) fn said<'a>(shape: &Shape, names: &'a [String]) -> Option<Said<'a>> {
    Some(Said {
        outcome: match shape.0 {
            Some(number) => Some(*Outcome::ALL.get(number as usize)?),
            None => None,
        },
        conformance: *Conformance::ALL.get(shape.1 as usize)?,
        integrity: *Integrity::ALL.get(shape.2 as usize)?,
        known: view(&shape.3, names)?,
        today: view(&shape.4, names)?,
    })
}

fn view<'a>((verdict, rules, findings, versions, uses): &ViewShape, names: &'a [String]) -> Option<SaidView<'a>> {
    let name = |number: u32| names.get(number as usize).map(String::as_str);
    let optional = |number: u32| if number == NONE { Some(None) } else { name(number).map(Some) };
    let rule = |&(id, policy, version, denies, times): &RuleShape| {
        Some(SaidRule { id: name(id)?, policy: optional(policy)?, version: optional(version)?, denies, times })
    };
    Some(SaidView {
        verdict: *Verdict::ALL.get(*verdict as usize)?,
        rules: rules.iter().map(rule).collect::<Option<_>>()?,
        findings: findings.iter().map(|&id| name(id)).collect::<Option<_>>()?,
        versions: versions.iter().map(|&(p, v)| Some((name(p)?, name(v)?))).collect::<Option<_>>()?,
        uses: *uses,
    })
}

/// What was said of decisions, each thing once, by number.
#[derive(Default)]
pub struct Shapes {
    names: Names,
    numbers: HashMap<Shape, u32>,
    list: Vec<Shape>,
}

impl Shapes {
    /// The number of what is said.
    pub fn number(&mut self, said: &Said) -> u32 {
        let shape = self.names.shape(said);
        if let Some(&number) = self.numbers.get(&shape) {
            return number;
        }
        let number = self.list.len() as u32;
        self.list.push(shape.clone());
        self.numbers.insert(shape, number);
        number
    }

    /// What has that number.
    pub fn said(&self, number: u32) -> Said<'_> {
        said(&self.list[number as usize], &self.names.list).expect("its names were numbered here")
    }
}
