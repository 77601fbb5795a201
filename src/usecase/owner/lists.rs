//! The lists that a node's owner manages: subscriptions (XEP-0060, 8.8) and affiliations (8.9).

use indexmap::{IndexMap, IndexSet};
use minidom::{Element, ElementBuilder};

use crate::error::Error;
use crate::id::{NodeName, ServiceId};
use crate::pubsub::access::{Action, Affiliate, Affiliation};
use crate::pubsub::subscribe_options::SubscribeOptions;
use crate::pubsub::subscription::{Subscriber, Topic};
use crate::stanza::request::Entry;
use crate::stanza::{event, response};
use crate::usecase::context::RequestContext;
use crate::usecase::identity::{self, Nicks};
use crate::usecase::{price, subscriber};
use crate::xml::rsm::Page;
use crate::xml::{With, ns};

/// Lists the subscriptions to a node (8.8.1), each with the JID that the owner may see.
pub(in crate::usecase) fn subscribers(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    page: Option<&Page>,
) -> Result<Element, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    cx.node(name)?;
    let topic = (cx.service_id, Some(name.clone()));
    let looks = cx.room.sessions.len() + cx.room.subscriptions.of(&topic).count();
    cx.allowance.send(looks * price::LOOK)?;
    let nicks = identity::nicks(cx);
    // Several subscriptions of one occupant appear as one.
    let all = cx.room.subscriptions.of(&topic);
    let names = all.filter_map(|(who, _)| identity::subscriber_shown(cx, who, &topic, &nicks));
    let names: IndexSet<_> = names.collect();
    let entries: Vec<_> = names.into_iter().map(|jid| (jid, ())).collect();
    list(cx, ("subscriptions", name), &entries, page, |jid, ()| subscription(jid, true))
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
    cx.node(name)?;
    let topic = (cx.service_id, Some(name.clone()));
    let named: Vec<_> = entries.iter().map(|entry| identity::subscriber_named(cx, &entry.jid)).collect();
    let nicks = identity::nicks(cx);
    let changes: Option<Vec<_>> = entries
        .iter()
        .zip(&named)
        .map(|(entry, who)| subscription_change(cx, entry, who.as_ref()?, &nicks))
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

    cx.use_node(name)?;
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
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    page: Option<&Page>,
) -> Result<Element, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    let looks = cx.room.sessions.len() + cx.node(name)?.affiliations.len();
    cx.allowance.send(looks * price::LOOK)?;
    let nicks = identity::nicks(cx);
    let owner = (cx.room.address(cx.service_id).to_owned(), Affiliation::Owner);
    let named = cx.node(name)?.affiliations.iter();
    let named =
        named.filter_map(|(affiliate, is)| Some((identity::affiliate_shown(cx, affiliate, &nicks)?, is)));
    let entries: Vec<_> = std::iter::once(owner).chain(named).collect();
    list(cx, ("affiliations", name), &entries, page, affiliation)
}

/// Changes affiliations to a node (8.9.2), all or none of them. Notifies the affiliates concerned, and ends the
/// subscriptions of those that may not read any more.
pub(in crate::usecase) fn set_affiliates(
    cx: &mut RequestContext<'_>,
    name: &NodeName,
    entries: &[Entry],
) -> Result<Option<Element>, Error> {
    cx.authorise(Action::Configure, Some(name))?;
    let node = cx.node(name)?;
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
    cx.check_held(after.weight().saturating_sub(before.weight()))?;

    cx.use_node(name)?;
    let shut_out = cx.room.shut_out_of_node(cx.service_id, name, cx.options);
    let node = cx.node_mut(name)?;
    let were = std::mem::replace(&mut node.affiliations, after);
    node.changed();
    cx.room.undo.affiliations = Some(((cx.service_id, name.clone()), were));
    cx.room.admit(shut_out, cx.options);
    let changes = changes.into_iter().filter(|(affiliate, wanted)| before.of(affiliate) != *wanted);
    notify_affiliates(cx, name, changes.collect());
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
    nicks: &Nicks<'_>,
) -> Option<(Subscriber, Option<bool>)> {
    let wanted = match entry.value.as_deref() {
        None => None,
        Some("none") => Some(false),
        Some("subscribed") if identity::own_name(cx, &entry.jid).is_some() => Some(true),
        // Sessions outside the room must subscribe by themselves, or an owner could send events to anyone.
        Some("subscribed") if cx.service_id == ServiceId::Room && is_here(cx, who, nicks) => Some(true),
        Some(_) => return None,
    };
    Some((who.clone(), wanted))
}

fn is_here(cx: &RequestContext<'_>, who: &Subscriber, nicks: &Nicks<'_>) -> bool {
    match who {
        Subscriber::Session(jid) => cx.room.sessions.find(jid.as_str()).is_some(),
        Subscriber::Account(account) => !nicks.all(account).is_empty(),
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

fn notify_affiliates(cx: &mut RequestContext<'_>, name: &NodeName, changes: Vec<(Affiliate, Affiliation)>) {
    let nicks = identity::nicks(cx);
    let whom = |(affiliate, wanted)| {
        let (jid, mut whom) = match affiliate {
            Affiliate::Occupant(id) => (cx.room.address(ServiceId::Occupant(id)).to_owned(), vec![id]),
            Affiliate::Account(account) => (account.to_string(), nicks.all(&account).to_vec()),
        };
        whom.sort_unstable();
        (event::affiliation(name, &jid, Affiliation::as_str(wanted)), whom)
    };
    let notices: Vec<_> = changes.into_iter().map(whom).collect();
    for (notice, whom) in notices {
        for id in whom {
            let who = Subscriber::Occupant(id);
            cx.effects.extend(cx.room.notify_subscriber(cx.service_id, &who, &notice, cx.moment));
        }
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

/// Builds a list of JIDs, each with a state, or a page of it: the requested one, or what fits into a reply. Takes the
/// price of what it shows.
fn list<S: Copy>(
    cx: &mut RequestContext<'_>,
    (kind, name): (&str, &NodeName),
    entries: &[(String, S)],
    page: Option<&Page>,
    entry: impl Fn(&str, S) -> Element,
) -> Result<Element, Error> {
    let id = |at: usize| entries.get(at).map(|(jid, _)| jid.clone());
    let position = |jid: &str| entries.iter().position(|(other, _)| other == jid);
    let asked = page.cloned().unwrap_or_default().slice(entries.len(), position)?;
    let size = |at: usize| entries.get(at).map_or(0, |(jid, _)| price::entry(jid));
    let shown = asked.fit(cx.options.max_reply_size, size);
    cx.allowance.send((shown.start..shown.end).map(size).sum())?;
    let paged = page.is_some() || shown != asked;
    let set = paged.then(|| shown.to_element(entries.len(), id));
    let shown = entries.iter().skip(shown.start).take(shown.end - shown.start);
    let mut reply = wrapped(kind, name, shown.map(|(jid, state)| entry(jid, *state)));
    if let Some(set) = set {
        reply.append_child(set);
    }
    Ok(reply)
}
