//! Step 7: the decision's pins, made again from the entries that are there.

use crate::bundle::Shown;
use crate::chart::Chart;
use crate::evidence::{Evidence, View};
use crate::hash::{Hash, StreamId, pinned};
use crate::record::{Kind, Says};
use std::collections::BTreeSet;

/// The heads that the decision was to pin: stream, revision, hash, sorted by stream.
pub fn heads(evidence: &Evidence) -> Vec<(StreamId, u64, Hash)> {
    let decision = &evidence.decision().header;
    let chart = Chart::of(evidence, View::Known);
    let mut streams: BTreeSet<_> = evidence.policies().collect();
    if let Some(account) = decision.own_stream()
        && let Some(center) = chart.center_of(account, decision.moment())
    {
        streams.insert(center);
        let members = chart.members(center, &[decision.moment()].into()).into_iter();
        streams.extend(members.filter(|member| *member != account && !gone(evidence, *member)));
    }
    let head = |stream| {
        let mut before = evidence.stream(stream).rev().skip_while(|(_, item)| item.header.seq >= decision.seq);
        before.next().map(|(revision, item)| (stream, revision, item.hash))
    };
    streams.into_iter().filter_map(head).collect()
}

/// An erasure of `all` was recorded before the decision.
fn gone(evidence: &Evidence, account: StreamId) -> bool {
    evidence.stream(account).any(|(_, item)| {
        let all = matches!(item.record.as_ref().map(|record| &record.says), Some(Says::Erasure { all: true }));
        item.kind() == Kind::ERASURE && all && item.header.seq < evidence.decision().header.seq
    })
}

pub fn check(evidence: &Evidence, heads: &[(StreamId, u64, Hash)]) -> Result<String, String> {
    let decision = evidence.decision();
    if decision.header.pins != Some(pinned(heads)) {
        let erased = matches!(decision.entry.body, Shown::Erased { .. });
        let body = if erased { ", whose body was erased," } else { "" };
        return Err(format!("the decision{body} did not pin the {} heads that are there to be pinned", heads.len()));
    }
    Ok(format!("the decision commits to {} streams besides its account's", heads.len()))
}
