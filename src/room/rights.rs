//! Rights at nodes: the one place that decides who may do what, for requests and deliveries alike.

use crate::error::Error;
use crate::facts::{OccupantInfo, Role, RoomAffiliation, Standing};
use crate::id::{NodeName, OccupantId, ServiceId};
use crate::jid::SessionJid;
use crate::pubsub::access::{Action, Affiliation};
use crate::pubsub::config::{AccessModel, PublishModel};
use crate::pubsub::node::Node;
use crate::pubsub::subscription::Subscriber;
use crate::room::Room;
use crate::room::explain::WhyNot;
use crate::room::session::Session;

/// A session or account whose rights are checked, as the room knows it at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Party<'a> {
    /// The full JID of a session, or the bare JID of an account outside the room.
    pub jid: &'a SessionJid,
    /// The occupant; `None` outside the room.
    pub occupant: Option<OccupantId>,
    /// The role in the room.
    pub role: Role,
    /// The affiliation to the room.
    pub room_affiliation: RoomAffiliation,
}

/// What a party may do at a node, or at the service if the node is still to be created.
///
/// Cheap to make: nothing is looked up before it is needed.
#[derive(Clone, Copy)]
pub(crate) struct Rights<'a> {
    room: &'a Room,
    party: Party<'a>,
    service: ServiceId,
    node: Option<(&'a NodeName, &'a Node)>,
}

impl<'a> Rights<'a> {
    /// Returns the rights of `party` at a node of `service`.
    pub(crate) fn new(
        room: &'a Room,
        party: Party<'a>,
        service: ServiceId,
        node: Option<(&'a NodeName, &'a Node)>,
    ) -> Self {
        Self { room, party, service, node }
    }

    /// Returns the affiliation to the node (XEP-0060, 4.1). An occupant owns its own nodes, and those who may publish
    /// as the room own the room's; outcasts of the room are outcasts of each node; for others, the node's list decides.
    pub(crate) fn affiliation(&self) -> Affiliation {
        if self.owns() || self.room.is_itself(self.party.jid.bare()) {
            return Affiliation::Owner;
        }
        if self.party.room_affiliation == RoomAffiliation::Outcast {
            return Affiliation::Outcast;
        }
        self.node.map_or(Affiliation::None, |(_, node)| {
            node.affiliations.get(self.party.jid.bare(), self.party.occupant)
        })
    }

    /// Checks whether the party may read the node and get its events, by its affiliation and the access model.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotInRoom`], [`Error::ClosedNode`].
    pub(crate) fn may_read(&self) -> Result<(), Error> {
        let affiliation = self.affiliation();
        affiliation.check(Action::Read)?;
        let Some((_, node)) = self.node else { return Ok(()) };
        let named = affiliation != Affiliation::None;
        if !named && !self.reaches(node.config.read_by) {
            return Err(Error::Forbidden);
        }
        match node.config.access_model {
            _ if named => Ok(()),
            AccessModel::Open if !self.is_shut_out() => Ok(()),
            AccessModel::Presence if self.party.occupant.is_some() => Ok(()),
            AccessModel::Open | AccessModel::Presence => Err(Error::NotInRoom),
            AccessModel::Whitelist => Err(Error::ClosedNode),
        }
    }

    /// Checks whether the party may do this.
    ///
    /// # Errors
    /// Those of [`Rights::may_read`] for reading; else [`Error::Forbidden`], [`Error::NoVoice`].
    pub(crate) fn may(&self, action: Action) -> Result<(), Error> {
        match action {
            Action::Read => self.may_read(),
            Action::Retract | Action::Remove if self.moderates() => Ok(()),
            Action::Retract if self.may_retract() => Ok(()),
            Action::Retract | Action::Remove => self.affiliation().check(action),
            Action::Publish => match self.node {
                Some((_, node)) => self.may_publish(node.config.publish_model, node.config.publish_by),
                None => self.may_publish(PublishModel::Publishers, Standing::Nobody),
            },
            Action::Configure => {
                let affiliation = self.affiliation();
                affiliation.check(action)?;
                self.check_voice(affiliation)
            }
        }
    }

    /// Checks whether the party may publish to a node with this publish model and threshold, which need not exist.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NoVoice`].
    pub(crate) fn may_publish(&self, model: PublishModel, by: Standing) -> Result<(), Error> {
        let affiliation = self.affiliation();
        if !self.is_admitted_to_publish(affiliation, model, by) {
            affiliation.check(Action::Publish)?;
        }
        self.check_voice(affiliation)
    }

