//! Bloom filters over the keys of a run, a page a range of keys: most look-ups are for what a run does not hold.
//!
//! Keys are hashes and come in ascending order when a run is written, so the pages are filled one after another and
//! nothing but the page in hand is held in memory.

use super::page::ROOM;

/// Keys a page: about eight bits for each, so that about one absent key in forty is looked up in vain.
const KEYS: u64 = ROOM as u64;
const BITS: u64 = ROOM as u64 * 8;
const PROBES: u64 = 5;

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
    probes(key).for_each(|bit| page[(bit / 8) as usize] |= 1 << (bit % 8));
}

/// False if the key was never noted in its page.
pub fn may_hold(page: &[u8], key: u64) -> bool {
    page.len() == ROOM && probes(key).all(|bit| page[(bit / 8) as usize] & (1 << (bit % 8)) != 0)
}

/// Two halves of one hash make the probes (Kirsch and Mitzenmacher).
fn probes(key: u64) -> impl Iterator<Item = u64> {
    let hash = (key ^ key >> 17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (start, step) = (hash >> 40, (hash >> 8 & 0xff_ffff) | 1);
    (0..PROBES).map(move |n| (start + n * step) % BITS)
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
        assert!(wrong < 4000, "{wrong} of 100,000");
    }
}
