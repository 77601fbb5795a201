//! The recipients of events, and the last items for a session (XEP-0060, 12.2; XEP-0316, 4.4 and 5).

use std::collections::HashSet;

use indexmap::IndexSet;
use minidom::Element;

use crate::effect::Effect;
use crate::id::{ItemId, NodeName, ServiceId, SessionId};
use crate::jid::SessionJid;
use crate::moment::Moment;
use crate::options::{NotificationType, Options};
use crate::pubsub::config::{ItemReply, SendLast};
use crate::pubsub::node::{Item, Node};
use crate::pubsub::service::Service;
use crate::pubsub::subscribe_options::{EventKind, SubscribeOptions};
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::room::Room;
use crate::room::explain::WhyNot;
use crate::room::last_items::{LastItemTrigger, PendingItem, Place};
use crate::room::rate_limit::Allowance;
use crate::room::rights::outside;
use crate::room::session::Session;
use crate::stanza::event::Event;
use crate::stanza::rendered::Rendered;
use crate::xml::payload::Payload;

impl Room {
    /// Returns the effects that notify of `event` at a node of `service`: one message for all recipients, and one with
    /// a body for those that want it, if there is a body.
    ///
    /// Linear in the interested and subscribed sessions.
    pub(crate) fn notify(
        &self,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        event: &Event,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        self.notify_of(service, name, node, event, None, moment, options)
    }

    /// Returns the effects that notify of the last item of a node that was restored with its occupant: to all
    /// recipients of its events, with the time of publication.
    pub(crate) fn notify_of_return(
        &mut self,
        service: ServiceId,
        name: &NodeName,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        let node = self.service(service).and_then(|service| service.node(name.as_str()).ok());
        let Some(node) = node.filter(|node| node.config.send_last == SendLast::OnSubAndPresence) else {
            return Vec::new();
        };
        let Some((id, item)) = node.last().filter(|(_, item)| !node.has_expired(item, moment.now)) else {
            return Vec::new();
        };
        let event = Event::item(name, &node.config, id, item, self.publisher(service, node, item));
        let at = item.at;
        let effects = self.notify_of(service, name, node, &event, Some(at), moment, options);
        self.note_notified(service, name, at, &effects);
        effects
    }

    #[expect(clippy::too_many_arguments, reason = "the event, its recipients, and the call")]
    fn notify_of(
        &self,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        event: &Event,
        delayed: Option<u64>,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if node.config.deliver_notifications {
            let Recipients { mut plain, mut with_body } =
                self.recipients(service, name, node, event.kind(), options);
            let body = if with_body.is_empty() { None } else { event.body() };
            if body.is_none() {
                plain.append(&mut with_body);
            }
            let mut envelope = self.envelope(service, node, event, delayed, moment);
            effects.extend(self.archive(service, node, event, &envelope));
            for (to, body) in [(with_body, body.as_deref()), (plain, None)] {
                moment.tally.deliveries += to.len() as u64;
                let (accounts, clients) = if event.may_be_stored() {
                    to.into_iter().partition(|jid| jid.as_str() == jid.bare())
                } else {
                    (Vec::new(), to)
                };
                for (to, to_accounts) in [(clients, false), (accounts, true)] {
                    if !to.is_empty() {
                        envelope.to_accounts = to_accounts;
                        let absent = if to_accounts { self.absent(event, delayed, &to) } else { None };
                        effects.push(Effect::Notify { message: event.to_message(body, &envelope), to });
                        effects.extend(absent);
                    }
                }
            }
        }
        // Only subscribers to new nodes are notified of one, so there is nothing to explain to others.
        if options.explains && event.kind() != EventKind::Created {
            effects.push(self.explain_event(service, name, node, &effects, options));
        }
        effects
    }

    /// Returns the effect that sends `payload` from `service` to the sessions of `who`: those in the room; without any,
    /// its JID outside.
    pub(crate) fn notify_subscriber(
        &self,
        service: ServiceId,
        who: &Subscriber,
        payload: &Element,
        moment: &mut Moment,
    ) -> Option<Effect> {
        let mut to: Vec<_> = self.sessions_of(who).map(|session| session.jid.clone()).collect();
        if to.is_empty() {
            to.extend(outside(who));
        }
        moment.tally.deliveries += to.len() as u64;
        let id = moment.message_id();
        let mut message = Rendered::message(self.address(service), &id, NotificationType::Headline);
        message.element(payload);
        (!to.is_empty()).then_some(Effect::Notify { message, to })
    }

