//! The one table of the options: names, valid values, and where they go. A test compares it with the README's.
//!
//! An invalid value is logged, and the default is used: a slip in the configuration must not leave the rooms without a
//! service, nor raise a limit above its maximum. Of a list, or of `mep_node_config`, only the invalid entries are
//! ignored, as the others may be there for protection.

mod forced;
mod nearest;
mod value;

use std::fmt::Display;

use indexmap::IndexMap;

use self::nearest::nearest;
pub use self::value::Value;
use crate::facts::Publishers;
use crate::options::{NodeNames, NotificationType, Options};
use crate::xml::choice::one_of;
use crate::xml::form::Form;

/// The prefix of all option names.
pub const PREFIX: &str = "mep_";

/// An option.
#[derive(Debug)]
pub struct Row {
    /// The name in the server's configuration.
    pub name: &'static str,
    /// The kind of value, and how it is read and set.
    pub kind: Kind,
}

/// The values that an option can have, and how they are read and set.
#[derive(Debug)]
#[expect(missing_docs, reason = "minimum, maximum, getter and setter")]
pub enum Kind {
    /// A whole number in a range.
    Whole { least: u32, most: u32, get: fn(&Options) -> usize, set: fn(&mut Options, u32) },
    /// A boolean.
    Flag { get: fn(&Options) -> bool, set: fn(&mut Options, bool) },
    /// One of several words. `set` is called with one of them.
    Choice {
        names: &'static [&'static str],
        get: fn(&Options) -> &'static str,
        set: fn(&mut Options, &str) -> Option<()>,
    },
    /// A list of node names.
    Nodes { get: fn(&Options) -> &NodeNames, set: fn(&mut Options, NodeNames) },
    /// Configuration fields by node name: see `forced`.
    Forced { get: fn(&Options) -> &IndexMap<String, Form>, set: fn(&mut Options, IndexMap<String, Form>) },
    /// What the glue reads itself.
    Own,
}

