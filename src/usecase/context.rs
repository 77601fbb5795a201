//! A use case at work: one request of one actor to one service of a room.
//!
//! The use cases themselves stand where XEP-0060 has them: [`crate::usecase::entity`] (its chapter 5), [`crate::usecase::subscriber`]
//! (6), [`crate::usecase::publisher`] (7) and [`crate::usecase::owner`] (8). Each reads the same: authorise, find, check, mutate,
//! effects. A case that fails has changed nothing.

use indexmap::IndexSet;
use minidom::Element;

use crate::effect::Effect;
use crate::error::Error;
use crate::facts::{Actor, Publishers, RoomAffiliation};
use crate::id::{NodeName, OccupantId, ServiceId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::access::{self, Action, Affiliation};
use crate::pubsub::config::{NodeConfig, PublishModel};
use crate::pubsub::node::Node;
use crate::pubsub::service::Service;
use crate::pubsub::subscription::Subscriber;
use crate::room::Room;
use crate::room::rate_limit::RateLimit;
use crate::stanza::event::Event;
use crate::stanza::request::Request;
use crate::xml::form::Form;

/// What a use case works on.
pub(crate) struct RequestContext<'a> {
    pub room: &'a mut Room,
    /// The service that is asked.
    pub service_id: ServiceId,
    /// The affiliation to the room of the occupant whose service it is.
    pub room_affiliation: RoomAffiliation,
    pub actor: &'a Actor,
    pub publishers: Publishers,
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

/// How a request was met.
pub(crate) enum Answer {
    /// With this inside the reply.
    Reply(Option<Element>),
    /// It is not MEP's to answer: the room goes on with it as if there were no MEP.
    NotOurs,
}

impl RequestContext<'_> {
    /// Carries a request out, if its time has come: what others are told of has a rate.
    pub fn run(&mut self, request: Request) -> Result<Answer, Error> {
        let (options, now) = (self.options, self.moment.now);
        if self.read_only && request.changes().is_some() {
            return Err(Error::NotStored);
        }
        if request.is_rate_limited() && !self.is_owner_outside() {
            if !self.rate_limit().permits(now, options) {
                return Err(Error::TooFast);
            }
            self.rate_limit().count(now, options);
        }
        let changes = request.changes().cloned();
        let answer = self.dispatch(request)?;
        self.changed.extend(changes);
        Ok(answer)
    }

    /// Whether the actor publishes as the room without being in it: a server's own business, that has no rate.
    fn is_owner_outside(&self) -> bool {
        self.actor.occupant.is_none() && self.publishers.include(self.actor.role, self.actor.room_affiliation)
    }

    fn dispatch(&mut self, request: Request) -> Result<Answer, Error> {
        let now = self.moment.now;
        self.room.subscriptions.expire(now);
        if let Some(name) = request.node() {
            if let Ok(node) = self.service_mut()?.node_mut(name.as_str()) {
                node.expire(now);
            }
        }
        match request {
            Request::Publish { node, item, options } => self.publish(&node, item, &options),
            Request::Retract { node, items, notify } => self.retract(&node, &items, notify),
            Request::Items { node, items, max, page } => self.items(&node, &items, max, page.as_ref()),
            Request::Subscribe { node, jid, options } => self.subscribe(node, &jid, &options),
            Request::Unsubscribe { node, jid } => self.unsubscribe(node, &jid),
            Request::GetOptions { node, jid } => self.options(node, &jid),
            Request::SetOptions { node, jid, form } => self.set_options(node, &jid, &form),
            Request::GetDefaultOptions { node } => Ok(Self::default_options(node.as_ref())),
            Request::Subscriptions { node } => Ok(self.subscriptions(node.as_ref())),
            Request::Affiliations { node } => Ok(self.affiliations(node.as_ref())),
            Request::Create { node, config } => self.create(node, &config),
            Request::GetConfig { node } => self.configuration(&node),
            Request::SetConfig { node, form } => self.configure(&node, &form),
            Request::GetDefault => self.default_configuration(),
            Request::Delete { node, redirect } => self.delete(&node, redirect.as_deref()),
            Request::Purge { node } => self.purge(&node),
            Request::GetSubscribers { node, page } => self.subscribers(&node, page.as_ref()),
            Request::SetSubscribers { node, entries } => self.set_subscribers(&node, &entries),
            Request::GetAffiliates { node, page } => self.affiliates(&node, page.as_ref()),
            Request::SetAffiliates { node, entries } => self.set_affiliates(&node, &entries),
            Request::Info { node } => self.info(node.as_ref()),
            Request::List { node, page } => self.list(node.as_ref(), page.as_ref()),
        }
    }

    /// What is to be kept of what the case changed: a room's nodes outlive the process, an occupant's do not.
    pub fn kept(&mut self) -> Vec<Effect> {
        if self.service_id != ServiceId::Room {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|name| self.room.keep(name)).collect()
    }

    /// What the actor may still do now; those who are not in the room share one.
    fn rate_limit(&mut self) -> &mut RateLimit {
        let mine = self.me().and_then(|me| self.room.occupants.get_mut(&me));
        mine.map_or(&mut self.room.rate_limit, |occupant| &mut occupant.rate_limit)
    }

    /// The actor's number in the room.
    pub fn me(&self) -> Option<OccupantId> {
        self.room.find(self.actor.occupant.as_ref()?.as_str())
    }

    /// Whether the address is the actor's own.
    pub fn is_own(&self) -> bool {
        self.me().is_some_and(|me| self.service_id == ServiceId::Occupant(me))
    }

    /// What the actor is to a node, or to the service where there is none.
    pub fn affiliation(&self, node: Option<&Node>) -> Affiliation {
        let owns = match self.service_id {
            ServiceId::Occupant(_) => self.is_own(),
            ServiceId::Room => self.publishers.include(self.actor.role, self.actor.room_affiliation),
        };
        if owns {
            return Affiliation::Owner;
        }
        if self.actor.room_affiliation == RoomAffiliation::Outcast {
            return Affiliation::Outcast;
        }
        node.map_or(Affiliation::None, |node| node.affiliations.get(self.actor.session.bare(), self.me()))
    }

    /// Whether the actor may do this to the node of this name, which need not exist.
    pub fn authorise(&self, action: Action, name: Option<&NodeName>) -> Result<(), Error> {
        let node = name.and_then(|name| self.service().ok()?.node(name.as_str()).ok());
        let affiliation = self.affiliation(node);
        if action == Action::Remove
            && matches!(self.service_id, ServiceId::Occupant(_))
            && self.actor.moderates(self.room_affiliation)
        {
            return Ok(());
        }
        let speaks = matches!(action, Action::Publish | Action::Configure);
        let of_room = self.service_id == ServiceId::Room;
        if action == Action::Publish && of_room && affiliation == Affiliation::None {
            self.check_publish_model(name.zip(node))?;
        } else {
            access::allow(affiliation, action)?;
        }
        // The owners of a room speak as the room, whatever their role.
        let as_owner = of_room && affiliation == Affiliation::Owner;
        if speaks && !as_owner && self.actor.occupant.is_some() && !self.actor.has_voice() {
            return Err(Error::NoVoice);
        }
        Ok(())
    }

    /// Whether a node of the room lets somebody publish whom nobody named.
    fn check_publish_model(&self, node: Option<(&NodeName, &Node)>) -> Result<(), Error> {
        let Some((name, node)) = node else { return Err(Error::Forbidden) };
        let may = self.actor.occupant.is_some()
            && match node.config.publish_model {
                PublishModel::Publishers => false,
                PublishModel::Subscribers => self.is_subscribed(name),
                PublishModel::Open => true,
            };
        if may { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Whether the actor is subscribed to a node by any of its names.
    fn is_subscribed(&self, name: &NodeName) -> bool {
        let topic = (self.service_id, Some(name.clone()));
        let session = &self.actor.session;
        let names = [Subscriber::Session(session.clone()), Subscriber::Account(session.bare().into())];
        let names = names.into_iter().chain(self.me().map(Subscriber::Occupant));
        names.into_iter().any(|who| self.room.subscriptions.contains(&who, &topic))
    }

    /// The node of this name, for somebody who may read it.
    pub fn readable(&self, name: &NodeName) -> Result<&Node, Error> {
        let node = self.service()?.node(name.as_str())?;
        access::may_read(&node.config, self.affiliation(Some(node)), self.actor.occupant.is_some())?;
        Ok(node)
    }

    /// The service that is asked.
    pub fn service(&self) -> Result<&Service, Error> {
        self.room.service(self.service_id).ok_or(Error::NodeNotFound)
    }

    /// The service that is asked, to change it.
    pub fn service_mut(&mut self) -> Result<&mut Service, Error> {
        self.room.service_mut(self.service_id).ok_or(Error::NodeNotFound)
    }

    /// The configuration that a new node of this name would have.
    ///
    /// # Errors
    /// Those of the form, [`Error::NodeReserved`], [`Error::TooManyNodes`].
    pub fn new_config(&self, name: &NodeName, form: &Form) -> Result<NodeConfig, Error> {
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
    pub fn check_reserved(&self, name: &NodeName) -> Result<(), Error> {
        let reserved =
            self.service_id != ServiceId::Room && self.options.reserved_nodes.contains(name.as_str());
        if reserved { Err(Error::NodeReserved) } else { Ok(()) }
    }

    /// An occupant's node has one publisher (XEP-0316, 4.2).
    pub fn check_config(&self, config: NodeConfig) -> Result<NodeConfig, Error> {
        if self.service_id != ServiceId::Room && config.publish_model != PublishModel::Publishers {
            return Err(Error::InvalidField("pubsub#publish_model".into()));
        }
        Ok(config)
    }

    /// Makes a node of this name, unless there is one; those who are subscribed to new nodes are told.
    pub fn make(&mut self, name: &NodeName, config: NodeConfig) -> Result<(), Error> {
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
    pub fn notify(&mut self, name: &NodeName, make: impl FnOnce(&Room, &Node) -> Event) -> Result<(), Error> {
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
