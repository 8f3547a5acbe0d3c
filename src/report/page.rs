//! The report as a page that stands alone: no script, nothing loaded, light paper, one style sheet inside.

use super::chart;
use super::count::*;
use crate::fact::Kind;
use crate::query::SampleFile;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// Rows of a list that is shown in full only as JSON.
const ROWS: usize = 40;

/// Sections, by id and heading.
const SECTIONS: [(&str, &str); 10] = [
    ("recorded", "What was recorded"),
    ("complete", "How complete it is"),
    ("conformance", "Conformance"),
    ("rules", "Rules"),
    ("periods", "Periods in which rules were broken"),
    ("policies", "Policies in force"),
    ("notices", "Notices"),
    ("late", "Late facts and erasures"),
    ("sample", "A sample to look at"),
    ("tree", "Checkpoint"),
];

/// Renders the page.
pub fn to_html(report: &Report) -> String {
    let title = format!("Report on {}", report.origin);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#figures" { "Skip to the figures" }
                header {
                    h1 { (title) }
                    p { (span(report)) ". " @if let Some(moment) = &report.tree.as_of { "As of " (moment) ": " }
                        (number(report.tree.entries)) " entries in the ledger, root "
                        code { (&report.tree.root.get(..16).unwrap_or(&report.tree.root)) "…" } }
                    nav aria-label="Sections" { ul { @for (id, name) in SECTIONS { li { a href={ "#" (id) } { (name) } } } } }
                }
                main id="figures" tabindex="-1" {
                    (lead(report))
                    (section(0, recorded(report)))
                    (section(1, complete(report)))
                    (section(2, conformance(report)))
                    (section(3, rules(report)))
                    (section(4, periods(report)))
                    (section(5, policies(report)))
                    (section(6, notices(report)))
                    (section(7, late(report)))
                    (section(8, sample(report)))
                    (section(9, tree(report)))
                }
                footer { p {
                    "Made by " code { "inforce report" } " from the ledger's own entries, by judging every decision again. "
                    "A decision, a notice, an erasure belongs to the time at which it happened. Times are UTC where nothing else is said; weeks begin on Monday."
                } }
            }
        }
    };
    page.into_string()
}

fn section(number: usize, body: Markup) -> Markup {
    let (id, name) = SECTIONS[number];
    html! { section aria-labelledby={ (id) "-head" } id=(id) { h2 id={ (id) "-head" } { (name) } (body) } }
}

fn span(report: &Report) -> String {
    match (&report.since, &report.until) {
        (Some(since), Some(until)) => format!("From {since} until {until}"),
        (Some(since), None) => format!("From {since} on"),
        (None, Some(until)) => format!("Until {until}"),
        (None, None) => "All of its time".to_owned(),
    }
}

/// How to have a figure again.
fn how(command: &str) -> Markup {
    html! { p class="how" { "Again by " code { (command) } } }
}

fn by(report: &Report, name: &str) -> Markup {
    how(report.commands.get(name).map_or("", String::as_str))
}

fn lead(report: &Report) -> Markup {
    let of = |name: &str| report.conformance.get(name).copied().unwrap_or(0);
    let told = [
        (report.decisions, "decisions judged"),
        (of("breach"), "breaches: served though a rule denied"),
        (of("late_breach"), "late breaches: denied by what is known today"),
        (of("unproven"), "unproven: cannot be shown to be right"),
    ];
    html! { ul class="lead" { @for (count, what) in told { li { b { (number(count)) } (what) } } } }
}

fn recorded(report: &Report) -> Markup {
    let recorded = &report.recorded;
    let between = recorded.first.as_ref().zip(recorded.last.as_ref());
    html! {
        p { (number(recorded.entries)) " entries of " (number(recorded.accounts)) " accounts"
            @if let Some((first, last)) = between { ", from " (first) " to " (last) } "." }
        (counts("Entries by kind", "Kind", &recorded.kinds))
        (by(report, "recorded"))
    }
}

