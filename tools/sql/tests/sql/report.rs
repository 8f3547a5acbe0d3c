//! Every count of a report is the one that SQL gives, and, where it is about verdicts, the one that `replay --json` gives.
//!
//! Reports are compared whole: a member that is neither counted below nor named in [`told`] fails. What SQL cannot say:
//! `tree.root`, titles of rules, `longest_delay_s` of a period (it rests on choices of linked accounts), the scope of an erasure,
//! and `recorded.accounts` where something was destroyed, since then no table says whose it was: that one is counted from
//! the events that were handed in.

use super::common::{Scratch, check_ledger, facts, import};
use super::{ask, population};
use inforce::fact::{Digest, Fact, Instant, Kind, Time};
use inforce::judge::{Ask, Memos, judge};
use inforce::ledger::{Clock, Loaded};
use inforce::report::{Span, Tally, Tree};
use inforce::{replay, search};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The report of a span as JSON, and the lines of a replay of the same decisions.
fn told(scratch: &Scratch, span: Span) -> (Value, Vec<Value>) {
    let ledger = scratch.read();
    let Loaded { world, attested, size, root, bad } = ledger.load().expect("loads");
    assert_eq!(bad, None);
    let tree = Tree { entries: size.0, root: root.to_string(), ..Tree::default() };
    let (mut tally, mut memos) = (Tally::new(span), Memos::default());
    let mut lines = Vec::new();
    for decision in world.decisions().filter(|&each| span.holds(world.node(each).at.at)) {
        let judgement = judge(&world, decision, &mut Ask::Memo(&mut memos));
        tally.take(&world, &judgement);
        lines.push(replay::attested_json(&world, &judgement, &attested));
    }
    let on_record = world.decisions().flat_map(|each| attested.of(world.node(each).seq));
    tally.facts(&world, on_record.filter(|each| span.holds(each.at)).count() as u64);
    let report = tally.finish(ledger.origin(), tree, &world);
    let mut report = serde_json::to_value(report).expect("strings and numbers");
    // No counts: what it is about, and how to have it again.
    for name in ["format", "origin", "since", "until", "commands", "sample"] {
        report.as_object_mut().expect("an object").remove(name).expect("a member");
    }
    for name in ["root", "as_of", "checkpoint", "cosigned"] {
        report["tree"].as_object_mut().expect("an object").remove(name).expect("a member");
    }
    for (list, name) in [("rules", "title"), ("periods", "longest_delay_s"), ("erasures", "scope")] {
        for line in report[list].as_array_mut().expect("a list") {
            line.as_object_mut().expect("an object").remove(name).expect("a member");
        }
    }
    (report, lines)
}

/// Times as they are told everywhere.
fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => match Time::parse(&text) {
            Ok(time) => Time::utc(time.at).to_string().into(),
            Err(_) => text.into(),
        },
        Value::Array(list) => list.into_iter().map(plain).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

/// Rows of `name` and `n` as one object.
fn counts(rows: &[Value]) -> Value {
    let count = |row: &Value| (row["name"].as_str().expect("a name").to_owned(), row["n"].clone());
    Value::Object(rows.iter().map(count).collect())
}

/// Rows of `group`, `name` and `n` as an object of counts a group.
fn grouped(rows: &[Value]) -> BTreeMap<String, Map<String, Value>> {
    let mut all: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for row in rows {
        let text = |member: &str| row[member].as_str().unwrap_or_else(|| panic!("{row}")).to_owned();
        all.entry(text("group")).or_default().insert(text("name"), row["n"].clone());
    }
    all
}

fn sum(counts: &Map<String, Value>) -> u64 {
    counts.values().map(|count| count.as_u64().expect("a number")).sum()
}

/// Groups of decisions by conformance.
fn groups(rows: &[Value]) -> Value {
    let group = |(name, counts): (String, Map<String, Value>)| {
        (name, json!({ "decisions": sum(&counts), "conformance": counts }))
    };
    Value::Object(grouped(rows).into_iter().map(group).collect())
}

