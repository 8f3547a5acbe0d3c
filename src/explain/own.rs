//! Sentences for the judge's own rules and findings.

use super::reason::Case;
use super::scene::{Scene, instant, missing, when};
use super::words;
use crate::fact::Role;
use crate::judge::{Finding, FindingId, JudgeRule, Ref};
use crate::lineage::Fault;
use crate::timeline::{NodeIx, PolicyLine, Version};

/// The sentences of a rule of the judge.
pub fn of_rule(case: &Case, rule: JudgeRule, refs: &[Ref]) -> Vec<String> {
    let scene = case.scene;
    match rule {
        JudgeRule::BrokenLineage => {
            case.lineage.faults.iter().map(|fault| words::sentence(&of_fault(scene, fault))).collect()
        }
        JudgeRule::ClockAnomaly => nodes(refs).map(|node| clock(scene, node)).collect(),
        JudgeRule::ConversationLineage => {
            case.lineage.by_conversation.iter().map(|&node| conversations(case, node)).collect()
        }
        JudgeRule::ErasedEvidence => nodes(refs).map(|node| erased(case, node)).collect(),
        JudgeRule::ErasedSource => case.used.map(|used| erased_source(case, used.node)).unwrap_or_default(),
        JudgeRule::NoPolicyInForce => no_policy(case),
        JudgeRule::NotPermitted => vec![about(case, "no permit of it holds")],
        JudgeRule::PolicyError => vec![policy_error(case)],
        JudgeRule::WrongPolicyCited => vec![wrong_policy(case)],
    }
}

/// A fault in the lineage, without a full stop where it is used in a list.
pub(super) fn of_fault(scene: &Scene, fault: &Fault) -> String {
    match fault {
        Fault::Unresolved(citing, Some(reference)) => {
            format!("{} cites {}, which was not recorded by then.", scene.call(*citing), missing(reference))
        }
        Fault::Unresolved(citing, None) => format!("{} cites something that was never recorded.", scene.call(*citing)),
        Fault::WrongKind(citing, cited) => {
            format!("{} cites {}, which is not what it may rest on.", scene.call(*citing), scene.call(*cited))
        }
        Fault::Later(citing, cited) => format!(
            "{} of {} cites {}, which happened later, on {}.",
            scene.call(*citing),
            scene.at(*citing),
            scene.call(*cited),
            scene.at(*cited)
        ),
        Fault::NoSources(signal) => format!("{} cites nothing.", scene.call(*signal)),
        Fault::NoTurns(signal) => {
            format!("{} cites a conversation of which no turn is known here.", scene.call(*signal))
        }
    }
}

fn clock(scene: &Scene, ix: NodeIx) -> String {
    let node = scene.world.node(ix);
    let lead = words::span(node.at.at.seconds_since(node.recorded));
    let (call, recorded) = (scene.call_first(ix), instant(node.recorded));
    format!("{call} was recorded on {recorded}, {lead} before it happened, on {}.", when(node.at))
}

fn conversations(case: &Case, signal: NodeIx) -> String {
    let (scene, world) = (case.scene, case.scene.world);
    let ids = world.signal(signal).map(|signal| signal.conversations.to_vec()).unwrap_or_default();
    let bound = world.node(signal).moment();
    let parts = ids.iter().map(|&id| {
        let turns = world.turns(id).iter().map(|&turn| world.node(turn).moment());
        let turns = turns.filter(|&moment| moment < bound && case.view.sees(moment)).count();
        format!("“{}”, which had {} by then", scene.text(id), words::count(turns, "turn"))
    });
    let parts: Vec<String> = parts.collect();
    format!("{} cites the whole of the conversation {}.", scene.call_first(signal), words::list(&parts))
}

fn erased(case: &Case, ix: NodeIx) -> String {
    let (scene, node) = (case.scene, case.scene.world.node(ix));
    if node.is_destroyed() {
        return format!("What was recorded in {} of {} is gone.", scene.call(ix), when(node.at));
    }
    format!("The label of {} was erased.", scene.call(ix))
}

