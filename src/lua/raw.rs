//! Reading tables in place, on Lua's stack.
//!
//! mlua's tables and strings are references that outlive the call; creating those takes longer than all the rest of
//! reading a stanza. Here a value stays on the stack only while it is read: it is passed to a closure, and can't leave
//! it.
//!
//! Nothing here calls functions that can raise a Lua error, which would jump over the frames of Rust: no metamethods,
//! no conversions, no allocations in Lua. The keys, too, are strings created beforehand.

use std::borrow::Cow;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::slice;

use mlua::ffi;
use mlua::prelude::*;

/// The entries of tables that are read by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Attr,
    Name,
    Tags,
    Type,
    Xmlns,
}

/// The strings of [`Key`].
pub(super) struct Keys([LuaString; 5]);

impl Keys {
    pub(super) fn new(lua: &Lua) -> LuaResult<Self> {
        let key = |name: &str| lua.create_string(name);
        // In the order of `Key`.
        Ok(Self([key("attr")?, key("name")?, key("tags")?, key("type")?, key("xmlns")?]))
    }

    /// Returns the keys of a stanza's name, attributes and elements.
    pub(super) fn of_stanza(&self) -> [&LuaString; 3] {
        let Self([attr, name, tags, ..]) = self;
        [name, attr, tags]
    }
}

