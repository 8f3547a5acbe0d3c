//! One policy version, ready to judge: its rules, its two Cedar policy sets, and the memo over what it can tell apart.
//!
//! Permits and forbids are evaluated apart, because Cedar names only the rules that decide: this way every satisfied
//! rule is reported, and a platform policy whose permit does not hold is seen even where a rule denies.

use super::features::{Constant, Constants, Features};
use super::lately::Lately;
use super::params::Params;
use super::question::{Attr, DecisionFacts, PersonFacts, Question, Reading, category_names, channel_names};
use super::{CEDAR_VERSION, PolicyError, RuleOutcome, rules_of, stored_params};
use crate::fact::PolicyAdopted;
use crate::symbols::{Sym, Symbols};
use cedar_policy::{
    Authorizer, Context, Effect, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression,
};
use foldhash::HashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule as the policy's author wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `@id`.
    pub id: String,
    /// Its `@outcome`.
    pub outcome: RuleOutcome,
    /// Its `@title`, or the id.
    pub title: String,
    /// Its `@source`, if any.
    pub source: Option<String>,
}

/// What a version says to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The rules that are satisfied, as indices into [`Compiled::rules`], ascending.
    pub satisfied: Vec<u16>,
    /// True if a rule or permit failed to evaluate.
    pub failed: bool,
    /// True if a permit holds.
    pub permitted: bool,
}

/// A policy version, compiled within one set of symbols.
#[derive(Clone)]
pub struct Compiled {
    /// Its params.
    pub params: Arc<Params>,
    read: Arc<ReadVersion>,
    features: Features,
}

/// What a version is told by: all of it that is judged by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct VersionKey {
    id: String,
    version: String,
    in_force_from_ms: i64,
    params: String,
    cedar: String,
}

impl VersionKey {
    fn of(id: &str, adopted: &PolicyAdopted) -> VersionKey {
        VersionKey {
            id: id.to_owned(),
            version: adopted.version.clone(),
            in_force_from_ms: adopted.in_force_from.at.ms_floor(),
            params: adopted.params.clone(),
            cedar: adopted.cedar.clone(),
        }
    }
}

/// What a version says, whatever the symbols of who asks.
struct ReadVersion {
    text: Arc<Text>,
    fixed: Vec<(String, RestrictedExpression)>,
    /// By `symbols`, which hold their strings and no others.
    features: Features,
    symbols: Symbols,
}

/// Versions that were read lately.
static VERSIONS: Lately<VersionKey, ReadVersion> = Lately::new();

/// What a policy's text says, whatever the symbols and params.
struct Text {
    rules: Vec<Rule>,
    forbids: PolicySet,
    permits: PolicySet,
    by_id: HashMap<PolicyId, u16>,
    /// The policies in Cedar's JSON form.
    json: Vec<serde_json::Value>,
}

/// Texts that were read lately: many versions have the same one.
static TEXTS: Lately<String, Text> = Lately::new();

impl Text {
    fn read(cedar: &str) -> Result<Text, PolicyError> {
        super::shape::check(cedar).map_err(PolicyError::Text)?;
        let set: PolicySet = cedar.parse().map_err(|error| PolicyError::syntax(&error))?;
        let (mut forbids, mut permits) = (PolicySet::new(), PolicySet::new());
        let (mut rules, mut by_id, mut json) = (Vec::new(), HashMap::default(), Vec::new());
        for (policy, rule) in rules_of(&set)? {
            json.push(policy.to_json().map_err(|error| PolicyError::Text(error.to_string()))?);
            let group = match policy.effect() {
                Effect::Permit => &mut permits,
                Effect::Forbid => {
                    by_id.insert(policy.id().clone(), rules.len() as u16);
                    rules.push(rule);
                    &mut forbids
                }
            };
            group.add(policy).map_err(|error| PolicyError::Text(error.to_string()))?;
        }
        Ok(Text { rules, forbids, permits, by_id, json })
    }
}

impl ReadVersion {
    fn of(key: &VersionKey, params: &Params) -> Result<ReadVersion, PolicyError> {
        let text = TEXTS.of(key.cedar.clone(), |cedar| Text::read(cedar))?;
        let fixed = fixed_attributes(key, params);
        let mut symbols = Symbols::default();
        let constants = constants(&fixed, params, key.in_force_from_ms, &mut symbols);
        let features = Features::of(&text.json, &constants, &mut symbols);
        Ok(ReadVersion { text, fixed, features, symbols })
    }
}

