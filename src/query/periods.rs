//! When each rule was broken: intervals, counts, and how long a person's own choice had been ignored.
//!
//! A rule is broken by a decision that was served though the rule denied it. A period of it runs from the first such
//! decision to the last, both included, and ends where more than the allowed gap passes without another. Decisions that
//! complied end no period: they say nothing of those that did not. How many were served meanwhile is counted beside.
//!
//! Decisions of several worlds can be gathered apart and put together: what is kept of each is a few numbers. Names are kept
//! of those alone that a period may begin or end with.

use super::delay::delay_s;
use super::row::{Row, RuleRow};
use crate::fact::{FactId, Instant, Outcome};
use crate::timeline::World;
use std::collections::BTreeMap;

/// What periods can be told apart by, besides the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Dimension {
    App,
    Region,
    Policy,
    Advertiser,
    Campaign,
}

impl Dimension {
    /// Every dimension, in the order of their names as listed.
    pub const ALL: &'static [Dimension] =
        &[Dimension::App, Dimension::Region, Dimension::Policy, Dimension::Advertiser, Dimension::Campaign];

    /// The name on the command line and in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::App => "app",
            Dimension::Region => "region",
            Dimension::Policy => "policy",
            Dimension::Advertiser => "advertiser",
            Dimension::Campaign => "campaign",
        }
    }

    /// The dimension of that name.
    pub fn parse(name: &str) -> Option<Dimension> {
        Dimension::ALL.iter().copied().find(|each| each.name() == name)
    }

    fn of(self, row: &Row, rule: &RuleRow) -> Option<String> {
        match self {
            Dimension::App => row.app.map(str::to_owned),
            Dimension::Region => row.region.map(str::to_owned),
            Dimension::Policy => rule.policy.zip(rule.version).map(|(policy, version)| format!("{policy}@{version}")),
            Dimension::Advertiser => row.advertiser.map(str::to_owned),
            Dimension::Campaign => row.campaign.map(str::to_owned),
        }
    }
}

/// Periods that are being gathered.
#[derive(Clone, Default)]
pub struct Periods {
    asked: Asked,
    groups: BTreeMap<Group, Vec<Broken>>,
    /// When decisions were served, by what the group has of them besides rule and policy.
    served: BTreeMap<Vec<Option<String>>, Vec<Instant>>,
    /// What decisions are called that a period may begin or end with, by seq.
    names: BTreeMap<u64, FactId>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Told apart by these.
    pub by: Vec<Dimension>,
    /// By the known view's verdicts; else by the true view's.
    pub known: bool,
    /// A period ends where more than so many seconds pass without another decision.
    pub gap_s: i64,
    /// Rules that need a person as well as those that deny.
    pub unproven: bool,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { by: Vec::new(), known: true, gap_s: 7 * 86_400, unproven: false }
    }
}

/// Rule, whether it denies, and the value of each dimension.
type Group = (String, bool, Vec<Option<String>>);

#[derive(Clone, Copy, Debug)]
struct Broken {
    at: Instant,
    seq: u64,
    delay_s: Option<i64>,
}

/// One interval in which a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The rule.
    pub rule: String,
    /// True if it denied; false if the decisions were unproven for its sake.
    pub denies: bool,
    /// The value of each dimension, in the order asked for; `None` where it was not recorded.
    pub by: Vec<Option<String>>,
    /// When the first decision was made.
    pub from: Instant,
    /// When the last was made.
    pub to: Instant,
    /// The first decision's seq.
    pub first: u64,
    /// The first decision's name, where names were noted.
    pub first_name: Option<FactId>,
    /// The last decision's seq.
    pub last: u64,
    /// The last decision's name, likewise.
    pub last_name: Option<FactId>,
    /// How many decisions broke it.
    pub count: u64,
    /// How many decisions were served from `from` to `to`, in the same group but for the policy.
    pub served: u64,
    /// For how long a limit, a block, a withdrawal or an unlink had been ignored.
    pub delay: Option<Delay>,
}

