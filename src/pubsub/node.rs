//! Nodes and items (XEP-0060, 2).

use indexmap::IndexMap;

use crate::held::{Held, Holder, Sum};
use crate::id::{ItemId, NodeName, OccupantId, ServiceId};
use crate::options::Options;
use crate::pubsub::access::Affiliations;
use crate::pubsub::config::NodeConfig;
use crate::xml::payload::Payload;

/// A published item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The payload; shared with the events that carry it.
    pub payload: Option<Payload>,
    /// When it was published, in milliseconds since 1970.
    pub at: u64,
    /// Who published it at a node of the room; `None` at an occupant's, or if it is not known. Boxed, as most items have
    /// none.
    pub publisher: Option<Box<Publisher>>,
}

/// The publisher of an item. In a semi-anonymous room its account is for storage and for rights, and never leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// The account: the item belongs to it, also after it has left and joined again.
    pub account: Box<str>,
    /// Whether it was in the room.
    pub inside: bool,
    /// The occupant that it was; `None` outside the room, and after a restart.
    pub occupant: Option<OccupantId>,
}

/// A node: its configuration and its items, oldest first.
#[derive(Debug)]
pub struct Node {
    /// The configuration.
    pub config: NodeConfig,
    /// The affiliations that its owner has set.
    pub affiliations: Affiliations,
    /// When it was created, in milliseconds since 1970.
    pub made: u64,
    items: IndexMap<ItemId, Numbered>,
    /// What it holds apart from its items.
    head: Held,
    /// The number of the next item.
    next: u64,
    /// What changed since the node was last stored; `None` if nothing of it is stored.
    journal: Option<Journal>,
}

/// An item with its number. Numbers of a node ascend, so that stores without an order can restore it.
#[derive(Debug)]
struct Numbered {
    number: u64,
    item: Item,
    held: Held,
}

/// What an item holds besides its texts: its place in the node, and the reference counts of the texts.
const ITEM: usize = 240;

/// What a publisher holds besides its account.
const PUBLISHER: usize = 64;

/// What a node holds besides the texts of its configuration, its affiliations and its items; its name is in it.
const NODE: usize = 2048;

/// What of a node differs from what is stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    /// Whether its configuration or its affiliations changed.
    pub head: bool,
    /// The items that were added, changed or removed, and whether an item of this id is stored.
    pub items: IndexMap<ItemId, bool>,
}

impl Item {
    /// Returns the octets that it holds in a node, about as the allocator counts them.
    pub fn weight(&self, id: &ItemId) -> usize {
        let payload = self.payload.as_ref().map_or(0, Payload::size);
        ITEM + id.as_str().len() + payload + self.account().map_or(0, |account| PUBLISHER + account.len())
    }

    /// Returns the account that published it, if it is known.
    pub fn account(&self) -> Option<&str> {
        Some(&self.publisher.as_deref()?.account)
    }
}

impl Journal {
    fn touch(&mut self, id: &ItemId, was_stored: bool) {
        if !self.items.contains_key(id.as_str()) {
            self.items.insert(id.clone(), was_stored);
        }
    }
}

impl Node {
    /// Returns a node without items, which is counted in these sums, as its items will be.
    pub fn new(config: NodeConfig, made: u64, by: Holder) -> Self {
        let (affiliations, items) = (Affiliations::default(), IndexMap::new());
        let head = Held::new(by, Self::weight(&config, &affiliations));
        Self { config, affiliations, made, items, head, next: 0, journal: None }
    }

    /// Returns the octets that a node holds apart from its items.
    pub fn weight(config: &NodeConfig, affiliations: &Affiliations) -> usize {
        let NodeConfig { title, description, payload_type, .. } = config;
        NODE + title.len() + description.len() + payload_type.len() + affiliations.weight()
    }

