//! Elements as text. Prefixes are generated, and only for attributes.
//!
//! Characters that XML forbids are replaced. The cost is linear in the output.

use minidom::rxml::Namespace;
use minidom::{Element, Node};

use super::literal;

/// Appends an element to a text. It declares its own namespace, so it means the same wherever the text is put.
pub(crate) fn write(text: &mut String, element: &Element) {
    write_up_to(text, element, None, usize::MAX);
}

/// Appends an element to a text, as [`write`] does, and returns whether the text is of at most `end` octets then. Stops
/// soon after: namespaces that were inherited or had a prefix are repeated, so an element may need thousands of times
/// the octets that it came in. With a `lang`, the element gets this `xml:lang`.
pub(super) fn write_up_to(text: &mut String, element: &Element, lang: Option<&str>, end: usize) -> bool {
    Writer { text, lang, end }.element(element, None).is_some()
}

/// Returns the size of an element as text.
pub(crate) fn size(element: &Element) -> usize {
    let mut text = String::new();
    write(&mut text, element);
    text.len()
}

/// Appends the value of an attribute.
pub(crate) fn write_value(text: &mut String, value: &str) {
    escape(text, value, |c| matches!(c, '&' | '<' | '>' | '\'' | '"') || c < ' ' || is_impossible(c));
}

/// Returns how many octets [`write_value`] appends at most.
pub(crate) fn value_size(value: &str) -> usize {
    // &quot; has five more than what it stands for.
    value.len()
        + 5 * value
            .bytes()
            .filter(|octet| matches!(octet, b'&' | b'<' | b'>' | b'\'' | b'"' | ..b' '))
            .count()
}

/// Appends the text between tags.
pub(crate) fn write_text(text: &mut String, inner: &str) {
    escape(text, inner, |c| matches!(c, '&' | '<' | '>' | '\r') || is_impossible(c));
}

/// Returns whether XML forbids this character (XML 1.0, 2.2).
pub(super) fn is_impossible(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

struct Writer<'a> {
    text: &'a mut String,
    /// The `xml:lang` of the next element.
    lang: Option<&'a str>,
    end: usize,
}

impl Writer<'_> {
    /// Appends an element where the namespace `inherited` is the current one. Returns `None` past the end.
    fn element(&mut self, element: &Element, inherited: Option<&str>) -> Option<()> {
        let own = inherited.is_none_or(|inherited| !element.has_ns(inherited)).then(|| element.ns());
        self.text.push('<');
        self.text.push_str(element.name());
        if let Some(ns) = &own {
            self.text.push_str(" xmlns='");
            write_value(self.text, ns);
            self.text.push('\'');
        }
        let with_lang = self.lang.take().map(|lang| {
            let mut attrs = element.attrs().clone();
            attrs.insert(Namespace::XML, literal("lang"), lang.to_owned());
            attrs
        });
        let attrs = with_lang.as_ref().unwrap_or_else(|| element.attrs());
        for (at, ((ns, name), value)) in attrs.iter().enumerate() {
            if ns.is_none() {
                self.text.push(' ');
            } else if *ns == Namespace::XML {
                self.text.push_str(" xml:");
            } else {
                let at = at.to_string();
                self.text.extend([" xmlns:p", &at, "='"]);
                write_value(self.text, ns);
                self.text.extend(["' p", &at, ":"]);
            }
            self.text.extend([name.as_str(), "='"]);
            write_value(self.text, value);
            self.text.push('\'');
            self.check()?;
        }
        if element.nodes().next().is_none() {
            self.text.push_str("/>");
            return self.check();
        }
        self.text.push('>');
        let ns = own.as_deref().or(inherited);
        for node in element.nodes() {
            match node {
                Node::Element(child) => self.element(child, ns)?,
                Node::Text(inner) => write_text(self.text, inner),
            }
            self.check()?;
        }
        self.text.extend(["</", element.name(), ">"]);
        self.check()
    }

    fn check(&self) -> Option<()> {
        (self.text.len() <= self.end).then_some(())
    }
}

fn escape(text: &mut String, mut plain: &str, is_special: impl Fn(char) -> bool) {
    while let Some(at) = plain.find(&is_special) {
        let (before, from) = plain.split_at(at);
        text.push_str(before);
        let mut chars = from.chars();
        text.push_str(match chars.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('\'') => "&apos;",
            Some('"') => "&quot;",
            Some('\t') => "&#9;",
            Some('\n') => "&#10;",
            Some('\r') => "&#13;",
            _ => "\u{fffd}",
        });
        plain = chars.as_str();
    }
    text.push_str(plain);
}
