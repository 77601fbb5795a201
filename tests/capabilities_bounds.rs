//! Bounds on what one client can cause, whatever it does, and on what a crowd costs.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "capabilities/clients.rs"]
#[allow(dead_code, reason = "the simulation uses the rest")]
mod clients;
mod support;

use std::collections::BTreeSet;
use std::rc::Rc;

use clients::{Answer, Claim, NODES, Product, QUIET, Random, Style, claim};
use mep_core::effect::Effect;
use mep_core::facts::{ClientPresence, Role, RoomAffiliation, SessionsSeen, Show};
use mep_core::host::Counts;
use mep_core::options::Options;
use minidom::Element;
use support::{World, element, occupant, seen};

const SECOND: u64 = 1000;

/// Questions, messages and timers, as they come.
#[derive(Default)]
struct Out {
    questions: Vec<Element>,
    told: Vec<(String, String)>,
}

struct Room {
    world: World,
}

impl Room {
    fn new(options: Options) -> Self {
        Self { world: World::new(options) }
    }

    fn enter(&mut self, nick: &str, claim: &Claim) -> Out {
        let (mut moment, session) = (self.world.moment(), session(nick));
        sort(self.world.host.enter(
            &self.world.info(),
            seen(nick),
            &session.as_str().into(),
            said(claim),
            &mut moment,
        ))
    }

    fn presence(&mut self, nick: &str, claim: &Claim) -> Out {
        let here = vec![(session(nick).as_str().into(), said(claim))];
        let (mut moment, sessions) = (self.world.moment(), SessionsSeen { here, ..SessionsSeen::default() });
        sort(self.world.host.presence(&self.world.info(), seen(nick), &sessions, &mut moment))
    }

    /// In how many milliseconds the host is to be woken.
    fn due(&self) -> Option<u64> {
        self.world.host.next_deadline().map(|at| at - self.world.now)
    }

    fn wake(&mut self, after: u64) -> Out {
        self.world.now += after;
        let mut moment = self.world.moment();
        sort(self.world.host.wake(&mut moment))
    }

    /// Whether an answer counted, and its effects.
    fn answer(&mut self, question: &Element, answer: &Answer) -> Option<Out> {
        let iq = format!(
            "<iq type='result' id='{}' from='{}' to='{}'>{}</iq>",
            question.attr("id").unwrap(),
            question.attr("to").unwrap(),
            question.attr("from").unwrap(),
            answer.xml()
        );
        let mut moment = self.world.moment();
        self.world.host.answer(&element(&iq), &mut moment).map(sort)
    }

    /// The recipients of a publish at an occupant's own JID, or at the room's.
    fn publish(&mut self, nick: &str, node: &str, to: &str) -> BTreeSet<String> {
        let iq = format!(
            "<iq type='set' id='i' from='{}' to='{to}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <publish node='{node}'><item id='i'><n xmlns='urn:n'/></item></publish></pubsub></iq>",
            session(nick)
        );
        let happened =
            self.world.request(nick, &session(nick), Role::Participant, RoomAffiliation::Owner, &iq).unwrap();
        assert_eq!(happened.reply.unwrap().attr("type"), Some("result"));
        happened.messages.iter().map(|(jid, _)| jid.to_string()).collect()
    }
}

fn session(nick: &str) -> String {
    format!("{nick}@example.org/client")
}

fn said(claim: &Claim) -> ClientPresence {
    ClientPresence { claim: Some(claim.read.clone()), show: Show::Online }
}

fn sort(effects: Vec<Effect>) -> Out {
    let mut out = Out::default();
    for effect in effects {
        match effect {
            Effect::Send(question) => out.questions.push(question),
            Effect::Notify { message, to } => {
                let message = message.to_element().unwrap();
                let items = message.children().next().unwrap().children().next().unwrap();
                let node = items.attr("node").unwrap();
                out.told.extend(to.iter().map(|jid| (jid.to_string(), node.to_owned())));
            }
            _ => {}
        }
    }
    out
}

