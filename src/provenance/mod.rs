//! One decision's lineage as W3C PROV-JSON: what it rests on, what made it, who is behind it, and what was erased.
//!
//! Entities are entries (chats, labels, signals, the decision, policy versions), the text of a chat where there was one,
//! and both verdicts. What others wrote stands in strings only, never in an identifier. Deliberately absent: the text of
//! chats, and everything about the accounts that is no lineage (preferences, notices, links): `explain` has those.

mod agents;
mod attributes;
mod document;

use crate::attested::Attested;
use crate::explain::Evidence;
use crate::fact::{Body, Kind, Moment, Scope, Source, Time};
use crate::judge::{Judged, Judgement, VersionIx, version_of};
use crate::lineage::{self, Lineage};
use crate::replay;
use crate::timeline::{LinkTo, NodeIx, View, World};
use agents::Agents;
use attributes::entry as entry_attributes;
use document::{Document, name, time};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The PROV-JSON document of a judgement; `evidence` holds what [`crate::explain::Wanted`] asked for, `origin` is the
/// ledger's name.
pub fn to_prov(world: &World, judgement: &Judgement, evidence: &Evidence, origin: &str) -> Value {
    let decision = judgement.decision;
    let known = View { decision: world.node(decision).moment(), known: true };
    // Of a decision whose body is gone nothing else was judged.
    let views = if world.decision(decision).is_some() { vec![known, View { known: false, ..known }] } else { vec![] };
    let lineages = views.into_iter().map(|view| lineage::trace(world, decision, view)).collect();
    let (document, agents) = (Document::new(origin), Agents::default());
    let mut export = Export { world, judgement, evidence, lineages, document, agents };
    for node in export.nodes() {
        export.entry(node);
    }
    export.policies();
    export.verdicts();
    for attested in evidence.attested().of(world.node(decision).seq) {
        export.attested(attested);
    }
    export.document.finish()
}

struct Export<'a> {
    world: &'a World,
    judgement: &'a Judgement,
    evidence: &'a Evidence,
    lineages: Vec<Lineage>,
    document: Document,
    agents: Agents,
}

fn entry(seq: u64) -> String {
    format!("entry:{seq}")
}

fn text(seq: u64) -> String {
    format!("text:{seq}")
}

