//! All outcomes of a question.

use super::*;

/// XEP-0115, 5.2: an answer that has this hash.
const EXODUS: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
    <identity category='client' type='pc' name='Exodus 0.9.1'/>
    <feature var='http://jabber.org/protocol/disco#info'/>
    <feature var='http://jabber.org/protocol/disco#items'/>
    <feature var='http://jabber.org/protocol/muc'/>
    <feature var='http://jabber.org/protocol/caps'/>
  </query>";
const VER: &str = "QgayPKawpkPSDYmwT/WM94uAlu0=";

const SECOND: u64 = 1000;

struct World {
    caps: Caps,
    moment: Moment,
}

impl World {
    fn new() -> Self {
        Self { caps: Caps::new(10, 10 * SECOND), moment: Moment::new(0, [0; 16]) }
    }

    fn claim(&mut self, c: &str) -> Rc<Claim> {
        let c: minidom::Element = c.parse().unwrap();
        self.caps.share(Claim::read([&c]).unwrap())
    }

    fn sha1(&mut self, ver: &str) -> Rc<Claim> {
        self.claim(&format!(
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' ver='{ver}'/>"
        ))
    }

    fn ask(&mut self, claim: &Rc<Claim>, session: &str) -> Option<Question> {
        self.caps.ask(claim, who(session), &mut self.moment)
    }

    /// These sessions make the same claim; returns the question to one of them.
    fn come(&mut self, claim: &Rc<Claim>, sessions: &[&str]) -> Question {
        let mut asked: Vec<_> = sessions.iter().filter_map(|session| self.ask(claim, session)).collect();
        assert_eq!(asked.len(), 1, "one question for each hash");
        asked.remove(0)
    }

    fn answer(&mut self, question: &Question, query: &str) -> Option<Outcome> {
        let info = Some(Info::read(&query.parse().unwrap(), None, 100));
        self.caps.answer(&question.id, question.whom.session.as_str(), info, &mut self.moment)
    }

    fn error(&mut self, question: &Question) -> Option<Outcome> {
        self.caps.answer(&question.id, question.whom.session.as_str(), None, &mut self.moment)
    }

    fn after(&mut self, time: u64) -> Vec<Question> {
        self.moment.now += time;
        self.caps.expire(&mut self.moment)
    }

    fn withdraw(&mut self, claim: &Rc<Claim>, sessions: &[&str]) -> Option<Question> {
        let they = sessions.iter().map(|session| (who(session), Rc::clone(claim))).collect();
        let mut asked = self.caps.withdraw(they, &mut self.moment);
        assert!(asked.len() <= 1, "one question for each hash");
        asked.pop()
    }

    fn in_flight(&self) -> usize {
        self.caps.counts().1
    }
}

fn who(session: &str) -> Claimant {
    Claimant { room: "room@muc".into(), session: session.into() }
}

fn served(outcome: &Outcome) -> Vec<&str> {
    outcome.resolved.iter().map(|(who, ..)| who.session.as_str()).collect()
}

fn wanting(node: &str) -> String {
    EXODUS.replace("protocol/muc'", &format!("protocol/muc'/><feature var='{node}+notify'"))
}

#[test]
fn a_verified_answer_serves_all_who_wait_and_is_known() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let question = world.come(&claim, &["a@x/1", "b@x/1", "c@x/1"]);
    assert_eq!((&question.whom, question.node.as_deref()), (&who("a@x/1"), Some(&*format!("urn:c#{VER}"))));
    let outcome = world.answer(&question, EXODUS).unwrap();
    assert_eq!((served(&outcome), &outcome.question), (vec!["a@x/1", "b@x/1", "c@x/1"], &None));
    assert!(world.caps.known(&claim).is_some());
    assert_eq!(world.caps.counts(), (1, 0));
    assert!(world.answer(&question, EXODUS).is_none(), "an answer counts once");
    assert!(world.caps.groups.is_empty() && world.caps.by_id.is_empty());
}

#[test]
fn an_answer_counts_from_who_was_asked_and_no_other() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let question = world.come(&claim, &["a@x/1", "b@x/1"]);
    assert!(world.answer(&Question { whom: who("b@x/1"), ..question.clone() }, EXODUS).is_none());
    assert!(world.answer(&Question { id: "guessed".into(), ..question.clone() }, EXODUS).is_none());
    assert_eq!((world.caps.known(&claim), world.caps.counts()), (None, (0, 1)));
    assert!(world.answer(&question, EXODUS).is_some());
}

