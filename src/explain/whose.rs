//! Sentences for rules about whose interaction it was, with whom, how it was captured, and which notice came before it.

use super::reason::Case;
use super::scene::{Scene, instant};
use super::uses::facts_of;
use super::words;
use crate::fact::{Body, Channel, Moment};
use crate::lineage::Use;
use crate::timeline::{AccountIx, Event, View, What};

/// The sentences of one rule; `None` if the rule is none of these.
pub fn detail(case: &Case, rule: &str) -> Option<Vec<String>> {
    let used = case.used?;
    Some(match rule {
        "accounts-not-linked" | "whatsapp-not-linked" | "not-own-interaction" => not_linked(case, used),
        "unlinked-before-decision" | "linked-after-collection" => link_changes(case, used),
        "human-message" | "business-agent" => vec![with_whom(case, used)],
        "microphone" | "microphone-unproven" => vec![microphone(case, used)],
        "notice-missing" | "notice-outside-window" | "notice-content-mismatch" => notices(case, used, rule),
        "gpc-cross-context" => {
            let mut sentences = vec![whose(case, used)];
            sentences.extend(super::choices::detail(case, rule));
            sentences
        }
        _ => return None,
    })
}

fn whose(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let of = |node| scene.account(scene.world.node(node).account);
    let (chat, decision) = (of(used.node), of(scene.decision));
    format!("{} was on {chat}, the decision is about {decision}.", scene.call_first(used.node))
}

fn not_linked(case: &Case, used: &Use) -> Vec<String> {
    let (scene, view) = (case.scene, case.view);
    let of = |node| scene.world.node(node).account;
    let (chat, decision) = (of(used.node), of(scene.decision));
    let place = |account| {
        let center = center(scene, account, view, view.decision);
        center.map_or_else(|| "in no Accounts Center".to_owned(), |name| format!("in the Accounts Center {name}"))
    };
    let places = format!(
        "At the decision {} was {}, and {} {}.",
        scene.account(chat),
        place(chat),
        scene.account(decision),
        place(decision)
    );
    let mut sentences = vec![format!("{} {places}", whose(case, used))];
    let later =
        [chat, decision].into_iter().flat_map(|account| link_events(scene, account, |moment| !view.sees(moment)));
    sentences.extend(later.take(4).map(|(text, moment)| {
        let why = if moment < view.decision { "recorded only after the decision" } else { "after the decision" };
        format!("{text}: {why}, so it does not count.")
    }));
    sentences
}

fn link_changes(case: &Case, used: &Use) -> Vec<String> {
    let (scene, view) = (case.scene, case.view);
    let node = scene.world.node(used.node);
    let decision = scene.world.node(scene.decision);
    let since = |moment: Moment| view.sees(moment) && moment > node.moment();
    let mut sentences = vec![format!("{} happened on {}.", scene.call_first(used.node), scene.at(used.node))];
    let changes = [node.account, decision.account].into_iter().flat_map(|account| link_events(scene, account, since));
    sentences.extend(changes.take(6).map(|(text, _)| format!("{text}.")));
    vec![format!("{} The decision was made on {}.", sentences.join(" "), scene.at(scene.decision))]
}

/// Links made and ended, as sentences without a full stop.
fn link_events(scene: &Scene, account: AccountIx, counts: impl Fn(Moment) -> bool) -> Vec<(String, Moment)> {
    let events = scene.world.account(account).events().iter();
    let chosen = events.filter(|event| event.what.is_link() && counts(event.moment));
    let words = |event: &Event| {
        let body = scene.evidence.record(event.moment.seq).map(|record| words::about_person(&record.body));
        let what = body.unwrap_or_else(|| "joined or left an Accounts Center".to_owned());
        (words::sentence(&format!("{} {what} on {}", scene.account(account), instant(event.moment.at))), event.moment)
    };
    chosen.map(words).collect()
}

/// The name of the center that an account was in just before `bound`.
pub(super) fn center(scene: &Scene, account: AccountIx, view: View, bound: Moment) -> Option<String> {
    let center = scene.world.center_at(account, view, bound)?;
    let joined =
        scene.world.account(account).seen(view, bound).rev().find(|event| event.what == What::Linked(center))?;
    match &scene.evidence.record(joined.moment.seq)?.body {
        Body::AccountLinked { center } => Some(words::clean(center)),
        _ => None,
    }
}

