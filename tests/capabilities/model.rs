//! The model: where sessions are, what each claims, and what the room was told about that. No index, no sharing.

#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mep_core::caps::Counters;
use mep_core::host::Counts;

use crate::clients::{Answer, Claim, Hash, QUIET, Wanted};

/// A session in a room: room, full JID.
pub type Who = (String, String);

/// Messages by recipient, in the order of arrival.
pub type Told = BTreeMap<Who, Vec<Note>>;

/// A message: sender, node, content, and whether it is delayed.
pub type Note = (String, String, String, bool);

/// A session in a room.
#[derive(Debug, Clone)]
pub struct Stay {
    /// The claim of the last presence.
    pub said: Option<Rc<Claim>>,
    /// The claim of the last presence with one.
    claim: Option<Rc<Claim>>,
    pub wants: Wanted,
    understood: bool,
    /// Whether it was asked already, in vain.
    tried: bool,
    /// Whether it was asked in vain, and its last presence since then came while another session was being asked.
    pub passed_over: bool,
    question: Option<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    id: String,
    deadline: u64,
    in_flight: bool,
}

#[derive(Debug, Default, Clone)]
pub struct Occupant {
    pub nick: String,
    pub sessions: BTreeSet<String>,
    pub nodes: BTreeMap<&'static str, Option<u64>>,
}

#[derive(Debug, Default)]
pub struct Room {
    /// In the order of joining.
    pub occupants: Vec<Occupant>,
    pub nodes: BTreeMap<&'static str, Option<u64>>,
    pub stays: BTreeMap<String, Stay>,
}

/// What a group of sessions waits for: a hash, or their own answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Hash(Hash),
    Session(Who),
}

#[derive(Debug, Default)]
struct Group {
    waiting: BTreeSet<Who>,
    asking: Option<Who>,
    /// Whether one of the sessions that were not asked yet must be asked now.
    owed: bool,
    silent: u32,
}

#[derive(Debug, Default)]
pub struct Model {
    pub now: u64,
    pub timeout: u64,
    pub limit: usize,
    pub rooms: BTreeMap<String, Room>,
    /// The verified sets, the most recently used one last.
    pub known: Vec<(Hash, Wanted)>,
    groups: BTreeMap<Key, Group>,
    pub counters: Counters,
    /// By key, the number of questions, and of those in vain.
    asked: BTreeMap<Key, (u64, u64)>,
}

impl Room {
    pub fn at(&self, nick: &str) -> Option<&Occupant> {
        self.occupants.iter().find(|occupant| occupant.nick == nick)
    }

    pub fn at_mut(&mut self, nick: &str) -> Option<&mut Occupant> {
        self.occupants.iter_mut().find(|occupant| occupant.nick == nick)
    }

    pub fn nick_of(&self, jid: &str) -> Option<&str> {
        let occupant = self.occupants.iter().find(|occupant| occupant.sessions.contains(jid))?;
        Some(&occupant.nick)
    }

    /// Puts a session at a nick, wherever it was.
    pub fn put(&mut self, nick: &str, jid: &str) {
        for occupant in &mut self.occupants {
            occupant.sessions.remove(jid);
        }
        if self.at(nick).is_none() {
            self.occupants.push(Occupant { nick: nick.to_owned(), ..Occupant::default() });
        }
        self.at_mut(nick).unwrap().sessions.insert(jid.to_owned());
    }
}

impl Model {
    /// A session joins, or joins again; it has its nick already.
    pub fn enter(&mut self, who: &Who, said: Option<Rc<Claim>>) -> Told {
        self.withdraw(who);
        let stay = Stay {
            said: said.clone(),
            claim: said.clone(),
            wants: Wanted::new(),
            understood: false,
            tried: false,
            passed_over: false,
            question: None,
        };
        self.rooms.get_mut(&who.0).unwrap().stays.insert(who.1.clone(), stay);
        let mut told = Told::new();
        if let Some(claim) = said {
            self.understand_or_ask(who, &claim, &mut told);
        }
        told
    }

