//! What a replay must find.

use crate::breach::denies;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The conformance of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Conformance {
    Conforming,
    Breach,
    Unproven,
    LateBreach,
    OutOfScope,
}

impl Conformance {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Conformance::Conforming => "conforming",
            Conformance::Breach => "breach",
            Conformance::Unproven => "unproven",
            Conformance::LateBreach => "late_breach",
            Conformance::OutOfScope => "out_of_scope",
        }
    }
}

/// What is expected of one decision: the rules that deny or leave a doubt, in either view.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Expected {
    pub conformance: Conformance,
    pub known: Vec<&'static str>,
    pub today: Vec<&'static str>,
}

impl Expected {
    /// Of a decision for which these rules fire.
    pub fn of(known: Vec<&'static str>, today: Vec<&'static str>, served: bool, has_uses: bool) -> Expected {
        let denied = |rules: &[&str]| rules.iter().any(|rule| denies(rule));
        let conformance = match () {
            () if known.is_empty() && !has_uses => Conformance::OutOfScope,
            () if !served => Conformance::Conforming,
            () if denied(&known) => Conformance::Breach,
            () if !known.is_empty() => Conformance::Unproven,
            () if denied(&today) => Conformance::LateBreach,
            () => Conformance::Conforming,
        };
        Expected { conformance, known, today }
    }
}

/// Counts over a population.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Facts written.
    pub facts: u64,
    /// Decisions among them.
    pub decisions: u64,
    /// Decisions of each conformance.
    pub conformances: BTreeMap<Conformance, u64>,
    /// Decisions for which a rule fires in the known view.
    pub rules: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// How many decisions are of a conformance.
    pub fn of(&self, conformance: Conformance) -> u64 {
        self.conformances.get(&conformance).copied().unwrap_or_default()
    }

    /// One JSON object.
    pub fn to_json(&self) -> String {
        use Conformance::{Breach, Conforming, LateBreach, OutOfScope, Unproven};
        let counts = [Conforming, Breach, Unproven, LateBreach, OutOfScope];
        let counts: Vec<String> = counts.iter().map(|&each| format!("{:?}:{}", each.name(), self.of(each))).collect();
        let rules: Vec<String> = self.rules.iter().map(|(rule, count)| format!("{rule:?}:{count}")).collect();
        format!(
            r#"{{"facts":{},"decisions":{},{},"rules":{{{}}}}}"#,
            self.facts,
            self.decisions,
            counts.join(","),
            rules.join(",")
        )
    }
}

/// Counts, and a line a decision where one is wanted.
pub struct Truth<'a> {
    out: Option<&'a mut dyn Write>,
    summary: Summary,
}

impl<'a> Truth<'a> {
    /// Of nothing yet.
    pub fn new(out: Option<&'a mut dyn Write>) -> Truth<'a> {
        Truth { out, summary: Summary::default() }
    }

    /// Takes decision `d{number}`.
    pub fn take(&mut self, number: u64, expected: &Expected) -> io::Result<()> {
        self.summary.decisions += 1;
        *self.summary.conformances.entry(expected.conformance).or_default() += 1;
        for rule in &expected.known {
            *self.summary.rules.entry(rule).or_default() += 1;
        }
        let Some(out) = &mut self.out else { return Ok(()) };
        let Expected { conformance, known, today } = expected;
        let conformance = conformance.name();
        writeln!(out, r#"{{"id":"d{number}","conformance":"{conformance}","known":{known:?},"true":{today:?}}}"#)
    }

    /// The counts over everything.
    pub fn finish(self, facts: u64) -> io::Result<Summary> {
        self.out.map_or(Ok(()), |out| out.flush())?;
        Ok(Summary { facts, ..self.summary })
    }
}
