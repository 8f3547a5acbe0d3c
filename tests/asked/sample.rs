//! Samples: drawn by seed and root alone, by this program or another; and nothing of the population can be left out.

use super::common::{Scratch, check_ledger, events, import, replay_of};
use super::{object, populated, population, run};
use inforce::ledger::Clock;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn root(scratch: &Scratch) -> String {
    scratch.read().verify().expect("verifies").root.to_string()
}

fn seqs(sample: &Value) -> Vec<u64> {
    sample["sample"].as_array().expect("a list").iter().map(|each| each["seq"].as_u64().expect("a seq")).collect()
}

const BY: &str = "--by=conformance,app";

/// Draws 30 by `seed`, into `dir` if there is one.
fn draw(scratch: &Scratch, seed: &str, dir: Option<&Path>) -> Value {
    let root = root(scratch);
    let args = ["sample", "--size", "30", "--seed", seed, "--root", &root, BY, "--json"];
    let into = dir.map(|dir| ["-o", dir.to_str().expect("UTF-8")]);
    let (output, code) = run(scratch, &[&args[..], into.as_ref().map_or(&[], |into| &into[..])].concat());
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stderr));
    object(&output)
}

fn redraw(scratch: &Scratch, dir: &Path) -> (Value, i32) {
    let file = dir.join("sample.json");
    let (output, code) = run(scratch, &["sample", "--redraw", file.to_str().expect("UTF-8"), "--json"]);
    (if output.stdout.is_empty() { Value::Null } else { object(&output) }, code)
}

#[test]
fn a_sample_is_redrawn_by_anybody_from_seed_and_root_alone() {
    let events = population::population(11, 240);
    let scratch = populated(&events);
    let dir = scratch.dir.path().join("sample");
    let sample = draw(&scratch, "a line", Some(&dir));
    let judged = replay_of(&scratch.read());
    assert_eq!(sample["population"]["decisions"], judged.len());
    let sum = |member: &str| -> u64 {
        sample["strata"].as_array().expect("a list").iter().map(|each| each[member].as_u64().expect("a number")).sum()
    };
    assert_eq!((sum("population"), sum("sample")), (judged.len() as u64, 30));
    // What is told of each is what replay says, and so is each bundle.
    let by_seq: BTreeMap<u64, &Value> =
        judged.iter().map(|each| (each["decision"]["seq"].as_u64().expect("a seq"), each)).collect();
    for each in sample["sample"].as_array().expect("a list") {
        let told = by_seq[&each["seq"].as_u64().expect("a seq")];
        assert_eq!(each["conformance"], told["conformance"]);
        let file = dir.join(each["bundle"].as_str().expect("a bundle"));
        let bundle: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("there")).expect("JSON");
        assert_eq!((&bundle["verdict"], &bundle["checkpoint"]), (told, &sample["checkpoint"]));
        assert_eq!(mode(&file), 0o600);
    }
    assert_eq!([mode(&dir.join("sample.json")), mode(&dir.join("population.tsv"))], [0o600; 2]);
    assert_eq!(redraw(&scratch, &dir), (serde_json::json!({ "same": true, "differences": [] }), 0));
    // From the population alone, without a ledger.
    let [file, listed] = ["sample.json", "population.tsv"].map(|name| dir.join(name).display().to_string());
    let (output, code) = run(&scratch, &["sample", "--redraw", &file, "--population", &listed, "--json"]);
    assert_eq!((object(&output)["same"].clone(), code), (true.into(), 0));
    // The same journal again; another seed.
    assert_eq!(seqs(&draw(&scratch, "a line", None)), seqs(&sample));
    assert_ne!(seqs(&draw(&scratch, "another", None)), seqs(&sample));
    let reindexed = scratch.copied();
    std::fs::remove_dir_all(reindexed.path().join("index")).expect("removed");
    reindexed.open().close().expect("rebuilt from the journal");
    assert_eq!(redraw(&reindexed, &dir).1, 0);
    outside(&dir, &sample);
    check_ledger(&scratch);
}

