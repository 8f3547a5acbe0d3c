//! The answer in one line, and what was decided in another.

use super::reason::{Flag, Reason};
use super::scene::{self, Scene};
use super::words;
use crate::fact::{Outcome, Purpose};
use crate::judge::{Conformance, Verdict};
use serde::Serialize;

/// How the answer feels: what colours and marks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Cannot be shown to be as it should be.
    Unsure,
    /// Nothing to judge, or no harm done.
    Neutral,
}

impl Tone {
    /// A mark that tells tones apart without colour.
    pub fn mark(self) -> &'static str {
        match self {
            Tone::Good => "✓",
            Tone::Bad => "✗",
            Tone::Unsure => "?",
            Tone::Neutral => "–",
        }
    }
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Headline {
    /// How it feels.
    pub tone: Tone,
    /// The conformance in a word or two.
    pub word: String,
    /// The answer in a sentence.
    pub sentence: String,
    /// Why, a sentence each: the titles of the rules that decided.
    pub because: Vec<String>,
    /// What the other view says, where it says something else.
    pub but: Option<String>,
}

/// Said beside any verdict of which some evidence was erased.
pub const ERASED: &str = "Something about the accounts in this decision was erased after it was recorded. The hashes still \
     verify, and what is left was judged.";

/// Said where a verdict on record is another one.
pub const OTHERWISE: &str = "Another verdict of this decision is on record. Since then something was recorded late, or what a linked account \
     had said was erased and counts for nothing now.";

/// The headline of a decision that was judged.
pub fn of(scene: &Scene, reasons: &[Reason]) -> Headline {
    let judgement = scene.judgement;
    let (known, today) = (judgement.known.verdict, judgement.today.verdict);
    let (tone, word) = match judgement.conformance {
        Conformance::Breach => (Tone::Bad, "Breach"),
        Conformance::LateBreach => (Tone::Bad, "Late breach"),
        Conformance::Unproven => (Tone::Unsure, "Unproven"),
        Conformance::Conforming => (Tone::Good, "Conforming"),
        Conformance::Withheld => (Tone::Neutral, "Withheld"),
        Conformance::OutOfScope => (Tone::Neutral, "Out of scope"),
        Conformance::Erased => (Tone::Unsure, "Erased"),
    };
    let decisive = |reason: &&Reason| match judgement.conformance {
        Conformance::LateBreach => reason.today && reason.flag == Flag::Deny,
        _ => {
            let flag = if known == Verdict::Deny { Flag::Deny } else { Flag::Indeterminate };
            reason.known && reason.flag == flag
        }
    };
    let mut because: Vec<String> = Vec::new();
    for reason in reasons.iter().filter(decisive) {
        if !because.contains(&reason.title) {
            because.push(reason.title.clone());
        }
    }
    if known == Verdict::Allow && because.is_empty() {
        because.push("No rule in force then stood against it".to_owned());
    }
    Headline {
        tone,
        word: word.to_owned(),
        sentence: sentence(scene, judgement.conformance, known),
        because,
        but: but(judgement.conformance, known, today),
    }
}

fn sentence(scene: &Scene, conformance: Conformance, known: Verdict) -> String {
    let item = scene.item();
    let held_back = scene.body.outcome == Outcome::Suppressed;
    match conformance {
        Conformance::Breach => format!("The {item} was served, but it was not allowed."),
        Conformance::LateBreach => {
            format!("The {item} was served. Nothing known then spoke against it; what is known today does.")
        }
        Conformance::Unproven => format!("The {item} was served, but nobody can show that it was allowed."),
        Conformance::Conforming if !held_back => format!("The {item} was served, and it was allowed."),
        Conformance::Conforming if known == Verdict::Deny => {
            format!("The {item} was held back, and rightly so: it was not allowed.")
        }
        Conformance::Conforming => {
            format!("The {item} was held back, and rightly so: nobody could show that it was allowed.")
        }
        Conformance::Withheld => format!("The {item} was held back, although it was allowed."),
        Conformance::OutOfScope => {
            let done = if held_back { "was held back" } else { "was served" };
            format!("The {item} {done}. It rests on no interaction with AI, so there was nothing to allow or forbid.")
        }
        Conformance::Erased => destroyed().sentence,
    }
}

fn but(conformance: Conformance, known: Verdict, today: Verdict) -> Option<String> {
    if known == today || conformance == Conformance::LateBreach {
        return None;
    }
    let today = match today {
        Verdict::Allow => "it was allowed",
        Verdict::Deny => "it was not allowed",
        Verdict::Indeterminate => "nobody can show that it was allowed",
        Verdict::OutOfScope => "there was nothing to allow or forbid",
    };
    Some(format!("That is what could be known then. By what is known today, {today}."))
}

/// Where the ledger is not what was recorded.
pub fn tampered(seq: u64, what: &str) -> Headline {
    Headline {
        tone: Tone::Bad,
        word: "Tampered with".to_owned(),
        sentence: "The ledger is not what was recorded, so no verdict is given.".to_owned(),
        because: vec![format!("Entry {seq} is bad: {}", words::clean(what))],
        but: None,
    }
}

/// Where the decision's own body is gone.
pub fn destroyed() -> Headline {
    Headline {
        tone: Tone::Unsure,
        word: "Erased".to_owned(),
        sentence: "What this decision said was erased with its account, so it can no longer be judged.".to_owned(),
        because: vec!["Its hash still verifies: that it was made, and when, is certain".to_owned()],
        but: None,
    }
}

/// What was decided, in a sentence.
pub fn about(scene: &Scene) -> String {
    let (world, body) = (scene.world, scene.body);
    let mut text = words::sentence(scene.item());
    if let Some(advertiser) = body.advertiser {
        text += &format!(" of {}", scene.text(advertiser));
    }
    if !body.topics.is_empty() {
        text += &format!(" about {}", scene.quoted(body.topics.iter().copied()));
    }
    let done = match body.outcome {
        Outcome::Served => "shown to",
        Outcome::Suppressed => "held back from",
    };
    let node = world.node(scene.decision);
    format!("{text}, {done} {} on {}.", scene.account(node.account), scene::when(node.at))
}

/// The decision's facts as label and value.
pub fn facts(scene: &Scene) -> Vec<(String, String)> {
    let (world, body) = (scene.world, scene.body);
    let node = world.node(scene.decision);
    let mut facts = vec![("Decided", scene::when(node.at))];
    facts.push(("Recorded", format!("{}, as entry {}", scene::instant(node.recorded), node.seq)));
    facts.push(("Account", scene.account(node.account)));
    let purpose = if body.purpose == Purpose::Ads { "advertising" } else { "content" };
    facts.push(("Purpose", purpose.to_owned()));
    facts.push(("Outcome", body.outcome.name().to_owned()));
    let mut optional = |label, value: Option<crate::symbols::Sym>| {
        if let Some(value) = value {
            facts.push((label, scene.text(value)));
        }
    };
    optional("Advertiser", body.advertiser);
    optional("Campaign", body.campaign);
    optional("Creative", body.creative);
    optional("Region", body.region);
    optional("Region of the device", body.device_region);
    if body.region.or(body.device_region).is_none() {
        facts.push(("Region", "not recorded".to_owned()));
    }
    if let Some((policy, version)) = body.cited {
        facts.push(("Policy cited", format!("{}, version {}", scene.text(policy), scene.text(version))));
    }
    facts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
}
