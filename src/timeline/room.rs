//! How much a world is to hold, as far as that can be told before: lists that grow are copied, each time to memory that is
//! fresh.

use super::World;
use crate::fact::Kind;

/// How many of each a world has, more or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Room {
    pub entries: usize,
    pub accounts: usize,
    pub conversations: usize,
    interactions: usize,
    labels: usize,
    signals: usize,
    decisions: usize,
}

impl Room {
    /// Of so many entries, of which nothing else is known.
    pub fn of(entries: usize) -> Room {
        Room { entries, ..Room::default() }
    }

    /// Counts an entry.
    pub fn count(&mut self, kind: Kind) {
        self.entries += 1;
        match kind {
            Kind::InteractionRecorded => self.interactions += 1,
            Kind::InteractionLabelled => self.labels += 1,
            Kind::SignalDerived => self.signals += 1,
            Kind::DecisionMade => self.decisions += 1,
            _ => {}
        }
    }

    /// What `entries` of these entries have of everything, if they are like the others, and a sixteenth more.
    pub fn share(&self, entries: usize) -> Room {
        let share = |of: usize| {
            let even = of as u128 * entries as u128 / self.entries.max(1) as u128;
            (even + even / 16) as usize
        };
        Room {
            entries,
            accounts: share(self.accounts),
            conversations: share(self.conversations),
            interactions: share(self.interactions),
            labels: share(self.labels),
            signals: share(self.signals),
            decisions: share(self.decisions),
        }
    }
}

impl World {
    /// An empty one with so much room.
    pub fn with_room(room: &Room) -> World {
        let mut world = World::default();
        world.nodes.reserve(room.entries);
        world.sources.reserve(room.entries);
        world.ids.reserve(room.entries, 16 * room.entries);
        world.links.reserve(room.entries / 2);
        world.accounts.reserve(room.accounts);
        world.by_stream.reserve(room.accounts);
        world.symbols.reserve(room.conversations, 16 * room.conversations);
        world.interactions.reserve(room.interactions);
        world.turns.reserve(room.interactions);
        world.labels.reserve(room.labels);
        world.signals.reserve(room.signals);
        world.decisions.reserve(room.decisions);
        world
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_entries_has_its_part_of_everything() {
        let mut all = Room { accounts: 800, conversations: 3, ..Room::default() };
        (0..1600).for_each(|n| {
            all.count(match n % 10 {
                0 | 5 => Kind::DecisionMade,
                1 => Kind::SignalDerived,
                _ => Kind::InteractionRecorded,
            })
        });
        let half = all.share(800);
        assert_eq!((half.entries, half.accounts, half.conversations), (800, 425, 1));
        assert_eq!((half.decisions, half.signals, half.interactions, half.labels), (170, 85, 595, 0));
        assert_eq!(Room::default().share(9), Room::of(9));
        let world = World::with_room(&half);
        let lists = [
            (world.nodes.capacity(), 800),
            (world.sources.capacity(), 800),
            (world.links.capacity(), 400),
            (world.accounts.capacity(), 425),
            (world.by_stream.capacity(), 425),
            (world.interactions.capacity(), 595),
            (world.signals.capacity(), 85),
            (world.decisions.capacity(), 170),
        ];
        assert!(lists.iter().all(|(room, wanted)| room >= wanted), "{lists:?}");
    }
}
