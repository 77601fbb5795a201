//! What an admin can set: limits, defaults, and nodes that are treated specially. Every list, cache and payload that a
//! client can grow has its limit here. The names and valid values of the options are in [`crate::settings`].

mod node_names;
mod reserved;

use indexmap::IndexMap;

pub use self::node_names::NodeNames;
use crate::facts::Publishers;
use crate::id::{NodeName, ServiceId};
use crate::xml::choice::choice;
use crate::xml::form::Form;

/// The module's options. They hold until the server's configuration is reloaded.
#[derive(Debug, Clone)]
pub struct Options {
    /// The maximum size of a payload, in octets.
    pub max_payload_size: usize,
    /// The maximum number of levels of a stanza.
    pub max_payload_depth: usize,
    /// The maximum number of elements, attributes and texts of a stanza.
    pub max_payload_parts: usize,
    /// The largest `pubsub#max_items` of a node, which is also what `max` means. XEP-0163 requires at least 256.
    pub max_items: u32,
    /// The maximum number of nodes of an occupant.
    pub max_nodes: usize,
    /// The maximum number of nodes of a room.
    pub max_room_nodes: usize,
    /// The maximum number of explicit subscriptions of one subscriber in a room.
    pub max_subscriptions: usize,
    /// The maximum number of explicit subscriptions to one service, of all subscribers.
    pub max_subscribers: usize,
    /// The maximum number of affiliations to a node.
    pub max_affiliations: usize,
    /// The maximum size of a node's name or an item's id, in octets.
    pub max_name: usize,
    /// How much may be held in memory.
    pub held: HeldLimits,
    /// Publishes that an account may send in a burst.
    pub publish_burst: u32,
    /// Publishes per second that an account may sustain.
    pub publish_rate: u32,
    /// Octets that an account is sent in replies and last items in a burst.
    pub reply_burst: u32,
    /// Octets per second that an account is sent in replies and last items.
    pub reply_rate: u32,
    /// The maximum number of last items sent to a session that joins; the newest come first.
    pub max_last_items: usize,
    /// The maximum size of these last items in all, in octets.
    pub max_last_items_size: usize,
    /// Last items sent in one batch; the server does other things between batches. At least one.
    pub last_items_batch: usize,
    /// The maximum number of verified sets of capabilities.
    pub caps_cache_size: usize,
    /// The maximum number of features of one answer.
    pub caps_max_features: usize,
    /// Milliseconds to wait for a session's answer about its capabilities.
    pub caps_timeout: u64,
    /// How many sessions whose presence has no capabilities are asked at a time; 0 asks none.
    pub ask_without_caps: usize,
    /// The default type of notifications.
    pub notification_type: NotificationType,
    /// Nodes that clients read as the identity of an account or a room: no occupant may publish there.
    pub reserved_nodes: NodeNames,
    /// Nodes that clients read as an account's own: no room may publish there.
    pub reserved_room_nodes: NodeNames,
    /// Nodes of occupants that `+notify` does not select: only explicit subscribers are notified.
    pub subscription_only: NodeNames,
    /// By node name, the configuration fields that the admin forces.
    pub forced: IndexMap<String, Form>,
    /// The nodes that every room has from the start, by name, with their configuration. They are made on first use.
    pub room_nodes: IndexMap<String, Form>,
    /// The maximum size of the items in a reply, in octets; the rest is left for the next page.
    pub max_reply_size: usize,
    /// Whether the server logs [`crate::effect::Effect::Explain`].
    pub explains: bool,
    /// Whether other modules of the server want to know of [`crate::effect::Effect::Changed`] and
    /// [`crate::effect::Effect::Interested`].
    pub observes: bool,
    /// The options that the glue acts on.
    pub glue: Glue,
}

/// How many octets nodes and items may hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLimits {
    /// Of an occupant.
    pub occupant: usize,
    /// Of an account, in all rooms.
    pub account: usize,
    /// Of a room and its occupants.
    pub room: usize,
    /// Of all rooms.
    pub host: usize,
}

/// The options that the glue acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glue {
    /// Who may publish as a room if the room's own configuration does not say.
    pub room_publishers: Publishers,
    /// Whether one stanza object is shared by all recipients.
    pub share_stanzas: bool,
    /// Whether nodes of an occupant with a registered nick are stored when the occupant leaves.
    pub keep_registered: bool,
    /// The maximum number of stored registered nicks per room.
    pub max_registered: usize,
    /// The maximum size of what is stored for one of them, in octets.
    pub max_registered_size: usize,
}

