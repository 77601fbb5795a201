//! Stanzas with payloads: the messages of notifications, sent to one session or to many, and results with items.
//!
//! Almost all of them pass through as text, and no module opens them. So such a stanza is rendered once, from the texts
//! of its payloads, and its children are parsed from its text if a module opens it.

use std::borrow::Cow;

use minidom::Element;

use crate::id::ItemId;
use crate::options::NotificationType;
use crate::xml::parse::Unreadable;
use crate::xml::payload::Payload;
use crate::xml::time::timestamp;
use crate::xml::{self, ns};

/// A stanza without its `to`, which is the only thing that differs between its recipients.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    name: &'static str,
    from: String,
    id: String,
    kind: &'static str,
    /// The children, as text.
    inside: String,
    children: Vec<ChildName>,
}

/// The name and the namespace of a child.
pub type ChildName = (Cow<'static, str>, Cow<'static, str>);

impl Rendered {
    /// Returns a message without children. All copies of an event have the same id, by which clients know them.
    pub(crate) fn message(from: &str, id: &str, kind: NotificationType) -> Self {
        Self::new("message", from, id, kind.as_str())
    }

    /// Returns the result of a request, without a child.
    pub(crate) fn result(from: &str, id: &str) -> Self {
        Self::new("iq", from, id, "result")
    }

    fn new(name: &'static str, from: &str, id: &str, kind: &'static str) -> Self {
        let (from, id) = (from.to_owned(), id.to_owned());
        Self { name, from, id, kind, inside: String::new(), children: Vec::with_capacity(2) }
    }

    /// Adds a body that people can read (XEP-0060, 12.7). It declares no namespace: its namespace is the stream's, which
    /// differs between servers.
    pub(crate) fn body(&mut self, body: &str) {
        self.children.push(("body".into(), ns::CLIENT.into()));
        self.inside.push_str("<body>");
        xml::write_text(&mut self.inside, body);
        self.inside.push_str("</body>");
    }

    /// Adds a child, whose content `write` appends in its namespace.
    pub(crate) fn child(&mut self, name: &'static str, ns: &'static str, write: impl FnOnce(&mut String)) {
        self.open(name, ns);
        self.inside.push('>');
        write(&mut self.inside);
        self.inside.extend(["</", name, ">"]);
    }

    /// Adds any other element.
    pub(crate) fn element(&mut self, element: &Element) {
        self.children.push((element.name().to_owned().into(), element.ns().into()));
        xml::write(&mut self.inside, element);
    }

    /// Adds the publisher's stable id (XEP-0421).
    pub(crate) fn occupant_id(&mut self, id: &str) {
        self.open("occupant-id", ns::OCCUPANT_ID);
        attribute(&mut self.inside, "id", id);
        self.inside.push_str("/>");
    }

    /// Adds when the event happened, if earlier than now, and the room that delayed it (XEP-0203).
    pub(crate) fn delay(&mut self, at: u64, from: &str) {
        self.open("delay", ns::DELAY);
        attribute(&mut self.inside, "from", from);
        attribute(&mut self.inside, "stamp", &timestamp(at));
        self.inside.push_str("/>");
    }

    /// Adds that servers must not store it for a client that has gone (XEP-0334).
    pub(crate) fn no_store(&mut self) {
        self.open("no-store", ns::HINTS);
        self.inside.push_str("/>");
    }

    /// Returns its name, `message` or `iq`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns its attribute `from`.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Returns its attribute `id`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns its attribute `type`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns the names and namespaces of its children, in order.
    pub fn children(&self) -> &[ChildName] {
        &self.children
    }

    /// Renders its start tag, up to the value of the attribute `to`.
    pub fn render_start(&self) -> String {
        let mut text = format!("<{}", self.name);
        attributes(&mut text, &self.from, &self.id, self.kind);
        text.push_str(" to='");
        text
    }

    /// Appends everything after the start tag to a text. Every child but the body declares its own namespace.
    pub fn render_rest(&self, text: &mut String) {
        text.extend([&self.inside, "</", self.name, ">"]);
    }

    /// Builds it as an element.
    ///
    /// # Errors
    /// [`Unreadable`], which none is.
    pub fn to_element(&self) -> Result<Element, Unreadable> {
        let mut rest = String::with_capacity(self.inside.len() + 16);
        self.render_rest(&mut rest);
        Self::parse(self.name, [&self.from, &self.id, self.kind], &rest)
    }

    /// Builds a stanza of which only `rest` is still at hand, with everything after the start tag; and the attributes
    /// `from`, `id` and `type`.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub(crate) fn parse(name: &str, [from, id, kind]: [&str; 3], rest: &str) -> Result<Element, Unreadable> {
        let mut text = String::with_capacity(rest.len() + 256);
        text.extend(["<", name]);
        attribute(&mut text, "xmlns", ns::CLIENT);
        attributes(&mut text, from, id, kind);
        text.push('>');
        text.push_str(rest);
        xml::parse(&text)
    }

    /// Begins the start tag of a child.
    fn open(&mut self, name: &'static str, ns: &'static str) {
        self.children.push((name.into(), ns.into()));
        self.inside.push('<');
        self.inside.push_str(name);
        attribute(&mut self.inside, "xmlns", ns);
    }
}

