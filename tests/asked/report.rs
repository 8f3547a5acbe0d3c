//! Reports: every count is the one that a naive count over `replay --json` gives, and the page can be read by anybody.

use super::common::crowd::beside_each_other;
use super::common::{Scratch, check_ledger, expect_parts, facts, replay_of};
use super::{demo, object, populated, population, run, run_on_one};
use inforce::checkpoint::{Note, WitnessKey};
use inforce::fact::Time;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Counts = BTreeMap<String, u64>;

fn report(scratch: &Scratch, args: &[&str]) -> Value {
    let (output, code) = run(scratch, &[&["report", "--json"], args].concat());
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stderr));
    object(&output)
}

fn count(counts: &mut Counts, name: &Value) {
    *counts.entry(name.as_str().expect("a name").to_owned()).or_default() += 1;
}

/// Names in a list of objects, each once.
fn ids(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().map(|each| each["id"].as_str().expect("an id")).collect()
}

/// Counts of what replay prints, with no thought.
fn naive(judged: &[Value]) -> Value {
    let (mut conformance, mut integrity) = (Counts::new(), Counts::new());
    let mut views = BTreeMap::new();
    for line in judged {
        count(&mut conformance, &line["conformance"]);
        count(&mut integrity, &line["integrity"]);
        for view in ["known", "true"] {
            let [verdicts, rules, findings]: &mut [Counts; 3] = views.entry(view).or_default();
            count(verdicts, &line[view]["verdict"]);
            ids(&line[view]["rules"]).into_iter().for_each(|id| count(rules, &id.into()));
            ids(&line[view]["findings"]).into_iter().for_each(|id| count(findings, &id.into()));
        }
    }
    let view = |name: &str| {
        let [verdicts, rules, findings] = views.get(name).cloned().unwrap_or_default();
        json!({ "verdicts": verdicts, "rules": rules, "findings": findings })
    };
    json!({ "decisions": judged.len(), "conformance": conformance, "integrity": integrity, "known": view("known"), "true": view("true") })
}

fn members(report: &Value) -> Value {
    let of = |name: &str| (name.to_owned(), report[name].clone());
    Value::Object(["decisions", "conformance", "integrity", "known", "true"].map(of).into_iter().collect())
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().expect("counts").values().map(|count| count.as_u64().expect("a number")).sum()
}

#[test]
fn every_count_is_the_one_that_replay_gives() {
    for seed in 20..25 {
        let events = match seed {
            24 => beside_each_other((24..28).map(|seed| population::population(seed, 70))),
            _ => population::population(seed, 220),
        };
        let scratch = populated(&events);
        let judged = replay_of(&scratch.read());
        let whole = report(&scratch, &["--memory", "0"]);
        assert_eq!(members(&whole), naive(&judged), "seed {seed}");
        // Facts: as they were handed in, each once; what was erased tells its kind all the same.
        let mut seen = BTreeSet::new();
        let recorded: Vec<&Value> =
            events.iter().filter(|event| seen.insert((event["source"].to_string(), event["id"].to_string()))).collect();
        let mut kinds = Counts::new();
        recorded.iter().for_each(|event| count(&mut kinds, &event["type"]));
        assert_eq!(whole["recorded"]["kinds"], json!(kinds), "seed {seed}");
        assert_eq!(whole["recorded"]["entries"], whole["tree"]["entries"]);
        // Parts add up to the whole.
        for groups in ["regions", "apps"] {
            let groups = whole[groups].as_object().expect("groups");
            assert_eq!(
                groups.values().map(|each| each["decisions"].as_u64().expect("a number")).sum::<u64>(),
                judged.len() as u64
            );
        }
        let weeks = whole["weeks"].as_array().expect("weeks");
        assert_eq!(weeks.iter().map(|week| sum(&week["conformance"])).sum::<u64>(), judged.len() as u64);
        for rule in whole["rules"].as_array().expect("rules") {
            let name = rule["rule"].as_str().expect("a name");
            let weekly: u64 = weeks.iter().map(|week| week["rules"][name].as_u64().unwrap_or(0)).sum();
            assert_eq!(rule["known"], weekly, "{name}");
            let broken = judged.iter().filter(|line| line["outcome"] == "served" && rule["outcome"] == "deny");
            let broken = broken.filter(|line| ids(&line["known"]["rules"]).contains(name)).count();
            assert_eq!(rule["broken"], broken, "{name}");
            let of_periods = whole["periods"].as_array().expect("periods").iter().filter(|each| each["rule"] == name);
            assert_eq!(
                of_periods.map(|each| each["decisions"].as_u64().expect("a number")).sum::<u64>(),
                broken as u64
            );
        }
        late(&whole, &judged);
        if seed % 2 == 0 {
            let (since, until) = ("2025-12-17T00:00:00Z", "2025-12-22T09:00:00Z");
            let within = report(&scratch, &["--since", since, "--until", until]);
            let (output, _) = run(&scratch, &["replay", "--all", "--json", "--since", since, "--until", until]);
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            let judged: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            assert_eq!(members(&within), naive(&judged), "seed {seed}");
            let [since, until] = [since, until].map(|at| Time::parse(at).expect("a time").at);
            let facts = facts(&recorded.iter().map(|event| (*event).clone()).collect::<Vec<_>>());
            let of_span = facts.iter().filter(|fact| (since..until).contains(&fact.time.at)).count();
            assert_eq!(within["recorded"]["entries"], of_span, "seed {seed}");
        }
        check_ledger(&scratch);
    }
}

