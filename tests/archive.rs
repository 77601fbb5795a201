//! What a room archives: events of the types that messages of people have, at nodes that all may read.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use minidom::Element;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, event, owner, room_of};
use support::{ROOM, World, plain};

/// A room that archives, with a node of this type, for which one of three asks.
fn coven(message_type: &str) -> World {
    let mut world = room_of(&[HECATE, CRONE]);
    world.archives = true;
    world.publish(HECATE, THE_ROOM, "pins", "0");
    world.configure(HECATE, THE_ROOM, "pins", &[("notification_type", message_type), ("max_items", "3")]);
    world.join_wanting(WICCA, &["pins"]);
    world
}

fn id(message: &Element) -> &str {
    message.attr("id").unwrap()
}

fn child(message: &Element) -> Element {
    plain(message.children().next().unwrap())
}

#[test]
fn an_item_is_archived_as_it_is_told_and_its_last_item_has_the_same_id() {
    for message_type in ["normal", "groupchat"] {
        let mut world = coven(message_type);
        let happened = world.publish(HECATE, THE_ROOM, "pins", "1");
        let archived = happened.archived.first().unwrap();
        let (to, told) = happened.messages.first().unwrap();
        assert_eq!((happened.archived.len(), happened.messages.len(), to.as_str()), (1, 1, WICCA.jid));
        assert_eq!((id(archived), archived.attr("from")), (id(told), Some(ROOM)));
        assert_eq!((archived.attr("type"), told.attr("type")), (Some("groupchat"), Some(message_type)));
        assert_eq!(child(archived), child(told));
        assert_eq!(
            (archived.attr("to"), archived.children().count()),
            (None, 1),
            "the payload is all that is in it"
        );

        let last = world.join_wanting(WICCA, &["pins"]);
        assert!(last.archived.is_empty());
        assert_eq!(id(&last.messages.first().unwrap().1), id(archived));
        let again = world.publish(HECATE, THE_ROOM, "pins", "1");
        world.now += 1;
        let later = world.publish(HECATE, THE_ROOM, "pins", "1");
        assert_ne!(id(again.archived.first().unwrap()), id(later.archived.first().unwrap()));
    }
}

#[test]
fn what_is_taken_back_is_archived_too_but_not_the_end_of_the_node() {
    let mut world = coven("groupchat");
    let happened = world.set(HECATE, THE_ROOM, "<retract node='pins' notify='true'><item id='0'/></retract>");
    let retraction = event("<items node='pins'><retract id='0'/></items>");
    assert_eq!(happened.archived.iter().map(child).collect::<Vec<_>>(), [retraction]);
    for inner in ["<configure node='pins'/>", "<delete node='pins'/>"] {
        let happened = world.iq(HECATE, THE_ROOM, "set", &owner(inner)).unwrap();
        assert!(happened.archived.is_empty(), "{inner}");
    }
}

#[test]
fn it_is_archived_if_nobody_asks_for_it_and_with_the_occupants_id() {
    let mut world = coven("groupchat");
    world.publish(CRONE, CRONE, "activity", "1");
    world.configure(CRONE, CRONE, "activity", &[("notification_type", "normal")]);
    let happened = world.publish(CRONE, CRONE, "activity", "2");
    assert_eq!((happened.archived.len(), happened.messages.len()), (1, 0));
    assert_eq!(happened.archived.first().unwrap().attr("from"), Some(&*CRONE.address()));
    let hidden = Person { visible: false, ..CRONE };
    world.room_changed(vec![hidden.info()]);
    assert!(world.publish(CRONE, CRONE, "activity", "3").archived.is_empty(), "not all are shown it");
}

#[test]
fn what_some_may_not_read_is_not_archived() {
    let publish = |world: &mut World| world.publish(HECATE, THE_ROOM, "pins", "1").archived.len();
    let affiliate = |world: &mut World, affiliation: &str| {
        let entry = format!("<affiliation jid='{}' affiliation='{affiliation}'/>", CRONE.account());
        let list = owner(&format!("<affiliations node='pins'>{entry}</affiliations>"));
        world.iq(HECATE, THE_ROOM, "set", &list).unwrap().accepted();
    };
    let mut world = coven("groupchat");
    for (affiliation, archived) in
        [("publisher", 1), ("member", 1), ("outcast", 0), ("publish-only", 0), ("none", 1)]
    {
        affiliate(&mut world, affiliation);
        assert_eq!(publish(&mut world), archived, "{affiliation}");
    }
    for (access, archived) in [("open", 1), ("presence", 1), ("whitelist", 0)] {
        world.configure(HECATE, THE_ROOM, "pins", &[("access_model", access)]);
        assert_eq!(publish(&mut world), archived, "{access}");
    }
    world.configure(HECATE, THE_ROOM, "pins", &[("access_model", "open"), ("mep#read_by", "participants")]);
    assert_eq!(publish(&mut world), 0, "visitors may not read it");
}

#[test]
fn nothing_else_is_archived() {
    assert!(coven("headline").publish(HECATE, THE_ROOM, "pins", "1").archived.is_empty());
    let mut world = coven("groupchat");
    world.archives = false;
    let happened = world.publish(HECATE, THE_ROOM, "pins", "1");
    assert!(happened.archived.is_empty());
    let last = world.join_wanting(WICCA, &["pins"]);
    assert_ne!(id(&last.messages.first().unwrap().1), id(&happened.messages.first().unwrap().1));

    world.archives = true;
    world.configure(HECATE, THE_ROOM, "pins", &[("deliver_notifications", "0")]);
    assert!(world.publish(HECATE, THE_ROOM, "pins", "2").archived.is_empty());
}
