//! The judge: a pure function of (entries, view, policies).
//!
//! No clock, disk, network or randomness: the same world gives the same judgement on every machine. Fail-closed: what
//! cannot be evaluated, read or proved is never an allow. Deliberately absent: reading the ledger, and names for output.

pub(crate) mod facts;
mod verdict;
mod versions;

pub use verdict::*;
pub use versions::version_of;

use crate::fact::{Instant, Kind, Moment, Role, Scope};
use crate::lineage::{self, Fault, Gate, Lineage, Use};
use crate::policy::{Answer, DecisionFacts, Memo, PersonFacts, Question, RuleOutcome};
use crate::symbols::Sym;
use crate::timeline::{AccountIx, Decision, NodeIx, View, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long before it happened something may be recorded: clocks differ.
const CLOCK_TOLERANCE_S: i64 = 300;

/// One memo a version; without it every question is put to Cedar.
#[derive(Default)]
pub struct Memos(Vec<Memo>);

/// How to ask a policy.
pub enum Ask<'a> {
    /// Through the memo.
    Memo(&'a mut Memos),
    /// Cedar, every time.
    Plainly,
}

/// Judges one decision in both views.
pub fn judge(world: &World, decision: NodeIx, ask: &mut Ask) -> Judgement {
    let node = world.node(decision);
    assert_eq!(node.kind, Kind::DecisionMade, "only decisions are judged");
    let Some(body) = world.decision(decision) else { return destroyed(decision) };
    let bench = Bench { world, decision, body, app: app_of(world, decision) };
    let known_view = View { decision: node.moment(), known: true };
    let true_view = View { known: false, ..known_view };
    let (known, known_lineage) = bench.judge(known_view, None, ask);
    if bench.views_agree(known_view, &known_lineage) {
        let known = Arc::new(known);
        return bench.judgement(known.clone(), known, [&known_lineage, &known_lineage]);
    }
    let (mut today, true_lineage) = bench.judge(true_view, Some(&known), ask);
    bench.compare(&known, &mut today, [(known_view, &known_lineage), (true_view, &true_lineage)]);
    bench.judgement(Arc::new(known), Arc::new(today), [&known_lineage, &true_lineage])
}

/// A decision whose own body is gone: nothing else is judged.
fn destroyed(decision: NodeIx) -> Judgement {
    let fired =
        Fired { rule: Rule::Judge(JudgeRule::ErasedEvidence, None), about: None, refs: vec![Ref::Entry(decision)] };
    let judged = Arc::new(Judged {
        verdict: Verdict::Indeterminate,
        rules: vec![fired],
        findings: Vec::new(),
        versions: Vec::new(),
        use_versions: Vec::new(),
    });
    let (known, today) = (judged.clone(), judged);
    Judgement { decision, outcome: None, known, today, conformance: Conformance::Erased, integrity: Integrity::Erased }
}

fn app_of(world: &World, decision: NodeIx) -> Sym {
    world.account(world.node(decision).account).app.expect("a readable decision names its account")
}

/// One decision before the judge.
struct Bench<'a> {
    world: &'a World,
    decision: NodeIx,
    body: &'a Decision,
    app: Sym,
}

/// A use, the topics on the ways to it, and the accounts whose notices count for it.
type AskedUse<'b> = (&'b Use, &'b Arc<[Sym]>, &'b [AccountIx]);

/// A version, and how it sees the decision with what of the memo's key that makes; nothing where it did not compile.
struct Asked {
    ix: VersionIx,
    facts: Option<(DecisionFacts, Vec<u8>)>,
}

/// What was found so far in one view.
#[derive(Default)]
struct Record {
    rules: Vec<Fired>,
    findings: BTreeMap<FindingId, Vec<Ref>>,
}

