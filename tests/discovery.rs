//! What any client may ask of a service (XEP-0060, 5): golden requests and replies.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::RoomAffiliation;
use mep_core::options::Options;
use mep_core::pubsub::snapshot::{NodeHead, NodeRecord};
use support::people::{BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, pubsub, room_of, submit, values};
use support::{Happened, ROOM, World};

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

fn info(world: &mut World, who: Person, at: Option<Person>, node: &str) -> Option<Happened> {
    world.iq(who, at, "get", &format!("<query xmlns='{INFO}' {node}/>"))
}

fn list(world: &mut World, who: Person, at: Option<Person>, node: &str, page: &str) -> Option<Happened> {
    world.iq(who, at, "get", &format!("<query xmlns='{ITEMS}' {node}>{page}</query>"))
}

/// A room with two nodes, of which one is for members, and an occupant with one.
fn coven() -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    for (node, id) in [("spells", "1"), ("secrets", "2")] {
        world.publish(HECATE, THE_ROOM, node, id);
    }
    world.configure(HECATE, THE_ROOM, "spells", &[("title", "Spells"), ("max_items", "3")]);
    world.configure(HECATE, THE_ROOM, "secrets", &[("access_model", "whitelist")]);
    world.publish(CRONE, CRONE, "mood", "m");
    world
}

#[test]
fn a_node_is_a_leaf_with_meta_data() {
    let mut world = coven();
    let reply = info(&mut world, WICCA, THE_ROOM, "node='spells'").unwrap().result().unwrap();
    assert_eq!((reply.name(), reply.attr("node")), ("query", Some("spells")));
    let identity = reply.get_child("identity", INFO).unwrap();
    assert_eq!((identity.attr("category"), identity.attr("type")), (Some("pubsub"), Some("leaf")));
    let features: Vec<_> = reply.children().filter_map(|child| child.attr("var")).collect();
    assert_eq!(features, ["http://jabber.org/protocol/pubsub", INFO, ITEMS]);
    assert_eq!(values(&reply, "title").unwrap(), ["Spells"]);
    assert_eq!(values(&reply, "access_model").unwrap(), ["presence"]);
    assert_eq!(values(&reply, "max_items"), None, "that is configuration");
}

#[test]
fn a_node_shows_itself_to_those_who_may_read_it() {
    let mut world = coven();
    info(&mut world, WICCA, THE_ROOM, "node='secrets'").unwrap().refused("not-allowed", "closed-node");
    list(&mut world, WICCA, THE_ROOM, "node='secrets'", "").unwrap().refused("not-allowed", "closed-node");
    let condition = ("not-authorized", "presence-subscription-required");
    info(&mut world, BANQUO, THE_ROOM, "node='spells'").unwrap().refused(condition.0, condition.1);
    info(&mut world, HECATE, THE_ROOM, "node='secrets'").unwrap().result().unwrap();
}

/// A record of an empty node, from a time when its name was free.
fn stored(name: &str) -> NodeRecord {
    let head = NodeHead { config: Vec::new(), made: 1, affiliations: Vec::new() };
    NodeRecord { name: name.into(), head, items: Vec::new() }
}

#[test]
fn disco_nodes_of_others_go_before_ours() {
    let nodes = [
        "x-roomuser-item",
        "http://jabber.org/protocol/muc#rooms",
        "http://jabber.org/protocol/muc#traffic",
        "http://jabber.org/protocol/commands",
        "http://jabber.org/protocol/rc#set-status",
        "urn:xmpp:caps#sha-256.xyz",
    ];
    let mut world = coven();
    world.host.load(&World::room(), nodes.map(stored).into_iter().collect());
    for node in nodes {
        let named = format!("node='{node}'");
        assert!(info(&mut world, HECATE, THE_ROOM, &named).is_none(), "{node}");
        assert!(list(&mut world, HECATE, THE_ROOM, &named, "").is_none(), "{node}");
        let publish = format!("<publish node='{node}'><item><p xmlns='urn:p'/></item></publish>");
        world.iq(HECATE, THE_ROOM, "set", &pubsub(&publish)).unwrap().refused("not-allowed", "");
        world.iq(CRONE, CRONE, "set", &pubsub(&publish)).unwrap().refused("not-allowed", "");
        let create = pubsub(&format!("<create node='{node}'/>"));
        world.iq(CRONE, CRONE, "set", &create).unwrap().refused("not-allowed", "");
    }
}

