//! The policy versions that judged, and until when each is in force.

use super::scene::{Scene, instant};
use super::words;
use crate::fact::{Body, Instant, Role};
use crate::judge::{VersionIx, version_of};
use crate::timeline::Version;
use serde::Serialize;
use std::collections::BTreeSet;

/// One policy version.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyCard {
    /// The policy's id.
    pub policy: String,
    /// The version's name.
    pub version: String,
    /// `platform` or `overlay`.
    pub role: &'static str,
    /// From when it is in force.
    pub from: String,
    /// Until when, exclusive: its own end, or the start of the version that replaces it.
    pub until: Option<String>,
    /// The version that replaces it, if that is what ends it.
    pub replaced_by: Option<String>,
    /// The version that was recorded after the decision and replaces it by what is known today, and from when.
    pub overtaken: Option<(String, String)>,
    /// When it was recorded.
    pub recorded: String,
    /// True if it was recorded after it took force.
    pub backdated: bool,
    /// True if it was recorded before the decision.
    pub known: bool,
    /// What it judged, in words.
    pub judges: Vec<String>,
    /// The documents that it rests on.
    pub documents: Vec<String>,
    #[serde(skip)]
    pub(super) span: (Instant, Option<Instant>),
    #[serde(skip)]
    pub(super) use_from: Option<Instant>,
    #[serde(skip)]
    pub(super) seq: u64,
}

/// Most versions listed where nothing judged and the reader wants to know what there was.
const LISTED: usize = 8;

/// Every version that judged in either view; those of the platform's policies where none of them did.
pub fn all(scene: &Scene) -> Vec<PolicyCard> {
    let mut wanted: BTreeSet<VersionIx> = BTreeSet::new();
    for judged in scene.judged() {
        wanted.extend(&judged.versions);
        wanted.extend(judged.use_versions.iter().flat_map(|(_, versions)| versions));
    }
    if !wanted.iter().any(|&ix| version_of(scene.world, ix).role == Role::Platform) {
        let lines = scene.world.policies.iter().enumerate();
        let all = lines.flat_map(|(line, policy)| (0..policy.versions.len()).map(move |version| (line, version)));
        let all = all.map(|(line, version)| VersionIx { line: line as u32, version: version as u32 });
        wanted.extend(all.filter(|&ix| version_of(scene.world, ix).role == Role::Platform).take(LISTED));
    }
    let mut cards: Vec<PolicyCard> = wanted.into_iter().map(|ix| card(scene, ix)).collect();
    cards.sort_by(|a, b| (b.role, a.span.0, a.seq).cmp(&(a.role, b.span.0, b.seq)));
    cards
}

fn card(scene: &Scene, ix: VersionIx) -> PolicyCard {
    let version = version_of(scene.world, ix);
    let line = &scene.world.policies[ix.line as usize];
    let is_late = |version: &Version| scene.came_later(version.seq);
    let before_its_end = |next: &&Version| version.until.is_none_or(|until| next.from <= until);
    let later = &line.versions[ix.version as usize + 1..];
    // What nobody knew at the decision did not end what was in force then.
    let replaced = later.iter().find(|next| is_late(version) || !is_late(next)).filter(before_its_end);
    let overtaken = later.first().filter(|next| !is_late(version) && is_late(next)).filter(before_its_end);
    let until = replaced.map(|next| next.from).or(version.until);
    PolicyCard {
        policy: scene.text(line.id),
        version: scene.text(version.name),
        role: version.role.name(),
        from: instant(version.from),
        until: until.map(instant),
        replaced_by: replaced.map(|next| scene.text(next.name)),
        overtaken: overtaken.map(|next| (scene.text(next.name), instant(next.from))),
        recorded: instant(version.recorded),
        backdated: version.is_backdated(),
        known: !scene.came_later(version.seq),
        judges: judges(scene, ix),
        documents: documents(scene, version.seq),
        span: (version.from, until),
        use_from: version.compiled.as_ref().ok().map(|compiled| compiled.params.use_from.at),
        seq: version.seq,
    }
}

fn judges(scene: &Scene, ix: VersionIx) -> Vec<String> {
    let mut parts = Vec::new();
    let [known, today] = scene.judged().map(|judged| judged.versions.contains(&ix));
    match (known, today) {
        (true, true) => parts.push("the decision".to_owned()),
        (true, false) => parts.push("the decision, by what was known then".to_owned()),
        (false, true) => parts.push("the decision, by what is known today".to_owned()),
        (false, false) => {}
    }
    let mut uses: Vec<_> = scene.judged().into_iter().flat_map(|judged| &judged.use_versions).collect();
    uses.retain(|(_, versions)| versions.contains(&ix));
    let mut uses: Vec<_> = uses.into_iter().map(|(node, _)| *node).collect();
    uses.sort_unstable();
    uses.dedup();
    if !uses.is_empty() {
        let why = match known || today {
            true => "",
            false => ", because it was in force when that happened, or was then known to be",
        };
        parts.push(format!("{}{why}", scene.call_all(&uses)));
    }
    if let Some((id, name)) = scene.body.cited {
        let line = &scene.world.policies[ix.line as usize];
        if line.id == id && version_of(scene.world, ix).name == name {
            parts.push("it is the one that the decision cites".to_owned());
        }
    }
    parts
}

fn documents(scene: &Scene, seq: u64) -> Vec<String> {
    let Some(Body::PolicyAdopted(adopted)) = scene.evidence.record(seq).map(|record| &record.body) else {
        return Vec::new();
    };
    let documents = adopted.documents.iter().map(|document| {
        let (title, url) = (words::clean(&document.title), words::clean(&document.url));
        format!("{title}, {url}, captured on {} (SHA-256 {})", document.captured_at, document.sha256)
    });
    documents.collect()
}
