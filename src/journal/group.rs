//! Commit groups: frames of entries behind a header that says how many, how long and from which seq.

/// `IFGR`
const MAGIC: [u8; 4] = *b"IFGR";
pub const HEADER_LEN: usize = 24;
/// Room for frames that is kept from one group to the next.
const KEPT: usize = 4 << 20;
/// Length and checksum before a frame's payload, then the lengths of header and body.
const FRAME_PREFIX: usize = 8;
const LENGTHS: usize = 8;

/// A group that is being put together: its entries' frames, behind room for its header. Its space is used again.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where each frame begins.
    offsets: Vec<u32>,
}

impl Frames {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Takes header, sealed body and sealed content of the next entry.
    pub fn push(&mut self, header: &[u8], body: &[u8], content: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_LEN, 0);
        }
        let start = self.bytes.len();
        self.offsets.push(start as u32);
        let len = LENGTHS + header.len() + body.len() + content.len();
        self.bytes.reserve(FRAME_PREFIX + len);
        self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        self.bytes.extend(header);
        self.bytes.extend(body);
        self.bytes.extend(content);
        let sum = checksum(&self.bytes[start..]);
        self.bytes[start + 4..start + 8].copy_from_slice(&sum);
    }

    /// Forgets all of them; what a large group took is given back.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.offsets.clear();
        self.offsets.shrink_to(KEPT / 64);
    }

    /// The offset of each frame in the group.
    pub fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        self.offsets.iter().map(|&offset| u64::from(offset))
    }

    /// Writes the group's header: nothing more is taken.
    pub fn finish(&mut self, first_seq: u64) {
        let len = self.bytes.len() - HEADER_LEN;
        let header = &mut self.bytes[..HEADER_LEN];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&(self.offsets.len() as u32).to_le_bytes());
        header[8..16].copy_from_slice(&first_seq.to_le_bytes());
        header[16..20].copy_from_slice(&(len as u32).to_le_bytes());
        let sum = crc32fast::hash(&header[..20]);
        header[20..].copy_from_slice(&sum.to_le_bytes());
    }

    /// The group as it is written.
    pub fn bytes(&self) -> &[u8] {
        assert!(first_seq(&self.bytes, 0).is_some(), "a group is written once its header is");
        &self.bytes
    }
}

/// CRC-32 over the length and the payload: tells a torn write from a whole one. What it holds is proved by hashes.
fn checksum(frame: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..4]);
    hasher.update(&frame[8..]);
    hasher.finalize().to_le_bytes()
}

/// One entry's parts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawEntry<'a> {
    /// Its seq.
    pub seq: u64,
    /// The offset of its frame in the segment.
    pub offset: usize,
    /// The header, as hashed.
    pub header: &'a [u8],
    /// The sealed body.
    pub body: &'a [u8],
    /// The sealed content; empty where there is none.
    pub content: &'a [u8],
}

/// An intact group.
#[derive(Debug)]
pub struct Group<'a> {
    /// Its entries.
    pub entries: Vec<RawEntry<'a>>,
    /// The offset of its header.
    pub start: usize,
    /// The offset behind it.
    pub end: usize,
}

impl Group<'_> {
    /// The same where the bytes that it was found in stand `start` bytes further on.
    pub fn behind(mut self, start: usize) -> Self {
        self.entries.iter_mut().for_each(|entry| entry.offset += start);
        Group { start: self.start + start, end: self.end + start, ..self }
    }
}

/// Bytes that are no intact group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The offset in the segment.
    pub offset: usize,
    /// The first entry that cannot be read.
    pub seq: u64,
    /// What is wrong.
    pub what: String,
}

