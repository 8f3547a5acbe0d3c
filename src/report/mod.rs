//! What a ledger shows of a span of time, for somebody who has to answer for it: counts, and a page that stands alone.
//!
//! Counts are folded from verdicts as rows and from the facts of the world; the page and its charts are made of the counts
//! and of nothing else. `docs/format.md` has every member of the JSON.
//!
//! Decisions and other facts belong to the span in which they happened. Deliberately absent: the ledger, files, and any
//! clock: the same ledger and span give the same page.

mod chart;
mod count;
mod page;
mod tally;

pub use count::*;
pub use page::to_html;
pub use tally::Tally;
