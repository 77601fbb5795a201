//! The records of a service for storage, as plain values: nodes, with configuration, affiliated accounts and items.
//!
//! Occupants are not stored: an occupant's affiliations end with the occupant. The publisher of an item is stored as an
//! account.

use crate::held::{Holder, Ledger, Sum};
use crate::id::{ItemId, NodeName, ServiceId};
use crate::options::Options;
use crate::pubsub::access::{Affiliate, Affiliation, Affiliations};
use crate::pubsub::config::NodeConfig;
use crate::pubsub::node::{Item, Node, Publisher};
use crate::pubsub::service::Service;
use crate::xml::payload::Payload;

/// The record of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRecord {
    /// Its name.
    pub name: NodeName,
    /// Its data apart from the items.
    pub head: NodeHead,
    /// Its items, oldest first.
    pub items: Vec<ItemRecord>,
}

/// The record of a node, apart from its items.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeHead {
    /// The fields of its configuration, by their names in the form.
    pub config: Vec<(String, String)>,
    /// When it was created, in milliseconds since 1970.
    pub made: u64,
    /// Affiliated accounts.
    pub affiliations: Vec<(String, Affiliation)>,
}

/// The record of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    /// Its name.
    pub id: ItemId,
    /// The payload.
    pub payload: Option<Payload>,
    /// When it was published, in milliseconds since 1970.
    pub at: u64,
    /// Its number, which gives its place among the items of its node.
    pub number: u64,
    /// The account that published it, if it is known.
    pub publisher: Option<String>,
    /// Whether the publisher was in the room.
    pub inside: bool,
}

/// What changed in a node since it was last stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The whole node, which replaces what is stored.
    Whole(NodeHead, Vec<ItemRecord>),
    /// Some parts of the node. A publish to a node with many items puts one item, and may remove another.
    Parts {
        /// The current head, if the configuration or an affiliation changed.
        head: Option<NodeHead>,
        /// Items that were added or changed, oldest first.
        put: Vec<ItemRecord>,
        /// Items that were removed.
        removed: Vec<ItemId>,
        /// The current number of items.
        count: usize,
    },
    /// The node was deleted.
    Deleted,
}

/// Who holds what is restored.
#[derive(Debug)]
pub(crate) struct Holders<'a> {
    /// The room.
    pub room: &'a Sum,
    /// The account of the occupant whose service it is.
    pub owner: Option<Sum>,
    /// All accounts: items of a room belong to those that published them.
    pub ledger: &'a mut Ledger,
}

impl Service {
    /// Returns the records of the nodes, oldest first.
    pub fn snapshot(&self) -> Vec<NodeRecord> {
        self.nodes().map(|(name, node)| NodeRecord::of(name, node)).collect()
    }

    /// Returns the service `id` of these records. Values that the options don't allow any more become defaults.
    pub(crate) fn restore(
        id: ServiceId,
        records: Vec<NodeRecord>,
        holders: &mut Holders<'_>,
        options: &Options,
    ) -> Self {
        let mut service = Self::default();
        for record in records {
            let name = record.name.clone();
            service.node_or(&name, holders.room, |held| record.into_node(id, held, holders, options));
        }
        service
    }
}

impl NodeRecord {
    /// Returns the record of a node.
    pub fn of(name: &NodeName, node: &Node) -> Self {
        let items = node.numbered().map(ItemRecord::of).collect();
        Self { name: name.clone(), head: NodeHead::of(node), items }
    }

    /// Returns the node of this record, which is counted in this sum of its service.
    pub(crate) fn into_node(
        self,
        service: ServiceId,
        held: Sum,
        holders: &mut Holders<'_>,
        options: &Options,
    ) -> Node {
        let NodeHead { config, made, affiliations: named } = self.head;
        let config = NodeConfig::from_fields(&config, options).forced(service, self.name.as_str(), options);
        let by = Holder { service: Some(held), account: holders.owner.clone() };
        let mut node = Node::new(config, made, by);
        let mut affiliations = Affiliations::default();
        for (account, is) in named {
            affiliations.set(Affiliate::Account(account.into()), is);
        }
        node.affiliations = affiliations;
        node.changed();
        for ItemRecord { id, payload, at, number, publisher, inside } in self.items {
            let sum = publisher.as_deref().map(|account| holders.ledger.account(account));
            let publisher =
                publisher.map(|account| Publisher { account: account.into(), inside, occupant: None });
            node.insert(id, Item { payload, at, publisher: publisher.map(Box::new) }, sum, number);
        }
        // Journal before shrinking, so that items over a lowered limit are removed from storage, too.
        node.take_journal();
        node.shrink(options.max_items);
        node
    }
}

impl NodeHead {
    fn of(node: &Node) -> Self {
        let account = |(affiliate, is): (&Affiliate, Affiliation)| match affiliate {
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
        let publisher = item.account().map(str::to_owned);
        let inside = item.publisher.as_deref().is_some_and(|publisher| publisher.inside);
        Self { id: id.clone(), payload: item.payload.clone(), at: item.at, number, publisher, inside }
    }
}

impl Node {
    /// Returns what changed in the node since this was last called, or `None` if nothing did. Linear in the
    /// changes; the first time, and if most items were removed, linear in the node.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        let whole = |node: &Self| {
            Some(Change::Whole(NodeHead::of(node), node.numbered().map(ItemRecord::of).collect()))
        };
        let Some(journal) = self.take_journal() else { return whole(self) };
        let mut put = Vec::new();
        let mut removed = Vec::new();
        for (id, was_stored) in journal.items {
            match self.numbered_item(&id) {
                Some(item) => put.push(ItemRecord::of(item)),
                None if was_stored => removed.push(id),
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
