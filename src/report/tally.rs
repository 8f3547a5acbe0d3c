//! The fold: verdicts and facts into counts.

use super::count::*;
use crate::fact::{Conformance, Instant, Kind, Outcome, Time};
use crate::judge::{Judgement, Ref};
use crate::query::{self, Asked, Periods, Row, ViewRow};
use crate::timeline::{AccountIx, LinkTo, NodeIx, What, World};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// One decision, and the facts that came too late for it, with their lags in seconds.
pub struct Judged<'w> {
    row: Row<'w>,
    late: Vec<(u64, i64)>,
}

/// Of a judgement.
pub fn judged<'w>(world: &'w World, judgement: &Judgement) -> Judged<'w> {
    let refs = judgement.today.findings.iter().flat_map(|finding| &finding.refs);
    let late = refs.filter_map(|each| match each {
        Ref::Late { seq, lag_s } => Some((*seq, *lag_s)),
        _ => None,
    });
    Judged { row: query::row(world, judgement), late: late.collect() }
}

/// A rule's id, and the policy and version that it is of.
type Fired<'w> = (&'w str, Option<(&'w str, &'w str)>);

/// Counts that are being gathered.
pub struct Tally<'w> {
    world: &'w World,
    span: Span,
    report: Report,
    periods: Periods,
    weeks: BTreeMap<i64, Week>,
    broken: Counts,
    served: Counts,
    /// Rules that fired, with the policy and version that they are of.
    fired: BTreeSet<Fired<'w>>,
    denying: BTreeSet<String>,
    late: BTreeMap<u64, (i64, u64)>,
}

impl<'w> Tally<'w> {
    /// Nothing counted yet.
    pub fn new(world: &'w World, origin: &str, span: Span, tree: Tree) -> Tally<'w> {
        let text = |at: Option<Instant>| at.map(|at| Time::utc(at).to_string());
        let commands = commands(span, tree.as_of.as_deref());
        let report = Report {
            format: FORMAT,
            origin: origin.to_owned(),
            since: text(span.since),
            until: text(span.until),
            tree,
            recorded: Recorded::default(),
            completeness: Completeness::default(),
            decisions: 0,
            outcomes: Counts::new(),
            conformance: Counts::new(),
            integrity: Counts::new(),
            known: ViewCounts::default(),
            today: ViewCounts::default(),
            regions: BTreeMap::new(),
            apps: BTreeMap::new(),
            weeks: Vec::new(),
            rules: Vec::new(),
            periods: Vec::new(),
            policies: Vec::new(),
            notices: Vec::new(),
            late_facts: Vec::new(),
            erasures: Vec::new(),
            sample: None,
            commands,
        };
        let periods = Periods::new(Asked::default());
        let (weeks, broken, served, fired, denying, late) = Default::default();
        Tally { world, span, report, periods, weeks, broken, served, fired, denying, late }
    }

    /// Takes the next decision of the span.
    pub fn take(&mut self, judged: &Judged<'w>) {
        let (row, report) = (&judged.row, &mut self.report);
        report.decisions += 1;
        let conformance = row.conformance.name();
        *report.conformance.entry(conformance.to_owned()).or_default() += 1;
        *report.integrity.entry(row.integrity.name().to_owned()).or_default() += 1;
        *report.outcomes.entry(row.outcome.map_or("erased", |outcome| outcome.name()).to_owned()).or_default() += 1;
        for (counts, view) in [(&mut report.known, &row.known), (&mut report.today, &row.today)] {
            count_view(counts, view);
        }
        for (groups, name) in [(&mut report.regions, row.region), (&mut report.apps, row.app)] {
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
                *report.completeness.unproven.why.entry(id.to_owned()).or_default() += 1;
            }
        }
        let both = row.known.rules.iter().chain(&row.today.rules);
        self.fired.extend(both.clone().map(|rule| (rule.id, rule.policy.zip(rule.version))));
        self.denying.extend(both.filter(|rule| rule.denies).map(|rule| rule.id.to_owned()));
        for &(seq, lag_s) in &judged.late {
            self.late.entry(seq).or_insert((lag_s, 0)).1 += 1;
        }
        self.periods.take(self.world, row);
    }

