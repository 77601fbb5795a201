//! Entity capabilities: what a session claims, what is known of the claim, and who is being asked.
//!
//! A [`Claim`] is what a presence says of its client (XEP-0115, XEP-0390): hashes of its capabilities. What is behind
//! a hash is asked of one of the sessions that claim it, and filed under a hash only where the answer really has that
//! hash; else the answer serves the session that gave it, and the next one is asked. One question is in flight for
//! each hash:
//!
//! | the one who is asked | then |
//! | --- | --- |
//! | answers, and the answer has the hash | all who claim the hash are served, now and later |
//! | answers something else | that serves them alone; the next one is asked |
//! | answers with an error, or what no hash can be computed of | the next one is asked |
//! | says nothing until the time is over | the next one is asked; the answer still counts if it comes |
//! | leaves, or claims something else | the next one is asked; an answer counts for nothing |
//!
//! Who was asked in vain stays, and is served by somebody else's answer. An answer counts once, and from the one who
//! was asked. Nothing is asked about a hash that is known.

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
pub use self::known::Shard;
pub use self::node_set::NodeSet;
use crate::jid::{RoomJid, SessionJid};
use crate::moment::Moment;

/// A session in a room that is waiting for its claim to be understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claimant {
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
    pub whom: Claimant,
    /// The node of the query.
    pub node: String,
}

/// What an answer or an error came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What these sessions want is known now, if they still make the claim.
    pub resolved: Vec<(Claimant, Rc<Claim>, NodeSet)>,
    /// The next question.
    pub question: Option<Question>,
}

/// What happened so far, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Questions that were asked.
    pub asked: u64,
    /// Answers that came, and counted.
    pub answered: u64,
    /// Of these, those that had not the hash that was claimed.
    pub mismatched: u64,
    /// Errors that came for an answer, and answers that were ill-formed.
    pub refused: u64,
    /// Questions whose time was over.
    pub timed_out: u64,
    /// Verified sets that had to go, for want of room.
    pub evicted: u64,
}

/// What is known of the claims made on a host, and the questions in flight.
///
/// Memory: the verified sets, as many as the limit says; and for each session that waits one entry.
#[derive(Debug, Default)]
pub struct Caps {
    known: Known,
    timeout: u64,
    groups: HashMap<Key, Group>,
    /// Questions that may still be answered: who was asked, and about what.
    by_id: HashMap<String, (Key, Claimant)>,
    /// Questions in flight, by the end of their time.
    deadlines: BTreeSet<(u64, String)>,
    claims: HashSet<Rc<Claim>>,
    /// How many claims there are when those that nobody makes any more are next swept out.
    sweep_at: usize,
    counters: Counters,
}

/// Those who wait for the same: a hash, or themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Hash(Hash),
    Session(Claimant),
}

impl Caps {
    /// Nothing known yet; at most `limit` verified sets are kept, and `timeout` milliseconds given to an answer.
    pub fn new(limit: usize, timeout: u64) -> Self {
        Self { known: Known::new(limit), timeout, ..Self::default() }
    }

    /// Changes the bounds; what is in flight keeps the time it was given.
    pub fn configure(&mut self, limit: usize, timeout: u64) {
        self.timeout = timeout;
        self.counters.evicted += self.known.limit(limit);
    }

    /// A claim, shared by all the sessions that make it.
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

    /// What is known to be behind `claim`.
    pub fn known(&mut self, claim: &Claim) -> Option<NodeSet> {
        claim.trusted().find_map(|hash| self.known.get(hash))
    }

    /// Whether `who` need not be asked for `claim` now: is being asked, comes next, or was asked in vain while somebody
    /// else is being asked.
    pub fn waits(&self, claim: &Claim, who: &Claimant) -> bool {
        self.groups.get(&key_of(claim, who)).is_some_and(|group| group.waits(who, claim))
    }

    /// Makes `who` wait for `claim`; gives the question to ask now, unless one is in flight.
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

    /// Takes the answer to the question `id` from `from`. `None`: nobody was asked that, or not them, or it does not
    /// count any more.
    ///
    /// `info` is what was answered, if it was an answer at all and not an error.
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
            // XEP-0115 refuses the whole answer. XEP-0390 knows no hash of it: that does not make it untrue.
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
            // It has another of the hashes that were claimed: who claims that one too is served.
            outcome.resolved = self.known_by_now(&key, &whom);
        }
        // So are those who wait for any of them elsewhere: what is known is not asked.
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

    /// Gives up the questions whose time is over. Returns the next ones.
    pub fn expire(&mut self, moment: &mut Moment) -> Vec<Question> {
        let mut next = Vec::new();
        while let Some((_, id)) =
            self.deadlines.first().filter(|(deadline, _)| *deadline <= moment.now).cloned()
        {
            self.deadlines.pop_first();
            let Some((key, _)) = self.by_id.get(&id).cloned() else { continue };
            self.counters.timed_out += 1;
            if let Some(group) = self.groups.get_mut(&key) {
                group.time_out();
            }
            next.extend(self.next(&key, moment));
        }
        next
    }

    /// When the time of the next question is over.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// These do not wait any more: they left, or claim something else. Where it was one of them who was asked, the next
    /// is: somebody who stays. So a session causes one question at a time, however often it changes its claim.
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

    /// Whether something was learned, or forgotten, since [`Caps::learned`] was last asked.
    pub fn has_learned(&self) -> bool {
        self.known.has_changed()
    }

    /// The shelves of verified sets that changed since this was last asked.
    pub fn learned(&mut self) -> Vec<Shard> {
        self.known.changed()
    }

    /// Takes in verified sets that were kept.
    pub fn recall(&mut self, sets: impl IntoIterator<Item = (Hash, NodeSet)>) {
        self.counters.evicted += self.known.recall(sets);
    }

    /// How many sets are known and how many questions in flight.
    pub fn counts(&self) -> (usize, usize) {
        (self.known.len(), self.deadlines.len())
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Who was asked said nothing that can be used: the next is asked.
    fn refused(&mut self, key: &Key, whom: &Claimant, moment: &mut Moment) -> Outcome {
        self.counters.refused += 1;
        let ended = self.groups.get_mut(key).and_then(|group| group.refuse(whom));
        self.forget(ended);
        Outcome { question: self.next(key, moment), ..Outcome::default() }
    }

    /// Those who wait with `whom`, and whose claim is known by now.
    fn known_by_now(&mut self, key: &Key, whom: &Claimant) -> Vec<(Claimant, Rc<Claim>, NodeSet)> {
        let others = self.groups.get(key).map(Group::members).unwrap_or_default();
        let others = others.into_iter().filter(|(who, _)| who != whom);
        others.filter_map(|(who, claim)| self.known(&claim).map(|set| (who, claim, set))).collect()
    }

    /// Takes somebody out of a group.
    fn leave(&mut self, key: &Key, who: &Claimant) {
        let question = self.groups.get_mut(key).and_then(|group| group.remove(who));
        self.forget(question);
    }

    /// Asks the next of a group, unless somebody is being asked.
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
        Question { id, whom, node: claim.node().to_owned() }
    }

    /// Serves a whole group: nobody waits any more.
    fn close(&mut self, key: &Key) -> Vec<(Claimant, Rc<Claim>)> {
        let Some(mut group) = self.groups.remove(key) else { return Vec::new() };
        let members = group.members();
        for (who, _) in &members {
            self.forget(group.remove(who));
        }
        members
    }

    /// The answer to a question does not count any more.
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
