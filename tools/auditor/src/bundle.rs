//! The file: one JSON object in one spelling, taken apart member by member in the order of the format's tables.
//!
//! What does not have this form is refused before anything is believed. Bytes are decoded here, their meaning is not.

use crate::base::{from_base64, from_hex};
use crate::hash::{Hash, StreamId};
use crate::json::Json;
use crate::record::FactId;

/// A larger file is not read.
pub const MOST_BYTES: u64 = 64 << 20;

/// A bundle, as it says what it is.
pub struct Bundle {
    /// All of it, for the digests of the manifest.
    pub json: Json,
    pub decision: Decision,
    pub verdict: Json,
    pub completeness: Vec<String>,
    pub erasures: Vec<Erasure>,
    pub checkpoint: String,
    pub streams: Vec<Stream>,
    pub entries: Vec<Entry>,
    pub proofs: Vec<Proof>,
    pub manifest: Json,
    pub seal: String,
}

pub struct Decision {
    pub seq: u64,
    pub hash: Hash,
    pub name: Option<FactId>,
}

#[derive(PartialEq, Eq)]
pub struct Erasure {
    pub seq: u64,
    pub time: String,
    pub recorded: String,
    pub scope: String,
    pub stream: StreamId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Account,
    Linked,
    Center,
    Policy,
}

pub struct Stream {
    pub stream: StreamId,
    pub role: Role,
    pub name: Option<String>,
    pub pinned: Option<u64>,
    pub tip_seq: u64,
    pub tip_revision: u64,
}

pub struct Entry {
    pub seq: u64,
    pub header: Vec<u8>,
    pub body: Shown,
    pub content: Option<Shown>,
}

/// How much of a body or a content is shown.
pub enum Shown {
    Open { key: [u8; 32], plaintext: Vec<u8> },
    Withheld,
    Erased { by: u64 },
}

pub struct Proof {
    pub seq: u64,
    pub path: Vec<Hash>,
}

/// Why a file is no bundle, and where.
type Form<T> = Result<T, String>;

impl Bundle {
    pub fn parse(text: &str) -> Form<Self> {
        let json = Json::parse(text)?;
        if json.member("format") != Some(&Json::String("inforce-bundle/1".to_owned())) {
            return Err("`format` is not `inforce-bundle/1`".to_owned());
        }
        if json.spelt() != text {
            return Err("the file is not in the one spelling of a bundle".to_owned());
        }
        let mut members = Members::of("the bundle", &json)?;
        members.take("format")?;
        let mut engine = Members::of("engine", members.take("engine")?)?;
        string("engine.name", engine.take("name")?)?;
        string("engine.version", engine.take("version")?)?;
        engine.end()?;
        let bundle = Self {
            decision: decision(members.take("decision")?)?,
            verdict: members.take("verdict")?.clone(),
            completeness: list("completeness", members.take("completeness")?, |item| {
                string("completeness", item).map(str::to_owned)
            })?,
            erasures: list("erasures", members.take("erasures")?, erasure)?,
            checkpoint: string("checkpoint", members.take("checkpoint")?)?.to_owned(),
            streams: list("streams", members.take("streams")?, stream)?,
            entries: list("entries", members.take("entries")?, entry)?,
            proofs: list("proofs", members.take("proofs")?, proof)?,
            manifest: {
                string("summary", members.take("summary")?)?;
                members.take("manifest")?.clone()
            },
            seal: string("seal", members.take("seal")?)?.to_owned(),
            json: Json::Null,
        };
        members.end()?;
        verdict(&bundle.verdict)?;
        ascending("streams", bundle.streams.iter().map(|stream| stream.stream))?;
        ascending("entries", bundle.entries.iter().map(|entry| entry.seq))?;
        ascending("proofs", bundle.proofs.iter().map(|proof| proof.seq))?;
        Ok(Self { json, ..bundle })
    }
}

fn decision(json: &Json) -> Form<Decision> {
    let mut members = Members::of("decision", json)?;
    let decision = Decision {
        seq: number("decision.seq", members.take("seq")?)?,
        hash: hex("decision.hash", members.take("hash")?)?,
        name: members.maybe("name").map(|json| fact_id("decision.name", json)).transpose()?,
    };
    members.end()?;
    Ok(decision)
}

