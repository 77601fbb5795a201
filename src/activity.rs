//! Counters of what a host did so far, for monitoring.

use indexmap::IndexMap;

/// What one call did. The host adds it to its own counters when the call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub publishes: u64,
    pub payload_octets: u64,
    pub deliveries: u64,
    pub last_items: u64,
}

/// What a host did so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Publishes that were accepted and, in a persistent room, stored.
    pub publishes: u64,
    /// Octets of their payloads, as sent.
    pub payload_octets: u64,
    /// Messages, counted for each session that was sent one; includes last items.
    pub deliveries: u64,
    /// Last items.
    pub last_items: u64,
    /// Requests that were refused, by the condition of the error. Conditions that have not occurred yet count zero.
    pub refusals: IndexMap<&'static str, u64>,
}

/// The conditions of [`crate::error::Error`].
const CONDITIONS: [&str; 12] = [
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "internal-server-error",
    "item-not-found",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "resource-constraint",
    "unexpected-request",
];

impl Default for Activity {
    fn default() -> Self {
        let refusals = CONDITIONS.into_iter().map(|condition| (condition, 0)).collect();
        Self { publishes: 0, payload_octets: 0, deliveries: 0, last_items: 0, refusals }
    }
}

impl Activity {
    pub(crate) fn add(&mut self, tally: Tally) {
        self.publishes += tally.publishes;
        self.payload_octets += tally.payload_octets;
        self.deliveries += tally.deliveries;
        self.last_items += tally.last_items;
    }

    /// Subtracts what was counted too early.
    pub(crate) fn take_back(&mut self, tally: Tally) {
        self.publishes = self.publishes.saturating_sub(tally.publishes);
        self.payload_octets = self.payload_octets.saturating_sub(tally.payload_octets);
        self.deliveries = self.deliveries.saturating_sub(tally.deliveries);
        self.last_items = self.last_items.saturating_sub(tally.last_items);
    }

    pub(crate) fn refuse(&mut self, condition: &'static str) {
        *self.refusals.entry(condition).or_default() += 1;
    }
}
