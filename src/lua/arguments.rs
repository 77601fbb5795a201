//! The arguments of calls, read from tables. A missing or wrong entry is a bug of the glue, and a Lua error.

use std::collections::BTreeMap;

use mlua::prelude::*;

use super::raw::{Key, Table, Value};
use super::stanza::{self, Kind};
use crate::caps::Claim;
use crate::facts::{
    Actor, ClientPresence, OccupantInfo, Publishers, Role, RoomAffiliation, RoomInfo, Seen, SessionsSeen,
    Show, Standing, Target,
};
use crate::jid::{OccupantJid, SessionJid};
use crate::moment::Moment;

/// Reads seconds since 1970 and 16 random octets.
pub(super) fn moment(now: f64, random: &LuaString) -> LuaResult<Moment> {
    let random = random.as_bytes();
    let random =
        <[u8; 16]>::try_from(&*random).map_err(|_| LuaError::runtime("16 random octets are needed"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; a time is positive"
    )]
    Ok(Moment::new((now * 1000.0) as u64, random))
}

/// `{ nick, role, affiliation, visible, occupant_id }`; `nick` is the occupant JID.
pub(super) fn presence(table: Table<'_>) -> LuaResult<OccupantInfo> {
    let facts = Facts::read(table)?;
    Ok(OccupantInfo {
        occupant: needed(facts.nick, "nick")?,
        role: needed(facts.role, "role")?,
        room_affiliation: needed(facts.affiliation, "affiliation")?,
        visible: needed(facts.visible, "visible")?,
        occupant_id: facts.occupant_id,
    })
}

/// `{ jid, nick, role, affiliation, sees_jids }`; no `nick` outside the room.
pub(super) fn actor(table: Table<'_>) -> LuaResult<Actor> {
    let facts = Facts::read(table)?;
    Ok(Actor {
        session: needed(facts.jid, "jid")?,
        occupant: facts.nick,
        role: needed(facts.role, "role")?,
        room_affiliation: needed(facts.affiliation, "affiliation")?,
        sees_jids: needed(facts.sees_jids, "sees_jids")?,
    })
}

/// `{ jid, publishers, occupants, persistent, anonymous, members_only, archives, outsiders = { [account] = affiliation } }`;
/// `outsiders` is optional, and so is `occupants`: all with voice.
pub(super) fn room(table: Table<'_>) -> LuaResult<RoomInfo> {
    let facts = Facts::read(table)?;
    let jid: SessionJid = needed(facts.jid, "jid")?;
    Ok(RoomInfo {
        jid: jid.as_str().into(),
        publishers: needed(facts.publishers, "publishers")?,
        occupants: facts.occupants.unwrap_or(Standing::Participants),
        persistent: needed(facts.persistent, "persistent")?,
        anonymous: needed(facts.anonymous, "anonymous")?,
        members_only: needed(facts.members_only, "members_only")?,
        archives: needed(facts.archives, "archives")?,
        outsiders: facts.outsiders,
    })
}

/// `{ nick, affiliation, read_only, stored }`; without `nick`, the target is the room. `read_only` and `stored` are
/// optional.
pub(super) fn target(room: RoomInfo, table: Table<'_>) -> LuaResult<Target> {
    let facts = Facts::read(table)?;
    let occupant = match facts.nick {
        Some(nick) => Some((nick, needed(facts.affiliation, "affiliation")?)),
        None => None,
    };
    let (read_only, stored) = (facts.read_only.unwrap_or(false), facts.stored.unwrap_or(false));
    Ok(Target { room, read_only, stored, occupant })
}

/// An affiliation to a room.
pub(super) fn affiliation(name: &str) -> LuaResult<RoomAffiliation> {
    choice(name, RoomAffiliation::from_name)
}

/// All entries of rooms, presences, actors and targets: one pass over a table is cheaper than a lookup for each entry.
#[derive(Default)]
struct Facts {
    affiliation: Option<RoomAffiliation>,
    anonymous: Option<bool>,
    archives: Option<bool>,
    jid: Option<SessionJid>,
    members_only: Option<bool>,
    nick: Option<OccupantJid>,
    occupant_id: Option<Box<str>>,
    occupants: Option<Standing>,
    outsiders: BTreeMap<Box<str>, RoomAffiliation>,
    persistent: Option<bool>,
    publishers: Option<Publishers>,
    read_only: Option<bool>,
    role: Option<Role>,
    sees_jids: Option<bool>,
    stored: Option<bool>,
    visible: Option<bool>,
}

impl Facts {
    fn read(table: Table<'_>) -> LuaResult<Self> {
        let mut facts = Self::default();
        table.each(|key, value| {
            let key = key.text()?;
            facts.take(&key, &value).map_err(|error| of(&key, &error))?;
            Ok(true)
        })?;
        Ok(facts)
    }

