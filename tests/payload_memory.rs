//! What a payload takes of the heap: about its text, however it was sent.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use std::alloc::System;

use mep_core::effect::Effect;
use mep_core::error::Error;
use mep_core::facts::{Role, RoomAffiliation};
use mep_core::held::Holder;
use mep_core::options::Options;
use mep_core::pubsub::config::NodeConfig;
use mep_core::pubsub::node::{Item, Node};
use mep_core::xml::payload::Payload;
use minidom::Element;
use minidom::rxml::{Namespace, NcName};
use stats_alloc::{Region, StatsAlloc};
use support::World;

/// Counts the requested octets of all threads: so this file has one test only.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

#[test]
fn a_payload_takes_what_its_text_takes() {
    an_item_holds_about_its_text();
    a_small_stanza_is_not_written_at_length();
    a_retrieval_and_a_last_item_take_about_their_texts();
    what_a_host_says_that_it_holds_is_what_it_holds();
}

/// The sums that are limited are about what the allocator counts, and within a small factor of what was sent.
fn what_a_host_says_that_it_holds_is_what_it_holds() {
    let mut report = Vec::new();
    // Nodes, items of each, octets of text in each; of an occupant and of the room.
    for (nodes, items, text) in [(30, 1, 20), (1, 250, 1), (30, 250, 200), (4, 16, 60_000), (30, 0, 0)] {
        for address in [support::occupant("hecate"), support::ROOM.to_owned()] {
            let options = Options { publish_burst: 100_000, ..Options::default() };
            let mut world = World::new(options);
            world.persistent = false;
            world.enter("hecate", "hecate@example.org/c", "<presence/>");
            let mut sent = 0;
            let region = Region::new(ALLOCATOR);
            for node in 0..nodes {
                let node = format!("urn:example:node:{node}");
                let mut requests = vec![format!("<create node='{node}'/>")];
                if items > 1 {
                    let field = format!("<field var='pubsub#max_items'><value>{items}</value></field>");
                    let form = format!("<x xmlns='jabber:x:data' type='submit'>{field}</x>");
                    requests = vec![format!("<create node='{node}'/><configure>{form}</configure>")];
                }
                requests.extend((0..items).map(|item| {
                    let payload = format!("<p xmlns='urn:p'>{}</p>", "x".repeat(text));
                    format!("<publish node='{node}'><item id='item{item}'>{payload}</item></publish>")
                }));
                for request in requests {
                    let iq = format!(
                        "<iq type='set' id='1' to='{address}' from='hecate@example.org/c'>\
                         <pubsub xmlns='http://jabber.org/protocol/pubsub'>{request}</pubsub></iq>"
                    );
                    sent += iq.len();
                    let (role, affiliation) = (Role::Moderator, RoomAffiliation::Owner);
                    let effects = world
                        .request_effects("hecate", "hecate@example.org/c", role, affiliation, &iq)
                        .unwrap();
                    let Some(Effect::Reply(reply)) = effects.first() else { panic!("{effects:?}") };
                    assert_eq!(reply.attr("type"), Some("result"), "{}", String::from(reply));
                }
            }
            let change = region.change();
            let allocated = change.bytes_allocated - change.bytes_deallocated;
            let said = world.host.counts().held;
            report.push((nodes, items, text, allocated, said, sent));
            assert!(
                allocated <= said + said / 4 + 16 * 1024,
                "{nodes} × {items} of {text}: {allocated} held, {said} said"
            );
            assert!(
                said <= 2 * allocated + 16 * 1024,
                "{nodes} × {items} of {text}: {allocated} held, {said} said"
            );
            assert!(said <= 16 * sent, "{nodes} × {items} of {text}: {said} said, {sent} sent");
        }
    }
    println!("{report:#?}");
}

