//! That an entry is in a log (C2SP tlog-proof): its index, the path to the root, and the checkpoint, in one file.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>            (may be missing; nothing vouches for it)
//! index 73894
//! <base64 of a hash>        (none or more, from the leaf's sibling upwards)
//!
//! <the checkpoint as it was signed, with the cosignatures that it got>
//! ```

use super::{ProofError, hashes};
use crate::checkpoint::{Checkpoint, Cosigned, VerifierKey, decimal, from_base64, hash_to_base64, to_base64};
use crate::codec::EntryHash;
use crate::merkle::{NodeHash, leaf, verify_inclusion};

const FIRST: &str = "c2sp.org/tlog-proof@v1";

/// A proof of inclusion with its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// For the application; not authenticated.
    pub extra: Option<Vec<u8>>,
    /// The entry's number: its seq.
    pub index: u64,
    /// The path, nearest sibling first.
    pub path: Vec<NodeHash>,
    /// The checkpoint as a signed note, verbatim.
    pub checkpoint: String,
}

impl Inclusion {
    /// Takes a file apart. Nothing of it was verified.
    pub fn parse(text: &str) -> Result<Inclusion, ProofError> {
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(ProofError::Malformed("an empty line"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FIRST) {
            return Err(ProofError::Malformed("the first line `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| from_base64(&line["extra ".len()..]));
        if extra == Some(None) {
            return Err(ProofError::Malformed("base64 behind `extra`"));
        }
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(ProofError::Malformed("a line `index <number>`"))?;
        Ok(Inclusion { extra: extra.flatten(), index, path: hashes(lines)?, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies that `entry` is in the tree that `log` signed, and says which of `witnesses` cosigned that tree.
    pub fn verify(
        &self,
        entry: &EntryHash,
        log: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<Cosigned, ProofError> {
        let cosigned = Cosigned::open(&self.checkpoint, log, witnesses)?;
        let origin = &cosigned.checkpoint.origin;
        if *origin != log.name {
            return Err(ProofError::Refuted(format!("the log is `{}`: its checkpoint is of `{origin}`", log.name)));
        }
        self.leads_to(entry, &cosigned.checkpoint)?;
        Ok(cosigned)
    }

    /// Verifies that `entry` is in the tree of `checkpoint`, which the caller has opened.
    pub fn leads_to(&self, entry: &EntryHash, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let head = checkpoint.head();
        if verify_inclusion(leaf(entry), self.index, head.size, &self.path, head.root) {
            return Ok(());
        }
        let (index, size, origin) = (self.index, head.size.0, &checkpoint.origin);
        Err(ProofError::Refuted(format!("`{entry}` is entry {index} of the {size} in `{origin}`")))
    }
}

impl std::fmt::Display for Inclusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{FIRST}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", hash_to_base64(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Note, NoteError, WitnessKey};
    use crate::merkle::{TreeSize, inclusion, range_root};
    use ed25519_dalek::SigningKey;

    const ENTRY: EntryHash = EntryHash([4; 32]);

    fn log() -> (SigningKey, VerifierKey) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let verifier = VerifierKey::new("inforce/test", key.verifying_key());
        (key, verifier)
    }

    fn witness() -> WitnessKey {
        WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[1; 32])).expect("a name")
    }

    fn proof() -> Inclusion {
        let leaves: Vec<NodeHash> = (0..7).map(|number| leaf(&EntryHash([number; 32]))).collect();
        let root = range_root(leaves.as_slice(), 0, 7);
        let note = Checkpoint { origin: "inforce/test".into(), size: TreeSize(7), root }.sign(&log().0);
        let mut note = Note::parse(&note).expect("a note");
        let line = witness().cosign(note.text(), 1_700_000_000);
        note.add(line);
        let path = inclusion(leaves.as_slice(), 4, TreeSize(7));
        Inclusion { extra: None, index: 4, path, checkpoint: note.to_string() }
    }

    #[test]
    fn what_is_written_is_read_and_verifies() {
        for extra in [None, Some(b"age-v1.2.1".to_vec()), Some(Vec::new())] {
            let proof = Inclusion { extra, ..proof() };
            let read = Inclusion::parse(&proof.to_string()).expect("its own text");
            assert_eq!(read, proof);
            let cosigned = read.verify(&ENTRY, &log().1, &[witness().verifier()]).expect("it verifies");
            assert_eq!((cosigned.checkpoint.size, cosigned.cosignatures.len()), (TreeSize(7), 1));
        }
    }

    #[test]
    fn another_entry_index_path_or_key_is_refused() {
        let (key, good) = (log().1, proof());
        assert!(good.verify(&EntryHash([5; 32]), &key, &[]).is_err());
        for index in (0..9).filter(|&index| index != 4) {
            assert!(Inclusion { index, ..good.clone() }.verify(&ENTRY, &key, &[]).is_err(), "{index}");
        }
        for place in 0..good.path.len() {
            let mut bad = good.clone();
            bad.path.remove(place);
            assert!(bad.verify(&ENTRY, &key, &[]).is_err());
        }
        let other = VerifierKey::new("inforce/test", SigningKey::from_bytes(&[8; 32]).verifying_key());
        let refused = good.verify(&ENTRY, &other, &[]);
        assert_eq!(refused, Err(ProofError::Checkpoint(NoteError::NoSignature("inforce/test".into()))));
    }

    #[test]
    fn the_example_of_the_specification_has_this_form() {
        let hash = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=";
        let text = format!("c2sp.org/tlog-proof@v1\nindex 73894\n{hash}\n{hash}\n\nexample.com/fancylog\n…");
        let read = Inclusion::parse(&text).expect("a proof");
        assert_eq!((read.index, read.path.len(), read.checkpoint.as_str()), (73894, 2, "example.com/fancylog\n…"));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let good = Inclusion { extra: Some(b"x".to_vec()), ..proof() }.to_string();
        for bad in [
            good.replace("@v1", "@v2"),
            good.replace("extra eA==", "extra eA="),
            good.replace("extra eA==\n", "extra eA==\nextra eA==\n"),
            good.replace("index 4", "index 04"),
            good.replace("index 4", "index"),
            good.replace("index 4\n", ""),
            good.replace("index 4\n", "index 4\nnot a hash\n"),
            good.replace("\n\n", "\n"),
            good.replace(
                "index 4\n",
                &format!("index 4\n{}", "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n".repeat(64)),
            ),
        ] {
            assert!(matches!(Inclusion::parse(&bad), Err(ProofError::Malformed(_))), "{bad}");
        }
    }
}
