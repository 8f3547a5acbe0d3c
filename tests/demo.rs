//! The demo end to end, through the library: what it breaks is what its scenes say, and nothing else.

use inforce::demo::{self, Conversation, Report, SCENES, Scene};
use inforce::fact::*;
use inforce::judge::{Conformance, JudgeRule};
use inforce::ledger::{Ledger, Loaded};
use inforce::policy::{Compiled, PACKS};
use inforce::replay;
use inforce::symbols::Symbols;
use inforce::timeline::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Makes and records a demo; the folder lives as long as the first of the two.
fn recorded(conversations: &[Conversation]) -> (tempfile::TempDir, Ledger, Report) {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::create(&dir.path().join("ledger"), Some("inforce/demo")).expect("a new ledger");
    let demo::Facts { facts, left_out } = demo::facts(conversations, || ());
    demo::record(&ledger, &facts, |_| ()).expect("everything is recorded");
    (dir, ledger, Report::recorded(&facts, left_out))
}

fn load(ledger: &Ledger) -> World {
    let Loaded { world, bad, .. } = ledger.load().expect("readable");
    assert_eq!(bad, None);
    world
}

fn judged(world: &World) -> Vec<Value> {
    let decisions: Vec<_> = world.decisions().collect();
    let mut all = Vec::new();
    replay::replay(world, &decisions, |world, judgement| replay::to_json(world, &judgement), |value| all.push(value));
    all
}

/// The ids of the rules or findings of one view.
fn ids<'a>(value: &'a Value, view: &str, what: &str) -> BTreeSet<&'a str> {
    value[view][what].as_array().expect("a list").iter().map(|each| each["id"].as_str().expect("an id")).collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

fn scenes() -> impl Iterator<Item = &'static Scene> {
    SCENES.iter().copied().flatten()
}

#[test]
fn decisions_break_what_their_scenes_say_and_nothing_else() {
    let (_dir, ledger, mut report) = recorded(&[]);
    let world = load(&ledger);
    let all = judged(&world);
    let by_name: BTreeMap<&str, &Scene> = scenes().map(|scene| (scene.name, scene)).collect();
    let mut erased = 0;
    let mut played = BTreeSet::new();
    for value in &all {
        let Some(id) = value["decision"]["id"].as_str() else {
            erased += 1;
            assert_eq!(value["conformance"], "erased");
            continue;
        };
        let Some(scene) = id.strip_prefix("d-").and_then(|name| by_name.get(name)) else {
            // The crowd's selector knows what it does.
            let fine = value["conformance"] == "conforming" || value["conformance"] == "out_of_scope";
            assert!(fine, "{value}");
            assert!(value["outcome"] == "suppressed" || ids(value, "known", "rules").is_empty(), "{value}");
            continue;
        };
        played.insert(scene.name);
        assert_eq!(ids(value, "known", "rules"), set(scene.rules), "{}: {value}", scene.name);
        let mut findings = ids(value, "known", "findings");
        findings.extend(ids(value, "true", "findings"));
        assert_eq!(findings, set(scene.findings), "{}: {value}", scene.name);
        assert_eq!(value["conformance"], scene.conformance.name(), "{}", scene.name);
    }
    let gone = scenes().filter(|scene| scene.conformance == Conformance::Erased).count();
    assert_eq!((erased, played.len()), (gone, scenes().count() - gone));
    report.replay(&world, || ());
    assert_eq!(report.summary.decisions, all.len() as u64);
    assert_eq!(report.example.expect("an example").conformance, Conformance::Breach);
}

