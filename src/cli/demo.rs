//! `inforce demo`: makes a ledger, decides over it, replays everything, and tells a newcomer what came out.

use super::decision::gather;
use super::exit::print_line;
use super::{CliError, Exit, progress};
use crate::demo::{self, Conversation, Facts, Report, RuleRow};
use crate::explain;
use crate::fact::Kind;
use crate::judge::{Conformance, Judgement};
use crate::ledger::{Ledger, Loaded};
use crate::merkle::TreeSize;
use crate::timeline::World;
use anstyle::{AnsiColor, Style};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

/// Arguments of `inforce demo`.
#[derive(clap::Args)]
pub struct Demo {
    /// Where the ledger is made: an empty folder, or one that is made now. Left out, a temporary one, which is kept.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// Conversations to use in place of the built-in ones: JSON Lines of `conv_id`, `turn`, `speaker` (`user`,
    /// `assistant`, `partner`), `text`, `modality`. May be given more than once.
    #[arg(long, value_name = "FILE")]
    conversations: Vec<PathBuf>,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
}

const HEAD: Style = AnsiColor::Cyan.on_default().bold();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

pub fn run(args: Demo) -> Result<Exit, CliError> {
    let conversations = read_all(&args.conversations)?;
    let dir = match &args.ledger {
        Some(dir) => dir.clone(),
        None => {
            let fresh = tempfile::Builder::new().prefix("inforce-demo-").tempdir();
            fresh.map_err(|error| CliError::File("the temporary folder".to_owned(), error))?.keep()
        }
    };
    let ledger = Ledger::create(&dir, Some("inforce/demo"))?;
    let bar = progress::bar("talking", conversations.len() as u64);
    let Facts { facts, left_out } = demo::facts(&conversations, || bar.inc(1));
    bar.finish_and_clear();
    let bar = progress::bar("recording", facts.len() as u64);
    demo::record(&ledger, &facts, |more| bar.inc(more))?;
    bar.finish_and_clear();
    let mut report = Report::recorded(&facts, left_out);
    drop(facts);
    let Loaded { world, bad, .. } = ledger.load()?;
    if let Some(bad) = bad {
        return Err(CliError::Failed(format!("the new ledger does not verify: entry {}: {}", bad.seq, bad.what)));
    }
    let bar = progress::bar("replaying", report.facts.get(&Kind::DecisionMade).copied().unwrap_or(0));
    report.replay(&world, || bar.inc(1));
    bar.finish_and_clear();
    if args.json {
        let mut object = report.to_json();
        object["ledger"] = dir.display().to_string().into();
        print_line(&mut std::io::stdout().lock(), object)?;
        ledger.close()?;
        return Ok(Exit::Done);
    }
    let columns = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0)).clamp(40, 100);
    let mut page = Page { out: anstream::stdout().lock(), columns };
    page.recorded(&report, &dir)?;
    page.decided(&report)?;
    page.broken(&report)?;
    page.findings(&report)?;
    if let Some(judgement) = &report.example {
        page.explained(&ledger, &world, judgement)?;
    }
    page.next(&report, &dir)?;
    ledger.close()?;
    Ok(Exit::Done)
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Conversation>, CliError> {
    let mut all = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| CliError::File(name.clone(), error))?;
        let read = demo::read(BufReader::with_capacity(1 << 20, file));
        all.extend(read.map_err(|error| CliError::Failed(format!("`{name}`: {error}")))?);
    }
    if !files.is_empty() && all.is_empty() {
        return Err(CliError::Failed("no conversation in these files".to_owned()));
    }
    Ok(all)
}

/// The report for people, as wide as the terminal.
struct Page<W> {
    out: W,
    columns: usize,
}

