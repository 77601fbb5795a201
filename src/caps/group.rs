//! Sessions that wait for the same hash, of which one at a time is asked.

use std::collections::HashSet;
use std::rc::Rc;

use indexmap::IndexMap;

use super::{Claim, Claimant};

/// The sessions that wait for one hash, and those that were asked about it. Each session waits at most once.
#[derive(Debug, Default)]
pub(super) struct Group {
    asked: Option<Asked>,
    /// Sessions that were not asked yet.
    queue: IndexMap<Claimant, Rc<Claim>>,
    /// Sessions that were asked in vain: another session's answer serves them, too. With the question if its answer may
    /// still come.
    failed: IndexMap<Claimant, (Rc<Claim>, Option<Asked>)>,
    /// How many sessions did not answer in time.
    silent: u32,
}

/// A question.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub id: String,
    pub deadline: u64,
    pub whom: Claimant,
    pub claim: Rc<Claim>,
}

impl Group {
    /// Returns whether a question is in flight.
    pub(super) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Returns whether no session waits.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_none() && self.queue.is_empty() && self.failed.is_empty()
    }

    /// Returns whether `who` waits with this claim: being asked, queued, or failed while another one is being asked.
    pub(super) fn waits(&self, who: &Claimant, claim: &Claim) -> bool {
        self.claim(who).is_some_and(|own| **own == *claim)
            && (self.is_asking() || !self.failed.contains_key(who))
    }

    /// Returns the claim of a waiting session.
    pub(super) fn claim(&self, who: &Claimant) -> Option<&Rc<Claim>> {
        let asked = self.asked.as_ref().filter(|asked| asked.whom == *who).map(|asked| &asked.claim);
        asked.or_else(|| self.queue.get(who)).or_else(|| self.failed.get(who).map(|(claim, _)| claim))
    }

    /// Returns all waiting sessions: the one being asked, those in the queue, those asked in vain.
    pub(super) fn members(&self) -> Vec<(Claimant, Rc<Claim>)> {
        let asked = self.asked.iter().map(|asked| (&asked.whom, &asked.claim));
        let failed = self.failed.iter().map(|(who, (claim, _))| (who, claim));
        asked.chain(&self.queue).chain(failed).map(|(who, claim)| (who.clone(), Rc::clone(claim))).collect()
    }

    /// Queues a session unless it waits already.
    pub(super) fn enqueue(&mut self, who: Claimant, claim: &Rc<Claim>) {
        if self.claim(&who).is_none() {
            self.queue.insert(who, Rc::clone(claim));
        }
    }

    /// Notes that a question is in flight.
    pub(super) fn start(&mut self, asked: Asked) {
        self.asked = Some(asked);
    }

    /// Notes that the question in flight has timed out; its answer still counts.
    pub(super) fn time_out(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.silent += 1;
            self.failed.insert(asked.whom.clone(), (Rc::clone(&asked.claim), Some(asked)));
        }
    }

    /// Notes that the asked session refused to answer. Returns the question, which is answered by that.
    pub(super) fn refuse(&mut self, who: &Claimant) -> Option<Asked> {
        if let Some(asked) = self.asked.take_if(|asked| asked.whom == *who) {
            self.failed.insert(asked.whom.clone(), (Rc::clone(&asked.claim), None));
            return Some(asked);
        }
        self.failed.get_mut(who)?.1.take()
    }

    /// Takes a session out. Returns its question if that was still open.
    pub(super) fn remove(&mut self, who: &Claimant) -> Option<Asked> {
        if let Some(asked) = self.asked.take_if(|asked| asked.whom == *who) {
            return Some(asked);
        }
        self.queue.shift_remove(who);
        self.failed.shift_remove(who)?.1
    }

    /// Takes the next session to ask out of the queue: the first whose account has not failed yet, so that one account
    /// with many sessions does not keep others waiting. Walks over the failed ones.
    pub(super) fn next(&mut self) -> Option<(Claimant, Rc<Claim>)> {
        let failed: HashSet<_> = self.failed.keys().map(|who| who.session.bare()).collect();
        let at = self.queue.keys().position(|who| !failed.contains(who.session.bare()));
        self.queue.shift_remove_index(at.unwrap_or(0))
    }

    /// Returns how long the next session may take, at most `timeout`: less with each session that did not answer, so
    /// that a silent crowd does not hold up one that would answer. Slow sessions lose nothing, as late answers count.
    pub(super) fn patience(&self, timeout: u64) -> u64 {
        (timeout >> self.silent.min(4)).max(timeout.min(LEAST_PATIENCE))
    }
}

/// The minimum time that a session may take, in milliseconds.
const LEAST_PATIENCE: u64 = 1000;
