//! How tests put their questions.

use crate::common::Scratch;
use inforce::fact::Time;
use inforce::ledger::Ledger;
use inforce::query::{self, FactFilter, Filter};
use inforce::search::{self, How, Page};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

pub fn indexed(scratch: &Scratch) -> Ledger {
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    assert!(ledger.is_indexed());
    ledger
}

pub fn decisions(scratch: &Scratch, filter: &Filter, page: &Page) -> (Vec<Value>, search::Turned, Vec<How>) {
    let (mut found, mut told) = (Vec::new(), Vec::new());
    let mut visit = |line: &query::Line| {
        found.push(query::to_json(line));
        ControlFlow::Continue(())
    };
    let turned =
        search::decisions(&scratch.path(), filter, page, false, MANY_PARTS, &mut |how| told.push(how), &mut visit)
            .expect("answered");
    (found, turned, told)
}

pub fn facts(ledger: &Ledger, filter: &FactFilter, page: &Page) -> (Vec<Value>, search::Turned) {
    let (mut found, size) = (Vec::new(), ledger.standing().expect("known").0);
    let turned = search::each_fact(ledger, filter, page, size, |entry| {
        found.push(query::fact_json(entry, false));
        ControlFlow::Continue(())
    });
    (found, turned.expect("answered"))
}

/// Entries of a part where there are as many parts as there can be.
pub const MANY_PARTS: u64 = 1;

pub const ALL: Page = Page { newest: false, limit: usize::MAX, after: None };

pub fn at(text: &Value) -> i64 {
    Time::parse(text.as_str().expect("a time")).expect("RFC 3339").at.0
}

pub fn json_lines(output: &std::process::Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Every file below a folder, with its bytes.
pub fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(dir).expect("readable") {
        let path = file.expect("readable").path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).expect("readable"));
        }
    }
    found
}
