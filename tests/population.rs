//! What the population generator says of its decisions, held against what a replay finds: conformance, and every rule that
//! denies or leaves a doubt, in either view. Neither knows the other.

mod common;

use common::events::erased;
use common::{Scratch, check_ledger, expect_parts, import, replay_of};
use inforce::attested::{Attested, Run};
use inforce::fact::{Digest, Instant};
use inforce::ledger::{Clock, Loaded};
use inforce::wire;
use inforce_population::{Breach, MILLION, Population};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// A ledger of a population, and what is expected of each decision by its id.
fn recorded(population: &Population) -> (Scratch, BTreeMap<String, Value>) {
    let (mut lines, mut truth) = (Vec::new(), Vec::new());
    let summary = population.write(&mut lines, Some(&mut truth)).expect("written");
    let lines: Vec<&str> = std::str::from_utf8(&lines).expect("UTF-8").lines().collect();
    assert_eq!(lines.len() as u64, summary.facts);
    let scratch = Scratch::new();
    let ledger = scratch.open();
    for lines in lines.chunks(4096) {
        let facts = lines.iter().map(|line| wire::parse(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        for outcome in ledger.append_each(facts.collect(), Clock::Ledger).expect("appended") {
            assert!(!outcome.expect("a fact that can be recorded").duplicate);
        }
    }
    ledger.close().expect("closed");
    let expected = |line: &str| -> Value { serde_json::from_str(line).expect("JSON") };
    let expected = std::str::from_utf8(&truth).expect("UTF-8").lines().map(expected);
    (scratch, expected.map(|each| (each["id"].as_str().expect("an id").to_owned(), each)).collect())
}

/// The rules of a view, each once.
fn rules(judged: &Value, view: &str) -> BTreeSet<String> {
    let rules = judged[view]["rules"].as_array().expect("a list");
    rules.iter().map(|rule| rule["id"].as_str().expect("an id").to_owned()).collect()
}

fn hold(population: &Population) -> (Scratch, Vec<Value>) {
    let (scratch, truth) = recorded(population);
    let judged = replay_of(&scratch.read());
    assert_eq!(judged.len(), truth.len());
    for each in &judged {
        let expected = &truth[each["decision"]["id"].as_str().expect("an id")];
        assert_eq!(each["conformance"], expected["conformance"], "{expected} but {each}");
        for view in ["known", "true"] {
            let named: BTreeSet<String> = serde_json::from_value(expected[view].clone()).expect("names");
            assert_eq!(rules(each, view), named, "{view}: {expected} but {each}");
        }
    }
    (scratch, judged)
}

#[test]
fn every_decision_of_a_population_is_judged_as_it_was_made() {
    let mut population = Population::new(4_600, 600, 7, 30.0, true);
    population.breaches.push((Breach::ErasedSource, MILLION / 200));
    let (scratch, judged) = hold(&population);
    let known = |rule: &str| judged.iter().filter(|each| rules(each, "known").contains(rule)).count();
    for breach in Breach::all().filter(|&breach| breach != Breach::LateFact) {
        assert!(known(breach.name()) > 0, "{} never fired", breach.name());
    }
    let late = judged.iter().filter(|each| each["conformance"] == "late_breach").count();
    assert!(late > 0);
    // What `check_ledger` judges by plain Cedar takes a minute at this size: the next test has it.
    assert_eq!(scratch.read().verify().expect("verifies").problems, []);
}

#[test]
fn without_overlays_and_breaches_nothing_is_wrong() {
    let (scratch, judged) = hold(&Population::new(1_000, 128, 3, 0.0, false));
    assert!(judged.iter().all(|each| each["conformance"] == "conforming" || each["conformance"] == "out_of_scope"));
    check_ledger(&scratch);
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let written = |seed| {
        let mut lines = Vec::new();
        let summary = Population::new(300, 128, seed, 50.0, true).write(&mut lines, None).expect("written");
        (lines, summary)
    };
    assert_eq!(written(1), written(1));
    assert_ne!(written(1), written(2));
}

/// Runs the program on a ledger; its stdout.
fn run(args: &[&str], ledger: &Path) -> String {
    printed(Command::new(env!("CARGO_BIN_EXE_inforce")).args(args).arg("--ledger").arg(ledger))
}

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What is on record of each decision, but for when it was written, and the root, which is over such times.
fn on_record(scratch: &Scratch) -> Vec<Vec<Attested>> {
    let Loaded { world, attested, .. } = scratch.read().load().expect("loads");
    let bare = |one: &Attested| {
        let run = Run { root: Digest([0; 32]), ..(*one.run).clone() };
        Attested { at: Instant(0), run: run.into(), ..one.clone() }
    };
    let of = |seq| attested.of(seq).map(bare).collect();
    world.decisions().map(|decision| of(world.node(decision).seq)).collect()
}

/// Erases the accounts of some decisions; the ids of all decisions that are gone.
fn erase_some(scratch: &Scratch) -> BTreeSet<String> {
    let decisions = |scratch: &Scratch| -> Vec<Value> {
        let lines = run(&["query", "--oldest", "--limit", "all", "--json"], &scratch.path());
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let account = |line: &Value| line["account"].as_str().expect("an account").to_owned();
    let before = decisions(scratch);
    let accounts: BTreeSet<String> = before.iter().step_by(100).map(account).collect();
    let erasures = accounts.iter().enumerate().map(|(n, account)| erased(&format!("gone-{n}"), account, "all"));
    let ledger = scratch.open();
    import(&ledger, &erasures.collect::<Vec<_>>(), Clock::Ledger).into_iter().for_each(|each| assert!(each.is_ok()));
    ledger.close().expect("closed");
    let of_them = before.iter().filter(|line| accounts.contains(&account(line)));
    let gone: BTreeSet<String> = of_them.map(|line| line["id"].as_str().expect("an id").to_owned()).collect();
    assert!(accounts.len() > 2 && gone.len() > accounts.len(), "{gone:?}");
    gone
}

#[test]
fn verdicts_are_put_on_record_alike_in_one_part_and_in_many() {
    let mut population = Population::new(900, 150, 11, 60.0, true);
    population.breaches.push((Breach::ErasedSource, MILLION / 50));
    let (whole, truth) = recorded(&population);
    expect_parts(&whole.read());
    // Of decisions that are erased nothing is put on record.
    let gone = erase_some(&whole);
    let parts = whole.copied();
    for (scratch, memory, threads) in [(&whole, "9999999", "1"), (&parts, "0", "2")] {
        let attest = |what: &[&str]| -> [u64; 3] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
            command.args(["attest", "--json", "--memory", memory]).args(what).arg("--ledger").arg(scratch.path());
            let told = printed(command.env("RAYON_NUM_THREADS", threads));
            let told: Value = serde_json::from_str(&told).expect("JSON");
            ["attested", "unchanged", "erased"].map(|name| told[name].as_u64().expect("a count"))
        };
        let live = truth.keys().filter(|id| !gone.contains(*id));
        let some: Vec<&str> = live.step_by(90).map(String::as_str).collect();
        let (all, count, gone) = (truth.len() as u64, some.len() as u64, gone.len() as u64);
        assert_eq!(attest(&[&some[..], &some[..1]].concat()), [count, 0, 0], "by name, one of them twice");
        // Of those that were named nothing changed, though the ledger did: what is on record is seen by no judge.
        assert_eq!(attest(&["--all"]), [all - count - gone, count, gone]);
    }
    let [whole, parts] = [&whole, &parts].map(on_record);
    assert_eq!(whole.iter().filter(|one| one.is_empty()).count(), gone.len());
    assert!(whole.iter().all(|one| one.len() < 2));
    assert_eq!(whole, parts);
}
