//! Stanza tables made in one go.
//!
//! Making a table or a string in Lua may fail, where memory ends, and the error jumps over the frames of Rust. mlua
//! therefore makes each under protection of its own, which takes longer than the making. Here a whole stanza is written
//! down as steps first; then those are carried out under one protection, by code that owns nothing.

use std::borrow::Cow;
use std::ffi::{c_char, c_int};

use mlua::ffi;
use mlua::prelude::*;

use super::raw::Keys;

/// What there is to do, in the order of a document.
pub(super) enum Step<'a> {
    /// An element begins: its name, how many attributes it has, and how many elements and texts.
    Start { name: &'a str, attributes: usize, nodes: usize },
    /// Its next attribute, as Prosody names it.
    Attribute { name: Cow<'a, str>, value: Cow<'a, str> },
    /// Those were all; so many elements are in it.
    Inside { elements: usize },
    /// The text that is its node of this number, from 1.
    Text { at: usize, text: &'a str },
    /// It ends. In its parent it is the node of this number and the element of that; the top has no parent.
    End { place: Option<(usize, usize)> },
}

/// Carries out the steps of one element, of so many levels.
pub(super) fn carry_out(
    lua: &Lua,
    keys: &Keys,
    metatable: &LuaTable,
    steps: &[Step<'_>],
    levels: usize,
) -> LuaResult<LuaTable> {
    let slots = levels.saturating_mul(2).saturating_add(SPARE);
    let [name, attr, tags] = keys.of_stanza();
    // SAFETY: what the closure has is borrowed, so a jump over it drops nothing that should be. It takes the arguments
    // from the stack and leaves the result there.
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

/// Where the arguments are.
const METATABLE: c_int = 1;
const NAME: c_int = 2;
const ATTR: c_int = 3;
const TAGS: c_int = 4;

/// More slots than are in use at once, but for two of each element that is open.
const SPARE: usize = 8;

/// Carries out a step. On the stack are, of each element that is open, its table and what it is filled from: its
/// attributes first, then the list of its elements.
///
/// # Safety
/// The steps are those of one element, in order; there is room on the stack; the caller runs under protection, and
/// neither it nor its callers up to there own anything.
unsafe fn take(state: *mut ffi::lua_State, step: &Step<'_>) {
    // SAFETY: as the caller says. Of each slot it is known what it holds.
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
    // SAFETY: as the caller says; the string is copied.
    unsafe { ffi::lua_pushlstring(state, text.as_ptr().cast::<c_char>(), text.len()) };
}

fn int(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

fn index(at: usize) -> ffi::lua_Integer {
    ffi::lua_Integer::try_from(at).unwrap_or(ffi::lua_Integer::MAX)
}
