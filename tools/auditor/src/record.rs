//! The record of an entry: the plaintext of its body.
//!
//! All of it is decoded, so that a body which is none is refused. Kept is only what an auditor reads who does not
//! judge: who says it, about whom, what it refers to, and the few fields that tell what must be there.

use crate::codec::{Malformed, Reader};

/// The kind of a fact, by its number in the table of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(u8);

impl Kind {
    /// A version of a policy.
    pub const POLICY: Self = Self(0);
    /// A notice to a person.
    pub const NOTICE: Self = Self(1);
    /// An account joins a center.
    pub const LINKED: Self = Self(2);
    /// An account leaves a center.
    pub const UNLINKED: Self = Self(3);
    /// A preference of a person.
    pub const PREFERENCE: Self = Self(4);
    /// A consent, given or not.
    pub const CONSENT: Self = Self(5);
    /// The age of a person, as far as it was observed.
    pub const AGE: Self = Self(6);
    /// A control that was asked for.
    pub const CONTROL: Self = Self(8);
    /// A turn of a conversation.
    pub const INTERACTION: Self = Self(9);
    /// The label of an interaction.
    pub const LABEL: Self = Self(11);
    /// A signal.
    pub const SIGNAL: Self = Self(12);
    /// A decision.
    pub const DECISION: Self = Self(13);
    /// The erasure of an account.
    pub const ERASURE: Self = Self(14);
    /// A verdict on record.
    pub const ATTESTED: Self = Self(15);

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        // Below 16, so it fits.
        reader.variant(16, "a kind below 16").map(|number| Self(number as u8))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// A link or an unlink: what extends the stream of a center as well.
    pub fn moves(self) -> bool {
        self == Self::LINKED || self == Self::UNLINKED
    }

    /// Stored as plaintext, for everybody to check.
    pub fn is_public(self) -> bool {
        self == Self::POLICY || self == Self::ERASURE || self == Self::ATTESTED
    }

    /// Has references, and so links.
    pub fn refers(self) -> bool {
        [Self::INTERACTION, Self::LABEL, Self::SIGNAL, Self::DECISION, Self::ATTESTED].contains(&self)
    }
}

/// A fact's name: who says it, and under which id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FactId {
    /// Who says it.
    pub source: String,
    /// Under which id.
    pub id: String,
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub id: FactId,
    /// The account or policy that it is about; empty for an erasure and an attested verdict.
    pub subject: String,
    /// Its kind.
    pub kind: Kind,
    /// What it refers to, in the order of its links.
    pub references: Vec<FactId>,
    /// What it says, as far as that tells what must be there.
    pub says: Says,
}

/// The fields that an auditor reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Nothing that matters here.
    Nothing,
    /// A policy's params, one JSON object.
    Policy {
        /// The params.
        params: String,
    },
    /// A link's or an unlink's center.
    Center(String),
    /// An interaction's conversation.
    Turn {
        /// The id of the conversation.
        conversation: String,
    },
    /// The conversations that a signal rests on as a whole.
    Signal {
        /// Their ids.
        conversations: Vec<String>,
    },
    /// Whether an erasure destroys all of the account, or contents only.
    Erasure {
        /// True for `all`.
        all: bool,
    },
    /// A verdict on record.
    Attested(Box<Attested>),
}

/// A verdict on record, as the format's table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// The seq of its decision.
    pub decision: u64,
    /// The digest of the line that was judged.
    pub digest: [u8; 32],
    /// The verdict of the known view.
    pub known: &'static str,
    /// The verdict of the true view.
    pub true_: &'static str,
    /// How the decision conformed.
    pub conformance: &'static str,
    /// Whether evidence was whole.
    pub integrity: &'static str,
    /// The rules that fired.
    pub rules: Vec<AttestedRule>,
    /// The program that judged.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// The size of the tree that it judged by.
    pub size: u64,
    /// The root of that tree.
    pub root: [u8; 32],
}

/// A rule that fired in a verdict on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedRule {
    /// Its id.
    pub id: String,
    /// The policy that it is of.
    pub policy: Option<String>,
    /// The version of the policy.
    pub version: Option<String>,
    /// Whether it fired in the known view.
    pub known: bool,
    /// Whether it fired in the true view.
    pub true_: bool,
}

const VERDICTS: [&str; 4] = ["allow", "out_of_scope", "indeterminate", "deny"];
const CONFORMANCES: [&str; 7] =
    ["conforming", "out_of_scope", "withheld", "erased", "unproven", "late_breach", "breach"];
const INTEGRITIES: [&str; 3] = ["ok", "erased", "tampered"];

type Read<T> = Result<T, Malformed>;

impl Record {
    /// Decodes a record, and refuses bytes that are left over.
    pub fn decode(bytes: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(bytes);
        let id = fact_id(&mut reader)?;
        let subject = reader.string()?;
        let kind = Kind::read(&mut reader)?;
        let mut references = Vec::new();
        let says = body(&mut reader, kind, &mut references)?;
        reader.end()?;
        Ok(Self { id, subject, kind, references, says })
    }
}

fn body(reader: &mut Reader, kind: Kind, references: &mut Vec<FactId>) -> Read<Says> {
    match kind.number() {
        0 => policy(reader),
        1 => notice(reader),
        2 | 3 => reader.string().map(Says::Center),
        4 => nothing(reader.variant(7, "a control").and_then(|_| reader.string())),
        5 => consent(reader),
        6 => nothing(reader.variant(3, "an age band")),
        7 => nothing(reader.variant(2, "a permission").and_then(|_| reader.variant(3, "a state of a permission"))),
        8 => nothing(reader.string()),
        9 => interaction(reader, references),
        10 => nothing(reader.string().and_then(|_| strings(reader))),
        11 => label(reader, references),
        12 => signal(reader, references),
        13 => decision(reader, references),
        14 => Ok(Says::Erasure { all: reader.variant(2, "a scope")? == 1 }),
        _ => attested(reader),
    }
}

