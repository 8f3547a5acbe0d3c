//! An append-only ledger for one question: was this ad decision allowed by the policy in force at that time?
//!
//! Facts come in as CloudEvents ([`wire`]) and become entries ([`ledger`]): hashed, chained into the streams that they
//! belong to, sealed under their account's key, and on disk before they are acknowledged. A decision is judged
//! ([`judge`]) from the entries alone, in two views: what the ledger knew when it was made, and what is known today.
//! The judge is a pure function: no clock, disk, network or randomness.
//!
//! # Rooms
//!
//! In the order in which data flows; a room imports only from rooms above it. `docs/architecture.md` says which, and
//! a test holds the code to it.
//!
//! - [`fact`]: the vocabulary: facts, their identity, both time axes
//! - [`wire`]: CloudEvents in; refusals that name the field and what was expected
//! - [`codec`]: canonical bytes, hashes, commitments
//! - [`merkle`]: the tree over entries, inclusion and consistency proofs
//! - [`checkpoint`]: the tree's size and root as a signed note, and who cosigned it
//! - [`tile`]: the tree as files that any web server can serve
//! - [`proof`]: inclusion and consistency as files of text
//! - [`quorum`]: whose cosignatures are enough
//! - [`witness`]: what a witness answers to a log
//! - [`statement`]: claims about digests as in-toto Statements in DSSE envelopes
//! - [`symbols`]: strings by number
//! - [`entry`]: an entry as it is read back
//! - [`exhibit`]: an entry with what its hashes are made over, to be shown to somebody
//! - [`attested`]: verdicts on record, by decision
//! - [`policy`]: packs, params, schema, and the only use of Cedar
//! - [`timeline`]: the fold: state as of a decision, in either view
//! - [`lineage`]: from a decision's signals down to its uses
//! - [`judge`]: facts in, verdict out
//! - [`derive`](mod@derive): the reference deriver: labels and signals from text
//! - [`disk`]: what a ledger asks of a disk, so that tests can put a failing one beneath it
//! - [`journal`]: segment files of commit groups: the truth
//! - [`keyring`]: sealing and erasing
//! - [`spill`]: what does not fit into memory, put aside sealed
//! - [`index`]: where to find what; the only use of sled, and rebuildable
//! - [`ledger`]: the one writer, and everyone who reads
//! - [`http`]: a witness that serves, and a ledger that asks witnesses
//! - [`replay`]: many decisions, in parallel
//! - [`query`]: what auditors ask: verdicts as rows
//! - [`search`]: decisions and facts by what they say, out of a ledger
//! - [`report`]: a span of time as counts, and as a page that stands alone
//! - [`explain`]: one decision for a person
//! - [`bundle`]: evidence about one decision, for somebody who trusts nobody
//! - [`evidence`]: bundles out of a ledger
//! - [`provenance`]: one decision's lineage as PROV-JSON
//! - [`cli`]: the command line, a file a command
//!
//! # Where to begin
//!
//! [`ledger::Ledger::create`] or [`ledger::Ledger::open`], then [`wire::parse`], [`ledger::Ledger::append`],
//! [`ledger::Ledger::load`] and [`judge::judge`]. The README has it in one piece, and it compiles.

pub mod fact;
pub mod wire;
pub mod codec;
pub mod merkle;
pub mod checkpoint;
pub mod tile;
pub mod proof;
pub mod quorum;
pub mod witness;
pub mod statement;
pub mod symbols;
pub mod entry;
pub mod exhibit;
pub mod attested;
pub mod policy;
pub mod timeline;
pub mod lineage;
pub mod judge;
pub mod derive;
pub mod disk;
pub mod journal;
pub mod keyring;
pub mod spill;
pub mod index;
pub mod ledger;
pub mod http;
pub mod replay;
pub mod query;
pub mod search;
pub mod report;
pub mod explain;
pub mod bundle;
pub mod evidence;
pub mod provenance;
pub mod demo;
pub mod cli;

/// The code in README.md and docs/ compiles and runs.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/architecture.md")]
    struct Architecture;
    #[doc = include_str!("../docs/decisions.md")]
    struct Decisions;
    #[doc = include_str!("../docs/format.md")]
    struct Format;
    #[doc = include_str!("../docs/policies.md")]
    struct Policies;
}
