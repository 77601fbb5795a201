//! The use cases, by the chapters of XEP-0060: `entity` (5), `subscriber` (6), `publisher` (7), `owner` (8).
//!
//! `answer` reads a request, decides whether MEP answers it at all, and dispatches it. Each use case has the same
//! steps: authorise, find, check, change, notify. A use case that fails has changed nothing.

mod context;
pub mod entity;
mod identity;
mod owner;
mod price;
mod publisher;
mod subscriber;

use indexmap::IndexMap;
use minidom::Element;

use self::context::RequestContext;
use crate::effect::Effect;
use crate::error::Error;
use crate::facts::{Actor, Target};
use crate::held::{Holder, Ledger};
use crate::id::{NodeName, ServiceId};
use crate::moment::Moment;
use crate::options::{Options, is_disco_node};
use crate::pubsub::config::NodeConfig;
use crate::pubsub::node::Node;
use crate::room::Room;
use crate::room::rate_limit::RateLimits;
use crate::room::services::Undo;
use crate::stanza::request::Request;
use crate::stanza::response::Items;

/// What is limited by account, or for the whole host.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// What accounts make the server do.
    pub rates: RateLimits,
    /// What is held in memory.
    pub ledger: Ledger,
    /// The nodes that every room has, as they are before a room uses them.
    pub declared: IndexMap<NodeName, Node>,
}

impl Limits {
    /// Takes over what the options say.
    pub(crate) fn configure(&mut self, options: &Options) {
        let config = |name: &String| NodeConfig::of(ServiceId::Room, name, options);
        let node = |name: &String| (name.as_str().into(), Node::new(config(name), 0, Holder::default()));
        self.declared = options.room_nodes.keys().map(node).collect();
    }
}

/// The outcome of a request that is not refused.
pub(crate) struct RequestOutcome {
    /// The change to store before the reply and the notifications are sent.
    pub stored: Option<Effect>,
    /// What is in the reply.
    pub reply: Reply,
    /// The effects after the reply.
    pub effects: Vec<Effect>,
}

/// What is in the reply to a request.
pub(crate) enum Reply {
    /// An element, or nothing.
    Element(Option<Element>),
    /// A list, which may be long.
    List(Element),
    /// Items.
    Items(Items),
}

/// Answers a request of `actor` to the room or to one of its occupants. Returns `None` if MEP does not answer it: the
/// server handles it as if there were no MEP.
///
/// # Errors
/// The rule that the request breaks. Nothing has changed then.
pub(crate) fn answer(
    room: &mut Room,
    target: &Target,
    actor: &Actor,
    iq: &Element,
    moment: &mut Moment,
    limits: &mut Limits,
    options: &Options,
) -> Result<Option<RequestOutcome>, Error> {
    room.undo = Undo::default();
    room.note_parties(target, actor, options);
    let service_id = match &target.occupant {
        None => ServiceId::Room,
        Some((occupant, _)) => match room.find(occupant.as_str()).map(ServiceId::Occupant) {
            Some(id) if room.shows(id, actor.session.bare()) => id,
            _ => return Ok(None),
        },
    };
    let mut cx = RequestContext {
        room,
        service_id,
        actor,
        read_only: target.read_only,
        stored: target.stored,
        allowance: limits.rates.of(actor.session.bare(), moment.now, options),
        account: limits.ledger.account(actor.session.bare()),
        host: limits.ledger.host(),
        declared: &limits.declared,
        options,
        moment,
        effects: Vec::new(),
        changed: None,
    };
    // Senders outside the room get mod_muc's own errors, which don't reveal whether an occupant exists.
    let outside = actor.occupant.is_none() && service_id != ServiceId::Room && !cx.is_by_room();
    let request = match Request::read(iq, options) {
        Err(_) if outside => return Ok(None),
        request => request?,
    };
    if !is_ours(&cx, &request) {
        return Ok(None);
    }
    match run(&mut cx, request) {
        Err(_) if outside => Ok(None),
        reply => {
            let reply = reply?;
            Ok(Some(RequestOutcome { stored: cx.take_change(), reply, effects: cx.effects }))
        }
    }
}

