//! Verified capabilities by hash: a bounded cache in shards.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::hash::Hash;
use crate::caps::NodeSet;

/// Verified sets by hash. Over the limit, the least recently used one is evicted.
///
/// The sets are stored in [`SHARDS`] shards, which are small to write. The first character of a hash selects its shard, so the
/// shards fill evenly.
#[derive(Debug, Default)]
pub(super) struct Known {
    sets: IndexMap<Hash, Entry>,
    limit: usize,
    octets: usize,
    /// Counts uses, to find the least recently used set.
    uses: u64,
    changed: BTreeSet<u8>,
}

/// The number of shards: one for each value of a hash's first character.
pub const SHARDS: u8 = 64;

/// All sets of one shard, which replace what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The number of the shard, below [`SHARDS`].
    pub number: u8,
    /// Its sets.
    pub sets: Vec<(Hash, NodeSet)>,
}

impl Known {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Changes the limit. Returns how many sets were evicted.
    pub(super) fn limit(&mut self, limit: usize) -> u64 {
        self.limit = limit;
        self.evict_many()
    }

    /// Returns the set of `hash`, and marks it as used.
    pub(super) fn get(&mut self, hash: &Hash) -> Option<NodeSet> {
        self.uses += 1;
        let entry = self.sets.get_mut(hash)?;
        entry.used = self.uses;
        Some(entry.set.clone())
    }

    /// Files a set under a hash that was computed from it. Returns how many other sets were evicted; each costs a walk
    /// over all sets.
    pub(super) fn file(&mut self, hash: &Hash, set: &NodeSet) -> u64 {
        self.uses += 1;
        self.changed.insert(shard_of(hash));
        self.put(hash.clone(), set.clone());
        self.evict(|sets| sets.values().enumerate().min_by_key(|(_, entry)| entry.used).map(|(at, _)| at))
    }

    /// Takes in sets from storage. Returns how many were evicted.
    pub(super) fn recall(&mut self, sets: impl IntoIterator<Item = (Hash, NodeSet)>) -> u64 {
        for (hash, set) in sets {
            if !self.sets.contains_key(&hash) {
                self.put(hash, set);
            }
        }
        self.evict_many()
    }

    /// Returns whether a set came or went since [`Known::changed`] was last called.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Returns the shards that changed since this was last called.
    pub(super) fn changed(&mut self) -> Vec<Shard> {
        let changed = std::mem::take(&mut self.changed);
        let mut shards: Vec<_> = changed.iter().map(|&number| Shard { number, sets: Vec::new() }).collect();
        for (hash, entry) in &self.sets {
            let at = shards.binary_search_by_key(&shard_of(hash), |shard| shard.number);
            if let Some(shard) = at.ok().and_then(|at| shards.get_mut(at)) {
                shard.sets.push((hash.clone(), entry.set.clone()));
            }
        }
        shards
    }

    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    fn put(&mut self, hash: Hash, set: NodeSet) {
        let entry = Entry { set, used: self.uses };
        self.octets += entry.octets();
        if let Some(old) = self.sets.insert(hash, entry) {
            self.octets -= old.octets();
        }
    }

    /// Evicts sets where many may have to go: sorts them first, as a walk for each would take minutes.
    fn evict_many(&mut self) -> u64 {
        if !self.is_over() {
            return 0;
        }
        self.sets.sort_by(|_, a, _, b| b.used.cmp(&a.used));
        self.evict(|sets| sets.len().checked_sub(1))
    }

    /// Evicts sets while over the limit; `oldest` finds the next one.
    fn evict(&mut self, oldest: impl Fn(&IndexMap<Hash, Entry>) -> Option<usize>) -> u64 {
        let mut evicted = 0;
        while self.is_over() {
            let Some((hash, entry)) = oldest(&self.sets).and_then(|at| self.sets.swap_remove_index(at))
            else {
                break;
            };
            self.octets -= entry.octets();
            self.changed.insert(shard_of(&hash));
            evicted += 1;
        }
        evicted
    }

