//! Strings by number: topics, apps, regions and the like are compared as integers while judging.
//!
//! A world has about as many strings as conversations, so they stand in one text, and are found by their hashes.

use foldhash::HashMap;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// A string's number in one [`Symbols`]; meaningless in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(pub u32);

/// The table.
#[derive(Debug, Default, Clone)]
pub struct Symbols {
    names: Strings,
    /// The last symbol of a hash.
    by_hash: HashMap<u64, Sym>,
    /// The symbol before that has the same hash, which hardly ever is one.
    older: Vec<Option<Sym>>,
    hasher: RandomState,
}

impl Symbols {
    /// Makes room for so many more, of so many bytes.
    pub fn reserve(&mut self, count: usize, bytes: usize) {
        self.names.reserve(count, bytes);
        self.by_hash.reserve(count);
        self.older.reserve(count);
    }

    /// The number of `name`, given now if it had none.
    pub fn intern(&mut self, name: &str) -> Sym {
        let hash = self.hasher.hash_one(name);
        if let Some(sym) = self.find(hash, name) {
            return sym;
        }
        let sym = Sym(u32::try_from(self.names.len()).expect("fewer than 2^32 distinct strings"));
        self.names.push(name);
        self.older.push(self.by_hash.insert(hash, sym));
        sym
    }

    /// The string of a number.
    pub fn name(&self, sym: Sym) -> &str {
        self.names.at(sym.0 as usize)
    }

    /// Every string, in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.names.len()).map(|place| self.names.at(place))
    }

    /// The number of `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<Sym> {
        self.find(self.hasher.hash_one(name), name)
    }

    fn find(&self, hash: u64, name: &str) -> Option<Sym> {
        let mut found = self.by_hash.get(&hash).copied();
        while let Some(sym) = found.filter(|&sym| self.name(sym) != name) {
            found = self.older[sym.0 as usize];
        }
        found
    }
}

/// A list of strings in one piece of memory.
#[derive(Debug, Default, Clone)]
pub struct Strings {
    text: String,
    ends: Vec<u64>,
}

impl Strings {
    /// Makes room for so many more, of so many bytes.
    pub fn reserve(&mut self, count: usize, bytes: usize) {
        self.ends.reserve(count);
        self.text.reserve(bytes);
    }

    /// Adds one at the end.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u64);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The one at a place.
    pub fn at(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[place] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_keeps_it() {
        let mut symbols = Symbols::default();
        let names: Vec<String> = (0..1000).map(|number| "ä".repeat(number % 7) + &(number / 3).to_string()).collect();
        let given: Vec<Sym> = names.iter().map(|name| symbols.intern(name)).collect();
        for (name, sym) in names.iter().zip(given) {
            assert_eq!((symbols.intern(name), symbols.get(name), symbols.name(sym)), (sym, Some(sym), name.as_str()));
        }
        assert_eq!(symbols.get("nobody"), None);
        assert_eq!(
            (symbols.intern(""), symbols.intern("")),
            (symbols.get("").expect("given"), symbols.get("").expect("given"))
        );
    }

    #[test]
    fn names_of_one_hash_are_told_apart() {
        let mut symbols = Symbols::default();
        let (one, other) = (symbols.intern("one"), symbols.intern("other"));
        // As if both hashed alike.
        let hash = symbols.hasher.hash_one("one");
        symbols.by_hash.insert(hash, other);
        symbols.older[other.0 as usize] = Some(one);
        assert_eq!(
            (symbols.get("one"), symbols.find(hash, "other"), symbols.find(hash, "third")),
            (Some(one), Some(other), None)
        );
    }
}
