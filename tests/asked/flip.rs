//! Every change that is said to flip a verdict, once it is recorded as a fact, flips it as said.

use super::common::{Scratch, facts};
use super::{demo, object, populated, population, run};
use inforce::explain::{self, Flips};
use inforce::fact::{Instant, Time};
use inforce::ledger::{Clock, Ledger};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn recorded(events: &[Value], clock: Clock) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append_each(facts(events), clock).expect("appended");
    ledger.close().expect("closed");
    scratch
}

fn flips(ledger: &Ledger, seq: u64) -> Option<Flips> {
    let size = ledger.last_checkpoint().expect("signed").size;
    let exhibits = ledger.gather(seq, size).expect("gathered");
    explain::flips(&exhibits.into_values().map(|exhibit| exhibit.entry.clone()).collect::<Vec<_>>(), seq)
}

/// The events with what an edit says.
fn edited(events: &mut Vec<Value>, edit: &Value) {
    let place = |events: &[Value], fact: &Value| {
        let is_it = |event: &Value| event["source"] == fact["source"] && event["id"] == fact["id"];
        events.iter().position(is_it).unwrap_or_else(|| panic!("no fact {fact}"))
    };
    match edit["op"].as_str().expect("an op") {
        "change" => {
            let at = place(events, &edit["fact"]);
            events[at]["time"] = edit["event"]["time"].clone();
            events[at]["data"] = edit["event"]["data"].clone();
            if let Some(recorded) = edit["event"].get("recordedtime") {
                events[at]["recordedtime"] = recorded.clone();
            }
        }
        "add" => events.insert(place(events, &edit["before"]), edit["event"].clone()),
        "leave_out" => drop(events.remove(place(events, &edit["fact"]))),
        "in_time" => {
            let mut moved = events.remove(place(events, &edit["fact"]));
            moved["recordedtime"] = edit["recordedtime"].clone();
            events.insert(place(events, &edit["before"]), moved);
        }
        other => panic!("{other}"),
    }
}

/// A log's recorded times never go back: what stands behind a change is recorded no earlier than it.
fn in_order(events: &mut [Value]) {
    let at = |text: &Value| Time::parse(text.as_str().expect("a time")).expect("a time").at;
    let mut last = Instant(0);
    for event in events {
        match event.get("recordedtime").map(at) {
            Some(recorded) if recorded < last => event["recordedtime"] = Time::utc(last).to_string().into(),
            Some(recorded) => last = recorded,
            None => last = last.max(at(&event["time"])),
        }
    }
}

/// One case in so many is tried; every one with `INFORCE_FLIPS=all`.
const ONE_IN: usize = 9;

/// Records each flip of a decision as facts, and judges again.
fn check(events: &[Value], clock: Clock, flips: &Flips, what: &str) -> usize {
    let object = flips.to_json();
    for flip in object["flips"].as_array().expect("a list") {
        let mut changed = events.to_vec();
        for change in flip["changes"].as_array().expect("a list") {
            change["edits"].as_array().expect("a list").iter().for_each(|edit| edited(&mut changed, edit));
        }
        in_order(&mut changed);
        let scratch = recorded(&changed, clock);
        let loaded = scratch.read().load().expect("loads");
        let (world, name) = (&loaded.world, object["decision"]["name"].as_str().expect("a name"));
        let decision = world.decisions().find(|&each| world.name(each).is_some_and(|id| id.to_string() == name));
        let decision = decision.unwrap_or_else(|| panic!("{what}: {name} is gone"));
        let judgement = inforce::judge::judge(world, decision, &mut inforce::judge::Ask::Plainly);
        let verdicts = (judgement.known.verdict.name(), judgement.today.verdict.name());
        let said = (flip["known"].as_str().expect("known"), flip["true"].as_str().expect("true"));
        assert_eq!(verdicts, said, "{what}, {name}: {flip:#}");
    }
    flips.flips.len()
}

