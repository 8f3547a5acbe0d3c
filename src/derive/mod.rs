//! The reference deriver: a turn's text in; its sensitive categories, its topics and the interests they signal out.
//!
//! A lexicon, weights and a few rules: the same text gives the same labels on every machine, and `evidence` names the
//! words that carried each of them. It is there so that a ledger can be tried and its labels argued about, not to be
//! the best classifier: docs/derive.md has its figures. `gaps` folds a ledger's entries into the facts that are missing from
//! it, `rederive` into those that do not come out the same again. Deliberately absent: models, training, clocks, disk, network.

mod gaps;
mod labels;
mod lexicon;
mod normal;
mod rederive;
mod score;
mod signal;
mod topic;
mod turn;

pub use gaps::{Filling, Gaps};
pub use labels::Labels;
pub use lexicon::Lexicon;
pub use rederive::{Again, Rederive, Rederived, Unchecked};
pub use score::Evidence;
pub use signal::Signal;
pub use topic::{TAXONOMY, topic_name, topic_taxonomy};
pub use turn::{SOURCE, Turn, program, signals};

/// The deriver's name, as labels and signals cite it.
pub const NAME: &str = "inforce-reference";
/// The deriver's version; its digest says more.
pub const VERSION: &str = "1";
