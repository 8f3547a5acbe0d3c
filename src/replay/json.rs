//! A judgement as one JSON object: section 6 of the contract.

use crate::fact::FactId;
use crate::judge::{Finding, FindingId, Fired, Judged, Judgement, Ref, Rule, VersionIx, version_of};
use crate::timeline::{NodeIx, World};
use serde_json::{Map, Value, json};

/// One object a decision. Rules are sorted by id, policy, version, use; findings by id; refs by source, id, seq.
pub fn to_json(world: &World, judgement: &Judgement) -> Value {
    let seq = world.node(judgement.decision).seq;
    let decision = match world.name(judgement.decision) {
        Some(name) => json!({ "source": name.source, "id": name.id, "seq": seq }),
        None => json!({ "seq": seq }),
    };
    json!({
        "decision": decision,
        "outcome": judgement.outcome.map(|outcome| outcome.name()),
        "integrity": judgement.integrity.name(),
        "conformance": judgement.conformance.name(),
        "known": judged(world, &judgement.known),
        "true": judged(world, &judgement.today),
    })
}

/// How an entry is referred to: by its fact, or by its seq alone where the body was destroyed.
pub fn reference(world: &World, node: NodeIx) -> Value {
    match world.name(node) {
        Some(FactId { source, id }) => json!({ "source": source, "id": id }),
        None => json!({ "seq": world.node(node).seq }),
    }
}

fn judged(world: &World, judged: &Judged) -> Value {
    let mut rules: Vec<(RuleKey, Value)> = judged.rules.iter().map(|fired| rule(world, fired)).collect();
    rules.sort_by(|a, b| a.0.cmp(&b.0));
    let rules: Vec<Value> = rules.into_iter().map(|(_, value)| value).collect();
    json!({ "verdict": judged.verdict.name(), "rules": rules, "findings": findings(world, &judged.findings) })
}

/// What rules are sorted by: id, policy, version, use (its source and id, or its seq).
type RuleKey = (String, String, String, String, String, u64);

fn rule(world: &World, fired: &Fired) -> (RuleKey, Value) {
    let version = match fired.rule {
        Rule::Policy(ix, _) => Some(ix),
        Rule::Judge(_, ix) => ix,
    };
    let id = rule_id(world, fired.rule);
    let mut object = Map::new();
    object.insert("id".to_owned(), id.clone().into());
    let (mut policy, mut version_name) = (String::new(), String::new());
    if let Some(ix) = version {
        policy = world.symbols.name(world.policies[ix.line as usize].id).to_owned();
        version_name = world.symbols.name(version_of(world, ix).name).to_owned();
        object.insert("policy".to_owned(), policy.clone().into());
        object.insert("version".to_owned(), version_name.clone().into());
    }
    if let Some(about) = fired.about {
        object.insert("use".to_owned(), reference(world, about));
    }
    if matches!(fired.rule, Rule::Judge(..)) {
        object.insert("refs".to_owned(), refs(world, &fired.refs));
    }
    let (source, name, seq) = fired.about.map(|about| node_key(world, about)).unwrap_or_default();
    ((id, policy, version_name, source, name, seq), Value::Object(object))
}

/// The id of a rule.
pub fn rule_id(world: &World, rule: Rule) -> String {
    match rule {
        Rule::Policy(ix, number) => policy_rule(world, ix, number),
        Rule::Judge(own, _) => own.name().to_owned(),
    }
}

/// The id of a finding.
pub fn finding_id(world: &World, finding: FindingId) -> String {
    match finding {
        FindingId::Policy(ix, number) => policy_rule(world, ix, number),
        FindingId::BackdatedPolicy => "backdated-policy".to_owned(),
        FindingId::LateFact => "late-fact".to_owned(),
        FindingId::RelabelledAfterDecision => "relabelled-after-decision".to_owned(),
        FindingId::ViewsDiffer => "views-differ".to_owned(),
    }
}

/// The id of a rule of a policy's text.
fn policy_rule(world: &World, ix: VersionIx, number: u16) -> String {
    let compiled = version_of(world, ix).compiled.as_ref().expect("a rule fired, so the version compiled");
    compiled.rules[number as usize].id.clone()
}

/// One finding an id: what several policies or versions find alike is put together.
fn findings(world: &World, findings: &[Finding]) -> Vec<Value> {
    let mut by_id: std::collections::BTreeMap<String, Vec<Ref>> = std::collections::BTreeMap::new();
    for finding in findings {
        let id = finding_id(world, finding.id);
        by_id.entry(id).or_default().extend(finding.refs.iter().cloned());
    }
    by_id.into_iter().map(|(id, refs_of)| json!({ "id": id, "refs": refs(world, &refs_of) })).collect()
}

fn refs(world: &World, refs: &[Ref]) -> Value {
    let mut keyed: Vec<((String, String, u64), Value)> = refs.iter().map(|each| match each {
        Ref::Entry(node) => (node_key(world, *node), reference(world, *node)),
        Ref::Missing(FactId { source, id }) => ((source.clone(), id.clone(), u64::MAX), json!({ "source": source, "id": id })),
        Ref::Late { seq, lag_s } => {
            let node = world.locate(*seq).expect("a late fact is an entry");
            let mut value = reference(world, node);
            value["lag_s"] = (*lag_s).into();
            (node_key(world, node), value)
        }
    }).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.dedup_by(|a, b| a.0 == b.0);
    keyed.into_iter().map(|(_, value)| value).collect()
}

fn node_key(world: &World, node: NodeIx) -> (String, String, u64) {
    let name = world.name(node).unwrap_or(FactId { source: String::new(), id: String::new() });
    (name.source, name.id, world.node(node).seq)
}
