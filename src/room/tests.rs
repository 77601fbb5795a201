use super::*;
use crate::facts::{Role, RoomAffiliation};

fn presence(nick: &str) -> OccupantInfo {
    OccupantInfo {
        occupant: format!("room@muc/{nick}").as_str().into(),
        role: Role::Participant,
        room_affiliation: RoomAffiliation::None,
        visible: true,
        occupant_id: None,
    }
}

fn room() -> Room {
    Room::new("room@muc".into(), Sum::default())
}

fn enter(room: &mut Room, presence: OccupantInfo, jid: &SessionJid) -> SessionId {
    room.enter(presence, jid, &Options::default())
}

/// A presence with these sessions at the nick.
fn seen(room: &mut Room, presence: OccupantInfo, jids: &[&SessionJid]) -> Vec<SessionId> {
    room.presence(presence, jids.iter().copied(), &[], None, &Options::default())
}

fn set(node: &str) -> NodeSet {
    [NodeName::from(node)].into_iter().collect()
}

fn wanting(room: &Room, node: &str) -> Vec<String> {
    room.interest.sessions(node).map(|id| room.sessions.get(id).unwrap().jid.to_string()).collect()
}

#[test]
fn a_nick_change_keeps_the_occupant_and_coming_again_starts_anew() {
    let mut room = room();
    let session = enter(&mut room, presence("old"), &"a@b/c".into());
    room.want(session, &set("mood"));
    room.rename("room@muc/old", &"room@muc/new".into());
    room.leave("room@muc/old", RoomAffiliation::None);
    assert_eq!(seen(&mut room, presence("new"), &[&"a@b/c".into()]), [session]);
    assert_eq!(wanting(&room, "mood"), ["a@b/c"]);
    assert_eq!(enter(&mut room, presence("new"), &"a@b/c".into()), session);
    assert_eq!(wanting(&room, "mood"), [""; 0]);
    assert_eq!(room.occupants.len(), 1);
}

#[test]
fn a_session_that_leaves_others_behind_at_its_old_nick_keeps_its_interest() {
    let mut room = room();
    let (a, b): (SessionJid, SessionJid) = ("a@b/1".into(), "a@b/2".into());
    for jid in [&a, &b] {
        let session = enter(&mut room, presence("old"), jid);
        room.want(session, &set("mood"));
    }
    seen(&mut room, presence("old"), &[&a]);
    assert_eq!(wanting(&room, "mood"), ["a@b/1"], "nobody is sent anything while gone");
    seen(&mut room, presence("new"), &[&b]);
    assert_eq!(wanting(&room, "mood"), ["a@b/1", "a@b/2"]);
    assert_eq!(room.occupants.len(), 2);
}

#[test]
fn who_left_and_comes_back_later_starts_anew() {
    let mut room = room();
    let jid: SessionJid = "a@b/1".into();
    let session = enter(&mut room, presence("nick"), &jid);
    room.want(session, &set("mood"));
    room.leave("room@muc/nick", RoomAffiliation::None);
    enter(&mut room, presence("other"), &"x@y/z".into());
    assert_eq!(seen(&mut room, presence("nick"), &[&jid]), []);
    assert_eq!(room.find("room@muc/nick"), None, "a presence alone brings nobody in");
    enter(&mut room, presence("nick"), &jid);
    assert_eq!(wanting(&room, "mood"), [""; 0]);
}

#[test]
fn an_empty_room_holds_nothing() {
    let mut room = room();
    for round in 0..100 {
        let nick = format!("nick{round}");
        let session = enter(&mut room, presence(&nick), &"a@b/1".into());
        room.want(session, &set("mood"));
        room.leave(&format!("room@muc/{nick}"), RoomAffiliation::None);
    }
    assert!(room.is_empty() && room.sessions.is_empty() && room.by_nick.is_empty());
    assert!(room.holders.is_empty() && room.accounts.is_empty());
    assert_eq!(room.interest.kinds(), 0);
}
