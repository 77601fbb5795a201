//! Entity capabilities: what sessions claim, what the claims stand for, and which session is being asked.
//!
//! A [`Claim`] is what a presence says about its client (XEP-0115, XEP-0390): hashes of its capabilities. One of the
//! sessions that claim a hash is asked for the capabilities. They are filed under the hash only if the answer has that
//! hash; otherwise the answer serves only the session that gave it, and the next session is asked. One question is in
//! flight per hash:
//!
//! | the session that is asked | then |
//! | --- | --- |
//! | answers, and the answer has the hash | all sessions that claim the hash are served, now and later |
//! | answers something else | that serves this session alone; the next one is asked |
//! | answers with an error, or with an answer that has no hash | the next one is asked |
//! | does not answer in time | the next one is asked; a late answer still counts |
//! | leaves, or claims something else | the next one is asked; a late answer does not count |
//!
//! A session that was asked in vain stays, and is served by another session's answer. Only the first answer of the
//! asked session counts. Nothing is asked about a known hash.

mod claim;
mod group;
mod hash;
mod info;
mod known;
mod node_set;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

pub use self::claim::Claim;
use self::group::{Asked, Group};
pub use self::hash::{Algorithm, Hash, Method};
pub use self::info::{IllFormed, Info};
use self::known::Known;
pub use self::known::{SHARDS, Shard};
pub use self::node_set::NodeSet;
use crate::jid::{RoomJid, SessionJid};
use crate::moment::Moment;

/// A session in a room whose claim is not understood yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claimant {
    /// The room whose presence the claim came in.
    pub room: RoomJid,
    /// The session.
    pub session: SessionJid,
}

/// A question to send: disco#info of `node`, from the room to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The stanza's id, which identifies the answer.
    pub id: String,
    /// The session to ask, and the room to ask from.
    pub whom: Claimant,
    /// The node of the query; `None` asks without one.
    pub node: Option<String>,
}

/// The result of an answer or an error.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Sessions whose interests are known now, if they still make the claim.
    pub resolved: Vec<(Claimant, Rc<Claim>, NodeSet)>,
    /// The next question.
    pub question: Option<Question>,
}

/// Counters of what happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Questions that were asked.
    pub asked: u64,
    /// Answers that counted.
    pub answered: u64,
    /// Answers among these that did not have the claimed hash.
    pub mismatched: u64,
    /// Errors, and ill-formed answers.
    pub refused: u64,
    /// Questions that timed out.
    pub timed_out: u64,
    /// Verified sets that were evicted from the cache.
    pub evicted: u64,
}

/// The known capabilities of a host, and the questions in flight.
///
/// Memory: verified sets up to the limit, and one entry for each waiting session.
#[derive(Debug, Default)]
pub struct Caps {
    known: Known,
    timeout: u64,
    /// The longest that questions in flight were given.
    longest: u64,
    groups: HashMap<Key, Group>,
    /// Questions that may still be answered: the hash, and the session that was asked.
    by_id: HashMap<String, (Key, Claimant)>,
    /// Questions in flight, by deadline.
    deadlines: BTreeSet<(u64, String)>,
    claims: HashSet<Rc<Claim>>,
    /// The number of claims at which unused ones are next swept out.
    sweep_at: usize,
    counters: Counters,
}

/// What a group of sessions waits for: a hash or, without a verifiable hash, the session's own answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Hash(Hash),
    Session(Claimant),
}

impl Caps {
    /// Returns an empty cache for `limit` verified sets; questions time out after `timeout` milliseconds.
    pub fn new(limit: usize, timeout: u64) -> Self {
        Self { known: Known::new(limit), timeout, longest: timeout, ..Self::default() }
    }

    /// Changes the limits; questions in flight keep their deadline.
    pub fn configure(&mut self, limit: usize, timeout: u64) {
        self.timeout = timeout;
        self.longest = self.longest.max(timeout);
        self.counters.evicted += self.known.limit(limit);
    }

    /// Returns the claim, shared by all sessions that make it.
    pub fn share(&mut self, claim: Claim) -> Rc<Claim> {
        if let Some(shared) = self.claims.get(&claim) {
            return Rc::clone(shared);
        }
        if self.claims.len() >= self.sweep_at {
            self.claims.retain(|claim| Rc::strong_count(claim) > 1);
            self.sweep_at = 2 * self.claims.len() + 64;
        }
        let shared = Rc::new(claim);
        self.claims.insert(Rc::clone(&shared));
        shared
    }

