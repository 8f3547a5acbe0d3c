//! What a scene has to play with: one person's accounts, talk from the corpus, signals and a decision.

use super::super::conversation::{Conversation, Speaker};
use super::super::log::{HEARD, Log, at, interest_model, notice, notice_sha256, region};
use super::super::selector;
use crate::derive::{self, Turn};
use crate::fact::*;

/// A conversation about nothing sensitive.
pub const HIKING: &str = "demo-01";
/// The same, spoken.
pub const CAR: &str = "demo-03";
/// One about health.
pub const DIABETES: &str = "demo-28";

/// When scenes talk and decide, unless they say otherwise: under the platform's first version.
const TALK: &str = "2026-01-10T18:30:00Z";
const DECIDE: &str = "2026-01-12T12:00:00Z";

/// Where one scene is played.
pub struct Stage<'a> {
    name: &'static str,
    log: &'a mut Log,
    corpus: &'a [Conversation],
    said: u32,
}

impl<'a> Stage<'a> {
    pub fn new(name: &'static str, log: &'a mut Log, corpus: &'a [Conversation]) -> Stage<'a> {
        Stage { name, log, corpus, said: 0 }
    }

    /// The scene's account of an app; the person is of age and was notified in October.
    pub fn account(&mut self, app: &str) -> String {
        let account = self.stranger(app);
        self.say(&account, "2025-10-06T09:00:00Z", Body::AgeObserved(AgeBand::Adult));
        self.notify(&account, "2025-10-09T10:00:00Z", NoticeStatus::Displayed, Some(notice_sha256()));
        account
    }

    /// An account of which nothing is known.
    pub fn stranger(&mut self, app: &str) -> String {
        format!("{app}/{}", self.name)
    }

    /// A notice in the product.
    pub fn notify(&mut self, account: &str, time: &str, status: NoticeStatus, sha256: Option<Digest>) {
        self.say(account, time, notice(Channel::InProduct, status, sha256));
    }

    /// Puts accounts into one Accounts Center.
    pub fn link(&mut self, accounts: &[&str], time: &str) {
        for account in accounts {
            self.say(account, time, Body::AccountLinked { center: format!("center-{}", self.name) });
        }
    }

    /// Takes an account out of it.
    pub fn unlink(&mut self, account: &str, time: &str) {
        self.say(account, time, Body::AccountUnlinked { center: format!("center-{}", self.name) });
    }

    /// Changes a preference.
    pub fn prefer(&mut self, account: &str, control: Control, value: &str) {
        let body = PreferenceChanged { control, value: value.to_owned() };
        self.say(account, "2026-01-05T09:00:00Z", Body::PreferenceChanged(body));
    }

    /// Says anything about an account, recorded when it happens.
    pub fn say(&mut self, account: &str, time: &str, body: Body) -> FactId {
        let id = self.next_id();
        self.log.say(id, account, at(time), body)
    }

    /// Says anything about an account, recorded at another time.
    pub fn say_at(&mut self, account: &str, time: &str, recorded: &str, body: Body) -> FactId {
        let id = self.next_id();
        self.log.say_at(id, account, at(time), at(recorded).at, body)
    }

    fn next_id(&mut self) -> String {
        self.said += 1;
        format!("{}-{}", self.name, self.said)
    }

    /// A conversation of the corpus with the assistant, in the United States, labelled by the deriver.
    pub fn talk(&mut self, account: &str, conversation: &str) -> Vec<Turn> {
        self.talk_at(account, conversation, TALK, |_| ())
    }

    /// As [`Stage::talk`], at another time or changed.
    pub fn talk_at(
        &mut self,
        account: &str,
        conversation: &str,
        time: &str,
        change: impl Fn(&mut InteractionRecorded),
    ) -> Vec<Turn> {
        let turns = self.talk_unlabelled(account, conversation, time, change);
        turns.iter().for_each(|turn| self.log.take(turn.label(Instant(i64::MAX))));
        turns
    }

    /// As [`Stage::talk_at`], and nobody labels it.
    pub fn talk_unlabelled(
        &mut self,
        account: &str,
        id: &str,
        time: &str,
        change: impl Fn(&mut InteractionRecorded),
    ) -> Vec<Turn> {
        let conversation =
            self.corpus.iter().find(|each| each.id == id).expect("a scene names a conversation of the corpus");
        let said = conversation.turns.iter().filter(|turn| turn.speaker == Speaker::User);
        said.map(|turn| {
            let mut body = InteractionRecorded {
                agent: Agent::Assistant,
                conversation: format!("{}/{id}", self.name),
                turn: turn.number,
                modality: turn.modality,
                region: region("US"),
                device_region: None,
                e2ee: None,
                microphone: if turn.modality == Modality::Voice { HEARD } else { Microphone::default() },
                context: Vec::new(),
            };
            change(&mut body);
            let time = Time::utc(at(time).at.plus_seconds(40 * turn.number as i64));
            self.log.say_turn(account, time, body, &turn.text)
        })
        .collect()
    }

    /// A label of the platform's own.
    pub fn label(&mut self, turn: &Turn, time: &str, sensitive: &[Category]) {
        let sensitive = sensitive.iter().copied().collect();
        let body =
            InteractionLabelled { target: turn.id.clone(), sensitive, topics: Vec::new(), labeller: interest_model() };
        let account = turn.account.clone();
        self.say(&account, time, Body::InteractionLabelled(Box::new(body)));
    }

    /// The deriver's signals of a conversation.
    pub fn derive(&mut self, turns: &[Turn]) -> Vec<FactId> {
        let facts = derive::signals(&turns.iter().collect::<Vec<_>>(), Instant(i64::MAX));
        assert!(!facts.is_empty(), "`{}` talks about something", self.name);
        facts
            .into_iter()
            .map(|fact| {
                let id = fact.id.clone();
                self.log.take(fact);
                id
            })
            .collect()
    }

    /// As [`Stage::derive`]; the signal that is sensitive by itself.
    pub fn derive_sensitive(&mut self, turns: &[Turn]) -> FactId {
        let topic = turns.iter().flat_map(|turn| &turn.signals).find(|signal| !signal.sensitive.is_empty());
        let marked = format!(":{}:", topic.expect("a sensitive conversation").topic);
        self.derive(turns).into_iter().find(|id| id.id.contains(&marked)).expect("a signal a topic")
    }

    /// A signal of the platform's own model, a day before the decision.
    pub fn infer(&mut self, account: &str, topic: &str, sources: Vec<Source>) -> FactId {
        self.infer_at(account, topic, sources, "2026-01-11T12:00:00Z")
    }

    /// As [`Stage::infer`], at another time.
    pub fn infer_at(&mut self, account: &str, topic: &str, sources: Vec<Source>, time: &str) -> FactId {
        let body = SignalDerived {
            topic: topic.to_owned(),
            taxonomy: derive::topic_taxonomy(topic).map(str::to_owned),
            sensitive: Categories::default(),
            confidence_ppm: Some(700_000),
            sources,
            deriver: interest_model(),
        };
        self.say(account, time, Body::SignalDerived(Box::new(body)))
    }

    /// Shows an ad for hiking in the United States.
    pub fn serve(&mut self, account: &str, signals: Vec<FactId>) {
        self.decide(account, DECIDE, signals, |_| ());
    }

    /// As [`Stage::serve`], at another time or changed.
    pub fn decide(&mut self, account: &str, time: &str, signals: Vec<FactId>, change: impl Fn(&mut DecisionMade)) {
        self.decide_at(account, time, time, signals, change);
    }

    /// As [`Stage::decide`], recorded at another time.
    pub fn decide_at(
        &mut self,
        account: &str,
        time: &str,
        recorded: &str,
        signals: Vec<FactId>,
        change: impl Fn(&mut DecisionMade),
    ) {
        let mut body = DecisionMade {
            purpose: Purpose::Ads,
            item: selector::item("hiking", Purpose::Ads),
            region: region("US"),
            device_region: None,
            signals,
            policy: None,
            outcome: Outcome::Served,
        };
        change(&mut body);
        let id = format!("d-{}", self.name);
        self.log.say_at(id, account, at(time), at(recorded).at, Body::DecisionMade(Box::new(body)));
    }
}

/// Turns as the sources of a signal.
pub fn sources(turns: &[Turn]) -> Vec<Source> {
    turns.iter().map(|turn| Source::Fact(turn.id.clone())).collect()
}
