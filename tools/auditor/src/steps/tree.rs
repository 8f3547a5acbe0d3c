//! Step 5: every proof holds, and every entry is reached from a proved one by hashes.

use crate::base::to_hex;
use crate::bundle::Proof;
use crate::evidence::Evidence;
use crate::header::Link;
use crate::steps::checkpoint::Checkpoint;
use crate::tree::{leaf, root_by};
use std::collections::HashSet;

pub fn check(evidence: &Evidence, proofs: &[Proof], checkpoint: &Checkpoint) -> Result<String, String> {
    let mut proved = HashSet::new();
    for proof in proofs {
        let seq = proof.seq;
        let item = evidence.by_seq(seq).ok_or_else(|| format!("a proof of entry {seq}, which is not there"))?;
        if root_by(leaf(&item.hash), seq, checkpoint.size, &proof.path) != Some(checkpoint.root) {
            return Err(format!("the proof of entry {seq} does not lead to the root {}", to_hex(&checkpoint.root)));
        }
        proved.insert(seq);
    }
    let decision = evidence.decision().header.seq;
    if !proved.contains(&decision) {
        return Err(format!("the decision, entry {decision}, has no proof"));
    }
    reach(evidence, &proved)?;
    Ok(format!("{} proofs lead to all of them", proofs.len()))
}

/// From the last entry to the first: hashes only ever lead back.
fn reach(evidence: &Evidence, proved: &HashSet<u64>) -> Result<(), String> {
    let mut reached = HashSet::new();
    for item in evidence.items.iter().rev() {
        let seq = item.header.seq;
        let by_others = reached.contains(&item.hash);
        if !by_others && !proved.contains(&seq) {
            return Err(format!("entry {seq} is foreign: neither a proof nor a hash leads to it"));
        }
        if by_others && proved.contains(&seq) && seq != evidence.decision().header.seq {
            return Err(format!("entry {seq} has a proof that it does not need"));
        }
        reached.extend(item.header.streams.iter().filter(|link| link.revision > 0).map(|link| link.previous));
        for link in &item.header.links {
            if let Link::Resolved { hash, .. } = link {
                reached.insert(*hash);
            }
        }
    }
    Ok(())
}
