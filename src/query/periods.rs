//! When each rule was broken: intervals, counts, and how long a person's own choice had been ignored.
//!
//! A rule is broken by a decision that was served though the rule denied it. A period of it runs from the first such
//! decision to the last, both included, and ends where more than the allowed gap passes without another. Decisions that
//! complied end no period: they say nothing of those that did not. How many were served meanwhile is counted beside.

use super::delay::delay_s;
use super::row::{Row, RuleRow};
use crate::fact::{Instant, Outcome};
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
#[derive(Clone)]
pub struct Periods<'w> {
    world: &'w World,
    asked: Asked,
    groups: BTreeMap<Group, Vec<Broken>>,
    /// When decisions were served, by what the group has of them besides rule and policy.
    served: BTreeMap<Vec<Option<String>>, Vec<Instant>>,
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
    /// The last decision's seq.
    pub last: u64,
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
    let mut periods = Periods::new(world, asked);
    rows.into_iter().for_each(|row| periods.take(row));
    periods.finish()
}

impl<'w> Periods<'w> {
    /// None yet.
    pub fn new(world: &'w World, asked: Asked) -> Periods<'w> {
        Periods { world, asked, groups: BTreeMap::new(), served: BTreeMap::new() }
    }

    /// Takes the next row, in any order.
    pub fn take(&mut self, row: &Row) {
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
            *ignored = (*ignored).max(delay_s(self.world, row, rule, self.asked.known));
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

    /// Every period: by rule, then by the dimensions, then in time.
    pub fn finish(mut self) -> Vec<Period> {
        self.served.values_mut().for_each(|times| times.sort_unstable());
        let mut found = Vec::new();
        for ((rule, denies, by), mut broken) in std::mem::take(&mut self.groups) {
            broken.sort_unstable_by_key(|each| (each.at, each.seq));
            let named: BTreeMap<Dimension, Option<String>> = self.asked.by.iter().copied().zip(by.clone()).collect();
            let shared = self.shared(|dimension| named[&dimension].clone());
            let served = &self.served[&shared];
            for run in
                broken.chunk_by(|one, next| next.at.0 - one.at.0 <= self.asked.gap_s.saturating_mul(1_000_000_000))
            {
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
                    last: last.seq,
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

fn delay(run: &[Broken]) -> Option<Delay> {
    let mut delays: Vec<i64> = run.iter().filter_map(|each| each.delay_s).collect();
    delays.sort_unstable();
    let (least_s, most_s) = (*delays.first()?, *delays.last()?);
    Some(Delay { least_s, median_s: delays[(delays.len() - 1) / 2], most_s })
}
