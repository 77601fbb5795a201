//! Explicit subscriptions (XEP-0060, 6.1), besides the interest that capabilities express.

use std::collections::HashMap;

use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};

use crate::error::Error;
use crate::id::{NodeName, OccupantId, ServiceId};
use crate::jid::SessionJid;
use crate::options::Options;
use crate::pubsub::subscribe_options::{EventKind, SubscribeOptions};

/// A subscriber, by the JID that it subscribed with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subscriber {
    /// One session, by its full JID.
    Session(SessionJid),
    /// An account, by its bare JID: all of its sessions in the room.
    Account(Box<str>),
    /// An occupant, by its occupant JID: all of its sessions. Survives nick changes, and ends with the occupant.
    Occupant(OccupantId),
}

/// The subject of a subscription: a node of a service, or its root, which is all present and future nodes
/// (XEP-0316, 5).
pub type Topic = (ServiceId, Option<NodeName>);

/// The explicit subscriptions in a room, by topic and by subscriber.
#[derive(Debug, Default)]
pub struct Subscriptions {
    services: HashMap<ServiceId, IndexMap<Option<NodeName>, IndexMap<Subscriber, Subscription>>>,
    topics: IndexMap<Subscriber, IndexSet<Topic>>,
    /// The number of subscriptions of an account, by its full and bare JIDs.
    by_account: HashMap<Box<str>, usize>,
    /// When the first lease ends.
    next_expiry: Option<u64>,
}

#[derive(Debug)]
struct Subscription {
    options: SubscribeOptions,
    /// The occupant that subscribed: see [`Subscriptions::occupant`].
    occupant: Option<OccupantId>,
}

impl Subscriptions {
    /// Returns whether `who` is subscribed to `topic`.
    pub fn contains(&self, who: &Subscriber, topic: &Topic) -> bool {
        self.topics.get(who).is_some_and(|topics| topics.contains(topic))
    }

    /// Checks whether a subscription of `who`, one of `new` that a request adds, is within the limits. Those of an
    /// account count together, whichever of its JIDs they name.
    ///
    /// # Errors
    /// [`Error::TooManySubscriptions`].
    pub fn check(&self, who: &Subscriber, topic: &Topic, new: usize, options: &Options) -> Result<(), Error> {
        if self.contains(who, topic) {
            return Ok(());
        }
        let mine = match account_of(who) {
            Some(account) => self.by_account.get(account).copied().unwrap_or(0),
            None => self.topics.get(who).map_or(0, IndexSet::len),
        };
        let theirs: usize = self.services.get(&topic.0).map_or(0, |s| s.values().map(IndexMap::len).sum());
        if mine >= options.max_subscriptions || theirs + new > options.max_subscribers {
            return Err(Error::TooManySubscriptions);
        }
        Ok(())
    }

    /// Subscribes `who`, or changes the options. Returns whether the subscription is new.
    pub fn insert(&mut self, who: Subscriber, topic: Topic, options: SubscribeOptions) -> bool {
        self.next_expiry = self.next_expiry.into_iter().chain(options.expire).min();
        let nodes = self.services.entry(topic.0).or_default();
        match nodes.entry(topic.1.clone()).or_default().entry(who.clone()) {
            Entry::Occupied(mut known) => known.get_mut().options = options,
            Entry::Vacant(new) => {
                new.insert(Subscription { options, occupant: None });
            }
        }
        let account = account_of(&who).map(Box::from);
        let new = self.topics.entry(who).or_default().insert(topic);
        if let Some(account) = account.filter(|_| new) {
            *self.by_account.entry(account).or_default() += 1;
        }
        new
    }

    /// Returns the options of a subscription.
    pub fn options(&self, who: &Subscriber, (service, node): &Topic) -> Option<&SubscribeOptions> {
        Some(&self.services.get(service)?.get(node)?.get(who)?.options)
    }

    /// Returns the occupant as which a subscriber subscribed with a real JID; `None` if it did so outside the room, or
    /// was subscribed by another. The occupant may have left, and the account returned as another one.
    pub fn occupant(&self, who: &Subscriber, (service, node): &Topic) -> Option<OccupantId> {
        self.services.get(service)?.get(node)?.get(who)?.occupant
    }

    /// Sets the occupant as which a subscriber subscribed.
    pub(crate) fn set_occupant(
        &mut self,
        who: &Subscriber,
        (service, node): &Topic,
        occupant: Option<OccupantId>,
    ) {
        let nodes = self.services.get_mut(service);
        if let Some(it) = nodes.and_then(|nodes| nodes.get_mut(node)?.get_mut(who)) {
            it.occupant = occupant;
        }
    }

