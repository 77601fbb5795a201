//! What a room is at this moment decides who is told: access that sessions and accounts gain and lose (XEP-0060, 13.2).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod support;

use mep_core::facts::{Publishers, Role, RoomAffiliation, SessionsSeen};
use mep_core::host::Host;
use mep_core::options::Options;
use mep_core::xml::form::Form;
use support::people::{BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, room_of};
use support::{Happened, World};

/// An admin without voice in the room's own affairs where only owners publish.
const ADMIN: Person = Person { role: Role::Moderator, room_affiliation: RoomAffiliation::Admin, ..WICCA };

/// The ids of the items that are sent, and to whom.
fn items(happened: &Happened) -> Vec<(&str, String, bool)> {
    let item = |message: &minidom::Element| {
        let items = message.children().find(|child| child.name() == "event")?.children().next()?;
        Some(items.children().next()?.attr("id")?.to_owned())
    };
    let is_delayed = |message: &minidom::Element| message.children().any(|child| child.name() == "delay");
    let sent = happened.messages.iter().filter_map(|(to, it)| Some((to.as_str(), item(it)?, is_delayed(it))));
    sent.collect()
}

/// Its last item, with its time, is sent to `who` alone, and only once.
fn brings(world: &mut World, who: Person, id: &str) {
    let woken = world.wake();
    assert_eq!(items(&woken), [(who.jid, id.to_owned(), true)]);
    assert_eq!(items(&world.wake()), []);
}

/// A room where WICCA wants a node that is closed to her, and CRONE is a member of it.
fn closed() -> World {
    let mut world = room_of(&[HECATE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "whitelist")]);
    name(&mut world, CRONE.account(), "member");
    assert_eq!(items(&world.join_wanting(CRONE, &["spells"])).len(), 1);
    assert_eq!(items(&world.join_wanting(WICCA, &["spells"])), []);
    world
}

fn name(world: &mut World, jid: &str, is: &str) -> Happened {
    let list =
        format!("<affiliations node='spells'><affiliation jid='{jid}' affiliation='{is}'/></affiliations>");
    let happened = world.owner_set(HECATE, THE_ROOM, &list);
    happened.accepted();
    happened
}

fn notice(jid: &str, state: &str) -> minidom::Element {
    support::people::event(&format!("<subscription node='spells' jid='{jid}' subscription='{state}'/>"))
}

#[test]
fn a_restarted_room_is_what_its_configuration_says_from_the_first_join() {
    let mut world = room_of(&[HECATE]);
    world.publishers = Publishers::Owners;
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "whitelist")]);
    let stored = world.host.snapshot(&World::room());
    world.host = Host::new(Options::default());
    world.host.load(&World::room(), stored);
    assert_eq!(items(&world.join_wanting(ADMIN, &["spells"])), []);
    world.publishers = Publishers::Admins;
    world.room_changed(Vec::new());
    brings(&mut world, ADMIN, "1");
}

#[test]
fn a_room_that_became_persistent_stores_what_a_leave_removes() {
    let mut world = room_of(&[HECATE]);
    world.persistent = false;
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.configure(HECATE, THE_ROOM, "spells", &[("purge_offline", "1")]);
    world.persistent = true;
    assert_eq!(world.host.snapshot(&World::room()).len(), 1);
    world.host.kept(&World::room());
    assert_eq!(world.leave("hecate").kept.len(), 1, "the removal of the item");
}

#[test]
fn a_node_that_opens_brings_its_last_item_to_those_who_had_no_access() {
    for model in ["presence", "open"] {
        let mut world = closed();
        world.configure(HECATE, THE_ROOM, "spells", &[("access_model", model)]);
        brings(&mut world, WICCA, "1");
    }
}

#[test]
fn a_node_that_is_forced_open_brings_it_too() {
    let mut world = closed();
    let form = support::people::submit(&[("access_model", "presence")]);
    let form = support::element(&format!("<configure>{form}</configure>"));
    let form = Form::read(&form, "http://jabber.org/protocol/pubsub#node_config").unwrap();
    let options = Options { forced: [("spells".to_owned(), form)].into(), ..Options::default() };
    world.set_options(options);
    brings(&mut world, WICCA, "1");
}

#[test]
fn a_new_member_of_a_node_is_sent_its_last_item() {
    let mut world = closed();
    name(&mut world, &WICCA.address(), "member");
    brings(&mut world, WICCA, "1");
    name(&mut world, &WICCA.address(), "none");
    assert_eq!(items(&world.wake()), []);
}

