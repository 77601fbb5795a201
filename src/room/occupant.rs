//! Occupants of a room.

use crate::facts::OccupantInfo;
use crate::id::SessionId;
use crate::pubsub::service::Service;

/// An occupant of a room, with one nick and one or more sessions.
#[derive(Debug)]
pub struct Occupant {
    /// The server's latest facts.
    pub info: OccupantInfo,
    /// The sessions, in the order of joining.
    pub sessions: Vec<SessionId>,
    /// The occupant's nodes.
    pub service: Service,
}

impl Occupant {
    pub(crate) fn new(info: OccupantInfo) -> Self {
        Self { info, sessions: Vec::with_capacity(1), service: Service::default() }
    }
}
