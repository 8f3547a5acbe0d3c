//! The lineage on a time line, as data: a row for everything that happened, bands for policies, edges for citations.

use super::history::Happening;
use super::in_force::PolicyCard;
use super::reason::{Flag, Reason};
use super::scene::Scene;
use super::{headline, words};
use crate::fact::{Instant, Kind, Moment, Outcome};
use crate::judge::Conformance;
use crate::timeline::NodeIx;
use std::collections::{BTreeMap, BTreeSet};

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Glyph {
    Policy,
    UseBegins,
    Notice,
    Link,
    Person,
    Erasure,
    Activity,
    Interaction,
    Label,
    Signal,
    Other,
    Decision,
}

/// One row of the time line.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it shows.
    pub glyph: Glyph,
    /// When it happened.
    pub at: Instant,
    /// What it is.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// The gravest rule that fired about it.
    pub flag: Option<Flag>,
    /// The ids of the rules that fired about it.
    pub rules: Vec<String>,
    /// True if it was recorded after the decision.
    pub late: bool,
    /// True if it happened after the decision, and so counts for nothing.
    pub after: bool,
    order: (Instant, u8, u64),
}

/// A citation, by rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What cites.
    pub from: usize,
    /// What is cited.
    pub to: usize,
}

/// A policy version, over the rows during which it is in force.
#[derive(Clone, Debug)]
pub struct Band {
    /// Its name.
    pub label: String,
    /// The row at which it begins.
    pub from: usize,
    /// The row at which it ends.
    pub to: Option<usize>,
    /// True for overlays.
    pub overlay: bool,
    /// True if it was recorded after the decision.
    pub late: bool,
}

/// The time line.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// Its rows, ascending in time.
    pub marks: Vec<Mark>,
    /// Its citations, sorted.
    pub edges: Vec<Edge>,
    /// Its policies.
    pub bands: Vec<Band>,
    /// How many interactions and other entries were left out, because nobody could read so many.
    pub left_out: usize,
}

/// Most entries of the lineage that are drawn, and most others.
const NODES: usize = 60;
const OTHERS: usize = 30;

/// Draws the scene.
pub fn of(scene: &Scene, reasons: &[Reason], history: &[Happening], policies: &[PolicyCard]) -> Drawing {
    let mut sheet = Sheet { scene, reasons, marks: Vec::new(), keys: Vec::new() };
    let (nodes, mut left_out) = chosen(scene, reasons);
    nodes.iter().for_each(|&node| sheet.add_node(node));
    nodes.iter().for_each(|&node| sheet.add_labels(node));
    let near = history.iter().filter(|happening| happening.entry_kind != Kind::PermissionChanged);
    let near: Vec<&Happening> = near.collect();
    // The latest before the decision matter most.
    let first = near.len().saturating_sub(OTHERS);
    left_out += first;
    near[first..].iter().for_each(|happening| sheet.add_happening(happening));
    sheet.add_policies(policies);
    sheet.finish(&nodes, policies, left_out)
}

/// The decision and the entries behind it that are drawn: all of them, or those that rules fired about and the latest.
fn chosen(scene: &Scene, reasons: &[Reason]) -> (BTreeSet<NodeIx>, usize) {
    let all = scene.nodes();
    let marked =
        |node: &NodeIx| reasons.iter().any(|reason| reason.flag != Flag::Finding && reason.nodes.contains_key(node));
    let is_signal = |node: &NodeIx| scene.world.node(*node).kind == Kind::SignalDerived;
    let mut ranked: Vec<NodeIx> = all.clone();
    ranked.sort_by_key(|node| (*node != scene.decision, !marked(node), !is_signal(node), std::cmp::Reverse(*node)));
    ranked.truncate(NODES);
    let left_out = all.len() - ranked.len();
    (ranked.into_iter().collect(), left_out)
}

/// What a row stands for, so that edges and bands find it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Node(NodeIx),
    Label(NodeIx, u64),
    Starts(Instant),
    Other,
}

struct Sheet<'a> {
    scene: &'a Scene<'a>,
    reasons: &'a [Reason],
    marks: Vec<Mark>,
    keys: Vec<Key>,
}

