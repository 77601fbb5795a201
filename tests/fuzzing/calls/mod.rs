//! Sequences of calls as the glue makes them: what the server says about the room is always true, and all else is up to
//! the input. After each call, `watch` looks at what goes out.

mod crowd;
mod requests;
mod watch;

use std::collections::BTreeMap;

use mep_core::effect::Effect;
use mep_core::facts::{Publishers, Role, RoomAffiliation, SessionsSeen, Target};
use mep_core::host::Host;
use mep_core::id::NodeName;
use mep_core::options::{HeldLimits, NotificationType, Options};
use mep_core::pubsub::snapshot::NodeRecord;
use mep_core::xml::form::Form;
use minidom::Element;

use self::crowd::{ACCOUNTS, Crowd, DOMAINS, NICKS, SESSIONS, account_of, address};
use self::watch::{Asked, Watch};
use super::draw::Draw;
use super::weigh;
use crate::support::{ROOM, World, element, occupant, said};

/// Calls that one input can make.
const MOST: usize = 400;

/// What a host holds, for each octet that it was sent; see [`SLACK`].
const HELD: usize = 3;
/// What it holds besides, in octets.
const SLACK: usize = 32 * 1024;

pub fn run(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut play = Play::new(options(&mut draw));
    // By its size, so that inputs of old mean what they meant.
    play.crowd.hides_visitors = input.len() % 5 == 4;
    // One of each account but the last: little happens in an empty room.
    for account in 0..draw.below(ACCOUNTS.len()) {
        play.join(&mut draw, 2 * account, account);
    }
    for _ in 0..MOST {
        if draw.is_over() {
            break;
        }
        play.step(&mut draw);
    }
    play.weigh();
}

/// The server, the world around it, and what is known of both.
struct Play {
    world: World,
    crowd: Crowd,
    watch: Watch,
    /// Octets that clients sent to the host at hand.
    sent: usize,
    /// Nodes of occupants with a registered nick, by account.
    registered: BTreeMap<usize, Vec<NodeRecord>>,
}

fn options(draw: &mut Draw<'_>) -> Options {
    let mut options = Options { publish_burst: 100_000, ..Options::default() };
    match draw.below(8) {
        1 => {
            options.max_items = 2;
            options.max_nodes = 2;
            options.max_room_nodes = 2;
            options.max_subscriptions = 2;
            options.max_subscribers = 3;
            options.max_affiliations = 2;
            options.held = HeldLimits { occupant: 9_000, account: 12_000, room: 20_000, host: 20_000 };
        }
        2 => options.notification_type = NotificationType::Groupchat,
        3 => {
            let form =
                Form { fields: vec![("pubsub#access_model".to_owned(), vec!["whitelist".to_owned()])] };
            options.forced = [("urn:a".to_owned(), form)].into();
        }
        4 => {
            options.max_last_items = 1;
            options.last_items_batch = 1;
            options.max_reply_size = 2000;
            options.max_payload_size = 4000;
        }
        5 => options.subscription_only = ["urn:a"].iter().collect(),
        6 => {
            options.ask_without_caps = 2;
            options.caps_cache_size = 1;
            options.publish_burst = 5;
            options.publish_rate = 1;
        }
        7 => options.explains = true,
        _ => {}
    }
    options
}

impl Play {
    fn new(options: Options) -> Self {
        let mut play = Self {
            world: World::new(options),
            crowd: Crowd::new(),
            watch: Watch::default(),
            sent: 0,
            registered: BTreeMap::new(),
        };
        play.tell();
        play
    }

    /// What the server says from now on.
    fn tell(&mut self) {
        self.world.anonymous = self.crowd.anonymous;
        self.world.members_only = self.crowd.members_only;
        for (account, jid) in ACCOUNTS.iter().enumerate() {
            self.world.outsiders.insert(jid, self.crowd.affiliation(account));
        }
    }

