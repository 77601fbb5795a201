//! The parts that requests share, read and checked.

use indexmap::IndexSet;
use minidom::{Element, Node};

use super::{Entry, Published, Request};
use crate::error::Error;
use crate::id::{ItemId, NodeName};
use crate::options::Options;
use crate::xml::form::Form;
use crate::xml::rsm::Page;
use crate::xml::{self, ns, only_child};

/// Finds the action of a request and, where that action has one, its companion: by their names, in whatever order they
/// come. Elements of other namespaces are ignored, but for the `<set/>` of XEP-0059.
pub(super) fn find_action(query: &Element) -> Result<(&Element, Option<&Element>), Error> {
    let ns = query.ns();
    let mut own = query.children().filter(|child| child.has_ns(ns.as_str()));
    let first = own.next().ok_or(Error::Malformed("the request has no action"))?;
    match (own.next(), own.next()) {
        (None, _) => Ok((first, None)),
        (Some(second), None) if accompanies(second, first) => Ok((first, Some(second))),
        (Some(second), None) if accompanies(first, second) => Ok((second, Some(first))),
        _ => Err(Error::Malformed("a request has one action only")),
    }
}

/// Returns whether an element belongs to an action beside it.
fn accompanies(element: &Element, action: &Element) -> bool {
    let companion = match action.name() {
        "publish" => "publish-options",
        "create" => "configure",
        "subscribe" => "options",
        _ => return false,
    };
    action.has_ns(ns::PUBSUB) && element.name() == companion
}

/// Reads the parts that requests share.
pub(super) struct Part<'a> {
    pub options: &'a Options,
}

