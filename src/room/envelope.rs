//! What the message of an event has around it, and whether the room archives it (XEP-0313), like what occupants write.

use crate::effect::Effect;
use crate::facts::Standing;
use crate::id::ServiceId;
use crate::jid::SessionJid;
use crate::moment::Moment;
use crate::options::NotificationType;
use crate::pubsub::access::Action;
use crate::pubsub::config::AccessModel;
use crate::pubsub::node::Node;
use crate::room::Room;
use crate::stanza::event::{Envelope, Event};

impl Room {
    /// Returns what the message of an event at a node of `service` has around it.
    ///
    /// The item in the archive, the one that was sent when it was published and the last item have the same id where the
    /// room archives the node: clients that read the archive show it once by that.
    pub(super) fn envelope(
        &self,
        service: ServiceId,
        node: &Node,
        event: &Event,
        delayed: Option<u64>,
        moment: &mut Moment,
    ) -> Envelope<'_> {
        let occupant_id = match service {
            ServiceId::Room => None,
            ServiceId::Occupant(id) => self.occupants.get(&id).and_then(|o| o.info.occupant_id.as_deref()),
        };
        let from = self.address(service);
        let of_item = self.archives(service, node).then(|| event.message_id(from)).flatten();
        Envelope {
            from,
            room: self.info.jid.as_str(),
            id: of_item.unwrap_or_else(|| moment.message_id()),
            occupant_id,
            delayed,
            to_accounts: false,
        }
    }

    /// Returns the effect that archives an event at a node of `service`, if the room does.
    pub(super) fn archive(
        &self,
        service: ServiceId,
        node: &Node,
        event: &Event,
        envelope: &Envelope<'_>,
    ) -> Option<Effect> {
        let is_new = envelope.delayed.is_none() && event.is_about_items();
        (is_new && self.archives(service, node))
            .then(|| Effect::Archive { room: self.info.jid.clone(), message: event.to_archive(envelope) })
    }

    /// Returns the effect that says which of these accounts are not in the room, if the event is about new items.
    pub(super) fn absent(
        &self,
        event: &Event,
        delayed: Option<u64>,
        accounts: &[SessionJid],
    ) -> Option<Effect> {
        let is_absent = |account: &&SessionJid| self.sessions.find(account.as_str()).is_none();
        let accounts: Vec<_> = accounts.iter().filter(is_absent).cloned().collect();
        let is_new = delayed.is_none() && event.is_item();
        (is_new && !accounts.is_empty()).then(|| Effect::Absent { room: self.info.jid.clone(), accounts })
    }

    /// Returns whether the room archives the events of a node: those of the types that messages of people have. An archive
    /// is for all who may enter the room, so a node from which anyone is shut out is not archived.
    fn archives(&self, service: ServiceId, node: &Node) -> bool {
        self.info.archives
            && node.config.notification_type != NotificationType::Headline
            && node.config.access_model != AccessModel::Whitelist
            && node.config.read_by == Standing::Anyone
            && node.affiliations.iter().all(|(_, affiliation)| affiliation.check(Action::Read).is_ok())
            && match service {
                ServiceId::Room => true,
                ServiceId::Occupant(id) => self.occupants.get(&id).is_some_and(|it| it.info.visible),
            }
    }
}