/// The groups of a segment from `start` on; ends after the first error, or at zeros or the end.
pub fn groups(bytes: &[u8], start: usize, first_seq: u64) -> impl Iterator<Item = Result<Group<'_>, Damage>> {
    let (mut at, mut seq, mut failed) = (start, first_seq, false);
    std::iter::from_fn(move || {
        if failed || at >= bytes.len() || bytes[at..].iter().take(HEADER_LEN).all(|&byte| byte == 0) {
            // Zeros are space ahead, all of it: anything behind them was never written by us.
            let stray = bytes.get(at..).unwrap_or_default().iter().position(|&byte| byte != 0).filter(|_| !failed);
            failed = true;
            return stray
                .map(|stray| Err(Damage { offset: at + stray, seq, what: "bytes behind the last group".to_owned() }));
        }
        let group = read_group(bytes, at, seq);
        match &group {
            Ok(group) => {
                at = group.end;
                seq += group.entries.len() as u64;
            }
            Err(_) => failed = true,
        }
        Some(group)
    })
}

fn read_group(bytes: &[u8], start: usize, seq: u64) -> Result<Group<'_>, Damage> {
    let damage = |offset, seq, what: &str| Damage { offset, seq, what: what.to_owned() };
    let rest = &bytes[start..];
    let Some((header, rest)) = rest.split_at_checked(HEADER_LEN) else {
        return Err(damage(start, seq, "a group's header is cut"));
    };
    let count = u32_at(header, 4);
    let len = u32_at(header, 16) as usize;
    let first = u64::from_le_bytes(header[8..16].try_into().expect("eight bytes"));
    if header[..4] != MAGIC || crc32fast::hash(&header[..20]) != u32_at(header, 20) || first != seq || count == 0 {
        return Err(damage(start, seq, "a group's header does not match its checksum"));
    }
    if rest.len() < len {
        return Err(damage(start, seq, "a group is cut"));
    }
    let (mut at, end) = (start + HEADER_LEN, start + HEADER_LEN + len);
    // What is claimed is believed as far as there are bytes for it.
    let mut entries = Vec::with_capacity((count as usize).min(len / (FRAME_PREFIX + LENGTHS)));
    for number in 0..u64::from(count) {
        let entry = read_frame(&bytes[at..end], at, seq + number)
            .ok_or_else(|| damage(at, seq + number, "an entry does not match its checksum"))?;
        at = entry.1;
        entries.push(entry.0);
    }
    if at != end {
        return Err(damage(at, seq, "a group is longer than its entries"));
    }
    Ok(Group { entries, start, end })
}

/// The whole entries at the start of a damaged group: none where its header is what is damaged.
pub fn intact(bytes: &[u8], start: usize, seq: u64) -> Group<'_> {
    let header = bytes
        .get(start..start + HEADER_LEN)
        .filter(|header| header[..4] == MAGIC && crc32fast::hash(&header[..20]) == u32_at(header, 20));
    let (mut at, mut entries) = (start + HEADER_LEN, Vec::new());
    for number in 0..header.map_or(0, |header| u64::from(u32_at(header, 4))) {
        let Some((entry, next)) = bytes.get(at..).and_then(|rest| read_frame(rest, at, seq + number)) else { break };
        entries.push(entry);
        at = next;
    }
    Group { entries, start, end: at }
}

/// True if an intact group stands behind the one that was to begin at `start` with `seq`, or is that one.
pub fn goes_on(bytes: &[u8], start: usize, seq: u64) -> bool {
    // What a whole header counts as its own is not looked into.
    let own = first_seq(bytes, start).filter(|&first| first == seq);
    let behind = own.and_then(|_| len(&bytes[start..])).map_or(start + 1, |len| start + len);
    let is_intact = |at: usize, first: u64| read_group(bytes, at, first).is_ok();
    own.is_some_and(|first| is_intact(start, first))
        || (behind..bytes.len()).any(|at| first_seq(bytes, at).is_some_and(|first| first > seq && is_intact(at, first)))
}

/// The first seq of the group whose header stands at `at`, if one does.
pub fn first_seq(bytes: &[u8], at: usize) -> Option<u64> {
    let header = bytes.get(at..at + HEADER_LEN).filter(|header| header[..4] == MAGIC)?;
    let whole = header[..4] == MAGIC && crc32fast::hash(&header[..20]) == u32_at(header, 20);
    whole.then(|| u64::from_le_bytes(header[8..16].try_into().expect("eight bytes")))
}

