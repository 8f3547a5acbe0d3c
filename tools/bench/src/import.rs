//! `inforce import` of a file, from start to end; beside it the parsing of its lines and nothing else.

use crate::Sizes;
use crate::child;
use crate::feed::{Feed, population};
use crate::row::{Held, Row};
use crate::store;
use inforce::wire;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::Instant;

/// The rows.
pub fn rows(sizes: &Sizes) -> io::Result<Vec<Row>> {
    let dir = tempfile::tempdir()?;
    let (path, lines) = (dir.path().join("ledger"), dir.path().join("facts.jsonl"));
    let mut out = BufWriter::new(File::create(&lines)?);
    let facts = Feed::new(population(sizes.import, sizes.import / 10)).copy(sizes.import, &mut out)? as f64;
    out.flush()?;
    store::create(&path)?;
    let lines_path = lines.to_str().expect("a path in UTF-8");
    let took = child::run(&path, &["import", lines_path], |_| Ok(()))?;
    let text = std::fs::read_to_string(&lines)?;
    let begun = Instant::now();
    let lines: Vec<&str> = text.lines().collect();
    lines.par_iter().with_min_len(64).for_each(|line| drop(wire::parse(line).expect("a fact")));
    let parsing = begun.elapsed();
    let held = Held::Rate { floor: facts / parsing.as_secs_f64(), goal: 0.5 };
    Ok(vec![
        Row::new("import: JSON Lines, end to end", "facts/s", facts / took.time.as_secs_f64(), held),
        Row::new("import: memory at most", "MB", took.peak_mb, Held::Told),
    ])
}
