//! What stands before the first decision: policies, and what is known of each person.

use crate::person::{Noticed, Person, persons};
use crate::wire::{ANNOUNCED, Lines, Minute, OTHER};
use crate::{Population, episode};
use std::io::{self, Write};

/// When use begins: 2025-12-16.
const IN_FORCE: &str = "2025-12-16T00:00:00Z";
const OVERLAYS: [&str; 4] = ["overlay-minors", "overlay-eu-consent", "overlay-eea", "overlay-gpc"];

/// Writes policies and persons.
pub fn write<W: Write>(population: &Population, lines: &mut Lines<W>) -> io::Result<()> {
    let pack = "meta-ai-personalization";
    adopt(
        lines,
        pack,
        "platform",
        format_args!(
            r#"{{"excluded_topics":["{}"],"proxy_topics":{{"{}":"religious_views"}},"region_use_from":{{"{}":"2027-01-01T00:00:00Z"}},"notice_sha256":"{ANNOUNCED}","link_basis":"both"}}"#,
            episode::EXCLUDED_TOPIC,
            episode::PROXY_TOPIC,
            episode::LATER_REGION
        ),
    )?;
    for overlay in OVERLAYS.iter().filter(|_| population.overlays) {
        adopt(lines, overlay, "overlay", format_args!("{{}}"))?;
    }
    for number in 0..persons(population.accounts) {
        person(lines, &Person::new(population.seed, number, population.accounts))?;
    }
    Ok(())
}

fn adopt<W: Write>(lines: &mut Lines<W>, pack: &str, role: &str, params: std::fmt::Arguments) -> io::Result<()> {
    let data = format_args!(
        r#"{{"version":"1","in_force_from":"{IN_FORCE}","role":"{role}","pack":"{pack}","params":{params}}}"#
    );
    lines.fact(
        "policy.adopted",
        ("//policy", format_args!("{pack}@1")),
        format_args!("{pack}"),
        Minute::of(0, 540),
        data,
    )
}

fn person<W: Write>(lines: &mut Lines<W>, person: &Person) -> io::Result<()> {
    (0..person.accounts).try_for_each(|account| notices(lines, person, account))?;
    let (id, center) = (person.number, person.number);
    for account in (0..person.accounts).filter(|&account| person.is_linked(account) || person.was_linked(account)) {
        let subject = format!("{}/u{}", person.app(account), person.number);
        let subject = format_args!("{subject}");
        let data = format_args!(r#"{{"center":"c{center}"}}"#);
        let link = format_args!("k{id}-{account}");
        lines.fact("account.linked", ("//accounts", link), subject, Minute::of(19, 600), data)?;
        if person.was_linked(account) {
            let unlink = format_args!("k{id}-{account}u");
            lines.fact("account.unlinked", ("//accounts", unlink), subject, Minute::of(50, 600), data)?;
        }
    }
    choices(lines, person)
}

/// One notice an account that counts, and now and then one before it that does not.
fn notices<W: Write>(lines: &mut Lines<W>, person: &Person, account: usize) -> io::Result<()> {
    let subject = format!("{}/u{}", person.app(account), person.number);
    let seen = person.number + account as u64;
    let mut notice = |id, time, channel: &str, status: &str, sha256| {
        let id = format_args!("n{}-{account}{id}", person.number);
        let data = format_args!(
            r#"{{"policy":"meta-ai-personalization","channel":"{channel}","status":"{status}","content_sha256":"{sha256}"}}"#
        );
        lines.fact("notice.recorded", ("//notices", id), format_args!("{subject}"), time, data)
    };
    let channel = ["in_product", "email", "signup"][(seen % 3) as usize];
    let status = ["delivered", "displayed", "acknowledged"][(seen / 3 % 3) as usize];
    if seen % 16 == 5 {
        notice("q", Minute::of(7, 540), "email", "queued", ANNOUNCED)?;
    }
    match person.noticed() {
        Noticed::Well => notice("", Minute::of(8, 600), channel, status, ANNOUNCED),
        Noticed::Never => notice("", Minute::of(8, 600), "email", ["sent", "bounced"][account % 2], ANNOUNCED),
        Noticed::Early => notice("", Minute::of(2, 600), channel, status, ANNOUNCED),
        Noticed::OtherText => notice("", Minute::of(8, 600), channel, status, OTHER),
    }
}

/// What the person chose, said of the first account.
fn choices<W: Write>(lines: &mut Lines<W>, person: &Person) -> io::Result<()> {
    let number = person.number;
    let time = Minute::of(35, 600);
    let mut say = |kind, id, data: std::fmt::Arguments| {
        let id = format_args!("p{number}{id}");
        lines.fact(kind, ("//choices", id), format_args!("facebook/u{number}"), time, data)
    };
    let mut prefer = |id, control: &str, value: std::fmt::Arguments| {
        say("preference.changed", id, format_args!(r#"{{"control":"{control}","value":"{value}"}}"#))
    };
    if let Some(topic) = episode::limited(person) {
        prefer("l", "ads.topic.limit", format_args!("{topic}"))?;
    }
    if let Some(advertiser) = episode::blocked(person) {
        prefer("b", "ads.advertiser.block", format_args!("a{advertiser}.example"))?;
    }
    if let Some(topic) = episode::see_less(person) {
        prefer("f", "feed.topic.see_less", format_args!("{topic}"))?;
    }
    if person.gpc() {
        prefer("g", "privacy.gpc", format_args!("on"))?;
    }
    if person.consents() {
        say("consent.recorded", "c", format_args!(r#"{{"purpose":"personalised_ads","state":"given"}}"#))?;
    }
    if person.has_age() {
        let band = if person.is_minor() { "minor" } else { "adult" };
        say("age.observed", "a", format_args!(r#"{{"band":"{band}"}}"#))?;
    }
    if person.asked_out() {
        say("control.requested", "o", format_args!(r#"{{"control":"ai_ads_opt_out"}}"#))?;
    }
    if person.granted_microphone() {
        say("permission.changed", "m", format_args!(r#"{{"permission":"microphone","state":"granted"}}"#))?;
    }
    Ok(())
}