fn an_item_holds_about_its_text() {
    let mood = "<mood xmlns='http://jabber.org/protocol/mood'><happy/><text>Yay, the mead!</text></mood>";
    for element in [of_children(32_000, 8_000), of_children(9, 9_900), mood.parse().unwrap()] {
        let mut node = Node::new(
            NodeConfig { max_items: 16, ..NodeConfig::new(&Options::default()) },
            0,
            Holder::default(),
        );
        let (mut text, mut region) = (0, Region::new(ALLOCATOR));
        for number in 0..16 {
            let payload = Payload::new(&element, 64 * 1024).unwrap();
            text += payload.size();
            let item = Item { payload: Some(payload), at: 0, publisher: None };
            node.put(format!("{number}").as_str().into(), item, None, 16);
        }
        let change = region.change_and_reset();
        let held = change.bytes_allocated - change.bytes_deallocated;
        assert!(held <= 2 * text + 16 * 1024, "{held} octets for {text}");
        assert_eq!(node.items().len(), 16);
    }
}

fn a_small_stanza_is_not_written_at_length() {
    let mut attributes = Element::bare("a", "urn:a");
    for at in 0..1_000 {
        let name = NcName::try_from(format!("b{at}")).unwrap();
        attributes.set_attr(Namespace::from("x".repeat(30_000)), name, "");
    }
    let other = Element::bare("b", "x".repeat(30_000));
    let namespaces = Element::builder("a", "urn:a").append_all(std::iter::repeat_n(other, 1_000)).build();
    for element in [attributes, namespaces] {
        let region = Region::new(ALLOCATOR);
        assert_eq!(Payload::new(&element, 64 * 1024), Err(Error::PayloadTooBig(64 * 1024)));
        let written = region.change().bytes_allocated;
        assert!(written < 1024 * 1024, "{written} octets were allocated");
    }
}

/// `<a xmlns='urn:xxx…'><b/>…</a>`, where every child inherits the namespace.
fn of_children(ns: usize, children: usize) -> Element {
    let ns = format!("urn:{}", "x".repeat(ns));
    let child = Element::bare("b", ns.clone());
    Element::builder("a", ns).append_all(std::iter::repeat_n(child, children)).build()
}

fn a_retrieval_and_a_last_item_take_about_their_texts() {
    let mut world = World::new(Options::default());
    let request = |world: &mut World, kind: &str, inner: &str| {
        let address = support::occupant("hecate");
        let iq = format!(
            "<iq type='{kind}' id='1' to='{address}' from='h@b/c'>\
             <pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub></iq>"
        );
        world.request_effects("hecate", "h@b/c", Role::Moderator, RoomAffiliation::None, &iq).unwrap()
    };
    world.enter("hecate", "h@b/c", "<presence/>");
    let payload = format!("<a xmlns='urn:a'>{}</a>", "<b/>".repeat(9_900));
    let item = format!("<publish node='n'><item id='1'>{payload}</item></publish>");
    assert_eq!(request(&mut world, "set", &item).len(), 1);

    let region = Region::new(ALLOCATOR);
    let effects = request(&mut world, "get", "<items node='n'/>");
    let taken = region.change().bytes_allocated;
    assert!(taken <= 4 * payload.len() + 16 * 1024, "{taken} octets for items of {}", payload.len());
    let [Effect::ReplyRendered { result, .. }] = &effects[..] else { panic!("{effects:?}") };
    let items = result.to_element().unwrap();
    let items = items.children().next().unwrap().children().next().unwrap();
    assert_eq!(items.children().next().unwrap().children().next(), Some(&payload.parse().unwrap()));

    let region = Region::new(ALLOCATOR);
    let effects = request(&mut world, "set", "<subscribe node='n' jid='h@b/c'/>");
    let taken = region.change().bytes_allocated;
    assert!(taken <= 4 * payload.len() + 32 * 1024, "{taken} octets for a last item of {}", payload.len());
    let [Effect::Reply(_), Effect::Notify { message, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(message.to_element().unwrap().has_child("delay", "urn:xmpp:delay"));
}