fn erased_source(case: &Case, used: NodeIx) -> Vec<String> {
    let (scene, node) = (case.scene, case.scene.world.node(used));
    let erasures = scene.world.account(node.account).erasures();
    let between = erasures.filter(|&(moment, _)| moment > node.moment() && case.view.sees(moment));
    let (call, at) = (scene.call_first(used), when(node.at));
    between
        .map(|(moment, scope)| {
            let erased = format!("on {} {}", instant(moment.at), words::scope(scope));
            format!(
                "{call} happened on {at}; {erased}; the decision was made after that, on {}.",
                scene.at(scene.decision)
            )
        })
        .collect()
}

fn policy_error(case: &Case) -> String {
    match case.version().map(|version| &version.compiled) {
        Some(Err(error)) => about(case, &format!("it cannot be read: {}", words::clean(&error.to_string()))),
        _ => about(case, "one of its rules could not be evaluated"),
    }
}

fn about(case: &Case, what: &str) -> String {
    let of = case.version.map(|ix| case.scene.version(ix)).unwrap_or_default();
    let about = case.used.map(|used| format!(" for {}", case.scene.call(used.node))).unwrap_or_default();
    format!("{of}: {what}{about}.")
}

fn no_policy(case: &Case) -> Vec<String> {
    let scene = case.scene;
    let platform = |version: &&Version| version.role == Role::Platform;
    let lines = scene.world.policies.iter().filter(|line| line.versions.iter().any(|version| platform(&version)));
    let mut sentences: Vec<String> = lines
        .flat_map(|line| {
            line.versions.iter().filter(platform).map(|version| why_not(case, line, version)).collect::<Vec<_>>()
        })
        .collect();
    sentences.truncate(8);
    if sentences.is_empty() {
        sentences.push("No platform policy was ever adopted.".to_owned());
    }
    sentences
}

/// Why a version does not govern the decision.
fn why_not(case: &Case, line: &PolicyLine, version: &Version) -> String {
    let scene = case.scene;
    let name = format!("{}, version {}", scene.text(line.id), scene.text(version.name));
    let app = scene.world.account(scene.world.node(scene.decision).account).app;
    let app = app.map(|app| scene.world.symbols.name(app)).unwrap_or_default();
    let apps = || version.compiled.as_ref().map(|compiled| compiled.params.apps.iter().cloned().collect::<Vec<_>>());
    if !case.view.sees_version(version.seq) {
        format!("{name} was adopted only after the decision, on {}.", instant(version.recorded))
    } else if !version.covers(app) {
        let apps = words::list(&apps().unwrap_or_default());
        format!("{name} governs {}, and the decision is of {}.", words::clean(&apps), words::clean(app))
    } else if version.from > case.view.decision.at {
        format!("{name} is in force only from {}.", instant(version.from))
    } else if let Some(until) = version.until.filter(|&until| until <= case.view.decision.at) {
        format!("{name} was in force until {}.", instant(until))
    } else {
        format!("{name}, in force from {}, was replaced by a later version.", instant(version.from))
    }
}

fn wrong_policy(case: &Case) -> String {
    let scene = case.scene;
    let Some((id, cited)) = scene.body.cited else {
        return String::new();
    };
    let line = scene.world.policies.iter().find(|line| line.id == id);
    let current =
        line.and_then(|line| line.in_force(case.view.decision.at, |version| case.view.sees_version(version.seq)));
    let current = match (line, current) {
        (None, _) => "no such policy was ever adopted".to_owned(),
        (Some(_), None) => "no version of that policy was in force".to_owned(),
        (Some(_), Some(version)) => format!("version {} was in force", scene.text(version.name)),
    };
    format!("The decision cites {}, version {}; {current}.", scene.text(id), scene.text(cited))
}

