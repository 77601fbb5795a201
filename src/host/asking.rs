//! Asking sessions about their capabilities: questions out, answers in.

use std::rc::Rc;

use minidom::Element;
use minidom::rxml::Namespace;

use super::Host;
use crate::caps::{Claim, Claimant, Info, Outcome, Question};
use crate::effect::Effect;
use crate::id::SessionId;
use crate::jid::{RoomJid, SessionJid};
use crate::moment::Moment;
use crate::room::Room;
use crate::xml::{self, With, ns};

impl Host {
    /// Takes the answer to a question, an `<iq/>` of type `result` or `error`. Returns `None` if its sender was not
    /// asked that, or if it does not count any more.
    pub fn answer(&mut self, iq: &Element, moment: &mut Moment) -> Option<Vec<Effect>> {
        let (id, from) = (iq.attr("id")?, iq.attr("from")?);
        let query = iq.get_child("query", ns::DISCO_INFO).filter(|_| iq.attr("type") == Some("result"));
        let lang = iq.attr_ns(&Namespace::XML, "lang");
        let info = query.map(|query| Info::read(query, lang, self.options.caps_max_features));
        let outcome = self.caps.answer(id, from, info, moment)?;
        let effects = self.apply(outcome, moment);
        self.settle(moment);
        Some(effects)
    }

    /// Times out questions and asks the next sessions; sends the next batch of last items, and notices. The server
    /// calls this at [`Host::next_deadline`]; before that, it does nothing.
    pub fn wake(&mut self, moment: &mut Moment) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.notices);
        effects.extend(self.caps.expire(moment).iter().map(send));
        effects.extend(self.send_pending(moment));
        self.settle(moment);
        effects
    }

    /// Returns when the server must call [`Host::wake`], in milliseconds since 1970: when the next question times out,
    /// or at once (0) if last items or notices are pending. May change with each call of the host.
    pub fn next_deadline(&self) -> Option<u64> {
        let is_due = !self.waiting.is_empty() || !self.notices.is_empty();
        if is_due { Some(0) } else { self.caps.next_deadline() }
    }

    /// Asks a session about its claim, unless a question about the same hash is in flight.
    pub(super) fn ask(
        &mut self,
        room: &RoomJid,
        session: &SessionJid,
        claim: &Rc<Claim>,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        let who = Claimant { room: room.clone(), session: session.clone() };
        let question = self.caps.ask(claim, who, moment);
        question.iter().map(send).collect()
    }

    /// Stops waiting for claims that sessions of the room gave up.
    pub(super) fn withdraw(&mut self, room: &RoomJid, moment: &mut Moment) -> Vec<Effect> {
        let unclaimed = self.rooms.get_mut(room).map(Room::unclaimed).unwrap_or_default();
        self.withdraw_all(room, unclaimed, moment)
    }

    pub(super) fn withdraw_all(
        &mut self,
        room: &RoomJid,
        unclaimed: Vec<(SessionJid, Rc<Claim>)>,
        moment: &mut Moment,
    ) -> Vec<Effect> {
        if unclaimed.is_empty() {
            return Vec::new();
        }
        let who =
            unclaimed.into_iter().map(|(session, claim)| (Claimant { room: room.clone(), session }, claim));
        self.caps.withdraw(who.collect(), moment).iter().map(send).collect()
    }

    /// Notes that the next [`Host::wake`] must send last items of this room, if some are pending.
    pub(super) fn note_pending(&mut self, room: &RoomJid) {
        let pends = self.rooms.get(room).is_some_and(|room| !room.pending.is_empty());
        if pends && !self.waiting.contains(room) {
            self.waiting.insert(room.clone());
        }
    }

    /// Sends the next batch of last items, session by session, and room by room.
    fn send_pending(&mut self, moment: &mut Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut left = self.options.last_items_batch.max(1);
        while left > 0 {
            let Some(jid) = self.waiting.shift_remove_index(0) else { break };
            let Some(room) = self.rooms.get_mut(&jid) else { continue };
            let Some((done, sent)) = room.send_pending(left, moment, &self.options) else { continue };
            effects.extend(sent);
            left -= done.min(left);
            if !room.pending.is_empty() {
                self.waiting.insert(jid);
            }
        }
        effects
    }

    /// Sets the interest of sessions that still make the claim.
    fn apply(&mut self, outcome: Outcome, moment: &mut Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (Claimant { room, session }, claim, set) in outcome.resolved {
            let Some(room) = self.rooms.get_mut(&room) else { continue };
            let still =
                |id: &SessionId| room.sessions.get(*id).is_some_and(|s| s.claim.as_ref() == Some(&claim));
            let Some(id) = room.sessions.find(session.as_str()).filter(still) else { continue };
            let new = room.want(id, &set);
            let mut allowance = self.limits.rates.of(session.bare(), moment.now, &self.options);
            effects.extend(room.last_items_of(id, &new, &mut allowance, moment, &self.options));
            effects.extend(room.observed.take().into_iter().map(Effect::Interested));
            if !room.pending.is_empty() {
                self.waiting.insert(room.info.jid.clone());
            }
        }
        effects.extend(outcome.question.iter().map(send));
        if self.caps.has_learned() && !self.learned_pending {
            self.learned_pending = true;
            effects.push(Effect::Learned);
        }
        effects
    }
}

fn send(question: &Question) -> Effect {
    let Claimant { room, session } = &question.whom;
    let query = Element::builder("query", ns::DISCO_INFO).with_some("node", question.node.as_deref()).build();
    Effect::Send(xml::iq("get", &question.id, room.as_str(), session.as_str()).append(query).build())
}
