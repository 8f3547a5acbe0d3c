//! The log as others see it: published files, a witness over HTTP, cosigned checkpoints, consistency, rollbacks.

mod common;

use common::{Scratch, check_ledger, facts};
use ed25519_dalek::SigningKey;
use inforce::checkpoint::{Checkpoint, Cosigned, Note, VerifierKey, WitnessKey, hash_to_base64};
use inforce::codec::EntryHash;
use inforce::http::{Notary, NotaryError, new_key, read_key};
use inforce::ledger::{Ledger, LedgerError, Publish, system_now};
use inforce::merkle::{NodeHash, TreeHead, TreeSize, consistency, leaf, range_root};
use inforce::proof::{Consistency, Inclusion};
use inforce::quorum::Quorum;
use inforce::witness::{AddCheckpoint, Refusal};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn append(ledger: &Ledger, range: std::ops::Range<u32>) {
    let event = |n: u32| {
        json!({
            "specversion": "1.0", "id": n.to_string(), "source": "//test", "type": "inforce.age.observed",
            "subject": format!("facebook/{n}"), "time": "2025-12-20T12:00:00Z", "data": { "band": "adult" },
        })
    };
    ledger.append(facts(&range.map(event).collect::<Vec<_>>())).expect("appended");
}

fn grown(scratch: &Scratch, range: std::ops::Range<u32>) -> Checkpoint {
    let ledger = scratch.open();
    append(&ledger, range);
    ledger.close().expect("closed");
    scratch.read().last_checkpoint().expect("signed")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for file in from.read_dir().expect("a folder") {
        let file = file.expect("readable");
        let target = to.join(file.file_name());
        if file.file_type().expect("a type").is_dir() {
            copy(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).expect("copied");
        }
    }
}

fn inforce(args: &[&str], ledger: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    command.args(args).env("INFORCE_LEDGER", ledger).stdin(Stdio::null()).output().expect("the program runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", errors(output)))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

// What a stranger does who has RFC 6962 and tlog-tiles, and nothing of this program.

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn tree_hash(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha(&[]),
        [one] => *one,
        many => {
            let k = many.len().next_power_of_two() / 2;
            sha(&[&[1], &tree_hash(&many[..k]), &tree_hash(&many[k..])])
        }
    }
}

fn tile_path(dir: &Path, level: &str, index: usize, width: usize) -> PathBuf {
    assert!(index < 1000, "small trees");
    let part = if width == 256 { String::new() } else { format!(".p/{width}") };
    dir.join(format!("tile/{level}/{index:03}{part}"))
}

fn read_tile(dir: &Path, level: &str, count: usize) -> Vec<u8> {
    let widths = (0..count).step_by(256).map(|first| (count - first).min(256));
    let read = |(index, width)| {
        let path = tile_path(dir, level, index, width);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    widths.enumerate().flat_map(read).collect()
}

/// Checks a published folder with the log's public key alone; returns its size and its entries.
fn check_published(dir: &Path, key: &VerifierKey) -> Vec<[u8; 32]> {
    let note = std::fs::read_to_string(dir.join("checkpoint")).expect("a checkpoint");
    let checkpoint = Checkpoint::open(&note, key).expect("signed");
    let size = checkpoint.size.0 as usize;
    let bundles = read_tile(dir, "entries", size);
    let entries: Vec<[u8; 32]> = bundles
        .chunks(34)
        .map(|entry| {
            assert_eq!(entry[..2], [0, 32], "the length in front of each entry");
            entry[2..].try_into().expect("32 bytes")
        })
        .collect();
    assert_eq!(entries.len(), size);
    let mut level: Vec<[u8; 32]> = entries.iter().map(|entry| sha(&[&[0], entry])).collect();
    assert_eq!(tree_hash(&level), checkpoint.root.0, "the root from the entries alone");
    let mut number = 0;
    while !level.is_empty() {
        assert_eq!(read_tile(dir, &number.to_string(), level.len()), level.concat(), "level {number}");
        level = level.chunks_exact(256).map(tree_hash).collect();
        number += 1;
    }
    assert!(!dir.join(format!("tile/{number}")).exists(), "no empty tiles");
    entries
}

/// Every file below a folder, with its inode.
fn files(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(folder) = pending.pop() {
        for file in folder.read_dir().expect("a folder") {
            let path = file.expect("readable").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(path.strip_prefix(dir).expect("below").to_owned(), path.metadata().expect("there").ino());
            }
        }
    }
    found
}

