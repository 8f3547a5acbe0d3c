//! Pages: what run files are made of. Each has 4 KiB, a checksum over itself and its place, and its length in use.
//!
//! A page is checked whenever it is read from disk. The checksum is over the run's range and the page's number too: a page
//! that stands where another should is damage like any other.

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Checksum, and how many bytes are in use.
const HEAD: usize = 8;
/// Bytes of a page that can be used.
pub const ROOM: usize = PAGE - HEAD;

/// What a page's checksum is over besides its bytes: which run it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    pub end: u64,
}

/// A page that holds `used`, as it is stored as number `number` of its run.
pub fn seal(range: Range, number: u64, used: &[u8]) -> Vec<u8> {
    assert!(used.len() <= ROOM, "a page holds {ROOM} bytes");
    let mut page = vec![0; PAGE];
    page[4..HEAD].copy_from_slice(&(used.len() as u32).to_le_bytes());
    page[HEAD..HEAD + used.len()].copy_from_slice(used);
    let sum = checksum(range, number, &page);
    page[..4].copy_from_slice(&sum.to_le_bytes());
    page
}

/// What the page holds, if it is the one that was stored there.
pub fn open(range: Range, number: u64, page: &[u8]) -> Option<&[u8]> {
    let (sum, used) = (u32_at(page, 0)?, u32_at(page, 4)? as usize);
    (page.len() == PAGE && checksum(range, number, page) == sum).then(|| page.get(HEAD..HEAD.checked_add(used)?))?
}

fn checksum(range: Range, number: u64, page: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    [range.first, range.end, number].iter().for_each(|part| hasher.update(&part.to_le_bytes()));
    hasher.update(&page[4..]);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Appends a number, seven bits a byte, the lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front of `bytes`.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    match **bytes {
        // Most are short: what a page says is read one number after another.
        [one, ref rest @ ..] if one < 0x80 => {
            *bytes = rest;
            Some(u64::from(one))
        }
        [one, two, ref rest @ ..] if two < 0x80 => {
            *bytes = rest;
            Some(u64::from(one & 0x7f) | u64::from(two) << 7)
        }
        _ => take_long_varint(bytes),
    }
}

fn take_long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

/// Takes so many numbers off the front of `bytes` and adds them up.
pub fn take_sum(bytes: &mut &[u8], mut count: u64) -> Option<u64> {
    let mut sum = 0u64;
    while count > 0 {
        // Most are of two bytes, as the lengths of entries are: four of them at a time.
        if let Some((four, rest)) = bytes.split_first_chunk().filter(|_| count >= 4) {
            let four = u64::from_le_bytes(*four);
            if four & 0x8080_8080_8080_8080 == 0x0080_0080_0080_0080 {
                let (low, high) = (four & 0x007f_007f_007f_007f, four >> 8 & 0x007f_007f_007f_007f);
                // Each is less than 2^14, so that all of them fit into the highest two bytes.
                sum = sum.checked_add((low | high << 7).wrapping_mul(0x0001_0001_0001_0001) >> 48)?;
                (*bytes, count) = (rest, count - 4);
                continue;
            }
        }
        sum = sum.checked_add(take_varint(bytes)?)?;
        count -= 1;
    }
    Some(sum)
}

/// Takes a number of `width` bytes, the lowest first.
#[inline]
pub fn take_fixed(bytes: &mut &[u8], width: usize) -> Option<u64> {
    let (number, rest) = bytes.split_at_checked(width)?;
    *bytes = rest;
    Some(number.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_and_every_other_place_is_noticed() {
        let range = Range { first: 3, end: 900 };
        let page = seal(range, 7, b"some bytes");
        assert_eq!(open(range, 7, &page), Some(&b"some bytes"[..]));
        for bit in 0..PAGE * 8 {
            let mut bad = page.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(range, 7, &bad), None, "bit {bit}");
        }
        assert_eq!(open(range, 8, &page), None);
        assert_eq!(open(Range { first: 3, end: 901 }, 7, &page), None);
        (0..PAGE).for_each(|cut| assert_eq!(open(range, 7, &page[..cut]), None, "cut at {cut}"));
    }

    #[test]
    fn sums_are_those_of_one_number_after_another() {
        let lens =
            [130, 200, 16_383, 128, 127, 300, 0, 16_384, 5000, 1 << 40, 255, 256, 16_383, 16_383, 16_383, 16_383, 7];
        for start in 0..lens.len() {
            let mut page = Vec::new();
            (0..100).for_each(|place| put_varint(&mut page, lens[(start + place * place) % lens.len()]));
            for count in 0..=100 {
                let (mut rest, mut sum) = (&page[..], 0);
                (0..count).for_each(|_| sum += take_varint(&mut rest).expect("it was put there"));
                let mut other = &page[..];
                assert_eq!((take_sum(&mut other, count), other), (Some(sum), rest), "{start}, {count}");
            }
            assert_eq!(take_sum(&mut &page[..], 101), None, "cut");
            assert_eq!(take_sum(&mut &page[..page.len() - 1], 100), None, "cut");
        }
        let mut page = Vec::new();
        [u64::MAX, 200, 200, 200, 200].iter().for_each(|&number| put_varint(&mut page, number));
        assert_eq!((take_sum(&mut &page[..], 1), take_sum(&mut &page[..], 5)), (Some(u64::MAX), None), "too much");
    }

    #[test]
    fn numbers_come_back() {
        let ends = (0..=9).flat_map(|bytes| [1u64 << (7 * bytes), (1 << (7 * bytes)) - 1, (3 << (7 * bytes)) - 1]);
        for value in ends.chain([0, 300, u64::from(u32::MAX), 0x1234_5678_9abc_def0, u64::MAX]) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(take_varint(&mut &out[..out.len() - 1]), None, "cut");
            let len = out.len();
            // With few bytes behind it, and with many, of every kind.
            for behind in [&[][..], &[0], &[0xff; 3], &[0xff; 12], &[0; 12], &[1, 0x80, 0x7f, 0xff, 0, 0x81, 0x80, 2]] {
                out.truncate(len);
                out.extend(behind);
                let mut rest = &out[..];
                assert_eq!((take_varint(&mut rest), rest), (Some(value), behind), "{value:#x}");
            }
        }
        assert_eq!(take_varint(&mut &[0xff; 11][..]), None, "too long");
        assert_eq!(take_fixed(&mut &[1, 2, 3][..], 3), Some(0x03_02_01));
        assert_eq!(take_fixed(&mut &[1, 2][..], 3), None);
    }
}
