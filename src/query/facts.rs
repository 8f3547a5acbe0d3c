//! Facts as they were recorded: which are asked for, and how they are shown.

use super::filter::Span;
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::{Body, Control, Kind, Source, app_of};
use crate::wire;
use serde_json::{Value, json};

/// What is asked of a fact; an empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FactFilter {
    pub accounts: Vec<String>,
    pub advertisers: Vec<String>,
    pub campaigns: Vec<String>,
    pub apps: Vec<String>,
    /// `region` or `device_region`.
    pub regions: Vec<String>,
    pub kinds: Vec<Kind>,
    pub topics: Vec<String>,
    /// Versions of a policy, notices about it, decisions that cite it.
    pub policies: Vec<(String, Option<String>)>,
    pub span: Span,
}

impl FactFilter {
    /// True if the entry is one of those.
    pub fn takes(&self, entry: &Entry) -> bool {
        let header = &entry.header;
        if !(self.kinds.is_empty() || self.kinds.contains(&header.kind))
            || !self.span.holds(header.occurred_at.at, header.recorded_at)
        {
            return false;
        }
        let account = account(entry);
        any(&self.accounts, account)
            && any(&self.apps, account.map(app_of))
            && any(&self.advertisers, advertiser(entry))
            && any(&self.campaigns, campaign(entry))
            && any(&self.regions, regions(entry))
            && any(&self.topics, topics(entry))
            && (self.policies.is_empty() || policy(entry).is_some_and(|found| self.takes_policy(found)))
    }

    fn takes_policy(&self, (id, version): (&str, Option<&str>)) -> bool {
        self.policies.iter().any(|(wanted, of)| wanted == id && of.as_deref().is_none_or(|of| version == Some(of)))
    }
}

fn any<'a>(wanted: &[String], found: impl IntoIterator<Item = &'a str>) -> bool {
    wanted.is_empty() || found.into_iter().any(|found| wanted.iter().any(|wanted| wanted == found))
}

fn body(entry: &Entry) -> Option<&Body> {
    entry.record.as_ref().map(|record| &record.body)
}

/// The account that a fact is about, where it still says so.
pub fn account(entry: &Entry) -> Option<&str> {
    let is_about_account = !matches!(entry.header.kind, Kind::PolicyAdopted | Kind::VerdictAttested);
    let subject = entry.record.as_ref().map(|record| record.subject.as_str());
    subject.filter(|subject| is_about_account && !subject.is_empty())
}

fn advertiser(entry: &Entry) -> Option<&str> {
    match body(entry)? {
        Body::DecisionMade(body) => body.item.advertiser.as_deref(),
        Body::PreferenceChanged(body) => {
            matches!(body.control, Control::AdvertiserBlock | Control::AdvertiserUnblock).then_some(body.value.as_str())
        }
        _ => None,
    }
}

fn campaign(entry: &Entry) -> Option<&str> {
    match body(entry)? {
        Body::DecisionMade(body) => body.item.campaign.as_deref(),
        Body::NoticeRecorded(body) => body.campaign.as_deref(),
        _ => None,
    }
}

fn regions(entry: &Entry) -> impl Iterator<Item = &str> {
    let both = match body(entry) {
        Some(Body::DecisionMade(body)) => [body.region.as_ref(), body.device_region.as_ref()],
        Some(Body::InteractionRecorded(body)) => [body.region.as_ref(), body.device_region.as_ref()],
        _ => [None, None],
    };
    both.into_iter().flatten().map(|region| region.as_str())
}

fn topics(entry: &Entry) -> Vec<&str> {
    fn all(topics: &[String]) -> Vec<&str> {
        topics.iter().map(String::as_str).collect()
    }
    match body(entry) {
        Some(Body::DecisionMade(body)) => all(&body.item.topics),
        Some(Body::InteractionLabelled(body)) => all(&body.topics),
        Some(Body::ActivityRecorded(body)) => all(&body.topics),
        Some(Body::SignalDerived(body)) => vec![&body.topic],
        Some(Body::PreferenceChanged(body)) => match body.control {
            Control::AdvertiserBlock | Control::AdvertiserUnblock | Control::Gpc => Vec::new(),
            _ => vec![&body.value],
        },
        _ => Vec::new(),
    }
}

