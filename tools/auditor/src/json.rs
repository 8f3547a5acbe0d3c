//! JSON as the format wants it: whole numbers, no member twice, the order of members kept; and its two spellings.
//!
//! Depth is bounded by `serde_json` (128), the number of values by `MOST_VALUES`, the size by whoever reads the file.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// A value that holds more than this is refused: it bounds the memory that a small file can ask for.
const MOST_VALUES: usize = 4_000_000;

/// What RFC 8785 can write of a whole number without loss.
const LARGEST: u64 = (1 << 53) - 1;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number, at most 2^53 - 1 from zero.
    Number(i64),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Json>),
    /// Members in the order in which they stand, none twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text that is one value and nothing else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let values = Cell::new(0);
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let json = Value(&values).deserialize(&mut deserializer).map_err(|error| error.to_string())?;
        deserializer.end().map_err(|error| error.to_string())?;
        Ok(json)
    }

    /// The spelling of a bundle's file, with the newline at its end.
    pub fn spelt(&self) -> String {
        let mut out = String::new();
        self.spell(0, &mut out);
        out.push('\n');
        out
    }

    /// Canonical JSON (RFC 8785).
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.canonise(&mut out);
        out
    }

    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(members) => members.iter().find(|(have, _)| have == name).map(|(_, value)| value),
            _ => None,
        }
    }

    fn spell(&self, level: usize, out: &mut String) {
        match self {
            Self::List(items) if !items.is_empty() => {
                for (place, item) in items.iter().enumerate() {
                    out.push_str(if place == 0 { "[" } else { "," });
                    break_line(level + 1, out);
                    item.spell(level + 1, out);
                }
                break_line(level, out);
                out.push(']');
            }
            Self::Object(members) if !members.is_empty() => {
                for (place, (name, value)) in members.iter().enumerate() {
                    out.push_str(if place == 0 { "{" } else { "," });
                    break_line(level + 1, out);
                    write_string(name, out);
                    out.push_str(": ");
                    value.spell(level + 1, out);
                }
                break_line(level, out);
                out.push('}');
            }
            flat => flat.canonise(out),
        }
    }

    fn canonise(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::String(text) => write_string(text, out),
            Self::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    item.canonise(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
                out.push('{');
                for (place, (name, value)) in sorted.into_iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    write_string(name, out);
                    out.push(':');
                    value.canonise(out);
                }
                out.push('}');
            }
        }
    }
}

fn break_line(level: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

/// The escapes of RFC 8785, section 3.2.2.2, which are those of the file as well.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Reads one value, and counts it.
#[derive(Clone, Copy)]
struct Value<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let count = self.0.get() + 1;
        if count > MOST_VALUES {
            return Err(D::Error::custom(format!("more than {MOST_VALUES} values")));
        }
        self.0.set(count);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value without fractions")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        match i64::try_from(number) {
            Ok(whole) if number <= LARGEST => Ok(Json::Number(whole)),
            _ => Err(E::custom("a number beyond 2^53 - 1")),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        if number.unsigned_abs() <= LARGEST {
            Ok(Json::Number(number))
        } else {
            Err(E::custom("a number beyond 2^53 - 1"))
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("the member `{name}` twice")));
            }
            object.push((name, members.next_value_seed(self)?));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_format_does_not_know_is_refused() {
        for text in
            ["", "1.5", "1e3", "-0", "9007199254740992", "{\"a\":1,\"a\":1}", "[1,]", "1 2", "\"\\ud800\"", "nul"]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
        assert_eq!(Json::parse("-9007199254740991"), Ok(Json::Number(-9_007_199_254_740_991)));
    }

    #[test]
    fn both_spellings_are_those_of_the_format() {
        let json = Json::parse("{\"b\":[],\"a\":[1,{}],\"\\u0001\\n\":\"é\\u001f\\\"/\"}").unwrap();
        assert_eq!(json.canonical(), "{\"\\u0001\\n\":\"é\\u001f\\\"/\",\"a\":[1,{}],\"b\":[]}");
        assert_eq!(
            json.spelt(),
            "{\n  \"b\": [],\n  \"a\": [\n    1,\n    {}\n  ],\n  \"\\u0001\\n\": \"é\\u001f\\\"/\"\n}\n"
        );
        // By UTF-16 units, not by code points: U+10000 begins with D800, below U+FB33.
        let json = Json::parse("{\"\u{fb33}\":1,\"\u{10000}\":2}").unwrap();
        assert_eq!(json.canonical(), "{\"\u{10000}\":2,\"\u{fb33}\":1}");
    }
}
