//! The one table of a node's configuration fields, with the labels of XEP-0060 (16.4.4).

use super::{AccessModel, ItemReply, NodeConfig, NodeFull, PublishModel, SendLast};
use crate::error::Error;
use crate::facts::Standing;
use crate::options::NotificationType;
use crate::options::Options;
use crate::xml::choice::one_of;
use crate::xml::form::{Kind, boolean};

/// A field of the form, with its getter and setter.
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
    /// Describes the valid values, for a sentence.
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

/// The fields that are meta-data too, with their labels there (XEP-0060, 16.4.3).
pub(super) const META_DATA: &[(&str, &str)] = &[
    ("pubsub#title", "The name of the node"),
    ("pubsub#description", "A description of the node"),
    ("pubsub#type", "Payload semantic type information"),
    ("pubsub#access_model", "Access model"),
];

pub(crate) const FIELDS: &[Field] = &[
    text(
        "pubsub#title",
        "A friendly name for the node",
        |c| c.title.clone(),
        |c, v, o| put_text(&mut c.title, v, o),
    ),
    text(
        "pubsub#description",
        "A description of the node",
        |c| c.description.clone(),
        |c, v, o| put_text(&mut c.description, v, o),
    ),
    text(
        "pubsub#type",
        "The semantic type information of data in the node, usually specified by the \
         namespace of the payload (if any)",
        |c| c.payload_type.clone(),
        |c, v, o| put_text(&mut c.payload_type, v, o),
    ),
    Field {
        var: "pubsub#access_model",
        kind: Kind::List(AccessModel::NAMES),
        label: "Who may subscribe and retrieve items",
        get: |c| c.access_model.as_str().into(),
        set: |c, v, _| put(&mut c.access_model, AccessModel::from_name(v)),
    },
    flag(
        "pubsub#deliver_notifications",
        "Whether to deliver event notifications",
        |c| show(c.deliver_notifications),
        |c, v, _| put(&mut c.deliver_notifications, boolean(v)),
    ),
    flag(
        "pubsub#deliver_payloads",
        "Whether to deliver payloads with event notifications; applies only to leaf nodes",
        |c| show(c.deliver_payloads),
        |c, v, _| put(&mut c.deliver_payloads, boolean(v)),
    ),
    flag(
        "pubsub#notify_config",
        "Whether to notify subscribers when the node configuration changes",
        |c| show(c.notify_config),
        |c, v, _| put(&mut c.notify_config, boolean(v)),
    ),
    flag(
        "pubsub#notify_delete",
        "Whether to notify subscribers when the node is deleted",
        |c| show(c.notify_delete),
        |c, v, _| put(&mut c.notify_delete, boolean(v)),
    ),
    flag(
        "pubsub#notify_retract",
        "Whether to notify subscribers when items are removed from the node",
        |c| show(c.notify_retract),
        |c, v, _| put(&mut c.notify_retract, boolean(v)),
    ),
    flag(
        "pubsub#persist_items",
        "Whether to persist items to storage",
        |c| show(c.persist_items),
        |c, v, _| put(&mut c.persist_items, boolean(v)),
    ),
    number(
        "pubsub#max_items",
        "The maximum number of items to persist. `max` for no specific limit other than a \
         server imposed maximum.",
        |c| c.max_items.to_string(),
        |c, v, o| {
            let number = if v == "max" { Some(o.max_items) } else { v.parse().ok() };
            put(&mut c.max_items, number.filter(|number| (1..=o.max_items).contains(number)))
        },
    ),
    number(
        "pubsub#max_payload_size",
        "The maximum payload size in bytes",
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
        label: "When to send the last published item",
        get: |c| c.send_last.as_str().into(),
        set: |c, v, _| put(&mut c.send_last, SendLast::from_name(v)),
    },
    Field {
        var: "pubsub#notification_type",
        kind: Kind::List(NotificationType::NAMES),
        label: "Specify the delivery style for notifications",
        get: |c| c.notification_type.as_str().into(),
        set: |c, v, _| put(&mut c.notification_type, NotificationType::from_name(v)),
    },
    flag(
        "pubsub#notify_sub",
        "Whether to notify owners about new subscribers and unsubscribes",
        |c| show(c.notify_sub),
        |c, v, _| put(&mut c.notify_sub, boolean(v)),
    ),
    number(
        "pubsub#item_expire",
        "Number of seconds after which to automatically purge items. `max` for no specific \
         limit other than a server imposed maximum.",
        |c| show_expiry(c.item_expire),
        |c, v, _| put(&mut c.item_expire, expiry(v)),
    ),
    flag(
        "pubsub#purge_offline",
        "Whether to purge all items when the relevant publisher goes offline",
        |c| show(c.purge_offline),
        |c, v, _| put(&mut c.purge_offline, boolean(v)),
    ),
    Field {
        var: "pubsub#itemreply",
        kind: Kind::List(ItemReply::NAMES),
        label: "Whether owners or publisher should receive replies to items",
        get: |c| c.itemreply.as_str().into(),
        set: |c, v, _| put(&mut c.itemreply, ItemReply::from_name(v)),
    },
    Field {
        var: "pubsub#publish_model",
        kind: Kind::List(PublishModel::NAMES),
        label: "The publisher model",
        get: |c| c.publish_model.as_str().into(),
        set: |c, v, _| put(&mut c.publish_model, PublishModel::from_name(v)),
    },
    Field {
        var: "pubsub#publish_node_full",
        kind: Kind::List(NodeFull::NAMES),
        label: "Action to be performed by the service when publishing on a full node.",
        get: |c| c.publish_node_full.as_str().into(),
        set: |c, v, _| put(&mut c.publish_node_full, NodeFull::from_name(v)),
    },
    Field {
        var: "mep#read_by",
        kind: Kind::List(READERS),
        label: "Who may read, of those whom the access model admits",
        get: |c| c.read_by.as_str().into(),
        set: |c, v, _| put(&mut c.read_by, standing(v, READERS)),
    },
    Field {
        var: "mep#publish_by",
        kind: Kind::List(OTHERS),
        label: "Who else may publish",
        get: |c| c.publish_by.as_str().into(),
        set: |c, v, _| put(&mut c.publish_by, standing(v, OTHERS)),
    },
    Field {
        var: "mep#retract_by",
        kind: Kind::List(OTHERS),
        label: "Who else may retract items of others",
        get: |c| c.retract_by.as_str().into(),
        set: |c, v, _| put(&mut c.retract_by, standing(v, OTHERS)),
    },
];

