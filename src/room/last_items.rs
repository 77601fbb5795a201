//! Last items that are still to be sent. Where somebody who comes in is to be sent many, they go in batches, so that
//! others are served in between: the first at once, the rest whenever [`crate::host::Host::wake`] is called.
//!
//! What is kept until then is where the items are, not what they are: what is sent is the last item at that time, if
//! there still is one that the session wants and may see. An item that it was told of meanwhile is not sent again.

use indexmap::IndexMap;

use crate::effect::Effect;
use crate::id::{NodeName, ServiceId, SessionId};
use crate::moment::Moment;
use crate::options::Options;
use crate::pubsub::config::SendLast;
use crate::room::Room;

/// Where a last item is: a node of a service.
pub(crate) type Place = (ServiceId, NodeName);

/// The places of one session, in the order in which they are sent.
pub(crate) type Places = IndexMap<Place, Due>;

/// What a last item is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastItemTrigger {
    /// Somebody comes in, or wants more than before.
    Presence,
    /// A new subscription.
    Subscription,
}

impl LastItemTrigger {
    /// Whether a node that is configured so sends its last item.
    pub(crate) fn is_one_for(self, send_last: SendLast) -> bool {
        match self {
            Self::Presence => send_last == SendLast::OnSubAndPresence,
            Self::Subscription => send_last != SendLast::Never,
        }
    }
}

/// A last item that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// Why.
    pub cause: LastItemTrigger,
    /// When the item was published that the session was told of meanwhile: that one need not be sent.
    pub told: Option<u64>,
}

/// What the sessions of a room are still to be sent. Bounded for each session.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sessions: IndexMap<SessionId, Places>,
}

impl Pending {
    /// Whether nobody is to be sent anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many places there are, of all sessions. Costs a step a session.
    pub(crate) fn len(&self) -> usize {
        self.sessions.values().map(IndexMap::len).sum()
    }

    /// Whether `session` is to be sent something.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// `session` is to be sent these as well; no more than `limit` in all.
    pub(crate) fn add(
        &mut self,
        session: SessionId,
        places: impl IntoIterator<Item = Place>,
        cause: LastItemTrigger,
        limit: usize,
    ) {
        let mut places = places.into_iter().peekable();
        if places.peek().is_none() {
            return;
        }
        let list = self.sessions.entry(session).or_default();
        for place in places {
            if list.len() < limit || list.contains_key(&place) {
                list.insert(place, Due { cause, told: None });
            }
        }
        if list.is_empty() {
            self.sessions.shift_remove(&session);
        }
    }

    /// `session` was sent the last items of these.
    pub(crate) fn sent(&mut self, session: SessionId, places: &[Place]) {
        let Some(list) = self.sessions.get_mut(&session) else { return };
        list.retain(|place, _| !places.contains(place));
        if list.is_empty() {
            self.sessions.shift_remove(&session);
        }
    }

    /// `session` was told of the item that was published at `place` at this time.
    pub(crate) fn told(&mut self, session: SessionId, place: &Place, at: u64) {
        if let Some(due) = self.sessions.get_mut(&session).and_then(|list| list.get_mut(place)) {
            due.told = Some(at);
        }
    }

    /// Forgets a session; returns what it was to be sent.
    pub(crate) fn remove(&mut self, session: SessionId) -> Places {
        self.sessions.shift_remove(&session).unwrap_or_default()
    }

    /// What a session is to be sent that was removed, and is back.
    pub(crate) fn put_back(&mut self, session: SessionId, places: Places) {
        if !places.is_empty() {
            self.sessions.insert(session, places);
        }
    }

    /// Takes out the next places of the session whose turn it is, at most so many. If there are more, its next turn
    /// comes after the others'.
    fn take(&mut self, most: usize) -> Option<(SessionId, Vec<(Place, Due)>)> {
        let (session, mut places) = self.sessions.shift_remove_index(0)?;
        let taken = places.drain(..most.min(places.len())).collect();
        self.put_back(session, places);
        Some((session, taken))
    }
}

impl Room {
    /// Goes on with the session whose turn it is: how many of its places were looked at, at most `most`, and the last
    /// items that are there. `None`: nobody waits for any.
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

    /// Notes who, of those who are still to be sent the last item of a node, was told of the item that was published
    /// there at `at`. Costs by those who are told, and nothing where nobody is to be sent any last item.
    pub(crate) fn note_told(&mut self, service: ServiceId, name: &NodeName, at: u64, effects: &[Effect]) {
        if self.pending.is_empty() {
            return;
        }
        let place = (service, name.clone());
        for effect in effects {
            let Effect::Notify { to, .. } = effect else { continue };
            for session in to.iter().filter_map(|jid| self.sessions.find(jid.as_str())) {
                self.pending.told(session, &place, at);
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

    fn names(taken: Option<(SessionId, Vec<(Place, Due)>)>) -> Option<(u32, String)> {
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
    fn a_session_has_so_many_places_and_each_once() {
        let mut pending = pending(&[(1, &["a", "b"]), (1, &["b", "c", "d"]), (1, &["e"])]);
        pending.told(SessionId(1), &place("b"), 5);
        pending.add(SessionId(1), [place("b")], LastItemTrigger::Subscription, 3);
        let (_, taken) = pending.take(9).unwrap();
        assert_eq!(taken.iter().map(|((_, name), _)| name.as_str()).collect::<String>(), "abc");
        assert_eq!(taken[1].1, Due { cause: LastItemTrigger::Subscription, told: None }, "it is wanted anew");
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
