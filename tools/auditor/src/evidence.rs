//! The entries of a bundle, decoded, and found by seq, by hash, and by stream.

use crate::bundle::{Entry, Shown};
use crate::hash::{Hash, StreamId, entry_hash};
use crate::header::{Header, Link};
use crate::record::{Kind, Record};
use std::collections::{BTreeMap, HashMap};

/// One entry of the bundle.
pub struct Item<'a> {
    pub entry: &'a Entry,
    pub header: Header,
    pub hash: Hash,
    /// What its body says, if that is open; `None` before openings were checked.
    pub record: Option<Record>,
}

impl Item<'_> {
    pub fn kind(&self) -> Kind {
        self.header.kind
    }

    /// The entries that it refers to, by seq.
    pub fn cites(&self) -> impl Iterator<Item = u64> {
        self.header.links.iter().filter_map(|link| match link {
            Link::Resolved { seq, .. } => Some(*seq),
            Link::Unresolved { .. } => None,
        })
    }

    pub fn is_withheld(&self) -> bool {
        matches!(self.entry.body, Shown::Withheld)
    }
}

/// All of them. Items ascend in seq.
pub struct Evidence<'a> {
    pub items: Vec<Item<'a>>,
    by_hash: HashMap<Hash, usize>,
    /// Items of each stream, by place in `items`, ascending in revision.
    streams: BTreeMap<StreamId, Vec<(u64, usize)>>,
    decision: usize,
}

impl<'a> Evidence<'a> {
    /// Decodes every header. Refused: one that does not decode or carries another seq, a stream with a revision twice,
    /// and evidence without the decision.
    pub fn decode(entries: &'a [Entry], decision: u64) -> Result<Self, String> {
        let mut items = Vec::with_capacity(entries.len());
        for entry in entries {
            let header =
                Header::decode(&entry.header).map_err(|why| format!("entry {}: its header: {why}", entry.seq))?;
            if header.seq != entry.seq {
                return Err(format!("entry {}: its header is that of entry {}", entry.seq, header.seq));
            }
            items.push(Item { entry, hash: entry_hash(&entry.header), header, record: None });
        }
        let mut by_hash = HashMap::new();
        let mut streams: BTreeMap<StreamId, Vec<(u64, usize)>> = BTreeMap::new();
        for (place, item) in items.iter().enumerate() {
            by_hash.insert(item.hash, place);
            for link in &item.header.streams {
                streams.entry(link.stream).or_default().push((link.revision, place));
            }
        }
        for (stream, members) in &mut streams {
            members.sort_unstable();
            if !members.is_sorted_by(|left, right| left.0 < right.0) {
                return Err(format!("stream {stream}: a revision is there twice"));
            }
        }
        let decision = items
            .binary_search_by_key(&decision, |item| item.header.seq)
            .map_err(|_| format!("the decision, entry {decision}, is not there"))?;
        Ok(Self { items, by_hash, streams, decision })
    }

    pub fn decision(&self) -> &Item<'a> {
        // It was found when this was made, and items are never taken away.
        &self.items[self.decision]
    }

    pub fn place(&self, seq: u64) -> Option<usize> {
        self.items.binary_search_by_key(&seq, |item| item.header.seq).ok()
    }

    pub fn by_seq(&self, seq: u64) -> Option<&Item<'a>> {
        self.place(seq).and_then(|place| self.items.get(place))
    }

    pub fn place_of_hash(&self, hash: &Hash) -> Option<usize> {
        self.by_hash.get(hash).copied()
    }

    /// A stream's items with their revisions, ascending.
    pub fn stream(&self, stream: StreamId) -> impl DoubleEndedIterator<Item = (u64, &Item<'a>)> {
        let members = self.streams.get(&stream).map(Vec::as_slice).unwrap_or_default();
        members.iter().filter_map(|(revision, place)| Some((*revision, self.items.get(*place)?)))
    }

    pub fn stream_ids(&self) -> impl Iterator<Item = StreamId> {
        self.streams.keys().copied()
    }

    /// The streams of policies, as far as one of their entries is there.
    pub fn policies(&self) -> impl Iterator<Item = StreamId> {
        self.stream_ids().filter(|stream| self.stream(*stream).any(|(_, item)| item.kind() == Kind::POLICY))
    }

    /// In the true view an entry counts if it happened before the decision; in the known view only one of lower seq.
    pub fn counts(&self, item: &Item, view: View) -> bool {
        let decision = &self.decision().header;
        item.header.moment() < decision.moment() && (view == View::True || item.header.seq < decision.seq)
    }
}

/// What the ledger knew when it decided, or what it knows today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Known,
    True,
}
