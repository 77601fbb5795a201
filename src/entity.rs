//! What anybody may ask of a service: what it is, what it holds, and what of it one has (XEP-0060, 5).

use minidom::Element;

use crate::case::{Answer, Case};
use crate::error::Error;
use crate::node::NodeName;
use crate::ns;
use crate::response;
use crate::service::ServiceId;
use crate::subscription::Subscriber;
use crate::xml::With;

/// The features of XEP-0060 that every room and every occupant's own address has, without the namespace.
pub const FEATURES: &[&str] = &[
    "access-open",
    "access-presence",
    "auto-create",
    "auto-subscribe",
    "collections",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "filtered-notifications",
    "instant-nodes",
    "item-ids",
    "last-published",
    "meta-data",
    "multi-items",
    "persistent-items",
    "presence-notifications",
    "presence-subscribe",
    "publish",
    "publish-options",
    "purge-nodes",
    "retract-items",
    "retrieve-default",
    "retrieve-items",
    "retrieve-subscriptions",
    "subscribe",
];

impl Case<'_> {
    /// Tells what the service is, or a node (5.1, 5.3 and 5.4).
    pub(crate) fn info(&self, node: Option<&NodeName>) -> Result<Answer, Error> {
        let Some(name) = node else {
            // The room's own answer is mod_muc's, which adds the features; another's is that client's.
            return Ok(if self.is_own() { Answer::Reply(Some(service_info())) } else { Answer::NotOurs });
        };
        if !self.service()?.holds(name.as_str()) {
            return Ok(Answer::NotOurs);
        }
        let node = self.readable(name)?;
        let info = Element::builder("query", ns::DISCO_INFO)
            .with("node", name.as_str())
            .append(identity("leaf"))
            .append_all([ns::PUBSUB, ns::DISCO_INFO, ns::DISCO_ITEMS].map(feature))
            .append(node.config.to_meta_data())
            .build();
        Ok(Answer::Reply(Some(info)))
    }

    /// Lists the nodes of the service, or the items of a node (5.2 and 5.5): those that the asker may read.
    pub(crate) fn list(&self, node: Option<&NodeName>) -> Result<Answer, Error> {
        let address = self.room.address(self.target);
        let mut query =
            Element::builder("query", ns::DISCO_ITEMS).with_some("node", node.map(NodeName::as_str)).build();
        let mut add = |name: &'static str, value: &str| {
            let item = Element::builder("item", ns::DISCO_ITEMS).with("jid", address).with(name, value);
            query.append_child(item.build());
        };
        match node {
            None if self.target == ServiceId::Room && self.actor.occupant.is_none() => {
                return Ok(Answer::NotOurs);
            }
            None => {
                for (name, _) in self.service()?.nodes().filter(|(name, _)| self.readable(name).is_ok()) {
                    add("node", name.as_str());
                }
            }
            Some(name) if !self.service()?.holds(name.as_str()) => return Ok(Answer::NotOurs),
            Some(name) => {
                for (id, _) in self.readable(name)?.items() {
                    add("name", id.as_str());
                }
            }
        }
        Ok(Answer::Reply(Some(query)))
    }

    /// Lists the actor's subscriptions at this address (5.6).
    pub(crate) fn subscriptions(&self, node: Option<&NodeName>) -> Answer {
        let session = &self.actor.session;
        let mut names = vec![
            (Subscriber::Session(session.clone()), session.as_str()),
            (Subscriber::Account(session.bare().into()), session.bare()),
        ];
        if let (Some(me), Some(occupant)) = (self.me(), &self.actor.occupant) {
            names.push((Subscriber::Occupant(me), occupant.as_str()));
        }
        let mut list = response::about("subscriptions", node.map(NodeName::as_str)).build();
        for (who, jid) in &names {
            for (service, name) in self.room.subscriptions.topics(who) {
                if *service == self.target && (node.is_none() || name.as_ref() == node) {
                    let subscription = response::about("subscription", name.as_ref().map(NodeName::as_str))
                        .with("jid", jid)
                        .with("subscription", "subscribed");
                    list.append_child(subscription.build());
                }
            }
        }
        Answer::Reply(Some(response::pubsub(list)))
    }

    /// Whether a `get` that names a node which is not held here goes on to the occupant's account (PEP).
    pub(crate) fn is_someones(&self) -> bool {
        matches!(self.target, ServiceId::Occupant(_))
    }
}

/// What disco#info of a service tells of pubsub (XEP-0316, 6): to be added to what a room tells of itself.
pub fn features() -> impl Iterator<Item = String> {
    let pubsub = FEATURES.iter().map(|feature| format!("{}#{feature}", ns::PUBSUB));
    std::iter::once(ns::PUBSUB.to_owned()).chain(pubsub)
}

fn service_info() -> Element {
    Element::builder("query", ns::DISCO_INFO)
        .append(identity("mep"))
        .append_all([ns::DISCO_INFO, ns::DISCO_ITEMS].map(feature))
        .append_all(features().map(|name| feature(&name)))
        .build()
}

fn identity(kind: &str) -> Element {
    Element::builder("identity", ns::DISCO_INFO).with("category", "pubsub").with("type", kind).build()
}

fn feature(name: &str) -> Element {
    Element::builder("feature", ns::DISCO_INFO).with("var", name).build()
}
