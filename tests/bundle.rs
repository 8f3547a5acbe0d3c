//! Bundles: what a decision rests on is in one file, says what the ledger says, and nothing of it can be changed.

mod common;
#[path = "oracle/population.rs"]
mod population;

use common::{Scratch, facts, import, replayed};
use inforce::bundle::{self, Bundle, EntryPart, Manifest, Part, Step, Trust};
use inforce::checkpoint::{SignatureLine, VerifierKey, WitnessKey};
use inforce::evidence;
use inforce::ledger::{Clock, Ledger};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn check(bundle: &Bundle, key: &VerifierKey) -> Result<Vec<Step>, bundle::Failure> {
    let mut steps = Vec::new();
    bundle::check(bundle, &Trust { key, witnesses: &[], checkpoint: None }, &mut steps).map(|_| steps)
}

/// Every decision's bundle holds, says what replay says, is read back as it was written, and is the same by index and by scan.
fn every_bundle_says_what_replay_says(scratch: &Scratch, what: &str) -> usize {
    let verdicts = replayed(&scratch.read());
    let (scanning, indexed) = (scratch.read(), Ledger::open_indexed(&scratch.path()).expect("opens"));
    for verdict in &verdicts {
        let seq = verdict["decision"]["seq"].as_u64().expect("a number");
        let made = evidence::bundle(&indexed, seq, true, None).unwrap_or_else(|error| panic!("{what}, {seq}: {error}"));
        assert_eq!(made.verdict, *verdict, "{what}, entry {seq}");
        assert_eq!(check(&made, &indexed.verifier_key()).expect("it holds").len(), bundle::STEPS.len());
        assert!(Bundle::parse(&made.to_text()).as_ref() == Ok(&made), "{what}, entry {seq}");
        if seq % 7 == 0 {
            assert!(evidence::bundle(&scanning, seq, true, None).expect("made") == made, "{what}, entry {seq}");
        }
    }
    verdicts.len()
}

#[test]
fn the_bundle_of_every_case_says_what_replay_says() {
    for case in include_str!("cases.jsonl").lines() {
        let case: Value = serde_json::from_str(case).expect("a case is JSON");
        let scratch = Scratch::new();
        let ledger = scratch.open();
        let clock = if case["clock"] == "recorded" { Clock::Recorded } else { Clock::Ledger };
        import(&ledger, case["events"].as_array().expect("a list"), clock);
        ledger.close().expect("closed");
        every_bundle_says_what_replay_says(&scratch, case["case"].as_str().unwrap_or_default());
    }
}

#[test]
fn the_bundle_of_every_decision_of_random_populations_says_what_replay_says() {
    let count = std::env::var("INFORCE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let mut decisions = 0;
    for seed in 0..count {
        let scratch = Scratch::new();
        let ledger = scratch.open();
        import(&ledger, &population::population(seed, 60 + (seed % 4) as usize * 40), Clock::Recorded);
        ledger.close().expect("closed");
        decisions += every_bundle_says_what_replay_says(&scratch, &format!("seed {seed}"));
    }
    println!("{decisions} bundles of {count} populations");
}

/// The demo's ledger.
fn demo() -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let facts = inforce::demo::facts(&[], || {});
    inforce::demo::record(&ledger, &facts.facts, |_| {}).expect("recorded");
    ledger.close().expect("closed");
    scratch
}

/// As the ledger itself would seal it: what is caught now is not caught by the seal.
fn reseal(bundle: &mut Bundle, ledger: &Ledger) {
    bundle.manifest = Manifest::of(bundle);
    bundle.seal = ledger.sign(|key| bundle.manifest.seal(ledger.origin(), key));
}

fn named(ledger: &Ledger, id: &str) -> Bundle {
    let seq = ledger.decisions_of(id).expect("found")[0];
    evidence::bundle(ledger, seq, true, None).expect("made")
}

