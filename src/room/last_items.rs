//! Pending last items. Many last items for a joining session are sent in batches, so that others are served in between:
//! the first batch at once, the others when [`crate::host::Host::wake`] is called.
//!
//! Only the places of the items are stored. When their turn comes, the last item at that time is sent, if the session
//! still wants it and may see it. An item of which the session was notified meanwhile is not sent again.

use indexmap::IndexMap;

use crate::effect::Effect;
use crate::id::{NodeName, ServiceId, SessionId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::config::SendLast;
use crate::room::Room;

/// The place of a last item: a node of a service.
pub(crate) type Place = (ServiceId, NodeName);

/// The places of one session, in the order of sending.
pub(crate) type Places = IndexMap<Place, PendingItem>;

/// Why a last item is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastItemTrigger {
    /// The session joined, or became interested.
    Presence,
    /// The session subscribed.
    Subscription,
}

impl LastItemTrigger {
    /// Returns whether a node with this configuration sends its last item.
    pub(crate) fn applies_to(self, send_last: SendLast) -> bool {
        match self {
            Self::Presence => send_last == SendLast::OnSubAndPresence,
            Self::Subscription => send_last != SendLast::Never,
        }
    }
}

/// A last item that is still to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingItem {
    /// Why.
    pub trigger: LastItemTrigger,
    /// When the item was published of which the session was notified meanwhile: that one need not be sent.
    pub notified: Option<u64>,
}

/// The pending last items of a room's sessions. Bounded for each session.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sessions: IndexMap<SessionId, Places>,
}

impl Pending {
    /// Returns whether nothing is pending.
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Returns the number of places of all sessions. Walks over all sessions.
    pub(crate) fn len(&self) -> usize {
        self.sessions.values().map(IndexMap::len).sum()
    }

    /// Returns whether `session` has pending items.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Adds places for `session`, up to `limit` in all. The room's come first.
    pub(crate) fn add(
        &mut self,
        session: SessionId,
        places: impl IntoIterator<Item = Place>,
        trigger: LastItemTrigger,
        limit: usize,
    ) {
        let mut places = places.into_iter().peekable();
        if places.peek().is_none() {
            return;
        }
        let list = self.sessions.entry(session).or_default();
        for place in places {
            if list.len() < limit || list.contains_key(&place) {
                list.insert(place, PendingItem { trigger, notified: None });
            }
        }
        list.sort_by_key(|(service, _), _| *service != ServiceId::Room);
        if list.is_empty() {
            self.sessions.shift_remove(&session);
        }
    }

    /// Removes the places whose last items `session` was sent.
    pub(crate) fn sent(&mut self, session: SessionId, places: &[Place]) {
        let Some(list) = self.sessions.get_mut(&session) else { return };
        list.retain(|place, _| !places.contains(place));
        if list.is_empty() {
            self.sessions.shift_remove(&session);
        }
    }

    /// Notes that `session` was notified of the item that was published at `place` at this time.
    pub(crate) fn notified(&mut self, session: SessionId, place: &Place, at: u64) {
        if let Some(due) = self.sessions.get_mut(&session).and_then(|list| list.get_mut(place)) {
            due.notified = Some(at);
        }
    }

    /// Removes a session. Returns its places.
    pub(crate) fn remove(&mut self, session: SessionId) -> Places {
        self.sessions.shift_remove(&session).unwrap_or_default()
    }

    /// Restores the places of a session that is readmitted.
    pub(crate) fn put_back(&mut self, session: SessionId, places: Places) {
        if !places.is_empty() {
            self.sessions.insert(session, places);
        }
    }

    /// Takes up to `most` places of the session whose turn it is. If it has more, its next turn comes after the
    /// others'.
    fn take(&mut self, most: usize) -> Option<(SessionId, Vec<(Place, PendingItem)>)> {
        let (session, mut places) = self.sessions.shift_remove_index(0)?;
        let taken = places.drain(..most.min(places.len())).collect();
        self.put_back(session, places);
        Some((session, taken))
    }
}

impl Room {
    /// Sends pending last items of the session whose turn it is. Returns how many of its places were looked at, at most
    /// `most`, and the effects; `None` if nothing is pending.
    pub(crate) fn send_pending(
        &mut self,
        most: usize,
        moment: &mut Moment,
        options: &Options,
    ) -> Option<(usize, Vec<Effect>)> {
        let (session, places) = self.pending.take(most)?;
        let sent = places.iter().filter(|((service, name), _)| self.wants(session, *service, name, options));
        let found = self.find_last(session, sent.map(|(place, due)| (place, *due)), moment.now);
        Some((places.len(), self.send_last(session, &found, moment)))
    }