impl<W: Write> Page<W> {
    fn recorded(&mut self, report: &Report, dir: &Path) -> Result<(), CliError> {
        self.head("What was recorded")?;
        let total: u64 = report.facts.values().sum();
        let span = report.span.map(|(from, to)| format!(", {} to {}", &from.to_string()[..10], &to.to_string()[..10]));
        let (total, accounts, span) = (grouped(total), grouped(report.accounts), span.unwrap_or_default());
        self.text(0, &format!("{total} facts about {accounts} accounts{span}, in a ledger that can only grow:"))?;
        self.line(format!("  {STRONG}{}{STRONG:#}", dir.display()))?;
        self.gap()?;
        for (kind, words) in KINDS {
            let Some(&count) = report.facts.get(kind) else { continue };
            let more = match kind {
                Kind::InteractionRecorded => {
                    format!(" ({} spoken, {} with people)", grouped(report.spoken), grouped(report.human))
                }
                _ => String::new(),
            };
            self.text(12, &format!("{:>10}  {words}{more}", grouped(count)))?;
        }
        if report.left_out > 0 {
            let count = grouped(report.left_out);
            self.text(12, &format!("{count:>10}  replies of the assistant left out: they are nobody's interactions"))?;
        }
        Ok(())
    }

    fn decided(&mut self, report: &Report) -> Result<(), CliError> {
        self.head("How the decisions conform")?;
        let total = report.summary.decisions;
        self.text(
            0,
            &format!("Each of {} decisions was judged again by the policy in force at its time.", grouped(total)),
        )?;
        self.gap()?;
        let widest = report.summary.conformance.values().copied().max().unwrap_or(1).max(1);
        let room = self.columns.saturating_sub(34).clamp(8, 40) as u64;
        for each in [
            Conformance::Conforming,
            Conformance::OutOfScope,
            Conformance::Withheld,
            Conformance::Unproven,
            Conformance::Erased,
            Conformance::LateBreach,
            Conformance::Breach,
        ] {
            let count = report.summary.of(each);
            if count == 0 {
                continue;
            }
            let (style, blocks) = (colour(each), bar(count, widest, room));
            let percent = count as f64 * 100.0 / total.max(1) as f64;
            self.line(format!(
                "  {style}{:<12}{style:#} {:>8} {percent:>5.1} %  {style}{blocks}{style:#}",
                each.name(),
                grouped(count)
            ))?;
            self.text(14, &format!("{:14}{}", "", meaning(each, report)))?;
        }
        Ok(())
    }

    fn broken(&mut self, report: &Report) -> Result<(), CliError> {
        let mut last = None;
        for row in &report.broken {
            if row.conformance != last {
                last = row.conformance;
                self.head(match last {
                    Some(Conformance::Breach) => "Broken: served, though the policy denied it",
                    Some(Conformance::LateBreach) => "Broken late: denied by what was recorded afterwards",
                    Some(Conformance::Unproven) => "Unproven: served, and nobody can show that it was allowed",
                    _ => "Erased: the decision itself is gone",
                })?;
            }
            self.row(row, last.map_or(STRONG, colour))?;
        }
        Ok(())
    }

    fn findings(&mut self, report: &Report) -> Result<(), CliError> {
        if !report.findings.is_empty() {
            self.head("Worth a note: no verdict hangs on it")?;
        }
        report.findings.iter().try_for_each(|row| self.row(row, AnsiColor::Blue.on_default()))
    }

    /// A rule: count and id, an example, and its sentence below.
    fn row(&mut self, row: &RuleRow, style: Style) -> Result<(), CliError> {
        let start = format!("  {:>6}  {style}{}{style:#}", grouped(row.decisions), row.id);
        match self.columns.checked_sub(12 + row.id.len() + row.example.len()) {
            Some(room) => self.line(format!("{start}{FAINT} {} {FAINT:#}{}", ".".repeat(room), row.example))?,
            None => self.line(format!("{start}\n{:10}{}", "", row.example))?,
        }
        self.text(10, &format!("{:10}{}", "", row.title))
    }

    /// What `inforce explain` says, whole.
    fn explained(&mut self, ledger: &Ledger, world: &World, judgement: &Judgement) -> Result<(), CliError> {
        let name = world.name(judgement.decision).map_or_else(String::new, |name| name.id);
        self.head(&format!("One of them explained: {name}"))?;
        let evidence = gather(ledger, world, TreeSize(u64::MAX), judgement)?;
        let explanation = explain::explain(world, judgement, &evidence, true);
        self.line(explain::to_text(&explanation, self.columns).trim_end())
    }