fn complete(report: &Report) -> Markup {
    let complete = &report.completeness;
    let share = |part: u64, all: u64| {
        if all == 0 { String::new() } else { format!(" ({})", percent(part as f64 / all as f64)) }
    };
    let sum = |counts: &Counts| counts.values().sum::<u64>();
    html! {
        p { "Entries are numbered without a gap, and every hash was checked before anything was counted." }
        dl {
            dt { "Unproven decisions" }
            dd { (number(complete.unproven.decisions)) (share(complete.unproven.decisions, report.decisions)) }
            dt { "Interactions that nobody labelled" }
            dd { (number(complete.unlabelled)) " of " (number(complete.interactions)) (share(complete.unlabelled, complete.interactions)) }
            dt { "References that lead nowhere" } dd { (number(sum(&complete.unresolved))) }
            dt { "Bodies destroyed by erasures" } dd { (number(sum(&complete.destroyed))) }
        }
        @if !complete.unproven.why.is_empty() { (counts("Why decisions are unproven: rules that need a person", "Rule", &complete.unproven.why)) }
        @if !complete.unresolved.is_empty() { (counts("References that lead nowhere, by what cites", "Kind", &complete.unresolved)) }
        @if !complete.destroyed.is_empty() {
            (counts("Bodies destroyed", "Kind", &complete.destroyed))
            @if report.tree.as_of.is_some() { p class="soft" { "What was erased after that moment is gone as well: no command brings it back." } }
        }
        (by(report, "completeness"))
    }
}

fn conformance(report: &Report) -> Markup {
    if report.decisions == 0 {
        return html! { p { "No decision was made." } };
    }
    let told = |counts: &Counts| {
        let parts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{} {}", number(*count), plain(name))).collect();
        parts.join(", ")
    };
    let groups = [("Decisions by region", "Region", &report.regions), ("Decisions by app", "App", &report.apps)];
    html! {
        (chart::conformance(&report.weeks, &report.policies, &report.conformance))
        table {
            caption { "Decisions by conformance, week by week" }
            thead { tr { th scope="col" { "Week of" } th scope="col" class="n" { "Decisions" } th scope="col" { "Of these" } } }
            tbody { @for week in report.weeks.iter().filter(|week| week.decisions > 0) {
                tr { th scope="row" class="date" { (week.week) } td class="n" { (number(week.decisions)) } td { (told(&week.conformance)) } }
            } }
        }
        @for (caption, head, groups) in groups {
            table {
                caption { (caption) }
                thead { tr { th scope="col" { (head) } th scope="col" class="n" { "Decisions" } th scope="col" { "Of these" } } }
                tbody { @for (name, group) in groups {
                    tr { th scope="row" { (named(name)) } td class="n" { (number(group.decisions)) } td { (told(&group.conformance)) } }
                } }
            }
        }
        (by(report, "conformance"))
    }
}

fn rules(report: &Report) -> Markup {
    if report.rules.is_empty() {
        return html! { p { "No rule fired." } (by(report, "conformance")) };
    }
    html! {
        @if report.rules.iter().any(|rule| rule.known > 0) { (chart::rules(&report.weeks, &report.policies, &report.rules)) }
        table {
            caption { "Decisions in which each rule fired" }
            thead { tr {
                th scope="col" { "Rule" } th scope="col" { "Outcome" } th scope="col" class="n" { "As known" }
                th scope="col" class="n" { "As true" } th scope="col" class="n" { "Served, known view" }
            } }
            tbody { @for rule in &report.rules { tr {
                th scope="row" { (&rule.rule) small { (&rule.title) } } td { (if rule.outcome == "deny" { "denies" } else { "needs a person" }) } td class="n" { (number(rule.known)) }
                td class="n" { (number(rule.today)) } td class="n" { (number(rule.served)) }
            } } }
        }
        @if !report.known.findings.is_empty() { (counts("Findings, known view", "Finding", &report.known.findings)) }
        @if !report.today.findings.is_empty() { (counts("Findings, true view", "Finding", &report.today.findings)) }
        (by(report, "conformance"))
    }
}

fn periods(report: &Report) -> Markup {
    html! {
        p { "A period runs from the first decision that was served though the rule denied it to the last; more than seven days without another end it." }
        @if report.periods.is_empty() { p { "None." } } @else { table {
            caption { "Periods, by rule" }
            thead { tr { th scope="col" { "Rule" } th scope="col" { "From, to" } th scope="col" class="n" { "Broken" } th scope="col" class="n" { "Served meanwhile" } } }
            tbody { @for period in report.periods.iter().take(ROWS) { tr {
                th scope="row" { (&period.rule) @if let Some(delay) = period.longest_delay_s { small { "ignored for " (duration(delay)) } } }
                td { (&period.from) small { "to " (&period.to) ", entries " (period.first) " to " (period.last) } }
                td class="n" { (number(period.decisions)) } td class="n" { (number(period.served)) }
            } } }
        } (more(report.periods.len())) }
        (by(report, "periods"))
    }
}

