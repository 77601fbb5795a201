//! An admin's options are applied, or reported in a sentence, and never protect less than the defaults.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

use mep_core::options::Options;
use mep_core::settings::{Kind, OPTIONS, Value};
use proptest::prelude::*;

fn read(settings: &[(&str, Value)]) -> (Options, Vec<String>) {
    let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    Options::read(&settings)
}

fn number(number: impl Into<f64>) -> Value {
    Value::Number(number.into())
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::Table((1_u32..).map(number).zip(values).collect())
}

fn table(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// The value of an option in `options`, as the README shows it.
fn shown(name: &str, options: &Options) -> String {
    match &OPTIONS.iter().find(|row| row.name == name).unwrap().kind {
        Kind::Whole { get, .. } => get(options).to_string(),
        Kind::Flag { get, .. } => get(options).to_string(),
        Kind::Choice { get, .. } => get(options).to_owned(),
        Kind::Nodes { get, .. } => {
            let mut names: Vec<_> = get(options).entries().collect();
            names.sort();
            names.join(" ")
        }
        Kind::Forced { get, .. } => format!("{:?}", get(options)),
        Kind::Own => String::new(),
    }
}

#[test]
fn numbers_are_taken_within_their_range_and_no_others_are() {
    for row in OPTIONS {
        let Kind::Whole { least, most, .. } = row.kind else { continue };
        let default = shown(row.name, &Options::default());
        assert!(least < most);
        for good in [least, most] {
            for value in [number(good), text(&good.to_string())] {
                let (options, problems) = read(&[(row.name, value)]);
                assert_eq!((shown(row.name, &options), problems), (good.to_string(), vec![]), "{}", row.name);
            }
        }
        let (above, below) = (number(f64::from(most) + 1.0), number(f64::from(least) - 1.0));
        for wrong in [
            above,
            below,
            number(f64::from(least) + 0.5),
            number(f64::NAN),
            number(f64::INFINITY),
            number(f64::NEG_INFINITY),
            number(1e300),
            text("nan"),
            text("inf"),
            text("many"),
            text(""),
            Value::Boolean(true),
            list([number(least)]),
            Value::Other("a function"),
        ] {
            let (options, problems) = read(&[(row.name, wrong.clone())]);
            assert_eq!(shown(row.name, &options), default, "{} = {wrong}", row.name);
            let said = format!(
                "{} is {wrong}, but must be a whole number from {least} to {most}; using the default, {default}",
                row.name
            );
            assert_eq!(problems, [said]);
        }
    }
}

#[test]
fn no_stanza_is_ever_deeper_than_the_stack_can_take() {
    assert_eq!(read(&[("mep_max_payload_depth", number(512))]).0.max_payload_depth, 512);
    for depth in [513, 8000, 100_000, u32::MAX] {
        let (options, problems) = read(&[("mep_max_payload_depth", number(depth))]);
        assert_eq!(options.max_payload_depth, 64);
        assert!(problems[0].contains("from 8 to 512"), "{problems:?}");
    }
}

#[test]
fn words_and_flags_are_one_of_a_few() {
    let (options, problems) = read(&[
        ("mep_notification_type", text("chat")),
        ("mep_room_publishers", list([text("owners")])),
        ("mep_share_stanzas", text("yes")),
        ("mep_keep_registered", number(2)),
    ]);
    assert_eq!(options.glue, Options::default().glue);
    assert_eq!(
        problems,
        [
            "mep_room_publishers is a table, but must be one of \"owners\", \"admins\", \"moderators\", \
             \"participants\"; using the default, \"admins\"",
            "mep_notification_type is \"chat\", but must be one of \"headline\", \"normal\", \
             \"groupchat\"; using the default, \"headline\"",
            "mep_share_stanzas is \"yes\", but must be true or false; using the default, true",
            "mep_keep_registered is 2, but must be true or false; using the default, false",
        ]
    );
    for (value, is) in [
        (Value::Boolean(true), true),
        (text("true"), true),
        (number(1), true),
        (Value::Boolean(false), false),
        (text("false"), false),
        (number(0), false),
    ] {
        let (options, problems) =
            read(&[("mep_share_stanzas", value.clone()), ("mep_keep_registered", value)]);
        assert_eq!((options.glue.share_stanzas, options.glue.keep_registered), (is, is));
        assert_eq!(problems, [""; 0]);
    }
}

#[test]
fn a_list_that_names_no_node_is_the_default_and_is_said_to_be() {
    for name in ["mep_reserved_nodes", "mep_reserved_room_nodes", "mep_subscription_only_nodes"] {
        let default = shown(name, &Options::default());
        for wrong in [
            list([number(1)]),
            list([Value::Boolean(true), table([])]),
            list([text("")]),
            list([text(&"x".repeat(1024))]),
            table([("urn:a", Value::Boolean(true))]),
            number(1),
            text(""),
            text("+"),
            list([text("-")]),
            Value::Boolean(false),
        ] {
            let (options, problems) = read(&[(name, wrong.clone())]);
            assert_eq!(shown(name, &options), default, "{name} = {wrong}");
            let last = problems.last().unwrap();
            assert!(
                last.starts_with(&format!("{name} has no valid entry; using the default")),
                "{problems:?}"
            );
        }
    }
    let (_, problems) = read(&[("mep_reserved_nodes", list([number(1)]))]);
    assert_eq!(
        problems,
        [
            "mep_reserved_nodes: ignoring the entry 1, which is not a node name",
            "mep_reserved_nodes has no valid entry; using the default of 14 entries",
        ]
    );
    let (_, problems) = read(&[("mep_subscription_only_nodes", table([("urn:a", Value::Boolean(true))]))]);
    assert_eq!(
        problems,
        [
            "mep_subscription_only_nodes: ignoring the entry with the key \"urn:a\", as a list of nodes \
             has no keys",
            "mep_subscription_only_nodes has no valid entry; using the default, an empty list",
        ]
    );
}

#[test]
fn of_a_list_the_names_are_used_and_the_other_entries_are_said() {
    let (options, problems) =
        read(&[("mep_reserved_nodes", list([text("urn:b"), number(1), text("urn:a"), text("urn:b")]))]);
    assert_eq!(shown("mep_reserved_nodes", &options), "urn:a urn:b");
    assert_eq!(problems, ["mep_reserved_nodes: ignoring the entry 1, which is not a node name"]);
    for (empty, names) in [(Value::Table(Vec::new()), ""), (text("urn:a"), "urn:a")] {
        let (options, problems) = read(&[("mep_reserved_nodes", empty)]);
        assert_eq!((shown("mep_reserved_nodes", &options).as_str(), problems), (names, vec![]));
    }
}

#[test]
fn signs_add_to_the_default_list_and_remove_from_it() {
    let read = |name, entries: &[&str]| {
        let (options, problems) = read(&[(name, list(entries.iter().map(|entry| text(entry))))]);
        (options, problems)
    };
    let nick = "http://jabber.org/protocol/nick";
    let reserved = |options: &Options, node: &str| options.reserved_nodes.contains(node);
    let (options, problems) =
        read("mep_reserved_nodes", &["+urn:a", "-http://jabber.org/protocol/nick", "-urn:xmpp:omemo:1:x"]);
    assert_eq!(problems, [""; 0]);
    let nodes = ["urn:a", nick, "urn:xmpp:omemo:1:x", "urn:xmpp:omemo:1:devices", "urn:xmpp:vcard4"];
    assert_eq!(nodes.map(|node| reserved(&options, node)), [true, false, false, true, true]);
    assert_eq!(options.reserved_room_nodes, Options::default().reserved_room_nodes);

    let (options, problems) = read("mep_reserved_nodes", &["urn:b:*", "+urn:a", "-urn:b:c"]);
    assert_eq!(problems, [""; 0], "a list with a plain entry is the whole list");
    assert_eq!(nodes.map(|node| reserved(&options, node)), [true, false, false, false, false]);
    assert_eq!(["urn:b:a", "urn:b:c"].map(|node| reserved(&options, node)), [true, false]);

    let (options, problems) = read("mep_reserved_room_nodes", &["-storage:*", "-urn:xmpp:bookmark:*"]);
    assert_eq!(
        problems,
        ["mep_reserved_room_nodes: the entry \"-urn:xmpp:bookmark:*\" removes nothing; did you mean \
          \"-urn:xmpp:bookmarks:*\"?"]
    );
    let rooms = &options.reserved_room_nodes;
    assert!(!rooms.contains("storage:bookmarks") && rooms.contains("urn:xmpp:bookmarks:1"));
    let (options, problems) = read("mep_subscription_only_nodes", &["-urn:a"]);
    assert_eq!(problems, ["mep_subscription_only_nodes: the entry \"-urn:a\" removes nothing"]);
    assert!(options.subscription_only.is_empty());
}

fn forced(value: Value) -> (Vec<(String, String)>, Vec<String>) {
    let (options, problems) = read(&[("mep_max_items", number(10)), ("mep_node_config", value)]);
    let fields = |(node, form): (&String, &mep_core::xml::form::Form)| {
        let fields: Vec<_> =
            form.fields.iter().map(|(var, values)| format!("{var}={}", values.concat())).collect();
        (node.clone(), fields.join(" "))
    };
    let mut nodes: Vec<_> = options.forced.iter().map(fields).collect();
    nodes.sort();
    (nodes, problems)
}

#[test]
fn what_nodes_are_forced_to_be_is_read_whole() {
    let (nodes, problems) = forced(table([
        (
            "urn:a",
            table([("max_items", number(2)), ("persist_items", Value::Boolean(true)), ("title", text("A"))]),
        ),
        (
            "urn:b",
            table([("max_items", text("max")), ("access_model", text("open")), ("item_expire", text("60"))]),
        ),
        ("urn:c", table([("notify_sub", number(0)), ("title", text(""))])),
    ]));
    assert_eq!(problems, [""; 0]);
    let expected = [
        ("urn:a", "pubsub#max_items=2 pubsub#persist_items=1 pubsub#title=A"),
        ("urn:b", "pubsub#max_items=max pubsub#access_model=open pubsub#item_expire=60"),
        ("urn:c", "pubsub#notify_sub=0 pubsub#title="),
    ];
    assert_eq!(nodes, expected.map(|(node, fields)| (node.to_owned(), fields.to_owned())));
}

#[test]
fn of_what_nodes_are_forced_to_be_only_the_nonsense_is_left_out_and_it_is_named() {
    let (nodes, problems) = forced(Value::Table(vec![
        (number(1), table([("max_items", number(1))])),
        (text("urn:a"), text("open")),
        (text("urn:b"), table([("max_item", number(1)), ("access_model", text("whitelist"))])),
        (text("urn:c"), table([("title", table([])), ("max_items", number(f64::NAN))])),
        (text("urn:d"), table([("max_items", number(11)), ("max_payload_size", number(0.5))])),
        (text("urn:e"), table([("access_model", text("secret")), ("persist_items", text("yes"))])),
        (text("urn:f"), table([("title", number(1)), ("item_expire", number(0)), ("max_items", text(""))])),
        (text("urn:g"), list([text("max_items")])),
        (text(""), table([])),
    ]));
    assert_eq!(
        problems,
        [
            "mep_node_config: ignoring the key 1, which is not a node name",
            "mep_node_config: ignoring the node \"urn:a\": it is \"open\", but must be a table of fields",
            "mep_node_config: node \"urn:b\": ignoring the unknown field \"max_item\"; did you mean \
             \"max_items\"?",
            "mep_node_config: node \"urn:c\": ignoring the field \"title\": it is an empty table, but must \
             be a text of at most 1023 octets",
            "mep_node_config: node \"urn:c\": ignoring the field \"max_items\": it is not a number, but \
             must be a whole number from 1 to 10, or \"max\"",
            "mep_node_config: node \"urn:d\": ignoring the field \"max_items\": it is 11, but must be a \
             whole number from 1 to 10, or \"max\"",
            "mep_node_config: node \"urn:d\": ignoring the field \"max_payload_size\": it is 0.5, but must \
             be a whole number from 1 to 65536",
            "mep_node_config: node \"urn:e\": ignoring the field \"access_model\": it is \"secret\", but \
             must be one of \"open\", \"presence\", \"whitelist\"",
            "mep_node_config: node \"urn:e\": ignoring the field \"persist_items\": it is \"yes\", but \
             must be true or false",
            "mep_node_config: node \"urn:f\": ignoring the field \"title\": it is 1, but must be a text of \
             at most 1023 octets",
            "mep_node_config: node \"urn:f\": ignoring the field \"item_expire\": it is 0, but must be a \
             whole number from 1 to 4294967295, or \"max\"",
            "mep_node_config: node \"urn:f\": ignoring the field \"max_items\": it is \"\", but must be a \
             whole number from 1 to 10, or \"max\"",
            "mep_node_config: node \"urn:g\": ignoring the key 1, which is not a field name",
            "mep_node_config: ignoring the key \"\", which is not a node name",
        ]
    );
    let kept: Vec<_> = nodes.into_iter().filter(|(_, fields)| !fields.is_empty()).collect();
    assert_eq!(kept, [("urn:b".to_owned(), "pubsub#access_model=whitelist".to_owned())]);
    let (nodes, problems) = forced(text("urn:a"));
    assert_eq!(nodes, []);
    assert_eq!(
        problems,
        ["mep_node_config is \"urn:a\", but must be a table of nodes with their fields; no node is forced"]
    );
}

#[test]
fn an_option_that_does_not_exist_is_named_with_the_nearest_that_does() {
    for (wrong, right) in [
        ("mep_max_item", "mep_max_items"),
        ("mep_reserved_node", "mep_reserved_nodes"),
        ("mep_room_publisher", "mep_room_publishers"),
        ("mep_keep_registerd", "mep_keep_registered"),
        ("mep_node_configs", "mep_node_config"),
        ("mep_share_stanza", "mep_share_stanzas"),
    ] {
        let (_, problems) = read(&[(wrong, number(1))]);
        assert_eq!(problems, [format!("{wrong} is not an option of mod_mep; did you mean {right}?")]);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(Value::Number),
        (-2..600_i32).prop_map(number),
        "[a-z_:]{0,12}|max|open|true|headline".prop_map(Value::Text),
        Just(Value::Other("a function")),
    ];
    leaf.prop_recursive(2, 16, 4, |inner| {
        prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Table)
    })
}

proptest! {
    #[test]
    fn whatever_is_set_the_options_are_within_their_bounds(
        values in prop::collection::vec((0..OPTIONS.len(), any_value()), 0..8)
    ) {
        let settings: Vec<_> = values.iter().map(|(row, value)| (OPTIONS[*row].name.to_owned(), value.clone())).collect();
        let (options, problems) = Options::read(&settings);
        for row in OPTIONS {
            if let Kind::Whole { least, most, get, .. } = row.kind {
                let number = u32::try_from(get(&options)).unwrap();
                prop_assert!((least..=most).contains(&number), "{} = {number}", row.name);
            }
        }
        prop_assert!(problems.iter().all(|problem| problem.starts_with("mep_") && !problem.contains("0x")));
    }
}
