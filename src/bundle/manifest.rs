//! The manifest: a digest of every part of a bundle, and the ledger's signature over them.
//!
//! ```text
//! inforce bundle
//! <origin>
//! <SHA-256 of the manifest, in hex>
//!
//! — <origin> <base64 of key id ‖ signature>
//! ```
//!
//! The first line keeps it apart from a checkpoint, whose first line is the origin and whose second is a number. The seal
//! says who made the bundle and that nobody changed it since; what its maker may have got wrong is for the other checks.

use super::{Bundle, Hex};
use crate::checkpoint::{Note, NoteError, VerifierKey};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// SHA-256 of each part's canonical JSON (RFC 8785), by the part's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(pub BTreeMap<String, Hex<32>>);

impl Manifest {
    /// Of every member but manifest and seal.
    pub fn of(bundle: &Bundle) -> Manifest {
        let Ok(Value::Object(parts)) = serde_json::to_value(bundle) else { unreachable!("a bundle is an object") };
        let parts = parts.iter().filter(|(name, _)| !matches!(name.as_str(), "manifest" | "seal"));
        Manifest(parts.map(|(name, part)| (name.clone(), digest_of(part))).collect())
    }

    /// The digest of the whole: what the seal signs.
    pub fn digest(&self) -> Hex<32> {
        digest_of(&serde_json::to_value(self).expect("names and digests"))
    }

    /// The text that the seal signs.
    pub fn text(&self, origin: &str) -> String {
        format!("inforce bundle\n{origin}\n{}\n", self.digest())
    }

    /// Signs it.
    pub fn seal(&self, origin: &str, key: &SigningKey) -> String {
        Note::signed(self.text(origin), origin, key).to_string()
    }

    /// Whether `seal` is the signature of `key` over this manifest.
    pub fn verify(&self, seal: &str, key: &VerifierKey) -> Result<(), String> {
        let note = Note::parse(seal).map_err(|error| error.to_string())?;
        if note.signatures().len() != 1 {
            return Err("the seal carries other signatures than the ledger's".to_owned());
        }
        note.verify(key).map_err(|error: NoteError| error.to_string())?;
        if note.text() == self.text(&key.name) { Ok(()) } else { Err("the seal is of another bundle".to_owned()) }
    }
}

/// SHA-256 over the canonical JSON of a value.
pub fn digest_of(value: &Value) -> Hex<32> {
    let canonical = serde_json::to_vec(&sorted(value)).expect("strings and numbers");
    Hex(Sha256::digest(canonical).into())
}

/// Members in the order of their names, as RFC 8785 has them: names here are ASCII, and numbers are whole.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: BTreeMap<&String, &Value> = members.iter().collect();
            let members = ordered.into_iter().map(|(name, member)| (name.clone(), sorted(member)));
            Value::Object(members.collect::<Map<String, Value>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