fn product(at: usize) -> Rc<Product> {
    Product::new(format!("product{at}"), [NODES[at % 7]].into_iter().collect())
}

fn sha1(product: &Product) -> Rc<Claim> {
    claim(product, Style::Sha1, &mut Random(0))
}

#[test]
fn who_claims_something_else_with_each_presence_is_asked_at_a_rate() {
    let options = Options { publish_burst: 20, publish_rate: 2, caps_cache_size: 50, ..Options::default() };
    let mut room = Room::new(options);
    let mut questions = room.enter("mallory", &sha1(&product(0))).questions.len();
    for at in 1..5000 {
        room.world.now += 10;
        questions += room.presence("mallory", &sha1(&product(at))).questions.len();
        assert!(room.world.host.counts().asking <= 1, "one question at a time");
    }
    // 50 seconds: the first, a burst, and two per second.
    assert!((100..=1 + 20 + 100).contains(&questions), "{questions}");
    assert_eq!(room.world.host.counters().asked, questions as u64);
}

#[test]
fn who_answers_for_thousands_of_hashes_fills_no_more_than_the_cache() {
    let mut room = Room::new(Options { caps_cache_size: 50, publish_burst: 10_000, ..Options::default() });
    for at in 0..3000 {
        let product = product(at);
        let claim = sha1(&product);
        let out = if at % 2 == 0 { room.enter("mallory", &claim) } else { room.presence("mallory", &claim) };
        let [question] = &out.questions[..] else { panic!("one question for a new claim") };
        assert!(room.answer(question, &Answer::Info(product)).is_some());
        let counts = room.world.host.counts();
        assert!(counts.known <= 50 && counts.asking == 0, "{counts:?}");
    }
    assert_eq!(room.world.host.counters().evicted, 3000 - 50);
    let shards = room.world.host.learned();
    assert_eq!(shards.iter().map(|shard| shard.sets.len()).sum::<usize>(), 50, "so is what is kept");
}

#[test]
fn what_is_forgotten_of_a_hash_takes_nothing_from_those_who_claim_it() {
    let mut room = Room::new(Options { caps_cache_size: 3, ..Options::default() });
    for at in 0..10 {
        let product = product(at);
        let claim = sha1(&product);
        let question = room.enter(&format!("first{at}"), &claim).questions.remove(0);
        room.answer(&question, &Answer::Info(product));
        assert!(room.enter(&format!("second{at}"), &claim).questions.is_empty(), "it is known just then");
    }
    assert_eq!((room.world.host.counts().known, room.world.host.counters().evicted), (3, 7));
    for (bit, node) in NODES[..7].iter().enumerate() {
        let wanting = (0..10).filter(|at| at % 7 == bit);
        let expected: BTreeSet<_> = wanting
            .flat_map(|at| [session(&format!("first{at}")), session(&format!("second{at}"))])
            .collect();
        assert_eq!(room.publish("first0", node, &occupant("first0")), expected, "{node}");
        // A presence with the same claim costs nothing, even though the set was evicted.
        assert!(room.presence("first0", &sha1(&product(0))).questions.is_empty());
    }
}

#[test]
fn a_crowd_is_asked_once_for_each_kind_and_not_at_all_after_a_restart() {
    let kinds: Vec<_> = (0..30).map(product).map(|product| (sha1(&product), product)).collect();
    let crowd = |host: &mut Room| {
        let mut questions = Vec::new();
        for at in 0..10_000 {
            questions.extend(host.enter(&format!("n{at}"), &kinds[at % 30].0).questions);
        }
        questions
    };
    let mut room = Room::new(Options::default());
    let questions = crowd(&mut room);
    assert_eq!(questions.len(), 30);
    for question in &questions {
        let asked = |kind: &&(Rc<Claim>, Rc<Product>)| {
            question.children().next().unwrap().attr("node") == Some(kind.0.node.as_str())
        };
        let (_, product) = kinds.iter().find(asked).unwrap();
        assert!(room.answer(question, &Answer::Info(Rc::clone(product))).unwrap().questions.is_empty());
    }
    let told = room.publish("n0", NODES[0], &occupant("n0"));
    assert_eq!(told.len(), (0..10_000).filter(|at| at % 30 % 7 == 0).count());

    let mut again = Room::new(Options::default());
    for shard in room.world.host.learned() {
        again.world.host.recall(shard.sets);
    }
    assert_eq!(crowd(&mut again).len(), 0);
    assert_eq!(again.publish("n0", NODES[0], &occupant("n0")), told);
}

