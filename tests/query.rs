//! What auditors ask: every filter against a naive one, pages against the whole, periods and what-ifs against a naive fold,
//! and every command as of a moment against the ledger as it was then.

mod common;
#[path = "common/log.rs"]
mod log;

use common::events::{erased, event};
use common::{Scratch, check_ledger, copy_folder, import, replay_of};
use inforce::fact::{Conformance, Kind, Time, Verdict};
use inforce::ledger::{Clock, Ledger};
use inforce::query::{self, Asked, Dimension, FactFilter, Filter, Side, Span};
use inforce::search::{self, How, Page};
use log::{code, errors, inforce, object};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

const ACCOUNTS: &[&str] = &["facebook/a", "facebook/b", "instagram/c", "instagram/d", "whatsapp/e"];
const TOPICS: &[&str] = &["tea", "cars", "pets"];
const REGIONS: &[&str] = &["US", "BR", "DE"];
const ADVERTISERS: &[&str] = &["x.example", "y.example"];
const CAMPAIGNS: &[&str] = &["spring", "fall"];

/// A moment after 2025-12-17, in hours.
fn hours(count: u64) -> String {
    let (day, hour) = (17 + count / 24, count % 24);
    if day <= 31 {
        format!("2025-12-{day:02}T{hour:02}:00:00Z")
    } else {
        format!("2026-01-{:02}T{hour:02}:00:00Z", day - 31)
    }
}

/// Two versions of a policy, people who link, choose and talk, and decisions about them; some facts come late.
fn population(seed: u64, count: u64) -> Vec<Value> {
    let (mut random, mut events) = (Random(seed), Vec::new());
    for (version, from) in [("1", "2025-12-16T00:00:00Z"), ("2", "2026-01-01T00:00:00Z")] {
        let data = json!({ "version": version, "in_force_from": from, "pack": "meta-ai-personalization" });
        let mut adopted = event(
            &format!("p{version}"),
            "inforce.policy.adopted",
            "meta-ai-personalization",
            "2025-10-01T00:00:00Z",
            data,
        );
        adopted["recordedtime"] = "2025-10-01T00:00:00Z".into();
        events.push(adopted);
    }
    for (number, account) in ACCOUNTS.iter().enumerate().take(4) {
        let data = json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" });
        let mut notice = event(&format!("n{number}"), "inforce.notice.recorded", account, "2025-10-09T10:00:00Z", data);
        notice["recordedtime"] = "2025-10-09T10:00:00Z".into();
        events.push(notice);
    }
    let (mut chats, mut signals) = (Vec::new(), Vec::new());
    for number in 0..count {
        let recorded = 2 + number * 2;
        let late = if random.below(6) == 0 { random.below(40) } else { 0 };
        let (account, topic) = (random.of(ACCOUNTS), random.of(TOPICS));
        let (id, region) = (format!("e{number}"), random.of(REGIONS));
        let kind = if number < 4 { 0 } else { random.below(16) };
        let deriver = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
        let (kind, data) = match kind {
            0..=2 => {
                chats.push(id.clone());
                let data = json!({ "agent": random.of(&["assistant", "assistant", "human"]), "conversation": id, "turn": 0,
                    "modality": "text", "region": region, "content": format!("a secret of {id}") });
                ("interaction.recorded", data)
            }
            3..=4 => {
                let target = chats[random.below(chats.len() as u64) as usize].clone();
                let sensitive: &[&str] = if random.below(4) == 0 { &["health"] } else { &[] };
                (
                    "interaction.labelled",
                    json!({ "target": target, "sensitive": sensitive, "topics": [topic], "labeller": deriver }),
                )
            }
            5..=6 => {
                signals.push(id.clone());
                let source = chats[random.below(chats.len() as u64) as usize].clone();
                ("signal.derived", json!({ "topic": topic, "sources": [source], "deriver": deriver }))
            }
            7 => ("account.linked", json!({ "center": random.of(&["c1", "c2"]) })),
            8 => ("account.unlinked", json!({ "center": random.of(&["c1", "c2"]) })),
            9 => {
                let (control, value) = match random.below(5) {
                    0 => ("ads.topic.limit", topic),
                    1 => ("ads.topic.unlimit", topic),
                    2 => ("ads.advertiser.block", random.of(ADVERTISERS)),
                    3 => ("ads.advertiser.unblock", random.of(ADVERTISERS)),
                    _ => ("privacy.gpc", random.of(&["on", "off"])),
                };
                ("preference.changed", json!({ "control": control, "value": value }))
            }
            10 => ("age.observed", json!({ "band": random.of(&["adult", "minor"]) })),
            _ => {
                let cited: Vec<String> = match signals.len() as u64 {
                    0 => Vec::new(),
                    len => vec![signals[random.below(len) as usize].clone()],
                };
                let mut item = json!({ "kind": random.of(&["ad", "post"]), "topics": [topic] });
                if random.below(3) > 0 {
                    item["advertiser"] = random.of(ADVERTISERS).into();
                    item["campaign"] = random.of(CAMPAIGNS).into();
                }
                let data = json!({ "purpose": random.of(&["ads", "ads", "content"]), "item": item, "region": region, "signals": cited,
                    "outcome": random.of(&["served", "served", "suppressed"]) });
                ("decision.made", data)
            }
        };
        let mut made = event(&id, &format!("inforce.{kind}"), account, &hours(recorded.saturating_sub(late)), data);
        made["recordedtime"] = hours(recorded).into();
        events.push(made);
    }
    events
}

