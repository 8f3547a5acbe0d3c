//! A second, deliberately naive reading of docs/semantics.md: what every decision of a log should be judged as.
//!
//! It shares no code with the judge that it is held against. Every question is answered by going through the whole
//! list of entries again; nothing is indexed, remembered or fast. The rules of the built-in packs are written out by
//! hand, one function a rule, with what the contract says of it in its comment.
//!
//! Absent on purpose: policies with their own Cedar text, hashes, refs of findings, refusal of malformed facts.
//! Where the contract leaves room, the choice is marked `CHOICE` with its number in AMBIGUITIES.md.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Map, Value, json};

type Time = DateTime<FixedOffset>;

/// "Before", "after" and "no later" compare this: a tie in time goes to the lower seq.
type Moment = (Time, usize);

/// An account between two erasures of scope `all`: its name, and how many of those came before.
type Account = (String, usize);

// ------------------------------------------------------------------------------------------------ the ledger

/// A reference to an earlier fact, resolved when its citer was appended, or unresolved for good.
#[derive(Clone, Copy)]
enum Link {
    To(usize),
    Nowhere,
}

struct Entry {
    seq: usize,
    source: String,
    id: String,
    /// The type without `inforce.`.
    kind: String,
    subject: String,
    /// Which life of the account named by `subject` it belongs to.
    life: usize,
    time: Time,
    recorded: Time,
    /// The body; null once destroyed.
    data: Value,
    destroyed: bool,
    /// `signals` of a decision, `sources` of a signal, `context` of an interaction, `target` of a label.
    links: Vec<Link>,
    /// The conversations that a signal cites whole. In the body, so gone with it.
    conversations: Vec<String>,
}

impl Entry {
    fn moment(&self) -> Moment {
        (self.time, self.seq)
    }
    fn account(&self) -> Account {
        (self.subject.clone(), self.life)
    }
    fn app(&self) -> &str {
        self.subject.split('/').next().unwrap_or("")
    }
    fn text(&self, field: &str) -> &str {
        self.data[field].as_str().unwrap_or("")
    }
    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
    fn name(&self) -> (String, String) {
        (self.source.clone(), self.id.clone())
    }
}

fn time(text: &str) -> Option<Time> {
    DateTime::parse_from_rfc3339(text).ok()
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_string)).collect()
}

struct Ledger {
    entries: Vec<Entry>,
}

/// The outcome of every decision among `events`, taken in as `import --clock recorded` does, in the shape of
/// `replay --all --json` without `refs`.
pub fn replay(events: &[Value]) -> Vec<Value> {
    let ledger = Ledger::import(events);
    ledger.entries.iter().filter(|e| e.is("decision.made")).map(|d| ledger.report(d)).collect()
}

impl Ledger {
    fn import(events: &[Value]) -> Ledger {
        let mut ledger = Ledger { entries: Vec::new() };
        for event in events {
            ledger.append(event);
        }
        ledger.destroy();
        ledger
    }

    fn append(&mut self, event: &Value) {
        let (Some(source), Some(id)) = (event["source"].as_str(), event["id"].as_str()) else { return };
        // The same pair again is a duplicate or a conflict: nothing is appended either way. CHOICE 1
        if self.find(source, id).is_some() {
            return;
        }
        let Some(kind) = event["type"].as_str().and_then(|t| t.strip_prefix("inforce.")) else { return };
        let Some(happened) = event["time"].as_str().and_then(time) else { return };
        let before = self.entries.last().map(|e| e.recorded);
        let recorded = match event["recordedtime"].as_str() {
            // Where it is given, it must never go backwards.
            Some(text) => match time(text) {
                Some(stamp) if before.is_none_or(|b| stamp >= b) => stamp,
                _ => return,
            },
            // Without one: when it happened, or at the entry before it if that is later.
            None => before.map_or(happened, |b| b.max(happened)),
        };
        let subject = event["subject"].as_str().unwrap_or("").to_string();
        let data = event["data"].clone();
        let (links, conversations) = self.resolve(source, kind, &data);
        // An account that comes back after all of it was erased starts as a new one. The erasure closes the old one.
        let life = self
            .entries
            .iter()
            .filter(|e| e.is("subject.erased") && e.text("scope") == "all" && e.subject == subject)
            .count();
        self.entries.push(Entry {
            seq: self.entries.len(),
            source: source.to_string(),
            id: id.to_string(),
            kind: kind.to_string(),
            subject,
            life,
            time: happened,
            recorded,
            data,
            destroyed: false,
            links,
            conversations,
        });
    }

    fn find(&self, source: &str, id: &str) -> Option<usize> {
        self.entries.iter().find(|e| e.source == source && e.id == id).map(|e| e.seq)
    }

    /// A reference is an id of the same source, or a source and an id; or, as a source, a whole conversation.
    fn resolve(&self, source: &str, kind: &str, data: &Value) -> (Vec<Link>, Vec<String>) {
        let cited: Vec<&Value> = match kind {
            "decision.made" => data["signals"].as_array().into_iter().flatten().collect(),
            "signal.derived" => data["sources"].as_array().into_iter().flatten().collect(),
            "interaction.recorded" => data["context"].as_array().into_iter().flatten().collect(),
            "interaction.labelled" => vec![&data["target"]],
            _ => Vec::new(),
        };
        let (mut links, mut conversations) = (Vec::new(), Vec::new());
        for reference in cited {
            if let Some(conversation) = reference["conversation"].as_str() {
                conversations.push(conversation.to_string());
                continue;
            }
            let found = match reference.as_str() {
                Some(id) => self.find(source, id),
                None => self.find(reference["source"].as_str().unwrap_or(""), reference["id"].as_str().unwrap_or("")),
            };
            links.push(found.map_or(Link::Nowhere, Link::To));
        }
        (links, conversations)
    }

