//! Requests, read from stanzas: what a client asks for, with every form of it checked (XEP-0060, 5 to 8).

use indexmap::IndexSet;
use minidom::{Element, Node};

use crate::error::Error;
use crate::form::Form;
use crate::node::{ItemId, NodeName};
use crate::ns;
use crate::options::Options;
use crate::rsm::{self, Page};
use crate::xml;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// XEP-0060, 7.1
    Publish {
        /// Where.
        node: NodeName,
        /// What; a node may be one that takes no items.
        item: Option<Published>,
        /// What must hold of the node (7.1.5).
        options: Form,
    },
    /// XEP-0060, 7.2
    Retract {
        /// Where.
        node: NodeName,
        /// Which items, at least one.
        items: Vec<ItemId>,
        /// Whether to tell of it; `None`: as the node is configured.
        notify: Option<bool>,
    },
    /// XEP-0060, 6.5
    Items {
        /// Where.
        node: NodeName,
        /// Which items; none: all.
        items: Vec<ItemId>,
        /// So many, the newest.
        max: Option<usize>,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
    /// XEP-0060, 6.1
    Subscribe {
        /// To what; `None` is the root collection.
        node: Option<NodeName>,
        /// Who, as the client wrote it.
        jid: String,
        /// How to be told (6.3.7).
        options: Form,
    },
    /// XEP-0060, 6.2
    Unsubscribe {
        /// From what; `None` is the root collection.
        node: Option<NodeName>,
        /// Who, as the client wrote it.
        jid: String,
    },
    /// XEP-0060, 5.6
    Subscriptions {
        /// Of one node only.
        node: Option<NodeName>,
    },
    /// XEP-0060, 5.7
    Affiliations {
        /// To one node only.
        node: Option<NodeName>,
    },
    /// XEP-0060, 6.3.1
    GetOptions {
        /// Of the subscription to what; `None` is the root collection.
        node: Option<NodeName>,
        /// Whose, as the client wrote it.
        jid: String,
    },
    /// XEP-0060, 6.3.5
    SetOptions {
        /// Of the subscription to what; `None` is the root collection.
        node: Option<NodeName>,
        /// Whose, as the client wrote it.
        jid: String,
        /// The fields to change.
        form: Form,
    },
    /// XEP-0060, 6.4
    GetDefaultOptions {
        /// Of subscriptions to what; `None` is the root collection.
        node: Option<NodeName>,
    },
    /// XEP-0060, 8.1
    Create {
        /// The name; `None`: an instant node.
        node: Option<NodeName>,
        /// The configuration.
        config: Form,
    },
    /// XEP-0060, 8.2.1
    GetConfig {
        /// Where.
        node: NodeName,
    },
    /// XEP-0060, 8.2.4; a form that was cancelled is empty.
    SetConfig {
        /// Where.
        node: NodeName,
        /// The fields to change.
        form: Form,
    },
    /// XEP-0060, 8.3
    GetDefault,
    /// XEP-0060, 8.4
    Delete {
        /// Which.
        node: NodeName,
        /// Where what it was about goes on.
        redirect: Option<String>,
    },
    /// XEP-0060, 8.5
    Purge {
        /// Which.
        node: NodeName,
    },
    /// XEP-0060, 8.8.1
    GetSubscribers {
        /// Of which.
        node: NodeName,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
    /// XEP-0060, 8.8.2
    SetSubscribers {
        /// Of which.
        node: NodeName,
        /// Whose subscriptions, and how they are to be.
        entries: Vec<Entry>,
    },
    /// XEP-0060, 8.9.1
    GetAffiliates {
        /// Of which.
        node: NodeName,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
    /// XEP-0060, 8.9.2
    SetAffiliates {
        /// Of which.
        node: NodeName,
        /// Whose affiliations, and what they are to be.
        entries: Vec<Entry>,
    },
    /// XEP-0060, 5.1, 5.3 and 5.4
    Info {
        /// Of a node, or of the service.
        node: Option<NodeName>,
    },
    /// XEP-0060, 5.2 and 5.5
    List {
        /// The items of a node, or the nodes of the service.
        node: Option<NodeName>,
        /// A page of them (XEP-0059).
        page: Option<Page>,
    },
}

/// An item as it came to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The id that the publisher gave it.
    pub id: Option<ItemId>,
    /// The one payload.
    pub payload: Option<Element>,
}

/// One entry of a list that an owner changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who, as the owner wrote it.
    pub jid: String,
    /// The subscription or the affiliation; `None`: as it is.
    pub value: Option<String>,
}