/// Answers already given by one version; a replay holds one a thread and version.
#[derive(Default)]
pub struct Memo {
    answers: HashMap<Box<[u8]>, Arc<Answer>>,
    key: Vec<u8>,
    times: Times,
}

/// A memo with more answers than this starts again: a policy that tells every question apart must not eat the memory.
const MAX_ANSWERS: usize = 100_000;

impl Compiled {
    /// Compiles a version as it was adopted.
    pub fn new(id: &str, adopted: &PolicyAdopted, symbols: &mut Symbols) -> Result<Compiled, PolicyError> {
        if adopted.cedar_version != CEDAR_VERSION {
            return Err(PolicyError::CedarVersion(adopted.cedar_version));
        }
        let params = stored_params(adopted)?;
        let read = VERSIONS.of(VersionKey::of(id, adopted), |key| ReadVersion::of(key, &params))?;
        let features = read.features.within(&read.symbols, symbols);
        Ok(Compiled { params, read, features })
    }

    /// Its rules, in the order of its text.
    pub fn rules(&self) -> &[Rule] {
        &self.read.text.rules
    }

    /// What of the memo's key is the same for every question about a decision and a person.
    pub fn key_start(&self, decision: &DecisionFacts, person: &PersonFacts) -> Vec<u8> {
        self.features.start(&Question { decision, person, use_facts: None })
    }

    /// What the version says, from the memo where it was asked the like before; with the start of the question's key.
    pub fn judge(&self, question: &Question, key_start: &[u8], symbols: &Symbols, memo: &mut Memo) -> Arc<Answer> {
        let mut key = std::mem::take(&mut memo.key);
        self.features.key(key_start, question, &mut key);
        let known = memo.answers.get(key.as_slice()).cloned();
        let answer = known.unwrap_or_else(|| {
            let answer = Arc::new(self.ask(question, symbols, &mut memo.times));
            if memo.answers.len() >= MAX_ANSWERS {
                memo.answers.clear();
            }
            memo.answers.insert(key.as_slice().into(), answer.clone());
            answer
        });
        memo.key = key;
        answer
    }

    /// What Cedar says, asked afresh.
    pub fn judge_plainly(&self, question: &Question, symbols: &Symbols) -> Answer {
        self.ask(question, symbols, &mut Times::default())
    }

    fn ask(&self, question: &Question, symbols: &Symbols, times: &mut Times) -> Answer {
        let Ok(request) = self.request(question, symbols, times) else {
            return Answer { satisfied: Vec::new(), failed: true, permitted: false };
        };
        let (authorizer, entities, text) = (Authorizer::new(), Entities::empty(), &self.read.text);
        let denied = authorizer.is_authorized(&request, &text.forbids, &entities);
        let allowed = authorizer.is_authorized(&request, &text.permits, &entities);
        let mut satisfied: Vec<u16> = denied.diagnostics().reason().map(|id| text.by_id[id]).collect();
        satisfied.sort_unstable();
        let failed = denied.diagnostics().errors().next().is_some() || allowed.diagnostics().errors().next().is_some();
        Answer { satisfied, failed, permitted: allowed.decision() == cedar_policy::Decision::Allow }
    }

    fn request(&self, question: &Question, symbols: &Symbols, times: &mut Times) -> Result<Request, PolicyError> {
        let failed = |error: &dyn std::fmt::Display| PolicyError::Text(error.to_string());
        let mut tree = Tree::default();
        for (path, value) in &self.read.fixed {
            tree.put(path, value.clone());
        }
        for attr in Attr::ALL {
            if let Some(value) = expression(attr.value(question), symbols, times) {
                tree.put(attr.path(), value);
            }
        }
        let mut records = tree.0;
        let action = if question.use_facts.is_some() { "use_signal" } else { "show" };
        let resource = match question.use_facts {
            Some(facts) => {
                // Evidence that is nowhere recorded is still a record, an empty one.
                let Some(Branch::Record(record)) = records.get_mut("use") else { unreachable!("a use has attributes") };
                record.entry("microphone".to_owned()).or_insert_with(|| Branch::Record(BTreeMap::new()));
                entity("App", symbols.name(facts.app))
            }
            None => entity("ItemKind", question.decision.item_kind.name()),
        };
        let pairs = records.into_iter().map(|(name, branch)| Ok((name, branch.build()?)));
        let context =
            Context::from_pairs(pairs.collect::<Result<Vec<_>, PolicyError>>()?).map_err(|error| failed(&error))?;
        let principal = entity("App", symbols.name(question.decision.app));
        Request::new(principal, entity("Action", action), resource, context, None).map_err(|error| failed(&error))
    }
}

