//! What occupants publish under a nick that is registered to them, where that outlives their stay.
//!
//! The server says who such an occupant is, and keeps what it is given here.

use super::Host;
use crate::effect::Effect;
use crate::id::ServiceId;
use crate::jid::RoomJid;
use crate::moment::Moment;
use crate::pubsub::service::Service;
use crate::pubsub::snapshot::NodeRecord;

impl Host {
    /// What an occupant has published, to be kept. `None`: nobody is at that nick.
    pub fn snapshot_of(&self, room: &RoomJid, occupant: &str) -> Option<Vec<NodeRecord>> {
        let room = self.rooms.get(room)?;
        Some(room.service(ServiceId::Occupant(room.find(occupant)?))?.snapshot())
    }

    /// Gives an occupant who is back what was kept. Nodes that they have made meanwhile stay as they are, and what
    /// the options do not allow any more is left out. Effects: the last items, to those in the room who want them, who
    /// saw them go with the occupant.
    pub fn bring_back(
        &mut self,
        room: &RoomJid,
        occupant: &str,
        records: Vec<NodeRecord>,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let Some(room) = self.rooms.get_mut(room) else { return Vec::new() };
        let Some(id) = room.find(occupant).map(ServiceId::Occupant) else { return Vec::new() };
        let mut back = Vec::new();
        for (name, node) in Service::restore(records, &self.options).nodes() {
            let Some(service) = room.service_mut(id) else { break };
            let fits = service.len() < self.options.max_nodes;
            if fits && !service.holds(name.as_str()) && !self.options.reserved_nodes.contains(name.as_str()) {
                service.node_or(name, || node.clone());
                room.node_created(name, id);
                back.push(name.clone());
            }
        }
        let effects =
            back.iter().flat_map(|name| room.notify_of_return(id, name, moment, &self.options)).collect();
        self.settle(moment);
        effects
    }

    /// Gives an occupant what was kept in the place of what they have: where a change could not be kept, it was none.
    pub fn put_back(&mut self, room: &RoomJid, occupant: &str, records: Vec<NodeRecord>) {
        let service = Service::restore(records, &self.options);
        let Some(room) = self.rooms.get_mut(room) else { return };
        if let Some(id) = room.find(occupant) {
            room.replace(ServiceId::Occupant(id), service);
        }
    }
}
