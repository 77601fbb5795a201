//! Occupants and their sessions: who is in a room.

use std::rc::Rc;

use crate::caps::Claim;
use crate::jid::{OccupantJid, SessionJid};
use crate::options::Options;
use crate::pubsub::access::{Role, Standing};
use crate::pubsub::config::choice;
use crate::pubsub::service::{OccupantId, Service};
use crate::room::by_name::ByName;
use crate::room::interest::SessionId;

/// What the server says of an occupant with each presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The address in the room.
    pub occupant: OccupantJid,
    /// The role.
    pub role: Role,
    /// The affiliation to the room.
    pub standing: Standing,
    /// Whether the room shows this occupant's presence to others (its presence broadcast setting).
    pub visible: bool,
    /// The stable id of XEP-0421, where the room gives one.
    pub occupant_id: Option<Box<str>>,
}

/// Somebody in a room, at one nick, with one client or several.
#[derive(Debug)]
pub struct Occupant {
    /// What the server said last.
    pub presence: Presence,
    /// The clients, in the order of their coming.
    pub sessions: Vec<SessionId>,
    /// What the occupant has published.
    pub service: Service,
    /// How much may be published now.
    pub allowance: Allowance,
}

impl Occupant {
    pub(crate) fn new(presence: Presence) -> Self {
        Self {
            presence,
            sessions: Vec::with_capacity(1),
            service: Service::default(),
            allowance: Allowance::default(),
        }
    }
}

/// What a presence stanza says of its client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Its capabilities.
    pub claim: Option<Claim>,
    /// Its availability.
    pub show: Show,
}

choice! {
    /// How available a client is (RFC 6121, 4.7.2.1).
    #[derive(Default)]
    Show {
        /// Away.
        Away = "away",
        /// Eager to talk.
        Chat = "chat",
        /// Not to be disturbed.
        Dnd = "dnd",
        /// Available: no `<show/>`.
        #[default]
        Online = "online",
        /// Away for longer.
        Xa = "xa",
    }
}

/// A client in a room.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its full JID.
    pub jid: SessionJid,
    /// Whose client it is.
    pub occupant: OccupantId,
    /// What its presence last said of its capabilities.
    pub claim: Option<Rc<Claim>>,
    /// Whether it is known what the claim stands for.
    pub understood: bool,
    /// What its presence last said of its availability.
    pub show: Show,
}

/// The sessions of a room, by number and by JID.
#[derive(Debug, Default)]
pub struct Sessions {
    slots: Vec<Option<Session>>,
    vacant: Vec<SessionId>,
    by_jid: ByName<SessionId>,
}

impl Sessions {
    /// The session of this number.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The session of this number, to change it.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// The number of the session with this JID.
    pub fn find(&self, jid: &str) -> Option<SessionId> {
        self.by_jid.find(jid, |id| jid_at(&self.slots, id))
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let numbered = (0u32..).map(SessionId).zip(&self.slots);
        numbered.filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_jid.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_jid.is_empty()
    }

    /// Adds one, and gives it the number of one that went, or the next.
    pub fn insert(&mut self, session: Session) -> SessionId {
        let id = if let Some(id) = self.vacant.pop() {
            if let Some(slot) = self.slots.get_mut(id.0 as usize) {
                *slot = Some(session);
            }
            id
        } else {
            self.slots.push(Some(session));
            SessionId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        };
        self.by_jid.insert(id, |id| jid_at(&self.slots, id));
        id
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let jid = self.get(id)?.jid.clone();
        self.by_jid.remove(jid.as_str(), |id| jid_at(&self.slots, id));
        let session = self.slots.get_mut(id.0 as usize)?.take()?;
        self.vacant.push(id);
        Some(session)
    }
}

fn jid_at(slots: &[Option<Session>], id: SessionId) -> &str {
    slots.get(id.0 as usize).and_then(Option::as_ref).map_or("", |session| session.jid.as_str())
}

/// How much somebody may publish: a burst, filled up again at a steady rate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    /// Publishes counted against the burst, in thousandths.
    used: u64,
    at: u64,
}

impl Allowance {
    /// Whether one more fits at `now`.
    pub fn permits(&self, now: u64, options: &Options) -> bool {
        self.used_at(now, options) + 1000 <= u64::from(options.publish_burst) * 1000
    }

    /// Counts one.
    pub fn count(&mut self, now: u64, options: &Options) {
        self.used = self.used_at(now, options) + 1000;
        self.at = now;
    }

    /// Never more than a burst: where that is lowered, nobody waits longer than those who used up the lower one.
    fn used_at(&self, now: u64, options: &Options) -> u64 {
        let refilled = now.saturating_sub(self.at).saturating_mul(u64::from(options.publish_rate));
        self.used.min(u64::from(options.publish_burst) * 1000).saturating_sub(refilled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_a_burst_and_then_a_rate() {
        let options = Options { publish_burst: 3, publish_rate: 2, ..Options::default() };
        let mut allowance = Allowance::default();
        let mut publish = |now| {
            let permitted = allowance.permits(now, &options);
            if permitted {
                allowance.count(now, &options);
            }
            permitted
        };
        let at_once: Vec<_> = (0..4).map(|_| publish(1_000_000)).collect();
        assert_eq!(at_once, [true, true, true, false]);
        assert!(!publish(1_000_499));
        assert!(publish(1_000_500));
        assert!(!publish(1_000_501));
    }

    #[test]
    fn who_used_more_than_a_lowered_burst_waits_no_longer_for_it() {
        let mut allowance = Allowance::default();
        let before = Options { publish_burst: 100, publish_rate: 2, ..Options::default() };
        for _ in 0..100 {
            allowance.count(1_000_000, &before);
        }
        let after = Options { publish_burst: 3, ..before };
        assert!(!allowance.permits(1_000_499, &after));
        assert!(allowance.permits(1_000_500, &after));
    }

    #[test]
    fn numbers_of_sessions_are_used_again() {
        let mut sessions = Sessions::default();
        let session = |jid: &str| Session {
            jid: jid.into(),
            occupant: OccupantId(0),
            claim: None,
            understood: false,
            show: Show::Online,
        };
        let first = sessions.insert(session("a@b/c"));
        sessions.insert(session("d@e/f"));
        assert_eq!(sessions.remove(first).unwrap().jid.as_str(), "a@b/c");
        assert_eq!(sessions.find("a@b/c"), None);
        assert_eq!(sessions.insert(session("g@h/i")), first);
        assert_eq!(sessions.len(), 2);
    }
}
