//! Occupants and their sessions: who is in a room.

use crate::facts::Presence;
use crate::id::SessionId;
use crate::pubsub::service::Service;
use crate::room::rate_limit::Allowance;

/// Somebody in a room, at one nick, with one client or several.
#[derive(Debug)]
pub struct Occupant {
    /// What the server said last.
    pub presence: Presence,
    /// The clients, in the order of their coming.
    pub sessions: Vec<SessionId>,
    /// What the occupant has published.
    pub service: Service,
    /// How much may be published now.
    pub allowance: Allowance,
}

impl Occupant {
    pub(crate) fn new(presence: Presence) -> Self {
        Self {
            presence,
            sessions: Vec::with_capacity(1),
            service: Service::default(),
            allowance: Allowance::default(),
        }
    }
}
