//! Last items in batches: each arrives once, none arrives that is not wanted any more, and others are served in
//! between.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use mep_core::effect::Effect;
use mep_core::facts::{Role, RoomAffiliation, SessionsSeen};
use mep_core::options::Options;
use mep_core::pubsub::snapshot::NodeRecord;
use minidom::Element;
use proptest::prelude::*;
use support::people::{CRONE, HECATE, THE_ROOM, WICCA, room_of};
use support::{Happened, ROOM, World, answer_to, occupant, said, seen, sort};

const BATCH: usize = 2;
const NODES: [&str; 2] = ["urn:a", "urn:b"];
const PEOPLE: usize = 4;

/// A node: its owner (`None` is the room), and its number.
type Place = (Option<usize>, usize);

#[derive(Debug, Clone)]
enum Step {
    /// Joins, or joins again, with interest in these nodes.
    Join(usize, BTreeSet<usize>),
    Want(usize, BTreeSet<usize>),
    Leave(usize),
    Nick(usize),
    Publish(usize, usize),
    /// Undone if storing fails.
    PublishAsRoom(usize, bool),
    Retract(Option<usize>, usize),
    Delete(Option<usize>, usize),
    Wake,
    Reload,
    /// The admin changes options meanwhile.
    SetOptions,
    DestroyRoom,
}

fn step() -> impl Strategy<Value = Step> {
    let (person, node) = (0..PEOPLE, 0..NODES.len());
    let wants = prop::collection::btree_set(node.clone(), 0..=NODES.len());
    let place = (prop::option::of(person.clone()), node.clone());
    prop_oneof![
        8 => (person.clone(), wants.clone()).prop_map(|(who, wants)| Step::Join(who, wants)),
        4 => (person.clone(), wants).prop_map(|(who, wants)| Step::Want(who, wants)),
        2 => person.clone().prop_map(Step::Leave),
        2 => person.clone().prop_map(Step::Nick),
        8 => (person, node.clone()).prop_map(|(who, node)| Step::Publish(who, node)),
        4 => (node, prop::bool::weighted(0.7)).prop_map(|(node, kept)| Step::PublishAsRoom(node, kept)),
        1 => place.clone().prop_map(|(who, node)| Step::Retract(who, node)),
        1 => place.prop_map(|(who, node)| Step::Delete(who, node)),
        4 => Just(Step::Wake),
        1 => Just(Step::Reload),
        1 => Just(Step::SetOptions),
        1 => Just(Step::DestroyRoom),
    ]
}

/// A session in the room.
#[derive(Debug, Default)]
struct Affiliate {
    nick: String,
    ver: usize,
    wants: BTreeSet<usize>,
    /// The items that arrived since it became interested.
    heard: BTreeMap<usize, BTreeSet<usize>>,
}

struct Play {
    world: World,
    people: BTreeMap<usize, Affiliate>,
    /// The number of the last item there.
    items: BTreeMap<Place, usize>,
    stored: (BTreeMap<Place, usize>, Vec<NodeRecord>),
    number: usize,
}

impl Play {
    fn new(options: Options) -> Self {
        Self {
            world: World::new(options),
            people: BTreeMap::new(),
            items: BTreeMap::new(),
            stored: (BTreeMap::new(), Vec::new()),
            number: 0,
        }
    }

