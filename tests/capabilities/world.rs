//! The world around a host: clients, a network that delays and loses stanzas, and the server that calls the host.

#![allow(unreachable_pub, reason = "a module of a test")]

#[path = "days.rs"]
mod days;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mep_core::caps::{self, NodeSet};
use mep_core::effect::Effect;
use mep_core::facts::{
    Actor, ClientPresence, OccupantInfo, Publishers, Role, RoomAffiliation, RoomInfo, SessionsSeen, Show,
    Standing, Target,
};
use mep_core::host::Host;
use mep_core::moment::Moment;
use mep_core::options::Options;
use minidom::Element;

use crate::clients::{
    Answer, Claim, Client, Hash, MAX_FEATURES, Manner, Product, QUIET, Random, Wanted, kinds,
};
use crate::model::{Model, Note, Room, Told, Who, address};
use crate::support::element;

const SECOND: u64 = 1000;

/// A future event.
#[derive(Debug)]
enum Event {
    /// A client acts.
    Act,
    /// A question arrives at a client.
    Question { id: String, who: Who },
    /// An answer arrives at the host.
    Answer { id: String, who: Who, answer: Answer },
    /// A timer of the host's; each start of it has its own.
    Wake { start: u64, due: u64 },
    /// What was learned is stored.
    Keep,
    /// A client sends its presence again, and does so until the end.
    Again(Who),
}

/// The parameters of a world.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    pub seed: u64,
    pub people: usize,
    pub rooms: usize,
    /// The limit of verified sets.
    pub cache: usize,
    /// The percentage of lost stanzas.
    pub loss: usize,
}

pub struct World {
    host: Host,
    pub model: Model,
    nature: Nature,
    random: Random,
    kinds: Vec<(Rc<Product>, Rc<Claim>)>,
    clients: BTreeMap<String, Client>,
    queue: BTreeMap<(u64, u64), Event>,
    /// When the host is woken, unless that is for a host of before.
    /// The one timer of the server: when it is due.
    wake: Option<u64>,
    start: u64,
    /// The latest questions.
    ids: Vec<(String, Who)>,
    storage: BTreeMap<u8, Vec<(caps::Hash, NodeSet)>>,
    /// The stored sets, in the model's terms.
    kept: Vec<(Hash, Wanted)>,
    calls: u64,
    published: u64,
    is_calm: bool,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("at {} ms, call {}: {:?}", self.model.now, self.calls, self.nature);
        }
    }
}

impl World {
    pub fn new(nature: Nature) -> Self {
        let mut random = Random(nature.seed);
        let kinds = kinds(&mut random);
        let mut model = Model::default();
        (model.timeout, model.limit) = (10 * SECOND, nature.cache);
        model.rooms = (0..nature.rooms).map(|n| (format!("room{n}@muc"), Room::default())).collect();
        let mut world = Self {
            host: Host::new(options(&model)),
            model,
            nature,
            random,
            kinds,
            clients: BTreeMap::new(),
            queue: BTreeMap::new(),
            wake: None,
            start: 0,
            ids: Vec::new(),
            storage: BTreeMap::new(),
            kept: Vec::new(),
            calls: 0,
            published: 0,
            is_calm: false,
        };
        world.after(0, Event::Act);
        world
    }

    /// Runs this many events.
    pub fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// No session joins or leaves any more, and no stanza is lost. Each session sends a presence now and then.
    pub fn calm(&mut self) {
        self.is_calm = true;
        for who in self.everybody() {
            let delay = self.random.draw() % (30 * SECOND);
            self.after(delay, Event::Again(who));
        }
        // Each silent session may cost a second, in each round.
        let end = self.model.now + (120 + 2 * self.clients.len() as u64) * SECOND;
        while let Some((who, problem)) = self.misunderstood() {
            // A session that was asked in vain is asked again with a presence that comes while no other is being asked.
            // If each is broadcast along with that of a silent session of the same nick, there may be none.
            if self.model.now >= end {
                assert!(self.model.stay(&who).unwrap().passed_over, "{problem}");
                return;
            }
            self.run(100);
        }
    }

    /// Returns a session that answers honestly, and still does not get the events that it wants.
    fn misunderstood(&self) -> Option<(Who, String)> {
        let all = self.everybody().into_iter().filter_map(|who| {
            let client = &self.clients[&who.1];
            let wants = &self.model.stay(&who).unwrap().wants;
            let wrong = client.is_honest() && *wants != client.product.wants;
            wrong.then(|| (who.clone(), format!("{who:?}: {wants:?}, {client:?}")))
        });
        all.min_by_key(|(who, _)| self.model.stay(who).unwrap().passed_over)
    }

