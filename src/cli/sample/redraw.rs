//! `inforce sample --redraw`: the sample of a file once more, and everything that the file says held to it.
//!
//! What was checked is said, and what was not: a list of decisions alone cannot show that it is whole.

use super::judged::{Judged, bare, judge};
use super::{Sample, at, erasures, open, others, root};
use crate::bundle::{self, Bundle, Trust};
use crate::checkpoint::{Checkpoint, Note, VerifierKey};
use crate::cli::bundle::read;
use crate::cli::exit::print_line;
use crate::cli::verify_bundle::parse_key;
use crate::cli::within::Within;
use crate::cli::{CliError, Exit};
use crate::codec::EntryHash;
use crate::explain::clean;
use crate::fact::{Digest, Instant, Integrity, Time};
use crate::judge::{self, Ask, Memos};
use crate::ledger::{Ledger, LedgerError};
use crate::merkle::{self, TreeSize};
use crate::query::{About, Chosen, Difference, Population, SampleFile};
use crate::timeline::World;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// So many seqs are named, and the rest counted.
const NAMED: usize = 10;

/// What a redraw came to.
#[derive(Default)]
struct Found {
    /// What is otherwise, and no erasure explains.
    changed: Vec<String>,
    /// What is otherwise since something was erased.
    erased: Vec<String>,
    checked: Vec<String>,
    unchecked: Vec<String>,
}

pub fn redraw(args: &Sample, path: &Path) -> Result<Exit, CliError> {
    let file = SampleFile::parse(&read(path)?).map_err(|error| wrong(path, error))?;
    let found = match &args.population {
        Some(listed) => from_list(args, path, &file, listed)?,
        None => from_ledger(&open(args)?, path, &file, args.memory.part_len())?,
    };
    let Found { changed, erased, checked, unchecked } = &found;
    let mut out = std::io::stdout().lock();
    if args.json {
        let same = changed.is_empty() && erased.is_empty();
        let line = json!({ "same": same, "differences": changed, "erased_since": erased, "checked": checked,
            "not_checked": unchecked });
        print_line(&mut out, line)?;
    } else {
        let (drawn, all) = (file.sample.len(), file.population.decisions);
        let head = match (changed.is_empty(), erased.is_empty(), args.population.is_some()) {
            (false, ..) => "not the same sample: something was changed".to_owned(),
            (true, false, _) => {
                "cannot be shown to be the same sample: what differs was erased since it was drawn".to_owned()
            }
            (true, true, true) => format!("the seed draws these {drawn} of the {all} decisions that are listed"),
            (true, true, false) => format!("the same sample: {drawn} of {all} decisions, none left out, none changed"),
        };
        print_line(&mut out, head)?;
        for (what, lines) in
            [("changed", changed), ("erased since", erased), ("checked", checked), ("not checked", unchecked)]
        {
            lines.iter().try_for_each(|line| print_line(&mut out, format!("  {what}: {}", clean(line))))?;
        }
    }
    Ok(match (changed.is_empty(), erased.is_empty()) {
        (false, _) => Exit::Broken,
        (true, false) => Exit::Unproven,
        (true, true) => Exit::Done,
    })
}

fn wrong(path: &Path, what: String) -> CliError {
    CliError::Failed(format!("`{}`: {what}", path.display()))
}

/// Holds a file to the ledger.
fn from_ledger(ledger: &Ledger, path: &Path, file: &SampleFile, part_len: u64) -> Result<Found, CliError> {
    let recipe = &file.recipe;
    let committed = root(&recipe.root).map_err(|error| wrong(path, format!("root: {error}")))?;
    let within = within(path, file)?;
    let parts = at(ledger, TreeSize(recipe.entries), committed, part_len)?;
    let judged = judge(ledger, &parts, &recipe.by, within)?;
    let mut found = Found::default();
    let mut all = said(file, path)?;
    if recipe.origin != ledger.origin() {
        all.push(Difference::fixed(format!("the origin was `{}`, and is `{}`", recipe.origin, ledger.origin())));
    }
    let key = ledger.verifier_key();
    note(file, Some(&key), &mut all, &mut found)?;
    all.extend(standing(ledger, file)?);
    all.extend(listed(path, file, &judged, &mut found)?);
    all.extend(chosen(file, &judged)?);
    bundles(file, path, Some(&key), &judged.population, &mut all, &mut found)?;
    found.checked.push(format!("root, population and strata, in the ledger over {} entries", recipe.entries));
    drop(judged);
    drop(parts);
    sort_out(ledger, file, all, part_len, &mut found)?;
    Ok(found)
}