/// The thresholds of reading: everybody reads, or fewer.
const READERS: &[&str] = &["anyone", "participants", "members", "moderators", "admins", "owners"];

/// The thresholds of what nobody may do unless a node says so.
const OTHERS: &[&str] = &["participants", "members", "moderators", "admins", "owners", "nobody"];

fn standing(name: &str, of: &[&str]) -> Option<Standing> {
    Standing::from_name(name).filter(|standing| of.contains(&standing.as_str()))
}

/// Fields that are registered (XEP-0060, 16.4.4; XEP-0248, 10.2) and can't be set here, with the values that hold for
/// every node: a form may say so, and nothing else. A field without a value says nothing.
pub(super) const FIXED: &[(&str, &[&str])] = &[
    ("pubsub#body_xslt", &[""]),
    ("pubsub#contact", &[""]),
    ("pubsub#dataform_xslt", &[""]),
    ("pubsub#language", &[""]),
    ("pubsub#node_type", &["leaf"]),
    // Subscribers outside the room are notified whether they are online or not.
    ("pubsub#presence_based_delivery", &["0", "false"]),
    // A room has no roster.
    ("pubsub#roster_groups_allowed", &[""]),
    ("pubsub#subscribe", &["1", "true"]),
    // The access model alone ends subscriptions.
    ("pubsub#tempsub", &["0", "false"]),
    // An empty one is the root: all nodes of an address are directly below it.
    ("pubsub#collection", &[""]),
    ("pubsub#children", &[""]),
    ("pubsub#children_association_policy", &[""]),
    ("pubsub#children_association_whitelist", &[""]),
    ("pubsub#children_max", &[""]),
];

/// Returns whether the field is one of [`FIXED`].
///
/// # Errors
/// [`Error::InvalidField`] for a value that does not hold; [`Error::Unsupported`] if it would hold where there are
/// collections.
pub(super) fn is_fixed(var: &str, values: &[String]) -> Result<bool, Error> {
    let Some((_, hold)) = FIXED.iter().find(|(fixed, _)| *fixed == var) else { return Ok(false) };
    if values.iter().all(|value| hold.contains(&value.as_str())) {
        return Ok(true);
    }
    let wants_collections =
        ["pubsub#node_type", "pubsub#collection"].contains(&var) || var.starts_with("pubsub#children");
    Err(if wants_collections { Error::Unsupported("collections") } else { Error::InvalidField(var.into()) })
}

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

/// Sets a parsed value. Returns whether there was one.
fn put<T>(place: &mut T, value: Option<T>) -> bool {
    value.map(|value| *place = value).is_some()
}

fn put_text(place: &mut String, value: &str, options: &Options) -> bool {
    put(place, (value.len() <= options.max_name).then(|| value.to_owned()))
}

fn show(value: bool) -> String {
    if value { "1".into() } else { "0".into() }
}

/// Parses seconds, at least one, or `max`.
#[expect(clippy::option_option, reason = "`None` is an invalid value; `Some(None)` is no expiry")]
fn expiry(value: &str) -> Option<Option<u64>> {
    match value {
        "max" | "" => Some(None),
        seconds => seconds.parse().ok().filter(|&seconds| seconds > 0).map(Some),
    }
}

fn show_expiry(expiry: Option<u64>) -> String {
    expiry.map_or_else(|| "max".into(), |seconds| seconds.to_string())
}

/// Returns the one value of a field, or an empty text if the field has none.
pub(super) fn one<'a>(var: &str, values: &'a [String]) -> Result<&'a str, Error> {
    match values {
        [] => Ok(""),
        [value] => Ok(value),
        _ => Err(Error::InvalidField(var.into())),
    }
}
