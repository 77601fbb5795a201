//! Payloads: whatever an element is, it is refused, or its text reads as the element with every parser.

use mep_core::error::Error;
use mep_core::options::Options;
use mep_core::xml::parse::Bounds;
use mep_core::xml::payload::Payload;
use minidom::Element;
use minidom::rxml::{Namespace, NcName};

use super::draw::Draw;
use super::strict;

const NAMES: [&str; 8] = ["a", "b", "größe", "x-1.y_2", "日本", "xmlns", "xml", "p1"];
const NAMESPACES: [&str; 9] = [
    "urn:a",
    "urn:b",
    "",
    "jabber:client",
    "http://jabber.org/protocol/pubsub",
    "urn:größe & <co>",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
    "urn:\u{1}",
];
const TEXTS: [&str; 8] =
    ["", " ", "<&>\"'", "\n\t\r", "]]>", "\u{0}\u{1b}\u{fffe}", "\u{1f469}\u{200d}\u{1f4bb}", "text"];

/// The first octet says whether the rest is XML or a series of choices.
pub fn run(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else { return };
    if kind % 2 == 0 {
        if let Ok(Ok(element)) = std::str::from_utf8(rest).map(str::parse::<Element>) {
            check(&element, usize::from(kind));
        }
    } else {
        let mut draw = Draw::new(rest);
        let element = grow(&mut draw, 6);
        check(&element, usize::from(kind));
    }
}

fn check(element: &Element, size: usize) {
    // What was built may have what no parser returns: it is written as U+FFFD.
    let meant = legal(element);
    match Payload::new(element, usize::MAX) {
        Ok(payload) => {
            let text = payload.text();
            assert_eq!(payload.size(), text.len());
            strict::document_reads_as(text, &meant);
            assert!(payload.to_element().unwrap() == meant, "{text}");
            let options = Options::default();
            let bounds = Bounds { depth: options.max_payload_depth, parts: options.max_payload_parts };
            if let Ok(read) = Payload::read(text, bounds) {
                // Only empty texts are lost: `<a></a>` becomes `<a/>`.
                assert!(
                    read.to_element().unwrap() == meant,
                    "a payload that was stored means what it meant: {text}"
                );
                assert_eq!(Payload::read(read.text(), bounds), Ok(read.clone()));
            }
            let fits = text.len() <= size;
            match Payload::new(element, size) {
                Ok(_) => assert!(fits),
                Err(error) => assert!(!fits && error == Error::PayloadTooBig(size)),
            }
            in_language(element, &meant);
        }
        Err(error) => {
            assert_eq!(error, Error::IllegalPayload, "no other rule without a limit");
            assert!(!is_plain(element), "{element:?}");
        }
    }
}

fn in_language(element: &Element, meant: &Element) {
    let has_lang = element.attr_ns(&Namespace::XML, "lang").is_some();
    if has_lang {
        return;
    }
    let payload = Payload::in_language(element, Some("de"), usize::MAX).unwrap();
    let mut meant = meant.clone();
    meant.set_attr(Namespace::XML, NcName::try_from("lang").unwrap(), "de");
    strict::document_reads_as(payload.text(), &meant);
}

/// Returns whether nothing in it is reserved by XML or impossible in it.
fn is_plain(element: &Element) -> bool {
    let is_plain_ns = |ns: &str| !ns.starts_with("http://www.w3.org/") && !ns.contains(is_impossible);
    let attrs = element.attrs();
    is_plain_ns(&element.ns())
        && attrs.iter().all(|((ns, name), _)| {
            (is_plain_ns(ns) || *ns == Namespace::XML) && !(ns.is_none() && name.as_str() == "xmlns")
        })
        && element.children().all(is_plain)
}

fn grow(draw: &mut Draw<'_>, levels: usize) -> Element {
    let ns = draw.one_of(&NAMESPACES);
    let mut element = Element::bare(draw.one_of(&NAMES), ns);
    for _ in 0..draw.below(4) {
        let ns = draw.one_of(&NAMESPACES);
        let ns = if ns.is_empty() { Namespace::NONE } else { Namespace::from(ns.to_owned()) };
        let name = NcName::try_from(draw.one_of(&NAMES)).unwrap();
        let value = value(draw);
        element.set_attr(ns, name, value);
    }
    for _ in 0..if levels > 1 { draw.below(5) } else { 0 } {
        if draw.below(3) == 0 {
            element.append_text(value(draw));
        } else {
            element.append_child(grow(draw, levels - 1));
        }
    }
    element
}

fn value(draw: &mut Draw<'_>) -> String {
    if draw.once_in(4) { draw.text(16) } else { draw.one_of(&TEXTS).to_owned() }
}

/// The same element with U+FFFD in place of all that XML can't have, and with texts in a row as one.
fn legal(element: &Element) -> Element {
    let of = |text: &str| text.replace(is_impossible, "\u{fffd}");
    let mut copy = Element::bare(element.name(), of(&element.ns()));
    let attrs = element.attrs();
    for ((ns, name), value) in attrs {
        copy.set_attr(ns.clone(), name.clone(), of(value));
    }
    let mut run = String::new();
    let append = |copy: &mut Element, run: &mut String| {
        if !run.is_empty() {
            copy.append_text(std::mem::take(run));
        }
    };
    for node in element.nodes() {
        match node {
            minidom::Node::Element(child) => {
                append(&mut copy, &mut run);
                copy.append_child(legal(child));
            }
            minidom::Node::Text(text) => run.push_str(&of(text)),
        }
    }
    append(&mut copy, &mut run);
    copy
}

fn is_impossible(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}
