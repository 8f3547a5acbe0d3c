//! The example of `docs/format.md` decodes and hashes as it is printed there, by this crate's reading of the page.

use super::works::root;
use inforce_auditor::{
    Header, Json, Link, Note, Record, StreamId, VerifierKey, center_stream, commitment, entry_hash, fact_identity,
    from_base64, from_hex, leaf, pinned, to_hex,
};

fn example() -> String {
    let page = std::fs::read_to_string(root().join("docs/format.md")).unwrap();
    let (_, rest) = page.split_once("<!-- example: begin -->").unwrap();
    rest.split_once("<!-- example: end -->").unwrap().0.to_owned()
}

/// The bytes of a hex dump: what stands between an offset of six digits and the words.
fn dumped(part: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in part.lines() {
        let Some((offset, rest)) = line.split_once("  ") else { continue };
        if offset.len() != 6 || u32::from_str_radix(offset, 16).is_err() {
            continue;
        }
        let hex = rest.split("  ").next().unwrap();
        bytes.extend(hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("`{from}`"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

fn word(text: &str, before: &str) -> String {
    between(text, before, "\n").trim().to_owned()
}

fn hash(text: &str) -> [u8; 32] {
    from_hex(text).unwrap_or_else(|| panic!("`{text}`"))
}

#[test]
fn headers_records_and_hashes_are_as_printed() {
    let example = example();
    let identity_key: [u8; 32] = std::array::from_fn(|place| 0x20 + place as u8);
    let leaves: Vec<_> = between(&example, "== tree/leaves\n\n", "\n\n").lines().map(hash).collect();
    let mut entries = Vec::new();
    for number in 0..4 {
        let frame = dumped(between(&example, &format!("-- frame of entry {number}"), "\n\n"));
        let length = u32::from_le_bytes(frame[8..12].try_into().unwrap()) as usize;
        let stored = &frame[16..16 + length];
        let header = Header::decode(stored).unwrap();
        let opened = between(&example, &format!("-- entry {number}, kind"), "\n\n");
        let plaintext = dumped(opened);
        let record = Record::decode(&plaintext).unwrap();

        assert_eq!(header.seq, number);
        assert_eq!(to_hex(&entry_hash(stored)), word(opened, "entry hash "));
        assert_eq!(header.body, commitment(&hash(&word(opened, "body key ")), &plaintext));
        assert_eq!(record.kind, header.kind);
        assert_eq!(header.identity, fact_identity(&identity_key, &record.id.source, &record.id.id));
        assert_eq!(leaves[number as usize], leaf(&entry_hash(stored)));
        if let Some(content) = header.content {
            assert_eq!(content, commitment(&hash(&word(opened, "content key ")), b"Hi"));
        }
        entries.push((header, entry_hash(stored)));
    }
    assert_eq!(entries[1].0.offset_s, 32_400);
    assert_eq!(entries[3].0.links, [Link::Resolved { seq: 2, hash: entries[2].1 }]);
    for later in 1..4 {
        assert_eq!(entries[later].0.streams[0].previous, entries[later - 1].1);
    }
    let center = center_stream("c1");
    assert_eq!(center.to_string(), word(&example, "stream of center c1 "));
    assert_eq!((entries[0].0.streams[1].stream, entries[0].0.kind.number()), (center, 2));
    assert_eq!(entries[3].0.pins, Some(pinned(&[(center, 0, entries[0].1)])));
    assert_ne!(entries[3].0.pins, Some(pinned(&[(StreamId([0; 16]), 0, entries[0].1)])));
    assert_eq!(to_hex(&inforce_auditor::root(&leaves)), word(&example, "\nroot "));
}

#[test]
fn the_checkpoint_is_signed_by_the_key_as_printed() {
    let example = example();
    let note = format!("{}\n", between(&example, "== checkpoint\n\n", "\n\n=="));
    let key = between(&example, "public_key = \"", "\"");
    let parsed = Note::parse(&note).unwrap();
    parsed.verify(&VerifierKey::parse(key).unwrap()).unwrap();
    let root = parsed.text.lines().nth(2).unwrap();
    assert_eq!(to_hex(&from_base64(root).unwrap()), word(&example, "\nroot "));
    for bit in 0..note.len() * 8 {
        let mut changed = note.clone().into_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let held = Note::parse(&changed).is_ok_and(|note| note.verify(&VerifierKey::parse(key).unwrap()).is_ok());
        assert!(!held, "bit {bit}");
    }
}

#[test]
fn no_cut_and_no_byte_more_of_a_header_or_a_record_decodes() {
    let example = example();
    for number in 0..4 {
        let plaintext = dumped(between(&example, &format!("-- entry {number}, kind"), "\n\n"));
        for end in 0..plaintext.len() {
            assert!(Record::decode(&plaintext[..end]).is_err(), "{end} of entry {number}");
        }
        assert!(Record::decode(&[plaintext.as_slice(), &[0]].concat()).is_err());
    }
    assert!(Json::parse(&example).is_err());
}

/// Bytes that are nearly right reach deeper than noise does.
#[test]
fn nothing_that_is_nearly_a_header_or_a_record_makes_it_panic() {
    let example = example();
    let mut decoded = 0;
    for number in 0..4 {
        let frame = dumped(between(&example, &format!("-- frame of entry {number}"), "\n\n"));
        let plaintext = dumped(between(&example, &format!("-- entry {number}, kind"), "\n\n"));
        for bytes in [&frame[16..], &plaintext] {
            for place in 0..bytes.len() {
                for value in [0, 1, 0x7f, 250, 251, 252, 253, 254, 255] {
                    let mut changed = bytes.to_vec();
                    changed[place] = value;
                    decoded +=
                        usize::from(Header::decode(&changed).is_ok()) + usize::from(Record::decode(&changed).is_ok());
                }
            }
        }
    }
    assert!(decoded > 100, "{decoded}");
}
