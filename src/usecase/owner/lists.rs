//! The lists that a node's owner manages: subscriptions (XEP-0060, 8.8) and affiliations (8.9).

use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};
use minidom::{Element, ElementBuilder};

use crate::error::Error;
use crate::id::{NodeName, ServiceId};
use crate::options::Options;
use crate::pubsub::access::{Action, Affiliate, Affiliation};
use crate::pubsub::subscribe_options::SubscribeOptions;
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::stanza::request::Entry;
use crate::stanza::{event, response};
use crate::usecase::context::RequestContext;
use crate::usecase::identity::{self, Nicks};
use crate::usecase::subscriber;
use crate::xml::rsm::Page;
use crate::xml::{self, With, ns};

/// Lists the subscriptions to a node (8.8.1), each with the JID that the owner may see.
pub(in crate::usecase) fn subscribers(
    cx: &RequestContext<'_>,
    name: &NodeName,
    page: Option<&Page>,
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    cx.service()?.node(name.as_str())?;
    let nicks = identity::nicks(cx);
    let topic = (cx.service_id, Some(name.clone()));
    // Several subscriptions of one occupant appear as one.
    let all = cx.room.subscriptions.of(&topic);
    let names = all.filter_map(|(who, _)| identity::subscriber_shown(cx, who, &topic, &nicks));
    let names: IndexSet<_> = names.collect();
    let entries: Vec<_> = names.iter().map(|jid| subscription(jid, true)).collect();
    list("subscriptions", name, &entries, page, cx.options)
}