#[test]
fn an_outcast_of_a_node_is_sent_its_last_item_once_it_is_one_no_more() {
    let mut world = room_of(&[HECATE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    name(&mut world, WICCA.account(), "outcast");
    assert_eq!(items(&world.join_wanting(WICCA, &["spells"])), []);
    name(&mut world, WICCA.account(), "none");
    brings(&mut world, WICCA, "1");
}

#[test]
fn a_new_admin_of_the_room_is_sent_the_last_items_of_its_nodes() {
    let mut world = closed();
    world.broadcast(
        ADMIN,
        &SessionsSeen {
            here: vec![(WICCA.session(), support::said("<presence/>"))],
            ..SessionsSeen::default()
        },
    );
    brings(&mut world, WICCA, "1");
    let mut world = closed();
    world.room_changed(vec![ADMIN.info()]);
    brings(&mut world, WICCA, "1");
    let mut world = closed();
    world.get(ADMIN, THE_ROOM, "<items node='spells'/>").result();
    brings(&mut world, WICCA, "1");
}

#[test]
fn those_who_may_publish_as_the_room_now_are_sent_the_last_items_of_its_nodes() {
    let mut world = closed();
    world.publishers = Publishers::Participants;
    world.room_changed(Vec::new());
    brings(&mut world, WICCA, "1");
}

#[test]
fn a_node_that_notifies_again_brings_its_last_item() {
    let mut world = room_of(&[HECATE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.configure(HECATE, THE_ROOM, "spells", &[("deliver_notifications", "0")]);
    assert_eq!(items(&world.join_wanting(WICCA, &["spells"])), []);
    world.configure(HECATE, THE_ROOM, "spells", &[("deliver_notifications", "1")]);
    brings(&mut world, WICCA, "1");
}

#[test]
fn an_occupant_that_the_room_shows_again_brings_its_last_items() {
    let hidden = Person { visible: false, ..CRONE };
    let mut world = room_of(&[HECATE, hidden]);
    world.publish(hidden, hidden, "mood", "1");
    assert_eq!(items(&world.join_wanting(WICCA, &["mood"])), []);
    world.broadcast(
        CRONE,
        &SessionsSeen {
            here: vec![(CRONE.session(), support::said("<presence/>"))],
            ..SessionsSeen::default()
        },
    );
    brings(&mut world, WICCA, "1");
}

#[test]
fn a_last_item_that_is_due_is_not_sent_to_one_who_loses_access_meanwhile_or_was_notified_of_it() {
    let mut world = closed();
    name(&mut world, &WICCA.address(), "member");
    name(&mut world, &WICCA.address(), "none");
    assert_eq!(items(&world.wake()), []);
    name(&mut world, &WICCA.address(), "member");
    assert_eq!(items(&world.publish(HECATE, THE_ROOM, "spells", "2")).len(), 2);
    assert_eq!(items(&world.wake()), []);
}

/// BANQUO, who is outside, is subscribed to the open node of the room and to one of an occupant.
fn subscribed_outside() -> World {
    let mut world = room_of(&[HECATE, CRONE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "open")]);
    world.publish(CRONE, CRONE, "spells", "1");
    world.configure(CRONE, CRONE, "spells", &[("access_model", "open")]);
    for (at, jid) in [(THE_ROOM, BANQUO.jid), (Some(CRONE), BANQUO.account())] {
        world.set(BANQUO, at, &format!("<subscribe node='spells' jid='{jid}'/>")).result();
    }
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [BANQUO.jid]);
    assert_eq!(world.publish(CRONE, CRONE, "spells", "2").recipients(), [BANQUO.account()]);
    world
}

#[test]
fn whoever_is_banned_outside_is_told_that_its_subscriptions_ended_and_sent_nothing_more() {
    // The server has told, or a publish comes first.
    for is_told in [true, false] {
        let mut world = subscribed_outside();
        world.outsiders.insert(BANQUO.account(), RoomAffiliation::Outcast);
        let told = if is_told {
            world.room_changed(Vec::new())
        } else {
            world.publish(HECATE, THE_ROOM, "spells", "3")
        };
        let notices: Vec<_> =
            told.messages.iter().map(|(to, it)| (to.as_str(), it.children().next().unwrap())).collect();
        let expected = [notice(BANQUO.jid, "none"), notice(BANQUO.account(), "none")];
        assert_eq!(notices, [(BANQUO.jid, &expected[0]), (BANQUO.account(), &expected[1])]);
        assert!(world.publish(HECATE, THE_ROOM, "spells", "4").messages.is_empty());
        assert!(world.publish(CRONE, CRONE, "spells", "4").messages.is_empty());
        assert_eq!(world.host.counts().subscriptions, 0);
    }
}

#[test]
fn a_room_for_members_only_is_that_for_those_outside_as_well() {
    let mut world = subscribed_outside();
    world.members_only = true;
    world.outsiders.insert(BANQUO.account(), RoomAffiliation::Member);
    assert!(world.room_changed(Vec::new()).messages.is_empty());
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "3").recipients(), [BANQUO.jid]);
    world.outsiders.clear();
    assert_eq!(world.room_changed(Vec::new()).recipients(), [BANQUO.jid, BANQUO.account()]);
    world
        .get(BANQUO, THE_ROOM, "<items node='spells'/>")
        .refused("not-authorized", "presence-subscription-required");
    let member = Person { room_affiliation: RoomAffiliation::Member, ..BANQUO };
    world.get(member, THE_ROOM, "<items node='spells'/>").result();
}

