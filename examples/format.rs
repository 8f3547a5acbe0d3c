//! A tiny ledger with fixed keys, byte by byte: the worked example of docs/format.md.
//!
//! The ledger is written by the library. It is read here without the library's codec, by the rules of the document
//! alone, and every checksum, hash, seal, proof and signature is checked on the way. `cargo run --example format`

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use inforce::checkpoint::{Checkpoint, VerifierKey};
use inforce::fact::Instant;
use inforce::ledger::Ledger;
use inforce::merkle::{TreeSize, empty_root};
use inforce::wire;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

const FACTS: [&str; 4] = [
    r#"{"specversion":"1.0","id":"l1","source":"//a","type":"inforce.account.linked","subject":"facebook/s1",
        "time":"2025-12-01T00:00:00Z","data":{"center":"c1"}}"#,
    r#"{"specversion":"1.0","id":"i1","source":"//a","type":"inforce.interaction.recorded","subject":"facebook/s1",
        "time":"2025-12-20T09:00:00+09:00","data":{"agent":"assistant","modality":"text","conversation":"k1","turn":1,
        "region":"US","content":"Hi"}}"#,
    r#"{"specversion":"1.0","id":"g1","source":"//a","type":"inforce.signal.derived","subject":"facebook/s1",
        "time":"2025-12-20T12:00:00Z","data":{"topic":"tea","sources":["i1"],"deriver":{"name":"m","version":"1",
        "digest":"abababababababababababababababababababababababababababababababab"}}}"#,
    r#"{"specversion":"1.0","id":"d1","source":"//a","type":"inforce.decision.made","subject":"facebook/s1",
        "time":"2025-12-24T18:00:00Z","data":{"purpose":"ads","item":{"kind":"ad","advertiser":"acme","topics":["tea"]},
        "region":"US","signals":["g1"],"outcome":"served"}}"#,
];

/// 2025-12-31T00:00:00Z, whatever the day.
fn now() -> Instant {
    Instant(1_767_139_200_000_000_000)
}

/// `N` bytes that count up from `first`.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|at| first.wrapping_add(at as u8))
}

/// Writes an empty ledger by hand, with keys that everybody can know.
fn make(dir: &Path) {
    let signing = ed25519_dalek::SigningKey::from_bytes(&counting(0x00));
    let mut keyring = vec![0; 4096];
    keyring[..16].copy_from_slice(b"inforce keyring\n");
    keyring[16..48].copy_from_slice(signing.as_bytes());
    keyring[48..80].copy_from_slice(&counting::<32>(0x20));
    let sum = crc32fast::hash(&keyring[..80]).to_le_bytes();
    keyring[80..84].copy_from_slice(&sum);
    let mut slot = [0; 128];
    slot[..80].copy_from_slice(&counting::<80>(0x40));
    slot[104] = 1;
    let sum = crc32fast::hash(&[&slot[..80], &slot[96..124]].concat()).to_le_bytes();
    slot[124..].copy_from_slice(&sum);
    keyring.extend(slot);
    let mut segment = b"inforce-jrnl\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    segment.extend(crc32fast::hash(&segment).to_le_bytes());
    let verifier = VerifierKey::new("inforce/example", signing.verifying_key());
    let empty = Checkpoint { origin: "inforce/example".into(), size: TreeSize(0), root: empty_root() };
    std::fs::create_dir_all(dir.join("journal")).expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).expect("written");
    write("keyring", &keyring);
    write("journal/00000000.seg", &segment);
    write("checkpoint", empty.sign(&signing).as_bytes());
    write("ledger.toml", format!("format = 1\norigin = \"inforce/example\"\npublic_key = \"{verifier}\"\n").as_bytes());
}

