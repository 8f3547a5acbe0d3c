//! Checkpoints: the tree's size and root as a C2SP signed note (tlog-checkpoint over signed-note, Ed25519).
//!
//! ```text
//! inforce/4f1c2a90
//! 1204
//! 3q2+7w…=            (base64 of the root)
//!
//! — inforce/4f1c2a90 AbCd…=      (base64 of the 4-byte key id and the 64-byte signature)
//! — witness.example/w1 EfGh…=    (the same of a witness, with a time before the signature)
//! ```
//!
//! Lines of others behind the third (extensions) are signed with the rest and mean nothing here. Signatures of unknown
//! keys are passed over; a bad one of a known key refuses the note.

mod cosignature;
mod encoding;
mod key;
mod note;

pub use cosignature::{Cosignature, Cosigned};
pub use encoding::{decimal, from_base64, hash_from_base64, hash_to_base64, to_base64};
pub use key::{KeyType, VerifierKey, WitnessKey};
pub use note::{MAX_NOTE, MAX_SIGNATURES, Note, SignatureLine, is_key_name};

use crate::merkle::{NodeHash, TreeHead, TreeSize};
use ed25519_dalek::{Signer as _, SigningKey};

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
    #[error("malformed: expected {0}")]
    Malformed(&'static str),
    /// No signature of the key that was asked for.
    #[error("the checkpoint carries no signature by `{0}`")]
    NoSignature(String),
    /// A signature that does not hold.
    #[error("the signature by `{0}` does not verify")]
    BadSignature(String),
    /// A key that signs something else.
    #[error("the key of `{0}` is of another type: expected one {1}")]
    WrongType(String, &'static str),
}

impl Note {
    /// A note over `text` that the log of that name signs.
    pub fn signed(text: String, name: &str, key: &SigningKey) -> Note {
        let verifier = VerifierKey::new(name, key.verifying_key());
        let signature = key.sign(text.as_bytes()).to_bytes().to_vec();
        let line = SignatureLine { id: verifier.id(), name: verifier.name, signature };
        Note::new(text, vec![line])
    }

    /// Whether the log `verifier` signed it: every signature of its must hold, and there must be one.
    pub fn verify(&self, verifier: &VerifierKey) -> Result<(), NoteError> {
        if verifier.kind() != KeyType::Log {
            return Err(NoteError::WrongType(verifier.name.clone(), "of a log: type 1"));
        }
        let mut found = false;
        for line in verifier.lines(self) {
            verifier.check(self.text().as_bytes(), &line.signature)?;
            found = true;
        }
        if found { Ok(()) } else { Err(NoteError::NoSignature(verifier.name.clone())) }
    }
}

impl Checkpoint {
    /// Size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root }
    }

    /// The text that is signed.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size.0, hash_to_base64(&self.root))
    }

    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        Note::signed(self.body(), &self.origin, key).to_string()
    }

    /// Opens a note whose signature by `verifier` holds.
    pub fn open(note: &str, verifier: &VerifierKey) -> Result<Checkpoint, NoteError> {
        Checkpoint::of(&Note::parse(note)?, verifier)
    }

    /// The checkpoint that the log `verifier` signed.
    pub fn of(note: &Note, verifier: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::unverified(note)?;
        note.verify(verifier)?;
        Ok(checkpoint)
    }

    /// What a note says, whoever signed it: to learn of which log it is, so by whose key to open it.
    pub fn unverified(note: &Note) -> Result<Checkpoint, NoteError> {
        let lines: Vec<&str> = note.text().strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(NoteError::Malformed("origin, size and root, a line each"));
        };
        if origin.is_empty() || extensions.iter().any(|line| line.is_empty()) {
            return Err(NoteError::Malformed("an origin, and no empty line"));
        }
        let size = decimal(size).ok_or(NoteError::Malformed("the size in decimal"))?;
        let root = hash_from_base64(root).ok_or(NoteError::Malformed("a root of 32 bytes in base64"))?;
        Ok(Checkpoint { origin: (*origin).to_owned(), size: TreeSize(size), root })
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

    /// A note over any text, signed as a log does.
    fn sign_text(text: &str) -> String {
        let key = SigningKey::from_bytes(&[7; 32]);
        let id = VerifierKey::new("inforce/test", key.verifying_key()).id();
        let signature = key.sign(text.as_bytes()).to_bytes().to_vec();
        Note::new(text.to_owned(), vec![SignatureLine { name: "inforce/test".into(), id, signature }]).to_string()
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
            assert!(opened.is_err(), "byte {at}: {opened:?}");
        }
    }

    #[test]
    fn a_note_of_the_specification_verifies() {
        let key = VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
        let key = key.expect("a key");
        let text = "This is an example message.\n";
        let line = "\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
        let note = Note::parse(&format!("{text}\n{line}\n")).expect("a note");
        let line = key.lines(&note).next().expect("signed by it");
        assert_eq!(key.check(note.text().as_bytes(), &line.signature), Ok(()));
        assert!(key.check(b"This is another message.\n", &line.signature).is_err());
        // A note, but no checkpoint.
        assert!(matches!(Checkpoint::of(&note, &key), Err(NoteError::Malformed(_))));
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let note = Note::parse(text).expect("a note");
        assert_eq!(Checkpoint::unverified(&note).expect("a checkpoint").size, TreeSize(20_852_163));
        assert_eq!((note.signatures()[0].id, note.signatures()[0].signature.len()), ([0x03, 0x3d, 0xe0, 0xae], 64));
    }

    #[test]
    fn extension_lines_are_signed_and_passed_over() {
        let (_, key) = signed();
        let root = hash_to_base64(&NodeHash([3; 32]));
        let text = format!("inforce/test\n12\n{root}\nan extension\nanother \u{e9}\n");
        assert_eq!(Checkpoint::open(&sign_text(&text), &key).expect("signed").root, NodeHash([3; 32]));
        let changed = sign_text(&text).replace("another", "Another");
        assert_eq!(Checkpoint::open(&changed, &key), Err(NoteError::BadSignature("inforce/test".into())));
    }

    #[test]
    fn bodies_that_are_no_checkpoint_are_refused_though_signed() {
        let (_, key) = signed();
        let root = hash_to_base64(&NodeHash([3; 32]));
        for bad in [
            "inforce/test\n12\n".to_owned(),
            format!("\n12\n{root}\n"),
            format!("inforce/test\n012\n{root}\n"),
            format!("inforce/test\n+12\n{root}\n"),
            format!("inforce/test\n\n{root}\n"),
            format!("inforce/test\n12\n{root} \n"),
            format!("inforce/test\n12\n{}\n", &root[..40]),
            format!("inforce/test\n12\n{root}\n\nafter an empty line\n"),
            format!("inforce/test\n12\n{root}\nempty at the end\n\n"),
        ] {
            let opened = Checkpoint::open(&sign_text(&bad), &key);
            assert!(matches!(opened, Err(NoteError::Malformed(_))), "{bad:?}: {opened:?}");
        }
    }
}
