//! The command line as others script against it: outputs, exit codes, refusals.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

struct Cli {
    dir: tempfile::TempDir,
}

impl Cli {
    fn new() -> Cli {
        let cli = Cli { dir: tempfile::tempdir().expect("a folder") };
        assert_eq!(code(&cli.run(&["init"])), 0);
        cli
    }

    fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    fn run(&self, args: &[&str]) -> Output {
        self.feed(args, "")
    }

    fn feed(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_inforce"))
            .args(args)
            .env("INFORCE_LEDGER", self.ledger())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    }

    fn import(&self, lines: &str) -> Value {
        let output = self.feed(&["import", "--clock", "recorded", "--json", "-"], lines);
        one_object(&output)
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn one_object(output: &Output) -> Value {
    let mut all = lines(output);
    assert_eq!(all.len(), 1, "{}", String::from_utf8_lossy(&output.stderr));
    all.remove(0)
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The events of a case, a line each, and what is expected.
fn case(name: &str) -> (String, Vec<Value>) {
    let all = include_str!("cases.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let case = all.into_iter().find(|case| case["case"] == name).expect("a case of that name");
    let events = case["events"].as_array().expect("a list").iter().map(|event| format!("{event}\n")).collect();
    (events, case["expect"].as_array().expect("a list").clone())
}

#[test]
fn every_case_comes_out_exactly_through_the_command_line() {
    for line in include_str!("cases.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let cli = Cli::new();
        let events: String =
            case["events"].as_array().expect("a list").iter().map(|event| format!("{event}\n")).collect();
        let clock = case["clock"].as_str().expect("a clock");
        let imported = one_object(&cli.feed(&["import", "--clock", clock, "--json", "-"], &events));
        assert_eq!(imported["rejected"], 0, "{}", case["case"]);
        let output = cli.run(&["replay", "--all", "--json"]);
        let found = lines(&output);
        let expected = case["expect"].as_array().expect("a list");
        assert_eq!(found.len(), expected.len(), "{}", case["case"]);
        let mut worst = 0;
        for (found, expected) in found.iter().zip(expected) {
            for key in ["outcome", "conformance", "integrity"] {
                assert_eq!(found[key], expected[key], "{} {key}", case["case"]);
            }
            assert_eq!(found["decision"]["seq"], expected["seq"]);
            for view in ["known", "true"] {
                assert_eq!(found[view]["verdict"], expected[view]["verdict"], "{} {view}", case["case"]);
                for list in ["rules", "findings"] {
                    let ids = |value: &Value, key: &str| {
                        let text = |each: &Value| if key.is_empty() { each.clone() } else { each[key].clone() };
                        let all = value
                            .as_array()
                            .expect("a list")
                            .iter()
                            .map(|each| text(each).as_str().expect("an id").to_owned());
                        all.collect::<std::collections::BTreeSet<String>>()
                    };
                    assert_eq!(
                        ids(&found[view][list], "id"),
                        ids(&expected[view][list], ""),
                        "{} {view} {list}",
                        case["case"]
                    );
                }
            }
            worst = worst.max(match found["conformance"].as_str().expect("a name") {
                "breach" | "late_breach" => 3,
                "unproven" | "erased" => 2,
                _ => 0,
            });
        }
        let expected_code = [0, 0, 4, 3][worst];
        assert_eq!(code(&output), expected_code, "{}", case["case"]);
        assert_same_in_parts(&cli, &["replay", "--all", "--json"]);
        if let Some(last) = expected.iter().filter_map(|each| each["decision"].as_str()).next_back() {
            assert_same_in_parts(&cli, &["explain", last, "--json"]);
            assert_same_by_index(&cli, &["explain", last, "--json"]);
        }
    }
}

/// What is judged in parts is told as what is judged as a whole.
fn assert_same_in_parts(cli: &Cli, args: &[&str]) {
    let (whole, parts) = (cli.run(args), cli.run(&[args, &["--memory", "0"]].concat()));
    let told = |output: &Output| errors(output).split("read and checked").next().map(str::to_owned);
    assert_eq!((&whole.stdout, code(&whole)), (&parts.stdout, code(&parts)), "{args:?}");
    assert_eq!(told(&whole), told(&parts), "{args:?}");
}

/// What is read by the index is told as what is found by reading everything.
fn assert_same_by_index(cli: &Cli, args: &[&str]) {
    let (read, quick) = (cli.run(args), cli.run(&[args, &["--quick"]].concat()));
    assert_eq!((&read.stdout, code(&read)), (&quick.stdout, code(&quick)), "{args:?}: {}", errors(&quick));
    assert!(quick.stdout.is_empty() || errors(&quick).contains("entries read by the index"), "{}", errors(&quick));
}

/// Everything that looks things up refuses, and tells nothing but, where all was read, that the ledger was tampered with.
fn assert_refused_by_index(cli: &Cli, asked: &[Vec<&str>], what: &str) {
    let bundle = cli.dir.path().join("bundle.json");
    let bundle = bundle.to_str().expect("UTF-8");
    let mut all: Vec<Vec<&str>> = asked.iter().map(|args| [args.as_slice(), &["--quick"]].concat()).collect();
    all.extend([vec!["bundle", "d1", "-o", bundle], vec!["history", "facebook/s1"]]);
    all.extend([vec!["query", "--account", "facebook/s1"], vec!["query", "facts", "--account", "facebook/s1"]]);
    for args in all {
        let output = cli.run(&args);
        let told = String::from_utf8_lossy(&output.stdout);
        let is_refused = told.is_empty() || told.contains("TAMPERED WITH");
        assert!(code(&output) == 3 && is_refused, "{args:?}, {what}: {told} {}", errors(&output));
    }
}

/// The same events about somebody else, by other sources; the policy is the one that is there.
fn of_another(events: &str, who: &str) -> String {
    let by_others = events.replace("\"//", &format!("\"//{who}/"));
    let policy = by_others.replace(&format!("\"//{who}/policy\""), "\"//policy\"");
    policy.replace("facebook/s1", &format!("facebook/{who}")).replace("facebook-s1", who)
}

/// Notices of so many other accounts.
fn notices(count: usize) -> String {
    let notice = |number| {
        format!(
            r#"{{"specversion":"1.0","id":"n{number}","source":"//others","type":"inforce.notice.recorded","subject":"facebook/other{number}","time":"2025-12-20T12:00:00Z","data":{{"policy":"meta-ai-personalization","channel":"email","status":"delivered"}}}}{}"#,
            "\n"
        )
    };
    (0..count).map(notice).collect()
}

/// Everything that is asked of one decision.
fn asked_of(name: &str) -> [Vec<&str>; 4] {
    [&["explain"][..], &["explain", "--with-content"], &["explain", "--flip"], &["provenance"]]
        .map(|args| [args, &[name]].concat())
}

#[test]
fn by_the_index_a_decision_is_told_as_it_is_or_not_at_all() {
    let cli = Cli::new();
    let events = case("N48").0;
    // What comes late is a group of its own, and turns the verdict.
    let (before, late) = events.trim_end().rsplit_once('\n').expect("lines");
    let path = cli.ledger().join("journal/00000000.seg");
    cli.import(before);
    let first_group = std::fs::read(&path).expect("readable").len();
    cli.import(late);
    let asked = asked_of("d1");
    for args in &asked {
        assert!([0, 3].contains(&code(&cli.run(args))) && !cli.run(args).stdout.is_empty());
        assert_same_by_index(&cli, args);
    }
    let page = |quick: &[&str]| {
        let path = cli.dir.path().join("page.html");
        let args = ["explain", "d1", "--flip", "--html", path.to_str().expect("UTF-8")];
        assert_eq!(code(&cli.run(&[&args, quick].concat())), 3);
        std::fs::read_to_string(path).expect("written")
    };
    assert_eq!(page(&[]), page(&["--quick"]));
    let output = cli.run(&["explain", "--quick", "nobody"]);
    assert!(code(&output) == 1 && errors(&output).contains("no decision `nobody`"), "{}", errors(&output));
    assert_eq!(code(&cli.run(&["explain", "--quick", "--memory", "1", "nobody"])), 2);
    let output = cli.run(&["explain", "--quick", "--as-of", "0", "d1"]);
    assert!(code(&output) == 2 && errors(&output).contains("expected a checkpoint's file"), "{}", errors(&output));
    let whole = std::fs::read(&path).expect("readable");
    let flipped = |place: usize| {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        changed
    };
    let places = (40..whole.len()).step_by(whole.len() / 15).chain([first_group + 60, whole.len() - 40]);
    let changed = places.map(flipped).chain([whole[..first_group].to_vec(), whole[..whole.len() - 40].to_vec()]);
    for (number, bytes) in changed.enumerate() {
        std::fs::write(&path, bytes).expect("written");
        assert_refused_by_index(&cli, &asked, &format!("change {number}"));
    }
    // The tree's file cut with the journal: only the checkpoint tells of the rest.
    std::fs::write(&path, &whole[..first_group]).expect("written");
    let leaves = cli.ledger().join("tree/leaves");
    let held = std::fs::read(&leaves).expect("readable");
    std::fs::write(&leaves, &held[..held.len() - 32]).expect("written");
    for args in [vec!["explain", "d1", "--quick"], vec!["query", "--account", "facebook/s1"]] {
        let output = cli.run(&args);
        assert!(code(&output) == 3 && output.stdout.is_empty(), "{args:?}: {}", errors(&output));
    }
}

#[test]
fn by_the_index_what_was_erased_is_told_as_gone_and_what_nobody_signed_yet_as_not_looked_at() {
    let cli = Cli::new();
    cli.import(&case("S01").0);
    let signed = cli.ledger().join("checkpoint");
    let checkpoint = std::fs::read(&signed).expect("readable");
    let told = cli.run(&["explain", "d1"]);
    cli.import(&notices(5));
    // As where the writer was killed before it signed.
    std::fs::write(&signed, checkpoint).expect("written");
    let quick = cli.run(&["explain", "d1", "--quick"]);
    assert_eq!((code(&quick), &quick.stdout), (code(&told), &told.stdout));
    let note = "! 5 entries behind that checkpoint were not looked at: `inforce checkpoint` makes a newer one";
    assert!(errors(&quick).contains(note), "{}", errors(&quick));
    let erased = r#"{"specversion":"1.0","id":"gone","source":"//crm","type":"inforce.subject.erased","subject":"facebook/s1",
        "time":"2026-11-01T00:00:00Z","data":{"scope":"all"}}"#;
    cli.import(&erased.replace('\n', ""));
    let decisions = lines(&cli.run(&["replay", "--all", "--json"]));
    let name = format!("#{}", decisions[0]["decision"]["seq"]);
    assert_eq!(decisions[0]["conformance"], "erased");
    for args in asked_of(&name) {
        assert_same_by_index(&cli, &args);
        let told = cli.run(&args);
        // Nothing is left that could have been otherwise.
        assert_eq!(args.contains(&"--flip"), told.stdout.is_empty(), "{args:?}: {}", errors(&told));
    }
}

#[test]
fn what_is_damaged_elsewhere_is_for_whoever_reads_everything() {
    let cli = Cli::new();
    // So many that the index covers them.
    cli.import(&(case("S01").0 + &notices(300)));
    let told = asked_of("d1").map(|args| cli.run(&args));
    let path = cli.ledger().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&path).expect("readable");
    let place = bytes.len() - 5000;
    bytes[place] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    for (args, told) in asked_of("d1").iter().zip(told) {
        let quick = cli.run(&[args.as_slice(), &["--quick"]].concat());
        assert_eq!((&quick.stdout, code(&quick)), (&told.stdout, code(&told)), "{args:?}: {}", errors(&quick));
        let read = cli.run(args);
        assert!(code(&read) == 3 && read.stdout != told.stdout, "{args:?}");
    }
}

#[test]
fn a_journal_that_is_cut_below_its_index_is_refused_and_without_an_index_everything_is_read() {
    let cli = Cli::new();
    let path = cli.ledger().join("journal/00000000.seg");
    cli.import(&case("S01").0);
    let first_group = std::fs::read(&path).expect("readable").len();
    cli.import(&notices(300));
    let (asked, whole) = (asked_of("d1"), std::fs::read(&path).expect("readable"));
    let told = asked.each_ref().map(|args| cli.run(args));
    std::fs::write(&path, &whole[..first_group]).expect("written");
    assert_refused_by_index(&cli, &asked, "cut");
    std::fs::write(&path, &whole).expect("written");
    std::fs::remove_dir_all(cli.ledger().join("index")).expect("removed");
    std::fs::write(cli.ledger().join("index"), "no folder").expect("written");
    for (args, told) in asked.iter().zip(&told) {
        let quick = cli.run(&[args.as_slice(), &["--quick"]].concat());
        assert_eq!((&quick.stdout, code(&quick)), (&told.stdout, code(told)), "{args:?}: {}", errors(&quick));
        assert!(errors(&quick).contains("everything is read and checked instead"), "{}", errors(&quick));
    }
}

#[test]
fn whatever_is_asked_is_answered_in_parts_as_well() {
    let cli = Cli::new();
    let (erased, expected) = case("S80b");
    for events in [erased, of_another(&case("S01").0, "t1"), of_another(&case("S02").0, "t2")] {
        let imported = cli.import(&events);
        assert!(imported["rejected"] == 0 && imported["duplicates"].as_u64().is_some_and(|count| count <= 1));
    }
    let erased = format!("#{}", expected[0]["seq"]);
    let names = ["//t1/ads d1", "//t2/ads d1", &erased];
    let mut questions: Vec<Vec<&str>> = vec![
        vec!["replay", "--all"],
        vec!["replay", "--all", "--pack", "overlay-minors@built-in"],
        vec!["replay", "--all", "--pack", "nothing@1"],
        vec!["replay", "--all", "--since", "2026-01-01T00:00:00Z"],
        vec!["replay", "--all", "--as-of", "3"],
        vec!["replay", "--all", "--as-of", "3000"],
        vec!["replay", "nobody"],
        vec!["replay", "nobody", names[0]],
    ];
    for name in names {
        for args in asked_of(name).into_iter().chain([vec!["replay", "--json", name]]) {
            assert!(args.contains(&"--flip") || !cli.run(&args).stdout.is_empty(), "{args:?}");
            questions.push(args);
        }
        questions.push(vec!["explain", "--as-of", "3", name]);
    }
    assert!(errors(&cli.run(&["explain", "d1"])).contains("`d1` is the id of 2 decisions"));
    questions.extend([
        vec!["explain", "d1"],
        vec!["explain", "nobody"],
        vec!["explain", "#0"],
        vec!["provenance", "d1"],
    ]);
    questions.iter().for_each(|question| assert_same_in_parts(&cli, question));
    let path = cli.ledger().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    questions.iter().for_each(|question| assert_same_in_parts(&cli, question));
}

/// A list is told in the order of names, whoever else was read before.
#[test]
fn what_others_say_orders_no_list() {
    let cli = Cli::new();
    cli.import(&of_another(&case("N48").0, "t1").replace("hiking", "tea"));
    let (events, _) = case("N48");
    let (before, late) = events.trim_end().rsplit_once('\n').expect("lines");
    let more = late.replace("preference-changed-1", "more").replace("hiking", "tea");
    let first = late.replace("preference-changed-1", "first").replace("hiking", "shoes");
    cli.import(&format!("{before}\n{first}\n{more}\n{late}\n"));
    let args = ["explain", "//ads d1"];
    let told = String::from_utf8(cli.run(&args).stdout).expect("UTF-8");
    assert!(told.contains("“hiking”, “shoes” and “tea”"), "{told}");
    assert_same_in_parts(&cli, &args);
    assert_same_by_index(&cli, &args);
}

#[test]
fn a_second_import_of_the_same_file_appends_nothing() {
    for name in ["S01", "N02", "S80b", "N184", "N88"] {
        let (events, _) = case(name);
        let cli = Cli::new();
        let first = cli.import(&events);
        let again = cli.import(&events);
        assert_eq!(again["appended"], 0, "{name}");
        assert_eq!(again["rejected"], 0, "{name}");
        assert_eq!(again["size"], first["size"], "{name}");
    }
}

#[test]
fn bad_lines_are_refused_by_number_and_field_and_the_good_ones_around_them_are_kept() {
    let cli = Cli::new();
    let (good, _) = case("S02");
    let mut all: Vec<&str> = good.lines().collect();
    let conflict = all[2].replace("\"US\"", "\"BR\"");
    let unknown_pack =
        all[0].replace("\"pack\":\"meta-ai-personalization\"", "\"pack\":\"nobody\"").replace("@1", "@9");
    let bad = ["{", "[]", "\"x\"", r#"{"specversion":"1.0"}"#, &conflict, &unknown_pack];
    bad.iter().for_each(|line| all.push(line));
    all.insert(1, "not json");
    all.insert(0, "");
    let rejects = cli.dir.path().join("rejects.jsonl");
    let output = cli.feed(
        &["import", "--clock", "recorded", "--json", "--rejects", rejects.to_str().expect("UTF-8"), "-"],
        &(all.join("\n") + "\n"),
    );
    assert_eq!(code(&output), 1);
    let counts = one_object(&output);
    assert_eq!((counts["appended"].as_u64(), counts["rejected"].as_u64()), (Some(6), Some(7)));
    let kept = std::fs::read_to_string(rejects).expect("written");
    let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let numbers: Vec<u64> = kept.iter().map(|each| each["line"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, [3, 9, 10, 11, 12, 13, 14]);
    assert_eq!(kept[5]["field"], "id");
    assert_eq!(kept[6]["field"], "data.pack");
    assert!(kept.iter().all(|each| !each["expected"].as_str().expect("text").is_empty()));
    assert_eq!(kept[0]["text"], "not json");
    assert!(errors(&output).contains("line 3: "));
    assert_eq!(code(&cli.run(&["verify"])), 0);
}

#[test]
fn every_changed_byte_of_the_journal_is_found_and_the_first_bad_entry_is_named() {
    let cli = Cli::new();
    let (events, _) = case("S80b");
    cli.import(&events);
    let path = cli.ledger().join("journal/00000000.seg");
    let good = std::fs::read(&path).expect("readable");
    let ends = entry_ends(&good);
    // Every byte, one bit each; which bit goes round.
    for at in (0..good.len()).step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bad).expect("written");
        let ledger = inforce::ledger::Ledger::open_read_only(&cli.ledger()).expect("opens");
        let report = ledger.verify().expect("verifies");
        let first = report.problems.first().unwrap_or_else(|| panic!("byte {at} was not noticed"));
        let named = ends.iter().position(|&end| at < end).unwrap_or(ends.len()) as u64;
        // A group's header stands before its first entry; a change there hides the whole group.
        let header_of_group = group_headers(&good).iter().any(|header| header.contains(&at));
        assert!(
            first.seq == named || header_of_group && first.seq <= named,
            "byte {at}: entry {named} is bad, {} was named",
            first.seq
        );
        if at % 97 == 0 {
            let output = cli.run(&["verify", "--json"]);
            assert_eq!(code(&output), 3);
            assert_eq!(one_object(&output)["problems"][0]["seq"], first.seq);
            let replayed = cli.run(&["replay", "--all", "--json"]);
            assert_eq!(code(&replayed), 3);
            assert!(lines(&replayed).iter().all(|each| each["integrity"] == "tampered" && each["known"].is_null()));
        }
    }
    std::fs::write(&path, &good).expect("written");
    assert_eq!(code(&cli.run(&["verify"])), 0);
}

/// Where the headers of the segment and of its groups stand.
#[allow(clippy::single_range_in_vec_init)]
fn group_headers(segment: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut at, mut headers) = (32, Vec::from_iter([0..32]));
    while at < segment.len() {
        headers.push(at..at + 24);
        at += 24 + number(at + 16);
    }
    headers
}

/// Where each entry's frame ends, from the lengths that stand before the frames.
fn entry_ends(segment: &[u8]) -> Vec<usize> {
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut at, mut ends) = (32, Vec::new());
    while at < segment.len() {
        let count = number(at + 4);
        at += 24;
        for _ in 0..count {
            at += 8 + number(at);
            ends.push(at);
        }
    }
    ends
}