#[test]
fn what_is_published_is_checked_by_a_stranger() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("public");
    let key = scratch.read().verifier_key();
    // Of nothing, too: a checkpoint and no tile.
    scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!(check_published(&to, &key).len(), 0);
    assert_eq!(files(&to).len(), 1);
    grown(&scratch, 0..200);
    scratch.read().publish(&to, Publish::default()).expect("published");
    let first = check_published(&to, &key);
    grown(&scratch, 200..700);
    let published = scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!((published.before, published.checkpoint.size), (TreeSize(200), TreeSize(700)));
    // Bundles and hashes of 0, 1 and the partial 2; and the partial tile above.
    assert_eq!(published.tiles, 7);
    let entries = check_published(&to, &key);
    assert_eq!(entries[..200], first[..]);
    let before = files(&to);
    assert!(before.contains_key(Path::new("tile/0/000.p/200")), "what an older checkpoint needs stays");
    // Every entry is the hash of its seq, so receipts can be looked up.
    let ledger = scratch.read();
    for seq in [0, 255, 256, 699] {
        let entry = ledger.entry(seq).expect("read").expect("there");
        assert_eq!(entries[seq as usize], entry.hash.0);
    }
    // Nothing new: nothing is written.
    let again = scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!((again.tiles, files(&to)), (0, before.clone()));
    grown(&scratch, 700..800);
    scratch.read().publish(&to, Publish::default()).expect("published");
    check_published(&to, &key);
    let after = files(&to);
    for (path, inode) in &before {
        let full = !path.to_string_lossy().contains(".p/") && path != Path::new("checkpoint");
        assert!(!full || after[path] == *inode, "{} was written again", path.display());
    }
    assert!(!after.keys().any(|path| path.extension().is_some_and(|ext| ext == "new")), "no temporary file stays");
    // A mirror that lost a file gets it back.
    std::fs::remove_file(to.join("tile/0/001")).expect("removed");
    scratch.read().publish(&to, Publish { all: true, ..Publish::default() }).expect("published");
    check_published(&to, &key);
    check_ledger(&scratch);
}

#[test]
fn a_rollback_or_a_fork_is_not_published() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("public");
    grown(&scratch, 0..10);
    let fork = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy(&scratch.path(), &fork.path());
    grown(&scratch, 10..20);
    scratch.read().publish(&to, Publish::default()).expect("published");
    let before = files(&to);
    // The older copy is behind.
    let refused = inforce(&["publish", text(&to)], &fork.path());
    assert_eq!(code(&refused), 3, "{}", errors(&refused));
    assert!(errors(&refused).contains("20 entries were published, the checkpoint is over 10"), "{}", errors(&refused));
    // As long, and longer: other entries.
    for range in [30..40, 40..60] {
        grown(&fork, range);
        let refused = inforce(&["publish", "--json", text(&to)], &fork.path());
        assert_eq!(code(&refused), 3, "{}", errors(&refused));
        assert!(errors(&refused).contains("are not those that were published"), "{}", errors(&refused));
    }
    // Another ledger.
    let other = Scratch { dir: tempfile::tempdir().expect("a folder") };
    Ledger::create(&other.path(), Some("inforce/other")).expect("made").close().expect("closed");
    assert_eq!(code(&inforce(&["publish", text(&to)], &other.path())), 3);
    assert_eq!(files(&to), before, "nothing was touched");
    check_published(&to, &scratch.read().verifier_key());
    assert_eq!(
        code(&inforce(&["publish", text(&scratch.path().join("public"))], &scratch.path())),
        1,
        "inside the ledger"
    );
}

