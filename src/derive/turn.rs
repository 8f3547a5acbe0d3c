//! A turn as the deriver reads it, and the facts that come of it: one label a turn, one signal an account, conversation
//! and topic.
//!
//! INVARIANT (again is the same): the ids are made of the deriver's digest and of what a fact is about, and the times
//! of the turns cited, so the same turns give the same facts whenever and wherever they are derived.

use super::{Lexicon, NAME, Signal, VERSION};
use crate::fact::*;
use std::sync::OnceLock;

/// The `source` of everything that the deriver says.
pub const SOURCE: &str = "//inforce/derive";

/// Turns that one signal cites at most; the wire takes no more.
const MAX_SOURCES: usize = 4096;

/// One turn, read: its text is not kept.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The interaction.
    pub id: FactId,
    /// Whose it is.
    pub account: String,
    /// The conversation that it belongs to.
    pub conversation: String,
    /// When it happened.
    pub time: Time,
    /// The categories of its label.
    pub sensitive: Categories,
    /// What it gives away, a topic each, in the order of the label's topics.
    pub signals: Vec<Signal>,
}

impl Turn {
    /// Reads a turn's text.
    pub fn read(id: FactId, account: &str, conversation: &str, time: Time, text: &str) -> Turn {
        let lexicon = Lexicon::built_in();
        Turn {
            id,
            account: account.to_owned(),
            conversation: conversation.to_owned(),
            time,
            sensitive: categories(&lexicon.label(text).sensitive),
            signals: lexicon.signals(text),
        }
    }

    /// The label's topics.
    pub fn topics(&self) -> Vec<String> {
        self.signals.iter().map(|signal| signal.topic.to_owned()).collect()
    }

    /// What the turn says about a topic.
    pub fn signal(&self, topic: &str) -> Option<&Signal> {
        self.signals.iter().find(|signal| signal.topic == topic)
    }

    /// The turn's label; `now` is the clock's reading.
    pub fn label(&self, now: Instant) -> Fact {
        let body = Body::InteractionLabelled(Box::new(InteractionLabelled {
            target: self.id.clone(),
            sensitive: self.sensitive,
            topics: self.topics(),
            labeller: program(),
        }));
        let id = format!("{}:label:{}", prefix(), short_hash([&self.id]));
        fact(id, &self.account, soon_after(self.time, now), body)
    }
}

/// The signals that turns of one account and conversation give away, each citing all of them that do.
pub fn signals(turns: &[&Turn], now: Instant) -> Vec<Fact> {
    let mut topics: Vec<&Signal> = turns.iter().flat_map(|turn| &turn.signals).collect();
    topics.sort_by_key(|signal| signal.topic);
    topics.dedup_by_key(|signal| signal.topic);
    let mut facts = Vec::new();
    for Signal { topic, .. } in topics {
        let citing: Vec<&Turn> = turns.iter().copied().filter(|turn| turn.signal(topic).is_some()).collect();
        facts.extend(citing.chunks(MAX_SOURCES).map(|citing| signal(topic, citing, now)));
    }
    facts
}

/// The signal of one topic, which every one of `citing` gives away.
fn signal(topic: &str, citing: &[&Turn], now: Instant) -> Fact {
    let latest = citing.iter().max_by_key(|turn| turn.time.at).expect("a signal rests on a turn");
    let one = latest.signal(topic).expect("it gives the topic away");
    let body = Body::SignalDerived(Box::new(SignalDerived {
        topic: topic.to_owned(),
        taxonomy: one.taxonomy.map(str::to_owned),
        sensitive: categories(&one.sensitive),
        confidence_ppm: confidence(topic, citing),
        sources: citing.iter().map(|turn| Source::Fact(turn.id.clone())).collect(),
        deriver: program(),
    }));
    let id = format!("{}:{topic}:{}", prefix(), short_hash(citing.iter().map(|turn| &turn.id)));
    fact(id, &latest.account, soon_after(latest.time, now), body)
}

/// The confidence of a signal: that of the turn that says most.
pub(super) fn confidence(topic: &str, citing: &[&Turn]) -> Option<u32> {
    citing.iter().filter_map(|turn| turn.signal(topic)).map(|signal| signal.confidence_ppm).max()
}

/// The deriver as its facts name it.
pub fn program() -> Program {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    let digest = *DIGEST.get_or_init(|| Digest(Lexicon::built_in().digest()));
    Program { name: NAME.to_owned(), version: VERSION.to_owned(), digest, provider: None }
}

/// Categories by their names.
pub(super) fn categories(names: &[&str]) -> Categories {
    names.iter().map(|name| Category::parse(name).expect("the deriver's categories are the contract's")).collect()
}

fn fact(id: String, account: &str, time: Time, body: Body) -> Fact {
    let id = FactId { source: SOURCE.to_owned(), id };
    Fact { id, subject: account.to_owned(), time, recorded: None, body, content: None }
}

/// What every id begins with.
fn prefix() -> String {
    format!("derive:{}", &program().digest.to_string()[..8])
}

/// A second later, but not later than now; and whatever the clock says, not before what is cited.
fn soon_after(time: Time, now: Instant) -> Time {
    Time { at: time.at.plus_seconds(1).min(now).max(time.at), ..time }
}

/// Eight bytes of a hash over what a fact is about.
fn short_hash<'a>(about: impl IntoIterator<Item = &'a FactId>) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("inforce derived fact 1");
    for part in about.into_iter().flat_map(|id| [&id.source, &id.id]) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(number: u32, text: &str) -> Turn {
        let id = FactId { source: "//chat".to_owned(), id: format!("t{number}") };
        let time = Time::utc(Instant(1_766_000_000_000_000_000).plus_seconds(i64::from(number)));
        Turn::read(id, "facebook/s1", "c1", time, text)
    }

    #[test]
    fn one_signal_a_topic_citing_every_turn_that_gives_it_away() {
        let turns =
            [turn(1, "which hiking boots"), turn(2, "good morning"), turn(3, "a three day hike, and a lasagna recipe")];
        let facts = signals(&turns.iter().collect::<Vec<_>>(), Instant(i64::MAX));
        let hiking = facts.iter().find_map(|fact| match &fact.body {
            Body::SignalDerived(body) if body.topic == "hiking" => Some((fact, body)),
            _ => None,
        });
        let (fact, body) = hiking.expect("a signal for hiking");
        let cited: Vec<&str> = body
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Fact(id) => Some(id.id.as_str()),
                Source::Conversation(_) => None,
            })
            .collect();
        assert_eq!(cited, ["t1", "t3"]);
        assert_eq!(fact.time.at, turns[2].time.at.plus_seconds(1));
        assert!(facts.len() > 1, "the recipe is a topic of its own");
        assert_eq!(facts, signals(&turns.iter().collect::<Vec<_>>(), Instant(i64::MAX)));
    }

    #[test]
    fn nothing_is_later_than_now_or_earlier_than_what_it_cites() {
        let turn = turn(1, "which hiking boots");
        let half = Instant(turn.time.at.0 + 500_000_000);
        assert_eq!(turn.label(half).time.at, half);
        assert_eq!(turn.label(Instant(0)).time.at, turn.time.at);
        assert_eq!(turn.label(Instant(i64::MAX)).id, turn.label(half).id);
    }
}
