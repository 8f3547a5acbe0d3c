//! Kills a process that writes a ledger, by SIGKILL, at random moments, and checks each time that what was acknowledged
//! is there; then goes on with the same ledger.
//!
//! ```text
//! inforce-crash --rounds 200 --seed 1 [--dir FOLDER]      one JSON object on stdout, progress on stderr
//! ```
//!
//! A run is not repeated bit by bit by its seed: where a kill strikes is up to the machine. What is handed in, and how
//! long each round lasts, is. `check.rs` says what must hold. Power loss is not shown here, since what was written
//! stays in the system's memory: the simulated disk is for that.

mod check;
mod facts;
mod writer;

use check::Check;
use facts::mix;
use inforce::ledger::Ledger;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use writer::Job;

struct Arguments {
    rounds: u64,
    seed: u64,
    dir: Option<PathBuf>,
    /// Set in the process that is to be killed.
    round: Option<u64>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { rounds: 200, seed: 1, dir: None, round: None };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().ok_or(format!("{name}: expected a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} `{value}`: expected a number"));
        match name.as_str() {
            "--rounds" => arguments.rounds = number()?,
            "--seed" => arguments.seed = number()?,
            "--dir" => arguments.dir = Some(value.into()),
            "--write-round" => arguments.round = Some(number()?),
            _ => return Err(format!("`{name}`: expected --rounds, --seed or --dir")),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let done = match (arguments.round, &arguments.dir) {
        (Some(round), Some(dir)) => {
            let (ledger, receipts) = (dir.join("ledger"), dir.join("receipts"));
            writer::run(&Job { ledger, receipts, seed: arguments.seed, round })
        }
        _ => rounds(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of this run: kept where it was named, or where something was lost.
fn rounds(arguments: &Arguments) -> Result<(), String> {
    let scratch = match &arguments.dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|error| error.to_string())?),
    };
    let dir = arguments.dir.clone().unwrap_or_else(|| scratch.as_ref().expect("made above").path().to_owned());
    let receipts = dir.join("receipts");
    std::fs::create_dir_all(&receipts).map_err(|error| error.to_string())?;
    let ledger = Ledger::create(&dir.join("ledger"), Some("inforce/crash")).map_err(|error| error.to_string())?;
    ledger.append(vec![facts::policy()]).map_err(|error| error.to_string())?;
    ledger.close().map_err(|error| error.to_string())?;
    let mut killer = Killer {
        check: Check::new(&dir.join("ledger"), &receipts, arguments.seed)?,
        dir,
        seed: arguments.seed,
        opening: Duration::from_millis(20),
        killed_at: BTreeMap::new(),
    };
    for round in 0..arguments.rounds {
        if let Err(error) = killer.round(round) {
            let kept = scratch.map_or(killer.dir, tempfile::TempDir::keep);
            return Err(format!("seed {}, round {round}: {error}\nkept in {}", arguments.seed, kept.display()));
        }
        eprint!("\rround {}: {} acknowledged, none lost", round + 1, killer.check.acknowledged());
    }
    eprintln!();
    let check = &killer.check;
    println!(
        "{}",
        serde_json::json!({
            "rounds": arguments.rounds, "seed": arguments.seed, "acknowledged": check.acknowledged(),
            "kept": check.acknowledged(), "lost": 0, "recorded_without_receipt": check.unpromised,
            "erasures": check.erasures, "decisions_judged": check.decisions, "segments": check.segments()?, "segments_cut_short": check.tails,
            "killed_while": killer.killed_at,
        })
    );
    Ok(())
}

struct Killer {
    dir: PathBuf,
    seed: u64,
    check: Check,
    /// How long the last writer took to open.
    opening: Duration,
    /// What was going on at the kills.
    killed_at: BTreeMap<String, u64>,
}

impl Killer {
    fn round(&mut self, round: u64) -> Result<(), String> {
        let chance = mix(&[self.seed, round, 7]);
        if chance.is_multiple_of(5) {
            self.cut_segment_short(chance)?;
        }
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["--write-round", &round.to_string(), "--seed", &self.seed.to_string(), "--dir"])
            .arg(&self.dir)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the writer does not start: {error}"))?;
        let told = listen(&mut child);
        let going_on = self.kill(&mut child, &told, chance);
        let status = child.wait().map_err(|error| error.to_string())?;
        if status.code().is_some() {
            return Err(format!("the writer ended by itself, {status}"));
        }
        for word in going_on? {
            *self.killed_at.entry(word).or_default() += 1;
        }
        self.check.take_receipts(round)?;
        self.look_before_recovery(chance)?;
        // Recovery is opening; then everything is looked at, and the next round goes on from there.
        let ledger = writer::open(&self.dir.join("ledger"))?;
        if chance.is_multiple_of(2) {
            ledger.close().map_err(|error| error.to_string())?;
        } else {
            drop(ledger);
        }
        self.check.run()
    }

    /// Every fourth writer dies while it opens, the rest some time after; returns what was begun and not done.
    fn kill(&mut self, child: &mut Child, told: &Receiver<String>, chance: u64) -> Result<Vec<String>, String> {
        let (start, mut words) = (Instant::now(), Vec::new());
        let within = |most: Duration| most.mul_f64((mix(&[chance, 3]) % 1000) as f64 / 1000.0);
        let mut deadline = start + if chance % 4 == 1 { within(self.opening) } else { Duration::from_secs(50) };
        let mut opened = false;
        loop {
            match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(word) => {
                    if word == "-open" && !opened {
                        opened = true;
                        self.opening = start.elapsed();
                        if chance % 4 != 1 {
                            deadline = Instant::now() + within(Duration::from_millis(400));
                        }
                    }
                    words.push(word);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        child.kill().map_err(|error| format!("the kill: {error}"))?;
        words.extend(told.iter());
        let mut going_on: Vec<String> = Vec::new();
        for word in &words {
            match word.split_at(1) {
                ("+", what) => going_on.push(what.to_owned()),
                (_, what) => {
                    let place = going_on.iter().position(|other| other == what);
                    going_on.remove(place.ok_or(format!("`{word}` ended before it began"))?);
                }
            }
        }
        going_on.dedup();
        if going_on.is_empty() {
            going_on.push(if words.is_empty() { "start" } else { "appending" }.to_owned());
        }
        Ok(going_on)
    }

    /// A reader that comes before the recovery neither fails nor sees anything wrong, but for an erasure that was
    /// recorded and is not carried out yet.
    fn look_before_recovery(&self, chance: u64) -> Result<(), String> {
        if !chance.is_multiple_of(3) {
            return Ok(());
        }
        let ledger = Ledger::open_read_only(&self.dir.join("ledger")).map_err(|error| error.to_string())?;
        let problems = ledger.verify().map_err(|error| error.to_string())?.problems;
        match problems.iter().find(|problem| !problem.what.contains("the keys are still there")) {
            Some(problem) => Err(format!("before recovery: entry {}: {}", problem.seq, problem.what)),
            None => Ok(()),
        }
    }

    /// Leaves what a kill in the making of a segment leaves: the next one, with none or part of its header.
    fn cut_segment_short(&mut self, chance: u64) -> Result<(), String> {
        let journal = self.dir.join("ledger/journal");
        let next = (0..).map(|number| journal.join(format!("{number:08}.seg"))).find(|path| !path.exists());
        let torn = &b"inforce-jrnl\x01\x00\x00\x00"[..(chance % 17) as usize];
        self.check.tails += 1;
        write(&next.expect("some number is free"), torn)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("`{}`: {error}", path.display()))
}

/// What the child tells, as it comes.
fn listen(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let out = child.stdout.take().expect("piped above");
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
