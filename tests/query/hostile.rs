//! Wrong arguments, hostile data, and folders that cannot be written to.

use crate::ask::json_lines;
use crate::common::crowd::apart;
use crate::common::replay_of;
use crate::log::{code, errors, inforce, inforce_without_room, object};
use crate::population::*;

#[test]
fn a_span_that_ends_before_it_begins_is_refused_by_every_command() {
    let (scratch, root) = (ledger_of(&ignored()), format!("{}=", "A".repeat(43)));
    let commands: [&[&str]; 6] = [
        &["query"],
        &["periods"],
        &["report", "--json"],
        &["replay", "--all"],
        &["whatif", "--pack", "overlay-minors"],
        &["sample", "--size", "3", "--seed", "told by lot", "--root", &root],
    ];
    let span = ["--since", "2030-01-01T00:00:00Z", "--until", "2020-01-01T00:00:00Z"];
    for command in commands {
        let output = inforce(&[command, &span].concat(), &scratch.path());
        assert!(
            code(&output) == 2 && errors(&output).contains("is before --since"),
            "{command:?}: {}",
            errors(&output)
        );
    }
}

#[test]
fn wrong_arguments_are_refused_in_one_line_and_data_steers_no_terminal() {
    let mut events = ignored();
    for event in &mut events {
        if event["id"] == "d1" {
            event["data"]["item"]["advertiser"] = "=cmd() evil".into();
        }
    }
    let scratch = ledger_of(&events);
    let cases: &[(&[&str], &str)] = &[
        (&["query", "nothing"], "decisions"),
        (&["query", "--verdict", "maybe"], "allow"),
        (&["query", "--conformance", "fine"], "breach"),
        (&["query", "--limit", "0"], "from 1"),
        (&["query", "--limit", "-1"], "-1"),
        (&["query", "--after", "x"], "invalid"),
        (&["query", "--since", "yesterday"], "RFC 3339"),
        (&["query", "--policy", "@1"], "POLICY@VERSION"),
        (&["query", "--kind", "unlinked"], "reel"),
        (&["query", "facts", "--kind", "nothing"], "account.unlinked"),
        (&["query", "facts", "--rule", "x"], "decisions"),
        (&["query", "--with-content"], "facts"),
        (&["query", "--json", "--csv"], "cannot be used"),
        (&["query", "--newest", "--oldest"], "cannot be used"),
        (&["query", "--as-of", "999"], "never recorded"),
        (&["query", "facts", "--as-of", "999"], "never recorded"),
        (&["query", "--as-of", "no-such-file"], "checkpoint"),
        (&["periods", "--by", "shoe-size"], "campaign"),
        (&["periods", "--gap", "-3"], "-3"),
        (&["whatif"], "--pack"),
        (&["whatif", "--pack", "nothing"], "POLICY@VERSION"),
        (&["whatif", "--pack", "meta-ai-personalization", "--param", "tz_basis=moon"], "tz_basis"),
        (&["whatif", "--pack", "meta-ai-personalization@1", "--param", "tz_basis=utc"], "--param"),
        (&["bundle", "d0", "-o", "x", "--as-of", "3"], "checkpoint"),
        (&["query", "--region", "UK"], "`GB`"),
        (&["query", "--account", "facebook"], "<app>/<id>"),
    ];
    for (arguments, expected) in cases {
        let output = inforce(arguments, &scratch.path());
        assert_eq!(code(&output), 2, "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(expected), "{arguments:?}: {}", errors(&output));
    }
    for arguments in [&["query", "--limit", "99999999999999999999"][..], &["query", "--after", "18446744073709551616"]]
    {
        assert_eq!(code(&inforce(arguments, &scratch.path())), 2, "{arguments:?}");
    }
    let edges: &[&[&str]] = &[
        &["query", "--after", "18446744073709551615", "--oldest"],
        &["query", "--after", "0"],
        &["query", "facts", "--after", "18446744073709551615", "--oldest"],
        &["query", "--since", "2030-01-01T00:00:00Z", "--until", "2030-01-01T00:00:00Z"],
        &["query", "facts", "--since", "2030-01-01T00:00:00Z", "--clock", "recorded"],
        &["query", "facts", "--account", "facebook/nobody"],
        &["query", "--as-of", "1971-01-01T00:00:00Z"],
    ];
    for arguments in edges {
        let output = inforce(arguments, &scratch.path());
        assert_eq!((code(&output), output.stdout.len()), (0, 0), "{arguments:?}: {}", errors(&output));
    }
    for arguments in [&["query", "--rule", "notice_missing"][..], &["periods", "--rule", "notice_missing"]] {
        let output = inforce(arguments, &scratch.path());
        assert!(code(&output) == 0 && errors(&output).contains("notice-missing"), "{arguments:?}: {}", errors(&output));
    }
    for arguments in
        [&["query"][..], &["query", "facts"], &["periods", "--by", "advertiser"], &["history", "facebook/a"]]
    {
        let output = inforce(arguments, &scratch.path());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!text.is_empty() && !text.contains(['\u{1b}', '\u{202e}']), "{arguments:?}: {text}");
    }
    let csv = inforce(&["query", "--csv", "--advertiser", "=cmd() evil"], &scratch.path());
    let text = String::from_utf8(csv.stdout).expect("UTF-8");
    assert!(text.contains(",'=cmd()"), "{text}");
    let content = |more: &[&str]| {
        inforce(&[&["query", "facts", "--kind", "interaction.recorded", "--json"], more].concat(), &scratch.path())
    };
    assert!(!String::from_utf8_lossy(&content(&[]).stdout).contains("tea?"));
    assert!(String::from_utf8_lossy(&content(&["--with-content"]).stdout).contains("tea?"));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_judged_all_the_same_and_damage_gets_no_verdict() {
    let scratch = ledger_of(&population(3, 60));
    // A file where the folder would be: nothing can be kept, whoever asks.
    std::fs::write(scratch.path().join("verdicts"), "").expect("written");
    let output = inforce(&["query", "--json", "--limit", "all"], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(errors(&output).contains("not kept"), "{}", errors(&output));
    assert_eq!(json_lines(&output).len(), replay_of(&scratch.read()).len());
    let segment = scratch.path().join("journal/00000000.seg");
    let mut bytes = std::fs::read(&segment).expect("there");
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(&segment, &bytes).expect("written");
    std::fs::remove_file(scratch.path().join("verdicts")).expect("there");
    let root = "0".repeat(64);
    let commands: [&[&str]; 7] = [
        &["query", "--json"],
        &["query", "--json", "--refresh"],
        &["periods"],
        &["whatif", "--pack", "overlay-gpc"],
        &["report", "--json"],
        &["sample", "--size", "3", "--seed", "told by lot", "--root", &root],
        &["attest", "--all"],
    ];
    for command in commands {
        let output = inforce(command, &scratch.path());
        assert_eq!((code(&output), output.stdout.len()), (3, 0), "{command:?}: {}", errors(&output));
        assert!(!scratch.path().join("verdicts").exists(), "{command:?} makes nothing of what is damaged");
    }
    let after = std::fs::read(&segment).expect("there");
    assert!(after == bytes, "and nothing put on record");
}

#[test]
fn only_a_ledger_that_is_larger_needs_room_beside_it() {
    let small = ledger_of(&population(3, 60));
    let root = object(&inforce(&["verify", "--json"], &small.path()))["root"].as_str().expect("a root").to_owned();
    let commands: [&[&str]; 7] = [
        &["query", "--refresh", "--json"],
        &["periods", "--json"],
        &["whatif", "--pack", "overlay-gpc", "--json"],
        &["report", "--json"],
        &["sample", "--size", "3", "--seed", "told by lot", "--root", &root, "--json"],
        &["replay", "--all", "--json", "--memory", "0"],
        &["attest", "--all", "--json"],
    ];
    for command in commands {
        let output = inforce_without_room(command, &small.path());
        assert!(matches!(code(&output), 0 | 3 | 4), "{command:?}: {}", errors(&output));
        assert!(!output.stdout.is_empty(), "{command:?}: {}", errors(&output));
    }
    let large = ledger_of(&apart(&population(3, 200), 30));
    for command in commands {
        let output = inforce_without_room(command, &large.path());
        let said = errors(&output);
        assert!(code(&output) == 1 && said.contains("TMPDIR") && output.stdout.is_empty(), "{command:?}: {said}");
    }
}
