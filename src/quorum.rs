//! Whose cosignatures are enough: the trust policy of C2SP (tlog-policy): logs, witnesses, groups, one quorum.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! The file is octets: names are compared as such, and only tab, newline and what is printable may occur. Names exist
//! inside a policy only. Absent: time. A cosignature counts however old it is.

use crate::checkpoint::{Checkpoint, Cosigned, KeyType, Note, NoteError, VerifierKey};
use std::collections::BTreeMap;

/// A log or a witness: its key, and where it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its public key.
    pub key: VerifierKey,
    /// Its URL, if the policy names one.
    pub url: Option<String>,
}

/// A trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    rule: Rule,
}

/// Who must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// One witness, by its place.
    Witness(usize),
    /// At least so many of these.
    AtLeast(usize, Vec<Rule>),
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PolicyError {
    /// Which line, from 1; the last one for what is missing.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl Quorum {
    /// At least `least` of `witnesses`, for `log`.
    pub fn of(log: VerifierKey, witnesses: Vec<Party>, least: usize) -> Quorum {
        let rule = Rule::AtLeast(least, (0..witnesses.len()).map(Rule::Witness).collect());
        Quorum { logs: vec![Party { key: log, url: None }], witnesses, rule }
    }

    /// Parses a policy.
    pub fn parse(text: &[u8]) -> Result<Quorum, PolicyError> {
        let mut parsing = Parsing::default();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            parsing.line = number + 1;
            parsing.take(line).map_err(|what| PolicyError { line: number + 1, what })?;
        }
        let Parsing { line, logs, witnesses, quorum, .. } = parsing;
        let missing = || PolicyError { line, what: "expected a line `quorum <name>`".to_owned() };
        Ok(Quorum { logs, witnesses, rule: quorum.ok_or_else(missing)? })
    }

    /// The logs that are accepted; none if that is known from elsewhere.
    pub fn logs(&self) -> &[Party] {
        &self.logs
    }

    /// The same for one log only.
    pub fn for_log(self, log: VerifierKey) -> Quorum {
        Quorum { logs: vec![Party { key: log, url: None }], ..self }
    }

    /// The witnesses, whether or not the quorum rests on them.
    pub fn witnesses(&self) -> &[Party] {
        &self.witnesses
    }

    /// Opens a checkpoint that one of the logs signed, of its own origin, and verifies every known cosignature on it.
    pub fn open(&self, note: &str) -> Result<Cosigned, NoteError> {
        let parsed = Note::parse(note)?;
        let origin = Checkpoint::unverified(&parsed)?.origin;
        let keys: Vec<VerifierKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let mut refused = NoteError::NoSignature(origin.clone());
        for log in self.logs.iter().filter(|log| log.key.name == origin) {
            match Cosigned::open(note, &log.key, &keys) {
                Err(error @ NoteError::NoSignature(_)) => refused = error,
                opened => return opened,
            }
        }
        Err(refused)
    }

    /// True if those who cosigned are enough.
    pub fn is_met(&self, cosigned: &Cosigned) -> bool {
        let has = |witness: usize| {
            let key = &self.witnesses[witness].key;
            cosigned.cosignatures.iter().any(|cosignature| cosignature.witness == *key)
        };
        self.rule.holds(&has)
    }
}

impl Rule {
    fn holds(&self, has: &impl Fn(usize) -> bool) -> bool {
        match self {
            Rule::Witness(place) => has(*place),
            Rule::AtLeast(least, members) => members.iter().filter(|member| member.holds(has)).count() >= *least,
        }
    }
}

/// What the lines so far have defined.
#[derive(Default)]
struct Parsing {
    line: usize,
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    /// Witnesses and groups by name, and whether a group has the name as a member.
    names: BTreeMap<Vec<u8>, (Rule, bool)>,
    quorum: Option<Rule>,
}

/// Octets for a message.
fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

