//! What anybody may ask of a service: what it is, what it holds, and what of it one has (XEP-0060, 5).

use minidom::Element;

use crate::error::Error;
use crate::id::{NodeName, ServiceId};
use crate::pubsub::access::Affiliation;
use crate::pubsub::service::Service;
use crate::pubsub::subscription::Subscriber;
use crate::stanza::response;
use crate::usecase::context::{Answer, RequestContext};
use crate::xml::rsm::Page;
use crate::xml::{With, ns};

/// The features of XEP-0060 that every room and every occupant's own address has, without the namespace.
pub const FEATURES: &[&str] = &[
    "access-open",
    "access-presence",
    "access-whitelist",
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
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "outcast-affiliation",
    "persistent-items",
    "presence-notifications",
    "presence-subscribe",
    "publish",
    "publish-node-full",
    "publish-options",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-notifications",
    "subscription-options",
];

/// What a room has beside them: others may publish to its nodes.
pub const ROOM_FEATURES: &[&str] = &["publish-only-affiliation", "publisher-affiliation"];

impl RequestContext<'_> {
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
    pub(crate) fn list(&self, node: Option<&NodeName>, page: Option<&Page>) -> Result<Answer, Error> {
        let (attr, names): (_, Vec<String>) = match node {
            None if self.service_id == ServiceId::Room && self.actor.occupant.is_none() => {
                return Ok(Answer::NotOurs);
            }
            None => {
                let readable = self.service()?.nodes().filter(|(name, _)| self.readable(name).is_ok());
                ("node", readable.map(|(name, _)| name.to_string()).collect())
            }
            Some(name) if !self.service()?.holds(name.as_str()) => return Ok(Answer::NotOurs),
            Some(name) => ("name", self.readable(name)?.items().map(|(id, _)| id.to_string()).collect()),
        };
        let position = |id: &str| names.iter().position(|name| name == id);
        let asked = page.cloned().unwrap_or_default().slice(names.len(), position)?;
        let address = self.room.address(self.service_id);
        // Each octet of a name can be six in a reply: &quot;
        let size = |at: usize| names.get(at).map_or(0, |name| 6 * name.len() + address.len() + 32);
        let slice = asked.fit(self.options.max_reply_size, size);
        let shown = names.iter().skip(slice.start).take(slice.end - slice.start).map(|name| {
            Element::builder("item", ns::DISCO_ITEMS).with("jid", address).with(attr, name).build()
        });
        let paged = page.is_some() || slice != asked;
        let set = paged.then(|| slice.to_element(names.len(), |at| names.get(at).cloned()));
        let query = Element::builder("query", ns::DISCO_ITEMS)
            .with_some("node", node.map(NodeName::as_str))
            .append_all(shown)
            .append_all(set);
        Ok(Answer::Reply(Some(query.build())))
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
                if *service == self.service_id && (node.is_none() || name.as_ref() == node) {
                    let subscription = response::about("subscription", name.as_ref().map(NodeName::as_str))
                        .with("jid", jid)
                        .with("subscription", "subscribed");
                    list.append_child(subscription.build());
                }
            }
        }
        Answer::Reply(Some(response::pubsub(list)))
    }

    /// Lists what the actor is to the nodes at this address (5.7); what is nothing in particular is not listed.
    pub(crate) fn affiliations(&self, node: Option<&NodeName>) -> Answer {
        let mut list = response::about("affiliations", node.map(NodeName::as_str)).build();
        let nodes = self.service().into_iter().flat_map(Service::nodes);
        for (name, held) in nodes.filter(|(name, _)| node.is_none_or(|node| node == *name)) {
            let is = self.affiliation(Some(held));
            if is != Affiliation::None {
                let entry =
                    response::about("affiliation", Some(name.as_str())).with("affiliation", is.as_str());
                list.append_child(entry.build());
            }
        }
        Answer::Reply(Some(response::pubsub(list)))
    }

    /// Whether a `get` that names a node which is not held here goes on to the occupant's account (PEP).
    pub(crate) fn falls_through_to_pep(&self) -> bool {
        matches!(self.service_id, ServiceId::Occupant(_))
    }
}

/// What disco#info of a service tells of pubsub (XEP-0316, 6): to be added to what a room tells of itself.
pub fn features(of_room: bool) -> impl Iterator<Item = String> {
    let more = if of_room { ROOM_FEATURES } else { &[] };
    let pubsub = FEATURES.iter().chain(more).map(|feature| format!("{}#{feature}", ns::PUBSUB));
    std::iter::once(ns::PUBSUB.to_owned()).chain(pubsub)
}

fn service_info() -> Element {
    Element::builder("query", ns::DISCO_INFO)
        .append(identity("mep"))
        .append_all([ns::DISCO_INFO, ns::DISCO_ITEMS].map(feature))
        .append_all(features(false).map(|name| feature(&name)))
        .build()
}

fn identity(kind: &str) -> Element {
    Element::builder("identity", ns::DISCO_INFO).with("category", "pubsub").with("type", kind).build()
}

fn feature(name: &str) -> Element {
    Element::builder("feature", ns::DISCO_INFO).with("var", name).build()
}
