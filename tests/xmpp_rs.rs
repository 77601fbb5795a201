//! What a client with xmpp-rs sends, and makes of what it gets: `docs/client.md` says what to mind.

#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use minidom::Element;
use support::people::{CRONE, HECATE, THE_ROOM, WICCA, room_of};
use support::{World, element, said};
use xmpp_parsers::caps::{Caps, compute_disco, hash_caps};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::hashes::Algo;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::message::{Message, MessageType};
use xmpp_parsers::mood::MoodEnum;
use xmpp_parsers::ns;
use xmpp_parsers::pubsub::event::{Event, Payload};
use xmpp_parsers::pubsub::{self, ItemId, NodeName, PubSub};

fn node() -> NodeName {
    NodeName(ns::MOOD.to_owned())
}

/// What the client answers about itself.
fn about() -> DiscoInfoResult {
    let features = [ns::DISCO_INFO.to_owned(), format!("{}+notify", ns::MOOD)];
    DiscoInfoResult {
        node: None,
        identities: vec![Identity::new_anonymous::<_, _, String, String>("client", "pc")],
        features: features.into_iter().collect(),
        extensions: Vec::new(),
    }
}

fn written(payload: impl Into<Element>) -> String {
    String::from(&payload.into())
}

/// A room where WICCA has joined with the capabilities that xmpp-rs computes, and has answered for them.
fn coven() -> World {
    let mut world = room_of(&[HECATE, CRONE]);
    let hash = hash_caps(&compute_disco(&about()), Algo::Sha_1).unwrap();
    let caps = written(Caps::new("https://client.example", hash));
    let asked = world.join_saying(WICCA, said(&format!("<presence>{caps}</presence>")));
    let question = Iq::try_from(asked.questions[0].clone()).unwrap();
    let Iq::Get { from, to, id, payload } = question else { panic!("a question is a get") };
    let node = payload.attr("node").map(str::to_owned);
    let answer =
        Iq::Result { from: to, to: from, id, payload: Some(DiscoInfoResult { node, ..about() }.into()) };
    world.answer(&element(&written(answer)));
    world
}

fn publishing(mood: Element) -> PubSub {
    let item =
        pubsub::pubsub::Item { id: Some(ItemId("current".to_owned())), publisher: None, payload: Some(mood) };
    let publish = pubsub::pubsub::Publish { node: node(), items: vec![item] };
    PubSub::Publish { publish, publish_options: None }
}

fn mood(kind: MoodEnum) -> Element {
    Element::builder("mood", ns::MOOD).append(Element::from(kind)).build()
}

/// The event in a message, with whom it is from.
fn event(message: &Element) -> (String, Payload) {
    let message = Message::try_from(message.clone()).unwrap();
    assert_eq!(message.type_, MessageType::Headline);
    let event = message.payloads.iter().find_map(|payload| Event::try_from(payload.clone()).ok()).unwrap();
    (message.from.unwrap().to_string(), event.payload)
}

#[test]
fn a_mood_arrives_by_capabilities_and_reads_as_it_was_written() {
    let mut world = coven();
    let published = world.iq(CRONE, CRONE, "set", &written(publishing(mood(MoodEnum::Grateful)))).unwrap();
    assert!(matches!(Iq::try_from(published.reply.clone().unwrap()).unwrap(), Iq::Result { .. }));
    assert_eq!(published.recipients(), [WICCA.jid]);

    let (from, payload) = event(&published.messages[0].1);
    let Payload::Items { node: of, published, retracted } = payload else { panic!("an item") };
    assert_eq!((from, of, retracted), (CRONE.address(), node(), Vec::new()));
    let read = published[0].payload.as_ref().unwrap().children().next().unwrap().clone();
    assert_eq!(MoodEnum::try_from(read).unwrap(), MoodEnum::Grateful);
}

#[test]
fn items_are_retrieved_and_retracted() {
    let mut world = coven();
    world.iq(CRONE, CRONE, "set", &written(publishing(mood(MoodEnum::Happy)))).unwrap();
    let wanted = PubSub::Items(pubsub::pubsub::Items::new(ns::MOOD));
    let reply = world.iq(WICCA, CRONE, "get", &written(wanted)).unwrap().result().unwrap();
    let PubSub::Items(found) = PubSub::try_from(reply).unwrap() else { panic!("items") };
    assert_eq!(found.items[0].id, Some(ItemId("current".to_owned())));

    let item =
        pubsub::pubsub::Item { id: Some(ItemId("current".to_owned())), publisher: None, payload: None };
    let retract = PubSub::Retract(pubsub::pubsub::Retract { node: node(), notify: true, items: vec![item] });
    let retracted = world.iq(CRONE, CRONE, "set", &written(retract)).unwrap();
    let (_, payload) = event(&retracted.messages[0].1);
    let Payload::Items { retracted, .. } = payload else { panic!("a retraction") };
    assert_eq!(retracted, [ItemId("current".to_owned())]);
}

#[test]
fn each_other_event_but_of_a_new_node_is_read_and_so_are_errors() {
    let mut world = coven();
    let node = format!("node='{}'", ns::MOOD);
    world.iq(HECATE, THE_ROOM, "set", &written(publishing(mood(MoodEnum::Proud)))).unwrap();
    let configured = world.configure(HECATE, THE_ROOM, ns::MOOD, &[("notify_config", "1")]);
    assert!(
        configured
            .messages
            .iter()
            .all(|(_, message)| { matches!(event(message).1, Payload::Configuration { .. }) })
    );
    let purged = world.owner_set(HECATE, THE_ROOM, &format!("<purge {node}/>"));
    assert!(matches!(event(&purged.messages[0].1).1, Payload::Purge { .. }));
    let deleted = world.owner_set(HECATE, THE_ROOM, &format!("<delete {node}/>"));
    assert!(matches!(event(&deleted.messages[0].1).1, Payload::Delete { .. }));
    let created = element(&format!("<event xmlns='{}'><create {node}/></event>", ns::PUBSUB_EVENT));
    assert!(Event::try_from(created).is_err(), "the page says so");
    let refused = world.iq(WICCA, CRONE, "set", &written(publishing(mood(MoodEnum::Sad)))).unwrap();
    assert!(matches!(Iq::try_from(refused.reply.unwrap()).unwrap(), Iq::Error { .. }));
}
