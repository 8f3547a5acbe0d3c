//! Tables against the ledger: every count that SQL gives is the one that `replay --json` gives, whatever a scan is
//! narrowed to, from the ledger and from its export, in this program and in those of others.

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/oracle/population.rs"]
mod population;

#[path = "sql/kept.rs"]
mod kept;
#[path = "sql/report.rs"]
mod report;

use common::{Scratch, check_ledger, events, import, replay_of};
use inforce::cli::AsOf;
use inforce::ledger::Clock;
use inforce_sql::export::{Format, export};
use inforce_sql::output::{Form, print};
use inforce_sql::query;
use inforce_sql::source::Source;
use inforce_sql::tables::TABLES;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// A ledger of a random population.
fn random(seed: u64) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    import(&ledger, &population::population(seed, 60 + (seed % 4) as usize * 60), Clock::Recorded);
    ledger.close().expect("closed");
    scratch
}

fn rows(session: impl Future<Output = datafusion::prelude::SessionContext>, sql: &str) -> Vec<Value> {
    let mut out = Vec::new();
    let runtime = query::runtime().expect("threads");
    runtime.block_on(async {
        let session = session.await;
        let rows = query::ask(&session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        print(rows, Form::Json, &mut out).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    });
    String::from_utf8(out).expect("UTF-8").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What a query over the ledger gives, as JSON.
fn ask(ledger: &Path, sql: &str) -> Vec<Value> {
    let session = async {
        let pool = query::memory(1 << 30);
        let source = Source::open(ledger, AsOf::default(), pool.clone()).expect("opens");
        query::over_ledger(&Arc::new(source), pool).expect("a session")
    };
    rows(session, sql)
}

/// What the same gives over an export.
fn ask_export(dir: &Path, sql: &str) -> Vec<Value> {
    rows(async { query::over_export(dir, query::memory(1 << 30)).await.expect("an export") }, sql)
}

/// The program.
fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inforce-sql")).args(args).env_remove("INFORCE_LEDGER").output().expect("it runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

type Counts = BTreeMap<String, u64>;

/// Rows of names and a last column `n`, as one map.
fn counted(rows: Vec<Value>) -> Counts {
    let count = |row: Value| {
        let Value::Object(mut row) = row else { panic!("an object") };
        let n = row.remove("n").and_then(|n| n.as_u64()).expect("a count");
        let names: Vec<String> =
            row.values().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)).collect();
        (names.join(" "), n)
    };
    rows.into_iter().map(count).collect()
}

/// The counts that a replay gives, by the queries that must give the same.
fn expected(replayed: &[Value]) -> BTreeMap<&'static str, Counts> {
    let mut all: BTreeMap<&'static str, Counts> = QUERIES.iter().map(|&sql| (sql, Counts::new())).collect();
    let mut count =
        |query: usize, name: String| *all.get_mut(QUERIES[query]).expect("a query").entry(name).or_default() += 1;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for line in replayed {
        count(0, text(&line["conformance"]));
        count(1, text(&line["integrity"]));
        count(5, text(&line["outcome"]));
        for view in ["known", "true"] {
            count(2, format!("{view} {}", text(&line[view]["verdict"])));
            for rule in line[view]["rules"].as_array().expect("rules") {
                let (policy, version, used) = (text(&rule["policy"]), text(&rule["version"]), text(&rule["use"]["id"]));
                count(3, format!("{view} {} {policy} {version} {used}", text(&rule["id"])));
            }
            for finding in line[view]["findings"].as_array().expect("findings") {
                count(4, format!("{view} {}", text(&finding["id"])));
            }
            let rules: std::collections::BTreeSet<String> =
                line[view]["rules"].as_array().expect("rules").iter().map(|rule| text(&rule["id"])).collect();
            for rule in rules {
                count(6, format!("{view} {rule} {}", text(&line["conformance"])));
            }
        }
    }
    all
}