#[test]
fn policies_are_adopted_listed_shown_and_compared() {
    let cli = Cli::new();
    let pack = "meta-ai-personalization";
    let adopt = |args: &[&str]| cli.run(&[&["policy", "adopt"], args].concat());
    assert_eq!(code(&adopt(&[pack, "--as", "1", "--from", "2025-12-16T00:00:00Z", "--pack", pack])), 0);
    let again =
        cli.run(&["policy", "adopt", pack, "--as", "1", "--from", "2025-12-16T00:00:00Z", "--pack", pack, "--json"]);
    assert_eq!(one_object(&again)["duplicate"], true);
    let other = adopt(&[pack, "--as", "1", "--from", "2025-12-17T00:00:00Z", "--pack", pack]);
    assert_eq!(code(&other), 1, "the same version with other content");
    let document = cli.dir.path().join("policy.md");
    std::fs::write(&document, "the text").expect("written");
    let second = [
        pack,
        "--as",
        "2",
        "--from",
        "2026-03-01T00:00:00Z",
        "--pack",
        pack,
        "--param",
        "excluded_regions=[\"GB\"]",
        "--document",
        document.to_str().expect("UTF-8"),
        "--document-url",
        "https://example.com/p",
        "--captured-at",
        "2026-02-01T00:00:00Z",
    ];
    assert_eq!(code(&adopt(&second)), 0);
    let own = cli.dir.path().join("own.cedar");
    std::fs::write(
        &own,
        "@id(\"no-night\") forbid(principal, action, resource) when { context.decision.app == \"x\" };",
    )
    .expect("written");
    let own_path = own.to_str().expect("UTF-8");
    assert_eq!(code(&cli.run(&["policy", "check", own_path])), 0);
    assert_eq!(
        code(&adopt(&[
            "house",
            "--as",
            "1",
            "--from",
            "2026-01-01T00:00:00Z",
            "--role",
            "overlay",
            "--cedar",
            own_path
        ])),
        0
    );
    let listed = lines(&cli.run(&["policy", "list", "--json"]));
    assert_eq!(listed.len(), 3);
    let shown = one_object(&cli.run(&["policy", "show", &format!("{pack}@2"), "--json"]));
    assert_eq!(shown["params"]["excluded_regions"], serde_json::json!(["GB"]));
    assert_eq!(shown["documents"][0]["captured_at"], "2026-02-01T00:00:00Z");
    // SHA-256 of "the text".
    assert_eq!(shown["documents"][0]["sha256"].as_str().expect("hex").len(), 64);
    let in_force = lines(&cli.run(&["policy", "in-force", "--at", "2026-02-01T00:00:00Z", "--json"]));
    let names: Vec<&str> = in_force.iter().map(|each| each["version"].as_str().expect("a name")).collect();
    assert_eq!(names, ["1", "1"]);
    let first = in_force.iter().find(|each| each["policy"] == pack).expect("in force");
    assert_eq!(first["until"], "2026-03-01T00:00:00Z");
    let diff = one_object(&cli.run(&["policy", "diff", &format!("{pack}@1"), &format!("{pack}@2"), "--json"]));
    let changed: Vec<&str> =
        diff["changes"].as_array().expect("a list").iter().map(|each| each["what"].as_str().expect("text")).collect();
    assert_eq!(changed, ["document policy.md", "in_force_from", "param excluded_regions"]);
    // What does not validate is refused, and says where.
    std::fs::write(&own, "@id(\"x\") forbid(principal, action, resource) when { context.use.own };").expect("written");
    let refused =
        adopt(&["house", "--as", "2", "--from", "2026-01-01T00:00:00Z", "--role", "overlay", "--cedar", own_path]);
    assert_eq!(code(&refused), 1);
    assert!(errors(&refused).contains("schema"), "{}", errors(&refused));
    let typo = adopt(&[pack, "--as", "3", "--from", "2026-01-01T00:00:00Z", "--pack", pack, "--param", "use_form=x"]);
    assert!(errors(&typo).contains("use_form") && errors(&typo).contains("use_from"), "{}", errors(&typo));
    assert_eq!(lines(&cli.run(&["policy", "list", "--json"])).len(), 3);
}