/// The id and title of a finding of the judge.
pub fn finding(id: FindingId) -> (&'static str, &'static str) {
    match id {
        FindingId::Policy(..) => unreachable!("a policy's finding has its own title"),
        FindingId::BackdatedPolicy => ("backdated-policy", "A policy version was recorded after it took force"),
        FindingId::LateFact => ("late-fact", "Something that matters was recorded only after the decision"),
        FindingId::RelabelledAfterDecision => {
            ("relabelled-after-decision", "An interaction was labelled as sensitive after the decision")
        }
        FindingId::ViewsDiffer => {
            ("views-differ", "What is known today leads to another verdict than what was known then")
        }
    }
}

/// The sentences of a finding of the judge.
pub fn of_finding(case: &Case, finding: &Finding) -> Vec<String> {
    let scene = case.scene;
    match finding.id {
        FindingId::Policy(..) => Vec::new(),
        FindingId::BackdatedPolicy => nodes(&finding.refs).filter_map(|node| backdated(scene, node)).collect(),
        FindingId::LateFact => finding.refs.iter().filter_map(|late| late_fact(scene, late)).collect(),
        FindingId::RelabelledAfterDecision => nodes(&finding.refs).filter_map(|node| relabelled(case, node)).collect(),
        FindingId::ViewsDiffer => {
            let [known, today] = scene.judged().map(|judged| super::state::verdict(judged.verdict));
            vec![format!("Known then: {known}. Known today: {today}.")]
        }
    }
}

fn backdated(scene: &Scene, ix: NodeIx) -> Option<String> {
    let seq = scene.world.node(ix).seq;
    let (line, version) = find_version(scene, seq)?;
    Some(format!(
        "{}, version {}, is in force from {}, but was recorded only on {}.",
        scene.text(line.id),
        scene.text(version.name),
        instant(version.from),
        instant(version.recorded)
    ))
}

fn find_version<'a>(scene: &'a Scene, seq: u64) -> Option<(&'a PolicyLine, &'a Version)> {
    let all = scene.world.policies.iter().flat_map(|line| line.versions.iter().map(move |version| (line, version)));
    all.into_iter().find(|(_, version)| version.seq == seq)
}

fn late_fact(scene: &Scene, late: &Ref) -> Option<String> {
    let Ref::Late { seq, lag_s } = late else { return None };
    let lag = words::span(*lag_s);
    if let Some((line, version)) = find_version(scene, *seq) {
        let name = format!("{}, version {}", scene.text(line.id), scene.text(version.name));
        let (from, recorded) = (instant(version.from), instant(version.recorded));
        return Some(format!("{name}, in force from {from}, was recorded {lag} later, on {recorded}."));
    }
    let ix = scene.world.locate(*seq)?;
    let node = scene.world.node(ix);
    let account = scene.account(node.account);
    let what = match scene.evidence.record(*seq) {
        Some(record) if node.kind == record.body.kind() && super::history::is_about_person(node.kind) => {
            words::about_person(&record.body)
        }
        _ => scene.call(ix),
    };
    let (at, recorded) = (when(node.at), instant(node.recorded));
    Some(format!("{account}, {at}: {what}. It was recorded {lag} later, on {recorded}."))
}

fn relabelled(case: &Case, ix: NodeIx) -> Option<String> {
    let scene = case.scene;
    let latest = scene.world.labels(ix).iter().rev().find_map(|label| Some((label.moment, label.sensitive?)));
    let (moment, sensitive) = latest?;
    let (call, at) = (scene.call_first(ix), instant(moment.at));
    Some(format!("{call} was labelled {} on {at}, after the decision.", words::categories(sensitive)))
}

fn nodes(refs: &[Ref]) -> impl Iterator<Item = NodeIx> + '_ {
    refs.iter().filter_map(|each| match each {
        Ref::Entry(node) => Some(*node),
        _ => None,
    })
}
