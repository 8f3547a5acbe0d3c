//! CloudEvents in: one JSON object a line becomes one fact, or a refusal that names line, field and expectation.
//!
//! Deliberately absent: resolving references (the ledger does) and validating Cedar text (the policy room does).
//! Attributes that CloudEvents allows beyond those of the contract (extensions) are accepted and not recorded;
//! an unknown field inside `data` is refused, since a misspelt `device_region` must not pass for an absent one.

mod at_once;
mod data;
mod lines;
mod text;

pub use lines::{Line, Lines, MAX_LINE};

use crate::fact::{Account, Body, Fact, FactId, Kind, Time};
use serde::Deserialize;
use serde_json::value::RawValue;
use text::{Id, Name, Object};

/// Why a line was refused: the field, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("`{field}`: {expected}")]
pub struct Refusal {
    /// The path of the field, such as `data.item.kind`; `.` where it is the line as a whole.
    pub field: String,
    /// What was wrong and what was expected.
    pub expected: String,
}

impl Refusal {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, expected: impl Into<String>) -> Refusal {
        Refusal { field: field.into(), expected: expected.into() }
    }
}

/// The attributes of a CloudEvent that the contract knows.
#[derive(Deserialize)]
struct Envelope<'a> {
    specversion: &'a str,
    id: Id,
    source: Id,
    #[serde(rename = "type")]
    kind: Name,
    subject: Id,
    time: text::WireTime,
    recordedtime: Option<text::WireTime>,
    datacontenttype: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Parses one CloudEvent.
///
/// ```
/// let fact = inforce::wire::parse(r#"{"specversion":"1.0","id":"1","source":"//accounts","type":"inforce.age.observed",
///     "subject":"facebook/s1","time":"2025-12-20T12:00:00Z","data":{"band":"adult"}}"#).unwrap();
/// assert_eq!(fact.subject, "facebook/s1");
/// ```
pub fn parse(line: &str) -> Result<Fact, Refusal> {
    at_once::parse(line).map_or_else(|| parse_with_care(line), Ok)
}

/// The same, saying of what is refused why.
fn parse_with_care(line: &str) -> Result<Fact, Refusal> {
    let envelope: Envelope = typed(line, "")?;
    if envelope.specversion != "1.0" {
        return Err(Refusal::new("specversion", "expected `1.0`"));
    }
    if let Some(other) = envelope.datacontenttype.filter(|kind| !is_json(kind)) {
        return Err(Refusal::new("datacontenttype", format!("`{other}`: expected `application/json`")));
    }
    let kind = Kind::parse(&envelope.kind.0).ok_or_else(|| unknown(&envelope.kind.0, ""))?;
    if kind == Kind::VerdictAttested {
        return Err(unknown(&envelope.kind.0, &format!("{NOT_YOURS}; ")));
    }
    let subject = envelope.subject.0;
    if kind != Kind::PolicyAdopted {
        Account::check(&subject).map_err(|error| Refusal::new("subject", error.to_string()))?;
    }
    let id = FactId { source: envelope.source.0, id: envelope.id.0 };
    let (body, content) = data::body(kind, data::Careful(envelope.data.get()), &id.source)?;
    Ok(Fact {
        id,
        subject,
        time: envelope.time.0,
        recorded: envelope.recordedtime.map(|time| time.0.at),
        body,
        content,
    })
}

/// Why a verdict is not taken from others.
pub(crate) const NOT_YOURS: &str = "only `inforce attest` records verdicts";

fn unknown(kind: &str, why: &str) -> Refusal {
    Refusal::new("type", format!("unknown type `{kind}`: {why}expected one of {}", Kind::on_the_wire().join(", ")))
}

/// Deserializes, and on failure once more with the path of the failing field; `at` is the path of the whole.
fn typed<'de, T: Deserialize<'de>>(json: &'de str, at: &str) -> Result<T, Refusal> {
    if let Ok(Object(value)) = serde_json::from_str(json) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let error = match serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer) {
        Err(error) => error,
        Ok(_) => {
            return Err(Refusal::new(
                if at.is_empty() { "." } else { at },
                "expected one JSON object and nothing after it",
            ));
        }
    };
    let message = error.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let message = &in_words(message);
    let path = error.path().to_string();
    let parts = [at, path.as_str(), missing(message)].into_iter().filter(|part| !part.is_empty() && *part != ".");
    let field = match parts.collect::<Vec<_>>().join(".") {
        whole if whole.is_empty() => ".".to_owned(),
        field => field,
    };
    if error.inner().is_syntax() || error.inner().is_eof() {
        return Err(Refusal::new(field, format!("not JSON: {message}")));
    }
    Err(Refusal::new(field, message))
}

/// The parser's words for types in those of JSON.
fn in_words(message: &str) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number, 0 or more"),
        ("invalid type: sequence", "invalid type: list"),
        ("invalid type: map", "invalid type: object"),
        ("expected a boolean", "expected true or false"),
        ("floating point", "number"),
    ];
    WORDS.iter().fold(message.to_owned(), |message, (from, to)| message.replace(from, to))
}

