//! `inforce explain`: key sentences of several cases, pages that are well formed and load nothing, and no panic for any
//! decision of any case.

use inforce::explain::{self, Evidence, Explanation, Flag, Text, Tone, Wanted};
use inforce::judge::{self, Ask};
use inforce::ledger::{Clock, Ledger};
use inforce::{replay, wire};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn cases() -> Vec<Value> {
    let text = include_str!("cases.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a case a line")).collect()
}

fn case(name: &str) -> Value {
    cases().into_iter().find(|case| case["case"] == name).expect(name)
}

/// A ledger with the events in it, each recorded when it happened or when it says.
fn ledger(dir: &Path, case: &Value) -> Ledger {
    let ledger = Ledger::create(dir, None).expect("a new folder");
    let events = case["events"].as_array().expect("events");
    let facts = events.iter().map(|event| wire::parse(&event.to_string()).expect("a good line"));
    let clock = if case["clock"] == "recorded" { Clock::Recorded } else { Clock::Ledger };
    for outcome in ledger.append_each(facts.collect(), clock).expect("appended") {
        outcome.expect("no fact is refused");
    }
    ledger
}

fn explained(ledger: &Ledger, with_content: bool) -> Vec<Explanation> {
    let loaded = ledger.load().expect("it loads");
    assert!(loaded.bad.is_none());
    let world = &loaded.world;
    let explain_one = |decision| {
        let judgement = judge::judge(world, decision, &mut Ask::Plainly);
        let wanted = Wanted::of(world, &judgement);
        let (mut evidence, mut taken, mut of_all) = (Evidence::default(), Vec::new(), Vec::new());
        ledger.each_wanted(|header| wanted.takes(header), |entry| taken.push(entry)).expect("it reads");
        ledger.each_entry(|entry| of_all.push(entry.clone())).expect("it reads");
        of_all.retain(|entry| wanted.takes(&entry.header));
        assert_eq!(taken, of_all, "they are opened as in a pass over all");
        taken.into_iter().for_each(|entry| evidence.add(entry));
        let explanation = explain::explain(world, &judgement, &evidence, with_content);
        assert_eq!(explanation.judgement, replay::to_json(world, &judgement));
        explanation
    };
    world.decisions().map(explain_one).collect()
}

/// The text of the first decision of a case, its lines joined.
fn told(name: &str) -> (Explanation, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path(), &case(name));
    let explanation = explained(&ledger, false).swap_remove(0);
    let text = explain::to_text(&explanation, 120);
    let plain = anstream::adapter::strip_str(&text).to_string();
    let words: Vec<&str> =
        plain.split(|c: char| c.is_whitespace() || c == '│').filter(|word| !word.is_empty()).collect();
    (explanation, words.join(" "))
}

fn assert_says(name: &str, text: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(text.contains(sentence), "{name} does not say `{sentence}`:\n{text}");
    }
}

#[test]
fn verdict_comes_first_and_every_rule_says_what_it_rests_on() {
    for (name, sentences) in [
        (
            "S01",
            &[
                "✗ BREACH The ad was served, but it was not allowed. The interaction happened before such use began.",
                "Chat i1 happened on 2025-12-15T23:59:59Z; use began on 2025-12-16T00:00:00Z, 1 second later.",
                "In force from 2025-12-16T00:00:00Z with no end set.",
                "Notice about meta-ai-personalization, in the product: delivered (it reached the person)",
            ][..],
        ),
        ("S02", &["✓ CONFORMING The ad was served, and it was allowed. No rule in force then stood against it."]),
        (
            "N07",
            &[
                "The ad rests on signal g2, which rests on signal g1, which rests on signal g0, which rests on chat i1, which is labelled health.",
            ],
        ),
        (
            "N12",
            &[
                "Signal g1 cites the whole of the conversation “c1”, which had 2 turns by then.",
                "Chat t1 of //chat",
                "Chat t2 of //chat",
            ],
        ),
        ("N123", &["cites a conversation of which no turn is known here"]),
        (
            "S44",
            &[
                "At the decision facebook/s1 was in the Accounts Center AC1, and instagram/s1 in no Accounts Center.",
                "instagram/s1 left the Accounts Center AC1 on 2025-12-19T00:00:00Z.",
            ],
        ),
        ("S46", &["after the decision, so it does not count."]),
        ("N27", &["recorded only after the decision, so it does not count."]),
        (
            "S74",
            &[
                "KR is excluded.",
                "meta-ai-personalization, version 1c, is in force from 2025-12-16T00:00:00Z, but was recorded only on 2026-01-05T00:00:00Z.",
                "By what is known today, version 1c, recorded after the decision, replaces it",
            ],
        ),
        ("S80b", &["? ERASED What this decision said was erased with its account, so it can no longer be judged."]),
        (
            "S81b",
            &["everything about the account was erased; the decision was made after that", "What it said was erased."],
        ),
        ("S86", &["– OUT OF SCOPE", "It rests on no interaction with AI"]),
        ("N03", &["Nothing: the decision cites no signal."]),
        ("N10", &["which was not recorded by then", "Cited, but not recorded by then."]),
        (
            "N48",
            &[
                "LATE BREACH The ad was served. Nothing known then spoke against it; what is known today does.",
                "limited the topic “hiking” in ads",
            ],
        ),
        ("N69", &["was adopted only after the decision"]),
        ("N70", &["meta-ai-personalization, version 1 governs facebook, and the decision is of instagram."]),
        ("N146", &["was in force until"]),
        ("S57", &["No notice about meta-ai-personalization counts for chat i1"]),
        ("S58", &["(after it)"]),
        ("S53", &["permission: no, feature active: yes, indicator shown: yes"]),
        ("S76", &["The decision cites meta-ai-personalization, version"]),
        ("N99", &["10 minutes before it happened"]),
        (
            "S37",
            &[
                "? UNPROVEN The ad was served, but nobody can show that it was allowed.",
                "Chat i1 was never labelled.",
                "No label.",
            ],
        ),
        (
            "N164",
            &[
                "– WITHHELD The ad was held back, although it was allowed.",
                "By what is known today, it was not allowed.",
            ],
        ),
        ("N66", &["By what is known today,"]),
    ] {
        let (_, text) = told(name);
        assert_says(name, &text, sentences);
    }
}