fn ledger_of(events: &[Value]) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    for outcome in import(&ledger, events, Clock::Recorded) {
        outcome.unwrap_or_else(|refusal| panic!("{refusal}"));
    }
    ledger.close().expect("closed");
    scratch
}

fn indexed(scratch: &Scratch) -> Ledger {
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    assert!(ledger.is_indexed());
    ledger
}

fn decisions(ledger: &Ledger, filter: &Filter, page: &Page) -> (Vec<Value>, search::Turned, Vec<How>) {
    let (mut found, mut told) = (Vec::new(), Vec::new());
    let mut visit = |line: &query::Line| {
        found.push(query::to_json(line));
        ControlFlow::Continue(())
    };
    let turned =
        search::decisions(ledger, filter, page, false, &mut |how| told.push(how), &mut visit).expect("answered");
    (found, turned, told)
}

fn facts(ledger: &Ledger, filter: &FactFilter, page: &Page) -> (Vec<Value>, search::Turned) {
    let (mut found, size) = (Vec::new(), ledger.standing().expect("known").0);
    let turned = search::each_fact(ledger, filter, page, size, |entry| {
        found.push(query::fact_json(entry, false));
        ControlFlow::Continue(())
    });
    (found, turned.expect("answered"))
}

const ALL: Page = Page { newest: false, limit: usize::MAX, after: None };

fn at(text: &Value) -> i64 {
    Time::parse(text.as_str().expect("a time")).expect("RFC 3339").at.0
}

/// The naive filter: by the event as it was sent, and the verdict as `replay --json` prints it.
fn takes(filter: &Filter, event: &Value, verdict: &Value) -> bool {
    let (data, item) = (&event["data"], &event["data"]["item"]);
    let one = |wanted: &[String], found: &Value| wanted.is_empty() || wanted.iter().any(|wanted| found == wanted);
    let app = json!(event["subject"].as_str().expect("an account").split('/').next());
    let views: Vec<&Value> = match filter.side {
        Side::Known => vec![&verdict["known"]],
        Side::True => vec![&verdict["true"]],
        Side::Either => vec![&verdict["known"], &verdict["true"]],
    };
    let listed = |wanted: &[String], list: &str| {
        let has = |view: &&Value, wanted: &String| {
            view[list].as_array().expect("a list").iter().any(|each| each["id"] == *wanted)
        };
        wanted.is_empty() || wanted.iter().any(|wanted| views.iter().any(|view| has(view, wanted)))
    };
    let span = &filter.span;
    let clock = at(if span.by_recording { &event["recordedtime"] } else { &event["time"] });
    span.since.is_none_or(|since| clock >= since.0)
        && span.until.is_none_or(|until| clock < until.0)
        && one(&filter.accounts, &event["subject"])
        && one(&filter.apps, &app)
        && one(&filter.advertisers, &item["advertiser"])
        && one(&filter.campaigns, &item["campaign"])
        && one(&filter.regions, &data["region"])
        && (filter.topics.is_empty()
            || filter.topics.iter().any(|topic| item["topics"].as_array().expect("a list").contains(&json!(topic))))
        && (filter.kinds.is_empty() || filter.kinds.iter().any(|kind| item["kind"] == kind.name()))
        && (filter.conformances.is_empty()
            || filter.conformances.iter().any(|name| verdict["conformance"] == name.name()))
        && (filter.verdicts.is_empty()
            || filter.verdicts.iter().any(|name| views.iter().any(|view| view["verdict"] == name.name())))
        && listed(&filter.rules, "rules")
        && listed(&filter.findings, "findings")
}

