//! `inforce verify`

use super::as_of::AsOf;
use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::{Ledger, Problem, Report};
use serde_json::json;

/// Arguments of `inforce verify`.
#[derive(clap::Args)]
pub struct Verify {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    as_of: AsOf,
}

pub fn run(args: Verify) -> Result<Exit, CliError> {
    let mut out = std::io::stdout().lock();
    let opened = Ledger::open_read_only(&args.common.ledger);
    let report = match opened.and_then(|ledger| Ok((ledger.verify()?, ledger))) {
        Ok((report, ledger)) => as_of(&args.as_of, &ledger, report)?,
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

/// What was found of the entries that were there then; everything was checked.
fn as_of(moment: &AsOf, ledger: &Ledger, mut report: Report) -> Result<Report, CliError> {
    let Some(size) = moment.size(ledger)? else { return Ok(report) };
    report.problems.retain(|problem| problem.seq < size.0);
    (report.size, report.root) = (size, ledger.root_at(size)?);
    Ok(report)
}

fn to_json(problem: &Problem) -> serde_json::Value {
    let mut object = json!({ "seq": problem.seq, "what": problem.what });
    if let Some((file, offset)) = &problem.place {
        object["file"] = file.as_str().into();
        object["offset"] = (*offset).into();
    }
    object
}
