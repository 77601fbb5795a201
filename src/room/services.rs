//! The services of a room: its own and its occupants', and which of their nodes are stored.

use std::collections::HashSet;
use std::iter;

use crate::effect::Effect;
use crate::id::{ItemId, NodeName, OccupantId, ServiceId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::access::{Affiliate, Affiliations};
use crate::pubsub::service::Service;
use crate::pubsub::snapshot::Change;
use crate::pubsub::subscribe_options::SubscribeOptions;
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::room::Room;
use crate::room::last_items::Place;
use crate::room::occupant::Occupant;
use crate::stanza::event::Event;

/// What a request ended beside what is stored.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    ended: Vec<Ended>,
    /// The affiliations that a node had.
    pub affiliations: Option<(Place, Affiliations)>,
}

/// A subscription that ended.
#[derive(Debug)]
struct Ended {
    who: Subscriber,
    topic: Topic,
    options: SubscribeOptions,
    occupant: Option<OccupantId>,
}

impl Room {
    /// Returns the service with this id.
    pub(crate) fn service(&self, id: ServiceId) -> Option<&Service> {
        match id {
            ServiceId::Room => Some(&self.service),
            ServiceId::Occupant(id) => self.occupants.get(&id).map(|occupant| &occupant.service),
        }
    }

    /// Returns the service with this id for changes.
    pub(crate) fn service_mut(&mut self, id: ServiceId) -> Option<&mut Service> {
        match id {
            ServiceId::Room => Some(&mut self.service),
            ServiceId::Occupant(id) => self.occupants.get_mut(&id).map(|occupant| &mut occupant.service),
        }
    }

    /// Returns the account of the occupant whose service this is.
    pub(crate) fn account_of(&self, id: ServiceId) -> Option<&str> {
        let ServiceId::Occupant(id) = id else { return None };
        let session = self.occupants.get(&id)?.sessions.first()?;
        Some(self.sessions.get(*session)?.jid.bare())
    }

    /// Returns the JID of a service.
    pub(crate) fn address(&self, id: ServiceId) -> &str {
        match id {
            ServiceId::Room => self.info.jid.as_str(),
            ServiceId::Occupant(id) => {
                self.occupants.get(&id).map_or("", |occupant| occupant.info.occupant.as_str())
            }
        }
    }

    /// Replaces the nodes of a service with restored ones. Subscriptions to nodes that are missing now end. What the last
    /// request ended goes on, and so do the affiliations of occupants, which are not stored.
    pub(crate) fn replace(&mut self, id: ServiceId, mut service: Service) {
        let undo = std::mem::take(&mut self.undo);
        let aside = if id == ServiceId::Room { self.aside.take() } else { None };
        let Some(place) = self.service_mut(id) else { return };
        let (before, Undo { ended, affiliations }) = aside.unwrap_or_else(|| (std::mem::take(place), undo));
        for (name, node) in service.nodes_mut() {
            let undone = affiliations.as_ref().filter(|((of, node), _)| *of == id && node == name);
            let known = before.node(name.as_str()).ok().map(|node| &node.affiliations);
            for (affiliate, is) in
                undone.map(|(_, were)| were).or(known).into_iter().flat_map(Affiliations::iter)
            {
                if matches!(affiliate, Affiliate::Occupant(id) if self.occupants.contains_key(id)) {
                    node.affiliations.set(affiliate.clone(), is);
                }
            }
            node.weigh();
        }
        let after: Vec<_> = service.nodes().map(|(node, _)| node.clone()).collect();
        if let Some(place) = self.service_mut(id) {
            *place = service;
        }
        for (node, _) in before.nodes().filter(|(node, _)| !after.contains(node)) {
            self.node_deleted(node, id);
        }
        for node in &after {
            self.node_created(node, id);
        }
        for Ended { who, topic, options, occupant } in ended {
            if topic.0 == id && topic.1.as_ref().is_some_and(|name| after.contains(name)) {
                if let Subscriber::Account(account) = &who {
                    self.watch(account);
                }
                self.subscriptions.insert(who.clone(), topic.clone(), options);
                self.subscriptions.set_occupant(&who, &topic, occupant);
            }
        }
    }

    /// Takes the room's own nodes away until they are replaced.
    pub(crate) fn set_aside(&mut self) {
        if self.aside.is_none() {
            self.aside = Some((std::mem::take(&mut self.service), std::mem::take(&mut self.undo)));
        }
    }

    /// Deletes a node, and ends its subscriptions.
    pub(crate) fn remove_node(&mut self, name: &NodeName, service: ServiceId) {
        let removed = self.service_mut(service).and_then(|service| service.remove(name.as_str()));
        self.undo.affiliations = removed.map(|node| ((service, name.clone()), node.affiliations));
        let topic = (service, Some(name.clone()));
        let subscribers: Vec<_> = self.subscriptions.of(&topic).map(|(who, _)| who.clone()).collect();
        for who in subscribers {
            self.note_ended(who, topic.clone());
        }
        self.node_deleted(name, service);
    }

