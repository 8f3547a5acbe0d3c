//! BLAKE3 of many messages at once.
//!
//! One block of a message is mixed after another, so a short message keeps a sixteenth of a wide processor busy. Here a block of
//! each of sixteen messages is mixed at a time, side by side; a message that is done makes room for the next one.
//!
//! INVARIANT (the same hash): what comes out is what the library's hasher gives for each message alone. Tests hold every length
//! in every lane to that; and a process whose processor or compiler gets it wrong notices before the first use, and hashes one
//! after another.

use fearless_simd::{Level, Simd, dispatch, prelude::*};
use std::sync::LazyLock;
use zeroize::Zeroize;

/// Under what messages are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// A key.
    Key,
    /// The key of a context.
    Context,
}

impl Under {
    fn flag(self) -> u32 {
        match self {
            Under::Key => flag::KEYED_HASH,
            Under::Context => flag::DERIVE_KEY_MATERIAL,
        }
    }
}

/// A key, and the message that is hashed under it.
pub type Keyed<'a> = (&'a [u8; 32], &'a [u8]);

/// Bytes of a block.
const BLOCK: usize = 64;
/// Messages up to here are one chunk: a list of blocks, and no tree.
const CHUNK: usize = 1024;
/// Messages mixed side by side. A narrower processor takes them in several steps.
const LANES: usize = 16;
/// So few are hashed as fast one after another.
const FEW: usize = 4;

/// What a block is, by the paper.
mod flag {
    pub const CHUNK_START: u32 = 1 << 0;
    pub const CHUNK_END: u32 = 1 << 1;
    pub const ROOT: u32 = 1 << 3;
    pub const KEYED_HASH: u32 = 1 << 4;
    pub const DERIVE_KEY_MATERIAL: u32 = 1 << 6;
}

/// The first words of SHA-256's state, which fill up the state of each block.
const INITIAL: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];
/// Which word of the block each word of the next round is.
const PERMUTED: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
/// Which words of the block each round mixes, in their order.
const ROUNDS: [[usize; 16]; 7] = {
    let mut rounds = [[0; 16]; 7];
    let (mut round, mut word) = (0, 0);
    while round < 7 {
        rounds[round][word] = if round == 0 { word } else { rounds[round - 1][PERMUTED[word]] };
        word = (word + 1) % 16;
        round += (word == 0) as usize;
    }
    rounds
};

/// What the processor can do side by side, if it comes to the same hashes.
static LEVEL: LazyLock<Option<Level>> = LazyLock::new(|| Some(Level::new()).filter(|&level| agrees(level)));

/// The hash of each message, as if it had been hashed alone.
pub fn hash_each(under: Under, messages: &[Keyed]) -> Vec<[u8; 32]> {
    match *LEVEL {
        Some(level) if messages.len() > FEW => side_by_side(level, under, messages),
        _ => messages.iter().map(|&message| alone(under, message)).collect(),
    }
}

fn alone(under: Under, (key, message): Keyed) -> [u8; 32] {
    let mut hasher = match under {
        Under::Key => blake3::Hasher::new_keyed(key),
        Under::Context => blake3::hazmat::HasherExt::new_from_context_key(key),
    };
    *hasher.update(message).finalize().as_bytes()
}

fn side_by_side(level: Level, under: Under, messages: &[Keyed]) -> Vec<[u8; 32]> {
    let mut hashes = vec![[0; 32]; messages.len()];
    dispatch!(level, simd => hash_all(simd, under, messages, &mut hashes));
    hashes
}

/// True if messages of all lengths about the ends of blocks come out as the library hashes them.
fn agrees(level: Level) -> bool {
    let bytes: [u8; CHUNK + 1] = std::array::from_fn(|place| place as u8);
    let keys: [[u8; 32]; 3] = std::array::from_fn(|number| [0x5a ^ number as u8; 32]);
    let lens = (0..=CHUNK).filter(|len| matches!(len % BLOCK, 0 | 1 | 9 | 63));
    let messages = lens.zip(keys.iter().cycle()).map(|(len, key)| (key, &bytes[..len])).collect::<Vec<_>>();
    [Under::Key, Under::Context].into_iter().all(|under| {
        let each = messages.iter().map(|&message| alone(under, message));
        each.eq(side_by_side(level, under, &messages))
    })
}

#[inline(always)]
fn hash_all<S: Simd>(simd: S, under: Under, messages: &[Keyed], hashes: &mut [[u8; 32]]) {
    let (mut lanes, mut waiting) = (Lanes::default(), messages.iter().zip(0..));
    while lanes.fill(under, &mut waiting, hashes) {
        lanes.mix(simd);
        lanes.empty(hashes);
    }
    lanes.wipe();
}

