//! A verdict put on record, and the words that it is made of.

use super::Digest;
use super::wire_enum::wire_enum;
use bincode::{Decode, Encode};

wire_enum!(
    /// The answer to one question: was it allowed, in this view? The later, the graver.
    Verdict { Allow = "allow", OutOfScope = "out_of_scope", Indeterminate = "indeterminate", Deny = "deny" }
);

wire_enum!(
    /// What the decider did against what it should have known.
    Conformance {
        Conforming = "conforming",
        OutOfScope = "out_of_scope",
        Withheld = "withheld",
        Erased = "erased",
        Unproven = "unproven",
        LateBreach = "late_breach",
        Breach = "breach",
    }
);

wire_enum!(
    /// What is left of the evidence.
    Integrity { Ok = "ok", Erased = "erased", Tampered = "tampered" }
);

/// A rule that fired, without what it fired about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct AttestedRule {
    /// The rule.
    pub id: String,
    /// The policy, unless it is the judge's own rule and about none.
    pub policy: Option<String>,
    /// The policy's version.
    pub version: Option<String>,
    /// True if it fired in the known view.
    pub known: bool,
    /// True if it fired in the true view.
    pub today: bool,
}

/// The verdict on one decision, as an engine gave it over a ledger of a certain size. It names nobody: the decision by
/// its place, rules and policies by their public ids.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VerdictAttested {
    /// The decision's seq; the header's link adds the hash of its entry.
    pub decision: u64,
    /// Commits to the whole verdict under the key of the decision's entry.
    pub digest: Digest,
    /// The verdict of the known view.
    pub known: Verdict,
    /// The verdict of the true view.
    pub today: Verdict,
    /// Against the known view.
    pub conformance: Conformance,
    /// What was left of the evidence.
    pub integrity: Integrity,
    /// What fired in either view, sorted, each once.
    pub rules: Vec<AttestedRule>,
    /// The program that judged.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// How many entries the ledger held that it judged by.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}
