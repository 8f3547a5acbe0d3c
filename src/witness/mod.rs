//! What a witness answers to a log (C2SP tlog-witness, `add-checkpoint`): the request, the checks, the refusals.
//!
//! A witness keeps one head a log, the largest that it cosigned, and cosigns a checkpoint only if that head is shown to
//! be a prefix of it. [`check`] is the whole decision, and pure. Whoever calls it keeps the head, one request at a time
//! a log, and has the new one on disk before it lets a cosignature out.

mod request;

pub use request::{AddCheckpoint, MAX_REQUEST};

use crate::checkpoint::{Checkpoint, Note, NoteError, VerifierKey};
use crate::merkle::{TreeHead, TreeSize, empty_root, verify_consistency};

/// Media type of the body of a 409: the size that the witness has.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// Why a witness does not cosign. Each has its status of HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not of the form.
    #[error("malformed request: expected {0}")]
    Malformed(&'static str),
    /// The checkpoint is no note, or not of the form.
    #[error("the checkpoint: {0}")]
    BadNote(NoteError),
    /// Larger old size than the checkpoint's.
    #[error("old size {0}: expected at most that of the checkpoint, {1}")]
    OldIsLarger(u64, u64),
    /// A log that the witness was not told of.
    #[error("the log `{0}` is not known here")]
    UnknownLog(String),
    /// No signature of the log, or one that does not hold.
    #[error("the checkpoint: {0}")]
    Unsigned(NoteError),
    /// The witness has another size; the log proves from that one.
    #[error("the last cosigned size is {}", .0.0)]
    Conflict(TreeSize),
    /// Not a continuation of what was cosigned.
    #[error("{0}")]
    Inconsistent(String),
}

impl Refusal {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Malformed(_) | Refusal::BadNote(_) | Refusal::OldIsLarger(..) => 400,
            Refusal::Unsigned(_) => 403,
            Refusal::UnknownLog(_) => 404,
            Refusal::Conflict(_) => 409,
            Refusal::Inconsistent(_) => 422,
        }
    }
}

/// The origin that a request is about, so that its keys and its head can be looked up. Nothing of it was verified.
pub fn origin(request: &AddCheckpoint) -> Result<(Note, String), Refusal> {
    let note = Note::parse(&request.checkpoint).map_err(Refusal::BadNote)?;
    let origin = Checkpoint::unverified(&note).map_err(Refusal::BadNote)?.origin;
    Ok((note, origin))
}

/// Checks a request against the log's keys and the head that was cosigned last; returns the head to be cosigned.
///
/// The order is that of the specification: signature, sizes, conflict, then proof.
pub fn check(
    request: &AddCheckpoint,
    note: &Note,
    keys: &[VerifierKey],
    last: Option<TreeHead>,
) -> Result<TreeHead, Refusal> {
    let head = signed(note, keys)?;
    let last = last.unwrap_or(TreeHead { size: TreeSize(0), root: empty_root() });
    if request.old > head.size {
        return Err(Refusal::OldIsLarger(request.old.0, head.size.0));
    }
    if request.old != last.size {
        return Err(Refusal::Conflict(last.size));
    }
    if head.size.0 == 0 && head.root != empty_root() {
        return Err(Refusal::Inconsistent("the root of a tree without leaves is the hash of nothing".to_owned()));
    }
    if verify_consistency(last.size, last.root, head.size, head.root, &request.proof) {
        return Ok(head);
    }
    Err(Refusal::Inconsistent(match last.size.0 {
        0 => "from the empty tree no proof is needed: expected none".to_owned(),
        size if size == head.size.0 => {
            format!("another tree of {size} leaves was cosigned, or a proof was sent for none")
        }
        size => {
            format!("the proof does not show that the {size} leaves cosigned last are the first of {}", head.size.0)
        }
    }))
}

