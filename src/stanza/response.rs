//! Replies to requests: a result with what was asked for, or the error that says what was wrong.

use minidom::{Element, ElementBuilder};

use crate::error::Error;
use crate::xml::{self, With, ns};

/// The reply to `iq`.
pub fn reply(iq: &Element, outcome: Result<Option<Element>, Error>) -> Element {
    let attr = |name| iq.attr(name).unwrap_or_default();
    let (kind, inner) = match outcome {
        Ok(inner) => ("result", vec![inner]),
        Err(error) => {
            let element = error.to_element();
            let entries = if let Error::Unacceptable(entries) = error { Some(*entries) } else { None };
            ("error", vec![entries, Some(element)])
        }
    };
    xml::iq(kind, attr("id"), attr("to"), attr("from")).append_all(inner.into_iter().flatten()).build()
}

/// `<pubsub/>` around `inner`.
pub(crate) fn pubsub(inner: Element) -> Element {
    Element::builder("pubsub", ns::PUBSUB).append(inner).build()
}

/// `<pubsub/>` of a node's owner around `inner`.
pub(crate) fn owner(inner: Element) -> Element {
    Element::builder("pubsub", ns::OWNER).append(inner).build()
}

/// An element of the pubsub namespace about a node, or about the root where there is none.
pub(crate) fn about(name: &str, node: Option<&str>) -> ElementBuilder {
    Element::builder(name, ns::PUBSUB).with_some("node", node)
}