fn policies(report: &Report) -> Markup {
    html! {
        table {
            caption { "Versions, by when they take force" }
            thead { tr { th scope="col" { "Policy and version" } th scope="col" { "In force" } th scope="col" { "Recorded" } } }
            tbody { @for line in &report.policies { tr {
                th scope="row" { (&line.policy) " " (&line.version) small { (line.role) } }
                td { (&line.from) small { @match &line.until { Some(until) => { "until " (until) } None => { "no end set" } } } }
                td { (&line.recorded) @if line.backdated { small { "backdated: " (duration(line.lag_s)) " after it took force" } } }
            } } }
        }
        (by(report, "policies"))
    }
}

fn notices(report: &Report) -> Markup {
    html! {
        p { "A notice carries no region: it is told by where the account's latest chat or decision says it was." }
        @if report.notices.is_empty() { p { "None." } } @else { table {
            caption { "Notices by policy, channel and region" }
            thead { tr { th scope="col" { "Channel, policy" } th scope="col" { "Region" } th scope="col" class="n" { "Notices" } th scope="col" { "How far they came" } } }
            tbody { @for line in report.notices.iter().take(4 * ROWS) { tr {
                th scope="row" { (plain(line.channel)) small { (&line.policy) } }
                td { (named(line.region.as_deref().unwrap_or_default())) } td class="n" { (number(line.notices)) }
                td { @for (place, (status, count)) in line.statuses.iter().enumerate() { @if place > 0 { ", " } (number(*count)) " " (plain(status)) } }
            } } }
        } }
        @let erased = report.completeness.destroyed.get(Kind::NoticeRecorded.name()).copied().unwrap_or(0);
        @if erased > 0 { p { "Besides, " (several(erased as usize, "notice was", "notices were")) " erased: what they said is not known any more." } }
        (by(report, "notices"))
    }
}

fn late(report: &Report) -> Markup {
    html! {
        h3 { "Late facts" }
        p { (several(report.late_facts.len(), "fact was", "facts were")) " recorded after a decision that should have known of it." }
        @if !report.late_facts.is_empty() { table {
            caption { "Late facts" }
            thead { tr { th scope="col" { "Entry" } th scope="col" { "Happened, recorded" } th scope="col" class="n" { "Lag" } th scope="col" class="n" { "Decisions" } } }
            tbody { @for line in report.late_facts.iter().take(ROWS) { tr {
                th scope="row" { (line.seq) small { (line.kind.trim_start_matches("inforce.")) } }
                td { (&line.at) small { "recorded " (&line.recorded) } } td class="n" { (duration(line.lag_s)) } td class="n" { (number(line.decisions)) }
            } } }
        } (more(report.late_facts.len())) }
        (by(report, "late_facts"))
        h3 { "Erasures" }
        p { (several(report.erasures.len(), "erasure", "erasures")) "." }
        @if !report.erasures.is_empty() { table {
            caption { "Erasures" }
            thead { tr { th scope="col" { "Entry" } th scope="col" { "Scope" } th scope="col" { "Asked for" } } }
            tbody { @for line in report.erasures.iter().take(ROWS) { tr {
                th scope="row" { (line.seq) } td { (line.scope) } td { (&line.at) small { "recorded " (&line.recorded) } }
            } } }
        } (more(report.erasures.len())) }
        (by(report, "erasures"))
    }
}

