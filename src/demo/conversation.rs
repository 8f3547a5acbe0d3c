//! Conversations as they come in: one turn a line, `conv_id`, `turn`, `speaker`, `text`, `modality`; other fields are
//! passed over.

use crate::fact::Modality;
use crate::wire::Lines;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{self, BufRead};

/// The corpus that was written for the demo.
const CORPUS: &str = include_str!("conversations.jsonl");

/// One conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Its id, unique among those read.
    pub id: String,
    /// Its turns, in order.
    pub turns: Vec<Turn>,
}

/// One turn of it.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Turn {
    pub number: u64,
    pub speaker: Speaker,
    pub text: String,
    pub modality: Modality,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The person whose account it is.
    User,
    /// A machine, or whoever plays it.
    Assistant,
    /// Another person.
    Partner,
}

/// A line that could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum BadLine {
    #[error("line {0}: {1}")]
    Line(u64, String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

#[derive(Deserialize)]
struct Row {
    conv_id: String,
    turn: u64,
    speaker: Speaker,
    text: String,
    modality: String,
}

impl Conversation {
    /// The same conversation by somebody else.
    pub(super) fn told_again(&self, round: usize) -> Conversation {
        Conversation { id: format!("{}.{round}", self.id), turns: self.turns.clone() }
    }
}

/// The built-in corpus.
pub fn built_in() -> Vec<Conversation> {
    read(CORPUS.as_bytes()).expect("the corpus is part of the program")
}

/// Reads conversations, in the order of their first lines.
pub fn read(input: impl BufRead) -> Result<Vec<Conversation>, BadLine> {
    let mut lines = Lines::new(input);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut conversations: Vec<Conversation> = Vec::new();
    while let Some(line) = lines.next_line()? {
        if line.is_blank() {
            continue;
        }
        let bad = |what: String| BadLine::Line(line.number, what);
        let row: Row = serde_json::from_slice(&line.bytes).map_err(|error| bad(error.to_string()))?;
        let modality = Modality::parse(&row.modality).ok_or_else(|| {
            bad(format!("modality `{}`: expected one of {}", row.modality, Modality::NAMES.join(", ")))
        })?;
        let place = *places.entry(row.conv_id.clone()).or_insert(conversations.len());
        if place == conversations.len() {
            conversations.push(Conversation { id: row.conv_id.clone(), turns: Vec::new() });
        }
        let turns = &mut conversations[place].turns;
        if turns.last().is_some_and(|last| last.number >= row.turn) {
            return Err(bad(format!("turn {} of `{}`: expected turns to ascend", row.turn, row.conv_id)));
        }
        turns.push(Turn { number: row.turn, speaker: row.speaker, text: row.text, modality });
    }
    Ok(conversations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_typed_and_spoken_turns() {
        let corpus = built_in();
        let turns = || corpus.iter().flat_map(|each| &each.turns);
        assert!(corpus.len() > 30 && turns().any(|turn| turn.modality == Modality::Voice));
        assert!(turns().any(|turn| turn.speaker == Speaker::Assistant));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, part) in [
            ("{}", "line 1: missing field `conv_id`"),
            (
                "\n{\"conv_id\":\"c\",\"turn\":0,\"speaker\":\"dog\",\"text\":\"\",\"modality\":\"text\"}",
                "line 2: unknown variant `dog`",
            ),
            (
                "{\"conv_id\":\"c\",\"turn\":0,\"speaker\":\"user\",\"text\":\"\",\"modality\":\"song\"}",
                "line 1: modality `song`",
            ),
        ] {
            let error = read(text.as_bytes()).expect_err(text).to_string();
            assert!(error.starts_with(part), "{error}");
        }
        let twice =
            "{\"conv_id\":\"c\",\"turn\":0,\"speaker\":\"user\",\"text\":\"\",\"modality\":\"text\"}\n".repeat(2);
        assert!(read(twice.as_bytes()).expect_err("twice").to_string().starts_with("line 2: turn 0 of `c`"));
    }
}
