//! Who is told of an event, and which last items somebody is sent (XEP-0060, 12.2; XEP-0316, 4.4 and 5).

use std::collections::HashSet;

use indexmap::IndexSet;

use crate::access::{self, Affiliation};
use crate::address::SessionJid;
use crate::call::Call;
use crate::config::{AccessModel, SendLast};
use crate::effect::Effect;
use crate::event::{Envelope, Event};
use crate::interest::SessionId;
use crate::node::{Node, NodeName};
use crate::occupant::Session;
use crate::options::Options;
use crate::room::Room;
use crate::service::{Service, ServiceId};
use crate::subscription::{Subscriber, Topic};

impl Room {
    /// The effect that tells of `event` at a node of `service`; `None` where nobody is told.
    ///
    /// Costs by who is interested and subscribed.
    pub(crate) fn notify(
        &self,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        event: Event,
        call: &mut Call,
    ) -> Option<Effect> {
        if !node.config.deliver_notifications {
            return None;
        }
        let to = self.recipients(service, name, node);
        let envelope = self.envelope(service, call.id(), None);
        (!to.is_empty()).then(|| Effect::Notify { message: event.into_message(&envelope), to })
    }

    /// The last items that a session is sent when it comes in, for all that it wants and is subscribed to.
    pub(crate) fn welcome(&self, session: SessionId, call: &mut Call, options: &Options) -> Vec<Effect> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        let mut found = IndexSet::new();
        if let Some(wanted) = self.interest.get(session) {
            self.find_wanted(wanted.iter(), &mut found);
        }
        for subscriber in names_of(who) {
            self.subscriptions.topics(&subscriber).for_each(|topic| self.find_subscribed(topic, &mut found));
        }
        let on_presence = |node: &Node| node.config.send_last == SendLast::OnSubAndPresence;
        self.last_items(who, &found, on_presence, call, options)
    }

    /// The last items that a session is sent because it wants `nodes` now, and did not before. What it is
    /// subscribed to is not new to it.
    pub(crate) fn last_items_of(
        &self,
        session: SessionId,
        nodes: &[NodeName],
        call: &mut Call,
        options: &Options,
    ) -> Vec<Effect> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        let mut found = IndexSet::new();
        self.find_wanted(nodes.iter(), &mut found);
        for subscriber in names_of(who) {
            let mut known = IndexSet::new();
            self.subscriptions.topics(&subscriber).for_each(|topic| self.find_subscribed(topic, &mut known));
            found.retain(|place| !known.contains(place));
        }
        let on_presence = |node: &Node| node.config.send_last == SendLast::OnSubAndPresence;
        self.last_items(who, &found, on_presence, call, options)
    }

    /// The last items that a new subscription brings: to the session that asked for it.
    pub(crate) fn last_items_for_subscription(
        &self,
        session: SessionId,
        topic: &Topic,
        call: &mut Call,
        options: &Options,
    ) -> Vec<Effect> {
        let Some(who) = self.sessions.get(session) else { return Vec::new() };
        let mut found = IndexSet::new();
        self.find_subscribed(topic, &mut found);
        self.last_items(who, &found, |node| node.config.send_last != SendLast::Never, call, options)
    }

    /// Whether somebody at `session` may read a node of `service`.
    pub(crate) fn may_see(&self, session: &Session, service: ServiceId, node: &Node) -> bool {
        let affiliation = affiliation(session, service, node);
        self.shows(service, session.jid.bare()) && access::may_read(&node.config, affiliation, true).is_ok()
    }

    /// Whether the room lets `account` see the occupant whose service this is.
    pub(crate) fn shows(&self, service: ServiceId, account: &str) -> bool {
        let ServiceId::Occupant(id) = service else { return true };
        self.occupants.get(&id).is_some_and(|occupant| {
            occupant.presence.visible
                || occupant.sessions.iter().any(|&session| self.account(session) == account)
        })
    }

    fn recipients(&self, service: ServiceId, name: &NodeName, node: &Node) -> Vec<SessionJid> {
        let for_all = node.affiliations.is_empty()
            && node.config.access_model != AccessModel::Whitelist
            && match service {
                ServiceId::Room => true,
                ServiceId::Occupant(id) => self.occupants.get(&id).is_some_and(|o| o.presence.visible),
            };
        let sessions = self.interest.sessions(name.as_str()).filter_map(|id| self.sessions.get(id));
        let mut to: Vec<_> = sessions
            .filter(|session| for_all || self.may_see(session, service, node))
            .map(|session| session.jid.clone())
            .collect();

        let mut subscribers = self.subscriptions.subscribers(service, name).peekable();
        if subscribers.peek().is_some() {
            let mut told: HashSet<SessionJid> = to.iter().cloned().collect();
            for subscriber in subscribers {
                self.reach(subscriber, service, node, |jid| {
                    if told.insert(jid.clone()) {
                        to.push(jid);
                    }
                });
            }
        }
        to
    }

    /// Where a subscriber is reached: at the sessions in the room; outside of it only if the node lets outsiders
    /// read.
    fn reach(&self, who: &Subscriber, service: ServiceId, node: &Node, mut tell: impl FnMut(SessionJid)) {
        let in_room: &[SessionId] = match who {
            Subscriber::Session(jid) => match self.sessions.find(jid.as_str()) {
                Some(session) => &[session],
                None => &[],
            },
            Subscriber::Account(account) => self.accounts.get(account).map_or(&[], Vec::as_slice),
            Subscriber::Occupant(id) => self.occupants.get(id).map_or(&[], |occupant| &occupant.sessions),
        };
        for session in in_room.iter().filter_map(|&id| self.sessions.get(id)) {
            if self.may_see(session, service, node) {
                tell(session.jid.clone());
            }
        }
        if in_room.is_empty() {
            let outside = match who {
                Subscriber::Session(jid) => jid.clone(),
                Subscriber::Account(account) => SessionJid::from(&**account),
                Subscriber::Occupant(_) => return,
            };
            let affiliation = node.affiliations.get(outside.bare(), None);
            if self.shows(service, outside.bare())
                && access::may_read(&node.config, affiliation, false).is_ok()
            {
                tell(outside);
            }
        }
    }

    fn last_items(
        &self,
        who: &Session,
        places: &IndexSet<(ServiceId, NodeName)>,
        wanted: impl Fn(&Node) -> bool,
        call: &mut Call,
        options: &Options,
    ) -> Vec<Effect> {
        let mut items: Vec<_> = places
            .iter()
            .filter_map(|(service, name)| {
                let node = self.service(*service)?.node(name.as_str()).ok()?;
                let told = wanted(node) && node.config.deliver_notifications;
                let (event, at) =
                    (told && self.may_see(who, *service, node)).then(|| Event::last(name, node))??;
                Some((*service, at, event))
            })
            .collect();
        if items.len() > options.max_last_items {
            items.sort_by_key(|&(_, at, _)| std::cmp::Reverse(at));
            items.truncate(options.max_last_items);
        }
        let mut effects = Vec::with_capacity(items.len());
        for (service, at, event) in items {
            let envelope = self.envelope(service, call.id(), Some(at));
            effects
                .push(Effect::Notify { message: event.into_message(&envelope), to: vec![who.jid.clone()] });
        }
        effects
    }

    /// Where nodes of these names are: the room's first, then the occupants' in the order of their coming.
    fn find_wanted<'a>(
        &self,
        nodes: impl Iterator<Item = &'a NodeName> + Clone,
        found: &mut IndexSet<(ServiceId, NodeName)>,
    ) {
        let of_room = nodes.clone().filter(|node| self.service.holds(node.as_str()));
        found.extend(of_room.map(|node| (ServiceId::Room, node.clone())));
        let mut held: Vec<_> = nodes
            .flat_map(|node| self.holders.get(node.as_str()).into_iter().flatten().map(move |&id| (id, node)))
            .collect();
        held.sort_by_key(|&(id, _)| id);
        found.extend(held.into_iter().map(|(id, node)| (ServiceId::Occupant(id), node.clone())));
    }

    /// The nodes that a subscription is about.
    fn find_subscribed(&self, (service, node): &Topic, found: &mut IndexSet<(ServiceId, NodeName)>) {
        if let Some(node) = node {
            found.insert((*service, node.clone()));
        } else {
            let nodes = self.service(*service).into_iter().flat_map(Service::nodes);
            found.extend(nodes.map(|(name, _)| (*service, name.clone())));
        }
    }

    fn account(&self, session: SessionId) -> &str {
        self.sessions.get(session).map_or("", |session| session.jid.bare())
    }

    fn envelope(&self, service: ServiceId, id: String, delayed: Option<u64>) -> Envelope<'_> {
        let occupant_id = match service {
            ServiceId::Room => None,
            ServiceId::Occupant(id) => {
                self.occupants.get(&id).and_then(|o| o.presence.occupant_id.as_deref())
            }
        };
        Envelope { from: self.address(service), room: self.jid.as_str(), id, occupant_id, delayed }
    }
}

/// The names under which a session can be subscribed.
fn names_of(session: &Session) -> [Subscriber; 3] {
    [
        Subscriber::Session(session.jid.clone()),
        Subscriber::Account(session.jid.bare().into()),
        Subscriber::Occupant(session.occupant),
    ]
}

fn affiliation(session: &Session, service: ServiceId, node: &Node) -> Affiliation {
    if service == ServiceId::Occupant(session.occupant) {
        return Affiliation::Owner;
    }
    node.affiliations.get(session.jid.bare(), Some(session.occupant))
}