    /// All sessions leave, one after the other, and the rooms end with them.
    pub fn end(&mut self) {
        for who in self.everybody() {
            self.leave(&who);
        }
        for room in self.model.rooms.keys().cloned().collect::<Vec<_>>() {
            self.destroy(&room);
        }
        let counts = self.host.counts();
        assert_eq!((counts.rooms, counts.occupants, counts.sessions, counts.nodes), (0, 0, 0, 0));
        assert_eq!(counts.asking, 0);
    }

    fn everybody(&self) -> Vec<Who> {
        let rooms = self.model.rooms.iter();
        rooms.flat_map(|(name, room)| room.stays.keys().map(|jid| (name.clone(), jid.clone()))).collect()
    }

    fn step(&mut self) {
        let Some(((at, _), event)) = self.queue.pop_first() else { return };
        self.model.now = at;
        match event {
            Event::Act if self.is_calm => {}
            Event::Act => {
                self.act();
                let pause = self.random.draw() % 200;
                self.after(pause, Event::Act);
            }
            Event::Question { id, who } => self.arrives(&id, &who),
            Event::Answer { id, who, answer } => self.answer(&id, &who, &answer),
            Event::Wake { start, due } if start == self.start && self.wake == Some(due) => {
                self.wake = None;
                self.model.wake();
                let effects = self.host.wake(&mut moment(&mut self.calls, at));
                self.done(effects, &Told::new());
            }
            Event::Wake { .. } => {}
            Event::Keep => self.keep(),
            Event::Again(who) => {
                self.say(&who, true);
                let pause = 15 * SECOND + self.random.draw() % (30 * SECOND);
                self.after(pause, Event::Again(who));
            }
        }
    }

    fn after(&mut self, delay: u64, event: Event) {
        self.calls += 1;
        self.queue.insert((self.model.now + delay, self.calls), event);
    }

    fn request(&mut self, who: &Who, at: Option<&str>, owner: &str, inner: &str, told: &Told) {
        let room = &who.0;
        let nick = self.model.rooms[room].nick_of(&who.1);
        let iq = element(&format!(
            "<iq type='set' id='i' from='{}' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub{owner}'>\
             {inner}</pubsub></iq>",
            who.1,
            address(room, at)
        ));
        let target = Target {
            room: info(room),
            read_only: false,
            stored: false,
            occupant: at.map(|nick| (address(room, Some(nick)).as_str().into(), RoomAffiliation::None)),
        };
        let actor = Actor {
            session: who.1.as_str().into(),
            occupant: nick.map(|nick| address(room, Some(nick)).as_str().into()),
            role: Role::Participant,
            room_affiliation: RoomAffiliation::None,
            sees_jids: false,
        };
        let moment = &mut moment(&mut self.calls, self.model.now);
        let effects = self.host.request(&target, &actor, &iq, moment).unwrap();
        self.done(effects, told);
    }

    /// A client is asked; it sends its answer if it is still connected.
    fn arrives(&mut self, id: &str, who: &Who) {
        let answers = match self.model.stay(who) {
            Some(_) => self.clients[&who.1].answers(),
            None => vec![Answer::Error],
        };
        let slow = self.clients[&who.1].manner == Manner::Slow;
        for answer in answers {
            if let Some(mut delay) = self.network() {
                delay += if slow { 11 * SECOND } else { 0 };
                self.after(delay, Event::Answer { id: id.to_owned(), who: who.clone(), answer });
            }
        }
    }

    /// How long a stanza takes; `None` if it is lost.
    fn network(&mut self) -> Option<u64> {
        let lost = !self.is_calm && self.random.percent(self.nature.loss);
        let range = if self.random.percent(10) { 4 * SECOND } else { 300 };
        let delay = self.random.draw() % range;
        (!lost).then_some(delay)
    }

    fn answer(&mut self, id: &str, who: &Who, answer: &Answer) {
        let kind = if *answer == Answer::Error { "error" } else { "result" };
        let iq = format!("<iq type='{kind}' id='{id}' from='{}' to='{}'>{}</iq>", who.1, who.0, answer.xml());
        let expected = self.model.answer(id, &who.1, answer);
        let effects = self.host.answer(&element(&iq), &mut moment(&mut self.calls, self.model.now));
        assert_eq!(effects.is_some(), expected.is_some(), "whether the answer of {who:?} counts");
        self.done(effects.unwrap_or_default(), &expected.unwrap_or_default());
    }

    /// The sessions of a room, by nick.
    fn seen(&self, room: &str) -> (Vec<(OccupantInfo, SessionsSeen)>, Vec<String>) {
        let mut nicks: Vec<_> = self.model.rooms[room].occupants.iter().map(|at| at.nick.clone()).collect();
        nicks.sort();
        (nicks.iter().map(|nick| (presence(room, nick), self.sessions(room, nick))).collect(), nicks)
    }