/// Changes subscriptions to a node (8.8.2), all or none of them. Notifies the subscribers concerned.
///
/// Only the room's owners can subscribe others: an occupant must not send its items to sessions that did not ask for
/// them.
pub(in crate::usecase) fn set_subscribers(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    entries: &[Entry],
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    cx.service()?.node(name.as_str())?;
    let topic = (cx.service_id, Some(name.clone()));
    let named: Vec<_> = entries.iter().map(|entry| identity::subscriber_named(cx, &entry.jid)).collect();
    let changes: Option<Vec<_>> = entries
        .iter()
        .zip(&named)
        .map(|(entry, who)| subscription_change(cx, entry, who.as_ref()?))
        .collect();
    let Some(changes) = changes else {
        let known = |who: &Subscriber| cx.room.subscriptions.contains(who, &topic);
        let shown = entries.iter().zip(&named);
        let shown = shown.map(|(entry, who)| subscription(&entry.jid, who.as_ref().is_some_and(known)));
        return Err(Error::Unacceptable(Box::new(wrapped("subscriptions", name, shown))));
    };
    let new = changes.iter().filter(|(_, wanted)| *wanted == Some(true)).count();
    for (who, wanted) in &changes {
        if *wanted == Some(true) {
            cx.room.subscriptions.check(who, &topic, new, cx.options)?;
        }
    }

    for (who, wanted) in changes {
        match wanted {
            Some(true) if subscriber::add(cx, who.clone(), &topic, SubscribeOptions::default()) => {
                let notice = cx.room.notify_of_subscription(&who, &topic, "subscribed", cx.moment);
                cx.effects.extend(notice);
            }
            Some(false) => {
                for who in same_occupant(cx, who, &topic) {
                    cx.effects.extend(cx.room.end_subscription(&who, &topic, cx.moment));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Lists the affiliations to a node (8.9.1), each with the JID that the owner may see.
pub(in crate::usecase) fn affiliates(
    cx: &RequestContext<'_>,
    name: &NodeName,
    page: Option<&Page>,
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    let node = cx.service()?.node(name.as_str())?;
    let nicks = identity::nicks(cx);
    let owner = affiliation(cx.room.address(cx.service_id), Affiliation::Owner);
    let named = node.affiliations.iter().filter_map(|(affiliate, is)| {
        let jid = identity::affiliate_shown(cx, affiliate, &nicks)?;
        Some(affiliation(&jid, is))
    });
    let entries: Vec<_> = std::iter::once(owner).chain(named).collect();
    list("affiliations", name, &entries, page, cx.options)
}

/// Changes affiliations to a node (8.9.2), all or none of them. Notifies the affiliates concerned, and ends the
/// subscriptions of those that may not read any more.
pub(in crate::usecase) fn set_affiliates(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    entries: &[Entry],
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    let node = cx.service()?.node(name.as_str())?;
    let named: Vec<_> = entries.iter().map(|entry| identity::affiliate_named(cx, &entry.jid)).collect();
    let nicks = identity::nicks(cx);
    let mut changes = IndexMap::new();
    let mut acceptable = true;
    for (entry, affiliate) in entries.iter().zip(&named) {
        let wanted = entry.value.as_deref().map(Affiliation::from_name);
        match (affiliate, wanted) {
            (Some(affiliate), Some(Some(wanted)))
                if !is_owner(cx, affiliate, &nicks) && wanted != Affiliation::Owner =>
            {
                check_affiliation(cx, wanted)?;
                // A full and a bare JID, say: the entries are known to differ as they are written.
                if changes.insert(affiliate.clone(), wanted).is_some() {
                    return Err(Error::Malformed("the list names an affiliate twice"));
                }
            }
            (Some(_), None) => {}
            _ => acceptable = false,
        }
    }
    if !acceptable {
        let is = |affiliate: &Affiliate| {
            if is_owner(cx, affiliate, &nicks) { Affiliation::Owner } else { node.affiliations.of(affiliate) }
        };
        let shown = entries.iter().zip(&named);
        let shown = shown.map(|(e, who)| affiliation(&e.jid, who.as_ref().map_or(Affiliation::None, is)));
        return Err(Error::Unacceptable(Box::new(wrapped("affiliations", name, shown))));
    }
    let mut after = node.affiliations.clone();
    after.retain(|affiliate| match affiliate {
        Affiliate::Occupant(id) => cx.room.occupants.contains_key(id),
        Affiliate::Account(_) => true,
    });
    let before = after.clone();
    for (affiliate, wanted) in &changes {
        after.set(affiliate.clone(), *wanted);
    }
    if after.len() > cx.options.max_affiliations.max(before.len()) {
        return Err(Error::TooManyAffiliations);
    }

    let shut_out = cx.room.shut_out_of_node(cx.service_id, name, cx.options);
    let node = cx.node_mut(name)?;
    node.affiliations = after;
    node.changed();
    cx.room.admit(shut_out, cx.options);
    for (affiliate, wanted) in changes {
        if before.of(&affiliate) != wanted {
            notify_affiliate(cx, &affiliate, name, wanted);
        }
    }
    cx.effects.extend(cx.room.end_without_access(cx.service_id, name, cx.moment));
    Ok(None)
}

/// Returns all subscribers that are the same occupant: the owner knows it by the occupant JID, but it may have
/// subscribed with a real JID.
fn same_occupant(cx: &RequestContext<'_>, who: Subscriber, topic: &Topic) -> Vec<Subscriber> {
    let Subscriber::Occupant(id) = who else { return vec![who] };
    let nicks = identity::nicks(cx);
    let is = |other: &Subscriber| match other {
        Subscriber::Occupant(other) => *other == id,
        Subscriber::Session(jid) => {
            let there = cx.room.sessions.find(jid.as_str()).and_then(|id| cx.room.sessions.get(id));
            there.is_some_and(|session| session.occupant == id)
        }
        Subscriber::Account(account) => nicks.all(account).contains(&id),
    };
    cx.room.subscriptions.of(topic).map(|(who, _)| who).filter(|who| is(who)).cloned().collect()
}

/// Returns the change of a subscription: `Some(true)` subscribes, `Some(false)` unsubscribes, `None` changes nothing.
fn subscription_change(
    cx: &RequestContext<'_>,
    entry: &Entry,
    who: &Subscriber,
) -> Option<(Subscriber, Option<bool>)> {
    let wanted = match entry.value.as_deref() {
        None => None,
        Some("none") => Some(false),
        Some("subscribed") if identity::own_name(cx, &entry.jid).is_some() => Some(true),
        // Sessions outside the room must subscribe by themselves, or an owner could send events to anyone.
        Some("subscribed") if cx.service_id == ServiceId::Room && is_here(cx, who) => Some(true),
        Some(_) => return None,
    };
    Some((who.clone(), wanted))
}

fn is_here(cx: &RequestContext<'_>, who: &Subscriber) -> bool {
    match who {
        Subscriber::Session(jid) => cx.room.sessions.find(jid.as_str()).is_some(),
        Subscriber::Account(account) => !identity::nicks(cx).all(account).is_empty(),
        Subscriber::Occupant(_) => true,
    }
}

/// Checks that an occupant's node gets no other publishers (XEP-0316, 4.2).
fn check_affiliation(cx: &RequestContext<'_>, wanted: Affiliation) -> Result<(), Error> {
    match (wanted, cx.service_id) {
        (Affiliation::Publisher, ServiceId::Occupant(_)) => {
            Err(Error::UnsupportedAffiliation("publisher-affiliation"))
        }
        (Affiliation::PublishOnly, ServiceId::Occupant(_)) => {
            Err(Error::UnsupportedAffiliation("publish-only-affiliation"))
        }
        _ => Ok(()),
    }
}

/// Returns whether an affiliate is the addressed occupant. A room's owners are those of the room's configuration.
fn is_owner(cx: &RequestContext<'_>, affiliate: &Affiliate, nicks: &Nicks<'_>) -> bool {
    match (cx.service_id, affiliate) {
        (ServiceId::Occupant(owner), Affiliate::Occupant(id)) => owner == *id,
        (ServiceId::Occupant(owner), Affiliate::Account(account)) => nicks.all(account).contains(&owner),
        (ServiceId::Room, _) => false,
    }
}

fn notify_affiliate(
    cx: &mut RequestContext<'_>,
    affiliate: &Affiliate,
    name: &NodeName,
    wanted: Affiliation,
) {
    let (jid, whom): (_, HashSet<_>) = match affiliate {
        Affiliate::Occupant(id) => (cx.room.address(ServiceId::Occupant(*id)).to_owned(), [*id].into()),
        Affiliate::Account(account) => {
            let sessions = cx.room.sessions.iter().filter(|(_, session)| session.jid.bare() == &**account);
            (account.to_string(), sessions.map(|(_, session)| session.occupant).collect())
        }
    };
    let notice = event::affiliation(name, &jid, wanted.as_str());
    let mut whom: Vec<_> = whom.into_iter().collect();
    whom.sort_unstable();
    for id in whom {
        let told = cx.room.notify_subscriber(cx.service_id, &Subscriber::Occupant(id), &notice, cx.moment);
        cx.effects.extend(told);
    }
}

fn subscription(jid: &str, subscribed: bool) -> Element {
    let state = if subscribed { "subscribed" } else { "none" };
    Element::builder("subscription", ns::OWNER).with("jid", jid).with("subscription", state).build()
}

fn affiliation(jid: &str, is: Affiliation) -> Element {
    Element::builder("affiliation", ns::OWNER).with("jid", jid).with("affiliation", is.as_str()).build()
}

fn wrapped(kind: &str, name: &NodeName, entries: impl Iterator<Item = Element>) -> Element {
    let list: ElementBuilder = Element::builder(kind, ns::OWNER).with("node", name.as_str());
    response::owner(list.append_all(entries).build())
}

/// Builds a list or a page of it: the requested one, or what fits into a reply.
fn list(
    kind: &str,
    name: &NodeName,
    entries: &[Element],
    page: Option<&Page>,
    options: &Options,
) -> Result<Option<Element>, Error> {
    let id = |entry: &Element| entry.attr("jid").map(str::to_owned);
    let position = |jid: &str| entries.iter().position(|entry| entry.attr("jid") == Some(jid));
    let asked = page.cloned().unwrap_or_default().slice(entries.len(), position)?;
    let shown = asked.fit(options.max_reply_size, |at| entries.get(at).map_or(0, xml::size));
    let paged = page.is_some() || shown != asked;
    let set = paged.then(|| shown.to_element(entries.len(), |at| entries.get(at).and_then(id)));
    let shown = entries.iter().skip(shown.start).take(shown.end - shown.start).cloned();
    let mut reply = wrapped(kind, name, shown);
    if let Some(set) = set {
        reply.append_child(set);
    }
    Ok(Some(reply))
}
