//! A signed note (C2SP signed-note): a text, an empty line, and signature lines.
//!
//! A note is parsed whole or refused: nothing of it is to be believed before a signature was verified, so this file
//! knows no key. Absent: signatures other than the bytes on their lines.

use super::NoteError;
use super::encoding::{from_base64, to_base64};

/// Longest note that is read, in bytes.
pub const MAX_NOTE: usize = 256 << 10;
/// Most signature lines that a note may carry; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

const DASH: &str = "\u{2014} ";

/// A note, its signatures not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// A signature line: whose, under which key id, and the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// The name of the key.
    pub name: String,
    /// The first bytes of a hash over name, type and key.
    pub id: [u8; 4],
    /// What the key's type makes of it.
    pub signature: Vec<u8>,
}

impl Note {
    /// Takes a note apart.
    pub fn parse(note: &str) -> Result<Note, NoteError> {
        if note.len() > MAX_NOTE {
            return Err(NoteError::Malformed("at most 262144 bytes"));
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed("no control characters but newlines"));
        }
        // The text may hold empty lines: the last one ends it.
        let (text, lines) =
            note.rsplit_once("\n\n").ok_or(NoteError::Malformed("a blank line before the signatures"))?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed("a newline at the end"))?;
        let signatures = lines.split('\n').map(SignatureLine::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("at most 64 signatures"));
        }
        Ok(Note { text: format!("{text}\n"), signatures })
    }

    /// A note over `text`, which ends in a newline.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Note {
        assert!(text.ends_with('\n') && !signatures.is_empty(), "a note has a whole text and a signature");
        Note { text, signatures }
    }

    /// What is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signature lines.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a signature line, unless it is there.
    pub fn add(&mut self, line: SignatureLine) {
        if !self.signatures.contains(&line) {
            self.signatures.push(line);
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| write!(f, "{line}"))
    }
}

impl SignatureLine {
    /// One line, without its newline.
    pub fn parse(line: &str) -> Result<SignatureLine, NoteError> {
        const FORM: NoteError = NoteError::Malformed("signature lines `\u{2014} <name> <base64>`");
        let (name, encoded) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(FORM)?;
        let bytes = from_base64(encoded).ok_or(FORM)?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if is_key_name(name) && !signature.is_empty() => {
                Ok(SignatureLine { name: name.to_owned(), id: *id, signature: signature.to_owned() })
            }
            _ => Err(FORM),
        }
    }
}

impl std::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [self.id.as_slice(), &self.signature].concat();
        writeln!(f, "{DASH}{} {}", self.name, to_base64(&bytes))
    }
}

/// True for names that a key may have: not empty, no spaces of Unicode, no plus, nothing that breaks a line.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "\u{2014} example.com/foo AAAAAQEB\n";

    fn note(signatures: usize) -> String {
        format!("one\n\ntwo\n\n{}", LINE.repeat(signatures))
    }

    #[test]
    fn the_last_empty_line_ends_the_text() {
        let parsed = Note::parse(&note(1)).expect("a note");
        assert_eq!(parsed.text(), "one\n\ntwo\n");
        assert_eq!(parsed.signatures()[0].id, [0, 0, 0, 1]);
        assert_eq!(parsed.to_string(), note(1));
    }

    #[test]
    fn sixteen_signatures_are_read_and_a_flood_is_not() {
        assert_eq!(Note::parse(&note(16)).expect("a note").signatures().len(), 16);
        assert!(Note::parse(&note(MAX_SIGNATURES)).is_ok());
        assert!(Note::parse(&note(MAX_SIGNATURES + 1)).is_err());
        assert!(Note::parse(&format!("{}\n\n{LINE}", "x".repeat(MAX_NOTE))).is_err());
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let whole = note(1);
        for bad in [
            "",
            "\n",
            "text\n",
            "text\n\n",
            &whole[..whole.len() - 1],
            &whole.replace("\u{2014} ", "- "),
            &whole.replace("two", "t\two"),
            &whole.replace("two", "t\rwo"),
            &whole.replace("example.com/foo", ""),
            &whole.replace("example.com/foo", "example.com/f+o"),
            &whole.replace("example.com/foo", "example.com/f\u{a0}o"),
            &whole.replace("AAAAAQEB", "AAAAAQ=="),
            &whole.replace("AAAAAQEB", "AAAAAQEC="),
            &whole.replace("AAAAAQEB", "AAAAAQF="),
            &format!("{whole}trailing\n"),
            &format!("{whole}\n"),
        ] {
            assert!(Note::parse(bad).is_err(), "{bad:?}");
        }
    }
}
