//! Long life: ledgers that older versions wrote. Each opens, verifies to the same root, and is judged byte for byte as
//! the version that made it judged it. `tests/golden-ledger/README.md` says what they hold and how the next is made.

mod common;

use common::copy_folder;
use inforce::demo;
use inforce::fact::{Digest, Fact, Kind};
use inforce::judge::{self, Ask};
use inforce::ledger::{Clock, Ledger, Loaded};
use inforce::{replay, wire};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-ledger")
}

/// What a command prints on stdout.
fn printed(ledger: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inforce"));
    let output = command.args(arguments).arg("--json").arg("--ledger").arg(ledger).output().expect("it runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_golden_ledger_is_read_as_the_version_that_made_it_read_it() {
    let mut checked = 0;
    for golden in std::fs::read_dir(goldens()).expect("there").map(|entry| entry.expect("readable").path()) {
        if !golden.is_dir() {
            continue;
        }
        let name = golden.display();
        let expected = |file: &str| std::fs::read_to_string(golden.join(file)).expect("readable");
        let dir = tempfile::tempdir().expect("a folder");
        let ledger = dir.path().join("ledger");
        copy_folder(&golden.join("ledger"), &ledger);
        assert_eq!(printed(&ledger, &["verify"]), expected("verify.json"), "{name}, read only");
        assert!(
            printed(&ledger, &["replay", "--all"]) == expected("replay.jsonl"),
            "{name}, read only: other verdicts"
        );
        // Opened for writing, index and all; nothing may change but what is appended.
        let writer = Ledger::open(&ledger).expect("opens");
        let size = writer.size().expect("known");
        let chat = wire::parse(&new_chat().to_string()).expect("valid");
        assert_eq!(writer.append(vec![chat]).expect("appended")[0].seq, size, "{name}");
        writer.close().expect("closed");
        let reader = Ledger::open_read_only(&ledger).expect("opens");
        assert_eq!(reader.verify().expect("verifies").problems, [], "{name}");
        assert!(printed(&ledger, &["replay", "--all"]) == expected("replay.jsonl"), "{name}, written: other verdicts");
        checked += 1;
    }
    assert!(checked > 0);
}

fn new_chat() -> Value {
    let data = json!({ "agent": "assistant", "conversation": "new", "turn": 0, "modality": "text", "region": "US" });
    event("new", "interaction.recorded", "facebook/new", "2026-12-01T00:00:00Z", data)
}

fn event(id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "//golden", "type": format!("inforce.{kind}"), "subject": subject,
            "time": time, "data": data })
}

