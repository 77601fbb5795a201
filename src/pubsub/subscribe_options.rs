//! The options of a subscription (XEP-0060, 6.3; XEP-0248, 5.1, for the root), and the one table of their fields.

use minidom::Element;

use crate::error::Error;
use crate::facts::Show;
use crate::xml::choice::choice;
use crate::xml::form::{self, Form, Kind};
use crate::xml::ns;
use crate::xml::time::{self, timestamp};

/// How a subscriber wants to be notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// `pubsub#deliver`: whether to send notifications at all.
    pub deliver: bool,
    /// `pubsub#expire`: the end of the subscription, in milliseconds since 1970.
    pub expire: Option<u64>,
    /// `pubsub#include_body`: whether to add a `<body/>` that people can read.
    pub include_body: bool,
    /// `pubsub#show-values`: notify only while the client has one of these availabilities.
    pub show_values: Vec<Show>,
    /// `pubsub#subscription_type`, for the root: items, nodes, or both.
    pub kind: SubscriptionType,
    /// `pubsub#subscription_depth`, for the root. All nodes are its children, so both values mean the same.
    pub depth: Depth,
}

impl Default for SubscribeOptions {
    /// The options of a subscription without any: a subscription to the root is for the items of all nodes (XEP-0316).
    fn default() -> Self {
        Self {
            deliver: true,
            expire: None,
            include_body: false,
            show_values: SHOWS.to_vec(),
            kind: SubscriptionType::Items,
            depth: Depth::All,
        }
    }
}

choice! {
    /// The events that a subscription to the root is for (XEP-0248, 5.1).
    SubscriptionType {
        /// Events of items.
        Items = "items",
        /// Nodes that are created, deleted or configured.
        Nodes = "nodes",
        /// Both.
        All = "all",
    }
}

choice! {
    /// How deep a subscription to the root goes (XEP-0248, 5.1).
    Depth {
        /// To its children.
        One = "1",
        /// To all descendants.
        All = "all",
    }
}

/// The kinds of events that subscriptions distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Items were published or retracted.
    Items,
    /// A node was created.
    Created,
    /// A node was deleted.
    Deleted,
    /// A node's configuration changed.
    Configured,
}

impl SubscriptionType {
    /// Returns whether a subscriber to the root is notified of this.
    pub fn includes(self, kind: EventKind) -> bool {
        match kind {
            EventKind::Items => self != Self::Nodes,
            EventKind::Created | EventKind::Configured => self != Self::Items,
            // Its items are deleted with it.
            EventKind::Deleted => true,
        }
    }
}

impl SubscribeOptions {
    /// Returns these options with the fields of a submitted form; `root` is whether the subscription is to the root.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for an unknown field or an invalid value.
    pub fn with(&self, form: &Form, root: bool, now: u64) -> Result<Self, Error> {
        let mut changed = self.clone();
        for (var, values) in &form.fields {
            changed.set(var, values, root, now).ok_or_else(|| Error::InvalidField(var.clone()))?;
        }
        Ok(changed)
    }

    /// Returns the options as a form of type `kind` (`form` or `result`).
    pub fn to_form(&self, kind: &str, root: bool) -> Element {
        let flag = |value| if value { "1" } else { "0" };
        let mut form = form::build(kind, ns::SUBSCRIBE_OPTIONS);
        let shows: Vec<_> = self.show_values.iter().map(|show| show.as_str()).collect();
        let expire = self.expire.map(timestamp).unwrap_or_default();
        form.append_child(form::field(
            "pubsub#deliver",
            Kind::Boolean,
            "Whether an entity wants to receive or disable notifications",
            flag(self.deliver),
        ));
        form.append_child(form::field(
            "pubsub#expire",
            Kind::Text,
            "The DateTime at which a leased subscription will end or has ended",
            &expire,
        ));
        let body = form::field(
            "pubsub#include_body",
            Kind::Boolean,
            "Whether an entity wants to receive an XMPP message body in addition to the payload format",
            flag(self.include_body),
        );
        form.append_child(body);
        form.append_child(form::multi(
            "pubsub#show-values",
            Show::NAMES,
            "The presence states for which an entity wants to receive notifications",
            &shows,
        ));
        if root {
            let kinds = Kind::List(SubscriptionType::NAMES);
            form.append_child(form::field(
                "pubsub#subscription_type",
                kinds,
                "What the subscription is about",
                self.kind.as_str(),
            ));
            let depths = Kind::List(Depth::NAMES);
            form.append_child(form::field(
                "pubsub#subscription_depth",
                depths,
                "How deep the subscription goes",
                self.depth.as_str(),
            ));
        }
        form
    }

