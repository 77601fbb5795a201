//! Who is meant by a JID in a payload, and by which name somebody is shown to somebody else.
//!
//! In a semi-anonymous room an occupant JID is all that most may know of each other. So whoever may not see real JIDs
//! may not name one either, and is refused alike whether that person is in the room or not: a whitelist must not be
//! a way to find out who somebody is.

use std::collections::HashMap;

use crate::facts::Role;
use crate::id::{OccupantId, ServiceId};
use crate::jid::{SessionJid, names};
use crate::pubsub::access::Affiliate;
use crate::pubsub::subscription::Subscriber;
use crate::room::occupant::Occupant;
use crate::usecase::context::RequestContext;

impl RequestContext<'_> {
    /// Whom the actor means with a JID of its own: full, bare, or the address in the room.
    pub(crate) fn own_name(&self, jid: &str) -> Option<Subscriber> {
        let session = &self.actor.session;
        if names(jid, session.as_str()) {
            return Some(Subscriber::Session(SessionJid::from(session.as_str())));
        }
        if names(jid, session.bare()) {
            return Some(Subscriber::Account(session.bare().into()));
        }
        let own = self.actor.occupant.as_ref().filter(|own| names(jid, own.as_str()));
        own.and_then(|_| self.me()).map(Subscriber::Occupant)
    }

    /// Whose subscription an owner means.
    pub(crate) fn subscriber_named(&self, jid: &str) -> Option<Subscriber> {
        if let Some(own) = self.own_name(jid) {
            return Some(own);
        }
        if let Some(occupant) = self.occupant_named(jid) {
            return Some(Subscriber::Occupant(occupant));
        }
        let jid = self.real_jid_named(jid)?;
        Some(match jid.resource() {
            Some(_) => Subscriber::Session(jid.as_str().into()),
            None => Subscriber::Account(jid.as_str().into()),
        })
    }

    /// Whose affiliation an owner means: an occupant's, or an account's.
    pub(crate) fn person_named(&self, jid: &str) -> Option<Affiliate> {
        if let Some(occupant) = self.occupant_named(jid) {
            return Some(Affiliate::Occupant(occupant));
        }
        if names(jid, self.actor.session.bare()) {
            return Some(Affiliate::Account(self.actor.session.bare().into()));
        }
        self.real_jid_named(jid).map(|jid| Affiliate::Account(jid.to_bare().as_str().into()))
    }

    /// By which name a subscriber is shown to the actor; `None` where by none.
    pub(crate) fn subscriber_shown(&self, who: &Subscriber, nicks: &Nicks<'_>) -> Option<String> {
        let own = &self.actor.session;
        match who {
            Subscriber::Occupant(id) => self.nick(*id),
            Subscriber::Session(jid) if jid == own => Some(jid.to_string()),
            Subscriber::Account(account) if &**account == own.bare() => Some(account.to_string()),
            Subscriber::Session(jid) => {
                let there = self.room.sessions.find(jid.as_str()).and_then(|id| self.room.sessions.get(id));
                there.map_or_else(|| self.if_seen(jid.as_str()), |session| self.nick(session.occupant))
            }
            Subscriber::Account(account) => match nicks.find(account) {
                Some(id) => self.nick(id),
                None => self.if_seen(account),
            },
        }
    }

    /// By which name somebody whom an owner named is shown to the actor; `None` where by none.
    pub(crate) fn person_shown(&self, person: &Affiliate, nicks: &Nicks<'_>) -> Option<String> {
        match person {
            Affiliate::Occupant(id) => self.nick(*id),
            Affiliate::Account(account) if &**account == self.actor.session.bare() => {
                Some(account.to_string())
            }
            // The owner used the real JID; where all may see it, it stays.
            Affiliate::Account(account) if self.actor.sees_jids && !self.anonymous => {
                Some(account.to_string())
            }
            Affiliate::Account(account) => match nicks.find(account) {
                Some(id) => self.nick(id),
                None => self.if_seen(account),
            },
        }
    }

    /// Who is in the room, by account: made once for a whole list. Costs a step a session.
    pub(crate) fn nicks(&self) -> Nicks<'_> {
        let mut nicks: HashMap<_, Vec<_>> = HashMap::new();
        for (_, session) in self.room.sessions.iter() {
            let occupants = nicks.entry(session.jid.bare()).or_default();
            if !occupants.contains(&session.occupant) {
                occupants.push(session.occupant);
            }
        }
        Nicks(nicks)
    }

    /// The occupants who own the service that is asked.
    pub(crate) fn owners(&self) -> Vec<OccupantId> {
        match self.service_id {
            ServiceId::Occupant(id) => vec![id],
            ServiceId::Room => {
                let publishes = |occupant: &Occupant| {
                    self.publishers.include(occupant.info.role, occupant.info.room_affiliation)
                };
                self.room.occupants.iter().filter(|(_, o)| publishes(o)).map(|(&id, _)| id).collect()
            }
        }
    }

    /// Whether an owner can see the actor in the room.
    pub(crate) fn is_seen_by(&self, owner: OccupantId) -> bool {
        let session = self.room.occupants.get(&owner).and_then(|owner| owner.sessions.first());
        let account = session.and_then(|&id| self.room.sessions.get(id)).map(|session| session.jid.bare());
        let me = self.me().map(ServiceId::Occupant);
        me.zip(account).is_some_and(|(me, account)| self.room.shows(me, account))
    }

    /// By which name a subscriber who is not in the room is shown to an owner; `None` where by none.
    pub(crate) fn outsider_shown_to(&self, owner: OccupantId, who: &Subscriber) -> Option<String> {
        let owner = self.room.occupants.get(&owner)?;
        let sees = !self.anonymous || owner.info.role == Role::Moderator;
        match who {
            Subscriber::Session(jid) if sees => Some(jid.to_string()),
            Subscriber::Account(account) if sees => Some(account.to_string()),
            _ => None,
        }
    }

    fn nick(&self, id: OccupantId) -> Option<String> {
        if !self.room.shows(ServiceId::Occupant(id), self.actor.session.bare()) {
            return None;
        }
        self.room.occupants.get(&id).map(|occupant| occupant.info.occupant.to_string())
    }

    /// An occupant that the actor can see.
    fn occupant_named(&self, jid: &str) -> Option<OccupantId> {
        let written = ::jid::Jid::new(jid).ok();
        let id = self.room.find(jid).or_else(|| self.room.find(written.as_ref()?.as_str()))?;
        self.room.shows(ServiceId::Occupant(id), self.actor.session.bare()).then_some(id)
    }

    /// A real JID, from somebody who may name one. An address in this room is none.
    fn real_jid_named(&self, jid: &str) -> Option<::jid::Jid> {
        let jid = ::jid::Jid::new(jid).ok().filter(|_| self.actor.sees_jids)?;
        (jid.to_bare().as_str() != self.room.jid.as_str()).then_some(jid)
    }

    fn if_seen(&self, jid: &str) -> Option<String> {
        self.actor.sees_jids.then(|| jid.to_owned())
    }
}

/// Accounts in the room, and as whom: an account can be there at several nicks.
pub(crate) struct Nicks<'a>(HashMap<&'a str, Vec<OccupantId>>);

impl Nicks<'_> {
    /// As whom an account is in the room; the first where there are several.
    pub fn find(&self, account: &str) -> Option<OccupantId> {
        self.all(account).first().copied()
    }

    /// As whom an account is in the room.
    pub fn all(&self, account: &str) -> &[OccupantId] {
        self.0.get(account).map_or(&[], Vec::as_slice)
    }
}