/// Reads bytes in order and notes what they are.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    out: String,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0, out: String::new() }
    }

    fn title(&mut self, text: &str) {
        writeln!(self.out, "\n-- {text}").expect("memory");
    }

    fn note(&mut self, start: usize, label: &str) {
        let rows: Vec<&[u8]> = self.bytes[start..self.at].chunks(16).collect();
        for (number, row) in rows.iter().enumerate() {
            let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            let label = if number == 0 { label } else { "" };
            let line = format!("{:06x}  {:<47}  {label}", start + number * 16, hex.join(" "));
            writeln!(self.out, "{}", line.trim_end()).expect("memory");
        }
    }

    fn raw(&mut self, len: usize) -> &'a [u8] {
        self.at += len;
        &self.bytes[self.at - len..self.at]
    }

    fn take(&mut self, len: usize, label: &str) -> &'a [u8] {
        let start = self.at;
        let bytes = self.raw(len);
        self.note(start, label);
        bytes
    }

    fn u32_le(&mut self, label: &str) -> u32 {
        let start = self.at;
        let value = u32::from_le_bytes(self.raw(4).try_into().expect("four"));
        self.note(start, &format!("{label}: {value}"));
        value
    }

    fn u64_le(&mut self, label: &str) -> u64 {
        let start = self.at;
        let value = u64::from_le_bytes(self.raw(8).try_into().expect("eight"));
        self.note(start, &format!("{label}: {value}"));
        value
    }

    /// The checksum of `of`, little-endian.
    fn crc(&mut self, of: &[u8], label: &str) {
        assert_eq!(self.take(4, label), crc32fast::hash(of).to_le_bytes(), "{label}");
    }

    fn varint_raw(&mut self) -> u64 {
        let first = self.raw(1)[0];
        let len = match first {
            0..=250 => return u64::from(first),
            251 => 2,
            252 => 4,
            253 => 8,
            _ => panic!("no 128-bit numbers are stored"),
        };
        let mut wide = [0; 8];
        wide[..len].copy_from_slice(self.raw(len));
        u64::from_le_bytes(wide)
    }

    fn varint(&mut self, label: &str) -> u64 {
        let start = self.at;
        let value = self.varint_raw();
        self.note(start, &format!("{label}: {value}"));
        value
    }

    fn zigzag(&mut self, label: &str) -> i64 {
        let start = self.at;
        let value = self.varint_raw();
        let value = (value >> 1) as i64 ^ -((value & 1) as i64);
        self.note(start, &format!("{label}: {value}"));
        value
    }

    fn string(&mut self, label: &str) -> String {
        let start = self.at;
        let len = self.varint_raw() as usize;
        let text = String::from_utf8(self.raw(len).to_vec()).expect("UTF-8");
        self.note(start, &format!("{label}: \"{text}\""));
        text
    }

    fn option<T>(&mut self, label: &str, some: impl Fn(&mut Self) -> T) -> bool {
        let start = self.at;
        let is_some = self.raw(1)[0] == 1;
        self.note(start, &format!("{label}: {}", if is_some { "some" } else { "none" }));
        if is_some {
            some(self);
        }
        is_some
    }

    fn fact_id(&mut self, label: &str) {
        self.string(&format!("{label}.source"));
        self.string(&format!("{label}.id"));
    }
}

/// What the rest of the dump needs of a header.
struct Header {
    seq: u64,
    identity: [u8; 16],
    kind: u64,
    recorded_at: i64,
    streams: Vec<[u8; 16]>,
    pins: Option<[u8; 32]>,
    body: [u8; 32],
    content: Option<[u8; 32]>,
    hash: [u8; 32],
}

fn header(reader: &mut Reader, len: usize) -> Header {
    let start = reader.at;
    let seq = reader.varint("seq");
    let identity = array(reader.take(16, "identity"));
    let kind = reader.varint("kind");
    reader.zigzag("occurred_at.at, ns since 1970");
    reader.zigzag("occurred_at.offset_s");
    let recorded_at = reader.zigzag("recorded_at, ns since 1970");
    let mut streams = Vec::new();
    for number in 0..reader.varint("streams") {
        streams.push(array(reader.take(16, &format!("streams[{number}].stream"))));
        reader.varint(&format!("streams[{number}].revision"));
        reader.take(32, &format!("streams[{number}].previous"));
    }
    let before = reader.at;
    let pins = reader.option("pins", |reader| reader.take(32, "pins"));
    let pins = pins.then(|| array(&reader.bytes[before + 1..before + 33]));
    for number in 0..reader.varint("links") {
        match reader.varint(&format!("links[{number}]")) {
            0 => {
                reader.varint("  seq");
                reader.take(32, "  hash");
            }
            _ => {
                reader.take(16, "  identity");
            }
        }
    }
    let body = array(reader.take(32, "body commitment"));
    let before = reader.at;
    let content = reader.option("content commitment", |reader| reader.take(32, "content commitment"));
    let content = content.then(|| array(&reader.bytes[before + 1..before + 33]));
    assert_eq!(reader.at, start + len, "the header is read whole");
    let hash = derive("inforce 2026-11 entry header", &reader.bytes[start..reader.at]);
    Header { seq, identity, kind, recorded_at, streams, pins, body, content, hash }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("as many bytes as were asked for")
}

fn derive(context: &str, input: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, input)
}

