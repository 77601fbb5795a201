//! Publisher use cases (XEP-0060, 7).

use minidom::Element;

use crate::effect::WhatChanged;
use crate::error::Error;
use crate::id::{ItemId, NodeName, ServiceId};
use crate::options::Options;
use crate::pubsub::access::{Action, Affiliations};
use crate::pubsub::config::{NodeConfig, NodeFull};
use crate::pubsub::node::{Item, Node, Publisher};
use crate::stanza::event::Event;
use crate::stanza::request::Published;
use crate::stanza::response;
use crate::usecase::context::RequestContext;
use crate::xml::form::Form;
use crate::xml::payload::Payload;
use crate::xml::{With, ns};

/// Publishes an item (7.1). The first publish creates the node.
pub(super) fn publish(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    item: Option<Published<'_>>,
    options: &Form,
) -> Result<Option<Element>, Error> {
    let may_configure = cx.authorise_publish(name)?;
    cx.check_reserved(name)?;
    let config = match cx.service()?.node(name.as_str()) {
        Ok(node) => node.config.clone(),
        Err(_) if may_configure => cx.new_config(name, options)?,
        Err(_) => cx.new_config(name, &Form::default())?,
    };
    // Also for a new node: the admin may force different values.
    config.meets(options, cx.options)?;
    check_replaced(cx, name, item.as_ref())?;
    let payload = check(&config, item.as_ref(), cx.options)?;
    let full = |id: Option<&ItemId>| {
        let node = cx.service().ok()?.node(name.as_str()).ok()?;
        Some(node.is_full(id.map(ItemId::as_str), cx.options.max_items))
    };
    let keeps = config.persist_items && config.publish_node_full == NodeFull::Reject;
    if keeps && full(item.as_ref().and_then(|item| item.id.as_ref())) == Some(true) {
        return Err(Error::NodeFull);
    }

    cx.check_held(growth(cx, name, &config, item.as_ref(), payload.as_ref()))?;

    let now = cx.moment.now;
    cx.moment.tally.publishes += 1;
    cx.moment.tally.payload_octets += payload.as_ref().map_or(0, |payload| payload.size() as u64);
    let retracts = config.publish_node_full == NodeFull::RetractOldest && config.notify_retract;
    cx.make(name, config)?;
    let Some(Published { id, .. }) = item else {
        cx.notify(name, |_, node| Event::no_item(name, &node.config))?;
        cx.report(name, WhatChanged::Published(None, None));
        return Ok(Some(published(name, None)));
    };
    let id = id.unwrap_or_else(|| cx.moment.id().as_str().into());
    let item = Item { payload, at: now, publisher: publisher(cx) };
    let most = cx.options.max_items;
    let account = cx.account.clone();
    let dropped = cx.node_mut(name)?.put(id.clone(), item.clone(), Some(account), most);

    let (service_id, before) = (cx.service_id, cx.effects.len());
    cx.notify(name, |room, node| {
        Event::item(name, &node.config, &id, &item, room.publisher(service_id, node, &item))
    })?;
    cx.room.note_notified(service_id, name, now, cx.effects.get(before..).unwrap_or_default());
    let dropped: Vec<_> = dropped.into_iter().filter(|other| *other != id).collect();
    if retracts && !dropped.is_empty() {
        cx.notify(name, |_, node| Event::retract(name, &node.config, &dropped))?;
    }
    cx.report(name, WhatChanged::Published(Some(id.clone()), item.payload));
    Ok(Some(published(name, Some(&id))))
}

/// Retracts items (7.2): all of them, or none if one does not exist.
pub(super) fn retract(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    ids: &[ItemId],
    notify: Option<bool>,
) -> Result<Option<Element>, Error> {
    if !may_take_back(cx, name, ids) {
        cx.authorise(Action::Retract, Some(name))?;
    }
    let node = cx.service()?.node(name.as_str())?;
    if !node.config.persist_items {
        return Err(Error::Unsupported("persistent-items"));
    }
    if ids.iter().any(|id| node.item(id.as_str()).is_none()) {
        return Err(Error::ItemNotFound);
    }

    let node = cx.node_mut(name)?;
    for id in ids {
        node.remove(id.as_str());
    }
    if notify.unwrap_or(node.config.notify_retract) {
        cx.notify(name, |_, node| Event::retract(name, &node.config, ids))?;
    }
    cx.report(name, WhatChanged::Retracted(ids.to_vec()));
    Ok(None)
}

