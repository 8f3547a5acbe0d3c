//! The params of a policy version: a pack's defaults with overrides, each key checked.

use crate::fact::{Categories, Category, Digest, Instant, Region, Time};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Params as the judge reads them; section 5 of the contract says what each means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Params {
    pub use_from: Time,
    pub subject_local: bool,
    pub excluded_regions: BTreeSet<Region>,
    pub region_use_from: BTreeMap<Region, Instant>,
    pub stricter_region: bool,
    pub notice_required: bool,
    pub notice_from: Time,
    pub all_channels: bool,
    pub notice_sha256: Option<Digest>,
    pub sensitive_categories: Categories,
    pub by_conversation: bool,
    pub excluded_topics: BTreeSet<String>,
    pub proxy_topics: BTreeMap<String, Category>,
    pub link_at_both: bool,
    pub unlink_grace_days: u32,
    pub apps: BTreeSet<String>,
}

/// A param that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("param `{key}`: {expected}")]
pub struct ParamError {
    /// Its name.
    pub key: String,
    /// What was expected.
    pub expected: String,
}

/// EU 27, its outermost regions with codes of their own, Åland, the United Kingdom and South Korea.
const EXCLUDED: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "GF", "GP", "MQ", "RE", "YT", "MF", "AX", "GB", "KR",
];

/// The defaults of the announcement, in the order in which resolved params are written.
pub fn defaults() -> Map<String, Value> {
    let value = serde_json::json!({
        "use_from": "2025-12-16T00:00:00Z",
        "tz_basis": "utc",
        "excluded_regions": EXCLUDED,
        "region_use_from": {},
        "region_basis": "stricter",
        "notice": "required",
        "notice_from": "2025-10-07T00:00:00Z",
        "notice_channels": "any",
        "notice_sha256": null,
        "sensitive_categories": Category::ALL.map(Category::name),
        "sensitive_granularity": "topic",
        "excluded_topics": [],
        "proxy_topics": {},
        "link_basis": "decision",
        "unlink_grace_days": 0,
        "apps": [],
    });
    match value {
        Value::Object(map) => map,
        _ => unreachable!("written as an object above"),
    }
}

/// `base` with every key of `overrides` replaced, lists and maps as a whole.
pub fn merge(mut base: Map<String, Value>, overrides: &Map<String, Value>) -> Result<Map<String, Value>, ParamError> {
    for (key, value) in overrides {
        let Some(slot) = base.get_mut(key) else {
            let known: Vec<_> = base.keys().map(String::as_str).collect();
            return Err(error(key, format!("unknown: expected one of {}", known.join(", "))));
        };
        *slot = value.clone();
    }
    Ok(base)
}

impl Params {
    /// Reads resolved params; a key that is absent takes its default.
    pub fn parse(resolved: &Map<String, Value>) -> Result<Params, ParamError> {
        let all = merge(defaults(), resolved)?;
        let read = Reader(&all);
        Ok(Params {
            use_from: read.time("use_from")?,
            subject_local: read.choice("tz_basis", "utc", "subject_local")?,
            excluded_regions: read.list("excluded_regions", region)?.into_iter().collect(),
            region_use_from: read.map("region_use_from", |key, value| Ok((region(key)?, time(value)?.at)))?,
            stricter_region: !read.choice("region_basis", "stricter", "account")?,
            notice_required: !read.choice("notice", "required", "record_only")?,
            notice_from: read.time("notice_from")?,
            all_channels: read.choice("notice_channels", "any", "all")?,
            notice_sha256: read.digest("notice_sha256")?,
            sensitive_categories: read.list("sensitive_categories", category)?.into_iter().collect(),
            by_conversation: read.choice("sensitive_granularity", "topic", "conversation")?,
            excluded_topics: read.list("excluded_topics", topic)?.into_iter().collect(),
            proxy_topics: read.map("proxy_topics", |key, value| Ok((topic(key)?, category(value)?)))?,
            link_at_both: read.choice("link_basis", "decision", "both")?,
            unlink_grace_days: read.days("unlink_grace_days")?,
            apps: read.list("apps", app)?.into_iter().collect(),
        })
    }

    /// True if the version governs decisions of `app`.
    pub fn covers(&self, app: &str) -> bool {
        self.apps.is_empty() || self.apps.contains(app)
    }
}

fn error(key: &str, expected: impl Into<String>) -> ParamError {
    ParamError { key: key.to_owned(), expected: expected.into() }
}

