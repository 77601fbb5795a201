//! People in and around a room, what they ask, and what each of them is sent.

use mep_core::facts::{Actor, ClientPresence, OccupantInfo, Role, RoomAffiliation, SessionsSeen, Target};
use mep_core::jid::SessionJid;
use minidom::Element;

use super::{Happened, ROOM, World, answer_to, element, occupant, plain, said, sort};

/// The address of the room itself.
pub const THE_ROOM: Option<Person> = None;

/// A client, in the room if it has a nick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    pub nick: &'static str,
    pub jid: &'static str,
    pub role: Role,
    pub room_affiliation: RoomAffiliation,
    /// Whether the room broadcasts the presence of its role.
    pub visible: bool,
}

/// Owns the room.
pub const HECATE: Person = Person {
    role: Role::Moderator,
    room_affiliation: RoomAffiliation::Owner,
    ..participant("hecate", "hecate@shakespeare.lit/broom")
};
pub const CRONE: Person = participant("firstwitch", "crone1@shakespeare.lit/desktop");
pub const WICCA: Person = participant("secondwitch", "wiccarocks@shakespeare.lit/laptop");
/// Is not in the room.
pub const BANQUO: Person = Person { role: Role::None, ..participant("", "banquo@shakespeare.lit/horse") };

pub const fn participant(nick: &'static str, jid: &'static str) -> Person {
    Person { nick, jid, role: Role::Participant, room_affiliation: RoomAffiliation::None, visible: true }
}

impl Person {
    pub fn address(self) -> String {
        occupant(self.nick)
    }

    pub fn account(self) -> &'static str {
        self.jid.split_once('/').unwrap().0
    }

    pub fn session(self) -> SessionJid {
        self.jid.into()
    }

    pub fn info(self) -> OccupantInfo {
        OccupantInfo {
            occupant: self.address().as_str().into(),
            role: self.role,
            room_affiliation: self.room_affiliation,
            visible: self.visible,
            occupant_id: None,
        }
    }
}

/// A room with these people in it.
pub fn room_of(people: &[Person]) -> World {
    let mut world = World::new(mep_core::options::Options::default());
    for &who in people {
        world.join(who);
    }
    world
}

impl World {
    pub fn join(&mut self, who: Person) -> Happened {
        self.join_saying(who, said("<presence/>"))
    }

    pub fn join_saying(&mut self, who: Person, presence: ClientPresence) -> Happened {
        let (mut moment, info) = (self.moment(), self.info());
        sort(self.host.enter(&info, who.info(), &who.session(), presence, &mut moment))
    }

    /// A session joins whose capabilities name these nodes. Returns what it is sent once they are known.
    pub fn join_wanting(&mut self, who: Person, nodes: &[&str]) -> Happened {
        let caps = "xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client'";
        let presence = format!("<presence><c {caps} ver='{}'/></presence>", who.jid);
        let happened = self.join_saying(who, said(&presence));
        let question = happened.questions.first().unwrap();
        self.answer(&answer_to(question, nodes))
    }

    /// The room broadcasts the presence of `who`, with these sessions at the nick.
    pub fn broadcast(&mut self, who: Person, sessions: &SessionsSeen) -> Happened {
        let (mut moment, info) = (self.moment(), self.info());
        sort(self.host.presence(&info, who.info(), sessions, &mut moment))
    }

    /// A stanza with `query` inside; `None`: it is not MEP's.
    pub fn iq(
        &mut self,
        who: Person,
        at: impl Into<Option<Person>>,
        kind: &str,
        query: &str,
    ) -> Option<Happened> {
        let at = at.into();
        let to = at.map_or_else(|| ROOM.to_owned(), Person::address);
        let iq = element(&format!("<iq type='{kind}' id='q' from='{}' to='{to}'>{query}</iq>", who.jid));
        let target = Target {
            room: self.info(),
            read_only: self.read_only,
            stored: self.stored,
            occupant: at.map(|at| (at.address().as_str().into(), at.room_affiliation)),
        };
        let actor = Actor {
            session: who.session(),
            occupant: (!who.nick.is_empty()).then(|| who.address().as_str().into()),
            role: who.role,
            room_affiliation: who.room_affiliation,
            sees_jids: !self.anonymous || who.role == Role::Moderator,
        };
        let mut moment = self.moment();
        let happened = self.host.request(&target, &actor, &iq, &mut moment).map(sort)?;
        let reply = happened.reply.as_ref().unwrap();
        let addresses = [reply.attr("from"), reply.attr("to"), reply.attr("id")];
        assert_eq!(addresses, [Some(&*to), Some(who.jid), Some("q")]);
        Some(happened)
    }

    pub fn get(&mut self, who: Person, at: impl Into<Option<Person>>, inner: &str) -> Happened {
        self.pubsub(who, at, "get", "", inner)
    }

    pub fn set(&mut self, who: Person, at: impl Into<Option<Person>>, inner: &str) -> Happened {
        self.pubsub(who, at, "set", "", inner)
    }

