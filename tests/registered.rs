//! The stored nodes of an occupant, and their return.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::options::Options;
use mep_core::pubsub::snapshot::NodeRecord;
use support::{Happened, World, occupant, sort};

const ANNE: &str = "anne@example.org/desk";
const BEN: &str = "ben@example.org/desk";

fn ask(world: &mut World, nick: &str, inner: &str) -> Happened {
    let session = if nick == "anne" { ANNE } else { BEN };
    let iq = format!(
        "<iq type='set' id='i' from='{session}' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}\
         </pubsub></iq>",
        occupant("anne")
    );
    let happened = world.request(nick, session, Role::Participant, RoomAffiliation::None, &iq).unwrap();
    assert_eq!(happened.reply.as_ref().unwrap().attr("type"), Some("result"), "{inner}");
    happened
}

fn publish(world: &mut World, node: &str) {
    ask(world, "anne", &format!("<publish node='{node}'><item id='i'><p xmlns='urn:p'/></item></publish>"));
}

/// Anne and Ben in a room, Anne with these nodes; and their records.
fn with_nodes(nodes: &[&str]) -> (World, Vec<NodeRecord>) {
    let mut world = World::new(Options::default());
    world.enter("anne", ANNE, "<presence/>");
    world.enter("ben", BEN, "<presence/>");
    for node in nodes {
        publish(&mut world, node);
    }
    let kept = world.host.snapshot_of(&World::room(), &occupant("anne")).unwrap();
    (world, kept)
}

fn nodes(world: &World) -> Vec<String> {
    let records = world.host.snapshot_of(&World::room(), &occupant("anne")).unwrap();
    records.iter().map(|record| record.name.to_string()).collect()
}

fn bring_back(world: &mut World, records: Vec<NodeRecord>) -> Happened {
    let mut moment = world.moment();
    sort(world.host.bring_back(&world.info(), &occupant("anne"), records, &mut moment))
}

#[test]
fn nothing_is_restored_to_a_free_nick() {
    let (mut world, kept) = with_nodes(&["urn:a"]);
    let mut moment = world.moment();
    world.host.leave(&world.info(), &occupant("anne"), RoomAffiliation::None, &mut moment);
    let before = world.host.counts();
    assert_eq!(world.host.snapshot_of(&World::room(), &occupant("anne")), None);
    assert!(bring_back(&mut world, kept).messages.is_empty());
    assert_eq!(world.host.counts(), before);
}

#[test]
fn what_was_made_meanwhile_stays_and_the_options_hold() {
    let (_, kept) = with_nodes(&["urn:a", "urn:b", "urn:c", "urn:d"]);
    let (mut world, newer) = with_nodes(&["urn:a"]);
    let options =
        Options { max_nodes: 3, reserved_nodes: ["urn:b"].into_iter().collect(), ..Options::default() };
    world.reload(options);
    world.now += 1000;
    bring_back(&mut world, kept);
    assert_eq!(nodes(&world), ["urn:a", "urn:c", "urn:d"]);
    let held = world.host.snapshot_of(&World::room(), &occupant("anne")).unwrap();
    assert_eq!(held.first(), newer.first());
    publish(&mut world, "urn:c");
}

#[test]
fn a_subscriber_to_all_is_told_of_what_is_back_once() {
    let (mut world, kept) = with_nodes(&["urn:a"]);
    let mut moment = world.moment();
    world.host.leave(&world.info(), &occupant("anne"), RoomAffiliation::None, &mut moment);
    world.enter("anne", ANNE, "<presence/>");
    ask(&mut world, "ben", &format!("<subscribe jid='{BEN}'/>"));
    let told = bring_back(&mut world, kept.clone());
    let [(to, message)] = &told.messages[..] else { panic!("one message, not {}", told.messages.len()) };
    assert_eq!((to.as_str(), message.attr("from")), (BEN, Some(&*occupant("anne"))));
    assert!(message.has_child("delay", "urn:xmpp:delay"));
    assert!(bring_back(&mut world, kept).messages.is_empty(), "they are there");
}

#[test]
fn what_could_not_be_kept_did_not_happen() {
    let (mut world, kept) = with_nodes(&["urn:a"]);
    publish(&mut world, "urn:b");
    ask(&mut world, "ben", &format!("<subscribe node='urn:b' jid='{BEN}'/>"));
    world.host.put_back(&World::room(), &occupant("anne"), kept);
    assert_eq!(nodes(&world), ["urn:a"]);
    assert_eq!((world.host.counts().nodes, world.host.counts().subscriptions), (1, 0));
    publish(&mut world, "urn:b");
}

#[test]
fn what_changes_is_stored_and_nothing_else_is_read() {
    let (mut world, before) = with_nodes(&["urn:a"]);
    let publish = "<publish node='urn:b'><item id='i'><p xmlns='urn:p'/></item></publish>";
    assert!(ask(&mut world, "anne", publish).kept_of_occupants.is_empty(), "her nick is not registered");
    world.stored = true;
    let happened = ask(&mut world, "anne", "<retract node='urn:b'><item id='i'/></retract>");
    let records = world.host.snapshot_of(&World::room(), &occupant("anne")).unwrap();
    assert_eq!(happened.kept_of_occupants, [records]);
    let happened = ask(&mut world, "anne", "<subscribe jid='anne@example.org' node='urn:b'/>");
    assert!(happened.kept_of_occupants.is_empty(), "subscriptions are not stored");
    world.host.put_back(&World::room(), &occupant("anne"), before);
    assert_eq!(nodes(&world), ["urn:a"]);
    let iq = format!(
        "<iq type='set' id='i' from='{BEN}' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{publish}\
         </pubsub></iq>",
        occupant("anne")
    );
    let refused = world.request("ben", BEN, Role::Participant, RoomAffiliation::None, &iq).unwrap();
    assert!(refused.kept_of_occupants.is_empty());
    assert_eq!(refused.reply.unwrap().attr("type"), Some("error"));
}
