//! All rooms of a MUC host, where calls come in. `asking` has the questions about capabilities, `stored` and
//! `registered` what comes from storage.

mod asking;
mod counts;
mod registered;
mod stored;

use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};
use minidom::Element;

use crate::activity::{Activity, Tally};
use crate::caps::{Caps, Claim, Claimant, Hash, NodeSet, Shard};
use crate::effect::Effect;
use crate::error::Error;
use crate::facts::{
    Actor, ClientPresence, OccupantInfo, RoomAffiliation, RoomInfo, Seen, SessionsSeen, Target,
};
use crate::id::ServiceId;
use crate::jid::{OccupantJid, RoomJid, SessionJid};
use crate::moment::Moment;
use crate::options::Options;
use crate::room::Room;
use crate::stanza::request::Request;
use crate::stanza::response;
use crate::usecase::{self, Limits, Reply, RequestOutcome};
use crate::xml;

pub use self::counts::Counts;

/// MEP for one MUC host. Each call takes what the server knows at that moment, and returns what the server is to do.
///
/// Calls go in with what the server knows, effects come out in the order in which they are to be carried out:
///
/// ```
/// use std::collections::BTreeMap;
///
/// use mep_core::effect::Effect;
/// use mep_core::facts::{
///     Actor, ClientPresence, OccupantInfo, Publishers, Role, RoomAffiliation, RoomInfo, Standing, Target,
/// };
/// use mep_core::host::Host;
/// use mep_core::moment::Moment;
/// use mep_core::options::Options;
///
/// let mut host = Host::new(Options::default());
/// let juliet = OccupantInfo {
///     occupant: "balcony@rooms.example/juliet".into(),
///     role: Role::Participant,
///     room_affiliation: RoomAffiliation::None,
///     visible: true,
///     occupant_id: None,
/// };
/// // The server gives the time in milliseconds, and 16 random octets.
/// let session = "juliet@capulet.example/phone".into();
/// let room = RoomInfo {
///     jid: "balcony@rooms.example".into(),
///     publishers: Publishers::Admins,
///     occupants: Standing::Participants,
///     persistent: false,
///     anonymous: true,
///     members_only: false,
///     archives: false,
///     outsiders: BTreeMap::new(),
/// };
/// host.enter(&room, juliet, &session, ClientPresence::default(), &mut Moment::new(0, [0; 16]));
///
/// let target = Target {
///     room,
///     read_only: false,
///     stored: false,
///     occupant: Some(("balcony@rooms.example/juliet".into(), RoomAffiliation::None)),
/// };
/// let actor = Actor {
///     session,
///     occupant: Some("balcony@rooms.example/juliet".into()),
///     role: Role::Participant,
///     room_affiliation: RoomAffiliation::None,
///     sees_jids: false,
/// };
/// let iq = "<iq xmlns='jabber:client' type='set' id='1' to='balcony@rooms.example/juliet'>
///     <pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:example:mood'>
///     <item><mood xmlns='urn:example:mood'/></item></publish></pubsub></iq>"
///     .parse()
///     .unwrap();
/// let effects = host.request(&target, &actor, &iq, &mut Moment::new(1, [1; 16])).unwrap();
/// let Effect::Reply(reply) = &effects[0] else { panic!("the reply comes before what others are told") };
/// assert_eq!(reply.attr("type"), Some("result"));
/// ```
#[derive(Debug)]
pub struct Host {
    options: Options,
    rooms: IndexMap<RoomJid, Room>,
    caps: Caps,
    limits: Limits,
    /// Rooms that may have pending last items, in turn.
    waiting: IndexSet<RoomJid>,
    /// Whether [`Effect::Learned`] was returned since [`Host::learned`] was last called.
    learned_pending: bool,
    /// Notices of subscriptions that ended by changed facts, until a call returns effects.
    notices: Vec<Effect>,
    activity: Activity,
}

