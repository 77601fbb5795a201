//! What of a service outlives the process, as plain values: its nodes, with their configuration, the accounts that
//! are affiliated, and the items.
//!
//! Occupants are not: a name in a list that means an occupant ends with the occupant, and so does the note of which
//! occupant published an item.

use std::rc::Rc;

use minidom::Element;

use crate::access::{Affiliation, Affiliations, Person};
use crate::config::NodeConfig;
use crate::node::{Item, ItemId, Node, NodeName};
use crate::options::Options;
use crate::service::Service;

/// A node as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRecord {
    /// Its name.
    pub name: NodeName,
    /// The fields of its configuration, by their names in the form.
    pub config: Vec<(String, String)>,
    /// When it was made, in milliseconds since 1970.
    pub made: u64,
    /// Accounts that its owner named.
    pub affiliations: Vec<(String, Affiliation)>,
    /// Its items, oldest first.
    pub items: Vec<ItemRecord>,
}

/// An item as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    /// Its name.
    pub id: ItemId,
    /// The payload.
    pub payload: Option<Rc<Element>>,
    /// When it was published, in milliseconds since 1970.
    pub at: u64,
}

impl Service {
    /// The nodes, oldest first.
    pub fn snapshot(&self) -> Vec<NodeRecord> {
        self.nodes().map(|(name, node)| NodeRecord::of(name, node)).collect()
    }

    /// The service that a snapshot was taken of. What an option does not allow any more is as by default.
    pub fn restore(records: Vec<NodeRecord>, options: &Options) -> Self {
        let mut service = Self::default();
        for record in records {
            let name = record.name.clone();
            service.node_or(&name, || record.into_node(options));
        }
        service
    }
}

impl NodeRecord {
    /// A node as it is now.
    pub fn of(name: &NodeName, node: &Node) -> Self {
        let account = |(person, is): (&Person, Affiliation)| match person {
            Person::Account(account) => Some((account.to_string(), is)),
            Person::Occupant(_) => None,
        };
        let item = |(id, item): (&ItemId, &Item)| ItemRecord {
            id: id.clone(),
            payload: item.payload.clone(),
            at: item.at,
        };
        Self {
            name: name.clone(),
            config: node.config.to_fields(),
            made: node.made,
            affiliations: node.affiliations.iter().filter_map(account).collect(),
            items: node.items().map(item).collect(),
        }
    }

    fn into_node(self, options: &Options) -> Node {
        let mut node = Node::new(NodeConfig::from_fields(&self.config, options), self.made);
        let mut affiliations = Affiliations::default();
        for (account, is) in self.affiliations {
            affiliations.set(Person::Account(account.into()), is);
        }
        node.affiliations = affiliations;
        for ItemRecord { id, payload, at } in self.items {
            node.put(id, Item { payload, at, publisher: None });
        }
        node
    }
}
