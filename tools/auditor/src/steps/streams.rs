//! Step 4: every listed stream is whole, from revision 0 to its tip, each entry naming the one before by its hash.

use crate::bundle::Stream;
use crate::evidence::Evidence;
use crate::hash::StreamId;

pub fn check(evidence: &Evidence, listed: &[Stream]) -> Result<String, String> {
    for stream in listed {
        whole(evidence, stream)?;
    }
    for stream in evidence.stream_ids() {
        chained(evidence, stream)?;
    }
    Ok(format!("{} streams without a gap", listed.len()))
}

fn whole(evidence: &Evidence, stream: &Stream) -> Result<(), String> {
    let id = stream.stream;
    let mut last = None;
    for (expected, (revision, item)) in (0..).zip(evidence.stream(id)) {
        if revision != expected {
            return Err(format!("stream {id}: revision {expected} is not there"));
        }
        last = Some((revision, item.header.seq));
    }
    match last {
        None => Err(format!("stream {id}: none of its entries is there")),
        Some((revision, seq)) if (revision, seq) != (stream.tip_revision, stream.tip_seq) => Err(format!(
            "stream {id}: ends with revision {revision}, entry {seq}; its tip is said to be revision {}, entry {}",
            stream.tip_revision, stream.tip_seq
        )),
        Some(_) => Ok(()),
    }
}

/// Neighbours name each other, in streams that are not listed as well.
fn chained(evidence: &Evidence, stream: StreamId) -> Result<(), String> {
    let ahead = evidence.stream(stream).skip(1);
    for ((revision, item), (next, follower)) in evidence.stream(stream).zip(ahead) {
        if item.header.seq >= follower.header.seq {
            return Err(format!("stream {stream}: revision {next} stands before revision {revision}"));
        }
        let named = follower.header.streams.iter().find(|link| link.stream == stream).map(|link| link.previous);
        if next == revision + 1 && named != Some(item.hash) {
            return Err(format!("stream {stream}: revision {next} does not name revision {revision} by its hash"));
        }
    }
    Ok(())
}
