//! Random histories of a room, compared with a plain model: sessions that join, leave, change the nick, are banned;
//! publishes; and reloads, restarts and failing storage.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use mep_core::facts::{Role, RoomAffiliation, Seen, SessionsSeen};
use mep_core::host::Host;
use mep_core::options::Options;
use mep_core::pubsub::snapshot::NodeRecord;
use minidom::Element;
use proptest::prelude::*;
use support::{Happened, ROOM, World, answer_to, occupant, said, seen, sort};

const NODES: [&str; 3] = ["urn:a", "urn:b", "urn:c"];
const NICKS: usize = 5;
/// Two for each account; the first account owns the room.
const SESSIONS: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    /// Joins with a nick, or joins again, with interest in these nodes; `prompt` answers questions at once.
    Join(usize, usize, BTreeSet<usize>, bool),
    Answer(usize),
    Leave(usize),
    /// A session, and its new nick.
    Nick(usize, usize),
    Kick(usize),
    Publish(usize, usize),
    /// As the room, to a node; undone if storing fails.
    PublishAsRoom(usize, usize, bool),
    DeleteOfRoom(usize, usize, bool),
    /// To a node of the room.
    Subscribe(usize, usize),
    /// The module is reloaded, and keeps its core.
    Reload,
    /// The room was unloaded, and is loaded again.
    Restore,
    /// The core failed, and is rebuilt from the storage and the room.
    Rebuild,
    /// The server restarted; the room is empty.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (session, nick, node) = (0..SESSIONS, 0..NICKS, 0..NODES.len());
    let wants = prop::collection::btree_set(node.clone(), 0..3);
    let (to_node, to_nick) = ((session.clone(), node.clone()), (session.clone(), nick.clone()));
    let of_room = (session.clone(), node, prop::bool::weighted(0.7));
    prop_oneof![
        6 => (session.clone(), nick.clone(), wants, prop::bool::weighted(0.8))
            .prop_map(|(session, nick, wants, prompt)| Step::Join(session, nick, wants, prompt)),
        2 => session.clone().prop_map(Step::Answer),
        3 => session.prop_map(Step::Leave),
        3 => to_nick.prop_map(|(session, nick)| Step::Nick(session, nick)),
        1 => nick.prop_map(Step::Kick),
        6 => to_node.clone().prop_map(|(session, node)| Step::Publish(session, node)),
        4 => of_room.clone().prop_map(|(session, node, kept)| Step::PublishAsRoom(session, node, kept)),
        1 => of_room.prop_map(|(session, node, kept)| Step::DeleteOfRoom(session, node, kept)),
        2 => to_node.prop_map(|(session, node)| Step::Subscribe(session, node)),
        1 => Just(Step::Reload),
        1 => Just(Step::Restore),
        1 => Just(Step::Rebuild),
        1 => Just(Step::Restart),
    ]
}

/// A client in the room.
#[derive(Debug, Clone)]
struct Client {
    wants: BTreeSet<usize>,
    /// The questions that it has not answered yet.
    question: Option<Element>,
    presence: String,
}

#[derive(Debug, Default)]
struct Occupant {
    clients: BTreeMap<usize, Client>,
    /// Nodes, with the number of their last item.
    nodes: BTreeMap<usize, usize>,
}

/// A room, as plain as possible.
#[derive(Debug, Default)]
struct Model {
    occupants: BTreeMap<usize, Occupant>,
    /// The room's own nodes.
    nodes: BTreeMap<usize, usize>,
    /// (session, node of the room)
    subscriptions: BTreeSet<(usize, usize)>,
}

/// Recipient, sender, node, number of the item.
type Told = (String, String, String, usize);

impl Model {
    fn nick_of(&self, session: usize) -> Option<usize> {
        self.occupants.iter().find(|(_, o)| o.clients.contains_key(&session)).map(|(&nick, _)| nick)
    }

