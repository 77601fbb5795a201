//! What a use case works on: one request of one actor to one service of a room.

use indexmap::IndexSet;

use crate::effect::Effect;
use crate::error::Error;
use crate::facts::Actor;
use crate::id::{NodeName, OccupantId, ServiceId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::access::Action;
use crate::pubsub::config::{NodeConfig, PublishModel};
use crate::pubsub::node::Node;
use crate::pubsub::service::Service;
use crate::room::Room;
use crate::room::rate_limit::RateLimit;
use crate::room::rights::{Party, Rights};
use crate::stanza::event::Event;
use crate::xml::form::Form;

/// A request being carried out.
pub(crate) struct RequestContext<'a> {
    pub room: &'a mut Room,
    /// The service that is asked.
    pub service_id: ServiceId,
    pub actor: &'a Actor,
    /// Whether the room is semi-anonymous.
    pub anonymous: bool,
    /// Whether what is changed can't be stored now.
    pub read_only: bool,
    pub options: &'a Options,
    pub moment: &'a mut Moment,
    /// What follows the reply.
    pub effects: Vec<Effect>,
    /// The nodes of which something is to be kept.
    pub changed: IndexSet<NodeName>,
}

impl RequestContext<'_> {
    /// Whether the actor publishes as the room without being in it: a server's own business, that has no rate.
    pub(super) fn is_owner_outside(&self) -> bool {
        self.actor.occupant.is_none() && self.rights(None).owns()
    }

    /// What is to be kept of what the case changed: a room's nodes outlive the process, an occupant's do not.
    pub(super) fn take_changes(&mut self) -> Vec<Effect> {
        if self.service_id != ServiceId::Room {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|name| self.room.keep(name)).collect()
    }

    /// What the actor may still do now; those who are not in the room share one.
    pub(super) fn rate_limit(&mut self) -> &mut RateLimit {
        let mine = self.me().and_then(|me| self.room.occupants.get_mut(&me));
        mine.map_or(&mut self.room.rate_limit, |occupant| &mut occupant.rate_limit)
    }

    /// The actor's number in the room.
    pub(super) fn me(&self) -> Option<OccupantId> {
        self.room.find(self.actor.occupant.as_ref()?.as_str())
    }

    /// Whether the address is the actor's own.
    pub(super) fn is_own(&self) -> bool {
        self.me().is_some_and(|me| self.service_id == ServiceId::Occupant(me))
    }

    /// What the actor may do at the node of this name, which need not exist, or at the service.
    pub(super) fn rights<'b>(&'b self, name: Option<&'b NodeName>) -> Rights<'b> {
        let node = name.and_then(|name| Some((name, self.service().ok()?.node(name.as_str()).ok()?)));
        let party = Party {
            jid: &self.actor.session,
            occupant: self.me(),
            role: self.actor.role,
            room_affiliation: self.actor.room_affiliation,
        };
        Rights::new(self.room, party, self.service_id, node)
    }

    /// Whether the actor may do this to the node of this name, which need not exist.
    ///
    /// # Errors
    /// Those of [`Rights::may`].
    pub(super) fn authorise(&self, action: Action, name: Option<&NodeName>) -> Result<(), Error> {
        self.rights(name).may(action)
    }

    /// The node of this name, for somebody who may read it.
    pub(super) fn readable(&self, name: &NodeName) -> Result<&Node, Error> {
        let node = self.service()?.node(name.as_str())?;
        self.rights(Some(name)).may_read()?;
        Ok(node)
    }

    /// The service that is asked.
    pub(super) fn service(&self) -> Result<&Service, Error> {
        self.room.service(self.service_id).ok_or(Error::NodeNotFound)
    }

    /// The service that is asked, to change it.
    pub(super) fn service_mut(&mut self) -> Result<&mut Service, Error> {
        self.room.service_mut(self.service_id).ok_or(Error::NodeNotFound)
    }

    /// The configuration that a new node of this name would have.
    ///
    /// # Errors
    /// Those of the form, [`Error::NodeReserved`], [`Error::TooManyNodes`].
    pub(super) fn new_config(&self, name: &NodeName, form: &Form) -> Result<NodeConfig, Error> {
        let limit = match self.service_id {
            ServiceId::Room => self.options.max_room_nodes,
            ServiceId::Occupant(_) => self.options.max_nodes,
        };
        self.check_reserved(name)?;
        let config = self.check_config(NodeConfig::of(name.as_str(), self.options).with_forced(
            name.as_str(),
            form,
            self.options,
        )?)?;
        if self.service()?.len() >= limit { Err(Error::TooManyNodes) } else { Ok(config) }
    }

    /// Whether nobody's identity is at a node of this name. One that was made before it was reserved may be there.
    pub(super) fn check_reserved(&self, name: &NodeName) -> Result<(), Error> {
        let reserved =
            self.service_id != ServiceId::Room && self.options.reserved_nodes.contains(name.as_str());
        if reserved { Err(Error::NodeReserved) } else { Ok(()) }
    }

    /// An occupant's node has one publisher (XEP-0316, 4.2).
    pub(super) fn check_config(&self, config: NodeConfig) -> Result<NodeConfig, Error> {
        if self.service_id != ServiceId::Room && config.publish_model != PublishModel::Publishers {
            return Err(Error::InvalidField("pubsub#publish_model".into()));
        }
        Ok(config)
    }

    /// Makes a node of this name, unless there is one; those who are subscribed to new nodes are told.
    pub(super) fn make(&mut self, name: &NodeName, config: NodeConfig) -> Result<(), Error> {
        if self.service()?.holds(name.as_str()) {
            return Ok(());
        }
        let service_id = self.service_id;
        // It is by this that nodes that were kept are put in order again.
        let newest = self.service()?.nodes().map(|(_, node)| node.made).max();
        let made = newest.map_or(self.moment.now, |newest| self.moment.now.max(newest + 1));
        self.service_mut()?.node_or(name, || Node::new(config, made));
        self.room.node_created(name, service_id);
        self.changed.insert(name.clone());
        self.notify(name, |_, node| Event::created(name, &node.config))
    }

    /// Tells whoever is to be told of an event at the node of this name.
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
}
