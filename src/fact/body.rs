//! The bodies: one struct a fact type, as `docs/format.md` lists them. `S` is what holds a text: `String`, or `&str` where a
//! body is read in the bytes that it stands in.

use super::attested::VerdictAttested;
use super::wire_enum::wire_enum;
use super::{Categories, Digest, Reference, Region, Source, Time};
use bincode::{Decode, Encode};

wire_enum!(
    /// What kind of fact: the CloudEvents `type`.
    Kind {
        PolicyAdopted = "inforce.policy.adopted",
        NoticeRecorded = "inforce.notice.recorded",
        AccountLinked = "inforce.account.linked",
        AccountUnlinked = "inforce.account.unlinked",
        PreferenceChanged = "inforce.preference.changed",
        ConsentRecorded = "inforce.consent.recorded",
        AgeObserved = "inforce.age.observed",
        PermissionChanged = "inforce.permission.changed",
        ControlRequested = "inforce.control.requested",
        InteractionRecorded = "inforce.interaction.recorded",
        ActivityRecorded = "inforce.activity.recorded",
        InteractionLabelled = "inforce.interaction.labelled",
        SignalDerived = "inforce.signal.derived",
        DecisionMade = "inforce.decision.made",
        SubjectErased = "inforce.subject.erased",
        VerdictAttested = "inforce.verdict.attested",
    }
);

impl Kind {
    /// True if an account's key seals the body. The others are open: a policy is public, and an erasure and an attested
    /// verdict must be readable after the keys are gone.
    pub fn is_sealed(self) -> bool {
        !matches!(self, Kind::PolicyAdopted | Kind::SubjectErased | Kind::VerdictAttested)
    }

    /// The kinds that others may send. A verdict is attested by the engine that judged, and by nobody else.
    pub fn on_the_wire() -> &'static [&'static str] {
        &Kind::NAMES[..Kind::VerdictAttested as usize]
    }
}

wire_enum!(
    /// Whether a policy permits (platform) or only restricts (overlay).
    Role { Platform = "platform", Overlay = "overlay" }
);

wire_enum!(
    /// How a notice was sent.
    Channel { InProduct = "in_product", Email = "email", Signup = "signup" }
);

wire_enum!(
    /// How far a notice came.
    NoticeStatus {
        Queued = "queued",
        Sent = "sent",
        Delivered = "delivered",
        Displayed = "displayed",
        Acknowledged = "acknowledged",
        Bounced = "bounced",
    }
);

impl NoticeStatus {
    /// True if the notice reached the person.
    pub fn reached(self) -> bool {
        matches!(self, NoticeStatus::Delivered | NoticeStatus::Displayed | NoticeStatus::Acknowledged)
    }
}

wire_enum!(
    /// Which preference changed.
    Control {
        TopicLimit = "ads.topic.limit",
        TopicUnlimit = "ads.topic.unlimit",
        AdvertiserBlock = "ads.advertiser.block",
        AdvertiserUnblock = "ads.advertiser.unblock",
        FeedSeeLess = "feed.topic.see_less",
        FeedReset = "feed.topic.reset",
        Gpc = "privacy.gpc",
    }
);

wire_enum!(
    /// What became of a consent.
    ConsentState { Given = "given", Refused = "refused", Withdrawn = "withdrawn", Expired = "expired" }
);

wire_enum!(
    /// An observed age band.
    AgeBand { Minor = "minor", Adult = "adult", Unknown = "unknown" }
);

wire_enum!(
    /// A device permission.
    Permission { Microphone = "microphone", CameraRoll = "camera_roll" }
);

wire_enum!(
    /// What became of a permission.
    PermissionState { Granted = "granted", Denied = "denied", Revoked = "revoked" }
);

wire_enum!(
    /// Whom the person talked to.
    Agent { Assistant = "assistant", Business = "business", Human = "human" }
);

wire_enum!(
    /// How the person talked.
    Modality { Text = "text", Voice = "voice", ImagePrompt = "image_prompt" }
);

wire_enum!(
    /// What a decision was for.
    Purpose { Ads = "ads", Content = "content" }
);

wire_enum!(
    /// What was shown or held back.
    ItemKind { Ad = "ad", Post = "post", Reel = "reel", Group = "group", SponsoredResult = "sponsored_result" }
);

wire_enum!(
    /// What the decider did.
    Outcome { Served = "served", Suppressed = "suppressed" }
);

wire_enum!(
    /// What an erasure destroys.
    Scope { Content = "content", All = "all" }
);

/// A captured document that a policy rests on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct Document {
    pub title: String,
    pub url: String,
    pub sha256: Digest,
    pub captured_at: Time,
}

/// A policy version, with its text and params resolved, so that no later change of a built-in pack reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PolicyAdopted {
    /// The version's name, such as `1`.
    pub version: String,
    /// From when it is in force; whole milliseconds.
    pub in_force_from: Time,
    /// Until when, exclusive; whole milliseconds.
    pub in_force_until: Option<Time>,
    /// Platform or overlay.
    pub role: Role,
    /// The built-in pack it was taken from, if any.
    pub pack: Option<String>,
    /// The params as given, one JSON object; what a second sending is compared by.
    pub overrides: String,
    /// The Cedar text; empty until resolved where a pack is named.
    pub cedar: String,
    /// The params as one JSON object with every key in order; empty until resolved.
    pub params: String,
    /// The major version of the Cedar language that the text was validated under; 0 until resolved.
    pub cedar_version: u8,
    /// What the policy rests on.
    pub documents: Vec<Document>,
}