fn policy(entry: &Entry) -> Option<(&str, Option<&str>)> {
    match body(entry)? {
        Body::PolicyAdopted(body) => Some((&entry.record.as_ref()?.subject, Some(&body.version))),
        Body::NoticeRecorded(body) => Some((&body.policy, None)),
        Body::DecisionMade(body) => body.policy.as_ref().map(|cited| (cited.id.as_str(), Some(cited.version.as_str()))),
        _ => None,
    }
}

/// The object of a fact: its place and times, and in `data` what it says, in the words of the wire.
///
/// The text of a chat is shown only if `with_content` says so. Where a body was destroyed, `erased` is true and there is no
/// `data`; where only the text was, there is no `content` in it.
pub fn fact_json(entry: &Entry, with_content: bool) -> Value {
    let header = &entry.header;
    let record = entry.record.as_ref();
    let cites: Vec<Value> = header
        .links
        .iter()
        .map(|link| match link {
            Link::Resolved { seq, .. } => json!(seq),
            Link::Unresolved { .. } => Value::Null,
        })
        .collect();
    let mut object = json!({
        "seq": header.seq, "type": header.kind.name(),
        "source": record.map(|record| &record.id.source), "id": record.map(|record| &record.id.id),
        "subject": record.map(|record| record.subject.as_str()).filter(|subject| !subject.is_empty()),
        "time": header.occurred_at.to_string(), "recordedtime": header.recorded_at.to_string(),
        "lag_s": header.recorded_at.seconds_since(header.occurred_at.at),
        "entry": entry.hash.to_string(), "cites": cites, "erased": record.is_none(),
    });
    if let Some(record) = record {
        let content = entry.content.as_deref().filter(|_| with_content);
        object["data"] = wire::body_to_json(&record.body, content);
    }
    object
}

/// What a fact says, in a few words for a table.
pub fn fact_words(entry: &Entry) -> String {
    let Some(body) = body(entry) else { return "erased".to_owned() };
    match body {
        Body::PolicyAdopted(body) => format!("{} from {}", body.version, body.in_force_from),
        Body::NoticeRecorded(body) => format!("{} {} {}", body.policy, body.channel.name(), body.status.name()),
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => center.clone(),
        Body::PreferenceChanged(body) => format!("{} {}", body.control.name(), body.value),
        Body::ConsentRecorded(body) => format!("{} {}", body.purpose, body.state.name()),
        Body::AgeObserved(band) => band.name().to_owned(),
        Body::PermissionChanged(body) => format!("{} {}", body.permission.name(), body.state.name()),
        Body::ControlRequested { control } => control.clone(),
        Body::InteractionRecorded(body) => {
            let region = body.region.as_ref().map_or("-", |region| region.as_str());
            format!("{} {} {} #{} in {region}", body.agent.name(), body.modality.name(), body.conversation, body.turn)
        }
        Body::ActivityRecorded(body) => format!("{} {}", body.activity, body.topics.join(", ")),
        Body::InteractionLabelled(body) => {
            let sensitive: Vec<&str> = body.sensitive.iter().map(|each| each.name()).collect();
            format!("of {}: {}", body.target.id, [sensitive, topics(entry)].concat().join(", "))
        }
        Body::SignalDerived(body) => {
            let sources = body.sources.iter().map(|source| match source {
                Source::Fact(fact) => fact.id.as_str(),
                Source::Conversation(id) => id.as_str(),
            });
            format!("{} from {}", body.topic, sources.collect::<Vec<_>>().join(", "))
        }
        Body::DecisionMade(body) => {
            let item = &body.item;
            let about = [item.advertiser.as_deref(), item.campaign.as_deref()].into_iter().flatten();
            let words = [body.outcome.name(), item.kind.name()].into_iter().chain(about).chain(topics(entry));
            words.collect::<Vec<_>>().join(" ")
        }
        Body::SubjectErased(scope) => scope.name().to_owned(),
        Body::VerdictAttested(body) => format!("entry {} {}", body.decision, body.conformance.name()),
    }
}