    /// The presence of `nick` is broadcast, while `coming` is joining.
    pub fn presence(&mut self, room: &str, nick: &str, coming: Option<&str>) -> Told {
        let mut told = Told::new();
        let sessions = self.rooms[room].at(nick).map(|at| at.sessions.clone()).unwrap_or_default();
        for jid in sessions {
            let who = (room.to_owned(), jid);
            let Some(stay) = self.stay(&who).filter(|_| coming != Some(&who.1)) else { continue };
            let Some(said) = stay.said.clone() else { continue };
            let same = stay.claim.as_ref() == Some(&said);
            if same && stay.understood {
                continue;
            }
            let group = self.groups.get(&key(&said, &who)).filter(|group| group.waiting.contains(&who));
            if same && group.is_some_and(|group| group.owed || group.asking.is_some()) {
                let in_turn = group.is_some_and(|group| group.asking.as_ref() == Some(&who));
                let stay = self.stay_mut(&who).unwrap();
                stay.passed_over = stay.tried && !in_turn;
                continue;
            }
            if !same {
                self.withdraw(&who);
            }
            let stay = self.stay_mut(&who).unwrap();
            (stay.claim, stay.understood) = (Some(Rc::clone(&said)), false);
            self.understand_or_ask(&who, &said, &mut told);
        }
        told
    }

    /// A session departs. Returns its data, in case it is readmitted.
    pub fn part(&mut self, who: &Who) -> Stay {
        self.withdraw(who);
        let room = self.rooms.get_mut(&who.0).unwrap();
        for occupant in &mut room.occupants {
            occupant.sessions.remove(&who.1);
        }
        room.stays.remove(&who.1).unwrap()
    }

    /// A session that has just departed reappears at another nick. Without an interest, it may have been waiting.
    pub fn back(&mut self, who: &Who, nick: &str, mut stay: Stay) {
        if stay.wants.is_empty() {
            stay.claim = None;
        }
        let room = self.rooms.get_mut(&who.0).unwrap();
        room.stays.insert(who.1.clone(), stay);
        room.put(nick, &who.1);
    }

    /// An occupant leaves, with all sessions.
    pub fn leave(&mut self, room: &str, nick: &str) {
        let gone = self.rooms[room].at(nick).unwrap().sessions.clone();
        for jid in gone {
            self.part(&(room.to_owned(), jid));
        }
        self.rooms.get_mut(room).unwrap().occupants.retain(|occupant| occupant.nick != nick);
    }

    pub fn destroy(&mut self, room: &str) {
        let nicks: Vec<_> = self.rooms[room].occupants.iter().map(|occupant| occupant.nick.clone()).collect();
        for nick in nicks {
            self.leave(room, &nick);
        }
        self.rooms.insert(room.to_owned(), Room::default());
    }

    /// Starts anew with what was stored.
    pub fn restart(&mut self, known: &[(Hash, Wanted)]) {
        self.groups.clear();
        self.asked.clear();
        self.counters = Counters::default();
        self.known = known.to_vec();
        for room in self.rooms.values_mut() {
            room.occupants.iter_mut().for_each(|occupant| occupant.nodes.clear());
            room.occupants.sort_by(|a, b| a.nick.cmp(&b.nick));
            for stay in room.stays.values_mut() {
                (stay.question, stay.understood, stay.claim) = (None, false, None);
                stay.wants.clear();
            }
        }
    }

    /// The recipients of an event at a node of an occupant, or of the room.
    pub fn told(&self, room: &str, at: Option<&str>, node: &str, what: &str) -> Told {
        let message = (address(room, at), node.to_owned(), what.to_owned(), false);
        let stays = self.rooms[room].stays.iter();
        let wanting = stays.filter(|(_, stay)| stay.wants.contains(node) && (at.is_none() || node != QUIET));
        wanting.map(|(jid, _)| ((room.to_owned(), jid.clone()), vec![message.clone()])).collect()
    }

    /// Checks a question of the room: which session it may ask, and what.
    pub fn asks(&mut self, id: &str, who: &Who, node: &str) {
        let stay = self.stay(who).unwrap_or_else(|| panic!("{who:?} is not there, and asked"));
        let claim = stay.claim.clone().unwrap();
        assert_eq!(claim.node, node, "{who:?} is asked for what it does not claim");
        assert!(!stay.understood, "{who:?} is understood, and asked");
        let open = stay.question.as_ref();
        assert!(open.is_none(), "{who:?} is asked a second time");
        if let Some(hash) = claim.hashes.first() {
            assert!(!self.knows(hash), "{hash:?} is known, and asked for");
        }
        let (now, timeout, key) = (self.now, self.timeout, key(&claim, who));
        let group = self.groups.get_mut(&key).unwrap();
        assert!(group.waiting.contains(who), "{who:?} does not wait, and is asked");
        let due = group.owed || group.asking.as_ref() == Some(who);
        assert!(due, "{who:?} is asked out of turn, {key:?}: {group:?}");
        (group.asking, group.owed) = (Some(who.clone()), false);
        let deadline = now + (timeout >> group.silent.min(4)).max(timeout.min(1000));
        let stay = self.stay_mut(who).unwrap();
        assert!(!stay.tried, "{who:?} is asked before all others are");
        (stay.tried, stay.question) = (true, Some(Asked { id: id.to_owned(), deadline, in_flight: true }));
        self.counters.asked += 1;
        self.asked.entry(key).or_default().0 += 1;
    }

