//! A node's configuration (XEP-0060, 8.2), and the one table of its fields.

use minidom::Element;

use crate::error::Error;
use crate::form::{self, Form, Kind};
use crate::options::Options;

/// How a node behaves. A request changes it whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the form, and none depends on another")]
pub struct NodeConfig {
    /// `pubsub#title`
    pub title: String,
    /// `pubsub#description`
    pub description: String,
    /// `pubsub#type`: the namespace of the payloads.
    pub payload_type: String,
    /// `pubsub#access_model`
    pub access_model: AccessModel,
    /// `pubsub#deliver_notifications`
    pub deliver_notifications: bool,
    /// `pubsub#deliver_payloads`
    pub deliver_payloads: bool,
    /// `pubsub#notify_config`
    pub notify_config: bool,
    /// `pubsub#notify_delete`
    pub notify_delete: bool,
    /// `pubsub#notify_retract`; a purge counts as one.
    pub notify_retract: bool,
    /// `pubsub#persist_items`
    pub persist_items: bool,
    /// `pubsub#max_items`; `max` is the option's number.
    pub max_items: u32,
    /// `pubsub#max_payload_size`
    pub max_payload_size: usize,
    /// `pubsub#send_last_published_item`
    pub send_last: SendLast,
    /// `pubsub#notification_type`
    pub notification_type: NotificationType,
}

impl NodeConfig {
    /// The smart defaults of XEP-0316, 4.5 and 5, with the admin's limits.
    pub fn new(options: &Options) -> Self {
        Self {
            title: String::new(),
            description: String::new(),
            payload_type: String::new(),
            access_model: AccessModel::Presence,
            deliver_notifications: true,
            deliver_payloads: true,
            notify_config: false,
            notify_delete: true,
            notify_retract: true,
            persist_items: true,
            max_items: 1,
            max_payload_size: options.max_payload_size,
            send_last: SendLast::OnSubAndPresence,
            notification_type: options.notification_type,
        }
    }

    /// This configuration with the fields of a submitted form taken over. A form may name some of the fields only.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for a field or a value that is not known, [`Error::UnsupportedAccessModel`].
    pub fn with(&self, form: &Form, options: &Options) -> Result<Self, Error> {
        let mut changed = self.clone();
        for (var, values) in &form.fields {
            let field = Field::find(var)?;
            let value = one(var, values)?;
            if !(field.set)(&mut changed, value, options) {
                return Err(match field.var {
                    "pubsub#access_model" => Error::UnsupportedAccessModel,
                    _ => Error::InvalidField(var.clone()),
                });
            }
        }
        Ok(changed)
    }

    /// Whether this configuration is as the publish-options say (XEP-0060, 7.1.5). Values are compared by what
    /// they come to: `true` is `1`, `max` is its number, a default is its value.
    ///
    /// # Errors
    /// [`Error::PreconditionNotMet`], and those of [`NodeConfig::with`].
    pub fn meets(&self, options_form: &Form, options: &Options) -> Result<(), Error> {
        let wanted = self.with(options_form, options)?;
        for (var, _) in &options_form.fields {
            let field = Field::find(var)?;
            if (field.get)(self) != (field.get)(&wanted) {
                return Err(Error::PreconditionNotMet(var.clone()));
            }
        }
        Ok(())
    }

    /// The configuration as the form of type `kind` (`form` or `result`).
    pub fn to_form(&self, kind: &str) -> Element {
        let mut form = form::build(kind, crate::ns::NODE_CONFIG);
        for field in FIELDS {
            form.append_child(form::field(field.var, field.kind, field.label, &(field.get)(self)));
        }
        form
    }

    /// What disco#info of the node tells of it (XEP-0060, 5.4).
    pub fn to_meta_data(&self) -> Element {
        let mut form = form::build("result", crate::ns::META_DATA);
        for field in FIELDS.iter().filter(|field| META_DATA.contains(&field.var)) {
            form.append_child(form::field(field.var, Kind::Text, field.label, &(field.get)(self)));
        }
        form
    }
}

/// A setting with a fixed list of values, each with its name on the wire.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All the names, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The setting of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use choice;

choice! {
    /// Who may read a node and be told of its events (XEP-0060, 4.5).
    AccessModel {
        /// Anybody.
        Open = "open",
        /// Whoever is in the room.
        Presence = "presence",
        /// Whomever the owner named.
        Whitelist = "whitelist",
    }
}

