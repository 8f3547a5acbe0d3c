//! Whoever changes a bundle is refused: at random, by structure, and with the ledger's own key in hand.

use super::cases::withheld;
use super::forge::{Forged, list, member, note, seq, text};
use super::works::Ledger;
use super::world;
use ed25519_dalek::{Signer, SigningKey};
use inforce_auditor::{Audit, Header, Json, VerifierKey, audit, from_base64, to_base64, to_hex};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

pub struct Work {
    pub ledger: Ledger,
    /// The bundle about `d1` when that was the last entry.
    pub old: Vec<u8>,
    /// The bundle about `d1`, of all that was recorded since.
    pub bundle: Vec<u8>,
    /// The bundle about a decision of somebody else's.
    pub other: Vec<u8>,
}

/// One ledger for all tests.
pub fn work() -> &'static Work {
    static WORK: OnceLock<Work> = OnceLock::new();
    WORK.get_or_init(|| {
        let ledger = world::ledger();
        let old = ledger.bundle("d1", true).unwrap();
        world::go_on(&ledger);
        let (bundle, other) = (ledger.bundle("d1", true).unwrap(), ledger.bundle("d3", true).unwrap());
        Work { ledger, old, bundle, other }
    })
}

fn failed(audit: &Audit) -> Option<&'static str> {
    audit.failed().map(|(step, _)| step)
}

#[test]
fn the_world_holds_in_both_programs_and_both_miss_the_same_bodies() {
    let Work { ledger, old, bundle, other } = work();
    let later = ledger.bundle("d2", true).unwrap();
    for (name, bundle, least) in [("old", old, 12), ("d1", bundle, 12), ("d2", &later, 12), ("d3", other, 1)] {
        assert_eq!((ledger.audit(bundle).failed(), ledger.verify(bundle)), (None, None), "{name}");
        let refused = withheld(ledger, bundle, name);
        assert!(refused >= least, "{name}: {refused}");
    }
}

#[test]
fn what_both_programs_refuse_when_it_is_sealed_again() {
    let Work { ledger, bundle, .. } = work();
    let mut taken = Vec::new();
    for (name, step, change) in STRUCTURAL {
        let mut forged = Forged::of(bundle);
        change(&mut forged);
        let sealed = forged.sealed(ledger);
        let (ours, theirs) = (ledger.audit(&sealed), ledger.verify(&sealed));
        if SEALED_ONLY.contains(name) {
            assert_eq!(ours.failed(), None, "{name}");
            assert!(theirs.is_some(), "{name}: it is for the judge to refuse");
            continue;
        }
        assert_eq!(failed(&ours), Some(*step), "{name}: {:?}", ours.failed());
        if theirs.is_none() {
            taken.push(name);
        }
    }
    assert!(taken.is_empty(), "inforce takes: {taken:?}");
}

/// What only judging, or the writing of sentences, can find once the ledger sealed it.
const SEALED_ONLY: [&str; 3] = ["another verdict", "another sentence", "another page"];

type Change = fn(&mut Forged);

