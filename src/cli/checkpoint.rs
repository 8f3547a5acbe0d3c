//! `inforce checkpoint`: signs the tree as it stands, and has witnesses cosign it.

use super::exit::print_line;
use super::proof::read_policy;
use super::{CliError, Common, Exit};
use crate::checkpoint::{Checkpoint as Head, KeyType, Note, VerifierKey};
use crate::http::{Cosigner, Outcome, collect};
use crate::ledger::Ledger;
use crate::quorum::{Party, Quorum};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `inforce checkpoint`.
#[derive(clap::Args)]
pub struct Checkpoint {
    #[command(flatten)]
    common: Common,
    /// Witnesses, where they answer, and whose cosignatures are enough, in the format of C2SP's tlog-policy.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["witness", "witness_key", "quorum"])]
    policy: Option<PathBuf>,
    /// Where a witness answers; once for each, in the order of `--witness-key`.
    #[arg(long, value_name = "URL")]
    witness: Vec<String>,
    /// The public key of a witness.
    #[arg(long, value_name = "VKEY", value_parser = witness_key)]
    witness_key: Vec<VerifierKey>,
    /// How many of the witnesses are enough; all of them if left out.
    #[arg(long, value_name = "K")]
    quorum: Option<usize>,
    /// How long each witness has to answer a request.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

fn witness_key(text: &str) -> Result<VerifierKey, String> {
    match VerifierKey::parse(text) {
        Ok(key) if key.kind() == KeyType::Witness => Ok(key),
        Ok(_) => Err("a log's key: expected a witness's, of type 4".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub fn run(args: Checkpoint) -> Result<Exit, CliError> {
    let ledger = Ledger::open(&args.common.ledger)?;
    let quorum = quorum(&args, ledger.verifier_key())?;
    let malformed = |error: crate::checkpoint::NoteError| CliError::Failed(error.to_string());
    let mut note = Note::parse(&ledger.checkpoint()?).map_err(malformed)?;
    let head = Head::of(&note, &ledger.verifier_key()).map_err(malformed)?;
    let mut outcomes = Vec::new();
    let mut met = true;
    if let Some(quorum) = &quorum {
        let cosigner = |party: &Party| Cosigner { key: party.key.clone(), url: party.url.clone() };
        let cosigners: Vec<Cosigner> = quorum.witnesses().iter().map(cosigner).collect();
        outcomes = collect(&ledger, &note, head.size, &cosigners, Duration::from_secs(args.timeout));
        outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()).for_each(|(line, _)| note.add(line.clone()));
        // Once more as a stranger would: nothing is kept that does not open.
        let cosigned = quorum.open(&note.to_string()).map_err(malformed)?;
        met = quorum.is_met(&cosigned);
        if met && !cosigned.cosignatures.is_empty() {
            ledger.keep_witnessed(&note.to_string())?;
        }
    }
    ledger.close()?;
    print(&args, &head, &note, &outcomes, met)?;
    Ok(if met { Exit::Done } else { Exit::Failure })
}

/// What the arguments ask for; `None` if no witness is to be asked.
fn quorum(args: &Checkpoint, log: VerifierKey) -> Result<Option<Quorum>, CliError> {
    if let Some(path) = &args.policy {
        let name = path.display().to_string();
        let quorum = read_policy(path)?;
        let logs = quorum.logs();
        if !logs.is_empty() && !logs.iter().any(|party| party.key == log) {
            return Err(CliError::Usage(format!("`{name}` does not name this ledger: expected a line `log {log}`")));
        }
        return Ok(Some(quorum.for_log(log)));
    }
    if args.witness.len() != args.witness_key.len() {
        return Err(CliError::Usage("expected as many `--witness` as `--witness-key`".to_owned()));
    }
    let count = args.witness.len();
    let least = args.quorum.unwrap_or(count);
    if count == 0 && args.quorum.is_none() {
        return Ok(None);
    }
    if !(1..=count).contains(&least) {
        return Err(CliError::Usage(format!("`--quorum {least}`: expected 1 to {count}, the number of witnesses")));
    }
    let keys = args.witness_key.iter().zip(&args.witness);
    let witnesses: Vec<Party> = keys.map(|(key, url)| Party { key: key.clone(), url: Some(url.clone()) }).collect();
    let twice = witnesses
        .iter()
        .enumerate()
        .find(|(place, one)| witnesses[..*place].iter().any(|other| other.key.same_key(&one.key)));
    if let Some((_, party)) = twice {
        return Err(CliError::Usage(format!("`{}` stands there twice: expected each witness once", party.key)));
    }
    Ok(Some(Quorum::of(log, witnesses, least)))
}

fn print(args: &Checkpoint, head: &Head, note: &Note, outcomes: &[Outcome], met: bool) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let witness = |outcome: &Outcome| {
            let (timestamp, error) = match &outcome.result {
                Ok((_, timestamp)) => (Some(*timestamp), None),
                Err(error) => (None, Some(error.as_str())),
            };
            let (name, url) = (&outcome.cosigner.key.name, &outcome.cosigner.url);
            json!({ "name": name, "url": url, "timestamp": timestamp, "error": error })
        };
        let witnesses: Vec<_> = outcomes.iter().map(witness).collect();
        let (size, root, note) = (head.size.0, head.root.to_string(), note.to_string());
        return print_line(
            &mut out,
            json!({ "size": size, "root": root, "quorum": met, "witnesses": witnesses, "note": note }),
        );
    }
    for outcome in outcomes {
        match &outcome.result {
            Ok(_) => eprintln!("cosigned by {}", outcome.cosigner.key.name),
            Err(error) => eprintln!("not cosigned by {}: {error}", outcome.cosigner.key.name),
        }
    }
    if !met {
        eprintln!("the cosignatures are not enough: the checkpoint was signed, but not kept as witnessed");
    }
    print_line(&mut out, note.to_string().trim_end())
}