#[test]
fn the_structure_says_the_same_as_the_words() {
    let (breach, _) = told("S01");
    assert_eq!(breach.headline.tone, Tone::Bad);
    let reason = &breach.reasons[0];
    assert_eq!(
        (reason.id.as_str(), reason.flag, reason.known, reason.today),
        ("pre-effective-interaction", Flag::Deny, true, true)
    );
    let object = explain::to_json(&breach);
    assert_eq!(object["judgement"]["conformance"], "breach");
    assert_eq!(
        object["lineage"][1]["marks"][0],
        json!({ "id": "pre-effective-interaction", "flag": "deny", "known": true, "today": true })
    );
}

#[test]
fn no_decision_of_any_case_is_too_much_for_any_renderer() {
    let mut decisions = 0;
    for case in cases() {
        let dir = tempfile::tempdir().expect("a folder");
        let ledger = ledger(dir.path(), &case);
        for explanation in explained(&ledger, true) {
            decisions += 1;
            for width in [20, 60, 100, 400] {
                let text = explain::to_text(&explanation, width);
                let plain = anstream::adapter::strip_str(&text).to_string();
                let too_wide = plain.lines().find(|line| line.chars().count() > width.clamp(40, 120));
                assert_eq!(too_wide, None, "{}: {width} columns", case["case"]);
            }
            let page = explain::to_html(&explanation);
            check_page(&page, &case["case"]);
            let object = explain::to_json(&explanation);
            assert!(object["judgement"]["known"]["verdict"].is_string(), "{}", case["case"]);
            let silent: Vec<&str> = explanation
                .reasons
                .iter()
                .filter(|each| each.details.is_empty())
                .map(|each| each.id.as_str())
                .collect();
            assert_eq!(silent, [""; 0], "{}: rules that say nothing about the case", case["case"]);
        }
    }
    assert!(decisions > 200, "{decisions} decisions");
}

/// Every tag is closed in order, ids are unique, and nothing is loaded or run.
fn check_page(page: &str, name: &Value) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0) {
        let tag_name = tag.trim_start_matches('/').split_whitespace().next().expect("a tag has a name");
        match tag_name {
            "!DOCTYPE" | "meta" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(tag_name), "{name}: {tag}"),
            _ => open.push(tag_name),
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} never closed");
    for forbidden in [
        "<script", "<link", "<img", "<iframe", " src=", " href=", "@import", "url(h", "url(\"h", "http://", "https://",
        "onload",
    ] {
        assert!(!page.contains(forbidden), "{name}: {forbidden}");
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{name}: an id comes twice");
}

