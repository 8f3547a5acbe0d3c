//! Hostile input, through the real program: a clear refusal or the right verdict, in bounded memory and time.
//!
//! The long ones: `cargo test --test hostile -- --ignored --nocapture --test-threads 1`.

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a run of the program came to.
struct Ran {
    out: String,
    error: String,
    code: Option<i32>,
    took: Duration,
    /// The most memory that it held, where the system tells.
    peak_mb: u64,
}

impl Ran {
    fn within(self, what: &str, seconds: u64, mb: u64) -> Ran {
        println!("{what}: {:.2} s, {} MB", self.took.as_secs_f64(), self.peak_mb);
        assert!(self.took < Duration::from_secs(seconds), "{what}: expected at most {seconds} s");
        assert!(self.peak_mb <= mb, "{what}: {} MB, expected at most {mb}", self.peak_mb);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.error))
    }
}

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let world = World { dir: tempfile::tempdir().expect("a folder") };
        assert_eq!(world.run(&["init"]).code, Some(0));
        world
    }

    fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_fed(arguments, |_| ())
    }

    /// Runs a command, with `feed` writing its stdin.
    fn run_fed(&self, arguments: &[&str], feed: impl FnOnce(&mut dyn Write)) -> Ran {
        let (out, error) = (self.dir.path().join("out"), self.dir.path().join("error"));
        let file = |path: &Path| std::fs::File::create(path).expect("made");
        let start = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_inforce"))
            .args(arguments)
            .arg("--ledger")
            .arg(self.ledger())
            .stdin(Stdio::piped())
            .stdout(file(&out))
            .stderr(file(&error))
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        let (code, peak_mb) = std::thread::scope(|scope| {
            let watched = scope.spawn(|| watch(&mut child));
            feed(&mut stdin);
            drop(stdin);
            watched.join().expect("it ends")
        });
        let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned();
        Ran { out: text(&out), error: text(&error), code, took: start.elapsed(), peak_mb }
    }

    /// Imports events; all must be taken.
    fn import(&self, events: impl Iterator<Item = Value>) -> Ran {
        let mut count = 0;
        let ran = self.run_fed(&["import", "--json", "-"], |stdin| {
            let mut out = std::io::BufWriter::with_capacity(1 << 20, stdin);
            for event in events {
                count += 1;
                writeln!(out, "{event}").expect("it reads");
            }
            out.flush().expect("it reads");
        });
        assert_eq!(ran.json()["appended"], count, "{}", ran.error);
        ran
    }

    fn verdicts(&self, arguments: &[&str]) -> (Vec<Value>, Ran) {
        let ran = self.run(&[&["replay", "--json"], arguments].concat());
        let lines = ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        (lines.collect(), ran)
    }
}

