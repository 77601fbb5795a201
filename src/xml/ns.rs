//! XML namespaces.

/// Stanzas: RFC 6120 and 6121. Prosody leaves this one out of its stanza tables.
pub const CLIENT: &str = "jabber:client";
/// Stanza error conditions: RFC 6120, 8.3.
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// Requests that are not only an owner's: XEP-0060.
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// Requests of a node's owner: XEP-0060, 8.
pub const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// Notifications: XEP-0060.
pub const EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// Pubsub conditions inside stanza errors: XEP-0060.
pub const ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// `FORM_TYPE` of a node's configuration: XEP-0060, 16.4.4.
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// `FORM_TYPE` of a node's meta-data: XEP-0060, 16.4.3.
pub const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
/// `FORM_TYPE` of the preconditions of a publish: XEP-0060, 7.1.5.
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// `FORM_TYPE` of a subscription's options: XEP-0060, 16.4.2.
pub const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";
/// Service discovery of identities and features: XEP-0030.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Service discovery of nodes and items: XEP-0030.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Data forms: XEP-0004.
pub const DATA: &str = "jabber:x:data";
/// Entity capabilities in presence: XEP-0115.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// Entity capabilities in presence: XEP-0390. Also the prefix of a question's node.
pub const ECAPS2: &str = "urn:xmpp:caps";
/// A hash with the name of its function: XEP-0300.
pub const HASHES: &str = "urn:xmpp:hashes:2";
/// Delayed delivery: XEP-0203.
pub const DELAY: &str = "urn:xmpp:delay";
/// Message Processing Hints (XEP-0334)
pub const HINTS: &str = "urn:xmpp:hints";
/// The picture of an avatar: XEP-0084.
pub const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
/// What an avatar is: XEP-0084.
pub const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
/// A card: XEP-0054.
pub const VCARD: &str = "vcard-temp";
/// A card: XEP-0292.
pub const VCARD4: &str = "urn:ietf:params:xml:ns:vcard-4.0";
/// The node of a card: XEP-0292.
pub const VCARD4_NODE: &str = "urn:xmpp:vcard4";
/// The stable id of an occupant: XEP-0421.
pub const OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";
