//! Why a session is not notified of an event, or is not sent a last item: lines for the log of an admin who asks.
//!
//! They name occupants and never accounts, in every kind of room. Made only if [`Options::explains`] is set: each costs
//! a walk over all sessions of the room.

use std::collections::HashSet;
use std::fmt;

use indexmap::IndexMap;

use crate::effect::Effect;
use crate::id::{NodeName, OccupantId, ServiceId, SessionId};
use crate::jid::SessionJid;
use crate::options::Options;
use crate::pubsub::access::Affiliation;
use crate::pubsub::config::AccessModel;
use crate::pubsub::node::Node;
use crate::room::Room;
use crate::room::session::Session;

/// Why a session is not notified of an event at a node, or not sent the node's last item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WhyNot {
    /// Its presence has no capabilities.
    NoCapabilities,
    /// Its capabilities are not known yet.
    UnknownCapabilities,
    /// Its capabilities have no `+notify` for the node.
    NotInterested,
    /// Capabilities don't select this occupant's node, only subscriptions do (`mep_subscription_only_nodes`).
    SubscribersOnly,
    /// The options of its subscription hold the event back.
    HeldBack,
    /// The room hides the publishing occupant from it.
    Hidden,
    /// It may not read the node.
    NoAccess(AccessModel, Affiliation),
    /// The node is configured not to notify (`pubsub#deliver_notifications`).
    NoNotifications,
    /// The node is not configured to send its last item on this occasion (`pubsub#send_last_published_item`).
    NoLastItem,
    /// The node has no item, or only expired ones.
    NoItem,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCapabilities => "no capabilities in its presence",
            Self::UnknownCapabilities => "capabilities not known yet",
            Self::NotInterested => "not interested (no +notify)",
            Self::SubscribersOnly => "not subscribed, and only subscribers are notified of this node",
            Self::HeldBack => "held back by its subscription options",
            Self::Hidden => "the room hides the occupant from it",
            Self::NoAccess(model, affiliation) => {
                let (model, affiliation) = (model.as_str(), affiliation.as_str());
                return write!(f, "no access (access model {model}, affiliation {affiliation})");
            }
            Self::NoNotifications => "the node delivers no notifications",
            Self::NoLastItem => "the node is not configured to send its last item now",
            Self::NoItem => "no item, or only expired ones",
        })
    }
}

/// How many occupants or nodes a line names for each reason.
const NAMED: usize = 10;

impl Room {
    /// Returns the line on an event at a node: how many sessions are notified, which are not, and why.
    #[cold]
    pub(crate) fn explain_event(
        &self,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        told: &[Effect],
        options: &Options,
    ) -> Effect {
        let mut is_told = HashSet::new();
        for effect in told {
            if let Effect::Notify { to, .. } = effect {
                is_told.extend(to.iter().map(SessionJid::as_str));
            }
        }
        let mut reasons: IndexMap<WhyNot, IndexMap<OccupantId, usize>> = IndexMap::new();
        for (id, session) in
            self.sessions.iter().filter(|(_, session)| !is_told.contains(session.jid.as_str()))
        {
            let why = self.why_not(id, session, service, name, node, options);
            *reasons.entry(why).or_default().entry(session.occupant).or_default() += 1;
        }
        let (address, told) = (self.address(service), is_told.len());
        let head = format!("Event of {address} at {}: sessions notified: {told}", name.as_str());
        let reasons = reasons.iter().map(|(why, occupants)| format!("{why}: {}", self.list(occupants)));
        Effect::Explain(join("; ", [head].into_iter().chain(reasons)))
    }

    /// Returns each session with its client, and why it is not notified of events at a node; `None` if it is. In the order
    /// of joining.
    pub(crate) fn audience(
        &self,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        options: &Options,
    ) -> Vec<(&Session, Option<WhyNot>)> {
        let why = |id, session| {
            let wants = node.config.deliver_notifications && self.wants(id, service, name, options);
            let is_told = wants && self.may_see(session, service, name, node);
            (!is_told).then(|| self.why_not(id, session, service, name, node, options))
        };
        self.sessions.iter().map(|(id, session)| (session, why(id, session))).collect()
    }

    /// Returns the line on the last items of a session: how many are sent, and which nodes of interest send none.
    #[cold]
    pub(crate) fn explain_last_items(
        &self,
        session: SessionId,
        sent: usize,
        later: usize,
        missing: &[(ServiceId, NodeName, WhyNot)],
    ) -> Option<Effect> {
        let who = self.sessions.get(session)?;
        let interest = self.why_unselected(session, who).map_or_else(
            || format!("nodes of interest: {}", self.interest.get(session).map_or(0, |set| set.iter().len())),
            |why| why.to_string(),
        );
        let address = self.address(ServiceId::Occupant(who.occupant));
        let head = format!("Last items for {address}: sent: {sent}, pending: {later}; {interest}");
        let named = missing.iter().take(NAMED);
        let named = named
            .map(|(service, name, why)| format!("{} of {}: {why}", name.as_str(), self.address(*service)));
        Some(Effect::Explain(join("; ", [head].into_iter().chain(named).chain(and_more(missing.len())))))
    }

    /// Returns why a session is not notified of an event.
    fn why_not(
        &self,
        id: SessionId,
        session: &Session,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
        options: &Options,
    ) -> WhyNot {
        if !node.config.deliver_notifications {
            return WhyNot::NoNotifications;
        }
        let selected = self.interest.get(id).is_some_and(|set| set.contains(name.as_str()));
        if self.is_subscribed(session, service, name) || selected && options.selects(service, name) {
            return self.why_unseen(session, service, name, node).unwrap_or(WhyNot::HeldBack);
        }
        if !options.selects(service, name) {
            return WhyNot::SubscribersOnly;
        }
        self.why_unselected(id, session).unwrap_or(WhyNot::NotInterested)
    }

    /// Returns why a session's capabilities select nothing at all.
    fn why_unselected(&self, id: SessionId, session: &Session) -> Option<WhyNot> {
        match &session.claim {
            None if self.interest.get(id).is_none() => Some(WhyNot::NoCapabilities),
            Some(_) if !session.understood => Some(WhyNot::UnknownCapabilities),
            _ => None,
        }
    }

    /// Lists occupants, with the number of sessions of each if it has several.
    fn list(&self, occupants: &IndexMap<OccupantId, usize>) -> String {
        let named = occupants.iter().take(NAMED).map(|(&id, &sessions)| {
            let address = self.address(ServiceId::Occupant(id));
            if sessions == 1 { address.to_owned() } else { format!("{address} ({sessions} sessions)") }
        });
        join(", ", named.chain(and_more(occupants.len())))
    }
}

fn and_more(all: usize) -> Option<String> {
    (all > NAMED).then(|| format!("and {} more", all - NAMED))
}

fn join(separator: &str, parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(separator)
}