    /// A session goes on as another occupant: its client has changed the nick, and others of the old nick have not.
    pub(crate) fn follow(&mut self, session: &SessionJid, from: OccupantId, to: OccupantId) {
        let who = Subscriber::Session(session.clone());
        let topics: Vec<_> = self.topics(&who).cloned().collect();
        for topic in topics {
            if self.occupant(&who, &topic) == Some(from) {
                self.set_occupant(&who, &topic, Some(to));
            }
        }
    }

    /// Ends the leases that are over at `now`. Free while there are none.
    pub fn expire(&mut self, now: u64) {
        if self.next_expiry.is_none_or(|next| next > now) {
            return;
        }
        let mut over = Vec::new();
        self.next_expiry = None;
        for (&service, nodes) in &self.services {
            for (node, subscribers) in nodes {
                for (who, Subscription { options, .. }) in subscribers {
                    match options.expire {
                        Some(at) if at <= now => over.push((who.clone(), (service, node.clone()))),
                        Some(at) => self.next_expiry = Some(self.next_expiry.map_or(at, |next| next.min(at))),
                        None => {}
                    }
                }
            }
        }
        for (who, topic) in over {
            self.remove(&who, &topic);
        }
    }

    /// Returns the subscribers to a node, or to the root, with their options, in the order of subscribing.
    pub fn of(&self, (service, node): &Topic) -> impl Iterator<Item = (&Subscriber, &SubscribeOptions)> {
        let subscribers = self.services.get(service).and_then(|nodes| nodes.get(node));
        subscribers.into_iter().flatten().map(|(who, it)| (who, &it.options))
    }

    /// Ends a subscription. Returns whether it existed.
    pub fn remove(&mut self, who: &Subscriber, topic: &Topic) -> bool {
        let Some(topics) = self.topics.get(who) else { return false };
        if !topics.contains(topic) {
            return false;
        }
        self.remove_from_topics(who, topic);
        self.remove_from_service(who, topic);
        true
    }

    /// Returns the subscribers to notify of an event at a node: those who are subscribed to it, or to the root of its
    /// service for events of this kind. A subscriber can occur twice.
    pub fn subscribers(
        &self,
        service: ServiceId,
        node: &NodeName,
        kind: EventKind,
    ) -> impl Iterator<Item = (&Subscriber, &SubscribeOptions)> {
        let service = self.services.get(&service);
        let of = move |topic: &Option<NodeName>| {
            let subscribers = service.and_then(|service| service.get(topic)).into_iter().flatten();
            subscribers.map(|(who, it)| (who, &it.options))
        };
        let direct = of(&Some(node.clone())).filter(move |_| kind != EventKind::Created);
        let root = of(&None).filter(move |(_, options)| options.kind.includes(kind));
        direct.chain(root).filter(|(_, options)| options.deliver)
    }

    /// Returns all subscribers, in the order of subscribing.
    pub fn known(&self) -> impl Iterator<Item = &Subscriber> {
        self.topics.keys()
    }

    /// Returns the full JIDs that an account is subscribed with. Linear in the subscribers of the room, but free if the
    /// account is none of them.
    pub fn sessions_of(&self, account: &str) -> impl Iterator<Item = &SessionJid> {
        let known = self.knows_account(account).then(|| self.topics.keys());
        known.into_iter().flatten().filter_map(move |who| match who {
            Subscriber::Session(jid) if jid.bare() == account => Some(jid),
            _ => None,
        })
    }

    /// Returns whether an account is subscribed to anything, by its bare JID or one of its full JIDs.
    pub fn knows_account(&self, account: &str) -> bool {
        self.by_account.contains_key(account)
    }

    /// Returns the topics that `who` is subscribed to.
    pub fn topics(&self, who: &Subscriber) -> impl Iterator<Item = &Topic> {
        self.topics.get(who).into_iter().flatten()
    }

    /// Returns whether `who` is subscribed to anything.
    pub fn knows(&self, who: &Subscriber) -> bool {
        self.topics.contains_key(who)
    }

    /// Ends all subscriptions to a deleted node.
    pub fn remove_node(&mut self, service: ServiceId, node: &NodeName) {
        let topic = (service, Some(node.clone()));
        let Some(nodes) = self.services.get_mut(&service) else { return };
        let subscribers = nodes.shift_remove(&topic.1).unwrap_or_default();
        if nodes.is_empty() {
            self.services.remove(&service);
        }
        for who in subscribers.into_keys() {
            self.remove_from_topics(&who, &topic);
        }
    }

    /// Ends all subscriptions to a service that has ended.
    pub fn remove_service(&mut self, service: ServiceId) {
        for (node, subscribers) in self.services.remove(&service).into_iter().flatten() {
            let topic = (service, node);
            for who in subscribers.into_keys() {
                self.remove_from_topics(&who, &topic);
            }
        }
    }

