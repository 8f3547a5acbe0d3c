//! The rules and findings that a world can give, by name.

use crate::judge::JudgeRule;
use crate::timeline::World;
use std::collections::BTreeSet;

/// A rule of one version of a policy, or of the judge's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Named<'a> {
    /// Several policies may have one of the same.
    pub id: &'a str,
    /// The policy and version that it is of.
    pub of: Option<(&'a str, &'a str)>,
    pub title: &'a str,
}

/// Every rule of every version that can be read, and the judge's own.
pub fn rules(world: &World) -> impl Iterator<Item = Named<'_>> {
    let own = JudgeRule::ALL.iter().map(|rule| Named { id: rule.name(), of: None, title: rule.title() });
    let name = |sym| world.symbols.name(sym);
    let versions = world.policies.iter().flat_map(|line| line.versions.iter().map(move |version| (line.id, version)));
    own.chain(versions.flat_map(move |(policy, version)| {
        let of = Some((name(policy), name(version.name)));
        let rules = version.compiled.as_ref().map_or(&[][..], |compiled| compiled.rules());
        rules.iter().map(move |rule| Named { id: &rule.id, of, title: &rule.title })
    }))
}

/// Those of `asked` that nothing in this world is called, whatever it finds.
pub fn unknown<'a>(world: &World, asked: &'a [String]) -> Vec<&'a str> {
    let known: BTreeSet<&str> = rules(world).map(|rule| rule.id).chain(crate::replay::OWN_FINDINGS).collect();
    asked.iter().map(String::as_str).filter(|id| !known.contains(id)).collect()
}
