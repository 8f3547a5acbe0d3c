//! What would have changed the verdict: single facts that, had they been otherwise, flip it; and where none does, pairs.
//!
//! Nothing here reads a rule. Each change is made to the entries around the decision, a world is built of them, and the
//! decision is judged anew: what is told to flip it, does. Which changes are tried is a choice ([`change`] lists them):
//! facts that could have been otherwise without the decision being another one. What nobody can change (that a person
//! was written to and not an assistant, what an erasure destroyed, the policy itself) is not tried.
//!
//! What flips it is then narrowed: parts without which the verdict comes out the same are left out, by halves and one by
//! one, each time by judging anew; and of ways to say the same the smallest stays.
//!
//! INVARIANT (bounded): no more than [`LIMIT`] worlds are judged to find changes and [`NARROWING`] to narrow them, and the
//! result says if that was not enough.

mod around;
mod change;
mod edit;
mod narrow;
mod person;
mod signals;
mod times;
mod uses;
mod words;

pub use edit::{Change, Edit, Part};
pub use words::Told;

use crate::entry::Entry;
use crate::judge::{self, Ask, Judged, Judgement, Memos, Verdict};
use crate::replay;
use crate::timeline::World;
use around::Around;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Worlds that are judged at most to find what flips one decision.
pub const LIMIT: usize = 400;

/// Worlds that are judged at most to narrow what was found.
pub const NARROWING: usize = 200;

/// A change, and what comes out with it.
#[derive(Clone, Debug)]
pub struct Flip {
    /// What would have been otherwise: one change, or two where no single one is enough.
    pub changes: Vec<Change>,
    /// The verdict of the known view then.
    pub known: Verdict,
    /// The verdict of the true view then.
    pub today: Verdict,
    /// The views whose verdict it flips: `known`, `true`.
    pub views: Vec<&'static str>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Flips {
    /// The decision, as source and id, with its seq.
    pub decision: (String, u64),
    /// The verdict of the known view as it is.
    pub known: Verdict,
    /// The verdict of the true view as it is.
    pub today: Verdict,
    /// What flips it, the smallest first.
    pub flips: Vec<Flip>,
    /// Rules that stand in the known and in the true view: each is a reason of its own.
    pub standing: [Vec<String>; 2],
    /// How many changes were judged.
    pub tried: usize,
    /// How many worlds were judged to narrow what was found.
    pub narrowed: usize,
    /// True if there was more to try or to narrow than the limits.
    pub cut: bool,
}

/// True for verdicts under which the decision may be carried out.
fn permits(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Allow | Verdict::OutOfScope)
}

/// Tries every change for the decision at `seq`; `entries` are all that its judgement can rest on, ascending. `None` if
/// the decision is not among them, or its body was erased.
pub fn flips(entries: &[Entry], seq: u64) -> Option<Flips> {
    let base = around::spread(entries);
    let (world, judgement) = judged(&base, seq, &[])?;
    judgement.outcome?;
    let around = Around::new(&base, &world, &judgement, seq)?;
    let verdicts = (judgement.known.verdict, judgement.today.verdict);
    let mut search = Search { base: &base, seq, verdicts, tried: 0, narrowed: 0, cut: false, found: Vec::new() };
    let stands = [standing(&world, &judgement.known), standing(&world, &judgement.today)];
    let mut helpful = Vec::new();
    for change in change::singles(&around) {
        match search.attempt(vec![change.clone()]) {
            Tried::Flips => {}
            Tried::Left(left) => {
                let fewer = |view: usize| left[view].is_subset(&stands[view]) && left[view] != stands[view];
                if fewer(0) || fewer(1) {
                    helpful.push(change);
                }
            }
            Tried::Nothing => {}
        }
    }
    // Where all that helps is to use less, what would have allowed the decision as it is was not found yet.
    if search.found.iter().all(|flip| flip.changes[0].kind == "signal") {
        for (place, one) in helpful.iter().enumerate() {
            for other in helpful[place + 1..].iter().filter(|other| !one.touches(other)) {
                search.attempt(vec![one.clone(), other.clone()]);
            }
        }
    }
    narrow::narrow(&mut search);
    let Search { tried, narrowed, cut, found, .. } = search;
    let id = around.decision.record.as_ref().map(|record| record.id.to_string()).unwrap_or_default();
    Some(Flips {
        decision: (id, seq),
        known: verdicts.0,
        today: verdicts.1,
        flips: found,
        standing: stands
            .map(|view| view.into_iter().map(|(rule, _)| rule).collect::<BTreeSet<_>>().into_iter().collect()),
        tried,
        narrowed,
        cut,
    })
}

