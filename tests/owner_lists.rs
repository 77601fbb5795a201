//! The lists that a node's owner keeps (XEP-0060, 8.8 and 8.9), and by which names people stand in them: golden requests,
//! replies and notices.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::{Role, RoomAffiliation, SessionsSeen};
use mep_core::options::Options;
use minidom::Element;
use support::people::{BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, event, owner, participant, room_of};
use support::{Happened, ROOM, World, plain, said};

const SUBSCRIPTIONS: &str = "<subscriptions node='spells'/>";
const AFFILIATIONS: &str = "<affiliations node='spells'/>";
const GHOST: Person = Person { visible: false, ..participant("ghost", "ghost@shakespeare.lit/sheet") };

/// A room with a node of its own and one of an occupant's, both of the same name.
fn coven() -> World {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.publish(HECATE, THE_ROOM, "spells", "1");
    world.publish(CRONE, CRONE, "spells", "2");
    world
}

fn subscribe(world: &mut World, who: Person, at: Option<Person>, jid: &str) {
    world.set(who, at, &format!("<subscribe node='spells' jid='{jid}'/>")).result();
}

fn entries(kind: &str, list: &[(&str, &str)]) -> String {
    let entry = |(jid, is): &(&str, &str)| match *is {
        "" => format!("<{kind} jid='{jid}'/>"),
        is => format!("<{kind} jid='{jid}' {kind}='{is}'/>"),
    };
    list.iter().map(entry).collect()
}

fn subscriptions(list: &[(&str, &str)]) -> String {
    format!("<subscriptions node='spells'>{}</subscriptions>", entries("subscription", list))
}

fn affiliations(list: &[(&str, &str)]) -> String {
    format!("<affiliations node='spells'>{}</affiliations>", entries("affiliation", list))
}

/// The notice of an affiliation.
fn named(jid: &str, is: &str) -> Element {
    let list = affiliations(&[(jid, is)]);
    let notice = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{list}</pubsub>");
    plain(&notice.parse().unwrap())
}

/// The notice of a subscription.
fn notice(jid: &str, state: &str) -> Element {
    event(&format!("<subscription node='spells' jid='{jid}' subscription='{state}'/>"))
}

/// Refused, with the entries as they are.
fn unacceptable(happened: &Happened, list: &str) {
    happened.refused("not-acceptable", "");
    let shown = happened.reply.as_ref().unwrap().children().find(|child| child.name() == "pubsub").unwrap();
    assert_eq!(String::from(&plain(shown)), String::from(&plain(&owner(list).parse().unwrap())));
}

#[test]
fn the_lists_are_for_owners_of_existing_nodes() {
    let mut world = coven();
    for (list, entry) in [
        (SUBSCRIPTIONS, subscriptions(&[(CRONE.jid, "none")])),
        (AFFILIATIONS, affiliations(&[(CRONE.jid, "member")])),
    ] {
        for at in [THE_ROOM, Some(CRONE)] {
            world.owner_get(WICCA, at, list).refused("forbidden", "");
            world.owner_set(WICCA, at, &entry).refused("forbidden", "");
        }
        let other = |text: &str| text.replace("spells", "potions");
        world.owner_get(HECATE, THE_ROOM, &other(list)).refused("item-not-found", "");
        world.owner_set(HECATE, THE_ROOM, &other(&entry)).refused("item-not-found", "");
    }
}

#[test]
fn subscribers_are_listed_once_each_by_the_address_in_the_room() {
    let mut world = coven();
    for jid in [WICCA.jid, WICCA.account(), &WICCA.address()] {
        subscribe(&mut world, WICCA, THE_ROOM, jid);
    }
    subscribe(&mut world, HECATE, THE_ROOM, HECATE.jid);
    subscribe(&mut world, HECATE, THE_ROOM, HECATE.account());
    let expected =
        [(&*WICCA.address(), "subscribed"), (HECATE.jid, "subscribed"), (HECATE.account(), "subscribed")];
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&owner(&subscriptions(&expected)));
    world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&owner(SUBSCRIPTIONS));
}

#[test]
fn a_subscriber_outside_is_listed_where_real_jids_are_shown() {
    let mut world = coven();
    for (who, at) in [(HECATE, THE_ROOM), (CRONE, Some(CRONE))] {
        world.configure(who, at, "spells", &[("access_model", "open")]);
        subscribe(&mut world, BANQUO, at, BANQUO.jid);
        subscribe(&mut world, BANQUO, at, BANQUO.account());
    }
    let both = subscriptions(&[(BANQUO.jid, "subscribed"), (BANQUO.account(), "subscribed")]);
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&owner(&both));
    world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&owner(SUBSCRIPTIONS));
    world.anonymous = false;
    world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&owner(&both));
}

