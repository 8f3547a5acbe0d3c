//! Keeping every verdict of a ledger beside it.

use super::SearchError;
use crate::ledger::{Ledger, LedgerError, Loaded};
use crate::query::{Line, Projecting, REVISION, row};
use crate::replay;
use crate::timeline::NodeIx;

/// What kept verdicts must have been judged by.
pub fn kept_label() -> String {
    format!("inforce {} revision {REVISION}", env!("CARGO_PKG_VERSION"))
}

/// Judges everything that was loaded, and keeps what comes out for this state of the ledger. Returns false where the
/// folder cannot be written to.
pub fn keep(ledger: &Ledger, loaded: &Loaded) -> Result<bool, SearchError> {
    if let Some(bad) = &loaded.bad {
        return Err(SearchError::Tampered(bad.clone()));
    }
    let mut keeping = match ledger.keep_verdicts() {
        Err(error) => return not_kept(error),
        Ok(keeping) => keeping,
    };
    let (world, mut projecting) = (&loaded.world, Projecting::default());
    let all: Vec<NodeIx> = world.decisions().collect();
    let mut written = Ok(());
    let map = |_: &_, judgement| Line::of(&row(world, &judgement));
    replay::replay(world, &all, map, |line| {
        if let Some(block) = projecting.take(&line).filter(|_| written.is_ok()) {
            written = keeping.block(&block);
        }
    });
    let (last, directory) = projecting.finish();
    let written = written
        .and_then(|()| last.map_or(Ok(()), |block| keeping.block(&block)))
        .and_then(|()| keeping.finish(&kept_label(), loaded.size, loaded.root, directory));
    written.map_or_else(not_kept, |()| Ok(true))
}

/// The answer does not rest on what is kept.
fn not_kept(error: LedgerError) -> Result<bool, SearchError> {
    match error {
        LedgerError::Io(..) => {
            tracing::info!("keeping verdicts: {error}");
            Ok(false)
        }
        other => Err(other.into()),
    }
}
