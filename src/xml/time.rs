//! Moments as XEP-0082 writes them.

use std::time::{Duration, UNIX_EPOCH};

/// A moment as XEP-0082 writes it.
pub(crate) fn timestamp(at: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string()
}
