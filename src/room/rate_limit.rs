//! Rate limits: a burst that refills at a steady rate.

use crate::options::Options;

/// A rate limit: a burst that refills at a steady rate.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimit {
    /// Publishes counted against the burst, in thousandths.
    used: u64,
    at: u64,
}

impl RateLimit {
    /// Returns whether one more is permitted at `now`.
    pub fn permits(&self, now: u64, options: &Options) -> bool {
        self.used_at(now, options) + 1000 <= u64::from(options.publish_burst) * 1000
    }

    /// Counts one.
    pub fn count(&mut self, now: u64, options: &Options) {
        self.used = self.used_at(now, options) + 1000;
        self.at = now;
    }

    /// At most a burst: if the option is lowered, no sender waits longer than after a lower burst.
    fn used_at(&self, now: u64, options: &Options) -> u64 {
        let refilled = now.saturating_sub(self.at).saturating_mul(u64::from(options.publish_rate));
        self.used.min(u64::from(options.publish_burst) * 1000).saturating_sub(refilled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_is_a_burst_and_then_a_rate() {
        let options = Options { publish_burst: 3, publish_rate: 2, ..Options::default() };
        let mut rate_limit = RateLimit::default();
        let mut publish = |now| {
            let permitted = rate_limit.permits(now, &options);
            if permitted {
                rate_limit.count(now, &options);
            }
            permitted
        };
        let at_once: Vec<_> = (0..4).map(|_| publish(1_000_000)).collect();
        assert_eq!(at_once, [true, true, true, false]);
        assert!(!publish(1_000_499));
        assert!(publish(1_000_500));
        assert!(!publish(1_000_501));
    }
}
