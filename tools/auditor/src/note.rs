//! Signed notes of C2SP: `signed-note`, and the cosignatures of `tlog-cosignature`.
//!
//! A signature by a key that nobody asked about is passed over; one by a known key that does not hold refuses the note.

use crate::base::{from_base64, to_hex};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// More signatures than this are refused; the specification asks for 16 at least.
const MOST_SIGNATURES: usize = 64;

/// What a key signs: notes of its own, or other logs' checkpoints with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// Signature type 0x01.
    Log,
    /// Signature type 0x04.
    Witness,
}

/// A verifier key: `<name>+<key id in hex>+<base64 of type ‖ public key>`.
#[derive(Debug, Clone)]
pub struct VerifierKey {
    /// Whose key it is; a log's origin.
    pub name: String,
    /// What it signs.
    pub signer: Signer,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    /// Reads a verifier key, and checks that its id is the one of name and key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| format!("`{text}` is no verifier key: {why}");
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refused("expected `<name>+<key id>+<base64>`"));
        };
        if !is_name(name) {
            return Err(refused("expected a name without spaces"));
        }
        let bytes = from_base64(material).ok_or_else(|| refused("expected standard base64 behind the second `+`"))?;
        let (kind, key) = bytes.split_first().ok_or_else(|| refused("expected a type and 32 bytes"))?;
        let signer = match kind {
            1 => Signer::Log,
            4 => Signer::Witness,
            _ => return Err(refused("expected type 1 (Ed25519) or 4 (cosignatures)")),
        };
        let key: &[u8; 32] = key.try_into().map_err(|_| refused("expected a public key of 32 bytes"))?;
        let expected = key_id(name, *kind, key);
        if to_hex(&expected) != id {
            return Err(refused(&format!("its key id is {}", to_hex(&expected))));
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| refused("expected a point on the curve"))?;
        Ok(Self { name: name.to_owned(), signer, id: expected, key })
    }
}

/// The first four bytes of SHA-256 over name, newline, type and public key.
fn key_id(name: &str, kind: u8, key: &[u8; 32]) -> [u8; 4] {
    let digest = Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key).finalize();
    digest.first_chunk::<4>().copied().unwrap_or_default()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter == '+' || letter < ' ')
}

/// A note: a text, and lines that are said to sign it.
#[derive(Debug, Clone)]
pub struct Note {
    /// The text, with its last newline.
    pub text: String,
    signatures: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl Note {
    /// Takes a note apart. Nothing is verified yet.
    pub fn parse(note: &str) -> Result<Self, String> {
        if note.contains(|letter: char| letter < ' ' && letter != '\n') {
            return Err("a control character in the note".to_owned());
        }
        let (before, lines) = note.rsplit_once("\n\n").ok_or("no empty line before the signatures of the note")?;
        let lines = lines.strip_suffix('\n').ok_or("no newline at the end of the note")?;
        let signatures = lines.split('\n').map(signature_line).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(format!("more than {MOST_SIGNATURES} signatures on the note"));
        }
        Ok(Self { text: format!("{before}\n"), signatures })
    }

    /// How many signature lines there are.
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// That the key signed it, and that no line of this key is wrong.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), String> {
        let mut signed = false;
        for line in self.signatures.iter().filter(|line| line.name == key.name && line.id == key.id) {
            if !holds(&self.text, &line.signature, key) {
                return Err(format!("a signature by `{}` does not hold", key.name));
            }
            signed = true;
        }
        if signed { Ok(()) } else { Err(format!("no signature by `{}`, key id {}", key.name, to_hex(&key.id))) }
    }
}

fn signature_line(line: &str) -> Result<Line, String> {
    let refused = || format!("`{line}` is no signature line: expected `— <name> <base64>`");
    let (name, encoded) = line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or_else(refused)?;
    let bytes = from_base64(encoded).ok_or_else(refused)?;
    let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(refused)?;
    if !is_name(name) || signature.is_empty() {
        return Err(refused());
    }
    Ok(Line { name: name.to_owned(), id: *id, signature: signature.to_vec() })
}

fn holds(text: &str, signature: &[u8], key: &VerifierKey) -> bool {
    let check = |message: &str, bytes: &[u8]| {
        bytes.try_into().is_ok_and(|bytes: &[u8; 64]| {
            key.key.verify_strict(message.as_bytes(), &Signature::from_bytes(bytes)).is_ok()
        })
    };
    match key.signer {
        Signer::Log => check(text, signature),
        Signer::Witness => signature.split_first_chunk::<8>().is_some_and(|(time, signature)| {
            let time = u64::from_be_bytes(*time);
            time <= i64::MAX as u64 && check(&format!("cosignature/v1\ntime {time}\n{text}"), signature)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of C2SP `signed-note` and `tlog-cosignature`, whose keys are not printed there.
    #[test]
    fn notes_of_the_specifications_come_apart() {
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let parsed = Note::parse(note).unwrap();
        assert_eq!(parsed.text.lines().count(), 3);
        assert_eq!(parsed.signatures(), 1);
        for broken in [
            note.replace("\n\n", "\n"),
            note.trim_end().to_owned(),
            note.replace("— ", "- "),
            note.replace("YQ8=", "YQ9="),
            note.replace("20852163", "2085\t163"),
            format!("{note}\n"),
        ] {
            assert!(Note::parse(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_key_of_the_example_is_read_and_others_are_not() {
        let key = "inforce/example+cd717403+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
        let read = VerifierKey::parse(key).unwrap();
        assert_eq!((read.name.as_str(), read.signer), ("inforce/example", Signer::Log));
        for other in
            [key.replace("cd71", "cd72"), key.replace("AQOh", "AgOh"), key.replace("example", "exa mple"), "a+b".into()]
        {
            assert!(VerifierKey::parse(&other).is_err(), "{other}");
        }
    }
}
