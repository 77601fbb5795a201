//! Responses to requests: a result, or an error that says what is wrong.

use minidom::{Element, ElementBuilder, Node};

use crate::error::{Error, Pubsub, Rule};
use crate::id::ItemId;
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

/// Builds an `<item/>` with its payload.
pub(crate) fn item(id: &ItemId, payload: Option<&Payload>, publisher: Option<&str>) -> Element {
    Element::builder("item", ns::PUBSUB)
        .with("id", id.as_str())
        .with_some("publisher", publisher)
        .append_all(payload.and_then(|payload| payload.to_element().ok()).map(Node::Element))
        .build()
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
