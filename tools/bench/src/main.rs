//! Measures what the documents claim.
//!
//! ```sh
//! cargo run --release -p inforce-bench -- bundle [--entries 1000000] [--json]
//! ```
//!
//! One object a row with `--json`: `{"name", "unit", "ours", "goal", "holds"}`; without it a line for people. A row that
//! misses its goal is printed as it is, and the program exits with 1 unless `--smoke` is given, which asserts no timing.

mod bundle;
mod ledger;

use std::process::ExitCode;

/// One figure beside its goal; less is better.
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub ours: f64,
    pub goal: f64,
}

struct Arguments {
    entries: u64,
    json: bool,
    smoke: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { entries: 1_000_000, json: false, smoke: false };
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() != Some("bundle") {
        return Err("expected `bundle`".to_owned());
    }
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => arguments.json = true,
            "--smoke" => arguments.smoke = true,
            "--entries" => {
                let number = words.next().and_then(|number| number.parse().ok());
                arguments.entries = number.ok_or("--entries: expected a number")?;
            }
            other => return Err(format!("`{other}`: expected --entries N, --json or --smoke")),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let rows = bundle::rows(arguments.entries);
    let mut missed = 0;
    for Row { name, unit, ours, goal } in &rows {
        let holds = ours <= goal;
        missed += u32::from(!holds);
        if arguments.json {
            println!(
                "{}",
                serde_json::json!({ "name": name, "unit": unit, "ours": ours, "goal": goal, "holds": holds })
            );
        } else {
            println!("{:<52} {ours:>10.1} {unit:<5} goal {goal} {}", name, if holds { "✓" } else { "✗" });
        }
    }
    if missed == 0 || arguments.smoke { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
