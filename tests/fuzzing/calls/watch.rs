//! What goes out, held against what must hold whatever was called.

use std::collections::{BTreeSet, HashSet};

use mep_core::effect::Effect;
use mep_core::facts::RoomAffiliation;
use mep_core::pubsub::snapshot::NodeRecord;
use mep_core::stanza::rendered::Rendered;
use minidom::Element;

use super::Play;
use super::crowd::{ACCOUNTS, NICKS, SESSIONS, account_of, address};
use crate::fuzzing::strict;
use crate::support::{ROOM, World, with};

const EVENT: &str = "http://jabber.org/protocol/pubsub#event";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

/// A request, with who sent it to whom.
pub struct Asked<'a> {
    pub session: usize,
    pub iq: &'a Element,
    pub text: &'a str,
    /// The nick; `None` is the room.
    pub at: Option<usize>,
}

/// A service: the room's, or that of an occupant by the number of its stay.
type Service = Option<u64>;

#[derive(Debug, Default)]
pub struct Watch {
    /// Recipients and ids of all messages.
    ids: HashSet<(String, String)>,
    /// Nodes and the accounts that their owners have ever named. Occupants' nodes go by the owner's account.
    named: BTreeSet<(Option<usize>, String, String)>,
    /// Nodes and the stays that their owners have named by occupant JID.
    named_stays: BTreeSet<(Service, String, u64)>,
    /// Nodes and the stays in which their subscribers subscribed, or were subscribed by occupant JID.
    subscribed_stays: BTreeSet<(Service, Option<String>, u64)>,
}

impl Watch {
    /// Returns the reply among these effects.
    pub fn reply(effects: &[Effect], iq: &Element) -> Option<Element> {
        effects.iter().find_map(|effect| match effect {
            Effect::Reply(reply) => Some(reply.clone()),
            Effect::ReplyRendered { result, .. } => {
                Some(with(&result.to_element().unwrap(), "to", iq.attr("from")))
            }
            _ => None,
        })
    }

    /// Returns whether a banned account may cause these effects from outside: it may read its own relations, and end
    /// them.
    pub fn is_for_banned(asked: &Asked<'_>, effects: &[Effect]) -> bool {
        let is_result =
            Self::reply(effects, asked.iq).is_some_and(|reply| reply.attr("type") == Some("result"));
        let is_end = asked.text.contains("<unsubscribe");
        !is_result || asked.iq.attr("type") == Some("get") || is_end
    }
}

impl Play {
    /// Looks at the effects of a call.
    pub fn look(&mut self, effects: Vec<Effect>, asked: Option<&Asked<'_>>) {
        if let Some(asked) = asked {
            let reply = Watch::reply(&effects, asked.iq);
            self.learn(asked, reply.as_ref().is_some_and(|reply| reply.attr("type") == Some("result")));
        }
        let (mut told, mut is_told) = (HashSet::new(), false);
        for effect in effects {
            match effect {
                Effect::Keep { .. } | Effect::KeepOccupant { .. } => {
                    assert!(!is_told, "what is stored is stored before it is told");
                }
                Effect::Reply(reply) => {
                    assert!(!std::mem::replace(&mut is_told, true), "the reply comes once, and first");
                    let (_, elements) = strict::measure(&reply);
                    let options = self.world.host.options();
                    assert!(elements <= options.max_payload_parts + 100, "{elements} elements are built");
                    self.look_at_reply(&reply, &String::from(&with(&reply, "to", None)), asked.unwrap());
                }
                Effect::ReplyRendered { result, to } => {
                    assert!(!std::mem::replace(&mut is_told, true), "the reply comes once, and first");
                    let asked = asked.unwrap();
                    assert_eq!(asked.iq.attr("from"), Some(&*to));
                    let (text, reply) = read(&result, &to);
                    self.look_at_reply(&reply, &text.replacen(&to, "", 1), asked);
                }
                Effect::Send(question) => {
                    strict::measure(&question);
                    let to = question.attr("to").unwrap();
                    let session = SESSIONS.iter().position(|session| *session == to).unwrap();
                    self.crowd.questions[session] = Some(question.clone());
                }
                Effect::Notify { message, to } => {
                    is_told = true;
                    let (text, message) = read(&message, "");
                    let content: String = message.children().map(String::from).collect();
                    let event = (message.attr("from").unwrap().to_owned(), content);
                    for to in to {
                        assert!(told.insert((to.clone(), event.clone())), "{to} is told twice: {text}");
                        let id = (to.to_string(), message.attr("id").unwrap().to_owned());
                        assert!(self.watch.ids.insert(id), "{to} was sent this id before: {text}");
                        self.look_at_message(&message, &text, to.as_str());
                    }
                }
                Effect::Archive { .. } => panic!("this room has no archive"),
                Effect::Absent { accounts, .. } => assert!(!accounts.is_empty()),
                Effect::Explain(line) => {
                    assert!(!line.contains("zq-"), "the log has a real JID: {line}");
                }
                Effect::Changed(_) | Effect::Interested(_) => {} // never leaves the server
                Effect::Learned => drop(self.world.host.learned()),
            }
        }
    }

