//! Strings with limits, and the small values that are strings on the wire.

use crate::fact::{Category, Digest, Kind, Region, Time};
use serde::de::{Deserialize, Deserializer, Error};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A string of 1 to `MAX` bytes without control characters.
#[derive(Debug)]
pub struct Text<const MAX: usize>(pub String);

/// An id, a source or a reference.
pub type Id = Text<512>;
/// A topic, a name, a version.
pub type Name = Text<256>;

/// A string or its cheapest reading: borrowed where the JSON has no escapes.
fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Cow<'de, str>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a string")
        }
        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
            Ok(Cow::Borrowed(text))
        }
        fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
    }
    deserializer.deserialize_str(Visitor)
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::of(string(deserializer)?)
    }
}

impl<const MAX: usize> Text<MAX> {
    fn of<E: Error>(text: Cow<str>) -> Result<Self, E> {
        if text.is_empty() || text.len() > MAX {
            return Err(E::custom(format!("{} bytes: expected 1 to {MAX}", text.len())));
        }
        // Most texts are ASCII without any, and pass without being decoded.
        let may_be_control = text.bytes().fold(false, |any, byte| any | !(b' '..0x7f).contains(&byte));
        if may_be_control && text.chars().any(char::is_control) {
            return Err(E::custom("expected text without control characters"));
        }
        Ok(Text(text.into_owned()))
    }
}

/// Any string, where it stands if it can.
pub struct Plain<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Plain<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        string(deserializer).map(Plain)
    }
}

/// An id, or a struct that is read from an object.
pub enum TextOr<T> {
    Text(Id),
    Object(T),
}

/// Reads either; `expected` says what it is.
pub fn text_or<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<TextOr<T>, D::Error> {
    struct Visitor<T>(&'static str, PhantomData<T>);
    impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
        type Value = TextOr<T>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<TextOr<T>, E> {
            Text::of(Cow::Borrowed(text)).map(TextOr::Text)
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(TextOr::Object)
        }
    }
    deserializer.deserialize_any(Visitor(expected, PhantomData))
}

/// The text of an interaction, or a policy: any characters, at most 256 KiB.
#[derive(Debug)]
pub struct LongText(pub String);

/// Longest text of an interaction or a policy, in bytes.
pub const MAX_LONG_TEXT: usize = 256 << 10;

impl<'de> Deserialize<'de> for LongText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = string(deserializer)?;
        if text.len() > MAX_LONG_TEXT {
            return Err(D::Error::custom(format!("{} bytes: expected at most {MAX_LONG_TEXT}", text.len())));
        }
        Ok(LongText(text.into_owned()))
    }
}

/// Makes a wire newtype out of a parse function that says what it expected.
macro_rules! parsed {
    ($(#[$doc:meta])* $name:ident($inner:ty), $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = string(deserializer)?;
                let parse: fn(&str) -> Result<$inner, String> = $parse;
                parse(&text).map($name).map_err(|expected| D::Error::custom(format!("`{}`: {expected}", shown(&text))))
            }
        }
    };
}

/// At most 64 characters of what was found, for an error message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

parsed!(/// An RFC 3339 time.
    WireTime(Time), |text| Time::parse(text).map_err(|error| error.to_string()));
parsed!(/// An ISO 3166-1 alpha-2 code.
    WireRegion(Region), |text| Region::parse(text).map_err(|error| error.to_string()));
parsed!(/// A digest.
    WireDigest(Digest), |text| Digest::parse(text).ok_or_else(|| "expected 64 hex digits".to_owned()));
parsed!(/// A type that others may send.
WireKind(Kind), |text| {
    Kind::parse(text).filter(|kind| *kind != Kind::VerdictAttested).ok_or_else(|| "expected a type".to_owned())
});
parsed!(/// A sensitive category.
WireCategory(Category), |text| {
    Category::parse(text).ok_or_else(|| format!("expected one of {}", Category::ALL.map(Category::name).join(", ")))
});

/// An enum of the contract by its name.
#[derive(Debug, Clone, Copy)]
pub struct Named<T>(pub T);

/// Implements [`Named`] for enums of the fact room.
macro_rules! named {
    ($($name:ident),+ $(,)?) => { $(
        impl<'de> Deserialize<'de> for Named<crate::fact::$name> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = string(deserializer)?;
                crate::fact::$name::parse(&text).map(Named).ok_or_else(|| {
                    let names = crate::fact::$name::NAMES.join(", ");
                    D::Error::custom(format!("`{}`: expected one of {names}", shown(&text)))
                })
            }
        }
    )+ };
}
named!(
    Role,
    Channel,
    NoticeStatus,
    Control,
    ConsentState,
    AgeBand,
    Permission,
    PermissionState,
    Agent,
    Modality,
    Purpose,
    ItemKind,
    Outcome,
    Scope,
);

/// A list of at most `MAX` items.
#[derive(Debug)]
pub struct List<T, const MAX: usize>(pub Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> serde::de::Visitor<'de> for Visitor<T, MAX> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                write!(f, "a list of at most {MAX}")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == MAX {
                        return Err(A::Error::custom(format!("expected a list of at most {MAX}")));
                    }
                    list.push(item);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Visitor::<T, MAX>(PhantomData)).map(List)
    }
}

/// A struct that is read from an object only; serde would take a list of its fields as well.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = T;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData)).map(Object)
    }
}