    /// Carries out the host's effects, and compares them with the model's.
    fn done(&mut self, effects: Vec<Effect>, told: &Told) {
        let mut got = Told::new();
        for effect in effects {
            match effect {
                Effect::Reply(reply) => assert_eq!(reply.attr("type"), Some("result"), "{reply:?}"),
                Effect::Send(question) => self.asked(&question),
                Effect::Notify { message, to } => {
                    let distinct: BTreeSet<_> = to.iter().collect();
                    assert_eq!(to.len(), distinct.len(), "a session is told twice");
                    let (room, note) = note(&message.to_element().unwrap());
                    for jid in &to {
                        got.entry((room.clone(), jid.to_string())).or_default().push(note.clone());
                    }
                }
                Effect::ReplyRendered { .. }
                | Effect::Archive { .. }
                | Effect::Absent { .. }
                | Effect::Keep { .. }
                | Effect::KeepOccupant { .. }
                | Effect::Changed(_)
                | Effect::Interested(_)
                | Effect::Explain(_) => {}
                Effect::Learned => self.after(60 * SECOND, Event::Keep),
            }
        }
        if let Some(who) = got.keys().chain(told.keys()).find(|&who| got.get(who) != told.get(who)) {
            panic!("{who:?} is told {:?}, and should be told {:?}", got.get(who), told.get(who));
        }
        self.model.check(self.host.counts(), self.host.counters());
        if let Some(due) = self.host.next_deadline() {
            if self.wake.is_none_or(|wake| due < wake) {
                self.wake = Some(due);
                let late = self.random.draw() % 50;
                self.after(due.saturating_sub(self.model.now) + late, Event::Wake { start: self.start, due });
            }
        }
        if let Some(deadline) = self.model.deadline() {
            let due = deadline.max(self.model.now);
            assert!(self.wake.is_some_and(|wake| wake <= due), "nothing wakes the host in time");
        }
    }

    fn asked(&mut self, question: &Element) {
        let attr = |name| question.attr(name).unwrap().to_owned();
        let (id, who) = (attr("id"), (attr("from"), attr("to")));
        self.model.asks(&id, &who, question.children().next().unwrap().attr("node").unwrap());
        self.ids.push((id.clone(), who.clone()));
        self.ids.drain(..self.ids.len().saturating_sub(20));
        if let Some(delay) = self.network() {
            self.after(delay, Event::Question { id, who });
        }
    }
}

fn options(model: &Model) -> Options {
    Options {
        caps_cache_size: model.limit,
        caps_timeout: model.timeout,
        caps_max_features: MAX_FEATURES,
        subscription_only: [QUIET].into_iter().collect(),
        publish_burst: 1_000_000,
        // tests/last_items.rs tests batches.
        last_items_batch: usize::MAX,
        ..Options::default()
    }
}

fn moment(calls: &mut u64, now: u64) -> Moment {
    *calls += 1;
    let mut random = [0; 16];
    random[..8].copy_from_slice(&calls.to_be_bytes());
    Moment::new(now, random)
}

fn say(said: Option<&Rc<Claim>>) -> ClientPresence {
    ClientPresence { claim: said.map(|claim| claim.read.clone()), show: Show::Online }
}

/// What the server says about a room.
fn info(room: &str) -> RoomInfo {
    RoomInfo {
        jid: room.into(),
        publishers: Publishers::Participants,
        occupants: Standing::Participants,
        persistent: true,
        anonymous: true,
        members_only: false,
        archives: false,
        outsiders: BTreeMap::new(),
    }
}

fn presence(room: &str, nick: &str) -> OccupantInfo {
    OccupantInfo {
        occupant: address(room, Some(nick)).as_str().into(),
        role: Role::Participant,
        room_affiliation: RoomAffiliation::None,
        visible: true,
        occupant_id: None,
    }
}

/// The content of a message, and its room.
fn note(message: &Element) -> (String, Note) {
    let from = message.attr("from").unwrap();
    let room = from.split_once('/').map_or(from, |(room, _)| room);
    let what = message.children().next().unwrap().children().next().unwrap();
    let said = match (what.name(), what.children().next()) {
        ("items", Some(item)) if item.name() == "item" => {
            format!("item {}", item.children().next().unwrap().text())
        }
        ("items", Some(retract)) => retract.name().to_owned(),
        (name, _) => name.to_owned(),
    };
    let late = message.get_child("delay", "urn:xmpp:delay").is_some();
    (room.to_owned(), (from.to_owned(), what.attr("node").unwrap().to_owned(), said, late))
}

fn named(hash: &caps::Hash, set: &NodeSet) -> (String, BTreeSet<String>) {
    let name = format!("{} {} {}", hash.method.as_str(), hash.algorithm.as_str(), hash.value);
    (name, set.iter().map(|node| node.as_str().to_owned()).collect())
}
