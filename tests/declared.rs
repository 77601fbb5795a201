//! The nodes that every room has from the start (`mep_room_nodes`).

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::options::Options;
use mep_core::settings::Value;
use support::World;
use support::people::{CRONE, HECATE, THE_ROOM, values};

const PINS: &str = "urn:example:pins";

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// A room that has a node for pins, where HECATE is the owner, and CRONE a participant.
fn room(fields: &[(&str, &str)]) -> World {
    let fields = fields.iter().map(|&(name, value)| (text(name), text(value))).collect();
    let nodes = Value::Table(vec![(text(PINS), Value::Table(fields))]);
    let (options, problems) = Options::read(&[("mep_room_nodes".into(), nodes)]);
    assert_eq!(problems, [""; 0]);
    let mut world = World::new(options);
    for who in [HECATE, CRONE] {
        world.join(who);
    }
    world
}

fn publishing(id: &str) -> String {
    format!("<publish node='{PINS}'><item id='{id}'><p xmlns='urn:p'/></item></publish>")
}

fn listed(world: &mut World) -> String {
    let query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    String::from(&world.iq(CRONE, THE_ROOM, "get", query).unwrap().result().unwrap())
}

#[test]
fn a_room_has_it_from_the_start_and_makes_it_on_first_use() {
    let mut world = room(&[("title", "Pins"), ("max_items", "max"), ("mep#publish_by", "participants")]);
    assert!(listed(&mut world).contains("name='Pins'"));
    let items = format!("<items node='{PINS}'/>");
    world.get(CRONE, THE_ROOM, &items).shows(&support::people::pubsub(&items));
    let info = format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{PINS}'/>");
    assert!(
        String::from(&world.iq(CRONE, THE_ROOM, "get", &info).unwrap().result().unwrap()).contains("Pins")
    );
    let form = world.owner_get(HECATE, THE_ROOM, &format!("<configure node='{PINS}'/>")).result().unwrap();
    assert_eq!(values(&form, "max_items").unwrap(), ["256"]);
    assert_eq!(world.host.snapshot(&World::room()), [], "nothing is made by looking");
    for id in ["1", "2"] {
        world.set(CRONE, THE_ROOM, &publishing(id)).result().unwrap();
    }
    assert_eq!(world.host.snapshot(&World::room())[0].items.len(), 2);
    assert_eq!(listed(&mut world).matches(PINS).count(), 1);
    world.owner_set(HECATE, THE_ROOM, &format!("<delete node='{PINS}'/>")).accepted();
    assert!(listed(&mut world).contains("name='Pins'"), "as at the start");
    world.set(CRONE, THE_ROOM, &publishing("3")).result().unwrap();
}

#[test]
fn subscribing_and_configuring_use_it_too() {
    let mut world = room(&[("max_items", "max")]);
    world.set(CRONE, THE_ROOM, &publishing("1")).refused("forbidden", "");
    world.set(CRONE, THE_ROOM, &format!("<subscribe node='{PINS}' jid='{}'/>", CRONE.jid)).result().unwrap();
    assert_eq!(world.set(HECATE, THE_ROOM, &publishing("1")).recipients(), [CRONE.jid]);
    let mut world = room(&[("max_items", "max")]);
    world.configure(HECATE, THE_ROOM, PINS, &[("title", "Pins")]);
    assert!(listed(&mut world).contains("name='Pins'"));
}

#[test]
fn its_owner_has_lists_of_it_that_are_empty_until_they_are_set() {
    let mut world = room(&[]);
    for list in ["subscriptions", "affiliations"] {
        let shown = world.owner_get(HECATE, THE_ROOM, &format!("<{list} node='{PINS}'/>")).result().unwrap();
        assert!(!String::from(&shown).contains(CRONE.jid));
    }
    assert_eq!(world.host.snapshot(&World::room()), [], "nothing is made by looking");
    let entry = format!("<affiliation jid='{}' affiliation='publisher'/>", CRONE.address());
    let named = format!("<affiliations node='{PINS}'>{entry}</affiliations>");
    world.owner_set(HECATE, THE_ROOM, &named).accepted();
    world.set(CRONE, THE_ROOM, &publishing("1")).result().unwrap();

    let mut world = room(&[]);
    let entry = format!("<subscription jid='{}' subscription='subscribed'/>", CRONE.address());
    let named = format!("<subscriptions node='{PINS}'>{entry}</subscriptions>");
    world.owner_set(HECATE, THE_ROOM, &named).accepted();
    assert_eq!(world.set(HECATE, THE_ROOM, &publishing("1")).recipients(), [CRONE.jid]);
    world.set(CRONE, THE_ROOM, &named).error();
}

#[test]
fn who_may_not_read_it_does_not_see_it_and_occupants_have_none() {
    let mut world = room(&[("mep#read_by", "moderators")]);
    assert!(!listed(&mut world).contains(PINS));
    world.get(CRONE, THE_ROOM, &format!("<items node='{PINS}'/>")).refused("forbidden", "");
    let query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let own = world.iq(CRONE, CRONE, "get", query).unwrap().result().unwrap();
    assert!(!String::from(&own).contains(PINS));
}
