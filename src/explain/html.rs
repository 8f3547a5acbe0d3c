//! The explanation as a page that stands alone: no script, nothing loaded, one style sheet inside.

use super::headline::Tone;
use super::history::{Counts, Happening};
use super::in_force::PolicyCard;
use super::lineage::{Step, StepKind, Text};
use super::phrases::{ON_RECORD, happening_note, in_force, label_text, views_note, why};
use super::reason::{Flag, Reason};
use super::state::Row;
use super::{Explanation, Told, svg, words};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// What only a page with flips needs.
const FLIPS: &str = "ol.flips{margin:.5rem 0;padding-left:1.8rem}ol.flips>li{margin:.6rem 0;break-inside:avoid}\
    ol.flips ul{margin:.3rem 0}ol.flips ul li{margin:.3rem 0}\n";

/// Details shown before the rest is folded away.
const DETAILS: usize = 6;
/// Steps deeper than this are not nested further.
const DEEPEST: usize = 8;

/// More to say on a page, behind the explanation: statements that must not be missed, and facts as label and value.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Appendix {
    pub title: String,
    pub statements: Vec<String>,
    pub facts: Vec<(String, String)>,
}

/// Renders the page.
pub fn to_html(explanation: &Explanation) -> String {
    page(explanation, None)
}

/// Renders the page with an appendix.
pub fn to_page(explanation: &Explanation, appendix: &Appendix) -> String {
    page(explanation, Some(appendix))
}

fn page(explanation: &Explanation, appendix: Option<&Appendix>) -> String {
    let headline = &explanation.headline;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (headline.word) ": decision " (explanation.name) }
                style { (PreEscaped(STYLE)) @if explanation.flips.is_some() { (PreEscaped(FLIPS)) } }
            }
            body { main {
                (header(explanation))
                @if let Some(first) = appendix.and_then(|appendix| appendix.statements.first()) { p class="caution" role="note" { (words::clean(first)) } }
                @if !explanation.attested.is_empty() {
                    section aria-labelledby="record" {
                        h2 id="record" { (ON_RECORD) }
                        dl class="facts small" { @for (label, value) in &explanation.attested { dt { (label) } dd { (prose(value)) } } }
                    }
                }
                @if !explanation.reasons.is_empty() {
                    section aria-labelledby="why" { h2 id="why" { (why(explanation)) } @for reason in &explanation.reasons { (card(reason)) } }
                }
                @if let Some(flips) = &explanation.flips { (otherwise(&flips.told())) }
                @if !explanation.views.is_empty() {
                    section aria-labelledby="views" { h2 id="views" { "Both views" } (table(&explanation.views)) }
                }
                section aria-labelledby="decision" {
                    h2 id="decision" { "The decision" }
                    dl class="facts small" { @for (label, value) in &explanation.facts { dt { (label) } dd { (prose(value)) } } }
                }
                @if !explanation.views.is_empty() { (rest(explanation)) }
                @if let Some(appendix) = appendix { (appended(appendix)) }
                footer { p {
                    @if appendix.is_some() { "Made from the evidence in a bundle, and nothing else." }
                    @else { "Made by " code { "inforce explain" } " from the ledger's own entries." }
                    " Times are as recorded; “Z” is UTC."
                } }
            } }
        }
    };
    page.into_string()
}

fn appended(appendix: &Appendix) -> Markup {
    html! {
        section aria-labelledby="appendix" {
            h2 id="appendix" { (words::clean(&appendix.title)) }
            @for statement in &appendix.statements { p class="caution" { (words::clean(statement)) } }
            dl class="facts small" { @for (label, value) in &appendix.facts { dt { (label) } dd { (prose(&words::clean(value))) } } }
        }
    }
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
        Tone::Neutral => "neutral",
    }
}

fn flag_class(flag: Flag) -> (&'static str, &'static str) {
    match flag {
        Flag::Deny => ("deny", "bad"),
        Flag::Indeterminate => ("indeterminate", "unsure"),
        Flag::Finding => ("finding", "neutral"),
    }
}

fn header(explanation: &Explanation) -> Markup {
    let headline = &explanation.headline;
    html! {
        header {
            div class={ "verdict " (tone_class(headline.tone)) } {
                p class={ "word " (tone_class(headline.tone)) } {
                    span class="badge" aria-hidden="true" { (headline.tone.mark()) } span { (headline.word) }
                }
                h1 { (headline.sentence) }
                @if !headline.because.is_empty() { ul { @for because in &headline.because { li { (because) "." } } } }
                @if let Some(but) = &headline.but { p { strong { (but) } } }
            }
            p class="about" { (prose(&explanation.about)) }
            @if let Some(caution) = &explanation.caution { p class="caution" role="note" { (caution) } }
            p class="soft small" { "Decision " (explanation.name) }
        }
    }
}

