use super::*;
use crate::codec::Nonce;
use crate::disk::RealDisk;

#[test]
fn a_reader_finds_what_a_writer_does_and_knows_when_its_file_has_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("keyring");
    let mut writer = Keyring::create(&RealDisk, &path).expect("sound");
    let account = |number: usize| format!("facebook/{number}");
    let slots: Vec<Slot> =
        (0..BLOCK + 100).map(|number| writer.claim_account(&account(number)).expect("there is room")).collect();
    let streams = slots.iter().map(|&slot| Some(writer.stream(slot)));
    let streams: Vec<Option<StreamId>> = streams.chain([None, Some(StreamId([9; 16]))]).collect();
    writer.erase_all(slots[7]).expect("sound");
    let read = || Keyring::open(&RealDisk, &path, false).expect("sound");
    let (reader, mut found) = (read(), vec![Some(Slot(3)); 5]);
    reader.slots_of_streams(&streams, &mut found);
    assert!(found.iter().eq(&streams.iter().map(|stream| writer.slot_of_stream((*stream)?)).collect::<Vec<_>>()));
    assert_eq!((found.len(), found[6], found[7]), (streams.len(), Some(slots[6]), None));
    for number in 0..slots.len() + 1 {
        assert_eq!(reader.slot_of(&account(number)), writer.slot_of(&account(number)), "{number}");
    }
    for change in [
        |writer: &mut Keyring| writer.claim_account("facebook/another").map(drop),
        |writer: &mut Keyring| writer.erase_content(Slot(5), 9),
        |writer: &mut Keyring| writer.erase_all(Slot(6)),
        |writer: &mut Keyring| writer.provision(),
    ] {
        let reader = read();
        assert!(reader.is_as_stored(&RealDisk).expect("sound"));
        change(&mut writer).expect("sound");
        assert!(!reader.is_as_stored(&RealDisk).expect("sound"));
    }
}

#[test]
fn slots_never_move_in_memory() {
    let mut slots = Slots::held(Vec::new(), 0);
    slots.push(&[0; SLOT_LEN]);
    let first: *const Bytes = slots.at(Slot(0));
    (1..3 * BLOCK).for_each(|n| slots.push(&[(n % 251) as u8; SLOT_LEN]));
    assert_eq!((slots.len, std::ptr::eq(first, slots.at(Slot(0)))), (3 * BLOCK, true));
    let last = (Slot(3 * BLOCK as u32 - 1), Slot(BLOCK as u32));
    assert_ne!(slots.at(last.0)[BODY], slots.at(last.1)[BODY]);
}

fn keyring() -> (tempfile::TempDir, Keyring) {
    let dir = tempfile::tempdir().expect("a folder");
    let keyring = Keyring::create(&RealDisk, &dir.path().join("keyring")).expect("made");
    (dir, keyring)
}

#[test]
fn seals_open_under_their_own_key_only() {
    let (_dir, mut keyring) = keyring();
    let slot = keyring.claim_account("facebook/s1").expect("a slot");
    let key = keyring.entry_key(slot, Part::Body, 7);
    let nonce = Nonce([5; 12]);
    let seal = |nonce| key.sealed(nonce, b"hello");
    let sealed = seal(nonce);
    assert_ne!(sealed, seal(Nonce::ZERO));
    assert_eq!(key.unseal(nonce, &seal(Nonce::ZERO)).as_deref(), Some(&b"hello"[..]), "an older one");
    assert_eq!(key.unseal(nonce, &sealed).as_deref(), Some(&b"hello"[..]));
    for other in [keyring.entry_key(slot, Part::Body, 8), keyring.entry_key(slot, Part::Content, 7), EntryKey::OPEN] {
        assert_eq!(other.unseal(nonce, &sealed), None);
    }
}

#[test]
fn what_is_derived_together_is_what_is_derived_alone() {
    let (_dir, mut keyring) = keyring();
    let names = (0..40).map(|n| format!("facebook/{}", "s".repeat(n))).collect::<Vec<_>>();
    let slots = names.iter().map(|name| keyring.claim_account(name).expect("a slot")).collect::<Vec<_>>();
    let owners = keyring.owners_of(names.iter().map(String::as_str));
    assert!(owners.into_iter().eq(names.iter().map(|name| keyring.owner(name))));
    let parts = [Part::Body, Part::Content].into_iter().cycle();
    let asked = slots.into_iter().zip(parts).zip(7..).map(|((slot, part), seq)| (slot, part, seq)).collect::<Vec<_>>();
    for (key, &(slot, part, seq)) in keyring.entry_keys(&asked).iter().zip(&asked) {
        assert_eq!(key.0, keyring.entry_key(slot, part, seq).0);
    }
}

