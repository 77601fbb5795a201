//! A room without a server: sessions that join, request, answer and listen, as Prosody would pass it on.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

pub mod people;

use mep_core::caps::Claim;
use mep_core::effect::{Effect, InterestChange, NodeChange};
use std::collections::BTreeMap;

use mep_core::facts::{
    Actor, ClientPresence, OccupantInfo, Publishers, Role, RoomAffiliation, RoomInfo, Show, Standing, Target,
};
use mep_core::host::Host;
use mep_core::id::NodeName;
use mep_core::jid::{RoomJid, SessionJid};
use mep_core::moment::Moment;
use mep_core::options::Options;
use mep_core::pubsub::snapshot::{Change, NodeRecord};
use minidom::Element;

/// How many random histories a property test plays: `cases`, or as many times more as `MEP_HISTORIES` says (`make
/// histories`).
pub fn histories(cases: u32) -> proptest::test_runner::Config {
    let times = std::env::var("MEP_HISTORIES").map_or(1, |times| times.parse().unwrap());
    proptest::test_runner::Config {
        cases: cases * times,
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}

pub const ROOM: &str = "coven@chat.shakespeare.lit";

#[allow(clippy::struct_excessive_bools, reason = "facts that tests set")]
pub struct World {
    pub host: Host,
    pub now: u64,
    /// Whether the room is persistent.
    pub persistent: bool,
    /// Whether storage failed a moment ago.
    pub read_only: bool,
    /// Whether occupants' nodes are stored.
    pub stored: bool,
    /// Whether real JIDs are for moderators only.
    pub anonymous: bool,
    pub publishers: Publishers,
    pub occupants: Standing,
    pub members_only: bool,
    pub archives: bool,
    /// Affiliations to the room of accounts outside it; the others have none.
    pub outsiders: BTreeMap<&'static str, RoomAffiliation>,
    calls: u64,
}

/// The effects of a call, with all questions answered.
#[derive(Debug, Default)]
pub struct Happened {
    pub reply: Option<Element>,
    /// Every message, once for each recipient, with its `to`.
    pub messages: Vec<(SessionJid, Element)>,
    pub questions: Vec<Element>,
    /// What the room archives.
    pub archived: Vec<Element>,
    /// The accounts outside the room for whom something may wait.
    pub absent: Vec<String>,
    /// Changes to store.
    pub kept: Vec<(NodeName, Change)>,
    /// Nodes of occupants to store.
    pub kept_of_occupants: Vec<Vec<NodeRecord>>,
    /// Lines for the log.
    pub explained: Vec<String>,
    /// What other modules of the server are told.
    pub changes: Vec<NodeChange>,
    pub interest: Vec<InterestChange>,
}

impl World {
    pub fn new(options: Options) -> Self {
        Self {
            host: Host::new(options),
            now: 1_000_000,
            persistent: true,
            read_only: false,
            stored: false,
            anonymous: true,
            publishers: Publishers::Admins,
            occupants: Standing::Participants,
            members_only: false,
            archives: false,
            outsiders: BTreeMap::new(),
            calls: 0,
        }
    }

    pub fn moment(&mut self) -> Moment {
        self.calls += 1;
        let mut random = [0; 16];
        random[..8].copy_from_slice(&self.calls.to_be_bytes());
        Moment::new(self.now, random)
    }

    pub fn room() -> RoomJid {
        ROOM.into()
    }

    /// What the server says about the room.
    pub fn info(&self) -> RoomInfo {
        self.info_of(ROOM)
    }

    /// The same of another room.
    pub fn info_of(&self, room: &str) -> RoomInfo {
        let jid = RoomJid::from(room);
        let affiliation = |account: &str| {
            let is = self.outsiders.get(account).copied().unwrap_or(RoomAffiliation::None);
            (account.into(), is)
        };
        RoomInfo {
            publishers: self.publishers,
            occupants: self.occupants,
            persistent: self.persistent,
            anonymous: self.anonymous,
            members_only: self.members_only,
            archives: self.archives,
            outsiders: self.host.outsiders(&jid).map(affiliation).collect(),
            jid,
        }
    }

    /// The room's configuration or affiliations changed, with these occupants.
    pub fn room_changed(&mut self, occupants: Vec<OccupantInfo>) -> Happened {
        let (mut moment, info) = (self.moment(), self.info());
        sort(self.host.room_changed(&info, occupants, &mut moment))
    }

    pub fn set_options(&mut self, options: Options) {
        let mut moment = self.moment();
        self.host.set_options(options, &mut moment);
    }

    /// The glue is reloaded.
    pub fn reload(&mut self, options: Options) {
        let mut moment = self.moment();
        self.host.configure(options, &mut moment);
    }

    /// The server wakes the core, as long as it asks for it at once.
    pub fn wake(&mut self) -> Happened {
        let mut effects = Vec::new();
        while self.host.next_deadline() == Some(0) {
            let mut moment = self.moment();
            effects.extend(self.host.wake(&mut moment));
        }
        sort(effects)
    }

    /// A session joins; `presence` is the stanza.
    pub fn enter(&mut self, nick: &str, session: &str, presence: &str) -> Happened {
        let (mut moment, room) = (self.moment(), self.info());
        sort(self.host.enter(&room, seen(nick), &session.into(), said(presence), &mut moment))
    }

    /// An occupant leaves, with all sessions.
    pub fn leave(&mut self, nick: &str) -> Happened {
        let (mut moment, room) = (self.moment(), self.info());
        sort(self.host.leave(&room, &occupant(nick), RoomAffiliation::None, &mut moment))
    }

    /// An answer, as on the wire.
    pub fn answer(&mut self, iq: &Element) -> Happened {
        let mut moment = self.moment();
        sort(self.host.answer(iq, &mut moment).unwrap_or_default())
    }

    /// A request of the occupant with `nick`, to the room or, with `to`, to an occupant. `None` if MEP does not answer
    /// it.
    pub fn request(
        &mut self,
        nick: &str,
        session: &str,
        role: Role,
        room_affiliation: RoomAffiliation,
        iq: &str,
    ) -> Option<Happened> {
        self.request_effects(nick, session, role, room_affiliation, iq).map(sort)
    }

    /// The same, with the raw effects.
    pub fn request_effects(
        &mut self,
        nick: &str,
        session: &str,
        role: Role,
        room_affiliation: RoomAffiliation,
        iq: &str,
    ) -> Option<Vec<Effect>> {
        let iq = element(iq);
        let to = iq.attr("to").unwrap().to_owned();
        let target = Target {
            room: self.info(),
            read_only: self.read_only,
            stored: self.stored,
            occupant: to.contains('/').then(|| (to.as_str().into(), RoomAffiliation::None)),
        };
        let actor = Actor {
            session: session.into(),
            occupant: Some(occupant(nick).as_str().into()),
            role,
            room_affiliation,
            sees_jids: room_affiliation == RoomAffiliation::Owner,
        };
        let mut moment = self.moment();
        self.host.request(&target, &actor, &iq, &mut moment)
    }
}

/// What a presence stanza says about its client.
pub fn said(presence: &str) -> ClientPresence {
    ClientPresence { claim: Claim::read(element(presence).children()), show: Show::Online }
}

pub fn occupant(nick: &str) -> String {
    format!("{ROOM}/{nick}")
}

pub fn seen(nick: &str) -> OccupantInfo {
    OccupantInfo {
        occupant: occupant(nick).as_str().into(),
        role: Role::Participant,
        room_affiliation: RoomAffiliation::None,
        visible: true,
        occupant_id: None,
    }
}

/// What a client answers to the room's question if it wants these nodes.
pub fn answer_to(question: &Element, nodes: impl IntoIterator<Item = impl std::fmt::Display>) -> Element {
    let features: Vec<_> = nodes.into_iter().map(|node| format!("<feature var='{node}+notify'/>")).collect();
    let features = features.concat();
    element(&format!(
        "<iq type='result' id='{}' from='{}' to='{}'><query xmlns='http://jabber.org/protocol/disco#info'>\
         <identity category='client' type='pc'/>{features}</query></iq>",
        question.attr("id").unwrap(),
        question.attr("to").unwrap(),
        question.attr("from").unwrap(),
    ))
}

pub fn element(xml: &str) -> Element {
    let xml = xml.trim();
    let (name, rest) = xml.split_at(xml.find([' ', '>', '/']).unwrap());
    let xml = if rest.contains("xmlns='jabber:client'") {
        xml.to_owned()
    } else {
        format!("{name} xmlns='jabber:client'{rest}")
    };
    xml.parse().unwrap_or_else(|error| panic!("{error}: {xml}"))
}

/// The same element with an attribute set or removed.
pub fn with(element: &Element, name: &str, value: Option<&str>) -> Element {
    let mut copy = element.clone();
    let none = minidom::rxml::Namespace::NONE;
    copy.attrs_mut().remove(&none, name);
    if let Some(value) = value {
        copy.set_attr(none, name.try_into().unwrap(), value);
    }
    copy
}

/// The same tree without the white space between its elements.
pub fn plain(element: &Element) -> Element {
    let mut copy = Element::bare(element.name(), element.ns());
    *copy.attrs_mut() = element.attrs().clone();
    let texts_only = element.children().next().is_none();
    for node in element.nodes() {
        match node {
            minidom::Node::Element(child) => {
                copy.append_child(plain(child));
            }
            minidom::Node::Text(text) if texts_only || !text.trim().is_empty() => copy.append_text_node(text),
            minidom::Node::Text(_) => {}
        }
    }
    copy
}

pub fn sort(effects: Vec<Effect>) -> Happened {
    let mut happened = Happened::default();
    for effect in effects {
        match effect {
            Effect::Reply(reply) => {
                assert!(happened.messages.is_empty(), "the reply comes before the notifications");
                assert!(happened.reply.replace(reply).is_none(), "one reply");
            }
            Effect::ReplyRendered { result, to } => {
                assert!(happened.messages.is_empty(), "the reply comes before the notifications");
                let reply = with(&result.to_element().unwrap(), "to", Some(&to));
                assert!(happened.reply.replace(reply).is_none(), "one reply");
            }
            Effect::Send(question) => happened.questions.push(question),
            Effect::Notify { message, to } => {
                let message = message.to_element().unwrap();
                happened.messages.extend(
                    to.into_iter().map(|jid| (jid.clone(), with(&message, "to", Some(jid.as_str())))),
                );
            }
            Effect::Archive { message, .. } => {
                assert!(happened.messages.is_empty(), "what is archived is archived before it is told of");
                happened.archived.push(message.to_element().unwrap());
            }
            Effect::Absent { accounts, .. } => {
                happened.absent.extend(accounts.iter().map(ToString::to_string));
            }
            Effect::Keep { node, change, .. } => {
                let told = happened.reply.is_some() || !happened.messages.is_empty();
                assert!(!told, "what is kept is kept before it is told of");
                happened.kept.push((node, change));
            }
            Effect::KeepOccupant { nodes, .. } => {
                let told = happened.reply.is_some() || !happened.messages.is_empty();
                assert!(!told, "what is kept is kept before it is told of");
                happened.kept_of_occupants.push(nodes);
            }
            Effect::Explain(line) => happened.explained.push(line),
            Effect::Changed(change) => happened.changes.push(change),
            Effect::Interested(change) => happened.interest.push(change),
            Effect::Learned => {}
        }
    }
    happened
}
