//! The `data` of each type: read with its limits, and written back.

use super::text::{
    Id, List, LongText, Name, Named, Object, Text, TextOr, WireCategory, WireDigest, WireRegion, WireTime, text_or,
};
use super::{Refusal, typed};
use crate::fact::*;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Value, json};

type Topics = List<Name, 256>;
type References = List<WireReference, 4096>;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyData {
    version: Name,
    in_force_from: WireTime,
    in_force_until: Option<WireTime>,
    role: Option<Named<Role>>,
    pack: Option<Name>,
    cedar: Option<LongText>,
    #[serde(default)]
    params: serde_json::Map<String, Value>,
    #[serde(default)]
    documents: List<Object<DocumentData>, 64>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentData {
    title: Name,
    url: Text<2048>,
    sha256: WireDigest,
    captured_at: WireTime,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeData {
    policy: Name,
    campaign: Option<Name>,
    channel: Named<Channel>,
    status: Named<NoticeStatus>,
    locale: Option<Name>,
    content_sha256: Option<WireDigest>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CenterData {
    center: Name,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PreferenceData {
    control: Named<Control>,
    value: Name,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentData {
    purpose: Name,
    state: Named<ConsentState>,
    evidence: Option<Text<2048>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AgeData {
    band: Named<AgeBand>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PermissionData {
    permission: Named<Permission>,
    state: Named<PermissionState>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlData {
    control: Name,
}

#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct MicrophoneData {
    permission: Option<bool>,
    feature_active: Option<bool>,
    indicator: Option<bool>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct InteractionData {
    agent: Named<Agent>,
    conversation: Id,
    turn: u64,
    modality: Named<Modality>,
    region: Option<WireRegion>,
    device_region: Option<WireRegion>,
    e2ee: Option<bool>,
    microphone: Option<Object<MicrophoneData>>,
    #[serde(default)]
    context: References,
    content: Option<LongText>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivityData {
    activity: Name,
    topics: Topics,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramData {
    name: Name,
    version: Name,
    digest: WireDigest,
    provider: Option<Name>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelData {
    target: WireReference,
    sensitive: List<WireCategory, 64>,
    topics: Topics,
    labeller: Object<ProgramData>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalData {
    topic: Name,
    taxonomy: Option<Name>,
    #[serde(default)]
    sensitive: List<WireCategory, 64>,
    confidence_ppm: Option<u32>,
    sources: List<WireSource, 4096>,
    deriver: Object<ProgramData>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemData {
    kind: Named<ItemKind>,
    advertiser: Option<Name>,
    campaign: Option<Name>,
    creative: Option<Name>,
    topics: Topics,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CitedData {
    id: Name,
    version: Name,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionData {
    purpose: Named<Purpose>,
    item: Object<ItemData>,
    region: Option<WireRegion>,
    device_region: Option<WireRegion>,
    signals: References,
    policy: Option<Object<CitedData>>,
    outcome: Named<Outcome>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ErasedData {
    scope: Named<Scope>,
}

/// A reference: an id from the same source, or both.
enum WireReference {
    Id(Id),
    Both(BothData),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct BothData {
    source: Id,
    id: Id,
}

impl<'de> Deserialize<'de> for WireReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match text_or(deserializer, "a reference: an id, or {\"source\", \"id\"}")? {
            TextOr::Text(id) => WireReference::Id(id),
            TextOr::Object(both) => WireReference::Both(both),
        })
    }
}

/// A source: a reference, or only a conversation.
enum WireSource {
    Fact(WireReference),
    Conversation(Id),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceData {
    #[serde(default, deserialize_with = "present")]
    source: Option<Id>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Id>,
    #[serde(default, deserialize_with = "present")]
    conversation: Option<Id>,
}

impl<'de> Deserialize<'de> for WireSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "a source: an id, {\"source\", \"id\"}, or {\"conversation\"}";
        match text_or(deserializer, EXPECTED)? {
            TextOr::Text(id) => Ok(WireSource::Fact(WireReference::Id(id))),
            TextOr::Object(SourceData { source: Some(source), id: Some(id), conversation: None }) => {
                Ok(WireSource::Fact(WireReference::Both(BothData { source, id })))
            }
            TextOr::Object(SourceData { source: None, id: None, conversation: Some(id) }) => {
                Ok(WireSource::Conversation(id))
            }
            TextOr::Object(_) => Err(D::Error::custom(format!("expected {EXPECTED}"))),
        }
    }
}

/// Something: not `null`, which would pass for absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
    Id::deserialize(deserializer).map(Some)
}

/// How `data` is read.
pub trait Reading<'de>: Sized {
    type Error;
    /// Reads all of it.
    fn read<T: Deserialize<'de>>(self) -> Result<T, Self::Error>;
    /// What was read is refused all the same.
    fn refuse(refusal: Refusal) -> Self::Error;
}

/// The text of `data`, read so that what is wrong with it can be said.
pub struct Careful<'a>(pub &'a str);

impl<'a> Reading<'a> for Careful<'a> {
    type Error = Refusal;
    fn read<T: Deserialize<'a>>(self) -> Result<T, Refusal> {
        typed(self.0, "data")
    }
    fn refuse(refusal: Refusal) -> Refusal {
        refusal
    }
}

/// Reads the `data` of `kind`; bare references are of the fact's own source.
pub fn body<'de, R: Reading<'de>>(kind: Kind, data: R, source: &str) -> Result<(Body, Option<String>), R::Error> {
    let body = match kind {
        Kind::PolicyAdopted => policy(data.read()?).map_err(R::refuse)?,
        Kind::NoticeRecorded => {
            let d: NoticeData = data.read()?;
            Body::NoticeRecorded(NoticeRecorded {
                policy: d.policy.0,
                campaign: name(d.campaign),
                channel: d.channel.0,
                status: d.status.0,
                locale: name(d.locale),
                content_sha256: d.content_sha256.map(|digest| digest.0),
            })
        }
        Kind::AccountLinked => Body::AccountLinked { center: data.read::<CenterData>()?.center.0 },
        Kind::AccountUnlinked => Body::AccountUnlinked { center: data.read::<CenterData>()?.center.0 },
        Kind::PreferenceChanged => preference(data.read()?).map_err(R::refuse)?,
        Kind::ConsentRecorded => {
            let d: ConsentData = data.read()?;
            let evidence = d.evidence.map(|text| text.0);
            Body::ConsentRecorded(ConsentRecorded { purpose: d.purpose.0, state: d.state.0, evidence })
        }
        Kind::AgeObserved => Body::AgeObserved(data.read::<AgeData>()?.band.0),
        Kind::PermissionChanged => {
            let d: PermissionData = data.read()?;
            Body::PermissionChanged(PermissionChanged { permission: d.permission.0, state: d.state.0 })
        }
        Kind::ControlRequested => Body::ControlRequested { control: data.read::<ControlData>()?.control.0 },
        Kind::InteractionRecorded => return Ok(interaction(data.read()?, source)),
        Kind::ActivityRecorded => {
            let d: ActivityData = data.read()?;
            Body::ActivityRecorded(ActivityRecorded { activity: d.activity.0, topics: topics(d.topics) })
        }
        Kind::InteractionLabelled => {
            let d: LabelData = data.read()?;
            Body::InteractionLabelled(Box::new(InteractionLabelled {
                target: reference(d.target, source),
                sensitive: categories(d.sensitive),
                topics: topics(d.topics),
                labeller: program(d.labeller.0),
            }))
        }
        Kind::SignalDerived => signal(data.read()?, source).map_err(R::refuse)?,
        Kind::DecisionMade => decision(data.read()?, source),
        Kind::SubjectErased => Body::SubjectErased(data.read::<ErasedData>()?.scope.0),
        Kind::VerdictAttested => return Err(R::refuse(Refusal::new("type", super::NOT_YOURS))),
    };
    Ok((body, None))
}

fn policy(d: PolicyData) -> Result<Body, Refusal> {
    let cedar = match (&d.pack, d.cedar) {
        (Some(_), None) => String::new(),
        (None, Some(text)) => text.0,
        _ => {
            return Err(Refusal::new(
                "data.pack",
                "expected either `pack` (a built-in pack's name) or `cedar` (policy text)",
            ));
        }
    };
    for (field, time) in [("data.in_force_from", Some(d.in_force_from)), ("data.in_force_until", d.in_force_until)] {
        if time.is_some_and(|time| !time.0.at.is_whole_ms()) {
            return Err(Refusal::new(field, "expected whole milliseconds"));
        }
    }
    if d.in_force_until.is_some_and(|until| until.0.at <= d.in_force_from.0.at) {
        return Err(Refusal::new("data.in_force_until", "expected a time after `in_force_from`"));
    }
    let documents = d.documents.0.into_iter().map(|Object(document)| Document {
        title: document.title.0,
        url: document.url.0,
        sha256: document.sha256.0,
        captured_at: document.captured_at.0,
    });
    Ok(Body::PolicyAdopted(Box::new(PolicyAdopted {
        version: d.version.0,
        in_force_from: d.in_force_from.0,
        in_force_until: d.in_force_until.map(|time| time.0),
        role: d.role.map_or(Role::Platform, |role| role.0),
        pack: name(d.pack),
        overrides: sorted(Value::Object(d.params)).to_string(),
        cedar,
        params: String::new(),
        cedar_version: 0,
        documents: documents.collect(),
    })))
}

/// The same value with the keys of every object in order, so that equal params have equal bytes.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        other => other,
    }
}

fn preference(d: PreferenceData) -> Result<Body, Refusal> {
    let (control, value) = (d.control.0, d.value.0);
    if control == Control::Gpc && value != "on" && value != "off" {
        return Err(Refusal::new("data.value", format!("`{value}`: expected `on` or `off`")));
    }
    Ok(Body::PreferenceChanged(PreferenceChanged { control, value }))
}

fn interaction(d: InteractionData, source: &str) -> (Body, Option<String>) {
    let microphone = d.microphone.map_or_else(MicrophoneData::default, |Object(evidence)| evidence);
    let body = InteractionRecorded {
        agent: d.agent.0,
        conversation: d.conversation.0,
        turn: d.turn,
        modality: d.modality.0,
        region: d.region.map(|region| region.0),
        device_region: d.device_region.map(|region| region.0),
        e2ee: d.e2ee,
        microphone: Microphone {
            permission: microphone.permission,
            feature_active: microphone.feature_active,
            indicator: microphone.indicator,
        },
        context: references(d.context, source),
    };
    (Body::InteractionRecorded(Box::new(body)), d.content.map(|text| text.0))
}

fn signal(d: SignalData, own: &str) -> Result<Body, Refusal> {
    if d.confidence_ppm.is_some_and(|ppm| ppm > 1_000_000) {
        return Err(Refusal::new("data.confidence_ppm", "expected parts per million, 1000000 at most"));
    }
    let sources = d.sources.0.into_iter().map(|source| match source {
        WireSource::Fact(wire) => Source::Fact(reference(wire, own)),
        WireSource::Conversation(id) => Source::Conversation(id.0),
    });
    Ok(Body::SignalDerived(Box::new(SignalDerived {
        topic: d.topic.0,
        taxonomy: name(d.taxonomy),
        sensitive: categories(d.sensitive),
        confidence_ppm: d.confidence_ppm,
        sources: sources.collect(),
        deriver: program(d.deriver.0),
    })))
}

fn decision(d: DecisionData, source: &str) -> Body {
    let item = d.item.0;
    Body::DecisionMade(Box::new(DecisionMade {
        purpose: d.purpose.0,
        item: Item {
            kind: item.kind.0,
            advertiser: name(item.advertiser),
            campaign: name(item.campaign),
            creative: name(item.creative),
            topics: topics(item.topics),
        },
        region: d.region.map(|region| region.0),
        device_region: d.device_region.map(|region| region.0),
        signals: references(d.signals, source),
        policy: d.policy.map(|Object(cited)| CitedPolicy { id: cited.id.0, version: cited.version.0 }),
        outcome: d.outcome.0,
    }))
}

fn name(text: Option<Name>) -> Option<String> {
    text.map(|text| text.0)
}

fn topics(list: Topics) -> Vec<String> {
    list.0.into_iter().map(|topic| topic.0).collect()
}

fn categories(list: List<WireCategory, 64>) -> Categories {
    list.0.into_iter().map(|category| category.0).collect()
}

fn program(d: ProgramData) -> Program {
    Program { name: d.name.0, version: d.version.0, digest: d.digest.0, provider: name(d.provider) }
}

fn reference(wire: WireReference, own: &str) -> Reference {
    match wire {
        WireReference::Id(text) => FactId { source: own.to_owned(), id: text.0 },
        WireReference::Both(both) => FactId { source: both.source.0, id: both.id.0 },
    }
}

fn references(list: References, own: &str) -> Vec<Reference> {
    list.0.into_iter().map(|wire| reference(wire, own)).collect()
}

/// Writes a body as its `data`; absent options are left out.
pub fn to_json(body: &Body, content: Option<&str>) -> Value {
    let mut data = match body {
        Body::PolicyAdopted(p) => policy_json(p),
        Body::NoticeRecorded(n) => json!({
            "policy": n.policy, "campaign": n.campaign, "channel": n.channel.name(), "status": n.status.name(),
            "locale": n.locale, "content_sha256": n.content_sha256.map(|digest| digest.to_string()),
        }),
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => json!({ "center": center }),
        Body::PreferenceChanged(p) => json!({ "control": p.control.name(), "value": p.value }),
        Body::ConsentRecorded(c) => json!({ "purpose": c.purpose, "state": c.state.name(), "evidence": c.evidence }),
        Body::AgeObserved(band) => json!({ "band": band.name() }),
        Body::PermissionChanged(p) => json!({ "permission": p.permission.name(), "state": p.state.name() }),
        Body::ControlRequested { control } => json!({ "control": control }),
        Body::InteractionRecorded(i) => interaction_json(i, content),
        Body::ActivityRecorded(a) => json!({ "activity": a.activity, "topics": a.topics }),
        Body::InteractionLabelled(l) => json!({
            "target": reference_json(&l.target), "sensitive": categories_json(l.sensitive), "topics": l.topics,
            "labeller": program_json(&l.labeller),
        }),
        Body::SignalDerived(s) => json!({
            "topic": s.topic, "taxonomy": s.taxonomy, "sensitive": categories_json(s.sensitive),
            "confidence_ppm": s.confidence_ppm,
            "sources": s.sources.iter().map(|source| match source {
                Source::Fact(reference) => reference_json(reference),
                Source::Conversation(id) => json!({ "conversation": id }),
            }).collect::<Vec<_>>(),
            "deriver": program_json(&s.deriver),
        }),
        Body::DecisionMade(d) => decision_json(d),
        Body::SubjectErased(scope) => json!({ "scope": scope.name() }),
        Body::VerdictAttested(v) => attested_json(v),
    };
    drop_nulls(&mut data);
    data
}

fn policy_json(p: &PolicyAdopted) -> Value {
    let documents: Vec<Value> = p.documents.iter().map(|d| json!({
        "title": d.title, "url": d.url, "sha256": d.sha256.to_string(), "captured_at": d.captured_at.to_string(),
    })).collect();
    json!({
        "version": p.version, "in_force_from": p.in_force_from.to_string(),
        "in_force_until": p.in_force_until.map(|time| time.to_string()), "role": p.role.name(), "pack": p.pack,
        "cedar": p.pack.is_none().then_some(&p.cedar),
        "params": serde_json::from_str::<Value>(&p.overrides).unwrap_or_default(), "documents": documents,
    })
}

fn interaction_json(i: &InteractionRecorded, content: Option<&str>) -> Value {
    let mic = i.microphone;
    let microphone = (mic != Microphone::default()).then(|| {
        let mut evidence =
            json!({ "permission": mic.permission, "feature_active": mic.feature_active, "indicator": mic.indicator });
        drop_nulls(&mut evidence);
        evidence
    });
    json!({
        "agent": i.agent.name(), "conversation": i.conversation, "turn": i.turn, "modality": i.modality.name(),
        "region": i.region.map(|r| r.as_str().to_owned()), "device_region": i.device_region.map(|r| r.as_str().to_owned()),
        "e2ee": i.e2ee, "microphone": microphone,
        "context": i.context.iter().map(reference_json).collect::<Vec<_>>(), "content": content,
    })
}

fn decision_json(d: &DecisionMade) -> Value {
    let mut item = json!({
        "kind": d.item.kind.name(), "advertiser": d.item.advertiser, "campaign": d.item.campaign,
        "creative": d.item.creative, "topics": d.item.topics,
    });
    drop_nulls(&mut item);
    json!({
        "purpose": d.purpose.name(), "item": item, "region": d.region.map(|r| r.as_str().to_owned()),
        "device_region": d.device_region.map(|r| r.as_str().to_owned()),
        "signals": d.signals.iter().map(reference_json).collect::<Vec<_>>(),
        "policy": d.policy.as_ref().map(|cited| json!({ "id": cited.id, "version": cited.version })),
        "outcome": d.outcome.name(),
    })
}

fn attested_json(v: &VerdictAttested) -> Value {
    json!({
        "decision": v.decision, "digest": v.digest.to_string(), "known": v.known.name(), "true": v.today.name(),
        "conformance": v.conformance.name(), "integrity": v.integrity.name(),
        "rules": v.rules.iter().map(attested_rule_json).collect::<Vec<_>>(),
        "engine": v.engine, "version": v.engine_version, "size": v.size, "root": v.root.to_string(),
    })
}

fn attested_rule_json(rule: &AttestedRule) -> Value {
    let mut value = json!({
        "id": rule.id, "policy": rule.policy, "version": rule.version, "known": rule.known, "true": rule.today,
    });
    drop_nulls(&mut value);
    value
}

fn reference_json(reference: &Reference) -> Value {
    json!({ "source": reference.source, "id": reference.id })
}

fn categories_json(set: Categories) -> Vec<&'static str> {
    set.iter().map(Category::name).collect()
}

fn program_json(p: &Program) -> Value {
    let mut value = json!({
        "name": p.name, "version": p.version, "digest": p.digest.to_string(), "provider": p.provider,
    });
    drop_nulls(&mut value);
    value
}

fn drop_nulls(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, field| !field.is_null());
    }
}
