//! A Bloom filter over the ids in sled: most new facts are new, and it says so without a look-up.

/// Bits for one id; with [`PROBES`] about one in a thousand absent ids is looked up in vain.
const BITS_PER_ID: u64 = 16;
const PROBES: u64 = 8;
/// Ids of the first layer; each layer holds twice as many as the one before.
const FIRST: u64 = 1 << 20;
/// Words a stored chunk: values of 4 KiB.
const CHUNK: usize = 512;

/// Layers of doubling size, so that the filter grows with the ledger.
#[derive(Default)]
pub struct Filter {
    layers: Vec<Layer>,
}

struct Layer {
    words: Vec<u64>,
    held: u64,
    capacity: u64,
    changed: Vec<bool>,
}

impl Layer {
    fn new(capacity: u64) -> Layer {
        let words = (capacity * BITS_PER_ID / 64) as usize;
        Layer { words: vec![0; words], held: 0, capacity, changed: vec![false; words.div_ceil(CHUNK)] }
    }

    /// Ids are hashes already: two halves make the probes (Kirsch and Mitzenmacher).
    fn probes(&self, id: u64) -> impl Iterator<Item = u64> + use<> {
        let bits = self.words.len() as u64 * 64;
        let step = (id >> 32) | 1;
        (0..PROBES)
            .map(move |n| id.wrapping_add(n.wrapping_mul(step)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20)
            .map(move |hash| hash % bits)
    }
}

impl Filter {
    /// Adds ids.
    pub fn extend(&mut self, ids: impl Iterator<Item = u64>) {
        for id in ids {
            if self.layers.last().is_none_or(|layer| layer.held == layer.capacity) {
                self.layers.push(Layer::new(FIRST << self.layers.len()));
            }
            let layer = self.layers.last_mut().expect("pushed above");
            for bit in layer.probes(id) {
                layer.words[(bit / 64) as usize] |= 1 << (bit % 64);
                layer.changed[(bit / 64) as usize / CHUNK] = true;
            }
            layer.held += 1;
        }
    }

    /// False if the id was never added.
    pub fn may_hold(&self, id: u64) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.probes(id).all(|bit| layer.words[(bit / 64) as usize] & (1 << (bit % 64)) != 0))
    }

    /// Writes the chunks that changed.
    pub fn save(&mut self, db: &sled::Db) -> Result<(), sled::Error> {
        for (number, layer) in self.layers.iter_mut().enumerate() {
            for (chunk, words) in layer.words.chunks(CHUNK).enumerate().filter(|(chunk, _)| layer.changed[*chunk]) {
                db.insert(key(number, chunk), words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>())?;
            }
            layer.changed.fill(false);
        }
        Ok(())
    }

    /// Reads the filter over `held` ids.
    pub fn load(db: &sled::Db, mut held: u64) -> Result<Filter, sled::Error> {
        let mut filter = Filter::default();
        while held > 0 {
            let number = filter.layers.len();
            let mut layer = Layer::new(FIRST << number);
            for (chunk, words) in layer.words.chunks_mut(CHUNK).enumerate() {
                let Some(value) = db.get(key(number, chunk))? else { continue };
                for (word, bytes) in words.iter_mut().zip(value.chunks_exact(8)) {
                    *word = u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
                }
            }
            layer.held = held.min(layer.capacity);
            held -= layer.held;
            filter.layers.push(layer);
        }
        Ok(filter)
    }
}

fn key(layer: usize, chunk: usize) -> [u8; 6] {
    let mut key = [b'f'; 6];
    key[1] = layer as u8;
    key[2..].copy_from_slice(&(chunk as u32).to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> u64 {
        u64::from_le_bytes(blake3::hash(&n.to_le_bytes()).as_bytes()[..8].try_into().expect("eight bytes"))
    }

    #[test]
    fn never_denies_what_it_holds_and_seldom_claims_what_it_does_not() {
        let mut filter = Filter::default();
        filter.extend((0..50_000).map(id));
        assert!((0..50_000).all(|n| filter.may_hold(id(n))));
        let wrong = (50_000..150_000).filter(|&n| filter.may_hold(id(n))).count();
        assert!(wrong < 300, "{wrong} of 100,000");
    }
}
