//! What can be wrong with a request: one variant for each broken rule, and the one table that says what a client
//! is told of it.

use minidom::Element;
use thiserror::Error;

/// A request that was refused. Whatever the variant, the request has changed nothing.
///
/// The text goes to the client: it names nodes and fields that the client itself named, never a JID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is none that XEP-0060 has a form for.
    #[error("{0}")]
    Malformed(&'static str),
    /// The request is one of XEP-0060's that this service does not have; the feature's name goes along.
    #[error("this service does not do that")]
    Unsupported(&'static str),
    /// The request must name a node (XEP-0060, 7.2.3.3 and others).
    #[error("the request names no node")]
    NodeRequired,
    /// There is no such node here, or none that the asker may know of.
    #[error("there is no such node")]
    NodeNotFound,
    /// A node of this name is there already (XEP-0060, 8.1.1).
    #[error("there is such a node already")]
    NodeExists,
    /// A node name is longer than the limit.
    #[error("the name is too long")]
    NameTooLong,
    /// The node's name is one that clients take for somebody's identity; occupants may not publish there.
    #[error("clients take this node for the account's own; it can't be used in a room")]
    NodeReserved,
    /// The address holds as many nodes as it may.
    #[error("there are as many nodes here as may be")]
    TooManyNodes,
    /// A publish to a node that keeps items must have one (XEP-0060, 7.1.3.5).
    #[error("the request has no item")]
    ItemRequired,
    /// A publish to a node that only notifies must have no item (XEP-0060, 7.1.3.5).
    #[error("this node takes no items")]
    ItemForbidden,
    /// There is no such item.
    #[error("there is no such item")]
    ItemNotFound,
    /// An item without a payload, where the node delivers payloads (XEP-0060, 7.1.3.5).
    #[error("the item has no payload")]
    PayloadRequired,
    /// An item with more than one payload, or with text beside it (XEP-0060, 7.1.3.4).
    #[error("an item holds one element and nothing else")]
    InvalidPayload,
    /// A payload over the limit in octets (XEP-0060, 7.1.3.3).
    #[error("the payload is larger than {0} octets")]
    PayloadTooBig(usize),
    /// A stanza that is nested deeper, or made of more parts, than is walked.
    #[error("the payload has too many levels or parts")]
    PayloadTooComplex,
    /// The asker may not do that here.
    #[error("you may not do that here")]
    Forbidden,
    /// The asker is in the room without voice (XEP-0045, 7.9): no voice, no publishing.
    #[error("you have no voice in this room")]
    NoVoice,
    /// The node is for those in the room, and the asker is not (access model `presence`).
    #[error("you are not in the room")]
    NotInRoom,
    /// The node is for those whom its owner named (access model `whitelist`).
    #[error("the node is not open to you")]
    ClosedNode,
    /// The access model is none of those that are had here.
    #[error("this access model is not had here")]
    UnsupportedAccessModel,
    /// A JID in the payload is not the asker's own: full, bare or in the room (XEP-0060, 6.1.3.1).
    #[error("the JID is none of yours")]
    InvalidJid,
    /// The request must say whose subscription it means.
    #[error("the request has no JID")]
    JidRequired,
    /// An entry of an owner's list that can't be as it says (XEP-0060, 8.8.2.4 and 8.9.2.4); with the entries as they
    /// are, of which none was changed.
    #[error("an entry of the list names nobody who can be named, or says what can't be")]
    Unacceptable(Box<Element>),
    /// An affiliation that this node does not have.
    #[error("this node does not have that affiliation")]
    UnsupportedAffiliation(&'static str),
    /// As many people are named as may be.
    #[error("there are as many affiliations here as may be")]
    TooManyAffiliations,
    /// The node is full and takes no more (`publish_node_full` is `reject`; XEP-0060, 7.1.3.2).
    #[error("the node is full")]
    NodeFull,
    /// There is no such subscription (XEP-0060, 6.2.3.2).
    #[error("you are not subscribed")]
    NotSubscribed,
    /// Subscriptions have no identifiers here, so none can be right (XEP-0060, 6.2.3.5).
    #[error("there is no such subscription")]
    InvalidSubid,
    /// There are as many subscriptions as may be.
    #[error("there are as many subscriptions here as may be")]
    TooManySubscriptions,
    /// A form with a field or a value that is not known; nothing of it was taken over.
    #[error("the form's field {0} is not known, or its value is not")]
    InvalidField(String),
    /// A publish-option that the node does not meet (XEP-0060, 7.1.5).
    #[error("the node's {0} is another")]
    PreconditionNotMet(String),
    /// More publishes, for now, than the limit lets pass.
    #[error("too many at once; wait a little")]
    TooFast,
    /// The change could not be stored, or would not be, as storage failed a moment ago.
    #[error("the server could not store this; try again later")]
    NotStored,
    /// What is stored here can't be read now, so nothing is told of it, and nothing written over it.
    #[error("the server could not load what is stored here; try again later")]
    NotLoaded,
}

impl Error {
    /// The condition of the stanza error (RFC 6120, 8.3.3).
    pub fn condition(&self) -> &'static str {
        self.rule().condition
    }

    /// The table: error type, condition, and the condition that XEP-0060 adds.
    pub(crate) fn rule(&self) -> Rule {
        use Pubsub::{Condition, Feature, None};
        let (kind, condition, pubsub) = match self {
            Self::Malformed(_) => ("modify", "bad-request", None),
            Self::Unsupported(feature) | Self::UnsupportedAffiliation(feature) => {
                ("cancel", "feature-not-implemented", Feature(feature))
            }
            Self::NameTooLong | Self::Unacceptable(_) => ("modify", "not-acceptable", None),
            Self::TooManyAffiliations => ("wait", "policy-violation", None),
            Self::NodeFull => ("cancel", "conflict", Condition("node-full")),
            Self::NodeRequired => ("modify", "bad-request", Condition("nodeid-required")),
            Self::NodeNotFound | Self::ItemNotFound => ("cancel", "item-not-found", None),
            Self::NodeExists => ("cancel", "conflict", None),
            Self::NodeReserved => ("cancel", "not-allowed", None),
            Self::TooManyNodes => ("cancel", "conflict", Condition("max-nodes-exceeded")),
            Self::ItemRequired => ("modify", "bad-request", Condition("item-required")),
            Self::ItemForbidden => ("modify", "bad-request", Condition("item-forbidden")),
            Self::PayloadRequired => ("modify", "bad-request", Condition("payload-required")),
            Self::InvalidPayload => ("modify", "bad-request", Condition("invalid-payload")),
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
            Self::TooFast => ("wait", "resource-constraint", None),
            Self::NotStored | Self::NotLoaded => ("wait", "internal-server-error", None),
        };
        Rule { kind, condition, pubsub }
    }
}

/// A line of the table.
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
