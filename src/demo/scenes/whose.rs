//! Whose interaction it was, with whom, how it was captured, and whether the person had been told.

use super::super::log::notice_sha256;
use super::stage::{CAR, HIKING, Stage, sources};
use super::{Scene, breach, noted, unproven};
use crate::fact::*;

/// Before anything of interest, and after the first version took force.
const EARLY: &str = "2025-10-20T09:00:00Z";

pub const SCENES: &[Scene] = &[
    noted("linked", &[], |stage| {
        let (facebook, whatsapp) = (stage.account("facebook"), stage.account("whatsapp"));
        stage.link(&[&facebook, &whatsapp], EARLY);
        talk_and_serve(stage, &whatsapp, &facebook);
    }),
    breach("accounts-not-linked", &["accounts-not-linked"], |stage| {
        let (facebook, instagram) = (stage.account("facebook"), stage.account("instagram"));
        talk_and_serve(stage, &instagram, &facebook);
    }),
    breach("whatsapp-not-linked", &["whatsapp-not-linked"], |stage| {
        let (facebook, whatsapp) = (stage.account("facebook"), stage.account("whatsapp"));
        talk_and_serve(stage, &whatsapp, &facebook);
    }),
    breach("unlinked-before-decision", &["accounts-not-linked", "unlinked-before-decision"], |stage| {
        let (facebook, messenger) = (stage.account("facebook"), stage.account("messenger"));
        stage.link(&[&facebook, &messenger], EARLY);
        stage.unlink(&messenger, "2026-01-11T20:00:00Z");
        talk_and_serve(stage, &messenger, &facebook);
    }),
    noted("linked-after-collection", &["linked-after-collection"], |stage| {
        let (facebook, instagram) = (stage.account("facebook"), stage.account("instagram"));
        stage.link(&[&facebook, &instagram], "2026-01-11T20:00:00Z");
        talk_and_serve(stage, &instagram, &facebook);
    }),
    breach("linked-too-late", &["linked-after-collection"], |stage| {
        let (facebook, instagram) = (stage.account("facebook"), stage.account("instagram"));
        stage.link(&[&facebook, &instagram], "2026-04-07T20:00:00Z");
        let turns = stage.talk_at(&instagram, HIKING, "2026-04-06T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&facebook, "2026-04-08T12:00:00Z", signals, |_| ());
    }),
    breach("not-own-interaction", &["not-own-interaction"], |stage| {
        let own = stage.account("facebook");
        let friend = "facebook/friend-of-not-own-interaction";
        stage.notify(friend, "2025-10-09T10:00:00Z", NoticeStatus::Displayed, Some(notice_sha256()));
        talk_and_serve(stage, friend, &own);
    }),
    breach("human-message", &["human-message"], |stage| talk_with(stage, Agent::Human)),
    unproven("business-agent", &["business-agent"], |stage| talk_with(stage, Agent::Business)),
    breach("microphone", &["microphone"], |stage| {
        speak(stage, Microphone { permission: Some(true), feature_active: Some(true), indicator: Some(false) });
    }),
    unproven("microphone-unproven", &["microphone-unproven"], |stage| speak(stage, Microphone::default())),
    breach("notice-missing", &["notice-missing"], |stage| {
        let account = stage.stranger("instagram");
        stage.say(&account, EARLY, Body::AgeObserved(AgeBand::Adult));
        stage.notify(&account, EARLY, NoticeStatus::Bounced, None);
        talk_and_serve(stage, &account, &account);
    }),
    unproven("notice-outside-window", &["notice-outside-window"], |stage| {
        let account = stage.stranger("instagram");
        stage.say(&account, EARLY, Body::AgeObserved(AgeBand::Adult));
        stage.notify(&account, "2025-10-02T10:00:00Z", NoticeStatus::Delivered, None);
        talk_and_serve(stage, &account, &account);
    }),
    unproven("notice-content-mismatch", &["notice-content-mismatch"], |stage| {
        let account = stage.stranger("instagram");
        stage.say(&account, EARLY, Body::AgeObserved(AgeBand::Adult));
        stage.notify(&account, EARLY, NoticeStatus::Displayed, Some(Digest([1; 32])));
        let turns = stage.talk_at(&account, HIKING, "2026-03-10T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-03-12T12:00:00Z", signals, |_| ());
    }),
    noted("notice-only-recorded", &["notice-missing"], |stage| {
        let account = stage.stranger("instagram");
        stage.say(&account, EARLY, Body::AgeObserved(AgeBand::Adult));
        let turns = stage.talk_at(&account, HIKING, "2026-04-06T18:00:00Z", |_| ());
        let signals = stage.derive(&turns);
        stage.decide(&account, "2026-04-08T12:00:00Z", signals, |_| ());
    }),
];

/// Talks with one account and is shown the ad on another.
fn talk_and_serve(stage: &mut Stage, talks: &str, shown: &str) {
    let turns = stage.talk(talks, HIKING);
    let signals = stage.derive(&turns);
    stage.serve(shown, signals);
}

/// Talks with somebody else than the assistant; the platform's own model labels it and infers from it.
fn talk_with(stage: &mut Stage, agent: Agent) {
    let account = stage.account("messenger");
    let turns = stage.talk_unlabelled(&account, HIKING, "2026-01-10T18:00:00Z", |turn| turn.agent = agent);
    turns.iter().for_each(|turn| stage.label(turn, "2026-01-10T19:00:00Z", &[]));
    let signal = stage.infer(&account, "hiking", sources(&turns));
    stage.serve(&account, vec![signal]);
}

/// Talks aloud, with that evidence about the microphone.
fn speak(stage: &mut Stage, evidence: Microphone) {
    let account = stage.account("messenger");
    let turns = stage.talk_at(&account, CAR, "2026-01-10T18:00:00Z", |turn| turn.microphone = evidence);
    let signals = stage.derive(&turns);
    stage.serve(&account, signals);
}