    /// Returns the JID that an item shows as its publisher's (`pubsub#itemreply`); never a real JID.
    pub(crate) fn publisher(&self, service: ServiceId, node: &Node, item: &Item) -> Option<&str> {
        match (node.config.itemreply, service) {
            (ItemReply::None, _) => None,
            (ItemReply::Publisher, ServiceId::Room) => {
                let publisher = self.occupants.get(&item.publisher.as_deref()?.occupant?)?;
                publisher.info.visible.then(|| publisher.info.occupant.as_str())
            }
            _ => Some(self.address(service)),
        }
    }

    /// Sends a session that joins the last items of all nodes that it wants or is subscribed to.
    pub(crate) fn last_items_on_join(
        &mut self,
        session: SessionId,
        allowance: &mut Allowance<'_>,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        let found = self.wanted_by(session, options);
        self.last_items(session, &found, LastItemTrigger::Presence, allowance, moment, options)
    }

    /// Returns the places of all nodes that a session wants or is subscribed to.
    pub(crate) fn wanted_by(&self, session: SessionId, options: &Options) -> IndexSet<Place> {
        let mut found = IndexSet::new();
        let Some(who) = self.sessions.get(session) else { return found };
        if let Some(wanted) = self.interest.get(session) {
            self.find_wanted(wanted.iter(), options, &mut found);
        }
        for subscriber in names_of(who) {
            self.subscriptions.topics(&subscriber).for_each(|topic| self.find_subscribed(topic, &mut found));
        }
        found
    }

    /// Sends a session the last items of `nodes`, in which it is newly interested, except where it is subscribed
    /// already.
    pub(crate) fn last_items_of(
        &mut self,
        session: SessionId,
        nodes: &[NodeName],
        allowance: &mut Allowance<'_>,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        let mut found = IndexSet::new();
        self.find_wanted(nodes.iter(), options, &mut found);
        for subscriber in names_of(who) {
            let mut known = IndexSet::new();
            self.subscriptions.topics(&subscriber).for_each(|topic| self.find_subscribed(topic, &mut known));
            found.retain(|place| !known.contains(place));
        }
        self.last_items(session, &found, LastItemTrigger::Presence, allowance, moment, options)
    }

    /// Returns the octets of the last items of a new subscription, which are at most what one join sends.
    pub(crate) fn last_items_size(&self, session: SessionId, topic: &Topic, now: u64) -> usize {
        let mut found = IndexSet::new();
        self.find_subscribed(topic, &mut found);
        let due = PendingItem { trigger: LastItemTrigger::Subscription, notified: None };
        let items = self.find_last(session, found.iter().map(|place| (place, due)), now);
        items.iter().map(|found| size_of(found.item)).sum()
    }

    /// Sends the session that subscribed the last items of a new subscription.
    pub(crate) fn last_items_for_subscription(
        &mut self,
        session: SessionId,
        topic: &Topic,
        allowance: &mut Allowance<'_>,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        let mut found = IndexSet::new();
        self.find_subscribed(topic, &mut found);
        self.last_items(session, &found, LastItemTrigger::Subscription, allowance, moment, options)
    }

