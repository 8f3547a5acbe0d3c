//! The rules that fired and the findings, of both views, each with what it rests on in this case.

use super::scene::Scene;
use super::{own, uses};
use crate::judge::{self, Finding, FindingId, Fired, JudgeRule, Ref, Rule, VersionIx, version_of};
use crate::lineage::{Fault, Lineage, Use};
use crate::policy::{Params, RuleOutcome};
use crate::timeline::{NodeIx, Version, View};
use foldhash::HashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a rule means for the verdict, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Not allowed.
    Deny,
    /// Needs a person.
    Indeterminate,
    /// Worth a note.
    Finding,
}

impl Flag {
    /// A mark that tells flags apart without colour.
    pub fn mark(self) -> &'static str {
        match self {
            Flag::Deny => "✗",
            Flag::Indeterminate => "?",
            Flag::Finding => "·",
        }
    }

    /// What it does to the verdict.
    pub fn words(self) -> &'static str {
        match self {
            Flag::Deny => "forbids it",
            Flag::Indeterminate => "needs a person",
            Flag::Finding => "worth a note",
        }
    }
}

/// One thing that a rule rests on here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// In a sentence.
    pub text: String,
    /// True if the known view has it.
    pub known: bool,
    /// True if the true view has it.
    pub today: bool,
}

/// A rule that fired, or a finding.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// The rule's id.
    pub id: String,
    /// The rule in a sentence.
    pub title: String,
    /// What it means for the verdict.
    pub flag: Flag,
    /// The policy versions that have it; none for the judge's own.
    pub policies: Vec<String>,
    /// What the rule itself rests on, as the policy's author wrote it.
    pub source: Option<String>,
    /// What it rests on in this case.
    pub details: Vec<Detail>,
    /// True if it fires in the known view.
    pub known: bool,
    /// True if it fires in the true view.
    pub today: bool,
    /// The entries that it is about, each with the views in which it is.
    #[serde(skip)]
    pub(super) nodes: BTreeMap<NodeIx, [bool; 2]>,
    /// Where each text stands in `details`: a rule may fire for very many uses.
    #[serde(skip)]
    places: HashMap<String, usize>,
}

/// One rule in one view, about one use or the decision.
pub(super) struct Case<'a> {
    pub scene: &'a Scene<'a>,
    pub view: View,
    pub lineage: &'a Lineage,
    pub version: Option<VersionIx>,
    pub used: Option<&'a Use>,
}

impl<'a> Case<'a> {
    pub fn version(&self) -> Option<&'a Version> {
        self.version.map(|ix| version_of(self.scene.world, ix))
    }

    pub fn params(&self) -> Option<&'a Params> {
        self.version()?.compiled.as_ref().ok().map(|compiled| &*compiled.params)
    }
}

/// Every reason of both views, the gravest first.
pub fn all(scene: &Scene) -> Vec<Reason> {
    let mut found = Found::default();
    for (n, judged) in scene.judged().into_iter().enumerate() {
        judged.rules.iter().for_each(|fired| found.take_rule(scene, n, fired));
        judged.findings.iter().for_each(|finding| found.take_finding(scene, n, finding));
    }
    found.0.into_values().collect()
}

/// Reasons by what they are sorted by.
#[derive(Default)]
struct Found(BTreeMap<(Flag, String, String), Reason>);

impl Found {
    fn take_rule(&mut self, scene: &Scene, n: usize, fired: &Fired) {
        let flag = match judge::outcome(scene.world, fired.rule) {
            RuleOutcome::Deny => Flag::Deny,
            RuleOutcome::Indeterminate => Flag::Indeterminate,
            RuleOutcome::Finding => Flag::Finding,
        };
        match fired.rule {
            Rule::Policy(ix, number) => self.take_policy_rule(scene, n, (ix, number), flag, fired.about),
            Rule::Judge(rule, version) => {
                let case = case(scene, n, version, fired.about);
                let texts = own::of_rule(&case, rule, &fired.refs);
                let reason = self.entry(flag, rule.name(), rule.title().to_owned(), None);
                reason.take(n, texts);
                reason.extend_policies(version.map(|ix| scene.version(ix)));
                reason.extend_nodes(n, fired.about);
                match rule {
                    // What cites is at fault, not what is cited.
                    JudgeRule::BrokenLineage => {
                        reason.extend_nodes(n, scene.lineages[n].faults.iter().map(Fault::citing))
                    }
                    _ => reason.extend_nodes(n, entries(&fired.refs)),
                }
            }
        }
    }