/// Opens a sealed part and checks its commitment; returns key and plaintext.
fn unseal(base: &[u8; 32], tag: u8, header: &Header, sealed: &[u8], commitment: &[u8; 32]) -> ([u8; 32], Vec<u8>) {
    let key = *blake3::keyed_hash(base, &[&[tag][..], &header.seq.to_le_bytes()].concat()).as_bytes();
    let told_apart = [&header.identity[..], &header.recorded_at.to_le_bytes()].concat();
    let nonce: [u8; 12] = array(&derive("inforce 2026-11 seal nonce", &told_apart)[..12]);
    let plaintext = ChaCha20Poly1305::new(&Key::from(key)).decrypt(&nonce.into(), sealed).expect("it opens");
    assert_eq!(derive("inforce 2026-11 body commitment", &[&key[..], &plaintext].concat()), *commitment);
    (key, plaintext)
}

fn record(plaintext: &[u8]) -> String {
    let mut r = Reader::new(plaintext);
    r.fact_id("id");
    r.string("subject");
    match r.varint("body, of kind") {
        2 => {
            r.string("center");
        }
        9 => {
            r.varint("agent");
            r.string("conversation");
            r.varint("turn");
            r.varint("modality");
            r.option("region", |r| r.take(2, "region: two letters"));
            r.option("device_region", |r| r.take(2, "device_region"));
            r.option("e2ee", |r| r.take(1, "e2ee"));
            for name in ["permission", "feature_active", "indicator"] {
                r.option(&format!("microphone.{name}"), |r| r.take(1, name));
            }
            r.varint("context");
        }
        12 => {
            r.string("topic");
            r.option("taxonomy", |r| r.string("taxonomy"));
            r.take(1, "sensitive: one bit a category");
            r.option("confidence_ppm", |r| r.varint("confidence_ppm"));
            for number in 0..r.varint("sources") {
                r.varint(&format!("sources[{number}]: a fact"));
                r.fact_id(&format!("sources[{number}]"));
            }
            r.string("deriver.name");
            r.string("deriver.version");
            r.take(32, "deriver.digest");
            r.option("deriver.provider", |r| r.string("deriver.provider"));
        }
        _ => {
            r.varint("purpose");
            r.varint("item.kind");
            for name in ["advertiser", "campaign", "creative"] {
                r.option(&format!("item.{name}"), |r| r.string(name));
            }
            for number in 0..r.varint("item.topics") {
                r.string(&format!("item.topics[{number}]"));
            }
            r.option("region", |r| r.take(2, "region: two letters"));
            r.option("device_region", |r| r.take(2, "device_region"));
            for number in 0..r.varint("signals") {
                r.fact_id(&format!("signals[{number}]"));
            }
            r.option("policy", |r| r.fact_id("policy"));
            r.varint("outcome");
        }
    }
    assert_eq!(r.at, plaintext.len(), "the record is read whole");
    r.out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn journal(bytes: &[u8], out: &mut String) -> Vec<Header> {
    let (body_key, content_key) = (counting::<32>(0x40), counting::<32>(0x60));
    let mut r = Reader::new(bytes);
    r.take(12, "segment: magic \"inforce-jrnl\"");
    r.u32_le("version");
    r.u32_le("segment");
    r.u64_le("first seq");
    r.crc(&bytes[..28], "CRC-32 of the 28 bytes before");
    r.title("group");
    r.take(4, "magic \"IFGR\"");
    let entries = r.u32_le("entries");
    r.u64_le("first seq");
    r.u32_le("length of all frames");
    r.crc(&bytes[32..52], "CRC-32 of the 20 bytes before");
    let (mut headers, mut opened) = (Vec::new(), String::new());
    for number in 0..entries {
        r.title(&format!("frame of entry {number}"));
        let start = r.at;
        let len = r.u32_le("length of what follows the checksum") as usize;
        r.crc(
            &[&bytes[start..start + 4], &bytes[start + 8..start + 8 + len]].concat(),
            "CRC-32 of the length and of what follows",
        );
        let (header_len, body_len) = (r.u32_le("length of the header"), r.u32_le("length of the sealed body"));
        let header = header(&mut r, header_len as usize);
        let body = r.take(body_len as usize, "sealed body, 16 bytes of tag at its end");
        let rest = start + 8 + len - r.at;
        let content = if rest > 0 { r.take(rest, "sealed content, 16 bytes of tag at its end") } else { &[] };
        let (key, plaintext) = unseal(&body_key, b'b', &header, body, &header.body);
        writeln!(
            opened,
            "\n-- entry {}, kind {}\nentry hash  {}\nbody key    {}\nrecord",
            header.seq,
            header.kind,
            hex(&header.hash),
            hex(&key)
        )
        .expect("memory");
        opened.push_str(&record(&plaintext));
        if let Some(commitment) = header.content {
            let (key, text) = unseal(&content_key, b'c', &header, content, &commitment);
            writeln!(opened, "content key {}\ncontent     \"{}\"", hex(&key), String::from_utf8(text).expect("UTF-8"))
                .expect("memory");
        }
        headers.push(header);
    }
    assert_eq!(r.at, bytes.len(), "the journal is read whole");
    writeln!(out, "== journal/00000000.seg\n\n{}\n== opened\n{opened}", r.out).expect("memory");
    headers
}

/// What the headers name by hash, made again from names.
fn names(headers: &[Header], out: &mut String) {
    let identity_key = counting::<32>(0x20);
    writeln!(out, "== names\n").expect("memory");
    for (header, id) in headers.iter().zip(["l1", "i1", "g1", "d1"]) {
        let input = [&3u64.to_le_bytes()[..], b"//a", id.as_bytes()].concat();
        assert_eq!(blake3::keyed_hash(&identity_key, &input).as_bytes()[..16], header.identity);
        writeln!(out, "identity of //a {id}  {}", hex(&header.identity)).expect("memory");
    }
    let center = headers[0].streams[1];
    assert_eq!(derive("inforce 2026-11 center stream", b"c1")[..16], center);
    writeln!(out, "stream of center c1 {}", hex(&center)).expect("memory");
    // The decision pins one head: no policy was adopted, and its account is alone in the center.
    let head = [&center[..], &0u64.to_le_bytes(), &headers[0].hash].concat();
    assert_eq!(Some(derive("inforce 2026-11 pinned heads", &head)), headers[3].pins);
    writeln!(out, "d1 pins the head    {}\n                    {}\n", hex(&head[..24]), hex(&head[24..]))
        .expect("memory");
}

/// The root of the tree, by the definition of RFC 6962.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [one] => *one,
        many => {
            let split = many.len().next_power_of_two() / 2;
            let (left, right) = many.split_at(split);
            Sha256::digest([&[1], &root(left)[..], &root(right)].concat()).into()
        }
    }
}

