//! A node's configuration (XEP-0060, 8.2), and the one table of its fields.

pub(crate) mod fields;

use crate::options::NotificationType;
use crate::xml::choice::choice;
use minidom::Element;

use self::fields::{FIELDS, Field, META_DATA, one};
use crate::error::Error;
use crate::options::Options;
use crate::xml::form::{self, Form, Kind};

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
    /// `pubsub#notify_sub`: tell the owner of new subscribers.
    pub notify_sub: bool,
    /// `pubsub#item_expire`: seconds that an item is kept; `max` is for ever.
    pub item_expire: Option<u64>,
    /// `pubsub#purge_offline`: what somebody published in the room's name goes when they leave.
    pub purge_offline: bool,
    /// `pubsub#itemreply`
    pub itemreply: ItemReply,
    /// `pubsub#publish_model`
    pub publish_model: PublishModel,
    /// `pubsub#publish_node_full`
    pub publish_node_full: NodeFull,
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
            notify_sub: false,
            item_expire: None,
            purge_offline: false,
            itemreply: ItemReply::None,
            publish_model: PublishModel::Publishers,
            publish_node_full: NodeFull::DiscardOldest,
        }
    }

    /// The configuration that a new node of this name has: the defaults, and what the admin forces.
    pub fn of(name: &str, options: &Options) -> Self {
        Self::new(options).forced(name, options)
    }

    /// This configuration with what the admin forces for the node of this name.
    pub(crate) fn forced(self, name: &str, options: &Options) -> Self {
        let forced = options.forced.get(name).and_then(|forced| self.with(forced, options).ok());
        forced.unwrap_or(self)
    }

    /// [`NodeConfig::with`] for the node of this name: what the admin forces stays, whatever the form says.
    ///
    /// # Errors
    /// Those of [`NodeConfig::with`].
    pub fn with_forced(&self, name: &str, form: &Form, options: &Options) -> Result<Self, Error> {
        let changed = self.with(form, options)?;
        match options.forced.get(name) {
            Some(forced) => changed.with(forced, options),
            None => Ok(changed),
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

    /// All fields with their values, as they are kept.
    pub(crate) fn to_fields(&self) -> Vec<(String, String)> {
        FIELDS.iter().map(|field| (field.var.to_owned(), (field.get)(self))).collect()
    }

    /// The configuration of these fields. One that is not known, or not allowed any more, is as by default; a number
    /// of items over the limit is the limit.
    pub(crate) fn from_fields(fields: &[(String, String)], options: &Options) -> Self {
        let mut config = Self::new(options);
        for (var, value) in fields {
            let Ok(field) = Field::find(var) else { continue };
            if !(field.set)(&mut config, value, options) && field.var == "pubsub#max_items" {
                config.max_items = options.max_items;
            }
        }
        config
    }

    /// The configuration as the form of type `kind` (`form` or `result`).
    pub fn to_form(&self, kind: &str) -> Element {
        let mut form = form::build(kind, crate::xml::ns::NODE_CONFIG);
        for field in FIELDS {
            form.append_child(form::field(field.var, field.kind, field.label, &(field.get)(self)));
        }
        form
    }

    /// What disco#info of the node tells of it (XEP-0060, 5.4).
    pub fn to_meta_data(&self) -> Element {
        let mut form = form::build("result", crate::xml::ns::META_DATA);
        for &(var, label) in META_DATA {
            if let Ok(field) = Field::find(var) {
                form.append_child(form::field(var, Kind::Text, label, &(field.get)(self)));
            }
        }
        form
    }
}

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
    /// Whose address an item carries as its `publisher` (XEP-0060, 12.15). Never a real JID.
    ItemReply {
        /// Nobody's.
        None = "none",
        /// That of the service.
        Owner = "owner",
        /// The occupant's who published.
        Publisher = "publisher",
    }
}

choice! {
    /// Who publishes to a node of the room, beside its owners (XEP-0060, 4.5). An occupant's node has one publisher
    /// (XEP-0316, 4.2).
    PublishModel {
        /// Those whom the owner named.
        Publishers = "publishers",
        /// Whoever is subscribed, too.
        Subscribers = "subscribers",
        /// Whoever has voice.
        Open = "open",
    }
}

choice! {
    /// What becomes of a full node (XEP-0060, 7.1.2.6).
    NodeFull {
        /// The oldest item goes, and a retraction tells of it.
        RetractOldest = "retract-oldest",
        /// The oldest item goes silently: with one item kept, as PEP has it, a publish is no retraction.
        DiscardOldest = "discard-oldest",
        /// A new item is refused.
        Reject = "reject",
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