/// Every structural change by name, the step that must refuse it, and how it is made. None is sealed anew.
const STRUCTURAL: &[(&str, &str, Change)] = &[
    ("an entry dropped", "streams", |it| drop(it.list("entries").remove(9))),
    ("the decision dropped", "entries", |it| drop_entry(it, 19)),
    ("the first policy dropped", "pins", |it| drop_stream(it, "policy")),
    ("two entries swapped", "form", |it| it.list("entries").swap(3, 4)),
    ("an entry twice", "form", |it| twice(it, "entries")),
    ("entries reversed", "form", |it| it.list("entries").reverse()),
    ("two headers swapped", "entries", |it| swap(it, "header")),
    ("two bodies swapped", "openings", |it| swap(it, "body")),
    ("a header of another entry under the seq", "entries", |it| {
        let header = it.list("entries")[3].member("header").unwrap().clone();
        *member(&mut it.list("entries")[2], "header") = header;
    }),
    ("a key of another entry", "openings", |it| {
        let key = open(it, 8, "body", "key").clone();
        *open(it, 9, "body", "key") = key;
    }),
    ("another text of a chat", "openings", |it| {
        *open(it, 8, "content", "plaintext") = Json::String(to_base64(b"I like war"));
    }),
    ("a content dropped", "entries", |it| {
        let Json::Object(members) = &mut it.list("entries")[8] else { panic!() };
        members.retain(|(name, _)| name != "content");
    }),
    ("a content where none was", "entries", |it| {
        let Json::Object(members) = &mut it.list("entries")[9] else { panic!() };
        members.push(("content".to_owned(), Json::String("withheld".to_owned())));
    }),
    ("a policy withheld", "openings", |it| *body(it, 0) = Json::String("withheld".to_owned())),
    ("a chat withheld", "completeness", |it| *body(it, 8) = Json::String("withheld".to_owned())),
    ("a late fact withheld", "completeness", |it| *body(it, 20) = Json::String("withheld".to_owned())),
    ("a label withheld", "completeness", |it| *body(it, 11) = Json::String("withheld".to_owned())),
    ("erased, said to be withheld", "erasures", |it| *body(it, 13) = Json::String("withheld".to_owned())),
    ("a content erased, said to be withheld", "erasures", |it| {
        *member(&mut it.list("entries")[10], "content") = Json::String("withheld".to_owned());
    }),
    ("open, said to be erased", "erasures", |it| {
        let erased = body(it, 13).clone();
        *body(it, 8) = erased;
    }),
    ("erased by another", "erasures", |it| *member(member(body(it, 13), "erased"), "by") = Json::Number(22)),
    ("an erasure not listed", "erasures", |it| drop(it.list("erasures").remove(0))),
    ("an erasure at another time", "erasures", |it| {
        *member(&mut it.list("erasures")[0], "time") = Json::String("2026-01-03T00:00:00Z".to_owned());
    }),
    ("an erasure of another scope", "erasures", |it| {
        *member(&mut it.list("erasures")[0], "scope") = Json::String("all".to_owned());
    }),
    ("a stream not listed", "completeness", |it| unlist(it, "policy")),
    ("the center not listed", "completeness", |it| unlist(it, "center")),
    ("a linked account not listed", "completeness", |it| unlist(it, "linked")),
    ("a stream more", "completeness", |it| {
        let entry = it.list("entries").iter().find(|entry| seq(entry) == 11).unwrap();
        let header = Header::decode(&from_base64(text(entry.member("header").unwrap())).unwrap()).unwrap();
        let id = header.streams[0].stream.to_string();
        let more = format!(
            r#"{{"stream":"{id}","role":"linked","name":"threads/labels","pinned":null,"tip":{{"seq":11,"revision":0}}}}"#
        );
        let more = Json::parse(&more).unwrap();
        let name = |stream: &Json| text(stream.member("stream").unwrap()).to_owned();
        let place = it.list("streams").partition_point(|stream| name(stream) < id);
        it.list("streams").insert(place, more);
    }),
    ("two streams swapped", "form", |it| it.list("streams").swap(0, 1)),
    ("a stream twice", "form", |it| twice(it, "streams")),
    ("a tip before the last", "streams", |it| {
        let tip = member(stream(it, "account"), "tip");
        *member(tip, "revision") = Json::Number(3);
    }),
    ("a tip of another entry", "streams", |it| {
        *member(member(stream(it, "account"), "tip"), "seq") = Json::Number(3);
    }),
    ("another role", "statements", |it| {
        *member(stream(it, "center"), "role") = Json::String("policy".to_owned());
    }),
    ("another name", "statements", |it| *member(stream(it, "center"), "name") = Json::String("c2".to_owned())),
    ("pinned further than the decision does", "statements", |it| {
        *member(stream(it, "account"), "pinned") = Json::Number(1);
    }),
    ("not pinned, though the decision does", "statements", |it| *member(stream(it, "center"), "pinned") = Json::Null),
    ("a proof dropped", "tree", |it| drop(it.list("proofs").pop())),
    ("the proof of the decision dropped", "tree", |it| it.list("proofs").retain(|proof| seq(proof) != 19)),
    ("a proof twice", "form", |it| twice(it, "proofs")),
    ("proofs reversed", "form", |it| it.list("proofs").reverse()),
    ("two paths swapped", "tree", |it| {
        let paths: Vec<_> =
            it.list("proofs").iter().take(2).map(|proof| proof.member("path").unwrap().clone()).collect();
        *member(&mut it.list("proofs")[0], "path") = paths[1].clone();
        *member(&mut it.list("proofs")[1], "path") = paths[0].clone();
    }),
    ("a path cut", "tree", |it| drop(list(member(&mut it.list("proofs")[0], "path")).pop())),
    ("a path turned round", "tree", |it| list(member(&mut it.list("proofs")[0], "path")).reverse()),
    ("a proof of what is not there", "tree", |it| {
        *member(it.list("proofs").last_mut().unwrap(), "seq") = Json::Number(1_000)
    }),
    ("another decision", "entries", |it| *member(it.member("decision"), "seq") = Json::Number(18)),
    ("another hash of the decision", "statements", |it| {
        *member(it.member("decision"), "hash") = Json::String("0".repeat(64));
    }),
    ("another name of the decision", "statements", |it| {
        *member(member(it.member("decision"), "name"), "id") = Json::String("d2".to_owned());
    }),
    ("a foreign entry", "completeness", |it| {
        insert_from(it, "entries", 25);
        insert_from(it, "proofs", 25);
    }),
    ("a foreign entry without a proof", "tree", |it| insert_from(it, "entries", 25)),
    ("an older checkpoint", "entries", |it| {
        *it.member("checkpoint") = Forged::of(&work().old).member("checkpoint").clone()
    }),
    ("a checkpoint of another ledger", "checkpoint", |it| {
        let text = "somebody/else\n27\nj5N4VcqDbwSh39njtZXEFpMyPwNIrM9kiCTaXZ3ad84=\n";
        *it.member("checkpoint") = Json::String(note(text, "somebody/else+00000000+", &[7; 32]));
    }),
    ("a checkpoint of another size", "checkpoint", |it| {
        let changed = text(it.member("checkpoint")).replacen("\n27\n", "\n26\n", 1);
        *it.member("checkpoint") = Json::String(changed);
    }),
    ("a member more", "form", |it| {
        let Json::Object(members) = &mut it.0 else { panic!() };
        members.push(("more".to_owned(), Json::Null));
    }),
    ("members swapped", "form", |it| {
        let Json::Object(members) = &mut it.0 else { panic!() };
        members.swap(4, 5);
    }),
    ("members of the verdict swapped", "form", |it| {
        let Json::Object(members) = it.member("verdict") else { panic!() };
        members.swap(1, 2);
    }),
    ("another verdict", "seal", |it| {
        *member(member(it.member("verdict"), "known"), "verdict") = Json::String("deny?".to_owned());
    }),
    ("another sentence", "seal", |it| it.list("completeness")[0] = Json::String("ALL IS COMPLETE".to_owned())),
    ("another page", "seal", |it| *it.member("summary") = Json::String("<p>all is well".to_owned())),
];

