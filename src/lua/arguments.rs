//! What the glue hands in, read from tables. A missing or wrong entry is the glue's mistake, and a Lua error.

use std::collections::HashMap;

use mlua::prelude::*;

use super::stanza;
use crate::access::{Actor, Publishers, Role, Standing};
use crate::address::SessionJid;
use crate::call::Call;
use crate::caps::Claim;
use crate::config::{NodeConfig, NotificationType};
use crate::form::Form;
use crate::host::{Seen, Sessions, Setting};
use crate::ns;
use crate::occupant::{Presence, Said, Show};
use crate::options::Options;

/// A borrowed-for-the-call string of the glue's.
pub(super) struct Text(String);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromLua for Text {
    fn from_lua(value: LuaValue, lua: &Lua) -> LuaResult<Self> {
        String::from_lua(value, lua).map(Self)
    }
}

/// Seconds since 1970 and 16 random octets.
pub(super) fn call(now: f64, random: &LuaString) -> LuaResult<Call> {
    let random = random.as_bytes();
    let random =
        <[u8; 16]>::try_from(&*random).map_err(|_| LuaError::runtime("16 random octets are needed"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; a time is positive"
    )]
    Ok(Call::new((now * 1000.0) as u64, random))
}

/// `{ nick, role, affiliation, visible, occupant_id }`; `nick` is the address in the room.
pub(super) fn presence(table: &LuaTable) -> LuaResult<Presence> {
    Ok(Presence {
        occupant: string(table, "nick")?.as_str().into(),
        role: choice(table, "role", Role::from_name)?,
        standing: choice(table, "affiliation", Standing::from_name)?,
        visible: boolean(table, "visible")?,
        occupant_id: get::<Option<String>>(table, "occupant_id")?.map(Into::into),
    })
}

/// `{ jid, nick, role, affiliation, sees_jids }`; without `nick` outside the room.
pub(super) fn actor(table: &LuaTable) -> LuaResult<Actor> {
    Ok(Actor {
        session: string(table, "jid")?.as_str().into(),
        occupant: get::<Option<String>>(table, "nick")?.map(|nick| nick.as_str().into()),
        role: choice(table, "role", Role::from_name)?,
        standing: choice(table, "affiliation", Standing::from_name)?,
        sees_jids: boolean(table, "sees_jids")?,
    })
}

/// `{ room, publishers, persistent, anonymous, nick, affiliation }`; without `nick` it is the room that is asked.
pub(super) fn setting(table: &LuaTable) -> LuaResult<Setting> {
    let occupant = match get::<Option<String>>(table, "nick")? {
        Some(nick) => Some((nick.as_str().into(), choice(table, "affiliation", Standing::from_name)?)),
        None => None,
    };
    Ok(Setting {
        room: string(table, "room")?.as_str().into(),
        publishers: choice(table, "publishers", Publishers::from_name)?,
        persistent: boolean(table, "persistent")?,
        anonymous: boolean(table, "anonymous")?,
        occupant,
    })
}

/// What a presence stanza says of its client: its `<c/>`, of either XEP, and its `<show/>`.
pub(super) fn said(stanza: &LuaTable) -> LuaResult<Said> {
    let caps = stanza::read_child(stanza, "c", Some(ns::CAPS))?;
    let ecaps2 = stanza::read_child(stanza, "c", Some(ns::ECAPS2))?;
    let show = stanza::read_child(stanza, "show", None)?.and_then(|show| Show::from_name(&show.text()));
    Ok(Said { claim: Claim::read(caps.iter().chain(&ecaps2)), show: show.unwrap_or_default() })
}

/// A list of `{ presence, sessions }`, sorted by nick: Lua's order is none.
pub(super) fn occupants(list: &LuaTable) -> LuaResult<Vec<Seen>> {
    let mut occupants = Vec::new();
    for entry in list.sequence_values::<LuaTable>() {
        let entry = entry?;
        occupants.push((presence(&entry.get(1)?)?, sessions(&entry.get(2)?)?));
    }
    occupants.sort_by(|(a, _), (b, _)| a.occupant.cmp(&b.occupant));
    Ok(occupants)
}

