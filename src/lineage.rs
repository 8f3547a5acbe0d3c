//! From a decision's signals down to its uses: the transitive closure over sources and carried context.
//!
//! Everything that is reached is followed, in the view or not, faulty or not; what is faulty is noted beside it. Only
//! whole conversations depend on the view. The walk is iterative and ends on any input, cycles included.

mod ways;

pub use ways::Gate;

use crate::fact::{Categories, Kind, Reference};
use crate::symbols::Sym;
use crate::timeline::{LinkTo, NodeIx, View, World};
use std::collections::{BTreeMap, BTreeSet};
use ways::Ways;

/// How a use was reached, over all ways to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// True if some way passes no signal at all, which is a fault.
    pub straight: bool,
    /// True if some way passes one signal and no second.
    pub direct: bool,
    /// Own labels of the decision's signals that reach it so.
    pub direct_labels: Categories,
    /// True if some way passes from one signal through another.
    pub through: bool,
    /// Own labels of every signal on such ways.
    pub through_labels: Categories,
}

/// An interaction behind a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The interaction.
    pub node: NodeIx,
    /// How it was reached.
    pub reach: Reach,
}

/// What is wrong with a lineage at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A reference that was never resolved; the reference, if the body that held it can still be read.
    Unresolved(NodeIx, Option<Reference>),
    /// The first cites the second, which is of a kind that it cannot rest on.
    WrongKind(NodeIx, NodeIx),
    /// The first cites the second, which happened later.
    Later(NodeIx, NodeIx),
    /// A signal that rests on nothing.
    NoSources(NodeIx),
    /// A signal that rests on a conversation of which the view holds no turn.
    NoTurns(NodeIx),
}

impl Fault {
    /// What cites wrongly.
    pub fn citing(&self) -> NodeIx {
        match *self {
            Fault::Unresolved(citing, _) | Fault::WrongKind(citing, _) | Fault::Later(citing, _) => citing,
            Fault::NoSources(signal) | Fault::NoTurns(signal) => signal,
        }
    }
}

/// Everything behind a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The interactions, ascending in seq.
    pub uses: Vec<Use>,
    /// Every signal, ascending in seq.
    pub signals: Vec<NodeIx>,
    /// Everything that is wrong, sorted.
    pub faults: Vec<Fault>,
    /// Signals that rest on whole conversations, ascending in seq.
    pub by_conversation: Vec<NodeIx>,
    /// Every edge followed, from what cites to what is cited, sorted.
    pub edges: Vec<(NodeIx, NodeIx)>,
    ways: Ways,
}

impl Lineage {
    /// The gate of something reached: with equal gates the topics are the same.
    pub fn gate(&self, node: NodeIx) -> Gate {
        self.ways.gate(node)
    }

    /// The topics of every signal on any way through a gate, ascending.
    pub fn topics(&self, world: &World, gate: Gate) -> Vec<Sym> {
        self.ways.topics(world, gate)
    }
}

/// Follows the lineage of `decision` in `view`.
pub fn trace(world: &World, decision: NodeIx, view: View) -> Lineage {
    let mut walk =
        Walk { world, view, reached: BTreeMap::new(), pending: BTreeSet::new(), lineage: Lineage::default() };
    walk.leave(decision, &Reach { straight: true, ..Reach::default() });
    // The latest first: an entry cites earlier ones, so each is left once all that cite it were; only turns of whole
    // conversations may come again.
    while let Some(node) = walk.pending.pop_last() {
        let reach = walk.reached[&node];
        walk.leave(node, &reach);
    }
    walk.finish()
}

struct Walk<'a> {
    world: &'a World,
    view: View,
    reached: BTreeMap<NodeIx, Reach>,
    pending: BTreeSet<NodeIx>,
    lineage: Lineage,
}

