//! Whose item it is: it belongs to the account that published it, through leaving, nick changes and restarts.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::{Role, SessionsSeen};
use mep_core::host::Host;
use mep_core::options::Options;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, event, room_of};
use support::{Happened, World, said};

const ITEM: &str = "<item id='1'><title xmlns='urn:p'>new</title></item>";
/// WICCA's account, at another time and another nick.
const BACK: Person = Person { nick: "thirdwitch", jid: "wiccarocks@shakespeare.lit/phone", ..WICCA };

/// A node where anyone with voice publishes, with an item of HECATE's, one of CRONE's and one of WICCA's.
fn open() -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.publish(HECATE, THE_ROOM, "polls", "0");
    world.configure(HECATE, THE_ROOM, "polls", &[("publish_model", "open"), ("max_items", "9")]);
    world.publish(CRONE, THE_ROOM, "polls", "1");
    world.publish(WICCA, THE_ROOM, "polls", "2");
    world.set(HECATE, THE_ROOM, &format!("<subscribe node='polls' jid='{}'/>", HECATE.jid)).result();
    world
}

fn publish(world: &mut World, who: Person) -> Happened {
    world.set(who, THE_ROOM, &format!("<publish node='polls'>{ITEM}</publish>"))
}

fn retract(world: &mut World, who: Person, ids: &[&str]) -> Happened {
    let items: Vec<_> = ids.iter().map(|id| format!("<item id='{id}'/>")).collect();
    world.set(who, THE_ROOM, &format!("<retract node='polls'>{}</retract>", items.concat()))
}

fn purge(world: &mut World, who: Person) -> Happened {
    world.owner_set(who, THE_ROOM, "<purge node='polls'/>")
}

fn ids(world: &World) -> Vec<String> {
    let records = world.host.snapshot(&World::room());
    records.iter().flat_map(|record| record.items.iter().map(|item| item.id.to_string())).collect()
}

fn restart(world: &mut World) {
    let stored = world.host.snapshot(&World::room());
    world.host = Host::new(Options::default());
    world.host.load(&World::room(), stored);
}

#[test]
fn an_item_is_replaced_by_its_publisher_and_the_owners_only() {
    let mut world = open();
    publish(&mut world, WICCA).refused("forbidden", "");
    retract(&mut world, WICCA, &["1"]).refused("forbidden", "");
    retract(&mut world, WICCA, &["2", "1"]).refused("forbidden", "");
    assert_eq!(ids(&world), ["0", "1", "2"]);
    publish(&mut world, CRONE).result();
    publish(&mut world, HECATE).result();
    // It is the owner's now.
    publish(&mut world, CRONE).refused("forbidden", "");
    assert_eq!(ids(&world), ["0", "2", "1"]);
}

#[test]
fn who_comes_back_takes_back_and_replaces_what_the_account_published() {
    for restarts in [false, true] {
        let mut world = open();
        world.leave(WICCA.nick);
        if restarts {
            restart(&mut world);
            world.join(HECATE);
            world.join(CRONE);
        }
        world.join(BACK);
        world.publish(BACK, THE_ROOM, "polls", "2");
        retract(&mut world, BACK, &["1"]).refused("forbidden", "");
        retract(&mut world, BACK, &["2"]).accepted();
        assert_eq!(ids(&world), ["0", "1"]);
        // Without voice it has the rights of one without voice.
        world.publish(BACK, THE_ROOM, "polls", "3");
        retract(&mut world, Person { role: Role::Visitor, ..BACK }, &["3"]).refused("forbidden", "");
    }
}

#[test]
fn a_publisher_purges_what_is_its_own() {
    let mut world = open();
    world.publish(CRONE, THE_ROOM, "polls", "3");
    let told = purge(&mut world, CRONE);
    told.accepted();
    assert_eq!(told.sent(HECATE), event("<items node='polls'><retract id='1'/><retract id='3'/></items>"));
    assert_eq!(ids(&world), ["0", "2"]);
    let nothing = purge(&mut world, CRONE);
    nothing.accepted();
    assert!(nothing.messages.is_empty());
    purge(&mut world, Person { role: Role::Visitor, ..WICCA }).refused("forbidden", "");
    let all = purge(&mut world, HECATE);
    assert_eq!(all.sent(HECATE), event("<purge node='polls'/>"));
    assert!(ids(&world).is_empty());
}

#[test]
fn items_that_go_with_their_publisher_go_after_a_crash_too() {
    let mut world = open();
    world.configure(HECATE, THE_ROOM, "polls", &[("purge_offline", "1")]);
    restart(&mut world);
    // Of those who were in the room, HECATE is still there.
    let here = vec![(HECATE.session(), said("<presence/>"))];
    let (info, mut moment) = (world.info(), world.moment());
    let seen = vec![(HECATE.info(), SessionsSeen { here, ..SessionsSeen::default() })];
    let restored = support::sort(world.host.restore(&info, seen, &mut moment));
    assert_eq!(restored.kept.len(), 1, "the change is stored");
    assert_eq!(ids(&world), ["0"]);
}

#[test]
fn items_go_with_the_last_occupant_of_their_account() {
    let mut world = open();
    world.configure(HECATE, THE_ROOM, "polls", &[("purge_offline", "1")]);
    world.join(BACK);
    world.leave(WICCA.nick);
    assert_eq!(ids(&world), ["0", "1", "2"]);
    let told = world.leave(BACK.nick);
    assert_eq!(told.sent(HECATE), event("<items node='polls'><retract id='2'/></items>"));
    assert_eq!(ids(&world), ["0", "1"]);
}

#[test]
fn what_an_outsider_published_does_not_go_with_anyone() {
    let outside = Person { nick: "", role: Role::None, ..HECATE };
    let mut world = room_of(&[CRONE]);
    world.publish(outside, THE_ROOM, "news", "1");
    world.configure(outside, THE_ROOM, "news", &[("purge_offline", "1")]);
    world.leave(CRONE.nick);
    assert_eq!(ids(&world), ["1"]);
}

#[test]
fn the_account_is_in_the_record_and_in_no_stanza() {
    let mut world = open();
    let told = world.configure(HECATE, THE_ROOM, "polls", &[("itemreply", "publisher")]);
    let shown = world.get(CRONE, THE_ROOM, "<items node='polls'/>");
    for answer in [&told, &shown] {
        let all = answer.messages.iter().map(|(_, message)| message).chain(&answer.reply);
        for stanza in all {
            let mut text = String::from(stanza);
            for to in [CRONE.jid, HECATE.jid] {
                text = text.replace(to, "");
            }
            assert!(!text.contains("shakespeare.lit\"") && !text.contains("wiccarocks"), "{text}");
        }
    }
    let item = |at: usize| world.host.snapshot(&World::room())[0].items[at].publisher.clone();
    assert_eq!([item(1).as_deref(), item(2).as_deref()], [Some(CRONE.account()), Some(WICCA.account())]);
}
