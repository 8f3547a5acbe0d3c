//! Sealing many plaintexts together.

use super::keys::{EntryKey, KEY, TAG};
use crate::codec::{self, Commitment, Nonce};
use std::ops::Range;
use zeroize::Zeroize;

/// Plaintexts to be committed to and sealed, all in one buffer: each stands behind room for its key and before room for its tag, so
/// that all commitments are made at once and nothing is moved.
///
/// INVARIANT (nowhere else): keys stay where whoever asked for them holds them, and stand in the buffer only once it has stopped
/// growing and until commitments are made.
pub struct Sealing<'a> {
    bytes: Vec<u8>,
    parts: Vec<Draft<'a>>,
}

struct Draft<'a> {
    key: &'a EntryKey,
    /// `None` where it is committed to and stays open.
    nonce: Option<Nonce>,
    plaintext: Range<usize>,
}

/// A part as it is stored.
pub struct Sealed {
    /// Where it stands among the bytes.
    pub place: Range<usize>,
    /// The commitment to what it says.
    pub commitment: Commitment,
}

impl<'a> Sealing<'a> {
    /// Nothing yet, and room for so many parts of so many bytes.
    pub fn with_room(parts: usize, bytes: usize) -> Sealing<'a> {
        Sealing { bytes: Vec::with_capacity(bytes), parts: Vec::with_capacity(parts) }
    }

    /// Adds what `write` appends, to be sealed under a nonce, or left open without one.
    pub fn add(&mut self, key: &'a EntryKey, nonce: Option<Nonce>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len() + KEY;
        self.bytes.resize(start, 0);
        write(&mut self.bytes);
        let plaintext = start..self.bytes.len();
        if nonce.is_some() {
            self.bytes.resize(plaintext.end + TAG, 0);
        }
        self.parts.push(Draft { key, nonce, plaintext });
    }

    /// The bytes as they are stored, among others, and the parts in the order in which they were added.
    pub fn finish(self) -> (Vec<u8>, Vec<Sealed>) {
        let Sealing { mut bytes, parts } = self;
        // Only now: a buffer that grows leaves a copy behind.
        parts.iter().for_each(|part| bytes[part.behind_key()][..KEY].copy_from_slice(&part.key.0));
        let commitments = codec::commitments(parts.iter().map(|part| &bytes[part.behind_key()]));
        let sealed = parts.iter().zip(commitments).map(|(part, commitment)| {
            bytes[part.behind_key()][..KEY].zeroize();
            Sealed { place: part.seal(&mut bytes), commitment }
        });
        let sealed = sealed.collect();
        (bytes, sealed)
    }
}

impl Draft<'_> {
    /// The plaintext, and room for the key before it.
    fn behind_key(&self) -> Range<usize> {
        self.plaintext.start - KEY..self.plaintext.end
    }

    /// Seals it where it stands, if it is to be.
    fn seal(&self, bytes: &mut [u8]) -> Range<usize> {
        let Some(nonce) = self.nonce else { return self.plaintext.clone() };
        let place = self.plaintext.start..self.plaintext.end + TAG;
        self.key.seal(nonce, &mut bytes[place.clone()]);
        place
    }
}