impl Host {
    /// Returns a host without rooms.
    pub fn new(options: Options) -> Self {
        let caps = Caps::new(options.caps_cache_size, options.caps_timeout);
        let mut limits = Limits::default();
        limits.configure(&options);
        Self {
            options,
            rooms: IndexMap::new(),
            caps,
            limits,
            waiting: IndexSet::new(),
            learned_pending: false,
            notices: Vec::new(),
            activity: Activity::default(),
        }
    }

    /// Applies new options for a reloaded glue. The first call of [`Host::wake`] does what follows from that.
    pub fn configure(&mut self, options: Options, moment: &mut Moment) {
        self.set_options(options, moment);
        self.learned_pending = false;
    }

    /// Applies new options. Data over a lowered limit stays, and can't grow. Forced configuration applies to existing
    /// nodes, too: the next call of [`Host::wake`] sends last items and notices to those who gain or lose access by it.
    pub fn set_options(&mut self, options: Options, moment: &mut Moment) {
        self.caps.configure(options.caps_cache_size, options.caps_timeout);
        let Options { explains, observes, .. } = self.options;
        self.options = Options { explains, observes, ..options };
        self.limits.configure(&self.options);
        for room in self.rooms.values_mut() {
            self.notices.extend(room.force(moment, &self.options));
            if !room.pending.is_empty() {
                self.waiting.insert(room.info.jid.clone());
            }
        }
        self.activity.add(std::mem::take(&mut moment.tally));
    }

    /// Returns the options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Sets whether calls explain which sessions they do not notify, and why.
    pub fn explain(&mut self, explains: bool) {
        self.options.explains = explains;
    }

    /// Sets whether calls return what other modules of the server want to know.
    pub fn observe(&mut self, observes: bool) {
        self.options.observes = observes;
        self.rooms.values_mut().for_each(|room| room.observed.wanted = observes);
    }

    /// A session joins a room, or joins again while it is there; `said` is what its presence says. Returns its last
    /// items, or the question about its capabilities.
    pub fn enter(
        &mut self,
        info: &RoomInfo,
        presence: OccupantInfo,
        session: &SessionJid,
        said: ClientPresence,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let room = &info.jid;
        self.open(room);
        self.update(info, moment);
        let Some(entry) = self.rooms.get_mut(room) else { return Vec::new() };
        let id = entry.enter(presence, session, &self.options);
        entry.show(id, said.show);
        let asks_anyway = || self.caps.asked_without_claim() < self.options.ask_without_caps;
        let claim = said.claim.or_else(|| asks_anyway().then(Claim::none));
        let claim = claim.map(|claim| self.caps.share(claim));
        let known = claim.as_ref().and_then(|claim| {
            entry.claim(id, claim);
            self.caps.known(claim)
        });
        if let Some(known) = &known {
            entry.want(id, known);
        }
        // Joining, also again, causes last items or a question, so it is rate limited. A client that is not asked is
        // asked when it next sends presence.
        let mut allowance = self.limits.rates.of(session.bare(), moment.now, &self.options);
        let permitted = allowance.publish();
        let mut effects = Vec::new();
        if permitted {
            effects = entry.last_items_on_join(id, &mut allowance, moment, &self.options);
        }
        self.collect(room, moment);
        effects.extend(self.withdraw(room, moment));
        if let (None, Some(claim), true) = (known, claim, permitted) {
            effects.extend(self.ask(room, session, &claim, moment));
        }
        self.finish(effects, moment)
    }