/// What a report says, as JSON and as a page, of a ledger in as many parts as can be, held to what it says of a single one.
fn in_parts(scratch: &Scratch, args: &[&str]) -> (Value, String) {
    let [parts, whole] = ["parts.html", "whole.html"].map(|name| scratch.dir.path().join(name));
    let asked = |page, memory| [&["report", "--json", "-o", page, "--memory", memory], args].concat();
    let (parts_said, code) = run(scratch, &asked(parts.to_str().expect("UTF-8"), "0"));
    assert_eq!(code, 0, "{args:?}: {}", String::from_utf8_lossy(&parts_said.stderr));
    let (whole_said, _) = run_on_one(scratch, &asked(whole.to_str().expect("UTF-8"), "9999999"));
    let text = |output: &std::process::Output| String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert_eq!(text(&parts_said), text(&whole_said), "{args:?}");
    let [page, whole] = [parts, whole].map(|file| std::fs::read_to_string(file).expect("written"));
    assert!(page == whole, "the page of {args:?}");
    (object(&parts_said), page)
}

#[test]
fn a_report_is_the_same_in_however_many_parts() {
    let mut kinds = BTreeSet::new();
    for seed in [40, 50, 60] {
        let events = beside_each_other((seed..seed + 4).map(|seed| population::population(seed, 60)));
        let scratch = populated(&events);
        expect_parts(&scratch.read());
        let (_, code) = run(&scratch, &["attest", "--all"]);
        assert_eq!(code, 0);
        let half = (events.len() / 2).to_string();
        let (since, until) = ("2025-12-17T00:00:00Z", "2025-12-22T09:00:00Z");
        let cases: &[&[&str]] = &[
            &[],
            &["--since", since],
            &["--until", until],
            &["--since", since, "--until", until],
            &["--as-of", &half],
            &["--as-of", until, "--since", since],
            &["--sample", "5", "--seed", "any"],
            &["--since", "2031-01-01T00:00:00Z"],
        ];
        for case in cases {
            let (found, _) = in_parts(&scratch, case);
            let said = |name: &&str| found[name].as_array().is_some_and(|list| !list.is_empty());
            kinds
                .extend(["late_facts", "erasures", "notices", "periods", "policies", "rules"].into_iter().filter(said));
            let attested = found["recorded"]["kinds"]["inforce.verdict.attested"].as_u64();
            kinds.extend(attested.map(|_| "verdicts on record"));
            let policies = found["recorded"]["kinds"]["inforce.policy.adopted"].as_u64().unwrap_or(0);
            kinds.extend((policies > 1).then_some("several policies"));
            let late = found["late_facts"].as_array().expect("a list").iter();
            kinds.extend(late.clone().filter(|line| line["decisions"].as_u64() > Some(1)).map(|_| "late for several"));
            kinds.extend(late.filter(|line| line["kind"] == "inforce.policy.adopted").map(|_| "a late policy"));
        }
        check_ledger(&scratch);
    }
    assert_eq!(kinds.len(), 10, "all that is added up is there: {kinds:?}");
    // Nothing was recorded, or no decision.
    let nothing = Scratch::new();
    let policies: Vec<Value> = population::population(40, 60)
        .into_iter()
        .filter(|event| !event["type"].as_str().expect("a type").contains("decision"))
        .collect();
    for scratch in [nothing, populated(&policies)] {
        let (found, _) = in_parts(&scratch, &[]);
        assert_eq!(found["decisions"], 0);
    }
}