    fn play(&mut self, step: Step) {
        self.world.now += 1;
        match step {
            Step::Join(who, wants) => {
                let person = self.people.entry(who).or_default();
                let nick = if person.nick.is_empty() { format!("nick{who}") } else { person.nick.clone() };
                *person = Affiliate { nick: nick.clone(), ..Affiliate::default() };
                let (presence, mut moment) = (self.presence(who), self.world.moment());
                let effects = self.world.host.enter(
                    &self.world.info(),
                    seen(&nick),
                    &jid(who),
                    said(&presence),
                    &mut moment,
                );
                self.asked(who, wants, effects);
            }
            Step::Want(who, wants) if self.people.contains_key(&who) => {
                let presence = self.presence(who);
                let effects = self.broadcast(who, &presence);
                self.asked(who, wants, effects);
            }
            Step::Leave(who) => {
                let Some(person) = self.people.remove(&who) else { return };
                self.items.retain(|(holder, _), _| *holder != Some(who));
                self.gone(&person.nick);
            }
            Step::Nick(who) => {
                self.number += 1;
                let new = format!("nick{who}-{}", self.number);
                let Some(person) = self.people.get_mut(&who) else { return };
                let old = std::mem::replace(&mut person.nick, new.clone());
                let ver = person.ver;
                self.world.host.rename(&World::room(), &occupant(&old), &occupant(&new).as_str().into());
                self.gone(&old);
                let effects = self.broadcast(who, &presence(ver));
                self.done(effects, 0);
            }
            Step::Publish(who, node) if self.people.contains_key(&who) => self.publish((Some(who), node)),
            Step::PublishAsRoom(node, kept) if !self.people.is_empty() => self.publish_as_room(node, kept),
            Step::Retract(who, node) if self.is_there((who, node)) => {
                self.items.remove(&(who, node));
                let effects = self.request(
                    who,
                    &format!("<retract node='{}'><item id='i'/></retract>", NODES[node]),
                    "",
                );
                self.done(effects, usize::MAX);
                self.store();
            }
            Step::Delete(who, node) if self.is_there((who, node)) => {
                self.items.remove(&(who, node));
                let effects = self.request(who, &format!("<delete node='{}'/>", NODES[node]), "#owner");
                self.done(effects, usize::MAX);
                self.store();
            }
            Step::Wake => self.wake(),
            Step::Reload => self.world.reload(options()),
            Step::SetOptions => self.world.set_options(options()),
            Step::DestroyRoom => {
                self.people.clear();
                self.items.clear();
                let mut moment = self.world.moment();
                let effects = self.world.host.destroy(&World::room(), &mut moment);
                self.done(effects, 0);
                self.store();
            }
            _ => {}
        }
        let pending = self.world.host.counts().pending;
        let is_due = self.world.host.next_deadline() == Some(0);
        assert!(pending == 0 || is_due, "{pending} are pending, and nothing wakes the host");
    }

    /// Whether there is such an item, and a session to retract it.
    fn is_there(&self, place: Place) -> bool {
        !self.people.is_empty() && self.items.contains_key(&place)
    }

    /// A presence with a new claim.
    fn presence(&mut self, who: usize) -> String {
        self.number += 1;
        self.people.get_mut(&who).unwrap().ver = self.number;
        presence(self.number)
    }

    fn broadcast(&mut self, who: usize, presence: &str) -> Vec<Effect> {
        let sessions = SessionsSeen { here: vec![(jid(who), said(presence))], ..SessionsSeen::default() };
        let (nick, mut moment) = (self.people[&who].nick.clone(), self.world.moment());
        self.world.host.presence(&self.world.info(), seen(&nick), &sessions, &mut moment)
    }

    fn gone(&mut self, nick: &str) {
        let mut moment = self.world.moment();
        let effects =
            self.world.host.leave(&self.world.info(), &occupant(nick), RoomAffiliation::None, &mut moment);
        self.done(effects, 0);
    }

    /// Answers a question; the first batch comes at once.
    fn asked(&mut self, who: usize, wants: BTreeSet<usize>, effects: Vec<Effect>) {
        let mut happened = self.done(effects, 0);
        let question = happened.questions.pop().unwrap();
        let answer = answer_to(&question, wants.iter().map(|&node| NODES[node]));
        let person = self.people.get_mut(&who).unwrap();
        person.heard.retain(|node, _| wants.contains(node) && person.wants.contains(node));
        person.wants = wants;
        let mut moment = self.world.moment();
        let effects = self.world.host.answer(&answer, &mut moment).unwrap();
        self.done(effects, BATCH);
    }