/// A notice about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct NoticeRecorded<S = String> {
    pub policy: S,
    pub campaign: Option<S>,
    pub channel: Channel,
    pub status: NoticeStatus,
    pub locale: Option<S>,
    pub content_sha256: Option<Digest>,
}

/// A changed preference; `value` is a topic, an advertiser, or `on`/`off`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct PreferenceChanged<S = String> {
    pub control: Control,
    pub value: S,
}

/// A consent for a purpose.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct ConsentRecorded<S = String> {
    pub purpose: S,
    pub state: ConsentState,
    pub evidence: Option<S>,
}

/// A changed device permission.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct PermissionChanged {
    pub permission: Permission,
    pub state: PermissionState,
}

/// Evidence about the microphone at capture; `None` is not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct Microphone {
    pub permission: Option<bool>,
    pub feature_active: Option<bool>,
    pub indicator: Option<bool>,
}

/// One turn with an assistant, a business's bot or a person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct InteractionRecorded<S = String> {
    pub agent: Agent,
    pub conversation: S,
    pub turn: u64,
    pub modality: Modality,
    pub region: Option<Region>,
    pub device_region: Option<Region>,
    pub e2ee: Option<bool>,
    pub microphone: Microphone,
    pub context: Vec<Reference<S>>,
}

/// A traditional, non-AI signal source.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct ActivityRecorded<S = String> {
    pub activity: S,
    pub topics: Vec<S>,
}

/// The program that labelled or derived.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct Program<S = String> {
    pub name: S,
    pub version: S,
    pub digest: Digest,
    pub provider: Option<S>,
}

/// A label on an interaction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct InteractionLabelled<S = String> {
    pub target: Reference<S>,
    pub sensitive: Categories,
    pub topics: Vec<S>,
    pub labeller: Program<S>,
}

/// An interest derived from interactions, activities or other signals.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct SignalDerived<S = String> {
    pub topic: S,
    pub taxonomy: Option<S>,
    pub sensitive: Categories,
    pub confidence_ppm: Option<u32>,
    pub sources: Vec<Source<S>>,
    pub deriver: Program<S>,
}

/// What was decided about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct Item<S = String> {
    pub kind: ItemKind,
    pub advertiser: Option<S>,
    pub campaign: Option<S>,
    pub creative: Option<S>,
    pub topics: Vec<S>,
}

/// The policy as the decider cites it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct CitedPolicy<S = String> {
    pub id: S,
    pub version: S,
}

/// An ad or content decision.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub struct DecisionMade<S = String> {
    pub purpose: Purpose,
    pub item: Item<S>,
    pub region: Option<Region>,
    pub device_region: Option<Region>,
    pub signals: Vec<Reference<S>>,
    pub policy: Option<CitedPolicy<S>>,
    pub outcome: Outcome,
}

/// What a fact says. The order of variants is the order of [`Kind`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)]
pub enum Body<S = String> {
    PolicyAdopted(Box<PolicyAdopted>),
    NoticeRecorded(NoticeRecorded<S>),
    AccountLinked { center: S },
    AccountUnlinked { center: S },
    PreferenceChanged(PreferenceChanged<S>),
    ConsentRecorded(ConsentRecorded<S>),
    AgeObserved(AgeBand),
    PermissionChanged(PermissionChanged),
    ControlRequested { control: S },
    InteractionRecorded(Box<InteractionRecorded<S>>),
    ActivityRecorded(ActivityRecorded<S>),
    InteractionLabelled(Box<InteractionLabelled<S>>),
    SignalDerived(Box<SignalDerived<S>>),
    DecisionMade(Box<DecisionMade<S>>),
    SubjectErased(Scope),
    VerdictAttested(Box<VerdictAttested>),
}

impl<S> Body<S> {
    /// The kind of this body.
    pub fn kind(&self) -> Kind {
        match self {
            Body::PolicyAdopted(_) => Kind::PolicyAdopted,
            Body::NoticeRecorded(_) => Kind::NoticeRecorded,
            Body::AccountLinked { .. } => Kind::AccountLinked,
            Body::AccountUnlinked { .. } => Kind::AccountUnlinked,
            Body::PreferenceChanged(_) => Kind::PreferenceChanged,
            Body::ConsentRecorded(_) => Kind::ConsentRecorded,
            Body::AgeObserved(_) => Kind::AgeObserved,
            Body::PermissionChanged(_) => Kind::PermissionChanged,
            Body::ControlRequested { .. } => Kind::ControlRequested,
            Body::InteractionRecorded(_) => Kind::InteractionRecorded,
            Body::ActivityRecorded(_) => Kind::ActivityRecorded,
            Body::InteractionLabelled(_) => Kind::InteractionLabelled,
            Body::SignalDerived(_) => Kind::SignalDerived,
            Body::DecisionMade(_) => Kind::DecisionMade,
            Body::SubjectErased(_) => Kind::SubjectErased,
            Body::VerdictAttested(_) => Kind::VerdictAttested,
        }
    }

    /// The references to earlier facts, in the order in which the header resolves them.
    pub fn references(&self) -> Vec<&Reference<S>> {
        match self {
            Body::InteractionRecorded(body) => body.context.iter().collect(),
            Body::InteractionLabelled(body) => vec![&body.target],
            Body::SignalDerived(body) => body
                .sources
                .iter()
                .filter_map(|source| match source {
                    Source::Fact(reference) => Some(reference),
                    Source::Conversation(_) => None,
                })
                .collect(),
            Body::DecisionMade(body) => body.signals.iter().collect(),
            _ => Vec::new(),
        }
    }
}
