//! What of a question a policy's text can tell apart: the key of the memo.
//!
//! Most uses look alike to a policy. The text is walked once; each attribute that it reads goes into the key, either
//! as it is or, where the text only compares it, as the result of the comparison: the order of two times, whether two
//! sets meet, whether a set holds a literal, whether it is empty. A text that computes with a time beyond adding a
//! literal duration gets the time itself: fewer hits, never a wrong one. What is about the decision and the person comes
//! first in the key, and is made once for all of a decision's uses.
//!
//! INVARIANT (key decides): two questions with equal keys get equal answers from Cedar. An expression that is not
//! recognised contributes every attribute below it, whole. `tests/judge.rs` compares the memo with plain Cedar.

use super::question::{Attr, Question, Reading};
use crate::symbols::{Sym, Symbols};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A constant of the version: a param or the policy's own attribute, by path.
pub(super) enum Constant {
    /// Milliseconds since the epoch.
    Time(i64),
    /// A set of strings.
    Symbols(Vec<Sym>),
    /// One string.
    Text(Sym),
    /// Anything else: it cannot vary, so it adds nothing.
    Other,
}

/// Constants by path below `context`.
pub(super) type Constants = BTreeMap<String, Constant>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TimeTerm {
    Attr(Attr, i64),
    Fixed(i64),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SetTerm {
    Attr(Attr),
    Fixed(Vec<Sym>),
}

/// One reading of the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    Whole(Attr),
    Order(TimeTerm, TimeTerm),
    Meets(SetTerm, SetTerm),
    Holds(SetTerm, Sym),
    Empty(Attr),
    Present(Attr),
}

/// The readings of one policy text.
#[derive(Clone, Debug, Default)]
pub(super) struct Features {
    /// Those about the decision and the person: the same for every use.
    of_decision: Vec<Feature>,
    of_use: Vec<Feature>,
}

impl Features {
    /// Walks the policies' texts in Cedar's JSON form.
    pub fn of(policies: &[Value], constants: &Constants, symbols: &mut Symbols) -> Features {
        let mut walk = Walk { constants, symbols, found: BTreeSet::new() };
        for policy in policies {
            for scope in ["principal", "resource"] {
                if policy[scope]["op"] != "All" {
                    walk.variable(scope);
                }
            }
            walk.expression(&policy["conditions"]);
        }
        let (of_use, of_decision) = walk.found.into_iter().partition(Feature::is_of_use);
        Features { of_decision, of_use }
    }

    /// The same readings for another set of symbols, which is given every name that `own` has, in its order.
    pub fn within(&self, own: &Symbols, symbols: &mut Symbols) -> Features {
        let given: Vec<Sym> = own.names().map(|name| symbols.intern(name)).collect();
        let named = |features: &[Feature]| features.iter().map(|feature| feature.named(&given)).collect();
        Features { of_decision: named(&self.of_decision), of_use: named(&self.of_use) }
    }

    /// True if these are the same readings, in any order.
    #[cfg(test)]
    pub fn is_made_of(&self, other: &Features) -> bool {
        let sorted = |features: &[Feature]| features.iter().cloned().collect::<BTreeSet<Feature>>();
        [(&self.of_decision, &other.of_decision), (&self.of_use, &other.of_use)]
            .iter()
            .all(|(these, those)| these.len() == those.len() && sorted(these) == sorted(those))
    }

    /// The start of every key about a decision and a person.
    pub fn start(&self, question: &Question) -> Vec<u8> {
        let mut start = Vec::with_capacity(64);
        read(&self.of_decision, question, &mut start);
        start
    }

    /// Writes the key of `question`, whose start is known, into `key`. Where there is no use all of it is absent, and the
    /// key says so once.
    pub fn key(&self, start: &[u8], question: &Question, key: &mut Vec<u8>) {
        key.clear();
        key.push(u8::from(question.use_facts.is_some()));
        key.extend_from_slice(start);
        if question.use_facts.is_some() {
            read(&self.of_use, question, key);
        }
    }
}

