//! What the person had chosen, and who the person is.

use super::super::selector;
use super::stage::{HIKING, Stage};
use super::{Scene, breach, noted, unproven};
use crate::fact::*;

pub const SCENES: &[Scene] = &[
    breach("topic-limited", &["topic-limited"], |stage| {
        let account = stage.account("facebook");
        stage.prefer(&account, Control::TopicLimit, "hiking");
        talk_and_serve(stage, &account);
    }),
    breach("advertiser-blocked", &["advertiser-blocked"], |stage| {
        let account = stage.account("facebook");
        stage.prefer(&account, Control::AdvertiserBlock, "trail.example");
        talk_and_serve(stage, &account);
    }),
    breach("feed-limited", &["feed-limited"], |stage| {
        let account = stage.account("instagram");
        stage.prefer(&account, Control::FeedSeeLess, "hiking");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| {
            decision.purpose = Purpose::Content;
            decision.item = selector::item("hiking", Purpose::Content);
        });
    }),
    noted("opt-out-not-offered", &["opt-out-not-offered"], |stage| {
        let account = stage.account("facebook");
        stage.say(&account, "2026-01-05T09:00:00Z", Body::ControlRequested { control: "ai_ads_opt_out".to_owned() });
        talk_and_serve(stage, &account);
    }),
    breach("known-minor", &["known-minor"], |stage| {
        let account = stage.account("instagram");
        stage.say(&account, "2026-01-05T09:00:00Z", Body::AgeObserved(AgeBand::Minor));
        talk_and_serve(stage, &account);
    }),
    noted("age-unknown", &["age-unknown"], |stage| {
        let account = stage.account("instagram");
        stage.say(&account, "2026-01-05T09:00:00Z", Body::AgeObserved(AgeBand::Unknown));
        talk_and_serve(stage, &account);
    }),
    unproven("gpc-cross-context", &["gpc-cross-context"], |stage| {
        let (facebook, instagram) = (stage.account("facebook"), stage.account("instagram"));
        stage.link(&[&facebook, &instagram], "2025-10-20T09:00:00Z");
        stage.prefer(&instagram, Control::Gpc, "on");
        let turns = stage.talk(&instagram, HIKING);
        let signals = stage.derive(&turns);
        stage.serve(&facebook, signals);
    }),
];

fn talk_and_serve(stage: &mut Stage, account: &str) {
    let turns = stage.talk(account, HIKING);
    let signals = stage.derive(&turns);
    stage.serve(account, signals);
}
