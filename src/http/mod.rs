//! The network: a witness that serves `add-checkpoint` (C2SP tlog-witness), and the ledger's side of it.
//!
//! The only room that opens a socket. What is answered is decided in [`crate::witness`]; here requests are bounded in
//! size and time, heads are kept on disk, and cosignatures are fetched and checked. Whatever comes from outside is text
//! of strangers until a signature was verified.

mod client;
mod notary;
mod server;

pub use client::{Cosigner, Outcome, collect};
pub use notary::{Notary, NotaryError, new_key, read_key};
pub use server::serve;
