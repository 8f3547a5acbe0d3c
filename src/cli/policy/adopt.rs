//! `inforce policy adopt`

use crate::cli::as_of::AsOf;
use crate::cli::exit::print_line;
use crate::cli::{CliError, Common, Exit};
use crate::fact::{Body, Digest, Document, Fact, FactId, PolicyAdopted, Role, Time};
use crate::ledger::{Ledger, system_now};
use crate::policy::Pack;
use serde_json::{Map, Value};
use sha2::Digest as _;
use std::path::{Path, PathBuf};

/// Arguments of `inforce policy adopt`.
#[derive(clap::Args)]
pub struct Adopt {
    #[command(flatten)]
    common: Common,
    /// The policy's id, such as `meta-ai-personalization`.
    #[arg(value_name = "POLICY")]
    policy: String,
    /// The version's name, such as `2`.
    #[arg(long = "as", value_name = "VERSION", id = "as")]
    version: String,
    /// From when it is in force (RFC 3339, whole milliseconds).
    #[arg(long, value_name = "T", value_parser = time)]
    from: Time,
    /// Until when, exclusive.
    #[arg(long, value_name = "T", value_parser = time)]
    until: Option<Time>,
    /// `platform` permits, `overlay` only restricts; that of the pack, or `platform`, if left out.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
    /// The built-in pack to take the text from.
    #[arg(long, value_name = "PACK", conflicts_with = "cedar", required_unless_present = "cedar")]
    pack: Option<String>,
    /// A file with Cedar text of your own.
    #[arg(long, value_name = "FILE")]
    cedar: Option<PathBuf>,
    /// Override a param, the value in JSON or plain: `use_from=2026-01-01T00:00:00Z`, `excluded_regions=["GB"]`.
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = param)]
    params: Vec<(String, Value)>,
    /// A file that the version rests on, or a capture of one: its SHA-256 is recorded, not the text.
    #[arg(long = "document", value_name = "FILE")]
    documents: Vec<PathBuf>,
    /// Where the documents were captured from, one for each, in their order.
    #[arg(long = "document-url", value_name = "URL")]
    urls: Vec<String>,
    /// When the documents were captured, one for each, in their order; now if left out.
    #[arg(long = "captured-at", value_name = "T", value_parser = time)]
    captured: Vec<Time>,
}

pub(super) fn time(text: &str) -> Result<Time, String> {
    Time::parse(text).map_err(|error| error.to_string())
}

pub fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("expected {}", Role::NAMES.join(" or ")))
}

pub fn param(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

pub fn run(args: Adopt) -> Result<Exit, CliError> {
    let ledger = Ledger::open(&args.common.ledger)?;
    let mut fact = fact(&args)?;
    // Adopted again in the same words it is the same fact, which happened when it was first adopted.
    let before = super::adopted(&ledger, &AsOf::default())?.into_iter().find(|before| before.fact == fact.id);
    fact.time = before.map_or(fact.time, |before| before.time);
    // What the command line gave passes through the same gate as a line of an import.
    let fact = crate::wire::parse(&crate::wire::to_json(&fact).to_string())
        .map_err(|refusal| CliError::Failed(refusal.to_string()))?;
    let name = fact.id.id.clone();
    let receipt = ledger.append(vec![fact])?[0];
    ledger.close()?;
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let object = serde_json::json!({ "policy": args.policy, "version": args.version, "seq": receipt.seq, "duplicate": receipt.duplicate });
        print_line(&mut out, object)?;
    } else {
        let done = if receipt.duplicate { "was adopted before, as" } else { "adopted as" };
        print_line(&mut out, format!("{name} {done} entry {}, in force from {}", receipt.seq, args.from))?;
    }
    Ok(Exit::Done)
}

fn fact(args: &Adopt) -> Result<Fact, CliError> {
    let cedar = match &args.cedar {
        Some(path) => String::from_utf8(read(path)?)
            .map_err(|_| CliError::Failed(format!("`{}` is not UTF-8", path.display())))?,
        None => String::new(),
    };
    let params: Map<String, Value> = args.params.iter().cloned().collect();
    let now = Time::utc(system_now());
    let body = PolicyAdopted {
        version: args.version.clone(),
        in_force_from: args.from,
        in_force_until: args.until,
        role: args
            .role
            .unwrap_or_else(|| args.pack.as_deref().and_then(Pack::named).map_or(Role::Platform, Pack::role)),
        pack: args.pack.clone(),
        overrides: Value::Object(params).to_string(),
        cedar,
        params: String::new(),
        cedar_version: 0,
        documents: documents(args, now)?,
    };
    Ok(Fact {
        id: FactId { source: "//inforce/policy".to_owned(), id: format!("{}@{}", args.policy, args.version) },
        subject: args.policy.clone(),
        time: now,
        recorded: None,
        body: Body::PolicyAdopted(Box::new(body)),
        content: None,
    })
}

fn documents(args: &Adopt, now: Time) -> Result<Vec<Document>, CliError> {
    for (what, count) in [("--document-url", args.urls.len()), ("--captured-at", args.captured.len())] {
        if count > 0 && count != args.documents.len() {
            return Err(CliError::Usage(format!(
                "{what} is given {count} times for {} documents: expected one for each",
                args.documents.len()
            )));
        }
    }
    args.documents
        .iter()
        .enumerate()
        .map(|(number, path)| {
            let sha256 = Digest(sha2::Sha256::digest(read(path)?).into());
            let title =
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
            let url = args.urls.get(number).cloned().unwrap_or_else(|| format!("file:{title}"));
            Ok(Document { title, url, sha256, captured_at: args.captured.get(number).copied().unwrap_or(now) })
        })
        .collect()
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| CliError::File(path.display().to_string(), error))
}
