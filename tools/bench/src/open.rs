//! How long it takes until a ledger can be written to: after a clean close, and after its writer was killed.

use crate::child;
use crate::row::{Held, Row};
use crate::store::Store;
use inforce::ledger::Ledger;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The rows.
pub fn rows(store: &Store) -> io::Result<Vec<Row>> {
    let path = store.path();
    let clean = opened(&path)?;
    kill_a_writer(&path)?;
    let killed = opened(&path)?;
    Ok(vec![
        Row::new("open: after a clean close", "s", clean, Held::Limit(0.2)),
        Row::new("open: after its writer was killed", "s", killed, Held::Limit(2.0)),
    ])
}

/// How long it takes to open; closed again, which is not measured.
fn opened(path: &Path) -> io::Result<f64> {
    let begun = Instant::now();
    let ledger = Ledger::open(path).map_err(io::Error::other)?;
    let took = begun.elapsed().as_secs_f64();
    ledger.close().map_err(io::Error::other)?;
    Ok(took)
}

/// Starts an import, waits until the ledger has grown by what it was given, and kills it while it waits for more.
fn kill_a_writer(path: &Path) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let before = Ledger::open_read_only(path).and_then(|ledger| ledger.size()).map_err(io::Error::other)?;
    let mut child = child::command(path, &["import", "-"], &dir.path().join("peak"))?.stdin(Stdio::piped()).spawn()?;
    let mut input = io::BufWriter::new(child.stdin.take().expect("it is piped"));
    // Two of its groups, so that the first is committed whatever becomes of the second.
    for number in 0..8192 {
        writeln!(
            input,
            r#"{{"specversion":"1.0","id":"{number}","source":"//killed","type":"inforce.age.observed","subject":"facebook/u{number}","time":"2026-03-20T12:00:00Z","data":{{"band":"adult"}}}}"#
        )?;
    }
    input.flush()?;
    let begun = Instant::now();
    let grown = || Ledger::open_read_only(path).and_then(|ledger| ledger.size()).is_ok_and(|size| size > before);
    while !grown() {
        if begun.elapsed() > Duration::from_secs(600) {
            return Err(io::Error::other("the writer that was to be killed wrote nothing"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}
