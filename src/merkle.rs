//! The tree over entry hashes: RFC 6962 section 2.1, with SHA-256.
//!
//! Leaf data is the 32-byte [`EntryHash`]. The tree of `n` leaves splits at the largest power of two below `n`;
//! `MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))`, a leaf is `SHA-256(0x00 || data)`.

use crate::codec::EntryHash;
use sha2::{Digest as _, Sha256};

/// The number of leaves of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeSize(pub u64);

/// The hash of a leaf or of a subtree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeHash(pub [u8; 32]);

impl std::fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for NodeHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `SHA-256(0x00 || entry hash)`.
pub fn leaf(entry: &EntryHash) -> NodeHash {
    NodeHash(Sha256::new().chain_update([0]).chain_update(entry.0).finalize().into())
}

/// `SHA-256(0x01 || left || right)`.
pub fn node(left: &NodeHash, right: &NodeHash) -> NodeHash {
    NodeHash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the empty tree: the hash of nothing.
pub fn empty_root() -> NodeHash {
    NodeHash(Sha256::digest([]).into())
}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first.
///
/// INVARIANT (one peak a bit): `peaks.len()` is the number of ones in `size`.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<NodeHash>,
}

impl Frontier {
    /// How many leaves were appended.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Appends a leaf.
    pub fn append(&mut self, leaf: NodeHash) {
        self.append_noting(leaf, |_, _| ());
    }

    /// Appends a leaf, and tells of every subtree that it completes: its height, at least 1, and its root.
    pub fn append_noting(&mut self, leaf: NodeHash, mut note: impl FnMut(u32, NodeHash)) {
        let mut hash = leaf;
        for height in 1..=self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak a bit");
            hash = node(&left, &hash);
            note(height, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree so far.
    pub fn root(&self) -> NodeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&last) = peaks.next() else { return empty_root() };
        peaks.fold(last, |right, left| node(left, &right))
    }
}

/// Leaves by index; a complete subtree's root may be answered from storage.
pub trait Nodes {
    /// The hash of the complete subtree of `2^level` leaves that starts at leaf `index << level`.
    fn node(&self, level: u32, index: u64) -> NodeHash;
}

impl Nodes for [NodeHash] {
    fn node(&self, level: u32, index: u64) -> NodeHash {
        let first = (index << level) as usize;
        subtree(&self[first..first + (1 << level)])
    }
}

/// The root over `leaves`, however many.
pub fn subtree(leaves: &[NodeHash]) -> NodeHash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|&leaf| frontier.append(leaf));
    frontier.root()
}

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over leaves `[start, end)`.
pub fn range_root<N: Nodes + ?Sized>(nodes: &N, start: u64, end: u64) -> NodeHash {
    let n = end - start;
    if n == 0 {
        return empty_root();
    }
    if n.is_power_of_two() {
        return nodes.node(n.trailing_zeros(), start >> n.trailing_zeros());
    }
    let middle = start + split(n);
    node(&range_root(nodes, start, middle), &range_root(nodes, middle, end))
}

/// The audit path of leaf `index` in the tree of `size` leaves (RFC 6962, 2.1.1), nearest sibling first.
pub fn inclusion<N: Nodes + ?Sized>(nodes: &N, index: u64, size: TreeSize) -> Vec<NodeHash> {
    assert!(index < size.0, "leaf {index} is not in a tree of {}", size.0);
    let (mut start, mut end, mut path) = (0, size.0, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(nodes, middle, end));
            end = middle;
        } else {
            path.push(range_root(nodes, start, middle));
            start = middle;
        }
    }
    path.reverse();
    path
}

/// True if `path` proves that `leaf` is number `index` of the tree with `root` (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: NodeHash, index: u64, size: TreeSize, path: &[NodeHash], root: NodeHash) -> bool {
    if index >= size.0 {
        return false;
    }
    let (mut fnode, mut snode, mut hash) = (index, size.0 - 1, leaf);
    for sibling in path {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            hash = node(sibling, &hash);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && hash == root
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962, 2.1.2).
pub fn consistency<N: Nodes + ?Sized>(nodes: &N, old: TreeSize, new: TreeSize) -> Vec<NodeHash> {
    assert!(old <= new, "{} leaves are no prefix of {}", old.0, new.0);
    if old.0 == 0 || old == new {
        return Vec::new();
    }
    let (mut start, mut end, mut whole, mut proof) = (0, new.0, true, Vec::new());
    let m = old.0;
    while m != end {
        let middle = start + split(end - start);
        if m <= middle {
            proof.push(range_root(nodes, middle, end));
            end = middle;
        } else {
            proof.push(range_root(nodes, start, middle));
            start = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(nodes, start, end));
    }
    proof.reverse();
    proof
}

