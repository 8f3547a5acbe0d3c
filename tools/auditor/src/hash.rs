//! The hashes of "Hashes" in the format: BLAKE3 keyed or by context, and what is made with it.

use crate::base::to_hex;
use std::fmt;

/// 32 bytes of BLAKE3 or SHA-256.
pub type Hash = [u8; 32];

/// The name of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

/// The hash of an entry, over its header as stored.
pub fn entry_hash(header: &[u8]) -> Hash {
    blake3::derive_key("inforce 2026-11 entry header", header)
}

/// The commitment to a body or to a content.
pub fn commitment(key: &[u8; 32], plaintext: &[u8]) -> Hash {
    derive("inforce 2026-11 body commitment", &[key, plaintext])
}

/// The stream of a center.
pub fn center_stream(center: &str) -> StreamId {
    StreamId(first_16(derive("inforce 2026-11 center stream", &[center.as_bytes()])))
}

/// The stream of a policy.
pub fn policy_stream(policy: &str) -> StreamId {
    StreamId(first_16(derive("inforce 2026-11 policy stream", &[policy.as_bytes()])))
}

/// The one stream of all attested verdicts.
pub fn attestation_stream() -> StreamId {
    StreamId(first_16(derive("inforce 2026-11 attestation stream", &[])))
}

/// The identity of a fact, under the ledger's identity key.
pub fn fact_identity(identity_key: &[u8; 32], source: &str, id: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(identity_key);
    hasher.update(&(source.len() as u64).to_le_bytes()).update(source.as_bytes()).update(id.as_bytes());
    first_16(*hasher.finalize().as_bytes())
}

/// The digest of pinned heads: stream, revision, hash of each. They must be in the order of their streams.
pub fn pinned(heads: &[(StreamId, u64, Hash)]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("inforce 2026-11 pinned heads");
    for (stream, revision, hash) in heads {
        hasher.update(&stream.0).update(&revision.to_le_bytes()).update(hash);
    }
    *hasher.finalize().as_bytes()
}

fn derive(context: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

fn first_16(hash: Hash) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
    first
}
