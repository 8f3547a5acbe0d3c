//! `inforce replay --rederive`: what the reference deriver says now, beside what it said then.

use super::CliError;
use super::exit::{self, print_line};
use crate::derive::{Again, Rederive, Rederived, Unchecked};
use crate::ledger::Ledger;
use crate::wire;
use serde_json::{Value, json};
use std::io::Write;

/// Differences shown to people; all of them are counted, and printed with `--json`.
const SHOWN: usize = 20;

/// Derives everything again and prints what does not come out the same, or cannot be checked: with `json` a line each,
/// after the decisions; for people the differences, and how many of each. True if something differs.
pub fn run(ledger: &Ledger, json: bool, out: &mut impl Write) -> Result<bool, CliError> {
    let mut again = Rederive::default();
    ledger.each_entry(|entry| again.take(entry))?;
    let found = again.finish();
    let differs: Vec<&Rederived> = found.iter().filter(|one| matches!(one.again, Again::Differs(_))).collect();
    if json {
        found.iter().try_for_each(|one| print_line(out, json!({ "rederived": to_json(one) })))?;
    } else {
        differs.iter().take(SHOWN).try_for_each(|one| print_line(out, brief(one)))?;
    }
    out.flush().map_err(exit::stdout)?;
    tell(again.checked(), differs.len(), &found);
    Ok(!differs.is_empty())
}

fn to_json(one: &Rederived) -> Value {
    let said = wire::body_to_json(&one.recorded, None);
    let mut object = json!({
        "kind": one.recorded.kind().name(),
        "fact": { "source": one.id.source, "id": one.id.id, "seq": one.seq }, "recorded": said,
    });
    match &one.again {
        Again::Differs(again) => {
            object["outcome"] = "differs".into();
            object["again"] = again.as_ref().map_or(Value::Null, |body| wire::body_to_json(body, None));
        }
        Again::Unchecked(why) => {
            object["outcome"] = "unchecked".into();
            object["why"] = why.name().into();
        }
    }
    object
}

/// One line for people: the fields that differ, as recorded and as they come out.
fn brief(one: &Rederived) -> String {
    let object = to_json(one);
    let (recorded, again) = (&object["recorded"], &object["again"]);
    let fields =
        recorded.as_object().into_iter().flatten().filter(|(name, value)| again.get(name.as_str()) != Some(value));
    let fields =
        fields.map(|(name, value)| format!("{name} {value}, now {}", again.get(name.as_str()).unwrap_or(&Value::Null)));
    let what =
        if again.is_null() { "does not come out at all".to_owned() } else { fields.collect::<Vec<_>>().join("; ") };
    format!("differs       {}  {what}", one.id.id)
}

fn tell(checked: usize, differs: usize, found: &[Rederived]) {
    let mut counts = vec![format!("{} come out the same", checked - found.len()), format!("{differs} differ")];
    for (why, words) in [
        (Unchecked::NoText, "rest on text that was erased"),
        (Unchecked::OtherDigest, "are of another version of the deriver"),
        (Unchecked::Unresolved, "cite what was never recorded"),
    ] {
        let count = found.iter().filter(|one| one.again == Again::Unchecked(why)).count();
        if count > 0 {
            counts.push(format!("{count} {words}"));
        }
    }
    eprintln!("{checked} labels and signals of the reference deriver: {}", counts.join(", "));
}