#[test]
fn what_others_wrote_is_shown_and_never_obeyed() {
    let mut case = case("S01");
    let hostile = "</text><script>alert(1)</script>\u{202e}&\"'";
    let text = format!("{hostile}\nsecond \u{1b}[2J line");
    for event in case["events"].as_array_mut().expect("events") {
        match event["type"].as_str() {
            Some("inforce.interaction.recorded") => event["data"]["content"] = json!(text),
            Some("inforce.signal.derived") => event["data"]["topic"] = json!(hostile),
            Some("inforce.decision.made") => event["data"]["item"]["advertiser"] = json!(hostile.repeat(6)),
            _ => {}
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path(), &case);
    let shown = explained(&ledger, true).swap_remove(0);
    assert!(matches!(&shown.lineage[1].text, Some(Text::Shown(text)) if text.contains("second \\u{1b}[2J line")));
    check_page(&explain::to_html(&shown), &json!("hostile"));
    let terminal = explain::to_text(&shown, 80);
    assert!(!terminal.contains('\u{202e}') && !terminal.contains("\u{1b}[2J"));
    let kept = explained(&ledger, false).swap_remove(0);
    assert_eq!(kept.lineage[1].text, Some(Text::Kept));
    assert!(!explain::to_json(&kept).to_string().contains("[2J"), "the text of a chat is shown only on demand");
}

#[test]
fn many_interactions_and_long_chains_stay_readable() {
    let mut case = case("S01");
    let events = case["events"].as_array_mut().expect("events");
    let mut decision = events.pop().expect("the decision");
    let (mut signal, chat) = (events.pop().expect("the signal"), events[2].clone());
    let label = events[3].clone();
    let mut sources = Vec::new();
    for number in 0..300 {
        let (mut chat, mut label) = (chat.clone(), label.clone());
        chat["id"] = json!(format!("many-{number}"));
        chat["data"]["turn"] = json!(number + 2);
        label["id"] = json!(format!("label-{number}"));
        label["data"]["target"]["id"] = chat["id"].clone();
        sources.push(json!({ "source": "//chat", "id": chat["id"] }));
        events.extend([chat, label]);
    }
    signal["data"]["sources"] = json!(sources);
    events.push(signal.clone());
    for number in 0..400 {
        let before = if number == 0 { "g1".to_owned() } else { format!("chain-{}", number - 1) };
        signal["id"] = json!(format!("chain-{number}"));
        signal["data"]["sources"] = json!([{ "source": "//signals", "id": before }]);
        events.push(signal.clone());
    }
    decision["data"]["signals"] = json!([{ "source": "//signals", "id": "chain-399" }]);
    events.push(decision);
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path(), &case);
    let explanation = explained(&ledger, false).swap_remove(0);
    assert_eq!(explanation.lineage.len(), 401 + 300);
    let text = explain::to_text(&explanation, 100);
    assert!(text.lines().count() < 500 && text.contains("more steps"));
    let page = explain::to_html(&explanation);
    check_page(&page, &json!("many"));
    assert!(page.contains("not drawn"));
}

/// Runs the program; stdout, and the exit code.
fn run(args: &[&str], dir: &Path) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    let output = command.args(args).arg("--ledger").arg(dir).output().expect("it runs");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code().expect("no signal"))
}

#[test]
fn the_command_writes_text_page_and_json_and_exits_like_replay() {
    for (name, code) in [("S01", 3), ("S02", 0), ("S37", 4), ("N48", 3), ("S86", 0)] {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("ledger");
        ledger(&folder, &case(name)).close().expect("it closes");
        let (text, exit) = run(&["explain", "d1"], &folder);
        assert_eq!(exit, code, "{name}: {text}");
        assert!(!text.contains('\u{1b}'), "no colours where nobody sees them");
        let (object, exit) = run(&["explain", "d1", "--json"], &folder);
        let object: Value = serde_json::from_str(&object).expect("one object");
        let (replayed, _) = run(&["replay", "d1", "--json"], &folder);
        assert_eq!((object["judgement"].to_string(), exit), (replayed.trim().to_owned(), code));
        let page = dir.path().join("page.html");
        let (printed, exit) = run(&["explain", "d1", "--html", page.to_str().expect("UTF-8")], &folder);
        assert_eq!((printed.as_str(), exit), ("", code));
        check_page(&std::fs::read_to_string(page).expect("written"), &json!(name));
        assert_eq!(run(&["explain", "nobody"], &folder).1, 1);
    }
}

#[test]
fn a_ledger_that_was_tampered_with_gets_no_verdict() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("ledger");
    ledger(&folder, &case("S02")).close().expect("it closes");
    let segment = std::fs::read_dir(folder.join("journal"))
        .expect("a journal")
        .next()
        .expect("a segment")
        .expect("a file")
        .path();
    let mut bytes = std::fs::read(&segment).expect("it reads");
    let place = bytes.len() / 3;
    bytes[place] ^= 1;
    std::fs::write(&segment, bytes).expect("it writes");
    let (text, exit) = run(&["explain", "d1"], &folder);
    assert_eq!(exit, 3, "{text}");
    assert!(!text.contains("allowed"), "{text}");
}
