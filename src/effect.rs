//! What a call asks the server to do: values that the glue carries out in order.

use minidom::Element;

use crate::id::{ItemId, NodeName};
use crate::jid::{OccupantJid, RoomJid, SessionJid};
use crate::pubsub::snapshot::{Change, NodeRecord};
use crate::stanza::rendered::Rendered;
use crate::xml::payload::Payload;

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
    /// Store this message in the room's archive, which gives it an id: what follows with the same message id carries that
    /// as `<stanza-id/>` (XEP-0359).
    Archive {
        /// The room.
        room: RoomJid,
        /// The message, without a `to`.
        message: Rendered,
    },
    /// Send this message to each of these sessions, in this order; only its `to` differs.
    Notify {
        /// The message, without a `to`.
        message: Rendered,
        /// The recipients, each once.
        to: Vec<SessionJid>,
    },
    /// Let the server's other modules know that the message before this one is about new items, and may wait for these
    /// accounts, which are not in the room: a push tells their devices.
    Absent {
        /// The room.
        room: RoomJid,
        /// The accounts, each once.
        accounts: Vec<SessionJid>,
    },
    /// Log this at `debug`: which sessions are not notified of an event, and why.
    Explain(String),
    /// Let the server's other modules know of this change. Only if
    /// [`Options::observes`](crate::options::Options::observes) is set, or it is one of a room's face ([`crate::face`]).
    Changed(NodeChange),
    /// Let them know that a session wants the events of other nodes than before. Only if that is set.
    Interested(InterestChange),
    /// Known capabilities have changed: store what [`crate::host::Host::learned`] returns, some time soon.
    Learned,
}

impl Effect {
    /// Returns whether this is carried out even if a change of the same call could not be stored: it tells no one of it.
    pub fn is_always(&self) -> bool {
        match self {
            Self::Send(_) | Self::Interested(_) | Self::Learned => true,
            Self::Keep { .. }
            | Self::KeepOccupant { .. }
            | Self::Reply(_)
            | Self::ReplyRendered { .. }
            | Self::Archive { .. }
            | Self::Absent { .. }
            | Self::Notify { .. }
            | Self::Changed(_)
            | Self::Explain(_) => false,
        }
    }
}

/// A change of a node by a request, whoever is notified of it. What ends with an occupant's stay, or expires, is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeChange {
    /// The room.
    pub room: RoomJid,
    /// The address of the node: the room's, or an occupant's.
    pub address: Box<str>,
    /// The node.
    pub node: NodeName,
    /// What happened to it.
    pub what: WhatChanged,
}

/// What happened to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatChanged {
    /// It was created.
    Created,
    /// It has another configuration.
    Configured,
    /// An item was published, with this payload; none at a node without items.
    Published(Option<ItemId>, Option<Payload>),
    /// These items were retracted.
    Retracted(Vec<ItemId>),
    /// All items were removed.
    Purged,
    /// It was deleted.
    Deleted,
}

impl WhatChanged {
    /// Returns the word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Published(..) => "published",
            Self::Retracted(_) => "retracted",
            Self::Purged => "purged",
            Self::Deleted => "deleted",
        }
    }
}

/// A change of what a session wants to be notified of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterestChange {
    /// The room.
    pub room: RoomJid,
    /// The occupant.
    pub occupant: OccupantJid,
    /// The session.
    pub session: SessionJid,
    /// The nodes whose events it wants now.
    pub gained: Vec<NodeName>,
    /// The nodes whose events it doesn't want any more.
    pub lost: Vec<NodeName>,
}
