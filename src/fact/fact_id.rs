//! Identity of facts and references between them.

use bincode::{Decode, Encode};

/// `source` and `id` of a CloudEvent: together the identity of a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct FactId {
    /// Who said it: a URI reference such as `//chat`.
    pub source: String,
    /// Its id, unique within the source.
    pub id: String,
}

/// A reference to an earlier fact; on the wire a bare string means the same source.
pub type Reference = FactId;

/// What a signal rests on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Source {
    /// One fact.
    Fact(Reference),
    /// Some part of a conversation: only the conversation is known.
    Conversation(String),
}

impl std::fmt::Display for FactId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.source, self.id)
    }
}