    fn step(&mut self, draw: &mut Draw<'_>) {
        self.world.now += 10;
        let session = draw.below(SESSIONS.len());
        let nick = draw.below(NICKS.len());
        match draw.below(140) {
            0..=7 => self.join(draw, session, nick),
            8 => self.answer(draw, session),
            9..=10 => self.leave(session),
            11..=12 => self.rename(session, nick),
            13 => self.remove(nick),
            14..=15 => self.affiliate(draw, account_of(session)),
            16 => {
                let domain = draw.below(DOMAINS.len());
                self.crowd.banned[domain] ^= true;
                self.room_changed();
            }
            17..=18 | 24 => self.set_role(draw, nick),
            19..=20 => {
                self.crowd.anonymous ^= true;
                self.room_changed();
            }
            21 => {
                self.world.publishers = draw.one_of(&[
                    Publishers::Owners,
                    Publishers::Admins,
                    Publishers::Moderators,
                    Publishers::Participants,
                ]);
                self.room_changed();
            }
            22 => {
                self.crowd.members_only ^= draw.below(4) == 0;
                self.crowd.hides_visitors ^= draw.below(2) == 0;
                self.room_changed();
            }
            23 => self.world.persistent ^= true,
            25 => self.bounce(draw, nick),
            26 => {
                self.world.now += [0, 1000, 11_000, 100_000][draw.below(4)];
                self.wake();
            }
            27 => self.restore(),
            28 => self.rebuild(),
            29 => {
                let mut moment = self.world.moment();
                self.world.host.set_options(options(draw), &mut moment);
            }
            30 => self.come_back(draw, nick),
            31 if draw.once_in(4) => {
                let mut moment = self.world.moment();
                let effects = self.world.host.destroy(&World::room(), &mut moment);
                (0..NICKS.len()).for_each(|nick| _ = self.crowd.remove(nick));
                self.look(effects, None);
            }
            _ => self.request(draw, session, nick),
        }
    }

    fn join(&mut self, draw: &mut Draw<'_>, session: usize, nick: usize) {
        let nick = self.crowd.sessions[session].unwrap_or(nick);
        let account = account_of(session);
        let is_taken = self.crowd.stays.get(&nick).is_some_and(|stay| stay.account != account);
        if is_taken || !self.crowd.may_join(account) {
            return;
        }
        let caps = match draw.below(6) {
            0 => String::new(),
            kind => format!(
                "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='{}'/>",
                if kind == 1 { "shared" } else { SESSIONS[session] }
            ),
        };
        let presence = format!("<presence>{caps}</presence>");
        self.sent += presence.len() + 2 * SESSIONS[session].len();
        self.crowd.put(session, nick, presence.clone());
        self.broadcast(
            nick,
            &SessionsSeen { coming: Some(SESSIONS[session].into()), ..self.crowd.seen(nick) },
        );
        let (mut moment, room) = (self.world.moment(), self.world.info());
        let seen = self.crowd.info(nick);
        let effects =
            self.world.host.enter(&room, seen, &SESSIONS[session].into(), said(&presence), &mut moment);
        self.look(effects, None);
        if draw.below(5) > 0 {
            self.answer(draw, session);
        }
    }

    fn answer(&mut self, draw: &mut Draw<'_>, session: usize) {
        let Some(question) = self.crowd.questions[session].take() else { return };
        let features: String = (requests::NODES.iter().filter(|_| draw.below(2) == 0))
            .map(|node| format!("<feature var='{node}+notify'/>"))
            .collect();
        let kind = if draw.once_in(8) { "error" } else { "result" };
        let answer = format!(
            "<iq type='{kind}' id='{}' from='{}' to='{ROOM}'>\
             <query xmlns='http://jabber.org/protocol/disco#info'>{features}</query></iq>",
            question.attr("id").unwrap(),
            SESSIONS[session],
        );
        self.sent += answer.len();
        let mut moment = self.world.moment();
        let effects = self.world.host.answer(&element(&answer), &mut moment).unwrap_or_default();
        self.look(effects, None);
    }

    fn leave(&mut self, session: usize) {
        let stay = self.crowd.stay(session);
        match self.crowd.take(session) {
            None => {}
            Some((nick, true)) => {
                let left = vec![SESSIONS[session].into()];
                self.broadcast(nick, &SessionsSeen { left, ..self.crowd.seen(nick) });
            }
            Some((nick, false)) => self.left(nick, stay.unwrap().account),
        }
    }

    fn remove(&mut self, nick: usize) {
        if let Some(stay) = self.crowd.remove(nick) {
            self.left(nick, stay.account);
        }
    }

    fn left(&mut self, nick: usize, account: usize) {
        self.tell();
        let (mut moment, room) = (self.world.moment(), self.world.info());
        if let Some(records) = self.world.host.snapshot_of(&World::room(), &address(nick)) {
            self.registered.insert(account, records);
        }
        let is = self.crowd.affiliation(account);
        let effects = self.world.host.leave(&room, &address(nick), is, &mut moment);
        self.look(effects, None);
    }

