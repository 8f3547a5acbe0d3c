//! Bloom filters over the keys of a run, a page a range of keys: most look-ups are for what a run does not hold.
//!
//! Keys are hashes and come in ascending order when a run is written, so the pages are filled one after another and
//! nothing but the page in hand is held in memory.

use super::page::ROOM;

/// Bits of a block: a line of a processor's cache, so that an absent key costs one access to memory.
const BLOCK: usize = 512;
const BLOCKS: usize = ROOM * 8 / BLOCK;
/// Bits of a block that a key sets.
const PROBES: u32 = 6;
/// Keys a page: twelve bits for each, so that about one absent key in 150 is looked up in vain.
const KEYS: u64 = (BLOCKS * BLOCK / 12) as u64;

/// Pages for so many keys.
pub fn pages(keys: u64) -> u64 {
    keys.div_ceil(KEYS).max(1)
}

/// The page that a key belongs to; it ascends with the key.
pub fn page_of(key: u64, pages: u64) -> u64 {
    ((u128::from(key) * u128::from(pages)) >> super::run::KEY_BITS) as u64
}

/// Notes a key in its page.
pub fn insert(page: &mut [u8], key: u64) {
    let (start, probes) = probes(key);
    probes.for_each(|bit| page[start + bit / 8] |= 1 << (bit % 8));
}

/// False if the key was never noted in its page. Whatever a probe says, the next one is made: a processor that need not guess
/// goes on to other keys while it waits for memory.
pub fn may_hold(page: &[u8], key: u64) -> bool {
    let (start, probes) = probes(key);
    let Some(block) = page.get(start..start + BLOCK / 8) else { return false };
    probes.fold(1, |held, bit| held & block[bit / 8] >> (bit % 8)) & 1 == 1
}

/// Where a key's block begins in its page, and which bits of it are the key's.
fn probes(key: u64) -> (usize, impl Iterator<Item = usize>) {
    let hash = (key ^ key >> 17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let block = (((hash >> 32) * BLOCKS as u64) >> 32) as usize;
    let bits = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (block * (BLOCK / 8), (1..=PROBES).map(move |n| (bits >> (64 - 9 * n)) as usize % BLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_denies_what_it_holds_and_seldom_claims_what_it_does_not() {
        let key = |n: u64| {
            let hash = blake3::hash(&n.to_le_bytes());
            u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes")) >> 24
        };
        let held = 20_000;
        let mut filter = vec![vec![0; ROOM]; pages(held) as usize];
        let page = |key: u64| page_of(key, pages(held)) as usize;
        (0..held).map(key).for_each(|key| insert(&mut filter[page(key)], key));
        assert!((0..held).map(key).all(|key| may_hold(&filter[page(key)], key)));
        let wrong = (held..held + 100_000).map(key).filter(|&key| may_hold(&filter[page(key)], key)).count();
        assert!(wrong < 1000, "{wrong} of 100,000");
    }
}
