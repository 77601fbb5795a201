//! What clients and servers do in a [`World`].

#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::BTreeMap;
use std::rc::Rc;

use mep_core::facts::{RoomAffiliation, SessionsSeen};
use mep_core::host::Host;

use super::{SECOND, World, info, moment, named, options, presence, say};
use crate::clients::{Answer, Client, Manner, NODES, Product, Style, claim};
use crate::model::{Told, Who, address};

impl World {
    /// A random event of the day.
    pub(super) fn act(&mut self) {
        let stays: usize = self.model.rooms.values().map(|room| room.stays.len()).sum();
        let is_to_grow = stays < self.nature.people && self.random.percent(80);
        let chosen = self.random.below(stays);
        let mut everybody =
            self.model.rooms.iter().flat_map(|(name, room)| room.stays.keys().map(move |jid| (name, jid)));
        let Some((room, jid)) = everybody.nth(chosen).filter(|_| !is_to_grow) else {
            return self.come();
        };
        let who = (room.clone(), jid.clone());
        match self.random.below(1000) {
            0..100 => self.come(),
            100..190 => self.leave(&who),
            190..230 => self.enter(&who),
            230..330 => self.say(&who, true),
            330..360 => self.say(&who, false),
            360..410 => {
                // A liar goes on lying: each claim has one answer.
                let manner = self.clients[&who.1].manner.clone();
                let client = Client { manner, ..self.client() };
                self.clients.insert(who.1.clone(), client);
                self.say(&who, true);
            }
            410..480 => self.change_nick(&who),
            480..760 => self.publish(&who),
            760..850 => self.take_back(&who),
            850..950 => self.impersonate(&who),
            950..970 => self.reload(),
            970..980 => self.restore(&who.0),
            980..984 => self.destroy(&who.0),
            984..988 => self.restart(),
            _ => {}
        }
    }

    /// A new client.
    fn client(&mut self) -> Client {
        let (product, own) = self.random.pick(&self.kinds).unwrap();
        let mut client = Client { product, claim: own, manner: Manner::Honest };
        let (other, _) = self.random.pick(&self.kinds).unwrap();
        let greedy = Product::new("greedy".to_owned(), NODES.into_iter().collect());
        let roll = self.random.below(100);
        let mut style = |style| claim(&client.product, style, &mut self.random);
        match roll {
            0..4 => client.manner = Manner::Lying(greedy),
            4..8 => client.manner = Manner::Lying(other),
            8..12 => client.claim = style(Style::Invented),
            12..16 => client.claim = style(Style::HalfWrong),
            16..18 => client.claim = style(Style::UnknownEcaps2),
            18..21 => client.manner = Manner::Doubling,
            21..23 => client.manner = Manner::Boasting,
            23..28 => client.manner = Manner::Silent,
            28..31 => client.manner = Manner::Refusing,
            31..34 => client.manner = Manner::Stuttering,
            34..37 => client.manner = Manner::Slow,
            _ => {}
        }
        client
    }

    fn come(&mut self) {
        let account = self.random.below(self.nature.people / 2);
        let jid = format!("person{account}@example.org/{}", self.random.below(3));
        let rooms: Vec<_> = self.model.rooms.keys().cloned().collect();
        let who = (self.random.pick(&rooms).unwrap(), jid);
        if self.model.stay(&who).is_some() {
            return self.say(&who, true);
        }
        if !self.clients.contains_key(&who.1) {
            let client = self.client();
            self.clients.insert(who.1.clone(), client);
        }
        let nick = self.nick(&who);
        let told = self.model.presence(&who.0, &nick, None);
        self.tell_presence(&who.0, &nick, Some(&who.1), &[], &told);
        self.put_and_enter(&who, &nick);
    }

