//! What a publish is refused for, and what it makes and pushes out (XEP-0060, 7.1): golden requests and events.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::Role;
use mep_core::options::Options;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, event, room_of, submit, values};
use support::{Happened, World};

const SUBSCRIBE: &str = "<subscribe node='spells' jid='crone1@shakespeare.lit'/>";

fn coven() -> World {
    room_of(&[HECATE, CRONE])
}

/// A room whose node `spells` has this configuration.
fn with_node(fields: &[(&str, &str)]) -> World {
    let mut world = coven();
    world.set(HECATE, THE_ROOM, "<create node='spells'/>").accepted();
    world.configure(HECATE, THE_ROOM, "spells", fields);
    world
}

fn publish(world: &mut World, who: Person, item: &str) -> Happened {
    world.set(who, THE_ROOM, &format!("<publish node='spells'>{item}</publish>"))
}

fn spell(id: &str) -> String {
    format!("<item id='{id}'><spell xmlns='urn:spell'/></item>")
}

#[test]
fn subscribers_publish_where_the_node_says_so() {
    let mut world = with_node(&[("publish_model", "subscribers")]);
    publish(&mut world, CRONE, &spell("1")).refused("forbidden", "");
    world.set(CRONE, THE_ROOM, SUBSCRIBE).result().unwrap();
    publish(&mut world, CRONE, &spell("1")).result().unwrap();
}

#[test]
fn an_item_is_there_and_has_a_payload_unless_the_node_says_otherwise() {
    let mut world = with_node(&[("deliver_payloads", "1")]);
    publish(&mut world, HECATE, "").refused("bad-request", "item-required");
    publish(&mut world, HECATE, "<item id='1'/>").refused("bad-request", "payload-required");
    let mut world = with_node(&[("deliver_payloads", "0")]);
    publish(&mut world, HECATE, "").refused("bad-request", "item-required");
    publish(&mut world, HECATE, "<item id='1'/>").result().unwrap();
    let mut world = with_node(&[("deliver_payloads", "0"), ("persist_items", "0")]);
    publish(&mut world, HECATE, "<item id='1'/>").refused("bad-request", "item-forbidden");
    publish(&mut world, HECATE, "").result().unwrap();
}

#[test]
fn a_full_node_does_what_it_is_configured_to_do() {
    let full = |action| [("max_items", "2"), ("publish_node_full", action)];
    for action in ["reject", "retract-oldest", "discard-oldest"] {
        let mut world = with_node(&full(action));
        world.set(CRONE, THE_ROOM, SUBSCRIBE).result().unwrap();
        for id in ["1", "2", "2"] {
            let told = publish(&mut world, HECATE, &spell(id));
            told.result().unwrap();
            assert_eq!(told.messages.len(), 1, "{action}: nothing is pushed out");
        }
        let told = publish(&mut world, HECATE, &spell("3"));
        match action {
            "reject" => told.refused("conflict", "node-full"),
            "retract-oldest" => {
                assert_eq!(told.messages.len(), 2);
                let retraction = support::plain(told.messages[1].1.children().next().unwrap());
                assert_eq!(retraction, event("<items node='spells'><retract id='1'/></items>"));
            }
            _ => assert_eq!(told.messages.len(), 1),
        }
    }
}

#[test]
fn the_publish_options_of_an_owner_configure_a_new_node() {
    let mut world = coven();
    let options = |model| submit(&[("access_model", model)]).replace("node_config", "publish-options");
    let with = |model| {
        format!(
            "<publish node='spells'>{}</publish><publish-options>{}</publish-options>",
            spell("1"),
            options(model)
        )
    };
    world.set(HECATE, THE_ROOM, &with("open")).result().unwrap();
    let form = world.owner_get(HECATE, THE_ROOM, "<configure node='spells'/>").result().unwrap();
    assert_eq!(values(&form, "access_model").unwrap(), ["open"]);
    world.set(HECATE, THE_ROOM, &with("whitelist")).refused("conflict", "precondition-not-met");
}

#[test]
fn the_default_configuration_is_shown_to_owners() {
    let mut world = coven();
    let form = world.owner_get(HECATE, THE_ROOM, "<default/>").result().unwrap();
    assert_eq!(values(&form, "access_model").unwrap(), ["presence"]);
    world.owner_get(CRONE, THE_ROOM, "<default/>").refused("forbidden", "");
}

#[test]
fn a_change_of_the_room_is_stored_and_one_of_an_occupant_is_not() {
    let mut world = coven();
    assert_eq!(publish(&mut world, HECATE, &spell("1")).kept.len(), 1);
    let own = world.publish(CRONE, CRONE, "spells", "1");
    assert!(own.kept.is_empty() && own.kept_of_occupants.is_empty());
}

/// A store without an order gives back the nodes in that of their making.
#[test]
fn nodes_of_one_moment_have_an_order() {
    let mut world = coven();
    for node in ["b", "a", "c"] {
        world.set(HECATE, THE_ROOM, &format!("<create node='{node}'/>")).accepted();
    }
    let made: Vec<_> = world.host.snapshot(&World::room()).iter().map(|record| record.head.made).collect();
    assert!(made[0] < made[1] && made[1] < made[2], "{made:?}");
}

#[test]
fn reading_does_not_count_as_publishing_and_owners_outside_may_publish_ten_times_as_much() {
    let outside = Person { nick: "", role: Role::None, ..HECATE };
    let mut world = room_of(&[CRONE, WICCA]);
    // Of which joining was one.
    world.set_options(Options { publish_burst: 3, publish_rate: 0, ..Options::default() });
    for _ in 0..30 {
        world.get(CRONE, CRONE, "<subscriptions/>").result().unwrap();
        world.publish(outside, THE_ROOM, "spells", "1");
    }
    let publish = format!("<publish node='spells'>{}</publish>", spell("2"));
    world.set(outside, THE_ROOM, &publish).refused("resource-constraint", "");
    for _ in 0..2 {
        world.publish(CRONE, CRONE, "spells", "1");
    }
    world.set(CRONE, CRONE, &publish).refused("resource-constraint", "");
}
