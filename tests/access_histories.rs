//! Random histories of a room, its nodes and those in and around it, compared with a plain model of who may read what:
//! roles, affiliations, bans of domains, the room's configuration, bounces and restarts, between any two.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test stops at the first surprise"
)]

mod access_model;
mod support;

use std::collections::BTreeSet;

use access_model::{DOMAINS, Model, NODES, Node, PEOPLE, Sent, Standing, Step, What, step};
use mep_core::facts::{OccupantInfo, Publishers, Role, RoomAffiliation, SessionsSeen};
use mep_core::host::Host;
use mep_core::options::Options;
use minidom::Element;
use proptest::prelude::*;
use support::people::{HECATE, Person, THE_ROOM};
use support::{Happened, ROOM, World, answer_to, said, sort};

const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

struct Play {
    world: World,
    model: Model,
    number: usize,
}

impl Play {
    fn new() -> Self {
        let nodes = vec![Node { model: "presence", notifies: true, ..Node::default() }; NODES.len()];
        let model = Model {
            people: vec![Standing::default(); PEOPLE.len()],
            nodes,
            banned: BTreeSet::new(),
            publishers: Publishers::Admins,
            members_only: false,
        };
        let options = Options { publish_burst: 10_000, ..Options::default() };
        let mut play = Self { world: World::new(options), model, number: 0 };
        play.world.join(HECATE);
        for node in NODES {
            play.world.publish(HECATE, THE_ROOM, node, "0");
        }
        play
    }

    fn person(&self, who: usize) -> Person {
        let role = self.model.people[who].role;
        let nick = if role.is_some() { PEOPLE[who].0 } else { "" };
        let room_affiliation = self.model.affiliation(who);
        Person { nick, jid: PEOPLE[who].2, role: role.unwrap_or(Role::None), room_affiliation, visible: true }
    }

    /// What the server says from now on.
    fn tell(&mut self) {
        self.world.publishers = self.model.publishers;
        self.world.members_only = self.model.members_only;
        for (who, (_, account, _)) in PEOPLE.iter().enumerate() {
            self.world.outsiders.insert(account, self.model.affiliation(who));
        }
    }

    fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        self.world.now += 1;
        let (before, shown) = (self.model.clone(), format!("{step:?}"));
        let mut happened = Vec::new();
        let mut expected = Sent::new();
        match step {
            Step::Join { who, wants } => {
                if self.model.people[who].role.is_some() || !self.model.may_join(who) {
                    return Ok(());
                }
                self.model.people[who].role = Some(self.default_role(who));
                self.model.people[who].wants = wants;
                happened.extend(self.come_in(who));
                self.model.welcome(who, &mut expected);
            }
            Step::Leave { who } => self.leave(who, &mut happened),
            Step::Publish { who, node } => {
                let id = (self.number + 1).to_string();
                let item = format!("<item id='{id}'><p xmlns='urn:p'/></item>");
                let request = format!("<publish node='{}'>{item}</publish>", NODES[node]);
                let publisher = who.map_or(HECATE, |who| self.person(who));
                let answer = self.world.set(publisher, THE_ROOM, &request);
                let may = who.is_none_or(|who| self.model.may_publish(who, node));
                prop_assert_eq!(is_result(&answer), may, "{}", shown);
                happened.push(answer);
                if may {
                    self.number += 1;
                    self.model.nodes[node].last = self.number;
                }
                for who in (0..PEOPLE.len()).filter(|&who| may && self.model.receives(who, node)) {
                    expected.insert((who, self.model.item(node, false)), 1);
                }
            }
            Step::Retract { who, node } => {
                let request = format!("<retract node='{}'><item id='none'/></retract>", NODES[node]);
                let answer = self.world.set(self.person(who), THE_ROOM, &request);
                let is_there = answer.reply.as_ref().unwrap().get_child("error", "jabber:client").unwrap();
                let may = is_there.get_child("item-not-found", STANZAS).is_some();
                prop_assert_eq!(may, self.model.may_retract(who, node), "{}", shown);
                happened.push(answer);
            }
            Step::Limit { node, field, to } => {
                self.model.nodes[node].limits.insert(field, to);
                happened.push(self.world.configure(HECATE, THE_ROOM, NODES[node], &[(field, to)]));
            }
            Step::Open { node, model } => {
                self.model.nodes[node].model = model;
                happened.push(self.world.configure(
                    HECATE,
                    THE_ROOM,
                    NODES[node],
                    &[("access_model", model)],
                ));
            }
            Step::Notify { node, notifies } => {
                self.model.nodes[node].notifies = notifies;
                let value = if notifies { "1" } else { "0" };
                let field = [("deliver_notifications", value)];
                happened.push(self.world.configure(HECATE, THE_ROOM, NODES[node], &field));
            }
            Step::Name { node, who, is } => {
                if is == "none" {
                    self.model.nodes[node].named.remove(&who);
                } else {
                    self.model.nodes[node].named.insert(who, is);
                }
                let entry = format!("<affiliation jid='{}' affiliation='{is}'/>", PEOPLE[who].1);
                let list = format!("<affiliations node='{}'>{entry}</affiliations>", NODES[node]);
                let named = self.world.owner_set(HECATE, THE_ROOM, &list);
                named.accepted();
                happened.push(named);
            }
            Step::Subscribe { who, node } => {
                let request = format!("<subscribe node='{}' jid='{}'/>", NODES[node], PEOPLE[who].2);
                let answer = self.world.set(self.person(who), THE_ROOM, &request);
                let may = self.model.may_read(who, node);
                prop_assert_eq!(is_result(&answer), may, "{}", shown);
                if may {
                    self.model.people[who].subscribed.insert(node);
                    if self.model.people[who].role.is_some() && self.model.receives(who, node) {
                        expected.insert((who, self.model.item(node, true)), 1);
                    }
                }
                happened.push(answer);
                let sent = self.heard(happened);
                prop_assert_eq!(sent, expected, "{}", shown);
                return Ok(());
            }
            Step::Affiliate { who, is } => {
                self.model.people[who].is = Some(is).filter(|is| *is != RoomAffiliation::None);
                self.tell();
                self.reconsider(&[who], &mut happened);
            }
            Step::BanDomain { domain, banned } => {
                if banned {
                    self.model.banned.insert(domain);
                } else {
                    self.model.banned.remove(&domain);
                }
                self.tell();
                let theirs = (0..PEOPLE.len()).filter(|&who| PEOPLE[who].1.ends_with(DOMAINS[domain]));
                for who in theirs.filter(|_| banned).collect::<Vec<_>>() {
                    self.leave(who, &mut happened);
                }
                happened.push(self.world.room_changed(Vec::new()));
            }
            Step::Promote { who, role } => {
                if self.model.people[who].role.is_none() {
                    return Ok(());
                }
                self.model.people[who].role = Some(role);
                happened.push(self.broadcast(who));
            }
            Step::Configure { publishers } => {
                self.model.publishers = publishers;
                self.tell();
                happened.push(self.world.room_changed(Vec::new()));
            }
            Step::MembersOnly(members_only) => {
                self.model.members_only = members_only;
                self.tell();
                for who in 0..PEOPLE.len() {
                    if !self.model.may_join(who) {
                        self.leave(who, &mut happened);
                    }
                }
                happened.push(self.world.room_changed(Vec::new()));
            }
            Step::Bounce { who } => {
                self.world.host.bounce(&World::room(), ROOM, PEOPLE[who].2, "gone");
                if self.model.people[who].role.is_none() {
                    self.model.people[who].subscribed.clear();
                }
            }
            Step::Restart => {
                let stored = self.world.host.snapshot(&World::room());
                self.world.host = Host::new(self.world.host.options().clone());
                self.world.host.load(&World::room(), stored);
                self.model.people.iter_mut().for_each(|person| person.subscribed.clear());
                happened.extend(self.restore());
                for who in (0..PEOPLE.len()).filter(|&who| self.model.people[who].role.is_some()) {
                    self.model.welcome(who, &mut expected);
                }
                let sent = self.heard(happened);
                prop_assert_eq!(sent, expected, "{}", shown);
                return Ok(());
            }
        }
        self.tell();
        happened.push(self.world.wake());
        expected.extend(self.model.settle(&before));
        let sent = self.heard(happened);
        prop_assert_eq!(sent, expected, "{}", shown);
        for who in 0..PEOPLE.len() {
            for (node, name) in NODES.iter().enumerate() {
                let answer = self.world.get(self.person(who), THE_ROOM, &format!("<items node='{name}'/>"));
                prop_assert_eq!(
                    is_result(&answer),
                    self.model.may_read(who, node),
                    "{} reads after {}",
                    who,
                    shown
                );
            }
        }
        prop_assert!(self.world.wake().messages.is_empty(), "asking changes nothing");
        Ok(())
    }

    fn default_role(&self, who: usize) -> Role {
        let is_admin = self.model.affiliation(who) >= RoomAffiliation::Admin;
        if is_admin { Role::Moderator } else { Role::Participant }
    }

    /// The affiliations of these changed, as `mod_muc` tells it.
    fn reconsider(&mut self, people: &[usize], happened: &mut Vec<Happened>) {
        let mut here: Vec<OccupantInfo> = Vec::new();
        for &who in people {
            if !self.model.may_join(who) {
                self.leave(who, happened);
            } else if self.model.people[who].role.is_some() {
                self.model.people[who].role = Some(self.default_role(who));
                happened.push(self.broadcast(who));
                here.push(self.person(who).info());
            }
        }
        happened.push(self.world.room_changed(here));
    }

    fn leave(&mut self, who: usize, happened: &mut Vec<Happened>) {
        if self.model.people[who].role.is_none() {
            return;
        }
        self.tell();
        let (address, is) = (self.person(who).address(), self.model.affiliation(who));
        let (info, mut moment) = (self.world.info(), self.world.moment());
        happened.push(sort(self.world.host.leave(&info, &address, is, &mut moment)));
        self.model.leave(who);
    }

    fn come_in(&mut self, who: usize) -> [Happened; 2] {
        let person = self.person(who);
        let joined = self.world.join_saying(person, said(&presence(who)));
        let answered = self.answer(who, &joined);
        [joined, answered]
    }

    fn answer(&mut self, who: usize, asked: &Happened) -> Happened {
        let asks = |question: &&Element| question.attr("to") == Some(PEOPLE[who].2);
        let question = asked.questions.iter().find(asks).unwrap();
        let wants = self.model.people[who].wants.iter().map(|&node| NODES[node]);
        self.world.answer(&answer_to(question, wants))
    }

    fn broadcast(&mut self, who: usize) -> Happened {
        let here = vec![(PEOPLE[who].2.into(), said(&presence(who)))];
        self.world.broadcast(self.person(who), &SessionsSeen { here, ..SessionsSeen::default() })
    }

    /// All who are in the room are told again to a core that has loaded the storage, and asked.
    fn restore(&mut self) -> Vec<Happened> {
        self.tell();
        let people = (0..PEOPLE.len()).filter(|&who| self.model.people[who].role.is_some());
        let people: Vec<_> = people.collect();
        let seen = |jid: &str, presence: &str| SessionsSeen {
            here: vec![(jid.into(), said(presence))],
            ..SessionsSeen::default()
        };
        let mut all = vec![(HECATE.info(), seen(HECATE.jid, "<presence/>"))];
        all.extend(people.iter().map(|&who| (self.person(who).info(), seen(PEOPLE[who].2, &presence(who)))));
        let (info, mut moment) = (self.world.info(), self.world.moment());
        let asked = sort(self.world.host.restore(&info, all, &mut moment));
        let mut happened: Vec<_> = people.iter().map(|&who| self.answer(who, &asked)).collect();
        happened.push(asked);
        happened
    }

    fn heard(&mut self, mut happened: Vec<Happened>) -> Sent {
        happened.push(self.world.wake());
        let mut sent = Sent::new();
        for (to, message) in happened.iter().flat_map(|happened| &happened.messages) {
            let who = PEOPLE.iter().position(|(.., jid)| *jid == to.as_str());
            if let (Some(who), Some(what)) = (who, what(message)) {
                *sent.entry((who, what)).or_default() += 1;
            }
        }
        sent
    }
}

fn is_result(answer: &Happened) -> bool {
    answer.reply.as_ref().unwrap().attr("type") == Some("result")
}

/// What a message says, unless it is about an affiliation.
fn what(message: &Element) -> Option<What> {
    let event = message.get_child("event", "http://jabber.org/protocol/pubsub#event")?;
    let content = event.children().next()?;
    let node = NODES.iter().position(|node| content.attr("node") == Some(node))?;
    if content.name() == "subscription" {
        assert_eq!(content.attr("subscription"), Some("none"));
        return Some(What::Ended { node });
    }
    let id = content.children().next()?.attr("id")?.parse().unwrap();
    Some(What::Item { node, id, is_late: message.children().any(|child| child.name() == "delay") })
}

fn presence(who: usize) -> String {
    let caps = "xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client'";
    format!("<presence><c {caps} ver='{who}'/></presence>")
}

proptest! {
    #![proptest_config(support::histories(200))]

    #[test]
    fn those_who_may_read_are_told_and_no_others(steps in prop::collection::vec(step(), 1..60)) {
        let mut play = Play::new();
        play.tell();
        for step in steps {
            play.play(step)?;
        }
    }
}
