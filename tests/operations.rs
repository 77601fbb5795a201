//! Random sequences of operations, compared with a plain model of occupants and their interest.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use mep_core::facts::{Role, RoomAffiliation};
use mep_core::host::Counts;
use mep_core::options::Options;
use proptest::prelude::*;
use support::{Happened, World, answer_to, occupant};

const NODES: [&str; 3] = ["urn:a", "urn:b", "urn:c"];
const PEOPLE: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    /// A session joins, or joins again, with interest in these nodes.
    Enter {
        who: usize,
        wants: BTreeSet<usize>,
        honest: bool,
    },
    Leave {
        who: usize,
    },
    /// To its own occupant JID, or (refused) to another one.
    Publish {
        who: usize,
        at: usize,
        node: usize,
        voice: bool,
    },
    /// Opens a node to occupants, or closes it.
    Close {
        who: usize,
        node: usize,
        closed: bool,
    },
    Retract {
        who: usize,
        node: usize,
    },
    Delete {
        who: usize,
        node: usize,
    },
    Subscribe {
        who: usize,
        at: usize,
        node: Option<usize>,
    },
    Unsubscribe {
        who: usize,
        at: usize,
        node: Option<usize>,
    },
    Read {
        who: usize,
        at: usize,
        node: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE;
    let node = 0..NODES.len();
    let some_node = prop::option::of(0..NODES.len());
    prop_oneof![
        (who.clone(), prop::collection::btree_set(node.clone(), 0..3), any::<bool>())
            .prop_map(|(who, wants, honest)| Step::Enter { who, wants, honest }),
        who.clone().prop_map(|who| Step::Leave { who }),
        (who.clone(), who.clone(), node.clone(), prop::bool::weighted(0.8))
            .prop_map(|(who, at, node, voice)| Step::Publish { who, at, node, voice }),
        (who.clone(), who.clone(), node.clone()).prop_map(|(who, at, node)| Step::Publish {
            who,
            at: if at > 1 { who } else { at },
            node,
            voice: true
        }),
        (who.clone(), node.clone()).prop_map(|(who, node)| Step::Retract { who, node }),
        (who.clone(), node.clone(), any::<bool>()).prop_map(|(who, node, closed)| Step::Close {
            who,
            node,
            closed
        }),
        (who.clone(), node.clone()).prop_map(|(who, node)| Step::Delete { who, node }),
        (who.clone(), who.clone(), some_node.clone()).prop_map(|(who, at, node)| Step::Subscribe {
            who,
            at,
            node
        }),
        (who.clone(), who.clone(), some_node).prop_map(|(who, at, node)| Step::Unsubscribe { who, at, node }),
        (who.clone(), who, node).prop_map(|(who, at, node)| Step::Read { who, at, node }),
    ]
}

/// A room, as plain as possible: no index, no numbers.
#[derive(Debug, Default)]
struct Model {
    present: BTreeMap<usize, BTreeSet<usize>>,
    /// (occupant, node) to the item's payload number, if the node has an item.
    nodes: BTreeMap<(usize, usize), Option<usize>>,
    /// The nodes that only their owners may read.
    closed: BTreeSet<(usize, usize)>,
    /// (who, at, node or root).
    subscriptions: BTreeSet<(usize, usize, Option<usize>)>,
}

impl Model {
    /// The recipients of an event at a node.
    fn told(&self, at: usize, node: usize) -> BTreeSet<usize> {
        let wants = |who: &usize| {
            self.present[who].contains(&node)
                || self.subscriptions.contains(&(*who, at, Some(node)))
                || self.subscriptions.contains(&(*who, at, None))
        };
        self.present.keys().copied().filter(wants).filter(|&who| self.may_read(who, at, node)).collect()
    }

    fn may_read(&self, who: usize, at: usize, node: usize) -> bool {
        who == at || !self.closed.contains(&(at, node))
    }

    fn leave(&mut self, who: usize) {
        self.present.remove(&who);
        self.nodes.retain(|&(at, _), _| at != who);
        self.closed.retain(|&(at, _)| at != who);
        self.subscriptions.retain(|&(subscriber, at, _)| subscriber != who && at != who);
    }

    fn counts(&self) -> (usize, usize, usize) {
        (self.present.len(), self.nodes.len(), self.subscriptions.len())
    }
}

