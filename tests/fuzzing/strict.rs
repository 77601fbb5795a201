//! What a recipient's parser makes of a text: roxmltree checks all that XML and its namespaces demand, and shares no
//! code with the core's own parser.

use minidom::{Element, Node};
use roxmltree::{Document, ParsingOptions};

/// Asserts that a stanza in a client's stream reads as this element.
pub fn reads_as(stanza: &str, element: &Element) {
    if is_misread(element) {
        return;
    }
    let stream = format!("<stream xmlns='jabber:client'>{stanza}</stream>");
    let document = parse(&stream);
    let read = document.root_element().first_element_child().unwrap();
    assert!(is_same(read, element), "{stanza}\nis not {}", String::from(element));
}

/// Asserts that a document reads as this element.
pub fn document_reads_as(text: &str, element: &Element) {
    if is_misread(element) {
        return;
    }
    let document = parse(text);
    assert!(is_same(document.root_element(), element), "{text}\nis not {element:?}");
}

/// Returns the size of a stanza and the number of its elements; asserts that it can be read.
pub fn measure(element: &Element) -> (usize, usize) {
    let text = String::from(element);
    reads_as(&text, element);
    (text.len(), elements(element))
}

/// Returns whether roxmltree misreads the element: it takes `p:xmlns` for `xmlns`.
fn is_misread(element: &Element) -> bool {
    let attrs = element.attrs();
    attrs.iter().any(|((ns, name), _)| !ns.is_none() && name.as_str() == "xmlns")
        || element.children().any(is_misread)
}

fn elements(element: &Element) -> usize {
    1 + element.children().map(elements).sum::<usize>()
}

fn parse(text: &str) -> Document<'_> {
    let options = ParsingOptions { nodes_limit: 1_000_000, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn is_same(read: roxmltree::Node<'_, '_>, element: &Element) -> bool {
    let ns = read.tag_name().namespace().unwrap_or_default();
    assert_ne!(ns, "http://www.w3.org/XML/1998/namespace", "expat and Prosody's parser end the stream here");
    let mut attributes: Vec<_> = read
        .attributes()
        .map(|attribute| (attribute.namespace().unwrap_or_default(), attribute.name(), attribute.value()))
        .collect();
    let attrs = element.attrs();
    let mut own: Vec<_> =
        attrs.iter().map(|((ns, name), value)| (ns.as_str(), name.as_str(), value.as_str())).collect();
    attributes.sort_unstable();
    own.sort_unstable();
    (ns, read.tag_name().name()) == (element.ns().as_str(), element.name())
        && attributes == own
        && has_same_content(read, element)
}

/// Compares the children; texts in a row count as one.
fn has_same_content(read: roxmltree::Node<'_, '_>, element: &Element) -> bool {
    let mut nodes = element.nodes().peekable();
    let mut children = read.children().peekable();
    loop {
        let mut expected = String::new();
        while let Some(Node::Text(text)) = nodes.next_if(|node| matches!(node, Node::Text(_))) {
            expected.push_str(text);
        }
        let mut text = String::new();
        while let Some(child) = children.next_if(roxmltree::Node::is_text) {
            text.push_str(child.text().unwrap_or_default());
        }
        if text != expected {
            return false;
        }
        match (nodes.next(), children.next()) {
            (None, None) => return true,
            (Some(Node::Element(element)), Some(child)) if child.is_element() => {
                if !is_same(child, element) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}
