//! Step 3: openings are what the headers committed to, and records are what their headers say of them.

use crate::bundle::Shown;
use crate::evidence::{Evidence, Item};
use crate::hash::{center_stream, commitment, policy_stream};
use crate::record::{Kind, Record, Says};
use std::collections::HashMap;

pub fn check(evidence: &mut Evidence) -> Result<String, String> {
    let mut opened = 0;
    for item in &mut evidence.items {
        let record = open(item).map_err(|why| format!("entry {}: {why}", item.header.seq))?;
        opened += usize::from(record.is_some());
        item.record = record;
    }
    one_subject_each(evidence)?;
    Ok(format!("{opened} of {} bodies are open", evidence.items.len()))
}

fn open(item: &Item) -> Result<Option<Record>, String> {
    if let (Some(Shown::Open { key, plaintext }), Some(committed)) = (&item.entry.content, &item.header.content) {
        if commitment(key, plaintext) != *committed {
            return Err("its content is not what the header committed to".to_owned());
        }
        std::str::from_utf8(plaintext).map_err(|_| "its content is not UTF-8")?;
    }
    let public = item.kind().is_public();
    let Shown::Open { key, plaintext } = &item.entry.body else {
        return if public { Err("its kind is never sealed, and its body is not open".to_owned()) } else { Ok(None) };
    };
    if public && *key != [0; 32] {
        return Err("its kind is never sealed, and its key is not 32 zeros".to_owned());
    }
    if commitment(key, plaintext) != item.header.body {
        return Err("its body is not what the header committed to".to_owned());
    }
    let record = Record::decode(plaintext).map_err(|why| format!("its record: {why}"))?;
    agrees(item, &record)?;
    Ok(Some(record))
}

fn agrees(item: &Item, record: &Record) -> Result<(), String> {
    let header = &item.header;
    if record.kind != header.kind {
        return Err("its record is of another kind than its header".to_owned());
    }
    if record.kind == Kind::POLICY && header.own_stream() != Some(policy_stream(&record.subject)) {
        return Err(format!("its stream is not that of the policy `{}`", record.subject));
    }
    let nobody = record.kind == Kind::ERASURE || record.kind == Kind::ATTESTED;
    if nobody != record.subject.is_empty() {
        return Err("an erasure and a verdict on record name nobody, everything else names its subject".to_owned());
    }
    let references = match &record.says {
        Says::Center(center) if header.center() != Some(center_stream(center)) => {
            return Err(format!("its second stream is not that of the center `{center}`"));
        }
        Says::Attested(it) if item.cites().next() != Some(it.decision) => {
            return Err(format!("its link does not lead to the decision {}", it.decision));
        }
        Says::Attested(_) => 1,
        _ => record.references.len(),
    };
    if references != header.links.len() {
        return Err(format!("it has {references} references, its header {} links", header.links.len()));
    }
    Ok(())
}

/// Whatever is open in one account's stream is about one account.
fn one_subject_each(evidence: &Evidence) -> Result<(), String> {
    let mut subjects = HashMap::new();
    for item in &evidence.items {
        let (Some(record), Some(stream)) = (&item.record, item.header.own_stream()) else { continue };
        if !record.subject.is_empty() && *subjects.entry(stream).or_insert(&record.subject) != &record.subject {
            return Err(format!("entry {}: another subject than the rest of its stream", item.header.seq));
        }
    }
    Ok(())
}