#[test]
fn usage_and_missing_ledgers_are_told_apart() {
    let cli = Cli::new();
    assert_eq!(code(&cli.run(&["replay"])), 2);
    assert_eq!(code(&cli.run(&["nonsense"])), 2);
    assert_eq!(code(&cli.run(&["--help"])), 0);
    assert_eq!(code(&cli.run(&["init"])), 1);
    let nowhere = cli.run(&["verify", "--ledger", "nowhere"]);
    assert_eq!(code(&nowhere), 1);
    assert!(errors(&nowhere).contains("inforce init"));
    let unknown = cli.run(&["replay", "d404"]);
    assert_eq!(code(&unknown), 1);
    assert!(errors(&unknown).contains("d404"));
}

/// Puts a program in place by another process: a file that this one writes may still be open in a child that another
/// test is starting, and what is open for writing cannot be run.
fn install(from: &Path, to: &Path) {
    assert!(Command::new("install").args(["-m", "755"]).args([from, to]).status().expect("it runs").success());
}

#[test]
fn sql_is_handed_to_the_program_beside_then_to_the_one_on_path_or_says_how_to_build_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).expect("made");
        path
    };
    let (own, on_path) = (folder("own"), folder("path"));
    let inforce = own.join("inforce");
    install(Path::new(env!("CARGO_BIN_EXE_inforce")), &inforce);
    let program = |place: &Path| {
        let path = place.join("inforce-sql");
        let says = format!("#!/bin/sh\necho {}: \"$INFORCE_LEDGER\" \"$@\"\nexit 4\n", place.display());
        std::fs::write(place.join("text"), says).expect("written");
        install(&place.join("text"), &path);
    };
    let run = |args: &[&str]| {
        let mut command = Command::new(&inforce);
        command.args(args).env("PATH", &on_path).env("INFORCE_LEDGER", "from/env");
        command.output().expect("it runs")
    };
    let missing = run(&["sql", "--json", "SELECT 1"]);
    assert_eq!(code(&missing), 1);
    assert!(errors(&missing).contains("--manifest-path tools/sql/Cargo.toml"), "{}", errors(&missing));
    // A folder of that name is no program.
    std::fs::create_dir(own.join("inforce-sql")).expect("made");
    program(&on_path);
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let found = run(&["sql", "--ledger", "DIR", "--as-of", "3", "SELECT 1", "--json"]);
    assert_eq!(code(&found), 4, "its own exit code");
    let expected = format!("{}: from/env --ledger DIR --as-of 3 SELECT 1 --json", on_path.display());
    assert_eq!(said(&found), expected);
    std::fs::remove_dir(own.join("inforce-sql")).expect("removed");
    program(&own);
    assert_eq!(said(&run(&["sql", "--help"])), format!("{}: from/env --help", own.display()));
    assert_eq!(said(&run(&["export", "--csv", "OUT"])), format!("{}: from/env export --csv OUT", own.display()));
}

