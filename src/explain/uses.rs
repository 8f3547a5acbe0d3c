//! What a policy's rule rests on in this case: the facts it read, in sentences.
//!
//! A custom policy may give a rule any id, so a sentence states facts of the case and never what the rule demands.

use super::reason::Case;
use super::scene::{Scene, instant, when};
use super::{choices, whose, words};
use crate::fact::Categories;
use crate::judge::facts;
use crate::lineage::Use;
use crate::policy::UseFacts;
use crate::symbols::Sym;
use crate::timeline::{NodeIx, View};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The sentences of one rule.
pub fn detail(case: &Case, rule: &str) -> Vec<String> {
    let sentences = match rule {
        "not-yet-effective" => vec![in_force_from(case)],
        "pre-effective-interaction" => case.used.map(|used| use_from(case, used)).into_iter().collect(),
        "tz-ambiguous" => case.used.map(|used| time_zone(case, used)).into_iter().collect(),
        "excluded-region" => excluded_regions(case),
        "region-not-yet-effective" => region_starts(case),
        "unknown-region" => vec![known_regions(case)],
        "sensitive-topic" => case.used.map(|used| sensitive(case, used)).into_iter().collect(),
        "inherited-sensitivity" => case.used.map(|used| inherited(case, used)).into_iter().collect(),
        "unlabelled" => case.used.map(|used| unlabelled(case, used)).into_iter().collect(),
        "proxy-topic" => proxies(case),
        "excluded-topic" => excluded_topics(case),
        "consent-missing" => [known_regions(case)].into_iter().chain(choices::detail(case, rule)).collect(),
        _ => whose::detail(case, rule).unwrap_or_else(|| choices::detail(case, rule)),
    };
    match (sentences.is_empty(), case.used) {
        (false, _) => sentences,
        (true, Some(used)) => vec![portrait(case.scene, used.node, case.view)],
        (true, None) => vec![super::headline::about(case.scene)],
    }
}

/// The facts of the use as the policy saw them.
pub(super) fn facts_of(case: &Case, used: &Use) -> Option<UseFacts> {
    let (scene, params) = (case.scene, case.params()?);
    let world = scene.world;
    world.interaction(used.node)?;
    let app = world.account(world.node(scene.decision).account).app?;
    let policy = world.policies[case.version?.line as usize].id;
    let notice = facts::of_notices(world, used.node, policy, case.view);
    let topics = case.lineage.topics(world, case.lineage.gate(used.node)).into();
    Some(facts::of_use(world, (used, &topics), scene.decision, app, notice, params, case.view))
}

/// An interaction in a sentence, for rules that nobody wrote words for.
pub(super) fn portrait(scene: &Scene, node: NodeIx, view: View) -> String {
    let world = scene.world;
    let mut text = format!("{} happened on {}", scene.call_first(node), scene.at(node));
    if let Some(body) = world.interaction(node) {
        let account = scene.account(world.node(node).account);
        text += &format!(", on {account}, {}, {}", words::agent(body.agent), words::modality(body.modality));
        text += &match world.label(node, view) {
            None => ", without a label".to_owned(),
            Some(label) if label.is_empty() => ", labelled as not sensitive".to_owned(),
            Some(label) => format!(", labelled {}", words::categories(label)),
        };
    }
    text + "."
}

fn in_force_from(case: &Case) -> String {
    let (scene, version) = (case.scene, case.version().zip(case.version));
    let from =
        version.map(|(version, ix)| format!("; {} is in force from {}", scene.version(ix), instant(version.from)));
    format!("The decision was made on {}{}.", scene.at(scene.decision), from.unwrap_or_default())
}

fn use_from(case: &Case, used: &Use) -> String {
    let (scene, node) = (case.scene, case.scene.world.node(used.node));
    let happened = format!("{} happened on {}", scene.call_first(used.node), when(node.at));
    let Some((facts, params)) = facts_of(case, used).zip(case.params()) else {
        return happened + ".";
    };
    let start = if params.subject_local {
        format!("{} (read in the time zone of the chat)", instant(facts.use_from))
    } else {
        when(params.use_from)
    };
    let lag = facts.use_from.seconds_since(node.at.at);
    let later = if lag > 0 { format!(", {} later", words::span(lag)) } else { String::new() };
    format!("{happened}; use began on {start}{later}.")
}

