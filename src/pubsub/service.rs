//! A pubsub service: the nodes of one address. Each room JID and each occupant JID is one (XEP-0316, 4.1).

use indexmap::IndexMap;

use crate::error::Error;
use crate::id::NodeName;
use crate::pubsub::node::Node;

/// The nodes of one address, in the order of their creation.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Most occupants publish nothing, and an empty map is as large as all else that is known of them.
    nodes: Option<Box<IndexMap<NodeName, Node>>>,
}

impl Service {
    /// The node of this name.
    ///
    /// # Errors
    /// [`Error::NodeNotFound`].
    pub fn node(&self, name: &str) -> Result<&Node, Error> {
        self.map().and_then(|nodes| nodes.get(name)).ok_or(Error::NodeNotFound)
    }

    /// The node of this name, to change it.
    ///
    /// # Errors
    /// [`Error::NodeNotFound`].
    pub fn node_mut(&mut self, name: &str) -> Result<&mut Node, Error> {
        self.nodes.as_mut().and_then(|nodes| nodes.get_mut(name)).ok_or(Error::NodeNotFound)
    }

    /// Whether there is such a node.
    pub fn holds(&self, name: &str) -> bool {
        self.map().is_some_and(|nodes| nodes.contains_key(name))
    }

    /// The nodes, oldest first.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeName, &Node)> {
        self.map().into_iter().flat_map(IndexMap::iter)
    }

    /// The nodes, oldest first, to change them.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = (&NodeName, &mut Node)> {
        self.nodes.iter_mut().flat_map(|nodes| nodes.iter_mut())
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.map().map_or(0, IndexMap::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node of this name, made with `make` where there is none.
    pub(crate) fn node_or(&mut self, name: &NodeName, make: impl FnOnce() -> Node) -> &mut Node {
        self.nodes.get_or_insert_default().entry(name.clone()).or_insert_with(make)
    }

    /// Takes a node out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Node> {
        let nodes = self.nodes.as_mut()?;
        let removed = nodes.shift_remove(name);
        if nodes.is_empty() {
            self.nodes = None;
        }
        removed
    }

    fn map(&self) -> Option<&IndexMap<NodeName, Node>> {
        self.nodes.as_deref()
    }
}