    fn is_over(&self) -> bool {
        self.sets.len() > self.limit || self.octets > self.limit.saturating_mul(OCTETS)
    }
}

/// The maximum average size of a set's node names, in octets: real ones have a few hundred.
const OCTETS: usize = 1024;

#[derive(Debug)]
struct Entry {
    set: NodeSet,
    used: u64,
}

impl Entry {
    fn octets(&self) -> usize {
        self.set.iter().map(|node| node.as_str().len()).sum()
    }
}

/// Returns the shard of a hash: the six bits of its first character.
fn shard_of(hash: &Hash) -> u8 {
    match hash.value.as_bytes().first() {
        Some(c @ b'A'..=b'Z') => c - b'A',
        Some(c @ b'a'..=b'z') => c - b'a' + 26,
        Some(c @ b'0'..=b'9') => c - b'0' + 52,
        Some(b'+') => 62,
        _ => SHARDS - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caps::hash::{Algorithm, Method};
    use crate::id::NodeName;

    fn hash(value: &str) -> Hash {
        Hash { method: Method::Caps, algorithm: Algorithm::Sha1, value: value.into() }
    }

    fn set(node: &str) -> NodeSet {
        std::iter::once(NodeName::from(node)).collect()
    }

    #[test]
    fn the_set_that_was_used_longest_ago_goes() {
        let mut known = Known::new(2);
        known.file(&hash("A"), &set("a"));
        known.file(&hash("B"), &set("b"));
        assert!(known.get(&hash("A")).is_some());
        assert_eq!(known.file(&hash("C"), &set("c")), 1);
        assert_eq!(known.get(&hash("B")), None);
        assert_eq!((known.get(&hash("A")), known.len()), (Some(set("a")), 2));
    }

    #[test]
    fn a_limit_that_is_lowered_by_much_costs_no_walk_for_each() {
        let mut known = Known::new(200_000);
        known.recall((0..200_000).map(|at| (hash(&format!("{at}")), set("a"))));
        for at in [7, 70_000] {
            assert!(known.get(&hash(&format!("{at}"))).is_some());
        }
        // A walk for each would take minutes.
        assert_eq!(known.limit(2), 199_998);
        assert!(known.get(&hash("7")).is_some() && known.get(&hash("70000")).is_some());
    }

    #[test]
    fn sets_of_absurd_size_make_room_for_each_other() {
        let mut known = Known::new(4);
        let large = |at: usize| {
            (0..2).map(|n| NodeName::from(format!("{at}{n}{}", "x".repeat(1000)).as_str())).collect()
        };
        let evicted: u64 = (0..20).map(|at| known.file(&hash(&format!("{at}")), &large(at))).sum();
        assert_eq!((known.len(), evicted), (2, 18));
        assert!(known.octets <= 4 * OCTETS);
    }

    #[test]
    fn what_is_stored_in_shards_can_be_recalled() {
        let mut known = Known::new(100);
        for value in ["A1", "A2", "z", "/"] {
            known.file(&hash(value), &set(value));
        }
        let shards = known.changed();
        let numbers: Vec<_> = shards.iter().map(|shard| (shard.number, shard.sets.len())).collect();
        assert_eq!(numbers, [(0, 2), (51, 1), (63, 1)]);
        assert!(!known.has_changed() && known.changed().is_empty());

        let mut again = Known::new(100);
        again.recall(shards.into_iter().flat_map(|shard| shard.sets));
        for value in ["A1", "A2", "z", "/"] {
            assert_eq!(again.get(&hash(value)), Some(set(value)));
        }
        assert!(!again.has_changed(), "what was stored need not be stored again");
        assert_eq!(again.limit(1), 3);
        assert!(again.has_changed(), "an evicted set leaves its shard too");
        assert!(again.get(&hash("/")).is_some(), "the last one that was used stays");
    }
}
