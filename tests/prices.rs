//! What requests cost the account that sends them: nobody makes a server send more than it is meant to.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::Role;
use mep_core::options::Options;
use support::people::{BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, room_of};
use support::{Happened, World, occupant};

const BURST: usize = 1 << 20;
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const ITEMS: &str = "<items node='spells'/>";

/// CRONE's node has 4 items of 50,000 octets, and the room's has 900 affiliations.
fn coven() -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.set_options(Options { publish_burst: 1_000_000, ..Options::default() });
    world.publish(CRONE, CRONE, "spells", "0");
    world.configure(CRONE, CRONE, "spells", &[("max_items", "4"), ("access_model", "open")]);
    for id in 1..5 {
        let item = format!("<item id='{id}'><spell xmlns='urn:spell'>{}</spell></item>", "x".repeat(50_000));
        world.set(CRONE, CRONE, &format!("<publish node='spells'>{item}</publish>")).result().unwrap();
    }
    world.publish(HECATE, THE_ROOM, "spells", "0");
    let entries: Vec<_> = (0..900)
        .map(|number| format!("<affiliation jid='person{number}@example.org' affiliation='member'/>"))
        .collect();
    let list = format!("<affiliations node='spells'>{}</affiliations>", entries.concat());
    world.owner_set(HECATE, THE_ROOM, &list).accepted();
    for number in 0..200 {
        let node = format!("<create node='node-{number}-{}'/>", "n".repeat(900));
        world.set(HECATE, THE_ROOM, &node).accepted();
    }
    world.now += 3_600_000;
    let options =
        Options { reply_burst: 1 << 20, reply_rate: 1024, publish_burst: 1_000_000, ..Options::default() };
    world.set_options(options);
    world
}

/// Whether the request is refused as too much; it may be wrong, too.
fn refused(happened: &Happened) -> bool {
    let is_error = happened.reply.as_ref().unwrap().attr("type") == Some("error");
    let is_refused = is_error && happened.error().0 == "resource-constraint";
    assert!(!is_refused || happened.messages.is_empty() && happened.kept.is_empty());
    is_refused
}

fn octets(happened: &Happened) -> usize {
    let messages: usize = happened.messages.iter().map(|(_, message)| String::from(message).len()).sum();
    messages + happened.reply.as_ref().map_or(0, |reply| String::from(reply).len())
}

/// Sends a request until it is refused. Returns how often it was answered, and the octets of the answers.
fn exhaust(world: &mut World, who: Person, at: Option<Person>, kind: &str, query: &str) -> (usize, usize) {
    let (mut answered, mut sent) = (0, 0);
    loop {
        let happened = world.iq(who, at, kind, query).unwrap();
        if refused(&happened) {
            return (answered, sent);
        }
        answered += 1;
        sent += octets(&happened);
        assert!(answered < 5000, "{query} is never refused");
    }
}

#[test]
fn no_request_makes_the_server_send_more_than_the_burst() {
    let pubsub = |inner: &str| format!("<pubsub xmlns='{PUBSUB}'>{inner}</pubsub>");
    let owner = |inner: &str| format!("<pubsub xmlns='{PUBSUB}#owner'>{inner}</pubsub>");
    let disco = |what: &str| format!("<query xmlns='http://jabber.org/protocol/disco#{what}'/>");
    let subscribe = format!("<subscribe node='spells' jid='{}'/>", HECATE.jid);
    for (at, kind, query) in [
        (Some(CRONE), "get", pubsub(ITEMS)),
        (Some(CRONE), "get", pubsub("<items node='spells'><item id='4'/></items>")),
        (Some(CRONE), "set", pubsub(&subscribe)),
        (THE_ROOM, "get", owner("<affiliations node='spells'/>")),
        (THE_ROOM, "get", owner("<subscriptions node='spells'/>")),
        (THE_ROOM, "get", owner("<configure node='spells'/>")),
        (THE_ROOM, "get", owner("<default/>")),
        (THE_ROOM, "get", pubsub("<affiliations/>")),
        (THE_ROOM, "get", pubsub("<subscriptions/>")),
        (THE_ROOM, "get", disco("items")),
        (Some(HECATE), "get", disco("info")),
        (THE_ROOM, "set", pubsub("<subscribe node='none' jid='hecate@shakespeare.lit'/>")),
    ] {
        let (answered, sent) = exhaust(&mut coven(), HECATE, at, kind, &query);
        assert!(answered > 2, "{query} is refused too early");
        assert!(sent <= BURST, "{query}: {sent} octets");
        assert!(
            sent > BURST / 10 || answered > 200,
            "{query}: {answered} answers of {sent} octets are not much"
        );
    }
}

