//! Sentences that the text and the page share.

use super::history::{Counts, Happening};
use super::in_force::PolicyCard;
use super::lineage::Label;
use super::reason::Flag;
use super::{Explanation, words};

/// The heading over verdicts that were put on record, where evidence was erased since or before.
pub const ON_RECORD: &str = "Verdicts on record, attested at the time";

/// The heading over the rules: why, or what is worth a note though nothing decided.
pub fn why(explanation: &Explanation) -> &'static str {
    let decides = explanation.reasons.iter().any(|reason| reason.flag != Flag::Finding);
    if decides { "Why" } else { "Worth a note" }
}

/// A label in a sentence.
pub fn label_text(label: &Label) -> String {
    if label.erased {
        return format!("A label of {} was erased.", label.at);
    }
    let says = if label.sensitive.is_empty() { "not sensitive".to_owned() } else { words::list(&label.sensitive) };
    let topics = label.topics.iter().map(|topic| format!("“{topic}”")).collect::<Vec<_>>();
    let topics = if topics.is_empty() { String::new() } else { format!(", about {}", words::list(&topics)) };
    let by = if label.by.is_empty() { String::new() } else { format!(", by {}", label.by) };
    let counts = match (label.known, label.today) {
        (true, true) => "",
        (true, false) => " It counted then, and no longer.",
        (false, true) => " It counts only by what is known today.",
        (false, false) => " It does not count.",
    };
    format!("Label: {says}{topics}{by}, {}.{counts}", label.at)
}

/// From when to when, in a sentence.
pub fn in_force(card: &PolicyCard) -> String {
    let end = match (&card.until, &card.replaced_by) {
        (Some(until), Some(next)) if *until == card.from => {
            format!("until version {next}, with the same start, replaces it")
        }
        (Some(until), Some(next)) => format!("until {until}, when version {next} replaces it"),
        (Some(until), None) => format!("until {until}"),
        (None, _) => "with no end set".to_owned(),
    };
    let recorded = match (card.known, card.backdated) {
        (false, _) => format!(", after the decision{}", if card.backdated { ", and after it took force" } else { "" }),
        (true, true) => ", after it took force".to_owned(),
        (true, false) => String::new(),
    };
    let overtaken = card.overtaken.as_ref().map(|(version, from)| {
        format!(" By what is known today, version {version}, recorded after the decision, replaces it from {from}.")
    });
    format!(
        "In force from {} {end}. Recorded on {}{recorded}.{}",
        card.from,
        card.recorded,
        overtaken.unwrap_or_default()
    )
}

/// What is to be known about an entry beside what it says.
pub fn happening_note(happening: &Happening) -> String {
    match (&happening.recorded, happening.counts) {
        (None, Counts::Both) => String::new(),
        (Some(at), Counts::Both) => format!(" (recorded on {at})"),
        (Some(at), Counts::TodayOnly) => format!(" (recorded only after the decision, on {at})"),
        (Some(at), Counts::Neither) => format!(" (after the decision; recorded on {at})"),
        (None, counts) => format!(" ({})", counts.words()),
    }
}

/// Said where only one of the views has something.
pub fn views_note(known: bool, today: bool) -> &'static str {
    match (known, today) {
        (true, false) => " [only by what was known then]",
        (false, true) => " [only by what is known today]",
        _ => "",
    }
}