    /// Scope `all` destroys every sealed body of the account recorded before it, in either view and for good. The
    /// headers stay, and so do erasures themselves.
    fn destroy(&mut self) {
        let erasures: Vec<(String, usize)> = self
            .entries
            .iter()
            .filter(|e| e.is("subject.erased") && e.text("scope") == "all")
            .map(|e| (e.subject.clone(), e.seq))
            .collect();
        for entry in &mut self.entries {
            let sealed = !entry.is("subject.erased") && !entry.is("policy.adopted");
            if sealed && erasures.iter().any(|(subject, seq)| *subject == entry.subject && entry.seq < *seq) {
                entry.destroyed = true;
                entry.data = Value::Null;
                entry.conversations.clear();
            }
        }
    }

    fn report(&self, d: &Entry) -> Value {
        let known = self.judge(d, Sight::Known);
        let truth = self.judge(d, Sight::True);
        let outcome = if d.destroyed { Value::Null } else { d.data["outcome"].clone() };
        let decision = match d.destroyed {
            true => json!({"seq": d.seq}),
            false => json!({"source": d.source, "id": d.id, "seq": d.seq}),
        };
        json!({
            "decision": decision,
            "outcome": outcome,
            "integrity": self.integrity(d),
            "conformance": conformance(d, &known, &truth),
            "known": known.to_json(),
            "true": truth.to_json(),
        })
    }
}

/// From the known view, but for what only came out later.
fn conformance(d: &Entry, known: &Judgement, truth: &Judgement) -> &'static str {
    if d.destroyed {
        return "erased";
    }
    let served = d.text("outcome") == "served";
    let (known, truth) = (known.verdict(), truth.verdict());
    // Served, neither deny nor indeterminate when known, but deny when true.
    if served && (known == "allow" || known == "out_of_scope") && truth == "deny" {
        return "late_breach";
    }
    match (served, known) {
        (_, "out_of_scope") => "out_of_scope",
        (true, "allow") => "conforming",
        (true, "deny") => "breach",
        (true, _) => "unproven",
        (false, "allow") => "withheld",
        (false, _) => "conforming",
    }
}

impl Ledger {
    /// `erased` where the account of D or of one of its uses was erased after that entry, content or all, whatever
    /// the view; or where the body is gone (CHOICE 2).
    fn integrity(&self, d: &Entry) -> &'static str {
        let view = View { ledger: self, d, sight: Sight::True };
        let mut concerned = view.uses();
        concerned.push(d);
        let erased = concerned.iter().any(|e| {
            e.destroyed
                || self
                    .entries
                    .iter()
                    .any(|x| x.is("subject.erased") && x.account() == e.account() && x.moment() > e.moment())
        });
        if erased { "erased" } else { "ok" }
    }

    fn judge(&self, d: &Entry, sight: Sight) -> Judgement {
        let mut out = Judgement::default();
        let view = View { ledger: self, d, sight };
        if d.destroyed {
            // With D's own body gone nothing else is judged.
            out.own("erased-evidence", Outcome::Indeterminate);
            return out;
        }
        out.has_uses = !view.uses().is_empty();
        judge_lineage(&view, &mut out);
        judge_erasures(&view, &mut out);
        judge_citation(&view, &mut out);
        judge_relabelling(&view, &mut out);
        judge_policies(&view, &mut out);
        if sight == Sight::True {
            judge_lateness(&view, &mut out);
            let known = self.judge(d, Sight::Known);
            if known.verdict() != out.verdict() {
                out.own("views-differ", Outcome::Finding);
            }
        }
        out
    }
}

// ------------------------------------------------------------------------------------------------ judgements

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Deny,
    Indeterminate,
    Finding,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: String,
    policy: Option<String>,
    version: Option<String>,
    used: Option<(String, String)>,
}

#[derive(Default)]
struct Judgement {
    rows: BTreeSet<Row>,
    findings: BTreeSet<String>,
    deny: bool,
    indeterminate: bool,
    has_uses: bool,
}

impl Judgement {
    /// A rule of the judge's own.
    fn own(&mut self, id: &str, outcome: Outcome) {
        self.add(outcome, Row { id: id.to_string(), policy: None, version: None, used: None });
    }

    /// A rule of a policy version, of one use or (`None`) of the decision as such.
    fn fire(&mut self, id: &str, outcome: Outcome, version: &Version, used: Option<&Entry>) {
        self.add(
            outcome,
            Row {
                id: id.to_string(),
                policy: Some(version.policy.clone()),
                version: Some(version.version.clone()),
                used: used.map(Entry::name),
            },
        );
    }

    fn add(&mut self, outcome: Outcome, row: Row) {
        match outcome {
            Outcome::Finding => {
                self.findings.insert(row.id);
                return;
            }
            Outcome::Deny => self.deny = true,
            Outcome::Indeterminate => self.indeterminate = true,
        }
        self.rows.insert(row);
    }

    /// Deny if any rule denies; else indeterminate if any says so; else out of scope without uses; else allow.
    fn verdict(&self) -> &'static str {
        match () {
            () if self.deny => "deny",
            () if self.indeterminate => "indeterminate",
            () if !self.has_uses => "out_of_scope",
            () => "allow",
        }
    }

    fn to_json(&self) -> Value {
        let rules: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let mut object = Map::new();
                object.insert("id".into(), json!(row.id));
                if let (Some(policy), Some(version)) = (&row.policy, &row.version) {
                    object.insert("policy".into(), json!(policy));
                    object.insert("version".into(), json!(version));
                }
                if let Some((source, id)) = &row.used {
                    object.insert("use".into(), json!({"source": source, "id": id}));
                }
                Value::Object(object)
            })
            .collect();
        let findings: Vec<Value> = self.findings.iter().map(|id| json!({"id": id})).collect();
        json!({"verdict": self.verdict(), "rules": rules, "findings": findings})
    }
}

// ------------------------------------------------------------------------------------------------ views

#[derive(Clone, Copy, PartialEq)]
enum Sight {
    Known,
    True,
}

struct View<'a> {
    ledger: &'a Ledger,
    d: &'a Entry,
    sight: Sight,
}

impl<'a> View<'a> {
    /// Known: entries before D by seq that happened no later. True: all that happened no later.
    fn holds(&self, e: &Entry) -> bool {
        let recorded = match self.sight {
            Sight::Known => e.seq < self.d.seq,
            Sight::True => true,
        };
        recorded && e.moment() < self.d.moment()
    }