fn time_zone(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let start = case.params().map(|params| format!("; use began on {}", when(params.use_from))).unwrap_or_default();
    let happened = format!("{} happened on {}{start}", scene.call_first(used.node), scene.at(used.node));
    format!("{happened}. Within 14 hours of that, the day depends on the time zone.")
}

/// The regions of the use and of the decision, as the version reads them.
fn regions(case: &Case) -> (Vec<Sym>, Vec<Sym>) {
    let scene = case.scene;
    let of_use = case.used.and_then(|used| facts_of(case, used)).map(|facts| facts.regions).unwrap_or_default();
    let of_decision = case.params().map(|params| {
        let app = scene.world.account(scene.world.node(scene.decision).account).app.unwrap_or(Sym(0));
        facts::of_decision(scene.world, scene.decision, scene.body, app, params).regions
    });
    (of_use, of_decision.unwrap_or_default())
}

fn known_regions(case: &Case) -> String {
    let (of_use, of_decision) = regions(case);
    let scene = case.scene;
    let place = |regions: &[Sym]| match regions {
        [] => "in a region that is not known".to_owned(),
        _ => format!("in {}", words::list(&regions.iter().map(|&region| scene.text(region)).collect::<Vec<_>>())),
    };
    let chat = case.used.map(|used| format!("{} was {}, ", scene.call_first(used.node), place(&of_use)));
    words::sentence(&format!("{}the decision was made {}.", chat.unwrap_or_default(), place(&of_decision)))
}

fn excluded_regions(case: &Case) -> Vec<String> {
    let scene = case.scene;
    let (of_use, of_decision) = regions(case);
    let Some(params) = case.params() else { return Vec::new() };
    let excluded = |region: &Sym| {
        let name = scene.world.symbols.name(*region);
        params.excluded_regions.iter().any(|excluded| excluded.as_str() == name)
    };
    let mut text = known_regions(case);
    let mut out: Vec<String> =
        of_use.iter().chain(&of_decision).filter(|region| excluded(region)).map(|&r| scene.text(r)).collect();
    out.sort_unstable();
    out.dedup();
    if !out.is_empty() {
        text += &format!(" {} {} excluded.", words::list(&out), if out.len() == 1 { "is" } else { "are" });
    }
    vec![text]
}

fn region_starts(case: &Case) -> Vec<String> {
    let scene = case.scene;
    let (of_use, of_decision) = regions(case);
    let Some(params) = case.params() else { return Vec::new() };
    let concerned: BTreeSet<&str> =
        of_use.iter().chain(&of_decision).map(|&sym| scene.world.symbols.name(sym)).collect();
    let starts = params.region_use_from.iter().filter(|(region, _)| concerned.contains(region.as_str()));
    let starts: Vec<String> =
        starts.map(|(region, &at)| format!("Use began in {} on {}.", region.as_str(), instant(at))).collect();
    let mut text = String::new();
    if let Some(used) = case.used {
        text += &format!("{} happened on {}, ", scene.call(used.node), scene.at(used.node));
    }
    text += &format!("the decision was made on {}.", scene.at(scene.decision));
    vec![format!("{} {} {}", known_regions(case), words::sentence(&text), starts.join(" ")).trim_end().to_owned()]
}

/// Where the sensitive label of a use comes from.
fn sensitive(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let call = scene.call(used.node);
    let own = scene.world.label(used.node, case.view).unwrap_or_default();
    let mut parts = Vec::new();
    if !own.is_empty() {
        parts.push(format!("{call} is labelled {}", words::categories(own)));
    }
    if !used.reach.direct_labels.is_empty() {
        parts.push(format!(
            "a signal that cites {call} is itself labelled {}",
            words::categories(used.reach.direct_labels)
        ));
    }
    let counts = facts_of(case, used).map(|facts| facts.sensitive).unwrap_or_default();
    let of_others = Categories(counts.0 & !own.0 & !used.reach.direct_labels.0);
    if !of_others.is_empty() {
        let what = words::categories(of_others);
        parts.push(format!("other turns of its conversation, which count for {call}, are labelled {what}"));
    }
    words::sentence(&format!("{}.", parts.join("; ")))
}