fn nothing<T>(read: Read<T>) -> Read<Says> {
    read.map(|_| Says::Nothing)
}

fn policy(reader: &mut Reader) -> Read<Says> {
    reader.string()?;
    time(reader)?;
    reader.option(time)?;
    reader.variant(2, "a role")?;
    reader.option(Reader::string)?;
    reader.string()?;
    reader.string()?;
    let params = reader.string()?;
    reader.u8()?;
    reader.list(|reader| {
        reader.string()?;
        reader.string()?;
        digest(reader)?;
        time(reader)
    })?;
    Ok(Says::Policy { params })
}

fn notice(reader: &mut Reader) -> Read<Says> {
    reader.string()?;
    reader.option(Reader::string)?;
    reader.variant(3, "a channel")?;
    reader.variant(6, "a status of a notice")?;
    reader.option(Reader::string)?;
    nothing(reader.option(digest))
}

fn consent(reader: &mut Reader) -> Read<Says> {
    reader.string()?;
    reader.variant(4, "a state of a consent")?;
    nothing(reader.option(Reader::string))
}

fn interaction(reader: &mut Reader, references: &mut Vec<FactId>) -> Read<Says> {
    reader.variant(3, "an agent")?;
    let conversation = reader.string()?;
    reader.u64()?;
    reader.variant(3, "a modality")?;
    reader.option(region)?;
    reader.option(region)?;
    for _ in 0..4 {
        reader.option(Reader::bool)?;
    }
    *references = reader.list(fact_id)?;
    Ok(Says::Turn { conversation })
}

fn label(reader: &mut Reader, references: &mut Vec<FactId>) -> Read<Says> {
    references.push(fact_id(reader)?);
    categories(reader)?;
    strings(reader)?;
    nothing(program(reader))
}

fn signal(reader: &mut Reader, references: &mut Vec<FactId>) -> Read<Says> {
    reader.string()?;
    reader.option(Reader::string)?;
    categories(reader)?;
    reader.option(Reader::u32)?;
    let mut conversations = Vec::new();
    reader.list(|reader| {
        match reader.variant(2, "a source, 0 for a fact or 1 for a conversation")? {
            0 => references.push(fact_id(reader)?),
            _ => conversations.push(reader.string()?),
        }
        Ok(())
    })?;
    program(reader)?;
    Ok(Says::Signal { conversations })
}

fn decision(reader: &mut Reader, references: &mut Vec<FactId>) -> Read<Says> {
    reader.variant(2, "a purpose")?;
    reader.variant(5, "a kind of item")?;
    for _ in 0..3 {
        reader.option(Reader::string)?;
    }
    strings(reader)?;
    reader.option(region)?;
    reader.option(region)?;
    *references = reader.list(fact_id)?;
    reader.option(|reader| reader.string().and_then(|_| reader.string()))?;
    nothing(reader.variant(2, "an outcome"))
}

fn attested(reader: &mut Reader) -> Read<Says> {
    Ok(Says::Attested(Box::new(Attested {
        decision: reader.u64()?,
        digest: digest(reader)?,
        known: name(reader, &VERDICTS)?,
        true_: name(reader, &VERDICTS)?,
        conformance: name(reader, &CONFORMANCES)?,
        integrity: name(reader, &INTEGRITIES)?,
        rules: reader.list(|reader| {
            Ok(AttestedRule {
                id: reader.string()?,
                policy: reader.option(Reader::string)?,
                version: reader.option(Reader::string)?,
                known: reader.bool()?,
                true_: reader.bool()?,
            })
        })?,
        engine: reader.string()?,
        engine_version: reader.string()?,
        size: reader.u64()?,
        root: digest(reader)?,
    })))
}

/// The name of a variant, by its number.
fn name(reader: &mut Reader, names: &[&'static str]) -> Read<&'static str> {
    let number = reader.variant(names.len() as u64, "a verdict, a conformance or an integrity")?;
    // Below the number of names, so it is there.
    Ok(names.get(number as usize).copied().unwrap_or_default())
}

fn fact_id(reader: &mut Reader) -> Read<FactId> {
    Ok(FactId { source: reader.string()?, id: reader.string()? })
}

fn time(reader: &mut Reader) -> Read<()> {
    reader.i64()?;
    reader.i32().map(drop)
}

fn digest(reader: &mut Reader) -> Read<[u8; 32]> {
    reader.array("a digest of 32 bytes")
}

fn program(reader: &mut Reader) -> Read<()> {
    reader.string()?;
    reader.string()?;
    digest(reader)?;
    reader.option(Reader::string).map(drop)
}

fn strings(reader: &mut Reader) -> Read<()> {
    reader.list(Reader::string).map(drop)
}

fn region(reader: &mut Reader) -> Read<()> {
    let letters = reader.array::<2>("a region of two letters")?;
    if letters.iter().all(u8::is_ascii_uppercase) {
        Ok(())
    } else {
        Err(reader.refused("a region of two capital letters", 2))
    }
}

fn categories(reader: &mut Reader) -> Read<()> {
    let bits = reader.u8()?;
    if bits >> 7 == 0 { Ok(()) } else { Err(reader.refused("one bit for each of seven categories", 1)) }
}
