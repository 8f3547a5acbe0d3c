//! A witness over HTTP, and checkpoints that witnesses cosign.

mod common;
#[path = "common/log.rs"]
mod log;

use common::{Scratch, check_ledger};
use ed25519_dalek::SigningKey;
use inforce::checkpoint::{Checkpoint, Cosigned, Note, VerifierKey, WitnessKey};
use inforce::codec::EntryHash;
use inforce::http::{Notary, NotaryError, new_key, read_key};
use inforce::ledger::{Publish, system_now};
use inforce::merkle::{NodeHash, TreeSize, consistency, leaf, range_root};
use inforce::witness::{AddCheckpoint, Refusal};
use log::{check_published, code, errors, grown, inforce, object, sha, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A witness as a process of its own; ended when dropped.
struct Witness {
    child: Child,
    url: String,
    key: VerifierKey,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Witness {
    /// Starts the program in `dir`, for the logs of `keys`; a key is made if there is none.
    fn start(dir: &Path, keys: &[VerifierKey]) -> Witness {
        std::fs::create_dir_all(dir).expect("made");
        let (key, state) = (dir.join("key"), dir.join("state"));
        if !key.exists() {
            let name = format!("witness.example/{}", dir.file_name().expect("a name").to_string_lossy());
            let made = inforce(&["witness", "--new-key", &name, "--key", text(&key)], dir);
            assert_eq!(code(&made), 0, "{}", errors(&made));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
        command.args(["witness", "--listen", "127.0.0.1:0", "--state", text(&state), "--key", text(&key)]);
        for key in keys {
            command.arg("--log").arg(key.to_string());
        }
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("the program runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = |start: &str| {
            let line = lines.next().expect("a line").expect("UTF-8");
            line.strip_prefix(start).unwrap_or_else(|| panic!("{line}")).to_owned()
        };
        let url = line("listening on ");
        let key = VerifierKey::parse(&line("public key: ")).expect("a key");
        Witness { child, url, key }
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("an address")
    }

    /// One request by hand: status, content type, body.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // A body that is refused for its length is not read to its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        let kind = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-type: ").map(str::to_owned));
        (status, kind.unwrap_or_default(), body.to_owned())
    }

    fn submit(&self, request: &AddCheckpoint) -> (u16, String, String) {
        self.ask("POST", "/add-checkpoint", request.to_string().as_bytes())
    }
}

/// A log without a ledger, so that it can lie.
struct Log {
    key: SigningKey,
    leaves: Vec<NodeHash>,
}

impl Log {
    fn new() -> Log {
        let leaves = (0..40).map(|number| leaf(&EntryHash([number; 32]))).collect();
        Log { key: SigningKey::from_bytes(&[7; 32]), leaves }
    }

    fn verifier(&self) -> VerifierKey {
        VerifierKey::new("example.com/log", self.key.verifying_key())
    }

    fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        let root = range_root(self.leaves.as_slice(), 0, new);
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: TreeSize(new), root };
        let proof = if old <= new { consistency(self.leaves.as_slice(), TreeSize(old), TreeSize(new)) } else { vec![] };
        AddCheckpoint { old: TreeSize(old), proof, checkpoint: checkpoint.sign(&self.key) }
    }
}