impl Walk<'_> {
    /// Passes on to everything that `node` cites.
    fn leave(&mut self, node: NodeIx, reach: &Reach) {
        let passed = self.pass(node, reach);
        for link in self.world.links(node) {
            match *link {
                LinkTo::Unresolved(number) => {
                    let reference = number.map(|number| self.world.unresolved(number).clone());
                    self.lineage.faults.push(Fault::Unresolved(node, reference));
                }
                LinkTo::Node(target) => {
                    self.check(node, target);
                    self.reach(node, target, &passed);
                }
            }
        }
        if let Some(signal) = self.world.signal(node) {
            if self.world.links(node).is_empty() && signal.conversations.is_empty() {
                self.lineage.faults.push(Fault::NoSources(node));
            }
            for &conversation in &signal.conversations {
                self.reach_turns(node, conversation, &passed);
            }
        }
    }

    /// What a way has gathered after passing `node`.
    fn pass(&self, node: NodeIx, reach: &Reach) -> Reach {
        if self.world.node(node).kind != Kind::SignalDerived {
            return *reach;
        }
        let label = self.world.signal(node).map(|signal| signal.sensitive).unwrap_or_default();
        let mut passed = Reach::default();
        if reach.direct || reach.through {
            passed.through = true;
            passed.through_labels = reach.direct_labels.union(reach.through_labels).union(label);
        }
        if reach.straight {
            passed.direct = true;
            passed.direct_labels = label;
        }
        passed
    }

    fn check(&mut self, from: NodeIx, to: NodeIx) {
        let (citing, cited) = (self.world.node(from), self.world.node(to));
        let right = match citing.kind {
            Kind::DecisionMade => cited.kind == Kind::SignalDerived,
            Kind::SignalDerived => {
                matches!(cited.kind, Kind::SignalDerived | Kind::InteractionRecorded | Kind::ActivityRecorded)
            }
            _ => cited.kind == Kind::InteractionRecorded,
        };
        if !right {
            self.lineage.faults.push(Fault::WrongKind(from, to));
        }
        if cited.at.at > citing.at.at {
            self.lineage.faults.push(Fault::Later(from, to));
        }
    }

    fn reach(&mut self, from: NodeIx, to: NodeIx, passed: &Reach) {
        self.lineage.edges.push((from, to));
        if !matches!(self.world.node(to).kind, Kind::SignalDerived | Kind::InteractionRecorded) {
            return;
        }
        match self.reached.get_mut(&to) {
            None => drop(self.reached.insert(to, *passed)),
            Some(known) => {
                if !known.absorb(passed) {
                    return;
                }
            }
        }
        self.pending.insert(to);
    }

    /// The turns that the view holds, up to the signal.
    fn reach_turns(&mut self, signal: NodeIx, conversation: Sym, passed: &Reach) {
        let bound = self.world.node(signal).moment();
        let turns: Vec<NodeIx> = self
            .world
            .turns(conversation)
            .iter()
            .copied()
            .filter(|&turn| {
                let moment = self.world.node(turn).moment();
                moment < bound && self.view.sees(moment)
            })
            .collect();
        self.lineage.by_conversation.push(signal);
        if turns.is_empty() {
            self.lineage.faults.push(Fault::NoTurns(signal));
        }
        for turn in turns {
            self.reach(signal, turn, passed);
        }
    }

    fn finish(mut self) -> Lineage {
        self.lineage.edges.sort_unstable();
        self.lineage.edges.dedup();
        self.lineage.ways = Ways::new(self.world, self.reached.keys().copied(), &self.lineage.edges);
        for (node, reach) in self.reached {
            match self.world.node(node).kind {
                Kind::SignalDerived => self.lineage.signals.push(node),
                _ => self.lineage.uses.push(Use { node, reach }),
            }
        }
        let lineage = &mut self.lineage;
        lineage.faults.sort_unstable();
        lineage.faults.dedup();
        lineage.by_conversation.sort_unstable();
        lineage.by_conversation.dedup();
        self.lineage
    }
}

impl Reach {
    /// Adds another way; true if that told anything new.
    fn absorb(&mut self, other: &Reach) -> bool {
        let before = *self;
        self.straight |= other.straight;
        self.direct |= other.direct;
        self.direct_labels = self.direct_labels.union(other.direct_labels);
        self.through |= other.through;
        self.through_labels = self.through_labels.union(other.through_labels);
        *self != before
    }
}
