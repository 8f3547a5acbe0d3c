//! Both views side by side: verdict, rules, and the state of the person that each view folds.

use super::reason::{Flag, Reason};
use super::scene::Scene;
use super::{whose, words};
use crate::fact::AgeBand;
use crate::judge::{Verdict, facts};
use serde::Serialize;

/// One line of the comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What is compared.
    pub label: String,
    /// What the ledger knew.
    pub known: String,
    /// What is known today.
    pub today: String,
    /// True where the two are not the same.
    pub differs: bool,
}

/// A verdict in words.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::OutOfScope => "out of scope",
        Verdict::Indeterminate => "cannot be shown",
        Verdict::Deny => "not allowed",
    }
}

/// Every line.
pub fn rows(scene: &Scene, reasons: &[Reason]) -> Vec<Row> {
    let mut rows = vec![row("Verdict", scene.judged().map(|judged| verdict(judged.verdict).to_owned()))];
    for reason in reasons.iter().filter(|reason| reason.id != "views-differ") {
        let said = |fires: bool| {
            if fires { format!("{} {}", reason.flag.mark(), reason.flag.words()) } else { "–".to_owned() }
        };
        rows.push(row(&reason.id, [said(reason.known), said(reason.today)]));
    }
    if !reasons.iter().any(|reason| reason.flag != Flag::Finding) {
        rows.push(row("Rules that fired", ["none", "none"].map(str::to_owned)));
    }
    let policies = scene.judged().map(|judged| {
        let names: Vec<String> = judged.versions.iter().map(|&ix| scene.version(ix)).collect();
        words::list(&names)
    });
    rows.push(row("Judged by", policies));
    let interactions = |n: usize| match scene.lineages[n].uses.len() {
        0 => "none".to_owned(),
        uses => words::count(uses, "interaction"),
    };
    rows.push(row("It rests on", [interactions(0), interactions(1)]));
    let group = [0, 1].map(|n| accounts(scene, n));
    rows.push(row("Accounts counted together", group));
    rows.extend(person(scene));
    rows
}

fn row(label: &str, [known, today]: [String; 2]) -> Row {
    Row { label: label.to_owned(), differs: known != today, known, today }
}

fn accounts(scene: &Scene, n: usize) -> String {
    let view = scene.views[n];
    let own = scene.world.node(scene.decision).account;
    let group = scene.world.group_at(own, view, view.decision);
    let names: Vec<String> = group.iter().map(|&account| scene.account(account)).collect();
    let center = whose::center(scene, own, view, view.decision);
    let center = center.map(|center| format!(" (Accounts Center {center})")).unwrap_or_default();
    format!("{}{center}", words::list(&names))
}

/// What the person chose and is; only what some view holds.
fn person(scene: &Scene) -> Vec<Row> {
    let folded = scene.views.map(|view| {
        let group = scene.world.group_at(scene.world.node(scene.decision).account, view, view.decision);
        facts::of_person(scene.world, &group, scene.body, view)
    });
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let limited = folded.each_ref().map(|person| scene.listed(person.limited_topics.iter().copied()));
    let see_less = folded.each_ref().map(|person| scene.listed(person.see_less_topics.iter().copied()));
    let consents = folded.each_ref().map(|person| scene.listed(person.consents.iter().copied()));
    let rows = [
        ("Topics limited in ads", limited, "none"),
        ("Topics to see less of in the feed", see_less, "none"),
        ("Advertiser blocked", folded.each_ref().map(|person| yes(person.advertiser_blocked)), "no"),
        (
            "Global Privacy Control",
            folded.each_ref().map(|person| if person.gpc { "on" } else { "off" }.to_owned()),
            "off",
        ),
        ("Age", folded.each_ref().map(|person| person.age.name().to_owned()), AgeBand::Unknown.name()),
        ("Asked to opt out", folded.each_ref().map(|person| yes(person.opt_out_requested)), "no"),
        ("Consents given", consents, "none"),
    ];
    let told = rows.into_iter().filter(|(_, values, usual)| values.iter().any(|value| value != usual));
    told.map(|(label, values, _)| row(label, values)).collect()
}
