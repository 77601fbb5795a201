//! Changes that could not be stored: they are undone, and nothing else is.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use support::World;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, owner, room_of};

const AFFILIATIONS: &str = "<affiliations node='spells'/>";
const SUBSCRIPTIONS: &str = "<subscriptions node='spells'/>";

fn affiliate(who: Person, is: &str) -> String {
    let entry = format!("<affiliation jid='{}' affiliation='{is}'/>", who.address());
    format!("<affiliations node='spells'>{entry}</affiliations>")
}

/// WICCA is a member of the room's node, by its occupant, and subscribed to it; so is CRONE's account.
fn coven() -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.owner_set(HECATE, THE_ROOM, &affiliate(WICCA, "member")).accepted();
    for jid in [WICCA.jid, CRONE.account()] {
        let who = if jid == WICCA.jid { WICCA } else { CRONE };
        world.set(who, THE_ROOM, &format!("<subscribe node='spells' jid='{jid}'/>")).result().unwrap();
    }
    world
}

/// What the owner sees of the node, and who is told of a publish.
fn state(world: &mut World) -> (String, String, Vec<String>) {
    let list = |world: &mut World, list: &str| {
        String::from(&world.owner_get(HECATE, THE_ROOM, list).result().unwrap())
    };
    let (affiliations, subscriptions) = (list(world, AFFILIATIONS), list(world, SUBSCRIPTIONS));
    let mut subscriptions: Vec<_> = subscriptions.split(['<', '>']).map(str::to_owned).collect();
    subscriptions.sort_unstable(); // one that is restored is the newest
    let told = world.publish(HECATE, THE_ROOM, "spells", "1");
    let mut told: Vec<_> = told.recipients().into_iter().map(str::to_owned).collect();
    told.sort_unstable();
    (affiliations, subscriptions.concat(), told)
}

#[test]
fn a_change_that_is_not_stored_ends_nothing() {
    for (request, of_owner) in [
        ("<delete node='spells'/>".to_owned(), true),
        (affiliate(WICCA, "outcast"), true),
        (affiliate(CRONE, "outcast"), true),
        (affiliate(WICCA, "none"), true),
        (support_whitelist(), true),
        ("<publish node='spells'><item id='2'><p xmlns='urn:p'/></item></publish>".to_owned(), false),
    ] {
        for is_unreadable in [false, true] {
            let mut world = coven();
            let before = state(&mut world);
            assert_eq!(before.2.len(), 2);
            let stored = world.host.snapshot(&World::room());
            let happened = if of_owner {
                world.owner_set(HECATE, THE_ROOM, &request)
            } else {
                world.set(HECATE, THE_ROOM, &request)
            };
            assert_eq!(happened.kept.len(), 1, "{request}");
            if is_unreadable {
                world.host.set_aside(&World::room());
                assert_eq!(world.host.snapshot(&World::room()), []);
                // Something else happens meanwhile.
                world.publish(CRONE, CRONE, "spells", "1");
            }
            world.host.load(&World::room(), stored);
            assert_eq!(state(&mut world), before, "{request}, unreadable: {is_unreadable}");
        }
    }
}

fn support_whitelist() -> String {
    let form = support::people::submit(&[("access_model", "whitelist")]);
    format!("<configure node='spells'>{form}</configure>")
}

#[test]
fn what_ended_before_has_ended() {
    let mut world = coven();
    let end = format!("<unsubscribe node='spells' jid='{}'/>", WICCA.jid);
    world.set(WICCA, THE_ROOM, &end).result();
    let stored = world.host.snapshot(&World::room());
    world.host.set_aside(&World::room());
    world.leave(CRONE.nick);
    world.host.load(&World::room(), stored);
    let none = owner("<subscriptions node='spells'/>");
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&none);
    // A node that turns out to be gone ends its subscriptions.
    let mut world = coven();
    world.host.set_aside(&World::room());
    world.host.load(&World::room(), Vec::new());
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&none);
}

#[test]
fn who_joined_before_the_nodes_were_loaded_is_told_the_last_items_then() {
    let mut world = coven();
    let stored = world.host.snapshot(&World::room());
    world.host.set_aside(&World::room());
    world.leave(CRONE.nick);
    let wanting = world.join_wanting(CRONE, &["spells"]);
    assert_eq!(wanting.recipients(), [""; 0], "there is nothing to be told yet");
    world.host.load(&World::room(), stored);
    let mut moment = world.moment();
    assert!(world.host.loaded(&World::room(), &mut moment).is_empty());
    let told = world.wake();
    let mut recipients = told.recipients();
    recipients.sort_unstable();
    assert_eq!(recipients, [CRONE.jid, WICCA.jid], "one by interest, the other by its subscription");
    assert_eq!(world.wake().recipients(), [""; 0], "once");
}
