//! Writes a population of facts in wire format to stdout, and the truth about it to stderr.
//!
//! ```text
//! inforce-population --decisions 250000 --accounts 100000 --seed 1 --breaches 5 > population.jsonl 2> truth.json
//! ```
//!
//! Four facts a decision: an interaction, its label, a signal, the decision; before them the policy and a notice for
//! each account. A share of the decisions, in percent, breaks one rule each, every rule in turn; the truth counts them.
//! The same arguments give the same bytes. It knows nothing of the program that reads it.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

/// SplitMix64: small, seedable, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// What is wrong with a decision, and the rule that must fire.
const BREACHES: &[(&str, &str)] = &[
    ("sensitive-topic", "deny"),
    ("excluded-region", "deny"),
    ("pre-effective-interaction", "deny"),
    ("not-own-interaction", "deny"),
    ("microphone", "deny"),
    ("human-message", "deny"),
    ("unlabelled", "indeterminate"),
    ("unknown-region", "indeterminate"),
    ("business-agent", "indeterminate"),
];

const TOPICS: &[&str] =
    &["hiking", "cooking", "cars", "travel", "games", "fashion", "gardening", "pets", "music", "film"];
const REGIONS: &[&str] = &["US", "BR", "IN", "MX", "CA", "AU", "JP", "ID", "NG", "ZA"];
const DIGEST: &str = "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1";

struct Arguments {
    decisions: u64,
    accounts: u64,
    seed: u64,
    breaches: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { decisions: 10_000, accounts: 4_000, seed: 1, breaches: 5 };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().and_then(|value| value.parse().ok()).ok_or(format!("{name}: expected a number"))?;
        match name.as_str() {
            "--decisions" => arguments.decisions = value,
            "--accounts" => arguments.accounts = std::cmp::max(value, 2),
            "--seed" => arguments.seed = value,
            "--breaches" => arguments.breaches = std::cmp::min(value, 100),
            _ => return Err(format!("{name}: expected --decisions, --accounts, --seed or --breaches")),
        }
    }
    Ok(arguments)
}

