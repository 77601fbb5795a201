//! How much an occupant, an account, a room and the whole host may hold, and what that does to those who publish.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::options::{HeldLimits, Options};
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, room_of};
use support::{Happened, World};

const MANY: usize = 1 << 30;
/// Four items of 10,000 octets and their nodes fit.
const FEW: usize = 50_000;

fn limits(change: impl FnOnce(&mut HeldLimits)) -> Options {
    let mut held = HeldLimits { occupant: MANY, account: MANY, room: MANY, host: MANY };
    change(&mut held);
    Options { held, publish_burst: 100_000, ..Options::default() }
}

fn coven(change: impl FnOnce(&mut HeldLimits)) -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.set_options(limits(change));
    world
}

fn publish(world: &mut World, who: Person, at: Option<Person>, node: &str, size: usize) -> Happened {
    let item = format!("<item id='1'><spell xmlns='urn:spell'>{}</spell></item>", "x".repeat(size));
    world.set(who, at, &format!("<publish node='{node}'>{item}</publish>"))
}

/// Publishes items of 10,000 octets to ever new nodes until one is refused. Returns how many were accepted, and the text
/// of the refusal.
fn fill(world: &mut World, who: Person, at: Option<Person>, condition: &str) -> (usize, String) {
    for count in 0..30 {
        let happened = publish(world, who, at, &format!("n{count}"), 10_000);
        let reply = happened.reply.clone().unwrap();
        if reply.attr("type") == Some("error") {
            happened.refused(condition, "");
            return (count, reply.children().next().unwrap().text());
        }
    }
    (30, String::new())
}

fn text_of(happened: &Happened) -> String {
    let reply = happened.reply.as_ref().unwrap();
    reply.children().flat_map(minidom::Element::children).map(minidom::Element::text).collect()
}

#[test]
fn each_sum_has_a_limit_and_the_refusal_says_which() {
    let mut world = coven(|held| held.occupant = FEW);
    assert_eq!(fill(&mut world, CRONE, Some(CRONE), "policy-violation").0, 4);
    assert!(
        text_of(&publish(&mut world, CRONE, Some(CRONE), "more", 10_000))
            .starts_with("an occupant can't hold more")
    );
    assert_eq!(fill(&mut world, WICCA, Some(WICCA), "policy-violation").0, 4, "each has a limit of its own");
    assert_eq!(fill(&mut world, HECATE, THE_ROOM, "policy-violation").0, 30, "the room is no occupant");

    let mut world = coven(|held| held.account = FEW);
    world.publish(HECATE, THE_ROOM, "polls", "0");
    world.configure(HECATE, THE_ROOM, "polls", &[("publish_model", "open"), ("max_items", "9")]);
    publish(&mut world, CRONE, THE_ROOM, "polls", 20_000).result().unwrap();
    let phone = Person { nick: "ghost", jid: "crone1@shakespeare.lit/phone", ..CRONE };
    world.join(phone);
    assert_eq!(
        fill(&mut world, phone, Some(phone), "policy-violation").0,
        2,
        "what the room has of it counts, too"
    );
    assert!(
        text_of(&publish(&mut world, CRONE, Some(CRONE), "more", 10_000))
            .starts_with("your account can't hold more")
    );
    publish(&mut world, WICCA, Some(WICCA), "n", 10_000).result().unwrap();

    let mut world = coven(|held| held.room = FEW);
    publish(&mut world, CRONE, Some(CRONE), "n", 20_000).result().unwrap();
    assert_eq!(fill(&mut world, HECATE, THE_ROOM, "resource-constraint").0, 2);
    assert!(
        text_of(&publish(&mut world, WICCA, Some(WICCA), "n", 10_000))
            .starts_with("this room and its occupants")
    );

    let mut world = coven(|held| held.host = FEW);
    assert_eq!(fill(&mut world, CRONE, Some(CRONE), "resource-constraint").0, 4);
    assert!(
        text_of(&publish(&mut world, WICCA, Some(WICCA), "n", 10_000))
            .starts_with("the rooms of this server")
    );
}

