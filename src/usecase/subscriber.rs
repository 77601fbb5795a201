//! Subscriber use cases (XEP-0060, 6).

use minidom::Element;

use crate::error::Error;
use crate::id::{ItemId, NodeName};
use crate::pubsub::access::Action;
use crate::pubsub::subscribe_options::SubscribeOptions;
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::stanza::response::Items;
use crate::stanza::{event, response};
use crate::usecase::context::RequestContext;
use crate::usecase::identity;
use crate::xml::With;
use crate::xml::form::Form;
use crate::xml::payload::Payload;
use crate::xml::rsm::Page;

/// Subscribes to a node, or to the root of the service: all of its present and future nodes (6.1).
pub(super) fn subscribe(
    cx: &mut RequestContext<'_>,
    node: Option<NodeName>,
    jid: &str,
    form: &Form,
) -> Result<Option<Element>, Error> {
    let who = identity::own_name(cx, jid).ok_or(Error::InvalidJid)?;
    match &node {
        Some(name) => {
            cx.readable(name)?;
        }
        None => check_root(cx)?,
    }
    let topic = (cx.service_id, node);
    let known = cx.room.subscriptions.options(&who, &topic).cloned();
    let options = known.unwrap_or_default().with(form, topic.1.is_none(), cx.moment.now)?;
    cx.room.subscriptions.check(&who, &topic, 1, cx.options)?;
    let session = cx.room.sessions.find(cx.actor.session.as_str());
    if let Some(session) = session {
        let octets = cx.room.last_items_size(session, &topic, cx.moment.now);
        // Only looked at: sending takes it.
        if !cx.allowance.may_send(octets.min(cx.options.max_last_items_size)) {
            return Err(Error::TooMuch);
        }
    }

    if let Some(name) = &topic.1 {
        cx.use_node(name)?;
    }
    let is_new = add(cx, who.clone(), &topic, options);
    cx.room.subscriptions.set_occupant(&who, &topic, cx.me());
    if is_new {
        notify_owners(cx, &who, &topic, "subscribed");
    }
    if let Some(session) = session {
        let allowance = &mut cx.allowance;
        let items = cx.room.last_items_for_subscription(session, &topic, allowance, cx.moment, cx.options);
        cx.effects.extend(items);
    }
    Ok(Some(subscription(&topic, jid, "subscribed")))
}

/// Ends a subscription of the actor's account (6.2), also one of another client.
pub(super) fn unsubscribe(
    cx: &mut RequestContext<'_>,
    node: Option<NodeName>,
    jid: &str,
) -> Result<Option<Element>, Error> {
    let who = identity::own_subscriber(cx, jid).ok_or(Error::Forbidden)?;
    if let Some(name) = &node {
        cx.service()?.node(name.as_str())?;
    }
    let topic = (cx.service_id, node);
    if !cx.room.subscriptions.contains(&who, &topic) {
        return Err(Error::NotSubscribed);
    }
    // Before it ends, as what owners are told depends on who subscribed.
    notify_owners(cx, &who, &topic, "none");
    cx.room.unsubscribe(&who, &topic);
    Ok(Some(subscription(&topic, jid, "none")))
}

/// Returns the options of a subscription (6.3.2).
pub(super) fn options(
    cx: &RequestContext<'_>,
    node: Option<NodeName>,
    jid: &str,
) -> Result<Option<Element>, Error> {
    let (topic, _, options) = subscribed(cx, node, jid)?;
    let form = options.to_form("form", topic.1.is_none());
    let shown =
        response::about("options", topic.1.as_ref().map(NodeName::as_str)).with("jid", jid).append(form);
    Ok(Some(response::pubsub(shown.build())))
}

/// Changes the options of a subscription (6.3.5).
pub(super) fn set_options(
    cx: &mut RequestContext<'_>,
    node: Option<NodeName>,
    jid: &str,
    form: &Form,
) -> Result<Option<Element>, Error> {
    let (topic, who, options) = subscribed(cx, node, jid)?;
    let options = options.with(form, topic.1.is_none(), cx.moment.now)?;

    cx.room.subscriptions.insert(who, topic, options);
    Ok(None)
}

/// Returns the options of a new subscription (6.4).
pub(super) fn default_options(node: Option<&NodeName>) -> Element {
    let form = SubscribeOptions::default().to_form("form", node.is_none());
    let default = response::about("default", node.map(NodeName::as_str)).append(form).build();
    response::pubsub(default)
}