struct Play {
    world: World,
    model: Model,
    published: usize,
}

impl Play {
    fn request(&mut self, who: usize, at: usize, kind: &str, inner: &str, role: Role) -> Option<Happened> {
        let iq = format!(
            "<iq type='{kind}' id='i' from='{}' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub{}'>{inner}\
             </pubsub></iq>",
            session(who),
            occupant(&nick(at)),
            if inner.starts_with("<delete") || inner.starts_with("<configure") { "#owner" } else { "" },
        );
        self.world.request(&nick(who), &session(who), role, RoomAffiliation::None, &iq)
    }

    /// Asserts that exactly these sessions got a message, each once.
    fn check_told(happened: &Happened, expected: &BTreeSet<usize>) -> Result<(), TestCaseError> {
        let got: Vec<_> = happened.messages.iter().map(|(jid, _)| jid.to_string()).collect();
        let distinct: BTreeSet<_> = got.iter().cloned().collect();
        prop_assert_eq!(got.len(), distinct.len(), "one event for each session");
        prop_assert_eq!(distinct, expected.iter().map(|&who| session(who)).collect());
        let ids: BTreeSet<_> = happened.messages.iter().map(|(_, message)| message.attr("id")).collect();
        prop_assert!(ids.len() <= 1, "one id for all copies");
        Ok(())
    }

    fn check_last_items(
        &self,
        happened: &Happened,
        who: usize,
        mut expected: BTreeSet<(usize, usize)>,
    ) -> Result<(), TestCaseError> {
        expected.retain(|place| self.model.nodes.get(place).is_some_and(Option::is_some));
        expected.retain(|&(at, node)| self.model.may_read(who, at, node));
        let got: Vec<_> = happened
            .messages
            .iter()
            .map(|(jid, message)| {
                let items = message.children().next().unwrap().children().next().unwrap();
                (
                    jid.to_string(),
                    message.attr("from").unwrap().to_owned(),
                    items.attr("node").unwrap().to_owned(),
                )
            })
            .collect();
        let distinct: BTreeSet<_> = got.iter().cloned().collect();
        prop_assert_eq!(got.len(), distinct.len(), "a last item comes once");
        let expected = expected
            .into_iter()
            .map(|(at, node)| (session(who), occupant(&nick(at)), NODES[node].to_owned()))
            .collect();
        prop_assert_eq!(distinct, expected);
        Ok(())
    }

    fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Enter { who, wants, honest } => self.enter(who, &wants, honest),
            Step::Leave { who } => {
                let mut moment = self.world.moment();
                self.world.host.leave(
                    &self.world.info(),
                    &occupant(&nick(who)),
                    RoomAffiliation::None,
                    &mut moment,
                );
                self.model.leave(who);
                Ok(())
            }
            Step::Publish { who, at, node, voice } => self.publish(who, at, node, voice),
            Step::Close { who, node, closed } => self.close(who, node, closed),
            Step::Retract { who, node } => {
                let known = self.model.nodes.get(&(who, node)).is_some_and(Option::is_some);
                let inner = format!("<retract node='{}'><item id='i'/></retract>", NODES[node]);
                self.remove(who, node, &inner, known)?;
                if known {
                    self.model.nodes.insert((who, node), None);
                }
                Ok(())
            }
            Step::Delete { who, node } => {
                let known = self.model.nodes.contains_key(&(who, node));
                self.remove(who, node, &format!("<delete node='{}'/>", NODES[node]), known)?;
                if known {
                    self.model.nodes.remove(&(who, node));
                    self.model.closed.remove(&(who, node));
                    self.model.subscriptions.retain(|&(_, at, topic)| (at, topic) != (who, Some(node)));
                }
                Ok(())
            }
            Step::Subscribe { who, at, node } => self.subscribe(who, at, node),
            Step::Unsubscribe { who, at, node } => self.unsubscribe(who, at, node),
            Step::Read { who, at, node } => self.read(who, at, node),
        }
    }

    fn enter(&mut self, who: usize, wants: &BTreeSet<usize>, honest: bool) -> Result<(), TestCaseError> {
        // A lie is a hash that no answer has; the answer then serves this session only.
        let mut names: Vec<_> = wants.iter().map(ToString::to_string).collect();
        names.push(if honest { "honest".into() } else { format!("{who} lies") });
        let ver = names.join("-");
        let presence = format!(
            "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='x' ver='{ver}'/></presence>"
        );
        let mut happened = self.world.enter(&nick(who), &session(who), &presence);
        let subscribed = self.subscribed(who);
        self.check_last_items(&happened, who, subscribed.clone())?;
        self.model.present.insert(who, wants.clone());

        prop_assert_eq!(happened.questions.len(), 1, "nothing here is ever verified, so everybody is asked");
        let question = happened.questions.remove(0);
        let answer = answer_to(&question, wants.iter().map(|&node| NODES[node]));
        let happened = self.world.answer(&answer);
        let wanted = self.model.nodes.keys().copied().filter(|(_, node)| wants.contains(node));
        let new = wanted.filter(|place| !subscribed.contains(place)).collect();
        self.check_last_items(&happened, who, new)?;
        prop_assert!(self.world.answer(&answer).messages.is_empty(), "an answer counts once");
        Ok(())
    }

    fn publish(&mut self, who: usize, at: usize, node: usize, voice: bool) -> Result<(), TestCaseError> {
        if !self.model.present.contains_key(&who) {
            return Ok(());
        }
        self.published += 1;
        let inner = format!(
            "<publish node='{}'><item id='i'><n xmlns='urn:n'>{}</n></item></publish>",
            NODES[node], self.published
        );
        let role = if voice { Role::Participant } else { Role::Visitor };
        let happened = self.request(who, at, "set", &inner, role);
        if !self.model.present.contains_key(&at) {
            prop_assert!(happened.is_none(), "nobody is there to ask");
            return Ok(());
        }
        let happened = happened.unwrap();
        let accepted = who == at && voice;
        prop_assert_eq!(
            happened.reply.as_ref().unwrap().attr("type"),
            Some(if accepted { "result" } else { "error" })
        );
        if accepted {
            self.model.nodes.insert((at, node), Some(self.published));
        }
        let told = if accepted { self.model.told(at, node) } else { BTreeSet::new() };
        Self::check_told(&happened, &told)
    }

    fn close(&mut self, who: usize, node: usize, closed: bool) -> Result<(), TestCaseError> {
        if !self.model.present.contains_key(&who) {
            return Ok(());
        }
        let inner = format!(
            "<configure node='{}'><x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'>\
             <value>{}</value></field></x></configure>",
            NODES[node],
            if closed { "whitelist" } else { "presence" }
        );
        let happened = self.request(who, who, "set", &inner, Role::Participant).unwrap();
        let known = self.model.nodes.contains_key(&(who, node));
        prop_assert_eq!(
            happened.reply.as_ref().unwrap().attr("type"),
            Some(if known { "result" } else { "error" })
        );
        if !known {
            return Ok(());
        }
        // Subscriptions of sessions that may not read any more end, with a notification.
        let loses = |&&(subscriber, at, topic): &&(usize, usize, Option<usize>)| {
            closed && subscriber != who && (at, topic) == (who, Some(node))
        };
        let lost: BTreeSet<_> = self.model.subscriptions.iter().filter(loses).copied().collect();
        if closed {
            self.model.closed.insert((who, node));
        } else {
            self.model.closed.remove(&(who, node));
        }
        self.model.subscriptions.retain(|subscription| !lost.contains(subscription));
        let told: BTreeSet<_> = happened.messages.iter().map(|(jid, _)| jid.to_string()).collect();
        prop_assert_eq!(told, lost.iter().map(|&(subscriber, ..)| session(subscriber)).collect());
        Ok(())
    }

    fn remove(&mut self, who: usize, node: usize, inner: &str, known: bool) -> Result<(), TestCaseError> {
        if !self.model.present.contains_key(&who) {
            return Ok(());
        }
        let happened = self.request(who, who, "set", inner, Role::Participant).unwrap();
        prop_assert_eq!(
            happened.reply.as_ref().unwrap().attr("type"),
            Some(if known { "result" } else { "error" })
        );
        let told = if known { self.model.told(who, node) } else { BTreeSet::new() };
        Self::check_told(&happened, &told)
    }

    fn subscribe(&mut self, who: usize, at: usize, node: Option<usize>) -> Result<(), TestCaseError> {
        if !self.model.present.contains_key(&who) || !self.model.present.contains_key(&at) {
            return Ok(());
        }
        let attr = node.map(|node| format!("node='{}'", NODES[node])).unwrap_or_default();
        let inner = format!("<subscribe {attr} jid='{}'/>", session(who));
        let happened = self.request(who, at, "set", &inner, Role::Participant).unwrap();
        let readable =
            |node| self.model.nodes.contains_key(&(at, node)) && self.model.may_read(who, at, node);
        let accepted = node.is_none_or(readable);
        prop_assert_eq!(
            happened.reply.as_ref().unwrap().attr("type"),
            Some(if accepted { "result" } else { "error" })
        );
        if accepted {
            self.model.subscriptions.insert((who, at, node));
            let places = (0..NODES.len()).filter(|&other| node.is_none_or(|node| node == other));
            self.check_last_items(&happened, who, places.map(|node| (at, node)).collect())?;
        }
        Ok(())
    }

    fn unsubscribe(&mut self, who: usize, at: usize, node: Option<usize>) -> Result<(), TestCaseError> {
        if !self.model.present.contains_key(&who) || !self.model.present.contains_key(&at) {
            return Ok(());
        }
        let attr = node.map(|node| format!("node='{}'", NODES[node])).unwrap_or_default();
        let inner = format!("<unsubscribe {attr} jid='{}'/>", session(who));
        let happened = self.request(who, at, "set", &inner, Role::Participant).unwrap();
        let known = self.model.subscriptions.remove(&(who, at, node));
        prop_assert_eq!(
            happened.reply.as_ref().unwrap().attr("type"),
            Some(if known { "result" } else { "error" })
        );
        Ok(())
    }

    fn read(&mut self, who: usize, at: usize, node: usize) -> Result<(), TestCaseError> {
        if !self.model.present.contains_key(&who) || !self.model.present.contains_key(&at) {
            return Ok(());
        }
        let inner = format!("<items node='{}'/>", NODES[node]);
        let happened = self.request(who, at, "get", &inner, Role::Participant);
        let Some(held) = self.model.nodes.get(&(at, node)) else {
            if who == at {
                let reply = happened.unwrap().reply.unwrap();
                prop_assert_eq!(reply.attr("type"), Some("error"), "one's own address is no account");
            } else {
                prop_assert!(happened.is_none(), "a node that is not held is the account's");
            }
            return Ok(());
        };
        let reply = happened.unwrap().reply.unwrap();
        if !self.model.may_read(who, at, node) {
            prop_assert_eq!(reply.attr("type"), Some("error"), "closed");
            return Ok(());
        }
        let items = reply.children().next().unwrap().children().next().unwrap();
        let payloads: Vec<_> = items.children().map(|item| item.children().next().unwrap().text()).collect();
        prop_assert_eq!(payloads, held.iter().map(ToString::to_string).collect::<Vec<_>>());
        Ok(())
    }

    /// The topics that a session is subscribed to.
    fn subscribed(&self, who: usize) -> BTreeSet<(usize, usize)> {
        let of = |(at, node): &(usize, usize)| {
            self.model.subscriptions.contains(&(who, *at, Some(*node)))
                || self.model.subscriptions.contains(&(who, *at, None))
        };
        self.model.nodes.keys().copied().filter(of).collect()
    }
}

fn nick(who: usize) -> String {
    format!("nick{who}")
}

fn session(who: usize) -> String {
    format!("person{who}@example.org/client")
}

proptest! {
    #![proptest_config(support::histories(400))]

    #[test]
    fn everybody_is_told_what_they_want_and_nothing_else(steps in prop::collection::vec(step(), 1..60)) {
        let options = Options { publish_burst: 1000, ..Options::default() };
        let mut play = Play { world: World::new(options), model: Model::default(), published: 0 };
        for step in steps {
            play.play(step)?;
            let counts = play.world.host.counts();
            prop_assert_eq!((counts.occupants, counts.nodes, counts.subscriptions), play.model.counts());
        }
        for who in 0..PEOPLE {
            let mut moment = play.world.moment();
            play.world.host.leave(&play.world.info(), &occupant(&nick(who)), RoomAffiliation::None, &mut moment);
        }
        prop_assert_eq!(play.world.host.counts(), Counts::default(), "nothing is left behind");
    }
}