/// The options. The last one's values are checked against the others.
pub const OPTIONS: &[Row] = &[
    Row {
        name: "mep_room_publishers",
        kind: Kind::Choice {
            names: Publishers::NAMES,
            get: |o| o.glue.room_publishers.as_str(),
            set: |o, name| Publishers::from_name(name).map(|is| o.glue.room_publishers = is),
        },
    },
    Row {
        name: "mep_notification_type",
        kind: Kind::Choice {
            names: NotificationType::NAMES,
            get: |o| o.notification_type.as_str(),
            set: |o, name| NotificationType::from_name(name).map(|is| o.notification_type = is),
        },
    },
    Row {
        name: "mep_reserved_nodes",
        kind: Kind::Nodes { get: |o| &o.reserved_nodes, set: |o, nodes| o.reserved_nodes = nodes },
    },
    Row {
        name: "mep_reserved_room_nodes",
        kind: Kind::Nodes { get: |o| &o.reserved_room_nodes, set: |o, nodes| o.reserved_room_nodes = nodes },
    },
    Row {
        name: "mep_subscription_only_nodes",
        kind: Kind::Nodes { get: |o| &o.subscription_only, set: |o, nodes| o.subscription_only = nodes },
    },
    // Four times Prosody's limit for a client's stanza (c2s_stanza_size_limit).
    whole("mep_max_payload_size", 1, 1 << 20, |o| o.max_payload_size, |o, n| o.max_payload_size = size(n)),
    // Dropping and copying a tree recurses: the stack overflows between 8,000 and 16,000 levels.
    whole("mep_max_payload_depth", 8, 512, |o| o.max_payload_depth, |o, n| o.max_payload_depth = size(n)),
    // A part has at least four octets, so a stanza of 1 MiB can't have more.
    whole(
        "mep_max_payload_parts",
        100,
        1 << 18,
        |o| o.max_payload_parts,
        |o, n| o.max_payload_parts = size(n),
    ),
    // Items are in memory, and a retrieval walks over all items of a node.
    whole("mep_max_items", 1, 100_000, |o| size(o.max_items), |o, n| o.max_items = n),
    // disco#items and each new node walk over all of them.
    whole("mep_max_nodes", 0, 10_000, |o| o.max_nodes, |o, n| o.max_nodes = size(n)),
    whole("mep_max_room_nodes", 0, 10_000, |o| o.max_room_nodes, |o, n| o.max_room_nodes = size(n)),
    // Ten times the nodes of the largest room.
    whole("mep_max_subscriptions", 0, 100_000, |o| o.max_subscriptions, |o, n| o.max_subscriptions = size(n)),
    // Each publish walks over them: a second's work.
    whole("mep_max_subscribers", 0, 1_000_000, |o| o.max_subscribers, |o, n| o.max_subscribers = size(n)),
    // They are stored in one entry with the node's configuration, and copied when one changes.
    whole("mep_max_affiliations", 0, 10_000, |o| o.max_affiliations, |o, n| o.max_affiliations = size(n)),
    // Megabytes. Prosody's own address space is rarely larger.
    whole(
        "mep_max_occupant_mb",
        1,
        1 << 16,
        |o| megabytes(o.held.occupant),
        |o, n| o.held.occupant = octets(n),
    ),
    whole("mep_max_account_mb", 1, 1 << 16, |o| megabytes(o.held.account), |o, n| o.held.account = octets(n)),
    whole("mep_max_room_mb", 1, 1 << 16, |o| megabytes(o.held.room), |o, n| o.held.room = octets(n)),
    whole("mep_max_host_mb", 1, 1 << 16, |o| megabytes(o.held.host), |o, n| o.held.host = octets(n)),
    // More would limit nothing: a server sends some ten thousand events a second.
    whole("mep_publish_burst", 1, 1_000_000, |o| size(o.publish_burst), |o, n| o.publish_burst = n),
    whole("mep_publish_rate", 0, 1_000_000, |o| size(o.publish_rate), |o, n| o.publish_rate = n),
    // The largest reply, with its items and their tags, must fit. The most is half of what a room of 2,000 takes.
    whole("mep_reply_burst", 1 << 20, 1 << 31, |o| size(o.reply_burst), |o, n| o.reply_burst = n),
    whole("mep_reply_rate", 1 << 10, 1 << 31, |o| size(o.reply_rate), |o, n| o.reply_rate = n),
    // They are queued in memory for each session that joins.
    whole("mep_max_last_items", 0, 100_000, |o| o.max_last_items, |o, n| o.max_last_items = size(n)),
    // What a joining session can make the server send.
    whole(
        "mep_max_last_items_size",
        0,
        1 << 28,
        |o| o.max_last_items_size,
        |o, n| o.max_last_items_size = size(n),
    ),
    // The server does nothing else meanwhile: half a second at most for the maximum.
    whole("mep_last_items_batch", 1, 10_000, |o| o.last_items_batch, |o, n| o.last_items_batch = size(n)),
    // A set has up to 1 KiB: a gigabyte.
    whole("mep_caps_cache_size", 1, 1_000_000, |o| o.caps_cache_size, |o, n| o.caps_cache_size = size(n)),
    // Seconds. A session that has not answered within an hour won't answer.
    whole(
        "mep_caps_timeout",
        1,
        3600,
        |o| seconds(o.caps_timeout),
        |o, n| o.caps_timeout = u64::from(n) * 1000,
    ),
    // Each is a question in flight, and each of those is looked at for the next.
    whole("mep_ask_without_caps", 0, 10_000, |o| o.ask_without_caps, |o, n| o.ask_without_caps = size(n)),
    Row {
        name: "mep_share_stanzas",
        kind: Kind::Flag { get: |o| o.glue.share_stanzas, set: |o, is| o.glue.share_stanzas = is },
    },
    Row {
        name: "mep_keep_registered",
        kind: Kind::Flag { get: |o| o.glue.keep_registered, set: |o, is| o.glue.keep_registered = is },
    },
    // Each change of one counts them all.
    whole(
        "mep_max_registered",
        0,
        100_000,
        |o| o.glue.max_registered,
        |o, n| o.glue.max_registered = size(n),
    ),
    // It is one entry in storage, rewritten at each change.
    whole(
        "mep_max_registered_size",
        0,
        1 << 24,
        |o| o.glue.max_registered_size,
        |o, n| o.glue.max_registered_size = size(n),
    ),
    Row { name: "mep_http_token", kind: Kind::Own },
    Row { name: "mep_http_tokens", kind: Kind::Own },
    Row { name: "mep_webhook", kind: Kind::Own },
    Row {
        name: "mep_room_nodes",
        kind: Kind::Forced { get: |o| &o.room_nodes, set: |o, nodes| o.room_nodes = nodes },
    },
    Row {
        name: "mep_node_config",
        kind: Kind::Forced { get: |o| &o.forced, set: |o, nodes| o.forced = nodes },
    },
];

impl Options {
    /// Returns the options of these settings, and the problems with the settings as sentences for the log.
    pub fn read(settings: &[(String, Value)]) -> (Self, Vec<String>) {
        let (mut options, mut problems) = (Self::default(), Vec::new());
        for row in OPTIONS {
            if let Some((_, value)) = settings.iter().find(|(name, _)| name == row.name) {
                row.take(value, &mut options, &mut problems);
            }
        }
        for (name, _) in settings.iter().filter(|(name, _)| OPTIONS.iter().all(|row| row.name != name)) {
            let short = |name: &'static str| name.strip_prefix(PREFIX).unwrap_or(name);
            let wrong = name.strip_prefix(PREFIX).unwrap_or(name);
            let meant = nearest(wrong, OPTIONS.iter().map(|row| short(row.name))).unwrap_or_default();
            problems.push(format!("{name} is not an option of mod_mep; did you mean {PREFIX}{meant}?"));
        }
        (options, problems)
    }
}

