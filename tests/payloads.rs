//! Payloads as text: the text says what the element says, and nothing else is read or written.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use mep_core::error::Error;
use mep_core::xml::parse::Bounds;
use mep_core::xml::payload::Payload;
use minidom::rxml::{Namespace, NcName};
use minidom::{Element, Node};
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { depth: 64, parts: 10_000 };
const XML: &str = "http://www.w3.org/XML/1998/namespace";

fn payload(element: &Element) -> Payload {
    Payload::new(element, usize::MAX).unwrap()
}

/// `<a xmlns='urn:xxx…'><b/>…</a>`, where every child inherits the namespace.
fn of_children(ns: usize, children: usize) -> Element {
    let ns = format!("urn:{}", "x".repeat(ns));
    let child = Element::bare("b", ns.clone());
    Element::builder("a", ns).append_all(std::iter::repeat_n(child, children)).build()
}

fn texts() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        " ",
        "\n\t",
        "\r",
        "\r\n",
        "<",
        ">",
        "&",
        "'",
        "\"",
        "]]>",
        "&amp;",
        "<!--",
        "text",
        "größe",
        "\u{1f469}\u{200d}",
        "\u{0}",
        "\u{b}",
        "\u{1b}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{85}",
        "\u{2028}",
    ]);
    prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

fn namespaces() -> impl Strategy<Value = &'static str> {
    let all =
        ["urn:a", "urn:b", "", "jabber:client", "http://jabber.org/protocol/pubsub#event", "urn:<'&\">\n"];
    prop::sample::select(all.to_vec())
}

fn elements() -> impl Strategy<Value = Element> {
    let names = || prop::sample::select(vec!["a", "b", "xml", "xmlns", "größe", "x-1.y_2", "日本"]);
    let attributes = (prop::sample::select(vec!["", "urn:p", "urn:q", "urn:<'&\">", XML]), names(), texts());
    let head = (names(), namespaces(), prop::collection::vec(attributes, 0..4)).prop_map(
        |(name, ns, attributes)| {
            let mut element = Element::bare(name, ns);
            for (ns, name, value) in attributes {
                let name = if (ns, name) == ("", "xmlns") { "lang" } else { name };
                let ns = if ns == XML { Namespace::XML } else { Namespace::from(ns.to_owned()) };
                element.set_attr(ns, NcName::try_from(name).unwrap(), value);
            }
            element
        },
    );
    let head = head.boxed();
    head.clone().prop_recursive(5, 40, 6, move |inner| {
        let nodes = prop_oneof![texts().prop_map(Node::Text), inner.prop_map(Node::Element)];
        (head.clone(), prop::collection::vec(nodes, 0..6)).prop_map(|(mut element, nodes)| {
            for node in nodes {
                element.append_node(node);
            }
            element
        })
    })
}

/// Returns the element as it can be written: adjacent texts are one, and what XML forbids is replaced.
fn canonical(element: &Element) -> Element {
    let legal = |text: &str| {
        let is_illegal = |c| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}'..='\u{ffff}');
        text.replace(is_illegal, "\u{fffd}")
    };
    let mut copy = Element::bare(element.name(), element.ns());
    for ((ns, name), value) in element.attrs() {
        copy.set_attr(ns.clone(), name.clone(), legal(value));
    }
    for node in element.nodes() {
        match node {
            Node::Element(child) => {
                copy.append_child(canonical(child));
            }
            Node::Text(text) if text.is_empty() => {}
            Node::Text(text) => copy.append_text(legal(text)),
        }
    }
    copy
}