fn random_filter(random: &mut Random) -> Filter {
    let mut filter = Filter::default();
    let list = |random: &mut Random, all: &[&str], odds: u64| -> Vec<String> {
        if random.below(odds) > 0 {
            Vec::new()
        } else {
            (0..=random.below(2)).map(|_| random.of(all).to_owned()).collect()
        }
    };
    filter.accounts = list(random, ACCOUNTS, 3);
    filter.advertisers = list(random, ADVERTISERS, 4);
    filter.campaigns = list(random, CAMPAIGNS, 6);
    filter.apps = list(random, &["facebook", "instagram", "nobody"], 6);
    filter.regions = list(random, REGIONS, 5);
    filter.topics = list(random, TOPICS, 5);
    let rules = [
        "excluded-region",
        "sensitive-topic",
        "accounts-not-linked",
        "unlabelled",
        "human-message",
        "topic-limited",
        "no-such-rule",
    ];
    filter.rules = list(random, &rules, 3);
    filter.findings = list(random, &["views-differ", "late-fact", "tz-ambiguous"], 6);
    if random.below(4) == 0 {
        filter.verdicts = vec![Verdict::ALL[random.below(4) as usize]];
    }
    if random.below(4) == 0 {
        filter.conformances = vec![Conformance::ALL[random.below(7) as usize], Conformance::Breach];
    }
    filter.side = [Side::Known, Side::True, Side::Either][random.below(3) as usize];
    if random.below(2) == 0 {
        let instant = |random: &mut Random| Time::parse(&hours(random.below(400))).expect("a time").at;
        let (one, other) = (instant(random), instant(random));
        let (since, until) = (Some(one.min(other)), Some(one.max(other)).filter(|_| random.below(3) > 0));
        filter.span = Span { since, until, by_recording: random.below(2) == 0 };
    }
    filter
}

#[test]
fn every_filter_finds_what_a_naive_one_finds_by_index_by_judging_and_page_by_page() {
    for seed in [1, 2] {
        let events = population(seed, 180);
        let scratch = ledger_of(&events);
        let verdicts = replay_of(&scratch.read());
        let by_id: BTreeMap<&str, &Value> =
            events.iter().map(|event| (event["id"].as_str().expect("an id"), event)).collect();
        let loaded = scratch.read().load().expect("loads");
        let mut random = Random(seed ^ 77);
        let filters: Vec<Filter> =
            std::iter::once(Filter::default()).chain((0..60).map(|_| random_filter(&mut random))).collect();
        let mut nonempty = 0;
        for (number, filter) in filters.iter().enumerate() {
            let expected: Vec<u64> = verdicts
                .iter()
                .filter(|verdict| takes(filter, by_id[verdict["decision"]["id"].as_str().expect("an id")], verdict))
                .map(|verdict| verdict["decision"]["seq"].as_u64().expect("a seq"))
                .collect();
            nonempty += usize::from(!expected.is_empty());
            // Nothing is kept yet for the first half: decisions are gathered, or everything is judged.
            if number < 3 {
                let _ = std::fs::remove_dir_all(scratch.path().join("verdicts"));
            }
            let ledger = indexed(&scratch);
            let (found, turned, _) = decisions(&ledger, filter, &ALL);
            let seqs: Vec<u64> = found.iter().map(|line| line["seq"].as_u64().expect("a seq")).collect();
            assert_eq!(seqs, expected, "{filter:?}");
            assert!(!turned.more);
            let mut judged = Vec::new();
            search::judged(&loaded, filter, &ALL, &mut |line| {
                judged.push(query::to_json(line));
                ControlFlow::Continue(())
            })
            .expect("answered");
            assert_eq!(found, judged, "kept verdicts are those of a replay: {filter:?}");
            for (newest, limit) in [(true, 1), (false, 2), (true, 7)] {
                let mut pages = Vec::new();
                let mut page = Page { newest, limit, after: None };
                loop {
                    let (found, turned, told) = decisions(&ledger, filter, &page);
                    assert_eq!(told, [], "verdicts are kept by now");
                    assert!(found.len() <= limit && turned.more == (found.len() == limit && turned.more));
                    pages.extend(found);
                    page.after = turned.last;
                    if !turned.more {
                        break;
                    }
                }
                if newest {
                    pages.reverse();
                }
                assert_eq!(pages, judged, "{filter:?} {newest} {limit}");
            }
        }
        assert!(nonempty > 20, "{nonempty} filters found something");
        check_ledger(&scratch);
    }
}

#[test]
fn a_page_that_is_gathered_says_what_a_replay_says() {
    let events = population(5, 150);
    let scratch = ledger_of(&events);
    let loaded = scratch.read().load().expect("loads");
    for account in ACCOUNTS {
        let filter = Filter { accounts: vec![(*account).to_owned()], ..Filter::default() };
        let page = Page { newest: true, limit: 50, after: None };
        let (found, _, told) = decisions(&indexed(&scratch), &filter, &page);
        assert_eq!(told, [], "nothing is judged whole for one account");
        let mut judged = Vec::new();
        search::judged(&loaded, &filter, &page, &mut |line| {
            judged.push(query::to_json(line));
            ControlFlow::Continue(())
        })
        .expect("answered");
        assert_eq!(found, judged, "{account}");
        assert!(!scratch.path().join("verdicts").exists());
    }
}

