//! How well does the reference deriver label? Reads labelled texts (JSON Lines) and prints recall and precision for each
//! category: natural samples (`random`) apart from the rest, and a development half apart from a held-out half.
//!
//! `cargo run --release -p inforce --example evaluate -- [--json] [--errors] LABELLED.jsonl [CONVERSATIONS.jsonl…]`
//! With conversations (or `conversations_*.jsonl` beside the labelled texts) it also prints how fast it was.
//! `--errors` lists what went wrong in the development half. There is no way to list the other: it is for measuring.

use inforce::derive::{Lexicon, NAME, VERSION};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Labels of the texts, and the wire names that they stand for.
const CATEGORIES: [(&str, &str); 7] = [
    ("religion", "religious_views"),
    ("sexual_orientation", "sexual_orientation"),
    ("politics", "political_views"),
    ("health", "health"),
    ("race_ethnicity", "racial_or_ethnic_origin"),
    ("philosophical_beliefs", "philosophical_beliefs"),
    ("trade_union", "trade_union_membership"),
];

#[derive(Clone, Copy, Default)]
struct Counts {
    right: u32,
    missed: u32,
    wrong: u32,
}

impl Counts {
    fn recall(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.missed).max(1))
    }

    fn precision(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.wrong).max(1))
    }
}

/// One cell of the report: a half, a way of sampling.
#[derive(Default)]
struct Part {
    rows: u32,
    none: u32,
    /// Rows labelled none and nothing else possible, that were given a category.
    none_flagged: u32,
    /// Rows with a category that were given none at all.
    let_through: u32,
    sensitive: u32,
    counts: [Counts; CATEGORIES.len()],
}

impl Part {
    /// The mean over categories that have at least one row here.
    fn macro_mean(&self, figure: impl Fn(Counts) -> f64) -> f64 {
        let with_support = self.counts.iter().filter(|counts| counts.right + counts.missed > 0);
        let figures: Vec<f64> = with_support.map(|&counts| figure(counts)).collect();
        figures.iter().sum::<f64>() / figures.len().max(1) as f64
    }

    fn json(&self) -> Value {
        let row = |(at, counts): (usize, &Counts)| {
            let figures = json!({"support": counts.right + counts.missed, "false_positives": counts.wrong,
                "recall": counts.recall(), "precision": counts.precision()});
            (CATEGORIES[at].1.to_owned(), figures)
        };
        json!({"rows": self.rows, "none": self.none, "none_flagged": self.none_flagged,
            "sensitive": self.sensitive, "let_through": self.let_through,
            "macro_recall": self.macro_mean(Counts::recall), "macro_precision": self.macro_mean(Counts::precision),
            "categories": self.counts.iter().enumerate().map(row).collect::<serde_json::Map<_, _>>()})
    }

    fn print(&self, half: &str, sampling: &str) {
        println!(
            "\n{half}, {sampling}: {} rows, {} of {} without a category flagged, {} of {} with one let through",
            self.rows, self.none_flagged, self.none, self.let_through, self.sensitive
        );
        println!("  {:<26}{:>8}{:>8}{:>11}", "category", "support", "recall", "precision");
        for (counts, (_, wire)) in self.counts.iter().zip(CATEGORIES) {
            println!(
                "  {wire:<26}{:>8}{:>8.2}{:>11.2}",
                counts.right + counts.missed,
                counts.recall(),
                counts.precision()
            );
        }
        let (recall, precision) = (self.macro_mean(Counts::recall), self.macro_mean(Counts::precision));
        println!("  {:<26}{:>8}{recall:>8.2}{precision:>11.2}", "mean of categories", "");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (flags, paths): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let Some(labelled) = paths.first() else {
        eprintln!("usage: evaluate [--json] [--errors] LABELLED.jsonl [CONVERSATIONS.jsonl…]");
        std::process::exit(2);
    };
    let errors = flags.iter().any(|flag| flag == "--errors");
    let mut parts = BTreeMap::<(&str, &str), Part>::new();
    for line in std::fs::read_to_string(labelled)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        if row["borderline"] == true {
            continue;
        }
        let half = if is_held_out(&row) { "held-out" } else { "development" };
        let sampling = if row["sampling"] == "random" { "random" } else { "rest" };
        score(&row, parts.entry((half, sampling)).or_default(), errors && half == "development");
    }
    let conversations =
        if paths.len() > 1 { paths[1..].iter().map(PathBuf::from).collect() } else { beside(Path::new(labelled)) };
    let speed = throughput(&conversations)?;
    if flags.iter().any(|flag| flag == "--json") {
        let cells = parts.iter().map(|((half, sampling), part)| {
            let mut cell = part.json();
            cell["half"] = json!(half);
            cell["sampling"] = json!(sampling);
            cell
        });
        let digest: String = Lexicon::built_in().digest().iter().map(|byte| format!("{byte:02x}")).collect();
        println!(
            "{}",
            json!({"labeller": {"name": NAME, "version": VERSION, "digest": digest},
            "parts": cells.collect::<Vec<_>>(), "throughput": speed})
        );
    } else if !errors {
        for ((half, sampling), part) in &parts {
            part.print(half, sampling);
        }
        println!("\nthroughput on one core: {speed}");
    }
    Ok(())
}

