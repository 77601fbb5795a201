//! Names that are not free, each with its reason. `docs/protocol.md` has the same table.

/// Nodes that clients read as the identity of an account or a room, whatever address an event comes from. A room may
/// publish them, as its own; no occupant may. They are nothing without their payload.
pub(super) const IDENTITY: &[&str] = &[
    "http://jabber.org/protocol/nick",  // Converse.js would rename the room
    "urn:xmpp:avatar:data",             // Movim would change the room's picture
    "urn:xmpp:avatar:metadata",         // the same
    "urn:xmpp:movim-banner:0",          // Movim would change the room's banner
    "urn:xmpp:vcard4",                  // the room's card would be an occupant's
    "urn:ietf:params:xml:ns:vcard-4.0", // the same
];

/// Nodes that are an account's alone. Clients take them without a look at the sender, so they are neither an
/// occupant's nor a room's.
pub(super) const ACCOUNT: &[&str] = &[
    "eu.siacs.conversations.axolotl.*", // OMEMO: devices and keys of others
    "urn:xmpp:omemo:*",                 // the same
    "urn:xmpp:openpgp:0:*",             // keys, also the secret one
    "urn:xmpp:bookmarks:*",             // clients would join rooms that others name
    "storage:*",                        // XEP-0049 in PEP: bookmarks, notes, metacontacts
    "urn:xmpp:mds:displayed:*",         // conversations would count as read
    "urn:xmpp:blocking",                // others would say who is blocked
    "urn:xmpp:pubsub:subscription",     // others would say what is followed
];

/// Nodes that others answer for by service discovery: such a name is no MEP node's, and nothing is asked of one that
/// exists anyway.
const DISCO: &[&str] = &[
    "x-roomuser-item",                     // mod_muc: the reserved nick (XEP-0045, 7.12)
    "http://jabber.org/protocol/muc#*",    // rooms and clients: #rooms, #traffic (XEP-0045)
    "http://jabber.org/protocol/commands", // ad-hoc commands (XEP-0050)
    "http://jabber.org/protocol/admin#*",  // commands for admins (XEP-0133)
    "http://jabber.org/protocol/rc*",      // commands of clients (XEP-0146)
    "http://jabber.org/protocol/amp*",     // delivery rules (XEP-0079)
    "http://jabber.org/protocol/offline",  // messages that wait (XEP-0013)
    "http://jabber.org/protocol/pubsub",   // the list of the nodes that the asker may read
    "urn:xmpp:caps#*",                     // what a hash stands for (XEP-0390)
];

/// Returns whether others answer for a disco node of this name.
pub(super) fn is_disco(node: &str) -> bool {
    DISCO.iter().any(|entry| match entry.strip_suffix('*') {
        Some(beginning) => node.starts_with(beginning),
        None => node == *entry,
    })
}
