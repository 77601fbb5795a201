//! Effects as tables: a list of `{ kind = …, … }`, in the order in which they must happen.

use minidom::Element;
use mlua::prelude::*;

use super::records;
use super::stanza::Builder;
use crate::effect::Effect;
use crate::xml;

/// The list of effects:
///
/// - `{ kind = "keep", room, node, … }`: what became of a node of a room is to be kept ([`records::change`]);
/// - `{ kind = "reply", stanza }`: answer the request;
/// - `{ kind = "send", stanza }`: send, it is addressed;
/// - `{ kind = "notify", attr, inside, source, to }`: send a message with these attributes and this text inside to each of
///   the JIDs in the list `to`; `source:build(stanza_mt)` is the message as a stanza;
/// - `{ kind = "learned" }`: some time soon, keep what `learned` says;
/// - `{ kind = "wake", after }`: call `wake` after so many seconds.
pub(super) fn to_table(builder: &Builder<'_>, effects: &[Effect]) -> LuaResult<LuaTable> {
    let list = builder.lua.create_table_with_capacity(effects.len(), 0)?;
    for effect in effects {
        let table = builder.lua.create_table()?;
        match effect {
            Effect::Keep { room, node, change } => {
                table.raw_set("kind", "keep")?;
                table.raw_set("room", room.as_str())?;
                table.raw_set("node", node.as_str())?;
                records::change(builder, change, &table)?;
            }
            Effect::Reply(stanza) => {
                table.raw_set("kind", "reply")?;
                table.raw_set("stanza", builder.build(stanza)?)?;
            }
            Effect::Send(stanza) => {
                table.raw_set("kind", "send")?;
                table.raw_set("stanza", builder.build(stanza)?)?;
            }
            Effect::Notify { message, to } => {
                table.raw_set("kind", "notify")?;
                let attributes = message.attrs().iter().map(|((_, name), value)| (name.as_str(), value.as_str()));
                table.raw_set("attr", builder.lua.create_table_from(attributes)?)?;
                table.raw_set("inside", xml::render_inside(message).map_err(LuaError::external)?)?;
                table.raw_set("source", Source(message.clone()))?;
                let jids = to.iter().map(|jid| builder.lua.create_string(jid.as_str()));
                table
                    .raw_set("to", builder.lua.create_sequence_from(jids.collect::<LuaResult<Vec<_>>>()?)?)?;
            }
            Effect::Learned => table.raw_set("kind", "learned")?,
            Effect::Wake(after) => {
                table.raw_set("kind", "wake")?;
                #[expect(clippy::cast_precision_loss, reason = "a delay of minutes, in milliseconds")]
                table.raw_set("after", *after as f64 / 1000.0)?;
            }
        }
        list.raw_push(table)?;
    }
    Ok(list)
}

/// A message, for whoever wants to look into it.
struct Source(Element);

impl LuaUserData for Source {
    fn add_methods<M: LuaUserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("build", |lua, this, metatable: LuaTable| {
            Builder { lua, metatable: &metatable }.build(&this.0)
        });
    }
}
