//! The messages of notifications, sent to one session or to many.
//!
//! Almost all messages pass through as text, and no module opens them. So a message holds its parts, and is rendered as
//! text, or built as an element, on demand.

use std::rc::Rc;

use minidom::Element;

use crate::id::{ItemId, NodeName};
use crate::options::NotificationType;
use crate::xml::payload::Payload;
use crate::xml::time::timestamp;
use crate::xml::{self, With, ns};

/// A message without its `to`, which is the only thing that differs between its recipients.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The service's JID.
    pub(crate) from: String,
    /// One id for all copies: clients take the same id for the same event.
    pub(crate) id: String,
    pub(crate) kind: NotificationType,
    /// A body that people can read (XEP-0060, 12.7).
    pub(crate) body: Option<String>,
    pub(crate) content: Content,
    /// The publisher's stable id (XEP-0421), if the room assigns one.
    pub(crate) occupant_id: Option<String>,
    /// When the event happened, if earlier than now, and the room that delayed it (XEP-0203).
    pub(crate) delay: Option<(u64, String)>,
}

/// The content of a message. Payloads are shared with their items.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// An item of a node (XEP-0060, 7.1.2.1).
    Item { node: NodeName, id: ItemId, payload: Option<Payload>, publisher: Option<String> },
    /// Another child of `<event/>`.
    Event(Rc<Element>),
    /// Any other element.
    Other(Rc<Element>),
}

impl Message {
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
        self.kind.as_str()
    }

    /// Builds it as an element. Copies the payload.
    pub fn to_element(&self) -> Element {
        let mut message = Element::builder("message", ns::CLIENT)
            .with("from", &self.from)
            .with("id", &self.id)
            .with("type", self.kind())
            .build();
        self.each_child(|child| {
            message.append_child(match child {
                Child::Body(text) => xml::text("body", ns::CLIENT, text),
                Child::Event(content) => {
                    Element::builder("event", ns::EVENT).append(content.to_element()).build()
                }
                Child::Other(element) => element.clone(),
                Child::OccupantId(id) => {
                    Element::builder("occupant-id", ns::OCCUPANT_ID).with("id", id).build()
                }
                Child::Delay(at, from) => Element::builder("delay", ns::DELAY)
                    .with("from", from)
                    .with("stamp", &timestamp(at))
                    .build(),
            });
        });
        message
    }

    /// Renders its start tag, up to the value of the attribute `to`.
    pub fn render_start(&self) -> String {
        let mut text = String::from("<message");
        for (name, value) in [("from", &*self.from), ("id", &*self.id), ("type", self.kind())] {
            attribute(&mut text, name, value);
        }
        text.push_str(" to='");
        text
    }

    /// Appends everything after the start tag to a text. Every child declares its own namespace, except the body: its
    /// namespace is the stream's, which differs between servers. Linear in the output, without copies.
    pub fn render_rest(&self, text: &mut String) {
        self.each_child(|child| match child {
            Child::Body(body) => {
                text.push_str("<body>");
                xml::write_text(text, body);
                text.push_str("</body>");
            }
            Child::Event(content) => {
                open(text, "event", ns::EVENT);
                text.push('>');
                content.render(text);
                text.push_str("</event>");
            }
            Child::Other(element) => xml::write(text, element),
            Child::OccupantId(id) => {
                open(text, "occupant-id", ns::OCCUPANT_ID);
                attribute(text, "id", id);
                text.push_str("/>");
            }
            Child::Delay(at, from) => {
                open(text, "delay", ns::DELAY);
                attribute(text, "from", from);
                attribute(text, "stamp", &timestamp(at));
                text.push_str("/>");
            }
        });
        text.push_str("</message>");
    }

    /// Returns the names and namespaces of its children, in order.
    pub fn children(&self) -> Vec<(String, String)> {
        let mut children = Vec::with_capacity(3);
        self.each_child(|child| {
            let (name, ns) = match child {
                Child::Body(_) => ("body", ns::CLIENT.to_owned()),
                Child::Event(_) => ("event", ns::EVENT.to_owned()),
                Child::Other(element) => (element.name(), element.ns()),
                Child::OccupantId(_) => ("occupant-id", ns::OCCUPANT_ID.to_owned()),
                Child::Delay(..) => ("delay", ns::DELAY.to_owned()),
            };
            children.push((name.to_owned(), ns));
        });
        children
    }

    /// Visits its children in order.
    fn each_child<'a>(&'a self, mut visit: impl FnMut(Child<'a>)) {
        if let Some(body) = &self.body {
            visit(Child::Body(body));
        }
        visit(match &self.content {
            Content::Other(element) => Child::Other(element),
            content => Child::Event(content),
        });
        if let Some(id) = &self.occupant_id {
            visit(Child::OccupantId(id));
        }
        if let Some((at, from)) = &self.delay {
            visit(Child::Delay(*at, from));
        }
    }
}