/// The head that a trusted key signed. A bad signature of any of them refuses the note.
fn signed(note: &Note, keys: &[VerifierKey]) -> Result<TreeHead, Refusal> {
    let mut signed = Err(Refusal::Unsigned(NoteError::NoSignature("the log".to_owned())));
    for key in keys {
        match Checkpoint::of(note, key) {
            Ok(checkpoint) => signed = Ok(checkpoint.head()),
            Err(NoteError::NoSignature(_)) => {}
            Err(error) => return Err(Refusal::Unsigned(error)),
        }
    }
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::hash_from_base64;
    use crate::codec::EntryHash;
    use crate::merkle::{NodeHash, consistency, leaf, range_root};
    use ed25519_dalek::{SigningKey, VerifyingKey};

    fn keys() -> Vec<VerifierKey> {
        vec![VerifierKey::new("inforce/test", SigningKey::from_bytes(&[7; 32]).verifying_key())]
    }

    fn leaves() -> Vec<NodeHash> {
        (0..20).map(|number| leaf(&EntryHash([number; 32]))).collect()
    }

    fn head(size: u64) -> TreeHead {
        TreeHead { size: TreeSize(size), root: range_root(leaves().as_slice(), 0, size) }
    }

    fn request(old: u64, head: TreeHead, proof: Vec<NodeHash>) -> AddCheckpoint {
        let checkpoint = Checkpoint { origin: "inforce/test".into(), size: head.size, root: head.root };
        AddCheckpoint { old: TreeSize(old), proof, checkpoint: checkpoint.sign(&SigningKey::from_bytes(&[7; 32])) }
    }

    fn proof(old: u64, new: u64) -> Vec<NodeHash> {
        consistency(leaves().as_slice(), TreeSize(old), TreeSize(new))
    }

    fn answer(request: &AddCheckpoint, last: Option<TreeHead>) -> Result<TreeHead, u16> {
        let again = AddCheckpoint::parse(&request.to_string()).map_err(|refusal| refusal.status())?;
        assert_eq!(again, *request);
        let (note, _) = origin(request).map_err(|refusal| refusal.status())?;
        check(request, &note, &keys(), last).map_err(|refusal| refusal.status())
    }

    #[test]
    fn every_step_between_sizes_is_cosigned() {
        for old in 0..=20 {
            for new in old..=20 {
                let last = (old > 0).then(|| head(old));
                assert_eq!(answer(&request(old, head(new), proof(old, new)), last), Ok(head(new)), "{old} to {new}");
            }
        }
    }

    #[test]
    fn each_refusal_has_its_status() {
        let fork = TreeHead { size: TreeSize(9), root: NodeHash([9; 32]) };
        let row = |what: &str, request: AddCheckpoint, last: Option<TreeHead>, status: u16| {
            assert_eq!(answer(&request, last), Err(status), "{what}");
        };
        row("old above new", request(12, head(9), vec![]), Some(head(12)), 400);
        row("an older size than known", request(5, head(9), proof(5, 9)), Some(head(7)), 409);
        row("a newer size than known", request(7, head(9), proof(7, 9)), Some(head(5)), 409);
        row("a size, though none is known", request(5, head(9), proof(5, 9)), None, 409);
        row("nought, though one is known", request(0, head(9), vec![]), Some(head(5)), 409);
        row("a wrong empty root", request(0, TreeHead { size: TreeSize(0), ..fork }, vec![]), None, 422);
        row("a proof from nothing", request(0, head(9), proof(5, 9)), None, 422);
        row("no proof", request(5, head(9), vec![]), Some(head(5)), 422);
        row("a proof of another step", request(5, head(9), proof(6, 9)), Some(head(5)), 422);
        row("a fork", request(5, fork, proof(5, 9)), Some(head(5)), 422);
        row("a fork of the same size", request(9, fork, vec![]), Some(head(9)), 422);
        row("a proof for no step", request(9, head(9), proof(5, 9)), Some(head(9)), 422);
        let mut stranger = request(5, head(9), proof(5, 9));
        stranger.checkpoint = stranger.checkpoint.replace("\u{2014} inforce", "\u{2014} another");
        row("unsigned", stranger, Some(head(5)), 403);
        let mut bad = request(5, head(9), proof(5, 9));
        bad.checkpoint = bad.checkpoint.replace("\n9\n", "\n10\n");
        row("a bad signature", bad, Some(head(5)), 403);
        // Signature before sizes: a stranger does not learn where the witness stands.
        let mut bad = request(4, head(9), proof(4, 9));
        bad.checkpoint = bad.checkpoint.replace("\n9\n", "\n10\n");
        row("a bad signature of a wrong size", bad, Some(head(5)), 403);
        let mut torn = request(5, head(9), proof(5, 9));
        torn.checkpoint.pop();
        row("no note", torn, Some(head(5)), 400);
    }

    #[test]
    fn one_of_two_keys_is_enough_and_a_bad_one_too_many() {
        let request = request(0, head(9), vec![]);
        let (note, name) = origin(&request).expect("a checkpoint");
        assert_eq!(name, "inforce/test");
        let other = VerifierKey::new("inforce/test", SigningKey::from_bytes(&[8; 32]).verifying_key());
        assert_eq!(check(&request, &note, &[other.clone(), keys().remove(0)], None), Ok(head(9)));
        assert_eq!(
            check(&request, &note, std::slice::from_ref(&other), None).map_err(|refusal| refusal.status()),
            Err(403)
        );
        let mut line = note.signatures()[0].clone();
        line.id = other.id();
        let mut forged = note.clone();
        forged.add(line);
        let refused = check(&request, &forged, &[keys().remove(0), other], None);
        assert_eq!(refused.map_err(|refusal| refusal.status()), Err(403));
    }

    /// Requests that the Go implementation of a witness is tested with: another program made and signed them.
    #[test]
    fn requests_of_another_implementation() {
        const ORIGIN: &str = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
        const KEY: [u8; 32] = [
            0xff, 0xdc, 0x2d, 0x4d, 0x98, 0xe4, 0x12, 0x4d, 0x3f, 0xea, 0xf7, 0x88, 0xc0, 0xc2, 0xf9, 0xab, 0xfd, 0x79,
            0x60, 0x83, 0xd1, 0xf0, 0x49, 0x54, 0x37, 0xf3, 0x02, 0xec, 0x79, 0xcf, 0x10, 0x0f,
        ];
        let keys = [VerifierKey::new(ORIGIN, VerifyingKey::from_bytes(&KEY).expect("a point"))];
        let one = (
            "old 0\n",
            "1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
        );
        let three = (
            "old 1\nKgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nKgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
            "3\nRcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=",
            "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
        );
        let five = (
            "old 1\nKgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=\nKgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
            "5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=",
            "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
        );
        let ask = |(start, body, signature): (&str, &str, &str), last| {
            let text = format!("{start}\n{ORIGIN}\n{body}\n\n\u{2014} {ORIGIN} {signature}\n");
            let request = AddCheckpoint::parse(&text).expect("a request");
            let (note, _) = origin(&request).expect("a checkpoint");
            check(&request, &note, &keys, last)
        };
        let first = ask(one, None).expect("the first");
        assert_eq!(first.size, TreeSize(1));
        assert_eq!(ask(three, Some(first)).map(|head| head.size), Ok(TreeSize(3)));
        let fifth = ask(five, Some(first)).expect("consistent");
        assert_eq!(Some(fifth.root), hash_from_base64("QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY="));
        // The race that the specification tells of: whoever comes second is told the size, and cosigns nothing.
        assert_eq!(ask(three, Some(fifth)), Err(Refusal::Conflict(TreeSize(5))));
    }
}