/// Returns the actor as the publisher of an item at a node of the room.
fn publisher(cx: &RequestContext<'_>) -> Option<Box<Publisher>> {
    (cx.service_id == ServiceId::Room).then(|| {
        Box::new(Publisher {
            account: cx.actor.session.bare().into(),
            inside: cx.actor.occupant.is_some(),
            occupant: cx.me(),
        })
    })
}

/// Returns how many octets more are held after a publish, of an item with this payload to a node of this configuration.
fn growth(
    cx: &RequestContext<'_>,
    name: &NodeName,
    config: &NodeConfig,
    item: Option<&Published<'_>>,
    payload: Option<&Payload>,
) -> usize {
    let node = cx.service().and_then(|service| service.node(name.as_str())).ok();
    let head = if node.is_some() { 0 } else { Node::weight(config, &Affiliations::default()) };
    let Some(published) = item.filter(|_| config.persist_items) else { return head };
    let item = Item { payload: payload.cloned(), at: 0, publisher: publisher(cx) };
    let new = published.id.as_ref().map_or_else(|| item.weight(&ItemId::from("")) + 20, |id| item.weight(id));
    let id = published.id.as_ref().map(ItemId::as_str);
    let freed = node.map_or(0, |node| node.freed_by_put(id, cx.options.max_items));
    (head + new).saturating_sub(freed)
}

/// Returns whether the actor published all these items and may publish at the node: publishers may retract their own
/// items (7.2).
fn may_take_back(cx: &RequestContext<'_>, name: &NodeName, ids: &[ItemId]) -> bool {
    let Some(node) = cx.service().ok().and_then(|service| service.node(name.as_str()).ok()) else {
        return false;
    };
    let mine = |id: &ItemId| node.item(id.as_str()).is_some_and(|(_, item)| is_own(cx, item));
    cx.authorise(Action::Publish, Some(name)).is_ok() && ids.iter().all(mine)
}

/// Returns whether the actor's account published the item.
pub(super) fn is_own(cx: &RequestContext<'_>, item: &Item) -> bool {
    item.account() == Some(cx.actor.session.bare())
}

/// Checks that no item of another account is replaced: only its publisher and the owners may do that (4.1).
fn check_replaced(
    cx: &RequestContext<'_>,
    name: &NodeName,
    item: Option<&Published<'_>>,
) -> Result<(), Error> {
    let id = item.and_then(|item| item.id.as_ref());
    let node = cx.service()?.node(name.as_str()).ok();
    let replaced = id.zip(node).and_then(|(id, node)| node.item(id.as_str()));
    match replaced {
        Some((_, item)) if !is_own(cx, item) => cx.authorise(Action::Retract, Some(name)),
        _ => Ok(()),
    }
}

/// Checks whether a node with this configuration accepts the item (7.1.3.5), and returns the payload. The admin's limit
/// may be lower now than when the node was configured.
fn check(
    config: &NodeConfig,
    item: Option<&Published<'_>>,
    options: &Options,
) -> Result<Option<Payload>, Error> {
    let most = config.max_payload_size.min(options.max_payload_size);
    let only_notifies = !config.persist_items && !config.deliver_payloads;
    match item {
        None if only_notifies => Ok(None),
        None => Err(Error::ItemRequired),
        Some(_) if only_notifies => Err(Error::ItemForbidden),
        Some(Published { payload: Some(payload), lang, .. }) => {
            Payload::in_language(payload, *lang, most).map(Some)
        }
        Some(_) if config.deliver_payloads => Err(Error::PayloadRequired),
        Some(_) => Ok(None),
    }
}

fn published(name: &NodeName, id: Option<&ItemId>) -> Element {
    let item = id.map(|id| Element::builder("item", ns::PUBSUB).with("id", id.as_str()).build());
    let publish = response::about("publish", Some(name.as_str())).append_all(item).build();
    response::pubsub(publish)
}