#[test]
fn what_is_sealed_together_is_what_is_sealed_alone_and_leaves_no_key() {
    let (_dir, mut keyring) = keyring();
    let slot = keyring.claim_account("facebook/s1").expect("a slot");
    let keys = (0..40).map(|seq| keyring.entry_key(slot, Part::Body, seq)).collect::<Vec<_>>();
    let key = |seq: u64| &keys[seq as usize];
    let text = |seq: u64| vec![seq as u8; 10 * seq as usize];
    // Room for fewer than there are.
    let mut sealing = Sealing::with_room(2, 64);
    for seq in 0..40 {
        sealing.add(key(seq), (seq % 5 > 0).then_some(Nonce([seq as u8; 12])), |bytes| bytes.extend(text(seq)));
    }
    let (bytes, sealed) = sealing.finish();
    assert_eq!(sealed.len(), 40);
    for (seq, Sealed { place, commitment }) in (0..).zip(sealed) {
        assert_eq!(commitment, key(seq).commit(&text(seq)));
        let stored = &bytes[place.clone()];
        if seq % 5 == 0 {
            assert_eq!(stored, text(seq));
        } else {
            assert_eq!(stored, key(seq).sealed(Nonce([seq as u8; 12]), &text(seq)));
        }
        assert_eq!(bytes[place.start - keys::KEY..place.start], [0; keys::KEY]);
    }
}

#[test]
fn what_is_erased_is_gone_from_the_file_and_the_rest_stays() {
    let (dir, mut keyring) = keyring();
    let path = dir.path().join("keyring");
    let (one, two) =
        (keyring.claim_account("facebook/s1").expect("a slot"), keyring.claim_account("facebook/s2").expect("a slot"));
    let secrets = [&keyring.slots.at(one)[BODY], &keyring.slots.at(one)[CONTENT]].map(<[u8]>::to_vec);
    let (stream, kept) = (keyring.stream(one), keyring.stream(two));
    keyring.erase_all(one).expect("erased");
    let bytes = std::fs::read(&path).expect("readable");
    for secret in [&secrets[0][..], &secrets[1][..], &stream.0[..]] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    let mut again = Keyring::open(&RealDisk, &path, true).expect("opens");
    assert_eq!(again.slot_of("facebook/s1"), None);
    assert_eq!(again.slot_of("facebook/s2").map(|slot| again.stream(slot)), Some(kept));
    let back = again.claim_account("facebook/s1").expect("a slot");
    assert_ne!(again.stream(back), stream);
    assert_ne!(back, one);
}

#[test]
fn what_is_only_looked_into_says_the_same_and_says_when_it_cannot_be_read() {
    let (dir, mut keyring) = keyring();
    let path = dir.path().join("keyring");
    let names: Vec<String> = (0..2 * BLOCK + 3).map(|number| format!("facebook/{number}")).collect();
    let slots: Vec<Slot> = names.iter().map(|name| keyring.claim_account(name).expect("a slot")).collect();
    keyring.erase_all(slots[7]).expect("erased");
    keyring.erase_content(slots[BLOCK], 9).expect("erased");
    let looked = Keyring::open_to_look(&RealDisk, &path).expect("opens");
    assert_eq!(looked.standing(), keyring.standing());
    for (name, &slot) in names.iter().zip(&slots).step_by(5).chain([(&names[7], &slots[7])]) {
        looked.fetch_account(name).expect("read");
        assert_eq!(looked.slot_of(name), keyring.slot_of(name), "{name}");
        looked.fetch(keyring.stream(slot)).expect("read");
        assert_eq!(looked.slot_of_stream(keyring.stream(slot)), keyring.slot_of_stream(keyring.stream(slot)));
        assert_eq!(looked.slots.at(slot), keyring.slots.at(slot));
    }
    looked.fetch_account("facebook/nobody").expect("nothing to read");
    assert_eq!(looked.slot_of("facebook/nobody"), None);
    let later = Keyring::open_to_look(&RealDisk, &path).expect("opens");
    std::fs::write(&path, &std::fs::read(&path).expect("readable")[..HEADER_LEN as usize]).expect("cut");
    assert!(matches!(later.fetch_account(&names[0]), Err(KeyringError::Io(..))));
}

