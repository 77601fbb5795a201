//! Small helpers over [`minidom`]: building elements with literal attribute names, reading attributes, measuring.

use minidom::rxml::{NcName, xml_map::XmlMap};
use minidom::{Element, ElementBuilder, Node};

use crate::ns;

/// Building with attributes that may be absent, in one chain.
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

/// An element with nothing in it.
pub(crate) fn bare(name: &str, ns: &str) -> Element {
    Element::bare(name, ns)
}

/// An element that holds one text.
pub(crate) fn text(name: &str, ns: &str, text: &str) -> Element {
    Element::builder(name, ns).append(text).build()
}

/// The first child of `parent` that is an element, whatever its name.
pub(crate) fn first_child(parent: &Element) -> Option<&Element> {
    parent.children().next()
}

/// An `<iq/>` from `from` to `to`.
pub(crate) fn iq(kind: &str, id: &str, from: &str, to: &str) -> ElementBuilder {
    Element::builder("iq", ns::CLIENT).with("type", kind).with("id", id).with("from", from).with("to", to)
}

/// What is in an element, as text: every child declares its own namespace.
///
/// # Errors
/// Where there is what no XML can have; nothing that came over a stream has such.
#[cfg(feature = "lua")]
pub(crate) fn render_inside(element: &Element) -> Result<String, minidom::Error> {
    let mut text = Vec::new();
    for child in element.children() {
        child.write_to(&mut text)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The start tag of an element, up to the value of an attribute `last` that it does not have.
#[cfg(feature = "lua")]
pub(crate) fn start_before(element: &Element, last: &str) -> String {
    let mut text = format!("<{}", element.name());
    for ((_, name), value) in element.attrs() {
        text.extend([" ", name.as_str(), "='", &escape(value), "'"]);
    }
    text.extend([" ", last, "='"]);
    text
}

/// A text as it stands in an attribute.
#[cfg(feature = "lua")]
pub(crate) fn escape(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(['&', '<', '>', '\'', '"', '\t', '\n', '\r']) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

/// The octets that an element takes as text, with its own namespace, near enough for a limit. Costs one walk of the
/// tree.
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

/// The octets of a text as Prosody writes it: five characters as their entities.
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
    attrs.iter().map(|((ns, name), value)| ns.as_str().len() + name.len() + escaped(value) + 4).sum()
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
        ] {
            let measured = size(&text.parse().unwrap());
            assert!(measured.abs_diff(text.len()) <= 4, "{measured} for {}: {text}", text.len());
        }
    }
}
