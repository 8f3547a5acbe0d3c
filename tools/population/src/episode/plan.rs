//! What a decision is to be, before any of it is written.

use super::{ADVERTISERS, EXCLUDED_TOPIC, LATER_REGION, PROXY_TOPIC, REGIONS, TOPICS, blocked, limited, see_less};
use crate::breach::Breach;
use crate::person::{Noticed, Person};
use crate::random::Random;
use crate::truth::Expected;
use crate::wire::Minute;

/// How long a person is busy with one, in minutes.
pub const LEN: u32 = 64;
const EXCLUDED_REGIONS: [&str; 4] = ["DE", "FR", "GB", "KR"];
const CATEGORIES: [&str; 7] = [
    "religious_views",
    "sexual_orientation",
    "political_views",
    "health",
    "racial_or_ethnic_origin",
    "philosophical_beliefs",
    "trade_union_membership",
];

/// What a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rests {
    /// A chat, through one signal.
    Chat,
    /// The same through two signals.
    Chain,
    /// Two turns of a chat, the second carrying the first along.
    Turns,
    /// A chat, and an activity.
    Activity,
    /// A chat, and one that was never recorded.
    Gap,
    /// A whole conversation.
    Conversation,
    /// An earlier signal of the same person, by its number.
    Earlier(u32),
    /// Nothing.
    Nothing,
}

/// What is recorded of the microphone: permission, feature, indicator.
pub type Microphone = [Option<bool>; 3];

/// One decision.
pub struct Plan {
    pub number: u64,
    pub person: Person,
    pub breach: Option<Breach>,
    pub begin: Minute,
    /// The account that is decided about.
    pub decider: usize,
    /// Whose chat, on which account.
    pub chatter: (Person, usize),
    pub rests: Rests,
    pub chat_at: Minute,
    pub decided_at: Minute,
    pub agent: &'static str,
    pub microphone: Option<Microphone>,
    pub chat_region: Option<&'static str>,
    pub device_region: Option<&'static str>,
    pub region: Option<&'static str>,
    /// The label on the chat.
    pub sensitive: Option<&'static str>,
    /// The signal's own label.
    pub own_sensitive: Option<&'static str>,
    pub is_labelled: bool,
    pub signal_topic: &'static str,
    pub item_topic: &'static str,
    pub more_topic: Option<&'static str>,
    pub is_ad: bool,
    pub advertiser: u64,
    pub cited: Option<u32>,
    pub is_served: bool,
}

/// True if a person's decision can be wrong like this.
pub fn suits(person: &Person, breach: Breach) -> bool {
    let noticed = |noticed| person.noticed() == noticed;
    match breach {
        Breach::NoticeMissing => noticed(Noticed::Never),
        Breach::NoticeOutsideWindow => noticed(Noticed::Early),
        Breach::NoticeContentMismatch => noticed(Noticed::OtherText),
        Breach::KnownMinor => person.is_minor(),
        _ if !person.is_plain() => false,
        Breach::AccountsNotLinked => apart(person, false).is_some(),
        Breach::WhatsappNotLinked => apart(person, true).is_some(),
        Breach::UnlinkedBeforeDecision | Breach::LinkedAfterCollection => together(person).is_some(),
        Breach::TopicLimited => limited(person).is_some(),
        Breach::AdvertiserBlocked => blocked(person).is_some(),
        Breach::FeedLimited => see_less(person).is_some(),
        Breach::ConsentMissing => !person.consents(),
        Breach::GpcCrossContext => person.gpc() && together(person).is_some(),
        _ => true,
    }
}

/// An account in no center with the first.
fn apart(person: &Person, whatsapp: bool) -> Option<usize> {
    (1..person.accounts)
        .find(|&account| (person.app(account) == "whatsapp") == whatsapp && !person.are_linked(0, account))
}

/// An account in a center with the first.
fn together(person: &Person) -> Option<usize> {
    (1..person.accounts).rev().find(|&account| person.are_linked(0, account))
}