impl Bench<'_> {
    fn judgement(&self, known: Arc<Judged>, today: Arc<Judged>, lineages: [&Lineage; 2]) -> Judgement {
        Judgement {
            decision: self.decision,
            outcome: Some(self.body.outcome),
            conformance: Conformance::of(self.body.outcome, known.verdict, today.verdict),
            integrity: self.integrity(lineages),
            known,
            today,
        }
    }

    /// True if nothing that was recorded later can tell the true view from the known one, so that judging it again
    /// would give the same: no version came after the decision, and nothing late is in an account, a label or a turn
    /// that either view could read.
    fn views_agree(&self, view: View, lineage: &Lineage) -> bool {
        let world = self.world;
        let decision = view.decision;
        let late = |moment: Moment| moment.seq > decision.seq && moment < decision;
        let after = |version: &crate::timeline::Version| version.seq > decision.seq;
        if world.policies.iter().flat_map(|line| &line.versions).any(after) {
            return false;
        }
        let uses = || lineage.uses.iter().map(|used| used.node);
        // Mostly all of them are one account.
        let (mut owners, mut before) = (std::iter::once(self.decision).chain(uses()), None);
        let mut is_new = |account| before.replace(account) != Some(account);
        if owners.any(|ix| {
            let account = world.node(ix).account;
            is_new(account) && world.has_late_neighbour(account, decision)
        }) {
            return false;
        }
        if uses().any(|used| world.labels(used).iter().any(|label| late(label.moment))) {
            return false;
        }
        // Turns that nobody cites count where a signal or a policy goes by whole conversations.
        let by_conversation =
            !lineage.by_conversation.is_empty() || world.policies.iter().any(|line| line.goes_by_conversation());
        !by_conversation
    }

    fn judge(&self, view: View, known: Option<&Judged>, ask: &mut Ask) -> (Judged, Lineage) {
        let world = self.world;
        let lineage = lineage::trace(world, self.decision, view);
        let app = world.symbols.name(self.app);
        let mut versions = versions::at_decision(world, view, app);
        // A later permission never cures: what the known view judged by judges in the true view as well.
        versions.extend(known.iter().flat_map(|known| &known.versions));
        versions.sort_unstable();
        versions.dedup();
        let use_versions: Vec<(NodeIx, Vec<VersionIx>)> = lineage
            .uses
            .iter()
            .map(|used| {
                let node = world.node(used.node);
                let mut all = Vec::with_capacity(versions.len());
                for &judging in &versions {
                    versions::at_use(world, view, app, judging, node.at.at, node.seq, &mut all);
                }
                all.extend(known.iter().flat_map(|known| known.versions_of(used.node)));
                all.sort_unstable();
                all.dedup();
                (used.node, all)
            })
            .collect();
        let mut record = Record::default();
        self.ask_policies(view, &versions, &lineage, &use_versions, ask, &mut record);
        self.apply_own_rules(view, &versions, &lineage, &mut record);
        (record.judged(world, versions, use_versions, &lineage), lineage)
    }

    /// `show` once a version, `use_signal` once a version and use.
    fn ask_policies(
        &self,
        view: View,
        versions: &[VersionIx],
        lineage: &Lineage,
        use_versions: &[(NodeIx, Vec<VersionIx>)],
        ask: &mut Ask,
        record: &mut Record,
    ) {
        let world = self.world;
        let account = world.node(self.decision).account;
        let group = world.group_at(account, view, view.decision);
        let person = facts::of_person(world, &group, self.body, view);
        let mut asked = Vec::with_capacity(versions.len());
        for &version in versions {
            self.ask_one(view, self.asked(&mut asked, version, &person), &person, None, ask, record);
        }
        // Uses behind one gate share their topics, and mostly stand together.
        let mut on_way: Option<(Gate, Arc<[Sym]>)> = None;
        for (used, (node, judging)) in lineage.uses.iter().zip(use_versions) {
            debug_assert_eq!(used.node, *node, "one list of versions a use, in the same order");
            // Of a use whose body is gone nothing is left that a policy could be asked about.
            if world.node(used.node).is_destroyed() {
                continue;
            }
            let gate = lineage.gate(used.node);
            let topics = match &on_way {
                Some((other, topics)) if *other == gate => topics.clone(),
                _ => lineage.topics(world, gate).into(),
            };
            let noticed = facts::noticed(world, used.node, view);
            for &version in judging {
                let asked = self.asked(&mut asked, version, &person);
                self.ask_one(view, asked, &person, Some((used, &topics, &noticed)), ask, record);
            }
            on_way = Some((gate, topics));
        }
    }

    /// A version as it sees the decision and the person: made once, whatever it is asked about them.
    fn asked<'b>(&self, all: &'b mut Vec<Asked>, ix: VersionIx, person: &PersonFacts) -> &'b Asked {
        let place = all.iter().position(|asked| asked.ix == ix).unwrap_or_else(|| {
            let facts = version_of(self.world, ix).compiled.as_ref().ok().map(|compiled| {
                let facts = facts::of_decision(self.world, self.decision, self.body, self.app, &compiled.params);
                let key_start = compiled.key_start(&facts, person);
                (facts, key_start)
            });
            all.push(Asked { ix, facts });
            all.len() - 1
        });
        &all[place]
    }

    fn ask_one(
        &self,
        view: View,
        asked: &Asked,
        person: &PersonFacts,
        used: Option<AskedUse>,
        ask: &mut Ask,
        record: &mut Record,
    ) {
        let (world, ix) = (self.world, asked.ix);
        let version = version_of(world, ix);
        let about = used.map(|(used, ..)| used.node);
        if version.is_backdated() {
            let entry = world.locate(version.seq).expect("a version is an entry");
            record.find(FindingId::BackdatedPolicy, Ref::Entry(entry));
        }
        let (Ok(compiled), Some((decision, key_start))) = (&version.compiled, &asked.facts) else {
            return record.fire(JudgeRule::PolicyError, Some(ix), about, Vec::new());
        };
        let use_facts = used.map(|(used, topics, noticed)| {
            let policy = world.policies[ix.line as usize].id;
            let notice = facts::of_notices_on(world, noticed, used.node, policy, view);
            facts::of_use(world, (used, topics), self.decision, self.app, notice, &compiled.params, view)
        });
        let question = Question { decision, person, use_facts: use_facts.as_ref() };
        let answer = match ask {
            Ask::Memo(memos) => compiled.judge(&question, key_start, &world.symbols, memos.of(version.number)),
            Ask::Plainly => Arc::new(compiled.judge_plainly(&question, &world.symbols)),
        };
        self.note_answer(ix, version.role, compiled.rules(), &answer, about, record);
    }

    fn note_answer(
        &self,
        ix: VersionIx,
        role: Role,
        rules: &[crate::policy::Rule],
        answer: &Answer,
        about: Option<NodeIx>,
        record: &mut Record,
    ) {
        for &number in &answer.satisfied {
            match rules[number as usize].outcome {
                RuleOutcome::Finding => {
                    record.find(FindingId::Policy(ix, number), Ref::Entry(about.unwrap_or(self.decision)))
                }
                _ => record.rules.push(Fired { rule: Rule::Policy(ix, number), about, refs: Vec::new() }),
            }
        }
        if answer.failed {
            record.fire(JudgeRule::PolicyError, Some(ix), about, Vec::new());
        }
        if !answer.permitted && role == Role::Platform {
            record.fire(JudgeRule::NotPermitted, Some(ix), about, Vec::new());
        }
    }

    fn apply_own_rules(&self, view: View, versions: &[VersionIx], lineage: &Lineage, record: &mut Record) {
        let world = self.world;
        if !versions.iter().any(|&version| version_of(world, version).role == Role::Platform) {
            record.fire(JudgeRule::NoPolicyInForce, None, None, Vec::new());
        }
        if self.body.cited.is_some_and(|(id, version)| !versions::is_in_force(world, view, id, version)) {
            record.fire(JudgeRule::WrongPolicyCited, None, None, vec![Ref::Entry(self.decision)]);
        }
        if !lineage.faults.is_empty() {
            record.fire(
                JudgeRule::BrokenLineage,
                None,
                None,
                lineage.faults.iter().map(|fault| self.fault_ref(fault)).collect(),
            );
        }
        if !lineage.by_conversation.is_empty() {
            record.fire(JudgeRule::ConversationLineage, None, None, entries(&lineage.by_conversation));
        }
        let uses = lineage.uses.iter().map(|used| used.node);
        let all: Vec<NodeIx> =
            [self.decision].into_iter().chain(lineage.signals.iter().copied()).chain(uses.clone()).collect();
        record.fire_if_any(
            JudgeRule::ClockAnomaly,
            all.iter().copied().filter(|&ix| self.is_before_its_time(ix)).collect(),
        );
        let destroyed = |ix: &NodeIx| world.node(*ix).is_destroyed();
        let mut gone: Vec<NodeIx> = all.iter().copied().filter(destroyed).collect();
        gone.extend(uses.clone().filter(|ix| !destroyed(ix) && world.label_is_destroyed(*ix, view)));
        record.fire_if_any(JudgeRule::ErasedEvidence, gone);
        for used in uses {
            if facts::erased_between(world, used, view) {
                record.fire(JudgeRule::ErasedSource, None, Some(used), vec![Ref::Entry(used)]);
            }
            // Looks past the decision, in both views.
            let latest = world
                .labels(used)
                .iter()
                .rev()
                .find_map(|label| label.sensitive.map(|sensitive| (label.moment, sensitive)));
            let relabelled = latest.is_some_and(|(moment, sensitive)| moment > view.decision && !sensitive.is_empty());
            if relabelled && !world.node(used).is_destroyed() {
                record.find(FindingId::RelabelledAfterDecision, Ref::Entry(used));
            }
        }
    }

    fn is_before_its_time(&self, ix: NodeIx) -> bool {
        let node = self.world.node(ix);
        node.recorded.plus_seconds(CLOCK_TOLERANCE_S) < node.at.at
    }

    fn fault_ref(&self, fault: &Fault) -> Ref {
        match fault {
            Fault::Unresolved(_, Some(reference)) => Ref::Missing(reference.clone()),
            Fault::WrongKind(_, target) | Fault::Later(_, target) => Ref::Entry(*target),
            Fault::Unresolved(citing, None) | Fault::NoSources(citing) | Fault::NoTurns(citing) => Ref::Entry(*citing),
        }
    }

    /// The findings that only the true view has.
    fn compare(&self, known: &Judged, today: &mut Judged, views: [(View, &Lineage); 2]) {
        if known.verdict != today.verdict {
            today.findings.push(Finding { id: FindingId::ViewsDiffer, refs: Vec::new() });
        }
        let late = self.late_facts(views);
        if !late.is_empty() {
            today.findings.push(Finding { id: FindingId::LateFact, refs: late });
        }
        today.findings.sort_unstable();
    }

    /// Entries recorded after the decision though they happened no later, in a stream that it was judged by.
    fn late_facts(&self, views: [(View, &Lineage); 2]) -> Vec<Ref> {
        let world = self.world;
        let decision = world.node(self.decision).moment();
        let mut accounts: Vec<AccountIx> = Vec::new();
        for (view, lineage) in views {
            accounts.extend(world.group_at(world.node(self.decision).account, view, decision));
            accounts.extend(lineage.uses.iter().map(|used| world.node(used.node).account));
        }
        accounts.push(world.node(self.decision).account);
        accounts.sort_unstable();
        accounts.dedup();
        let is_late = |moment: Moment| moment.seq > decision.seq && moment.at < decision.at;
        let of_accounts = accounts.iter().flat_map(|&account| world.account(account).late_after(decision.seq));
        let of_accounts = of_accounts
            .filter(|late| is_late(late.moment))
            .map(|late| (late.moment.seq, late.recorded, late.moment.at));
        let versions = world.policies.iter().flat_map(|line| &line.versions);
        let of_policies = versions.filter(|version| version.seq > decision.seq && version.from <= decision.at);
        let of_policies = of_policies.map(|version| (version.seq, version.recorded, version.from));
        let lag = |(seq, recorded, happened): (u64, Instant, Instant)| Ref::Late {
            seq,
            lag_s: recorded.seconds_since(happened),
        };
        let mut late: Vec<Ref> = of_accounts.chain(of_policies).map(lag).collect();
        late.sort_unstable();
        late
    }

    /// `erased` if the account of the decision or of a use was erased after that entry, or destroyed it from before.
    fn integrity(&self, lineages: [&Lineage; 2]) -> Integrity {
        let world = self.world;
        let uses = lineages.into_iter().flat_map(|lineage| lineage.uses.iter().map(|used| used.node));
        let erased = |ix: NodeIx| {
            let node = world.node(ix);
            let after = |(moment, scope): (Moment, Scope)| {
                moment > node.moment() || (scope == Scope::All && moment.seq > node.seq)
            };
            world.account(node.account).erasures().any(after)
        };
        let any = std::iter::once(self.decision).chain(uses).any(erased);
        if any { Integrity::Erased } else { Integrity::Ok }
    }
}