impl Parsing {
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(bad) = line.iter().find(|&&byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
            return Err(format!("the octet 0x{bad:02x}: expected no control characters but tab and newline"));
        }
        let items: Vec<&[u8]> =
            line.split(|&byte| byte == b' ' || byte == b'\t').filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] => self.log(key, None),
            [b"log", key, url] => self.log(key, Some(url)),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, least, members @ ..] if !members.is_empty() => self.group(name, least, members),
            [b"quorum", name] => self.quorum(name),
            _ => Err(format!(
                "`{}`: expected `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> all|any|<k> \
                 <name>...` or `quorum <name>`",
                shown(items[0])
            )),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&&[u8]>) -> Result<(), String> {
        let party = party(key, url, KeyType::Log, &self.logs)?;
        self.logs.push(party);
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&&[u8]>) -> Result<(), String> {
        let party = party(key, url, KeyType::Witness, &self.witnesses)?;
        self.define(name, Rule::Witness(self.witnesses.len()))?;
        self.witnesses.push(party);
        Ok(())
    }

    fn define(&mut self, name: &[u8], rule: Rule) -> Result<(), String> {
        if name == b"none" || self.names.contains_key(name) {
            return Err(format!("`{}` is taken: expected a new name", shown(name)));
        }
        self.names.insert(name.to_owned(), (rule, false));
        Ok(())
    }

    fn group(&mut self, name: &[u8], least: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let count = members.len();
        let least = match least {
            b"all" => count,
            b"any" => 1,
            number => std::str::from_utf8(number)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
                .filter(|least| (1..=count).contains(least))
                .ok_or_else(|| format!("`{}`: expected `all`, `any` or 1 to {count}", shown(number)))?,
        };
        let mut rules = Vec::with_capacity(count);
        for member in members {
            match self.names.get_mut(*member) {
                None => return Err(format!("`{}`: expected a witness or group of a line above", shown(member))),
                // Nobody counts twice, in one group or through two.
                Some((_, true)) => return Err(format!("`{}` is a member already: expected it once", shown(member))),
                Some((rule, taken)) => {
                    *taken = true;
                    rules.push(rule.clone());
                }
            }
        }
        self.define(name, Rule::AtLeast(least, rules))
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        let rule = match name {
            b"none" => Rule::AtLeast(0, Vec::new()),
            name => match self.names.get(name) {
                Some((rule, _)) => rule.clone(),
                None => {
                    return Err(format!("`{}`: expected `none`, or a witness or group of a line above", shown(name)));
                }
            },
        };
        match self.quorum.replace(rule) {
            None => Ok(()),
            Some(_) => Err("a second quorum: expected one".to_owned()),
        }
    }
}

