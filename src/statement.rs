//! Statements for others: an in-toto Statement v1 about things named by digests, in a DSSE envelope signed with Ed25519.
//!
//! The statement says what it is about (`subject`), what kind of claim (`predicateType`), and the claim (`predicate`, any
//! JSON object). The envelope signs the statement's exact bytes together with their type, so nothing is re-encoded on the
//! way. Deliberately absent: what a predicate means, and where keys come from.
//!
//! ```text
//! {"payload": "<base64 of the statement>", "payloadType": "application/vnd.in-toto+json",
//!  "signatures": [{"keyid": "inforce/4f1c2a90+…", "sig": "<base64 of 64 bytes>"}]}
//! ```

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The type of every statement of this version.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of the signed bytes: a statement in JSON.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Both alphabets are to be read, padded or not (DSSE, "either standard or URL-safe").
const READ: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const READ_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, READ);
const READ_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, READ);

/// Why a statement or an envelope was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not of the form.
    #[error("malformed {0}: expected {1}")]
    Malformed(&'static str, &'static str),
    /// A type that this program does not know.
    #[error("`{0}`: expected `{1}`")]
    UnknownType(String, &'static str),
    /// No signature by the key that was asked for.
    #[error("no signature of the envelope verifies under the key")]
    NotSigned,
}

/// One thing that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What tells it from the others; may be empty.
    pub name: String,
    /// Digests by the name of their algorithm (`sha256`), in lower-case hex; at least one.
    pub digest: BTreeMap<String, String>,
}

/// A claim about things named by digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about, at least one; no name comes twice.
    pub subject: Vec<Subject>,
    /// The URI of the kind of claim.
    pub predicate_type: String,
    /// The claim.
    pub predicate: Map<String, Value>,
}

/// Reads leniently: members that are not known are passed over.
#[derive(Deserialize)]
struct StatementJson {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<SubjectJson>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct SubjectJson {
    name: Option<String>,
    digest: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
struct SignatureJson {
    keyid: Option<String>,
    sig: String,
}

impl Statement {
    /// The statement's bytes; what does not keep to the rules of its fields is not written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        let subject: Vec<Value> = self.subject.iter().map(subject_json).collect();
        let statement = json!({
            "_type": STATEMENT_TYPE, "subject": subject, "predicateType": self.predicate_type, "predicate": self.predicate,
        });
        Ok(statement.to_string().into_bytes())
    }

    /// Reads a statement's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Statement, StatementError> {
        let read: StatementJson = serde_json::from_slice(bytes).map_err(|_| {
            StatementError::Malformed("statement", "a JSON object with `_type`, `subject` and `predicateType`")
        })?;
        if read.kind != STATEMENT_TYPE {
            return Err(StatementError::UnknownType(read.kind, STATEMENT_TYPE));
        }
        let subject = |read: SubjectJson| Subject { name: read.name.unwrap_or_default(), digest: read.digest };
        let statement = Statement {
            subject: read.subject.into_iter().map(subject).collect(),
            predicate_type: read.predicate_type,
            predicate: read.predicate.unwrap_or_default(),
        };
        statement.check()?;
        Ok(statement)
    }

    fn check(&self) -> Result<(), StatementError> {
        let fail = |expected| Err(StatementError::Malformed("statement", expected));
        if self.subject.is_empty() {
            return fail("at least one subject");
        }
        if self.subject.iter().any(|subject| subject.digest.is_empty()) {
            return fail("a digest of each subject");
        }
        let is_hex = |text: &str| !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(is_lower_hex);
        if self.subject.iter().flat_map(|subject| &subject.digest).any(|(name, hex)| name.is_empty() || !is_hex(hex)) {
            return fail("digests by algorithm, in lower-case hex");
        }
        let names: Vec<&str> =
            self.subject.iter().map(|subject| subject.name.as_str()).filter(|name| !name.is_empty()).collect();
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            return fail("no name of a subject twice");
        }
        if !is_uri(&self.predicate_type) {
            return fail("a `predicateType` that is a URI");
        }
        Ok(())
    }

    /// The statement in an envelope signed by `key`; `keyid` helps readers to find the key, and proves nothing.
    pub fn sign(&self, key: &SigningKey, keyid: &str) -> Result<String, StatementError> {
        let payload = self.to_bytes()?;
        let signature = key.sign(&pae(PAYLOAD_TYPE, &payload)).to_bytes();
        let envelope = EnvelopeJson {
            payload: BASE64.encode(&payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![SignatureJson { keyid: Some(keyid.to_owned()), sig: BASE64.encode(signature) }],
        };
        Ok(serde_json::to_string(&envelope).expect("strings only"))
    }

    /// The statement of an envelope that carries a signature by `key`.
    pub fn verify(envelope: &str, key: &VerifyingKey) -> Result<Statement, StatementError> {
        const FORM: StatementError = StatementError::Malformed(
            "envelope",
            "a JSON object with `payload`, `payloadType` and `signatures`, in base64",
        );
        let envelope: EnvelopeJson = serde_json::from_str(envelope).map_err(|_| FORM)?;
        let payload = decode(&envelope.payload).ok_or(FORM)?;
        let signed = pae(&envelope.payload_type, &payload);
        // The key id decides nothing: a signature counts whatever it says.
        let holds = |signature: &SignatureJson| -> Result<bool, StatementError> {
            let bytes = decode(&signature.sig).ok_or(FORM)?;
            Ok(Signature::from_slice(&bytes).is_ok_and(|signature| key.verify_strict(&signed, &signature).is_ok()))
        };
        let signatures = envelope.signatures.iter().map(holds).collect::<Result<Vec<bool>, _>>()?;
        if !signatures.contains(&true) {
            return Err(StatementError::NotSigned);
        }
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(StatementError::UnknownType(envelope.payload_type, PAYLOAD_TYPE));
        }
        Statement::parse(&payload)
    }
}