/// True if `proof` shows that the tree of `old` leaves is a prefix of that of `new` leaves (RFC 9162, 2.1.4.2).
pub fn verify_consistency(
    old: TreeSize,
    old_root: NodeHash,
    new: TreeSize,
    new_root: NodeHash,
    proof: &[NodeHash],
) -> bool {
    if old.0 == 0 || old >= new {
        return old.0 <= new.0 && proof.is_empty() && (old.0 == 0 || old_root == new_root);
    }
    let mut path = proof.iter();
    let (mut fnode, mut snode) = (old.0 - 1, new.0 - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let first = if old.0.is_power_of_two() { Some(&old_root) } else { path.next() };
    let Some(&first) = first else { return false };
    let (mut from_old, mut from_new) = (first, first);
    for sibling in path {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            from_old = node(sibling, &from_old);
            from_new = node(sibling, &from_new);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            from_new = node(&from_new, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && from_old == old_root && from_new == new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u64) -> Vec<NodeHash> {
        (0..n).map(|i| leaf(&EntryHash([i as u8; 32]))).collect()
    }

    /// The definition of RFC 6962, word for word: slow and plain.
    fn mth(leaves: &[NodeHash]) -> NodeHash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let k = split(many.len() as u64) as usize;
                node(&mth(&many[..k]), &mth(&many[k..]))
            }
        }
    }

    fn flipped(hash: NodeHash) -> NodeHash {
        let mut bytes = hash.0;
        bytes[9] ^= 4;
        NodeHash(bytes)
    }

    #[test]
    fn roots_follow_the_definition() {
        for n in 0..=64 {
            let all = leaves(n);
            assert_eq!(subtree(&all), mth(&all), "{n}");
            assert_eq!(range_root(all.as_slice(), 0, n), mth(&all), "{n}");
        }
    }

    #[test]
    fn the_empty_root_is_that_of_the_rfc() {
        assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn inclusion_for_every_size_and_leaf_and_nothing_else() {
        for n in 1..=64 {
            let all = leaves(n);
            let root = mth(&all);
            for i in 0..n {
                let path = inclusion(all.as_slice(), i, TreeSize(n));
                assert!(verify_inclusion(all[i as usize], i, TreeSize(n), &path, root), "{i} of {n}");
                for other in (0..n).filter(|&other| other != i) {
                    assert!(
                        !verify_inclusion(all[i as usize], other, TreeSize(n), &path, root),
                        "{i} as {other} of {n}"
                    );
                }
                for k in 0..path.len() {
                    let mut bad = path.clone();
                    bad[k] = flipped(bad[k]);
                    assert!(!verify_inclusion(all[i as usize], i, TreeSize(n), &bad, root));
                    bad.remove(k);
                    assert!(!verify_inclusion(all[i as usize], i, TreeSize(n), &bad, root));
                }
                assert!(!verify_inclusion(flipped(all[i as usize]), i, TreeSize(n), &path, root));
                assert!(!verify_inclusion(all[i as usize], i, TreeSize(n), &path, flipped(root)));
            }
        }
    }

    #[test]
    fn consistency_for_every_pair_of_sizes_and_nothing_else() {
        for n in 0..=64 {
            let all = leaves(n);
            let new_root = mth(&all);
            for m in 0..=n {
                let old_root = mth(&all[..m as usize]);
                let proof = consistency(all.as_slice(), TreeSize(m), TreeSize(n));
                assert!(verify_consistency(TreeSize(m), old_root, TreeSize(n), new_root, &proof), "{m} to {n}");
                if m == 0 {
                    continue;
                }
                assert!(
                    !verify_consistency(TreeSize(m), flipped(old_root), TreeSize(n), new_root, &proof),
                    "{m} to {n}"
                );
                assert!(
                    !verify_consistency(TreeSize(m), old_root, TreeSize(n), flipped(new_root), &proof),
                    "{m} to {n}"
                );
                for k in 0..proof.len() {
                    let mut bad = proof.clone();
                    bad[k] = flipped(bad[k]);
                    assert!(!verify_consistency(TreeSize(m), old_root, TreeSize(n), new_root, &bad), "{m} to {n}");
                }
            }
        }
    }
}