/// Messages that are being mixed. Each lane is a column of all rows.
#[derive(Default)]
struct Lanes<'a> {
    /// What each came to so far, at first its key.
    state: [[u32; LANES]; 8],
    /// Of each lane the block that is mixed next, its length, and what it is.
    blocks: [[u32; BLOCK / 4]; LANES],
    lens: [u32; LANES],
    flags: [u32; LANES],
    /// The place of each message, and what follows that block: nothing behind its last one.
    messages: [Option<(usize, &'a [u8])>; LANES],
}

impl<'a> Lanes<'a> {
    /// Has every lane hold the next block of its message, or of one that waits. False if there is nothing left to mix.
    fn fill(
        &mut self,
        under: Under,
        waiting: &mut impl Iterator<Item = (&'a Keyed<'a>, usize)>,
        hashes: &mut [[u8; 32]],
    ) -> bool {
        for lane in 0..LANES {
            match self.messages[lane] {
                Some((place, rest)) => self.load(lane, place, rest, under.flag()),
                None => {
                    let Some((place, key, message)) = next(under, waiting, hashes) else { continue };
                    for (row, word) in self.state.iter_mut().zip(words::<8>(key)) {
                        row[lane] = word;
                    }
                    self.load(lane, place, message, under.flag() | flag::CHUNK_START);
                }
            }
        }
        self.messages.iter().any(Option::is_some)
    }

    fn load(&mut self, lane: usize, place: usize, message: &'a [u8], flags: u32) {
        let (block, rest) = match message.split_first_chunk::<BLOCK>() {
            Some((block, rest)) => (words(block), rest),
            None => (words(message), &[][..]),
        };
        self.blocks[lane] = block;
        self.lens[lane] = (message.len() - rest.len()) as u32;
        self.flags[lane] = flags | if rest.is_empty() { flag::CHUNK_END | flag::ROOT } else { 0 };
        self.messages[lane] = Some((place, rest));
    }

    /// Takes what is done out of its lane.
    fn empty(&mut self, hashes: &mut [[u8; 32]]) {
        for (lane, message) in self.messages.iter_mut().enumerate() {
            if let Some((place, [])) = *message {
                let bytes = hashes[place].as_chunks_mut::<4>().0;
                for (bytes, row) in bytes.iter_mut().zip(&self.state) {
                    *bytes = row[lane].to_le_bytes();
                }
                *message = None;
            }
        }
    }

    /// Mixes the block of each lane into its state.
    #[inline(always)]
    fn mix<S: Simd>(&mut self, simd: S) {
        let wide = S::u32s::LEN;
        for first in (0..LANES).step_by(wide) {
            let lanes = first..first + wide;
            let mut mixed = [S::u32s::splat(simd, 0); 16];
            for (mixed, row) in mixed.iter_mut().zip(&self.state) {
                *mixed = S::u32s::from_slice(simd, &row[lanes.clone()]);
            }
            for (mixed, word) in mixed[8..].iter_mut().zip(INITIAL) {
                *mixed = S::u32s::splat(simd, word);
            }
            // Words 12 and 13 count chunks, and each message is the first.
            mixed[14] = S::u32s::from_slice(simd, &self.lens[lanes.clone()]);
            mixed[15] = S::u32s::from_slice(simd, &self.flags[lanes.clone()]);
            mix_rounds::<S>(&mut mixed, &turned(simd, &self.blocks[lanes.clone()]));
            let (one, other) = mixed.split_at(8);
            for ((row, &one), &other) in self.state.iter_mut().zip(one).zip(other) {
                (one ^ other).store_slice(&mut row[lanes.clone()]);
            }
        }
    }

    /// Overwrites keys, and what was hashed.
    fn wipe(&mut self) {
        self.state.as_flattened_mut().zeroize();
        self.blocks.as_flattened_mut().zeroize();
    }
}

/// The next message that is one chunk, with its place and key. Those before it that are longer are hashed alone.
fn next<'a>(
    under: Under,
    waiting: &mut impl Iterator<Item = (&'a Keyed<'a>, usize)>,
    hashes: &mut [[u8; 32]],
) -> Option<(usize, &'a [u8; 32], &'a [u8])> {
    for (&(key, message), place) in waiting {
        if message.len() <= CHUNK {
            return Some((place, key, message));
        }
        hashes[place] = alone(under, (key, message));
    }
    None
}

/// Bytes as words, and zeros behind them.
#[inline(always)]
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let (mut padded, mut words) = ([[0; 4]; N], [0; N]);
    padded.as_flattened_mut()[..bytes.len()].copy_from_slice(bytes);
    for (word, bytes) in words.iter_mut().zip(padded) {
        *word = u32::from_le_bytes(bytes);
    }
    words
}

/// Blocks, each a row, as rows of their words: rows of either half are interleaved until each has come through all places.
#[inline(always)]
fn turned<S: Simd>(simd: S, blocks: &[[u32; BLOCK / 4]]) -> [S::u32s; BLOCK / 4] {
    let wide = S::u32s::LEN;
    let mut turned = [S::u32s::splat(simd, 0); BLOCK / 4];
    for (group, turned) in turned.chunks_exact_mut(wide).enumerate() {
        for (turned, block) in turned.iter_mut().zip(blocks) {
            *turned = S::u32s::from_slice(simd, &block[group * wide..(group + 1) * wide]);
        }
        for _ in 0..wide.ilog2() {
            let mut rows = [turned[0]; BLOCK / 4];
            for row in 0..wide / 2 {
                (rows[2 * row], rows[2 * row + 1]) = turned[row].interleave(turned[row + wide / 2]);
            }
            turned.copy_from_slice(&rows[..wide]);
        }
    }
    turned
}

