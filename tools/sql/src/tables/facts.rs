//! Tables with a row an entry. Of a body that was destroyed only what the header says is left.

use super::{COMMON, column, common, key};
use crate::cells::{Cells, Column, Type};
use inforce::codec::Link;
use inforce::entry::Entry;
use inforce::fact::{Body, Categories, Category, Program, Source};

pub const ENTRIES: &[Column] = &[
    column("kind", Type::Text),
    column("destroyed", Type::Flag),
    column("cites", Type::Numbers),
    column("unresolved", Type::Number),
    column("hash", Type::Text),
];

pub fn entry(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let header = &entry.header;
    let unresolved = header.links.iter().filter(|link| matches!(link, Link::Unresolved { .. })).count();
    cells
        .text(Some(header.kind.name()))
        .flag(Some(entry.record.is_none()))
        .numbers(Some(cited(entry)))
        .number(Some(unresolved as u64))
        .shown(Some(entry.hash));
}

pub const INTERACTIONS: &[Column] = &[
    column("agent", Type::Text),
    column("conversation", Type::Text),
    column("turn", Type::Number),
    column("modality", Type::Text),
    column("region", Type::Text),
    column("device_region", Type::Text),
    column("e2ee", Type::Flag),
    column("microphone_permission", Type::Flag),
    column("microphone_active", Type::Flag),
    column("microphone_indicator", Type::Flag),
    column("context", Type::Numbers),
];

pub fn interaction(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let Some(Body::InteractionRecorded(body)) = body(entry) else { return cells.end() };
    cells
        .text(Some(body.agent.name()))
        .text(Some(&body.conversation))
        .number(Some(body.turn))
        .text(Some(body.modality.name()))
        .text(body.region.as_ref().map(|region| region.as_str()))
        .text(body.device_region.as_ref().map(|region| region.as_str()))
        .flag(body.e2ee)
        .flag(body.microphone.permission)
        .flag(body.microphone.feature_active)
        .flag(body.microphone.indicator)
        .numbers(Some(cited(entry)));
}

pub const LABELS: &[Column] = &[
    column("target", Type::Number),
    column("target_source", Type::Text),
    column("target_id", Type::Text),
    column("sensitive", Type::Texts),
    column("topics", Type::Texts),
    column("labeller", Type::Text),
    column("labeller_version", Type::Text),
    column("labeller_digest", Type::Text),
    column("labeller_provider", Type::Text),
];

pub fn label(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    cells.number(cited(entry).next());
    let Some(Body::InteractionLabelled(body)) = body(entry) else { return cells.end() };
    cells
        .text(Some(&body.target.source))
        .text(Some(&body.target.id))
        .texts(Some(categories(body.sensitive)))
        .texts(Some(&body.topics));
    program(&body.labeller, cells);
}

pub const SIGNALS: &[Column] = &[
    column("topic", Type::Text),
    column("taxonomy", Type::Text),
    column("sensitive", Type::Texts),
    column("confidence_ppm", Type::Number),
    column("sources", Type::Numbers),
    column("conversations", Type::Texts),
    column("deriver", Type::Text),
    column("deriver_version", Type::Text),
    column("deriver_digest", Type::Text),
    column("deriver_provider", Type::Text),
];

pub fn signal(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let Some(Body::SignalDerived(body)) = body(entry) else { return cells.end() };
    let conversations = body.sources.iter().filter_map(|source| match source {
        Source::Conversation(id) => Some(id),
        Source::Fact(_) => None,
    });
    cells
        .text(Some(&body.topic))
        .text(body.taxonomy.as_deref())
        .texts(Some(categories(body.sensitive)))
        .number(body.confidence_ppm.map(u64::from))
        .numbers(Some(cited(entry)))
        .texts(Some(conversations));
    program(&body.deriver, cells);
}

