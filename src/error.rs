//! What can be wrong with a request: one variant for each broken rule, and the one table of the stanza errors
//! that clients get.

use minidom::Element;
use thiserror::Error;

/// Why a request was refused. A refused request has changed nothing.
///
/// The text goes to the client. It may repeat nodes and fields that the client itself named, but never a JID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The request does not have the form of any request of XEP-0060.
    #[error("{0}")]
    Malformed(&'static str),
    /// XEP-0060 has this request, but this service does not support it; with the feature's name.
    #[error("this service does not support that")]
    Unsupported(&'static str),
    /// The request must name a node (XEP-0060, 7.2.3.3 and others).
    #[error("the request names no node")]
    NodeRequired,
    /// The node does not exist, or its existence is hidden from the sender.
    #[error("no such node")]
    NodeNotFound,
    /// A node of this name exists already (XEP-0060, 8.1.1).
    #[error("the node already exists")]
    NodeExists,
    /// The name of a node or the id of an item is longer than the limit.
    #[error("the node's name or the item's id is too long")]
    NameTooLong,
    /// The node's name is reserved: clients read such a node as an account's or the room's own, or others answer for it.
    #[error("this node's name is reserved: it means something else to clients")]
    NodeReserved,
    /// The service has as many nodes as its limit allows.
    #[error("node limit reached")]
    TooManyNodes,
    /// A publish to a node that stores items must have one (XEP-0060, 7.1.3.5).
    #[error("the request has no item")]
    ItemRequired,
    /// A publish to a node that only notifies must have no item (XEP-0060, 7.1.3.5).
    #[error("this node accepts no items")]
    ItemForbidden,
    /// The node has no such item.
    #[error("no such item")]
    ItemNotFound,
    /// An item without a payload, where the node delivers payloads (XEP-0060, 7.1.3.5).
    #[error("the item has no payload")]
    PayloadRequired,
    /// An item with more than one payload, or with text beside it (XEP-0060, 7.1.3.4).
    #[error("an item must hold one element and nothing else")]
    InvalidPayload,
    /// A payload with a namespace or a name that XML reserves: no client could read the event.
    #[error("the payload has a namespace or a name that XML reserves")]
    IllegalPayload,
    /// A payload of more octets than the limit (XEP-0060, 7.1.3.3).
    #[error("the payload is larger than {0} octets")]
    PayloadTooBig(usize),
    /// A stanza that is nested more deeply, or has more parts, than the limits allow.
    #[error("the payload is nested too deeply or has too many parts")]
    PayloadTooComplex,
    /// The sender has no right to do that.
    #[error("you are not allowed to do that")]
    Forbidden,
    /// The sender has no voice in the room (XEP-0045, 7.9), and publishing requires voice.
    #[error("you have no voice in this room")]
    NoVoice,
    /// The access model is `presence`, and the sender is not in the room.
    #[error("you are not in the room")]
    NotInRoom,
    /// The access model is `whitelist`, and the sender is not on the whitelist.
    #[error("you are not on the node's whitelist")]
    ClosedNode,
    /// Clients know the node with a payload only, so it has to deliver payloads.
    #[error("pubsub#deliver_payloads must be 1: clients know this node with a payload only")]
    PayloadsNeeded,
    /// The service does not support this access model.
    #[error("unsupported access model")]
    UnsupportedAccessModel,
    /// The request names a JID that is not the sender's own full, bare or occupant JID (XEP-0060, 6.1.3.1).
    #[error("not one of your own JIDs")]
    InvalidJid,
    /// The request must name the subscriber's JID.
    #[error("the request has no JID")]
    JidRequired,
    /// An entry of an owner's list has a JID or a value that is not acceptable (XEP-0060, 8.8.2.4 and 8.9.2.4); with
    /// the entries in question as they are: none was changed.
    #[error("the list has an unknown JID or an unsupported value")]
    Unacceptable(Box<Element>),
    /// The node does not support this affiliation.
    #[error("this node does not support that affiliation")]
    UnsupportedAffiliation(&'static str),
    /// The node has as many affiliations as its limit allows.
    #[error("affiliation limit reached")]
    TooManyAffiliations,
    /// The node is full and rejects new items (`publish_node_full` is `reject`; XEP-0060, 7.1.3.2).
    #[error("the node is full")]
    NodeFull,
    /// The JID is not subscribed (XEP-0060, 6.2.3.2).
    #[error("you are not subscribed")]
    NotSubscribed,
    /// The request names a subscription's id, and subscriptions have no ids here (XEP-0060, 6.2.3.5).
    #[error("no such subscription")]
    InvalidSubid,
    /// The subscriber or the service has as many subscriptions as its limit allows.
    #[error("subscription limit reached")]
    TooManySubscriptions,
    /// The form has an unknown field or an invalid value; the whole form was refused.
    #[error("{0} is not a known field, or its value is invalid")]
    InvalidField(String),
    /// The node's configuration differs from a publish-option (XEP-0060, 7.1.5).
    #[error("{0} has a different value")]
    PreconditionNotMet(String),
    /// An occupant, an account, a room or the whole host would hold more than it may.
    #[error("{0}")]
    Full(Scope),
    /// The sender is over the rate limit.
    #[error("rate limit reached; try again in a moment")]
    TooFast,
    /// The sender has been sent as much as an account may be sent at once.
    #[error("you have asked for too much; try again in a moment")]
    TooMuch,
    /// The change could not be stored, or was not tried, as storage failed a moment ago.
    #[error("the server could not store this; try again later")]
    NotStored,
    /// What is stored here could not be loaded, so the request is neither answered from it nor written over it.
    #[error("the server could not load what is stored here; try again later")]
    NotLoaded,
}

/// What has a limit on what is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Scope {
    /// The nodes of an occupant.
    #[error("an occupant can't hold more in this room; retract something first")]
    Occupant,
    /// What an account holds in all rooms.
    #[error("your account can't hold more in the rooms of this server; retract something first")]
    Account,
    /// The nodes of a room, and its occupants'.
    #[error("this room and its occupants can't hold more")]
    Room,
    /// All rooms.
    #[error("the rooms of this server can't hold more")]
    Host,
}

impl Error {
    /// Returns the condition of the stanza error (RFC 6120, 8.3.3).
    pub fn condition(&self) -> &'static str {
        self.rule().condition
    }

    /// The table: type, condition, and the condition that XEP-0060 adds.
    pub(crate) fn rule(&self) -> Rule {
        use Pubsub::{Condition, Feature, None};
        let (kind, condition, pubsub) = match self {
            Self::Malformed(_) => ("modify", "bad-request", None),
            Self::Unsupported(feature) | Self::UnsupportedAffiliation(feature) => {
                ("cancel", "feature-not-implemented", Feature(feature))
            }
            Self::NameTooLong | Self::Unacceptable(_) | Self::PayloadsNeeded => {
                ("modify", "not-acceptable", None)
            }
            Self::TooManyAffiliations | Self::Full(Scope::Occupant | Scope::Account) => {
                ("wait", "policy-violation", None)
            }
            Self::NodeFull => ("cancel", "conflict", Condition("node-full")),
            Self::NodeRequired => ("modify", "bad-request", Condition("nodeid-required")),
            Self::NodeNotFound | Self::ItemNotFound => ("cancel", "item-not-found", None),
            Self::NodeExists => ("cancel", "conflict", None),
            Self::NodeReserved => ("cancel", "not-allowed", None),
            Self::TooManyNodes => ("cancel", "conflict", Condition("max-nodes-exceeded")),
            Self::ItemRequired => ("modify", "bad-request", Condition("item-required")),
            Self::ItemForbidden => ("modify", "bad-request", Condition("item-forbidden")),
            Self::PayloadRequired => ("modify", "bad-request", Condition("payload-required")),
            Self::InvalidPayload | Self::IllegalPayload => {
                ("modify", "bad-request", Condition("invalid-payload"))
            }
            Self::PayloadTooBig(_) | Self::PayloadTooComplex => {
                ("modify", "not-acceptable", Condition("payload-too-big"))
            }
            Self::Forbidden | Self::NoVoice => ("auth", "forbidden", None),
            Self::NotInRoom => ("auth", "not-authorized", Condition("presence-subscription-required")),
            Self::ClosedNode => ("cancel", "not-allowed", Condition("closed-node")),
            Self::UnsupportedAccessModel => {
                ("modify", "not-acceptable", Condition("unsupported-access-model"))
            }
            Self::InvalidJid => ("modify", "bad-request", Condition("invalid-jid")),
            Self::JidRequired => ("modify", "bad-request", Condition("jid-required")),
            Self::NotSubscribed => ("cancel", "unexpected-request", Condition("not-subscribed")),
            Self::InvalidSubid => ("modify", "not-acceptable", Condition("invalid-subid")),
            Self::TooManySubscriptions => ("wait", "policy-violation", Condition("too-many-subscriptions")),
            Self::InvalidField(_) => ("modify", "bad-request", Condition("invalid-options")),
            Self::PreconditionNotMet(_) => ("cancel", "conflict", Condition("precondition-not-met")),
            Self::TooFast | Self::TooMuch | Self::Full(Scope::Room | Scope::Host) => {
                ("wait", "resource-constraint", None)
            }
            Self::NotStored | Self::NotLoaded => ("wait", "internal-server-error", None),
        };
        Rule { kind, condition, pubsub }
    }
}

/// A row of the table.
pub(crate) struct Rule {
    /// The type of the error (RFC 6120, 8.3.2).
    pub kind: &'static str,
    /// The condition (RFC 6120, 8.3.3).
    pub condition: &'static str,
    /// What XEP-0060 adds.
    pub pubsub: Pubsub,
}

/// The condition that XEP-0060 adds to an error.
pub(crate) enum Pubsub {
    None,
    Condition(&'static str),
    /// `<unsupported/>` with the feature's name.
    Feature(&'static str),
}