fn inherited(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let label = scene.world.label(used.node, case.view).unwrap_or_default();
    let way = way_through_signals(case, used.node);
    let mut text = format!("the {}", scene.item());
    for (place, &node) in way.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| scene.world.node(way[before]).kind);
        let verb = match before {
            None => " rests on ",
            Some(crate::fact::Kind::InteractionRecorded) => ", which carries along ",
            Some(_) => ", which rests on ",
        };
        text += &format!("{verb}{}", scene.call(node));
    }
    if !label.is_empty() {
        text += &format!(", which is labelled {}", words::categories(label));
    }
    let counts = facts_of(case, used).map(|facts| facts.inherited).unwrap_or_default();
    let rest = Categories(counts.0 & !label.0);
    if !rest.is_empty() {
        text += &format!("; on the way {} is inherited from signals or from the conversation", words::categories(rest));
    }
    words::sentence(&(text + "."))
}

/// The shortest way from the decision to a use that passes two signals at least; the use alone if there is none.
fn way_through_signals(case: &Case, target: NodeIx) -> Vec<NodeIx> {
    let scene = case.scene;
    let is_signal = |node: NodeIx| scene.world.node(node).kind == crate::fact::Kind::SignalDerived;
    let start = (scene.decision, 0u8);
    let mut before: BTreeMap<(NodeIx, u8), (NodeIx, u8)> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(state @ (node, passed)) = queue.pop_front() {
        if node == target && passed >= 2 {
            let mut way = vec![node];
            let mut at = state;
            while let Some(&earlier) = before.get(&at).filter(|&&earlier| earlier != start) {
                way.push(earlier.0);
                at = earlier;
            }
            way.reverse();
            return way;
        }
        let edges = &case.lineage.edges;
        let first = edges.partition_point(|&(from, _)| from < node);
        for &(_, to) in edges[first..].iter().take_while(|&&(from, _)| from == node) {
            let next = (to, (passed + u8::from(is_signal(to))).min(2));
            if next != start && !before.contains_key(&next) {
                before.insert(next, state);
                queue.push_back(next);
            }
        }
    }
    vec![target]
}

fn unlabelled(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let labels = scene.world.labels(used.node);
    let call = scene.call_first(used.node);
    match labels.iter().find(|label| !case.view.sees(label.moment)) {
        _ if scene.world.label(used.node, case.view).is_some() => {
            format!("Not every turn of the conversation of {} had a label.", scene.call(used.node))
        }
        Some(label) => format!("{call} had no label that counts here; one is of {}.", instant(label.moment.at)),
        None => format!("{call} was never labelled."),
    }
}

fn proxies(case: &Case) -> Vec<String> {
    let Some((params, used)) = case.params().zip(case.used) else {
        return Vec::new();
    };
    let scene = case.scene;
    let mut topics = case.lineage.topics(scene.world, case.lineage.gate(used.node));
    topics.sort_unstable_by_key(|&topic| scene.world.symbols.name(topic));
    let on_way = topics.into_iter().filter_map(|topic| {
        let category = params.proxy_topics.get(scene.world.symbols.name(topic))?;
        let (topic, call) = (scene.text(topic), scene.call(used.node));
        Some(format!(
            "A signal that rests on {call} has the topic “{topic}”, a known proxy for {}.",
            words::category(*category)
        ))
    });
    on_way.collect()
}

fn excluded_topics(case: &Case) -> Vec<String> {
    let Some(params) = case.params() else { return Vec::new() };
    let scene = case.scene;
    let excluded = |topic: &Sym| params.excluded_topics.contains(scene.world.symbols.name(*topic));
    let mut sentences = Vec::new();
    if let Some(used) = case.used {
        let topics = case.lineage.topics(scene.world, case.lineage.gate(used.node));
        let on_way: Vec<Sym> = topics.into_iter().filter(excluded).collect();
        if !on_way.is_empty() {
            let call = scene.call(used.node);
            sentences.push(format!("A signal that rests on {call} has the excluded topic {}.", scene.listed(on_way)));
        }
    }
    let of_item: Vec<Sym> = scene.body.topics.iter().copied().filter(excluded).collect();
    if !of_item.is_empty() {
        sentences.push(format!("The {} is about the excluded topic {}.", scene.item(), scene.quoted(of_item)));
    }
    sentences
}
