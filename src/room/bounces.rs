//! Errors that come back for notifications (XEP-0060, 13.14).

use crate::id::ServiceId;
use crate::jid::bare;
use crate::pubsub::subscription::Subscriber;
use crate::room::Room;

/// Conditions that say that nobody is or will be at an address.
const GONE: [&str; 3] = ["gone", "item-not-found", "remote-server-not-found"];

/// Conditions that say so of a full JID: its client has gone offline. An account may only be offline.
const CLIENT_GONE: [&str; 2] = ["recipient-unavailable", "service-unavailable"];

impl Room {
    /// An error came back from `from`, for a notification of the service at `address`. If it says that nobody is there,
    /// the subscriptions of that JID to nodes of this service end, unless it is in the room: `mod_muc` decides about
    /// occupants. Returns whether one ended.
    pub(crate) fn bounce(&mut self, address: &str, from: &str, condition: &str) -> bool {
        let is_full = bare(from) != from;
        let is_gone = GONE.contains(&condition) || is_full && CLIENT_GONE.contains(&condition);
        if !is_gone {
            return false;
        }
        let service = if address == self.info.jid.as_str() {
            Some(ServiceId::Room)
        } else {
            self.find(address).map(ServiceId::Occupant)
        };
        let who = if is_full { Subscriber::Session(from.into()) } else { Subscriber::Account(from.into()) };
        if self.sessions_of(&who).next().is_some() {
            return false;
        }
        let topics = self.subscriptions.topics(&who).filter(|topic| Some(topic.0) == service);
        let topics: Vec<_> = topics.cloned().collect();
        for topic in &topics {
            self.unsubscribe(&who, topic);
        }
        !topics.is_empty()
    }
}