#[test]
fn a_lie_serves_the_liar_and_the_next_is_asked() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let question = world.come(&claim, &["liar@x/1", "honest@x/1"]);
    let outcome = world.answer(&question, &wanting("urn:lie")).unwrap();
    assert_eq!(served(&outcome), ["liar@x/1"]);
    assert_eq!(world.caps.known(&claim), None, "nothing is filed under a hash that it does not have");
    let question = outcome.question.unwrap();
    assert_eq!(question.whom, who("honest@x/1"));
    assert_eq!(served(&world.answer(&question, EXODUS).unwrap()), ["honest@x/1"], "the liar has been served");
    assert_eq!(world.caps.counters().mismatched, 1);
}

#[test]
fn an_error_leads_to_the_next_and_does_not_come_twice() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let first = world.come(&claim, &["a@x/1", "b@x/1"]);
    let outcome = world.error(&first).unwrap();
    assert_eq!(served(&outcome), [""; 0]);
    let second = outcome.question.unwrap();
    assert_eq!(second.whom, who("b@x/1"));
    assert!(world.error(&first).is_none() && world.answer(&first, EXODUS).is_none(), "it was answered");
    let outcome = world.answer(&second, EXODUS).unwrap();
    assert_eq!(served(&outcome), ["b@x/1", "a@x/1"], "who was asked in vain is served by another's answer");
}

#[test]
fn an_ill_formed_answer_says_nothing_for_nobody() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let question = world.come(&claim, &["a@x/1"]);
    let twice = EXODUS.replace("</query>", "<feature var='http://jabber.org/protocol/caps'/></query>");
    assert_eq!(served(&world.answer(&question, &twice).unwrap()), [""; 0]);
    assert_eq!((world.caps.counters().refused, world.in_flight()), (1, 0));
    let large =
        format!("<query xmlns='http://jabber.org/protocol/disco#info'>{}</query>", "<feature/>".repeat(101));
    let again = world.ask(&claim, "a@x/1").unwrap();
    assert_eq!(served(&world.answer(&again, &large).unwrap()), [""; 0]);
}

#[test]
fn when_the_time_is_over_the_next_is_asked_and_a_late_answer_still_counts() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let first = world.come(&claim, &["a@x/1", "b@x/1", "c@x/1"]);
    assert_eq!(world.caps.next_deadline(), Some(10 * SECOND));
    assert_eq!(world.after(10 * SECOND - 1), []);
    let [second] = &world.after(1)[..] else { panic!("one question for each hash") };
    assert_eq!((&second.whom, world.in_flight()), (&who("b@x/1"), 1));
    let outcome = world.answer(&first, EXODUS).unwrap();
    assert_eq!(served(&outcome), ["b@x/1", "c@x/1", "a@x/1"]);
    assert!(world.answer(second, EXODUS).is_none(), "all is known by then");
    assert_eq!((world.in_flight(), world.caps.counters().timed_out), (0, 1));
}

#[test]
fn a_clock_that_goes_back_keeps_no_question_waiting() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    world.moment.now += 3600 * SECOND;
    world.come(&claim, &["a@x/1", "b@x/1"]);
    world.moment.now -= 3600 * SECOND;
    let [second] = &world.after(0)[..] else { panic!("the first one timed out") };
    assert_eq!(second.whom, who("b@x/1"));
    assert_eq!(world.after(0), [], "it was asked just now");
}

#[test]
fn a_late_lie_serves_the_liar_alone_and_asks_nobody() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let first = world.come(&claim, &["liar@x/1", "b@x/1"]);
    let second = world.after(10 * SECOND).remove(0);
    let outcome = world.answer(&first, &wanting("urn:lie")).unwrap();
    assert_eq!((served(&outcome), &outcome.question), (vec!["liar@x/1"], &None));
    assert_eq!(served(&world.answer(&second, EXODUS).unwrap()), ["b@x/1"]);
}

#[test]
fn a_crowd_of_the_silent_keeps_nobody_waiting_for_long() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let silent: Vec<_> = (0..50).map(|n| format!("silent{n}@x/1")).collect();
    for session in &silent {
        world.ask(&claim, session);
    }
    world.ask(&claim, "honest@x/1");
    let mut asked = None;
    while asked.is_none() {
        let next = world.caps.next_deadline().unwrap() - world.moment.now;
        asked = world.after(next).into_iter().find(|question| question.whom == who("honest@x/1"));
    }
    assert!(world.moment.now < 70 * SECOND, "{}", world.moment.now);
}