/// Draws by `population.tsv` where it lies beside the file, since it tells which decision is otherwise; else by the ledger.
fn listed(path: &Path, file: &SampleFile, judged: &Judged, found: &mut Found) -> Result<Vec<Difference>, CliError> {
    let beside = path.with_file_name("population.tsv");
    let mut all = Vec::new();
    if beside.exists() {
        let listed = Population::parse(&read(&beside)?).map_err(|error| wrong(&beside, error))?;
        let digest = listed.digest().to_string();
        if digest == file.population.sha256 {
            let again = SampleFile::draw(file.recipe.clone(), &listed, bare).map_err(|error| wrong(path, error))?;
            // Its own list is what it was drawn from: no erasure makes a difference between the two.
            let own = file.differences(&again).into_iter().chain(file.misplaced(&listed));
            all.extend(own.map(|each| Difference::fixed(each.what)));
            all.extend(listed.differences(&judged.population));
            found.checked.push("population.tsv, line by line".to_owned());
            return Ok(all);
        }
        let what = format!("population.tsv has the SHA-256 {digest}, expected {}", file.population.sha256);
        all.push(Difference::fixed(what));
    } else {
        found.unchecked.push("population.tsv: not beside the file".to_owned());
    }
    let again = judged.draw(file.recipe.clone()).map_err(|error| wrong(path, error))?;
    all.extend(file.differences(&again));
    all.extend(file.misplaced(&judged.population));
    Ok(all)
}

/// What is said of each decision, but for its stratum.
fn chosen(file: &SampleFile, judged: &Judged) -> Result<Vec<Difference>, CliError> {
    let mut all = Vec::new();
    let said = judged.chosen(&file.sample.iter().map(|each| each.seq).collect())?;
    for (each, now) in file.sample.iter().filter_map(|each| Some((each, said.get(&each.seq)?))) {
        let name = |of: &Chosen| format!("{:?} of {:?}", of.id, of.source);
        // A name is there or gone: no erasure makes another of it.
        let of_name = if now.id.is_none() { About::Decision(each.seq) } else { About::Fixed };
        for (about, what, before, now) in [
            (of_name, "id and source", name(each), name(now)),
            (About::Decision(each.seq), "conformance", each.conformance.clone(), now.conformance.clone()),
        ] {
            if before != now {
                all.push(Difference { about, what: format!("entry {}: {what} was {before}, and is {now}", each.seq) });
            }
        }
    }
    Ok(all)
}

/// What the file says of the ledger as it stood when it was drawn.
fn standing(ledger: &Ledger, file: &SampleFile) -> Result<Option<Difference>, CliError> {
    let (held, told) = (ledger.standing()?.0.0, file.standing);
    if told.entries > held {
        let what = format!("it was drawn from a ledger of {} entries, and there are {held}", told.entries);
        return Ok(Some(Difference::fixed(what)));
    }
    let count = erasures(ledger, file.recipe.entries, told.entries)?.len() as u64;
    let what = || format!("{} erasures since the root when it was drawn: there were {count}", told.erasures);
    Ok((count != told.erasures).then(|| Difference::fixed(what())))
}

/// Tells what was erased since from what was changed.
fn sort_out(
    ledger: &Ledger,
    file: &SampleFile,
    all: Vec<Difference>,
    part_len: u64,
    found: &mut Found,
) -> Result<(), CliError> {
    let (mut since, mut touched) = (Vec::new(), BTreeSet::new());
    if all.iter().any(|each| each.about != About::Fixed) {
        since = erasures(ledger, file.standing.entries, ledger.standing()?.0.0)?;
    }
    if !since.is_empty() {
        let parts = ledger.load_parts(part_len, None)?;
        let of_parts = parts.each(|world, _| Ok::<_, LedgerError>(resting(&world, file)))?;
        touched.extend(of_parts.into_iter().flatten());
    }
    for Difference { about, what } in all {
        let erased = match about {
            About::Decision(seq) => touched.contains(&seq),
            About::Draw => !touched.is_empty(),
            About::Fixed => false,
        };
        if erased { found.erased.push(what) } else { found.changed.push(what) }
    }
    if !found.erased.is_empty() {
        found.erased.insert(
            0,
            format!(
                "entries {} erased something after this was drawn, at {} entries; {} decisions may rest on what is gone",
                named(&since),
                file.standing.entries,
                touched.len()
            ),
        );
    }
    Ok(())
}