/// Late facts are those that `late-fact` names, each once, with its lag.
fn late(whole: &Value, judged: &[Value]) {
    let findings = judged.iter().flat_map(|line| line["true"]["findings"].as_array().expect("a list"));
    let refs: Vec<&Value> = findings
        .filter(|finding| finding["id"] == "late-fact")
        .flat_map(|finding| finding["refs"].as_array().expect("refs"))
        .collect();
    let lines = whole["late_facts"].as_array().expect("lines");
    assert_eq!(lines.iter().map(|line| line["decisions"].as_u64().expect("a number")).sum::<u64>(), refs.len() as u64);
    let lags = |list: Vec<i64>| list.into_iter().collect::<BTreeSet<_>>();
    let told = lags(lines.iter().map(|line| line["lag_s"].as_i64().expect("a number")).collect());
    assert_eq!(told, lags(refs.iter().map(|each| each["lag_s"].as_i64().expect("a number")).collect()));
}

#[test]
fn the_page_stands_alone_and_is_made_for_every_reader() {
    let scratch = demo();
    let file = scratch.dir.path().join("report.html");
    let name = file.to_str().expect("UTF-8");
    let (output, code) = run(&scratch, &["report", "-o", name, "--sample", "9", "--seed", "o'clock <b>", "--json"]);
    let (whole, page) = (object(&output), std::fs::read_to_string(&file).expect("written"));
    assert_eq!(code, 0);
    let again = run(&scratch, &["report", "-o", name, "--sample", "9", "--seed", "o'clock <b>", "--json"]);
    assert_eq!((object(&again.0), std::fs::read_to_string(&file).expect("written")), (whole.clone(), page.clone()));
    assert_eq!(whole["sample"]["sample"].as_array().expect("a list").len(), 9);
    check_page(&page);
    assert!(page.contains("o'clock &lt;b&gt;") && !page.contains("<b>9"), "what others wrote is escaped");
    // What it says is what the counts are.
    for count in [&whole["decisions"], &whole["conformance"]["breach"], &whole["conformance"]["unproven"]] {
        assert!(page.contains(&format!("<b>{count}</b>")), "{count}");
    }
    // Nothing was recorded: that is told, and is no reason to fail.
    let empty = Scratch::new();
    let (output, code) = run(&empty, &["report", "-o", name, "--json"]);
    assert_eq!((object(&output)["decisions"].clone(), code), (0.into(), 0));
    check_page(&std::fs::read_to_string(&file).expect("written"));
}

/// What a screen reader, a printer and a cautious browser need.
fn check_page(page: &str) {
    let count = |what: &str| page.matches(what).count();
    for never in ["<script", "javascript:", " onload=", " onclick=", "<img", "<link", "@import", "url("] {
        assert_eq!(count(never), 0, "{never}");
    }
    let addresses = page.matches("http").count();
    assert_eq!(addresses, count("http://www.w3.org/2000/svg") + count("http-equiv"), "nothing is loaded");
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">") && page.contains("name=\"viewport\""));
    assert_eq!((count("<h1>"), count("<main "), count("<title>Report")), (1, 1, 1));
    let mut level = 1;
    for at in page.match_indices("<h").map(|(at, _)| at) {
        let Some(next) = page[at + 2..].chars().next().and_then(|digit| digit.to_digit(10)) else { continue };
        assert!(next <= level + 1, "a heading of level {next} behind one of level {level}");
        level = next;
    }
    assert_eq!(count("<table"), count("<caption>"));
    assert_eq!(count("<th"), count("<th scope=\"col\"") + count("<th scope=\"row\"") + count("<thead"));
    assert_eq!(count("<svg "), count("role=\"img\" aria-labelledby="));
    assert_eq!((count("<svg "), count("<svg ")), (count("<desc "), count("<title id=")));
    // Every name that something refers to is there once.
    for attribute in ["href=\"#", "aria-labelledby=\""] {
        for (at, _) in page.match_indices(attribute) {
            let value = page[at + attribute.len()..].split('"').next().expect("closed");
            for id in value.split(' ') {
                assert_eq!(count(&format!(" id=\"{id}\"")), 1, "{id}");
            }
        }
    }
    contrast(page);
}

/// Every colour that text is set in has a contrast of 4.5 to 1 with every ground that it may stand on (WCAG 2.2, 1.4.3).
fn contrast(page: &str) {
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style");
    let value = |name: &str| {
        let rest = style.split(&format!("--{name}:")).nth(1).unwrap_or_else(|| panic!("{name}"));
        rest.split([';', '}']).next().expect("a value").to_owned()
    };
    let mut texts: BTreeSet<String> = ["ink", "soft", "accent"].map(value).into();
    let drawn = page.match_indices("<text").map(|(at, _)| page[at..].split('>').next().expect("closed"));
    texts.extend(drawn.filter_map(|tag| Some(tag.split("fill=\"").nth(1)?.split('"').next()?.to_lowercase())));
    for text in &texts {
        for ground in ["#ffffff".to_owned(), value("panel"), "#eef0f3".to_owned()] {
            let (one, other) = (luminance(text), luminance(&ground));
            let ratio = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(ratio >= 4.5, "{text} on {ground}: {ratio}");
        }
    }
}