fn sample(report: &Report) -> Markup {
    let Some(file) = &report.sample else {
        let root = &report.tree.root;
        return html! {
            p { "None was drawn with this report. The root is committed to first, to somebody outside; then whoever audits says a seed:" }
            (how(&format!("inforce sample --size N --seed TEXT --root {root} -o DIR")))
        };
    };
    let recipe = &file.recipe;
    let seqs: Vec<String> = file.sample.iter().map(|each| format!("#{}", each.seq)).collect();
    html! {
        p { (number(file.overall.sample)) " of " (number(file.population.decisions)) " decisions, drawn by seed " code { bdi { (&recipe.seed) } }
            " under the root " code class="hash" { (&recipe.root) } " over " (number(recipe.entries)) " entries." }
        p { "Nobody can have chosen it only if the root was committed to somebody outside first, and the seed was said afterwards, by whoever audits. "
            "A page cannot show that order: ask who held the root, and when. "
            @if !file.committed {
                strong { "Here the root is in no checkpoint at hand: whoever holds the ledger could have chosen it after hearing the seed." }
            } @else if file.cosigned.is_empty() {
                "Here the ledger alone signed the root: that commits to it only if somebody outside had the checkpoint before."
            } @else {
                "Here the checkpoint also has lines of " (file.cosigned.join(", ")) "; whether they are good, and of before, is for the reader to say."
            } }
        @if file.standing.erasures > 0 {
            p { (several(file.standing.erasures as usize, "erasure", "erasures")) " were recorded between the root and the draw: whoever asked for one may have known the seed." }
        }
        @if let Some(bound) = file.overall.bounds.first() {
            p { "If whoever looks at them finds that none fails, at most " (number(bound.at_most)) " of the " (number(file.population.decisions))
                " do (" (percent(bound.rate)) "), at 95 % confidence, by the hypergeometric distribution." }
        }
        p { "Population, SHA-256: " code class="hash" { (&file.population.sha256) } }
        p { "Drawn: " (seqs.join(" ")) }
        (how(&sample_command(file)))
    }
}

fn sample_command(file: &SampleFile) -> String {
    let recipe = &file.recipe;
    let span = |name: &str, at: &Option<String>| at.as_ref().map(|at| format!(" --{name} {at}")).unwrap_or_default();
    let (since, until) = (span("since", &recipe.since), span("until", &recipe.until));
    let seed = recipe.seed.replace('\'', "'\\''");
    format!("inforce sample --size {} --seed '{seed}' --root {}{since}{until}", recipe.requested, recipe.root)
}

fn tree(report: &Report) -> Markup {
    let tree = &report.tree;
    let head = |head: &Option<Head>, none: &str| match head {
        Some(head) => html! {
            (number(head.entries)) " entries, root " code class="hash" { (&head.root) } " signed by "
            @for (place, signer) in head.signed_by.iter().enumerate() {
                @if place > 0 { ", " } (&signer.name)
                @match (&signer.at, signer.verified) {
                    (Some(at), true) => { " (verified, at " (at) ")" }
                    (None, true) => { " (verified)" }
                    (_, false) => { b { " (not verified: no key of this name was handed in)" } }
                }
            }
            pre { (&head.note) }
        },
        None => html! { (none) },
    };
    html! {
        dl {
            dt { "This report is over" } dd { (number(tree.entries)) " entries, root " code class="hash" { (&tree.root) } }
            dt { "Last checkpoint" } dd { (head(&tree.checkpoint, "none")) }
            dt { "Last one cosigned" } dd { (head(&tree.cosigned, "none: nobody outside vouches for this ledger")) }
        }
        p class="soft" { "The ledger's signature was verified, and cosignatures whose keys were handed in by " code { "--witness" }
            ". A name that was not verified proves nothing: anybody can write a line. Whose cosignatures are enough is for the reader to say." }
        (by(report, "tree"))
    }
}

/// A table of counts by name.
fn counts(caption: &str, head: &str, counts: &Counts) -> Markup {
    html! { table class="short" {
        caption { (caption) }
        thead { tr { th scope="col" { (head) } th scope="col" class="n" { "Count" } } }
        tbody { @for (name, count) in counts { tr { th scope="row" { (name.trim_start_matches("inforce.")) } td class="n" { (number(*count)) } } } }
    } }
}

fn more(rows: usize) -> Markup {
    html! { @if rows > ROWS { p { "And " (number((rows - ROWS) as u64)) " more: " code { "inforce report --json" } " has them all." } } }
}

fn several(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(count as u64), if count == 1 { one } else { many })
}

fn named(name: &str) -> &str {
    if name.is_empty() { "not recorded" } else { name }
}

fn plain(name: &str) -> String {
    name.replace('_', " ")
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// With a thin space between thousands.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push('\u{2009}');
        }
        shown.push(digit);
    }
    shown
}

fn duration(seconds: i64) -> String {
    match seconds {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}