/// Expressions of times that were made: Cedar parses the name of their constructor each time that one is.
#[derive(Default)]
struct Times(HashMap<i64, RestrictedExpression>);

/// Times kept; with one more it begins again.
const MAX_TIMES: usize = 1000;

impl Times {
    fn expression(&mut self, ms: i64) -> RestrictedExpression {
        if self.0.len() >= MAX_TIMES {
            self.0.clear();
        }
        self.0.entry(ms).or_insert_with(|| datetime(ms)).clone()
    }
}

/// Records within records, by path.
#[derive(Default)]
struct Tree(BTreeMap<String, Branch>);

enum Branch {
    Leaf(RestrictedExpression),
    Record(BTreeMap<String, Branch>),
}

impl Tree {
    fn put(&mut self, path: &str, value: RestrictedExpression) {
        let mut level = &mut self.0;
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
            let branch = level.entry(parent.to_owned()).or_insert_with(|| Branch::Record(BTreeMap::new()));
            level = match branch {
                Branch::Record(record) => record,
                Branch::Leaf(_) => unreachable!("no attribute lies below another"),
            };
        }
        level.insert(name.to_owned(), Branch::Leaf(value));
    }
}

impl Branch {
    fn build(self) -> Result<RestrictedExpression, PolicyError> {
        match self {
            Branch::Leaf(value) => Ok(value),
            Branch::Record(fields) => {
                let fields = fields.into_iter().map(|(name, branch)| Ok((name, branch.build()?)));
                RestrictedExpression::new_record(fields.collect::<Result<Vec<_>, PolicyError>>()?)
                    .map_err(|error| PolicyError::Text(error.to_string()))
            }
        }
    }
}

fn entity(kind: &str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("a plain name");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}

