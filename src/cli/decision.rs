//! One decision, in a world that holds everything it can be judged by.

use super::CliError;
use super::as_of::AsOf;
use super::memory::Memory;
use super::replay::{matching, only};
use crate::ledger::{Ledger, LedgerError, Loaded, Problem};
use crate::merkle::TreeSize;
use crate::timeline::{NodeIx, World};

/// A decision that was asked for by name.
pub(super) struct Found {
    /// Of the whole ledger, or of the part of it that the decision is in.
    pub world: World,
    /// The first thing that is not what was recorded.
    pub bad: Option<Problem>,
    /// How many entries were taken.
    pub size: TreeSize,
    /// The decision, or why there is none.
    pub decision: Result<NodeIx, CliError>,
}

/// Reads and checks everything, and keeps what is needed for the decision: of a ledger that does not fit into `memory` one
/// part, so that a single decision can be looked at of a ledger of any length.
pub(super) fn find(ledger: &Ledger, as_of: &AsOf, memory: Memory, name: &str) -> Result<Found, CliError> {
    if memory.holds(ledger)? {
        let Loaded { world, bad, size, .. } = as_of.load(ledger)?;
        let decision = only(name, &matching(&world, name));
        return Ok(Found { world, bad, size, decision });
    }
    let parts = as_of.load_parts(ledger, memory.part_len())?;
    let found = parts.each(|world, _| {
        let found = matching(&world, name);
        Ok::<_, LedgerError>((!found.is_empty()).then_some((world, found)))
    })?;
    let (mut worlds, found): (Vec<World>, Vec<Vec<NodeIx>>) = found.into_iter().flatten().unzip();
    let decision = only(name, &found.concat());
    Ok(Found { world: worlds.pop().unwrap_or_default(), bad: parts.bad, size: parts.size, decision })
}
