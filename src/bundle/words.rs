//! How far a bundle is complete, in words that a reader cannot miss. Made from the evidence alone, so that whoever checks
//! a bundle makes them again and compares.

use super::needs::Role;
use super::{EntryPart, Part, StreamPart};

/// The statements, the weightiest first.
pub fn completeness(decision: u64, size: u64, streams: &[StreamPart], entries: &[EntryPart]) -> Vec<String> {
    let mut said = vec![known(decision, streams), today(size)];
    said.extend(streams.iter().filter(|part| part.pinned.is_none()).map(unpinned));
    said.push(
        "Labels of these interactions, and turns of their conversations, that are recorded in the streams of other \
         accounts are here as far as the ledger's operator states them: no proof shows that there are no others."
            .to_owned(),
    );
    let withheld = entries.iter().filter(|entry| entry.body == Part::Withheld).count();
    if withheld > 0 {
        said.push(format!(
            "{withheld} of {} entries are shown by their headers only: the verdict does not rest on what they say.",
            entries.len()
        ));
    }
    said
}

fn known(decision: u64, streams: &[StreamPart]) -> String {
    let pinned = streams.iter().filter(|part| part.pinned.is_some());
    let count = |role: Role| pinned.clone().filter(|part| part.role == role).count();
    format!(
        "KNOWN VIEW: COMPLETE. Entry {decision}, the decision, commits by hashes to its own account ({}), to {} policies, \
         {} centers and {} linked accounts as they stood when it was recorded; each of these streams is here from its \
         first entry to that moment, without a gap.",
        count(Role::Account),
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

fn unpinned(part: &StreamPart) -> String {
    let name = part.name.clone().unwrap_or_else(|| format!("stream {}", part.stream));
    format!(
        "NOT PINNED: {name}. The decision does not commit to this stream. It is here without a gap from its first entry to \
         entry {}; that nothing was recorded in it after that is the operator's statement.",
        part.tip.seq
    )
}
