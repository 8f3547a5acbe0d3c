//! A damaged ledger into a new one that verifies, and a report on what became of every entry.
//!
//! The damaged one is only read. What it signed is never signed again with other entries: unless the entries that are there
//! without a gap hold everything that was signed, the new ledger has a name of its own. `docs/decisions.md` says what a
//! stranger can conclude from either.

use super::read::seq_of;
use super::rechain::Rechaining;
use super::survey::{Fate, Survey};
use super::witnessed::WITNESSED;
use super::{Config, Ledger, LedgerError, Options, Paths, manifest, tree};
use crate::codec::EntryHash;
use crate::disk::{Disk, RealDisk};
use crate::journal::{self, Journal, Location, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::{Frontier, NodeHash};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was salvaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The new ledger's name.
    pub origin: String,
    /// True if it is the old one's: everything that was signed is in it.
    pub same_origin: bool,
    /// Its entries: as many as there were.
    pub entries: u64,
    /// How many have the hash that they had.
    pub kept: u64,
    /// How many were chained anew behind something lost.
    pub rerecorded: u64,
    /// How many were lost.
    pub lost: u64,
    /// The root over them.
    pub root: NodeHash,
    /// Where it says what became of each entry.
    pub report: PathBuf,
}

/// Salvages the ledger in `dir` into `new`, which must not exist or be empty. `published` is a checkpoint that others hold, or
/// a folder with one; `origin` is the name of the new ledger where it needs one of its own.
pub fn salvage(
    dir: &Path,
    new: &Path,
    published: Option<&Path>,
    origin: Option<&str>,
) -> Result<Salvaged, LedgerError> {
    let (paths, config) = (Paths(dir), Config::read(&RealDisk, dir)?);
    if RealDisk.is_locked(&paths.lock()) {
        return Err(LedgerError::Locked(dir.to_owned()));
    }
    super::check_apart(dir, new)?;
    if new.read_dir().is_ok_and(|mut files| files.next().is_some()) {
        return Err(LedgerError::NotEmpty(new.to_owned()));
    }
    let keyring = Keyring::open(&RealDisk, &paths.keyring(), false)?;
    config.check_key(&keyring, dir)?;
    if Ledger::open_read_only(dir)?.verify().is_ok_and(|report| report.problems.is_empty()) {
        let what = "everything verifies; `inforce backup` copies a whole ledger";
        return Err(LedgerError::NothingToSalvage(what.to_owned()));
    }
    let published = published.map(|path| {
        let path = if path.is_dir() { path.join("checkpoint") } else { path.to_owned() };
        tree::read_checkpoint(&RealDisk, &path, &config).map(|published| published.head())
    });
    let survey = Survey::of(dir, &config, &keyring, published.transpose()?)?;
    let same_origin = survey.holds_signed && origin.is_none();
    let name = origin.map_or_else(|| format!("{}/salvaged", config.origin), str::to_owned);
    let config = if same_origin { config } else { Config::new(Some(&name), keyring.signing_key().verifying_key()) };
    let written = write(dir, new, &survey).and_then(|hashes| {
        settle(dir, new, &config, same_origin)?;
        Ok(hashes)
    });
    let hashes = written.inspect_err(|_| {
        // No keys stay behind in a folder that is no ledger.
        let _ = std::fs::remove_file(Paths(new).keyring());
    })?;
    finish(dir, new, config, survey, same_origin, &hashes)
}

/// Writes journal and keyring; returns the hashes.
fn write(dir: &Path, new: &Path, survey: &Survey) -> Result<Vec<EntryHash>, LedgerError> {
    let (old, paths) = (Paths(dir), Paths(new));
    RealDisk.create_private_dir(new).map_err(|error| LedgerError::Io(new.to_owned(), error))?;
    let mut keys = std::fs::read(old.keyring()).map_err(|error| LedgerError::Io(old.keyring(), error))?;
    let written = manifest::write_file(new, "keyring", &keys);
    zeroize::Zeroize::zeroize(&mut keys);
    written?;
    let keyring = Keyring::open(&RealDisk, &paths.keyring(), true)?;
    Journal::create(&RealDisk, &paths.journal())?;
    let start = journal::scan::<LedgerError>(&RealDisk, &paths.journal(), None, |_, _| Ok(()))?;
    let journal = Journal::open(Arc::new(RealDisk), &paths.journal(), &start, None, journal::SEGMENT_LEN)?;
    let mut rechaining = Rechaining::new(survey, journal, keyring)?;
    journal::each_intact(&RealDisk, &old.journal(), seq_of, |raw, _| rechaining.take(raw))?;
    Ok(rechaining.finish()?.0)
}

