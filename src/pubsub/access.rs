//! Affiliations to nodes, and the one table that joins them to actions (XEP-0060, 4.1).

use indexmap::IndexMap;

use crate::error::Error;
use crate::id::OccupantId;
use crate::xml::choice::choice;

choice! {
    /// An affiliation to a node (XEP-0060, 4.1).
    Affiliation {
        /// Everything: the occupant of the address, the owners of the room.
        Owner = "owner",
        /// May publish and read.
        Publisher = "publisher",
        /// May publish only.
        PublishOnly = "publish-only",
        /// May read, whatever the access model.
        Member = "member",
        /// As the access model says.
        None = "none",
        /// Nothing at all.
        Outcast = "outcast",
    }
}

/// Whom an owner names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Affiliate {
    /// An account, by its bare JID.
    Account(Box<str>),
    /// An occupant, whatever the nick; never the nick's next holder.
    Occupant(OccupantId),
}

/// Whom a node's owner named, and as what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affiliations(IndexMap<Affiliate, Affiliation>);

impl Affiliations {
    /// What somebody is here, known by account or as occupant. An account counts before an occupant.
    pub fn get(&self, account: &str, occupant: Option<OccupantId>) -> Affiliation {
        if self.0.is_empty() {
            return Affiliation::None;
        }
        let by_account = self.0.get(&Affiliate::Account(account.into()));
        let by_occupant = || self.0.get(&Affiliate::Occupant(occupant?));
        by_account.or_else(by_occupant).copied().unwrap_or(Affiliation::None)
    }

    /// What a person is as it was named.
    pub fn of(&self, person: &Affiliate) -> Affiliation {
        self.0.get(person).copied().unwrap_or(Affiliation::None)
    }

    /// Names somebody; `None` takes the name back.
    pub fn set(&mut self, person: Affiliate, affiliation: Affiliation) {
        if affiliation == Affiliation::None {
            self.0.shift_remove(&person);
        } else {
            self.0.insert(person, affiliation);
        }
    }

    /// Forgets those for whom `keep` does not hold.
    pub fn retain(&mut self, keep: impl Fn(&Affiliate) -> bool) {
        self.0.retain(|person, _| keep(person));
    }

    /// Everybody who was named, in that order.
    pub fn iter(&self) -> impl Iterator<Item = (&Affiliate, Affiliation)> {
        self.0.iter().map(|(person, &affiliation)| (person, affiliation))
    }

    /// How many were named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What somebody wants to do to a node, or to the service where the node is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Publish an item.
    Publish,
    /// Make a node, change its configuration.
    Configure,
    /// Take an item back, purge the node, delete it: what a moderator may do in the owner's place.
    Remove,
    /// Read items and meta-data, subscribe.
    Read,
}

impl Affiliation {
    /// The table of XEP-0060 (4.1): what each affiliation may do, the access model aside.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check(self, action: Action) -> Result<(), Error> {
        let may = match action {
            Action::Publish => matches!(self, Self::Owner | Self::Publisher | Self::PublishOnly),
            Action::Configure | Action::Remove => self == Self::Owner,
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
        assert_eq!(may(Action::Read), ["owner", "publisher", "member", "none"]);
    }
}
