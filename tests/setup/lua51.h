/*
 * What Prosody 13.0's C modules use of Lua's C API that Lua 5.1 and LuaJIT lack: included before each of them when they
 * are compiled for a Prosody 0.12 of those Luas.
 */
#include <stdio.h>
#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM == 501

#define LUA_OPEQ 0
#define lua_compare(L, a, b, op) lua_equal(L, a, b)
#define luaL_checkversion(L) ((void) (L))

#ifndef luaL_newlibtable /* LuaJIT has these */
#define luaL_setfuncs(L, functions, upvalues) luaL_register(L, NULL, functions)
#define luaL_setmetatable(L, name) (luaL_getmetatable(L, name), lua_setmetatable(L, -2))
#define luaL_newlib(L, functions) (lua_newtable(L), luaL_register(L, NULL, functions))
#define luaL_fileresult(L, ok, name) (lua_pushboolean(L, ok), 1)
#endif

/* For pposix.fdopen, which nothing in Prosody 0.12 calls. */
typedef struct { FILE *f; lua_CFunction closef; } luaL_Stream;

#endif
