//! An entry as it is read back: the header that is hashed, and the body if it can still be read.

use crate::codec::{EntryHash, Header, Record};

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is hashed.
    pub header: Header,
    /// The hash of the header as stored.
    pub hash: EntryHash,
    /// The body; `None` once it was destroyed by an erasure of everything.
    pub record: Option<Record>,
    /// The text of an interaction, where it was asked for and still exists.
    pub content: Option<String>,
}