impl Request {
    /// Reads a request from an `<iq/>`.
    ///
    /// # Errors
    /// The variants of [`Error`] that say what is wrong with its form.
    pub fn read(iq: &Element, options: &Options) -> Result<Self, Error> {
        let query = xml::first_child(iq).ok_or(Error::Malformed("the request is empty"))?;
        let set = match iq.attr("type") {
            Some("set") => true,
            Some("get") => false,
            _ => return Err(Error::Malformed("a request is a get or a set")),
        };
        let part = Part { options };
        if query.is("query", ns::DISCO_INFO) && !set {
            return Ok(Self::Info { node: part.optional_node(query)? });
        }
        if query.is("query", ns::DISCO_ITEMS) && !set {
            return Ok(Self::List { node: part.optional_node(query)?, page: Page::read(query)? });
        }
        let action = xml::first_child(query).ok_or(Error::Malformed("the request names no action"))?;
        if !action.has_ns(query.ns().as_str()) {
            return Err(Error::Malformed("the action is in another namespace"));
        }
        check_companions(query, action.name())?;
        match (query.ns().as_str(), set, action.name()) {
            (ns::PUBSUB, true, "publish") => part.publish(query, action),
            (ns::PUBSUB, true, "retract") => part.retract(action),
            (ns::PUBSUB, false, "items") => part.items(query, action),
            (ns::PUBSUB, true, "subscribe") => {
                let (node, jid) = part.subscription(action)?;
                let options = query.get_child("options", ns::PUBSUB);
                let options =
                    options.map(|options| Form::read(options, ns::SUBSCRIBE_OPTIONS)).transpose()?;
                Ok(Self::Subscribe { node, jid, options: options.unwrap_or_default() })
            }
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
            (ns::PUBSUB, true, "create") => part.create(query, action),
            (ns::OWNER, false, "configure") => Ok(Self::GetConfig { node: part.node(action)? }),
            (ns::OWNER, true, "configure") => part.configure(action),
            (ns::OWNER, false, "default") => Ok(Self::GetDefault),
            (ns::OWNER, true, "delete") => {
                let redirect = action.get_child("redirect", ns::OWNER);
                let redirect = redirect.and_then(|redirect| redirect.attr("uri"));
                let redirect = redirect.map(|uri| part.bounded(uri)).transpose()?.map(str::to_owned);
                Ok(Self::Delete { node: part.node(action)?, redirect })
            }
            (ns::OWNER, true, "purge") => Ok(Self::Purge { node: part.node(action)? }),
            (ns::OWNER, false, "subscriptions") => {
                Ok(Self::GetSubscribers { node: part.node(action)?, page: Page::read(query)? })
            }
            (ns::OWNER, true, "subscriptions") => {
                let entries = part.entries(action, "subscription")?;
                Ok(Self::SetSubscribers { node: part.node(action)?, entries })
            }
            (ns::OWNER, false, "affiliations") => {
                Ok(Self::GetAffiliates { node: part.node(action)?, page: Page::read(query)? })
            }
            (ns::OWNER, true, "affiliations") => {
                let entries = part.entries(action, "affiliation")?;
                Ok(Self::SetAffiliates { node: part.node(action)?, entries })
            }
            _ => Err(Error::Malformed("there is no such action")),
        }
    }