    /// A free nick, or that of another session of the account.
    fn nick(&mut self, (room, jid): &Who) -> String {
        let (account, resource) = jid.split_once("@example.org/").unwrap();
        let shared = self.random.percent(50);
        let nicks = self.model.rooms[room].occupants.iter().map(|occupant| occupant.nick.clone());
        let nicks: Vec<_> = nicks.filter(|nick| nick.split('.').next() == Some(account)).collect();
        let fresh = || format!("{account}.{resource}.{}", self.calls);
        self.random.pick(&nicks).filter(|_| shared).unwrap_or_else(fresh)
    }

    /// A session joins again.
    fn enter(&mut self, who: &Who) {
        let nick = self.model.rooms[&who.0].nick_of(&who.1).unwrap().to_owned();
        let told = self.model.presence(&who.0, &nick, Some(&who.1));
        self.tell_presence(&who.0, &nick, Some(&who.1), &[], &told);
        self.put_and_enter(who, &nick);
    }

    fn put_and_enter(&mut self, who: &Who, nick: &str) {
        let said = self.random.percent(95).then(|| Rc::clone(&self.clients[&who.1].claim));
        self.model.rooms.get_mut(&who.0).unwrap().put(nick, &who.1);
        let told = self.model.enter(who, said.clone());
        let presence = presence(&who.0, nick);
        let session = who.1.as_str().into();
        let moment = &mut moment(&mut self.calls, self.model.now);
        let effects = self.host.enter(&info(who.0.as_str()), presence, &session, say(said.as_ref()), moment);
        self.done(effects, &told);
    }

