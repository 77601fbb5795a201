//! Effects as tables: a list of `{ kind = …, … }`, in the order in which they must happen.

use minidom::Element;
use mlua::prelude::*;

use super::raw::Keys;
use super::records;
use super::stanza::Builder;
use crate::effect::{Effect, NodeChange, WhatChanged};
use crate::id::{ItemId, NodeName};
use crate::jid::SessionJid;
use crate::stanza::rendered::{ChildName, Rendered};
use crate::xml;

/// The list of effects:
///
/// - `{ kind = "keep", room, node, … }`: store this change of a room's node ([`records::change`]);
/// - `{ kind = "keep", room, occupant, nodes }`: store these nodes of an occupant, in place of what is stored;
/// - `{ kind = "reply", stanza }`, or like `tell`: answer the request;
/// - `{ kind = "send", stanza }`: send this stanza, which is already addressed;
/// - `{ kind = "tell", … }`: send a message to one JID;
/// - `{ kind = "notify", …, to }`: send a message to each of the JIDs in the list `to`;
/// - `{ kind = "archive", room, … }`: store a message in the room's archive; messages that follow with the same id carry
///   the archive's;
/// - `{ kind = "explain", text }`: log this at `debug`;
/// - `{ kind = "changed", room, address, node, what, … }`: let other modules know; `what` is [`WhatChanged::name`]; if that
///   is "published", `id` and `payload` (a stanza) unless the node has none; if it is "retracted", the list `ids`;
/// - `{ kind = "interested", room, occupant, session, gained, lost }`: let other modules know; both are lists of nodes;
/// - `{ kind = "learned" }`: some time soon, store what `learned` returns.
///
/// Those with `always = true` are carried out even if a change of the same list can't be stored.
///
/// Messages are rendered: `lua/shared.lib.lua` describes their entries. One userdata for all effects opens them again.
pub(super) fn to_table(builder: &Builder<'_>, effects: Vec<Effect>) -> LuaResult<LuaTable> {
    let lua = builder.lua;
    let list = lua.create_table_with_capacity(effects.len(), 0)?;
    let mut children = Vec::new();
    let mut told = Vec::new();
    for effect in effects {
        let is_always = effect.is_always();
        let table = match effect {
            Effect::Keep { room, node, change } => {
                let table = of_kind(lua, "keep")?;
                table.raw_set("room", room.as_str())?;
                table.raw_set("node", node.as_str())?;
                records::change(lua, &change, &table)?;
                table
            }
            Effect::KeepOccupant { room, occupant, nodes } => {
                let table = of_kind(lua, "keep")?;
                table.raw_set("room", room.as_str())?;
                table.raw_set("occupant", occupant.as_str())?;
                table.raw_set("nodes", records::list(lua, &nodes)?)?;
                table
            }
            Effect::Reply(stanza) => with_stanza(builder, "reply", &stanza)?,
            Effect::ReplyRendered { result, to } => {
                children.push(result.children().to_vec());
                let table = rendered(lua, &result, children.len())?;
                table.raw_set("kind", "reply")?;
                table.raw_set("name", result.name())?;
                for_one(&table, &result, &to)?;
                told.push(table.clone());
                table
            }
            Effect::Send(stanza) => with_stanza(builder, "send", &stanza)?,
            Effect::Archive { room, message } => {
                children.push(message.children().to_vec());
                let table = rendered(lua, &message, children.len())?;
                table.raw_set("kind", "archive")?;
                table.raw_set("room", room.as_str())?;
                let mut rest = String::new();
                message.render_rest(&mut rest);
                table.raw_set("rest", rest)?;
                told.push(table.clone());
                table
            }
            Effect::Notify { message, to } => {
                children.push(message.children().to_vec());
                let table = notify(lua, &message, children.len(), &to)?;
                told.push(table.clone());
                table
            }
            Effect::Absent { room, accounts } => {
                let table = of_kind(lua, "absent")?;
                table.raw_set("room", room.as_str())?;
                table.raw_set(
                    "accounts",
                    lua.create_sequence_from(accounts.iter().map(SessionJid::as_str))?,
                )?;
                table
            }
            Effect::Explain(text) => {
                let table = of_kind(lua, "explain")?;
                table.raw_set("text", text)?;
                table
            }
            Effect::Changed(change) => changed(builder, &change)?,
            Effect::Interested(change) => {
                let table = of_kind(lua, "interested")?;
                table.raw_set("room", change.room.as_str())?;
                table.raw_set("occupant", change.occupant.as_str())?;
                table.raw_set("session", change.session.as_str())?;
                table.raw_set(
                    "gained",
                    lua.create_sequence_from(change.gained.iter().map(NodeName::as_str))?,
                )?;
                table.raw_set("lost", lua.create_sequence_from(change.lost.iter().map(NodeName::as_str))?)?;
                table
            }
            Effect::Learned => of_kind(lua, "learned")?,
        };
        if is_always {
            table.raw_set("always", true)?;
        }
        list.raw_push(table)?;
    }
    if !told.is_empty() {
        let source = lua.create_userdata(Source(children))?;
        for table in told {
            table.raw_set("source", &source)?;
        }
    }
    Ok(list)
}

