//! A text as terms see it: lower case, accents and apostrophes gone, every word between two spaces of its own
//! (` race  car `), so that a term matches whole words only and two terms side by side never share a space.
//!
//! Every byte knows where in the original it came from, so that evidence can point there. No Unicode tables: Latin
//! letters are folded by hand, all others are kept as they are. No stemming, no spelling correction.

/// A normalised text, with the way back.
pub(super) struct Normal {
    /// ` word ` after ` word `; empty if there is none.
    pub text: String,
    /// For each byte of `text`: the bytes of the original from here (`.0`) to there (`.1`).
    origin: Vec<(usize, usize)>,
}

impl Normal {
    /// Normalises any text, in one pass.
    pub fn new(original: &str) -> Self {
        let mut normal = Self {
            text: String::with_capacity(original.len() + original.len() / 4 + 2),
            origin: Vec::with_capacity(original.len() + original.len() / 4 + 2),
        };
        let mut in_word = false;
        for (at, c) in original.char_indices() {
            if is_silent(c) {
                continue;
            }
            let span = (at, at + c.len_utf8());
            if c.is_alphanumeric() {
                if !in_word {
                    normal.push(" ", span);
                }
                in_word = true;
                normal.push_letter(c, span);
            } else if in_word {
                normal.close();
                in_word = false;
            }
        }
        if in_word {
            normal.close();
        }
        normal
    }

    /// The bytes of the original that a match over `start..end` of the normalised text stands for.
    pub fn original(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        self.origin[start].0..self.origin[end - 1].1
    }

    fn close(&mut self) {
        let last = self.origin.last().copied().unwrap_or_default();
        self.push(" ", last);
    }

    fn push(&mut self, text: &str, span: (usize, usize)) {
        self.text.push_str(text);
        self.origin.resize(self.text.len(), span);
    }

    fn push_letter(&mut self, c: char, span: (usize, usize)) {
        if c.is_ascii() {
            self.text.push(c.to_ascii_lowercase());
            self.origin.push(span);
            return;
        }
        // Full-width forms of ASCII are ASCII to a reader.
        if let Some(narrow) = ('\u{ff01}'..='\u{ff5e}').contains(&c).then(|| (c as u32 - 0xfee0) as u8) {
            return self.push_letter(narrow as char, span);
        }
        for lower in c.to_lowercase() {
            match fold(lower) {
                Some(plain) => self.push(plain, span),
                None if is_silent(lower) => {}
                None => self.push(lower.encode_utf8(&mut [0; 4]), span),
            }
        }
    }
}

/// What is dropped without ending a word: apostrophes, combining marks, invisible characters.
fn is_silent(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ' | '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn fold(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì'..='ï' | 'ī' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ţ' | 'ť' | 'ț' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_that_a_reader_would_not_notice_does_not_matter() {
        for (text, normal) in [
            ("Race-car!", " race  car "),
            ("  don’t  can't", " dont  cant "),
            ("naïve CAFÉ cafe\u{301}", " naive  cafe  cafe "),
            ("ga\u{200b}y ｇａｙ", " gay  gay "),
            ("Straße", " strasse "),
            ("", ""),
            ("?!… 🙂", ""),
            ("covid-19", " covid  19 "),
            ("İstanbul", " istanbul "),
        ] {
            assert_eq!(Normal::new(text).text, normal, "{text}");
        }
    }

    #[test]
    fn every_byte_finds_its_way_back() {
        let text = "Zoë’s “Straße”, c'est ｇａｙ";
        let normal = Normal::new(text);
        assert_eq!(normal.origin.len(), normal.text.len());
        let at = normal.text.find(" strasse ").unwrap();
        assert_eq!(&text[normal.original(at, at + " strasse ".len())], "Straße");
        let at = normal.text.find(" zoes ").unwrap();
        assert_eq!(&text[normal.original(at, at + " zoes ".len())], "Zoë’s");
    }
}
