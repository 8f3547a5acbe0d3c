//! The body of `add-checkpoint`: the old size, a consistency proof, an empty line, the checkpoint.
//!
//! ```text
//! old 20852014
//! <base64 of a hash>        (none or more, 63 at most)
//!
//! <the checkpoint>
//! ```

use super::Refusal;
use crate::checkpoint::{MAX_NOTE, decimal, hash_from_base64, hash_to_base64};
use crate::merkle::{NodeHash, TreeSize};

/// Most lines of a proof.
const MAX_PROOF: usize = 63;
/// Longest request that is read, in bytes: a note, and 64 lines before it.
pub const MAX_REQUEST: usize = MAX_NOTE + 64 * 64;

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the proof begins at: the one that the witness cosigned last.
    pub old: TreeSize,
    /// From the old size to that of the checkpoint.
    pub proof: Vec<NodeHash>,
    /// A signed note.
    pub checkpoint: String,
}

impl AddCheckpoint {
    /// Takes a body apart. Nothing of it was verified.
    pub fn parse(body: &str) -> Result<AddCheckpoint, Refusal> {
        if body.len() > MAX_REQUEST {
            return Err(Refusal::Malformed("a shorter body"));
        }
        let (start, checkpoint) = body.split_once("\n\n").ok_or(Refusal::Malformed("an empty line"))?;
        let mut lines = start.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?));
        let old = TreeSize(old.ok_or(Refusal::Malformed("a first line `old <size>`"))?);
        let proof: Option<Vec<NodeHash>> = lines.map(hash_from_base64).collect();
        match proof {
            Some(proof) if proof.len() <= MAX_PROOF => {
                Ok(AddCheckpoint { old, proof, checkpoint: checkpoint.to_owned() })
            }
            _ => Err(Refusal::Malformed("at most 63 hashes of 32 bytes in base64, a line each")),
        }
    }
}

impl std::fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old.0)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", hash_to_base64(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let checkpoint =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} x y\n";
        let body = format!("old 20852014\n{}\n{checkpoint}", HASH.repeat(4));
        let request = AddCheckpoint::parse(&body).expect("a request");
        assert_eq!(
            (request.old, request.proof.len(), request.checkpoint.as_str()),
            (TreeSize(20_852_014), 4, checkpoint)
        );
        assert_eq!(request.to_string(), body);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let good = format!("old 7\n{HASH}\ncheckpoint\n");
        assert!(AddCheckpoint::parse(&good).is_ok());
        assert!(AddCheckpoint::parse(&format!("old 7\n{}\n", HASH.repeat(63))).is_ok());
        for bad in [
            String::new(),
            good.replace("old 7", "old 07"),
            good.replace("old 7", "old  7"),
            good.replace("old 7", "old -7"),
            good.replace("old 7", "size 7"),
            good.replace("\n\n", "\n"),
            good.replace("PlRN", "PlR"),
            good.replace("\n", "\r\n"),
            format!("old 7\n{}\n", HASH.repeat(64)),
            "x".repeat(MAX_REQUEST + 1),
        ] {
            assert!(matches!(AddCheckpoint::parse(&bad), Err(Refusal::Malformed(_))), "{bad}");
        }
    }
}
