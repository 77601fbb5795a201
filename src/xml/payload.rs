//! Published payloads.

use std::rc::Rc;

use minidom::Element;
use minidom::rxml::{Namespace, NcNameStr};

use super::parse::{self, Bounds, Unreadable};
use super::write;
use crate::error::Error;

/// A published payload, as text: one element that declares its own namespace. So it takes about as much memory as the
/// octets that it was sent in, and is written only once, however often it is delivered, stored or retrieved.
///
/// Shared when cloned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(Rc<str>);

impl Payload {
    /// Writes an element as a payload of at most `most` octets. The cost is linear in `most`.
    ///
    /// # Errors
    /// [`Error::PayloadTooBig`]; [`Error::IllegalPayload`].
    pub fn new(element: &Element, most: usize) -> Result<Self, Error> {
        Self::in_language(element, None, most)
    }

    /// Does the same, and adds the language that the element inherits.
    ///
    /// # Errors
    /// The same.
    pub fn in_language(element: &Element, lang: Option<&str>, most: usize) -> Result<Self, Error> {
        let mut text = String::new();
        if !write::write_up_to(&mut text, element, lang, most) {
            return Err(Error::PayloadTooBig(most));
        }
        if is_legal(element) { Ok(Self(text.into())) } else { Err(Error::IllegalPayload) }
    }

    /// Reads the text of a payload, which may have been damaged since it was written.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub fn read(text: &str, bounds: Bounds) -> Result<Self, Unreadable> {
        // Written again: so it is in the form of all others, whatever it was changed to.
        Self::new(&parse::parse_within(text, bounds)?, usize::MAX).map_err(|_| Unreadable)
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the size of the text, in octets: what limits count.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Builds the element.
    ///
    /// # Errors
    /// [`Unreadable`], which no payload is.
    pub fn to_element(&self) -> Result<Element, Unreadable> {
        parse::parse(&self.0)
    }
}

/// Returns whether parsers with namespaces accept the element as it is written. Prosody's own parser also takes an
/// element such as `<xml:foo/>`, but no declaration may name its namespace (Namespaces in XML 1.0, 3), so recipients that
/// got it as Prosody writes it would close their streams.
fn is_legal(element: &Element) -> bool {
    let is_legal_attribute = |ns: &Namespace<'_>, name: &str| match ns.as_str() {
        "" => name != "xmlns",
        ns => ns != XMLNS && !ns.contains(write::is_impossible),
    };
    <&NcNameStr>::try_from(element.name()).is_ok()
        && !element.has_ns(XML)
        && !element.has_ns(XMLNS)
        && element.attrs().iter().all(|((ns, name), _)| is_legal_attribute(ns, name))
        && element.children().all(is_legal)
}

const XML: &str = minidom::rxml::XMLNS_XML;
const XMLNS: &str = minidom::rxml::XMLNS_XMLNS;