#[test]
fn a_hidden_occupant_is_not_listed() {
    let mut world = coven();
    world.join(GHOST);
    for jid in [GHOST.jid, GHOST.account(), &GHOST.address()] {
        subscribe(&mut world, GHOST, THE_ROOM, jid);
    }
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&owner(SUBSCRIPTIONS));
    let own = Person { role: Role::Moderator, room_affiliation: RoomAffiliation::Owner, ..GHOST };
    let expected =
        [(GHOST.jid, "subscribed"), (GHOST.account(), "subscribed"), (&GHOST.address(), "subscribed")];
    world.owner_get(own, THE_ROOM, SUBSCRIPTIONS).shows(&owner(&subscriptions(&expected)));
}

#[test]
fn a_rooms_owner_changes_subscriptions_and_the_subscribers_are_told() {
    let mut world = coven();
    let on = [(&*CRONE.address(), "subscribed"), (WICCA.account(), "subscribed"), (WICCA.jid, "")];
    let happened = world.owner_set(HECATE, THE_ROOM, &subscriptions(&on));
    happened.accepted();
    assert_eq!(happened.recipients(), [CRONE.jid, WICCA.jid]);
    let sent: Vec<_> =
        happened.messages.iter().map(|(_, message)| message.children().next().unwrap()).collect();
    let expected = [notice(&CRONE.address(), "subscribed"), notice(WICCA.account(), "subscribed")];
    assert_eq!(sent, expected.iter().collect::<Vec<_>>());
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "2").recipients(), [CRONE.jid, WICCA.jid]);
    let again = world.owner_set(HECATE, THE_ROOM, &subscriptions(&on));
    again.accepted();
    assert!(again.messages.is_empty(), "nothing changes");

    // The owner knows people by their address in the room: that ends what they have by other names.
    let off = world.owner_set(HECATE, THE_ROOM, &subscriptions(&[(&*WICCA.address(), "none")]));
    off.accepted();
    assert_eq!(off.sent(WICCA), notice(WICCA.account(), "none"));
    let off = world.owner_set(HECATE, THE_ROOM, &subscriptions(&[(WICCA.jid, "none")]));
    off.accepted();
    assert!(off.messages.is_empty(), "the subscription has ended");
    assert_eq!(world.publish(HECATE, THE_ROOM, "spells", "3").recipients(), [CRONE.jid]);
}

#[test]
fn an_address_in_the_room_ends_the_subscriptions_of_its_client_and_account_alone() {
    let mut world = coven();
    for (who, jid) in
        [(WICCA, WICCA.jid), (WICCA, WICCA.account()), (CRONE, CRONE.jid), (CRONE, CRONE.account())]
    {
        subscribe(&mut world, who, THE_ROOM, jid);
    }
    let off = world.owner_set(HECATE, THE_ROOM, &subscriptions(&[(&*WICCA.address(), "none")]));
    assert_eq!(off.recipients(), [WICCA.jid, WICCA.jid]);
    assert_eq!(world.host.counts().subscriptions, 2);
    let off = world.owner_set(HECATE, THE_ROOM, &subscriptions(&[(CRONE.jid, "none")]));
    assert_eq!(off.sent(CRONE), notice(CRONE.jid, "none"));
    assert_eq!(world.host.counts().subscriptions, 1);
}

#[test]
fn a_list_of_subscriptions_is_taken_whole_or_not_at_all() {
    let mut world = coven();
    subscribe(&mut world, WICCA, THE_ROOM, WICCA.jid);
    for (jid, state) in [
        (BANQUO.account(), "subscribed"),
        (BANQUO.jid, "subscribed"),
        (&*WICCA.address(), "pending"),
        ("coven@chat.shakespeare.lit/nobody", "none"),
        ("coven@chat.shakespeare.lit", "none"),
        ("@", "none"),
    ] {
        let list = [(&*CRONE.address(), "subscribed"), (WICCA.jid, "none"), (jid, state)];
        let happened = world.owner_set(HECATE, THE_ROOM, &subscriptions(&list));
        let is = [(&*CRONE.address(), "none"), (WICCA.jid, "subscribed"), (jid, "none")];
        unacceptable(&happened, &subscriptions(&is));
    }
    assert_eq!(world.host.counts().subscriptions, 1);
}