#[test]
fn a_node_for_subscribers_is_selected_where_the_room_has_it_and_not_where_an_occupant_has() {
    let options = Options { subscription_only: [QUIET].into_iter().collect(), ..Options::default() };
    let mut room = Room::new(options);
    let product = Product::new("quiet".to_owned(), [QUIET].into_iter().collect());
    let question = room.enter("a", &sha1(&product)).questions.remove(0);
    room.answer(&question, &Answer::Info(Rc::clone(&product)));
    assert_eq!(room.publish("a", QUIET, &occupant("a")), BTreeSet::new());
    assert_eq!(room.publish("a", QUIET, support::ROOM), [session("a")].into());
    let last = room.enter("b", &sha1(&product)).told;
    assert_eq!(last, [(session("b"), QUIET.to_owned())], "of the two last items, the room's");
}

#[test]
fn who_was_asked_in_vain_and_is_known_by_another_hash_is_not_waited_for() {
    let mut room = Room::new(Options::default());
    let product = product(0);
    let question =
        room.enter("a", &claim(&product, Style::Sha256AndSha3, &mut Random(0))).questions.remove(0);
    room.wake(10 * SECOND);
    let other = room.enter("b", &claim(&product, Style::Sha3, &mut Random(0))).questions.remove(0);
    room.answer(&other, &Answer::Info(Rc::clone(&product)));
    assert!(room.presence("a", &claim(&product, Style::Sha256AndSha3, &mut Random(0))).questions.is_empty());
    assert_eq!(room.publish("a", NODES[0], &occupant("a")), [session("a"), session("b")].into());
    assert!(
        room.answer(&question, &Answer::Info(self::product(1))).is_none(),
        "nothing is waited for any more"
    );
}

#[test]
fn the_next_deadline_is_that_of_the_question_whose_time_is_over_first() {
    let mut room = Room::new(Options::default());
    let (slow, other) = (sha1(&product(0)), sha1(&product(1)));
    assert_eq!(room.due(), None);
    room.enter("a", &slow);
    assert_eq!(room.due(), Some(10 * SECOND));
    room.enter("b", &slow);
    room.wake(9 * SECOND);
    assert_eq!(room.due(), Some(SECOND), "waking it too early changes nothing");
    room.wake(SECOND);
    assert_eq!(room.due(), Some(5 * SECOND));
    room.wake(5 * SECOND);
    assert_eq!(room.due(), None, "all were asked in vain");
    room.enter("c", &other);
    room.world.now += SECOND;
    room.presence("a", &slow);
    assert_eq!(room.due(), Some(2500), "there are two now");
    room.wake(2500);
    assert_eq!(room.due(), Some(6500), "the other one is still to come");
    assert_eq!(room.world.host.counts().asking, 1);
    room.wake(6500);
    assert_eq!((room.world.host.counts().asking, room.due()), (0, None));
}

#[test]
fn a_room_that_everybody_has_left_unseen_is_not_held() {
    let mut room = Room::new(Options::default());
    room.enter("a", &sha1(&product(0)));
    let mut moment = room.world.moment();
    room.world.host.restore(&room.world.info(), Vec::new(), &mut moment);
    assert_eq!(room.world.host.counts(), Counts::default());
}
