//! A room: its service, its occupants with their services, and the interest of its sessions.
//!
//! This file has occupants and sessions that join, change and leave; `delivery` has the recipients of events.

mod bounces;
mod changes;
mod delivery;
mod envelope;
pub(crate) mod explain;
pub mod interest;
pub(crate) mod last_items;
mod name_index;
mod observed;
pub mod occupant;
pub mod rate_limit;
pub(crate) mod rights;
pub(crate) mod services;
pub mod session;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use crate::caps::{Claim, NodeSet};
use crate::facts::{Actor, OccupantInfo, RoomAffiliation, RoomInfo, Show, Target};
use crate::held::Sum;
use crate::id::{NodeName, OccupantId, ServiceId, SessionId};
use crate::jid::{OccupantJid, RoomJid, SessionJid};
use crate::options::Options;
use crate::pubsub::config::AccessModel;
use crate::pubsub::service::Service;
use crate::pubsub::subscribe_options::SubscribeOptions;
use crate::pubsub::subscription::{Subscriber, Subscriptions, Topic};
use crate::room::interest::Interest;
use crate::room::last_items::{Pending, Places};
use crate::room::name_index::NameIndex;
use crate::room::observed::Observed;
use crate::room::occupant::Occupant;
use crate::room::services::Undo;
use crate::room::session::{Session, SessionTable};

/// A room as MEP knows it.
#[derive(Debug)]
pub struct Room {
    /// The server's latest facts.
    pub(crate) info: RoomInfo,
    /// What its nodes hold, and its occupants'.
    pub(crate) held: Sum,
    pub(crate) service: Service,
    /// Its nodes as they were, if they have to be loaded again and could not be, and what is to be undone then.
    aside: Option<(Service, Undo)>,
    /// What the last request ended, in case that can't be stored.
    pub(crate) undo: Undo,
    /// Boxed, as nearly half of the tree's slots are empty: numbers only grow.
    pub(crate) occupants: BTreeMap<OccupantId, Box<Occupant>>,
    pub(crate) sessions: SessionTable,
    pub(crate) interest: Interest,
    pub(crate) subscriptions: Subscriptions,
    /// By node name, the occupants that have such a node: where to find last items.
    pub(crate) holders: HashMap<NodeName, BTreeSet<OccupantId>>,
    /// The sessions of accounts that are subscribed with their bare JID.
    pub(crate) accounts: HashMap<Box<str>, Vec<SessionId>>,
    /// Last items that are still to be sent.
    pub(crate) pending: Pending,
    /// Whether facts changed since subscriptions were last checked against them.
    rights_changed: bool,
    by_nick: NameIndex<OccupantId>,
    next_occupant: u64,
    /// The session that departed last. If it appears at another nick at once, it changed its nick and left other
    /// sessions behind: the server gives no other sign of that.
    departed: Option<DepartedSession>,
    /// What other modules of the server want to know.
    pub(crate) observed: Observed,
    /// Claims that sessions don't make any more.
    unclaimed: Vec<(SessionJid, Rc<Claim>)>,
}

impl Room {
    /// Returns a room without occupants. Its nodes are counted in this sum.
    pub fn new(jid: RoomJid, held: Sum) -> Self {
        Self {
            held,
            info: RoomInfo::unknown(jid),
            service: Service::default(),
            aside: None,
            undo: Undo::default(),
            occupants: BTreeMap::new(),
            sessions: SessionTable::default(),
            interest: Interest::default(),
            subscriptions: Subscriptions::default(),
            holders: HashMap::new(),
            accounts: HashMap::new(),
            pending: Pending::default(),
            rights_changed: false,
            by_nick: NameIndex::default(),
            next_occupant: 0,
            departed: None,
            observed: Observed::default(),
            unclaimed: Vec::new(),
        }
    }

    /// Takes in the server's facts about the sender and the addressee of a request.
    pub(crate) fn note_parties(&mut self, target: &Target, actor: &Actor, options: &Options) {
        if let Some((address, room_affiliation)) = &target.occupant {
            if let Some(info) = self.info_of(address.as_str()) {
                self.update_occupant(OccupantInfo { room_affiliation: *room_affiliation, ..info }, options);
            }
        }
        if let Some(info) = actor.occupant.as_ref().and_then(|own| self.info_of(own.as_str())) {
            let (role, room_affiliation) = (actor.role, actor.room_affiliation);
            self.update_occupant(OccupantInfo { role, room_affiliation, ..info }, options);
        }
    }

