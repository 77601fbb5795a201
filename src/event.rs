//! Notifications (XEP-0060, 7.1.2 and others): the messages that tell of what happened at a node.

use std::time::{Duration, UNIX_EPOCH};

use minidom::{Element, ElementBuilder};

use crate::config::{NodeConfig, NotificationType};
use crate::node::{Item, ItemId, Node, NodeName};
use crate::ns;
use crate::xml::With;

/// What happened at a node, as the child of `<event/>`.
#[derive(Debug, Clone)]
pub struct Event {
    inner: Element,
    kind: NotificationType,
}

impl Event {
    /// An item was published.
    pub fn item(name: &NodeName, config: &NodeConfig, id: &ItemId, item: &Item) -> Self {
        let payload = item.payload.as_deref().filter(|_| config.deliver_payloads);
        Self::new(config, items(name).append(item_element(ns::EVENT, id, payload)))
    }

    /// A publish to a node that takes no items: only that it happened.
    pub fn no_item(name: &NodeName, config: &NodeConfig) -> Self {
        Self::new(config, items(name))
    }

    /// Items were taken back.
    pub fn retract<'a>(
        name: &NodeName,
        config: &NodeConfig,
        ids: impl IntoIterator<Item = &'a ItemId>,
    ) -> Self {
        let retract = |id: &ItemId| Element::builder("retract", ns::EVENT).with("id", id.as_str()).build();
        Self::new(config, items(name).append_all(ids.into_iter().map(retract)))
    }

    /// All items were taken back.
    pub fn purge(name: &NodeName, config: &NodeConfig) -> Self {
        Self::new(config, Element::builder("purge", ns::EVENT).with("node", name.as_str()))
    }

    /// The node is no more.
    pub fn delete(name: &NodeName, config: &NodeConfig) -> Self {
        Self::new(config, Element::builder("delete", ns::EVENT).with("node", name.as_str()))
    }

    /// The node's configuration is another.
    pub fn configuration(name: &NodeName, config: &NodeConfig) -> Self {
        let inner = Element::builder("configuration", ns::EVENT).with("node", name.as_str());
        let form = config.deliver_payloads.then(|| config.to_form("result"));
        Self::new(config, inner.append_all(form))
    }

    /// The last item of a node, for somebody who is new to it; `None` where there is none.
    pub fn last(name: &NodeName, node: &Node) -> Option<(Self, u64)> {
        let (id, item) = node.last()?;
        Some((Self::item(name, &node.config, id, item), item.at))
    }

    /// The message that carries it, without a `to`.
    pub fn into_message(self, envelope: &Envelope<'_>) -> Element {
        let mut message = Element::builder("message", ns::CLIENT)
            .with("from", envelope.from)
            .with("id", &envelope.id)
            .with("type", self.kind.as_str())
            .append(Element::builder("event", ns::EVENT).append(self.inner).build());
        if let Some(id) = envelope.occupant_id {
            message = message.append(Element::builder("occupant-id", ns::OCCUPANT_ID).with("id", id).build());
        }
        if let Some(at) = envelope.delayed {
            message = message.append(delay(envelope.room, at));
        }
        message.build()
    }

    fn new(config: &NodeConfig, inner: ElementBuilder) -> Self {
        Self { inner: inner.build(), kind: config.notification_type }
    }
}

/// What a notification has around it.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The service's address.
    pub from: &'a str,
    /// The room's address: whoever kept an item that comes late.
    pub room: &'a str,
    /// One id for all copies: clients take the same id for the same event.
    pub id: String,
    /// The publisher's stable id (XEP-0421), where the room gives one.
    pub occupant_id: Option<&'a str>,
    /// When it happened, where that was earlier (XEP-0203).
    pub delayed: Option<u64>,
}

/// An `<item/>` with its payload, in the namespace of an event or of a reply.
pub(crate) fn item_element(ns: &str, id: &ItemId, payload: Option<&Element>) -> Element {
    Element::builder("item", ns).with("id", id.as_str()).append_all(payload.cloned()).build()
}

fn items(name: &NodeName) -> ElementBuilder {
    Element::builder("items", ns::EVENT).with("node", name.as_str())
}

fn delay(from: &str, at: u64) -> Element {
    let stamp = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string();
    Element::builder("delay", ns::DELAY).with("from", from).with("stamp", &stamp).build()
}
