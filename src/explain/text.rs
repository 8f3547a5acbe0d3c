//! The explanation for a terminal: verdict first, then why, then everything that it rests on.
//!
//! Styles are always written; whoever prints strips them where nobody sees colours. Marks say the same as colours.

use super::headline::Tone;
use super::history::{Counts, Happening};
use super::in_force::PolicyCard;
use super::lineage::{Label, Step, StepKind, Text};
use super::phrases::{ON_RECORD, happening_note, in_force, label_text, views_note, why};
use super::reason::{Flag, Reason};
use super::state::Row;
use super::wrap::{columns, pad, wrapped};
use super::{Explanation, words};
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default();

/// Most steps, happenings and details shown; the page and the JSON have all of them.
const STEPS: usize = 60;
const HAPPENINGS: usize = 30;
const DETAILS: usize = 8;
/// Text beside something has at least so many columns, or goes below it.
const LEAST: usize = 14;
/// Narrower than this, tables are stacked.
const TABLE: usize = 76;
/// Steps deeper than this are not indented further.
const DEEPEST: usize = 8;

/// Renders for a terminal of so many columns.
pub fn to_text(explanation: &Explanation, width: usize) -> String {
    let mut page = Page { out: String::new(), width: width.clamp(40, 120) };
    page.headline(explanation);
    if !explanation.attested.is_empty() {
        page.heading(ON_RECORD);
        page.facts(&explanation.attested);
    }
    if !explanation.reasons.is_empty() {
        page.heading(why(explanation));
        explanation.reasons.iter().for_each(|reason| page.reason(reason));
    }
    if !explanation.views.is_empty() {
        page.heading("Both views");
        page.table(&explanation.views);
    }
    page.heading("The decision");
    page.facts(&explanation.facts);
    if !explanation.views.is_empty() {
        page.heading("What it rests on");
        page.lineage(explanation);
        page.heading("Policies");
        page.policies(&explanation.policies);
        page.heading("What was recorded about the accounts");
        page.history(&explanation.history);
    }
    page.out
}

fn tone_style(tone: Tone) -> Style {
    match tone {
        Tone::Good => GOOD,
        Tone::Bad => BAD,
        Tone::Unsure => UNSURE,
        Tone::Neutral => BOLD,
    }
}

fn flag_style(flag: Flag) -> Style {
    match flag {
        Flag::Deny => BAD,
        Flag::Indeterminate => UNSURE,
        Flag::Finding => NOTE,
    }
}

struct Page {
    out: String,
    width: usize,
}

impl Page {
    fn blank(&mut self) {
        self.out.push('\n');
    }

    /// One line of styled pieces, unwrapped.
    fn line(&mut self, pieces: &[(Style, &str)]) {
        for (style, text) in pieces {
            let _ = write!(self.out, "{}{text}{}", style.render(), style.render_reset());
        }
        self.out.push('\n');
    }

