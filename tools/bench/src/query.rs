//! The first page of a query as a process that begins with nothing, once verdicts are kept; and `whatif` beside a replay.

use crate::child;
use crate::row::{Held, Row, quantile};
use crate::store::Store;
use std::io;

/// Runs of each query.
const RUNS: usize = 15;

/// The rows.
pub fn rows(store: &Store) -> io::Result<Vec<Row>> {
    let path = store.path();
    let took = |args: &[&str]| child::run(&path, args, |_| Ok(())).map(|took| took.time.as_secs_f64());
    let rate = |seconds: f64| store.entries as f64 / seconds;
    let kept = took(&["query", "--refresh", "--limit", "1"])?;
    let mut rows = vec![Row::new("query: everything judged and kept, once", "s", kept, Held::Told)];
    let week = ["--since", "2026-01-05T00:00:00Z", "--until", "2026-01-12T00:00:00Z"];
    let pages: [(&str, &[&str]); 3] = [
        ("account", &["--account", "facebook/u1"]),
        ("advertiser", &["--advertiser", "a1.example"]),
        ("rule in a week", &["--rule", "sensitive-topic", week[0], week[1], week[2], week[3]]),
    ];
    for (name, args) in pages {
        let args = [&["query"], args].concat();
        let mut times = (0..RUNS).map(|_| took(&args).map(|s| s * 1e3)).collect::<io::Result<Vec<_>>>()?;
        let name = format!("query: first page by {name}, whole process, median");
        rows.push(Row::new(name, "ms", quantile(&mut times, 0.5), Held::Limit(100.0)));
    }
    let replay = rate(took(&["replay", "--all", "--json"])?);
    let whatif = rate(took(&["whatif", "--pack", "overlay-minors", "--json"])?);
    rows.push(Row::new("whatif: beside a replay", "entries/s", whatif, Held::Rate { floor: replay, goal: 0.9 }));
    Ok(rows)
}