/// Every place is written out: a state that is counted through is kept in memory, not in the processor.
#[inline(always)]
fn mix_rounds<S: Simd>(state: &mut [S::u32s; 16], block: &[S::u32s; 16]) {
    mix_round::<S>(state, block, ROUNDS[0]);
    mix_round::<S>(state, block, ROUNDS[1]);
    mix_round::<S>(state, block, ROUNDS[2]);
    mix_round::<S>(state, block, ROUNDS[3]);
    mix_round::<S>(state, block, ROUNDS[4]);
    mix_round::<S>(state, block, ROUNDS[5]);
    mix_round::<S>(state, block, ROUNDS[6]);
}

/// Columns of the state's four rows, then diagonals, each with two words of the block.
#[inline(always)]
fn mix_round<S: Simd>(state: &mut [S::u32s; 16], block: &[S::u32s; 16], words: [usize; 16]) {
    mix_four::<S>(state, [0, 4, 8, 12], [block[words[0]], block[words[1]]]);
    mix_four::<S>(state, [1, 5, 9, 13], [block[words[2]], block[words[3]]]);
    mix_four::<S>(state, [2, 6, 10, 14], [block[words[4]], block[words[5]]]);
    mix_four::<S>(state, [3, 7, 11, 15], [block[words[6]], block[words[7]]]);
    mix_four::<S>(state, [0, 5, 10, 15], [block[words[8]], block[words[9]]]);
    mix_four::<S>(state, [1, 6, 11, 12], [block[words[10]], block[words[11]]]);
    mix_four::<S>(state, [2, 7, 8, 13], [block[words[12]], block[words[13]]]);
    mix_four::<S>(state, [3, 4, 9, 14], [block[words[14]], block[words[15]]]);
}

#[inline(always)]
fn mix_four<S: Simd>(state: &mut [S::u32s; 16], [a, b, c, d]: [usize; 4], [one, other]: [S::u32s; 2]) {
    state[a] = state[a] + state[b] + one;
    state[d] = rotated::<S>(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = rotated::<S>(state[b] ^ state[c], 12);
    state[a] = state[a] + state[b] + other;
    state[d] = rotated::<S>(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = rotated::<S>(state[b] ^ state[c], 7);
}

#[inline(always)]
fn rotated<S: Simd>(words: S::u32s, right: u32) -> S::u32s {
    words >> right | words << (u32::BITS - right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EITHER: [Under; 2] = [Under::Key, Under::Context];

    fn key(seed: u8) -> [u8; 32] {
        std::array::from_fn(|place| (place as u8).wrapping_mul(7) ^ seed)
    }

    fn message(len: usize, seed: u8) -> Vec<u8> {
        (0..len).map(|place| (place as u8).wrapping_mul(31).wrapping_add(seed)).collect()
    }

    /// Every width that this processor has, wide and narrow.
    fn levels() -> Vec<Level> {
        let level = Level::new();
        let mut levels = vec![level];
        #[cfg(target_arch = "x86_64")]
        levels.extend(level.as_avx2().map(Level::Avx2).into_iter().chain(level.as_sse2().map(Level::Sse2)));
        levels
    }

    #[test]
    fn every_length_in_every_lane_is_hashed_as_if_alone() {
        assert!(LEVEL.is_some(), "this processor comes to the same hashes");
        for (under, count) in EITHER.into_iter().flat_map(|under| [1, 2, LANES, LANES + 1].map(|count| (under, count)))
        {
            for len in 0..CHUNK + 2 * BLOCK {
                let keyed = (0..count).map(|seed| (key(seed as u8), message(len, seed as u8))).collect::<Vec<_>>();
                let messages = keyed.iter().map(|(key, message)| (key, message.as_slice())).collect::<Vec<_>>();
                let each = messages.iter().map(|&message| alone(under, message)).collect::<Vec<_>>();
                for level in levels() {
                    assert_eq!(side_by_side(level, under, &messages), each, "{level:?}: {count} of {len} bytes");
                }
            }
        }
    }

    #[test]
    fn a_processor_that_is_wrong_is_noticed() {
        assert!(levels().into_iter().all(agrees));
    }

    proptest! {
        #[test]
        fn messages_of_any_lengths_keep_their_places(lens in prop::collection::vec((0usize..1300, any::<u8>()), 0..200)) {
            let keyed = lens.into_iter().map(|(len, seed)| (key(seed), message(len, seed))).collect::<Vec<_>>();
            let messages = keyed.iter().map(|(key, message)| (key, message.as_slice())).collect::<Vec<_>>();
            for under in EITHER {
                let each = messages.iter().map(|&message| alone(under, message)).collect::<Vec<_>>();
                prop_assert_eq!(hash_each(under, &messages), each);
            }
        }
    }
}
