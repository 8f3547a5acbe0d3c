//! Bloom filters over the keys of a run, one for either half of them, a page a range of keys: most look-ups are for what a run
//! does not hold.
//!
//! Keys are hashes and come in ascending order when a run is written, so the pages are filled one after another and
//! nothing but the page in hand is held in memory.

use super::page::ROOM;

/// Bits of a block: a line of a processor's cache, so that an absent key costs one access to memory.
const BLOCK: usize = 512;
/// Blocks a page.
pub const BLOCKS: usize = ROOM * 8 / BLOCK;
/// Bits of a block that a key sets.
const PROBES: u32 = 6;
/// Bits of a key below the one that tells its half.
const HALF_BITS: u32 = super::run::KEY_BITS - 1;
/// Keys a page: twelve bits for each, so that about one absent key in 150 is looked up in vain.
const KEYS: u64 = (BLOCKS * BLOCK / 12) as u64;

/// Pages for so many keys.
pub fn pages(keys: u64) -> u64 {
    keys.div_ceil(KEYS).max(1)
}

/// The half that a key is in: 0 or 1.
pub fn half_of(key: u64) -> usize {
    (key >> HALF_BITS) as usize
}

/// The page that a key belongs to, of those of its half; it ascends with the key.
pub fn page_of(key: u64, pages: u64) -> u64 {
    let place = key & ((1 << HALF_BITS) - 1);
    ((u128::from(place) * u128::from(pages)) >> HALF_BITS) as u64
}

/// A block in memory, where it stands in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Block([u8; BLOCK / 8]);

/// The blocks of a page.
pub fn blocks(page: &[u8]) -> impl Iterator<Item = Block> {
    page.as_chunks().0.iter().map(|&bytes| Block(bytes))
}

/// Notes a key in its page.
pub fn insert(page: &mut [u8], key: u64) {
    let hash = hash(key);
    let start = block_of(hash) * (BLOCK / 8);
    bits(hash).for_each(|bit| page[start + bit / 8] |= 1 << (bit % 8));
}

/// False if the key was never noted in its page.
pub fn may_hold(page: &[u8], key: u64) -> bool {
    let hash = hash(key);
    page.as_chunks().0.get(block_of(hash)).is_some_and(|block| has_all(block, hash))
}

/// The same of each key of a filter of `all` pages, of the blocks of those pages that `page` has; none where it lacks one. Every
/// block is touched first, with nothing else between: a processor that waits for the memory of one goes on to the next.
pub fn may_hold_each<'a>(page: impl Fn(u64) -> Option<&'a [Block]>, keys: &[u64], all: u64) -> Vec<Option<bool>> {
    let block = |key: u64, hash: u64| Some(&page(page_of(key, all))?[block_of(hash)].0);
    let touched = keys.iter().fold(0, |touched, &key| touched ^ block(key, hash(key)).map_or(0, |block| block[0]));
    std::hint::black_box(touched);
    keys.iter().map(|&key| Some(has_all(block(key, hash(key))?, hash(key)))).collect()
}

/// Whatever a probe says, the next one is made: nothing is to be guessed.
fn has_all(block: &[u8; BLOCK / 8], hash: u64) -> bool {
    bits(hash).fold(1, |held, bit| held & block[bit / 8] >> (bit % 8)) & 1 == 1
}

fn hash(key: u64) -> u64 {
    (key ^ key >> 17).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A key's block in its page.
fn block_of(hash: u64) -> usize {
    (((hash >> 32) * BLOCKS as u64) >> 32) as usize
}

/// Which bits of its block are a key's.
fn bits(hash: u64) -> impl Iterator<Item = usize> {
    let bits = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (1..=PROBES).map(move |n| (bits >> (64 - 9 * n)) as usize % BLOCK)
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
        let keys = (0..2 * held).map(key).collect::<Vec<_>>();
        let one_by_one = keys.iter().map(|&key| may_hold(&filter[page(key)], key)).collect::<Vec<_>>();
        let blocks = filter.iter().map(|page| blocks(page).collect::<Vec<_>>()).collect::<Vec<_>>();
        let (all, half) = (pages(held), pages(held) / 2);
        let of =
            |held: u64| may_hold_each(|page| blocks[..held as usize].get(page as usize).map(Vec::as_slice), &keys, all);
        assert!(of(all).into_iter().eq(one_by_one.iter().copied().map(Some)));
        let known = keys.iter().zip(&one_by_one).map(|(&key, &held)| (page_of(key, all) < half).then_some(held));
        assert!(half > 0 && of(half).into_iter().eq(known));
    }
}
