//! The fold: verdicts and facts into counts. A world is counted once all of it; what was counted of several is added.

use super::count::*;
use crate::fact::{Conformance, Instant, Kind, Moment, Outcome, Scope, Time};
use crate::judge::{Judgement, Ref};
use crate::query::{self, Periods, ViewRow};
use crate::timeline::{AccountIx, LinkTo, NodeIx, What, World};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// A rule's id, and the policy and version that it is of.
type Fired = (String, Option<(String, String)>);

/// The policy, channel and region of a notice.
type Noticed = (String, &'static str, Option<String>);

/// Counts that are being gathered.
#[derive(Clone, Default)]
pub struct Tally {
    span: Span,
    kinds: BTreeMap<Kind, u64>,
    accounts: u64,
    /// When the first entry of the span happened, and the last.
    ends: Option<(Instant, Instant)>,
    completeness: Completeness,
    decisions: u64,
    outcomes: Counts,
    conformance: Counts,
    integrity: Counts,
    known: ViewCounts,
    today: ViewCounts,
    regions: BTreeMap<String, Group>,
    apps: BTreeMap<String, Group>,
    weeks: BTreeMap<i64, Week>,
    broken: Counts,
    served: Counts,
    /// Rules that fired, with the policy and version that they are of.
    fired: BTreeSet<Fired>,
    denying: BTreeSet<String>,
    /// Without names: none is told.
    periods: Periods,
    notices: BTreeMap<Noticed, Counts>,
    late: BTreeMap<u64, LateLine>,
    erasures: Vec<ErasureLine>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(span: Span) -> Tally {
        Tally { span, ..Tally::default() }
    }

    /// Takes the next decision of the span.
    pub fn take(&mut self, world: &World, judgement: &Judgement) {
        let row = query::row(world, judgement);
        self.decisions += 1;
        let conformance = row.conformance.name();
        *self.conformance.entry(conformance.to_owned()).or_default() += 1;
        *self.integrity.entry(row.integrity.name().to_owned()).or_default() += 1;
        *self.outcomes.entry(row.outcome.map_or("erased", |outcome| outcome.name()).to_owned()).or_default() += 1;
        for (counts, view) in [(&mut self.known, &row.known), (&mut self.today, &row.today)] {
            count_view(counts, view);
        }
        for (groups, name) in [(&mut self.regions, row.region), (&mut self.apps, row.app)] {
            let group = groups.entry(name.unwrap_or("").to_owned()).or_default();
            group.decisions += 1;
            *group.conformance.entry(conformance.to_owned()).or_default() += 1;
        }
        let week = self.weeks.entry(monday(row.at.at)).or_default();
        week.decisions += 1;
        *week.conformance.entry(conformance.to_owned()).or_default() += 1;
        let fired: BTreeSet<(&str, bool)> = row.known.rules.iter().map(|rule| (rule.id, rule.denies)).collect();
        for id in fired.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>() {
            *week.rules.entry(id.to_owned()).or_default() += 1;
            if row.outcome == Some(Outcome::Served) {
                *self.served.entry(id.to_owned()).or_default() += 1;
            }
        }
        for (id, denies) in fired {
            if denies && row.outcome == Some(Outcome::Served) {
                *self.broken.entry(id.to_owned()).or_default() += 1;
            }
            if !denies && row.conformance == Conformance::Unproven {
                *self.completeness.unproven.why.entry(id.to_owned()).or_default() += 1;
            }
        }
        let both = row.known.rules.iter().chain(&row.today.rules);
        self.fired.extend(both.clone().map(|rule| fired_of(rule.id, rule.policy.zip(rule.version))));
        self.denying.extend(both.filter(|rule| rule.denies).map(|rule| rule.id.to_owned()));
        for each in judgement.today.findings.iter().flat_map(|finding| &finding.refs) {
            if let Ref::Late { seq, lag_s } = *each {
                self.late.entry(seq).or_insert_with(|| late(world, seq, lag_s)).decisions += 1;
            }
        }
        self.periods.take(world, &row);
    }

    /// Counts the facts of a world, once all of it: those of accounts, since every world of a ledger may have all policies.
    /// `attested` verdicts of its decisions were put on record in the span, which no world holds.
    pub fn facts(&mut self, world: &World, attested: u64) {
        let mut accounts: BTreeSet<AccountIx> = BTreeSet::new();
        let mut every: BTreeSet<AccountIx> = BTreeSet::new();
        for ix in world.nodes().filter(|&ix| world.node(ix).kind != Kind::PolicyAdopted) {
            let node = world.node(ix);
            every.insert(node.account);
            if self.span.holds(node.at.at) {
                accounts.insert(node.account);
                self.count(node.kind, node.at.at);
                missing(world, ix, &mut self.completeness);
            }
        }
        if attested > 0 {
            *self.kinds.entry(Kind::VerdictAttested).or_default() += attested;
        }
        self.accounts += accounts.len() as u64;
        for (noticed, statuses) in notices(world, self.span, &every) {
            add(self.notices.entry(noticed).or_default(), statuses);
        }
        self.erasures.extend(erasures(world, self.span, &every));
    }

    fn count(&mut self, kind: Kind, at: Instant) {
        *self.kinds.entry(kind).or_default() += 1;
        let (first, last) = self.ends.unwrap_or((at, at));
        self.ends = Some((first.min(at), last.max(at)));
    }

    /// Adds what was counted of other decisions, and of facts of other accounts, in the same span.
    pub fn add(&mut self, other: Tally) {
        // Whoever adds a field is told by the compiler to add it up.
        let Tally {
            span,
            kinds,
            accounts,
            ends,
            completeness,
            decisions,
            outcomes,
            conformance,
            integrity,
            known,
            today,
            regions,
            apps,
            weeks,
            broken,
            served,
            fired,
            denying,
            periods,
            notices,
            late,
            erasures,
        } = other;
        assert_eq!(self.span, span, "one span");
        kinds.into_iter().for_each(|(kind, count)| *self.kinds.entry(kind).or_default() += count);
        self.accounts += accounts;
        self.ends = match (self.ends, ends) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        self.completeness.add(completeness);
        self.decisions += decisions;
        add(&mut self.outcomes, outcomes);
        add(&mut self.conformance, conformance);
        add(&mut self.integrity, integrity);
        self.known.add(known);
        self.today.add(today);
        regions.into_iter().for_each(|(name, group)| self.regions.entry(name).or_default().add(group));
        apps.into_iter().for_each(|(name, group)| self.apps.entry(name).or_default().add(group));
        weeks.into_iter().for_each(|(day, week)| self.weeks.entry(day).or_default().add(week));
        add(&mut self.broken, broken);
        add(&mut self.served, served);
        self.fired.extend(fired);
        self.denying.extend(denying);
        self.periods.add(periods);
        notices.into_iter().for_each(|(noticed, statuses)| add(self.notices.entry(noticed).or_default(), statuses));
        for (seq, line) in late {
            // A policy can be late for decisions of several worlds.
            let decisions = line.decisions;
            self.late.entry(seq).or_insert(LateLine { decisions: 0, ..line }).decisions += decisions;
        }
        self.erasures.extend(erasures);
    }

    /// The report on the ledger of that name, and what a world that has its policies says of them.
    pub fn finish(mut self, origin: &str, tree: Tree, policies: &World) -> Report {
        for node in policies.nodes().map(|ix| policies.node(ix)) {
            if node.kind == Kind::PolicyAdopted && self.span.holds(node.at.at) {
                self.count(node.kind, node.at.at);
            }
        }
        let text = |at: Option<Instant>| at.map(|at| Time::utc(at).to_string());
        let commands = commands(self.span, tree.as_of.as_deref());
        let rules = self.rules(policies);
        self.completeness.unproven.decisions = self.conformance.get(Conformance::Unproven.name()).copied().unwrap_or(0);
        let share = self.completeness.unproven.decisions as f64 / self.decisions.max(1) as f64;
        self.completeness.unproven.share = (share * 1e6).round() / 1e6;
        self.erasures.sort_by_key(|line| line.seq);
        Report {
            format: FORMAT,
            origin: origin.to_owned(),
            since: text(self.span.since),
            until: text(self.span.until),
            tree,
            recorded: Recorded {
                entries: self.kinds.values().sum(),
                kinds: self.kinds.into_iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect(),
                accounts: self.accounts,
                first: text(self.ends.map(|(first, _)| first)),
                last: text(self.ends.map(|(_, last)| last)),
            },
            completeness: self.completeness,
            decisions: self.decisions,
            outcomes: self.outcomes,
            conformance: self.conformance,
            integrity: self.integrity,
            known: self.known,
            today: self.today,
            regions: self.regions,
            apps: self.apps,
            weeks: weeks(self.weeks),
            rules,
            periods: self.periods.finish().into_iter().map(period).collect(),
            policies: policy_lines(policies),
            notices: self.notices.into_iter().map(notice).collect(),
            late_facts: self.late.into_values().collect(),
            erasures: self.erasures,
            sample: None,
            commands,
        }
    }

    fn rules(&self, policies: &World) -> Vec<RuleLine> {
        let titles = titles(policies, &self.fired);
        let (known, today) = (&self.known.rules, &self.today.rules);
        let ids: BTreeSet<&String> = known.keys().chain(today.keys()).collect();
        let count = |counts: &Counts, id: &String| counts.get(id).copied().unwrap_or(0);
        let line = |id: &String| RuleLine {
            rule: id.clone(),
            title: titles.get(id).unwrap_or(id).clone(),
            outcome: if self.denying.contains(id) { "deny" } else { "indeterminate" },
            known: count(known, id),
            today: count(today, id),
            broken: count(&self.broken, id),
            served: count(&self.served, id),
        };
        ids.into_iter().map(line).collect()
    }
}

fn fired_of(rule: &str, of: Option<(&str, &str)>) -> Fired {
    (rule.to_owned(), of.map(|(policy, version)| (policy.to_owned(), version.to_owned())))
}

fn period(period: query::Period) -> PeriodLine {
    PeriodLine {
        rule: period.rule,
        from: Time::utc(period.from).to_string(),
        to: Time::utc(period.to).to_string(),
        first: period.first,
        last: period.last,
        decisions: period.count,
        served: period.served,
        longest_delay_s: period.delay.map(|delay| delay.most_s),
    }
}

fn notice(((policy, channel, region), statuses): (Noticed, Counts)) -> NoticeLine {
    NoticeLine { policy, channel, region, notices: statuses.values().sum(), statuses }
}

/// A fact that was late, before it is known for how many decisions.
fn late(world: &World, seq: u64, lag_s: i64) -> LateLine {
    let node = world.node(world.locate(seq).expect("a late fact is an entry"));
    let (at, recorded) = (node.at.to_string(), Time::utc(node.recorded).to_string());
    LateLine { seq, kind: node.kind.name(), at, recorded, lag_s, decisions: 0 }
}

fn count_view(counts: &mut ViewCounts, view: &ViewRow) {
    *counts.verdicts.entry(view.verdict.name().to_owned()).or_default() += 1;
    for id in view.rules.iter().map(|rule| rule.id).collect::<BTreeSet<_>>() {
        *counts.rules.entry(id.to_owned()).or_default() += 1;
    }
    for id in view.findings.iter().map(|finding| finding.id).collect::<BTreeSet<_>>() {
        *counts.findings.entry(id.to_owned()).or_default() += 1;
    }
}

/// What one entry leaves open.
fn missing(world: &World, ix: NodeIx, counts: &mut Completeness) {
    let node = world.node(ix);
    let kind = || node.kind.name().to_owned();
    let unresolved = world.links(ix).iter().filter(|link| matches!(link, LinkTo::Unresolved(_))).count() as u64;
    if unresolved > 0 {
        *counts.unresolved.entry(kind()).or_default() += unresolved;
    }
    if node.is_destroyed() {
        *counts.destroyed.entry(kind()).or_default() += 1;
    }
    if node.kind == Kind::InteractionRecorded {
        counts.interactions += 1;
        let labelled = world.labels(ix).iter().any(|label| label.sensitive.is_some());
        counts.unlabelled += u64::from(!node.is_destroyed() && !labelled);
    }
}

/// The Monday of a moment's week, in days since 1970-01-01, which was a Thursday.
fn monday(at: Instant) -> i64 {
    let day = at.0.div_euclid(DAY_NS);
    day - (day + 3).rem_euclid(7)
}

/// Every week from the first to the last, those without a decision as well.
fn weeks(mut found: BTreeMap<i64, Week>) -> Vec<Week> {
    let (Some(&first), Some(&last)) = (found.keys().next(), found.keys().next_back()) else { return Vec::new() };
    let week = |day: i64| {
        let from = Instant(day * DAY_NS);
        let name = Time::utc(from).to_string()[..10].to_owned();
        Week { week: name, from_ns: from.0, ..found.remove(&day).unwrap_or_default() }
    };
    (first..=last).step_by(7).map(week).collect()
}

/// What the rules that fired say, by id: policies may have rules of one name that say different things.
fn titles(policies: &World, fired: &BTreeSet<Fired>) -> BTreeMap<String, String> {
    let mut titles: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for rule in query::rules(policies).filter(|rule| fired.contains(&fired_of(rule.id, rule.of))) {
        let of_rule = titles.entry(rule.id.to_owned()).or_default();
        if !of_rule.contains(&rule.title) {
            of_rule.push(rule.title);
        }
    }
    titles.into_iter().map(|(id, titles)| (id, titles.join("; or: "))).collect()
}

fn policy_lines(world: &World) -> Vec<PolicyLine> {
    let mut lines = Vec::new();
    for line in &world.policies {
        for (number, version) in line.versions.iter().enumerate() {
            let next = line.versions[number + 1..].iter().map(|next| next.from).find(|&from| from > version.from);
            let until = [version.until, next].into_iter().flatten().min();
            lines.push(PolicyLine {
                policy: world.symbols.name(line.id).to_owned(),
                version: world.symbols.name(version.name).to_owned(),
                role: version.role.name(),
                from: Time::utc(version.from).to_string(),
                until: until.map(|at| Time::utc(at).to_string()),
                recorded: Time::utc(version.recorded).to_string(),
                seq: version.seq,
                backdated: version.is_backdated(),
                lag_s: version.recorded.seconds_since(version.from).max(0),
                band: (version.from, until),
            });
        }
    }
    lines
}

/// Where each account was last, as an interaction or a decision says.
fn last_regions(world: &World) -> HashMap<AccountIx, (Instant, crate::symbols::Sym)> {
    let mut last: HashMap<AccountIx, (Instant, crate::symbols::Sym)> = HashMap::new();
    for ix in world.nodes() {
        let interaction = world.interaction(ix).and_then(|body| body.region);
        let Some(region) = interaction.or_else(|| world.decision(ix).and_then(|body| body.region)) else { continue };
        let node = world.node(ix);
        let held = last.entry(node.account).or_insert((node.at.at, region));
        if node.at.at >= held.0 {
            *held = (node.at.at, region);
        }
    }
    last
}

fn notices(world: &World, span: Span, accounts: &BTreeSet<AccountIx>) -> BTreeMap<Noticed, Counts> {
    let regions = last_regions(world);
    let name = |sym| world.symbols.name(sym).to_owned();
    let mut found: BTreeMap<Noticed, Counts> = BTreeMap::new();
    for &account in accounts {
        let region = regions.get(&account).map(|(_, region)| name(*region));
        for event in world.account(account).events().iter().filter(|event| span.holds(event.moment.at)) {
            let What::Notice { policy, channel, status, .. } = event.what else { continue };
            let statuses = found.entry((name(policy), channel.name(), region.clone())).or_default();
            *statuses.entry(status.name().to_owned()).or_default() += 1;
        }
    }
    found
}

fn erasures(world: &World, span: Span, accounts: &BTreeSet<AccountIx>) -> Vec<ErasureLine> {
    let all = accounts.iter().flat_map(|&account| world.account(account).erasures());
    let within = all.filter(|(moment, _)| span.holds(moment.at));
    let line = |(moment, scope): (Moment, Scope)| {
        let node = world.node(world.locate(moment.seq).expect("an erasure is an entry"));
        let (at, recorded) = (node.at.to_string(), Time::utc(node.recorded).to_string());
        ErasureLine { seq: moment.seq, scope: scope.name(), at, recorded }
    };
    within.map(line).collect()
}

/// How to have each part again, from something else than a report.
fn commands(span: Span, as_of: Option<&str>) -> BTreeMap<&'static str, String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let as_of = as_of.map(|moment| format!(" --as-of {}", quoted(moment))).unwrap_or_default();
    let of = |command: &str| format!("inforce {command}{}{as_of}", span.arguments());
    BTreeMap::from([
        ("tree", format!("inforce verify --json{as_of}")),
        ("recorded", of("query facts --oldest --limit all --json")),
        ("notices", of("query facts --kind notice.recorded --oldest --limit all --json")),
        ("erasures", of("query facts --kind subject.erased --oldest --limit all --json")),
        ("late_facts", of("query --finding late-fact --view true --oldest --limit all --json")),
        (
            "completeness",
            format!(
                "inforce sql{as_of} \"SELECT kind, sum(unresolved), count(*) FILTER (WHERE destroyed) FROM entries{} GROUP BY kind\"",
                bounds(span)
            ),
        ),
        ("conformance", of("replay --all --json")),
        ("periods", of("periods")),
        ("policies", format!("inforce policy list{as_of}")),
    ])
}

/// The span as a condition of SQL, if it has an end.
fn bounds(span: Span) -> String {
    let bound = |op: &str, at: Option<Instant>| at.map(|at| format!("occurred_at {op} '{}'", Time::utc(at)));
    let bounds: Vec<String> = [bound(">=", span.since), bound("<", span.until)].into_iter().flatten().collect();
    if bounds.is_empty() { String::new() } else { format!(" WHERE {}", bounds.join(" AND ")) }
}