    fn next(&mut self, report: &Report, dir: &Path) -> Result<(), CliError> {
        self.head("What to try next")?;
        let ledger = dir.display();
        let late = report.broken.iter().find(|row| row.conformance == Some(Conformance::LateBreach));
        let example = late.or(report.broken.first()).map_or("d-sensitive-topic", |row| row.example.as_str());
        self.line(format!("  {FAINT}export{FAINT:#} INFORCE_LEDGER={ledger}"))?;
        for (command, why) in [
            (format!("inforce explain {example}"), "why that decision is what it is"),
            ("inforce replay --all --json".to_owned(), "every verdict, for a program"),
            ("inforce replay --all --rederive".to_owned(), "and every label and signal derived again"),
            ("inforce derive".to_owned(), "label what nobody labelled"),
            ("inforce verify".to_owned(), "every hash and signature; change a byte and see"),
        ] {
            if self.columns >= 90 {
                self.line(format!("  {STRONG}{command:<56}{STRONG:#} {FAINT}{why}{FAINT:#}"))?;
            } else {
                self.line(format!("  {STRONG}{command}{STRONG:#}"))?;
                self.line(format!("    {FAINT}{why}{FAINT:#}"))?;
            }
        }
        Ok(())
    }

    fn head(&mut self, text: &str) -> Result<(), CliError> {
        self.gap()?;
        self.line(format!("{HEAD}{text}{HEAD:#}"))
    }

    fn gap(&mut self) -> Result<(), CliError> {
        self.line("")
    }

    /// Plain words, broken at the width; lines after the first are indented.
    fn text(&mut self, indent: usize, text: &str) -> Result<(), CliError> {
        let start = text.len() - text.trim_start().len();
        let mut line = " ".repeat(start);
        let mut empty = true;
        for word in text[start..].split(' ') {
            if !empty && line.chars().count() + 1 + word.chars().count() > self.columns {
                self.line(&line)?;
                line = " ".repeat(indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(line)
    }

    fn line(&mut self, text: impl std::fmt::Display) -> Result<(), CliError> {
        print_line(&mut self.out, text)
    }
}

/// Kinds in the order of the story, in people's words.
const KINDS: &[(Kind, &str)] = &[
    (Kind::PolicyAdopted, "policy versions adopted"),
    (Kind::NoticeRecorded, "notices sent, with how far they came"),
    (Kind::AccountLinked, "accounts added to an Accounts Center"),
    (Kind::AccountUnlinked, "accounts taken out of one"),
    (Kind::AgeObserved, "ages observed"),
    (Kind::ConsentRecorded, "consents given or refused"),
    (Kind::PreferenceChanged, "preferences changed"),
    (Kind::PermissionChanged, "device permissions changed"),
    (Kind::ControlRequested, "controls asked for"),
    (Kind::InteractionRecorded, "turns"),
    (Kind::ActivityRecorded, "page likes"),
    (Kind::InteractionLabelled, "labels: which turns are sensitive"),
    (Kind::SignalDerived, "signals derived, each citing what it rests on"),
    (Kind::DecisionMade, "decisions what to show"),
    (Kind::SubjectErased, "erasures"),
];

fn meaning(conformance: Conformance, report: &Report) -> String {
    match conformance {
        Conformance::Conforming => {
            format!("allowed and shown, or not allowed and held back ({})", grouped(report.held_back))
        }
        Conformance::OutOfScope => "no AI interaction is behind it".to_owned(),
        Conformance::Withheld => "held back, though it was allowed".to_owned(),
        Conformance::Unproven => "shown, and evidence is missing".to_owned(),
        Conformance::Erased => "its own record was erased".to_owned(),
        Conformance::LateBreach => "allowed by what was known then, denied by what is known now".to_owned(),
        Conformance::Breach => "shown, though the policy denied it".to_owned(),
    }
}

fn colour(conformance: Conformance) -> Style {
    match conformance {
        Conformance::Conforming => AnsiColor::Green.on_default(),
        Conformance::OutOfScope | Conformance::Withheld => AnsiColor::Blue.on_default(),
        Conformance::Unproven | Conformance::Erased => AnsiColor::Yellow.on_default(),
        Conformance::LateBreach | Conformance::Breach => AnsiColor::Red.on_default().bold(),
    }
}

/// Blocks as many as `count` is of `widest`; at least a sliver.
fn bar(count: u64, widest: u64, room: u64) -> String {
    let eighths = (count * room * 8 / widest).max(1);
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][(eighths % 8) as usize];
    "█".repeat((eighths / 8) as usize) + rest
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