    fn publish(&mut self, place: Place) {
        let effects = self.put(place);
        self.done(effects, usize::MAX);
    }

    fn publish_as_room(&mut self, node: usize, kept: bool) {
        let before = self.items.clone();
        let effects = self.put((None, node));
        if kept {
            self.done(effects, usize::MAX);
            self.store();
        } else {
            self.items = before;
            self.world.host.load(&World::room(), self.stored.1.clone());
            assert_eq!(self.room_items(), self.stored.0);
        }
    }

    fn put(&mut self, place: Place) -> Vec<Effect> {
        self.number += 1;
        self.items.insert(place, self.number);
        let payload = format!("<n xmlns='urn:n'>{}</n>", self.number);
        let inner = format!("<publish node='{}'><item id='i'>{payload}</item></publish>", NODES[place.1]);
        self.request(place.0, &inner, "")
    }

    fn store(&mut self) {
        self.stored = (self.room_items(), self.world.host.snapshot(&World::room()));
    }

    fn room_items(&self) -> BTreeMap<Place, usize> {
        self.items.iter().filter(|((who, _), _)| who.is_none()).map(|(&place, &n)| (place, n)).collect()
    }

    /// A request of an occupant to its own service, or of any occupant to the room.
    fn request(&mut self, of: Option<usize>, inner: &str, owner: &str) -> Vec<Effect> {
        let who = of.unwrap_or_else(|| *self.people.keys().next().unwrap());
        let nick = self.people[&who].nick.clone();
        let to = if of.is_some() { occupant(&nick) } else { ROOM.to_owned() };
        let iq = format!(
            "<iq type='set' id='i' from='{}' to='{to}'><pubsub xmlns='http://jabber.org/protocol/pubsub{owner}'>\
             {inner}</pubsub></iq>",
            jid(who)
        );
        let jid = jid(who);
        self.world
            .request_effects(&nick, jid.as_str(), Role::Participant, RoomAffiliation::Owner, &iq)
            .unwrap()
    }

    fn wake(&mut self) {
        let mut moment = self.world.moment();
        let effects = self.world.host.wake(&mut moment);
        self.done(effects, BATCH);
    }

    /// Carries out effects, with at most `most` items.
    fn done(&mut self, effects: Vec<Effect>, most: usize) -> Happened {
        let happened = sort(effects);
        let items: Vec<_> =
            happened.messages.iter().filter_map(|(to, message)| read(to.as_str(), message)).collect();
        assert!(items.len() <= most, "{} at once", items.len());
        for (to, from, node, number) in items {
            let of = |nick: &str| self.people.iter().find(|(_, p)| p.nick == nick).map(|(&who, _)| who);
            let place = (from.split_once('/').map(|(_, nick)| of(nick).unwrap()), node);
            assert_eq!(self.items.get(&place), Some(&number), "it is current");
            let who = (0..10).find(|&who| jid(who).as_str() == to).unwrap();
            let person = self.people.get_mut(&who).unwrap();
            assert!(person.wants.contains(&node), "it is wanted");
            assert!(person.heard.entry(node).or_default().insert(number), "{who} is told of {number} again");
        }
        happened
    }

    /// Lets the host send all pending items. Then each session has what it wants.
    fn settle(&mut self) {
        while self.world.host.next_deadline() == Some(0) {
            self.world.now += 1;
            self.wake();
        }
        assert_eq!(self.world.host.counts().pending, 0);
        for (who, person) in &self.people {
            for ((_, node), number) in &self.items {
                let heard = person.heard.get(node).is_some_and(|heard| heard.contains(number));
                assert_eq!(heard, person.wants.contains(node), "{who} of {number}");
            }
        }
    }
}

fn presence(ver: usize) -> String {
    format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='x' ver='{ver}'/></presence>"
    )
}

fn jid(who: usize) -> mep_core::jid::SessionJid {
    format!("person{who}@example.org/client").as_str().into()
}

