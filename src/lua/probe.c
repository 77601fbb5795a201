/* What mlua takes for granted of the Lua that loads the core, asked of that Lua's own headers. */
#include <lua.h>

_Static_assert(LUA_VERSION_NUM == MEP_LUA_VERSION_NUM, "the headers are another Lua's");
_Static_assert(sizeof(lua_Number) == sizeof(double), "mlua takes numbers for doubles");
#if LUA_VERSION_NUM >= 503
_Static_assert(sizeof(lua_Integer) == 8, "mlua takes integers for 64 bits");
#endif
#if LUA_VERSION_NUM == 504
_Static_assert(LUA_REGISTRYINDEX == -1001000, "mlua takes the stack's limit for the default");
#endif
