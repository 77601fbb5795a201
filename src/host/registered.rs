//! The nodes of occupants with a registered nick, which can be stored while the occupant is away.
//!
//! The server knows which occupants these are, and stores the records.

use super::Host;
use crate::effect::Effect;
use crate::facts::RoomInfo;
use crate::id::ServiceId;
use crate::jid::RoomJid;
use crate::moment::Moment;
use crate::pubsub::service::Service;
use crate::pubsub::snapshot::{Holders, NodeRecord};

impl Host {
    /// Returns the records of an occupant's nodes, for storage; `None` if no occupant has this nick.
    pub fn snapshot_of(&self, room: &RoomJid, occupant: &str) -> Option<Vec<NodeRecord>> {
        let room = self.rooms.get(room)?;
        Some(room.service(ServiceId::Occupant(room.find(occupant)?))?.snapshot())
    }

    /// Restores the stored nodes of an occupant who has returned. Nodes that the occupant has created since stay as
    /// they are, and nodes that the options don't allow any more are left out. Returns the last items for interested
    /// sessions, which saw the nodes end when the occupant left.
    pub fn bring_back(
        &mut self,
        info: &RoomInfo,
        occupant: &str,
        records: Vec<NodeRecord>,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        self.update(info, moment);
        let Some(room) = self.rooms.get_mut(&info.jid) else { return Vec::new() };
        let Some(id) = room.find(occupant).map(ServiceId::Occupant) else { return Vec::new() };
        let (held, owner) = (room.held.clone(), room.account_of(id).map(|it| self.limits.ledger.account(it)));
        let mut restored = Vec::new();
        for record in records {
            let Some(service) = room.service_mut(id) else { break };
            let name = record.name.clone();
            let fits = service.len() < self.options.max_nodes;
            if fits && !service.holds(name.as_str()) && !self.options.reserved_nodes.contains(name.as_str()) {
                let ledger = &mut self.limits.ledger;
                let mut holders = Holders { room: &held, owner: owner.clone(), ledger };
                service.node_or(&name, &held, |sum| record.into_node(id, sum, &mut holders, &self.options));
                room.node_created(&name, id);
                restored.push(name);
            }
        }
        let effects =
            restored.iter().flat_map(|name| room.notify_of_return(id, name, moment, &self.options)).collect();
        self.finish(effects, moment)
    }

    /// Replaces the nodes of an occupant with the stored ones, to undo a change that could not be stored.
    pub fn put_back(&mut self, room: &RoomJid, occupant: &str, records: Vec<NodeRecord>) {
        let Some(room) = self.rooms.get_mut(room) else { return };
        if let Some(id) = room.find(occupant).map(ServiceId::Occupant) {
            let (held, ledger) = (room.held.clone(), &mut self.limits.ledger);
            let owner = room.account_of(id).map(|account| ledger.account(account));
            let mut holders = Holders { room: &held, owner, ledger };
            let service = Service::restore(id, records, &mut holders, &self.options);
            room.replace(id, service);
        }
    }
}
