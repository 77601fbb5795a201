-- Differences between the Luas that the specs run on: 5.1 to 5.4, and LuaJIT.

local version = _VERSION:match("%d+%.%d+");
local feature = rawget(_G, "jit") and "luajit" or "lua"..version:gsub("%.", "");

-- `build` is the folder in which `make module` builds for this Lua; `prosody` lists the Prosodys that run on it.
local lua = {
	version = version;
	feature = feature;
	build = feature == "lua54" and "target" or "target/"..feature;
	prosody = feature == "lua54" and "target/prosody" or "target/prosody-"..feature;
};

lua.pack = table.pack or function (...) return { n = select("#", ...), ... }; end
lua.unpack = table.unpack or unpack; -- luacheck: ignore 113/unpack

local function with_env(chunk, env)
	if setfenv and chunk and env then setfenv(chunk, env); end -- luacheck: ignore 113/setfenv
	return chunk;
end

-- Load a function from a text, or from a file that runs with the globals `env`.
function lua.load(text)
	return assert((rawget(_G, "loadstring") or load)(text));
end
function lua.loadfile(path, env)
	return assert(with_env(loadfile(path, "t", env), env));
end

-- Makes characters from Unicode numbers in hexadecimal, as not all Luas have "\u{}".
function lua.unicode(numbers)
	return (numbers:gsub("%x+ ?", function (number)
		local code, bytes, first = tonumber(number, 16), "", 0x80;
		if code < 0x80 then return string.char(code); end
		local room = 0x20;
		repeat
			bytes = string.char(0x80 + code % 64)..bytes;
			code, room, first = math.floor(code / 64), room / 2, first / 2 + 0x80;
		until code < room * 2;
		return string.char(first + code)..bytes;
	end));
end

return lua;
