//! What an entry says, as attributes of its entity.

use super::document::{name, time};
use crate::explain::Evidence;
use crate::fact::*;
use crate::timeline::World;
use serde_json::{Map, Value, json};

/// The attributes of the entry `seq`; of one whose body was erased only what its header says.
pub fn entry(world: &World, evidence: &Evidence, seq: u64, at: Time, erased: bool) -> Value {
    let entry = evidence.entry(seq);
    let kind = world.locate(seq).map(|ix| world.node(ix).kind);
    let mut attributes = json!({
        "prov:type": kind.map(|kind| name(class(kind))),
        "inforce:seq": seq,
        "inforce:entry_hash": entry.map(|entry| entry.hash.to_string()),
        "inforce:occurred_at": time(at),
        "inforce:recorded_at": entry.map(|entry| time(Time::utc(entry.header.recorded_at))),
        "inforce:erased": erased.then_some(true),
    });
    let map = attributes.as_object_mut().expect("an object");
    if let Some(record) = entry.and_then(|entry| entry.record.as_ref()) {
        map.insert("prov:label".to_owned(), json!(record.id.to_string()));
        map.insert("inforce:source".to_owned(), json!(record.id.source));
        map.insert("inforce:id".to_owned(), json!(record.id.id));
        map.extend(said(&record.body, &record.subject));
    }
    attributes
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::InteractionRecorded => "inforce:Interaction",
        Kind::ActivityRecorded => "inforce:TraditionalActivity",
        Kind::InteractionLabelled => "inforce:Label",
        Kind::SignalDerived => "inforce:Signal",
        Kind::DecisionMade => "inforce:Decision",
        // A version is what the judging keeps to: the plan of PROV-DM, 5.3.4.
        Kind::PolicyAdopted => "prov:Plan",
        _ => "inforce:Entry",
    }
}

fn said(body: &Body, subject: &str) -> Map<String, Value> {
    let attributes = match body {
        Body::InteractionRecorded(body) => json!({
            "inforce:agent": body.agent.name(), "inforce:modality": body.modality.name(),
            "inforce:conversation": body.conversation, "inforce:turn": body.turn,
            "inforce:region": body.region.as_ref().map(Region::as_str),
            "inforce:device_region": body.device_region.as_ref().map(Region::as_str),
        }),
        Body::ActivityRecorded(body) => json!({ "inforce:activity": body.activity, "inforce:topics": body.topics }),
        Body::InteractionLabelled(body) => json!({
            "inforce:sensitive": categories(body.sensitive), "inforce:topics": body.topics,
        }),
        Body::SignalDerived(body) => json!({
            "inforce:topic": body.topic, "inforce:taxonomy": body.taxonomy, "inforce:sensitive": categories(body.sensitive),
            "inforce:confidence_ppm": body.confidence_ppm,
        }),
        Body::DecisionMade(body) => json!({
            "inforce:purpose": body.purpose.name(), "inforce:outcome": body.outcome.name(),
            "inforce:item": body.item.kind.name(), "inforce:advertiser": body.item.advertiser,
            "inforce:campaign": body.item.campaign, "inforce:creative": body.item.creative,
            "inforce:topics": body.item.topics,
            "inforce:policy_cited": body.policy.as_ref().map(|cited| format!("{}@{}", cited.id, cited.version)),
        }),
        Body::PolicyAdopted(body) => json!({
            "inforce:policy": subject, "inforce:version": body.version, "inforce:role": body.role.name(),
            "inforce:in_force_from": time(body.in_force_from), "inforce:in_force_until": body.in_force_until.map(time),
        }),
        _ => json!({}),
    };
    let Value::Object(map) = attributes else { unreachable!("every arm is an object") };
    map
}

fn categories(set: Categories) -> Vec<&'static str> {
    set.iter().map(Category::name).collect()
}