    /// Notes that a subscription is about to end.
    pub(crate) fn note_ended(&mut self, who: Subscriber, topic: Topic) {
        if let Some(options) = self.subscriptions.options(&who, &topic).cloned() {
            let occupant = self.subscriptions.occupant(&who, &topic);
            self.undo.ended.push(Ended { who, topic, options, occupant });
        }
    }

    /// Notes that a node was created.
    pub(crate) fn node_created(&mut self, node: &NodeName, service: ServiceId) {
        if let ServiceId::Occupant(id) = service {
            self.holders.entry(node.clone()).or_default().insert(id);
        }
    }

    /// Notes that a node was deleted: ends its subscriptions.
    pub(crate) fn node_deleted(&mut self, node: &NodeName, service: ServiceId) {
        self.subscriptions.remove_node(service, node);
        self.unwatch_all();
        if let ServiceId::Occupant(id) = service {
            self.remove_holder(node, id);
        }
    }

    pub(super) fn remove_holder(&mut self, node: &NodeName, id: OccupantId) {
        if let Some(holders) = self.holders.get_mut(node.as_str()) {
            holders.remove(&id);
            if holders.is_empty() {
                self.holders.remove(node.as_str());
            }
        }
    }

    /// Retracts the items of accounts that have left the room from its nodes with `pubsub#purge_offline`.
    pub(crate) fn retract_offline(&mut self, moment: &mut Moment, options: &Options) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (name, ids) in self.purge_offline() {
            effects.extend(self.keep(&name));
            let Ok(node) = self.service.node(name.as_str()) else { continue };
            if node.config.notify_retract {
                let event = Event::retract(&name, &node.config, &ids);
                effects.extend(self.notify(ServiceId::Room, &name, node, &event, moment, options));
            }
        }
        effects
    }

    /// Removes the items of accounts that have no session in the room from its nodes with `pubsub#purge_offline`. Returns
    /// their ids.
    fn purge_offline(&mut self) -> Vec<(NodeName, Vec<ItemId>)> {
        let mut nodes = self.service.nodes_mut().filter(|(_, node)| node.config.purge_offline).peekable();
        if nodes.peek().is_none() {
            return Vec::new();
        }
        let here: HashSet<_> = self.sessions.iter().map(|(_, session)| session.jid.bare()).collect();
        nodes
            .map(|(name, node)| {
                (
                    name.clone(),
                    node.remove_of(|publisher| publisher.inside && !here.contains(&*publisher.account)),
                )
            })
            .filter(|(_, ids)| !ids.is_empty())
            .collect()
    }

    /// Returns the effect that stores the changes of a node of the room itself; `None` without changes, or if the room
    /// is not persistent.
    pub(crate) fn keep(&mut self, name: &NodeName) -> Option<Effect> {
        let node = self.service.node_mut(name.as_str());
        let change = match node {
            Ok(node) if !self.info.persistent => {
                node.stop_journal();
                return None;
            }
            Ok(node) => node.take_change()?,
            Err(_) if self.info.persistent => Change::Deleted,
            Err(_) => return None,
        };
        Some(Effect::Keep { room: self.info.jid.clone(), node: name.clone(), change })
    }

    /// Returns the effect that stores the nodes of an occupant.
    pub(crate) fn keep_occupant(&self, id: OccupantId) -> Option<Effect> {
        let Occupant { info, service, .. } = &**self.occupants.get(&id)?;
        let (room, occupant) = (self.info.jid.clone(), info.occupant.clone());
        Some(Effect::KeepOccupant { room, occupant, nodes: service.snapshot() })
    }

    /// Applies the forced configuration to all nodes. Sessions that gain access by it are sent last items, and those that
    /// lose it lose their subscriptions. Returns the notices of that.
    pub(crate) fn force(&mut self, moment: &mut Moment, options: &Options) -> Vec<Effect> {
        if options.forced.is_empty() {
            return Vec::new();
        }
        let services: Vec<_> = iter::once(ServiceId::Room)
            .chain(self.occupants.keys().copied().map(ServiceId::Occupant))
            .collect();
        let mut effects = Vec::new();
        for service in services {
            for (service, name) in self.places(service) {
                let shut_out = self.shut_out_of_node(service, &name, options);
                let node = self.service_mut(service).and_then(|it| it.node_mut(name.as_str()).ok());
                if node.is_some_and(|node| node.force(service, &name, options)) {
                    self.admit(shut_out, options);
                    effects.extend(self.end_without_access(service, &name, moment));
                }
            }
        }
        effects
    }
}
