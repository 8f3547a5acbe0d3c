//! Samples: drawn by seed and root alone, by this program or another; and nothing of the population can be left out.

use super::common::crowd::apart;
use super::common::{Scratch, check_ledger, events, expect_parts, import, replay_of};
use super::{object, populated, population, run, run_on_one};
use inforce::ledger::Clock;
use inforce::merkle::TreeSize;
use inforce::query::{Chosen, Population, SampleFile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

fn root(scratch: &Scratch) -> String {
    scratch.read().verify().expect("verifies").root.to_string()
}

fn seqs(sample: &Value) -> Vec<u64> {
    sample["sample"].as_array().expect("a list").iter().map(|each| each["seq"].as_u64().expect("a seq")).collect()
}

const BY: &str = "--by=conformance,app";

/// The same asked twice: of as many parts as there can be, and of one.
fn in_parts_and_whole(scratch: &Scratch, args: &[&str]) -> [(Output, i32); 2] {
    let asked = |memory| [args, &["--memory", memory]].concat();
    [run(scratch, &asked("0")), run_on_one(scratch, &asked("9999999"))]
}

/// Draws 30 by `seed`, into `dir` if there is one.
fn draw(scratch: &Scratch, seed: &str, dir: Option<&Path>) -> Value {
    let root = root(scratch);
    let args = ["sample", "--size", "30", "--seed", seed, "--root", &root, BY, "--json"];
    let [parts, whole] = in_parts_and_whole(scratch, &args);
    assert_eq!(object(&parts.0), object(&whole.0));
    let into = dir.map(|dir| ["-o", dir.to_str().expect("UTF-8")]);
    let (output, code) = run(scratch, &[&args[..], into.as_ref().map_or(&[], |into| &into[..])].concat());
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stderr));
    object(&output)
}

fn redraw(scratch: &Scratch, dir: &Path) -> (Value, i32) {
    let file = dir.join("sample.json");
    let args = ["sample", "--redraw", file.to_str().expect("UTF-8"), "--json"];
    let [parts, (output, code)] = in_parts_and_whole(scratch, &args);
    assert_eq!((&parts.0.stdout, &parts.0.stderr, parts.1), (&output.stdout, &output.stderr, code));
    (if output.stdout.is_empty() { Value::Null } else { object(&output) }, code)
}

