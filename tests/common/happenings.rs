//! What happens to some accounts, at random: most of it changes what the next decision pins, and some of it comes late.

use super::events::{age, chat, decision, erased, event, signal};
use super::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Events without an end, each with an id of its own.
pub struct Happenings {
    pub random: Random,
    /// Of the policies and erasures that would come, one in so many does.
    rarity: u64,
    /// Texts are at most so much longer than their ids, in bytes.
    text_len: u64,
    /// Events so far.
    count: u64,
    /// What each account said last, and what was derived of it last.
    chats: BTreeMap<String, String>,
    signals: BTreeMap<String, String>,
}

impl Happenings {
    pub fn new(seed: u64) -> Happenings {
        let (chats, signals) = (BTreeMap::new(), BTreeMap::new());
        Happenings { random: Random(seed), rarity: 1, text_len: 0, count: 0, chats, signals }
    }

    /// For groups of hundreds: an erasure ends its group, and is to leave some that are large.
    pub fn for_large_groups(seed: u64) -> Happenings {
        Happenings { rarity: 10, text_len: 2500, ..Happenings::new(seed) }
    }

    /// The next `len` events, of `accounts` accounts in a third as many centers.
    pub fn group(&mut self, len: u64, accounts: u64) -> Vec<Value> {
        (0..len).map(|_| self.next(accounts)).collect()
    }

    fn next(&mut self, accounts: u64) -> Value {
        self.count += 1;
        let (id, subject) = (format!("e{}", self.count), format!("facebook/{}", self.random.below(accounts)));
        match self.random.below(20) {
            0..4 => self.moved("linked", &id, &subject, accounts),
            4..6 => self.moved("unlinked", &id, &subject, accounts),
            6..10 => decision(&id, &subject, self.signals.get(&subject).map_or("none", String::as_str)),
            10..12 => {
                let signal = signal(&id, &subject, self.chats.get(&subject).map_or("none", String::as_str));
                self.signals.insert(subject, id);
                signal
            }
            12..15 => {
                let rest = "x".repeat(self.random.below(self.text_len + 1) as usize);
                let chat = chat(&id, &subject, &format!("about {id} {rest}"));
                self.chats.insert(subject, id);
                chat
            }
            15 if self.random.once_in(self.rarity) => policy(&id, &format!("house{}", self.random.below(2))),
            16 if self.random.once_in(self.rarity) => {
                erased(&id, &subject, if self.random.once_in(3) { "all" } else { "content" })
            }
            _ => age(&id, &subject),
        }
    }

    /// In or out of a center, on some day before or after that of all decisions.
    fn moved(&mut self, how: &str, id: &str, subject: &str, accounts: u64) -> Value {
        let center = json!({ "center": format!("c{}", self.random.below(accounts / 3)) });
        let time = format!("2025-12-{}T12:00:00Z", 20 + self.random.below(6));
        event(id, &format!("inforce.account.{how}"), subject, &time, center)
    }
}

/// A small policy that permits everything: the built-in ones take longer to judge by than all the rest here together.
pub fn policy(id: &str, name: &str) -> Value {
    let cedar = "@id(\"ok\") permit (principal, action, resource);";
    let data = json!({ "version": id, "in_force_from": "2025-12-01T00:00:00Z", "role": "platform", "cedar": cedar });
    event(id, "inforce.policy.adopted", name, "2025-11-20T12:00:00Z", data)
}