fn rest(explanation: &Explanation) -> Markup {
    html! {
        section aria-labelledby="line" {
            h2 id="line" { "On a time line" }
            (figure(explanation))
        }
        section aria-labelledby="rests" {
            h2 id="rests" { "What it rests on" }
            @if explanation.lineage.is_empty() { p { "Nothing: the decision cites no signal." } }
            @else { div class="tree" { (tree(&explanation.lineage)) } }
        }
        section aria-labelledby="policies" {
            h2 id="policies" { "Policies" }
            @if explanation.policies.is_empty() { p { "None." } }
            @for card in &explanation.policies { (policy(card)) }
        }
        section aria-labelledby="history" {
            h2 id="history" { "What was recorded about the accounts" }
            @if explanation.history.is_empty() { p { "Nothing." } } @else { (history(&explanation.history)) }
        }
    }
}

/// Text with its times marked up, so that none is broken between lines.
fn prose(text: &str) -> Markup {
    let is_time = |word: &str| word.len() >= 20 && word.as_bytes()[4] == b'-' && word.as_bytes()[10] == b'T';
    html! {
        @for (place, word) in text.split(' ').enumerate() {
            @if place > 0 { " " }
            @let bare = word.trim_matches(['.', ',', ';', ':', '(', ')']);
            @match word.split_once(bare).filter(|_| is_time(bare)) {
                Some((before, after)) => { (before) time datetime=(bare) { (bare) } (after) },
                None => (word),
            }
        }
    }
}

fn only(known: bool, today: bool) -> Markup {
    html! { @if known != today { span class="only" { (views_note(known, today)) } } }
}

fn card(reason: &Reason) -> Markup {
    let (class, colour) = flag_class(reason.flag);
    let mixed = reason.known && reason.today;
    let details = |from: usize, to: usize| {
        let chosen = reason.details.iter().skip(from).take(to);
        html! { ul class="details" { @for detail in chosen { li { (prose(&detail.text)) @if mixed { (only(detail.known, detail.today)) } } } } }
    };
    html! {
        article class={ "card " (class) } {
            h3 { span class={ "mark " (colour) } aria-hidden="true" { (reason.flag.mark()) } span { (reason.title) } }
            (details(0, DETAILS))
            @if reason.details.len() > DETAILS {
                details { summary { (reason.details.len() - DETAILS) " more like this" } (details(DETAILS, usize::MAX)) }
            }
            p class="soft small" {
                span class={ "tag " (colour) } { (reason.flag.words()) } span class="tag" { (reason.id) }
                @if reason.policies.is_empty() { "The judge’s own rule." } @else { "Of " (words::list(&reason.policies)) "." }
                @if let Some(source) = &reason.source { " " (source) "." }
                (only(reason.known, reason.today))
            }
        }
    }
}

/// What would have had to be otherwise: a sentence each for the person affected, and behind it what the records would say.
fn otherwise(told: &Told) -> Markup {
    html! {
        section aria-labelledby="otherwise" {
            h2 id="otherwise" { "What would have had to be otherwise" }
            p { (told.lead) }
            @if !told.flips.is_empty() {
                ol class="flips" { @for (sentence, edits) in &told.flips { li {
                    p { (prose(sentence)) }
                    details class="small soft" {
                        summary { "What the records would say" }
                        ul { @for edit in edits { li { code { (edit) } } } }
                    }
                } } }
            }
            @for line in &told.standing { p { (line) } }
            p class="soft small" { (told.tried) }
        }
    }
}

fn table(rows: &[Row]) -> Markup {
    html! {
        table class="stack" {
            thead { tr { th scope="col" { "Compared" } th scope="col" { "Known then" } th scope="col" { "Known today" } } }
            tbody { @for row in rows {
                tr class={ @if row.differs { "differs " } @if row.label == "Verdict" { "verdict-row" } } {
                    th scope="row" { (row.label) }
                    td data-label="Known then" { (row.known) }
                    td data-label="Known today" { (row.today) }
                }
            } }
        }
    }
}

