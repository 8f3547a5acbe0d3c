//! `inforce query`: decisions and facts by what they say, a page at a time.

mod arguments;
mod print;

use super::as_of::AsOf;
use super::memory::Memory;
use super::within::Within;
use super::{CliError, Common, Exit};
use crate::fact::{Conformance, Verdict};
use crate::ledger::Ledger;
use crate::query::Side;
use crate::search::{self, How, Page, SearchError, Turned};
use print::{Form, Printed};
pub(super) use print::{duration, lag};
use std::ops::ControlFlow;

/// Arguments of `inforce query`.
#[derive(clap::Args)]
#[command(
    after_help = "What is looked up is checked entry by entry; that nothing is missing or damaged elsewhere is told by \
                        `verify`, and by whatever judges everything, such as `--refresh`."
)]
pub struct Query {
    #[command(flatten)]
    common: Common,
    /// Rows for a spreadsheet, a header first. A cell that begins like a formula gets an apostrophe in front.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// What is asked for: `decisions` with their verdicts, or `facts` as they were recorded.
    #[arg(value_name = "WHAT", default_value = "decisions", value_parser = ["decisions", "facts"])]
    what: String,
    /// Of this account, `<app>/<id>`. As with every option of this kind, several are "or", different kinds are "and".
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = arguments::account)]
    accounts: Vec<String>,
    /// About items of this advertiser.
    #[arg(long = "advertiser", value_name = "NAME")]
    advertisers: Vec<String>,
    /// Of this campaign.
    #[arg(long = "campaign", value_name = "NAME")]
    campaigns: Vec<String>,
    /// Of accounts of this app.
    #[arg(long = "app", value_name = "APP")]
    apps: Vec<String>,
    /// In this region, or on a device there.
    #[arg(long = "region", value_name = "REGION", value_parser = arguments::region)]
    regions: Vec<String>,
    /// Of facts, their kind, such as `account.unlinked`; of decisions, that of the item, such as `reel`.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// About this topic.
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Decisions for which this rule fired.
    #[arg(long = "rule", value_name = "ID")]
    rules: Vec<String>,
    /// Decisions with this verdict: `allow`, `out_of_scope`, `indeterminate`, `deny`.
    #[arg(long = "verdict", value_name = "VERDICT", value_parser = arguments::verdict)]
    verdicts: Vec<Verdict>,
    /// Decisions of this conformance: `breach`, `late_breach`, `unproven`, and so on.
    #[arg(long = "conformance", value_name = "NAME", value_parser = arguments::conformance)]
    conformances: Vec<Conformance>,
    /// Decisions with this finding.
    #[arg(long = "finding", value_name = "ID")]
    findings: Vec<String>,
    /// Decisions judged by this policy, or by one version of it; of facts, what adopts, names or cites it.
    #[arg(long = "policy", value_name = "POLICY[@VERSION]", value_parser = arguments::policy)]
    policies: Vec<(String, Option<String>)>,
    #[command(flatten)]
    within: Within,
    /// The clock that `--since` and `--until` are read on: when things happened, or when they were recorded.
    #[arg(long, value_name = "CLOCK", default_value = "occurred", value_parser = ["occurred", "recorded"])]
    clock: String,
    /// The view that rules, verdicts, findings and policies are looked for in: `known`, `true` or `either`.
    #[arg(long, value_name = "VIEW", default_value = "either", value_parser = arguments::side)]
    view: Side,
    /// The last recorded first; so it is if nothing is said.
    #[arg(long, conflicts_with = "oldest")]
    newest: bool,
    /// The first recorded first.
    #[arg(long)]
    oldest: bool,
    /// At most so many, or `all`.
    #[arg(long, value_name = "N", default_value = "20", value_parser = arguments::limit)]
    limit: usize,
    /// Go on behind this position, which the page before it ended with.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Show the text of chats, where it still exists.
    #[arg(long)]
    with_content: bool,
    /// Judge everything anew, and keep the verdicts for later queries.
    #[arg(long, conflicts_with = "as_of")]
    refresh: bool,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
}

pub fn run(args: Query) -> Result<Exit, CliError> {
    args.within.check()?;
    let page = Page { newest: !args.oldest, limit: args.limit, after: args.after };
    let form = match (args.common.json, args.csv) {
        (true, _) => Form::Json,
        (_, true) => Form::Csv,
        _ => Form::Table,
    };
    let turned = match args.what.as_str() {
        "facts" => facts(&args, &page, form),
        _ => decisions(&args, &page, form),
    };
    let turned = match turned {
        Err(CliError::Search(SearchError::Tampered(bad))) => {
            anstream::eprintln!("{}", SearchError::Tampered(bad));
            return Ok(Exit::Broken);
        }
        other => other?,
    };
    match turned.last.filter(|_| turned.more) {
        Some(last) => eprintln!("{} found; more: --after {last}", turned.count),
        None => eprintln!("{} found", turned.count),
    }
    let names = [&args.rules[..], &args.findings[..]].concat();
    if turned.count == 0 && !names.is_empty() {
        let world = search::policies(&Ledger::open_indexed(&args.common.ledger)?)?;
        super::periods::tell_unknown(&world, &names);
    }
    Ok(Exit::Done)
}

fn decisions(args: &Query, page: &Page, form: Form) -> Result<Turned, CliError> {
    let (filter, dir, part_len) = (args.decision_filter()?, &args.common.ledger, args.memory.part_len());
    let mut printed = Printed::decisions(form)?;
    let mut failed = Ok(());
    let mut visit = |line: &crate::query::Line| {
        failed = printed.decision(line);
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let turned = match args.as_of.is_given() {
        true => {
            let parts = args.as_of.load_parts(&Ledger::open_read_only(dir)?, part_len)?;
            search::judged(&parts, &filter, page, &mut visit)?
        }
        false => {
            let mut tell = |how: How| match how {
                How::Judging => eprintln!("judging everything: no verdicts are kept for the ledger as it stands"),
                How::Kept => eprintln!("the verdicts are kept: later queries look them up"),
                How::NotKept => eprintln!("the verdicts are not kept: the ledger's folder cannot be written to"),
            };
            search::decisions(dir, &filter, page, args.refresh, part_len, &mut tell, &mut visit)?
        }
    };
    failed?;
    printed.end()?;
    Ok(turned)
}

fn facts(args: &Query, page: &Page, form: Form) -> Result<Turned, CliError> {
    let filter = args.fact_filter()?;
    let ledger = Ledger::open_indexed(&args.common.ledger)?;
    let size = match args.as_of.size(&ledger)? {
        Some(size) => size,
        None => ledger.look()?.size(ledger.standing()?.0)?,
    };
    let mut printed = Printed::facts(form, args.with_content)?;
    let mut failed = Ok(());
    let turned = search::each_fact(&ledger, &filter, page, size, |entry| {
        failed = printed.fact(entry);
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    failed?;
    printed.end()?;
    Ok(turned)
}