#[test]
fn a_sample_is_redrawn_by_anybody_from_seed_and_root_alone() {
    let events = apart(&population::population(11, 240), 3);
    let scratch = populated(&events);
    expect_parts(&scratch.read());
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
    let (found, code) = redraw(&scratch, &dir);
    assert_eq!((found["same"].clone(), found["differences"].clone(), code), (true.into(), serde_json::json!([]), 0));
    assert!(found["checked"].to_string().contains("30 bundles"), "{found}");
    assert_eq!((sample["committed"].clone(), &sample["cosigned"]), (true.into(), &serde_json::json!([])));
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

/// Two decisions in each of five regions, and `advertiser` behind the first.
fn five_regions(advertiser: &str) -> Scratch {
    let mut all = vec![events::policy("p")];
    for (number, region) in ["US", "US", "BR", "BR", "IN", "IN", "AU", "AU", "CA", "CA"].into_iter().enumerate() {
        let mut event = events::decision(&format!("d{number}"), &format!("facebook/u{number}"), "none");
        event["data"]["region"] = region.into();
        event["data"]["signals"] = json!([]);
        if number == 0 && !advertiser.is_empty() {
            event["data"]["item"]["advertiser"] = advertiser.into();
        }
        all.push(event);
    }
    populated(&all)
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_bound_over_strata_holds_for_the_worst_spread_and_sizes_are_of_the_same_strata() {
    let scratch = five_regions("");
    let root = root(&scratch);
    let drawn = |size: &str, by: &str| {
        let args = ["sample", "--size", size, "--seed", "s", "--root", &root, by, "--json"];
        let (output, code) = run(&scratch, &args);
        assert_eq!(code, 0, "{}", text(&output));
        object(&output)
    };
    // One of two in each: four that fail, in four regions, stay unseen with a chance of 1/16.
    let sample = drawn("5", "--by=region");
    assert_eq!(sample["overall"]["bounds"][0]["at_most"], 4, "{}", sample["overall"]);
    assert!(sample["overall"]["method"].as_str().expect("a word").contains("worst spread"));
    for size in sample["overall"]["sizes"].as_array().expect("sizes") {
        let again = drawn(&size["sample"].to_string(), "--by=region");
        let at_most = again["overall"]["bounds"][0]["at_most"].as_f64().expect("a number");
        assert!(at_most <= 10.0 * size["tolerable"].as_f64().expect("a rate"), "{size}: {at_most}");
    }
    assert_eq!(drawn("5", "--by=purpose")["overall"]["method"], "hypergeometric");
    let args = ["sample", "--size", "5", "--seed", "s", "--root", &root, "--by=region"];
    let words = text(&run(&scratch, &args).0);
    assert!(words.contains("at most 4 of the 10") && words.contains("draw from these strata"), "{words}");
    check_ledger(&scratch);
}

#[test]
fn a_root_that_nobody_signed_is_drawn_under_but_never_in_silence() {
    let scratch = five_regions("");
    let earlier = scratch.read().root_at(TreeSize(8)).expect("a root").to_string();
    let args = ["sample", "--size", "3", "--seed", "s", "--root", &earlier, "--as-of", "7"];
    let (output, code) = run(&scratch, &[&args[..], &["--json"]].concat());
    assert_eq!((object(&output)["committed"].clone(), code), (false.into(), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NOT COMMITTED"), "{}", text(&output));
    let output = run(&scratch, &args).0;
    assert!(String::from_utf8_lossy(&output.stdout).contains("NOT COMMITTED"), "{}", text(&output));
    let now = root(&scratch);
    let output = run(&scratch, &["sample", "--size", "3", "--seed", "s", "--root", &now]).0;
    let words = text(&output);
    assert!(words.contains("signed by the ledger alone") && !words.contains("NOT COMMITTED"), "{words}");
    // The page says so as well, and says the order in any case.
    let page = scratch.dir.path().join("page.html");
    let name = page.to_str().expect("UTF-8");
    for (as_of, said) in [(&["--as-of", "7"][..], "in no checkpoint at hand"), (&[], "the ledger alone signed")] {
        let args = ["report", "-o", name, "--sample", "3", "--seed", "s"];
        assert_eq!(run(&scratch, &[&args[..], as_of].concat()).1, 0);
        let page = std::fs::read_to_string(&page).expect("written");
        assert!(page.contains(said) && page.contains("to somebody outside first"), "{said}");
    }
    check_ledger(&scratch);
}

#[test]
fn what_was_erased_since_is_told_from_what_was_changed() {
    let all = apart(&population::population(14, 160), 3);
    let scratch = populated(&all);
    let dir = scratch.dir.path().join("sample");
    let sample = draw(&scratch, "s", Some(&dir));
    let entries = sample["standing"]["entries"].as_u64().expect("a number");
    let id = &sample["sample"][0]["id"];
    let event = all.iter().find(|event| event["id"] == *id).expect("its event");
    let subject = event["subject"].as_str().expect("an account");
    let ledger = scratch.open();
    import(&ledger, &[events::erased("gone", subject, "all")], Clock::Ledger);
    ledger.close().expect("closed");
    let (found, code) = redraw(&scratch, &dir);
    assert_eq!((code, found["differences"].clone(), found["same"].clone()), (4, json!([]), false.into()), "{found}");
    let told = found["erased_since"][0].as_str().expect("a line");
    assert!(told.contains(&format!("entries {entries} erased")), "{told}");
    // Without the list nobody can say which decision it was; that something was erased since, all the same.
    let listed = dir.join("population.tsv");
    let list = std::fs::read(&listed).expect("there");
    std::fs::remove_file(&listed).expect("removed");
    let (found, code) = redraw(&scratch, &dir);
    assert_eq!((code, found["differences"].clone()), (4, json!([])), "{found}");
    std::fs::write(&listed, list).expect("written");
    // What was not erased is held to the ledger as before.
    let live = sample["sample"].as_array().expect("a list").iter().position(|each| {
        let event = all.iter().find(|event| event["id"] == each["id"]).expect("its event");
        each["conformance"] == "conforming" && event["subject"] != subject
    });
    let mut changed = sample.clone();
    changed["sample"][live.expect("one")]["id"] = "another".into();
    std::fs::write(dir.join("sample.json"), changed.to_string()).expect("written");
    assert_eq!(redraw(&scratch, &dir).1, 3);
    // A sample that is drawn now, under the root from before, says what was erased in between.
    let kept = scratch.dir.path().join("note");
    std::fs::write(&kept, sample["checkpoint"].as_str().expect("a note")).expect("written");
    let root = sample["recipe"]["root"].as_str().expect("a root");
    let note = kept.to_str().expect("UTF-8");
    let args = ["sample", "--size", "30", "--seed", "s", "--root", root, BY, "--checkpoint", note];
    let later = object(&run(&scratch, &[&args[..], &["--json"]].concat()).0);
    assert_eq!(later["standing"], json!({ "entries": entries + 1, "erasures": 1 }));
    assert!(text(&run(&scratch, &args).0).contains("may have known the seed"));
    check_ledger(&scratch);
}

/// What somebody writes who leaves a decision out, and draws again as the format says.
fn forge(dir: &Path) {
    let [file, listed] = ["sample.json", "population.tsv"].map(|name| dir.join(name));
    let old = SampleFile::parse(&std::fs::read_to_string(&file).expect("there")).expect("a sample");
    let text = std::fs::read_to_string(&listed).expect("there");
    let drawn = |seq: &str| old.sample.iter().any(|each| each.seq.to_string() == seq);
    let out = text.lines().find(|line| !drawn(line.split('\t').next().expect("a seq"))).expect("one not drawn");
    let less = text.replace(&format!("{out}\n"), "");
    let population = Population::parse(&less).expect("reads");
    let chosen = |seq, stratum| {
        let told = old.sample.iter().find(|each| each.seq == seq).cloned();
        let none =
            || Chosen { seq, source: None, id: None, stratum, conformance: String::new(), bundle: None, why: None };
        told.unwrap_or_else(none)
    };
    let mut forged = SampleFile::draw(old.recipe.clone(), &population, chosen).expect("drawn");
    forged.sample.iter_mut().for_each(|each| each.bundle = None);
    (forged.checkpoint, forged.committed) = (old.checkpoint, true);
    std::fs::write(file, forged.to_text()).expect("written");
    std::fs::write(listed, less).expect("written");
}

#[test]
fn from_a_list_alone_nothing_is_claimed_that_takes_the_ledger() {
    let scratch = populated(&population::population(15, 120));
    let dir = scratch.dir.path().join("sample");
    let sample = draw(&scratch, "s", Some(&dir));
    let [file, listed] = ["sample.json", "population.tsv"].map(|name| dir.join(name).display().to_string());
    let key = scratch.read().verifier_key().to_string();
    let alone =
        |more: &[&str]| run(&scratch, &[&["sample", "--redraw", &file, "--population", &listed], more].concat());
    let (output, code) = alone(&["--json", "--key", &key]);
    let found = object(&output);
    assert_eq!((code, found["same"].clone()), (0, true.into()), "{found}");
    assert!(found["checked"].to_string().contains("30 bundles") && found["checked"].to_string().contains("signature"));
    // A bundle in place of another: only where there is a key to check it by, and then it is noticed.
    let names = [0, 1].map(|ix: usize| dir.join(sample["sample"][ix]["bundle"].as_str().expect("a bundle")));
    let held = names.clone().map(|name| std::fs::read(name).expect("there"));
    std::fs::write(&names[0], &held[1]).expect("written");
    assert_eq!((alone(&["--key", &key]).1, alone(&[]).1, redraw(&scratch, &dir).1), (3, 0, 3));
    std::fs::write(&names[0], &held[0]).expect("written");
    // As many entries as no checkpoint is over, and fewer than the list has.
    for entries in [u64::MAX, 3] {
        let mut other = sample.clone();
        other["recipe"]["entries"] = entries.into();
        std::fs::write(&file, other.to_string()).expect("written");
        assert_eq!(alone(&[]).1, 3, "{entries}");
    }
    std::fs::write(&file, sample.to_string()).expect("written");
    forge(&dir);
    let (output, code) = alone(&[]);
    let words = text(&output);
    assert!(code == 0 && words.contains("not checked: that the list has every decision"), "{words}");
    assert!(!words.contains("none left out") && !words.contains("the same sample"), "{words}");
    let (found, code) = redraw(&scratch, &dir);
    assert!(code == 3 && found["differences"].to_string().contains("is not in the population"), "{found}");
    check_ledger(&scratch);
}

#[test]
fn everything_that_a_sample_says_is_held_to_the_ledger() {
    let scratch = populated(&population::population(16, 120));
    let dir = scratch.dir.path().join("sample");
    let sample = draw(&scratch, "s", Some(&dir));
    let set = |path: &str, value: Value| {
        let mut other = sample.clone();
        *other.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        other
    };
    let mut cases = vec![
        set("/recipe/origin", "inforce/other".into()),
        set("/checkpoint", "garbage".into()),
        set("/checkpoint", Value::Null),
        set("/committed", false.into()),
        set("/cosigned", json!(["a witness"])),
        set("/confidence", 0.99.into()),
        set("/standing/entries", 1.into()),
        set("/standing/entries", u64::MAX.into()),
        set("/standing/erasures", 7.into()),
        set("/overall/method", "none".into()),
        set("/overall/bounds/0/at_most", 0.into()),
        set("/overall/sizes/0/sample", 1.into()),
        set("/strata/0/bounds/0/at_most", 99.into()),
        set("/sample/0/id", "another".into()),
        set("/sample/0/source", "//another".into()),
        set("/sample/0/conformance", "breach".into()),
        set("/sample/1/conformance", "conforming".into()),
        set("/sample/0/stratum", json!(["breach", "facebook"])),
        set("/sample/0/bundle", "bundle-0.json".into()),
        set("/sample/0/bundle", Value::Null),
        set("/population/sha256", "00".repeat(32).into()),
    ];
    cases.retain(|case| case != &sample);
    assert!(cases.len() >= 18);
    let file = dir.join("sample.json");
    for case in cases {
        std::fs::write(&file, case.to_string()).expect("written");
        let (found, code) = redraw(&scratch, &dir);
        assert!(code == 3 && found["differences"] != json!([]), "{found}: {case}");
    }
    std::fs::write(&file, sample.to_string()).expect("written");
    assert_eq!(redraw(&scratch, &dir).1, 0);
    check_ledger(&scratch);
}

#[test]
fn a_folder_with_another_sample_in_it_is_refused() {
    let scratch = five_regions("");
    let (root, dir) = (root(&scratch), scratch.dir.path().join("sample"));
    let name = dir.to_str().expect("UTF-8");
    let into = |seed: &str| run(&scratch, &["sample", "--size", "3", "--seed", seed, "--root", &root, "-o", name]);
    std::fs::create_dir(&dir).expect("made");
    assert_eq!(into("one").1, 0, "an empty folder will do");
    let before = std::fs::read(dir.join("sample.json")).expect("there");
    let (output, code) = into("two");
    assert!(code == 2 && text(&output).contains("is not empty"), "{}", text(&output));
    assert_eq!(std::fs::read(dir.join("sample.json")).expect("there"), before);
    check_ledger(&scratch);
}

#[test]
fn neither_seed_nor_stratum_steers_a_terminal() {
    let scratch = five_regions("a\u{202e}b\u{2066}c\u{2028}d");
    let (root, seed) = (root(&scratch), "\u{1b}[31mred\u{202e}\u{2066}\u{2028}");
    let dir = scratch.dir.path().join("sample");
    let name = dir.to_str().expect("UTF-8");
    let by = "--by=advertiser";
    let steers = |output: &std::process::Output| text(output).contains(['\u{1b}', '\u{202e}', '\u{2066}', '\u{2028}']);
    let (output, code) = run(&scratch, &["sample", "--size", "4", "--seed", seed, "--root", &root, by, "-o", name]);
    assert!(code == 0 && !steers(&output), "{}", text(&output));
    assert!(text(&output).contains("u{202e}b"), "{}", text(&output));
    let file = dir.join("sample.json");
    let mut sample: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("there")).expect("JSON");
    sample["strata"][0]["stratum"] = json!([seed]);
    sample["sample"][0]["id"] = seed.into();
    std::fs::write(&file, sample.to_string()).expect("written");
    let (output, code) = run(&scratch, &["sample", "--redraw", file.to_str().expect("UTF-8")]);
    assert!(code == 3 && !steers(&output), "{}", text(&output));
    check_ledger(&scratch);
}
