//! BLAKE3 of what fits one chunk, as nearly everything here does, without the state that a hasher keeps for what does not.
//!
//! Section 2 of its paper: the blocks of a chunk are compressed one after another, the first and the last of them under a
//! flag, and the last under that of the root, since the chunk is the whole tree. The compression function is the library's.

use blake3::platform::Platform;

const BLOCK: usize = blake3::BLOCK_LEN;
/// The longest input that one chunk holds.
const MOST: usize = blake3::CHUNK_LEN;

const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;

/// What a key is for.
#[derive(Clone, Copy)]
pub enum Mode {
    /// As in `blake3::keyed_hash`.
    Keyed = 1 << 4,
    /// Of a context, as in `blake3::derive_key`.
    Material = 1 << 6,
}

/// The hash of `start` and `rest`, one behind the other, or nothing where a chunk does not hold both.
pub fn hash(platform: Platform, key: &[u8; 32], mode: Mode, start: &[u8], rest: &[u8]) -> Option<[u8; 32]> {
    if start.len() + rest.len() > MOST {
        return None;
    }
    let mut state = [0; 8];
    state.iter_mut().zip(key.chunks_exact(4)).for_each(|(word, bytes)| {
        *word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    });
    let (mut start, mut rest, mut flags) = (start, rest, mode as u8 | CHUNK_START);
    while start.len() + rest.len() > BLOCK {
        match start.split_first_chunk::<BLOCK>() {
            Some((block, behind)) => {
                platform.compress_in_place(&mut state, block, BLOCK as u8, 0, flags);
                start = behind;
            }
            None if start.is_empty() => {
                (start, rest) = (rest, &[]);
                continue;
            }
            None => {
                let mut block = [0; BLOCK];
                let (from_rest, behind) = rest.split_at(BLOCK - start.len());
                block[..start.len()].copy_from_slice(start);
                block[start.len()..].copy_from_slice(from_rest);
                platform.compress_in_place(&mut state, &block, BLOCK as u8, 0, flags);
                (start, rest) = (behind, &[]);
            }
        }
        flags &= !CHUNK_START;
    }
    let (mut block, len) = ([0; BLOCK], start.len() + rest.len());
    block[..start.len()].copy_from_slice(start);
    block[start.len()..len].copy_from_slice(rest);
    platform.compress_in_place(&mut state, &block, len as u8, 0, flags | CHUNK_END | ROOT);
    let mut hash = [0; 32];
    hash.chunks_exact_mut(4).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blake3::hazmat::{HasherExt as _, hash_derive_key_context};

    #[test]
    fn every_length_wherever_it_is_cut_gives_what_the_library_gives() {
        let key = hash_derive_key_context("inforce test");
        let bytes: Vec<u8> = (0..MOST + 2).map(|n| (n * n / 7) as u8).collect();
        for len in 0..bytes.len() {
            let input = &bytes[..len];
            let derived = blake3::Hasher::new_from_context_key(&key).update(input).finalize();
            let keyed = blake3::keyed_hash(&key, input);
            for cut in [0, 1, 9, 32, 63, 64, 65, 128, 500, len].into_iter().filter(|&cut| cut <= len) {
                let (start, rest) = input.split_at(cut);
                for (mode, expected) in [(Mode::Material, derived), (Mode::Keyed, keyed)] {
                    let hash = hash(Platform::detect(), &key, mode, start, rest);
                    assert_eq!(hash, (len <= MOST).then_some(*expected.as_bytes()), "{len} cut at {cut}");
                }
            }
        }
    }
}
