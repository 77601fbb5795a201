//! What a subscriber does (XEP-0060, 6): golden requests, replies and notices.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::{ClientPresence, SessionsSeen, Show};
use mep_core::options::Options;
use support::people::{
    BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, event, participant, pubsub, room_of, submit, values,
};
use support::{Happened, ROOM, World, element};

fn coven() -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.publish(CRONE, CRONE, "mood", "m");
    world
}

fn subscribe(world: &mut World, who: Person, at: Option<Person>, node: &str, jid: &str) -> Happened {
    world.set(who, at, &format!("<subscribe {} jid='{jid}'/>", attr(node)))
}

fn unsubscribe(world: &mut World, who: Person, at: Option<Person>, node: &str, jid: &str) -> Happened {
    world.set(who, at, &format!("<unsubscribe {} jid='{jid}'/>", attr(node)))
}

fn attr(node: &str) -> String {
    if node.is_empty() { String::new() } else { format!("node='{node}'") }
}

fn subscription(node: &str, jid: &str, state: &str) -> String {
    pubsub(&format!("<subscription {} jid='{jid}' subscription='{state}'/>", attr(node)))
}

#[test]
fn a_client_subscribes_by_each_of_its_own_names() {
    let mut world = coven();
    for jid in [WICCA.jid, WICCA.account(), &WICCA.address()] {
        subscribe(&mut world, WICCA, THE_ROOM, "spells", jid).shows(&subscription(
            "spells",
            jid,
            "subscribed",
        ));
    }
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [WICCA.jid], "once");
    for jid in [WICCA.jid, WICCA.account(), &WICCA.address()] {
        unsubscribe(&mut world, WICCA, THE_ROOM, "spells", jid).shows(&subscription("spells", jid, "none"));
    }
    assert!(world.publish(HECATE, THE_ROOM, "spells", "3").messages.is_empty());
}

#[test]
fn an_account_that_is_a_session_itself_subscribes_for_all_its_clients() {
    let ann = participant("ann", "ann@a.example");
    let mut world = room_of(&[HECATE]);
    world.join(ann);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    for jid in ["ann@a.example/desk", "ann@a.example/phone", "ann@a.example", &ann.address()] {
        subscribe(&mut world, ann, THE_ROOM, "spells", jid).shows(&subscription("spells", jid, "subscribed"));
    }
    for jid in ["bob@a.example", "bob@a.example/desk", HECATE.jid] {
        subscribe(&mut world, ann, THE_ROOM, "spells", jid).refused("bad-request", "invalid-jid");
    }
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [ann.jid], "once");
    for jid in ["ann@a.example/desk", &ann.address()] {
        unsubscribe(&mut world, ann, THE_ROOM, "spells", jid).shows(&subscription("spells", jid, "none"));
    }
    assert!(world.publish(HECATE, THE_ROOM, "spells", "3").messages.is_empty());
}

#[test]
fn a_client_subscribes_no_other_whether_that_one_is_there_or_not() {
    let mut world = coven();
    for jid in [CRONE.jid, CRONE.account(), &CRONE.address(), "nobody@example.org", "@"] {
        subscribe(&mut world, WICCA, THE_ROOM, "spells", jid).refused("bad-request", "invalid-jid");
        unsubscribe(&mut world, WICCA, THE_ROOM, "spells", jid).refused("forbidden", "");
    }
    assert_eq!(world.host.counts().subscriptions, 0);
}

#[test]
fn a_new_subscription_brings_the_last_item_to_the_client_that_asked() {
    let mut world = coven();
    world.join(Person { jid: "wiccarocks@shakespeare.lit/phone", ..WICCA });
    let happened = subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.account());
    happened.shows(&subscription("spells", WICCA.account(), "subscribed"));
    let [(to, message)] = &happened.messages[..] else { panic!("one message") };
    let id = message.attr("id").unwrap();
    let expected = format!(
        "<message from='{ROOM}' to='{}' type='headline' id='{id}'>\
         <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='spells'>\
         <item id='1'><title xmlns='urn:p'>1</title></item></items></event>\
         <delay xmlns='urn:xmpp:delay' from='{ROOM}' stamp='1970-01-01T00:16:40.000Z'/></message>",
        WICCA.jid
    );
    assert_eq!((to.as_str(), message), (WICCA.jid, &element(&expected)));
    let again = subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.account());
    assert_eq!(again.recipients(), [WICCA.jid], "asking again asks for the item, too");
}

