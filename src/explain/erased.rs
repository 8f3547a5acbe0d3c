//! What was erased and when, and which verdicts were put on record.

use super::evidence::Evidence;
use super::{scene, words};
use crate::attested::Attested;
use crate::fact::{AttestedRule, Scope, Time, Verdict};
use crate::timeline::{NodeIx, World};

/// The erasures of the decision's account after it, as label and value.
pub fn erasures(world: &World, decision: NodeIx) -> Vec<(String, String)> {
    let node = world.node(decision);
    let after = world.account(node.account).erasures().filter(|(moment, _)| moment.seq > node.seq);
    after.map(|(moment, scope)| ("Erased".to_owned(), erasure(world, moment.seq, scope))).collect()
}

fn erasure(world: &World, seq: u64, scope: Scope) -> String {
    let at = world.locate(seq).map_or_else(String::new, |ix| format!(" on {}", scene::when(world.node(ix).at)));
    format!("{}{at}, as entry {seq}", words::scope(scope))
}

/// Verdicts on record, as when and what, in the order of recording.
pub fn on_record(world: &World, decision: NodeIx, evidence: &Evidence) -> Vec<(String, String)> {
    let attested = evidence.attested().of(world.node(decision).seq);
    attested.map(|each| (Time::utc(each.at).to_string(), sentence(each))).collect()
}

fn sentence(attested: &Attested) -> String {
    let views = match (attested.known, attested.today) {
        (known, today) if known == today => word(known).to_owned(),
        (known, today) => format!("{} then, {} by what was known later", word(known), word(today)),
    };
    let rules: Vec<String> = attested.rules.iter().map(rule).collect();
    let by = if rules.is_empty() { String::new() } else { format!(" by {}", words::list(&rules)) };
    let (engine, version) = (words::clean(&attested.run.engine), words::clean(&attested.run.version));
    let conformance = attested.conformance.name().replace('_', " ");
    format!(
        "{conformance}: {views}{by}. {engine} {version} said so over {} entries, and it was recorded as entry {}.",
        attested.run.size, attested.seq
    )
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::OutOfScope => "out of scope",
        Verdict::Indeterminate => "unproven",
        Verdict::Deny => "not allowed",
    }
}

fn rule(rule: &AttestedRule) -> String {
    let id = words::clean(&rule.id);
    match (&rule.policy, &rule.version) {
        (Some(policy), Some(version)) => format!("{id} ({}, version {})", words::clean(policy), words::clean(version)),
        _ => id,
    }
}
