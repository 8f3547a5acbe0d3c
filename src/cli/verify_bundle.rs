//! `inforce verify-bundle`: checks a bundle, without a ledger.

use super::bundle::{read, write};
use super::exit::print_line;
use super::{CliError, Exit};
use crate::bundle::{self, Bundle, Checked, Failure, STEPS, Step, Trust};
use crate::checkpoint::VerifierKey;
use crate::judge::Conformance;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `inforce verify-bundle`.
#[derive(clap::Args)]
pub struct VerifyBundle {
    /// The ledger's public key, `<origin>+<key id>+<base64>`, or a file that holds it.
    #[arg(long, value_name = "PUBKEY")]
    key: String,
    /// A witness's public key, or a file that holds it: it must have cosigned. May be given again.
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// A checkpoint that you got elsewhere: the bundle's must be the same.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Write the printable page about the decision, made anew from the evidence, once that was checked.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// The bundle, or an envelope with one.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: VerifyBundle) -> Result<Exit, CliError> {
    let key = parse_key(&args.key)?;
    let witnesses = args.witness.iter().map(|text| parse_key(text)).collect::<Result<Vec<_>, _>>()?;
    let checkpoint = args.checkpoint.as_deref().map(read).transpose()?;
    let trust = Trust { key: &key, witnesses: &witnesses, checkpoint: checkpoint.as_deref() };
    let text = read_bundle(&args.file)?;
    let mut steps = Vec::new();
    let parsed = if Bundle::is_envelope(&text) { Bundle::open_envelope(&text, &key) } else { Bundle::parse(&text) };
    let parsed = parsed.map_err(|what| Failure { step: "form", what });
    let outcome = parsed.and_then(|bundle| Ok((bundle::check(&bundle, &trust, &mut steps)?, bundle)));
    if let (Ok((checked, _)), Some(page)) = (&outcome, &args.page) {
        write(page, checked.page.as_bytes())?;
    }
    let exit = match &outcome {
        Ok((checked, _)) => exit(checked),
        Err(_) => Exit::Broken,
    };
    if args.json {
        print_line(&mut std::io::stdout().lock(), to_json(&outcome, &steps))?;
    } else {
        tell(&outcome, &steps)?;
    }
    Ok(exit)
}

/// A file that is longer than any bundle, or is no text, is none.
fn read_bundle(path: &Path) -> Result<String, CliError> {
    let len = std::fs::metadata(path).map(|file| file.len());
    let len = len.map_err(|error| CliError::File(path.display().to_string(), error))?;
    if len > bundle::MAX_LEN as u64 {
        return Err(CliError::Failed(format!(
            "`{}` has {len} bytes: expected at most {}",
            path.display(),
            bundle::MAX_LEN
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| CliError::File(path.display().to_string(), error))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

pub(super) fn parse_key(text: &str) -> Result<VerifierKey, CliError> {
    let held = if Path::new(text).is_file() { read(Path::new(text))? } else { text.to_owned() };
    VerifierKey::parse(held.trim()).map_err(|error| CliError::Usage(format!("key `{text}`: {error}")))
}

fn exit(checked: &Checked) -> Exit {
    match checked.conformance {
        Conformance::Breach | Conformance::LateBreach => Exit::Broken,
        Conformance::Unproven | Conformance::Erased => Exit::Unproven,
        _ => Exit::Done,
    }
}

type Outcome = Result<(Checked, Bundle), Failure>;

fn to_json(outcome: &Outcome, steps: &[Step]) -> Value {
    let steps: Vec<Value> =
        steps.iter().map(|step| json!({ "step": step.name, "ok": true, "found": step.found })).collect();
    match outcome {
        Ok((checked, bundle)) => {
            let cosigned = checked.cosigned.cosignatures.iter();
            let cosigned: Vec<Value> =
                cosigned.map(|each| json!({ "witness": each.witness.name, "timestamp": each.timestamp })).collect();
            json!({
                "ok": true, "steps": steps, "failed": null, "decision": bundle.decision,
                "conformance": checked.conformance.name(), "integrity": checked.integrity.name(),
                "verdict": bundle.verdict, "completeness": checked.completeness, "erasures": bundle.erasures,
                "checkpoint": { "origin": checked.cosigned.checkpoint.origin, "size": checked.cosigned.checkpoint.size.0,
                    "root": checked.cosigned.checkpoint.root.to_string(), "cosigned": cosigned },
            })
        }
        Err(failure) => json!({
            "ok": false, "steps": steps, "failed": { "step": failure.step, "what": failure.what }, "decision": null,
            "conformance": null, "verdict": null,
        }),
    }
}

fn tell(outcome: &Outcome, steps: &[Step]) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    let shown = |name: &str| STEPS.iter().find(|(step, _)| *step == name).map_or("", |(_, what)| *what);
    for step in steps {
        print_line(&mut out, format!("✓ {:<13} {}", step.name, shown(step.name)))?;
        print_line(&mut out, format!("                {}", step.found))?;
    }
    match outcome {
        Ok((checked, bundle)) => {
            print_line(&mut out, "")?;
            checked.completeness.iter().try_for_each(|said| print_line(&mut out, format!("! {said}")))?;
            for erasure in &bundle.erasures {
                print_line(
                    &mut out,
                    format!("! Entry {}, {}, erased {}.", erasure.seq, erasure.time, erased(&erasure.scope)),
                )?;
            }
            let word = checked.conformance.name().replace('_', " ");
            print_line(&mut out, format!("\nthe bundle holds: decision {} is {word}", bundle.decision.seq))
        }
        Err(failure) => {
            print_line(&mut out, format!("✗ {:<13} {}", failure.step, shown(failure.step)))?;
            print_line(&mut out, format!("                {}", failure.what))?;
            let left = STEPS.iter().map(|(name, _)| *name).skip_while(|name| *name != failure.step).skip(1);
            let left: Vec<&str> = left.collect();
            if !left.is_empty() {
                print_line(&mut out, format!("not checked any more: {}", left.join(", ")))?;
            }
            print_line(&mut out, "\nthe bundle does not hold: it proves nothing")
        }
    }
}

fn erased(scope: &str) -> &'static str {
    if scope == "all" { "everything about its account" } else { "the text of its account's chats" }
}