#[test]
fn a_node_that_closes_ends_subscriptions_outside_and_says_so() {
    let mut world = subscribed_outside();
    let told = world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "presence")]);
    assert_eq!(told.sent(BANQUO), notice(BANQUO.jid, "none"));
    let list = format!(
        "<subscriptions node='spells'><subscription jid='{}' subscription='none'/></subscriptions>",
        BANQUO.account()
    );
    let crone = Person { role: Role::Moderator, ..CRONE };
    let told = world.owner_set(crone, CRONE, &list);
    told.accepted();
    assert_eq!(told.recipients(), [BANQUO.account()]);
    assert_eq!(world.host.counts().subscriptions, 0);
}

#[test]
fn who_is_banned_while_in_the_room_keeps_no_subscription_to_an_open_node() {
    for (is, left) in [(RoomAffiliation::None, 1), (RoomAffiliation::Outcast, 0)] {
        let mut world = subscribed_outside();
        world.join(WICCA);
        world.set(WICCA, THE_ROOM, &format!("<subscribe node='spells' jid='{}'/>", WICCA.jid)).result();
        let (info, mut moment) = (world.info(), world.moment());
        world.host.leave(&info, &WICCA.address(), is, &mut moment);
        assert_eq!(world.host.counts().subscriptions, 2 + left, "{is:?}");
        let told = world.publish(HECATE, THE_ROOM, "spells", "3");
        assert_eq!(told.recipients().contains(&WICCA.jid), left == 1);
    }
}

#[test]
fn notices_that_no_reply_carries_come_with_the_next_wake() {
    let mut world = subscribed_outside();
    world.outsiders.insert(BANQUO.account(), RoomAffiliation::Outcast);
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    assert!(world.iq(HECATE, THE_ROOM, "get", info).is_none(), "mod_muc's");
    assert_eq!(world.wake().recipients(), [BANQUO.jid, BANQUO.account()]);
}

#[test]
fn a_publisher_without_voice_does_not_get_it_by_leaving() {
    let mut world = room_of(&[HECATE, CRONE]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    name(&mut world, CRONE.account(), "publisher");
    world.publish(CRONE, THE_ROOM, "spells", "2").result().unwrap();
    world.leave(CRONE.nick);
    let outside = Person { nick: "", role: Role::None, ..CRONE };
    for inner in
        ["<publish node='spells'><item id='3'/></publish>", "<retract node='spells'><item id='2'/></retract>"]
    {
        world.set(outside, THE_ROOM, inner).refused("forbidden", "");
    }
    // Who owns the room's nodes need not be in the room.
    let outside = Person { nick: "", role: Role::None, ..HECATE };
    world.publish(outside, THE_ROOM, "spells", "3").result().unwrap();
}

#[test]
fn the_banned_learn_no_names_of_nodes() {
    let banned = Person { room_affiliation: RoomAffiliation::Outcast, ..BANQUO };
    let mut world = closed();
    name(&mut world, BANQUO.account(), "member");
    for inner in ["<affiliations/>", "<affiliations node='spells'/>"] {
        let told = world.get(banned, THE_ROOM, inner).result().unwrap();
        let list = told.children().next().unwrap();
        assert_eq!(list.children().count(), 0, "{inner}");
        let told = world.get(BANQUO, THE_ROOM, inner).result().unwrap();
        assert_eq!(told.children().next().unwrap().children().count(), 1, "{inner}");
    }
}
