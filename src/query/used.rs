//! The uses behind one decision, flat: what the judge saw of each, before any version's own parameters.
//!
//! What a parameter changes (the region basis, days of grace after an unlink, labels by whole conversations) is not
//! applied: a use is judged by several versions, which need not agree on them.

use crate::fact::{Agent, Categories, Instant, Modality, Time};
use crate::judge::{Judged, facts, version_of};
use crate::lineage::{Lineage, Use, trace};
use crate::symbols::Sym;
use crate::timeline::{NodeIx, View, World};

/// One use, in one view. What an erasure destroyed is `None`, or empty.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct UseRow<'a> {
    pub seq: u64,
    pub name: Option<(&'a str, &'a str)>,
    pub account: Option<&'a str>,
    pub app: Option<&'a str>,
    pub at: Time,
    pub recorded: Instant,
    pub agent: Option<Agent>,
    pub modality: Option<Modality>,
    pub conversation: Option<&'a str>,
    pub region: Option<&'a str>,
    pub device_region: Option<&'a str>,
    /// The decision's own account.
    pub own: bool,
    /// In one center with the decision's account when the use happened, and at the decision.
    pub linked_at_use: bool,
    pub linked_at_decision: bool,
    pub labelled: bool,
    /// On its label, and as own labels of signals that reach it without passing another.
    pub sensitive: Categories,
    /// Reached through one signal from another: its label, and the own labels of every signal on that way.
    pub inherited: Categories,
    /// Of every signal on the way, ascending.
    pub topics: Vec<&'a str>,
    /// The latest notice that reached the person before the use, about a policy that judged it.
    pub notified: Option<Instant>,
    /// Its account was erased after it and before the decision.
    pub erased: bool,
    /// The versions (policy, version) that judged it, sorted.
    pub versions: Vec<(&'a str, &'a str)>,
}

/// Every use of `decision` in `view`, ascending in seq; `judged` is the verdict in that view. None where the decision's
/// own body was destroyed, since then nothing else was judged.
pub fn uses<'a>(world: &'a World, decision: NodeIx, view: View, judged: &Judged) -> Vec<UseRow<'a>> {
    if world.decision(decision).is_none() {
        return Vec::new();
    }
    let lineage = trace(world, decision, view);
    lineage.uses.iter().map(|used| row(world, (decision, view, judged), &lineage, used)).collect()
}

fn row<'a>(
    world: &'a World,
    (decision, view, judged): (NodeIx, View, &Judged),
    lineage: &Lineage,
    used: &Use,
) -> UseRow<'a> {
    let (node, by) = (world.node(used.node), world.node(decision).account);
    let name = |sym: Option<Sym>| sym.map(|sym| world.symbols.name(sym));
    let body = world.interaction(used.node);
    let account = body.map(|_| world.account(node.account));
    let label = world.label(used.node, view);
    let reach = &used.reach;
    let with_label =
        |is: bool, own: Categories| if is { label.unwrap_or_default().union(own) } else { Categories::default() };
    let versions = judged.versions_of(used.node);
    let about = versions.iter().map(|ix| world.policies[ix.line as usize].id);
    let notices = about.map(|policy| facts::of_notices(world, used.node, policy, view).last_delivered_at);
    let mut names: Vec<(&str, &str)> = versions
        .iter()
        .map(|&ix| {
            let policy = world.symbols.name(world.policies[ix.line as usize].id);
            (policy, world.symbols.name(version_of(world, ix).name))
        })
        .collect();
    names.sort_unstable();
    UseRow {
        seq: node.seq,
        name: world.name_of(used.node),
        account: account.and_then(|account| account.subject.as_deref()),
        app: account.and_then(|account| name(account.app)),
        at: node.at,
        recorded: node.recorded,
        agent: body.map(|body| body.agent),
        modality: body.map(|body| body.modality),
        conversation: body.map(|body| world.symbols.name(body.conversation)),
        region: name(body.and_then(|body| body.region)),
        device_region: name(body.and_then(|body| body.device_region)),
        own: node.account == by,
        linked_at_use: world.linked_at(by, node.account, view, node.moment()),
        linked_at_decision: world.linked_at(by, node.account, view, view.decision),
        labelled: label.is_some(),
        sensitive: with_label(reach.straight || reach.direct, reach.direct_labels),
        inherited: with_label(reach.through, reach.through_labels),
        topics: lineage.topics(world, lineage.gate(used.node)).into_iter().map(|sym| world.symbols.name(sym)).collect(),
        notified: notices.max().flatten(),
        erased: facts::erased_between(world, used.node, view),
        versions: names,
    }
}