impl Plan {
    /// A text chat of the person's own, from which an ad is shown.
    pub fn new(number: u64, person: Person, begin: Minute) -> Plan {
        let home = REGIONS[person.home(REGIONS.len())];
        Plan {
            number,
            person,
            breach: None,
            begin,
            decider: 0,
            chatter: (person, 0),
            rests: Rests::Chat,
            chat_at: begin.after(1),
            decided_at: begin.after(61),
            agent: "assistant",
            microphone: None,
            chat_region: Some(home),
            device_region: None,
            region: Some(home),
            sensitive: None,
            own_sensitive: None,
            is_labelled: true,
            signal_topic: TOPICS[0],
            item_topic: TOPICS[0],
            more_topic: None,
            is_ad: true,
            advertiser: 0,
            cited: None,
            is_served: true,
        }
    }

    /// True if it leaves a signal that a later decision can rest on.
    pub fn makes_signal(&self) -> bool {
        !matches!(self.rests, Rests::Earlier(_) | Rests::Nothing)
    }

    /// What may differ without being wrong.
    fn vary(&mut self, random: &mut Random) {
        let free = |topic: &&str| limited(&self.person) != Some(*topic) && see_less(&self.person) != Some(*topic);
        let first = random.below(TOPICS.len() as u64) as usize;
        let topic = (0..TOPICS.len()).map(|step| TOPICS[(first + step) % TOPICS.len()]).find(free);
        self.signal_topic = topic.expect("nobody limits more than two");
        self.item_topic = self.signal_topic;
        self.advertiser = random.below(ADVERTISERS);
        if blocked(&self.person) == Some(self.advertiser) {
            self.advertiser = (self.advertiser + 1) % ADVERTISERS;
        }
        if random.once_in(20) {
            self.chat_region = Some(random.of(&REGIONS));
        }
        if random.once_in(4) {
            self.device_region = self.chat_region;
        }
        if random.once_in(4) {
            self.microphone = Some([Some(true); 3]);
        }
        if random.once_in(2) {
            self.cited = Some(1);
        }
    }

    /// Makes it one with which nothing is wrong; `earlier` is the person's last signal.
    pub fn sound(&mut self, earlier: u32, overlays: bool, random: &mut Random) {
        self.vary(random);
        let across = together(&self.person).filter(|_| !(overlays && self.person.gpc()));
        match random.below(100) {
            0..10 => self.is_ad = false,
            10..25 => match across {
                Some(account) if random.once_in(2) => self.chatter.1 = account,
                Some(account) => self.decider = account,
                None => {}
            },
            25..30 => self.rests = Rests::Chain,
            30..34 => self.rests = Rests::Turns,
            34..37 => self.rests = Rests::Activity,
            // The earlier chat may have been on another account than the first.
            37..50 if earlier > 0 && !(overlays && self.person.gpc()) => self.rests = Rests::Earlier(earlier - 1),
            50..52 => self.rests = Rests::Nothing,
            52..54 => self.suppress(),
            54..64 => {
                let account = random.below(self.person.accounts as u64) as usize;
                if account == 0 || self.person.is_linked(account) {
                    (self.decider, self.chatter.1) = (account, account);
                }
            }
            _ => {}
        }
    }

    /// A decision that is not carried out, because the topic was limited.
    fn suppress(&mut self) {
        if let Some(topic) = limited(&self.person) {
            (self.item_topic, self.signal_topic) = (topic, topic);
            self.is_served = false;
        }
    }

