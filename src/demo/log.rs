//! Facts in the making: said in any order, recorded in the order of their recording times.

use crate::derive;
use crate::fact::*;

/// Everything said so far.
#[derive(Default)]
pub struct Log(Vec<Fact>);

/// The `source` of each kind of fact.
fn source(kind: Kind) -> &'static str {
    match kind {
        Kind::PolicyAdopted => "//policy",
        Kind::NoticeRecorded => "//notices",
        Kind::InteractionRecorded => "//chat",
        Kind::ActivityRecorded => "//activity",
        Kind::InteractionLabelled => "//labels",
        Kind::SignalDerived => "//signals",
        Kind::DecisionMade => "//ads",
        _ => "//accounts",
    }
}

impl Log {
    /// Says something that is recorded when it happens.
    pub fn say(&mut self, id: impl Into<String>, subject: &str, time: Time, body: Body) -> FactId {
        self.say_at(id, subject, time, time.at, body)
    }

    /// Says something that is recorded at another time than it happens.
    pub fn say_at(
        &mut self,
        id: impl Into<String>,
        subject: &str,
        time: Time,
        recorded: Instant,
        body: Body,
    ) -> FactId {
        let id = FactId { source: source(body.kind()).to_owned(), id: id.into() };
        self.take(Fact {
            id: id.clone(),
            subject: subject.to_owned(),
            time,
            recorded: Some(recorded),
            body,
            content: None,
        });
        id
    }

    /// Takes a fact as it is; without a recording time it is recorded when it happens.
    pub fn take(&mut self, mut fact: Fact) {
        fact.recorded = fact.recorded.or(Some(fact.time.at));
        self.0.push(fact);
    }

    /// Takes everything that another log says.
    pub fn take_all(&mut self, other: Log) {
        self.0.extend(other.0);
    }

    /// Says a turn with the assistant; returns it as the deriver reads it.
    pub fn say_turn(&mut self, account: &str, time: Time, body: InteractionRecorded, text: &str) -> derive::Turn {
        let id = FactId {
            source: source(Kind::InteractionRecorded).to_owned(),
            id: format!("{}#{}", body.conversation, body.turn),
        };
        let turn = derive::Turn::read(id.clone(), account, &body.conversation, time, text);
        let body = Body::InteractionRecorded(Box::new(body));
        self.take(Fact { id, subject: account.to_owned(), time, recorded: None, body, content: Some(text.to_owned()) });
        turn
    }

    /// Everything, in the order of recording; what is recorded at one time stays in the order in which it was said.
    pub fn in_order(mut self) -> Vec<Fact> {
        self.0.sort_by_key(|fact| fact.recorded);
        self.0
    }
}

/// A time from the text of a table.
pub fn at(text: &str) -> Time {
    Time::parse(text).expect("a table of the demo holds times")
}

/// A region from the text of a table.
pub fn region(text: &str) -> Option<Region> {
    Some(Region::parse(text).expect("a table of the demo holds regions"))
}

/// SHA-256 of the notice that people were sent.
pub fn notice_sha256() -> Digest {
    use sha2::Digest as _;
    Digest(sha2::Sha256::digest("From December 16 what you say to the assistant personalises your ads.").into())
}

/// A notice about the platform's policy.
pub fn notice(channel: Channel, status: NoticeStatus, content_sha256: Option<Digest>) -> Body {
    let (policy, campaign) = (super::policies::PLATFORM.to_owned(), Some("december-16".to_owned()));
    Body::NoticeRecorded(NoticeRecorded { policy, campaign, channel, status, locale: None, content_sha256 })
}

/// The program of the demo's platform, beside the reference deriver.
pub fn interest_model() -> Program {
    Program { name: "interest-model".to_owned(), version: "7".to_owned(), digest: Digest([7; 32]), provider: None }
}

/// Evidence that the microphone was used as it should be.
pub const HEARD: Microphone = Microphone { permission: Some(true), feature_active: Some(true), indicator: Some(true) };