    /// What is still readable in this view, in the order in which it happened.
    fn facts(&self) -> Vec<&'a Entry> {
        let mut facts: Vec<&Entry> = self.ledger.entries.iter().filter(|e| self.holds(e) && !e.destroyed).collect();
        facts.sort_by_key(|e| e.moment());
        facts
    }

    fn facts_of(&self, kind: &str) -> Vec<&'a Entry> {
        self.facts().into_iter().filter(|e| e.is(kind)).collect()
    }

    // ---- links

    /// The center of `account` just before `moment`: an account is in at most one; linking to another moves it;
    /// unlinking ends the link to the center that it names and no other.
    fn center(&self, account: &Account, moment: Moment) -> Option<String> {
        let mut center = None;
        for e in self.facts() {
            if e.account() != *account || e.moment() >= moment {
                continue;
            }
            if e.is("account.linked") {
                center = Some(e.text("center").to_string());
            } else if e.is("account.unlinked") && center.as_deref() == Some(e.text("center")) {
                center = None;
            }
        }
        center
    }

    fn same_center(&self, a: &Account, b: &Account, moment: Moment) -> bool {
        let center = self.center(a, moment);
        center.is_some() && center == self.center(b, moment)
    }

    /// `account` and every account in its center just before `moment`.
    fn group(&self, account: &Account, moment: Moment) -> BTreeSet<Account> {
        let mut group: BTreeSet<Account> = self
            .facts_of("account.linked")
            .iter()
            .map(|e| e.account())
            .filter(|other| self.same_center(account, other, moment))
            .collect();
        group.insert(account.clone());
        group
    }

    /// D's account and every account in its center at D count as one group. CHOICE 3: no grace days here.
    fn d_group(&self) -> BTreeSet<Account> {
        self.group(&self.d.account(), self.d.moment())
    }

    /// The centers whose link counts at D: the present one, and those whose link ended (by an unlink or a move) less
    /// than `grace` days before D.
    fn centers_counting_at_d(&self, account: &Account, grace: i64) -> BTreeSet<String> {
        let mut counting = BTreeSet::new();
        let mut center: Option<String> = None;
        for e in self.facts().into_iter().filter(|e| e.account() == *account) {
            let named = e.text("center").to_string();
            let next = match e.kind.as_str() {
                "account.linked" => Some(named),
                "account.unlinked" if center.as_ref() == Some(&named) => None,
                _ => continue,
            };
            if next == center {
                continue;
            }
            if let Some(left) = center
                && self.d.time - e.time < TimeDelta::days(grace)
            {
                counting.insert(left);
            }
            center = next;
        }
        counting.extend(center);
        counting
    }

    // ---- preferences, consents, ages

    /// The last value of a switch of one account: true where the last of the two controls with that value is `on`.
    fn set(&self, account: &Account, on: &str, off: &str, value: &str) -> bool {
        let mut state = false;
        for e in self.facts_of("preference.changed") {
            if e.account() == *account && e.text("value") == value {
                if e.text("control") == on {
                    state = true;
                } else if e.text("control") == off {
                    state = false;
                }
            }
        }
        state
    }

    /// Each account has its own state; what is set on any of the group holds.
    fn set_in_group(&self, on: &str, off: &str, value: &str) -> bool {
        self.d_group().iter().any(|account| self.set(account, on, off, value))
    }

    fn gpc_on(&self) -> bool {
        self.d_group().iter().any(|account| {
            let last = self
                .facts_of("preference.changed")
                .into_iter()
                .rfind(|e| e.account() == *account && e.text("control") == "privacy.gpc");
            last.is_some_and(|e| e.text("value") == "on")
        })
    }

    /// Of the consents for one purpose, the latest in the group counts.
    fn consent_given(&self, purpose: &str) -> bool {
        let group = self.d_group();
        let last = self
            .facts_of("consent.recorded")
            .into_iter()
            .rfind(|e| group.contains(&e.account()) && e.text("purpose") == purpose);
        last.is_some_and(|e| e.text("state") == "given")
    }

    /// The band last observed of each account of the group that has one.
    fn bands(&self) -> Vec<String> {
        self.d_group()
            .iter()
            .filter_map(|account| self.facts_of("age.observed").into_iter().rfind(|e| e.account() == *account))
            .map(|e| e.text("band").to_string())
            .collect()
    }

    fn opt_out_requested(&self) -> bool {
        let group = self.d_group();
        // CHOICE 4: this one control is the AI opt-out.
        self.facts_of("control.requested")
            .iter()
            .any(|e| group.contains(&e.account()) && e.text("control") == "ai_ads_opt_out")
    }

    // ---- labels

    fn labels(&self, interaction: &Entry) -> Vec<&'a Entry> {
        let mut labels: Vec<&Entry> =
            self.ledger.entries.iter().filter(|e| self.holds(e) && labels(e, interaction)).collect();
        labels.sort_by_key(|e| e.moment());
        labels
    }

    /// The latest label that can still be read. CHOICE 5: one destroyed uncovers the one before it.
    fn label(&self, interaction: &Entry) -> Option<&'a Entry> {
        self.labels(interaction).into_iter().rfind(|e| !e.destroyed)
    }

    /// The turns whose labels count for this one: itself; by conversation, every turn of it up to D as well.
    fn turns_that_count(&self, interaction: &'a Entry, params: &Params) -> Vec<&'a Entry> {
        let mut turns = vec![interaction];
        if params.text("sensitive_granularity", "topic") == "conversation" {
            turns.extend(
                self.facts_of("interaction.recorded")
                    .into_iter()
                    .filter(|e| e.seq != interaction.seq)
                    .filter(|e| e.text("conversation") == interaction.text("conversation")),
            );
        }
        turns
    }

    /// One unlabelled turn makes each unlabelled.
    fn labelled(&self, interaction: &'a Entry, params: &Params) -> bool {
        self.turns_that_count(interaction, params).iter().all(|turn| self.label(turn).is_some())
    }

    fn sensitive_labels(&self, interaction: &'a Entry, params: &Params) -> BTreeSet<String> {
        self.turns_that_count(interaction, params)
            .iter()
            .filter_map(|turn| self.label(turn))
            .flat_map(|label| strings(&label.data["sensitive"]))
            .collect()
    }

    // ---- lineage

    /// What an entry cites: a decision its signals, a signal its sources, an interaction the turns that it carries.
    /// A source that is a whole conversation stands for every turn of it up to the signal that the view holds.
    /// CHOICE 6: a wrong kind that has neither sources nor context is cited and leads nowhere.
    fn cited(&self, e: &Entry) -> Vec<&'a Entry> {
        if !["decision.made", "signal.derived", "interaction.recorded"].contains(&e.kind.as_str()) {
            return Vec::new();
        }
        let mut cited: Vec<&Entry> = e
            .links
            .iter()
            .filter_map(|link| match link {
                Link::To(seq) => Some(&self.ledger.entries[*seq]),
                Link::Nowhere => None,
            })
            .collect();
        for conversation in &e.conversations {
            cited.extend(self.turns(conversation, e));
        }
        cited
    }

    fn turns(&self, conversation: &str, signal: &Entry) -> Vec<&'a Entry> {
        self.facts_of("interaction.recorded")
            .into_iter()
            .filter(|e| e.text("conversation") == conversation && e.moment() < signal.moment())
            .collect()
    }

    /// Everything reached from `from`; with `stop`, what is reached without passing a signal on the way.
    fn reach(&self, from: &Entry, stop: bool) -> Vec<&'a Entry> {
        let mut reached: Vec<&Entry> = Vec::new();
        let mut todo = self.cited(from);
        while let Some(e) = todo.pop() {
            if reached.iter().any(|r| r.seq == e.seq) {
                continue;
            }
            reached.push(e);
            // Decisions that are cited by mistake are no part of the closure over sources and context.
            let passes = e.is("interaction.recorded") || (e.is("signal.derived") && !stop);
            if passes {
                todo.extend(self.cited(e));
            }
        }
        reached.sort_by_key(|e| e.seq);
        reached
    }

    fn reaches(&self, from: &Entry, to: &Entry, stop: bool) -> bool {
        self.reach(from, stop).iter().any(|e| e.seq == to.seq)
    }

    fn lineage(&self) -> Vec<&'a Entry> {
        self.reach(self.d, false)
    }

    /// Each interaction reached is a use, in the view or not, human messages included.
    fn uses(&self) -> Vec<&'a Entry> {
        self.lineage().into_iter().filter(|e| e.is("interaction.recorded")).collect()
    }

    fn signals(&self) -> Vec<&'a Entry> {
        self.lineage().into_iter().filter(|e| e.is("signal.derived")).collect()
    }

    /// Every signal on some way from D to the use.
    fn signals_on_the_way(&self, used: &Entry) -> Vec<&'a Entry> {
        self.signals().into_iter().filter(|s| self.reaches(s, used, false)).collect()
    }

    /// Whether D reaches the use on a way with one signal at most. CHOICE 7: none at all counts here.
    fn reached_straight(&self, used: &Entry) -> bool {
        self.reaches(self.d, used, true) || !self.signals_straight_to(used).is_empty()
    }

    /// The signals of D that reach the use without passing another signal.
    fn signals_straight_to(&self, used: &Entry) -> Vec<&'a Entry> {
        self.reach(self.d, true).into_iter().filter(|s| s.is("signal.derived") && self.reaches(s, used, true)).collect()
    }

    /// Every signal, D's included, on a way to the use that passes two or more of them.
    fn signals_through(&self, used: &Entry) -> Vec<&'a Entry> {
        let all = self.signals_on_the_way(used);
        all.iter()
            .filter(|s| {
                all.iter()
                    .any(|other| other.seq != s.seq && (self.reaches(other, s, false) || self.reaches(s, other, false)))
            })
            .copied()
            .collect()
    }

    /// The labels on the use itself, and the own labels of D's signals that reach it straight; nothing where it is
    /// reached through another signal only.
    fn sensitive(&self, used: &'a Entry, params: &Params) -> BTreeSet<String> {
        if !self.reached_straight(used) {
            return BTreeSet::new();
        }
        let mut labels = self.sensitive_labels(used, params);
        labels.extend(self.signals_straight_to(used).iter().flat_map(|s| strings(&s.data["sensitive"])));
        labels
    }

    /// Where one of D's signals reaches the use through another: the labels on the use, and the own labels of every
    /// signal on that way.
    fn inherited(&self, used: &'a Entry, params: &Params) -> BTreeSet<String> {
        let through = self.signals_through(used);
        if through.is_empty() {
            return BTreeSet::new();
        }
        let mut labels = self.sensitive_labels(used, params);
        labels.extend(through.iter().flat_map(|s| strings(&s.data["sensitive"])));
        labels
    }

    // ---- notices

    /// Notices for this policy on the use's account, or on one in the same center at the use, before the use.
    fn notices(&self, used: &Entry, policy: &str) -> Vec<&'a Entry> {
        let group = self.group(&used.account(), used.moment());
        self.facts_of("notice.recorded")
            .into_iter()
            .filter(|e| e.moment() < used.moment() && e.text("policy") == policy && group.contains(&e.account()))
            .collect()
    }

    /// Those that reached the person.
    fn delivered(&self, used: &Entry, policy: &str) -> Vec<&'a Entry> {
        self.notices(used, policy)
            .into_iter()
            .filter(|e| ["delivered", "displayed", "acknowledged"].contains(&e.text("status")))
            .collect()
    }

    // ---- policies

    /// Known: the versions adopted before D by seq, whatever the time of that. True: all of them.
    fn versions(&self) -> Vec<Version> {
        self.ledger
            .entries
            .iter()
            .filter(|e| e.is("policy.adopted"))
            .filter(|e| self.sight == Sight::True || e.seq < self.d.seq)
            .map(Version::of)
            .collect()
    }

    fn streams(&self) -> BTreeSet<String> {
        self.versions().into_iter().map(|v| v.policy).collect()
    }

    fn versions_of(&self, policy: &str) -> Vec<Version> {
        self.versions().into_iter().filter(|v| v.policy == policy).collect()
    }

    /// The version of each policy in force at D, whatever its `apps`.
    fn in_force_at_d(&self) -> Vec<Version> {
        self.streams().iter().filter_map(|p| in_force(self.versions_of(p), self.d.time)).collect()
    }

    /// The versions that this view by itself judges D by.
    fn own_versions_at_d(&self) -> Vec<Version> {
        let mut judged = self.in_force_at_d();
        // No platform policy in force at D: the earliest version of one adopted for later, none of which was ever in
        // force. CHOICE 8: of every such policy; of two with the same in_force_from the later recorded.
        if !judged.iter().any(|v| v.platform) {
            for policy in self.streams() {
                let versions = self.versions_of(&policy);
                if versions.iter().any(|v| v.from <= self.d.time) {
                    continue;
                }
                let earliest = versions.into_iter().min_by_key(|v| (v.from, std::cmp::Reverse(v.seq)));
                judged.extend(earliest.filter(|v| v.platform));
            }
        }
        judged.retain(|v| v.covers(self.d.app()));
        judged
    }

    fn known(&self) -> View<'a> {
        View { ledger: self.ledger, d: self.d, sight: Sight::Known }
    }

    /// A later permission never cures: the true view also judges the version known at D.
    fn versions_at_d(&self) -> Vec<Version> {
        let mut judged = self.own_versions_at_d();
        if self.sight == Sight::True {
            judged.extend(self.known().own_versions_at_d());
        }
        distinct(judged)
    }

    /// The version in force at D, and those of the same policy in force when the interaction happened: as this view
    /// has it, and of those adopted before the interaction was recorded. The true view adds every version that the
    /// known view judged the use by. Whose `apps` do not cover D's app does not judge.
    fn versions_for(&self, used: &Entry) -> Vec<Version> {
        let mut judged = self.versions_at_d();
        let policies: BTreeSet<String> = judged.iter().map(|v| v.policy.clone()).collect();
        for policy in policies {
            let versions = self.versions_of(&policy);
            let then: Vec<Version> = versions.iter().filter(|v| v.seq < used.seq).cloned().collect();
            judged.extend(in_force(versions, used.time));
            judged.extend(in_force(then, used.time));
        }
        if self.sight == Sight::True && self.known().uses().iter().any(|u| u.seq == used.seq) {
            judged.extend(self.known().versions_for(used));
        }
        judged.retain(|v| v.covers(self.d.app()));
        distinct(judged)
    }
}