#[test]
fn what_mep_does_not_hold_is_left_to_the_server() {
    let mut world = coven();
    for (who, at, node) in [
        (WICCA, THE_ROOM, ""),
        (WICCA, THE_ROOM, "node='potions'"),
        (WICCA, Some(CRONE), ""),
        (WICCA, Some(CRONE), "node='spells'"),
        (BANQUO, Some(CRONE), "node='mood'"),
    ] {
        assert!(info(&mut world, who, at, node).is_none(), "{} {at:?} {node}", who.jid);
    }
    assert!(list(&mut world, WICCA, THE_ROOM, "node='potions'", "").is_none());
    assert!(list(&mut world, BANQUO, THE_ROOM, "", "").is_none(), "its nodes are not for outsiders");
    assert!(list(&mut world, BANQUO, Some(CRONE), "", "").is_none());
}

#[test]
fn nodes_are_listed_that_the_asker_may_read() {
    let mut world = coven();
    let item = |at: &str, node: &str| format!("<item jid='{at}' node='{node}'/>");
    let query = |items: &str| format!("<query xmlns='{ITEMS}'>{items}</query>");
    // The title is the name (XEP-0060, 5.2).
    let spells = format!("<item jid='{ROOM}' node='spells' name='Spells'/>");
    let secrets = item(ROOM, "secrets");
    list(&mut world, HECATE, THE_ROOM, "", "").unwrap().shows(&query(&(spells.clone() + &secrets)));
    list(&mut world, WICCA, THE_ROOM, "", "").unwrap().shows(&query(&spells));
    list(&mut world, WICCA, Some(CRONE), "", "").unwrap().shows(&query(&item(&CRONE.address(), "mood")));
    list(&mut world, CRONE, Some(WICCA), "", "").unwrap().shows(&query(""));
}

#[test]
fn nodes_are_listed_with_their_titles_which_count() {
    let mut world = coven();
    world.configure(HECATE, THE_ROOM, "spells", &[("title", "Spells &amp; &lt;charms>")]);
    let spells = format!("<item jid='{ROOM}' node='spells' name='Spells &amp; &lt;charms>'/>");
    let query = |inner: &str| format!("<query xmlns='{ITEMS}'>{inner}</query>");
    list(&mut world, WICCA, THE_ROOM, "", "").unwrap().shows(&query(&spells));
    let secrets = format!("<item jid='{ROOM}' node='secrets'/>");
    list(&mut world, HECATE, THE_ROOM, "", "").unwrap().shows(&query(&(spells + &secrets)));

    world.configure(HECATE, THE_ROOM, "spells", &[("title", &"x".repeat(100))]);
    let both = "spells".len() + "secrets".len() + 2 * (ROOM.len() + 128);
    for (size, fit) in [(both + 99, 1), (both + 100, 2)] {
        world.set_options(Options { max_reply_size: size, ..Options::default() });
        let page = list(&mut world, HECATE, THE_ROOM, "", "").unwrap().result().unwrap();
        assert_eq!(page.children().filter(|child| child.name() == "item").count(), fit);
    }
}

#[test]
fn the_rooms_nodes_are_listed_for_outsiders_that_may_read_them() {
    let mut world = coven();
    let pubsub = "node='http://jabber.org/protocol/pubsub'";
    let query = |inner: &str| format!("<query xmlns='{ITEMS}' {pubsub}>{inner}</query>");
    let spells = format!("<item jid='{ROOM}' node='spells' name='Spells'/>");
    list(&mut world, BANQUO, THE_ROOM, pubsub, "").unwrap().shows(&query(""));
    list(&mut world, WICCA, THE_ROOM, pubsub, "").unwrap().shows(&query(&spells));
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "open")]);
    list(&mut world, BANQUO, THE_ROOM, pubsub, "").unwrap().shows(&query(&spells));
    assert!(list(&mut world, CRONE, Some(WICCA), pubsub, "").is_none(), "it is its account's");
    assert!(info(&mut world, CRONE, THE_ROOM, pubsub).is_none());
    let create = "<create node='http://jabber.org/protocol/pubsub'/>";
    world.set(HECATE, THE_ROOM, create).refused("not-allowed", "");

    let banned = Person { room_affiliation: RoomAffiliation::Outcast, ..BANQUO };
    list(&mut world, banned, THE_ROOM, pubsub, "").unwrap().shows(&query(""));
}