/// Every week from the first to the last, those without decisions as well.
fn weeks(conformance: BTreeMap<String, Map<String, Value>>, mut rules: BTreeMap<String, Map<String, Value>>) -> Value {
    let day = |name: &String| Time::parse(&format!("{}T00:00:00Z", &name[..10])).expect("a day").at;
    let by_day: BTreeMap<Instant, &String> = conformance.keys().map(|name| (day(name), name)).collect();
    let (Some(first), Some(last)) = (by_day.keys().next(), by_day.keys().next_back()) else { return json!([]) };
    let (mut at, mut all) = (*first, Vec::new());
    while at <= *last {
        let name = by_day.get(&at);
        let counts = name.map(|&name| conformance[name].clone()).unwrap_or_default();
        let rules = name.and_then(|&name| rules.remove(name)).unwrap_or_default();
        let week = Time::utc(at).to_string();
        all.push(json!({ "week": week[..10], "decisions": sum(&counts), "conformance": counts, "rules": rules }));
        at = at.plus_seconds(7 * 86_400);
    }
    assert!(rules.is_empty(), "{rules:?}");
    all.into()
}

/// The same report out of nothing but SQL.
struct Asked<'a> {
    ledger: &'a Path,
    /// What narrows rows to the span, for a table of that name.
    since: String,
    until: String,
}

