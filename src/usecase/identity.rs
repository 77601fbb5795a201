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
use crate::usecase::context::RequestContext;

/// Whom the actor means with a JID of its own: full, bare, or the address in the room.
pub(super) fn own_name(cx: &RequestContext<'_>, jid: &str) -> Option<Subscriber> {
    let session = &cx.actor.session;
    if names(jid, session.as_str()) {
        return Some(Subscriber::Session(SessionJid::from(session.as_str())));
    }
    if names(jid, session.bare()) {
        return Some(Subscriber::Account(session.bare().into()));
    }
    let own = cx.actor.occupant.as_ref().filter(|own| names(jid, own.as_str()));
    own.and_then(|_| cx.me()).map(Subscriber::Occupant)
}

/// Whose subscription an owner means.
pub(super) fn subscriber_named(cx: &RequestContext<'_>, jid: &str) -> Option<Subscriber> {
    if let Some(own) = own_name(cx, jid) {
        return Some(own);
    }
    if let Some(occupant) = occupant_named(cx, jid) {
        return Some(Subscriber::Occupant(occupant));
    }
    let jid = real_jid_named(cx, jid)?;
    Some(match jid.resource() {
        Some(_) => Subscriber::Session(jid.as_str().into()),
        None => Subscriber::Account(jid.as_str().into()),
    })
}

/// Whose affiliation an owner means: an occupant's, or an account's.
pub(super) fn person_named(cx: &RequestContext<'_>, jid: &str) -> Option<Affiliate> {
    if let Some(occupant) = occupant_named(cx, jid) {
        return Some(Affiliate::Occupant(occupant));
    }
    if names(jid, cx.actor.session.bare()) {
        return Some(Affiliate::Account(cx.actor.session.bare().into()));
    }
    real_jid_named(cx, jid).map(|jid| Affiliate::Account(jid.to_bare().as_str().into()))
}

/// By which name a subscriber is shown to the actor; `None` where by none.
pub(super) fn subscriber_shown(
    cx: &RequestContext<'_>,
    who: &Subscriber,
    nicks: &Nicks<'_>,
) -> Option<String> {
    let own = &cx.actor.session;
    match who {
        Subscriber::Occupant(id) => nick(cx, *id),
        Subscriber::Session(jid) if jid == own => Some(jid.to_string()),
        Subscriber::Account(account) if &**account == own.bare() => Some(account.to_string()),
        Subscriber::Session(jid) => {
            let there = cx.room.sessions.find(jid.as_str()).and_then(|id| cx.room.sessions.get(id));
            there.map_or_else(|| if_seen(cx, jid.as_str()), |session| nick(cx, session.occupant))
        }
        Subscriber::Account(account) => match nicks.find(account) {
            Some(id) => nick(cx, id),
            None => if_seen(cx, account),
        },
    }
}

/// By which name somebody whom an owner named is shown to the actor; `None` where by none.
pub(super) fn person_shown(cx: &RequestContext<'_>, person: &Affiliate, nicks: &Nicks<'_>) -> Option<String> {
    match person {
        Affiliate::Occupant(id) => nick(cx, *id),
        Affiliate::Account(account) if &**account == cx.actor.session.bare() => Some(account.to_string()),
        // The owner used the real JID; where all may see it, it stays.
        Affiliate::Account(account) if cx.actor.sees_jids && !cx.anonymous => Some(account.to_string()),
        Affiliate::Account(account) => match nicks.find(account) {
            Some(id) => nick(cx, id),
            None => if_seen(cx, account),
        },
    }
}

/// Who is in the room, by account: made once for a whole list. Costs a step a session.
pub(super) fn nicks<'a>(cx: &'a RequestContext<'_>) -> Nicks<'a> {
    let mut nicks: HashMap<_, Vec<_>> = HashMap::new();
    for (_, session) in cx.room.sessions.iter() {
        let occupants = nicks.entry(session.jid.bare()).or_default();
        if !occupants.contains(&session.occupant) {
            occupants.push(session.occupant);
        }
    }
    Nicks(nicks)
}

/// Whether an owner can see the actor in the room.
pub(super) fn is_seen_by(cx: &RequestContext<'_>, owner: OccupantId) -> bool {
    let session = cx.room.occupants.get(&owner).and_then(|owner| owner.sessions.first());
    let account = session.and_then(|&id| cx.room.sessions.get(id)).map(|session| session.jid.bare());
    let me = cx.me().map(ServiceId::Occupant);
    me.zip(account).is_some_and(|(me, account)| cx.room.shows(me, account))
}

/// By which name a subscriber who is not in the room is shown to an owner; `None` where by none.
pub(super) fn outsider_shown_to(
    cx: &RequestContext<'_>,
    owner: OccupantId,
    who: &Subscriber,
) -> Option<String> {
    let owner = cx.room.occupants.get(&owner)?;
    let sees = !cx.anonymous || owner.info.role == Role::Moderator;
    match who {
        Subscriber::Session(jid) if sees => Some(jid.to_string()),
        Subscriber::Account(account) if sees => Some(account.to_string()),
        _ => None,
    }
}

fn nick(cx: &RequestContext<'_>, id: OccupantId) -> Option<String> {
    if !cx.room.shows(ServiceId::Occupant(id), cx.actor.session.bare()) {
        return None;
    }
    cx.room.occupants.get(&id).map(|occupant| occupant.info.occupant.to_string())
}

/// An occupant that the actor can see.
fn occupant_named(cx: &RequestContext<'_>, jid: &str) -> Option<OccupantId> {
    let written = ::jid::Jid::new(jid).ok();
    let id = cx.room.find(jid).or_else(|| cx.room.find(written.as_ref()?.as_str()))?;
    cx.room.shows(ServiceId::Occupant(id), cx.actor.session.bare()).then_some(id)
}

/// A real JID, from somebody who may name one. An address in this room is none.
fn real_jid_named(cx: &RequestContext<'_>, jid: &str) -> Option<::jid::Jid> {
    let jid = ::jid::Jid::new(jid).ok().filter(|_| cx.actor.sees_jids)?;
    (jid.to_bare().as_str() != cx.room.jid.as_str()).then_some(jid)
}

fn if_seen(cx: &RequestContext<'_>, jid: &str) -> Option<String> {
    cx.actor.sees_jids.then(|| jid.to_owned())
}

/// Accounts in the room, and as whom: an account can be there at several nicks.
pub(crate) struct Nicks<'a>(HashMap<&'a str, Vec<OccupantId>>);

impl Nicks<'_> {
    /// As whom an account is in the room; the first where there are several.
    pub(super) fn find(&self, account: &str) -> Option<OccupantId> {
        self.all(account).first().copied()
    }

    /// As whom an account is in the room.
    pub(super) fn all(&self, account: &str) -> &[OccupantId] {
        self.0.get(account).map_or(&[], Vec::as_slice)
    }
}
