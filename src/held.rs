//! What nodes and items hold in memory, as sums: of each service, room and account, and of the whole host.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use indexmap::IndexMap;

/// A sum of octets, which may be a part of another: what is counted in the part is counted in the whole.
///
/// Shared when cloned.
#[derive(Clone, Default)]
pub struct Sum(Rc<Inner>);

#[derive(Default)]
struct Inner {
    octets: Cell<usize>,
    whole: Option<Sum>,
}

impl Sum {
    /// Returns a new sum that is a part of this one.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(Rc::new(Inner { octets: Cell::new(0), whole: Some(self.clone()) }))
    }

    /// Returns the octets.
    pub fn octets(&self) -> usize {
        self.0.octets.get()
    }

    fn change(&self, by: impl Fn(usize) -> usize) {
        let mut sum = Some(self);
        while let Some(Self(inner)) = sum {
            inner.octets.set(by(inner.octets.get()));
            sum = inner.whole.as_ref();
        }
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.octets())
    }
}

/// What one thing holds. It is in the sums as long as this exists, whatever becomes of the thing: nothing has to be
/// taken back by those who drop it.
#[derive(Debug, Default)]
pub struct Held {
    by: Holder,
    octets: usize,
}

/// The sums that a thing is counted in: of its service, and of an account.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    /// Of the service, which is a part of the room's, which is a part of the host's; `None` in tests.
    pub service: Option<Sum>,
    /// Of the account that it belongs to, if that is known.
    pub account: Option<Sum>,
}

impl Held {
    /// Counts so many octets.
    pub fn new(by: Holder, octets: usize) -> Self {
        let mut held = Self { by, octets: 0 };
        held.set(octets);
        held
    }

    /// Changes the number of octets.
    pub fn set(&mut self, octets: usize) {
        let before = std::mem::replace(&mut self.octets, octets);
        for sum in [&self.by.service, &self.by.account].into_iter().flatten() {
            sum.change(|sum| sum.saturating_sub(before).saturating_add(octets));
        }
    }

    /// Returns the octets.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Returns the sums.
    pub fn by(&self) -> &Holder {
        &self.by
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The sums of a host and of its accounts.
#[derive(Debug, Default)]
pub struct Ledger {
    host: Sum,
    accounts: IndexMap<Box<str>, Sum>,
    /// The number of accounts at which those that hold nothing are forgotten.
    crowded_at: usize,
}

impl Ledger {
    /// Returns the sum of all rooms.
    pub fn host(&self) -> &Sum {
        &self.host
    }

    /// Returns the sum of an account. Those that hold nothing are forgotten when there are twice as many as the last
    /// time, so that costs a constant time for each call.
    pub fn account(&mut self, account: &str) -> Sum {
        if let Some(sum) = self.accounts.get(account) {
            return sum.clone();
        }
        if self.accounts.len() >= self.crowded_at {
            self.accounts.retain(|_, sum| sum.octets() > 0);
            self.crowded_at = 2 * self.accounts.len().max(500);
        }
        self.accounts.entry(account.into()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_in_all_sums_as_long_as_it_exists() {
        let mut ledger = Ledger::default();
        let room = ledger.host().part();
        let (service, other) = (room.part(), room.part());
        let account = ledger.account("a");
        let by = |service: &Sum| Holder { service: Some(service.clone()), account: Some(account.clone()) };
        let mut one = Held::new(by(&service), 5);
        let two = Held::new(by(&other), 7);
        let sums = || [&service, &other, &room, ledger.host(), &account].map(Sum::octets);
        assert_eq!(sums(), [5, 7, 12, 12, 12]);
        one.set(2);
        assert_eq!(sums(), [2, 7, 9, 9, 9]);
        drop(two);
        assert_eq!(sums(), [2, 0, 2, 2, 2]);
        drop(one);
        assert_eq!(sums(), [0; 5]);
    }

    #[test]
    fn accounts_that_hold_nothing_are_forgotten_some_time() {
        let mut ledger = Ledger::default();
        let by = Holder { service: None, account: Some(ledger.account("a")) };
        let _held = Held::new(by, 5);
        for account in 0..10_000 {
            ledger.account(&account.to_string());
        }
        assert!(ledger.accounts.len() <= 1001);
        assert_eq!(ledger.account("a").octets(), 5);
    }
}