fn party(key: &[u8], url: Option<&&[u8]>, kind: KeyType, others: &[Party]) -> Result<Party, String> {
    let text = std::str::from_utf8(key).map_err(|_| format!("`{}`: expected a verifier key", shown(key)))?;
    let key = VerifierKey::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
    if key.kind() != kind {
        let expected = if kind == KeyType::Log { "a log's, type 1" } else { "a witness's, type 4" };
        return Err(format!("`{text}` is a key of another type: expected {expected}"));
    }
    if others.iter().any(|other| other.key.same_key(&key)) {
        return Err(format!("`{text}`: its public key was named before: expected each once"));
    }
    Ok(Party { key, url: url.map(|url| shown(url)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::WitnessKey;
    use crate::merkle::{NodeHash, TreeSize};
    use ed25519_dalek::SigningKey;

    fn key(number: u8) -> WitnessKey {
        WitnessKey::new(&format!("witness.example/{number}"), SigningKey::from_bytes(&[number; 32])).expect("a name")
    }

    fn log() -> VerifierKey {
        VerifierKey::new("inforce/test", SigningKey::from_bytes(&[77; 32]).verifying_key())
    }

    /// The example of the specification, with keys.
    fn example() -> String {
        let witness = |name: &str, number: u8| format!("witness {name} {}\n", key(number).verifier());
        format!(
            "log {}\n\n{}{}{}group X-witnesses 2 X1 X2 X3\n\n{}{}{}group Y-witnesses any Y1 Y2 Y3\n\n\
             group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
            log(),
            witness("X1", 1),
            witness("X2", 2),
            witness("X3", 3),
            witness("Y1", 4),
            witness("Y2", 5),
            witness("Y3", 6)
        )
    }

    fn note(cosigners: &[u8]) -> String {
        let checkpoint = Checkpoint { origin: "inforce/test".into(), size: TreeSize(12), root: NodeHash([3; 32]) };
        let mut note = Note::parse(&checkpoint.sign(&SigningKey::from_bytes(&[77; 32]))).expect("a note");
        for number in cosigners {
            let line = key(*number).cosign(note.text(), 1_700_000_000);
            note.add(line);
        }
        note.to_string()
    }

    fn met(policy: &str, cosigners: &[u8]) -> bool {
        let quorum = Quorum::parse(policy.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{policy}"));
        quorum.is_met(&quorum.open(&note(cosigners)).expect("signed"))
    }

    /// Every subset of the six witnesses, against the rule in words.
    #[test]
    fn the_example_of_the_specification_means_what_it_says() {
        for subset in 0..1u8 << 6 {
            let cosigners: Vec<u8> = (1..=6).filter(|number| subset >> (number - 1) & 1 == 1).collect();
            let x = cosigners.iter().filter(|&&number| number <= 3).count();
            let y = cosigners.len() - x;
            assert_eq!(met(&example(), &cosigners), x >= 2 && y >= 1, "{cosigners:?}");
        }
    }

    #[test]
    fn one_witness_none_and_k_of_n() {
        let lines: String = (1..=3).map(|n| format!("witness w{n} {}\n", key(n).verifier())).collect();
        let lines = format!("log {}\n{lines}", log());
        assert!(met(&format!("{lines}quorum w2\n"), &[2]) && !met(&format!("{lines}quorum w2\n"), &[1, 3]));
        assert!(met(&format!("{lines}quorum none\n"), &[]));
        assert!(met(&format!("log {}\nquorum none", log()), &[]));
        let two = Quorum::of(log(), (1..=3).map(|n| Party { key: key(n).verifier(), url: None }).collect(), 2);
        assert!(two.is_met(&two.open(&note(&[1, 3])).expect("signed")));
        assert!(!two.is_met(&two.open(&note(&[3, 9])).expect("signed")));
    }

    #[test]
    fn spaces_comments_octets_and_urls() {
        let line = |name: &str, number| format!("\t witness {name}\t {} ", key(number).verifier());
        let (kelvin, k) = (line("\u{212a}", 1), line("K", 2));
        let policy = format!("{kelvin} https://w.example/\n{k}\nquorum K");
        let policy = [b"  # comment \xff\n\n".as_slice(), policy.as_bytes()].concat();
        let quorum = Quorum::parse(&policy).expect("a policy");
        assert_eq!(quorum.witnesses()[0].url.as_deref(), Some("https://w.example/"));
        assert_eq!(quorum.rule, Rule::Witness(1), "K and the sign of the kelvin are two names");
        assert_eq!(quorum.logs(), []);
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        let good = example();
        let w1 = key(1).verifier();
        // The key of the first witness under another name.
        let renamed = WitnessKey::new("other.example", SigningKey::from_bytes(&[1; 32])).expect("a name");
        let renamed = renamed.verifier().to_string();
        for (bad, line) in [
            (good.replace("quorum X-and-Y\n", ""), 14),
            (format!("{good}quorum X1\n"), 15),
            (good.replace("quorum X-and-Y", "quorum Z"), 14),
            (good.replace("X-witnesses 2", "X-witnesses 4"), 6),
            (good.replace("X-witnesses 2", "X-witnesses 0"), 6),
            (good.replace("X-witnesses 2", "X-witnesses +2"), 6),
            (good.replace("2 X1 X2 X3", "2"), 6),
            (good.replace("2 X1 X2 X3", "2 X1 X1 X3"), 6),
            (good.replace("any Y1 Y2 Y3", "any Y1 Y2 X3"), 11),
            (good.replace("any Y1 Y2 Y3", "any Y1 none"), 11),
            (good.replace("2 X1 X2 X3", "2 X1 X2 Y1"), 6),
            (good.replace("witness X2", "witness X1"), 4),
            (good.replace("witness X2", "witness none"), 4),
            (good.replace("group X-witnesses", "group X1"), 6),
            (good.replace(&key(2).verifier().to_string(), &w1.to_string()), 4),
            (good.replace(&key(2).verifier().to_string(), &renamed), 4),
            (good.replace(&key(2).verifier().to_string(), &log().to_string()), 4),
            (good.replace(&log().to_string(), &w1.to_string()), 1),
            (good.replace("quorum X-and-Y", "quorum\rX-and-Y"), 14),
            (good.replace("log ", "logs "), 1),
        ] {
            let error = Quorum::parse(bad.as_bytes()).expect_err(&bad);
            assert_eq!(error.line, line, "{error}\n{bad}");
        }
    }

    #[test]
    fn a_stranger_s_checkpoint_and_a_bad_cosignature_are_refused() {
        let quorum = Quorum::parse(example().as_bytes()).expect("a policy");
        let checkpoint = Checkpoint { origin: "inforce/other".into(), size: TreeSize(12), root: NodeHash([3; 32]) };
        let stranger = checkpoint.sign(&SigningKey::from_bytes(&[77; 32]));
        assert_eq!(quorum.open(&stranger), Err(NoteError::NoSignature("inforce/other".into())));
        let mut bad = Note::parse(&note(&[1, 2])).expect("a note");
        let mut line = key(4).cosign(bad.text(), 1_700_000_000);
        line.signature[20] ^= 1;
        bad.add(line);
        assert_eq!(quorum.open(&bad.to_string()), Err(NoteError::BadSignature("witness.example/4".into())));
    }

    #[test]
    fn as_many_as_the_specification_asks_for() {
        let mut policy = String::new();
        for number in 0..32u8 {
            let log =
                VerifierKey::new(&format!("log{number}"), SigningKey::from_bytes(&[100 + number; 32]).verifying_key());
            let member = if number == 0 { String::new() } else { format!(" g{}", number - 1) };
            policy += &format!(
                "log {log}\nwitness w{number} {}\ngroup g{number} all w{number}{member}\n",
                key(number + 1).verifier()
            );
        }
        let quorum = Quorum::parse(format!("{policy}quorum g31\n").as_bytes()).expect("a policy");
        assert_eq!((quorum.logs().len(), quorum.witnesses().len()), (32, 32));
    }
}