    fn client(&mut self, session: usize) -> Option<&mut Client> {
        self.occupants.values_mut().find_map(|occupant| occupant.clients.get_mut(&session))
    }

    fn clients(&self) -> impl Iterator<Item = (usize, &Client)> {
        self.occupants.values().flat_map(|occupant| occupant.clients.iter().map(|(&s, client)| (s, client)))
    }

    /// The recipients of an event at a node of an occupant, or of the room (`None`).
    fn told(&self, nick: Option<usize>, node: usize, number: usize) -> Vec<Told> {
        let wants = |(session, client): &(usize, &Client)| {
            client.question.is_none() && client.wants.contains(&node)
                || nick.is_none() && self.subscriptions.contains(&(*session, node))
        };
        self.clients().filter(wants).map(|(s, _)| told(s, nick, node, number)).collect()
    }

    /// The last items of these nodes, for one session.
    fn last_items(&self, session: usize, wanted: &BTreeSet<usize>) -> Vec<Told> {
        let of_room = self.nodes.iter().map(|place| (None, place));
        let of_occupants =
            self.occupants.iter().flat_map(|(&nick, o)| o.nodes.iter().map(move |place| (Some(nick), place)));
        let all = of_room.chain(of_occupants).filter(|(_, (node, _))| wanted.contains(node));
        all.map(|(nick, (&node, &number))| told(session, nick, node, number)).collect()
    }

    fn subscribed(&self, session: usize) -> BTreeSet<usize> {
        self.subscriptions.iter().filter(|(who, _)| *who == session).map(|&(_, node)| node).collect()
    }

    fn gone(&mut self, session: usize) {
        self.subscriptions.retain(|&(who, _)| who != session);
    }
}

fn told(session: usize, nick: Option<usize>, node: usize, number: usize) -> Told {
    (jid(session), nick.map_or(ROOM.into(), address), NODES[node].into(), number)
}

fn jid(session: usize) -> String {
    format!("person{}@example.org/client{}", session / 2, session % 2)
}

fn address(nick: usize) -> String {
    occupant(&name(nick))
}

fn name(nick: usize) -> String {
    format!("nick{nick}")
}

/// The messages of items that were sent.
fn heard(happened: &Happened) -> Vec<Told> {
    let read = |(to, message): &(_, Element)| {
        let items = message.children().next()?.children().find(|child| child.name() == "items")?;
        let number = items.children().next()?.children().next()?.text().parse().ok()?;
        Some((ToString::to_string(to), message.attr("from")?.into(), items.attr("node")?.into(), number))
    };
    happened.messages.iter().filter_map(read).collect()
}

fn check(mut got: Vec<Told>, mut expected: Vec<Told>) -> Result<(), TestCaseError> {
    got.sort();
    expected.sort();
    prop_assert_eq!(got, expected);
    Ok(())
}

struct Play {
    world: World,
    model: Model,
    /// The stored nodes of the room.
    stored: Vec<NodeRecord>,
    /// The number of the last publish or join.
    number: usize,
}

