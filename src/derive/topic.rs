//! The topics that a text can be about, from topics.tsv: id, name, and the sensitive category that the topic belongs to.
//!
//! Ids are those of the IAB's Content Taxonomy 3.1 where it has a node. Which topics are sensitive is this project's own
//! reading: the taxonomy's flag for it is not used.

use super::labels::CATEGORIES;
use std::sync::OnceLock;

/// The taxonomy that `iab:` ids are from.
pub const TAXONOMY: &str = "IAB Content Taxonomy 3.1";

pub(super) const TOPICS_TSV: &str = include_str!("topics.tsv");

/// A row of the table.
pub(super) struct Topic {
    pub id: &'static str,
    pub name: &'static str,
    /// An index into the categories.
    pub category: Option<usize>,
}

/// The table, sorted by id.
pub(super) fn topics() -> &'static [Topic] {
    static TOPICS: OnceLock<Vec<Topic>> = OnceLock::new();
    TOPICS.get_or_init(|| TOPICS_TSV.lines().map(parse).collect())
}

/// The row of a topic id.
pub(super) fn find(id: &str) -> Option<usize> {
    topics().binary_search_by(|topic| topic.id.cmp(id)).ok()
}

/// The topic's name for people; none for an id that this deriver does not use.
pub fn topic_name(id: &str) -> Option<&'static str> {
    find(id).map(|at| topics()[at].name)
}

/// The taxonomy that a topic id belongs to, if it is not a word of our own.
pub fn topic_taxonomy(id: &str) -> Option<&'static str> {
    id.starts_with("iab:").then_some(TAXONOMY)
}

fn parse(line: &'static str) -> Topic {
    let mut columns = line.split('\t');
    let (Some(id), Some(name), category, None) = (columns.next(), columns.next(), columns.next(), columns.next())
    else {
        panic!("topics.tsv: expected an id, a name and at most a category: `{line}`");
    };
    let index = |name| CATEGORIES.iter().position(|category| category.name == name);
    Topic {
        id,
        name,
        category: category.map(|name| index(name).unwrap_or_else(|| panic!("topics.tsv: no category `{name}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_well_formed_sorted_and_unique() {
        for pair in topics().windows(2) {
            assert!(pair[0].id < pair[1].id, "{} before {}", pair[0].id, pair[1].id);
        }
        for topic in topics() {
            let word = |s: &str, ok: fn(char) -> bool| !s.is_empty() && s.chars().all(ok);
            match topic.id.strip_prefix("iab:") {
                // The taxonomy numbers its older nodes, and gives newer ones six letters and digits.
                Some(id) if id.len() == 6 => {
                    assert!(word(id, |c| c.is_ascii_alphanumeric()), "{}", topic.id)
                }
                Some(id) => {
                    assert!(id.len() <= 3 && !id.starts_with('0') && word(id, |c| c.is_ascii_digit()), "{}", topic.id)
                }
                None => assert!(word(topic.id, |c| c.is_ascii_lowercase() || c == '_'), "{}", topic.id),
            }
            assert!(!topic.name.trim().is_empty() && topic.name.trim() == topic.name);
        }
    }

    #[test]
    fn every_category_has_a_topic_of_its_own() {
        for (index, category) in CATEGORIES.iter().enumerate() {
            let at = find(category.topic).unwrap_or_else(|| panic!("no topic `{}`", category.topic));
            assert_eq!(topics()[at].category, Some(index));
        }
    }

    #[test]
    fn names_are_for_people() {
        assert_eq!(topic_name("iab:459"), Some("Christianity"));
        assert_eq!(topic_name("trade_unions"), Some("Trade unions"));
        assert_eq!(topic_name("iab:0"), None);
        assert_eq!(topic_taxonomy("iab:459"), Some("IAB Content Taxonomy 3.1"));
        assert_eq!(topic_taxonomy("trade_unions"), None);
    }
}