impl Part<'_> {
    /// Reads a publish; `lang` is the language around it.
    pub(super) fn publish<'a>(
        &self,
        publish: &'a Element,
        options: Option<&Element>,
        lang: Option<&'a str>,
    ) -> Result<Request<'a>, Error> {
        let node = self.node(publish)?;
        let lang = xml::lang(publish).or(lang);
        let mut items = publish.children().filter(|child| child.is("item", ns::PUBSUB));
        let item = items.next().map(|item| self.published(item, lang)).transpose()?;
        if items.next().is_some() {
            return Err(Error::Malformed("a request publishes one item only"));
        }
        Ok(Request::Publish { node, item, options: form(options, ns::PUBLISH_OPTIONS)? })
    }

    fn published<'a>(&self, item: &'a Element, lang: Option<&'a str>) -> Result<Published<'a>, Error> {
        let mut payload = None;
        for node in item.nodes() {
            match node {
                Node::Element(element) if payload.is_none() => payload = Some(element),
                Node::Text(text) if text.chars().all(|c| c.is_ascii_whitespace()) => {}
                _ => return Err(Error::InvalidPayload),
            }
        }
        let lang = xml::lang(item).or(lang).filter(|lang| payload.is_some_and(|it| keeps_lang(it, lang)));
        let id = item.attr("id").filter(|id| !id.is_empty()).map(|id| self.name(id)).transpose()?;
        Ok(Published { id, payload, lang })
    }

    pub(super) fn retract(&self, retract: &Element) -> Result<Request<'static>, Error> {
        let node = self.node(retract)?;
        let items = self.ids(retract)?;
        if items.is_empty() {
            return Err(Error::ItemRequired);
        }
        let notify = match retract.attr("notify") {
            None => None,
            Some("1" | "true") => Some(true),
            Some("0" | "false") => Some(false),
            Some(_) => return Err(Error::Malformed("notify must be true or false")),
        };
        Ok(Request::Retract { node, items, notify })
    }

    pub(super) fn items(&self, items: &Element, page: Option<Page>) -> Result<Request<'static>, Error> {
        if items.attr("subid").is_some() {
            return Err(Error::InvalidSubid);
        }
        let max = match items.attr("max_items") {
            None => None,
            Some(text) => match text.parse() {
                Ok(0) | Err(_) => return Err(Error::Malformed("max_items must be a positive number")),
                Ok(max) => Some(max),
            },
        };
        Ok(Request::Items { node: self.node(items)?, items: self.ids(items)?, max, page })
    }

    pub(super) fn subscription(&self, action: &Element) -> Result<(Option<NodeName>, String), Error> {
        if action.attr("subid").is_some_and(|subid| !subid.is_empty()) {
            return Err(Error::InvalidSubid);
        }
        let jid = action.attr("jid").ok_or(Error::JidRequired)?;
        Ok((self.optional_node(action)?, jid.to_owned()))
    }

    /// Reads the entries of a list, with no JID twice (XEP-0060, 8.9.2.4).
    pub(super) fn entries(&self, list: &Element, kind: &str) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        for child in list.children().filter(|child| child.is(kind, ns::OWNER)) {
            let jid = child.attr("jid").ok_or(Error::JidRequired)?;
            if entries.iter().any(|entry| entry.jid == jid) || entries.len() >= self.options.max_affiliations
            {
                return Err(Error::Malformed("the list is too long, or has a JID twice"));
            }
            let value =
                if kind == "subscription" { child.attr("subscription") } else { child.attr("affiliation") };
            entries.push(Entry { jid: jid.into(), value: value.map(str::to_owned) });
        }
        if entries.is_empty() { Err(Error::Malformed("the list is empty")) } else { Ok(entries) }
    }

    pub(super) fn subscribe(
        &self,
        subscribe: &Element,
        options: Option<&Element>,
    ) -> Result<Request<'static>, Error> {
        let (node, jid) = self.subscription(subscribe)?;
        Ok(Request::Subscribe { node, jid, options: form(options, ns::SUBSCRIBE_OPTIONS)? })
    }

    pub(super) fn create(
        &self,
        create: &Element,
        configure: Option<&Element>,
    ) -> Result<Request<'static>, Error> {
        let config = form(configure, ns::NODE_CONFIG)?;
        Ok(Request::Create { node: self.optional_node(create)?, config })
    }

    pub(super) fn delete(&self, delete: &Element) -> Result<Request<'static>, Error> {
        let redirect = only_child(delete, "redirect", ns::OWNER)?;
        let redirect = redirect.and_then(|redirect| redirect.attr("uri"));
        let redirect = redirect.map(|uri| self.bounded(uri)).transpose()?.map(str::to_owned);
        Ok(Request::Delete { node: self.node(delete)?, redirect })
    }

    pub(super) fn configure(&self, configure: &Element) -> Result<Request<'static>, Error> {
        let form = Form::read(configure, ns::NODE_CONFIG)?;
        Ok(Request::SetConfig { node: self.node(configure)?, form })
    }

    pub(super) fn node(&self, element: &Element) -> Result<NodeName, Error> {
        self.optional_node(element)?.ok_or(Error::NodeRequired)
    }

    /// Reads the node attribute; an empty one counts as absent.
    pub(super) fn optional_node(&self, element: &Element) -> Result<Option<NodeName>, Error> {
        element.attr("node").filter(|node| !node.is_empty()).map(|node| self.name(node)).transpose()
    }

    /// Reads the ids of the items, each once.
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

/// Reads the form in a companion that need not be there.
fn form(companion: Option<&Element>, form_type: &str) -> Result<Form, Error> {
    companion.map_or_else(|| Ok(Form::default()), |companion| Form::read(companion, form_type))
}

/// Returns whether a payload keeps the language that it inherits (RFC 6120, 8.1.5), as events have other elements around
/// it. Without one it inherits that of the stream to its reader, which is [`xml::STREAM_LANG`].
fn keeps_lang(payload: &Element, lang: &str) -> bool {
    xml::lang(payload).is_none() && !lang.eq_ignore_ascii_case(xml::STREAM_LANG)
}
