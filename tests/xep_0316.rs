//! The examples of XEP-0316, by their numbers, as golden scenarios.
//!
//! Some examples contain mistakes, which are corrected here:
//!
//! - 1 and 4: the copies of an event have different message ids; here all copies have one id, by which clients identify
//!   the event.
//! - 2: `crone1.shakespeare.lit/desktop` is not a JID of crone1; and its `ver` is the hash of features that are not
//!   shown, so it can't be verified: the answer counts for that session only.
//! - 4: the second copy comes from the bare room JID; an occupant's event comes from the occupant, for all recipients.
//! - 6: only the features that MEP adds are compared; the room's own are `mod_muc`'s.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::options::Options;
use mep_core::usecase::entity;
use support::{World, answer_to, element, occupant, plain};

const CRONE1: &str = "crone1@shakespeare.lit/desktop";
const WICCAROCKS: &str = "wiccarocks@shakespeare.lit/laptop";

const CONFERENCE_INFO: &str = "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'>
          <conference-description>
            <available-media label='4'>
              <type>video</type>
              <status>sendonly</status>
            </available-media>
          </conference-description>
        </conference-info>";

const ACTIVITY: &str = "<activity xmlns='http://jabber.org/protocol/activity'>
          <other/>
          <text xml:lang='en'>I'll give thee a wind.</text>
        </activity>";

/// Example 2, corrected.
const JOIN: &str = "<presence from='crone1@shakespeare.lit/desktop'
          to='coven@chat.shakespeare.lit/firstwitch'>
  <x xmlns='http://jabber.org/protocol/muc'/>
  <c xmlns='http://jabber.org/protocol/caps'
     hash='sha-1'
     node='http://jisti.org'
     ver='054H4A7280JuT6+IroVYxgCAjZo='/>
</presence>";

/// A room with the two occupants of the examples, whose clients want the nodes of the examples.
fn coven() -> World {
    let mut world = World::new(Options::default());
    for (nick, session) in [("firstwitch", CRONE1), ("secondwitch", WICCAROCKS)] {
        let happened = world.enter(nick, session, JOIN);
        answer(&mut world, &happened.questions[0]);
    }
    world
}

fn answer(world: &mut World, question: &minidom::Element) {
    let nodes = ["urn:ietf:params:xml:ns:conference-info", "http://jabber.org/protocol/activity"];
    world.answer(&answer_to(question, nodes));
}

#[test]
fn example_1_interested_occupants_receive_an_event_of_the_room() {
    let mut world = coven();
    let happened = world
        .request(
            "firstwitch",
            CRONE1,
            Role::Moderator,
            RoomAffiliation::Owner,
            &format!(
                "<iq from='{CRONE1}' id='1' to='coven@chat.shakespeare.lit' type='set'>
                 <pubsub xmlns='http://jabber.org/protocol/pubsub'>
                 <publish node='urn:ietf:params:xml:ns:conference-info'>
                 <item id='ehs51f40'>{CONFERENCE_INFO}</item></publish></pubsub></iq>"
            ),
        )
        .unwrap();
    for ((to, message), expected) in happened.messages.iter().zip([CRONE1, WICCAROCKS]) {
        assert_eq!(to.as_str(), expected);
        let example = element(&format!(
            "<message from='coven@chat.shakespeare.lit' to='{to}' type='headline' id='{}'>
  <event xmlns='http://jabber.org/protocol/pubsub#event'>
    <items node='urn:ietf:params:xml:ns:conference-info'>
      <item id='ehs51f40'>
        {CONFERENCE_INFO}
      </item>
    </items>
  </event>
</message>",
            happened.messages[0].1.attr("id").unwrap()
        ));
        assert_eq!(plain(message), plain(&example));
    }
    assert_eq!(happened.messages.len(), 2);
}

#[test]
fn example_2_the_room_asks_a_joining_session_what_the_hash_means() {
    let mut world = World::new(Options::default());
    let happened = world.enter("firstwitch", CRONE1, JOIN);
    let question = &happened.questions[0];
    let expected = element(&format!(
        "<iq type='get' from='coven@chat.shakespeare.lit' to='{CRONE1}' id='{}'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='http://jisti.org#054H4A7280JuT6+IroVYxgCAjZo='/>\
         </iq>",
        question.attr("id").unwrap()
    ));
    assert_eq!(*question, expected);
}

#[test]
fn examples_3_and_4_an_occupant_publishes_and_the_interested_are_told() {
    let mut world = coven();
    let example_3 = format!(
        "<iq from='wiccarocks@shakespeare.lit/laptop'
    id='vlk3h264'
    to='coven@chat.shakespeare.lit/secondwitch'
    type='set'>
  <pubsub xmlns='http://jabber.org/protocol/pubsub'>
    <publish node='http://jabber.org/protocol/activity'>
      <item>
        {ACTIVITY}
      </item>
    </publish>
  </pubsub>
</iq>"
    );
    let happened = world
        .request("secondwitch", WICCAROCKS, Role::Participant, RoomAffiliation::None, &example_3)
        .unwrap();

    let reply = happened.reply.unwrap();
    assert_eq!((reply.attr("type"), reply.attr("id")), (Some("result"), Some("vlk3h264")));
    let item = reply.children().next().unwrap().children().next().unwrap().children().next().unwrap();
    let item_id = item.attr("id").unwrap();

    let id = happened.messages[0].1.attr("id").unwrap().to_owned();
    for ((to, message), expected) in happened.messages.iter().zip([CRONE1, WICCAROCKS]) {
        assert_eq!(to.as_str(), expected);
        let example_4 = element(&format!(
            "<message from='{}' to='{to}' type='headline' id='{id}'>
  <event xmlns='http://jabber.org/protocol/pubsub#event'>
    <items node='http://jabber.org/protocol/activity'>
      <item id='{item_id}'>
        {ACTIVITY}
      </item>
    </items>
  </event>
</message>",
            occupant("secondwitch")
        ));
        assert_eq!(plain(message), plain(&example_4));
    }
    assert_eq!(happened.messages.len(), 2, "even the publisher is told");
}

#[test]
fn examples_5_and_6_the_features_of_a_room_are_those_of_the_example() {
    let shown = [
        "access-presence",
        "auto-create",
        "auto-subscribe",
        "config-node",
        "create-and-configure",
        "create-nodes",
        "filtered-notifications",
        "persistent-items",
        "publish",
        "retrieve-items",
        "subscribe",
    ];
    let features: Vec<_> = entity::features(true).collect();
    for feature in shown {
        let feature = format!("http://jabber.org/protocol/pubsub#{feature}");
        assert!(features.contains(&feature), "{feature}");
    }
    // Example 5, to the sender's own occupant JID: the same from there.
    let mut world = coven();
    let query = element(&format!(
        "<iq type='get' from='{CRONE1}' to='{}' id='k3hs5174'>\
         <query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        occupant("firstwitch")
    ));
    let happened = world
        .request("firstwitch", CRONE1, Role::Participant, RoomAffiliation::None, &String::from(&query))
        .unwrap();
    let reply = happened.reply.unwrap();
    let query = reply.get_child("query", "http://jabber.org/protocol/disco#info").unwrap();
    let identity = query.children().next().unwrap();
    assert_eq!((identity.attr("category"), identity.attr("type")), (Some("pubsub"), Some("mep")));
    let told: Vec<_> = query.children().filter_map(|child| child.attr("var")).collect();
    assert!(entity::features(false).all(|feature| told.contains(&feature.as_str())));
}