/// The name in "missing field `x`", where the path ends one level above it; else nothing.
fn missing(message: &str) -> &str {
    message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()).unwrap_or_default()
}

fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media == "application/json" || media.ends_with("+json")
}

/// Writes a fact as the CloudEvent that [`parse`] reads.
pub fn to_json(fact: &Fact) -> serde_json::Value {
    let mut event = serde_json::json!({
        "specversion": "1.0",
        "id": fact.id.id,
        "source": fact.id.source,
        "type": fact.kind().name(),
        "subject": fact.subject,
        "time": fact.time.to_string(),
    });
    if let Some(recorded) = fact.recorded {
        event["recordedtime"] = Time::utc(recorded).to_string().into();
    }
    event["data"] = data::to_json(&fact.body, fact.content.as_deref());
    event
}

/// The `data` of a body, as it stands on the wire.
pub fn body_to_json(body: &Body, content: Option<&str>) -> serde_json::Value {
    data::to_json(body, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, subject: &str, data: &str) -> String {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"//s","type":"{kind}","subject":"{subject}","time":"2025-12-20T12:00:00Z","data":{data}}}"#
        )
    }

    fn refused(line: &str) -> Refusal {
        parse(line).expect_err(line)
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        let age = "inforce.age.observed";
        assert_eq!(refused(&line(age, "facebook", r#"{"band":"adult"}"#)).field, "subject");
        assert_eq!(refused(&line("inforce.age.seen", "facebook/s1", "{}")).field, "type");
        let attested = refused(&line("inforce.verdict.attested", "facebook/s1", "{}"));
        assert_eq!(attested.field, "type");
        assert!(attested.expected.contains("only `inforce attest` records verdicts"), "{attested}");
        assert!(!attested.expected.ends_with("attested"), "it is not among the types that are expected");
        assert_eq!(refused(&line(age, "facebook/s1", "{}")).field, "data.band");
        assert_eq!(refused(&line(age, "facebook/s1", r#"{"band":"old"}"#)).field, "data.band");
        assert_eq!(refused(&line(age, "facebook/s1", r#"{"band":7}"#)).field, "data.band");
        assert_eq!(refused(&line(age, "facebook/s1", r#"{"band":"adult","ban":1}"#)).field, "data.ban");
        assert_eq!(refused(&line(age, "facebook/s1", "[]")).field, "data");
        assert_eq!(
            refused(&line(age, "facebook/s1", r#"{"band":"adult"}"#).replace("2025-12", "2025-14")).field,
            "time"
        );
        assert_eq!(
            refused(&line(age, "facebook/s1", r#"{"band":"adult"}"#).replace("1.0", "0.3")).field,
            "specversion"
        );
        assert_eq!(refused(r#"{"specversion":"1.0"}"#).field, "id");
        let decision = r#"{"purpose":"ads","item":{"kind":"advert","topics":[]},"signals":[],"outcome":"served"}"#;
        assert_eq!(refused(&line("inforce.decision.made", "facebook/s1", decision)).field, "data.item.kind");
        let signal = |source: &str| {
            let program = format!(r#"{{"name":"m","version":"1","digest":"{}"}}"#, "ab".repeat(32));
            let data = format!(r#"{{"topic":"t","sources":["a",{source}],"deriver":{program}}}"#);
            refused(&line("inforce.signal.derived", "facebook/s1", &data))
        };
        assert_eq!(signal("7").field, "data.sources[1]");
        assert!(signal("7").expected.contains(r#"expected a source: an id, {"source", "id"}"#), "{}", signal("7"));
        assert_eq!(signal(r#"{"source":"//s","id":""}"#).field, "data.sources[1].id");
        assert_eq!(signal(r#"{"source":"//s","id":"1","ids":1}"#).field, "data.sources[1].ids");
        assert_eq!(signal(r#"{"source":"//s","conversation":"c"}"#).field, "data.sources[1]");
    }

    #[test]
    fn says_what_is_no_json() {
        for text in ["", "{", "null", "[1]", "{\"a\":", "{}x", "\u{0}", &"[".repeat(100_000)] {
            let refusal = refused(text);
            assert!(!refusal.expected.is_empty(), "{refusal}");
            assert!(!refusal.expected.contains("Envelope"), "{refusal}");
        }
        let whole = line("inforce.age.observed", "facebook/s1", r#"{"band":"adult"}"#);
        assert!(parse(&whole).is_ok());
        assert_eq!(refused(&format!("{whole} {{}}")).field, ".");
    }

    #[test]
    fn extensions_pass_and_offsets_stay() {
        let text = line("inforce.age.observed", "facebook/s1", r#"{"band":"adult"}"#)
            .replace("\"id\"", "\"traceparent\":\"00-1\",\"id\"")
            .replace("12:00:00Z", "12:00:00+09:00");
        assert_eq!(parse(&text).expect("valid").time.to_string(), "2025-12-20T12:00:00+09:00");
    }
}