/// Times from a person's choice to decisions that ignored it, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Delay {
    pub least_s: i64,
    /// The lower one of the two in the middle.
    pub median_s: i64,
    pub most_s: i64,
}

/// The periods of rows that are all at hand.
pub fn periods<'a>(world: &World, rows: impl IntoIterator<Item = &'a Row<'a>>, asked: Asked) -> Vec<Period> {
    let mut periods = Periods::new(asked);
    rows.into_iter().for_each(|row| periods.take(world, row));
    periods.settle(world);
    periods.finish()
}

impl Periods {
    /// None yet.
    pub fn new(asked: Asked) -> Periods {
        let (groups, served, names) = Default::default();
        Periods { asked, groups, served, names }
    }

    /// Takes the next row of a world, in any order.
    pub fn take(&mut self, world: &World, row: &Row) {
        if row.outcome != Some(Outcome::Served) {
            return;
        }
        let view = if self.asked.known { &row.known } else { &row.today };
        let by = |rule: &RuleRow| self.asked.by.iter().map(|dimension| dimension.of(row, rule)).collect::<Vec<_>>();
        let rules = view.rules.iter().filter(|rule| rule.denies || self.asked.unproven);
        let mut broken: BTreeMap<Group, Option<i64>> = BTreeMap::new();
        for rule in rules {
            // Of several uses, and choices, the one that was ignored longest.
            let ignored = broken.entry((rule.id.to_owned(), rule.denies, by(rule))).or_default();
            *ignored = (*ignored).max(delay_s(world, row, rule, self.asked.known));
        }
        for (group, delay_s) in broken {
            self.groups.entry(group).or_default().push(Broken { at: row.at.at, seq: row.seq, delay_s });
        }
        let shared = self.shared(|dimension| dimension.of(row, &NO_RULE));
        self.served.entry(shared).or_default().push(row.at.at);
    }

    fn shared(&self, of: impl Fn(Dimension) -> Option<String>) -> Vec<Option<String>> {
        self.asked
            .by
            .iter()
            .filter(|dimension| **dimension != Dimension::Policy)
            .map(|&dimension| of(dimension))
            .collect()
    }

    /// Notes names, once all rows of a world were taken.
    ///
    /// Before the first decision of a period nothing stands within the gap, and so nothing of its own world: among the rows of
    /// that world alone it begins a run as well. Likewise the last ends one.
    pub fn settle(&mut self, world: &World) {
        self.note(|seq| world.name(world.locate(seq)?));
    }

    fn note(&mut self, name: impl Fn(u64) -> Option<FactId>) {
        for broken in self.groups.values_mut() {
            let ends = runs(broken, &self.asked).flat_map(|run| [run[0].seq, run[run.len() - 1].seq]);
            self.names.extend(ends.filter_map(|seq| Some((seq, name(seq)?))));
        }
    }

    /// Takes what was gathered from other decisions, for the same question.
    pub fn add(&mut self, other: Periods) {
        assert_eq!(self.asked, other.asked, "one question");
        for (group, mut broken) in other.groups {
            self.groups.entry(group).or_default().append(&mut broken);
        }
        for (shared, mut times) in other.served {
            self.served.entry(shared).or_default().append(&mut times);
        }
        self.names.extend(other.names);
    }