/// Returns whether MEP answers a request: the table of `docs/protocol.md`. The others go to the room (`mod_muc`) or,
/// through it, to the occupant's account (PEP) or client.
fn is_ours(cx: &RequestContext<'_>, request: &Request<'_>) -> bool {
    let held = request.node().map(|node| cx.node(node).is_ok());
    let is_discoed_elsewhere = request.node().is_some_and(|node| is_disco_node(node.as_str()));
    let in_room = cx.actor.occupant.is_some() || cx.is_by_room();
    match (cx.service_id, request, held) {
        (ServiceId::Room, Request::List { node: Some(node), .. }, _) if entity::is_list_of_nodes(node) => {
            true
        }
        (_, Request::Info { .. } | Request::List { .. }, Some(held)) => held && !is_discoed_elsewhere,
        (ServiceId::Room, Request::Info { .. }, None) => false,
        (ServiceId::Room, Request::List { .. }, None) => in_room,
        (ServiceId::Occupant(_), request, _) if !in_room && !request.may_be_open() => false,
        (ServiceId::Occupant(_), Request::Info { .. }, None) => cx.is_own(),
        // At an occupant JID, clients look for what its account publishes; at their own, they do not.
        (ServiceId::Occupant(_), request, Some(false)) if request.is_known_to_pep() => {
            cx.is_own() || cx.is_by_room()
        }
        _ => true,
    }
}

/// Carries a request out unless its sender is over a rate limit.
fn run(cx: &mut RequestContext<'_>, request: Request<'_>) -> Result<Reply, Error> {
    if cx.read_only && request.is_change() {
        return Err(Error::NotStored);
    }
    cx.allowance.is_owner_outside = cx.is_owner_outside();
    cx.allowance.is_unlimited = cx.is_by_room();
    if request.is_rate_limited() && !cx.allowance.publish() {
        return Err(Error::TooFast);
    }
    cx.allowance.send(price::of(&request))?;
    dispatch(cx, request)
}

fn dispatch(cx: &mut RequestContext<'_>, request: Request<'_>) -> Result<Reply, Error> {
    cx.expire(request.node());
    let reply = match request {
        Request::Items { node, items, max, page } => {
            return subscriber::items(cx, &node, &items, max, page.as_ref()).map(Reply::Items);
        }
        Request::List { node, page } => {
            return entity::list(cx, node.as_ref(), page.as_ref()).map(Reply::List);
        }
        Request::Subscriptions { node } => {
            return entity::subscriptions(cx, node.as_ref()).map(Reply::List);
        }
        Request::Affiliations { node } => {
            return entity::affiliations(cx, node.as_ref()).map(Reply::List);
        }
        Request::GetSubscribers { node, page } => {
            return owner::lists::subscribers(cx, &node, page.as_ref()).map(Reply::List);
        }
        Request::GetAffiliates { node, page } => {
            return owner::lists::affiliates(cx, &node, page.as_ref()).map(Reply::List);
        }
        Request::Info { node } => entity::info(cx, node.as_ref()),
        Request::Subscribe { node, jid, options } => subscriber::subscribe(cx, node, &jid, &options),
        Request::Unsubscribe { node, jid } => subscriber::unsubscribe(cx, node, &jid),
        Request::GetOptions { node, jid } => subscriber::options(cx, node, &jid),
        Request::SetOptions { node, jid, form } => subscriber::set_options(cx, node, &jid, &form),
        Request::GetDefaultOptions { node } => Ok(Some(subscriber::default_options(node.as_ref()))),
        Request::Publish { node, item, options } => publisher::publish(cx, &node, item, &options),
        Request::Retract { node, items, notify } => publisher::retract(cx, &node, &items, notify),
        Request::Create { node, config } => owner::create(cx, node, &config),
        Request::GetConfig { node } => owner::configuration(cx, &node),
        Request::SetConfig { node, form } => owner::configure(cx, &node, &form),
        Request::GetDefault => owner::default_configuration(cx),
        Request::Delete { node, redirect } => owner::delete(cx, &node, redirect.as_deref()),
        Request::Purge { node } => owner::purge(cx, &node),
        Request::SetSubscribers { node, entries } => owner::lists::set_subscribers(cx, &node, &entries),
        Request::SetAffiliates { node, entries } => owner::lists::set_affiliates(cx, &node, &entries),
    };
    reply.map(Reply::Element)
}