impl Asked<'_> {
    /// The rows of a query; `{of x}` stands for the span of table `x`, `{of}` for that of the only one.
    fn rows(&self, sql: &str) -> Vec<Value> {
        let within = |table: &str| {
            let bound = |op: &str, at: &str| format!(" AND {table}occurred_at {op} TIMESTAMP '{at}'");
            let bounds = [(">=", &self.since), ("<", &self.until)]
                .map(|(op, at)| if at.is_empty() { String::new() } else { bound(op, at) });
            bounds.concat()
        };
        let sql = ["r", "d", "v", "e", "i", "n", "s"].iter().fold(sql.replace("{of}", &within("")), |sql, table| {
            sql.replace(&format!("{{of {table}}}"), &within(&format!("{table}.")))
        });
        ask(self.ledger, &sql)
    }

    fn one(&self, sql: &str) -> Value {
        let rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0].clone()
    }

    fn number(&self, sql: &str) -> Value {
        self.one(sql)["n"].clone()
    }

    fn counts(&self, sql: &str) -> Value {
        counts(&self.rows(sql))
    }

    fn report(&self) -> Value {
        json!({
            "tree": { "entries": self.number("SELECT count(*) AS n FROM entries") },
            "recorded": self.recorded(),
            "completeness": self.completeness(),
            "decisions": self.number("SELECT count(*) AS n FROM decisions WHERE true{of}"),
            "outcomes": self.counts("SELECT coalesce(outcome, 'erased') AS name, count(*) AS n FROM decisions WHERE true{of} GROUP BY 1"),
            "conformance": self.counts("SELECT conformance AS name, count(*) AS n FROM decisions WHERE true{of} GROUP BY 1"),
            "integrity": self.counts("SELECT integrity AS name, count(*) AS n FROM decisions WHERE true{of} GROUP BY 1"),
            "known": self.view("known"),
            "true": self.view("true"),
            "regions": self.groups("coalesce(region, '')"),
            "apps": self.groups("coalesce(app, '')"),
            "weeks": self.weeks(),
            "rules": self.rows(RULES),
            "periods": self.rows(PERIODS),
            "policies": self.rows(POLICIES),
            "notices": self.notices(),
            "late_facts": self.rows(LATE_FACTS),
            "erasures": self.rows(
                "SELECT seq, occurred_at AS at, recorded_at AS recorded FROM entries WHERE kind = 'inforce.subject.erased'{of} ORDER BY seq",
            ),
        })
    }

    fn recorded(&self) -> Value {
        let mut recorded = self.one(
            "SELECT count(*) AS entries, count(DISTINCT account) AS accounts, min(occurred_at) AS first, max(occurred_at) AS last \
             FROM entries WHERE true{of}",
        );
        // What the world holds: a verdict on record is counted, and is no fact.
        let span = self.one(
            "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM entries WHERE kind <> 'inforce.verdict.attested'{of}",
        );
        (recorded["first"], recorded["last"]) = (span["first"].clone(), span["last"].clone());
        recorded["kinds"] = self.counts("SELECT kind AS name, count(*) AS n FROM entries WHERE true{of} GROUP BY 1");
        recorded
    }

    fn completeness(&self) -> Value {
        let unproven = self.one(
            "SELECT count(*) FILTER (WHERE conformance = 'unproven') AS decisions, \
             round(count(*) FILTER (WHERE conformance = 'unproven') / CAST(greatest(count(*), 1) AS DOUBLE) * 1e6) / 1e6 AS share \
             FROM decisions WHERE true{of}",
        );
        let why = self.counts(
            "SELECT rule AS name, count(DISTINCT seq) AS n FROM rules_fired \
             WHERE view = 'known' AND outcome = 'indeterminate' AND conformance = 'unproven'{of} GROUP BY 1",
        );
        json!({
            "unresolved": self.counts("SELECT kind AS name, sum(unresolved) AS n FROM entries WHERE unresolved > 0{of} GROUP BY 1"),
            "interactions": self.number("SELECT count(*) AS n FROM interactions WHERE true{of}"),
            "unlabelled": self.number(
                "SELECT count(*) AS n FROM interactions i WHERE agent IS NOT NULL{of i} AND NOT EXISTS \
                 (SELECT 1 FROM labels l WHERE l.target = i.seq AND l.labeller IS NOT NULL)",
            ),
            "destroyed": self.counts("SELECT kind AS name, count(*) AS n FROM entries WHERE destroyed{of} GROUP BY 1"),
            "unproven": { "decisions": unproven["decisions"], "share": unproven["share"], "why": why },
        })
    }

    fn view(&self, view: &str) -> Value {
        let count = |table: &str, column: &str| {
            self.counts(&format!(
                "SELECT {column} AS name, count(DISTINCT seq) AS n FROM {table} WHERE view = '{view}'{{of}} GROUP BY 1"
            ))
        };
        json!({
            "verdicts": count("verdicts", "verdict"),
            "rules": count("rules_fired", "rule"),
            "findings": count("findings", "finding"),
        })
    }

    fn groups(&self, column: &str) -> Value {
        let sql = format!(
            "SELECT {column} AS \"group\", conformance AS name, count(*) AS n FROM decisions WHERE true{{of}} GROUP BY 1, 2"
        );
        groups(&self.rows(&sql))
    }

    fn weeks(&self) -> Value {
        let of = |what: &str| {
            let sql = format!("SELECT CAST(date_trunc('week', occurred_at) AS VARCHAR) AS \"group\", {what}");
            grouped(&self.rows(&sql))
        };
        weeks(
            of("conformance AS name, count(*) AS n FROM decisions WHERE true{of} GROUP BY 1, 2"),
            of("rule AS name, count(DISTINCT seq) AS n FROM rules_fired WHERE view = 'known'{of} GROUP BY 1, 2"),
        )
    }

    fn notices(&self) -> Value {
        let mut lines: BTreeMap<(String, String, Option<String>), Map<String, Value>> = BTreeMap::new();
        for row in self.rows(NOTICES) {
            let text = |name: &str| row[name].as_str().map(str::to_owned);
            let key = (text("policy").expect("a policy"), text("channel").expect("a channel"), text("region"));
            lines.entry(key).or_default().insert(text("status").expect("a status"), row["n"].clone());
        }
        let line = |((policy, channel, region), statuses): ((String, String, Option<String>), Map<String, Value>)| json!({ "policy": policy, "channel": channel, "region": region, "notices": sum(&statuses), "statuses": statuses });
        lines.into_iter().map(line).collect()
    }
}