#[test]
fn kept_verdicts_are_made_again_when_the_ledger_grew_or_they_were_touched_and_hold_nothing_of_a_body() {
    use std::os::unix::fs::PermissionsExt;
    let events = population(3, 120);
    let scratch = ledger_of(&events);
    let filter = Filter::default();
    assert_eq!(decisions(&indexed(&scratch), &filter, &ALL).2, [How::Judging, How::Kept]);
    let before = decisions(&indexed(&scratch), &filter, &ALL);
    assert_eq!(before.2, []);
    let kept = scratch.path().join("verdicts/kept");
    let bytes = std::fs::read(&kept).expect("kept");
    assert_eq!(std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777, 0o600);
    for told in ACCOUNTS.iter().chain(TOPICS).chain(ADVERTISERS).chain(&["secret", "//test"]) {
        assert!(!bytes.windows(told.len()).any(|window| window == told.as_bytes()), "{told}");
    }
    // Any byte that is changed is noticed, and the ledger judged again.
    for place in (0..bytes.len()).step_by(bytes.len() / 12).chain([bytes.len() - 1]) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        std::fs::write(&kept, &damaged).expect("written");
        let (found, _, told) = decisions(&indexed(&scratch), &filter, &ALL);
        assert_eq!((found, told), (before.0.clone(), vec![How::Judging, How::Kept]), "byte {place}");
    }
    for len in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&kept, &bytes[..len]).expect("written");
        assert_eq!(decisions(&indexed(&scratch), &filter, &ALL).0, before.0, "{len} bytes");
    }
    // Another ledger's are not this one's.
    let other = ledger_of(&events);
    copy_folder(&scratch.path().join("verdicts"), &other.path().join("verdicts"));
    assert_eq!(decisions(&indexed(&other), &filter, &ALL).2, [How::Judging, How::Kept]);
    // An erasure is an entry: nothing is told of what was kept before it.
    let ledger = scratch.open();
    ledger.append(common::facts(&[erased("gone", "facebook/a", "all")])).expect("appended");
    ledger.close().expect("closed");
    let (after, _, told) = decisions(&indexed(&scratch), &filter, &ALL);
    assert_eq!(told, [How::Judging, How::Kept]);
    assert!(after.iter().all(|line| line["account"] != "facebook/a"));
    assert!(after.iter().any(|line| line["conformance"] == "erased" && line["account"].is_null()));
    check_ledger(&scratch);
}

