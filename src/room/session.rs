//! Sessions: the clients that are in a room.

use std::rc::Rc;

use crate::caps::Claim;
use crate::facts::Show;
use crate::id::{OccupantId, SessionId};
use crate::jid::SessionJid;
use crate::room::name_index::NameIndex;

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
pub struct SessionTable {
    slots: Vec<Option<Session>>,
    vacant: Vec<SessionId>,
    by_jid: NameIndex<SessionId>,
}

impl SessionTable {
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
