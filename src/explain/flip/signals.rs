//! Changes of what the decision and its signals were about, and of how signals name what they rest on.

use super::around::conversation;
use super::change::{List, changed};
use super::edit::Edit;
use crate::codec::Link;
use crate::entry::Entry;
use crate::explain::words::{clean, item};
use crate::fact::*;
use std::sync::Arc;

/// A topic that nobody has a rule about.
const ANOTHER: &str = "what-if";

impl List<'_> {
    pub(super) fn topics(&mut self) {
        let around = self.around;
        if !around.forbidden {
            return;
        }
        let about = &around.body.item.topics;
        let mut every = Vec::new();
        for &signal in &around.signals {
            let Body::SignalDerived(body) = &signal.record.as_ref().expect("read").body else { continue };
            let words = format!("{} had been about another topic", around.named(signal));
            for topic in std::iter::once(ANOTHER).chain(about.iter().map(String::as_str)) {
                let edit = changed(signal, |body| {
                    if let Body::SignalDerived(body) = body {
                        body.topic = topic.to_owned();
                    }
                });
                if topic == ANOTHER {
                    every.push(self.push("topic", words.clone(), vec![edit]));
                } else if body.topic != topic {
                    self.push("topic", words.clone(), vec![edit]);
                }
            }
        }
        self.push_every("topic", "all its signals had been about another topic", every);
        let to = |with: &dyn Fn(&mut Vec<String>)| {
            changed(around.decision, |body| {
                if let Body::DecisionMade(body) = body {
                    with(&mut body.item.topics);
                }
            })
        };
        let shown = item(around.body.item.kind, around.body.purpose);
        for (number, topic) in about.iter().enumerate() {
            let words = format!("the {shown} had not been about “{}”", clean(topic));
            self.push("topic", words.clone(), vec![to(&|topics| drop(topics.remove(number)))]);
            self.push("topic", words, vec![to(&|topics| topics[number] = ANOTHER.to_owned())]);
        }
        if about.len() > 1 {
            self.push(
                "topic",
                format!("the {shown} had been about none of its topics"),
                vec![to(&|topics| topics.clear())],
            );
        }
    }

    /// Signals that name the chats that they rest on, where they name whole conversations.
    pub(super) fn turns(&mut self) {
        let around = self.around;
        if !around.forbidden {
            return;
        }
        let mut every = Vec::new();
        for &signal in &around.signals {
            if let Some(edit) = self.naming_turns(signal) {
                let words = format!("{} had named its chats, and not whole conversations", around.named(signal));
                every.push(self.push("source", words, vec![edit]));
            }
        }
        self.push_every("source", "all its signals had named their chats, and not whole conversations", every);
    }

    fn naming_turns(&self, signal: &Entry) -> Option<Edit> {
        let Body::SignalDerived(body) = &signal.record.as_ref()?.body else { return None };
        let (mut sources, mut links) = (Vec::new(), Vec::new());
        let mut held = signal.header.links.iter();
        for source in &body.sources {
            match source {
                Source::Fact(_) => {
                    sources.push(source.clone());
                    links.extend(held.next().cloned());
                }
                Source::Conversation(id) => {
                    let before = |turn: &&&Entry| {
                        let (own, of) = (&turn.header, &signal.header);
                        own.seq < of.seq && own.occurred_at.at <= of.occurred_at.at
                    };
                    let turns = self.around.uses.iter().filter(|turn| conversation(turn) == Some(id)).filter(before);
                    for turn in turns {
                        let fact = Source::Fact(turn.record.as_ref()?.id.clone());
                        if body.sources.contains(&fact) || sources.contains(&fact) {
                            continue;
                        }
                        sources.push(fact);
                        links.push(Link::Resolved { seq: turn.header.seq, hash: turn.hash });
                    }
                }
            }
        }
        if sources.is_empty() || !body.sources.iter().any(|source| matches!(source, Source::Conversation(_))) {
            return None;
        }
        let mut edit = changed(signal, |body| {
            if let Body::SignalDerived(body) = body {
                body.sources = sources;
            }
        });
        if let Edit::Change { now, .. } = &mut edit {
            Arc::make_mut(now).header.links = links;
        }
        Some(edit)
    }
}
