//! Numbers by names that are kept elsewhere: a table that holds the numbers alone.
//!
//! A map from a JID to a number holds the JID a second time, and a pointer to it is four times the number.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// A set of numbers, found by the names that `name_of` gives: the same for a number as long as it is in here.
#[derive(Debug)]
pub(crate) struct NameIndex<Id> {
    table: HashTable<Id>,
    hashes: RandomState,
}

impl<Id> Default for NameIndex<Id> {
    fn default() -> Self {
        Self { table: HashTable::new(), hashes: RandomState::new() }
    }
}

impl<Id: Copy> NameIndex<Id> {
    /// The number of this name.
    pub(crate) fn find<'a>(&self, name: &str, name_of: impl Fn(Id) -> &'a str) -> Option<Id> {
        self.table.find(self.hashes.hash_one(name), |&id| name_of(id) == name).copied()
    }

    /// Puts a number in, under the name that it has now and that no other has.
    pub(crate) fn insert<'a>(&mut self, id: Id, name_of: impl Fn(Id) -> &'a str) {
        let hash = |&id: &Id| self.hashes.hash_one(name_of(id));
        self.table.insert_unique(hash(&id), id, hash);
    }

    /// Takes the number of this name out, which must still have it.
    pub(crate) fn remove<'a>(&mut self, name: &str, name_of: impl Fn(Id) -> &'a str) -> Option<Id> {
        let found = self.table.find_entry(self.hashes.hash_one(name), |&id| name_of(id) == name);
        found.ok().map(|entry| entry.remove().0)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_names_that_change_in_between() {
        let mut names: Vec<String> = (0..1000).map(|number| format!("a{number}")).collect();
        let mut index = NameIndex::default();
        for id in 0..names.len() {
            index.insert(id, |id| names[id].as_str());
        }
        for (id, name) in names.iter().enumerate() {
            assert_eq!(index.find(name, |id| names[id].as_str()), Some(id));
        }
        assert_eq!(index.remove("a7", |id| names[id].as_str()), Some(7));
        names[7] = "b".to_owned();
        index.insert(7, |id| names[id].as_str());
        assert_eq!(index.find("a7", |id| names[id].as_str()), None);
        assert_eq!(index.find("b", |id| names[id].as_str()), Some(7));
        assert_eq!(index.remove("c", |id| names[id].as_str()), None);
        assert_eq!(index.len(), 1000);
    }
}
