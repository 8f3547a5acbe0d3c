//! Many messages hashed at once.
//!
//! BLAKE3 mixes one block after another, so one short message keeps a sixteenth of a wide processor busy. Here whole blocks of
//! as many messages as there are lanes are mixed side by side, and only the last block of each by itself.
//!
//! The library offers this in documented form for one long message only. What is used here it keeps out of its documents, so
//! its version is pinned, and a test holds every length of message to the documented hasher.

use blake3::IncrementCounter;
use blake3::hazmat::{ContextKey, HasherExt as _};
use blake3::platform::{Platform, le_bytes_from_words_32, words_from_le_bytes_32};

/// Bytes of a block.
const BLOCK: usize = 64;
/// Messages up to here are one chunk: a list of blocks, and no tree.
const CHUNK: usize = 1024;
/// Messages mixed side by side, at most.
const LANES: usize = 16;

/// What a block is, by the paper.
mod flag {
    pub const CHUNK_START: u8 = 1 << 0;
    pub const CHUNK_END: u8 = 1 << 1;
    pub const ROOT: u8 = 1 << 3;
    pub const DERIVE_KEY_MATERIAL: u8 = 1 << 6;
}

/// The hash of each message under a context, as if it had been hashed alone.
pub fn hash_each(context: &ContextKey, messages: &[&[u8]]) -> Vec<[u8; 32]> {
    if let [message] = messages {
        return vec![alone(context, message)];
    }
    let mut hashes = vec![[0; 32]; messages.len()];
    // By the whole blocks before the last one, which may be cut.
    let mut same: [Lanes; CHUNK / BLOCK] = std::array::from_fn(|_| Lanes::default());
    for (place, message) in messages.iter().enumerate() {
        let before = message.len().saturating_sub(1) / BLOCK;
        match same.get_mut(before).filter(|_| before > 0) {
            None => hashes[place] = alone(context, message),
            Some(lanes) => {
                lanes.push(place);
                if lanes.len == LANES {
                    mix(before, context, messages, lanes, &mut hashes);
                }
            }
        }
    }
    for (before, lanes) in same.iter_mut().enumerate() {
        mix(before, context, messages, lanes, &mut hashes);
    }
    hashes
}

fn alone(context: &ContextKey, message: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_from_context_key(context).update(message).finalize().as_bytes()
}

/// Places of messages that are mixed side by side.
#[derive(Default)]
struct Lanes {
    places: [usize; LANES],
    len: usize,
}

impl Lanes {
    fn push(&mut self, place: usize) {
        self.places[self.len] = place;
        self.len += 1;
    }
}

/// Hashes the messages of all lanes, each of which has so many whole blocks before its last one, and empties them.
fn mix(before: usize, context: &ContextKey, messages: &[&[u8]], lanes: &mut Lanes, hashes: &mut [[u8; 32]]) {
    let places = &lanes.places[..lanes.len];
    lanes.len = 0;
    match *places {
        [] => return,
        [place] => return hashes[place] = alone(context, messages[place]),
        _ => {}
    }
    // The length of what is mixed is a part of its type.
    macro_rules! dispatch {
        ($($blocks:literal)+) => {
            match before {
                $($blocks => mix_blocks::<{ $blocks * BLOCK }>(context, messages, places, hashes),)+
                _ => unreachable!("a chunk has sixteen blocks, and one of them is the last"),
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

fn mix_blocks<const LEN: usize>(context: &ContextKey, messages: &[&[u8]], places: &[usize], hashes: &mut [[u8; 32]]) {
    let (platform, key) = (Platform::detect(), words_from_le_bytes_32(context));
    let mut begun: [&[u8; LEN]; LANES] = [&[0; LEN]; LANES];
    for (begun, &place) in begun.iter_mut().zip(places) {
        *begun = messages[place].first_chunk().expect("so long it is");
    }
    let mut mixed = [0; 32 * LANES];
    let kind = flag::DERIVE_KEY_MATERIAL;
    let (begun, mixed) = (&begun[..places.len()], &mut mixed[..32 * places.len()]);
    platform.hash_many(begun, &key, 0, IncrementCounter::No, kind, flag::CHUNK_START, 0, mixed);
    for (mixed, &place) in mixed.as_chunks::<32>().0.iter().zip(places) {
        let (last, mut block) = (&messages[place][LEN..], [0; BLOCK]);
        block[..last.len()].copy_from_slice(last);
        let mut words = words_from_le_bytes_32(mixed);
        platform.compress_in_place(&mut words, &block, last.len() as u8, 0, kind | flag::CHUNK_END | flag::ROOT);
        hashes[place] = le_bytes_from_words_32(&words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context() -> ContextKey {
        blake3::hazmat::hash_derive_key_context("inforce test of many messages")
    }

    fn message(len: usize, seed: u8) -> Vec<u8> {
        (0..len).map(|place| (place as u8).wrapping_mul(31).wrapping_add(seed)).collect()
    }

    #[test]
    fn every_length_in_every_lane_is_hashed_as_if_alone() {
        for count in [1, 2, LANES - 1, LANES, LANES + 1] {
            for len in 0..CHUNK + 2 * BLOCK {
                let messages = (0..count).map(|seed| message(len, seed as u8)).collect::<Vec<_>>();
                let messages = messages.iter().map(Vec::as_slice).collect::<Vec<_>>();
                let each = messages.iter().map(|message| alone(&context(), message)).collect::<Vec<_>>();
                assert_eq!(hash_each(&context(), &messages), each, "{count} of {len} bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn messages_of_any_lengths_keep_their_places(lens in prop::collection::vec((0usize..1300, any::<u8>()), 0..200)) {
            let messages = lens.into_iter().map(|(len, seed)| message(len, seed)).collect::<Vec<_>>();
            let messages = messages.iter().map(Vec::as_slice).collect::<Vec<_>>();
            let each = messages.iter().map(|message| alone(&context(), message)).collect::<Vec<_>>();
            prop_assert_eq!(hash_each(&context(), &messages), each);
        }
    }
}
