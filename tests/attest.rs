//! Verdicts on record: written once, seen by no judge, and still there when what they rested on is gone.

mod common;

use common::{Scratch, check_ledger, crowd, expect_parts, facts, import, replayed};
use inforce::fact::{Body, Digest, Fact, FactId, Kind, Time, VerdictAttested};
use inforce::judge::{self, Ask};
use inforce::ledger::{Clock, Ledger, LedgerError, Loaded};
use inforce::{replay, wire};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn case(name: &str) -> Vec<Value> {
    let cases = include_str!("cases.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let case = cases.into_iter().find(|case| case["case"] == name).expect("a case of that name");
    case["events"].as_array().expect("events").clone()
}

/// A ledger with the events of a case.
fn told(name: &str) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    import(&ledger, &case(name), Clock::Recorded).into_iter().for_each(|outcome| assert!(outcome.is_ok()));
    ledger.close().expect("closed");
    scratch
}

fn erase(ledger: &Ledger, id: &str, account: &str, scope: &str) {
    let event = json!({ "specversion": "1.0", "id": id, "source": "//crm", "type": "inforce.subject.erased",
        "subject": account, "time": "2026-11-01T00:00:00Z", "data": { "scope": scope } });
    ledger.append(facts(&[event])).expect("appended");
}

/// Runs the program; stdout, and the exit code.
fn run(args: &[&str], dir: &Path) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    let output = command.args(args).arg("--ledger").arg(dir).output().expect("it runs");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code().expect("no signal"))
}