impl Play {
    fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Join(session, nick, wants, prompt) => self.join(session, nick, wants, prompt),
            Step::Answer(session) => self.answer(session),
            Step::Leave(session) => self.leave(session),
            Step::Nick(session, nick) => self.change_nick(session, nick),
            Step::Kick(nick) => self.kick(nick),
            Step::Publish(session, node) => self.publish(session, node),
            Step::PublishAsRoom(session, node, kept) => self.publish_as_room(session, node, kept),
            Step::DeleteOfRoom(session, node, kept) => self.delete_of_room(session, node, kept),
            Step::Subscribe(session, node) => self.subscribe(session, node),
            Step::Reload => {
                self.world.reload(options());
                Ok(())
            }
            Step::Restore => {
                let happened = self.restore();
                check(heard(&happened), Vec::new())?;
                prop_assert!(happened.questions.is_empty(), "all is known");
                Ok(())
            }
            Step::Rebuild => self.rebuild(),
            Step::Restart => {
                self.model.occupants.clear();
                self.rebuild()
            }
        }
    }

    fn join(
        &mut self,
        session: usize,
        nick: usize,
        wants: BTreeSet<usize>,
        prompt: bool,
    ) -> Result<(), TestCaseError> {
        let nick = self.model.nick_of(session).unwrap_or(nick);
        let theirs = |occupant: &Occupant| occupant.clients.keys().all(|other| other / 2 == session / 2);
        if !self.model.occupants.get(&nick).is_none_or(theirs) {
            return Ok(()); // the nick is taken
        }
        self.number += 1;
        let presence = format!(
            "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='x' ver='{}'/></presence>",
            self.number
        );
        let client = Client { wants, question: None, presence: presence.clone() };
        self.model.occupants.entry(nick).or_default().clients.insert(session, client);
        let happened = self.broadcast(nick, &[], Some(session));
        prop_assert!(happened.messages.is_empty(), "nothing comes before one's own presence");

        let mut happened = self.world.enter(&name(nick), &jid(session), &presence);
        let subscribed = self.model.subscribed(session);
        let of_room = |place: &Told| place.1 == ROOM;
        let last = self.model.last_items(session, &subscribed).into_iter().filter(of_room).collect();
        check(heard(&happened), last)?;
        prop_assert_eq!(happened.questions.len(), 1);
        self.model.client(session).unwrap().question = happened.questions.pop();
        if prompt { self.answer(session) } else { Ok(()) }
    }

    fn answer(&mut self, session: usize) -> Result<(), TestCaseError> {
        let Some(client) = self.model.client(session) else { return Ok(()) };
        let Some(question) = client.question.take() else { return Ok(()) };
        let wants = client.wants.clone();
        let happened = self.world.answer(&answer_to(&question, wants.iter().map(|&node| NODES[node])));
        let subscribed = self.model.subscribed(session);
        let mut new = self.model.last_items(session, &wants);
        new.retain(|(_, from, node, _)| {
            from != ROOM || !subscribed.iter().any(|&subscribed| NODES[subscribed] == node)
        });
        check(heard(&happened), new)
    }

    fn leave(&mut self, session: usize) -> Result<(), TestCaseError> {
        let Some(nick) = self.model.nick_of(session) else { return Ok(()) };
        let occupant = self.model.occupants.get_mut(&nick).unwrap();
        occupant.clients.remove(&session);
        self.model.gone(session);
        if self.model.occupants[&nick].clients.is_empty() {
            return self.kick(nick);
        }
        let happened = self.broadcast(nick, &[session], None);
        check(heard(&happened), Vec::new())
    }

    fn kick(&mut self, nick: usize) -> Result<(), TestCaseError> {
        let Some(occupant) = self.model.occupants.remove(&nick) else { return Ok(()) };
        occupant.clients.keys().for_each(|&session| self.model.gone(session));
        let mut moment = self.world.moment();
        let happened = sort(self.world.host.leave(
            &self.world.info(),
            &address(nick),
            RoomAffiliation::None,
            &mut moment,
        ));
        check(heard(&happened), Vec::new())
    }

    /// A session changes its nick; other sessions of the occupant keep the old one.
    fn change_nick(&mut self, session: usize, to: usize) -> Result<(), TestCaseError> {
        let Some(from) = self.model.nick_of(session) else { return Ok(()) };
        if self.model.occupants.contains_key(&to) {
            return Ok(());
        }
        let (room, mut moment) = (World::room(), self.world.moment());
        if self.model.occupants[&from].clients.len() == 1 {
            let occupant = self.model.occupants.remove(&from).unwrap();
            self.model.occupants.insert(to, occupant);
            self.world.host.rename(&room, &address(from), &address(to).as_str().into());
            prop_assert!(
                self.world
                    .host
                    .leave(&self.world.info(), &address(from), RoomAffiliation::None, &mut moment)
                    .is_empty()
            );
        } else {
            let client = self.model.occupants.get_mut(&from).unwrap().clients.remove(&session).unwrap();
            let happened = self.broadcast(from, &[], None);
            prop_assert!(happened.messages.is_empty());
            self.model.occupants.entry(to).or_default().clients.insert(session, client);
        }
        let mut happened = self.broadcast(to, &[], None);
        check(heard(&happened), Vec::new())?;
        // Sessions that had not answered may be asked again.
        let client = self.model.client(session).unwrap();
        prop_assert!(happened.questions.is_empty() || client.question.is_some());
        client.question = happened.questions.pop().or(client.question.take());
        Ok(())
    }

    fn publish(&mut self, session: usize, node: usize) -> Result<(), TestCaseError> {
        let Some(nick) = self.model.nick_of(session) else { return Ok(()) };
        self.number += 1;
        let happened = self.request(session, &address(nick), &publish(node, self.number));
        prop_assert!(accepted(&happened) && happened.kept.is_empty());
        self.model.occupants.get_mut(&nick).unwrap().nodes.insert(node, self.number);
        check(heard(&happened), self.model.told(Some(nick), node, self.number))
    }

    fn publish_as_room(&mut self, session: usize, node: usize, kept: bool) -> Result<(), TestCaseError> {
        if self.model.nick_of(session).is_none() {
            return Ok(());
        }
        self.number += 1;
        let happened = self.request(session, ROOM, &publish(node, self.number));
        prop_assert_eq!((accepted(&happened), !happened.kept.is_empty()), (session < 2, session < 2));
        if session >= 2 {
            return check(heard(&happened), Vec::new());
        }
        if self.stores(kept) {
            self.model.nodes.insert(node, self.number);
            return check(heard(&happened), self.model.told(None, node, self.number));
        }
        Ok(())
    }

    fn delete_of_room(&mut self, session: usize, node: usize, kept: bool) -> Result<(), TestCaseError> {
        if self.model.nick_of(session).is_none() {
            return Ok(());
        }
        let happened = self.request(session, ROOM, &format!("<delete node='{}'/>", NODES[node]));
        let may = session < 2 && self.model.nodes.contains_key(&node);
        prop_assert_eq!(accepted(&happened), may);
        if may && self.stores(kept) {
            self.model.subscriptions.retain(|&(_, other)| other != node);
            self.model.nodes.remove(&node);
        }
        Ok(())
    }

    fn subscribe(&mut self, session: usize, node: usize) -> Result<(), TestCaseError> {
        if self.model.nick_of(session).is_none() {
            return Ok(());
        }
        let inner = format!("<subscribe node='{}' jid='{}'/>", NODES[node], jid(session));
        let happened = self.request(session, ROOM, &inner);
        let known = self.model.nodes.get(&node).copied();
        prop_assert_eq!(accepted(&happened), known.is_some());
        let Some(number) = known else { return Ok(()) };
        self.model.subscriptions.insert((session, node));
        check(heard(&happened), vec![told(session, None, node, number)])
    }

    /// Stores the changes or fails: then nothing has happened, and the room is loaded from the storage.
    fn stores(&mut self, kept: bool) -> bool {
        if kept {
            self.stored = self.world.host.snapshot(&World::room());
        } else {
            // Every other time it can't be read at first either.
            if self.number % 2 == 0 {
                self.world.host.set_aside(&World::room());
                self.world.host.set_aside(&World::room());
            }
            self.world.host.load(&World::room(), self.stored.clone());
        }
        kept
    }

    /// All sessions in the room join again, in a core that has loaded the storage.
    fn rebuild(&mut self) -> Result<(), TestCaseError> {
        self.world.host = Host::new(options());
        self.world.host.load(&World::room(), self.stored.clone());
        self.model.subscriptions.clear();
        self.model.occupants.values_mut().for_each(|occupant| occupant.nodes.clear());
        let happened = self.restore();
        check(heard(&happened), Vec::new())?;
        prop_assert_eq!(happened.questions.len(), self.model.clients().count());
        for question in happened.questions {
            let asked = (0..SESSIONS).find(|&session| Some(&*jid(session)) == question.attr("to")).unwrap();
            self.model.client(asked).unwrap().question = Some(question);
        }
        Ok(())
    }

    fn restore(&mut self) -> Happened {
        let everybody: Vec<Seen> = (self.model.occupants.iter())
            .map(|(&nick, occupant)| (seen(&name(nick)), sessions(occupant)))
            .collect();
        let mut moment = self.world.moment();
        sort(self.world.host.restore(&self.world.info(), everybody, &mut moment))
    }

    /// The presence of a nick is broadcast.
    fn broadcast(&mut self, nick: usize, left: &[usize], coming: Option<usize>) -> Happened {
        let sessions = SessionsSeen {
            left: left.iter().map(|&session| jid(session).as_str().into()).collect(),
            coming: coming.map(|session| jid(session).as_str().into()),
            ..sessions(&self.model.occupants[&nick])
        };
        let mut moment = self.world.moment();
        sort(self.world.host.presence(&self.world.info(), seen(&name(nick)), &sessions, &mut moment))
    }

    fn request(&mut self, session: usize, to: &str, inner: &str) -> Happened {
        let ns = if inner.starts_with("<delete") { "#owner" } else { "" };
        let iq = format!(
            "<iq type='set' id='i' from='{}' to='{to}'><pubsub xmlns='http://jabber.org/protocol/pubsub{ns}'>{inner}\
             </pubsub></iq>",
            jid(session)
        );
        let nick = name(self.model.nick_of(session).unwrap());
        let room_affiliation = if session < 2 { RoomAffiliation::Owner } else { RoomAffiliation::None };
        self.world.request(&nick, &jid(session), Role::Participant, room_affiliation, &iq).unwrap()
    }

    fn counts(&self) -> [usize; 5] {
        let occupants = self.model.occupants.values();
        let nodes = occupants.map(|occupant| occupant.nodes.len()).sum::<usize>() + self.model.nodes.len();
        [
            self.model.occupants.len(),
            self.model.clients().count(),
            nodes,
            self.model.subscriptions.len(),
            self.model.clients().filter(|(_, client)| client.question.is_some()).count(),
        ]
    }
}

