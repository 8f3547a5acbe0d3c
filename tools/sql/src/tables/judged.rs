//! Tables with rows of decisions. A judgement names what it rests on by places in the world; here those become names.

use super::facts::categories;
use super::{column, common};
use crate::bounds::Key;
use crate::cells::{Cells, Column, Rows, Type};
use inforce::fact::Kind;
use inforce::judge::{Fired, Judged, Judgement, Ref, Rule, VersionIx, outcome, version_of};
use inforce::policy::RuleOutcome;
use inforce::query;
use inforce::replay::{finding_id, rule_id};
use inforce::timeline::{LinkTo, NodeIx, View, World};
use std::collections::{BTreeMap, BTreeSet};

/// A decision, and its judgement where that was asked for.
pub struct Decided<'a> {
    /// What it was judged in.
    pub world: &'a World,
    /// Which.
    pub node: NodeIx,
    /// Both views.
    pub judgement: Option<Judgement>,
}

impl<'a> Decided<'a> {
    fn judgement(&self) -> &Judgement {
        self.judgement.as_ref().expect("a table that needs verdicts is filled from judgements")
    }

    /// Both views, by the names that `replay --json` gives them.
    fn views(&self) -> [(&'static str, &Judged); 2] {
        let judgement = self.judgement();
        [("known", &judgement.known), ("true", &judgement.today)]
    }

    fn begin(&self, cells: &mut Cells) {
        let node = self.world.node(self.node);
        let body = self.world.decision(self.node);
        let app = body.and_then(|_| self.world.account(node.account).app).map(|sym| self.world.symbols.name(sym));
        common(cells, &key(self.world, self.node), self.world.name_of(self.node), app, node.at);
    }
}

/// What a decision is narrowed by.
pub fn key(world: &World, decision: NodeIx) -> Key<'_> {
    let node = world.node(decision);
    let account = world.decision(decision).and_then(|_| world.account(node.account).subject.as_deref());
    Key { seq: node.seq, occurred: node.at.at, recorded: node.recorded, account, kind: Kind::DecisionMade }
}

/// Every decision with what it is narrowed by, in the order of seq.
pub fn keys(world: &World) -> impl Iterator<Item = (NodeIx, Key<'_>)> {
    world.decisions().map(|decision| (decision, key(world, decision)))
}

pub const DECISIONS: &[Column] = &[
    column("purpose", Type::Text),
    column("item_kind", Type::Text),
    column("advertiser", Type::Text),
    column("campaign", Type::Text),
    column("creative", Type::Text),
    column("topics", Type::Texts),
    column("region", Type::Text),
    column("device_region", Type::Text),
    column("signals", Type::Numbers),
    column("cited_policy", Type::Text),
    column("cited_version", Type::Text),
    column("outcome", Type::Text),
    column("conformance", Type::Text),
    column("integrity", Type::Text),
];

/// True for columns of `decisions` that only a judgement can fill.
pub fn is_verdict(column: &str) -> bool {
    matches!(column, "conformance" | "integrity")
}

pub fn decision(decided: &Decided, rows: &mut Rows) {
    let (world, mut cells) = (decided.world, rows.row());
    decided.begin(&mut cells);
    let body = world.decision(decided.node);
    let name = |sym| world.symbols.name(sym);
    let signals = world.links(decided.node).iter().filter_map(|link| match link {
        LinkTo::Node(node) => Some(world.node(*node).seq),
        LinkTo::Unresolved(_) => None,
    });
    cells
        .text(body.map(|body| body.purpose.name()))
        .text(body.map(|body| body.item_kind.name()))
        .text(body.and_then(|body| body.advertiser).map(name))
        .text(body.and_then(|body| body.campaign).map(name))
        .text(body.and_then(|body| body.creative).map(name))
        .texts(body.map(|body| body.topics.iter().map(|&topic| name(topic))))
        .text(body.and_then(|body| body.region).map(name))
        .text(body.and_then(|body| body.device_region).map(name))
        .numbers(Some(signals))
        .text(body.and_then(|body| body.cited).map(|(policy, _)| name(policy)))
        .text(body.and_then(|body| body.cited).map(|(_, version)| name(version)))
        .text(body.map(|body| body.outcome.name()))
        .text(decided.judgement.as_ref().map(|judgement| judgement.conformance.name()))
        .text(decided.judgement.as_ref().map(|judgement| judgement.integrity.name()));
}