/// The whole example.
pub fn dump() -> String {
    let dir = tempfile::tempdir().expect("a folder");
    make(dir.path());
    let ledger = Ledger::open_at(dir.path(), now).expect("it opens");
    ledger.append(FACTS.iter().map(|fact| wire::parse(fact).expect("valid")).collect()).expect("appended");
    ledger.close().expect("closed");
    let read = |name: &str| std::fs::read(dir.path().join(name)).expect("readable");
    let mut out = String::new();
    let headers = journal(&read("journal/00000000.seg"), &mut out);
    names(&headers, &mut out);
    let leaves: Vec<[u8; 32]> =
        headers.iter().map(|header| Sha256::digest([&[0], &header.hash[..]].concat()).into()).collect();
    assert_eq!(read("tree/leaves"), leaves.concat());
    writeln!(out, "== tree/leaves\n").expect("memory");
    leaves.iter().for_each(|leaf| writeln!(out, "{}", hex(leaf)).expect("memory"));
    writeln!(out, "\nroot {}", hex(&root(&leaves))).expect("memory");
    let note = String::from_utf8(read("checkpoint")).expect("UTF-8");
    let config = String::from_utf8(read("ledger.toml")).expect("UTF-8");
    let key = config.lines().find_map(|line| line.strip_prefix("public_key = \"")?.strip_suffix('"')).expect("a key");
    let checkpoint = Checkpoint::open(&note, &VerifierKey::parse(key).expect("a key")).expect("signed");
    assert_eq!((checkpoint.size.0, checkpoint.root.0), (4, root(&leaves)));
    writeln!(out, "\n== checkpoint\n\n{note}\n== ledger.toml\n\n{config}").expect("memory");
    let keyring = read("keyring");
    let mut r = Reader::new(&keyring);
    r.take(16, "magic \"inforce keyring\\n\"");
    r.take(32, "seed of the signing key (Ed25519)");
    r.take(32, "identity key");
    r.crc(&keyring[..80], "CRC-32 of the 80 bytes before");
    assert!(r.raw(4096 - 84).iter().all(|&byte| byte == 0), "the rest of the header is zeros");
    r.title("slot 0");
    r.take(32, "body key");
    r.take(32, "content key");
    r.take(16, "stream");
    r.take(16, "owner: keyed hash of \"facebook/s1\"");
    r.u64_le("content_since");
    r.take(1, "flags: made");
    r.take(19, "zeros");
    let checked = [&keyring[4096..4096 + 80], &keyring[4096 + 96..4096 + 124]].concat();
    r.crc(&checked, "CRC-32 of the bytes before, without the owner");
    writeln!(out, "== keyring, its first slot\n\n{}", r.out.trim_end()).expect("memory");
    out
}

fn main() {
    print!("{}", dump());
}
