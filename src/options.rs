//! What an admin can set: limits, defaults, and nodes kept apart. Every list, cache and payload that a client can
//! grow has its bound here. What each option is called, and what it may be, is in [`crate::settings`].

use std::collections::{HashMap, HashSet};

use crate::facts::Publishers;
use crate::id::{NodeName, ServiceId};
use crate::xml::choice::choice;
use crate::xml::form::Form;

/// The module's options, as they are until the server's configuration is loaded anew.
#[derive(Debug, Clone)]
pub struct Options {
    /// Octets that a payload may have.
    pub max_payload_size: usize,
    /// Levels that a stanza may have.
    pub max_payload_depth: usize,
    /// Elements, attributes and texts that a stanza may have.
    pub max_payload_parts: usize,
    /// Items that a node may be configured to keep; also what `max` means. XEP-0163 wants at least 256 to be had.
    pub max_items: u32,
    /// Nodes that an occupant may have.
    pub max_nodes: usize,
    /// Nodes that a room may have.
    pub max_room_nodes: usize,
    /// Explicit subscriptions that one subscriber may have in a room.
    pub max_subscriptions: usize,
    /// Explicit subscriptions that one address may have, of all its subscribers.
    pub max_subscribers: usize,
    /// People whom a node's owner may name.
    pub max_affiliations: usize,
    /// Octets that a node's name or an item's id may have.
    pub max_name: usize,
    /// Publishes that an occupant may send at once.
    pub publish_burst: u32,
    /// Publishes a second that an occupant may go on with.
    pub publish_rate: u32,
    /// Last items that one session is sent when it comes in; the newest go first.
    pub max_last_items: usize,
    /// Octets of them.
    pub max_last_items_size: usize,
    /// Last items that are sent in one go; the server does other things before the next. At least one.
    pub last_items_batch: usize,
    /// Verified sets of capabilities that are kept.
    pub caps_cache_size: usize,
    /// Features of one answer that are looked at.
    pub caps_max_features: usize,
    /// Milliseconds that a session is given to answer for its capabilities.
    pub caps_timeout: u64,
    /// The type of notifications where a node's configuration names none.
    pub notification_type: NotificationType,
    /// Nodes that clients take for an account's or a room's identity: no occupant may publish there.
    pub reserved_nodes: HashSet<String>,
    /// Nodes whose events an occupant's `+notify` never selects: only those who subscribe are told.
    pub subscription_only: HashSet<String>,
    /// Node names to the fields of their configuration that nobody changes.
    pub forced: HashMap<String, Form>,
    /// Octets of items that a reply may have; what is over is left for the next page.
    pub max_reply_size: usize,
    /// Whether the server's log has a reader for [`crate::effect::Effect::Explain`].
    pub explains: bool,
    /// What the server's part does by itself.
    pub glue: Glue,
}

/// The options that the server's part acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glue {
    /// Who publishes as a room whose own configuration does not say.
    pub room_publishers: Publishers,
    /// Whether one stanza is sent to many.
    pub share_stanzas: bool,
    /// Whether what occupants publish under a registered nick outlives their stay.
    pub keep_registered: bool,
    /// Registered nicks of a room for which that is so.
    pub max_registered: usize,
    /// Octets that are kept for one of them.
    pub max_registered_size: usize,
}

impl Options {
    /// Octets that the name of a node has at most.
    pub(crate) const MAX_NAME: usize = 1023;

    /// Whether the interest that a client's capabilities name (`+notify`) selects a node of `service`. Clients send
    /// the same capabilities to a room as to their contacts, so what is meant for one side may be kept from the other.
    pub fn selects(&self, service: ServiceId, node: &NodeName) -> bool {
        service == ServiceId::Room || !self.subscription_only.contains(node.as_str())
    }
}

choice! {
    /// The `type` of notifications; `groupchat` is what the prototype of 2012 sent.
    NotificationType {
        /// A message that no client stores.
        Headline = "headline",
        /// An ordinary message.
        Normal = "normal",
        /// A message of the room.
        Groupchat = "groupchat",
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_payload_size: 64 * 1024,
            max_payload_depth: 64,
            max_payload_parts: 10_000,
            max_items: 256,
            max_nodes: 32,
            max_room_nodes: 256,
            max_subscriptions: 256,
            max_subscribers: 10_000,
            max_affiliations: 1000,
            max_name: Self::MAX_NAME,
            publish_burst: 250,
            publish_rate: 10,
            max_last_items: 1000,
            max_last_items_size: 4 * 1024 * 1024,
            last_items_batch: 25,
            caps_cache_size: 10_000,
            caps_max_features: 2000,
            caps_timeout: 10_000,
            notification_type: NotificationType::Headline,
            reserved_nodes: RESERVED.iter().map(|&node| node.to_owned()).collect(),
            subscription_only: HashSet::new(),
            forced: HashMap::new(),
            max_reply_size: 384 * 1024,
            explains: false,
            glue: Glue::default(),
        }
    }
}

impl Default for Glue {
    fn default() -> Self {
        Self {
            room_publishers: Publishers::Admins,
            share_stanzas: true,
            keep_registered: false,
            max_registered: 1000,
            max_registered_size: 256 * 1024,
        }
    }
}

/// Nodes that are about an account wherever they come from: Converse.js would rename the room after a `nick`
/// event from it, Movim change its picture.
const RESERVED: [&str; 13] = [
    "http://jabber.org/protocol/nick",
    "urn:xmpp:avatar:data",
    "urn:xmpp:avatar:metadata",
    "urn:xmpp:vcard4",
    "urn:ietf:params:xml:ns:vcard-4.0",
    "eu.siacs.conversations.axolotl.devicelist",
    "urn:xmpp:omemo:1:devices",
    "urn:xmpp:omemo:2:devices",
    "urn:xmpp:omemo:2:bundles",
    "urn:xmpp:bookmarks:1",
    "storage:bookmarks",
    "urn:xmpp:mds:displayed:0",
    "urn:xmpp:openpgp:0:public-keys",
];