    /// The server broadcasts a presence.
    fn tell_presence(&mut self, room: &str, nick: &str, coming: Option<&str>, left: &[&str], told: &Told) {
        let mut sessions = self.sessions(room, nick);
        if let Some(coming) = coming {
            sessions.here.retain(|(jid, _)| jid.as_str() != coming);
            sessions.here.push((coming.into(), say(Some(&self.clients[coming].claim))));
            sessions.here.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        sessions.coming = coming.map(Into::into);
        sessions.left = left.iter().map(|&jid| jid.into()).collect();
        let moment = &mut moment(&mut self.calls, self.model.now);
        let effects = self.host.presence(&info(room), presence(room, nick), &sessions, moment);
        self.done(effects, told);
    }

    pub(super) fn sessions(&self, room: &str, nick: &str) -> SessionsSeen {
        let room = &self.model.rooms[room];
        let jids = room.at(nick).into_iter().flat_map(|occupant| &occupant.sessions);
        let here =
            jids.filter_map(|jid| Some((jid.as_str().into(), say(room.stays.get(jid)?.said.as_ref()))));
        SessionsSeen { here: here.collect(), ..SessionsSeen::default() }
    }

    /// A session sends a presence, with its current claim or without one.
    pub(super) fn say(&mut self, who: &Who, with_claim: bool) {
        let said = with_claim.then(|| Rc::clone(&self.clients[&who.1].claim));
        let Some(stay) = self.model.stay_mut(who) else { return };
        stay.said = said;
        let nick = self.model.rooms[&who.0].nick_of(&who.1).unwrap().to_owned();
        let told = self.model.presence(&who.0, &nick, None);
        self.tell_presence(&who.0, &nick, None, &[], &told);
    }

    pub(super) fn leave(&mut self, who: &Who) {
        let (room, jid) = (&who.0, &who.1);
        let nick = self.model.rooms[room].nick_of(jid).unwrap().to_owned();
        if self.model.rooms[room].at(&nick).unwrap().sessions.len() > 1 {
            let told = self.model.presence(room, &nick, Some(jid));
            self.model.part(who);
            return self.tell_presence(room, &nick, None, &[jid], &told);
        }
        self.model.leave(room, &nick);
        self.leave_nick(room, &nick);
    }

    fn leave_nick(&mut self, room: &str, nick: &str) {
        let moment = &mut moment(&mut self.calls, self.model.now);
        let effects = self.host.leave(&info(room), &address(room, Some(nick)), RoomAffiliation::None, moment);
        self.done(effects, &Told::new());
    }

    /// A session changes its nick; others with the old nick keep it. Some join again with the new one.
    fn change_nick(&mut self, who: &Who) {
        let (room, jid) = (&who.0, &who.1);
        let old = self.model.rooms[room].nick_of(jid).unwrap().to_owned();
        let new = self.nick(who);
        if old == new {
            return;
        }
        let again = self.random.percent(20);
        let said = Some(Rc::clone(&self.clients[jid].claim));
        let is_last = self.model.rooms[room].at(&old).unwrap().sessions.len() == 1;
        let parted = if is_last && self.model.rooms[room].at(&new).is_none() {
            self.model.rooms.get_mut(room).unwrap().at_mut(&old).unwrap().nick.clone_from(&new);
            let to = address(room, Some(&new));
            self.host.rename(&room.as_str().into(), &address(room, Some(&old)), &to.as_str().into());
            None
        } else {
            let told = self.model.presence(room, &old, Some(jid));
            let parted = self.model.part(who);
            self.tell_presence(room, &old, None, &[], &told);
            Some(parted)
        };
        if is_last {
            if self.model.rooms[room].at(&old).is_some() {
                self.model.leave(room, &old);
            }
            self.leave_nick(room, &old);
        }
        if again {
            let told = self.model.presence(room, &new, Some(jid));
            self.tell_presence(room, &new, Some(jid), &[], &told);
            return self.put_and_enter(who, &new);
        }
        if let Some(parted) = parted {
            self.model.back(who, &new, parted);
        }
        self.model.stay_mut(who).unwrap().said = said;
        let told = self.model.presence(room, &new, None);
        self.tell_presence(room, &new, None, &[], &told);
    }

    fn publish(&mut self, who: &Who) {
        self.published += 1;
        let (node, item) = (self.random.pick(&NODES).unwrap(), self.published);
        let at = self.place(who);
        let nodes = self.nodes(&who.0, at.as_deref());
        nodes.insert(node, Some(item));
        let told = self.model.told(&who.0, at.as_deref(), node, &format!("item {item}"));
        let inner =
            format!("<publish node='{node}'><item id='current'><n xmlns='urn:n'>{item}</n></item></publish>");
        self.request(who, at.as_deref(), "", &inner, &told);
    }

    /// Retracts an item, or deletes a node.
    fn take_back(&mut self, who: &Who) {
        let at = self.place(who);
        let nodes: Vec<_> = self.nodes(&who.0, at.as_deref()).clone().into_iter().collect();
        let Some((node, item)) = self.random.pick(&nodes) else { return };
        if item.is_some() && self.random.percent(70) {
            self.nodes(&who.0, at.as_deref()).insert(node, None);
            let told = self.model.told(&who.0, at.as_deref(), node, "retract");
            let inner = format!("<retract node='{node}'><item id='current'/></retract>");
            self.request(who, at.as_deref(), "", &inner, &told);
        } else {
            self.nodes(&who.0, at.as_deref()).remove(node);
            let told = self.model.told(&who.0, at.as_deref(), node, "delete");
            self.request(who, at.as_deref(), "#owner", &format!("<delete node='{node}'/>"), &told);
        }
    }

    /// Where a session publishes: at its own occupant JID, or at the room.
    fn place(&mut self, who: &Who) -> Option<String> {
        let own = self.model.rooms[&who.0].nick_of(&who.1).unwrap().to_owned();
        self.random.percent(75).then_some(own)
    }

    fn nodes(&mut self, room: &str, at: Option<&str>) -> &mut BTreeMap<&'static str, Option<u64>> {
        let room = self.model.rooms.get_mut(room).unwrap();
        match at {
            Some(nick) => &mut room.at_mut(nick).unwrap().nodes,
            None => &mut room.nodes,
        }
    }