fn labels(e: &Entry, interaction: &Entry) -> bool {
    e.is("interaction.labelled") && e.links.iter().any(|l| matches!(l, Link::To(seq) if *seq == interaction.seq))
}

#[derive(Clone)]
struct Version {
    seq: usize,
    policy: String,
    version: String,
    platform: bool,
    pack: String,
    params: Params,
    from: Time,
    until: Option<Time>,
    recorded: Time,
}

impl Version {
    fn of(e: &Entry) -> Version {
        Version {
            seq: e.seq,
            policy: e.subject.clone(),
            version: e.text("version").to_string(),
            platform: e.text("role") != "overlay",
            pack: e.text("pack").to_string(),
            params: Params(e.data["params"].clone()),
            from: time(e.text("in_force_from")).expect("in_force_from is a time"),
            until: time(e.text("in_force_until")),
            recorded: e.recorded,
        }
    }

    fn covers(&self, app: &str) -> bool {
        let apps = strings(&self.params.0["apps"]);
        apps.is_empty() || apps.contains(app)
    }
}

fn distinct(mut versions: Vec<Version>) -> Vec<Version> {
    versions.sort_by_key(|v| v.seq);
    versions.dedup_by_key(|v| v.seq);
    versions
}

/// The latest `in_force_from` no later than `at`, of two with the same the later recorded, unless it has ended: an
/// older one does not come back. CHOICE 9: these compare instants, without seq.
fn in_force(versions: Vec<Version>, at: Time) -> Option<Version> {
    let latest = versions.into_iter().filter(|v| v.from <= at).max_by_key(|v| (v.from, v.seq))?;
    if latest.until.is_some_and(|until| at >= until) { None } else { Some(latest) }
}