impl Export<'_> {
    /// The decision and everything behind it in either view, ascending in seq.
    fn nodes(&self) -> BTreeSet<NodeIx> {
        let edges = self.lineages.iter().flat_map(|lineage| lineage.edges.iter().map(|&(_, to)| to));
        std::iter::once(self.judgement.decision).chain(edges).collect()
    }

    /// What an entry rests on, sorted: what it cites, and the turns of conversations that it cites as a whole.
    fn sources(&self, node: NodeIx) -> BTreeSet<NodeIx> {
        let of_view = |lineage: &Lineage| {
            let first = lineage.edges.partition_point(|&(from, _)| from < node);
            let own = lineage.edges[first..].iter().take_while(|&&(from, _)| from == node);
            own.map(|&(_, to)| to).collect::<Vec<_>>()
        };
        self.lineages.iter().flat_map(of_view).collect()
    }

    fn entry(&mut self, ix: NodeIx) {
        let node = self.world.node(ix);
        let (seq, at) = (node.seq, node.at);
        self.entity(seq, at);
        let made = match node.kind {
            Kind::SignalDerived => Some(format!("activity:derive-{seq}")),
            Kind::DecisionMade => Some(format!("activity:decide-{seq}")),
            _ => None,
        };
        for source in self.sources(ix) {
            self.derived(seq, self.world.node(source).seq, made.as_deref());
        }
        for (number, link) in self.world.links(ix).iter().enumerate() {
            if let LinkTo::Unresolved(reference) = *link {
                self.missing(seq, number, reference, made.as_deref());
            }
        }
        match made {
            Some(activity) => self.made(ix, &activity),
            None => self.attributed(ix),
        }
        let labels: Vec<u64> = self.world.labels(ix).iter().map(|label| label.moment.seq).collect();
        labels.into_iter().for_each(|label| self.label(label, seq));
    }

    /// An entry as an entity, and what became of it.
    fn entity(&mut self, seq: u64, at: Time) {
        let erasures = self.erasures(seq);
        let body_gone = erasures.iter().find(|(_, scope)| *scope == Scope::All).map(|(moment, _)| *moment);
        let attributes = entry_attributes(self.world, self.evidence, seq, at, body_gone.is_some());
        self.document.element("entity", &entry(seq), attributes);
        if let Some(moment) = body_gone {
            self.invalidated(&entry(seq), moment);
        }
        let has_text = self.evidence.entry(seq).is_some_and(|entry| entry.header.content.is_some());
        if has_text {
            let gone = erasures.first().map(|(moment, _)| *moment);
            let attributes = json!({ "prov:type": name("inforce:Text"), "inforce:erased": gone.is_some() });
            self.document.element("entity", &text(seq), attributes);
            self.derived_from(&entry(seq), &text(seq), None);
            if let Some(moment) = gone {
                self.invalidated(&text(seq), moment);
            }
        }
    }

    /// Erasures of an entry's account after it.
    fn erasures(&self, seq: u64) -> Vec<(Moment, Scope)> {
        let Some(ix) = self.world.locate(seq) else { return Vec::new() };
        let node = self.world.node(ix);
        if node.kind == Kind::PolicyAdopted {
            return Vec::new();
        }
        let mut after: Vec<(Moment, Scope)> =
            self.world.account(node.account).erasures().filter(|(moment, _)| moment.seq > seq).collect();
        after.sort_by_key(|(moment, _)| moment.seq);
        after
    }

    fn invalidated(&mut self, entity: &str, moment: Moment) {
        let at = self.world.locate(moment.seq).map_or(Time::utc(moment.at), |ix| self.world.node(ix).at).to_string();
        let activity = format!("activity:erase-{}", moment.seq);
        let attributes = json!({ "prov:endTime": at, "prov:type": name("inforce:Erasing"), "inforce:seq": moment.seq });
        self.document.element("activity", &activity, attributes);
        let relation = json!({ "prov:entity": entity, "prov:activity": activity, "prov:time": at });
        self.document.relation("wasInvalidatedBy", relation);
    }

    fn derived(&mut self, seq: u64, source: u64, activity: Option<&str>) {
        self.derived_from(&entry(seq), &entry(source), activity);
        if let Some(activity) = activity {
            self.used(activity, &entry(source));
        }
    }

    fn derived_from(&mut self, generated: &str, used: &str, activity: Option<&str>) {
        let relation = json!({ "prov:generatedEntity": generated, "prov:usedEntity": used, "prov:activity": activity });
        self.document.relation("wasDerivedFrom", relation);
    }

    fn used(&mut self, activity: &str, entity: &str) {
        self.document.relation("used", json!({ "prov:activity": activity, "prov:entity": entity }));
    }

    /// A reference that leads nowhere: what was cited had not been recorded.
    fn missing(&mut self, seq: u64, number: usize, reference: Option<u32>, activity: Option<&str>) {
        let id = format!("missing:{seq}-{number}");
        let cited = reference.map(|reference| self.world.unresolved(reference).clone());
        let (source, fact) = cited.map_or((None, None), |cited| (Some(cited.source), Some(cited.id)));
        let attributes =
            json!({ "prov:type": name("inforce:NotRecorded"), "inforce:source": source, "inforce:id": fact });
        self.document.element("entity", &id, attributes);
        self.derived_from(&entry(seq), &id, activity);
        if let Some(activity) = activity {
            self.used(activity, &id);
        }
    }

    /// A signal or the decision: by which activity it was made, and by whom.
    fn made(&mut self, ix: NodeIx, activity: &str) {
        let node = self.world.node(ix);
        let kind = if node.kind == Kind::DecisionMade { "inforce:Deciding" } else { "inforce:Deriving" };
        self.activity(activity, kind, node.seq, node.at);
        let record = self.evidence.record(node.seq);
        let agent = match record.map(|record| (&record.body, &record.id)) {
            Some((Body::SignalDerived(body), _)) => Some(self.agents.program(&mut self.document, &body.deriver)),
            Some((Body::DecisionMade(_), id)) => Some(self.agents.decider(&mut self.document, &id.source)),
            _ => None,
        };
        let whole = match record.map(|record| &record.body) {
            Some(Body::SignalDerived(body)) => body.sources.iter().filter_map(conversation).collect(),
            _ => Vec::new(),
        };
        for (number, conversation) in whole.into_iter().enumerate() {
            let attributes = json!({ "prov:type": name("inforce:Conversation"), "inforce:id": conversation });
            let id = format!("conversation:{}-{number}", node.seq);
            self.document.element("entity", &id, attributes);
            self.used(activity, &id);
        }
        if let Some(agent) = agent {
            self.by(activity, &agent, None);
        }
        self.attributed(ix);
    }

    fn activity(&mut self, id: &str, kind: &str, made: u64, at: Time) {
        let attributes = json!({ "prov:endTime": at.to_string(), "prov:type": name(kind) });
        self.document.element("activity", id, attributes);
        let relation = json!({ "prov:entity": entry(made), "prov:activity": id, "prov:time": at.to_string() });
        self.document.relation("wasGeneratedBy", relation);
    }

    fn by(&mut self, activity: &str, agent: &str, plan: Option<String>) {
        let relation = json!({ "prov:activity": activity, "prov:agent": agent, "prov:plan": plan });
        self.document.relation("wasAssociatedWith", relation);
    }

    /// Whose account an entry is of.
    fn attributed(&mut self, ix: NodeIx) {
        let node = self.world.node(ix);
        if node.kind == Kind::PolicyAdopted {
            return;
        }
        let stream = self.world.stream_of_account(node.account);
        let agent = self.agents.account(&mut self.document, stream, self.evidence.account(stream));
        let relation = json!({ "prov:entity": entry(node.seq), "prov:agent": agent });
        self.document.relation("wasAttributedTo", relation);
    }

    fn label(&mut self, seq: u64, target: u64) {
        let Some(ix) = self.world.locate(seq) else { return };
        let at = self.world.node(ix).at;
        self.entity(seq, at);
        let activity = format!("activity:label-{seq}");
        self.activity(&activity, "inforce:Labelling", seq, at);
        self.derived(seq, target, Some(&activity));
        if let Some(Body::InteractionLabelled(body)) = self.evidence.record(seq).map(|record| &record.body) {
            let agent = self.agents.program(&mut self.document, &body.labeller);
            self.by(&activity, &agent, None);
        }
    }

    /// Every policy version that judged, as a plan of the judging.
    fn policies(&mut self) {
        let judgement = self.judgement;
        let of = |judged: &Judged| -> Vec<VersionIx> {
            let of_uses = judged.use_versions.iter().flat_map(|(_, versions)| versions);
            judged.versions.iter().chain(of_uses).copied().collect()
        };
        let versions: BTreeSet<VersionIx> =
            [&judgement.known, &judgement.today].into_iter().flat_map(|each| of(each)).collect();
        let engine = self.agents.engine(&mut self.document);
        for ix in versions {
            let version = version_of(self.world, ix);
            let Some(node) = self.world.locate(version.seq) else { continue };
            self.entity(version.seq, self.world.node(node).at);
            self.used("activity:judge", &entry(version.seq));
            self.by("activity:judge", &engine, Some(entry(version.seq)));
        }
        self.by("activity:judge", &engine, None);
    }

    fn verdicts(&mut self) {
        let (world, judgement) = (self.world, self.judgement);
        let attributes = json!({
            "prov:type": name("inforce:Judging"), "inforce:conformance": judgement.conformance.name(),
            "inforce:integrity": judgement.integrity.name(),
        });
        self.document.element("activity", "activity:judge", attributes);
        for node in self.nodes() {
            self.used("activity:judge", &entry(world.node(node).seq));
        }
        for (id, judged) in [("verdict:known", &judgement.known), ("verdict:true", &judgement.today)] {
            let rules: BTreeSet<&str> = judged.rules.iter().map(|fired| replay::rule_id(world, fired.rule)).collect();
            let attributes = json!({
                "prov:type": name("inforce:Verdict"), "inforce:verdict": judged.verdict.name(), "inforce:rules": rules,
            });
            self.document.element("entity", id, attributes);
            self.document.relation("wasGeneratedBy", json!({ "prov:entity": id, "prov:activity": "activity:judge" }));
            self.derived_from(id, &entry(world.node(judgement.decision).seq), Some("activity:judge"));
        }
    }

    /// A verdict that was put on record.
    fn attested(&mut self, attested: &Attested) {
        let run = &attested.run;
        let attributes = json!({
            "prov:type": name("inforce:AttestedVerdict"), "inforce:seq": attested.seq, "inforce:recorded_at": time(Time::utc(attested.at)),
            "inforce:verdict_known": attested.known.name(), "inforce:verdict_true": attested.today.name(),
            "inforce:conformance": attested.conformance.name(), "inforce:digest": attested.digest.to_string(),
            "inforce:engine": format!("{} {}", run.engine, run.version),
            "inforce:tree_size": run.size, "inforce:tree_root": run.root.to_string(),
        });
        self.document.element("entity", &entry(attested.seq), attributes);
        self.derived_from(&entry(attested.seq), &entry(attested.decision), None);
    }
}

fn conversation(source: &Source) -> Option<&str> {
    match source {
        Source::Conversation(id) => Some(id),
        Source::Fact(_) => None,
    }
}