fn object(line: &str) -> Value {
    serde_json::from_str(line.trim()).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn counts(args: &[&str], dir: &Path) -> (u64, u64, u64) {
    let (printed, exit) = run(&[&["attest", "--json"], args].concat(), dir);
    assert_eq!(exit, 0, "{printed}");
    let object = object(&printed);
    let count = |name: &str| object[name].as_u64().unwrap_or_else(|| panic!("{name}: {object}"));
    (count("attested"), count("unchanged"), count("erased"))
}

/// The verdicts that would be attested now.
fn verdicts(ledger: &Ledger) -> Vec<VerdictAttested> {
    let Loaded { world, size, root, .. } = ledger.load().expect("loads");
    let attest = |decision| {
        let judgement = judge::judge(&world, decision, &mut Ask::Plainly);
        let digest = ledger.verdict_digest(&world, decision, &replay::to_line(&world, &judgement)).expect("a key");
        replay::attestation(&world, &judgement, digest, size.0, Digest(root.0))
    };
    world.decisions().map(attest).collect()
}

#[test]
fn the_command_attests_once_and_again_only_what_changed() {
    let scratch = told("S01");
    let before = scratch.read().size().expect("known");
    assert_eq!(counts(&["--all"], &scratch.path()), (1, 0, 0));
    assert_eq!(counts(&["--all"], &scratch.path()), (0, 1, 0));
    assert_eq!(counts(&["d1"], &scratch.path()), (0, 1, 0));
    assert_eq!(scratch.read().size().expect("known"), before + 1);
    // The world changes: a label that came late gives the true view another look.
    let label = json!({ "specversion": "1.0", "id": "late-label", "source": "//labels", "time": "2025-12-24T17:00:00Z",
        "type": "inforce.interaction.labelled", "subject": "facebook/s1", "data": {
            "target": { "source": "//chat", "id": "i1" }, "sensitive": ["health"], "topics": [],
            "labeller": { "name": "m", "version": "2", "digest": "ab".repeat(32) } } });
    scratch.open().append(facts(&[label])).expect("appended");
    assert_eq!(counts(&["--all"], &scratch.path()), (1, 0, 0));
    let attested = scratch.read().load().expect("loads").attested;
    let decision = scratch.read().load().expect("loads").world.decisions().count();
    assert_eq!(decision, 1);
    let on_record: Vec<_> =
        verdicts(&scratch.read()).iter().flat_map(|one| attested.of(one.decision).cloned()).collect();
    assert_eq!(on_record.len(), 2);
    assert_ne!(on_record[0].digest, on_record[1].digest);
    assert!(on_record[0].run.size < on_record[1].run.size);
    assert_eq!(run(&["attest"], &scratch.path()).1, 2, "it must be said what");
    assert_eq!(run(&["attest", "nobody"], &scratch.path()).1, 1);
    check_ledger(&scratch);
}

#[test]
fn the_digest_is_of_the_printed_line_under_the_key_of_the_entry() {
    let scratch = told("S01");
    let (line, _) = run(&["replay", "--all", "--json"], &scratch.path());
    counts(&["--all"], &scratch.path());
    let ledger = scratch.read();
    let Loaded { attested, size, .. } = ledger.load().expect("loads");
    let seq = object(&line)["decision"]["seq"].as_u64().expect("a seq");
    let on_record: Vec<_> = attested.of(seq).collect();
    let [one] = on_record[..] else { panic!("one verdict: {on_record:?}") };
    // By docs/format.md alone: the account's slot is the one whose stream the decision's header names.
    let stream = ledger.entry(seq).expect("read").expect("there").header.streams[0].stream;
    let keyring = std::fs::read(scratch.path().join("keyring")).expect("readable");
    let slot = keyring[4096..].chunks(128).find(|slot| slot[64..80] == stream.0).expect("a slot");
    let account_key: &[u8; 32] = slot[..32].try_into().expect("32 bytes");
    let entry_key = blake3::keyed_hash(account_key, &[&b"b"[..], &seq.to_le_bytes()].concat());
    let input = [entry_key.as_bytes(), line.trim_end().as_bytes()].concat();
    assert_eq!(one.digest.0, blake3::derive_key("inforce 2026-11 attested verdict", &input));
    let header = ledger.entry(one.seq).expect("read").expect("there").header;
    let expected = blake3::derive_key("inforce 2026-11 attestation stream", b"");
    assert_eq!(header.streams[0].stream.0, expected[..16]);
    assert_eq!((header.streams.len(), header.pins, one.run.size), (1, None, size.0 - 1));
    check_ledger(&scratch);
}

/// No verdict rests on another, in either view, before or after it was attested.
#[test]
fn the_judge_does_not_see_what_was_attested() {
    for name in ["S01", "S02", "S37", "N48", "S86"] {
        let (with, without) = (told(name), told(name));
        counts(&["--all"], &with.path());
        assert_eq!(replayed(&with.read()), replayed(&without.read()), "{name}");
        // Nor do later decisions: the same facts again, in other words, after the attestation and without it.
        let again: Vec<Value> = case(name)
            .into_iter()
            .filter(|event| event["type"] == "inforce.decision.made")
            .map(|mut event| {
                event["id"] = json!("again");
                event.as_object_mut().expect("an object").remove("recordedtime");
                event
            })
            .collect();
        for scratch in [&with, &without] {
            import(&scratch.open(), &again[..1], Clock::Ledger).into_iter().for_each(|each| assert!(each.is_ok()));
        }
        let plain = |scratch: &Scratch| {
            let mut objects = replayed(&scratch.read());
            objects
                .iter_mut()
                .for_each(|object| drop(object["decision"].as_object_mut().expect("a name").remove("seq")));
            // Lags are counted from the clock, which goes on between the two.
            objects
                .iter()
                .map(|object| {
                    let rules = |view: &str| object[view]["rules"].clone();
                    (object["decision"].clone(), object["conformance"].clone(), rules("known"), rules("true"))
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(plain(&with), plain(&without), "{name}");
        check_ledger(&with);
    }
}

#[test]
fn a_decision_that_rests_on_a_verdict_rests_on_nothing() {
    let scratch = told("S02");
    counts(&["--all"], &scratch.path());
    let ledger = scratch.open();
    let last = ledger.size().expect("known") - 1;
    let id = ledger.entry(last).expect("read").expect("there").record.expect("open to all").id;
    let mut decision = case("S02").into_iter().find(|event| event["type"] == "inforce.decision.made").expect("one");
    decision["id"] = json!("upon a verdict");
    decision["data"]["signals"] = json!([{ "source": id.source, "id": id.id }]);
    let receipts = ledger.append(facts(&[decision])).expect("appended");
    let objects = replayed(&ledger);
    let object = objects.iter().find(|each| each["decision"]["seq"] == receipts[0].seq).expect("judged");
    let rules: Vec<&str> =
        object["known"]["rules"].as_array().expect("a list").iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert!(rules.contains(&"broken-lineage"), "{object}");
    ledger.close().expect("closed");
    let (text, _) = run(&["explain", "upon a verdict"], &scratch.path());
    assert!(text.contains("not recorded by then"), "{text}");
    check_ledger(&scratch);
}

#[test]
fn only_the_command_may_attest() {
    let scratch = told("S01");
    let ledger = scratch.open();
    let verdict = verdicts(&ledger).remove(0);
    let fact = Fact {
        id: FactId { source: "//me".into(), id: "1".into() },
        subject: String::new(),
        time: Time::parse("2026-11-01T00:00:00Z").expect("a time"),
        recorded: None,
        body: Body::VerdictAttested(Box::new(verdict.clone())),
        content: None,
    };
    let mut event = wire::to_json(&fact);
    event["subject"] = json!("facebook/s1");
    let refusal = wire::parse(&event.to_string()).expect_err("not over the wire");
    assert_eq!(refusal.field, "type");
    assert!(refusal.expected.contains("only `inforce attest` records verdicts"), "{refusal}");
    assert!(matches!(ledger.append(vec![fact.clone()]), Err(LedgerError::Refused { index: 0, .. })));
    let each = ledger.append_each(vec![fact], Clock::Ledger).expect("answered");
    assert!(each[0].is_err(), "{each:?}");
    // Of what is no decision, or not there, nothing is attested.
    for decision in [0, 1 << 40] {
        let wrong = VerdictAttested { decision, ..verdict.clone() };
        assert!(matches!(ledger.attest(vec![wrong]), Err(LedgerError::Refused { .. })));
    }
    let (first, again) = (ledger.attest(vec![verdict.clone()]), ledger.attest(vec![verdict]));
    assert_eq!((first.expect("appended")[0].duplicate, again.expect("known")[0].duplicate), (false, true));
    assert!(matches!(scratch.read().attest(Vec::new()), Err(LedgerError::ReadOnly(_))));
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

#[test]
fn what_was_attested_outlives_the_decision() {
    let scratch = told("S01");
    let (before, _) = run(&["replay", "--all", "--json"], &scratch.path());
    let before = object(&before);
    assert_eq!(before["conformance"], "breach");
    counts(&["--all"], &scratch.path());
    assert!(before.get("attested").is_none(), "of evidence that is whole the verdict itself is there");
    erase(&scratch.open(), "gone", "facebook/s1", "all");
    let (line, exit) = run(&["replay", "--all", "--json"], &scratch.path());
    let erased = object(&line);
    assert_eq!((exit, &erased["conformance"], &erased["integrity"]), (4, &json!("erased"), &json!("erased")));
    assert_eq!(erased["decision"], json!({ "seq": before["decision"]["seq"] }));
    let on_record = &erased["attested"][0];
    assert_eq!((&on_record["known"], &on_record["conformance"]), (&before["known"]["verdict"], &json!("breach")));
    let fired = |rules: &Value| -> Vec<String> {
        let mut ids: Vec<String> =
            rules.as_array().expect("a list").iter().map(|rule| rule["id"].to_string()).collect();
        ids.dedup();
        ids
    };
    assert_eq!(fired(&on_record["rules"]), fired(&before["known"]["rules"]));
    let members: Vec<&String> = on_record.as_object().expect("an object").keys().collect();
    let expected = "seq engine version size root known true conformance integrity digest rules attested_at";
    assert_eq!(members, expected.split(' ').collect::<Vec<_>>());
    // Nothing of the person is in it: neither account nor ids of what the decision rested on.
    for personal in ["facebook", "s1", "//", "i1", "g1", "d1"] {
        let rest = json!([on_record["rules"], on_record["engine"], on_record["known"]]).to_string();
        assert!(!rest.contains(personal), "{personal}: {on_record}");
    }
    let name = format!("#{}", before["decision"]["seq"]);
    let (text, exit) = run(&["explain", &name], &scratch.path());
    assert_eq!(exit, 4);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in
        ["Verdicts on record", "breach: not allowed", "everything about the account was erased on 2026-11-01"]
    {
        assert!(words.contains(expected), "{expected}: {text}");
    }
    let page = scratch.dir.path().join("page.html");
    run(&["explain", &name, "--html", page.to_str().expect("UTF-8")], &scratch.path());
    let page = std::fs::read_to_string(page).expect("written");
    assert!(page.contains("Verdicts on record") && page.contains("breach: not allowed"), "{page}");
    let (explained, _) = run(&["explain", &name, "--json"], &scratch.path());
    assert_eq!(object(&explained)["judgement"], erased);
    // Of a decision that is gone there is no verdict left to attest.
    assert_eq!(counts(&["--all"], &scratch.path()), (0, 0, 1));
    assert!(run(&["replay", "--all"], &scratch.path()).0.contains("(attested: breach)"));
    check_ledger(&scratch);
}

#[test]
fn what_was_attested_is_told_where_only_evidence_was_erased() {
    let scratch = told("S02");
    counts(&["--all"], &scratch.path());
    erase(&scratch.open(), "gone", "facebook/s1", "content");
    let (line, _) = run(&["replay", "--all", "--json"], &scratch.path());
    let object = object(&line);
    assert_eq!((&object["integrity"], &object["attested"][0]["integrity"]), (&json!("erased"), &json!("ok")));
    // The verdict over what is left is a new one.
    assert_eq!(counts(&["--all"], &scratch.path()), (1, 0, 0));
    assert_eq!(counts(&["--all"], &scratch.path()), (0, 1, 0));
    check_ledger(&scratch);
}

#[test]
fn a_verdict_that_was_changed_is_found() {
    let scratch = told("S01");
    counts(&["--all"], &scratch.path());
    let ledger = scratch.read();
    let kinds: Vec<Kind> = (0..ledger.size().expect("known"))
        .map(|seq| ledger.entry(seq).expect("read").expect("there").header.kind)
        .collect();
    assert_eq!(kinds.last(), Some(&Kind::VerdictAttested));
    let path = scratch.path().join("journal/00000000.seg");
    let whole = std::fs::read(&path).expect("readable");
    // The body is open, so its words can be found; the checksum is mended, so only the commitment can tell.
    let mut bad = whole.clone();
    let place = whole.windows(7).rposition(|window| window == b"inforce").expect("the engine's name");
    bad[place] ^= 0x20;
    let start = last_frame(&whole);
    let sum = crc32fast::hash(&[&bad[start..start + 4], &bad[start + 8..]].concat()).to_le_bytes();
    bad[start + 4..start + 8].copy_from_slice(&sum);
    std::fs::write(&path, &bad).expect("written");
    let problems = scratch.read().verify().expect("verifies").problems;
    assert_eq!(problems[0].seq, kinds.len() as u64 - 1, "{problems:?}");
    assert_eq!(problems[0].what, "the body does not match its commitment");
    std::fs::write(&path, &whole).expect("written");
    check_ledger(&scratch);
}

/// Where the last frame of a segment begins, by docs/format.md.
fn last_frame(segment: &[u8]) -> usize {
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut at, mut last) = (32, 0);
    while at < segment.len() {
        let end = at + 24 + number(at + 16);
        at += 24;
        while at < end {
            last = at;
            at += 8 + number(at);
        }
    }
    last
}

#[test]
fn a_name_that_decisions_of_two_parts_have_is_asked_about_and_nothing_is_put_on_record() {
    let all = crowd::apart(&case("S01"), 6);
    // Of two people, whose parts are others: no part has two of that name.
    let mut decisions = 0;
    let mut of_another = |(n, event): (usize, &Value)| {
        let mut event = event.clone();
        if event["type"] == "inforce.decision.made" {
            decisions += 1;
            if decisions <= 2 {
                event["id"] = "one-name".into();
                event["source"] = format!("//source-{n}").into();
            }
        }
        event
    };
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let events: Vec<Value> = all.iter().enumerate().map(&mut of_another).collect();
    import(&ledger, &events, Clock::Recorded).into_iter().for_each(|outcome| assert!(outcome.is_ok(), "{outcome:?}"));
    let size = ledger.size().expect("a size");
    ledger.close().expect("closed");
    expect_parts(&scratch.read());
    for memory in ["0", "9999999"] {
        let (said, code) = run(&["attest", "one-name", "--memory", memory], &scratch.path());
        assert_eq!((said.as_str(), code), ("", 2));
    }
    let parts = scratch.read().load_parts(0, None).expect("loads");
    let named = parts.each(|world, _| {
        let is_named = |node| world.name(node).is_some_and(|name| name.id == "one-name");
        Ok::<_, LedgerError>(world.decisions().filter(|&node| is_named(node)).count())
    });
    assert!(named.expect("built").into_iter().all(|count| count < 2), "of two parts");
    assert_eq!(scratch.read().load().expect("loads").size.0, size);
}
