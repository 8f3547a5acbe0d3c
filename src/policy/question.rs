//! What a policy is asked: the facts about a decision and one use, and the table of attributes through which both
//! Cedar and the memo read them.
//!
//! INVARIANT (one reader): Cedar's context and the memo's key are made from the same [`Attr::value`] calls, so two
//! questions with the same key show Cedar the same context, but for the few readings that `features` proves irrelevant.

use crate::fact::{AgeBand, Agent, Categories, Category, Instant, ItemKind, Microphone, Modality, Purpose};
use crate::symbols::Sym;
use std::sync::Arc;

/// The decision as a version sees it.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct DecisionFacts {
    pub app: Sym,
    pub purpose: Purpose,
    pub at: Instant,
    /// The regions that count under the version's `region_basis`.
    pub regions: Vec<Sym>,
    /// True if a region of it starts later than the decision.
    pub before_region_start: bool,
    pub item_kind: ItemKind,
    pub advertiser: Option<Sym>,
    pub campaign: Option<Sym>,
    pub creative: Option<Sym>,
    pub item_topics: Vec<Sym>,
}

/// The person: the decision's account and the accounts in its center, as one group.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PersonFacts {
    pub limited_topics: Vec<Sym>,
    pub see_less_topics: Vec<Sym>,
    pub advertiser_blocked: bool,
    pub gpc: bool,
    pub age: AgeBand,
    pub opt_out_requested: bool,
    pub consents: Vec<Sym>,
}

/// One interaction behind the decision.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct UseFacts {
    pub app: Sym,
    pub own: bool,
    pub linked_at_use: bool,
    pub linked_at_decision: bool,
    pub agent: Agent,
    pub modality: Modality,
    pub at: Instant,
    /// The version's `use_from`, read in the interaction's offset under `subject_local`.
    pub use_from: Instant,
    pub regions: Vec<Sym>,
    pub before_region_start: bool,
    pub labelled: bool,
    pub sensitive: Categories,
    pub inherited: Categories,
    pub topics: Arc<[Sym]>,
    pub microphone: Microphone,
    pub notice: NoticeFacts,
    pub erased: bool,
}

/// The notices for the policy that count for one use.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct NoticeFacts {
    pub last_delivered_at: Option<Instant>,
    /// Channels with any status but `queued` and none that reached the person, one bit a [`crate::fact::Channel`].
    pub undelivered_channels: u8,
    pub sha256: Vec<Sym>,
}

/// One question: `use_signal` with a use, `show` without.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Question<'a> {
    pub decision: &'a DecisionFacts,
    pub person: &'a PersonFacts,
    pub use_facts: Option<&'a UseFacts>,
}

/// What an attribute reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reading<'a> {
    Absent,
    Bool(bool),
    Text(Sym),
    Name(&'static str),
    Symbols(&'a [Sym]),
    Categories(Categories),
    Channels(u8),
    /// Milliseconds since the epoch.
    Time(i64),
}

/// Lists every attribute with its path and reader.
macro_rules! attributes {
    ($($attr:ident $path:literal $read:expr;)+) => {
        /// An attribute of the context that varies from question to question.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Attr { $($attr),+ }

        impl Attr {
            /// All of them.
            pub const ALL: &'static [Attr] = &[$(Attr::$attr),+];

            /// The path below `context`.
            pub const fn path(self) -> &'static str {
                match self { $(Attr::$attr => $path),+ }
            }

            /// What it reads in `question`; [`Reading::Absent`] for attributes of a use where there is none.
            pub fn value<'a>(self, question: &Question<'a>) -> Reading<'a> {
                match self { $(Attr::$attr => { let read: fn(&Question<'a>) -> Reading<'a> = $read; read(question) })+ }
            }
        }
    };
}

use Reading::*;

fn of_use<'a>(question: &Question<'a>, read: impl Fn(&'a UseFacts) -> Reading<'a>) -> Reading<'a> {
    question.use_facts.map_or(Absent, read)
}

fn optional<'a>(sym: Option<Sym>) -> Reading<'a> {
    sym.map_or(Absent, Text)
}

fn evidence<'a>(known: Option<bool>) -> Reading<'a> {
    known.map_or(Absent, Bool)
}

