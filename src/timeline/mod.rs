//! The fold: what the ledger's entries say, arranged so that the state as of any decision can be read in either view.
//!
//! A [`World`] takes entries in the order of seq, all of them or every one that a decision can depend on, and then
//! answers. It holds no view of its own: each question carries a [`View`], so one world serves every decision.
//!
//! INVARIANT (order): nodes ascend in seq, what came late as well; events, labels, turns and versions ascend in
//! [`Moment`] once [`World::finish`] ran.

mod account;
mod build;
mod many;
mod place;
mod policies;
mod room;

pub(crate) use account::center_at;
pub use account::{AccountLine, Event, What};
pub use policies::{PolicyLine, Version};
pub use room::Room;

use crate::fact::*;
use crate::symbols::{Strings, Sym, Symbols};
use foldhash::HashMap;
use many::Many;
use std::ops::Range;

/// What counts for one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The decision's own moment.
    pub decision: Moment,
    /// True for what the ledger knew; false for what is known today.
    pub known: bool,
}

impl View {
    /// True if something that happened at `moment` belongs to the view.
    pub fn sees(&self, moment: Moment) -> bool {
        moment < self.decision && (!self.known || moment.seq < self.decision.seq)
    }

    /// True if a policy version adopted at `seq` belongs to the view, whenever it takes force.
    pub fn sees_version(&self, seq: u64) -> bool {
        !self.known || seq < self.decision.seq
    }
}

/// An entry's place in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub(crate) u32);

/// An account's place in the world: one incarnation, from its first entry to an erasure of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountIx(pub(crate) u32);

/// An Accounts Center's place in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CenterIx(pub(crate) u32);

/// An entry as the judge needs it.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Node {
    pub seq: u64,
    pub at: Time,
    pub recorded: Instant,
    pub account: AccountIx,
    pub kind: Kind,
    /// What the kind's table holds of it; `None` where the body was destroyed.
    pub slot: Option<u32>,
    links: Range<u32>,
}

impl Node {
    /// Its place in time.
    pub fn moment(&self) -> Moment {
        Moment { at: self.at.at, seq: self.seq }
    }

    /// True if an erasure of everything destroyed its body.
    pub fn is_destroyed(&self) -> bool {
        self.slot.is_none()
    }
}

/// What a world takes of an entry's header, beside what it cites.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Stub {
    pub seq: u64,
    pub kind: Kind,
    pub at: Time,
    pub recorded: Instant,
    pub stream: crate::codec::StreamId,
}

/// Where a reference leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTo {
    /// To an entry.
    Node(NodeIx),
    /// To nothing that was recorded in time; the reference as given, where the body still says it.
    Unresolved(Option<u32>),
}

/// An interaction's body.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Interaction {
    pub agent: Agent,
    pub modality: Modality,
    pub conversation: Sym,
    pub region: Option<Sym>,
    pub device_region: Option<Sym>,
    pub microphone: Microphone,
}

/// A signal's body.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Signal {
    pub topic: Sym,
    pub sensitive: Categories,
    pub conversations: Box<[Sym]>,
}

/// A decision's body.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Decision {
    pub purpose: Purpose,
    pub outcome: Outcome,
    pub item_kind: ItemKind,
    pub advertiser: Option<Sym>,
    pub campaign: Option<Sym>,
    pub creative: Option<Sym>,
    pub topics: Box<[Sym]>,
    pub region: Option<Sym>,
    pub device_region: Option<Sym>,
    pub cited: Option<(Sym, Sym)>,
}

/// A label on an interaction.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// When it was given.
    pub moment: Moment,
    /// Its sensitive categories; `None` where its body was destroyed.
    pub sensitive: Option<Categories>,
}

/// Everything that decisions are judged by.
#[derive(Default)]
pub struct World {
    /// The strings of this world.
    pub symbols: Symbols,
    /// The policies, in the order of their first adoption.
    pub policies: Vec<PolicyLine>,
    nodes: Vec<Node>,
    links: Vec<LinkTo>,
    unresolved: Vec<Reference>,
    interactions: Vec<Interaction>,
    signals: Vec<Signal>,
    decisions: Vec<Decision>,
    sources: Vec<Sym>,
    ids: Strings,
    accounts: Vec<AccountLine>,
    by_stream: HashMap<crate::codec::StreamId, AccountIx>,
    centers: Vec<Vec<AccountIx>>,
    by_center: HashMap<Sym, CenterIx>,
    turns: Many<Sym, NodeIx>,
    labels: Many<NodeIx, Label>,
    /// Where the labels of each node begin, and where the last end: a use is asked for its labels several times.
    label_starts: Vec<u32>,
    /// Every policy as it was adopted, where others stand in their place: what a decision cites is held to these.
    pub(crate) adopted: Option<Vec<PolicyLine>>,
    latest_decision: Option<Instant>,
}

impl World {
    /// The node of an entry, if the world holds it.
    pub fn locate(&self, seq: u64) -> Option<NodeIx> {
        let first = self.nodes.first()?.seq;
        let guess = usize::try_from(seq.checked_sub(first)?).ok()?;
        if self.nodes.get(guess).is_some_and(|node| node.seq == seq) {
            return Some(NodeIx(guess as u32));
        }
        place::place(&self.nodes, |node| node.seq, seq).map(|ix| NodeIx(ix as u32))
    }

    /// An entry.
    pub fn node(&self, ix: NodeIx) -> &Node {
        &self.nodes[ix.0 as usize]
    }

