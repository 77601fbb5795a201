//! Owner use cases (XEP-0060, 8).

use minidom::Element;

use crate::effect::WhatChanged;
use crate::error::Error;
use crate::id::NodeName;
use crate::pubsub::access::{Action, Affiliations};
use crate::pubsub::config::NodeConfig;
use crate::pubsub::node::Node;
use crate::stanza::event::Event;
use crate::stanza::response;
use crate::usecase::context::RequestContext;
use crate::xml::form::Form;
use crate::xml::{With, ns};

pub(super) mod lists;

/// Creates a node, with a generated name if the request has none (8.1).
pub(super) fn create(
    cx: &mut RequestContext<'_>,
    name: Option<NodeName>,
    config: &Form,
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, name.as_ref())?;
    let instant = name.is_none();
    let name = name.unwrap_or_else(|| cx.moment.id().as_str().into());
    if cx.service()?.holds(name.as_str()) {
        return Err(Error::NodeExists);
    }
    let config = cx.new_config(&name, config)?;
    cx.check_held(Node::weight(&config, &Affiliations::default()))?;

    cx.make(&name, config)?;
    let created = || response::pubsub(response::about("create", Some(name.as_str())).build());
    Ok(instant.then(created))
}

/// Returns a node's configuration (8.2).
pub(super) fn configuration(cx: &RequestContext<'_>, name: &NodeName) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    let node = cx.node(name)?;
    let configure = Element::builder("configure", ns::OWNER)
        .with("node", name.as_str())
        .append(node.config.to_form("form"))
        .build();
    Ok(Some(response::owner(configure)))
}

/// Changes a node's configuration (8.2.4). Removes items over a lowered maximum, oldest first.
pub(super) fn configure(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    form: &Form,
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    let (id, options) = (cx.service_id, cx.options);
    let node = cx.node(name)?;
    let config = node.config.with_forced(id, name.as_str(), form, options)?;
    if config == node.config {
        return Ok(None);
    }
    let weight = |config| Node::weight(config, &node.affiliations);
    cx.check_held(weight(&config).saturating_sub(weight(&node.config)))?;

    cx.use_node(name)?;
    let most = options.max_items;
    let shut_out = cx.room.shut_out_of_node(cx.service_id, name, options);
    let node = cx.node_mut(name)?;
    node.config = config;
    node.changed();
    let dropped = node.shrink(most);
    let NodeConfig { notify_config, notify_retract, .. } = node.config;
    if notify_config {
        cx.notify(name, |_, node| Event::configuration(name, &node.config))?;
    }
    if notify_retract && !dropped.is_empty() {
        cx.notify(name, |_, node| Event::retract(name, &node.config, &dropped))?;
    }
    cx.room.admit(shut_out, options);
    cx.effects.extend(cx.room.end_without_access(cx.service_id, name, cx.moment));
    cx.report(name, WhatChanged::Configured);
    Ok(None)
}

/// Returns the configuration of a new node (8.3).
pub(super) fn default_configuration(cx: &RequestContext<'_>) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, None)?;
    let form = NodeConfig::new(cx.options).to_form("form");
    let default = Element::builder("default", ns::OWNER).append(form).build();
    Ok(Some(response::owner(default)))
}

/// Deletes a node (8.4); `redirect` is the URI of its successor.
pub(super) fn delete(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    redirect: Option<&str>,
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Remove, Some(name))?;
    let node = cx.service()?.node(name.as_str())?;

    if node.config.notify_delete {
        cx.notify(name, |_, node| Event::delete(name, &node.config, redirect))?;
    }
    cx.remove(name);
    cx.report(name, WhatChanged::Deleted);
    Ok(None)
}

/// Purges all items of a node (8.5); those of the actor, if it may publish there and does not own the node (4.1).
pub(super) fn purge(cx: &mut RequestContext<'_>, name: &NodeName) -> Result<Option<Element>, Error> {
    let all = cx.authorise(Action::Retract, Some(name));
    let only_own = all.is_err();
    if only_own && cx.authorise(Action::Publish, Some(name)).is_err() {
        all?;
    }
    let node = cx.service()?.node(name.as_str())?;
    if !node.config.persist_items {
        return Err(Error::Unsupported("persistent-items"));
    }

    let account = cx.actor.session.bare();
    let node = cx.node_mut(name)?;
    let notifies = node.config.notify_retract;
    if only_own {
        let ids = node.remove_of(|publisher| &*publisher.account == account);
        if notifies && !ids.is_empty() {
            cx.notify(name, |_, node| Event::retract(name, &node.config, &ids))?;
        }
        cx.report(name, WhatChanged::Retracted(ids));
        return Ok(None);
    }
    node.purge();
    if notifies {
        cx.notify(name, |_, node| Event::purge(name, &node.config))?;
    }
    cx.report(name, WhatChanged::Purged);
    Ok(None)
}
