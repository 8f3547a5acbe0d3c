//! A PROV-JSON document in the making: declared prefixes, elements by identifier, relations by number.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The parts of a document, in the order in which they are written.
const PARTS: [&str; 10] = [
    "prefix",
    "entity",
    "activity",
    "agent",
    "wasGeneratedBy",
    "used",
    "wasDerivedFrom",
    "wasAttributedTo",
    "wasAssociatedWith",
    "wasInvalidatedBy",
];

/// Namespaces below the ledger's own name.
const OF_THE_LEDGER: [&str; 7] = ["entry", "text", "conversation", "missing", "verdict", "activity", "agent"];

/// Elements and relations said so far.
pub struct Document {
    parts: Map<String, Value>,
    /// Relations as they were said, so that none is said twice.
    said: BTreeSet<String>,
}

impl Document {
    /// Nothing yet, in the namespaces of the ledger `origin`.
    pub fn new(origin: &str) -> Document {
        let base = format!("https://{}/", escaped(origin));
        let mut parts: Map<String, Value> = PARTS.iter().map(|part| ((*part).to_owned(), json!({}))).collect();
        let own = OF_THE_LEDGER.map(|name| (name.to_owned(), json!(format!("{base}{name}/"))));
        let vocabulary = ("inforce".to_owned(), json!("urn:inforce:prov#"));
        parts["prefix"] = Value::Object(own.into_iter().chain([vocabulary]).collect());
        Document { parts, said: BTreeSet::new() }
    }

    fn part(&mut self, part: &str) -> &mut Map<String, Value> {
        self.parts.get_mut(part).and_then(Value::as_object_mut).expect("every part is there from the start")
    }

    /// Says what an element is; attributes that are null or empty are left out. Saying it again changes nothing.
    pub fn element(&mut self, part: &str, id: &str, attributes: Value) {
        let elements = self.part(part);
        if !elements.contains_key(id) {
            elements.insert(id.to_owned(), filled(attributes));
        }
    }

    /// Says how elements relate. A relation that was said before is not said again.
    pub fn relation(&mut self, part: &str, attributes: Value) {
        let attributes = filled(attributes);
        if self.said.insert(format!("{part} {attributes}")) {
            let relations = self.part(part);
            let id = format!("_:{part}{}", relations.len() + 1);
            relations.insert(id, attributes);
        }
    }

    /// The document; parts in which nothing was said are left out.
    pub fn finish(mut self) -> Value {
        self.parts.retain(|_, part| part.as_object().is_some_and(|part| !part.is_empty()));
        Value::Object(self.parts)
    }
}

/// A qualified name as the value of an attribute.
pub fn name(name: &str) -> Value {
    json!({ "$": name, "type": "xsd:QName" })
}

/// A time as the value of an attribute.
pub fn time(at: impl std::fmt::Display) -> Value {
    json!({ "$": at.to_string(), "type": "xsd:dateTime" })
}

/// PROV-JSON has neither null nor an empty list.
fn filled(attributes: Value) -> Value {
    let Value::Object(map) = attributes else { panic!("attributes are an object") };
    let is_filled = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    Value::Object(map.into_iter().filter(|(_, value)| is_filled(value)).collect())
}

/// What a URI may hold unescaped stays (RFC 3986, 2.3, and the slash); the rest is percent-encoded.
fn escaped(origin: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    origin.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_uri_becomes_one() {
        assert_eq!(escaped("inforce/4f1c"), "inforce/4f1c");
        assert_eq!(escaped("a ledger: ä"), "a%20ledger%3A%20%C3%A4");
    }

    #[test]
    fn nothing_is_said_twice_and_nothing_empty() {
        let mut document = Document::new("x");
        document.element("entity", "entry:1", json!({ "a:b": null, "a:c": [], "a:d": 1 }));
        document.element("entity", "entry:1", json!({}));
        for _ in 0..2 {
            document.relation("used", json!({ "prov:activity": "activity:1", "prov:entity": "entry:1" }));
        }
        let document = document.finish();
        assert_eq!(document["entity"], json!({ "entry:1": { "a:d": 1 } }));
        assert_eq!(document["used"].as_object().map(Map::len), Some(1));
        assert_eq!(document.as_object().map(Map::len), Some(3), "{document}");
    }
}