/// Reads one pair of a map.
type ParsePair<K, V> = fn(&str, &str) -> Result<(K, V), String>;

/// Reads keys that [`merge`] has put in place.
struct Reader<'a>(&'a Map<String, Value>);

impl Reader<'_> {
    fn time(&self, key: &str) -> Result<Time, ParamError> {
        let text = self.0[key].as_str().ok_or_else(|| error(key, "expected a time"))?;
        time(text).map_err(|expected| error(key, expected))
    }

    /// False for the first name, true for the second.
    fn choice(&self, key: &str, first: &str, second: &str) -> Result<bool, ParamError> {
        match self.0[key].as_str() {
            Some(name) if name == first => Ok(false),
            Some(name) if name == second => Ok(true),
            _ => Err(error(key, format!("expected `{first}` or `{second}`"))),
        }
    }

    fn list<T>(&self, key: &str, parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, ParamError> {
        let items = self.0[key].as_array().ok_or_else(|| error(key, "expected a list"))?;
        let strings = items.iter().map(|item| item.as_str().ok_or_else(|| error(key, "expected a list of strings")));
        strings.map(|text| parse(text?).map_err(|expected| error(key, expected))).collect()
    }

    fn map<K: Ord, V>(&self, key: &str, parse: ParsePair<K, V>) -> Result<BTreeMap<K, V>, ParamError> {
        let items = self.0[key].as_object().ok_or_else(|| error(key, "expected a map"))?;
        let pair = |(name, value): (&String, &Value)| {
            let value = value.as_str().ok_or_else(|| error(key, "expected a map to strings"))?;
            parse(name, value).map_err(|expected| error(key, expected))
        };
        items.iter().map(pair).collect()
    }

    fn digest(&self, key: &str) -> Result<Option<Digest>, ParamError> {
        match &self.0[key] {
            Value::Null => Ok(None),
            Value::String(text) => Digest::parse(text).map(Some).ok_or_else(|| error(key, "expected 64 hex digits")),
            _ => Err(error(key, "expected 64 hex digits")),
        }
    }

    fn days(&self, key: &str) -> Result<u32, ParamError> {
        let days = self.0[key].as_u64().filter(|&days| days <= 36_500);
        days.map(|days| days as u32).ok_or_else(|| error(key, "expected a number of days from 0 to 36500"))
    }
}

fn time(text: &str) -> Result<Time, String> {
    let time = Time::parse(text).map_err(|error| error.to_string())?;
    if time.at.is_whole_ms() { Ok(time) } else { Err("expected whole milliseconds".to_owned()) }
}

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).map_err(|error| format!("`{text}`: {error}"))
}

fn category(text: &str) -> Result<Category, String> {
    Category::parse(text).ok_or_else(|| format!("`{text}`: expected a sensitive category"))
}

fn topic(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected topics that are not empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn app(text: &str) -> Result<String, String> {
    let ok =
        !text.is_empty() && !text.contains('/') && !text.chars().any(|c| c.is_ascii_uppercase() || c.is_whitespace());
    if ok { Ok(text.to_owned()) } else { Err(format!("`{text}`: expected an app such as `facebook`")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: Value) -> Result<Params, ParamError> {
        Params::parse(&[(key.to_owned(), value)].into_iter().collect())
    }

    #[test]
    fn defaults_are_those_of_the_announcement() {
        let params = Params::parse(&Map::new()).expect("defaults");
        assert_eq!(params.use_from.to_string(), "2025-12-16T00:00:00Z");
        assert_eq!(params.excluded_regions.len(), 36);
        assert_eq!(params.sensitive_categories, Categories::ALL);
        assert!(params.notice_required && params.stricter_region && params.covers("facebook"));
    }

    #[test]
    fn every_key_refuses_what_it_cannot_mean() {
        for key in defaults().keys() {
            for value in [
                serde_json::json!(true),
                serde_json::json!(["UK", 1]),
                serde_json::json!("x"),
                serde_json::json!({"UK": "x"}),
                serde_json::json!(-1),
            ] {
                let refused = with(key, value.clone()).expect_err(&format!("{key} = {value}"));
                assert_eq!(&refused.key, key);
            }
        }
        assert_eq!(with("use_form", Value::Null).expect_err("unknown").key, "use_form");
        assert!(with("use_from", "2025-12-16T00:00:00.0001Z".into()).is_err());
    }
}
