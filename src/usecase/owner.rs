//! What a node's owner does (XEP-0060, 8).

use minidom::Element;

use crate::error::Error;
use crate::id::NodeName;
use crate::pubsub::access::Action;
use crate::pubsub::config::NodeConfig;
use crate::stanza::event::Event;
use crate::stanza::response;
use crate::usecase::context::{Answer, RequestContext};
use crate::xml::form::Form;
use crate::xml::{With, ns};

mod lists;

impl RequestContext<'_> {
    /// Makes a node, with a name of its own where the request has none (8.1).
    pub(crate) fn create(&mut self, name: Option<NodeName>, config: &Form) -> Result<Answer, Error> {
        self.authorise(Action::Configure, name.as_ref())?;
        let instant = name.is_none();
        let name = name.unwrap_or_else(|| self.moment.id().as_str().into());
        if self.service()?.holds(name.as_str()) {
            return Err(Error::NodeExists);
        }
        let config = self.new_config(&name, config)?;

        self.make(&name, config)?;
        let created = || response::pubsub(response::about("create", Some(name.as_str())).build());
        Ok(Answer::Reply(instant.then(created)))
    }

    /// Shows a node's configuration (8.2).
    pub(crate) fn configuration(&self, name: &NodeName) -> Result<Answer, Error> {
        if !self.service()?.holds(name.as_str()) && self.falls_through_to_pep() {
            return Ok(Answer::NotOurs);
        }
        self.authorise(Action::Configure, Some(name))?;
        let node = self.service()?.node(name.as_str())?;
        let configure = Element::builder("configure", ns::OWNER)
            .with("node", name.as_str())
            .append(node.config.to_form("form"))
            .build();
        Ok(Answer::Reply(Some(response::owner(configure))))
    }

    /// Changes a node's configuration (8.2.4); items over a lowered number go, the oldest first.
    pub(crate) fn configure(&mut self, name: &NodeName, form: &Form) -> Result<Answer, Error> {
        self.authorise(Action::Configure, Some(name))?;
        let options = self.options;
        let node = self.service_mut()?.node_mut(name.as_str())?;
        let config = node.config.with_forced(name.as_str(), form, options)?;
        if config == node.config {
            return Ok(Answer::Reply(None));
        }
        let config = self.check_config(config)?;
        let closes = config.access_model != self.service()?.node(name.as_str())?.config.access_model;

        let most = options.max_items;
        let node = self.service_mut()?.node_mut(name.as_str())?;
        node.config = config;
        node.changed();
        let dropped = node.shrink(most);
        let NodeConfig { notify_config, notify_retract, .. } = node.config;
        if notify_config {
            self.notify(name, |_, node| Event::configuration(name, &node.config))?;
        }
        if notify_retract && !dropped.is_empty() {
            self.notify(name, |_, node| Event::retract(name, &node.config, &dropped))?;
        }
        if closes {
            self.end_without_access(name)?;
        }
        Ok(Answer::Reply(None))
    }

    /// Shows the configuration that a new node has (8.3).
    pub(crate) fn default_configuration(&self) -> Result<Answer, Error> {
        self.authorise(Action::Configure, None)?;
        let form = NodeConfig::new(self.options).to_form("form");
        let default = Element::builder("default", ns::OWNER).append(form).build();
        Ok(Answer::Reply(Some(response::owner(default))))
    }

    /// Ends a node (8.4); `redirect` says where what it was about goes on.
    pub(crate) fn delete(&mut self, name: &NodeName, redirect: Option<&str>) -> Result<Answer, Error> {
        self.authorise(Action::Remove, Some(name))?;
        let node = self.service()?.node(name.as_str())?;

        if node.config.notify_delete {
            self.notify(name, |_, node| Event::delete(name, &node.config, redirect))?;
        }
        self.service_mut()?.remove(name.as_str());
        let service_id = self.service_id;
        self.room.node_deleted(name, service_id);
        Ok(Answer::Reply(None))
    }

    /// Takes all items of a node back (8.5).
    pub(crate) fn purge(&mut self, name: &NodeName) -> Result<Answer, Error> {
        self.authorise(Action::Remove, Some(name))?;
        let node = self.service_mut()?.node_mut(name.as_str())?;
        if !node.config.persist_items {
            return Err(Error::Unsupported("persistent-items"));
        }

        node.purge();
        if node.config.notify_retract {
            self.notify(name, |_, node| Event::purge(name, &node.config))?;
        }
        Ok(Answer::Reply(None))
    }
}
