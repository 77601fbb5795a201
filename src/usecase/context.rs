//! The context of a use case: one request of one actor to one service of a room.

use indexmap::IndexMap;

use crate::effect::{Effect, NodeChange, WhatChanged};
use crate::error::{Error, Scope};
use crate::face;
use crate::facts::Actor;
use crate::held::{Holder, Sum};
use crate::id::{NodeName, OccupantId, ServiceId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::access::Action;
use crate::pubsub::config::NodeConfig;
use crate::pubsub::node::Node;
use crate::pubsub::service::Service;
use crate::room::Room;
use crate::room::rate_limit::Allowance;
use crate::room::rights::{Party, Rights};
use crate::stanza::event::Event;
use crate::xml::form::Form;

/// A request that is being carried out.
pub(crate) struct RequestContext<'a> {
    pub room: &'a mut Room,
    /// The addressed service.
    pub service_id: ServiceId,
    pub actor: &'a Actor,
    /// Whether changes can't be stored now.
    pub read_only: bool,
    /// Whether the nodes of the addressed occupant are stored.
    pub stored: bool,
    /// What the actor may do now.
    pub allowance: Allowance<'a>,
    /// What the actor's account holds.
    pub account: Sum,
    /// What the whole host holds.
    pub host: &'a Sum,
    /// The nodes that every room has.
    pub declared: &'a IndexMap<NodeName, Node>,
    pub options: &'a Options,
    pub moment: &'a mut Moment,
    /// The effects after the reply.
    pub effects: Vec<Effect>,
    /// The node that the request changes: at most one.
    pub changed: Option<NodeName>,
}