    /// Finds the last items at these places that may be sent to the session.
    pub(crate) fn find_last<'a>(
        &'a self,
        session: SessionId,
        places: impl Iterator<Item = (&'a Place, PendingItem)>,
        now: u64,
    ) -> Vec<LastItem<'a>> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        places.filter_map(|(place, due)| self.find_last_at(who, place, due, now).ok()).collect()
    }

    /// Finds the last item at a place if it may be sent to the session.
    fn find_last_at<'a>(
        &'a self,
        who: &Session,
        (service, name): &'a Place,
        due: PendingItem,
        now: u64,
    ) -> Result<LastItem<'a>, WhyNot> {
        let service = *service;
        let node = self.service(service).and_then(|service| service.node(name.as_str()).ok());
        let node = node.ok_or(WhyNot::NoItem)?;
        if !node.config.deliver_notifications {
            return Err(WhyNot::NoNotifications);
        } else if !due.trigger.applies_to(node.config.send_last) {
            return Err(WhyNot::NoLastItem);
        }
        let is_due = |item: &Item| due.notified != Some(item.at) && !node.has_expired(item, now);
        let (id, item) = node.last().filter(|(_, item)| is_due(item)).ok_or(WhyNot::NoItem)?;
        match self.why_unseen(who, service, name, node) {
            None => Ok(LastItem { service, name, node, id, item }),
            Some(why) => Err(why),
        }
    }

    /// Returns the effects that send last items to a session.
    pub(crate) fn send_last(
        &self,
        session: SessionId,
        items: &[LastItem<'_>],
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        moment.tally.deliveries += items.len() as u64;
        moment.tally.last_items += items.len() as u64;
        let mut effects = Vec::with_capacity(items.len());
        for &LastItem { service, name, node, id, item } in items {
            let event = Event::item(name, &node.config, id, item, self.publisher(service, node, item));
            let envelope = self.envelope(service, node, &event, Some(item.at), moment);
            effects.push(Effect::Notify {
                message: event.to_message(None, &envelope),
                to: vec![who.jid.clone()],
            });
        }
        effects
    }

    /// Returns whether a session wants the events of a node, by its capabilities or by a subscription.
    pub(crate) fn wants(
        &self,
        session: SessionId,
        service: ServiceId,
        name: &NodeName,
        options: &Options,
    ) -> bool {
        let selected = self.interest.get(session).is_some_and(|set| set.contains(name.as_str()));
        let subscribed = |who| self.is_subscribed(who, service, name);
        selected && options.selects(service, name) || self.sessions.get(session).is_some_and(subscribed)
    }

    /// Returns whether a session is subscribed to a node or to the root of its service, with any of its JIDs.
    pub(crate) fn is_subscribed(&self, who: &Session, service: ServiceId, name: &NodeName) -> bool {
        let topics = [(service, Some(name.clone())), (service, None)];
        let is_topic = |name| topics.iter().any(|topic| self.subscriptions.contains(name, topic));
        names_of(who).iter().any(is_topic)
    }

    fn recipients(
        &self,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        kind: EventKind,
        options: &Options,
    ) -> Recipients {
        let for_all = self.is_open_to_all_here(service, node);
        let selects = kind != EventKind::Created && options.selects(service, name);
        let wanted = selects.then(|| self.interest.sessions(name.as_str()));
        let sessions = wanted.into_iter().flatten().filter_map(|id| self.sessions.get(id));
        let mut plain: Vec<_> = sessions
            .filter(|session| for_all || self.may_see(session, service, name, node))
            .map(|session| session.jid.clone())
            .collect();

        let mut with_body = IndexSet::new();
        let mut subscribers = self.subscriptions.subscribers(service, name, kind).peekable();
        if subscribers.peek().is_some() {
            let mut told: HashSet<SessionJid> = plain.iter().cloned().collect();
            for (subscriber, options) in subscribers {
                self.reach(subscriber, options, service, (name, node), |jid| {
                    if options.include_body {
                        with_body.insert(jid);
                    } else if told.insert(jid.clone()) {
                        plain.push(jid);
                    }
                });
            }
            plain.retain(|jid| !with_body.contains(jid));
        }
        Recipients { plain, with_body: with_body.into_iter().collect() }
    }

    /// Returns the sessions of a subscriber in the room.
    pub(super) fn sessions_of(&self, who: &Subscriber) -> impl Iterator<Item = &Session> {
        let (one, several): (_, &[SessionId]) = match who {
            Subscriber::Session(jid) => (self.sessions.find(jid.as_str()), &[]),
            Subscriber::Account(account) => (None, self.accounts.get(account).map_or(&[], Vec::as_slice)),
            Subscriber::Occupant(id) => {
                (None, self.occupants.get(id).map_or(&[], |occupant| &occupant.sessions))
            }
        };
        one.into_iter().chain(several.iter().copied()).filter_map(|id| self.sessions.get(id))
    }

    /// Calls `notify` with each JID at which a subscriber is to be notified: its sessions in the room; without any, its
    /// JID outside, if the node may be read from there.
    fn reach(
        &self,
        who: &Subscriber,
        options: &SubscribeOptions,
        service: ServiceId,
        (name, node): (&NodeName, &Node),
        mut notify: impl FnMut(SessionJid),
    ) {
        let mut is_here = false;
        for session in self.sessions_of(who) {
            is_here = true;
            if options.show_values.contains(&session.show) && self.may_see(session, service, name, node) {
                notify(session.jid.clone());
            }
        }
        if is_here {
            return;
        }
        let may_read = |jid: &SessionJid| {
            self.shows(service, jid.bare())
                && self.rights_outside(jid, service, Some((name, node))).may_read().is_ok()
        };
        if let Some(jid) = outside(who).filter(may_read) {
            notify(jid);
        }
    }

    /// Sends the last items at these places, the room's first, up to a batch; the rest is pending. If there are more than
    /// the limits or what the account may be sent now allow, the newest are sent.
    fn last_items(
        &mut self,
        session: SessionId,
        places: &IndexSet<Place>,
        trigger: LastItemTrigger,
        allowance: &mut Allowance<'_>,
        moment: &mut Moment,
        options: &Options,
    ) -> Vec<Effect> {
        let due = PendingItem { trigger, notified: None };
        let mut items = self.find_last(session, places.iter().map(|place| (place, due)), moment.now);
        let octets: usize = items.iter().map(|found| size_of(found.item)).sum();
        let most = options.max_last_items_size.min(allowance.octets_left());
        items.sort_by_key(|found| found.service != ServiceId::Room);
        if items.len() > options.max_last_items || octets > most {
            items.sort_by_key(|found| (found.service != ServiceId::Room, std::cmp::Reverse(found.item.at)));
            items.truncate(options.max_last_items);
            let mut left = most;
            let fitting = items.iter().take_while(|found| {
                let fits = size_of(found.item) <= left;
                left = left.saturating_sub(size_of(found.item));
                fits
            });
            let fitting = fitting.count();
            items.truncate(fitting);
        }
        // These fit.
        let _ = allowance.send(items.iter().map(|found| size_of(found.item)).sum());
        let later = items.split_off(options.last_items_batch.max(1).min(items.len()));
        let mut effects = self.send_last(session, &items, moment);
        if options.explains {
            let missing = self.missing_last(session, places, due, moment.now);
            effects.extend(self.explain_last_items(session, items.len(), later.len(), &missing));
        }
        let place = |found: &LastItem<'_>| (found.service, found.name.clone());
        let later: Vec<_> = later.iter().map(place).collect();
        if self.pending.has(session) {
            let sent: Vec<_> = items.iter().map(place).collect();
            self.pending.sent(session, &sent);
        }
        self.pending.add(session, later, trigger, options.max_last_items);
        effects
    }

    /// Returns the places from which no last item is sent to a session, and why.
    #[cold]
    fn missing_last(
        &self,
        session: SessionId,
        places: &IndexSet<Place>,
        due: PendingItem,
        now: u64,
    ) -> Vec<(ServiceId, NodeName, WhyNot)> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        let why = |place: &Place| self.find_last_at(who, place, due, now).err();
        places.iter().filter_map(|place| Some((place.0, place.1.clone(), why(place)?))).collect()
    }

    /// Finds the places of nodes with these names: the room's first, then the occupants' in the order of joining.
    fn find_wanted<'a>(
        &self,
        nodes: impl Iterator<Item = &'a NodeName> + Clone,
        options: &Options,
        found: &mut IndexSet<(ServiceId, NodeName)>,
    ) {
        let of_room = nodes.clone().filter(|node| self.service.holds(node.as_str()));
        found.extend(of_room.map(|node| (ServiceId::Room, node.clone())));
        let mut held: Vec<_> = nodes
            .filter(|node| !options.subscription_only.contains(node.as_str()))
            .flat_map(|node| self.holders.get(node.as_str()).into_iter().flatten().map(move |&id| (id, node)))
            .collect();
        held.sort_by_key(|&(id, _)| id);
        found.extend(held.into_iter().map(|(id, node)| (ServiceId::Occupant(id), node.clone())));
    }

    /// Finds the places of a subscription.
    fn find_subscribed(&self, (service, node): &Topic, found: &mut IndexSet<(ServiceId, NodeName)>) {
        if let Some(node) = node {
            found.insert((*service, node.clone()));
        } else {
            let nodes = self.service(*service).into_iter().flat_map(Service::nodes);
            found.extend(nodes.map(|(name, _)| (*service, name.clone())));
        }
    }

    pub(super) fn account(&self, session: SessionId) -> &str {
        self.sessions.get(session).map_or("", |session| session.jid.bare())
    }
}

/// Returns how many octets a last item counts as.
fn size_of(item: &Item) -> usize {
    item.payload.as_ref().map_or(0, Payload::size) + 512
}

/// The recipients of an event, each once.
struct Recipients {
    plain: Vec<SessionJid>,
    with_body: Vec<SessionJid>,
}

/// A last item and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastItem<'a> {
    service: ServiceId,
    name: &'a NodeName,
    node: &'a Node,
    id: &'a ItemId,
    item: &'a Item,
}

/// Returns the subscribers that a session can be.
fn names_of(session: &Session) -> [Subscriber; 3] {
    [
        Subscriber::Session(session.jid.clone()),
        Subscriber::Account(session.jid.bare().into()),
        Subscriber::Occupant(session.occupant),
    ]
}