pub const VERDICTS: &[Column] = &[
    column("view", Type::Text),
    column("verdict", Type::Text),
    column("outcome", Type::Text),
    column("conformance", Type::Text),
    column("integrity", Type::Text),
    column("rules", Type::Number),
    column("findings", Type::Number),
    column("uses", Type::Number),
    column("versions", Type::Texts),
];

pub fn verdicts(decided: &Decided, rows: &mut Rows) {
    let judgement = decided.judgement();
    for (view, judged) in decided.views() {
        let mut cells = rows.row();
        decided.begin(&mut cells);
        let findings: BTreeSet<&str> =
            judged.findings.iter().map(|found| finding_id(decided.world, found.id)).collect();
        cells
            .text(Some(view))
            .text(Some(judged.verdict.name()))
            .text(judgement.outcome.map(|outcome| outcome.name()))
            .text(Some(judgement.conformance.name()))
            .text(Some(judgement.integrity.name()))
            .number(Some(judged.rules.len() as u64))
            .number(Some(findings.len() as u64))
            .number(Some(judged.use_versions.len() as u64))
            .texts(Some(std::iter::once_with(|| versions(decided.world, judged)).flatten()));
    }
}

pub const RULES: &[Column] = &[
    column("view", Type::Text),
    column("rule", Type::Text),
    column("outcome", Type::Text),
    column("policy", Type::Text),
    column("version", Type::Text),
    column("use_seq", Type::Number),
    column("use_source", Type::Text),
    column("use_id", Type::Text),
    column("refs", Type::Numbers),
    column("conformance", Type::Text),
];

pub fn rules(decided: &Decided, rows: &mut Rows) {
    let world = decided.world;
    for (view, judged) in decided.views() {
        for fired in in_order(world, judged) {
            let (policy, version) = version_of_rule(world, fired.rule);
            let used = fired.about.and_then(|about| world.name_of(about));
            let mut cells = rows.row();
            decided.begin(&mut cells);
            cells
                .text(Some(view))
                .text(Some(rule_id(world, fired.rule)))
                .text(Some(outcome_name(outcome(world, fired.rule))))
                .text(policy)
                .text(version)
                .number(fired.about.map(|about| world.node(about).seq))
                .text(used.map(|(source, _)| source))
                .text(used.map(|(_, id)| id))
                .numbers(Some(seqs(world, &fired.refs)))
                .text(Some(decided.judgement().conformance.name()));
        }
    }
}

/// By id, policy, version, and use, as `replay --json` has them.
fn in_order<'a>(world: &World, judged: &'a Judged) -> Vec<&'a Fired> {
    let mut fired: Vec<&Fired> = judged.rules.iter().collect();
    fired.sort_by_cached_key(|fired| {
        let denies = outcome(world, fired.rule) == RuleOutcome::Deny;
        (rule_id(world, fired.rule), version_of_rule(world, fired.rule), denies, fired.about)
    });
    fired
}

/// Policy and version by name; none of most of the judge's own rules.
fn version_of_rule(world: &World, rule: Rule) -> (Option<&str>, Option<&str>) {
    let version = match rule {
        Rule::Policy(ix, _) => Some(ix),
        Rule::Judge(_, ix) => ix,
    };
    (version.map(|ix| policy(world, ix)), version.map(|ix| world.symbols.name(version_of(world, ix).name)))
}

pub const FINDINGS: &[Column] = &[
    column("view", Type::Text),
    column("finding", Type::Text),
    column("versions", Type::Texts),
    column("refs", Type::Numbers),
    column("lag_s", Type::Number),
];