#[test]
fn a_changed_byte_is_noticed_or_made_good() {
    let (dir, mut keyring) = keyring();
    let (one, two) =
        (keyring.claim_account("facebook/s1").expect("a slot"), keyring.claim_account("facebook/s2").expect("a slot"));
    let path = dir.path().join("keyring");
    let first = HEADER_LEN as usize;
    let good = std::fs::read(&path).expect("readable")[..first + 4 * SLOT_LEN].to_vec();
    let second = first + SLOT_LEN;
    for at in (0..84).chain(second..second + SLOT_LEN).filter(|at| !(second + 80..second + 96).contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).expect("written");
        assert!(matches!(Keyring::open(&RealDisk, &path, false), Err(KeyringError::Corrupt(..))), "byte {at}");
    }
    // The redo record holds the slot that was written last, and the journal tells every owner.
    for at in (first..first + SLOT_LEN).chain(second + 80..second + 96) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).expect("written");
        let mut again = Keyring::open(&RealDisk, &path, true).expect("opens");
        for (slot, account) in [(one, "facebook/s1"), (two, "facebook/s2")] {
            again.restore_owner(keyring.stream(slot), account).expect("written");
            assert_eq!(again.slot_of(account), Some(slot), "byte {at}");
            assert_eq!(again.slots.at(slot), keyring.slots.at(slot), "byte {at}");
        }
    }
}

#[test]
fn zeros_between_slots_are_damage_and_an_unfinished_block_is_none() {
    let (dir, mut keyring) = keyring();
    for n in 0..=BLOCK {
        keyring.claim_account(&format!("facebook/{n}")).expect("a slot");
    }
    let path = dir.path().join("keyring");
    let good = std::fs::read(&path).expect("readable");
    let slot = |number: usize| HEADER_LEN as usize + number * SLOT_LEN;
    let opened = |zeros: Range<usize>, redo: bool| {
        let mut bytes = good.clone();
        bytes[slot(zeros.start)..slot(zeros.end)].fill(0);
        if !redo {
            bytes[REDO..REDO + REDO_LEN].fill(0);
        }
        std::fs::write(&path, &bytes).expect("written");
        Keyring::open(&RealDisk, &path, false).map(|keyring| keyring.slots.len)
    };
    for start in [0, 1, 7, BLOCK - 1, BLOCK + 1, 2 * BLOCK - 2] {
        let damaged = opened(start..start + 1, false);
        assert!(matches!(damaged, Err(KeyringError::Corrupt(..))), "slot {start}: {damaged:?}");
    }
    assert!(matches!(opened(0..BLOCK, false), Err(KeyringError::Corrupt(..))));
    // The first slot of a block comes last: from the redo record, or the block is not there.
    assert_eq!(opened(BLOCK..BLOCK + 1, true).expect("opens"), 2 * BLOCK);
    assert_eq!(opened(BLOCK..BLOCK + 1, false).expect("opens"), BLOCK);
    assert_eq!(opened(BLOCK..BLOCK + 9, false).expect("opens"), BLOCK);
    assert_eq!(opened(BLOCK + 5..2 * BLOCK, false).expect("opens"), BLOCK + 5);
}

#[test]
fn an_erasure_that_was_torn_at_any_byte_is_made_whole() {
    let first = HEADER_LEN as usize;
    for all in [false, true] {
        let (dir, mut keyring) = keyring();
        keyring.claim_account("facebook/s1").expect("a slot");
        let slot = keyring.claim_account("facebook/s2").expect("a slot");
        let path = dir.path().join("keyring");
        // Few slots will do, and are read faster.
        let read = || std::fs::read(&path).expect("readable")[..first + 4 * SLOT_LEN].to_vec();
        let before = read();
        if all { keyring.erase_all(slot) } else { keyring.erase_content(slot, 7) }.expect("erased");
        let after = read();
        let start = offset(slot) as usize;
        for cut in 0..=SLOT_LEN {
            let (old, new) = (&before[start..start + SLOT_LEN], &after[start..start + SLOT_LEN]);
            for torn in [[&new[..cut], &old[cut..]].concat(), [&old[..cut], &new[cut..]].concat()] {
                let mut bytes = after.clone();
                bytes[start..start + SLOT_LEN].copy_from_slice(&torn);
                std::fs::write(&path, &bytes).expect("written");
                let again = Keyring::open(&RealDisk, &path, true).expect("opens");
                let held = *again.slots.at(slot);
                // One that shows nothing of the erasure is whole as it was: it is erased again by whoever opens.
                assert!(held == new || held == old && torn == old, "cut at {cut}");
            }
        }
        // Torn before the slot was reached: the record itself.
        for cut in REDO..REDO + REDO_LEN {
            let torn = [&after[..cut], &before[cut..]].concat();
            std::fs::write(&path, &torn).expect("written");
            Keyring::open(&RealDisk, &path, true).expect("opens");
        }
    }
}
