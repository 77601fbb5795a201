//! A node's configuration (XEP-0060, 8.2), and the one table of its fields.

pub(crate) mod fields;

use crate::xml::choice::choice;
use minidom::Element;

use self::fields::{FIELDS, Field, META_DATA, is_fixed, one};
use crate::error::Error;
use crate::facts::Standing;
use crate::id::ServiceId;
use crate::options::{NotificationType, Options, needs_payloads};
use crate::xml::form::{self, Form, Kind};

/// The configuration of a node. A request changes all of it that it names, or nothing.
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
    /// `pubsub#max_items`; `max` is the option's value.
    pub max_items: u32,
    /// `pubsub#max_payload_size`
    pub max_payload_size: usize,
    /// `pubsub#send_last_published_item`
    pub send_last: SendLast,
    /// `pubsub#notification_type`
    pub notification_type: NotificationType,
    /// `pubsub#notify_sub`: notify the owner of new subscribers.
    pub notify_sub: bool,
    /// `pubsub#item_expire`: seconds until an item expires; `None` is `max`, never.
    pub item_expire: Option<u64>,
    /// `pubsub#purge_offline`: an occupant's items at the room's node are removed when the occupant leaves.
    pub purge_offline: bool,
    /// `pubsub#itemreply`
    pub itemreply: ItemReply,
    /// `pubsub#publish_model`
    pub publish_model: PublishModel,
    /// `pubsub#publish_node_full`
    pub publish_node_full: NodeFull,
    /// `mep#read_by`: who may read a room's node, of those whom the access model admits.
    pub read_by: Standing,
    /// `mep#publish_by`: who may publish to a room's node, besides those whom the publish model admits.
    pub publish_by: Standing,
    /// `mep#retract_by`: who may take items away from a room's node, besides their publishers and the node's owners.
    pub retract_by: Standing,
}