/// Recipient, sender, node, number of the item.
fn read(to: &str, message: &Element) -> Option<(String, String, usize, usize)> {
    let items = message.children().next()?.children().find(|child| child.name() == "items")?;
    let number = items.children().next()?.children().next()?.text().parse().ok()?;
    let node = NODES.iter().position(|&node| Some(node) == items.attr("node"))?;
    Some((to.into(), message.attr("from")?.into(), node, number))
}

fn options() -> Options {
    Options { last_items_batch: BATCH, publish_burst: 1_000_000, ..Options::default() }
}

/// Five occupants who have published, in the order of their numbers.
fn crowd() -> Play {
    let mut play = Play::new(options());
    for who in 1..=5 {
        play.play(Step::Join(who, BTreeSet::new()));
        play.play(Step::Publish(who, 0));
    }
    play
}

/// The senders of the messages to one of them since, in order.
fn heard(happened: &Happened, who: usize) -> Vec<String> {
    let theirs = happened.messages.iter().filter(|(to, _)| *to == jid(who));
    theirs.map(|(_, message)| message.attr("from").unwrap().rsplit_once("nick").unwrap().1.into()).collect()
}

impl Play {
    fn woken(&mut self) -> (Vec<Effect>, usize) {
        let mut moment = self.world.moment();
        let effects = self.world.host.wake(&mut moment);
        (effects, self.world.host.counts().pending)
    }
}

#[test]
fn the_first_batch_comes_at_once_and_the_others_in_turn() {
    let mut play = crowd();
    let everything: BTreeSet<_> = [0].into();
    play.play(Step::Join(6, everything.clone()));
    assert_eq!((play.world.host.counts().pending, play.world.host.next_deadline()), (3, Some(0)));
    play.play(Step::Join(7, everything));
    assert_eq!((play.world.host.counts().pending, play.world.host.next_deadline()), (6, Some(0)));
    let mut order = Vec::new();
    for (left, deadline) in [(4, Some(0)), (2, Some(0)), (0, None)] {
        let (effects, pending) = play.woken();
        assert_eq!((pending, play.world.host.next_deadline()), (left, deadline));
        let happened = sort(effects);
        order.push([heard(&happened, 6), heard(&happened, 7)].map(|froms| froms.concat()));
    }
    assert_eq!(order, [["34", ""], ["", "34"], ["5", "5"]].map(|batch| batch.map(str::to_owned)));
    assert_eq!(sort(play.woken().0).messages.len(), 0);
}

#[test]
fn who_comes_in_again_is_sent_all_of_it_again_from_the_start() {
    let mut play = crowd();
    play.play(Step::Join(6, [0].into()));
    assert_eq!(heard(&sort(play.woken().0), 6), ["3", "4"]);
    play.play(Step::Join(6, [0].into()));
    assert_eq!(heard(&sort(play.woken().0), 6), ["3", "4"]);
    assert_eq!(heard(&sort(play.woken().0), 6), ["5"]);
    play.play(Step::Join(6, [0].into()));
    play.play(Step::Leave(6));
    assert_eq!(play.world.host.counts().pending, 0);
}

#[test]
fn who_changes_the_nick_and_leaves_another_client_behind_is_sent_the_rest() {
    let mut play = crowd();
    play.play(Step::Join(6, [0].into()));
    let phone = mep_core::jid::SessionJid::from("person6@example.org/phone");
    let mut moment = play.world.moment();
    play.world.host.enter(&play.world.info(), seen("nick6"), &phone, said("<presence/>"), &mut moment);
    let presence = presence(play.people[&6].ver);
    for (nick, jid) in [("nick6", phone), ("other", jid(6))] {
        let sessions = SessionsSeen { here: vec![(jid, said(&presence))], ..SessionsSeen::default() };
        play.world.host.presence(&play.world.info(), seen(nick), &sessions, &mut moment);
        let expected = if nick == "other" { 3 } else { 0 };
        assert_eq!(play.world.host.counts().pending, expected, "{nick}");
    }
    let happened = sort(play.woken().0);
    assert_eq!(heard(&happened, 6), ["3", "4"]);
}

