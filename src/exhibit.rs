//! An exhibit: one entry with the bytes that its hashes are made over, and the keys that show what it committed to.
//!
//! The ledger hands exhibits out; a bundle is made of them. Deliberately absent: choosing what is shown to whom.

use crate::codec::{self, Commitment, DecodeError, Header, Record};
use crate::entry::Entry;
use zeroize::Zeroize;

/// What opens a commitment: the entry's own key and the plaintext.
#[derive(Clone, Debug, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct Opening {
    /// The entry key of that part; zeros for bodies that are not sealed.
    pub key: [u8; 32],
    /// The plaintext: a record, or the text of a chat in UTF-8.
    pub plaintext: Vec<u8>,
}

impl Opening {
    /// True if this is what `commitment` was made over.
    pub fn opens(&self, commitment: &Commitment) -> bool {
        codec::commitment(&self.key, &self.plaintext) == *commitment
    }
}

/// One entry with its stored header, and what opens its body and content where that was not destroyed or withheld.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// The header as stored and hashed.
    pub header: Vec<u8>,
    /// The entry as it reads.
    pub entry: Entry,
    /// Opens the body.
    pub body: Option<Opening>,
    /// Opens the content of an interaction.
    pub content: Option<Opening>,
}

impl Exhibit {
    /// An exhibit of a stored header and nothing else: hashed and decoded.
    pub fn sealed(header: Vec<u8>) -> Result<Exhibit, DecodeError> {
        let decoded: Header = codec::decode(&header, "a header")?;
        let hash = codec::entry_hash(&header);
        let entry = Entry { header: decoded, hash, record: None, content: None };
        Ok(Exhibit { header, entry, body: None, content: None })
    }

    /// Its seq.
    pub fn seq(&self) -> u64 {
        self.entry.header.seq
    }

    /// True if something that it committed to cannot be opened any more.
    pub fn is_erased(&self) -> bool {
        self.body.is_none() || (self.entry.header.content.is_some() && self.content.is_none())
    }

    /// Reads the record out of an opening of the body; the caller has compared it with its commitment.
    pub fn disclose(&mut self, body: Opening) -> Result<(), DecodeError> {
        let record: Record = codec::decode(&body.plaintext, "a body")?;
        self.entry.record = Some(record);
        self.body = Some(body);
        Ok(())
    }
}