/// Reads tables.
pub(super) fn open<const N: usize, R>(
    lua: &Lua,
    keys: &Keys,
    tables: [&LuaTable; N],
    read: impl FnOnce([Table<'_>; N]) -> LuaResult<R>,
) -> LuaResult<R> {
    lua.exec_raw_lua(|raw| {
        let state = raw.state();
        // SAFETY: it is the state of this call, and lives on.
        let restore = Restore { state, top: unsafe { ffi::lua_gettop(state) } };
        let first_key = restore.top + 1;
        reserve(state, keys.0.len() + N + 1)?; // one more, as `push` requires it
        for key in &keys.0 {
            // SAFETY: the stack has room; the pushed value is referenced already, so nothing is allocated.
            unsafe { raw.push(key)? };
        }
        for table in tables {
            // SAFETY: as above.
            unsafe { raw.push(table)? };
        }
        let mut index = first_key + len(keys.0.len());
        read(tables.map(|_| {
            let table = Table { state, first_key, index, life: PhantomData };
            index += 1;
            table
        }))
    })
}

/// A table on the stack.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    state: *mut ffi::lua_State,
    first_key: c_int,
    /// The slot, which holds a table as long as `'a` lasts.
    index: c_int,
    life: PhantomData<&'a ()>,
}

impl Table<'_> {
    /// Returns the length of its list.
    pub(super) fn len(self) -> usize {
        // SAFETY: the slot holds a table; no metamethods.
        unsafe { ffi::lua_rawlen(self.state, self.index) }
    }

    /// Reads an entry.
    pub(super) fn get<R>(self, key: Key, read: impl FnOnce(Value<'_>) -> LuaResult<R>) -> LuaResult<R> {
        let restore = self.reserve()?;
        // SAFETY: there is room; the slots hold the key and a table; no metamethods, nothing is allocated.
        unsafe {
            ffi::lua_pushvalue(self.state, self.first_key + key as c_int);
            ffi::lua_rawget(self.state, self.index);
        }
        read(self.value(restore.top + 1))
    }

    /// Reads an entry of the list, from 1.
    pub(super) fn at<R>(self, at: usize, read: impl FnOnce(Value<'_>) -> LuaResult<R>) -> LuaResult<R> {
        let restore = self.reserve()?;
        // SAFETY: there is room; the slot holds a table; no metamethods, nothing is allocated.
        unsafe { ffi::lua_rawgeti(self.state, self.index, ffi::lua_Integer::try_from(at).unwrap_or(0)) };
        read(self.value(restore.top + 1))
    }

    /// Reads each key and value until `read` returns false.
    pub(super) fn each(self, mut read: impl FnMut(Value<'_>, Value<'_>) -> LuaResult<bool>) -> LuaResult<()> {
        let restore = self.reserve()?;
        let key = restore.top + 1;
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnil(self.state) };
        // SAFETY: the slot holds a table. The key is on top: nil at first, and then the one that was found last, since
        // `read` takes away what it pushes. `lua_next` raises an error for a key that is no longer in the table. It is:
        // `read` can write into no table, and nothing that it calls allocates in Lua, so no finalizer runs that could.
        while unsafe { ffi::lua_next(self.state, self.index) } != 0 {
            let more = read(self.value(key), self.value(key + 1))?;
            // SAFETY: takes away what `lua_next` pushed, but for the key.
            unsafe { ffi::lua_settop(self.state, key) };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn value(&self, index: c_int) -> Value<'_> {
        Value(Table { state: self.state, first_key: self.first_key, index, life: PhantomData })
    }

    fn reserve(self) -> LuaResult<Restore> {
        reserve(self.state, 2)?;
        // SAFETY: the state lives on.
        Ok(Restore { state: self.state, top: unsafe { ffi::lua_gettop(self.state) } })
    }
}

/// A value on the stack.
pub(super) struct Value<'a>(Table<'a>);

impl<'a> Value<'a> {
    fn kind(&self) -> c_int {
        // SAFETY: the slot holds a value as long as `'a` lasts.
        unsafe { ffi::lua_type(self.0.state, self.0.index) }
    }

    pub(super) fn is_nil(&self) -> bool {
        self.kind() == ffi::LUA_TNIL
    }

    pub(super) fn is_table(&self) -> bool {
        self.kind() == ffi::LUA_TTABLE
    }

    /// Returns the name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind() {
            ffi::LUA_TNIL => "nil",
            ffi::LUA_TBOOLEAN => "boolean",
            ffi::LUA_TNUMBER => "number",
            ffi::LUA_TSTRING => "string",
            ffi::LUA_TTABLE => "table",
            ffi::LUA_TFUNCTION => "function",
            ffi::LUA_TTHREAD => "thread",
            _ => "userdata",
        }
    }

    /// Returns the table if it is one.
    pub(super) fn table(&self) -> LuaResult<Table<'a>> {
        if self.is_table() { Ok(self.0) } else { Err(self.wrong("a table")) }
    }

    /// Returns the boolean if it is one.
    pub(super) fn boolean(&self) -> LuaResult<bool> {
        if self.kind() == ffi::LUA_TBOOLEAN {
            // SAFETY: the slot holds a value.
            Ok(unsafe { ffi::lua_toboolean(self.0.state, self.0.index) } != 0)
        } else {
            Err(self.wrong("a boolean"))
        }
    }

    /// Returns the octets if it is a string.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        if self.kind() != ffi::LUA_TSTRING {
            return None;
        }
        let mut length = 0;
        // SAFETY: the slot holds a string, so nothing is converted. It stays where it is as long as the slot holds
        // it, which is as long as `'a`.
        unsafe {
            let start = ffi::lua_tolstring(self.0.state, self.0.index, &raw mut length);
            Some(slice::from_raw_parts(start.cast::<u8>(), length))
        }
    }

    /// Returns the string, or the number as a string, since modules also write numbers.
    pub(super) fn text(&self) -> LuaResult<Cow<'_, str>> {
        if let Some(bytes) = self.bytes() {
            return Ok(Cow::Borrowed(std::str::from_utf8(bytes).map_err(LuaError::external)?));
        }
        if self.kind() != ffi::LUA_TNUMBER {
            return Err(self.wrong("a string"));
        }
        // SAFETY: the slot holds a number. Not `lua_tolstring`: it would change the slot, which may be a key, and
        // allocate.
        let (whole, number) = unsafe {
            let (state, index) = (self.0.state, self.0.index);
            let is_whole = ffi::lua_isinteger(state, index) != 0;
            (is_whole.then(|| ffi::lua_tointeger(state, index)), ffi::lua_tonumber(state, index))
        };
        Ok(Cow::Owned(whole.map_or_else(|| number.to_string(), |whole| whole.to_string())))
    }

    /// Returns the error that another type is needed.
    pub(super) fn wrong(&self, needed: &str) -> LuaError {
        LuaError::runtime(format!("{needed} is needed, not {}", self.type_name()))
    }
}

/// Pops everything above `top` when dropped.
struct Restore {
    state: *mut ffi::lua_State,
    top: c_int,
}

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: the stack is never below the `top` that was read from it: code that pushes pops no more than it
        // pushed.
        unsafe { ffi::lua_settop(self.state, self.top) };
    }
}

/// Makes room on the stack. Lua 5.1 and `LuaJIT` raise an error when memory runs out, as they do when mlua makes room.
fn reserve(state: *mut ffi::lua_State, slots: usize) -> LuaResult<()> {
    // SAFETY: the state lives on. From 5.2 on, 0 says that the stack can't grow. 5.1 and LuaJIT raise an error when
    // memory ends, which goes to the caller's `pcall` past the frames between: what they own is leaked, nothing is
    // freed twice.
    if unsafe { ffi::lua_checkstack(state, len(slots)) } == 0 {
        return Err(LuaError::StackError);
    }
    Ok(())
}

fn len(slots: usize) -> c_int {
    c_int::try_from(slots).unwrap_or(c_int::MAX)
}