const QUERIES: [&str; 7] = [
    "SELECT conformance, count(*) AS n FROM decisions GROUP BY conformance",
    "SELECT integrity, count(*) AS n FROM decisions GROUP BY integrity",
    "SELECT view, verdict, count(*) AS n FROM verdicts GROUP BY view, verdict",
    "SELECT view, rule, policy, version, use_id, count(*) AS n FROM rules_fired GROUP BY ALL",
    "SELECT view, finding, count(*) AS n FROM findings GROUP BY view, finding",
    "SELECT outcome, count(*) AS n FROM decisions GROUP BY outcome",
    "SELECT r.view, r.rule, d.conformance, count(DISTINCT r.seq) AS n FROM rules_fired r JOIN decisions d USING (seq) GROUP BY ALL",
];

#[test]
fn every_count_is_the_one_that_a_replay_gives() {
    let mut fired = 0;
    for seed in 0..8 {
        let scratch = random(seed);
        let replayed = replay_of(&scratch.read());
        for (sql, counts) in expected(&replayed) {
            fired += counts.len();
            assert_eq!(counted(ask(&scratch.path(), sql)), counts, "seed {seed}: {sql}");
        }
        let size = scratch.read().size().expect("known");
        let entries = ask(&scratch.path(), "SELECT count(*) AS n FROM entries");
        assert_eq!(entries, [json!({ "n": size })]);
        // Each table of one kind of entry has as many rows as there are of the kind, destroyed ones included.
        let kinds = counted(ask(&scratch.path(), "SELECT kind, count(*) AS n FROM entries GROUP BY kind"));
        let of =
            |kinds_of: &[&str]| kinds_of.iter().filter_map(|kind| kinds.get(&format!("inforce.{kind}"))).sum::<u64>();
        for (table, kinds_of) in [
            ("interactions", &["interaction.recorded"][..]),
            ("labels", &["interaction.labelled"]),
            ("signals", &["signal.derived"]),
            ("decisions", &["decision.made"]),
            ("notices", &["notice.recorded"]),
            ("links", &["account.linked", "account.unlinked"]),
            ("preferences", &["preference.changed"]),
            ("consents", &["consent.recorded"]),
            ("policies", &["policy.adopted"]),
        ] {
            let found = ask(&scratch.path(), &format!("SELECT count(*) AS n FROM {table}"));
            assert_eq!(found, [json!({ "n": of(kinds_of) })], "seed {seed}: {table}");
        }
        // What verdicts count of uses and rules is what the other tables list.
        let sql = "SELECT count(*) AS n FROM verdicts v WHERE v.uses <> (SELECT count(*) FROM uses u WHERE u.seq = v.seq AND u.view = v.view) \
                   OR v.rules <> (SELECT count(*) FROM rules_fired r WHERE r.seq = v.seq AND r.view = v.view)";
        assert_eq!(ask(&scratch.path(), sql), [json!({ "n": 0 })], "seed {seed}");
        if seed == 0 {
            check_ledger(&scratch);
        }
    }
    assert!(fired > 200, "the populations are too quiet: {fired}");
}

/// What a row must be for a condition to hold.
type Holds = Box<dyn Fn(&Value) -> bool>;

fn time(value: &Value) -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339(value.as_str().expect("a time")).expect("RFC 3339")
}

