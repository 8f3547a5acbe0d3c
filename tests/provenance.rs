//! Exports held to their specifications: PROV-JSON by the rules of its submission and by the package of its authors, the
//! DSSE envelope and its statement by their reference packages.
//!
//! What is checked from outside runs Python: the interpreter of `INFORCE_PYTHON`, which must have the packages of
//! `tests/outside/requirements.txt`, else `python3` if it happens to have them. `.ci/run` sees to it.

mod common;

use common::{Scratch, check_ledger, facts, import};
use inforce::explain::{Evidence, Wanted};
use inforce::judge::{self, Ask};
use inforce::ledger::{Clock, Ledger};
use inforce::provenance::to_prov;
use inforce::statement::{Statement, Subject};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<Value> {
    include_str!("cases.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn told(case: &Value) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    import(&ledger, case["events"].as_array().expect("events"), Clock::Recorded);
    ledger.close().expect("closed");
    scratch
}

fn exported(ledger: &Ledger) -> Vec<Value> {
    let world = ledger.load().expect("loads").world;
    let mut entries = Vec::new();
    ledger.each_entry(|entry| entries.push(entry.clone())).expect("read");
    let export = |decision| {
        let judgement = judge::judge(&world, decision, &mut Ask::Plainly);
        let (wanted, mut evidence) = (Wanted::of(&world, &judgement), Evidence::default());
        entries.iter().filter(|entry| wanted.takes(&entry.header)).for_each(|entry| evidence.add(entry.clone()));
        to_prov(&world, &judgement, &evidence, ledger.origin())
    };
    world.decisions().map(export).collect()
}

/// A chat with text, its label, a signal, a decision on it and on something that was never recorded; then erasures.
fn erased() -> Scratch {
    let case = cases().into_iter().find(|case| case["case"] == "S01").expect("a case");
    let scratch = told(&case);
    let ledger = scratch.open();
    let event = |id: &str, kind: &str, data: Value| {
        json!({ "specversion": "1.0", "id": id, "source": "//later \u{1f409}\"<", "type": format!("inforce.{kind}"),
            "subject": "facebook/back", "time": "2026-01-05T09:00:00.123456789+05:30", "data": data })
    };
    let program = json!({ "name": "m \"n\"", "version": "1", "digest": "cd".repeat(32) });
    let chat =
        json!({ "agent": "assistant", "conversation": "k 1", "turn": 3, "modality": "text", "content": "a secret" });
    let signal = json!({ "topic": "tea: \u{e4} (x)", "sources": ["c", { "conversation": "k 1" }, "nobody"], "deriver": program });
    let decision = json!({ "purpose": "ads", "signals": ["s", "nothing"], "outcome": "served", "item": { "kind": "ad", "topics": ["t"] } });
    let events = [
        event("c", "interaction.recorded", chat),
        event(
            "l",
            "interaction.labelled",
            json!({ "target": "c", "sensitive": ["health"], "topics": [], "labeller": program }),
        ),
        event("s", "signal.derived", signal),
        event("d", "decision.made", decision),
    ];
    ledger.append(facts(&events)).expect("appended");
    let mut erasure = event("e1", "subject.erased", json!({ "scope": "content" }));
    erasure["time"] = json!("2026-01-06T00:00:00Z");
    ledger.append(facts(&[erasure.clone()])).expect("appended");
    erasure["id"] = json!("e2");
    erasure["subject"] = json!("facebook/s1");
    erasure["data"]["scope"] = json!("all");
    ledger.append(facts(&[erasure])).expect("appended");
    ledger.close().expect("closed");
    scratch
}

/// A relation: which of its attributes names an element of which part (the first two must be there), and whether it may
/// carry a time.
type Relation = (&'static str, &'static [(&'static str, &'static str)], bool);

const RELATIONS: [Relation; 6] = [
    ("wasGeneratedBy", &[("prov:entity", "entity"), ("prov:activity", "activity")], true),
    ("used", &[("prov:activity", "activity"), ("prov:entity", "entity")], true),
    (
        "wasDerivedFrom",
        &[("prov:generatedEntity", "entity"), ("prov:usedEntity", "entity"), ("prov:activity", "activity")],
        false,
    ),
    ("wasAttributedTo", &[("prov:entity", "entity"), ("prov:agent", "agent")], false),
    ("wasAssociatedWith", &[("prov:activity", "activity"), ("prov:agent", "agent"), ("prov:plan", "entity")], false),
    ("wasInvalidatedBy", &[("prov:entity", "entity"), ("prov:activity", "activity")], true),
];

fn members(document: &Value, part: &str) -> Map<String, Value> {
    document.get(part).map(|part| part.as_object().expect("an object").clone()).unwrap_or_default()
}

/// A prefix that was declared, or one of the two that need not be, and a local name without anything to escape.
fn check_name(document: &Value, name: &str) {
    let (prefix, local) = name.split_once(':').unwrap_or_else(|| panic!("`{name}` has no prefix"));
    assert!(["prov", "xsd"].contains(&prefix) || document["prefix"].get(prefix).is_some(), "`{name}`: no such prefix");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(!local.is_empty() && local.chars().all(plain) && !local.ends_with('-'), "`{name}`");
}

fn check_time(text: &Value) {
    let text = text.as_str().expect("a time is a string");
    assert!(inforce::fact::Time::parse(text).is_ok() && text.contains('T'), "`{text}` is no xsd:dateTime");
}

fn check_literal(document: &Value, value: &Value) {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {}
        Value::Array(list) => {
            assert!(!list.is_empty());
            list.iter().for_each(|each| {
                assert!(!each.is_array());
                check_literal(document, each);
            });
        }
        Value::Object(typed) => {
            let (text, kind) = (typed["$"].as_str().expect("a text"), typed["type"].as_str().expect("a type"));
            assert_eq!(typed.len(), 2, "{value}");
            match kind {
                "xsd:QName" => check_name(document, text),
                "xsd:dateTime" => check_time(&typed["$"]),
                other => panic!("`{other}` is no type that is written"),
            }
        }
        Value::Null => panic!("PROV-JSON knows no null"),
    }
}