fn luminance(color: &str) -> f64 {
    let part = |place: usize| {
        let value = f64::from(u8::from_str_radix(&color[place..place + 2], 16).expect("hex")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    assert!(color.len() == 7, "{color}");
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn who_cosigned_is_verified_or_said_not_to_be() {
    let scratch = demo();
    let witness = WitnessKey::new("w.example/1", [9; 32].into()).expect("a name");
    let (held, to) = (scratch.path().join("checkpoint"), scratch.path().join("checkpoint.witnessed"));
    let note = std::fs::read_to_string(held).expect("a checkpoint");
    let mut note = Note::parse(&note).expect("a note");
    note.add(witness.cosign(note.text(), 1_700_000_000));
    let forged = "— ftc.example/w \
                  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    std::fs::write(&to, format!("{note}{forged}")).expect("written");
    let signers = |args: &[&str]| report(&scratch, args)["tree"]["cosigned"]["signed_by"].clone();
    let own = signers(&[])[0]["name"].clone();
    let line = |name: Value, verified: bool, at: Value| json!({ "name": name, "verified": verified, "at": at });
    let forged = line("ftc.example/w".into(), false, Value::Null);
    let unknown = line("w.example/1".into(), false, Value::Null);
    assert_eq!(signers(&[]), json!([line(own.clone(), true, Value::Null), unknown, forged]));
    let known = line("w.example/1".into(), true, "2023-11-14T22:13:20Z".into());
    let asked = signers(&["--witness", &witness.verifier().to_string()]);
    assert_eq!(asked, json!([line(own, true, Value::Null), known, forged]));
    let page = scratch.dir.path().join("page.html");
    let (_, code) = run(&scratch, &["report", "-o", page.to_str().expect("a name")]);
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(code == 0 && page.contains("not verified: no key of this name was handed in"), "{code}");
}

#[test]
fn as_of_a_moment_every_command_of_the_page_names_it() {
    let scratch = demo();
    let found = report(&scratch, &["--as-of", "1000", "--since", "2025-12-01T00:00:00Z"]);
    assert_eq!((&found["tree"]["as_of"], &found["tree"]["checkpoint"]), (&json!("1000"), &Value::Null));
    for (name, command) in found["commands"].as_object().expect("commands") {
        let command = command.as_str().expect("text");
        assert!(command.contains(" --as-of '1000'") && !command.contains("inforce report"), "{name}: {command}");
        let words: Vec<&str> = command.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
        if words[0] != "sql" {
            let (output, code) = run(&scratch, &words);
            assert!([0, 3, 4].contains(&code), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn no_other_policy_cures_a_wrong_citation() {
    let scratch = demo();
    for args in
        [&["--pack", "meta-ai-personalization", "--param", "notice_channels=all"][..], &["--pack", "overlay-minors"]]
    {
        let (output, code) = run(&scratch, &[&["whatif", "--json"], args].concat());
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&output.stderr));
        let found = object(&output);
        let rules = found["known"]["rules"].as_array().expect("a list");
        let rule = rules.iter().find(|rule| rule["id"] == "wrong-policy-cited").expect("it fired before");
        assert_eq!((&rule["gone"], &rule["after"]), (&json!(0), &rule["before"]), "{args:?}");
    }
}

#[test]
fn of_a_damaged_ledger_nothing_is_reported() {
    let scratch = demo();
    let segment = std::fs::read_dir(scratch.path().join("journal")).expect("a folder").next().expect("a segment");
    let segment = segment.expect("readable").path();
    let mut bytes = std::fs::read(&segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let page = scratch.dir.path().join("never.html");
    for memory in ["0", "9999999"] {
        let page_name = page.to_str().expect("UTF-8");
        let (output, code) = run(&scratch, &["report", "--json", "-o", page_name, "--memory", memory]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(code == 3 && said.contains("no report is made"), "{code}: {said}");
        assert!(output.stdout.is_empty() && !page.exists());
        let (output, code) = run(&scratch, &["periods", "--memory", memory]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(code == 3 && said.contains("no verdict is given") && output.stdout.is_empty(), "{code}: {said}");
    }
}
