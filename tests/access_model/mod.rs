//! Who may read what in a room: a plain model for random histories, and the steps of which they consist.

#![allow(unreachable_pub, reason = "one test file uses it")]

use std::collections::{BTreeMap, BTreeSet};

use mep_core::facts::{Publishers, Role, RoomAffiliation};
use proptest::prelude::*;

pub const NODES: [&str; 2] = ["urn:a", "urn:b"];
pub const LIMITS: [&str; 3] = ["mep#read_by", "mep#publish_by", "mep#retract_by"];
pub const DOMAINS: [&str; 2] = ["a.example", "b.example"];
/// Those whose lot changes; HECATE owns the room, is always there and wants nothing.
pub const PEOPLE: [(&str, &str, &str); 3] = [
    ("ann", "ann@a.example", "ann@a.example/desk"),
    ("bob", "bob@a.example", "bob@a.example/desk"),
    ("cat", "cat@b.example", "cat@b.example/desk"),
];

#[derive(Debug, Clone)]
pub enum Step {
    Join {
        who: usize,
        wants: BTreeSet<usize>,
    },
    Leave {
        who: usize,
    },
    /// By HECATE, or one of those whose lot changes.
    Publish {
        who: Option<usize>,
        node: usize,
    },
    /// Of an item that isn't there: the answer says whether one may.
    Retract {
        who: usize,
        node: usize,
    },
    Limit {
        node: usize,
        field: &'static str,
        to: &'static str,
    },
    Open {
        node: usize,
        model: &'static str,
    },
    Notify {
        node: usize,
        notifies: bool,
    },
    Name {
        node: usize,
        who: usize,
        is: &'static str,
    },
    Subscribe {
        who: usize,
        node: usize,
    },
    Affiliate {
        who: usize,
        is: RoomAffiliation,
    },
    BanDomain {
        domain: usize,
        banned: bool,
    },
    Promote {
        who: usize,
        role: Role,
    },
    Configure {
        publishers: Publishers,
    },
    MembersOnly(bool),
    Bounce {
        who: usize,
    },
    Restart,
}

pub fn step() -> impl Strategy<Value = Step> {
    let (who, node) = (0..PEOPLE.len(), 0..NODES.len());
    let model = prop::sample::select(vec!["open", "presence", "whitelist"]);
    let named = prop::sample::select(vec!["member", "outcast", "none"]);
    let affiliation = prop::sample::select(vec![
        RoomAffiliation::Outcast,
        RoomAffiliation::None,
        RoomAffiliation::Member,
        RoomAffiliation::Admin,
    ]);
    let role = prop::sample::select(vec![Role::Visitor, Role::Participant, Role::Moderator]);
    let publishers = prop::sample::select(vec![
        Publishers::Owners,
        Publishers::Admins,
        Publishers::Moderators,
        Publishers::Participants,
    ]);
    let field = prop::sample::select(LIMITS.to_vec());
    let to =
        prop::sample::select(vec!["anyone", "participants", "members", "moderators", "admins", "owners"]);
    let wants = prop::collection::btree_set(0..NODES.len(), 0..=NODES.len());
    prop_oneof![
        4 => (who.clone(), wants).prop_map(|(who, wants)| Step::Join { who, wants }),
        2 => who.clone().prop_map(|who| Step::Leave { who }),
        4 => node.clone().prop_map(|node| Step::Publish { who: None, node }),
        3 => (who.clone(), node.clone()).prop_map(|(who, node)| Step::Publish { who: Some(who), node }),
        2 => (who.clone(), node.clone()).prop_map(|(who, node)| Step::Retract { who, node }),
        4 => (node.clone(), field, to).prop_map(|(node, field, to)| {
            let to = if to == "anyone" && field != "mep#read_by" { "nobody" } else { to };
            Step::Limit { node, field, to }
        }),
        3 => (node.clone(), model).prop_map(|(node, model)| Step::Open { node, model }),
        1 => (node.clone(), any::<bool>()).prop_map(|(node, notifies)| Step::Notify { node, notifies }),
        3 => (node.clone(), who.clone(), named).prop_map(|(node, who, is)| Step::Name { node, who, is }),
        3 => (who.clone(), node).prop_map(|(who, node)| Step::Subscribe { who, node }),
        3 => (who.clone(), affiliation).prop_map(|(who, is)| Step::Affiliate { who, is }),
        1 => (0..DOMAINS.len(), any::<bool>()).prop_map(|(domain, banned)| Step::BanDomain { domain, banned }),
        2 => (who.clone(), role).prop_map(|(who, role)| Step::Promote { who, role }),
        2 => publishers.prop_map(|publishers| Step::Configure { publishers }),
        1 => any::<bool>().prop_map(Step::MembersOnly),
        1 => who.prop_map(|who| Step::Bounce { who }),
        1 => Just(Step::Restart),
    ]
}

/// What is sent: to whom, and the item, late or not, or the node of a subscription that has ended.
pub type Sent = BTreeMap<(usize, What), usize>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Item { node: usize, id: usize, is_late: bool },
    Ended { node: usize },
}