#[test]
fn facts_are_found_by_index_and_by_reading_alike() {
    let events = population(4, 160);
    let scratch = ledger_of(&events);
    let ledger = indexed(&scratch);
    let whole = facts(&ledger, &FactFilter::default(), &ALL).0;
    assert_eq!(whole.len(), events.len());
    for (fact, event) in whole.iter().zip(&events) {
        assert_eq!((&fact["id"], &fact["type"], &fact["subject"]), (&event["id"], &event["type"], &event["subject"]));
        assert_eq!((at(&fact["time"]), at(&fact["recordedtime"])), (at(&event["time"]), at(&event["recordedtime"])));
        assert!(!fact.to_string().contains("a secret"), "no text unless it is asked for");
    }
    let mut random = Random(9);
    let text = |words: &str| words.to_owned();
    for _ in 0..60 {
        let base = random_filter(&mut random);
        let mut filter = FactFilter {
            accounts: base.accounts,
            regions: base.regions,
            topics: base.topics,
            span: base.span,
            ..FactFilter::default()
        };
        if random.below(2) == 0 {
            filter.kinds = vec![Kind::ALL[random.below(15) as usize], Kind::SignalDerived];
        }
        if random.below(6) == 0 {
            filter.policies = vec![(text("meta-ai-personalization"), (random.below(2) == 0).then(|| text("2")))];
        }
        let is_it = |event: &&Value| {
            let (data, kind) = (&event["data"], event["type"].as_str().expect("a type"));
            let one =
                |wanted: &[String], found: &Value| wanted.is_empty() || wanted.iter().any(|wanted| found == wanted);
            let limited = data["control"].as_str().is_some_and(|control| control.contains("topic"));
            let topics = [&data["topics"], &data["item"]["topics"]].into_iter().filter_map(Value::as_array).flatten();
            let topics: Vec<&Value> = topics.chain([&data["topic"]]).chain(limited.then_some(&data["value"])).collect();
            let policy = match kind {
                "inforce.policy.adopted" => Some((event["subject"].clone(), data["version"].clone())),
                "inforce.notice.recorded" => Some((data["policy"].clone(), Value::Null)),
                _ => None,
            };
            let clock = at(if filter.span.by_recording { &event["recordedtime"] } else { &event["time"] });
            filter.span.since.is_none_or(|since| clock >= since.0)
                && filter.span.until.is_none_or(|until| clock < until.0)
                && one(&filter.accounts, &event["subject"])
                && one(&filter.regions, &data["region"])
                && (filter.topics.is_empty()
                    || topics.iter().any(|topic| filter.topics.iter().any(|wanted| *topic == wanted)))
                && (filter.kinds.is_empty() || filter.kinds.iter().any(|wanted| wanted.name() == kind))
                && (filter.policies.is_empty()
                    || policy.is_some_and(|(id, version)| {
                        filter
                            .policies
                            .iter()
                            .any(|(wanted, of)| id == *wanted && of.as_ref().is_none_or(|of| version == *of))
                    }))
        };
        let expected: Vec<&Value> = events.iter().filter(is_it).map(|event| &event["id"]).collect();
        let found = facts(&ledger, &filter, &ALL).0;
        assert_eq!(found.iter().map(|fact| &fact["id"]).collect::<Vec<_>>(), expected, "{filter:?}");
        let by_reading = facts(&scratch.read(), &filter, &ALL).0;
        assert_eq!(by_reading, found, "{filter:?}");
        for (ledger, newest) in [(&ledger, true), (&ledger, false), (&scratch.read(), true)] {
            let (mut pages, mut page) = (Vec::new(), Page { newest, limit: 3, after: None });
            loop {
                let (found, turned) = facts(ledger, &filter, &page);
                pages.extend(found);
                page.after = turned.last;
                if !turned.more {
                    break;
                }
            }
            if newest {
                pages.reverse();
            }
            assert_eq!(pages, found, "{filter:?} {newest}");
        }
    }
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
        let mut broken: BTreeMap<(String, Vec<String>), Vec<(i64, u64)>> = BTreeMap::new();
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

fn decided(id: &str, account: &str, time: &str, signal: &str, advertiser: &str, topic: &str) -> Value {
    let data = json!({ "purpose": "ads", "item": { "kind": "ad", "advertiser": advertiser, "topics": [topic] }, "region": "US",
        "signals": [signal], "outcome": "served" });
    event(id, "inforce.decision.made", account, time, data)
}

/// One person with two accounts, who limits, blocks and unlinks, and is shown ads all the same.
fn ignored() -> Vec<Value> {
    let chose = |id: &str, control: &str, value: &str, time: &str| {
        event(id, "inforce.preference.changed", "facebook/a", time, json!({ "control": control, "value": value }))
    };
    let center = json!({ "center": "c1" });
    let notice = json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" });
    let chat = json!({ "agent": "assistant", "conversation": "k", "turn": 0, "modality": "text", "region": "US", "content": "tea?" });
    let program = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
    let label = json!({ "target": "i", "sensitive": [], "topics": ["tea"], "labeller": program });
    let signal = json!({ "topic": "tea", "sources": ["i"], "deriver": program });
    let policy = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    let mut events = vec![
        event("p", "inforce.policy.adopted", "meta-ai-personalization", "2025-10-01T00:00:00Z", policy),
        event("n", "inforce.notice.recorded", "instagram/b", "2025-10-09T00:00:00Z", notice),
        event("l1", "inforce.account.linked", "facebook/a", "2025-12-17T00:00:00Z", center.clone()),
        event("l2", "inforce.account.linked", "instagram/b", "2025-12-17T00:00:00Z", center.clone()),
        event("i", "inforce.interaction.recorded", "instagram/b", "2025-12-18T00:00:00Z", chat),
        event("la", "inforce.interaction.labelled", "instagram/b", "2025-12-18T00:10:00Z", label),
        event("s", "inforce.signal.derived", "instagram/b", "2025-12-18T01:00:00Z", signal),
        decided("d0", "facebook/a", "2025-12-18T02:00:00Z", "s", "x.example", "tea"),
        chose("c1", "ads.topic.limit", "tea", "2025-12-19T00:00:00Z"),
        decided("d1", "facebook/a", "2025-12-20T00:00:00Z", "s", "x.example", "tea"),
        chose("c2", "ads.topic.limit", "tea", "2025-12-20T06:00:00Z"),
        decided("d2", "facebook/a", "2025-12-22T00:00:00Z", "s", "x.example", "tea"),
        chose("c3", "ads.topic.unlimit", "tea", "2025-12-23T00:00:00Z"),
        chose("c4", "ads.advertiser.block", "x.example", "2025-12-23T00:00:00Z"),
        decided("d3", "facebook/a", "2025-12-23T12:00:00Z", "s", "x.example", "tea"),
        chose("c5", "ads.advertiser.unblock", "x.example", "2025-12-24T00:00:00Z"),
        event("u", "inforce.account.unlinked", "instagram/b", "2025-12-25T00:00:00Z", center),
        decided("d4", "facebook/a", "2025-12-28T00:00:00Z", "s", "x.example", "tea"),
    ];
    for event in &mut events {
        event["recordedtime"] = event["time"].clone();
    }
    events
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

#[test]
fn history_tells_state_in_both_views_and_shows_erasures() {
    let mut events = ignored();
    // The block of the 23rd came to the ledger only on the 24th.
    events[13]["recordedtime"] = "2025-12-23T18:00:00Z".into();
    events.swap(13, 14);
    let scratch = ledger_of(&events);
    let ask = |more: &[&str]| object(&inforce(&[&["history", "facebook/a", "--json"], more].concat(), &scratch.path()));
    let controls = |object: &Value| -> Vec<String> {
        let all = object["state"]["preferences"].as_array().expect("a list").iter();
        all.map(|each| {
            format!("{} {}", each["control"].as_str().expect("a name"), each["value"].as_str().expect("a value"))
        })
        .collect()
    };
    let noon = ["--at", "2025-12-23T12:00:00Z", "--view"];
    assert_eq!(controls(&ask(&[&noon[..], &["true"]].concat())), ["ads.advertiser.block x.example"]);
    assert_eq!(controls(&ask(&[&noon[..], &["known"]].concat())), [""; 0]);
    assert_eq!(ask(&["--at", "2025-12-20T00:00:00Z"])["state"]["linked"], json!(["instagram/b"]));
    let end = ask(&[]);
    assert_eq!((controls(&end), &end["state"]["linked"]), (vec![], &json!([])));
    assert_eq!(end["facts"].as_array().expect("a list").len(), 11, "its own facts, and nobody else's");
    let ledger = scratch.open();
    ledger.append(common::facts(&[erased("x", "instagram/b", "content")])).expect("appended");
    ledger.close().expect("closed");
    let shown = inforce(&["history", "instagram/b"], &scratch.path());
    let text = String::from_utf8(shown.stdout).expect("UTF-8");
    assert!(text.contains("(text erased)") && text.contains("subject.erased"), "{text}");
    let ledger = scratch.open();
    ledger.append(common::facts(&[erased("y", "instagram/b", "all")])).expect("appended");
    ledger.close().expect("closed");
    let gone = inforce(&["history", "instagram/b"], &scratch.path());
    assert_eq!(code(&gone), 1);
    assert!(errors(&gone).contains("erased"), "{}", errors(&gone));
    check_ledger(&scratch);
}

fn json_lines(output: &std::process::Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn what_if_counts_what_two_replays_say() {
    let scratch = ledger_of(&population(8, 160));
    let before = json_lines(&inforce(&["replay", "--all", "--json"], &scratch.path()));
    let cases: [(&[&str], &str); 2] = [
        (&["--pack", "meta-ai-personalization"], "meta-ai-personalization@built-in"),
        (&["--pack", "meta-ai-personalization@2"], "meta-ai-personalization@2"),
    ];
    for (arguments, name) in cases {
        let after = json_lines(&inforce(&["replay", "--all", "--json", "--pack", name], &scratch.path()));
        let found = inforce(&[&["whatif", "--json"], arguments].concat(), &scratch.path());
        assert_eq!(code(&found), 0, "{}", errors(&found));
        let found = object(&found);
        assert_eq!((&found["hypothetical"], &found["decisions"]), (&json!(true), &json!(before.len())));
        for view in ["known", "true"] {
            let mut matrix: BTreeMap<(String, String), u64> = BTreeMap::new();
            let mut rules: BTreeMap<String, [u64; 4]> = BTreeMap::new();
            let ids = |verdict: &Value| -> BTreeSet<String> {
                let all = verdict[view]["rules"].as_array().expect("a list").iter();
                all.map(|rule| rule["id"].as_str().expect("an id").to_owned()).collect()
            };
            for (old, new) in before.iter().zip(&after) {
                let name = |verdict: &Value| verdict[view]["verdict"].as_str().expect("a name").to_owned();
                *matrix.entry((name(old), name(new))).or_default() += 1;
                let (old, new) = (ids(old), ids(new));
                for id in old.union(&new) {
                    let counts = rules.entry(id.clone()).or_default();
                    for (count, is) in counts.iter_mut().zip([
                        old.contains(id),
                        new.contains(id),
                        !old.contains(id),
                        !new.contains(id),
                    ]) {
                        *count += u64::from(is);
                    }
                }
            }
            let cells: BTreeMap<(String, String), u64> = found[view]["matrix"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|cell| {
                    let name = |key: &str| cell[key].as_str().expect("a name").to_owned();
                    ((name("before"), name("after")), cell["count"].as_u64().expect("a count"))
                })
                .collect();
            assert_eq!(cells, matrix, "{name} {view}");
            let changes: BTreeMap<String, [u64; 4]> = found[view]["rules"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|rule| {
                    let count = |key: &str| rule[key].as_u64().expect("a count");
                    (rule["id"].as_str().expect("an id").to_owned(), ["before", "after", "anew", "gone"].map(count))
                })
                .collect();
            assert_eq!(changes, rules, "{name} {view}");
        }
    }
}

#[test]
fn what_if_takes_a_text_with_params_and_writes_nothing() {
    let scratch = ledger_of(&population(8, 120));
    let file = scratch.dir.path().join("nothing.cedar");
    std::fs::write(&file, "@id(\"no-ads\")\nforbid (principal, action == Action::\"show\", resource);\npermit (principal, action, resource);\n").expect("written");
    let before = tree(&scratch.path());
    let found = inforce(&["whatif", "--json", "--examples", "2", "--policy", log::text(&file)], &scratch.path());
    assert_eq!(code(&found), 0, "{}", errors(&found));
    let found = object(&found);
    let cells = found["known"]["matrix"].as_array().expect("a list");
    assert!(cells.iter().all(|cell| cell["after"] == "deny"), "{cells:?}");
    assert!(cells.iter().all(|cell| cell["examples"].as_array().expect("a list").len() <= 2));
    let rule = found["known"]["rules"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|rule| rule["id"] == "no-ads")
        .expect("it fired");
    assert_eq!((&rule["anew"], &rule["before"]), (&found["decisions"], &json!(0)));
    let excluded = inforce(
        &["whatif", "--json", "--pack", "meta-ai-personalization", "--param", r#"excluded_regions=["US","BR","DE"]"#],
        &scratch.path(),
    );
    assert_eq!(code(&excluded), 0, "{}", errors(&excluded));
    let count = |found: &Value| {
        found["known"]["rules"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|rule| rule["id"] == "excluded-region")
            .map(|rule| rule["anew"].clone())
    };
    assert!(count(&object(&excluded)).expect("it fired").as_u64().expect("a count") > 0);
    let text = inforce(&["whatif", "--pack", "overlay-minors"], &scratch.path());
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(text.contains("hypothetical: nothing of this is a verdict on record"), "{text}");
    assert_eq!(tree(&scratch.path()), before, "nothing was written");
    check_ledger(&scratch);
}

/// Every file below a folder, with its bytes.
fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(dir).expect("readable") {
        let path = file.expect("readable").path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).expect("readable"));
        }
    }
    found
}

