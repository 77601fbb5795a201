//! The nodes of a client's interest.

use std::rc::Rc;

use crate::id::NodeName;

/// The nodes that a client wants events of: its features that end in `+notify`, without that ending, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NodeSet(Rc<[NodeName]>);

impl NodeSet {
    /// Returns whether `node` is in the set. A binary search.
    pub fn contains(&self, node: &str) -> bool {
        self.0.binary_search_by(|probe| probe.as_str().cmp(node)).is_ok()
    }

    /// Returns the nodes, sorted by octets.
    pub fn iter(&self) -> std::slice::Iter<'_, NodeName> {
        self.0.iter()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<NodeName> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeName>>(nodes: I) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().collect();
        nodes.sort_unstable();
        nodes.dedup();
        Self(nodes.into())
    }
}

impl<'a> IntoIterator for &'a NodeSet {
    type Item = &'a NodeName;
    type IntoIter = std::slice::Iter<'a, NodeName>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
