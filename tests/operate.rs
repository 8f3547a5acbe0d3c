//! What an operator meets: clocks that jump, the status and its metrics, the commands that keep a ledger, and refusals.

mod common;

use common::events::{age, chat};
use common::{Scratch, check_ledger, facts, import};
use inforce::fact::Instant;
use inforce::ledger::{Clock, Ledger, LedgerError, Metrics, Options};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicI64, Ordering};

/// The clock of the test that is about clocks, in nanoseconds.
static NOW: AtomicI64 = AtomicI64::new(0);
const DAY: i64 = 86_400_000_000_000;

fn now() -> Instant {
    Instant(NOW.load(Ordering::SeqCst))
}

#[test]
fn a_clock_that_jumps_back_is_held_and_one_that_jumps_years_ahead_is_refused() {
    let scratch = Scratch::new();
    let start = inforce::ledger::system_now().0;
    let at = |days: i64| NOW.store(start + days * DAY, Ordering::SeqCst);
    let open = |trust_clock| {
        Ledger::open_with(&scratch.path(), &Options { now, trust_clock, ..Options::default() }).expect("opens")
    };
    let recorded = |ledger: &Ledger, seq| ledger.entry(seq).expect("read").expect("there").header.recorded_at.0;
    at(0);
    let ledger = open(false);
    let append = |ledger: &Ledger, id: &str| ledger.append(facts(&[age(id, "facebook/a")]));
    append(&ledger, "1").expect("appended");
    // Days ahead, and back: never earlier than what stands before.
    at(30);
    append(&ledger, "2").expect("appended");
    at(10);
    append(&ledger, "3").expect("appended");
    assert_eq!(recorded(&ledger, 2), start + 30 * DAY);
    at(31);
    append(&ledger, "4").expect("appended");
    assert_eq!(recorded(&ledger, 3), start + 31 * DAY);
    // Years ahead: refused, nothing appended, and gone on with once the clock is right.
    at(4000);
    let refused = append(&ledger, "5");
    assert!(matches!(refused, Err(LedgerError::ClockAhead { .. })), "{refused:?}");
    assert_eq!(ledger.size().expect("known"), 4);
    at(32);
    append(&ledger, "5").expect("appended");
    ledger.close().expect("closed");
    // Opened under such a clock: the journal was last written to today.
    at(4000);
    let ledger = open(false);
    assert!(matches!(append(&ledger, "6"), Err(LedgerError::ClockAhead { .. })));
    // A log that is moved in brings its own times.
    let outcome = import(&ledger, &[age("7", "facebook/a")], Clock::Recorded);
    assert!(outcome[0].is_ok(), "{outcome:?}");
    ledger.close().expect("closed");
    let ledger = open(true);
    append(&ledger, "6").expect("somebody said that the clock is right");
    // From here on everything carries that time until the clock has caught up, and the status says so.
    at(33);
    append(&ledger, "8").expect("appended");
    assert_eq!(recorded(&ledger, 7), start + 4000 * DAY);
    assert!(ledger.status().expect("read").clock_behind_s() > 3000 * 86_400);
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

/// A jump that was refused is refused again by the next process: opening and closing leave no trace of such a clock.
#[test]
fn a_clock_that_was_refused_is_refused_again() {
    const YEARS: i64 = 1100 * DAY;
    let long_ago = || Instant(inforce::ledger::system_now().0 - YEARS);
    let scratch = Scratch::empty();
    let options = Options { now: || Instant(inforce::ledger::system_now().0 - YEARS), ..Options::default() };
    let ledger = Ledger::create_with(&scratch.path(), Some("inforce/test"), &options).expect("made");
    ledger.append(facts(&[age("1", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    let since = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(long_ago().0 as u64);
    for name in ["checkpoint", "journal/00000000.seg"] {
        let file = std::fs::File::options().write(true).open(scratch.path().join(name)).expect("opens");
        file.set_modified(since).expect("set");
    }
    for attempt in 0..3 {
        let ledger = scratch.open();
        let refused = ledger.append(facts(&[age("2", "facebook/a")]));
        assert!(matches!(refused, Err(LedgerError::ClockAhead { .. })), "{attempt}: {refused:?}");
    }
    let ledger =
        Ledger::open_with(&scratch.path(), &Options { trust_clock: true, ..Options::default() }).expect("opens");
    ledger.append(facts(&[age("2", "facebook/a")])).expect("somebody said that the clock is right");
    ledger.close().expect("closed");
    scratch.open().append(facts(&[age("3", "facebook/a")])).expect("from then on it is");
    check_ledger(&scratch);
}

/// Holds a text to the rules of Prometheus's text format and of its naming; returns the samples.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':');
        first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
    };
    let (mut families, mut found): (BTreeMap<String, String>, _) = (BTreeMap::new(), BTreeMap::new());
    let (mut helped, mut current) = (String::new(), String::new());
    assert!(text.ends_with('\n') && !text.contains("\n\n"));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, what) = help.split_once(' ').expect("a name and a help");
            assert!(is_name(name) && what.ends_with('.') && !families.contains_key(name), "{line}");
            helped = name.to_owned();
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert!(name == helped && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(name.starts_with("inforce_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            let units = ["bytes", "seconds", "entries", "segments", "total", "info", "locked", "poisoned"];
            assert!(units.iter().any(|unit| name.ends_with(&format!("_{unit}"))), "no unit in {name}");
            families.insert(name.to_owned(), kind.to_owned());
            current = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let (name, labels) = series.split_once('{').map_or((series, None), |(name, rest)| (name, Some(rest)));
        let plain = match families[&current].as_str() {
            "histogram" => ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name),
            _ => name,
        };
        assert!(plain == current, "`{name}` stands under `{current}`");
        for label in
            labels.map(|rest| rest.strip_suffix('}').expect("closed")).unwrap_or_default().split_terminator(',')
        {
            let (key, value) = label.split_once('=').expect("a label");
            assert!(is_name(key) && value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
        }
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("a number: {line}"));
        assert!(value.is_finite() && found.insert(series.to_owned(), value).is_none(), "{line}");
    }
    for name in families.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
        let start = format!("{name}_bucket{{le=\"");
        let mut buckets: Vec<(f64, f64)> = found
            .iter()
            .filter_map(|(series, &value)| {
                let bound = series.strip_prefix(&start)?.strip_suffix("\"}")?;
                Some((if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound") }, value))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.len() > 2 && buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:?}");
        let last = buckets.last().expect("buckets");
        assert!(last.0.is_infinite() && last.1 == found[&format!("{name}_count")]);
        assert!(found.contains_key(&format!("{name}_sum")));
    }
    found
}

#[test]
fn metrics_are_what_prometheus_reads_and_what_the_ledger_did() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    for n in 0..7 {
        ledger
            .append(facts(&[age(&n.to_string(), "facebook/a"), chat(&format!("c{n}"), "facebook/a", "hi")]))
            .expect("appended");
    }
    let metrics = ledger.metrics().expect("read");
    let commits = metrics.commits.expect("this process writes");
    assert_eq!((commits.groups, commits.entries, commits.latency.count), (7, 14, 7));
    assert_eq!((metrics.status.entries, metrics.status.unsigned(), metrics.index_lag), (14, 14, Some(14)));
    assert!(metrics.status.is_written && metrics.status.ahead_bytes > 0);
    let found = samples(&metrics.to_text());
    for (name, value) in [
        ("inforce_ledger_info{origin=\"inforce/test\"}", 1.0),
        ("inforce_ledger_entries", 14.0),
        ("inforce_unsigned_entries", 14.0),
        ("inforce_commits_total", 7.0),
        ("inforce_committed_entries_total", 14.0),
        ("inforce_commit_duration_seconds_count", 7.0),
        ("inforce_journal_unsynced_bytes", 0.0),
        ("inforce_tree_lag_entries", 0.0),
        ("inforce_index_lag_entries", 14.0),
        ("inforce_writer_locked", 1.0),
        ("inforce_writer_poisoned", 0.0),
        ("inforce_checkpoint_entries", 0.0),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }
    assert!(!found.contains_key("inforce_witnessed_entries"), "what is not there is left out");
    ledger.close().expect("closed");
    // From the files alone, by the command.
    let output = run(&["status", "--metrics", "--ledger", &text(&scratch.path())]);
    assert_eq!(output.status.code(), Some(0));
    let found = samples(&String::from_utf8(output.stdout).expect("UTF-8"));
    assert_eq!((found["inforce_ledger_entries"], found["inforce_unsigned_entries"]), (14.0, 0.0));
    assert_eq!((found["inforce_writer_locked"], found.get("inforce_commits_total")), (0.0, None));
    let status = json(&run(&["status", "--json", "--ledger", &text(&scratch.path())]));
    assert_eq!(
        (&status["entries"], &status["checkpoint"]["entries"], &status["writer"]),
        (&14.into(), &14.into(), &false.into())
    );
    assert!(
        status["last_recorded"].is_string() && status["checkpoint"]["age_s"].is_u64() && status["witnessed"].is_null()
    );
    // A name that needs escaping.
    let mut odd: Metrics = scratch.read().status().expect("read").into();
    odd.status.origin = "a\"b\\c".to_owned();
    assert!(samples(&odd.to_text()).contains_key("inforce_ledger_info{origin=\"a\\\"b\\\\c\"}"));
    check_ledger(&scratch);
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inforce")).args(args).output().expect("the program runs")
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

#[test]
fn a_ledger_is_backed_up_restored_moved_and_salvaged_by_commands() {
    let scratch = Scratch::new();
    let ledger =
        Ledger::open_with(&scratch.path(), &Options { segment_len: 1 << 10, ..Options::default() }).expect("opens");
    (0..20).for_each(|n| drop(ledger.append(facts(&[age(&n.to_string(), "facebook/a")])).expect("appended")));
    let (dir, below) = (text(&scratch.path()), |name: &str| text(&scratch.dir.path().join(name)));
    let (backup, restored, cold) = (below("backup"), below("restored"), below("cold"));
    // Beside the writer.
    let made = json(&run(&["backup", "--json", "--with-keyring", "--ledger", &dir, &backup]));
    assert_eq!((&made["entries"], &made["with_keyring"]), (&20.into(), &true.into()));
    let output = run(&["retain", "--json", "--ledger", &dir, "--cold", &cold, "--keep", "1"]);
    assert!(code(&output) == 0 && String::from_utf8_lossy(&output.stdout).lines().count() > 1, "{output:?}");
    ledger.close().expect("closed");
    let made = json(&run(&["restore", "--json", "--published", &dir, &backup, &restored]));
    assert_eq!((&made["entries"], &made["published"]), (&20.into(), &20.into()));
    assert_eq!(code(&run(&["verify", "--ledger", &restored])), 0);
    assert_eq!(code(&run(&["restore", &backup, &restored])), 1, "not over something");
    // Published since: exit 3.
    let ledger = scratch.open();
    ledger.append(facts(&[age("later", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    let output = run(&["restore", "--published", &dir, &backup, &below("other")]);
    assert_eq!(code(&output), 3);
    assert!(String::from_utf8_lossy(&output.stderr).contains("fork"), "{output:?}");
    assert!(!scratch.dir.path().join("other").exists());
    // Not mounted is no damage.
    std::fs::rename(&cold, below("away")).expect("moved");
    assert_eq!(code(&run(&["verify", "--ledger", &dir])), 1);
    std::fs::rename(below("away"), &cold).expect("moved");
    check_ledger(&scratch);
    // Nothing to salvage, and then something.
    assert_eq!(code(&run(&["salvage", &dir, &below("none")])), 1);
    let segment = scratch.path().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    assert_eq!(code(&run(&["verify", "--ledger", &dir])), 3);
    let output = run(&["salvage", "--json", &dir, &below("salvaged")]);
    let made = json(&output);
    assert_eq!((code(&output), &made["lost"], &made["entries"]), (4, &1.into(), &21.into()));
    assert_eq!(code(&run(&["verify", "--ledger", &below("salvaged")])), 0);
}

/// The anchor stands for what was published, and stays behind only where somebody says so.
#[test]
fn a_restore_is_held_to_the_anchor() {
    let scratch = Scratch::empty();
    let anchor = scratch.dir.path().join("anchor");
    let below = |name: &str| text(&scratch.dir.path().join(name));
    let dir = text(&scratch.path());
    assert_eq!(code(&run(&["init", "--ledger", &dir, "--anchor", &text(&anchor)])), 0);
    let append = |id: &str| {
        let ledger = scratch.open();
        ledger.append(facts(&[age(id, "facebook/a")])).expect("appended");
        ledger.close().expect("closed");
    };
    append("1");
    assert_eq!(code(&run(&["backup", "--with-keyring", "--ledger", &dir, &below("backup")])), 0);
    append("2");
    assert_eq!(code(&run(&["restore", &below("backup"), &below("refused")])), 3);
    std::fs::rename(&anchor, below("away")).expect("moved");
    let output = run(&["restore", &below("backup"), &below("elsewhere")]);
    assert_eq!(code(&output), 3);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--without-anchor"), "{output:?}");
    let output = run(&["restore", "--without-anchor", "--json", &below("backup"), &below("elsewhere")]);
    assert_eq!((code(&output), &json(&output)["published"]), (0, &Value::Null));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the anchor"), "{output:?}");
    assert_eq!(code(&run(&["verify", "--ledger", &below("elsewhere")])), 0);
}

/// What is wrong with each file, what to do, and the code.
#[test]
fn a_file_that_is_missing_or_changed_is_named_with_the_way_out() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&[age("1", "facebook/a")])).expect("appended");
    ledger.close().expect("closed");
    let config = std::fs::read_to_string(scratch.path().join("ledger.toml")).expect("readable");
    let changes: [(&str, Option<Vec<u8>>, i32, &str); 9] = [
        ("ledger.toml", None, 1, "it has no `ledger.toml`; `inforce init`"),
        ("ledger.toml", Some(vec![0xff]), 3, "put it back from a backup"),
        ("ledger.toml", Some(b"format = ".to_vec()), 3, "put it back from a backup"),
        (
            "ledger.toml",
            Some(config.replace("format = 1", "format = 7").into_bytes()),
            3,
            "reads format 1; put it back",
        ),
        ("ledger.toml", Some(config.replace("+A", "+B").into_bytes()), 3, "the public key"),
        ("keyring", None, 3, "it is not there; put back the one of the same moment"),
        ("keyring", Some(b"inforce".to_vec()), 3, "put back the one of the same moment"),
        ("checkpoint", None, 3, "`checkpoint` is not there; put the newest copy"),
        ("tree/leaves", Some(vec![0; 320]), 3, "`tree/leaves` or a file beside it covers 10; put the newest copy"),
    ];
    for (name, bytes, exit, what) in changes {
        let copy = scratch.copied();
        let path = copy.path().join(name);
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).expect("written"),
            None => std::fs::remove_file(&path).expect("removed"),
        }
        let output = run(&["import", "--ledger", &text(&copy.path()), "/dev/null"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), exit, "{name}: {said}");
        assert!(said.contains(what), "{name}: {said}");
        assert_eq!(said.contains("`inforce init`"), exit == 1, "{said}");
        if name == "checkpoint" {
            let output = run(&["status", "--ledger", &text(&copy.path())]);
            assert!(String::from_utf8_lossy(&output.stdout).contains("checkpoint  none: "), "{output:?}");
        }
    }
    let copy = scratch.copied();
    let note = std::fs::read_to_string(copy.path().join("checkpoint")).expect("readable");
    std::fs::write(copy.path().join("checkpoint"), note.replacen("\n1\n", "\n2\n", 1)).expect("written");
    let output = run(&["status", "--ledger", &text(&copy.path())]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not verify"), "{output:?}");
}

#[test]
fn an_import_that_cannot_be_signed_says_what_it_recorded() {
    let scratch = Scratch::new();
    let file = scratch.dir.path().join("facts");
    std::fs::write(&file, format!("{}\n", age("1", "facebook/a"))).expect("written");
    std::fs::create_dir(scratch.path().join("checkpoint.new")).expect("made");
    let output = run(&["import", "--json", "--ledger", &text(&scratch.path()), &text(&file)]);
    assert_eq!((code(&output), &json(&output)["appended"]), (1, &1.into()));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.matches("checkpoint").count(), 1, "once: {said}");
    std::fs::remove_dir(scratch.path().join("checkpoint.new")).expect("removed");
    check_ledger(&scratch);
}

/// The messages of an enum of errors, `…` in place of what is filled in.
fn messages(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("readable");
    let mut found = Vec::new();
    for rest in text.split("#[error(").skip(1).map(str::trim_start).filter_map(|rest| rest.strip_prefix('"')) {
        let (mut message, mut chars, mut depth) = (String::new(), rest.chars(), 0);
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => chars = chars.as_str().trim_start().chars(),
                '{' => {
                    depth += 1;
                    message.push('…');
                }
                '}' => depth -= 1,
                '`' => {}
                c if depth == 0 => message.push(c),
                _ => {}
            }
        }
        found.push(message);
    }
    assert!(!found.is_empty(), "{file}");
    found
}

#[test]
fn every_refusal_has_a_row_that_says_what_to_do() {
    let files =
        ["src/ledger/error.rs", "src/ledger/read.rs", "src/journal/mod.rs", "src/keyring/mod.rs", "src/index/mod.rs"];
    let mut expected: Vec<String> = files.iter().flat_map(|file| messages(file)).collect();
    let document =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate.md")).expect("there");
    let (_, table) = document.split_once("| refusal | exit | what to do |").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut found: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(cells.len() == 5 && !cells[3].is_empty() && ["1", "3", "1, 3"].contains(&cells[2]), "{row}");
            cells[1].to_owned()
        })
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}