#[test]
fn every_flip_of_the_cases_comes_true_once_it_is_recorded() {
    let shared = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/cases/cases.jsonl"));
    let own = include_str!("../cases.jsonl");
    let (mut found, mut without, mut kinds) = (0, BTreeSet::new(), BTreeMap::<String, u64>::new());
    let mut seen = BTreeSet::new();
    let one_in = if std::env::var("INFORCE_FLIPS").is_ok_and(|flips| flips == "all") { 1 } else { ONE_IN };
    for line in own.lines().chain(shared.as_deref().unwrap_or_default().lines()).step_by(one_in) {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let events = case["events"].as_array().expect("a list");
        if !seen.insert(serde_json::to_string(events).expect("JSON")) {
            continue;
        }
        let clock = if case["clock"] == "recorded" { Clock::Recorded } else { Clock::Ledger };
        let scratch = recorded(events, clock);
        let ledger = scratch.read();
        let decisions: Vec<u64> = {
            let world = ledger.load().expect("loads").world;
            world.decisions().map(|each| world.node(each).seq).collect()
        };
        let title = case["title"].as_str().unwrap_or_default();
        for seq in decisions {
            let Some(flips) = flips(&ledger, seq) else { continue };
            assert!(!flips.to_text().is_empty() && flips.tried <= explain::FLIP_LIMIT);
            found += check(events, clock, &flips, title);
            flips
                .flips
                .iter()
                .flat_map(|flip| &flip.changes)
                .for_each(|change| *kinds.entry(change.kind.to_owned()).or_default() += 1);
            if flips.flips.is_empty() {
                without.insert(format!("{title}: {:?}", flips.standing));
            }
        }
    }
    println!("{found} flips came true: {kinds:?}; none for {without:#?}");
    assert!(found > 60 && kinds.len() >= 6, "{found} {kinds:?}");
}

#[test]
fn every_flip_of_random_populations_comes_true() {
    let mut found = 0;
    for seed in 40..42 {
        let events = population::population(seed, 60);
        let scratch = populated(&events);
        let ledger = scratch.read();
        let decisions: Vec<u64> = {
            let world = ledger.load().expect("loads").world;
            world.decisions().map(|each| world.node(each).seq).collect()
        };
        for seq in decisions.into_iter().take(6) {
            let Some(mut flips) = flips(&ledger, seq) else { continue };
            flips.flips.truncate(6);
            found += check(&events, Clock::Recorded, &flips, &format!("seed {seed}"));
        }
    }
    assert!(found > 10, "{found}");
}

/// Every fact of the demo that can still be told as an event, in order.
fn demo_events(scratch: &Scratch) -> Vec<Value> {
    let (output, _) = run(scratch, &["query", "facts", "--json", "--oldest", "--limit", "all"]);
    let event = |line: &str| -> Option<Value> {
        let fact: Value = serde_json::from_str(line).expect("JSON");
        let members = ["type", "source", "id", "subject", "time", "recordedtime", "data"];
        let mut event: serde_json::Map<String, Value> =
            members.iter().filter_map(|&name| Some((name.to_owned(), fact.get(name)?.clone()))).collect();
        event.insert("specversion".to_owned(), "1.0".into());
        let is_whole = fact["erased"] == false && event.contains_key("data") && event["subject"].is_string();
        is_whole.then_some(Value::Object(event))
    };
    String::from_utf8(output.stdout).expect("UTF-8").lines().filter_map(event).collect()
}

fn seq_of(world: &inforce::timeline::World, id: &str) -> u64 {
    let is_it = |&each: &_| world.name(each).is_some_and(|name| name.id == id);
    world.node(world.decisions().find(is_it).unwrap_or_else(|| panic!("no {id}"))).seq
}

fn edits(flip: &inforce::explain::Flip) -> usize {
    flip.changes.iter().map(|change| change.edits().len()).sum()
}

/// Flips of decisions of the demo, each come true in a ledger of its own.
fn demo_flips(ids: &[&str]) -> Vec<Flips> {
    let scratch = demo();
    let events = demo_events(&scratch);
    let ledger = scratch.read();
    let world = ledger.load().expect("loads").world;
    let flips = ids.iter().map(|id| flips(&ledger, seq_of(&world, id)).expect("judged"));
    let tried = |flips: Flips| (check(&events, Clock::Recorded, &flips, "the demo"), flips).1;
    flips.map(tried).collect()
}

