//! `inforce proof`: one entry's inclusion as a file that anybody can check (C2SP tlog-proof).

use super::as_of::AsOf;
use super::exit::print_line;
use super::{CliError, Exit};
use crate::checkpoint::{Cosignature, Cosigned, VerifierKey};
use crate::codec::EntryHash;
use crate::evidence;
use crate::ledger::Ledger;
use crate::proof::Inclusion;
use crate::quorum::Quorum;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `inforce proof`.
#[derive(clap::Args)]
pub struct Proof {
    /// The ledger's folder; not needed with `--check`.
    #[arg(long, env = "INFORCE_LEDGER", value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Where to write the proof; stdout if left out.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
    /// Check this proof, and ask no ledger.
    #[arg(long, value_name = "FILE", requires = "entry")]
    check: Option<PathBuf>,
    /// The hash of the entry that it is to be of.
    #[arg(long, value_name = "HEX", value_parser = entry_hash)]
    entry: Option<EntryHash>,
    /// The log's public key.
    #[arg(long, value_name = "VKEY", value_parser = VerifierKey::parse, conflicts_with = "policy")]
    key: Option<VerifierKey>,
    /// Logs, witnesses, and whose cosignatures are enough, in the format of C2SP's tlog-policy.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    /// The entry to prove.
    #[arg(value_name = "SEQ", required_unless_present = "check", conflicts_with = "check")]
    seq: Option<u64>,
}

fn entry_hash(text: &str) -> Result<EntryHash, String> {
    let byte = |at: usize| text.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = bytes.filter(|_| hex).and_then(|bytes| bytes.try_into().ok());
    bytes.map(EntryHash).ok_or_else(|| "expected 64 hex digits".to_owned())
}

pub fn run(args: Proof) -> Result<Exit, CliError> {
    if args.check.is_some() && args.as_of.is_given() {
        return Err(CliError::Usage("--as-of: expected with a ledger, not with --check".to_owned()));
    }
    match (&args.check, args.seq) {
        (Some(path), _) => check(&args, path),
        (None, Some(seq)) => prove(&args, seq),
        (None, None) => Err(CliError::Usage("expected an entry's seq".to_owned())),
    }
}

fn prove(args: &Proof, seq: u64) -> Result<Exit, CliError> {
    let dir = args.ledger.as_ref().ok_or_else(|| CliError::Usage("expected `--ledger DIR`".to_owned()))?;
    let ledger = Ledger::open_indexed(dir)?;
    let at = args.as_of.note(&ledger)?;
    let (entry, proof) = evidence::inclusion(&ledger, seq, at.as_deref())?;
    if let Some(path) = &args.write {
        let name = path.display().to_string();
        std::fs::write(path, proof.to_string()).map_err(|error| CliError::File(name, error))?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        print_line(&mut out, json!({ "seq": seq, "entry": entry.to_string(), "proof": proof.to_string() }))?;
    } else if args.write.is_some() {
        print_line(&mut out, format!("entry {seq}: {entry}"))?;
    } else {
        print_line(&mut out, proof.to_string().trim_end())?;
    }
    Ok(Exit::Done)
}

fn check(args: &Proof, path: &Path) -> Result<Exit, CliError> {
    let (name, entry) = (path.display().to_string(), args.entry.expect("clap requires it"));
    let text = std::fs::read_to_string(path).map_err(|error| CliError::File(name.clone(), error))?;
    let quorum = match (&args.key, &args.policy) {
        (Some(key), _) => Quorum::of(key.clone(), Vec::new(), 0),
        (None, Some(policy)) => read_policy(policy)?,
        (None, None) => return Err(CliError::Usage("expected `--key VKEY` or `--policy FILE`".to_owned())),
    };
    let checked = Inclusion::parse(&text).and_then(|proof| {
        let cosigned = quorum.open(&proof.checkpoint)?;
        proof.leads_to(&entry, &cosigned.checkpoint)?;
        Ok((proof.index, cosigned))
    });
    let what = match &checked {
        Ok((_, cosigned)) if !quorum.is_met(cosigned) => Some("the cosignatures are not enough".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    let found = checked.ok();
    let mut out = std::io::stdout().lock();
    if args.json {
        print_line(&mut out, to_json(found.as_ref(), what.as_deref()))?;
    } else {
        match (&what, &found) {
            (None, Some((index, cosigned))) => {
                let (head, count) = (&cosigned.checkpoint, cosigned.cosignatures.len());
                let words = format!("it is entry {index} of {} in `{}`, cosigned by {count}", head.size.0, head.origin);
                print_line(&mut out, words)?;
            }
            (what, _) => print_line(&mut out, format!("not proved: {}", what.as_deref().unwrap_or_default()))?,
        }
    }
    Ok(if what.is_none() { Exit::Done } else { Exit::Broken })
}

fn to_json(found: Option<&(u64, Cosigned)>, what: Option<&str>) -> serde_json::Value {
    let Some((index, cosigned)) = found else { return json!({ "ok": false, "what": what }) };
    let by =
        |cosignature: &Cosignature| json!({ "name": cosignature.witness.name, "timestamp": cosignature.timestamp });
    let witnesses: Vec<_> = cosigned.cosignatures.iter().map(by).collect();
    let head = &cosigned.checkpoint;
    json!({
        "ok": what.is_none(), "seq": index, "origin": head.origin, "size": head.size.0, "witnesses": witnesses,
        "what": what,
    })
}

/// A policy from its file.
pub fn read_policy(path: &Path) -> Result<Quorum, CliError> {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| CliError::File(name.clone(), error))?;
    Quorum::parse(&text).map_err(|error| CliError::Usage(format!("`{name}`, {error}")))
}