/// DSSE's pre-authentication encoding: type and body with their lengths, so that neither can be taken for the other.
pub fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len());
    [head.as_bytes(), body].concat()
}

fn subject_json(subject: &Subject) -> Value {
    let mut object = json!({});
    if !subject.name.is_empty() {
        object["name"] = json!(subject.name);
    }
    object["digest"] = json!(subject.digest);
    object
}

fn decode(text: &str) -> Option<Vec<u8>> {
    READ_STANDARD.decode(text).or_else(|_| READ_URL_SAFE.decode(text)).ok()
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// A scheme, a colon, and something after it, without spaces (RFC 3986, 3.1).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let named = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    named
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && !rest.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn subject(name: &str, hex: &str) -> Subject {
        Subject { name: name.to_owned(), digest: BTreeMap::from([("sha256".to_owned(), hex.to_owned())]) }
    }

    fn statement() -> Statement {
        let Value::Object(predicate) = json!({ "verdict": "deny", "n": 1 }) else { unreachable!() };
        Statement {
            subject: vec![subject("one", "00ff")],
            predicate_type: "https://example.com/p/v1".into(),
            predicate,
        }
    }

    /// The vector of the protocol's document, and the edges of its lengths.
    #[test]
    fn the_encoding_that_is_signed_is_that_of_the_protocol() {
        let encoded = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
        assert_eq!(pae("ä", b"\x00\xff 1"), b"DSSEv1 2 \xc3\xa4 4 \x00\xff 1");
        // No two pairs of type and body are encoded alike.
        assert_ne!(pae("a 1", b"b"), pae("a", b"1 b"));
    }

    #[test]
    fn a_statement_has_exactly_the_members_of_its_specification() {
        let bytes = statement().to_bytes().expect("valid");
        let expected = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"one","digest":{"sha256":"00ff"}}],"predicateType":"https://example.com/p/v1","predicate":{"verdict":"deny","n":1}}"#;
        assert_eq!(String::from_utf8(bytes.clone()).expect("UTF-8"), expected);
        assert_eq!(Statement::parse(&bytes), Ok(statement()));
        // A predicate may be left out, and what is not known is passed over.
        let lean = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha1":"ab"},"uri":"x:y"}],"predicateType":"a:b","more":1}"#;
        let read = Statement::parse(lean.as_bytes()).expect("valid");
        assert_eq!((read.subject[0].name.as_str(), read.predicate.len()), ("", 0));
    }

    #[test]
    fn what_breaks_a_rule_of_a_field_is_neither_written_nor_read() {
        let with = |change: fn(&mut Statement)| {
            let mut wrong = statement();
            change(&mut wrong);
            wrong
        };
        let wrong = [
            with(|s| s.subject.clear()),
            with(|s| s.subject[0].digest.clear()),
            with(|s| s.subject.push(subject("one", "ab"))),
            with(|s| s.subject[0] = subject("one", "00FF")),
            with(|s| s.subject[0] = subject("one", "0")),
            with(|s| s.subject[0] = subject("one", "")),
            with(|s| s.predicate_type = "no uri".into()),
            with(|s| s.predicate_type = String::new()),
        ];
        for wrong in wrong {
            assert!(wrong.to_bytes().is_err(), "{wrong:?}");
            assert!(wrong.sign(&key(), "k").is_err(), "{wrong:?}");
            let subject: Vec<Value> = wrong.subject.iter().map(subject_json).collect();
            let written = json!({ "_type": STATEMENT_TYPE, "subject": subject, "predicateType": wrong.predicate_type });
            assert!(Statement::parse(written.to_string().as_bytes()).is_err(), "{written}");
        }
        let unnamed = with(|s| s.subject = vec![subject("", "ab"), subject("", "cd")]);
        assert!(unnamed.to_bytes().is_ok(), "names may be left out");
        for missing in ["_type", "subject", "predicateType"] {
            let mut object: Value = serde_json::from_slice(&statement().to_bytes().expect("valid")).expect("JSON");
            object.as_object_mut().expect("an object").remove(missing);
            assert!(Statement::parse(object.to_string().as_bytes()).is_err(), "{missing}");
        }
        let other = String::from_utf8(statement().to_bytes().expect("valid"))
            .expect("UTF-8")
            .replace("/v1\",\"subject", "/v0.1\",\"subject");
        assert!(matches!(Statement::parse(other.as_bytes()), Err(StatementError::UnknownType(..))), "{other}");
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_else_does() {
        let envelope = statement().sign(&key(), "inforce/test").expect("signed");
        assert_eq!(Statement::verify(&envelope, &key().verifying_key()), Ok(statement()));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(Statement::verify(&envelope, &other), Err(StatementError::NotSigned));
        let object: Value = serde_json::from_str(&envelope).expect("JSON");
        let members: Vec<&String> = object.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["payload", "payloadType", "signatures"]);
        // Every changed bit of payload and signature.
        for member in ["/payload", "/signatures/0/sig"] {
            let bytes = BASE64.decode(object.pointer(member).and_then(Value::as_str).expect("base64")).expect("base64");
            for at in 0..bytes.len() * 8 {
                let (mut bad, mut changed) = (bytes.clone(), object.clone());
                bad[at / 8] ^= 1 << (at % 8);
                *changed.pointer_mut(member).expect("there") = BASE64.encode(&bad).into();
                let refused = Statement::verify(&changed.to_string(), &key().verifying_key());
                assert_eq!(refused, Err(StatementError::NotSigned), "{member}, bit {at}");
            }
        }
        // The type is signed with the bytes; a key id is a hint only, and may be missing.
        let changed = envelope.replace("in-toto+json", "in-toto+yaml");
        assert_eq!(Statement::verify(&changed, &key().verifying_key()), Err(StatementError::NotSigned));
        for hint in ["\"keyid\":\"somebody else\",", "\"keyid\":null,", "\"keyid\":\"\",", ""] {
            let hinted = envelope.replace("\"keyid\":\"inforce/test\",", hint);
            assert_eq!(Statement::verify(&hinted, &key().verifying_key()), Ok(statement()), "{hint}");
        }
    }

    #[test]
    fn either_alphabet_is_read_and_other_signatures_are_passed_over() {
        let mut object: Value = serde_json::from_str(&statement().sign(&key(), "k").expect("signed")).expect("JSON");
        let urls = |value: &Value| json!(value.as_str().expect("text").replace('+', "-").replace('/', "_"));
        let foreign = SigningKey::from_bytes(&[8; 32]);
        let own = object["signatures"][0].clone();
        let theirs = BASE64.encode(foreign.sign(b"something else").to_bytes());
        object["payload"] = urls(&object["payload"]);
        object["signatures"] = json!([{ "sig": theirs }, { "sig": "" }, { "sig": urls(&own["sig"]) }]);
        assert_eq!(Statement::verify(&object.to_string(), &key().verifying_key()), Ok(statement()));
        object["signatures"] = json!([{ "sig": theirs }]);
        assert_eq!(Statement::verify(&object.to_string(), &key().verifying_key()), Err(StatementError::NotSigned));
        object["signatures"] = json!([]);
        assert_eq!(Statement::verify(&object.to_string(), &key().verifying_key()), Err(StatementError::NotSigned));
        for broken in ["", "{}", "[]", "{\"payload\":\"%\",\"payloadType\":\"x\",\"signatures\":[]}"] {
            assert!(matches!(Statement::verify(broken, &key().verifying_key()), Err(StatementError::Malformed(..))));
        }
    }

    #[test]
    fn a_signed_type_that_is_not_known_is_refused_after_the_signature() {
        let payload = statement().to_bytes().expect("valid");
        let sig = BASE64.encode(key().sign(&pae("text/plain", &payload)).to_bytes());
        let envelope =
            json!({ "payload": BASE64.encode(&payload), "payloadType": "text/plain", "signatures": [{ "sig": sig }] });
        let refused = Statement::verify(&envelope.to_string(), &key().verifying_key());
        assert_eq!(refused, Err(StatementError::UnknownType("text/plain".into(), PAYLOAD_TYPE)));
    }
}
