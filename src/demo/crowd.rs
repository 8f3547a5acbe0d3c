//! The crowd: people with accounts in and out of Accounts Centers, who talk to the assistant, and are shown ads with
//! care.
//!
//! Who somebody is follows from a number alone, so the same conversations always find the same people.

use super::conversation::{Conversation, Speaker};
use super::log::{HEARD, Log, at, interest_model, notice, notice_sha256, region};
use super::selector::{self, Profile};
use crate::derive::{self, Turn};
use crate::fact::*;
use rayon::prelude::*;

/// Where people live, the offset of their clocks in hours, and how many of fifty do.
const REGIONS: &[(&str, i32, u64)] = &[
    ("US", -5, 18),
    ("BR", -3, 7),
    ("IN", 5, 6),
    ("MX", -6, 3),
    ("NG", 1, 2),
    ("AU", 10, 2),
    ("JP", 9, 2),
    ("CA", -5, 2),
    ("DE", 1, 2),
    ("FR", 1, 1),
    ("ES", 1, 1),
    ("GB", 0, 2),
    ("KR", 9, 1),
    ("NO", 1, 1),
];

/// A day in seconds.
const DAY: i64 = 86_400;
/// When the first conversation begins: some come before December 16.
const BEGIN: &str = "2025-12-06T06:00:00Z";
/// Days from the first conversation to the last.
const SPAN_DAYS: i64 = 80;

struct Person {
    number: u64,
    profile: Profile,
    offset_s: i32,
    accounts: Vec<String>,
    /// True if the accounts are in one Accounts Center.
    linked: bool,
    age: Option<AgeBand>,
}

/// Says what happens to a crowd that has these conversations.
pub fn live(log: &mut Log, conversations: &[Conversation], step: impl Fn() + Sync) {
    let many = (conversations.len() / 8).max(24) as u64;
    let people: Vec<Person> = (0..many).map(person).collect();
    people.iter().for_each(|person| introduce(log, person));
    let span = SPAN_DAYS * DAY / conversations.len().max(1) as i64;
    let told = conversations.par_iter().enumerate().map(|(number, conversation)| {
        let mut own = Log::default();
        let person = &people[number % people.len()];
        converse(&mut own, person, conversation, number as u64, at(BEGIN).at.plus_seconds(span * number as i64));
        step();
        own
    });
    told.collect::<Vec<Log>>().into_iter().for_each(|own| log.take_all(own));
}

