//! Kept verdicts answer what the journal answers, row for row, or they are not used.

use super::common::{self, Scratch, check_ledger, events, facts, import};
use super::{ask, conditions, document, errors, explained, random, rows, run, text};
use inforce::cli::AsOf;
use inforce::ledger::Clock;
use inforce::search;
use inforce_sql::query;
use inforce_sql::source::Source;
use inforce_sql::tables::TABLES;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What of each table is kept.
const KEPT: [(&str, &str); 4] = [
    ("decisions", "seq, occurred_at, recorded_at, outcome, conformance, integrity"),
    (
        "verdicts",
        "seq, occurred_at, recorded_at, view, verdict, outcome, conformance, integrity, rules, findings, uses, versions",
    ),
    ("rules_fired", "seq, occurred_at, recorded_at, view, rule, outcome, policy, version, conformance"),
    ("findings", "seq, occurred_at, recorded_at, view, finding"),
];

/// Questions that kept verdicts can answer.
const QUESTIONS: [&str; 12] = [
    "SELECT rule, outcome, count(*) AS n, count(DISTINCT seq) AS d FROM rules_fired WHERE view = 'known' GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT view, verdict, conformance, count(*) AS n FROM verdicts GROUP BY ALL ORDER BY 1, 2, 3",
    "SELECT date_trunc('week', occurred_at) AS week, conformance, count(*) AS n FROM decisions GROUP BY ALL ORDER BY 1, 2",
    "SELECT d.outcome, r.rule, count(*) AS n FROM decisions d JOIN rules_fired r USING (seq) GROUP BY ALL ORDER BY 1, 2",
    "SELECT count(*) AS n FROM decisions",
    "SELECT count(*) AS n FROM rules_fired",
    "SELECT (SELECT count(*) FROM verdicts) AS v, (SELECT count(*) FROM findings WHERE view = 'true') AS f",
    "SELECT seq FROM verdicts WHERE view = 'known' AND verdict <> 'allow' ORDER BY seq DESC LIMIT 5",
    "SELECT seq, sum(rules) AS r, sum(uses) AS u FROM verdicts GROUP BY seq ORDER BY seq",
    "SELECT seq FROM decisions WHERE seq NOT IN (SELECT seq FROM findings) ORDER BY seq",
    "SELECT finding, max(recorded_at - occurred_at) AS lag FROM findings GROUP BY finding ORDER BY finding",
    "SELECT policy, version, count(*) AS n FROM rules_fired WHERE policy IS NOT NULL GROUP BY ALL ORDER BY 1, 2",
];

/// Has every verdict kept, as `inforce query` does.
fn keep(scratch: &Scratch) {
    let ledger = scratch.read();
    assert!(search::keep(&ledger, &ledger.load_parts(u64::MAX, None).expect("loads")).expect("kept"));
}

/// What a query gives by judging, whatever was kept.
fn ask_anew(ledger: &Path, sql: &str) -> Vec<Value> {
    let session = async {
        let pool = query::memory(1 << 30);
        let source = Source::open(ledger, AsOf::default(), pool.clone()).expect("opens").judging_anew();
        query::over_ledger(&Arc::new(source), pool).expect("a session")
    };
    rows(session, sql)
}

/// Which of both a query reads: every scan of it the same.
fn reads_kept(ledger: &Path, sql: &str) -> bool {
    let plan = explained(ledger, sql);
    let count = |text: &str| plan.matches(text).count();
    let (scans, kept) = (count("LedgerScan: "), count(" from kept verdicts"));
    assert_eq!(scans, kept + count(" from the journal"), "{plan}");
    assert!(scans > 0 && (kept == 0 || kept == scans), "{plan}");
    kept > 0
}

/// A count that `EXPLAIN ANALYZE` shows, over all scans.
fn counted(ledger: &Path, sql: &str, name: &str) -> u64 {
    let plan = ask(ledger, &format!("EXPLAIN ANALYZE {sql}"));
    let plan = plan[0]["plan"].as_str().expect("a plan");
    let scans = plan.lines().filter(|line| line.contains("LedgerScan: "));
    let of = |line: &str| {
        let (_, rest) = line.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{line}"));
        // Above a thousand with two digits behind the point, and `K`.
        let shown = rest.split([',', ']']).next().unwrap_or_default().trim();
        let count = match shown.strip_suffix(" K") {
            Some(thousands) => thousands.parse::<f64>().ok().map(|count| (count * 1000.0).round() as u64),
            None => shown.parse().ok(),
        };
        count.unwrap_or_else(|| panic!("{line}"))
    };
    scans.map(of).sum()
}

