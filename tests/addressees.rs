//! Who answers a request: MEP, or the room, the account or the client that it would reach without MEP.
//! The table is that of `docs/protocol.md`, "Who answers a request to an occupant".

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::options::Options;
use support::people::{BANQUO, CRONE, Person, THE_ROOM, WICCA, participant, pubsub, room_of};
use support::{ROOM, World, occupant};

const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const JULIET: &str = "juliet@example.org/balcony";

/// A room with Romeo and Juliet, each of whom holds the node `held`.
fn world() -> World {
    let mut world = World::new(Options::default());
    for nick in ["romeo", "juliet"] {
        world.enter(nick, &session(nick), "<presence xmlns='jabber:client'/>");
        let publish = "<publish node='held'><item id='i'><a xmlns='urn:a'/></item></publish>";
        ask(&mut world, nick, &occupant(nick), "set", PUBSUB, publish).unwrap();
    }
    world
}

fn session(nick: &str) -> String {
    if nick == "juliet" { JULIET.into() } else { format!("{nick}@example.org/orchard") }
}

/// What MEP answers: `result` or the error's condition; `None` if it leaves the request alone.
fn ask(world: &mut World, nick: &str, to: &str, kind: &str, ns: &str, action: &str) -> Option<String> {
    let session = session(nick);
    let iq = format!(
        "<iq type='{kind}' id='1' from='{session}' to='{to}'><pubsub xmlns='{ns}'>{action}</pubsub></iq>"
    );
    let happened = world.request(nick, &session, Role::Participant, RoomAffiliation::None, &iq)?;
    let reply = happened.reply.unwrap();
    let error = reply.children().find(|child| child.name() == "error");
    Some(error.map_or("result".into(), |error| error.children().next().unwrap().name().into()))
}

#[test]
fn a_get_that_names_a_node_is_meps_if_it_is_held_or_at_ones_own_address() {
    let mut world = world();
    let (own, other) = (occupant("juliet"), occupant("romeo"));
    for (action, of_held) in [
        ("<items node='NODE'/>", "result"),
        ("<subscriptions node='NODE'/>", "result"),
        ("<affiliations node='NODE'/>", "result"),
        ("<default node='NODE'/>", "result"),
        ("<options node='NODE' jid='juliet@example.org/balcony'/>", "unexpected-request"),
    ] {
        let (held, missing) = (action.replace("NODE", "held"), action.replace("NODE", "missing"));
        let mut ask = |to: &str, action: &str| ask(&mut world, "juliet", to, "get", PUBSUB, action);
        assert_eq!(ask(&other, &held).as_deref(), Some(of_held), "{held}");
        assert_eq!(ask(&own, &held).as_deref(), Some(of_held), "{held}");
        assert_eq!(ask(&other, &missing), None, "{missing} goes to the account");
        assert!(ask(&own, &missing).is_some(), "{missing} at one's own address, which is no account");
        assert!(ask(ROOM, &missing).is_some(), "{missing} at the room");
    }
    for action in ["<items node='missing'/>", "<options node='missing' jid='juliet@example.org/balcony'/>"] {
        let answered = ask(&mut world, "juliet", &own, "get", PUBSUB, action);
        assert_eq!(answered.as_deref(), Some("item-not-found"), "{action}");
    }
}

#[test]
fn a_get_without_a_node_is_meps() {
    let mut world = world();
    for action in ["<subscriptions/>", "<affiliations/>", "<default/>"] {
        for to in [occupant("juliet"), occupant("romeo"), ROOM.into()] {
            let answered = ask(&mut world, "juliet", &to, "get", PUBSUB, action);
            assert_eq!(answered.as_deref(), Some("result"), "{action} {to}");
        }
    }
}

#[test]
fn an_owners_request_never_goes_on_to_a_client() {
    let mut world = world();
    for action in
        ["<configure node='missing'/>", "<affiliations node='missing'/>", "<subscriptions node='missing'/>"]
    {
        let mut ask = |to: &str| ask(&mut world, "juliet", to, "get", OWNER, action);
        assert_eq!(ask(&occupant("juliet")).as_deref(), Some("item-not-found"), "{action}");
        assert_eq!(ask(&occupant("romeo")).as_deref(), Some("forbidden"), "{action}");
        assert_eq!(ask(ROOM).as_deref(), Some("forbidden"), "{action}");
    }
}

#[test]
fn a_set_is_meps_at_every_address() {
    let mut world = world();
    let publish = "<publish node='n'><item><a xmlns='urn:a'/></item></publish>";
    let mut ask = |to: &str| ask(&mut world, "juliet", to, "set", PUBSUB, publish);
    assert_eq!(ask(&occupant("juliet")).as_deref(), Some("result"));
    assert_eq!(ask(&occupant("romeo")).as_deref(), Some("forbidden"));
    assert_eq!(ask(ROOM).as_deref(), Some("forbidden"));
    assert_eq!(ask(&occupant("mercutio")), None, "an address where no one is, is mod_muc's");
}

#[test]
fn a_hidden_occupant_holds_nothing_for_others() {
    let ghost = Person { visible: false, ..participant("ghost", "ghost@shakespeare.lit/sheet") };
    let mut world = room_of(&[CRONE, ghost]);
    world.publish(ghost, ghost, "spells", "1");
    let items = pubsub("<items node='spells'/>");
    assert!(world.iq(CRONE, ghost, "get", &items).is_none());
    assert!(world.iq(ghost, ghost, "get", &items).is_some());
}

/// The room's own errors don't tell whether the occupant exists.
#[test]
fn what_mep_would_refuse_from_outside_at_an_occupant_is_left_to_the_room() {
    let mut world = room_of(&[CRONE, WICCA]);
    world.publish(CRONE, CRONE, "spells", "1");
    for wrong in ["<nonsense/>", "<items node='spells'/>"] {
        assert!(world.iq(BANQUO, CRONE, "get", &pubsub(wrong)).is_none(), "{wrong}");
    }
    let refused = world.iq(WICCA, CRONE, "get", &pubsub("<nonsense/>")).unwrap();
    refused.refused("bad-request", "");
    let refused = world.iq(BANQUO, THE_ROOM, "get", &pubsub("<nonsense/>")).unwrap();
    refused.refused("bad-request", "");
    world.configure(CRONE, CRONE, "spells", &[("access_model", "open")]);
    assert!(world.iq(BANQUO, CRONE, "get", &pubsub("<items node='spells'/>")).is_some(), "it is not refused");
}