/// One row an id, as in `replay --json`: what several versions find alike is put together.
pub fn findings(decided: &Decided, rows: &mut Rows) {
    let world = decided.world;
    for (view, judged) in decided.views() {
        let mut by_id: BTreeMap<&str, (BTreeSet<VersionIx>, Vec<&Ref>)> = BTreeMap::new();
        for found in &judged.findings {
            let (versions, refs) = by_id.entry(finding_id(world, found.id)).or_default();
            versions.extend(found.id.version());
            refs.extend(&found.refs);
        }
        for (id, (versions, refs)) in by_id {
            let lag = refs.iter().filter_map(|each| match each {
                Ref::Late { lag_s, .. } => u64::try_from(*lag_s).ok(),
                _ => None,
            });
            let lag = lag.max();
            let seqs: BTreeSet<u64> = seqs(world, refs).into_iter().collect();
            let mut cells = rows.row();
            decided.begin(&mut cells);
            cells
                .text(Some(view))
                .text(Some(id))
                .texts(Some(versions.into_iter().map(|ix| at(world, ix))))
                .numbers(Some(seqs))
                .number(lag);
        }
    }
}

pub const USES: &[Column] = &[
    column("view", Type::Text),
    column("use_seq", Type::Number),
    column("use_source", Type::Text),
    column("use_id", Type::Text),
    column("use_account", Type::Text),
    column("use_app", Type::Text),
    column("use_occurred_at", Type::Time),
    column("agent", Type::Text),
    column("modality", Type::Text),
    column("conversation", Type::Text),
    column("region", Type::Text),
    column("device_region", Type::Text),
    column("own", Type::Flag),
    column("linked_at_use", Type::Flag),
    column("linked_at_decision", Type::Flag),
    column("labelled", Type::Flag),
    column("sensitive", Type::Texts),
    column("inherited", Type::Texts),
    column("topics", Type::Texts),
    column("notified_at", Type::Time),
    column("erased", Type::Flag),
    column("versions", Type::Texts),
];

pub fn uses(decided: &Decided, rows: &mut Rows) {
    let world = decided.world;
    for (view, judged) in decided.views() {
        let seen = View { decision: world.node(decided.node).moment(), known: view == "known" };
        for used in query::uses(world, decided.node, seen, judged) {
            let mut cells = rows.row();
            decided.begin(&mut cells);
            cells
                .text(Some(view))
                .number(Some(used.seq))
                .text(used.name.map(|(source, _)| source))
                .text(used.name.map(|(_, id)| id))
                .text(used.account)
                .text(used.app)
                .time(Some(used.at.at))
                .text(used.agent.map(|agent| agent.name()))
                .text(used.modality.map(|modality| modality.name()))
                .text(used.conversation)
                .text(used.region)
                .text(used.device_region)
                .flag(Some(used.own))
                .flag(Some(used.linked_at_use))
                .flag(Some(used.linked_at_decision))
                .flag(Some(used.labelled))
                .texts(Some(categories(used.sensitive)))
                .texts(Some(categories(used.inherited)))
                .texts(Some(used.topics))
                .time(used.notified)
                .flag(Some(used.erased))
                .texts(Some(used.versions.iter().map(|(policy, version)| format!("{policy}@{version}"))));
        }
    }
}

fn seqs<'a>(world: &World, refs: impl IntoIterator<Item = &'a Ref>) -> Vec<u64> {
    let seq = |each: &Ref| match each {
        Ref::Entry(node) => Some(world.node(*node).seq),
        Ref::Late { seq, .. } => Some(*seq),
        Ref::Missing(_) => None,
    };
    refs.into_iter().filter_map(seq).collect()
}

/// The versions that judged a decision, by policy and version.
fn versions(world: &World, judged: &Judged) -> Vec<String> {
    let names = |ix: VersionIx| (policy(world, ix), world.symbols.name(version_of(world, ix).name));
    let mut all: Vec<(&str, &str)> = judged.versions.iter().map(|&ix| names(ix)).collect();
    all.sort_unstable();
    all.iter().map(query::version_name).collect()
}

fn policy(world: &World, ix: VersionIx) -> &str {
    world.symbols.name(world.policies[ix.line as usize].id)
}

/// A version as `POLICY@VERSION`.
fn at(world: &World, ix: VersionIx) -> String {
    format!("{}@{}", policy(world, ix), world.symbols.name(version_of(world, ix).name))
}

pub fn outcome_name(outcome: RuleOutcome) -> &'static str {
    match outcome {
        RuleOutcome::Deny => "deny",
        RuleOutcome::Indeterminate => "indeterminate",
        RuleOutcome::Finding => "finding",
    }
}
