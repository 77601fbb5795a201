//! What a service tells of (XEP-0060, 7 and 8; XEP-0248): each kind of event, as it is on the wire.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use minidom::Element;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, event, room_of, submit, values};
use support::{Happened, World};

/// A room in which one is subscribed to all of the room's nodes, and to what becomes of them.
fn coven() -> World {
    let mut world = room_of(&[HECATE, WICCA]);
    let form = submit(&[("subscription_type", "all")]);
    world
        .set(WICCA, THE_ROOM, &format!("<subscribe jid='{}'/><options>{form}</options>", WICCA.jid))
        .result();
    world
}

/// A node that tells of what is set here.
fn with_node(fields: &[(&str, &str)]) -> World {
    let mut world = coven();
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.configure(HECATE, THE_ROOM, "spells", fields);
    world
}

fn delete(world: &mut World, redirect: &str) -> Happened {
    world.owner_set(HECATE, THE_ROOM, &format!("<delete node='spells'>{redirect}</delete>"))
}

#[test]
fn a_new_node_is_told_with_its_meta_data_before_its_first_item() {
    let mut world = coven();
    let happened = world.publish(HECATE, THE_ROOM, "spells", "1");
    assert_eq!(happened.recipients(), [WICCA.jid, WICCA.jid]);
    let [(_, created), (_, item)] = &happened.messages[..] else { panic!("two messages") };
    let path: Vec<_> = std::iter::successors(created.children().next(), |child| child.children().next())
        .map(Element::name)
        .take(4)
        .collect();
    assert_eq!(path, ["event", "collection", "associate", "x"]);
    assert_eq!(values(created, "access_model").unwrap(), ["presence"]);
    assert_eq!(values(created, "max_items"), None);
    let expected = "<items node='spells'><item id='1'><title xmlns='urn:p'>1</title></item></items>";
    assert_eq!(item.children().next().unwrap(), &event(expected));
}

#[test]
fn items_are_told_with_payload_and_publisher_as_the_node_says() {
    let mut world = with_node(&[("itemreply", "publisher"), ("notification_type", "normal")]);
    let told = world.publish(HECATE, THE_ROOM, "spells", "2");
    let item = format!("<item id='2' publisher='{}'><title xmlns='urn:p'>2</title></item>", HECATE.address());
    assert_eq!(told.sent(WICCA), event(&format!("<items node='spells'>{item}</items>")));
    let types: Vec<_> = told.messages.iter().map(|(_, message)| message.attr("type")).collect();
    assert_eq!(types, [Some("normal")]);
    world.configure(HECATE, THE_ROOM, "spells", &[("deliver_payloads", "0"), ("itemreply", "none")]);
    let told = world.publish(HECATE, THE_ROOM, "spells", "3");
    assert_eq!(told.sent(WICCA), event("<items node='spells'><item id='3'/></items>"));
}

#[test]
fn a_node_that_only_notifies_tells_of_no_item() {
    let mut world = with_node(&[("deliver_payloads", "0"), ("persist_items", "0")]);
    let told = world.set(HECATE, THE_ROOM, "<publish node='spells'/>");
    assert_eq!(told.sent(WICCA), event("<items node='spells'/>"));
    world
        .set(HECATE, THE_ROOM, "<publish node='spells'><item/></publish>")
        .refused("bad-request", "item-forbidden");
}

#[test]
fn items_that_are_taken_back_are_told_by_their_ids() {
    let mut world = with_node(&[("max_items", "3")]);
    for id in ["2", "3"] {
        world.publish(HECATE, THE_ROOM, "spells", id);
    }
    let told = world.set(HECATE, THE_ROOM, "<retract node='spells'><item id='3'/><item id='1'/></retract>");
    told.accepted();
    let retracted = event("<items node='spells'><retract id='3'/><retract id='1'/></items>");
    assert_eq!(told.sent(WICCA), retracted);
    let told = world.owner_set(HECATE, THE_ROOM, "<purge node='spells'/>");
    told.accepted();
    assert_eq!(told.sent(WICCA), event("<purge node='spells'/>"));
    world.configure(HECATE, THE_ROOM, "spells", &[("notify_retract", "0")]);
    world.publish(HECATE, THE_ROOM, "spells", "4");
    let quiet = "<retract node='spells'><item id='4'/></retract>";
    assert!(world.set(HECATE, THE_ROOM, quiet).messages.is_empty());
    assert!(world.owner_set(HECATE, THE_ROOM, "<purge node='spells'/>").messages.is_empty());
}

