-- `luarocks --lua-version 5.4 make` builds and installs what this folder holds. The rockspec of a release, with its
-- version and its source, is made from this file: see packaging/rock.sh.
rockspec_format = "3.0"
package = "mod_mep"
version = "scm-1"
source = {
	url = "mod_mep-scm.tar.gz"; -- `luarocks make` does not look for it
}
description = {
	summary = "XEP-0316 for Prosody: every chat room and every occupant is a pubsub service";
	detailed = "Occupants of a room publish a mood, a tune, a raised hand or a poll to their own address in it, "
		.. "and only those clients are told whose capabilities ask for it.";
	license = "MIT";
	labels = { "prosody"; "xmpp" };
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1, < 5.5" }
build = {
	type = "command";
	-- luarocks runs for one version of Lua, and so must the core that it installs: no other is built here.
	build_command = [[$(MAKE) rock-build LUA="$(LUA)" LUA_INCDIR="$(LUA_INCDIR)"]];
	install_command = [[$(MAKE) rock-install LUA="$(LUA)" LUADIR="$(LUADIR)" LIBDIR="$(LIBDIR)" DOCDIR="$(PREFIX)/doc"]];
}
