//! Evidence out of a ledger: gathers what a decision rests on, makes the bundle, and checks it as a stranger would before
//! it hands it out.

use crate::bundle::{self, BuildError, Bundle, Failure, Sources, Trust};
use crate::checkpoint::{Checkpoint, NoteError};
use crate::codec::EntryHash;
use crate::ledger::{Exhibits, Ledger, LedgerError};
use crate::proof::{Inclusion, ProofError};
use crate::statement::StatementError;

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum EvidenceError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(
        "the decision is entry {seq}, and the checkpoint covers {size} entries: `inforce checkpoint` makes a newer one"
    )]
    NotCovered { seq: u64, size: u64 },
    #[error(
        "entry {seq}: expected one below {size}, the size of the checkpoint; `inforce checkpoint` makes a newer one"
    )]
    Uncovered { seq: u64, size: u64 },
    #[error("the tree's files are not those of the journal: {0}; `inforce verify` says more")]
    Proof(ProofError),
    #[error(
        "entry {entry} was erased by an entry that the checkpoint over {size} entries does not cover: take a newer one"
    )]
    ErasedBehind { entry: u64, size: u64 },
    #[error("the given checkpoint: {0}")]
    Checkpoint(NoteError),
    #[error("entry {0} is no decision")]
    NoDecision(u64),
    #[error("entry {0}: the evidence that would be shown does not carry the verdict; please report this")]
    Different(u64),
    #[error("the ledger is not what was recorded: {0}")]
    Damaged(Failure),
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl EvidenceError {
    /// True if what is there is not what was recorded.
    pub fn is_damage(&self) -> bool {
        match self {
            EvidenceError::Ledger(error) => error.is_damage(),
            EvidenceError::Damaged(_) | EvidenceError::Proof(_) => true,
            _ => false,
        }
    }
}

/// The bundle of the decision at `seq`, proved against `at`, or against the ledger's own checkpoint: the newest one that
/// witnesses cosigned and that covers the decision, else the last.
pub fn bundle(ledger: &Ledger, seq: u64, with_content: bool, at: Option<&str>) -> Result<Bundle, EvidenceError> {
    Ok(made(ledger, seq, with_content, at)?.0)
}

/// The same, proved against `at`, with everything that it was made of, and what `at` says. Nothing is missing there that the bundle
/// says is complete.
pub fn bundle_and_exhibits(
    ledger: &Ledger,
    seq: u64,
    at: &str,
) -> Result<(Bundle, Exhibits, Checkpoint), EvidenceError> {
    made(ledger, seq, true, Some(at))
}

fn made(
    ledger: &Ledger,
    seq: u64,
    with_content: bool,
    at: Option<&str>,
) -> Result<(Bundle, Exhibits, Checkpoint), EvidenceError> {
    let (mut note, mut checkpoint) = at.map_or_else(|| newest(ledger, seq), |note| opened(ledger, note.to_owned()))?;
    let mut exhibits = gather(ledger, seq, &checkpoint)?;
    if at.is_none() && bundle::erased_behind(&exhibits).is_some() {
        (note, checkpoint) = opened(ledger, ledger.last_note()?)?;
        exhibits = gather(ledger, seq, &checkpoint)?;
    }
    let size = checkpoint.size;
    if let Some(entry) = bundle::erased_behind(&exhibits) {
        return Err(EvidenceError::ErasedBehind { entry, size: size.0 });
    }
    let made = ledger.sign(|key| {
        let sources = Sources { exhibits: &exhibits, decision: seq, checkpoint: &note, key, with_content };
        bundle::build(&sources, |seq| ledger.inclusion_proof(seq, size))
    });
    let made = made.map_err(|error| match error {
        BuildError::Proof(error) => EvidenceError::Ledger(error),
        BuildError::Checkpoint(error) => EvidenceError::Checkpoint(error),
        BuildError::NoDecision(seq) => EvidenceError::NoDecision(seq),
        BuildError::Different(seq) => EvidenceError::Different(seq),
    })?;
    let trust = Trust { key: &ledger.verifier_key(), witnesses: &[], checkpoint: None };
    bundle::check(&made, &trust, &mut Vec::new()).map_err(EvidenceError::Damaged)?;
    Ok((made, exhibits, checkpoint))
}

/// A bundle of this ledger's as an in-toto Statement in a DSSE envelope.
pub fn envelope(ledger: &Ledger, bundle: &Bundle) -> Result<String, EvidenceError> {
    Ok(ledger.sign(|key| bundle.envelope(key, ledger.origin()))?)
}

/// One entry's hash, and the proof that it is in the ledger, against `at`, or the same checkpoint as a bundle's.
pub fn inclusion(ledger: &Ledger, seq: u64, at: Option<&str>) -> Result<(EntryHash, Inclusion), EvidenceError> {
    let (checkpoint, opened) = at.map_or_else(|| newest(ledger, seq), |note| self::opened(ledger, note.to_owned()))?;
    let entry = ledger.entry(seq)?.filter(|_| seq < opened.size.0);
    let entry = entry.ok_or(EvidenceError::Uncovered { seq, size: opened.size.0 })?;
    let proof = Inclusion { extra: None, index: seq, path: ledger.inclusion_proof(seq, opened.size)?, checkpoint };
    // The path comes out of the tree's files, which only follow the journal.
    proof.verify(&entry.hash, &ledger.verifier_key(), &[]).map_err(EvidenceError::Proof)?;
    Ok((entry.hash, proof))
}

fn gather(ledger: &Ledger, seq: u64, checkpoint: &Checkpoint) -> Result<Exhibits, EvidenceError> {
    let size = checkpoint.size;
    if seq >= size.0 {
        return Err(EvidenceError::NotCovered { seq, size: size.0 });
    }
    Ok(ledger.gather(seq, size)?)
}

/// The checkpoint to prove against: one that others cosigned is worth more than a newer one that nobody did.
fn newest(ledger: &Ledger, seq: u64) -> Result<(String, Checkpoint), EvidenceError> {
    if let Some(note) = ledger.witnessed_checkpoint()? {
        let witnessed = opened(ledger, note)?;
        if seq < witnessed.1.size.0 {
            return Ok(witnessed);
        }
    }
    opened(ledger, ledger.last_note()?)
}

/// A note of this ledger's, and what it says.
fn opened(ledger: &Ledger, note: String) -> Result<(String, Checkpoint), EvidenceError> {
    let checkpoint = Checkpoint::open(&note, &ledger.verifier_key()).map_err(EvidenceError::Checkpoint)?;
    Ok((note, checkpoint))
}
