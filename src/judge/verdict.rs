//! What the judge says: verdict, rules, findings, conformance, integrity.

pub use crate::fact::{Conformance, Integrity, Verdict};

use crate::fact::{Outcome, Reference};
use crate::timeline::NodeIx;
use std::sync::Arc;

/// Rules that the judge itself applies, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum JudgeRule {
    BrokenLineage,
    ClockAnomaly,
    ConversationLineage,
    ErasedEvidence,
    ErasedSource,
    NoPolicyInForce,
    NotPermitted,
    PolicyError,
    WrongPolicyCited,
}

impl JudgeRule {
    /// Every rule.
    pub const ALL: &'static [JudgeRule] = &[
        JudgeRule::BrokenLineage,
        JudgeRule::ClockAnomaly,
        JudgeRule::ConversationLineage,
        JudgeRule::ErasedEvidence,
        JudgeRule::ErasedSource,
        JudgeRule::NoPolicyInForce,
        JudgeRule::NotPermitted,
        JudgeRule::PolicyError,
        JudgeRule::WrongPolicyCited,
    ];

    /// The name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            JudgeRule::BrokenLineage => "broken-lineage",
            JudgeRule::ClockAnomaly => "clock-anomaly",
            JudgeRule::ConversationLineage => "conversation-lineage",
            JudgeRule::ErasedEvidence => "erased-evidence",
            JudgeRule::ErasedSource => "erased-source",
            JudgeRule::NoPolicyInForce => "no-policy-in-force",
            JudgeRule::NotPermitted => "not-permitted",
            JudgeRule::PolicyError => "policy-error",
            JudgeRule::WrongPolicyCited => "wrong-policy-cited",
        }
    }

    /// True for rules that deny; the others need a person.
    pub fn denies(self) -> bool {
        matches!(self, JudgeRule::ErasedSource | JudgeRule::NotPermitted)
    }

    /// What it means, in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            JudgeRule::BrokenLineage => {
                "The lineage has a gap, a reference of the wrong kind, or a source later than what cites it"
            }
            JudgeRule::ClockAnomaly => "Something was recorded more than five minutes before it happened",
            JudgeRule::ConversationLineage => {
                "A signal cites a whole conversation, so it cannot be shown which part contributed"
            }
            JudgeRule::ErasedEvidence => "Evidence that the decision rests on was erased",
            JudgeRule::ErasedSource => "The interaction's account was erased before the decision",
            JudgeRule::NoPolicyInForce => "No platform policy governs the decision",
            JudgeRule::NotPermitted => "No permit of the platform's policy holds",
            JudgeRule::PolicyError => "A rule of the policy failed to evaluate",
            JudgeRule::WrongPolicyCited => "The decision cites a policy version that was not in force",
        }
    }
}

/// A version of a policy by its places in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionIx {
    /// Which policy.
    pub line: u32,
    /// Which version of it.
    pub version: u32,
}

/// Which rule fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A rule of a policy's text, by its number.
    Policy(VersionIx, u16),
    /// The judge's own, for a version where it is about one.
    Judge(JudgeRule, Option<VersionIx>),
}

/// What a rule or finding points at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref {
    /// An entry.
    Entry(NodeIx),
    /// An entry that came late, with its lag in seconds.
    Late {
        /// Which.
        seq: u64,
        /// From when it happened (or took force) to when it was recorded.
        lag_s: i64,
    },
    /// A fact that was never recorded in time.
    Missing(Reference),
}

/// One satisfied rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fired {
    /// Which.
    pub rule: Rule,
    /// The use that it is about; none where it is about the decision.
    pub about: Option<NodeIx>,
    /// What it points at, sorted; for the judge's own rules.
    pub refs: Vec<Ref>,
}

/// Where a finding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum FindingId {
    Policy(VersionIx, u16),
    BackdatedPolicy,
    LateFact,
    RelabelledAfterDecision,
    ViewsDiffer,
}

impl FindingId {
    /// The version that found it; none for the judge's own findings.
    pub fn version(self) -> Option<VersionIx> {
        match self {
            FindingId::Policy(ix, _) => Some(ix),
            _ => None,
        }
    }
}

/// Something worth a note.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which.
    pub id: FindingId,
    /// What it points at, sorted.
    pub refs: Vec<Ref>,
}

/// One view's judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Every rule that is satisfied, sorted.
    pub rules: Vec<Fired>,
    /// Every finding, sorted.
    pub findings: Vec<Finding>,
    /// The versions that judged the decision.
    pub versions: Vec<VersionIx>,
    /// The versions that judged each use, uses ascending.
    pub use_versions: Vec<(NodeIx, Vec<VersionIx>)>,
}

impl Judged {
    /// The versions that judged a use; none if the view does not have it.
    pub fn versions_of(&self, used: NodeIx) -> &[VersionIx] {
        self.use_versions.iter().find(|(node, _)| *node == used).map_or(&[], |(_, versions)| versions)
    }
}

/// Both views of one decision.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The decision.
    pub decision: NodeIx,
    /// What the decider did; none where its body was destroyed.
    pub outcome: Option<Outcome>,
    /// What the ledger knew.
    pub known: Arc<Judged>,
    /// What is known today.
    pub today: Arc<Judged>,
    /// Against the known view.
    pub conformance: Conformance,
    /// Apart from any verdict.
    pub integrity: Integrity,
}

impl Conformance {
    /// Of what was done and both verdicts.
    pub fn of(outcome: Outcome, known: Verdict, today: Verdict) -> Conformance {
        match (outcome, known) {
            (Outcome::Served, Verdict::Deny) => Conformance::Breach,
            (Outcome::Served, Verdict::Indeterminate) => Conformance::Unproven,
            (Outcome::Served, _) if today == Verdict::Deny => Conformance::LateBreach,
            (Outcome::Served, Verdict::Allow) => Conformance::Conforming,
            (Outcome::Suppressed, Verdict::Deny | Verdict::Indeterminate) => Conformance::Conforming,
            (Outcome::Suppressed, Verdict::Allow) => Conformance::Withheld,
            (_, Verdict::OutOfScope) => Conformance::OutOfScope,
        }
    }
}