    /// Every period: by rule, then by the dimensions, then in time.
    pub fn finish(mut self) -> Vec<Period> {
        self.served.values_mut().for_each(|times| times.sort_unstable());
        let mut found = Vec::new();
        for ((rule, denies, by), mut broken) in std::mem::take(&mut self.groups) {
            let named: BTreeMap<Dimension, Option<String>> = self.asked.by.iter().copied().zip(by.clone()).collect();
            let shared = self.shared(|dimension| named[&dimension].clone());
            let served = &self.served[&shared];
            for run in runs(&mut broken, &self.asked) {
                let (first, last) = (run[0], run[run.len() - 1]);
                let end = served.partition_point(|&at| at <= last.at);
                let start = served.partition_point(|&at| at < first.at);
                found.push(Period {
                    rule: rule.clone(),
                    denies,
                    by: by.clone(),
                    from: first.at,
                    to: last.at,
                    first: first.seq,
                    first_name: self.names.get(&first.seq).cloned(),
                    last: last.seq,
                    last_name: self.names.get(&last.seq).cloned(),
                    count: run.len() as u64,
                    served: (end - start) as u64,
                    delay: delay(run),
                });
            }
        }
        found
    }
}

const NO_RULE: RuleRow<'static> = RuleRow { id: "", policy: None, version: None, used: None, denies: false };

/// In the order of time, and of seq within one instant: cut where more than the gap passes.
fn runs<'b>(broken: &'b mut [Broken], asked: &Asked) -> impl Iterator<Item = &'b [Broken]> {
    let gap_ns = asked.gap_s.saturating_mul(1_000_000_000);
    broken.sort_unstable_by_key(|each| (each.at, each.seq));
    broken.chunk_by(move |one, next| next.at.0 - one.at.0 <= gap_ns)
}

fn delay(run: &[Broken]) -> Option<Delay> {
    let mut delays: Vec<i64> = run.iter().filter_map(|each| each.delay_s).collect();
    delays.sort_unstable();
    let (least_s, most_s) = (*delays.first()?, *delays.last()?);
    Some(Delay { least_s, median_s: delays[(delays.len() - 1) / 2], most_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn name(seq: u64) -> Option<FactId> {
        Some(FactId { source: "s".to_owned(), id: format!("d{seq}") })
    }

    /// Decisions by seq: how many seconds, and which rules they broke.
    fn gathered(asked: &Asked, decisions: &[(u64, i64, Vec<&str>)]) -> Periods {
        let mut periods = Periods::new(asked.clone());
        for (seq, second, rules) in decisions {
            let at = Instant(second * 1_000_000_000);
            for rule in rules {
                let group = ((*rule).to_owned(), true, Vec::new());
                let delay_s = (!seq.is_multiple_of(3)).then_some(seq.cast_signed() % 11);
                periods.groups.entry(group).or_default().push(Broken { at, seq: *seq, delay_s });
            }
            periods.served.entry(Vec::new()).or_default().push(at);
        }
        periods.note(name);
        periods
    }

    #[test]
    fn parts_that_are_put_together_have_the_periods_and_names_of_the_whole() {
        let (mut state, mut most) = (1, 0);
        for round in 0..500 {
            // Few seconds, so that many fall together, and gaps are as long as what is allowed as often as longer.
            let seconds = 1 + next(&mut state) % 90;
            let decisions: Vec<(u64, i64, Vec<&str>)> = (0..next(&mut state) % 40)
                .map(|seq| {
                    let at = (next(&mut state) % seconds).cast_signed();
                    let rules = ["a", "b"].into_iter().filter(|_| next(&mut state).is_multiple_of(2)).collect();
                    (seq, at, rules)
                })
                .collect();
            let asked = Asked { gap_s: round % 5, ..Asked::default() };
            let whole = gathered(&asked, &decisions).finish();
            for period in &whole {
                let names = (&period.first_name, &period.last_name);
                assert_eq!(names, (&name(period.first), &name(period.last)));
            }
            let mut parts = vec![Vec::new(); 1 + (next(&mut state) % 6) as usize];
            for decision in &decisions {
                let part = (next(&mut state) % parts.len() as u64) as usize;
                parts[part].push(decision.clone());
            }
            let mut together = Periods::new(asked.clone());
            parts.iter().for_each(|part| together.add(gathered(&asked, part)));
            assert_eq!(together.finish(), whole, "round {round}");
            most = most.max(whole.len());
        }
        assert!(most > 10, "{most}");
    }
}