    /// Other sessions of the occupant keep the old nick.
    fn rename(&mut self, session: usize, to: usize) {
        let Some(from) = self.crowd.sessions[session] else { return };
        if self.crowd.stays.contains_key(&to) {
            return;
        }
        if self.crowd.is_only_one(session) {
            self.crowd.rename(session, to);
            self.world.host.rename(&World::room(), &address(from), &address(to).as_str().into());
            let (mut moment, room) = (self.world.moment(), self.world.info());
            let is = self.crowd.affiliation(account_of(session));
            let effects = self.world.host.leave(&room, &address(from), is, &mut moment);
            self.look(effects, None);
        } else {
            self.crowd.take(session);
            self.broadcast(from, &self.crowd.seen(from));
            self.crowd.put(session, to, "<presence/>".to_owned());
        }
        self.broadcast(to, &self.crowd.seen(to));
    }

    fn affiliate(&mut self, draw: &mut Draw<'_>, account: usize) {
        let is = draw.one_of(&[
            RoomAffiliation::Outcast,
            RoomAffiliation::Outcast,
            RoomAffiliation::None,
            RoomAffiliation::Member,
            RoomAffiliation::Admin,
        ]);
        self.crowd.affiliate(account, is);
        let role = self.crowd.default_role(account);
        self.crowd
            .stays
            .values_mut()
            .filter(|stay| stay.account == account)
            .for_each(|stay| stay.role = role);
        self.room_changed();
    }

    fn set_role(&mut self, draw: &mut Draw<'_>, nick: usize) {
        let role = draw.one_of(&[Role::Visitor, Role::Participant, Role::Moderator]);
        let Some(stay) = self.crowd.stays.get_mut(&nick) else { return };
        stay.role = role;
        self.broadcast(nick, &self.crowd.seen(nick));
    }

    /// An affiliation or the configuration changed. Those who may not be in the room any more leave.
    fn room_changed(&mut self) {
        self.tell();
        let gone: Vec<_> =
            self.crowd.stays.iter().filter(|(_, stay)| !self.crowd.may_join(stay.account)).collect();
        let gone: Vec<_> = gone.into_iter().map(|(&nick, _)| nick).collect();
        gone.into_iter().for_each(|nick| self.remove(nick));
        let nicks: Vec<_> = self.crowd.stays.keys().copied().collect();
        for &nick in &nicks {
            self.broadcast(nick, &self.crowd.seen(nick));
        }
        let here = nicks.into_iter().map(|nick| self.crowd.info(nick)).collect();
        let (mut moment, room) = (self.world.moment(), self.world.info());
        let effects = self.world.host.room_changed(&room, here, &mut moment);
        self.look(effects, None);
        self.wake();
    }

    fn broadcast(&mut self, nick: usize, sessions: &SessionsSeen) {
        if !self.crowd.stays.contains_key(&nick) {
            return;
        }
        let (mut moment, room) = (self.world.moment(), self.world.info());
        let effects = self.world.host.presence(&room, self.crowd.info(nick), sessions, &mut moment);
        self.look(effects, None);
    }

    fn wake(&mut self) {
        let mut moment = self.world.moment();
        let effects = self.world.host.wake(&mut moment);
        self.look(effects, None);
    }

    fn bounce(&mut self, draw: &mut Draw<'_>, nick: usize) {
        let service = if draw.below(2) == 0 { ROOM.to_owned() } else { address(nick) };
        let condition = draw.one_of(&["gone", "remote-server-not-found", "service-unavailable", "x"]);
        let from = draw.one_of(&SESSIONS);
        self.world.host.bounce(&World::room(), &service, from, condition);
    }

    /// The room was unloaded, and is loaded again.
    fn restore(&mut self) {
        self.tell();
        let (mut moment, room) = (self.world.moment(), self.world.info());
        let effects = self.world.host.restore(&room, self.crowd.all(), &mut moment);
        self.look(effects, None);
    }

    /// The core is replaced, and loads what is stored.
    fn rebuild(&mut self) {
        let stored = self.world.host.snapshot(&World::room());
        let options = self.world.host.options().clone();
        self.weigh();
        self.world.host = Host::new(options);
        self.world.host.load(&World::room(), stored);
        self.restore();
    }

    /// An occupant with a registered nick gets back what was stored, or a change is undone.
    fn come_back(&mut self, draw: &mut Draw<'_>, nick: usize) {
        let Some(stay) = self.crowd.stays.get(&nick) else { return };
        let records = self.registered.get(&stay.account).cloned().unwrap_or_default();
        if draw.below(4) == 0 {
            self.world.host.put_back(&World::room(), &address(nick), records);
            return;
        }
        let (mut moment, room) = (self.world.moment(), self.world.info());
        let effects = self.world.host.bring_back(&room, &address(nick), records, &mut moment);
        self.look(effects, None);
    }

