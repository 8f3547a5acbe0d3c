//! Which versions judge a decision, and each of its uses.

use super::verdict::VersionIx;
use crate::fact::{Instant, Role};
use crate::timeline::{PolicyLine, Version, View, World};

/// The versions that judge the decision in `view` (contract, section 4.1).
pub fn at_decision(world: &World, view: View, app: &str) -> Vec<VersionIx> {
    let at = view.decision.at;
    let in_force = |line: &PolicyLine| in_force(line, at, |version| view.sees_version(version.seq));
    let current: Vec<(usize, u32)> = world
        .policies
        .iter()
        .enumerate()
        .filter_map(|(number, line)| in_force(line).map(|version| (number, version)))
        .collect();
    let platform =
        current.iter().any(|&(line, version)| world.policies[line].versions[version as usize].role == Role::Platform);
    let later = world.policies.iter().enumerate().filter_map(|(number, line)| {
        let version = line.adopted_for_later(view).filter(|version| !platform && version.role == Role::Platform)?;
        Some((number, position(line, version)))
    });
    let mut judging: Vec<VersionIx> = current.iter().copied().chain(later).map(ix).collect();
    judging.retain(|&version| version_of(world, version).covers(app));
    judging.sort_unstable();
    judging
}

/// Adds the versions of the same policy that judge an interaction (section 4.2): the one that judges the decision, and
/// those in force when it happened, as the view has it and as it was known when it was recorded.
pub fn at_use(
    world: &World,
    view: View,
    app: &str,
    judging: VersionIx,
    happened: Instant,
    recorded_seq: u64,
    all: &mut Vec<VersionIx>,
) {
    let line = &world.policies[judging.line as usize];
    let seen = in_force(line, happened, |version| view.sees_version(version.seq));
    let known = in_force(line, happened, |version| view.sees_version(version.seq) && version.seq < recorded_seq);
    let then = [seen, known].into_iter().flatten().map(|version| VersionIx { line: judging.line, version });
    let covering = then.filter(|&version| version != judging && version_of(world, version).covers(app));
    all.push(judging);
    all.extend(covering);
}

/// True if some policy's version of that name is in force at the decision, whatever its apps: one that was adopted, also
/// where the decision is judged by another.
pub fn is_in_force(world: &World, view: View, policy: crate::symbols::Sym, name: crate::symbols::Sym) -> bool {
    let adopted = world.adopted.as_ref().unwrap_or(&world.policies);
    adopted.iter().filter(|line| line.id == policy).any(|line| {
        line.in_force(view.decision.at, |version| view.sees_version(version.seq))
            .is_some_and(|version| version.name == name)
    })
}

/// A version by its place.
pub fn version_of(world: &World, ix: VersionIx) -> &Version {
    &world.policies[ix.line as usize].versions[ix.version as usize]
}

fn in_force(line: &PolicyLine, at: Instant, known: impl Fn(&Version) -> bool) -> Option<u32> {
    line.in_force(at, known).map(|version| position(line, version))
}

fn position(line: &PolicyLine, version: &Version) -> u32 {
    line.versions.iter().position(|other| other.seq == version.seq).expect("it is one of the line's") as u32
}

fn ix((line, version): (usize, u32)) -> VersionIx {
    VersionIx { line: line as u32, version }
}