/// Waits for the end; the peak is read while it runs, and only grows.
fn watch(child: &mut Child) -> (Option<i32>, u64) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kb.unwrap_or(0) / 1024);
        if let Some(status) = child.try_wait().expect("a child") {
            return (status.code(), peak);
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn event(id: &str, kind: &str, subject: &str, second: u64, data: Value) -> Value {
    // From 2025-12-20 on, a second each.
    let (day, second) = (second / 86_400, second % 86_400);
    let date = if day < 12 { format!("2025-12-{:02}", day + 20) } else { format!("2026-01-{:02}", day - 11) };
    let time = format!("{date}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
    json!({ "specversion": "1.0", "id": id, "source": "//h", "type": format!("inforce.{kind}"), "subject": subject,
            "time": time, "data": data })
}

const PERSON: &str = "facebook/h";

fn policy(params: Value) -> Value {
    let data = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization", "params": params });
    event("p", "policy.adopted", "meta-ai-personalization", 0, data)
}

fn notice() -> Value {
    let mut event = event(
        "n",
        "notice.recorded",
        PERSON,
        0,
        json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" }),
    );
    event["time"] = json!("2025-10-09T00:00:00Z");
    event
}

fn program() -> Value {
    json!({ "name": "m", "version": "1", "digest": "d1".repeat(32) })
}

fn chat(id: &str, second: u64, context: &[&str]) -> Value {
    let data = json!({ "agent": "assistant", "conversation": "c", "turn": 0, "modality": "text", "region": "US", "context": context });
    event(id, "interaction.recorded", PERSON, second, data)
}

fn label(id: &str, target: &str, second: u64, sensitive: &[&str]) -> Value {
    let data = json!({ "target": target, "sensitive": sensitive, "topics": [], "labeller": program() });
    event(id, "interaction.labelled", PERSON, second, data)
}

fn signal(id: &str, topic: &str, source: Value, second: u64) -> Value {
    event(id, "signal.derived", PERSON, second, json!({ "topic": topic, "sources": [source], "deriver": program() }))
}

fn decision(id: &str, signal: &str, second: u64) -> Value {
    let data = json!({ "purpose": "ads", "item": { "kind": "ad", "topics": ["tea"] }, "region": "US", "signals": [signal],
                       "outcome": "served" });
    event(id, "decision.made", PERSON, second, data)
}

fn rules(judgement: &Value) -> Vec<&str> {
    let rules = judgement["known"]["rules"].as_array().expect("a list").iter();
    let mut ids: Vec<&str> = rules.map(|rule| rule["id"].as_str().expect("an id")).collect();
    ids.dedup();
    ids
}

#[test]
fn a_line_of_a_gigabyte_is_refused_as_it_streams_by() {
    let world = World::new();
    let ran = world.run_fed(&["import", "--json", "-"], |stdin| {
        stdin.write_all(br#"{"specversion":"1.0","id":""#).expect("it reads");
        let chunk = vec![b'x'; 1 << 20];
        (0..1024).for_each(|_| stdin.write_all(&chunk).expect("it reads"));
        writeln!(stdin, "\"}}\n{}", chat("i", 0, &[])).expect("it reads");
    });
    let ran = ran.within("a line of 1 GiB", 60, 150);
    assert_eq!((ran.json()["appended"].clone(), ran.json()["rejected"].clone()), (json!(1), json!(1)));
    assert!(ran.error.contains("line 1:") && ran.error.contains("longer than"), "{}", ran.error);
}

#[test]
fn brackets_within_brackets_are_refused_without_recursion() {
    let world = World::new();
    let nested = |open: &str, close: &str, times: usize| [open.repeat(times), close.repeat(times)].concat();
    let policy_of = |cedar: String| {
        let data = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "cedar": cedar });
        event("p", "policy.adopted", "own", 0, data).to_string()
    };
    let lines = [
        nested("[", "]", 10_000_000),
        nested("[", "]", 2_000_000),
        "{\"a\":".repeat(800_000),
        format!(r#"{{"specversion":"1.0","id":"i","data":{}}}"#, nested("[", "]", 1_900_000)),
        policy(json!({}))
            .to_string()
            .replace(r#""params":{}"#, &format!(r#""params":{}"#, nested("{\"a\":", "}", 100_000))),
        policy_of(format!("permit(principal, action, resource) when {{ {} }};", nested("(", ")", 100_000))),
        policy_of(format!("permit(principal, action, resource) when {{ {}true }};", "!".repeat(200_000))),
        policy_of(format!("permit(principal, action, resource) when {{ {}1 < 2 }};", "-".repeat(200_000))),
    ];
    let ran = world.run_fed(&["import", "--json", "-"], |stdin| {
        lines.iter().for_each(|line| writeln!(stdin, "{line}").expect("it reads"));
    });
    let ran = ran.within("brackets", 60, 250);
    assert_eq!(
        ran.json(),
        json!({ "appended": 0, "duplicates": 0, "rejected": lines.len(), "size": 0 }),
        "{}",
        ran.error
    );
}

#[test]
fn a_huge_policy_and_a_slow_one_are_refused_or_judged_in_bounded_time() {
    let world = World::new();
    let adopted = |id: &str, cedar: String| {
        let data =
            json!({ "version": "1", "role": "overlay", "in_force_from": "2025-12-16T00:00:00Z", "cedar": cedar });
        event(id, "policy.adopted", id, 0, data)
    };
    // As many rules as a text can hold, and one in which every comparison is a long one.
    let rule = |n: usize| {
        format!(
            "@id(\"r{n}\") @outcome(\"finding\") forbid(principal, action, resource) when {{ context.decision.purpose == \"x{n}\" }};\n"
        )
    };
    let many: String = (0..2000).map(rule).collect();
    let words = |from: usize| (from..from + 6000).map(|n| format!("\"w{n}\"")).collect::<Vec<_>>().join(",");
    let sets = format!(
        "@id(\"sets\") forbid(principal, action, resource) when {{ context has use && (context.use.topics.containsAny([{}]) || [{}].containsAll(context.use.topics)) }};",
        words(0),
        words(6000)
    );
    let stars = "*a".repeat(2000);
    let wild = format!(
        "@id(\"wild\") forbid(principal, action, resource) when {{ context.item has advertiser && context.item.advertiser like \"{stars}*b\" }};"
    );
    let too_long = "// much\n".repeat(40_000);
    let refused = world.run_fed(&["import", "--json", "-"], |stdin| {
        writeln!(stdin, "{}", adopted("long", too_long)).expect("it reads");
    });
    assert_eq!(refused.json()["rejected"], 1, "{}", refused.error);
    let mut shown = decision("d", "s", 400);
    shown["data"]["item"]["advertiser"] = json!("a".repeat(250));
    let events = [
        policy(json!({})),
        notice(),
        adopted("many", many),
        adopted("sets", sets),
        adopted("wild", wild),
        chat("i", 100, &[]),
        label("l", "i", 101, &[]),
        signal("s", "tea", json!("i"), 200),
        shown,
    ];
    world.import(events.into_iter()).within("adopting", 60, 400);
    let (verdicts, ran) = world.verdicts(&["--all"]);
    ran.within("judging", 60, 400);
    assert_eq!(verdicts[0]["conformance"], "conforming", "{verdicts:?}");
}

#[test]
fn a_cycle_is_followed_once_and_named() {
    let world = World::new();
    let later = |mut event: Value, second: u64| {
        event["time"] = self::event("", "", "", second, json!(null))["time"].clone();
        event
    };
    let mut turn = chat("turn", 100, &["by-conversation"]);
    turn["data"]["conversation"] = json!("round");
    let events = [
        policy(json!({})),
        notice(),
        // Each cites the other: the first before it is there, which stays unresolved.
        signal("one", "a", json!("two"), 10),
        signal("two", "b", json!("one"), 11),
        decision("unresolved", "two", 300),
        // A signal over a conversation, one turn of which carries the signal along: a true cycle.
        signal("by-conversation", "c", json!({ "conversation": "round" }), 200),
        later(turn, 150),
        signal("self", "d", json!("self"), 201),
        decision("round", "by-conversation", 301),
        decision("itself", "self", 302),
    ];
    world.import(events.into_iter());
    let (verdicts, ran) = world.verdicts(&["--all"]);
    ran.within("cycles", 30, 400);
    assert_eq!(verdicts.len(), 3);
    for verdict in &verdicts {
        assert_eq!(verdict["conformance"], "unproven", "{verdict}");
        assert!(rules(verdict).contains(&"broken-lineage"), "{verdict}");
        let id = verdict["decision"]["id"].as_str().expect("an id");
        for arguments in [vec!["explain", id], vec!["explain", id, "--json"]] {
            assert_eq!(world.run(&arguments).code, Some(4));
        }
    }
}

/// Judges, verifies and explains `decision`, each within bounds.
fn judge_and_explain(world: &World, decision: &str, what: &str, seconds: u64, mb: u64) -> Value {
    let (verdicts, ran) = world.verdicts(&[decision]);
    ran.within(&format!("{what}, replay"), seconds, mb);
    let page = world.dir.path().join("page.html");
    let page = page.to_str().expect("UTF-8");
    for arguments in
        [vec!["explain", decision], vec!["explain", decision, "--json"], vec!["explain", decision, "--html", page]]
    {
        let ran = world.run(&arguments).within(&format!("{what}, {}", arguments.join(" ")), seconds, mb);
        assert!(matches!(ran.code, Some(0 | 3 | 4)), "{}", ran.error);
    }
    assert_eq!(world.run(&["verify"]).within(&format!("{what}, verify"), seconds, mb).code, Some(0));
    verdicts.into_iter().next().expect("one decision")
}

const DEPTH: u64 = 100_000;
const MANY: u64 = 250_000;

#[test]
#[ignore = "slow: a chain of 100,000 signals"]
fn a_lineage_of_100_000_signals_is_followed_to_its_end() {
    let world = World::new();
    let first =
        [policy(json!({ "excluded_topics": ["t0"] })), notice(), chat("i", 1, &[]), label("l", "i", 2, &["health"])];
    let chain = (0..DEPTH).map(|n| {
        let source = n.checked_sub(1).map_or("i".to_owned(), |before| format!("s{before}"));
        signal(&format!("s{n}"), &format!("t{n}"), json!(source), 10 + n)
    });
    let last = decision("d", &format!("s{}", DEPTH - 1), 20 + DEPTH);
    world.import(first.into_iter().chain(chain).chain([last])).within("deep signals, import", 120, 800);
    let verdict = judge_and_explain(&world, "d", "deep signals", 60, 1200);
    assert_eq!(verdict["conformance"], "breach");
    assert_eq!(rules(&verdict), ["excluded-topic", "inherited-sensitivity"]);
}

#[test]
#[ignore = "slow: a chain of 100,000 chats"]
fn a_context_of_100_000_chats_is_followed_to_its_end() {
    let world = World::new();
    let first = [policy(json!({})), notice(), chat("i0", 1, &[]), label("l0", "i0", 1, &["health"])];
    let chain = (1..DEPTH).flat_map(|n| {
        let (id, before) = (format!("i{n}"), format!("i{}", n - 1));
        [chat(&id, 1 + n, &[&before]), label(&format!("l{n}"), &id, 1 + n, &[])]
    });
    let last = [signal("s", "tea", json!(format!("i{}", DEPTH - 1)), 10 + DEPTH), decision("d", "s", 20 + DEPTH)];
    world.import(first.into_iter().chain(chain).chain(last)).within("deep context, import", 120, 800);
    let verdict = judge_and_explain(&world, "d", "deep context", 60, 1200);
    assert_eq!(verdict["conformance"], "breach");
    assert_eq!(rules(&verdict), ["sensitive-topic"]);
}

#[test]
#[ignore = "slow: an account with a million facts"]
fn an_account_with_a_million_facts_is_judged() {
    let world = World::new();
    let first = [policy(json!({})), notice()];
    // Preferences come latest first: each happened before all that were recorded before it.
    let preferences = (0..MANY).map(|n| {
        let limit = json!({ "control": "ads.topic.limit", "value": format!("t{}", n % 50) });
        event(&format!("x{n}"), "preference.changed", PERSON, MANY - n, limit)
    });
    let chats = (0..MANY).flat_map(|n| {
        let (chatted, second) = (format!("i{n}"), MANY + 2 * n);
        [
            chat(&chatted, second, &[]),
            label(&format!("l{n}"), &chatted, second, &[]),
            signal(&format!("s{n}"), "tea", json!(chatted), second + 1),
        ]
    });
    let decisions = (0..1000).map(|n| decision(&format!("d{n}"), &format!("s{}", MANY - 1 - n), 3 * MANY));
    let all = first.into_iter().chain(preferences).chain(chats).chain(decisions);
    world.import(all).within("a million facts, import", 240, 800);
    let verdict = judge_and_explain(&world, "d999", "a million facts", 60, 1500);
    assert_eq!(verdict["conformance"], "conforming");
    let (verdicts, ran) = world.verdicts(&["--all"]);
    ran.within("a million facts, replay of 1,000 decisions", 120, 1500);
    assert_eq!(verdicts.len(), 1000);
}