/// Conditions, each with a reading of it that no engine takes part in.
fn conditions(ledger: &Path) -> Vec<(String, Holds)> {
    let sql = "SELECT * FROM decisions WHERE account IS NOT NULL ORDER BY seq LIMIT 1 OFFSET 5";
    let some = ask(ledger, sql).remove(0);
    let sql = "SELECT account FROM entries WHERE account IS NOT NULL ORDER BY account DESC LIMIT 1";
    let other = ask(ledger, sql).remove(0)["account"].clone();
    let (account, seq) = (some["account"].clone(), some["seq"].as_u64().expect("a seq"));
    let name = |value: &Value| value.as_str().expect("a text").to_owned();
    let (one, two) = (name(&account), name(&other));
    let is = |accounts: Vec<Value>| -> Holds { Box::new(move |row| accounts.contains(&row["account"])) };
    let within = |range: std::ops::RangeInclusive<u64>| -> Holds {
        Box::new(move |row| range.contains(&row["seq"].as_u64().expect("a seq")))
    };
    let mut all: Vec<(String, Holds)> = vec![
        (format!("account = '{one}'"), is(vec![account.clone()])),
        (format!("account IN ('{one}', '{two}')"), is(vec![account.clone(), other.clone()])),
        (format!("account = '{one}' AND account = '{two}!'"), is(vec![])),
        (format!("seq <= {seq}"), within(0..=seq)),
        (format!("seq BETWEEN 3 AND {seq}"), within(3..=seq)),
        (format!("{seq} = seq"), within(seq..=seq)),
    ];
    for column in ["occurred_at", "recorded_at"] {
        let bound = time(&some[column]);
        let ops: [(&str, fn(std::cmp::Ordering) -> bool); 5] = [
            ("=", |o| o.is_eq()),
            ("<", |o| o.is_lt()),
            ("<=", |o| o.is_le()),
            (">", |o| o.is_gt()),
            (">=", |o| o.is_ge()),
        ];
        for (op, holds) in ops {
            let holds: Holds = Box::new(move |row| holds(time(&row[column]).cmp(&bound)));
            all.push((format!("{column} {op} '{}'", name(&some[column])), holds));
        }
        let (from, until) = ("2025-12-18T02:00:00+02:00", "2025-12-19T00:00:00Z");
        let day = (time(&json!(from)), time(&json!(until)));
        let holds: Holds = Box::new(move |row| (day.0..day.1).contains(&time(&row[column])));
        all.push((format!("{column} >= TIMESTAMP '{from}' AND {column} < TIMESTAMP '{until}'"), holds));
    }
    all
}

#[test]
fn what_a_scan_is_narrowed_by_changes_what_is_done_and_never_what_is_answered() {
    let scratch = random(3);
    let ledger = scratch.path();
    let all = ask(&ledger, "SELECT count(*) AS n FROM decisions")[0]["n"].as_u64().expect("a count");
    let (mut narrowed, mut answered) = (0, 0);
    let conditions = conditions(&ledger);
    for table in ["entries", "decisions", "verdicts", "rules_fired", "interactions", "uses"] {
        let whole = ask(&ledger, &format!("SELECT * FROM {table}"));
        let everything = judged(&ledger, &format!("SELECT * FROM {table}"), table);
        assert_eq!(everything, if is_judged(table) { all } else { 0 }, "{table}");
        for (condition, holds) in &conditions {
            let sql = format!("SELECT * FROM {table} WHERE {condition}");
            let rows = ask(&ledger, &sql);
            answered += rows.len();
            assert_eq!(rows, whole.iter().filter(|row| holds(row)).cloned().collect::<Vec<_>>(), "{sql}");
            let fewer = judged(&ledger, &sql, table);
            let wanted: std::collections::BTreeSet<u64> = ask(&ledger, &sql.replace(table, "decisions"))
                .iter()
                .map(|row| row["seq"].as_u64().expect("a seq"))
                .collect();
            assert_eq!(fewer, if is_judged(table) { wanted.len() as u64 } else { 0 }, "{sql}");
            narrowed += u64::from(fewer < all && is_judged(table));
        }
    }
    for (condition, _) in &conditions {
        let plan = explained(&ledger, &format!("SELECT seq FROM verdicts WHERE {condition}"));
        assert!(!plan.contains("FilterExec"), "{condition}: {plan}");
    }
    assert!(narrowed > 20 && answered > 100, "{narrowed} {answered}");
    let of_kind = "SELECT count(*) AS n FROM entries WHERE kind = 'inforce.decision.made'";
    assert_eq!(ask(&ledger, of_kind), [json!({ "n": all })]);
    assert!(!explained(&ledger, of_kind).contains("FilterExec"));
    // What only the facts are asked for is not judged at all, and a limit ends the judging.
    assert_eq!(judged(&ledger, "SELECT outcome, count(*) FROM decisions GROUP BY outcome", "decisions"), 0);
    assert_eq!(ask(&ledger, "SELECT seq FROM verdicts LIMIT 3").len(), 3);
    check_ledger(&scratch);
}