/// The length of the group whose header stands at the start of `bytes`, if one does.
pub fn len(bytes: &[u8]) -> Option<usize> {
    first_seq(bytes, 0).map(|_| HEADER_LEN + u32_at(bytes, 16) as usize)
}

/// The entry's header, if the lengths at the start of `bytes` could be those of a frame.
pub fn plausible_header(bytes: &[u8]) -> Option<&[u8]> {
    let frame = bytes.get(..FRAME_PREFIX.checked_add(frame_len(bytes)?)?)?;
    if frame.len() < FRAME_PREFIX + LENGTHS {
        return None;
    }
    let (header, body) = (u32_at(frame, 8) as usize, u32_at(frame, 12) as usize);
    let payload = &frame[FRAME_PREFIX + LENGTHS..];
    payload.get(..header).filter(|_| header > 0 && body <= payload.len() - header)
}

/// Reads the frame at the start of `bytes`, which stand at `offset`; returns it with the offset behind it.
pub fn read_frame(bytes: &[u8], offset: usize, seq: u64) -> Option<(RawEntry<'_>, usize)> {
    let len = frame_len(bytes)?;
    let frame = bytes.get(..FRAME_PREFIX + len)?;
    if len < LENGTHS || checksum(frame) != frame[4..8] {
        return None;
    }
    let payload = &frame[FRAME_PREFIX + LENGTHS..];
    let (header, rest) = payload.split_at_checked(u32_at(frame, 8) as usize)?;
    let (body, content) = rest.split_at_checked(u32_at(frame, 12) as usize)?;
    Some((RawEntry { seq, offset, header, body, content }, offset + FRAME_PREFIX + len))
}

/// The length of the payload of the frame at the start of `bytes`.
pub fn frame_len(bytes: &[u8]) -> Option<usize> {
    (bytes.len() >= FRAME_PREFIX).then(|| u32_at(bytes, 0) as usize)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_groups() -> Vec<u8> {
        let mut frames = Frames::default();
        frames.push(b"one", b"body", b"");
        frames.push(b"two", b"body", b"");
        frames.finish(5);
        let mut bytes = frames.bytes().to_vec();
        frames.clear();
        frames.push(b"three", b"body", b"");
        frames.finish(7);
        bytes.extend(frames.bytes());
        bytes
    }

    #[test]
    fn reads_back_what_was_written() {
        let bytes = two_groups();
        let read: Vec<_> = groups(&bytes, 0, 5).map(|group| group.expect("intact").entries.len()).collect();
        assert_eq!(read, [2, 1]);
        let padded = [bytes, vec![0; 100]].concat();
        assert_eq!(groups(&padded, 0, 5).filter(Result::is_ok).count(), 2);
        assert!(groups(&padded, 0, 5).all(|group| group.is_ok()));
    }

    #[test]
    fn a_group_behind_a_damaged_one_is_found_and_a_torn_one_has_none() {
        let bytes = two_groups();
        let second = bytes.len() - (HEADER_LEN + FRAME_PREFIX + LENGTHS + "three".len() + "body".len());
        for at in 0..second {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(goes_on(&bad, 0, 5), "byte {at}");
            assert!(!goes_on(&bad[..second], 0, 5), "byte {at}");
        }
        let zeroed = [vec![0; second], bytes[second..].to_vec()].concat();
        assert!(goes_on(&zeroed, 0, 5));
        for cut in second..bytes.len() {
            assert!(!goes_on(&bytes[..cut], second, 7), "cut at {cut}");
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let bytes = two_groups();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let damage = groups(&bad, 0, 5).find_map(Result::err).unwrap_or_else(|| panic!("byte {at} bit {bit}"));
                assert!(damage.offset <= at, "byte {at}: {damage:?}");
            }
            let cut = groups(&bytes[..at], 0, 5).filter_map(Result::ok).map(|group| group.entries.len()).sum::<usize>();
            assert!(cut < 3, "cut at {at}");
        }
        let stray = [two_groups(), vec![0; 50], vec![1]].concat();
        assert!(groups(&stray, 0, 5).any(|group| group.is_err()));
    }
}
