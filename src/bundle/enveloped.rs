//! A bundle as the predicate of an in-toto Statement in a DSSE envelope, for those whose tools collect such.

use super::{Bundle, FORMAT};
use crate::checkpoint::VerifierKey;
use crate::statement::{Statement, StatementError, Subject};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use std::collections::BTreeMap;

/// What kind of claim it is: that this evidence is the ledger's.
pub const PREDICATE_TYPE: &str = "inforce:bundle/1";

impl Bundle {
    /// The envelope, signed under the ledger's key. Its subjects are the decision, by its entry hash, and the bundle, by
    /// the digest of its manifest.
    pub fn envelope(&self, key: &SigningKey, origin: &str) -> Result<String, StatementError> {
        let Ok(Value::Object(predicate)) = serde_json::to_value(self) else { unreachable!("a bundle is an object") };
        let subject = |name: String, algorithm: &str, digest: String| Subject {
            name,
            digest: BTreeMap::from([(algorithm.to_owned(), digest)]),
        };
        let statement = Statement {
            subject: vec![
                subject(format!("{origin}/entry/{}", self.decision.seq), "blake3", self.decision.hash.to_string()),
                subject(format!("{origin}/bundle/{}", self.decision.seq), "sha256", self.manifest.digest().to_string()),
            ],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        };
        statement.sign(key, &VerifierKey::new(origin, key.verifying_key()).to_string())
    }

    /// True if a text is an envelope rather than a bundle.
    pub fn is_envelope(text: &str) -> bool {
        text.trim_start().starts_with("{\"payload\"")
    }

    /// The bundle of an envelope that `key` signed.
    pub fn open_envelope(envelope: &str, key: &VerifierKey) -> Result<Bundle, String> {
        let statement = Statement::verify(envelope, key.key()).map_err(|error| error.to_string())?;
        if statement.predicate_type != PREDICATE_TYPE {
            return Err(format!("predicate type `{}`: expected `{PREDICATE_TYPE}`", statement.predicate_type));
        }
        let bundle: Bundle = serde_json::from_value(Value::Object(statement.predicate))
            .map_err(|error| format!("not a bundle: {error}"))?;
        if bundle.format != FORMAT {
            return Err(format!("format `{}`: this program reads `{FORMAT}`", bundle.format));
        }
        let named =
            |digest: String| statement.subject.iter().any(|subject| subject.digest.values().any(|own| *own == digest));
        if !named(bundle.decision.hash.to_string()) || !named(bundle.manifest.digest().to_string()) {
            return Err("the statement is about another decision or bundle than the one in it".to_owned());
        }
        Ok(bundle)
    }
}