/// The physical plan of a query.
fn explained(ledger: &Path, sql: &str) -> String {
    let plans = ask(ledger, &format!("EXPLAIN {sql}"));
    let plan = plans.iter().find(|plan| plan["plan_type"] == "physical_plan").unwrap_or_else(|| panic!("{plans:?}"));
    plan["plan"].as_str().expect("a plan").to_owned()
}

fn is_judged(table: &str) -> bool {
    !matches!(table, "entries" | "interactions")
}

/// How many decisions a query has judged.
fn judged(ledger: &Path, sql: &str, table: &str) -> u64 {
    let plan = ask(ledger, &format!("EXPLAIN ANALYZE {sql}"));
    let plan = plan[0]["plan"].as_str().expect("a plan").to_owned();
    // Of what can hold for no row there is no scan.
    let Some(scan) = plan.lines().find(|line| line.contains(&format!("LedgerScan: {table}"))) else {
        assert!(plan.contains("EmptyExec"), "{plan}");
        return 0;
    };
    let (_, rest) = scan.split_once("decisions_judged=").unwrap_or_else(|| panic!("{scan}"));
    rest.split([',', ']']).next().and_then(|n| n.trim().parse().ok()).unwrap_or_else(|| panic!("{scan}"))
}

#[test]
fn a_query_only_reads() {
    let scratch = random(1);
    let (dir, ledger) = (scratch.dir.path(), scratch.path());
    let outside = dir.join("outside.csv");
    std::fs::write(&outside, "a\n1\n").expect("written");
    let copied = dir.join("copied.csv");
    let refused = [
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "CREATE VIEW x AS SELECT 1".to_owned(),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{}'", outside.display()),
        format!("COPY (SELECT 1) TO '{}'", copied.display()),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'", copied.display()),
        "INSERT INTO consents SELECT * FROM consents".to_owned(),
        "DELETE FROM consents".to_owned(),
        "UPDATE consents SET state = 'given'".to_owned(),
        "DROP TABLE consents".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "PREPARE x AS SELECT 1".to_owned(),
        format!("SELECT * FROM '{}'", outside.display()),
        "SELECT nothing FROM entries".to_owned(),
        "SELEC 1".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
    ];
    for sql in refused {
        let output = run(&["--ledger", text(&ledger), &sql]);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{sql}: {output:?}");
        assert!(output.stdout.is_empty(), "{sql}");
        let error = errors(&output);
        assert_eq!(error.lines().count(), 1, "{sql}: {error}");
        println!("{sql}\n    {}", error.trim());
    }
    assert!(!copied.exists());
    check_ledger(&scratch);
}

