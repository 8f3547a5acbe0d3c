//! What was made lately, by what it was made of: a program that looks decisions up one by one reads the same few policies for
//! each of them.
//!
//! INVARIANT (nobody can tell): what is kept is told by its key alone, which is held to the whole of it. Whichever ledger or
//! world asks, and whatever was asked before, the answer is the one that it would make itself. What failed is not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How many are kept; with one more it begins again.
const MOST: usize = 64;

/// Values of a pure function by its arguments.
pub struct Lately<K, V>(Mutex<BTreeMap<K, Arc<V>>>);

impl<K: Ord, V> Lately<K, V> {
    /// Nothing yet.
    pub const fn new() -> Lately<K, V> {
        Lately(Mutex::new(BTreeMap::new()))
    }

    /// What `make` makes of `key` and of nothing else, or what it made.
    pub fn of<E>(&self, key: K, make: impl FnOnce(&K) -> Result<V, E>) -> Result<Arc<V>, E> {
        if let Some(made) = self.0.lock().expect("no holder panics").get(&key) {
            return Ok(made.clone());
        }
        let made = Arc::new(make(&key)?);
        let mut all = self.0.lock().expect("no holder panics");
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_made_once_and_few_are_kept() {
        let lately = Lately::new();
        let made = |number: u64| lately.of(number, |&number| Ok::<u64, ()>(number * 2)).expect("made");
        let first = made(0);
        assert!(Arc::ptr_eq(&first, &made(0)));
        assert_eq!((*first, *made(1)), (0, 2));
        assert_eq!(lately.of(2, |_| Err("no")), Err("no"));
        assert_eq!(*made(2), 4, "what failed is made again");
        (0..10 * MOST as u64).for_each(|number| assert_eq!(*made(number), number * 2));
        assert!(lately.0.lock().expect("no holder panics").len() <= MOST);
    }
}
