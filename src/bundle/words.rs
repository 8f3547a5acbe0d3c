//! How far a bundle is complete, in words that a reader cannot miss. Made from the evidence alone, so that whoever checks
//! a bundle makes them again and compares.

use super::needs::{Needs, Role};
use super::{Bundle, Part, StreamPart};

/// The statements about a bundle whose streams and entries are made, the weightiest first.
pub fn completeness(bundle: &Bundle, needs: &Needs, size: u64) -> Vec<String> {
    let erased = bundle.entries.iter().filter(|entry| needs.open.contains(&entry.seq));
    let erased = erased.filter(|entry| matches!(entry.body, Part::Erased { .. })).count();
    // A policy that was adopted later is no part of what was known.
    let unpinned = |part: &&StreamPart| part.pinned.is_none() && part.role != Role::Policy;
    let loose = bundle.streams.iter().filter(unpinned).count();
    let mut said = vec![known(bundle, loose, erased)];
    if erased > 0 {
        said.push(format!(
            "ERASED: {erased} bodies that the verdict would rest on were erased since. What they said counts for nothing, so \
             the verdict may be another than it was when the decision was made; verdicts on record tell what it was.",
        ));
    }
    said.push(today(size));
    said.extend(bundle.streams.iter().filter(|part| part.pinned.is_none()).map(of_unpinned));
    said.push(
        "Labels of these interactions, and turns of their conversations, that are recorded in the streams of other \
         accounts, and verdicts on record, are here as far as the ledger's operator states them: no proof shows that there \
         are no others."
            .to_owned(),
    );
    let withheld = bundle.entries.iter().filter(|entry| entry.body == Part::Withheld).count();
    if withheld > 0 {
        said.push(format!(
            "{withheld} of {} entries are shown by their headers only: the verdict does not rest on what they say.",
            bundle.entries.len()
        ));
    }
    said
}

fn known(bundle: &Bundle, loose: usize, erased: usize) -> String {
    let pinned = bundle.streams.iter().filter(|part| part.pinned.is_some());
    let count = |role: Role| pinned.clone().filter(|part| part.role == role).count();
    let word = match (loose, erased) {
        (0, 0) => "PINNED STREAMS COMPLETE".to_owned(),
        (0, _) => "PINNED STREAMS COMPLETE BUT FOR WHAT WAS ERASED".to_owned(),
        _ => format!("NOT PROVED COMPLETE: {loose} streams that the verdict rests on are not pinned"),
    };
    format!(
        "KNOWN VIEW: {word}. Entry {}, the decision, commits by hashes to its own account, and to the streams of {} policies, \
         {} centers and {} linked accounts as they stood when it was recorded; each of these is here from its first entry to \
         that moment, without a gap.",
        bundle.decision.seq,
        count(Role::Policy),
        count(Role::Center),
        count(Role::Linked),
    )
}

fn today(size: u64) -> String {
    format!(
        "TRUE VIEW: NOT PROVED COMPLETE BEYOND THAT. It is judged by the same streams up to the last entry that the \
         checkpoint over {size} entries covers, as the ledger's operator states them. A signed tree proves what is in it; \
         it cannot prove that a stream has no later entry. To be sure, ask for the whole journal, or compare with a later \
         bundle.",
    )
}

fn of_unpinned(part: &StreamPart) -> String {
    let name = part.name.clone().unwrap_or_else(|| format!("stream {}", part.stream));
    format!(
        "NOT PINNED: {name}. The decision does not commit to this stream. It is here without a gap from its first entry to \
         entry {}; that nothing was recorded in it after that is the operator's statement.",
        part.tip.seq
    )
}