choice! {
    /// When the last item is sent unasked (XEP-0060, 12.1).
    SendLast {
        /// Not at all.
        Never = "never",
        /// To a new explicit subscriber.
        OnSub = "on_sub",
        /// Then, and to whoever comes in or becomes interested.
        OnSubAndPresence = "on_sub_and_presence",
    }
}

choice! {
    /// The `type` of notifications; `groupchat` is what the prototype of 2012 sent.
    NotificationType {
        /// A message that no client stores.
        Headline = "headline",
        /// An ordinary message.
        Normal = "normal",
        /// A message of the room.
        Groupchat = "groupchat",
    }
}

/// One field of the form: its name, its kind, and how it is read and written.
struct Field {
    var: &'static str,
    kind: Kind,
    label: &'static str,
    get: fn(&NodeConfig) -> String,
    set: fn(&mut NodeConfig, &str, &Options) -> bool,
}

impl Field {
    fn find(var: &str) -> Result<&'static Self, Error> {
        FIELDS.iter().find(|field| field.var == var).ok_or_else(|| Error::InvalidField(var.into()))
    }
}

const META_DATA: &[&str] = &["pubsub#title", "pubsub#description", "pubsub#type", "pubsub#access_model"];

const FIELDS: &[Field] = &[
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
    text(
        "pubsub#max_items",
        "How many items to keep",
        |c| c.max_items.to_string(),
        |c, v, o| {
            let number = if v == "max" { Some(o.max_items) } else { v.parse().ok() };
            put(&mut c.max_items, number.filter(|number| (1..=o.max_items).contains(number)))
        },
    ),
    text(
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
];

type Get = fn(&NodeConfig) -> String;
type Set = fn(&mut NodeConfig, &str, &Options) -> bool;

const fn text(var: &'static str, label: &'static str, get: Get, set: Set) -> Field {
    Field { var, kind: Kind::Text, label, get, set }
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

fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn show(value: bool) -> String {
    if value { "1".into() } else { "0".into() }
}

/// The one value of a field; a field without any is an empty text.
fn one<'a>(var: &str, values: &'a [String]) -> Result<&'a str, Error> {
    match values {
        [] => Ok(""),
        [value] => Ok(value),
        _ => Err(Error::InvalidField(var.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Form {
        Form { fields: fields.iter().map(|&(var, value)| (var.into(), vec![value.into()])).collect() }
    }

    #[test]
    fn every_field_takes_its_own_value_back() {
        let options = Options::default();
        let config = NodeConfig::new(&options);
        for field in FIELDS {
            let shown = (field.get)(&config);
            let mut copy = config.clone();
            assert!((field.set)(&mut copy, &shown, &options), "{} takes {shown:?}", field.var);
            assert_eq!(copy, config, "{}", field.var);
        }
    }

    #[test]
    fn a_form_is_taken_over_whole_or_not_at_all() {
        let options = Options::default();
        let config = NodeConfig::new(&options);
        let good =
            config.with(&form(&[("pubsub#max_items", "max"), ("pubsub#title", "Moods")]), &options).unwrap();
        assert_eq!((good.max_items, good.title.as_str()), (256, "Moods"));
        for (var, value, error) in [
            ("pubsub#colour", "red", Error::InvalidField("pubsub#colour".into())),
            ("pubsub#max_items", "0", Error::InvalidField("pubsub#max_items".into())),
            ("pubsub#max_items", "257", Error::InvalidField("pubsub#max_items".into())),
            ("pubsub#persist_items", "yes", Error::InvalidField("pubsub#persist_items".into())),
            ("pubsub#access_model", "authorize", Error::UnsupportedAccessModel),
        ] {
            assert_eq!(config.with(&form(&[("pubsub#title", "Moods"), (var, value)]), &options), Err(error));
        }
    }

    #[test]
    fn preconditions_are_compared_by_what_they_come_to() {
        let options = Options::default();
        let config = NodeConfig { max_items: 256, ..NodeConfig::new(&options) };
        let met = form(&[
            ("pubsub#max_items", "max"),
            ("pubsub#persist_items", "true"),
            ("pubsub#access_model", "presence"),
        ]);
        assert_eq!(config.meets(&met, &options), Ok(()));
        let unmet = form(&[("pubsub#persist_items", "true"), ("pubsub#access_model", "open")]);
        assert_eq!(
            config.meets(&unmet, &options),
            Err(Error::PreconditionNotMet("pubsub#access_model".into()))
        );
    }
}
