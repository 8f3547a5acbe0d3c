//! Measures what the documents claim, each figure beside a floor that is measured in the same run on the same machine.
//!
//! ```sh
//! cargo run --release -p inforce-bench -- all [--json] [--entries 10000000] [--up-to 20000000] [--plot FILE]
//! cargo run --release -p inforce-bench -- append sqlite callers
//! ```
//!
//! One object a row with `--json`: `{"name", "unit", "ours", "floor", "ratio", "goal"}`; without it a table for people. A ratio
//! that goes up is better: with a floor it is ours against the floor, and `goal` is of the ratio; without one `goal` is the
//! most that `ours` may be, and the ratio is `goal` against `ours`. A row without a goal is told beside others.
//!
//! Exits with 0, or with 1 if a goal was missed, unless `--smoke` is given: small sizes, and no timing is asserted.

mod append;
mod bundle;
mod callers;
mod child;
mod entries;
mod events;
mod feed;
mod grow;
mod import;
mod ledger;
mod lookup;
mod open;
mod passes;
mod plot;
mod query;
mod queue;
mod row;
mod sqlite;
mod store;

use append::Appended;
use row::{HEADING, Held, Row};
use std::path::PathBuf;
use std::process::ExitCode;
use store::Store;

/// The same allocator as the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUPS: [&str; 13] = [
    "append", "sqlite", "callers", "import", "memory", "replay", "memo", "verify", "lookup", "query", "open", "disk",
    "bundle",
];

/// How much of everything.
pub struct Sizes {
    /// Entries of the shared ledger.
    pub entries: u64,
    /// Accounts of what is appended.
    pub accounts: u64,
    /// Facts that are appended.
    pub append: u64,
    /// Facts of each of the sixteen callers.
    pub calls: u64,
    /// Lines of the file that is imported.
    pub import: u64,
    /// Entries of the ledger that bundles are made of.
    pub bundle: u64,
    /// The last size of the ledger that grows.
    pub up_to: u64,
}

impl Sizes {
    fn new(entries: Option<u64>, up_to: Option<u64>, smoke: bool) -> Sizes {
        let entries = entries.unwrap_or(if smoke { 20_000 } else { 10_000_000 });
        let part = (entries / 10).clamp(4_000, 1_000_000);
        Sizes {
            entries,
            accounts: part,
            append: part,
            calls: if smoke { 50 } else { 2_000 },
            import: entries.min(1_000_000),
            bundle: entries.min(1_000_000),
            up_to: up_to.unwrap_or(if smoke { 20_000 } else { 20_000_000 }),
        }
    }
}

struct Arguments {
    groups: Vec<String>,
    sizes: Sizes,
    json: bool,
    smoke: bool,
    plot: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let (mut groups, mut json, mut smoke, mut plot) = (Vec::new(), false, false, None);
    let (mut entries, mut up_to) = (None, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word}: expected a value"));
        let number = |value: String| value.parse::<u64>().map_err(|_| format!("{word} `{value}`: expected a number"));
        match word.as_str() {
            "--json" => json = true,
            "--smoke" => smoke = true,
            "--entries" => entries = Some(number(value()?)?),
            "--up-to" => up_to = Some(number(value()?)?),
            "--plot" => plot = Some(PathBuf::from(value()?)),
            "all" => groups.extend(GROUPS.iter().chain(&["grow"]).map(|name| name.to_string())),
            name if GROUPS.contains(&name) || name == "grow" => groups.push(name.to_owned()),
            other => {
                let names = GROUPS.join(", ");
                return Err(format!(
                    "`{other}`: expected all, {names} or grow; --entries N, --up-to N, --json, --smoke or --plot FILE"
                ));
            }
        }
    }
    if groups.is_empty() {
        return Err(format!("expected all, {} or grow", GROUPS.join(", ")));
    }
    Ok(Arguments { groups, sizes: Sizes::new(entries, up_to, smoke), json, smoke, plot })
}

fn main() -> ExitCode {
    if let Some(exit) = child::as_child() {
        return exit;
    }
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) if arguments.smoke => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What rows share: made when the first of them asks.
#[derive(Default)]
struct Shared {
    store: Option<Store>,
    appended: Option<(Appended, Appended)>,
    growth: grow::Growth,
}

impl Shared {
    fn store(&mut self, sizes: &Sizes) -> std::io::Result<&Store> {
        if self.store.is_none() {
            self.store = Some(Store::make(sizes.entries)?);
        }
        Ok(self.store.as_ref().expect("made above"))
    }

    fn appended(&mut self, sizes: &Sizes) -> std::io::Result<&(Appended, Appended)> {
        if self.appended.is_none() {
            self.appended = Some(append::measure(sizes)?);
        }
        Ok(self.appended.as_ref().expect("made above"))
    }
}

/// Runs each group, prints its rows as they come, and says whether all goals were reached.
fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let mut shared = Shared::default();
    let mut all: Vec<Row> = Vec::new();
    if !arguments.json {
        println!("{HEADING}");
    }
    for group in &arguments.groups {
        let rows = rows(group, &arguments.sizes, &mut shared)?;
        for row in rows {
            if arguments.json {
                println!("{}", row.to_json())
            } else {
                println!("{}", row.to_text())
            }
            all.push(row);
        }
    }
    if let Some(path) = &arguments.plot {
        plot::write(path, &all, &shared.growth.steps)?;
    }
    Ok(all.iter().all(Row::holds))
}

fn rows(group: &str, sizes: &Sizes, shared: &mut Shared) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    Ok(match group {
        "append" => {
            let (appended, fresh) = shared.appended(sizes)?;
            append::rows(sizes, appended, fresh)
        }
        "sqlite" => sqlite::rows(sizes, &shared.appended(sizes)?.0)?,
        "callers" => callers::rows(sizes)?,
        "import" => import::rows(sizes)?,
        "memory" => {
            let store = shared.store(sizes)?;
            vec![Row::new("memory: ingest", "MB", store.import.peak_mb, Held::Limit(300.0))]
        }
        "replay" => passes::replay(shared.store(sizes)?)?,
        "memo" => passes::memo(shared.store(sizes)?)?,
        "verify" => passes::verify(shared.store(sizes)?)?,
        "lookup" => lookup::rows(shared.store(sizes)?)?,
        "query" => query::rows(shared.store(sizes)?)?,
        "open" => open::rows(shared.store(sizes)?)?,
        "disk" => {
            let path = shared.store(sizes)?.path();
            let share = store::bytes(&path)? as f64 / store::bytes(&path.join("journal"))? as f64;
            vec![Row::new("disk: everything against the journal", "×", share, Held::Limit(1.6))]
        }
        "bundle" => bundle::rows(sizes.bundle),
        "grow" => {
            shared.growth = grow::measure(sizes.up_to, sizes.up_to / 200)?;
            grow::rows(&shared.growth)
        }
        other => unreachable!("`{other}` was refused"),
    })
}