#[test]
fn one_account_with_many_sessions_does_not_keep_others_waiting() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    world.come(&claim, &["liar@x/1", "liar@x/2", "liar@x/3", "honest@x/1"]);
    assert_eq!(world.after(10 * SECOND)[0].whom, who("honest@x/1"));
}

#[test]
fn who_leaves_is_not_waited_for() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let first = world.come(&claim, &["a@x/1", "b@x/1", "c@x/1", "d@x/1"]);
    assert_eq!(world.withdraw(&claim, &["b@x/1"]), None);
    let second = world.withdraw(&claim, &["a@x/1"]).unwrap();
    assert_eq!(second.whom, who("c@x/1"));
    assert!(world.answer(&first, EXODUS).is_none(), "an answer for what is not claimed any more");
    let third = world.after(10 * SECOND).remove(0);
    assert_eq!(world.withdraw(&claim, &["c@x/1"]), None);
    assert!(world.answer(&second, EXODUS).is_none(), "nor one that comes late");
    assert_eq!(served(&world.answer(&third, EXODUS).unwrap()), ["d@x/1"]);
    let lonely = world.sha1("other");
    world.come(&lonely, &["e@x/1"]);
    assert_eq!(world.withdraw(&lonely, &["e@x/1"]), None);
    assert!(world.caps.groups.is_empty() && world.caps.by_id.is_empty() && world.caps.deadlines.is_empty());
}

#[test]
fn of_those_who_leave_together_none_is_asked() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    world.come(&claim, &["a@x/1", "b@x/1", "c@x/1"]);
    let next = world.withdraw(&claim, &["a@x/1", "b@x/1"]).unwrap();
    assert_eq!((&next.whom, world.caps.counters().asked), (&who("c@x/1"), 2));
}

#[test]
fn who_was_asked_in_vain_is_asked_again_when_nobody_else_is() {
    let mut world = World::new();
    let claim = world.sha1(VER);
    let first = world.come(&claim, &["a@x/1"]);
    assert_eq!(world.after(10 * SECOND), []);
    assert!(!world.caps.waits(&claim, &who("a@x/1")), "its next presence has it asked again");
    let again = world.ask(&claim, "a@x/1").unwrap();
    assert!(world.answer(&first, EXODUS).is_none(), "the second question takes the place of the first");
    world.ask(&claim, "b@x/1");
    assert!(world.caps.waits(&claim, &who("a@x/1")) && world.caps.waits(&claim, &who("b@x/1")));
    assert_eq!(served(&world.answer(&again, EXODUS).unwrap()), ["a@x/1", "b@x/1"]);
}

#[test]
fn what_can_not_be_verified_counts_for_one_session() {
    let mut world = World::new();
    let claim = world.claim("<c xmlns='http://jabber.org/protocol/caps' node='urn:old' ver='0.9'/>");
    let (a, b) = (world.ask(&claim, "a@x/1").unwrap(), world.ask(&claim, "b@x/1").unwrap());
    assert_eq!(a.node.as_deref(), Some("urn:old#0.9"));
    let outcome = world.answer(&a, EXODUS).unwrap();
    assert_eq!((served(&outcome), world.caps.known(&claim)), (vec!["a@x/1"], None));
    let next = world.claim("<c xmlns='http://jabber.org/protocol/caps' node='urn:old' ver='1.0'/>");
    assert!(!world.caps.waits(&next, &who("b@x/1")), "it claims something else now");
    world.withdraw(&claim, &["b@x/1"]);
    let c = world.ask(&next, "b@x/1").unwrap();
    assert!(world.answer(&b, EXODUS).is_none(), "an answer for old capabilities never applies to new ones");
    assert_eq!(served(&world.answer(&c, EXODUS).unwrap()), ["b@x/1"]);
    assert_eq!(world.caps.counters().mismatched, 0, "nobody lied");
}

