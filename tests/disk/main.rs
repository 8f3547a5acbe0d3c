//! What a disk may do to a ledger: fail any call, lose power, fill up.

#[path = "../common/mod.rs"]
mod common;
mod power;
mod random;
mod simulated;
mod workload;
