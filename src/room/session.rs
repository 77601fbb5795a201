//! Sessions: the connected clients in a room.

use std::rc::Rc;

use crate::caps::Claim;
use crate::facts::Show;
use crate::id::{OccupantId, SessionId};
use crate::jid::SessionJid;
use crate::room::name_index::NameIndex;

/// A connected client in a room.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its full JID.
    pub jid: SessionJid,
    /// The occupant.
    pub occupant: OccupantId,
    /// The capabilities that its last presence claimed.
    pub claim: Option<Rc<Claim>>,
    /// Whether the capabilities behind the claim are known.
    pub understood: bool,
    /// The availability in its last presence.
    pub show: Show,
}

/// The sessions of a room, by number and by JID.
#[derive(Debug, Default)]
pub struct SessionTable {
    slots: Vec<Option<Session>>,
    vacant: Vec<SessionId>,
    by_jid: NameIndex<SessionId>,
}

impl SessionTable {
    /// Returns the session with this number.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// Returns the session with this number for changes.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Returns the number of the session with this JID.
    pub fn find(&self, jid: &str) -> Option<SessionId> {
        self.by_jid.find(jid, |id| jid_at(&self.slots, id))
    }

    /// Returns all sessions, by number.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let numbered = (0u32..).map(SessionId).zip(&self.slots);
        numbered.filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// Returns the number of sessions.
    pub fn len(&self) -> usize {
        self.by_jid.len()
    }

    /// Returns whether there are no sessions.
    pub fn is_empty(&self) -> bool {
        self.by_jid.is_empty()
    }

    /// Adds a session under a vacant number, or the next one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sessions_are_used_again() {
        let mut sessions = SessionTable::default();
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
