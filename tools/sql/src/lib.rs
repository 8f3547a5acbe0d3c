//! SQL over a ledger: its facts, the uses behind its decisions and the verdicts of both views, as tables.
//!
//! Reads only, and judges as `inforce replay` does: where the ledger is not what was recorded there is no answer. The text of
//! chats is in no table. In the order of data flow: [`cells`] and [`tables`] say what the columns are and fill them;
//! [`bounds`] is what a scan is narrowed by; [`source`] reads the ledger once for every scan of a query; [`judging`] judges
//! in parallel and hands out in order; [`kept`] reads verdicts that were judged before; [`provider`] shows all of these to
//! DataFusion; [`query`] asks; [`output`] prints; [`export`] writes files.

pub mod bounds;
pub mod cells;
pub mod error;
pub mod export;
pub mod judging;
pub mod kept;
pub mod output;
pub mod provider;
pub mod query;
pub mod source;
pub mod tables;
