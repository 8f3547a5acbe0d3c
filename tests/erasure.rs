//! Erasure proved: what was erased is in no file of the ledger, and everything that was proved before still is.
//!
//! The raw bytes of every file below the ledger's folder are searched, sled's own included; terms, of which runs keep a part in
//! steps from one to the next, are asked of the index. Each search is shown to find
//! its needle before the erasure, or where it may stay, so that none passes because it cannot find anything.

mod common;

use aho_corasick::AhoCorasick;
use common::{Scratch, check_ledger, facts, replayed};
use inforce::checkpoint::Checkpoint;
use inforce::codec;
use inforce::explain::{self, Evidence, Wanted};
use inforce::index::{Field, Index, Term};
use inforce::judge::{self, Ask};
use inforce::ledger::Ledger;
use inforce::merkle::{self, NodeHash, TreeSize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PERSON: &str = "facebook/quillaja";
const OTHER: &str = "facebook/rosmarinus";

fn event(id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Value {
    let (kind, subject) = (format!("inforce.{kind}"), subject.to_owned());
    json!({ "specversion": "1.0", "id": id, "source": "//erasure", "type": kind, "subject": subject, "time": time, "data": data })
}

/// Everything about one person: a chat, a label, a signal, a decision, a notice; `mark` is in all that is distinctive.
fn life(subject: &str, mark: &str) -> Vec<Value> {
    let program = json!({ "name": format!("model-{mark}"), "version": "1", "digest": "ab".repeat(32) });
    let said =
        |id: &str, kind: &str, data: Value| event(&format!("{id}-{mark}"), kind, subject, "2025-12-20T12:00:00Z", data);
    let (chat, signal) = (format!("chat-{mark}"), format!("signal-{mark}"));
    vec![
        said(
            "notice",
            "notice.recorded",
            json!({ "policy": "p", "channel": "email", "status": "delivered", "locale": format!("locale-{mark}") }),
        ),
        said(
            "chat",
            "interaction.recorded",
            json!({ "agent": "assistant", "conversation": format!("conversation-{mark}"),
            "turn": 0, "modality": "text", "region": "US", "content": format!("the secret text of {mark}") }),
        ),
        said(
            "label",
            "interaction.labelled",
            json!({ "target": chat, "sensitive": [], "topics": [format!("label-{mark}")], "labeller": program }),
        ),
        said(
            "signal",
            "signal.derived",
            json!({ "topic": format!("topic-{mark}"), "sources": [chat], "deriver": program }),
        ),
        said(
            "decision",
            "decision.made",
            json!({ "purpose": "ads", "region": "US", "signals": [signal], "outcome": "served",
            "item": { "kind": "ad", "advertiser": format!("advertiser-{mark}"), "topics": [format!("item-{mark}")] } }),
        ),
    ]
}

fn erased(id: &str, subject: &str, scope: &str) -> Value {
    event(id, "subject.erased", subject, "2026-02-01T09:30:00Z", json!({ "scope": scope }))
}

/// Chats of nobody in particular, to fill the index and the segments.
fn crowd(from: usize, count: usize, text: &str) -> Vec<Value> {
    (from..from + count)
        .map(|n| {
            let data = json!({ "agent": "assistant", "conversation": format!("crowd-{n}"), "turn": 0, "modality": "text", "content": text });
            event(&format!("crowd-{n}"), "interaction.recorded", &format!("facebook/crowd{}", n % 5), "2025-12-01T00:00:00Z", data)
        })
        .collect()
}

/// What identifies a thing in bytes, by the name under which a test tells it.
type Needles = Vec<(String, Vec<u8>)>;

fn words(mark: &str) -> Needles {
    let bodies =
        ["conversation", "label", "topic", "item", "advertiser", "locale", "model", "chat", "signal", "decision"];
    bodies.map(|what| (format!("{what} of {mark}"), format!("{what}-{mark}").into_bytes())).into()
}

fn text(mark: &str) -> Needles {
    vec![(format!("text of {mark}"), format!("the secret text of {mark}").into_bytes())]
}

/// Terms by which the index would find the advertiser and the conversation of the erased bodies.
fn terms(mark: &str) -> Needles {
    [(6, "advertiser"), (7, "conversation")]
        .map(|(tag, what)| {
            let term = codec::term(tag, format!("{what}-{mark}").as_bytes());
            (format!("term of {what} of {mark}"), term.to_be_bytes().to_vec())
        })
        .into()
}

/// The keys of the account whose stream an entry extends, and of its entries up to `size`: by docs/format.md alone.
struct Keys {
    body: Needles,
    content: Needles,
    stream: Needles,
}

fn keys(scratch: &Scratch, stream: &[u8], size: u64) -> Keys {
    let keyring = std::fs::read(scratch.path().join("keyring")).expect("readable");
    let slot = keyring[4096..].chunks(128).find(|slot| slot[64..80] == *stream).expect("a slot of that stream");
    let of = |base: &[u8], tag: &[u8], what: &str| {
        let base: &[u8; 32] = base.try_into().expect("32 bytes");
        let entry = |seq: u64| blake3::keyed_hash(base, &[tag, &seq.to_le_bytes()].concat()).as_bytes().to_vec();
        let mut all: Needles = (0..size).map(|seq| (format!("{what} key of entry {seq}"), entry(seq))).collect();
        all.push((format!("{what} key"), base.to_vec()));
        all
    };
    Keys {
        body: of(&slot[..32], b"b", "body"),
        content: of(&slot[32..64], b"c", "content"),
        stream: vec![("stream".to_owned(), stream.to_vec()), ("owner".to_owned(), slot[80..96].to_vec())],
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let below = std::fs::read_dir(dir).expect("readable").flat_map(|file| {
        let path = file.expect("readable").path();
        if path.is_dir() { files(&path) } else { vec![path] }
    });
    below.collect()
}

/// Which needles are in which files, by name.
fn found(paths: &[PathBuf], needles: &[&Needles]) -> BTreeSet<String> {
    let needles: Vec<&(String, Vec<u8>)> = needles.iter().copied().flatten().collect();
    let search = AhoCorasick::new(needles.iter().map(|(_, bytes)| bytes)).expect("few needles");
    let mut found = BTreeSet::new();
    for path in paths {
        let bytes = std::fs::read(path).expect("readable");
        found.extend(search.find_overlapping_iter(&bytes).map(|hit| needles[hit.pattern().as_usize()].0.clone()));
    }
    found
}

fn everywhere(scratch: &Scratch, needles: &[&Needles]) -> BTreeSet<String> {
    let mut found = found(&files(&scratch.path()), needles);
    found.extend(in_runs(scratch, needles));
    found
}

/// Which terms the runs of the index hold, by name.
fn in_runs(scratch: &Scratch, needles: &[&Needles]) -> Vec<String> {
    let path = scratch.path().join("index");
    let index = path.is_dir().then(|| Index::read(&path).expect("readable"));
    let holds = |name: &&str| {
        let Some(["term", what, mark]) = name.split(" of ").collect::<Vec<_>>().first_chunk().copied() else {
            return false;
        };
        let field = if what == "advertiser" { Field::Advertiser } else { Field::Conversation };
        let term = Term::new(field, format!("{what}-{mark}").as_bytes());
        index.as_ref().is_some_and(|index| !index.find(term).expect("whole").is_empty())
    };
    let names = needles.iter().flat_map(|needles| needles.iter().map(|(name, _)| name.as_str()));
    names.filter(holds).map(str::to_owned).collect()
}

fn in_keyring(scratch: &Scratch, needles: &[&Needles]) -> BTreeSet<String> {
    found(&[scratch.path().join("keyring")], needles)
}

fn stream_of(ledger: &Ledger, seq: u64) -> Vec<u8> {
    ledger.entry(seq).expect("read").expect("there").header.streams[0].stream.0.to_vec()
}

/// Everything that was proved at some time: it must hold at any time after.
struct Proved {
    note: String,
    size: u64,
    root: NodeHash,
    inclusions: Vec<(u64, NodeHash, Vec<NodeHash>)>,
}

fn leaves(scratch: &Scratch) -> Vec<NodeHash> {
    let bytes = std::fs::read(scratch.path().join("tree/leaves")).expect("readable");
    bytes.chunks_exact(32).map(|leaf| NodeHash(leaf.try_into().expect("32 bytes"))).collect()
}

fn prove(scratch: &Scratch, ledger: &Ledger) -> Proved {
    let note = ledger.checkpoint().expect("signed");
    let checkpoint = Checkpoint::open(&note, &ledger.verifier_key()).expect("it verifies");
    let leaves = leaves(scratch);
    let chosen = (0..checkpoint.size.0).step_by(7).chain(checkpoint.size.0.saturating_sub(12)..checkpoint.size.0);
    let prove = |seq: u64| (seq, leaves[seq as usize], merkle::inclusion(leaves.as_slice(), seq, checkpoint.size));
    Proved { note, size: checkpoint.size.0, root: checkpoint.root, inclusions: chosen.map(prove).collect() }
}

/// Every old proof still verifies, every entry still has the leaf that was proved, and the log only grew.
fn check_proofs(scratch: &Scratch, proofs: &[Proved]) {
    let ledger = scratch.read();
    let (now, leaves) = (ledger.verify().expect("verifies"), leaves(scratch));
    assert_eq!(now.problems, []);
    for old in proofs {
        let checkpoint = Checkpoint::open(&old.note, &ledger.verifier_key()).expect("the signature holds");
        assert_eq!((checkpoint.size.0, checkpoint.root), (old.size, old.root));
        for (seq, leaf, path) in &old.inclusions {
            assert!(merkle::verify_inclusion(*leaf, *seq, TreeSize(old.size), path, old.root), "entry {seq}");
            assert_eq!(leaves[*seq as usize], *leaf, "entry {seq}");
        }
        let path = merkle::consistency(leaves.as_slice(), TreeSize(old.size), now.size);
        assert!(
            merkle::verify_consistency(TreeSize(old.size), old.root, now.size, now.root, &path),
            "from {}",
            old.size
        );
    }
}

/// What replay and explain say of every decision.
fn told(ledger: &Ledger) -> Vec<(Value, String)> {
    let world = ledger.load().expect("loads").world;
    let tell = |decision| {
        let judgement = judge::judge(&world, decision, &mut Ask::Plainly);
        let (wanted, mut evidence) = (Wanted::of(&world, &judgement), Evidence::default());
        ledger.each_wanted(|header| wanted.takes(header), |entry| evidence.add(entry)).expect("read");
        let explanation = explain::explain(&world, &judgement, &evidence, true);
        let text = anstream::adapter::strip_str(&explain::to_text(&explanation, 100)).to_string();
        (explanation.judgement, text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    world.decisions().map(tell).collect()
}

/// The same ledger, about to write a segment that was just begun: as after a crash between a full one and its next entry.
fn on_a_new_segment(scratch: &Scratch, ledger: Ledger, number: usize) -> Ledger {
    ledger.close().expect("closed");
    std::fs::write(scratch.path().join(format!("journal/{number:08}.seg")), b"").expect("written");
    scratch.open()
}

const NONE: BTreeSet<String> = BTreeSet::new();

#[test]
fn what_was_erased_is_in_no_file_and_every_proof_holds() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&life(PERSON, "quince"))).expect("appended");
    ledger.append(facts(&life(OTHER, "medlar"))).expect("appended");
    let early = prove(&scratch, &ledger);
    // Three segments: what is erased stands in the first, the second and the last.
    let mut ledger = ledger;
    for (segment, mark) in ["damson", "bullace"].into_iter().enumerate() {
        ledger.append(facts(&crowd(segment * 300, 300, "filling"))).expect("appended");
        ledger = on_a_new_segment(&scratch, ledger, segment + 1);
        ledger.append(facts(&life(PERSON, mark))).expect("appended");
    }
    ledger.close().expect("closed");
    let segments = files(&scratch.path().join("journal"));
    assert!(segments.len() == 3 && segments.iter().all(|path| path.metadata().expect("there").len() > 1000));

    // What is to be searched for, and that it is found where it may be. Bodies are sealed from the start.
    let ledger = scratch.open();
    let size = ledger.size().expect("known");
    let (person, other) = (keys(&scratch, &stream_of(&ledger, 0), size), keys(&scratch, &stream_of(&ledger, 5), size));
    let mine = ["quince", "damson", "bullace"];
    let names = [PERSON, OTHER].map(|name| (name.to_owned(), name.as_bytes().to_vec())).to_vec();
    let of_all = mine.iter().chain(&["medlar"]).flat_map(|mark| [words(mark), text(mark)]);
    let said: Vec<Needles> = of_all.chain([names]).collect();
    assert_eq!(everywhere(&scratch, &said.iter().collect::<Vec<_>>()), NONE);
    let indexed: Vec<Needles> = mine.iter().map(|mark| terms(mark)).collect();
    let indexed: Vec<&Needles> = indexed.iter().collect();
    let first_two: BTreeSet<String> =
        indexed[..2].iter().flat_map(|all| all.iter().map(|(name, _)| name.clone())).collect();
    assert!(everywhere(&scratch, &indexed).is_superset(&first_two), "the index holds hashes of what can be read");
    assert_eq!(in_keyring(&scratch, &[&person.stream]).len(), 2);
    assert_eq!(
        everywhere(&scratch, &[&person.body, &person.content]).len(),
        2,
        "the two keys of the account, no entry's"
    );
    let before = prove(&scratch, &ledger);

    // The text of one account, and everything of another.
    ledger.append(facts(&[erased("e1", OTHER, "content"), erased("e2", PERSON, "all")])).expect("appended");
    let after = prove(&scratch, &ledger);
    let gone: [&Needles; 5] = [&person.body, &person.content, &other.content, &text("medlar"), &text("quince")];
    assert_eq!(everywhere(&scratch, &gone), NONE, "at once");
    assert_eq!(in_keyring(&scratch, &[&person.stream]), NONE, "at once");
    assert_eq!(everywhere(&scratch, &[&other.body]).len(), 1, "the body key of the other account stays");
    // A process that stays open throws the hashes of the index away with `reindex`, else closing does.
    ledger.reindex().expect("rebuilt");
    assert_eq!(everywhere(&scratch, &indexed), NONE);
    ledger.close().expect("closed");
    let all: Vec<&Needles> = gone.into_iter().chain(indexed).chain(&said).collect();
    assert_eq!(everywhere(&scratch, &all), NONE, "after closing");
    scratch.open().close().expect("closed");
    assert_eq!(everywhere(&scratch, &all), NONE, "after opening anew");
    check_proofs(&scratch, &[early, before, after]);
    assert_eq!(replayed(&scratch.read()).len(), 4);
    check_ledger(&scratch);
    assert_eq!(everywhere(&scratch, &all), NONE);
}

#[test]
fn replay_and_explain_say_what_was_erased_and_when() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&life(PERSON, "quince"))).expect("appended");
    ledger.append(facts(&life(OTHER, "medlar"))).expect("appended");
    ledger.append(facts(&[erased("e1", OTHER, "content"), erased("e2", PERSON, "all")])).expect("appended");
    ledger.close().expect("closed");
    let told = told(&scratch.read());
    let [(all, all_text), (content, content_text)] = &told[..] else { panic!("two decisions: {}", told.len()) };
    assert_eq!(
        (&all["integrity"], &all["conformance"], &all["outcome"]),
        (&json!("erased"), &json!("erased"), &Value::Null)
    );
    assert_eq!(all["decision"], json!({ "seq": 4 }));
    assert!(
        all_text.contains("everything about the account was erased on 2026-02-01T09:30:00Z, as entry 11"),
        "{all_text}"
    );
    assert!(!all_text.contains("quince") && !all.to_string().contains("quince"));
    assert_eq!(
        (&content["integrity"], content["decision"]["id"].as_str()),
        (&json!("erased"), Some("decision-medlar"))
    );
    assert!(content_text.contains("2026-02-01T09:30:00Z"), "{content_text}");
    assert!(content_text.contains("The text of the account's chats was erased"), "{content_text}");
    assert!(content_text.contains("advertiser-medlar") && !content_text.contains("the secret text"), "{content_text}");
    check_ledger(&scratch);
}

