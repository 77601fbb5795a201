//! An index from names to numbers that stores only the numbers; the names are elsewhere.
//!
//! A map from JIDs to numbers would store each JID a second time, or a pointer of four times the number's size.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// A set of numbers that are found by name. `name_of` must return the same name for a number while it is in the set.
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
    /// Returns the number with this name.
    pub(crate) fn find<'a>(&self, name: &str, name_of: impl Fn(Id) -> &'a str) -> Option<Id> {
        self.table.find(self.hashes.hash_one(name), |&id| name_of(id) == name).copied()
    }

    /// Adds a number under its current name, which must be unique.
    pub(crate) fn insert<'a>(&mut self, id: Id, name_of: impl Fn(Id) -> &'a str) {
        let hash = |&id: &Id| self.hashes.hash_one(name_of(id));
        self.table.insert_unique(hash(&id), id, hash);
    }

    /// Removes the number with this name, which it must still have.
    pub(crate) fn remove<'a>(&mut self, name: &str, name_of: impl Fn(Id) -> &'a str) -> Option<Id> {
        let found = self.table.find_entry(self.hashes.hash_one(name), |&id| name_of(id) == name);
        found.ok().map(|entry| entry.remove().0)
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether the index is empty.
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
