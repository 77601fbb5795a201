//! Timestamps (XEP-0082).

use std::time::{Duration, UNIX_EPOCH};

/// Formats milliseconds since 1970 as a timestamp.
pub(crate) fn timestamp(at: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string()
}

/// Parses a timestamp, with `Z` or an offset from UTC, to milliseconds since 1970; `None` if it is malformed or earlier.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (local, minutes_ahead) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => split_offset(text)?,
    };
    // The crate takes anything behind the first Z.
    let local = (!local.contains('Z')).then(|| format!("{local}Z"))?;
    let local = humantime::parse_rfc3339(&local).ok()?;
    let local = i64::try_from(local.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    u64::try_from(local - minutes_ahead * 60_000).ok()
}

/// Splits `+hh:mm` or `-hh:mm` off, and returns it in minutes.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |digits: &str, limit: i64| {
        let is_number = digits.len() == 2 && digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|number| is_number && *number < limit)
    };
    let ahead = number(hours, 24)? * 60 + number(minutes, 60)?;
    match offset.as_bytes().first()? {
        b'+' => Some((local, ahead)),
        b'-' => Some((local, -ahead)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_z_or_an_offset() {
        let noon = Some(1_767_268_800_000);
        for text in [
            "2026-01-01T12:00:00Z",
            "2026-01-01T12:00:00.000Z",
            "2026-01-01T14:00:00+02:00",
            "2026-01-01T06:30:00.000-05:30",
            "2026-01-02T00:00:00+12:00",
            "2026-01-01T12:00:00+00:00",
            "2026-01-01T12:00:00-00:00",
        ] {
            assert_eq!(parse(text), noon, "{text}");
        }
        for text in [
            "",
            "Z",
            "soon",
            "2026-01-01",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00+2:00",
            "2026-01-01T12:00:00+0200",
            "2026-01-01T12:00:00+24:00",
            "2026-01-01T12:00:00+01:60",
            "2026-01-01T12:00:00 01:00",
            "2026-01-01T12:00:00+-1:00",
            "2026-01-01T12:00:00Z+01:00",
            "1970-01-01T00:00:00+01:00",
            "2026-01-01T12:00:0\u{e9}+1:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_formatted_is_parsed_again() {
        for at in [0, 1, 1_767_268_800_123] {
            assert_eq!(parse(&timestamp(at)), Some(at));
        }
    }
}