#[test]
fn a_subscription_to_all_brings_the_last_item_of_each_node() {
    let mut world = coven();
    world.publish(HECATE, THE_ROOM, "potions", "2");
    world.configure(HECATE, THE_ROOM, "potions", &[("send_last_published_item", "on_sub")]);
    world.publish(HECATE, THE_ROOM, "curses", "3");
    world.configure(HECATE, THE_ROOM, "curses", &[("send_last_published_item", "never")]);
    let happened = subscribe(&mut world, WICCA, THE_ROOM, "", WICCA.jid);
    happened.shows(&subscription("", WICCA.jid, "subscribed"));
    let node = |message: &minidom::Element| {
        let items = message.children().next().unwrap().children().next().unwrap();
        items.attr("node").unwrap().to_owned()
    };
    let nodes: Vec<_> = happened.messages.iter().map(|(_, message)| node(message)).collect();
    assert_eq!(nodes, ["spells", "potions"]);
    let happened = world.join(WICCA);
    let nodes: Vec<_> = happened.messages.iter().map(|(_, message)| node(message)).collect();
    assert_eq!(nodes, ["spells"], "of the two, one is sent to those who come in");
}

#[test]
fn a_client_that_may_not_read_may_not_subscribe() {
    let mut world = coven();
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "whitelist")]);
    subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.jid).refused("not-allowed", "closed-node");
    subscribe(&mut world, WICCA, THE_ROOM, "potions", WICCA.jid).refused("item-not-found", "");
    let outside = ("not-authorized", "presence-subscription-required");
    subscribe(&mut world, BANQUO, THE_ROOM, "", BANQUO.jid).refused(outside.0, outside.1);
    let banned = Person { room_affiliation: mep_core::facts::RoomAffiliation::Outcast, ..BANQUO };
    subscribe(&mut world, banned, THE_ROOM, "", BANQUO.jid).refused("forbidden", "");
}

#[test]
fn an_open_node_takes_subscribers_from_outside() {
    let mut world = coven();
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "open")]);
    let happened = subscribe(&mut world, BANQUO, THE_ROOM, "spells", BANQUO.account());
    happened.shows(&subscription("spells", BANQUO.account(), "subscribed"));
    assert!(happened.messages.is_empty(), "a last item is for sessions in the room");
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [BANQUO.account()]);
    subscribe(&mut world, BANQUO, THE_ROOM, "spells", &CRONE.address()).refused("bad-request", "invalid-jid");
}

#[test]
fn an_account_is_told_at_all_its_clients_until_it_unsubscribes() {
    let mut world = coven();
    let phone = Person { jid: "wiccarocks@shakespeare.lit/phone", ..WICCA };
    subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.account()).result();
    world.join(phone);
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [WICCA.jid, phone.jid]);
    unsubscribe(&mut world, phone, THE_ROOM, "spells", WICCA.account()).result();
    assert!(world.publish(HECATE, THE_ROOM, "spells", "3").messages.is_empty());
    unsubscribe(&mut world, phone, THE_ROOM, "spells", WICCA.account())
        .refused("unexpected-request", "not-subscribed");
    unsubscribe(&mut world, WICCA, THE_ROOM, "potions", WICCA.jid).refused("item-not-found", "");
}