    /// An answer comes. `None`: it is not one.
    pub fn answer(&mut self, id: &str, from: &str, answer: &Answer) -> Option<Told> {
        let room = self.rooms.iter().find(|(_, room)| {
            let question = room.stays.get(from).and_then(|stay| stay.question.as_ref());
            question.is_some_and(|question| question.id == id)
        })?;
        let who = (room.0.clone(), from.to_owned());
        let claim = self.stay(&who).unwrap().claim.clone().unwrap();
        let mut told = Told::new();
        let refused = claim.hashes.first().is_some_and(|hash| hash.way == "caps");
        let wants = match answer {
            Answer::Doubled(_) if refused => None,
            Answer::Info(product) | Answer::Doubled(product) => Some(&product.wants),
            Answer::Error | Answer::Huge => None,
        };
        let Some(wants) = wants else {
            self.counters.refused += 1;
            self.close_question(&who);
            return Some(told);
        };
        self.counters.answered += 1;
        let filed: Vec<_> = claim.hashes.iter().filter(|hash| answer.has(hash)).cloned().collect();
        for hash in &filed {
            self.known.retain(|(other, _)| other != hash);
            self.known.push((hash.clone(), wants.clone()));
            self.bound();
        }
        if claim.hashes.first().is_some_and(|hash| !filed.contains(hash)) {
            self.counters.mismatched += 1;
            let others = self.groups[&key(&claim, &who)].waiting.clone();
            for other in others.iter().filter(|other| **other != who && !filed.is_empty()) {
                let claim = self.stay(other).unwrap().claim.clone().unwrap();
                if let Some(wants) = self.known(&claim) {
                    self.serve(other, &wants, &mut told);
                }
            }
        }
        for hash in filed {
            let waiting = self.groups.get(&Key::Hash(hash)).map(|group| group.waiting.clone());
            waiting.iter().flatten().for_each(|who| self.serve(who, wants, &mut told));
        }
        if self.groups.get(&key(&claim, &who)).is_some_and(|group| group.waiting.contains(&who)) {
            self.serve(&who, wants, &mut told);
        }
        Some(told)
    }

    /// Some questions have timed out.
    pub fn wake(&mut self) {
        let late: Vec<_> = self.asking().filter(|(_, _, asked)| asked.deadline <= self.now).collect();
        for (key, who) in late.into_iter().map(|(key, who, _)| (key.clone(), who.clone())).collect::<Vec<_>>()
        {
            self.counters.timed_out += 1;
            self.asked.entry(key.clone()).or_default().1 += 1;
            self.groups.get_mut(&key).unwrap().silent += 1;
            self.stay_mut(&who).unwrap().question.as_mut().unwrap().in_flight = false;
            self.next(&key);
        }
    }

    /// The first deadline of an answer.
    pub fn deadline(&self) -> Option<u64> {
        self.asking().map(|(_, _, asked)| asked.deadline).min()
    }

    /// The invariants after each call.
    pub fn check(&self, counts: Counts, counters: Counters) {
        assert_eq!(counters, self.counters);
        let (known, asking, held) = (self.known.len(), self.asking().count(), counts.held);
        let mut expected = Counts { known, asking, held, ..Counts::default() };
        for room in self.rooms.values() {
            expected.rooms += usize::from(!room.occupants.is_empty() || !room.nodes.is_empty());
            expected.occupants += room.occupants.len();
            expected.sessions += room.stays.len();
            expected.nodes +=
                room.nodes.len() + room.occupants.iter().map(|at| at.nodes.len()).sum::<usize>();
        }
        assert_eq!(counts, expected);
        for (key, group) in &self.groups {
            let untried = group.waiting.iter().find(|who| !self.stay(who).unwrap().tried);
            assert!(
                group.asking.is_some() || untried.is_none(),
                "{untried:?} waits for {key:?}, and no session is asked"
            );
            let asking = group.asking.as_ref().map(|who| self.stay(who).unwrap().question.is_some());
            assert!(!group.owed && asking != Some(false), "nobody is asked for {key:?}: {group:?}");
        }
        if self.counters.evicted == 0 {
            for (key, (asked, failed)) in &self.asked {
                assert!(
                    *asked <= 1 + failed,
                    "{asked} questions about {key:?}, of which {failed} came to nothing"
                );
            }
        }
    }

    pub fn stay(&self, (room, jid): &Who) -> Option<&Stay> {
        self.rooms.get(room)?.stays.get(jid)
    }

