//! The interest index: which sessions of a room are interested in a node's events.
//!
//! A room has a handful of kinds of clients and thousands of sessions. So the index leads from a node to the *kinds*
//! that want it (the distinct sets of `+notify` features), and from a kind to its sessions, which form a linked list. A
//! publish is linear in the interested sessions: the others are not visited.

use std::collections::HashMap;

use crate::caps::NodeSet;
use crate::id::NodeName;
use crate::id::SessionId;

/// The index of one room, from nodes to kinds of clients to sessions, and back.
///
/// Memory: 12 octets per session, and each distinct set once. [`crate::caps`] bounds the size of a set. Sessions of a
/// kind are in the order in which they became one, kinds in the order in which they first appeared.
#[derive(Debug, Default)]
pub struct Interest {
    kinds: Vec<Option<Kind>>,
    vacant: Vec<u32>,
    by_set: HashMap<NodeSet, u32>,
    by_node: HashMap<NodeName, Vec<u32>>,
    links: Vec<Link>,
}

impl Interest {
    /// Sets the interest of `session`. Linear in the nodes if the kind is new, or if the former kind loses its last
    /// session; otherwise constant.
    pub fn set(&mut self, session: SessionId, set: &NodeSet) {
        if self.get(session).is_some_and(|known| known == set) {
            return;
        }
        self.clear(session);
        if set.is_empty() {
            return;
        }
        let kind = self.kind(set);
        let at = session.0 as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, Link::NONE);
        }
        let Some(Some(entry)) = self.kinds.get_mut(kind as usize) else { return };
        let previous = entry.last;
        entry.last = session.0;
        if previous == NONE {
            entry.first = session.0;
        } else if let Some(link) = self.links.get_mut(previous as usize) {
            link.next = session.0;
        }
        if let Some(link) = self.links.get_mut(at) {
            *link = Link { kind, previous, next: NONE };
        }
    }

    /// Removes the interest of `session`.
    pub fn clear(&mut self, session: SessionId) {
        let Some(link) = self.links.get_mut(session.0 as usize) else { return };
        let Link { kind, previous, next } = std::mem::replace(link, Link::NONE);
        if kind == NONE {
            return;
        }
        if let Some(link) = self.links.get_mut(previous as usize) {
            link.next = next;
        }
        if let Some(link) = self.links.get_mut(next as usize) {
            link.previous = previous;
        }
        if let Some(Some(entry)) = self.kinds.get_mut(kind as usize) {
            if entry.first == session.0 {
                entry.first = next;
            }
            if entry.last == session.0 {
                entry.last = previous;
            }
            if entry.first == NONE {
                self.remove_kind(kind);
            }
        }
    }

    /// Returns the interest of `session`; `None` without any.
    pub fn get(&self, session: SessionId) -> Option<&NodeSet> {
        let link = self.links.get(session.0 as usize)?;
        self.kinds.get(link.kind as usize)?.as_ref().map(|kind| &kind.set)
    }

    /// Returns the sessions that are interested in `node`. One lookup, then linear in the sessions.
    pub fn sessions(&self, node: &str) -> impl Iterator<Item = SessionId> {
        let kinds = self.by_node.get(node).map_or(&[][..], Vec::as_slice);
        kinds.iter().flat_map(|&kind| {
            let first =
                self.kinds.get(kind as usize).and_then(Option::as_ref).map_or(NONE, |kind| kind.first);
            std::iter::successors(self.link(first).map(|_| first), |&at| {
                self.link(at).map(|link| link.next).filter(|&next| next != NONE)
            })
            .map(SessionId)
        })
    }

    /// Returns the number of distinct sets.
    pub fn kinds(&self) -> usize {
        self.by_set.len()
    }

    fn link(&self, at: u32) -> Option<&Link> {
        self.links.get(at as usize)
    }

    fn kind(&mut self, set: &NodeSet) -> u32 {
        if let Some(&kind) = self.by_set.get(set) {
            return kind;
        }
        let entry = Some(Kind { set: set.clone(), first: NONE, last: NONE });
        let kind = if let Some(kind) = self.vacant.pop() {
            if let Some(place) = self.kinds.get_mut(kind as usize) {
                *place = entry;
            }
            kind
        } else {
            self.kinds.push(entry);
            u32::try_from(self.kinds.len() - 1).unwrap_or(NONE)
        };
        self.by_set.insert(set.clone(), kind);
        for node in set {
            self.by_node.entry(node.clone()).or_default().push(kind);
        }
        kind
    }

    fn remove_kind(&mut self, kind: u32) {
        let Some(entry) = self.kinds.get_mut(kind as usize).and_then(Option::take) else { return };
        self.by_set.remove(&entry.set);
        for node in &entry.set {
            if let Some(kinds) = self.by_node.get_mut(node.as_str()) {
                kinds.retain(|&other| other != kind);
                if kinds.is_empty() {
                    self.by_node.remove(node.as_str());
                }
            }
        }
        self.vacant.push(kind);
    }
}

