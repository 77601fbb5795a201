//! What the server knows at the moment of a call, and passes along with it: the room, the sender, the addressee, the
//! sessions. Mirrors `lua/rooms.lib.lua`. The core never fetches facts, and the server tells those that change between
//! calls ([`Host::room_changed`](crate::host::Host::room_changed)).

use std::collections::BTreeMap;

use crate::caps::Claim;
use crate::jid::{OccupantJid, RoomJid, SessionJid};
use crate::xml::choice::choice;

/// What the server says about a room with each call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct RoomInfo {
    /// The room's JID.
    pub jid: RoomJid,
    /// Who may publish as the room, by its configuration.
    pub publishers: Publishers,
    /// Who may publish at their own address, by its configuration: of occupants with voice.
    pub occupants: Standing,
    /// Whether the room is persistent: its nodes are stored.
    pub persistent: bool,
    /// Whether the room is semi-anonymous: real JIDs are shown to moderators only.
    pub anonymous: bool,
    /// Whether only members may join.
    pub members_only: bool,
    /// Whether the room archives what is written there (XEP-0313).
    pub archives: bool,
    /// The affiliations of the accounts that [`Host::outsiders`](crate::host::Host::outsiders) returns: subscribers
    /// outside the room.
    pub outsiders: BTreeMap<Box<str>, RoomAffiliation>,
}

impl RoomInfo {
    /// Returns what is assumed of a room of which the server has said nothing yet: nobody may do anything.
    pub(crate) fn unknown(jid: RoomJid) -> Self {
        Self {
            jid,
            publishers: Publishers::Owners,
            occupants: Standing::Participants,
            persistent: false,
            anonymous: true,
            members_only: true,
            archives: false,
            outsiders: BTreeMap::new(),
        }
    }
}

/// The room or occupant that a request is addressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The room.
    pub room: RoomInfo,
    /// Whether changes must be stored and storage failed a moment ago: requests that change something are refused.
    pub read_only: bool,
    /// Whether the server stores the nodes of the addressed occupant, whose nick is registered.
    pub stored: bool,
    /// The addressed occupant, with the affiliation to the room; `None` for the room itself.
    pub occupant: Option<(OccupantJid, RoomAffiliation)>,
}

/// The sender of a request, as the room knows it at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The session that sent the stanza.
    pub session: SessionJid,
    /// The sender's occupant JID; `None` outside the room.
    pub occupant: Option<OccupantJid>,
    /// The role in the room.
    pub role: Role,
    /// The affiliation to the room.
    pub room_affiliation: RoomAffiliation,
    /// Whether the room shows real JIDs to the actor.
    pub sees_jids: bool,
}

/// What the server says about an occupant with each presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccupantInfo {
    /// The occupant JID.
    pub occupant: OccupantJid,
    /// The role.
    pub role: Role,
    /// The affiliation to the room.
    pub room_affiliation: RoomAffiliation,
    /// Whether the room shows this occupant's presence to others (its presence broadcast setting).
    pub visible: bool,
    /// The stable id of XEP-0421, if the room assigns one.
    pub occupant_id: Option<Box<str>>,
}

/// The sessions of an occupant, as a broadcast of its presence shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionsSeen {
    /// Those that are in the room, with what their presences say.
    pub here: Vec<(SessionJid, ClientPresence)>,
    /// Those that sent unavailable presence.
    pub left: Vec<SessionJid>,
    /// The one that joins (again) with this presence: `Host::enter` is called for it once it may be sent messages.
    pub coming: Option<SessionJid>,
}

/// An occupant and its sessions.
pub type Seen = (OccupantInfo, SessionsSeen);

/// What a presence stanza says about its client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientPresence {
    /// Its capabilities.
    pub claim: Option<Claim>,
    /// Its availability.
    pub show: Show,
}

choice! {
    /// The availability of a client (RFC 6121, 4.7.2.1).
    #[derive(Default)]
    Show {
        /// Away.
        Away = "away",
        /// Interested in chatting.
        Chat = "chat",
        /// Do not disturb.
        Dnd = "dnd",
        /// Available, without `<show/>`.
        #[default]
        Online = "online",
        /// Extended away.
        Xa = "xa",
    }
}

choice! {
    /// A role in a room (XEP-0045, 5.1), from the least to the most.
    #[derive(PartialOrd, Ord)]
    Role {
        /// Not in the room.
        None = "none",
        /// Without voice.
        Visitor = "visitor",
        /// With voice.
        Participant = "participant",
        /// May kick others and revoke voice.
        Moderator = "moderator",
    }
}

choice! {
    /// An affiliation to a room (XEP-0045, 5.2), from the least to the most.
    #[derive(PartialOrd, Ord)]
    RoomAffiliation {
        /// Banned.
        Outcast = "outcast",
        /// No affiliation.
        None = "none",
        /// On the member list.
        Member = "member",
        /// An admin of the room.
        Admin = "admin",
        /// An owner of the room.
        Owner = "owner",
    }
}

choice! {
    /// Who may publish as the room: a field of the room's configuration.
    Publishers {
        /// Owners of the room.
        Owners = "owners",
        /// Owners and admins.
        Admins = "admins",
        /// Owners, admins and all moderators.
        Moderators = "moderators",
        /// All occupants with voice.
        Participants = "participants",
    }
}

choice! {
    /// What one must be to a room at least, by role or affiliation: the thresholds of nodes. Owners and admins of the room
    /// need not be in it.
    Standing {
        /// Anyone.
        Anyone = "anyone",
        /// Occupants with voice, and admins.
        Participants = "participants",
        /// Members of the room.
        Members = "members",
        /// Moderators, and admins.
        Moderators = "moderators",
        /// Admins and owners of the room.
        Admins = "admins",
        /// Owners of the room.
        Owners = "owners",
        /// Nobody.
        Nobody = "nobody",
    }
}

impl Standing {
    /// Returns whether this role and affiliation reach the threshold.
    pub fn includes(self, role: Role, room_affiliation: RoomAffiliation) -> bool {
        match self {
            Self::Anyone => true,
            Self::Participants => room_affiliation >= RoomAffiliation::Admin || role >= Role::Participant,
            Self::Members => room_affiliation >= RoomAffiliation::Member,
            Self::Moderators => room_affiliation >= RoomAffiliation::Admin || role == Role::Moderator,
            Self::Admins => room_affiliation >= RoomAffiliation::Admin,
            Self::Owners => room_affiliation == RoomAffiliation::Owner,
            Self::Nobody => false,
        }
    }
}

impl Publishers {
    /// Returns whether this role and affiliation may publish as the room.
    pub fn include(self, role: Role, room_affiliation: RoomAffiliation) -> bool {
        match self {
            Self::Owners => room_affiliation == RoomAffiliation::Owner,
            Self::Admins => room_affiliation >= RoomAffiliation::Admin,
            Self::Moderators => room_affiliation >= RoomAffiliation::Admin || role == Role::Moderator,
            Self::Participants => room_affiliation >= RoomAffiliation::Admin || role >= Role::Participant,
        }
    }
}