/// The rules of the submission, and that nothing named is left unsaid.
fn check(document: &Value) {
    let known = ["prefix", "entity", "activity", "agent"];
    for part in document.as_object().expect("an object").keys() {
        assert!(known.contains(&part.as_str()) || RELATIONS.iter().any(|(name, ..)| name == part), "part `{part}`");
    }
    for (prefix, uri) in members(document, "prefix") {
        let uri = uri.as_str().expect("a string");
        assert!(uri.contains(':') && uri.bytes().all(|byte| byte.is_ascii_graphic()), "{prefix}: {uri}");
        assert!(!["prov", "xsd", "default"].contains(&prefix.as_str()));
    }
    let mut elements = BTreeSet::new();
    for part in ["entity", "activity", "agent"] {
        for (id, attributes) in members(document, part) {
            check_name(document, &id);
            assert!(elements.insert(id.clone()), "`{id}` is said twice");
            for (name, value) in attributes.as_object().expect("attributes") {
                check_name(document, name);
                match (part, name.as_str()) {
                    ("activity", "prov:startTime" | "prov:endTime") => check_time(value),
                    _ => check_literal(document, value),
                }
            }
        }
    }
    for (relation, ends, timed) in RELATIONS {
        for (id, attributes) in members(document, relation) {
            assert!(id.starts_with("_:"), "{id}");
            let attributes = attributes.as_object().expect("attributes");
            assert!(attributes.contains_key(ends[0].0) && attributes.contains_key(ends[1].0), "{relation} {id}");
            for (name, value) in attributes {
                match ends.iter().find(|(end, _)| end == name) {
                    Some((_, part)) => {
                        let named = value.as_str().expect("a name");
                        assert!(document[*part].get(named).is_some(), "{relation} {id}: no {part} `{named}`");
                    }
                    None if timed && name == "prov:time" => check_time(value),
                    None => panic!("{relation} {id}: `{name}`"),
                }
            }
        }
    }
}