fn datetime(ms: i64) -> RestrictedExpression {
    let at = chrono::DateTime::from_timestamp_millis(ms).expect("times are checked when they enter");
    RestrictedExpression::new_datetime(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

fn expression(reading: Reading, symbols: &Symbols, times: &mut Times) -> Option<RestrictedExpression> {
    Some(match reading {
        Reading::Absent => return None,
        Reading::Bool(value) => RestrictedExpression::new_bool(value),
        Reading::Text(sym) => text(symbols.name(sym)),
        Reading::Name(name) => text(name),
        Reading::Symbols(list) => set(list.iter().map(|&sym| symbols.name(sym))),
        Reading::Categories(list) => set(category_names(list)),
        Reading::Channels(bits) => set(channel_names(bits)),
        Reading::Time(ms) => times.expression(ms),
    })
}

/// The attributes that are the same for every question.
fn fixed_attributes(key: &VersionKey, params: &Params) -> Vec<(String, RestrictedExpression)> {
    let choice = |second: bool, first_name: &'static str, second_name: &'static str| {
        text(if second { second_name } else { first_name })
    };
    let mut fixed = vec![
        ("policy.id", text(&key.id)),
        ("policy.version", text(&key.version)),
        ("policy.in_force_from", datetime(key.in_force_from_ms)),
        ("params.use_from", datetime(params.use_from.at.ms_floor())),
        ("params.tz_basis", choice(params.subject_local, "utc", "subject_local")),
        ("params.excluded_regions", set(params.excluded_regions.iter().map(|region| region.as_str()))),
        ("params.region_basis", choice(params.stricter_region, "account", "stricter")),
        ("params.notice", choice(params.notice_required, "record_only", "required")),
        ("params.notice_from", datetime(params.notice_from.at.ms_floor())),
        ("params.notice_channels", choice(params.all_channels, "any", "all")),
        ("params.sensitive_categories", set(category_names(params.sensitive_categories))),
        ("params.sensitive_granularity", choice(params.by_conversation, "topic", "conversation")),
        ("params.excluded_topics", set(params.excluded_topics.iter().map(String::as_str))),
        ("params.proxy_topics", set(params.proxy_topics.keys().map(String::as_str))),
        ("params.link_basis", choice(params.link_at_both, "decision", "both")),
        ("params.unlink_grace_days", RestrictedExpression::new_long(i64::from(params.unlink_grace_days))),
    ];
    if let Some(digest) = params.notice_sha256 {
        fixed.push(("params.notice_sha256", text(&digest.to_string())));
    }
    fixed.into_iter().map(|(path, value)| (path.to_owned(), value)).collect()
}

/// The same attributes as the walk over the text needs them.
fn constants(
    fixed: &[(String, RestrictedExpression)],
    params: &Params,
    in_force_from_ms: i64,
    symbols: &mut Symbols,
) -> Constants {
    let mut constants: Constants = fixed.iter().map(|(path, _)| (path.clone(), Constant::Other)).collect();
    let mut put = |path: &str, constant| constants.insert(path.to_owned(), constant);
    let mut intern = |names: &mut dyn Iterator<Item = &str>| {
        Constant::Symbols(names.map(|name| symbols.intern(name)).collect::<Vec<Sym>>())
    };
    put("params.excluded_regions", intern(&mut params.excluded_regions.iter().map(|region| region.as_str())));
    put("params.excluded_topics", intern(&mut params.excluded_topics.iter().map(String::as_str)));
    put("params.proxy_topics", intern(&mut params.proxy_topics.keys().map(String::as_str)));
    put("policy.in_force_from", Constant::Time(in_force_from_ms));
    put("params.use_from", Constant::Time(params.use_from.at.ms_floor()));
    put("params.notice_from", Constant::Time(params.notice_from.at.ms_floor()));
    put(
        "params.notice_sha256",
        params.notice_sha256.map_or(Constant::Other, |digest| Constant::Text(symbols.intern(&digest.to_string()))),
    );
    constants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Instant;
    use crate::policy::PACKS;

    fn compiled(id: &str, adopted: &PolicyAdopted, symbols: &mut Symbols) -> Compiled {
        Compiled::new(id, adopted, symbols).expect("a built-in pack")
    }

    #[test]
    fn a_version_that_was_read_before_reads_as_it_would_by_itself_whatever_the_symbols() {
        for pack in PACKS {
            let adopted = pack.as_adopted().expect("valid");
            compiled(pack.name, &adopted, &mut Symbols::default());
            let mut symbols = Symbols::default();
            for name in ["ZZ", "nobody", "KR", "AT"] {
                symbols.intern(name);
            }
            let mut others = symbols.clone();
            let found = compiled(pack.name, &adopted, &mut symbols);
            let (params, text) = (stored_params(&adopted).expect("valid"), Text::read(&adopted.cedar).expect("valid"));
            let constants = constants(&found.read.fixed, &params, adopted.in_force_from.at.ms_floor(), &mut others);
            let itself = Features::of(&text.json, &constants, &mut others);
            assert!(found.features.is_made_of(&itself), "{}", pack.name);
            assert!(symbols.names().eq(others.names()), "{}: every name has the number that it would have", pack.name);
            assert_eq!(found.rules(), text.rules);
        }
    }

    #[test]
    fn versions_that_differ_in_anything_are_not_taken_for_each_other() {
        let adopted = PACKS[0].as_adopted().expect("valid");
        type Change = fn(&mut PolicyAdopted);
        let changes: [Change; 4] = [
            |adopted| adopted.version.push('2'),
            |adopted| adopted.in_force_from.at = Instant(1_000_000),
            |adopted| adopted.params = adopted.params.replace("2025-12-16", "2025-12-17"),
            |adopted| adopted.cedar.push('\n'),
        ];
        let key = VersionKey::of("one", &adopted);
        assert!(key == VersionKey::of("one", &adopted.clone()) && key != VersionKey::of("other", &adopted));
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = adopted.clone();
            change(&mut changed);
            assert_ne!(changed, adopted);
            assert!(key != VersionKey::of("one", &changed), "change {number}");
        }
        let newer = PolicyAdopted { cedar_version: CEDAR_VERSION + 1, ..adopted };
        let refused = Compiled::new("one", &newer, &mut Symbols::default()).err();
        assert_eq!(refused, Some(PolicyError::CedarVersion(CEDAR_VERSION + 1)));
    }

    #[test]
    fn a_time_that_was_asked_for_before_is_the_same_expression() {
        let mut times = Times::default();
        for ms in (0..3 * MAX_TIMES as i64).map(|number| number % (MAX_TIMES as i64 + 7)) {
            assert_eq!(times.expression(ms), datetime(ms));
            assert!(times.0.len() <= MAX_TIMES);
        }
    }
}
