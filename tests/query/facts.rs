//! Facts and histories.

use crate::ask::{ALL, at, facts, indexed};
use crate::common::events::erased;
use crate::common::{self, check_ledger};
use crate::decisions::random_filter;
use crate::log::{code, errors, inforce, object};
use crate::population::*;
use inforce::fact::Kind;
use inforce::query::FactFilter;
use inforce::search::Page;
use serde_json::{Value, json};

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
