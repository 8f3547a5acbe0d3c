//! What a labelled text is labelled with, and the seven categories.

/// The labels of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Wire names of sensitive categories, in wire order.
    pub sensitive: Vec<&'static str>,
    /// Topic ids, sorted: `iab:<unique id>` or a snake_case word.
    pub topics: Vec<&'static str>,
}

/// A sensitive category.
pub(super) struct Category {
    /// Its name on the wire.
    pub name: &'static str,
    /// The topic given to a text of the category that has no narrower one.
    pub topic: &'static str,
}

/// All of them, in wire order.
pub(super) const CATEGORIES: [Category; 7] = [
    Category { name: "religious_views", topic: "iab:453" },
    Category { name: "sexual_orientation", topic: "orientation" },
    Category { name: "political_views", topic: "iab:386" },
    Category { name: "health", topic: "iab:286" },
    Category { name: "racial_or_ethnic_origin", topic: "ethnic_origin" },
    Category { name: "philosophical_beliefs", topic: "philosophy" },
    Category { name: "trade_union_membership", topic: "trade_unions" },
];