#[test]
fn a_new_subscription_to_many_nodes_is_answered_in_batches_too() {
    let mut play = Play::new(options());
    play.play(Step::Join(0, BTreeSet::new()));
    for node in 0..5 {
        let inner = format!("<publish node='urn:{node}'><item><n xmlns='urn:n'/></item></publish>");
        play.request(None, &inner, "");
    }
    let effects = play.request(None, &format!("<subscribe jid='{}'/>", jid(0)), "");
    assert_eq!(sort(effects).messages.len(), 2);
    assert_eq!((play.world.host.counts().pending, play.world.host.next_deadline()), (3, Some(0)));
    play.request(None, &format!("<unsubscribe jid='{}'/>", jid(0)), "");
    assert_eq!(sort(play.woken().0).messages.len(), 0, "it is not wanted any more");
    assert_eq!(sort(play.woken().0).messages.len(), 0);
    assert_eq!(play.world.host.counts().pending, 0);
}

#[test]
fn what_is_pending_is_within_the_bound() {
    let mut play = crowd();
    play.world.reload(Options { max_last_items: 4, ..options() });
    play.play(Step::Join(6, [0].into()));
    assert_eq!(play.world.host.counts().pending, 2);
    let froms: Vec<_> = (0..2).flat_map(|_| heard(&sort(play.woken().0), 6)).collect();
    assert_eq!(froms, ["3", "2"], "the newest of them, the newest first; 5 and 4 came at once");
}

#[test]
fn what_is_pending_already_is_sent_where_the_bounds_are_lowered() {
    let mut play = crowd();
    play.play(Step::Join(6, [0].into()));
    assert_eq!((play.world.host.counts().pending, play.world.host.next_deadline()), (3, Some(0)));
    play.world.set_options(Options {
        max_last_items: 0,
        max_last_items_size: 0,
        last_items_batch: 1,
        max_nodes: 0,
        caps_cache_size: 1,
        ..options()
    });
    play.play(Step::Join(7, [0].into()));
    assert_eq!(play.world.host.counts().pending, 3, "nothing more is pending");
    for left in [2, 1, 0] {
        let (effects, pending) = play.woken();
        assert_eq!((pending, play.world.host.next_deadline()), (left, (left > 0).then_some(0)));
        assert_eq!(sort(effects).messages.len(), 1);
    }
}

#[test]
fn the_rooms_come_first_also_by_a_later_subscription_and_where_there_are_too_many() {
    let mut world = room_of(&[HECATE, CRONE, WICCA]);
    world.publish(HECATE, THE_ROOM, "pins", "1");
    for node in ["a", "b", "c"] {
        world.now += 1;
        world.publish(CRONE, CRONE, node, "1");
    }
    let froms = |happened: &Happened| -> Vec<_> {
        happened.messages.iter().map(|(_, message)| message.attr("from").unwrap().to_owned()).collect()
    };
    for (at, node) in [(Some(CRONE), ""), (THE_ROOM, "node='pins'")] {
        world.set(WICCA, at, &format!("<subscribe {node} jid='{}'/>", WICCA.jid)).result();
    }
    for (most, occupants) in [(9, 3), (2, 1)] {
        world.set_options(Options { max_last_items: most, ..Options::default() });
        let mut expected = vec![ROOM.to_owned()];
        expected.extend(std::iter::repeat_n(CRONE.address(), occupants));
        assert_eq!(froms(&world.join(WICCA)), expected);
    }
}

proptest! {
    #![proptest_config(support::histories(500))]

    #[test]
    fn each_arrives_once_whatever_happens_meanwhile(steps in prop::collection::vec(step(), 1..60)) {
        let mut play = Play::new(options());
        for step in steps {
            play.play(step);
        }
        play.settle();
    }
}