    /// Takes note of what a request that was accepted says about others.
    fn learn(&mut self, asked: &Asked<'_>, is_accepted: bool) {
        let Some(query) = asked.iq.children().next().filter(|_| is_accepted) else { return };
        if asked.iq.attr("type") != Some("set") {
            return;
        }
        let service = self.service(asked.at);
        for action in query.children() {
            let node = action.attr("node").filter(|node| !node.is_empty()).map(str::to_owned);
            if action.name() == "subscribe" {
                let stay = self.crowd.stay(asked.session);
                self.watch.subscribed_stays.extend(stay.map(|stay| (service, node.clone(), stay.number)));
            }
            for entry in action.children().filter(|_| query.has_ns(OWNER)) {
                let Some(jid) = entry.attr("jid") else { continue };
                let stay = self.crowd.at(jid);
                let account =
                    stay.map_or_else(|| bare(jid).to_lowercase(), |stay| ACCOUNTS[stay.account].to_owned());
                match (entry.name(), &node) {
                    ("affiliation", Some(node)) => {
                        let owner = asked.at.map(|nick| self.crowd.stays[&nick].account);
                        self.watch.named.insert((owner, node.clone(), account));
                        self.watch.named_stays.extend(stay.map(|stay| (service, node.clone(), stay.number)));
                    }
                    ("subscription", _) => {
                        self.watch
                            .subscribed_stays
                            .extend(stay.map(|stay| (service, node.clone(), stay.number)));
                    }
                    _ => {}
                }
            }
        }
    }

    fn look_at_reply(&self, reply: &Element, text: &str, asked: &Asked<'_>) {
        let options = self.world.host.options();
        let most = options.max_reply_size + options.max_payload_size + asked.text.len() + 32 * 1024;
        assert!(text.len() <= most, "a reply has {} octets", text.len());
        self.check_names(text, SESSIONS[asked.session], asked.text);
        if reply.attr("type") != Some("result") {
            return;
        }
        let Some(query) = reply.children().next() else { return };
        self.check_lists(query, asked);
        for list in query.children().filter(|list| list.name() == "items" && list.children().next().is_some())
        {
            self.check_access(asked.at, list.attr("node").unwrap(), SESSIONS[asked.session]);
        }
        if let Some(node) =
            query.attr("node").filter(|_| query.has_ns(ITEMS) && query.children().next().is_some())
        {
            self.check_access(asked.at, node, SESSIONS[asked.session]);
        }
    }

    fn look_at_message(&self, message: &Element, text: &str, to: &str) {
        self.check_names(text, to, "");
        let Some(event) = message.get_child("event", EVENT) else { return };
        let content = event.children().next().unwrap();
        let from = message.attr("from").unwrap();
        let at = (0..NICKS.len()).find(|&nick| address(nick) == from);
        assert!(at.is_some() || from == ROOM, "no such service: {text}");
        if content.name() == "items" {
            self.check_access(at, content.attr("node").unwrap(), to);
            if let Some(account) = ACCOUNTS.iter().position(|account| *account == bare(to)) {
                assert_ne!(
                    self.crowd.affiliation(account),
                    RoomAffiliation::Outcast,
                    "{to} is banned: {text}"
                );
            }
        }
    }