impl Options {
    /// The maximum size of a node's name in the configuration, in octets.
    pub(crate) const MAX_NAME: usize = 1023;

    /// Returns whether a client's `+notify` selects a node of `service`. Clients send the same capabilities to rooms as
    /// to their contacts, so a `+notify` that is meant for contacts can be ignored here.
    pub fn selects(&self, service: ServiceId, node: &NodeName) -> bool {
        service == ServiceId::Room || !self.subscription_only.contains(node.as_str())
    }

    /// Returns whether no node of `service` may have this name.
    pub fn is_reserved(&self, service: ServiceId, node: &NodeName) -> bool {
        let reserved = match service {
            ServiceId::Room => &self.reserved_room_nodes,
            ServiceId::Occupant(_) => &self.reserved_nodes,
        };
        is_disco_node(node.as_str()) || reserved.contains(node.as_str())
    }
}

/// Returns whether the room, its occupants' clients or other modules answer for a disco node of this name, in place of
/// a MEP node.
pub fn is_disco_node(node: &str) -> bool {
    reserved::is_disco(node)
}

/// Returns whether clients know this node with a payload only: Dino aborts on an avatar without one.
pub fn needs_payloads(node: &str) -> bool {
    reserved::IDENTITY.contains(&node)
}

choice! {
    /// The `type` of notifications; the prototype of 2012 sent `groupchat`.
    NotificationType {
        /// A message that clients don't store.
        Headline = "headline",
        /// An ordinary message.
        Normal = "normal",
        /// A groupchat message from the room.
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
            held: HeldLimits { occupant: 8 << 20, account: 32 << 20, room: 64 << 20, host: 512 << 20 },
            publish_burst: 250,
            publish_rate: 10,
            reply_burst: 16 * 1024 * 1024,
            reply_rate: 256 * 1024,
            max_last_items: 1000,
            max_last_items_size: 4 * 1024 * 1024,
            last_items_batch: 25,
            caps_cache_size: 10_000,
            caps_max_features: 2000,
            caps_timeout: 10_000,
            ask_without_caps: 0,
            notification_type: NotificationType::Headline,
            reserved_nodes: reserved::IDENTITY.iter().chain(reserved::ACCOUNT).collect(),
            reserved_room_nodes: reserved::ACCOUNT.iter().collect(),
            subscription_only: NodeNames::default(),
            forced: IndexMap::new(),
            room_nodes: IndexMap::new(),
            max_reply_size: 384 * 1024,
            explains: false,
            observes: false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OccupantId;

    #[test]
    fn names_are_reserved_for_those_who_would_be_misunderstood() {
        let options = Options::default();
        let is_reserved = |node: &str| {
            [ServiceId::Room, ServiceId::Occupant(OccupantId(1))]
                .map(|service| options.is_reserved(service, &node.into()))
        };
        for (nodes, reserved) in [
            (&["http://jabber.org/protocol/mood", "urn:x", "storage", "urn:xmpp:caps"][..], [false, false]),
            (&["urn:xmpp:avatar:metadata", "urn:xmpp:vcard4", "urn:xmpp:movim-banner:0"], [false, true]),
            (&["urn:xmpp:bookmarks:1", "storage:bookmarks", "urn:xmpp:mds:displayed:0"], [true, true]),
            (&["eu.siacs.conversations.axolotl.devicelist", "urn:xmpp:omemo:2:devices"], [true, true]),
            (&["eu.siacs.conversations.axolotl.bundles:31415", "urn:xmpp:blocking"], [true, true]),
            (&["x-roomuser-item", "http://jabber.org/protocol/muc#rooms"], [true, true]),
            (&["http://jabber.org/protocol/commands", "http://jabber.org/protocol/rc"], [true, true]),
        ] {
            for node in nodes {
                assert_eq!(is_reserved(node), reserved, "{node}");
            }
        }
        let none = NodeNames::default();
        let open = Options { reserved_nodes: none.clone(), reserved_room_nodes: none, ..options };
        assert!(open.is_reserved(ServiceId::Room, &"x-roomuser-item".into()), "whatever an admin says");
    }
}