    /// Whether it is about one node that might be open to anybody.
    pub(crate) fn is_for_anybody(&self) -> bool {
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

    /// Whether it can lead to something that others are told of: such requests have a rate.
    pub(crate) fn is_counted(&self) -> bool {
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

    /// The node of which something is another afterwards: its configuration, its items, its affiliations.
    pub(crate) fn changes(&self) -> Option<&NodeName> {
        match self {
            Self::Publish { .. }
            | Self::Retract { .. }
            | Self::Create { .. }
            | Self::SetConfig { .. }
            | Self::Delete { .. }
            | Self::Purge { .. }
            | Self::SetAffiliates { .. } => self.node(),
            _ => None,
        }
    }

    /// The node that the request names.
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

/// One request does one thing: beside the action there is only what belongs to it.
fn check_companions(query: &Element, action: &str) -> Result<(), Error> {
    let belongs = |child: &Element| match action {
        "publish" => child.is("publish-options", ns::PUBSUB),
        "create" => child.is("configure", ns::PUBSUB),
        "subscribe" => child.is("options", ns::PUBSUB),
        "items" | "subscriptions" | "affiliations" => child.is("set", rsm::NS),
        _ => false,
    };
    if query.children().skip(1).all(belongs) {
        Ok(())
    } else {
        Err(Error::Malformed("one request does one thing"))
    }
}

/// Reads the parts that requests share.
struct Part<'a> {
    options: &'a Options,
}

impl Part<'_> {
    fn publish(&self, query: &Element, publish: &Element) -> Result<Request, Error> {
        let node = self.node(publish)?;
        let mut items = publish.children().filter(|child| child.is("item", ns::PUBSUB));
        let item = items.next().map(|item| self.published(item)).transpose()?;
        if items.next().is_some() {
            return Err(Error::Malformed("one request publishes one item"));
        }
        let options = match query.get_child("publish-options", ns::PUBSUB) {
            Some(options) => Form::read(options, ns::PUBLISH_OPTIONS)?,
            None => Form::default(),
        };
        Ok(Request::Publish { node, item, options })
    }

    fn published(&self, item: &Element) -> Result<Published, Error> {
        let mut payload = None;
        for node in item.nodes() {
            match node {
                Node::Element(element) if payload.is_none() => payload = Some(element.clone()),
                Node::Text(text) if text.chars().all(|c| c.is_ascii_whitespace()) => {}
                _ => return Err(Error::InvalidPayload),
            }
        }
        let id = item.attr("id").filter(|id| !id.is_empty()).map(|id| self.name(id)).transpose()?;
        Ok(Published { id, payload })
    }

    fn retract(&self, retract: &Element) -> Result<Request, Error> {
        let node = self.node(retract)?;
        let items = self.ids(retract)?;
        if items.is_empty() {
            return Err(Error::ItemRequired);
        }
        let notify = match retract.attr("notify") {
            None => None,
            Some("1" | "true") => Some(true),
            Some("0" | "false") => Some(false),
            Some(_) => return Err(Error::Malformed("notify is true or false")),
        };
        Ok(Request::Retract { node, items, notify })
    }

    fn items(&self, query: &Element, items: &Element) -> Result<Request, Error> {
        if items.attr("subid").is_some() {
            return Err(Error::InvalidSubid);
        }
        let max = match items.attr("max_items") {
            None => None,
            Some(text) => match text.parse() {
                Ok(0) | Err(_) => return Err(Error::Malformed("max_items is a number from 1")),
                Ok(max) => Some(max),
            },
        };
        Ok(Request::Items { node: self.node(items)?, items: self.ids(items)?, max, page: Page::read(query)? })
    }

    fn subscription(&self, action: &Element) -> Result<(Option<NodeName>, String), Error> {
        if action.attr("subid").is_some_and(|subid| !subid.is_empty()) {
            return Err(Error::InvalidSubid);
        }
        let jid = action.attr("jid").ok_or(Error::JidRequired)?;
        Ok((self.optional_node(action)?, jid.to_owned()))
    }

    /// The entries of a list: nobody twice (XEP-0060, 8.9.2.4).
    fn entries(&self, list: &Element, kind: &str) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        for child in list.children().filter(|child| child.is(kind, ns::OWNER)) {
            let jid = child.attr("jid").ok_or(Error::JidRequired)?;
            if entries.iter().any(|entry| entry.jid == jid) || entries.len() >= self.options.max_affiliations
            {
                return Err(Error::Malformed("a list names nobody twice, and has an end"));
            }
            let value =
                if kind == "subscription" { child.attr("subscription") } else { child.attr("affiliation") };
            entries.push(Entry { jid: jid.into(), value: value.map(str::to_owned) });
        }
        if entries.is_empty() { Err(Error::Malformed("the list is empty")) } else { Ok(entries) }
    }

