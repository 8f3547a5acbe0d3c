//! A bundle: one file of evidence about one decision, checked without the ledger, its keys, or trust in whoever made it.
//!
//! It holds what the verdict rests on and nothing else ([`Needs`]): the decision, its lineage, the streams that it was
//! judged by from their first entry on, proofs that lead from a signed checkpoint to each entry, and the verdict.
//! `docs/format.md` has the format; a program of its own, `tools/auditor`, was written from it.
//!
//! INVARIANT (canonical): a bundle has one spelling; a file that is not spelt so is refused.
//! INVARIANT (one rule): what must be shown is told by one function, for whoever makes a bundle and whoever checks one.
//! Deliberately absent: reading a ledger, and any clock: the same ledger gives the same bundle.

mod build;
mod bytes;
mod chart;
mod check;
mod enveloped;
mod manifest;
mod needs;
mod page;
mod words;

pub use build::{BuildError, Sources, build, erased_behind};
pub use bytes::{Base64, Hex};
pub use check::{Checked, Failure, STEPS, Step, Trust, check};
pub use enveloped::PREDICATE_TYPE;
pub use manifest::{Manifest, digest_of};
pub use needs::{Needs, Role};

use crate::fact::FactId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the member `format` says.
pub const FORMAT: &str = "inforce-bundle/1";

/// The longest file that is read, in bytes: an account with very many facts makes a long one.
pub const MAX_LEN: usize = 1 << 30;

/// The file. Every member is described in `docs/format.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Bundle {
    pub format: String,
    pub engine: Engine,
    pub decision: Subject,
    pub verdict: Value,
    pub completeness: Vec<String>,
    pub erasures: Vec<Erasure>,
    pub checkpoint: String,
    pub streams: Vec<StreamPart>,
    pub entries: Vec<EntryPart>,
    pub proofs: Vec<ProofPart>,
    pub summary: String,
    pub manifest: Manifest,
    pub seal: String,
}

/// The program that judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Engine {
    pub name: String,
    pub version: String,
}

impl Engine {
    /// This program.
    pub fn own() -> Engine {
        Engine { name: "inforce".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// The decision that a bundle is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Subject {
    pub seq: u64,
    pub hash: Hex<32>,
    /// Source and id, unless the body was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}

/// A fact's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Name {
    pub source: String,
    pub id: String,
}

impl From<&FactId> for Name {
    fn from(id: &FactId) -> Name {
        Name { source: id.source.clone(), id: id.id.clone() }
    }
}

/// An erasure that took something of what a bundle shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Erasure {
    pub seq: u64,
    pub time: String,
    pub recorded: String,
    pub scope: String,
    pub stream: Hex<16>,
}

/// A stream that is there whole, from its first entry to `tip`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct StreamPart {
    pub stream: Hex<16>,
    pub role: Role,
    /// The account, center or policy, where an open body says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Up to which revision the decision itself commits to the stream; none if it does not.
    pub pinned: Option<u64>,
    pub tip: Tip,
}

/// The last entry of a stream that the checkpoint covers, as the ledger states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Tip {
    pub seq: u64,
    pub revision: u64,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct EntryPart {
    pub seq: u64,
    pub header: Base64,
    pub body: Part,
    /// Absent where the entry has no content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Part>,
}

/// A body or a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Shown: the entry key and the plaintext that the header commits to.
    Open {
        /// The entry key.
        key: Hex<32>,
        /// The plaintext.
        plaintext: Base64,
    },
    /// Not needed for the verdict.
    Withheld,
    /// Destroyed by the erasure of that seq.
    Erased {
        /// The erasure's entry.
        by: u64,
    },
}

/// The audit path of an entry in the tree of the checkpoint, nearest sibling first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ProofPart {
    pub seq: u64,
    pub path: Vec<Base64>,
}

impl Bundle {
    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers");
        text.push('\n');
        text
    }

    /// Reads a file; one that is spelt otherwise than [`Bundle::to_text`] spells it is refused.
    pub fn parse(text: &str) -> Result<Bundle, String> {
        if text.len() > MAX_LEN {
            return Err(format!("{} bytes: expected at most {MAX_LEN}", text.len()));
        }
        let bundle: Bundle = serde_json::from_str(text).map_err(|error| format!("not a bundle: {error}"))?;
        if bundle.format != FORMAT {
            return Err(format!("format `{}`: this program reads `{FORMAT}`", bundle.format));
        }
        if bundle.to_text() != text {
            return Err("the file is not in the one form that a bundle is written in: something was changed".to_owned());
        }
        Ok(bundle)
    }
}