    /// Returns whether the party owns the service: an occupant owns its own, those who may publish as the room the
    /// room's.
    pub(crate) fn owns(&self) -> bool {
        match self.service {
            ServiceId::Occupant(id) => self.party.occupant == Some(id),
            ServiceId::Room => {
                self.room.info.publishers.include(self.party.role, self.party.room_affiliation)
            }
        }
    }

    /// Returns whether the party moderates the occupant: it is a moderator of no lower affiliation (XEP-0045, 8).
    fn moderates(&self) -> bool {
        let ServiceId::Occupant(id) = self.service else { return false };
        let publisher = self.room.occupants.get(&id);
        let is_no_higher =
            publisher.is_some_and(|it| it.info.room_affiliation <= self.party.room_affiliation);
        self.party.role == Role::Moderator && is_no_higher
    }

    /// Returns whether the publish model of a room's node, or the threshold, admits the party without it being a publisher.
    fn is_admitted_to_publish(&self, affiliation: Affiliation, model: PublishModel, by: Standing) -> bool {
        self.service == ServiceId::Room
            && self.party.occupant.is_some()
            && affiliation != Affiliation::Outcast
            && (self.reaches(by)
                || match model {
                    PublishModel::Publishers => false,
                    PublishModel::Subscribers => self.node.is_some_and(|(name, _)| self.is_subscribed(name)),
                    PublishModel::Open => true,
                })
    }

    /// Returns whether the threshold of a room's node lets the party take away the items of others.
    fn may_retract(&self) -> bool {
        self.party.occupant.is_some()
            && self.affiliation() != Affiliation::Outcast
            && self.node.is_some_and(|(_, node)| self.reaches(node.config.retract_by))
    }

    fn reaches(&self, threshold: Standing) -> bool {
        threshold.includes(self.party.role, self.party.room_affiliation)
    }

    /// Returns whether the room is for members only, and the party is outside it and no member.
    fn is_shut_out(&self) -> bool {
        self.room.info.members_only
            && self.party.occupant.is_none()
            && self.party.room_affiliation < RoomAffiliation::Member
    }

    fn is_subscribed(&self, name: &NodeName) -> bool {
        let topic = (self.service, Some(name.clone()));
        let jid = self.party.jid;
        let names = [Subscriber::Session(jid.clone()), Subscriber::Account(jid.bare().into())];
        let names = names.into_iter().chain(self.party.occupant.map(Subscriber::Occupant));
        names.into_iter().any(|who| self.room.subscriptions.contains(&who, &topic))
    }

    /// Checks for voice (XEP-0045, 7.9), and at occupants for what the room asks of those who publish there. The owners of a room publish as the room, whatever their role and wherever they
    /// are. All others have voice in the room only: a publisher that was muted or kicked must not go on outside.
    fn check_voice(&self, affiliation: Affiliation) -> Result<(), Error> {
        let as_room = self.service == ServiceId::Room && affiliation == Affiliation::Owner;
        let has_voice = self.party.occupant.is_some() && self.party.role >= Role::Participant;
        let is_at_occupant = self.service != ServiceId::Room;
        if has_voice && is_at_occupant && !self.reaches(self.room.info.occupants) {
            return Err(Error::Forbidden);
        }
        if has_voice || as_room || self.room.is_itself(self.party.jid.bare()) {
            Ok(())
        } else {
            Err(Error::NoVoice)
        }
    }
}

