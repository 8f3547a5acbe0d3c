//! Holds the code to docs/architecture.md: which room may import which, in which order, and which rooms are pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A row of the table.
struct Row {
    room: String,
    may_import: Vec<String>,
}

/// A source file without comments and without what is compiled for tests only; every line keeps its number.
struct Source {
    path: PathBuf,
    room: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    std::fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md is there")
}

/// The names in backticks.
fn names(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn table(document: &str) -> Vec<Row> {
    let lines = document.lines().skip_while(|line| !line.starts_with("| room | may import |")).skip(2);
    let rows: Vec<Row> = lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            assert!(cells.len() >= 4, "a row has a room and its imports: {line}");
            let room = names(cells[1]);
            assert_eq!(room.len(), 1, "a row has one room: {line}");
            Row { room: room[0].clone(), may_import: names(cells[2]) }
        })
        .collect();
    assert!(rows.len() > 10, "the table was found");
    rows
}

fn pure_rooms(document: &str) -> Vec<String> {
    let (_, rest) = document.split_once("\nPure rooms: ").expect("a paragraph of pure rooms");
    names(rest.split("\n\n").next().unwrap_or_default())
}

/// Every source file of the library, by room; `lib.rs` and `main.rs` are no rooms.
fn sources() -> Vec<Source> {
    let (src, mut found, mut pending) = (root().join("src"), Vec::new(), vec![root().join("src")]);
    while let Some(dir) = pending.pop() {
        for file in std::fs::read_dir(&dir).expect("a folder of sources") {
            let path = file.expect("readable").path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let below = path.strip_prefix(&src).expect("below src").to_owned();
            let first = below.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
            let room = first.trim_end_matches(".rs").to_owned();
            if path.extension().is_some_and(|ext| ext == "rs") && room != "lib" && room != "main" {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                found.push(Source { path: below, room, text: bare(&text) });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 40, "the sources were found");
    found
}

/// The text without comments and without items under `#[cfg(test)]`, line by line.
fn bare(text: &str) -> String {
    let mut lines = text.lines();
    let mut kept = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            // A `//` inside a string cuts the rest of its line off: no import stands behind one.
            kept.push_str(line.split("//").next().unwrap_or_default());
            kept.push('\n');
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        kept.push('\n');
        let mut first = true;
        for skipped in lines.by_ref() {
            kept.push('\n');
            let one_line = first && (skipped.ends_with(';') || skipped.ends_with("{}"));
            first = false;
            if one_line || skipped == end {
                break;
            }
        }
    }
    kept
}

/// Every path below `start::`, as (line, first name): `start::name` and each name of `start::{…}`.
fn paths<'a>(text: &'a str, start: &str) -> Vec<(usize, &'a str)> {
    let needle = format!("{start}::");
    let mut found = Vec::new();
    for (at, _) in text.match_indices(&needle) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + needle.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push((line, name_at(rest)));
            continue;
        };
        let (mut depth, mut wanted) = (1, true);
        for (place, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => wanted = true,
                c if wanted && depth == 1 && !c.is_whitespace() => {
                    found.push((line + group[..place].matches('\n').count(), name_at(&group[place..])));
                    wanted = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn fail_on(wrong: &[String]) {
    assert!(wrong.is_empty(), "docs/architecture.md does not allow:\n{}", wrong.join("\n"));
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let rows = table(&document());
    let allowed: BTreeMap<&str, &[String]> =
        rows.iter().map(|row| (row.room.as_str(), row.may_import.as_slice())).collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(may_import) = allowed.get(source.room.as_str()) else { continue };
        for (line, room) in paths(&source.text, "crate") {
            if room != source.room && !may_import.iter().any(|allowed| allowed == room) {
                wrong.push(format!("src/{}:{line}: `{}` imports `{room}`", source.path.display(), source.room));
            }
        }
    }
    fail_on(&wrong);
}

#[test]
fn no_room_is_left_through_super() {
    let mut wrong = Vec::new();
    for source in sources() {
        let is_root = source.path.file_name().is_some_and(|name| name == "mod.rs");
        let depth = source.path.components().count() - usize::from(is_root);
        let way_out = "super::".repeat(depth);
        for (at, _) in source.text.match_indices(&way_out) {
            let line = source.text[..at].matches('\n').count() + 1;
            wrong.push(format!("src/{}:{line}: write `crate::` where a path leaves its room", source.path.display()));
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_room_has_a_row_in_the_order_of_lib_rs() {
    let rows = table(&document());
    let place = |room: &str| rows.iter().position(|row| row.room == room);
    for source in sources() {
        assert!(place(&source.room).is_some(), "src/{}: its room has no row", source.path.display());
    }
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let listed: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(listed.len() > 10, "modules of src/lib.rs were found");
    let places: Vec<usize> =
        listed.iter().map(|room| place(room).unwrap_or_else(|| panic!("`{room}` has no row"))).collect();
    assert!(places.is_sorted(), "src/lib.rs lists rooms in another order than the table: {listed:?}");
}

#[test]
fn what_a_room_imports_stands_above_it() {
    let rows = table(&document());
    for (number, row) in rows.iter().enumerate() {
        for import in &row.may_import {
            let above = rows[..number].iter().any(|other| other.room == *import);
            assert!(above, "`{}` may import `{import}`, which does not stand above it", row.room);
        }
    }
}

#[test]
fn pure_rooms_use_nothing_of_the_world() {
    let document = document();
    let pure = pure_rooms(&document);
    let rows = table(&document);
    assert!(pure.iter().all(|room| rows.iter().any(|row| row.room == *room)), "every pure room has a row");
    const STD: [&str; 8] = ["fs", "net", "time", "env", "process", "thread", "os", "io"];
    const ANYWHERE: [&str; 6] = ["SystemTime", "Utc::now", "Local::now", "getrandom", "rayon::", "tempfile"];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| pure.contains(&source.room)) {
        let reads_lines = source.path == Path::new("wire/lines.rs");
        let of_std = paths(&source.text, "std").into_iter().filter(|(_, name)| STD.contains(name));
        let of_std = of_std
            .filter(|(_, name)| !(reads_lines && *name == "io"))
            .map(|(line, name)| (line, format!("std::{name}")));
        let anywhere = ANYWHERE.iter().flat_map(|word| {
            source
                .text
                .lines()
                .enumerate()
                .filter(move |(_, line)| line.contains(word))
                .map(move |(at, _)| (at + 1, (*word).to_owned()))
        });
        for (line, what) in of_std.chain(anywhere) {
            wrong.push(format!("src/{}:{line}: `{}` is pure, and uses {what}", source.path.display(), source.room));
        }
    }
    fail_on(&wrong);
}

#[test]
fn one_room_for_each_library_that_shapes_bytes_or_verdicts() {
    let homes: [(&str, &[&str]); 8] = [
        ("sled", &["index"]),
        ("cedar_policy", &["policy"]),
        ("ring", &["keyring"]),
        ("bincode", &["codec", "fact"]),
        ("getrandom", &["keyring"]),
        ("hyper", &["http"]),
        ("tokio", &["http"]),
        ("ureq", &["http"]),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        for (library, rooms) in homes {
            let strangers = paths(&source.text, library).into_iter().filter(|_| !rooms.contains(&source.room.as_str()));
            wrong.extend(strangers.map(|(line, _)| format!("src/{}:{line}: {library}", source.path.display())));
        }
        if source.path != Path::new("ledger/clock.rs") {
            let clocks = source
                .text
                .lines()
                .enumerate()
                .filter(|(_, line)| line.contains("Utc::now") || line.contains("SystemTime"));
            wrong.extend(clocks.map(|(at, _)| format!("src/{}:{}: the clock", source.path.display(), at + 1)));
        }
    }
    fail_on(&wrong);
}

#[test]
fn the_scanner_sees_what_it_should() {
    let text = "use crate::fact::Fact;\nuse crate::{codec::Header, wire::{self, Line},\n  merkle};\n// crate::cli\nfn f() { crate::index::x() }\n\
                #[cfg(test)]\nmod tests {\n    use crate::ledger::Ledger;\n}\nuse crate::entry;\n";
    let text = bare(text);
    let found = paths(&text, "crate");
    assert_eq!(found, [(1, "fact"), (2, "codec"), (2, "wire"), (3, "merkle"), (5, "index"), (10, "entry")]);
    assert_eq!(paths("use std::{fs, io::{self, Read}};", "std"), [(1, "fs"), (1, "io")]);
    assert_eq!(paths("pub(crate) fn f() {} mystd::fs()", "std"), []);
}
