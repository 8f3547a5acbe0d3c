//! Policies: built-in packs, params, adoption, and the only use of Cedar.
//!
//! `pack` or `cedar` text comes in with a fact, is resolved and validated here, and is stored resolved. A version that
//! was adopted is compiled once a replay. Deliberately absent: which version judges a decision (the judge's matter).

mod compiled;
mod features;
mod lately;
mod pack;
mod params;
mod question;
mod shape;

pub use compiled::{Answer, Compiled, Memo, Rule};
pub use pack::{PACKS, Pack};
pub use params::{ParamError, Params};
pub use question::{Attr, DecisionFacts, NoticeFacts, PersonFacts, Question, Reading, UseFacts};

use crate::fact::PolicyAdopted;
use cedar_policy::{Effect, Policy, PolicySet, Schema, ValidationMode, Validator};
use lately::Lately;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The major version of the Cedar language that texts are validated and judged under.
pub const CEDAR_VERSION: u8 = 4;

/// The schema that every text is validated against, as docs/policies.md explains it.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// What a satisfied rule means for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleOutcome {
    /// Worth a note.
    Finding,
    /// Needs a person.
    Indeterminate,
    /// Not allowed.
    Deny,
}

impl RuleOutcome {
    /// The name in `@outcome`.
    pub fn name(self) -> &'static str {
        match self {
            RuleOutcome::Finding => "finding",
            RuleOutcome::Indeterminate => "indeterminate",
            RuleOutcome::Deny => "deny",
        }
    }
}