    /// Makes it wrong in one way.
    pub fn wrong(&mut self, breach: Breach, other: Person, overlays: bool, random: &mut Random) {
        self.vary(random);
        self.breach = Some(breach);
        match breach {
            Breach::NotYetEffective => {
                self.chat_at = Minute::of(69, 600).after(random.below(600) as u32);
                self.decided_at = self.chat_at.after(60);
                self.cited = None;
            }
            Breach::PreEffectiveInteraction => self.chat_at = Minute::of(74, 540),
            Breach::ExcludedRegion => {
                let region = if overlays && random.once_in(5) { "NO" } else { random.of(&EXCLUDED_REGIONS) };
                self.stay_in(region, random);
            }
            Breach::RegionNotYetEffective => self.stay_in(LATER_REGION, random),
            Breach::ConsentMissing => self.stay_in(random.of(&["DE", "FR"]), random),
            Breach::UnknownRegion if random.once_in(2) => self.region = None,
            Breach::UnknownRegion => (self.chat_region, self.device_region) = (None, None),
            Breach::SensitiveTopic if random.once_in(4) => self.own_sensitive = Some(random.of(&CATEGORIES)),
            Breach::SensitiveTopic => self.sensitive = Some(random.of(&CATEGORIES)),
            Breach::InheritedSensitivity => {
                self.rests = Rests::Chain;
                let category = Some(random.of(&CATEGORIES));
                if random.once_in(2) { self.sensitive = category } else { self.own_sensitive = category }
            }
            Breach::Unlabelled => self.is_labelled = false,
            Breach::ProxyTopic => self.signal_topic = PROXY_TOPIC,
            Breach::ExcludedTopic if random.once_in(2) => self.signal_topic = EXCLUDED_TOPIC,
            Breach::ExcludedTopic => self.more_topic = Some(EXCLUDED_TOPIC),
            Breach::HumanMessage => (self.agent, self.microphone) = ("human", None),
            Breach::BusinessAgent => self.agent = "business",
            Breach::Microphone | Breach::MicrophoneUnproven => {
                let mut evidence = [Some(true); 3];
                evidence[random.below(3) as usize] = (breach == Breach::Microphone).then_some(false);
                self.microphone = Some(evidence);
            }
            Breach::TopicLimited => self.item_topic = limited(&self.person).expect("one who limits"),
            Breach::AdvertiserBlocked => self.advertiser = blocked(&self.person).expect("one who blocks"),
            Breach::FeedLimited => {
                self.is_ad = false;
                self.item_topic = see_less(&self.person).expect("one who sees less");
            }
            Breach::BrokenLineage => self.rests = Rests::Gap,
            Breach::ConversationLineage => self.rests = Rests::Conversation,
            Breach::WrongPolicyCited => self.cited = Some(0),
            _ => self.wrongly_from(breach, other),
        }
    }

    /// Takes the chat of an account from which it may not come.
    fn wrongly_from(&mut self, breach: Breach, other: Person) {
        let account = match breach {
            Breach::NotOwnInteraction => return self.chatter = (other, 0),
            Breach::AccountsNotLinked => apart(&self.person, false),
            Breach::WhatsappNotLinked => apart(&self.person, true),
            Breach::UnlinkedBeforeDecision | Breach::LinkedAfterCollection | Breach::GpcCrossContext => {
                together(&self.person)
            }
            _ => Some(0),
        };
        self.chatter.1 = account.expect("one who suits was chosen");
    }

    /// Puts the chat, the device or the decision into a region.
    fn stay_in(&mut self, region: &'static str, random: &mut Random) {
        let place = [&mut self.chat_region, &mut self.device_region, &mut self.region];
        *place.into_iter().nth(random.below(3) as usize).expect("one of three") = Some(region);
    }

    /// What must be found.
    pub fn expected(&self, overlays: bool) -> Expected {
        let app = self.chatter.0.app(self.chatter.1);
        let mut rules = match self.breach {
            None | Some(Breach::LateFact) => Vec::new(),
            Some(Breach::NotYetEffective) => vec!["not-yet-effective", "pre-effective-interaction"],
            Some(Breach::UnlinkedBeforeDecision) => {
                let apart = if app == "whatsapp" { "whatsapp-not-linked" } else { "accounts-not-linked" };
                vec![apart, "unlinked-before-decision"]
            }
            Some(Breach::ConsentMissing) => vec!["excluded-region"],
            Some(breach) if breach.is_overlay() => Vec::new(),
            Some(breach) => vec![breach.name()],
        };
        if !self.is_served {
            rules.push("topic-limited");
        }
        if overlays {
            rules.extend(self.of_overlays(app));
        }
        rules.sort_unstable();
        let mut today = rules.clone();
        if self.breach == Some(Breach::LateFact) {
            today.push("topic-limited");
        }
        Expected::of(rules, today, self.is_served, self.rests != Rests::Nothing)
    }

    /// What the overlays find as well. The person's choices count: every decision is about the first account, or one that
    /// is in a center with it.
    fn of_overlays(&self, app: &str) -> impl Iterator<Item = &'static str> {
        let regions = [self.chat_region, self.device_region, self.region];
        let in_eea = regions.into_iter().flatten().any(|region| ["DE", "FR", "NO"].contains(&region));
        let crosses = app != self.person.app(self.decider);
        let found = [
            ("consent-missing", in_eea && !self.person.consents()),
            ("gpc-cross-context", crosses && self.person.gpc()),
            ("known-minor", self.person.is_minor()),
        ];
        let applies = self.is_ad && self.rests != Rests::Nothing;
        found.into_iter().filter(move |(_, fires)| applies && *fires).map(|(rule, _)| rule)
    }
}
