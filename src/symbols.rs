//! Strings by number: topics, apps, regions and the like are compared as integers while judging.

use foldhash::HashMap;

/// A string's number in one [`Symbols`]; meaningless in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(pub u32);

/// The table.
#[derive(Debug, Default, Clone)]
pub struct Symbols {
    by_name: HashMap<Box<str>, Sym>,
    names: Vec<Box<str>>,
}

impl Symbols {
    /// The number of `name`, given now if it had none.
    pub fn intern(&mut self, name: &str) -> Sym {
        if let Some(&sym) = self.by_name.get(name) {
            return sym;
        }
        let sym = Sym(u32::try_from(self.names.len()).expect("fewer than 2^32 distinct strings"));
        self.names.push(name.into());
        self.by_name.insert(name.into(), sym);
        sym
    }

    /// The string of a number.
    pub fn name(&self, sym: Sym) -> &str {
        &self.names[sym.0 as usize]
    }

    /// The number of `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<Sym> {
        self.by_name.get(name).copied()
    }
}
