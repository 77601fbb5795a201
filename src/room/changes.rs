//! What follows when facts or nodes change: sessions that gain access to a node are sent its last item (XEP-0060, 13.2),
//! and subscribers that lose it lose their subscriptions.

use std::collections::HashSet;

use indexmap::IndexMap;

use crate::effect::Effect;
use crate::facts::{OccupantInfo, RoomInfo, Standing};
use crate::id::{NodeName, OccupantId, ServiceId, SessionId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::config::AccessModel;
use crate::pubsub::node::Node;
use crate::pubsub::service::Service;
use crate::pubsub::subscribe_options::EventKind;
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::room::Room;
use crate::room::last_items::{LastItemTrigger, Place};
use crate::room::session::Session;
use crate::stanza::event;

/// Sessions that want the events of nodes and don't get them, before something changes.
#[derive(Debug, Default)]
pub(crate) struct ShutOut(Vec<(SessionId, Place)>);

impl Room {
    /// Takes in the server's facts about the room. Free if they are the same as before.
    pub(crate) fn update(&mut self, info: &RoomInfo, options: &Options) {
        if self.info == *info {
            return;
        }
        let shut_out = if self.info.publishers == info.publishers {
            ShutOut::default()
        } else {
            self.shut_out(self.places(ServiceId::Room), options)
        };
        let before = std::mem::replace(&mut self.info, info.clone());
        self.admit(shut_out, options);
        self.rights_changed |= before.publishers != info.publishers
            || before.members_only != info.members_only
            || before.outsiders != info.outsiders;
    }

    /// Takes in the server's facts about an occupant, if it is known.
    pub(crate) fn update_occupant(&mut self, info: OccupantInfo, options: &Options) {
        let Some(id) = self.find(info.occupant.as_str()) else { return };
        let Some(before) = self.occupants.get(&id).map(|occupant| &occupant.info) else { return };
        let is_shown = info.visible && !before.visible;
        let has_other_rights = (info.role, info.room_affiliation) != (before.role, before.room_affiliation);
        let mut shut_out = ShutOut::default();
        if is_shown {
            shut_out = self.shut_out(self.places(ServiceId::Occupant(id)), options);
        }
        if has_other_rights {
            shut_out.0.extend(self.shut_out_of_room(id, options));
            self.rights_changed = true;
        }
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.info = info;
        }
        self.admit(shut_out, options);
    }

    /// Returns the sessions that want the events of a node and don't get them. Linear in those that want them; free for
    /// a node that is open to all in the room.
    pub(crate) fn shut_out_of_node(&self, service: ServiceId, name: &NodeName, options: &Options) -> ShutOut {
        self.shut_out(vec![(service, name.clone())], options)
    }

    /// Lets those that get the events now have the last item when the server next calls
    /// [`Host::wake`](crate::host::Host::wake).
    pub(crate) fn admit(&mut self, ShutOut(sessions): ShutOut, options: &Options) {
        let mut admitted: IndexMap<SessionId, Vec<Place>> = IndexMap::new();
        for (id, place) in sessions {
            if self.sessions.get(id).is_some_and(|session| self.receives(session, &place)) {
                admitted.entry(id).or_default().push(place);
            }
        }
        for (session, places) in admitted {
            self.pending.add(session, places, LastItemTrigger::Presence, options.max_last_items);
        }
    }

    /// If rights may have changed since this was last called, ends the subscriptions of those that may not read a node any
    /// more. Returns the notices to them. Linear in the subscriptions of the room then.
    pub(crate) fn end_all_without_access(&mut self, moment: &mut Moment) -> Vec<Effect> {
        if !std::mem::take(&mut self.rights_changed) {
            return Vec::new();
        }
        let mut ended = Vec::new();
        for who in self.subscriptions.known() {
            for topic in self.subscriptions.topics(who) {
                let (service, Some(name)) = topic else { continue };
                let node = self.service(*service).and_then(|service| service.node(name.as_str()).ok());
                if node.is_some_and(|node| !self.subscriber_may_read(who, *service, name, node)) {
                    ended.push((who.clone(), topic.clone()));
                }
            }
        }
        ended.iter().filter_map(|(who, topic)| self.end_subscription(who, topic, moment)).collect()
    }

    /// Ends the subscriptions of those that may not read a node any more. Returns the notices to them.
    pub(crate) fn end_without_access(
        &mut self,
        service: ServiceId,
        name: &NodeName,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let Some(node) = self.service(service).and_then(|service| service.node(name.as_str()).ok()) else {
            return Vec::new();
        };
        let topic = (service, Some(name.clone()));
        let subscribers = self.subscriptions.of(&topic).map(|(who, _)| who);
        let ended: Vec<_> =
            subscribers.filter(|who| !self.subscriber_may_read(who, service, name, node)).cloned().collect();
        for who in &ended {
            self.note_ended(who.clone(), topic.clone());
        }
        ended.iter().filter_map(|who| self.end_subscription(who, &topic, moment)).collect()
    }

    /// Ends a subscription. Returns the notice to the subscriber (XEP-0060, 12.17), if it existed.
    pub(crate) fn end_subscription(
        &mut self,
        who: &Subscriber,
        topic: &Topic,
        moment: &mut Moment,
    ) -> Option<Effect> {
        if !self.subscriptions.contains(who, topic) {
            return None;
        }
        let notice = self.notify_of_subscription(who, topic, "none", moment);
        self.unsubscribe(who, topic);
        notice
    }

    /// Returns the effect that notifies a subscriber that its subscription has this state now.
    pub(crate) fn notify_of_subscription(
        &self,
        who: &Subscriber,
        (service, node): &Topic,
        state: &str,
        moment: &mut Moment,
    ) -> Option<Effect> {
        let jid = match who {
            Subscriber::Session(jid) => jid.as_str(),
            Subscriber::Account(account) => account,
            Subscriber::Occupant(id) => self.address(ServiceId::Occupant(*id)),
        };
        self.notify_subscriber(*service, who, &event::subscription(node.as_ref(), jid, state), moment)
    }

    /// Removes a subscription. Returns whether it existed.
    pub(crate) fn unsubscribe(&mut self, who: &Subscriber, topic: &Topic) -> bool {
        let removed = self.subscriptions.remove(who, topic);
        if let Subscriber::Account(account) = who {
            self.unwatch(account);
        }
        removed
    }

    /// Returns the accounts that are subscribed and have no session in the room, each once: the server says with each
    /// call what they are to the room. Linear in the subscribers.
    pub(crate) fn outsiders(&self) -> impl Iterator<Item = &str> {
        let mut seen = HashSet::new();
        let outside = self.subscriptions.known().filter(|who| self.sessions_of(who).next().is_none());
        let accounts = outside.filter_map(|who| match who {
            Subscriber::Session(jid) => Some(jid.bare()),
            Subscriber::Account(account) => Some(&**account),
            Subscriber::Occupant(_) => None,
        });
        accounts.filter(move |account| seen.insert(*account))
    }

    /// Returns whether all in the room may read the node and see its publisher.
    pub(crate) fn is_open_to_all_here(&self, service: ServiceId, node: &Node) -> bool {
        node.affiliations.is_empty()
            && node.config.access_model != AccessModel::Whitelist
            && node.config.read_by == Standing::Anyone
            && match service {
                ServiceId::Room => true,
                ServiceId::Occupant(id) => self.occupants.get(&id).is_some_and(|it| it.info.visible),
            }
    }

    pub(super) fn places(&self, service: ServiceId) -> Vec<Place> {
        let nodes = self.service(service).into_iter().flat_map(Service::nodes);
        nodes.map(|(name, _)| (service, name.clone())).collect()
    }

    fn shut_out(&self, places: Vec<Place>, options: &Options) -> ShutOut {
        let mut shut_out = Vec::new();
        for place in places {
            let (service, name) = &place;
            let node = self.service(*service).and_then(|service| service.node(name.as_str()).ok());
            let Some(node) = node else { continue };
            if node.config.deliver_notifications && self.is_open_to_all_here(*service, node) {
                continue;
            }
            for id in self.wanting(*service, name, options) {
                if self.sessions.get(id).is_some_and(|session| !self.receives(session, &place)) {
                    shut_out.push((id, place.clone()));
                }
            }
        }
        ShutOut(shut_out)
    }

    /// Returns which nodes of the room the sessions of one occupant want and don't get.
    fn shut_out_of_room(&self, occupant: OccupantId, options: &Options) -> Vec<(SessionId, Place)> {
        let sessions = self.occupants.get(&occupant).map_or(&[][..], |occupant| &occupant.sessions);
        let mut shut_out = Vec::new();
        for place in self.places(ServiceId::Room) {
            for &id in sessions {
                let Some(session) = self.sessions.get(id) else { continue };
                if self.wants(id, place.0, &place.1, options) && !self.receives(session, &place) {
                    shut_out.push((id, place.clone()));
                }
            }
        }
        shut_out
    }

    /// Returns the sessions that want the events of a node, by their capabilities or by a subscription.
    fn wanting(&self, service: ServiceId, name: &NodeName, options: &Options) -> Vec<SessionId> {
        let selected = options.selects(service, name).then(|| self.interest.sessions(name.as_str()));
        let mut wanting: Vec<_> = selected.into_iter().flatten().collect();
        let mut seen: HashSet<_> = wanting.iter().copied().collect();
        for (who, _) in self.subscriptions.subscribers(service, name, EventKind::Items) {
            let sessions = self.sessions_of(who).filter_map(|it| self.sessions.find(it.jid.as_str()));
            wanting.extend(sessions.filter(|&id| seen.insert(id)));
        }
        wanting
    }

    /// Returns whether a session is sent events that it wants.
    fn receives(&self, session: &Session, (service, name): &Place) -> bool {
        let node = self.service(*service).and_then(|service| service.node(name.as_str()).ok());
        node.is_some_and(|node| {
            node.config.deliver_notifications && self.may_see(session, *service, name, node)
        })
    }
}