impl Sheet<'_> {
    fn add(&mut self, key: Key, moment: Moment, glyph: Glyph, title: String, detail: String) -> &mut Mark {
        let decision = self.scene.world.node(self.scene.decision).moment();
        // Of what happens at one instant, a policy takes force first.
        let rank = u8::from(!matches!(glyph, Glyph::Policy | Glyph::UseBegins));
        self.keys.push(key);
        self.marks.push(Mark {
            glyph,
            at: moment.at,
            title,
            detail,
            flag: None,
            rules: Vec::new(),
            late: false,
            after: moment > decision,
            order: (moment.at, rank, moment.seq),
        });
        self.marks.last_mut().expect("pushed above")
    }

    fn add_node(&mut self, ix: NodeIx) {
        let (scene, world) = (self.scene, self.scene.world);
        let node = world.node(ix);
        let (glyph, title, detail) = match node.kind {
            Kind::DecisionMade if ix == scene.decision => {
                (Glyph::Decision, decision_title(scene), headline::about(scene))
            }
            Kind::SignalDerived => (Glyph::Signal, signal_title(scene, ix), signal_detail(scene, ix)),
            Kind::InteractionRecorded => (Glyph::Interaction, scene.call_first(ix), interaction_detail(scene, ix)),
            Kind::ActivityRecorded => (Glyph::Activity, scene.call_first(ix), "not an interaction with AI".to_owned()),
            _ => (Glyph::Other, scene.call_first(ix), String::new()),
        };
        let reasons = self.reasons.iter().filter(|reason| reason.flag != Flag::Finding);
        let is_about = |reason: &&Reason| {
            // A rule about no entry is about the decision.
            reason.nodes.contains_key(&ix) || (ix == scene.decision && reason.nodes.is_empty())
        };
        let about: Vec<&Reason> = reasons.filter(is_about).collect();
        let late = scene.came_later(node.seq);
        let mark = self.add(Key::Node(ix), node.moment(), glyph, title, detail);
        mark.flag = about.iter().map(|reason| reason.flag).min();
        if glyph == Glyph::Decision {
            mark.flag = verdict_flag(scene);
        }
        mark.rules = about.iter().map(|reason| rule_in_views(reason, ix)).collect();
        mark.rules.dedup();
        mark.late = late;
    }

    fn add_labels(&mut self, ix: NodeIx) {
        let scene = self.scene;
        for label in scene.world.labels(ix) {
            let title = match label.sensitive {
                None => "Label, erased".to_owned(),
                Some(sensitive) if sensitive.is_empty() => "Label: not sensitive".to_owned(),
                Some(sensitive) => format!("Label: {}", words::categories(sensitive)),
            };
            let detail = format!("of {}", scene.call(ix));
            let is_sensitive = label.sensitive.is_some_and(|sensitive| !sensitive.is_empty());
            let late = scene.came_later(label.moment.seq);
            let mark = self.add(Key::Label(ix, label.moment.seq), label.moment, Glyph::Label, title, detail);
            mark.flag = is_sensitive.then_some(Flag::Finding);
            mark.late = late;
        }
    }

    fn add_happening(&mut self, happening: &Happening) {
        let glyph = match happening.entry_kind {
            Kind::NoticeRecorded => Glyph::Notice,
            Kind::AccountLinked | Kind::AccountUnlinked => Glyph::Link,
            Kind::SubjectErased => Glyph::Erasure,
            _ => Glyph::Person,
        };
        let late = self.scene.came_later(happening.seq);
        let detail = happening.account.clone();
        self.add(Key::Other, happening.moment, glyph, happening.what.clone(), detail).late = late;
    }

    /// A row for every instant at which a version begins or ends, or use begins under one.
    fn add_policies(&mut self, policies: &[PolicyCard]) {
        let mut instants: BTreeMap<Instant, (Vec<String>, bool, bool)> = BTreeMap::new();
        for card in policies {
            let name = format!("{}, version {}", card.policy, card.version);
            let start = instants.entry(card.span.0).or_insert_with(|| (Vec::new(), false, true));
            start.0.push(format!("In force: {name}"));
            start.1 = true;
            start.2 &= !card.known;
            if let (Some(until), None) = (card.span.1, &card.replaced_by) {
                let end = instants.entry(until).or_insert_with(|| (Vec::new(), false, true));
                end.0.push(format!("Ends: {name}"));
                end.1 = true;
                end.2 = false;
            } else if let Some(until) = card.span.1 {
                let end = instants.entry(until).or_insert_with(|| (Vec::new(), true, true));
                end.2 &= !card.known;
            }
            if let Some(use_from) = card.use_from.filter(|_| card.role == "platform") {
                let begins = instants.entry(use_from).or_insert_with(|| (Vec::new(), false, true));
                let text = "use of interactions begins".to_owned();
                if !begins.0.contains(&text) {
                    begins.0.push(text);
                }
                begins.2 &= !card.known;
            }
        }
        for (at, (mut texts, is_policy, late)) in instants {
            let glyph = if is_policy { Glyph::Policy } else { Glyph::UseBegins };
            let title = if texts.is_empty() { "a later version takes force".to_owned() } else { texts.remove(0) };
            let title = words::sentence(&title);
            let mark = self.add(Key::Starts(at), Moment { at, seq: 0 }, glyph, title, texts.join("; "));
            mark.late = late;
        }
    }

    /// Puts the rows into the order of time, and edges and bands onto them.
    fn finish(self, nodes: &BTreeSet<NodeIx>, policies: &[PolicyCard], left_out: usize) -> Drawing {
        let mut rows: Vec<(Key, Mark)> = self.keys.into_iter().zip(self.marks).collect();
        rows.sort_by_key(|(_, mark)| mark.order);
        let place: BTreeMap<Key, usize> = rows.iter().enumerate().map(|(row, (key, _))| (*key, row)).collect();
        let row_of = |node: NodeIx| place.get(&Key::Node(node)).copied();
        let followed = self.scene.lineages.iter().flat_map(|lineage| &lineage.edges);
        let cites = followed.filter_map(|&(from, to)| Some(Edge { from: row_of(from)?, to: row_of(to)? }));
        let labels =
            nodes.iter().flat_map(|&node| self.scene.world.labels(node).iter().map(move |label| (node, label)));
        let labels = labels.filter_map(|(node, label)| {
            Some(Edge { from: *place.get(&Key::Label(node, label.moment.seq))?, to: row_of(node)? })
        });
        let edges: BTreeSet<Edge> = cites.chain(labels).collect();
        let bands = policies.iter().filter_map(|card| {
            Some(Band {
                label: format!("{} {}", card.policy, card.version),
                from: *place.get(&Key::Starts(card.span.0))?,
                to: card.span.1.and_then(|until| place.get(&Key::Starts(until)).copied()),
                overlay: card.role == "overlay",
                late: !card.known,
            })
        });
        let bands = bands.collect();
        Drawing {
            bands,
            edges: edges.into_iter().collect(),
            marks: rows.into_iter().map(|(_, mark)| mark).collect(),
            left_out,
        }
    }
}