// ------------------------------------------------------------------------------------------------ the judge's own rules

fn judge_lineage(view: &View, out: &mut Judgement) {
    if broken_lineage(view) {
        out.own("broken-lineage", Outcome::Indeterminate);
    }
    if conversation_lineage(view) {
        out.own("conversation-lineage", Outcome::Indeterminate);
    }
    if clock_anomaly(view) {
        out.own("clock-anomaly", Outcome::Indeterminate);
    }
}

/// D and everything that it reaches that cites something.
fn citers<'a>(view: &View<'a>) -> Vec<&'a Entry> {
    let mut citers = vec![view.d];
    citers.extend(view.lineage().into_iter().filter(|e| e.is("signal.derived") || e.is("interaction.recorded")));
    citers
}

/// Unresolved reference, wrong kind, signal without sources, source later than what cites it, or a conversation
/// without a turn. CHOICE 10: links in the header of a destroyed entry are judged; its lack of sources is not.
fn broken_lineage(view: &View) -> bool {
    citers(view).iter().any(|citer| {
        let right_kinds: &[&str] = match citer.kind.as_str() {
            "decision.made" => &["signal.derived"],
            "signal.derived" => &["signal.derived", "interaction.recorded", "activity.recorded"],
            _ => &["interaction.recorded"],
        };
        let faulty_link = citer.links.iter().any(|link| match link {
            Link::Nowhere => true,
            Link::To(seq) => {
                let target = &view.ledger.entries[*seq];
                !right_kinds.contains(&target.kind.as_str()) || target.moment() > citer.moment()
            }
        });
        let without_sources =
            citer.is("signal.derived") && !citer.destroyed && citer.links.is_empty() && citer.conversations.is_empty();
        let empty_conversation = citer.conversations.iter().any(|c| view.turns(c, citer).is_empty());
        faulty_link || without_sources || empty_conversation
    })
}

/// A whole conversation as a source: it cannot be shown which part contributed.
fn conversation_lineage(view: &View) -> bool {
    view.signals().iter().any(|s| !s.conversations.is_empty())
}