#[test]
fn a_deletion_is_told_with_its_redirect() {
    let mut world = with_node(&[]);
    let told = delete(&mut world, "<redirect uri='xmpp:pubsub.example?;node=spells'/>");
    told.accepted();
    let expected = "<delete node='spells'><redirect uri='xmpp:pubsub.example?;node=spells'/></delete>";
    assert_eq!(told.sent(WICCA), event(expected));
    delete(&mut world, "").refused("item-not-found", "");
    let mut world = with_node(&[]);
    assert_eq!(delete(&mut world, "").sent(WICCA), event("<delete node='spells'/>"));
    let mut world = with_node(&[("notify_delete", "0")]);
    assert!(delete(&mut world, "").messages.is_empty());
}

#[test]
fn a_new_configuration_is_told_whole_or_as_a_mere_change() {
    let mut world = with_node(&[("notify_config", "1")]);
    let told = world.configure(HECATE, THE_ROOM, "spells", &[("title", "Spells")]).sent(WICCA);
    let configuration = told.children().next().unwrap();
    assert_eq!((configuration.name(), configuration.attr("node")), ("configuration", Some("spells")));
    assert_eq!(values(&told, "title").unwrap(), ["Spells"]);
    assert_eq!(values(&told, "max_items").unwrap(), ["1"]);
    let same = world.configure(HECATE, THE_ROOM, "spells", &[("title", "Spells")]);
    assert!(same.messages.is_empty(), "nothing changed");
    let told = world.configure(HECATE, THE_ROOM, "spells", &[("deliver_payloads", "0")]).sent(WICCA);
    assert_eq!(told, event("<configuration node='spells'/>"));
}

#[test]
fn items_over_a_lowered_number_are_told_as_taken_back() {
    let mut world = with_node(&[("max_items", "3")]);
    for id in ["2", "3"] {
        world.publish(HECATE, THE_ROOM, "spells", id);
    }
    let told = world.configure(HECATE, THE_ROOM, "spells", &[("max_items", "1")]);
    assert_eq!(told.sent(WICCA), event("<items node='spells'><retract id='1'/><retract id='2'/></items>"));
}

/// The body of the notification of this.
fn body(world: &mut World, inner: &str) -> Option<String> {
    let happened = world.set(CRONE, CRONE, inner);
    happened.result();
    let (to, message) = happened.messages.last().unwrap();
    assert_eq!(to.as_str(), WICCA.jid);
    message.get_child("body", "jabber:client").map(Element::text)
}

fn with_bodies() -> World {
    let mut world = room_of(&[CRONE, WICCA]);
    let form = submit(&[("include_body", "1"), ("subscription_type", "all")]);
    world.set(WICCA, CRONE, &format!("<subscribe jid='{}'/><options>{form}</options>", WICCA.jid)).result();
    world
}

#[test]
fn a_body_is_the_payloads_text_if_people_can_read_it() {
    let mut world = with_bodies();
    for (payload, expected) in [
        ("<entry xmlns='urn:atom'><id>7</id><title> Soliloquy </title></entry>", Some("Soliloquy")),
        ("<mood xmlns='urn:mood'><happy/><text>Fair is foul</text></mood>", Some("Fair is foul")),
        ("<report xmlns='urn:r'><title> </title><summary>Thrice</summary></report>", Some("Thrice")),
        ("<note xmlns='urn:n'>\nDouble, double\n</note>", Some("Double, double")),
        ("<n xmlns='urn:n'><title/>toil</n>", Some("toil")),
        ("<n xmlns='urn:n'><title>urn:n</title><text>and trouble</text></n>", Some("and trouble")),
        ("<n xmlns='urn:n'><deep><title>not looked for</title></deep></n>", None),
        ("<mood xmlns='urn:mood'><happy/></mood>", None),
        (
            "<data xmlns='urn:xmpp:avatar:data'>qANQR1DBwU4DX7jmYZnncmUQB/9KuKBddzQH+tZ1ZywKK0yHKnq57kWq+RFt</data>",
            None,
        ),
        ("<conference xmlns='urn:c'><text>xmpp:den@rooms.example.org?join</text></conference>", None),
    ] {
        let publish = format!("<publish node='mood'><item id='i'>{payload}</item></publish>");
        assert_eq!(body(&mut world, &publish).as_deref(), expected, "{payload}");
    }
}