#[test]
fn cases_of_all_sorts_are_exported_by_the_rules() {
    let (mut decisions, mut parts) = (0, BTreeMap::<String, usize>::new());
    // One in five: a case more costs a ledger more.
    let some = cases().into_iter().step_by(5);
    for scratch in some.map(|case| told(&case)).chain([erased()]) {
        for document in exported(&scratch.read()) {
            check(&document);
            decisions += 1;
            for (part, members) in document.as_object().expect("an object") {
                *parts.entry(part.clone()).or_default() += members.as_object().expect("an object").len();
            }
        }
    }
    assert!(decisions > 40, "{decisions}");
    assert_eq!(parts.len(), 4 + RELATIONS.len(), "every part comes somewhere: {parts:?}");
}

#[test]
fn the_lineage_says_what_was_used_and_what_was_erased() {
    let scratch = erased();
    let documents = exported(&scratch.read());
    let [gone, kept] = &documents[..] else { panic!("two decisions") };
    let types = |document: &Value| -> Vec<String> {
        members(document, "entity")
            .values()
            .map(|each| each["prov:type"]["$"].as_str().expect("a type").to_owned())
            .collect()
    };
    // Of the destroyed decision itself: that it was made, that it was erased, when, and that it cannot be judged.
    let decision = members(gone, "entity").into_iter().find(|(_, each)| each["prov:type"]["$"] == "inforce:Decision");
    let (id, attributes) = decision.expect("the decision");
    assert_eq!(attributes["inforce:erased"], true);
    let invalidated =
        members(gone, "wasInvalidatedBy").into_iter().find(|(_, each)| each["prov:entity"] == id.as_str());
    assert_eq!(invalidated.expect("it was erased").1["prov:time"], "2026-01-06T00:00:00Z");
    assert!(!gone.to_string().contains("facebook/s1") && !gone.to_string().contains("//ads"), "{gone}");
    assert_eq!(gone["activity"]["activity:judge"]["inforce:conformance"], "erased");
    // Of the other: everything but the text.
    let of = |class: &str| types(kept).iter().filter(|each| *each == class).count();
    let expected = [
        ("Interaction", 1),
        ("Label", 1),
        ("Signal", 1),
        ("Decision", 1),
        ("Text", 1),
        ("Conversation", 1),
        ("NotRecorded", 2),
        ("Verdict", 2),
    ];
    for (class, count) in expected {
        assert_eq!(of(&format!("inforce:{class}")), count, "{class}: {kept:#}");
    }
    let text = members(kept, "entity").into_iter().find(|(id, _)| id.starts_with("text:")).expect("the text").0;
    let erased: Vec<Value> =
        members(kept, "wasInvalidatedBy").into_iter().map(|(_, each)| each["prov:entity"].clone()).collect();
    assert_eq!(erased, [json!(text)]);
    assert!(!kept.to_string().contains("a secret"));
    let generated = members(kept, "wasGeneratedBy");
    let times: Vec<&Value> = generated.values().filter_map(|each| each.get("prov:time")).collect();
    assert_eq!(times, [&json!("2026-01-05T09:00:00.123456789+05:30"); 3], "label, signal and decision");
    let labels: Vec<Value> = members(kept, "agent").into_values().map(|each| each["prov:label"].clone()).collect();
    for label in ["m \"n\" 1", "//later \u{1f409}\"<", "facebook/back"] {
        assert!(labels.contains(&json!(label)), "{label}: {labels:?}");
    }
    check_ledger(&scratch);
}

/// Runs a script of tests/outside. `None`, with the reason printed, where its packages are not there and nobody said
/// that they are.
fn outside(script: &str, args: &[&str]) -> Option<Result<Value, String>> {
    let wanted = std::env::var_os("INFORCE_PYTHON");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/outside").join(script);
    let program = wanted.clone().unwrap_or_else(|| "python3".into());
    let output = match Command::new(&program).arg(&path).args(args).output() {
        Ok(output) => output,
        Err(error) if wanted.is_none() => {
            println!("skipped: python3: {error}");
            return None;
        }
        Err(error) => panic!("{}: {error}", program.display()),
    };
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(77) && wanted.is_none() {
        println!("skipped: python3 lacks what tests/outside/requirements.txt lists: {}", error.trim());
        return None;
    }
    if !output.status.success() {
        return Some(Err(error));
    }
    Some(Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(|broken| panic!("{script}: {broken}: {error}"))))
}