#[test]
fn an_account_that_comes_back_is_erased_again_and_the_first_stays_gone() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut proofs = Vec::new();
    let mut gone: Vec<Needles> = Vec::new();
    for (round, mark) in ["quince", "damson", "bullace"].into_iter().enumerate() {
        let first = ledger.append(facts(&life(PERSON, mark))).expect("appended")[0].seq;
        let stream = stream_of(&ledger, first);
        let keys = keys(&scratch, &stream, first + 20);
        assert!(ledger.entry(first + 1).expect("read").expect("there").content.is_some());
        // Text first, more text, text again, and everything.
        ledger.append(facts(&[erased(&format!("text-{mark}"), PERSON, "content")])).expect("appended");
        assert_eq!(ledger.entry(first + 1).expect("read").expect("there").content, None);
        assert_eq!(everywhere(&scratch, &[&keys.content]), NONE, "round {round}");
        let more = crowd(round * 10, 1, "more").into_iter().map(|mut chat| {
            chat["subject"] = json!(PERSON);
            chat
        });
        let more = ledger.append(facts(&more.collect::<Vec<_>>())).expect("appended")[0].seq;
        let renewed = self::keys(&scratch, &stream, more + 20);
        assert!(ledger.entry(more).expect("read").expect("there").content.is_some());
        ledger.append(facts(&[erased(&format!("again-{mark}"), PERSON, "content")])).expect("appended");
        assert_eq!(ledger.entry(more).expect("read").expect("there").content, None);
        ledger.append(facts(&[erased(&format!("all-{mark}"), PERSON, "all")])).expect("appended");
        assert!(ledger.entry(first).expect("read").expect("there").record.is_none());
        assert_eq!(in_keyring(&scratch, &[&keys.stream]), NONE);
        gone.extend([keys.body, keys.content, renewed.content, text(mark), words(mark)]);
        assert_eq!(everywhere(&scratch, &gone.iter().collect::<Vec<_>>()), NONE, "round {round}");
        proofs.push(prove(&scratch, &ledger));
    }
    ledger.close().expect("closed");
    gone.extend(["quince", "damson", "bullace"].map(terms));
    assert_eq!(everywhere(&scratch, &gone.iter().collect::<Vec<_>>()), NONE);
    check_proofs(&scratch, &proofs);
    check_ledger(&scratch);
}

