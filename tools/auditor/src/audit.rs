//! The steps of "Checking", in their order. The first that fails ends it: what follows would build on sand.

use crate::bundle::Bundle;
use crate::evidence::Evidence;
use crate::note::{Signer, VerifierKey};
use crate::steps;

/// How one step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds: what was found.
    Holds(String),
    /// It does not: why.
    Fails(String),
    /// A step before it failed.
    NotTaken,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the format; 0 is the form of the file.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// What it asks for.
    pub asks: &'static str,
    /// How it went.
    pub outcome: Outcome,
}

/// What an auditor can say about a bundle.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Every step, taken or not.
    pub steps: Vec<Step>,
    /// The seq of the decision, as the bundle says it.
    pub decision: Option<u64>,
    /// How far the evidence is complete, in the bundle's words.
    pub completeness: Vec<String>,
}

impl Audit {
    /// Whether every step that an auditor takes holds.
    pub fn holds(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.outcome, Outcome::Holds(_)))
    }

    /// The first step that does not hold, and why.
    pub fn failed(&self) -> Option<(&'static str, &str)> {
        self.steps.iter().find_map(|step| match &step.outcome {
            Outcome::Fails(why) => Some((step.name, why.as_str())),
            _ => None,
        })
    }
}

/// Number, name and question of every step. The tenth, the verdict, is for whoever judges.
const STEPS: [(u8, &str, &str); 12] = [
    (0, "form", "the file is a bundle in its one spelling"),
    (1, "checkpoint", "the ledger signed the checkpoint, and every witness that was asked for cosigned it"),
    (2, "entries", "every entry decodes, carries its own seq, and is covered by the checkpoint"),
    (3, "openings", "what is open is what its header committed to"),
    (4, "streams", "every stream is whole, from revision 0 to its tip"),
    (5, "tree", "every proof holds, and hashes lead from proved entries to all others"),
    (6, "lineage", "every reference names the entry that it means by its hash"),
    (7, "pins", "the decision pinned the streams that it was to be judged by"),
    (8, "erasures", "what is erased was erased by the entry that is named"),
    (9, "completeness", "what the verdict rests on is there and open, and nothing foreign is"),
    (11, "statements", "the list of streams and what is said of the decision are as the entries show"),
    (12, "seal", "nothing was changed since the ledger sealed it"),
];

/// Checks a bundle against the ledger's key and those of witnesses.
pub fn audit(file: &[u8], key: &VerifierKey, witnesses: &[VerifierKey]) -> Audit {
    let mut audit = Audit { steps: Vec::new(), decision: None, completeness: Vec::new() };
    let mut steps = STEPS.iter();
    let result = run(file, key, witnesses, &mut audit, &mut steps);
    if let (Err(why), Some((number, name, asks))) = (result, steps.next()) {
        audit.steps.push(Step { number: *number, name, asks, outcome: Outcome::Fails(why) });
    }
    for (number, name, asks) in steps {
        audit.steps.push(Step { number: *number, name, asks, outcome: Outcome::NotTaken });
    }
    audit
}

fn run(
    file: &[u8],
    key: &VerifierKey,
    witnesses: &[VerifierKey],
    audit: &mut Audit,
    steps: &mut std::slice::Iter<(u8, &'static str, &'static str)>,
) -> Result<(), String> {
    let mut found = |audit: &mut Audit, what: String| {
        if let Some((number, name, asks)) = steps.next() {
            audit.steps.push(Step { number: *number, name, asks, outcome: Outcome::Holds(what) });
        }
    };
    let text = std::str::from_utf8(file).map_err(|_| "the file is not UTF-8".to_owned())?;
    let bundle = Bundle::parse(text)?;
    audit.decision = Some(bundle.decision.seq);
    audit.completeness = bundle.completeness.clone();
    found(audit, format!("{} bytes, {} entries", file.len(), bundle.entries.len()));

    let checkpoint = steps::checkpoint::check(&bundle.checkpoint, key, witnesses)?;
    found(
        audit,
        format!("{}, {} entries, cosigned by {} of yours", checkpoint.origin, checkpoint.size, witnesses.len()),
    );

    let mut evidence = Evidence::decode(&bundle.entries, bundle.decision.seq)?;
    found(audit, steps::entries::check(&evidence, checkpoint.size)?);
    found(audit, steps::openings::check(&mut evidence)?);
    found(audit, steps::streams::check(&evidence, &bundle.streams)?);
    found(audit, steps::tree::check(&evidence, &bundle.proofs, &checkpoint)?);
    found(audit, steps::lineage::check(&evidence)?);
    let heads = steps::pins::heads(&evidence);
    found(audit, steps::pins::check(&evidence, &heads)?);
    found(audit, steps::erasures::check(&evidence, &bundle.erasures)?);
    found(audit, steps::completeness::check(&evidence, &bundle.streams)?);
    found(audit, steps::statements::check(&evidence, &bundle, &heads)?);
    found(audit, steps::seal::check(&bundle, key)?);
    Ok(())
}

/// Why keys are of no use: the ledger's must sign logs, a witness's must cosign.
pub(crate) fn expect_signer(key: &VerifierKey, signer: Signer) -> Result<(), String> {
    let name = &key.name;
    match (key.signer == signer, signer) {
        (true, _) => Ok(()),
        (false, Signer::Log) => Err(format!("the key of `{name}` is a witness's: expected the ledger's")),
        (false, Signer::Witness) => Err(format!("the key of `{name}` does not cosign: expected a witness's")),
    }
}
