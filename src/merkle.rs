//! The tree over entry hashes: RFC 6962 section 2.1, with SHA-256.
//!
//! Leaf data is the 32-byte [`EntryHash`]. The tree of `n` leaves splits at the largest power of two below `n`;
//! `MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))`, a leaf is `SHA-256(0x00 || data)`.

use crate::codec::EntryHash;
use sha2::block_api::compress256;
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

/// A tree by its size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves.
    pub size: TreeSize,
    /// Their root.
    pub root: NodeHash,
}

/// `SHA-256(0x00 || entry hash)`.
pub fn leaf(entry: &EntryHash) -> NodeHash {
    let mut block = [0; 64];
    block[1..33].copy_from_slice(&entry.0);
    sha256(&mut [block], 33)
}

/// `SHA-256(0x00 || data)`: a leaf over any bytes.
pub fn leaf_of(data: &[u8]) -> NodeHash {
    NodeHash(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// `SHA-256(0x01 || left || right)`.
pub fn node(left: &NodeHash, right: &NodeHash) -> NodeHash {
    let mut blocks = [[0; 64]; 2];
    blocks[0][0] = 1;
    blocks[0][1..33].copy_from_slice(&left.0);
    blocks[0][33..].copy_from_slice(&right.0[..31]);
    blocks[1][0] = right.0[31];
    sha256(&mut blocks, 65)
}

/// FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// SHA-256 of the first `len` bytes of blocks that have room for the padding of FIPS 180-4, 5.1.1, and hold zeros there: a
/// leaf or a node has one length, so no hasher need count and gather what comes.
fn sha256<const N: usize>(blocks: &mut [[u8; 64]; N], len: usize) -> NodeHash {
    assert!(len / 64 == N - 1 && len % 64 < 56, "the padding fits the last block");
    let last = &mut blocks[N - 1];
    last[len % 64] = 0x80;
    last[56..].copy_from_slice(&(8 * len as u64).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, blocks);
    let mut hash = [0; 32];
    hash.chunks_exact_mut(4).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    NodeHash(hash)
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
    /// The right edge of the tree of so many leaves, from the roots of its subtrees.
    pub fn at<N: Nodes + ?Sized>(nodes: &N, size: TreeSize) -> Frontier {
        let (mut start, mut peaks) = (0, Vec::new());
        for height in (0..u64::BITS).rev().filter(|height| size.0 >> height & 1 == 1) {
            peaks.push(nodes.node(height, start >> height));
            start += 1 << height;
        }
        Frontier { size: size.0, peaks }
    }

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

/// True if `proof` shows that the tree of `old` leaves is a prefix of that of `new` leaves (RFC 9162, 2.1.4.2). Of the
/// empty tree every tree is an extension, and its root is not looked at.
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
    fn leaves_and_nodes_are_what_a_plain_hasher_makes_of_their_bytes() {
        for n in 0..=255u8 {
            let (left, right) = (NodeHash([n; 32]), leaf(&EntryHash([n.wrapping_mul(31); 32])));
            assert_eq!(leaf(&EntryHash(left.0)), leaf_of(&left.0));
            let bytes = [&[1][..], &left.0, &right.0].concat();
            assert_eq!(node(&left, &right).0, <[u8; 32]>::from(Sha256::digest(bytes)));
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
                let holds = |old: NodeHash, new: NodeHash, proof: &[NodeHash]| {
                    verify_consistency(TreeSize(m), old, TreeSize(n), new, proof)
                };
                assert!(holds(old_root, new_root, &proof), "{m} to {n}");
                assert!(!holds(old_root, new_root, &[&proof[..], &[new_root]].concat()), "{m} to {n}, one hash more");
                if m == 0 {
                    continue;
                }
                assert!(!holds(flipped(old_root), new_root, &proof), "{m} to {n}");
                assert!(!holds(old_root, flipped(new_root), &proof), "{m} to {n}");
                for k in 0..proof.len() {
                    let mut bad = proof.clone();
                    bad[k] = flipped(bad[k]);
                    assert!(!holds(old_root, new_root, &bad), "{m} to {n}, hash {k} changed");
                    bad.remove(k);
                    assert!(!holds(old_root, new_root, &bad), "{m} to {n}, hash {k} left out");
                }
                assert!(!verify_consistency(TreeSize(n + 1), old_root, TreeSize(n), new_root, &proof));
            }
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len()).step_by(2).map(digit).collect()
    }

    /// The eight leaves of the Certificate Transparency code, which RFC 6962 was tested with.
    const DATA: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    /// The roots over the first one, two, … of them.
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    const F: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";

    #[test]
    fn the_vectors_of_certificate_transparency() {
        let all: Vec<NodeHash> = DATA.iter().map(|data| leaf_of(&hex(data))).collect();
        let text = |hashes: Vec<NodeHash>| hashes.iter().map(NodeHash::to_string).collect::<Vec<_>>();
        for n in 1..=8 {
            assert_eq!(subtree(&all[..n]).to_string(), ROOTS[n - 1], "{n} leaves");
        }
        for (index, size, path) in
            [(0, 1, vec![]), (0, 8, vec![A, B, C]), (5, 8, vec![D, E, ROOTS[3]]), (2, 3, vec![ROOTS[1]])]
        {
            assert_eq!(text(inclusion(all.as_slice(), index, TreeSize(size))), path, "leaf {index} of {size}");
        }
        for (old, new, proof) in [
            (1, 1, vec![]),
            (1, 8, vec![A, B, C]),
            (2, 5, vec![B, D]),
            (2, 8, vec![B, C]),
            (6, 8, vec![F, E, ROOTS[3]]),
        ] {
            assert_eq!(text(consistency(all.as_slice(), TreeSize(old), TreeSize(new))), proof, "{old} to {new}");
        }
    }
}
