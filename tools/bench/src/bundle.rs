//! A bundle of a typical decision: its size, how long it takes to make one and to verify one.

use crate::ledger;
use crate::row::{Held, Row, quantile};
use inforce::bundle::{self, Bundle, Trust};
use inforce::evidence;
use inforce::ledger::Ledger;
use std::time::Instant;

/// Decisions that are measured, spread over the whole ledger.
const SAMPLE: u64 = 200;

/// The figures over a ledger of that many entries.
pub fn rows(entries: u64) -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger");
    ledger::make(&path, entries).expect("a ledger");
    let begun = Instant::now();
    let ledger = Ledger::open_indexed(&path).expect("opens");
    let opened = begun.elapsed();
    let key = ledger.verifier_key();
    let trust = Trust { key: &key, witnesses: &[], checkpoint: None };
    let decisions = entries / 5;
    let (mut bytes, mut made, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SAMPLE.min(decisions) {
        let id = format!("d{}", number * decisions / SAMPLE.min(decisions));
        let begun = Instant::now();
        let seq = ledger.decisions_of(&id).expect("found")[0];
        let text = evidence::bundle(&ledger, seq, false, None).expect("made").to_text();
        made.push(begun.elapsed().as_secs_f64() * 1e3);
        bytes.push(text.len() as f64 / 1e3);
        let begun = Instant::now();
        let bundle = Bundle::parse(&text).expect("a bundle");
        bundle::check(&bundle, &trust, &mut Vec::new()).expect("it holds");
        verified.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let row = |name: &str, unit, ours, goal| Row::new(name, unit, ours, Held::Limit(goal));
    vec![
        row("bundle: size, the largest", "KB", quantile(&mut bytes, 1.0), 100.0),
        row("bundle: made and checked once, median", "ms", quantile(&mut made, 0.5), 50.0),
        row("bundle: made and checked once, 99 of 100 under", "ms", quantile(&mut made, 0.99), 50.0),
        row("bundle: read and verified, median", "ms", quantile(&mut verified, 0.5), 50.0),
        row("bundle: read and verified, 99 of 100 under", "ms", quantile(&mut verified, 0.99), 50.0),
        row("bundle: opening for look-ups, before the first", "ms", opened.as_secs_f64() * 1e3, 1000.0),
    ]
}
