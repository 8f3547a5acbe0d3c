//! Terms: fields and values as numbers, under which entries are filed.

use super::run::KEY_BITS;
use crate::codec::{self, Identity, StreamId};

/// What entries can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Field {
    Id = 1,
    Account = 2,
    Center = 3,
    Policy = 4,
    Kind = 5,
    Advertiser = 6,
    Conversation = 7,
    Target = 8,
    Day = 9,
    Decision = 10,
    /// Links made or ended of an account: some of its entries.
    Links = 11,
}

impl Field {
    /// The half of all terms that its own are in: the lower one is what recording asks for, with every entry or for every
    /// account. Each half of a run has a filter of its own, so that memory holds what recording asks, and no more.
    fn half(self) -> u64 {
        !matches!(self, Field::Id | Field::Account | Field::Center | Field::Links) as u64
    }
}

/// A term: a field and a value, hashed; the topmost bit is its field's half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u64);

impl Term {
    /// The term of `value` in `field`.
    pub fn new(field: Field, value: &[u8]) -> Term {
        Term::of(field, codec::term(field as u8, value))
    }

    /// The term of an identity, which is a hash already.
    pub fn id(identity: &Identity) -> Term {
        Term::of(Field::Id, first_8(&identity.0))
    }

    /// The term of a stream, whose name is random or a hash already.
    pub fn stream(field: Field, stream: &StreamId) -> Term {
        Term::of(field, first_8(&stream.0) ^ spread(field as u64))
    }

    /// The term of a number that nobody chooses: a kind, a day, a seq.
    pub fn number(field: Field, number: u64) -> Term {
        Term::of(field, spread(number ^ (field as u64) << 56))
    }

    fn of(field: Field, hash: u64) -> Term {
        Term(field.half() << 63 | hash >> 1)
    }

    /// What runs keep of it.
    pub(super) fn key(self) -> u64 {
        self.0 >> (64 - KEY_BITS)
    }
}

fn first_8(bytes: &[u8; 16]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}

/// Every number as another one, so that those near each other lie apart (the finalizer of splitmix64).
fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// The terms of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    len: usize,
    terms: [Term; Terms::MOST],
}

impl Terms {
    /// One more than any entry has: id, kind, day, account; of a decision its own id, an advertiser and a policy.
    const MOST: usize = 8;

    /// Those of an entry that is found by its id.
    pub fn new(id: Term) -> Terms {
        Terms { len: 1, terms: [id; Terms::MOST] }
    }

    /// Takes one more.
    pub fn push(&mut self, term: Term) {
        self.terms[self.len] = term;
        self.len += 1;
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Term] {
        &self.terms[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What runs on disk are sorted and looked through by: change it only together with the version of runs.
    #[test]
    fn keys_are_those_of_this_version() {
        assert_eq!(super::super::run::VERSION, 6);
        let (identity, stream) = (Identity([7; 16]), StreamId([7; 16]));
        let keys = [
            Term::id(&identity),
            Term::stream(Field::Account, &stream),
            Term::stream(Field::Center, &stream),
            Term::stream(Field::Links, &stream),
            Term::stream(Field::Policy, &stream),
            Term::number(Field::Kind, 7),
            Term::number(Field::Day, 7),
            Term::number(Field::Target, 7),
            Term::new(Field::Advertiser, b"seven"),
            Term::new(Field::Conversation, b"seven"),
            Term::new(Field::Decision, b"seven"),
        ];
        let expected = [
            0x03_8383_8383,
            0x48_2f99_6c8d,
            0x0d_0609_f1ee,
            0x2b_f931_bd12,
            0xb4_ba72_3af2,
            0xc0_3b84_bd67,
            0xc5_25fe_458d,
            0xdb_6836_5878,
            0xa4_24e8_9628,
            0xce_fdcf_c5f9,
            0xe3_038a_67c3,
        ];
        assert_eq!(keys.map(Term::key), expected);
        // The first four are what recording asks for.
        assert!(keys.iter().enumerate().all(|(place, term)| term.key() >> (KEY_BITS - 1) == u64::from(place > 3)));
    }
}
