//! A second verifier of `*.inforce.json`: the evidence about one decision, checked without the program that wrote it.
//!
//! It was written from `docs/format.md` and the specifications that it names, and from nothing else. It shares no code
//! with `inforce`, so that one mistake does not pass twice. It judges nothing: whether the verdict follows from the
//! evidence is for `inforce verify-bundle` to say.
//!
//! What is read is hostile until the seal and the checkpoint hold: sizes, depths and counts are bounded, nothing is
//! indexed without a check, and no input makes it panic.

#![forbid(unsafe_code)]

mod audit;
mod base;
mod bundle;
mod chart;
mod codec;
mod evidence;
mod hash;
mod header;
mod json;
mod needs;
mod note;
mod record;
mod steps;
mod time;
mod tree;

pub use audit::{Audit, Outcome, Step, audit};
pub use base::{from_base64, from_hex, to_base64, to_hex};
pub use bundle::MOST_BYTES;
pub use codec::Malformed;
pub use hash::{
    Hash, StreamId, attestation_stream, center_stream, commitment, entry_hash, fact_identity, pinned, policy_stream,
};
pub use header::{Header, Link, StreamLink};
pub use json::Json;
pub use note::{Note, Signer, VerifierKey};
pub use record::{Attested, AttestedRule, FactId, Kind, Record, Says};
pub use tree::{leaf, root, root_by};
