//! Nodes and items: what a pubsub service is made of (XEP-0060, 2).

use std::rc::Rc;

use indexmap::IndexMap;
use minidom::Element;

use crate::access::Affiliations;
use crate::address::name;
use crate::config::NodeConfig;

name! {
    /// A node's name in its service.
    NodeName
}

name! {
    /// An item's name in its node.
    ItemId
}

/// A published item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The payload; shared with the events that carry it.
    pub payload: Option<Rc<Element>>,
    /// When it was published, in milliseconds since 1970.
    pub at: u64,
}

/// A node: its configuration and its items, oldest first.
#[derive(Debug, Clone)]
pub struct Node {
    /// How it behaves.
    pub config: NodeConfig,
    /// Whom its owner named.
    pub affiliations: Affiliations,
    items: IndexMap<ItemId, Item>,
}

impl Node {
    /// A node without items.
    pub fn new(config: NodeConfig) -> Self {
        Self { config, affiliations: Affiliations::default(), items: IndexMap::new() }
    }

    /// The items, oldest first.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = (&ItemId, &Item)> + ExactSizeIterator {
        self.items.iter()
    }

    /// The item of this name.
    pub fn item(&self, id: &str) -> Option<(&ItemId, &Item)> {
        self.items.get_key_value(id)
    }

    /// The item that was published last.
    pub fn last(&self) -> Option<(&ItemId, &Item)> {
        self.items.last()
    }

    /// Adds an item as the newest, in the place of one with the same id, and drops the oldest beyond the
    /// configured number.
    pub fn put(&mut self, id: ItemId, item: Item) {
        self.items.shift_remove(id.as_str());
        self.items.insert(id, item);
        self.shrink();
    }

    /// Takes an item out.
    pub fn remove(&mut self, id: &str) -> Option<Item> {
        self.items.shift_remove(id)
    }

    /// Takes all items out.
    pub fn purge(&mut self) {
        self.items.clear();
    }

    /// Drops the oldest items beyond the configured number; they are returned, oldest first.
    pub fn shrink(&mut self) -> Vec<ItemId> {
        let keep = if self.config.persist_items { self.config.max_items as usize } else { 0 };
        let over = self.items.len().saturating_sub(keep);
        self.items.drain(..over).map(|(id, _)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn ids(node: &Node) -> Vec<&str> {
        node.items().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn the_newest_items_stay_and_a_known_id_becomes_the_newest() {
        let config = NodeConfig { max_items: 2, ..NodeConfig::new(&Options::default()) };
        let mut node = Node::new(config);
        for id in ["a", "b", "a", "c"] {
            node.put(id.into(), Item { payload: None, at: 0 });
        }
        assert_eq!(ids(&node), ["a", "c"]);
        node.config.max_items = 1;
        assert_eq!(node.shrink(), ["a".into()]);
        node.config.persist_items = false;
        node.put("d".into(), Item { payload: None, at: 0 });
        assert_eq!(ids(&node), [""; 0]);
    }
}