#[test]
fn keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let cli = Cli::new();
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&cli.ledger()), 0o700);
    assert_eq!(mode(&cli.ledger().join("keyring")), 0o600);
    assert_eq!(mode(&cli.ledger().join("journal/00000000.seg")), 0o600);
}

#[test]
fn another_policy_can_be_tried_without_recording_it() {
    let cli = Cli::new();
    let (events, _) = case("S01");
    cli.import(&events);
    let size = one_object(&cli.run(&["verify", "--json"]))["entries"].clone();
    let tried = cli.run(&["replay", "--all", "--json", "--pack", "overlay-minors@built-in"]);
    let judged = one_object(&tried);
    assert!(judged["known"]["findings"].to_string().contains("age-unknown"));
    assert_eq!(one_object(&cli.run(&["verify", "--json"]))["entries"], size);
    assert_eq!(code(&cli.run(&["replay", "--all", "--pack", "nobody@1"])), 2);
}

#[test]
fn a_text_that_is_too_deep_is_refused_and_the_lines_around_it_are_kept() {
    let cli = Cli::new();
    let (events, _) = case("S02");
    let mut all: Vec<String> = events.lines().map(str::to_owned).collect();
    let mut deep: Value = serde_json::from_str(&all[0]).expect("JSON");
    deep["id"] = "deep@1".into();
    deep["data"] = serde_json::json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "cedar":
        format!("@id(\"p\") permit(principal, action, resource) when {{ {}true{} }};", "(".repeat(5000), ")".repeat(5000)) });
    all.insert(3, deep.to_string());
    let counts = cli.import(&(all.join("\n") + "\n"));
    assert_eq!((counts["appended"].as_u64(), counts["rejected"].as_u64()), (Some(6), Some(1)));
}

