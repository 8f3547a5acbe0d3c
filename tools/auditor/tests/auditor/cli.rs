//! The program as others script against it: exit codes, words, JSON.

use super::mutations::work;
use std::process::{Command, Output};

fn auditor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inforce-auditor")).args(arguments).output().expect("the auditor runs")
}

#[test]
fn exit_codes_and_words_are_those_of_the_readme() {
    let work = work();
    let (key, dir) = (work.ledger.key.as_str(), tempfile::tempdir().unwrap());
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut broken = work.bundle.clone();
    broken[5_000] ^= 1;
    let (good, bad) = (file("good", &work.bundle), file("bad", &broken));
    let in_file = file("key", format!("{key}\n").as_bytes());
    let witness = "witness.example/w1+00000000+AAAA";
    for (arguments, code) in [
        (vec![&*good, "--key", key], 0),
        (vec!["--key", &in_file, &good, &good], 0),
        (vec!["--help"], 0),
        (vec!["nowhere", "--key", key], 1),
        (vec!["nowhere", &bad, "--key", key], 3),
        (vec![&good], 2),
        (vec!["--key", key], 2),
        (vec![&good, "--key", key, "--key", key], 2),
        (vec![&good, "--key", key, "--witness", key], 2),
        (vec![&good, "--key", witness], 2),
        (vec![&good, "--key", key, "--loose"], 2),
        (vec![&bad, "--key", key], 3),
    ] {
        assert_eq!(auditor(&arguments).status.code(), Some(code), "{arguments:?}");
    }
    let said = String::from_utf8(auditor(&[&good, "--key", key]).stdout).unwrap();
    assert_eq!((said.matches("\n✓ ").count(), said.matches('✗').count()), (12, 0), "{said}");
    assert!(said.contains("Not checked:\n- the verdict") && said.contains("! KNOWN VIEW: "), "{said}");
    let said = String::from_utf8(auditor(&[&bad, "--key", key]).stdout).unwrap();
    assert_eq!(said.matches("\n✗ ").count(), 1, "{said}");
    assert!(!said.contains("KNOWN VIEW") && said.contains("it proves nothing"), "{said}");
}

#[test]
fn json_is_one_object_a_file() {
    let work = work();
    let dir = tempfile::tempdir().unwrap();
    let (good, cut) = (dir.path().join("good"), dir.path().join("cut"));
    std::fs::write(&good, &work.bundle).unwrap();
    std::fs::write(&cut, &work.bundle[..work.bundle.len() / 2]).unwrap();
    let said = auditor(&[good.to_str().unwrap(), cut.to_str().unwrap(), "--json", "--key", &work.ledger.key]);
    let lines: Vec<serde_json::Value> =
        std::str::from_utf8(&said.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["ok"], &lines[0]["decision"], &lines[0]["failed"]), (&true.into(), &19.into(), &().into()));
    assert_eq!((&lines[1]["ok"], &lines[1]["failed"]), (&false.into(), &"form".into()));
    assert_eq!(lines[0]["steps"].as_array().map(Vec::len), Some(12));
}
