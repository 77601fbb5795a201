//! Those who wait for the same hash: one of them is being asked.

use std::collections::HashSet;
use std::rc::Rc;

use indexmap::IndexMap;

use super::{Claim, Claimant};

/// Who waits for one hash, and who was asked for it. Bounded by the sessions that are there: each waits once.
#[derive(Debug, Default)]
pub(super) struct Group {
    asked: Option<Asked>,
    /// Those who were not asked yet.
    queue: IndexMap<Claimant, Rc<Claim>>,
    /// Those who were asked in vain: somebody else's answer serves them too. With the question, where the answer
    /// may still come.
    failed: IndexMap<Claimant, (Rc<Claim>, Option<Asked>)>,
    /// How many said nothing in time.
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
    /// Whether a question is in flight.
    pub(super) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_none() && self.queue.is_empty() && self.failed.is_empty()
    }

    /// Whether somebody's turn with this claim is now or to come, or passed while another's is now.
    pub(super) fn waits(&self, who: &Claimant, claim: &Claim) -> bool {
        self.claim(who).is_some_and(|own| **own == *claim)
            && (self.is_asking() || !self.failed.contains_key(who))
    }

    /// What somebody who waits here claims.
    pub(super) fn claim(&self, who: &Claimant) -> Option<&Rc<Claim>> {
        let asked = self.asked.as_ref().filter(|asked| asked.whom == *who).map(|asked| &asked.claim);
        asked.or_else(|| self.queue.get(who)).or_else(|| self.failed.get(who).map(|(claim, _)| claim))
    }

    /// Everybody who waits: the one who is being asked, those who come next, those who were asked in vain.
    pub(super) fn members(&self) -> Vec<(Claimant, Rc<Claim>)> {
        let asked = self.asked.iter().map(|asked| (&asked.whom, &asked.claim));
        let failed = self.failed.iter().map(|(who, (claim, _))| (who, claim));
        asked.chain(&self.queue).chain(failed).map(|(who, claim)| (who.clone(), Rc::clone(claim))).collect()
    }

    /// Somebody waits, if not already.
    pub(super) fn enqueue(&mut self, who: Claimant, claim: &Rc<Claim>) {
        if self.claim(&who).is_none() {
            self.queue.insert(who, Rc::clone(claim));
        }
    }

    /// A question is in flight.
    pub(super) fn start(&mut self, asked: Asked) {
        self.asked = Some(asked);
    }

    /// The time of the question in flight is over; its answer still counts.
    pub(super) fn time_out(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.silent += 1;
            self.failed.insert(asked.whom.clone(), (Rc::clone(&asked.claim), Some(asked)));
        }
    }

    /// Somebody who was asked has said that there will be no answer. Returns the question, which is answered.
    pub(super) fn refuse(&mut self, who: &Claimant) -> Option<Asked> {
        if let Some(asked) = self.asked.take_if(|asked| asked.whom == *who) {
            self.failed.insert(asked.whom.clone(), (Rc::clone(&asked.claim), None));
            return Some(asked);
        }
        self.failed.get_mut(who)?.1.take()
    }

    /// Takes somebody out. Returns the question that they might still have answered.
    pub(super) fn remove(&mut self, who: &Claimant) -> Option<Asked> {
        if let Some(asked) = self.asked.take_if(|asked| asked.whom == *who) {
            return Some(asked);
        }
        self.queue.shift_remove(who);
        self.failed.shift_remove(who)?.1
    }

    /// Takes the next one to be asked out of the queue: the first whose account has not failed yet, so that one
    /// account with many sessions does not keep others waiting. Costs a walk over those who failed.
    pub(super) fn next(&mut self) -> Option<(Claimant, Rc<Claim>)> {
        let failed: HashSet<_> = self.failed.keys().map(|who| who.session.bare()).collect();
        let at = self.queue.keys().position(|who| !failed.contains(who.session.bare()));
        self.queue.shift_remove_index(at.unwrap_or(0))
    }

    /// How long the next one is given, of `timeout`: less with each who said nothing, so that a crowd of the silent
    /// does not keep one who would answer waiting. Whoever is slow is not harmed: an answer that comes late counts.
    pub(super) fn patience(&self, timeout: u64) -> u64 {
        (timeout >> self.silent.min(4)).max(timeout.min(LEAST_PATIENCE))
    }
}

/// Milliseconds that everybody is given.
const LEAST_PATIENCE: u64 = 1000;
