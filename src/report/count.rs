//! The report as counts: what `report --json` prints.

use crate::fact::{Instant, Time};
use crate::query::SampleFile;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the member `format` says.
pub const FORMAT: &str = "inforce-report/1";

/// Counts by name.
pub type Counts = BTreeMap<String, u64>;

/// Adds what was counted of something else.
pub(super) fn add(counts: &mut Counts, others: Counts) {
    others.into_iter().for_each(|(name, count)| *counts.entry(name).or_default() += count);
}

/// From when to when, the end not included; open where nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Span {
    pub since: Option<Instant>,
    pub until: Option<Instant>,
}

impl Span {
    /// True if something at `at` belongs to it.
    pub fn holds(self, at: Instant) -> bool {
        at.is_within(self.since, self.until)
    }

    /// As arguments of a command, with a space before each.
    pub fn arguments(self) -> String {
        let argument = |name: &str, at: Option<Instant>| at.map(|at| format!(" --{name} {}", Time::utc(at)));
        [argument("since", self.since), argument("until", self.until)].into_iter().flatten().collect()
    }
}

/// The report.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Report {
    pub format: &'static str,
    pub origin: String,
    pub since: Option<String>,
    pub until: Option<String>,
    pub tree: Tree,
    pub recorded: Recorded,
    pub completeness: Completeness,
    pub decisions: u64,
    pub outcomes: Counts,
    pub conformance: Counts,
    pub integrity: Counts,
    pub known: ViewCounts,
    #[serde(rename = "true")]
    pub today: ViewCounts,
    pub regions: BTreeMap<String, Group>,
    pub apps: BTreeMap<String, Group>,
    pub weeks: Vec<Week>,
    pub rules: Vec<RuleLine>,
    pub periods: Vec<PeriodLine>,
    pub policies: Vec<PolicyLine>,
    pub notices: Vec<NoticeLine>,
    pub late_facts: Vec<LateLine>,
    pub erasures: Vec<ErasureLine>,
    pub sample: Option<SampleFile>,
    pub commands: BTreeMap<&'static str, String>,
}

/// The tree that the report is over, and who vouches for it.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Tree {
    pub entries: u64,
    pub root: String,
    /// The moment that was asked for, as it was said; none for the ledger as it stands.
    pub as_of: Option<String>,
    pub checkpoint: Option<Head>,
    pub cosigned: Option<Head>,
}

/// A checkpoint.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Head {
    pub entries: u64,
    pub root: String,
    /// By its signature lines.
    pub signed_by: Vec<Signer>,
    /// The signed note itself, for whoever has other keys.
    pub note: String,
}

/// A signature line of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Signer {
    pub name: String,
    /// True if the signature holds under a key that was at hand: the ledger's own, or one that was handed in.
    pub verified: bool,
    /// When a witness cosigned, by its clock.
    pub at: Option<String>,
}

/// Entries that happened in the span.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Recorded {
    pub entries: u64,
    /// By the type on the wire.
    pub kinds: Counts,
    pub accounts: u64,
    pub first: Option<String>,
    pub last: Option<String>,
}

/// What is missing, of what happened in the span.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Completeness {
    /// References that lead to nothing that was recorded, by the type of what cites.
    pub unresolved: Counts,
    pub interactions: u64,
    /// Interactions that nobody labelled, whenever; those whose body is gone are not among them.
    pub unlabelled: u64,
    /// Bodies that an erasure destroyed, by type.
    pub destroyed: Counts,
    pub unproven: Unproven,
}

impl Completeness {
    /// Adds other entries and decisions; what of `unproven` is worked out from sums is left alone.
    pub(super) fn add(&mut self, other: Completeness) {
        let Completeness { unresolved, interactions, unlabelled, destroyed, unproven } = other;
        add(&mut self.unresolved, unresolved);
        self.interactions += interactions;
        self.unlabelled += unlabelled;
        add(&mut self.destroyed, destroyed);
        add(&mut self.unproven.why, unproven.why);
    }
}

/// Decisions that were served and cannot be shown to be right.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Unproven {
    pub decisions: u64,
    /// Of all decisions.
    pub share: f64,
    /// By the rule that needs a person; one decision may have several.
    pub why: Counts,
}

/// Decisions by what one view says.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct ViewCounts {
    pub verdicts: Counts,
    /// Decisions in which the rule fired, for whatever use and version.
    pub rules: Counts,
    /// Decisions in which the finding was made.
    pub findings: Counts,
}

impl ViewCounts {
    /// Adds other decisions.
    pub(super) fn add(&mut self, other: ViewCounts) {
        let ViewCounts { verdicts, rules, findings } = other;
        add(&mut self.verdicts, verdicts);
        add(&mut self.rules, rules);
        add(&mut self.findings, findings);
    }
}

/// Decisions of one region, app or week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Group {
    pub decisions: u64,
    pub conformance: Counts,
}

impl Group {
    /// Adds other decisions.
    pub(super) fn add(&mut self, other: Group) {
        let Group { decisions, conformance } = other;
        self.decisions += decisions;
        add(&mut self.conformance, conformance);
    }
}

/// A week from Monday, 00:00 UTC.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Week {
    /// Its Monday.
    pub week: String,
    pub decisions: u64,
    pub conformance: Counts,
    /// Decisions in which the rule fired in the known view.
    pub rules: Counts,
    /// The same in nanoseconds since 1970.
    #[serde(skip)]
    pub from_ns: i64,
}

impl Week {
    /// Adds other decisions of the same week.
    pub(super) fn add(&mut self, other: Week) {
        let Week { week: _, decisions, conformance, rules, from_ns: _ } = other;
        self.decisions += decisions;
        add(&mut self.conformance, conformance);
        add(&mut self.rules, rules);
    }
}

/// A rule that fired.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct RuleLine {
    pub rule: String,
    pub title: String,
    pub outcome: &'static str,
    pub known: u64,
    #[serde(rename = "true")]
    pub today: u64,
    /// Decisions that were served although it denied in the known view.
    pub broken: u64,
    /// Decisions that were served although it fired in the known view, whether it denied or needed a person.
    pub served: u64,
}

/// An interval in which a rule was broken.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct PeriodLine {
    pub rule: String,
    pub from: String,
    pub to: String,
    pub first: u64,
    pub last: u64,
    pub decisions: u64,
    pub served: u64,
    pub longest_delay_s: Option<i64>,
}

/// A version of a policy.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyLine {
    pub policy: String,
    pub version: String,
    pub role: &'static str,
    pub from: String,
    /// Until its own end, or the next version's beginning.
    pub until: Option<String>,
    pub recorded: String,
    pub seq: u64,
    /// Recorded after it took force.
    pub backdated: bool,
    pub lag_s: i64,
    #[serde(skip)]
    pub band: (Instant, Option<Instant>),
}

/// Notices of one policy, channel and region.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct NoticeLine {
    pub policy: String,
    pub channel: &'static str,
    /// Where the account's latest interaction or decision says it was; a notice carries no region itself.
    pub region: Option<String>,
    pub notices: u64,
    pub statuses: Counts,
}

/// A fact that was recorded after a decision that it should have been before.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct LateLine {
    pub seq: u64,
    pub kind: &'static str,
    pub at: String,
    pub recorded: String,
    pub lag_s: i64,
    /// Decisions that it was late for.
    pub decisions: u64,
}

/// An erasure.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ErasureLine {
    pub seq: u64,
    pub scope: &'static str,
    pub at: String,
    pub recorded: String,
}