/// D, a signal of the lineage or a use, recorded more than five minutes before it happened.
fn clock_anomaly(view: &View) -> bool {
    let mut concerned = vec![view.d];
    concerned.extend(view.signals());
    concerned.extend(view.uses());
    concerned.iter().any(|e| e.time - e.recorded > TimeDelta::minutes(5))
}

fn judge_erasures(view: &View, out: &mut Judgement) {
    if erased_source(view) {
        out.own("erased-source", Outcome::Deny);
    }
    if erased_evidence(view) {
        out.own("erased-evidence", Outcome::Indeterminate);
    }
}

/// The use's account was erased, content or all, after the use and before D.
fn erased_source(view: &View) -> bool {
    let erasures = view.facts_of("subject.erased");
    view.uses().iter().any(|u| erasures.iter().any(|x| x.account() == u.account() && x.moment() > u.moment()))
}

/// The body of a signal or use of the lineage, or of a use's label (its latest in this view), was destroyed,
/// whenever that was.
fn erased_evidence(view: &View) -> bool {
    view.signals().iter().any(|s| s.destroyed)
        || view.uses().iter().any(|u| u.destroyed || view.labels(u).last().is_some_and(|l| l.destroyed))
}

/// D cites a policy or version other than one in force in this view, whatever its `apps`.
fn judge_citation(view: &View, out: &mut Judgement) {
    let cited = &view.d.data["policy"];
    if cited.is_null() {
        return;
    }
    let right =
        view.in_force_at_d().iter().any(|v| cited["id"] == json!(v.policy) && cited["version"] == json!(v.version));
    if !right {
        out.own("wrong-policy-cited", Outcome::Indeterminate);
    }
}

/// The label of a use, as the whole ledger has it today, is sensitive and happened after D. CHOICE 11: the latest.
fn judge_relabelling(view: &View, out: &mut Judgement) {
    for used in view.uses().into_iter().filter(|u| !u.destroyed) {
        let today = view.ledger.entries.iter().filter(|e| labels(e, used) && !e.destroyed).max_by_key(|e| e.moment());
        if today.is_some_and(|l| l.moment() > view.d.moment() && !strings(&l.data["sensitive"]).is_empty()) {
            out.own("relabelled-after-decision", Outcome::Finding);
        }
    }
}

/// An entry recorded after D, though it happened no later, in a stream that D was judged by. The time of a policy
/// version is its in_force_from. The header is enough: a destroyed entry is late all the same.
fn judge_lateness(view: &View, out: &mut Judgement) {
    let d = view.d;
    let mut accounts = view.d_group();
    accounts.extend(view.known().d_group());
    accounts.extend(view.uses().iter().map(|u| u.account()));
    accounts.extend(view.known().uses().iter().map(|u| u.account()));
    let late = view.ledger.entries.iter().filter(|e| e.seq > d.seq).any(|e| {
        if e.is("policy.adopted") {
            Version::of(e).from <= d.time
        } else {
            e.moment() < d.moment() && accounts.contains(&e.account())
        }
    });
    if late {
        out.own("late-fact", Outcome::Finding);
    }
}

// ------------------------------------------------------------------------------------------------ policies

fn judge_policies(view: &View, out: &mut Judgement) {
    let at_d = view.versions_at_d();
    if !at_d.iter().any(|v| v.platform) {
        out.own("no-policy-in-force", Outcome::Indeterminate);
    }
    // CHOICE 12: `show` is asked of the versions at D only.
    for version in &at_d {
        note_backdating(version, out);
        if version.pack == "meta-ai-personalization" {
            show(view, version, out);
        }
    }
    // Of a use whose body is gone no policy is asked.
    for used in view.uses().into_iter().filter(|u| !u.destroyed) {
        for version in view.versions_for(used) {
            note_backdating(&version, out);
            let case = Case { view, version: &version, used };
            for (id, outcome) in case.judge() {
                out.fire(id, outcome, &version, Some(used));
            }
        }
    }
}

/// A version recorded after its own in_force_from.
fn note_backdating(version: &Version, out: &mut Judgement) {
    if version.recorded > version.from {
        out.own("backdated-policy", Outcome::Finding);
    }
}

/// The rules of the pack that hold with or without uses.
fn show(view: &View, version: &Version, out: &mut Judgement) {
    let item = &view.d.data["item"];
    let topics = strings(&item["topics"]);
    let ads = view.d.text("purpose") == "ads";
    let content = view.d.text("purpose") == "content";
    // Purpose ads, a topic of the item limited as of D.
    if ads && topics.iter().any(|t| view.set_in_group("ads.topic.limit", "ads.topic.unlimit", t)) {
        out.fire("topic-limited", Outcome::Deny, version, None);
    }
    // Purpose ads, the item's advertiser blocked as of D.
    if ads
        && let Some(advertiser) = item["advertiser"].as_str()
        && view.set_in_group("ads.advertiser.block", "ads.advertiser.unblock", advertiser)
    {
        out.fire("advertiser-blocked", Outcome::Deny, version, None);
    }
    // Purpose content, a topic of the item set to see less.
    if content && topics.iter().any(|t| view.set_in_group("feed.topic.see_less", "feed.topic.reset", t)) {
        out.fire("feed-limited", Outcome::Deny, version, None);
    }
    // An AI opt-out was asked for before D in D's group.
    if view.opt_out_requested() {
        out.fire("opt-out-not-offered", Outcome::Finding, version, None);
    }
}

const EU: [&str; 27] = [
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
];
const EU_BEYOND: [&str; 7] = ["GF", "GP", "MQ", "RE", "YT", "MF", "AX"];
const EFTA_EEA: [&str; 3] = ["IS", "LI", "NO"];
const SENSITIVE: [&str; 7] = [
    "religious_views",
    "sexual_orientation",
    "political_views",
    "health",
    "racial_or_ethnic_origin",
    "philosophical_beliefs",
    "trade_union_membership",
];

/// The overrides of the pack's params; what is not in them has the pack's default.
#[derive(Clone)]
struct Params(Value);