    /// Counts the facts of the span; `attested` verdicts were put on record in it, which no world holds.
    pub fn finish(mut self, attested: u64) -> Report {
        self.facts(attested);
        let (world, report) = (self.world, &mut self.report);
        let unproven = &mut report.completeness.unproven;
        unproven.decisions = report.conformance.get(Conformance::Unproven.name()).copied().unwrap_or(0);
        unproven.share = (unproven.decisions as f64 / report.decisions.max(1) as f64 * 1e6).round() / 1e6;
        report.weeks = weeks(std::mem::take(&mut self.weeks));
        let titles = titles(world, &self.fired);
        let ids: BTreeSet<&String> = report.known.rules.keys().chain(report.today.rules.keys()).collect();
        let line = |id: &String| RuleLine {
            rule: id.clone(),
            title: titles.get(id).cloned().unwrap_or_else(|| id.clone()),
            outcome: if self.denying.contains(id) { "deny" } else { "indeterminate" },
            known: report.known.rules.get(id).copied().unwrap_or(0),
            today: report.today.rules.get(id).copied().unwrap_or(0),
            broken: self.broken.get(id).copied().unwrap_or(0),
            served: self.served.get(id).copied().unwrap_or(0),
        };
        report.rules = ids.into_iter().map(line).collect();
        let period = |period: query::Period| PeriodLine {
            rule: period.rule,
            from: Time::utc(period.from).to_string(),
            to: Time::utc(period.to).to_string(),
            first: period.first,
            last: period.last,
            decisions: period.count,
            served: period.served,
            longest_delay_s: period.delay.map(|delay| delay.most_s),
        };
        report.periods = self.periods.finish().into_iter().map(period).collect();
        report.policies = policies(world);
        let late = |(seq, (lag_s, decisions))| {
            let node = world.node(world.locate(seq).expect("a late fact is an entry"));
            let (at, recorded) = (node.at.to_string(), Time::utc(node.recorded).to_string());
            LateLine { seq, kind: node.kind.name(), at, recorded, lag_s, decisions }
        };
        report.late_facts = self.late.into_iter().map(late).collect();
        self.report
    }

    fn facts(&mut self, attested: u64) {
        let (world, span, report) = (self.world, self.span, &mut self.report);
        let mut accounts: BTreeSet<AccountIx> = BTreeSet::new();
        let (mut first, mut last): (Option<Instant>, Option<Instant>) = (None, None);
        let mut every: BTreeSet<AccountIx> = BTreeSet::new();
        let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
        for ix in world.nodes() {
            let node = world.node(ix);
            let has_account = node.kind != Kind::PolicyAdopted;
            every.extend(has_account.then_some(node.account));
            if !span.holds(node.at.at) {
                continue;
            }
            accounts.extend(has_account.then_some(node.account));
            *kinds.entry(node.kind).or_default() += 1;
            first = Some(first.map_or(node.at.at, |first| first.min(node.at.at)));
            last = last.max(Some(node.at.at));
            missing(world, ix, &mut report.completeness);
        }
        if attested > 0 {
            kinds.insert(Kind::VerdictAttested, attested);
        }
        report.recorded = Recorded {
            entries: kinds.values().sum(),
            kinds: kinds.into_iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect(),
            accounts: accounts.len() as u64,
            first: first.map(|at| Time::utc(at).to_string()),
            last: last.map(|at| Time::utc(at).to_string()),
        };
        report.notices = notices(world, span, &every);
        report.erasures = erasures(world, span, &every);
    }
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
fn titles(world: &World, fired: &BTreeSet<Fired>) -> BTreeMap<String, String> {
    let mut titles: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for rule in query::rules(world).filter(|rule| fired.contains(&(rule.id, rule.of))) {
        let of_rule = titles.entry(rule.id.to_owned()).or_default();
        if !of_rule.contains(&rule.title) {
            of_rule.push(rule.title);
        }
    }
    titles.into_iter().map(|(id, titles)| (id, titles.join("; or: "))).collect()
}

fn policies(world: &World) -> Vec<PolicyLine> {
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

fn notices(world: &World, span: Span, accounts: &BTreeSet<AccountIx>) -> Vec<NoticeLine> {
    let regions = last_regions(world);
    let mut found: BTreeMap<(&str, &'static str, Option<&str>), Counts> = BTreeMap::new();
    for &account in accounts {
        let region = regions.get(&account).map(|(_, region)| world.symbols.name(*region));
        for event in world.account(account).events().iter().filter(|event| span.holds(event.moment.at)) {
            let What::Notice { policy, channel, status, .. } = event.what else { continue };
            let line = found.entry((world.symbols.name(policy), channel.name(), region)).or_default();
            *line.entry(status.name().to_owned()).or_default() += 1;
        }
    }
    let line = |((policy, channel, region), statuses): ((&str, &'static str, Option<&str>), Counts)| NoticeLine {
        policy: policy.to_owned(),
        channel,
        region: region.map(str::to_owned),
        notices: statuses.values().sum(),
        statuses,
    };
    found.into_iter().map(line).collect()
}

fn erasures(world: &World, span: Span, accounts: &BTreeSet<AccountIx>) -> Vec<ErasureLine> {
    let all = accounts.iter().flat_map(|&account| world.account(account).erasures());
    let mut lines: Vec<ErasureLine> = all
        .filter(|(moment, _)| span.holds(moment.at))
        .map(|(moment, scope)| {
            let node = world.node(world.locate(moment.seq).expect("an erasure is an entry"));
            let (at, recorded) = (node.at.to_string(), Time::utc(node.recorded).to_string());
            ErasureLine { seq: moment.seq, scope: scope.name(), at, recorded }
        })
        .collect();
    lines.sort_by_key(|line| line.seq);
    lines
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
