//! The clock: read by the writer only, once a group, and never let back.

use crate::fact::Instant;

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
