//! What was sealed, opened, each part behind its key as a commitment is made over it: so many are hashed at once.

use super::keys::{EntryKey, KEY};
use crate::codec::{self, Commitment, Nonce};
use std::ops::Range;
use zeroize::Zeroize;

/// Plaintexts, each behind its key until commitments were made to all of them. Its memory is used again.
///
/// INVARIANT (nowhere else): it never grows while it holds a key, which would leave a copy behind, and every key is
/// overwritten once it served, or when all of it is let go.
#[derive(Default)]
pub struct Keyed {
    bytes: Vec<u8>,
    /// Where each plaintext stands; before it its key.
    places: Vec<Range<usize>>,
    /// Of so many of them the key was overwritten.
    wiped: usize,
}

/// The number of a plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedNo(usize);

impl KeyedNo {
    /// Its place in a list by number.
    pub fn place(self) -> usize {
        self.0
    }
}

impl Keyed {
    /// Forgets what it held, and makes room for so many parts of so many bytes in all, as sealed.
    pub fn begin(&mut self, parts: usize, bytes: usize) {
        self.wipe();
        self.bytes.clear();
        self.bytes.reserve(parts * KEY + bytes);
        self.places.clear();
        self.wiped = 0;
    }

    /// Takes what is sealed under a key, or `None` if it was not sealed under that one.
    pub fn unseal(&mut self, key: &EntryKey, nonce: Nonce, sealed: &[u8]) -> Option<KeyedNo> {
        let start = self.put_key(key, sealed.len());
        if key.unseal_onto(nonce, sealed, &mut self.bytes).is_none() {
            self.bytes[start - KEY..start].zeroize();
            self.bytes.truncate(start - KEY);
            return None;
        }
        Some(self.end(start))
    }

    /// Takes what was never sealed.
    pub fn put(&mut self, key: &EntryKey, plaintext: &[u8]) -> KeyedNo {
        let start = self.put_key(key, plaintext.len());
        self.bytes.extend_from_slice(plaintext);
        self.end(start)
    }

    fn put_key(&mut self, key: &EntryKey, len: usize) -> usize {
        assert!(self.bytes.capacity() - self.bytes.len() >= KEY + len, "room was made for every part");
        self.bytes.extend_from_slice(&key.0);
        self.bytes.len()
    }

    fn end(&mut self, start: usize) -> KeyedNo {
        self.places.push(start..self.bytes.len());
        KeyedNo(self.places.len() - 1)
    }

    /// The commitment to each, by number. Their keys are overwritten.
    pub fn commit(&mut self) -> Vec<Commitment> {
        let commitments = codec::commitments(self.places.iter().map(|place| &self.bytes[place.start - KEY..place.end]));
        self.wipe();
        commitments
    }

    /// A plaintext.
    pub fn text(&self, number: KeyedNo) -> &[u8] {
        &self.bytes[self.places[number.0].clone()]
    }

    fn wipe(&mut self) {
        let bytes = &mut self.bytes;
        self.places[self.wiped..].iter().for_each(|place| bytes[place.start - KEY..place.start].zeroize());
        self.wiped = self.places.len();
    }
}

impl Drop for Keyed {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::random;
    use super::*;

    #[test]
    fn what_was_opened_is_committed_to_and_no_key_is_left_beside_it() {
        let (nonce, mut keyed) = (Nonce([5; 12]), Keyed::default());
        let keys: Vec<EntryKey> = (0..9).map(|_| EntryKey(random())).collect();
        let plaintext = |number: usize| vec![number as u8; 40 * number];
        let seal = |(number, key): (usize, &EntryKey)| key.sealed(nonce, &plaintext(number));
        let sealed: Vec<Vec<u8>> = keys.iter().enumerate().map(seal).collect();
        for _ in 0..2 {
            keyed.begin(10, sealed.iter().map(Vec::len).sum::<usize>() + 1);
            let (room, mut numbers) = (keyed.bytes.as_ptr(), vec![keyed.put(&EntryKey::OPEN, b"x")]);
            for (number, sealed) in sealed.iter().enumerate() {
                assert_eq!(keyed.unseal(&keys[(number + 1) % 9], nonce, sealed), None);
                numbers.push(keyed.unseal(&keys[number], nonce, sealed).expect("it opens"));
            }
            let commitments = keyed.commit();
            assert_eq!((keyed.text(numbers[0]), commitments[0]), (&b"x"[..], EntryKey::OPEN.commit(b"x")));
            for (number, &place) in numbers[1..].iter().enumerate() {
                assert_eq!(keyed.text(place), plaintext(number));
                assert_eq!(commitments[place.place()], keys[number].commit(&plaintext(number)));
            }
            assert!(std::ptr::eq(room, keyed.bytes.as_ptr()), "a copy with keys would have been left");
            assert!(!keys.iter().any(|key| keyed.bytes.windows(KEY).any(|bytes| bytes == key.0)));
        }
    }
}
