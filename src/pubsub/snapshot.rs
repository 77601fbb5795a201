//! What of a service outlives the process, as plain values: its nodes, with their configuration, the accounts that
//! are affiliated, and the items.
//!
//! Occupants are not: a name in a list that means an occupant ends with the occupant, and so does the note of which
//! occupant published an item.

use std::rc::Rc;

use minidom::Element;

use crate::id::{ItemId, NodeName};
use crate::options::Options;
use crate::pubsub::access::{Affiliate, Affiliation, Affiliations};
use crate::pubsub::config::NodeConfig;
use crate::pubsub::node::{Item, Node};
use crate::pubsub::service::Service;

/// A node as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRecord {
    /// Its name.
    pub name: NodeName,
    /// What there is of it besides its items.
    pub head: NodeHead,
    /// Its items, oldest first.
    pub items: Vec<ItemRecord>,
}

/// What is kept of a node besides its items.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeHead {
    /// The fields of its configuration, by their names in the form.
    pub config: Vec<(String, String)>,
    /// When it was made, in milliseconds since 1970.
    pub made: u64,
    /// Accounts that its owner named.
    pub affiliations: Vec<(String, Affiliation)>,
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
    /// Where it stands among the items of its node: they ascend.
    pub number: u64,
}

/// What became of a node since it was last kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is this, and nothing of what was kept under its name before.
    Whole(NodeHead, Vec<ItemRecord>),
    /// These parts of it are new. A publish to a node of many items is one of them, or one and another that went.
    Parts {
        /// Its configuration or its affiliations changed: what they are now.
        head: Option<NodeHead>,
        /// Items that came, or are others now under the same id; oldest first.
        put: Vec<ItemRecord>,
        /// Items that are no more.
        removed: Vec<ItemId>,
        /// How many items there are now.
        count: usize,
    },
    /// It is no more.
    Gone,
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
        let items = node.numbered().map(ItemRecord::of).collect();
        Self { name: name.clone(), head: NodeHead::of(node), items }
    }

    fn into_node(self, options: &Options) -> Node {
        let NodeHead { config, made, affiliations: named } = self.head;
        let config = NodeConfig::from_fields(&config, options).forced(self.name.as_str(), options);
        let mut node = Node::new(config, made);
        let mut affiliations = Affiliations::default();
        for (account, is) in named {
            affiliations.set(Affiliate::Account(account.into()), is);
        }
        node.affiliations = affiliations;
        for ItemRecord { id, payload, at, number } in self.items {
            node.insert(id, Item { payload, at, publisher: None }, number);
        }
        // From here on, what it loses is to be lost in storage as well: it may hold more than is allowed now.
        node.take_journal();
        node.shrink(options.max_items);
        node
    }
}

impl NodeHead {
    fn of(node: &Node) -> Self {
        let account = |(person, is): (&Affiliate, Affiliation)| match person {
            Affiliate::Account(account) => Some((account.to_string(), is)),
            Affiliate::Occupant(_) => None,
        };
        Self {
            config: node.config.to_fields(),
            made: node.made,
            affiliations: node.affiliations.iter().filter_map(account).collect(),
        }
    }
}

impl ItemRecord {
    fn of((id, number, item): (&ItemId, u64, &Item)) -> Self {
        Self { id: id.clone(), payload: item.payload.clone(), at: item.at, number }
    }
}

impl Node {
    /// What became of the node since this was last called, to be kept; `None`: nothing. Costs by what changed, the
    /// first time and where most of the items went by what there is.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        let whole = |node: &Self| {
            Some(Change::Whole(NodeHead::of(node), node.numbered().map(ItemRecord::of).collect()))
        };
        let Some(journal) = self.take_journal() else { return whole(self) };
        let mut put = Vec::new();
        let mut removed = Vec::new();
        for (id, was_kept) in journal.items {
            match self.numbered_item(&id) {
                Some(item) => put.push(ItemRecord::of(item)),
                None if was_kept => removed.push(id),
                None => {}
            }
        }
        if removed.len() > self.items().len() + 1 {
            return whole(self);
        }
        if !journal.head && put.is_empty() && removed.is_empty() {
            return None;
        }
        put.sort_by_key(|item| item.number);
        Some(Change::Parts {
            head: journal.head.then(|| NodeHead::of(self)),
            put,
            removed,
            count: self.items().len(),
        })
    }
}