attributes! {
    DecisionApp "decision.app" |q| Text(q.decision.app);
    DecisionPurpose "decision.purpose" |q| Name(q.decision.purpose.name());
    DecisionAt "decision.occurred_at" |q| Time(q.decision.at.ms_floor());
    DecisionRegions "decision.regions" |q| Symbols(&q.decision.regions);
    DecisionBeforeRegionStart "decision.before_region_start" |q| Bool(q.decision.before_region_start);
    ItemKindName "item.kind" |q| Name(q.decision.item_kind.name());
    Advertiser "item.advertiser" |q| optional(q.decision.advertiser);
    Campaign "item.campaign" |q| optional(q.decision.campaign);
    Creative "item.creative" |q| optional(q.decision.creative);
    ItemTopics "item.topics" |q| Symbols(&q.decision.item_topics);
    LimitedTopics "person.limited_topics" |q| Symbols(&q.person.limited_topics);
    SeeLessTopics "person.see_less_topics" |q| Symbols(&q.person.see_less_topics);
    AdvertiserBlocked "person.advertiser_blocked" |q| Bool(q.person.advertiser_blocked);
    Gpc "person.gpc" |q| Bool(q.person.gpc);
    Age "person.age" |q| Name(q.person.age.name());
    OptOutRequested "person.opt_out_requested" |q| Bool(q.person.opt_out_requested);
    Consents "person.consents" |q| Symbols(&q.person.consents);
    UseApp "use.app" |q| of_use(q, |u| Text(u.app));
    UseOwn "use.own" |q| of_use(q, |u| Bool(u.own));
    LinkedAtUse "use.linked_at_use" |q| of_use(q, |u| Bool(u.linked_at_use));
    LinkedAtDecision "use.linked_at_decision" |q| of_use(q, |u| Bool(u.linked_at_decision));
    UseAgent "use.agent" |q| of_use(q, |u| Name(u.agent.name()));
    UseModality "use.modality" |q| of_use(q, |u| Name(u.modality.name()));
    UseAt "use.occurred_at" |q| of_use(q, |u| Time(u.at.ms_floor()));
    UseBy "use.occurred_by" |q| of_use(q, |u| Time(u.at.ms_ceil()));
    UseFrom "use.use_from" |q| of_use(q, |u| Time(u.use_from.ms_floor()));
    UseRegions "use.regions" |q| of_use(q, |u| Symbols(&u.regions));
    UseBeforeRegionStart "use.before_region_start" |q| of_use(q, |u| Bool(u.before_region_start));
    Labelled "use.labelled" |q| of_use(q, |u| Bool(u.labelled));
    Sensitive "use.sensitive" |q| of_use(q, |u| Reading::Categories(u.sensitive));
    Inherited "use.inherited" |q| of_use(q, |u| Reading::Categories(u.inherited));
    UseTopics "use.topics" |q| of_use(q, |u| Symbols(&u.topics));
    MicrophonePermission "use.microphone.permission" |q| of_use(q, |u| evidence(u.microphone.permission));
    MicrophoneFeature "use.microphone.feature_active" |q| of_use(q, |u| evidence(u.microphone.feature_active));
    MicrophoneIndicator "use.microphone.indicator" |q| of_use(q, |u| evidence(u.microphone.indicator));
    NoticeDelivered "use.notice.delivered" |q| of_use(q, |u| Bool(u.notice.last_delivered_at.is_some()));
    NoticeLastDelivered "use.notice.last_delivered_at" |q| of_use(q, |u| u.notice.last_delivered_at.map_or(Absent, |at| Time(at.ms_floor())));
    NoticeUndelivered "use.notice.undelivered_channels" |q| of_use(q, |u| Channels(u.notice.undelivered_channels));
    NoticeSha256 "use.notice.sha256" |q| of_use(q, |u| Symbols(&u.notice.sha256));
    Erased "use.erased" |q| of_use(q, |u| Bool(u.erased));
}

/// The names of a set of categories.
pub(super) fn category_names(set: Categories) -> impl Iterator<Item = &'static str> {
    set.iter().map(Category::name)
}

/// The names of a set of channels, one bit each.
pub(super) fn channel_names(bits: u8) -> impl Iterator<Item = &'static str> {
    let names = crate::fact::Channel::NAMES.iter().enumerate();
    names.filter(move |(bit, _)| bits & (1 << bit) != 0).map(|(_, name)| *name)
}
