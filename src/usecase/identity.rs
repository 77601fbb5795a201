//! Which subscriber or affiliate a JID in a payload stands for, and which JID of it another occupant may see.
//!
//! In a semi-anonymous room, most occupants may know only the occupant JIDs of others. An actor that may not see real
//! JIDs may not name them either, and is refused in the same way whether that account is in the room or not: otherwise
//! a whitelist could be used to find out the account of an occupant.

use std::collections::HashMap;

use crate::facts::Role;
use crate::id::{OccupantId, ServiceId};
use crate::jid::{SessionJid, names};
use crate::pubsub::access::Affiliate;
use crate::pubsub::subscription::Subscriber;
use crate::usecase::context::RequestContext;

/// Returns the subscriber for a JID that is the actor's own: full, bare, or its occupant JID.
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

/// Returns the subscriber for a JID that is the actor's own, or that another client of the actor's account subscribed
/// with.
pub(super) fn own_subscriber(cx: &RequestContext<'_>, jid: &str) -> Option<Subscriber> {
    own_name(cx, jid).or_else(|| {
        let subscribed = own_sessions(cx).find(|session| names(jid, session.as_str())).cloned();
        let written =
            || ::jid::Jid::new(jid).ok().filter(|jid| jid.to_bare().as_str() == cx.actor.session.bare());
        subscribed.or_else(|| Some(written()?.as_str().into())).map(Subscriber::Session)
    })
}

/// Returns the full JIDs that the actor's account subscribed with, in the room or outside.
pub(super) fn own_sessions<'a>(cx: &'a RequestContext<'_>) -> impl Iterator<Item = &'a SessionJid> {
    let account = cx.actor.session.bare();
    cx.room.subscriptions.sessions_of(account)
}

/// Returns the subscriber for a JID that an owner names.
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

/// Returns the affiliate for a JID that an owner names: an occupant or an account.
pub(super) fn affiliate_named(cx: &RequestContext<'_>, jid: &str) -> Option<Affiliate> {
    if let Some(occupant) = occupant_named(cx, jid) {
        return Some(Affiliate::Occupant(occupant));
    }
    if names(jid, cx.actor.session.bare()) {
        return Some(Affiliate::Account(cx.actor.session.bare().into()));
    }
    real_jid_named(cx, jid).map(|jid| Affiliate::Account(jid.to_bare().as_str().into()))
}

/// Returns the JID of a subscriber that the actor may see.
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

/// Returns the JID of an affiliate that the actor may see.
pub(super) fn affiliate_shown(
    cx: &RequestContext<'_>,
    affiliate: &Affiliate,
    nicks: &Nicks<'_>,
) -> Option<String> {
    match affiliate {
        Affiliate::Occupant(id) => nick(cx, *id),
        Affiliate::Account(account) if &**account == cx.actor.session.bare() => Some(account.to_string()),
        // The owner used the real JID. In a non-anonymous room it is shown.
        Affiliate::Account(account) if cx.actor.sees_jids && !cx.room.info.anonymous => {
            Some(account.to_string())
        }
        Affiliate::Account(account) => match nicks.find(account) {
            Some(id) => nick(cx, id),
            None => if_seen(cx, account),
        },
    }
}

/// Maps the accounts in the room to their occupants, once for a whole list. Walks over all sessions.
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

/// Returns whether an owner can see the actor in the room.
pub(super) fn is_seen_by(cx: &RequestContext<'_>, owner: OccupantId) -> bool {
    let session = cx.room.occupants.get(&owner).and_then(|owner| owner.sessions.first());
    let account = session.and_then(|&id| cx.room.sessions.get(id)).map(|session| session.jid.bare());
    let me = cx.me().map(ServiceId::Occupant);
    me.zip(account).is_some_and(|(me, account)| cx.room.shows(me, account))
}

/// Returns the JID of a subscriber outside the room that an owner may see.
pub(super) fn outsider_shown_to(
    cx: &RequestContext<'_>,
    owner: OccupantId,
    who: &Subscriber,
) -> Option<String> {
    let owner = cx.room.occupants.get(&owner)?;
    let sees = !cx.room.info.anonymous || owner.info.role == Role::Moderator;
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

/// Returns the occupant for a JID if the actor can see it.
fn occupant_named(cx: &RequestContext<'_>, jid: &str) -> Option<OccupantId> {
    let written = ::jid::Jid::new(jid).ok();
    let id = cx.room.find(jid).or_else(|| cx.room.find(written.as_ref()?.as_str()))?;
    cx.room.shows(ServiceId::Occupant(id), cx.actor.session.bare()).then_some(id)
}

/// Parses a real JID if the actor may name one. A JID of this room is not a real JID.
fn real_jid_named(cx: &RequestContext<'_>, jid: &str) -> Option<::jid::Jid> {
    let jid = ::jid::Jid::new(jid).ok().filter(|_| cx.actor.sees_jids)?;
    (jid.to_bare().as_str() != cx.room.info.jid.as_str()).then_some(jid)
}

fn if_seen(cx: &RequestContext<'_>, jid: &str) -> Option<String> {
    cx.actor.sees_jids.then(|| jid.to_owned())
}

/// The occupants of each account in the room: an account can have several nicks.
pub(crate) struct Nicks<'a>(HashMap<&'a str, Vec<OccupantId>>);

impl Nicks<'_> {
    /// Returns the first occupant of an account.
    pub(super) fn find(&self, account: &str) -> Option<OccupantId> {
        self.all(account).first().copied()
    }

    /// Returns the occupants of an account.
    pub(super) fn all(&self, account: &str) -> &[OccupantId] {
        self.0.get(account).map_or(&[], Vec::as_slice)
    }
}