#[test]
fn a_publication_that_breaks_off_leaves_the_old_one_whole() {
    let scratch = Scratch::new();
    let to = scratch.dir.path().join("public");
    let key = scratch.read().verifier_key();
    grown(&scratch, 0..300);
    scratch.read().publish(&to, Publish::default()).expect("published");
    grown(&scratch, 300..600);
    // A folder stands where a file is to go: the bundle before it is written, then it breaks off.
    let stone = to.join("tile/0/001");
    std::fs::create_dir_all(stone.join("x")).expect("made");
    assert!(matches!(scratch.read().publish(&to, Publish::default()), Err(LedgerError::Io(..))));
    assert!(to.join("tile/entries/001").exists());
    assert_eq!(check_published(&to, &key).len(), 300);
    std::fs::remove_dir_all(stone).expect("removed");
    scratch.read().publish(&to, Publish::default()).expect("published");
    assert_eq!(check_published(&to, &key).len(), 600);
    // One at a time.
    let folder = std::fs::File::open(&to).expect("opens");
    folder.lock().expect("locked");
    assert!(matches!(scratch.read().publish(&to, Publish::default()), Err(LedgerError::Locked(_))));
}

#[test]
fn a_proof_file_of_a_ledger_verifies() {
    let scratch = Scratch::new();
    let checkpoint = grown(&scratch, 0..300);
    let ledger = scratch.read();
    let note = std::fs::read_to_string(scratch.path().join("checkpoint")).expect("a checkpoint");
    for seq in [0, 255, 256, 299] {
        let entry = ledger.entry(seq).expect("read").expect("there");
        let path = ledger.inclusion_proof(seq, checkpoint.size).expect("proved");
        let proof = Inclusion { extra: None, index: seq, path, checkpoint: note.clone() }.to_string();
        let read = Inclusion::parse(&proof).expect("a proof");
        assert!(read.verify(&entry.hash, &ledger.verifier_key(), &[]).is_ok());
        assert!(read.verify(&EntryHash([0; 32]), &ledger.verifier_key(), &[]).is_err());
    }
}

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
    assert!(!printed.contains("PRIVATE") && !printed.contains(secret.rsplit('+').next().expect("a part").trim()));
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