impl Row {
    /// Sets the option to this value, or adds what is wrong with the value to `problems`.
    fn take(&self, value: &Value, options: &mut Options, problems: &mut Vec<String>) {
        let name = self.name;
        let mut wrong = |expected: &dyn Display, default: &dyn Display| {
            problems.push(format!("{name} is {value}, but must be {expected}; using the default, {default}"));
        };
        match &self.kind {
            Kind::Whole { least, most, get, set } => match value.whole(*least, *most) {
                Some(number) => set(options, number),
                None => wrong(&format!("a whole number from {least} to {most}"), &get(options)),
            },
            Kind::Flag { get, set } => match value.flag() {
                Some(is) => set(options, is),
                None => wrong(&"true or false", &get(options)),
            },
            Kind::Choice { names, get, set } => {
                if value.text().and_then(|text| set(options, text)).is_none() {
                    wrong(&one_of(names), &format!("{:?}", get(options)));
                }
            }
            Kind::Nodes { get, set } => match nodes(name, value, get(options), problems) {
                Some(nodes) => set(options, nodes),
                None => problems.push(match get(options).len() {
                    0 => format!("{name} has no valid entry; using the default, an empty list"),
                    count => format!("{name} has no valid entry; using the default of {count} entries"),
                }),
            },
            Kind::Own => {}
            Kind::Forced { set, .. } => {
                let nodes = forced::read(name, value, options, problems);
                set(options, nodes);
            }
        }
    }
}

/// Returns the list of a value; a single entry needs no list. If all entries begin with `+` or `-`, they are added to
/// the default or removed from it; otherwise they are the whole list.
///
/// Entries that are not names are ignored and added to `problems`. Returns `None` if the value has entries, but no name.
fn nodes(option: &str, value: &Value, default: &NodeNames, problems: &mut Vec<String>) -> Option<NodeNames> {
    let names = names(option, value, problems)?;
    let is_change = |name: &&str| name.starts_with(['+', '-']);
    let plain: Vec<_> = names.iter().copied().filter(|name| !is_change(name)).collect();
    let changes_default = plain.is_empty() && !names.is_empty();
    let mut nodes = if changes_default { default.clone() } else { plain.into_iter().collect() };
    for change in names.into_iter().filter(is_change) {
        let (sign, name) = change.split_at(1);
        if sign == "+" {
            nodes.insert(name);
        } else if !nodes.remove(name) {
            let entries: Vec<_> = nodes.entries().collect();
            let meant = nearest(name, entries.iter().map(String::as_str));
            let hint = meant.map(|meant| format!("; did you mean \"-{meant}\"?")).unwrap_or_default();
            problems.push(format!("{option}: the entry {change:?} removes nothing{hint}"));
        }
    }
    Some(nodes)
}

/// Returns the entries of a list as texts.
fn names<'a>(option: &str, value: &'a Value, problems: &mut Vec<String>) -> Option<Vec<&'a str>> {
    let first = Value::Number(1.0);
    let entries: Vec<(&Value, &'a Value)> = match value {
        Value::Table(entries) => entries.iter().map(|(key, value)| (key, value)).collect(),
        alone => vec![(&first, alone)],
    };
    let mut names = Vec::new();
    for (key, value) in &entries {
        match (key.whole(1, u32::MAX), node_name(value).filter(|name| !["+", "-"].contains(name))) {
            (Some(_), Some(name)) => names.push(name),
            (Some(_), None) => {
                problems.push(format!("{option}: ignoring the entry {value}, which is not a node name"));
            }
            (None, _) => problems.push(format!(
                "{option}: ignoring the entry with the key {key}, as a list of nodes has no keys"
            )),
        }
    }
    (entries.is_empty() || !names.is_empty()).then_some(names)
}

/// Returns the text of a value that can be a node's name.
pub(crate) fn node_name(value: &Value) -> Option<&str> {
    value.text().filter(|name| (1..=Options::MAX_NAME).contains(&name.len()))
}

const fn whole(
    name: &'static str,
    least: u32,
    most: u32,
    get: fn(&Options) -> usize,
    set: fn(&mut Options, u32),
) -> Row {
    Row { name, kind: Kind::Whole { least, most, get, set } }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const fn megabytes(octets: usize) -> usize {
    octets >> 20
}

fn octets(megabytes: u32) -> usize {
    size(megabytes).saturating_mul(1 << 20)
}

fn seconds(milliseconds: u64) -> usize {
    usize::try_from(milliseconds / 1000).unwrap_or(usize::MAX)
}