/// A number that looks like chance, from two that do not (SplitMix64).
fn mix(number: u64, salt: u64) -> u64 {
    let mut z = number.wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn person(number: u64) -> Person {
    let chance = |salt: u64, of: u64| mix(number, salt) % of;
    let mut place = chance(1, REGIONS.iter().map(|each| each.2).sum());
    let &(region, hours, _) = REGIONS
        .iter()
        .find(|each| {
            let here = place < each.2;
            place = place.saturating_sub(each.2);
            here
        })
        .expect("the shares add up");
    let apps: &[&str] = match chance(2, 8) {
        0 | 1 => &["facebook"],
        2 => &["instagram"],
        3 | 4 => &["facebook", "instagram"],
        5 => &["facebook", "instagram", "whatsapp"],
        6 => &["facebook", "messenger"],
        _ => &["whatsapp"],
    };
    let age = match chance(3, 20) {
        0 => Some(AgeBand::Minor),
        1 | 2 => None,
        _ => Some(AgeBand::Adult),
    };
    let profile = Profile {
        region,
        minor: age == Some(AgeBand::Minor),
        gpc: chance(4, 10) == 0,
        notified: chance(5, 25) != 0,
        limited: (chance(6, 12) == 0).then_some("hiking"),
        blocked: (chance(7, 12) == 0).then_some("pasta.example"),
    };
    let accounts = apps.iter().map(|app| format!("{app}/p{number}")).collect();
    let half_hour = if region == "IN" { 1800 } else { 0 };
    Person {
        number,
        profile,
        offset_s: hours * 3600 + half_hour,
        accounts,
        linked: apps.len() > 1 && chance(8, 4) != 0,
        age,
    }
}

/// What is known of a person before anything is said to the assistant.
fn introduce(log: &mut Log, person: &Person) {
    let Person { number, profile, offset_s, accounts, .. } = person;
    let local =
        |text: &str, minutes: u64| Time { at: at(text).at.plus_seconds(60 * minutes as i64), offset_s: *offset_s };
    let joined = local("2025-10-02T08:00:00Z", mix(*number, 20) % 4000);
    let noticed = local("2025-10-07T12:00:00Z", mix(*number, 21) % 20_000);
    let chosen = local("2025-11-10T12:00:00Z", mix(*number, 22) % 20_000);
    for account in accounts {
        let mut say =
            |what: &str, time: Time, body: Body| drop(log.say(format!("{account} {what}"), account, time, body));
        if person.linked {
            say("linked", joined, Body::AccountLinked { center: format!("center-{number}") });
        }
        if let Some(age) = person.age {
            say("age", joined, Body::AgeObserved(age));
        }
        say(
            "microphone",
            joined,
            Body::PermissionChanged(PermissionChanged {
                permission: Permission::Microphone,
                state: PermissionState::Granted,
            }),
        );
        if profile.notified {
            let status = if number % 2 == 0 { NoticeStatus::Displayed } else { NoticeStatus::Acknowledged };
            say("in product", noticed, notice(Channel::InProduct, status, Some(notice_sha256())));
            let status = if number % 9 == 0 { NoticeStatus::Bounced } else { NoticeStatus::Delivered };
            say("email", noticed, notice(Channel::Email, status, Some(notice_sha256())));
        } else {
            say("email", noticed, notice(Channel::Email, NoticeStatus::Bounced, Some(notice_sha256())));
        }
        let mut prefer = |control: Control, value: &str| {
            say(
                control.name(),
                chosen,
                Body::PreferenceChanged(PreferenceChanged { control, value: value.to_owned() }),
            );
        };
        profile.limited.iter().for_each(|topic| prefer(Control::TopicLimit, topic));
        profile.blocked.iter().for_each(|advertiser| prefer(Control::AdvertiserBlock, advertiser));
        if profile.gpc {
            prefer(Control::Gpc, "on");
        }
    }
    let home = &accounts[0];
    if ["DE", "FR", "ES", "NO"].contains(&profile.region) {
        let state = if number % 2 == 0 { ConsentState::Given } else { ConsentState::Refused };
        let consent = ConsentRecorded { purpose: "personalised_ads".to_owned(), state, evidence: None };
        log.say(format!("{home} consent"), home, chosen, Body::ConsentRecorded(consent));
    }
    like_a_page(log, person, chosen);
}

/// A traditional signal and an ad for it: no AI interaction is behind it.
fn like_a_page(log: &mut Log, person: &Person, time: Time) {
    let account = &person.accounts[0];
    let like = ActivityRecorded { activity: "page_like".to_owned(), topics: vec!["iab:653".to_owned()] };
    let like = log.say(format!("{account} like"), account, time, Body::ActivityRecorded(like));
    let signal = SignalDerived {
        topic: "iab:653".to_owned(),
        taxonomy: Some(derive::TAXONOMY.to_owned()),
        sensitive: Categories::default(),
        confidence_ppm: None,
        sources: vec![Source::Fact(like)],
        deriver: interest_model(),
    };
    let later = |seconds: i64| Time { at: time.at.plus_seconds(seconds), ..time };
    let signal = log.say(format!("{account} like"), account, later(60), Body::SignalDerived(Box::new(signal)));
    if person.number.is_multiple_of(3) {
        let item = selector::item("iab:653", Purpose::Ads);
        let when = later(60 * DAY);
        let decision = decision(person, when, Purpose::Ads, item, vec![signal], Outcome::Served);
        log.say(format!("d-like-{}", person.number), account, when, decision);
    }
}

/// One conversation, what is derived from it, and what is shown because of it.
fn converse(log: &mut Log, person: &Person, conversation: &Conversation, number: u64, begin: Instant) {
    let account = &person.accounts[(mix(number, 40) % person.accounts.len() as u64) as usize];
    let mut turns: Vec<Turn> = Vec::new();
    for (place, turn) in conversation.turns.iter().enumerate() {
        let agent = match turn.speaker {
            Speaker::User => Agent::Assistant,
            Speaker::Partner => Agent::Human,
            Speaker::Assistant => continue,
        };
        let time = Time { at: begin.plus_seconds(40 * place as i64), offset_s: person.offset_s };
        let body = InteractionRecorded {
            agent,
            conversation: conversation.id.clone(),
            turn: turn.number,
            modality: turn.modality,
            region: region(person.profile.region),
            device_region: None,
            e2ee: (agent == Agent::Human).then_some(true),
            microphone: if turn.modality == Modality::Voice { HEARD } else { Microphone::default() },
            context: Vec::new(),
        };
        let read = log.say_turn(account, time, body, &turn.text);
        if agent == Agent::Assistant {
            turns.push(read);
        }
    }
    turns.iter().for_each(|turn| log.take(turn.label(Instant(i64::MAX))));
    let signals = derive::signals(&turns.iter().collect::<Vec<_>>(), Instant(i64::MAX));
    for (place, signal) in signals.into_iter().enumerate() {
        advertise(log, person, account, &turns, &signal, &format!("d{number}-{}", place + 1));
        log.take(signal);
    }
}

/// The selector decides about one signal, a day after it.
fn advertise(log: &mut Log, person: &Person, account: &str, turns: &[Turn], signal: &Fact, id: &str) {
    let Body::SignalDerived(body) = &signal.body else { unreachable!("the deriver derives signals") };
    let chance = mix(signal.time.at.0 as u64, person.number + body.topic.len() as u64);
    let others: Vec<&String> = person.accounts.iter().filter(|other| person.linked && *other != account).collect();
    let shown_on = others.get((chance % 6) as usize).map_or(account, |other| other.as_str());
    let purpose = if (chance / 6).is_multiple_of(5) { Purpose::Content } else { Purpose::Ads };
    let cited: Vec<&Turn> = turns.iter().filter(|turn| turn.signal(&body.topic).is_some()).collect();
    let item = selector::item(&body.topic, purpose);
    let may = selector::may_show(&person.profile, purpose, &item, body, &cited, shown_on != account);
    let outcome = if may { Outcome::Served } else { Outcome::Suppressed };
    let time = Time { at: signal.time.at.plus_seconds(DAY / 4 + (chance / 64 % 100_000) as i64), ..signal.time };
    log.say(id, shown_on, time, decision(person, time, purpose, item, vec![signal.id.clone()], outcome));
}

fn decision(
    person: &Person,
    time: Time,
    purpose: Purpose,
    item: Item,
    signals: Vec<Reference>,
    outcome: Outcome,
) -> Body {
    let region = region(person.profile.region);
    let cited = CitedPolicy { id: super::policies::PLATFORM.to_owned(), version: "1".to_owned() };
    let policy = (time.at >= at(selector::FIRST_DAY).at).then_some(cited);
    Body::DecisionMade(Box::new(DecisionMade { purpose, item, region, device_region: None, signals, policy, outcome }))
}