    fn take_policy_rule(&mut self, scene: &Scene, n: usize, rule: (VersionIx, u16), flag: Flag, about: Option<NodeIx>) {
        let (ix, number) = rule;
        let compiled = version_of(scene.world, ix).compiled.as_ref().expect("a rule fired, so the version compiled");
        let rule = &compiled.rules()[number as usize];
        let texts = uses::detail(&case(scene, n, Some(ix), about), &rule.id);
        let (id, title) = (super::words::clean(&rule.id), super::words::clean(&rule.title));
        let reason = self.entry(flag, &id, title, rule.source.as_deref().map(super::words::clean));
        reason.take(n, texts);
        reason.extend_policies(Some(scene.version(ix)));
        reason.extend_nodes(n, about);
    }

    fn take_finding(&mut self, scene: &Scene, n: usize, finding: &Finding) {
        if let FindingId::Policy(ix, number) = finding.id {
            for node in entries(&finding.refs) {
                let about = Some(node).filter(|&node| node != scene.decision);
                self.take_policy_rule(scene, n, (ix, number), Flag::Finding, about);
            }
            return;
        }
        let (id, title) = own::finding(finding.id);
        let texts = own::of_finding(&case(scene, n, None, None), finding);
        let reason = self.entry(Flag::Finding, id, title.to_owned(), None);
        reason.take(n, texts);
        reason.extend_nodes(n, entries(&finding.refs));
    }

    fn entry(&mut self, flag: Flag, id: &str, title: String, source: Option<String>) -> &mut Reason {
        let key = (flag, id.to_owned(), title.clone());
        self.0.entry(key).or_insert_with(|| Reason {
            id: id.to_owned(),
            title,
            flag,
            policies: Vec::new(),
            source,
            details: Vec::new(),
            known: false,
            today: false,
            nodes: BTreeMap::new(),
            places: HashMap::default(),
        })
    }
}

impl Reason {
    fn take(&mut self, n: usize, texts: Vec<String>) {
        let (known, today) = (n == 0, n == 1);
        self.known |= known;
        self.today |= today;
        for text in texts {
            match self.places.get(&text) {
                Some(&place) => {
                    self.details[place].known |= known;
                    self.details[place].today |= today;
                }
                None => {
                    self.places.insert(text.clone(), self.details.len());
                    self.details.push(Detail { text, known, today });
                }
            }
        }
    }

    fn extend_policies(&mut self, policy: Option<String>) {
        self.policies.extend(policy.filter(|policy| !self.policies.contains(policy)));
    }

    fn extend_nodes(&mut self, n: usize, nodes: impl IntoIterator<Item = NodeIx>) {
        nodes.into_iter().for_each(|node| self.nodes.entry(node).or_default()[n] = true);
    }
}

fn case<'a>(scene: &'a Scene<'a>, n: usize, version: Option<VersionIx>, about: Option<NodeIx>) -> Case<'a> {
    let lineage = &scene.lineages[n];
    let used = about.and_then(|node| {
        let place = lineage.uses.binary_search_by_key(&node, |used| used.node);
        place.ok().map(|place| &lineage.uses[place])
    });
    Case { scene, view: scene.views[n], lineage, version, used }
}

fn entries(refs: &[Ref]) -> impl Iterator<Item = NodeIx> + '_ {
    refs.iter().filter_map(|each| match each {
        Ref::Entry(node) => Some(*node),
        _ => None,
    })
}
