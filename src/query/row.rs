//! One decision and its verdict, flat.

use crate::fact::{Conformance, Instant, Integrity, ItemKind, Outcome, Purpose, Time, Verdict};
use crate::judge::{Judged, Judgement, Rule, VersionIx, outcome, version_of};
use crate::policy::RuleOutcome;
use crate::replay;
use crate::symbols::Sym;
use crate::timeline::{Decision, NodeIx, World};
use std::sync::Arc;

/// A decision with both its verdicts. What an erasure destroyed is `None`, or empty.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Row<'a> {
    pub seq: u64,
    pub node: NodeIx,
    /// Source and id.
    pub name: Option<(&'a str, &'a str)>,
    /// `<app>/<id>`.
    pub account: Option<&'a str>,
    pub app: Option<&'a str>,
    pub at: Time,
    pub recorded: Instant,
    pub outcome: Option<Outcome>,
    pub purpose: Option<Purpose>,
    pub item_kind: Option<ItemKind>,
    pub advertiser: Option<&'a str>,
    pub campaign: Option<&'a str>,
    pub creative: Option<&'a str>,
    pub topics: Vec<&'a str>,
    pub region: Option<&'a str>,
    pub device_region: Option<&'a str>,
    pub conformance: Conformance,
    pub integrity: Integrity,
    pub known: ViewRow<'a>,
    pub today: ViewRow<'a>,
}

/// One view's verdict.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ViewRow<'a> {
    pub verdict: Verdict,
    /// In the order of `replay --json`: by id, policy, version, use.
    pub rules: Vec<RuleRow<'a>>,
    pub findings: Vec<FindingRow<'a>>,
    /// The versions (policy, version) that judged the decision, sorted.
    pub versions: Vec<(&'a str, &'a str)>,
    /// How many uses are behind the decision.
    pub uses: u64,
}

/// A rule that fired, once for each use that it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct RuleRow<'a> {
    pub id: &'a str,
    pub policy: Option<&'a str>,
    pub version: Option<&'a str>,
    /// The use's seq.
    pub used: Option<u64>,
    /// True for a rule that denies; the others need a person.
    pub denies: bool,
}

/// A finding that was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct FindingRow<'a> {
    pub id: &'a str,
    pub policy: Option<&'a str>,
    pub version: Option<&'a str>,
}

/// The row of a judgement.
pub fn row<'a>(world: &'a World, judgement: &Judgement) -> Row<'a> {
    let decision = judgement.decision;
    let node = world.node(decision);
    let name = |sym: Option<Sym>| sym.map(|sym| world.symbols.name(sym));
    let body = world.decision(decision);
    let account = body.map(|_| world.account(node.account));
    let optional = |field: fn(&Decision) -> Option<Sym>| name(body.and_then(field));
    let known = view(world, &judgement.known);
    let today =
        if Arc::ptr_eq(&judgement.known, &judgement.today) { known.clone() } else { view(world, &judgement.today) };
    Row {
        seq: node.seq,
        node: decision,
        name: world.name_of(decision),
        account: account.and_then(|account| account.subject.as_deref()),
        app: account.and_then(|account| name(account.app)),
        at: node.at,
        recorded: node.recorded,
        outcome: judgement.outcome,
        purpose: body.map(|body| body.purpose),
        item_kind: body.map(|body| body.item_kind),
        advertiser: optional(|body| body.advertiser),
        campaign: optional(|body| body.campaign),
        creative: optional(|body| body.creative),
        topics: body.iter().flat_map(|body| &body.topics).map(|&topic| world.symbols.name(topic)).collect(),
        region: optional(|body| body.region),
        device_region: optional(|body| body.device_region),
        conformance: judgement.conformance,
        integrity: judgement.integrity,
        known,
        today,
    }
}

fn view<'a>(world: &'a World, judged: &Judged) -> ViewRow<'a> {
    let mut rules: Vec<RuleRow> = judged
        .rules
        .iter()
        .map(|fired| {
            let version = match fired.rule {
                Rule::Policy(ix, _) => Some(ix),
                Rule::Judge(_, ix) => ix,
            };
            let (policy, version) = split(version.map(|ix| names(world, ix)));
            let used = fired.about.map(|about| world.node(about).seq);
            let denies = outcome(world, fired.rule) == RuleOutcome::Deny;
            RuleRow { id: replay::rule_id(world, fired.rule), policy, version, used, denies }
        })
        .collect();
    rules.sort_unstable();
    let mut findings: Vec<FindingRow> = judged
        .findings
        .iter()
        .map(|finding| {
            let (policy, version) = split(finding.id.version().map(|ix| names(world, ix)));
            FindingRow { id: replay::finding_id(world, finding.id), policy, version }
        })
        .collect();
    findings.sort_unstable();
    findings.dedup();
    let mut versions: Vec<(&str, &str)> = judged.versions.iter().map(|&ix| names(world, ix)).collect();
    versions.sort_unstable();
    ViewRow { verdict: judged.verdict, rules, findings, versions, uses: judged.use_versions.len() as u64 }
}

/// Policy and version by name.
fn names(world: &World, ix: VersionIx) -> (&str, &str) {
    (world.symbols.name(world.policies[ix.line as usize].id), world.symbols.name(version_of(world, ix).name))
}

fn split<T>(pair: Option<(T, T)>) -> (Option<T>, Option<T>) {
    pair.map_or((None, None), |(a, b)| (Some(a), Some(b)))
}
