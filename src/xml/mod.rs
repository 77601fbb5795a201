//! Small helpers for [`minidom`]: building, writing and measuring elements.

pub mod choice;
pub mod form;
pub mod ns;
pub mod rsm;
pub mod time;

use minidom::rxml::{Namespace, NcName, xml_map::XmlMap};
use minidom::{Element, ElementBuilder, Node};

/// Builder methods for attributes, including optional ones.
pub(crate) trait With {
    /// Sets the attribute `name`, a literal of this crate.
    #[must_use]
    fn with(self, name: &'static str, value: &str) -> Self;

    /// Sets the attribute `name` if there is a value.
    #[must_use]
    fn with_some(self, name: &'static str, value: Option<&str>) -> Self;
}

impl With for ElementBuilder {
    fn with(self, name: &'static str, value: &str) -> Self {
        self.attr(literal(name), value)
    }

    fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// Returns an empty element.
pub(crate) fn bare(name: &str, ns: &str) -> Element {
    Element::bare(name, ns)
}

/// Returns an element that contains a text.
pub(crate) fn text(name: &str, ns: &str, text: &str) -> Element {
    Element::builder(name, ns).append(text).build()
}

/// Returns the first child element of `parent`, whatever its name.
pub(crate) fn first_child(parent: &Element) -> Option<&Element> {
    parent.children().next()
}

/// Returns the builder of an `<iq/>` from `from` to `to`.
pub(crate) fn iq(kind: &str, id: &str, from: &str, to: &str) -> ElementBuilder {
    Element::builder("iq", ns::CLIENT).with("type", kind).with("id", id).with("from", from).with("to", to)
}

/// Appends an element to a text in which the current namespace is `inherited`. Prefixes are generated, and only for
/// attributes.
///
/// Characters that XML forbids are replaced. The cost is linear in the output.
pub(crate) fn write(text: &mut String, element: &Element, inherited: &str) {
    let own = (!element.has_ns(inherited)).then(|| element.ns());
    text.push('<');
    text.push_str(element.name());
    if let Some(ns) = &own {
        text.push_str(" xmlns='");
        write_value(text, ns);
        text.push('\'');
    }
    for (at, ((ns, name), value)) in element.attrs().iter().enumerate() {
        if ns.is_none() {
            text.push(' ');
        } else if *ns == Namespace::XML {
            text.push_str(" xml:");
        } else {
            let at = at.to_string();
            text.extend([" xmlns:p", &at, "='"]);
            write_value(text, ns);
            text.extend(["' p", &at, ":"]);
        }
        text.extend([name.as_str(), "='"]);
        write_value(text, value);
        text.push('\'');
    }
    if element.nodes().next().is_none() {
        text.push_str("/>");
        return;
    }
    text.push('>');
    let ns = own.as_deref().unwrap_or(inherited);
    for node in element.nodes() {
        match node {
            Node::Element(child) => write(text, child, ns),
            Node::Text(inner) => write_text(text, inner),
        }
    }
    text.extend(["</", element.name(), ">"]);
}

/// Appends the value of an attribute.
pub(crate) fn write_value(text: &mut String, value: &str) {
    escape(text, value, |c| matches!(c, '&' | '<' | '>' | '\'' | '"') || c < ' ' || is_impossible(c));
}

/// Appends the text between tags.
pub(crate) fn write_text(text: &mut String, inner: &str) {
    escape(text, inner, |c| matches!(c, '&' | '<' | '>' | '\r') || is_impossible(c));
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

/// Returns whether XML forbids this character (XML 1.0, 2.2).
fn is_impossible(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Returns the size of an element as text, with its own namespace, precisely enough for a limit. Walks the tree once.
pub(crate) fn size(element: &Element) -> usize {
    inner_size(element) + ns_size(element)
}

fn inner_size(element: &Element) -> usize {
    let name = element.name().len();
    // <name/> or <name></name>
    let mut total = if element.nodes().next().is_none() { name + 3 } else { 2 * name + 5 };
    total += attributes(element.attrs());
    for node in element.nodes() {
        total += match node {
            Node::Element(child) if child.has_ns(element.ns().as_str()) => inner_size(child),
            Node::Element(child) => size(child),
            Node::Text(text) => escaped(text),
        };
    }
    total
}

fn ns_size(element: &Element) -> usize {
    element.ns().len() + 9
}

/// Returns the size of a text as Prosody writes it, with five characters as entities.
fn escaped(text: &str) -> usize {
    let more = |octet| match octet {
        b'&' => 4,
        b'<' | b'>' => 3,
        b'\'' | b'"' => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>()
}

fn attributes(attrs: &XmlMap<String>) -> usize {
    let size = |((ns, name), value): ((&Namespace<'_>, &NcName), &String)| {
        let prefix =
            if ns.is_none() || *ns == Namespace::XML { 0 } else { " xmlns:p0=''p0:".len() + ns.len() };
        let spaces = value.bytes().filter(|octet| matches!(octet, b'\t' | b'\n' | b'\r')).count();
        name.len() + escaped(value) + 4 * spaces + 4 + prefix
    };
    attrs.iter().map(size).sum()
}

fn literal(name: &'static str) -> NcName {
    #[expect(clippy::expect_used, reason = "every caller passes a literal, and every literal is under test")]
    NcName::try_from(name).expect("an attribute name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_is_that_of_the_text() {
        for text in [
            "<a xmlns='urn:x' b='c'><d xmlns='urn:e'>fgh</d></a>",
            "<a xmlns='urn:x'>&amp;&lt;&gt;&quot;&apos;</a>",
            "<a xmlns='urn:a-name-of-some-length'><e/><e/><e/></a>",
            "<a xmlns='urn:a' xmlns:p0='urn:p' p0:a='1' xmlns:p1='urn:p' p1:b='&#10;&#9;'/>",
        ] {
            let measured = size(&text.parse().unwrap());
            assert!(measured.abs_diff(text.len()) <= 4, "{measured} for {}: {text}", text.len());
        }
    }
}