#[test]
fn a_flip_holds_no_edit_that_it_does_not_need() {
    for (id, least) in [("d-sensitive-topic", 2), ("d-inherited-sensitivity", 2), ("d70-1", 2), ("d212-1", 2)] {
        let flips = demo_flips(&[id]).remove(0);
        let labels: Vec<_> = flips.flips.iter().filter(|flip| flip.changes[0].kind == "label").collect();
        assert!(!labels.is_empty() && labels.iter().all(|flip| edits(flip) <= least), "{id}: {}", flips.to_text());
        assert!(flips.narrowed <= explain::FLIP_NARROWING && !flips.cut, "{id}");
    }
    let flips = demo_flips(&["d-unlinked-before-decision"]).remove(0);
    let linked = flips.flips.iter().filter(|flip| flip.changes[0].words.contains("linked by the time of the decision"));
    let linked: Vec<usize> = linked.map(edits).collect();
    assert_eq!(linked, [1], "one way of saying it, the smallest: {}", flips.to_text());
}

#[test]
fn single_changes_that_anybody_would_think_of_are_tried() {
    let cases = [
        ("d-clock-anomaly", "the decision had been made at 2026-01-12T11:30:00Z, when it was recorded"),
        ("d-proxy-topic", "had been about another topic"),
        ("d-excluded-topic", "the ad had not been about “gambling”"),
        ("d-topic-limited", "the ad had not been about “hiking”"),
        ("d-topic-limited", "limited the topic “hiking” in ads only after the decision"),
        ("d-conversation-lineage", "had named its chats, and not whole conversations"),
        ("d-pre-effective-interaction", "all its chats had been held at 2025-12-16T00:00:00Z or later"),
    ];
    let ids: Vec<&str> = cases.iter().map(|(id, _)| *id).collect();
    for (flips, (id, words)) in demo_flips(&ids).iter().zip(cases) {
        let allows = |flip: &&inforce::explain::Flip| {
            flip.changes.len() == 1 && (flip.known.name(), flip.today.name()) == ("allow", "allow")
        };
        let found = flips.flips.iter().filter(allows).any(|flip| flip.changes[0].words.contains(words));
        assert!(found, "{id}: {words}\n{}", flips.to_text());
    }
}

#[test]
fn the_page_tells_the_person_and_folds_the_records_away() {
    let scratch = demo();
    let page = scratch.dir.path().join("flips.html");
    let name = page.to_str().expect("UTF-8").to_owned();
    let (_, code) = run(&scratch, &["explain", "d-topic-limited", "--flip", "--html", &name]);
    let page = std::fs::read_to_string(&page).expect("written");
    std::fs::remove_file(&name).expect("it is there");
    assert_eq!(code, 3);
    let (before, behind) =
        page.split_once("<h2 id=\"otherwise\">What would have had to be otherwise</h2>").expect("told");
    let section = behind.split_once("</section>").expect("it ends").0;
    assert!(before.contains("<h2 id=\"why\">") && behind.contains("<h2 id=\"views\">"), "in its place");
    let plain = "<p>If the ad had not been about “hiking”, it would have been allowed.</p>";
    assert!(section.contains(plain), "{section}");
    let shown: String =
        section.split("<details").map(|part| part.rsplit("</details>").next().unwrap_or(part)).collect();
    assert!(section.contains("data.item.topics") && !shown.contains("data."), "paths are folded away: {shown}");
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'") && !page.contains("<script"));
    assert_eq!(section.matches("<details").count(), section.matches("</details>").count());
    let (_, without) = run(&scratch, &["explain", "d-topic-limited", "--html", &name]);
    let plain = std::fs::read_to_string(&name).expect("written");
    std::fs::remove_file(&name).expect("it is there");
    assert!(without == 3 && !plain.contains("otherwise") && !plain.contains("ol.flips"));
}

#[test]
fn the_command_tells_people_and_programs() {
    let scratch = demo();
    let (output, _) = run(&scratch, &["report", "--json"]);
    let period = object(&output)["periods"][0].clone();
    let name = format!("#{}", period["first"]);
    let (output, code) = run(&scratch, &["explain", &name, "--flip", "--json"]);
    let told = object(&output);
    assert_eq!((code, told["known"].as_str()), (3, Some("deny")), "{told:#}");
    assert!(!told["flips"].as_array().expect("a list").is_empty(), "{told:#}");
    let (output, code) = run(&scratch, &["explain", &name, "--flip"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(code == 3 && text.contains("changes of fact were tried"), "{text}");
    assert_eq!(run(&scratch, &["explain", "nobody", "--flip"]).1, 1);
}
