//! `inforce salvage`

use super::exit::print_line;
use super::{CliError, Exit};
use crate::ledger;
use std::path::PathBuf;

/// Arguments of `inforce salvage`.
#[derive(clap::Args)]
pub struct Salvage {
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// The last checkpoint that was published, or a folder with it as `checkpoint`: the new ledger keeps its name only if
    /// it holds all of that.
    #[arg(long, value_name = "FILE|DIR")]
    published: Option<PathBuf>,
    /// The new ledger's name, where it cannot keep the old one; `<old>/salvaged` if left out.
    #[arg(long, value_name = "NAME", value_parser = super::init::origin)]
    origin: Option<String>,
    /// The damaged ledger, which is only read.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The new ledger's folder, which must be empty or not there.
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

/// Something was lost: that is worth an exit code of its own, as for what is unproven.
pub fn run(args: Salvage) -> Result<Exit, CliError> {
    let made = ledger::salvage(&args.dir, &args.new, args.published.as_deref(), args.origin.as_deref())?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let object = serde_json::json!({
            "origin": made.origin, "same_origin": made.same_origin, "entries": made.entries, "kept": made.kept,
            "re_recorded": made.rerecorded, "lost": made.lost, "root": made.root.to_string(),
            "report": made.report.to_string_lossy(),
        });
        print_line(&mut out, object)?;
    } else {
        print_line(
            &mut out,
            format!(
                "{} entries: {} kept, {} recorded anew, {} lost; {} says what became of each",
                made.entries,
                made.kept,
                made.rerecorded,
                made.lost,
                made.report.display()
            ),
        )?;
        let name = &made.origin;
        print_line(
            &mut out,
            if made.same_origin {
                format!(
                    "everything that was signed is in it, so it is `{name}` still: put the damaged folder out of reach"
                )
            } else {
                format!("not everything that was signed is in it, so it is another ledger: `{name}`")
            },
        )?;
    }
    Ok(if made.lost == 0 { Exit::Done } else { Exit::Unproven })
}