#[test]
fn every_command_as_of_a_moment_says_what_it_said_then() {
    let mut events = ignored();
    events.extend(population(11, 14).into_iter().skip(6).map(|mut event| {
        let id = event["id"].as_str().expect("an id").to_owned();
        event["id"] = format!("later-{id}").into();
        event["recordedtime"] = "2026-01-20T00:00:00Z".into();
        event
    }));
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut then = Vec::new();
    for (seq, event) in events.iter().enumerate() {
        import(&ledger, std::slice::from_ref(event), Clock::Recorded).remove(0).expect("appended");
        if seq % 4 == 3 || seq + 1 == events.len() {
            ledger.checkpoint().expect("signed");
            then.push((seq, scratch.copied()));
        }
    }
    ledger.close().expect("closed");
    let commands: &[&[&str]] = &[
        &["replay", "--all", "--json"],
        &["query", "--json", "--limit", "all"],
        &["query", "facts", "--json", "--limit", "all", "--oldest"],
        &["query", "facts", "--account", "facebook/a", "--limit", "2"],
        &["history", "facebook/a", "--json"],
        &["history", "facebook/a", "--view", "known", "--at", "2025-12-24T00:00:00Z"],
        &["periods", "--json", "--view", "true"],
        &["whatif", "--pack", "overlay-minors", "--json"],
        &["explain", "d1", "--json"],
        &["provenance", "d1"],
        &["verify", "--json"],
        &["policy", "list", "--json"],
        &["policy", "in-force", "--at", "2025-12-20T00:00:00Z"],
        &["policy", "show", "meta-ai-personalization"],
    ];
    let mut spoke = BTreeSet::new();
    for (seq, copy) in &then {
        let seq = seq.to_string();
        for command in commands {
            let expected = inforce(command, &copy.path());
            let found = inforce(&[command, &["--as-of", &seq][..]].concat(), &scratch.path());
            let texts = [&found, &expected].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            assert_eq!(code(&found), code(&expected), "{command:?} as of {seq}: {}", errors(&found));
            assert_eq!(texts[0], texts[1], "{command:?} as of {seq}");
            if !texts[0].is_empty() {
                spoke.insert(command);
            }
        }
        // A checkpoint's file names the same moment, and evidence is proved against it.
        let checkpoint = copy.path().join("checkpoint");
        let at = ["--as-of", log::text(&checkpoint)];
        let by_file = inforce(&[&["verify", "--json"], &at[..]].concat(), &scratch.path());
        assert_eq!(by_file.stdout, inforce(&["verify", "--json"], &copy.path()).stdout);
        let proof = |ledger: &Path, more: &[&str]| inforce(&[&["proof", "0", "--json"], more].concat(), ledger);
        assert_eq!(proof(&scratch.path(), &at).stdout, proof(&copy.path(), &[]).stdout);
        let (one, other) = (scratch.dir.path().join("one.json"), scratch.dir.path().join("other.json"));
        let bundle = |ledger: &Path, to: &Path, more: &[&str]| {
            inforce(&[&["bundle", "d0", "-o", log::text(to)], more].concat(), ledger)
        };
        let (found, expected) = (bundle(&scratch.path(), &one, &at), bundle(&copy.path(), &other, &[]));
        assert_eq!(code(&found), code(&expected), "{}", errors(&found));
        if code(&found) == 0 {
            assert_eq!(
                std::fs::read(&one).expect("written"),
                std::fs::read(&other).expect("written"),
                "the same evidence"
            );
        }
    }
    assert_eq!(spoke.len(), commands.len(), "every command said something at some moment");
    check_ledger(&scratch);
}