    fn request(&mut self, draw: &mut Draw<'_>, session: usize, nick: usize) {
        // Mostly those who are in the room, and mostly at the room and at their own address.
        let here: Vec<_> = (0..SESSIONS.len()).filter(|&at| self.crowd.sessions[at].is_some()).collect();
        let session = if here.is_empty() || draw.below(8) == 0 { session } else { draw.one_of(&here) };
        let at = match draw.below(6) {
            0..=1 => None,
            2..=4 => self.crowd.sessions[session],
            _ => Some(nick).filter(|nick| self.crowd.stays.contains_key(nick)),
        };
        let (kind, inner) = requests::draw(draw, session);
        let is_failing = draw.once_in(10);
        self.world.read_only = draw.once_in(20);
        self.world.stored = true;
        let to = at.map_or_else(|| ROOM.to_owned(), |nick| occupant(NICKS[nick]));
        let text = format!(
            "<iq xmlns='jabber:client' type='{kind}' id='q' from='{}' to='{to}'>{inner}</iq>",
            SESSIONS[session]
        );
        let Ok(iq) = text.parse::<Element>() else { return };
        self.tell();
        let target = Target {
            room: self.world.info(),
            read_only: self.world.read_only,
            stored: self.world.stored,
            occupant: at.map(|nick| {
                let stay = self.crowd.stays[&nick];
                (address(nick).as_str().into(), self.crowd.affiliation(stay.account))
            }),
        };
        let actor = self.crowd.actor(session);
        let is_banned = actor.room_affiliation == RoomAffiliation::Outcast && actor.occupant.is_none();
        if is_banned && kind == "get" {
            self.ask_as_stranger(&target, &actor, &iq);
        }
        self.sent += text.len();
        let of_occupant = at.and_then(|nick| self.world.host.snapshot_of(&World::room(), &address(nick)));
        let before = is_failing.then(|| self.world.host.snapshot(&World::room()));
        let held = self.world.host.counts().held;
        let mut moment = self.world.moment();
        let effects = self.world.host.request(&target, &actor, &iq, &mut moment);
        let most = held.max(self.world.host.options().held.host);
        assert!(self.world.host.counts().held <= most, "more is held than may be");
        let Some(mut effects) = effects else { return };
        let keeps =
            effects.iter().any(|effect| matches!(effect, Effect::Keep { .. } | Effect::KeepOccupant { .. }));
        if let (true, Some(before)) = (keeps, before) {
            effects.retain(Effect::is_always);
            match (at, of_occupant) {
                (Some(nick), Some(records)) => {
                    self.world.host.put_back(&World::room(), &address(nick), records);
                }
                _ => self.world.host.load(&World::room(), before),
            }
            effects.extend(self.world.host.not_stored(&iq, 0));
        }
        let asked = Asked { session, iq: &iq, text: &text, at };
        assert!(!is_banned || Watch::is_for_banned(&asked, &effects), "a banned account did {text}");
        self.look(effects, Some(&asked));
    }

    /// A banned account gets nothing that an account without an affiliation doesn't.
    fn ask_as_stranger(&mut self, target: &Target, banned: &mep_core::facts::Actor, iq: &Element) {
        let stranger = mep_core::facts::Actor { room_affiliation: RoomAffiliation::None, ..banned.clone() };
        let mut ask = |actor| {
            let mut moment = self.world.moment();
            let effects = self.world.host.request(target, actor, iq, &mut moment)?;
            Watch::reply(&effects, iq).filter(|reply| reply.attr("type") == Some("result"))
        };
        // Where a stranger has an affiliation, they have none.
        let is_empty = |reply: &Element| {
            reply.children().flat_map(Element::children).all(|list| list.children().next().is_none())
        };
        if let Some(reply) = ask(banned).filter(|reply| !is_empty(reply)) {
            assert_eq!(Some(&reply), ask(&stranger).as_ref(), "the banned get more than outsiders");
        }
    }

    /// Weighs the host, and ends it.
    fn weigh(&mut self) {
        self.registered.clear();
        let host = std::mem::replace(&mut self.world.host, Host::new(Options::default()));
        let kept: usize = host.snapshot(&World::room()).iter().map(size).sum();
        let held = weigh(host);
        // What was loaded was sent to an earlier host.
        let most = HELD * self.sent + SLACK;
        assert!(held <= most, "{held} octets are held for {} that were sent", self.sent);
        self.sent = kept;
    }
}

/// About what a client sends to have this node.
fn size(record: &NodeRecord) -> usize {
    let payload = |item: &mep_core::pubsub::snapshot::ItemRecord| {
        200 + item.payload.as_ref().map_or(0, mep_core::xml::payload::Payload::size)
    };
    200 + NodeName::as_str(&record.name).len() + record.items.iter().map(payload).sum::<usize>()
}
