//! The services of a room: its own and its occupants', and which of their nodes are stored.

use crate::effect::Effect;
use crate::id::{ItemId, NodeName, OccupantId, ServiceId};
use crate::options::Options;
use crate::pubsub::service::Service;
use crate::pubsub::snapshot::Change;
use crate::room::Room;

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

    /// Returns the JID of a service.
    pub(crate) fn address(&self, id: ServiceId) -> &str {
        match id {
            ServiceId::Room => self.jid.as_str(),
            ServiceId::Occupant(id) => {
                self.occupants.get(&id).map_or("", |occupant| occupant.info.occupant.as_str())
            }
        }
    }

    /// Replaces the nodes of a service. Subscriptions to nodes that are missing now end.
    pub(crate) fn replace(&mut self, id: ServiceId, service: Service) {
        let Some(place) = self.service_mut(id) else { return };
        let after: Vec<_> = service.nodes().map(|(node, _)| node.clone()).collect();
        let before = std::mem::replace(place, service);
        for (node, _) in before.nodes().filter(|(node, _)| !after.contains(node)) {
            self.node_deleted(node, id);
        }
        for node in &after {
            self.node_created(node, id);
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

    /// Removes the items that an occupant published to the room's nodes with `pubsub#purge_offline`. Returns their ids.
    pub fn purge_of(&mut self, occupant: &str) -> Vec<(NodeName, Vec<ItemId>)> {
        let Some(id) = self.find(occupant) else { return Vec::new() };
        let nodes = self.service.nodes_mut().filter(|(_, node)| node.config.purge_offline);
        nodes
            .map(|(name, node)| (name.clone(), node.remove_of(id)))
            .filter(|(_, ids)| !ids.is_empty())
            .collect()
    }

    /// Returns the effect that stores the changes of a node of the room itself; `None` without changes, or if the room
    /// is not persistent.
    pub(crate) fn keep(&mut self, name: &NodeName) -> Option<Effect> {
        let node = self.service.node_mut(name.as_str());
        let change = match node {
            Ok(node) if !self.persistent => {
                node.stop_journal();
                return None;
            }
            Ok(node) => node.take_change()?,
            Err(_) if self.persistent => Change::Deleted,
            Err(_) => return None,
        };
        Some(Effect::Keep { room: self.jid.clone(), node: name.clone(), change })
    }

    /// Applies the forced configuration to all nodes. Sessions that may not read one any more get no further events.
    pub(crate) fn force(&mut self, options: &Options) {
        if options.forced.is_empty() {
            return;
        }
        for (name, node) in self.service.nodes_mut() {
            node.force(name, options);
        }
        for (name, node) in self.occupants.values_mut().flat_map(|occupant| occupant.service.nodes_mut()) {
            node.force(name, options);
        }
    }
}
