//! Step 11, the half that needs no words: what is said of decision and streams is what the entries show.
//!
//! The sentences of `completeness`, the page of `summary` and the verdict are not compared with anything.

use crate::base::to_hex;
use crate::bundle::{Bundle, Role, Stream};
use crate::evidence::{Evidence, Item};
use crate::hash::{Hash, StreamId};
use crate::json::Json;
use crate::record::{AttestedRule, Kind, Says};
use crate::time::rfc3339;

pub fn check(evidence: &Evidence, bundle: &Bundle, heads: &[(StreamId, u64, Hash)]) -> Result<String, String> {
    let decision = evidence.decision();
    if decision.hash != bundle.decision.hash {
        return Err("`decision` has another hash than its entry".to_owned());
    }
    if decision.record.as_ref().map(|record| &record.id) != bundle.decision.name.as_ref() {
        return Err("`decision` has another name than its entry".to_owned());
    }
    let judged = bundle.verdict.member("decision");
    if judged.and_then(|judged| judged.member("seq"))
        != i64::try_from(bundle.decision.seq).ok().map(Json::Number).as_ref()
    {
        return Err("`verdict` is about another decision".to_owned());
    }
    on_record(evidence, &bundle.verdict)?;
    for stream in &bundle.streams {
        one(evidence, stream, heads).map_err(|why| format!("stream {}: {why}", stream.stream))?;
    }
    Ok(format!("{} streams are as listed", bundle.streams.len()))
}

/// A verdict on erased evidence, or one that is not as it is on record, lists every verdict on record of the decision;
/// others list none.
fn on_record(evidence: &Evidence, verdict: &Json) -> Result<(), String> {
    let decision = evidence.decision().header.seq;
    let rows: Vec<_> = evidence.items.iter().filter_map(|item| row(item, decision)).collect();
    let erased = verdict.member("integrity") == Some(&Json::String("erased".to_owned()));
    let now = |view: &str| verdict.member(view).and_then(|view| view.member("verdict"));
    let as_now = |row: &Json| {
        row.member("known") == now("known")
            && row.member("true") == now("true")
            && row.member("conformance") == verdict.member("conformance")
    };
    let told = erased || !rows.iter().all(as_now);
    let expected = if told && !rows.is_empty() { Some(Json::List(rows)) } else { None };
    if verdict.member("attested") == expected.as_ref() {
        return Ok(());
    }
    Err("`verdict.attested` is not what the verdicts on record say".to_owned())
}

fn row(item: &Item, decision: u64) -> Option<Json> {
    let Says::Attested(it) = &item.record.as_ref()?.says else { return None };
    if it.decision != decision {
        return None;
    }
    let text = |text: &str| Json::String(text.to_owned());
    let number = |number| i64::try_from(number).ok().map(Json::Number);
    let object = |members: Vec<(&str, Option<Json>)>| {
        Json::Object(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    };
    let rule = |rule: &AttestedRule| {
        object(vec![
            ("id", Some(text(&rule.id))),
            ("policy", rule.policy.as_deref().map(text)),
            ("version", rule.version.as_deref().map(text)),
            ("known", Some(Json::Bool(rule.known))),
            ("true", Some(Json::Bool(rule.true_))),
        ])
    };
    Some(object(vec![
        ("seq", number(item.header.seq)),
        ("engine", Some(text(&it.engine))),
        ("version", Some(text(&it.engine_version))),
        ("size", number(it.size)),
        ("root", Some(text(&to_hex(&it.root)))),
        ("known", Some(text(it.known))),
        ("true", Some(text(it.true_))),
        ("conformance", Some(text(it.conformance))),
        ("integrity", Some(text(it.integrity))),
        ("digest", Some(text(&to_hex(&it.digest)))),
        ("rules", Some(Json::List(it.rules.iter().map(rule).collect()))),
        ("attested_at", rfc3339(item.header.recorded_at, 0).as_deref().map(text)),
    ]))
}

fn one(evidence: &Evidence, stream: &Stream, heads: &[(StreamId, u64, Hash)]) -> Result<(), String> {
    let id = stream.stream;
    let decision = &evidence.decision().header;
    let own = decision.own_stream() == Some(id);
    let role = evidence.stream(id).next().map(|(_, item)| match item.kind() {
        Kind::POLICY => Role::Policy,
        _ if item.header.own_stream() != Some(id) => Role::Center,
        _ if own => Role::Account,
        _ => Role::Linked,
    });
    if role != Some(stream.role) {
        return Err("its role is another".to_owned());
    }
    let mut names = evidence.stream(id).filter_map(|(_, item)| item.record.as_ref()).filter_map(|record| {
        match (&record.says, role) {
            (Says::Center(center), Some(Role::Center)) => Some(center),
            _ if record.subject.is_empty() => None,
            _ => Some(&record.subject),
        }
    });
    if names.next() != stream.name.as_ref() {
        return Err("its name is not what its open bodies say".to_owned());
    }
    // By the hash of the entry before its own, the decision commits to its account's stream as well.
    let pinned = match own {
        true => decision.streams.first().map(|link| link.revision),
        false => {
            heads.binary_search_by_key(&id, |head| head.0).ok().and_then(|place| heads.get(place)).map(|head| head.1)
        }
    };
    if pinned != stream.pinned {
        return Err("the decision commits to it up to another revision".to_owned());
    }
    Ok(())
}
