//! What can be wrong with a decision.

/// One thing that is wrong with a decision; named after the rule that must fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Breach {
    NotYetEffective,
    PreEffectiveInteraction,
    ExcludedRegion,
    RegionNotYetEffective,
    UnknownRegion,
    SensitiveTopic,
    InheritedSensitivity,
    Unlabelled,
    ProxyTopic,
    ExcludedTopic,
    AccountsNotLinked,
    WhatsappNotLinked,
    UnlinkedBeforeDecision,
    LinkedAfterCollection,
    NotOwnInteraction,
    HumanMessage,
    BusinessAgent,
    Microphone,
    MicrophoneUnproven,
    NoticeMissing,
    NoticeOutsideWindow,
    NoticeContentMismatch,
    TopicLimited,
    AdvertiserBlocked,
    FeedLimited,
    BrokenLineage,
    ConversationLineage,
    WrongPolicyCited,
    LateFact,
    ErasedSource,
    KnownMinor,
    ConsentMissing,
    GpcCrossContext,
}

use Breach::*;

const NAMES: [(Breach, &str); 33] = [
    (NotYetEffective, "not-yet-effective"),
    (PreEffectiveInteraction, "pre-effective-interaction"),
    (ExcludedRegion, "excluded-region"),
    (RegionNotYetEffective, "region-not-yet-effective"),
    (UnknownRegion, "unknown-region"),
    (SensitiveTopic, "sensitive-topic"),
    (InheritedSensitivity, "inherited-sensitivity"),
    (Unlabelled, "unlabelled"),
    (ProxyTopic, "proxy-topic"),
    (ExcludedTopic, "excluded-topic"),
    (AccountsNotLinked, "accounts-not-linked"),
    (WhatsappNotLinked, "whatsapp-not-linked"),
    (UnlinkedBeforeDecision, "unlinked-before-decision"),
    (LinkedAfterCollection, "linked-after-collection"),
    (NotOwnInteraction, "not-own-interaction"),
    (HumanMessage, "human-message"),
    (BusinessAgent, "business-agent"),
    (Microphone, "microphone"),
    (MicrophoneUnproven, "microphone-unproven"),
    (NoticeMissing, "notice-missing"),
    (NoticeOutsideWindow, "notice-outside-window"),
    (NoticeContentMismatch, "notice-content-mismatch"),
    (TopicLimited, "topic-limited"),
    (AdvertiserBlocked, "advertiser-blocked"),
    (FeedLimited, "feed-limited"),
    (BrokenLineage, "broken-lineage"),
    (ConversationLineage, "conversation-lineage"),
    (WrongPolicyCited, "wrong-policy-cited"),
    (LateFact, "late-fact"),
    (ErasedSource, "erased-source"),
    (KnownMinor, "known-minor"),
    (ConsentMissing, "consent-missing"),
    (GpcCrossContext, "gpc-cross-context"),
];

/// Rules that leave a doubt, where the others deny.
const DOUBTS: [&str; 11] = [
    "unknown-region",
    "unlabelled",
    "proxy-topic",
    "business-agent",
    "microphone-unproven",
    "notice-outside-window",
    "notice-content-mismatch",
    "broken-lineage",
    "conversation-lineage",
    "wrong-policy-cited",
    "gpc-cross-context",
];

impl Breach {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Breach> {
        NAMES.iter().map(|(breach, _)| *breach)
    }

    /// The name of its rule.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The one of that name.
    pub fn parse(name: &str) -> Option<Breach> {
        NAMES.iter().find(|(_, other)| *other == name).map(|(breach, _)| *breach)
    }

    /// True if it is a rule of an overlay.
    pub fn is_overlay(self) -> bool {
        matches!(self, KnownMinor | ConsentMissing | GpcCrossContext)
    }

    /// True if it is among those that a share over all is spread over. An erasure ends its group in a ledger, so that many
    /// of them measure nothing else: that one is had by name only.
    pub fn is_common(self, overlays: bool) -> bool {
        self != ErasedSource && (overlays || !self.is_overlay())
    }
}

/// True if a rule denies.
pub fn denies(rule: &str) -> bool {
    !DOUBTS.contains(&rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_variants() {
        for (place, (breach, name)) in NAMES.iter().enumerate() {
            assert_eq!(*breach as usize, place);
            assert_eq!(Breach::parse(name), Some(*breach));
        }
        assert!(DOUBTS.iter().all(|name| Breach::parse(name).is_some()));
    }
}