    /// Returns whether the room has no data, and can be dropped.
    pub fn is_empty(&self) -> bool {
        self.occupants.is_empty() && self.service.is_empty() && self.subscriptions.is_empty()
    }

    /// Returns the occupant with this occupant JID.
    pub fn find(&self, occupant: &str) -> Option<OccupantId> {
        self.by_nick.find(occupant, |id| nick_of(&self.occupants, id))
    }

    /// Returns the occupant JIDs.
    pub fn nicks(&self) -> impl Iterator<Item = &OccupantJid> {
        self.occupants.values().map(|occupant| &occupant.info.occupant)
    }

    /// A session joins, or joins again: its former interest is forgotten.
    pub fn enter(&mut self, presence: OccupantInfo, jid: &SessionJid, options: &Options) -> SessionId {
        let occupant = self.occupant(presence, options);
        match self.sessions.find(jid.as_str()) {
            Some(session) => {
                self.move_to(session, occupant);
                self.forget_interest(session);
                self.pending.remove(session);
                if let Some(session) = self.sessions.get_mut(session) {
                    self.unclaimed.extend(session.claim.take().map(|claim| (session.jid.clone(), claim)));
                }
                session
            }
            None => self.add(
                occupant,
                Session { jid: jid.clone(), occupant, claim: None, understood: false, show: Show::Online },
            ),
        }
    }

