//! The numbers of what a host has and did: for metrics, and for an admin at the shell.

use super::Host;
use crate::activity::Activity;
use crate::caps::Counters;
use crate::id::{NodeName, ServiceId};
use crate::jid::RoomJid;
use crate::pubsub::service::Service;
use crate::room::Room;
use crate::room::explain::WhyNot;
use crate::room::session::Session;

/// The numbers of what a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rooms with data.
    pub rooms: usize,
    /// Occupants.
    pub occupants: usize,
    /// Sessions.
    pub sessions: usize,
    /// Nodes, of rooms and occupants.
    pub nodes: usize,
    /// Explicit subscriptions.
    pub subscriptions: usize,
    /// Octets that nodes and items hold.
    pub held: usize,
    /// Verified sets of capabilities.
    pub known: usize,
    /// Questions in flight.
    pub asking: usize,
    /// Pending last items.
    pub pending: usize,
}

impl Host {
    /// Returns the numbers of what the host has. Walks over all rooms and nodes.
    pub fn counts(&self) -> Counts {
        let (known, asking) = self.caps.counts();
        let mut counts = Counts {
            rooms: self.rooms.len(),
            held: self.limits.ledger.host().octets(),
            known,
            asking,
            ..Counts::default()
        };
        for room in self.rooms.values() {
            counts.occupants += room.occupants.len();
            counts.sessions += room.sessions.len();
            counts.subscriptions += room.subscriptions.len();
            counts.pending += room.pending.len();
            counts.nodes +=
                room.service.len() + room.occupants.values().map(|o| o.service.len()).sum::<usize>();
        }
        counts
    }

    /// Returns the counters of capabilities.
    pub fn counters(&self) -> Counters {
        self.caps.counters()
    }

    /// Returns the counters of what the host did so far.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Returns what each room holds, for an admin: those with nodes, or with occupants who have some. Walks over all rooms
    /// and nodes.
    pub fn holdings(&self) -> Vec<Holding> {
        let of_room = |room: &Room| {
            let services =
                std::iter::once(&room.service).chain(room.occupants.values().map(|it| &it.service));
            let nodes = services.flat_map(Service::nodes).map(|(_, node)| node.items().len());
            let (nodes, items) = nodes.fold((0, 0), |(nodes, items), more| (nodes + 1, items + more));
            Holding {
                room: room.info.jid.clone(),
                occupants: room.occupants.len(),
                nodes,
                items,
                octets: room.held.octets(),
            }
        };
        self.rooms.values().map(of_room).filter(|holding| holding.nodes > 0).collect()
    }

    /// Returns the sessions in a room, and which of them are notified of events at the node of this address. `None` if
    /// there is no such node.
    pub fn audience(&self, room: &RoomJid, address: &str, node: &NodeName) -> Option<Vec<Listener>> {
        let room = self.rooms.get(room)?;
        let service = match room.find(address) {
            Some(id) => ServiceId::Occupant(id),
            None => ServiceId::Room,
        };
        let found =
            room.service(service).filter(|_| room.address(service) == address)?.node(node.as_str()).ok()?;
        let listener = |(session, why): (&Session, Option<WhyNot>)| Listener {
            occupant: room.address(ServiceId::Occupant(session.occupant)).into(),
            client: session.claim.as_ref().map_or("", |claim| claim.client()).into(),
            why_not: why.map(|why| why.to_string()),
        };
        Some(room.audience(service, node, found, &self.options).into_iter().map(listener).collect())
    }
}

/// What a room holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The room.
    pub room: RoomJid,
    /// How many occupants it has.
    pub occupants: usize,
    /// How many nodes it and they have.
    pub nodes: usize,
    /// How many items are at these.
    pub items: usize,
    /// How many octets all that takes.
    pub octets: usize,
}

/// A session in a room, and whether it is notified of events at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The occupant.
    pub occupant: Box<str>,
    /// What its capabilities say about the client.
    pub client: Box<str>,
    /// Why it is not notified.
    pub why_not: Option<String>,
}