fn read(features: &[Feature], question: &Question, key: &mut Vec<u8>) {
    for feature in features {
        match feature {
            Feature::Whole(attr) => whole(attr.value(question), key),
            Feature::Order(left, right) => key.push(match (left.at(question), right.at(question)) {
                (Some(left), Some(right)) => match left.cmp(&right) {
                    Ordering::Less => 0,
                    Ordering::Equal => 1,
                    Ordering::Greater => 2,
                },
                (None, Some(_)) => 3,
                (Some(_), None) => 4,
                (None, None) => 5,
            }),
            Feature::Meets(left, right) => key.push(test(left.of(question), right.of(question), |left, right| {
                left.iter().any(|sym| right.contains(sym))
            })),
            Feature::Holds(set, sym) => key.push(test(set.of(question), Some(&[]), |set, _| set.contains(sym))),
            Feature::Present(attr) => key.push(u8::from(attr.value(question) != Reading::Absent)),
            Feature::Empty(attr) => {
                key.push(test(SetTerm::Attr(*attr).of(question), Some(&[]), |set, _| set.is_empty()))
            }
        }
    }
}

impl Feature {
    /// With other numbers for symbols.
    fn named(&self, given: &[Sym]) -> Feature {
        let sym = |sym: &Sym| given[sym.0 as usize];
        let set = |set: &SetTerm| match set {
            SetTerm::Attr(attr) => SetTerm::Attr(*attr),
            SetTerm::Fixed(list) => SetTerm::Fixed(list.iter().map(sym).collect()),
        };
        match self {
            Feature::Meets(left, right) => Feature::Meets(set(left), set(right)),
            Feature::Holds(term, text) => Feature::Holds(set(term), sym(text)),
            Feature::Whole(_) | Feature::Order(..) | Feature::Empty(_) | Feature::Present(_) => self.clone(),
        }
    }

    fn is_of_use(&self) -> bool {
        let of_use = |attr: &Attr| attr.path().starts_with("use.");
        let time = |term: &TimeTerm| matches!(term, TimeTerm::Attr(attr, _) if of_use(attr));
        let set = |term: &SetTerm| matches!(term, SetTerm::Attr(attr) if of_use(attr));
        match self {
            Feature::Whole(attr) | Feature::Empty(attr) | Feature::Present(attr) => of_use(attr),
            Feature::Order(left, right) => time(left) || time(right),
            Feature::Meets(left, right) => set(left) || set(right),
            Feature::Holds(term, _) => set(term),
        }
    }
}

fn test(left: Option<&[Sym]>, right: Option<&[Sym]>, holds: impl Fn(&[Sym], &[Sym]) -> bool) -> u8 {
    match (left, right) {
        (Some(left), Some(right)) => u8::from(holds(left, right)),
        _ => 2,
    }
}

impl TimeTerm {
    fn at(&self, question: &Question) -> Option<i64> {
        match self {
            TimeTerm::Fixed(at) => Some(*at),
            TimeTerm::Attr(attr, offset) => match attr.value(question) {
                Reading::Time(at) => Some(at + offset),
                _ => None,
            },
        }
    }
}

impl SetTerm {
    fn of<'a>(&'a self, question: &Question<'a>) -> Option<&'a [Sym]> {
        match self {
            SetTerm::Fixed(set) => Some(set),
            SetTerm::Attr(attr) => match attr.value(question) {
                Reading::Symbols(set) => Some(set),
                _ => None,
            },
        }
    }
}

