//! The scenes: decisions that break one rule each, or that show how a rule does not break.
//!
//! A scene is a row of a table: its name, the rules and findings that its decision is about, how it conforms, and the
//! function that plays it. The decision's id is `d-<name>`; the accounts are `<app>/<name>`, so scenes do not meet.
//! The judge does not read the table: tests hold the one to the other.

mod choices;
mod evidence;
mod policy;
mod stage;
mod whose;

pub use stage::Stage;

use super::conversation::Conversation;
use super::log::Log;
use crate::judge::Conformance;

/// One scene.
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// The ids of the rules that fire in the known view, sorted.
    pub rules: &'static [&'static str],
    /// The ids of the findings of both views, sorted.
    pub findings: &'static [&'static str],
    /// How the decision conforms.
    pub conformance: Conformance,
    pub(super) play: fn(&mut Stage),
}

/// Every scene, by what it is about.
pub const SCENES: &[&[Scene]] = &[policy::SCENES, whose::SCENES, choices::SCENES, evidence::SCENES];

/// Plays all of them.
pub(super) fn play(log: &mut Log, corpus: &[Conversation]) {
    for scene in SCENES.iter().copied().flatten() {
        (scene.play)(&mut Stage::new(scene.name, log, corpus));
    }
}

/// A scene whose decision was served and denied.
const fn breach(name: &'static str, rules: &'static [&'static str], play: fn(&mut Stage)) -> Scene {
    Scene { name, rules, findings: &[], conformance: Conformance::Breach, play }
}

/// A scene whose decision was served, though nobody can show that it was allowed.
const fn unproven(name: &'static str, rules: &'static [&'static str], play: fn(&mut Stage)) -> Scene {
    Scene { name, rules, findings: &[], conformance: Conformance::Unproven, play }
}

/// A scene whose decision conforms, with something worth a note.
const fn noted(name: &'static str, findings: &'static [&'static str], play: fn(&mut Stage)) -> Scene {
    Scene { name, rules: &[], findings, conformance: Conformance::Conforming, play }
}
