//! Notifications (XEP-0060, 7.1.2 and others): the messages about the events at a node.

use minidom::{Element, ElementBuilder};

use crate::id::{ItemId, NodeName};
use crate::moment::message_id_of;
use crate::options::NotificationType;
use crate::pubsub::config::NodeConfig;
use crate::pubsub::node::Item;
use crate::pubsub::subscribe_options::EventKind;
use crate::stanza::body;
use crate::stanza::rendered::{Rendered, attribute, write_item};
use crate::xml::payload::Payload;
use crate::xml::{self, With, ns};

/// An event at a node.
#[derive(Debug, Clone)]
pub struct Event {
    content: Content,
    message_type: NotificationType,
    kind: EventKind,
}

/// The child of `<event/>`.
#[derive(Debug, Clone)]
enum Content {
    /// An item of a node (XEP-0060, 7.1.2.1). Its payload is shared with the item.
    Item {
        node: NodeName,
        id: ItemId,
        at: u64,
        payload: Option<Payload>,
        /// Whether the payload is delivered. The body is made from it even if it is not.
        is_delivered: bool,
        publisher: Option<String>,
    },
    /// Another element.
    Other(Element),
}

impl Event {
    /// An item was published.
    pub fn item(
        name: &NodeName,
        config: &NodeConfig,
        id: &ItemId,
        item: &Item,
        publisher: Option<&str>,
    ) -> Self {
        let content = Content::Item {
            node: name.clone(),
            id: id.clone(),
            at: item.at,
            payload: item.payload.clone(),
            is_delivered: config.deliver_payloads,
            publisher: publisher.map(str::to_owned),
        };
        Self { content, message_type: config.notification_type, kind: EventKind::Items }
    }

    /// A publish to a node without items: only the fact that it happened.
    pub fn no_item(name: &NodeName, config: &NodeConfig) -> Self {
        Self::new(config, EventKind::Items, items(name))
    }

    /// Items were retracted.
    pub fn retract<'a>(
        name: &NodeName,
        config: &NodeConfig,
        ids: impl IntoIterator<Item = &'a ItemId>,
    ) -> Self {
        let retract = |id: &ItemId| Element::builder("retract", ns::EVENT).with("id", id.as_str()).build();
        Self::new(config, EventKind::Items, items(name).append_all(ids.into_iter().map(retract)))
    }

    /// All items were purged.
    pub fn purge(name: &NodeName, config: &NodeConfig) -> Self {
        Self::new(config, EventKind::Items, Element::builder("purge", ns::EVENT).with("node", name.as_str()))
    }

    /// The node was deleted; `redirect` is the URI of its successor (XEP-0060, 8.4.2).
    pub fn delete(name: &NodeName, config: &NodeConfig, redirect: Option<&str>) -> Self {
        let redirect = redirect.map(|uri| Element::builder("redirect", ns::EVENT).with("uri", uri).build());
        let inner = Element::builder("delete", ns::EVENT).with("node", name.as_str()).append_all(redirect);
        Self::new(config, EventKind::Deleted, inner)
    }

    /// The node's configuration changed.
    pub fn configuration(name: &NodeName, config: &NodeConfig) -> Self {
        let inner = Element::builder("configuration", ns::EVENT).with("node", name.as_str());
        let form = config.deliver_payloads.then(|| config.to_form("result"));
        Self::new(config, EventKind::Configured, inner.append_all(form))
    }

    /// A node was created, and so associated with the root: in the words of XEP-0248, 4.3.2.
    pub fn created(name: &NodeName, config: &NodeConfig) -> Self {
        let associate = Element::builder("associate", ns::EVENT).with("node", name.as_str());
        let associate = associate.append(config.to_meta_data()).build();
        Self::new(config, EventKind::Created, Element::builder("collection", ns::EVENT).append(associate))
    }

    /// Returns the kind of event, as subscriptions distinguish it.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Returns whether items were published or retracted.
    pub fn is_about_items(&self) -> bool {
        self.kind == EventKind::Items
    }

    /// Returns the id that the message of an item from this address has whenever it is sent; `None` for other events.
    pub fn message_id(&self, from: &str) -> Option<String> {
        let Content::Item { node, id, at, payload, .. } = &self.content else { return None };
        let payload = payload.as_ref().map_or("", Payload::text);
        Some(message_id_of(&[from, node.as_str(), id.as_str(), &at.to_string(), payload]))
    }

    /// Returns whether the event is an item that was published.
    pub fn is_item(&self) -> bool {
        matches!(self.content, Content::Item { .. })
    }

    /// Returns whether a server may store the message if its recipient has gone: that depends on its type.
    pub fn may_be_stored(&self) -> bool {
        self.message_type == NotificationType::Normal
    }

    /// Returns a body that people can read (XEP-0060, 12.7): that of an item's payload, if it has one.
    pub fn body(&self) -> Option<String> {
        match &self.content {
            Content::Item { payload: Some(payload), .. } => body::of(&payload.to_element().ok()?),
            _ => None,
        }
    }

    /// Renders the message of the event.
    pub fn to_message(&self, body: Option<&str>, envelope: &Envelope<'_>) -> Rendered {
        let mut message = Rendered::message(envelope.from, &envelope.id, self.message_type);
        if let Some(body) = body {
            message.body(body);
        }
        message.child("event", ns::EVENT, |text| self.content.render(text));
        if let Some(id) = envelope.occupant_id {
            message.occupant_id(id);
        }
        if let Some(at) = envelope.delayed {
            message.delay(at, envelope.room);
        }
        if self.may_be_stored() && !envelope.to_accounts && body.is_none() {
            message.no_store();
        }
        message
    }

    /// Renders the message for a room's archive, of which clients are only ever sent what has the type `groupchat`.
    pub fn to_archive(&self, envelope: &Envelope<'_>) -> Rendered {
        let mut message = Rendered::message(envelope.from, &envelope.id, NotificationType::Groupchat);
        message.child("event", ns::EVENT, |text| self.content.render(text));
        if let Some(id) = envelope.occupant_id {
            message.occupant_id(id);
        }
        message
    }

    fn new(config: &NodeConfig, kind: EventKind, inner: ElementBuilder) -> Self {
        Self { content: Content::Other(inner.build()), message_type: config.notification_type, kind }
    }
}