    /// An occupant's presence was broadcast, with all sessions of its nick and their presences. A presence without
    /// capabilities changes no interest (XEP-0115, 8.4).
    pub fn presence(
        &mut self,
        info: &RoomInfo,
        presence: OccupantInfo,
        sessions: &SessionsSeen,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let room = &info.jid;
        self.update(info, moment);
        let Some(entry) = self.rooms.get_mut(room) else { return Vec::new() };
        let expected = sessions.here.iter().map(|(jid, _)| jid);
        let coming = sessions.coming.as_ref();
        let here = entry.presence(presence, expected, &sessions.left, coming, &self.options);
        let mut effects = Vec::new();
        // Also of a session that was readmitted after a change of nick.
        self.collect(room, moment);
        for (jid, said) in &sessions.here {
            if sessions.coming.as_ref() == Some(jid) {
                continue;
            }
            let Some(entry) = self.rooms.get_mut(room) else { break };
            let Some(id) = entry.sessions.find(jid.as_str()).filter(|id| here.contains(id)) else { continue };
            entry.show(id, said.show);
            let Some(claim) = said.claim.clone() else { continue };
            let who = Claimant { room: room.clone(), session: jid.clone() };
            if entry.understands(id, &claim) || self.caps.waits(&claim, &who) {
                continue;
            }
            // For an account that is a session itself, its server has answered, and would answer the same once more.
            let was_asked = jid.as_str() == jid.bare() && entry.claims(id, &claim);
            if was_asked && self.caps.known(&claim).is_none() {
                continue;
            }
            // A new claim causes last items or a question, so it is rate limited.
            if !self.limits.rates.of(jid.bare(), moment.now, &self.options).publish() {
                continue;
            }
            let claim = self.caps.share(claim);
            entry.claim(id, &claim);
            effects.extend(self.withdraw(room, moment));
            match (self.caps.known(&claim), self.rooms.get_mut(room)) {
                (Some(set), Some(entry)) => {
                    let new = entry.want(id, &set);
                    let mut allowance = self.limits.rates.of(jid.bare(), moment.now, &self.options);
                    let items = entry.last_items_of(id, &new, &mut allowance, moment, &self.options);
                    effects.extend(items);
                    self.collect(room, moment);
                    // It may have been asked in vain about another of its hashes than the one that is known by now.
                    effects.extend(self.withdraw_all(room, vec![(jid.clone(), claim)], moment));
                }
                _ => effects.extend(self.ask(room, jid, &claim, moment)),
            }
        }
        effects.extend(self.withdraw(room, moment));
        self.finish(effects, moment)
    }

    /// A room was loaded into memory, with these occupants and their sessions: unknown sessions join, and all other
    /// occupants leave.
    pub fn restore(&mut self, info: &RoomInfo, occupants: Vec<Seen>, moment: &mut Moment) -> Vec<Effect> {
        let room = &info.jid;
        self.update(info, moment);
        if let Some(entry) = self.rooms.get_mut(room) {
            let here: HashSet<_> = occupants.iter().map(|(presence, _)| &presence.occupant).collect();
            let gone = entry.occupants.values().map(|it| &it.info).filter(|it| !here.contains(&it.occupant));
            let gone: Vec<_> = gone.map(|it| (it.occupant.clone(), it.room_affiliation)).collect();
            for (nick, room_affiliation) in gone {
                entry.leave(nick.as_str(), room_affiliation);
            }
        }
        let mut effects = self.withdraw(room, moment);
        for (presence, sessions) in occupants {
            effects.extend(self.presence(info, presence.clone(), &sessions, moment));
            for (session, said) in sessions.here {
                if self.rooms.get(room).is_none_or(|room| room.sessions.find(session.as_str()).is_none()) {
                    effects.extend(self.enter(info, presence.clone(), &session, said, moment));
                }
            }
        }
        if let Some(entry) = self.rooms.get_mut(room) {
            let mut purged = entry.retract_offline(moment, &self.options);
            purged.append(&mut effects);
            effects = purged;
        }
        self.drop_if_empty(room);
        self.finish(effects, moment)
    }

