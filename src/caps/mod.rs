//! Entity capabilities: what a session claims, what is known of the claim, and who is being asked.
//!
//! A claim is a hash in a presence (XEP-0115). What it stands for is asked of one of the sessions that make it, and
//! filed under the hash only where the answer really has that hash; else the answer serves the session that gave
//! it, and the next one with the same claim is asked. One question is in flight for each claim.

mod info;

use std::rc::Rc;

use indexmap::{IndexMap, IndexSet};
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
        if node.len() + ver.len() > MAX_CLAIM {
            return None;
        }
        let hash = c.attr("hash").map(|algorithm| Hash { algorithm: algorithm.into(), value: ver.into() });
        (c.is("c", ns::CAPS) && !node.is_empty() && !ver.is_empty())
            .then(|| Self { hash, node: format!("{node}#{ver}").into() })
    }

    /// The hash, where it is one that can be verified.
    fn verifiable(&self) -> Option<&Hash> {
        self.hash.as_ref().filter(|hash| &*hash.algorithm == "sha-1")
    }
}

/// Octets of a claim; a real one has a hundred.
const MAX_CLAIM: usize = 1024;

/// A session in a room that is waiting for its claim to be understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

    /// Whether `who` waits for `claim`, or was asked for it in vain while others still are.
    pub fn waits(&self, claim: &Rc<Claim>, who: &Waiting) -> bool {
        self.asked.get(claim).is_some_and(|asked| {
            asked.whom == *who || asked.queue.contains(who) || asked.failed.contains(who)
        })
    }

    /// Makes `who` wait for `claim`; gives the question to ask now, unless one is in flight.
    pub fn ask(&mut self, claim: &Rc<Claim>, who: Waiting, id: String, deadline: u64) -> Option<Question> {
        if let Some(asked) = self.asked.get_mut(claim) {
            if asked.whom != who && !asked.failed.contains(&who) {
                asked.queue.insert(who);
            }
            return None;
        }
        let asked = Asked {
            id: id.clone(),
            whom: who.clone(),
            deadline,
            queue: IndexSet::new(),
            failed: IndexSet::new(),
        };
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

    /// Somebody does not wait any more: left, or claims something else. Where it was the one who was asked, the next
    /// is. So a session causes one question at a time, however often it changes its claim.
    pub fn withdraw(&mut self, claim: &Rc<Claim>, who: &Waiting, next: (String, u64)) -> Option<Question> {
        let asked = self.asked.get_mut(claim)?;
        if asked.whom == *who {
            let question = self.next(claim, next).question;
            if let Some(asked) = self.asked.get_mut(claim) {
                asked.failed.shift_remove(who);
            }
            return question;
        }
        asked.queue.shift_remove(who);
        asked.failed.shift_remove(who);
        None
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
        let everybody = std::iter::once(asked.whom).chain(asked.queue).chain(asked.failed);
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
            && let Some(whom) = asked.queue.shift_remove_index(0)
        {
            outcome.question = self.ask(claim, whom, id, deadline);
            if let Some(again) = self.asked.get_mut(claim) {
                asked.failed.insert(asked.whom);
                (again.queue, again.failed) = (asked.queue, asked.failed);
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
    queue: IndexSet<Waiting>,
    /// Those who were asked in vain: somebody else's answer serves them too.
    failed: IndexSet<Waiting>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0115, 5.2: an answer that has this hash.
    const EXODUS: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
        <identity category='client' type='pc' name='Exodus 0.9.1'/>
        <feature var='http://jabber.org/protocol/disco#info'/>
        <feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='http://jabber.org/protocol/muc'/>
        <feature var='http://jabber.org/protocol/caps'/>
      </query>";

    fn claim(ver: &str) -> Rc<Claim> {
        let c = format!("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' ver='{ver}'/>");
        Rc::new(Claim::read(&c.parse().unwrap()).unwrap())
    }

    fn honest() -> Rc<Claim> {
        claim("QgayPKawpkPSDYmwT/WM94uAlu0=")
    }

    fn who(session: &str) -> Waiting {
        Waiting { room: "room@muc".into(), session: session.into() }
    }

    fn info() -> Result<Info, IllFormed> {
        Info::read(&EXODUS.parse().unwrap(), None, 100)
    }

    /// Three sessions with the same claim, of which the first was asked `q1`.
    fn three_wait() -> (Caps, Rc<Claim>) {
        let (mut caps, claim) = (Caps::new(10), honest());
        let asked: Vec<_> = ["a@x/1", "b@x/1", "c@x/1"]
            .iter()
            .filter_map(|session| caps.ask(&claim, who(session), "q1".into(), 10))
            .collect();
        assert_eq!(asked.len(), 1, "one question for each claim");
        assert_eq!((asked[0].id.as_str(), &asked[0].whom), ("q1", &who("a@x/1")));
        (caps, claim)
    }

    #[test]
    fn a_verified_answer_serves_all_who_wait_and_is_kept() {
        let (mut caps, claim) = three_wait();
        let outcome = caps.answer("q1", "a@x/1", Some(info()), ("q2".into(), 20)).unwrap();
        let served: Vec<_> = outcome.resolved.iter().map(|(who, _)| who.session.as_str()).collect();
        assert_eq!((served, outcome.question), (vec!["a@x/1", "b@x/1", "c@x/1"], None));
        assert!(caps.known(&claim).is_some());
        assert_eq!(caps.counts(), (1, 0));
        assert!(
            caps.answer("q1", "a@x/1", Some(info()), ("q2".into(), 20)).is_none(),
            "an answer counts once"
        );
    }

    #[test]
    fn an_answer_counts_from_whom_was_asked_and_no_other() {
        let (mut caps, claim) = three_wait();
        assert!(caps.answer("q1", "b@x/1", Some(info()), ("q2".into(), 20)).is_none());
        assert!(caps.answer("q0", "a@x/1", Some(info()), ("q2".into(), 20)).is_none());
        assert_eq!((caps.known(&claim), caps.counts()), (None, (0, 1)));
    }

    #[test]
    fn a_lie_serves_the_liar_and_the_next_is_asked() {
        let (mut caps, lie) = (Caps::new(10), claim("of something else"));
        caps.ask(&lie, who("liar@x/1"), "q1".into(), 10);
        caps.ask(&lie, who("honest@x/1"), "unused".into(), 10);
        let outcome = caps.answer("q1", "liar@x/1", Some(info()), ("q2".into(), 20)).unwrap();
        let served: Vec<_> = outcome.resolved.iter().map(|(who, _)| who.clone()).collect();
        assert_eq!(served, [who("liar@x/1")]);
        assert_eq!(outcome.question.unwrap().whom, who("honest@x/1"));
        assert_eq!(caps.known(&lie), None, "nothing is filed under a hash that it does not have");
    }

    #[test]
    fn errors_time_outs_and_departures_lead_to_the_next() {
        let (mut caps, claim) = three_wait();
        let outcome = caps.answer("q1", "a@x/1", None, ("q2".into(), 20)).unwrap();
        assert_eq!((outcome.resolved.len(), outcome.question.unwrap().whom), (0, who("b@x/1")));
        assert!(caps.answer("q1", "a@x/1", Some(info()), ("q3".into(), 30)).is_none(), "too late");

        assert!(caps.expire(19, || ("q3".into(), 30)).is_empty());
        let [outcome] = &caps.expire(20, || ("q3".into(), 30))[..] else { panic!("one question was late") };
        assert_eq!(outcome.question.as_ref().unwrap().whom, who("c@x/1"));

        caps.ask(&claim, who("d@x/1"), "unused".into(), 30);
        caps.ask(&claim, who("e@x/1"), "unused".into(), 30);
        assert_eq!(caps.withdraw(&claim, &who("d@x/1"), ("q4".into(), 40)), None);
        let next = caps.withdraw(&claim, &who("c@x/1"), ("q4".into(), 40)).unwrap();
        assert_eq!(next.whom, who("e@x/1"));
        assert_eq!(caps.withdraw(&claim, &who("e@x/1"), ("q5".into(), 50)), None);
        assert_eq!(caps.counts(), (0, 0), "nobody is left to ask");
    }

    #[test]
    fn who_was_asked_in_vain_is_served_by_anothers_answer() {
        let (mut caps, claim) = three_wait();
        caps.expire(10, || ("q2".into(), 20));
        assert!(caps.waits(&claim, &who("a@x/1")));
        let outcome = caps.answer("q2", "b@x/1", Some(info()), ("q3".into(), 30)).unwrap();
        let served: Vec<_> = outcome.resolved.iter().map(|(who, _)| who.session.as_str()).collect();
        assert_eq!(served, ["b@x/1", "c@x/1", "a@x/1"]);
    }

    #[test]
    fn the_oldest_sets_go_when_there_are_too_many() {
        let mut caps = Caps::new(1);
        caps.known.insert(Hash::sha1("old"), NodeSet::default());
        caps.ask(&honest(), who("a@x/1"), "q1".into(), 10);
        caps.answer("q1", "a@x/1", Some(info()), ("q2".into(), 20));
        assert_eq!((caps.counts().0, caps.known(&claim("old"))), (1, None));
    }
}