impl Content {
    /// Appends it to a text, in the namespace of events. Linear in the output, without copies of the payload.
    fn render(&self, text: &mut String) {
        match self {
            Self::Item { node, id, payload, is_delivered, publisher, .. } => {
                let payload = payload.as_ref().filter(|_| *is_delivered);
                text.reserve(payload.map_or(0, Payload::size) + 256);
                text.push_str("<items");
                attribute(text, "node", node.as_str());
                text.push('>');
                write_item(text, id, payload, publisher.as_deref());
                text.push_str("</items>");
            }
            Self::Other(element) => xml::write(text, element),
        }
    }
}

/// What a notification has around the event.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The service's JID.
    pub from: &'a str,
    /// The room's JID: the source of the delay in `<delay/>`.
    pub room: &'a str,
    /// One id for all copies: clients take the same id for the same event.
    pub id: String,
    /// The publisher's stable id (XEP-0421), if the room assigns one.
    pub occupant_id: Option<&'a str>,
    /// When the event happened, if earlier than now (XEP-0203).
    pub delayed: Option<u64>,
    /// Whether it goes to accounts, whose servers may store it, and not to clients.
    pub to_accounts: bool,
}

/// Builds the notification that a subscription changed (XEP-0060, 12.17).
pub(crate) fn subscription(node: Option<&NodeName>, jid: &str, state: &str) -> Element {
    let subscription = Element::builder("subscription", ns::EVENT)
        .with_some("node", node.map(NodeName::as_str))
        .with("jid", jid)
        .with("subscription", state)
        .build();
    Element::builder("event", ns::EVENT).append(subscription).build()
}

/// Builds the notification that an affiliation changed (XEP-0060, 8.9.4).
pub(crate) fn affiliation(node: &NodeName, jid: &str, affiliation: &str) -> Element {
    let entry = Element::builder("affiliation", ns::PUBSUB).with("jid", jid).with("affiliation", affiliation);
    let list = Element::builder("affiliations", ns::PUBSUB).with("node", node.as_str()).append(entry.build());
    Element::builder("pubsub", ns::PUBSUB).append(list.build()).build()
}

fn items(name: &NodeName) -> ElementBuilder {
    Element::builder("items", ns::EVENT).with("node", name.as_str())
}