#[test]
fn options_are_shown_changed_and_kept() {
    let mut world = coven();
    let ask = format!("<options node='spells' jid='{}'/>", WICCA.jid);
    world.get(WICCA, THE_ROOM, &ask).refused("unexpected-request", "not-subscribed");
    let form = submit(&[("include_body", "1")]);
    let with_body = format!("<subscribe node='spells' jid='{}'/><options>{form}</options>", WICCA.jid);
    world.set(WICCA, THE_ROOM, &with_body).result();
    let change = |world: &mut World, fields: &[(&str, &str)]| {
        let options = format!("<options node='spells' jid='{}'>{}</options>", WICCA.jid, submit(fields));
        world.set(WICCA, THE_ROOM, &options)
    };
    change(&mut world, &[("deliver", "0")]).accepted();
    // Subscribing again changes nothing of what was set.
    subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.jid).result();
    let shown = world.get(WICCA, THE_ROOM, &ask).result().unwrap();
    let options = shown.children().next().unwrap();
    assert_eq!(
        (options.name(), options.attr("node"), options.attr("jid")),
        ("options", Some("spells"), Some(WICCA.jid))
    );
    assert_eq!(values(options, "include_body").unwrap(), ["1"]);
    assert_eq!(values(options, "deliver").unwrap(), ["0"]);
    assert_eq!(values(options, "subscription_type"), None, "that is of the root");
    assert!(world.publish(HECATE, THE_ROOM, "spells", "2").messages.is_empty());
    change(&mut world, &[("deliver", "1")]).accepted();
    let told = world.publish(HECATE, THE_ROOM, "spells", "3");
    let [(_, message)] = &told.messages[..] else { panic!("one message") };
    assert_eq!(message.get_child("body", "jabber:client").unwrap().text(), "3");
    change(&mut world, &[("colour", "black")]).refused("bad-request", "invalid-options");
    change(&mut world, &[("subscription_type", "all")]).refused("bad-request", "invalid-options");
}

#[test]
fn options_belong_to_a_subscription_of_ones_own() {
    let mut world = coven();
    subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.jid).result();
    for (who, node, jid, condition, of_pubsub) in [
        (CRONE, "spells", WICCA.jid, "forbidden", ""),
        (CRONE, "spells", &WICCA.address(), "forbidden", ""),
        (WICCA, "spells", "wiccarocks@shakespeare.lit/phone", "unexpected-request", "not-subscribed"),
        (WICCA, "spells", WICCA.account(), "unexpected-request", "not-subscribed"),
        (WICCA, "potions", WICCA.jid, "item-not-found", ""),
        (WICCA, "", WICCA.jid, "unexpected-request", "not-subscribed"),
    ] {
        let options = format!("<options {} jid='{jid}'/>", attr(node));
        world.get(who, THE_ROOM, &options).refused(condition, of_pubsub);
        world.set(who, THE_ROOM, &options).refused(condition, of_pubsub);
    }
}

#[test]
fn the_root_has_options_of_its_own_and_both_have_defaults() {
    let mut world = coven();
    let root = world.get(WICCA, THE_ROOM, "<default/>").result().unwrap();
    let default = root.children().next().unwrap();
    assert_eq!((default.name(), default.attr("node")), ("default", None));
    assert_eq!(values(&root, "subscription_type").unwrap(), ["items"]);
    let node = world.get(WICCA, THE_ROOM, "<default node='spells'/>").result().unwrap();
    assert_eq!(node.children().next().unwrap().attr("node"), Some("spells"));
    assert_eq!(values(&node, "deliver").unwrap(), ["1"]);
    assert_eq!(values(&node, "subscription_type"), None);
    let form = submit(&[("subscription_type", "nodes")]);
    let nodes = format!("<subscribe jid='{}'/><options>{form}</options>", WICCA.jid);
    world.set(WICCA, THE_ROOM, &nodes).result();
    let shown = world.get(WICCA, THE_ROOM, &format!("<options jid='{}'/>", WICCA.jid)).result().unwrap();
    assert_eq!(values(&shown, "subscription_type").unwrap(), ["nodes"]);
    assert!(world.publish(HECATE, THE_ROOM, "spells", "2").messages.is_empty(), "items are not asked for");
}

#[test]
fn a_lease_ends_by_itself() {
    let mut world = coven();
    let form = submit(&[("expire", "1970-01-01T00:16:41Z")]);
    let lease = format!("<subscribe node='spells' jid='{}'/><options>{form}</options>", WICCA.jid);
    world.set(WICCA, THE_ROOM, &lease).result();
    world.now = 1_000_999;
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [WICCA.jid]);
    world.now = 1_001_000;
    assert!(world.publish(HECATE, THE_ROOM, "spells", "3").messages.is_empty());
    unsubscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.jid)
        .refused("unexpected-request", "not-subscribed");
}

