//! What accounts may make the server do: a burst for each account, which refills at a steady rate.
//!
//! Two things are limited: *publishes*, which are all requests that others may be notified of, and *octets*, which the
//! account is sent in replies and as last items.

use indexmap::IndexMap;

use crate::error::Error;
use crate::options::Options;

/// What the accounts have used lately. It belongs to accounts: another session, nick or room, or leaving and joining
/// again, refills nothing.
///
/// Bounded: while too many accounts are not refilled, all further ones share one entry, so that filling the table gains
/// nothing.
#[derive(Debug, Default)]
pub struct RateLimits {
    accounts: IndexMap<Box<str>, Used>,
    /// What accounts without an entry have used while the table is full.
    shared: Used,
    /// When the table was last searched for entries that have refilled.
    searched_at: u64,
}

impl RateLimits {
    /// The maximum number of accounts with an entry of their own.
    pub const MAX_ACCOUNTS: usize = 10_000;

    /// How many times as much an owner of a room may do there without being in it, like a bot on the server.
    pub const OWNERS: u64 = 10;

    /// Returns what an account may do at `now`.
    pub(crate) fn of<'a>(&'a mut self, account: &'a str, now: u64, options: &'a Options) -> Allowance<'a> {
        Allowance { limits: self, account, is_owner_outside: false, is_unlimited: false, now, options }
    }

    /// Returns the number of accounts with an entry of their own.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Returns whether no account has an entry of its own.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Returns what an account has used, for changes.
    fn used(&mut self, account: &str, now: u64, options: &Options) -> &mut Used {
        let at = self.accounts.get_index_of(account).or_else(|| {
            self.make_room(now, options);
            let is_full = self.accounts.len() >= Self::MAX_ACCOUNTS;
            (!is_full).then(|| self.accounts.insert_full(account.into(), Used::default()).0)
        });
        at.and_then(|at| self.accounts.get_index_mut(at)).map_or(&mut self.shared, |(_, used)| used)
    }

    /// Forgets the accounts that have refilled, if the table is full. Linear in the table, so at most once in a second.
    fn make_room(&mut self, now: u64, options: &Options) {
        let is_due = now.abs_diff(self.searched_at) >= 1000;
        if self.accounts.len() >= Self::MAX_ACCOUNTS && is_due {
            self.searched_at = now;
            self.accounts.retain(|_, used| !used.is_refilled(now, options));
        }
    }
}

/// What an account may do at a moment.
#[derive(Debug)]
pub(crate) struct Allowance<'a> {
    limits: &'a mut RateLimits,
    account: &'a str,
    /// Whether it owns the room of the request, without being in it.
    pub is_owner_outside: bool,
    /// Whether it is the room itself: what a module of the server does is not limited.
    pub is_unlimited: bool,
    now: u64,
    options: &'a Options,
}

impl Allowance<'_> {
    /// Counts a publish. Returns whether that is permitted.
    pub(crate) fn publish(&mut self) -> bool {
        let (limit, now) = (Limit::publishes(self.options).for_owner(self.is_owner_outside), self.now);
        self.is_unlimited || self.used().publishes.take(1, limit, now)
    }

    /// Counts octets that the account is to be sent. To be called before they are put together.
    ///
    /// # Errors
    /// [`Error::TooMuch`]: nothing was counted.
    pub(crate) fn send(&mut self, octets: usize) -> Result<(), Error> {
        let (limit, now) = (self.octets(), self.now);
        let octets = limit.price(octets);
        if self.is_unlimited || self.used().octets.take(octets, limit, now) {
            Ok(())
        } else {
            Err(Error::TooMuch)
        }
    }

    /// Returns whether [`Allowance::send`] would permit so many octets.
    pub(crate) fn may_send(&mut self, octets: usize) -> bool {
        let (limit, now) = (self.octets(), self.now);
        self.is_unlimited || Use::take(&mut self.used().octets.clone(), limit.price(octets), limit, now)
    }

    /// Returns how many octets the account may be sent now.
    pub(crate) fn octets_left(&mut self) -> usize {
        let (limit, now) = (self.octets(), self.now);
        if self.is_unlimited {
            return usize::MAX;
        }
        let used = self.used().octets.used_at(limit, now).div_ceil(1000);
        usize::try_from(limit.burst.saturating_sub(used)).unwrap_or(usize::MAX)
    }

    fn octets(&self) -> Limit {
        Limit::octets(self.options).for_owner(self.is_owner_outside)
    }

    fn used(&mut self) -> &mut Uses {
        let used = self.limits.used(self.account, self.now, self.options);
        if self.is_owner_outside { &mut used.as_owner } else { &mut used.usually }
    }
}

/// What an account has used. Apart for where it owns a room: else the smaller limit would forget what was used of the
/// larger one.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    usually: Uses,
    as_owner: Uses,
}