    /// Returns the nodes that a client with this claim wants, if they are known.
    pub fn known(&mut self, claim: &Claim) -> Option<NodeSet> {
        claim.trusted().find_map(|hash| self.known.get(hash))
    }

    /// Returns whether `who` need not be asked about `claim` now: it is being asked, is queued, or was asked in vain
    /// while another session is being asked.
    pub fn waits(&self, claim: &Claim, who: &Claimant) -> bool {
        self.groups.get(&key_of(claim, who)).is_some_and(|group| group.waits(who, claim))
    }

    /// Returns how many sessions without capabilities are being asked. Linear in the questions in flight.
    pub fn asked_without_claim(&self) -> usize {
        let asked = self.by_id.values().filter_map(|(key, who)| self.groups.get(key)?.claim(who));
        asked.filter(|claim| claim.is_none()).count()
    }

    /// Makes `who` wait for `claim`. Returns the question to send now, unless one is in flight.
    pub fn ask(&mut self, claim: &Rc<Claim>, who: Claimant, moment: &mut Moment) -> Option<Question> {
        let key = key_of(claim, &who);
        let group = self.groups.entry(key.clone()).or_default();
        if group.is_asking() {
            group.enqueue(who, claim);
            return None;
        }
        let before = group.remove(&who);
        self.forget(before);
        Some(self.question(&key, who, claim, moment))
    }

    /// Takes the answer to the question `id` from `from`. Returns `None` if `from` was not asked that, or if the answer
    /// does not count any more.
    ///
    /// `info` is the answer, or `None` for an error.
    pub fn answer(
        &mut self,
        id: &str,
        from: &str,
        info: Option<Result<Info, IllFormed>>,
        moment: &mut Moment,
    ) -> Option<Outcome> {
        let (key, whom) = self.by_id.get(id).filter(|(_, whom)| whom.session.as_str() == from).cloned()?;
        let claim = Rc::clone(self.groups.get(&key)?.claim(&whom)?);
        let Some(Ok(info)) = info else { return Some(self.refused(&key, &whom, moment)) };
        let verified = match claim.hash().map(|hash| (hash.method, info.matches(hash))) {
            // XEP-0115 refuses the whole answer. In XEP-0390 it just has no hash, and may still be true.
            Some((Method::Caps, Err(_))) => return Some(self.refused(&key, &whom, moment)),
            Some((_, verified)) => verified.unwrap_or(false),
            None => false,
        };
        self.counters.answered += 1;
        let set = info.interests();
        let filed: Vec<_> =
            claim.hashes().iter().filter(|hash| info.matches(hash) == Ok(true)).cloned().collect();
        for hash in &filed {
            self.counters.evicted += self.known.file(hash, &set);
        }
        let mut outcome = Outcome::default();
        if !verified && !filed.is_empty() {
            // It has another of the claimed hashes: sessions that claim that one, too, are served.
            outcome.resolved = self.known_by_now(&key, &whom);
        }
        // So are sessions that wait for such a hash elsewhere: a known hash is not asked about.
        for hash in filed {
            let served = self.close(&Key::Hash(hash));
            outcome.resolved.extend(served.into_iter().map(|(who, claim)| (who, claim, set.clone())));
        }
        if verified {
            return Some(outcome);
        }
        self.counters.mismatched += u64::from(claim.hash().is_some());
        outcome.resolved.insert(0, (whom, claim, set));
        for (who, ..) in &outcome.resolved {
            self.leave(&key, who);
        }
        outcome.question = self.next(&key, moment);
        Some(outcome)
    }

    /// Gives up the questions that have timed out. Returns the next ones.
    pub fn expire(&mut self, moment: &mut Moment) -> Vec<Question> {
        let mut next = Vec::new();
        while let Some(question) = self.overdue(moment.now) {
            self.deadlines.remove(&question);
            let (_, id) = question;
            let Some((key, _)) = self.by_id.get(&id).cloned() else { continue };
            self.counters.timed_out += 1;
            if let Some(group) = self.groups.get_mut(&key) {
                group.time_out();
            }
            next.extend(self.next(&key, moment));
        }
        next
    }

    /// Returns when the next question times out.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Stops waiting for these sessions: they left, or claim something else. If one of them was being asked, the next
    /// one that stays is asked. So a session causes one question at a time, however often it changes its claim.
    pub fn withdraw(&mut self, who: Vec<(Claimant, Rc<Claim>)>, moment: &mut Moment) -> Vec<Question> {
        let mut left = Vec::new();
        for (who, claim) in who {
            let key = key_of(&claim, &who);
            if self.groups.get(&key).and_then(|group| group.claim(&who)) == Some(&claim) {
                self.leave(&key, &who);
                left.push(key);
            }
        }
        left.into_iter().filter_map(|key| self.next(&key, moment)).collect()
    }

