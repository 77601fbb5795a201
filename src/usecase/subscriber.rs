//! What a subscriber does (XEP-0060, 6).

use minidom::Element;

use crate::error::Error;
use crate::id::{ItemId, NodeName};
use crate::pubsub::access::{self, Action};
use crate::pubsub::subscribe_options::SubscribeOptions;
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::stanza::message::item_element;
use crate::stanza::{event, response};
use crate::usecase::context::{Answer, RequestContext};
use crate::xml::form::Form;
use crate::xml::rsm::Page;
use crate::xml::{self, With, ns};

impl RequestContext<'_> {
    /// Subscribes to a node, or to the root collection of the address: all of its nodes, now and later (6.1).
    pub(crate) fn subscribe(
        &mut self,
        node: Option<NodeName>,
        jid: &str,
        form: &Form,
    ) -> Result<Answer, Error> {
        let who = self.own_name(jid).ok_or(Error::InvalidJid)?;
        match &node {
            Some(name) => {
                self.readable(name)?;
            }
            None => self.enter_root()?,
        }
        let topic = (self.service_id, node);
        let known = self.room.subscriptions.options(&who, &topic).cloned();
        let options = known.unwrap_or_default().with(form, topic.1.is_none(), self.moment.now)?;
        self.room.subscriptions.check(&who, &topic, 1, self.options)?;

        if self.add(who.clone(), &topic, options) {
            self.notify_owners(&who, &topic, "subscribed");
        }
        if let Some(session) = self.room.sessions.find(self.actor.session.as_str()) {
            let items = self.room.last_items_for_subscription(session, &topic, self.moment, self.options);
            self.effects.extend(items);
        }
        Ok(subscription(&topic, jid, "subscribed"))
    }

    /// Ends a subscription (6.2).
    pub(crate) fn unsubscribe(&mut self, node: Option<NodeName>, jid: &str) -> Result<Answer, Error> {
        let who = self.own_name(jid).ok_or(Error::InvalidJid)?;
        if let Some(name) = &node {
            self.service()?.node(name.as_str())?;
        }
        let topic = (self.service_id, node);
        if !self.remove(&who, &topic) {
            return Err(Error::NotSubscribed);
        }
        self.notify_owners(&who, &topic, "none");
        Ok(subscription(&topic, jid, "none"))
    }

    /// Shows the options of a subscription (6.3.2).
    pub(crate) fn options(&self, node: Option<NodeName>, jid: &str) -> Result<Answer, Error> {
        let (topic, _, options) = self.subscribed(node, jid)?;
        let form = options.to_form("form", topic.1.is_none());
        let shown =
            response::about("options", topic.1.as_ref().map(NodeName::as_str)).with("jid", jid).append(form);
        Ok(Answer::Reply(Some(response::pubsub(shown.build()))))
    }

    /// Changes the options of a subscription (6.3.5).
    pub(crate) fn set_options(
        &mut self,
        node: Option<NodeName>,
        jid: &str,
        form: &Form,
    ) -> Result<Answer, Error> {
        let (topic, who, options) = self.subscribed(node, jid)?;
        let options = options.with(form, topic.1.is_none(), self.moment.now)?;

        self.room.subscriptions.insert(who, topic, options);
        Ok(Answer::Reply(None))
    }

    /// Shows the options that a new subscription has (6.4).
    pub(crate) fn default_options(node: Option<&NodeName>) -> Answer {
        let form = SubscribeOptions::default().to_form("form", node.is_none());
        let default = response::about("default", node.map(NodeName::as_str)).append(form).build();
        Answer::Reply(Some(response::pubsub(default)))
    }

    /// Reads items (6.5): all, or those of these ids, or the newest `max`, or a page; the newest come last. What
    /// would be too much for one reply is left for the next page, and said to be.
    pub(crate) fn items(
        &self,
        name: &NodeName,
        ids: &[ItemId],
        max: Option<usize>,
        page: Option<&Page>,
    ) -> Result<Answer, Error> {
        if !self.service()?.holds(name.as_str()) && self.falls_through_to_pep() {
            return Ok(Answer::NotOurs);
        }
        let node = self.readable(name)?;
        if !node.config.persist_items {
            return Err(Error::Unsupported("persistent-items"));
        }
        let found: Vec<_> = if ids.is_empty() {
            node.items().skip(node.items().len().saturating_sub(max.unwrap_or(usize::MAX))).collect()
        } else {
            ids.iter().filter_map(|id| node.item(id.as_str())).collect()
        };
        if found.is_empty() && !ids.is_empty() {
            return Err(Error::ItemNotFound);
        }
        let id_at = |at: usize| found.get(at).map(|(id, _)| id.to_string());
        let asked = page.cloned().unwrap_or_default();
        let position = |id: &str| found.iter().position(|(known, _)| known.as_str() == id);
        let slice = asked.slice(found.len(), position)?;
        let size = |at: usize| {
            let payload = found.get(at).and_then(|(_, item)| item.payload.as_deref());
            payload.map_or(0, xml::size) + 256
        };
        let shown = slice.fit(self.options.max_reply_size, size);

        let mut items = response::about("items", Some(name.as_str())).build();
        for (id, item) in found.iter().skip(shown.start).take(shown.end - shown.start) {
            let publisher = self.room.publisher(self.service_id, node, item);
            items.append_child(item_element(ns::PUBSUB, id, item.payload.as_deref(), publisher));
        }
        let mut pubsub = response::pubsub(items);
        if page.is_some() || shown != slice {
            pubsub.append_child(shown.to_element(found.len(), id_at));
        }
        Ok(Answer::Reply(Some(pubsub)))
    }

    /// Subscribes somebody; whether that is new.
    pub(crate) fn add(&mut self, who: Subscriber, topic: &Topic, options: SubscribeOptions) -> bool {
        if let Subscriber::Account(account) = &who {
            self.room.watch(account);
        }
        self.room.subscriptions.insert(who, topic.clone(), options)
    }

    /// Ends somebody's subscription; whether there was one.
    pub(crate) fn remove(&mut self, who: &Subscriber, topic: &Topic) -> bool {
        let removed = self.room.subscriptions.remove(who, topic);
        if let Subscriber::Account(account) = who {
            self.room.unwatch(account);
        }
        removed
    }

    /// The subscription that the actor means, with its options.
    fn subscribed(
        &self,
        node: Option<NodeName>,
        jid: &str,
    ) -> Result<(Topic, Subscriber, SubscribeOptions), Error> {
        let who = self.own_name(jid).ok_or(Error::InvalidJid)?;
        if let Some(name) = &node {
            self.service()?.node(name.as_str())?;
        }
        let topic = (self.service_id, node);
        let options = self.room.subscriptions.options(&who, &topic).cloned().ok_or(Error::NotSubscribed)?;
        Ok((topic, who, options))
    }

    /// The root collection is for those in the room.
    fn enter_root(&self) -> Result<(), Error> {
        access::allow(self.affiliation(None), Action::Read)?;
        if self.actor.occupant.is_some() { Ok(()) } else { Err(Error::NotInRoom) }
    }

    /// Tells the owners of a node that wants it so (`pubsub#notify_sub`) of a subscription.
    fn notify_owners(&mut self, who: &Subscriber, topic: &Topic, state: &str) {
        let Some(name) = &topic.1 else { return };
        let wanted =
            self.service().and_then(|service| service.node(name.as_str())).is_ok_and(|n| n.config.notify_sub);
        if !wanted {
            return;
        }
        for owner in self.owners() {
            let shown =
                self.actor.occupant.as_ref().filter(|_| self.is_seen_by(owner)).map(ToString::to_string);
            let Some(jid) = shown.or_else(|| self.outsider_shown_to(owner, who)) else { continue };
            let notice = event::subscription(Some(name), &jid, state);
            self.effects.extend(self.room.notify_subscriber(
                self.service_id,
                &Subscriber::Occupant(owner),
                notice,
                self.moment,
            ));
        }
    }
}

fn subscription((_, node): &Topic, jid: &str, state: &str) -> Answer {
    let subscription: Element = response::about("subscription", node.as_ref().map(NodeName::as_str))
        .with("jid", jid)
        .with("subscription", state)
        .build();
    Answer::Reply(Some(response::pubsub(subscription)))
}