fn with_whom(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let agent = scene.world.interaction(used.node).map(|body| words::agent(body.agent)).unwrap_or_default();
    format!("{}, of {}, was {agent}.", scene.call_first(used.node), scene.at(used.node))
}

fn microphone(case: &Case, used: &Use) -> String {
    let scene = case.scene;
    let evidence = scene.world.interaction(used.node).map(|body| body.microphone).unwrap_or_default();
    let said = |name: &str, value: Option<bool>| {
        let value = match value {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not recorded",
        };
        format!("{name}: {value}")
    };
    let parts = [
        said("permission", evidence.permission),
        said("feature active", evidence.feature_active),
        said("indicator shown", evidence.indicator),
    ];
    format!("{} was spoken. The evidence at the capture is {}.", scene.call_first(used.node), parts.join(", "))
}

/// One notice that matters: of whom, and whether it counts for the use.
struct Sent {
    text: String,
    counts: bool,
}

fn notices(case: &Case, used: &Use, rule: &str) -> Vec<String> {
    let (scene, Some(version)) = (case.scene, case.version) else {
        return Vec::new();
    };
    let node = scene.world.node(used.node);
    let policy = scene.text(scene.world.policies[version.line as usize].id);
    let sent = notices_of(case, used);
    let (before, after): (Vec<&Sent>, Vec<&Sent>) = sent.iter().partition(|notice| notice.counts);
    let call = scene.call(used.node);
    let mut sentences = Vec::new();
    let texts =
        |notices: &[&Sent]| words::list(&notices.iter().take(6).map(|each| each.text.clone()).collect::<Vec<_>>());
    sentences.push(match before[..] {
        [] => format!("No notice about {policy} counts for {call} of {}.", scene.at(used.node)),
        _ => {
            format!("Before {call} of {}, these notices about {policy} count: {}.", scene.at(used.node), texts(&before))
        }
    });
    if !after.is_empty() {
        let account = scene.account(node.account);
        sentences.push(format!("What else was sent to {account} does not count for it: {}.", texts(&after)));
    }
    let params = case.params();
    if let ("notice-outside-window", Some(params)) = (rule, params) {
        sentences.push(format!("Notices count from {}.", super::scene::when(params.notice_from)));
    }
    if let ("notice-content-mismatch", Some(digest)) = (rule, params.and_then(|params| params.notice_sha256)) {
        sentences.push(format!("The text that was announced has the SHA-256 digest {digest}."));
    }
    if params.is_some_and(|params| params.all_channels) {
        let missing = facts_of(case, used).map_or(0, |facts| facts.notice.undelivered_channels);
        let channels = [Channel::InProduct, Channel::Email, Channel::Signup];
        let open = channels.into_iter().filter(|&channel| missing & (1 << channel as u8) != 0);
        let open: Vec<&str> = open.map(words::channel).collect();
        if !open.is_empty() {
            sentences
                .push(format!("Every way of sending must have arrived, and this did not: {}.", words::list(&open)));
        }
    }
    vec![sentences.join(" ")]
}

/// Every notice to the accounts that count at the use, with the reason why some do not count.
fn notices_of(case: &Case, used: &Use) -> Vec<Sent> {
    let (scene, view) = (case.scene, case.view);
    let node = scene.world.node(used.node);
    let group = scene.world.group_at(node.account, view, node.moment());
    let about = case.version.map(|version| scene.world.policies[version.line as usize].id);
    let decision = scene.world.node(scene.decision).account;
    let others =
        scene.world.group_at(decision, view, view.decision).into_iter().filter(|account| !group.contains(account));
    let accounts: Vec<(AccountIx, bool)> =
        group.iter().map(|&own| (own, true)).chain(others.map(|other| (other, false))).collect();
    let mut sent = Vec::new();
    for (account, in_group) in accounts {
        for Event { moment, what } in scene.world.account(account).events() {
            let What::Notice { policy, channel, status, .. } = *what else {
                continue;
            };
            let excuse = if Some(policy) != about {
                format!(" (about {})", scene.text(policy))
            } else if !in_group {
                format!(" (to {}, not linked then)", scene.account(account))
            } else if *moment > node.moment() {
                " (after it)".to_owned()
            } else if !view.sees(*moment) {
                " (recorded only after the decision)".to_owned()
            } else {
                String::new()
            };
            let at = instant(moment.at);
            let text = format!("{} on {at}, {}{excuse}", words::channel(channel), status.name());
            sent.push(Sent { text, counts: excuse.is_empty() });
        }
    }
    sent
}