impl Room {
    /// Returns the rights of `session`, which is in the room, at a node.
    pub(crate) fn rights_of<'a>(
        &'a self,
        session: &'a Session,
        service: ServiceId,
        node: Option<(&'a NodeName, &'a Node)>,
    ) -> Rights<'a> {
        let info = self.occupants.get(&session.occupant).map(|occupant| &occupant.info);
        let party = Party {
            jid: &session.jid,
            occupant: Some(session.occupant),
            role: info.map_or(Role::None, |info| info.role),
            room_affiliation: info.map_or(RoomAffiliation::None, |info| info.room_affiliation),
        };
        Rights::new(self, party, service, node)
    }

    /// Returns the rights of a session or account outside the room at a node; `jid` is full or bare. An account of which
    /// the server has not said what it is to the room has none.
    pub(crate) fn rights_outside<'a>(
        &'a self,
        jid: &'a SessionJid,
        service: ServiceId,
        node: Option<(&'a NodeName, &'a Node)>,
    ) -> Rights<'a> {
        let room_affiliation =
            self.info.outsiders.get(jid.bare()).copied().unwrap_or(RoomAffiliation::Outcast);
        let party = Party { jid, occupant: None, role: Role::None, room_affiliation };
        Rights::new(self, party, service, node)
    }

    /// Returns the occupants who own a service, in the order of joining.
    pub(crate) fn owners_of(&self, service: ServiceId) -> Vec<OccupantId> {
        match service {
            ServiceId::Occupant(id) => vec![id],
            ServiceId::Room => {
                let publishes =
                    |info: &OccupantInfo| self.info.publishers.include(info.role, info.room_affiliation);
                self.occupants.iter().filter(|(_, it)| publishes(&it.info)).map(|(&id, _)| id).collect()
            }
        }
    }

    /// Returns whether a session may get a node's events: the room shows it the publisher, and it may read the node.
    pub(crate) fn may_see(
        &self,
        session: &Session,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
    ) -> bool {
        self.why_unseen(session, service, name, node).is_none()
    }

    /// Returns why a session may not get a node's events; `None` if it may.
    pub(crate) fn why_unseen(
        &self,
        session: &Session,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
    ) -> Option<WhyNot> {
        if !self.shows(service, session.jid.bare()) {
            return Some(WhyNot::Hidden);
        }
        let rights = self.rights_of(session, service, Some((name, node)));
        let may = rights.may_read();
        may.is_err().then(|| WhyNot::NoAccess(node.config.access_model, rights.affiliation()))
    }

    /// Returns whether a subscriber may read a node, with one of its sessions in the room or from outside.
    pub(crate) fn subscriber_may_read(
        &self,
        who: &Subscriber,
        service: ServiceId,
        name: &NodeName,
        node: &Node,
    ) -> bool {
        let mut here = self.sessions_of(who).peekable();
        if here.peek().is_some() {
            return here.any(|it| self.rights_of(it, service, Some((name, node))).may_read().is_ok());
        }
        outside(who)
            .is_some_and(|jid| self.rights_outside(&jid, service, Some((name, node))).may_read().is_ok())
    }

    /// Returns whether this account is the room itself: so a module of the server acts that may do everything. No client
    /// has such a JID.
    pub(crate) fn is_itself(&self, account: &str) -> bool {
        account == self.info.jid.as_str()
    }

    /// Returns whether the room lets `account` see the occupant whose service this is.
    pub(crate) fn shows(&self, service: ServiceId, account: &str) -> bool {
        let ServiceId::Occupant(id) = service else { return true };
        if self.is_itself(account) {
            return true;
        }
        self.occupants.get(&id).is_some_and(|occupant| {
            occupant.info.visible || occupant.sessions.iter().any(|&session| self.account(session) == account)
        })
    }
}