#[test]
fn a_witness_speaks_the_protocol_to_the_letter() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = Log::new();
    let witness = Witness::start(&dir.path().join("w1"), &[log.verifier()]);
    let monitor = format!("/{}/checkpoint", sha(&[b"example.com/log"]).map(|byte| format!("{byte:02x}")).concat());
    assert_eq!(witness.ask("GET", &monitor, b"").0, 404, "nothing was cosigned so far");
    // A client that knows nothing asks from nought.
    let (status, _, line) = witness.submit(&log.request(0, 5));
    assert_eq!(status, 200, "{line}");
    let note = format!("{}{line}", log.request(0, 5).checkpoint);
    let opened = Cosigned::open(&note, &log.verifier(), std::slice::from_ref(&witness.key)).expect("cosigned");
    let now = system_now().0 as u64 / 1_000_000_000;
    assert!(opened.cosignatures[0].timestamp.abs_diff(now) < 60);
    assert!(line.starts_with('\u{2014}') && line.ends_with('\n') && line.lines().count() == 1);
    let (status, kind, body) = witness.submit(&log.request(0, 9));
    assert_eq!((status, kind.as_str(), body.as_str()), (409, "text/x.tlog.size", "5\n"));
    assert_eq!(witness.submit(&log.request(5, 9)).0, 200);
    assert_eq!(witness.submit(&log.request(9, 9)).0, 200, "the same again is cosigned anew");
    // Each refusal.
    let mut no_proof = log.request(9, 12);
    no_proof.proof.clear();
    let mut unsigned = log.request(9, 12);
    unsigned.checkpoint = unsigned.checkpoint.replace("\u{2014} example.com/log", "\u{2014} example.com/another");
    let mut forged = log.request(9, 12);
    forged.checkpoint = forged.checkpoint.replace("\n12\n", "\n13\n");
    let mut unknown = log.request(9, 12);
    unknown.checkpoint = unknown.checkpoint.replace("example.com/log", "example.com/unknown");
    let mut fork = Log::new();
    fork.leaves[3] = NodeHash([1; 32]);
    for (what, request, expected) in [
        ("old above new", log.request(12, 9), 400),
        ("unsigned", unsigned, 403),
        ("forged", forged, 403),
        ("an unknown log", unknown, 404),
        ("an old size that is past", log.request(5, 12), 409),
        ("no proof", no_proof, 422),
        ("a fork", fork.request(9, 12), 422),
        ("a fork of the same size", fork.request(9, 9), 422),
    ] {
        let (status, _, body) = witness.submit(&request);
        assert_eq!(status, expected, "{what}: {body}");
    }
    for body in [&b""[..], b"old 9\n", b"old 09\n\nx", b"old 9\nnot a hash\n\nx", b"\xff\xfe", b"old 9\n\nno note\n"] {
        assert_eq!(witness.ask("POST", "/add-checkpoint", body).0, 400, "{:?}", String::from_utf8_lossy(body));
    }
    assert_eq!(witness.ask("POST", "/add-checkpoint", &vec![b'x'; 2 << 20]).0, 413);
    assert_eq!(witness.ask("GET", "/add-checkpoint", b"").0, 405);
    assert_eq!(witness.ask("POST", &monitor, b"").0, 405);
    assert_eq!(witness.ask("GET", "/", b"").0, 404);
    // None of it moved the witness, and monitors see what it cosigned.
    let (status, kind, note) = witness.ask("GET", &monitor, b"");
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    let opened = Cosigned::open(&note, &log.verifier(), std::slice::from_ref(&witness.key)).expect("cosigned");
    assert_eq!((opened.checkpoint.size, opened.cosignatures.len()), (TreeSize(9), 1));
}

#[test]
fn a_witness_that_was_killed_goes_on_where_it_was() {
    let dir = tempfile::tempdir().expect("a folder");
    let (home, log) = (dir.path().join("w1"), Log::new());
    for (old, new) in [(0, 3), (3, 20), (20, 21)] {
        let witness = Witness::start(&home, &[log.verifier()]);
        assert_eq!(witness.submit(&log.request(0, 30)).0, if old == 0 { 200 } else { 409 }, "{old}");
        if old == 0 {
            // It took the first step whole; begin again from a fresh memory.
            drop(witness);
            std::fs::remove_dir_all(home.join("state")).expect("removed");
            assert_eq!(Witness::start(&home, &[log.verifier()]).submit(&log.request(0, new)).0, 200);
            continue;
        }
        assert_eq!(witness.submit(&log.request(old, new)).0, 200);
        let second = inforce(
            &[
                "witness",
                "--listen",
                "127.0.0.1:0",
                "--state",
                text(&home.join("state")),
                "--key",
                text(&home.join("key")),
                "--log",
                &log.verifier().to_string(),
            ],
            dir.path(),
        );
        assert_eq!(code(&second), 1, "one process a folder");
        assert!(errors(&second).contains("used by another witness"), "{}", errors(&second));
    }
    // A memory that is not its own is refused, not believed.
    let state = home.join("state");
    let file = state
        .read_dir()
        .expect("a folder")
        .map(|file| file.expect("readable").path())
        .find(|path| path.extension().is_some())
        .expect("a file a log");
    let kept = std::fs::read_to_string(&file).expect("text");
    let older = log.request(0, 3).checkpoint;
    for bad in [older.as_str(), "", &kept.replace("\n21\n", "\n20\n")] {
        std::fs::write(&file, bad).expect("written");
        let refused =
            Notary::open(&state, read_key(&home.join("key")).expect("a key"), vec![log.verifier()], system_now);
        assert!(matches!(refused, Err(NotaryError::Memory(..))), "{bad}");
    }
}