    /// Every entry, in seq order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIx> + use<> {
        (0..self.nodes.len() as u32).map(NodeIx)
    }

    /// Every decision, in seq order, destroyed ones included.
    pub fn decisions(&self) -> impl Iterator<Item = NodeIx> + '_ {
        let all = self.nodes.iter().enumerate();
        all.filter(|(_, node)| node.kind == Kind::DecisionMade).map(|(ix, _)| NodeIx(ix as u32))
    }

    /// Where an entry's references lead, in the order of its body.
    pub fn links(&self, ix: NodeIx) -> &[LinkTo] {
        let range = &self.node(ix).links;
        &self.links[range.start as usize..range.end as usize]
    }

    /// The reference behind a [`LinkTo::Unresolved`].
    pub fn unresolved(&self, number: u32) -> &Reference {
        &self.unresolved[number as usize]
    }

    /// The interaction's body, if it is one and still readable.
    pub fn interaction(&self, ix: NodeIx) -> Option<&Interaction> {
        let node = self.node(ix);
        (node.kind == Kind::InteractionRecorded).then_some(())?;
        Some(&self.interactions[node.slot? as usize])
    }

    /// The signal's body, if it is one and still readable.
    pub fn signal(&self, ix: NodeIx) -> Option<&Signal> {
        let node = self.node(ix);
        (node.kind == Kind::SignalDerived).then_some(())?;
        Some(&self.signals[node.slot? as usize])
    }

    /// The decision's body, if it is one and still readable.
    pub fn decision(&self, ix: NodeIx) -> Option<&Decision> {
        let node = self.node(ix);
        (node.kind == Kind::DecisionMade).then_some(())?;
        Some(&self.decisions[node.slot? as usize])
    }

    /// Source and id of the fact, unless its body was destroyed.
    pub fn name_of(&self, ix: NodeIx) -> Option<(&str, &str)> {
        let place = ix.0 as usize;
        (!self.node(ix).is_destroyed()).then(|| (self.symbols.name(self.sources[place]), self.ids.at(place)))
    }

    /// The identity of the fact, unless its body was destroyed.
    pub fn name(&self, ix: NodeIx) -> Option<FactId> {
        self.name_of(ix).map(|(source, id)| FactId { source: source.to_owned(), id: id.to_owned() })
    }

    /// The turns of a conversation, ascending in time.
    pub fn turns(&self, conversation: Sym) -> &[NodeIx] {
        self.turns.of(conversation)
    }

    /// The labels of an interaction, ascending in time.
    pub fn labels(&self, ix: NodeIx) -> &[Label] {
        let place = ix.0 as usize;
        match self.label_starts.get(place..place + 2) {
            Some(&[start, end]) => &self.labels.values()[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The label that counts in `view`: the latest that can still be read.
    pub fn label(&self, ix: NodeIx, view: View) -> Option<Categories> {
        self.labels(ix).iter().rev().filter(|label| view.sees(label.moment)).find_map(|label| label.sensitive)
    }

    /// True if the latest label in `view` was destroyed.
    pub fn label_is_destroyed(&self, ix: NodeIx, view: View) -> bool {
        self.labels(ix)
            .iter()
            .rev()
            .find(|label| view.sees(label.moment))
            .is_some_and(|label| label.sensitive.is_none())
    }

    /// An account's line.
    pub fn account(&self, ix: AccountIx) -> &AccountLine {
        &self.accounts[ix.0 as usize]
    }

    /// The account of a stream, if the world holds an entry of it.
    pub(crate) fn account_of_stream(&self, stream: crate::codec::StreamId) -> Option<AccountIx> {
        self.by_stream.get(&stream).copied()
    }

    /// The stream of an account.
    pub(crate) fn stream_of_account(&self, ix: AccountIx) -> crate::codec::StreamId {
        self.account(ix).stream
    }

    /// The center that an account is in just before `bound`.
    pub fn center_at(&self, account: AccountIx, view: View, bound: Moment) -> Option<CenterIx> {
        self.account(account).center_at(view, bound)
    }

    /// The account and every other one in its center just before `bound`, ascending.
    pub fn group_at(&self, account: AccountIx, view: View, bound: Moment) -> Vec<AccountIx> {
        let Some(center) = self.center_at(account, view, bound) else { return vec![account] };
        let ever = self.centers[center.0 as usize].iter().copied();
        ever.filter(|&member| self.center_at(member, view, bound) == Some(center)).collect()
    }

    /// True if an entry that came late for `decision` is in the account's stream or in that of any account that was ever
    /// linked to a center that this one was ever linked to.
    pub fn has_late_neighbour(&self, account: AccountIx, decision: Moment) -> bool {
        let has_late = |ix: AccountIx| self.account(ix).has_late(decision);
        let centers = self.account(account).events().iter().filter_map(|event| match event.what {
            What::Linked(center) | What::Unlinked(center) => Some(center),
            _ => None,
        });
        has_late(account) || centers.flat_map(|center| &self.centers[center.0 as usize]).any(|&member| has_late(member))
    }

    /// True if both accounts are one, or in one center just before `bound`.
    pub fn linked_at(&self, a: AccountIx, b: AccountIx, view: View, bound: Moment) -> bool {
        a == b || self.center_at(a, view, bound).is_some_and(|center| self.center_at(b, view, bound) == Some(center))
    }

    /// True if both accounts are one, or have a link to one center that counts at the decision: one that is there, or
    /// ended less than `days` before.
    pub fn linked_within(&self, a: AccountIx, b: AccountIx, view: View, days: u32) -> bool {
        if a == b || days == 0 {
            return self.linked_at(a, b, view, view.decision);
        }
        let since = view.decision.at.plus_seconds(-86_400 * i64::from(days));
        let other = self.account(b).centers_since(view, since);
        self.account(a).centers_since(view, since).iter().any(|center| other.contains(center))
    }
}
