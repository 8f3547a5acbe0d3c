//! Decisions and facts as JSON Lines, as CSV, or as a table.

use crate::cli::exit::{self, print_line};
use crate::cli::{CliError, csv, table};
use crate::entry::Entry;
use crate::fact::{ItemKind, Outcome, Purpose, Time};
use crate::query::{Line, SaidView, account, fact_json, fact_words, to_json, version_name};
use std::io::{self, BufWriter, StdoutLock};

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Form {
    Json,
    Csv,
    Table,
}

const DECISION_CELLS: &[&str] = &[
    "seq",
    "source",
    "id",
    "occurred_at",
    "recorded_at",
    "account",
    "purpose",
    "kind",
    "advertiser",
    "campaign",
    "creative",
    "topics",
    "region",
    "device_region",
    "outcome",
    "conformance",
    "integrity",
    "known_verdict",
    "known_rules",
    "known_findings",
    "known_policies",
    "true_verdict",
    "true_rules",
    "true_findings",
    "true_policies",
];
const FACT_CELLS: &[&str] =
    &["seq", "type", "source", "id", "subject", "time", "recordedtime", "lag_s", "entry", "cites", "erased", "data"];
const DECISION_HEAD: &[&str] = &["seq", "time", "decision", "account", "conformance", "known / true", "rules"];
const FACT_HEAD: &[&str] = &["seq", "happened", "lag", "kind", "account", "id", "what"];

enum Out {
    Json(BufWriter<StdoutLock<'static>>),
    Csv(Box<::csv::Writer<StdoutLock<'static>>>),
    Table(&'static [&'static str], Vec<Vec<String>>),
}

/// What is being printed.
pub struct Printed {
    out: Out,
    with_content: bool,
}

impl Printed {
    /// Decisions.
    pub fn decisions(form: Form) -> Result<Printed, CliError> {
        Printed::new(form, DECISION_CELLS, DECISION_HEAD, false)
    }

    /// Facts.
    pub fn facts(form: Form, with_content: bool) -> Result<Printed, CliError> {
        Printed::new(form, FACT_CELLS, FACT_HEAD, with_content)
    }

    fn new(form: Form, cells: &[&str], head: &'static [&'static str], with_content: bool) -> Result<Printed, CliError> {
        let out = match form {
            Form::Json => Out::Json(BufWriter::new(io::stdout().lock())),
            Form::Table => Out::Table(head, Vec::new()),
            Form::Csv => {
                let mut out = ::csv::Writer::from_writer(io::stdout().lock());
                csv::row(&mut out, cells.iter().map(|&cell| cell.to_owned()))?;
                Out::Csv(Box::new(out))
            }
        };
        Ok(Printed { out, with_content })
    }

    /// One decision.
    pub fn decision(&mut self, line: &Line) -> Result<(), CliError> {
        match &mut self.out {
            Out::Json(out) => print_line(out, to_json(line)),
            Out::Csv(out) => csv::row(out, decision_cells(line)),
            Out::Table(_, rows) => {
                rows.push(decision_row(line));
                Ok(())
            }
        }
    }

    /// One fact.
    pub fn fact(&mut self, entry: &Entry) -> Result<(), CliError> {
        match &mut self.out {
            Out::Json(out) => print_line(out, fact_json(entry, self.with_content)),
            Out::Csv(out) => {
                let object = fact_json(entry, self.with_content);
                let cell = |name: &&str| match &object[*name] {
                    serde_json::Value::Null => String::new(),
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                csv::row(out, FACT_CELLS.iter().map(cell))
            }
            Out::Table(_, rows) => {
                rows.push(fact_row(entry, self.with_content));
                Ok(())
            }
        }
    }

    /// Prints what is still in memory.
    pub fn end(self) -> Result<(), CliError> {
        match self.out {
            Out::Json(mut out) => io::Write::flush(&mut out).map_err(exit::stdout),
            Out::Csv(out) => csv::end(*out),
            Out::Table(_, rows) if rows.is_empty() => Ok(()),
            Out::Table(head, rows) => {
                table::print(&mut BufWriter::new(io::stdout().lock()), head, &rows, table::width())
            }
        }
    }
}

fn decision_cells(line: &Line) -> Vec<String> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let view = |view: &SaidView| [view.verdict.name().to_owned(), rules(view), view.findings.join(" "), policies(view)];
    let mut cells = vec![
        line.seq.to_string(),
        text(line.source),
        text(line.id),
        line.occurred_at.to_string(),
        line.recorded_at.to_string(),
        text(line.account),
        text(line.purpose.map(Purpose::name)),
        text(line.kind.map(ItemKind::name)),
        text(line.advertiser),
        text(line.campaign),
        text(line.creative),
        line.topics.join(" "),
        text(line.region),
        text(line.device_region),
        text(line.said.outcome.map(Outcome::name)),
        line.said.conformance.name().to_owned(),
        line.said.integrity.name().to_owned(),
    ];
    cells.extend(view(&line.said.known));
    cells.extend(view(&line.said.today));
    cells
}

/// Ids of rules, each once.
fn rules(view: &SaidView) -> String {
    let mut ids: Vec<&str> = view.rules.iter().map(|rule| rule.id).collect();
    ids.dedup();
    ids.join(" ")
}

fn policies(view: &SaidView) -> String {
    view.versions.iter().map(version_name).collect::<Vec<_>>().join(" ")
}

fn decision_row(line: &Line) -> Vec<String> {
    let (known, today) = (&line.said.known, &line.said.today);
    let fired = match (rules(known), rules(today)) {
        (known, today) if known == today => known,
        (known, today) => format!("{} / {}", or_nothing(known), or_nothing(today)),
    };
    vec![
        line.seq.to_string(),
        line.occurred_at.to_string(),
        line.id.unwrap_or("erased").to_owned(),
        line.account.unwrap_or("erased").to_owned(),
        line.said.conformance.name().to_owned(),
        format!("{} / {}", known.verdict.name(), today.verdict.name()),
        fired,
    ]
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { table::NOTHING.to_owned() } else { text }
}

fn fact_row(entry: &Entry, with_content: bool) -> Vec<String> {
    let (header, record) = (&entry.header, entry.record.as_ref());
    let about = account(entry).or_else(|| record.map(|record| record.subject.as_str()).filter(|it| !it.is_empty()));
    let words = match entry.content.as_deref().filter(|_| with_content) {
        Some(content) => format!("{}: {content}", fact_words(entry)),
        None => fact_words(entry),
    };
    vec![
        header.seq.to_string(),
        header.occurred_at.to_string(),
        lag(header.occurred_at, header.recorded_at),
        header.kind.name().trim_start_matches("inforce.").to_owned(),
        about.unwrap_or("erased").to_owned(),
        record.map_or("erased", |record| &record.id.id).to_owned(),
        words,
    ]
}

/// From when it happened to when it was recorded, to two units.
pub fn lag(occurred: Time, recorded: crate::fact::Instant) -> String {
    duration(recorded.seconds_since(occurred.at))
}

/// So many seconds, to two units: `3d 4h`, `12m`.
pub fn duration(seconds: i64) -> String {
    let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let first = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(3);
    let (mut rest, mut parts) = (seconds, Vec::new());
    for (unit, name) in &units[first..(first + 2).min(4)] {
        if rest / unit > 0 || parts.is_empty() {
            parts.push(format!("{}{name}", rest / unit));
        }
        rest %= unit;
    }
    format!("{sign}{}", parts.join(" "))
}
