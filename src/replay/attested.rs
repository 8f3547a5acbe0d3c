//! A judgement as a verdict for the record, and verdicts on record as they are printed.

use super::json::rule_id;
use crate::attested::Attested;
use crate::fact::{AttestedRule, Digest, Time, VerdictAttested};
use crate::judge::{Judgement, Rule, version_of};
use crate::timeline::World;
use serde::Serialize;
use std::collections::BTreeMap;

/// Who judges.
const ENGINE: (&str, &str) = ("inforce", env!("CARGO_PKG_VERSION"));

/// A judgement for the record, over the first `size` entries with `root` over them; `digest` commits to its line.
pub fn attestation(world: &World, judgement: &Judgement, digest: Digest, size: u64, root: Digest) -> VerdictAttested {
    let (engine, engine_version) = (ENGINE.0.to_owned(), ENGINE.1.to_owned());
    VerdictAttested {
        decision: world.node(judgement.decision).seq,
        digest,
        known: judgement.known.verdict,
        today: judgement.today.verdict,
        conformance: judgement.conformance,
        integrity: judgement.integrity,
        rules: rules(world, judgement),
        engine,
        engine_version,
        size,
        root,
    }
}

/// A rule by its id, policy and version.
type Named<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// What fired in either view, without what it fired about.
fn rules(world: &World, judgement: &Judgement) -> Vec<AttestedRule> {
    let mut fired: BTreeMap<Named, [bool; 2]> = BTreeMap::new();
    for (view, judged) in [&judgement.known, &judgement.today].into_iter().enumerate() {
        for rule in judged.rules.iter().map(|fired| fired.rule) {
            let version = match rule {
                Rule::Policy(ix, _) => Some(ix),
                Rule::Judge(_, ix) => ix,
            };
            let policy = version.map(|ix| world.symbols.name(world.policies[ix.line as usize].id));
            let version = version.map(|ix| world.symbols.name(version_of(world, ix).name));
            fired.entry((rule_id(world, rule), policy, version)).or_default()[view] = true;
        }
    }
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let rules = fired.into_iter().map(|((id, policy, version), [known, today])| AttestedRule {
        id: id.to_owned(),
        policy: owned(policy),
        version: owned(version),
        known,
        today,
    });
    rules.collect()
}

/// One verdict on record, as a member of `attested`.
#[derive(Serialize)]
pub(super) struct AttestedLine<'a> {
    seq: u64,
    engine: &'a str,
    version: &'a str,
    size: u64,
    root: String,
    known: &'static str,
    #[serde(rename = "true")]
    today: &'static str,
    conformance: &'static str,
    integrity: &'static str,
    digest: String,
    rules: Vec<AttestedRuleLine<'a>>,
    attested_at: String,
}

#[derive(Serialize)]
struct AttestedRuleLine<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    known: bool,
    #[serde(rename = "true")]
    today: bool,
}

pub(super) fn line(attested: &Attested) -> AttestedLine<'_> {
    let rules = attested.rules.iter().map(|rule| AttestedRuleLine {
        id: &rule.id,
        policy: rule.policy.as_deref(),
        version: rule.version.as_deref(),
        known: rule.known,
        today: rule.today,
    });
    AttestedLine {
        seq: attested.seq,
        engine: &attested.run.engine,
        version: &attested.run.version,
        size: attested.run.size,
        root: attested.run.root.to_string(),
        known: attested.known.name(),
        today: attested.today.name(),
        conformance: attested.conformance.name(),
        integrity: attested.integrity.name(),
        digest: attested.digest.to_string(),
        rules: rules.collect(),
        attested_at: Time::utc(attested.at).to_string(),
    }
}