#[test]
fn a_subscriber_is_told_only_while_the_client_is_so_available() {
    let mut world = coven();
    let form = submit(&[("show-values", "chat")]);
    let options = format!("<subscribe node='spells' jid='{}'/><options>{form}</options>", WICCA.jid);
    world.set(WICCA, THE_ROOM, &options).result();
    assert!(world.publish(HECATE, THE_ROOM, "spells", "2").messages.is_empty());
    let said = ClientPresence { claim: None, show: Show::Chat };
    let sessions = SessionsSeen { here: vec![(WICCA.session(), said)], ..SessionsSeen::default() };
    world.broadcast(WICCA, &sessions);
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "3").recipients(), [WICCA.jid]);
}

#[test]
fn a_client_may_have_so_many_subscriptions() {
    let mut world = coven();
    world.publish(HECATE, THE_ROOM, "potions", "2");
    world.set_options(Options { max_subscriptions: 1, ..Options::default() });
    subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.jid).result();
    let more = ("policy-violation", "too-many-subscriptions");
    subscribe(&mut world, WICCA, THE_ROOM, "potions", WICCA.account()).refused(more.0, more.1);
    subscribe(&mut world, WICCA, THE_ROOM, "spells", WICCA.jid).result();
    subscribe(&mut world, CRONE, THE_ROOM, "potions", CRONE.jid).result();
}

/// What an owner is told of a subscription.
fn notice(jid: &str, state: &str) -> minidom::Element {
    event(&format!("<subscription node='spells' jid='{jid}' subscription='{state}'/>"))
}

#[test]
fn owners_are_told_of_new_subscriptions_where_the_node_says_so() {
    let mut world = coven();
    subscribe(&mut world, CRONE, THE_ROOM, "spells", CRONE.jid).result();
    let untold = unsubscribe(&mut world, CRONE, THE_ROOM, "spells", CRONE.jid);
    assert!(untold.messages.is_empty(), "it does not say so");
    world.configure(
        HECATE,
        THE_ROOM,
        "spells",
        &[("notify_sub", "1"), ("send_last_published_item", "never")],
    );
    let told = subscribe(&mut world, CRONE, THE_ROOM, "spells", CRONE.jid);
    assert_eq!(told.sent(HECATE), notice(&CRONE.address(), "subscribed"));
    assert!(subscribe(&mut world, CRONE, THE_ROOM, "spells", CRONE.jid).messages.is_empty(), "it is not new");
    let told = unsubscribe(&mut world, CRONE, THE_ROOM, "spells", CRONE.jid);
    assert_eq!(told.sent(HECATE), notice(&CRONE.address(), "none"));
    assert!(
        subscribe(&mut world, CRONE, THE_ROOM, "", CRONE.jid).recipients().iter().all(|&to| to == CRONE.jid)
    );
}

#[test]
fn owners_are_not_told_a_name_that_is_hidden_from_them() {
    let owner = Person { role: mep_core::facts::Role::Participant, ..HECATE };
    let hidden = Person { visible: false, ..participant("ghost", "ghost@shakespeare.lit/sheet") };
    let mut world = room_of(&[owner, hidden]);
    world.publish(owner, THE_ROOM, "spells", "1");
    let fields = [("notify_sub", "1"), ("send_last_published_item", "never"), ("access_model", "open")];
    world.configure(owner, THE_ROOM, "spells", &fields);
    // Real JIDs are for moderators: an owner who is no moderator is told of no hidden or outside subscriber.
    for who in [hidden, BANQUO] {
        let told = subscribe(&mut world, who, THE_ROOM, "spells", who.jid);
        told.shows(&subscription("spells", who.jid, "subscribed"));
        assert!(told.messages.is_empty(), "{}", who.jid);
        assert!(subscribe(&mut world, who, THE_ROOM, "spells", who.account()).messages.is_empty());
        unsubscribe(&mut world, who, THE_ROOM, "spells", who.account()).result();
    }
    world.join(HECATE);
    let told = unsubscribe(&mut world, BANQUO, THE_ROOM, "spells", BANQUO.jid);
    assert_eq!(told.sent(HECATE), notice(BANQUO.jid, "none"));
    let told = subscribe(&mut world, BANQUO, THE_ROOM, "spells", BANQUO.account());
    assert_eq!(told.sent(HECATE), notice(BANQUO.account(), "subscribed"));
    // A real JID would tell a moderator that the occupant is here, whom the room hides.
    let told = unsubscribe(&mut world, hidden, THE_ROOM, "spells", hidden.jid);
    assert!(told.messages.is_empty());
    world.join(owner);
    world.anonymous = false;
    let told = unsubscribe(&mut world, BANQUO, THE_ROOM, "spells", BANQUO.account());
    assert_eq!(told.sent(HECATE), notice(BANQUO.account(), "none"), "all see real JIDs here");
}

