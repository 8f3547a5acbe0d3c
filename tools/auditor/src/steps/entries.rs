//! Step 2: what every header must say, whatever it is about.

use crate::evidence::{Evidence, Item};
use crate::hash::{StreamId, attestation_stream};
use crate::header::Link;
use crate::record::Kind;
use std::collections::HashMap;

pub fn check(evidence: &Evidence, size: u64) -> Result<String, String> {
    let mut recorded = i64::MIN;
    for item in &evidence.items {
        one(item, size).map_err(|why| format!("entry {}: {why}", item.header.seq))?;
        if item.header.recorded_at < recorded {
            return Err(format!("entry {}: recorded before the entry in front of it", item.header.seq));
        }
        recorded = item.header.recorded_at;
    }
    one_role_each(evidence)?;
    if evidence.decision().kind() != Kind::DECISION {
        return Err(format!("entry {} is no decision", evidence.decision().header.seq));
    }
    Ok(format!("{} entries below {size}", evidence.items.len()))
}

fn one(item: &Item, size: u64) -> Result<(), String> {
    let header = &item.header;
    if header.seq >= size {
        return Err(format!("not covered by the checkpoint over {size} entries"));
    }
    let expected = if header.kind.moves() { 2 } else { 1 };
    if header.streams.len() != expected {
        return Err(format!("extends {} streams: expected {expected}", header.streams.len()));
    }
    if header.streams.iter().any(|link| link.revision == 0 && link.previous != [0; 32]) {
        return Err("the first of its stream names one before it".to_owned());
    }
    if header.pins.is_some() != (header.kind == Kind::DECISION) {
        return Err("a decision pins, nothing else does".to_owned());
    }
    if header.content.is_some() && header.kind != Kind::INTERACTION {
        return Err("only an interaction has content".to_owned());
    }
    if header.content.is_some() != item.entry.content.is_some() {
        return Err("`content` is there if the header commits to one, and only then".to_owned());
    }
    if !header.kind.refers() && !header.links.is_empty() {
        return Err("its kind refers to nothing, and it has links".to_owned());
    }
    if header.kind == Kind::LABEL && header.links.len() != 1 {
        return Err("a label has one link, to what it labels".to_owned());
    }
    if header.kind == Kind::ATTESTED {
        let [Link::Resolved { .. }] = header.links.as_slice() else {
            return Err("a verdict on record has one resolved link, to its decision".to_owned());
        };
    }
    if (header.kind == Kind::ATTESTED) != (header.own_stream() == Some(attestation_stream())) {
        return Err("verdicts on record, and nothing else, are in their stream".to_owned());
    }
    Ok(())
}

/// A stream is a policy's, a center's, an account's or that of verdicts, never two of these.
fn one_role_each(evidence: &Evidence) -> Result<(), String> {
    let mut roles: HashMap<StreamId, &str> = HashMap::new();
    for item in &evidence.items {
        for (place, link) in item.header.streams.iter().enumerate() {
            let role = match item.kind() {
                _ if place > 0 => "a center",
                Kind::POLICY => "a policy",
                Kind::ATTESTED => "verdicts on record",
                _ => "an account",
            };
            let first = *roles.entry(link.stream).or_insert(role);
            if first != role {
                return Err(format!(
                    "entry {}: the stream {} is of {first} and of {role}",
                    item.header.seq, link.stream
                ));
            }
        }
    }
    Ok(())
}
