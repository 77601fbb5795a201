//! Rooms full of people, as a large service has them, for the benchmarks.

#![allow(unreachable_pub, reason = "a module of a test")]
#![allow(dead_code, reason = "each benchmark uses a part")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mep_core::caps::{Claim, NodeSet};
use mep_core::effect::Effect;
use mep_core::facts::{
    Actor, ClientPresence, OccupantInfo, Publishers, Role, RoomAffiliation, RoomInfo, Show, Standing, Target,
};
use mep_core::held::Sum;
use mep_core::host::Host;
use mep_core::jid::{RoomJid, SessionJid};
use mep_core::moment::Moment;
use mep_core::options::Options;
use mep_core::room::Room;
use mep_core::room::interest::Interest;
use mep_core::room::session::{Session, SessionTable};
use minidom::Element;
use sha1::{Digest, Sha1};

pub const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
pub const INTERESTED: usize = 10;
/// Kinds of clients: distinct sets of capabilities.
pub const KINDS: usize = 30;

const MOOD: &str = "http://jabber.org/protocol/mood";
const WANTED: [&str; 4] = [
    "http://jabber.org/protocol/tune+notify",
    "http://jabber.org/protocol/activity+notify",
    "http://jabber.org/protocol/geoloc+notify",
    "urn:xmpp:reactions:0+notify",
];

/// The features of a client: fifty, as of a desktop client, some with `+notify`, with or without `mood`.
pub fn features(kind: usize, mood: bool) -> Vec<String> {
    let mut features: Vec<_> = (0..44).map(|feature| format!("urn:xmpp:feature:{feature}")).collect();
    features.push(format!("urn:example:kind:{kind}"));
    features.extend(WANTED.map(str::to_owned));
    features.extend(mood.then(|| format!("{MOOD}+notify")));
    features.sort();
    features
}

/// The verification string of XEP-0115.
pub fn ver(features: &[String]) -> String {
    let string = format!("client/pc//bench<{}<", features.join("<"));
    BASE64_STANDARD.encode(Sha1::digest(string))
}

pub fn claim(ver: &str) -> Claim {
    let c = format!(
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://bench.example/' ver='{ver}'/>"
    );
    Claim::read([&c.parse::<Element>().unwrap()]).unwrap()
}

/// The answer of such a client to the question in `iq`.
pub fn answer(iq: &Element, features: &[String]) -> Element {
    let node = iq.children().next().unwrap().attr("node").unwrap();
    let vars: Vec<_> = features.iter().map(|var| format!("<feature var='{var}'/>")).collect();
    let vars = vars.concat();
    format!(
        "<iq xmlns='jabber:client' type='result' id='{}' from='{}' to='{}'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='{node}'>\
         <identity category='client' type='pc' name='bench'/>{vars}</query></iq>",
        iq.attr("id").unwrap(),
        iq.attr("to").unwrap(),
        iq.attr("from").unwrap(),
    )
    .parse()
    .unwrap()
}

pub fn room(number: usize) -> RoomJid {
    format!("room{number}@chat.example.org").as_str().into()
}

/// What the server says about a room.
pub fn info(room: &RoomJid) -> RoomInfo {
    RoomInfo {
        jid: room.clone(),
        publishers: Publishers::Admins,
        occupants: Standing::Participants,
        persistent: false,
        anonymous: true,
        members_only: false,
        archives: false,
        outsiders: BTreeMap::new(),
    }
}

pub fn nick(number: usize) -> String {
    format!("Somebody {number}")
}

/// A full JID with a resource that looks random, as of real clients.
pub fn jid(number: usize) -> SessionJid {
    let resource = number.wrapping_mul(2_654_435_761) % (1 << 32);
    format!("somebody{number}@example.org/gajim.{resource:08X}").as_str().into()
}

pub fn presence(room: &RoomJid, number: usize) -> OccupantInfo {
    OccupantInfo {
        occupant: format!("{room}/{}", nick(number)).as_str().into(),
        role: Role::Participant,
        room_affiliation: RoomAffiliation::None,
        visible: true,
        occupant_id: Some(BASE64_STANDARD.encode(Sha1::digest(number.to_string())).into()),
    }
}

/// A host with people in it.
pub struct Crowd {
    pub host: Host,
    sessions: usize,
    rooms: usize,
    calls: u64,
}

impl Crowd {
    /// `sessions` of [`KINDS`] in `rooms`, all with capabilities that are known; [`INTERESTED`] want moods.
    pub fn new(sessions: usize, rooms: usize) -> Self {
        let options = Options { publish_burst: u32::MAX, ..Options::default() };
        let mut crowd = Self { host: Host::new(options), sessions, rooms, calls: 0 };
        for number in 0..sessions {
            crowd.enter(number);
        }
        crowd
    }

