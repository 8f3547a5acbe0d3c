//! The same tables from kept verdicts, as far as these go: what a body says is not kept, nor which use a rule is about.
//! Row for row, and in the same order, what a judgement gives (tested).

use super::judged::outcome_name;
use crate::cells::{Cells, Rows};
use inforce::policy::RuleOutcome;
use inforce::query::{Point, Said, SaidView, version_name};

/// What of a table can be filled from kept verdicts.
pub struct FromKept {
    /// The columns that can be, besides those that every table begins with.
    columns: &'static [&'static str],
    /// Fills the rows of one decision; no other column may be asked for.
    pub fill: fn(Point, &Said, &mut Rows),
}

/// Of what every table begins with, what is kept.
const COMMON: [&str; 3] = ["seq", "occurred_at", "recorded_at"];

impl FromKept {
    /// True if the column is kept.
    pub fn has(&self, column: &str) -> bool {
        COMMON.contains(&column) || self.columns.contains(&column)
    }
}

fn begin(cells: &mut Cells, point: Point) {
    cells.number(Some(point.seq)).skip(4).time(Some(point.occurred)).skip(1).time(Some(point.recorded));
}

/// Both views, by the names that `replay --json` gives them.
fn views<'a, 'b>(said: &'b Said<'a>) -> [(&'static str, &'b SaidView<'a>); 2] {
    [("known", &said.known), ("true", &said.today)]
}

pub static DECISIONS: FromKept = FromKept { columns: &["outcome", "conformance", "integrity"], fill: decision };

fn decision(point: Point, said: &Said, rows: &mut Rows) {
    let mut cells = rows.row();
    begin(&mut cells, point);
    cells
        .skip(11)
        .text(said.outcome.map(|outcome| outcome.name()))
        .text(Some(said.conformance.name()))
        .text(Some(said.integrity.name()));
}

pub static VERDICTS: FromKept = FromKept {
    columns: &["view", "verdict", "outcome", "conformance", "integrity", "rules", "findings", "uses", "versions"],
    fill: verdicts,
};

fn verdicts(point: Point, said: &Said, rows: &mut Rows) {
    for (name, view) in views(said) {
        let mut cells = rows.row();
        begin(&mut cells, point);
        cells
            .text(Some(name))
            .text(Some(view.verdict.name()))
            .text(said.outcome.map(|outcome| outcome.name()))
            .text(Some(said.conformance.name()))
            .text(Some(said.integrity.name()))
            .number(Some(view.rules.iter().map(|rule| rule.times).sum()))
            .number(Some(view.findings.len() as u64))
            .number(Some(view.uses))
            .texts(Some(view.versions.iter().map(version_name)));
    }
}

pub static RULES: FromKept =
    FromKept { columns: &["view", "rule", "outcome", "policy", "version", "conformance"], fill: rules };

fn rules(point: Point, said: &Said, rows: &mut Rows) {
    for (name, view) in views(said) {
        for rule in &view.rules {
            let outcome = if rule.denies { RuleOutcome::Deny } else { RuleOutcome::Indeterminate };
            for _ in 0..rule.times {
                let mut cells = rows.row();
                begin(&mut cells, point);
                cells
                    .text(Some(name))
                    .text(Some(rule.id))
                    .text(Some(outcome_name(outcome)))
                    .text(rule.policy)
                    .text(rule.version)
                    .skip(4)
                    .text(Some(said.conformance.name()));
            }
        }
    }
}

pub static FINDINGS: FromKept = FromKept { columns: &["view", "finding"], fill: findings };

fn findings(point: Point, said: &Said, rows: &mut Rows) {
    for (name, view) in views(said) {
        for &finding in &view.findings {
            let mut cells = rows.row();
            begin(&mut cells, point);
            cells.text(Some(name)).text(Some(finding)).skip(3);
        }
    }
}
