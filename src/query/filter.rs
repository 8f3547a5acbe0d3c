//! Which decisions are asked for: several values of one kind are "or", different kinds "and".

use super::line::{Line, Said, SaidView};
use super::projection::Summary;
use crate::fact::{Conformance, Instant, ItemKind, Verdict};

/// Which view rules, verdicts, findings and policies are looked for in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Known,
    True,
    #[default]
    Either,
}

/// A span of time on either clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// At or after.
    pub since: Option<Instant>,
    /// Before.
    pub until: Option<Instant>,
    /// By when things were recorded, not by when they happened.
    pub by_recording: bool,
}

impl Span {
    /// True for what happened, or was recorded, within.
    pub fn holds(&self, occurred: Instant, recorded: Instant) -> bool {
        let at = if self.by_recording { recorded } else { occurred };
        at.is_within(self.since, self.until)
    }

    fn meets(&self, occurred: (Instant, Instant), recorded: (Instant, Instant)) -> bool {
        let (first, last) = if self.by_recording { recorded } else { occurred };
        self.since.is_none_or(|since| last >= since) && self.until.is_none_or(|until| first < until)
    }
}

/// What is asked of a decision; an empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Filter {
    pub accounts: Vec<String>,
    pub advertisers: Vec<String>,
    pub campaigns: Vec<String>,
    pub apps: Vec<String>,
    /// `region` or `device_region`.
    pub regions: Vec<String>,
    pub kinds: Vec<ItemKind>,
    pub topics: Vec<String>,
    pub rules: Vec<String>,
    pub verdicts: Vec<Verdict>,
    pub conformances: Vec<Conformance>,
    pub findings: Vec<String>,
    /// Policies that judged the decision, and of which version.
    pub policies: Vec<(String, Option<String>)>,
    pub span: Span,
    pub side: Side,
}

impl Filter {
    /// True if the decision is one of those.
    pub fn takes(&self, line: &Line) -> bool {
        self.span.holds(line.occurred_at.at, line.recorded_at) && self.takes_said(&line.said) && self.takes_body(line)
    }

    /// True if it asks for what is said of decisions.
    pub fn asks_for_verdicts(&self) -> bool {
        let Filter { rules, verdicts, conformances, findings, policies, .. } = self;
        !(rules.is_empty()
            && verdicts.is_empty()
            && conformances.is_empty()
            && findings.is_empty()
            && policies.is_empty())
    }

    /// By what the decision says itself.
    pub fn takes_body(&self, line: &Line) -> bool {
        any(&self.accounts, line.account)
            && any(&self.advertisers, line.advertiser)
            && any(&self.campaigns, line.campaign)
            && any(&self.apps, line.app())
            && any(&self.regions, [line.region, line.device_region].into_iter().flatten())
            && any(&self.topics, line.topics.iter().copied())
            && (self.kinds.is_empty() || line.kind.is_some_and(|kind| self.kinds.contains(&kind)))
    }

    /// By what is said of it: of either view, if that is asked, but all of one.
    pub fn takes_said(&self, said: &Said) -> bool {
        let (known, today) = (self.side != Side::True, self.side != Side::Known);
        (self.conformances.is_empty() || self.conformances.contains(&said.conformance))
            && (known && self.takes_view(&said.known) || today && self.takes_view(&said.today))
    }

    fn takes_view(&self, view: &SaidView) -> bool {
        let is_it = |(policy, version): &(String, Option<String>), (id, name): &(&str, &str)| {
            id == policy && version.as_ref().is_none_or(|version| version == name)
        };
        (self.verdicts.is_empty() || self.verdicts.contains(&view.verdict))
            && any(&self.rules, view.rules.iter().map(|rule| rule.id))
            && any(&self.findings, view.findings.iter().copied())
            && (self.policies.is_empty()
                || view.versions.iter().any(|version| self.policies.iter().any(|policy| is_it(policy, version))))
    }

    /// False if no decision of a block can be one of those.
    pub fn may_take(&self, block: &Summary, names: &[String]) -> bool {
        let bit = |bits: u8, number: usize| bits & 1 << number != 0;
        let known = |verdict: &Verdict| self.side != Side::True && bit(block.known, *verdict as usize);
        let today = |verdict: &Verdict| self.side != Side::Known && bit(block.today, *verdict as usize);
        let named =
            |wanted: &str| block.names.iter().any(|&name| names.get(name as usize).is_some_and(|name| name == wanted));
        let any_named = |wanted: &[String]| wanted.is_empty() || wanted.iter().any(|wanted| named(wanted));
        self.span.meets(block.occurred, block.recorded)
            && (self.conformances.is_empty()
                || self.conformances.iter().any(|&wanted| bit(block.conformances, wanted as usize)))
            && (self.verdicts.is_empty() || self.verdicts.iter().any(|wanted| known(wanted) || today(wanted)))
            && any_named(&self.rules)
            && any_named(&self.findings)
            && (self.policies.is_empty() || self.policies.iter().any(|(policy, _)| named(policy)))
    }
}

fn any<'a>(wanted: &[String], found: impl IntoIterator<Item = &'a str>) -> bool {
    wanted.is_empty() || found.into_iter().any(|found| wanted.iter().any(|wanted| wanted == found))
}
