//! The tree of RFC 6962, section 2.1, with SHA-256: leaves, roots, and audit paths.

use crate::hash::Hash;
use sha2::{Digest, Sha256};

/// The leaf of an entry.
pub fn leaf(entry_hash: &Hash) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry_hash).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root over leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node(&root(left), &root(right))
        }
    }
}

/// The root that an audit path leads to from the leaf at `index` of a tree of `size` leaves, the nearest sibling first.
/// `None` if the path is not as long as that leaf's.
pub fn root_by(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    // `last` is the last node of the level that `place` stands in. A node without a right sibling rises as it is.
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    let mut siblings = path.iter();
    while last > 0 {
        if place % 2 == 1 {
            hash = node(siblings.next()?, &hash);
        } else if place < last {
            hash = node(&hash, siblings.next()?);
        }
        place /= 2;
        last /= 2;
    }
    if siblings.next().is_none() { Some(hash) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 2.1.1 as it is written there.
    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut path, sibling) = if index < left.len() {
            (path(index, left), root(right))
        } else {
            (path(index - left.len(), right), root(left))
        };
        path.push(sibling);
        path
    }

    #[test]
    fn every_path_of_every_small_tree_leads_to_its_root_and_no_other_does() {
        let leaves: Vec<Hash> = (0..64).map(|number| leaf(&[number; 32])).collect();
        for size in 1..=leaves.len() {
            let leaves = &leaves[..size];
            for (index, leaf) in leaves.iter().enumerate() {
                let good = path(index, leaves);
                let by = |index: usize, path: &[Hash]| root_by(*leaf, index as u64, size as u64, path);
                assert_eq!(by(index, &good), Some(root(leaves)), "{index} of {size}");
                let longer = [good.as_slice(), &[[0; 32]]].concat();
                assert_eq!(by(index, &longer), None);
                assert_eq!(by(size, &good), None);
                if let Some((_, shorter)) = good.split_last() {
                    assert_eq!(by(index, shorter), None);
                    let mut swapped = good.clone();
                    swapped[0][0] ^= 1;
                    assert_ne!(by(index, &swapped), Some(root(leaves)));
                    assert_ne!(by(index ^ 1, &good), Some(root(leaves)));
                }
            }
        }
    }
}
