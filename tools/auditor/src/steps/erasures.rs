//! Step 8: erasures are as said, are listed, and nothing follows one of `all` in its stream.

use crate::bundle::{Erasure, Shown};
use crate::evidence::{Evidence, Item};
use crate::hash::StreamId;
use crate::record::{Kind, Says};
use crate::time::rfc3339;

pub fn check(evidence: &Evidence, listed: &[Erasure]) -> Result<String, String> {
    for stream in evidence.stream_ids() {
        in_stream(evidence, stream)?;
    }
    let erasures: Vec<_> = evidence.items.iter().filter(|item| item.kind() == Kind::ERASURE).collect();
    if erasures.len() != listed.len() {
        return Err(format!("{} erasures are there, {} are listed", erasures.len(), listed.len()));
    }
    for (item, row) in erasures.iter().zip(listed) {
        let seq = item.header.seq;
        let expected = described(item).ok_or_else(|| format!("entry {seq}: an erasure that cannot be described"))?;
        if expected != *row {
            return Err(format!("entry {seq}: the list of erasures says something else of it"));
        }
    }
    Ok(if listed.is_empty() { "nothing was erased".to_owned() } else { format!("{} erasures", listed.len()) })
}

/// From the last entry of a stream to the first, so that the first erasure behind each is at hand.
fn in_stream(evidence: &Evidence, stream: StreamId) -> Result<(), String> {
    let (mut of_all, mut of_any) = (None, None);
    let own = evidence.stream(stream).rev().filter(|(_, item)| item.header.own_stream() == Some(stream));
    let mut follower = None;
    for (_, item) in own {
        let seq = item.header.seq;
        let refused = |why: String| Err(format!("entry {seq}: {why}"));
        let scope = scope(item);
        if let (Some(true), Some(next)) = (scope, follower) {
            return refused(format!("all of its account was erased, and entry {next} follows in its stream"));
        }
        if !item.kind().is_public() {
            as_said(&item.entry.body, of_all, "body").or_else(refused)?;
        }
        if let Some(content) = &item.entry.content {
            as_said(content, of_any, "content").or_else(refused)?;
        }
        if let Some(all) = scope {
            of_any = Some(seq);
            of_all = if all { Some(seq) } else { of_all };
        }
        follower = Some(seq);
    }
    Ok(())
}

fn as_said(shown: &Shown, erased_by: Option<u64>, what: &str) -> Result<(), String> {
    match (shown, erased_by) {
        (Shown::Erased { by }, Some(first)) if *by == first => Ok(()),
        (Shown::Erased { by }, Some(first)) => {
            Err(format!("its {what} is said to be erased by entry {by}, and was by entry {first}"))
        }
        (Shown::Erased { by }, None) => Err(format!("its {what} is said to be erased by entry {by}, and was not")),
        (Shown::Withheld, Some(first)) => {
            Err(format!("its {what} is said to be withheld, and entry {first} erased it"))
        }
        (Shown::Open { .. }, Some(first)) => Err(format!("its {what} is open, though entry {first} erased it")),
        (_, None) => Ok(()),
    }
}

/// Whether an erasure is of all. `None` for what is no erasure.
fn scope(item: &Item) -> Option<bool> {
    match item.record.as_ref()?.says {
        Says::Erasure { all } => Some(all),
        _ => None,
    }
}

fn described(item: &Item) -> Option<Erasure> {
    let header = &item.header;
    Some(Erasure {
        seq: header.seq,
        time: rfc3339(header.at, header.offset_s)?,
        recorded: rfc3339(header.recorded_at, 0)?,
        scope: if scope(item)? { "all" } else { "content" }.to_owned(),
        stream: header.own_stream()?,
    })
}