    fn set(&mut self, var: &str, values: &[String], root: bool, now: u64) -> Option<()> {
        let one = || match values {
            [] => Some(""),
            [value] => Some(value.as_str()),
            _ => None,
        };
        match var {
            "pubsub#deliver" => self.deliver = form::boolean(one()?)?,
            "pubsub#include_body" => self.include_body = form::boolean(one()?)?,
            "pubsub#expire" => self.expire = expiry(one()?, now)?,
            "pubsub#show-values" => {
                self.show_values =
                    values.iter().map(|value| Show::from_name(value)).collect::<Option<_>>()?;
            }
            // There are no digests, so a subscriber that wants none gets what it wants.
            "pubsub#digest" if form::boolean(one()?)? => return None,
            "pubsub#digest" => {}
            "pubsub#subscription_type" if root => self.kind = SubscriptionType::from_name(one()?)?,
            "pubsub#subscription_depth" if root => self.depth = Depth::from_name(one()?)?,
            _ => return None,
        }
        Some(())
    }
}

const SHOWS: [Show; 5] = [Show::Away, Show::Chat, Show::Dnd, Show::Online, Show::Xa];

/// Parses the end of a lease, which must be in the future; an empty text is no end.
#[expect(clippy::option_option, reason = "`None` is an invalid value; `Some(None)` is no expiry")]
fn expiry(value: &str, now: u64) -> Option<Option<u64>> {
    if value.is_empty() {
        return Some(None);
    }
    let at = time::parse(value)?;
    (at > now).then_some(Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(var: &str, value: &str, root: bool) -> Result<SubscribeOptions, Error> {
        let form = Form { fields: vec![(format!("pubsub#{var}"), vec![value.into()])] };
        SubscribeOptions::default().with(&form, root, 1_000)
    }

    #[test]
    fn options_are_taken_over_or_refused() {
        assert!(!with("deliver", "0", false).unwrap().deliver);
        assert_eq!(with("show-values", "dnd", false).unwrap().show_values, [Show::Dnd]);
        assert_eq!(with("digest", "0", false), Ok(SubscribeOptions::default()));
        assert_eq!(with("subscription_type", "nodes", true).unwrap().kind, SubscriptionType::Nodes);
        assert_eq!(with("expire", "2026-01-01T00:00:00Z", false).unwrap().expire, Some(1_767_225_600_000));
        for (var, value) in [
            ("deliver", "perhaps"),
            ("show-values", "asleep"),
            ("expire", "1970-01-01T00:00:00Z"),
            ("expire", "soon"),
            ("subscription_type", "nodes"),
            ("digest", "1"),
        ] {
            assert_eq!(with(var, value, false), Err(Error::InvalidField(format!("pubsub#{var}"))), "{value}");
        }
    }

    #[test]
    fn a_form_shows_what_a_form_sets() {
        let options = with("expire", "2026-01-01T00:00:00Z", false).unwrap();
        let parent = Element::builder("options", ns::PUBSUB).append(options.to_form("submit", true)).build();
        let form = Form::read(&parent, ns::SUBSCRIBE_OPTIONS).unwrap();
        assert_eq!(SubscribeOptions::default().with(&form, true, 1_000), Ok(options));
    }
}
