//! Counters for the admin, and log lines about sessions that are not notified.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::options::Options;
use support::{ROOM, World, answer_to, element, occupant};

const MOOD: &str = "<mood xmlns='urn:mood'><happy/></mood>";

/// The caps of a client that wants `urn:mood`, and those of one that wants something else.
const WANTS: &str =
    "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='a'/></presence>";
const OTHER: &str =
    "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='b'/></presence>";

fn session(nick: &str) -> String {
    format!("{nick}@example.org/client")
}

/// Alice; Bob, who wants the events of `urn:mood`; Carol, who wants others; and Dave, without capabilities.
fn world() -> World {
    let mut world = World::new(Options::default());
    world.enter("alice", &session("alice"), "<presence/>");
    enter(&mut world, "bob", WANTS, "urn:mood");
    enter(&mut world, "carol", OTHER, "urn:tune");
    world.enter("dave", &session("dave"), "<presence/>");
    world
}

/// The lines about joining, and about the answer to the room's question.
fn enter(world: &mut World, nick: &str, presence: &str, wants: &str) -> Vec<String> {
    let happened = world.enter(nick, &session(nick), presence);
    let mut explained = happened.explained;
    for question in happened.questions {
        explained.extend(world.answer(&answer_to(&question, [wants])).explained);
    }
    explained
}

fn pubsub(to: &str, inner: &str) -> String {
    format!(
        "<iq type='set' id='i' to='{to}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub></iq>"
    )
}

fn publish(to: &str) -> String {
    pubsub(to, &format!("<publish node='urn:mood'><item>{MOOD}</item></publish>"))
}

fn ask(world: &mut World, nick: &str, iq: &str) -> support::Happened {
    world.request(nick, &session(nick), Role::Participant, RoomAffiliation::Owner, iq).unwrap()
}

#[test]
fn what_was_done_is_counted() {
    let mut world = world();
    for _ in 0..2 {
        ask(&mut world, "alice", &publish(&occupant("alice")));
    }
    enter(&mut world, "erin", WANTS, "urn:mood");
    ask(&mut world, "bob", &publish(&occupant("alice")));
    let activity = world.host.activity();
    assert_eq!((activity.publishes, activity.deliveries, activity.last_items), (2, 3, 1));
    assert_eq!(activity.payload_octets, 2 * MOOD.len() as u64);
    assert_eq!(activity.refusals["forbidden"], 1);
    assert_eq!(activity.refusals.values().sum::<u64>(), 1);
    assert!(activity.refusals.contains_key("policy-violation"), "those that did not occur are there too");
}

#[test]
fn what_could_not_be_stored_is_counted_as_a_refusal_and_as_nothing_else() {
    let mut world = world();
    ask(&mut world, "alice", &publish(ROOM));
    let before = world.host.activity().clone();
    let iq = publish(ROOM);
    let told = ask(&mut world, "alice", &iq).messages.len();
    assert_eq!(told, 1);
    let refusal = support::sort(world.host.not_stored(&element(&iq), told as u64)).reply.unwrap();
    assert_eq!(refusal.attr("type"), Some("error"));
    let mut after = world.host.activity().clone();
    assert_eq!(after.refusals.insert("internal-server-error", 0), Some(1));
    assert_eq!(after, before);
}

#[test]
fn while_storage_rests_what_is_stored_is_not_changed_and_all_else_goes_on() {
    let mut world = world();
    ask(&mut world, "alice", &publish(ROOM));
    world.read_only = true;
    let refused = ask(&mut world, "alice", &publish(ROOM));
    let error = refused.reply.unwrap().get_child("error", "jabber:client").unwrap().clone();
    assert_eq!(error.attr("type"), Some("wait"));
    let text = error.get_child("text", "urn:ietf:params:xml:ns:xmpp-stanzas").unwrap().text();
    assert_eq!(text, "the server could not store this; try again later");
    assert!(refused.kept.is_empty() && refused.messages.is_empty());
    let jid = session("alice");
    let subscribed =
        ask(&mut world, "alice", &pubsub(ROOM, &format!("<subscribe node='urn:mood' jid='{jid}'/>")));
    assert_eq!(subscribed.reply.unwrap().attr("type"), Some("result"));
}

#[test]
fn nothing_is_explained_unless_the_log_takes_it() {
    let mut world = world();
    assert!(ask(&mut world, "alice", &publish(&occupant("alice"))).explained.is_empty());
    world.host.explain(true);
    let explained = ask(&mut world, "alice", &publish(&occupant("alice"))).explained;
    assert_eq!(
        explained,
        [format!(
            "Event of {ROOM}/alice at urn:mood: sessions notified: 1; no capabilities in its presence: {ROOM}/alice, \
             {ROOM}/dave; not interested (no +notify): {ROOM}/carol"
        )]
    );
    world.reload(Options::default());
    assert_eq!(
        ask(&mut world, "alice", &publish(&occupant("alice"))).explained.len(),
        1,
        "other options, same log"
    );
    world.host.explain(false);
    assert!(ask(&mut world, "alice", &publish(&occupant("alice"))).explained.is_empty());
}

#[test]
fn a_line_names_ten_for_each_reason() {
    let mut world = world();
    for number in 0..20 {
        world.enter(&format!("n{number}"), &session(&format!("n{number}")), "<presence/>");
    }
    world.host.explain(true);
    let explained = ask(&mut world, "alice", &publish(&occupant("alice"))).explained;
    assert!(explained[0].contains("/n7, and 12 more;"), "{explained:?}");
    assert_eq!(explained[0].matches(ROOM).count(), 1 + 10 + 1);
    assert!(!explained[0].contains("example.org/client"), "no accounts");
}

#[test]
fn joining_is_explained_too() {
    let mut world = world();
    ask(&mut world, "alice", &publish(&occupant("alice")));
    let close = "<configure node='urn:mood'><x xmlns='jabber:x:data' type='submit'>\
                 <field var='pubsub#access_model'><value>whitelist</value></field></x></configure>";
    let owner = format!(
        "<iq type='set' id='i' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>{close}</pubsub></iq>",
        occupant("alice")
    );
    ask(&mut world, "alice", &owner);
    world.host.explain(true);
    let erin = format!("Last items for {ROOM}/erin: sent: 0, pending: 0");
    assert_eq!(
        enter(&mut world, "erin", WANTS, "urn:mood"),
        [
            format!("{erin}; capabilities not known yet"),
            format!(
                "{erin}; nodes of interest: 1; urn:mood of {ROOM}/alice: no access (access model whitelist, \
                 affiliation none)"
            ),
        ]
    );
}