#[test]
fn a_ledger_that_was_tampered_with_gives_no_answer() {
    let scratch = random(2);
    let segment = scratch.path().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    for sql in ["SELECT count(*) FROM entries", "SELECT count(*) FROM verdicts", "SELECT source FROM notices LIMIT 1"] {
        let output = run(&["--ledger", text(&scratch.path()), "--json", sql]);
        assert_eq!(output.status.code(), Some(3), "{sql}: {}", errors(&output));
        assert!(output.stdout.is_empty(), "{sql}");
        assert!(errors(&output).contains("no answer is given"), "{}", errors(&output));
    }
    let made = scratch.dir.path().join("export");
    let output = run(&["export", "--ledger", text(&scratch.path()), "--parquet", text(&made)]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(!made.exists());
    let left: Vec<_> =
        std::fs::read_dir(scratch.dir.path()).expect("readable").map(|file| file.expect("one").file_name()).collect();
    assert_eq!(left, ["ledger"], "nothing is left of an export that failed");
}

#[test]
fn the_program_prints_tables_csv_and_json_and_keeps_to_its_memory() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut late = events::event(
        "n",
        "inforce.notice.recorded",
        "facebook/a",
        "2025-10-08T02:00:00+02:00",
        json!({ "policy": "meta-ai-personalization", "channel": "email", "status": "delivered" }),
    );
    late["source"] = json!("//elsewhere");
    import(
        &ledger,
        &[
            events::policy("p"),
            events::chat("i", "facebook/a", "a secret"),
            events::signal("s", "facebook/a", "i"),
            events::decision("d", "facebook/a", "s"),
            late,
        ],
        Clock::Ledger,
    );
    ledger.close().expect("closed");
    let path = scratch.path();
    let ask = |args: &[&str]| {
        let output = run(&[&["--ledger", text(&path)], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let sql = "SELECT seq, source, occurred_at, occurred_offset_s, cites FROM entries WHERE seq IN (3, 4) ORDER BY seq";
    assert_eq!(
        ask(&[sql]),
        "seq  source       occurred_at           occurred_offset_s  cites\n───  ───────────  ────────────────────  ─────────────────  ─────\n  3  //test       2025-12-24T18:00:00Z                  0  [2]\n  4  //elsewhere  2025-10-08T00:00:00Z               7200  []\n"
    );
    assert_eq!(
        ask(&["--csv", sql]),
        "seq,source,occurred_at,occurred_offset_s,cites\n3,//test,2025-12-24T18:00:00Z,0,[2]\n4,//elsewhere,2025-10-08T00:00:00Z,7200,[]\n"
    );
    assert_eq!(
        ask(&["--json", "SELECT seq, id, region FROM interactions"]),
        "{\"seq\":1,\"id\":\"i\",\"region\":\"US\"}\n"
    );
    assert_eq!(ask(&["--csv", "SELECT seq, id FROM consents"]), "seq,id\n");
    assert_eq!(ask(&["--json", "--as-of", "2", "SELECT count(*) AS n FROM entries"]), "{\"n\":3}\n");
    assert_eq!(ask(&["--json", "--as-of", "2", "SELECT count(*) AS n FROM verdicts"]), "{\"n\":0}\n");
    // Known, as recorded, was no notice: it came late.
    assert_eq!(
        ask(&["--json", "SELECT view, verdict FROM verdicts ORDER BY view"]),
        "{\"view\":\"known\",\"verdict\":\"deny\"}\n{\"view\":\"true\",\"verdict\":\"indeterminate\"}\n"
    );
    assert_eq!(
        ask(&["--json", "SELECT lag_s > 0 AS late, refs FROM findings WHERE finding = 'late-fact'"]),
        "{\"late\":true,\"refs\":[4]}\n"
    );
    let beyond = run(&["--ledger", text(&path), "--as-of", "99", "SELECT 1 FROM entries"]);
    assert_eq!(beyond.status.code(), Some(2), "{}", errors(&beyond));
    let no_ledger = run(&["SELECT 1"]);
    assert_eq!(no_ledger.status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
    let little = run(&["--ledger", text(&path), "--memory", "0", "SELECT * FROM entries"]);
    assert_eq!((little.status.code(), little.stdout.len()), (Some(1), 0), "{}", errors(&little));
    for table in TABLES.iter() {
        assert!(!ask(&["--json", &format!("SELECT * FROM {}", table.name)]).contains("a secret"), "{}", table.name);
    }
    check_ledger(&scratch);
}

#[test]
fn of_what_was_destroyed_only_the_header_is_left() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let (a, b) = ("facebook/a", "facebook/b");
    let of = |account: &str, tag: &str| {
        [
            events::chat(&format!("i{tag}"), account, "a secret"),
            events::signal(&format!("s{tag}"), account, &format!("i{tag}")),
            events::decision(&format!("d{tag}"), account, &format!("s{tag}")),
        ]
    };
    import(
        &ledger,
        &[vec![events::policy("p")], of(a, "a").to_vec(), of(b, "b").to_vec(), vec![events::erased("e", a, "all")]]
            .concat(),
        Clock::Ledger,
    );
    ledger.close().expect("closed");
    let path = scratch.path();
    let gone = ask(
        &path,
        "SELECT count(*) AS n FROM entries WHERE destroyed AND source IS NULL AND id IS NULL AND account IS NULL AND occurred_at IS NOT NULL",
    );
    assert_eq!(gone, [json!({ "n": 3 })]);
    let interactions = ask(&path, "SELECT id, agent, region, context FROM interactions ORDER BY seq");
    assert_eq!(interactions[0], json!({ "id": null, "agent": null, "region": null, "context": null }));
    assert_eq!(interactions[1]["agent"], "assistant");
    let decisions = ask(&path, "SELECT id, outcome, conformance, integrity FROM decisions ORDER BY seq");
    assert_eq!(decisions[0], json!({ "id": null, "outcome": null, "conformance": "erased", "integrity": "erased" }));
    assert_eq!(
        ask(&path, "SELECT rule FROM rules_fired WHERE seq = 3 AND view = 'known'"),
        [json!({ "rule": "erased-evidence" })]
    );
    let dir = scratch.dir.path().join("export");
    written(&path, Format::Parquet, &dir);
    written(&path, Format::Csv, &scratch.dir.path().join("csv"));
    for file in files(scratch.dir.path()).iter().filter(|file| !file.starts_with(&path)) {
        let bytes = std::fs::read(file).expect("readable");
        assert!(!bytes.windows(8).any(|window| window == b"a secret"), "{}", file.display());
    }
    check_ledger(&scratch);
}

fn written(ledger: &Path, format: Format, dir: &Path) -> Value {
    let source = Source::open(ledger, AsOf::default(), query::memory(usize::MAX)).expect("opens");
    export(&source, ledger, format, dir).expect("written")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(dir).expect("readable") {
        let path = file.expect("readable").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

#[test]
fn an_export_answers_as_the_ledger_does() {
    for seed in [4, 5] {
        let scratch = random(seed);
        let (ledger, dir) = (scratch.path(), scratch.dir.path().join("out"));
        let told = written(&ledger, Format::Parquet, &dir);
        for table in TABLES.iter() {
            // Row by row, every column.
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
            let sorted = |mut rows: Vec<Value>| {
                rows.sort_by_key(Value::to_string);
                rows
            };
            let rows = sorted(ask(&ledger, &sql));
            assert_eq!(told["tables"][table.name], rows.len(), "{}", table.name);
            assert_eq!(sorted(ask_export(&dir, &sql)), rows, "seed {seed}: {}", table.name);
            let wrong_day = format!("SELECT count(*) AS n FROM {} WHERE CAST(occurred_at AS DATE) <> day", table.name);
            assert_eq!(ask_export(&dir, &wrong_day), [json!({ "n": 0 })]);
        }
        for (sql, counts) in expected(&replay_of(&scratch.read())) {
            assert_eq!(counted(ask_export(&dir, sql)), counts, "seed {seed}: {sql}");
        }
        // The same ledger gives the same bytes.
        let again = scratch.dir.path().join("again");
        written(&ledger, Format::Parquet, &again);
        let (one, other) = (files(&dir), files(&again));
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.strip_prefix(&dir).expect("below"), other.strip_prefix(&again).expect("below"));
            assert_eq!(
                std::fs::read(one).expect("readable"),
                std::fs::read(other).expect("readable"),
                "{}",
                one.display()
            );
        }
        #[cfg(unix)]
        for file in &one {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().expect("there").permissions().mode() & 0o77, 0, "{}", file.display());
        }
        let csv = scratch.dir.path().join("csv");
        let told_csv = written(&ledger, Format::Csv, &csv);
        assert_eq!(told_csv["tables"], told["tables"]);
        assert_eq!(files(&csv).len(), TABLES.len() + 1);
        let refused = |place: &Path| {
            let output = run(&["export", "--ledger", text(&ledger), "--csv", text(place)]);
            assert_eq!(output.status.code(), Some(1));
            errors(&output)
        };
        assert!(refused(&dir).contains("is not empty"));
        assert!(refused(&ledger.join("out")).contains("is in the folder of the ledger"));
        assert_eq!(run(&["--parquet", text(&csv), "SELECT 1"]).status.code(), Some(1), "CSV is not asked");
        let output = run(&["--parquet", text(&dir), "--json", "SELECT count(*) AS n FROM verdicts"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{{\"n\":{}}}\n", told["tables"]["verdicts"]));
        check_ledger(&scratch);
    }
}

/// Runs tests/outside/tables.py. `None`, with the reason printed, where its packages are not there and nobody said that
/// they are.
fn outside(args: &[&str]) -> Option<Value> {
    let wanted = std::env::var_os("INFORCE_PYTHON");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/outside/tables.py");
    let program = wanted.clone().unwrap_or_else(|| "python3".into());
    let output = match Command::new(&program).arg(&script).args(args).output() {
        Ok(output) => output,
        Err(error) if wanted.is_none() => {
            println!("skipped: python3: {error}");
            return None;
        }
        Err(error) => panic!("{}: {error}", program.display()),
    };
    if output.status.code() == Some(77) && wanted.is_none() {
        println!("skipped: python3 lacks what tests/outside/requirements.txt lists: {}", errors(&output).trim());
        return None;
    }
    assert!(output.status.success(), "{}", errors(&output));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn duckdb_and_pandas_count_the_same_in_an_export() {
    let scratch = random(7);
    let (parquet, csv) = (scratch.dir.path().join("parquet"), scratch.dir.path().join("csv"));
    let told = written(&scratch.path(), Format::Parquet, &parquet);
    written(&scratch.path(), Format::Csv, &csv);
    let Some(read) = outside(&[text(&parquet), text(&csv)]) else { return };
    let some = |tables: &Value| {
        let tables = tables.as_object().expect("an object").iter().filter(|(_, rows)| **rows != json!(0));
        tables.map(|(name, rows)| (name.clone(), rows.as_u64().expect("a count"))).collect::<Counts>()
    };
    for by in ["duckdb", "pandas", "csv"] {
        assert_eq!(some(&read[by]["tables"]), some(&told["tables"]), "{by}");
        let rules = "SELECT view, rule, count(*) AS n FROM rules_fired GROUP BY view, rule";
        assert_eq!(some(&read[by]["rules"]), counted(ask(&scratch.path(), rules)), "{by}");
        let first = "SELECT CAST(min(occurred_at) AS VARCHAR) AS first, CAST(max(occurred_at) AS VARCHAR) AS last FROM decisions";
        assert_eq!(read[by]["span"], ask(&scratch.path(), first)[0], "{by}");
    }
    check_ledger(&scratch);
}

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md");
    std::fs::read_to_string(path).expect("docs/sql.md")
}

#[test]
fn the_document_lists_every_table_and_column_with_its_type() {
    let document = document();
    for table in TABLES.iter() {
        let (_, rest) = document
            .split_once(&format!("### `{}`", table.name))
            .unwrap_or_else(|| panic!("docs/sql.md: no `{}`", table.name));
        let part = rest.split("\n##").next().expect("a part");
        let listed: Vec<(String, String)> = part
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .filter_map(|(name, rest)| Some((name.to_owned(), rest.split_once(" |")?.0.to_owned())))
            .collect();
        let own = table.columns[8..].iter().map(|column| (column.name.to_owned(), column.holds.name().to_owned()));
        assert_eq!(listed, own.collect::<Vec<_>>(), "docs/sql.md: `{}`", table.name);
    }
    let (_, common) = document.split_once("### Every table").expect("the columns of every table");
    for column in &TABLES[0].columns[..8] {
        assert!(common.contains(&format!("| `{}` | {} |", column.name, column.holds.name())), "{}", column.name);
    }
}

#[test]
fn the_examples_of_the_document_run() {
    let scratch = random(6);
    let document = document();
    let examples: Vec<&str> =
        document.split("```sql\n").skip(1).map(|rest| rest.split("```").next().expect("it ends")).collect();
    assert!(examples.len() >= 8, "{}", examples.len());
    let mut answered = 0;
    for example in &examples {
        answered += usize::from(!ask(&scratch.path(), example).is_empty());
    }
    assert!(answered * 2 > examples.len(), "{answered} of {} give rows", examples.len());
}
