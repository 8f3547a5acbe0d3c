//! One decision explained in a few lines: what was shown, the policy in force, what it rests on, and which rules it
//! broke.

use super::report;
use crate::derive;
use crate::fact::{Agent, Categories, Category, Kind, Modality};
use crate::judge::{Judgement, version_of};
use crate::replay;
use crate::timeline::{LinkTo, NodeIx, View, World};

/// How deep a lineage is told.
const DEPTH: usize = 4;

/// The lines of the explanation.
pub fn explain(world: &World, judgement: &Judgement) -> Vec<String> {
    let node = world.node(judgement.decision);
    let mut lines = Vec::new();
    if let Some(body) = world.decision(judgement.decision) {
        let topics: Vec<&str> = body.topics.iter().map(|&topic| topic_name(world.symbols.name(topic))).collect();
        let app = world.account(node.account).app.map_or("an app", |app| world.symbols.name(app));
        let by = body.advertiser.map(|sym| format!(" by {}", world.symbols.name(sym))).unwrap_or_default();
        lines.push(format!(
            "{} {}{by} about {} on {app}, {}",
            body.outcome.name(),
            body.item_kind.name(),
            topics.join(", "),
            day(node.at)
        ));
    }
    let policies: Vec<String> = judgement
        .known
        .versions
        .iter()
        .map(|&ix| {
            let version = version_of(world, ix);
            let (policy, name) =
                (world.symbols.name(world.policies[ix.line as usize].id), world.symbols.name(version.name));
            format!("{policy} {name} (since {})", &day(version.from)[..10])
        })
        .collect();
    lines.push(format!("judged by {}", policies.join(", ")));
    lines.push("it rests on".to_owned());
    let view = View { decision: node.moment(), known: true };
    tell_lineage(world, judgement.decision, view, 1, &mut lines);
    for fired in &judgement.known.rules {
        lines.push(format!("{}: {}", replay::rule_id(world, fired.rule), report::title(world, fired.rule)));
    }
    lines
}

fn tell_lineage(world: &World, from: NodeIx, view: View, depth: usize, lines: &mut Vec<String>) {
    if depth > DEPTH {
        return;
    }
    for link in world.links(from) {
        let indent = "  ".repeat(depth);
        let LinkTo::Node(target) = *link else {
            lines.push(format!("{indent}something that was never recorded"));
            continue;
        };
        lines.push(format!("{indent}{}", told(world, target, view)));
        if world.node(target).kind == Kind::SignalDerived {
            tell_lineage(world, target, view, depth + 1, lines);
        }
    }
}

fn told(world: &World, node: NodeIx, view: View) -> String {
    let when = day(world.node(node).at);
    if let Some(signal) = world.signal(node) {
        return format!(
            "signal {}{}, {when}",
            topic_name(world.symbols.name(signal.topic)),
            sensitive(signal.sensitive)
        );
    }
    let Some(turn) = world.interaction(node) else { return format!("{}, {when}", world.node(node).kind.name()) };
    let how = if turn.modality == Modality::Voice { "spoken" } else { "typed" };
    let whom = match turn.agent {
        Agent::Assistant => "the assistant",
        Agent::Business => "a business's bot",
        Agent::Human => "a person",
    };
    let region = turn.region.map_or("nowhere known", |region| world.symbols.name(region));
    let label = world.label(node, view).map_or(", unlabelled".to_owned(), sensitive);
    format!("turn with {whom}, {how}, in {region}{label}, {when}")
}

fn sensitive(categories: Categories) -> String {
    let names: Vec<&str> = categories.iter().map(Category::name).collect();
    if names.is_empty() { String::new() } else { format!(", sensitive: {}", names.join(", ")) }
}

fn topic_name(id: &str) -> &str {
    derive::topic_name(id).unwrap_or(id)
}

fn day(time: impl std::fmt::Display) -> String {
    time.to_string()[..16].replace('T', " ")
}
