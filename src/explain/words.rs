//! Plain words for what facts say in terms of art.

use crate::fact::{Agent, Body, Categories, Category, Channel, Control, Kind, Modality, NoticeStatus, Purpose, Scope};

/// Text of others, safe to show: what could steer a terminal or reorder a line is written out.
pub fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if steers {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `a, b and c`.
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", rest.join(", "), last.as_ref())
        }
    }
}

/// `1 chat`, `2 chats`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The sentence with a capital at its beginning, unless it begins with an account: names are said as they are.
pub fn sentence(text: &str) -> String {
    if text.split(' ').next().is_some_and(|word| word.contains('/')) {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A length of time in its two largest units.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs() as usize;
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut parts = Vec::new();
    let mut rest = seconds;
    for (length, noun) in units {
        if rest >= length && parts.len() < 2 {
            parts.push(count(rest / length, noun));
        }
        rest %= length;
    }
    if parts.is_empty() { "less than a second".to_owned() } else { parts.join(" ") }
}

/// A sensitive category in words.
pub fn category(category: Category) -> String {
    category.name().replace('_', " ")
}

/// Sensitive categories in words.
pub fn categories(set: Categories) -> String {
    list(&set.iter().map(category).collect::<Vec<_>>())
}

/// `ad`, `reel`, and the like.
pub fn item(kind: crate::fact::ItemKind, purpose: Purpose) -> &'static str {
    use crate::fact::ItemKind::*;
    match (kind, purpose) {
        (Ad, _) => "ad",
        (Post, Purpose::Ads) => "sponsored post",
        (Post, _) => "post",
        (Reel, _) => "reel",
        (Group, _) => "group suggestion",
        (SponsoredResult, _) => "sponsored result",
    }
}

/// What an interaction is called.
pub fn interaction(agent: Agent) -> &'static str {
    match agent {
        Agent::Assistant | Agent::Business => "chat",
        Agent::Human => "message",
    }
}

/// Whom the person talked to.
pub fn agent(agent: Agent) -> &'static str {
    match agent {
        Agent::Assistant => "with the AI assistant",
        Agent::Business => "with a business's bot",
        Agent::Human => "to another person",
    }
}

/// How.
pub fn modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Text => "typed",
        Modality::Voice => "spoken",
        Modality::ImagePrompt => "asking for an image",
    }
}

/// How a notice was sent.
pub fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::InProduct => "in the product",
        Channel::Email => "by email",
        Channel::Signup => "at sign-up",
    }
}

fn status(status: NoticeStatus) -> String {
    let reached = if status.reached() { "it reached the person" } else { "it did not reach the person" };
    format!("{} ({reached})", status.name())
}

/// What an erasure destroyed.
pub fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Content => "the text of the account's chats was erased",
        Scope::All => "everything about the account was erased",
    }
}

/// A kind of fact as a noun.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::PolicyAdopted => "policy",
        Kind::NoticeRecorded => "notice",
        Kind::AccountLinked => "link",
        Kind::AccountUnlinked => "unlinking",
        Kind::PreferenceChanged => "preference",
        Kind::ConsentRecorded => "consent",
        Kind::AgeObserved => "observed age",
        Kind::PermissionChanged => "permission",
        Kind::ControlRequested => "requested control",
        Kind::InteractionRecorded => "chat",
        Kind::ActivityRecorded => "activity",
        Kind::InteractionLabelled => "label",
        Kind::SignalDerived => "signal",
        Kind::DecisionMade => "decision",
        Kind::SubjectErased => "erasure",
        Kind::VerdictAttested => "attested verdict",
    }
}

/// What a fact about a person says.
pub fn about_person(body: &Body) -> String {
    match body {
        Body::NoticeRecorded(body) => {
            format!("notice about {}, {}: {}", clean(&body.policy), channel(body.channel), status(body.status))
        }
        Body::AccountLinked { center } => format!("joined the Accounts Center {}", clean(center)),
        Body::AccountUnlinked { center } => format!("left the Accounts Center {}", clean(center)),
        Body::PreferenceChanged(body) => preference(body.control, &clean(&body.value)),
        Body::ConsentRecorded(body) => format!("consent to {}: {}", clean(&body.purpose), body.state.name()),
        Body::AgeObserved(band) => format!("age observed: {}", band.name()),
        Body::PermissionChanged(body) => {
            format!("permission for the {}: {}", body.permission.name().replace('_', " "), body.state.name())
        }
        Body::ControlRequested { control } => format!("asked for the control {}", clean(control)),
        Body::SubjectErased(erased) => scope(*erased).to_owned(),
        other => kind(other.kind()).to_owned(),
    }
}

fn preference(control: Control, value: &str) -> String {
    match control {
        Control::TopicLimit => format!("limited the topic “{value}” in ads"),
        Control::TopicUnlimit => format!("lifted the limit on the topic “{value}” in ads"),
        Control::AdvertiserBlock => format!("blocked the advertiser {value}"),
        Control::AdvertiserUnblock => format!("unblocked the advertiser {value}"),
        Control::FeedSeeLess => format!("asked to see less of “{value}” in the feed"),
        Control::FeedReset => format!("took back the wish to see less of “{value}” in the feed"),
        Control::Gpc => format!("turned Global Privacy Control {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_steers_the_terminal_or_turns_a_line_round() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c\\u{a}d");
        assert_eq!(clean("Çédille – 漢字"), "Çédille – 漢字");
    }

    #[test]
    fn lengths_of_time_take_their_two_largest_units() {
        for (seconds, expected) in [
            (0, "less than a second"),
            (1, "1 second"),
            (-61, "1 minute 1 second"),
            (7_200, "2 hours"),
            (90_061, "1 day 1 hour"),
            (86_401, "1 day 1 second"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn sentences_begin_with_a_capital_but_names_stay() {
        assert_eq!(
            (sentence("chat i1 was."), sentence("facebook/s1 left.")),
            ("Chat i1 was.".to_owned(), "facebook/s1 left.".to_owned())
        );
    }

    #[test]
    fn lists_read_as_one_would_say_them() {
        assert_eq!(list::<&str>(&[]), "none");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!((count(1, "chat"), count(0, "chat")), ("1 chat".to_owned(), "0 chats".to_owned()));
    }
}