/// Runs the program.
fn run(args: &[&str], dir: &Path) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    let output = command.args(args).arg("--ledger").arg(dir).output().expect("it runs");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code().expect("no signal"))
}

#[test]
fn the_package_of_the_authors_reads_all_of_it() {
    let scratch = erased();
    let file = scratch.dir.path().join("prov.json");
    let path = file.to_str().expect("UTF-8");
    for decision in ["d", "#5"] {
        let (printed, exit) = run(&["provenance", decision, "-o", path], &scratch.path());
        assert_eq!((printed.as_str(), exit), ("", 0));
        let document: Value = serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("JSON");
        let (printed, exit) = run(&["provenance", decision], &scratch.path());
        assert_eq!((serde_json::from_str::<Value>(&printed).expect("JSON"), exit), (document.clone(), 0));
        check(&document);
        let Some(read) = outside("prov_json.py", &[path]) else { return };
        let read = read.unwrap_or_else(|error| panic!("{decision}: {error}"));
        for (part, said) in document.as_object().expect("an object").iter().filter(|(part, _)| *part != "prefix") {
            assert_eq!(read["counts"][part], said.as_object().expect("an object").len(), "{decision}: {part}");
        }
        let provn = read["provn"].as_str().expect("a text");
        let names = ["entity", "activity", "agent"].into_iter().flat_map(|part| members(&document, part).into_iter());
        for (id, _) in names {
            assert!(provn.contains(&id), "{id}: {provn}");
        }
    }
    // It refuses what breaks the format, so that it read the rest means something.
    let broken = |change: fn(&mut Value)| {
        let mut document: Value = serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("JSON");
        change(&mut document);
        std::fs::write(&file, document.to_string()).expect("written");
        outside("prov_json.py", &[path]).expect("it ran before").is_err()
    };
    assert!(broken(|document| document["agent"]["agent:engine"]["inforce:version"] = Value::Null));
    run(&["provenance", "d", "-o", path], &scratch.path());
    assert!(broken(|document| drop(document["prefix"].as_object_mut().expect("an object").remove("entry"))));
    assert_eq!(run(&["provenance", "nobody"], &scratch.path()).1, 1);
    assert_eq!(run(&["provenance", "d", "-o", "/nowhere/x"], &scratch.path()).1, 1);
}

#[test]
fn the_reference_packages_verify_envelope_and_statement() {
    let scratch = erased();
    let ledger = scratch.read();
    let Value::Object(predicate) = exported(&ledger).remove(1) else { panic!("an object") };
    let digest = |text: &str| BTreeMap::from([("sha256".to_owned(), text.repeat(32))]);
    let subject = vec![
        Subject { name: "decision".to_owned(), digest: digest("ab") },
        Subject { name: String::new(), digest: digest("cd") },
    ];
    let statement = Statement { subject, predicate_type: "https://example.com/lineage/v1".to_owned(), predicate };
    let envelope = ledger.sign_statement(&statement).expect("signed");
    let key = ledger.verifier_key();
    assert_eq!(Statement::verify(&envelope, key.key()), Ok(statement.clone()));
    let file = scratch.dir.path().join("envelope.json");
    let hex: String = key.key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let (path, keyid) = (file.to_str().expect("UTF-8"), key.to_string());
    std::fs::write(&file, &envelope).expect("written");
    let Some(read) = outside("dsse.py", &[path, &hex, &keyid]) else { return };
    let written: Value = serde_json::from_slice(&statement.to_bytes().expect("valid")).expect("JSON");
    assert_eq!(read.unwrap_or_else(|error| panic!("{error}")), written);
    // They refuse what we refuse: another key, and one changed bit.
    let other = "11".repeat(32);
    assert!(outside("dsse.py", &[path, &other, &keyid]).expect("it ran before").is_err());
    let mut object: Value = serde_json::from_str(&envelope).expect("JSON");
    let payload = object["payload"].as_str().expect("base64").to_owned();
    let changed = if payload.starts_with("eyJ") { payload.replacen("eyJ", "eyK", 1) } else { panic!("{payload}") };
    object["payload"] = json!(changed);
    std::fs::write(&file, object.to_string()).expect("written");
    assert!(outside("dsse.py", &[path, &hex, &keyid]).expect("it ran before").is_err());
}