/// Appends a reading whole: a tag, then its bytes, self-delimiting.
fn whole(reading: Reading, key: &mut Vec<u8>) {
    match reading {
        Reading::Absent => key.push(0),
        Reading::Bool(value) => key.push(1 + u8::from(value)),
        Reading::Text(sym) => {
            key.push(3);
            key.extend_from_slice(&sym.0.to_le_bytes());
        }
        Reading::Name(name) => {
            key.extend([4, name.len() as u8]);
            key.extend(name.as_bytes());
        }
        Reading::Symbols(set) => {
            // Sets are read as sets: order and repetition are not to be told apart.
            let mut sorted: Vec<Sym> = set.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            key.push(5);
            key.extend_from_slice(&(sorted.len() as u32).to_le_bytes());
            sorted.iter().for_each(|sym| key.extend_from_slice(&sym.0.to_le_bytes()));
        }
        Reading::Categories(set) => key.extend([6, set.0]),
        Reading::Channels(set) => key.extend([7, set]),
        Reading::Time(at) => {
            key.push(8);
            key.extend_from_slice(&at.to_le_bytes());
        }
    }
}

/// Durations beyond this many milliseconds (about 30,000 years) are left to Cedar, whose arithmetic may overflow.
const MAX_OFFSET_MS: i64 = 1_000_000_000_000_000;

struct Walk<'a> {
    constants: &'a Constants,
    symbols: &'a mut Symbols,
    found: BTreeSet<Feature>,
}

impl Walk<'_> {
    fn expression(&mut self, expression: &Value) {
        if let Some(feature) = self.comparison(expression) {
            self.found.extend(feature);
        } else if let Some(path) = path_of(expression) {
            self.below(&path);
        } else if let Some(has) = expression.get("has").filter(|has| has["attr"].is_string()) {
            match path_of(&has["left"]) {
                Some(path) => self.present(&join(&path, &has["attr"])),
                None => self.expression(&has["left"]),
            }
        } else if let Some(name) = expression.get("Var").and_then(Value::as_str) {
            self.variable(name);
        } else if let Some(map) = expression.as_object() {
            map.values().for_each(|part| self.expression(part));
        } else if let Some(list) = expression.as_array() {
            list.iter().for_each(|part| self.expression(part));
        }
    }

    /// A comparison that the key can answer for: its feature, or none where both sides are constant.
    fn comparison(&mut self, expression: &Value) -> Option<Option<Feature>> {
        let (operator, operands) = expression.as_object().filter(|map| map.len() == 1)?.iter().next()?;
        let (left, right) = (&operands["left"], &operands["right"]);
        match operator.as_str() {
            "<" | "<=" | ">" | ">=" | "==" | "!=" => match (self.time(left)?, self.time(right)?) {
                (TimeTerm::Fixed(_), TimeTerm::Fixed(_)) => Some(None),
                (left, right) => Some(Some(Feature::Order(left, right))),
            },
            "containsAny" => match (self.set(left)?, self.set(right)?) {
                (SetTerm::Fixed(_), SetTerm::Fixed(_)) => Some(None),
                (left, right) => Some(Some(Feature::Meets(left, right))),
            },
            "contains" => match (self.set(left)?, self.text(right)?) {
                (SetTerm::Fixed(_), _) => Some(None),
                (set, text) => Some(Some(Feature::Holds(set, text))),
            },
            "isEmpty" => match self.set(&operands["arg"])? {
                SetTerm::Attr(attr) => Some(Some(Feature::Empty(attr))),
                SetTerm::Fixed(_) => Some(None),
            },
            _ => None,
        }
    }

    fn time(&self, expression: &Value) -> Option<TimeTerm> {
        if let Some([base, by]) = expression.get("offset").and_then(Value::as_array).map(Vec::as_slice) {
            let by = duration_ms(by)?;
            return match self.time(base)? {
                TimeTerm::Attr(attr, offset) => Some(TimeTerm::Attr(attr, bounded(offset + by)?)),
                TimeTerm::Fixed(at) => Some(TimeTerm::Fixed(bounded(at + by)?)),
            };
        }
        let path = path_of(expression)?;
        if let Some(Constant::Time(at)) = self.constants.get(&path) {
            return Some(TimeTerm::Fixed(*at));
        }
        const TIMES: [Attr; 5] = [Attr::DecisionAt, Attr::UseAt, Attr::UseBy, Attr::UseFrom, Attr::NoticeLastDelivered];
        TIMES.into_iter().find(|attr| attr.path() == path).map(|attr| TimeTerm::Attr(attr, 0))
    }

    fn set(&mut self, expression: &Value) -> Option<SetTerm> {
        if let Some(items) = expression.get("Set").and_then(Value::as_array) {
            let literals = items.iter().map(|item| item.get("Value")?.as_str().map(|text| self.symbols.intern(text)));
            return literals.collect::<Option<Vec<Sym>>>().map(SetTerm::Fixed);
        }
        let path = path_of(expression)?;
        if let Some(Constant::Symbols(set)) = self.constants.get(&path) {
            return Some(SetTerm::Fixed(set.clone()));
        }
        const SETS: [Attr; 8] = [
            Attr::DecisionRegions,
            Attr::ItemTopics,
            Attr::LimitedTopics,
            Attr::SeeLessTopics,
            Attr::Consents,
            Attr::UseRegions,
            Attr::UseTopics,
            Attr::NoticeSha256,
        ];
        SETS.into_iter().find(|attr| attr.path() == path).map(SetTerm::Attr)
    }

    fn text(&mut self, expression: &Value) -> Option<Sym> {
        if let Some(text) = expression.get("Value").and_then(Value::as_str) {
            return Some(self.symbols.intern(text));
        }
        match self.constants.get(&path_of(expression)?) {
            Some(Constant::Text(sym)) => Some(*sym),
            _ => None,
        }
    }

    /// Every attribute at or below `path`, whole.
    fn below(&mut self, path: &str) {
        let below = |attr: &&Attr| {
            let rest = attr.path().strip_prefix(path);
            path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.found.extend(Attr::ALL.iter().filter(below).map(|&attr| Feature::Whole(attr)));
        // INVARIANT (paths): anything else below `context` is a constant of the version.
        debug_assert!(
            Attr::ALL.iter().any(|attr| below(&attr)) || self.constants.keys().any(|key| key.starts_with(path)),
            "{path}"
        );
    }

    /// Whether `path` is there; a record always is, a constant cannot vary.
    fn present(&mut self, path: &str) {
        let attr = Attr::ALL.iter().find(|attr| attr.path() == path);
        self.found.extend(attr.map(|&attr| Feature::Present(attr)));
    }

    fn variable(&mut self, name: &str) {
        match name {
            "principal" => self.below(Attr::DecisionApp.path()),
            "resource" => {
                self.below(Attr::UseApp.path());
                self.below(Attr::ItemKindName.path());
            }
            "context" => self.below(""),
            _ => {}
        }
    }
}

