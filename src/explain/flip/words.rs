//! What flips a verdict, for the person affected and for whoever keeps the records.

use super::{Flip, Flips, LIMIT};
use crate::explain::words::list;
use crate::explain::wrap::wrapped;
use crate::judge::Verdict;

/// Flips shown; all of them are in the JSON.
const SHOWN: usize = 12;

pub fn text(flips: &Flips) -> String {
    let (name, seq) = &flips.decision;
    let mut out = format!("{}, entry {seq}: {}.\n", crate::explain::words::clean(name), both(flips.known, flips.today));
    out += &format!("{} changes of fact were tried, and the decision judged anew with each", flips.tried);
    out += &if flips.cut { format!("; there were more, and {LIMIT} is the limit.\n") } else { ".\n".to_owned() };
    out += match flips.flips.first().map(|flip| flip.changes.len()) {
        None => "\nNo single change that was tried flips it, nor do two together.\n",
        Some(1) => "\nIt would have come out otherwise if\n",
        Some(_) => "\nNo single change that was tried flips it. Two together do: if\n",
    };
    for (number, flip) in flips.flips.iter().take(SHOWN).enumerate() {
        out += &one(number + 1, flip);
    }
    if flips.flips.len() > SHOWN {
        out += &format!("and {} more: --json has them all\n", flips.flips.len() - SHOWN);
    }
    let allows = |flip: &Flip| flip.changes.len() == 1 && [flip.known, flip.today].contains(&Verdict::Allow);
    for (view, rules) in [("as known then", &flips.standing[0]), ("as known today", &flips.standing[1])] {
        let same = view == "as known today" && flips.standing[0] == flips.standing[1];
        if rules.len() > 1 && !same && !flips.flips.iter().any(allows) {
            let view = if flips.standing[0] == flips.standing[1] { "" } else { view };
            out +=
                &format!("\nNo single change makes it allowed: each of these stands alone {view}: {}.\n", list(rules))
                    .replace(" :", ":");
        }
    }
    out
}

fn one(number: usize, flip: &Flip) -> String {
    let words: Vec<&str> = flip.changes.iter().map(|change| change.words.as_str()).collect();
    let sentence = format!("{number:>2}. {}: {}.", words.join(", and "), both(flip.known, flip.today));
    let mut out = format!("{}\n", wrapped(&sentence, 100).join("\n    "));
    for edit in flip.changes.iter().flat_map(|change| &change.edits) {
        out += &format!("      {}\n", edit.to_line());
    }
    out
}

fn both(known: Verdict, today: Verdict) -> String {
    match known == today {
        true => verdict(known).to_owned(),
        false => format!("{} by what was known then, {} by what is known today", verdict(known), verdict(today)),
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