#[test]
fn every_structural_change_is_refused_at_its_step() {
    let Work { ledger, bundle, .. } = work();
    assert_eq!(ledger.audit(bundle).failed(), None);
    for (name, step, change) in STRUCTURAL {
        let mut forged = Forged::of(bundle);
        change(&mut forged);
        let audit = ledger.audit(&forged.spelt());
        assert_eq!(failed(&audit), Some(*step), "{name}: {:?}", audit.failed());
    }
}

fn body(it: &mut Forged, place: usize) -> &mut Json {
    member(&mut it.list("entries")[place], "body")
}

fn open<'a>(it: &'a mut Forged, place: usize, what: &str, part: &str) -> &'a mut Json {
    member(member(member(&mut it.list("entries")[place], what), "open"), part)
}

fn twice(it: &mut Forged, of: &str) {
    let first = it.list(of)[0].clone();
    it.list(of).insert(0, first);
}

fn swap(it: &mut Forged, what: &str) {
    let parts: Vec<_> = [8, 9].map(|place: usize| it.list("entries")[place].member(what).unwrap().clone()).into();
    *member(&mut it.list("entries")[8], what) = parts[1].clone();
    *member(&mut it.list("entries")[9], what) = parts[0].clone();
}

fn stream<'a>(it: &'a mut Forged, role: &str) -> &'a mut Json {
    let role = Json::String(role.to_owned());
    it.list("streams").iter_mut().find(|stream| stream.member("role") == Some(&role)).unwrap()
}

fn unlist(it: &mut Forged, role: &str) {
    let id = stream(it, role).member("stream").unwrap().clone();
    it.list("streams").retain(|stream| stream.member("stream") != Some(&id));
}

pub fn drop_entry(it: &mut Forged, dropped: u64) {
    it.list("entries").retain(|entry| seq(entry) != dropped);
    it.list("proofs").retain(|proof| seq(proof) != dropped);
}

/// With its one entry, and whatever proves it.
fn drop_stream(it: &mut Forged, role: &str) {
    let Some(Json::Number(tip)) = stream(it, role).member("tip").unwrap().member("seq").cloned() else { panic!() };
    unlist(it, role);
    drop_entry(it, tip as u64);
}

fn insert_from(it: &mut Forged, of: &str, wanted: u64) {
    let mut other = Forged::of(&work().other);
    let item = other.list(of).iter().find(|item| seq(item) == wanted).unwrap().clone();
    let place = it.list(of).partition_point(|item| seq(item) < wanted);
    it.list(of).insert(place, item);
}