impl Used {
    fn is_refilled(&self, now: u64, options: &Options) -> bool {
        [(self.usually, false), (self.as_owner, true)].into_iter().all(|(uses, is_owner)| {
            uses.publishes.used_at(Limit::publishes(options).for_owner(is_owner), now) == 0
                && uses.octets.used_at(Limit::octets(options).for_owner(is_owner), now) == 0
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    publishes: Use,
    octets: Use,
}

/// A burst, and what of it refills in a second.
#[derive(Debug, Clone, Copy)]
struct Limit {
    burst: u64,
    rate: u64,
}

impl Limit {
    fn publishes(options: &Options) -> Self {
        Self { burst: options.publish_burst.into(), rate: options.publish_rate.into() }
    }

    fn octets(options: &Options) -> Self {
        Self { burst: options.reply_burst.into(), rate: options.reply_rate.into() }
    }

    /// Returns what so many octets cost: at most a burst, or they could never be sent.
    fn price(self, octets: usize) -> u64 {
        u64::try_from(octets).unwrap_or(u64::MAX).min(self.burst)
    }

    fn for_owner(self, is_owner_outside: bool) -> Self {
        let times = if is_owner_outside { RateLimits::OWNERS } else { 1 };
        Self { burst: self.burst * times, rate: self.rate * times }
    }
}

/// What is used of a burst.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// In thousandths.
    used: u64,
    at: u64,
}

impl Use {
    fn take(&mut self, amount: u64, limit: Limit, now: u64) -> bool {
        self.used = self.used_at(limit, now);
        // Also if the clock went back, or nothing would refill until it has caught up.
        self.at = now;
        let used = self.used.saturating_add(amount.saturating_mul(1000));
        let is_permitted = used <= limit.burst * 1000;
        if is_permitted {
            self.used = used;
        }
        is_permitted
    }

    /// At most a burst: if the option is lowered, no account waits longer than after a lower burst.
    fn used_at(&self, limit: Limit, now: u64) -> u64 {
        let refilled = now.saturating_sub(self.at).saturating_mul(limit.rate);
        self.used.min(limit.burst * 1000).saturating_sub(refilled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            publish_burst: 3,
            publish_rate: 2,
            reply_burst: 1000,
            reply_rate: 100,
            ..Options::default()
        }
    }

    #[test]
    fn a_rate_limit_is_a_burst_and_then_a_rate() {
        let (options, mut limits) = (options(), RateLimits::default());
        let mut take = |now| limits.of("a", now, &options).publish();
        let at_once: Vec<_> = (0..4).map(|_| take(1_000_000)).collect();
        assert_eq!(at_once, [true, true, true, false]);
        assert!(!take(1_000_499));
        assert!(take(1_000_500));
        assert!(!take(1_000_501));
        assert!(limits.of("b", 1_000_501, &options).publish(), "each account has its own");
    }

    #[test]
    fn octets_are_counted_apart_from_publishes_and_by_their_number() {
        let (options, mut limits) = (options(), RateLimits::default());
        let mut send = |octets, now| limits.of("a", now, &options).send(octets).is_ok();
        assert!(send(600, 5000) && !send(401, 5000) && send(400, 5000));
        assert!(!send(1, 5000) && send(100, 6000) && !send(1, 6000));
        assert!(send(5000, 16_000), "more than a burst is sent if nothing of it is used");
        assert_eq!(limits.of("a", 16_000, &options).octets_left(), 0);
        assert_eq!(limits.of("a", 16_500, &options).octets_left(), 50);
        assert!(limits.of("a", 16_500, &options).publish());
    }

    #[test]
    fn an_owner_outside_the_room_has_more_and_it_is_counted_apart() {
        let (options, mut limits) = (options(), RateLimits::default());
        let mut take = |is_owner_outside| {
            let mut allowance = limits.of("a", 5000, &options);
            allowance.is_owner_outside = is_owner_outside;
            allowance.publish()
        };
        assert!((0..15).all(|_| take(true)));
        assert!((0..3).all(|_| take(false)) && !take(false));
        assert!((0..15).all(|_| take(true)) && !take(true));
    }

    #[test]
    fn a_clock_that_goes_back_stops_no_one() {
        let (options, mut limits) = (options(), RateLimits::default());
        let mut take = |now| limits.of("a", now, &options).publish();
        assert!((0..3).all(|_| take(1_000_000)));
        assert!(!take(5_000));
        assert!(take(5_500));
    }

    #[test]
    fn a_full_table_forgets_those_that_have_refilled_and_lets_the_others_share() {
        let (options, mut limits) = (options(), RateLimits::default());
        let mut take = |account: &str, now| limits.of(account, now, &options).publish();
        assert!((0..RateLimits::MAX_ACCOUNTS).all(|account| take(&account.to_string(), 10_000)));
        for (account, is_permitted) in [("a", true), ("b", true), ("c", true), ("d", false)] {
            assert_eq!(take(account, 10_000), is_permitted, "{account}");
        }
        assert!((0..2).all(|_| take("0", 10_000)), "it has its own");
        assert!(take("d", 11_000));
        assert_eq!(limits.len(), 2, "the first one's is not refilled");
        assert!(!limits.is_empty());
    }
}