/// Makes `tests/golden-ledger/NAME`, which must not exist yet.
#[test]
#[ignore = "makes a golden ledger: INFORCE_GOLDEN=NAME cargo test --test golden_ledger -- --ignored make"]
fn make() {
    let name = std::env::var("INFORCE_GOLDEN").expect("INFORCE_GOLDEN names it, such as `0.1.0`");
    let folder = goldens().join(name);
    // Never over an old one: the folder must be new.
    std::fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = dir.path().join("ledger");
    Ledger::create(&ledger, Some("inforce/golden")).expect("made").close().expect("closed");
    let facts = everything();
    let part = facts.len().div_ceil(3);
    for (segment, facts) in facts.chunks(part).enumerate() {
        if segment > 0 {
            // Begun and not finished, as a kill leaves it: what comes next goes there.
            std::fs::write(ledger.join(format!("journal/{segment:08}.seg")), b"").expect("written");
        }
        let writer = Ledger::open(&ledger).expect("opens");
        for group in facts.chunks(16) {
            let outcomes = writer.append_each(group.to_vec(), Clock::Recorded).expect("appended");
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
        writer.close().expect("closed");
    }
    attest_first(&ledger);
    check_made(&ledger);
    std::fs::write(folder.join("verify.json"), printed(&ledger, &["verify"])).expect("written");
    std::fs::write(folder.join("replay.jsonl"), printed(&ledger, &["replay", "--all"])).expect("written");
    std::fs::remove_dir_all(ledger.join("index")).expect("the index can be made again");
    cut_keyring(&ledger.join("keyring"));
    copy_folder(&ledger, &folder.join("ledger"));
}

/// Every scene of the demo, and beside it what no scene has: kinds that no rule reads, an account that comes back after
/// it was erased, a fact that comes late.
fn everything() -> Vec<Fact> {
    let short = demo::built_in().into_iter().take(1).collect::<Vec<_>>();
    let mut facts = demo::facts(&short, || ()).facts;
    // Small enough to be kept forever: few words of each chat, and nobody of the crowd.
    facts.iter_mut().filter_map(|fact| fact.content.as_mut()).for_each(|text| {
        text.truncate(text.char_indices().nth(12).map_or(text.len(), |(at, _)| at));
    });
    let scenes: BTreeSet<&str> = demo::SCENES.iter().copied().flatten().map(|scene| scene.name).collect();
    facts.retain(|fact| {
        let account = fact.subject.split_once('/').map(|(_, name)| name);
        account.is_none_or(|name| scenes.iter().any(|scene| name.contains(scene)))
    });
    let last = facts.iter().filter_map(|fact| fact.recorded).max().expect("not empty");
    let event = |id: &str, kind: &str, subject: &str, second: u8, data: Value| {
        event(id, kind, subject, &format!("2026-02-01T00:00:{second:02}Z"), data)
    };
    let deriver = json!({ "name": "m", "version": "1", "digest": "d1".repeat(32) });
    let ad = json!({ "kind": "ad", "advertiser": "gym.example", "topics": ["running"] });
    let more = [
        event("m1", "permission.changed", "whatsapp/g1", 1, json!({ "permission": "microphone", "state": "denied" })),
        event("m2", "subject.erased", "whatsapp/g1", 2, json!({ "scope": "all" })),
        event("m3", "age.observed", "whatsapp/g1", 3, json!({ "band": "minor" })),
        event("m4", "account.linked", "whatsapp/g1", 4, json!({ "center": "golden" })),
        event("m5", "account.unlinked", "whatsapp/g1", 5, json!({ "center": "golden" })),
        event("m6", "consent.recorded", "whatsapp/g1", 6, json!({ "purpose": "personalised_ads", "state": "given" })),
        event("m7", "activity.recorded", "instagram/g2", 7, json!({ "activity": "follow", "topics": ["running"] })),
        event(
            "m8",
            "signal.derived",
            "instagram/g2",
            8,
            json!({ "topic": "running", "sources": ["m7"], "deriver": deriver }),
        ),
        event(
            "m9",
            "decision.made",
            "instagram/g2",
            9,
            json!({ "purpose": "ads", "item": ad, "region": "US", "signals": ["m8"], "outcome": "served" }),
        ),
    ];
    facts.extend(more.iter().map(|event| {
        let mut fact = wire::parse(&event.to_string()).unwrap_or_else(|refusal| panic!("{refusal}: {event}"));
        fact.recorded = Some(last);
        fact
    }));
    facts
}

/// Puts the verdict on the first decision on record, as `inforce attest` does.
fn attest_first(ledger: &Path) {
    let writer = Ledger::open(ledger).expect("opens");
    let Loaded { world, size, root, .. } = writer.load().expect("loads");
    let decision = world.decisions().next().expect("a decision");
    let judgement = judge::judge(&world, decision, &mut Ask::Plainly);
    let digest = writer.verdict_digest(&world, decision, &replay::to_line(&world, &judgement)).expect("a key");
    let verdict = replay::attestation(&world, &judgement, digest, size.0, Digest(root.0));
    writer.attest(vec![verdict]).expect("attested");
    writer.close().expect("closed");
}

/// Holds the new one to what a golden ledger is to hold.
fn check_made(ledger: &Path) {
    let reader = Ledger::open_read_only(ledger).expect("opens");
    assert_eq!(reader.verify().expect("verifies").problems, []);
    let mut kinds = BTreeSet::new();
    reader.each_entry(|entry| kinds.extend([entry.header.kind as u8])).expect("read");
    let all: BTreeSet<u8> = (0..=u8::MAX).filter(|&kind| kind <= Kind::VerdictAttested as u8).collect();
    assert_eq!(kinds, all, "every kind");
    let world = reader.load().expect("loads").world;
    let decisions: Vec<_> = world.decisions().collect();
    let mut rules = BTreeSet::new();
    replay::replay(
        &world,
        &decisions,
        |world, judgement| replay::to_json(world, &judgement),
        |judgement| {
            for view in ["known", "true"] {
                for list in ["rules", "findings"] {
                    let ids = judgement[view][list].as_array().into_iter().flatten();
                    rules.extend(ids.filter_map(|each| each["id"].as_str().map(str::to_owned)));
                }
            }
        },
    );
    println!("{} decisions, {} rules and findings: {rules:?}", decisions.len(), rules.len());
    for pack in inforce::policy::PACKS {
        for rule in inforce::policy::rules(pack.cedar).expect("valid") {
            assert!(rules.contains(&rule.id), "no scene for `{}`", rule.id);
        }
    }
}

/// Cuts the slots that nobody owns: random keys under which nothing was ever sealed, half a megabyte of them.
fn cut_keyring(path: &Path) {
    let bytes = std::fs::read(path).expect("readable");
    let used = bytes[4096..].chunks(128).rposition(|slot| slot[80..96] != [0; 16] || slot[104] & 2 != 0);
    std::fs::write(path, &bytes[..4096 + (used.expect("some are used") + 1) * 128]).expect("written");
}