fn figure(explanation: &Explanation) -> Markup {
    let drawing = &explanation.drawing;
    html! {
        figure class="figure" {
            (svg::render(drawing, svg::WIDE))
            (svg::render(drawing, svg::NARROW))
            figcaption class="soft small" {
                "Time runs downwards. Bars are policies in force (hatched: overlays). Circles are interactions, squares signals, the diamond is the decision, \
                 small tags are labels (filled: sensitive); lines lead from what is cited to what cites it. Dashed: recorded after the decision."
                @if drawing.left_out > 0 { " " strong { (words::count(drawing.left_out, "entry").replace("entrys", "entries")) " not drawn" } "; the lists below have them." }
            }
        }
    }
}

/// Steps as nested lists: a list is opened on the way down and closed on the way up.
fn tree(steps: &[Step]) -> Markup {
    let mut page = String::new();
    let mut depth = 0;
    for each in steps {
        let to = each.depth.min(DEEPEST);
        if to > depth {
            page.push_str(&"<ul><li>".repeat(to - depth));
        } else {
            page.push_str("</li>");
            page.push_str(&"</ul></li>".repeat(depth - to));
            page.push_str("<li>");
        }
        depth = to;
        page.push_str(&step(each).into_string());
    }
    page.push_str(&"</li></ul>".repeat(depth));
    PreEscaped(page)
}

fn step(step: &Step) -> Markup {
    html! {
        div {
            strong class=[(step.kind == StepKind::Missing).then_some("bad")] { (step.name) }
            span class="soft small" {
                @if let Some(source) = &step.source { " of " (source) }
                @if let Some(at) = &step.at { ", " (prose(at)) }
                @if step.late { ", recorded after the decision" }
                @if step.again { ", told above" }
            }
            @if !step.facts.is_empty() { p class="small" { (words::sentence(&step.facts.join(", "))) "." } }
            @for label in &step.labels {
                p class={ "small" @if !label.sensitive.is_empty() { " unsure" } } { (prose(&label_text(label))) }
            }
            @if step.kind == StepKind::Interaction && step.labels.is_empty() && !step.again { p class="small unsure" { "No label." } }
            @match &step.text {
                Some(Text::Kept) => p class="soft small" { "Its text is kept, and not shown here." },
                Some(Text::Erased) => p class="small unsure" { "Its text was erased." },
                Some(Text::Shown(text)) => blockquote { (text) },
                Some(Text::None) | None => {},
            }
            @if !step.marks.is_empty() {
                p { @for mark in &step.marks {
                    span class={ "tag " (flag_class(mark.flag).1) } { (mark.flag.mark()) " " (mark.id) (views_note(mark.known, mark.today)) }
                } }
            }
        }
    }
}

fn policy(card: &PolicyCard) -> Markup {
    html! {
        article class="card" {
            h3 { (card.policy) ", version " (card.version) " " span class="tag neutral" { (card.role) } }
            p { (prose(&in_force(card))) }
            @if !card.judges.is_empty() { p { "It judges " (card.judges.join("; ")) "." } }
            @if !card.documents.is_empty() { ul class="small soft" { @for document in &card.documents { li { (document) } } } }
        }
    }
}

fn history(history: &[Happening]) -> Markup {
    html! {
        table class="stack" {
            thead { tr { th scope="col" { "When" } th scope="col" { "Account" } th scope="col" { "What" } } }
            tbody { @for happening in history {
                tr class=[(happening.counts == Counts::Neither).then_some("soft")] {
                    th scope="row" { (prose(&happening.at)) }
                    td data-label="Account" { (happening.account) }
                    td data-label="What" { (happening.what) (prose(&happening_note(happening))) }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_marked_up_and_nothing_is_lost() {
        let page = prose("On 2025-12-16T00:00:00Z, or <later>.").into_string();
        assert_eq!(page, "On <time datetime=\"2025-12-16T00:00:00Z\">2025-12-16T00:00:00Z</time>, or &lt;later&gt;.");
        assert_eq!(prose("( 漢字漢字漢字漢字漢字漢字 .").into_string(), "( 漢字漢字漢字漢字漢字漢字 .");
    }

    #[test]
    fn lists_are_closed_however_the_steps_climb() {
        let step = |depth| Step { depth, ..crate::explain::lineage::tests_step() };
        for depths in [&[1][..], &[1, 2, 3, 1], &[1, 2, 2, 3, 2, 1, 1], &[1, 20, 3]] {
            let page = tree(&depths.iter().map(|&depth| step(depth)).collect::<Vec<_>>()).into_string();
            for tag in ["ul", "li"] {
                let (opened, closed) =
                    (page.matches(&format!("<{tag}>")).count(), page.matches(&format!("</{tag}>")).count());
                assert_eq!(opened, closed, "{tag} of {depths:?}");
            }
        }
    }
}