#[test]
fn an_occupant_subscribes_itself_to_its_node_and_ends_what_others_have() {
    let mut world = coven();
    subscribe(&mut world, WICCA, Some(CRONE), WICCA.jid);
    let other = [(&*HECATE.address(), "subscribed")];
    let happened = world.owner_set(CRONE, CRONE, &subscriptions(&other));
    unacceptable(&happened, &subscriptions(&[(&*HECATE.address(), "none")]));
    let list = [(CRONE.jid, "subscribed"), (&*WICCA.address(), "none")];
    let happened = world.owner_set(CRONE, CRONE, &subscriptions(&list));
    happened.accepted();
    assert_eq!(happened.recipients(), [CRONE.jid, WICCA.jid]);
    // An owner who may not see real JIDs may not name one, whether it is in the room or not.
    for jid in [WICCA.jid, WICCA.account(), BANQUO.account()] {
        let happened = world.owner_set(CRONE, CRONE, &subscriptions(&[(jid, "none")]));
        unacceptable(&happened, &subscriptions(&[(jid, "none")]));
    }
}

#[test]
fn new_entries_are_within_the_limit_together() {
    let mut world = coven();
    world.set_options(Options { max_subscribers: 2, ..Options::default() });
    let all = [
        (&*HECATE.address(), "subscribed"),
        (&*CRONE.address(), "subscribed"),
        (&*WICCA.address(), "subscribed"),
    ];
    let more = ("policy-violation", "too-many-subscriptions");
    world.owner_set(HECATE, THE_ROOM, &subscriptions(&all)).refused(more.0, more.1);
    world.owner_set(HECATE, THE_ROOM, &subscriptions(all.get(..2).unwrap())).accepted();
    // One goes, one stays, none is new.
    let list = [(&*HECATE.address(), "none"), (&*CRONE.address(), "subscribed")];
    world.owner_set(HECATE, THE_ROOM, &subscriptions(&list)).accepted();
    assert_eq!(world.host.counts().subscriptions, 1);
}

#[test]
fn affiliates_are_listed_behind_the_owner_by_names_that_the_asker_may_see() {
    let mut world = coven();
    world.join(GHOST);
    let list = [
        (&*CRONE.address(), "publisher"),
        (WICCA.account(), "member"),
        (BANQUO.account(), "outcast"),
        (HECATE.account(), "member"),
        (GHOST.account(), "publish-only"),
    ];
    world.owner_set(HECATE, THE_ROOM, &affiliations(&list)).accepted();
    let shown = [
        (ROOM, "owner"),
        (&*CRONE.address(), "publisher"),
        (&*WICCA.address(), "member"),
        (BANQUO.account(), "outcast"),
        (HECATE.account(), "member"),
        // As if it were not in the room, where its presence is hidden.
        (GHOST.account(), "publish-only"),
    ];
    world.owner_get(HECATE, THE_ROOM, AFFILIATIONS).shows(&owner(&affiliations(&shown)));
    // An owner who is no moderator sees no real JID, and no nick that stands for one.
    let other = Person { room_affiliation: RoomAffiliation::Owner, ..WICCA };
    let shown = [(ROOM, "owner"), (&*CRONE.address(), "publisher"), (WICCA.account(), "member")];
    world.owner_get(other, THE_ROOM, AFFILIATIONS).shows(&owner(&affiliations(&shown)));
    world.anonymous = false;
    let shown = [&[(ROOM, "owner")], &list[..]].concat();
    world.owner_get(other, THE_ROOM, AFFILIATIONS).shows(&owner(&affiliations(&shown)));
    let own = affiliations(&[(&*CRONE.address(), "owner")]);
    world.owner_get(CRONE, CRONE, AFFILIATIONS).shows(&owner(&own));
}

