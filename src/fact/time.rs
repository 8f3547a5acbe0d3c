//! Both time axes: instants in nanoseconds, and the moment (`time`, seq) by which everything is ordered.

use bincode::{Decode, Encode};
use chrono::{DateTime, FixedOffset, NaiveDateTime, SecondsFormat};

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Instant(pub i64);

const NANOS_PER_MS: i64 = 1_000_000;
/// 2200-01-01T00:00:00Z: leaves room to add any offset or grace without overflow.
const END: i64 = 7_258_118_400 * 1_000_000_000;

/// Why a time was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339, or with more than nine digits of a second.
    #[error("expected an RFC 3339 time such as `2025-12-16T00:00:00Z`, to the nanosecond at most")]
    Syntax,
    /// Valid, but not storable.
    #[error("time out of range: expected 1970 to 2199")]
    Range,
}

impl Instant {
    /// Milliseconds since the epoch, rounded down.
    pub fn ms_floor(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MS)
    }

    /// Milliseconds since the epoch, rounded up.
    pub fn ms_ceil(self) -> i64 {
        -(-self.0).div_euclid(NANOS_PER_MS)
    }

    /// True if nothing finer than a millisecond is set.
    pub fn is_whole_ms(self) -> bool {
        self.0 % NANOS_PER_MS == 0
    }

    /// Whole seconds from `earlier` to `self`, rounded down.
    pub fn seconds_since(self, earlier: Instant) -> i64 {
        (self.0 - earlier.0).div_euclid(1_000_000_000)
    }

    /// True if it is at or after `since` and before `until`, as far as these are given.
    pub fn is_within(self, since: Option<Instant>, until: Option<Instant>) -> bool {
        since.is_none_or(|since| self >= since) && until.is_none_or(|until| self < until)
    }

    /// The instant `seconds` later.
    pub fn plus_seconds(self, seconds: i64) -> Instant {
        Instant(self.0.saturating_add(seconds.saturating_mul(1_000_000_000)))
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = DateTime::from_timestamp_nanos(self.0).to_rfc3339_opts(SecondsFormat::AutoSi, true);
        f.write_str(&text)
    }
}

/// An instant with the UTC offset in which it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Time {
    /// The instant itself.
    pub at: Instant,
    /// Seconds east of UTC; RFC 3339 allows whole minutes within a day.
    pub offset_s: i32,
}

impl Time {
    /// Parses RFC 3339, keeping the offset.
    pub fn parse(text: &str) -> Result<Time, TimeError> {
        if let Some(time) = Time::parse_plain(text) {
            return Ok(time);
        }
        let fraction = text.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
        let parsed = DateTime::<FixedOffset>::parse_from_rfc3339(text).map_err(|_| TimeError::Syntax)?;
        if fraction > 9 {
            return Err(TimeError::Syntax);
        }
        let nanos = parsed.timestamp_nanos_opt().ok_or(TimeError::Range)?;
        if !(0..END).contains(&nanos) {
            return Err(TimeError::Range);
        }
        Ok(Time { at: Instant(nanos), offset_s: parsed.offset().local_minus_utc() })
    }

    /// The form that most times have, `YYYY-MM-DDTHH:MM:SSZ`; `None` for any other, and for what is no time.
    fn parse_plain(text: &str) -> Option<Time> {
        let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
        let is_shaped = [bytes[4], bytes[7], bytes[10], bytes[13], bytes[16], bytes[19]] == *b"--T::Z";
        let number = |from: usize, digits: usize| {
            bytes[from..from + digits].iter().try_fold(0, |sum, &byte| {
                let digit = byte.wrapping_sub(b'0');
                (digit < 10).then_some(sum * 10 + i64::from(digit))
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(is_leap),
            _ => 31,
        };
        let is_date = (1970..2200).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day);
        if !is_shaped || !is_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Years that begin in March end with the day that leap years have more of.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let before = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5;
        let seconds = (before + day - 1 - 719_468) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Time::utc(Instant(seconds * 1_000_000_000)))
    }

    /// True for times that [`Time::parse`] gives: within 1970 to 2199, the offset within a day.
    pub fn is_in_range(self) -> bool {
        (0..END).contains(&self.at.0) && self.offset_s.unsigned_abs() < 86_400
    }

    /// The same instant in UTC.
    pub fn utc(at: Instant) -> Time {
        Time { at, offset_s: 0 }
    }

    /// The date and time of day as written, read again in the offset of `other`.
    pub fn read_in_offset_of(self, other: Time) -> Instant {
        self.at.plus_seconds(i64::from(self.offset_s) - i64::from(other.offset_s))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let local: NaiveDateTime =
            DateTime::from_timestamp_nanos(self.at.0 + i64::from(self.offset_s) * 1_000_000_000).naive_utc();
        write!(f, "{}", local.format("%Y-%m-%dT%H:%M:%S%.f"))?;
        if self.offset_s == 0 {
            return f.write_str("Z");
        }
        let minutes = self.offset_s / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

/// The order of everything: the instant first, then the sequence number, so a tie goes to the lower seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// When it happened.
    pub at: Instant,
    /// Its place in the ledger.
    pub seq: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_with_its_offset() {
        for text in ["2025-12-16T00:00:00Z", "2025-12-16T08:59:59.5+09:00", "2025-12-15T09:00:00-05:30"] {
            let shown = Time::parse(text).expect(text).to_string();
            assert_eq!(Time::parse(&shown), Time::parse(text), "{shown}");
        }
        assert_eq!(Time::parse("2025-12-16T09:00:00+09:00").expect("valid").to_string(), "2025-12-16T09:00:00+09:00");
    }

    #[test]
    fn the_plain_form_is_read_as_any_other() {
        let slowly = |text: &str| {
            let nanos = DateTime::<FixedOffset>::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt()?;
            (0..END).contains(&nanos).then_some(Time::utc(Instant(nanos)))
        };
        let mut read = 0;
        for year in 1968..=2201 {
            for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
                let text = format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{day:02}Z", day % 25, day * 2);
                let plain = Time::parse_plain(&text);
                assert_eq!(plain, slowly(&text), "{text}");
                read += u64::from(plain.is_some());
            }
        }
        assert!(read > 50_000, "{read}");
        for text in ["2025-12-16T00:00:60Z", "2025-12-16t00:00:00z", "2025-12-16T00:00:0éZ", "+025-12-16T00:00:00Z"] {
            assert_eq!(Time::parse_plain(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "2025-12-16", "2025-13-16T00:00:00Z", "2025-12-16T00:00:00", "2025-12-16T00:00:00.1234567891Z"]
        {
            assert_eq!(Time::parse(text), Err(TimeError::Syntax), "{text}");
        }
        for text in ["1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"] {
            assert_eq!(Time::parse(text), Err(TimeError::Range), "{text}");
        }
    }

    #[test]
    fn local_reading_keeps_date_and_time_of_day() {
        let nine = Time::parse("2025-12-16T09:00:00Z").expect("valid");
        let there = Time::parse("2025-12-20T00:00:00-05:00").expect("valid");
        assert_eq!(nine.read_in_offset_of(there).to_string(), "2025-12-16T14:00:00Z");
    }

    #[test]
    fn milliseconds_round_both_ways() {
        assert_eq!((Instant(1_500_000).ms_floor(), Instant(1_500_000).ms_ceil()), (1, 2));
        assert_eq!((Instant(2_000_000).ms_floor(), Instant(2_000_000).ms_ceil()), (2, 2));
    }
}
