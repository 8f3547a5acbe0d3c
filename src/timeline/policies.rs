//! Policy streams: which version was in force when.

use super::{View, World};
use crate::fact::{Instant, PolicyAdopted, Role, Time};
use crate::policy::{Compiled, PACKS, Pack, PolicyError};
use crate::symbols::Sym;

/// One version of a policy.
#[derive(Clone)]
pub struct Version {
    /// The version's name.
    pub name: Sym,
    /// Its entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded: Instant,
    /// From when it is in force.
    pub from: Instant,
    /// Until when, exclusive.
    pub until: Option<Instant>,
    /// Platform or overlay.
    pub role: Role,
    /// Its rules; an error where this program cannot judge by it.
    pub compiled: Result<Compiled, PolicyError>,
    /// Its number among all versions of the world.
    pub number: usize,
    /// The version as it was adopted.
    pub adopted: Box<PolicyAdopted>,
}

impl Version {
    /// True if it was recorded after it took force.
    pub fn is_backdated(&self) -> bool {
        self.recorded > self.from
    }

    /// True if it governs decisions of `app`; one that cannot be read governs all, so that it is never passed over.
    pub fn covers(&self, app: &str) -> bool {
        self.compiled.as_ref().map_or(true, |compiled| compiled.params.covers(app))
    }
}

/// Every version of one policy, ascending by (`in_force_from`, seq).
#[derive(Clone)]
pub struct PolicyLine {
    /// The policy's id.
    pub id: Sym,
    /// Its versions.
    pub versions: Vec<Version>,
}

impl PolicyLine {
    /// True if a version reads the labels of whole conversations.
    pub fn goes_by_conversation(&self) -> bool {
        self.versions
            .iter()
            .any(|version| version.compiled.as_ref().is_ok_and(|compiled| compiled.params.by_conversation))
    }

    /// The version in force at `at` among those that `known` admits.
    pub fn in_force(&self, at: Instant, known: impl Fn(&Version) -> bool) -> Option<&Version> {
        let end = self.versions.partition_point(|version| version.from <= at);
        let latest = self.versions[..end].iter().rev().find(|version| known(version))?;
        latest.until.is_none_or(|until| at < until).then_some(latest)
    }

    /// The earliest version of `view`, if none of them was ever in force by the decision.
    pub fn adopted_for_later(&self, view: View) -> Option<&Version> {
        let mut seen = self.versions.iter().filter(|version| view.sees_version(version.seq));
        let first = seen.next().filter(|first| first.from > view.decision.at)?;
        // Of two with the same start the later recorded would be in force.
        Some(seen.take_while(|version| version.from == first.from).last().unwrap_or(first))
    }
}

impl World {
    /// Puts one version in place of what was in force, as if it always had been: `POLICY@VERSION` of this world in place
    /// of that policy's versions; a built-in pack, `PACK@built-in`, in place of every platform policy, or as an overlay
    /// beside the others.
    pub fn judge_by(&mut self, name: &str) -> Result<(), String> {
        let adopted = self.policies.clone();
        let (policy, version) = name.split_once('@').ok_or_else(|| format!("`{name}`: expected `POLICY@VERSION`"))?;
        let line = match version {
            "built-in" => {
                let line = self.built_in(policy)?;
                self.in_place(line)
            }
            _ => self.take_version(policy, version)?,
        };
        self.judge_by_line(policy, line);
        self.adopted.get_or_insert(adopted);
        Ok(())
    }

    /// As [`World::judge_by`], by a version that nobody adopted, resolved: a platform policy in place of every other, or an
    /// overlay beside them.
    pub fn judge_by_text(&mut self, name: &str, adopted: PolicyAdopted) -> Result<(), String> {
        let line = self.of_adopted(name, adopted);
        if let Err(error) = &line.versions[0].compiled {
            return Err(error.to_string());
        }
        self.adopted.get_or_insert_with(|| self.policies.clone());
        let line = self.in_place(line);
        self.judge_by_line(name, line);
        Ok(())
    }

    /// Takes out what a version stands in place of.
    fn in_place(&mut self, mut line: PolicyLine) -> PolicyLine {
        let role = line.versions[0].role;
        let is_platform = |other: &PolicyLine| other.versions.iter().all(|version| version.role == Role::Platform);
        if role == Role::Platform {
            // It stands for the platform policy that it replaces: notices were given under that one's id.
            line.id = self.policies.iter().find(|other| is_platform(other)).map_or(line.id, |other| other.id);
        }
        self.policies.retain(|other| other.id != line.id && !(role == Role::Platform && is_platform(other)));
        line
    }

    fn judge_by_line(&mut self, policy: &str, mut line: PolicyLine) {
        let only = &mut line.versions[0];
        (only.seq, only.recorded, only.from, only.until) = (0, Instant(0), Instant(0), None);
        // What the text can see of its own dates must say the same.
        only.adopted.in_force_from = Time::utc(Instant(0));
        only.compiled = Compiled::new(policy, &only.adopted, &mut self.symbols);
        self.policies.push(line);
        // Memos are by number: no two versions of a world may share one.
        let versions = self.policies.iter_mut().flat_map(|line| &mut line.versions);
        versions.enumerate().for_each(|(number, version)| version.number = number);
    }

    /// Takes a policy's line out, cut down to one version.
    fn take_version(&mut self, policy: &str, version: &str) -> Result<PolicyLine, String> {
        let known = || {
            let lines =
                self.policies.iter().flat_map(|line| line.versions.iter().map(|version| (line.id, version.name)));
            let names: Vec<String> =
                lines.map(|(id, name)| format!("{}@{}", self.symbols.name(id), self.symbols.name(name))).collect();
            format!("no version `{policy}@{version}`: expected {} or `PACK@built-in`", names.join(", "))
        };
        let place = self.policies.iter().position(|line| self.symbols.name(line.id) == policy).ok_or_else(known)?;
        let versions = &self.policies[place].versions;
        let chosen = versions.iter().rposition(|each| self.symbols.name(each.name) == version).ok_or_else(known)?;
        let mut line = self.policies.remove(place);
        line.versions.swap(0, chosen);
        line.versions.truncate(1);
        Ok(line)
    }

    fn built_in(&mut self, name: &str) -> Result<PolicyLine, String> {
        let names = || PACKS.iter().map(|pack| pack.name).collect::<Vec<_>>().join(", ");
        let pack =
            Pack::named(name).ok_or_else(|| format!("no built-in pack `{name}`: expected one of {}", names()))?;
        let adopted = pack.as_adopted().map_err(|error| error.to_string())?;
        Ok(self.of_adopted(name, adopted))
    }

    fn of_adopted(&mut self, name: &str, adopted: PolicyAdopted) -> PolicyLine {
        let version = Version {
            name: self.symbols.intern(&adopted.version),
            seq: 0,
            recorded: Instant(0),
            from: Instant(0),
            until: None,
            role: adopted.role,
            compiled: Compiled::new(name, &adopted, &mut self.symbols),
            number: 0,
            adopted: Box::new(adopted),
        };
        PolicyLine { id: self.symbols.intern(name), versions: vec![version] }
    }
}