#[test]
fn no_nick_is_made_from_an_account_that_was_named_while_real_jids_were_shown() {
    let named = [(BANQUO.account(), "outcast"), (WICCA.account(), "member")];
    let ghost = Person { nick: "ghost", role: Role::Participant, ..BANQUO };
    let mut world = room_of(&[CRONE]);
    world.publish(CRONE, CRONE, "spells", "1");
    world.anonymous = false;
    world.owner_set(CRONE, CRONE, &affiliations(&named)).accepted();
    world.configure(CRONE, CRONE, "spells", &[("notify_sub", "1"), ("send_last_published_item", "never")]);
    world.anonymous = true;
    world.room_changed(Vec::new());
    for who in [ghost, WICCA, GHOST] {
        world.join(who);
    }
    world.owner_get(CRONE, CRONE, AFFILIATIONS).shows(&owner(&affiliations(&[(&*CRONE.address(), "owner")])));
    // Nor does a subscription, which in a closed node only the one that was named could have.
    for jid in [WICCA.jid, WICCA.account(), &*WICCA.address()] {
        let told = world.set(WICCA, CRONE, &format!("<subscribe node='spells' jid='{jid}'/>"));
        assert!(told.messages.is_empty(), "{jid}");
    }
    world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&owner(&subscriptions(&[])));
    world.anonymous = false;
    let owner_of_it = CRONE.address();
    let shown = [&[(&*owner_of_it, "owner")], &named[..]].concat();
    world.owner_get(CRONE, CRONE, AFFILIATIONS).shows(&owner(&affiliations(&shown)));
}

#[test]
fn a_subscription_shows_no_nick_that_its_account_took_later() {
    let nobody = owner(&subscriptions(&[]));
    for jid in [WICCA.jid, WICCA.account()] {
        let mut world = coven();
        world.configure(CRONE, CRONE, "spells", &[("access_model", "open"), ("notify_sub", "1")]);
        subscribe(&mut world, WICCA, Some(CRONE), jid);
        let shown = owner(&subscriptions(&[(&*WICCA.address(), "subscribed")]));
        world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&shown);
        world.leave(WICCA.nick);
        world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&nobody);
        let again = Person { nick: "ghost", ..WICCA };
        world.join(again);
        world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&nobody);
        let end = format!("<unsubscribe node='spells' jid='{jid}'/>");
        assert!(world.set(again, CRONE, &end).messages.is_empty(), "nor does the end of it");
        subscribe(&mut world, again, Some(CRONE), jid);
        let shown = owner(&subscriptions(&[(&*again.address(), "subscribed")]));
        world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&shown);
    }
}

#[test]
fn a_client_that_takes_another_nick_than_its_accounts_other_one_is_shown_by_that() {
    let phone = Person { jid: "wiccarocks@shakespeare.lit/phone", ..WICCA };
    let mut world = coven();
    world.join(phone);
    subscribe(&mut world, phone, Some(CRONE), phone.jid);
    let here = |who: Person| SessionsSeen {
        here: vec![(who.session(), said("<presence/>"))],
        ..SessionsSeen::default()
    };
    world.broadcast(WICCA, &here(WICCA));
    let other = Person { nick: "other", ..phone };
    world.broadcast(other, &here(other));
    let shown = owner(&subscriptions(&[(&*other.address(), "subscribed")]));
    world.owner_get(CRONE, CRONE, SUBSCRIPTIONS).shows(&shown);
}

#[test]
fn an_affiliate_is_told_of_its_affiliation_at_all_its_clients() {
    let mut world = coven();
    let phone = Person { jid: "wiccarocks@shakespeare.lit/phone", ..WICCA };
    let name = |world: &mut World, jid: &str, is: &str| {
        let happened = world.owner_set(HECATE, THE_ROOM, &affiliations(&[(jid, is)]));
        happened.accepted();
        happened
    };
    assert_eq!(name(&mut world, &CRONE.address(), "member").sent(CRONE), named(&CRONE.address(), "member"));
    assert!(name(&mut world, &CRONE.address(), "member").messages.is_empty(), "nothing changes");
    assert!(name(&mut world, &CRONE.address(), "").messages.is_empty(), "no affiliation is asked for");
    assert_eq!(name(&mut world, &CRONE.address(), "none").sent(CRONE), named(&CRONE.address(), "none"));
    assert_eq!(name(&mut world, WICCA.jid, "member").sent(WICCA), named(WICCA.account(), "member"));
    world.join(phone);
    let told = name(&mut world, WICCA.account(), "publisher");
    assert_eq!(told.recipients(), [WICCA.jid, phone.jid], "at all clients");
    assert!(name(&mut world, BANQUO.account(), "member").messages.is_empty(), "not in the room");
}