/// The path below `context` of a chain of attributes, `""` for `context` itself.
fn path_of(expression: &Value) -> Option<String> {
    if expression.get("Var").is_some_and(|name| name == "context") {
        return Some(String::new());
    }
    let access = expression.get(".")?;
    path_of(&access["left"]).map(|path| join(&path, &access["attr"]))
}

fn join(path: &str, attr: &Value) -> String {
    let attr = attr.as_str().unwrap_or_default();
    if path.is_empty() { attr.to_owned() } else { format!("{path}.{attr}") }
}

fn bounded(ms: i64) -> Option<i64> {
    (ms.abs() <= MAX_OFFSET_MS).then_some(ms)
}

/// A literal such as `duration("-1d2h30m")`.
fn duration_ms(expression: &Value) -> Option<i64> {
    let text = expression.get("duration")?.get(0)?.get("Value")?.as_str()?;
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: i64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let unit: i64 = match &rest[digits..unit_end] {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        total = bounded(total.checked_add(amount.checked_mul(unit)?)?)?;
        rest = &rest[unit_end..];
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_cedar_reads_them() {
        let ms = |text: &str| duration_ms(&serde_json::json!({ "duration": [{ "Value": text }] }));
        assert_eq!(ms("14h"), Some(14 * 3_600_000));
        assert_eq!(ms("-1d2h30m4s5ms"), Some(-(86_400_000 + 2 * 3_600_000 + 30 * 60_000 + 4_005)));
        assert_eq!(ms("99999999999d"), None);
        assert_eq!(ms("1w"), None);
    }
}
