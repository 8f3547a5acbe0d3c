//! Writes a population of facts in wire format to stdout, and the truth about it to stderr.
//!
//! ```text
//! inforce-population --decisions 250000 --accounts 100000 --seed 1 --breaches 5 > population.jsonl 2> truth.json
//! inforce-population --breach sensitive-topic=2 --breach late-fact=0.5 --truth truth.jsonl > population.jsonl
//! ```

use inforce_population::{Breach, MILLION, MOST_AN_ACCOUNT, Population};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

const FLAGS: &str =
    "--decisions N, --accounts N, --seed N, --breaches PERCENT, --breach RULE=PERCENT, --overlays or --truth FILE";

struct Arguments {
    population: Population,
    truth: Option<String>,
}

fn arguments() -> Result<Arguments, String> {
    let (mut decisions, mut accounts, mut seed, mut percent) = (10_000, 4_000, 1, None);
    let (mut own, mut overlays, mut truth) = (Vec::new(), false, None);
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        if name == "--overlays" {
            overlays = true;
            continue;
        }
        let value = words.next().ok_or(format!("`{name}`: expected {FLAGS}"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} `{value}`: expected a number"));
        match name.as_str() {
            "--decisions" => decisions = number()?,
            "--accounts" => accounts = number()?,
            "--seed" => seed = number()?,
            "--breaches" => percent = Some(share(&value)?),
            "--breach" => own.push(breach(&value)?),
            "--truth" => truth = Some(value),
            _ => return Err(format!("`{name}`: expected {FLAGS}")),
        }
    }
    let spread = percent.unwrap_or(if own.is_empty() { 5.0 } else { 0.0 });
    let mut population = Population::new(decisions, accounts, seed, spread, overlays);
    population.breaches.retain(|(breach, _)| own.iter().all(|(other, _)| other != breach));
    population.breaches.extend(own);
    check(&population)?;
    Ok(Arguments { population, truth })
}

fn check(population: &Population) -> Result<(), String> {
    if population.decisions > population.accounts * MOST_AN_ACCOUNT {
        return Err(format!("--decisions: expected at most {MOST_AN_ACCOUNT} for each account"));
    }
    if population.breaches.iter().map(|(_, share)| u64::from(*share)).sum::<u64>() > u64::from(MILLION) {
        return Err("--breach: expected at most 100 percent in all".to_owned());
    }
    match population.breaches.iter().find(|(breach, _)| breach.is_overlay() && !population.overlays) {
        Some((breach, _)) => Err(format!("--breach `{}`: a rule of an overlay, expected --overlays", breach.name())),
        None => Ok(()),
    }
}

fn share(value: &str) -> Result<f64, String> {
    let percent = value.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| format!("`{value}`: expected a percentage"))
}

fn breach(value: &str) -> Result<(Breach, u32), String> {
    let names = || Breach::all().map(Breach::name).collect::<Vec<_>>().join(", ");
    let (name, percent) = value.split_once('=').ok_or_else(|| format!("--breach `{value}`: expected RULE=PERCENT"))?;
    let breach = Breach::parse(name).ok_or_else(|| format!("--breach `{name}`: expected one of {}", names()))?;
    Ok((breach, (share(percent)? * f64::from(MILLION) / 100.0).round() as u32))
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(truth) => {
            eprintln!("{truth}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> std::io::Result<String> {
    let out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let mut truth = arguments.truth.as_ref().map(File::create).transpose()?.map(BufWriter::new);
    let truth = truth.as_mut().map(|file| file as &mut dyn Write);
    Ok(arguments.population.write(out, truth)?.to_json())
}