/// Returns the most octets that an element may need: every character as an entity where it might be one.
fn bound(element: &Element) -> usize {
    let escaped = |text: &str| -> usize {
        let octets = |c: char| if c.is_alphanumeric() { c.len_utf8() } else { 6 };
        text.chars().map(octets).sum()
    };
    let attribute = |((ns, name), value): ((&Namespace<'_>, &NcName), &String)| {
        " xmlns:p0=''p0:=''".len() + escaped(ns.as_str()) + name.len() + escaped(value)
    };
    let node = |node: &Node| match node {
        Node::Element(child) => bound(child),
        Node::Text(text) => escaped(text),
    };
    let tags = "< xmlns=''></>".len() + 2 * element.name().len() + escaped(&element.ns());
    tags + element.attrs().iter().map(attribute).sum::<usize>() + element.nodes().map(node).sum::<usize>()
}

proptest! {
    #[test]
    fn a_text_says_what_the_element_says(element in elements()) {
        let payload = payload(&element);
        prop_assert!(payload.size() <= bound(&element), "{}", payload.text());
        let parsed = payload.to_element().unwrap();
        prop_assert_eq!(&parsed, &canonical(&element), "{}", payload.text());
        let read = Payload::read(payload.text(), BOUNDS).unwrap();
        prop_assert_eq!(&read.to_element().unwrap(), &parsed);
        // Anywhere: it declares its own namespace.
        let wrapped = format!("<item xmlns='urn:x'>{}</item>", payload.text());
        let wrapped = Payload::read(&wrapped, BOUNDS).unwrap().to_element().unwrap();
        prop_assert_eq!(wrapped.children().next().unwrap(), &parsed);
    }

    #[test]
    fn a_limit_is_that_of_the_text(element in elements(), less in 1_usize..200) {
        let whole = payload(&element);
        let most = whole.size();
        prop_assert_eq!(Payload::new(&element, most), Ok(whole));
        let most = most.saturating_sub(less);
        prop_assert_eq!(Payload::new(&element, most), Err(Error::PayloadTooBig(most)));
    }

    #[test]
    fn damage_is_found(element in elements(), at in any::<prop::sample::Index>(), with in "[<>&'/ a\u{0}]") {
        let text = payload(&element).text().to_owned();
        let (at, _) = text.char_indices().nth(at.index(text.chars().count())).unwrap();
        let damaged = format!("{}{with}{}", &text[..at], text[at..].chars().skip(1).collect::<String>());
        // What is left of it is again a payload.
        if let Ok(read) = Payload::read(&damaged, BOUNDS) {
            prop_assert_eq!(Payload::new(&read.to_element().unwrap(), usize::MAX).unwrap(), read);
        }
        prop_assert!(Payload::read(&text[..at], BOUNDS).is_err(), "cut off");
    }
}

#[test]
fn what_no_parser_takes_is_refused() {
    let bare = Element::bare;
    let with = |ns: Namespace<'static>, name: &str| {
        let mut element = bare("a", "urn:a");
        element.set_attr(ns, NcName::try_from(name).unwrap(), "");
        element
    };
    let xmlns = "http://www.w3.org/2000/xmlns/";
    for element in [
        bare("foo", XML),
        bare("foo", xmlns),
        Element::builder("a", "urn:a").append(bare("foo", XML)).build(),
        bare("a:b", "urn:a"),
        bare("1", "urn:a"),
        bare("", "urn:a"),
        bare("a b='c'", "urn:a"),
        with(Namespace::NONE, "xmlns"),
        with(Namespace::XMLNS, "p"),
        with(Namespace::from("urn:\u{1}".to_owned()), "p"),
    ] {
        assert_eq!(Payload::new(&element, usize::MAX), Err(Error::IllegalPayload), "{element:?}");
    }
    assert!(Payload::new(&with(Namespace::XML, "lang"), usize::MAX).is_ok());
}

#[test]
fn a_text_that_is_not_one_payload_is_not_read() {
    let deep = |levels: usize| format!("{}{}", "<a xmlns='urn:a'>".repeat(levels), "</a>".repeat(levels));
    assert!(Payload::read(&deep(64), BOUNDS).is_ok());
    for text in [
        "",
        "text",
        "<a xmlns='urn:a'/>text",
        "<a xmlns='urn:a'/><a xmlns='urn:a'/>",
        "<?xml version='1.0'?><a xmlns='urn:a'/>",
        "<!DOCTYPE a><a xmlns='urn:a'/>",
        "<a xmlns='urn:a'>&lol;</a>",
        "<p:a/>",
        "<xml:a/>",
        "<a b='1' b='2'/>",
        &deep(65),
        &deep(36_000),
    ] {
        assert!(Payload::read(text, BOUNDS).is_err(), "{text}");
    }
    let few = Bounds { depth: 64, parts: 100 };
    assert!(Payload::read(payload(&of_children(9, 99)).text(), few).is_ok());
    assert!(Payload::read(payload(&of_children(9, 100)).text(), few).is_err(), "too many parts");
    assert!(Payload::read(payload(&of_children(1_000, 99)).text(), few).is_err(), "too much to copy");
    let odd = "<p:a xmlns:p='urn:p' xmlns='urn:q' p:c='&#x31;'><b><![CDATA[<]]></b></p:a>";
    let read = Payload::read(odd, BOUNDS).unwrap();
    assert_eq!(read.text(), "<a xmlns='urn:p' xmlns:p0='urn:p' p0:c='1'><b xmlns='urn:q'>&lt;</b></a>");
}

#[test]
fn a_language_that_was_inherited_is_an_attribute_like_others() {
    for (bare, whole) in [
        ("<a xmlns='urn:a'/>", "<a xmlns='urn:a' xml:lang='de'/>"),
        (
            "<a xmlns='urn:a' x='1' xmlns:p='urn:p' p:y='2'>b<c/></a>",
            "<a xmlns='urn:a' x='1' xml:lang='de' xmlns:p='urn:p' p:y='2'>b<c/></a>",
        ),
    ] {
        let (bare, whole): (Element, Element) = (bare.parse().unwrap(), whole.parse().unwrap());
        let size = Payload::new(&whole, usize::MAX).unwrap().size();
        assert_eq!(Payload::in_language(&bare, Some("de"), size), Payload::new(&whole, size));
        assert_eq!(Payload::in_language(&bare, Some("de"), size - 1), Err(Error::PayloadTooBig(size - 1)));
        assert_eq!(Payload::in_language(&bare, None, size), Payload::new(&bare, size));
    }
    let odd = Payload::in_language(&"<a xmlns='urn:a'/>".parse().unwrap(), Some("<'&"), 100).unwrap();
    assert_eq!(odd.text(), "<a xmlns='urn:a' xml:lang='&lt;&apos;&amp;'/>");
}
