//! A sample ad selector that keeps to the policy: what a platform's own program might check before it shows anything.
//!
//! It knows nothing of the judge: it has its own few checks, and the replay says whether they were enough.

use super::log::at;
use crate::derive::Turn;
use crate::fact::*;

/// From when AI interactions may be used.
pub const FIRST_DAY: &str = "2025-12-16T00:00:00Z";

/// Regions of the crowd where AI interactions may not be used.
const KEPT_OUT: &[&str] = &["DE", "FR", "ES", "GB", "KR", "NO"];

/// What the selector knows of a person.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Profile {
    pub region: &'static str,
    pub minor: bool,
    pub gpc: bool,
    pub notified: bool,
    pub limited: Option<&'static str>,
    pub blocked: Option<&'static str>,
}

/// What there is to show: topics, advertiser.
const ADS: &[(&str, &str)] = &[
    ("hiking", "trail.example"),
    ("iab:210", "pasta.example"),
    ("iab:216", "pasta.example"),
    ("iab:1", "motors.example"),
    ("iab:653", "hotels.example"),
    ("iab:422", "pets.example"),
    ("iab:680", "games.example"),
];

/// The item for an interest.
pub fn item(topic: &str, purpose: Purpose) -> Item {
    let advertiser = ADS.iter().find(|ad| ad.0 == topic).map_or("market.example", |ad| ad.1);
    match purpose {
        Purpose::Ads => Item {
            kind: ItemKind::Ad,
            advertiser: Some(advertiser.to_owned()),
            campaign: Some(format!("{advertiser}/winter")),
            creative: None,
            topics: vec![topic.to_owned()],
        },
        Purpose::Content => Item {
            kind: ItemKind::Reel,
            advertiser: None,
            campaign: None,
            creative: None,
            topics: vec![topic.to_owned()],
        },
    }
}

/// True if the item may be shown for a signal that rests on `turns`; `across` if they are of another app in the center.
pub fn may_show(
    profile: &Profile,
    purpose: Purpose,
    item: &Item,
    signal: &SignalDerived,
    turns: &[&Turn],
    across: bool,
) -> bool {
    let first_day = at(FIRST_DAY).at;
    let by_law =
        !KEPT_OUT.contains(&profile.region) && profile.notified && turns.iter().all(|turn| turn.time.at >= first_day);
    let sensitive = !signal.sensitive.is_empty() || turns.iter().any(|turn| !turn.sensitive.is_empty());
    let limited = profile.limited.is_some_and(|topic| item.topics.iter().any(|other| other == topic));
    let blocked = profile.blocked.is_some() && item.advertiser.as_deref() == profile.blocked;
    let not_as_ad = sensitive || profile.minor || limited || blocked || (profile.gpc && across);
    by_law && !(purpose == Purpose::Ads && not_as_ad)
}
