//! Who reads, publishes and retracts at rooms' nodes, by role or affiliation.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::{OccupantInfo, Role, RoomAffiliation, Standing};
use support::World;
use support::people::{CRONE, HECATE, Person, THE_ROOM, WICCA, room_of, submit};

const NODE: &str = "spells";

fn publishing(id: &str) -> String {
    format!("<publish node='{NODE}'><item id='{id}'><p xmlns='urn:p'/></item></publish>")
}

fn retracting(id: &str) -> String {
    format!("<retract node='{NODE}' notify='1'><item id='{id}'/></retract>")
}

/// A room where HECATE, who owns it, has made the node so; the others want its events.
fn coven(config: &[(&str, &str)]) -> World {
    let mut world = room_of(&[HECATE]);
    let fields: Vec<_> = config.iter().chain(&[("max_items", "9")]).copied().collect();
    let form = submit(&fields);
    world.set(HECATE, THE_ROOM, &format!("<create node='{NODE}'/><configure>{form}</configure>")).accepted();
    for who in [CRONE, WICCA] {
        world.join_wanting(who, &[NODE]);
    }
    world
}

fn becomes(world: &mut World, who: Person, role: Role, room_affiliation: RoomAffiliation) -> Person {
    let info = OccupantInfo { role, room_affiliation, ..who.info() };
    world.room_changed(vec![info]);
    Person { role, room_affiliation, ..who }
}

#[test]
fn a_threshold_is_reached_by_role_or_affiliation() {
    use RoomAffiliation::{Admin, Member, None, Owner};
    let reached = |role, affiliation| -> Vec<&str> {
        let reaches = |name: &&&str| Standing::from_name(name).unwrap().includes(role, affiliation);
        Standing::NAMES.iter().filter(reaches).copied().collect()
    };
    assert_eq!(reached(Role::None, None), ["anyone"]);
    assert_eq!(reached(Role::Visitor, None), ["anyone"]);
    assert_eq!(reached(Role::Participant, None), ["anyone", "participants"]);
    assert_eq!(reached(Role::Participant, Member), ["anyone", "participants", "members"]);
    assert_eq!(reached(Role::Moderator, None), ["anyone", "participants", "moderators"]);
    assert_eq!(reached(Role::None, Admin), ["anyone", "participants", "members", "moderators", "admins"]);
    assert_eq!(
        reached(Role::None, Owner),
        ["anyone", "participants", "members", "moderators", "admins", "owners"]
    );
}

#[test]
fn whoever_reaches_it_publishes_and_others_do_not() {
    let mut world = coven(&[("mep#publish_by", "moderators"), ("mep#retract_by", "moderators")]);
    world.set(CRONE, THE_ROOM, &publishing("1")).refused("forbidden", "");
    let crone = becomes(&mut world, CRONE, Role::Moderator, RoomAffiliation::None);
    world.set(crone, THE_ROOM, &publishing("1")).result().unwrap();
    world.set(HECATE, THE_ROOM, &publishing("2")).result().unwrap();
    world.set(WICCA, THE_ROOM, &retracting("1")).refused("forbidden", "");
    world.set(crone, THE_ROOM, &retracting("2")).accepted();
    // Not to delete the node, nor to configure it.
    world.owner_set(crone, THE_ROOM, &format!("<delete node='{NODE}'/>")).refused("forbidden", "");
    let crone = becomes(&mut world, crone, Role::Participant, RoomAffiliation::None);
    world.set(crone, THE_ROOM, &publishing("3")).refused("forbidden", "");
}

#[test]
fn a_publisher_takes_away_its_own_and_moderators_all() {
    let mut world = coven(&[("mep#publish_by", "participants"), ("mep#retract_by", "moderators")]);
    world.set(CRONE, THE_ROOM, &publishing("of crone")).result().unwrap();
    world.set(WICCA, THE_ROOM, &publishing("of wicca")).result().unwrap();
    world.set(WICCA, THE_ROOM, &publishing("of crone")).refused("forbidden", "");
    world.set(WICCA, THE_ROOM, &retracting("of crone")).refused("forbidden", "");
    world.set(WICCA, THE_ROOM, &retracting("of wicca")).accepted();
    let wicca = becomes(&mut world, WICCA, Role::Moderator, RoomAffiliation::None);
    world.set(wicca, THE_ROOM, &retracting("of crone")).accepted();
    // Without voice, nothing is published.
    let crone = becomes(&mut world, CRONE, Role::Visitor, RoomAffiliation::None);
    world.set(crone, THE_ROOM, &publishing("muted")).error();
}