/// Every question about what is kept: all columns, each alone, narrowed, cut off, put together.
fn questions(ledger: &Path) -> Vec<String> {
    let mut all: Vec<String> = QUESTIONS.map(str::to_owned).into();
    let conditions = conditions(ledger).into_iter().map(|(condition, _)| condition);
    let conditions: Vec<String> = conditions.filter(|condition| !condition.contains("account")).collect();
    for (table, columns) in KEPT {
        all.push(format!("SELECT {columns} FROM {table}"));
        all.extend(columns.split(", ").map(|column| format!("SELECT {column} FROM {table}")));
        all.extend([0, 1, 3, 7, 1000].map(|limit| format!("SELECT {columns} FROM {table} LIMIT {limit}")));
        all.extend(conditions.iter().map(|condition| format!("SELECT {columns} FROM {table} WHERE {condition}")));
        let other = if table == "decisions" { "conformance <> 'conforming'" } else { "view = 'true'" };
        all.push(format!("SELECT {columns} FROM {table} WHERE seq > 20 AND {other} LIMIT 4"));
    }
    all
}

#[test]
fn kept_verdicts_answer_as_judging_does_and_without_the_journal() {
    let (mut answered, mut several) = (0, 0);
    for seed in 0..6 {
        let scratch = random(seed);
        let ledger = scratch.path();
        assert!(!reads_kept(&ledger, QUESTIONS[0]), "nothing is kept yet");
        let questions = questions(&ledger);
        let before: Vec<Vec<Value>> = questions.iter().map(|sql| ask(&ledger, sql)).collect();
        keep(&scratch);
        for (sql, expected) in questions.iter().zip(before) {
            assert_eq!(ask(&ledger, sql), expected, "seed {seed}: {sql}");
            answered += usize::from(!expected.is_empty());
            // What can hold for no row is not scanned.
            let is_scanned = !explained(&ledger, sql).contains("EmptyExec");
            assert!(!is_scanned || reads_kept(&ledger, sql), "{sql}");
        }
        for sql in QUESTIONS {
            assert_eq!(ask_anew(&ledger, sql), ask(&ledger, sql), "seed {seed}: {sql}");
            let counts = ["entries_read", "decisions_judged"].map(|name| counted(&ledger, sql, name));
            assert_eq!(counts, [0, 0], "seed {seed}: {sql}");
            assert!(counted(&ledger, sql, "decisions_looked_up") > 0, "seed {seed}: {sql}");
        }
        // A rule that fired about several uses is as many rows.
        let sql =
            "SELECT max(n) AS n FROM (SELECT count(*) AS n FROM rules_fired GROUP BY seq, view, rule, policy, version)";
        assert!(reads_kept(&ledger, sql));
        several += u64::from(ask(&ledger, sql)[0]["n"].as_u64() > Some(1));
        if seed == 0 {
            check_ledger(&scratch);
        }
    }
    assert!(answered > 300 && several > 1, "{answered} {several}");
}