/// A table of presence stanzas by full JID, sorted: Lua's order is none.
pub(super) fn sessions(table: &LuaTable) -> LuaResult<Sessions> {
    let mut sessions = Sessions::default();
    for pair in table.pairs::<String, LuaTable>() {
        let (jid, stanza) = pair?;
        let kind: Option<LuaString> = stanza.get::<LuaTable>("attr")?.get("type")?;
        if kind.is_none() {
            sessions.here.push((SessionJid::from(jid.as_str()), said(&stanza)?));
        } else {
            sessions.left.push(SessionJid::from(jid.as_str()));
        }
    }
    sessions.here.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(sessions)
}

/// The options that the glue has read; those that are absent keep their defaults.
pub(super) fn options(table: &LuaTable) -> LuaResult<Options> {
    let mut options = Options::default();
    number(table, "max_payload_size", &mut options.max_payload_size)?;
    number(table, "max_items", &mut options.max_items)?;
    number(table, "max_nodes", &mut options.max_nodes)?;
    number(table, "max_room_nodes", &mut options.max_room_nodes)?;
    number(table, "max_subscriptions", &mut options.max_subscriptions)?;
    number(table, "max_subscribers", &mut options.max_subscribers)?;
    number(table, "max_affiliations", &mut options.max_affiliations)?;
    number(table, "publish_burst", &mut options.publish_burst)?;
    number(table, "publish_rate", &mut options.publish_rate)?;
    number(table, "max_last_items", &mut options.max_last_items)?;
    number(table, "max_last_items_size", &mut options.max_last_items_size)?;
    number(table, "last_items_batch", &mut options.last_items_batch)?;
    number(table, "caps_cache_size", &mut options.caps_cache_size)?;
    if let Some(nodes) = get::<Option<Vec<String>>>(table, "subscription_only_nodes")? {
        options.subscription_only = nodes.into_iter().collect();
    }
    if let Some(seconds) = get::<Option<u64>>(table, "caps_timeout")? {
        options.caps_timeout = seconds * 1000;
    }
    if table.contains_key("notification_type")? {
        options.notification_type = choice(table, "notification_type", NotificationType::from_name)?;
    }
    if let Some(nodes) = get::<Option<LuaTable>>(table, "node_config")? {
        options.forced = forced(&nodes, &options)?;
    }
    if let Some(nodes) = get::<Option<Vec<String>>>(table, "reserved_nodes")? {
        options.reserved_nodes = nodes.into_iter().collect();
    }
    Ok(options)
}

/// `{ [node] = { field = value } }`: fields of the configuration, without `pubsub#`, that nobody changes.
fn forced(nodes: &LuaTable, options: &Options) -> LuaResult<HashMap<String, Form>> {
    let mut forced = HashMap::new();
    for pair in nodes.pairs::<String, LuaTable>() {
        let (node, fields) = pair?;
        let mut form = Form::default();
        for field in fields.pairs::<String, LuaValue>() {
            let (var, value) = field?;
            form.fields.push((format!("pubsub#{var}"), vec![value.to_string()?]));
        }
        form.fields.sort_unstable();
        NodeConfig::new(options)
            .with(&form, options)
            .map_err(|error| LuaError::runtime(format!("node {node:?}: {error}")))?;
        forced.insert(node, form);
    }
    Ok(forced)
}

fn number<T: FromLua>(table: &LuaTable, key: &str, place: &mut T) -> LuaResult<()> {
    if let Some(value) = get(table, key)? {
        *place = value;
    }
    Ok(())
}

fn string(table: &LuaTable, key: &str) -> LuaResult<String> {
    get(table, key)
}

/// A boolean that is one: `nil` is what the glue forgot.
fn boolean(table: &LuaTable, key: &str) -> LuaResult<bool> {
    match table.get(key)? {
        LuaValue::Boolean(value) => Ok(value),
        other => Err(LuaError::runtime(format!("{key}: a boolean is needed, not {}", other.type_name()))),
    }
}

fn choice<T>(table: &LuaTable, key: &str, from_name: fn(&str) -> Option<T>) -> LuaResult<T> {
    let name: String = get(table, key)?;
    from_name(&name).ok_or_else(|| LuaError::runtime(format!("{name:?} is no {key}")))
}

/// An entry, with its key in the error.
pub(super) fn get<T: FromLua>(table: &LuaTable, key: &str) -> LuaResult<T> {
    table.get(key).map_err(|error| LuaError::runtime(format!("{key}: {error}")))
}
