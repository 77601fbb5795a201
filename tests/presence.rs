//! Who is in a room, as presences tell it: sessions that go, come back, or change the nick, and the rate of joining again.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::{ClientPresence, SessionsSeen};
use mep_core::jid::SessionJid;
use mep_core::options::Options;
use support::people::{BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, room_of};
use support::{Happened, World, answer_to, said};

const PHONE: Person = Person { jid: "wiccarocks@shakespeare.lit/phone", ..WICCA };
const RENAMED: Person = Person { nick: "thirdwitch", ..PHONE };

/// A room with two clients at one nick, both subscribed to the room's node.
fn two_clients() -> World {
    let mut world = room_of(&[HECATE, WICCA, PHONE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    for who in [WICCA, PHONE] {
        world.set(who, THE_ROOM, &format!("<subscribe node='spells' jid='{}'/>", who.jid)).result();
    }
    world
}

fn here(people: &[Person]) -> SessionsSeen {
    let here = people.iter().map(|who| (who.session(), ClientPresence::default())).collect();
    SessionsSeen { here, ..SessionsSeen::default() }
}

/// Who is told of something in the room's name.
fn told(world: &mut World) -> Vec<String> {
    let happened = world.publish(HECATE, THE_ROOM, "spells", "2");
    happened.recipients().iter().map(|&to| to.to_owned()).collect()
}

#[test]
fn a_session_that_a_broadcast_does_not_show_any_more_is_gone() {
    let mut world = two_clients();
    world.broadcast(WICCA, &here(&[WICCA, PHONE]));
    assert_eq!(world.host.counts().sessions, 3);
    assert_eq!(told(&mut world), [WICCA.jid, PHONE.jid]);
    world.broadcast(WICCA, &here(&[WICCA]));
    assert_eq!((world.host.counts().sessions, world.host.counts().occupants), (2, 2));
    assert_eq!(told(&mut world), [WICCA.jid]);
    assert_eq!(world.host.counts().subscriptions, 1);
}

#[test]
fn a_session_that_goes_to_another_nick_is_told_there_of_what_it_wanted() {
    let mut world = two_clients();
    world.broadcast(WICCA, &here(&[WICCA]));
    world.broadcast(RENAMED, &here(&[RENAMED]));
    assert_eq!((world.host.counts().sessions, world.host.counts().occupants), (3, 3));
    assert_eq!(told(&mut world), [WICCA.jid, PHONE.jid]);
}

#[test]
fn a_session_that_said_that_it_goes_does_not_turn_up_at_another_nick() {
    let mut world = two_clients();
    let left = vec![PHONE.session()];
    world.broadcast(WICCA, &SessionsSeen { left, ..here(&[WICCA]) });
    world.broadcast(RENAMED, &here(&[RENAMED]));
    assert_eq!((world.host.counts().sessions, world.host.counts().occupants), (2, 2));
    assert_eq!(told(&mut world), [WICCA.jid]);
}

#[test]
fn the_goodbye_of_one_session_is_not_that_of_another() {
    let mut world = two_clients();
    let left = vec![SessionJid::from("wiccarocks@shakespeare.lit/tablet")];
    world.broadcast(WICCA, &SessionsSeen { left, ..here(&[WICCA]) });
    world.broadcast(RENAMED, &here(&[RENAMED]));
    assert_eq!(told(&mut world), [WICCA.jid, PHONE.jid]);
}

#[test]
fn a_session_that_is_coming_in_is_not_the_one_that_went() {
    let mut world = two_clients();
    world.broadcast(WICCA, &here(&[WICCA]));
    world.broadcast(RENAMED, &SessionsSeen { coming: Some(PHONE.session()), ..here(&[RENAMED]) });
    assert_eq!(world.host.counts().sessions, 2, "it has yet to join");
    world.join(RENAMED);
    assert_eq!((world.host.counts().sessions, told(&mut world)), (3, vec![WICCA.jid.to_owned()]));
}

fn subscribed() -> World {
    let mut world = room_of(&[HECATE, WICCA, CRONE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.set(WICCA, THE_ROOM, &format!("<subscribe node='spells' jid='{}'/>", WICCA.account())).result();
    // The rate counts from here.
    world.set_options(Options { publish_burst: 2, publish_rate: 1, ..Options::default() });
    world.now += 1_000_000;
    world
}

#[test]
fn joining_has_a_rate_and_leaving_refills_nothing() {
    let mut world = subscribed();
    let items = |happened: &Happened| happened.messages.len();
    let again: Vec<_> = (0..4).map(|_| items(&world.join(WICCA))).collect();
    assert_eq!(again, [1, 1, 0, 0]);
    world.now += 999;
    assert_eq!(items(&world.join(WICCA)), 0);
    world.now += 1;
    assert_eq!(items(&world.join(WICCA)), 1, "one a second");
    // The rate is the account's: its other client has none of its own, nor has another nick, or who leaves.
    assert_eq!(items(&world.join(PHONE)), 0);
    world.leave(WICCA.nick);
    assert_eq!(items(&world.join(RENAMED)), 0);
    let publish = "<publish node='mood'><item><p xmlns='urn:p'/></item></publish>";
    world.set(RENAMED, RENAMED, publish).refused("resource-constraint", "");
    world.set(CRONE, CRONE, publish).result();
}

/// It is in the room, and asked what it wants once it has some of its rate again.
#[test]
fn a_client_over_the_rate_joins_without_a_question() {
    let mut world = subscribed();
    let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='v'/>";
    let presence = said(&format!("<presence>{caps}</presence>"));
    for _ in 0..3 {
        world.join(WICCA);
    }
    world.leave(WICCA.nick);
    assert!(world.join_saying(WICCA, presence.clone()).questions.is_empty());
    let seen = SessionsSeen { here: vec![(WICCA.session(), presence)], ..SessionsSeen::default() };
    assert!(world.broadcast(WICCA, &seen).questions.is_empty());
    world.now += 1000;
    assert_eq!(world.broadcast(WICCA, &seen).questions.len(), 1);
}

#[test]
fn one_account_outside_uses_up_nothing_of_anothers() {
    let mut world = subscribed();
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "open")]);
    let subscribe = |who: Person| format!("<subscribe node='spells' jid='{}'/>", who.jid);
    let other = Person { jid: "macduff@shakespeare.lit/horse", ..BANQUO };
    for _ in 0..2 {
        world.set(BANQUO, THE_ROOM, &subscribe(BANQUO)).result();
    }
    world.set(BANQUO, THE_ROOM, &subscribe(BANQUO)).refused("resource-constraint", "");
    world.set(other, THE_ROOM, &subscribe(other)).result();
}

#[test]
fn joining_again_counts_against_the_rate_of_publishes() {
    let mut world = subscribed();
    for _ in 0..2 {
        assert_eq!(world.join(WICCA).messages.len(), 1);
    }
    let publish = "<publish node='mood'><item><p xmlns='urn:p'/></item></publish>";
    world.set(WICCA, WICCA, publish).refused("resource-constraint", "");
    world.set(CRONE, CRONE, publish).result();
}

#[test]
fn a_session_without_capabilities_is_asked_once_if_the_admin_wants_that() {
    let mut world = room_of(&[HECATE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    assert!(world.join(WICCA).questions.is_empty(), "by default, it is not");
    world.leave(WICCA.nick);
    world.set_options(Options { ask_without_caps: 1, ..Options::default() });
    let questions = world.join(WICCA).questions;
    let [question] = &questions[..] else { panic!("one question") };
    let query = question.children().next().unwrap();
    assert_eq!((question.attr("to"), query.attr("node")), (Some(WICCA.jid), None));
    assert!(world.join(CRONE).questions.is_empty(), "one at a time");
    assert_eq!(world.answer(&answer_to(question, ["spells"])).recipients(), [WICCA.jid], "the last item");
    assert_eq!(
        world.publish(HECATE, THE_ROOM, "spells", "2").recipients(),
        [WICCA.jid],
        "its answer is its own"
    );
    let here = vec![(WICCA.session(), said("<presence/>"))];
    let later = world.broadcast(WICCA, &SessionsSeen { here, ..SessionsSeen::default() });
    assert!(later.questions.is_empty());
    assert_eq!(world.join(WICCA).questions.len(), 1, "it has lost its state");
}