#[test]
fn what_is_no_item_has_no_body() {
    let mut world = with_bodies();
    world.publish(CRONE, CRONE, "mood", "1");
    assert_eq!(body(&mut world, "<retract node='mood' notify='1'><item id='1'/></retract>"), None);
    let all = [("notify_retract", "1"), ("notify_config", "1"), ("notify_delete", "1")];
    world.configure(CRONE, CRONE, "mood", &all);
    let without = |told: Happened| {
        let (_, message) = told.messages.last().unwrap();
        assert!(!message.has_child("body", "jabber:client"), "{message:?}");
    };
    without(world.owner_set(CRONE, CRONE, "<purge node='mood'/>"));
    without(world.configure(CRONE, CRONE, "mood", &[("title", "Fair is foul")]));
    without(world.owner_set(CRONE, CRONE, "<delete node='mood'/>"));
}

#[test]
fn one_message_serves_all_where_there_is_no_body() {
    let mut world = room_of(&[CRONE, WICCA, HECATE]);
    for (person, include_body) in [(WICCA, "1"), (HECATE, "0")] {
        let form = submit(&[("include_body", include_body)]);
        let subscribe = format!("<subscribe jid='{}'/><options>{form}</options>", person.jid);
        world.set(person, CRONE, &subscribe).result();
    }
    let told = world.publish(CRONE, CRONE, "mood", "Fair is foul");
    assert_ne!(told.messages[0].1.children().count(), told.messages[1].1.children().count());
    let told = world.publish(CRONE, CRONE, "mood", "urn:foul");
    assert_eq!(told.messages.len(), 2);
    assert_eq!(told.messages[0].1.children().count(), told.messages[1].1.children().count());
}

#[test]
fn a_body_is_sent_though_the_payload_is_not_delivered() {
    let mut world = with_bodies();
    world.publish(CRONE, CRONE, "mood", "1");
    world.configure(CRONE, CRONE, "mood", &[("deliver_payloads", "0")]);
    let told = world.publish(CRONE, CRONE, "mood", "2");
    let [(_, message)] = &told.messages[..] else { panic!("one message") };
    assert_eq!(message.get_child("body", "jabber:client").unwrap().text(), "2");
    let told = message.children().find(|child| child.name() == "event");
    assert_eq!(told.unwrap(), &event("<items node='mood'><item id='2'/></items>"));
}

#[test]
fn a_delayed_event_says_when_it_was_published() {
    let mut world = room_of(&[HECATE, WICCA]);
    world.publish(WICCA, WICCA, "mood", "1");
    world.now += 60_000;
    let happened = world.set(HECATE, WICCA, &format!("<subscribe node='mood' jid='{}'/>", HECATE.jid));
    let [(_, message)] = &happened.messages[..] else { panic!("one message") };
    let delay = message.get_child("delay", "urn:xmpp:delay").unwrap();
    assert_eq!(
        (delay.attr("from"), delay.attr("stamp")),
        (Some(support::ROOM), Some("1970-01-01T00:16:40.000Z"))
    );
    assert_eq!(message.attr("from"), Some(&*WICCA.address()));
}

#[test]
fn a_moderator_takes_back_what_equals_and_lesser_ones_published() {
    use mep_core::facts::{Role, RoomAffiliation};
    let moderator = Person { role: Role::Moderator, ..CRONE };
    for (own, publishers, may) in [
        (RoomAffiliation::None, RoomAffiliation::None, true),
        (RoomAffiliation::None, RoomAffiliation::Member, false),
        (RoomAffiliation::Admin, RoomAffiliation::Member, true),
        (RoomAffiliation::Admin, RoomAffiliation::Admin, true),
        (RoomAffiliation::Admin, RoomAffiliation::Owner, false),
    ] {
        let moderator = Person { room_affiliation: own, ..moderator };
        let publisher = Person { room_affiliation: publishers, ..WICCA };
        let mut world = room_of(&[moderator, publisher]);
        world.publish(publisher, publisher, "mood", "1");
        for request in ["<purge node='mood'/>", "<delete node='mood'/>"] {
            let reply = world.owner_set(moderator, publisher, request);
            if may { reply.accepted() } else { reply.refused("forbidden", "") }
        }
        let without = Person { role: Role::Participant, ..moderator };
        world.owner_set(without, publisher, "<delete node='mood'/>").refused("forbidden", "");
    }
}
