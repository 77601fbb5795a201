//! The nodes of persistent rooms, which the server stores.

use super::Host;
use crate::effect::Effect;
use crate::id::ServiceId;
use crate::jid::RoomJid;
use crate::moment::Moment;
use crate::pubsub::service::Service;
use crate::pubsub::snapshot::{Holders, NodeRecord};

impl Host {
    /// Returns the records of a room's own nodes, for storage.
    pub fn snapshot(&self, room: &RoomJid) -> Vec<NodeRecord> {
        self.rooms.get(room).map(|room| room.service.snapshot()).unwrap_or_default()
    }

    /// The nodes of a room were stored as [`Host::snapshot`] returned them: from now on, only changes are stored.
    pub fn kept(&mut self, room: &RoomJid) {
        if let Some(room) = self.rooms.get_mut(room) {
            for (_, node) in room.service.nodes_mut() {
                node.take_journal();
            }
        }
    }

    /// Replaces the nodes of a room with stored ones: at first, or to undo what the last request changed, as it could not
    /// be stored. Subscriptions, and what is not stored of affiliations, stay as they were before that request; they
    /// end with nodes that are not among these.
    pub fn load(&mut self, room: &RoomJid, records: Vec<NodeRecord>) {
        self.open(room);
        if let Some(entry) = self.rooms.get_mut(room) {
            let mut holders = Holders { room: &entry.held, owner: None, ledger: &mut self.limits.ledger };
            let service = Service::restore(ServiceId::Room, records, &mut holders, &self.options);
            entry.replace(ServiceId::Room, service);
        }
        self.drop_if_empty(room);
    }

    /// The nodes of a room were loaded after sessions had joined it: [`Host::wake`] sends these the last items that they
    /// want.
    pub fn loaded(&mut self, room: &RoomJid, moment: &mut Moment) -> Vec<Effect> {
        if let Some(entry) = self.rooms.get_mut(room) {
            entry.await_room_items(&self.options);
        }
        self.collect(room, moment);
        self.finish(Vec::new(), moment)
    }

    /// The nodes of a room are unknown until [`Host::load`] is called: what is in memory could not be stored, and what is
    /// stored can't be read. The room has none meanwhile, and their subscriptions wait for them.
    pub fn set_aside(&mut self, room: &RoomJid) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.set_aside();
        }
    }
}