/// Decisions of a part that may rest on what is gone.
fn resting(world: &World, file: &SampleFile) -> Vec<u64> {
    let (mut resting, mut memos) = (Vec::new(), Memos::default());
    for decision in world.decisions().filter(|&each| world.node(each).seq < file.recipe.entries) {
        let node = world.node(decision);
        // Of an account that was erased nobody can say any more whom it was linked to: it may have been any that has links.
        let is_linked = || world.account(node.account).events().iter().any(|event| event.what.is_link());
        let mut is_erased = || judge::judge(world, decision, &mut Ask::Memo(&mut memos)).integrity == Integrity::Erased;
        if is_linked() || is_erased() {
            resting.push(node.seq);
        }
    }
    resting
}

fn named(seqs: &[u64]) -> String {
    let shown = seqs.iter().take(NAMED).map(u64::to_string).collect::<Vec<_>>().join(", ");
    if seqs.len() > NAMED { format!("{shown} and {} more", seqs.len() - NAMED) } else { shown }
}

/// Holds a file to a list of decisions, and to the ledger's key if it was given.
fn from_list(args: &Sample, path: &Path, file: &SampleFile, listed: &Path) -> Result<Found, CliError> {
    let key = args.key.as_deref().map(parse_key).transpose()?;
    let mut found = Found::default();
    let mut all = said(file, path)?;
    let population = Population::parse(&read(listed)?).map_err(|error| wrong(listed, error))?;
    let again = SampleFile::draw(file.recipe.clone(), &population, bare).map_err(|error| wrong(path, error))?;
    all.extend(file.differences(&again));
    all.extend(file.misplaced(&population));
    if let Some(last) = population.members().last().filter(|last| last.seq >= file.recipe.entries) {
        let what = format!("entry {} is listed, and the root is over {} entries", last.seq, file.recipe.entries);
        all.push(Difference::fixed(what));
    }
    found.checked.push("digest, draw and bounds, by the list".to_owned());
    note(file, key.as_ref(), &mut all, &mut found)?;
    bundles(file, path, key.as_ref(), &population, &mut all, &mut found)?;
    found.unchecked.push("that the list has every decision, and no other: that takes the ledger".to_owned());
    let since =
        if file.recipe.since.is_some() || file.recipe.until.is_some() { ", and times of the window" } else { "" };
    found.unchecked.push(format!("strata of the listed decisions{since}, as recorded"));
    found.unchecked.push("leaves of those without a bundle that was checked, under the root".to_owned());
    found.changed = all.into_iter().map(|each| each.what).collect();
    Ok(found)
}

fn within(path: &Path, file: &SampleFile) -> Result<Within, CliError> {
    let time = |text: &Option<String>| -> Result<Option<Instant>, CliError> {
        let read = |text: &String| Time::parse(text).map_err(|error| wrong(path, error.to_string()));
        Ok(text.as_ref().map(read).transpose()?.map(|time| time.at))
    };
    Ok(Within { since: time(&file.recipe.since)?, until: time(&file.recipe.until)? })
}

/// What a file says that must hold whatever was recorded.
fn said(file: &SampleFile, path: &Path) -> Result<Vec<Difference>, CliError> {
    let mut all = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            all.push(Difference::fixed(what));
        }
    };
    let recipe = &file.recipe;
    let spelt = |at: Option<Instant>| at.map(|at| Time::utc(at).to_string());
    let Within { since, until } = within(path, file)?;
    expect([spelt(since), spelt(until)] == [recipe.since.clone(), recipe.until.clone()], "times are not spelt in UTC");
    expect(file.standing.entries >= recipe.entries, "it was drawn from fewer entries than the root is over");
    expect(file.committed == file.checkpoint.is_some(), "`committed` is not what the checkpoint says");
    let any = file.sample.iter().any(|each| each.bundle.is_some());
    for each in &file.sample {
        let (name, bundled) = (format!("bundle-{}.json", each.seq), each.bundle.is_some());
        let named = each.bundle.as_ref().is_none_or(|bundle| *bundle == name);
        expect(named, &format!("entry {}: its bundle is `{:?}`, expected `{name}`", each.seq, each.bundle));
        let reasoned = each.why.is_some() != bundled || !any && !bundled;
        expect(reasoned, &format!("entry {}: expected a bundle, or why there is none", each.seq));
    }
    Ok(all)
}