const RULES: &str = "SELECT rule, CASE WHEN count(*) FILTER (WHERE r.outcome = 'deny') > 0 THEN 'deny' ELSE 'indeterminate' END AS outcome, \
    count(DISTINCT seq) FILTER (WHERE view = 'known') AS known, count(DISTINCT seq) FILTER (WHERE view = 'true') AS \"true\", \
    count(DISTINCT seq) FILTER (WHERE view = 'known' AND r.outcome = 'deny' AND d.outcome = 'served') AS broken, \
    count(DISTINCT seq) FILTER (WHERE view = 'known' AND d.outcome = 'served') AS served \
    FROM rules_fired r JOIN decisions d USING (seq) WHERE true{of d} GROUP BY rule ORDER BY rule";

/// Runs of served decisions that broke a rule, with no more than seven days between two.
const PERIODS: &str = "WITH broken AS (SELECT DISTINCT r.rule, r.seq, r.occurred_at FROM rules_fired r JOIN decisions d USING (seq) \
    WHERE r.view = 'known' AND r.outcome = 'deny' AND d.outcome = 'served'{of r}), \
    marked AS (SELECT *, CASE WHEN occurred_at > lag(occurred_at) OVER (PARTITION BY rule ORDER BY occurred_at, seq) + INTERVAL '7 days' \
    THEN 1 ELSE 0 END AS begins FROM broken), \
    numbered AS (SELECT *, sum(begins) OVER (PARTITION BY rule ORDER BY occurred_at, seq) AS number FROM marked), \
    runs AS (SELECT rule, number, min(occurred_at) AS begun, max(occurred_at) AS ended, count(*) AS decisions, \
    first_value(seq ORDER BY occurred_at, seq) AS one, last_value(seq ORDER BY occurred_at, seq) AS other FROM numbered GROUP BY 1, 2) \
    SELECT rule, begun AS \"from\", ended AS \"to\", one AS \"first\", other AS \"last\", decisions, count(*) AS served \
    FROM runs JOIN decisions s ON s.occurred_at BETWEEN begun AND ended WHERE s.outcome = 'served'{of s} \
    GROUP BY ALL ORDER BY rule, \"from\"";

/// Of the whole ledger, whatever the span.
const POLICIES: &str = "SELECT p.policy, p.version, p.role, p.in_force_from AS \"from\", least(p.in_force_until, min(n.in_force_from)) AS until, \
    p.recorded_at AS recorded, p.seq, p.backdated, \
    greatest((CAST(p.recorded_at AS BIGINT) - CAST(p.in_force_from AS BIGINT)) / 1000000, 0) AS lag_s \
    FROM policies p LEFT JOIN policies n ON n.policy = p.policy AND n.in_force_from > p.in_force_from \
    GROUP BY p.policy, p.version, p.role, p.in_force_from, p.in_force_until, p.recorded_at, p.seq, p.backdated ORDER BY p.seq";

/// With where the account was last, as an interaction or a decision says.
const NOTICES: &str = "WITH seen AS (SELECT account, region, row_number() OVER (PARTITION BY account ORDER BY occurred_at DESC, seq DESC) AS number \
    FROM (SELECT account, region, occurred_at, seq FROM interactions UNION ALL SELECT account, region, occurred_at, seq FROM decisions) \
    WHERE account IS NOT NULL AND region IS NOT NULL) \
    SELECT n.policy, n.channel, seen.region, n.status, count(*) AS n FROM notices n \
    LEFT JOIN seen ON seen.account = n.account AND seen.number = 1 WHERE n.policy IS NOT NULL{of n} GROUP BY 1, 2, 3, 4";

