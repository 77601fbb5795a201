//! What other modules of the server do, and are told of.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::effect::WhatChanged;
use mep_core::facts::{Actor, Role, RoomAffiliation, Target};
use mep_core::id::NodeName;
use mep_core::options::Options;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, pubsub, room_of, submit};
use support::{Happened, ROOM, World, answer_to, element, said, sort};

/// A room with these people in it, where other modules want to know everything.
fn observed(people: &[Person]) -> World {
    let mut world = room_of(people);
    world.host.observe(true);
    world
}

fn changes(happened: &Happened) -> Vec<(&str, &str, &str)> {
    happened.changes.iter().map(|it| (&*it.address, it.node.as_str(), it.what.name())).collect()
}

/// A request of the room itself, by a module of the server.
fn by_room(world: &mut World, kind: &str, to: &str, inner: &str) -> Happened {
    by(world, ROOM, RoomAffiliation::Owner, kind, to, inner)
}

fn by(
    world: &mut World,
    jid: &str,
    room_affiliation: RoomAffiliation,
    kind: &str,
    to: &str,
    inner: &str,
) -> Happened {
    let target = Target {
        room: world.info(),
        read_only: false,
        stored: false,
        occupant: to.contains('/').then(|| (to.into(), RoomAffiliation::None)),
    };
    let actor = Actor {
        session: jid.into(),
        occupant: None,
        role: Role::Moderator,
        room_affiliation,
        sees_jids: true,
    };
    let iq = format!("<iq xmlns='jabber:client' type='{kind}' id='m' from='{jid}' to='{to}'>{inner}</iq>");
    let mut moment = world.moment();
    sort(world.host.request(&target, &actor, &element(&iq), &mut moment).unwrap())
}

/// A session joins (again) whose capabilities name these nodes. Returns how its interest changes.
fn join_wanting(world: &mut World, who: Person, ver: &str, nodes: &[&str]) -> Vec<(String, String)> {
    let caps = "xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client'";
    let joined = world.join_saying(who, said(&format!("<presence><c {caps} ver='{ver}'/></presence>")));
    let answered = joined.questions.first().map(|question| world.answer(&answer_to(question, nodes)));
    wants(&joined).into_iter().chain(answered.iter().flat_map(wants)).collect()
}

/// The nodes that are gained, and those that are lost.
fn wants(happened: &Happened) -> Vec<(String, String)> {
    let list = |nodes: &[NodeName]| nodes.iter().map(NodeName::as_str).collect::<Vec<_>>().join(" ");
    happened.interest.iter().map(|it| (list(&it.gained), list(&it.lost))).collect()
}

#[test]
fn each_change_is_told_once_it_has_happened() {
    let mut world = observed(&[HECATE, CRONE]);
    let crone = CRONE.address();
    let item =
        |id: &str| format!("<publish node='spells'><item id='{id}'><p xmlns='urn:p'/></item></publish>");
    let happened = world.set(CRONE, CRONE, &item("1"));
    assert_eq!(changes(&happened), [(&*crone, "spells", "created"), (&*crone, "spells", "published")]);
    let Some(WhatChanged::Published(Some(id), Some(payload))) = happened.changes.last().map(|it| &it.what)
    else {
        panic!("an item with its payload")
    };
    assert_eq!((id.as_str(), payload.text()), ("1", "<p xmlns='urn:p'/>"));
    let happened = world.set(CRONE, CRONE, "<retract node='spells'><item id='1'/></retract>");
    assert_eq!(changes(&happened), [(&*crone, "spells", "retracted")]);
    let configure = format!("<configure node='spells'>{}</configure>", submit(&[("title", "Spells")]));
    assert_eq!(changes(&world.owner_set(CRONE, CRONE, &configure)), [(&*crone, "spells", "configured")]);
    assert_eq!(changes(&world.owner_set(CRONE, CRONE, &configure)), [], "it has that configuration");
    assert_eq!(
        changes(&world.owner_set(CRONE, CRONE, "<purge node='spells'/>")),
        [(&*crone, "spells", "purged")]
    );
    assert_eq!(
        changes(&world.owner_set(CRONE, CRONE, "<delete node='spells'/>")),
        [(&*crone, "spells", "deleted")]
    );
    assert_eq!(changes(&world.set(HECATE, THE_ROOM, "<create node='brews'/>")), [(ROOM, "brews", "created")]);
    assert_eq!(changes(&world.set(CRONE, THE_ROOM, &item("2"))), [], "it was refused");
    world.host.observe(false);
    assert_eq!(changes(&world.set(CRONE, CRONE, &item("3"))), [], "no one wants to know");
}