#[test]
fn refused_lines_are_never_written_over_what_is_read_or_kept() {
    let cli = Cli::new();
    let file = cli.dir.path().join("facts.jsonl");
    std::fs::write(&file, "{}\n").expect("written");
    let name = file.to_str().expect("UTF-8");
    assert_eq!(code(&cli.run(&["import", "--rejects", name, name])), 2);
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), "{}\n");
    let inside = cli.ledger().join("keyring");
    assert_eq!(code(&cli.run(&["import", "--rejects", inside.to_str().expect("UTF-8"), name])), 2);
    assert_eq!(code(&cli.run(&["verify"])), 0);
}

#[test]
fn damage_beside_the_journal_is_told_as_damage() {
    for file in ["keyring", "checkpoint", "journal/00000000.seg"] {
        let cli = Cli::new();
        let (events, _) = case("S02");
        cli.import(&events);
        let path = cli.ledger().join(file);
        let mut bytes = std::fs::read(&path).expect("readable");
        let middle = if file == "keyring" { 40 } else { bytes.len() / 2 };
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        let output = cli.run(&["verify", "--json"]);
        assert_eq!((code(&output), &one_object(&output)["ok"]), (3, &Value::Bool(false)), "{file} changed");
        std::fs::write(&path, &bytes[..bytes.len() - 9]).expect("written");
        assert_eq!(code(&cli.run(&["verify", "--json"])), 3, "{file} cut");
        std::fs::remove_file(&path).expect("removed");
        let output = cli.run(&["verify", "--json"]);
        assert_eq!(code(&output), 3, "{file} removed: {}", errors(&output));
    }
}
