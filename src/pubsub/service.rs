//! A pubsub service: the nodes at one JID. Each room JID and each occupant JID is a service (XEP-0316, 4.1).

use indexmap::IndexMap;

use crate::error::Error;
use crate::held::Sum;
use crate::id::NodeName;
use crate::pubsub::node::Node;

/// The nodes at one JID, in the order of their creation.
#[derive(Debug, Default)]
pub struct Service {
    /// `None` without nodes: most occupants publish nothing, and an empty map is as large as all their other data.
    nodes: Option<Box<Nodes>>,
}

#[derive(Debug)]
struct Nodes {
    map: IndexMap<NodeName, Node>,
    held: Sum,
}

impl Service {
    /// Returns the node of this name.
    ///
    /// # Errors
    /// [`Error::NodeNotFound`].
    pub fn node(&self, name: &str) -> Result<&Node, Error> {
        self.map().and_then(|nodes| nodes.get(name)).ok_or(Error::NodeNotFound)
    }

    /// Returns the node of this name for changes.
    ///
    /// # Errors
    /// [`Error::NodeNotFound`].
    pub fn node_mut(&mut self, name: &str) -> Result<&mut Node, Error> {
        self.nodes.as_mut().and_then(|nodes| nodes.map.get_mut(name)).ok_or(Error::NodeNotFound)
    }

    /// Returns whether the service has a node of this name.
    pub fn holds(&self, name: &str) -> bool {
        self.map().is_some_and(|nodes| nodes.contains_key(name))
    }

    /// Returns the nodes, oldest first.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeName, &Node)> {
        self.map().into_iter().flat_map(IndexMap::iter)
    }

    /// Returns the nodes for changes, oldest first.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = (&NodeName, &mut Node)> {
        self.nodes.iter_mut().flat_map(|nodes| nodes.map.iter_mut())
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.map().map_or(0, IndexMap::len)
    }

    /// Returns whether the service has no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the octets that its nodes and their items hold.
    pub fn held(&self) -> usize {
        self.nodes.as_ref().map_or(0, |nodes| nodes.held.octets())
    }

    /// Returns the node of this name, after creating it with `make` if it does not exist: counted in the sum that `make`
    /// is passed, which is a part of `room`.
    pub(crate) fn node_or(
        &mut self,
        name: &NodeName,
        room: &Sum,
        make: impl FnOnce(Sum) -> Node,
    ) -> &mut Node {
        let nodes =
            self.nodes.get_or_insert_with(|| Box::new(Nodes { map: IndexMap::new(), held: room.part() }));
        let held = &nodes.held;
        nodes.map.entry(name.clone()).or_insert_with(|| make(held.clone()))
    }

    /// Removes a node.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Node> {
        let nodes = self.nodes.as_mut()?;
        let removed = nodes.map.shift_remove(name);
        if nodes.map.is_empty() {
            self.nodes = None;
        }
        removed
    }

    fn map(&self) -> Option<&IndexMap<NodeName, Node>> {
        self.nodes.as_ref().map(|nodes| &nodes.map)
    }
}
