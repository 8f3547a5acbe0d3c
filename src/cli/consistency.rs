//! `inforce consistency`: proves or refutes that one state of a log is the beginning of another.

use super::exit::print_line;
use super::{AsOf, CliError, Exit};
use crate::checkpoint::{Checkpoint, VerifierKey, decimal};
use crate::ledger::Ledger;
use crate::merkle::{NodeHash, TreeHead, TreeSize};
use crate::proof::{Consistency as Proof, ProofError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `inforce consistency`.
#[derive(clap::Args)]
pub struct Consistency {
    /// The ledger's folder; not needed with `--proof` and `--key`.
    #[arg(long, env = "INFORCE_LEDGER", value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Where to write the proof, if there is one.
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    write: Option<PathBuf>,
    /// Check this proof between two checkpoint files, and ask no ledger.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "as_of")]
    proof: Option<PathBuf>,
    /// The log's public key; the ledger's own if left out.
    #[arg(long, value_name = "VKEY", value_parser = VerifierKey::parse)]
    key: Option<VerifierKey>,
    /// The earlier state: a checkpoint's file, or a number of entries.
    #[arg(value_name = "OLD")]
    old: String,
    /// The later state; the ledger as it stands, or as of a moment, if left out.
    #[arg(value_name = "NEW", conflicts_with = "as_of")]
    new: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

/// What was found: the two states, and the proof or what refutes it.
struct Finding {
    old: TreeHead,
    new: TreeHead,
    proof: Result<Proof, String>,
}

pub fn run(args: Consistency) -> Result<Exit, CliError> {
    let finding = match (&args.proof, &args.key) {
        (Some(proof), Some(key)) => check(&args, proof, key)?,
        _ => prove(&args)?,
    };
    if let (Some(path), Ok(proof)) = (&args.write, &finding.proof) {
        let name = path.display().to_string();
        std::fs::write(path, proof.to_string()).map_err(|error| CliError::File(name, error))?;
    }
    let Finding { old, new, proof } = finding;
    let mut out = std::io::stdout().lock();
    if args.json {
        let head = |head: TreeHead| json!({ "size": head.size.0, "root": head.root.to_string() });
        let hashes = proof.as_ref().ok().map(|proof| proof.hashes.iter().map(NodeHash::to_string).collect::<Vec<_>>());
        let what = proof.as_ref().err();
        print_line(
            &mut out,
            json!({ "consistent": proof.is_ok(), "old": head(old), "new": head(new), "proof": hashes, "what": what }),
        )?;
    } else {
        match &proof {
            Ok(_) => print_line(
                &mut out,
                format!("consistent: the first {} of {} entries are the same", old.size.0, new.size.0),
            )?,
            Err(what) => print_line(&mut out, format!("not consistent: {what}"))?,
        }
    }
    Ok(if proof.is_ok() { Exit::Done } else { Exit::Broken })
}

/// Checks a proof that was written before, without a ledger.
fn check(args: &Consistency, path: &Path, key: &VerifierKey) -> Result<Finding, CliError> {
    let new =
        args.new.as_ref().ok_or_else(|| CliError::Usage("with `--proof`: expected two checkpoint files".into()))?;
    let (old, new) = (checkpoint(Path::new(&args.old), key)?, checkpoint(Path::new(new), key)?);
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| CliError::File(name.clone(), error))?;
    let proof = Proof::parse(&text).map_err(|error| CliError::Failed(format!("`{name}`: {error}")))?;
    let (old, new) = (old.head(), new.head());
    // What is checked is what was signed, whatever heads the file names.
    let verified = match (proof.old == old, proof.new == new) {
        (true, true) => proof.verify().map_err(|error: ProofError| error.to_string()),
        (false, _) => Err("the proof begins at another tree than that of the old checkpoint".to_owned()),
        (_, false) => Err("the proof ends at another tree than that of the new checkpoint".to_owned()),
    };
    Ok(Finding { old, new, proof: verified.map(|()| proof) })
}

/// A state as it was named: by size only, or as it was signed.
fn state(text: &str, key: &VerifierKey) -> Result<(TreeSize, Option<NodeHash>), CliError> {
    if let Some(size) = decimal(text) {
        return Ok((TreeSize(size), None));
    }
    let checkpoint = checkpoint(Path::new(text), key)?;
    Ok((checkpoint.size, Some(checkpoint.root)))
}

/// A checkpoint that the log signed.
pub(super) fn checkpoint(path: &Path, key: &VerifierKey) -> Result<Checkpoint, CliError> {
    let name = path.display().to_string();
    let note = std::fs::read_to_string(path).map_err(|error| CliError::File(name.clone(), error))?;
    let checkpoint = Checkpoint::open(&note, key).map_err(|error| CliError::Failed(format!("`{name}`: {error}")))?;
    if checkpoint.origin != key.name {
        return Err(CliError::Failed(format!("`{name}` is of `{}`: expected `{}`", checkpoint.origin, key.name)));
    }
    Ok(checkpoint)
}

/// Holds both states to the journal.
fn prove(args: &Consistency) -> Result<Finding, CliError> {
    let dir = args.ledger.as_ref().ok_or_else(|| CliError::Usage("expected `--ledger DIR`".to_owned()))?;
    let ledger = Ledger::open_read_only(dir)?;
    let key = args.key.clone().unwrap_or_else(|| ledger.verifier_key());
    let (old_size, old_root) = state(&args.old, &key)?;
    let (new_size, new_root) = match (&args.new, args.as_of.moment(&ledger)?) {
        (Some(text), _) => state(text, &key)?,
        (None, Some(moment)) => (moment.size, moment.root),
        (None, None) => (TreeSize(ledger.size()?), None),
    };
    let (roots, held) = ledger.roots_in_journal(&[old_size, new_size])?;
    let signed_or_held =
        |signed: Option<NodeHash>, root: Option<NodeHash>| signed.or(root).unwrap_or(NodeHash([0; 32]));
    let old = TreeHead { size: old_size, root: signed_or_held(old_root, roots[0]) };
    let new = TreeHead { size: new_size, root: signed_or_held(new_root, roots[1]) };
    let refuted = |what: String| Ok(Finding { old, new, proof: Err(what) });
    if old_size > new_size {
        return refuted(format!("rolled back: {} entries, and {} later", old_size.0, new_size.0));
    }
    for (head, root) in [(old, roots[0]), (new, roots[1])] {
        match root {
            None => return refuted(format!("rolled back: {} entries, and the ledger holds {}", head.size.0, held.0)),
            Some(root) if root != head.root => {
                return refuted(format!("forked: the ledger's first {} entries are others", head.size.0));
            }
            Some(_) => {}
        }
    }
    let proof = Proof { old, new, hashes: ledger.consistency_proof(old_size, new_size)? };
    // The hashes come out of the tree's files, which only follow the journal.
    let stale =
        |_| CliError::Failed("the tree's files are not those of the journal: `inforce verify` says more".to_owned());
    proof.verify().map_err(stale)?;
    Ok(Finding { old, new, proof: Ok(proof) })
}