pub const NOTICES: &[Column] = &[
    column("policy", Type::Text),
    column("campaign", Type::Text),
    column("channel", Type::Text),
    column("status", Type::Text),
    column("reached", Type::Flag),
    column("locale", Type::Text),
    column("content_sha256", Type::Text),
];

pub fn notice(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let Some(Body::NoticeRecorded(body)) = body(entry) else { return cells.end() };
    cells
        .text(Some(&body.policy))
        .text(body.campaign.as_deref())
        .text(Some(body.channel.name()))
        .text(Some(body.status.name()))
        .flag(Some(body.status.reached()))
        .text(body.locale.as_deref())
        .shown(body.content_sha256);
}

pub const LINKS: &[Column] = &[column("linked", Type::Flag), column("center", Type::Text)];

pub fn link(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    cells.flag(Some(entry.header.kind == inforce::fact::Kind::AccountLinked));
    match body(entry) {
        Some(Body::AccountLinked { center } | Body::AccountUnlinked { center }) => {
            cells.text(Some(center));
        }
        _ => cells.end(),
    }
}

pub const PREFERENCES: &[Column] = &[column("control", Type::Text), column("value", Type::Text)];

pub fn preference(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let Some(Body::PreferenceChanged(body)) = body(entry) else { return cells.end() };
    cells.text(Some(body.control.name())).text(Some(&body.value));
}

pub const CONSENTS: &[Column] =
    &[column("purpose", Type::Text), column("state", Type::Text), column("evidence", Type::Text)];

pub fn consent(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let Some(Body::ConsentRecorded(body)) = body(entry) else { return cells.end() };
    cells.text(Some(&body.purpose)).text(Some(body.state.name())).text(body.evidence.as_deref());
}

pub const POLICIES: &[Column] = &[
    column("policy", Type::Text),
    column("version", Type::Text),
    column("role", Type::Text),
    column("pack", Type::Text),
    column("in_force_from", Type::Time),
    column("in_force_until", Type::Time),
    column("backdated", Type::Flag),
    column("params", Type::Text),
    column("cedar", Type::Text),
    column("documents", Type::Texts),
];

pub fn policy(entry: &Entry, cells: &mut Cells) {
    begin(entry, cells);
    let Some(record) = &entry.record else { return cells.end() };
    let Body::PolicyAdopted(body) = &record.body else { return cells.end() };
    cells
        .text(Some(&record.subject))
        .text(Some(&body.version))
        .text(Some(body.role.name()))
        .text(body.pack.as_deref())
        .time(Some(body.in_force_from.at))
        .time(body.in_force_until.map(|time| time.at))
        .flag(Some(entry.header.recorded_at > body.in_force_from.at))
        .text(Some(&body.params))
        .text(Some(&body.cedar))
        .texts(Some(body.documents.iter().map(|document| &document.url)));
}

fn begin(entry: &Entry, cells: &mut Cells) {
    debug_assert_eq!(COMMON.len(), 8);
    let (key, record) = (key(entry), entry.record.as_ref());
    let name = record.map(|record| (record.id.source.as_str(), record.id.id.as_str()));
    let app = key.account.map(|account| account.split_once('/').map_or(account, |(app, _)| app));
    common(cells, &key, name, app, entry.header.occurred_at);
}

fn body(entry: &Entry) -> Option<&Body> {
    entry.record.as_ref().map(|record| &record.body)
}

/// The entries that it cites, in the order in which it does.
fn cited(entry: &Entry) -> impl Iterator<Item = u64> {
    entry.header.links.iter().filter_map(|link| match link {
        Link::Resolved { seq, .. } => Some(*seq),
        Link::Unresolved { .. } => None,
    })
}

/// Names of sensitive categories.
pub fn categories(categories: Categories) -> impl Iterator<Item = &'static str> {
    categories.iter().map(Category::name)
}

fn program(program: &Program, cells: &mut Cells) {
    cells
        .text(Some(&program.name))
        .text(Some(&program.version))
        .shown(Some(program.digest))
        .text(program.provider.as_deref());
}