#[test]
fn wrong_arguments_are_refused_in_one_line_and_data_steers_no_terminal() {
    let mut events = ignored();
    for event in &mut events {
        if event["id"] == "d1" {
            event["data"]["item"]["advertiser"] = "=cmd()\u{1b}[31m\u{202e}evil".into();
        }
    }
    let scratch = ledger_of(&events);
    let cases: &[(&[&str], &str)] = &[
        (&["query", "nothing"], "decisions"),
        (&["query", "--verdict", "maybe"], "allow"),
        (&["query", "--conformance", "fine"], "breach"),
        (&["query", "--limit", "0"], "from 1"),
        (&["query", "--limit", "-1"], "limit"),
        (&["query", "--after", "x"], "invalid"),
        (&["query", "--since", "yesterday"], "RFC 3339"),
        (&["query", "--policy", "@1"], "POLICY@VERSION"),
        (&["query", "--kind", "unlinked"], "reel"),
        (&["query", "facts", "--kind", "nothing"], "account.unlinked"),
        (&["query", "facts", "--rule", "x"], "decisions"),
        (&["query", "--with-content"], "facts"),
        (&["query", "--json", "--csv"], "cannot be used"),
        (&["query", "--newest", "--oldest"], "cannot be used"),
        (&["query", "--as-of", "999"], "never recorded"),
        (&["query", "facts", "--as-of", "999"], "never recorded"),
        (&["query", "--as-of", "no-such-file"], "checkpoint"),
        (&["periods", "--by", "shoe-size"], "campaign"),
        (&["periods", "--gap", "-3"], "gap"),
        (&["whatif"], "--pack"),
        (&["whatif", "--pack", "nothing"], "POLICY@VERSION"),
        (&["whatif", "--pack", "meta-ai-personalization", "--param", "tz_basis=moon"], "tz_basis"),
        (&["whatif", "--pack", "meta-ai-personalization@1", "--param", "tz_basis=utc"], "--param"),
        (&["bundle", "d0", "-o", "x", "--as-of", "3"], "checkpoint"),
    ];
    for (arguments, expected) in cases {
        let output = inforce(arguments, &scratch.path());
        assert_eq!(code(&output), 2, "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(expected), "{arguments:?}: {}", errors(&output));
    }
    for arguments in [&["query", "--limit", "99999999999999999999"][..], &["query", "--after", "18446744073709551616"]]
    {
        assert_eq!(code(&inforce(arguments, &scratch.path())), 2, "{arguments:?}");
    }
    let edges: &[&[&str]] = &[
        &["query", "--after", "18446744073709551615", "--oldest"],
        &["query", "--after", "0"],
        &["query", "facts", "--after", "18446744073709551615", "--oldest"],
        &["query", "--since", "2030-01-01T00:00:00Z", "--until", "2020-01-01T00:00:00Z"],
        &[
            "query",
            "facts",
            "--since",
            "2030-01-01T00:00:00Z",
            "--until",
            "2020-01-01T00:00:00Z",
            "--clock",
            "recorded",
        ],
        &["query", "facts", "--account", "nobody"],
        &["query", "--as-of", "1971-01-01T00:00:00Z"],
    ];
    for arguments in edges {
        let output = inforce(arguments, &scratch.path());
        assert_eq!((code(&output), output.stdout.len()), (0, 0), "{arguments:?}: {}", errors(&output));
    }
    for arguments in
        [&["query"][..], &["query", "facts"], &["periods", "--by", "advertiser"], &["history", "facebook/a"]]
    {
        let output = inforce(arguments, &scratch.path());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!text.is_empty() && !text.contains(['\u{1b}', '\u{202e}']), "{arguments:?}: {text}");
    }
    let csv = inforce(&["query", "--csv", "--advertiser", "=cmd()\u{1b}[31m\u{202e}evil"], &scratch.path());
    let text = String::from_utf8(csv.stdout).expect("UTF-8");
    assert!(text.contains(",'=cmd()"), "{text}");
    let content = |more: &[&str]| {
        inforce(&[&["query", "facts", "--kind", "interaction.recorded", "--json"], more].concat(), &scratch.path())
    };
    assert!(!String::from_utf8_lossy(&content(&[]).stdout).contains("tea?"));
    assert!(String::from_utf8_lossy(&content(&["--with-content"]).stdout).contains("tea?"));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_judged_in_memory_and_damage_gets_no_verdict() {
    let scratch = ledger_of(&population(3, 60));
    // A file where the folder would be: nothing can be kept, whoever asks.
    std::fs::write(scratch.path().join("verdicts"), "").expect("written");
    let output = inforce(&["query", "--json", "--limit", "all"], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(errors(&output).contains("not kept"), "{}", errors(&output));
    assert_eq!(json_lines(&output).len(), replay_of(&scratch.read()).len());
    let segment = scratch.path().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&segment).expect("there");
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    for command in [&["query", "--json"][..], &["periods"], &["whatif", "--pack", "overlay-gpc"]] {
        let output = inforce(command, &scratch.path());
        assert_eq!((code(&output), output.stdout.len()), (3, 0), "{command:?}: {}", errors(&output));
    }
}