#[test]
fn who_may_read_is_decided_as_it_changes() {
    let mut world = coven(&[("mep#read_by", "moderators")]);
    let items = format!("<items node='{NODE}'/>");
    let told = world.set(HECATE, THE_ROOM, &publishing("1"));
    assert_eq!(told.recipients(), [""; 0]);
    world.get(CRONE, THE_ROOM, &items).refused("forbidden", "");
    world
        .set(CRONE, THE_ROOM, &format!("<subscribe node='{NODE}' jid='{}'/>", CRONE.jid))
        .refused("forbidden", "");
    let crone = becomes(&mut world, CRONE, Role::Moderator, RoomAffiliation::None);
    assert_eq!(world.wake().recipients(), [CRONE.jid], "the last item, to who gains access");
    world.get(crone, THE_ROOM, &items).result().unwrap();
    world.set(crone, THE_ROOM, &format!("<subscribe node='{NODE}' jid='{}'/>", CRONE.jid)).result().unwrap();
    assert_eq!(world.set(HECATE, THE_ROOM, &publishing("2")).recipients(), [CRONE.jid]);
    let ended = {
        let info = OccupantInfo { role: Role::Participant, ..crone.info() };
        world.room_changed(vec![info])
    };
    assert_eq!(ended.recipients(), [CRONE.jid], "the end of the subscription");
    assert_eq!(world.set(HECATE, THE_ROOM, &publishing("3")).recipients(), [""; 0]);
    // The node's own list goes before.
    let member = format!(
        "<affiliations node='{NODE}'><affiliation jid='{}' affiliation='member'/></affiliations>",
        WICCA.address()
    );
    world.owner_set(HECATE, THE_ROOM, &member).accepted();
    assert_eq!(world.set(HECATE, THE_ROOM, &publishing("4")).recipients(), [WICCA.jid]);
    world.configure(HECATE, THE_ROOM, NODE, &[("mep#read_by", "participants")]);
    world.wake();
    let mut told = world
        .set(HECATE, THE_ROOM, &publishing("5"))
        .recipients()
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    told.sort();
    assert_eq!(told, [CRONE.jid, WICCA.jid]);
}

#[test]
fn an_occupants_node_has_none() {
    let mut world = room_of(&[HECATE, CRONE]);
    world.set(CRONE, CRONE, &publishing("1")).result().unwrap();
    for field in ["mep#read_by", "mep#publish_by", "mep#retract_by"] {
        let form = submit(&[(field, "moderators")]);
        world
            .owner_set(CRONE, CRONE, &format!("<configure node='{NODE}'>{form}</configure>"))
            .refused("bad-request", "invalid-options");
        let form = submit(&[(field, "everybody")]);
        world
            .set(HECATE, THE_ROOM, &format!("<create node='other'/><configure>{form}</configure>"))
            .refused("bad-request", "invalid-options");
    }
}

#[test]
fn a_room_says_who_publishes_at_their_own_address() {
    let mut world = room_of(&[HECATE, CRONE]);
    world.set(CRONE, CRONE, &publishing("1")).result().unwrap();
    world.occupants = Standing::Members;
    world.set(CRONE, CRONE, &publishing("2")).refused("forbidden", "");
    world.set(CRONE, CRONE, "<create node='other'/>").refused("forbidden", "");
    world.set(HECATE, HECATE, &publishing("1")).result().unwrap();
    let crone = becomes(&mut world, CRONE, Role::Participant, RoomAffiliation::Member);
    world.set(crone, CRONE, &publishing("2")).result().unwrap();
    world.occupants = Standing::Nobody;
    world.set(HECATE, HECATE, &publishing("2")).refused("forbidden", "");
    world.set(HECATE, THE_ROOM, &publishing("2")).result().unwrap();
}

#[test]
fn a_members_subscription_outlasts_its_stay_and_a_push_is_for_those_who_are_absent() {
    let config = [("mep#read_by", "members"), ("access_model", "open"), ("notification_type", "normal")];
    let mut world = coven(&config);
    let crone = becomes(&mut world, CRONE, Role::Participant, RoomAffiliation::Member);
    world.outsiders.insert(crone.account(), RoomAffiliation::Member);
    let subscribe = |jid| format!("<subscribe node='{NODE}' jid='{jid}'/>");
    world.set(crone, THE_ROOM, &subscribe(CRONE.account())).result().unwrap();
    world.set(WICCA, THE_ROOM, &subscribe(WICCA.account())).refused("forbidden", "");
    assert_eq!(world.set(HECATE, THE_ROOM, &publishing("1")).absent, [""; 0], "it is here");
    let (info, mut moment) = (world.info(), world.moment());
    world.host.leave(&info, &crone.address(), RoomAffiliation::Member, &mut moment);
    let told = world.set(HECATE, THE_ROOM, &publishing("2"));
    assert_eq!(
        (told.recipients(), told.absent.as_slice()),
        (vec![CRONE.account()], &[CRONE.account().to_owned()][..])
    );
    let told = world.set(HECATE, THE_ROOM, &retracting("2"));
    assert_eq!(
        (told.recipients(), told.absent.clone()),
        (vec![CRONE.account()], Vec::new()),
        "nothing to look at"
    );
    // No member any more
    world.outsiders.insert(crone.account(), RoomAffiliation::None);
    assert_eq!(world.room_changed(Vec::new()).recipients(), [CRONE.account()], "the end of the subscription");
    let told = world.set(HECATE, THE_ROOM, &publishing("3"));
    assert_eq!((told.recipients(), told.absent.clone()), (Vec::new(), Vec::new()));
}
