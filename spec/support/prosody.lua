-- Prosody's own libraries, of every unpacked version, side by side in one process.
--
-- Each version has a `require` of its own, so that it can't see modules of the other: two versions of util.stanza have
-- two metatables, and neither takes the other's stanzas for its own.

local lua = require "support.lua";

local function exists(path)
	local file = io.open(path);
	return file and file:close();
end

-- The versions that run on this Lua.
local prosody = { versions = {} };
for _, version in ipairs({ "0.12", "13.0", "newest" }) do
	if exists(lua.prosody.."/"..version.."/usr/bin/prosody") then table.insert(prosody.versions, version); end
end

-- The newest is missing if Debian's sid can't be read or it can't run here; its tests are pending then.
if lua.prosody == "target/prosody" and prosody.versions[#prosody.versions] ~= "newest" then
	local problem = io.open(lua.prosody.."/newest.problem");
	prosody.problem_of_newest = problem and problem:read("*l") or "not fetched";
	if problem then problem:close(); end
end

local function new_require(root)
	local loaded = {};
	local function load(name)
		-- Version 13 requires prosody.util.x, 0.12 requires util.x; both have the file util/x
		local short = name:match("^prosody%.(.*)$") or name;
		if loaded[short] ~= nil then return loaded[short]; end
		local path = root.."/"..short:gsub("%.", "/");
		local result;
		if exists(path..".lua") then
			local env = setmetatable({ require = load }, { __index = _G });
			result = lua.loadfile(path..".lua", env)(name);
		elseif exists(path..".so") then
			result = assert(package.loadlib(path..".so", "luaopen_"..short:gsub("%.", "_")))(name);
		else
			return require(name); -- a library of others, such as LuaExpat
		end
		loaded[short] = result;
		return result;
	end
	return load;
end

-- Parses one stanza with the parser of client streams.
local function new_parser(xmppstream)
	return function (xml)
		local parsed;
		local callbacks = { default_ns = "jabber:client" };
		function callbacks.streamopened(session) session.notopen = nil; end
		function callbacks.handlestanza(_, stanza) parsed = stanza; end
		function callbacks.error(_, err, text) error(("%s: %s"):format(err, text)); end
		local stream = xmppstream.new({ notopen = true }, callbacks);
		local open = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
		assert(stream:feed(open..xml));
		return assert(parsed, "this is no whole stanza");
	end
end

-- Without a version, loads from the newest.
function prosody.load(version)
	version = version or prosody.versions[#prosody.versions];
	local load = new_require(lua.prosody.."/"..version.."/usr/lib/prosody");
	return {
		require = load;
		st = load "util.stanza";
		parse = new_parser(load "util.xmppstream");
		parse_document = load "util.xml".parse;
	};
end

return prosody;