/// The half is drawn by a hash of the row's id: it depends on nothing else, so adding rows moves none.
fn is_held_out(row: &Value) -> bool {
    blake3::hash(row["id"].as_str().unwrap_or_default().as_bytes()).as_bytes()[0] & 1 == 1
}

fn score(row: &Value, part: &mut Part, print_errors: bool) {
    let text = row["text"].as_str().unwrap_or_default();
    let has =
        |field: &str, label: &str| row[field].as_array().is_some_and(|labels| labels.iter().any(|has| has == label));
    let found = Lexicon::built_in().label(text).sensitive;
    let is_sensitive = !has("labels", "none");
    part.rows += 1;
    part.none += u32::from(!is_sensitive);
    part.sensitive += u32::from(is_sensitive);
    part.let_through += u32::from(is_sensitive && found.is_empty());
    let mut flagged = false;
    for (at, (label, wire)) in CATEGORIES.iter().enumerate() {
        let counts = &mut part.counts[at];
        let mistake = match (has("labels", label), found.contains(wire)) {
            (true, true) => {
                counts.right += 1;
                continue;
            }
            (true, false) => {
                counts.missed += 1;
                "missed"
            }
            (false, true) if !has("also_maybe", label) => {
                counts.wrong += 1;
                flagged = true;
                "wrong"
            }
            _ => continue,
        };
        if print_errors {
            let words: Vec<_> =
                Lexicon::built_in().evidence(text).into_iter().filter(|why| why.label == *wire).collect();
            let words: Vec<_> = words.iter().map(|why| format!("{}={}", why.term, why.weight)).collect();
            println!(
                "{mistake}\t{wire}\t{}\t{}\t{}",
                row["sampling"].as_str().unwrap_or_default(),
                words.join(" "),
                text.replace(['\n', '\t'], " ")
            );
        }
    }
    part.none_flagged += u32::from(!is_sensitive && flagged);
}

/// The conversations that lie beside the labelled texts.
fn beside(labelled: &Path) -> Vec<PathBuf> {
    let folder = labelled.parent().unwrap_or(Path::new("."));
    let all = ["conversations_text.jsonl", "conversations_voice.jsonl"].map(|name| folder.join(name));
    all.into_iter().filter(|path| path.exists()).collect()
}

/// Labels every turn once, after the files are read: turns and bytes a second, and how many turns were sensitive.
fn throughput(paths: &[PathBuf]) -> Result<Value, Box<dyn std::error::Error>> {
    let mut turns = Vec::new();
    for path in paths {
        for line in std::fs::read_to_string(path)?.lines() {
            let turn: Value = serde_json::from_str(line)?;
            turns.extend(turn["text"].as_str().map(str::to_owned));
        }
    }
    let lexicon = Lexicon::built_in();
    let start = Instant::now();
    let labels: Vec<_> = turns.iter().map(|turn| lexicon.label(turn)).collect();
    let seconds = start.elapsed().as_secs_f64().max(1e-9);
    let bytes: usize = turns.iter().map(String::len).sum();
    Ok(json!({"turns": turns.len(), "bytes": bytes,
        "turns_per_second": (turns.len() as f64 / seconds).round(), "megabytes_per_second": (bytes as f64 / seconds / 1e5).round() / 10.0,
        "turns_with_a_category": labels.iter().filter(|labels| !labels.sensitive.is_empty()).count(),
        "turns_with_a_topic": labels.iter().filter(|labels| !labels.topics.is_empty()).count()}))
}