/// Appends an item, in the namespace of an event or of a result.
pub(crate) fn write_item(text: &mut String, id: &ItemId, payload: Option<&Payload>, publisher: Option<&str>) {
    text.push_str("<item");
    attribute(text, "id", id.as_str());
    if let Some(publisher) = publisher {
        attribute(text, "publisher", publisher);
    }
    match payload {
        Some(payload) => text.extend([">", payload.text(), "</item>"]),
        None => text.push_str("/>"),
    }
}

/// Appends an attribute.
pub(crate) fn attribute(text: &mut String, name: &str, value: &str) {
    text.extend([" ", name, "='"]);
    xml::write_value(text, value);
    text.push('\'');
}

fn attributes(text: &mut String, from: &str, id: &str, kind: &str) {
    for (name, value) in [("from", from), ("id", id), ("type", kind)] {
        attribute(text, name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{With, text};

    fn rest(message: &Rendered) -> String {
        let mut rest = String::new();
        message.render_rest(&mut rest);
        rest
    }

    fn message() -> Rendered {
        Rendered::message("den@rooms.example.org/o'neill & <sons>", "mep-1", NotificationType::Headline)
    }

    /// Asserts that its children are those of its element.
    fn check(message: &Rendered) -> Element {
        let element = message.to_element().unwrap();
        let children: Vec<_> =
            element.children().map(|child| (child.name().into(), child.ns().into())).collect();
        assert_eq!(message.children(), children);
        element
    }

    #[test]
    fn its_element_says_what_was_added() {
        let payload: Element =
            "<a xmlns='urn:a' xmlns:p='urn:p' p:b='&quot;1&apos;&#10;'>&lt;<b xmlns=''/>\r</a>"
                .parse()
                .unwrap();
        let mut message = message();
        message.body("<body> & soul");
        message.child("event", ns::EVENT, |text| xml::write(text, &payload));
        message.element(&payload);
        message.occupant_id("'id'");
        message.delay(1_000_000_000_000, "den@rooms.example.org");
        let delay = Element::builder("delay", ns::DELAY)
            .with("from", "den@rooms.example.org")
            .with("stamp", "2001-09-09T01:46:40.000Z");
        let expected = Element::builder("message", ns::CLIENT)
            .with("from", message.from())
            .with("id", "mep-1")
            .with("type", "headline")
            .append(text("body", ns::CLIENT, "<body> & soul"))
            .append(Element::builder("event", ns::EVENT).append(payload.clone()).build())
            .append(payload)
            .append(Element::builder("occupant-id", ns::OCCUPANT_ID).with("id", "'id'").build())
            .append(delay.build())
            .build();
        assert_eq!(check(&message), expected);
        assert!(rest(&message).starts_with("<body>&lt;body&gt; &amp; soul</body><event xmlns='"));
    }

    #[test]
    fn its_start_and_its_rest_are_the_whole() {
        let mut message = message();
        message.child("event", ns::EVENT, |text| text.push_str("<purge/>"));
        let whole = format!("{}a@b'>{}", message.render_start(), rest(&message));
        let whole: Element = whole.replacen(' ', " xmlns='jabber:client' ", 1).parse().unwrap();
        assert_eq!(whole.attr("to"), Some("a@b"));
        assert_eq!(whole.children().next(), check(&message).children().next());
        assert_eq!(whole.attr("from"), Some(message.from()));
    }

    #[test]
    fn a_result_is_an_iq() {
        let mut result = Rendered::result("den@rooms.example.org", "<1>");
        let payload: Element = "<a xmlns='http://jabber.org/protocol/pubsub'><b/></a>".parse().unwrap();
        let payload = Payload::new(&payload, 100).unwrap();
        result.child("pubsub", ns::PUBSUB, |text| {
            write_item(text, &"'1'".into(), Some(&payload), Some("a@b/&"));
            write_item(text, &"2".into(), None, None);
        });
        let element = check(&result);
        assert_eq!(
            (element.name(), element.attr("type"), element.attr("id")),
            ("iq", Some("result"), Some("<1>"))
        );
        let pubsub = element.get_child("pubsub", ns::PUBSUB).unwrap();
        let items: Vec<_> = pubsub.children().map(|item| (item.attr("id"), item.attr("publisher"))).collect();
        assert_eq!(items, [(Some("'1'"), Some("a@b/&")), (Some("2"), None)]);
        assert_eq!(pubsub.children().next().unwrap().children().next(), payload.to_element().ok().as_ref());
        assert!(result.render_start().starts_with("<iq from='") && rest(&result).ends_with("</pubsub></iq>"));
    }

    #[test]
    fn what_no_xml_can_have_is_not_in_its_text() {
        let mut message = message();
        message.element(&text("a", "urn:a", "1\u{0}2\u{1b}3\u{fffe}4"));
        assert!(rest(&message).contains(">1\u{fffd}2\u{fffd}3\u{fffd}4<"));
        check(&message);
    }
}
