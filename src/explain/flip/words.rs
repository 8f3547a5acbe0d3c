//! What flips a verdict, for the person affected and for whoever keeps the records.

use super::{Change, Flip, Flips, LIMIT, NARROWING};
use crate::explain::words::{clean, count, list, sentence};
use crate::explain::wrap::wrapped;
use crate::judge::Verdict;

/// Flips shown by a terminal; all of them are on the page and in the JSON.
const SHOWN: usize = 12;

/// What was found, in sentences: what text and page have in common.
pub struct Told {
    /// What was done to find it.
    pub tried: String,
    /// What the flips are, or that there is none.
    pub lead: &'static str,
    /// Each flip as a sentence, and its edits for whoever keeps the records.
    pub flips: Vec<(String, Vec<String>)>,
    /// Which rules stand each for itself, where no single change makes it allowed.
    pub standing: Vec<String>,
}

impl Told {
    pub(super) fn of(flips: &Flips) -> Told {
        let lead = match flips.flips.first().map(|flip| flip.changes.len()) {
            None => "No single change that was tried flips it, nor do two together.",
            Some(1) => "Any one of these would have been enough.",
            Some(_) => "No single change that was tried flips it. Two together do.",
        };
        let flip = |flip: &Flip| {
            let sentence = sentence(&format!("if {}, {}.", ifs(flip), would(flip.known, flip.today)));
            (sentence, lines(flip).collect())
        };
        Told { tried: tried(flips), lead, flips: flips.flips.iter().map(flip).collect(), standing: standing(flips) }
    }
}

pub fn text(flips: &Flips) -> String {
    let (name, seq) = &flips.decision;
    let mut out = format!("{}, entry {seq}: {}.\n", clean(name), both(flips.known, flips.today));
    out += &wrapped(&tried(flips), 100).join("\n");
    out += match flips.flips.first().map(|flip| flip.changes.len()) {
        None => "\n\nNo single change that was tried flips it, nor do two together.\n",
        Some(1) => "\n\nIt would have come out otherwise if\n",
        Some(_) => "\n\nNo single change that was tried flips it. Two together do: if\n",
    };
    for (number, flip) in flips.flips.iter().take(SHOWN).enumerate() {
        out += &one(number + 1, flip);
    }
    if flips.flips.len() > SHOWN {
        out += &format!("and {} more: --html and --json have them all\n", flips.flips.len() - SHOWN);
    }
    for line in standing(flips) {
        out += &format!("\n{line}\n");
    }
    out
}

fn tried(flips: &Flips) -> String {
    let mut out =
        format!("{} of fact were tried, and the decision judged anew with each", count(flips.tried, "change"));
    if flips.narrowed > 0 {
        out += &format!("; {} more told what could be left out of those that flip it", flips.narrowed);
    }
    if flips.cut {
        out += &format!("; there was more to try, and {LIMIT} changes and {NARROWING} more are the limit");
    }
    out.replace("1 change of fact were", "1 change of fact was") + "."
}

fn standing(flips: &Flips) -> Vec<String> {
    let allows = |flip: &Flip| flip.changes.len() == 1 && [flip.known, flip.today].contains(&Verdict::Allow);
    let agree = flips.standing[0] == flips.standing[1];
    let views =
        [(if agree { "" } else { " as known then" }, &flips.standing[0]), (" as known today", &flips.standing[1])];
    let told = views.into_iter().take(if agree { 1 } else { 2 }).filter(|(_, rules)| rules.len() > 1);
    let line = |(view, rules): (&str, &Vec<String>)| {
        format!("No single change makes it allowed: each of these stands alone{view}: {}.", list(rules))
    };
    told.filter(|_| !flips.flips.iter().any(allows)).map(line).collect()
}

fn one(number: usize, flip: &Flip) -> String {
    let sentence = format!("{number:>2}. {}: {}.", ifs(flip), both(flip.known, flip.today));
    let mut out = format!("{}\n", wrapped(&sentence, 100).join("\n    "));
    for line in lines(flip) {
        out += &format!("      {line}\n");
    }
    out
}

fn ifs(flip: &Flip) -> String {
    flip.changes.iter().map(|change| change.words.as_str()).collect::<Vec<_>>().join(", and ")
}

fn lines(flip: &Flip) -> impl Iterator<Item = String> + '_ {
    flip.changes.iter().flat_map(Change::edits).map(super::Edit::to_line)
}

fn both(known: Verdict, today: Verdict) -> String {
    match known == today {
        true => verdict(known).to_owned(),
        false => format!("{} by what was known then, {} by what is known today", verdict(known), verdict(today)),
    }
}

fn would(known: Verdict, today: Verdict) -> String {
    match known == today {
        true => format!("it would have been {}", verdict(known)),
        false => format!(
            "it would have been {} by what was known then, and {} by what is known today",
            verdict(known),
            verdict(today)
        ),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny => "not allowed",
        Verdict::Indeterminate => "not shown to be allowed",
        Verdict::OutOfScope => "out of the policy's scope",
    }
}