/// Rules that the judge itself reports; a text must not use their names.
pub const JUDGE_RULES: &[&str] = &[
    "backdated-policy",
    "broken-lineage",
    "clock-anomaly",
    "conversation-lineage",
    "erased-evidence",
    "erased-source",
    "late-fact",
    "no-policy-in-force",
    "not-permitted",
    "policy-error",
    "relabelled-after-decision",
    "views-differ",
    "wrong-policy-cited",
];

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum PolicyError {
    #[error("unknown pack `{0}`: expected one of {1}")]
    UnknownPack(String, String),
    #[error(transparent)]
    Param(#[from] ParamError),
    #[error("the policy text is refused: {0}")]
    Text(String),
    #[error("the policy text does not validate against the schema: {0}")]
    Invalid(String),
    #[error("rule {0}: {1}")]
    Rule(String, String),
    #[error("Cedar version {0}: this program judges version {CEDAR_VERSION}")]
    CedarVersion(u8),
}

impl PolicyError {
    fn syntax(errors: &cedar_policy::ParseErrors) -> PolicyError {
        PolicyError::Text(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The field of the fact that is at fault.
    pub fn field(&self) -> String {
        match self {
            PolicyError::UnknownPack(..) => "data.pack".to_owned(),
            PolicyError::Param(error) => format!("data.params.{}", error.key),
            _ => "data.cedar".to_owned(),
        }
    }
}

/// Resolves a pack to its text and params, and validates; afterwards the version says everything by itself.
pub fn resolve(adopted: &mut PolicyAdopted) -> Result<(), PolicyError> {
    let mut base = params::defaults();
    if let Some(name) = &adopted.pack {
        let pack = Pack::named(name).ok_or_else(|| {
            PolicyError::UnknownPack(name.clone(), PACKS.iter().map(|pack| pack.name).collect::<Vec<_>>().join(", "))
        })?;
        adopted.cedar = pack.cedar.to_owned();
        base = pack.defaults();
    }
    let overrides: Map<String, Value> = serde_json::from_str(&adopted.overrides).unwrap_or_default();
    let resolved = params::merge(base, &overrides)?;
    Params::parse(&resolved)?;
    adopted.params = Value::Object(resolved).to_string();
    adopted.cedar_version = CEDAR_VERSION;
    validate(&adopted.cedar)
}

/// Params that were read lately.
static PARAMS: Lately<String, Params> = Lately::new();

/// The params of a resolved version.
fn stored_params(adopted: &PolicyAdopted) -> Result<Arc<Params>, PolicyError> {
    PARAMS.of(adopted.params.clone(), |params| {
        let resolved: Map<String, Value> =
            serde_json::from_str(params).map_err(|error| PolicyError::Text(format!("stored params: {error}")))?;
        Ok(Params::parse(&resolved)?)
    })
}

static VALIDATOR: std::sync::LazyLock<Validator> = std::sync::LazyLock::new(|| {
    let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).expect("the schema is part of the program");
    Validator::new(schema)
});

/// Checks a text against the schema, strictly, and every rule's annotations.
pub fn validate(text: &str) -> Result<(), PolicyError> {
    shape::check(text).map_err(PolicyError::Text)?;
    let set: PolicySet = text.parse().map_err(|error| PolicyError::syntax(&error))?;
    let result = VALIDATOR.validate(&set, ValidationMode::Strict);
    let errors: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(PolicyError::Invalid(errors.join("; ")));
    }
    rules_of(&set).map(drop)
}

/// The policies of a text in its order, each with what its annotations say.
fn rules_of(set: &PolicySet) -> Result<Vec<(Policy, Rule)>, PolicyError> {
    if set.templates().next().is_some() {
        return Err(PolicyError::Text("templates are not supported: write the policy out".to_owned()));
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    // Cedar numbers the policies of a text `policy0`, `policy1`, …
    policies.sort_by_key(|policy| {
        let id: &str = policy.id().as_ref();
        id.trim_start_matches("policy").parse::<u32>().unwrap_or(u32::MAX)
    });
    if policies.is_empty() {
        return Err(PolicyError::Text("expected at least one policy".to_owned()));
    }
    policies.into_iter().map(|policy| Ok((policy.clone(), rule_of(policy)?))).collect()
}

fn rule_of(policy: &Policy) -> Result<Rule, PolicyError> {
    let id = policy.annotation("id").unwrap_or_default().to_owned();
    let refused = |message: &str| {
        Err(PolicyError::Rule(
            if id.is_empty() { policy.id().to_string() } else { format!("`{id}`") },
            message.to_owned(),
        ))
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.is_empty() || id.len() > 128 || !id.chars().all(plain) {
        return refused("expected @id(\"…\") with 1 to 128 letters, digits, `-`, `_` or `.`");
    }
    if JUDGE_RULES.contains(&id.as_str()) {
        return refused("the judge reports a rule of this name itself: expected another @id");
    }
    let outcome = match (policy.effect(), policy.annotation("outcome")) {
        (Effect::Permit, None) => RuleOutcome::Finding,
        (Effect::Permit, Some(_)) => return refused("a permit has no @outcome"),
        (Effect::Forbid, None | Some("deny")) => RuleOutcome::Deny,
        (Effect::Forbid, Some("indeterminate")) => RuleOutcome::Indeterminate,
        (Effect::Forbid, Some("finding")) => RuleOutcome::Finding,
        (Effect::Forbid, Some(_)) => {
            return refused("expected @outcome(\"deny\"), (\"indeterminate\") or (\"finding\")");
        }
    };
    let title = policy.annotation("title").unwrap_or(&id).to_owned();
    let source = policy.annotation("source").map(str::to_owned);
    Ok(Rule { id, outcome, title, source })
}

/// The rules of a text, for people.
pub fn rules(text: &str) -> Result<Vec<Rule>, PolicyError> {
    shape::check(text).map_err(PolicyError::Text)?;
    let set: PolicySet = text.parse().map_err(|error| PolicyError::syntax(&error))?;
    let forbids = rules_of(&set)?.into_iter().filter(|(policy, _)| policy.effect() == Effect::Forbid);
    Ok(forbids.map(|(_, rule)| rule).collect())
}

/// Every policy of a text with its id, as Cedar prints it.
pub fn texts(text: &str) -> Result<Vec<(String, String)>, PolicyError> {
    let set: PolicySet = text.parse().map_err(|error| PolicyError::syntax(&error))?;
    Ok(rules_of(&set)?.into_iter().map(|(policy, rule)| (rule.id, policy.to_string())).collect())
}

/// True if an adopted version reads the labels of whole conversations. One whose params cannot be read counts as one.
pub fn goes_by_conversation(adopted: &PolicyAdopted) -> bool {
    stored_params(adopted).map_or(true, |params| params.by_conversation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_validates_and_every_rule_says_where_it_comes_from() {
        for pack in PACKS {
            validate(pack.cedar).unwrap_or_else(|error| panic!("{}: {error}", pack.name));
            for rule in rules(pack.cedar).expect("valid") {
                assert_ne!(rule.title, rule.id, "{}: a title in words", pack.name);
                assert!(rule.source.is_some(), "{}: `{}` names its source", pack.name, rule.id);
            }
        }
    }

    #[test]
    fn a_text_that_cannot_be_judged_is_refused() {
        for (text, part) in [
            ("", "at least one"),
            ("forbid", "refused"),
            ("forbid(principal, action, resource);", "@id"),
            ("@id(\"a b\") forbid(principal, action, resource);", "@id"),
            ("@id(\"late-fact\") forbid(principal, action, resource);", "itself"),
            ("@id(\"a\") @outcome(\"no\") forbid(principal, action, resource);", "@outcome"),
            ("@id(\"a\") @outcome(\"deny\") permit(principal, action, resource);", "permit"),
            ("@id(\"a\") forbid(principal, action, resource) when { context.use.own };", "schema"),
            ("@id(\"a\") forbid(principal, action, resource) when { context.item.advertiser == \"x\" };", "schema"),
            ("@id(\"a\") forbid(principal, action, resource) when { context.decision.purpose };", "schema"),
            ("@id(\"a\") forbid(principal == ?principal, action, resource);", "template"),
        ] {
            let refused = validate(text).expect_err(text).to_string();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }
}
