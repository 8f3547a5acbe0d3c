//! Sentences for rules about what the person chose, is, or asked for.

use super::reason::Case;
use super::scene::instant;
use super::words;
use crate::fact::{AgeBand, Control};
use crate::judge::facts;
use crate::timeline::{AccountIx, Event, What};

/// The sentences of one rule; none if the rule is none of these.
pub fn detail(case: &Case, rule: &str) -> Vec<String> {
    match rule {
        "topic-limited" => preferences(case, &[Control::TopicLimit]),
        "feed-limited" => preferences(case, &[Control::FeedSeeLess]),
        "advertiser-blocked" => preferences(case, &[Control::AdvertiserBlock]),
        "gpc-cross-context" => preferences(case, &[Control::Gpc]),
        "opt-out-not-offered" => latest(case, |what| matches!(what, What::OptOut)),
        "known-minor" => latest(case, |what| matches!(what, What::Age(AgeBand::Minor))),
        "age-unknown" => {
            let observed = latest(case, |what| matches!(what, What::Age(_)));
            if observed.is_empty() { vec!["No age was ever observed.".to_owned()] } else { observed }
        }
        "consent-missing" => {
            let consents = latest(case, |what| matches!(what, What::Consent(..)));
            if consents.is_empty() { vec!["No consent was recorded by then.".to_owned()] } else { consents }
        }
        _ => Vec::new(),
    }
}

/// The preferences that bind the item, each as it was last set.
fn preferences(case: &Case, controls: &[Control]) -> Vec<String> {
    let (scene, body) = (case.scene, case.scene.body);
    let person = facts::of_person(scene.world, &group(case), body, case.view);
    let binds = |what: What| match what {
        What::Preference(control @ Control::TopicLimit, topic) if controls.contains(&control) => {
            body.topics.contains(&topic) && person.limited_topics.contains(&topic)
        }
        What::Preference(control @ Control::FeedSeeLess, topic) if controls.contains(&control) => {
            body.topics.contains(&topic) && person.see_less_topics.contains(&topic)
        }
        What::Preference(control @ Control::AdvertiserBlock, name) if controls.contains(&control) => {
            body.advertiser == Some(name)
        }
        What::Preference(control @ Control::Gpc, value) if controls.contains(&control) => {
            scene.world.symbols.name(value) == "on"
        }
        _ => false,
    };
    latest(case, binds)
}

fn group(case: &Case) -> Vec<AccountIx> {
    let world = case.scene.world;
    world.group_at(world.node(case.scene.decision).account, case.view, case.view.decision)
}

/// The last event on each account of the group that matches, in the case's view.
fn latest(case: &Case, matches: impl Fn(What) -> bool) -> Vec<String> {
    let scene = case.scene;
    let mut sentences = Vec::new();
    for account in group(case) {
        let mut seen: Vec<&Event> = scene.world.account(account).seen(case.view, case.view.decision).collect();
        seen.retain(|event| matches(event.what));
        // Each value that was set counts for itself: the last event of each.
        let mut said: Vec<What> = Vec::new();
        for event in seen.into_iter().rev() {
            let is_same = |other: &What| match (other, event.what) {
                (What::Preference(a, x), What::Preference(b, y)) => (*a, *x) == (b, y),
                (What::Consent(a, _), What::Consent(b, _)) => *a == b,
                _ => true,
            };
            if said.iter().any(is_same) {
                continue;
            }
            said.push(event.what);
            let record = scene.evidence.record(event.moment.seq);
            let what =
                record.map_or_else(|| "something erased since".to_owned(), |record| words::about_person(&record.body));
            let at = instant(event.moment.at);
            sentences.push(words::sentence(&format!("{}: {what}, on {at}.", scene.account(account))));
        }
    }
    sentences
}
