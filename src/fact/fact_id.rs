//! Identity of facts and references between them.

use bincode::{Decode, Encode};

/// `source` and `id` of a CloudEvent: together the identity of a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct FactId<S = String> {
    /// Who said it: a URI reference such as `//chat`.
    pub source: S,
    /// Its id, unique within the source.
    pub id: S,
}

/// A reference to an earlier fact; on the wire a bare string means the same source.
pub type Reference<S = String> = FactId<S>;

/// What a signal rests on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Source<S = String> {
    /// One fact.
    Fact(Reference<S>),
    /// Some part of a conversation: only the conversation is known.
    Conversation(S),
}

impl<S: std::fmt::Display> std::fmt::Display for FactId<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.source, self.id)
    }
}
