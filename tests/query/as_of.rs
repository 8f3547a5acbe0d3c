//! Every command as of a moment.

use crate::common::{Scratch, check_ledger, import};
use crate::log::{self, code, errors, inforce};
use crate::population::*;
use inforce::ledger::Clock;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_command_as_of_a_moment_says_what_it_said_then() {
    let mut events = ignored();
    events.extend(population(11, 14).into_iter().skip(6).map(|mut event| {
        let id = event["id"].as_str().expect("an id").to_owned();
        event["id"] = format!("later-{id}").into();
        event["recordedtime"] = "2026-01-20T00:00:00Z".into();
        event
    }));
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut then = Vec::new();
    for (seq, event) in events.iter().enumerate() {
        import(&ledger, std::slice::from_ref(event), Clock::Recorded).remove(0).expect("appended");
        if seq % 4 == 3 || seq + 1 == events.len() {
            ledger.checkpoint().expect("signed");
            then.push((seq, scratch.copied()));
        }
    }
    ledger.close().expect("closed");
    let commands: &[&[&str]] = &[
        &["replay", "--all", "--json"],
        &["query", "--json", "--limit", "all"],
        &["query", "facts", "--json", "--limit", "all", "--oldest"],
        &["query", "facts", "--account", "facebook/a", "--limit", "2"],
        &["history", "facebook/a", "--json"],
        &["history", "facebook/a", "--view", "known", "--at", "2025-12-24T00:00:00Z"],
        &["periods", "--json", "--view", "true"],
        &["whatif", "--pack", "overlay-minors", "--json"],
        &["explain", "d1", "--json"],
        &["provenance", "d1"],
        &["verify", "--json"],
        &["policy", "list", "--json"],
        &["policy", "in-force", "--at", "2025-12-20T00:00:00Z"],
        &["policy", "show", "meta-ai-personalization"],
    ];
    let mut spoke = BTreeSet::new();
    for (seq, copy) in &then {
        let seq = seq.to_string();
        for command in commands {
            let expected = inforce(command, &copy.path());
            let found = inforce(&[command, &["--as-of", &seq][..]].concat(), &scratch.path());
            let texts = [&found, &expected].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            assert_eq!(code(&found), code(&expected), "{command:?} as of {seq}: {}", errors(&found));
            assert_eq!(texts[0], texts[1], "{command:?} as of {seq}");
            if !texts[0].is_empty() {
                spoke.insert(command);
            }
        }
        // A checkpoint's file names the same moment, and evidence is proved against it.
        let checkpoint = copy.path().join("checkpoint");
        let at = ["--as-of", log::text(&checkpoint)];
        let by_file = inforce(&[&["verify", "--json"], &at[..]].concat(), &scratch.path());
        assert_eq!(by_file.stdout, inforce(&["verify", "--json"], &copy.path()).stdout);
        let status = |ledger: &Path, more: &[&str]| -> Value {
            let said = inforce(&[&["status", "--json"], more].concat(), ledger);
            serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", errors(&said)))
        };
        let (found, expected) = (status(&scratch.path(), &at), status(&copy.path(), &[]));
        for key in ["origin", "entries", "last_recorded"] {
            assert_eq!(found[key], expected[key], "{key} as of {seq}");
        }
        let consistency =
            |ledger: &Path, more: &[&str]| inforce(&[&["consistency", "1", "--json"], more].concat(), ledger);
        assert_eq!(consistency(&scratch.path(), &at).stdout, consistency(&copy.path(), &[]).stdout);
        let proof = |ledger: &Path, more: &[&str]| inforce(&[&["proof", "0", "--json"], more].concat(), ledger);
        assert_eq!(proof(&scratch.path(), &at).stdout, proof(&copy.path(), &[]).stdout);
        let (one, other) = (scratch.dir.path().join("one.json"), scratch.dir.path().join("other.json"));
        let bundle = |ledger: &Path, to: &Path, more: &[&str]| {
            inforce(&[&["bundle", "d0", "-o", log::text(to)], more].concat(), ledger)
        };
        let (found, expected) = (bundle(&scratch.path(), &one, &at), bundle(&copy.path(), &other, &[]));
        assert_eq!(code(&found), code(&expected), "{}", errors(&found));
        if code(&found) == 0 {
            assert_eq!(
                std::fs::read(&one).expect("written"),
                std::fs::read(&other).expect("written"),
                "the same evidence"
            );
        }
    }
    assert_eq!(spoke.len(), commands.len(), "every command said something at some moment");
    check_ledger(&scratch);
}