    /// A session answers a question to another one.
    fn impersonate(&mut self, who: &Who) {
        let Some((id, _)) = self.random.pick(&self.ids).filter(|(_, asked)| asked.1 != who.1) else { return };
        let greedy = Product::new("greedy".to_owned(), NODES.into_iter().collect());
        let answers = [Answer::Info(greedy), Answer::Error, Answer::Info(Rc::clone(&self.kinds[0].0))];
        let answer = self.random.pick(&answers).unwrap();
        self.answer(&id, who, &answer);
    }

    pub(super) fn destroy(&mut self, room: &str) {
        self.model.destroy(room);
        let moment = &mut moment(&mut self.calls, self.model.now);
        let effects = self.host.destroy(&room.into(), moment);
        self.done(effects, &Told::new());
    }

    /// Stores what was learned: all of it, and nothing else.
    pub(super) fn keep(&mut self) {
        self.storage.extend(self.host.learned().into_iter().map(|shard| (shard.number, shard.sets)));
        let kept: BTreeMap<_, _> =
            self.storage.values().flatten().map(|(hash, set)| named(hash, set)).collect();
        let known: BTreeMap<_, _> = self
            .model
            .known
            .iter()
            .map(|(hash, wants)| {
                let wants = wants.iter().map(|&node| node.to_owned()).collect();
                (format!("{} {} {}", hash.way, hash.algorithm, hash.value), wants)
            })
            .collect();
        assert_eq!(kept, known);
        self.kept.clone_from(&self.model.known);
    }

    /// The glue is reloaded with other options.
    fn reload(&mut self) {
        self.keep();
        self.model.timeout = if self.random.percent(50) { 10 * SECOND } else { 4 * SECOND };
        if self.nature.cache < 100 {
            self.model.limit = self.nature.cache + self.random.below(3);
            self.model.bound();
        }
        self.host.configure(options(&self.model), &mut moment(&mut self.calls, self.model.now));
        self.start += 1;
        self.wake = None;
        self.done(Vec::new(), &Told::new());
    }

    /// A room is loaded again, whether it was unloaded or not. Some sessions have left without a notice.
    fn restore(&mut self, room: &str) {
        let nicks: Vec<_> = self.model.rooms[room].occupants.iter().map(|at| at.nick.clone()).collect();
        if let Some(gone) = self.random.pick(&nicks).filter(|_| self.random.percent(50)) {
            self.model.leave(room, &gone);
        }
        let mut told = Told::new();
        let (seen, nicks) = self.seen(room);
        for nick in nicks {
            told.extend(self.model.presence(room, &nick, None));
        }
        let effects = self.host.restore(&info(room), seen, &mut moment(&mut self.calls, self.model.now));
        self.done(effects, &told);
    }

    /// The server restarts: what was not stored is lost, and all sessions are still in the rooms.
    fn restart(&mut self) {
        if self.random.percent(50) {
            self.keep();
        }
        if self.nature.cache < 100 {
            // All recalled sets count as equally old.
            self.storage.clear();
            self.kept.clear();
        }
        let rooms: Vec<_> = self.model.rooms.keys().cloned().collect();
        let nodes: Vec<_> = rooms.iter().map(|room| self.host.snapshot(&room.as_str().into())).collect();
        self.model.restart(&self.kept);
        self.host = Host::new(options(&self.model));
        self.host.recall(self.storage.values().flatten().cloned());
        self.start += 1;
        self.wake = None;

        let (mut effects, mut told) = (Vec::new(), Told::new());
        for (room, nodes) in rooms.iter().zip(nodes) {
            let (seen, nicks) = self.seen(room);
            for nick in nicks {
                for jid in self.model.rooms[room].at(&nick).unwrap().sessions.clone() {
                    let who = (room.clone(), jid);
                    let said = self.model.stay(&who).unwrap().said.clone();
                    told.extend(self.model.enter(&who, said));
                }
            }
            self.host.load(&room.as_str().into(), nodes);
            let moment = &mut moment(&mut self.calls, self.model.now);
            effects.extend(self.host.restore(&info(room), seen, moment));
        }
        self.done(effects, &told);
    }
}
