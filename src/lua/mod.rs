//! The binding: only this module knows Lua.
//!
//! `require "mep_core"` gives the table that [`mep_core`] makes; its `new(stanza_mt, options)` returns a host, whose
//! methods are those of [`crate::host::Host`]. Wrong arguments are Lua errors; mistakes of
//! clients never are. A panic becomes a Lua error, too, after which the host must not be used any more.

mod arguments;
mod capabilities;
mod effects;
mod face;
mod host;
mod options;
#[expect(unsafe_code, reason = "makes tables on the stack of Lua; each block says why it is sound")]
mod plan;
#[expect(unsafe_code, reason = "reads values on the stack of Lua; each block says why it is sound")]
mod raw;
mod records;
mod stanza;

use mlua::prelude::*;

use crate::caps::SHARDS;
use crate::facts::Publishers;
use crate::moment;
use crate::settings;
use crate::usecase::entity;
use crate::xml::ns;

/// Identifies the build in the file itself, where packaging/stamp.sh finds it.
const MARKER: &str = concat!(
    "mep_core version=",
    env!("CARGO_PKG_VERSION"),
    " lua=",
    env!("MEP_LUA"),
    " build=",
    env!("MEP_BUILD"),
    ";"
);

/// The function that `package.loadlib(path, "luaopen_mep_core")` loads. The words that the core and the glue both need
/// are among its exports, so that they are listed once.
#[mlua::lua_module]
fn mep_core(lua: &Lua) -> LuaResult<LuaTable> {
    let exports = lua.create_table()?;
    exports.set("version", env!("CARGO_PKG_VERSION"))?;
    exports.set("build", env!("MEP_BUILD"))?;
    exports.set("marker", MARKER)?;
    exports.set("features", lua.create_sequence_from(entity::features(true))?)?;
    exports.set("new", lua.create_function(host::new)?)?;
    exports.set("options", options::all(lua)?)?;
    exports.set("read_options", lua.create_function(options::read_options)?)?;
    exports.set("option_prefix", settings::PREFIX)?;
    exports.set("publishers", Publishers::NAMES)?;
    exports.set("caps_shards", SHARDS)?;
    exports.set("is_message_id", lua.create_function(is_message_id)?)?;
    let xmlns = [
        ("pubsub", ns::PUBSUB),
        ("pubsub_owner", ns::OWNER),
        ("disco_info", ns::DISCO_INFO),
        ("disco_items", ns::DISCO_ITEMS),
    ];
    exports.set("xmlns", lua.create_table_from(xmlns)?)?;
    Ok(exports)
}

/// `is_message_id(id)`: whether the core can have given a message this id.
#[expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "as mlua has functions")]
fn is_message_id(_: &Lua, id: LuaString) -> LuaResult<bool> {
    Ok(moment::is_message_id(&id.as_bytes()))
}
