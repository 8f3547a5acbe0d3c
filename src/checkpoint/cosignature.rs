//! Cosignatures (C2SP tlog-cosignature, Ed25519): a witness says when it saw this head as the log's largest.
//!
//! What is signed is `cosignature/v1`, a line with the time, and the whole text of the note, extension lines included.
//! The signature is the time as u64 in big-endian, then 64 bytes of Ed25519. The time is of the witness's clock; whoever
//! trusts it has to say so elsewhere: this room has no clock.

use super::key::{KeyType, VerifierKey, WitnessKey};
use super::note::{Note, SignatureLine};
use super::{Checkpoint, NoteError};

/// Who cosigned, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness.
    pub witness: VerifierKey,
    /// Seconds since 1970, by the witness's clock.
    pub timestamp: u64,
}

/// A checkpoint that its log signed, and which of the known witnesses cosigned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// One of each witness at most, in the order in which they were asked for.
    pub cosignatures: Vec<Cosignature>,
}

fn message(text: &str, timestamp: u64) -> String {
    format!("cosignature/v1\ntime {timestamp}\n{text}")
}

impl WitnessKey {
    /// Cosigns the text of a checkpoint.
    pub fn cosign(&self, text: &str, timestamp: u64) -> SignatureLine {
        assert!(timestamp <= i64::MAX as u64, "a timestamp is below 2^63");
        let verifier = self.verifier();
        let signed = self.sign(message(text, timestamp).as_bytes());
        let signature = [timestamp.to_be_bytes().as_slice(), &signed].concat();
        SignatureLine { id: verifier.id(), name: verifier.name, signature }
    }
}

impl Cosignature {
    /// The latest cosignature of `witness` on `note`; a bad one of its refuses the note, no one is `None`.
    pub fn find(note: &Note, witness: &VerifierKey) -> Result<Option<Cosignature>, NoteError> {
        if witness.kind() != KeyType::Witness {
            return Err(NoteError::WrongType(witness.name.clone(), "of a witness: type 4"));
        }
        let mut latest = None;
        for line in witness.lines(note) {
            let bad = || NoteError::BadSignature(witness.name.clone());
            let (timestamp, signature) = line.signature.split_first_chunk::<8>().ok_or_else(bad)?;
            let timestamp = u64::from_be_bytes(*timestamp);
            if timestamp > i64::MAX as u64 {
                return Err(bad());
            }
            witness.check(message(note.text(), timestamp).as_bytes(), signature)?;
            latest = latest.max(Some(timestamp));
        }
        Ok(latest.map(|timestamp| Cosignature { witness: witness.clone(), timestamp }))
    }
}

impl Cosigned {
    /// Opens a note that `log` signed, and says which of `witnesses` cosigned it. Signatures of others are passed over.
    pub fn open(note: &str, log: &VerifierKey, witnesses: &[VerifierKey]) -> Result<Cosigned, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::of(&note, log)?;
        let found = witnesses.iter().map(|witness| Cosignature::find(&note, witness));
        let cosignatures = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Cosigned { checkpoint, cosignatures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{NodeHash, TreeSize};
    use ed25519_dalek::SigningKey;

    fn log() -> (SigningKey, VerifierKey) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let verifier = VerifierKey::new("inforce/test", key.verifying_key());
        (key, verifier)
    }

    fn witness(number: u8) -> WitnessKey {
        WitnessKey::new(&format!("witness.example/w{number}"), SigningKey::from_bytes(&[number; 32])).expect("a name")
    }

    fn cosigned() -> Note {
        let checkpoint = Checkpoint { origin: "inforce/test".into(), size: TreeSize(12), root: NodeHash([3; 32]) };
        let mut note = Note::parse(&checkpoint.sign(&log().0)).expect("a note");
        for number in [1, 2] {
            let line = witness(number).cosign(note.text(), 1_700_000_000 + u64::from(number));
            note.add(line);
        }
        note
    }

    #[test]
    fn says_who_cosigned_and_when() {
        let keys = [1, 2, 3].map(|number| witness(number).verifier());
        let opened = Cosigned::open(&cosigned().to_string(), &log().1, &keys).expect("signed");
        assert_eq!(opened.checkpoint.size, TreeSize(12));
        let times: Vec<u64> = opened.cosignatures.iter().map(|cosignature| cosignature.timestamp).collect();
        assert_eq!(times, [1_700_000_001, 1_700_000_002]);
        // Strangers are passed over, however bad.
        assert_eq!(Cosigned::open(&cosigned().to_string(), &log().1, &[]).expect("signed").cosignatures, []);
    }

    #[test]
    fn the_signed_message_is_that_of_the_specification() {
        let message = message(
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            1_679_315_147,
        );
        let expected = "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(message, expected);
        // The example's signature is of an unknown key; its shape is not: 4 bytes, the time, 64 bytes.
        let line = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";
        let line = SignatureLine::parse(line).expect("a line");
        assert_eq!(
            (line.signature.len(), u64::from_be_bytes(line.signature[..8].try_into().expect("8"))),
            (72, 1_679_315_147)
        );
    }

    #[test]
    fn every_changed_bit_of_a_known_signature_is_refused() {
        let note = cosigned();
        let key = witness(2).verifier();
        for bit in 0..72 * 8 {
            let mut lines = note.signatures().to_vec();
            lines[2].signature[bit / 8] ^= 1 << (bit % 8);
            let bad = Note::new(note.text().to_owned(), lines);
            assert_eq!(Cosignature::find(&bad, &key), Err(NoteError::BadSignature(key.name.clone())), "bit {bit}");
        }
    }

    #[test]
    fn a_shared_name_or_id_alone_is_a_stranger() {
        let (note, key) = (cosigned(), witness(2).verifier());
        for change in [|line: &mut SignatureLine| line.name.push('x'), |line: &mut SignatureLine| line.id[0] ^= 1] {
            let mut lines = note.signatures().to_vec();
            change(&mut lines[2]);
            assert_eq!(Cosignature::find(&Note::new(note.text().to_owned(), lines), &key), Ok(None));
        }
    }

    #[test]
    fn a_cosignature_is_no_log_signature_and_no_other_text() {
        let note = cosigned();
        // A log whose key is that of the witness: the types keep them apart.
        let as_log = VerifierKey::new("witness.example/w2", SigningKey::from_bytes(&[2; 32]).verifying_key());
        assert_eq!(Checkpoint::of(&note, &as_log), Err(NoteError::NoSignature(as_log.name.clone())));
        assert!(Checkpoint::of(&note, &witness(2).verifier()).is_err());
        assert!(Cosignature::find(&note, &log().1).is_err());
        let other = Note::new(note.text().replace("12", "13"), note.signatures().to_vec());
        assert!(Cosignature::find(&other, &witness(1).verifier()).is_err());
    }

    #[test]
    fn the_latest_of_several_counts() {
        let mut note = cosigned();
        let line = witness(1).cosign(note.text(), 1_800_000_000);
        note.add(line);
        let found = Cosignature::find(&note, &witness(1).verifier()).expect("good").expect("there");
        assert_eq!(found.timestamp, 1_800_000_000);
    }
}
