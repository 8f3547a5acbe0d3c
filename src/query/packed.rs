//! A line as bytes, for as long as it waits for others: what the decision says itself, and the number of what is said of it.

use super::line::Line;
use super::shapes::Shapes;
use crate::codec;
use crate::fact::{Instant, ItemKind, Purpose, Time};

/// Seq, both times; source, id, account; purpose, kind; advertiser, campaign, creative; topics; both regions; the number.
type Packed<'a> = (
    (u64, Time, Instant),
    [Option<&'a str>; 3],
    (Option<Purpose>, Option<ItemKind>),
    [Option<&'a str>; 3],
    Vec<&'a str>,
    [Option<&'a str>; 2],
    u32,
);

/// Packs a line; `number` is that of what is said, among `shapes` of whoever unpacks it.
pub fn pack(line: &Line, number: u32) -> Vec<u8> {
    let Line { source, id, account, purpose, kind, advertiser, campaign, creative, .. } = *line;
    let times = (line.seq, line.occurred_at, line.recorded_at);
    codec::encode(&(
        times,
        [source, id, account],
        (purpose, kind),
        [advertiser, campaign, creative],
        &line.topics,
        [line.region, line.device_region],
        number,
    ))
}

/// The line again.
pub fn unpack<'a>(bytes: &'a [u8], shapes: &'a Shapes) -> Line<'a> {
    let packed: Packed = codec::decode_in_place(bytes, "a line").expect("it was packed here");
    let ((seq, occurred_at, recorded_at), [source, id, account], (purpose, kind), about, topics, regions, number) =
        packed;
    let ([advertiser, campaign, creative], [region, device_region]) = (about, regions);
    let said = shapes.said(number);
    Line {
        seq,
        source,
        id,
        occurred_at,
        recorded_at,
        account,
        purpose,
        kind,
        advertiser,
        campaign,
        creative,
        topics,
        region,
        device_region,
        said,
    }
}
