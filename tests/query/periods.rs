//! Periods.

use crate::ask::at;
use crate::common::{check_ledger, replay_of};
use crate::log::{code, errors, inforce};
use crate::population::*;
use inforce::query::{self, Asked, Dimension};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A rule, and what it is told apart by.
type Group = (String, Vec<String>);

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
        let mut periods = query::Periods::new(&world, asked);
        let all: Vec<_> = world.decisions().collect();
        inforce::replay::replay(&world, &all, |_, judgement| query::row(&world, &judgement), |row| periods.take(&row));
        let found: Vec<_> = periods
            .finish()
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