impl RequestContext<'_> {
    /// Returns whether the actor owns the room without being in it, like a bot on the server: it may do more.
    pub(super) fn is_owner_outside(&self) -> bool {
        self.actor.occupant.is_none() && self.rights(None).owns()
    }

    /// Returns the change to store: a room's nodes are stored, and those of an occupant whose nick is registered.
    pub(super) fn take_change(&mut self) -> Option<Effect> {
        let changed = self.changed.take()?;
        match self.service_id {
            ServiceId::Room => self.room.keep(&changed),
            ServiceId::Occupant(id) if self.stored => self.room.keep_occupant(id),
            ServiceId::Occupant(_) => None,
        }
    }

    /// Returns the actor's occupant number.
    pub(super) fn me(&self) -> Option<OccupantId> {
        self.room.find(self.actor.occupant.as_ref()?.as_str())
    }

    /// Returns whether the room itself acts, by a module of the server.
    pub(super) fn is_by_room(&self) -> bool {
        self.room.is_itself(self.actor.session.bare())
    }

    /// Returns whether the addressed service is the actor's own.
    pub(super) fn is_own(&self) -> bool {
        self.me().is_some_and(|me| self.service_id == ServiceId::Occupant(me))
    }

    /// Returns the actor's rights at the node of this name, which need not exist, or at the service.
    pub(super) fn rights<'b>(&'b self, name: Option<&'b NodeName>) -> Rights<'b> {
        let node = name.and_then(|name| Some((name, self.node(name).ok()?)));
        let party = Party {
            jid: &self.actor.session,
            occupant: self.me(),
            role: self.actor.role,
            room_affiliation: self.actor.room_affiliation,
        };
        Rights::new(self.room, party, self.service_id, node)
    }

    /// Checks whether the actor may do this to the node of this name, which need not exist.
    ///
    /// # Errors
    /// Those of [`Rights::may`].
    pub(super) fn authorise(&self, action: Action, name: Option<&NodeName>) -> Result<(), Error> {
        self.rights(name).may(action)
    }

    /// Checks whether the actor may publish to the node of this name. Returns whether it may configure it, too, if it
    /// is still to be created: an occupant whom the admin's publish model admits may not.
    ///
    /// # Errors
    /// Those of [`Rights::may`].
    pub(super) fn authorise_publish(&self, name: &NodeName) -> Result<bool, Error> {
        if self.service()?.holds(name.as_str()) {
            return self.authorise(Action::Publish, Some(name)).map(|()| false);
        }
        let config = NodeConfig::of(self.service_id, name.as_str(), self.options);
        self.rights(None).may_publish(config.publish_model, config.publish_by)?;
        Ok(self.rights(None).owns())
    }

    /// Returns the node of this name if the actor may read it.
    pub(super) fn readable(&self, name: &NodeName) -> Result<&Node, Error> {
        let node = self.node(name)?;
        self.rights(Some(name)).may_read()?;
        Ok(node)
    }

    /// Returns the node of this name, which may be one that every room has and this one has not used yet.
    pub(super) fn node(&self, name: &NodeName) -> Result<&Node, Error> {
        let declared = || self.declared.get(name).filter(|_| self.service_id == ServiceId::Room);
        self.service()?.node(name.as_str()).or_else(|error| declared().ok_or(error))
    }

    /// Returns the nodes of the service, those last which every room has and this one has not used yet.
    pub(super) fn nodes(&self) -> Result<impl Iterator<Item = (&NodeName, &Node)>, Error> {
        let service = self.service()?;
        let is_unused = |name: &NodeName| self.service_id == ServiceId::Room && !service.holds(name.as_str());
        Ok(service.nodes().chain(self.declared.iter().filter(move |(name, _)| is_unused(name))))
    }

    /// Makes the node of this name if every room has it and this one has not used it yet. To be called once all is
    /// checked.
    pub(super) fn use_node(&mut self, name: &NodeName) -> Result<(), Error> {
        match self.declared.get(name).filter(|_| self.service_id == ServiceId::Room) {
            Some(node) => self.make(name, node.config.clone()),
            None => Ok(()),
        }
    }

    /// Returns the addressed service.
    pub(super) fn service(&self) -> Result<&Service, Error> {
        self.room.service(self.service_id).ok_or(Error::NodeNotFound)
    }

    /// Returns the node of this name for changes, which are to be stored.
    pub(super) fn node_mut(&mut self, name: &NodeName) -> Result<&mut Node, Error> {
        self.changed = Some(name.clone());
        self.service_mut()?.node_mut(name.as_str())
    }

    /// Deletes the node of this name and ends its subscriptions.
    pub(super) fn remove(&mut self, name: &NodeName) {
        self.changed = Some(name.clone());
        self.room.remove_node(name, self.service_id);
    }

    /// Ends leases that are over, and removes expired items of the node of this name.
    pub(super) fn expire(&mut self, name: Option<&NodeName>) {
        let now = self.moment.now;
        self.room.subscriptions.expire(now);
        if let (Some(name), Ok(service)) = (name, self.service_mut()) {
            service.node_mut(name.as_str()).into_iter().for_each(|node| node.expire(now));
        }
    }

    /// Returns the configuration of a new node of this name.
    ///
    /// # Errors
    /// Those of the form, [`Error::NodeReserved`], [`Error::TooManyNodes`].
    pub(super) fn new_config(&self, name: &NodeName, form: &Form) -> Result<NodeConfig, Error> {
        let limit = match self.service_id {
            ServiceId::Room => self.options.max_room_nodes,
            ServiceId::Occupant(_) => self.options.max_nodes,
        };
        self.check_reserved(name)?;
        let (id, name) = (self.service_id, name.as_str());
        let config = NodeConfig::of(id, name, self.options).with_forced(id, name, form, self.options)?;
        if self.service()?.len() >= limit { Err(Error::TooManyNodes) } else { Ok(config) }
    }

    /// Checks that the service, the actor's account, the room and the host may hold so many octets more.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(super) fn check_held(&self, more: usize) -> Result<(), Error> {
        let limits = &self.options.held;
        let is_occupant = matches!(self.service_id, ServiceId::Occupant(_));
        let as_room = self.allowance.is_owner_outside || self.is_by_room();
        let sums = [
            (Scope::Occupant, is_occupant, self.service()?.held(), limits.occupant),
            (Scope::Account, !as_room, self.account.octets(), limits.account),
            (Scope::Room, true, self.room.held.octets(), limits.room),
            (Scope::Host, true, self.host.octets(), limits.host),
        ];
        let is_full = |&(_, counts, held, most): &(_, bool, usize, usize)| {
            counts && more > 0 && held.saturating_add(more) > most
        };
        sums.into_iter().find(is_full).map_or(Ok(()), |(scope, ..)| Err(Error::Full(scope)))
    }

    /// Checks that the node's name is not reserved. A node may exist that was created before its name was reserved.
    pub(super) fn check_reserved(&self, name: &NodeName) -> Result<(), Error> {
        if self.options.is_reserved(self.service_id, name) { Err(Error::NodeReserved) } else { Ok(()) }
    }

    /// Creates a node of this name unless it exists. Notifies the subscribers to new nodes.
    pub(super) fn make(&mut self, name: &NodeName, config: NodeConfig) -> Result<(), Error> {
        if self.service()?.holds(name.as_str()) {
            return Ok(());
        }
        let service_id = self.service_id;
        // Restored nodes are sorted by this.
        let newest = self.service()?.nodes().map(|(_, node)| node.made).max();
        let made = newest.map_or(self.moment.now, |newest| self.moment.now.max(newest + 1));
        let account = matches!(service_id, ServiceId::Occupant(_)).then(|| self.account.clone());
        let held = self.room.held.clone();
        self.service_mut()?.node_or(name, &held, |service| {
            Node::new(config, made, Holder { service: Some(service), account })
        });
        self.room.node_created(name, service_id);
        self.changed = Some(name.clone());
        self.notify(name, |_, node| Event::created(name, &node.config))?;
        self.report(name, WhatChanged::Created);
        Ok(())
    }

    /// Notifies sessions and subscribers of an event at the node of this name.
    pub(super) fn notify(
        &mut self,
        name: &NodeName,
        make: impl FnOnce(&Room, &Node) -> Event,
    ) -> Result<(), Error> {
        let node = self.room.service(self.service_id).ok_or(Error::NodeNotFound)?.node(name.as_str())?;
        self.effects.extend(self.room.notify(
            self.service_id,
            name,
            node,
            &make(self.room, node),
            self.moment,
            self.options,
        ));
        Ok(())
    }

    /// Lets other modules of the server know what happened to the node of this name, and the glue, if that is a room's
    /// face.
    pub(super) fn report(&mut self, name: &NodeName, what: WhatChanged) {
        let is_face = self.service_id == ServiceId::Room && face::is_node(name.as_str());
        if self.options.observes || is_face {
            self.effects.push(Effect::Changed(NodeChange {
                room: self.room.info.jid.clone(),
                address: self.room.address(self.service_id).into(),
                node: name.clone(),
                what,
            }));
        }
    }

    fn service_mut(&mut self) -> Result<&mut Service, Error> {
        self.room.service_mut(self.service_id).ok_or(Error::NodeNotFound)
    }
}