const LATE_FACTS: &str = "SELECT e.seq, e.kind, e.occurred_at AS at, e.recorded_at AS recorded, \
    (CAST(e.recorded_at AS BIGINT) - CAST(coalesce(p.in_force_from, e.occurred_at) AS BIGINT)) / 1000000 AS lag_s, late.decisions \
    FROM (SELECT ref, count(*) AS decisions FROM (SELECT unnest(refs) AS ref FROM findings \
    WHERE view = 'true' AND finding = 'late-fact'{of}) GROUP BY 1) late JOIN entries e ON e.seq = late.ref \
    LEFT JOIN policies p ON p.seq = e.seq ORDER BY e.seq";

type Counts = BTreeMap<String, u64>;

/// What lines of a replay say, counted with no thought; when and where each decision was made is asked of SQL, since no line
/// says that, and so is whether a rule denies.
fn by_replay(ledger: &Path, lines: &[Value]) -> Value {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let made = "SELECT seq, coalesce(region, '') AS region, coalesce(app, '') AS app, \
                CAST(date_trunc('week', occurred_at) AS VARCHAR) AS week FROM decisions";
    let made: BTreeMap<u64, Value> =
        ask(ledger, made).into_iter().map(|row| (row["seq"].as_u64().expect("a seq"), row)).collect();
    let denying = ask(ledger, "SELECT DISTINCT rule FROM rules_fired WHERE outcome = 'deny'");
    let denying: BTreeSet<String> = denying.iter().map(|row| text(&row["rule"])).collect();
    let mut plain: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut views: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
    let mut by: BTreeMap<&str, BTreeMap<String, Counts>> = BTreeMap::new();
    let (mut broken, mut served, mut why) = (Counts::new(), Counts::new(), Counts::new());
    let ids = |list: &Value| -> BTreeSet<String> {
        list.as_array().expect("a list").iter().map(|each| text(&each["id"])).collect()
    };
    for line in lines {
        let conformance = text(&line["conformance"]);
        let outcome = line["outcome"].as_str().unwrap_or("erased");
        for (what, name) in
            [("outcomes", outcome), ("conformance", &*conformance), ("integrity", &*text(&line["integrity"]))]
        {
            *plain.entry(what).or_default().entry(name.to_owned()).or_default() += 1;
        }
        for view in ["known", "true"] {
            *views.entry((view, "verdicts")).or_default().entry(text(&line[view]["verdict"])).or_default() += 1;
            for list in ["rules", "findings"] {
                for id in ids(&line[view][list]) {
                    *views.entry((view, list)).or_default().entry(id).or_default() += 1;
                }
            }
        }
        let made = &made[&line["decision"]["seq"].as_u64().expect("a seq")];
        let week = text(&made["week"]);
        for (what, name) in [("regions", text(&made["region"])), ("apps", text(&made["app"])), ("weeks", week.clone())]
        {
            *by.entry(what).or_default().entry(name).or_default().entry(conformance.clone()).or_default() += 1;
        }
        for id in ids(&line["known"]["rules"]) {
            let denies = denying.contains(&id);
            *broken.entry(id.clone()).or_default() += u64::from(denies && outcome == "served");
            *served.entry(id.clone()).or_default() += u64::from(outcome == "served");
            if !denies && conformance == "unproven" {
                *why.entry(id.clone()).or_default() += 1;
            }
            *by.entry("weekly").or_default().entry(week.clone()).or_default().entry(id).or_default() += 1;
        }
    }
    let of = |name: &str| json!(plain.get(name).cloned().unwrap_or_default());
    let counted = |view, list| views.get(&(view, list)).cloned().unwrap_or_default();
    let view = |view| json!({ "verdicts": counted(view, "verdicts"), "rules": counted(view, "rules"), "findings": counted(view, "findings") });
    let groups = |name: &str| {
        let group = |(name, counts): (&String, &Counts)| {
            (name.clone(), json!({ "decisions": counts.values().sum::<u64>(), "conformance": counts }))
        };
        Value::Object(by.get(name).into_iter().flatten().map(group).collect())
    };
    let maps = |name: &str| -> BTreeMap<String, Map<String, Value>> {
        let map = |counts: &Counts| counts.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        by.get(name).into_iter().flatten().map(|(name, counts)| (name.clone(), map(counts))).collect()
    };
    let (known, today) = (counted("known", "rules"), counted("true", "rules"));
    let rule = |id: &String| {
        let count = |counts: &Counts| counts.get(id).copied().unwrap_or(0);
        let outcome = if denying.contains(id) { "deny" } else { "indeterminate" };
        json!({ "rule": id, "outcome": outcome, "known": count(&known), "true": count(&today), "broken": count(&broken), "served": count(&served) })
    };
    let fired: BTreeSet<&String> = known.keys().chain(today.keys()).collect();
    json!({
        "decisions": lines.len(), "outcomes": of("outcomes"), "conformance": of("conformance"), "integrity": of("integrity"),
        "known": view("known"), "true": view("true"), "regions": groups("regions"), "apps": groups("apps"),
        "weeks": weeks(maps("weeks"), maps("weekly")), "rules": fired.into_iter().map(rule).collect::<Vec<_>>(), "why": why,
    })
}