    /// Returns whether a verified set came or went since [`Caps::learned`] was last called.
    pub fn has_learned(&self) -> bool {
        self.known.has_changed()
    }

    /// Returns the shards of verified sets that changed since this was last called.
    pub fn learned(&mut self) -> Vec<Shard> {
        self.known.changed()
    }

    /// Takes in verified sets from storage.
    pub fn recall(&mut self, sets: impl IntoIterator<Item = (Hash, NodeSet)>) {
        self.counters.evicted += self.known.recall(sets);
    }

    /// Returns the number of verified sets and of questions in flight.
    pub fn counts(&self) -> (usize, usize) {
        (self.known.len(), self.deadlines.len())
    }

    /// Returns the counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The asked session gave no usable answer: asks the next.
    fn refused(&mut self, key: &Key, whom: &Claimant, moment: &mut Moment) -> Outcome {
        self.counters.refused += 1;
        let ended = self.groups.get_mut(key).and_then(|group| group.refuse(whom));
        self.forget(ended);
        Outcome { question: self.next(key, moment), ..Outcome::default() }
    }

    /// Returns the sessions that wait with `whom` and whose claim is known by now.
    fn known_by_now(&mut self, key: &Key, whom: &Claimant) -> Vec<(Claimant, Rc<Claim>, NodeSet)> {
        let others = self.groups.get(key).map(Group::members).unwrap_or_default();
        let others = others.into_iter().filter(|(who, _)| who != whom);
        others.filter_map(|(who, claim)| self.known(&claim).map(|set| (who, claim, set))).collect()
    }

    /// Takes a session out of a group.
    fn leave(&mut self, key: &Key, who: &Claimant) {
        let question = self.groups.get_mut(key).and_then(|group| group.remove(who));
        self.forget(question);
    }

    /// Asks the next session of a group, unless a question is in flight.
    fn next(&mut self, key: &Key, moment: &mut Moment) -> Option<Question> {
        let group = self.groups.get_mut(key).filter(|group| !group.is_asking())?;
        if let Some((who, claim)) = group.next() {
            return Some(self.question(key, who, &claim, moment));
        }
        if group.is_empty() {
            self.groups.remove(key);
        }
        None
    }

    fn question(&mut self, key: &Key, whom: Claimant, claim: &Rc<Claim>, moment: &mut Moment) -> Question {
        let id = moment.id();
        let group = self.groups.entry(key.clone()).or_default();
        let deadline = moment.now + group.patience(self.timeout);
        group.start(Asked { id: id.clone(), deadline, whom: whom.clone(), claim: Rc::clone(claim) });
        self.by_id.insert(id.clone(), (key.clone(), whom.clone()));
        self.deadlines.insert((deadline, id.clone()));
        self.counters.asked += 1;
        Question { id, whom, node: (!claim.is_none()).then(|| claim.node().to_owned()) }
    }

    /// Returns a question that has timed out. If its deadline is too far away, the clock went back after it was asked:
    /// it would not time out until the clock has caught up.
    fn overdue(&self, now: u64) -> Option<(u64, String)> {
        let first = self.deadlines.first().filter(|(deadline, _)| *deadline <= now);
        let last = || self.deadlines.last().filter(|(deadline, _)| *deadline > now + self.longest);
        first.or_else(last).cloned()
    }

    /// Ends a group. Returns its members.
    fn close(&mut self, key: &Key) -> Vec<(Claimant, Rc<Claim>)> {
        let Some(mut group) = self.groups.remove(key) else { return Vec::new() };
        let members = group.members();
        for (who, _) in &members {
            self.forget(group.remove(who));
        }
        members
    }

    /// Makes the answer to a question not count any more.
    fn forget(&mut self, question: Option<Asked>) {
        if let Some(Asked { id, deadline, .. }) = question {
            self.by_id.remove(&id);
            self.deadlines.remove(&(deadline, id));
        }
    }
}

fn key_of(claim: &Claim, who: &Claimant) -> Key {
    claim.hash().map_or_else(|| Key::Session(who.clone()), |hash| Key::Hash(hash.clone()))
}

#[cfg(test)]
mod tests;
