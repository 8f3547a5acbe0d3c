//! Streams that nobody has keys for: an erasure of everything must have ended each.
//!
//! Slots are synced before they are used, so no crash leaves an entry without one: then the keyring was cut, or is not of
//! this moment.

use super::LedgerError;
use super::heads::Heads;
use super::read::{self, BadEntry};
use crate::codec::StreamId;
use crate::fact::{Body, Kind, Scope};
use crate::journal::RawEntry;

/// Follows a pass over the journal by headers alone.
#[derive(Default)]
pub struct Keyless(Heads);

impl Keyless {
    /// Takes the next entry; `has_keys` says of a stream whether there are any.
    pub fn take(&mut self, raw: &RawEntry, has_keys: impl Fn(StreamId) -> bool) -> Result<(), BadEntry> {
        let (header, _) = read::peek(raw)?;
        let Some(link) = header.streams.first() else { return Ok(()) };
        if header.kind.is_sealed() && !has_keys(link.stream) {
            self.0.expect_end(link.stream, raw.seq);
        }
        if header.kind == Kind::SubjectErased
            && read::open_unsealed(raw, &header)?.body == Body::SubjectErased(Scope::All)
        {
            self.0.end(link.stream);
        }
        Ok(())
    }

    /// The first entry whose keys are gone without an erasure.
    pub fn first(&self) -> Option<u64> {
        self.0.unended().into_iter().map(|(seq, _)| seq).min()
    }

    /// Refuses if there is one.
    pub fn verdict(&self) -> Result<(), LedgerError> {
        self.first().map_or(Ok(()), |seq| Err(LedgerError::KeysMissing(seq)))
    }
}