    /// Returns the items, oldest first.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = (&ItemId, &Item)> + ExactSizeIterator {
        self.items.iter().map(|(id, numbered)| (id, &numbered.item))
    }

    /// Returns the item with this id.
    pub fn item(&self, id: &str) -> Option<(&ItemId, &Item)> {
        self.items.get_key_value(id).map(|(id, numbered)| (id, &numbered.item))
    }

    /// Returns the last published item.
    pub fn last(&self) -> Option<(&ItemId, &Item)> {
        self.items().next_back()
    }

    /// Adds an item as the newest, replacing one with the same id. Removes the oldest items over the configured number,
    /// or over `most`, and returns their ids, oldest first.
    ///
    /// It is counted as the node is, but for the account that it belongs to, if that is another.
    pub fn put(&mut self, id: ItemId, item: Item, account: Option<Sum>, most: u32) -> Vec<ItemId> {
        self.insert(id, item, account, self.next);
        self.shrink(most)
    }

    /// Returns the octets of the items that [`Node::put`] would remove.
    pub fn freed_by_put(&self, id: Option<&str>, most: u32) -> usize {
        let replaced = id.and_then(|id| self.items.get_full(id));
        let count = self.items.len() + usize::from(replaced.is_none());
        let over = count.saturating_sub(self.most(most));
        let goes = self.items.values().enumerate();
        let goes = goes.filter(|(at, _)| replaced.is_none_or(|(replaced, ..)| replaced != *at)).take(over);
        let goes = goes.map(|(_, numbered)| numbered);
        goes.chain(replaced.map(|(_, _, numbered)| numbered)).map(|it| it.held.octets()).sum()
    }

    /// Returns whether a new item with this id would push another one out, if no node may have more than `most`.
    pub fn is_full(&self, id: Option<&str>, most: u32) -> bool {
        let replaces = id.is_some_and(|id| self.items.contains_key(id));
        !replaces && self.items.len() >= self.config.max_items.min(most) as usize
    }

    /// Removes expired items (`pubsub#item_expire`).
    pub fn expire(&mut self, now: u64) {
        if let Some(seconds) = self.config.item_expire {
            self.retain(|item| !is_over(seconds, item, now));
        }
    }

    /// Returns whether an item has expired.
    pub fn has_expired(&self, item: &Item, now: u64) -> bool {
        self.config.item_expire.is_some_and(|seconds| is_over(seconds, item, now))
    }

    /// Removes the items of these publishers. Returns their ids, oldest first.
    pub fn remove_of(&mut self, is_one: impl Fn(&Publisher) -> bool) -> Vec<ItemId> {
        self.retain(|item| !item.publisher.as_deref().is_some_and(&is_one))
    }

    /// Removes an item.
    pub fn remove(&mut self, id: &str) -> Option<Item> {
        let (id, Numbered { item, .. }) = self.items.shift_remove_entry(id)?;
        self.note_removed([&id]);
        Some(item)
    }

    /// Removes all items.
    pub fn purge(&mut self) {
        self.retain(|_| false);
    }

    /// Removes the oldest items over the configured number, or over `most`. Returns their ids, oldest first.
    pub fn shrink(&mut self, most: u32) -> Vec<ItemId> {
        let over = self.items.len().saturating_sub(self.most(most));
        let dropped: Vec<_> = self.items.drain(..over).map(|(id, _)| id).collect();
        self.note_removed(&dropped);
        dropped
    }

    /// Applies the configuration that the admin forces. Returns whether that changes anything.
    pub(crate) fn force(&mut self, service: ServiceId, name: &NodeName, options: &Options) -> bool {
        let forced = self.config.clone().forced(service, name.as_str(), options);
        let differs = forced != self.config;
        if differs {
            self.config = forced;
            self.changed();
        }
        differs
    }

    /// Notes that the configuration or the affiliations differ from before.
    pub(crate) fn changed(&mut self) {
        self.weigh();
        if let Some(journal) = &mut self.journal {
            journal.head = true;
        }
    }

    /// Counts what the configuration and the affiliations hold now.
    pub(crate) fn weigh(&mut self) {
        self.head.set(Self::weight(&self.config, &self.affiliations));
    }

    /// Returns the items with their numbers, oldest first.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (&ItemId, u64, &Item)> {
        self.items.iter().map(|(id, Numbered { number, item, .. })| (id, *number, item))
    }

    /// Returns the item with this id, with its number.
    pub(crate) fn numbered_item(&self, id: &ItemId) -> Option<(&ItemId, u64, &Item)> {
        let (id, Numbered { number, item, .. }) = self.items.get_key_value(id.as_str())?;
        Some((id, *number, item))
    }

    /// Adds an item as the newest, with this number.
    pub(crate) fn insert(&mut self, id: ItemId, item: Item, account: Option<Sum>, number: u64) {
        let replaced = self.items.shift_remove(id.as_str()).is_some();
        if let Some(journal) = &mut self.journal {
            journal.touch(&id, replaced);
        }
        let by = self.head.by().clone();
        let by = Holder { account: account.or(by.account), ..by };
        let held = Held::new(by, item.weight(&id));
        self.items.insert(id, Numbered { number, item, held });
        self.next = self.next.max(number.saturating_add(1));
    }

    /// Returns what changed since this was last called, or `None` if nothing was stored. Journals changes from now on.
    pub(crate) fn take_journal(&mut self) -> Option<Journal> {
        self.journal.replace(Journal::default())
    }

    /// Stops journalling: nothing of the node is stored.
    pub(crate) fn stop_journal(&mut self) {
        self.journal = None;
    }

    fn most(&self, most: u32) -> usize {
        if self.config.persist_items { self.config.max_items.min(most) as usize } else { 0 }
    }

    fn retain(&mut self, mut stays: impl FnMut(&Item) -> bool) -> Vec<ItemId> {
        let goes = self.items.iter().filter(|(_, numbered)| !stays(&numbered.item));
        let goes: Vec<_> = goes.map(|(id, _)| id.clone()).collect();
        if !goes.is_empty() {
            self.items.retain(|_, numbered| stays(&numbered.item));
            self.note_removed(&goes);
        }
        goes
    }

    fn note_removed<'a>(&mut self, ids: impl IntoIterator<Item = &'a ItemId>) {
        if let Some(journal) = &mut self.journal {
            for id in ids {
                journal.touch(id, true);
            }
        }
    }
}

