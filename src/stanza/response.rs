//! Responses to requests: a result, or an error that says what is wrong.

use minidom::{Element, ElementBuilder};

use crate::error::{Error, Pubsub, Rule};
use crate::id::{ItemId, NodeName};
use crate::stanza::rendered::{Rendered, attribute, write_item};
use crate::xml::payload::Payload;
use crate::xml::{self, With, ns};

/// Builds the response to `iq`.
pub fn reply(iq: &Element, outcome: Result<Option<Element>, Error>) -> Element {
    let attr = |name| iq.attr(name).unwrap_or_default();
    let (kind, inner) = match outcome {
        Ok(inner) => ("result", vec![inner]),
        Err(error) => {
            let element = error_element(&error);
            let entries = if let Error::Unacceptable(entries) = error { Some(*entries) } else { None };
            ("error", vec![entries, Some(element)])
        }
    };
    xml::iq(kind, attr("id"), attr("to"), attr("from")).append_all(inner.into_iter().flatten()).build()
}

/// Renders the result of `iq` with these items.
pub(crate) fn items(iq: &Element, items: &Items) -> Rendered {
    let attr = |name| iq.attr(name).unwrap_or_default();
    let mut result = Rendered::result(attr("to"), attr("id"));
    result.child("pubsub", ns::PUBSUB, |text| text.push_str(&items.0));
    result
}

/// Renders the result of `iq` with a list.
pub(crate) fn list(iq: &Element, list: &Element) -> Rendered {
    let attr = |name| iq.attr(name).unwrap_or_default();
    let mut result = Rendered::result(attr("to"), attr("id"));
    result.element(list);
    result
}

/// The items of a node, as text: payloads are text already, so nothing is built for those who retrieve them.
pub(crate) struct Items(String);

impl Items {
    /// Returns none, with room for items of so many octets.
    pub(crate) fn new(node: &NodeName, octets: usize) -> Self {
        let mut text = String::with_capacity(octets);
        text.push_str("<items");
        attribute(&mut text, "node", node.as_str());
        text.push('>');
        Self(text)
    }

    /// Adds an item.
    pub(crate) fn add(&mut self, id: &ItemId, payload: Option<&Payload>, publisher: Option<&str>) {
        write_item(&mut self.0, id, payload, publisher);
    }

    /// Ends the list, with the page that it is, if it is one.
    #[must_use]
    pub(crate) fn end(mut self, page: Option<&Element>) -> Self {
        self.0.push_str("</items>");
        if let Some(page) = page {
            xml::write(&mut self.0, page);
        }
        self
    }
}

/// Builds the `<error/>` of a response.
pub fn error_element(error: &Error) -> Element {
    let Rule { kind, condition, pubsub } = error.rule();
    let mut element = Element::builder("error", ns::CLIENT)
        .with("type", kind)
        .append(xml::bare(condition, ns::STANZAS))
        .append(xml::text("text", ns::STANZAS, &error.to_string()));
    match pubsub {
        Pubsub::None => {}
        Pubsub::Condition(name) => element = element.append(xml::bare(name, ns::ERRORS)),
        Pubsub::Feature(feature) => {
            element =
                element.append(Element::builder("unsupported", ns::ERRORS).with("feature", feature).build());
        }
    }
    element.build()
}

/// Wraps `inner` in `<pubsub/>`.
pub(crate) fn pubsub(inner: Element) -> Element {
    Element::builder("pubsub", ns::PUBSUB).append(inner).build()
}

/// Wraps `inner` in the `<pubsub/>` of a node's owner.
pub(crate) fn owner(inner: Element) -> Element {
    Element::builder("pubsub", ns::OWNER).append(inner).build()
}

/// Builds an element of the pubsub namespace about a node, or about the root without one.
pub(crate) fn about(name: &str, node: Option<&str>) -> ElementBuilder {
    Element::builder(name, ns::PUBSUB).with_some("node", node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_type_condition_text_and_pubsub_condition() {
        let unsupported = Error::Unsupported("get-pending");
        let error = error_element(&unsupported);
        assert_eq!(error.attr("type"), Some("cancel"));
        assert!(error.has_child("feature-not-implemented", ns::STANZAS));
        assert_eq!(error.get_child("text", ns::STANZAS).unwrap().text(), unsupported.to_string());
        let unsupported = error.get_child("unsupported", ns::ERRORS).unwrap();
        assert_eq!(unsupported.attr("feature"), Some("get-pending"));
    }
}
