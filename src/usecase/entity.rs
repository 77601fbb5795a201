//! Entity use cases: discovering a service, listing its nodes and items, and one's own relations to them (XEP-0060, 5).

use minidom::Element;

use crate::error::Error;
use crate::facts::RoomAffiliation;
use crate::id::NodeName;
use crate::pubsub::access::Affiliation;
use crate::pubsub::service::Service;
use crate::pubsub::subscription::Subscriber;
use crate::stanza::response;
use crate::usecase::context::RequestContext;
use crate::usecase::{identity, price};
use crate::xml::rsm::Page;
use crate::xml::{self, With, ns};

/// The features of XEP-0060 that rooms and occupants support, without the namespace.
pub const FEATURES: &[&str] = &[
    "access-open",
    "access-presence",
    "access-whitelist",
    "auto-create",
    "auto-subscribe",
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

/// Further features of rooms, to whose nodes others may publish.
pub const ROOM_FEATURES: &[&str] = &["publish-only-affiliation", "publisher-affiliation"];

/// Describes the service or a node (5.1, 5.3 and 5.4).
pub(super) fn info(cx: &RequestContext<'_>, node: Option<&NodeName>) -> Result<Option<Element>, Error> {
    let Some(name) = node else {
        return Ok(Some(service_info()));
    };
    let node = cx.readable(name)?;
    let info = Element::builder("query", ns::DISCO_INFO)
        .with("node", name.as_str())
        .append(identity("leaf"))
        .append_all([ns::PUBSUB, ns::DISCO_INFO, ns::DISCO_ITEMS].map(feature))
        .append(node.config.to_meta_data())
        .build();
    Ok(Some(info))
}

/// Returns whether a room's disco node stands for the list of its nodes, as no node does for its occupants: without one,
/// `mod_muc` answers requesters outside the room.
pub(super) fn is_list_of_nodes(node: &NodeName) -> bool {
    node.as_str() == ns::PUBSUB
}

/// Lists the nodes of the service that the actor may read, or the items of a node (5.2 and 5.5).
pub(super) fn list(
    cx: &mut RequestContext<'_>,
    node: Option<&NodeName>,
    page: Option<&Page>,
) -> Result<Element, Error> {
    let asked_node = node;
    let node = node.filter(|node| !is_list_of_nodes(node));
    let looks = match node {
        None => cx.nodes()?.count(),
        Some(name) => cx.readable(name)?.items().len(),
    };
    cx.allowance.send(looks * price::LOOK)?;
    // With the title of a node.
    let (attr, names): (_, Vec<(String, String)>) = match node {
        None => {
            let readable = cx.nodes()?.filter(|(name, _)| cx.readable(name).is_ok());
            ("node", readable.map(|(name, node)| (name.to_string(), node.config.title.clone())).collect())
        }
        Some(name) => {
            let ids = cx.readable(name)?.items().map(|(id, _)| (id.to_string(), String::new()));
            ("name", ids.collect())
        }
    };
    let position = |id: &str| names.iter().position(|(name, _)| name == id);
    let asked = page.cloned().unwrap_or_default().slice(names.len(), position)?;
    let address = cx.room.address(cx.service_id).to_owned();
    let size = |at: usize| {
        let octets = |(name, title): &(String, String)| {
            price::entry(name) + xml::value_size(title) + xml::value_size(&address)
        };
        names.get(at).map_or(0, octets)
    };
    let slice = asked.fit(cx.options.max_reply_size, size);
    cx.allowance.send((slice.start..slice.end).map(size).sum())?;
    let shown = names.iter().skip(slice.start).take(slice.end - slice.start).map(|(name, title)| {
        let item = Element::builder("item", ns::DISCO_ITEMS).with("jid", &address).with(attr, name);
        item.with_some("name", (!title.is_empty()).then_some(title.as_str())).build()
    });
    let paged = page.is_some() || slice != asked;
    let set = paged.then(|| slice.to_element(names.len(), |at| Some(names.get(at)?.0.clone())));
    let query = Element::builder("query", ns::DISCO_ITEMS)
        .with_some("node", asked_node.map(NodeName::as_str))
        .append_all(shown)
        .append_all(set);
    Ok(query.build())
}

/// Lists the subscriptions of the actor's account at this service (5.6).
pub(super) fn subscriptions(cx: &mut RequestContext<'_>, node: Option<&NodeName>) -> Result<Element, Error> {
    let session = &cx.actor.session;
    let sessions = identity::own_sessions(cx);
    let sessions = sessions.map(|jid| (Subscriber::Session(jid.clone()), jid.to_string()));
    let mut names: Vec<_> = sessions.collect();
    names.push((Subscriber::Account(session.bare().into()), session.bare().to_owned()));
    if let (Some(me), Some(occupant)) = (cx.me(), &cx.actor.occupant) {
        names.push((Subscriber::Occupant(me), occupant.to_string()));
    }
    let topics = names.iter().flat_map(|(who, jid)| {
        let topics = cx.room.subscriptions.topics(who);
        topics
            .map(|(_, name)| price::entry(name.as_ref().map_or("", NodeName::as_str)) + xml::value_size(jid))
    });
    cx.allowance.send(topics.sum())?;
    let mut list = response::about("subscriptions", node.map(NodeName::as_str)).build();
    for (who, jid) in &names {
        for (service, name) in cx.room.subscriptions.topics(who) {
            if *service == cx.service_id && (node.is_none() || name.as_ref() == node) {
                let subscription = response::about("subscription", name.as_ref().map(NodeName::as_str))
                    .with("jid", jid)
                    .with("subscription", "subscribed");
                list.append_child(subscription.build());
            }
        }
    }
    Ok(response::pubsub(list))
}

/// Lists the actor's affiliations to the nodes of this service, except `none` (5.7). An outcast of the room, who is an
/// outcast of each node, learns no names by that.
pub(super) fn affiliations(cx: &mut RequestContext<'_>, node: Option<&NodeName>) -> Result<Element, Error> {
    let nodes = cx.room.service(cx.service_id).into_iter().flat_map(Service::nodes);
    cx.allowance.send(nodes.map(|(name, _)| price::entry(name.as_str())).sum())?;
    let mut list = response::about("affiliations", node.map(NodeName::as_str)).build();
    let nodes = cx.service().into_iter().flat_map(Service::nodes);
    let is_banned = cx.actor.room_affiliation == RoomAffiliation::Outcast;
    for (name, _) in nodes.filter(|(name, _)| !is_banned && node.is_none_or(|node| node == *name)) {
        let is = cx.rights(Some(name)).affiliation();
        if is != Affiliation::None {
            let entry = response::about("affiliation", Some(name.as_str())).with("affiliation", is.as_str());
            list.append_child(entry.build());
        }
    }
    Ok(response::pubsub(list))
}

/// Returns the pubsub features of a service's disco#info (XEP-0316, 6). A room adds them to its own.
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