#[test]
fn leaving_out_any_one_entry_of_any_stream_fails_though_the_ledger_itself_sealed_it() {
    let scratch = demo();
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    let key = ledger.verifier_key();
    let mut left_out = 0;
    for scene in inforce::demo::SCENES.iter().copied().flatten() {
        let Some(&seq) = ledger.decisions_of(&format!("d-{}", scene.name)).expect("found").first() else { continue };
        let whole = evidence::bundle(&ledger, seq, false, None).expect("made");
        for place in 0..whole.entries.len() {
            let mut bundle = whole.clone();
            let gone = bundle.entries.remove(place);
            reseal(&mut bundle, &ledger);
            let failure = check(&bundle, &key).expect_err("an entry is missing");
            assert_ne!(failure.step, "seal", "{}: entry {}: {failure}", scene.name, gone.seq);
            left_out += 1;
        }
    }
    println!("{left_out} entries left out, one at a time");
    assert!(left_out > 300, "{left_out}");
}

type Change = fn(&mut Bundle, &Bundle);

/// What is done to a bundle, and the step that must catch it though the ledger itself sealed it again. The second bundle
/// is of another decision of the same ledger.
const CHANGES: &[(&str, &str, Change)] = &[
    ("an entry dropped from the middle of a stream", "streams", |bundle, _| {
        drop(bundle.entries.remove(bundle.entries.len() / 2))
    }),
    ("the decision dropped", "streams", |bundle, _| bundle.entries.retain(|entry| entry.seq != bundle.decision.seq)),
    ("two entries swapped", "entries", |bundle, _| bundle.entries.swap(1, 2)),
    ("an entry there twice", "entries", |bundle, _| bundle.entries.insert(1, bundle.entries[1].clone())),
    ("entries in reverse order", "entries", |bundle, _| bundle.entries.reverse()),
    ("an entry under another seq", "entries", |bundle, _| bundle.entries[1].seq += 1),
    ("the header of another entry", "entries", |bundle, _| bundle.entries[1].header = bundle.entries[2].header.clone()),
    ("a body of another entry", "openings", |bundle, _| {
        let (from, to) = two_open(bundle);
        bundle.entries[to].body = bundle.entries[from].body.clone();
    }),
    ("another entry's key", "openings", |bundle, _| {
        let (from, to) = two_open(bundle);
        let Part::Open { key: other, .. } = bundle.entries[from].body.clone() else { unreachable!() };
        if let Part::Open { key, .. } = &mut bundle.entries[to].body {
            *key = other;
        }
    }),
    ("a policy withheld", "openings", |bundle, _| bundle.entries[0].body = Part::Withheld),
    ("a needed body withheld", "completeness", |bundle, _| {
        let (signal, _) = two_open(bundle);
        bundle.entries[signal].body = Part::Withheld;
    }),
    ("a body said to be erased", "erasures", |bundle, _| {
        let (signal, _) = two_open(bundle);
        bundle.entries[signal].body = Part::Erased { by: 0 };
    }),
    ("a content left out", "entries", |bundle, _| {
        let chat = bundle.entries.iter_mut().find(|entry| entry.content.is_some());
        chat.expect("a chat").content = None;
    }),
    ("a foreign entry of the same ledger, with its proof", "completeness", |bundle, other| {
        let foreign = other.entries.iter().find(|entry| entry.seq == other.decision.seq).expect("a decision");
        bundle.entries.push(EntryPart { body: Part::Withheld, ..foreign.clone() });
        bundle.entries.sort_by_key(|entry| entry.seq);
        bundle.proofs.extend(other.proofs.iter().find(|proof| proof.seq == foreign.seq).cloned());
        bundle.proofs.sort_by_key(|proof| proof.seq);
    }),
    ("a foreign entry without a proof", "tree", |bundle, other| {
        let foreign = other.entries.iter().find(|entry| entry.seq == other.decision.seq).expect("a decision");
        bundle.entries.push(EntryPart { body: Part::Withheld, ..foreign.clone() });
        bundle.entries.sort_by_key(|entry| entry.seq);
    }),
    ("a proof dropped", "tree", |bundle, _| drop(bundle.proofs.pop())),
    ("a proof there twice", "tree", |bundle, _| bundle.proofs.insert(0, bundle.proofs[0].clone())),
    ("two proofs swapped", "tree", |bundle, _| bundle.proofs.swap(0, 1)),
    ("two paths swapped", "tree", |bundle, _| {
        let path = bundle.proofs[0].path.clone();
        bundle.proofs[0].path = std::mem::replace(&mut bundle.proofs[1].path, path);
    }),
    ("a node dropped from a path", "tree", |bundle, _| drop(bundle.proofs[0].path.pop())),
    ("a proof that is not needed", "tree", |bundle, other| {
        let has = |seq: u64| bundle.proofs.iter().any(|proof| proof.seq == seq);
        let more = other.proofs.iter().find(|proof| !has(proof.seq)).expect("another decision's");
        bundle.proofs.push(more.clone());
        bundle.proofs.sort_by_key(|proof| proof.seq);
    }),
    ("a stream dropped from the list", "completeness", |bundle, _| drop(bundle.streams.pop())),
    ("a stream there twice", "streams", |bundle, _| bundle.streams.insert(0, bundle.streams[0].clone())),
    ("two streams swapped", "statements", |bundle, _| bundle.streams.swap(0, 1)),
    ("a stream under another role", "completeness", |bundle, _| bundle.streams[0].role = bundle::Role::Center),
    ("a tip that is not there", "streams", |bundle, _| bundle.streams[0].tip.revision += 1),
    ("a stream said to be pinned further", "statements", |bundle, _| bundle.streams[0].pinned = Some(99)),
    ("an account of another name", "statements", |bundle, _| bundle.streams[0].name = Some("facebook/other".into())),
    ("a whole stream cut at its end, and said to end there", "pins", |bundle, _| {
        let policy = bundle.streams.iter().position(|part| part.role == bundle::Role::Policy).expect("a policy");
        let part = bundle.streams.remove(policy);
        bundle.entries.retain(|entry| entry.seq != part.tip.seq);
        bundle.proofs.retain(|proof| proof.seq != part.tip.seq);
    }),
    ("an erasure made up", "erasures", |bundle, _| {
        let (time, recorded) = ("2026-01-01T00:00:00Z".to_owned(), "2026-01-01T00:00:00Z".to_owned());
        let stream = bundle.streams[0].stream;
        bundle.erasures.push(bundle::Erasure { seq: 1, time, recorded, scope: "all".into(), stream });
    }),
    ("another verdict", "verdict", |bundle, _| bundle.verdict["known"]["verdict"] = json!("allow")),
    ("another conformance", "verdict", |bundle, _| bundle.verdict["conformance"] = json!("conforming")),
    ("a rule left out", "verdict", |bundle, _| bundle.verdict["known"]["rules"] = json!([])),
    ("a statement left out", "statements", |bundle, _| drop(bundle.completeness.remove(1))),
    ("a statement softened", "statements", |bundle, _| bundle.completeness[1] = "TRUE VIEW: COMPLETE.".into()),
    ("another summary", "statements", |bundle, _| bundle.summary = bundle.summary.replacen("BREACH", "FINE", 1) + " "),
    ("another decision's name", "pins", |bundle, _| {
        bundle.decision.name.as_mut().expect("a name").id = "d-other".into()
    }),
    ("another decision's hash", "pins", |bundle, other| bundle.decision.hash = other.decision.hash),
    ("another checkpoint's text", "checkpoint", |bundle, _| {
        bundle.checkpoint = bundle.checkpoint.replacen("inforce/test", "inforce/else", 1)
    }),
];

