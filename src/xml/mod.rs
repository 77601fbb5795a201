//! Small helpers for [`minidom`]: building, writing and parsing elements.

pub mod choice;
pub mod form;
pub mod ns;
pub mod parse;
pub mod payload;
pub mod rsm;
pub mod time;
mod write;

use minidom::rxml::NcName;
use minidom::{Element, ElementBuilder};

pub(crate) use self::parse::parse;
pub(crate) use self::write::{size, value_size, write, write_text, write_value};

use crate::error::Error;

/// The language of the streams that Prosody opens, and of stanzas from streams that name none: it stamps each stanza
/// with its stream's.
pub(crate) const STREAM_LANG: &str = "en";

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

/// Returns the child element of this name and namespace.
///
/// # Errors
/// [`Error::Malformed`] if there are two: which of them is meant is not for this service to guess.
pub(crate) fn only_child<'a>(
    parent: &'a Element,
    name: &str,
    ns: &str,
) -> Result<Option<&'a Element>, Error> {
    let mut found = parent.children().filter(|child| child.is(name, ns));
    match (found.next(), found.next()) {
        (child, None) => Ok(child),
        _ => Err(Error::Malformed("an element occurs twice")),
    }
}

/// Returns the element's own `xml:lang`.
pub(crate) fn lang(element: &Element) -> Option<&str> {
    element.attr_ns(&minidom::rxml::Namespace::XML, "lang")
}

/// Returns the builder of an `<iq/>` from `from` to `to`.
pub(crate) fn iq(kind: &str, id: &str, from: &str, to: &str) -> ElementBuilder {
    Element::builder("iq", ns::CLIENT).with("type", kind).with("id", id).with("from", from).with("to", to)
}

fn literal(name: &'static str) -> NcName {
    #[expect(clippy::expect_used, reason = "every caller passes a literal, and every literal is under test")]
    NcName::try_from(name).expect("an attribute name")
}