#[test]
fn a_witness_s_key_is_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("key");
    let made = inforce(&["witness", "--new-key", "witness.example/w1", "--key", text(&path)], dir.path());
    let printed = String::from_utf8(made.stdout).expect("UTF-8");
    let secret = std::fs::read_to_string(&path).expect("a key");
    assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o600);
    assert!(secret.starts_with("PRIVATE+KEY+witness.example/w1+"));
    assert!(!printed.contains("PRIVATE") && !printed.contains(secret.splitn(5, '+').last().expect("a key").trim()));
    assert_eq!(read_key(&path).expect("a key").verifier().to_string(), printed.trim());
    assert!(matches!(new_key(&path, "witness.example/w1"), Err(NotaryError::Io(..))), "never written over");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("changed");
    assert!(matches!(read_key(&path), Err(NotaryError::Open(_))));
}

/// Racing requests: whatever is cosigned is one history, and only the last of it is kept.
#[test]
fn of_concurrent_requests_only_one_chain_is_cosigned() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[1; 32])).expect("a name");
    let (log, mut fork) = (Log::new(), Log::new());
    fork.leaves[0] = NodeHash([1; 32]);
    let notary = Notary::open(&dir.path().join("state"), key, vec![log.verifier()], system_now).expect("opens");
    let cosigned = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (log, notary, cosigned) = (if number % 2 == 0 { &log } else { &fork }, &notary, &cosigned);
            scope.spawn(move || {
                let mut old = 0;
                while old < 40 {
                    let new = (old + 1 + number % 3).min(40);
                    match notary.add_checkpoint(&log.request(old, new).to_string()) {
                        Ok(_) => {
                            cosigned.lock().expect("whole").push((number % 2, old, new));
                            old = new;
                        }
                        Err(NotaryError::Refused(Refusal::Conflict(size))) => old = size.0,
                        // The other history was first.
                        Err(NotaryError::Refused(Refusal::Inconsistent(_))) => return,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let mut cosigned = cosigned.into_inner().expect("whole");
    cosigned.sort_by_key(|&(_, old, new)| (old, new));
    assert!(cosigned.iter().all(|step| step.0 == cosigned[0].0), "two histories: {cosigned:?}");
    for pair in cosigned.windows(2).filter(|pair| pair[0].2 < 40) {
        assert_eq!(pair[0].2, pair[1].1, "a step from a size that was past: {cosigned:?}");
    }
    assert_eq!(cosigned.last().map(|step| step.2), Some(40));
}

#[test]
fn what_cannot_be_written_down_is_not_cosigned() {
    let dir = tempfile::tempdir().expect("a folder");
    let (state, log) = (dir.path().join("state"), Log::new());
    let key = WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[1; 32])).expect("a name");
    let notary = Notary::open(&state, key, vec![log.verifier()], system_now).expect("opens");
    notary.add_checkpoint(&log.request(0, 5).to_string()).expect("cosigned");
    std::fs::remove_dir_all(&state).expect("removed");
    let refused = notary.add_checkpoint(&log.request(5, 9).to_string());
    assert!(matches!(refused, Err(NotaryError::Io(..))), "{refused:?}");
    std::fs::create_dir(&state).expect("made");
    // It stands where it stood.
    let refused = notary.add_checkpoint(&log.request(9, 12).to_string());
    assert!(matches!(refused, Err(NotaryError::Refused(Refusal::Conflict(TreeSize(5))))), "{refused:?}");
    notary.add_checkpoint(&log.request(5, 12).to_string()).expect("cosigned");
}

#[test]
fn a_checkpoint_is_cosigned_by_a_quorum_and_kept() {
    let scratch = Scratch::new();
    let (log, dir) = (scratch.read().verifier_key(), scratch.dir.path().to_owned());
    let mut witnesses: Vec<Witness> =
        (1..=3).map(|number| Witness::start(&dir.join(format!("w{number}")), std::slice::from_ref(&log))).collect();
    let run = |witnesses: &[Witness], more: &[&str]| {
        let mut args = vec!["checkpoint", "--json", "--timeout", "5"];
        for witness in witnesses {
            args.extend(["--witness", &witness.url]);
        }
        let keys: Vec<String> = witnesses.iter().map(|witness| witness.key.to_string()).collect();
        keys.iter().for_each(|key| args.extend(["--witness-key", key]));
        args.extend(more);
        inforce(&args, &scratch.path())
    };
    let keys: Vec<VerifierKey> = witnesses.iter().map(|witness| witness.key.clone()).collect();
    let witnessed = || {
        let note = scratch.read().witnessed_checkpoint().expect("read");
        note.map(|note| {
            let cosigned = Cosigned::open(&note, &log, &keys).expect("cosigned");
            (cosigned.checkpoint.size.0, cosigned.cosignatures.len())
        })
    };
    assert_eq!(witnessed(), None);
    // Of an empty ledger, then of a grown one: with a proof from the size that each has.
    assert_eq!(object(&run(&witnesses, &[]))["quorum"], true);
    assert_eq!(witnessed(), Some((0, 3)));
    grown(&scratch, 0..20);
    let output = run(&witnesses, &[]);
    assert_eq!((code(&output), &object(&output)["quorum"]), (0, &json!(true)), "{}", errors(&output));
    assert_eq!(witnessed(), Some((20, 3)));
    // One was left behind, and one is gone.
    grown(&scratch, 20..30);
    assert_eq!(code(&run(&witnesses[1..], &[])), 0);
    grown(&scratch, 30..40);
    witnesses.pop();
    let gone = Witness {
        child: Command::new("true").spawn().expect("runs"),
        url: "http://127.0.0.1:9".into(),
        key: keys[2].clone(),
    };
    witnesses.push(gone);
    let output = run(&witnesses, &["--quorum", "3"]);
    assert_eq!(code(&output), 1);
    let told = object(&output);
    assert_eq!((&told["quorum"], &told["witnesses"][0]["error"]), (&json!(false), &Value::Null));
    assert!(told["witnesses"][2]["error"].as_str().expect("why").contains("127.0.0.1:9"), "{told}");
    assert_eq!(witnessed(), Some((30, 2)), "what is not enough is not kept");
    assert_eq!(code(&run(&witnesses, &["--quorum", "2"])), 0);
    assert_eq!(witnessed(), Some((40, 2)));
    // A later plain checkpoint leaves it alone, and so does appending.
    let plain = grown(&scratch, 40..45);
    assert_eq!((plain.size, witnessed()), (TreeSize(45), Some((40, 2))));
    assert_eq!(code(&inforce(&["checkpoint"], &scratch.path())), 0);
    assert_eq!(witnessed(), Some((40, 2)));
    // What is published carries the cosignatures.
    let to = dir.join("public");
    scratch.read().publish(&to, Publish { witnessed: true, ..Publish::default() }).expect("published");
    let note = std::fs::read_to_string(to.join("checkpoint")).expect("published");
    assert_eq!(Cosigned::open(&note, &log, &keys).expect("cosigned").cosignatures.len(), 2);
    check_published(&to, &log);
    // By a policy, with a group.
    let policy = dir.join("policy");
    let lines: String =
        witnesses.iter().enumerate().map(|(n, w)| format!("witness w{n} {} {}\n", w.key, w.url)).collect();
    std::fs::write(&policy, format!("log {log}\n{lines}group g 2 w0 w1 w2\nquorum g\n")).expect("written");
    let output = inforce(&["checkpoint", "--policy", text(&policy), "--timeout", "5"], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(errors(&output).contains("not cosigned by witness.example/w3"), "{}", errors(&output));
    assert_eq!(witnessed(), Some((45, 2)));
    check_ledger(&scratch);
}

/// Answers every request with the same bytes, or never.
fn liar(answer: impl Fn() -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut seen = [0; 65536];
            let _ = stream.read(&mut seen);
            match answer() {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                None => kept.push(stream),
            }
        }
    });
    url
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn what_a_lying_witness_says_is_not_believed() {
    let scratch = Scratch::new();
    grown(&scratch, 0..5);
    let key = WitnessKey::new("witness.example/liar", SigningKey::from_bytes(&[3; 32])).expect("a name");
    let stranger = WitnessKey::new("witness.example/stranger", SigningKey::from_bytes(&[4; 32])).expect("a name");
    let note = std::fs::read_to_string(scratch.path().join("checkpoint")).expect("a checkpoint");
    let body = Note::parse(&note).expect("a note").text().to_owned();
    let other = body.replace("\n5\n", "\n6\n");
    for (answer, expected) in [
        (Some(http("200 OK", &key.cosign(&other, 1_700_000_000).to_string())), "does not verify"),
        (Some(http("200 OK", &stranger.cosign(&body, 1_700_000_000).to_string())), "without a cosignature by the key"),
        (Some(http("200 OK", &key.cosign(&body, 0).to_string())), "carries no time"),
        (Some(http("200 OK", "fine\n")), "malformed"),
        (Some(http("200 OK", "")), "malformed"),
        (Some(http("200 OK", &"x".repeat(1 << 20))), "answered 200"),
        (Some(http("409 Conflict", "3\n")), "4 times"),
        (Some(http("409 Conflict", "7\n")), "rolled back"),
        (Some(http("409 Conflict", "many\n")), "without a size"),
        (Some(http("302 Found", "")), "302"),
        (Some(http("500 Oops", "\u{1b}[31mred\n")), "answered 500: [31mred"),
        (Some("not http".to_owned()), "http"),
        (None, "timeout"),
    ] {
        let url = liar(move || answer.clone());
        let output = inforce(
            &["checkpoint", "--witness", &url, "--witness-key", &key.verifier().to_string(), "--timeout", "1"],
            &scratch.path(),
        );
        assert_eq!(code(&output), 1, "{expected}");
        assert!(errors(&output).contains(expected), "{expected}: {}", errors(&output));
        assert_eq!(scratch.read().witnessed_checkpoint().expect("read"), None);
    }
}

#[test]
fn the_arguments_of_checkpoint_are_checked() {
    let scratch = Scratch::new();
    let key = WitnessKey::new("w", SigningKey::from_bytes(&[3; 32])).expect("a name").verifier().to_string();
    let log = scratch.read().verifier_key().to_string();
    for args in [
        &["checkpoint", "--witness", "http://x"][..],
        &["checkpoint", "--witness", "http://x", "--witness-key", &log],
        &["checkpoint", "--witness", "http://x", "--witness-key", &key, "--quorum", "2"],
        &["checkpoint", "--witness", "http://x", "--witness-key", &key, "--quorum", "0"],
        &["checkpoint", "--quorum", "1"],
        &["checkpoint", "--witness", "http://x", "--witness-key", &key, "--witness", "http://y", "--witness-key", &key],
    ] {
        let output = inforce(args, &scratch.path());
        assert_eq!(code(&output), 2, "{args:?}: {}", errors(&output));
    }
    let policy = scratch.dir.path().join("policy");
    std::fs::write(&policy, "log PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\nquorum none\n")
        .expect("written");
    assert_eq!(code(&inforce(&["checkpoint", "--policy", text(&policy)], &scratch.path())), 2, "another log's policy");
}