    fn kind(&self, number: usize) -> (usize, bool) {
        // The interested sessions are spread over the room.
        (number % KINDS, number % (self.sessions / INTERESTED).max(1) == 0)
    }

    /// A session joins, and answers for its capabilities if they are not known yet.
    pub fn enter(&mut self, number: usize) {
        let (kind, mood) = self.kind(number);
        let features = features(kind, mood);
        let said = ClientPresence { claim: Some(claim(&ver(&features))), show: Show::Online };
        self.come(number, said, &features);
    }

    /// The same, with the presence read already.
    pub fn come(&mut self, number: usize, said: ClientPresence, features: &[String]) {
        let room = room(number % self.rooms);
        let mut moment = self.moment();
        let effects = self.host.enter(&info(&room), presence(&room, number), &jid(number), said, &mut moment);
        for question in effects {
            if let Effect::Send(iq) = question {
                let mut moment = self.moment();
                self.host.answer(&answer(&iq, features), &mut moment);
            }
        }
    }

    /// The presence of a session, and its features.
    pub fn said(&self, number: usize) -> (ClientPresence, Vec<String>) {
        let (kind, mood) = self.kind(number);
        let features = features(kind, mood);
        (ClientPresence { claim: Some(claim(&ver(&features))), show: Show::Online }, features)
    }

    pub fn leave(&mut self, number: usize) -> Vec<Effect> {
        let room = room(number % self.rooms);
        let mut moment = self.moment();
        self.host.leave(&info(&room), &format!("{room}/{}", nick(number)), RoomAffiliation::None, &mut moment)
    }

    /// The first occupant of the room publishes a mood. Returns the number of recipients.
    pub fn publish(&mut self, request: &Publish) -> usize {
        let mut moment = self.moment();
        let effects =
            self.host.request(&request.target, &request.actor, &request.iq, &mut moment).unwrap_or_default();
        effects.iter().map(|effect| if let Effect::Notify { to, .. } = effect { to.len() } else { 0 }).sum()
    }

    pub fn moment(&mut self) -> Moment {
        self.calls += 1;
        let mut random = [0; 16];
        random[..8].copy_from_slice(&self.calls.to_be_bytes());
        Moment::new(1_000_000 + self.calls, random)
    }
}

/// A request, as the server passes it on.
pub struct Publish {
    target: Target,
    actor: Actor,
    iq: Element,
}

impl Default for Publish {
    fn default() -> Self {
        let room = room(0);
        let occupant = presence(&room, 0).occupant;
        let iq = format!(
            "<iq xmlns='jabber:client' type='set' id='p' from='{}' to='{occupant}'>\
             <pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{MOOD}'><item>\
             <mood xmlns='{MOOD}'><happy/><text>Yay, the bench is up, and the kettle is on</text></mood>\
             </item></publish></pubsub></iq>",
            jid(0)
        );
        Self {
            target: Target {
                room: info(&room),
                read_only: false,
                stored: false,
                occupant: Some((occupant.clone(), RoomAffiliation::None)),
            },
            actor: Actor {
                session: jid(0),
                occupant: Some(occupant),
                role: Role::Participant,
                room_affiliation: RoomAffiliation::None,
                sees_jids: false,
            },
            iq: iq.parse().unwrap(),
        }
    }
}

/// The tables from which a fan-out list is made, by themselves: interest and sessions.
pub struct Index {
    interest: Interest,
    sessions: SessionTable,
}

impl Index {
    pub fn new(count: usize) -> Self {
        let mut own = Room::new(room(0), Sum::default());
        own.enter(presence(&room(0), 0), &jid(0), &Options::default());
        let occupant = own.find(presence(&room(0), 0).occupant.as_str()).unwrap();
        let (mut interest, mut sessions) = (Interest::default(), SessionTable::default());
        for number in 0..count {
            let jid = jid(number);
            let id =
                sessions.insert(Session { jid, occupant, claim: None, understood: true, show: Show::Online });
            let mood = number % (count / INTERESTED).max(1) == 0;
            let wanted = features(number % KINDS, mood);
            let nodes: NodeSet =
                wanted.iter().filter_map(|var| var.strip_suffix("+notify")).map(Into::into).collect();
            interest.set(id, &nodes);
        }
        Self { interest, sessions }
    }

    /// The sessions that want moods.
    pub fn fan_out(&self) -> Vec<SessionJid> {
        let wanted = self.interest.sessions(MOOD);
        wanted.filter_map(|id| self.sessions.get(id)).map(|session| session.jid.clone()).collect()
    }
}