/// Two entries whose bodies are sealed and open.
fn two_open(bundle: &Bundle) -> (usize, usize) {
    let sealed = |part: &Part| matches!(part, Part::Open { key, .. } if key.0 != [0; 32]);
    let mut open = bundle.entries.iter().enumerate().filter(|(_, entry)| sealed(&entry.body)).map(|(place, _)| place);
    (open.next().expect("one"), open.next().expect("another"))
}

#[test]
fn every_change_is_caught_by_the_step_of_its_name_though_the_ledger_itself_sealed_it() {
    let scratch = demo();
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    let (whole, other) = (named(&ledger, "d-inherited-sensitivity"), named(&ledger, "d-accounts-not-linked"));
    check(&whole, &ledger.verifier_key()).expect("it holds");
    for (what, step, change) in CHANGES {
        let mut bundle = whole.clone();
        change(&mut bundle, &other);
        assert!(bundle != whole, "{what}: nothing was changed");
        reseal(&mut bundle, &ledger);
        let failure = check(&bundle, &ledger.verifier_key()).err().unwrap_or_else(|| panic!("{what}: not caught"));
        assert_eq!(failure.step, *step, "{what}: {failure}");
    }
    for (what, change) in [
        ("the engine", (|bundle| bundle.engine.version = "9".into()) as fn(&mut Bundle)),
        ("the manifest", |bundle| bundle.manifest.0.retain(|part, _| part != "proofs")),
        ("the seal", |bundle| bundle.seal = bundle.checkpoint.clone()),
    ] {
        let mut bundle = whole.clone();
        change(&mut bundle);
        assert_eq!(check(&bundle, &ledger.verifier_key()).expect_err(what).step, "seal", "{what}");
    }
}