fn main() -> std::process::ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return std::process::ExitCode::from(2);
        }
    };
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    match write(&arguments, &mut out).and_then(|truth| out.flush().map(|()| truth)) {
        Ok(truth) => {
            eprintln!("{truth}");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn write(arguments: &Arguments, out: &mut impl Write) -> std::io::Result<String> {
    let mut random = Random(arguments.seed);
    writeln!(
        out,
        r#"{{"specversion":"1.0","id":"meta-ai-personalization@1","source":"//policy","type":"inforce.policy.adopted","subject":"meta-ai-personalization","time":"2025-10-01T09:00:00Z","data":{{"version":"1","in_force_from":"2025-12-16T00:00:00Z","pack":"meta-ai-personalization","params":{{}}}}}}"#
    )?;
    for account in 0..arguments.accounts {
        writeln!(
            out,
            r#"{{"specversion":"1.0","id":"n{account}","source":"//notices","type":"inforce.notice.recorded","subject":"facebook/u{account}","time":"2025-10-09T10:00:00Z","data":{{"policy":"meta-ai-personalization","channel":"in_product","status":"delivered"}}}}"#
        )?;
    }
    let mut truth: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut deny, mut indeterminate) = (0, 0);
    for number in 0..arguments.decisions {
        let wrong =
            (random.below(100) < arguments.breaches).then(|| BREACHES[(number % BREACHES.len() as u64) as usize]);
        if let Some((rule, outcome)) = wrong {
            *truth.entry(rule).or_default() += 1;
            if outcome == "deny" { deny += 1 } else { indeterminate += 1 }
        }
        one(number, wrong.map_or("", |(rule, _)| rule), arguments, &mut random, out)?;
    }
    let rules: Vec<String> = truth.iter().map(|(rule, count)| format!("{rule:?}:{count}")).collect();
    let facts = 1 + arguments.accounts + 4 * arguments.decisions;
    let conforming = arguments.decisions - deny - indeterminate;
    Ok(format!(
        r#"{{"facts":{facts},"decisions":{},"conforming":{conforming},"breach":{deny},"unproven":{indeterminate},"rules":{{{}}}}}"#,
        arguments.decisions,
        rules.join(",")
    ))
}

/// The four facts of one decision.
fn one(
    number: u64,
    wrong: &str,
    arguments: &Arguments,
    random: &mut Random,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let account = random.below(arguments.accounts);
    let chatter = if wrong == "not-own-interaction" { (account + 1) % arguments.accounts } else { account };
    let topic = TOPICS[random.below(TOPICS.len() as u64) as usize];
    let region = REGIONS[random.below(REGIONS.len() as u64) as usize];
    let chat_region = match wrong {
        "excluded-region" => r#","region":"DE""#.to_owned(),
        "unknown-region" => String::new(),
        _ => format!(r#","region":"{region}""#),
    };
    let agent = match wrong {
        "human-message" => "human",
        "business-agent" => "business",
        _ => "assistant",
    };
    let (modality, microphone) = match wrong {
        "microphone" => ("voice", r#","microphone":{"permission":false,"feature_active":true,"indicator":true}"#),
        _ if random.below(4) == 0 => {
            ("voice", r#","microphone":{"permission":true,"feature_active":true,"indicator":true}"#)
        }
        _ => ("text", ""),
    };
    // Three months from December 18, a decision every few seconds; a chat two days before use began where that is wrong.
    let minute = number * 129_600 / arguments.decisions;
    let chat = if wrong == "pre-effective-interaction" { "2025-12-14T09:00:00Z".to_owned() } else { time(minute) };
    writeln!(
        out,
        r#"{{"specversion":"1.0","id":"i{number}","source":"//chat","type":"inforce.interaction.recorded","subject":"facebook/u{chatter}","time":"{chat}","data":{{"agent":"{agent}","conversation":"c{number}","turn":0,"modality":"{modality}"{chat_region}{microphone}}}}}"#
    )?;
    let sensitive = if wrong == "sensitive-topic" { r#""health""# } else { "" };
    let target = if wrong == "unlabelled" { "nothing" } else { "i" };
    writeln!(
        out,
        r#"{{"specversion":"1.0","id":"l{number}","source":"//labels","type":"inforce.interaction.labelled","subject":"facebook/u{chatter}","time":"{}","data":{{"target":{{"source":"//chat","id":"{target}{number}"}},"sensitive":[{sensitive}],"topics":["{topic}"],"labeller":{{"name":"c","version":"1","digest":"{DIGEST}"}}}}}}"#,
        time(minute + 1)
    )?;
    writeln!(
        out,
        r#"{{"specversion":"1.0","id":"s{number}","source":"//signals","type":"inforce.signal.derived","subject":"facebook/u{account}","time":"{}","data":{{"topic":"{topic}","sources":[{{"source":"//chat","id":"i{number}"}}],"deriver":{{"name":"m","version":"1","digest":"{DIGEST}"}}}}}}"#,
        time(minute + 5)
    )?;
    writeln!(
        out,
        r#"{{"specversion":"1.0","id":"d{number}","source":"//ads","type":"inforce.decision.made","subject":"facebook/u{account}","time":"{}","data":{{"purpose":"ads","item":{{"kind":"ad","advertiser":"a{}.example","topics":["{topic}"]}},"region":"{region}","signals":[{{"source":"//signals","id":"s{number}"}}],"outcome":"served"}}}}"#,
        time(minute + 60),
        random.below(1000)
    )
}

/// Minutes after 2025-12-18T00:00:00Z.
fn time(minutes: u64) -> String {
    let days = minutes / 1440;
    let (month, day) = match days {
        0..14 => ("2025-12", days + 18),
        14..45 => ("2026-01", days - 13),
        45..73 => ("2026-02", days - 44),
        _ => ("2026-03", days - 72),
    };
    format!("{month}-{day:02}T{:02}:{:02}:00Z", minutes / 60 % 24, minutes % 60)
}
