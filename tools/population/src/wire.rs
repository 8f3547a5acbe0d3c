//! Lines of wire format, and times as they stand in them.

use std::io::Write;

/// Digest of programs.
pub const DIGEST: &str = "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1";
/// Digest of the text that was announced.
pub const ANNOUNCED: &str = "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7";
/// Digest of another text.
pub const OTHER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

/// A minute, counted from 2025-10-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(pub u32);

/// The days of the months from October 2025 on.
const MONTHS: [(&str, u32); 15] = [
    ("2025-10", 31),
    ("2025-11", 30),
    ("2025-12", 31),
    ("2026-01", 31),
    ("2026-02", 28),
    ("2026-03", 31),
    ("2026-04", 30),
    ("2026-05", 31),
    ("2026-06", 30),
    ("2026-07", 31),
    ("2026-08", 31),
    ("2026-09", 30),
    ("2026-10", 31),
    ("2026-11", 30),
    ("2026-12", 31),
];

impl Minute {
    /// A minute of a day, counted from October 1st.
    pub const fn of(day: u32, minute: u32) -> Minute {
        Minute(day * 1440 + minute)
    }

    /// So many minutes later.
    pub const fn after(self, minutes: u32) -> Minute {
        Minute(self.0 + minutes)
    }
}

impl std::fmt::Display for Minute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut day, minute) = (self.0 / 1440, self.0 % 1440);
        for (month, days) in MONTHS {
            if day < days {
                return write!(f, "{month}-{:02}T{:02}:{:02}:00Z", day + 1, minute / 60, minute % 60);
            }
            day -= days;
        }
        panic!("a population ends in 2026")
    }
}

/// Lines of one population.
pub struct Lines<W> {
    out: W,
    line: Vec<u8>,
    /// How many were written.
    pub facts: u64,
}

impl<W: Write> Lines<W> {
    /// None yet.
    pub fn new(out: W) -> Lines<W> {
        Lines { out, line: Vec::with_capacity(1024), facts: 0 }
    }

    /// Writes one: a kind without `inforce.`, who said it under which id, about whom, when, and what.
    pub fn fact(
        &mut self,
        kind: &str,
        id: (&str, std::fmt::Arguments),
        subject: std::fmt::Arguments,
        time: Minute,
        data: std::fmt::Arguments,
    ) -> std::io::Result<()> {
        self.line.clear();
        writeln!(
            self.line,
            r#"{{"specversion":"1.0","id":"{}","source":"{}","type":"inforce.{kind}","subject":"{subject}","time":"{time}","data":{data}}}"#,
            id.1, id.0
        )?;
        self.facts += 1;
        self.out.write_all(&self.line)
    }

    /// Hands on what is held back.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(Minute::of(0, 0).to_string(), "2025-10-01T00:00:00Z");
        assert_eq!(Minute::of(78, 61).to_string(), "2025-12-18T01:01:00Z");
        assert_eq!(Minute::of(31 + 30 + 31 + 31 + 28, 1439).to_string(), "2026-03-01T23:59:00Z");
    }
}