#[test]
fn who_holds_too_much_can_replace_and_retract_and_go_on() {
    let mut world = coven(|held| held.occupant = FEW);
    fill(&mut world, CRONE, Some(CRONE), "policy-violation");
    publish(&mut world, CRONE, Some(CRONE), "n0", 10_000).result().unwrap();
    publish(&mut world, CRONE, Some(CRONE), "n0", 9_000).result().unwrap();
    publish(&mut world, CRONE, Some(CRONE), "n0", 20_000).refused("policy-violation", "");
    world.owner_set(CRONE, CRONE, "<delete node='n1'/>").accepted();
    publish(&mut world, CRONE, Some(CRONE), "n0", 19_000).result().unwrap();
    // A lowered limit takes nothing away.
    world.set_options(limits(|held| held.occupant = 10_000));
    publish(&mut world, CRONE, Some(CRONE), "n0", 19_000).result().unwrap();
    publish(&mut world, CRONE, Some(CRONE), "n0", 19_001).refused("policy-violation", "");
    world.set(CRONE, CRONE, "<create node='new'/>").refused("policy-violation", "");
}

#[test]
fn an_item_that_pushes_others_out_counts_as_what_is_left() {
    let mut world = coven(|held| held.occupant = FEW);
    world.set(CRONE, CRONE, "<create node='n'/>").accepted();
    world.configure(CRONE, CRONE, "n", &[("max_items", "4")]);
    for id in 0..20 {
        let item = format!("<item id='{id}'><spell xmlns='urn:spell'>{}</spell></item>", "x".repeat(10_000));
        world.set(CRONE, CRONE, &format!("<publish node='n'>{item}</publish>")).result().unwrap();
    }
    // Nothing is held of what is only told.
    world.configure(CRONE, CRONE, "n", &[("persist_items", "0")]);
    publish(&mut world, CRONE, Some(CRONE), "n", 60_000).result().unwrap();
}

#[test]
fn configurations_and_affiliations_count() {
    let mut world = coven(|held| held.room = 2_100);
    world.set(HECATE, THE_ROOM, "<create node='n'/>").accepted();
    let form = support::people::submit(&[("title", &"x".repeat(100))]);
    let configure = format!("<configure node='n'>{form}</configure>");
    world.owner_set(HECATE, THE_ROOM, &configure).refused("resource-constraint", "");
    world.set_options(limits(|held| held.room = 30_000));
    world.owner_set(HECATE, THE_ROOM, &configure).accepted();
    let list = |count: usize| {
        let entry = |at| format!("<affiliation jid='person{at}@example.org' affiliation='member'/>");
        let entries: Vec<_> = (0..count).map(entry).collect();
        format!("<affiliations node='n'>{}</affiliations>", entries.concat())
    };
    world.owner_set(HECATE, THE_ROOM, &list(500)).refused("resource-constraint", "");
    world.owner_set(HECATE, THE_ROOM, &list(100)).accepted();
}

#[test]
fn what_is_held_ends_with_what_holds_it_and_is_the_same_after_a_restart() {
    let mut world = coven(|_| {});
    publish(&mut world, CRONE, Some(CRONE), "n", 10_000).result().unwrap();
    publish(&mut world, HECATE, THE_ROOM, "n", 5_000).result().unwrap();
    let all = world.host.counts().held;
    assert!((15_000..21_000).contains(&all), "{all}");
    world.leave(CRONE.nick);
    let of_room = world.host.counts().held;
    assert!((5_000..8_000).contains(&of_room), "{of_room}");

    let stored = world.host.snapshot(&World::room());
    world.host = mep_core::host::Host::new(limits(|held| held.account = 12_000));
    world.host.load(&World::room(), stored);
    assert_eq!(world.host.counts().held, of_room);
    world.join(HECATE);
    // What it published before the restart is still its own.
    publish(&mut world, HECATE, Some(HECATE), "n", 5_000).refused("policy-violation", "");
    let mut moment = world.moment();
    world.host.destroy(&World::room(), &mut moment);
    assert_eq!(world.host.counts().held, 0);
}

#[test]
fn a_room_that_is_fed_from_outside_has_the_limit_of_the_room_only() {
    let bot = Person { nick: "", role: Role::None, room_affiliation: RoomAffiliation::Owner, ..HECATE };
    let mut world = coven(|held| held.account = FEW);
    assert_eq!(fill(&mut world, bot, THE_ROOM, "policy-violation").0, 30);
}