    /// The room's configuration or an affiliation to it changed. `occupants` are those that this concerns. Returns the
    /// notices of subscriptions that end by it; last items for sessions that gain access follow with [`Host::wake`].
    pub fn room_changed(
        &mut self,
        info: &RoomInfo,
        occupants: Vec<OccupantInfo>,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        self.update(info, moment);
        if let Some(entry) = self.rooms.get_mut(&info.jid) {
            for occupant in occupants {
                entry.update_occupant(occupant, &self.options);
            }
        }
        self.collect(&info.jid, moment);
        self.drop_if_empty(&info.jid);
        self.finish(Vec::new(), moment)
    }

    /// Returns the accounts outside the room that are subscribed to its nodes or its occupants': [`RoomInfo::outsiders`]
    /// has them in the next call. Linear in the subscribers.
    pub fn outsiders(&self, room: &RoomJid) -> impl Iterator<Item = &str> {
        self.rooms.get(room).into_iter().flat_map(Room::outsiders)
    }

    /// An occupant changes its nick.
    pub fn rename(&mut self, room: &RoomJid, old: &str, new: &OccupantJid) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.rename(old, new);
        }
    }

    /// An occupant left a room. Returns the retractions of the items that are removed with it.
    ///
    /// `room_affiliation` is what it is to the room now: one who was banned also loses subscriptions to open nodes.
    pub fn leave(
        &mut self,
        info: &RoomInfo,
        occupant: &str,
        room_affiliation: RoomAffiliation,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let room = &info.jid;
        self.update(info, moment);
        let mut effects = Vec::new();
        if let Some(entry) = self.rooms.get_mut(room) {
            entry.leave(occupant, room_affiliation);
            effects = entry.retract_offline(moment, &self.options);
        }
        self.collect(room, moment);
        effects.extend(self.withdraw(room, moment));
        self.drop_if_empty(room);
        self.finish(effects, moment)
    }

    /// An error with this condition came back from `from` for a notification of the service at `address`. Returns whether
    /// subscriptions ended by it (XEP-0060, 13.14).
    pub fn bounce(&mut self, room: &RoomJid, address: &str, from: &str, condition: &str) -> bool {
        let ended = self.rooms.get_mut(room).is_some_and(|room| room.bounce(address, from, condition));
        self.drop_if_empty(room);
        ended
    }

    /// A room was destroyed. Returns questions to sessions elsewhere, in place of those to its own.
    pub fn destroy(&mut self, room: &RoomJid, moment: &mut Moment) -> Vec<Effect> {
        let Some(gone) = self.rooms.swap_remove(room) else { return Vec::new() };
        let claims = gone
            .sessions
            .iter()
            .filter_map(|(_, session)| Some((session.jid.clone(), session.claim.clone()?)));
        self.withdraw_all(room, claims.collect(), moment)
    }

    /// Answers a request. Returns `None` if MEP does not answer it: the server handles it as if there were no MEP.
    pub fn request(
        &mut self,
        target: &Target,
        actor: &Actor,
        iq: &Element,
        moment: &mut Moment,
    ) -> Option<Vec<Effect>> {
        let room = &target.room.jid;
        self.open(room);
        self.update(&target.room, moment);
        let entry = self.rooms.get_mut(room)?;
        let answered = usecase::answer(entry, target, actor, iq, moment, &mut self.limits, &self.options);
        self.collect(room, moment);
        self.drop_if_empty(room);
        let effects = match answered {
            Ok(None) => {
                self.settle(moment);
                return None;
            }
            Ok(Some(RequestOutcome { stored, reply, effects })) => {
                let to = iq.attr("from").unwrap_or_default().to_owned();
                let rendered = |result| Effect::ReplyRendered { result, to };
                let reply = match reply {
                    Reply::Element(inner) => Effect::Reply(response::reply(iq, Ok(inner))),
                    Reply::List(list) => rendered(response::list(iq, &list)),
                    Reply::Items(items) => rendered(response::items(iq, &items)),
                };
                stored.into_iter().chain([reply]).chain(effects).collect()
            }
            Err(error) => self.refuse(iq, error),
        };
        Some(self.finish(effects, moment))
    }

    /// Refuses a request. Returns the reply.
    pub fn refuse(&mut self, iq: &Element, error: Error) -> Vec<Effect> {
        self.activity.refuse(error.condition());
        vec![Effect::Reply(response::reply(iq, Err(error)))]
    }

    /// The changes of a request could not be stored, so they were undone, and `unsent` messages of its effects are not
    /// sent. Returns the refusal.
    pub fn not_stored(&mut self, iq: &Element, unsent: u64) -> Vec<Effect> {
        let mut tally = Tally { deliveries: unsent, ..Tally::default() };
        if let Ok(Request::Publish { item, .. }) = Request::read(iq, &self.options) {
            tally.publishes = 1;
            let payload = item.and_then(|item| item.payload);
            tally.payload_octets = payload.map_or(0, |payload| xml::size(payload) as u64);
        }
        self.activity.take_back(tally);
        self.refuse(iq, Error::NotStored)
    }

    /// This many messages were not sent, as the changes that they are about could not be stored.
    pub fn not_sent(&mut self, messages: u64) {
        self.activity.take_back(Tally { deliveries: messages, ..Tally::default() });
    }

    /// Returns whether MEP refuses a request that is too large to be read. Others go to `mod_muc`, whose own errors
    /// don't reveal whether an occupant exists.
    pub fn is_ours(&self, target: &Target, actor: &Actor) -> bool {
        let Some((occupant, _)) = &target.occupant else { return true };
        let room = self.rooms.get(&target.room.jid).filter(|_| actor.occupant.is_some());
        room.is_some_and(|room| {
            let id = room.find(occupant.as_str()).map(ServiceId::Occupant);
            id.is_some_and(|id| room.shows(id, actor.session.bare()))
        })
    }

    /// Returns the shards of verified capabilities that changed since this was last called, for storage.
    pub fn learned(&mut self) -> Vec<Shard> {
        self.learned_pending = false;
        self.caps.learned()
    }

    /// Takes in verified sets from storage.
    pub fn recall(&mut self, sets: impl IntoIterator<Item = (Hash, NodeSet)>) {
        self.caps.recall(sets);
    }

    /// Makes a room unless it is known.
    fn open(&mut self, room: &RoomJid) {
        if !self.rooms.contains_key(room) {
            let mut new = Room::new(room.clone(), self.limits.ledger.host().part());
            new.observed.wanted = self.options.observes;
            self.rooms.insert(room.clone(), new);
        }
    }

    /// Takes in the server's facts about a room, if it is known.
    fn update(&mut self, info: &RoomInfo, moment: &mut Moment) {
        if let Some(room) = self.rooms.get_mut(&info.jid) {
            room.update(info, &self.options);
            self.collect(&info.jid, moment);
        }
    }

    /// Collects what follows from the changes in a room: last items and notices that are due.
    fn collect(&mut self, room: &RoomJid, moment: &mut Moment) {
        if let Some(entry) = self.rooms.get_mut(room) {
            self.notices.extend(entry.end_all_without_access(moment));
            self.notices.extend(entry.observed.take().into_iter().map(Effect::Interested));
        }
        self.note_pending(room);
    }

    /// Ends a call that returns these effects: adds the notices that are due.
    fn finish(&mut self, mut effects: Vec<Effect>, moment: &mut Moment) -> Vec<Effect> {
        effects.append(&mut self.notices);
        self.settle(moment);
        effects
    }

    /// Ends a call: adds what it did to the counters.
    fn settle(&mut self, moment: &mut Moment) {
        self.activity.add(std::mem::take(&mut moment.tally));
    }

    fn drop_if_empty(&mut self, room: &RoomJid) {
        if self.rooms.get(room).is_some_and(Room::is_empty) {
            self.rooms.swap_remove(room);
        }
    }
}