#[test]
fn consistency_is_proved_and_refuted() {
    let scratch = Scratch::new();
    let dir = scratch.dir.path().to_owned();
    let keep = |name: &str| {
        let path = dir.join(name);
        std::fs::copy(scratch.path().join("checkpoint"), &path).expect("copied");
        path
    };
    grown(&scratch, 0..7);
    let old = keep("old");
    let fork = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy(&scratch.path(), &fork.path());
    grown(&scratch, 7..20);
    let new = keep("new");
    grown(&fork, 100..130);
    let run = |args: &[&str]| inforce(&[&["consistency", "--json"], args].concat(), &scratch.path());
    for (args, sizes) in [
        (&["7"][..], (7, 20)),
        (&["0", "0"], (0, 0)),
        (&["7", "12"], (7, 12)),
        (&[text(&old)], (7, 20)),
        (&[text(&old), text(&new)], (7, 20)),
        (&[text(&new), "20"], (20, 20)),
    ] {
        let output = run(args);
        let found = object(&output);
        assert_eq!((code(&output), &found["consistent"]), (0, &json!(true)), "{args:?}: {found}");
        assert_eq!((&found["old"]["size"], &found["new"]["size"]), (&json!(sizes.0), &json!(sizes.1)));
    }
    // Rolled back, and forked.
    for (args, ledger, what) in [
        (&["20", "7"][..], &scratch, "rolled back"),
        (&["7", "21"], &scratch, "rolled back"),
        (&["40"], &scratch, "rolled back"),
        (&[text(&new), text(&old)], &scratch, "rolled back"),
        (&[text(&new)], &fork, "forked"),
    ] {
        let output = inforce(&[&["consistency", "--json"], args].concat(), &ledger.path());
        let found = object(&output);
        assert_eq!(
            (code(&output), &found["consistent"], &found["proof"]),
            (3, &json!(false), &Value::Null),
            "{args:?}"
        );
        assert!(found["what"].as_str().expect("why").contains(what), "{found}");
    }
    // Written, and checked by somebody without a ledger.
    let (proof, key, nowhere) = (dir.join("proof"), scratch.read().verifier_key().to_string(), dir.join("nowhere"));
    assert_eq!(code(&run(&[text(&old), text(&new), "--write", text(&proof)])), 0);
    let check = |old: &Path, new: &Path| {
        inforce(&["consistency", text(old), text(new), "--proof", text(&proof), "--key", &key], &nowhere)
    };
    let output = check(&old, &new);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "consistent: the first 7 of 20 entries are the same\n");
    assert_eq!(code(&check(&old, &fork.path().join("checkpoint"))), 3);
    assert_eq!(code(&check(&new, &new)), 3);
    let good = std::fs::read_to_string(&proof).expect("text");
    let last = good.lines().last().expect("a hash");
    let zeros = hash_to_base64(&NodeHash([0; 32]));
    for (bad, expected) in [
        (good.replace(last, &zeros), 3),
        (good.replace(&format!("{last}\n"), ""), 3),
        (good.replace("old 7", "old 8"), 3),
        (String::new(), 1),
    ] {
        std::fs::write(&proof, bad).expect("written");
        assert_eq!(code(&check(&old, &new)), expected);
    }
    check_ledger(&scratch);
}

#[test]
fn a_folder_from_an_older_backup_is_refused_by_its_anchor() {
    let scratch = Scratch::new();
    let anchor = scratch.dir.path().join("anchor");
    let backup = scratch.dir.path().join("backup");
    grown(&scratch, 0..5);
    assert_eq!(code(&inforce(&["anchor", text(&anchor)], &scratch.path())), 0);
    assert_eq!(scratch.read().anchor(), Some(anchor.as_path()));
    copy(&scratch.path(), &backup);
    grown(&scratch, 5..9);
    assert_eq!(
        std::fs::read(&anchor).expect("there"),
        std::fs::read(scratch.path().join("checkpoint")).expect("there")
    );
    check_ledger(&scratch);
    // The whole folder, as it was.
    let newer = scratch.dir.path().join("newer");
    std::fs::rename(scratch.path(), &newer).expect("moved");
    copy(&backup, &scratch.path());
    let refused = |expected: &str| {
        assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::RolledBack(_))));
        assert!(matches!(Ledger::open_read_only(&scratch.path()), Err(LedgerError::RolledBack(_))));
        for args in [&["verify"][..], &["replay", "--all"], &["import", "-"], &["checkpoint"]] {
            let output = inforce(args, &scratch.path());
            assert_eq!(code(&output), 3, "{args:?}");
            assert!(
                errors(&output).contains(expected) && errors(&output).contains("docs/operate.md"),
                "{}",
                errors(&output)
            );
        }
    };
    refused("the journal holds 5 entries");
    // The way out: the newest copy is put back.
    std::fs::remove_dir_all(scratch.path()).expect("removed");
    std::fs::rename(&newer, scratch.path()).expect("moved");
    check_ledger(&scratch);
    // An older copy that went on elsewhere: as long, and longer.
    let fork = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy(&backup, &fork.path());
    Ledger::drop_anchor(&fork.path()).expect("dropped");
    for range in [50..54, 54..60] {
        grown(&fork, range);
        std::fs::remove_dir_all(scratch.path()).expect("removed");
        copy(&fork.path(), &scratch.path());
        std::fs::copy(backup.join("ledger.toml"), scratch.path().join("ledger.toml")).expect("copied");
        let opened = Ledger::open_read_only(&scratch.path());
        // A longer one looks whole by its heads; the pass over its journal tells.
        if let Ok(ledger) = opened {
            let report = ledger.verify().expect("read");
            assert!(report.problems[0].what.contains("are not those that"), "{report:?}");
            assert_eq!(code(&inforce(&["verify"], &scratch.path())), 3);
            assert_eq!(ledger.load().expect("read").bad.expect("a problem").place, Some((text(&anchor).to_owned(), 0)));
        }
        assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::RolledBack(_))));
    }
    // The other way out, for whoever has lost the rest.
    let output = inforce(&["anchor", "--none"], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    check_ledger(&scratch);
}