impl Params {
    fn text(&self, name: &str, default: &str) -> String {
        self.0[name].as_str().unwrap_or(default).to_string()
    }
    fn instant(&self, name: &str, default: &str) -> Time {
        time(&self.text(name, default)).expect("a param that is a time")
    }
    fn number(&self, name: &str, default: i64) -> i64 {
        self.0[name].as_i64().unwrap_or(default)
    }
    fn list(&self, name: &str, default: &[&str]) -> BTreeSet<String> {
        match self.0[name].is_array() {
            true => strings(&self.0[name]),
            false => default.iter().map(|s| s.to_string()).collect(),
        }
    }
    fn map(&self, name: &str) -> BTreeMap<String, String> {
        let map = self.0[name].as_object().into_iter().flatten();
        map.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string()))).collect()
    }
    fn use_from(&self) -> Time {
        self.instant("use_from", "2025-12-16T00:00:00Z")
    }
    fn excluded_regions(&self) -> BTreeSet<String> {
        let default: Vec<&str> = EU.iter().chain(&EU_BEYOND).chain(&["GB", "KR"]).copied().collect();
        self.list("excluded_regions", &default)
    }
}

/// One use under one policy version.
struct Case<'v, 'a> {
    view: &'v View<'a>,
    version: &'v Version,
    used: &'a Entry,
}

