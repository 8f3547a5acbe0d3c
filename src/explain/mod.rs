//! One decision explained: a plain structure of words, made from a world and a judgement, and what renders it.
//!
//! INVARIANT (same facts): what a sentence says about a use or a person is read through the judge's own facts, in the
//! view that it is about, so an explanation cannot tell another story than the verdict.
//! INVARIANT (safe to show): every string in an [`Explanation`] but those of `judgement` went through `words::clean`;
//! nothing that others wrote steers a terminal.
//! Deliberately absent: reading the ledger. The caller collects what [`Wanted`] asks for into an [`Evidence`].

mod choices;
mod drawing;
mod erased;
mod evidence;
mod flip;
mod headline;
mod history;
mod html;
mod in_force;
mod json;
mod lanes;
mod lineage;
mod own;
mod phrases;
mod reason;
mod scene;
mod state;
mod svg;
mod text;
mod uses;
mod whose;
mod words;
mod wrap;

pub use drawing::{Band, Drawing, Edge, Glyph, Mark};
pub use evidence::{Evidence, Wanted};
pub use flip::{Change, Edit, Flip, Flips, LIMIT as FLIP_LIMIT, NARROWING as FLIP_NARROWING, Part, Told, flips};
pub use headline::{Headline, Tone};
pub use history::{Counts, Happening};
pub use html::{Appendix, to_html, to_page};
pub use in_force::PolicyCard;
pub use json::to_json;
pub use lineage::{Label, Step, StepKind, StepMark, Text};
pub use reason::{Detail, Flag, Reason};
pub use state::Row;
pub use text::to_text;
pub use words::clean;
pub use wrap::{columns, pad};

use crate::judge::{Integrity, Judgement};
use crate::timeline::{NodeIx, World};
use scene::Scene;
use serde::Serialize;
use serde_json::Value;

/// Everything that a person wants to see about one decision.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Was it allowed?
    pub headline: Headline,
    /// What was decided, in a sentence.
    pub about: String,
    /// The decision's id, or its entry where that was erased.
    pub name: String,
    /// Facts of the decision, as label and value.
    pub facts: Vec<(String, String)>,
    /// Why the verdict is to be read with care, if it is.
    pub caution: Option<String>,
    /// Where evidence was erased: the verdicts that were put on record, as when and what.
    pub attested: Vec<(String, String)>,
    /// Every rule that fired and every finding, the gravest first.
    pub reasons: Vec<Reason>,
    /// What the two views hold, side by side.
    pub views: Vec<Row>,
    /// From the decision down to each interaction, in depth-first order.
    pub lineage: Vec<Step>,
    /// The policy versions that matter.
    pub policies: Vec<PolicyCard>,
    /// What was recorded about the accounts, ascending in time.
    pub history: Vec<Happening>,
    /// The lineage on a time line.
    #[serde(skip)]
    pub drawing: Drawing,
    /// What would have flipped the verdict, if somebody asked.
    #[serde(skip)]
    pub flips: Option<Flips>,
    /// The decision's object as `replay --json` prints it.
    pub judgement: Value,
}

/// Explains a judgement from a world, with the raw entries that [`Wanted`] asked for.
pub fn explain(world: &World, judgement: &Judgement, evidence: &Evidence, with_content: bool) -> Explanation {
    let object = crate::replay::attested_json(world, judgement, evidence.attested());
    let is_erased = judgement.integrity == Integrity::Erased;
    let is_told = object.get("attested").is_some();
    let attested = if is_told { erased::on_record(world, judgement.decision, evidence) } else { Vec::new() };
    let Some(scene) = Scene::new(world, judgement, evidence, with_content) else {
        return Explanation { attested, ..destroyed(world, judgement.decision, object) };
    };
    let reasons = reason::all(&scene);
    let history = history::all(&scene);
    let policies = in_force::all(&scene);
    let caution = if is_erased { Some(headline::ERASED) } else { is_told.then_some(headline::OTHERWISE) };
    let caution = caution.map(str::to_owned);
    Explanation {
        headline: headline::of(&scene, &reasons),
        about: headline::about(&scene),
        name: name(world, judgement.decision),
        facts: headline::facts(&scene),
        caution,
        attested,
        views: state::rows(&scene, &reasons),
        lineage: lineage::steps(&scene, &reasons),
        drawing: drawing::of(&scene, &reasons, &history, &policies),
        reasons,
        policies,
        history,
        flips: None,
        judgement: object,
    }
}

/// What is left to say where the ledger is not what was recorded: no verdict.
pub fn tampered(world: &World, decision: NodeIx, bad_seq: u64, what: &str, object: Value) -> Explanation {
    bare(world, decision, headline::tampered(bad_seq, what), object)
}

/// A decision whose own body is gone.
fn destroyed(world: &World, decision: NodeIx, object: Value) -> Explanation {
    let mut explanation = bare(world, decision, headline::destroyed(), object);
    explanation.facts.extend(erased::erasures(world, decision));
    explanation
}

fn bare(world: &World, decision: NodeIx, headline: Headline, object: Value) -> Explanation {
    let node = world.node(decision);
    Explanation {
        headline,
        about: format!("The decision was made on {}.", scene::when(node.at)),
        name: name(world, decision),
        facts: vec![
            ("Decided".to_owned(), scene::when(node.at)),
            ("Recorded".to_owned(), format!("{}, as entry {}", scene::instant(node.recorded), node.seq)),
        ],
        caution: None,
        attested: Vec::new(),
        reasons: Vec::new(),
        views: Vec::new(),
        lineage: Vec::new(),
        policies: Vec::new(),
        history: Vec::new(),
        drawing: Drawing::default(),
        flips: None,
        judgement: object,
    }
}

fn name(world: &World, decision: NodeIx) -> String {
    let erased = || format!("entry {}", world.node(decision).seq);
    world.name(decision).map_or_else(erased, |name| words::clean(&name.to_string()))
}
