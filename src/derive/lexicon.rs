//! The lexicon, compiled: terms into one automaton, rules beside it.
//!
//! lexicon.tsv has one term a line, a tab, and what it speaks for: categories and topics, each with `=weight` if it is
//! not enough alone, and cues (`@self`). A term of cues alone is a rule: it speaks where all of them stand close together.
//! `(a|b)` in a term stands for either; a plural is understood unless the term ends in `=`; `*itis` is any longer word
//! with that end.
//! A term that speaks for nothing (`-`) is there to be found first: `race car` keeps `race` from being seen.
//! A topic that belongs to a category speaks for it too, with the same weight or, where the line gives it one, more.
//! Nothing speaks against a label: a sensitive word can be hidden by a longer term, but not be outvoted.
//!
//! INVARIANT (leftmost-longest): no byte of a text belongs to two terms; of two that could start at one word the longer
//! is found, so that an idiom hides the word in it.

use super::labels::{CATEGORIES, Labels};
use super::normal::Normal;
use super::score::{ENOUGH, Evidence, Mark, WINDOW, best};
use super::signal::Signal;
use super::topic::{TOPICS_TSV, find, topics};
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Raised whenever the code labels otherwise than it did with the same lexicon.
const CODE_VERSION: &str = "1";
const LEXICON_TSV: &str = include_str!("lexicon.tsv");

/// Everything that the deriver knows.
pub struct Lexicon {
    automaton: AhoCorasick,
    /// For each pattern of the automaton, its line.
    lines: Vec<u32>,
    entries: Vec<Entry>,
    /// Lines of `entries` that are rules, and the cues that each wants.
    rules: Vec<(u32, Cues)>,
}

/// A set of cues, a bit each.
type Cues = u32;

struct Entry {
    term: &'static str,
    cues: Cues,
    effects: Vec<(u16, i32)>,
}

