//! Requests, read from stanzas and checked for their form (XEP-0060, 5 to 8).

mod part;
#[cfg(test)]
mod tests;

use minidom::Element;

use self::part::{Part, find_action};
use crate::error::Error;
use crate::id::{ItemId, NodeName};
use crate::options::Options;
use crate::xml::form::Form;
use crate::xml::rsm::Page;
use crate::xml::{self, ns};

/// XEP-0248 has requests for collections; here, all nodes of an address are directly below its root.
const NO_COLLECTIONS: Error = Error::Unsupported("collections");

/// A request of a client. Borrows the payload from its stanza.
#[derive(Debug, Clone, PartialEq)]
pub enum Request<'a> {
    /// XEP-0060, 7.1
    Publish {
        /// The node.
        node: NodeName,
        /// The item; `None` for nodes without items.
        item: Option<Published<'a>>,
        /// Preconditions on the node's configuration (7.1.5).
        options: Form,
    },
    /// XEP-0060, 7.2
    Retract {
        /// The node.
        node: NodeName,
        /// The items' ids, at least one.
        items: Vec<ItemId>,
        /// Whether to notify subscribers; `None`: as the node is configured.
        notify: Option<bool>,
    },
    /// XEP-0060, 6.5
    Items {
        /// The node.
        node: NodeName,
        /// The items' ids; empty for all.
        items: Vec<ItemId>,
        /// At most this many, the newest.
        max: Option<usize>,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
    /// XEP-0060, 6.1
    Subscribe {
        /// The node; `None` is the root.
        node: Option<NodeName>,
        /// The subscriber's JID as the client wrote it.
        jid: String,
        /// The subscription's options (6.3.7).
        options: Form,
    },
    /// XEP-0060, 6.2
    Unsubscribe {
        /// The node; `None` is the root.
        node: Option<NodeName>,
        /// The subscriber's JID as the client wrote it.
        jid: String,
    },
    /// XEP-0060, 5.6
    Subscriptions {
        /// The node; `None` for all nodes.
        node: Option<NodeName>,
    },
    /// XEP-0060, 5.7
    Affiliations {
        /// The node; `None` for all nodes.
        node: Option<NodeName>,
    },
    /// XEP-0060, 6.3.1
    GetOptions {
        /// The node; `None` is the root.
        node: Option<NodeName>,
        /// The subscriber's JID as the client wrote it.
        jid: String,
    },
    /// XEP-0060, 6.3.5
    SetOptions {
        /// The node; `None` is the root.
        node: Option<NodeName>,
        /// The subscriber's JID as the client wrote it.
        jid: String,
        /// The fields to change.
        form: Form,
    },
    /// XEP-0060, 6.4
    GetDefaultOptions {
        /// The node; `None` is the root.
        node: Option<NodeName>,
    },
    /// XEP-0060, 8.1
    Create {
        /// The node; `None` is an instant node.
        node: Option<NodeName>,
        /// The configuration.
        config: Form,
    },
    /// XEP-0060, 8.2.1
    GetConfig {
        /// The node.
        node: NodeName,
    },
    /// XEP-0060, 8.2.4; a cancelled form is empty.
    SetConfig {
        /// The node.
        node: NodeName,
        /// The fields to change.
        form: Form,
    },
    /// XEP-0060, 8.3
    GetDefault,
    /// XEP-0060, 8.4
    Delete {
        /// The node.
        node: NodeName,
        /// The URI of its successor.
        redirect: Option<String>,
    },
    /// XEP-0060, 8.5
    Purge {
        /// The node.
        node: NodeName,
    },
    /// XEP-0060, 8.8.1
    GetSubscribers {
        /// The node.
        node: NodeName,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
    /// XEP-0060, 8.8.2
    SetSubscribers {
        /// The node.
        node: NodeName,
        /// The subscriptions to change.
        entries: Vec<Entry>,
    },
    /// XEP-0060, 8.9.1
    GetAffiliates {
        /// The node.
        node: NodeName,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
    /// XEP-0060, 8.9.2
    SetAffiliates {
        /// The node.
        node: NodeName,
        /// The affiliations to change.
        entries: Vec<Entry>,
    },
    /// XEP-0060, 5.1, 5.3 and 5.4
    Info {
        /// The node; `None` is the service.
        node: Option<NodeName>,
    },
    /// XEP-0060, 5.2 and 5.5
    List {
        /// The node whose items to list; `None` lists the nodes of the service.
        node: Option<NodeName>,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
}

/// An item in a publish request.
#[derive(Debug, Clone, PartialEq)]
pub struct Published<'a> {
    /// The id, if the publisher chose one.
    pub id: Option<ItemId>,
    /// The payload.
    pub payload: Option<&'a Element>,
    /// The language that the payload inherits and keeps.
    pub lang: Option<&'a str>,
}

/// One entry of a list that an owner changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The JID as the owner wrote it.
    pub jid: String,
    /// The new subscription or affiliation; `None` leaves it as it is.
    pub value: Option<String>,
}

impl<'a> Request<'a> {
    /// Reads a request from an `<iq/>`.
    ///
    /// # Errors
    /// The variants of [`Error`] that describe a wrong form.
    pub fn read(iq: &'a Element, options: &Options) -> Result<Self, Error> {
        let query = xml::first_child(iq).ok_or(Error::Malformed("the request is empty"))?;
        let set = match iq.attr("type") {
            Some("set") => true,
            Some("get") => false,
            _ => return Err(Error::Malformed("the type must be get or set")),
        };
        let part = Part { options };
        if query.is("query", ns::DISCO_INFO) && !set {
            return Ok(Self::Info { node: part.optional_node(query)? });
        }
        if query.is("query", ns::DISCO_ITEMS) && !set {
            return Ok(Self::List { node: part.optional_node(query)?, page: Page::read(query)? });
        }
        let (action, companion) = find_action(query)?;
        let page = Page::read(query)?;
        match (query.ns().as_str(), set, action.name()) {
            (ns::PUBSUB, true, "publish") => {
                part.publish(action, companion, xml::lang(query).or(xml::lang(iq)))
            }
            (ns::PUBSUB, true, "retract") => part.retract(action),
            (ns::PUBSUB, false, "items") => part.items(action, page),
            (ns::PUBSUB, true, "subscribe") => part.subscribe(action, companion),
            (ns::PUBSUB, true, "unsubscribe") => {
                let (node, jid) = part.subscription(action)?;
                Ok(Self::Unsubscribe { node, jid })
            }
            (ns::PUBSUB, false, "subscriptions") => {
                Ok(Self::Subscriptions { node: part.optional_node(action)? })
            }
            (ns::PUBSUB, false, "affiliations") => {
                Ok(Self::Affiliations { node: part.optional_node(action)? })
            }
            (ns::PUBSUB, false, "options") => {
                let (node, jid) = part.subscription(action)?;
                Ok(Self::GetOptions { node, jid })
            }
            (ns::PUBSUB, true, "options") => {
                let (node, jid) = part.subscription(action)?;
                Ok(Self::SetOptions { node, jid, form: Form::read(action, ns::SUBSCRIBE_OPTIONS)? })
            }
            (ns::PUBSUB, false, "default") => {
                Ok(Self::GetDefaultOptions { node: part.optional_node(action)? })
            }
            (ns::PUBSUB, true, "create") => part.create(action, companion),
            (ns::OWNER, false, "configure") => Ok(Self::GetConfig { node: part.node(action)? }),
            (ns::OWNER, true, "configure") => part.configure(action),
            (ns::OWNER, false, "default") if action.attr("type") == Some("collection") => Err(NO_COLLECTIONS),
            (ns::OWNER, false, "default") => Ok(Self::GetDefault),
            (ns::OWNER, true, "collection") => Err(NO_COLLECTIONS),
            (ns::OWNER, true, "delete") => part.delete(action),
            (ns::OWNER, true, "purge") => Ok(Self::Purge { node: part.node(action)? }),
            (ns::OWNER, false, "subscriptions") => {
                Ok(Self::GetSubscribers { node: part.node(action)?, page })
            }
            (ns::OWNER, true, "subscriptions") => {
                let entries = part.entries(action, "subscription")?;
                Ok(Self::SetSubscribers { node: part.node(action)?, entries })
            }
            (ns::OWNER, false, "affiliations") => Ok(Self::GetAffiliates { node: part.node(action)?, page }),
            (ns::OWNER, true, "affiliations") => {
                let entries = part.entries(action, "affiliation")?;
                Ok(Self::SetAffiliates { node: part.node(action)?, entries })
            }
            _ => Err(Error::Malformed("unknown action")),
        }
    }

    /// Returns whether an account's pubsub service (PEP, XEP-0163) answers such requests, too: those of type `get` that
    /// are not an owner's.
    pub(crate) fn is_known_to_pep(&self) -> bool {
        matches!(
            self,
            Self::Items { .. }
                | Self::Subscriptions { .. }
                | Self::Affiliations { .. }
                | Self::GetOptions { .. }
                | Self::GetDefaultOptions { .. }
        )
    }

    /// Returns whether the request is about one node, which might have the access model `open`.
    pub(crate) fn may_be_open(&self) -> bool {
        let reads = matches!(
            self,
            Self::Subscribe { .. }
                | Self::Unsubscribe { .. }
                | Self::GetOptions { .. }
                | Self::SetOptions { .. }
                | Self::Items { .. }
                | Self::Info { .. }
                | Self::List { .. }
        );
        reads && self.node().is_some()
    }

    /// Returns whether the request can lead to notifications of others: such requests are rate limited.
    pub(crate) fn is_rate_limited(&self) -> bool {
        match self {
            Self::Publish { .. }
            | Self::Retract { .. }
            | Self::Subscribe { .. }
            | Self::Unsubscribe { .. }
            | Self::Create { .. }
            | Self::SetConfig { .. }
            | Self::Delete { .. }
            | Self::Purge { .. }
            | Self::SetSubscribers { .. }
            | Self::SetAffiliates { .. }
            | Self::SetOptions { .. } => true,
            Self::Items { .. }
            | Self::Subscriptions { .. }
            | Self::Affiliations { .. }
            | Self::GetOptions { .. }
            | Self::GetDefaultOptions { .. }
            | Self::GetConfig { .. }
            | Self::GetDefault
            | Self::GetSubscribers { .. }
            | Self::GetAffiliates { .. }
            | Self::Info { .. }
            | Self::List { .. } => false,
        }
    }

    /// Returns the node whose configuration, items or affiliations the request changes.
    pub(crate) fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Publish { .. }
                | Self::Retract { .. }
                | Self::Create { .. }
                | Self::SetConfig { .. }
                | Self::Delete { .. }
                | Self::Purge { .. }
                | Self::SetAffiliates { .. }
        )
    }

    /// Returns the word for what it asks for, where other modules of the server can have a say.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Publish { .. } => Some("publish"),
            Self::Retract { .. } => Some("retract"),
            Self::Items { .. } => Some("items"),
            Self::Create { .. } => Some("create"),
            Self::SetConfig { .. } => Some("configure"),
            Self::Purge { .. } => Some("purge"),
            Self::Delete { .. } => Some("delete"),
            _ => None,
        }
    }

    /// Returns the node that the request names.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Publish { node, .. }
            | Self::Retract { node, .. }
            | Self::Items { node, .. }
            | Self::GetConfig { node }
            | Self::SetConfig { node, .. }
            | Self::Delete { node, .. }
            | Self::Purge { node }
            | Self::GetSubscribers { node, .. }
            | Self::SetSubscribers { node, .. }
            | Self::GetAffiliates { node, .. }
            | Self::SetAffiliates { node, .. } => Some(node),
            Self::Subscribe { node, .. }
            | Self::Unsubscribe { node, .. }
            | Self::Subscriptions { node }
            | Self::Affiliations { node }
            | Self::GetOptions { node, .. }
            | Self::SetOptions { node, .. }
            | Self::GetDefaultOptions { node }
            | Self::Create { node, .. }
            | Self::Info { node }
            | Self::List { node, .. } => node.as_ref(),
            Self::GetDefault => None,
        }
    }
}