/// Makes it a ledger, finishes it by the everyday code, and checks it.
fn settle(dir: &Path, new: &Path, config: &Config, same_origin: bool) -> Result<(), LedgerError> {
    let paths = Paths(new);
    if same_origin {
        for name in ["checkpoint", WITNESSED] {
            let note = std::fs::read(dir.join(name));
            note.map_or(Ok(()), |note| manifest::write_file(new, name, &note))?;
        }
    } else {
        let keyring = Keyring::open(&RealDisk, &paths.keyring(), false)?;
        let (path, key) = (paths.checkpoint(), keyring.signing_key());
        tree::write_checkpoint(&RealDisk, &path, config, &Frontier::default(), key)?;
    }
    config.write(&RealDisk, &paths.config())?;
    let checked = Ledger::open_with(new, &Options::default()).and_then(|ledger| {
        let report = ledger.verify()?;
        match report.problems.into_iter().next() {
            Some(problem) => Err(LedgerError::NotSalvaged(problem.seq, problem.what)),
            None => ledger.close(),
        }
    });
    if checked.is_err() {
        // Without it the folder is no ledger.
        let _ = std::fs::remove_file(paths.config());
    }
    checked
}

fn finish(
    dir: &Path,
    new: &Path,
    config: Config,
    survey: Survey,
    same_origin: bool,
    hashes: &[EntryHash],
) -> Result<Salvaged, LedgerError> {
    let report = Ledger::open_read_only(new)?.verify()?;
    let old = Config::read(&RealDisk, dir)?;
    let note = std::fs::read_to_string(Paths(dir).checkpoint()).ok();
    let (entries, [kept, rerecorded, lost]) = entries(&survey, hashes);
    let object = json!({
        "old": { "origin": old.origin, "public_key": old.public_key.to_string(), "checkpoint": note,
                 "proved_by_signature": survey.proved },
        "new": { "origin": config.origin, "public_key": config.public_key.to_string(), "entries": report.size.0,
                 "root": report.root.to_string() },
        "same_origin": same_origin,
        "intact_prefix": survey.prefix,
        "counts": { "kept": kept, "re_recorded": rerecorded, "lost": lost },
        "entries": entries,
    });
    let text = serde_json::to_string_pretty(&object).expect("plain values");
    manifest::write_file(new, "salvage.json", text.as_bytes())?;
    Ok(Salvaged {
        origin: config.origin,
        same_origin,
        entries: report.size.0,
        kept,
        rerecorded,
        lost,
        root: report.root,
        report: new.join("salvage.json"),
    })
}

/// What became of every old seq: runs of kept ones in one, every other by itself. And how many there are of each.
fn entries(survey: &Survey, hashes: &[EntryHash]) -> (Vec<Value>, [u64; 3]) {
    let (mut list, mut counts, mut run) = (Vec::new(), [0; 3], None);
    let end_run = |list: &mut Vec<Value>, run: &mut Option<u64>, seq: u64| {
        let Some(from) = run.take() else { return };
        list.push(json!({ "fate": "kept", "from": from, "to": seq - 1 }));
    };
    for (fate, (seq, hash)) in survey.fates.iter().zip((0..).zip(hashes)) {
        if *fate == Fate::Intact(*hash) {
            counts[0] += 1;
            run.get_or_insert(seq);
            continue;
        }
        end_run(&mut list, &mut run, seq);
        if let Fate::Intact(old) = fate {
            counts[1] += 1;
            list.push(json!({
                "fate": "re_recorded", "seq": seq, "as": seq, "old_hash": old.to_string(), "hash": hash.to_string(),
                "proved": seq < survey.proved,
            }));
        } else {
            counts[2] += 1;
            list.push(lost(survey, seq));
        }
    }
    end_run(&mut list, &mut run, hashes.len() as u64);
    (list, counts)
}

fn lost(survey: &Survey, seq: u64) -> Value {
    let (place, what) = survey.why(seq);
    let mut object = json!({ "fate": "lost", "seq": seq, "marked_as": seq, "what": what });
    if let Some(Location { segment: SegmentId(number), offset }) = place {
        object["file"] = format!("journal/{number:08}.seg").into();
        object["offset"] = offset.into();
    }
    if survey.erasures.contains_key(&seq) {
        object["stands_for"] = "the erasure of everything of a stream whose keys are gone".into();
    }
    object
}