/// Returns the JID of a subscriber outside the room.
pub(super) fn outside(who: &Subscriber) -> Option<SessionJid> {
    match who {
        Subscriber::Session(jid) => Some(jid.clone()),
        Subscriber::Account(account) => Some(SessionJid::from(&**account)),
        Subscriber::Occupant(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::held::{Holder, Sum};
    use crate::options::Options;
    use crate::pubsub::access::Affiliate;
    use crate::pubsub::config::NodeConfig;

    const ROOM: &str = "room@rooms.example";

    /// A room with an occupant of this affiliation, and the occupant's service.
    fn room(room_affiliation: RoomAffiliation) -> (Room, ServiceId) {
        let mut room = Room::new(ROOM.into(), Sum::default());
        room.info.members_only = false;
        let info = OccupantInfo {
            occupant: format!("{ROOM}/romeo").as_str().into(),
            role: Role::Participant,
            room_affiliation,
            visible: true,
            occupant_id: None,
        };
        room.enter(info, &"romeo@example.org/orchard".into(), &Options::default());
        let id = room.find(&format!("{ROOM}/romeo")).unwrap();
        (room, ServiceId::Occupant(id))
    }

    fn node(change: impl FnOnce(&mut NodeConfig)) -> Node {
        let mut config = NodeConfig::new(&Options::default());
        change(&mut config);
        Node::new(config, 0, Holder::default())
    }

    /// Another party, in the room or outside.
    fn party(jid: &SessionJid, role: Role, room_affiliation: RoomAffiliation) -> Party<'_> {
        let occupant = (role != Role::None).then_some(OccupantId(99));
        Party { jid, occupant, role, room_affiliation }
    }

    #[test]
    fn a_moderator_takes_away_from_equals_and_lesser_ones() {
        use RoomAffiliation::{Admin, Member, None, Owner};
        let jid = "juliet@example.org/balcony".into();
        for (role, own, publishers, may) in [
            (Role::Moderator, Admin, Admin, true),
            (Role::Moderator, Admin, Owner, false),
            (Role::Moderator, None, Member, false),
            (Role::Moderator, None, None, true),
            (Role::Participant, Owner, None, false),
        ] {
            let (room, service) = room(publishers);
            let rights = Rights::new(&room, party(&jid, role, own), service, Option::None);
            assert_eq!(rights.may(Action::Remove).is_ok(), may, "{role:?} {own:?} {publishers:?}");
            assert_eq!(rights.may(Action::Configure), Err(Error::Forbidden));
        }
    }

    #[test]
    fn access_models_decide_for_those_whom_nobody_named() {
        let (room, _) = room(RoomAffiliation::None);
        let (jid, name) = ("juliet@example.org/balcony".into(), NodeName::from("n"));
        let read = |model, role, named: Affiliation| {
            let mut node = node(|config| config.access_model = model);
            node.affiliations.set(Affiliate::Account("juliet@example.org".into()), named);
            let party = party(&jid, role, RoomAffiliation::None);
            Rights::new(&room, party, ServiceId::Room, Some((&name, &node))).may_read()
        };
        let (inside, outside) = (Role::Visitor, Role::None);
        assert_eq!(read(AccessModel::Open, outside, Affiliation::None), Ok(()));
        assert_eq!(read(AccessModel::Presence, inside, Affiliation::None), Ok(()));
        assert_eq!(read(AccessModel::Presence, outside, Affiliation::None), Err(Error::NotInRoom));
        assert_eq!(read(AccessModel::Presence, outside, Affiliation::Member), Ok(()));
        assert_eq!(read(AccessModel::Whitelist, inside, Affiliation::None), Err(Error::ClosedNode));
        assert_eq!(read(AccessModel::Whitelist, outside, Affiliation::Member), Ok(()));
        assert_eq!(read(AccessModel::Open, inside, Affiliation::Outcast), Err(Error::Forbidden));
        assert_eq!(read(AccessModel::Open, inside, Affiliation::PublishOnly), Err(Error::Forbidden));
    }

    #[test]
    fn the_rooms_outcasts_are_those_of_each_node() {
        let (room, _) = room(RoomAffiliation::None);
        let (jid, name) = ("juliet@example.org/balcony".into(), NodeName::from("n"));
        let mut node = node(|config| config.access_model = AccessModel::Open);
        node.affiliations.set(Affiliate::Account("juliet@example.org".into()), Affiliation::Publisher);
        let party = party(&jid, Role::None, RoomAffiliation::Outcast);
        let rights = Rights::new(&room, party, ServiceId::Room, Some((&name, &node)));
        assert_eq!(rights.affiliation(), Affiliation::Outcast);
        assert_eq!(rights.may_read(), Err(Error::Forbidden));
        assert_eq!(rights.may(Action::Publish), Err(Error::Forbidden));
    }

    #[test]
    fn an_open_publish_model_admits_members_as_well_as_strangers() {
        use Affiliation::{Member, None, Outcast, PublishOnly};
        let (room, _) = room(RoomAffiliation::None);
        let (jid, name) = ("juliet@example.org/balcony".into(), NodeName::from("n"));
        let publish = |model, role, named: Affiliation| {
            let mut node = node(|config| config.publish_model = model);
            node.affiliations.set(Affiliate::Account("juliet@example.org".into()), named);
            let party = party(&jid, role, RoomAffiliation::None);
            Rights::new(&room, party, ServiceId::Room, Some((&name, &node))).may(Action::Publish)
        };
        for named in [None, Member, PublishOnly] {
            assert_eq!(publish(PublishModel::Open, Role::Participant, named), Ok(()), "{named:?}");
            assert_eq!(publish(PublishModel::Open, Role::Visitor, named), Err(Error::NoVoice), "{named:?}");
        }
        assert_eq!(publish(PublishModel::Open, Role::Participant, Outcast), Err(Error::Forbidden));
        assert_eq!(publish(PublishModel::Open, Role::None, Member), Err(Error::Forbidden));
        assert_eq!(publish(PublishModel::Publishers, Role::Participant, Member), Err(Error::Forbidden));
        assert_eq!(publish(PublishModel::Subscribers, Role::Participant, Member), Err(Error::Forbidden));
    }
}