#[test]
fn whoever_reads_meanwhile_reads_nothing_erased() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.append(facts(&life(PERSON, "quince"))).expect("appended");
    let reader = scratch.read();
    assert_eq!(reader.entry(1).expect("read").expect("there").content.as_deref(), Some("the secret text of quince"));
    assert_eq!(replayed(&reader)[0]["integrity"], "ok");
    ledger.append(facts(&[erased("e1", PERSON, "content")])).expect("appended");
    assert_eq!(reader.entry(1).expect("read").expect("there").content, None);
    ledger.append(facts(&[erased("e2", PERSON, "all")])).expect("appended");
    assert!(reader.entry(1).expect("read").expect("there").record.is_none());
    reader.each_entry(|entry| assert!(entry.header.seq > 4 || entry.record.is_none())).expect("read");
    assert_eq!(reader.verify().expect("verifies").problems, []);
    assert_eq!(replayed(&reader)[0]["integrity"], "erased");
    ledger.close().expect("closed");
    check_ledger(&scratch);
}

/// The erasure is on disk, and the power goes before the keys are overwritten: opening does it.
#[test]
fn an_erasure_that_a_crash_cut_short_is_finished_on_opening() {
    for scope in ["content", "all"] {
        let scratch = Scratch::new();
        let ledger = scratch.open();
        ledger.append(facts(&life(PERSON, "quince"))).expect("appended");
        ledger.append(facts(&crowd(0, 300, "filling"))).expect("appended");
        ledger.close().expect("closed");
        let ledger = scratch.open();
        let before = prove(&scratch, &ledger);
        let keys = keys(&scratch, &stream_of(&ledger, 0), 400);
        let crashed = Scratch { dir: tempfile::tempdir().expect("a folder") };
        copy(&scratch.path(), &crashed.path(), |_| true);
        ledger.append(facts(&[erased("e1", PERSON, scope)])).expect("appended");
        // Journal and leaves are those after the erasure; keyring, index and checkpoint those before.
        copy(&scratch.path(), &crashed.path(), |path| path.starts_with("journal") || path.starts_with("tree"));
        ledger.close().expect("closed");
        assert_eq!(in_keyring(&crashed, &[&keys.body, &keys.content]).len(), 2, "the keys are still there");
        if scope == "all" {
            let problems = crashed.read().verify().expect("verifies").problems;
            assert!(problems[0].what.contains("the keys are still there"), "{problems:?}");
            assert!(!everywhere(&crashed, &[&terms("quince")]).is_empty(), "and the index still has its hashes");
        }
        crashed.open().close().expect("closed");
        assert_eq!(everywhere(&crashed, &[&keys.content, &text("quince")]), NONE, "{scope}");
        if scope == "all" {
            assert_eq!(in_keyring(&crashed, &[&keys.stream]), NONE);
            assert_eq!(everywhere(&crashed, &[&keys.body, &terms("quince"), &words("quince")]), NONE);
        }
        check_proofs(&crashed, &[before]);
        assert_eq!(replayed(&crashed.read()), replayed(&scratch.read()));
        check_ledger(&crashed);
    }
}

/// Copies the files that `wanted` names, by their path below `from`.
fn copy(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) {
    for path in files(from) {
        let below = path.strip_prefix(from).expect("below");
        if wanted(below) {
            std::fs::create_dir_all(to.join(below).parent().expect("a folder")).expect("made");
            std::fs::copy(&path, to.join(below)).expect("copied");
        }
    }
}
