//! Bodies for people who see events in clients that can't show them (XEP-0060, 12.7).

use minidom::Element;

/// Returns a body for a payload of any format: its title (Atom), or its own text. `None` if it has nothing for people to
/// read: most payloads don't, and a namespace or encoded data says nothing to anybody.
pub(crate) fn of(payload: &Element) -> Option<String> {
    let titles = payload.children().filter(|child| matches!(child.name(), "title" | "text" | "summary"));
    let texts = titles.map(Element::text).chain([payload.text()]);
    texts.map(|text| text.trim().to_owned()).find(|text| is_readable(text))
}

fn is_readable(text: &str) -> bool {
    !text.is_empty() && !is_uri(text) && !is_data(text)
}

/// Returns whether the text is one URI (RFC 3986, 3).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_path = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '?' | '#' | '%'));
    is_scheme && is_path && !text.contains(char::is_whitespace)
}

/// Returns whether the text is data in base64 or in hexadecimal digits, on one line or several.
fn is_data(text: &str) -> bool {
    let digits: String = text.split_ascii_whitespace().collect();
    let is_padded = digits.ends_with('=') && digits.len() % 4 == 0;
    let is_long = |line: &str| line.len() >= 16;
    // All lines but the last are long: words are not.
    let has_lines = text.split_ascii_whitespace().rev().skip(1).all(is_long);
    let has = |is: fn(&char) -> bool| digits.chars().any(|c| is(&c));
    digits.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
        && has_lines
        && (is_padded || is_long(&digits) && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_readable() {
        for text in [
            "Soliloquy",
            "Fair is foul",
            "5",
            "42 %",
            "12:30",
            "note: the witches meet",
            "Hi:)",
            "see https://example.org/",
            "Donaudampfschifffahrtsgesellschaft",
            "MacBeth and MacDuff",
            "JavaScriptFrameworks",
            "2026-11-26",
            "Covid-19-Pandemie-2020",
            "1234567890123456",
            "1 + 1 = 2",
            "So = so",
            "größer",
            "悪い夢",
            "e=mc",
        ] {
            assert!(is_readable(text), "{text}");
        }
    }

    #[test]
    fn what_machines_write_is_not() {
        for text in [
            "",
            "http://jabber.org/protocol/mood",
            "urn:xmpp:avatar:data",
            "xmpp:den@rooms.example.org?join",
            "mailto:wicca@example.org",
            "aGVsbG8=",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB\n  CAYAAAAfFcSJAAAADUlEQVR42mNk\nYPj",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "0123456789abcdef",
        ] {
            assert!(!is_readable(text), "{text}");
        }
    }
}