#[test]
fn every_rule_of_every_pack_and_of_the_judge_occurs() {
    let (_dir, ledger, _) = recorded(&[]);
    let world = load(&ledger);
    let all = judged(&world);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for value in &all {
        for (view, what) in [("known", "rules"), ("true", "rules"), ("known", "findings"), ("true", "findings")] {
            seen.extend(ids(value, view, what).into_iter().map(str::to_owned));
        }
    }
    let mut wanted: BTreeSet<String> = JudgeRule::ALL.iter().map(|rule| rule.name().to_owned()).collect();
    wanted.extend(["views-differ", "late-fact", "backdated-policy", "relabelled-after-decision"].map(str::to_owned));
    for pack in PACKS {
        wanted.extend(rules_of(pack.name));
    }
    let missing: Vec<_> = wanted.difference(&seen).collect();
    assert!(missing.is_empty(), "no decision shows {missing:?}");
    let by_scene: BTreeSet<&str> =
        scenes().flat_map(|scene| scene.rules.iter().chain(scene.findings)).copied().collect();
    let unplayed: Vec<_> = wanted.iter().filter(|id| !by_scene.contains(id.as_str())).collect();
    assert!(unplayed.is_empty(), "no scene is about {unplayed:?}");
}

/// The ids of a pack's rules.
fn rules_of(name: &str) -> Vec<String> {
    let mut adopted = PolicyAdopted {
        version: "1".to_owned(),
        in_force_from: Time::utc(Instant(0)),
        in_force_until: None,
        role: Role::Overlay,
        pack: Some(name.to_owned()),
        overrides: "{}".to_owned(),
        cedar: String::new(),
        params: String::new(),
        cedar_version: 0,
        documents: Vec::new(),
    };
    inforce::policy::resolve(&mut adopted).expect("a built-in pack");
    let compiled = Compiled::new(name, &adopted, &mut Symbols::default()).expect("a built-in pack");
    compiled.rules().iter().map(|rule| rule.id.clone()).collect()
}

#[test]
fn the_same_conversations_give_the_same_report() {
    let told = |_| {
        let (_dir, ledger, mut report) = recorded(&[]);
        report.replay(&load(&ledger), || ());
        report.to_json()
    };
    let [one, two] = [0, 1].map(told);
    assert_eq!(one, two);
}

#[test]
fn what_the_deriver_said_comes_out_the_same_and_little_is_left_to_derive() {
    let (_dir, ledger, _) = recorded(&[]);
    let (mut again, mut gaps) = (inforce::derive::Rederive::default(), inforce::derive::Gaps::default());
    let pass = ledger.each_entry(|entry| {
        again.take(entry);
        gaps.take(entry);
    });
    pass.expect("readable");
    assert!(again.checked() > 500);
    let differs = again.finish().into_iter().filter(|one| matches!(one.again, inforce::derive::Again::Differs(_)));
    assert_eq!(differs.collect::<Vec<_>>(), []);
    let filling = gaps.fill(Instant(i64::MAX));
    assert_eq!(filling.labelled, 2, "the two turns of the scene that nobody labels");
}

#[test]
fn real_conversations_come_through() {
    // Cargo runs tests in the project's root.
    let data = Path::new("../shared/data");
    let mut conversations = Vec::new();
    for name in ["conversations_text.jsonl", "conversations_voice.jsonl"] {
        let Ok(file) = std::fs::File::open(data.join(name)) else {
            eprintln!("skipped: no ../shared/data/{name}");
            return;
        };
        conversations.extend(demo::read(std::io::BufReader::new(file)).expect("readable"));
    }
    let turns: usize = conversations.iter().map(|each| each.turns.len()).sum();
    let (_dir, ledger, mut report) = recorded(&conversations);
    let scenes_turns = 2 * scenes().count() as u64;
    let interactions = report.facts[&Kind::InteractionRecorded];
    assert!(
        interactions + report.left_out >= turns as u64 && interactions + report.left_out <= turns as u64 + scenes_turns
    );
    let world = load(&ledger);
    report.replay(&world, || ());
    let breaches = scenes().filter(|scene| scene.conformance == Conformance::Breach).count() as u64;
    assert_eq!(report.summary.of(Conformance::Breach), breaches);
    assert!(report.summary.of(Conformance::Conforming) > 1000);
}
