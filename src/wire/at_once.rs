//! A line read in one pass: its `data` where it stands, if `type` and `source` stand before it, as they nearly always do.
//!
//! It takes no line that reading with care would refuse, and does not say what is wrong with one: whoever asks reads it
//! again with care then.

use super::data::{self, Reading};
use super::text::{Id, Object, Plain, WireKind, WireTime};
use super::{Refusal, is_json};
use crate::fact::{Account, Body, Fact, FactId, Kind};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fact of a line; nothing if there is anything to be said against it.
pub fn parse(line: &str) -> Option<Fact> {
    serde_json::from_str(line).ok().and_then(Event::fact)
}

/// An attribute's name.
#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Name {
    SpecVersion,
    Id,
    Source,
    Type,
    Subject,
    Time,
    RecordedTime,
    DataContentType,
    Data,
    #[serde(other)]
    Other,
}

/// What was read of a line.
#[derive(Default)]
struct Event<'a> {
    specversion: Option<&'a str>,
    id: Option<Id>,
    source: Option<Id>,
    kind: Option<WireKind>,
    subject: Option<Id>,
    time: Option<WireTime>,
    recordedtime: Option<Option<WireTime>>,
    datacontenttype: Option<Option<Plain<'a>>>,
    data: Option<Data<'a>>,
}

type Read = (Body, Option<String>);

enum Data<'a> {
    Read(Read),
    /// It stood before what tells how to read it.
    Raw(&'a RawValue),
}

impl<'de> Deserialize<'de> for Event<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Event<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event<'de>, A::Error> {
                let mut event = Event::default();
                while let Some(name) = map.next_key()? {
                    event.take(name, &mut map)?;
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

impl<'de> Event<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Name, map: &mut A) -> Result<(), A::Error> {
        match name {
            Name::SpecVersion => once(&mut self.specversion, map),
            Name::Id => once(&mut self.id, map),
            Name::Source => once(&mut self.source, map),
            Name::Type => once(&mut self.kind, map),
            Name::Subject => once(&mut self.subject, map),
            Name::Time => once(&mut self.time, map),
            Name::RecordedTime => once(&mut self.recordedtime, map),
            Name::DataContentType => once(&mut self.datacontenttype, map),
            Name::Data if self.data.is_some() => Err(A::Error::custom("twice")),
            Name::Data => {
                self.data = Some(match (&self.kind, &self.source) {
                    (Some(kind), Some(source)) => Data::Read(map.next_value_seed(Within(kind.0, &source.0))?),
                    _ => Data::Raw(map.next_value()?),
                });
                Ok(())
            }
            Name::Other => map.next_value().map(|IgnoredAny| ()),
        }
    }

    fn fact(self) -> Option<Fact> {
        let (kind, subject) = (self.kind?.0, self.subject?.0);
        let id = FactId { source: self.source?.0, id: self.id?.0 };
        let is_ours = self.specversion? == "1.0"
            && self.datacontenttype.flatten().is_none_or(|Plain(media)| is_json(&media))
            && (kind == Kind::PolicyAdopted || Account::check(&subject).is_ok());
        if !is_ours {
            return None;
        }
        let (body, content) = match self.data? {
            Data::Read(read) => read,
            Data::Raw(raw) => data::body(kind, data::Careful(raw.get()), &id.source).ok()?,
        };
        let recorded = self.recordedtime.flatten().map(|time| time.0.at);
        Some(Fact { id, subject, time: self.time?.0, recorded, body, content })
    }
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(place: &mut Option<T>, map: &mut A) -> Result<(), A::Error> {
    if place.is_some() {
        return Err(A::Error::custom("twice"));
    }
    *place = Some(map.next_value()?);
    Ok(())
}

/// The `data` of a kind in an event of that source.
struct Within<'a>(Kind, &'a str);

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Read;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        data::body(self.0, InPlace(deserializer), self.1)
    }
}

struct InPlace<D>(D);

impl<'de, D: Deserializer<'de>> Reading<'de> for InPlace<D> {
    type Error = D::Error;
    fn read<T: Deserialize<'de>>(self) -> Result<T, D::Error> {
        Object::deserialize(self.0).map(|Object(value)| value)
    }
    fn refuse(refusal: Refusal) -> D::Error {
        D::Error::custom(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_with_care;
    use super::*;
    use serde_json::Value;

    const LINES: &str = include_str!("../../tests/corpus/wire/all-kinds");

    /// True if it is taken; either way both say the same.
    fn agree(line: &str) -> bool {
        let (at_once, with_care) = (parse(line), parse_with_care(line));
        assert_eq!(at_once, with_care.clone().ok(), "{line}: {with_care:?}");
        at_once.is_some()
    }

    #[test]
    fn takes_every_kind_whatever_stands_first() {
        for line in LINES.lines() {
            let event: serde_json::Map<String, Value> = serde_json::from_str(line).expect("an object");
            assert!(agree(line));
            for turn in 0..event.len() {
                let turned = event.iter().cycle().skip(turn).take(event.len());
                let turned: serde_json::Map<_, _> = turned.map(|(name, value)| (name.clone(), value.clone())).collect();
                assert!(agree(&Value::Object(turned).to_string()), "{turn} of {line}");
            }
        }
    }

    #[test]
    fn takes_nothing_that_care_would_refuse() {
        let others =
            [Value::Null, 7.into(), "".into(), "x/y".into(), "inforce.verdict.attested".into(), vec![7].into()];
        let mut odd = others.iter().map(Value::to_string).collect::<Vec<_>>();
        odd.extend(
            [r#"{"source":"//s","id":"1","id":null}"#, r#"{"conversation":"c","id":null}"#, r#""a\u0007""#]
                .map(str::to_owned),
        );
        odd.extend(
            [r#""a\u0085""#, r#""2025-12-20T12:00:00.5+09:00""#, r#""1\u002e0""#, "[]", "{}", "1e400"]
                .map(str::to_owned),
        );
        let mut taken = 0;
        for line in LINES.lines() {
            // Every value of it, another in its place; and every name of it twice, and no more.
            for (at, _) in line.match_indices(':').filter(|(at, _)| line[..*at].ends_with('"')) {
                let mut rest = serde_json::Deserializer::from_str(&line[at + 1..]).into_iter::<&RawValue>();
                let Some(Ok(_)) = rest.next() else { continue };
                let end = at + 1 + rest.byte_offset();
                let name = line[..at - 1].rfind('"').expect("a name begins");
                for other in &odd {
                    taken += u64::from(agree(&format!("{}{other}{}", &line[..at + 1], &line[end..])));
                }
                taken += u64::from(agree(&format!("{}{},{}", &line[..name], &line[name..end], &line[name..])));
                taken += u64::from(agree(&format!("{}\"more\":[{{}}],{}", &line[..name], &line[name..])));
            }
            (0..line.len()).filter(|at| line.is_char_boundary(*at)).for_each(|at| assert!(!agree(&line[..at])));
            assert!(!agree(&format!("{line} {{}}")) && agree(&format!(" {line}\t ")));
        }
        assert!(taken > 100, "{taken}");
    }
}