impl Lexicon {
    /// The lexicon that is built into the program, compiled on first use.
    pub fn built_in() -> &'static Lexicon {
        static LEXICON: OnceLock<Lexicon> = OnceLock::new();
        LEXICON.get_or_init(|| Lexicon::parse(LEXICON_TSV))
    }

    /// Labels a text. Any text will do, of any length; the time is linear in it.
    pub fn label(&self, text: &str) -> Labels {
        let scores = self.scores(&Normal::new(text));
        Labels {
            sensitive: scores.iter().filter_map(|&(target, _)| Some(CATEGORIES.get(target as usize)?.name)).collect(),
            topics: scores.iter().filter_map(|&(target, _)| Some(topics()[topic_of(target)?].id)).collect(),
        }
    }

    /// The interests that a text signals: one for each topic that it is labelled with, in the same order.
    pub fn signals(&self, text: &str) -> Vec<Signal> {
        let signal = |&(target, score): &(u16, i32)| {
            let topic = &topics()[topic_of(target)?];
            Some(Signal::new(topic.id, topic.category.map(|category| CATEGORIES[category].name), score))
        };
        self.scores(&Normal::new(text)).iter().filter_map(signal).collect()
    }

    /// The words that carried the text's labels, in order of label, then place.
    /// A topic that stands for its whole category (no narrower one was found) has no words of its own.
    pub fn evidence(&self, text: &str) -> Vec<Evidence> {
        let normal = Normal::new(text);
        let marks = self.marks(&normal.text);
        let carried = self.scores(&normal);
        let evidence = |mark: &Mark| Evidence {
            range: normal.original(mark.start, mark.end),
            term: self.term(mark, &normal.text),
            label: topic_of(mark.target).map_or_else(|| CATEGORIES[mark.target as usize].name, |at| topics()[at].id),
            weight: mark.weight,
        };
        let is_carried = |mark: &&Mark| carried.iter().any(|label| label.0 == mark.target);
        marks.iter().filter(is_carried).map(evidence).collect()
    }

    /// Names this deriver's exact behaviour: code version, terms and topics.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("inforce reference deriver 1");
        for part in [CODE_VERSION, LEXICON_TSV, TOPICS_TSV] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }

    /// The labels that the text earns, with their scores, categories first, each kind in its own order.
    fn scores(&self, normal: &Normal) -> Vec<(u16, i32)> {
        let marks = self.marks(&normal.text);
        let mut scores: Vec<(u16, i32)> = marks
            .chunk_by(|a, b| a.target == b.target)
            .map(|marks| (marks[0].target, best(marks)))
            .filter(|&(_, score)| score >= ENOUGH)
            .collect();
        // A category is never there without a topic.
        for (index, category) in CATEGORIES.iter().enumerate() {
            let of_category =
                |label: &(u16, i32)| topic_of(label.0).is_some_and(|at| topics()[at].category == Some(index));
            if let Some(&(_, score)) = scores.iter().find(|label| label.0 as usize == index)
                && !scores.iter().any(of_category)
            {
                scores.push((target_of(find(category.topic).expect("a test says so")), score));
            }
        }
        scores.sort_unstable();
        scores
    }

    /// Everything that terms and rules say about the text, in order of target, then place.
    fn marks(&self, text: &str) -> Vec<Mark> {
        let mut marks = Vec::new();
        // Where each cue was last seen.
        let mut seen = [None::<(usize, usize)>; Cues::BITS as usize];
        for found in self.automaton.find_iter(text) {
            let line = self.lines[found.pattern().as_usize()];
            let entry = &self.entries[line as usize];
            let end = found.end();
            // The end of a word was found: the rest of the word belongs to it.
            let start = text[..=found.start()].rfind(' ').unwrap_or_default();
            marks.extend(entry.effects.iter().map(|&(target, weight)| Mark {
                target,
                weight,
                source: line,
                start,
                end,
            }));
            for cue in bits(entry.cues) {
                seen[cue] = Some((start, end));
            }
            if entry.cues == 0 {
                continue;
            }
            for &(source, wanted) in self.rules.iter().filter(|rule| rule.1 & entry.cues != 0) {
                let earliest = bits(wanted).map(|cue| seen[cue].map(|at| at.0)).min().flatten();
                if let Some(start) = earliest.filter(|start| end - start <= WINDOW) {
                    let effects = &self.entries[source as usize].effects;
                    marks.extend(effects.iter().map(|&(target, weight)| Mark { target, weight, source, start, end }));
                }
            }
        }
        marks.sort_by_key(|mark| mark.target);
        marks
    }

    /// What a mark found: the words of a term, or the cues of a rule.
    fn term(&self, mark: &Mark, text: &str) -> String {
        match self.entries[mark.source as usize].term {
            rule if rule.starts_with('@') => rule.to_owned(),
            _ => text[mark.start..mark.end].trim().replace("  ", " "),
        }
    }

    /// Compiles a lexicon. A bad line is a bug of whoever wrote it, so it panics and names the line.
    fn parse(tsv: &'static str) -> Self {
        let mut cues = Vec::new();
        let mut entries = Vec::new();
        let mut rules = Vec::new();
        let mut patterns: HashMap<String, u32> = HashMap::new();
        let mut plurals: Vec<(String, u32)> = Vec::new();
        for (at, line) in tsv.lines().enumerate() {
            let (term, effects) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in `{line}`"));
            let entry = Entry::parse(term, effects, &mut cues);
            let at = at as u32;
            if term.starts_with('@') {
                let wanted = term.split(' ').fold(0, |set, cue| set | 1 << cue_index(cue, &mut cues));
                rules.push((at, wanted));
            } else {
                for form in expand(term.trim_end_matches('=')) {
                    let pattern = pattern(&form);
                    assert!(!pattern.is_empty(), "no word in `{line}`");
                    if !term.ends_with('=') {
                        plurals.push((self::pattern(&plural(&form)), at));
                    }
                    let twice = patterns.insert(pattern, at);
                    assert!(twice.is_none(), "`{form}` of `{line}` is there already");
                }
            }
            entries.push(entry);
        }
        // A plural that has a line of its own means what that line says.
        for (pattern, at) in plurals {
            patterns.entry(pattern).or_insert(at);
        }
        let mut patterns: Vec<_> = patterns.into_iter().collect();
        patterns.sort_unstable();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .prefilter(false)
            .build(patterns.iter().map(|pattern| &pattern.0))
            .expect("a lexicon is far below the automaton's limits");
        Self { automaton, lines: patterns.into_iter().map(|pattern| pattern.1).collect(), entries, rules }
    }
}

