//! What a call asks the server to do. Values, carried out in order by the glue.

use minidom::Element;

use crate::id::NodeName;
use crate::jid::{RoomJid, SessionJid};
use crate::pubsub::snapshot::Change;
use crate::stanza::message::Message;

/// One thing to do. A call's effects come in the order in which they must happen: the reply, then the
/// notifications.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Keep this of a room's own nodes, where the room is one that is kept. Comes before all that tells of it: where
    /// it fails, nothing of what follows is to be told, and only questions go on.
    Keep {
        /// The room.
        room: RoomJid,
        /// The node's name.
        node: NodeName,
        /// What became of it.
        change: Change,
    },
    /// Answer the request that the call was made for.
    Reply(Element),
    /// Send this question, which is addressed already. It tells nothing of what the call has changed, so it goes out
    /// though that could not be kept.
    Send(Element),
    /// Send this message to each of these, in this order; it is the same for all but for its `to`.
    Notify {
        /// The message, without a `to`.
        message: Message,
        /// The recipients, each once.
        to: Vec<SessionJid>,
    },
    /// Write this into the log, at `debug`: whom an event is not told to, and why.
    Explain(String),
    /// What is known of capabilities has changed: some time soon, keep what [`crate::host::Host::learned`] says.
    Learned,
}
