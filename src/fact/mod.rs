//! The vocabulary: facts, their identity and both time axes.
//!
//! A fact is what the outside world claims; an entry (see `ledger`) is a fact that was recorded.
//! Facts are kept with texts of their own, and read with texts that stand elsewhere, such as in what was just unsealed:
//! hence the parameter of their types. Nothing in this room knows JSON, disk, clock or policy. Every enum that is encoded
//! lists its variants in the order of `docs/format.md`; variants are only ever added at the end.

mod account;
mod attested;
mod body;
mod category;
mod fact_id;
mod region;
mod time;
mod wire_enum;

pub(crate) use account::app_of;
pub use account::{Account, AccountError};
pub use attested::*;
pub use body::*;
pub use category::{Categories, Category};
pub use fact_id::{FactId, Reference, Source};
pub use region::{Region, RegionError};
pub use time::{Instant, Moment, Time, TimeError};

use bincode::{Decode, Encode};

/// One fact as it enters: who says what happened to whom, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `source` and `id` together: the identity under which the fact is recorded once.
    pub id: FactId,
    /// The account `<app>/<id>`, or the policy id for [`Body::PolicyAdopted`].
    pub subject: String,
    /// When it happened, with the offset it was written in.
    pub time: Time,
    /// When another log recorded it; honoured only under [`crate::ledger::Clock::Recorded`].
    pub recorded: Option<Instant>,
    /// What happened.
    pub body: Body,
    /// The text of an interaction, sealed under a key of its own.
    pub content: Option<String>,
}

impl Fact {
    /// The fact's kind.
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }
}

/// A SHA-256 or BLAKE3 digest, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Digest(pub [u8; 32]);

/// What each byte is worth as a hex digit; 16 and more where it is none.
const HEX: [u8; 256] = {
    let (mut worth, mut byte) = ([16; 256], 0);
    while byte < 256 {
        if let Some(digit) = (byte as u8 as char).to_digit(16) {
            worth[byte] = digit as u8;
        }
        byte += 1;
    }
    worth
};

impl Digest {
    /// Parses 64 hex digits of either case.
    pub fn parse(text: &str) -> Option<Digest> {
        let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
        let (mut out, mut all) = ([0u8; 32], 0);
        for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (HEX[usize::from(pair[0])], HEX[usize::from(pair[1])]);
            all |= high | low;
            *slot = high << 4 | low;
        }
        (all < 16).then_some(Digest(out))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_as_written() {
        let text = "00ff10".to_string() + &"ab".repeat(29);
        assert_eq!(Digest::parse(&text).expect("valid").to_string(), text);
        assert_eq!(Digest::parse(&text[1..]), None);
        for wrong in ["fg", "f ", "f/", "f:", "f@", "g0", "é"] {
            assert_eq!(Digest::parse(&text.replace("ff", wrong)), None, "{wrong}");
        }
        assert_eq!(Digest::parse(&text.to_uppercase()), Digest::parse(&text));
    }
}
