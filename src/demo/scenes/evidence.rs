//! The judge's own rules: gaps, clocks, erasures, policies that are not there or fail, and what came late.

use super::stage::{CAR, HIKING, Stage};
use super::{Scene, breach, noted, unproven};
use crate::fact::*;
use crate::judge::Conformance;

pub const SCENES: &[Scene] = &[
    unproven("broken-lineage", &["broken-lineage"], |stage| {
        let account = stage.account("facebook");
        stage.serve(&account, vec![FactId { source: "//signals".to_owned(), id: "never-recorded".to_owned() }]);
    }),
    unproven("clock-anomaly", &["clock-anomaly"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.decide_at(&account, "2026-01-12T12:00:00Z", "2026-01-12T11:30:00Z", signals, |_| ());
    }),
    unproven("conversation-lineage", &["conversation-lineage"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        stage.derive(&turns);
        let whole = Source::Conversation(turns[0].conversation.clone());
        let signal = stage.infer(&account, "hiking", vec![whole]);
        stage.serve(&account, vec![signal]);
    }),
    breach("erased-source", &["erased-source"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.say(&account, "2026-01-11T12:00:00Z", Body::SubjectErased(Scope::Content));
        stage.serve(&account, signals);
    }),
    unproven("erased-evidence", &["erased-evidence"], |stage| {
        let (facebook, instagram) = (stage.account("facebook"), stage.account("instagram"));
        stage.link(&[&facebook, &instagram], "2025-10-20T09:00:00Z");
        let turns = stage.talk(&instagram, HIKING);
        let signals = stage.derive(&turns);
        stage.serve(&facebook, signals);
        stage.say(&instagram, "2026-01-20T12:00:00Z", Body::SubjectErased(Scope::All));
    }),
    Scene {
        name: "erased-account",
        rules: &["erased-evidence"],
        findings: &[],
        conformance: Conformance::Erased,
        play: |stage| {
            let account = stage.account("facebook");
            talk_and_serve(stage, &account);
            stage.say(&account, "2026-01-20T12:00:00Z", Body::SubjectErased(Scope::All));
        },
    },
    Scene {
        name: "no-policy-in-force",
        rules: &["no-policy-in-force"],
        findings: &["views-differ"],
        conformance: Conformance::Unproven,
        play: |stage| {
            let account = stage.account("facebook");
            let turns = stage.talk_at(&account, HIKING, "2025-09-28T18:00:00Z", |_| ());
            let signals = stage.derive(&turns);
            stage.decide(&account, "2025-09-30T12:00:00Z", signals, |_| ());
        },
    },
    breach("not-permitted", &["not-permitted"], |stage| {
        let account = stage.account("threads");
        let turns = stage.talk_at(&account, CAR, "2026-01-20T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-01-22T12:00:00Z", signals, |_| ());
    }),
    unproven("policy-error", &["policy-error"], |stage| {
        let account = stage.account("threads");
        let turns = stage.talk_at(&account, HIKING, "2026-02-02T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-02-04T12:00:00Z", signals, |_| ());
    }),
    unproven("wrong-policy-cited", &["wrong-policy-cited"], |stage| {
        let account = stage.account("facebook");
        let turns = stage.talk(&account, HIKING);
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-01-12T12:00:00Z", signals, |decision| {
            let (id, version) = (super::super::policies::PLATFORM.to_owned(), "2".to_owned());
            decision.policy = Some(CitedPolicy { id, version });
        });
    }),
    Scene {
        name: "late-fact",
        rules: &[],
        findings: &["late-fact", "views-differ"],
        conformance: Conformance::LateBreach,
        play: |stage| {
            let account = stage.account("facebook");
            talk_and_serve(stage, &account);
            let limit = PreferenceChanged { control: Control::TopicLimit, value: "hiking".to_owned() };
            stage.say_at(&account, "2026-01-11T20:00:00Z", "2026-01-13T09:00:00Z", Body::PreferenceChanged(limit));
        },
    },
    noted("backdated-policy", &["backdated-policy"], |stage| {
        let account = stage.account("threads");
        let turns = stage.talk_at(&account, HIKING, "2026-04-21T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-04-22T12:00:00Z", signals, |_| ());
    }),
    Scene {
        name: "out-of-scope",
        rules: &[],
        findings: &[],
        conformance: Conformance::OutOfScope,
        play: |stage| {
            let account = stage.account("facebook");
            stage.serve(&account, Vec::new());
        },
    },
];

fn talk_and_serve(stage: &mut Stage, account: &str) {
    let turns = stage.talk(account, HIKING);
    let signals = stage.derive(&turns);
    stage.serve(account, signals);
}
