//! One life of a small ledger, and what must be true of it whatever happened to its disk.

use crate::common::{check_recorded, facts, replay_of};
use inforce::ledger::{Clock, Ledger, LedgerError, Options, Receipt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Short enough for the workload to need several segments.
pub const SEGMENT_LEN: u64 = 3000;

/// What the ledger acknowledged: by the fact's place in the groups.
#[derive(Default)]
pub struct Acknowledged {
    pub receipts: BTreeMap<(usize, usize), Receipt>,
    /// True once `create` returned.
    pub created: bool,
    /// The size that the last checkpoint was signed over.
    pub signed: u64,
}

fn event(id: &str, kind: &str, subject: &str, data: Value) -> Value {
    let kind = format!("inforce.{kind}");
    json!({ "specversion": "1.0", "id": id, "source": "//test", "type": kind, "subject": subject, "time": "2026-01-20T12:00:00Z", "data": data })
}

fn reference(id: &str) -> Value {
    json!({ "source": "//test", "id": id })
}

fn chat(id: &str, subject: &str, content: &str) -> Value {
    let data = json!({ "agent": "assistant", "conversation": format!("c-{id}"), "turn": 0, "modality": "text", "region": "US", "content": content });
    event(id, "interaction.recorded", subject, data)
}

fn erased(id: &str, subject: &str, scope: &str) -> Value {
    event(id, "subject.erased", subject, json!({ "scope": scope }))
}

fn decision(id: &str, subject: &str, signal: &str) -> Value {
    let item = json!({ "kind": "ad", "advertiser": "acme", "topics": ["tea"] });
    let data =
        json!({ "purpose": "ads", "item": item, "region": "US", "signals": [reference(signal)], "outcome": "served" });
    event(id, "decision.made", subject, data)
}

fn signal(id: &str, subject: &str, source: &str) -> Value {
    let deriver = json!({ "name": "m", "version": "1", "digest": "d1".repeat(32) });
    let data = json!({ "topic": "tea", "sources": [reference(source)], "deriver": deriver });
    event(id, "signal.derived", subject, data)
}

fn age(id: &str, subject: &str) -> Value {
    event(id, "age.observed", subject, json!({ "band": "adult" }))
}

/// A small policy: the built-in ones take longer to judge by than all the rest here together.
fn policy() -> Value {
    let cedar = "@id(\"ok\") permit (principal, action, resource);";
    let data = json!({ "version": "1", "in_force_from": "2025-12-01T00:00:00Z", "role": "platform", "cedar": cedar });
    event("p", "policy.adopted", "house", data)
}

/// What is appended, a group at a time.
pub fn groups() -> Vec<Vec<Value>> {
    let link = |id: &str, subject: &str| event(id, "account.linked", subject, json!({ "center": "c" }));
    vec![
        vec![policy()],
        vec![link("l1", "facebook/a"), link("l2", "instagram/a"), age("a1", "facebook/b")],
        vec![
            chat("i1", "facebook/a", "a cup of tea"),
            chat("i2", "facebook/b", "another"),
            signal("s1", "facebook/a", "i1"),
        ],
        vec![decision("d1", "facebook/a", "s1"), chat("i3", "facebook/c", &"long ".repeat(700))],
        vec![chat("i4", "facebook/c", "more"), erased("e1", "facebook/b", "content")],
        vec![chat("i5", "facebook/b", "after"), signal("s2", "facebook/b", "i5")],
        vec![decision("d2", "facebook/b", "s2"), erased("e2", "facebook/c", "all"), chat("i6", "facebook/d", "who")],
        vec![age("a2", "facebook/e"), chat("i7", "facebook/e", &"words ".repeat(500))],
        vec![erased("e3", "facebook/e", "content"), decision("d3", "instagram/a", "s1")],
        vec![erased("e4", "facebook/d", "all")],
        vec![erased("e5", "facebook/g", "all")],
        vec![age("a3", "facebook/f"), age("a4", "facebook/h"), decision("d4", "facebook/a", "s1")],
    ]
}

/// The groups after which the checkpoint is signed, and after which the ledger is closed and opened anew.
const SIGNED_AFTER: [usize; 2] = [2, 7];
const REOPENED_AFTER: [usize; 2] = [4, 9];

/// Everything from the folder's making to the last close; ends at the first error, or where it comes `again`.
pub fn live(dir: &Path, options: &Options, again: bool, acknowledged: &mut Acknowledged) -> Result<(), LedgerError> {
    let mut ledger = Some(Ledger::create_with(dir, Some("inforce/test"), options)?);
    acknowledged.created = true;
    for (number, group) in groups().iter().enumerate() {
        let open = ledger.as_ref().expect("open");
        let appended = append(open, number, group, acknowledged);
        appended.or_else(|error| if again { append(open, number, group, acknowledged) } else { Err(error) })?;
        if SIGNED_AFTER.contains(&number) {
            open.checkpoint()?;
            acknowledged.signed = open.last_checkpoint()?.size.0;
        }
        if REOPENED_AFTER.contains(&number) {
            ledger.take().expect("open").close()?;
            ledger = Some(Ledger::open_with(dir, options)?);
        }
    }
    ledger.expect("open").close()
}

pub fn append(
    ledger: &Ledger,
    number: usize,
    group: &[Value],
    acknowledged: &mut Acknowledged,
) -> Result<(), LedgerError> {
    let outcomes = ledger.append_each(facts(group), Clock::Ledger)?;
    for (place, outcome) in outcomes.into_iter().enumerate() {
        let receipt = outcome.unwrap_or_else(|refusal| panic!("{}: {refusal}", group[place]));
        let before = acknowledged.receipts.insert((number, place), receipt);
        if let Some(before) = before {
            assert!(receipt.duplicate, "{} is recorded twice", group[place]);
            assert_eq!((before.seq, before.hash), (receipt.seq, receipt.hash), "{} is another entry now", group[place]);
        }
    }
    Ok(())
}

/// Opens what is left, holds it to what was acknowledged, and goes on with the rest of `groups`.
///
/// Every acknowledged fact is there, none twice, none half; everything verifies; nothing erased can be read; index and
/// verdicts are those that the journal gives again. Errors are those of a disk that fails again.
pub fn recover(
    dir: &Path,
    options: &Options,
    groups: &[Vec<Value>],
    acknowledged: &mut Acknowledged,
) -> Result<(), LedgerError> {
    let ledger = match Ledger::open_with(dir, options) {
        Err(LedgerError::NoLedger(..)) if !acknowledged.created => return Ok(()),
        other => other?,
    };
    acknowledged.created = true;
    let whole = ledger.verify()?;
    assert_eq!(whole.problems, [], "after opening");
    assert!(ledger.last_checkpoint()?.size.0 >= acknowledged.signed, "a signed checkpoint is gone");
    for receipt in acknowledged.receipts.values() {
        let entry = ledger.entry(receipt.seq)?.unwrap_or_else(|| panic!("entry {} is gone", receipt.seq));
        assert_eq!(entry.hash, receipt.hash, "entry {} is another", receipt.seq);
    }
    for (number, group) in groups.iter().enumerate() {
        append(&ledger, number, group, acknowledged)?;
    }
    check(&ledger, groups, acknowledged)?;
    ledger.close()?;
    let reader = Ledger::open_read_only_with(dir, options)?;
    let report = reader.verify()?;
    assert_eq!(report.problems, [], "after closing");
    assert_eq!(report.size.0, reader.last_checkpoint()?.size.0);
    acknowledged.signed = report.size.0;
    Ok(())
}

/// With every group appended.
fn check(ledger: &Ledger, groups: &[Vec<Value>], acknowledged: &Acknowledged) -> Result<(), LedgerError> {
    let receipts: Vec<Receipt> = acknowledged.receipts.values().copied().collect();
    check_recorded(ledger, &groups.concat(), &receipts)?;
    let before = replay_of(ledger);
    ledger.reindex()?;
    assert_eq!(replay_of(ledger), before);
    Ok(())
}
