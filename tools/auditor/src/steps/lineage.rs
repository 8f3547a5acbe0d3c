//! Step 6: a resolved link names an earlier entry, by its hash if that is there, and the one that its body means.

use crate::evidence::{Evidence, Item};
use crate::header::Link;
use crate::record::{FactId, Kind};

pub fn check(evidence: &Evidence) -> Result<String, String> {
    let mut agreed = 0;
    for item in &evidence.items {
        for (place, link) in item.header.links.iter().enumerate() {
            agreed +=
                u64::from(one(evidence, item, place, link).map_err(|why| format!("entry {}: {why}", item.header.seq))?);
        }
    }
    Ok(format!("{agreed} references agree"))
}

/// Whether the entry that a link names is there, and so was compared.
fn one(evidence: &Evidence, item: &Item, place: usize, link: &Link) -> Result<bool, String> {
    let Link::Resolved { seq, hash } = *link else { return Ok(false) };
    if seq >= item.header.seq {
        return Err(format!("it refers to entry {seq}, which is not earlier"));
    }
    let Some(target) = evidence.by_seq(seq) else {
        // By that hash another entry may be there, and then one of the two seqs is a lie.
        return match evidence.place_of_hash(&hash) {
            Some(_) => Err(format!("it refers to entry {seq} by the hash of another")),
            None => Ok(false),
        };
    };
    if target.hash != hash {
        return Err(format!("it does not refer to entry {seq} by its hash"));
    }
    if item.kind() == Kind::ATTESTED && target.kind() != Kind::DECISION {
        return Err(format!("it puts a verdict on record of entry {seq}, which is no decision"));
    }
    let meant = item.record.as_ref().and_then(|record| record.references.get(place));
    if let (Some(meant), Some(record)) = (meant, &target.record)
        && *meant != record.id
    {
        let FactId { source, id } = meant;
        return Err(format!("it means `{source} {id}`, and its link leads to entry {seq}, which is another"));
    }
    Ok(true)
}