#[test]
fn who_cosigned_is_held_to_who_was_asked_for() {
    let scratch = demo();
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    let mut bundle = named(&ledger, "d-inherited-sensitivity");
    let witness = |number: u8| WitnessKey::new(&format!("w{number}.example"), [number; 32].into()).expect("a name");
    let (one, two) = (witness(1), witness(2));
    let key = ledger.verifier_key();
    let ask = |bundle: &Bundle, witnesses: &[VerifierKey], checkpoint: Option<&str>| {
        bundle::check(bundle, &Trust { key: &key, witnesses, checkpoint }, &mut Vec::new())
    };
    assert_eq!(ask(&bundle, &[one.verifier()], None).expect_err("nobody cosigned").step, "checkpoint");
    let mut note = inforce::checkpoint::Note::parse(&bundle.checkpoint).expect("a note");
    let line: SignatureLine = one.cosign(note.text(), 1_800_000_000);
    note.add(line);
    // Beside the bundle, or in it.
    assert_eq!(
        ask(&bundle, &[one.verifier()], Some(&note.to_string())).expect("cosigned").cosigned.cosignatures.len(),
        1
    );
    bundle.checkpoint = note.to_string();
    assert_eq!(ask(&bundle, &[one.verifier()], None).expect_err("sealed before").step, "statements");
    let sealed = evidence::bundle(&ledger, bundle.decision.seq, false, Some(&note.to_string())).expect("made");
    assert_eq!(
        ask(&sealed, &[one.verifier()], None).expect("cosigned").cosigned.cosignatures[0].timestamp,
        1_800_000_000
    );
    assert_eq!(ask(&sealed, &[one.verifier(), two.verifier()], None).expect_err("one only").step, "checkpoint");
    let older = evidence::bundle(&ledger, 3, false, None);
    assert!(older.is_err(), "entry 3 is no decision");
}

/// A ledger of `decisions` times five entries.
fn grown(decisions: usize) -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let event = |id: String, kind: &str, subject: &str, time: &str, data: Value| json!({ "specversion": "1.0", "id": id, "source": "//test", "type": kind, "subject": subject, "time": time, "data": data });
    let adopted = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    import(
        &ledger,
        &[event("p".into(), "inforce.policy.adopted", "meta", "2025-10-01T00:00:00Z", adopted)],
        Clock::Ledger,
    );
    let program = json!({ "name": "m", "version": "1", "digest": "ab".repeat(32) });
    for batch in (0..decisions).collect::<Vec<_>>().chunks(800) {
        let events = batch.iter().flat_map(|n| {
            let subject = format!("facebook/u{}", n % (decisions / 4).max(1));
            let notice = json!({ "policy": "meta", "channel": "email", "status": "delivered" });
            let chat = json!({ "agent": "assistant", "conversation": format!("c{n}"), "turn": 0, "modality": "text", "region": "US", "content": "how do I mend a tent?" });
            let label = json!({ "target": format!("i{n}"), "sensitive": [], "topics": ["camping"], "labeller": program });
            let signal = json!({ "topic": "camping", "sources": [format!("i{n}")], "deriver": program });
            let decision = json!({ "purpose": "ads", "item": { "kind": "ad", "topics": ["camping"] }, "region": "US", "signals": [format!("s{n}")], "outcome": "served" });
            [
                event(format!("n{n}"), "inforce.notice.recorded", &subject, "2025-10-08T09:00:00Z", notice),
                event(format!("i{n}"), "inforce.interaction.recorded", &subject, "2025-12-20T09:00:00Z", chat),
                event(format!("l{n}"), "inforce.interaction.labelled", &subject, "2025-12-20T09:01:00Z", label),
                event(format!("s{n}"), "inforce.signal.derived", &subject, "2025-12-20T09:02:00Z", signal),
                event(format!("d{n}"), "inforce.decision.made", &subject, "2025-12-21T09:00:00Z", decision),
            ]
        });
        ledger.append(facts(&events.collect::<Vec<_>>())).expect("appended");
    }
    ledger.close().expect("closed");
    scratch
}

