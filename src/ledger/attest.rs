//! Verdicts put on record: entries of the ledger's own, which nobody can hand in over the wire.

use super::writer::{Receipt, Request};
use super::{Clock, Ledger, LedgerError};
use crate::fact::{Body, Digest, Fact, FactId, Time, VerdictAttested};
use crate::keyring::Part;
use crate::timeline::{NodeIx, World};

/// Who says it.
const SOURCE: &str = "inforce";

impl Ledger {
    /// The digest by which the verdict `line` on `decision` is attested; `None` once the decision's keys are gone.
    ///
    /// It is made under the key of the decision's entry. With the key, whoever is shown the line can check it. After an
    /// erasure it tells nothing: ids in a line could otherwise be found by trying.
    pub fn verdict_digest(&self, world: &World, decision: NodeIx, line: &str) -> Option<Digest> {
        let node = world.node(decision);
        let keyring = self.keyring.read().expect("no holder panics");
        let slot = keyring.slot_of_stream(world.stream_of_account(node.account))?;
        Some(Digest(keyring.entry_key(slot, Part::Body, node.seq).attest(line.as_bytes())))
    }

    /// Records verdicts as one group. The same verdict over a ledger of the same size is recorded once.
    pub fn attest(&self, verdicts: Vec<VerdictAttested>) -> Result<Vec<Receipt>, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        let now = self.locked(writer)?.now();
        let facts = verdicts.into_iter().map(|verdict| fact(verdict, Time::utc(now))).collect();
        let outcomes = self.submit(Request::new(facts, Clock::Ledger, true, Vec::new()).of_our_own())?;
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("one refused fact refuses the whole request")).collect())
    }
}

/// The digest is keyed, so nobody can take this id before.
fn fact(verdict: VerdictAttested, time: Time) -> Fact {
    let short: String = verdict.digest.to_string().chars().take(16).collect();
    let id = format!("{}@{}#{short}", verdict.decision, verdict.size);
    Fact {
        id: FactId { source: SOURCE.to_owned(), id },
        subject: String::new(),
        time,
        recorded: None,
        body: Body::VerdictAttested(Box::new(verdict)),
        content: None,
    }
}