impl Record {
    fn find(&mut self, id: FindingId, at: Ref) {
        self.findings.entry(id).or_default().push(at);
    }

    fn fire(&mut self, rule: JudgeRule, version: Option<VersionIx>, about: Option<NodeIx>, refs: Vec<Ref>) {
        self.rules.push(Fired { rule: Rule::Judge(rule, version), about, refs });
    }

    fn fire_if_any(&mut self, rule: JudgeRule, at: Vec<NodeIx>) {
        if !at.is_empty() {
            self.fire(rule, None, None, entries(&at));
        }
    }

    fn judged(
        mut self,
        world: &World,
        versions: Vec<VersionIx>,
        use_versions: Vec<(NodeIx, Vec<VersionIx>)>,
        lineage: &Lineage,
    ) -> Judged {
        self.rules.iter_mut().for_each(|fired| {
            fired.refs.sort_unstable();
            fired.refs.dedup();
        });
        self.rules.sort_unstable();
        self.rules.dedup();
        let verdict = self.rules.iter().map(|fired| outcome(world, fired.rule)).max();
        let verdict = match verdict {
            Some(RuleOutcome::Deny) => Verdict::Deny,
            Some(RuleOutcome::Indeterminate) => Verdict::Indeterminate,
            Some(RuleOutcome::Finding) => unreachable!("findings are kept apart"),
            None if lineage.uses.is_empty() => Verdict::OutOfScope,
            None => Verdict::Allow,
        };
        let findings = self.findings.into_iter().map(|(id, mut refs)| {
            refs.sort_unstable();
            refs.dedup();
            Finding { id, refs }
        });
        Judged { verdict, rules: self.rules, findings: findings.collect(), versions, use_versions }
    }
}

/// What a rule means for the verdict.
pub fn outcome(world: &World, rule: Rule) -> RuleOutcome {
    match rule {
        Rule::Judge(own, _) if own.denies() => RuleOutcome::Deny,
        Rule::Judge(..) => RuleOutcome::Indeterminate,
        Rule::Policy(ix, number) => {
            let compiled = version_of(world, ix).compiled.as_ref().expect("a rule fired, so the version compiled");
            compiled.rules()[number as usize].outcome
        }
    }
}

fn entries(nodes: &[NodeIx]) -> Vec<Ref> {
    nodes.iter().map(|&node| Ref::Entry(node)).collect()
}

impl Memos {
    fn of(&mut self, version: usize) -> &mut Memo {
        if self.0.len() <= version {
            self.0.resize_with(version + 1, Memo::default);
        }
        &mut self.0[version]
    }
}
