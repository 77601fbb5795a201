//! Which subscriber or affiliate a JID in a payload stands for, and which JID of it another occupant may see.
//!
//! In a semi-anonymous room, most occupants may know only the occupant JIDs of others. An actor that may not see real
//! JIDs may not name them either, and is refused in the same way whether that account is in the room or not: otherwise
//! a whitelist could be used to find out the account of an occupant.

use std::collections::HashMap;

use crate::facts::Role;
use crate::id::{OccupantId, ServiceId};
use crate::jid::{SessionJid, names};
use crate::pubsub::access::{Affiliate, Affiliation};
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::usecase::context::RequestContext;

/// Returns the subscriber for a JID that is the actor's own: full, bare, or its occupant JID. If the account itself is
/// the session, as with `mod_minimix`, its clients' JIDs stand for it: the room reaches all of them by it.
pub(super) fn own_name(cx: &RequestContext<'_>, jid: &str) -> Option<Subscriber> {
    let session = &cx.actor.session;
    let is_account = session.as_str() == session.bare();
    let is_client = || ::jid::Jid::new(jid).is_ok_and(|jid| jid.to_bare().as_str() == session.bare());
    if names(jid, session.bare()) || is_account && is_client() {
        return Some(Subscriber::Account(session.bare().into()));
    }
    if names(jid, session.as_str()) {
        return Some(Subscriber::Session(SessionJid::from(session.as_str())));
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
///
/// An actor that may not see real JIDs gets a nick only if the subscription was made at that nick: one that an account
/// made earlier, or outside the room, would tell that the account is here again, and who it is now.
pub(super) fn subscriber_shown(
    cx: &RequestContext<'_>,
    who: &Subscriber,
    topic: &Topic,
    nicks: &Nicks<'_>,
) -> Option<String> {
    let own = &cx.actor.session;
    match who {
        Subscriber::Session(jid) if jid == own => return Some(jid.to_string()),
        Subscriber::Account(account) if &**account == own.bare() => return Some(account.to_string()),
        _ if cx.actor.sees_jids => {}
        _ if is_named(cx, who, topic) => return None,
        Subscriber::Occupant(id) => return nick(cx, *id),
        _ => return nick(cx, cx.room.subscriptions.occupant(who, topic)?),
    }
    match who {
        Subscriber::Occupant(id) => nick(cx, *id),
        Subscriber::Session(jid) => {
            let there = cx.room.sessions.find(jid.as_str()).and_then(|id| cx.room.sessions.get(id));
            there.map_or_else(|| Some(jid.to_string()), |session| nick(cx, session.occupant))
        }
        Subscriber::Account(account) => match nicks.find(account) {
            Some(id) => nick(cx, id),
            None => Some(account.to_string()),
        },
    }
}

/// Returns the JID of an affiliate that the actor may see. An affiliate that was named by its account is shown only to
/// those who may see real JIDs, or its nick would tell who it is.
pub(super) fn affiliate_shown(
    cx: &RequestContext<'_>,
    affiliate: &Affiliate,
    nicks: &Nicks<'_>,
) -> Option<String> {
    match affiliate {
        Affiliate::Occupant(id) => nick(cx, *id),
        Affiliate::Account(account) if &**account == cx.actor.session.bare() => Some(account.to_string()),
        Affiliate::Account(_) if !cx.actor.sees_jids => None,
        // In a non-anonymous room the owner knows it by the JID that it named.
        Affiliate::Account(account) if !cx.room.info.anonymous => Some(account.to_string()),
        Affiliate::Account(account) => {
            nicks.find(account).and_then(|id| nick(cx, id)).or_else(|| Some(account.to_string()))
        }
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

/// Returns the JID of the actor, which is subscribed as `who`, that an owner of the service may see: as in the owner's
/// list, an owner who may not see real JIDs gets no nick for a subscription of an earlier occupant of the same account.
pub(super) fn actor_shown_to(
    cx: &RequestContext<'_>,
    owner: OccupantId,
    who: &Subscriber,
    topic: &Topic,
) -> Option<String> {
    let occupant = cx.room.occupants.get(&owner)?;
    let sees_jids = !cx.room.info.anonymous || occupant.info.role == Role::Moderator;
    match (cx.me(), who) {
        (Some(_), _) if !sees_jids && is_named(cx, who, topic) => None,
        (Some(me), Subscriber::Session(_) | Subscriber::Account(_))
            if !sees_jids && cx.room.subscriptions.occupant(who, topic) != Some(me) =>
        {
            None
        }
        // Not its real JID either, if the room hides that it is here.
        (Some(me), _) => {
            let session = occupant.sessions.first().and_then(|&id| cx.room.sessions.get(id))?;
            let is_seen = cx.room.shows(ServiceId::Occupant(me), session.jid.bare());
            cx.actor.occupant.as_ref().filter(|_| is_seen).map(ToString::to_string)
        }
        (None, Subscriber::Session(jid)) if sees_jids => Some(jid.to_string()),
        (None, Subscriber::Account(account)) if sees_jids => Some(account.to_string()),
        (None, _) => None,
    }
}

/// Returns whether the node's owner affiliated the subscriber's account by its real JID, when it was allowed to see
/// real JIDs. If it may not see them now, a nick that it could match with that account would tell who has that nick.
fn is_named(cx: &RequestContext<'_>, who: &Subscriber, (_, node): &Topic) -> bool {
    let Some(node) = node.as_ref().and_then(|name| cx.service().ok()?.node(name.as_str()).ok()) else {
        return false;
    };
    let account = match who {
        Subscriber::Session(jid) => Some(jid.bare()),
        Subscriber::Account(account) => Some(&**account),
        Subscriber::Occupant(id) => {
            let session = cx.room.occupants.get(id).and_then(|occupant| occupant.sessions.first());
            session.and_then(|&id| cx.room.sessions.get(id)).map(|session| session.jid.bare())
        }
    };
    account
        .is_some_and(|account| node.affiliations.of(&Affiliate::Account(account.into())) != Affiliation::None)
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