impl Entry {
    fn parse(term: &'static str, effects: &'static str, cues: &mut Vec<&'static str>) -> Self {
        let mut entry = Entry { term, cues: 0, effects: Vec::new() };
        for effect in effects.split(' ').filter(|effect| *effect != "-") {
            if effect.starts_with('@') {
                entry.cues |= 1 << cue_index(effect, cues);
                continue;
            }
            let (target, weight) = effect.split_once('=').unwrap_or((effect, ""));
            let weight = if weight.is_empty() { ENOUGH } else { weight.parse().expect("a weight is a number") };
            assert!((1..=ENOUGH).contains(&weight), "`{term}` has a weight out of range");
            let category = CATEGORIES.iter().position(|category| category.name == target).map(|index| index as u16);
            let target = category.or_else(|| find(target).map(target_of));
            entry.effects.push((target.unwrap_or_else(|| panic!("`{term}` speaks for an unknown `{effect}`")), weight));
        }
        for at in 0..entry.effects.len() {
            let (target, weight) = entry.effects[at];
            let Some(category) = topic_of(target).and_then(|topic| topics()[topic].category) else {
                continue;
            };
            if !entry.effects.iter().any(|effect| effect.0 as usize == category) {
                entry.effects.push((category as u16, weight));
            }
        }
        entry
    }
}

/// Targets are the categories, then the topics.
fn target_of(topic: usize) -> u16 {
    (CATEGORIES.len() + topic) as u16
}

fn topic_of(target: u16) -> Option<usize> {
    (target as usize).checked_sub(CATEGORIES.len())
}

fn cue_index(cue: &'static str, cues: &mut Vec<&'static str>) -> usize {
    let index = cues.iter().position(|known| *known == cue).unwrap_or_else(|| {
        cues.push(cue);
        cues.len() - 1
    });
    assert!(index < Cues::BITS as usize, "too many cues");
    index
}

fn bits(set: Cues) -> impl Iterator<Item = usize> {
    (0..Cues::BITS as usize).filter(move |bit| set & 1 << bit != 0)
}

/// What the automaton looks for: the form between its spaces, or without the first if it is the end of a word.
fn pattern(form: &str) -> String {
    let text = Normal::new(form).text;
    if form.starts_with('*') { text[1..].to_owned() } else { text }
}

/// Every form that a term with `(a|b)` in it stands for.
fn expand(term: &str) -> Vec<String> {
    let Some((head, rest)) = term.split_once('(') else {
        return vec![term.to_owned()];
    };
    let (choices, tail) = rest.split_once(')').unwrap_or_else(|| panic!("no end of `(` in `{term}`"));
    let tails = expand(tail);
    let join = |choice| tails.iter().map(move |tail| format!("{head}{choice}{tail}"));
    choices.split('|').flat_map(join).collect()
}