/// Retrieves items (6.5): all, those with these ids, the newest `max`, or a page; the newest come last. What does not
/// fit into one reply is left for the next page, and the reply says so.
pub(super) fn items(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    ids: &[ItemId],
    max: Option<usize>,
    page: Option<&Page>,
) -> Result<Items, Error> {
    if !cx.readable(name)?.config.persist_items {
        return Err(Error::Unsupported("persistent-items"));
    }
    // As `cx.node` returns it, with less borrowed.
    let node = cx.room.service(cx.service_id).ok_or(Error::NodeNotFound)?.node(name.as_str());
    let node = node.or_else(|error| cx.declared.get(name).ok_or(error))?;
    let found: Vec<_> = if ids.is_empty() {
        node.items().skip(node.items().len().saturating_sub(max.unwrap_or(usize::MAX))).collect()
    } else {
        ids.iter().filter_map(|id| node.item(id.as_str())).collect()
    };
    if found.is_empty() && !ids.is_empty() {
        return Err(Error::ItemNotFound);
    }
    let id_at = |at: usize| found.get(at).map(|(id, _)| id.to_string());
    let asked = page.cloned().unwrap_or_default();
    let position = |id: &str| found.iter().position(|(known, _)| known.as_str() == id);
    let slice = asked.slice(found.len(), position)?;
    let size = |at: usize| {
        let payload = found.get(at).and_then(|(_, item)| item.payload.as_ref());
        payload.map_or(0, Payload::size) + 256
    };
    let shown = slice.fit(cx.options.max_reply_size, size);

    let octets = (shown.start..shown.end).map(size).sum();
    cx.allowance.send(octets)?;

    let mut items = Items::new(name, octets);
    for (id, item) in found.iter().skip(shown.start).take(shown.end - shown.start) {
        let publisher = cx.room.publisher(cx.service_id, node, item);
        items.add(id, item.payload.as_ref(), publisher);
    }
    let page = (page.is_some() || shown != slice).then(|| shown.to_element(found.len(), id_at));
    Ok(items.end(page.as_ref()))
}

/// Adds a subscription. Returns whether it is new.
pub(super) fn add(
    cx: &mut RequestContext<'_>,
    who: Subscriber,
    topic: &Topic,
    options: SubscribeOptions,
) -> bool {
    if let Subscriber::Account(account) = &who {
        cx.room.watch(account);
    }
    if cx.actor.occupant.is_none() {
        // The server has not said yet what this subscriber is to the room.
        cx.room.info.outsiders.insert(cx.actor.session.bare().into(), cx.actor.room_affiliation);
    }
    cx.room.subscriptions.insert(who, topic.clone(), options)
}

/// Returns the actor's subscription with its options.
fn subscribed(
    cx: &RequestContext<'_>,
    node: Option<NodeName>,
    jid: &str,
) -> Result<(Topic, Subscriber, SubscribeOptions), Error> {
    let who = identity::own_subscriber(cx, jid).ok_or(Error::Forbidden)?;
    if let Some(name) = &node {
        cx.service()?.node(name.as_str())?;
    }
    let topic = (cx.service_id, node);
    let options = cx.room.subscriptions.options(&who, &topic).cloned().ok_or(Error::NotSubscribed)?;
    Ok((topic, who, options))
}

/// Checks that the actor may subscribe to the root, which is for occupants only.
fn check_root(cx: &RequestContext<'_>) -> Result<(), Error> {
    cx.authorise(Action::Read, None)?;
    if cx.actor.occupant.is_some() { Ok(()) } else { Err(Error::NotInRoom) }
}

/// Notifies the owners of a subscription if the node is configured so (`pubsub#notify_sub`).
fn notify_owners(cx: &mut RequestContext<'_>, who: &Subscriber, topic: &Topic, state: &str) {
    let Some(name) = &topic.1 else { return };
    let wanted =
        cx.service().and_then(|service| service.node(name.as_str())).is_ok_and(|n| n.config.notify_sub);
    if !wanted {
        return;
    }
    for owner in cx.room.owners_of(cx.service_id) {
        let Some(jid) = identity::actor_shown_to(cx, owner, who, topic) else { continue };
        let notice = event::subscription(Some(name), &jid, state);
        cx.effects.extend(cx.room.notify_subscriber(
            cx.service_id,
            &Subscriber::Occupant(owner),
            &notice,
            cx.moment,
        ));
    }
}

fn subscription((_, node): &Topic, jid: &str, state: &str) -> Element {
    let subscription: Element = response::about("subscription", node.as_ref().map(NodeName::as_str))
        .with("jid", jid)
        .with("subscription", state)
        .build();
    response::pubsub(subscription)
}
