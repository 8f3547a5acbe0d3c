//! A list in blocks that never grow: nothing is copied when it does, and no more is left unused than a block.

/// Elements a block.
const BLOCK: usize = 1 << 12;

pub struct Blocks<T> {
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Blocks { blocks: Vec::new(), len: 0 }
    }
}

impl<T> Blocks<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, place: usize) -> Option<&T> {
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    pub fn push(&mut self, element: T) {
        let number = self.len / BLOCK;
        if number == self.blocks.len() {
            // Most lists are short: the first one grows.
            self.blocks.push(if number == 0 { Vec::new() } else { Vec::with_capacity(BLOCK) });
        }
        self.blocks[number].push(element);
        self.len += 1;
    }

    /// Forgets all of them; their room stays.
    pub fn clear(&mut self) {
        self.blocks.iter_mut().for_each(Vec::clear);
        self.len = 0;
    }
}

impl<T: Default> Blocks<T> {
    /// What stands at a place, where nothing stood so far: then the default, there and before it.
    pub fn at_mut(&mut self, place: usize) -> &mut T {
        while self.len <= place {
            self.push(T::default());
        }
        &mut self[place]
    }
}

impl<T> std::ops::Index<usize> for Blocks<T> {
    type Output = T;
    fn index(&self, place: usize) -> &T {
        &self.blocks[place / BLOCK][place % BLOCK]
    }
}

impl<T> std::ops::IndexMut<usize> for Blocks<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.blocks[place / BLOCK][place % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_pushed_and_begins_anew() {
        let mut list = Blocks::default();
        for end in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
            (0..end).for_each(|n| list.push(n));
            assert!(list.len() == end && (0..end).all(|n| list[n] == n));
            list.clear();
        }
        assert_eq!((list.len(), list.get(0)), (0, None));
        *list.at_mut(BLOCK) = 7;
        assert_eq!((list.len(), list.get(BLOCK - 1), list.get(BLOCK)), (BLOCK + 1, Some(&0), Some(&7)));
    }
}
