//! The numbers of what a host has and did: for metrics, and for an admin at the shell.

use super::Host;
use crate::activity::Activity;
use crate::caps::Counters;

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
}
