//! The seven sensitive categories, and sets of them.

use bincode::{Decode, Encode};

/// A sensitive category, by its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Category {
    ReligiousViews,
    SexualOrientation,
    PoliticalViews,
    Health,
    RacialOrEthnicOrigin,
    PhilosophicalBeliefs,
    TradeUnionMembership,
}

impl Category {
    /// All seven, in wire order.
    pub const ALL: [Category; 7] = [
        Category::ReligiousViews,
        Category::SexualOrientation,
        Category::PoliticalViews,
        Category::Health,
        Category::RacialOrEthnicOrigin,
        Category::PhilosophicalBeliefs,
        Category::TradeUnionMembership,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Category::ReligiousViews => "religious_views",
            Category::SexualOrientation => "sexual_orientation",
            Category::PoliticalViews => "political_views",
            Category::Health => "health",
            Category::RacialOrEthnicOrigin => "racial_or_ethnic_origin",
            Category::PhilosophicalBeliefs => "philosophical_beliefs",
            Category::TradeUnionMembership => "trade_union_membership",
        }
    }

    /// The category of that name.
    pub fn parse(name: &str) -> Option<Category> {
        Category::ALL.into_iter().find(|category| category.name() == name)
    }
}

/// A set of categories, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Categories(pub u8);

impl Categories {
    /// All seven.
    pub const ALL: Categories = Categories(0x7f);

    /// True if no category is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    pub fn union(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    /// The categories of the set, in wire order.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |&category| self.0 & (1 << category as u8) != 0)
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(items: I) -> Categories {
        Categories(items.into_iter().fold(0, |bits, category| bits | (1 << category as u8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_agree() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.name()), Some(category));
        }
        let two: Categories = [Category::Health, Category::PoliticalViews].into_iter().collect();
        assert_eq!(two.iter().map(Category::name).collect::<Vec<_>>(), ["political_views", "health"]);
        assert_eq!(Category::ALL.into_iter().collect::<Categories>(), Categories::ALL);
    }
}