fn erasure(json: &Json) -> Form<Erasure> {
    let mut members = Members::of("an erasure", json)?;
    let erasure = Erasure {
        seq: number("erasures.seq", members.take("seq")?)?,
        time: string("erasures.time", members.take("time")?)?.to_owned(),
        recorded: string("erasures.recorded", members.take("recorded")?)?.to_owned(),
        scope: string("erasures.scope", members.take("scope")?)?.to_owned(),
        stream: StreamId(hex("erasures.stream", members.take("stream")?)?),
    };
    members.end()?;
    Ok(erasure)
}

fn stream(json: &Json) -> Form<Stream> {
    let mut members = Members::of("a stream", json)?;
    let stream = StreamId(hex("streams.stream", members.take("stream")?)?);
    let role = match string("streams.role", members.take("role")?)? {
        "account" => Role::Account,
        "linked" => Role::Linked,
        "center" => Role::Center,
        "policy" => Role::Policy,
        other => return Err(format!("`streams.role` is `{other}`: expected account, linked, center or policy")),
    };
    let name = members.maybe("name").map(|json| string("streams.name", json).map(str::to_owned)).transpose()?;
    let pinned = match members.take("pinned")? {
        Json::Null => None,
        json => Some(number("streams.pinned", json)?),
    };
    let mut tip = Members::of("streams.tip", members.take("tip")?)?;
    let tip_seq = number("streams.tip.seq", tip.take("seq")?)?;
    let tip_revision = number("streams.tip.revision", tip.take("revision")?)?;
    tip.end()?;
    members.end()?;
    Ok(Stream { stream, role, name, pinned, tip_seq, tip_revision })
}

fn entry(json: &Json) -> Form<Entry> {
    let mut members = Members::of("an entry", json)?;
    let entry = Entry {
        seq: number("entries.seq", members.take("seq")?)?,
        header: base64("entries.header", members.take("header")?)?,
        body: shown("entries.body", members.take("body")?)?,
        content: members.maybe("content").map(|json| shown("entries.content", json)).transpose()?,
    };
    members.end()?;
    Ok(entry)
}

fn shown(what: &str, json: &Json) -> Form<Shown> {
    if *json == Json::String("withheld".to_owned()) {
        return Ok(Shown::Withheld);
    }
    let mut members = Members::of(what, json)?;
    let shown = if let Some(open) = members.maybe("open") {
        let mut open = Members::of(what, open)?;
        let shown =
            Shown::Open { key: hex(what, open.take("key")?)?, plaintext: base64(what, open.take("plaintext")?)? };
        open.end()?;
        shown
    } else {
        let mut erased = Members::of(what, members.take("erased")?)?;
        let shown = Shown::Erased { by: number(what, erased.take("by")?)? };
        erased.end()?;
        shown
    };
    members.end()?;
    Ok(shown)
}

fn proof(json: &Json) -> Form<Proof> {
    let mut members = Members::of("a proof", json)?;
    let seq = number("proofs.seq", members.take("seq")?)?;
    let path = list("proofs.path", members.take("path")?, |item| {
        let bytes = base64("proofs.path", item)?;
        bytes.try_into().map_err(|_| "a node of `proofs.path` is not 32 bytes long".to_owned())
    })?;
    members.end()?;
    Ok(Proof { seq, path })
}

/// The form of a verdict, and the order of its members. What it says is not read.
fn verdict(json: &Json) -> Form<()> {
    let mut members = Members::of("verdict", json)?;
    let mut decision = Members::of("verdict.decision", members.take("decision")?)?;
    named(&mut decision, "verdict.decision")?;
    number("verdict.decision.seq", decision.take("seq")?)?;
    decision.end()?;
    match members.take("outcome")? {
        Json::Null => {}
        outcome => string("verdict.outcome", outcome).map(drop)?,
    }
    string("verdict.integrity", members.take("integrity")?)?;
    string("verdict.conformance", members.take("conformance")?)?;
    for view in ["known", "true"] {
        let mut view = Members::of("a view of the verdict", members.take(view)?)?;
        string("verdict.known.verdict", view.take("verdict")?)?;
        list("verdict.rules", view.take("rules")?, |rule| finding(rule, true))?;
        list("verdict.findings", view.take("findings")?, |found| finding(found, false))?;
        view.end()?;
    }
    // Compared as a whole with the verdicts on record, by the step of the statements.
    members.maybe("attested");
    members.end()
}

