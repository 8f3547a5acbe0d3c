//! The real program, its calls to the system failing one by one: a library in C comes between.

use crate::workload;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The library, or why there is none.
fn shim(dir: &Path) -> Result<PathBuf, String> {
    let (source, library) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/shim.c"), dir.join("shim.so"));
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").output();
    match built {
        Ok(output) if output.status.success() => Ok(library),
        Ok(output) => panic!("shim.c does not compile: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => Err(format!("`cc`: {error}")),
    }
}

fn inforce(ledger: &Path, args: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_inforce"))
        .args(args)
        .env("INFORCE_LEDGER", ledger)
        .env("RUST_BACKTRACE", "0")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // It may end before it has read everything.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("piped"), input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn done(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("made");
    for file in std::fs::read_dir(from).expect("a folder") {
        let path = file.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

fn lines(groups: &[Vec<serde_json::Value>]) -> String {
    groups.concat().iter().map(|event| format!("{event}\n")).collect()
}

#[test]
fn the_program_keeps_what_it_acknowledged_whichever_call_fails() {
    let dir = tempfile::tempdir().expect("a folder");
    let shim = match shim(dir.path()) {
        Ok(library) => library.to_string_lossy().into_owned(),
        Err(why) => return println!("skipped: {why}"),
    };
    let base = dir.path().join("base");
    let groups = workload::groups();
    let (first, all) = (lines(&groups[..4]), lines(&groups));
    done(&inforce(&base, &["init"], "", &[]));
    done(&inforce(&base, &["import", "--json", "-"], &first, &[]));
    let log = dir.path().join("log").to_string_lossy().into_owned();
    let faulted = |ledger: &Path, call: usize, how: &str| {
        let dir = ledger.to_string_lossy().into_owned();
        let call = call.to_string();
        let variables = [
            ("LD_PRELOAD", &*shim),
            ("FAULT_DIR", &*dir),
            ("FAULT_CALL", &*call),
            ("FAULT_HOW", how),
            ("FAULT_LOG", &*log),
        ];
        inforce(ledger, &["import", "--json", "-"], &all, &variables[..if how == "never" { 5 } else { 4 }])
    };
    let clean = dir.path().join("clean");
    copy(&base, &clean);
    done(&faulted(&clean, usize::MAX >> 33, "never"));
    let calls: Vec<char> = std::fs::read_to_string(&log).expect("the library logs").chars().collect();
    assert!(calls.iter().filter(|&&call| call == 'd').count() > 5, "{calls:?}");
    let faults = calls.iter().enumerate().flat_map(|(call, letter)| {
        let outcomes: &[&str] = if *letter == 'w' { &["nothing", "part", "all"] } else { &["nothing", "all"] };
        outcomes.iter().map(move |&how| (call, how))
    });
    let faults: Vec<(usize, &str)> = faults.collect();
    let every = if cfg!(debug_assertions) && std::env::var_os("INFORCE_FAULTS").is_none() { 19 } else { 1 };
    let chosen: Vec<_> = faults.iter().step_by(every).copied().collect();
    crate::each(&chosen, |&(call, how)| {
        let ledger = dir.path().join(format!("{call}-{how}"));
        copy(&base, &ledger);
        let output = faulted(&ledger, call, how);
        let what = format!("call {call} (`{}`) fails, {how} done", calls[call]);
        crate::say_if_it_panics(&what, || {
            let text = String::from_utf8_lossy(&output.stderr);
            // It ends well where the fault was not in the way, or says what failed; it never dies of it.
            assert!(output.status.code().is_some_and(|code| code == 0 || code == 1), "{:?}: {text}", output.status);
            assert!(!text.contains("panicked"), "{text}");
            let report = done(&inforce(&ledger, &["import", "--json", "-"], &all, &[]));
            let total = groups.concat().len() as u64;
            if output.status.code() == Some(0) {
                assert_eq!(report["duplicates"].as_u64(), Some(total), "{report}");
            }
            assert_eq!(done(&inforce(&ledger, &["verify", "--json"], "", &[]))["entries"].as_u64(), Some(total));
            done(&inforce(&ledger, &["reindex"], "", &[]));
        });
        std::fs::remove_dir_all(&ledger).expect("removed");
    });
    println!("{} faults of {} over {} calls of the program", chosen.len(), faults.len(), calls.len());
}

/// Runs the program so that no file may grow beyond so many KiB.
fn limited(ledger: &Path, kib: u64, input: &str) -> Output {
    let script = format!("ulimit -f {} && exec \"$0\" import --json -", kib * 2);
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_inforce")])
        .env("INFORCE_LEDGER", ledger)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell runs");
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("piped"), input.as_bytes());
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_nothing_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let groups = workload::groups();
    let (first, all) = (lines(&groups[..4]), lines(&groups));
    let mut refused = 0;
    // The keyring takes 516 KiB, the index some MiB.
    for kib in [1, 4, 16, 100, 515, 600, 20_000] {
        let ledger = dir.path().join(kib.to_string());
        done(&inforce(&ledger, &["init"], "", &[]));
        done(&inforce(&ledger, &["import", "--json", "-"], &first, &[]));
        let output = limited(&ledger, kib, &all);
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(0) {
            refused += 1;
            assert_eq!(output.status.code(), Some(1), "{kib} KiB: {:?} {text}", output.status);
            assert!(text.contains("File too large") && !text.contains("panicked"), "{kib} KiB: {text}");
        }
        done(&inforce(&ledger, &["import", "--json", "-"], &all, &[]));
        let total = groups.concat().len() as u64;
        assert_eq!(done(&inforce(&ledger, &["verify", "--json"], "", &[]))["entries"].as_u64(), Some(total));
    }
    assert!(refused > 0, "no limit was in the way");
    println!("{refused} limits of 7 refused");
}