/// No session, or no kind.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Kind {
    set: NodeSet,
    first: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    kind: u32,
    previous: u32,
    next: u32,
}

impl Link {
    const NONE: Self = Self { kind: NONE, previous: NONE, next: NONE };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn set(nodes: &[&str]) -> NodeSet {
        nodes.iter().map(|&node| NodeName::from(node)).collect()
    }

    fn wanting(index: &Interest, node: &str) -> Vec<u32> {
        index.sessions(node).map(|session| session.0).collect()
    }

    #[test]
    fn a_set_is_sorted_and_knows_its_nodes() {
        let nodes = set(&["tune", "mood", "tune"]);
        assert_eq!(nodes.iter().map(NodeName::as_str).collect::<Vec<_>>(), ["mood", "tune"]);
        assert!(nodes.contains("mood") && !nodes.contains("moo"));
    }

    #[test]
    fn sessions_come_in_the_order_in_which_they_became_interested() {
        let mut index = Interest::default();
        for (session, nodes) in [(4, &["mood"][..]), (1, &["mood", "tune"]), (3, &["mood"]), (0, &["tune"])] {
            index.set(SessionId(session), &set(nodes));
        }
        assert_eq!(wanting(&index, "mood"), [4, 3, 1]);
        assert_eq!(wanting(&index, "tune"), [1, 0]);
        assert_eq!(wanting(&index, "geoloc"), []);
        index.set(SessionId(4), &set(&["mood"]));
        assert_eq!(wanting(&index, "mood"), [4, 3, 1], "the same again moves nobody");
        index.clear(SessionId(4));
        assert_eq!(wanting(&index, "mood"), [3, 1]);
    }

    #[test]
    fn the_last_session_takes_its_kind_along() {
        let mut index = Interest::default();
        for round in 0..1000 {
            index.set(SessionId(7), &set(&[&format!("node-{round}")]));
        }
        assert_eq!((index.kinds(), index.kinds.len(), index.by_node.len()), (1, 1, 1));
        index.set(SessionId(7), &NodeSet::default());
        assert_eq!((index.kinds(), index.by_node.len()), (0, 0));
        assert_eq!(index.get(SessionId(7)), None);
    }

    proptest! {
        /// Compares with a plain table of the interest of each session.
        #[test]
        fn the_index_agrees_with_a_plain_table(
            steps in prop::collection::vec((0u32..12, prop::collection::btree_set(0usize..5, 0..4)), 0..200)
        ) {
            const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];
            let mut index = Interest::default();
            let mut model: BTreeMap<u32, NodeSet> = BTreeMap::new();
            for (session, nodes) in steps {
                let wanted = set(&nodes.iter().map(|&at| NODES[at]).collect::<Vec<_>>());
                index.set(SessionId(session), &wanted);
                if wanted.is_empty() { model.remove(&session); } else { model.insert(session, wanted); }

                for node in NODES {
                    let mut found = wanting(&index, node);
                    found.sort_unstable();
                    let expected: Vec<_> =
                        model.iter().filter(|(_, set)| set.contains(node)).map(|(&session, _)| session).collect();
                    prop_assert_eq!(found, expected);
                }
                for session in 0..12 {
                    prop_assert_eq!(index.get(SessionId(session)), model.get(&session));
                }
                let distinct: std::collections::HashSet<_> = model.values().collect();
                prop_assert_eq!(index.kinds(), distinct.len());
            }
        }
    }
}
