//! The ways to an interaction, and the topics of the signals on them.
//!
//! Topics are gathered when they are asked for: on a long chain every step has others, and a list at each of them would
//! cost the square of its length. INVARIANT (gate): every way to a node passes its gate, and between the two there is
//! no signal; so nodes with one gate have one list, however many they are.

use crate::fact::Kind;
use crate::symbols::Sym;
use crate::timeline::{NodeIx, World};
use std::collections::BTreeSet;

/// Where all ways to a node come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// The decision itself, or nothing.
    Open,
    /// The one signal that is passed last.
    Signal(NodeIx),
    /// More than one thing: those that cite this node.
    Fork(NodeIx),
}

/// The edges of a lineage, backwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// What is cited and what cites it, sorted.
    back: Vec<(NodeIx, NodeIx)>,
    /// Everything reached, ascending, with its gate.
    gates: Vec<(NodeIx, Gate)>,
}

impl Ways {
    /// Over everything `reached`, ascending, by `edges` from what cites to what is cited.
    pub fn new(world: &World, reached: impl Iterator<Item = NodeIx>, edges: &[(NodeIx, NodeIx)]) -> Ways {
        let mut back: Vec<(NodeIx, NodeIx)> = edges.iter().map(|&(citing, cited)| (cited, citing)).collect();
        back.sort_unstable();
        let gates = reached.map(|node| (node, Gate::Fork(node))).collect();
        let mut ways = Ways { back, gates };
        // The latest first: what cites was mostly recorded later, and has its gate by then. What cites from before, as
        // a signal may cite a later turn of a conversation, leaves a fork: that is always right.
        for place in (0..ways.gates.len()).rev() {
            let node = ways.gates[place].0;
            ways.gates[place].1 = ways.narrowest(world, node);
        }
        ways
    }

    fn narrowest(&self, world: &World, node: NodeIx) -> Gate {
        let mut through = None;
        for citing in self.citing(node) {
            let gate = self.behind(world, citing);
            if citing < node && gate != Gate::Open || through.is_some_and(|other| other != gate) {
                return Gate::Fork(node);
            }
            through = Some(gate);
        }
        through.unwrap_or(Gate::Open)
    }

    fn citing(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        let first = self.back.partition_point(|&(cited, _)| cited < node);
        self.back[first..].iter().take_while(move |&&(cited, _)| cited == node).map(|&(_, citing)| citing)
    }

    /// The gate of a way that has just passed `citing`.
    fn behind(&self, world: &World, citing: NodeIx) -> Gate {
        match world.node(citing).kind {
            Kind::SignalDerived => Gate::Signal(citing),
            Kind::InteractionRecorded => self.gate(citing),
            _ => Gate::Open,
        }
    }

    /// The gate of a node that was reached.
    pub fn gate(&self, node: NodeIx) -> Gate {
        let place = self.gates.binary_search_by_key(&node, |&(other, _)| other);
        place.map_or(Gate::Open, |place| self.gates[place].1)
    }

    /// The topics of every signal behind a gate, ascending.
    pub fn topics(&self, world: &World, gate: Gate) -> Vec<Sym> {
        let (mut topics, mut pending, mut passed) = (Vec::new(), vec![gate], BTreeSet::new());
        while let Some(gate) = pending.pop() {
            if !passed.insert(gate) {
                continue;
            }
            match gate {
                Gate::Open => {}
                Gate::Signal(node) => {
                    topics.extend(world.signal(node).map(|signal| signal.topic));
                    pending.push(self.gate(node));
                }
                Gate::Fork(node) => pending.extend(self.citing(node).map(|citing| self.behind(world, citing))),
            }
        }
        topics.sort_unstable();
        topics.dedup();
        topics
    }
}
