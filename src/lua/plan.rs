//! Building a whole stanza table in one protected call.
//!
//! Creating a table or a string in Lua may fail when memory runs out, and the error jumps over the frames of Rust. mlua
//! therefore creates each in a protected call of its own, which takes longer than the creation. Here a whole stanza is
//! planned as steps first; then one protected call carries them out, by code that owns nothing.

use std::borrow::Cow;
use std::ffi::{c_char, c_int};

use mlua::ffi;
use mlua::prelude::*;

use super::raw::Keys;

/// A step, in document order.
pub(super) enum Step<'a> {
    /// An element begins: its name, how many attributes it has, and how many elements and texts.
    Start { name: &'a str, attributes: usize, nodes: usize },
    /// Its next attribute, as Prosody names it.
    Attribute { name: Cow<'a, str>, value: Cow<'a, str> },
    /// The attributes end; so many child elements follow.
    Inside { elements: usize },
    /// A text, which is the element's node with this number, from 1.
    Text { at: usize, text: &'a str },
    /// The element ends. `place` is its number among the nodes and among the elements of its parent; `None` at the top.
    End { place: Option<(usize, usize)> },
}

/// Carries out the steps of an element with this many levels.
pub(super) fn carry_out(
    lua: &Lua,
    keys: &Keys,
    metatable: &LuaTable,
    steps: &[Step<'_>],
    levels: usize,
) -> LuaResult<LuaTable> {
    let slots = levels.saturating_mul(2).saturating_add(SPARE);
    let [name, attr, tags] = keys.of_stanza();
    // SAFETY: the closure owns nothing, so a jump over it leaks nothing. It takes the arguments from the stack and
    // leaves the result there.
    unsafe {
        lua.exec_raw::<LuaTable>((metatable, name, attr, tags), |state| {
            ffi::luaL_checkstack(state, int(slots), std::ptr::null());
            for step in steps {
                take(state, step);
            }
            ffi::lua_replace(state, 1);
            ffi::lua_settop(state, 1);
        })
    }
}

/// The stack slots of the arguments.
const METATABLE: c_int = 1;
const NAME: c_int = 2;
const ATTR: c_int = 3;
const TAGS: c_int = 4;

/// The maximum number of slots in use, besides two for each open element.
const SPARE: usize = 8;

/// Carries out a step. For each open element, the stack has its table and the table being filled: first the attributes,
/// then the list of child elements.
///
/// # Safety
/// The steps are those of one element, in order; the stack has room; the caller runs in a protected call, and no frame
/// up to that call owns anything.
unsafe fn take(state: *mut ffi::lua_State, step: &Step<'_>) {
    // SAFETY: guaranteed by the caller. The content of each slot is known.
    unsafe {
        match step {
            Step::Start { name, attributes, nodes } => {
                ffi::lua_createtable(state, int(*nodes), 3);
                ffi::lua_pushvalue(state, METATABLE);
                ffi::lua_setmetatable(state, -2);
                ffi::lua_pushvalue(state, NAME);
                push(state, name);
                ffi::lua_rawset(state, -3);
                ffi::lua_pushvalue(state, ATTR);
                ffi::lua_createtable(state, 0, int(*attributes));
                ffi::lua_pushvalue(state, -1);
                ffi::lua_insert(state, -3);
                ffi::lua_rawset(state, -4);
            }
            Step::Attribute { name, value } => {
                push(state, name);
                push(state, value);
                ffi::lua_rawset(state, -3);
            }
            Step::Inside { elements } => {
                ffi::lua_pop(state, 1);
                ffi::lua_pushvalue(state, TAGS);
                ffi::lua_createtable(state, int(*elements), 0);
                ffi::lua_pushvalue(state, -1);
                ffi::lua_insert(state, -3);
                ffi::lua_rawset(state, -4);
            }
            Step::Text { at, text } => {
                push(state, text);
                ffi::lua_rawseti(state, -3, index(*at));
            }
            Step::End { place } => {
                ffi::lua_pop(state, 1);
                if let Some((node, element)) = place {
                    ffi::lua_pushvalue(state, -1);
                    ffi::lua_rawseti(state, -3, index(*element));
                    ffi::lua_rawseti(state, -3, index(*node));
                }
            }
        }
    }
}

/// Pushes a string.
///
/// # Safety
/// As for [`take`].
unsafe fn push(state: *mut ffi::lua_State, text: &str) {
    // SAFETY: guaranteed by the caller; Lua copies the string.
    unsafe { ffi::lua_pushlstring(state, text.as_ptr().cast::<c_char>(), text.len()) };
}

fn int(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

fn index(at: usize) -> ffi::lua_Integer {
    ffi::lua_Integer::try_from(at).unwrap_or(ffi::lua_Integer::MAX)
}