#[test]
fn losing_the_right_to_read_ends_the_subscription() {
    let mut world = coven();
    subscribe(&mut world, WICCA, THE_ROOM, WICCA.jid);
    subscribe(&mut world, CRONE, THE_ROOM, CRONE.account());
    let happened = world.owner_set(HECATE, THE_ROOM, &affiliations(&[(&*WICCA.address(), "outcast")]));
    happened.accepted();
    let sent: Vec<_> =
        happened.messages.iter().map(|(_, message)| message.children().next().unwrap()).collect();
    let expected = [named(&WICCA.address(), "outcast"), notice(WICCA.jid, "none")];
    assert_eq!(sent, expected.iter().collect::<Vec<_>>());
    assert_eq!(happened.recipients(), [WICCA.jid, WICCA.jid]);
    world
        .set(WICCA, THE_ROOM, &format!("<subscribe node='spells' jid='{}'/>", WICCA.jid))
        .refused("forbidden", "");
    let closed = world.configure(HECATE, THE_ROOM, "spells", &[("access_model", "whitelist")]);
    assert_eq!(closed.sent(CRONE), notice(CRONE.account(), "none"));
    assert_eq!(world.host.counts().subscriptions, 0);
}

#[test]
fn a_list_of_affiliations_is_taken_whole_or_not_at_all() {
    let mut world = coven();
    let member = affiliations(&[(&*WICCA.address(), "member")]);
    world.owner_set(HECATE, THE_ROOM, &member).accepted();
    for (jid, wanted) in [
        (&*CRONE.address(), "owner"),
        (&*CRONE.address(), "king"),
        ("coven@chat.shakespeare.lit/nobody", "member"),
        ("coven@chat.shakespeare.lit", "member"),
        ("@", "member"),
    ] {
        let list = [(&*WICCA.address(), "outcast"), (jid, wanted)];
        let happened = world.owner_set(HECATE, THE_ROOM, &affiliations(&list));
        unacceptable(&happened, &affiliations(&[(&*WICCA.address(), "member"), (jid, "none")]));
    }
    let shown = affiliations(&[(ROOM, "owner"), (&*WICCA.address(), "member")]);
    world.owner_get(HECATE, THE_ROOM, AFFILIATIONS).shows(&owner(&shown));
}

#[test]
fn nobody_is_affiliated_twice_in_one_list_however_the_address_is_written() {
    let mut world = coven();
    world.anonymous = false;
    let list = affiliations(&[("Crone1@shakespeare.lit", "member"), (CRONE.jid, "outcast")]);
    world.owner_set(HECATE, THE_ROOM, &list).refused("bad-request", "");
}

#[test]
fn an_occupant_stays_the_owner_of_its_node_and_its_one_publisher() {
    let mut world = coven();
    for jid in [&*CRONE.address(), CRONE.account()] {
        let happened = world.owner_set(CRONE, CRONE, &affiliations(&[(jid, "outcast")]));
        unacceptable(&happened, &affiliations(&[(jid, "owner")]));
    }
    for wanted in ["publisher", "publish-only"] {
        let happened = world.owner_set(CRONE, CRONE, &affiliations(&[(&*WICCA.address(), wanted)]));
        happened.refused("feature-not-implemented", "unsupported");
        let error =
            happened.reply.as_ref().unwrap().children().find(|child| child.name() == "error").unwrap();
        let feature = error.children().find_map(|child| child.attr("feature"));
        assert_eq!(feature, Some(&*format!("{wanted}-affiliation")));
    }
    for jid in [WICCA.jid, WICCA.account(), BANQUO.account()] {
        let happened = world.owner_set(CRONE, CRONE, &affiliations(&[(jid, "member")]));
        unacceptable(&happened, &affiliations(&[(jid, "none")]));
    }
    world.owner_set(CRONE, CRONE, &affiliations(&[(&*WICCA.address(), "member")])).accepted();
}

#[test]
fn a_node_may_have_so_many_affiliates() {
    let mut world = coven();
    let name = |world: &mut World, jid: &str, is: &str| {
        world.owner_set(HECATE, THE_ROOM, &affiliations(&[(jid, is)]))
    };
    world.set_options(Options { max_affiliations: 2, ..Options::default() });
    for jid in [&*CRONE.address(), WICCA.account()] {
        name(&mut world, jid, "member").accepted();
    }
    name(&mut world, BANQUO.account(), "member").refused("policy-violation", "");
    name(&mut world, WICCA.account(), "outcast").accepted();
    // An occupant who left is dropped from the list.
    let mut moment = world.moment();
    world.host.leave(&world.info(), &CRONE.address(), RoomAffiliation::None, &mut moment);
    name(&mut world, BANQUO.account(), "member").accepted();
    // What is over a lowered limit stays, and can be taken back.
    world.set_options(Options { max_affiliations: 1, ..Options::default() });
    name(&mut world, BANQUO.account(), "outcast").accepted();
    name(&mut world, "macbeth@shakespeare.lit", "member").refused("policy-violation", "");
    name(&mut world, BANQUO.account(), "none").accepted();
}

