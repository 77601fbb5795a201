//! Texts as elements.

use minidom::Element;
use minidom::rxml::parser::Options;
use minidom::rxml::{Event, Reader};
use thiserror::Error;

/// The text is not one element of XML with namespaces, or exceeds the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not one element of XML, or a too large one")]
pub struct Unreadable;

/// The limits for building an element. They bound the memory that it takes, and the stack that dropping it takes: an
/// element of tens of thousands of levels, which fits Prosody's limit for a stanza, would overflow the stack and crash
/// the server.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Levels.
    pub depth: usize,
    /// Elements, attributes and texts.
    pub parts: usize,
}

impl Bounds {
    /// The limits for what was written here, from elements within limits.
    pub(super) const OWN: Self = Self { depth: 1024, parts: usize::MAX };

    /// Octets of the names and namespaces of all parts. Each part owns copies of its own: a namespace that is written
    /// once and inherited by thousands of elements would take thousands of times the octets that were sent.
    pub(crate) fn name_octets(self) -> usize {
        self.parts.saturating_mul(128)
    }
}

/// Parses an element from the whole text. Without a declaration, its namespace is empty.
///
/// # Errors
/// [`Unreadable`]
pub(crate) fn parse(text: &str) -> Result<Element, Unreadable> {
    parse_within(text, Bounds::OWN)
}

/// Parses an element from the whole text, within these limits.
///
/// # Errors
/// [`Unreadable`]
pub(super) fn parse_within(text: &str, bounds: Bounds) -> Result<Element, Unreadable> {
    // The longest possible token is the text itself. The reader allocates as much at once.
    let options = Options { max_token_length: text.len().max(16), ..Options::default() };
    let mut reader = Reader::with_options(text.as_bytes(), options);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let (mut parts, mut octets) = (bounds.parts, bounds.name_octets());
    let mut take = |names: usize| {
        parts = parts.checked_sub(1).ok_or(Unreadable)?;
        octets = octets.checked_sub(names).ok_or(Unreadable)?;
        Ok(())
    };
    while let Some(event) = reader.read().map_err(|_| Unreadable)? {
        match event {
            Event::XmlDeclaration(..) => return Err(Unreadable),
            Event::StartElement(_, (ns, name), attrs) => {
                take(ns.len() + name.len())?;
                if open.len() >= bounds.depth {
                    return Err(Unreadable);
                }
                let mut element = Element::bare(name.as_str(), ns);
                for ((ns, name), value) in attrs {
                    take(ns.len() + name.len())?;
                    element.set_attr(ns, name, value);
                }
                open.push(element);
            }
            Event::Text(_, text) => {
                take(0)?;
                if let Some(parent) = open.last_mut() {
                    parent.append_text(text);
                }
            }
            Event::EndElement(_) => {
                let element = open.pop().ok_or(Unreadable)?;
                if let Some(parent) = open.last_mut() {
                    parent.append_child(element);
                } else {
                    root = Some(element);
                }
            }
        }
    }
    root.ok_or(Unreadable)
}
