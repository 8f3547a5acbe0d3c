//! An interest that a text gives away: one a topic.

use super::topic::topic_taxonomy;

/// What an `inforce.signal.derived` of this deriver says, but for its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The topic's id.
    pub topic: &'static str,
    /// Where the id is from, if it is not our own word.
    pub taxonomy: Option<&'static str>,
    /// The signal's own label: the category that the topic itself belongs to.
    pub sensitive: Vec<&'static str>,
    /// Grows with the evidence. It ranks; it is not a probability.
    pub confidence_ppm: u32,
}

impl Signal {
    pub(super) fn new(topic: &'static str, category: Option<&'static str>, score: i32) -> Self {
        let score = u64::from(score.max(0).unsigned_abs());
        Self {
            topic,
            taxonomy: topic_taxonomy(topic),
            sensitive: category.into_iter().collect(),
            confidence_ppm: (score * 1_000_000 / (score + 4)) as u32,
        }
    }
}
