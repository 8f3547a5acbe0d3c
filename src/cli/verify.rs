//! `inforce verify`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::{Ledger, Problem};
use serde_json::json;

/// Arguments of `inforce verify`.
#[derive(clap::Args)]
pub struct Verify {
    #[command(flatten)]
    common: Common,
}

pub fn run(args: Verify) -> Result<Exit, CliError> {
    let mut out = std::io::stdout().lock();
    let report = match Ledger::open_read_only(&args.common.ledger).and_then(|ledger| ledger.verify()) {
        Ok(report) => report,
        Err(error) if error.is_damage() => {
            if args.common.json {
                let problems = [json!({ "seq": null, "what": error.to_string() })];
                print_line(&mut out, json!({ "ok": false, "entries": null, "root": null, "problems": problems }))?;
            }
            return Err(CliError::Damaged(error));
        }
        Err(error) => return Err(error.into()),
    };
    let (entries, root, ok) = (report.size.0, report.root.to_string(), report.problems.is_empty());
    if args.common.json {
        let problems: Vec<_> = report.problems.iter().map(to_json).collect();
        print_line(&mut out, json!({ "ok": ok, "entries": entries, "root": root, "problems": problems }))?;
    } else {
        for problem in &report.problems {
            let place =
                problem.place.as_ref().map(|(file, offset)| format!(" ({file}, offset {offset})")).unwrap_or_default();
            print_line(&mut out, format!("entry {}: {}{place}", problem.seq, problem.what))?;
        }
        let verdict = if ok { "everything verifies" } else { "the ledger is not what was recorded" };
        print_line(&mut out, format!("{verdict}: {entries} entries, root {root}"))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Broken })
}

fn to_json(problem: &Problem) -> serde_json::Value {
    let mut object = json!({ "seq": problem.seq, "what": problem.what });
    if let Some((file, offset)) = &problem.place {
        object["file"] = file.as_str().into();
        object["offset"] = (*offset).into();
    }
    object
}
