//! Entity capabilities: what a session claims, what is known of the claim, and who is being asked.
//!
//! A claim is a hash in a presence (XEP-0115). What it stands for is asked of one of the sessions that make it, and
//! filed under the hash only where the answer really has that hash; else the answer serves the session that gave
//! it, and the next one with the same claim is asked. One question is in flight for each claim.

mod info;

use std::collections::VecDeque;
use std::rc::Rc;

use indexmap::IndexMap;
use minidom::Element;

pub use self::info::{IllFormed, Info};
use crate::address::{RoomJid, SessionJid};
use crate::interest::NodeSet;
use crate::ns;

/// The hash of a set of capabilities, with the name of its algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hash {
    algorithm: Box<str>,
    value: Box<str>,
}

impl Hash {
    pub(crate) fn sha1(value: &str) -> Self {
        Self { algorithm: "sha-1".into(), value: value.into() }
    }
}

/// What a presence says of its client: the `<c/>` of XEP-0115.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    hash: Option<Hash>,
    /// The node to ask for.
    node: Box<str>,
}

impl Claim {
    /// Reads a `<c/>`; `None` for one that says too little to ask about. Without `hash` it is the format from
    /// before version 1.4, which can't be verified: it counts for one session.
    pub fn read(c: &Element) -> Option<Self> {
        let (node, ver) = (c.attr("node")?, c.attr("ver")?);
        let hash = c.attr("hash").map(|algorithm| Hash { algorithm: algorithm.into(), value: ver.into() });
        (c.is("c", ns::CAPS) && !node.is_empty() && !ver.is_empty())
            .then(|| Self { hash, node: format!("{node}#{ver}").into() })
    }

    /// The hash, where it is one that can be verified.
    fn verifiable(&self) -> Option<&Hash> {
        self.hash.as_ref().filter(|hash| &*hash.algorithm == "sha-1")
    }
}

/// A session in a room that is waiting for its claim to be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The room whose presence the claim came in.
    pub room: RoomJid,
    /// The session.
    pub session: SessionJid,
}

/// A question to be sent: disco#info of `node`, from the room to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The stanza's id, by which the answer is known.
    pub id: String,
    /// Who is asked, and from where.
    pub whom: Waiting,
    /// The node of the query.
    pub node: String,
}

/// What an answer, an error or a time-out came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What these sessions want is known now, if they still make the claim.
    pub resolved: Vec<(Waiting, NodeSet)>,
    /// The claim in question.
    pub claim: Option<Rc<Claim>>,
    /// The next question.
    pub question: Option<Question>,
}

/// What is known of the claims made on a host, and the questions in flight.
#[derive(Debug, Default)]
pub struct Caps {
    known: IndexMap<Hash, NodeSet>,
    limit: usize,
    asked: IndexMap<Rc<Claim>, Asked>,
    by_id: IndexMap<String, Rc<Claim>>,
}

impl Caps {
    /// Nothing known yet; at most `limit` verified sets are kept.
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// What is known to be behind `claim`.
    pub fn known(&self, claim: &Claim) -> Option<NodeSet> {
        self.known.get(claim.verifiable()?).cloned()
    }

    /// Makes `who` wait for `claim`; gives the question to ask now, unless one is in flight.
    pub fn ask(&mut self, claim: &Rc<Claim>, who: Waiting, id: String, deadline: u64) -> Option<Question> {
        if let Some(asked) = self.asked.get_mut(claim) {
            if asked.whom != who && !asked.queue.contains(&who) {
                asked.queue.push_back(who);
            }
            return None;
        }
        let asked = Asked { id: id.clone(), whom: who.clone(), deadline, queue: VecDeque::new() };
        self.asked.insert(Rc::clone(claim), asked);
        self.by_id.insert(id.clone(), Rc::clone(claim));
        Some(Question { id, whom: who, node: claim.node.to_string() })
    }

    /// Takes the answer to the question `id` from `from`. `None`: nobody was asked that, or not them, or it comes
    /// too late.
    ///
    /// `info` is what was answered, if it was an answer at all and not an error.
    pub fn answer(
        &mut self,
        id: &str,
        from: &str,
        info: Option<Result<Info, IllFormed>>,
        next: (String, u64),
    ) -> Option<Outcome> {
        let claim = Rc::clone(self.by_id.get(id)?);
        if self.asked.get(&claim)?.whom.session.as_str() != from {
            return None;
        }
        let verified = match (&info, claim.verifiable()) {
            (Some(Ok(info)), Some(hash)) => info.matches(hash),
            _ => Ok(false),
        };
        Some(match (info, verified) {
            (Some(Ok(info)), Ok(true)) => self.verified(&claim, &info.interests()),
            (Some(Ok(info)), Ok(false)) => {
                let whom = self.asked.get(&claim)?.whom.clone();
                let mut outcome = self.next(&claim, next);
                outcome.resolved.push((whom, info.interests()));
                outcome
            }
            _ => self.next(&claim, next),
        })
    }

    /// The questions whose time is over at `now`, each answered with whom to ask next.
    pub fn expire(&mut self, now: u64, mut next: impl FnMut() -> (String, u64)) -> Vec<Outcome> {
        let late: Vec<_> =
            self.asked.iter().filter(|(_, asked)| asked.deadline <= now).map(|(c, _)| Rc::clone(c)).collect();
        late.iter().map(|claim| self.next(claim, next())).collect()
    }

    /// When the time of the next question is over.
    pub fn next_deadline(&self) -> Option<u64> {
        self.asked.values().map(|asked| asked.deadline).min()
    }

    /// Forgets whoever waits in `room`, which is no more.
    pub fn forget_room(&mut self, room: &RoomJid) {
        for asked in self.asked.values_mut() {
            asked.queue.retain(|waiting| waiting.room != *room);
        }
    }

    /// How many sets are known and how many questions in flight.
    pub fn counts(&self) -> (usize, usize) {
        (self.known.len(), self.asked.len())
    }

    fn verified(&mut self, claim: &Rc<Claim>, interests: &NodeSet) -> Outcome {
        if let Some(hash) = claim.verifiable() {
            if self.known.len() >= self.limit {
                self.known.shift_remove_index(0);
            }
            self.known.insert(hash.clone(), interests.clone());
        }
        let Some(asked) = self.close(claim) else { return Outcome::default() };
        let everybody = std::iter::once(asked.whom).chain(asked.queue);
        Outcome {
            resolved: everybody.map(|waiting| (waiting, interests.clone())).collect(),
            claim: Some(Rc::clone(claim)),
            question: None,
        }
    }

    /// The question came to nothing, or to something that serves one session: asks the next.
    fn next(&mut self, claim: &Rc<Claim>, (id, deadline): (String, u64)) -> Outcome {
        let mut outcome = Outcome { claim: Some(Rc::clone(claim)), ..Outcome::default() };
        if let Some(mut asked) = self.close(claim)
            && let Some(whom) = asked.queue.pop_front()
        {
            outcome.question = self.ask(claim, whom, id, deadline);
            if let Some(again) = self.asked.get_mut(claim) {
                again.queue = asked.queue;
            }
        }
        outcome
    }

    fn close(&mut self, claim: &Rc<Claim>) -> Option<Asked> {
        let asked = self.asked.swap_remove(claim)?;
        self.by_id.swap_remove(&asked.id);
        Some(asked)
    }
}

/// A question in flight.
#[derive(Debug)]
struct Asked {
    id: String,
    whom: Waiting,
    deadline: u64,
    queue: VecDeque<Waiting>,
}
