//! That a log only grew: two heads, and the hashes that lead from the one to the other (RFC 6962, 2.1.2).
//!
//! ```text
//! inforce/consistency-proof/v1
//! old 5 <base64 of the root>
//! new 9 <base64 of the root>
//! <base64 of a hash>        (none or more)
//! ```
//!
//! The heads stand in the file so that it says what it proves. They are worth what the checkpoints are that they are
//! compared to.

use super::{ProofError, hashes};
use crate::checkpoint::{decimal, hash_from_base64, hash_to_base64};
use crate::merkle::{NodeHash, TreeHead, TreeSize, verify_consistency};

const FIRST: &str = "inforce/consistency-proof/v1";

/// A proof that one tree is a prefix of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The smaller tree.
    pub old: TreeHead,
    /// The larger one.
    pub new: TreeHead,
    /// The hashes between them.
    pub hashes: Vec<NodeHash>,
}

impl Consistency {
    /// Takes a file apart. Nothing of it was verified.
    pub fn parse(text: &str) -> Result<Consistency, ProofError> {
        let text = text.strip_suffix('\n').ok_or(ProofError::Malformed("a newline at the end"))?;
        let mut lines = text.split('\n');
        if lines.next() != Some(FIRST) {
            return Err(ProofError::Malformed("the first line `inforce/consistency-proof/v1`"));
        }
        let mut head = |name: &str| {
            let (size, root) = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?.split_once(' ')?;
            Some(TreeHead { size: TreeSize(decimal(size)?), root: hash_from_base64(root)? })
        };
        let (old, new) = (head("old"), head("new"));
        let (Some(old), Some(new)) = (old, new) else {
            return Err(ProofError::Malformed("lines `old <size> <root>` and `new <size> <root>`"));
        };
        Ok(Consistency { old, new, hashes: hashes(lines)? })
    }

    /// Verifies that the old tree is a prefix of the new one.
    pub fn verify(&self) -> Result<(), ProofError> {
        let Consistency { old, new, hashes } = self;
        // Every tree extends the empty one, but only if that is the empty one.
        let empty = old.size.0 > 0 || old.root == crate::merkle::empty_root();
        if empty && verify_consistency(old.size, old.root, new.size, new.root, hashes) {
            return Ok(());
        }
        Err(ProofError::Refuted(format!("the first {} entries are those of the {}", old.size.0, new.size.0)))
    }
}

impl std::fmt::Display for Consistency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{FIRST}")?;
        for (name, head) in [("old", &self.old), ("new", &self.new)] {
            writeln!(f, "{name} {} {}", head.size.0, hash_to_base64(&head.root))?;
        }
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", hash_to_base64(hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::EntryHash;
    use crate::merkle::{consistency, leaf, range_root};

    fn proof(old: u64, new: u64) -> Consistency {
        let leaves: Vec<NodeHash> = (0..new).map(|number| leaf(&EntryHash([number as u8; 32]))).collect();
        let head = |size| TreeHead { size: TreeSize(size), root: range_root(leaves.as_slice(), 0, size) };
        let hashes = consistency(leaves.as_slice(), TreeSize(old), TreeSize(new));
        Consistency { old: head(old), new: head(new), hashes }
    }

    #[test]
    fn what_is_written_is_read_and_verifies() {
        for (old, new) in [(0, 0), (0, 5), (1, 2), (3, 7), (4, 9), (9, 9)] {
            let proof = proof(old, new);
            assert_eq!(Consistency::parse(&proof.to_string()), Ok(proof.clone()));
            assert_eq!(proof.verify(), Ok(()), "{old} to {new}");
        }
    }

    #[test]
    fn a_fork_and_a_way_back_are_refuted() {
        let mut forked = proof(3, 7);
        forked.old.root.0[0] ^= 1;
        assert!(matches!(forked.verify(), Err(ProofError::Refuted(_))));
        let good = proof(3, 7);
        let back = Consistency { old: good.new, new: good.old, hashes: good.hashes };
        assert!(matches!(back.verify(), Err(ProofError::Refuted(_))));
        let mut no_empty = proof(0, 5);
        no_empty.old.root.0[0] ^= 1;
        assert!(matches!(no_empty.verify(), Err(ProofError::Refuted(_))));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let good = proof(3, 7).to_string();
        for bad in [
            good.replace("v1", "v2"),
            good.replace("old 3", "old 03"),
            good.replace("old", "odl"),
            good.trim().into(),
            good.clone() + "\n",
        ] {
            assert!(matches!(Consistency::parse(&bad), Err(ProofError::Malformed(_))), "{bad}");
        }
    }
}
