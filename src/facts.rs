//! What the server knows at the moment of a call, and hands in with it: the room, who asks, who is asked, which sessions are
//! there. Mirrors `lua/rooms.lib.lua`. Facts are never fetched, and never remembered from an earlier request.

use crate::caps::Claim;
use crate::jid::{OccupantJid, RoomJid, SessionJid};
use crate::xml::choice::choice;

/// What the server knows about the addresses of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The room.
    pub room: RoomJid,
    /// Who publishes as the room, by its configuration.
    pub publishers: Publishers,
    /// Whether the room is one whose nodes are to be kept: a persistent one.
    pub persistent: bool,
    /// Whether the room is semi-anonymous: real JIDs are shown to moderators only.
    pub anonymous: bool,
    /// Whether what is changed here is to be stored, and that failed a moment ago: nothing is changed then.
    pub read_only: bool,
    /// The occupant that is asked, with the affiliation to the room; `None` where the room itself is asked.
    pub occupant: Option<(OccupantJid, RoomAffiliation)>,
}

/// Who asks: what the room knows of them at this moment. Handed in with each request, never remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The stanza's sender.
    pub session: SessionJid,
    /// The sender's address in the room; `None` outside.
    pub occupant: Option<OccupantJid>,
    /// The role in the room.
    pub role: Role,
    /// The affiliation to the room.
    pub room_affiliation: RoomAffiliation,
    /// Whether the room shows real JIDs to the actor.
    pub sees_jids: bool,
}

/// What the server says of an occupant with each presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccupantInfo {
    /// The address in the room.
    pub occupant: OccupantJid,
    /// The role.
    pub role: Role,
    /// The affiliation to the room.
    pub room_affiliation: RoomAffiliation,
    /// Whether the room shows this occupant's presence to others (its presence broadcast setting).
    pub visible: bool,
    /// The stable id of XEP-0421, where the room gives one.
    pub occupant_id: Option<Box<str>>,
}

/// The sessions of an occupant, as a broadcast of its presence shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionsSeen {
    /// Those that are there, with what their presences say.
    pub here: Vec<(SessionJid, ClientPresence)>,
    /// Those that said that they go.
    pub left: Vec<SessionJid>,
    /// The one that is coming in (again) with this presence: `Host::enter` is called for it, when it may be sent
    /// something.
    pub coming: Option<SessionJid>,
}

/// An occupant and its sessions.
pub type Seen = (OccupantInfo, SessionsSeen);

/// What a presence stanza says of its client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientPresence {
    /// Its capabilities.
    pub claim: Option<Claim>,
    /// Its availability.
    pub show: Show,
}

choice! {
    /// How available a client is (RFC 6121, 4.7.2.1).
    #[derive(Default)]
    Show {
        /// Away.
        Away = "away",
        /// Eager to talk.
        Chat = "chat",
        /// Not to be disturbed.
        Dnd = "dnd",
        /// Available: no `<show/>`.
        #[default]
        Online = "online",
        /// Away for longer.
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
        /// Who keeps order.
        Moderator = "moderator",
    }
}

choice! {
    /// An affiliation to a room (XEP-0045, 5.2), from the least to the most.
    #[derive(PartialOrd, Ord)]
    RoomAffiliation {
        /// Banned.
        Outcast = "outcast",
        /// Nobody in particular.
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
    /// Who publishes as the room: an entry of the room's configuration.
    Publishers {
        /// Owners of the room.
        Owners = "owners",
        /// Owners and admins.
        Admins = "admins",
        /// Them and all moderators.
        Moderators = "moderators",
        /// Whoever has voice.
        Participants = "participants",
    }
}

impl Publishers {
    /// Whether somebody of this role and affiliation publishes as the room.
    pub fn include(self, role: Role, room_affiliation: RoomAffiliation) -> bool {
        match self {
            Self::Owners => room_affiliation == RoomAffiliation::Owner,
            Self::Admins => room_affiliation >= RoomAffiliation::Admin,
            Self::Moderators => room_affiliation >= RoomAffiliation::Admin || role == Role::Moderator,
            Self::Participants => room_affiliation >= RoomAffiliation::Admin || role >= Role::Participant,
        }
    }
}
