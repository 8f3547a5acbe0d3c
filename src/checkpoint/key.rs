//! Keys with names: C2SP's verifier keys, and the secret key of a witness.
//!
//! A key has one type, and the type says what it signs: a log (0x01) the text of a note, a witness (0x04) the text
//! under a header and a time. Key ids commit to the type, so neither can pass for the other.

use super::NoteError;
use super::encoding::{from_base64, to_base64};
use super::note::{Note, SignatureLine, is_key_name};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Ed25519 over the text of a note: type 0x01.
    Log,
    /// A timestamped Ed25519 cosignature of a checkpoint: type 0x04.
    Witness,
}

impl KeyType {
    /// The type's byte in key ids and verifier keys.
    fn byte(self) -> u8 {
        match self {
            KeyType::Log => 1,
            KeyType::Witness => 4,
        }
    }

    fn of(byte: u8) -> Option<KeyType> {
        [KeyType::Log, KeyType::Witness].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// A public key with the name that signs: C2SP's verifier key `<name>+<key id>+<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The name on the signature line.
    pub name: String,
    kind: KeyType,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key of the log `name`.
    pub fn new(name: &str, key: VerifyingKey) -> VerifierKey {
        VerifierKey { name: name.to_owned(), kind: KeyType::Log, key }
    }

    /// The key of the witness `name`.
    pub fn witness(name: &str, key: VerifyingKey) -> VerifierKey {
        VerifierKey { name: name.to_owned(), kind: KeyType::Witness, key }
    }

    /// Parses `<name>+<key id>+<base64 of type byte and key>`.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        const FORM: NoteError = NoteError::Malformed("a verifier key `<name>+<key id>+<base64>` of type 1 or 4");
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM);
        };
        let bytes = from_base64(encoded).ok_or(FORM)?;
        let (&kind, key) = bytes.split_first().ok_or(FORM)?;
        let kind = KeyType::of(kind).ok_or(FORM)?;
        let key = VerifyingKey::from_bytes(key.try_into().map_err(|_| FORM)?).map_err(|_| FORM)?;
        let verifier = VerifierKey { name: name.to_owned(), kind, key };
        // A weak key verifies signatures over anything.
        if !is_key_name(name) || key.is_weak() || verifier.to_string() != format!("{name}+{id}+{encoded}") {
            return Err(FORM);
        }
        Ok(verifier)
    }

    /// What it signs.
    pub fn kind(&self) -> KeyType {
        self.kind
    }

    /// The key itself.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// True if both wrap the same public key, whatever their names.
    pub fn same_key(&self, other: &VerifierKey) -> bool {
        self.key == other.key
    }

    /// `SHA-256(name || 0x0A || type || key)[:4]`.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.key.as_bytes())
            .finalize();
        hash[..4].try_into().expect("a digest has 32 bytes")
    }

    /// The signature lines that say to be of this key: name and id are both its own.
    pub(super) fn lines<'a>(&'a self, note: &'a Note) -> impl Iterator<Item = &'a SignatureLine> {
        let id = self.id();
        note.signatures().iter().filter(move |line| line.name == self.name && line.id == id)
    }

    /// Whether `signature` is of this key over `message`, strictly: no weak point, no second form.
    pub(super) fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), NoteError> {
        let bad = || NoteError::BadSignature(self.name.clone());
        let signature = Signature::from_slice(signature).map_err(|_| bad())?;
        self.key.verify_strict(message, &signature).map_err(|_| bad())
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let encoded = to_base64(&[&[self.kind.byte()], self.key.as_bytes().as_slice()].concat());
        write!(f, "{}+{id:08x}+{encoded}", self.name)
    }
}

/// The secret key of a witness. Wiped when dropped; it has no form for people on purpose.
pub struct WitnessKey {
    name: String,
    key: SigningKey,
}

const SECRET: &str = "PRIVATE+KEY+";

impl WitnessKey {
    /// The key of the witness `name`, which must be fit for a signature line.
    pub fn new(name: &str, key: SigningKey) -> Result<WitnessKey, NoteError> {
        if is_key_name(name) {
            Ok(WitnessKey { name: name.to_owned(), key })
        } else {
            Err(NoteError::Malformed("a name without spaces or `+`"))
        }
    }

    /// Parses what [`WitnessKey::to_secret`] wrote.
    pub fn parse(text: &str) -> Result<WitnessKey, NoteError> {
        const FORM: NoteError = NoteError::Malformed("a secret key `PRIVATE+KEY+<name>+<key id>+<base64>` of type 4");
        let mut parts = text.trim().strip_prefix(SECRET).ok_or(FORM)?.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM);
        };
        let bytes = Zeroizing::new(from_base64(encoded).ok_or(FORM)?);
        let Some((4, seed)) = bytes.split_first() else { return Err(FORM) };
        let mut seed: [u8; 32] = seed.try_into().map_err(|_| FORM)?;
        let key = WitnessKey::new(name, SigningKey::from_bytes(&seed));
        seed.zeroize();
        key.and_then(|key| if key.hex_id() == id { Ok(key) } else { Err(FORM) })
    }

    /// `PRIVATE+KEY+<name>+<key id>+<base64 of type byte and seed>`: for its file and nothing else.
    pub fn to_secret(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([KeyType::Witness.byte(); 33]);
        bytes[1..].copy_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(to_base64(&*bytes));
        let id = self.hex_id();
        // Room for all of it at once: what is moved as it grows leaves copies behind.
        let mut text =
            Zeroizing::new(String::with_capacity(SECRET.len() + self.name.len() + id.len() + encoded.len() + 2));
        [SECRET, &self.name, "+", &id, "+", &encoded].iter().for_each(|part| text.push_str(part));
        text
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::witness(&self.name, self.key.verifying_key())
    }

    fn hex_id(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.verifier().id()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.key.sign(message).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_others_are_read_and_written_alike() {
        // From the specification of signed notes, the Go implementation of them, and its cosignatures.
        for (text, kind) in [
            ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyType::Log),
            ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyType::Log),
            ("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6", KeyType::Log),
            ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", KeyType::Witness),
        ] {
            let key = VerifierKey::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((key.to_string().as_str(), key.kind()), (text, kind));
        }
    }

    #[test]
    fn keys_that_are_not_what_they_say_are_refused() {
        let good = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let weak = VerifierKey::new("x", VerifyingKey::from_bytes(&[0; 32]).expect("a point")).to_string();
        for bad in [
            "bananas.sigstore.dev+12344556",
            "rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!",
            "rekor.sigstore.dev+12345678+AwEB",
            &good.replace("c74f", "c74e"),
            &good.replace("c74f20a3", "C74F20A3"),
            &good.replace("PeterNeumann", ""),
            &good.replace("PeterNeumann", "Peter Neumann"),
            // The same key as one of a witness: the id commits to the type.
            &good.replace("+ARpc", "+BBpc"),
            &weak,
        ] {
            assert!(VerifierKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_key_comes_back_from_its_text() {
        let key = WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[9; 32])).expect("a name");
        let secret = key.to_secret();
        let again = WitnessKey::parse(&secret).expect("its own text");
        assert_eq!(again.verifier(), key.verifier());
        assert_eq!(VerifierKey::parse(&key.verifier().to_string()), Ok(key.verifier()));
        assert!(WitnessKey::parse(&secret.replace("w1", "w2")).is_err());
        assert!(WitnessKey::parse(&key.verifier().to_string()).is_err());
        assert!(WitnessKey::new("two words", SigningKey::from_bytes(&[9; 32])).is_err());
    }
}