#[test]
fn every_random_change_of_a_bundle_of_a_large_ledger_is_caught() {
    let scratch = grown(20_000);
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    assert!(ledger.size().expect("known") > 100_000);
    let bundle = named(&ledger, "d12345");
    let (text, key) = (bundle.to_text(), ledger.verifier_key());
    assert!(text.len() < 100_000, "{} bytes", text.len());
    let holds = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).map_err(|_| ())?;
        Bundle::parse(text).map_err(drop).and_then(|bundle| check(&bundle, &key).map(drop).map_err(drop))
    };
    assert_eq!(holds(text.as_bytes()), Ok(()));
    let (mut random, mut counts) = (0x9e37_79b9_u64, BTreeMap::<&str, u64>::new());
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    for number in 0..2_100 {
        let mut bytes = text.clone().into_bytes();
        let (at, len) = (below(bytes.len()), 1 + below(40));
        let end = (at + len).min(bytes.len());
        let what = match number {
            // Every bit of the file is as likely.
            0..1_700 => {
                bytes[at] ^= 1 << below(8);
                "bits flipped"
            }
            1_700..1_800 => {
                bytes.drain(at..end);
                "runs of bytes dropped"
            }
            1_800..1_900 => {
                let run = bytes[at..end].to_vec();
                bytes.splice(at..at, run);
                "runs of bytes doubled"
            }
            _ => {
                let mut lines: Vec<&str> = text.lines().collect();
                let (one, two) = (below(lines.len()), below(lines.len()));
                lines.swap(one, two);
                bytes = (lines.join("\n") + "\n").into_bytes();
                "lines swapped"
            }
        };
        if bytes != text.as_bytes() {
            assert_eq!(holds(&bytes), Err(()), "{what} at {at}");
            *counts.entry(what).or_default() += 1;
        }
    }
    println!("{counts:?}, all caught; a bundle of {} bytes", text.len());
    assert!(counts.values().sum::<u64>() > 2_000);
}

#[test]
fn an_envelope_carries_the_bundle_and_is_signed() {
    let scratch = demo();
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    let bundle = named(&ledger, "d-inherited-sensitivity");
    let envelope = evidence::envelope(&ledger, &bundle).expect("made");
    assert!(Bundle::is_envelope(&envelope) && !Bundle::is_envelope(&bundle.to_text()));
    assert_eq!(Bundle::open_envelope(&envelope, &ledger.verifier_key()).as_ref(), Ok(&bundle));
    let stranger = VerifierKey::new("inforce/test", ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key());
    assert!(Bundle::open_envelope(&envelope, &stranger).is_err());
    let other = named(&ledger, "d-accounts-not-linked");
    assert!(Bundle::open_envelope(&evidence::envelope(&ledger, &other).expect("made"), &ledger.verifier_key()).is_ok());
    let cut = envelope.replacen("\"payload\":\"ey", "\"payload\":\"fy", 1);
    assert!(Bundle::open_envelope(&cut, &ledger.verifier_key()).is_err());
}

/// Runs the program on a ledger; returns exit code, stdout and stderr.
fn inforce(scratch: &Scratch, args: &[&str]) -> (i32, String, String) {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_inforce"))
        .args(args)
        .env("INFORCE_LEDGER", scratch.path())
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (program.status.code().expect("it was not killed"), text(program.stdout), text(program.stderr))
}