/// Rules with the uses that they are about.
type Standing = BTreeSet<(String, Option<u64>)>;

/// What an attempt came to.
enum Tried {
    Flips,
    /// The verdicts are as they were, and these rules stand, in either view.
    Left([Standing; 2]),
    /// Not judged: the limit was reached, or nothing is left to judge.
    Nothing,
}

struct Search<'a> {
    base: &'a [Entry],
    seq: u64,
    verdicts: (Verdict, Verdict),
    tried: usize,
    narrowed: usize,
    cut: bool,
    found: Vec<Flip>,
}

impl Search<'_> {
    fn attempt(&mut self, changes: Vec<Change>) -> Tried {
        // A change of everything of a kind says nothing where a single one of it already does.
        let said = |flip: &Flip| {
            flip.changes.len() == changes.len() && changes.iter().zip(&flip.changes).all(|(new, old)| new.widens(old))
        };
        if self.found.iter().any(said) {
            return Tried::Nothing;
        }
        if self.tried == LIMIT {
            self.cut = true;
            return Tried::Nothing;
        }
        self.tried += 1;
        let Some((world, judgement)) = self.judged(&changes) else { return Tried::Nothing };
        let (known, today) = (judgement.known.verdict, judgement.today.verdict);
        let flipped = [("known", self.verdicts.0, known), ("true", self.verdicts.1, today)];
        let flipped = flipped.into_iter().filter(|(_, before, now)| permits(*before) != permits(*now));
        let views: Vec<&'static str> = flipped.map(|(view, ..)| view).collect();
        if views.is_empty() {
            return Tried::Left([standing(&world, &judgement.known), standing(&world, &judgement.today)]);
        }
        self.found.push(Flip { changes, known, today, views });
        Tried::Flips
    }

    fn judged(&self, changes: &[Change]) -> Option<(World, Judgement)> {
        let edits: Vec<&Edit> = changes.iter().flat_map(Change::edits).collect();
        judged(self.base, self.seq, &edits)
    }
}

fn standing(world: &World, judged: &Judged) -> Standing {
    let rule = |fired: &judge::Fired| {
        (replay::rule_id(world, fired.rule).to_owned(), fired.about.map(|about| world.node(about).seq))
    };
    judged.rules.iter().map(rule).collect()
}

/// A world of the entries with some edits, and the decision judged in it.
fn judged(base: &[Entry], seq: u64, edits: &[&Edit]) -> Option<(World, Judgement)> {
    let world = around::world(base, edits);
    let decision =
        world.locate(around::place(seq)).filter(|&ix| world.node(ix).kind == crate::fact::Kind::DecisionMade)?;
    let judgement = judge::judge(&world, decision, &mut Ask::Memo(&mut Memos::default()));
    Some((world, judgement))
}

impl Flips {
    /// As `explain --flip --json` prints it.
    pub fn to_json(&self) -> Value {
        let flip = |flip: &Flip| {
            let changes: Vec<Value> = flip.changes.iter().map(Change::to_json).collect();
            json!({ "views": flip.views, "known": flip.known.name(), "true": flip.today.name(), "changes": changes })
        };
        let (name, seq) = &self.decision;
        json!({
            "decision": { "name": name, "seq": seq },
            "known": self.known.name(),
            "true": self.today.name(),
            "rules": { "known": self.standing[0], "true": self.standing[1] },
            "flips": self.flips.iter().map(flip).collect::<Vec<_>>(),
            "tried": self.tried,
            "limit": LIMIT,
            "narrowed": self.narrowed,
            "cut": self.cut,
        })
    }

    /// In sentences.
    pub fn told(&self) -> Told {
        Told::of(self)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        words::text(self)
    }
}