fn changed(builder: &Builder<'_>, change: &NodeChange) -> LuaResult<LuaTable> {
    let lua = builder.lua;
    let table = of_kind(lua, "changed")?;
    table.raw_set("room", change.room.as_str())?;
    table.raw_set("address", &*change.address)?;
    table.raw_set("node", change.node.as_str())?;
    table.raw_set("what", change.what.name())?;
    match &change.what {
        WhatChanged::Published(id, payload) => {
            table.raw_set("id", id.as_ref().map(ItemId::as_str))?;
            if let Some(payload) = payload.as_ref().and_then(|payload| payload.to_element().ok()) {
                table.raw_set("payload", builder.build(&payload)?)?;
            }
        }
        WhatChanged::Retracted(ids) => {
            table.raw_set("ids", lua.create_sequence_from(ids.iter().map(ItemId::as_str))?)?;
        }
        WhatChanged::Created | WhatChanged::Configured | WhatChanged::Purged | WhatChanged::Deleted => {}
    }
    Ok(table)
}

fn of_kind(lua: &Lua, kind: &str) -> LuaResult<LuaTable> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("kind", kind)?;
    Ok(table)
}

fn with_stanza(builder: &Builder<'_>, kind: &str, stanza: &Element) -> LuaResult<LuaTable> {
    let table = of_kind(builder.lua, kind)?;
    table.raw_set("stanza", builder.build(stanza)?)?;
    Ok(table)
}

/// The effect of the message with number `at`.
fn notify(lua: &Lua, message: &Rendered, at: usize, to: &[SessionJid]) -> LuaResult<LuaTable> {
    let table = rendered(lua, message, at)?;
    if let [to] = to {
        table.raw_set("kind", "tell")?;
        for_one(&table, message, to.as_str())?;
    } else {
        let jids = to.iter().map(|jid| lua.create_string(jid.as_str()));
        table.raw_set("kind", "notify")?;
        table.raw_set("to", lua.create_sequence_from(jids.collect::<LuaResult<Vec<_>>>()?)?)?;
        table.raw_set("start", message.render_start())?;
        let mut rest = String::new();
        message.render_rest(&mut rest);
        table.raw_set("rest", rest)?;
    }
    Ok(table)
}

/// A table with the attributes of the rendered stanza with number `at`.
fn rendered(lua: &Lua, stanza: &Rendered, at: usize) -> LuaResult<LuaTable> {
    let table = lua.create_table_with_capacity(4, 5)?;
    for (value, place) in [stanza.from(), stanza.id(), stanza.kind()].into_iter().zip(1..) {
        table.raw_set(place, value)?;
    }
    table.raw_set(4, at)?;
    Ok(table)
}

/// Adds the text for a single recipient.
fn for_one(table: &LuaTable, stanza: &Rendered, to: &str) -> LuaResult<()> {
    let mut text = stanza.render_start();
    xml::write_value(&mut text, to);
    text.push_str("'>");
    stanza.render_rest(&mut text);
    table.raw_set("to", to)?;
    table.raw_set("text", text)
}

/// The names and namespaces of the children of each rendered stanza of one call. The stanzas themselves are Lua's.
struct Source(Vec<Vec<ChildName>>);

impl LuaUserData for Source {
    fn add_methods<M: LuaUserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("build", |lua, _, (message, metatable): (LuaTable, LuaTable)| {
            let element = open(&message)?;
            Builder { lua, keys: &Keys::new(lua)?, metatable: &metatable }.build(&element)
        });
        methods.add_method("children", |lua, this, at: usize| {
            let children = at.checked_sub(1).and_then(|at| this.0.get(at));
            let children = children.ok_or_else(|| LuaError::runtime("no such stanza"))?;
            lua.create_sequence_from(children.iter().flat_map(|(name, ns)| [&**name, &**ns]))
        });
    }
}

/// Parses a stanza that was rendered, without its `to`.
fn open(message: &LuaTable) -> LuaResult<Element> {
    let [from, id, kind] = [message.raw_get::<LuaString>(1)?, message.raw_get(2)?, message.raw_get(3)?];
    let name = message.raw_get::<Option<String>>("name")?;
    let parse = |rest: &str| {
        let attributes = [&*from.to_str()?, &*id.to_str()?, &*kind.to_str()?];
        Rendered::parse(name.as_deref().unwrap_or("message"), attributes, rest).map_err(LuaError::external)
    };
    if let Some(rest) = message.raw_get::<Option<LuaString>>("rest")? {
        return parse(&rest.to_str()?);
    }
    let text = message.raw_get::<LuaString>("text")?;
    // No value of an attribute has a `>`.
    parse(text.to_str()?.split_once('>').map_or("", |(_, rest)| rest))
}
