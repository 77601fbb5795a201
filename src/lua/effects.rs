//! Effects as tables: a list of `{ kind = …, … }`, in the order in which they must happen.

use mlua::prelude::*;

use super::records;
use super::stanza::Builder;
use crate::effect::Effect;

/// The list of effects:
///
/// - `{ kind = "keep", room, node, … }`: what became of a node of a room is to be kept ([`records::change`]);
/// - `{ kind = "reply", stanza }`: answer the request;
/// - `{ kind = "send", stanza }`: send, it is addressed;
/// - `{ kind = "notify", stanza, to }`: send to each of the JIDs in the list `to`;
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
                table.raw_set("stanza", builder.build(message)?)?;
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