fn decision_title(scene: &Scene) -> String {
    let done = if scene.body.outcome == Outcome::Served { "served" } else { "held back" };
    let conformance = scene.judgement.conformance.name().replace('_', " ");
    words::sentence(&format!("{} {done}: {conformance}", scene.item()))
}

/// The rule's id, and the view where only one has it.
fn rule_in_views(reason: &Reason, ix: NodeIx) -> String {
    let note = match reason.nodes.get(&ix).copied().unwrap_or([reason.known, reason.today]) {
        [true, false] => " (known then only)",
        [false, true] => " (known today only)",
        _ => "",
    };
    format!("{}{note}", reason.id)
}

/// What the decision's own shape says: whether it should have been made.
fn verdict_flag(scene: &Scene) -> Option<Flag> {
    match scene.judgement.conformance {
        Conformance::Breach | Conformance::LateBreach => Some(Flag::Deny),
        Conformance::Unproven | Conformance::Erased => Some(Flag::Indeterminate),
        _ => None,
    }
}

fn signal_title(scene: &Scene, ix: NodeIx) -> String {
    let topic = scene.world.signal(ix).map(|signal| format!(" “{}”", scene.text(signal.topic)));
    format!("{}{}", scene.call_first(ix), topic.unwrap_or_default())
}

fn signal_detail(scene: &Scene, ix: NodeIx) -> String {
    let Some(signal) = scene.world.signal(ix) else {
        return "erased".to_owned();
    };
    let mut parts = Vec::new();
    if !signal.sensitive.is_empty() {
        parts.push(format!("itself labelled {}", words::categories(signal.sensitive)));
    }
    if !signal.conversations.is_empty() {
        parts.push("cites a whole conversation".to_owned());
    }
    match scene.world.links(ix).len() {
        0 => {}
        links => parts.push(format!("cites {}", words::count(links, "source"))),
    }
    parts.join(", ")
}

fn interaction_detail(scene: &Scene, ix: NodeIx) -> String {
    let Some(body) = scene.world.interaction(ix) else {
        return "erased".to_owned();
    };
    let regions: Vec<String> =
        body.region.into_iter().chain(body.device_region).map(|region| scene.text(region)).collect();
    let place = if regions.is_empty() { "region unknown".to_owned() } else { format!("in {}", regions.join(" / ")) };
    let account = scene.account(scene.world.node(ix).account);
    format!("{}, {}, {place}, {account}", words::agent(body.agent), words::modality(body.modality))
}