    /// No real JID goes to those who may not see it, and nothing says that a hidden occupant is there.
    fn check_names(&self, text: &str, to: &str, asked: &str) {
        let session = SESSIONS.iter().position(|session| *session == to);
        let sees = session.is_some_and(|session| self.crowd.sees_jids(session));
        for account in ACCOUNTS {
            let name = account.split('@').next().unwrap();
            let may_know = sees || bare(to) == account || asked.contains(name);
            assert!(may_know || !text.contains(name), "{to} must not know {account}: {text}");
        }
        for (&nick, &stay) in &self.crowd.stays {
            let shown = [format!("{}'", address(nick)), format!("{}\"", address(nick))];
            let is_shown = shown.iter().any(|shown| text.contains(shown)) && !asked.contains(&address(nick));
            let may_know = !self.crowd.is_hidden(stay) || bare(to) == ACCOUNTS[stay.account];
            assert!(may_know || !is_shown, "{to} must not see {}: {text}", address(nick));
        }
    }

    /// In an owner's lists, those who may not see real JIDs find no occupant whom the entry was not made for.
    fn check_lists(&self, query: &Element, asked: &Asked<'_>) {
        if !query.has_ns(OWNER) || self.crowd.sees_jids(asked.session) {
            return;
        }
        let service = self.service(asked.at);
        for list in query.children() {
            let node = list.attr("node").map(str::to_owned);
            for entry in list.children() {
                let Some(stay) = entry.attr("jid").and_then(|jid| self.crowd.at(jid)) else { continue };
                if stay.account == account_of(asked.session) {
                    continue;
                }
                let was_named = match (entry.name(), &node) {
                    ("affiliation", Some(node)) => {
                        self.watch.named_stays.contains(&(service, node.clone(), stay.number))
                    }
                    ("subscription", _) => {
                        let of = |node| (service, node, stay.number);
                        [of(node.clone()), of(None)].iter().any(|it| self.watch.subscribed_stays.contains(it))
                    }
                    _ => true,
                };
                let shown = String::from(query);
                assert!(was_named, "an occupant stands for an account: {shown}");
            }
        }
    }

    /// Items of a whitelisted node go to its owner, and to those whom the owner has named.
    fn check_access(&self, at: Option<usize>, node: &str, to: &str) {
        let Some(record) = self.record(at, node) else { return };
        let is = |(field, value): &(String, String)| field == "pubsub#access_model" && value == "whitelist";
        if !record.head.config.iter().any(is) {
            return;
        }
        let session = SESSIONS.iter().position(|session| *session == to);
        let account = ACCOUNTS.iter().position(|account| *account == bare(to));
        let owner = at.map(|nick| self.crowd.stays[&nick].account);
        let owns = match (owner, account) {
            (Some(owner), _) => account == Some(owner),
            (None, Some(account)) => {
                let role = session.map_or(mep_core::facts::Role::None, |session| self.crowd.role(session));
                self.world.publishers.include(role, self.crowd.affiliation(account))
            }
            (None, None) => false,
        };
        let named = (owner, node.to_owned(), bare(to).to_owned());
        assert!(owns || self.watch.named.contains(&named), "{to} gets items of {node}, which is closed");
    }

    fn record(&self, at: Option<usize>, node: &str) -> Option<NodeRecord> {
        let records = match at {
            None => self.world.host.snapshot(&World::room()),
            Some(nick) => self.world.host.snapshot_of(&World::room(), &address(nick))?,
        };
        records.into_iter().find(|record| record.name.as_str() == node)
    }

    fn service(&self, at: Option<usize>) -> Service {
        at.map(|nick| self.crowd.stays[&nick].number)
    }
}

/// Reads a stanza as its recipient does; asserts that its element says the same.
fn read(stanza: &Rendered, to: &str) -> (String, Element) {
    let mut text = format!("{}{to}'>", stanza.render_start());
    stanza.render_rest(&mut text);
    let element = with(&stanza.to_element().unwrap(), "to", Some(to));
    strict::reads_as(&text, &element);
    let children: Vec<_> = element.children().map(|child| (child.name().into(), child.ns().into())).collect();
    assert_eq!(stanza.children(), children);
    (text, element)
}

fn bare(jid: &str) -> &str {
    jid.split('/').next().unwrap_or(jid)
}
