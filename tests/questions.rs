//! Every question of docs/questions.md is asked of the demo ledger, and must be answered as it says there.
//!
//! A command stands behind `$ ` in a block fenced as `console`, its output below it. A line `…` stands for any lines, `…`
//! within a line for anything: what hangs on the ledger's own keys is not the same in two ledgers. After a change that is
//! meant, `INFORCE_ANSWERS=write cargo test --test questions` puts the answers into the document: read the difference.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One command and the output that the document shows.
struct Asked {
    /// The command's line in the document.
    line: usize,
    command: String,
    shown: Vec<String>,
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/questions.md")
}

/// The commands of a document, in order.
fn asked(text: &str) -> Vec<Asked> {
    let (mut all, mut within) = (Vec::<Asked>::new(), false);
    for (line, content) in text.lines().enumerate() {
        match content {
            "```console" => within = true,
            "```" => within = false,
            _ if !within => {}
            _ => match (content.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push(Asked { line, command: command.to_owned(), shown: Vec::new() }),
                (None, Some(last)) => last.shown.push(content.to_owned()),
                (None, None) => panic!("line {}: output without a command", line + 1),
            },
        }
    }
    all
}

/// What a person would see, from both streams.
fn run(command: &str, ledger: &Path, scratch: &Path) -> Vec<String> {
    // A shell, since the document shows what to type into one.
    let bin = Path::new(env!("CARGO_BIN_EXE_inforce")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let Output { stdout, stderr, .. } = Command::new("bash")
        .args(["-c", command])
        .current_dir(scratch)
        .envs([("PATH", path.as_str()), ("COLUMNS", "120"), ("NO_COLOR", "1")])
        .env("INFORCE_LEDGER", ledger)
        .output()
        .expect("bash runs");
    let text = String::from_utf8([stdout, stderr].concat()).expect("text");
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// True if a line is as shown, `…` standing for anything.
fn line_is(shown: &str, line: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, between @ .., last] = parts.as_slice() else { return shown == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in between {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// True if lines are as shown, a line `…` standing for any number of them.
fn is_as_shown(shown: &[String], lines: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => (0..=lines.len()).any(|skipped| is_as_shown(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, behind)| line_is(first, line) && is_as_shown(rest, behind))
        }
    }
}

#[test]
fn every_question_is_answered_as_the_document_says() {
    let scratch = tempfile::tempdir().expect("a folder");
    let ledger = scratch.path().join("ledger");
    let made = Command::new(env!("CARGO_BIN_EXE_inforce")).args(["demo", "--json", "--ledger"]).arg(&ledger).output();
    assert!(made.expect("runs").status.success());
    run("inforce query --refresh", &ledger, scratch.path());
    let text = std::fs::read_to_string(document()).expect("the document");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (all, mut wrong) = (asked(&text), Vec::new());
    assert!(all.len() >= 13, "{} questions", all.len());
    for Asked { line, command, shown } in all.iter().rev() {
        let answered = run(command, &ledger, scratch.path());
        if !is_as_shown(shown, &answered) {
            wrong.push(format!("docs/questions.md:{}: {command}\n{}", line + 1, answered.join("\n")));
            lines.splice(line + 1..line + 1 + shown.len(), answered);
        }
    }
    if !wrong.is_empty() && std::env::var("INFORCE_ANSWERS").is_ok_and(|word| word == "write") {
        std::fs::write(document(), lines.join("\n") + "\n").expect("written");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn an_ellipsis_stands_for_anything_and_nothing_else_does() {
    assert!(line_is("root …", "root 12ab") && line_is("a … c … e", "a b c d e") && line_is("same", "same"));
    assert!(!line_is("root …", "tree 12ab") && !line_is("a … c", "a b") && !line_is("same", "same "));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(is_as_shown(&lines("a\n…\nd"), &lines("a\nb\nc\nd")) && is_as_shown(&lines("…"), &[]));
    assert!(!is_as_shown(&lines("a\n…\nd"), &lines("a\nb")) && !is_as_shown(&lines("a"), &lines("a\nb")));
}
