//! The lineage as steps: the decision's signals, what each rests on, and the label and text of each interaction.

use super::reason::{Flag, Reason};
use super::scene::{Scene, missing, when};
use super::words;
use crate::fact::{Body, Kind};
use crate::timeline::{LinkTo, NodeIx};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StepKind {
    Signal,
    Interaction,
    Activity,
    Missing,
    Other,
}

/// A label of an interaction.
#[derive(Clone, Debug, Serialize)]
pub struct Label {
    /// When it was given.
    pub at: String,
    /// The sensitive categories in words; none is not sensitive.
    pub sensitive: Vec<String>,
    /// Topics.
    pub topics: Vec<String>,
    /// Who labelled.
    pub by: String,
    /// The views in which it is the one that counts.
    pub known: bool,
    /// As `known`, for what is known today.
    pub today: bool,
    /// True if what it said was erased.
    pub erased: bool,
}

/// What is left of the text of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// None was recorded.
    None,
    /// There is one, and nobody asked to see it.
    Kept,
    /// It was erased.
    Erased,
    /// It.
    Shown(String),
}

/// A rule that fired about a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepMark {
    /// The rule.
    pub id: String,
    /// What it means.
    pub flag: Flag,
    /// True if it fires in the known view.
    pub known: bool,
    /// True if it fires in the true view.
    pub today: bool,
}

/// One step of the lineage, below the last one before it that is less deep.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// 1 for what the decision cites.
    pub depth: usize,
    /// What it is.
    pub kind: StepKind,
    /// What it is called.
    pub name: String,
    /// Who says so: the fact's source.
    pub source: Option<String>,
    /// Its entry, unless it was never recorded.
    pub seq: Option<u64>,
    /// When it happened.
    pub at: Option<String>,
    /// What it says, a fact each.
    pub facts: Vec<String>,
    /// Its labels, ascending in time.
    pub labels: Vec<Label>,
    /// The text of an interaction.
    pub text: Option<Text>,
    /// The rules that fired about it.
    pub marks: Vec<StepMark>,
    /// True if it stands above already, with everything below it.
    pub again: bool,
    /// True if it was recorded after the decision.
    pub late: bool,
}

/// Every step, depth first. Each entry is told once; where it comes again, it says so.
pub fn steps(scene: &Scene, reasons: &[Reason]) -> Vec<Step> {
    let mut told: BTreeSet<NodeIx> = BTreeSet::new();
    let mut steps = Vec::new();
    let mut pending = below(scene, scene.decision, 1);
    while let Some((depth, child)) = pending.pop() {
        match child {
            Child::Node(node) => {
                let again = !told.insert(node) || node == scene.decision;
                steps.push(step(scene, reasons, node, depth, again));
                if !again {
                    pending.extend(below(scene, node, depth + 1));
                }
            }
            Child::Missing(name) => steps.push(gap(depth, name)),
        }
    }
    steps
}

enum Child {
    Node(NodeIx),
    Missing(String),
}

/// What an entry rests on, the last first.
fn below(scene: &Scene, node: NodeIx, depth: usize) -> Vec<(usize, Child)> {
    let world = scene.world;
    let mut children = Vec::new();
    let mut seen: BTreeSet<NodeIx> = BTreeSet::new();
    for link in world.links(node) {
        match *link {
            LinkTo::Node(to) => {
                if seen.insert(to) {
                    children.push((depth, Child::Node(to)));
                }
            }
            LinkTo::Unresolved(Some(number)) => {
                children.push((depth, Child::Missing(missing(world.unresolved(number)))))
            }
            LinkTo::Unresolved(None) => {
                children.push((depth, Child::Missing("a fact whose name was erased".to_owned())))
            }
        }
    }
    // Turns of whole conversations are edges of the walk, not links.
    let mut turns: Vec<NodeIx> = scene
        .lineages
        .iter()
        .flat_map(|lineage| {
            let first = lineage.edges.partition_point(|&(from, _)| from < node);
            lineage.edges[first..].iter().take_while(move |&&(from, _)| from == node).map(|&(_, to)| to)
        })
        .filter(|to| !seen.contains(to))
        .collect();
    turns.sort_unstable();
    turns.dedup();
    children.extend(turns.into_iter().map(|turn| (depth, Child::Node(turn))));
    children.reverse();
    children
}

fn gap(depth: usize, name: String) -> Step {
    Step {
        depth,
        kind: StepKind::Missing,
        name,
        source: None,
        seq: None,
        at: None,
        facts: vec!["cited, but not recorded by then".to_owned()],
        labels: Vec::new(),
        text: None,
        marks: Vec::new(),
        again: false,
        late: false,
    }
}

fn step(scene: &Scene, reasons: &[Reason], ix: NodeIx, depth: usize, again: bool) -> Step {
    let node = scene.world.node(ix);
    let kind = match node.kind {
        Kind::SignalDerived => StepKind::Signal,
        Kind::InteractionRecorded => StepKind::Interaction,
        Kind::ActivityRecorded => StepKind::Activity,
        _ => StepKind::Other,
    };
    let marks = reasons.iter().filter_map(|reason| {
        let [known, today] = *reason.nodes.get(&ix)?;
        Some(StepMark { id: reason.id.clone(), flag: reason.flag, known, today })
    });
    Step {
        depth,
        kind,
        name: scene.call_first(ix),
        source: scene.world.name(ix).map(|name| words::clean(&name.source)),
        seq: Some(node.seq),
        at: Some(when(node.at)),
        facts: if again { Vec::new() } else { facts(scene, ix) },
        labels: if again { Vec::new() } else { labels(scene, ix) },
        text: (kind == StepKind::Interaction && !again).then(|| text(scene, node.seq)),
        marks: marks.collect(),
        again,
        late: scene.came_later(node.seq),
    }
}

