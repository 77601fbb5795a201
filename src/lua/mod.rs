//! The binding: everything here, and nothing else, knows Lua.
//!
//! `require "mep_core"` gives `{ version, build, features, new, options, read_options }`; `new(stanza_mt, options)`
//! gives a host, whose methods are those of [`crate::host::Host`]. Wrong arguments are Lua errors; what a client does
//! wrong never is. A panic becomes a Lua error too, after which the host is not to be used any more.

mod arguments;
mod capabilities;
mod effects;
mod host;
mod options;
#[expect(unsafe_code, reason = "makes tables on the stack of Lua; each block says why it may")]
mod plan;
#[expect(unsafe_code, reason = "reads what is on the stack of Lua; each block says why it may")]
mod raw;
mod records;
mod stanza;

use mlua::prelude::*;

use crate::usecase::entity;

/// Names the build, for those who have the file only: packaging/stamp.sh finds it there.
const MARKER: &str = concat!(
    "mep_core version=",
    env!("CARGO_PKG_VERSION"),
    " lua=",
    env!("MEP_LUA"),
    " build=",
    env!("MEP_BUILD"),
    ";"
);

/// What `package.loadlib(path, "luaopen_mep_core")` finds.
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
    Ok(exports)
}
