//! What a subscriber does (XEP-0060, 6).

use crate::access::{self, Action};
use crate::address::{self, SessionJid};
use crate::case::{Answer, Case};
use crate::error::Error;
use crate::event::item_element;
use crate::node::{ItemId, NodeName};
use crate::ns;
use crate::response;
use crate::subscription::{Subscriber, Topic};
use crate::xml::With;

impl Case<'_> {
    /// Subscribes to a node, or to the root collection of the address: all of its nodes, now and later (6.1).
    pub(crate) fn subscribe(&mut self, node: Option<NodeName>, jid: &str) -> Result<Answer, Error> {
        let who = self.own_name(jid)?;
        match &node {
            Some(name) => {
                self.readable(name)?;
            }
            None => self.enter_root()?,
        }
        let topic = (self.target, node);
        self.room.subscriptions.check(&who, &topic, self.options)?;

        if let Subscriber::Account(account) = &who {
            self.room.watch(account);
        }
        self.room.subscriptions.insert(who, topic.clone());
        if let Some(session) = self.room.sessions.find(self.actor.session.as_str()) {
            let items = self.room.last_items_for_subscription(session, &topic, self.call, self.options);
            self.effects.extend(items);
        }
        Ok(subscription(&topic, jid, "subscribed"))
    }

    /// Ends a subscription (6.2).
    pub(crate) fn unsubscribe(&mut self, node: Option<NodeName>, jid: &str) -> Result<Answer, Error> {
        let who = self.own_name(jid)?;
        if let Some(name) = &node {
            self.service()?.node(name.as_str())?;
        }
        let topic = (self.target, node);
        if !self.room.subscriptions.remove(&who, &topic) {
            return Err(Error::NotSubscribed);
        }
        if let Subscriber::Account(account) = &who {
            self.room.unwatch(account);
        }
        Ok(subscription(&topic, jid, "none"))
    }

    /// Reads items (6.5): all, or those of these ids, or the newest `max`; the newest come last.
    pub(crate) fn items(&self, name: &NodeName, ids: &[ItemId], max: Option<usize>) -> Result<Answer, Error> {
        if !self.service()?.holds(name.as_str()) && self.is_someones() {
            return Ok(Answer::NotOurs);
        }
        let node = self.readable(name)?;
        if !node.config.persist_items {
            return Err(Error::Unsupported("persistent-items"));
        }
        let mut items = response::about("items", Some(name.as_str())).build();
        if ids.is_empty() {
            let skip = node.items().len().saturating_sub(max.unwrap_or(usize::MAX));
            for (id, item) in node.items().skip(skip) {
                items.append_child(item_element(ns::PUBSUB, id, item.payload.as_deref()));
            }
        } else {
            for (id, item) in ids.iter().filter_map(|id| node.item(id.as_str())) {
                items.append_child(item_element(ns::PUBSUB, id, item.payload.as_deref()));
            }
            if items.children().next().is_none() {
                return Err(Error::ItemNotFound);
            }
        }
        Ok(Answer::Reply(Some(response::pubsub(items))))
    }

    /// Whom `jid`, written by the actor, means: only the actor may be meant, by full JID, by bare JID, or by the
    /// address in the room. Whoever else is named, the refusal is the same: it tells nothing of them.
    fn own_name(&self, jid: &str) -> Result<Subscriber, Error> {
        let session = &self.actor.session;
        if address::names(jid, session.as_str()) {
            return Ok(Subscriber::Session(SessionJid::from(session.as_str())));
        }
        if address::names(jid, session.bare()) {
            return Ok(Subscriber::Account(session.bare().into()));
        }
        let own = self.actor.occupant.as_ref().filter(|own| address::names(jid, own.as_str()));
        own.and_then(|_| self.me()).map(Subscriber::Occupant).ok_or(Error::InvalidJid)
    }

    /// The root collection is for those in the room.
    fn enter_root(&self) -> Result<(), Error> {
        access::allow(self.affiliation(None), Action::Read)?;
        if self.actor.occupant.is_some() { Ok(()) } else { Err(Error::NotInRoom) }
    }
}

fn subscription((_, node): &Topic, jid: &str, state: &str) -> Answer {
    let subscription = response::about("subscription", node.as_ref().map(NodeName::as_str))
        .with("jid", jid)
        .with("subscription", state)
        .build();
    Answer::Reply(Some(response::pubsub(subscription)))
}
