//! Everything that reads bytes of others, one line each: a name, under which `tests/corpus/NAME` holds its inputs, and
//! what is done with an input. A target fails by panicking, by taking too long, or by an assertion about what came out.
//!
//! Used twice: by the fuzzer beside this file, and by `tests/fuzz.rs`, which tries every input of the corpora, and some
//! mutations of each, in ordinary test runs.

use inforce::bundle::{self, Bundle, Trust};
use inforce::checkpoint::{Checkpoint, Note, VerifierKey};
use inforce::codec::{self, Header, Record};
use inforce::disk::RealDisk;
use inforce::fact::Body;
use inforce::journal;
use inforce::judge::{self, Ask};
use inforce::keyring::Keyring;
use inforce::ledger::Ledger;
use inforce::proof::{Consistency, Inclusion};
use inforce::quorum::Quorum;
use inforce::witness::{self, AddCheckpoint};
use inforce::{policy, tile, wire};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A target: its name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. `run` reads the names off these lines.
pub const TARGETS: &[Target] = &[
    ("wire", wire_lines),
    ("journal", journal_groups),
    ("header", |data| decoded::<Header>(data)),
    ("record", |data| decoded::<Record>(data)),
    ("note", signed_note),
    ("verifier-key", verifier_key),
    ("policy", policy_text),
    ("params", policy_params),
    ("keyring", keyring),
    ("config", config),
    ("ledger", whole_ledger),
    ("bundle", whole_bundle),
    ("tile", tiles),
    ("tlog-proof", proofs),
    ("witness", witness_request),
    ("quorum", quorum_file),
];

/// Lines, and events out of them: what is taken says the same when it is written and read again.
fn wire_lines(data: &[u8]) {
    let mut lines = wire::Lines::new(std::io::Cursor::new(data));
    while let Some(line) = lines.next_line().expect("memory reads") {
        let Ok(text) = std::str::from_utf8(&line.bytes) else { continue };
        if let Ok(fact) = wire::parse(text) {
            let again = wire::parse(&wire::to_json(&fact).to_string());
            assert_eq!(again.as_ref().ok(), Some(&fact), "{again:?}");
        }
    }
}

/// As found, and with every checksum put right, as whoever forges a journal would.
fn journal_groups(data: &[u8]) {
    for bytes in [data.to_vec(), healed(data.to_vec(), 0)] {
        for group in journal::groups(&bytes, 0, 0) {
            let Ok(group) = group else { break };
            assert!(group.end <= bytes.len());
            group.entries.iter().for_each(|raw| {
                drop(codec::decode::<Header>(raw.header, "a header"));
                assert!(journal::read_frame(&bytes[raw.offset..], raw.offset, raw.seq).is_some());
            });
        }
    }
}

/// Puts the checksums of every group and frame from `at` on right, as far as lengths lead.
fn healed(mut bytes: Vec<u8>, mut at: usize) -> Vec<u8> {
    let number = |bytes: &[u8], at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).expect("four bytes");
    while bytes.len() >= at + 24 {
        let sum = crc32fast::hash(&bytes[at..at + 20]).to_le_bytes();
        bytes[at + 20..at + 24].copy_from_slice(&sum);
        let end = (at + 24).saturating_add(number(&bytes, at + 16) as usize).min(bytes.len());
        at += 24;
        while at + 8 <= end {
            let frame_end = (at + 8).saturating_add(number(&bytes, at) as usize);
            if frame_end > end {
                break;
            }
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&bytes[at..at + 4]);
            hasher.update(&bytes[at + 8..frame_end]);
            bytes[at + 4..at + 8].copy_from_slice(&hasher.finalize().to_le_bytes());
            at = frame_end;
        }
        at = end;
    }
    bytes
}

fn decoded<T: bincode::Decode<()> + bincode::Encode + PartialEq + std::fmt::Debug>(data: &[u8]) {
    if let Ok(value) = codec::decode::<T>(data, "a value") {
        assert_eq!(codec::decode::<T>(&codec::encode(&value), "a value"), Ok(value));
    }
}

fn signed_note(data: &[u8]) {
    let key = VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").expect("a key");
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Note::parse(text).map(|note| Checkpoint::unverified(&note));
        assert!(Checkpoint::open(text, &key).is_err(), "nobody here can sign for that key");
    }
}

fn verifier_key(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(key) = VerifierKey::parse(text)
    {
        assert_eq!(key.to_string(), text.trim());
    }
}