fn items(world: &mut World, who: Person, at: Option<Person>, inner: &str) -> Happened {
    world.get(who, at, inner)
}

#[test]
fn items_are_read_all_or_by_id_or_the_newest_or_in_pages() {
    let mut world = coven();
    world.configure(HECATE, THE_ROOM, "spells", &[("max_items", "3"), ("itemreply", "owner")]);
    for id in ["2", "3"] {
        world.publish(HECATE, THE_ROOM, "spells", id);
    }
    let item =
        |id: &str| format!("<item id='{id}' publisher='{ROOM}'><title xmlns='urn:p'>{id}</title></item>");
    let shown = |ids: &[&str], set: &str| {
        let list: String = ids.iter().map(|id| item(id)).collect();
        pubsub(&format!("<items node='spells'>{list}</items>{set}"))
    };
    let mut ask = |inner: &str| items(&mut world, WICCA, THE_ROOM, inner);
    ask("<items node='spells'/>").shows(&shown(&["1", "2", "3"], ""));
    ask("<items node='spells' max_items='2'/>").shows(&shown(&["2", "3"], ""));
    ask("<items node='spells'><item id='3'/><item id='1'/><item id='9'/></items>")
        .shows(&shown(&["3", "1"], ""));
    ask("<items node='spells'><item id='9'/></items>").refused("item-not-found", "");
    let set = |inner: &str| format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>");
    let page = set("<first index='1'>2</first><last>3</last><count>3</count>");
    ask(&format!("<items node='spells'/>{}", set("<max>2</max><after>1</after>")))
        .shows(&shown(&["2", "3"], &page));
    ask(&format!("<items node='spells'/>{}", set("<after>9</after>"))).refused("item-not-found", "");
    world.set_options(Options { max_reply_size: 600, ..Options::default() });
    let page = set("<first index='0'>1</first><last>2</last><count>3</count>");
    items(&mut world, WICCA, THE_ROOM, "<items node='spells'/>").shows(&shown(&["1", "2"], &page));
}

#[test]
fn items_are_for_those_who_may_read_and_of_nodes_that_keep_some() {
    let mut world = coven();
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "whitelist")]);
    items(&mut world, WICCA, THE_ROOM, "<items node='spells'/>").refused("not-allowed", "closed-node");
    items(&mut world, WICCA, THE_ROOM, "<items node='potions'/>").refused("item-not-found", "");
    world.configure(CRONE, CRONE, "mood", &[("persist_items", "0")]);
    items(&mut world, WICCA, Some(CRONE), "<items node='mood'/>")
        .refused("feature-not-implemented", "unsupported");
}

#[test]
fn an_item_shows_its_publisher_by_the_address_in_the_room_or_not_at_all() {
    let hidden = Person { visible: false, ..WICCA };
    let mut world = room_of(&[HECATE, CRONE, hidden]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    let fields = [("itemreply", "publisher"), ("publish_model", "open"), ("max_items", "4")];
    world.configure(HECATE, THE_ROOM, "spells", &fields);
    for who in [CRONE, hidden] {
        world.publish(who, THE_ROOM, "spells", who.nick);
    }
    let reply = items(&mut world, HECATE, THE_ROOM, "<items node='spells'/>").result().unwrap();
    let items: Vec<_> =
        reply.children().next().unwrap().children().map(|item| item.attr("publisher")).collect();
    assert_eq!(items, [Some(&*HECATE.address()), Some(&*CRONE.address()), None]);
}