#[test]
fn an_opening_that_was_erased_since_is_refused() {
    let Work { ledger, old, bundle, .. } = work();
    let mut old = Forged::of(old);
    for (place, what) in [(13, "body"), (10, "content")] {
        let mut forged = Forged::of(bundle);
        let opening =
            old.list("entries").iter().find(|entry| seq(entry) == place).unwrap().member(what).unwrap().clone();
        let entry = forged.list("entries").iter_mut().find(|entry| seq(entry) == place).unwrap();
        *member(entry, what) = opening;
        let sealed = forged.sealed(ledger);
        assert_eq!(failed(&ledger.audit(&sealed)), Some("erasures"), "{what}");
        assert!(ledger.verify(&sealed).is_some(), "inforce takes the {what} that was erased");
    }
}

#[test]
fn the_spelling_of_the_file_is_one() {
    let Work { ledger, bundle, .. } = work();
    let text = String::from_utf8(bundle.clone()).unwrap();
    for (name, other) in [
        ("two spaces after a colon", text.replacen("\": ", "\":  ", 1)),
        ("no newline at the end", text.trim_end().to_owned()),
        ("a carriage return", text.replacen('\n', "\r\n", 1)),
        ("an escape that is not needed", text.replacen("inforce-bundle/1", "inforce\\u002dbundle/1", 1)),
        ("a slash with a backslash", text.replacen("inforce-bundle/1", "inforce-bundle\\/1", 1)),
        ("a member twice", text.replacen("{\n", "{\n  \"format\": \"inforce-bundle/1\",\n", 1)),
        ("a fraction", text.replacen("\"seq\": 19", "\"seq\": 19.0", 1)),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("capital hex", text.replacen("\"hash\": \"", "\"hash\": \"A", 1)),
        ("another version", text.replacen("bundle/1", "bundle/2", 1)),
    ] {
        assert_ne!(other, text, "{name}");
        assert_eq!(failed(&ledger.audit(other.as_bytes())), Some("form"), "{name}");
        assert!(ledger.verify(other.as_bytes()).is_some(), "{name}: inforce takes it");
    }
    for end in (0..text.len()).step_by(97) {
        assert_eq!(failed(&ledger.audit(&bundle[..end])), Some("form"), "cut at {end}");
    }
}

#[test]
fn keys_witnesses_and_seals_must_be_the_right_ones() {
    let Work { ledger, bundle, .. } = work();
    let ask = |bundle: &[u8], key: &str, witnesses: &[String]| {
        let witnesses: Vec<_> = witnesses.iter().map(|key| VerifierKey::parse(key).unwrap()).collect();
        failed(&audit(bundle, &VerifierKey::parse(key).unwrap(), &witnesses))
    };
    assert_eq!(ask(bundle, &vkey("inforce/else", 1, &[7; 32]), &[]), Some("checkpoint"));
    let origin = ledger.key.split('+').next().unwrap();
    assert_eq!(ask(bundle, &vkey(origin, 1, &[7; 32]), &[]), Some("checkpoint"));

    let (mine, theirs) = (vkey("w.example/1", 4, &[8; 32]), vkey("w.example/1", 4, &[9; 32]));
    assert_eq!(ask(bundle, &ledger.key, std::slice::from_ref(&mine)), Some("checkpoint"), "nobody cosigned");
    let mut forged = Forged::of(bundle);
    let checkpoint = forged.member("checkpoint");
    *checkpoint = Json::String(cosigned(text(checkpoint), "w.example/1", &[8; 32], 1_800_000_000));
    let sealed = forged.sealed(ledger);
    assert_eq!(ask(&sealed, &ledger.key, &[]), None);
    assert_eq!(ask(&sealed, &ledger.key, std::slice::from_ref(&mine)), None);
    assert_eq!(ask(&sealed, &ledger.key, &[mine.clone(), theirs]), Some("checkpoint"), "one of two cosigned");
    let checkpoint = text(forged.member("checkpoint")).to_owned();
    *forged.member("checkpoint") = Json::String(cosigned(&checkpoint, "w.example/1", &[8; 32], u64::MAX));
    assert_eq!(ask(&forged.sealed(ledger), &ledger.key, &[mine]), Some("checkpoint"), "a time beyond 2^63");

    let mut forged = Forged::of(bundle);
    let seal = text(forged.member("seal")).to_owned();
    let (body, line) = seal.rsplit_once("\n\n").unwrap();
    for (name, seal) in [
        ("by another key", note(&format!("{body}\n"), &ledger.key, &[7; 32])),
        ("with another signature besides", format!("{seal}{}", line.replace("inforce/", "elsewhere/"))),
        ("of nothing", format!("{body}\n")),
    ] {
        *forged.member("seal") = Json::String(seal);
        assert_eq!(failed(&ledger.audit(&forged.spelt())), Some("seal"), "{name}");
    }
}

