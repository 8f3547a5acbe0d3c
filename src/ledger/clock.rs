//! The clock: read by the writer only, once a group, and never let back.
//!
//! What was recorded can never be stamped earlier than what stands before it. So a clock that jumps back changes nothing
//! but that entries carry the last one's time until it has caught up. One that jumps years ahead would leave every later
//! entry with a time that is not true: it is refused until somebody says that it is right.

use super::LedgerError;
use crate::fact::Instant;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Which clock stamps `recorded_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The ledger's own.
    Ledger,
    /// The facts' `recordedtime`: for moving an older log in.
    Recorded,
}

/// The system's clock.
pub fn system_now() -> Instant {
    Instant(chrono::Utc::now().timestamp_nanos_opt().unwrap_or(0).max(0))
}

/// When a file was last written to, as the file system says.
pub fn last_written(path: &Path) -> Option<Instant> {
    let file = std::fs::metadata(path).ok()?;
    Some(Instant(file.mtime().saturating_mul(1_000_000_000).saturating_add(file.mtime_nsec())))
}

/// The furthest that a clock may be ahead of the last time that it was seen, in seconds: a year and a day.
const MOST_AHEAD_S: i64 = 366 * 24 * 60 * 60;
/// The furthest that the last entry may be ahead of the clock without a word, in seconds: as for `clock-anomaly`.
const MOST_BEHIND_S: i64 = 5 * 60;

/// Holds the writer's clock to what was seen of it before.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The last reading, or when something was last signed or recorded; `None` if nobody can say.
    seen: Option<Instant>,
    /// True where any reading is taken.
    trusted: bool,
    /// True if the last reading was refused.
    refused: bool,
}

impl Watch {
    /// From when the checkpoint was written, or the last entry recorded if that was later. Recorded times alone are no
    /// measure: an older log may have been moved in. Nor is the journal's file, which opening alone writes to.
    pub fn new(signed: Option<Instant>, last_recorded: Instant, trusted: bool) -> Watch {
        Watch { seen: signed.map(|signed| signed.max(last_recorded)), trusted, refused: false }
    }

    /// True if the last reading was refused: what is written now would carry a time that nobody believes.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Takes a reading, or refuses one that is years ahead.
    pub fn check(&mut self, now: Instant) -> Result<(), LedgerError> {
        self.refused = false;
        match self.seen {
            Some(before) if !self.trusted && now.seconds_since(before) > MOST_AHEAD_S => {
                self.refused = true;
                Err(LedgerError::ClockAhead { now, before })
            }
            _ => {
                self.seen = Some(now);
                // Whoever trusted it trusted this reading; from here on it is watched.
                self.trusted = false;
                Ok(())
            }
        }
    }
}

/// Says so where the last entry was recorded after now.
pub fn warn_if_behind(now: Instant, last_recorded: Instant) {
    if last_recorded.seconds_since(now) > MOST_BEHIND_S {
        tracing::warn!(
            "the last entry was recorded at {last_recorded}, and the system's clock says {now}: what is appended until \
             then carries the time of the last entry"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn a_jump_of_years_is_refused_once_and_a_jump_back_never() {
        let start = Instant(1_700_000_000_000_000_000);
        let mut watch = Watch::new(Some(start), Instant(0), false);
        assert!(watch.check(start.plus_seconds(366 * DAY)).is_ok());
        assert!(watch.check(start).is_ok(), "back");
        assert!(watch.check(start.plus_seconds(367 * DAY)).is_err());
        assert!(watch.check(start.plus_seconds(DAY)).is_ok(), "a refused reading leaves no trace");
        let mut trusted = Watch::new(Some(start), Instant(0), true);
        assert!(trusted.check(start.plus_seconds(3000 * DAY)).is_ok());
        assert!(trusted.check(start.plus_seconds(4000 * DAY)).is_err(), "trusted once");
        assert!(Watch::new(Some(Instant(0)), start, false).check(start).is_ok(), "recorded after it was signed");
        assert!(Watch::new(None, Instant(0), false).check(start).is_ok());
    }
}
