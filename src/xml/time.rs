//! Timestamps (XEP-0082).

use std::time::{Duration, UNIX_EPOCH};

/// Formats milliseconds since 1970 as a timestamp.
pub(crate) fn timestamp(at: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string()
}