    fn create(&self, query: &Element, create: &Element) -> Result<Request, Error> {
        let config = match query.get_child("configure", ns::PUBSUB) {
            Some(configure) => Form::read(configure, ns::NODE_CONFIG)?,
            None => Form::default(),
        };
        Ok(Request::Create { node: self.optional_node(create)?, config })
    }

    fn configure(&self, configure: &Element) -> Result<Request, Error> {
        let form = Form::read(configure, ns::NODE_CONFIG)?;
        Ok(Request::SetConfig { node: self.node(configure)?, form })
    }

    fn node(&self, element: &Element) -> Result<NodeName, Error> {
        self.optional_node(element)?.ok_or(Error::NodeRequired)
    }

    /// The node attribute; an empty one is none.
    fn optional_node(&self, element: &Element) -> Result<Option<NodeName>, Error> {
        element.attr("node").filter(|node| !node.is_empty()).map(|node| self.name(node)).transpose()
    }

    /// The items that are named, each once.
    fn ids(&self, parent: &Element) -> Result<Vec<ItemId>, Error> {
        let items = parent.children().filter(|child| child.is("item", ns::PUBSUB));
        let ids: Result<IndexSet<ItemId>, _> =
            items.map(|item| self.name(item.attr("id").ok_or(Error::ItemRequired)?)).collect();
        Ok(ids?.into_iter().collect())
    }

    fn name<'t, T: From<&'t str>>(&self, text: &'t str) -> Result<T, Error> {
        self.bounded(text).map(T::from)
    }

    fn bounded<'t>(&self, text: &'t str) -> Result<&'t str, Error> {
        if text.len() > self.options.max_name { Err(Error::NameTooLong) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, inner: &str) -> Result<Request, Error> {
        let iq = format!("<iq xmlns='jabber:client' type='{kind}'>{inner}</iq>");
        Request::read(&iq.parse().unwrap(), &Options::default())
    }

    fn pubsub(kind: &str, inner: &str) -> Result<Request, Error> {
        read(kind, &format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub>"))
    }

    #[test]
    fn what_is_wrong_with_a_form_is_named() {
        let item = |inner: &str| pubsub("set", &format!("<publish node='n'><item>{inner}</item></publish>"));
        assert_eq!(item("<a xmlns='x'/><b xmlns='x'/>"), Err(Error::InvalidPayload));
        assert_eq!(item("text<a xmlns='x'/>"), Err(Error::InvalidPayload));
        assert!(item(" <a xmlns='x'/>\n").is_ok());
        assert_eq!(pubsub("set", "<publish><item/></publish>"), Err(Error::NodeRequired));
        let two = pubsub("set", "<publish node='n'><item/><item/></publish>");
        assert_eq!(two, Err(Error::Malformed("one request publishes one item")));
        let long = format!("<publish node='{}'><item/></publish>", "n".repeat(1024));
        assert_eq!(pubsub("set", &long), Err(Error::NameTooLong));
        assert_eq!(pubsub("set", "<retract node='n'/>"), Err(Error::ItemRequired));
        assert_eq!(pubsub("get", "<items node='n' subid='1'/>"), Err(Error::InvalidSubid));
        assert!(matches!(pubsub("get", "<items node='n' max_items='0'/>"), Err(Error::Malformed(_))));
        assert_eq!(pubsub("set", "<subscribe node='n'/>"), Err(Error::JidRequired));
        assert!(matches!(pubsub("set", ""), Err(Error::Malformed(_))));
        assert!(matches!(pubsub("get", "<publish node='n'/>"), Err(Error::Malformed(_))));
        assert!(matches!(pubsub("set", "<publish xmlns='x' node='n'/>"), Err(Error::Malformed(_))));
        assert_eq!(pubsub("get", "<options node='n'/>"), Err(Error::JidRequired));
        assert!(matches!(read("set", ""), Err(Error::Malformed(_))));
    }

    #[test]
    fn an_empty_node_is_the_root() {
        for node in ["", "node=''"] {
            let request = pubsub("set", &format!("<subscribe {node} jid='a@b'/>"));
            assert_eq!(
                request,
                Ok(Request::Subscribe { node: None, jid: "a@b".into(), options: Form::default() })
            );
        }
    }
}