type Fired = Vec<(&'static str, Outcome)>;

impl Case<'_, '_> {
    fn judge(&self) -> Fired {
        use Outcome::{Deny, Finding, Indeterminate};
        let missing = if self.params().text("notice", "required") == "record_only" { Finding } else { Deny };
        let linked_late = if self.params().text("link_basis", "decision") == "both" { Deny } else { Finding };
        let rules = match self.version.pack.as_str() {
            "meta-ai-personalization" => vec![
                ("not-yet-effective", Deny, self.not_yet_effective()),
                ("pre-effective-interaction", Deny, self.pre_effective_interaction()),
                ("excluded-region", Deny, self.in_region(&self.params().excluded_regions())),
                ("region-not-yet-effective", Deny, self.region_not_yet_effective()),
                ("unknown-region", Indeterminate, self.unknown_region()),
                ("sensitive-topic", Deny, self.sensitive_topic()),
                ("inherited-sensitivity", Deny, self.inherited_sensitivity()),
                ("unlabelled", Indeterminate, self.unlabelled()),
                ("proxy-topic", Indeterminate, self.proxy_topic()),
                ("excluded-topic", Deny, self.excluded_topic()),
                ("accounts-not-linked", Deny, self.accounts_not_linked()),
                ("whatsapp-not-linked", Deny, self.whatsapp_not_linked()),
                ("unlinked-before-decision", Deny, self.unlinked_before_decision()),
                ("linked-after-collection", linked_late, self.linked_after_collection()),
                ("not-own-interaction", Deny, self.not_own_interaction()),
                ("human-message", Deny, self.used.text("agent") == "human"),
                ("business-agent", Indeterminate, self.used.text("agent") == "business"),
                ("microphone", Deny, self.microphone()),
                ("microphone-unproven", Indeterminate, self.microphone_unproven()),
                ("notice-missing", missing, self.notice_missing()),
                ("notice-outside-window", Indeterminate, self.notice_outside_window()),
                ("notice-content-mismatch", Indeterminate, self.notice_content_mismatch()),
                ("tz-ambiguous", Finding, self.tz_ambiguous()),
            ],
            // CHOICE 13: the overlays judge each use, none of them the decision as such.
            "overlay-minors" => {
                vec![("known-minor", Deny, self.known_minor()), ("age-unknown", Finding, self.age_unknown())]
            }
            "overlay-eu-consent" => vec![("consent-missing", Deny, self.consent_missing())],
            "overlay-eea" => {
                let regions = EFTA_EEA.iter().map(|s| s.to_string()).collect();
                vec![("excluded-region", Deny, self.in_region(&regions))]
            }
            "overlay-gpc" => vec![("gpc-cross-context", Indeterminate, self.gpc_cross_context())],
            other => panic!("the oracle does not know the pack `{other}`"),
        };
        rules.into_iter().filter(|(_, _, fires)| *fires).map(|(id, outcome, _)| (id, outcome)).collect()
    }

    fn params(&self) -> &Params {
        &self.version.params
    }
    fn d(&self) -> &Entry {
        self.view.d
    }
    fn ads(&self) -> bool {
        self.d().text("purpose") == "ads"
    }

    // ---- time

    /// D comes before the version's in_force_from.
    fn not_yet_effective(&self) -> bool {
        self.d().time < self.version.from
    }

    /// The use happened before use_from; by subject_local, before its date and time of day read in the use's offset.
    fn pre_effective_interaction(&self) -> bool {
        let use_from = self.params().use_from();
        match self.params().text("tz_basis", "utc").as_str() {
            "subject_local" => self.used.time.naive_local() < use_from.naive_local(),
            _ => self.used.time < use_from,
        }
    }

    /// tz_basis utc, and the use within 14 hours of use_from, inclusive.
    fn tz_ambiguous(&self) -> bool {
        let distance = (self.used.time - self.params().use_from()).abs();
        self.params().text("tz_basis", "utc") == "utc" && distance <= TimeDelta::hours(14)
    }

    // ---- regions

    /// The region and the device's; on the basis of the account only the first.
    fn regions(&self, e: &Entry) -> BTreeSet<String> {
        let fields: &[&str] = match self.params().text("region_basis", "stricter").as_str() {
            "account" => &["region"],
            _ => &["region", "device_region"],
        };
        fields.iter().filter_map(|f| e.data[*f].as_str().map(str::to_string)).collect()
    }

    /// One of these regions at the use or at D.
    fn in_region(&self, listed: &BTreeSet<String>) -> bool {
        [self.used, self.d()].iter().any(|e| self.regions(e).iter().any(|r| listed.contains(r)))
    }

    /// The use, or D, before region_use_from of its region.
    fn region_not_yet_effective(&self) -> bool {
        let starts = self.params().map("region_use_from");
        [self.used, self.d()].iter().any(|e| {
            self.regions(e).iter().any(|r| starts.get(r).and_then(|s| time(s)).is_some_and(|start| e.time < start))
        })
    }

    /// No region at the use, or none at D.
    fn unknown_region(&self) -> bool {
        [self.used, self.d()].iter().any(|e| self.regions(e).is_empty())
    }

    // ---- topics and labels

    fn categories(&self) -> BTreeSet<String> {
        self.params().list("sensitive_categories", &SENSITIVE)
    }

    /// Purpose ads, and the use is labelled with a category that the policy lists.
    fn sensitive_topic(&self) -> bool {
        self.ads() && !self.view.sensitive(self.used, self.params()).is_disjoint(&self.categories())
    }

    /// Purpose ads, and such a label reached through another signal.
    fn inherited_sensitivity(&self) -> bool {
        self.ads() && !self.view.inherited(self.used, self.params()).is_disjoint(&self.categories())
    }

    /// Purpose ads, and no label in this view.
    fn unlabelled(&self) -> bool {
        self.ads() && !self.view.labelled(self.used, self.params())
    }

    fn way_topics(&self) -> BTreeSet<String> {
        let signals = self.view.signals_on_the_way(self.used);
        signals.iter().filter_map(|s| s.data["topic"].as_str().map(str::to_string)).collect()
    }

    /// Purpose ads, and the topic of a signal on the way is a known proxy. CHOICE 14: of whatever category.
    fn proxy_topic(&self) -> bool {
        let proxies: BTreeSet<String> = self.params().map("proxy_topics").into_keys().collect();
        self.ads() && !self.way_topics().is_disjoint(&proxies)
    }

    /// The topic of a signal on the way, or one of the item's, is excluded; for any purpose.
    fn excluded_topic(&self) -> bool {
        let mut topics = self.way_topics();
        topics.extend(strings(&self.d().data["item"]["topics"]));
        !topics.is_disjoint(&self.params().list("excluded_topics", &[]))
    }

    // ---- accounts

    fn own(&self) -> bool {
        self.used.account() == self.d().account()
    }
    fn linked_at_d(&self) -> bool {
        let grace = self.params().number("unlink_grace_days", 0);
        let mine = self.view.centers_counting_at_d(&self.d().account(), grace);
        !mine.is_disjoint(&self.view.centers_counting_at_d(&self.used.account(), grace))
    }
    fn linked_at_use(&self) -> bool {
        self.view.same_center(&self.d().account(), &self.used.account(), self.used.moment())
    }
    /// Another app's account, not in D's center at D.
    fn other_app_not_linked(&self) -> bool {
        self.used.app() != self.d().app() && !self.linked_at_d()
    }
    fn accounts_not_linked(&self) -> bool {
        self.other_app_not_linked() && self.used.app() != "whatsapp"
    }
    /// In place of the rule above, where the use's account is WhatsApp's.
    fn whatsapp_not_linked(&self) -> bool {
        self.other_app_not_linked() && self.used.app() == "whatsapp"
    }
    /// Besides one of the two: they were linked when the use happened.
    fn unlinked_before_decision(&self) -> bool {
        self.other_app_not_linked() && self.linked_at_use()
    }
    /// Another account, of whatever app, linked at D, not at the use.
    fn linked_after_collection(&self) -> bool {
        !self.own() && self.linked_at_d() && !self.linked_at_use()
    }
    /// Another account of the same app, not in D's center.
    fn not_own_interaction(&self) -> bool {
        !self.own() && self.used.app() == self.d().app() && !self.linked_at_d()
    }

    // ---- voice

    fn evidence(&self) -> [Option<bool>; 3] {
        ["permission", "feature_active", "indicator"].map(|f| self.used.data["microphone"][f].as_bool())
    }
    /// Voice, and one of the three is recorded as false.
    fn microphone(&self) -> bool {
        self.used.text("modality") == "voice" && self.evidence().contains(&Some(false))
    }
    /// Voice, and one of the three is not recorded.
    fn microphone_unproven(&self) -> bool {
        self.used.text("modality") == "voice" && self.evidence().contains(&None)
    }

    // ---- notices

    /// No notice delivered before the use; by all channels, a channel that was tried (any status but queued) before
    /// the use and has not delivered before it. CHOICE 15: channels over the whole group, not per account.
    fn notice_missing(&self) -> bool {
        let delivered = self.view.delivered(self.used, &self.version.policy);
        if delivered.is_empty() {
            return true;
        }
        if self.params().text("notice_channels", "any") != "all" {
            return false;
        }
        let notices = self.view.notices(self.used, &self.version.policy);
        let mut tried = notices.iter().filter(|n| n.text("status") != "queued").map(|n| n.text("channel"));
        tried.any(|channel| !delivered.iter().any(|n| n.text("channel") == channel))
    }

    /// There are delivered notices, and all are older than notice_from.
    fn notice_outside_window(&self) -> bool {
        let from = self.params().instant("notice_from", "2025-10-07T00:00:00Z");
        let delivered = self.view.delivered(self.used, &self.version.policy);
        !delivered.is_empty() && delivered.iter().all(|n| n.time < from)
    }

    /// notice_sha256 is set, notices were delivered, and none of them carries it.
    fn notice_content_mismatch(&self) -> bool {
        let Some(wanted) = self.params().0["notice_sha256"].as_str() else { return false };
        let delivered = self.view.delivered(self.used, &self.version.policy);
        !delivered.is_empty() && delivered.iter().all(|n| n.text("content_sha256") != wanted)
    }

    // ---- overlays

    /// Ads with uses to a group with a minor in it.
    fn known_minor(&self) -> bool {
        self.ads() && self.view.bands().iter().any(|b| b == "minor")
    }

    /// Ads with uses where no account of the group is known as minor or adult.
    fn age_unknown(&self) -> bool {
        self.ads() && !self.view.bands().iter().any(|b| b == "minor" || b == "adult")
    }

    /// Ads with uses where one of them, or D, is in the EEA, unless consent for personalised ads is given.
    fn consent_missing(&self) -> bool {
        let eea = EU.iter().chain(&EU_BEYOND).chain(&EFTA_EEA).map(|s| s.to_string()).collect();
        self.ads() && self.in_region(&eea) && !self.view.consent_given("personalised_ads")
    }

    /// Ads when GPC is on, and the use comes from another app.
    fn gpc_cross_context(&self) -> bool {
        self.ads() && self.view.gpc_on() && self.used.app() != self.d().app()
    }
}