#[test]
fn whatever_is_not_kept_is_read_from_the_journal_by_every_scan() {
    let scratch = random(3);
    let ledger = scratch.path();
    keep(&scratch);
    let document = document();
    for table in TABLES.iter() {
        let kept = KEPT.iter().find(|(name, _)| *name == table.name).map_or("", |(_, columns)| columns);
        for column in &table.columns {
            let sql = format!("SELECT {} FROM {}", column.name, table.name);
            let is_kept = kept.split(", ").any(|name| name == column.name);
            assert_eq!(reads_kept(&ledger, &sql), is_kept, "{sql}");
        }
        let listed = format!("| `{}` | `{}` |", table.name, kept.replace(", ", "`, `"));
        assert_eq!(document.contains(&listed), !kept.is_empty(), "docs/sql.md: {listed}");
    }
    for sql in [
        "SELECT conformance FROM decisions WHERE account = 'facebook/s1'",
        "SELECT v.verdict, e.kind FROM verdicts v JOIN entries e USING (seq) ORDER BY v.seq, v.view",
        "SELECT v.seq FROM verdicts v WHERE seq IN (SELECT seq FROM uses) ORDER BY seq",
        "SELECT rule FROM rules_fired WHERE use_seq IS NULL",
        "SELECT count(*) AS n FROM uses",
        "SELECT d.region, r.rule FROM decisions d JOIN rules_fired r USING (seq) ORDER BY r.seq, r.view, r.rule",
    ] {
        assert!(!reads_kept(&ledger, sql), "{sql}");
        assert_eq!(ask(&ledger, sql), ask_anew(&ledger, sql), "{sql}");
    }
    let plan = |arguments: &[&str]| {
        let output = run(&[&["--ledger", text(&ledger), "--csv"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let (sql, last) = ("EXPLAIN SELECT verdict FROM verdicts", (scratch.read().size().expect("known") - 1).to_string());
    assert!(plan(&[sql]).contains("from kept verdicts"));
    assert!(plan(&["--judge", sql]).contains("from the journal"));
    assert!(plan(&["--as-of", &last, sql]).contains("from the journal"));
}

#[test]
fn verdicts_kept_for_another_state_or_damaged_are_not_used() {
    let scratch = random(2);
    let (ledger, sql) = (scratch.path(), QUESTIONS[1]);
    keep(&scratch);
    let judged = ask_anew(&ledger, sql);
    let file = ledger.join("verdicts/kept");
    let whole = std::fs::read(&file).expect("kept");
    let damaged = (0..whole.len()).step_by(whole.len() / 23).chain([whole.len() - 1]).map(|place| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    });
    let cut = [0, 10, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec());
    for bytes in damaged.chain(cut) {
        std::fs::write(&file, &bytes).expect("written");
        assert!(!reads_kept(&ledger, sql));
        assert_eq!(ask(&ledger, sql), judged);
    }
    std::fs::write(&file, &whole).expect("written");
    assert!(reads_kept(&ledger, sql));
    // One more entry.
    let earlier = scratch.copied();
    let append = |event: Value| {
        let appended = scratch.open();
        appended.append(facts(&[event])).expect("appended");
        appended.close().expect("closed");
    };
    append(events::age("more", "facebook/s1"));
    assert!(!reads_kept(&ledger, sql));
    // One that the tree does not have yet: its writer was killed before.
    let killed = earlier.copied();
    common::copy_folder(&ledger.join("journal"), &killed.path().join("journal"));
    assert!(!reads_kept(&killed.path(), sql));
    assert_eq!(ask(&killed.path(), sql), ask(&ledger, sql));
    // The folder was put back, but for what was signed since.
    let rolled_back = earlier.copied();
    std::fs::copy(ledger.join("checkpoint"), rolled_back.path().join("checkpoint")).expect("copied");
    let output = run(&["--ledger", text(&rolled_back.path()), sql]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{}", errors(&output));
    // An erasure is an entry.
    append(events::erased("gone", "facebook/s1", "all"));
    assert!(!reads_kept(&ledger, sql));
    let erased = "SELECT count(*) AS n FROM decisions WHERE conformance = 'erased'";
    assert_eq!(ask(&ledger, erased), ask_anew(&ledger, erased));
    keep(&scratch);
    assert!(reads_kept(&ledger, erased));
    assert_eq!(ask(&ledger, erased), ask_anew(&ledger, erased));
    check_ledger(&scratch);
}

/// Decisions for several blocks, some of each kind.
fn many() -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut all = vec![events::policy("p")];
    for account in 0..40 {
        let (name, chat, signal) = (format!("facebook/{account}"), format!("i{account}"), format!("s{account}"));
        all.push(events::chat(&chat, &name, "a secret"));
        all.push(events::signal(&signal, &name, &chat));
    }
    for number in 0..9_000 {
        let account = number % 40;
        let cited = if number % 7 == 0 { "nowhere".to_owned() } else { format!("s{account}") };
        let mut made = events::decision(&format!("d{number}"), &format!("facebook/{account}"), &cited);
        made["time"] = format!("2025-12-{:02}T{:02}:00:00Z", 21 + number / 1_800, number % 24).into();
        if number % 5 == 0 {
            made["data"]["outcome"] = "suppressed".into();
        }
        all.push(made);
    }
    all.chunks(1_000).for_each(|some| drop(import(&ledger, some, Clock::Ledger)));
    ledger.close().expect("closed");
    scratch
}

#[test]
fn a_scan_of_kept_verdicts_passes_over_blocks_and_ends_with_its_limit() {
    let scratch = many();
    let ledger = scratch.path();
    keep(&scratch);
    for (table, columns) in KEPT {
        for condition in
            ["seq >= 0", "seq BETWEEN 4000 AND 4300", "seq > 9000", "occurred_at >= TIMESTAMP '2025-12-25T00:00:00Z'"]
        {
            for limit in ["", " LIMIT 10", " LIMIT 9000"] {
                let sql = format!("SELECT {columns} FROM {table} WHERE {condition}{limit}");
                assert!(reads_kept(&ledger, &sql), "{sql}");
                assert_eq!(ask(&ledger, &sql), ask_anew(&ledger, &sql), "{sql}");
            }
        }
    }
    let looked_up = |sql: &str| counted(&ledger, sql, "decisions_looked_up");
    assert_eq!(looked_up("SELECT seq FROM verdicts WHERE seq BETWEEN 4000 AND 4300"), 301);
    assert_eq!(looked_up("SELECT seq FROM decisions"), 9_000);
    assert!(looked_up("SELECT seq FROM decisions LIMIT 3") <= 3 * 4096);
}

#[test]
fn a_session_stays_at_the_state_that_was_kept() {
    let scratch = random(4);
    keep(&scratch);
    let pool = query::memory(1 << 30);
    let source = Arc::new(Source::open(&scratch.path(), AsOf::default(), pool.clone()).expect("opens"));
    let session = query::over_ledger(&source, pool).expect("a session");
    let size = scratch.read().size().expect("known");
    let asked = |sql: &str| rows(async { session.clone() }, sql);
    let before = asked(QUESTIONS[1]);
    let ledger = scratch.open();
    ledger.append(facts(&[events::age("more", "facebook/s1")])).expect("appended");
    ledger.close().expect("closed");
    assert_eq!(asked(QUESTIONS[1]), before);
    assert_eq!(asked("SELECT count(*) AS n FROM entries"), [json!({ "n": size })]);
    assert_eq!(ask(&scratch.path(), "SELECT count(*) AS n FROM entries"), [json!({ "n": size + 1 })]);
    check_ledger(&scratch);
}
