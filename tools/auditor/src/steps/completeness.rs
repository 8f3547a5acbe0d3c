//! Step 9: what the verdict rests on is there and open, and nothing is there that has no business here.

use crate::bundle::{Shown, Stream};
use crate::evidence::{Evidence, Item};
use crate::hash::StreamId;
use crate::needs::Needs;
use crate::record::Kind;
use std::collections::BTreeSet;

pub fn check(evidence: &Evidence, listed: &[Stream]) -> Result<String, String> {
    let needs = Needs::of(evidence)?;
    let listed: BTreeSet<StreamId> = listed.iter().map(|stream| stream.stream).collect();
    if let Some(missing) = needs.streams.difference(&listed).next() {
        return Err(format!("the verdict rests on the stream {missing}, which is not listed"));
    }
    if let Some(more) = listed.difference(&needs.streams).next() {
        return Err(format!("the stream {more} is listed, and the verdict does not rest on it"));
    }
    for place in &needs.open {
        let Some(item) = evidence.items.get(*place) else { continue };
        if item.is_withheld() {
            return Err(format!("entry {} is withheld, and the verdict rests on it", item.header.seq));
        }
    }
    no_strangers(evidence, &listed, &needs)?;
    Ok(format!("{} streams and {} bodies are needed, and there", needs.streams.len(), needs.open.len()))
}

fn no_strangers(evidence: &Evidence, listed: &BTreeSet<StreamId>, needs: &Needs) -> Result<(), String> {
    let erased_by = |item: &Item| {
        let shown = [Some(&item.entry.body), item.entry.content.as_ref()].into_iter().flatten();
        shown.filter_map(|shown| if let Shown::Erased { by } = shown { Some(*by) } else { None }).collect::<Vec<_>>()
    };
    let at_home = |item: &Item| item.header.streams.iter().any(|link| listed.contains(&link.stream));
    let erasers: BTreeSet<u64> = evidence
        .items
        .iter()
        .enumerate()
        .filter(|(place, item)| needs.outside.contains(place) || at_home(item))
        .flat_map(|(_, item)| erased_by(item))
        .collect();
    let decision = evidence.decision().header.seq;
    for (place, item) in evidence.items.iter().enumerate() {
        let seq = item.header.seq;
        let on_record = item.kind() == Kind::ATTESTED && item.cites().any(|cited| cited == decision);
        if !(at_home(item) || needs.outside.contains(&place) || erasers.contains(&seq) || on_record) {
            return Err(format!("entry {seq} is foreign: the verdict does not rest on it"));
        }
    }
    Ok(())
}