/// Facts that came too late, as lines of a replay name them: how many there were for each decision, by lag.
fn late_by_replay(lines: &[Value]) -> BTreeMap<i64, u64> {
    let findings = lines.iter().flat_map(|line| line["true"]["findings"].as_array().expect("a list"));
    let refs = findings.filter(|finding| finding["id"] == "late-fact");
    let mut by_lag = BTreeMap::new();
    for each in refs.flat_map(|finding| finding["refs"].as_array().expect("refs")) {
        *by_lag.entry(each["lag_s"].as_i64().expect("a lag")).or_default() += 1;
    }
    by_lag
}

/// How many accounts something of the span is of. One that was erased and comes back is another.
fn accounts(facts: &[Fact], span: Span) -> usize {
    let (mut lives, mut seen): (BTreeMap<&str, u64>, _) = (BTreeMap::new(), BTreeSet::new());
    for fact in facts.iter().filter(|fact| fact.body.kind() != Kind::PolicyAdopted) {
        let life = lives.entry(&fact.subject).or_default();
        if span.holds(fact.time.at) {
            seen.insert((&fact.subject, *life));
        }
        let ends = matches!(fact.body, inforce::fact::Body::SubjectErased(inforce::fact::Scope::All));
        *life += u64::from(ends);
    }
    seen.len()
}

/// Puts every verdict on record, as `inforce attest` does.
fn attest(scratch: &Scratch) {
    let ledger = scratch.open();
    let Loaded { world, size, root, .. } = ledger.load().expect("loads");
    let mut verdicts = Vec::new();
    for decision in world.decisions() {
        let judgement = judge(&world, decision, &mut Ask::Memo(&mut Memos::default()));
        let digest = ledger.verdict_digest(&world, decision, &replay::to_line(&world, &judgement));
        let Some(digest) = digest.filter(|_| judgement.outcome.is_some()) else { continue };
        verdicts.push(replay::attestation(&world, &judgement, digest, size.0, Digest(root.0)));
    }
    ledger.attest(verdicts).expect("recorded");
    ledger.close().expect("closed");
}

/// Numbers anywhere in a report.
fn numbers(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Number(_) => visit(value),
        Value::Array(list) => list.iter_mut().for_each(|each| numbers(each, visit)),
        Value::Object(members) => members.iter_mut().for_each(|(_, each)| numbers(each, visit)),
        _ => {}
    }
}