#[test]
fn the_room_itself_may_do_everything_without_limit() {
    let mut world =
        World::new(Options { publish_burst: 1, publish_rate: 1, reply_burst: 64, ..Options::default() });
    for who in [HECATE, CRONE] {
        world.join(who);
    }
    let publish = pubsub("<publish node='spells'><item id='1'><p xmlns='urn:p'/></item></publish>");
    for address in [ROOM.to_owned(), CRONE.address()] {
        for _ in 0..20 {
            by_room(&mut world, "set", &address, &publish).result().unwrap();
        }
        let items = by_room(&mut world, "get", &address, &pubsub("<items node='spells'/>"));
        assert!(String::from(&items.result().unwrap()).contains("urn:p"));
        by_room(&mut world, "set", &address, &pubsub("<retract node='spells'><item id='1'/></retract>"))
            .accepted();
        let owner = |inner: &str| support::people::owner(inner);
        let whitelist = submit(&[("access_model", "whitelist")]);
        by_room(
            &mut world,
            "set",
            &address,
            &owner(&format!("<configure node='spells'>{whitelist}</configure>")),
        )
        .accepted();
        by_room(&mut world, "get", &address, &pubsub("<items node='spells'/>")).result().unwrap();
        by_room(&mut world, "set", &address, &owner("<delete node='spells'/>")).accepted();
        by_room(&mut world, "get", &address, &pubsub("<items node='spells'/>")).refused("item-not-found", "");
    }
    // Nobody else is anything by its name.
    let mut world = room_of(&[CRONE]);
    by(&mut world, "elsewhere@rooms.example", RoomAffiliation::None, "set", ROOM, &publish)
        .refused("forbidden", "");
}

#[test]
fn what_sessions_want_is_told_as_it_changes() {
    let mut world = observed(&[HECATE]);
    let pair = |gained: &str, lost: &str| (gained.to_owned(), lost.to_owned());
    assert_eq!(join_wanting(&mut world, CRONE, "1", &["a", "b"]), [pair("a b", "")]);
    // Joining again forgets what was wanted before.
    assert_eq!(join_wanting(&mut world, CRONE, "2", &["b", "c"]), [pair("", "a b"), pair("b c", "")]);
    assert_eq!(join_wanting(&mut world, CRONE, "3", &["a", "b"]), [pair("", "b c"), pair("a b", "")]);
    assert_eq!(wants(&world.leave(CRONE.nick)), [pair("", "a b")]);
    assert_eq!(wants(&world.join(WICCA)), [], "it wants nothing");
    world.host.observe(false);
    assert_eq!(join_wanting(&mut world, CRONE, "4", &["a"]), []);
}

#[test]
fn a_rooms_face_is_told_of_though_no_one_observes() {
    let mut world = room_of(&[HECATE]);
    for (at, node, told) in [
        (THE_ROOM, "urn:xmpp:avatar:metadata", true),
        (THE_ROOM, "urn:xmpp:vcard4", true),
        (THE_ROOM, "urn:example:pins", false),
        (Some(HECATE), "urn:example:mood", false),
    ] {
        assert_eq!(world.publish(HECATE, at, node, "1").changes.is_empty(), !told, "{node}");
    }
}
