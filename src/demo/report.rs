//! What the demo tells: what was recorded, how the decisions conform, and every rule that was broken, from the replay.

use crate::fact::{Agent, Body, Fact, Instant, Kind, Modality, Outcome};
use crate::judge::{self, Conformance, FindingId, Judgement, Rule, Verdict, version_of};
use crate::policy::RuleOutcome;
use crate::replay::{self, Summary};
use crate::timeline::{NodeIx, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The report.
#[derive(Default)]
pub struct Report {
    /// How many facts of each kind were recorded.
    pub facts: BTreeMap<Kind, u64>,
    /// How many accounts they are about.
    pub accounts: u64,
    /// How many turns with the assistant were spoken.
    pub spoken: u64,
    /// How many turns were with people.
    pub human: u64,
    /// Turns of assistants, which are no interactions.
    pub left_out: u64,
    /// From when to when.
    pub span: Option<(Instant, Instant)>,
    /// How the decisions conform.
    pub summary: Summary,
    /// Decisions that were held back, and rightly.
    pub held_back: u64,
    /// Rules behind everything that does not conform, by conformance, the worst first, then by id.
    pub broken: Vec<RuleRow>,
    /// Findings, by id.
    pub findings: Vec<RuleRow>,
    /// The decision that is worth explaining.
    pub example: Option<Judgement>,
}

/// A rule or finding, and the decisions that it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Its id.
    pub id: String,
    /// What it means, in a sentence.
    pub title: String,
    /// How the decisions conform; none for findings.
    pub conformance: Option<Conformance>,
    /// How many decisions.
    pub decisions: u64,
    /// The id of the first of them.
    pub example: String,
}

/// The decision that is explained, if it is there: the least obvious breach.
const EXAMPLE: &str = "d-inherited-sensitivity";

type Rows = BTreeMap<(Option<Conformance>, String), RuleRow>;

impl Report {
    /// Counts what was recorded.
    pub fn recorded(facts: &[Fact], left_out: u64) -> Report {
        let mut report = Report { left_out, ..Report::default() };
        let mut accounts = BTreeSet::new();
        for fact in facts {
            *report.facts.entry(fact.kind()).or_default() += 1;
            match &fact.body {
                Body::PolicyAdopted(_) => continue,
                Body::InteractionRecorded(body) if body.agent == Agent::Human => report.human += 1,
                Body::InteractionRecorded(body) => report.spoken += u64::from(body.modality == Modality::Voice),
                _ => {}
            }
            accounts.insert(fact.subject.as_str());
            let at = fact.time.at;
            report.span = Some(report.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        }
        report.accounts = accounts.len() as u64;
        report
    }

    /// Replays every decision of the world; `step` is called once a decision.
    pub fn replay(&mut self, world: &World, mut step: impl FnMut()) {
        let decisions: Vec<NodeIx> = world.decisions().collect();
        let (mut broken, mut findings) = (Rows::new(), Rows::new());
        replay::replay(
            world,
            &decisions,
            |_, judgement| judgement,
            |judgement| {
                step();
                self.summary.count(&judgement);
                let suppressed = judgement.outcome == Some(Outcome::Suppressed);
                self.held_back += u64::from(suppressed && judgement.conformance == Conformance::Conforming);
                let name = name(world, judgement.decision);
                for (id, title) in rules(world, &judgement) {
                    count(&mut broken, Some(judgement.conformance), id, title, &name);
                }
                for (id, title) in found(world, &judgement) {
                    count(&mut findings, None, id, title, &name);
                }
                let better = name == EXAMPLE || self.example.is_none() && judgement.conformance == Conformance::Breach;
                if better {
                    self.example = Some(judgement);
                }
            },
        );
        self.broken = broken.into_values().collect();
        self.broken.sort_by(|a, b| (b.conformance, &a.id).cmp(&(a.conformance, &b.id)));
        self.findings = findings.into_values().collect();
    }

    /// The report as one object.
    pub fn to_json(&self) -> Value {
        let facts: BTreeMap<&str, u64> = self.facts.iter().map(|(kind, &count)| (kind.name(), count)).collect();
        let conformance: BTreeMap<&str, u64> =
            self.summary.conformance.iter().map(|(each, &count)| (each.name(), count)).collect();
        let row = |row: &RuleRow| {
            let mut object =
                json!({ "id": row.id, "title": row.title, "decisions": row.decisions, "example": row.example });
            if let Some(conformance) = row.conformance {
                object["conformance"] = conformance.name().into();
            }
            object
        };
        json!({
            "facts": facts, "accounts": self.accounts, "spoken": self.spoken, "human": self.human,
            "left_out": self.left_out,
            "decisions": self.summary.decisions, "conformance": conformance, "held_back": self.held_back,
            "rules": self.broken.iter().map(row).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// The id of a decision; `#SEQ` where its body was destroyed.
pub(super) fn name(world: &World, decision: NodeIx) -> String {
    world.name(decision).map_or_else(|| format!("#{}", world.node(decision).seq), |name| name.id)
}

fn count(rows: &mut Rows, conformance: Option<Conformance>, id: String, title: String, name: &str) {
    let row = rows.entry((conformance, id.clone())).or_insert_with(|| RuleRow {
        id,
        title,
        conformance,
        decisions: 0,
        example: name.to_owned(),
    });
    row.decisions += 1;
}

/// The rules that made the decision what it is, an id once: those as bad as the verdict, in the view that counts.
fn rules(world: &World, judgement: &Judgement) -> BTreeMap<String, String> {
    let judged = match judgement.conformance {
        Conformance::Breach | Conformance::Unproven | Conformance::Erased => &judgement.known,
        Conformance::LateBreach => &judgement.today,
        _ => return BTreeMap::new(),
    };
    let worst = if judged.verdict == Verdict::Deny { RuleOutcome::Deny } else { RuleOutcome::Indeterminate };
    let worst = judged.rules.iter().filter(|fired| judge::outcome(world, fired.rule) == worst);
    worst.map(|fired| (replay::rule_id(world, fired.rule).to_owned(), title(world, fired.rule))).collect()
}

/// What a rule means.
pub(super) fn title(world: &World, rule: Rule) -> String {
    match rule {
        Rule::Judge(own, _) => own.title().to_owned(),
        Rule::Policy(ix, number) => {
            let compiled = version_of(world, ix).compiled.as_ref().expect("a rule fired, so the version compiled");
            compiled.rules()[number as usize].title.clone()
        }
    }
}

/// The findings of both views, an id once.
fn found(world: &World, judgement: &Judgement) -> BTreeMap<String, String> {
    let all = judgement.known.findings.iter().chain(&judgement.today.findings);
    let titled = all.map(|finding| {
        let title = match finding.id {
            FindingId::Policy(ix, number) => title(world, Rule::Policy(ix, number)),
            FindingId::BackdatedPolicy => "A policy version was recorded after it took force".to_owned(),
            FindingId::LateFact => "Something that counts was recorded only after the decision".to_owned(),
            FindingId::RelabelledAfterDecision => {
                "An interaction was found to be sensitive after the decision".to_owned()
            }
            FindingId::ViewsDiffer => "What is known today gives another verdict".to_owned(),
        };
        (replay::finding_id(world, finding.id).to_owned(), title)
    });
    titled.collect()
}
