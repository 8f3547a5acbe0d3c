//! One decision as it is answered: what it was about, and what both views say of it, each rule once.

use super::row::{Row, RuleRow, ViewRow};
use crate::entry::Entry;
use crate::fact::{Body, Conformance, Instant, Integrity, ItemKind, Outcome, Purpose, Time, Verdict, app_of};
use serde_json::{Value, json};

/// A decision, flat. What an erasure destroyed is `None`, or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Line<'a> {
    pub seq: u64,
    pub source: Option<&'a str>,
    pub id: Option<&'a str>,
    pub occurred_at: Time,
    pub recorded_at: Instant,
    pub account: Option<&'a str>,
    pub purpose: Option<Purpose>,
    pub kind: Option<ItemKind>,
    pub advertiser: Option<&'a str>,
    pub campaign: Option<&'a str>,
    pub creative: Option<&'a str>,
    pub topics: Vec<&'a str>,
    pub region: Option<&'a str>,
    pub device_region: Option<&'a str>,
    pub said: Said<'a>,
}

/// What is said of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Said<'a> {
    pub outcome: Option<Outcome>,
    pub conformance: Conformance,
    pub integrity: Integrity,
    pub known: SaidView<'a>,
    pub today: SaidView<'a>,
}

/// What one view says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SaidView<'a> {
    pub verdict: Verdict,
    /// By id, policy, version, whether it denies; each once.
    pub rules: Vec<SaidRule<'a>>,
    /// By id; each once.
    pub findings: Vec<&'a str>,
    /// The versions (policy, version) that judged the decision.
    pub versions: Vec<(&'a str, &'a str)>,
    /// How many uses are behind the decision.
    pub uses: u64,
}

/// A rule that fired, whatever it fired about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct SaidRule<'a> {
    pub id: &'a str,
    pub policy: Option<&'a str>,
    pub version: Option<&'a str>,
    /// True for a rule that denies; the others need a person.
    pub denies: bool,
    /// How often it fired: once for each use that it is about.
    pub times: u64,
}

impl<'a> Line<'a> {
    /// Of a row.
    pub fn of(row: &Row<'a>) -> Line<'a> {
        Line {
            seq: row.seq,
            source: row.name.map(|(source, _)| source),
            id: row.name.map(|(_, id)| id),
            occurred_at: row.at,
            recorded_at: row.recorded,
            account: row.account,
            purpose: row.purpose,
            kind: row.item_kind,
            advertiser: row.advertiser,
            campaign: row.campaign,
            creative: row.creative,
            topics: row.topics.clone(),
            region: row.region,
            device_region: row.device_region,
            said: Said::of(row),
        }
    }

    /// Of a decision's own entry, and what was said of it.
    pub fn of_entry(entry: &'a Entry, said: Said<'a>) -> Line<'a> {
        let record = entry.record.as_ref();
        let body = record.and_then(|record| match &record.body {
            Body::DecisionMade(body) => Some(&**body),
            _ => None,
        });
        let item = body.map(|body| &body.item);
        let region = |region: Option<&'a crate::fact::Region>| region.map(crate::fact::Region::as_str);
        Line {
            seq: entry.header.seq,
            source: record.map(|record| record.id.source.as_str()),
            id: record.map(|record| record.id.id.as_str()),
            occurred_at: entry.header.occurred_at,
            recorded_at: entry.header.recorded_at,
            account: record.map(|record| record.subject.as_str()),
            purpose: body.map(|body| body.purpose),
            kind: item.map(|item| item.kind),
            advertiser: item.and_then(|item| item.advertiser.as_deref()),
            campaign: item.and_then(|item| item.campaign.as_deref()),
            creative: item.and_then(|item| item.creative.as_deref()),
            topics: item.map(|item| item.topics.iter().map(String::as_str).collect()).unwrap_or_default(),
            region: region(body.and_then(|body| body.region.as_ref())),
            device_region: region(body.and_then(|body| body.device_region.as_ref())),
            said,
        }
    }

    /// The app of its account.
    pub fn app(&self) -> Option<&'a str> {
        self.account.map(app_of)
    }
}

impl<'a> Said<'a> {
    fn of(row: &Row<'a>) -> Said<'a> {
        Said {
            outcome: row.outcome,
            conformance: row.conformance,
            integrity: row.integrity,
            known: SaidView::of(&row.known),
            today: SaidView::of(&row.today),
        }
    }
}

impl<'a> SaidView<'a> {
    fn of(view: &ViewRow<'a>) -> SaidView<'a> {
        let mut rules: Vec<SaidRule> = view.rules.iter().map(SaidRule::of).collect();
        rules.sort_unstable();
        rules.dedup_by(|again, held| {
            let is_same = SaidRule { times: held.times, ..*again } == *held;
            held.times += if is_same { again.times } else { 0 };
            is_same
        });
        let mut findings: Vec<&str> = view.findings.iter().map(|finding| finding.id).collect();
        findings.dedup();
        SaidView { verdict: view.verdict, rules, findings, versions: view.versions.clone(), uses: view.uses }
    }
}

impl<'a> SaidRule<'a> {
    fn of(rule: &RuleRow<'a>) -> SaidRule<'a> {
        SaidRule { id: rule.id, policy: rule.policy, version: rule.version, denies: rule.denies, times: 1 }
    }
}

/// The object of a line: the same keys in the same order for every decision.
pub fn to_json(line: &Line) -> Value {
    let said = &line.said;
    json!({
        "seq": line.seq, "source": line.source, "id": line.id, "occurred_at": line.occurred_at.to_string(),
        "recorded_at": line.recorded_at.to_string(), "account": line.account,
        "purpose": line.purpose.map(Purpose::name), "kind": line.kind.map(ItemKind::name),
        "advertiser": line.advertiser, "campaign": line.campaign, "creative": line.creative, "topics": line.topics,
        "region": line.region, "device_region": line.device_region, "outcome": said.outcome.map(Outcome::name),
        "conformance": said.conformance.name(), "integrity": said.integrity.name(),
        "known": view_json(&said.known), "true": view_json(&said.today),
    })
}

fn view_json(view: &SaidView) -> Value {
    let rule = |rule: &SaidRule| match (rule.policy, rule.version) {
        (Some(policy), Some(version)) => json!({ "id": rule.id, "policy": policy, "version": version }),
        _ => json!({ "id": rule.id }),
    };
    json!({
        "verdict": view.verdict.name(), "rules": view.rules.iter().map(rule).collect::<Vec<_>>(),
        "findings": view.findings, "policies": view.versions.iter().map(version_name).collect::<Vec<_>>(),
    })
}

/// `POLICY@VERSION`.
pub fn version_name((policy, version): &(&str, &str)) -> String {
    format!("{policy}@{version}")
}