#[derive(Debug, Clone, Default)]
pub struct Standing {
    pub is: Option<RoomAffiliation>,
    /// The role, while in the room.
    pub role: Option<Role>,
    pub wants: BTreeSet<usize>,
    pub subscribed: BTreeSet<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Node {
    pub model: &'static str,
    pub notifies: bool,
    pub named: BTreeMap<usize, &'static str>,
    /// The thresholds that were set, of [`LIMITS`].
    pub limits: BTreeMap<&'static str, &'static str>,
    pub last: usize,
}

/// Who is what, and what follows from it.
#[derive(Debug, Clone)]
pub struct Model {
    pub people: Vec<Standing>,
    pub nodes: Vec<Node>,
    pub banned: BTreeSet<usize>,
    pub publishers: Publishers,
    pub members_only: bool,
}

impl Model {
    pub fn affiliation(&self, who: usize) -> RoomAffiliation {
        let by_domain = self.banned.iter().any(|&domain| PEOPLE[who].1.ends_with(DOMAINS[domain]));
        let otherwise = if by_domain { RoomAffiliation::Outcast } else { RoomAffiliation::None };
        self.people[who].is.unwrap_or(otherwise)
    }

    pub fn may_join(&self, who: usize) -> bool {
        let least = if self.members_only { RoomAffiliation::Member } else { RoomAffiliation::None };
        self.affiliation(who) >= least
    }

    /// Whether one may read a node, as one who is in the room with this role, or outside.
    pub fn may_read_as(&self, who: usize, node: usize, role: Option<Role>) -> bool {
        let (is, node) = (self.affiliation(who), &self.nodes[node]);
        if self.publishers.include(role.unwrap_or(Role::None), is) {
            return true;
        }
        match (is, node.named.get(&who), node.model) {
            (RoomAffiliation::Outcast, ..) | (_, Some(&"outcast"), _) => false,
            (_, Some(_), _) => true,
            _ if !reaches(node.limits.get("mep#read_by").unwrap_or(&"anyone"), role, is) => false,
            (_, None, "open") => role.is_some() || !self.members_only || is >= RoomAffiliation::Member,
            (_, None, "presence") => role.is_some(),
            _ => false,
        }
    }

    pub fn owns(&self, who: usize) -> bool {
        self.publishers.include(self.people[who].role.unwrap_or(Role::None), self.affiliation(who))
    }

    /// Whether a threshold lets one, who is in the room, do more than its affiliation to the node does.
    fn is_let(&self, who: usize, node: usize, field: &str) -> bool {
        let (is, role, node) = (self.affiliation(who), self.people[who].role, &self.nodes[node]);
        let is_outcast = is == RoomAffiliation::Outcast || node.named.get(&who) == Some(&"outcast");
        let reaches = node.limits.get(field).is_some_and(|limit| reaches(limit, role, is));
        role.is_some() && !is_outcast && reaches
    }

    pub fn may_publish(&self, who: usize, node: usize) -> bool {
        let has_voice = self.people[who].role.is_some_and(|role| role >= Role::Participant);
        self.owns(who) || has_voice && self.is_let(who, node, "mep#publish_by")
    }

    pub fn may_retract(&self, who: usize, node: usize) -> bool {
        self.owns(who) || self.is_let(who, node, "mep#retract_by")
    }

    pub fn may_read(&self, who: usize, node: usize) -> bool {
        self.may_read_as(who, node, self.people[who].role)
    }

    /// Whether one is sent the events of a node.
    pub fn receives(&self, who: usize, node: usize) -> bool {
        let person = &self.people[who];
        let wants =
            person.subscribed.contains(&node) || person.role.is_some() && person.wants.contains(&node);
        wants && self.nodes[node].notifies && self.may_read(who, node)
    }

    pub fn leave(&mut self, who: usize) {
        let outlasts = |node: &usize| self.nodes[*node].model == "open" && self.may_read_as(who, *node, None);
        let subscribed = self.people[who].subscribed.iter().copied().filter(outlasts).collect();
        let is = self.people[who].is;
        self.people[who] = Standing { is, subscribed, ..Standing::default() };
    }

    /// Ends subscriptions without access; then those in the room who are sent events now, and were not in `before`, are
    /// sent last items.
    pub fn settle(&mut self, before: &Self) -> Sent {
        let mut sent = Sent::new();
        for who in 0..PEOPLE.len() {
            for node in 0..NODES.len() {
                if self.people[who].subscribed.contains(&node) && !self.may_read(who, node) {
                    self.people[who].subscribed.remove(&node);
                    sent.insert((who, What::Ended { node }), 1);
                }
                let is_let_in = self.people[who].role.is_some() && before.people[who].role.is_some();
                if is_let_in && self.receives(who, node) && !before.receives(who, node) {
                    sent.insert((who, self.item(node, true)), 1);
                }
            }
        }
        sent
    }

    /// The last items for one who joins.
    pub fn welcome(&self, who: usize, sent: &mut Sent) {
        for node in (0..NODES.len()).filter(|&node| self.receives(who, node)) {
            sent.insert((who, self.item(node, true)), 1);
        }
    }

    pub fn item(&self, node: usize, is_late: bool) -> What {
        What::Item { node, id: self.nodes[node].last, is_late }
    }
}

/// Whether a role or an affiliation is enough.
fn reaches(limit: &str, role: Option<Role>, is: RoomAffiliation) -> bool {
    let is_admin = is >= RoomAffiliation::Admin;
    match limit {
        "anyone" => true,
        "nobody" => false,
        "participants" => is_admin || role.is_some_and(|role| role >= Role::Participant),
        "members" => is >= RoomAffiliation::Member,
        "moderators" => is_admin || role == Some(Role::Moderator),
        "admins" => is_admin,
        _ => is == RoomAffiliation::Owner,
    }
}
