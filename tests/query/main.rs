//! What auditors ask: every filter against a naive one, pages against the whole, periods and what-ifs against a naive fold,
//! and every command as of a moment against the ledger as it was then.

mod as_of;
mod ask;
#[path = "../common/mod.rs"]
mod common;
mod decisions;
mod facts;
mod hostile;
#[path = "../common/log.rs"]
mod log;
mod periods;
mod population;
mod whatif;
