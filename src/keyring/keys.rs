//! Keys of entries, of what is put aside, and of those who sign.

use crate::codec::{self, Commitment, Nonce};
use crate::exhibit::Opening;
use ed25519_dalek::SigningKey;
use ring::aead::{self, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use zeroize::Zeroize;

/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes of a seal's tag.
pub const TAG: usize = aead::MAX_TAG_LEN;

/// Which of an account's two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything but the text of chats.
    Body,
    /// The text of chats.
    Content,
}

/// The key of one part of one entry.
pub struct EntryKey(pub(super) [u8; 32]);

impl Drop for EntryKey {
    fn drop(&mut self) {
        // Of an array the library wipes byte after byte by an iterator, which takes five times as long as a slice.
        self.0.as_mut_slice().zeroize();
    }
}

impl EntryKey {
    /// The key of bodies that are not sealed: policies and erasures.
    pub const OPEN: EntryKey = EntryKey([0; 32]);

    /// The commitment to `plaintext`.
    pub fn commit(&self, plaintext: &[u8]) -> Commitment {
        codec::commitment(&self.0, plaintext)
    }

    /// The digest by which a verdict is attested.
    pub fn attest(&self, line: &[u8]) -> [u8; 32] {
        codec::verdict_digest(&self.0, line)
    }

    /// Encrypts all of `bytes` but the last, which are room for the tag, in their place.
    pub fn seal(&self, nonce: Nonce, bytes: &mut [u8]) {
        let (text, tag) = bytes.split_at_mut(bytes.len() - TAG);
        let sealed = self.cipher().seal_in_place_separate_tag(unique(nonce), Aad::empty(), text);
        tag.copy_from_slice(sealed.expect("a message in memory is not too long").as_ref());
    }

    /// The same of a copy.
    #[cfg(test)]
    pub fn sealed(&self, nonce: Nonce, plaintext: &[u8]) -> Vec<u8> {
        let mut bytes = [plaintext, &[0; TAG]].concat();
        self.seal(nonce, &mut bytes);
        bytes
    }

    /// Decrypts, or `None` if the bytes were not sealed under this key. What an older version sealed has a nonce of zeros.
    pub fn unseal(&self, nonce: Nonce, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.unseal_onto(nonce, sealed, &mut bytes)?;
        Some(bytes)
    }

    /// The same at the end of `bytes`, which are as they were where it fails.
    pub(super) fn unseal_onto(&self, nonce: Nonce, sealed: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
        let (cipher, start) = (self.cipher(), bytes.len());
        let mut open = |nonce: Nonce| {
            bytes.truncate(start);
            bytes.extend_from_slice(sealed);
            Some(cipher.open_in_place(unique(nonce), Aad::empty(), &mut bytes[start..]).ok()?.len())
        };
        let len = open(nonce).or_else(|| open(Nonce::ZERO));
        bytes.truncate(start + len.unwrap_or(0));
        len.map(drop)
    }

    /// The key, and a plaintext that was unsealed with it or never sealed, to be shown to somebody.
    pub fn disclose(&self, plaintext: &[u8]) -> Opening {
        Opening { key: self.0, plaintext: plaintext.to_vec() }
    }

    fn cipher(&self) -> LessSafeKey {
        cipher(&CHACHA20_POLY1305, &self.0)
    }
}

/// A key that is made up for one process and stands nowhere else: for what is put aside while it runs. AES-256-GCM, which
/// processors have instructions for: nobody else ever reads it, and no two messages have one number.
#[derive(Zeroize)]
#[zeroize(drop)]
pub struct PassingKey([u8; 32]);

impl PassingKey {
    /// A new one.
    pub fn fresh() -> PassingKey {
        PassingKey(random())
    }

    /// Encrypts under a number that no other message gets.
    pub fn seal(&self, number: u64, mut bytes: Vec<u8>) -> Vec<u8> {
        let sealed = cipher(&AES_256_GCM, &self.0).seal_in_place_append_tag(numbered(number), Aad::empty(), &mut bytes);
        sealed.expect("a message in memory is not too long");
        bytes
    }

    /// Decrypts what was sealed under that number, or `None` if it was changed.
    pub fn unseal(&self, number: u64, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let len = cipher(&AES_256_GCM, &self.0).open_in_place(numbered(number), Aad::empty(), &mut sealed).ok()?.len();
        sealed.truncate(len);
        Some(sealed)
    }
}

fn cipher(algorithm: &'static Algorithm, key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a key has 32 bytes"))
}

fn numbered(number: u64) -> aead::Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    aead::Nonce::assume_unique_for_key(nonce)
}

/// INVARIANT (one key and nonce, one message) is what the library asks for.
fn unique(nonce: Nonce) -> aead::Nonce {
    aead::Nonce::assume_unique_for_key(nonce.0)
}

/// A fresh key for somebody who signs, a witness say.
pub fn fresh_signing_key() -> SigningKey {
    let mut seed = random::<32>();
    let key = SigningKey::from_bytes(&seed);
    seed.zeroize();
    key
}

/// Fills with bytes of the system's generator.
pub fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system's random generator works");
}

/// Bytes of the system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
