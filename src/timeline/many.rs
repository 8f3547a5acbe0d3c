//! Many values a key, in two lists: a map of lists would take several times their space.

/// Values by key. What was added is found once [`Many::order`] ran.
pub(super) struct Many<K, V> {
    added: Vec<(K, V)>,
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K, V> Default for Many<K, V> {
    fn default() -> Many<K, V> {
        Many { added: Vec::new(), keys: Vec::new(), values: Vec::new() }
    }
}

impl<K: Ord + Copy, V> Many<K, V> {
    /// Makes room for so many more.
    pub fn reserve(&mut self, count: usize) {
        self.added.reserve(count);
    }

    /// Adds a value.
    pub fn add(&mut self, key: K, value: V) {
        self.added.push((key, value));
    }

    /// Puts values in the order of their keys, those of one key in the order of what `by` says of them.
    pub fn order<O: Ord>(&mut self, by: impl Fn(&V) -> O) {
        let mut all: Vec<(K, V)> =
            std::mem::take(&mut self.keys).into_iter().zip(std::mem::take(&mut self.values)).collect();
        all.append(&mut self.added);
        self.added = Vec::new();
        all.sort_by(|(key, value), (other, others)| key.cmp(other).then_with(|| by(value).cmp(&by(others))));
        (self.keys, self.values) = all.into_iter().unzip();
    }

    /// Where the values of each key begin in [`Many::values`], for keys that are places below `count`; then the end.
    pub fn starts(&self, count: usize, place: impl Fn(K) -> usize) -> Vec<u32> {
        let mut starts = vec![0; count + 1];
        self.keys.iter().for_each(|&key| starts[place(key) + 1] += 1);
        (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
        starts
    }

    /// All of them, in the order of their keys.
    pub fn values(&self) -> &[V] {
        &self.values
    }

    /// The values of a key.
    pub fn of(&self, key: K) -> &[V] {
        let start = self.keys.partition_point(|&other| other < key);
        let len = self.keys[start..].iter().take_while(|&&other| other == key).count();
        &self.values[start..start + len]
    }
}
