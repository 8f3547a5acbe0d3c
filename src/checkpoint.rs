//! Checkpoints: the tree's size and root as a C2SP signed note (tlog-checkpoint over signed-note, Ed25519).
//!
//! ```text
//! inforce/4f1c2a90
//! 1204
//! 3q2+7w…=            (base64 of the root)
//!
//! — inforce/4f1c2a90 AbCd…=   (base64 of the 4-byte key id and the 64-byte signature)
//! ```

use crate::merkle::{NodeHash, TreeSize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Signed-note's type byte for Ed25519.
const ED25519: u8 = 1;

/// Size and root of a tree, under the name of the log that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: a schema-less URL by convention.
    pub origin: String,
    /// How many leaves.
    pub size: TreeSize,
    /// Their root.
    pub root: NodeHash,
}

/// Why a note was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not of the format.
    #[error("malformed checkpoint: expected {0}")]
    Malformed(&'static str),
    /// No signature of the key that was asked for.
    #[error("the checkpoint carries no signature by `{0}`")]
    NoSignature(String),
    /// A signature that does not hold.
    #[error("the signature by `{0}` does not verify")]
    BadSignature(String),
}

/// A public key with the name that signs: C2SP's verifier key `<name>+<key id>+<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The name on the signature line.
    pub name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key of `name`.
    pub fn new(name: &str, key: VerifyingKey) -> VerifierKey {
        VerifierKey { name: name.to_owned(), key }
    }

    /// Parses `<name>+<key id>+<base64 of type byte and key>`.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        const FORM: NoteError = NoteError::Malformed("a verifier key `<name>+<key id>+<base64>`");
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM);
        };
        let bytes = BASE64.decode(encoded).map_err(|_| FORM)?;
        let Some((&ED25519, key)) = bytes.split_first() else { return Err(FORM) };
        let key: &[u8; 32] = key.try_into().map_err(|_| FORM)?;
        let verifier = VerifierKey::new(name, VerifyingKey::from_bytes(key).map_err(|_| FORM)?);
        if verifier.to_string() != format!("{name}+{id}+{encoded}") {
            return Err(FORM);
        }
        Ok(verifier)
    }

    /// `SHA-256(name || 0x0A || 0x01 || key)[:4]`.
    fn key_id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        hash[..4].try_into().expect("a digest has 32 bytes")
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = u32::from_be_bytes(self.key_id());
        let encoded = BASE64.encode([&[ED25519], self.key.as_bytes().as_slice()].concat());
        write!(f, "{}+{id:08x}+{encoded}", self.name)
    }
}

impl Checkpoint {
    /// The text that is signed.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size.0, BASE64.encode(self.root.0))
    }

    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        let body = self.body();
        let verifier = VerifierKey::new(&self.origin, key.verifying_key());
        let signature = [verifier.key_id().as_slice(), &key.sign(body.as_bytes()).to_bytes()].concat();
        format!("{body}\n\u{2014} {} {}\n", self.origin, BASE64.encode(signature))
    }

    /// Opens a note whose signature by `verifier` holds.
    pub fn open(note: &str, verifier: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let (body, signatures) =
            note.split_once("\n\n").ok_or(NoteError::Malformed("a blank line before the signatures"))?;
        let body = format!("{body}\n");
        let checkpoint = Checkpoint::parse(&body)?;
        let prefix = format!("\u{2014} {} ", verifier.name);
        let mut found = false;
        for line in signatures.lines() {
            let Some(encoded) = line.strip_prefix(&prefix) else { continue };
            let bytes = BASE64.decode(encoded).map_err(|_| NoteError::Malformed("base64 in a signature"))?;
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else { continue };
            if *id != verifier.key_id() {
                continue;
            }
            found = true;
            let signature =
                Signature::from_slice(signature).map_err(|_| NoteError::Malformed("a 64-byte signature"))?;
            if verifier.key.verify_strict(body.as_bytes(), &signature).is_err() {
                return Err(NoteError::BadSignature(verifier.name.clone()));
            }
        }
        if found { Ok(checkpoint) } else { Err(NoteError::NoSignature(verifier.name.clone())) }
    }

    fn parse(body: &str) -> Result<Checkpoint, NoteError> {
        let mut lines = body.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Malformed("origin, size and root, a line each"));
        };
        let canonical = size == "0" || (!size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| canonical).ok_or(NoteError::Malformed("the size in decimal"))?;
        let root = BASE64.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        let root = NodeHash(root.ok_or(NoteError::Malformed("a root of 32 bytes in base64"))?);
        if origin.is_empty() {
            return Err(NoteError::Malformed("an origin"));
        }
        Ok(Checkpoint { origin: origin.to_owned(), size: TreeSize(size), root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (String, VerifierKey) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let checkpoint = Checkpoint { origin: "inforce/test".into(), size: TreeSize(12), root: NodeHash([3; 32]) };
        (checkpoint.sign(&key), VerifierKey::new("inforce/test", key.verifying_key()))
    }

    #[test]
    fn opens_what_was_signed() {
        let (note, key) = signed();
        assert_eq!(Checkpoint::open(&note, &key).expect("signed").size, TreeSize(12));
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let (note, key) = signed();
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let opened = Checkpoint::open(&text, &key);
            // The final newline carries nothing: a note without it opens to the same checkpoint.
            assert!(opened.is_err() || at == note.len() - 1, "byte {at}: {opened:?}");
        }
    }

    #[test]
    fn the_key_id_is_that_of_the_specification() {
        // The example key of the Go implementation of signed notes.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(VerifierKey::parse(text).expect("valid").to_string(), text);
        assert!(VerifierKey::parse(&text.replace("c74f", "c74e")).is_err());
    }
}