#[test]
fn the_commands_write_check_and_refuse() {
    let scratch = demo();
    let key = scratch.read().verifier_key().to_string();
    let file = |name: &str| scratch.dir.path().join(name).display().to_string();
    let (breach, fine) = (file("breach.json"), file("fine.json"));
    assert_eq!(inforce(&scratch, &["bundle", "d-inherited-sensitivity", "-o", &breach]).0, 0);
    // A bundle that holds exits as replay does: by what it shows.
    let (code, out, _) = inforce(&scratch, &["verify-bundle", &breach, "--key", &key]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("the bundle holds") && out.contains("TRUE VIEW: NOT PROVED COMPLETE"), "{out}");
    assert!(bundle::STEPS.iter().all(|(step, _)| out.contains(step)), "{out}");
    let (code, out, _) = inforce(&scratch, &["verify-bundle", &breach, "--key", &key, "--json"]);
    let object: Value = serde_json::from_str(&out).expect("one object");
    assert_eq!((code, &object["ok"], &object["conformance"]), (3, &json!(true), &json!("breach")));
    // One that conforms; its page; a key in a file.
    let fine_id = replayed(&scratch.read()).into_iter().find(|each| each["conformance"] == "conforming").expect("one");
    let fine_id = fine_id["decision"]["id"].as_str().expect("a string").to_owned();
    let (page, key_file) = (file("page.html"), file("key"));
    std::fs::write(&key_file, format!("{key}\n")).expect("written");
    assert_eq!(inforce(&scratch, &["bundle", &fine_id, "-o", &fine, "--with-content"]).0, 0);
    assert_eq!(inforce(&scratch, &["verify-bundle", &fine, "--key", &key_file, "--page", &page]).0, 0);
    assert!(std::fs::read_to_string(&page).expect("a page").contains("What this is worth as evidence"));
    // A text that is withheld is not said to be erased.
    assert_eq!(inforce(&scratch, &["verify-bundle", &breach, "--key", &key, "--page", &page]).0, 3);
    let shown = std::fs::read_to_string(&page).expect("a page");
    assert!(shown.contains("Its text is kept") && !shown.contains("was erased"));
    // What was changed, by name.
    let forged = std::fs::read_to_string(&breach).expect("text").replacen("\"breach\"", "\"conforming\"", 1);
    std::fs::write(&breach, forged).expect("written");
    let (code, out, _) = inforce(&scratch, &["verify-bundle", &breach, "--key", &key]);
    assert!(code == 3 && out.contains("✗ verdict") && out.contains("proves nothing"), "{code} {out}");
    // Several into a folder, as envelopes; wrong usage; nobody's decision.
    let folder = file("folder");
    let (code, out, _) = inforce(&scratch, &["bundle", "d-microphone", &fine_id, "-o", &folder, "--dsse", "--json"]);
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).expect("an object");
        let path = line["file"].as_str().expect("a path");
        let (code, out, _) = inforce(&scratch, &["verify-bundle", path, "--key", &key, "--json"]);
        let found: Value = serde_json::from_str(&out).expect("one object");
        assert!(found["ok"] == json!(true) && found["conformance"] == line["conformance"], "{code} {out}");
    }
    assert_eq!(inforce(&scratch, &["bundle", "nobody", "-o", &fine]).0, 1);
    assert_eq!(inforce(&scratch, &["bundle", "#0", "-o", &fine]).0, 1, "entry 0 is a policy");
    assert_eq!(inforce(&scratch, &["verify-bundle", &fine, "--key", "no key"]).0, 2);
    assert_eq!(inforce(&scratch, &["verify-bundle", &file("absent"), "--key", &key]).0, 1);
    let other = VerifierKey::new("inforce/test", ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key());
    let (code, out, _) = inforce(&scratch, &["verify-bundle", &fine, "--key", &other.to_string()]);
    assert!(code == 3 && out.contains("✗ checkpoint"), "{code} {out}");
}

fn event(id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//test", "type": format!("inforce.{kind}"), "subject": subject,
            "time": time, "data": data })
}

/// An ad on a topic that a linked account limited; nothing else is wrong with it.
fn limited() -> Scratch {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let adopted = json!({ "version": "1", "in_force_from": "2025-12-16T00:00:00Z", "pack": "meta-ai-personalization" });
    let ad = json!({ "purpose": "ads", "item": { "kind": "ad", "topics": ["alcohol"] }, "region": "US", "signals": [], "outcome": "served" });
    let at = |minute: u32| format!("2025-12-20T10:{minute:02}:00Z");
    let events = [
        event("p1", "policy.adopted", "meta", "2025-10-01T00:00:00Z", adopted),
        event("l1", "account.linked", "facebook/a", &at(1), json!({ "center": "c1" })),
        event("l2", "account.linked", "instagram/b", &at(2), json!({ "center": "c1" })),
        event(
            "q1",
            "preference.changed",
            "instagram/b",
            &at(3),
            json!({ "control": "ads.topic.limit", "value": "alcohol" }),
        ),
        event("d1", "decision.made", "facebook/a", &at(4), ad),
    ];
    assert!(import(&ledger, &events, Clock::Ledger).iter().all(Result::is_ok));
    ledger.close().expect("closed");
    scratch
}

