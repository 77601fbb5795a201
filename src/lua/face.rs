//! The conversions of [`crate::face`].

use minidom::Element;
use mlua::prelude::*;

use super::host::Bound;
use super::stanza::Walked;
use crate::face::{self, AvatarChange};
use crate::xml::ns;

/// Reads the tables that are not `nil`, and are no larger than requests.
fn read_all<const N: usize>(
    bound: &Bound,
    lua: &Lua,
    tables: [Option<LuaTable>; N],
) -> LuaResult<[Option<Element>; N]> {
    let mut elements = [const { None }; N];
    for (element, table) in elements.iter_mut().zip(tables) {
        if let Some(Walked::Whole(whole)) = table.map(|it| bound.reader(lua).read(&it)).transpose()? {
            *element = Some(whole);
        }
    }
    Ok(elements)
}

/// `host:from_vcard(vcard, card, metadata)`: see [`face::from_vcard`]: a list of `{ node, id, payload }` to publish, in
/// this order.
pub(super) fn from_vcard(
    lua: &Lua,
    bound: &Bound,
    (vcard, card, metadata): (Option<LuaTable>, Option<LuaTable>, Option<LuaTable>),
) -> LuaResult<LuaTable> {
    let list = lua.create_table()?;
    let [Some(vcard), card, metadata] = read_all(bound, lua, [vcard, card, metadata])? else {
        return Ok(list);
    };
    let publish = |node: &str, id: &str, payload: &Element| {
        let entry = lua.create_table()?;
        entry.raw_set("node", node)?;
        entry.raw_set("id", id)?;
        entry.raw_set("payload", bound.builder(lua).build(payload)?)?;
        list.raw_push(entry)
    };
    let change = face::from_vcard(&vcard, card.as_ref(), metadata.as_ref());
    match change.avatar {
        AvatarChange::Same => {}
        AvatarChange::Removed(metadata) => publish(ns::AVATAR_METADATA, "current", &metadata)?,
        AvatarChange::New { id, metadata, data } => {
            publish(ns::AVATAR_DATA, &id, &data)?;
            publish(ns::AVATAR_METADATA, &id, &metadata)?;
        }
    }
    if let Some(card) = change.card {
        publish(ns::VCARD4_NODE, "current", &card)?;
    }
    Ok(list)
}

/// `host:to_vcard(vcard, card, metadata, data)`: see [`face::to_vcard`].
pub(super) fn to_vcard(
    lua: &Lua,
    bound: &Bound,
    (vcard, card, metadata, data): (Option<LuaTable>, Option<LuaTable>, Option<LuaTable>, Option<LuaTable>),
) -> LuaResult<Option<LuaTable>> {
    let [vcard, card, metadata, data] = read_all(bound, lua, [vcard, card, metadata, data])?;
    let vcard = face::to_vcard(vcard.as_ref(), card.as_ref(), metadata.as_ref(), data.as_ref());
    vcard.map(|vcard| bound.builder(lua).build(&vcard)).transpose()
}