fn finding(json: &Json, rule: bool) -> Form<()> {
    let mut members = Members::of("a rule of the verdict", json)?;
    string("verdict.rules.id", members.take("id")?)?;
    for name in ["policy", "version"] {
        members.maybe(name).map(|json| string(name, json)).transpose()?;
    }
    if let Some(used) = members.maybe("use").filter(|_| rule) {
        reference(used)?;
    }
    members.maybe("refs").map(|refs| list("verdict.refs", refs, reference)).transpose()?;
    members.end()
}

/// `source` and `id`, or the `seq` of a destroyed entry; and `lag_s` of a late fact.
fn reference(json: &Json) -> Form<()> {
    let mut members = Members::of("a reference of the verdict", json)?;
    if !named(&mut members, "a reference of the verdict")? {
        number("verdict.refs.seq", members.take("seq")?)?;
    }
    match members.maybe("lag_s") {
        None | Some(Json::Number(_)) => members.end(),
        Some(_) => Err("`lag_s` is no number".to_owned()),
    }
}

fn named(members: &mut Members, what: &str) -> Form<bool> {
    let Some(source) = members.maybe("source") else { return Ok(false) };
    string(what, source)?;
    string(what, members.take("id")?)?;
    Ok(true)
}

fn fact_id(what: &str, json: &Json) -> Form<FactId> {
    let mut members = Members::of(what, json)?;
    let source = string(what, members.take("source")?)?.to_owned();
    let id = string(what, members.take("id")?)?.to_owned();
    members.end()?;
    Ok(FactId { source, id })
}

fn ascending<T: PartialOrd>(what: &str, items: impl Iterator<Item = T>) -> Form<()> {
    if items.is_sorted_by(|left, right| left < right) {
        return Ok(());
    }
    Err(format!("`{what}` do not ascend, or one is there twice"))
}

fn list<'a, T>(what: &str, json: &'a Json, read: impl Fn(&'a Json) -> Form<T>) -> Form<Vec<T>> {
    match json {
        Json::List(items) => items.iter().map(read).collect(),
        _ => Err(format!("`{what}` is no list")),
    }
}

fn string<'a>(what: &str, json: &'a Json) -> Form<&'a str> {
    match json {
        Json::String(text) => Ok(text),
        _ => Err(format!("`{what}` is no string")),
    }
}

fn number(what: &str, json: &Json) -> Form<u64> {
    match json {
        Json::Number(number) => u64::try_from(*number).map_err(|_| format!("`{what}` is negative")),
        _ => Err(format!("`{what}` is no number")),
    }
}

fn hex<const N: usize>(what: &str, json: &Json) -> Form<[u8; N]> {
    from_hex(string(what, json)?).ok_or_else(|| format!("`{what}` is not {} digits of lower-case hex", N * 2))
}

fn base64(what: &str, json: &Json) -> Form<Vec<u8>> {
    from_base64(string(what, json)?).ok_or_else(|| format!("`{what}` is no base64"))
}

/// The members of an object, taken in their order.
struct Members<'a> {
    of: &'a str,
    rest: std::slice::Iter<'a, (String, Json)>,
}

impl<'a> Members<'a> {
    fn of(of: &'a str, json: &'a Json) -> Form<Self> {
        match json {
            Json::Object(members) => Ok(Self { of, rest: members.iter() }),
            _ => Err(format!("{of} is no object")),
        }
    }

    /// The member that stands next, which must have this name.
    fn take(&mut self, name: &str) -> Form<&'a Json> {
        self.maybe(name).ok_or_else(|| format!("{}: expected the member `{name}` in its place", self.of))
    }

    /// The member that stands next, if it has this name.
    fn maybe(&mut self, name: &str) -> Option<&'a Json> {
        let (next, value) = self.rest.as_slice().first()?;
        if next != name {
            return None;
        }
        self.rest.next();
        Some(value)
    }

    fn end(mut self) -> Form<()> {
        self.rest
            .next()
            .map_or(Ok(()), |(name, _)| Err(format!("{}: the member `{name}` does not belong here", self.of)))
    }
}