    pub fn stay_mut(&mut self, (room, jid): &Who) -> Option<&mut Stay> {
        self.rooms.get_mut(room)?.stays.get_mut(jid)
    }

    /// Evicts sets over the limit.
    pub fn bound(&mut self) {
        let over = self.known.len().saturating_sub(self.limit);
        self.known.drain(..over);
        self.counters.evicted += over as u64;
    }

    fn asking(&self) -> impl Iterator<Item = (&Key, &Who, &Asked)> {
        self.groups.iter().filter_map(|(key, group)| {
            let who = group.asking.as_ref()?;
            Some((key, who, self.stay(who)?.question.as_ref()?))
        })
    }

    fn knows(&self, hash: &Hash) -> bool {
        self.known.iter().any(|(other, _)| other == hash)
    }

    fn known(&mut self, claim: &Claim) -> Option<Wanted> {
        let hash = claim.hashes.first().and(claim.trusted().find(|hash| self.knows(hash)))?;
        let at = self.known.iter().position(|(other, _)| other == hash)?;
        let used = self.known.remove(at);
        self.known.push(used.clone());
        Some(used.1)
    }

    fn understand_or_ask(&mut self, who: &Who, claim: &Rc<Claim>, told: &mut Told) {
        self.close_question(who);
        let stay = self.stay_mut(who).unwrap();
        (stay.tried, stay.passed_over) = (false, false);
        if let Some(wants) = self.known(claim) {
            self.serve(who, &wants, told);
        } else {
            let group = self.groups.entry(key(claim, who)).or_default();
            group.waiting.insert(who.clone());
            if !group.owed {
                group.asking.get_or_insert_with(|| who.clone());
            }
        }
    }

    /// A session's interest is known: the last items of its new nodes follow.
    fn serve(&mut self, who: &Who, wants: &Wanted, told: &mut Told) {
        self.withdraw(who);
        let stay = self.stay_mut(who).unwrap();
        stay.understood = true;
        let old = std::mem::replace(&mut stay.wants, wants.clone());
        let new: Wanted = wants.difference(&old).copied().collect();
        let room = &self.rooms[&who.0];
        let notes = told.entry(who.clone()).or_default();
        let mut last =
            |at: Option<&str>, nodes: &BTreeMap<&'static str, Option<u64>>| {
                let wanted =
                    nodes.iter().filter(|(node, _)| new.contains(*node) && (at.is_none() || **node != QUIET));
                let items = wanted.filter_map(|(node, item)| Some((node, (*item)?)));
                notes.extend(items.map(|(node, item)| {
                    (address(&who.0, at), (*node).to_owned(), format!("item {item}"), true)
                }));
            };
        last(None, &room.nodes);
        room.occupants.iter().for_each(|occupant| last(Some(&occupant.nick), &occupant.nodes));
        if notes.is_empty() {
            told.remove(who);
        }
    }

    /// A session does not wait any more.
    fn withdraw(&mut self, who: &Who) {
        self.close_question(who);
        let Some(claim) = self.stay(who).and_then(|stay| stay.claim.clone()) else { return };
        let key = key(&claim, who);
        let Some(group) = self.groups.get_mut(&key) else { return };
        if !group.waiting.remove(who) {
            return;
        }
        if group.waiting.is_empty() {
            self.groups.remove(&key);
        } else if group.owed || group.asking.as_ref() == Some(who) {
            self.next(&key);
        }
    }

    /// No session is being asked any more: the next one must be, if there is one.
    fn next(&mut self, key: &Key) {
        let untried = |who: &Who| self.stay(who).is_some_and(|stay| !stay.tried);
        let owed = self.groups[key].waiting.iter().any(untried);
        let group = self.groups.get_mut(key).unwrap();
        (group.asking, group.owed) = (None, owed);
    }

    /// The answer to a question does not count any more.
    fn close_question(&mut self, who: &Who) {
        let Some(stay) = self.stay_mut(who) else { return };
        let (claim, question) = (stay.claim.clone(), stay.question.take());
        if let (Some(claim), Some(Asked { in_flight: true, .. })) = (claim, question) {
            let key = key(&claim, who);
            self.asked.entry(key.clone()).or_default().1 += 1;
            self.next(&key);
        }
    }
}

/// The JID of a room, or of an occupant.
pub fn address(room: &str, nick: Option<&str>) -> String {
    nick.map_or_else(|| room.to_owned(), |nick| format!("{room}/{nick}"))
}

fn key(claim: &Claim, who: &Who) -> Key {
    claim.hashes.first().map_or_else(|| Key::Session(who.clone()), |hash| Key::Hash(hash.clone()))
}