impl NodeConfig {
    /// Returns the smart defaults of XEP-0316, 4.5 and 5, with the admin's limits.
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
            read_by: Standing::Anyone,
            publish_by: Standing::Nobody,
            retract_by: Standing::Nobody,
        }
    }

    /// Returns the configuration of a new node of this name: the defaults, what a node has that every room has, and what
    /// the admin forces.
    pub fn of(service: ServiceId, name: &str, options: &Options) -> Self {
        let new = Self::new(options);
        let declared = options.room_nodes.get(name).filter(|_| service == ServiceId::Room);
        let config = declared.and_then(|fields| new.with(fields, options).ok()).unwrap_or(new);
        config.forced(service, name, options)
    }

    /// Applies what holds for the node of this name whatever a form says: what the admin forces, but on an occupant's
    /// node who may publish, as it has one publisher (XEP-0316, 4.2), and what else is for rooms; and payloads where clients can't do without.
    pub(crate) fn forced(self, service: ServiceId, name: &str, options: &Options) -> Self {
        let forced = options.forced.get(name).and_then(|forced| self.with(forced, options).ok());
        let mut config = forced.unwrap_or(self);
        if service != ServiceId::Room {
            config.publish_model = PublishModel::Publishers;
            config.read_by = Standing::Anyone;
            config.publish_by = Standing::Nobody;
            config.retract_by = Standing::Nobody;
        }
        config.deliver_payloads |= needs_payloads(name);
        config
    }

    /// Like [`NodeConfig::with`], for the node of this name: what the admin forces stays, whatever the form says.
    ///
    /// # Errors
    /// Those of [`NodeConfig::with`]; [`Error::InvalidField`] for a publish model that an occupant's node can't have;
    /// [`Error::PayloadsNeeded`].
    pub fn with_forced(
        &self,
        service: ServiceId,
        name: &str,
        form: &Form,
        options: &Options,
    ) -> Result<Self, Error> {
        let changed = self.with(form, options)?;
        if service != ServiceId::Room {
            if let Some(field) = changed.field_of_rooms() {
                return Err(Error::InvalidField(field.into()));
            }
        }
        if !changed.deliver_payloads && needs_payloads(name) {
            return Err(Error::PayloadsNeeded);
        }
        Ok(changed.forced(service, name, options))
    }

    /// Returns the name of a field whose value only a room's node can have.
    fn field_of_rooms(&self) -> Option<&'static str> {
        [
            ("pubsub#publish_model", self.publish_model != PublishModel::Publishers),
            ("mep#read_by", self.read_by != Standing::Anyone),
            ("mep#publish_by", self.publish_by != Standing::Nobody),
            ("mep#retract_by", self.retract_by != Standing::Nobody),
        ]
        .into_iter()
        .find_map(|(field, differs)| differs.then_some(field))
    }

    /// Returns this configuration with the fields of a submitted form, which need not have all fields.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for an unknown field or an invalid value, [`Error::UnsupportedAccessModel`],
    /// [`Error::Unsupported`] for collections.
    pub fn with(&self, form: &Form, options: &Options) -> Result<Self, Error> {
        let mut changed = self.clone();
        for (var, values) in &form.fields {
            if is_fixed(var, values)? {
                continue;
            }
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

    /// Checks whether this configuration meets the publish-options (XEP-0060, 7.1.5). Values are compared by meaning:
    /// `true` equals `1`, and `max` its number.
    ///
    /// # Errors
    /// [`Error::PreconditionNotMet`], and those of [`NodeConfig::with`].
    pub fn meets(&self, options_form: &Form, options: &Options) -> Result<(), Error> {
        let wanted = self.with(options_form, options)?;
        for (var, values) in &options_form.fields {
            if is_fixed(var, values)? {
                continue;
            }
            let field = Field::find(var)?;
            if (field.get)(self) != (field.get)(&wanted) {
                return Err(Error::PreconditionNotMet(var.clone()));
            }
        }
        Ok(())
    }

    /// Returns all fields with their values, for storage.
    pub(crate) fn to_fields(&self) -> Vec<(String, String)> {
        FIELDS.iter().map(|field| (field.var.to_owned(), (field.get)(self))).collect()
    }

    /// Returns the configuration of these fields. Unknown fields are ignored. A value that is not allowed any more
    /// becomes the default; a number of items over the limit becomes the limit.
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

    /// Returns the configuration as a form of type `kind` (`form` or `result`).
    pub fn to_form(&self, kind: &str) -> Element {
        let mut form = form::build(kind, crate::xml::ns::NODE_CONFIG);
        for field in FIELDS {
            form.append_child(form::field(field.var, field.kind, field.label, &(field.get)(self)));
        }
        form
    }

    /// Returns the meta-data form of the node's disco#info (XEP-0060, 5.4).
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
    /// Who may read a node and be notified of its events (XEP-0060, 4.5).
    AccessModel {
        /// Everyone.
        Open = "open",
        /// Occupants of the room.
        Presence = "presence",
        /// Affiliates of the node.
        Whitelist = "whitelist",
    }
}

choice! {
    /// When the last item is sent unrequested (XEP-0060, 12.1).
    SendLast {
        /// Never.
        Never = "never",
        /// To a new explicit subscriber.
        OnSub = "on_sub",
        /// To a new explicit subscriber, and to a session that joins or becomes interested.
        OnSubAndPresence = "on_sub_and_presence",
    }
}

choice! {
    /// The JID that an item has as its `publisher` (XEP-0060, 12.15). Never a real JID.
    ItemReply {
        /// None.
        None = "none",
        /// The JID of the service.
        Owner = "owner",
        /// The occupant JID of the publisher.
        Publisher = "publisher",
    }
}

choice! {
    /// Who may publish to a node of the room, besides its owners (XEP-0060, 4.5). An occupant's node has one publisher,
    /// the occupant (XEP-0316, 4.2).
    PublishModel {
        /// Affiliates who are publishers.
        Publishers = "publishers",
        /// Subscribers, too.
        Subscribers = "subscribers",
        /// All occupants with voice.
        Open = "open",
    }
}

choice! {
    /// What happens on a publish to a full node (XEP-0060, 7.1.2.6).
    NodeFull {
        /// The oldest item is retracted, with a notification.
        RetractOldest = "retract-oldest",
        /// The oldest item is discarded without a notification: a publish to a node of one item retracts nothing.
        DiscardOldest = "discard-oldest",
        /// The new item is refused.
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
    fn fields_that_can_not_be_set_may_say_what_holds() {
        let options = Options::default();
        let config = NodeConfig::new(&options);
        for (var, hold) in fields::FIXED {
            let none = Form { fields: vec![((*var).into(), vec![])] };
            assert_eq!(config.with(&none, &options), Ok(config.clone()), "{var}");
            for value in *hold {
                assert_eq!(
                    config.with(&form(&[(var, value)]), &options),
                    Ok(config.clone()),
                    "{var}={value}"
                );
                assert_eq!(config.meets(&form(&[(var, value)]), &options), Ok(()), "{var}={value}");
            }
            let other = form(&[(var, "other")]);
            let refused = config.with(&other, &options).unwrap_err();
            assert_eq!(config.meets(&other, &options).as_ref(), Err(&refused));
            let is_of_collections = matches!(refused, Error::Unsupported("collections"));
            assert!(is_of_collections || refused == Error::InvalidField((*var).into()), "{var}: {refused:?}");
            assert!(Field::find(var).is_err(), "{var} can be set");
        }
        for (var, value) in [("pubsub#node_type", "collection"), ("pubsub#collection", "blogs")] {
            assert_eq!(config.with(&form(&[(var, value)]), &options), Err(Error::Unsupported("collections")));
        }
        for (var, value) in [("pubsub#tempsub", "1"), ("pubsub#subscribe", "0")] {
            assert_eq!(config.with(&form(&[(var, value)]), &options), Err(Error::InvalidField(var.into())));
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