    /// Ends the subscriptions of `who` for which `ends` returns true.
    pub fn remove_subscriber(&mut self, who: &Subscriber, ends: impl Fn(&Topic) -> bool) {
        let ended: Vec<_> = self.topics(who).filter(|topic| ends(topic)).cloned().collect();
        for topic in ended {
            self.remove(who, &topic);
        }
    }

    /// Returns the number of subscriptions.
    pub fn len(&self) -> usize {
        self.topics.values().map(IndexSet::len).sum()
    }

    /// Returns whether there are no subscriptions.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    fn remove_from_service(&mut self, who: &Subscriber, topic: &Topic) {
        let Some(nodes) = self.services.get_mut(&topic.0) else { return };
        if let Some(subscribers) = nodes.get_mut(&topic.1) {
            subscribers.shift_remove(who);
            if subscribers.is_empty() {
                nodes.shift_remove(&topic.1);
            }
        }
        if nodes.is_empty() {
            self.services.remove(&topic.0);
        }
    }

    fn remove_from_topics(&mut self, who: &Subscriber, topic: &Topic) {
        let Some(topics) = self.topics.get_mut(who) else { return };
        let removed = topics.shift_remove(topic);
        if topics.is_empty() {
            self.topics.shift_remove(who);
        }
        let Some(account) = account_of(who).filter(|_| removed) else { return };
        if let Some(count) = self.by_account.get_mut(account) {
            *count -= 1;
            if *count == 0 {
                self.by_account.remove(account);
            }
        }
    }
}

/// Returns the account of a subscriber with a real JID.
fn account_of(who: &Subscriber) -> Option<&str> {
    match who {
        Subscriber::Session(jid) => Some(jid.bare()),
        Subscriber::Account(account) => Some(account),
        Subscriber::Occupant(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Subscriber {
        Subscriber::Account(name.into())
    }

    fn who(subscriptions: &Subscriptions, node: &str) -> Vec<Subscriber> {
        subscriptions
            .subscribers(ServiceId::Room, &node.into(), EventKind::Items)
            .map(|(who, _)| who.clone())
            .collect()
    }

    #[test]
    fn the_root_means_all_nodes() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.insert(account("b"), (ServiceId::Room, None), SubscribeOptions::default()));
        assert!(subscriptions.insert(
            account("a"),
            (ServiceId::Room, Some("mood".into())),
            SubscribeOptions::default()
        ));
        assert!(!subscriptions.insert(
            account("a"),
            (ServiceId::Room, Some("mood".into())),
            SubscribeOptions::default()
        ));
        assert_eq!(who(&subscriptions, "mood"), [account("a"), account("b")]);
        assert_eq!(who(&subscriptions, "tune"), [account("b")]);
        assert!(subscriptions.remove(&account("b"), &(ServiceId::Room, None)));
        assert!(!subscriptions.remove(&account("b"), &(ServiceId::Room, None)));
        assert_eq!(who(&subscriptions, "tune"), []);
    }

    #[test]
    fn nothing_is_left_at_either_end() {
        let occupant = ServiceId::Occupant(OccupantId(1));
        let fill = || {
            let mut subscriptions = Subscriptions::default();
            for topic in
                [(ServiceId::Room, Some("mood".into())), (occupant, None), (occupant, Some("mood".into()))]
            {
                subscriptions.insert(account("a"), topic, SubscribeOptions::default());
            }
            subscriptions
        };
        let empty =
            |s: &Subscriptions| s.services.is_empty() && s.topics.is_empty() && s.by_account.is_empty();
        let mut left = fill();
        left.remove_subscriber(&account("a"), |_| true);
        assert!(empty(&left));
        let mut left = fill();
        left.remove_service(occupant);
        left.remove_node(ServiceId::Room, &"mood".into());
        assert!(empty(&left));
    }

    #[test]
    fn both_ends_are_bounded() {
        let options = Options { max_subscriptions: 1, max_subscribers: 2, ..Options::default() };
        let mut subscriptions = Subscriptions::default();
        let topic = |node: &str| (ServiceId::Room, Some(NodeName::from(node)));
        let add = |subscriptions: &mut Subscriptions, name: &str, node: &str| {
            subscriptions.check(&account(name), &topic(node), 1, &options)?;
            subscriptions.insert(account(name), topic(node), SubscribeOptions::default());
            Ok(())
        };
        assert_eq!(add(&mut subscriptions, "a", "mood"), Ok(()));
        assert_eq!(add(&mut subscriptions, "a", "mood"), Ok(()), "the same again is no more");
        assert_eq!(add(&mut subscriptions, "a", "tune"), Err(Error::TooManySubscriptions));
        assert_eq!(add(&mut subscriptions, "b", "tune"), Ok(()));
        assert_eq!(add(&mut subscriptions, "c", "tune"), Err(Error::TooManySubscriptions));
    }
}
