//! What was recorded about the accounts: notices, links, preferences, consents, ages, permissions, erasures.

use super::scene::{Scene, instant, when};
use super::words;
use crate::entry::Entry;
use crate::fact::{Kind, Moment};
use serde::Serialize;

/// In which view an entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// It happened and was recorded before the decision.
    Both,
    /// It happened before the decision and was recorded after it.
    TodayOnly,
    /// It happened after the decision.
    Neither,
}

impl Counts {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Counts::Both => "counts",
            Counts::TodayOnly => "recorded only after the decision",
            Counts::Neither => "after the decision",
        }
    }

    /// Of an entry at a moment.
    pub(super) fn of(scene: &Scene, moment: Moment) -> Counts {
        match scene.views.map(|view| view.sees(moment)) {
            [true, _] => Counts::Both,
            [_, true] => Counts::TodayOnly,
            _ => Counts::Neither,
        }
    }
}

/// Something that was recorded about an account.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    /// Its entry.
    pub seq: u64,
    /// When it happened.
    pub at: String,
    /// When it was recorded, if that was much later.
    pub recorded: Option<String>,
    /// The account.
    pub account: String,
    /// What kind of fact it is: `notice`, `link`.
    pub kind: &'static str,
    /// What it says.
    pub what: String,
    /// In which view it counts.
    pub counts: Counts,
    #[serde(skip)]
    pub(super) moment: Moment,
    #[serde(skip)]
    pub(super) entry_kind: Kind,
}

/// Later than this after it happened is worth saying.
const LATE_S: i64 = 300;

/// Everything about the accounts of the scene, ascending in time.
pub fn all(scene: &Scene) -> Vec<Happening> {
    scene
        .evidence
        .in_time()
        .into_iter()
        .filter(|entry| is_about_person(entry.header.kind))
        .map(|entry| of(scene, entry))
        .collect()
}

fn of(scene: &Scene, entry: &Entry) -> Happening {
    let header = &entry.header;
    let moment = Moment { at: header.occurred_at.at, seq: header.seq };
    let lag = header.recorded_at.seconds_since(moment.at);
    let stream = header.streams.first().map(|link| link.stream);
    let account = stream.and_then(|stream| scene.evidence.account(stream)).map(words::clean);
    let what = entry.record.as_ref().map(|record| words::about_person(&record.body));
    Happening {
        seq: header.seq,
        at: when(header.occurred_at),
        recorded: (lag.abs() > LATE_S).then(|| instant(header.recorded_at)),
        account: account.unwrap_or_else(|| "an erased account".to_owned()),
        kind: words::kind(header.kind),
        what: words::sentence(&what.unwrap_or_else(|| format!("a {} that was erased since", words::kind(header.kind)))),
        counts: Counts::of(scene, moment),
        moment,
        entry_kind: header.kind,
    }
}

/// True for facts about a person or an account, as against chats, signals, decisions and policies.
pub(super) fn is_about_person(kind: Kind) -> bool {
    use Kind::*;
    !matches!(
        kind,
        PolicyAdopted | InteractionRecorded | ActivityRecorded | InteractionLabelled | SignalDerived | DecisionMade
    )
}
