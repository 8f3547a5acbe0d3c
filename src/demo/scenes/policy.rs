//! When, where, and what about.

use super::super::log::region;
use super::super::selector;
use super::stage::{DIABETES, HIKING, Stage, sources};
use super::{Scene, breach, noted, unproven};
use crate::fact::*;
use crate::judge::Conformance;

pub const SCENES: &[Scene] = &[
    breach("not-yet-effective", &["not-yet-effective", "pre-effective-interaction"], |stage| {
        talk_and_serve(stage, "2025-12-08T18:00:00Z", "2025-12-10T12:00:00Z", "US");
    }),
    breach("pre-effective-interaction", &["pre-effective-interaction"], |stage| {
        talk_and_serve(stage, "2025-12-10T18:00:00Z", "2025-12-20T12:00:00Z", "US");
    }),
    noted("first-hours", &["tz-ambiguous"], |stage| {
        talk_and_serve(stage, "2025-12-16T03:00:00Z", "2025-12-18T12:00:00Z", "US");
    }),
    breach("region-not-yet-effective", &["region-not-yet-effective"], |stage| {
        talk_and_serve(stage, "2026-03-10T18:00:00Z", "2026-03-12T12:00:00Z", "IN");
    }),
    breach("excluded-region", &["excluded-region"], |stage| {
        talk_and_serve(stage, "2026-01-10T18:00:00Z", "2026-01-12T12:00:00Z", "KR");
    }),
    breach("consent-missing", &["consent-missing", "excluded-region"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| decision.device_region = region("FR"));
    }),
    breach("norway", &["excluded-region"], |stage| {
        let account = stage.account("facebook");
        let consent =
            ConsentRecorded { purpose: "personalised_ads".to_owned(), state: ConsentState::Given, evidence: None };
        stage.say(&account, "2026-01-05T09:00:00Z", Body::ConsentRecorded(consent));
        let turns = stage.talk_at(&account, HIKING, "2026-01-10T18:00:00Z", |turn| turn.region = region("NO"));
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| decision.region = region("NO"));
    }),
    unproven("unknown-region", &["unknown-region"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| decision.region = None);
    }),
    breach("sensitive-topic", &["sensitive-topic"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, DIABETES);
        let health = stage.derive_sensitive(&turns);
        stage.decide(&account, "2026-01-12T12:00:00Z", vec![health], |decision| {
            decision.item = selector::item("iab:286", Purpose::Ads);
            decision.item.advertiser = Some("pharmacy.example".to_owned());
        });
    }),
    breach("inherited-sensitivity", &["inherited-sensitivity"], |stage| {
        let account = stage.account("instagram");
        let turns = stage.talk(&account, DIABETES);
        let health = stage.derive_sensitive(&turns);
        let fitness = stage.infer(&account, "iab:225", vec![Source::Fact(health)]);
        let gym = |decision: &mut DecisionMade| {
            decision.item = selector::item("iab:225", Purpose::Ads);
            decision.item.advertiser = Some("gym.example".to_owned());
        };
        stage.decide(&account, "2026-01-12T12:00:00Z", vec![fitness], gym);
    }),
    unproven("unlabelled", &["unlabelled"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk_unlabelled(&account, HIKING, "2026-01-10T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.serve(&account, signals);
    }),
    unproven("proxy-topic", &["proxy-topic"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk_at(&account, HIKING, "2026-03-10T18:00:00Z", |_| ());
        stage.derive(&turns);
        let fitness = stage.infer_at(&account, "iab:225", sources(&turns), "2026-03-11T12:00:00Z");
        stage.decide(&account, "2026-03-12T12:00:00Z", vec![fitness], |_| ());
    }),
    breach("excluded-topic", &["excluded-topic"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk_at(&account, HIKING, "2026-03-10T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-03-12T12:00:00Z", signals, |decision| {
            decision.item.topics.push("gambling".to_owned())
        });
    }),
    noted("relabelled-after-decision", &["relabelled-after-decision"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.serve(&account, signals);
        stage.label(&turns[0], "2026-01-20T09:00:00Z", &[Category::Health]);
    }),
    Scene {
        name: "held-back",
        rules: &["sensitive-topic"],
        findings: &[],
        conformance: Conformance::Conforming,
        play: |stage| {
            let account = stage.account("facebook");
            let turns = stage.talk(&account, DIABETES);
            let signals = stage.derive(&turns);
            stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| decision.outcome = Outcome::Suppressed);
        },
    },
    Scene {
        name: "withheld",
        rules: &[],
        findings: &[],
        conformance: Conformance::Withheld,
        play: |stage| {
            let account = stage.account("facebook");
            let turns = stage.talk(&account, HIKING);
            let signals = stage.derive(&turns);
            stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| decision.outcome = Outcome::Suppressed);
        },
    },
];

/// Talks about hiking and is shown an ad for it, in one region.
fn talk_and_serve(stage: &mut Stage, talk: &str, serve: &str, code: &str) {
    let account = stage.account("facebook");
    let turns = stage.talk_at(&account, HIKING, talk, |turn| turn.region = region(code));
    let signals = stage.derive(&turns);
    stage.decide(&account, serve, signals, |decision| decision.region = region(code));
}