    /// Text wrapped behind `first`, and behind `rest` from the second line on.
    fn wrap(&mut self, first: (Style, &str), rest: &str, style: Style, text: &str) {
        if columns(first.1) + LEAST > self.width && columns(rest) < columns(first.1) {
            self.line(&[(first.0, first.1.trim_end())]);
            return self.wrap((PLAIN, rest), rest, style, text);
        }
        let room = self.width.saturating_sub(columns(first.1).max(columns(rest))).max(LEAST);
        for (number, line) in wrapped(text, room).iter().enumerate() {
            match number {
                0 => self.line(&[first, (style, line)]),
                _ => self.line(&[(if rest.contains('│') { DIM } else { PLAIN }, rest), (style, line)]),
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        self.line(&[(BOLD.underline(), text)]);
    }

    fn headline(&mut self, explanation: &Explanation) {
        let headline = &explanation.headline;
        let style = tone_style(headline.tone);
        let lead = format!("{} {}  ", headline.tone.mark(), headline.word.to_uppercase());
        let indent = " ".repeat(columns(&lead));
        let (indent, lead) = if self.width < 70 { ("  ".to_owned(), lead) } else { (indent, lead) };
        self.wrap((style, &lead), &indent, BOLD, &headline.sentence);
        for because in &headline.because {
            self.wrap((PLAIN, &indent), &indent, style, &format!("{because}."));
        }
        if let Some(but) = &headline.but {
            self.wrap((PLAIN, &indent), &indent, UNSURE, but);
        }
        self.blank();
        self.wrap((PLAIN, ""), "", PLAIN, &explanation.about);
        if let Some(caution) = &explanation.caution {
            self.wrap((UNSURE, "! "), "  ", PLAIN, caution);
        }
        self.wrap((DIM, ""), "", DIM, &format!("Decision {}", explanation.name));
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        let label = facts.iter().map(|(label, _)| columns(label)).max().unwrap_or(0) + 4;
        for (name, value) in facts {
            self.wrap((DIM, &pad(&format!("  {name}"), label)), &" ".repeat(label), PLAIN, value);
        }
    }

    fn reason(&mut self, reason: &Reason) {
        let style = flag_style(reason.flag);
        self.wrap((style, &format!("  {} ", reason.flag.mark())), "    ", BOLD, &reason.title);
        let views = views_note(reason.known, reason.today);
        let policies =
            if reason.policies.is_empty() { "the judge's own rule".to_owned() } else { words::list(&reason.policies) };
        let line = format!("{} · {} · {policies}{views}", reason.flag.words(), reason.id);
        self.wrap((PLAIN, "    "), "    ", DIM, &line);
        for detail in reason.details.iter().take(DETAILS) {
            let mixed = reason.known && reason.today;
            let note = if mixed { views_note(detail.known, detail.today) } else { "" };
            self.wrap((PLAIN, "    "), "    ", PLAIN, &format!("{}{note}", detail.text));
        }
        if reason.details.len() > DETAILS {
            let more = reason.details.len() - DETAILS;
            self.line(&[(DIM, &format!("    … and {more} more like this (--html or --json shows them)"))]);
        }
        if let Some(source) = &reason.source {
            self.wrap((DIM, "    "), "    ", DIM, &format!("({source})"));
        }
    }

    fn table(&mut self, rows: &[Row]) {
        if self.width < TABLE {
            return rows.iter().for_each(|row| self.stacked(row));
        }
        let label = rows.iter().map(|row| columns(&row.label)).max().unwrap_or(0).clamp(8, 34);
        let cell = (self.width - label - 8) / 2;
        self.line(&[(PLAIN, &pad("", label + 4)), (DIM, &pad("Known then", cell + 2)), (DIM, "Known today")]);
        for row in rows {
            let cells = [wrapped(&row.label, label), wrapped(&row.known, cell), wrapped(&row.today, cell)];
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            let style = if row.differs { UNSURE } else { PLAIN };
            let verdict = if row.label == "Verdict" { BOLD } else { style };
            for number in 0..height {
                let [first, known, today] = cells.each_ref().map(|lines| lines.get(number).map_or("", String::as_str));
                let mark = if row.differs && number == 0 { "≠ " } else { "  " };
                let known = pad(known, cell + 2);
                self.line(&[(style, mark), (DIM, &pad(first, label + 2)), (verdict, &known), (verdict, today)]);
            }
        }
    }

    fn stacked(&mut self, row: &Row) {
        let (style, mark) = if row.differs { (UNSURE, "≠ ") } else { (PLAIN, "  ") };
        if row.differs {
            self.line(&[(style, mark), (BOLD, &row.label)]);
            self.wrap((DIM, "    known then   "), "                 ", style, &row.known);
            self.wrap((DIM, "    known today  "), "                 ", style, &row.today);
        } else {
            self.wrap((BOLD, &format!("  {}: ", row.label)), "    ", PLAIN, &row.known);
        }
    }

    fn lineage(&mut self, explanation: &Explanation) {
        let steps = &explanation.lineage;
        if steps.is_empty() {
            return self.line(&[(PLAIN, "  Nothing: the decision cites no signal.")]);
        }
        for (step, rail) in steps.iter().zip(rails(steps)).take(STEPS) {
            self.step(step, &rail);
        }
        if steps.len() > STEPS {
            let more = steps.len() - STEPS;
            self.line(&[(DIM, &format!("  … and {more} more steps (--html or --json shows them)"))]);
        }
    }

    fn step(&mut self, step: &Step, (rail, below): &(String, String)) {
        let name_style = if step.kind == StepKind::Missing { BAD } else { BOLD };
        let source = step.source.as_ref().map(|source| format!(" of {source}")).unwrap_or_default();
        let again = if step.again { ", told above" } else { "" };
        let late = if step.late { ", recorded after the decision" } else { "" };
        let at = step.at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
        let _ = write!(self.out, "{}  {rail}{}", DIM.render(), DIM.render_reset());
        let name = format!("{}{}{}", name_style.render(), step.name, name_style.render_reset());
        let room = self.width.saturating_sub(columns(rail) + columns(&step.name) + 2);
        let rest = format!("{source}{at}{late}{again}");
        if columns(&rest) <= room {
            let _ = writeln!(self.out, "{name}{}{rest}{}", DIM.render(), DIM.render_reset());
        } else {
            let _ = writeln!(self.out, "{name}");
            self.under(below, DIM, rest.trim_start_matches([',', ' ']));
        }
        if !step.facts.is_empty() {
            self.under(below, PLAIN, &words::sentence(&format!("{}.", step.facts.join(", "))));
        }
        step.labels.iter().for_each(|label| self.label(below, label));
        if step.kind == StepKind::Interaction && step.labels.is_empty() && !step.again {
            self.under(below, UNSURE, "No label.");
        }
        match &step.text {
            Some(Text::Kept) => self.under(below, DIM, "Its text is kept (--with-content shows it)."),
            Some(Text::Erased) => self.under(below, UNSURE, "Its text was erased."),
            Some(Text::Shown(text)) => text.lines().for_each(|line| self.under(below, NOTE, &format!("“{line}”"))),
            Some(Text::None) | None => {}
        }
        for mark in &step.marks {
            let views = views_note(mark.known, mark.today);
            self.under(below, flag_style(mark.flag), &format!("{} {}{views}", mark.flag.mark(), mark.id));
        }
    }

    fn under(&mut self, below: &str, style: Style, text: &str) {
        let indent = format!("  {below}");
        self.wrap((DIM, &indent), &indent, style, text);
    }

    fn label(&mut self, below: &str, label: &Label) {
        let style = if label.sensitive.is_empty() { PLAIN } else { UNSURE };
        self.under(below, style, &label_text(label));
    }

    fn policies(&mut self, policies: &[PolicyCard]) {
        if policies.is_empty() {
            self.line(&[(PLAIN, "  None.")]);
        }
        for card in policies {
            let name = format!("{}, version {} ({})", card.policy, card.version, card.role);
            self.wrap((PLAIN, "  "), "    ", BOLD, &name);
            self.wrap((PLAIN, "    "), "    ", PLAIN, &in_force(card));
            if !card.judges.is_empty() {
                self.wrap((PLAIN, "    "), "    ", PLAIN, &format!("It judges {}.", card.judges.join("; ")));
            }
            for document in &card.documents {
                self.wrap((DIM, "    "), "    ", DIM, document);
            }
        }
    }

    fn history(&mut self, history: &[Happening]) {
        if history.is_empty() {
            self.line(&[(PLAIN, "  Nothing.")]);
        }
        if history.len() > HAPPENINGS {
            let more = history.len() - HAPPENINGS;
            self.line(&[(DIM, &format!("  … {more} earlier entries (--html or --json shows them)"))]);
        }
        for happening in history.iter().skip(history.len().saturating_sub(HAPPENINGS)) {
            let style = if happening.counts == Counts::Neither { DIM } else { PLAIN };
            let note = happening_note(happening);
            let text = format!("{}: {}{note}", happening.account, happening.what);
            if self.width < TABLE {
                self.line(&[(DIM, &format!("  {}", happening.at))]);
                self.wrap((PLAIN, "    "), "    ", style, &text);
            } else {
                self.wrap((DIM, &pad(&format!("  {}", happening.at), 26)), &" ".repeat(26), style, &text);
            }
        }
    }
}

/// The lines of the tree before each step, and before what is told below it.
fn rails(steps: &[Step]) -> Vec<(String, String)> {
    let mut open = [false; DEEPEST + 2];
    let mut rails = Vec::with_capacity(steps.len());
    for (number, step) in steps.iter().enumerate().rev() {
        let depth = step.depth.min(DEEPEST);
        let above: String = (1..depth).map(|level| if open[level] { "│  " } else { "   " }).collect();
        let (branch, beside) = if open[depth] { ("├─ ", "│  ") } else { ("└─ ", "   ") };
        let has_more = steps.get(number + 1).is_some_and(|next| next.depth > step.depth && step.depth < DEEPEST);
        let down = if has_more { "│  " } else { "" };
        rails.push((format!("{above}{branch}"), format!("{above}{beside}{down}")));
        open[depth] = true;
        open[depth + 1..].fill(false);
    }
    rails.reverse();
    rails
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rails_join_siblings_and_end_with_the_last() {
        let step = |depth| Step { depth, ..crate::explain::lineage::tests_step() };
        let steps = [step(1), step(2), step(2), step(1)];
        let rails = rails(&steps);
        let rails: Vec<&str> = rails.iter().map(|(rail, _)| rail.as_str()).collect();
        assert_eq!(rails, ["├─ ", "│  ├─ ", "│  └─ ", "└─ "]);
    }
}
