//! Who is in the room, with which sessions, and what the server says about them: a plain `mod_muc`.

use std::collections::BTreeMap;

use mep_core::facts::{Actor, OccupantInfo, Role, RoomAffiliation, Seen, SessionsSeen};
use minidom::Element;

use crate::support::{occupant, said};

/// Their names are in no text but their own JIDs, so that one that leaks is found.
pub const ACCOUNTS: [&str; 5] =
    ["zq-own@a.example", "zq-ann@a.example", "zq-bob@a.example", "zq-cat@b.example", "zq-dan@b.example"];
pub const DOMAINS: [&str; 2] = ["a.example", "b.example"];
/// Two for each account.
pub const SESSIONS: [&str; 10] = [
    "zq-own@a.example/desk",
    "zq-own@a.example/phone",
    "zq-ann@a.example/desk",
    "zq-ann@a.example/phone",
    "zq-bob@a.example/desk",
    "zq-bob@a.example/phone",
    "zq-cat@b.example/desk",
    "zq-cat@b.example/phone",
    "zq-dan@b.example/desk",
    "zq-dan@b.example/phone",
];
pub const NICKS: [&str; 6] = ["owl", "ape", "bee", "cow", "dog", "elk"];

/// An occupant, from joining to leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Never used again.
    pub number: u64,
    pub account: usize,
    pub role: Role,
}

#[derive(Debug, Default)]
pub struct Crowd {
    affiliations: [Option<RoomAffiliation>; ACCOUNTS.len()],
    pub banned: [bool; DOMAINS.len()],
    /// The nick of each session that is in the room.
    pub sessions: [Option<usize>; SESSIONS.len()],
    /// By nick.
    pub stays: BTreeMap<usize, Stay>,
    presences: [String; SESSIONS.len()],
    pub questions: [Option<Element>; SESSIONS.len()],
    /// Whether the room broadcasts no presence of visitors.
    pub hides_visitors: bool,
    pub members_only: bool,
    pub anonymous: bool,
    stays_so_far: u64,
}

/// Returns the account of a session.
pub fn account_of(session: usize) -> usize {
    session / 2
}

pub fn address(nick: usize) -> String {
    occupant(NICKS[nick])
}

impl Crowd {
    pub fn new() -> Self {
        let mut crowd = Self { anonymous: true, ..Self::default() };
        crowd.affiliate(0, RoomAffiliation::Owner);
        crowd
    }

    pub fn affiliate(&mut self, account: usize, is: RoomAffiliation) {
        self.affiliations[account] = Some(is).filter(|is| *is != RoomAffiliation::None);
    }

    pub fn affiliation(&self, account: usize) -> RoomAffiliation {
        let by_domain =
            (0..DOMAINS.len()).any(|at| self.banned[at] && ACCOUNTS[account].ends_with(DOMAINS[at]));
        let otherwise = if by_domain { RoomAffiliation::Outcast } else { RoomAffiliation::None };
        self.affiliations[account].unwrap_or(otherwise)
    }

    pub fn may_join(&self, account: usize) -> bool {
        let least = if self.members_only { RoomAffiliation::Member } else { RoomAffiliation::None };
        self.affiliation(account) >= least
    }

    pub fn default_role(&self, account: usize) -> Role {
        let is_admin = self.affiliation(account) >= RoomAffiliation::Admin;
        if is_admin { Role::Moderator } else { Role::Participant }
    }

    pub fn role(&self, session: usize) -> Role {
        self.stay(session).map_or(Role::None, |stay| stay.role)
    }

    pub fn stay(&self, session: usize) -> Option<Stay> {
        self.sessions[session].and_then(|nick| self.stays.get(&nick).copied())
    }

    /// Whether the room shows real JIDs to a session: `is_anonymous_for` of `mod_muc`.
    pub fn sees_jids(&self, session: usize) -> bool {
        !self.anonymous
            || self.affiliation(account_of(session)) >= RoomAffiliation::Admin
            || self.role(session) == Role::Moderator
    }

    /// Puts a session at a nick.
    pub fn put(&mut self, session: usize, nick: usize, presence: String) {
        self.sessions[session] = Some(nick);
        self.presences[session] = presence;
        if !self.stays.contains_key(&nick) {
            self.stays_so_far += 1;
            let account = account_of(session);
            let role = self.default_role(account);
            self.stays.insert(nick, Stay { number: self.stays_so_far, account, role });
        }
    }

    /// Takes a session out. Returns its nick, and whether the occupant is still there with others.
    pub fn take(&mut self, session: usize) -> Option<(usize, bool)> {
        let nick = self.sessions[session].take()?;
        let stays = self.sessions.contains(&Some(nick));
        if !stays {
            self.stays.remove(&nick);
        }
        Some((nick, stays))
    }

    /// Takes an occupant out, with all sessions.
    pub fn remove(&mut self, nick: usize) -> Option<Stay> {
        self.sessions.iter_mut().filter(|at| **at == Some(nick)).for_each(|at| *at = None);
        self.stays.remove(&nick)
    }

    /// The only session of an occupant changes its nick.
    pub fn rename(&mut self, session: usize, to: usize) {
        let stay = self.sessions[session].and_then(|from| self.stays.remove(&from)).unwrap();
        self.stays.insert(to, stay);
        self.sessions[session] = Some(to);
    }

    pub fn is_only_one(&self, session: usize) -> bool {
        let nick = self.sessions[session];
        self.sessions.iter().filter(|at| **at == nick).count() == 1
    }

    pub fn info(&self, nick: usize) -> OccupantInfo {
        let stay = self.stays[&nick];
        OccupantInfo {
            occupant: address(nick).as_str().into(),
            role: stay.role,
            room_affiliation: self.affiliation(stay.account),
            visible: !self.is_hidden(stay),
            occupant_id: (stay.number % 2 == 0).then(|| format!("id{}", stay.number).into()),
        }
    }

    pub fn is_hidden(&self, stay: Stay) -> bool {
        self.hides_visitors && stay.role == Role::Visitor
    }

    /// The sessions of an occupant, as a broadcast shows them.
    pub fn seen(&self, nick: usize) -> SessionsSeen {
        let here = (0..SESSIONS.len()).filter(|&session| self.sessions[session] == Some(nick));
        let here = here.map(|session| (SESSIONS[session].into(), said(&self.presences[session]))).collect();
        SessionsSeen { here, ..SessionsSeen::default() }
    }

    pub fn all(&self) -> Vec<Seen> {
        self.stays.keys().map(|&nick| (self.info(nick), self.seen(nick))).collect()
    }

    pub fn actor(&self, session: usize) -> Actor {
        Actor {
            session: SESSIONS[session].into(),
            occupant: self.sessions[session].map(|nick| address(nick).as_str().into()),
            role: self.role(session),
            room_affiliation: self.affiliation(account_of(session)),
            sees_jids: self.sees_jids(session),
        }
    }

    /// The occupant with this address.
    pub fn at(&self, address: &str) -> Option<Stay> {
        let nick = (0..NICKS.len()).find(|&nick| self::address(nick) == address)?;
        self.stays.get(&nick).copied()
    }
}
