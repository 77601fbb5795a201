//! What a call asks the server to do: values that the glue carries out in order.

use minidom::Element;

use crate::id::NodeName;
use crate::jid::{OccupantJid, RoomJid, SessionJid};
use crate::pubsub::snapshot::{Change, NodeRecord};
use crate::stanza::rendered::Rendered;

/// One thing to do. A call returns its effects in the order in which they must happen: the reply, then the
/// notifications.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Store this change of a node of a persistent room. Comes before the reply and the notifications: if storing
    /// fails, none of those is sent, and of the rest only what [`Effect::is_always`] is true for is carried out.
    Keep {
        /// The room.
        room: RoomJid,
        /// The node's name.
        node: NodeName,
        /// What changed.
        change: Change,
    },
    /// Store these nodes of an occupant with a registered nick, in place of what is stored. If that fails, the rest is
    /// treated as with [`Effect::Keep`], and [`Host::put_back`](crate::host::Host::put_back) undoes the change.
    KeepOccupant {
        /// The room.
        room: RoomJid,
        /// The occupant.
        occupant: OccupantJid,
        /// All of its nodes, oldest first.
        nodes: Vec<NodeRecord>,
    },
    /// Answer the request that the call was made for.
    Reply(Element),
    /// Answer it with items or a list, which may be long: this result, sent to `to`.
    ReplyRendered {
        /// The result, without a `to`.
        result: Rendered,
        /// Who sent the request, if that has a `from`.
        to: String,
    },
    /// Send this question, which is already addressed.
    Send(Element),
    /// Send this message to each of these sessions, in this order; only its `to` differs.
    Notify {
        /// The message, without a `to`.
        message: Rendered,
        /// The recipients, each once.
        to: Vec<SessionJid>,
    },
    /// Log this at `debug`: which sessions are not notified of an event, and why.
    Explain(String),
    /// Known capabilities have changed: store what [`crate::host::Host::learned`] returns, some time soon.
    Learned,
}

impl Effect {
    /// Returns whether this is carried out even if a change of the same call could not be stored: it tells no one of it.
    pub fn is_always(&self) -> bool {
        match self {
            Self::Send(_) | Self::Learned => true,
            Self::Keep { .. }
            | Self::KeepOccupant { .. }
            | Self::Reply(_)
            | Self::ReplyRendered { .. }
            | Self::Notify { .. }
            | Self::Explain(_) => false,
        }
    }
}
