//! One decision with everything around it, and how its parts are called.

use super::evidence::{self, Evidence};
use super::words;
use crate::fact::{Instant, Kind, Reference, Time};
use crate::judge::{Judged, Judgement, VersionIx, version_of};
use crate::lineage::{self, Lineage};
use crate::symbols::Sym;
use crate::timeline::{AccountIx, Decision, NodeIx, View, World};
use std::collections::BTreeMap;

/// What every part of an explanation is made from.
pub struct Scene<'a> {
    pub world: &'a World,
    pub judgement: &'a Judgement,
    pub evidence: &'a Evidence,
    pub decision: NodeIx,
    pub body: &'a Decision,
    pub with_content: bool,
    /// The known view, then the true one.
    pub views: [View; 2],
    pub lineages: [Lineage; 2],
    /// How often an id stands for something here: one that stands for two things is said with its source.
    ids: BTreeMap<(Kind, String), u32>,
}

impl<'a> Scene<'a> {
    /// The scene of a decision whose body can still be read.
    pub fn new(
        world: &'a World,
        judgement: &'a Judgement,
        evidence: &'a Evidence,
        with_content: bool,
    ) -> Option<Scene<'a>> {
        let decision = judgement.decision;
        let body = world.decision(decision)?;
        let views = evidence::views(world, decision);
        let lineages = views.map(|view| lineage::trace(world, decision, view));
        let mut scene =
            Scene { world, judgement, evidence, decision, body, with_content, views, lineages, ids: BTreeMap::new() };
        for node in scene.nodes() {
            if let Some(name) = world.name(node) {
                *scene.ids.entry((world.node(node).kind, name.id)).or_default() += 1;
            }
        }
        Some(scene)
    }

    /// The decision and everything that is cited behind it in either view, ascending in seq.
    pub fn nodes(&self) -> Vec<NodeIx> {
        let edges = self.lineages.iter().flat_map(|lineage| lineage.edges.iter().map(|&(_, to)| to));
        let mut nodes: Vec<NodeIx> = std::iter::once(self.decision).chain(edges).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Both judgements, the known one first.
    pub fn judged(&self) -> [&'a Judged; 2] {
        [&self.judgement.known, &self.judgement.today]
    }

    /// A symbol's text, safe to show.
    pub fn text(&self, sym: Sym) -> String {
        words::clean(self.world.symbols.name(sym))
    }

    /// Symbols as `“a”, “b” and “c”`.
    pub fn quoted(&self, symbols: impl IntoIterator<Item = Sym>) -> String {
        words::list(&symbols.into_iter().map(|sym| format!("“{}”", self.text(sym))).collect::<Vec<_>>())
    }

    /// The same in the order of their names: symbols ascend as a world met them, and each holds others.
    pub fn listed(&self, symbols: impl IntoIterator<Item = Sym>) -> String {
        let mut symbols: Vec<Sym> = symbols.into_iter().collect();
        symbols.sort_unstable_by_key(|&sym| self.world.symbols.name(sym));
        self.quoted(symbols)
    }

    /// What an entry is called in a sentence: `chat i1`, `signal g1`, `the decision`.
    pub fn call(&self, ix: NodeIx) -> String {
        let node = self.world.node(ix);
        if ix == self.decision {
            return "the decision".to_owned();
        }
        let noun = self.world.interaction(ix).map_or(words::kind(node.kind), |body| words::interaction(body.agent));
        match self.world.name(ix) {
            None => format!("the erased {noun} of entry {}", node.seq),
            Some(name) if self.ids.get(&(node.kind, name.id.clone())).is_some_and(|&times| times > 1) => {
                format!("{noun} {}", words::clean(&name.to_string()))
            }
            Some(name) => format!("{noun} {}", words::clean(&name.id)),
        }
    }

    /// As [`Scene::call`], at the beginning of a sentence.
    pub fn call_first(&self, ix: NodeIx) -> String {
        words::sentence(&self.call(ix))
    }

    /// Several at once.
    pub fn call_all(&self, nodes: &[NodeIx]) -> String {
        const SHOWN: usize = 5;
        let mut names: Vec<String> = nodes.iter().take(SHOWN).map(|&node| self.call(node)).collect();
        if nodes.len() > SHOWN {
            names.push(format!("{} more", nodes.len() - SHOWN));
        }
        words::list(&names)
    }

    /// The account, `<app>/<id>`.
    pub fn account(&self, ix: AccountIx) -> String {
        let known = self.evidence.account(self.world.stream_of_account(ix)).map(words::clean);
        known.unwrap_or_else(|| "an erased account".to_owned())
    }

    /// When an entry happened.
    pub fn at(&self, ix: NodeIx) -> String {
        when(self.world.node(ix).at)
    }

    /// A version as `meta-ai-personalization, version 1`.
    pub fn version(&self, ix: VersionIx) -> String {
        let id = self.world.policies[ix.line as usize].id;
        format!("{}, version {}", self.text(id), self.text(version_of(self.world, ix).name))
    }

    /// True if the entry was recorded after the decision.
    pub fn came_later(&self, seq: u64) -> bool {
        seq > self.world.node(self.decision).seq
    }

    /// What the item is called: `ad`, `post`.
    pub fn item(&self) -> &'static str {
        words::item(self.body.item_kind, self.body.purpose)
    }
}

/// A time as it was written, and in UTC where that is another.
pub fn when(time: Time) -> String {
    if time.offset_s == 0 { time.to_string() } else { format!("{time} ({} in UTC)", Time::utc(time.at)) }
}

/// An instant in UTC.
pub fn instant(at: Instant) -> String {
    Time::utc(at).to_string()
}

/// A reference that leads nowhere.
pub fn missing(reference: &Reference) -> String {
    words::clean(&reference.to_string())
}
