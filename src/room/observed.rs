//! What other modules of the server are told of sessions: a change of their interest.

use crate::caps::NodeSet;
use crate::effect::InterestChange;
use crate::id::{NodeName, SessionId};
use crate::room::Room;

/// The changes of sessions' interest that are still to be told, if anyone wants to know.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Whether anyone does.
    pub wanted: bool,
    changes: Vec<InterestChange>,
}

impl Observed {
    /// Takes the changes since this was last called.
    pub(crate) fn take(&mut self) -> Vec<InterestChange> {
        std::mem::take(&mut self.changes)
    }
}

impl Room {
    /// Notes that a session wants other nodes than before. To be called while it is in the room. Free if no one wants to
    /// know.
    pub(super) fn note_interest<'a>(
        &mut self,
        session: SessionId,
        gained: &[NodeName],
        lost: impl Iterator<Item = &'a NodeName>,
    ) {
        if !self.observed.wanted {
            return;
        }
        let lost: Vec<_> = lost.cloned().collect();
        let Some(who) = self.sessions.get(session).filter(|_| !gained.is_empty() || !lost.is_empty()) else {
            return;
        };
        let Some(occupant) = self.occupants.get(&who.occupant) else { return };
        self.observed.changes.push(InterestChange {
            room: self.info.jid.clone(),
            occupant: occupant.info.occupant.clone(),
            session: who.jid.clone(),
            gained: gained.to_vec(),
            lost,
        });
    }

    /// Forgets what a session wants, which is in the room. Returns that.
    pub(super) fn forget_interest(&mut self, session: SessionId) -> NodeSet {
        let wanted = self.interest.get(session).cloned().unwrap_or_default();
        self.interest.clear(session);
        self.note_interest(session, &[], wanted.iter());
        wanted
    }
}
