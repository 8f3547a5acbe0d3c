//! The reference deriver: a turn's text in; its sensitive categories, its topics and the interests they signal out.
//!
//! A lexicon, weights and a few rules: the same text gives the same labels on every machine, and `evidence` names the
//! words that carried each of them. It is there so that a ledger can be tried and its labels argued about, not to be
//! the best classifier: docs/derive.md has its figures. Deliberately absent: models, training, clocks, disk, network.

mod labels;
mod lexicon;
mod normal;
mod score;
mod signal;
mod topic;

pub use labels::Labels;
pub use lexicon::Lexicon;
pub use score::Evidence;
pub use signal::Signal;
pub use topic::{TAXONOMY, topic_name, topic_taxonomy};

/// The deriver's name, as labels and signals cite it.
pub const NAME: &str = "inforce-reference";
/// The deriver's version; its digest says more.
pub const VERSION: &str = "1";