    /// An owner's request.
    pub fn owner_get(&mut self, who: Person, at: impl Into<Option<Person>>, inner: &str) -> Happened {
        self.pubsub(who, at, "get", "#owner", inner)
    }

    /// An owner's request.
    pub fn owner_set(&mut self, who: Person, at: impl Into<Option<Person>>, inner: &str) -> Happened {
        self.pubsub(who, at, "set", "#owner", inner)
    }

    pub fn publish(&mut self, who: Person, at: impl Into<Option<Person>>, node: &str, id: &str) -> Happened {
        let item = format!("<item id='{id}'><title xmlns='urn:p'>{id}</title></item>");
        let happened = self.set(who, at, &format!("<publish node='{node}'>{item}</publish>"));
        happened.result().unwrap();
        happened
    }

    /// Configures a node with one field; `pubsub#` is left out.
    pub fn configure(
        &mut self,
        who: Person,
        at: impl Into<Option<Person>>,
        node: &str,
        fields: &[(&str, &str)],
    ) -> Happened {
        let form = submit(fields);
        let happened = self.owner_set(who, at, &format!("<configure node='{node}'>{form}</configure>"));
        happened.accepted();
        happened
    }

    fn pubsub(
        &mut self,
        who: Person,
        at: impl Into<Option<Person>>,
        kind: &str,
        ns: &str,
        inner: &str,
    ) -> Happened {
        let query = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub{ns}'>{inner}</pubsub>");
        self.iq(who, at, kind, &query).unwrap_or_else(|| panic!("MEP answers {inner}"))
    }
}

impl Happened {
    /// What the reply has inside, beside what was asked; panics where it is an error.
    pub fn result(&self) -> Option<Element> {
        let reply = self.reply.as_ref().unwrap();
        assert_eq!(reply.attr("type"), Some("result"), "{}", String::from(reply));
        reply.children().next().map(plain)
    }

    /// The reply is a result with nothing inside.
    pub fn accepted(&self) {
        assert_eq!(self.result().as_ref().map(String::from), None);
    }

    /// The reply is a result with this inside.
    pub fn shows(&self, expected: &str) {
        let (shown, expected) = (self.result().unwrap(), plain(&expected.parse().unwrap()));
        assert!(shown == expected, "{}\nis not {}", String::from(&shown), String::from(&expected));
    }

    /// The condition of the error, and the one that pubsub adds, or "".
    pub fn error(&self) -> (String, String) {
        let reply = self.reply.as_ref().unwrap();
        assert_eq!(reply.attr("type"), Some("error"), "{}", String::from(reply));
        let error = reply.children().find(|child| child.name() == "error").unwrap();
        let name = |child: &Element| child.name().to_owned();
        let of_pubsub = |child: &&Element| child.ns() == "http://jabber.org/protocol/pubsub#errors";
        let condition = error.children().next().map(name).unwrap_or_default();
        (condition, error.children().find(of_pubsub).map(name).unwrap_or_default())
    }

    /// The request is refused with this condition, and this one of pubsub; no message is sent.
    pub fn refused(&self, condition: &str, of_pubsub: &str) {
        assert_eq!(self.error(), (condition.to_owned(), of_pubsub.to_owned()));
        assert!(self.messages.is_empty() && self.kept.is_empty());
    }

    /// To whom messages are sent.
    pub fn recipients(&self) -> Vec<&str> {
        self.messages.iter().map(|(to, _)| to.as_str()).collect()
    }

    /// The first child of the one message that is sent, to `to`.
    pub fn sent(&self, to: Person) -> Element {
        assert_eq!(self.recipients(), [to.jid]);
        plain(self.messages.first().unwrap().1.children().next().unwrap())
    }
}

/// A submitted form; `pubsub#` is left out, `mep#` is not.
pub fn submit(fields: &[(&str, &str)]) -> String {
    let field = |(var, value): &(&str, &str)| {
        let prefix = if var.contains('#') { "" } else { "pubsub#" };
        format!("<field var='{prefix}{var}'><value>{value}</value></field>")
    };
    let fields: String = fields.iter().map(field).collect();
    format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
}

/// The values of a field of the form somewhere in `element`; `pubsub#` is left out.
pub fn values(element: &Element, var: &str) -> Option<Vec<String>> {
    let is_it = element.name() == "field" && element.attr("var") == Some(&format!("pubsub#{var}"));
    let value = |child: &Element| (child.name() == "value").then(|| child.text());
    if is_it {
        return Some(element.children().filter_map(value).collect());
    }
    element.children().find_map(|child| values(child, var))
}

/// `<pubsub/>` around `inner`.
pub fn pubsub(inner: &str) -> String {
    format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub>")
}

/// An owner's `<pubsub/>` around `inner`.
pub fn owner(inner: &str) -> String {
    format!("<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>{inner}</pubsub>")
}

/// An event with `inner`.
pub fn event(inner: &str) -> Element {
    let event = format!("<event xmlns='http://jabber.org/protocol/pubsub#event'>{inner}</event>");
    plain(&event.parse().unwrap())
}
