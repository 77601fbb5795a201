//! Random requests of owners to a room's nodes: a refused request changes nothing, no node outgrows its configuration,
//! and the stored nodes are restored unchanged.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::BTreeMap;

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::host::Host;
use mep_core::id::{ItemId, NodeName};
use mep_core::options::Options;
use mep_core::pubsub::snapshot::{Change, ItemRecord, NodeHead, NodeRecord};
use proptest::prelude::*;
use support::{ROOM, World};

const OWNER: &str = "owner@example.org/client";
const NODES: [&str; 3] = ["urn:a", "urn:b", "urn:c"];

#[derive(Debug, Clone)]
enum Step {
    Publish {
        node: usize,
        id: u8,
        payload: &'static str,
    },
    Retract {
        node: usize,
        ids: Vec<u8>,
    },
    Purge {
        node: usize,
    },
    Delete {
        node: usize,
    },
    Create {
        node: usize,
    },
    Configure {
        node: usize,
        field: &'static str,
        value: &'static str,
    },
    Affiliate {
        node: usize,
        jid: &'static str,
        affiliation: &'static str,
    },
    /// The owner leaves and joins again.
    Return,
    /// The room becomes temporary or persistent.
    Persist(bool),
    /// The server restarts.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let node = 0..NODES.len();
    let field = prop::sample::select(vec![
        ("max_items", "1"),
        ("max_items", "3"),
        ("max_items", "0"),
        ("max_items", "max"),
        ("persist_items", "0"),
        ("persist_items", "1"),
        ("deliver_payloads", "0"),
        ("deliver_payloads", "1"),
        ("publish_node_full", "reject"),
        ("publish_node_full", "retract-oldest"),
        ("item_expire", "2"),
        ("item_expire", "max"),
        ("access_model", "whitelist"),
        ("access_model", "authorize"),
        ("purge_offline", "1"),
        ("title", "Ä title"),
        ("colour", "red"),
    ]);
    let payload =
        prop::sample::select(vec!["<p xmlns='urn:p'/>", "", "<p xmlns='urn:p'/><q xmlns='urn:q'/>"]);
    let jid = prop::sample::select(vec!["a@b", "c@d/e", "coven@chat.shakespeare.lit/nobody", "@"]);
    let affiliation = prop::sample::select(vec!["member", "outcast", "publisher", "none", "owner", "king"]);
    prop_oneof![
        4 => (node.clone(), 0..6u8, payload).prop_map(|(node, id, payload)| Step::Publish { node, id, payload }),
        2 => (node.clone(), prop::collection::vec(0..6u8, 0..3)).prop_map(|(node, ids)| Step::Retract { node, ids }),
        1 => node.clone().prop_map(|node| Step::Purge { node }),
        1 => node.clone().prop_map(|node| Step::Delete { node }),
        1 => node.clone().prop_map(|node| Step::Create { node }),
        3 => (node.clone(), field).prop_map(|(node, (field, value))| Step::Configure { node, field, value }),
        1 => (node, jid, affiliation)
            .prop_map(|(node, jid, affiliation)| Step::Affiliate { node, jid, affiliation }),
        1 => Just(Step::Return),
        1 => prop::bool::weighted(0.7).prop_map(Step::Persist),
        1 => Just(Step::Restart),
    ]
}

/// The request of a step: the suffix of the pubsub namespace, and the child.
fn request(step: &Step) -> (&'static str, String) {
    match step {
        Step::Return | Step::Persist(_) | Step::Restart => ("", "<subscriptions/>".to_owned()),
        Step::Publish { node, id, payload } => {
            ("", format!("<publish node='{}'><item id='{id}'>{payload}</item></publish>", NODES[*node]))
        }
        Step::Retract { node, ids } => {
            let items: Vec<_> = ids.iter().map(|id| format!("<item id='{id}'/>")).collect();
            ("", format!("<retract node='{}'>{}</retract>", NODES[*node], items.concat()))
        }
        Step::Purge { node } => ("#owner", format!("<purge node='{}'/>", NODES[*node])),
        Step::Delete { node } => ("#owner", format!("<delete node='{}'/>", NODES[*node])),
        Step::Create { node } => ("", format!("<create node='{}'/>", NODES[*node])),
        Step::Configure { node, field, value } => (
            "#owner",
            format!(
                "<configure node='{}'><x xmlns='jabber:x:data' type='submit'><field var='pubsub#title'>\
                 <value>{field}</value></field><field var='pubsub#{field}'><value>{value}</value></field></x>\
                 </configure>",
                NODES[*node],
            )
            .replace("<field var='pubsub#title'><value>title</value></field>", ""),
        ),
        Step::Affiliate { node, jid, affiliation } => (
            "#owner",
            format!(
                "<affiliations node='{}'><affiliation jid='{jid}' affiliation='{affiliation}'/></affiliations>",
                NODES[*node]
            ),
        ),
    }
}

