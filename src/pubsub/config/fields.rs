//! The fields of a node's configuration: the one table of their names, kinds and values.

use super::{AccessModel, ItemReply, NodeConfig, NodeFull, PublishModel, SendLast};
use crate::error::Error;
use crate::options::NotificationType;
use crate::options::Options;
use crate::xml::choice::one_of;
use crate::xml::form::{Kind, boolean};

/// One field of the form: its name, its kind, and how it is read and written.
pub(crate) struct Field {
    pub var: &'static str,
    pub kind: Kind,
    pub label: &'static str,
    pub get: fn(&NodeConfig) -> String,
    pub set: fn(&mut NodeConfig, &str, &Options) -> bool,
}

impl Field {
    pub(crate) fn find(var: &str) -> Result<&'static Self, Error> {
        FIELDS.iter().find(|field| field.var == var).ok_or_else(|| Error::InvalidField(var.into()))
    }
}

impl Field {
    /// What its values are, as a sentence has it.
    pub(crate) fn expects(&self, options: &Options) -> String {
        match (self.kind, self.var) {
            (Kind::Boolean, _) => "true or false".into(),
            (Kind::List(names), _) => one_of(names),
            (Kind::Text, _) => format!("a text of at most {} octets", options.max_name),
            (Kind::Number, "pubsub#max_items") => {
                format!("a whole number from 1 to {}, or \"max\"", options.max_items)
            }
            (Kind::Number, "pubsub#max_payload_size") => {
                format!("a whole number from 1 to {}", options.max_payload_size)
            }
            (Kind::Number, _) => format!("a whole number from 1 to {}, or \"max\"", u32::MAX),
        }
    }
}

pub(super) const META_DATA: &[&str] =
    &["pubsub#title", "pubsub#description", "pubsub#type", "pubsub#access_model"];

pub(crate) const FIELDS: &[Field] = &[
    text("pubsub#title", "A name for the node", |c| c.title.clone(), |c, v, o| put_text(&mut c.title, v, o)),
    text(
        "pubsub#description",
        "What the node is for",
        |c| c.description.clone(),
        |c, v, o| put_text(&mut c.description, v, o),
    ),
    text(
        "pubsub#type",
        "The namespace of the payloads",
        |c| c.payload_type.clone(),
        |c, v, o| put_text(&mut c.payload_type, v, o),
    ),
    Field {
        var: "pubsub#access_model",
        kind: Kind::List(AccessModel::NAMES),
        label: "Who may read and be told",
        get: |c| c.access_model.as_str().into(),
        set: |c, v, _| put(&mut c.access_model, AccessModel::from_name(v)),
    },
    flag(
        "pubsub#deliver_notifications",
        "Send notifications",
        |c| show(c.deliver_notifications),
        |c, v, _| put(&mut c.deliver_notifications, boolean(v)),
    ),
    flag(
        "pubsub#deliver_payloads",
        "Send payloads with them",
        |c| show(c.deliver_payloads),
        |c, v, _| put(&mut c.deliver_payloads, boolean(v)),
    ),
    flag(
        "pubsub#notify_config",
        "Tell of a new configuration",
        |c| show(c.notify_config),
        |c, v, _| put(&mut c.notify_config, boolean(v)),
    ),
    flag(
        "pubsub#notify_delete",
        "Tell of the node's end",
        |c| show(c.notify_delete),
        |c, v, _| put(&mut c.notify_delete, boolean(v)),
    ),
    flag(
        "pubsub#notify_retract",
        "Tell of items taken back",
        |c| show(c.notify_retract),
        |c, v, _| put(&mut c.notify_retract, boolean(v)),
    ),
    flag(
        "pubsub#persist_items",
        "Keep items",
        |c| show(c.persist_items),
        |c, v, _| put(&mut c.persist_items, boolean(v)),
    ),
    number(
        "pubsub#max_items",
        "How many items to keep",
        |c| c.max_items.to_string(),
        |c, v, o| {
            let number = if v == "max" { Some(o.max_items) } else { v.parse().ok() };
            put(&mut c.max_items, number.filter(|number| (1..=o.max_items).contains(number)))
        },
    ),
    number(
        "pubsub#max_payload_size",
        "Octets of a payload",
        |c| c.max_payload_size.to_string(),
        |c, v, o| {
            put(
                &mut c.max_payload_size,
                v.parse().ok().filter(|size| (1..=o.max_payload_size).contains(size)),
            )
        },
    ),
    Field {
        var: "pubsub#send_last_published_item",
        kind: Kind::List(SendLast::NAMES),
        label: "When to send the last item",
        get: |c| c.send_last.as_str().into(),
        set: |c, v, _| put(&mut c.send_last, SendLast::from_name(v)),
    },
    Field {
        var: "pubsub#notification_type",
        kind: Kind::List(NotificationType::NAMES),
        label: "The type of notifications",
        get: |c| c.notification_type.as_str().into(),
        set: |c, v, _| put(&mut c.notification_type, NotificationType::from_name(v)),
    },
    flag(
        "pubsub#notify_sub",
        "Tell the owner of new subscribers",
        |c| show(c.notify_sub),
        |c, v, _| put(&mut c.notify_sub, boolean(v)),
    ),
    number(
        "pubsub#item_expire",
        "Seconds that an item is kept",
        |c| show_expiry(c.item_expire),
        |c, v, _| put(&mut c.item_expire, expiry(v)),
    ),
    flag(
        "pubsub#purge_offline",
        "Items go with their publisher",
        |c| show(c.purge_offline),
        |c, v, _| put(&mut c.purge_offline, boolean(v)),
    ),
    Field {
        var: "pubsub#itemreply",
        kind: Kind::List(ItemReply::NAMES),
        label: "Whose address items carry",
        get: |c| c.itemreply.as_str().into(),
        set: |c, v, _| put(&mut c.itemreply, ItemReply::from_name(v)),
    },
    Field {
        var: "pubsub#publish_model",
        kind: Kind::List(PublishModel::NAMES),
        label: "Who may publish",
        get: |c| c.publish_model.as_str().into(),
        set: |c, v, _| put(&mut c.publish_model, PublishModel::from_name(v)),
    },
    Field {
        var: "pubsub#publish_node_full",
        kind: Kind::List(NodeFull::NAMES),
        label: "What becomes of a full node",
        get: |c| c.publish_node_full.as_str().into(),
        set: |c, v, _| put(&mut c.publish_node_full, NodeFull::from_name(v)),
    },
];