#[test]
fn every_count_of_a_report_is_the_one_that_sql_and_replay_give() {
    let (since, until) = ("2025-12-17T00:00:00Z", "2025-12-22T09:00:00Z");
    let at = |text: &str| Some(Time::parse(text).expect("a time").at);
    let (mut compared, mut members) = (0, BTreeSet::new());
    for seed in 30..36 {
        let events = population::population(seed, 90 + (seed % 3) as usize * 80);
        let scratch = Scratch::new();
        let ledger = scratch.open();
        let outcomes = import(&ledger, &events, Clock::Recorded);
        ledger.close().expect("closed");
        let taken = facts(&events).into_iter().zip(outcomes);
        let taken = taken.filter(|(_, outcome)| outcome.as_ref().is_ok_and(|receipt| !receipt.duplicate));
        let taken: Vec<Fact> = taken.map(|(fact, _)| fact).collect();
        if seed % 3 == 0 {
            attest(&scratch);
        }
        let path = scratch.path();
        let whole = (Span::default(), Asked { ledger: &path, since: String::new(), until: String::new() });
        let part = (
            Span { since: at(since), until: at(until) },
            Asked { ledger: &path, since: since.to_owned(), until: until.to_owned() },
        );
        for (span, asked) in [whole, part] {
            let (told, lines) = told(&scratch, span);
            let mut report = plain(told);
            // Policies in the order in which they were recorded.
            let policies = report["policies"].as_array_mut().expect("a list");
            policies.sort_by_key(|line| line["seq"].as_u64());
            let mut by_sql = plain(asked.report());
            assert_eq!(report["recorded"]["accounts"], accounts(&taken, span), "seed {seed}");
            if report["completeness"]["destroyed"] != json!({}) || report["erasures"] != json!([]) {
                by_sql["recorded"]["accounts"] = report["recorded"]["accounts"].clone();
            }
            for (name, member) in report.as_object().expect("an object") {
                assert_eq!(&by_sql[name], member, "seed {seed}, {span:?}: `{name}` by SQL, and as reported");
            }
            assert_eq!(by_sql, report, "seed {seed}");
            let mut by_replay = by_replay(&path, &lines);
            let why = by_replay.as_object_mut().expect("an object").remove("why").expect("a member");
            assert_eq!(report["completeness"]["unproven"]["why"], why, "seed {seed}");
            for (name, member) in by_replay.as_object().expect("an object") {
                assert_eq!(&report[name], member, "seed {seed}, {span:?}: `{name}` as reported, and by replay");
            }
            let mut late = BTreeMap::new();
            for line in report["late_facts"].as_array().expect("a list") {
                let (lag, decisions) = (line["lag_s"].as_i64().expect("a lag"), line["decisions"].as_u64());
                *late.entry(lag).or_default() += decisions.expect("a count");
            }
            assert_eq!(late, late_by_replay(&lines), "seed {seed}");
            numbers(&mut report.clone(), &mut |_| compared += 1);
            let some = report.as_object().expect("an object").iter();
            members.extend(some.filter(|(_, member)| **member != json!([])).map(|(name, _)| name.clone()));
        }
        // Kept verdicts count the same.
        let (report, _) = told(&scratch, Span::default());
        let kept = scratch.read();
        assert!(search::keep(&kept, &kept.load_parts(u64::MAX, None).expect("loads")).expect("kept"));
        let asked = Asked { ledger: &path, since: String::new(), until: String::new() };
        for name in ["known", "true"] {
            assert_eq!(asked.view(name), report[name], "seed {seed}");
        }
        assert_eq!(asked.weeks(), report["weeks"], "seed {seed}");
        assert_eq!(json!(asked.rows(RULES)), report["rules"], "seed {seed}");
        assert_eq!(plain(json!(asked.rows(PERIODS))), plain(report["periods"].clone()), "seed {seed}");
        if seed == 30 {
            check_ledger(&scratch);
        }
    }
    assert!(compared > 3_000, "{compared} numbers");
    assert_eq!(members.len(), 18, "something of everything: {members:?}");
}