/// A text that is let in can be read for its rules.
fn policy_text(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && policy::validate(text).is_ok()
    {
        policy::rules(text).expect("a valid text has rules");
    }
}

/// An adoption of a pack with these params, as the wire takes it and the ledger resolves it.
fn policy_params(data: &[u8]) {
    let Ok(params) = std::str::from_utf8(data) else { return };
    let event = format!(
        r#"{{"specversion":"1.0","id":"p","source":"//p","type":"inforce.policy.adopted","time":"2025-10-01T00:00:00Z",
        "subject":"p","data":{{"version":"1","in_force_from":"2025-12-16T00:00:00Z","pack":"meta-ai-personalization",
        "params":{params}}}}}"#
    );
    if let Ok(fact) = wire::parse(&event)
        && let Body::PolicyAdopted(mut adopted) = fact.body
    {
        let _ = policy::resolve(&mut adopted);
    }
}

/// A folder of this process, made once.
fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<tempfile::TempDir> = OnceLock::new();
    SCRATCH.get_or_init(|| tempfile::tempdir().expect("a folder")).path()
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("written");
}

/// As found, and with the checksums of header and slots put right.
fn keyring(data: &[u8]) {
    let path = scratch().join("keyring");
    let mut right = data.to_vec();
    if right.len() >= 4096 {
        let sum = crc32fast::hash(&right[..80]).to_le_bytes();
        right[80..84].copy_from_slice(&sum);
        for slot in right[4096..].chunks_exact_mut(128) {
            let sum = crc32fast::hash(&slot[..124]).to_le_bytes();
            slot[124..].copy_from_slice(&sum);
        }
    }
    for bytes in [data, &right] {
        write(&path, bytes);
        if let Ok(keyring) = Keyring::open(&RealDisk, &path, false) {
            let _ = keyring.slot_of("facebook/a").map(|slot| keyring.stream(slot));
        }
    }
}

/// Keyring, checkpoint and `ledger.toml` of the ledger that the inputs of `config` and `ledger` belong to; it has test
/// keys.
fn base(name: &str) -> PathBuf {
    let dir = scratch().join(name);
    if !dir.exists() {
        std::fs::create_dir_all(dir.join("journal")).expect("made");
        std::fs::create_dir_all(dir.join("tree")).expect("made");
        write(&dir.join("keyring"), include_bytes!("../../../tests/corpus/base/keyring"));
        write(&dir.join("checkpoint"), include_bytes!("../../../tests/corpus/base/checkpoint"));
        write(&dir.join("ledger.toml"), include_bytes!("../../../tests/corpus/config/good"));
    }
    dir
}

fn config(data: &[u8]) {
    let dir = base("configured");
    write(&dir.join("ledger.toml"), data);
    drop(Ledger::open_read_only(&dir));
}

/// A journal forged by somebody who can put checksums right, read, verified and judged.
fn whole_ledger(data: &[u8]) {
    let dir = base("forged");
    write(&dir.join("journal/00000000.seg"), &healed(data.to_vec(), 32));
    let ledger = Ledger::open_read_only(&dir).expect("its keyring and its name are good");
    let _ = ledger.verify();
    if let Ok(loaded) = ledger.load() {
        // No verdict is given of a ledger that is bad; the judge is to stand it all the same.
        let world = loaded.world;
        world.decisions().for_each(|decision| drop(judge::judge(&world, decision, &mut Ask::Plainly)));
    }
}

/// Against the key of the ledger that the good one is of: what is taken was not changed where it matters.
fn whole_bundle(data: &[u8]) {
    static KEY: OnceLock<VerifierKey> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        Ledger::open_read_only(&base("bundled")).expect("its keyring and its name are good").verifier_key()
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(bundle) = Bundle::parse(text) {
        let _ = bundle::check(&bundle, &Trust { key, witnesses: &[], checkpoint: None }, &mut Vec::new());
    }
}

fn tiles(data: &[u8]) {
    if let Some(hashes) = tile::read_hashes(data) {
        assert_eq!(tile::hashes(&hashes), data);
    }
    if let Some(entries) = tile::read_bundle(data) {
        assert_eq!(tile::bundle(&entries), data);
    }
}

fn proofs(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Inclusion::parse(text);
    let _ = Consistency::parse(text).map(|proof| proof.verify());
}

fn witness_request(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(request) = AddCheckpoint::parse(text)
    {
        let _ = witness::origin(&request);
    }
}

fn quorum_file(data: &[u8]) {
    let _ = Quorum::parse(data);
}
