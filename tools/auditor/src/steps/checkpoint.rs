//! Step 1: the checkpoint is signed under the ledger's key, names its origin, and carries every cosignature asked for.

use crate::audit::expect_signer;
use crate::base::from_base64;
use crate::hash::Hash;
use crate::note::{Note, Signer, VerifierKey};

/// What the ledger signed.
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

pub fn check(note: &str, key: &VerifierKey, witnesses: &[VerifierKey]) -> Result<Checkpoint, String> {
    expect_signer(key, Signer::Log)?;
    let note = Note::parse(note)?;
    note.verify(key)?;
    for witness in witnesses {
        expect_signer(witness, Signer::Witness)?;
        note.verify(witness)?;
    }
    let lines: Vec<_> = note.text.strip_suffix('\n').unwrap_or_default().split('\n').collect();
    // What follows the third line is signed, and says nothing here.
    let ([origin, size, root, ..], false) = (lines.as_slice(), lines.contains(&"")) else {
        return Err("the checkpoint has not three lines, none empty: origin, size, root".to_owned());
    };
    if *origin != key.name {
        return Err(format!("the checkpoint is of `{origin}`, the key of `{}`", key.name));
    }
    let number: u64 = size.parse().map_err(|_| format!("the size of the checkpoint, `{size}`, is no number"))?;
    if number.to_string() != **size {
        return Err(format!("the size of the checkpoint, `{size}`, is not written in its one form"));
    }
    let root = from_base64(root).and_then(|root| root.try_into().ok());
    let root = root.ok_or("the root of the checkpoint is not base64 of 32 bytes")?;
    Ok(Checkpoint { origin: (*origin).to_owned(), size: number, root })
}