type Get = fn(&NodeConfig) -> String;
type Set = fn(&mut NodeConfig, &str, &Options) -> bool;

const fn text(var: &'static str, label: &'static str, get: Get, set: Set) -> Field {
    Field { var, kind: Kind::Text, label, get, set }
}

const fn number(var: &'static str, label: &'static str, get: Get, set: Set) -> Field {
    Field { var, kind: Kind::Number, label, get, set }
}

const fn flag(var: &'static str, label: &'static str, get: Get, set: Set) -> Field {
    Field { var, kind: Kind::Boolean, label, get, set }
}

/// Takes a parsed value over; whether there was one.
fn put<T>(place: &mut T, value: Option<T>) -> bool {
    value.map(|value| *place = value).is_some()
}

fn put_text(place: &mut String, value: &str, options: &Options) -> bool {
    put(place, (value.len() <= options.max_name).then(|| value.to_owned()))
}

fn show(value: bool) -> String {
    if value { "1".into() } else { "0".into() }
}

/// Seconds, or for ever. No item is kept for no time at all.
#[expect(clippy::option_option, reason = "`None` is a value out of range; `Some(None)` is for ever")]
fn expiry(value: &str) -> Option<Option<u64>> {
    match value {
        "max" | "" => Some(None),
        seconds => seconds.parse().ok().filter(|&seconds| seconds > 0).map(Some),
    }
}

fn show_expiry(expiry: Option<u64>) -> String {
    expiry.map_or_else(|| "max".into(), |seconds| seconds.to_string())
}

/// The one value of a field; a field without any is an empty text.
pub(super) fn one<'a>(var: &str, values: &'a [String]) -> Result<&'a str, Error> {
    match values {
        [] => Ok(""),
        [value] => Ok(value),
        _ => Err(Error::InvalidField(var.into())),
    }
}