#[test]
fn an_anchor_that_is_gone_or_another_s_is_refused() {
    let scratch = Scratch { dir: tempfile::tempdir().expect("a folder") };
    let anchor = scratch.dir.path().join("anchor");
    let output = inforce(&["init", "--origin", "inforce/test", "--anchor", text(&anchor)], &scratch.path());
    assert_eq!(code(&output), 0, "{}", errors(&output));
    grown(&scratch, 0..5);
    let good = std::fs::read(&anchor).expect("there");
    std::fs::remove_file(&anchor).expect("removed");
    assert!(matches!(Ledger::open_read_only(&scratch.path()), Err(LedgerError::Anchor(..))));
    let output = inforce(&["verify"], &scratch.path());
    assert_eq!(code(&output), 3);
    assert!(errors(&output).contains("docs/operate.md"), "{}", errors(&output));
    // Of another ledger; not of a log at all; changed.
    let other = Scratch { dir: tempfile::tempdir().expect("a folder") };
    Ledger::create(&other.path(), Some("inforce/test")).expect("made").close().expect("closed");
    let changed = String::from_utf8(good.clone()).expect("text").replace("\n5\n", "\n4\n").into_bytes();
    for bad in [std::fs::read(other.path().join("checkpoint")).expect("there"), b"x".to_vec(), changed] {
        std::fs::write(&anchor, bad).expect("written");
        assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::Checkpoint(_))));
        assert_eq!(code(&inforce(&["verify"], &scratch.path())), 3);
    }
    std::fs::write(&anchor, good).expect("written");
    // Two copies of one folder that are written to at the same time meet at the anchor.
    let copied = Scratch { dir: tempfile::tempdir().expect("a folder") };
    copy(&scratch.path(), &copied.path());
    let (one, two) = (scratch.open(), copied.open());
    append(&one, 10..11);
    append(&two, 20..21);
    one.close().expect("the first is written");
    assert!(matches!(two.close(), Err(LedgerError::RolledBack(_))));
    let signed = std::fs::read_to_string(copied.path().join("checkpoint")).expect("there");
    let signed = Checkpoint::open(&signed, &scratch.read().verifier_key()).expect("signed");
    assert_eq!(signed.size, TreeSize(5), "the second signed nothing that would fork");
    // Not inside the folder, and not over another ledger's checkpoint.
    assert_eq!(code(&inforce(&["anchor", text(&scratch.path().join("anchor"))], &scratch.path())), 1);
    let foreign = other.path().join("checkpoint");
    assert_eq!(code(&inforce(&["anchor", text(&foreign)], &scratch.path())), 3);
    check_ledger(&scratch);
}