#[test]
fn what_was_used_belongs_to_the_account_and_comes_back_with_time() {
    let query = format!("<pubsub xmlns='{PUBSUB}'>{ITEMS}</pubsub>");
    let mut world = coven();
    let (answered, _) = exhaust(&mut world, WICCA, Some(CRONE), "get", &query);
    assert_eq!(answered, 5, "of 200,000 octets each");
    // Neither leaving and joining, nor another nick, another client, another room refills it.
    world.leave(WICCA.nick);
    let again = Person { nick: "ghost", jid: "wiccarocks@shakespeare.lit/phone", ..WICCA };
    world.join(again);
    assert!(refused(&world.get(again, CRONE, ITEMS)));
    world.get(HECATE, CRONE, ITEMS).result().unwrap();
    world.get(again, CRONE, "<subscriptions/>").result().unwrap(); // there is enough left for that
    world.now += 300_000;
    world.get(again, CRONE, ITEMS).result().unwrap();
}

#[test]
fn a_refused_subscription_has_not_been_made() {
    let mut world = coven();
    let query = format!("<pubsub xmlns='{PUBSUB}'>{ITEMS}</pubsub>");
    exhaust(&mut world, WICCA, Some(CRONE), "get", &query);
    while world.get(WICCA, CRONE, "<items node='spells' max_items='1'/>").reply.unwrap().attr("type")
        != Some("error")
    {}
    let subscribe = format!("<subscribe node='spells' jid='{}'/>", WICCA.jid);
    world.set(WICCA, CRONE, &subscribe).refused("resource-constraint", "");
    assert!(world.publish(CRONE, CRONE, "spells", "6").recipients().is_empty());
}

#[test]
fn joins_send_last_items_as_long_as_something_is_left() {
    let mut world = coven();
    world.leave(WICCA.nick);
    let first = world.join_wanting(WICCA, &["spells"]);
    assert_eq!(first.messages.len(), 2, "CRONE's and the room's");
    let mut sent = octets(&first);
    for _ in 0..100 {
        world.leave(WICCA.nick);
        sent += octets(&world.join_wanting(WICCA, &["spells"]));
    }
    assert!(sent <= BURST && sent > BURST / 2, "{sent} octets");
}

#[test]
fn outsiders_have_an_allowance_each_and_owners_outside_a_large_one() {
    let outside = |who: Person| Person { nick: "", role: Role::None, ..who };
    let mut world = coven();
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "open"), ("max_items", "4")]);
    for id in 1..5 {
        let item = format!("<item id='{id}'><spell xmlns='urn:spell'>{}</spell></item>", "x".repeat(50_000));
        world.set(HECATE, THE_ROOM, &format!("<publish node='spells'>{item}</publish>")).result().unwrap();
    }
    let query = format!("<pubsub xmlns='{PUBSUB}'>{ITEMS}</pubsub>");
    assert_eq!(exhaust(&mut world, BANQUO, THE_ROOM, "get", &query).0, 5);
    let other = Person { jid: "fleance@shakespeare.lit/horse", ..BANQUO };
    assert_eq!(exhaust(&mut world, other, THE_ROOM, "get", &query).0, 5);
    let (answered, _) = exhaust(&mut world, outside(HECATE), THE_ROOM, "get", &query);
    assert!((50..=52).contains(&answered), "ten times as much: {answered}");
    world.get(HECATE, THE_ROOM, ITEMS).result().unwrap();
    // At an occupant's address, outsiders get the server's own errors.
    let target = format!("<iq type='get' id='1' to='{}'/>", occupant(CRONE.nick));
    assert!(target.contains(CRONE.nick) && world.iq(BANQUO, CRONE, "get", &query).is_none());
}