/// Another program, written from the format, draws the same.
fn outside(dir: &Path, sample: &Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/sample.py");
    let files = [dir.join("sample.json"), dir.join("population.tsv")];
    let Ok(output) = Command::new("python3").arg(script).args(files).output() else {
        return println!("skipped: no python3");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let drawn = object(&output);
    assert_eq!(drawn["sha256"], sample["population"]["sha256"]);
    assert_eq!(drawn["seqs"], serde_json::json!(seqs(sample)));
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn a_decision_changed_added_or_removed_is_noticed() {
    let all = population::population(12, 120);
    let scratch = populated(&all);
    let dir = scratch.dir.path().join("sample");
    let sample = draw(&scratch, "s", Some(&dir));
    let is_decision = |event: &&Value| event["type"] == "inforce.decision.made";
    let last = all.iter().rposition(|event| is_decision(&event)).expect("a decision");
    let without: Vec<Value> = [&all[..last], &all[last + 1..]].concat();
    let mut changed = all.clone();
    changed[last]["data"]["region"] = "NZ".into();
    for other in [without, changed] {
        let other = populated(&other);
        assert_ne!(root(&other), root(&scratch));
        assert_eq!(redraw(&other, &dir).1, 3, "the root is another");
        // Nor is a sample drawn under a root that this ledger does not have.
        let was = root(&scratch);
        let (output, code) = run(&other, &["sample", "--size", "9", "--seed", "s", "--root", &was]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(code == 2 && error.contains(&root(&other)), "{error}");
    }
    // What is appended later changes nothing of a sample under an earlier root, which a checkpoint signs.
    let ledger = scratch.open();
    let note = ledger.last_note().expect("signed");
    import(&ledger, &[events::policy("later"), events::decision("late", "facebook/new", "none")], Clock::Ledger);
    ledger.close().expect("closed");
    assert_eq!(redraw(&scratch, &dir).1, 0);
    let kept = scratch.dir.path().join("note");
    std::fs::write(&kept, note).expect("written");
    let was = sample["recipe"]["root"].as_str().expect("a root");
    let kept = kept.to_str().expect("UTF-8");
    let args = ["sample", "--size", "30", "--seed", "s", "--root", was, BY, "--json", "--checkpoint", kept];
    let (output, code) = run(&scratch, &args);
    assert_eq!((seqs(&object(&output)), code), (seqs(&sample), 0));
    // A file that was changed, or a population with a decision less, does not redraw.
    let [file, listed] = ["sample.json", "population.tsv"].map(|name| dir.join(name));
    let text = std::fs::read_to_string(&listed).expect("there");
    let less: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    std::fs::write(&listed, less).expect("written");
    let (file, listed) = (file.to_str().expect("UTF-8"), listed.to_str().expect("UTF-8"));
    let (output, code) = run(&scratch, &["sample", "--redraw", file, "--population", listed, "--json"]);
    assert_eq!(code, 3);
    assert_ne!(object(&output)["differences"], serde_json::json!([]));
    let mut swapped = sample.clone();
    let first = swapped["sample"][0]["seq"].as_u64().expect("a seq");
    swapped["sample"][0]["seq"] = (first + 1).into();
    std::fs::write(file, swapped.to_string()).expect("written");
    let (found, code) = redraw(&scratch, &dir);
    assert_eq!((code, found["same"].clone()), (3, false.into()));
    check_ledger(&scratch);
}

#[test]
fn what_cannot_be_drawn_is_refused_in_words() {
    let scratch = populated(&population::population(13, 60));
    let (root, zeros) = (root(&scratch), "0".repeat(64));
    let refused = |args: &[&str]| {
        let (output, code) = run(&scratch, &[&["sample"], args].concat());
        assert_eq!((code, output.stdout.is_empty()), (2, true), "{args:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let error = refused(&["--size", "5", "--seed", "s", "--root", &zeros]);
    assert!(error.contains(&root) && error.contains("entries"), "{error}");
    assert!(refused(&["--size", "1", "--seed", "s", "--root", &root, BY]).contains("one a stratum"));
    assert!(refused(&["--size", "5", "--seed", "", "--root", &root]).contains("one line"));
    assert!(
        refused(&["--size", "5", "--seed", "s", "--root", &root, "--by", "mood"]).contains("expected one of policy")
    );
    assert!(refused(&["--size", "5", "--seed", "s", "--root", "x"]).contains("64 hex digits"));
    assert!(refused(&["--size", "0", "--seed", "s", "--root", &root]).contains("0 is not in"));
    check_ledger(&scratch);
}
