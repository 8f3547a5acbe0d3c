//! A judgement as one JSON object: section 6 of the contract.

use super::attested::{self, AttestedLine};
use crate::attested::Attestations;
use crate::fact::FactId;
use crate::judge::{FindingId, Fired, Integrity, Judged, Judgement, Ref, Rule, VersionIx, version_of};
use crate::timeline::{NodeIx, World};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How an entry is referred to: by its fact, or by its seq alone where the body was destroyed. Sorts as it reads.
#[derive(Clone, Copy, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_s: Option<i64>,
}

#[derive(Serialize)]
struct Line<'a> {
    decision: Name<'a>,
    outcome: Option<&'static str>,
    integrity: &'static str,
    conformance: &'static str,
    known: &'a View<'a>,
    #[serde(rename = "true")]
    today: &'a View<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attested: Vec<AttestedLine<'a>>,
}

#[derive(Serialize)]
struct View<'a> {
    verdict: &'static str,
    rules: Vec<RuleLine<'a>>,
    findings: Vec<FindingLine<'a>>,
}

/// Sorted by id, policy, version, use.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct RuleLine<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    used: Option<Name<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refs: Option<Vec<Name<'a>>>,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    id: &'a str,
    refs: Vec<Name<'a>>,
}

/// The verdict as one line: what is attested.
pub fn to_line(world: &World, judgement: &Judgement) -> String {
    with_line(world, judgement, Vec::new(), |line| serde_json::to_string(line).expect("strings and numbers"))
}

/// The same as a value.
pub fn to_json(world: &World, judgement: &Judgement) -> serde_json::Value {
    with_line(world, judgement, Vec::new(), |line| serde_json::to_value(line).expect("strings and numbers"))
}

/// One line of `replay --json` behind what stands in `out`: the verdict, and where evidence was erased the verdicts on record.
pub fn write_attested_line(world: &World, judgement: &Judgement, attested: &Attestations, out: &mut Vec<u8>) {
    let on_record = on_record(world, judgement, attested);
    with_line(world, judgement, on_record, |line| serde_json::to_writer(out, line).expect("strings and numbers"))
}

/// The same as a value.
pub fn attested_json(world: &World, judgement: &Judgement, attested: &Attestations) -> serde_json::Value {
    let on_record = on_record(world, judgement, attested);
    with_line(world, judgement, on_record, |line| serde_json::to_value(line).expect("strings and numbers"))
}

/// What was attested of a decision whose verdict can no longer be had from the evidence alone: something of it was erased,
/// or it comes out otherwise than on record, as it does when a linked account is gone.
fn on_record<'a>(world: &World, judgement: &Judgement, attested: &'a Attestations) -> Vec<AttestedLine<'a>> {
    let of_it = || attested.of(world.node(judgement.decision).seq);
    let now = (judgement.known.verdict, judgement.today.verdict, judgement.conformance);
    let differs = of_it().any(|record| (record.known, record.today, record.conformance) != now);
    if judgement.integrity == Integrity::Ok && !differs {
        return Vec::new();
    }
    of_it().map(attested::line).collect()
}

/// An entry's reference as a value.
pub fn reference(world: &World, node: NodeIx) -> serde_json::Value {
    serde_json::to_value(name(world, node)).expect("strings and numbers")
}

/// The object of a decision of a ledger that was tampered with: no verdict, and the first bad entry.
pub fn tampered(world: &World, decision: NodeIx, bad_seq: u64, what: &str) -> serde_json::Value {
    let name = Name { seq: Some(world.node(decision).seq), ..name(world, decision) };
    serde_json::json!({
        "decision": name, "outcome": world.decision(decision).map(|body| body.outcome.name()), "integrity": "tampered",
        "bad": { "seq": bad_seq, "what": what }, "conformance": null, "known": null, "true": null,
    })
}