fn vkey(name: &str, kind: u8, seed: &[u8; 32]) -> String {
    let key = SigningKey::from_bytes(seed).verifying_key();
    let id = Sha256::digest([name.as_bytes(), &[b'\n', kind], key.as_bytes()].concat());
    format!("{name}+{}+{}", to_hex(&id[..4]), to_base64(&[&[kind], key.as_bytes().as_slice()].concat()))
}

fn cosigned(note: &str, name: &str, seed: &[u8; 32], time: u64) -> String {
    let (body, _) = note.split_once("\n\n").unwrap();
    let signature = SigningKey::from_bytes(seed).sign(format!("cosignature/v1\ntime {time}\n{body}\n").as_bytes());
    let key = vkey(name, 4, seed);
    let id: [u8; 4] = inforce_auditor::from_hex(key.split('+').nth(1).unwrap()).unwrap();
    format!("{note}— {name} {}\n", to_base64(&[&id, time.to_be_bytes().as_slice(), &signature.to_bytes()].concat()))
}

/// Splitmix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

#[test]
fn random_changes_of_the_file_are_refused() {
    let Work { ledger, bundle, .. } = work();
    let mut random = Random(1);
    for round in 0..1_000 {
        let mut changed = bundle.clone();
        let place = random.below(changed.len());
        match round % 4 {
            0 | 1 => changed[place] ^= 1 << random.below(8),
            2 => drop(changed.remove(place)),
            _ => changed.insert(place, 0x20 + random.below(0x5f) as u8),
        }
        assert!(!ledger.audit(&changed).holds(), "round {round}, byte {place}");
    }
}

/// Whoever holds the ledger's key can seal anything; bits of the evidence still hang together.
#[test]
fn random_bits_of_the_evidence_are_refused_though_the_ledger_seals_them() {
    let Work { ledger, bundle, .. } = work();
    let mut random = Random(2);
    let mut steps = std::collections::BTreeSet::new();
    for round in 0..300 {
        let mut forged = Forged::of(bundle);
        let entries = forged.list("entries").len();
        let place = random.below(entries);
        let proofs = forged.list("proofs").len();
        let target = match round % 4 {
            0 => member(&mut forged.list("entries")[place], "header"),
            1 if body(&mut forged, place).member("open").is_some() => open(&mut forged, place, "body", "plaintext"),
            2 => {
                let path = list(member(&mut forged.list("proofs")[random.below(proofs)], "path"));
                let node = random.below(path.len());
                &mut path[node]
            }
            _ => member(&mut forged.list("entries")[place], "header"),
        };
        let mut bytes = from_base64(text(target)).unwrap();
        let bit = random.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        *target = Json::String(to_base64(&bytes));
        let step = failed(&ledger.audit(&forged.sealed(ledger)));
        assert!(step.is_some_and(|step| step != "seal"), "round {round}, entry {place}, bit {bit}: {step:?}");
        steps.extend(step);
    }
    assert!(steps.len() >= 4, "{steps:?}");
}

/// Exhaustively, with and without the proof and the erasure's row, the manifest made again, sealed by the ledger.
#[test]
fn leaving_out_any_one_entry_is_refused_though_the_ledger_seals_it() {
    let Work { ledger, old, bundle, .. } = work();
    for bundle in [old, bundle] {
        for dropped in Forged::of(bundle).seqs() {
            let mut only = Forged::of(bundle);
            only.list("entries").retain(|entry| seq(entry) != dropped);
            let mut proof_too = only.clone();
            drop_entry(&mut proof_too, dropped);
            let mut row_too = proof_too.clone();
            row_too.list("erasures").retain(|row| seq(row) != dropped);
            for (name, forged) in [("only it", only), ("its proof too", proof_too), ("its row too", row_too)] {
                let step = failed(&ledger.audit(&forged.sealed(ledger)));
                // Outside of every stream that is whole, and cited by nobody: the format says that it cannot be missed.
                let unseen = name != "only it" && UNSEEN.contains(&dropped);
                assert_eq!(step.is_none(), unseen, "entry {dropped}, {name}: {step:?}");
                assert_ne!(step, Some("seal"));
            }
        }
    }
}

/// A label that stands in the stream of an account that is not there.
const UNSEEN: [u64; 1] = [11];