    /// Makes the last items of the room's own nodes pending for all sessions that want them. Linear in the sessions.
    pub(crate) fn await_room_items(&mut self, options: &Options) {
        let sessions: Vec<_> = self.sessions.iter().map(|(id, _)| id).collect();
        for session in sessions {
            let places = self
                .wanted_by(session, options)
                .into_iter()
                .filter(|(service, _)| *service == ServiceId::Room);
            self.pending.add(session, places, LastItemTrigger::Presence, options.max_last_items);
        }
    }

    /// Notes which sessions with a pending last item of a node were notified of the item that was published there at
    /// `at`. Linear in the notified sessions; free if nothing is pending.
    pub(crate) fn note_notified(&mut self, service: ServiceId, name: &NodeName, at: u64, effects: &[Effect]) {
        if self.pending.is_empty() {
            return;
        }
        let place = (service, name.clone());
        for effect in effects {
            let Effect::Notify { to, .. } = effect else { continue };
            for session in to.iter().filter_map(|jid| self.sessions.find(jid.as_str())) {
                self.pending.notified(session, &place, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        (ServiceId::Room, name.into())
    }

    fn names(taken: Option<(SessionId, Vec<(Place, PendingItem)>)>) -> Option<(u32, String)> {
        taken.map(|(session, places)| {
            (session.0, places.iter().map(|((_, name), _)| name.as_str()).collect::<Vec<_>>().join(" "))
        })
    }

    fn pending(lists: &[(u32, &[&str])]) -> Pending {
        let mut pending = Pending::default();
        for (session, list) in lists {
            pending.add(
                SessionId(*session),
                list.iter().map(|name| place(name)),
                LastItemTrigger::Presence,
                3,
            );
        }
        pending
    }

    #[test]
    fn sessions_take_turns() {
        let mut pending = pending(&[(7, &["a", "b", "c"]), (4, &["a", "b"])]);
        assert_eq!((pending.len(), names(pending.take(2))), (5, Some((7, "a b".into()))));
        assert_eq!(names(pending.take(1)), Some((4, "a".into())));
        assert_eq!(names(pending.take(9)), Some((7, "c".into())));
        assert_eq!(names(pending.take(9)), Some((4, "b".into())));
        assert!(pending.is_empty() && pending.take(9).is_none());
    }

    #[test]
    fn the_rooms_places_come_first() {
        let mut pending = pending(&[(1, &["a"])]);
        let of_occupant = (ServiceId::Occupant(crate::id::OccupantId(1)), NodeName::from("b"));
        for places in [vec![of_occupant], vec![place("c"), place("a")]] {
            pending.add(SessionId(1), places, LastItemTrigger::Presence, 9);
        }
        assert_eq!(names(pending.take(9)), Some((1, "a c b".into())));
    }

    #[test]
    fn a_session_has_so_many_places_and_each_once() {
        let mut pending = pending(&[(1, &["a", "b"]), (1, &["b", "c", "d"]), (1, &["e"])]);
        pending.notified(SessionId(1), &place("b"), 5);
        pending.add(SessionId(1), [place("b")], LastItemTrigger::Subscription, 3);
        let (_, taken) = pending.take(9).unwrap();
        assert_eq!(taken.iter().map(|((_, name), _)| name.as_str()).collect::<String>(), "abc");
        assert_eq!(
            taken[1].1,
            PendingItem { trigger: LastItemTrigger::Subscription, notified: None },
            "the new trigger replaces the old one"
        );
        pending.add(SessionId(1), [place("a")], LastItemTrigger::Presence, 0);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_was_sent_and_who_has_left_is_pending_no_more() {
        let mut pending = pending(&[(1, &["a", "b"]), (2, &["a"])]);
        pending.sent(SessionId(1), &[place("a")]);
        pending.sent(SessionId(2), &[place("a"), place("b")]);
        assert!(pending.has(SessionId(1)) && !pending.has(SessionId(2)));
        let gone = pending.remove(SessionId(1));
        assert!(pending.is_empty());
        pending.put_back(SessionId(3), gone);
        pending.put_back(SessionId(4), Places::default());
        assert_eq!(names(pending.take(9)), Some((3, "b".into())));
        assert!(pending.is_empty());
    }
}
