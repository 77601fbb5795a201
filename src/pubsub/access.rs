//! Affiliations to nodes, and the one table of what they permit (XEP-0060, 4.1).

use indexmap::IndexMap;

use crate::error::Error;
use crate::id::OccupantId;
use crate::xml::choice::choice;

choice! {
    /// An affiliation to a node (XEP-0060, 4.1).
    Affiliation {
        /// May do everything: the occupant itself, or the owners of the room.
        Owner = "owner",
        /// May publish and read.
        Publisher = "publisher",
        /// May publish only.
        PublishOnly = "publish-only",
        /// May read, whatever the access model.
        Member = "member",
        /// The access model decides.
        None = "none",
        /// May do nothing.
        Outcast = "outcast",
    }
}

/// An account or occupant that an owner affiliates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Affiliate {
    /// An account, by its bare JID.
    Account(Box<str>),
    /// An occupant, also after a nick change; never the next occupant with the same nick.
    Occupant(OccupantId),
}

/// The affiliations to a node that its owner has set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affiliations(IndexMap<Affiliate, Affiliation>);

impl Affiliations {
    /// Returns the affiliation of an account or occupant. That of the account takes precedence.
    pub fn get(&self, account: &str, occupant: Option<OccupantId>) -> Affiliation {
        if self.0.is_empty() {
            return Affiliation::None;
        }
        let by_account = self.0.get(&Affiliate::Account(account.into()));
        let by_occupant = || self.0.get(&Affiliate::Occupant(occupant?));
        by_account.or_else(by_occupant).copied().unwrap_or(Affiliation::None)
    }

    /// Returns the affiliation that was set for exactly this affiliate.
    pub fn of(&self, affiliate: &Affiliate) -> Affiliation {
        self.0.get(affiliate).copied().unwrap_or(Affiliation::None)
    }

    /// Sets an affiliation; `None` removes it.
    pub fn set(&mut self, affiliate: Affiliate, affiliation: Affiliation) {
        if affiliation == Affiliation::None {
            self.0.shift_remove(&affiliate);
        } else {
            self.0.insert(affiliate, affiliation);
        }
    }

    /// Removes the affiliations for which `keep` returns false.
    pub fn retain(&mut self, keep: impl Fn(&Affiliate) -> bool) {
        self.0.retain(|affiliate, _| keep(affiliate));
    }

    /// Returns the affiliations, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&Affiliate, Affiliation)> {
        self.0.iter().map(|(affiliate, &affiliation)| (affiliate, affiliation))
    }

    /// Returns the number of affiliations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the octets that they hold, about as the allocator counts them.
    pub fn weight(&self) -> usize {
        let account = |affiliate: &Affiliate| match affiliate {
            Affiliate::Account(account) => account.len(),
            Affiliate::Occupant(_) => 0,
        };
        self.0.keys().map(|affiliate| AFFILIATION + account(affiliate)).sum()
    }

    /// Returns whether there are no affiliations.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What an affiliation holds besides the account.
const AFFILIATION: usize = 96;

/// An action on a node, or on the service where the node is to be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Publish an item.
    Publish,
    /// Create a node, change its configuration.
    Configure,
    /// Retract or replace an item of another, purge the node.
    Retract,
    /// Delete the node: a moderator may do that in the owner's place, and retract.
    Remove,
    /// Read items and meta-data, subscribe.
    Read,
}

impl Affiliation {
    /// Returns whether the affiliation permits the action, by the table of XEP-0060 (4.1), the access model aside.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check(self, action: Action) -> Result<(), Error> {
        let may = match action {
            Action::Publish => matches!(self, Self::Owner | Self::Publisher | Self::PublishOnly),
            Action::Configure | Action::Retract | Action::Remove => self == Self::Owner,
            Action::Read => match self {
                Self::Owner | Self::Publisher | Self::Member | Self::None => true,
                Self::PublishOnly | Self::Outcast => false,
            },
        };
        if may { Ok(()) } else { Err(Error::Forbidden) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_xep_0060() {
        let may = |action| {
            Affiliation::NAMES
                .iter()
                .filter(|name| Affiliation::from_name(name).unwrap().check(action).is_ok())
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(may(Action::Publish), ["owner", "publisher", "publish-only"]);
        assert_eq!(may(Action::Configure), ["owner"]);
        assert_eq!(may(Action::Remove), ["owner"]);
        assert_eq!(may(Action::Retract), ["owner"]);
        assert_eq!(may(Action::Read), ["owner", "publisher", "member", "none"]);
    }
}