    fn take(&mut self, key: &str, value: &Value<'_>) -> LuaResult<()> {
        match key {
            "affiliation" => self.affiliation = Some(affiliation(&value.text()?)?),
            "archives" => self.archives = Some(value.boolean()?),
            "anonymous" => self.anonymous = Some(value.boolean()?),
            "jid" => self.jid = Some((&*value.text()?).into()),
            "members_only" => self.members_only = Some(value.boolean()?),
            "nick" => self.nick = Some((&*value.text()?).into()),
            "occupant_id" => self.occupant_id = Some((&*value.text()?).into()),
            "occupants" => self.occupants = Some(choice(&value.text()?, Standing::from_name)?),
            "outsiders" => value.table()?.each(|account, is| {
                let is = affiliation(&is.text()?)?;
                self.outsiders.insert((&*account.text()?).into(), is);
                Ok(true)
            })?,
            "persistent" => self.persistent = Some(value.boolean()?),
            "publishers" => self.publishers = Some(choice(&value.text()?, Publishers::from_name)?),
            "role" => self.role = Some(choice(&value.text()?, Role::from_name)?),
            "read_only" => self.read_only = Some(value.boolean()?),
            "sees_jids" => self.sees_jids = Some(value.boolean()?),
            "stored" => self.stored = Some(value.boolean()?),
            "visible" => self.visible = Some(value.boolean()?),
            _ => {}
        }
        Ok(())
    }
}

/// Reads what a presence stanza says about its client: the `<c/>` of either XEP, and `<show/>`.
pub(super) fn said(stanza: Table<'_>) -> LuaResult<ClientPresence> {
    let (mut caps, mut ecaps2, mut show) = (None, None, None);
    stanza.get(Key::Tags, |tags| {
        let tags = tags.table()?;
        for at in 1..=tags.len() {
            tags.at(at, |tag| {
                let tag = tag.table()?;
                match stanza::kind(tag)? {
                    Kind::Caps if caps.is_none() => caps = Some(stanza::read_part(tag)?),
                    Kind::Ecaps2 if ecaps2.is_none() => ecaps2 = Some(stanza::read_part(tag)?),
                    Kind::Show if show.is_none() => show = Some(stanza::text(tag)?),
                    _ => {}
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    let show = show.and_then(|show| Show::from_name(&show)).unwrap_or_default();
    Ok(ClientPresence { claim: Claim::read(caps.iter().chain(&ecaps2)), show })
}

/// Reads a list of presences, sorted by nick, as Lua's order is random.
pub(super) fn presences(list: Table<'_>) -> LuaResult<Vec<OccupantInfo>> {
    let read = (1..=list.len()).map(|at| list.at(at, |who| presence(who.table()?)));
    let mut presences = read.collect::<LuaResult<Vec<_>>>()?;
    presences.sort_by(|a, b| a.occupant.cmp(&b.occupant));
    Ok(presences)
}

/// Reads a list of `{ presence, sessions }`, sorted by nick, as Lua's order is random.
pub(super) fn occupants(list: Table<'_>) -> LuaResult<Vec<Seen>> {
    let mut occupants = Vec::new();
    for at in 1..=list.len() {
        let seen = list.at(at, |entry| {
            let entry = entry.table()?;
            let who = entry.at(1, |who| presence(who.table()?))?;
            Ok((who, entry.at(2, |all| sessions(all.table()?))?))
        })?;
        occupants.push(seen);
    }
    occupants.sort_by(|(a, _), (b, _)| a.occupant.cmp(&b.occupant));
    Ok(occupants)
}

/// Reads a table of presence stanzas by full JID, sorted, as Lua's order is random.
pub(super) fn sessions(table: Table<'_>) -> LuaResult<SessionsSeen> {
    let mut sessions = SessionsSeen::default();
    table.each(|jid, stanza| {
        let (jid, stanza) = (SessionJid::from(&*jid.text()?), stanza.table()?);
        let attr_type = |attr: Value<'_>| attr.table()?.get(Key::Type, |kind| Ok(kind.is_nil()));
        if stanza.get(Key::Attr, attr_type)? {
            sessions.here.push((jid, said(stanza)?));
        } else {
            sessions.left.push(jid);
        }
        Ok(true)
    })?;
    sessions.here.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(sessions)
}

/// Returns a required entry.
fn needed<T>(fact: Option<T>, key: &str) -> LuaResult<T> {
    fact.ok_or_else(|| LuaError::runtime(format!("{key} is missing")))
}

fn choice<T>(name: &str, from_name: fn(&str) -> Option<T>) -> LuaResult<T> {
    from_name(name).ok_or_else(|| LuaError::runtime(format!("{name:?} is not a valid value")))
}

/// Reads an entry, with its key in the error.
pub(super) fn get<T: FromLua>(table: &LuaTable, key: &str) -> LuaResult<T> {
    table.get(key).map_err(|error| of(key, &error))
}

/// Adds the key to an error.
fn of(key: &str, error: &LuaError) -> LuaError {
    LuaError::runtime(format!("{key}: {error}"))
}