#[test]
fn items_of_a_node_are_listed_in_pages() {
    let mut world = coven();
    for id in ["2", "3"] {
        world.publish(HECATE, THE_ROOM, "spells", id);
    }
    let item = |id: &str| format!("<item jid='{ROOM}' name='{id}'/>");
    let query = |inner: &str| format!("<query xmlns='{ITEMS}' node='spells'>{inner}</query>");
    let set = |inner: &str| format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>");
    let mut ask = |page: &str| list(&mut world, WICCA, THE_ROOM, "node='spells'", page).unwrap();
    ask("").shows(&query(&(item("1") + &item("2") + &item("3"))));
    let first = set("<first index='0'>1</first><last>2</last><count>3</count>");
    ask(&set("<max>2</max>")).shows(&query(&(item("1") + &item("2") + &first)));
    let last = set("<first index='2'>3</first><last>3</last><count>3</count>");
    ask(&set("<max>2</max><after>2</after>")).shows(&query(&(item("3") + &last)));
    ask(&set("<after>9</after>")).refused("item-not-found", "");
}

#[test]
fn what_does_not_fit_into_a_reply_is_left_for_the_next_page() {
    let mut world = coven();
    // Two names fit, a third does not: a name counts, its address, and what is around them.
    let entry = 1 + ROOM.len() + 128;
    world.configure(HECATE, THE_ROOM, "spells", &[("max_items", "5")]);
    for id in ["2", "3"] {
        world.publish(HECATE, THE_ROOM, "spells", id);
    }
    world.set_options(Options { max_reply_size: 2 * entry, ..Options::default() });
    let reply = list(&mut world, WICCA, THE_ROOM, "node='spells'", "").unwrap().result().unwrap();
    let names: Vec<_> = reply.children().filter_map(|child| child.attr("name")).collect();
    assert_eq!(names, ["1", "2"]);
    assert!(reply.has_child("set", "http://jabber.org/protocol/rsm"));
    world.set_options(Options { max_reply_size: 2 * entry - 1, ..Options::default() });
    let reply = list(&mut world, WICCA, THE_ROOM, "node='spells'", "").unwrap().result().unwrap();
    assert_eq!(reply.children().filter(|child| child.attr("name").is_some()).count(), 1);
}

#[test]
fn subscriptions_are_listed_by_the_names_that_they_have() {
    let mut world = coven();
    let (full, bare, nick) = (WICCA.jid, WICCA.account(), WICCA.address());
    world.set(WICCA, THE_ROOM, &format!("<subscribe jid='{full}'/>")).result();
    world.set(WICCA, THE_ROOM, &format!("<subscribe node='spells' jid='{bare}'/>")).result();
    world.set(WICCA, THE_ROOM, &format!("<subscribe node='spells' jid='{nick}'/>")).result();
    world.set(WICCA, CRONE, &format!("<subscribe node='mood' jid='{full}'/>")).result();
    let entry =
        |node: &str, jid: &str| format!("<subscription {node} jid='{jid}' subscription='subscribed'/>");
    let spells = entry("node='spells'", bare) + &entry("node='spells'", &nick);
    let all = entry("", full) + &spells;
    world
        .get(WICCA, THE_ROOM, "<subscriptions/>")
        .shows(&pubsub(&format!("<subscriptions>{all}</subscriptions>")));
    world
        .get(WICCA, THE_ROOM, "<subscriptions node='spells'/>")
        .shows(&pubsub(&format!("<subscriptions node='spells'>{spells}</subscriptions>")));
    let mood = entry("node='mood'", full);
    world
        .get(WICCA, CRONE, "<subscriptions/>")
        .shows(&pubsub(&format!("<subscriptions>{mood}</subscriptions>")));
    world.get(CRONE, THE_ROOM, "<subscriptions/>").shows(&pubsub("<subscriptions/>"));
    // Outside, there is no address in the room to be subscribed by.
    let outside = Person { nick: "", ..WICCA };
    let known = entry("", full) + &entry("node='spells'", bare);
    world
        .get(outside, THE_ROOM, "<subscriptions/>")
        .shows(&pubsub(&format!("<subscriptions>{known}</subscriptions>")));
}