/// The reply to a request, and whether it was refused.
fn ask(world: &mut World, kind: &str, ns: &str, inner: &str) -> (bool, minidom::Element) {
    let (refused, reply, _) = ask_and_keep(world, kind, ns, inner);
    (refused, reply)
}

/// The same, with the changes to store.
fn ask_and_keep(
    world: &mut World,
    kind: &str,
    ns: &str,
    inner: &str,
) -> (bool, minidom::Element, Vec<(NodeName, Change)>) {
    let iq = format!(
        "<iq type='{kind}' id='i' from='{OWNER}' to='{ROOM}'>\
         <pubsub xmlns='http://jabber.org/protocol/pubsub{ns}'>{inner}</pubsub></iq>"
    );
    let happened = world.request("owner", OWNER, Role::Moderator, RoomAffiliation::Owner, &iq).unwrap();
    let reply = happened.reply.unwrap();
    (reply.attr("type") == Some("error"), reply, happened.kept)
}

/// A storage: the records of nodes, with the items by id.
#[derive(Debug, Default, PartialEq)]
struct Storage(BTreeMap<NodeName, (NodeHead, BTreeMap<ItemId, ItemRecord>)>);

impl Storage {
    fn of(records: Vec<NodeRecord>) -> Self {
        let by_id = |items: Vec<ItemRecord>| items.into_iter().map(|item| (item.id.clone(), item)).collect();
        let node = |record: NodeRecord| (record.name, (record.head, by_id(record.items)));
        Self(records.into_iter().map(node).collect())
    }

    fn keep(&mut self, node: NodeName, change: Change) {
        match change {
            Change::Whole(head, items) => {
                let Self(mut whole) = Self::of(vec![NodeRecord { name: node, head, items }]);
                self.0.append(&mut whole);
            }
            Change::Parts { head, put, removed, .. } => {
                let (kept, items) = self.0.get_mut(&node).unwrap();
                for id in removed {
                    items.remove(&id).expect("what is removed was stored");
                }
                items.extend(put.into_iter().map(|item| (item.id.clone(), item)));
                if let Some(head) = head {
                    *kept = head;
                }
            }
            Change::Deleted => drop(self.0.remove(&node).expect("what is deleted was stored")),
        }
    }

    fn records(&self) -> Vec<NodeRecord> {
        let record = |(name, (head, items)): (&NodeName, &(NodeHead, BTreeMap<ItemId, ItemRecord>))| {
            let mut items: Vec<_> = items.values().cloned().collect();
            items.sort_by_key(|item| item.number);
            NodeRecord { name: name.clone(), head: head.clone(), items }
        };
        let mut records: Vec<_> = self.0.iter().map(record).collect();
        records.sort_by_key(|record| record.head.made);
        records
    }
}

fn by_name(records: Vec<NodeRecord>) -> BTreeMap<String, NodeRecord> {
    records.into_iter().map(|record| (record.name.to_string(), record)).collect()
}

/// The value of a field of a stored node.
fn value<'a>(record: &'a NodeRecord, field: &str) -> &'a str {
    &record.head.config.iter().find(|(var, _)| var == &format!("pubsub#{field}")).unwrap().1
}