#[test]
fn people_are_named_by_addresses_however_they_are_written() {
    let mut world = coven();
    let list =
        [("Coven@Chat.Shakespeare.LIT/firstwitch", "member"), ("WiccaRocks@shakespeare.lit", "member")];
    world.owner_set(HECATE, THE_ROOM, &affiliations(&list)).accepted();
    let shown =
        affiliations(&[(ROOM, "owner"), (&*CRONE.address(), "member"), (&*WICCA.address(), "member")]);
    world.owner_get(HECATE, THE_ROOM, AFFILIATIONS).shows(&owner(&shown));
    let list = [("Hecate@shakespeare.lit/broom", "subscribed")];
    world.owner_set(HECATE, THE_ROOM, &subscriptions(&list)).accepted();
    let shown = subscriptions(&[(HECATE.jid, "subscribed")]);
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&owner(&shown));
}

#[test]
fn a_hidden_occupant_is_named_by_no_other_and_names_itself() {
    let mut world = coven();
    world.join(GHOST);
    world.publish(GHOST, GHOST, "spells", "3");
    let happened = world.owner_set(CRONE, CRONE, &affiliations(&[(&*GHOST.address(), "member")]));
    unacceptable(&happened, &affiliations(&[(&*GHOST.address(), "none")]));
    let list = [(&*GHOST.address(), "subscribed"), (GHOST.account(), "subscribed")];
    world.owner_set(GHOST, GHOST, &subscriptions(&list)).accepted();
    world
        .owner_get(GHOST, GHOST, SUBSCRIPTIONS)
        .shows(&owner(&subscriptions(&[(&*GHOST.address(), "subscribed"), (GHOST.account(), "subscribed")])));
}

#[test]
fn an_account_with_two_nicks_is_shown_by_the_first_and_owns_by_both() {
    let second = Person { nick: "other", jid: "crone1@shakespeare.lit/phone", ..CRONE };
    let mut world = coven();
    world.join(second);
    subscribe(&mut world, second, THE_ROOM, second.account());
    let shown = subscriptions(&[(&*CRONE.address(), "subscribed")]);
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&owner(&shown));
    let off = world.owner_set(HECATE, THE_ROOM, &subscriptions(&[(&*second.address(), "none")]));
    assert_eq!(off.recipients(), [CRONE.jid, second.jid]);
    let happened = world.owner_set(CRONE, CRONE, &affiliations(&[(CRONE.account(), "outcast")]));
    unacceptable(&happened, &affiliations(&[(CRONE.account(), "owner")]));
}

#[test]
fn lists_come_in_pages() {
    let mut world = coven();
    for who in [CRONE, WICCA, HECATE] {
        subscribe(&mut world, who, THE_ROOM, &who.address());
    }
    let set = |inner: &str| format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>");
    let (first, second, third) = (CRONE.address(), WICCA.address(), HECATE.address());
    let page = |list: &[(&str, &str)], rest: &str| owner(&(subscriptions(list) + &set(rest)));
    let mut ask = |page: &str| world.owner_get(HECATE, THE_ROOM, &format!("{SUBSCRIPTIONS}{}", set(page)));
    let ends = format!("<first index='0'>{first}</first><last>{second}</last><count>3</count>");
    ask("<max>2</max>").shows(&page(&[(&first, "subscribed"), (&second, "subscribed")], &ends));
    let ends = format!("<first index='1'>{second}</first><last>{second}</last><count>3</count>");
    ask(&format!("<max>1</max><after>{first}</after>")).shows(&page(&[(&second, "subscribed")], &ends));
    let ends = format!("<first index='2'>{third}</first><last>{third}</last><count>3</count>");
    ask(&format!("<max>2</max><after>{second}</after>")).shows(&page(&[(&third, "subscribed")], &ends));
    ask("<after>nobody</after>").refused("item-not-found", "");
    // What does not fit into a reply is left for the next page.
    world.set_options(Options { max_reply_size: 10, ..Options::default() });
    let ends = format!("<first index='0'>{first}</first><last>{first}</last><count>3</count>");
    world.owner_get(HECATE, THE_ROOM, SUBSCRIPTIONS).shows(&page(&[(&first, "subscribed")], &ends));
}
