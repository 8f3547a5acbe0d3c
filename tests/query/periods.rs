//! Periods.

use crate::ask::at;
use crate::common::crowd::beside_each_other;
use crate::common::{Scratch, check_ledger, expect_parts, replay_of};
use crate::log::{code, errors, inforce, inforce_on_one};
use crate::population::*;
use inforce::judge::{Ask, Memos, judge};
use inforce::query::{self, Asked, Dimension, Row};
use inforce::timeline::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

/// A rule, and what it is told apart by.
type Group = (String, Vec<String>);

fn rows(world: &World) -> Vec<Row<'_>> {
    let mut memos = Memos::default();
    let row = |decision| query::row(world, &judge(world, decision, &mut Ask::Memo(&mut memos)));
    world.decisions().map(row).collect()
}

#[test]
fn periods_are_those_of_a_naive_fold() {
    let events = population(6, 220);
    let scratch = ledger_of(&events);
    let by_id: BTreeMap<&str, &Value> =
        events.iter().map(|event| (event["id"].as_str().expect("an id"), event)).collect();
    let pack = inforce::policy::Pack::named("meta-ai-personalization").expect("built in");
    let denies: BTreeSet<String> = inforce::policy::rules(pack.cedar)
        .expect("a text")
        .into_iter()
        .filter(|rule| rule.outcome == inforce::policy::RuleOutcome::Deny)
        .map(|rule| rule.id)
        .collect();
    let verdicts = replay_of(&scratch.read());
    let world = scratch.read().load().expect("loads").world;
    for (gap_days, known, by) in [
        (0, true, vec![]),
        (1, true, vec![Dimension::App]),
        (3, false, vec![Dimension::App, Dimension::Region]),
        (7, true, vec![]),
    ] {
        // Rule and group, with the times of decisions that broke it.
        let mut broken: BTreeMap<Group, Vec<(i64, u64)>> = BTreeMap::new();
        let mut served: BTreeMap<Vec<String>, Vec<i64>> = BTreeMap::new();
        for verdict in verdicts.iter().filter(|verdict| verdict["outcome"] == "served") {
            let event = by_id[verdict["decision"]["id"].as_str().expect("an id")];
            let app = event["subject"].as_str().expect("an account").split('/').next().expect("an app").to_owned();
            let group: Vec<String> = by
                .iter()
                .map(|dimension| match dimension {
                    Dimension::App => app.clone(),
                    _ => event["data"]["region"].as_str().expect("a region").to_owned(),
                })
                .collect();
            served.entry(group.clone()).or_default().push(at(&event["time"]));
            let rules = verdict[if known { "known" } else { "true" }]["rules"].as_array().expect("a list");
            let ids: BTreeSet<&str> =
                rules.iter().filter_map(|rule| rule["id"].as_str()).filter(|id| denies.contains(*id)).collect();
            for id in ids {
                let seq = verdict["decision"]["seq"].as_u64().expect("a seq");
                broken.entry((id.to_owned(), group.clone())).or_default().push((at(&event["time"]), seq));
            }
        }
        let mut expected = Vec::new();
        for ((rule, group), mut all) in broken {
            all.sort_unstable();
            let mut runs: Vec<Vec<(i64, u64)>> = Vec::new();
            for each in all {
                match runs.last_mut() {
                    Some(run) if each.0 - run[run.len() - 1].0 <= gap_days * 86_400_000_000_000 => run.push(each),
                    _ => runs.push(vec![each]),
                }
            }
            for run in runs {
                let (first, last) = (run[0], run[run.len() - 1]);
                let meanwhile = served[&group].iter().filter(|&&at| (first.0..=last.0).contains(&at)).count() as u64;
                expected.push((rule.clone(), group.clone(), first, last, run.len() as u64, meanwhile));
            }
        }
        assert!(expected.len() > 3, "{expected:?}");
        let asked = Asked { by, known, gap_s: gap_days * 86_400, unproven: false };
        let found: Vec<_> = query::periods(&world, &rows(&world), asked)
            .into_iter()
            .map(|period| {
                let by = period.by.into_iter().map(|value| value.expect("recorded")).collect::<Vec<_>>();
                (
                    period.rule,
                    by,
                    (period.from.0, period.first),
                    (period.to.0, period.last),
                    period.count,
                    period.served,
                )
            })
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn periods_say_for_how_long_a_limit_a_block_and_an_unlink_were_ignored() {
    let scratch = ledger_of(&ignored());
    let output = inforce(&["periods", "--json"], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let periods: BTreeMap<String, Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|period| (period["rule"].as_str().expect("an id").to_owned(), period))
        .collect();
    let day = 86_400;
    let expected = [
        ("topic-limited", 2, json!({ "least": day, "median": day, "most": 3 * day })),
        ("advertiser-blocked", 1, json!({ "least": day / 2, "median": day / 2, "most": day / 2 })),
        ("unlinked-before-decision", 1, json!({ "least": 3 * day, "median": 3 * day, "most": 3 * day })),
        ("accounts-not-linked", 1, Value::Null),
    ];
    for (rule, count, delay) in expected {
        assert_eq!((&periods[rule]["count"], &periods[rule]["delay_s"]), (&json!(count), &delay), "{rule}");
    }
    assert_eq!(periods["topic-limited"]["first"]["id"], "d1");
    assert_eq!(periods["topic-limited"]["last"]["id"], "d2");
    let only = inforce(&["periods", "--rule", "topic-limited", "--gap", "1", "--csv"], &scratch.path());
    let text = String::from_utf8(only.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 3, "a header and two periods, two days apart: {text}");
    check_ledger(&scratch);
}

/// What `periods` says of a ledger in as many parts as can be, held to what it says of a single one.
fn in_parts(scratch: &Scratch, args: &[&str]) -> Output {
    let asked = |memory| [&["periods", "--memory", memory], args].concat();
    let parts = inforce(&asked("0"), &scratch.path());
    let whole = inforce_on_one(&asked("9999999"), &scratch.path());
    assert_eq!(code(&parts), code(&whole), "{args:?}: {}", errors(&parts));
    assert_eq!(errors(&parts), errors(&whole), "{args:?}");
    assert_eq!(String::from_utf8_lossy(&parts.stdout), String::from_utf8_lossy(&whole.stdout), "{args:?}");
    parts
}

#[test]
fn periods_are_the_same_in_however_many_parts() {
    let mut events = beside_each_other((30..36).map(|seed| population(seed, 90)));
    // People who begin and end a period in the same instant: their seqs decide who is named.
    let instant = json!("2025-12-24T00:00:00Z");
    for event in events.iter_mut().filter(|event| event["type"] == "inforce.decision.made").step_by(3) {
        event["time"] = instant.clone();
    }
    let erased = json!({ "scope": "all" });
    let mut erasure =
        crate::common::events::event("gone", "inforce.subject.erased", "facebook/a-1", "2026-01-10T00:00:00Z", erased);
    erasure["recordedtime"] = erasure["time"].clone();
    events.push(erasure);
    let scratch = ledger_of(&events);
    expect_parts(&scratch.read());
    let half = (events.len() / 2).to_string();
    let cases: &[&[&str]] = &[
        &[],
        &["--view", "true"],
        &["--gap", "0"],
        &["--gap", "1", "--unproven"],
        &["--gap", "1", "--by", "app"],
        &["--gap", "0", "--by", "region,policy", "--unproven"],
        &["--gap", "2", "--by", "campaign,advertiser", "--view", "true"],
        &["--gap", "1", "--rule", "topic-limited", "--rule", "sensitive-topic"],
        &["--gap", "1", "--since", "2025-12-19T00:00:00Z", "--until", "2025-12-24T00:00:01Z"],
        &["--gap", "0", "--as-of", &half],
        &["--rule", "no-such-rule"],
        &["--since", "2030-01-01T00:00:00Z"],
        &["--as-of", "99999999"],
    ];
    let mut lines = 0;
    for case in cases {
        in_parts(&scratch, case);
        in_parts(&scratch, &[case, &["--csv"][..]].concat());
        let found = in_parts(&scratch, &[case, &["--json"][..]].concat());
        lines += String::from_utf8_lossy(&found.stdout).lines().count();
    }
    assert!(lines > 100, "{lines}");
    let found = in_parts(&scratch, &["--gap", "0", "--unproven", "--json"]);
    let world = scratch.read().load().expect("loads").world;
    let asked = Asked { gap_s: 0, unproven: true, ..Asked::default() };
    let expected: Vec<_> = query::periods(&world, &rows(&world), asked)
        .into_iter()
        .map(|period| {
            let named = |seq: u64| {
                let name = world.name(world.locate(seq).expect("an entry"));
                json!({ "seq": seq, "source": name.as_ref().map(|it| &it.source), "id": name.as_ref().map(|it| &it.id) })
            };
            let ends = [named(period.first), named(period.last)];
            (period.rule, period.from.to_string(), period.to.to_string(), period.count, period.served, ends)
        })
        .collect();
    let lines = String::from_utf8(found.stdout).expect("UTF-8");
    let found: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|period| {
            let text = |name: &str| period[name].as_str().expect("text").to_owned();
            let number = |name: &str| period[name].as_u64().expect("a number");
            let ends = [period["first"].clone(), period["last"].clone()];
            (text("rule"), text("from"), text("to"), number("count"), number("served"), ends)
        })
        .collect();
    assert_eq!(found, expected);
    check_ledger(&scratch);
}

#[test]
fn of_no_decisions_there_are_no_periods() {
    let nothing = Scratch::new();
    let people = ledger_of(&population(3, 4));
    for scratch in [&nothing, &people] {
        let found = in_parts(scratch, &["--json"]);
        assert_eq!((code(&found), &found.stdout[..]), (0, &b""[..]));
        assert!(errors(&found).starts_with("0 periods over 0 decisions"), "{}", errors(&found));
    }
}
