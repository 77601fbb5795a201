//! What an admin forces applies where it makes sense, and makes nothing impossible.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use mep_core::facts::Role;
use mep_core::options::Options;
use mep_core::settings::Value;
use support::World;
use support::people::{BANQUO, CRONE, HECATE, Person, THE_ROOM, WICCA, participant, submit, values};

const VISITOR: Person =
    Person { role: Role::Visitor, ..participant("thirdwitch", "hag66@shakespeare.lit/pda") };
const AVATAR: &str = "urn:xmpp:avatar:metadata";

/// A room where the admin forces these fields on a node, and what the log says about them.
fn room(node: &str, fields: &[(&str, Value)]) -> (World, Vec<String>) {
    let text = |text: &str| Value::Text(text.into());
    let fields = fields.iter().map(|(name, value)| (text(name), value.clone())).collect();
    let forced = Value::Table(vec![(text(node), Value::Table(fields))]);
    let (options, problems) = Options::read(&[("mep_node_config".into(), forced)]);
    let mut world = World::new(options);
    for who in [HECATE, CRONE, WICCA, VISITOR] {
        world.join(who);
    }
    (world, problems)
}

fn publishing(node: &str, fields: &[(&str, &str)]) -> String {
    let options = submit(fields);
    format!(
        "<publish node='{node}'><item id='a'><p xmlns='urn:p'/></item></publish>\
         <publish-options>{options}</publish-options>"
    )
}

fn configured(world: &mut World, who: Person, at: Option<Person>, node: &str, field: &str) -> Vec<String> {
    let shown = world.owner_get(who, at, &format!("<configure node='{node}'/>")).result().unwrap();
    values(&shown, field).unwrap()
}

#[test]
fn a_forced_publish_model_is_for_the_rooms_nodes_and_leaves_occupants_theirs() {
    for model in ["open", "subscribers"] {
        let (mut world, problems) = room("polls", &[("publish_model", Value::Text(model.into()))]);
        assert_eq!(problems, [""; 0]);
        world.publish(CRONE, CRONE, "polls", "a");
        assert_eq!(configured(&mut world, CRONE, Some(CRONE), "polls", "publish_model"), ["publishers"]);
        world.set(CRONE, CRONE, &publishing("polls", &[("publish_model", "publishers")])).result().unwrap();
        world.configure(CRONE, CRONE, "polls", &[("title", "Polls")]);
        let created = format!("<create node='polls'/><configure>{}</configure>", submit(&[("title", "x")]));
        world.set(WICCA, WICCA, &created).accepted();

        world.publish(HECATE, THE_ROOM, "polls", "a");
        assert_eq!(configured(&mut world, HECATE, THE_ROOM, "polls", "publish_model"), [model]);
        world.set_options(Options::default());
        world.configure(CRONE, CRONE, "polls", &[("title", "Votes")]);
    }
}

#[test]
fn whoever_may_publish_to_a_forced_open_node_of_the_room_may_start_it() {
    let (mut world, _) = room("polls", &[("publish_model", Value::Text("open".into()))]);
    for (who, condition) in [(VISITOR, "forbidden"), (BANQUO, "forbidden")] {
        world.set(who, THE_ROOM, &publishing("polls", &[])).refused(condition, "");
    }
    world.set(CRONE, THE_ROOM, "<create node='polls'/>").refused("forbidden", "");
    world.set(CRONE, THE_ROOM, &publishing("moods", &[])).refused("forbidden", "");
    // Who does not own a node does not configure it, be it the first publish.
    let whitelist = publishing("polls", &[("access_model", "whitelist")]);
    world.set(CRONE, THE_ROOM, &whitelist).refused("conflict", "precondition-not-met");
    world.set(CRONE, THE_ROOM, &publishing("polls", &[("access_model", "presence")])).result().unwrap();
    world.publish(WICCA, THE_ROOM, "polls", "b");
    assert_eq!(configured(&mut world, HECATE, THE_ROOM, "polls", "publish_model"), ["open"]);

    let (mut world, _) = room("polls", &[("publish_model", Value::Text("open".into()))]);
    world.set(HECATE, THE_ROOM, &publishing("polls", &[("access_model", "open")])).result().unwrap();
    assert_eq!(configured(&mut world, HECATE, THE_ROOM, "polls", "access_model"), ["open"]);
}

#[test]
fn nodes_that_clients_know_with_a_payload_deliver_it() {
    let (mut world, problems) = room(
        AVATAR,
        &[("deliver_payloads", Value::Boolean(false)), ("title", Value::Text("Pictures".into()))],
    );
    assert_eq!(
        problems,
        [
            "mep_node_config: node \"urn:xmpp:avatar:metadata\": ignoring the field \"deliver_payloads\": it is \
          false, but must be true, as clients know this node with a payload only"
        ]
    );
    let off = [("deliver_payloads", "0")];
    world.set(HECATE, THE_ROOM, &publishing(AVATAR, &off)).refused("not-acceptable", "");
    let configure = format!("<configure>{}</configure>", submit(&off));
    let create = format!("<create node='{AVATAR}'/>{configure}");
    world.set(HECATE, THE_ROOM, &create).refused("not-acceptable", "");
    world.publish(HECATE, THE_ROOM, AVATAR, "a");
    assert_eq!(configured(&mut world, HECATE, THE_ROOM, AVATAR, "title"), ["Pictures"]);
    let configure = format!("<configure node='{AVATAR}'>{}</configure>", submit(&off));
    world.owner_set(HECATE, THE_ROOM, &configure).refused("not-acceptable", "");
    assert_eq!(configured(&mut world, HECATE, THE_ROOM, AVATAR, "deliver_payloads"), ["1"]);

    world.publish(HECATE, THE_ROOM, "moods", "a");
    world.configure(HECATE, THE_ROOM, "moods", &off);

    // From a time when it was taken.
    let mut stored = world.host.snapshot(&World::room());
    for (var, value) in &mut stored[0].head.config {
        if var == "pubsub#deliver_payloads" {
            *value = "0".into();
        }
    }
    world.host.load(&World::room(), stored);
    assert_eq!(configured(&mut world, HECATE, THE_ROOM, AVATAR, "deliver_payloads"), ["1"]);
    assert_eq!(configured(&mut world, HECATE, THE_ROOM, "moods", "deliver_payloads"), ["0"]);
}
