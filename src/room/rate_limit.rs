//! Rate limits: a burst for each account, which refills at a steady rate.

use indexmap::IndexMap;

use crate::options::Options;

/// The rate limits of the accounts that have used something of theirs lately. They belong to accounts: another session,
/// nick or room, or leaving and joining again, refills nothing.
///
/// Bounded: while too many accounts are not refilled, all further ones share one limit, so that filling the table gains
/// nothing.
#[derive(Debug, Default)]
pub struct RateLimits {
    accounts: IndexMap<Box<str>, RateLimit>,
    /// The limit that accounts without an entry share while the table is full.
    shared: RateLimit,
    /// When the table was last searched for entries that have refilled.
    searched_at: u64,
}

impl RateLimits {
    /// The maximum number of accounts with a limit of their own.
    pub const MAX_ACCOUNTS: usize = 10_000;

    /// Counts one for an account. Returns whether that is permitted at `now`.
    pub fn take(&mut self, account: &str, now: u64, options: &Options) -> bool {
        if let Some(limit) = self.accounts.get_mut(account) {
            return limit.take(now, options);
        }
        self.make_room(now, options);
        if self.accounts.len() >= Self::MAX_ACCOUNTS {
            return self.shared.take(now, options);
        }
        self.accounts.entry(account.into()).or_default().take(now, options)
    }

    /// Returns the number of accounts with a limit of their own.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Returns whether no account has a limit of its own.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Forgets the accounts that have refilled, if the table is full. Linear in the table, so at most once in a second.
    fn make_room(&mut self, now: u64, options: &Options) {
        let is_due = now.abs_diff(self.searched_at) >= 1000;
        if self.accounts.len() >= Self::MAX_ACCOUNTS && is_due {
            self.searched_at = now;
            self.accounts.retain(|_, limit| limit.used_at(now, options) > 0);
        }
    }
}

/// A rate limit.
#[derive(Debug, Clone, Copy, Default)]
struct RateLimit {
    /// What is used of the burst, in thousandths.
    used: u64,
    at: u64,
}

impl RateLimit {
    fn take(&mut self, now: u64, options: &Options) -> bool {
        self.used = self.used_at(now, options);
        // Also if the clock went back, or nothing would refill until it has caught up.
        self.at = now;
        let is_permitted = self.used + 1000 <= u64::from(options.publish_burst) * 1000;
        if is_permitted {
            self.used += 1000;
        }
        is_permitted
    }

    /// At most a burst: if the option is lowered, no account waits longer than after a lower burst.
    fn used_at(&self, now: u64, options: &Options) -> u64 {
        let refilled = now.saturating_sub(self.at).saturating_mul(u64::from(options.publish_rate));
        self.used.min(u64::from(options.publish_burst) * 1000).saturating_sub(refilled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options { publish_burst: 3, publish_rate: 2, ..Options::default() }
    }

    #[test]
    fn a_rate_limit_is_a_burst_and_then_a_rate() {
        let (options, mut limits) = (options(), RateLimits::default());
        let mut take = |now| limits.take("a", now, &options);
        let at_once: Vec<_> = (0..4).map(|_| take(1_000_000)).collect();
        assert_eq!(at_once, [true, true, true, false]);
        assert!(!take(1_000_499));
        assert!(take(1_000_500));
        assert!(!take(1_000_501));
        assert!(limits.take("b", 1_000_501, &options), "each account has its own");
    }

    #[test]
    fn a_clock_that_goes_back_stops_no_one() {
        let (options, mut limits) = (options(), RateLimits::default());
        for _ in 0..3 {
            assert!(limits.take("a", 1_000_000, &options));
        }
        assert!(!limits.take("a", 5_000, &options));
        assert!(limits.take("a", 5_500, &options));
    }

    #[test]
    fn a_full_table_forgets_those_that_have_refilled_and_lets_the_others_share() {
        let (options, mut limits) = (options(), RateLimits::default());
        for account in 0..RateLimits::MAX_ACCOUNTS {
            assert!(limits.take(&account.to_string(), 10_000, &options));
        }
        for (account, is_permitted) in [("a", true), ("b", true), ("c", true), ("d", false)] {
            assert_eq!(limits.take(account, 10_000, &options), is_permitted, "{account}");
        }
        for _ in 0..2 {
            assert!(limits.take("0", 10_000, &options), "it has its own");
        }
        assert_eq!(limits.len(), RateLimits::MAX_ACCOUNTS);
        assert!(limits.take("d", 11_000, &options));
        assert_eq!(limits.len(), 2, "the first one's is not refilled");
        assert!(!limits.is_empty());
    }
}