impl Content {
    fn to_element(&self) -> Element {
        match self {
            Self::Item { node, id, payload, publisher } => Element::builder("items", ns::EVENT)
                .with("node", node.as_str())
                .append(
                    Element::builder("item", ns::EVENT)
                        .with("id", id.as_str())
                        .with_some("publisher", publisher.as_deref())
                        .append_all(payload.as_ref().and_then(|payload| payload.to_element().ok()))
                        .build(),
                )
                .build(),
            Self::Event(element) | Self::Other(element) => Element::clone(element),
        }
    }

    /// Appends it to a text, in the namespace of events.
    fn render(&self, text: &mut String) {
        match self {
            Self::Item { node, id, payload, publisher } => {
                text.push_str("<items");
                attribute(text, "node", node.as_str());
                text.push_str("><item");
                attribute(text, "id", id.as_str());
                if let Some(publisher) = publisher {
                    attribute(text, "publisher", publisher);
                }
                match payload {
                    Some(payload) => {
                        text.push('>');
                        text.push_str(payload.text());
                        text.push_str("</item></items>");
                    }
                    None => text.push_str("/></items>"),
                }
            }
            Self::Event(element) | Self::Other(element) => xml::write(text, element),
        }
    }
}

/// A child of a message.
enum Child<'a> {
    Body(&'a str),
    Event(&'a Content),
    Other(&'a Element),
    OccupantId(&'a str),
    Delay(u64, &'a str),
}

/// Writes the beginning of a start tag.
fn open(text: &mut String, name: &str, ns: &str) {
    text.push('<');
    text.push_str(name);
    attribute(text, "xmlns", ns);
}

fn attribute(text: &mut String, name: &str, value: &str) {
    text.extend([" ", name, "='"]);
    xml::write_value(text, value);
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use minidom::rxml::Namespace;

    use super::*;

    fn text(message: &Message, to: &str) -> String {
        let mut text = message.render_start();
        text.push_str(to);
        text.push_str("'>");
        message.render_rest(&mut text);
        text
    }

    /// Asserts that the text and the element are the same.
    fn check(message: &Message) {
        let mut expected = message.to_element();
        let children: Vec<_> =
            expected.children().map(|child| (child.name().to_owned(), child.ns())).collect();
        assert_eq!(message.children(), children);
        expected.set_attr(Namespace::NONE, "to".try_into().unwrap(), "romeo@example.org/x");
        let text = text(message, "romeo@example.org/x").replacen(' ', " xmlns='jabber:client' ", 1);
        assert_eq!(text.parse::<Element>().unwrap(), expected, "{text}");
    }

    fn message(content: Content) -> Message {
        Message {
            from: "den@rooms.example.org/o'neill & <sons>".into(),
            id: "mep-1".into(),
            kind: NotificationType::Headline,
            body: None,
            content,
            occupant_id: None,
            delay: None,
        }
    }

    fn item(payload: Option<&str>) -> Content {
        Content::Item {
            node: "urn:a&'".into(),
            id: "\"1\"".into(),
            payload: payload.map(|text| Payload::new(&text.parse().unwrap(), usize::MAX).unwrap()),
            publisher: None,
        }
    }

    #[test]
    fn its_text_and_its_element_say_the_same() {
        let payloads = [
            "<mood xmlns='urn:mood'><happy/>t &lt;&amp;&gt; &apos;&quot;<text>Yay</text>\r\n\t</mood>",
            "<a xmlns='urn:a' xmlns:p='urn:p' p:b='&quot;1&apos;&#10;' c='&#9;' xml:lang='de' p:d=''><p:e/><b xmlns=''/></a>",
            "<message xmlns='jabber:client'><body>&#13;</body></message>",
            "<item xmlns='http://jabber.org/protocol/pubsub#event'/>",
            "<a xmlns='urn:a'><b xmlns='urn:b'><a xmlns='urn:a'><c/></a><b/></b></a>",
        ];
        for payload in payloads {
            check(&message(item(Some(payload))));
            check(&message(Content::Event(Rc::new(payload.parse().unwrap()))));
            check(&message(Content::Other(Rc::new(payload.parse().unwrap()))));
        }
        let full = Message {
            body: Some("<body> & soul".into()),
            occupant_id: Some("'id'".into()),
            delay: Some((1_000_000_000_000, "den@rooms.example.org".into())),
            ..message(item(None))
        };
        check(&full);
        assert!(text(&full, "").contains("'><body>&lt;body&gt; &amp; soul</body><event xmlns='"));
        let Content::Item { node, id, payload, .. } = full.content.clone() else { panic!("an item") };
        check(&Message {
            content: Content::Item { node, id, payload, publisher: Some("a@b/&".into()) },
            ..full
        });
    }

    #[test]
    fn what_no_xml_can_have_is_not_in_its_text() {
        let odd = message(Content::Other(Rc::new(xml::text("a", "urn:a", "1\u{0}2\u{1b}3\u{fffe}4"))));
        assert!(text(&odd, "").contains(">1\u{fffd}2\u{fffd}3\u{fffd}4<"));
    }
}