/// The checkpoint in the file.
fn note(
    file: &SampleFile,
    key: Option<&VerifierKey>,
    all: &mut Vec<Difference>,
    found: &mut Found,
) -> Result<(), CliError> {
    let Some(text) = &file.checkpoint else {
        if !file.cosigned.is_empty() {
            all.push(Difference::fixed("`cosigned` names somebody, and there is no checkpoint"));
        }
        found.unchecked.push("who committed to the root: the file has no checkpoint over it".to_owned());
        return Ok(());
    };
    let opened = match key {
        Some(key) => Checkpoint::open(text, key),
        None => Note::parse(text).and_then(|note| Checkpoint::unverified(&note)),
    };
    let recipe = &file.recipe;
    match opened {
        Err(error) => all.push(Difference::fixed(format!("the checkpoint: {error}"))),
        Ok(head) => {
            let told = (recipe.origin.as_str(), recipe.entries, recipe.root.as_str());
            if (head.origin.as_str(), head.size.0, head.root.to_string().as_str()) != told {
                all.push(Difference::fixed(format!(
                    "the checkpoint is of `{}` over {} entries, root {}: expected what the recipe says",
                    head.origin, head.size.0, head.root
                )));
            }
            if others(text, &head.origin)? != file.cosigned {
                all.push(Difference::fixed("`cosigned` is not whom the checkpoint has lines of"));
            }
            match key {
                Some(key) => found.checked.push(format!("the ledger's signature over the root, by {}", key.name)),
                None => found.unchecked.push("the signature of the checkpoint: `--key` takes the ledger's".to_owned()),
            }
            if !file.cosigned.is_empty() {
                found.unchecked.push(format!("signature lines of {}", file.cosigned.join(", ")));
            }
        }
    }
    Ok(())
}

/// Bundles that lie beside the file, each held to what the file says of its decision.
fn bundles(
    file: &SampleFile,
    path: &Path,
    key: Option<&VerifierKey>,
    population: &Population,
    all: &mut Vec<Difference>,
    found: &mut Found,
) -> Result<(), CliError> {
    let (mut there, mut away) = (0, 0);
    for each in file.sample.iter().filter(|each| each.bundle.is_some()) {
        let name = format!("bundle-{}.json", each.seq);
        let held = path.with_file_name(&name);
        let (Some(key), true) = (key, held.exists()) else {
            away += 1;
            continue;
        };
        there += 1;
        if let Err(what) = check_bundle(&read(&held)?, file, each, key, population) {
            all.push(Difference::fixed(format!("{name}: {what}")));
        }
    }
    if there > 0 {
        found.checked.push(format!("{there} bundles, each in full and against its decision here"));
    }
    if away > 0 {
        let why = if key.is_some() { "not beside the file" } else { "`--key` takes the ledger's key" };
        found.unchecked.push(format!("{away} bundles: {why}"));
    }
    Ok(())
}

fn check_bundle(
    text: &str,
    file: &SampleFile,
    each: &Chosen,
    key: &VerifierKey,
    population: &Population,
) -> Result<(), String> {
    let bundle = Bundle::parse(text)?;
    if bundle.decision.seq != each.seq {
        return Err(format!("it is of entry {}, expected entry {}", bundle.decision.seq, each.seq));
    }
    if Some(&bundle.checkpoint) != file.checkpoint.as_ref() {
        return Err("it is proved against another checkpoint than the sample's".to_owned());
    }
    let trust = Trust { key, witnesses: &[], checkpoint: None };
    let checked = bundle::check(&bundle, &trust, &mut Vec::new()).map_err(|failure| failure.to_string())?;
    let leaf = Digest(merkle::leaf(&EntryHash(bundle.decision.hash.0)).0);
    if population.member(each.seq).is_none_or(|member| member.leaf != leaf) {
        return Err("its decision is not the one that the population has".to_owned());
    }
    let (shown, told) = (checked.conformance.name(), &each.conformance);
    if shown != told { Err(format!("it shows {shown}, and the sample says {told}")) } else { Ok(()) }
}