    /// An occupant's presence, with all sessions that have this nick now. Sessions that are missing have departed;
    /// those at another nick move here; those that never joined are left for [`Room::enter`].
    ///
    /// `left` are sessions that sent unavailable presence: they can't reappear after a change of nick. Nor can `coming`,
    /// which joins.
    ///
    /// Returns the sessions of this nick that had joined.
    pub fn presence<'a>(
        &mut self,
        presence: OccupantInfo,
        jids: impl Iterator<Item = &'a SessionJid>,
        left: &[SessionJid],
        coming: Option<&SessionJid>,
        options: &Options,
    ) -> Vec<SessionId> {
        let mut known = Vec::new();
        for jid in jids {
            let found = self.sessions.find(jid.as_str());
            known.extend(found.or_else(|| if coming == Some(jid) { None } else { self.readmit(jid) }));
        }
        if known.is_empty() && self.find(presence.occupant.as_str()).is_none() {
            return known;
        }
        let occupant = self.occupant(presence, options);
        for &session in &known {
            self.move_to(session, occupant);
        }
        let here: HashSet<_> = known.iter().copied().collect();
        let gone: Vec<_> = self
            .occupants
            .get(&occupant)
            .map(|occupant| {
                occupant.sessions.iter().copied().filter(|session| !here.contains(session)).collect()
            })
            .unwrap_or_default();
        for session in gone {
            self.remove_session(session);
        }
        self.departed.take_if(|gone| left.contains(&gone.session.jid));
        known
    }

    /// An occupant changes its nick.
    pub fn rename(&mut self, old: &str, new: &OccupantJid) {
        if self.find(new.as_str()).is_some() {
            return;
        }
        let Some(id) = self.by_nick.remove(old, |id| nick_of(&self.occupants, id)) else { return };
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.info.occupant = new.clone();
        }
        self.by_nick.insert(id, |id| nick_of(&self.occupants, id));
    }

    /// An occupant leaves, for whatever reason: all its data is removed. `room_affiliation` is what it is to the room
    /// now: subscriptions to open nodes outlast its stay unless it was banned.
    pub fn leave(&mut self, occupant: &str, room_affiliation: RoomAffiliation) {
        let Some(id) = self.find(occupant) else { return };
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.info.room_affiliation = room_affiliation;
        }
        let sessions = self.occupants.get(&id).map(|occupant| occupant.sessions.clone()).unwrap_or_default();
        if !sessions.is_empty() {
            for session in sessions {
                self.remove_session(session);
            }
            // An occupant that leaves with all its sessions does not reappear at another nick.
            self.departed = None;
        }
        self.by_nick.remove(occupant, |id| nick_of(&self.occupants, id));
        if let Some(gone) = self.occupants.remove(&id) {
            for (node, _) in gone.service.nodes() {
                self.remove_holder(node, id);
            }
        }
        self.subscriptions.remove_service(ServiceId::Occupant(id));
        self.subscriptions.remove_subscriber(&Subscriber::Occupant(id), |_| true);
        self.unwatch_all();
    }

    /// Notes the capabilities that a session's presence claims. Its former claim is not waited for any more.
    pub fn claim(&mut self, id: SessionId, claim: &Rc<Claim>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.understood = false;
        if let Some(before) = session.claim.replace(Rc::clone(claim)).filter(|before| before != claim) {
            self.unclaimed.push((session.jid.clone(), before));
        }
    }

    /// Returns whether this is what the last presence of a session claimed.
    pub fn claims(&self, session: SessionId, claim: &Claim) -> bool {
        self.sessions.get(session).is_some_and(|session| session.claim.as_deref() == Some(claim))
    }

    /// Returns whether a session's claim is the same as before, and understood.
    pub fn understands(&self, session: SessionId, claim: &Claim) -> bool {
        self.sessions
            .get(session)
            .is_some_and(|session| session.understood && session.claim.as_deref() == Some(claim))
    }

    /// Returns the claims that sessions gave up since this was last called: they need not be waited for.
    pub fn unclaimed(&mut self) -> Vec<(SessionJid, Rc<Claim>)> {
        std::mem::take(&mut self.unclaimed)
    }

    /// Notes a session's availability.
    pub fn show(&mut self, session: SessionId, show: Show) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.show = show;
        }
    }

    /// Sets a session's interest. Returns the nodes that are new in it.
    pub fn want(&mut self, session: SessionId, set: &NodeSet) -> Vec<NodeName> {
        if let Some(session) = self.sessions.get_mut(session) {
            session.understood = true;
        }
        let old = self.interest.get(session).cloned().unwrap_or_default();
        self.interest.set(session, set);
        let new: Vec<_> = set.iter().filter(|node| !old.contains(node.as_str())).cloned().collect();
        let lost = old.iter().filter(|node| !set.contains(node.as_str()));
        self.note_interest(session, &new, lost);
        new
    }

    /// Starts tracking the sessions of an account that subscribes with its bare JID.
    pub(crate) fn watch(&mut self, account: &str) {
        if !self.accounts.contains_key(account) {
            let theirs = self.sessions.iter().filter(|(_, session)| session.jid.bare() == account);
            let theirs = theirs.map(|(id, _)| id).collect();
            self.accounts.insert(account.into(), theirs);
        }
    }

    /// Stops tracking the sessions of an account if it has no subscription any more.
    pub(crate) fn unwatch(&mut self, account: &str) {
        if !self.subscriptions.knows(&Subscriber::Account(account.into())) {
            self.accounts.remove(account);
        }
    }

    /// Stops tracking the sessions of all accounts that have no subscription any more.
    pub(crate) fn unwatch_all(&mut self) {
        let subscriptions = &self.subscriptions;
        self.accounts.retain(|account, _| subscriptions.knows(&Subscriber::Account(account.clone())));
    }

    fn info_of(&self, address: &str) -> Option<OccupantInfo> {
        Some(self.occupants.get(&self.find(address)?)?.info.clone())
    }

    fn occupant(&mut self, presence: OccupantInfo, options: &Options) -> OccupantId {
        if let Some(id) = self.find(presence.occupant.as_str()) {
            self.update_occupant(presence, options);
            return id;
        }
        let id = OccupantId(self.next_occupant);
        self.next_occupant += 1;
        self.occupants.insert(id, Box::new(Occupant::new(presence)));
        self.by_nick.insert(id, |id| nick_of(&self.occupants, id));
        id
    }

    fn add(&mut self, occupant: OccupantId, session: Session) -> SessionId {
        self.departed = None;
        let account = session.jid.bare().to_owned();
        let id = self.sessions.insert(session);
        if let Some(occupant) = self.occupants.get_mut(&occupant) {
            occupant.sessions.push(id);
        }
        if let Some(theirs) = self.accounts.get_mut(account.as_str()) {
            theirs.push(id);
        }
        id
    }

    fn move_to(&mut self, session: SessionId, occupant: OccupantId) {
        let Some(entry) = self.sessions.get_mut(session) else { return };
        let from = std::mem::replace(&mut entry.occupant, occupant);
        if from == occupant {
            return;
        }
        self.subscriptions.follow(&entry.jid, from, occupant);
        if let Some(from) = self.occupants.get_mut(&from) {
            from.sessions.retain(|&other| other != session);
        }
        if let Some(to) = self.occupants.get_mut(&occupant) {
            to.sessions.push(session);
        }
    }

    fn remove_session(&mut self, id: SessionId) {
        let wanted = self.forget_interest(id);
        let pending = self.pending.remove(id);
        let Some(session) = self.sessions.remove(id) else { return };
        let account = session.jid.bare();
        if let Some(occupant) = self.occupants.get_mut(&session.occupant) {
            occupant.sessions.retain(|&other| other != id);
            if self.subscriptions.knows_account(account) {
                self.info.outsiders.insert(account.into(), occupant.info.room_affiliation);
            }
        }
        if let Some(theirs) = self.accounts.get_mut(account) {
            theirs.retain(|&other| other != id);
            if theirs.is_empty() {
                self.end(&Subscriber::Account(account.into()));
                self.unwatch(account);
            }
        }
        if let Some(claim) = &session.claim {
            self.unclaimed.push((session.jid.clone(), Rc::clone(claim)));
        }
        let ended = self.end(&Subscriber::Session(session.jid.clone()));
        self.departed = Some(DepartedSession { session, wanted, pending, ended });
    }

    /// Ends the subscriptions of a subscriber that left, except those to nodes that it may read from outside. Returns
    /// the ended ones.
    fn end(&mut self, who: &Subscriber) -> Vec<(Topic, SubscribeOptions)> {
        let (_, ended): (Vec<_>, Vec<_>) =
            self.subscriptions.topics(who).cloned().partition(|topic| self.outlasts_presence(who, topic));
        let mut were = Vec::with_capacity(ended.len());
        for topic in ended {
            were.extend(
                self.subscriptions.options(who, &topic).cloned().map(|options| (topic.clone(), options)),
            );
            self.subscriptions.remove(who, &topic);
        }
        were
    }

    /// Returns whether a subscription outlasts presence in the room.
    fn outlasts_presence(&self, who: &Subscriber, (service, node): &Topic) -> bool {
        let node =
            node.as_ref().and_then(|name| Some((name, self.service(*service)?.node(name.as_str()).ok()?)));
        node.is_some_and(|(name, node)| {
            node.config.access_model == AccessModel::Open
                && self.subscriber_may_read(who, *service, name, node)
        })
    }

    /// Readmits the session that departed last, if it is this one, with all its data.
    fn readmit(&mut self, jid: &SessionJid) -> Option<SessionId> {
        let DepartedSession { mut session, wanted, pending, ended } =
            self.departed.take_if(|gone| gone.session.jid == *jid)?;
        if !session.understood {
            // Nothing waits for its claim any more; its presence makes the claim again.
            session.claim = None;
        }
        let occupant = session.occupant;
        let id = self.add(occupant, session);
        self.interest.set(id, &wanted);
        let gained: Vec<_> = wanted.iter().cloned().collect();
        self.note_interest(id, &gained, [].iter());
        self.pending.put_back(id, pending);
        for (topic, options) in ended {
            if self.service(topic.0).is_some() {
                let who = Subscriber::Session(jid.clone());
                self.subscriptions.insert(who.clone(), topic.clone(), options);
                self.subscriptions.set_occupant(&who, &topic, Some(occupant));
            }
        }
        Some(id)
    }
}

fn nick_of(occupants: &BTreeMap<OccupantId, Box<Occupant>>, id: OccupantId) -> &str {
    occupants.get(&id).map_or("", |occupant| occupant.info.occupant.as_str())
}

/// A session that has departed, with its data.
#[derive(Debug)]
struct DepartedSession {
    session: Session,
    wanted: NodeSet,
    pending: Places,
    ended: Vec<(Topic, SubscribeOptions)>,
}

#[cfg(test)]
mod tests;