fn with_line<T>(
    world: &World,
    judgement: &Judgement,
    on_record: Vec<AttestedLine>,
    write: impl FnOnce(&Line) -> T,
) -> T {
    let known = view(world, &judgement.known);
    let other = (!Arc::ptr_eq(&judgement.known, &judgement.today)).then(|| view(world, &judgement.today));
    let seq = Some(world.node(judgement.decision).seq);
    write(&Line {
        decision: Name { seq, ..name(world, judgement.decision) },
        outcome: judgement.outcome.map(|outcome| outcome.name()),
        integrity: judgement.integrity.name(),
        conformance: judgement.conformance.name(),
        known: &known,
        today: other.as_ref().unwrap_or(&known),
        attested: on_record,
    })
}

fn view<'a>(world: &'a World, judged: &'a Judged) -> View<'a> {
    let mut rules: Vec<RuleLine> = judged.rules.iter().map(|fired| rule(world, fired)).collect();
    rules.sort_unstable();
    View { verdict: judged.verdict.name(), rules, findings: findings(world, judged) }
}

fn rule<'a>(world: &'a World, fired: &'a Fired) -> RuleLine<'a> {
    let (version, own) = match fired.rule {
        Rule::Policy(ix, _) => (Some(ix), false),
        Rule::Judge(_, ix) => (ix, true),
    };
    RuleLine {
        id: rule_id(world, fired.rule),
        policy: version.map(|ix| world.symbols.name(world.policies[ix.line as usize].id)),
        version: version.map(|ix| world.symbols.name(version_of(world, ix).name)),
        used: fired.about.map(|about| name(world, about)),
        refs: own.then(|| refs(world, &fired.refs)),
    }
}

/// The id of a rule.
pub fn rule_id(world: &World, rule: Rule) -> &str {
    match rule {
        Rule::Policy(ix, number) => policy_rule(world, ix, number),
        Rule::Judge(own, _) => own.name(),
    }
}

/// The id of a finding.
pub fn finding_id(world: &World, finding: FindingId) -> &str {
    match finding {
        FindingId::Policy(ix, number) => policy_rule(world, ix, number),
        FindingId::BackdatedPolicy => OWN_FINDINGS[0],
        FindingId::LateFact => OWN_FINDINGS[1],
        FindingId::RelabelledAfterDecision => OWN_FINDINGS[2],
        FindingId::ViewsDiffer => OWN_FINDINGS[3],
    }
}

/// The ids of the judge's own findings.
pub const OWN_FINDINGS: [&str; 4] = ["backdated-policy", "late-fact", "relabelled-after-decision", "views-differ"];

/// The id of a rule of a policy's text.
fn policy_rule(world: &World, ix: VersionIx, number: u16) -> &str {
    let compiled = version_of(world, ix).compiled.as_ref().expect("a rule fired, so the version compiled");
    &compiled.rules()[number as usize].id
}

/// One finding an id: what several policies or versions find alike is put together.
fn findings<'a>(world: &'a World, judged: &'a Judged) -> Vec<FindingLine<'a>> {
    let mut by_id: BTreeMap<&str, Vec<Name>> = BTreeMap::new();
    for finding in &judged.findings {
        by_id.entry(finding_id(world, finding.id)).or_default().extend(refs(world, &finding.refs));
    }
    let lines = by_id.into_iter().map(|(id, mut refs)| {
        refs.sort_unstable();
        refs.dedup();
        FindingLine { id, refs }
    });
    lines.collect()
}

fn refs<'a>(world: &'a World, refs: &'a [Ref]) -> Vec<Name<'a>> {
    let mut names: Vec<Name> = refs
        .iter()
        .map(|each| match each {
            Ref::Entry(node) => name(world, *node),
            Ref::Missing(FactId { source, id }) => Name { source: Some(source), id: Some(id), seq: None, lag_s: None },
            Ref::Late { seq, lag_s } => {
                let node = world.locate(*seq).expect("a late fact is an entry");
                Name { lag_s: Some(*lag_s), ..name(world, node) }
            }
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn name(world: &World, node: NodeIx) -> Name<'_> {
    match world.name_of(node) {
        Some((source, id)) => Name { source: Some(source), id: Some(id), seq: None, lag_s: None },
        None => Name { source: None, id: None, seq: Some(world.node(node).seq), lag_s: None },
    }
}