fn facts(scene: &Scene, ix: NodeIx) -> Vec<String> {
    let node = scene.world.node(ix);
    let Some(record) = scene.evidence.record(node.seq) else {
        return vec!["what it said was erased".to_owned()];
    };
    let mut facts = match &record.body {
        Body::InteractionRecorded(body) => {
            let mut facts = vec![words::agent(body.agent).to_owned(), words::modality(body.modality).to_owned()];
            facts.push(match (body.region, body.device_region) {
                (None, None) => "region not recorded".to_owned(),
                (Some(region), None) => format!("in {}", region.as_str()),
                (None, Some(device)) => format!("on a device in {}", device.as_str()),
                (Some(region), Some(device)) => format!("in {}, on a device in {}", region.as_str(), device.as_str()),
            });
            facts.push(format!("turn {} of the conversation “{}”", body.turn, words::clean(&body.conversation)));
            facts.extend(
                body.e2ee.map(|e2ee| if e2ee { "end-to-end encrypted" } else { "not end-to-end encrypted" }.to_owned()),
            );
            facts
        }
        Body::SignalDerived(body) => {
            let mut facts = vec![format!("says “{}”", words::clean(&body.topic))];
            facts.extend(body.taxonomy.iter().map(|taxonomy| format!("taxonomy {}", words::clean(taxonomy))));
            facts.extend(body.confidence_ppm.map(|ppm| format!("confidence {:.0} %", f64::from(ppm) / 10_000.0)));
            if !body.sensitive.is_empty() {
                facts.push(format!("itself labelled {}", words::categories(body.sensitive)));
            }
            facts.push(format!("derived by {}", program(&body.deriver)));
            let whole = body.sources.iter().filter_map(|source| match source {
                crate::fact::Source::Conversation(id) => {
                    Some(format!("cites the whole conversation “{}”", words::clean(id)))
                }
                crate::fact::Source::Fact(_) => None,
            });
            facts.extend(whole);
            facts
        }
        Body::ActivityRecorded(body) => {
            let mut facts = vec![format!("{}, not an interaction with AI", words::clean(&body.activity))];
            if !body.topics.is_empty() {
                facts.push(format!("about {}", quoted(&body.topics)));
            }
            facts
        }
        other => vec![format!("a {}, which nothing may rest on", words::kind(other.kind()))],
    };
    if !record.subject.is_empty() {
        facts.insert(0, format!("on {}", words::clean(&record.subject)));
    }
    facts
}

fn quoted(topics: &[String]) -> String {
    words::list(&topics.iter().map(|topic| format!("“{}”", words::clean(topic))).collect::<Vec<_>>())
}

fn program(program: &crate::fact::Program) -> String {
    let provider = program.provider.iter().map(|provider| format!(" of {}", words::clean(provider)));
    let digest: String = program.digest.to_string().chars().take(12).collect();
    let name = format!("{} {}", words::clean(&program.name), words::clean(&program.version));
    format!("{name}{} ({digest}…)", provider.collect::<String>())
}

fn labels(scene: &Scene, ix: NodeIx) -> Vec<Label> {
    let labels = scene.world.labels(ix);
    let counts =
        scene.views.map(|view| labels.iter().rposition(|label| view.sees(label.moment) && label.sensitive.is_some()));
    let each = labels.iter().enumerate().map(|(place, label)| {
        let body = match scene.evidence.record(label.moment.seq).map(|record| &record.body) {
            Some(Body::InteractionLabelled(body)) => Some(body),
            _ => None,
        };
        let [known, today] = counts.map(|counting| counting == Some(place));
        Label {
            at: super::scene::instant(label.moment.at),
            sensitive: label.sensitive.unwrap_or_default().iter().map(words::category).collect(),
            topics: body.map(|body| body.topics.iter().map(|topic| words::clean(topic)).collect()).unwrap_or_default(),
            by: body.map(|body| program(&body.labeller)).unwrap_or_default(),
            known,
            today,
            erased: label.sensitive.is_none(),
        }
    });
    each.collect()
}

fn text(scene: &Scene, seq: u64) -> Text {
    let Some(entry) = scene.evidence.entry(seq) else {
        return Text::None;
    };
    match (&entry.header.content, &entry.content) {
        (None, _) => Text::None,
        (Some(_), None) if scene.evidence.keeps(seq) => Text::Kept,
        (Some(_), None) => Text::Erased,
        (Some(_), Some(_)) if !scene.with_content => Text::Kept,
        (Some(_), Some(text)) => Text::Shown(text.lines().map(words::clean).collect::<Vec<_>>().join("\n")),
    }
}

/// A step with nothing in it.
#[cfg(test)]
pub(super) fn tests_step() -> Step {
    gap(1, String::new())
}