#[test]
fn a_ledger_is_held_to_what_was_cosigned() {
    let scratch = Scratch::new();
    grown(&scratch, 0..5);
    let older = scratch.dir.path().join("older");
    copy(&scratch.path(), &older);
    grown(&scratch, 5..9);
    let note = std::fs::read_to_string(scratch.path().join("checkpoint")).expect("there");
    let ledger = scratch.open();
    ledger.keep_witnessed(&note).expect("kept");
    let old = std::fs::read_to_string(older.join("checkpoint")).expect("there");
    assert!(matches!(ledger.keep_witnessed(&old), Err(LedgerError::RolledBack(_))), "never a smaller one");
    ledger.close().expect("closed");
    check_ledger(&scratch);
    // Journal, tree and checkpoint from before, but the cosigned one stayed.
    let kept = scratch.path().join("checkpoint.witnessed");
    std::fs::copy(&kept, older.join("checkpoint.witnessed")).expect("copied");
    assert!(matches!(Ledger::open(&older), Err(LedgerError::RolledBack(_))));
    assert!(matches!(Ledger::open_read_only(&older), Err(LedgerError::RolledBack(_))));
    // A forged one is not passed over.
    std::fs::write(&kept, note.replace("\n9\n", "\n8\n")).expect("written");
    assert!(matches!(Ledger::open(&scratch.path()), Err(LedgerError::Checkpoint(_))));
    assert_eq!(code(&inforce(&["verify"], &scratch.path())), 3);
    std::fs::write(&kept, note).expect("written");
    check_ledger(&scratch);
}

/// What is read has one form: whatever a changed byte still lets pass is written back as it was, and nothing panics.
#[test]
fn every_format_has_one_form() {
    let scratch = Scratch::new();
    grown(&scratch, 0..9);
    let witness = WitnessKey::new("witness.example/w1", SigningKey::from_bytes(&[1; 32])).expect("a name");
    let mut note =
        Note::parse(&std::fs::read_to_string(scratch.path().join("checkpoint")).expect("there")).expect("a note");
    note.add(witness.cosign(note.text(), 1_700_000_000));
    let path = scratch.read().inclusion_proof(4, TreeSize(9)).expect("proved");
    let inclusion = Inclusion { extra: Some(b"x".to_vec()), index: 4, path, checkpoint: note.to_string() };
    let hashes = scratch.read().consistency_proof(TreeSize(5), TreeSize(9)).expect("proved");
    let root = |size| TreeHead { size: TreeSize(size), root: scratch.read().root_at(TreeSize(size)).expect("known") };
    let consistency = Consistency { old: root(5), new: root(9), hashes: hashes.clone() };
    let request = AddCheckpoint { old: TreeSize(5), proof: hashes, checkpoint: note.to_string() };
    type Again = fn(&str) -> Option<String>;
    let formats: [(String, Again); 5] = [
        (note.to_string(), |text| Note::parse(text).ok().map(|note| note.to_string())),
        (inclusion.to_string(), |text| Inclusion::parse(text).ok().map(|proof| proof.to_string())),
        (consistency.to_string(), |text| Consistency::parse(text).ok().map(|proof| proof.to_string())),
        (request.to_string(), |text| AddCheckpoint::parse(text).ok().map(|request| request.to_string())),
        (witness.verifier().to_string(), |text| VerifierKey::parse(text).ok().map(|key| key.to_string())),
    ];
    for (good, again) in formats {
        assert_eq!(again(&good).as_ref(), Some(&good));
        for at in 0..good.len() {
            for byte in [0, b'\n', b' ', b'+', b'-', b'0', b'1', b'=', b'A', b'x', 0x7f, 0x80, 0xff] {
                let mut changed = good.clone().into_bytes();
                changed[at] = byte;
                let cut = &good.as_bytes()[..at];
                let doubled = [cut, &[byte], &good.as_bytes()[at..]].concat();
                for text in
                    [&changed[..], cut, &doubled].into_iter().filter_map(|bytes| std::str::from_utf8(bytes).ok())
                {
                    // A key may stand between spaces, as one pastes it.
                    let kept = again(text);
                    assert!(kept.is_none_or(|kept| kept == text || kept == text.trim()), "{text:?}");
                    let _ = Quorum::parse(text.as_bytes());
                }
            }
        }
    }
}
