//! Occupants and their sessions: who is in a room.

use crate::facts::OccupantInfo;
use crate::id::SessionId;
use crate::pubsub::service::Service;
use crate::room::rate_limit::RateLimit;

/// Somebody in a room, at one nick, with one client or several.
#[derive(Debug)]
pub struct Occupant {
    /// What the server said last.
    pub info: OccupantInfo,
    /// The clients, in the order of their coming.
    pub sessions: Vec<SessionId>,
    /// What the occupant has published.
    pub service: Service,
    /// How much may be published now.
    pub rate_limit: RateLimit,
}

impl Occupant {
    pub(crate) fn new(info: OccupantInfo) -> Self {
        Self {
            info,
            sessions: Vec::with_capacity(1),
            service: Service::default(),
            rate_limit: RateLimit::default(),
        }
    }
}