fn erase(scratch: &Scratch, subject: &str) {
    let ledger = scratch.open();
    let erased = event("e1", "subject.erased", subject, "2026-01-05T10:00:00Z", json!({ "scope": "all" }));
    assert!(import(&ledger, &[erased], Clock::Ledger)[0].is_ok());
    ledger.close().expect("closed");
}

#[test]
fn what_was_erased_is_neither_shown_nor_passed_over() {
    let scratch = limited();
    let before = named(&scratch.read(), "d1");
    assert_eq!(before.verdict["conformance"], "breach");
    assert!(before.completeness[0].starts_with("KNOWN VIEW: PINNED STREAMS COMPLETE. "), "{}", before.completeness[0]);
    // The verdict goes on record; then what the linked account said is erased, and the verdict turns.
    let (code, _, error) = inforce(&scratch, &["attest", "--all"]);
    assert_eq!(code, 0, "{error}");
    erase(&scratch, "instagram/b");
    let ledger = scratch.read();
    let after = named(&ledger, "d1");
    assert_eq!(after.verdict["attested"][0]["conformance"], "breach", "another verdict is on record, and told");
    assert!(after.completeness[0].contains("COMPLETE BUT FOR WHAT WAS ERASED"), "{}", after.completeness[0]);
    assert!(after.completeness[1].starts_with("ERASED: "), "{}", after.completeness[1]);
    // An operator who kept the keys cannot show what would now count for nothing.
    for shown in &before.entries {
        let mut bundle = after.clone();
        let entry = bundle.entries.iter_mut().find(|entry| entry.seq == shown.seq).expect("it is there");
        if matches!(entry.body, Part::Erased { .. }) {
            entry.body = shown.body.clone();
            reseal(&mut bundle, &ledger);
            assert_eq!(check(&bundle, &ledger.verifier_key()).expect_err("it was erased").step, "erasures");
        }
    }
    // Against a checkpoint from before the erasure nothing can be proved about what is gone, and that is no damage.
    let old = evidence::bundle(&ledger, 4, false, Some(&before.checkpoint));
    assert!(matches!(old, Err(evidence::EvidenceError::ErasedBehind { .. })), "{old:?}");
}

#[test]
fn bundles_are_made_while_others_append() {
    let scratch = limited();
    let ledger = scratch.open();
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            for n in 0..200 {
                let age = event(
                    &format!("a{n}"),
                    "age.observed",
                    &format!("facebook/x{n}"),
                    "2026-01-05T10:00:00Z",
                    json!({ "band": "adult" }),
                );
                ledger.append(facts(&[age])).expect("appended");
            }
        });
        while !appending.is_finished() {
            evidence::bundle(&ledger, 4, false, None).expect("made");
        }
    });
}

#[test]
fn an_account_with_very_many_facts_is_bundled_in_time_that_grows_with_it() {
    let scratch = limited();
    let ledger = scratch.open();
    for batch in 0..10 {
        let ages = (0..2_000).map(|n| {
            event(
                &format!("a{batch}-{n}"),
                "age.observed",
                "facebook/a",
                "2026-01-05T10:00:00Z",
                json!({ "band": "adult" }),
            )
        });
        ledger.append(facts(&ages.collect::<Vec<_>>())).expect("appended");
    }
    ledger.close().expect("closed");
    erase(&scratch, "facebook/a");
    let begun = std::time::Instant::now();
    let ledger = Ledger::open_indexed(&scratch.path()).expect("opens");
    let bundle = evidence::bundle(&ledger, 4, false, None).expect("made");
    check(&bundle, &ledger.verifier_key()).expect("it holds");
    assert!(bundle.entries.len() > 20_000);
    // Made of squares it took minutes.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
