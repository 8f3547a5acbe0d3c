//! Proofs as files of text, to be checked without a ledger: that an entry is in a log, and that a log only grew.
//!
//! [`Inclusion`] is C2SP's tlog-proof, and others' programs read it. [`Consistency`] is a format of this program:
//! C2SP has none for the file. Whoever checks brings the keys; nothing in a file is believed for being there.

mod consistency;
mod inclusion;

pub use consistency::Consistency;
pub use inclusion::Inclusion;

use crate::checkpoint::{NoteError, hash_from_base64};
use crate::merkle::NodeHash;

/// A path is no longer than a tree is high.
pub const MAX_HASHES: usize = 63;

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not of the format.
    #[error("malformed proof: expected {0}")]
    Malformed(&'static str),
    /// Its checkpoint does not open.
    #[error("the proof's checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The hashes do not lead to the root.
    #[error("the proof does not show that {0}")]
    Refuted(String),
}

/// One hash a line, none empty.
fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<NodeHash>, ProofError> {
    let hashes: Option<Vec<NodeHash>> = lines.map(hash_from_base64).collect();
    match hashes {
        Some(hashes) if hashes.len() <= MAX_HASHES => Ok(hashes),
        _ => Err(ProofError::Malformed("at most 63 hashes of 32 bytes in base64, a line each")),
    }
}