fn is_over(seconds: u64, item: &Item, now: u64) -> bool {
    item.at.saturating_add(seconds.saturating_mul(1000)) <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(at: u64) -> Item {
        Item { payload: None, at, publisher: None }
    }

    fn ids(node: &Node) -> Vec<&str> {
        node.items().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn the_newest_items_stay_and_a_known_id_becomes_the_newest() {
        let config = NodeConfig { max_items: 2, ..NodeConfig::new(&Options::default()) };
        let mut node = Node::new(config, 0, Holder::default());
        for id in ["a", "b", "a", "c"] {
            node.put(id.into(), item(0), None, 9);
        }
        assert_eq!(ids(&node), ["a", "c"]);
        assert!(node.is_full(None, 9) && !node.is_full(Some("a"), 9));
        assert_eq!(node.shrink(1), ["a".into()]);
        node.config.max_items = 3;
        assert!(node.is_full(None, 1) && !node.is_full(None, 9));
        node.config.persist_items = false;
        node.put("d".into(), item(0), None, 9);
        assert_eq!(ids(&node), [""; 0]);
    }

    #[test]
    fn items_go_when_their_time_is_over() {
        let config =
            NodeConfig { max_items: 9, item_expire: Some(2), ..NodeConfig::new(&Options::default()) };
        let mut node = Node::new(config, 0, Holder::default());
        for (id, at) in [("a", 1000), ("b", 2000), ("c", 2001)] {
            node.put(id.into(), item(at), None, 9);
        }
        node.expire(3000);
        assert_eq!(ids(&node), ["b", "c"]);
        node.expire(4000);
        assert_eq!(ids(&node), ["c"]);
    }
}