#[test]
fn an_answer_is_filed_under_each_hash_that_it_has() {
    let mut world = World::new();
    let info = Info::read(&EXODUS.parse().unwrap(), None, 100).unwrap();
    let sha256 = info.hash_for_test(Method::Ecaps2, Algorithm::Sha256);
    let hash = |algorithm: &str, value: &str| {
        format!("<hash xmlns='urn:xmpp:hashes:2' algo='{algorithm}'>{value}</hash>")
    };
    let set = |hashes: &str| format!("<c xmlns='urn:xmpp:caps'>{hashes}</c>");
    let presence = format!(
        "<presence xmlns='jabber:client'>{}<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='{VER}'/></presence>",
        set(&(hash("sha-256", &sha256.value) + &hash("sha3-256", "wrong"))),
    );
    let presence: minidom::Element = presence.parse().unwrap();
    let both = world.caps.share(Claim::read(presence.children()).unwrap());
    let question = world.come(&both, &["a@x/1"]);
    assert_eq!(question.node, Some(format!("urn:xmpp:caps#sha-256.{}", sha256.value)));
    world.answer(&question, EXODUS).unwrap();
    assert_eq!(world.caps.counts(), (2, 0));
    let alone = world.sha1(VER);
    assert!(world.caps.known(&alone).is_some());
    let wrong = world.claim(&set(&hash("sha3-256", "wrong")));
    assert_eq!(world.caps.known(&wrong), None);
}

#[test]
fn what_one_is_asked_serves_those_who_wait_for_another_hash_of_it() {
    let mut world = World::new();
    let info = Info::read(&EXODUS.parse().unwrap(), None, 100).unwrap();
    let hash = |algorithm: Algorithm| {
        let value = info.hash_for_test(Method::Ecaps2, algorithm).value;
        format!("<hash xmlns='urn:xmpp:hashes:2' algo='{}'>{value}</hash>", algorithm.as_str())
    };
    let [sha2, sha3] = [Algorithm::Sha256, Algorithm::Sha3_256].map(hash);
    let both = world.claim(&format!("<c xmlns='urn:xmpp:caps'>{sha2}{sha3}</c>"));
    let one = world.claim(&format!("<c xmlns='urn:xmpp:caps'>{sha3}</c>"));
    let silent = world.come(&one, &["a@x/1", "b@x/1"]);
    let question = world.come(&both, &["c@x/1"]);
    let outcome = world.answer(&question, EXODUS).unwrap();
    assert_eq!(served(&outcome), ["c@x/1", "a@x/1", "b@x/1"]);
    assert!(world.answer(&silent, EXODUS).is_none());
    assert_eq!(world.after(10 * SECOND), [], "what is known is not asked");
    assert!(world.caps.groups.is_empty() && world.caps.by_id.is_empty());
}

#[test]
fn one_wrong_hash_among_right_ones_keeps_nobody_waiting() {
    let mut world = World::new();
    let info = Info::read(&EXODUS.parse().unwrap(), None, 100).unwrap();
    let right = info.hash_for_test(Method::Ecaps2, Algorithm::Sha3_256);
    let claim = world.claim(&format!(
        "<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>wrong</hash>\
         <hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>{}</hash></c>",
        right.value
    ));
    let question = world.come(&claim, &["a@x/1", "b@x/1"]);
    let outcome = world.answer(&question, EXODUS).unwrap();
    assert_eq!((served(&outcome), &outcome.question), (vec!["a@x/1", "b@x/1"], &None));
    assert!(world.caps.groups.is_empty() && world.caps.by_id.is_empty());
}

#[test]
fn xep_0390_does_not_refuse_what_it_has_no_hash_of() {
    let mut world = World::new();
    let claim = world.claim(
        "<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>of something</hash></c>",
    );
    let question = world.come(&claim, &["a@x/1"]);
    let more = wanting("urn:x").replace("</query>", "<more xmlns='urn:more'/></query>");
    let outcome = world.answer(&question, &more).unwrap();
    assert_eq!(served(&outcome), ["a@x/1"]);
    assert_eq!(world.caps.counts().0, 0);
}

#[test]
fn claims_are_shared_and_swept_out() {
    let mut world = World::new();
    let (a, b) = (world.sha1("x"), world.sha1("x"));
    assert!(Rc::ptr_eq(&a, &b));
    for n in 0..10_000 {
        world.sha1(&format!("{n}"));
    }
    assert!(world.caps.claims.len() < 200, "{}", world.caps.claims.len());
    assert!(Rc::ptr_eq(&a, &world.sha1("x")));
}
