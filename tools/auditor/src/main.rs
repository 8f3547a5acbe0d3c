//! `inforce-auditor FILE… --key PUBKEY [--witness KEY…] [--json]`: checks bundles of evidence, and says what it did.

#![forbid(unsafe_code)]

use inforce_auditor::{Audit, MOST_BYTES, Outcome, Signer, VerifierKey, audit};
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: inforce-auditor FILE… --key PUBKEY [--witness KEY…] [--json]

Checks evidence bundles (*.inforce.json) of an inforce ledger, without sharing code with inforce.

  --key PUBKEY    the ledger's public key, `<origin>+<key id>+<base64>`, or a file that holds it
  --witness KEY   a witness's key, or a file that holds it: it must have cosigned. May be given again
  --json          one JSON object a file, on stdout

exit codes: 0 every bundle holds, 1 a file cannot be read, 2 wrong usage, 3 a bundle does not hold";

/// What is not said by a bundle that holds.
const NOT_CHECKED: [&str; 3] = [
    "the verdict: whether it follows from this evidence is for `inforce verify-bundle` to say",
    "the words of `completeness` and `summary`: they are the ledger's, and only sealed",
    "how fresh the checkpoint is: compare it with one that you got elsewhere",
];

struct Asked {
    files: Vec<String>,
    key: VerifierKey,
    witnesses: Vec<VerifierKey>,
    json: bool,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("error: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (mut unread, mut broken) = (false, false);
    for file in &asked.files {
        match read(file) {
            Err(why) => {
                eprintln!("error: cannot read `{file}`: {why}");
                unread = true;
            }
            Ok(bytes) => {
                let audit = audit(&bytes, &asked.key, &asked.witnesses);
                broken |= !audit.holds();
                let text = if asked.json { in_json(file, &audit) } else { in_words(file, &audit) };
                // Nobody may be reading any more; the exit code still says it.
                let _ = io::stdout().write_all(text.as_bytes());
            }
        }
    }
    ExitCode::from(if broken { 3 } else { u8::from(unread) })
}

/// `None` if only help was asked for.
fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Option<Asked>, String> {
    let (mut files, mut key, mut witnesses, mut json, mut options) = (Vec::new(), None, Vec::new(), false, true);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--help" | "-h" if options => return Ok(None),
            "--json" if options => json = true,
            "--key" if options => {
                if key.replace(verifier(&value()?, Signer::Log)?).is_some() {
                    return Err("`--key` twice".to_owned());
                }
            }
            "--witness" if options => witnesses.push(verifier(&value()?, Signer::Witness)?),
            "--" if options => options = false,
            other if options && other.starts_with('-') => return Err(format!("unknown option `{other}`")),
            _ => files.push(argument),
        }
    }
    let key = key.ok_or("`--key` is missing: without the ledger's key a bundle proves nothing")?;
    if files.is_empty() {
        return Err("no file to check".to_owned());
    }
    Ok(Some(Asked { files, key, witnesses, json }))
}

fn verifier(text: &str, signer: Signer) -> Result<VerifierKey, String> {
    let read = || std::fs::read_to_string(text).map_err(|why| format!("`{text}` is neither a key nor a file: {why}"));
    let text = if text.contains('+') { text.to_owned() } else { read()? };
    let key = VerifierKey::parse(&text)?;
    match (key.signer == signer, signer) {
        (true, _) => Ok(key),
        (false, Signer::Log) => Err(format!("the key of `{}` is a witness's: expected the ledger's", key.name)),
        (false, Signer::Witness) => Err(format!("the key of `{}` does not cosign: expected a witness's", key.name)),
    }
}

fn read(file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("larger than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

fn in_words(file: &str, audit: &Audit) -> String {
    let mut text = format!("{file}\n");
    for step in &audit.steps {
        let (mark, what) = match &step.outcome {
            Outcome::Holds(found) => ("✓", found.as_str()),
            Outcome::Fails(why) => ("✗", why.as_str()),
            Outcome::NotTaken => ("–", "not taken"),
        };
        let place = format!("{} {}", step.number, step.name);
        text.push_str(&format!("{mark} {place:<15} {}\n  {:<15} {what}\n", step.asks, ""));
    }
    if audit.holds() {
        text.push_str("\nNot checked:\n");
        NOT_CHECKED.iter().for_each(|what| text.push_str(&format!("- {what}\n")));
        text.push_str("\nHow far the evidence is complete, in the ledger's words:\n");
        audit.completeness.iter().for_each(|sentence| text.push_str(&format!("! {sentence}\n")));
        let decision = audit.decision.map(|seq| format!(" about decision {seq}")).unwrap_or_default();
        text.push_str(&format!("\nThe bundle{decision} holds.\n\n"));
    } else {
        text.push_str("\nThe bundle does not hold: it proves nothing.\n\n");
    }
    printable(&text)
}

/// What a hostile file put into a name must not move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter }).collect()
}

fn in_json(file: &str, audit: &Audit) -> String {
    let steps: Vec<_> = audit
        .steps
        .iter()
        .map(|step| {
            let (ok, what) = match &step.outcome {
                Outcome::Holds(found) => (Some(true), Some(found)),
                Outcome::Fails(why) => (Some(false), Some(why)),
                Outcome::NotTaken => (None, None),
            };
            serde_json::json!({"number": step.number, "step": step.name, "ok": ok, "found": what})
        })
        .collect();
    let object = serde_json::json!({
        "file": file,
        "ok": audit.holds(),
        "failed": audit.failed().map(|(name, _)| name),
        "decision": audit.decision,
        "steps": steps,
        "not_checked": NOT_CHECKED,
        "completeness": audit.completeness,
    });
    format!("{object}\n")
}