fn sessions(occupant: &Occupant) -> SessionsSeen {
    let here = occupant.clients.iter();
    let here = here.map(|(&session, client)| (jid(session).as_str().into(), said(&client.presence)));
    SessionsSeen { here: here.collect(), ..SessionsSeen::default() }
}

fn publish(node: usize, number: usize) -> String {
    format!("<publish node='{}'><item id='i'><n xmlns='urn:n'>{number}</n></item></publish>", NODES[node])
}

fn accepted(happened: &Happened) -> bool {
    happened.reply.as_ref().unwrap().attr("type") == Some("result")
}

fn options() -> Options {
    Options { publish_burst: 1000, ..Options::default() }
}

proptest! {
    #![proptest_config(support::histories(2000))]

    #[test]
    fn a_room_is_what_its_history_made_of_it(steps in prop::collection::vec(step(), 1..40)) {
        let mut play =
            Play { world: World::new(options()), model: Model::default(), stored: Vec::new(), number: 0 };
        for step in steps {
            play.play(step)?;
            let counts = play.world.host.counts();
            let held = [counts.occupants, counts.sessions, counts.nodes, counts.subscriptions, counts.asking];
            prop_assert_eq!(held, play.counts(), "occupants, sessions, nodes, subscriptions, questions");
        }
        for nick in 0..NICKS {
            play.kick(nick)?;
        }
        let counts = play.world.host.counts();
        prop_assert_eq!((counts.occupants, counts.sessions, counts.subscriptions, counts.asking), (0, 0, 0, 0));
        prop_assert_eq!(play.world.host.snapshot(&World::room()), play.stored, "the storage has what the room has");
    }
}