proptest! {
    #![proptest_config(support::histories(300))]

    #[test]
    fn a_rooms_nodes_hold_what_their_configuration_says(steps in prop::collection::vec(step(), 1..60)) {
        let options = Options { publish_burst: 1000, ..Options::default() };
        let mut world = World::new(options.clone());
        let mut storage = Storage::default();
        world.enter("owner", OWNER, "<presence/>");
        for step in steps {
            world.now += 700;
            match step {
                Step::Return => {
                    // A leave has the effect for temporary rooms, too; the glue stores nothing of them.
                    for (node, change) in world.leave("owner").kept.into_iter().filter(|_| world.persistent) {
                        storage.keep(node, change);
                    }
                    world.enter("owner", OWNER, "<presence/>");
                    continue;
                }
                Step::Persist(persistent) => {
                    if persistent != world.persistent {
                        let kept = if persistent { world.host.snapshot(&World::room()) } else { Vec::new() };
                        storage = Storage::of(kept);
                        world.host.kept(&World::room());
                        world.persistent = persistent;
                    }
                    continue;
                }
                Step::Restart if world.persistent => {
                    world.host = Host::new(options.clone());
                    world.host.load(&World::room(), storage.records());
                    world.enter("owner", OWNER, "<presence/>");
                    continue;
                }
                _ => {}
            }
            let before = world.host.snapshot(&World::room());
            let (ns, inner) = request(&step);
            let (refused, _, kept) = ask_and_keep(&mut world, "set", ns, &inner);
            let keeps = !refused && world.persistent;
            prop_assert!(keeps || kept.is_empty());
            let after = world.host.snapshot(&World::room());
            for (node, change) in kept {
                storage.keep(node.clone(), change);
                let now = after.iter().find(|record| record.name == node).cloned();
                let stored = storage.records().into_iter().find(|record| record.name == node);
                prop_assert_eq!(stored, now, "after {:?}", step);
            }
            if refused {
                // Only items that have expired meanwhile may be missing.
                let (mut before, after) = (by_name(before), by_name(after.clone()));
                for (name, record) in &mut before {
                    if let Some(still) = after.get(name) {
                        record.items.retain(|item| still.items.contains(item));
                    }
                }
                prop_assert_eq!(before, after, "{:?} was refused", step);
            }
            for record in &after {
                let keeps = value(record, "persist_items") == "1";
                let most = if keeps { value(record, "max_items").parse().unwrap() } else { 0 };
                prop_assert!(record.items.len() <= most, "{} items, {most} allowed", record.items.len());
            }
        }

        let kept = world.host.snapshot(&World::room());
        if !world.persistent {
            storage = Storage::of(kept.clone());
        }
        // Expired items that no request has touched are still stored.
        let mut stored = by_name(storage.records());
        for (name, record) in &mut stored {
            let now = kept.iter().find(|record| record.name.as_str() == name);
            record.items.retain(|item| now.is_some_and(|now| now.items.contains(item)));
        }
        prop_assert_eq!(stored, by_name(kept));
        let mut again = World::new(options);
        again.now = world.now;
        again.host.load(&World::room(), storage.records());
        prop_assert_eq!(again.host.snapshot(&World::room()), storage.records());
        for node in NODES {
            let items = format!("<items node='{node}'/>");
            let config = format!("<configure node='{node}'/>");
            prop_assert_eq!(ask(&mut again, "get", "", &items), ask(&mut world, "get", "", &items));
            prop_assert_eq!(ask(&mut again, "get", "#owner", &config), ask(&mut world, "get", "#owner", &config));
        }
    }
}

#[test]
fn a_node_that_kept_more_than_is_allowed_now_keeps_what_is_allowed() {
    let wide = Options { max_items: 500, ..Options::default() };
    let mut world = World::new(wide);
    world.enter("owner", OWNER, "<presence/>");
    ask(&mut world, "set", "", "<publish node='urn:a'><item id='1'><p xmlns='urn:p'/></item></publish>");
    let (refused, _) = ask(
        &mut world,
        "set",
        "#owner",
        "<configure node='urn:a'><x xmlns='jabber:x:data' type='submit'><field var='pubsub#max_items'>\
         <value>500</value></field></x></configure>",
    );
    assert!(!refused);
    let narrow = Options { max_items: 10, ..Options::default() };
    let mut host = Host::new(narrow);
    host.load(&World::room(), world.host.snapshot(&World::room()));
    let [record] = &host.snapshot(&World::room())[..] else { panic!("one node") };
    assert_eq!(value(record, "max_items"), "10");
    assert_eq!(record.items.len(), 1);
}

#[test]
fn a_node_that_is_not_there_any_more_after_loading_has_no_subscribers() {
    let mut world = World::new(Options::default());
    world.enter("owner", OWNER, "<presence/>");
    let publish = "<publish node='urn:a'><item id='1'><p xmlns='urn:p'/></item></publish>";
    let subscribe = format!("<subscribe node='urn:a' jid='{OWNER}'/>");
    assert!(!ask(&mut world, "set", "", publish).0);
    let kept = world.host.snapshot(&World::room());
    assert!(!ask(&mut world, "set", "", &subscribe).0);
    world.host.load(&World::room(), kept);
    assert_eq!(world.host.counts().subscriptions, 1);
    world.host.load(&World::room(), Vec::new());
    assert_eq!(world.host.counts().subscriptions, 0);
}
