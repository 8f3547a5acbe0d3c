//! The demo: people with accounts, conversations with an assistant, an ad selector that mostly keeps to the policy, and
//! a scene for every rule in which it does not.
//!
//! Everything is made in memory, goes over the wire format into the ledger like anybody's facts, and is replayed from
//! there. INVARIANT (same in, same out): no clock and no randomness but the ledger's own keys; the same conversations
//! give the same facts. Deliberately absent: printing and progress bars (cli), and judging: what broke is what the
//! replay says.

mod conversation;
mod crowd;
mod log;
mod policies;
mod report;
mod scenes;
mod selector;

pub use conversation::{BadLine, Conversation, Speaker, built_in, read};
pub use report::{Report, RuleRow};
pub use scenes::{SCENES, Scene};

use crate::fact::Fact;
use crate::ledger::{Clock, Ledger, LedgerError};
use crate::wire;
use rayon::prelude::*;

/// How often the built-in corpus is told, each time by other people.
const ROUNDS: usize = 8;

/// Facts handed to the ledger at a time.
const GROUP: usize = 4096;

/// What the demo records, in the order of recording.
pub struct Facts {
    /// All of it.
    pub facts: Vec<Fact>,
    /// Turns of assistants: what a machine says is no interaction of a person's.
    pub left_out: u64,
}

/// Makes every fact: over `conversations`, or over the built-in corpus if there are none. `step` is called once a
/// conversation, from any thread.
pub fn facts(conversations: &[Conversation], step: impl Fn() + Sync) -> Facts {
    let own = built_in();
    let several: Vec<Conversation>;
    let told = match conversations {
        [] => {
            several = (1..=ROUNDS).flat_map(|round| own.iter().map(move |each| each.told_again(round))).collect();
            &several
        }
        given => given,
    };
    let mut log = log::Log::default();
    policies::adopt(&mut log);
    crowd::live(&mut log, told, step);
    scenes::play(&mut log, &own);
    let left_out =
        told.iter().flat_map(|each| &each.turns).filter(|turn| turn.speaker == Speaker::Assistant).count() as u64;
    Facts { facts: log.in_order(), left_out }
}

/// Records facts over the wire format, stamped with the times that they carry; `step` is told how many more are
/// recorded.
pub fn record(ledger: &Ledger, facts: &[Fact], mut step: impl FnMut(u64)) -> Result<(), LedgerError> {
    for (number, group) in facts.chunks(GROUP).enumerate() {
        let refused = |(index, refusal)| LedgerError::Refused { index: number * GROUP + index, refusal };
        let over_the_wire = |(index, fact): (usize, &Fact)| {
            wire::parse(&wire::to_json(fact).to_string()).map_err(|refusal| (index, refusal))
        };
        let parsed: Result<Vec<Fact>, _> = group.par_iter().enumerate().with_min_len(64).map(over_the_wire).collect();
        let outcomes = ledger.append_each(parsed.map_err(refused)?, Clock::Recorded)?;
        let failed = outcomes.into_iter().enumerate().find_map(|(index, outcome)| Some((index, outcome.err()?)));
        if let Some(failed) = failed {
            return Err(refused(failed));
        }
        step(group.len() as u64);
    }
    Ok(())
}