fn plural(term: &str) -> String {
    let stem = term.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match stem {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "z", "ch", "sh"].iter().any(|end| term.ends_with(end)) => {
            format!("{term}es")
        }
        None => format!("{term}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensitive(text: &str) -> Vec<&'static str> {
        Lexicon::built_in().label(text).sensitive
    }

    fn topics_in(text: &str) -> Vec<&'static str> {
        Lexicon::built_in().label(text).topics
    }

    #[test]
    fn the_table_is_sorted_and_every_line_is_good() {
        Lexicon::parse(LEXICON_TSV);
        let terms: Vec<_> = LEXICON_TSV.lines().map(|line| line.split_once('\t').unwrap().0).collect();
        for pair in terms.windows(2) {
            assert!(pair[0] < pair[1], "`{}` comes before `{}`", pair[1], pair[0]);
        }
    }

    #[test]
    fn every_topic_can_be_found() {
        let lexicon = Lexicon::built_in();
        for (at, topic) in topics().iter().enumerate() {
            let said = lexicon.entries.iter().any(|entry| entry.effects.iter().any(|effect| effect.0 == target_of(at)));
            assert!(
                said || CATEGORIES.iter().any(|category| category.topic == topic.id),
                "nothing speaks for {}",
                topic.id
            );
        }
    }

    #[test]
    fn each_category_in_a_person_s_words() {
        for (text, category) in [
            ("My imam told us when Ramadan begins", "religious_views"),
            ("how do i come out as gay to my dad", "sexual_orientation"),
            ("I can’t decide who to vote for", "political_views"),
            ("my knee is swollen and I can't sleep", "health"),
            ("As a Black woman I hear that a lot", "racial_or_ethnic_origin"),
            ("I became a vegan for ethical reasons", "philosophical_beliefs"),
            ("our shop steward says we go on strike on monday", "trade_union_membership"),
        ] {
            assert!(sensitive(text).contains(&category), "{text}: {:?}", sensitive(text));
        }
    }

    #[test]
    fn an_idiom_hides_the_word_in_it() {
        for text in [
            "draw a straight line",
            "which race car is fastest",
            "meet me at Union Square",
            "oh my god that was fun",
            "black coffee and white bread",
            "what is your return policy",
            "he works at a credit union",
            "a cold brew please",
            "who won the horse race",
            "Christmas tree lights",
            "I'll be there at noon",
            "hip hop",
        ] {
            assert_eq!(sensitive(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn spelling_and_speech_make_no_difference() {
        for text in [
            "I've got DIABETES!",
            "ive got diabetes",
            "i\u{2019}ve got dia\u{ad}betes",
            "ＤＩＡＢＥＴＥＳ, I’ve got it",
        ] {
            assert_eq!(sensitive(text), ["health"], "{text}");
            assert_eq!(topics_in(text), ["iab:317"], "{text}");
        }
        assert_eq!(sensitive("tonsillitis and mastoiditis"), ["health"], "an ending is enough");
    }

    #[test]
    fn weak_words_need_company() {
        assert_eq!(sensitive("the tired old joke"), [""; 0]);
        assert_eq!(sensitive("i feel tired"), ["health"]);
        let far_apart = format!("me and you{} the tired old joke", " and so on".repeat(60));
        assert_eq!(sensitive(&far_apart), [""; 0]);
    }

    #[test]
    fn everyday_topics_are_named_and_not_sensitive() {
        for (text, topic) in [
            ("which hiking boots for a muddy trail", "hiking"),
            ("how long do I roast a chicken recipe", "iab:216"),
            ("my car needs an oil change", "iab:34"),
            ("play some jazz music", "iab:338"),
            ("will it rain tomorrow", "weather"),
        ] {
            assert!(topics_in(text).contains(&topic), "{text}: {:?}", topics_in(text));
            assert_eq!(sensitive(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_category_comes_with_a_topic_and_signals_carry_it() {
        for text in ["my doctor called", "workers of the guild went on strike", "are you a believer"] {
            let labels = Lexicon::built_in().label(text);
            assert!(!labels.sensitive.is_empty() && !labels.topics.is_empty(), "{text}: {labels:?}");
            let signals = Lexicon::built_in().signals(text);
            assert_eq!(signals.iter().map(|signal| signal.topic).collect::<Vec<_>>(), labels.topics);
            assert!(
                labels.sensitive.iter().all(|category| signals.iter().any(|signal| signal.sensitive == [*category]))
            );
            assert!(signals.iter().all(|signal| (500_000..1_000_000).contains(&signal.confidence_ppm)));
        }
    }

    #[test]
    fn evidence_points_at_the_words() {
        let text = "Doctor, I’ve had a “sore throat” since Monday";
        let why = Lexicon::built_in().evidence(text);
        let throat = why.iter().find(|why| why.label == "iab:289").unwrap();
        assert_eq!(
            (&text[throat.range.clone()], throat.term.as_str(), throat.weight),
            ("sore throat", "sore throat", 4)
        );
        let labels = Lexicon::built_in().label(text);
        assert!(why.iter().all(|why| labels.sensitive.contains(&why.label) || labels.topics.contains(&why.label)));
    }

    #[test]
    fn any_text_will_do_and_gives_the_same_labels_again() {
        let lexicon = Lexicon::built_in();
        let words =
            ["gay", "’", " ", "\u{301}", "union", "ß", "İ", "\0", "itis", "🙂", "i", "tired", "\n", "ｅ", "日本", "-"];
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for round in 0..2_000 {
            let bytes: Vec<u8> = (0..next() % 60).map(|_| next() as u8).collect();
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            (0..next() % 20).for_each(|_| text.push_str(words[next() % words.len()]));
            let labels = lexicon.label(&text);
            assert_eq!(labels, lexicon.label(&text), "round {round}");
            for why in lexicon.evidence(&text) {
                assert!(text.get(why.range.clone()).is_some_and(|words| !words.is_empty()), "round {round}: {why:?}");
            }
        }
    }

    #[test]
    fn a_long_text_takes_no_longer_by_the_word() {
        let lexicon = Lexicon::built_in();
        for long in ["i feel tired ".repeat(200_000), "x".repeat(2_000_000), "tired ".repeat(400_000)] {
            lexicon.label(&long);
        }
    }
}