#[test]
fn affiliations_are_listed_but_for_none() {
    let mut world = coven();
    let name = |node: &str, jid: &str, is: &str| {
        format!("<affiliations node='{node}'><affiliation jid='{jid}' affiliation='{is}'/></affiliations>")
    };
    world.owner_set(HECATE, THE_ROOM, &name("secrets", &WICCA.address(), "member")).accepted();
    let entry = |node: &str, is: &str| format!("<affiliation node='{node}' affiliation='{is}'/>");
    let both = entry("spells", "owner") + &entry("secrets", "owner");
    let list = |inner: &str| pubsub(&format!("<affiliations>{inner}</affiliations>"));
    world.get(HECATE, THE_ROOM, "<affiliations/>").shows(&list(&both));
    world.get(WICCA, THE_ROOM, "<affiliations/>").shows(&list(&entry("secrets", "member")));
    world.get(CRONE, THE_ROOM, "<affiliations/>").shows(&list(""));
    world.get(CRONE, CRONE, "<affiliations/>").shows(&list(&entry("mood", "owner")));
    let one = format!("<affiliations node='secrets'>{}</affiliations>", entry("secrets", "owner"));
    world.get(HECATE, THE_ROOM, "<affiliations node='secrets'/>").shows(&pubsub(&one));
}

#[test]
fn an_instant_node_is_told_its_name_and_a_new_node_takes_its_form() {
    let mut world = coven();
    let reply = world.set(CRONE, CRONE, "<create/>").result().unwrap();
    let name = reply.children().next().unwrap().attr("node").unwrap().to_owned();
    info(&mut world, WICCA, Some(CRONE), &format!("node='{name}'")).unwrap().result().unwrap();
    let form = submit(&[("title", "Charms"), ("access_model", "open")]);
    world.set(CRONE, CRONE, &format!("<create node='charms'/><configure>{form}</configure>")).accepted();
    let reply = info(&mut world, WICCA, Some(CRONE), "node='charms'").unwrap().result().unwrap();
    assert_eq!(values(&reply, "title").unwrap(), ["Charms"]);
    assert_eq!(values(&reply, "access_model").unwrap(), ["open"]);
    info(&mut world, BANQUO, Some(CRONE), "node='charms'").unwrap().result().unwrap();
    world.set(CRONE, CRONE, "<create node='charms'/>").refused("conflict", "");
}

#[test]
fn a_page_from_the_middle_is_no_longer_than_what_was_asked_for() {
    let mut world = coven();
    for node in ["a", "b", "c", "d"] {
        world.publish(HECATE, THE_ROOM, node, "1");
        world.publish(HECATE, THE_ROOM, "many", "0");
    }
    world.configure(HECATE, THE_ROOM, "many", &[("max_items", "9")]);
    for id in ["1", "2", "3", "4"] {
        world.publish(HECATE, THE_ROOM, "many", id);
    }
    let set = |after| {
        format!("<set xmlns='http://jabber.org/protocol/rsm'><max>1</max><after>{after}</after></set>")
    };
    let items = |query: &minidom::Element| query.children().filter(|child| child.name() == "item").count();
    let page = list(&mut world, CRONE, THE_ROOM, "node='many'", &set("1")).unwrap().result().unwrap();
    assert_eq!(items(&page), 1);
    let page = list(&mut world, CRONE, THE_ROOM, "", &set("a")).unwrap().result().unwrap();
    assert_eq!(items(&page), 1);
    let page = world.get(CRONE, THE_ROOM, &format!("<items node='many'/>{}", set("1"))).result().unwrap();
    assert_eq!(items(page.children().next().unwrap()), 1);
}

#[test]
fn names_count_as_what_they_can_take_in_a_reply() {
    for (letters, fit) in [(["a", "b"], 2), (["&quot;", "&amp;"], 1)] {
        let mut world = room_of(&[HECATE]);
        for letter in letters {
            world.publish(HECATE, THE_ROOM, &letter.repeat(60), "1");
        }
        world.set_options(Options { max_reply_size: 500, ..Options::default() });
        let page = list(&mut world, HECATE, THE_ROOM, "", "").unwrap().result().unwrap();
        assert_eq!(page.children().filter(|child| child.name() == "item").count(), fit);
    }
}
