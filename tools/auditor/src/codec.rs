//! Reads what "Encoding" in the format describes: fields one behind the other, without names, types or padding.
//!
//! Every read is bounded by the bytes that are left, and nothing is set aside for a count before its items were read.

use std::fmt;

/// Why bytes are no header or record: what was expected, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What was expected.
    pub expected: &'static str,
    /// Offset of the byte where it was expected.
    pub offset: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.offset)
    }
}

/// Bytes and how far they were read.
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Refuses bytes that are left over.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.offset == self.bytes.len() { Ok(()) } else { Err(self.expected("the end")) }
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array("a byte")?;
        Ok(byte)
    }

    pub fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.number_below(2, "a bool, 0 or 1")? == 1)
    }

    /// A varint: `u64`, a count, or a length.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        let offset = self.offset;
        Ok(match self.u8()? {
            251 => u64::from(u16::from_le_bytes(self.array("two bytes of a number")?)),
            252 => u64::from(u32::from_le_bytes(self.array("four bytes of a number")?)),
            253 => u64::from_le_bytes(self.array("eight bytes of a number")?),
            254.. => return Err(Malformed { expected: "a number", offset }),
            small => u64::from(small),
        })
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        let offset = self.offset;
        u32::try_from(self.u64()?).map_err(|_| Malformed { expected: "a number of 32 bits", offset })
    }

    /// A signed number: the varint of its zigzag.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        let zigzag = self.u64()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    pub fn i32(&mut self) -> Result<i32, Malformed> {
        let offset = self.offset;
        i32::try_from(self.i64()?).map_err(|_| Malformed { expected: "a signed number of 32 bits", offset })
    }

    /// The number of an enum's variant.
    pub fn variant(&mut self, variants: u64, expected: &'static str) -> Result<u64, Malformed> {
        let offset = self.offset;
        match self.u64()? {
            number if number < variants => Ok(number),
            _ => Err(Malformed { expected, offset }),
        }
    }

    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<Option<T>, Malformed> {
        match self.number_below(2, "0 for none or 1 for some")? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let count = self.u64()?;
        let mut items = Vec::new();
        for _ in 0..count {
            // Every item takes a byte at least, so a count that lies ends with the bytes.
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub fn string(&mut self) -> Result<String, Malformed> {
        let offset = self.offset;
        let expected = "a string in UTF-8 of the length before it";
        let length = usize::try_from(self.u64()?).map_err(|_| Malformed { expected, offset })?;
        let end = self.offset.checked_add(length).ok_or(Malformed { expected, offset })?;
        let bytes = self.bytes.get(self.offset..end).ok_or(Malformed { expected, offset })?;
        self.offset = end;
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed { expected, offset })
    }

    pub fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let array = *rest.first_chunk::<N>().ok_or_else(|| self.expected(expected))?;
        self.offset += N;
        Ok(array)
    }

    fn number_below(&mut self, bound: u8, expected: &'static str) -> Result<u8, Malformed> {
        match self.u8()? {
            byte if byte < bound => Ok(byte),
            _ => Err(Malformed { expected, offset: self.offset - 1 }),
        }
    }

    /// What the last `length` bytes that were read are not.
    pub fn refused(&self, expected: &'static str, length: usize) -> Malformed {
        Malformed { expected, offset: self.offset.saturating_sub(length) }
    }

    fn expected(&self, expected: &'static str) -> Malformed {
        Malformed { expected, offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_document() {
        let number = |bytes: &[u8]| Reader::new(bytes).u64().ok();
        assert_eq!(number(&[0xfa]), Some(250));
        assert_eq!(number(&[0xfb, 0xfb, 0x00]), Some(251));
        assert_eq!(number(&[0xfb, 0x2c, 0x01]), Some(300));
        assert_eq!(number(&[0xfc, 0x70, 0x11, 0x01, 0x00]), Some(70_000));
        assert_eq!(number(&[0xfe, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(number(&[0xfd, 0, 0]), None);
        let signed = |bytes: &[u8]| Reader::new(bytes).i64().ok();
        assert_eq!((signed(&[1]), signed(&[2])), (Some(-1), Some(1)));
        assert_eq!(signed(&[0xfd, 255, 255, 255, 255, 255, 255, 255, 255]), Some(i64::MIN));
    }

    #[test]
    fn counts_and_lengths_that_lie_end_with_the_bytes() {
        let huge = [0xfd, 255, 255, 255, 255, 255, 255, 255, 255, 7];
        assert!(Reader::new(&huge).string().is_err());
        assert!(Reader::new(&huge).list(|reader| reader.u8()).is_err());
        assert!(Reader::new(&[2]).bool().is_err());
        assert!(Reader::new(&[1, 0xff]).string().is_err());
        assert!(Reader::new(&[0]).end().is_err());
    }
}
